//! Turns a task into the command that confines it and then runs it, and reads afterwards what became of it.

use std::env::temp_dir;
use std::io;
use std::os::unix::fs::FileTypeExt;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::process::sandbox::layout::{self, Found, Layer};
use crate::process::sandbox::order::{Facts, HIDDEN_WORD, Order, Stage, Word, read_report};
use crate::process::sandbox::run_folder::RunFolder;
use crate::process::sandbox::{IS_HELPER, Rung, Sandbox, seatbelt};
use crate::process::{Ending, Task};

/// How this program names itself to be started again: the file it runs from, replaced or not.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// A task that is to be confined.
#[derive(Debug)]
pub(in crate::process) struct Confined {
    /// What is started in the task's place, and its arguments.
    pub(in crate::process) argv: Vec<String>,
    /// The task's environment, with a temporary folder of its own.
    pub(in crate::process) env: Vec<(String, String)>,
    rung: Rung,
    folder: RunFolder,
}

/// Why a confined task was not started.
#[derive(Debug)]
pub(in crate::process) enum Failing {
    /// The sandbox could not be set up.
    Setup(String),
    /// The task's program could not be started.
    Start(io::Error),
}

impl Confined {
    /// Prepares a task; `None` when it is not to be confined.
    pub(in crate::process) fn prepare(task: &Task) -> Result<Option<Self>, Failing> {
        let Sandbox { rung, temp_in, .. } = &task.sandbox;
        if *rung == Rung::ProcessControl {
            return Ok(None);
        }
        let parent = match temp_in {
            Some(parent) => parent.clone(),
            None => Utf8PathBuf::from_path_buf(temp_dir()).unwrap_or_else(|_| "/tmp".into()),
        };
        let fail = |error: io::Error| Failing::Setup(format!("make a temporary folder in {parent}: {error}"));
        let folder = RunFolder::make_in(&parent).map_err(fail)?;
        let task = &Task { env: with_temp(task, &folder.temp()), ..task.clone() };
        let layers = layout::plan(task, &folder.temp(), &sockets(), find).map_err(|missing| {
            let is_cwd = missing == task.cwd;
            let missing_cwd = Failing::Start(io::ErrorKind::NotFound.into());
            if is_cwd { missing_cwd } else { Failing::Setup(format!("{missing} does not exist")) }
        })?;
        let argv = match rung {
            Rung::ProcessControl => return Ok(None),
            Rung::Seatbelt => seatbelt::argv(&layers, &task.argv),
            Rung::Landlock | Rung::Bubblewrap | Rung::Namespaces => order(task, layers, &folder)?,
        };
        Ok(Some(Self { argv, env: task.env.clone(), rung: *rung, folder }))
    }

    /// Tells whether nothing of the task can be left: its namespaces are gone, as the helper said before it ended.
    pub(in crate::process) fn is_over(&self, ending: Ending) -> bool {
        let told = || read_report(&self.folder.report()).iter().find_map(Word::ending);
        matches!(self.rung, Rung::Namespaces | Rung::Bubblewrap) && told() == Some(ending)
    }

    /// Says how the task ended and what the helper found to hold, given how that ended which was started in the task's
    /// place.
    pub(in crate::process) fn close(self, ending: Ending) -> Result<(Ending, Facts), Failing> {
        if self.rung == Rung::Seatbelt {
            return Ok((ending, Facts::default()));
        }
        let (mut facts, mut told) = (None, None);
        for word in read_report(&self.folder.report()) {
            told = told.or(word.ending());
            match word {
                Word::Ready(found) => facts = Some(found),
                Word::Broken(reason) => return Err(Failing::Setup(reason)),
                Word::NotStarted(number) => return Err(Failing::Start(io::Error::from_raw_os_error(number))),
                Word::Exited(_) | Word::Signalled(_) => {}
            }
        }
        match (ending, facts) {
            (Ending::TimedOut | Ending::Idle | Ending::Cancelled, facts) => Ok((ending, facts.unwrap_or_default())),
            (Ending::Exited(_) | Ending::Signalled(_), Some(facts)) => Ok((told.unwrap_or(ending), facts)),
            (_, None) => Err(Failing::Setup(format!("the helper {ending} before it was ready"))),
        }
    }
}

/// Words the command that starts the helper.
fn order(task: &Task, layers: Vec<Layer>, folder: &RunFolder) -> Result<Vec<String>, Failing> {
    let helper = match &task.sandbox.helper {
        Some(helper) => helper.clone(),
        None if IS_HELPER.get().is_some() => OWN_PROGRAM.into(),
        None => return Err(Failing::Setup("this program cannot start itself as a helper".to_owned())),
    };
    let own_path = std::env::current_exe().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
    let order = Order {
        rung: task.sandbox.rung,
        stage: Stage::Outer,
        cwd: task.cwd.canonicalize_utf8().map_err(Failing::Start)?,
        layers,
        limits: task.sandbox.limits.clone(),
        report: folder.report(),
        parent: rustix::process::getpid().as_raw_pid(),
        helper: task.sandbox.helper.clone().or(own_path).unwrap_or_else(|| helper.clone()),
    };
    let order = serde_json::to_string(&order).map_err(|error| Failing::Setup(error.to_string()))?;
    Ok([helper.into_string(), HIDDEN_WORD.to_owned(), order].into_iter().chain(task.argv.iter().cloned()).collect())
}

/// Names the private temporary folder in a task's environment.
fn with_temp(task: &Task, temp: &Utf8Path) -> Vec<(String, String)> {
    const JAVA: &str = "JAVA_TOOL_OPTIONS";
    let has_private_tmp = matches!(task.sandbox.rung, Rung::Namespaces | Rung::Bubblewrap);
    let java = || {
        let own = task.env.iter().find(|(name, _)| name == JAVA).map_or("", |(_, value)| value.as_str());
        (JAVA.to_owned(), format!("{own} -Djava.io.tmpdir={temp}").trim_start().to_owned())
    };
    // Java knows no variable for it, and would use `/tmp`.
    let java = (!has_private_tmp).then(java);
    let is_replaced = |name: &str| matches!(name, "TMPDIR" | "TMP" | "TEMP") || (java.is_some() && name == JAVA);
    let kept = task.env.iter().filter(|(name, _)| !is_replaced(name)).cloned();
    kept.chain([("TMPDIR".to_owned(), temp.to_string())]).chain(java.clone()).collect()
}

/// Lists the sockets with a path that processes of this network namespace listen at: no view of the files and no
/// network namespace keeps a task from connecting to them. Elsewhere than on Linux none are known.
fn sockets() -> Vec<Utf8PathBuf> {
    let table = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    // The name is the eighth field, and all that follows.
    let names = table.lines().filter_map(|line| line.split_once(" /").map(|(_, name)| format!("/{name}").into()));
    names.collect()
}

fn find(path: &Utf8Path) -> Option<Found> {
    let path = path.canonicalize_utf8().ok()?;
    let is_socket = fs::metadata(&path).is_ok_and(|metadata| metadata.file_type().is_socket());
    Some(Found { path, is_socket })
}
