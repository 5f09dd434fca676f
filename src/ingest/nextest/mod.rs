//! What `cargo nextest run` prints: status lines with binary ids, the output of what failed, and a summary.
//!
//! Of several attempts the last counts; a test that passed after it had failed is flaky. A test's output is indented, or
//! framed, or under `--no-capture` stands before its status line; what it holds is not believed: a status line in it has not
//! the next number. The summary's numbers are compared with what was read, and count what is not listed.
//!
//! The suite is nextest's binary id, the name that of the test. A setup script that fails is the errored case of its name in
//! the suite `@setup-script:NAME`, as in nextest's JUnit report; one that succeeds is no test. Each round of a stress run is a
//! result of its own.

mod attempts;
mod status;

use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::capture::{Allowance, Capture};
use crate::ingest::nextest::attempts::{Attempts, Key};
pub(super) use crate::ingest::nextest::attempts::{failed_attempt, flaky, last_of};
use crate::ingest::nextest::status::{Meaning, Status};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::unsettled::Unsettled;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader, detail, pattern};
use crate::model::{Failure, Outcome, TestId};

/// The text of nextest.
pub(super) struct Nextest;

/// `     Summary [   0.098s] 12 tests run: 3 passed, 9 failed, 1 skipped`, and of each round of a stress run
/// ` Stress test [   0.032s] iteration 2/2: 5 tests run: 2 passed, 3 failed, 18 skipped`.
static SUMMARY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^ *(?:Summary \[[> ]*[\d.]+s\] +|Stress test \[[> ]*[\d.]+s\] iteration \S+ )(?P<run>\d+)(?:/\d+)? tests? run: (?P<parts>.*)$",
    )
});

/// A count in a summary: `9 failed`, `1 exec failed`.
static COUNT: LazyLock<Regex> = LazyLock::new(|| pattern(r"(\d+) (passed|failed|exec failed|timed out|skipped)"));

/// The line that begins every run.
static STARTING: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^ *(?:Starting \d+ tests? across \d+ binar|Nextest run ID )"));

/// The status line of a test that passed or failed.
static LISTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?m)^(?:        (?:PASS|FAIL)|  TRY \d (?:PASS|FAIL)) \[ *[\d.]+s\] \( *\d+/\d+\) \S+ \S")
});

/// `  stdout ───`, `── stdout ──`, or until 0.9.93 `--- STDOUT:              shop tests::adds ---`.
static FRAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:(?:  |── )(?:stdout|stderr|output) ─+|-+ (?:STDOUT|STDERR|OUTPUT): .*)$"));

/// What ends a run of which nothing else comes.
const LAST_WORDS: &[&str] =
    &["error: test run failed", "error: no tests to run", "error: setup script failed", "warning: ", "(hint: "];

/// The prefix of the suite of a setup script.
pub(super) const SCRIPT: &str = "@setup-script:";

/// Tells whether a run of nextest begins in a text.
pub(super) fn begins(text: &str) -> bool {
    STARTING.is_match(text)
}

impl Format for Nextest {
    fn name(&self) -> &'static str {
        "nextest"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        if begins(text) {
            return Ok(Likeness::Certain);
        }
        let is_end = LISTED.is_match(text);
        is_end.then_some(Likeness::Likely).ok_or("there is no line like `Starting 3 tests across 2 binaries`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        let allowance = Allowance::new(hints);
        Reader::Lines(Box::new(Log { output_bytes_max: hints.output_bytes_max, allowance, run: None, has_run: false }))
    }
}

/// A log of runs.
struct Log {
    output_bytes_max: usize,
    allowance: Allowance,
    run: Option<Run>,
    has_run: bool,
}

impl Lines for Log {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        let begins = is_start(line.text) && self.run.as_ref().is_none_or(Run::may_be_followed);
        let begins_late = self.run.is_none() && !self.has_run && status::read(line.text).is_some();
        if begins || begins_late {
            if let Some(run) = self.run.take().filter(|run| !run.is_fresh()) {
                run.settle(self.output_bytes_max, to);
            }
            self.run = Some(Run::new(self.allowance.clone(), line.offset, to.is_heard()));
            self.has_run = true;
        }
        if begins {
            return Owner::This;
        }
        self.run.as_mut().map_or(Owner::Other, |run| run.line(line))
    }

    fn end(&mut self, to: &mut Recorder) {
        if let Some(run) = self.run.take() {
            run.settle(self.output_bytes_max, to);
        }
    }
}

/// Tells whether a line begins a run.
fn is_start(line: &str) -> bool {
    let words = line.trim_start_matches(' ');
    (words.starts_with("Starting ") || words.starts_with("Nextest run ID ")) && STARTING.is_match(line)
}

