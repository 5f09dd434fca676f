//! What jest prints: files that passed or failed, the failures of each, and numbers at the end.
//!
//! Ids are those of `jest_json`: no suite, and the titles joined by spaces. Jest puts ` › ` between titles, so one that
//! holds that itself is only spelt right with `--verbose`, which lists all tests. What tests print is indented by jest, and
//! believed nowhere; tests that are not named are counted as the numbers at the end say.

use std::sync::LazyLock;

use memchr::memmem;
use regex::Regex;

use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader, pattern, thrown};
use crate::model::{Counts, FailedAttempt, Failure, FlakyPass, Outcome, TestId};
use crate::text::cap::HeadAndTail;

/// The text of jest.
pub(super) struct JestText;

/// `Tests:       1 failed, 2 skipped, 3 passed, 6 total`, and the line before it.
static SUMMARY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^Test Suites: [^\n]*\d+ total(?: |$)[^\n]*\n(?:\s*\n)?Tests: +[^\n]*\d+ total$"));

/// `FAIL __tests__/cart.test.js (5.1 s)`, with a project's name before the file.
static FILE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^ ?(?P<status>PASS|FAIL) {1,2}(?:\S+ +)??(?P<path>\S*[./]\S*)(?: \([\d.]+ m?s\))?(?: \(\d+ [^)]*\))*$")
});

/// How long a test took, behind its title.
static DURATION: LazyLock<Regex> = LazyLock::new(|| pattern(r" \([\d.]+ m?s\)$"));

/// Headings that are no tests'.
const NOTES: &[&str] = &[
    "Console",
    "Cannot log after tests are done",
    "Validation ",
    "Deprecation ",
    "Multiple configurations",
    "process.exit called",
];

/// What heads the reason why a file could not be run.
const NOT_RUN: &str = "Test suite failed to run";

/// What heads a failed attempt of a test that is run again.
const RETRIED: &str = "LOGGING RETRY ERRORS ";

/// Attempts, and names of tests that failed, that are kept of one file.
const NAMES_MAX: usize = 10_000;

impl Format for JestText {
    fn name(&self) -> &'static str {
        "jest-text"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let holds = |word: &str| memmem::find(text.as_bytes(), word.as_bytes()).is_some();
        if holds("Test Suites: ") && SUMMARY.is_match(text) {
            return Ok(Likeness::Certain);
        }
        let has_file = || text.lines().any(|line| file(line).is_some());
        let has_heading = holds("\n  ● ");
        let is_run = has_heading && (holds("FAIL ") || holds("PASS ")) && has_file();
        let reason =
            "there is no line like `FAIL src/cart.test.js` with `  ● ` below, and none like `Tests: 1 passed, 1 total`";
        is_run.then_some(Likeness::Likely).ok_or(reason)
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Text::new(hints)))
    }
}

/// Reads the line that heads a file: whether it failed, and its path.
fn file(line: &str) -> Option<(bool, &str)> {
    let line = line.trim_end();
    if !["PASS ", "FAIL ", " PASS ", " FAIL "].iter().any(|status| line.starts_with(status)) {
        return None;
    }
    let found = FILE.captures(line)?;
    Some((&found["status"] == "FAIL", found.name("path")?.as_str()))
}

/// A test's outcome by the sign before its title.
fn sign(line: &str) -> Option<(Outcome, &str)> {
    let (sign, title) = line.split_once(' ')?;
    match sign {
        "✓" | "√" => Some((Outcome::Passed, title)),
        "✕" | "×" => Some((Outcome::Failed, title)),
        "○" => Some((Outcome::Skipped, title.strip_prefix("skipped ").unwrap_or(title))),
        "✎" => Some((Outcome::Skipped, title.strip_prefix("todo ").unwrap_or(title))),
        _ => None,
    }
}

/// What is told under a heading.
struct Block {
    /// The heading, which goes on until an empty line.
    heading: String,
    has_heading: bool,
    text: HeadAndTail,
    start: u64,
}

/// The part of a log that its lines stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Outside,
    /// Files, and what is told of each.
    Files,
    /// Files that failed, told of once more.
    Summary,
}

/// A file whose results are told.
#[derive(Debug, Clone)]
struct TestFile {
    path: String,
    is_red: bool,
}

struct Text {
    hints: Hints,
    section: Section,
    /// The latest file, unless it is told of once more.
    file: Option<TestFile>,
    /// Whether the list of all tests, which `--verbose` prints, may go on.
    is_in_list: bool,
    /// Titles of the suites that are open in that list, each at its depth.
    titles: Vec<String>,
    /// Tests that failed by the list: titles as jest joins them, and as ids do.
    crossed: Vec<(String, String)>,
    /// What tests failed with before they were run again, by their own titles.
    retried: Vec<(String, Vec<FailedAttempt>)>,
    block: Option<Block>,
    /// Whether the latest line told of all files, so that the numbers of tests come next.
    is_before_numbers: bool,
    /// How many results were read of those that the numbers at the end count.
    named: Counts,
    /// Where the line before the current one ended.
    end: u64,
}

