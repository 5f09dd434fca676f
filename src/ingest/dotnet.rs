//! What the reports of .NET's test frameworks have in common: qualified names, messages with stack traces, numbers that
//! the report declares.

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
        message.trim().clone_into(&mut failure.message);
        let told = joined(&message, &trace);
        detail::fill(&mut failure, &[if told.is_empty() { &output } else { &told }]);
        detail::set_output(&mut failure, &joined(&told, &output), self.bytes_max);
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

/// Takes a qualified name apart: class, and method with its arguments. A name that is none, such as one that a person
/// chose, yields `None`.
///
/// Dots in arguments of types, of fixtures and of tests do not separate.
pub(super) fn qualified(name: &str) -> Option<(&str, &str)> {
    let mut dot = None;
    let mut depth = 0_u32;
    let mut quote = None;
    for (at, c) in name.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"') => quote = Some(c),
            (None, '(' | '<' | '[') => depth += 1,
            (None, ')' | '>' | ']') => depth = depth.saturating_sub(1),
            (None, '.') if depth == 0 => dot = Some(at),
            (None, _) if depth > 0 || c.is_alphanumeric() || matches!(c, '_' | '+' | '`' | '/' | ',') => {}
            (None, _) => break,
        }
    }
    let (class, method) = (&name[..dot?], &name[dot? + 1..]);
    let begins_name = |text: &str| text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (begins_name(class) && begins_name(method)).then_some((class, method))
}

/// Returns a test's name without its class.
pub(super) fn without_class<'n>(name: &'n str, class: &str) -> &'n str {
    let rest = name.strip_prefix(class).and_then(|rest| rest.strip_prefix('.'));
    rest.filter(|rest| !rest.is_empty() && !class.is_empty()).unwrap_or(name)
}

/// Reads a number of seconds.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

/// Reads a time span: `hh:mm:ss.fffffff`.
pub(super) fn time_span(text: &str) -> Option<Duration> {
    let mut parts = text.trim().splitn(3, ':');
    let (hours, minutes) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
    let whole = Duration::from_secs(u64::from(hours) * 3600 + u64::from(minutes) * 60);
    whole.checked_add(seconds(parts.next()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, parts: Option<(&str, &str)>) {
        assert_eq!(qualified(name), parts, "{name}");
    }

    #[test]
    fn a_qualified_name_is_taken_apart_before_its_method() {
        check("Shop.CartTests.Adds", Some(("Shop.CartTests", "Adds")));
        check(
            "Shop.CartTests+Inner.Adds(a: 1.5, b: \"x.y(\")",
            Some(("Shop.CartTests+Inner", "Adds(a: 1.5, b: \"x.y(\")")),
        );
        check(
            "Shop.CartTests<Shop.Item>.Adds<System.Int32>(1)",
            Some(("Shop.CartTests<Shop.Item>", "Adds<System.Int32>(1)")),
        );
        check("Shop.CartTests(1.5).Adds(2.5)", Some(("Shop.CartTests(1.5)", "Adds(2.5)")));
        check("Shop.CartTests.adds 1.5 to it", Some(("Shop.CartTests", "adds 1.5 to it")));
    }

    #[test]
    fn a_name_that_a_person_chose_is_not_taken_apart() {
        for name in ["Adds", "Adds(1.5)", "adds 1.5 to it", "v1.2", "", ".", "a.", ".a", "…", "\"a.b"] {
            check(name, None);
        }
    }

    #[test]
    fn a_class_is_only_taken_off_a_name_that_goes_on() {
        assert_eq!(without_class("A.B.C(1)", "A.B"), "C(1)");
        assert_eq!(without_class("A.Bc.D", "A.B"), "A.Bc.D");
        assert_eq!(without_class("A.B.", "A.B"), "A.B.");
        assert_eq!(without_class("A.B", ""), "A.B");
    }

    #[test]
    fn times_are_read_and_nonsense_is_not() {
        assert_eq!(time_span("01:02:03.5"), Some(Duration::from_millis(3_723_500)));
        assert_eq!(seconds(" 0.25"), Some(Duration::from_millis(250)));
        for text in ["", "x", "-1", "NaN", "1e999", "00:00", "00:00:-1", "99999999999:0:0", "1:2:x"] {
            assert_eq!((seconds(text).is_some(), time_span(text)), (false, None), "{text}");
        }
    }

    #[test]
    fn numbers_that_disagree_are_told() {
        let tally = |tests, red| Tally { declared_tests: Some(tests), declared_red: Some(red), n_tests: 5, n_red: 2 };
        assert_eq!(tally(5, 2).disagreement("it", 0), None);
        assert_eq!(tally(4, 2).disagreement("it", 1), None);
        assert_eq!(tally(4, 2).disagreement("it", 0).unwrap(), "it declares 4 tests but lists 5");
        assert_eq!(tally(5, 3).disagreement("it", 0).unwrap(), "it declares 3 failed tests but lists 2");
    }
}
