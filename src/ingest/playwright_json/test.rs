//! One test of a Playwright document: what was expected of it, and the result of each time it was run.

use std::time::Duration;

use crate::ingest::json::{Json, NAME_BYTES_MAX, Text};
use crate::ingest::{thrown, trace};
use crate::model::{FailedAttempt, Failure, FlakyPass, Location, Outcome, TestId};
use crate::text::ansi;
use crate::text::cap::HeadAndTail;

/// Results, errors of a result, and annotations that are kept of one test.
const PARTS_MAX: usize = 20;

/// A test in one project.
#[derive(Debug, Default)]
pub(super) struct Test {
    status: String,
    expected: String,
    project: String,
    annotations: Vec<(String, String)>,
    results: Vec<RunResult>,
}

/// How a test ended one time.
#[derive(Debug, Default)]
struct RunResult {
    status: String,
    millis: Option<f64>,
    error: Error,
    /// The texts of all errors, with the lines of code they point to.
    texts: Vec<String>,
    printed: String,
}

/// An error, of a test or of the whole run.
#[derive(Debug, Default)]
pub(super) struct Error {
    message: String,
    stack: String,
    snippet: String,
    /// Where it happened.
    pub(super) location: Option<Location>,
}

impl Error {
    /// Reads an error.
    pub(super) fn read<T: Text>(json: &mut Json<T>, bytes_max: usize) -> Self {
        let mut error = Self::default();
        json.object(|json, key| match key {
            "message" | "value" => _ = json.string_into(&mut error.message, bytes_max),
            "stack" => _ = json.string_into(&mut error.stack, bytes_max),
            "snippet" => _ = json.string_into(&mut error.snippet, bytes_max),
            "location" => error.location = location(json),
            _ => {}
        });
        error
    }

    /// Fills a failure that this alone is known of.
    pub(super) fn fill(self, failure: &mut Failure, bytes_max: usize) {
        let message = ansi::strip(&self.message);
        thrown::say(failure, &message);
        failure.location = self.location;
        let text = if self.stack.is_empty() { self.message } else { self.stack };
        thrown::fill(failure, &[text], &self.snippet, bytes_max);
    }
}

fn location<T: Text>(json: &mut Json<T>) -> Option<Location> {
    let (mut file, mut line, mut column) = (None, None, None);
    json.object(|json, key| match key {
        "file" => file = json.string(NAME_BYTES_MAX),
        "line" => line = json.count(),
        "column" => column = json.count(),
        _ => {}
    });
    trace::place(&file?, &line?.to_string(), column.map(|column| column.to_string()).as_deref())
}

impl Test {
    /// Reads an element.
    pub(super) fn read<T: Text>(json: &mut Json<T>, bytes_max: usize) -> Self {
        let mut test = Self::default();
        json.object(|json, key| match key {
            "status" => _ = json.string_into(&mut test.status, NAME_BYTES_MAX),
            "expectedStatus" => _ = json.string_into(&mut test.expected, NAME_BYTES_MAX),
            "projectName" => _ = json.string_into(&mut test.project, NAME_BYTES_MAX),
            "annotations" => json.array(|json| test.annotation(json)),
            "results" => json.array(|json| {
                if test.results.len() < PARTS_MAX {
                    test.results.push(RunResult::read(json, bytes_max));
                }
            }),
            _ => {}
        });
        test
    }

    fn annotation<T: Text>(&mut self, json: &mut Json<T>) {
        let (mut kind, mut text) = (String::new(), String::new());
        json.object(|json, key| match key {
            "type" => _ = json.string_into(&mut kind, NAME_BYTES_MAX),
            "description" => _ = json.string_into(&mut text, NAME_BYTES_MAX),
            _ => {}
        });
        if !kind.is_empty() && self.annotations.len() < PARTS_MAX {
            self.annotations.push((kind, text));
        }
    }

    /// Returns how the test ended, of a document that is cut as far as it is known that its spec is not ok.
    pub(super) fn outcome(&self, is_spec_ok: Option<bool>) -> Option<Outcome> {
        let ended = self.results.last();
        match self.status.as_str() {
            "expected" if self.expected == "failed" => Some(Outcome::Skipped),
            "expected" | "flaky" => Some(Outcome::Passed),
            "skipped" => Some(Outcome::Skipped),
            "unexpected" => Some(Outcome::Failed),
            _ if is_spec_ok == Some(false) && ended.is_some_and(RunResult::is_red) => Some(Outcome::Failed),
            _ => None,
        }
    }

