//! The helper: this program started again, which confines itself and then runs the task.
//!
//! It is one thread from start to end, reads no configuration and prints nothing: what it has to say goes into the
//! report. Ways of failing all end before the task is started.

mod check;
mod init;
mod mirror;
mod mounts;
mod namespaces;
mod restrict;
mod rules;
mod seccomp;

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use camino::Utf8Path;
use rustix::process::{DumpableBehavior, set_dumpable_behavior, setsid};

use crate::process::sandbox::order::{Facts, HIDDEN_WORD, Order, Report, Stage, Word};
use crate::process::sandbox::{IS_HELPER, Rung, bubblewrap};

pub(super) use crate::process::sandbox::helper::check::{Can, words as check_words};

/// What the helper exits with when it could not do its work; the report says why.
const EXIT_BROKEN: u8 = 125;

/// Does the helper's work when this program was started for it, and returns what to exit with. To be called first of
/// all in `main`, before any thread is started.
///
/// Otherwise returns nothing, lets this program be its own helper from then on, and keeps other processes of this user
/// from reading its memory and environment, where keys are.
pub fn enter(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next().is_none_or(|word| word != HIDDEN_WORD) {
        let _ = IS_HELPER.set(());
        // A kernel that refuses leaves it as readable as every program is.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        return None;
    }
    let order = arguments.next()?;
    let order = order.to_str()?;
    if let Some(n_processes_max) = init::read_word(order) {
        return Some(init::run(n_processes_max));
    }
    if let Some(outside) = check::read_word(order) {
        return Some(check::run(outside));
    }
    let order = serde_json::from_str(order).ok();
    Some(order.map_or(ExitCode::from(EXIT_BROKEN), |order| obey(&order, &arguments.collect::<Vec<_>>())))
}

/// Carries out an order.
fn obey(order: &Order, argv: &[OsString]) -> ExitCode {
    let Ok(mut report) = Report::open(&order.report) else { return ExitCode::from(EXIT_BROKEN) };
    let code = match (order.stage, order.rung) {
        (Stage::Inner, _) => inside(order, argv, &mut report),
        (Stage::Outer, Rung::Landlock) => replace(order, argv, &mut report),
        (Stage::Outer, Rung::Bubblewrap) => in_bubblewrap(order, argv, &mut report),
        (Stage::Outer, Rung::Namespaces) => in_namespaces(order, argv, &mut report),
        (Stage::Outer, Rung::ProcessControl | Rung::Seatbelt) => Err("no rung for a helper".to_owned()),
    };
    code.unwrap_or_else(|reason| {
        report.say(&Word::Broken(reason));
        ExitCode::from(EXIT_BROKEN)
    })
}

/// R4: makes namespaces, confines itself, and runs the task as a child inside.
fn in_namespaces(order: &Order, argv: &[OsString], report: &mut Report) -> Result<ExitCode, String> {
    let parent = mirror::Parent::watch(order.parent)?;
    leave_session()?;
    let mut inside = namespaces::enter(order)?;
    // The first process makes `/proc` while this one gives up its rights.
    let mut facts = restrict::restrict(order)?;
    facts.bounds_processes |= inside.stands()?;
    let Some(task) = start(argv, facts, report) else { return Ok(ExitCode::from(EXIT_BROKEN)) };
    let ending = mirror::wait(task, &parent)?;
    drop(inside);
    Ok(mirror::end_as(ending, report))
}

/// R3: has bubblewrap make the namespaces, inside which this program goes on as [`inside`].
fn in_bubblewrap(order: &Order, argv: &[OsString], report: &mut Report) -> Result<ExitCode, String> {
    let parent = mirror::Parent::watch(order.parent)?;
    leave_session()?;
    let program = bubblewrap::find().ok_or("bubblewrap is not installed")?;
    let inner = Order { stage: Stage::Inner, ..order.clone() };
    let words = bubblewrap::arguments(order, Utf8Path::is_dir);
    let inner = serde_json::to_string(&inner).map_err(|error| error.to_string())?;
    // What ends the group by SIGTERM ends the task, and leaves bubblewrap to see how.
    mirror::block_signals();
    let mut command = command(program.as_ref());
    command.args(words).arg(&order.helper).args([HIDDEN_WORD, &inner]).args(argv);
    let bubblewrap = command.spawn().map_err(|error| format!("start {program}: {error}"))?;
    let ending = mirror::wait(bubblewrap, &parent)?;
    Ok(mirror::end_as(report.told().unwrap_or(ending), report))
}

/// Inside bubblewrap: confines itself, runs the task, and reports how it ended.
fn inside(order: &Order, argv: &[OsString], report: &mut Report) -> Result<ExitCode, String> {
    mirror::unblock_signals();
    let facts = restrict::restrict(order)?;
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let Some(task) = start(argv, facts, report) else { return Ok(ExitCode::from(EXIT_BROKEN)) };
    let ending = mirror::wait(task, &mirror::Parent::unknown())?;
    Ok(mirror::end_as(ending, report))
}

/// R2: confines itself and becomes the task.
fn replace(order: &Order, argv: &[OsString], report: &mut Report) -> Result<ExitCode, String> {
    leave_session()?;
    let facts = restrict::restrict(order)?;
    let Some((program, arguments)) = argv.split_first() else { return Err("no program was named".to_owned()) };
    report.say(&Word::Ready(facts));
    let error = command(program).args(arguments).exec();
    report.say(&Word::NotStarted(number_of(&error)));
    Ok(ExitCode::from(EXIT_BROKEN))
}

/// Starts the task; says so, or why not.
fn start(argv: &[OsString], facts: Facts, report: &mut Report) -> Option<std::process::Child> {
    report.say(&Word::Ready(facts));
    let (program, arguments) = argv.split_first()?;
    let started = command(program).args(arguments).spawn();
    started.map_err(|error| report.say(&Word::NotStarted(number_of(&error)))).ok()
}

/// Leaves the terminal that the program was started from, and leads a group of its own.
fn leave_session() -> Result<(), String> {
    setsid().map(drop).map_err(|error| format!("start a session: {error}"))
}

fn number_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EINVAL)
}

#[expect(clippy::disallowed_methods, reason = "the helper is a part of this module, the one home of spawning")]
fn command(program: &std::ffi::OsStr) -> Command {
    Command::new(program)
}

/// Says what failed, in words for the report.
fn failed<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}
