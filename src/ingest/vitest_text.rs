//! What vitest prints: what failed, each with its error, between rules, and numbers at the end.
//!
//! Ids are those of `vitest_json`: the file is the suite, and titles are joined with ` > `. Only what stands under the rules
//! that head failures is believed of them. Names of tests that pass are read where the reporter `verbose` prints them;
//! others are counted as the numbers at the end say.

use std::collections::HashMap;
use std::sync::LazyLock;

use memchr::memmem;
use regex::Regex;

use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader, pattern, thrown};
use crate::model::{FailedAttempt, Failure, FlakyPass, Outcome, TestId};
use crate::text::cap::{self, HeadAndTail};

/// The text of vitest.
pub(super) struct VitestText;

/// `      Tests  1 failed | 2 passed (3)`, and the line before it.
static SUMMARY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^ Test Files  [^\n]*\(\d+\)\n      Tests  [^\n]*\(\d+\)$"));

/// What stands behind a title: retries, repetitions and the time.
static BEHIND: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?: \[(?:skipped|todo)[^\]]*\])?(?: ?[\d.]+m?s)?(?: ?\((?P<why>retry|repeat) x(?P<n>\d+)\))*(?: ?\d+ MB heap used)?$",
    )
});

/// Where an error came from that no test accounts for.
static ORIGIN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?m)^This error originated in "(?P<file>[^"\n]+)" test file"#));

/// Headings, and lines of them, that one error has.
const HEADINGS_MAX: usize = 1000;

/// Tests by the list whose failures are awaited.
const CROSSED_MAX: usize = 10_000;

impl Format for VitestText {
    fn name(&self) -> &'static str {
        "vitest-text"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let holds = |word: &str| memmem::find(text.as_bytes(), word.as_bytes()).is_some();
        let is_summed = holds(" Test Files  ") && SUMMARY.is_match(text);
        if is_summed || (holds("⎯⎯ Failed ") && holds("\n FAIL  ")) {
            return Ok(Likeness::Certain);
        }
        let begins = text.lines().any(|line| line.starts_with(" RUN  v") || line.starts_with(" DEV  v"));
        begins
            .then_some(Likeness::Likely)
            .ok_or("there is no line like `⎯⎯ Failed Tests 1 ⎯⎯` or `Test Files  1 passed (1)`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Text::new(hints)))
    }
}

/// What the rule above some lines says that they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    /// Progress, and what tests print.
    Progress,
    Suites,
    Tests,
    /// Errors that no test accounts for.
    Unhandled,
}

/// A line of `⎯`, with what stands in it.
fn rule(line: &str) -> Option<&str> {
    line.starts_with("⎯⎯").then(|| line.trim_matches(['⎯', ' ']))
}

/// One error, and what it is of.
struct Block {
    headings: Vec<String>,
    text: HeadAndTail,
    start: u64,
}

struct Text {
    hints: Hints,
    section: Section,
    block: Option<Block>,
    /// Failures, and where that of each id stands among them: a test may have several errors.
    failures: Vec<(Outcome, Failure)>,
    index: HashMap<TestId, usize>,
    /// Tests that failed by the list.
    crossed: Vec<TestId>,
    n_passed: u64,
    n_skipped: u64,
    /// Whether the latest line told of all files, so that the numbers of tests come next.
    is_before_numbers: bool,
    is_open: bool,
    /// Where the line before the current one ended.
    end: u64,
}

impl Lines for Text {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        let text = line.text;
        let was_before = std::mem::take(&mut self.is_before_numbers);
        if let Some(title) = rule(text) {
            self.rule(title, line.offset);
        } else if text.starts_with(" RUN  v") || text.starts_with(" DEV  v") {
            self.conclude(to);
            self.is_open = true;
        } else if text.starts_with(" Test Files  ") && text.ends_with(')') {
            (self.is_before_numbers, self.is_open) = (true, true);
        } else if let Some(numbers) = text.strip_prefix("      Tests  ").filter(|_| was_before) {
            self.numbers(numbers, line.offset, to);
        } else if self.section == Section::Progress {
            self.progress(text, to);
        } else {
            self.content(text, line.offset);
        }
        self.end = line.offset + line.text.len() as u64;
        if self.is_open { Owner::This } else { Owner::Other }
    }

    fn end(&mut self, to: &mut Recorder) {
        let is_cut = self.is_open;
        self.conclude(to);
        if is_cut {
            to.complain(self.end, "there are no numbers at the end; the run was cut short or its output is");
        }
    }
}