/// What the summaries count.
#[derive(Debug, Default)]
struct Summed {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// Whose output it is.
#[derive(Debug)]
enum Whose {
    /// A test's, and of which attempt.
    Attempt(Key, usize),
    /// A setup script's.
    Script(usize),
    /// A passed test's.
    Nobody,
}

/// The output that is being read.
#[derive(Debug)]
struct Open {
    whose: Whose,
    /// Whether it stands before its status line: then it may hold anything, up to that line.
    is_before: bool,
    is_indented: bool,
    capture: Capture,
    start: u64,
}

/// One run.
#[derive(Debug)]
struct Run {
    allowance: Allowance,
    passed: Unsettled,
    skipped: Unsettled,
    attempts: Attempts,
    scripts: Vec<(Failure, Option<Capture>)>,
    open: Option<Open>,
    /// The test that passed last after it had failed.
    latest: Option<Key>,
    /// The latest count in a status line, and its round.
    count: Option<u64>,
    round: String,
    summed: Option<Summed>,
    /// Whether the last summary came.
    is_over: bool,
    has_lines: bool,
    /// Where the latest line begins and ends.
    start: u64,
    end: u64,
}

impl Run {
    fn new(allowance: Allowance, offset: u64, is_heard: bool) -> Self {
        Self {
            allowance,
            passed: Unsettled::new(is_heard),
            skipped: Unsettled::new(is_heard),
            attempts: Attempts::default(),
            scripts: Vec::new(),
            open: None,
            latest: None,
            count: None,
            round: String::new(),
            summed: None,
            is_over: false,
            has_lines: false,
            start: offset,
            end: offset,
        }
    }

    /// Tells whether nothing but its first line has come.
    fn is_fresh(&self) -> bool {
        !self.has_lines
    }

    /// Tells whether the beginning of another run would be believed.
    fn may_be_followed(&self) -> bool {
        self.open.as_ref().is_none_or(|open| !open.is_before && open.is_indented)
    }

    fn line(&mut self, line: &Line<'_>) -> Owner {
        let text = line.text;
        self.has_lines = true;
        self.start = line.offset;
        if let Some(status) = status::read(text).filter(|status| self.is_next(status, text)) {
            self.status(&status, line);
            self.end = line.offset + text.len() as u64;
            return Owner::This;
        }
        if self.open.is_some() && !self.ends_output(text) {
            self.output(text);
            self.end = line.offset + text.len() as u64;
            return Owner::This;
        }
        self.close();
        self.end = line.offset + text.len() as u64;
        self.words(text)
    }

    /// Reads a line that is neither status nor output.
    fn words(&mut self, text: &str) -> Owner {
        let words = text.trim_start_matches(' ');
        if let Some(indent) = frame(text) {
            self.open(Whose::Nobody, false, indent == Indent::Some);
        } else if words.starts_with("Summary [") || words.starts_with("Stress test [") {
            self.sum(text);
        } else if words.starts_with("- test configured to fail if flaky") {
            if let Some(key) = &self.latest {
                self.attempts.fail_if_flaky(key);
            }
        } else if self.is_over && !LAST_WORDS.iter().any(|last| words.starts_with(last)) {
            return Owner::Other;
        }
        Owner::This
    }

    /// Tells whether a status line is one and not part of an output: where tests may have printed it, only if it goes on
    /// with the count.
    fn is_next(&self, status: &Status<'_>, line: &str) -> bool {
        let Some(open) = &self.open else { return true };
        if open.is_before {
            let Whose::Attempt(Key { id, .. }, _) = &open.whose else { return true };
            return id.suite == status.binary && id.name == status.name && status.meaning != Meaning::Running;
        }
        let is_result = matches!(status.meaning, Meaning::Passed | Meaning::Failed | Meaning::Errored);
        let may_be_printed = is_result && (!open.is_indented || line.starts_with("    "));
        match self.count.filter(|_| may_be_printed && !self.is_over) {
            Some(_) if status.round != self.round => status.count == Some(1),
            Some(count) => status.count == Some(count + 1) || status.count == Some(0),
            None => true,
        }
    }

    /// Tells whether a line ends the output that is being read.
    fn ends_output(&self, line: &str) -> bool {
        let Some(open) = &self.open else { return true };
        if open.is_before || line.starts_with("{\"type\":") {
            return false;
        }
        let is_rule =
            line.starts_with("───") || line.starts_with("------------") && line.bytes().all(|byte| byte == b'-');
        let is_at_margin = || !line.is_empty() && !line.starts_with("    ") && frame(line).is_none();
        is_rule || open.is_indented && is_at_margin()
    }

