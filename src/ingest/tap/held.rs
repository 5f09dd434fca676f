//! The latest point, held back until the lines under it are read.

use std::time::Duration;

use crate::ingest::tap::line::{Directive, Point};
use crate::model::{Failure, Outcome};
use crate::text::cap::HeadAndTail;

/// What became of the test of a point, as far as the point itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// There is no point.
    #[default]
    Nothing,
    /// It sums up a subtest, and there is nothing more to say of it.
    Settled,
    /// It passed, or was skipped.
    NotRed(Outcome),
    /// It failed, and a directive says that it may.
    Excused,
    /// It failed.
    Red,
    /// It sums up a subtest with failures in it.
    SumOfRed,
}

/// A point, and what is told of it in the lines that follow.
#[derive(Default)]
pub(super) struct Held {
    pub(super) state: State,
    pub(super) depth: usize,
    /// The test's name, and for an excused one the name with what looks like a directive.
    pub(super) name: String,
    pub(super) whole: String,
    /// Whether its number was due.
    pub(super) is_due: bool,
    pub(super) duration: Option<Duration>,
    /// The bytes of the point and of what is told of it.
    pub(super) range: (u64, u64),
    /// What was printed before it.
    pub(super) printed: String,
    /// What is told of it.
    pub(super) text: HeadAndTail,
    /// Whether its block of diagnostics has ended.
    pub(super) is_told: bool,
    /// The failures of the subtest it sums up.
    pub(super) parts: Vec<Failure>,
}

impl Held {
    /// Holds a point called `name` in place of the one before, whose memory it uses.
    pub(super) fn begin(&mut self, point: &Point<'_>, name: &str, range: (u64, u64), bytes_max: usize) {
        self.state = state(point);
        self.name.clear();
        self.name.push_str(name);
        (self.duration, self.range, self.is_due, self.is_told) = (point.duration, range, true, false);
        if self.is_noted() {
            self.text = HeadAndTail::new(bytes_max);
            self.printed.clear();
            self.whole.clear();
            self.whole.push_str(point.whole);
        }
    }

    /// Takes a test that passed for one that did not run.
    pub(super) fn skip(&mut self) {
        if let State::NotRed(outcome) = &mut self.state {
            *outcome = Outcome::Skipped;
        }
    }

    /// Tells whether the lines under the point are kept.
    pub(super) fn is_noted(&self) -> bool {
        matches!(self.state, State::Excused | State::Red | State::SumOfRed)
    }

    /// Keeps a line under the point, which ends at `end`, without the indentation that all of its subtest have.
    pub(super) fn note(&mut self, line: &str, indent: usize, end: u64) {
        let n_spaces = line.bytes().take(indent).take_while(|byte| *byte == b' ').count();
        self.text.push_line(&line[n_spaces..]);
        if !line.is_empty() {
            self.range.1 = end;
        }
    }
}

fn state(point: &Point<'_>) -> State {
    match (point.is_ok, point.directive) {
        (true, Some(Directive::Skip)) => State::NotRed(Outcome::Skipped),
        (true, _) => State::NotRed(Outcome::Passed),
        (false, Some(_)) => State::Excused,
        (false, None) => State::Red,
    }
}
