//! What `go test` prints: with `-v` each test as it begins and ends, without it only those that failed.
//!
//! A package is named by its last line, so its results wait for that. With `-v`, results are believed of tests that
//! began, and a package's line while a test runs only if that test says nothing more; without, a test that prints lines
//! like those of results cannot be told from one. Names of tests that pass are only printed with `-v`.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use memchr::memmem;
use regex::Regex;

use crate::ingest::go::build::{self, Builds};
use crate::ingest::go::package::{Package, Printed};
use crate::ingest::go::{is_test_name, measured};
use crate::ingest::pending::Pending;
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader, pattern};
use crate::model::{Outcome, TestId};

/// The text of `go test`.
pub(in crate::ingest) struct GoText;

/// The line that ends a package.
static PACKAGE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^(?:ok  \t\S+\t(?:\d+\.\d+s|\(cached\))|FAIL\t\S+(?:\t\d+\.\d+s$| \[(?:build|setup) failed\]$)|\?   \t\S+\t\[no test files\])",
    )
});

/// How deep parts of tests are nested: the deeper ones are read as if they were less deep.
const DEPTH_MAX: usize = 100;

impl Format for GoText {
    fn name(&self) -> &'static str {
        "go-text"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let holds = |word: &str| memmem::find(text.as_bytes(), word.as_bytes()).is_some();
        let is_package = holds("\t") && PACKAGE.is_match(text);
        let is_test = holds("=== RUN   ") && ["--- PASS: ", "--- FAIL: ", "--- SKIP: "].into_iter().any(holds);
        let reason = "there is no line like `ok  \\tpackage\\t0.1s` or `--- FAIL: TestA (0.00s)`";
        match (is_package, is_test) {
            (true, _) => Ok(Likeness::Certain),
            (false, true) => Ok(Likeness::Likely),
            (false, false)
                if text.lines().any(|line| line.starts_with("--- FAIL: ") && Ended::read(line).is_some()) =>
            {
                Ok(Likeness::Possible)
            }
            (false, false) => Err(reason),
        }
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Text::new(hints)))
    }
}

/// A line that ends a test: `    --- FAIL: TestA/part (0.01s)`, perhaps behind what was printed without an end of line.
struct Ended<'t> {
    before: &'t str,
    outcome: Outcome,
    name: &'t str,
    duration: Option<Duration>,
}

impl<'t> Ended<'t> {
    fn read(line: &'t str) -> Option<Self> {
        let at = memmem::find(line.as_bytes(), b"--- ")?;
        let rest = &line[at + 4..];
        let (outcome, rest) = match rest.split_once(": ")? {
            ("PASS", rest) => (Outcome::Passed, rest),
            ("FAIL", rest) => (Outcome::Failed, rest),
            ("SKIP", rest) => (Outcome::Skipped, rest),
            _ => return None,
        };
        let seconds = |text: &str| text.strip_suffix("s)")?.parse().ok();
        let (name, duration) = match rest.rsplit_once(" (") {
            Some((name, time)) => (name, Duration::try_from_secs_f64(seconds(time)?).ok()),
            // Benchmarks have no time there.
            None => (rest, None),
        };
        let is_name = is_test_name(name) && (duration.is_some() || name.starts_with("Benchmark"));
        is_name.then_some(Self { before: &line[..at], outcome, name, duration })
    }

    /// Returns how deep it is nested by its indentation, if it is.
    fn depth(&self) -> Option<usize> {
        let is_indented = self.before.bytes().all(|byte| byte == b' ') && self.before.len().is_multiple_of(4);
        is_indented.then_some(self.before.len() / 4)
    }
}

/// A package's last line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Closing {
    package: String,
    verdict: Verdict,
    source: (u64, u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    Unbuilt,
    /// There are no tests.
    Empty,
}

/// Reads the line that ends a package.
fn closing(line: &str) -> Option<(&str, Verdict)> {
    let fields = |prefix: &str| line.strip_prefix(prefix)?.split_once(['\t', ' ']);
    let is_time = |text: &str| text.strip_suffix('s').is_some_and(|seconds| seconds.parse::<f64>().is_ok());
    if let Some((package, rest)) = fields("ok  \t") {
        let first = rest.split('\t').next().unwrap_or_default();
        let is_told = first.split(' ').next().is_some_and(is_time) || first.starts_with("(cached)");
        return is_told.then_some((package, Verdict::Passed));
    }
    if let Some((package, rest)) = fields("FAIL\t") {
        return match rest {
            "[build failed]" | "[setup failed]" => Some((package, Verdict::Unbuilt)),
            time => is_time(time).then_some((package, Verdict::Failed)),
        };
    }
    let (package, rest) = fields("?   \t")?;
    rest.starts_with("[no test").then_some((package, Verdict::Empty))
}