    fn status(&mut self, status: &Status<'_>, line: &Line<'_>) {
        let before = self.close();
        if !self.is_over
            && let Some(count) = status.count
        {
            self.count = Some(if count == 0 { self.count.unwrap_or(0) } else { count });
            if self.round != status.round {
                status.round.clone_into(&mut self.round);
            }
        }
        let n_passed_max = self.summed.as_ref().filter(|_| self.is_over).map_or(u64::MAX, |summed| summed.passed);
        match status.meaning {
            Meaning::Passed if status.attempt.is_some_and(|attempt| attempt > 1) => {
                self.latest = Some(Key::of(status));
                self.attempts.pass(status);
            }
            Meaning::Passed if self.passed.len() >= n_passed_max || self.attempts.knows(status) => {}
            Meaning::Passed => self.passed.push(status.binary, status.name, status.duration),
            Meaning::Failed | Meaning::Errored => self.fail(status, line, before),
            Meaning::Skipped => self.skipped.push(status.binary, status.name, None),
            Meaning::Flaky | Meaning::FlakyFailed => self.attempts.pass(status),
            Meaning::Started => {
                self.open(Whose::Attempt(Key::of(status), status.attempt.unwrap_or(1)), true, false);
            }
            Meaning::ScriptFailed => self.fail_script(status, line),
            Meaning::ScriptPassed | Meaning::Running => {}
        }
    }

    fn fail(&mut self, status: &Status<'_>, line: &Line<'_>, before: Option<Open>) {
        let end = line.offset + line.text.len() as u64;
        let start = before.as_ref().map_or(line.offset, |before| before.start);
        self.attempts.fail(status, (start, end));
        let (key, number) = (Key::of(status), status.attempt.unwrap_or(1));
        match before {
            Some(before) => self.attempts.set_output(&key, number, before.capture, end),
            None => self.open(Whose::Attempt(key, number), false, true),
        }
    }

    fn fail_script(&mut self, status: &Status<'_>, line: &Line<'_>) {
        let id = TestId::new(format!("{SCRIPT}{}", status.name), status.name);
        let source = Some((line.offset, line.offset + line.text.len() as u64));
        let failure = Failure { duration: status.duration, source, ..Failure::bare(id) };
        self.open(Whose::Script(self.scripts.len()), false, true);
        self.scripts.push((failure, None));
    }

    fn open(&mut self, whose: Whose, is_before: bool, is_indented: bool) {
        let start = self.start;
        self.open = Some(Open { whose, is_before, is_indented, capture: self.allowance.capture(), start });
    }

    fn output(&mut self, line: &str) {
        let Some(open) = &mut self.open else { return };
        match frame(line).filter(|_| !open.is_before) {
            Some(indent) => open.is_indented &= indent == Indent::Some,
            None if matches!(open.whose, Whose::Nobody) || line.starts_with("{\"type\":") => {}
            None if open.is_indented => open.capture.push_line(line.strip_prefix("    ").unwrap_or(line)),
            None => open.capture.push_line(line),
        }
    }

    /// Ends the output that is being read; returns it when its status line is yet to come.
    fn close(&mut self) -> Option<Open> {
        let open = self.open.take()?;
        match open.whose {
            _ if open.is_before => return Some(open),
            Whose::Attempt(key, number) => self.attempts.set_output(&key, number, open.capture, self.end),
            Whose::Script(n) => {
                if let Some((_, output)) = self.scripts.get_mut(n) {
                    *output = Some(open.capture);
                }
            }
            Whose::Nobody => {}
        }
        None
    }

    fn sum(&mut self, line: &str) {
        self.is_over |= line.trim_start_matches(' ').starts_with("Summary [");
        let Some(found) = SUMMARY.captures(line) else { return };
        let summed = self.summed.get_or_insert_default();
        for count in COUNT.captures_iter(&found["parts"]) {
            let n = count[1].parse().unwrap_or(0);
            match &count[2] {
                "passed" => summed.passed += n,
                // Every round skips the same tests.
                "skipped" => summed.skipped = summed.skipped.max(n),
                _ => summed.failed += n,
            }
        }
    }

