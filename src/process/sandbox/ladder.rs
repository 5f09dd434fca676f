//! Which rungs hold on this machine, found by trying each.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::OnceCell;

use crate::process::sandbox::gap::{Gap, gaps};
use crate::process::sandbox::order::Facts;
use crate::process::sandbox::{Rung, Sandbox};
use crate::process::{Cancel, Task, run};

/// Longest time of one try.
const TRY_MAX: Duration = Duration::from_secs(10);

/// One rung on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The rung.
    pub rung: Rung,
    /// What it leaves open where it holds, and why it does not where it does not.
    pub holds: Result<Vec<Gap>, String>,
}

/// The rungs of this machine, strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// Every rung the platform knows.
    pub rungs: Vec<Standing>,
}

impl Ladder {
    /// Returns the strongest rung that holds.
    pub fn best(&self) -> Rung {
        self.rungs.iter().find(|standing| standing.holds.is_ok()).map_or(Rung::ProcessControl, |standing| standing.rung)
    }

    /// Returns what a rung leaves open; `None` when it does not hold.
    pub fn gaps(&self, rung: Rung) -> Option<&[Gap]> {
        let standing = self.rungs.iter().find(|standing| standing.rung == rung)?;
        standing.holds.as_deref().ok()
    }
}

/// Tries every rung, with `helper` as the helper or this program itself. For this program it is done once.
pub async fn probe(helper: Option<&Utf8Path>) -> Ladder {
    static OWN: OnceCell<Ladder> = OnceCell::const_new();
    match helper {
        Some(helper) => climb(Some(helper)).await,
        None => OWN.get_or_init(|| climb(None)).await.clone(),
    }
}

/// Returns the strongest rung that holds, with this program as the helper; weaker ones are not tried.
pub async fn strongest() -> Rung {
    static STRONGEST: OnceCell<Rung> = OnceCell::const_new();
    let find = async || {
        for rung in Rung::ALL {
            if holds(*rung, None).await.is_ok() {
                return *rung;
            }
        }
        Rung::ProcessControl
    };
    *STRONGEST.get_or_init(find).await
}

async fn climb(helper: Option<&Utf8Path>) -> Ladder {
    let mut rungs = Vec::new();
    for rung in Rung::ALL {
        rungs.push(Standing { rung: *rung, holds: holds(*rung, helper).await });
    }
    Ladder { rungs }
}

/// Tries one rung, with `helper` as the helper or this program itself: what it leaves open, or why it does not hold.
pub async fn holds(rung: Rung, helper: Option<&Utf8Path>) -> Result<Vec<Gap>, String> {
    if rung == Rung::ProcessControl {
        return Ok(gaps(rung, Facts::default()));
    }
    let outside = tempfile::tempdir().map_err(|error| format!("make a temporary folder: {error}"))?;
    let folder = Utf8PathBuf::from_path_buf(outside.path().to_owned()).map_err(|path| path.display().to_string())?;
    let mut task = Task::new(check_argv(helper, &folder)?, "/", Vec::new());
    task.sandbox = Sandbox { helper: helper.map(Utf8Path::to_owned), ..Sandbox::at(rung) };
    task.timeout = TRY_MAX;
    let finished = run(&task, &Cancel::default()).await.map_err(|error| error.to_string())?;
    check(rung, &finished.stdout).map(|()| gaps(rung, finished.facts))
}

#[cfg(target_os = "linux")]
fn check_argv(helper: Option<&Utf8Path>, outside: &Utf8Path) -> Result<Vec<String>, String> {
    use crate::process::sandbox::helper::check_words;
    let own = std::env::current_exe().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
    let program = helper.map(Utf8Path::to_owned).or(own).ok_or("this program does not know its own path")?;
    Ok(std::iter::once(program.into_string()).chain(check_words(outside.as_str())).collect())
}

#[cfg(not(target_os = "linux"))]
fn check_argv(_helper: Option<&Utf8Path>, outside: &Utf8Path) -> Result<Vec<String>, String> {
    let script = format!("touch \"$TMPDIR/check\" && ! touch {outside}/check 2>/dev/null");
    Ok(["/bin/sh", "-c", &script].map(str::to_owned).to_vec())
}

/// Holds what was found from inside against what the rung promises.
#[cfg(target_os = "linux")]
fn check(rung: Rung, said: &[u8]) -> Result<(), String> {
    use crate::process::sandbox::helper::Can;
    let can: Vec<Can> = serde_json::from_slice(said).map_err(|error| format!("the check said nothing: {error}"))?;
    let promises = [
        (can.contains(&Can::WriteTemp), "the temporary folder cannot be written"),
        (!can.contains(&Can::WriteOutside), "files outside can be written"),
        (can.contains(&Can::UseLoopback), "the loopback does not answer"),
        (!can.contains(&Can::ReachNetwork) || rung == Rung::Landlock, "the network can be reached"),
    ];
    match promises.iter().find(|(holds, _)| !holds) {
        Some((_, broken)) => Err((*broken).to_owned()),
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn check(_rung: Rung, _said: &[u8]) -> Result<(), String> {
    Ok(())
}
