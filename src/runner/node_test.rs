//! `node --test`: patterns of whole titles, results as TAP.
//!
//! TAP, for node's JUnit report loses tests whose subtests pass while they fail, and why a file could not be loaded. A
//! test's suite is the titles around it joined by ` > `, without its file: titles that are alike in several files are one
//! test, which passes when all of them do. Only the files in which the titles stand are started, where that is known.
//!
//! Node takes a test whose own title, path of titles or parent is matched; what is not wanted is left out by a second
//! pattern, so that just the wanted run, subtests included. Node before 22 looks at single titles alone and knows no such
//! pattern: there the same titles elsewhere run as well. A file that fails as a whole is the suite named by its path.

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{BuildReport, Outcome, TestId};
use crate::runner::package::{self, Launch};
use crate::runner::script::Program;
use crate::runner::titles::{any_of, escape, files_with, is_source};
use crate::runner::{ARGUMENT_BYTES_MAX, Adopted, Invocation, Results, Runner, Site, Suite, batches};

/// The runner; it holds nothing.
#[derive(Debug)]
pub struct NodeTest;

/// How node is started, and packages tell that their tests are run by it.
pub(super) const PROGRAM: Program = Program {
    name: "node",
    verb: "--test",
    fronts: &[],
    valued: &[
        "-r",
        "--require",
        "--import",
        "--loader",
        "--experimental-loader",
        "-C",
        "--conditions",
        "--env-file",
        "--test-concurrency",
        "--test-timeout",
        "--test-isolation",
        "--experimental-test-isolation",
        "--test-global-setup",
        "--stack-trace-limit",
    ],
    flags: &[
        "--experimental-",
        "--no-",
        "--max-",
        "--enable-source-maps",
        "--expose-gc",
        "--expose_gc",
        "--preserve-symlinks",
        "--test-force-exit",
        "--trace-",
        "--unhandled-rejections",
        "--es-module-specifier-resolution",
        "--allow-",
        "--harmony",
    ],
    dropped: &[
        "--test-reporter",
        "--test-reporter-destination",
        "--test-name-pattern",
        "--test-skip-pattern",
        "--test-coverage-include",
        "--test-coverage-exclude",
        "--test-coverage-lines",
        "--test-coverage-branches",
        "--test-coverage-functions",
        "--test-shard",
        "--test-rerun-failures",
        "--test-random-seed",
        "--watch-path",
    ],
    packages: &[],
    files: &[],
    key: "",
    traces: &[],
};

/// What joins the titles around a test in its suite.
const SEPARATOR: &str = " > ";

/// The names node has for what is around all tests of a file.
const ROOT: &[&str] = &["", "<root>"];

impl Runner for NodeTest {
    fn name(&self) -> &'static str {
        "node --test"
    }

    fn detect(&self, dir: &Utf8Path, root: &Utf8Path) -> Option<Utf8PathBuf> {
        package::detect(&PROGRAM, dir, root)
    }

    fn adopt(&self, command: &[String]) -> Option<Adopted> {
        package::adopt(&PROGRAM, command)
    }

    fn needs(&self) -> &'static [&'static str] {
        &["node"]
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
        let (whole, tests): (Vec<_>, Vec<_>) = ids.iter().cloned().partition(TestId::is_of_suite);
        let whole = whole.iter().filter(|id| suite.cwd.join(&id.suite).is_file());
        let of_files = whole
            .map(|id| Invocation { suite: Some(id.suite.clone()), ..reported(site, suite, vec![id.suite.clone()]) });
        let size = |id: &TestId| Titles::of(id).all().iter().map(String::len).sum();
        let of_tests = batches(&tests, ARGUMENT_BYTES_MAX, size);
        of_files.chain(of_tests.map(|batch| selected(site, suite, batch))).collect()
    }

    /// Exit code 9: an option this node does not know.
    fn is_refusal(&self, code: i32) -> bool {
        code == 9
    }

    /// Each file runs in a process of its own.
    fn tells_all(&self, code: i32) -> bool {
        code <= 1
    }

    fn settle(&self, _: &Site, invocation: &Invocation, results: &mut Results) {
        results.rename(|id| file_of(id, &invocation.cwd).map(TestId::of_suite));
        let Some(file) = &invocation.suite else { return };
        let whole = TestId::of_suite(file);
        if !results.cases.is_empty() && results.cases.iter().all(|(id, _)| *id != whole) {
            results.cases.push((whole, Outcome::Passed));
        }
    }

    fn canonical(&self, reported: &TestId, suite: &Suite, _: &[TestId]) -> Option<TestId> {
        Some(file_of(reported, &suite.cwd).map_or_else(|| reported.clone(), TestId::of_suite))
    }
}