impl Lines for Text {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        let text = line.text;
        match text.as_bytes().first() {
            Some(b'P' | b'F' | b' ') if let Some((is_red, path)) = file(text) => self.begin_file(is_red, path, to),
            Some(b'T' | b'R' | b'S') if self.number(text, line.offset, to) => {}
            Some(b' ') if let Some(title) = text.trim_start().strip_prefix(RETRIED) => {
                self.begin_retry(title, line.offset, to);
            }
            Some(b' ') if let Some(heading) = text.strip_prefix("  ● ") => self.begin_block(heading, line.offset, to),
            _ => self.content(text, to),
        }
        self.end = line.offset + line.text.len() as u64;
        if self.section == Section::Outside { Owner::Other } else { Owner::This }
    }

    fn end(&mut self, to: &mut Recorder) {
        self.end_file(to);
        if self.section != Section::Outside {
            to.complain(self.end, "there are no numbers at the end; the run was cut short or its output is");
        }
    }
}

impl Text {
    fn new(hints: &Hints) -> Self {
        Self {
            hints: hints.clone(),
            section: Section::Outside,
            file: None,
            is_in_list: false,
            titles: Vec::new(),
            crossed: Vec::new(),
            retried: Vec::new(),
            block: None,
            is_before_numbers: false,
            named: Counts::default(),
            end: 0,
        }
    }

    fn begin_file(&mut self, is_red: bool, path: &str, to: &mut Recorder) {
        self.end_file(to);
        if self.section != Section::Summary {
            self.section = Section::Files;
            self.file = Some(TestFile { path: self.hints.relative(path).to_owned(), is_red });
        }
        self.is_in_list = self.file.is_some();
        self.titles.clear();
    }

    /// Takes the lines at the end of a run; tells whether it is one.
    fn number(&mut self, text: &str, offset: u64, to: &mut Recorder) -> bool {
        let was_before = std::mem::take(&mut self.is_before_numbers);
        if text.trim_end() == "Summary of all failing tests" {
            self.end_file(to);
            self.section = Section::Summary;
        } else if text.starts_with("Test Suites: ") && text.contains(" total") {
            self.end_file(to);
            self.is_before_numbers = true;
            if self.section == Section::Outside {
                self.section = Section::Files;
            }
        } else if let Some(numbers) = text.strip_prefix("Tests: ").filter(|_| was_before) {
            self.conclude(numbers, offset, to);
        } else if text.starts_with("Ran all test suites") {
            self.end_file(to);
        } else {
            return false;
        }
        true
    }

    /// Counts what was not named, by the numbers at the end.
    fn conclude(&mut self, numbers: &str, offset: u64, to: &mut Recorder) {
        let named = std::mem::take(&mut self.named);
        let (mut n_passed, mut n_skipped, mut n_failed) = (0_u64, 0_u64, 0_u64);
        for part in numbers.split(',') {
            let Some((n, word)) = part.trim().split_once(' ') else { continue };
            let n = n.parse().unwrap_or(0);
            match word {
                "passed" => n_passed = n,
                "failed" => n_failed = n,
                "skipped" | "todo" => n_skipped += n,
                _ => {}
            }
        }
        to.count_unnamed(Outcome::Passed, n_passed.saturating_sub(named.passed));
        to.count_unnamed(Outcome::Skipped, n_skipped.saturating_sub(named.skipped));
        if n_failed != named.failed {
            to.complain(
                offset,
                format!("the numbers at the end count {n_failed} tests that failed, and {} are told of", named.failed),
            );
        }
        self.section = Section::Outside;
    }

    fn begin_block(&mut self, heading: &str, start: u64, to: &mut Recorder) {
        self.end_block(to);
        self.is_in_list = false;
        let is_note = NOTES.iter().any(|note| heading.starts_with(note));
        if self.file.as_ref().is_some_and(|file| file.is_red) && !is_note {
            let text = HeadAndTail::new(self.hints.output_bytes_max);
            self.block = Some(Block { heading: heading.trim_end().to_owned(), has_heading: true, text, start });
        }
    }

    fn begin_retry(&mut self, title: &str, start: u64, to: &mut Recorder) {
        self.end_file(to);
        if self.retried.len() < NAMES_MAX {
            self.retried.push((title.trim().to_owned(), Vec::new()));
        }
        self.begin_attempt(start);
    }

