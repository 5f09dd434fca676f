//! A scratch copy with a runner: the one place where a tree is built and its tests are run.
//!
//! It decides nothing about what the results mean.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use crate::config::Options;
use crate::ingest::{self, Hints, cargo_json};
use crate::model::{BuildReport, Failure, Patch, PatchError, TestId};
use crate::process::sandbox::{Rung, Sandbox};
use crate::process::{self, Cancel, Ending, Finished, SpawnError, Task};
use crate::runner::{Adopted, BUILD_FORMAT, Invocation, Runner, Site, Suite};
use crate::text::cap;
use crate::verify::{Run, Selection};
use crate::workspace::{Scratch, WorkspaceError};

/// Largest diagnostics text kept of a build that failed without machine-readable errors.
const BUILD_OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// Why a test bed could not do its work; not a statement about the candidate.
#[derive(Debug, Error)]
pub enum Trouble {
    /// The tree could not be written or read.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A program could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// A patch was made for another state.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// The user stopped the session.
    #[error("interrupted")]
    Interrupted,
    /// The session's wall time is used up.
    #[error("the session's time is used up")]
    OutOfTime,
}

/// A scratch copy in which one thing at a time is built and run.
pub struct TestBed {
    scratch: Scratch,
    /// Patches that were accepted earlier in the session; every candidate stands on them.
    base: Patch,
    runner: &'static dyn Runner,
    site: Site,
    env: Vec<(String, String)>,
    wrap: Vec<String>,
    /// Longest time of one process.
    run_timeout: Duration,
    /// When the session's time is used up.
    deadline: Option<Instant>,
    cancel: Cancel,
    /// What confines candidates' builds and runs.
    sandbox: Sandbox,
    /// The copy holds the user's own tree, and nothing of a candidate's.
    is_untouched: bool,
    /// Candidates have run here, in this session or an earlier one: what is built may be of their making.
    is_tainted: bool,
    /// What is started now has the user's own rights.
    runs_as_user: bool,
    n_runs: u64,
}

/// What a build came to.
#[derive(Debug, Clone)]
pub struct Build {
    /// Suites that can be run.
    pub suites: Vec<Suite>,
    /// One failure a suite that could not be built; empty when the build succeeded.
    pub failures: Vec<Failure>,
    /// The build exceeded its deadline.
    pub timed_out: bool,
}

impl Build {
    /// Tells whether everything was built.
    pub fn is_whole(&self) -> bool {
        self.failures.is_empty() && !self.timed_out
    }

    /// Returns the names of the suites that were built.
    pub fn suite_names(&self) -> BTreeSet<String> {
        self.suites.iter().map(|suite| suite.name.clone()).collect()
    }
}

impl TestBed {
    /// Makes a test bed of an opened scratch copy.
    pub fn new(scratch: Scratch, runner: &'static dyn Runner, site: Site, limits: Limits) -> Self {
        let Limits { env, wrap, run_timeout, deadline, cancel, sandbox } = limits;
        let mut env = scratch.environment(&env);
        if sandbox.rung != Rung::ProcessControl {
            env = joined(&env, &confined_env(&site));
        }
        let sandbox = Sandbox {
            writable: vec![site.root.clone(), site.build.clone()],
            // Installed dependencies are links into the user's tree.
            readable: vec![scratch.snapshot().root.clone()],
            ..sandbox
        };
        let is_tainted = taint_of(&site).exists();
        Self {
            scratch,
            is_tainted,
            base: Patch::default(),
            runner,
            site,
            env,
            wrap,
            run_timeout,
            deadline,
            cancel,
            sandbox,
            is_untouched: false,
            runs_as_user: false,
            n_runs: 0,
        }
    }