    /// Reports everything.
    fn settle(mut self, output_bytes_max: usize, to: &mut Recorder) {
        self.close();
        let (n_failed, n_flaky) = self.attempts.counts();
        self.attempts.tell(output_bytes_max, to);
        for (failure, output) in self.scripts {
            to.fail(Outcome::Errored, script_failure(failure, output, output_bytes_max));
        }
        let Some(summed) = self.summed.filter(|_| self.is_over) else {
            self.passed.tally(Outcome::Passed, to);
            self.skipped.tally(Outcome::Skipped, to);
            return to.complain(self.end, "there is no summary; the run was cut short or its output is");
        };
        if n_failed != summed.failed {
            let reason = format!("the summary counts {} failed tests, and {n_failed} are listed", summed.failed);
            to.complain(self.end, reason);
        }
        self.passed.tally_counted(Outcome::Passed, summed.passed.saturating_sub(n_flaky), to);
        self.skipped.tally_counted(Outcome::Skipped, summed.skipped, to);
    }
}

fn script_failure(mut failure: Failure, output: Option<Capture>, output_bytes_max: usize) -> Failure {
    let output = output.map(Capture::into_text).unwrap_or_default();
    let told = output.lines().rfind(|line| line.starts_with("(script ") && line.ends_with(')'));
    failure.message =
        told.map_or_else(|| "the setup script failed".to_owned(), |told| told[1..told.len() - 1].to_owned());
    detail::fill(&mut failure, &[&output]);
    detail::set_output(&mut failure, &output, output_bytes_max);
    failure
}

/// Whether the lines of an output are indented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Indent {
    Some,
    None,
}

