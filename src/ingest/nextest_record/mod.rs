//! What nextest records of a run (experimental feature `record`): its `run.log.zst`, or the archive that
//! `cargo nextest store export` makes of it.
//!
//! The log is JSON lines, one an event; of an archive the outputs come after it, see `archive`. The log alone has the part
//! of each output that nextest itself took for the error. Ids, outcomes, attempts, setup scripts and stress rounds are those
//! of nextest's text.

pub(super) mod archive;

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use memchr::memmem;
use serde::Deserialize;

use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::unsettled::Unsettled;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader, detail, nextest};
use crate::model::{Failure, FlakyPass, Outcome, TestId};
use crate::text::cap;

/// Recordings of nextest.
pub(super) struct NextestRecord;

/// How the events begin that tell how something ended.
const TOLD: &[&str] =
    &["test-finished", "test-attempt-failed-will-retry", "test-skipped", "setup-script-finished", "run-finished"];

/// Bytes from the key of an event's kind on in which the kind stands.
const KIND_BYTES: usize = 80;

/// Attempts of one test that are kept.
const ATTEMPTS_MAX: usize = 100;

/// Bytes kept of an output once all together have taken what they may.
const SHORT_BYTES_MAX: usize = 1 << 10;

impl Format for NextestRecord {
    fn name(&self) -> &'static str {
        "nextest-record"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let has = |words: &str| memmem::find(text.as_bytes(), words.as_bytes()).is_some();
        let is_record = has("\"kind\":{\"type\":\"core\",\"kind\":\"run-started\"")
            || has("\"kind\":{\"type\":\"output\",\"kind\":\"test-finished\"");
        is_record.then_some(Likeness::Certain).ok_or("there is no event `run-started` of a recording")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Log {
            output_bytes_max: hints.output_bytes_max,
            outputs_bytes_left: hints.outputs_bytes_max,
            failed: Vec::new(),
            retried: HashMap::new(),
            outputs: HashMap::new(),
            skipped: None,
            n_flaky: 0,
            counted: None,
            end: 0,
        }))
    }
}

#[derive(Deserialize)]
struct Event<'t> {
    #[serde(borrow, rename = "kind")]
    told: Told<'t>,
}

/// What happened; the fields of all kinds.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'t> {
    #[serde(rename = "kind")]
    what: &'t str,
    stress_index: Option<StressIndex>,
    #[serde(borrow)]
    test_instance: Option<Instance<'t>>,
    #[serde(borrow)]
    script_id: Option<Cow<'t, str>>,
    run_statuses: Option<Statuses>,
    run_status: Option<Status>,
    run_stats: Option<Stats>,
}

/// A round of a stress run, from 0.
#[derive(Deserialize)]
struct StressIndex {
    current: u64,
    total: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Instance<'t> {
    #[serde(borrow)]
    binary_id: Cow<'t, str>,
    #[serde(borrow)]
    name: Cow<'t, str>,
}

impl Instance<'_> {
    fn id(&self) -> TestId {
        TestId::new(self.binary_id.as_ref(), self.name.as_ref())
    }
}

/// All attempts at a test; until nextest 0.9.129 a list alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Statuses {
    Judged {
        statuses: Vec<Status>,
        #[serde(rename = "flaky-result")]
        flaky_result: Option<serde_json::Value>,
    },
    Listed(Vec<Status>),
}

/// How an attempt, or a setup script, ended.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Status {
    result: Ended,
    time_taken: Option<Duration>,
    /// Where its output is, in one of several shapes.
    output: Option<serde_json::Value>,
    error_summary: Option<Summary>,
}

#[derive(Deserialize)]
struct Ended {
    status: String,
    /// Of a leak or a timeout: whether it is held to be a failure.
    result: Option<String>,
    failure: Option<Cause>,
}

/// Why an attempt failed.
#[derive(Deserialize)]
struct Cause {
    kind: String,
    code: Option<i64>,
    abort: Option<Abort>,
}

#[derive(Deserialize)]
struct Abort {
    signal: Option<i64>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    short_message: String,
    description: String,
}

/// What the last event counts.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Stats {
    failed: u64,
    failed_timed_out: u64,
    exec_failed: u64,
    /// Only a run without rounds counts tests.
    finished_count: Option<u64>,
}

/// An output of an archive.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Output {
    output_file: String,
    output: String,
}

/// A test or a script with an attempt that failed.
struct Failed {
    id: TestId,
    round: String,
    attempts: Vec<Attempt>,
    /// How long the attempt took that passed, if one did, and whether it is a failure for all that.
    passed: Option<(Option<Duration>, bool)>,
    lines: (u64, u64),
}

/// One attempt that failed.
struct Attempt {
    outcome: Outcome,
    kind: String,
    message: String,
    duration: Option<Duration>,
    /// What nextest took for the error.
    description: String,
    /// The files with its output.
    files: Vec<String>,
}

