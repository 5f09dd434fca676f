//! `mocha`: one pattern of full titles, results from its XUnit report.
//!
//! A test's suite is the titles around it joined by a space, its name the title, without its file: titles that are alike
//! in several files are one test. Only the files in which the titles stand are loaded, where that is known. A hook that
//! fails is a failure of the suite it is for, whose tests mocha leaves out without a word; it is re-run with the suite. A
//! file that cannot be loaded leaves nothing but mocha's own death.

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{BuildReport, TestId};
use crate::runner::package::{self, Launch};
use crate::runner::script::Program;
use crate::runner::titles::{any_of, escape, files_with};
use crate::runner::{ARGUMENT_BYTES_MAX, Adopted, Invocation, Results, Runner, Site, Suite, batches};

/// The runner; it holds nothing.
#[derive(Debug)]
pub struct Mocha;

/// How mocha is started, and packages tell that they use it.
pub(super) const PROGRAM: Program = Program {
    name: "mocha",
    verb: "",
    fronts: &[("electron-mocha", ""), ("ts-mocha", "")],
    valued: &[
        "-r",
        "--require",
        "--import",
        "--loader",
        "--experimental-loader",
        "--config",
        "--package",
        "--file",
        "--extension",
        "--ui",
        "-u",
        "--timeout",
        "-t",
        "--slow",
        "-s",
        "--node-option",
        "-n",
        "--ignore",
        "--exclude",
        "--jobs",
        "-j",
        "--global",
        "--globals",
        "--tsconfig",
        "--paths",
    ],
    flags: &[
        "--exit",
        "--recursive",
        "--parallel",
        "-p",
        "--delay",
        "--check-leaks",
        "--async-only",
        "-A",
        "--allow-uncaught",
        "--sort",
        "-S",
        "--experimental-",
        "--no-warnings",
        "--no-config",
        "--no-package",
        "--enable-source-maps",
        "--es-module-specifier-resolution",
        "--type-check",
        "--max-old-space-size",
        "--pass-on-failing-test-suite",
    ],
    dropped: &[
        "--reporter",
        "-R",
        "--reporter-option",
        "--reporter-options",
        "-O",
        "--grep",
        "-g",
        "--fgrep",
        "-f",
        "--retries",
        "--watch-files",
        "--watch-ignore",
    ],
    packages: &["mocha"],
    files: &[
        ".mocharc.js",
        ".mocharc.cjs",
        ".mocharc.mjs",
        ".mocharc.yaml",
        ".mocharc.yml",
        ".mocharc.json",
        ".mocharc.jsonc",
    ],
    key: "mocha",
    traces: &["test/mocha.opts"],
};

impl Runner for Mocha {
    fn name(&self) -> &'static str {
        "mocha"
    }

    fn detect(&self, dir: &Utf8Path, root: &Utf8Path) -> Option<Utf8PathBuf> {
        package::detect(&PROGRAM, dir, root)
    }

    fn adopt(&self, command: &[String]) -> Option<Adopted> {
        package::adopt(&PROGRAM, command)
    }

    fn needs(&self) -> &'static [&'static str] {
        &["node", "mocha"]
    }

    fn build(&self, site: &Site) -> Option<Invocation> {
        package::build(&PROGRAM, site)
    }

    fn suites(&self, site: &Site, _: &BuildReport) -> Vec<Suite> {
        vec![Launch::of(&PROGRAM, site).suite(&PROGRAM, site)]
    }

    fn list(&self, _: &Suite) -> Option<Invocation> {
        None
    }

    fn all(&self, site: &Site, suite: &Suite) -> Invocation {
        reported(site, suite, Launch::of(&PROGRAM, site).start.paths)
    }

    fn only(&self, site: &Site, suite: &Suite, ids: &[TestId]) -> Vec<Invocation> {
        if ids.iter().any(|id| id.is_of_suite() && id.suite.is_empty()) {
            return vec![self.all(site, suite)];
        }
        let size = |id: &TestId| pattern(id).len();
        batches(ids, ARGUMENT_BYTES_MAX, size).map(|batch| selected(site, suite, batch)).collect()
    }

    /// The report is written when all tests have ended.
    fn tells_all(&self, _: i32) -> bool {
        true
    }

    fn settle(&self, _: &Site, _: &Invocation, results: &mut Results) {
        results.rename(of_hook);
    }

    fn canonical(&self, reported: &TestId, _: &Suite, _: &[TestId]) -> Option<TestId> {
        Some(of_hook(reported).unwrap_or_else(|| reported.clone()))
    }
}

fn reported(site: &Site, suite: &Suite, words: impl IntoIterator<Item = String>) -> Invocation {
    let report = site.build.join("mocha.xml");
    let options = ["--no-bail", "--reporter", "xunit", "--reporter-options", &format!("output={report}")];
    Invocation {
        argv: suite.argv.iter().cloned().chain(options.map(str::to_owned)).chain(words).collect(),
        cwd: suite.cwd.clone(),
        env: suite.env.clone(),
        format: "junit",
        report: Some(report),
        ..Invocation::default()
    }
}

/// Plans running only these tests, in the files where they stand; in all files where that leaves some unreported.
fn selected(site: &Site, suite: &Suite, ids: &[TestId]) -> Invocation {
    let pattern = any_of(&ids.iter().map(pattern).collect());
    let run =
        |paths: Vec<String>| reported(site, suite, ["--grep".to_owned(), pattern.clone()].into_iter().chain(paths));
    let all = run(Launch::of(&PROGRAM, site).start.paths);
    let is_known = !ids.iter().any(TestId::is_of_suite);
    let titles = ids.iter().filter(|_| is_known).map(|id| id.name.as_str());
    let files = files_with(&suite.cwd, titles);
    if files.is_empty() {
        return all;
    }
    Invocation { wider: Some(Box::new(all)), ..run(files.into_iter().map(Utf8PathBuf::into_string).collect()) }
}

/// Returns a pattern for a test's full title, or for those of a whole suite.
fn pattern(id: &TestId) -> String {
    let (suite, name) = (escape(&id.suite), escape(&id.name));
    match id.suite.as_str() {
        _ if id.is_of_suite() => format!("{suite} [^]*"),
        // A report that repeats the title as its class is read as one without.
        "" => format!("(?:{name} )?{name}"),
        _ => format!("{suite} {name}"),
    }
}

/// Returns the suite that a failed hook stands for: `"before each" hook: name for "title"`.
fn of_hook(id: &TestId) -> Option<TestId> {
    let rest = id.name.strip_prefix('"')?;
    let kinds = ["before all", "after all", "before each", "after each"];
    let after = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    after.starts_with("\" hook").then(|| TestId::of_suite(&id.suite))
}