fn reported(site: &Site, suite: &Suite, paths: impl IntoIterator<Item = String>) -> Invocation {
    let report = site.build.join("node-test.tap");
    let options = ["--test-reporter=tap".to_owned(), format!("--test-reporter-destination={report}")];
    Invocation {
        argv: suite.argv.iter().cloned().chain(options).chain(paths).collect(),
        cwd: suite.cwd.clone(),
        env: suite.env.clone(),
        format: "tap",
        report: Some(report),
        ..Invocation::default()
    }
}

/// Plans running only these tests, in the files where they stand; in all files where that leaves some unreported.
fn selected(site: &Site, suite: &Suite, ids: &[TestId]) -> Invocation {
    let files = files_with(&suite.cwd, ids.iter().map(|id| id.name.as_str()));
    let files: Vec<_> = files.into_iter().map(Utf8PathBuf::into_string).collect();
    let paths = Launch::of(&PROGRAM, site).start.paths;
    let all = in_files(site, suite, ids, &paths);
    if files.is_empty() {
        return all;
    }
    Invocation { wider: Some(Box::new(all)), ..in_files(site, suite, ids, &files) }
}

fn in_files(site: &Site, suite: &Suite, ids: &[TestId], files: &[String]) -> Invocation {
    let run = |patterns: Vec<String>| reported(site, suite, patterns.into_iter().chain(files.iter().cloned()));
    let parts: Vec<_> = ids.iter().map(Titles::of).collect();
    let set = |patterns: fn(&Titles) -> Vec<String>| any_of(&parts.iter().flat_map(patterns).collect());
    let (paths, titles) = (set(|titles| titles.paths.clone()), set(Titles::all));
    let by_title = run(vec![format!("--test-name-pattern={titles}")]);
    let surplus = Some("node before 22 looks for titles wherever they stand");
    let options = vec![format!("--test-name-pattern={paths}"), format!("--test-skip-pattern=^(?!{})", &titles[1..])];
    Invocation { older: Some(Box::new(Invocation { surplus, ..by_title })), ..run(options) }
}

/// Patterns of the titles of a test and of what is around it.
#[derive(Debug)]
struct Titles {
    /// Of its path of titles, joined by spaces, and of the paths to what is around it.
    paths: Vec<String>,
    /// Of single titles on that path.
    single: Vec<String>,
}

impl Titles {
    fn of(id: &TestId) -> Self {
        let around: Vec<&str> = id.suite.split(SEPARATOR).filter(|title| !title.is_empty()).collect();
        let joined = |range: std::ops::Range<usize>| {
            around[range].iter().map(|title| pattern(title)).collect::<Vec<_>>().join("(?: > | )")
        };
        let n = around.len();
        let own = pattern(&id.name);
        let whole = if n == 0 { own.clone() } else { format!("{} {own}", joined(0..n)) };
        let paths = (1..=n).map(|end| joined(0..end)).chain([whole]).collect();
        // A title may itself hold what joins titles, so any run of them may be one.
        let ranges = (0..n).flat_map(|start| (start + 1..=n).map(move |end| start..end));
        Self { paths, single: ranges.map(joined).chain([own]).collect() }
    }

    fn all(&self) -> Vec<String> {
        let root = ROOT.iter().map(|name| escape(name));
        root.chain(self.paths.iter().cloned()).chain(self.single.iter().cloned()).collect()
    }
}

/// Returns a pattern for a title as TAP has it: trimmed, and with line breaks and the like as escapes.
fn pattern(title: &str) -> String {
    let mut pattern = escape(title);
    for letter in ["b", "f", "n", "r", "t", "v"] {
        pattern = pattern.replace(&format!(r"\\{letter}"), &format!(r"(?:\\{letter}|\{letter})"));
    }
    format!(r"\s*{pattern}\s*")
}

