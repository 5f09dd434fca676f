//! One level of a stream: the stream itself, or a subtest in it, and which of its results wait for what.
//!
//! Three things make results wait. A failure in a subtest waits for the point that sums the subtest up: where that does
//! not fail, the failure was expected. A result in a subtest without a name waits for that point too, for it has the
//! name. A point whose number is not yet due waits for the plan: where the plan is met without it, a test printed it.

use crate::ingest::recorder::Recorder;
use crate::ingest::tap::held::Held;
use crate::model::{Failure, Outcome, TestCase};

/// Bytes of names that wait in one subtest; results beyond them are counted without their names.
const WAITING_BYTES_MAX: usize = 1 << 20;

/// Points that are not yet due and wait in one level; where there are more, lines are missing, and all count.
const EARLY_MAX: usize = 1000;

/// What is known of one level.
#[derive(Default)]
pub(super) struct Level {
    /// Names of the subtests that its points stand in, from the innermost one without a name on, joined.
    pub(super) suite: String,
    /// Its own name; `None` for a subtest that was not announced, and for the stream itself.
    pub(super) name: Option<String>,
    /// Whether a comment or a brace said that it begins; else its plan must prove that it is one.
    pub(super) is_announced: bool,
    /// The name the latest `# Subtest:` comment gave, as written, and whether it is still to be used.
    pub(super) subtest: String,
    pub(super) has_subtest: bool,
    /// The point that opened it, in the buffered form.
    pub(super) opener: Option<Box<Held>>,
    pub(super) plan: Option<u64>,
    pub(super) n_points: u64,
    /// Points before the next one that is due.
    pub(super) n_due: u64,
    /// Results in it and in its subtests.
    pub(super) n_cases: u64,
    /// Failures that wait for the point that sums it up.
    pub(super) failures: Vec<Failure>,
    /// Other results that wait for its name.
    pub(super) waiting: Waiting,
    /// Results whose numbers are not yet due.
    early: Vec<TestCase>,
    n_early: u64,
    /// Whether so many points came early that numbers tell nothing.
    is_unordered: bool,
}

/// Results that are not red, packed.
#[derive(Default)]
pub(super) struct Waiting {
    /// Three lines a result: outcome, suite and name. Names hold no line ends, for each is from one line.
    text: String,
    /// Results whose names did not fit: passed, and skipped.
    n_nameless: [u64; 2],
}

impl Level {
    /// Makes the stream itself, whose tests are of `suite`.
    pub(super) fn top(suite: String) -> Self {
        Self { suite, is_announced: true, ..Self::default() }
    }

    /// Makes a subtest, which is announced if its name is known.
    pub(super) fn inner(suite: String, name: Option<String>) -> Self {
        Self { suite, is_announced: name.is_some(), name, ..Self::default() }
    }

    /// Counts a point; tells whether its number is due.
    pub(super) fn count(&mut self, number: Option<u64>) -> bool {
        self.n_points += 1;
        let is_early = !self.is_unordered && number.is_some_and(|number| number > self.n_due + 1);
        if !is_early && number.is_none_or(|number| number == self.n_due + 1) {
            self.n_due += 1;
        }
        self.n_early += u64::from(is_early);
        !is_early
    }

    /// Keeps a result whose number is not yet due; returns those that shall wait no more.
    pub(super) fn keep_early(&mut self, case: TestCase) -> Vec<TestCase> {
        self.early.push(case);
        if self.early.len() <= EARLY_MAX {
            return Vec::new();
        }
        self.is_unordered = true;
        self.n_early = 0;
        std::mem::take(&mut self.early)
    }

    /// Ends the waiting of points that came early: returns those that count, and the number of those that do not, for
    /// the plan is met without them, or they stand before the stream begins.
    pub(super) fn take_early(&mut self, is_prelude: bool) -> (Vec<TestCase>, u64) {
        let is_met = self.plan == Some(self.n_due);
        let is_none_due = is_prelude && self.plan.is_none() && self.n_due == 0;
        let early = std::mem::take(&mut self.early);
        let n_early = std::mem::take(&mut self.n_early);
        if !is_met && !is_none_due {
            return (early, 0);
        }
        self.n_points -= n_early;
        (Vec::new(), n_early)
    }

    /// Gives up the results that wait for its name.
    pub(super) fn forget_waiting(&mut self) {
        self.waiting = Waiting::default();
    }

    /// Tells whether all points that were planned are there.
    pub(super) fn is_over(&self) -> bool {
        self.plan.is_some_and(|plan| self.n_points - self.n_early >= plan)
    }

