//! Tests of which at least one attempt failed, as their status lines and outputs come.

use std::collections::HashMap;
use std::time::Duration;

use crate::ingest::capture::Capture;
use crate::ingest::detail;
use crate::ingest::nextest::status::{Meaning, Status};
use crate::ingest::recorder::Recorder;
use crate::model::{FailedAttempt, Failure, FlakyPass, Outcome, TestId};

/// Attempts of one test that are kept, the last among them.
const ATTEMPTS_MAX: usize = 100;

/// The message of a test that passed in the end where that is not enough.
const FLAKY: &str = "the test passed on a later attempt, and is configured to fail if it is flaky";

/// Identifies a test of one round of a stress run; other runs have one round without a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) round: String,
    pub(super) id: TestId,
}

impl Key {
    pub(super) fn of(status: &Status<'_>) -> Self {
        Self { round: status.round.to_owned(), id: TestId::new(status.binary, status.name) }
    }
}

/// One failed attempt.
#[derive(Debug)]
pub(super) struct Attempt {
    number: usize,
    word: String,
    meaning: Meaning,
    duration: Option<Duration>,
    lines: (u64, u64),
    output: Option<Capture>,
}

/// A test that failed at least once.
#[derive(Debug)]
struct Tried {
    key: Key,
    attempts: Vec<Attempt>,
    /// Which attempt passed, if one did.
    passed: Option<(usize, Option<Duration>)>,
    fails_if_flaky: bool,
}

/// All tests of a run that failed at least once, in the order of their first failures.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    tests: Vec<Tried>,
    index: HashMap<Key, usize>,
}

impl Attempts {
    /// Tells whether an attempt at a test has failed.
    pub(super) fn knows(&self, status: &Status<'_>) -> bool {
        self.index.contains_key(&Key::of(status))
    }

    /// Returns how many tests failed, and how many passed after they had failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        let n_flaky = self.tests.iter().filter(|test| test.is_flaky_pass()).count();
        ((self.tests.len() - n_flaky) as u64, n_flaky as u64)
    }

    fn test(&mut self, status: &Status<'_>) -> &mut Tried {
        let key = Key::of(status);
        let at = *self.index.entry(key.clone()).or_insert(self.tests.len());
        if at == self.tests.len() {
            self.tests.push(Tried { key, attempts: Vec::new(), passed: None, fails_if_flaky: false });
        }
        &mut self.tests[at]
    }

    /// Enters an attempt that failed; one that is told again changes nothing.
    pub(super) fn fail(&mut self, status: &Status<'_>, lines: (u64, u64)) {
        let test = self.test(status);
        let number = status.attempt.unwrap_or(1);
        if test.attempts.len() < ATTEMPTS_MAX && test.attempts.iter().all(|known| known.number != number) {
            let (word, meaning, duration) = (status.word.to_owned(), status.meaning, status.duration);
            test.attempts.push(Attempt { number, word, meaning, duration, lines, output: None });
        }
    }

    /// Enters that a test passed in a later attempt.
    pub(super) fn pass(&mut self, status: &Status<'_>) {
        let test = self.test(status);
        test.fails_if_flaky |= status.meaning == Meaning::FlakyFailed;
        test.passed.get_or_insert((status.attempt.unwrap_or(1), status.duration));
    }

    /// Enters that a test which passed in a later attempt failed for all that.
    pub(super) fn fail_if_flaky(&mut self, key: &Key) {
        if let Some(&at) = self.index.get(key) {
            self.tests[at].fails_if_flaky = true;
        }
    }

    /// Adds what an attempt printed up to `end`, if that is not known yet.
    pub(super) fn set_output(&mut self, key: &Key, number: usize, output: Capture, end: u64) {
        let Some(&at) = self.index.get(key) else { return };
        let attempt = self.tests[at].attempts.iter_mut().find(|known| known.number == number);
        if let Some(attempt) = attempt.filter(|attempt| attempt.output.is_none()) {
            attempt.output = Some(output);
            attempt.lines.1 = end;
        }
    }

    /// Reports all.
    pub(super) fn tell(self, output_bytes_max: usize, to: &mut Recorder) {
        for test in self.tests {
            test.tell(output_bytes_max, to);
        }
    }
}

