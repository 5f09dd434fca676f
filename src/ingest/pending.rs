//! Results that wait for the name of their suite, which some runners tell after them.
//!
//! Names of tests that are not red are kept up to a limit; those beyond it are counted without a name.

use crate::ingest::Hints;
use crate::ingest::recorder::{OutputBudget, Recorder};
use crate::model::{Failure, FlakyPass, Outcome};

/// Results of one suite.
pub(super) struct Pending {
    /// The names of tests that are not red, one after another.
    names: String,
    /// Where each name ends, and how the test ended.
    ends: Vec<(usize, Outcome)>,
    /// Bytes of names that are kept: a part of what failures may print, enough for a few hundred thousand tests.
    names_bytes_max: usize,
    /// Results beyond the limit, by outcome.
    n_unnamed: [u64; 2],
    flaky: Vec<FlakyPass>,
    reds: Vec<(Outcome, Failure)>,
    outputs: OutputBudget,
}

impl Pending {
    pub(super) fn new(hints: &Hints) -> Self {
        Self {
            names: String::new(),
            ends: Vec::new(),
            names_bytes_max: hints.outputs_bytes_max / 4,
            n_unnamed: [0; 2],
            flaky: Vec::new(),
            reds: Vec::new(),
            outputs: OutputBudget::new(hints),
        }
    }

    /// Adds a result that is not red.
    pub(super) fn tally(&mut self, name: &str, outcome: Outcome) {
        if self.names.len() + name.len() > self.names_bytes_max {
            self.n_unnamed[usize::from(outcome == Outcome::Passed)] += 1;
        } else {
            self.names.push_str(name);
            self.ends.push((self.names.len(), outcome));
        }
    }

    /// Adds a red result, whose id has no suite yet.
    pub(super) fn fail(&mut self, outcome: Outcome, mut failure: Failure) {
        self.outputs.shorten(&mut failure);
        self.reds.push((outcome, failure));
    }

    /// Adds a test that passed after attempts that failed.
    pub(super) fn pass_flaky(&mut self, flaky: FlakyPass) {
        self.flaky.push(flaky);
    }

    /// Gives away the names of all that are not red; returns how many have none.
    pub(super) fn take(self, mut each: impl FnMut(&str)) -> u64 {
        let mut start = 0;
        for (end, _) in self.ends {
            each(&self.names[start..end]);
            start = end;
        }
        self.n_unnamed.iter().sum()
    }

    /// Adds all results of another.
    pub(super) fn append(&mut self, mut other: Self) {
        let mut start = 0;
        for (end, outcome) in other.ends {
            self.tally(&other.names[start..end], outcome);
            start = end;
        }
        for (n, other) in self.n_unnamed.iter_mut().zip(other.n_unnamed) {
            *n += other;
        }
        self.flaky.append(&mut other.flaky);
        self.reds.append(&mut other.reds);
    }

    /// Returns the number of red results.
    pub(super) fn n_red(&self) -> u64 {
        self.reds.len() as u64
    }

    /// Returns the failures, to be completed.
    pub(super) fn reds_mut(&mut self) -> impl Iterator<Item = &mut Failure> {
        self.reds.iter_mut().map(|(_, failure)| failure)
    }

    /// Records all results as those of `suite`.
    pub(super) fn release(&mut self, suite: &str, offset: u64, to: &mut Recorder) {
        let mut start = 0;
        for (end, outcome) in self.ends.drain(..) {
            to.tally(suite, &self.names[start..end], outcome);
            start = end;
        }
        if self.n_unnamed != [0; 2] {
            let n_unnamed: u64 = self.n_unnamed.iter().sum();
            to.complain(
                offset,
                format!("{suite} has too many tests; {n_unnamed} of them are counted without their names"),
            );
        }
        self.clear_unnamed(to);
        for mut flaky in self.flaky.drain(..) {
            suite.clone_into(&mut flaky.id.suite);
            to.pass_flaky(flaky);
        }
        for (outcome, mut failure) in self.reds.drain(..) {
            suite.clone_into(&mut failure.id.suite);
            to.fail(outcome, failure);
        }
        self.outputs.refill();
    }

    /// Records all results as those of a suite that is not known: the red ones under `suite`, which may be wrong, the
    /// others without names.
    pub(super) fn release_unsure(&mut self, suite: &str, offset: u64, to: &mut Recorder) {
        for (_, outcome) in self.ends.drain(..) {
            self.n_unnamed[usize::from(outcome == Outcome::Passed)] += 1;
        }
        self.n_unnamed[1] += self.flaky.len() as u64;
        self.flaky.clear();
        self.clear_unnamed(to);
        self.release(suite, offset, to);
    }

    fn clear_unnamed(&mut self, to: &mut Recorder) {
        self.names.clear();
        let [n_skipped, n_passed] = std::mem::take(&mut self.n_unnamed);
        to.count_unnamed(Outcome::Skipped, n_skipped);
        to.count_unnamed(Outcome::Passed, n_passed);
    }
}
