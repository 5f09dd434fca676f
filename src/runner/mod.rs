//! Test ids → argv as data. Spawns nothing and reads no output: `process` runs what is planned here, `ingest` reads it.
//!
//! To add a runner: one file with a type that implements [`Runner`], and its line in [`RUNNERS`].

mod cargo_test;
mod custom;
mod go_test;
mod mocha;
mod nextest;
mod node_test;
mod package;
mod pytest;
mod script;
#[cfg(test)]
mod testing;
mod titles;
mod vitest;

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use crate::config::RunnerTable;
use crate::model::{BuildReport, Failure, Outcome, TestId};

pub(crate) use cargo_test::BUILD_FORMAT;
pub use cargo_test::CargoTest;
pub use custom::{BadTemplate, Custom};
pub use go_test::GoTest;
pub use mocha::Mocha;
pub use nextest::Nextest;
pub use node_test::NodeTest;
pub use pytest::Pytest;
pub use vitest::Vitest;

/// Every runner. Of those whose project files are equally near, the first is taken, so the more specific stand first.
pub static RUNNERS: &[&dyn Runner] = &[&Nextest, &CargoTest, &GoTest, &Pytest, &Vitest, &Mocha, &NodeTest];

/// A test runner: what it needs to be told to build, list, and run exactly some tests.
pub trait Runner: Send + Sync {
    /// The name, as reports print it.
    fn name(&self) -> &'static str;

    /// Returns the file that shows that `dir` belongs to a project of this runner, searching upwards to `root`.
    fn detect(&self, dir: &Utf8Path, root: &Utf8Path) -> Option<Utf8PathBuf>;

    /// Returns what of a command the user typed decides what is built and how tests behave; `None` when the command is
    /// not this runner's.
    fn adopt(&self, command: &[String]) -> Option<Adopted>;

    /// Returns the programs it needs, for people who do not have them.
    fn needs(&self) -> &'static [&'static str];

    /// Plans fetching what the tree depends on, running none of its code and writing nothing into it; `None` where there
    /// is no such way. It is run in the user's own tree.
    fn fetch(&self, site: &Site) -> Option<Invocation> {
        let _ = site;
        None
    }

    /// Plans the build that everything else relies on; `None` where tests run as they are written.
    fn build(&self, site: &Site) -> Option<Invocation>;

    /// Turns a build's report into the suites that can be run.
    fn suites(&self, site: &Site, build: &BuildReport) -> Vec<Suite>;

    /// Plans listing a suite's tests without running them, for [`Runner::read_list`]; `None` where only a run can tell.
    fn list(&self, suite: &Suite) -> Option<Invocation>;

    /// Reads what [`Runner::list`] printed.
    fn read_list(&self, suite: &Suite, output: &str) -> Vec<TestId> {
        let names = output.lines().filter_map(|line| line.strip_suffix(": test"));
        names.map(|name| TestId::new(&suite.name, name)).collect()
    }

    /// Plans running a whole suite.
    fn all(&self, site: &Site, suite: &Suite) -> Invocation;

    /// Plans running only these tests of a suite, in as few processes as argument limits allow.
    fn only(&self, site: &Site, suite: &Suite, ids: &[TestId]) -> Vec<Invocation>;

    /// Tells whether an exit code says that the selection was wrong, not that a test failed.
    fn is_refusal(&self, code: i32) -> bool {
        let _ = code;
        false
    }

    /// Tells whether a process that ends so has told in its report of every test that is there: because tests cannot take
    /// it down with them, or because the report is written last.
    fn tells_all(&self, code: i32) -> bool {
        let _ = code;
        false
    }

    /// Puts right what a report says otherwise than a re-run needs it: names that depend on what was selected, failures
    /// outside tests that pass for tests.
    fn settle(&self, site: &Site, invocation: &Invocation, results: &mut Results) {
        let _ = (site, invocation, results);
    }

    /// Returns the id under which this project knows a test that a report names otherwise. `known` are the suite's tests
    /// where they can be listed, else nothing.
    fn canonical(&self, reported: &TestId, suite: &Suite, known: &[TestId]) -> Option<TestId> {
        let is_known = known.is_empty() || known.contains(reported) || reported.is_of_suite();
        (suite.holds(reported) && is_known).then(|| reported.clone())
    }
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

/// A unit that is started as one process: a test binary, a package's doc tests, or a whole project where the runner
/// finds its tests itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// Its name: [`TestId::suite`] of its tests; of a whole project empty.
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

impl Suite {
    /// Makes the suite of a project whose tests are all started by one program.
    pub fn of_project(site: &Site, argv: &[&str]) -> Self {
        Self {
            name: String::new(),
            aliases: Vec::new(),
            argv: argv.iter().map(|&word| word.to_owned()).collect(),
            cwd: site.dir.clone(),
            env: Vec::new(),
            exact: true,
        }
    }

    /// Tells whether a test is one of this suite's: that of a whole project has them all.
    pub fn holds(&self, id: &TestId) -> bool {
        self.name.is_empty() || self.name == id.suite
    }
}