/// Tells whether a line is the heading of an output, and whether that is indented.
fn frame(line: &str) -> Option<Indent> {
    if !line.starts_with(['-', ' ', '─']) || !FRAME.is_match(line) {
        return None;
    }
    Some(if line.starts_with(' ') { Indent::Some } else { Indent::None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use crate::ingest::{Case, Reading, read_as, read_from};

    fn read(log: &str) -> Reading {
        read_as("nextest", log.as_bytes(), &Hints::default()).unwrap()
    }

    /// Reads a fixture of the run that is there in all formats: how each test ended, by suite and name, and which were flaky.
    fn one_run(file: &str) -> (BTreeMap<(String, String), Outcome>, Vec<TestId>) {
        let path = format!("{}/fixtures/ingest/{file}", env!("CARGO_MANIFEST_DIR"));
        let outcomes = Rc::new(RefCell::new(BTreeMap::new()));
        let heard = Rc::clone(&outcomes);
        let listener = move |case: &Case<'_>| {
            let is_test = case.outcome != Outcome::Skipped && !case.suite.starts_with('@');
            let outcome = if case.outcome.is_red() { Outcome::Failed } else { case.outcome };
            let id = (case.suite.to_owned(), case.name.to_owned());
            assert!(!is_test || heard.borrow_mut().insert(id, outcome).is_none(), "{} {} twice", case.suite, case.name);
        };
        let bytes = fs_err::read(path).unwrap();
        let reading = read_from(bytes.as_slice(), &Hints::default(), Some(Box::new(listener))).unwrap();
        let flaky = reading.report.flaky.into_iter().map(|flaky| flaky.id).collect();
        (outcomes.take(), flaky)
    }

    #[test]
    fn all_formats_of_one_run_tell_of_the_same_tests() {
        let (outcomes, flaky) = one_run("nextest/one_run.log");
        assert_eq!((outcomes.len(), flaky.len()), (33, 1));
        for file in [
            "junit/nextest_one_run.xml",
            "libtest-json/nextest_one_run.json",
            "nextest-record/one_run.zip",
            "nextest-record/one_run.run.log.zst",
        ] {
            let (others, others_flaky) = one_run(file);
            assert_eq!(others, outcomes, "{file}");
            // The JUnit reader reports flaky tests once it records them as such.
            assert!(others_flaky == flaky || file.starts_with("junit"), "{file}: {others_flaky:?}");
        }
    }

    const START: &str = "    Starting 3 tests across 1 binary\n";

    #[test]
    fn the_last_attempt_counts_and_repeated_lines_do_not() {
        let log = "    Starting 3 tests across 1 binary\n  TRY 1 FAIL [   0.006s] (─────) shop tests::flaky\n  stdout ───\n\n    first\n\n        \
            PASS [   0.007s] (1/3) shop tests::fine\n  TRY 2 PASS [   0.006s] (2/3) shop tests::flaky\n        SLOW [> 60.000s] shop tests::hangs\n     \
            TIMEOUT [  90.000s] (3/3) shop tests::hangs\n  stderr ───\n    waiting\n────────────\n     \
            Summary [  90.001s] 3 tests run: 2 passed (1 flaky), 1 timed out, 4 skipped\n   FLAKY 2/2 [   0.006s] shop tests::flaky\n     \
            TIMEOUT [  90.000s] (3/3) shop tests::hangs\nerror: test run failed\n";
        let reading = read(log);
        let n = reading.report.counts;
        assert_eq!((n.tests, n.passed, n.failed, n.errored, n.skipped), (7, 2, 0, 1, 4));
        let failure = &reading.report.failures[0];
        assert_eq!((failure.id.to_string().as_str(), failure.kind.as_str()), ("shop tests::hangs", "timeout"));
        assert_eq!(failure.output, "waiting");
        assert_eq!(failure.duration.map(|duration| duration.as_secs()), Some(90));
        assert_eq!(reading.complaints, []);
        let flaky = &reading.report.flaky[0];
        assert_eq!((flaky.id.to_string().as_str(), flaky.attempts.len()), ("shop tests::flaky", 1));
        assert_eq!(flaky.attempts[0].output, "first");
    }

    #[test]
    fn a_run_that_is_cut_says_so() {
        let reading = read(&format!("{START}        PASS [   0.007s] shop tests::fine\n"));
        assert_eq!(reading.complaints[0].reason, "there is no summary; the run was cut short or its output is");
        assert_eq!(reading.report.counts.passed, 1);
        assert_eq!(read(START).complaints.len(), 1);
    }

    #[test]
    fn a_status_line_that_a_test_prints_is_not_believed() {
        let fakes = "            PASS [   0.001s] (3/3) shop b\n        PASS [   0.001s] (3/3) shop b\n        PASS [   0.001s] shop b\n     \
            Summary [   0.001s] 3 tests run: 3 passed, 0 skipped\n";
        let log = format!(
            "{START}  TRY 1 FAIL [   0.001s] (───) shop a\n  stdout ───\n{fakes}\n        FAIL [   0.001s] (1/3) shop b\n  stdout ───\n\
            {fakes}────────────\n     Summary [   0.001s] 2/3 tests run: 0 passed, 2 failed, 0 skipped\nerror: test run failed\n"
        );
        let reading = read(&log);
        assert_eq!((reading.report.counts.failed, reading.report.counts.passed), (2, 0));
        assert_eq!(reading.complaints, []);
        assert!(reading.report.failures[1].output.contains("Summary [   0.001s] 3 tests"), "{reading:#?}");
    }

    #[test]
    fn without_capture_all_up_to_the_tests_own_status_line_is_its_output() {
        let log = format!(
            "{START}       START [         ] (1/2) shop a\n\nrunning 1 test\n        PASS [   0.001s] (1/2) shop b\nboom\n        \
            FAIL [   0.001s] (1/2) shop a\n       START [         ] (2/2) shop b\nfine\n        PASS [   0.001s] (2/2) shop b\n────────────\n     \
            Summary [   0.001s] 2 tests run: 1 passed, 1 failed, 0 skipped\n"
        );
        let reading = read(&log);
        assert_eq!((reading.report.counts.failed, reading.report.counts.passed), (1, 1));
        assert_eq!(reading.report.failures[0].output, "running 1 test\n        PASS [   0.001s] (1/2) shop b\nboom");
        assert_eq!(reading.report.outcome(&TestId::new("shop", "b")), Some(Outcome::Passed));
    }

    #[test]
    fn what_is_not_listed_is_counted_and_missed_where_it_failed() {
        let reading = read(&format!(
            "{START}────────────\n     Summary [   0.001s] 4 tests run: 2 passed, 2 failed, 18 skipped\n"
        ));
        assert_eq!((reading.report.counts.passed, reading.report.counts.skipped), (2, 18));
        assert_eq!(reading.complaints[0].reason, "the summary counts 2 failed tests, and 0 are listed");
    }

    #[test]
    fn two_runs_in_one_log_are_told_apart() {
        let run = format!(
            "{START}        FAIL [   0.001s] (1/1) shop a\n────────────\n     Summary [   0.001s] 1 test run: 0 passed, 1 failed, 0 skipped\n\
            error: test run failed\n"
        );
        let reading = read(&format!("{run}{run}"));
        assert_eq!((reading.report.failures.len(), reading.complaints.len()), (2, 0));
    }

    #[test]
    fn the_end_of_a_log_is_read_without_its_beginning() {
        let log = "        PASS [   0.001s] (8/9) shop a\n        FAIL [   0.001s] (9/9) shop b\n────────────\n     \
            Summary [   0.001s] 9 tests run: 8 passed, 1 failed, 0 skipped\nerror: test run failed\n";
        let reading = crate::ingest::read(log.as_bytes(), &Hints::default()).unwrap();
        assert_eq!((reading.report.counts.tests, reading.report.failures.len()), (9, 1));
    }
}
