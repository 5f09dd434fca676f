//! One test as mocha's reporters write it: an object with titles, an error, and a count of retries.

use std::time::Duration;

use crate::ingest::json::{Json, NAME_BYTES_MAX, Text};
use crate::ingest::{Hints, thrown};
use crate::model::{FailedAttempt, Failure, FlakyPass, TestId};

/// Attempts that are kept of one test.
const ATTEMPTS_MAX: usize = 20;

/// A test, or a hook that failed.
#[derive(Debug, Default)]
pub(super) struct Test {
    title: String,
    full_title: String,
    file: String,
    /// How it ended, where that is told: by mochawesome.
    pub(super) state: String,
    millis: Option<f64>,
    /// How often it was tried before.
    n_retries: u64,
    /// Whether there is an error at all.
    pub(super) has_error: bool,
    kind: String,
    message: String,
    stack: String,
    expected: Option<String>,
    actual: Option<String>,
}

impl Test {
    /// Reads an element.
    pub(super) fn read<T: Text>(json: &mut Json<T>, bytes_max: usize) -> Self {
        let mut test = Self::default();
        json.object(|json, key| match key {
            "title" => _ = json.string_into(&mut test.title, NAME_BYTES_MAX),
            "fullTitle" => _ = json.string_into(&mut test.full_title, NAME_BYTES_MAX),
            "file" => _ = json.string_into(&mut test.file, NAME_BYTES_MAX),
            "state" => _ = json.string_into(&mut test.state, NAME_BYTES_MAX),
            "duration" => test.millis = json.number(),
            "currentRetry" => test.n_retries = json.count().unwrap_or(0),
            "err" if json.next_is_string() => {
                test.has_error = true;
                _ = json.string_into(&mut test.message, bytes_max);
            }
            "err" => json.object(|json, key| test.error(json, key, bytes_max)),
            "stack" => _ = json.string_into(&mut test.stack, bytes_max),
            _ => {}
        });
        test
    }

    fn error<T: Text>(&mut self, json: &mut Json<T>, key: &str, bytes_max: usize) {
        self.has_error = true;
        match key {
            "message" => _ = json.string_into(&mut self.message, bytes_max),
            "name" => _ = json.string_into(&mut self.kind, NAME_BYTES_MAX),
            "stack" | "estack" => _ = json.string_into(&mut self.stack, bytes_max),
            "expected" => self.expected = value(json, bytes_max),
            "actual" => self.actual = value(json, bytes_max),
            _ => {}
        }
    }

    /// Tells whether there is a name.
    pub(super) fn is_named(&self) -> bool {
        !self.title.is_empty() || !self.full_title.is_empty()
    }

    /// Returns the titles of the suites around it, joined with spaces, and its own.
    pub(super) fn id(&self) -> (&str, &str) {
        match self.full_title.strip_suffix(self.title.as_str()) {
            Some(suite) if !self.title.is_empty() => (suite.trim(), &self.title),
            _ if self.title.is_empty() => ("", &self.full_title),
            _ => ("", &self.title),
        }
    }

    /// Returns how long it took, where that is told.
    pub(super) fn duration(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.millis? / 1000.0).ok()
    }

    /// Returns the attempts before the last: mocha tells only how many there were.
    fn attempts(&self) -> Vec<FailedAttempt> {
        let n = usize::try_from(self.n_retries).unwrap_or(usize::MAX).min(ATTEMPTS_MAX);
        vec![FailedAttempt::default(); n]
    }

    /// Makes a pass of a test that failed before, if it did.
    pub(super) fn flaky(&self) -> Option<FlakyPass> {
        let (suite, name) = self.id();
        (self.n_retries > 0).then(|| FlakyPass { id: TestId::new(suite, name), attempts: self.attempts() })
    }

    /// Makes the failure that is told of.
    pub(super) fn failure(self, hints: &Hints, source: (u64, u64)) -> Failure {
        let (suite, name) = self.id();
        let mut failure = Failure::bare(TestId::new(suite, name));
        failure.attempts = self.attempts();
        failure.duration = self.duration();
        failure.source = Some(source);
        if !self.file.is_empty() {
            failure.properties.push(("file".to_owned(), hints.relative(&self.file).to_owned()));
        }
        if self.expected.is_some() && self.actual.is_some() {
            (failure.expected, failure.actual) = (self.expected, self.actual);
        }
        if self.kind != "Error" {
            failure.kind = self.kind;
        }
        let error = if self.stack.is_empty() { self.message } else { self.stack };
        thrown::fill(&mut failure, &[error], "", hints.output_bytes_max);
        failure
    }
}

/// Reads a value: mocha writes most as the text that it shows.
fn value<T: Text>(json: &mut Json<T>, bytes_max: usize) -> Option<String> {
    if json.next_is_string() { json.string(bytes_max) } else { json.printed(bytes_max) }
}
