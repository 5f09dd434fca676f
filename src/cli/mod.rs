//! The roof: arguments in, exit code out. One file per subcommand.
//!
//! Only here errors become sentences on the terminal and exit codes.

mod demo;
mod door;
mod heal;
mod hook;
mod parse;
mod pre_push;
mod undo;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use camino::Utf8PathBuf;
use clap::{Parser, Subcommand};

use crate::config::{ConfigError, Environment, Options, Typed, parse_duration, resolve};
use crate::heal::HealError;
use crate::process::Cancel;
use crate::workspace::WorkspaceError;

/// What an internal error exits with.
const EXIT_INTERNAL: u8 = 70;

/// What wrong usage exits with.
const EXIT_USAGE: u8 = 2;

/// What input without test results exits with.
const EXIT_UNREADABLE: u8 = 4;

const AFTER_HELP: &str = "\
Examples:
  heal-tests                                    run the tests and heal what fails
  heal-tests -- cargo test -p cart              run exactly this and heal what it reports
  heal-tests --report 'target/**/junit.xml'     heal what reports say
  cargo test 2>&1 | heal-tests --report -       the same from standard input
  heal-tests parse 'target/**/*.xml'            say what reports hold, without running anything
  heal-tests --propose --out heal-out           write a proven patch instead of applying one

Exit codes:
  0    nothing failing, or everything healed
  1    failing tests remain
  2    usage or configuration
  3    budget exhausted with failing tests remaining
  4    no readable test output
  5    did not reproduce: flaky or already passing
  6    not ours to heal: pre-existing, infrastructure, environment
  7    a proven patch waits for review, or review accepted nothing
  70   internal error
  130  interrupted";

/// Heals failing tests: isolates them, finds a patch, proves it, and hands over a reviewable diff.
///
/// Without a subcommand it runs the project's tests (or reads a report), re-runs only what failed, tries candidates in
/// scratch copies, and shows the patch it could prove. The work tree is not touched before a patch is accepted.
/// Without an endpoint the embedded debuggers work alone; nothing leaves the machine.
#[derive(Debug, Parser)]
#[command(name = "heal-tests", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
struct Line {
    #[command(flatten)]
    typed: Typed,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Heal bundled broken projects in a temporary folder, with the embedded debuggers alone
    Demo,
    /// Take the last accepted patch back
    Undo(Place),
    /// Read test reports and logs of any known format, and print counts and failures
    Parse(parse::Parse),
    /// Test what is being pushed; called by git with its own contract on standard input
    PrePush(pre_push::PrePush),
    /// Install or remove hooks
    #[command(subcommand)]
    Hook(hook::Hook),
}

/// Which project, and where its state is.
#[derive(Debug, Clone, Default, clap::Args)]
struct Place {
    /// The project, or a directory inside it [default: the current directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<Utf8PathBuf>,

    /// Where scratch copies and memories are kept [default: the platform's data folder]
    #[arg(long, value_name = "DIR")]
    state: Option<Utf8PathBuf>,
}

impl Place {
    fn typed(&self) -> Typed {
        Typed { dir: self.dir.clone(), state: self.state.clone(), ..Typed::default() }
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let line = Line::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let failure = match runtime {
        Ok(runtime) => match runtime.block_on(dispatch(line)) {
            Ok(code) => return ExitCode::from(code),
            Err(failure) => failure,
        },
        Err(error) => {
            Failure { sentence: format!("failed to start: {error}"), hint: String::new(), code: EXIT_INTERNAL }
        }
    };
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "error: {}", failure.sentence);
    if !failure.hint.is_empty() {
        let _ = writeln!(stderr, "hint: {}", failure.hint);
    }
    ExitCode::from(failure.code)
}

async fn dispatch(line: Line) -> Result<u8, Failure> {
    let cancel = Cancel::default();
    cancel_on_signals(&cancel);
    match line.command {
        None => heal::run(&line.typed, cancel).await,
        Some(Command::Demo) => demo::run(cancel).await,
        Some(Command::Undo(place)) => undo::run(&place).await,
        Some(Command::Parse(parse)) => parse::run(&parse),
        Some(Command::PrePush(push)) => pre_push::run(&push, cancel).await,
        Some(Command::Hook(hook)) => hook::run(&hook).await,
    }
}

/// The first Ctrl-C or SIGTERM stops what runs and lets the session clean up; a second one ends the program at once,
/// because the default handling is restored.
fn cancel_on_signals(cancel: &Cancel) {
    let cancel = cancel.clone();
    tokio::spawn(async move {
        let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
            return;
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        cancel.cancel();
    });
}

fn options(typed: &Typed) -> Result<Options, Failure> {
    let cwd = std::env::current_dir().ok().and_then(|cwd| Utf8PathBuf::from_path_buf(cwd).ok());
    let Some(cwd) = cwd else {
        return Err(Failure::usage("the current directory has no name in UTF-8", "work in another directory"));
    };
    Ok(resolve(typed, &Environment::read(), &cwd)?)
}

/// Reads a number of bytes as typed: `64K`, `8M`, `10G`, or a plain number.
fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let shift = match text[split..].to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
        "" => Some(0),
        "K" => Some(10),
        "M" => Some(20),
        "G" => Some(30),
        "T" => Some(40),
        _ => None,
    };
    let n = text[..split].parse::<u64>().ok();
    let bytes = n.zip(shift).and_then(|(n, shift)| n.checked_mul(1 << shift));
    bytes.ok_or_else(|| "give a number of bytes, such as 64K, 8M or 10G".to_owned())
}

/// Reads a time as typed: `90s`, `10m`, `2h`.
fn span(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "give a time, such as 90s, 10m or 2h".to_owned())
}

/// What ends the program with an error: a sentence, a hint, a code.
#[derive(Debug)]
struct Failure {
    sentence: String,
    hint: String,
    code: u8,
}

impl Failure {
    fn usage(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: hint.into(), code: EXIT_USAGE }
    }

    fn internal(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: hint.into(), code: EXIT_INTERNAL }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.sentence, error.hint)
    }
}

impl From<WorkspaceError> for Failure {
    fn from(error: WorkspaceError) -> Self {
        let hint = error.hint().unwrap_or_default();
        let code = if error.is_internal() { EXIT_INTERNAL } else { EXIT_USAGE };
        Self { sentence: error.to_string(), hint, code }
    }
}

impl From<HealError> for Failure {
    fn from(error: HealError) -> Self {
        let code = match error.outcome {
            Some(outcome) => outcome.exit_code(),
            None if error.is_usage => EXIT_USAGE,
            None => EXIT_INTERNAL,
        };
        Self { sentence: error.sentence, hint: error.hint, code }
    }
}
