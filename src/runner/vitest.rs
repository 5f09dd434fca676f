//! `vitest`: files and one pattern of full titles, results from its JUnit report.
//!
//! A test's suite is its file, its name the titles joined by ` > `. A pattern goes for all files of a run alike, so files
//! share a run only where no title that is wanted in one stands in another as well. A file that cannot be loaded, or a
//! suite of tests whose hook fails, is a failure of the file as a whole, and is re-run with all its tests.

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{BuildReport, TestId};
use crate::runner::package::{self, Launch};
use crate::runner::script::Program;
use crate::runner::titles::{any_of, escape, groups, is_group, is_source};
use crate::runner::{ARGUMENT_BYTES_MAX, Adopted, Invocation, Results, Runner, Site, Suite, batches};

/// The runner; it holds nothing.
#[derive(Debug)]
pub struct Vitest;

/// How vitest is started, and packages tell that they use it.
pub(super) const PROGRAM: Program = Program {
    name: "vitest",
    verb: "",
    fronts: &[],
    valued: &[
        "-c",
        "--config",
        "--configLoader",
        "-r",
        "--root",
        "--dir",
        "--environment",
        "--mode",
        "--pool",
        "--project",
        "--testTimeout",
        "--hookTimeout",
        "--teardownTimeout",
        "--maxWorkers",
        "--minWorkers",
        "--maxConcurrency",
        "--exclude",
        "--workspace",
        "--browser",
        "--execArgv",
        "--vmMemoryLimit",
    ],
    flags: &[
        "--globals",
        "--dom",
        "--isolate",
        "--no-isolate",
        "--fileParallelism",
        "--no-file-parallelism",
        "--threads",
        "--no-threads",
        "--single-thread",
        "--poolOptions.",
        "--browser.",
        "--experimental",
        "--typecheck",
        "--environmentOptions.",
        "--dangerouslyIgnoreUnhandledErrors",
        "--expandSnapshotDiff",
    ],
    dropped: &[
        "--reporter",
        "--reporters",
        "--outputFile",
        "-t",
        "--testNamePattern",
        "--shard",
        "--bail",
        "--retry",
        "--coverage.provider",
        "--coverage.reporter",
        "--changed",
        "--attachmentsDir",
        "--sequence",
        "--api",
        "--silent",
        "--slowTestThreshold",
        "--diff",
        "--inspect",
        "--inspectBrk",
    ],
    packages: &["vitest"],
    files: &[
        "vitest.config.ts",
        "vitest.config.mts",
        "vitest.config.cts",
        "vitest.config.js",
        "vitest.config.mjs",
        "vitest.config.cjs",
        "vitest.workspace.ts",
        "vitest.workspace.js",
        "vitest.workspace.json",
    ],
    key: "",
    traces: &[],
};

/// The words by which vitest is started once instead of waiting for changes; they may stand in a script as well.
const VERBS: &[&str] = &["run", "watch", "dev", "related", "bench"];

/// What joins titles in a name.
const SEPARATOR: &str = " > ";

