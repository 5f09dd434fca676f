//! What formats write their results into: it counts, hashes, caps, and passes each case on to whoever listens.

use std::time::Duration;

use camino::Utf8PathBuf;

use crate::ingest::{COMPLAINTS_MAX, Complaint, Hints, Reading};
use crate::model::{Failure, FlakyPass, IdHash, Outcome, TestCase, TestId, TestReport};
use crate::text::cap;

/// Bytes of output kept of a failure once all failures together have more than their limit.
const SHORT_OUTPUT_BYTES_MAX: usize = 1 << 10;

/// Hears of every case with a name: suite, name, outcome, duration, and the failure if it is red.
pub type Listener = Box<dyn FnMut(&Case<'_>)>;

/// One case as a [`Listener`] hears of it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'c> {
    /// The suite, as in [`TestId`].
    pub suite: &'c str,
    /// The name, as in [`TestId`].
    pub name: &'c str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, where that is known at no cost: of failures always, of other cases by some formats.
    pub duration: Option<Duration>,
    /// The particulars, if it is red.
    pub failure: Option<&'c Failure>,
}

/// Collects one input's results.
pub(super) struct Recorder {
    report: TestReport,
    complaints: Vec<Complaint>,
    listener: Option<Listener>,
    keeps_ids: bool,
    /// The project's folder: places below it are relative to it.
    root: Option<Utf8PathBuf>,
    outputs: OutputBudget,
}

/// The output that failures may have together: of those after it, little is kept.
#[derive(Debug)]
pub(super) struct OutputBudget {
    bytes_left: usize,
    bytes_max: usize,
}

impl OutputBudget {
    pub(super) fn new(hints: &Hints) -> Self {
        Self { bytes_left: hints.outputs_bytes_max, bytes_max: hints.outputs_bytes_max }
    }

    /// Allows as much again, once what was shortened has been handed on.
    pub(super) fn refill(&mut self) {
        self.bytes_left = self.bytes_max;
    }

    /// Cuts the output of a failure when those before it took what they may take together.
    pub(super) fn shorten(&mut self, failure: &mut Failure) {
        let outputs = failure.attempts.iter().map(|attempt| attempt.output.len());
        let n_bytes = failure.output.len() + outputs.sum::<usize>();
        if n_bytes <= self.bytes_left {
            self.bytes_left -= n_bytes;
            return;
        }
        self.bytes_left = 0;
        failure.output = cap::head_and_tail(&failure.output, SHORT_OUTPUT_BYTES_MAX);
        for attempt in &mut failure.attempts {
            attempt.output = cap::head_and_tail(&attempt.output, SHORT_OUTPUT_BYTES_MAX);
        }
    }
}

impl Recorder {
    pub(super) fn new(hints: &Hints, listener: Option<Listener>) -> Self {
        Self {
            report: TestReport::default(),
            complaints: Vec::new(),
            listener,
            keeps_ids: hints.keeps_ids,
            root: hints.root.clone(),
            outputs: OutputBudget::new(hints),
        }
    }

    /// Tells whether anyone listens, so that particulars of passes are worth reading.
    pub(super) fn is_heard(&self) -> bool {
        self.listener.is_some()
    }

    /// Adds a result that is not red.
    pub(super) fn tally(&mut self, suite: &str, name: &str, outcome: Outcome) {
        self.tally_timed(suite, name, outcome, None);
    }

    /// Adds a result that is not red and whose duration is known.
    pub(super) fn tally_timed(&mut self, suite: &str, name: &str, outcome: Outcome, duration: Option<Duration>) {
        if self.keeps_ids {
            self.report.tally(TestId::hash_parts(suite, name), outcome);
        } else {
            self.report.count(outcome, 1);
        }
        if let Some(listener) = &mut self.listener {
            listener(&Case { suite, name, outcome, duration, failure: None });
        }
    }

    /// Adds a result that is not red by the hash of its id: for formats in which a result is only believed once its name
    /// is gone. No listener hears of it.
    pub(super) fn tally_hashed(&mut self, id: IdHash, outcome: Outcome) {
        if self.keeps_ids {
            self.report.tally(id, outcome);
        } else {
            self.report.count(outcome, 1);
        }
    }

    /// Adds results whose names are not told.
    pub(super) fn count_unnamed(&mut self, outcome: Outcome, n: u64) {
        self.report.count(outcome, n);
    }

    /// Adds a red result.
    pub(super) fn fail(&mut self, outcome: Outcome, mut failure: Failure) {
        self.outputs.shorten(&mut failure);
        self.make_relative(&mut failure);
        if let Some(listener) = &mut self.listener {
            let TestId { suite, name } = &failure.id;
            listener(&Case { suite, name, outcome, duration: failure.duration, failure: Some(&failure) });
        }
        let (id, duration) = (failure.id.clone(), failure.duration);
        self.report.record(TestCase { id, outcome, duration, failure: Some(failure) });
    }

    /// Adds a test that passed after attempts that failed.
    pub(super) fn pass_flaky(&mut self, flaky: FlakyPass) {
        self.tally(&flaky.id.suite, &flaky.id.name, Outcome::Passed);
        self.report.flaky.push(flaky);
    }

    /// Says that something at `offset` could not be made sense of.
    pub(super) fn complain(&mut self, offset: u64, reason: impl Into<String>) {
        let reason = match self.complaints.len() {
            n if n < COMPLAINTS_MAX => reason.into(),
            COMPLAINTS_MAX => "further complaints are left out".to_owned(),
            _ => return,
        };
        self.complaints.push(Complaint { offset, reason });
    }

    /// Tells whether no result was added.
    pub(super) fn is_empty(&self) -> bool {
        self.report.is_empty()
    }

    /// Returns what was collected.
    pub(super) fn into_reading(self, formats: Vec<&'static str>) -> Reading {
        Reading { formats, report: self.report, complaints: self.complaints }
    }

    /// Makes places in the project's folder relative to it.
    fn make_relative(&self, failure: &mut Failure) {
        let Some(root) = &self.root else { return };
        let places = failure.frames.iter_mut().map(|frame| &mut frame.location).chain(&mut failure.location);
        for place in places {
            if let Ok(relative) = place.file.strip_prefix(root) {
                place.file = relative.to_owned();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Frame, Location};

    #[test]
    fn places_below_the_root_are_relative_to_it() {
        let hints = Hints { root: Some("/home/user/shop".into()), ..Hints::default() };
        let mut recorder = Recorder::new(&hints, None);
        let place = |file: &str| Location { file: file.into(), line: 1, column: None };
        let mut failure = Failure::bare(TestId::new("s", "t"));
        failure.location = Some(place("/home/user/shop/src/cart.py"));
        failure.frames = ["/home/user/shop/a.py", "/home/user/shopping/b.py", "c.py"]
            .map(|file| Frame { function: None, location: place(file) })
            .to_vec();
        recorder.fail(Outcome::Failed, failure);
        let failure = &recorder.into_reading(Vec::new()).report.failures[0];
        assert_eq!(failure.location.as_ref().unwrap().file, "src/cart.py");
        let files: Vec<_> = failure.frames.iter().map(|frame| frame.location.file.as_str()).collect();
        assert_eq!(files, ["a.py", "/home/user/shopping/b.py", "c.py"]);
    }
}