/// A recording as it is read.
struct Log {
    output_bytes_max: usize,
    outputs_bytes_left: usize,
    failed: Vec<Failed>,
    /// Tests that were to be tried again when last heard of.
    retried: HashMap<(String, TestId), Failed>,
    /// The outputs of attempts that failed, by file; tests that print the same share one.
    outputs: HashMap<String, String>,
    /// Every round of a stress run skips the same tests.
    skipped: Option<Unsettled>,
    n_flaky: u64,
    counted: Option<Stats>,
    end: u64,
}

impl Lines for Log {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        let text = line.text;
        if text.starts_with("{\"output\":") {
            self.output(text);
            return Owner::This;
        }
        let Some(at) = memmem::find(text.as_bytes(), b"\"kind\":{\"type\":\"") else { return Owner::Other };
        self.end = line.offset + text.len() as u64;
        let begins = text[at..].get(..KIND_BYTES).unwrap_or(&text[at..]);
        if TOLD.iter().any(|kind| begins.contains(kind)) {
            match serde_json::from_str::<Event<'_>>(text) {
                Ok(event) => self.event(event.told, (line.offset, self.end), to),
                Err(error) => to.complain(line.offset, format!("an event cannot be read: {error}")),
            }
        }
        Owner::This
    }

    fn end(&mut self, to: &mut Recorder) {
        if let Some(mut skipped) = self.skipped.take() {
            skipped.dedup();
            skipped.tally(Outcome::Skipped, to);
        }
        let retried: Vec<_> = self.retried.drain().map(|(_, failed)| failed).collect();
        self.failed.extend(retried);
        self.failed.sort_by_key(|failed| failed.lines.0);
        let n_failed = self.failed.iter().filter(|failed| !failed.is_script()).count() as u64 - self.n_flaky;
        for failed in std::mem::take(&mut self.failed) {
            failed.tell(&self.outputs, self.output_bytes_max, to);
        }
        let Some(stats) = self.counted else {
            return to.complain(self.end, "there is no end of the run; it was cut short or its recording is");
        };
        let n_counted = stats.failed + stats.failed_timed_out + stats.exec_failed;
        if stats.finished_count.is_some() && n_counted != n_failed {
            let reason = format!("the recording counts {n_counted} failed tests, and {n_failed} are told of");
            to.complain(self.end, reason);
        }
    }
}

impl Log {
    fn event(&mut self, event: Told<'_>, lines: (u64, u64), to: &mut Recorder) {
        let round = event.stress_index.map(|StressIndex { current, total }| {
            let of = total.map(|total| format!("/{total}")).unwrap_or_default();
            format!("{}{of}", current.saturating_add(1))
        });
        let round = round.unwrap_or_default();
        let told_of = |id| Failed { id, round, attempts: Vec::new(), passed: None, lines };
        match (event.what, event.test_instance, event.run_statuses, event.run_status) {
            ("test-finished", Some(test), Some(statuses), _) => self.finished(told_of(test.id()), statuses, to),
            ("test-attempt-failed-will-retry", Some(test), _, Some(status)) => {
                let retried = told_of(test.id());
                let known = self.retried.entry((retried.round.clone(), retried.id.clone())).or_insert(retried);
                if known.attempts.len() < ATTEMPTS_MAX {
                    known.attempts.extend(Attempt::of(status));
                }
            }
            ("test-skipped", Some(test), ..) => {
                let skipped = self.skipped.get_or_insert_with(|| Unsettled::new(to.is_heard()));
                skipped.push(&test.binary_id, &test.name, None);
            }
            ("setup-script-finished", _, _, Some(status)) => {
                let name = event.script_id.unwrap_or_default();
                let script = told_of(TestId::new(format!("{}{name}", nextest::SCRIPT), name));
                if let Some(attempt) = Attempt::of(status) {
                    self.enter(Failed { attempts: vec![attempt], ..script });
                }
            }
            ("run-finished", ..) => self.counted = Some(event.run_stats.unwrap_or_default()),
            _ => {}
        }
    }

    fn finished(&mut self, test: Failed, statuses: Statuses, to: &mut Recorder) {
        let (statuses, flaky_result) = match statuses {
            Statuses::Judged { statuses, flaky_result } => (statuses, flaky_result),
            Statuses::Listed(statuses) => (statuses, None),
        };
        let fails_if_flaky = flaky_result.is_some_and(|result| result != "pass");
        let passed = statuses.last().filter(|last| last.result.is_pass()).map(|last| (last.time_taken, fails_if_flaky));
        let attempts: Vec<_> = statuses.into_iter().take(ATTEMPTS_MAX).filter_map(Attempt::of).collect();
        if !self.retried.is_empty() {
            self.retried.remove(&(test.round.clone(), test.id.clone()));
        }
        match passed {
            Some((duration, _)) if attempts.is_empty() => {
                to.tally_timed(&test.id.suite, &test.id.name, Outcome::Passed, duration);
            }
            _ => self.enter(Failed { attempts, passed, ..test }),
        }
    }