impl Tried {
    fn is_flaky_pass(&self) -> bool {
        self.passed.is_some() && !self.fails_if_flaky
    }

    fn tell(self, output_bytes_max: usize, to: &mut Recorder) {
        let is_flaky_pass = self.is_flaky_pass();
        let Self { key: Key { round, id }, attempts, passed, .. } = self;
        let lines = attempts.first().zip(attempts.last()).map(|(first, last)| (first.lines.0, last.lines.1));
        let outcome = match attempts.last().filter(|_| passed.is_none()) {
            Some(last) if last.meaning == Meaning::Errored => Outcome::Errored,
            _ => Outcome::Failed,
        };
        let failures: Vec<_> = attempts.into_iter().map(|attempt| attempt.failure(&id, output_bytes_max)).collect();
        if is_flaky_pass {
            let n_failed = passed.map_or(1, |(number, _)| number.saturating_sub(1)).clamp(1, ATTEMPTS_MAX);
            let mut attempts: Vec<_> = failures.into_iter().map(failed_attempt).collect();
            while attempts.len() < n_failed {
                attempts.insert(0, FailedAttempt::default());
            }
            return to.pass_flaky(FlakyPass { id, attempts });
        }
        let mut failure = match passed {
            Some((_, duration)) => Failure { source: lines, ..flaky(id, failures, duration) },
            None => last_of(id, failures),
        };
        if !round.is_empty() {
            failure.properties.push(("stress round".to_owned(), round));
        }
        to.fail(outcome, failure);
    }
}

/// Makes one failure of all attempts at a test: the last, with those before it.
pub(in crate::ingest) fn last_of(id: TestId, mut failures: Vec<Failure>) -> Failure {
    let last = failures.pop().unwrap_or_else(|| Failure::bare(id));
    Failure { attempts: failures.into_iter().map(failed_attempt).collect(), ..last }
}

/// Makes the failure of a test that passed in the end, where that is not enough, from the attempts that failed.
pub(in crate::ingest) fn flaky(id: TestId, failures: Vec<Failure>, duration: Option<Duration>) -> Failure {
    let attempts = failures.into_iter().map(failed_attempt).collect();
    Failure { kind: "flaky".to_owned(), message: FLAKY.to_owned(), duration, attempts, ..Failure::bare(id) }
}

/// Leaves of a failure what is kept of an attempt before the last.
pub(in crate::ingest) fn failed_attempt(failure: Failure) -> FailedAttempt {
    FailedAttempt { kind: failure.kind, message: failure.message, output: failure.output }
}

impl Attempt {
    fn failure(self, id: &TestId, output_bytes_max: usize) -> Failure {
        let output = self.output.map(Capture::into_text).unwrap_or_default();
        let mut failure = Failure { duration: self.duration, source: Some(self.lines), ..Failure::bare(id.clone()) };
        if self.meaning == Meaning::Errored {
            let told = output.lines().rfind(|line| line.starts_with("(test ") && line.ends_with(')'));
            let told = told.map_or_else(
                || format!("the test ended with {}", self.word),
                |told| told[1..told.len() - 1].to_owned(),
            );
            let signal = told.split([' ', ':']).find(|word| word.starts_with("SIG"));
            let kind = if matches!(self.word.as_str(), "TIMEOUT" | "TMT") { Some(detail::TIMEOUT) } else { signal };
            kind.unwrap_or(&self.word).clone_into(&mut failure.kind);
            failure.message = told;
        }
        detail::fill(&mut failure, &[&output]);
        detail::set_output(&mut failure, &output, output_bytes_max);
        failure
    }
}
