//! What `cargo nextest run` prints: status lines with binary ids, the output of what failed, and a summary.
//!
//! Of several attempts the last counts. A test's output is indented, or framed, between status lines; what it holds is
//! not believed, and the summary's numbers are compared with what was read.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::recorder::Recorder;
use crate::ingest::{Collected, Format, Hints, Likeness, Reader, detail, offset_in, pattern};
use crate::model::{Failure, Outcome, TestCase, TestId};
use crate::text::ansi;

/// The text of nextest.
pub(super) struct Nextest;

/// `        PASS [   0.007s] ( 1/12) shop tests::adds`, with `TRY 1` before and without the count where there is none.
static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^ *(?:TRY \d+ )?(?P<status>[A-Z][A-Z0-9+-]*) \[[> ]*[\d.]+s\] +(?:\([^)]*\) +)?(?P<binary>\S+) +(?P<name>\S.*)$",
    )
});

/// `     Summary [   0.098s] 12 tests run: 3 passed, 9 failed, 1 skipped`
static SUMMARY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^ *Summary \[[> ]*[\d.]+s\] +(?P<run>\d+)(?:/\d+)? tests? run: (?P<parts>.*)$"));

/// The number of skipped tests in a summary: they are not listed.
static SKIPPED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(\d+) skipped"));

/// The line that begins every run.
static STARTING: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^ *(?:Starting \d+ tests? across \d+ binar|Nextest run ID )"));

/// `  stdout ───`, or until 0.9.93 `--- STDOUT:              shop tests::adds ---`.
static FRAME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:  (?:stdout|stderr|output) ─+|-+ (?:STDOUT|STDERR|OUTPUT): .*|─+ .*|-+)$"));

impl Format for Nextest {
    fn name(&self) -> &'static str {
        "nextest"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let is_run = STARTING.is_match(&ansi::strip(text));
        is_run.then_some(Likeness::Certain).ok_or("there is no line like `Starting 3 tests across 2 binaries`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Collected::reader(hints, read)
    }
}

fn read(text: &str, hints: &Hints, reading: &mut Recorder) {
    let text = ansi::strip(text);
    let mut run = Run::default();
    for line in text.lines() {
        run.line(line, offset_in(&text, line), reading);
    }
    run.report(hints, reading);
    if run.n_summed.is_none() {
        reading.complain(text.len() as u64, "there is no summary; the run was cut short or its output is");
    }
}

/// A test, and what was printed of it.
struct Attempted<'t> {
    id: TestId,
    outcome: Outcome,
    status: &'t str,
    /// The output of its latest attempt that failed.
    output: Vec<&'t str>,
}

#[derive(Default)]
struct Run<'t> {
    tests: Vec<Attempted<'t>>,
    index: HashMap<TestId, usize>,
    /// The failed test whose output is being read.
    open: Option<usize>,
    /// The number of tests the summary gives.
    n_summed: Option<u64>,
}

impl<'t> Run<'t> {
    fn line(&mut self, line: &'t str, at: usize, reading: &mut Recorder) {
        if let Some(found) = SUMMARY.captures(line) {
            self.open = None;
            self.n_summed = found["run"].parse().ok();
            let n_skipped = SKIPPED.captures(&found["parts"]).and_then(|found| found[1].parse().ok()).unwrap_or(0);
            reading.count_unnamed(Outcome::Skipped, n_skipped);
            if self.n_summed != Some(self.tests.len() as u64) {
                reading.complain(
                    at as u64,
                    format!("the summary counts {} tests, and {} are listed", &found["run"], self.tests.len()),
                );
            }
        } else if let Some(found) = STATUS.captures(line).filter(|_| !line.starts_with("            ")) {
            let status = found.name("status").map_or("", |status| status.as_str());
            self.open = outcome(status).and_then(|outcome| {
                let test = self.attempted(TestId::new(&found["binary"], &found["name"]), status, outcome);
                outcome.is_red().then_some(test)
            });
        } else if line.starts_with("───") || line == "error: test run failed" {
            self.open = None;
        } else if let Some(test) = self.open.and_then(|open| self.tests.get_mut(open)) {
            test.output.push(line);
        }
    }