impl Text {
    fn new(hints: &Hints) -> Self {
        Self {
            hints: hints.clone(),
            section: Section::Progress,
            block: None,
            failures: Vec::new(),
            index: HashMap::new(),
            crossed: Vec::new(),
            n_passed: 0,
            n_skipped: 0,
            is_before_numbers: false,
            is_open: false,
            end: 0,
        }
    }

    fn rule(&mut self, title: &str, offset: u64) {
        self.end_block();
        let section = match title.split(' ').next().unwrap_or_default() {
            _ if title.starts_with("Failed Suites ") => Section::Suites,
            _ if title.starts_with("Failed Tests ") => Section::Tests,
            "Unhandled" | "Uncaught" => Section::Unhandled,
            _ => return,
        };
        (self.section, self.is_open) = (section, true);
        if section == Section::Tests {
            // All that failed is told of below.
            self.crossed.clear();
        } else if section == Section::Unhandled && !title.starts_with("Unhandled Errors") {
            self.begin_block(offset);
        }
    }

    fn begin_block(&mut self, start: u64) {
        let text = HeadAndTail::new(self.hints.output_bytes_max);
        self.block = Some(Block { headings: Vec::new(), text, start });
    }

    /// Takes a line under a rule.
    fn content(&mut self, text: &str, offset: u64) {
        if let Some(heading) = text.strip_prefix(" FAIL  ").filter(|_| self.section != Section::Unhandled) {
            if self.block.as_ref().is_none_or(|block| !block.text.is_empty()) {
                self.end_block();
                self.begin_block(offset);
            }
            if let Some(block) = self.block.as_mut().filter(|block| block.headings.len() < HEADINGS_MAX) {
                block.headings.push(heading.trim_end().to_owned());
            }
            return;
        }
        let Some(block) = &mut self.block else { return };
        // A title may have several lines; an error begins with its name.
        let is_error = text.contains(": ") || text.starts_with([' ', '-', '+']) || text.is_empty();
        match block.headings.last_mut() {
            Some(heading) if block.text.is_empty() && !is_error && heading.len() < self.hints.line_bytes_max => {
                heading.push('\n');
                heading.push_str(text);
            }
            _ => block.text.push_line(text),
        }
    }

    /// Takes a line of progress: with the reporter `verbose`, each names a test.
    fn progress(&mut self, text: &str, to: &mut Recorder) {
        let Some((sign, rest)) = text.trim_start().split_once(' ') else { return };
        let outcome = match sign {
            "✓" | "√" => Outcome::Passed,
            "×" | "❯" => Outcome::Failed,
            "↓" | "□" | "-" => Outcome::Skipped,
            _ => return,
        };
        if !text.starts_with(' ') || !rest.contains(" > ") {
            return;
        }
        self.is_open = true;
        let behind = BEHIND.captures(rest);
        let end = behind.as_ref().map_or(rest.len(), |behind| behind.get_match().start());
        let (id, _) = self.id(rest[..end].trim_end());
        if id.suite.contains(' ') {
            // Other reporters show what a file holds as a tree, without its name.
            return;
        }
        let n_retries = behind.filter(|behind| behind.name("why").is_some_and(|why| why.as_str() == "retry"));
        let n_retries: usize = n_retries.and_then(|behind| behind["n"].parse().ok()).unwrap_or(0);
        match outcome {
            Outcome::Passed if n_retries > 0 => {
                self.n_passed += 1;
                to.pass_flaky(FlakyPass { id, attempts: vec![FailedAttempt::default(); n_retries.min(20)] });
            }
            Outcome::Passed => {
                self.n_passed += 1;
                to.tally(&id.suite, &id.name, outcome);
            }
            Outcome::Skipped => {
                self.n_skipped += 1;
                to.tally(&id.suite, &id.name, outcome);
            }
            _ if self.crossed.len() < CROSSED_MAX => self.crossed.push(id),
            _ => {}
        }
    }