struct Text {
    hints: Hints,
    builds: Builds,
    /// The package whose build printed the latest line.
    building: Option<String>,
    open: Open,
    /// What seemed to be a package's last line while a test ran, and the package: the test may have printed it.
    unsure: Option<(Closing, Open)>,
    /// Whether a test was told to have failed that was not told to begin: then others may, too.
    is_quiet: bool,
    end: u64,
}

/// The package whose last line did not come yet.
struct Open {
    package: Package,
    passes: Pending,
    /// Hashes of the names of all tests that began; empty without `-v`.
    begun: HashSet<u64>,
    /// The test that prints, by the latest line that names one.
    current: String,
    /// The test that ended latest at each depth.
    ended: Vec<String>,
    has_lines: bool,
    /// Whether the latest line said how the tests ended.
    is_complete: bool,
}

impl Lines for Text {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        self.end = line.offset + line.text.len() as u64;
        if self.structure(line, to) {
            return Owner::This;
        }
        if let Some(package) = &self.building {
            self.builds.push(package, &format!("{}\n", line.text));
            return Owner::This;
        }
        self.open.print(line.text);
        if self.open.has_lines { Owner::This } else { Owner::Other }
    }

    fn end(&mut self, to: &mut Recorder) {
        self.settle(to);
        let mut open = std::mem::replace(&mut self.open, Open::new(&self.hints));
        if !open.has_lines {
            return;
        }
        let suite = self.hints.suite.clone().unwrap_or_default();
        if open.is_complete {
            open.passes.release(&suite, self.end, to);
        } else {
            to.complain(
                self.end,
                "the log ends before a package does; its name, and how tests that ran ended, are unknown",
            );
            open.passes.release_unsure(&suite, self.end, to);
        }
        open.package.abandon(&suite, to);
    }
}

impl Text {
    fn new(hints: &Hints) -> Self {
        let builds = Builds::new(hints.output_bytes_max);
        Self {
            hints: hints.clone(),
            builds,
            building: None,
            open: Open::new(hints),
            unsure: None,
            is_quiet: false,
            end: 0,
        }
    }

    /// Takes a line that is one of Go's own; tells whether it is.
    fn structure(&mut self, line: &Line<'_>, to: &mut Recorder) -> bool {
        let text = line.text;
        let is_taken = match text.as_bytes().first() {
            Some(b'o' | b'F' | b'?') if self.end_package(line, to) => true,
            Some(b'P' | b'F') if matches!(text, "PASS" | "FAIL") => {
                self.open.is_complete = self.open.has_lines;
                self.open.has_lines
            }
            Some(b'e' | b's') => {
                self.open.has_lines && (text.starts_with("exit status ") || text.starts_with("signal: "))
            }
            Some(b'#') if !self.open.has_lines => match build::header(text) {
                Some(package) => {
                    self.building = Some(package.to_owned());
                    true
                }
                None => false,
            },
            Some(b'B') => self.open.measure(text),
            _ => false,
        };
        is_taken || self.begin(line) || self.end_test(line)
    }

    /// Takes `=== RUN   TestA` and the lines that say which test goes on.
    fn begin(&mut self, line: &Line<'_>) -> bool {
        let is_taken = self.open.begin(line);
        if is_taken {
            self.building = None;
        }
        is_taken
    }

    /// Takes a line that ends a test: of the open package, or of one that only seemed to have ended.
    fn end_test(&mut self, line: &Line<'_>) -> bool {
        let Some(ended) = Ended::read(line.text) else { return false };
        let is_of = |open: &Open| open.package.is_running(ended.name);
        if let Some((_, unsure)) = self.unsure.take_if(|(_, unsure)| is_of(unsure) && !is_of(&self.open)) {
            let printed = std::mem::replace(&mut self.open, unsure);
            self.open.take_back(printed, self.end);
        }
        let open = &mut self.open;
        // With `-v`, a test that passed may have printed that itself, and yet fail.
        let is_known = open.has_begun(ended.name) || open.begun.is_empty() || self.is_quiet;
        let is_believed = open.package.is_running(ended.name) || (is_known && ended.outcome.is_red());
        if !is_believed {
            return false;
        }
        self.is_quiet |= open.begun.is_empty();
        let is_taken = open.end_test(&ended, line.offset, self.end);
        if is_taken {
            self.building = None;
        }
        is_taken
    }