    /// Enters the result of an attempt; one that is repeated after the summary changes nothing.
    fn attempted(&mut self, id: TestId, status: &'t str, outcome: Outcome) -> usize {
        let new = self.tests.len();
        let at = *self.index.entry(id.clone()).or_insert(new);
        match self.tests.get_mut(at) {
            Some(test) if self.n_summed.is_none() => {
                (test.status, test.outcome) = (status, outcome);
                test.output.clear();
            }
            Some(_) => {}
            None => self.tests.push(Attempted { id, outcome, status, output: Vec::new() }),
        }
        at
    }

    fn report(&self, hints: &Hints, reading: &mut Recorder) {
        for test in &self.tests {
            let (id, outcome) = (test.id.clone(), test.outcome);
            let failure = outcome.is_red().then(|| test.failure(hints));
            reading.record(TestCase { id, outcome, duration: None, failure });
        }
    }
}

impl Attempted<'_> {
    fn failure(&self, hints: &Hints) -> Failure {
        let is_content = |line: &&&str| !FRAME.is_match(line);
        let lines = self.output.iter().filter(is_content).map(|line| line.strip_prefix("    ").unwrap_or(line));
        let output = lines.collect::<Vec<_>>().join("\n");
        let mut failure = Failure::bare(self.id.clone());
        if self.outcome == Outcome::Errored {
            let is_timeout = matches!(self.status, "TIMEOUT" | "TMT");
            if is_timeout { detail::TIMEOUT } else { self.status }.clone_into(&mut failure.kind);
            let told = output.lines().rfind(|line| line.starts_with("(test ") && line.ends_with(')'));
            let told = told.map(|line| line[1..line.len() - 1].to_owned());
            failure.message = told.unwrap_or_else(|| format!("the test ended with {}", self.status));
        }
        detail::fill(&mut failure, &[&output]);
        detail::set_output(&mut failure, &output, hints.output_bytes_max);
        failure
    }
}

/// Returns what a status means; `None` for one that is no end of an attempt, such as `SLOW`.
fn outcome(status: &str) -> Option<Outcome> {
    match status {
        "PASS" | "LEAK" | "FLAKY" => Some(Outcome::Passed),
        "FAIL" | "LEAK-FAIL" | "LKFAIL" => Some(Outcome::Failed),
        "SLOW" | "START" | "RETRY" | "DELAY" | "TERMINATING" | "SETUP" => None,
        _ => Some(Outcome::Errored),
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::read_as;

    use super::*;

    #[test]
    fn the_last_attempt_counts_and_repeated_lines_do_not() {
        let log = "    Starting 3 tests across 1 binary\n  TRY 1 FAIL [   0.006s] (─────) shop tests::flaky\n  stdout ───\n\n    first\n\n        \
            PASS [   0.007s] (1/3) shop tests::fine\n  TRY 2 PASS [   0.006s] (2/3) shop tests::flaky\n        SLOW [> 60.000s] shop tests::hangs\n     \
            TIMEOUT [  90.000s] (3/3) shop tests::hangs\n  stderr ───\n    waiting\n────────────\n     \
            Summary [  90.001s] 3 tests run: 2 passed (1 flaky), 1 timed out, 4 skipped\n   FLAKY 2/2 [   0.006s] shop tests::flaky\n     \
            TIMEOUT [  90.000s] (3/3) shop tests::hangs\nerror: test run failed\n";
        let reading = read_as("nextest", log.as_bytes(), &Hints::default()).unwrap();
        let n = reading.report.counts;
        assert_eq!((n.tests, n.passed, n.failed, n.errored, n.skipped), (7, 2, 0, 1, 4));
        let failure = &reading.report.failures[0];
        assert_eq!((failure.id.to_string().as_str(), failure.kind.as_str()), ("shop tests::hangs", "timeout"));
        assert_eq!(failure.output, "waiting");
        assert_eq!(reading.complaints, []);
    }

    #[test]
    fn a_run_that_is_cut_says_so() {
        let log = "    Starting 2 tests across 1 binary\n        PASS [   0.007s] shop tests::fine\n";
        let reading = read_as("nextest", log.as_bytes(), &Hints::default()).unwrap();
        assert_eq!(reading.complaints[0].reason, "there is no summary; the run was cut short or its output is");
    }
}