    /// Returns the id that a heading names, and the project it is in: `|node| src/a.test.ts > cart > adds`.
    fn id<'h>(&self, heading: &'h str) -> (TestId, Option<&'h str>) {
        let project = heading.strip_prefix('|').and_then(|rest| rest.split_once("| "));
        let (project, heading) = project.map_or((None, heading), |(project, rest)| (Some(project), rest.trim_start()));
        let (path, name) = match heading.split_once(" > ") {
            Some((path, name)) => (path, name),
            None => (heading.split_once(" [ ").map_or(heading, |(path, _)| path), TestId::SUITE),
        };
        (TestId::new(self.hints.relative(path.trim()), name), project)
    }

    fn end_block(&mut self) {
        let Some(Block { headings, text, start }) = self.block.take() else { return };
        let text = text.into_text();
        if self.section == Section::Unhandled {
            if !text.trim().is_empty() {
                let file = ORIGIN.captures(&text).map(|found| found["file"].to_owned()).unwrap_or_default();
                self.add(TestId::of_suite(self.hints.relative(&file)), None, &text, start);
            }
            return;
        }
        for heading in headings {
            let (id, project) = self.id(&heading);
            let project = project.map(str::to_owned);
            self.add(id, project, &text, start);
        }
    }

    /// Adds an error to the failure of a test: the first says what is wrong.
    fn add(&mut self, id: TestId, project: Option<String>, text: &str, start: u64) {
        if let Some(known) = self.index.get(&id).and_then(|at| self.failures.get_mut(*at)) {
            let failure = &mut known.1;
            if failure.output.ends_with(text.trim_matches('\n')) {
                // Of a test that was run again, each error stands for an attempt.
                let attempt = thrown::attempt(thrown::before_code(text), self.hints.output_bytes_max);
                failure.attempts.push(attempt);
            } else {
                let output = format!("{}\n{}", failure.output, text.trim_matches('\n'));
                failure.output = cap::head_and_tail(&output, self.hints.output_bytes_max);
            }
            return;
        }
        let mut failure = Failure::bare(id.clone());
        let said = thrown::before_code(text);
        // What is compared stands below what is said.
        let told = ["\n\n- Expected", "\n\nExpected:"].iter().filter_map(|mark| said.find(mark)).min();
        thrown::say(&mut failure, &said[..told.unwrap_or(said.len())]);
        thrown::fill(&mut failure, &[text.to_owned()], "", self.hints.output_bytes_max);
        failure.properties.extend(project.map(|project| ("project".to_owned(), project)));
        failure.source = Some((start, self.end));
        let outcome = if self.section == Section::Tests { Outcome::Failed } else { Outcome::Errored };
        self.index.insert(id, self.failures.len());
        self.failures.push((outcome, failure));
    }

    /// Counts what was not named, by the numbers at the end: `1 failed | 2 passed | 1 expected fail | 3 skipped (7)`.
    fn numbers(&mut self, numbers: &str, offset: u64, to: &mut Recorder) {
        let (mut n_passed, mut n_skipped, mut n_failed) = (0_u64, 0_u64, 0_u64);
        let numbers = numbers.rsplit_once(" (").map_or(numbers, |(numbers, _)| numbers);
        for part in numbers.split('|') {
            let Some((n, word)) = part.trim().split_once(' ') else { continue };
            let n = n.parse().unwrap_or(0);
            match word {
                "passed" => n_passed += n,
                "failed" => n_failed += n,
                "skipped" | "todo" | "expected fail" => n_skipped += n,
                _ => {}
            }
        }
        // Tests that should fail, and did, have the sign of those that passed.
        let n_expected = self.n_passed.saturating_sub(n_passed);
        to.count_unnamed(Outcome::Passed, n_passed.saturating_sub(self.n_passed));
        to.count_unnamed(Outcome::Skipped, n_skipped.saturating_sub(self.n_skipped + n_expected));
        self.end_block();
        let n_told = self.failures.iter().filter(|(outcome, _)| *outcome == Outcome::Failed).count() as u64;
        let n_crossed = self.crossed.iter().filter(|id| !self.index.contains_key(*id)).count() as u64;
        if n_failed != n_told + n_crossed {
            to.complain(
                offset,
                format!("the numbers at the end count {n_failed} tests that failed, and {n_told} are told of"),
            );
        }
        self.conclude(to);
    }

    /// Ends a run: records what failed, by its errors, or if those do not come, by the list.
    fn conclude(&mut self, to: &mut Recorder) {
        self.end_block();
        for (outcome, failure) in self.failures.drain(..) {
            to.fail(outcome, failure);
        }
        for id in std::mem::take(&mut self.crossed) {
            if !self.index.contains_key(&id) {
                to.fail(Outcome::Failed, Failure::bare(id));
            }
        }
        self.index.clear();
        (self.n_passed, self.n_skipped) = (0, 0);
        (self.section, self.is_open) = (Section::Progress, false);
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    fn check(log: &str, ids: &[&str], counts: (u64, u64), complaints: &[&str]) -> Reading {
        let reading = read_as("vitest-text", log.as_bytes(), &Hints::default()).unwrap();
        let found: Vec<_> = reading.report.failures.iter().map(|failure| failure.id.to_string()).collect();
        let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
        let n = reading.report.counts;
        assert_eq!((found, (n.passed, n.skipped)), (ids.iter().map(ToString::to_string).collect(), counts), "{log}");
        assert_eq!(reasons, complaints, "{log}");
        reading
    }

    const BEGIN: &str = " RUN  v4.1.0 /u/shop\n\n";
    const FAILED: &str = "⎯⎯⎯⎯ Failed Tests 2 ⎯⎯⎯\n\n FAIL  src/a.test.ts > cart > sums\nError: no\nmore\n ❯ src/a.ts:3:9\n\n⎯⎯⎯⎯[1/2]⎯\n\n FAIL  |node| src/a.test.ts > pays\n FAIL  src/b.test.ts > pays\nTypeError: not\n\n⎯⎯⎯⎯[2/2]⎯\n\n";

    fn numbers(tests: &str) -> String {
        format!(" Test Files  1 failed (1)\n      Tests  {tests}\n   Start at  08:21:00\n")
    }

    #[test]
    fn failures_stand_between_rules_and_may_share_an_error() {
        let log = format!("{BEGIN}{FAILED}{}", numbers("3 failed | 2 passed | 1 skipped | 1 todo (7)"));
        let ids = ["src/a.test.ts cart > sums", "src/a.test.ts pays", "src/b.test.ts pays"];
        let failures = check(&log, &ids, (2, 2), &[]).report.failures;
        assert_eq!((failures[0].message.as_str(), failures[2].kind.as_str()), ("no\nmore", "TypeError"));
        assert_eq!(failures[0].location.as_ref().unwrap().to_string(), "src/a.ts:3:9");
        assert_eq!(failures[1].properties, [("project".to_owned(), "node".to_owned())]);
    }

    #[test]
    fn what_tests_print_is_not_believed() {
        let printed = "stdout | src/a.test.ts > cart > prints\n FAIL  src/fake.test.ts > fake\n Tests  9 failed (9)\n      Tests  8 failed (8)\n";
        check(&format!("{BEGIN}{printed}{}", numbers("1 passed (1)")), &[], (1, 0), &[]);
    }

    #[test]
    fn the_list_names_tests_and_tells_what_failed_when_the_rest_is_cut() {
        let list = " ✓ src/a.test.ts > cart > adds 2ms\n × src/a.test.ts > cart > sums 3ms\n   → no > such\n ↓ src/a.test.ts > waits\n ✓ src/a.test.ts > once more 7ms (retry x2)\n ✓ src/b.test.ts (3 tests) 2ms\n";
        let cut = "there are no numbers at the end; the run was cut short or its output is";
        let reading = check(&format!("{BEGIN}{list}"), &["src/a.test.ts cart > sums"], (2, 1), &[cut]);
        assert_eq!(reading.report.outcome(&TestId::new("src/a.test.ts", "cart > adds")), Some(Outcome::Passed));
        assert_eq!(
            (reading.report.flaky[0].id.name.as_str(), reading.report.flaky[0].attempts.len()),
            ("once more", 2)
        );
        let log = format!(
            "{BEGIN}{list}{}{}",
            FAILED.replace(" FAIL  src/b.test.ts > pays\n", ""),
            numbers("2 failed | 4 passed | 1 skipped (7)")
        );
        check(&log, &["src/a.test.ts cart > sums", "src/a.test.ts pays"], (4, 1), &[]);
    }

    #[test]
    fn errors_of_no_test_are_those_of_their_files() {
        let log = format!(
            "{BEGIN}⎯⎯⎯ Failed Suites 1 ⎯⎯⎯\n\n FAIL  src/c.test.ts [ src/c.test.ts ]\nError: no suite\n⎯⎯⎯⎯[1/1]⎯\n\n⎯⎯⎯ Unhandled Errors ⎯⎯⎯\n\nVitest caught 1 unhandled error.\n\n\
            ⎯⎯⎯ Unhandled Rejection ⎯⎯⎯\nError: lost\nThis error originated in \"src/d.test.ts\" test file. It\n⎯⎯⎯⎯⎯⎯\n\n{}",
            numbers("1 passed (1)")
        );
        let reading = check(&log, &["src/c.test.ts [suite]", "src/d.test.ts [suite]"], (1, 0), &[]);
        assert_eq!((reading.report.counts.errored, reading.report.failures[0].message.as_str()), (2, "no suite"));
    }
}