    /// Returns the runner.
    pub fn runner(&self) -> &'static dyn Runner {
        self.runner
    }

    /// Returns where builds and runs happen.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Returns the rung of the sandbox that candidates run in.
    pub fn rung(&self) -> Rung {
        self.sandbox.rung
    }

    /// Returns how many processes were started so far.
    pub fn n_runs(&self) -> u64 {
        self.n_runs
    }

    /// Returns the longest time of one process.
    pub fn run_timeout(&self) -> Duration {
        self.run_timeout
    }

    /// Sets the longest time of one process, and forbids the network: all that is needed has been fetched.
    pub fn settle(&mut self, run_timeout: Duration) {
        self.run_timeout = run_timeout;
        self.site.offline = true;
        self.site.detailed = false;
    }

    /// Moves the end of the session's time by what was no work.
    pub fn postpone(&mut self, wait: Duration) {
        self.deadline = self.deadline.map(|deadline| deadline + wait);
    }

    /// Puts `base` under every later candidate.
    pub fn stand_on(&mut self, base: Patch) {
        self.base = base;
    }

    /// Returns a file's text as a candidate would find it; `None` when there is no such file.
    pub fn read(&self, path: &Utf8Path) -> Result<Option<String>, WorkspaceError> {
        match self.base.change(path) {
            Some(change) => Ok(change.after.clone()),
            None => self.scratch.snapshot().read(path),
        }
    }

    /// Makes the scratch copy the tree with accepted patches and `patch` applied, and nothing else.
    pub fn put(&mut self, patch: &Patch) -> Result<(), Trouble> {
        let whole = self.base.then(patch)?;
        self.runs_as_user = false;
        self.is_untouched = false;
        self.scratch.restore()?;
        self.scratch.apply(&whole)?;
        self.is_untouched = whole.changes().is_empty();
        if !self.is_untouched && !self.is_tainted {
            fs_err::write(taint_of(&self.site), "").map_err(WorkspaceError::from)?;
            self.is_tainted = true;
        }
        Ok(())
    }

    /// Tells whether what was built here may be run with the user's own rights: candidates had no hand in it.
    pub fn is_trusted(&self) -> bool {
        self.is_untouched && !self.is_tainted
    }

    /// Remembers which tests pass only with the user's own rights, for sessions that may not try.
    pub fn remember_confined(&self, ids: &[TestId]) {
        if let Ok(text) = serde_json::to_vec(ids) {
            // What cannot be remembered is found out again.
            let _ = fs_err::write(memory_of(&self.site), text);
        }
    }

    /// Returns what was remembered.
    pub fn remembered_confined(&self) -> Vec<TestId> {
        let text = fs_err::read(memory_of(&self.site)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Runs a selection with the user's own rights, as the user would, if it is trusted.
    pub async fn run_as_user(&mut self, build: &Build, selection: Selection<'_>) -> Result<Run, Trouble> {
        self.runs_as_user = self.is_trusted();
        let run = self.run(build, selection).await;
        self.runs_as_user = false;
        run
    }

    /// Builds the tree as it stands. What the user's own tree depends on is fetched first. Where no candidate has been,
    /// a build that fails confined is tried with the user's own rights: its scripts may have to fetch, too.
    pub async fn build(&mut self) -> Result<Build, Trouble> {
        let Some(invocation) = self.runner.build(&self.site) else {
            let suites = self.runner.suites(&self.site, &BuildReport::default());
            return Ok(Build { suites, failures: Vec::new(), timed_out: false });
        };
        let may_fetch = self.is_untouched && !self.site.offline && self.rung() != Rung::ProcessControl;
        if let Some(mut fetch) = self.runner.fetch(&self.site).filter(|_| may_fetch) {
            // In the user's own tree, where no candidate can have left anything that the tool obeys. What cannot be
            // fetched is missed by the build, which says so in its own words.
            let dir = self.site.dir.strip_prefix(&self.site.root).unwrap_or(Utf8Path::new(""));
            fetch.cwd = self.scratch.snapshot().root.join(dir);
            self.start_as_user(&fetch).await?;
        }
        let mut finished = self.start(&invocation).await?;
        if may_fetch && self.is_trusted() && !finished.ending.is_success() {
            finished = self.start_as_user(&invocation).await?;
        }
        if matches!(finished.ending, Ending::TimedOut | Ending::Idle) {
            return Ok(Build { suites: Vec::new(), failures: Vec::new(), timed_out: true });
        }
        let is_of_cargo = invocation.format == BUILD_FORMAT;
        let report = if is_of_cargo { cargo_json::read_build(&finished.stdout) } else { BuildReport::default() };
        let failures = if is_of_cargo { self.build_failures(&report, &finished) } else { told_failures(&finished) };
        Ok(Build { suites: self.runner.suites(&self.site, &report), failures, timed_out: false })
    }

    /// Returns one failure a suite that could not be built, or one for the whole build when it does not say which.
    fn build_failures(&self, report: &BuildReport, finished: &Finished) -> Vec<Failure> {
        let mut report = report.clone();
        for (_, diagnostic) in &mut report.errors {
            self.make_relative(diagnostic);
        }
        let failures = cargo_json::failures(&report, BUILD_OUTPUT_BYTES_MAX);
        if failures.is_empty() { unexplained(finished, &finished.stderr).into_iter().collect() } else { failures }
    }

    /// Names diagnostics' files relative to the tree's root; rustc names them relative to the workspace's.
    fn make_relative(&self, diagnostic: &mut crate::model::Diagnostic) {
        let replaced = diagnostic.suggestions.iter_mut().flat_map(|suggestion| &mut suggestion.replacements);
        for span in diagnostic.spans.iter_mut().chain(replaced.map(|(span, _)| span)) {
            span.file = self.relative(&span.file);
        }
    }

    /// Returns the path of a file in the tree, relative to its root, however a tool printed it.
    fn relative(&self, file: &Utf8Path) -> Utf8PathBuf {
        if let Ok(inside) = file.strip_prefix(&self.site.root) {
            return inside.to_owned();
        }
        let dir = self.site.dir.strip_prefix(&self.site.root).unwrap_or(Utf8Path::new(""));
        let places = dir.ancestors().map(|folder| folder.join(file));
        places.into_iter().find(|path| self.site.root.join(path).is_file()).unwrap_or_else(|| file.to_owned())
    }

    /// Returns the words that are really run for a planned process.
    pub(crate) fn argv(&self, invocation: &Invocation) -> Vec<String> {
        self.wrap.iter().chain(&invocation.argv).cloned().collect()
    }

    async fn start_as_user(&mut self, invocation: &Invocation) -> Result<Finished, Trouble> {
        self.runs_as_user = true;
        let finished = self.start(invocation).await;
        self.runs_as_user = false;
        finished
    }

    /// Runs one planned process under the session's limits.
    pub(crate) async fn start(&mut self, invocation: &Invocation) -> Result<Finished, Trouble> {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Trouble::OutOfTime);
        }
        let env = joined(&self.env, &invocation.env);
        let mut task = Task::new(self.argv(invocation), invocation.cwd.clone(), env);
        task.timeout = left.map_or(self.run_timeout, |left| left.min(self.run_timeout));
        task.merge = invocation.merge;
        if !self.runs_as_user {
            task.sandbox = self.sandbox.clone();
        }
        self.n_runs += 1;
        let finished = process::run(&task, &self.cancel).await?;
        match finished.ending {
            Ending::Cancelled => Err(Trouble::Interrupted),
            Ending::TimedOut if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                Err(Trouble::OutOfTime)
            }
            _ => Ok(finished),
        }
    }
}