impl Runner for Vitest {
    fn name(&self) -> &'static str {
        "vitest"
    }

    fn detect(&self, dir: &Utf8Path, root: &Utf8Path) -> Option<Utf8PathBuf> {
        package::detect(&PROGRAM, dir, root)
    }

    fn adopt(&self, command: &[String]) -> Option<Adopted> {
        package::adopt(&PROGRAM, command)
    }

    fn needs(&self) -> &'static [&'static str] {
        &["node", "vitest"]
    }

    fn build(&self, site: &Site) -> Option<Invocation> {
        package::build(&PROGRAM, site)
    }

    fn suites(&self, site: &Site, _: &BuildReport) -> Vec<Suite> {
        let mut suite = Launch::of(&PROGRAM, site).suite(&PROGRAM, site);
        suite.argv.push("run".to_owned());
        vec![suite]
    }

    fn list(&self, _: &Suite) -> Option<Invocation> {
        None
    }

    fn all(&self, site: &Site, suite: &Suite) -> Invocation {
        let mut paths = Launch::of(&PROGRAM, site).start.paths;
        paths.retain(|path| !VERBS.contains(&path.as_str()));
        reported(site, suite, paths)
    }

    fn only(&self, site: &Site, suite: &Suite, ids: &[TestId]) -> Vec<Invocation> {
        let (whole, tests): (Vec<_>, Vec<_>) = ids.iter().cloned().partition(TestId::is_of_suite);
        let whole = (!whole.is_empty()).then(|| reported(site, suite, whole.iter().map(|id| id.suite.clone())));
        let groups = groups(&suite.cwd, &tests, |id| id.name.rsplit(SEPARATOR).next().unwrap_or_default());
        let batches = groups.iter().flat_map(|group| batches(group, ARGUMENT_BYTES_MAX, |id| pattern(id).len()));
        whole.into_iter().chain(batches.map(|batch| selected(site, suite, batch))).collect()
    }

    /// The report is written when all tests have ended.
    fn tells_all(&self, code: i32) -> bool {
        code <= 1
    }

    fn settle(&self, _: &Site, _: &Invocation, results: &mut Results) {
        let names: Vec<_> = results.cases.iter().map(|(id, _)| id.clone()).collect();
        let has_tests = |group: &TestId| {
            let is_inside = |id: &TestId| {
                let rest = id.name.strip_prefix(&group.name).filter(|_| id.suite == group.suite);
                rest.is_some_and(|rest| rest.starts_with(SEPARATOR))
            };
            names.iter().any(is_inside)
        };
        let red: Vec<_> = results.failures.iter().map(|failure| failure.id.clone()).collect();
        let groups: Vec<_> = red.into_iter().filter(has_tests).collect();
        results.rename(|id| of_file(id).or_else(|| groups.contains(id).then(|| TestId::of_suite(&id.suite))));
    }

    fn canonical(&self, reported: &TestId, suite: &Suite, _: &[TestId]) -> Option<TestId> {
        let title = reported.name.rsplit(SEPARATOR).next().unwrap_or_default();
        let of_group = || is_group(&suite.cwd.join(&reported.suite), title).then(|| TestId::of_suite(&reported.suite));
        Some(of_file(reported).or_else(of_group).unwrap_or_else(|| reported.clone()))
    }
}

fn reported(site: &Site, suite: &Suite, words: impl IntoIterator<Item = String>) -> Invocation {
    let report = site.build.join("vitest.xml");
    let output = format!("--outputFile.junit={report}");
    let options = ["--reporter=junit", &output, "--coverage.enabled=false", "--passWithNoTests", "--bail=0"];
    Invocation {
        argv: suite.argv.iter().cloned().chain(options.map(str::to_owned)).chain(words).collect(),
        cwd: suite.cwd.clone(),
        env: suite.env.clone(),
        format: "junit",
        report: Some(report),
        surplus: Some("vitest selects files by parts of their paths, and in all of them by the same titles"),
        ..Invocation::default()
    }
}

fn selected(site: &Site, suite: &Suite, ids: &[TestId]) -> Invocation {
    let files: std::collections::BTreeSet<_> = ids.iter().map(|id| id.suite.clone()).collect();
    let pattern = format!("--testNamePattern={}", any_of(&ids.iter().map(pattern).collect()));
    reported(site, suite, [pattern].into_iter().chain(files))
}

/// Returns a pattern for a test's full title, which vitest joins by spaces.
fn pattern(id: &TestId) -> String {
    escape(&id.name).replace(SEPARATOR, "(?: > | )")
}

/// Returns the file that a case stands for which is named as its file is.
fn of_file(id: &TestId) -> Option<TestId> {
    let is_file = is_source(&id.name) && (id.suite.is_empty() || id.suite == id.name);
    is_file.then(|| TestId::of_suite(&id.name))
}