    /// Tells whether it passed only after it had failed.
    pub(super) fn is_flaky(&self) -> bool {
        self.status == "flaky"
    }

    /// Returns how long it took the last time.
    pub(super) fn duration(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.results.last()?.millis? / 1000.0).ok()
    }

    /// Makes the pass of a test that failed before.
    pub(super) fn flaky(self, id: TestId, bytes_max: usize) -> FlakyPass {
        let reds = self.results.into_iter().filter(RunResult::is_red);
        FlakyPass { id, attempts: reds.map(|result| result.attempt(bytes_max)).collect() }
    }

    /// Makes the failure of a test that ended as it should not.
    pub(super) fn failure(mut self, id: TestId, bytes_max: usize) -> Failure {
        let mut failure = Failure::bare(id);
        failure.duration = self.duration();
        if !self.project.is_empty() {
            failure.properties.push(("project".to_owned(), self.project));
        }
        failure.properties.append(&mut self.annotations);
        let last = self.results.pop().unwrap_or_default();
        failure.attempts = self.results.into_iter().map(|result| result.attempt(bytes_max)).collect();
        let message = ansi::strip(&last.error.message);
        thrown::say(&mut failure, &message);
        if failure.message.is_empty() && self.expected != last.status {
            failure.message = format!("the test {}, and should have {}", last.status, self.expected);
        }
        failure.location.clone_from(&last.error.location);
        let texts = if last.texts.is_empty() { vec![last.error.message] } else { last.texts };
        thrown::fill(&mut failure, &texts, &last.printed, bytes_max);
        failure
    }
}

impl RunResult {
    fn read<T: Text>(json: &mut Json<T>, bytes_max: usize) -> Self {
        let mut result = Self::default();
        let mut printed = HeadAndTail::new(bytes_max);
        json.object(|json, key| match key {
            "status" => _ = json.string_into(&mut result.status, NAME_BYTES_MAX),
            "duration" => result.millis = json.number(),
            "error" => result.error = Error::read(json, bytes_max),
            "errors" => json.array(|json| {
                let text = Error::read(json, bytes_max).message;
                if !text.is_empty() && result.texts.len() < PARTS_MAX {
                    result.texts.push(text);
                }
            }),
            "stdout" | "stderr" => json.array(|json| {
                json.object(|json, key| {
                    if key == "text" {
                        printed.push(&json.string(bytes_max).unwrap_or_default());
                    }
                });
            }),
            _ => {}
        });
        result.printed = printed.into_text();
        result
    }

    fn is_red(&self) -> bool {
        matches!(self.status.as_str(), "failed" | "timedOut" | "interrupted")
    }

    fn attempt(self, bytes_max: usize) -> FailedAttempt {
        let text = self.texts.into_iter().next().unwrap_or_default();
        let attempt = thrown::attempt(&self.error.message, bytes_max);
        FailedAttempt { output: thrown::attempt(&text, bytes_max).output, ..attempt }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: &str, expected: &str, ended: &str, is_spec_ok: Option<bool>, outcome: Option<Outcome>) {
        let results = vec![RunResult { status: ended.to_owned(), ..RunResult::default() }];
        let test = Test { status: status.to_owned(), expected: expected.to_owned(), results, ..Test::default() };
        assert_eq!(test.outcome(is_spec_ok), outcome, "{status} {expected} {ended}");
    }

    #[test]
    fn a_test_ends_as_was_expected_or_not() {
        check("expected", "passed", "passed", Some(true), Some(Outcome::Passed));
        check("expected", "failed", "failed", Some(true), Some(Outcome::Skipped));
        check("unexpected", "failed", "passed", Some(false), Some(Outcome::Failed));
        check("unexpected", "passed", "timedOut", Some(false), Some(Outcome::Failed));
        check("flaky", "passed", "passed", Some(true), Some(Outcome::Passed));
        check("skipped", "skipped", "skipped", Some(true), Some(Outcome::Skipped));
        check("", "passed", "failed", Some(false), Some(Outcome::Failed));
        check("", "passed", "passed", Some(false), None);
        check("", "passed", "failed", None, None);
        check("odd", "passed", "passed", Some(true), None);
    }
}