/// Returns the file that tells that candidates have run in a copy; it lies where they cannot write.
fn taint_of(site: &Site) -> Utf8PathBuf {
    site.build.with_file_name("candidates-ran")
}

/// Returns the file of the tests that only the sandbox breaks; it lies where candidates cannot write.
fn memory_of(site: &Site) -> Utf8PathBuf {
    site.build.with_file_name("confined-tests.json")
}

/// Returns the variables without which tools would leave the places that can be written: Go's cache of builds, and
/// rustc's wrapper, which is a client of a server outside.
fn confined_env(site: &Site) -> Vec<(String, String)> {
    let go_cache = site.build.join("go-build").into_string();
    vec![("GOCACHE".to_owned(), go_cache), ("RUSTC_WRAPPER".to_owned(), String::new())]
}

/// Returns the failures that a build tool's own words tell of, or one for the whole build when they do not say.
fn told_failures(finished: &Finished) -> Vec<Failure> {
    if finished.ending == Ending::Exited(0) {
        return Vec::new();
    }
    let output = [finished.stdout.as_slice(), b"\n", &finished.stderr].concat();
    let told = ingest::read(&output, &Hints::default()).map(|reading| reading.report.failures).unwrap_or_default();
    let mut failures: Vec<_> = told.into_iter().filter(|failure| failure.id.is_build()).collect();
    if failures.is_empty() {
        failures.extend(unexplained(finished, &output));
    }
    failures
}

