//! What a test is called, how it ended, and one run's results.
//!
//! Results are kept by what is needed later: failures whole, everything else as an outcome by hashed id, so that
//! a report of a million passes costs a few bytes a test.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::model::{Failure, FlakyPass};

/// Identifies a test within a project, stable across the report formats of one runner.
///
/// `suite` is the runner's own grouping as its reports name it: for Rust the test binary in nextest's spelling
/// (`alpha`, `alpha::integration`, `alpha::bin/tool`, `alpha::doc`), for JUnit the class name, else empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TestId {
    /// The suite, class or binary; empty where the report has none.
    pub suite: String,
    /// The test's full name inside its suite, without display suffixes.
    pub name: String,
}

/// The 64-bit XXH3 hash of a [`TestId`]: what is kept of a test that did not fail.
pub type IdHash = u64;

/// The name under which a suite that could not be built is reported.
const BUILD: &str = "[build]";

impl TestId {
    /// The name under which a failure of a whole suite is reported, such as in its setup or while its file was loaded.
    pub const SUITE: &str = "[suite]";

    /// Makes an id from its two parts.
    pub fn new(suite: impl Into<String>, name: impl Into<String>) -> Self {
        Self { suite: suite.into(), name: name.into() }
    }

    /// Names the pseudo-test that fails when `suite` cannot be built.
    pub fn build(suite: impl Into<String>) -> Self {
        Self::new(suite, BUILD)
    }

    /// Tells whether this id stands for a whole suite that could not be built.
    pub fn is_build(&self) -> bool {
        self.name == BUILD
    }

    /// Names the pseudo-test that fails when `suite` fails as a whole, outside any test.
    pub fn of_suite(suite: impl Into<String>) -> Self {
        Self::new(suite, Self::SUITE)
    }

    /// Tells whether this id stands for a suite that failed as a whole.
    pub fn is_of_suite(&self) -> bool {
        self.name == Self::SUITE
    }

    /// Hashes both parts; the parts are separated, so `a`+`bc` differs from `ab`+`c`.
    pub fn hash64(&self) -> IdHash {
        Self::hash_parts(&self.suite, &self.name)
    }

    /// Returns the [`hash64`](Self::hash64) of the id with these parts, without making it.
    pub fn hash_parts(suite: &str, name: &str) -> IdHash {
        xxh3_64_with_seed(name.as_bytes(), xxh3_64(suite.as_bytes()))
    }
}

impl fmt::Display for TestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.suite.as_str() {
            "" => f.write_str(&self.name),
            suite => write!(f, "{suite} {}", self.name),
        }
    }
}

/// How one test ended. The order is by severity: the worse of two outcomes is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not run: skipped, ignored, disabled, or an expected failure.
    Skipped,
    /// Ran and passed.
    Passed,
    /// Ran and failed its check.
    Failed,
    /// Broke outside its check: crash, setup error, build failure.
    Errored,
}

impl Outcome {
    /// Tells whether the outcome makes a run red.
    pub fn is_red(self) -> bool {
        matches!(self, Self::Failed | Self::Errored)
    }
}

/// One reported result, as a reader of a format emits it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestCase {
    /// Which test.
    pub id: TestId,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, where the report says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// The failure's particulars; present exactly when the outcome is red.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// Number of results by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All reported tests.
    pub tests: u64,
    /// Those that passed.
    pub passed: u64,
    /// Those that failed their check.
    pub failed: u64,
    /// Those that broke outside their check.
    pub errored: u64,
    /// Those that did not run.
    pub skipped: u64,
}

impl Counts {
    fn add(&mut self, outcome: Outcome, n: u64) {
        self.tests += n;
        match outcome {
            Outcome::Skipped => self.skipped += n,
            Outcome::Passed => self.passed += n,
            Outcome::Failed => self.failed += n,
            Outcome::Errored => self.errored += n,
        }
    }

    /// Adds the numbers of another count.
    pub fn merge(&mut self, other: Self) {
        self.tests += other.tests;
        self.passed += other.passed;
        self.failed += other.failed;
        self.errored += other.errored;
        self.skipped += other.skipped;
    }

    /// Returns the number of red results.
    pub fn red(&self) -> u64 {
        self.failed + self.errored
    }
}

/// One run's results.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TestReport {
    /// Number of results by outcome, every reported case counted once.
    pub counts: Counts,
    /// The red cases, in report order.
    pub failures: Vec<Failure>,
    /// Tests that passed only after they had failed; among the passed ones in the counts.
    pub flaky: Vec<FlakyPass>,
    /// How every case ended.
    outcomes: Outcomes,
}

