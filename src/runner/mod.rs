//! Test ids → argv as data. Spawns nothing and reads no output: `process` runs what is planned here, `ingest` reads it.
//!
//! To add a runner: one file with a type that implements [`Runner`], and its line in [`RUNNERS`].

mod cargo_test;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{BuildReport, TestId};

pub use cargo_test::CargoTest;

/// Every runner. The first one whose project files are there is taken, so the more specific stand first.
pub static RUNNERS: &[&dyn Runner] = &[&CargoTest];

/// A test runner: what it needs to be told to build, list, and run exactly some tests.
pub trait Runner: Send + Sync {
    /// The name, as reports print it.
    fn name(&self) -> &'static str;

    /// Returns the file that shows that `dir` belongs to a project of this runner, searching upwards to `root`.
    fn detect(&self, dir: &Utf8Path, root: &Utf8Path) -> Option<Utf8PathBuf>;

    /// Returns what of a command the user typed decides what is built and how tests behave; `None` when the command is
    /// not this runner's.
    fn adopt(&self, command: &[String]) -> Option<Adopted>;

    /// Plans the build that everything else relies on.
    fn build(&self, site: &Site) -> Invocation;

    /// Names the suite a build target becomes; also the suite of its `[build]` failure.
    fn suite_of(&self, target: &crate::model::BuildTarget) -> String;

    /// Turns a build's report into the suites that can be run.
    fn suites(&self, site: &Site, build: &BuildReport) -> Vec<Suite>;

    /// Plans listing a suite's tests without running them; the output holds one `name: test` a line.
    fn list(&self, suite: &Suite) -> Invocation;

    /// Plans running a whole suite.
    fn all(&self, site: &Site, suite: &Suite) -> Invocation;

    /// Plans running only the named tests of a suite, in as few processes as argument limits allow.
    fn only(&self, site: &Site, suite: &Suite, names: &[String]) -> Vec<Invocation>;

    /// Returns the id under which this project knows a test that a report names otherwise, given the suite's tests.
    fn canonical(&self, reported: &TestId, suite: &Suite, names: &[String]) -> Option<TestId>;
}

/// Where builds and runs happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Root of the tree, absolute.
    pub root: Utf8PathBuf,
    /// Where in the tree the user stands, absolute.
    pub dir: Utf8PathBuf,
    /// Folder for build output, outside the tree, absolute.
    pub build: Utf8PathBuf,
    /// What a command or the configuration adds.
    pub adopted: Adopted,
    /// Whether the network may not be used, because everything needed was fetched before.
    pub offline: bool,
    /// Whether failing tests shall say more about where they failed, at the price of time.
    pub detailed: bool,
}

/// What a user's command decides beyond the names of tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Options for the build tool.
    pub build: Vec<String>,
    /// Options for the test processes.
    pub test: Vec<String>,
}

/// A unit that is started as one process: a test binary, a package's doc tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// Its name: [`TestId::suite`] of its tests.
    pub name: String,
    /// Other names reports know it by.
    pub aliases: Vec<String>,
    /// How it is started, without any selection.
    pub argv: Vec<String>,
    /// Where it is started.
    pub cwd: Utf8PathBuf,
    /// What it needs in its environment.
    pub env: Vec<(String, String)>,
    /// Whether single tests can be selected exactly; otherwise more may run, and only what was wanted is judged.
    pub exact: bool,
}

/// One planned process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Where it runs.
    pub cwd: Utf8PathBuf,
    /// Variables beside those every child gets.
    pub env: Vec<(String, String)>,
    /// The format its output has, as `ingest` names it; empty when it reports no tests.
    pub format: &'static str,
    /// The suite its results belong to, when it runs just one.
    pub suite: Option<String>,
}

/// Returns the runner of the project at `dir`, with the file that shows it.
pub fn detect(dir: &Utf8Path, root: &Utf8Path) -> Option<(&'static dyn Runner, Utf8PathBuf)> {
    RUNNERS.iter().find_map(|runner| Some((*runner, runner.detect(dir, root)?)))
}

/// Reads the output of [`Runner::list`].
pub fn read_list(output: &str) -> Vec<String> {
    let names = output.lines().filter_map(|line| line.strip_suffix(": test"));
    names.map(str::to_owned).collect()
}