    /// Takes the line that ends a package; one that comes while a test runs is not believed before the next of its kind.
    fn end_package(&mut self, line: &Line<'_>, to: &mut Recorder) -> bool {
        let Some((package, verdict)) = closing(line.text) else { return false };
        let open = &self.open;
        let is_running = open.package.is_running("") && !open.package.is_dying();
        let is_contrary = match verdict {
            Verdict::Passed => !open.package.is_green() || (is_running || self.unsure.is_some()) && !open.is_complete,
            Verdict::Failed => false,
            Verdict::Unbuilt | Verdict::Empty => is_running,
        };
        if is_contrary || verdict == Verdict::Empty {
            return !is_contrary;
        }
        self.settle(to);
        self.building = None;
        let closing = Closing { package: package.to_owned(), verdict, source: (line.offset, self.end) };
        let open = std::mem::replace(&mut self.open, Open::new(&self.hints));
        if is_running {
            self.unsure = Some((closing, open));
        } else {
            self.close(&closing, open, to);
        }
        true
    }

    /// Ends the package whose last line was not believed, for no line of its tests came after it.
    fn settle(&mut self, to: &mut Recorder) {
        if let Some((closing, open)) = self.unsure.take() {
            self.close(&closing, open, to);
        }
    }

    fn close(&mut self, closing: &Closing, mut open: Open, to: &mut Recorder) {
        let Closing { package: suite, verdict, source } = closing;
        if open.is_complete {
            open.package.complete();
        }
        open.passes.release(suite, source.1, to);
        match verdict {
            Verdict::Passed => open.package.pass(suite, to),
            Verdict::Failed => open.package.fail(suite, None, *source, to),
            Verdict::Unbuilt => {
                let compiled = self.builds.take(suite);
                open.package.fail(suite, Some(&compiled), *source, to);
            }
            Verdict::Empty => {}
        }
    }
}

impl Open {
    fn new(hints: &Hints) -> Self {
        Self {
            package: Package::new(hints),
            passes: Pending::new(hints),
            begun: HashSet::new(),
            current: String::new(),
            ended: Vec::new(),
            has_lines: false,
            is_complete: false,
        }
    }

    fn has_begun(&self, name: &str) -> bool {
        self.begun.contains(&TestId::hash_parts("", name))
    }

    fn begin(&mut self, line: &Line<'_>) -> bool {
        let Some(at) = memmem::find(line.text.as_bytes(), b"=== ") else { return false };
        let (before, rest) = line.text.split_at(at);
        let Some((word, name)) = rest[4..].split_once(' ').map(|(word, name)| (word, name.trim_start())) else {
            return false;
        };
        let is_taken = match word {
            "RUN" => is_test_name(name),
            "CONT" if name.is_empty() => self.has_lines,
            "PAUSE" | "CONT" | "NAME" => self.has_begun(name),
            _ => false,
        };
        if !is_taken {
            return false;
        }
        self.print_part(before);
        if word == "RUN" {
            self.begun.insert(TestId::hash_parts("", name));
            self.package.begin(name, line.offset + at as u64);
        }
        (self.has_lines, self.is_complete) = (true, false);
        name.clone_into(&mut self.current);
        true
    }

    fn end_test(&mut self, ended: &Ended<'_>, start: u64, end: u64) -> bool {
        let Ended { name, outcome, .. } = *ended;
        let depth = ended.depth().unwrap_or(0);
        if depth > name.matches('/').count() {
            return false;
        }
        if ended.depth().is_none() {
            self.print_part(ended.before);
        }
        self.package.live_on();
        if !outcome.is_red() {
            self.passes.tally(name, outcome);
        }
        self.package.end(name, outcome, ended.duration, (start, end));
        (self.has_lines, self.is_complete) = (true, false);
        name.clone_into(&mut self.current);
        self.ended.truncate(depth.min(DEPTH_MAX));
        self.ended.push(name.to_owned());
        true
    }