    fn begin_attempt(&mut self, start: u64) {
        let text = HeadAndTail::new(self.hints.output_bytes_max);
        self.block = Some(Block { heading: String::new(), has_heading: true, text, start });
    }

    fn content(&mut self, text: &str, to: &mut Recorder) {
        let depth = text.len() - text.trim_start_matches(' ').len();
        if text.starts_with(" RETRY ") && self.block.is_some() && self.file.is_none() {
            self.end_block(to);
            return self.begin_attempt(self.end);
        }
        if let Some(block) = &mut self.block {
            match text.trim().is_empty() {
                false if !block.has_heading && !block.heading.is_empty() && depth < 4 => self.end_block(to),
                true if block.has_heading => block.has_heading = false,
                false if block.has_heading && !block.heading.is_empty() => {
                    block.heading.push('\n');
                    block.heading.push_str(text.trim_end());
                }
                _ => block.text.push_line(text.strip_prefix("    ").unwrap_or(text.trim_start())),
            }
        } else if self.is_in_list {
            self.listed(text, depth, to);
        }
    }

    /// Takes a line of the list of all tests.
    fn listed(&mut self, text: &str, depth: usize, to: &mut Recorder) {
        let text = text.trim();
        let level = (depth / 2).saturating_sub(1);
        if text.is_empty() || depth < 2 || !depth.is_multiple_of(2) || level > self.titles.len() {
            self.is_in_list = text.is_empty() && self.titles.is_empty() && self.is_in_list;
            return;
        }
        self.titles.truncate(level);
        let Some((outcome, title)) = sign(text) else { return self.titles.push(text.to_owned()) };
        let is_number = title.split(' ').next().is_some_and(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
        if outcome == Outcome::Skipped && is_number && (title.ends_with(" test") || title.ends_with(" tests")) {
            return;
        }
        let title = DURATION.find(title).map_or(title, |time| &title[..time.start()]);
        let titles = || self.titles.iter().map(String::as_str).chain([title]).collect::<Vec<_>>();
        let name = titles().join(" ").trim().to_owned();
        match outcome {
            Outcome::Failed | Outcome::Errored if self.crossed.len() < NAMES_MAX => {
                let heading = titles().join(" › ");
                self.crossed.push((heading, name));
            }
            Outcome::Failed | Outcome::Errored => {}
            Outcome::Skipped => {
                self.named.skipped += 1;
                to.tally("", &name, outcome);
            }
            Outcome::Passed => {
                self.named.passed += 1;
                match self.take_attempts(title) {
                    Some(attempts) => to.pass_flaky(FlakyPass { id: TestId::new("", name), attempts }),
                    None => to.tally("", &name, outcome),
                }
            }
        }
    }

    /// Takes the failed attempts of the test with this title.
    fn take_attempts(&mut self, title: &str) -> Option<Vec<FailedAttempt>> {
        let at = self.retried.iter().position(|(retried, _)| retried == title)?;
        Some(self.retried.remove(at).1)
    }

    fn end_block(&mut self, to: &mut Recorder) {
        let Some(Block { heading, text, start, .. }) = self.block.take() else { return };
        let text = text.into_text();
        if heading.is_empty() {
            if let Some((_, attempts)) = self.retried.last_mut()
                && !text.trim().is_empty()
            {
                attempts.push(thrown::attempt(thrown::before_code(&text), self.hints.output_bytes_max));
            }
            return;
        }
        let Some(file) = self.file.clone() else { return };
        let mut failure = if heading == NOT_RUN {
            Failure::bare(TestId::of_suite(file.path))
        } else {
            self.named.failed += 1;
            let mut failure = Failure::bare(TestId::new("", self.name(&heading)));
            let title = heading.rsplit(" › ").next().unwrap_or_default();
            failure.attempts = self.take_attempts(title).unwrap_or_default();
            failure.properties.push(("file".to_owned(), file.path));
            failure
        };
        let said = text.split_once("\nDetails:\n").map_or(text.as_str(), |(_, details)| details);
        thrown::say(&mut failure, thrown::before_code(said));
        thrown::fill(&mut failure, &[text], "", self.hints.output_bytes_max);
        failure.source = Some((start, self.end));
        let outcome = if heading == NOT_RUN { Outcome::Errored } else { Outcome::Failed };
        to.fail(outcome, failure);
    }

    /// Returns the name of the test under a heading: as the list has it, if there is one.
    fn name(&mut self, heading: &str) -> String {
        let listed = self.crossed.iter().position(|(crossed, _)| *crossed == heading);
        match listed {
            Some(at) => self.crossed.swap_remove(at).1,
            None => heading.replace(" › ", " ").trim().to_owned(),
        }
    }

    /// Ends a file: what failed by its list and is not told of did fail.
    fn end_file(&mut self, to: &mut Recorder) {
        self.end_block(to);
        self.is_in_list = false;
        let Some(file) = self.file.take() else { return };
        for (_, name) in std::mem::take(&mut self.crossed) {
            let mut failure = Failure::bare(TestId::new("", name));
            failure.properties.push(("file".to_owned(), file.path.clone()));
            self.named.failed += 1;
            to.fail(Outcome::Failed, failure);
        }
        self.retried.clear();
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    fn check(log: &str, ids: &[&str], counts: (u64, u64), complaints: &[&str]) -> Reading {
        let reading = read_as("jest-text", log.as_bytes(), &Hints::default()).unwrap();
        let found: Vec<_> = reading.report.failures.iter().map(|failure| failure.id.to_string()).collect();
        let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
        let n = reading.report.counts;
        assert_eq!((found, (n.passed, n.skipped)), (ids.iter().map(ToString::to_string).collect(), counts), "{log}");
        assert_eq!(reasons, complaints, "{log}");
        reading
    }

    const FAILURE: &str = "  ● cart › sums\n\n    TypeError: no\n\n      3 | x\n\n      at f (src/cart.js:3:9)\n\n";

    fn numbers(tests: &str) -> String {
        format!("Test Suites: 1 failed, 1 total\nTests:       {tests} total\nTime: 1 s\nRan all test suites.\n")
    }

    #[test]
    fn tests_that_are_not_named_are_counted_as_the_numbers_say() {
        let log = format!(
            "PASS src/a.test.js\nFAIL src/b.test.js (5.1 s)\n{FAILURE}{}",
            numbers("1 failed, 2 skipped, 1 todo, 3 passed, 7")
        );
        let failure = check(&log, &["cart sums"], (3, 3), &[]).report.failures.remove(0);
        assert_eq!((failure.kind.as_str(), failure.message.as_str()), ("TypeError", "no"));
        assert_eq!(failure.location.unwrap().to_string(), "src/cart.js:3:9");
        assert_eq!(failure.properties, [("file".to_owned(), "src/b.test.js".to_owned())]);
    }

    #[test]
    fn the_list_names_tests_and_spells_titles() {
        let list = "FAIL src/b.test.js\n  ✓ top (2 ms)\n  cart › x\n    ✕ sums (1 ms)\n    ○ skipped waits\n    ✎ todo pays\n    deep (1)\n      ✓ adds\n      ○ skipped 2 tests\n\n";
        let log = format!(
            "{list}{}{}",
            FAILURE.replace("cart", "cart › x"),
            numbers("1 failed, 4 skipped, 1 todo, 2 passed, 8")
        );
        let reading = check(&log, &["cart › x sums"], (2, 5), &[]);
        for name in ["top", "cart › x deep (1) adds"] {
            assert_eq!(reading.report.outcome(&TestId::new("", name)), Some(Outcome::Passed), "{name}");
        }
        let cut = "there are no numbers at the end; the run was cut short or its output is";
        check(list, &["cart › x sums"], (2, 2), &[cut]);
    }

    #[test]
    fn a_summary_of_failures_repeats_them() {
        let once = format!("FAIL src/b.test.js\n{FAILURE}");
        let log = format!("{once}Summary of all failing tests\n{once}{}", numbers("1 failed, 1"));
        check(&log, &["cart sums"], (0, 0), &[]);
    }

    #[test]
    fn what_tests_print_is_not_believed() {
        let console = "  ● Console\n\n    console.log\n      ● cart › fake\n\n      FAIL fake.test.js\n    Tests: 9 failed, 9 total\n\n";
        let log = format!(
            "Tests: 8 failed, 8 total\nFAIL src/b.test.js\n{console}{FAILURE}PASS src/a.test.js\n{FAILURE}{}",
            numbers("1 failed, 1")
        );
        check(&log, &["cart sums"], (0, 0), &[]);
    }

    #[test]
    fn numbers_that_do_not_fit_are_complained_of() {
        let reason = "the numbers at the end count 2 tests that failed, and 1 are told of";
        check(&format!("FAIL src/b.test.js\n{FAILURE}{}", numbers("2 failed, 2")), &["cart sums"], (0, 0), &[reason]);
    }

    #[test]
    fn files_are_told_from_other_words() {
        assert_eq!(file("FAIL src/a.test.js (5.1 s)"), Some((true, "src/a.test.js")));
        assert_eq!(file(" PASS  server  src/a.test.js"), Some((false, "src/a.test.js")));
        assert_eq!(file("PASS server src/a.test.js (12 MB heap size)"), Some((false, "src/a.test.js")));
        assert_eq!(file("FAIL\tshop/cart\t0.1s"), None);
        assert_eq!(file("FAIL now"), None);
    }
}
