//! What a report tells of a test that failed, piece by piece, and what it declares of itself.

use std::time::Duration;

use crate::ingest::{Hints, detail};
use crate::model::{Failure, Location, TestId};
use crate::text::cap::{HeadAndTail, head_and_tail};

/// The name of a test whose report gives none.
pub(super) const UNNAMED: &str = "[unnamed]";

/// Properties kept of a failure.
const PROPERTIES_MAX: usize = 100;

/// The longest value of a property, in bytes.
const VALUE_BYTES_MAX: usize = 1 << 10;

/// A text that a report holds of a test.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Message,
    Trace,
    Output,
}

/// What a report tells of a test or suite that failed, piece by piece.
pub(super) struct Told {
    pub(super) kind: String,
    pub(super) duration: Option<Duration>,
    /// Where the test stands, to be used where no frame says more.
    pub(super) location: Option<Location>,
    pub(super) properties: Properties,
    /// What was expected and what was there, where the report states both.
    pub(super) values: Option<(String, String)>,
    texts: [HeadAndTail; 3],
    bytes_max: usize,
    start: u64,
}

impl Told {
    /// Begins what is told from `start` on.
    pub(super) fn new(hints: &Hints, start: u64) -> Self {
        let text = || HeadAndTail::new(hints.output_bytes_max);
        Self {
            kind: String::new(),
            duration: None,
            location: None,
            properties: Properties::default(),
            values: None,
            texts: [text(), text(), text()],
            bytes_max: hints.output_bytes_max,
            start,
        }
    }

    /// Adds a piece of a text.
    pub(super) fn push(&mut self, part: Part, piece: &str) {
        self.texts[part as usize].push(piece);
    }

    /// Tells whether a text is still empty.
    pub(super) fn lacks(&self, part: Part) -> bool {
        self.texts[part as usize].is_empty()
    }

    /// Makes a failure of what was told up to `end`.
    pub(super) fn into_failure(self, id: TestId, end: u64) -> Failure {
        let [message, trace, output] = self.texts.map(HeadAndTail::into_text);
        let mut failure = Failure::bare(id);
        failure.kind = self.kind;
        (failure.expected, failure.actual) = self.values.unzip();
        message.trim().clone_into(&mut failure.message);
        let told = joined(&message, &trace);
        detail::fill(&mut failure, &[if told.is_empty() { &output } else { &told }]);
        let is_repeated = !told.trim().is_empty() && output.contains(told.trim());
        let output = if is_repeated { output } else { joined(&told, &output) };
        detail::set_output(&mut failure, &output, self.bytes_max);
        failure.location = failure.location.take().or(self.location);
        (failure.duration, failure.properties) = (self.duration, self.properties.0);
        failure.source = Some((self.start, end));
        failure
    }
}

/// What a report says of a test or suite beside the result, by name.
#[derive(Default)]
pub(super) struct Properties(Vec<(String, String)>);

impl Properties {
    /// Adds one, unless there are many.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if self.0.len() < PROPERTIES_MAX {
            self.0.push((head_and_tail(name, VALUE_BYTES_MAX), head_and_tail(value, VALUE_BYTES_MAX)));
        }
    }

    /// Adds them to those a failure has.
    pub(super) fn append_to(&self, properties: &mut Vec<(String, String)>) {
        let n = PROPERTIES_MAX.saturating_sub(properties.len());
        properties.extend(self.0.iter().take(n).cloned());
    }

    /// Adds those of the suite around.
    pub(super) fn add_all(&mut self, outer: &Self) {
        outer.0.iter().for_each(|(name, value)| self.add(name, value));
    }
}

/// Joins two texts with a line break, without the blank ends between them.
fn joined(first: &str, second: &str) -> String {
    let (first, second) = (first.trim_end(), second.trim_start_matches(['\r', '\n']).trim_end());
    match (first.trim_start().is_empty(), second.trim_start().is_empty()) {
        (true, _) => second.to_owned(),
        (false, true) => first.trim_start_matches(['\r', '\n']).to_owned(),
        (false, false) => format!("{}\n{second}", first.trim_start_matches(['\r', '\n'])),
    }
}

/// What a report says of its own size, and what was found in it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) declared_tests: Option<u64>,
    pub(super) declared_red: Option<u64>,
    pub(super) n_tests: u64,
    pub(super) n_red: u64,
}

impl Tally {
    /// Counts a test.
    pub(super) fn add(&mut self, is_red: bool) {
        self.n_tests += 1;
        self.n_red += u64::from(is_red);
    }

    /// Counts what another has counted.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.n_tests += other.n_tests;
        self.n_red += other.n_red;
    }

    /// Says where the numbers disagree: `n_uncounted` tests may be listed that the report does not count.
    pub(super) fn disagreement(&self, whose: &str, n_uncounted: u64) -> Option<String> {
        let Self { n_tests, n_red, .. } = *self;
        let red = self.declared_red.filter(|declared| *declared != n_red);
        let tests =
            self.declared_tests.filter(|declared| !(n_tests - n_uncounted.min(n_tests)..=n_tests).contains(declared));
        match (red, tests) {
            (Some(declared), _) => Some(format!("{whose} declares {declared} failed tests but lists {n_red}")),
            (None, Some(declared)) => Some(format!("{whose} declares {declared} tests but lists {n_tests}")),
            (None, None) => None,
        }
    }
}

/// Reads a number of seconds.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_disagree_are_told() {
        let tally = |tests, red| Tally { declared_tests: Some(tests), declared_red: Some(red), n_tests: 5, n_red: 2 };
        assert_eq!(tally(5, 2).disagreement("it", 0), None);
        assert_eq!(tally(4, 2).disagreement("it", 1), None);
        assert_eq!(tally(4, 2).disagreement("it", 0).unwrap(), "it declares 4 tests but lists 5");
        assert_eq!(tally(5, 3).disagreement("it", 0).unwrap(), "it declares 3 failed tests but lists 2");
    }
}