    /// Tells whether these points are a subtest's, and not what a test printed: announced, or as many as planned.
    pub(super) fn is_subtest(&self) -> bool {
        let plan = || self.plan.is_some_and(|plan| plan == self.n_points || plan == self.n_due);
        self.is_announced || plan()
    }

    /// Tells whether a point called `name` under this subtest sums it up. It does not when it has another name before
    /// the subtest has come to its end: then a test printed it.
    pub(super) fn is_summed_up_by(&self, name: &str) -> bool {
        self.name.as_deref().is_none_or(|own| name.is_empty() || own == name) || self.is_over()
    }
}

impl Waiting {
    /// Keeps a result.
    pub(super) fn push(&mut self, suite: &str, name: &str, outcome: Outcome) {
        let is_passed = outcome == Outcome::Passed;
        if self.text.len() + suite.len() + name.len() > WAITING_BYTES_MAX {
            self.n_nameless[usize::from(!is_passed)] += 1;
            return;
        }
        for part in [if is_passed { "+" } else { "-" }, suite, name] {
            self.text.push_str(part);
            self.text.push('\n');
        }
    }

    /// Passes all results on: suite, name and outcome of each.
    pub(super) fn drain(&mut self, mut each: impl FnMut(&str, &str, Outcome)) {
        let text = std::mem::take(&mut self.text);
        let mut lines = text.split('\n');
        while let (Some(outcome), Some(suite), Some(name)) = (lines.next(), lines.next(), lines.next()) {
            each(suite, name, if outcome == "+" { Outcome::Passed } else { Outcome::Skipped });
        }
    }

    /// Counts the results whose names did not fit.
    pub(super) fn count_nameless(&self, to: &mut Recorder) {
        for (outcome, &n) in [Outcome::Passed, Outcome::Skipped].into_iter().zip(&self.n_nameless) {
            to.count_unnamed(outcome, n);
        }
    }

    /// Adds the results of another whose names did not fit.
    pub(super) fn add_nameless(&mut self, other: &Self) {
        for (own, n) in self.n_nameless.iter_mut().zip(other.n_nameless) {
            *own += n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TestId;

    fn case(name: &str) -> TestCase {
        TestCase { id: TestId::new("", name), outcome: Outcome::Failed, duration: None, failure: None }
    }

    fn level(numbers: &[u64], plan: Option<u64>) -> Level {
        let mut level = Level { plan, ..Level::default() };
        for &number in numbers {
            if !level.count(Some(number)) {
                level.keep_early(case(&number.to_string()));
            }
        }
        level
    }

    fn check(numbers: &[u64], plan: Option<u64>, n_counting: usize, n_printed: u64) {
        let (counting, printed) = level(numbers, plan).take_early(false);
        assert_eq!((counting.len(), printed), (n_counting, n_printed), "{numbers:?} {plan:?}");
    }

    #[test]
    fn early_points_count_unless_the_plan_is_met_without_them() {
        check(&[1, 2, 9, 3], Some(3), 0, 1);
        check(&[1, 2, 9, 3], Some(4), 1, 0);
        check(&[1, 2, 9, 3], None, 1, 0);
        check(&[1, 2, 5, 6], Some(6), 2, 0);
        check(&[7, 1, 2], Some(2), 0, 1);
        check(&[1, 1, 2], Some(2), 0, 0);
    }

    #[test]
    fn early_points_before_a_stream_begins_do_not_count() {
        assert_eq!(level(&[7], None).take_early(true).1, 1);
        assert_eq!(level(&[1, 7], None).take_early(true).1, 0);
    }

    #[test]
    fn where_many_lines_are_missing_no_point_waits() {
        let mut level = Level::default();
        let mut n_released = 0;
        for number in 5000..5000 + 2 * EARLY_MAX as u64 {
            if !level.count(Some(number)) {
                n_released += level.keep_early(case("x")).len();
            }
        }
        assert_eq!((n_released, level.early.len()), (EARLY_MAX + 1, 0));
    }

    #[test]
    fn names_that_wait_are_bounded() {
        let mut waiting = Waiting::default();
        let name = "n".repeat(1000);
        for _ in 0..3000 {
            waiting.push("s", &name, Outcome::Passed);
        }
        let mut n = 0;
        waiting.drain(|suite, found, outcome| {
            assert_eq!((suite, found, outcome), ("s", name.as_str(), Outcome::Passed));
            n += 1;
        });
        assert!((1000..1100).contains(&n) && waiting.n_nameless == [3000 - n, 0], "{n}");
    }
}