/// What one process reported: every case by name, and the red ones whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Results {
    /// How every case ended, in report order.
    pub cases: Vec<(TestId, Outcome)>,
    /// The red ones.
    pub failures: Vec<Failure>,
}

impl Results {
    /// Gives cases other names, where `name` returns one.
    fn rename(&mut self, name: impl Fn(&TestId) -> Option<TestId>) {
        let ids =
            self.cases.iter_mut().map(|(id, _)| id).chain(self.failures.iter_mut().map(|failure| &mut failure.id));
        for id in ids {
            if let Some(renamed) = name(id) {
                *id = renamed;
            }
        }
    }
}

/// One planned process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// The file its results are in, written by the runner, or a pattern of files such as `/tree/**/TEST-*.xml`; else they
    /// are on its standard output.
    pub report: Option<Utf8PathBuf>,
    /// Whether results may stand on standard error too, and the two streams are read as one.
    pub merge: bool,
    /// Why more tests may run than were asked for, where the runner cannot select exactly.
    pub surplus: Option<&'static str>,
    /// What to start where an older version of the program refuses this, for want of an option.
    pub older: Option<Box<Invocation>>,
    /// What to start for tests that this leaves unreported, where the files they are in were only guessed.
    pub wider: Option<Box<Invocation>>,
}

/// Why no runner can be chosen.
#[derive(Debug, Error)]
pub enum NoRunner {
    /// Nothing shows which runner the project has.
    #[error("{dir} is in no project whose test runner is known ({})", names())]
    NotFound {
        /// The directory.
        dir: Utf8PathBuf,
    },
    /// A name that is no runner's.
    #[error("there is no runner called {name}; known are {} and custom", names())]
    Unknown {
        /// As typed.
        name: String,
    },
    /// The configuration does not describe one.
    #[error("runner.custom is not described in heal-tests.toml")]
    NotDescribed,
    /// The configuration describes one that cannot work.
    #[error(transparent)]
    Template(#[from] BadTemplate),
}

impl NoRunner {
    /// Tells what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "name the project's directory with --dir, or its runner with --runner",
            Self::Unknown { .. } => "correct --runner or runner.name",
            Self::NotDescribed => "give it the keys all and only; the README has an example",
            Self::Template(_) => "correct heal-tests.toml; the README has an example",
        }
    }
}

fn names() -> String {
    RUNNERS.iter().map(|runner| runner.name()).collect::<Vec<_>>().join(", ")
}

/// Chooses the runner of the project at `dir`: the one that the configuration names or describes, else the one that would
/// understand `command`, else the one whose project file is nearest.
pub fn choose(
    table: &RunnerTable,
    dir: &Utf8Path,
    root: &Utf8Path,
    command: Option<&[String]>,
) -> Result<&'static dyn Runner, NoRunner> {
    match (&table.name, &table.custom) {
        (Some(name), custom) if name == "custom" => Ok(Custom::install(custom.clone().ok_or(NoRunner::NotDescribed)?)?),
        (None, Some(custom)) => Ok(Custom::install(custom.clone())?),
        (Some(name), _) => {
            let known = RUNNERS.iter().find(|runner| runner.name() == name);
            known.copied().ok_or_else(|| NoRunner::Unknown { name: name.clone() })
        }
        (None, None) => detect(dir, root, command).ok_or_else(|| NoRunner::NotFound { dir: dir.to_owned() }),
    }
}

/// Finds the runner that would understand `command`, else the one whose project file is nearest to `dir`.
pub fn detect(dir: &Utf8Path, root: &Utf8Path, command: Option<&[String]>) -> Option<&'static dyn Runner> {
    if let Some(runner) = command.and_then(|command| RUNNERS.iter().find(|runner| runner.adopt(command).is_some())) {
        return Some(*runner);
    }
    let depth = |runner: &&&dyn Runner| Some(runner.detect(dir, root)?.components().count());
    let found = RUNNERS.iter().filter_map(|runner| Some((depth(&runner)?, *runner)));
    found.rev().max_by_key(|(depth, _)| *depth).map(|(_, runner)| runner)
}

/// Bytes of arguments in one command line: Linux allows 2 MiB in all and 128 KiB in one, macOS 1 MiB in all.
const ARGUMENTS_BYTES_MAX: usize = 256 << 10;

/// Bytes of one argument, such as a pattern that names several tests.
const ARGUMENT_BYTES_MAX: usize = 96 << 10;

/// Splits items into batches whose sizes together stay within `bytes_max`; each has at least one.
fn batches<T>(items: &[T], bytes_max: usize, size: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |item: &&T| {
            bytes += size(item) + 1;
            bytes <= bytes_max
        };
        let n = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (batch, later) = rest.split_at(n);
        rest = later;
        (!batch.is_empty()).then_some(batch)
    })
}

/// Finds the nearest folder from `dir` up to `root` that has one of `files`; returns that file.
fn nearest(dir: &Utf8Path, root: &Utf8Path, files: &[&str]) -> Option<Utf8PathBuf> {
    let folders = dir.ancestors().take_while(|folder| folder.starts_with(root));
    folders.flat_map(|folder| files.iter().map(move |file| folder.join(file))).find(|path| path.is_file())
}
