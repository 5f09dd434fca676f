//! Tests that a runner tried again, where each attempt is a case of its own.
//!
//! Of two cases with one id the worse counts, for two tests may well have one name. Only of producers that are known to
//! try failing tests again, a pass after failures is what the test came to; their failures are held back to the end of
//! the suite for that.

use std::collections::HashMap;
use std::time::Duration;

use crate::ingest::junit::failure::attempt_of;
use crate::ingest::junit::suites::Producer;
use crate::ingest::recorder::Recorder;
use crate::model::{Failure, FlakyPass, IdHash, Outcome, TestId};

/// All that a suite says of one test that failed in it.
#[derive(Debug)]
struct Tried {
    failures: Vec<(Outcome, Failure)>,
    n_passes: u64,
    /// Whether it failed again after a pass, or passed before it failed: two tests with one name do.
    is_mixed: bool,
}

/// The failures of the open suite that are held back.
#[derive(Debug, Default)]
pub(super) struct Retries {
    tried: Vec<Tried>,
    by_id: HashMap<IdHash, usize>,
    /// Tests that passed in the open suite, where its producer does not see to it that names are unique.
    passed: Vec<IdHash>,
}

impl Retries {
    /// Adds a red case, or holds it back.
    pub(super) fn fail(&mut self, producer: Producer, outcome: Outcome, failure: Failure, to: &mut Recorder) {
        if !tries_again(producer) {
            return to.fail(outcome, failure);
        }
        let at = *self.by_id.entry(failure.id.hash64()).or_insert(self.tried.len());
        if at == self.tried.len() {
            self.tried.push(Tried { failures: Vec::new(), n_passes: 0, is_mixed: false });
        }
        let tried = &mut self.tried[at];
        tried.is_mixed |= tried.n_passes > 0;
        tried.failures.push((outcome, failure));
    }

    /// Adds a case that passed.
    pub(super) fn pass(&mut self, producer: Producer, id: (&str, &str), time: Option<Duration>, to: &mut Recorder) {
        let (suite, name) = id;
        if tries_again(producer) {
            let hash = TestId::hash_parts(suite, name);
            if let Some(at) = self.by_id.get(&hash) {
                self.tried[*at].n_passes += 1;
                return;
            }
            if producer == Producer::Gradle {
                self.passed.push(hash);
            }
        }
        to.tally_timed(suite, name, Outcome::Passed, time);
    }

    /// Ends the suite: adds what was held back.
    pub(super) fn end_suite(&mut self, producer: Producer, to: &mut Recorder) {
        if !self.tried.is_empty() {
            self.passed.sort_unstable();
            for mut tried in self.tried.drain(..) {
                let is_known =
                    |(_, failure): &(Outcome, Failure)| self.passed.binary_search(&failure.id.hash64()).is_ok();
                tried.is_mixed |= tried.failures.first().is_some_and(is_known);
                tried.is_mixed |= producer == Producer::Gradle && tried.n_passes > 1;
                tried.add(to);
            }
            self.by_id.clear();
        }
        self.passed.clear();
    }
}

impl Tried {
    /// Adds what the test came to.
    fn add(self, to: &mut Recorder) {
        let Self { mut failures, n_passes, is_mixed } = self;
        let Some((outcome, mut last)) = failures.pop() else { return };
        let id = last.id.clone();
        let mut n_passes_left = n_passes;
        if n_passes > 0 && !is_mixed {
            failures.push((outcome, last));
            let attempts = failures.into_iter().flat_map(|(_, failure)| attempts_of(failure)).collect();
            to.pass_flaky(FlakyPass { id: id.clone(), attempts });
            n_passes_left -= 1;
        } else {
            let outcome = failures.iter().map(|(outcome, _)| *outcome).fold(outcome, Outcome::max);
            let mut attempts: Vec<_> = failures.into_iter().flat_map(|(_, failure)| attempts_of(failure)).collect();
            attempts.append(&mut last.attempts);
            last.attempts = attempts;
            to.fail(outcome, last);
        }
        for _ in 0..n_passes_left {
            to.tally(&id.suite, &id.name, Outcome::Passed);
        }
    }
}

/// Returns a failure's attempts, itself as the last of them.
fn attempts_of(mut failure: Failure) -> Vec<crate::model::FailedAttempt> {
    let mut attempts = std::mem::take(&mut failure.attempts);
    attempts.push(attempt_of(failure));
    attempts
}

/// Tells whether a producer writes a case for each attempt at a test: gotestsum with `--rerun-fails`, and `go test`
/// with `-count`; Gradle with its test-retry plugin.
fn tries_again(producer: Producer) -> bool {
    matches!(producer, Producer::Go | Producer::Gradle)
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Hints, Reading};

    use super::*;

    /// Reads cases of one test, `F` for a failure and `P` for a pass.
    fn read(producer: Producer, cases: &str) -> Reading {
        let mut recorder = Recorder::new(&Hints::default(), None);
        let mut retries = Retries::default();
        for (n, case) in cases.chars().enumerate() {
            if case == 'P' {
                retries.pass(producer, ("s", "a"), None, &mut recorder);
            } else {
                let mut failure = Failure::bare(TestId::new("s", "a"));
                failure.message = n.to_string();
                retries.fail(producer, Outcome::Failed, failure, &mut recorder);
            }
        }
        retries.end_suite(producer, &mut recorder);
        recorder.into_reading(Vec::new())
    }

    #[track_caller]
    fn check(producer: Producer, cases: &str, n_failures: usize, n_flaky: usize, tests: u64) -> Reading {
        let reading = read(producer, cases);
        let report = &reading.report;
        assert_eq!((report.failures.len(), report.flaky.len(), report.counts.tests), (n_failures, n_flaky, tests));
        reading
    }

    #[test]
    fn a_pass_after_failures_is_flaky_where_the_producer_tries_again() {
        let flaky = check(Producer::Gradle, "FFP", 0, 1, 1).report.flaky;
        let messages: Vec<_> = flaky[0].attempts.iter().map(|attempt| attempt.message.as_str()).collect();
        assert_eq!(messages, ["0", "1"]);
        check(Producer::Go, "FP", 0, 1, 1);
        check(Producer::Go, "FPP", 0, 1, 2);
        check(Producer::Unknown, "FP", 1, 0, 2);
    }

    #[test]
    fn a_test_that_never_passed_is_one_failure_with_attempts() {
        let failures = check(Producer::Go, "FFF", 1, 0, 1).report.failures;
        assert_eq!((failures[0].message.as_str(), failures[0].attempts.len()), ("2", 2));
    }

    #[test]
    fn where_two_tests_may_have_one_name_the_worse_counts() {
        for cases in ["PFP", "FPF", "FPP", "PF"] {
            let reading = read(Producer::Gradle, cases);
            assert_eq!((reading.report.failures.len(), reading.report.flaky.len()), (1, 0), "{cases}");
            assert_eq!(reading.report.outcome(&TestId::new("s", "a")), Some(Outcome::Failed), "{cases}");
        }
    }
}