/// Outcomes by hashed id: a list that is only appended to while a report is read, and sorted once it is asked.
///
/// An entry is a hash whose two lowest bits are the outcome's place in the order of outcomes, so that of the entries of
/// one id the worst is the greatest, and a result costs eight bytes.
#[derive(Debug, Clone, Default)]
struct Outcomes {
    reported: Vec<u64>,
    sorted: OnceLock<Vec<u64>>,
}

/// The bits of an entry that are the outcome.
const OUTCOME_BITS: u64 = 0b11;

impl PartialEq for Outcomes {
    fn eq(&self, other: &Self) -> bool {
        self.reported == other.reported
    }
}

impl Outcomes {
    fn append(&mut self, id: IdHash, outcome: Outcome) {
        self.sorted.take();
        self.reported.push(id & !OUTCOME_BITS | outcome as u64);
    }

    /// Returns the worst outcome of `id`, which is the last of its own in the sorted list.
    fn worst(&self, id: IdHash) -> Option<Outcome> {
        let sorted = self.sorted.get_or_init(|| {
            let mut sorted = self.reported.clone();
            sorted.sort_unstable();
            sorted
        });
        let last = *sorted[..sorted.partition_point(|entry| *entry <= id | OUTCOME_BITS)].last()?;
        let is_of_id = last | OUTCOME_BITS == id | OUTCOME_BITS;
        let outcomes = [Outcome::Skipped, Outcome::Passed, Outcome::Failed, Outcome::Errored];
        is_of_id.then(|| outcomes.into_iter().find(|outcome| *outcome as u64 == last & OUTCOME_BITS)).flatten()
    }
}

impl TestReport {
    /// Adds one result.
    pub fn record(&mut self, case: TestCase) {
        self.tally(case.id.hash64(), case.outcome);
        if case.outcome.is_red() {
            self.failures.push(case.failure.unwrap_or_else(|| Failure::bare(case.id)));
        }
    }

    /// Adds one result by its hashed id, without a failure's particulars: for results that are not red.
    pub fn tally(&mut self, id: IdHash, outcome: Outcome) {
        self.counts.add(outcome, 1);
        self.outcomes.append(id, outcome);
    }

    /// Counts results without their ids, so that their outcomes cannot be asked for.
    pub fn count(&mut self, outcome: Outcome, n: u64) {
        self.counts.add(outcome, n);
    }

    /// Adds all results of another report, as when a run had several outputs.
    pub fn absorb(&mut self, other: Self) {
        self.counts.merge(other.counts);
        self.failures.extend(other.failures);
        self.flaky.extend(other.flaky);
        self.outcomes.sorted.take();
        self.outcomes.reported.extend(other.outcomes.reported);
    }

    /// Returns how `id` ended, of several results the worst, or `None` when it did not run in this report.
    pub fn outcome(&self, id: &TestId) -> Option<Outcome> {
        self.outcomes.worst(id.hash64())
    }

    /// Tells whether nothing was reported at all.
    pub fn is_empty(&self) -> bool {
        self.counts.tests == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, outcome: Outcome) -> TestCase {
        TestCase { id: TestId::new("s", name), outcome, duration: None, failure: None }
    }

    #[test]
    fn the_worst_of_several_results_for_one_id_counts() {
        let mut report = TestReport::default();
        report.record(case("a", Outcome::Failed));
        report.record(case("a", Outcome::Passed));
        assert_eq!(report.outcome(&TestId::new("s", "a")), Some(Outcome::Failed));
        assert_eq!(report.counts.tests, 2);
        assert_eq!(report.failures.len(), 1);
    }

    #[test]
    fn results_count_that_come_after_a_report_was_asked() {
        let mut report = TestReport::default();
        let id = TestId::new("s", "a");
        report.record(case("a", Outcome::Passed));
        assert_eq!(report.outcome(&id), Some(Outcome::Passed));
        report.record(case("a", Outcome::Errored));
        assert_eq!(report.outcome(&id), Some(Outcome::Errored));
    }

    #[test]
    fn a_test_that_did_not_run_has_no_outcome() {
        assert_eq!(TestReport::default().outcome(&TestId::new("s", "a")), None);
    }

    #[test]
    fn the_parts_of_an_id_do_not_run_together_in_its_hash() {
        assert_ne!(TestId::new("a", "bc").hash64(), TestId::new("ab", "c").hash64());
    }
}