    /// Takes a benchmark's result.
    fn measure(&mut self, text: &str) -> bool {
        let Some(name) = measured(text) else { return false };
        self.passes.tally(name, Outcome::Passed);
        self.has_lines = true;
        true
    }

    /// Takes what a test printed.
    fn print(&mut self, text: &str) {
        self.is_complete &= text.starts_with("coverage: ");
        let test = if self.begun.is_empty() { printer(&self.ended, text) } else { &self.current };
        self.package.output(test, &format!("{text}\n"), Printed::Other);
    }

    fn print_part(&mut self, text: &str) {
        if !text.is_empty() {
            self.print(text);
        }
    }

    /// Takes back what was held for another package's, and was printed by a test of this one.
    fn take_back(&mut self, other: Self, end: u64) {
        self.begun.extend(other.begun);
        self.passes.append(other.passes);
        self.package.take_back(other.package, &self.current, end);
    }
}

/// Returns the test that a line is told of without `-v`: by its indentation, and of examples what follows.
fn printer<'e>(ended: &'e [String], text: &str) -> &'e str {
    let depth = text.bytes().take_while(|byte| *byte == b' ').count() / 4;
    let last = ended.last().map(String::as_str).unwrap_or_default();
    match depth {
        0 if last.starts_with("Example") => last,
        0 => "",
        depth => ended.get(depth - 1).map_or(last, String::as_str),
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    fn check(log: &str, ids: &[&str], n_passed: u64) -> Reading {
        let reading = read_as("go-text", log.as_bytes(), &Hints::default()).unwrap();
        let found: Vec<_> = reading.report.failures.iter().map(|failure| failure.id.to_string()).collect();
        assert_eq!(
            (found, reading.report.counts.passed),
            (ids.iter().map(ToString::to_string).collect(), n_passed),
            "{log}"
        );
        reading
    }

    #[test]
    fn a_package_is_named_by_its_last_line() {
        let log = "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\nok  \tshop/a\t0.1s\n=== RUN   TestA\n    a_test.go:3: no\n--- FAIL: TestA (0.01s)\nFAIL\nFAIL\tshop/b\t0.1s\nFAIL\n";
        let reading = check(log, &["shop/b TestA"], 1);
        assert_eq!(reading.report.outcome(&TestId::new("shop/a", "TestA")), Some(Outcome::Passed));
        assert_eq!(reading.report.failures[0].duration, Some(Duration::from_millis(10)));
        assert_eq!(reading.complaints, []);
    }

    #[test]
    fn without_names_of_tests_only_what_failed_is_counted() {
        let log = "ok  \tshop/a\t(cached)\nprinted\n--- FAIL: TestA (0.01s)\n    --- FAIL: TestA/b (0.00s)\n        a_test.go:3: no\n            more\n    a_test.go:9: of TestA\nFAIL\ncoverage: 12.5% of statements\nexit status 1\nFAIL\tshop/b\t0.1s\n?   \tshop/c\t[no test files]\n";
        let reading = check(log, &["shop/b TestA/b"], 0);
        assert_eq!(reading.report.failures[0].message, "no\nmore");
        assert_eq!(reading.report.counts.tests, 1);
    }

    #[test]
    fn lines_that_a_test_prints_are_not_those_of_results() {
        let log = "=== RUN   TestA\n--- FAIL: TestB (0.00s)\nok  \tshop/b\t0.1s\nPASS\nFAIL\tshop/c\t0.1s\n?   \tshop/d\t[no test files]\nunfinished--- PASS: TestA (0.00s)\n=== RUN   TestZ\n--- FAIL: TestZ (0.00s)\nFAIL\nFAIL\tshop/a\t0.1s\n";
        check(log, &["shop/a TestZ"], 1);
    }

    #[test]
    fn a_test_that_prints_that_it_passed_may_fail() {
        let log = "=== RUN   TestA\n--- PASS: TestA (0.00s)\n    a_test.go:3: no\n--- FAIL: TestA (0.00s)\nFAIL\nFAIL\tshop/a\t0.1s\n";
        assert_eq!(check(log, &["shop/a TestA"], 1).report.failures[0].message, "no");
    }

    #[test]
    fn a_program_that_exits_fails_the_test_that_ran() {
        let exits = "=== RUN   TestA\nleaving\nFAIL\tshop/a\t0.1s\n";
        let next = "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\nok  \tshop/b\t0.1s\n";
        check(&format!("{exits}{next}"), &["shop/a TestA"], 1);
        check(&format!("{next}{exits}FAIL\n"), &["shop/a TestA"], 1);
        // The same lines, but printed by a test that goes on.
        check(
            "=== RUN   TestA\nleaving\nFAIL\tshop/a\t0.1s\n--- PASS: TestA (0.00s)\nPASS\nok  \tshop/z\t0.1s\n",
            &[],
            1,
        );
    }

    #[test]
    fn a_panic_is_of_the_test_it_happened_in() {
        let trace = "goroutine 6 [running]:\nshop/a.TestB.func1(0x1)\n\t/u/a_test.go:5 +0x1\ncreated by shop/a.TestB\n\t/u/a_test.go:4 +0x1\n";
        let quiet = format!("--- FAIL: TestA (0.00s)\n    a_test.go:3: no\npanic: boom\n\n{trace}FAIL\tshop/a\t0.1s\n");
        let reading = check(&quiet, &["shop/a TestA", "shop/a TestB"], 0);
        assert_eq!((reading.report.failures[1].message.as_str(), reading.report.counts.errored), ("boom", 1));
        let verbose =
            format!("=== RUN   TestB\n=== RUN   TestC\npanic: boom\n\n{trace}exit status 2\nFAIL\tshop/a\t0.1s\n");
        check(&verbose, &["shop/a TestB"], 0);
        let recovered = "=== RUN   TestB\npanic: only printed\n    a_test.go:3: no\n--- FAIL: TestB (0.00s)\n=== RUN   TestC\n--- PASS: TestC (0.00s)\nFAIL\nFAIL\tshop/a\t0.1s\n";
        assert_eq!(check(recovered, &["shop/a TestB"], 1).report.failures[0].message, "no");
    }

    #[test]
    fn a_log_that_is_cut_knows_what_failed() {
        let log =
            "=== RUN   TestA\n--- FAIL: TestA (0.00s)\n=== RUN   TestB\n--- PASS: TestB (0.00s)\n=== RUN   TestC\n";
        let reading = check(log, &["TestA"], 1);
        assert_eq!(
            reading.complaints[0].reason,
            "the log ends before a package does; its name, and how tests that ran ended, are unknown"
        );
        assert_eq!(reading.report.outcome(&TestId::new("", "TestB")), None);
        // A test binary that is started by itself tells no package.
        let hints = Hints { suite: Some("shop/a".to_owned()), ..Hints::default() };
        let reading =
            read_as("go-text", "=== RUN   TestA\n--- FAIL: TestA (0.00s)\nFAIL\n".as_bytes(), &hints).unwrap();
        assert_eq!((reading.report.failures[0].id.suite.as_str(), reading.complaints.len()), ("shop/a", 0));
    }

    #[test]
    fn logs_before_go_1_14_tell_of_a_test_after_its_result() {
        let log = "=== RUN   TestA\n=== RUN   TestA/b\n--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/b (0.00s)\n    \ta_test.go:3: no\nFAIL\nexit status 1\nFAIL\tshop/a\t0.1s\n";
        assert_eq!(check(log, &["shop/a TestA/b"], 0).report.failures[0].output, "    \ta_test.go:3: no");
    }

    #[test]
    fn names_of_passes_are_kept_up_to_a_limit() {
        let log: String =
            (10..30).map(|n| format!("=== RUN   TestAllOf{n}\n--- PASS: TestAllOf{n} (0.00s)\n")).collect();
        let hints = Hints { outputs_bytes_max: 4 * 15 * 11, ..Hints::default() };
        let reading = read_as("go-text", format!("{log}PASS\nok  \tshop/a\t0.1s\n").as_bytes(), &hints).unwrap();
        assert_eq!(reading.report.counts.passed, 20);
        assert_eq!(reading.report.outcome(&TestId::new("shop/a", "TestAllOf24")), Some(Outcome::Passed));
        assert_eq!(reading.report.outcome(&TestId::new("shop/a", "TestAllOf25")), None);
        assert_eq!(
            reading.complaints[0].reason,
            "shop/a has too many tests; 5 of them are counted without their names"
        );
    }
}