/// Returns the file that a case stands for which is named by its path, absolute or not.
fn file_of(id: &TestId, dir: &Utf8Path) -> Option<String> {
    let path = Utf8Path::new(&id.name);
    if !id.suite.is_empty() || !is_source(&id.name) {
        return None;
    }
    let inside = path.strip_prefix(dir).unwrap_or(path);
    let parts: Vec<_> = inside.components().map(|part| part.as_str()).collect();
    let mut ends = (0..parts.len()).map(|start| parts[start..].join("/"));
    ends.find(|end| !end.starts_with('/') && dir.join(end).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::testing::Project;

    fn project() -> (Project, Suite) {
        let project = Project::with(&[
            ("package.json", r#"{"scripts": {"test": "node --test test/"}}"#),
            ("test/a.test.js", "test('adds', f); describe('cart', () => it('counts', f))"),
            ("test/b.test.js", "test('adds', f)"),
        ]);
        let suite = NodeTest.suites(&project.site, &BuildReport::default()).remove(0);
        (project, suite)
    }

    #[test]
    fn tests_run_in_the_files_where_they_stand_and_in_all_files_if_that_was_wrong() {
        let (project, suite) = project();
        let plan = |ids: &[TestId]| NodeTest.only(&project.site, &suite, ids).remove(0);
        let counts = plan(&[TestId::new("cart", "counts")]);
        assert_eq!(counts.argv.last().map(String::as_str), Some("test/a.test.js"));
        let wider = counts.wider.unwrap();
        assert_eq!(wider.argv.last().map(String::as_str), Some("test/"));
        assert!(counts.older.unwrap().surplus.is_some() && wider.older.is_some());
        let gone = plan(&[TestId::new("cart", "counts"), TestId::new("", "gone")]);
        assert_eq!((gone.argv.last().map(String::as_str), gone.wider), (Some("test/"), None));
    }

    #[test]
    fn what_is_wanted_is_matched_by_its_path_and_all_else_is_left_out() {
        let (project, suite) = project();
        let ids = [TestId::new("cart > a", "x.y"), TestId::new("", "top\\nline")];
        let argv = NodeTest.only(&project.site, &suite, &ids).remove(0).argv;
        let pattern = |option: &str| {
            let word = argv.iter().find_map(|word| word.strip_prefix(option)?.strip_prefix('=')).unwrap();
            word.strip_prefix("^(?!").map_or(word.to_owned(), |word| word.trim_end_matches(')').to_owned() + ")$")
        };
        let matcher = |pattern: &str| regex::Regex::new(pattern).unwrap();
        let wanted = matcher(&pattern("--test-name-pattern"));
        for path in ["cart", "cart a", "cart a x.y", "top\nline", "top\\nline"] {
            assert!(wanted.is_match(path), "{path}");
        }
        for path in ["x.y", "cart a xxy", "cart b", "line", "cart a x.y z"] {
            assert!(!wanted.is_match(path), "{path}");
        }
        let skip = argv.iter().find(|word| word.starts_with("--test-skip-pattern=^(?!(?:")).unwrap();
        let kept =
            matcher(&format!("^{}", skip.trim_start_matches("--test-skip-pattern=^(?!").strip_suffix(')').unwrap()));
        for name in ["", "<root>", "cart", "a", "x.y", "cart > a", "cart a x.y"] {
            assert!(kept.is_match(name), "{name}");
        }
        assert!(!kept.is_match("b") && !kept.is_match("cart a b"));
    }

    #[test]
    fn patterns_beyond_the_argument_limit_are_split() {
        let (project, suite) = project();
        let ids: Vec<_> =
            (0..2_000).map(|n| TestId::new("a suite > inner", format!("a title of a test {n}"))).collect();
        let plan = NodeTest.only(&project.site, &suite, &ids);
        let longest = plan.iter().flat_map(|invocation| &invocation.argv).map(String::len).max().unwrap();
        assert!(plan.len() > 1 && longest <= ARGUMENT_BYTES_MAX + 1024, "{longest}");
    }

    #[test]
    fn a_file_that_fails_as_a_whole_is_a_suite_and_is_run_as_a_whole() {
        let (project, suite) = project();
        let root = &project.site.root;
        let whole = TestId::of_suite("test/a.test.js");
        for name in ["test/a.test.js", root.join("test/a.test.js").as_str(), "/home/ci/shop/test/a.test.js"] {
            assert_eq!(NodeTest.canonical(&TestId::new("", name), &suite, &[]), Some(whole.clone()), "{name}");
        }
        let titled = TestId::new("", "test/gone.test.js");
        assert_eq!(NodeTest.canonical(&titled, &suite, &[]), Some(titled));
        let plan = NodeTest.only(&project.site, &suite, std::slice::from_ref(&whole)).remove(0);
        assert_eq!(plan.argv.last().map(String::as_str), Some("test/a.test.js"));
        let loaded = (TestId::new("", "adds"), Outcome::Failed);
        let mut results = Results { cases: vec![loaded.clone()], failures: Vec::new() };
        NodeTest.settle(&project.site, &plan, &mut results);
        assert_eq!(results.cases, [loaded, (whole.clone(), Outcome::Passed)]);
        let mut results = Results { cases: vec![(TestId::new("", "test/a.test.js"), Outcome::Failed)], ..results };
        NodeTest.settle(&project.site, &plan, &mut results);
        assert_eq!(results.cases, [(whole, Outcome::Failed)]);
    }
}