    fn enter(&mut self, failed: Failed) {
        self.n_flaky += u64::from(failed.is_flaky_pass());
        for file in failed.attempts.iter().flat_map(|attempt| &attempt.files) {
            self.outputs.entry(file.clone()).or_default();
        }
        self.failed.push(failed);
    }

    /// Keeps an output that is wanted.
    fn output(&mut self, line: &str) {
        let Ok(Output { output_file, output }) = serde_json::from_str(line) else { return };
        if let Some(wanted) = self.outputs.get_mut(&output_file) {
            let bytes_max = self.output_bytes_max.min(self.outputs_bytes_left.max(SHORT_BYTES_MAX));
            *wanted = cap::head_and_tail(&output, bytes_max);
            self.outputs_bytes_left = self.outputs_bytes_left.saturating_sub(wanted.len());
        }
    }
}

impl Ended {
    fn is_pass(&self) -> bool {
        match self.status.as_str() {
            "pass" => true,
            "leak" | "timeout" => self.result.as_deref() == Some("pass"),
            _ => false,
        }
    }

    /// Returns the outcome, kind and message of what did not pass.
    fn told(&self) -> (Outcome, String, String) {
        let failure = self.failure.as_ref();
        let abort = failure.and_then(|failure| failure.abort.as_ref());
        match (self.status.as_str(), failure.map(|failure| failure.kind.as_str())) {
            ("timeout", _) => (Outcome::Errored, detail::TIMEOUT.to_owned(), "the test timed out".to_owned()),
            ("fail", Some("abort")) => {
                let name = abort.and_then(|abort| abort.name.as_deref()).map(|name| format!("SIG{name}"));
                let signal = abort.and_then(|abort| abort.signal).map(|signal| format!("SIG {signal}"));
                let word = name.or(signal).unwrap_or_else(|| "ABORT".to_owned());
                (Outcome::Errored, word.clone(), format!("the test ended with {word}"))
            }
            ("fail", _) => {
                let code = failure.and_then(|failure| failure.code);
                let message = code.map(|code| format!("the test ended with exit code {code}")).unwrap_or_default();
                (Outcome::Failed, String::new(), message)
            }
            ("leak", _) => (Outcome::Failed, String::new(), "the test left processes behind".to_owned()),
            (status, _) => (Outcome::Errored, status.to_owned(), format!("the test ended with {status}")),
        }
    }
}

impl Attempt {
    /// Makes the attempt of a status, if it failed.
    fn of(status: Status) -> Option<Self> {
        let Status { result, time_taken: duration, output, error_summary } = status;
        if result.is_pass() {
            return None;
        }
        let (outcome, kind, message) = result.told();
        let mut files = Vec::new();
        if let Some(output) = &output {
            find_files(output, &mut files);
            files.sort_by_key(|file| file.ends_with("-stderr"));
        }
        let (short, description) =
            error_summary.map_or_else(Default::default, |summary| (summary.short_message, summary.description));
        let message = if outcome == Outcome::Errored && !short.is_empty() { short } else { message };
        Some(Self { outcome, kind, message, duration, description, files })
    }

    fn failure(self, id: &TestId, outputs: &HashMap<String, String>, output_bytes_max: usize) -> Failure {
        let mut failure =
            Failure { kind: self.kind, message: self.message, duration: self.duration, ..Failure::bare(id.clone()) };
        let texts: Vec<_> =
            self.files.iter().filter_map(|file| outputs.get(file)).filter(|text| !text.is_empty()).collect();
        let output = match texts.as_slice() {
            [] => self.description,
            texts => texts.iter().map(|text| text.trim_end_matches('\n')).collect::<Vec<_>>().join("\n"),
        };
        detail::fill(&mut failure, &[&output]);
        detail::set_output(&mut failure, &output, output_bytes_max);
        failure
    }
}

/// Finds the names of files in the description of an output.
fn find_files(output: &serde_json::Value, files: &mut Vec<String>) {
    match output {
        serde_json::Value::Object(fields) => {
            files.extend(fields.get("file-name").and_then(|name| name.as_str()).map(ToOwned::to_owned));
            fields.values().for_each(|value| find_files(value, files));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| find_files(value, files)),
        _ => {}
    }
}

impl Failed {
    fn is_flaky_pass(&self) -> bool {
        matches!(self.passed, Some((_, false)))
    }

    fn is_script(&self) -> bool {
        self.id.suite.starts_with(nextest::SCRIPT)
    }