/// Returns the failure of a whole build that says no more than `output`, if it failed.
fn unexplained(finished: &Finished, output: &[u8]) -> Option<Failure> {
    (finished.ending != Ending::Exited(0)).then(|| {
        let text = String::from_utf8_lossy(output);
        let text = cap::head_and_tail(text.trim(), BUILD_OUTPUT_BYTES_MAX);
        let mut failure = Failure::bare(TestId::build(""));
        failure.message = format!("the build {}\n{text}", finished.ending);
        failure
    })
}

/// Joins what a process needs to what every child gets; search paths for libraries are put before the user's own, options
/// of node after them.
fn joined(common: &[(String, String)], own: &[(String, String)]) -> Vec<(String, String)> {
    let mut env = common.to_vec();
    for (name, value) in own {
        match env.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) if name.ends_with("LIBRARY_PATH") && !known.is_empty() => {
                *known = format!("{value}:{known}");
            }
            Some((_, known)) if name == "NODE_OPTIONS" && !known.is_empty() => *known = format!("{known} {value}"),
            Some((_, known)) => known.clone_from(value),
            None => env.push((name.clone(), value.clone())),
        }
    }
    env
}

/// What every process of a test bed gets and must keep to.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Environment of the processes.
    pub env: Vec<(String, String)>,
    /// Words before every command.
    pub wrap: Vec<String>,
    /// Longest time of one process.
    pub run_timeout: Duration,
    /// When the session's time is used up.
    pub deadline: Option<Instant>,
    /// Stops whatever runs.
    pub cancel: Cancel,
    /// What confines candidates, but for where they may write.
    pub sandbox: Sandbox,
}

impl Limits {
    /// Returns the limits the options set; nothing is confined.
    pub fn of(options: &Options, deadline: Option<Instant>, cancel: Cancel) -> Self {
        let own = &options.runner.env;
        let kept = options.child_env.iter().filter(|(name, _)| !own.contains_key(name)).cloned();
        let env = kept.chain(own.iter().map(|(name, value)| (name.clone(), value.clone()))).collect();
        Self {
            env,
            wrap: options.runner.wrap.clone(),
            run_timeout: options.run_timeout,
            deadline,
            cancel,
            sandbox: Sandbox::off(),
        }
    }
}

/// Returns where the options say that builds and runs happen in a scratch copy.
pub fn site(scratch: &Scratch, options: &Options, adopted: Adopted) -> Site {
    let dir = options.runner.cwd.as_ref().map_or_else(|| scratch.dir(), |cwd| scratch.root.join(cwd));
    Site { root: scratch.root.clone(), dir, build: scratch.build_dir(), adopted, offline: false, detailed: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suites_libraries_come_before_the_users_and_its_other_variables_win() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let common =
            [("LD_LIBRARY_PATH", "/opt/lib"), ("CARGO_PKG_NAME", "outer"), ("NODE_OPTIONS", "--a"), ("HOME", "/root")];
        let own = [
            ("LD_LIBRARY_PATH", "/build/deps"),
            ("CARGO_PKG_NAME", "cart"),
            ("NODE_OPTIONS", "--b"),
            ("OUT_DIR", "/out"),
        ];
        let (common, own) = (pairs(&common), pairs(&own));
        let expected = [
            ("LD_LIBRARY_PATH", "/build/deps:/opt/lib"),
            ("CARGO_PKG_NAME", "cart"),
            ("NODE_OPTIONS", "--a --b"),
            ("HOME", "/root"),
            ("OUT_DIR", "/out"),
        ];
        assert_eq!(joined(&common, &own), pairs(&expected));
    }
}