    fn tell(self, outputs: &HashMap<String, String>, output_bytes_max: usize, to: &mut Recorder) {
        let (is_flaky_pass, is_script) = (self.is_flaky_pass(), self.is_script());
        let Self { id, round, attempts, passed, lines } = self;
        let outcome = if is_script { Some(Outcome::Errored) } else { attempts.last().map(|last| last.outcome) };
        let failures: Vec<_> =
            attempts.into_iter().map(|attempt| attempt.failure(&id, outputs, output_bytes_max)).collect();
        if is_flaky_pass {
            let attempts = failures.into_iter().map(nextest::failed_attempt).collect();
            return to.pass_flaky(FlakyPass { id, attempts });
        }
        let mut failure = match passed {
            Some((duration, _)) => nextest::flaky(id, failures, duration),
            None => nextest::last_of(id, failures),
        };
        if !round.is_empty() {
            failure.properties.push(("stress round".to_owned(), round));
        }
        failure.source = Some(lines);
        to.fail(outcome.filter(|_| passed.is_none()).unwrap_or(Outcome::Failed), failure);
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    fn read(log: &str) -> Reading {
        read_as("nextest-record", log.as_bytes(), &Hints::default()).unwrap()
    }

    const START: &str =
        "{\"timestamp\":\"t\",\"kind\":{\"type\":\"core\",\"kind\":\"run-started\",\"run-id\":\"x\"}}\n";

    fn finished(name: &str, statuses: &str) -> String {
        format!(
            "{{\"kind\":{{\"type\":\"output\",\"kind\":\"test-finished\",\"stress-index\":null,\"test-instance\":{{\"binary-id\":\"shop\",\"name\":\"{name}\"}},\
            \"run-statuses\":{statuses}}}}}\n"
        )
    }

    const FAILED: &str = "{\"result\":{\"status\":\"fail\",\"failure\":{\"kind\":\"exit-code\",\"code\":101},\"leaked\":false},\"time-taken\":{\"secs\":1,\"nanos\":5},\
        \"output\":{\"output\":{\"stdout\":{\"file-name\":\"1-stdout\"},\"stderr\":{\"status\":\"empty\"}}},\
        \"error-summary\":{\"short-message\":\"s\",\"description\":\"thread 'a' panicked at a.rs:1:2:\\nboom\"}}";
    const PASSED: &str = "{\"result\":{\"status\":\"pass\"},\"time-taken\":null}";

    #[test]
    fn the_last_attempt_decides_unless_the_run_is_strict() {
        let judged = |result: &str| format!("{{\"statuses\":[{FAILED},{PASSED}],\"flaky-result\":{result}}}");
        let log = [
            START,
            &finished("a", &format!("[{FAILED},{FAILED}]")),
            &finished("b", &judged("\"pass\"")),
            &finished("c", &judged("{\"fail\":{}}")),
            &finished("d", &format!("[{PASSED}]")),
        ];
        let reading = read(&log.concat());
        let names: Vec<_> = reading.report.failures.iter().map(|failure| failure.id.name.as_str()).collect();
        assert_eq!((names.as_slice(), reading.report.counts.passed), (&["a", "c"][..], 2));
        let [a, c] = reading.report.failures.as_slice() else { panic!("two failures") };
        assert_eq!((a.message.as_str(), a.attempts.len(), a.duration), ("boom", 1, Some(Duration::new(1, 5))));
        assert_eq!((c.kind.as_str(), c.attempts.len()), ("flaky", 1));
        assert_eq!(reading.report.flaky[0].id.name, "b");
        assert_eq!(reading.complaints[0].reason, "there is no end of the run; it was cut short or its recording is");
    }

    #[test]
    fn outputs_of_an_archive_are_those_of_all_tests_that_printed_them() {
        let output = "{\"output\":\"printed\\n\",\"output-file\":\"1-stdout\"}\n";
        let one = format!("[{FAILED}]");
        let reading = read(&format!("{START}{}{}{output}", finished("a", &one), finished("b", &one)));
        assert!(reading.report.failures.iter().all(|failure| failure.output == "printed"));
    }

    #[test]
    fn a_test_that_was_to_be_tried_again_has_failed_where_nothing_more_is_known() {
        let log = format!(
            "{START}{{\"kind\":{{\"type\":\"output\",\"kind\":\"test-attempt-failed-will-retry\",\"stress-index\":{{\"current\":0,\"total\":2}},\
            \"test-instance\":{{\"binary-id\":\"shop\",\"name\":\"a\"}},\"run-status\":{FAILED}}}}}\n{{\"kind\":{{\"type\":\"out"
        );
        let reading = read(&log);
        assert_eq!(reading.report.failures[0].properties, [("stress round".to_owned(), "1/2".to_owned())]);
    }
}
