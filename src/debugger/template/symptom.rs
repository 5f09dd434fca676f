//! What a failure's text tells about its fault: the kind of panic, and how the actual value differs from the expected.

use crate::model::{Failure, FailureClass, FailureCluster};

/// The kind of panic a message names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PanicKind {
    /// An index or a slice bound outside the collection.
    OutOfBounds,
    /// Arithmetic that left the range of its type.
    Overflow,
    /// A division or remainder by zero.
    DivideByZero,
    /// `unwrap` or `expect` on nothing.
    Nothing,
    /// Any other.
    Other,
}

/// How a list or text differs from the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// It has more elements.
    Longer,
    /// It has fewer elements.
    Shorter,
    /// It has the same elements in another order.
    Reordered,
    /// It differs in upper and lower case only.
    Case,
    /// It differs in blanks only.
    Blanks,
}

/// What all failures of a cluster tell together; what they do not agree on is left out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Symptom {
    /// The kind of failure.
    pub(super) class: FailureClass,
    /// The kind of panic, when it is one.
    pub(super) panic: Option<PanicKind>,
    /// Expected minus actual, where both are whole numbers or differ in just one; never 0.
    pub(super) delta: Option<i128>,
    /// Whether a truth value is the opposite of the expected one.
    pub(super) is_flipped: bool,
    /// How a list or text differs.
    pub(super) shape: Option<Shape>,
    /// The first actual text and the expected one, where both are quoted texts.
    pub(super) texts: Option<(String, String)>,
}

impl Symptom {
    /// Reads the failures of a cluster.
    pub(super) fn of(cluster: &FailureCluster) -> Self {
        let values = || cluster.failures.iter().filter_map(values);
        Self {
            class: cluster.class,
            panic: common(cluster.failures.iter().map(panic_kind)),
            delta: common(values().map(|(expected, actual)| delta(expected, actual))),
            is_flipped: common(values().map(|(expected, actual)| Some(is_flipped(expected, actual)))) == Some(true)
                || is_plain_assertion(cluster),
            shape: common(values().map(|(expected, actual)| shape(expected, actual))),
            texts: values().find_map(|(expected, actual)| Some((quoted(actual)?, quoted(expected)?))),
        }
    }

    /// Tells whether the program was not even built.
    pub(super) fn is_build(&self) -> bool {
        matches!(self.class, FailureClass::CompileError | FailureClass::SyntaxError | FailureClass::MissingDependency)
    }

    /// Returns `boosted` when the panic is of this kind, else `plain`.
    pub(super) fn on_panic(&self, kind: PanicKind, boosted: f64, plain: f64) -> f64 {
        if self.panic == Some(kind) { boosted } else { plain }
    }

    /// Returns `boosted` when the values differ in this way, else `plain`.
    pub(super) fn on_shape(&self, shapes: &[Shape], boosted: f64, plain: f64) -> f64 {
        if self.shape.is_some_and(|shape| shapes.contains(&shape)) { boosted } else { plain }
    }
}

/// Returns the one thing all say, if they do.
fn common<T: PartialEq>(mut told: impl Iterator<Item = Option<T>>) -> Option<T> {
    let first = told.next()??;
    told.all(|next| next.as_ref() == Some(&first)).then_some(first)
}

fn values(failure: &Failure) -> Option<(&str, &str)> {
    Some((failure.expected.as_deref()?.trim(), failure.actual.as_deref()?.trim()))
}

fn panic_kind(failure: &Failure) -> Option<PanicKind> {
    let message = failure.message.as_str();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if values(failure).is_some() || says(&["assertion"]) {
        None
    } else if says(&["out of bounds", "out of range", "slice index starts at", "char boundary"]) {
        Some(PanicKind::OutOfBounds)
    } else if says(&["divide by zero", "divisor of zero"]) {
        Some(PanicKind::DivideByZero)
    } else if says(&["with overflow"]) {
        Some(PanicKind::Overflow)
    } else if says(&["on a `None` value", "on an `Err` value"]) {
        Some(PanicKind::Nothing)
    } else if says(&["panicked"]) || failure.kind.contains("panic") {
        Some(PanicKind::Other)
    } else {
        None
    }
}

/// `assert!(f(x))` prints no values: what it asserted was false.
fn is_plain_assertion(cluster: &FailureCluster) -> bool {
    let is_plain = |failure: &Failure| {
        failure.message.contains("assertion failed: ")
            && values(failure).is_none()
            && !failure.message.contains("assertion failed: (")
    };
    !cluster.failures.is_empty() && cluster.failures.iter().all(is_plain)
}

/// Splits a printed value into numbers and what stands between them.
fn numbers(text: &str) -> (Vec<i128>, String) {
    let mut numbers = Vec::new();
    let mut between = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word_before = between.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        let n_digits = digits.len() - digits.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let n = rest.len() - digits.len() + n_digits;
        match rest[..n].parse::<i128>() {
            Ok(number) if n_digits > 0 && !word_before => {
                numbers.push(number);
                between.push('#');
                rest = &rest[n..];
            }
            _ => {
                between.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    (numbers, between)
}

fn delta(expected: &str, actual: &str) -> Option<i128> {
    let ((expected, frame), (actual, other_frame)) = (numbers(expected), numbers(actual));
    if frame != other_frame || frame.contains("#.#") {
        return None;
    }
    let mut deltas = expected.iter().zip(&actual).filter_map(|(e, a)| e.checked_sub(*a)).filter(|delta| *delta != 0);
    let delta = deltas.next()?;
    deltas.next().is_none().then_some(delta)
}

fn is_flipped(expected: &str, actual: &str) -> bool {
    matches!((expected, actual), ("true", "false") | ("false", "true"))
}

/// Returns the content of a quoted text with its escapes undone.
fn quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    Some(inner.replace("\\n", "\n").replace("\\t", "\t").replace("\\\"", "\"").replace("\\\\", "\\"))
}

fn shape(expected: &str, actual: &str) -> Option<Shape> {
    if let (Some(expected), Some(actual)) = (quoted(expected), quoted(actual)) {
        return text_shape(&expected, &actual);
    }
    let (mut expected, mut actual) = (elements(expected)?, elements(actual)?);
    match actual.len().cmp(&expected.len()) {
        std::cmp::Ordering::Greater => Some(Shape::Longer),
        std::cmp::Ordering::Less => Some(Shape::Shorter),
        std::cmp::Ordering::Equal => {
            expected.sort_unstable();
            actual.sort_unstable();
            (expected == actual).then_some(Shape::Reordered)
        }
    }
}

fn text_shape(expected: &str, actual: &str) -> Option<Shape> {
    let blankless = |text: &str| text.split_whitespace().collect::<String>();
    let sorted = |text: &str| {
        let mut chars: Vec<char> = text.chars().collect();
        chars.sort_unstable();
        chars
    };
    if expected == actual {
        None
    } else if expected.to_lowercase() == actual.to_lowercase() {
        Some(Shape::Case)
    } else if blankless(expected) == blankless(actual) {
        Some(Shape::Blanks)
    } else if sorted(expected) == sorted(actual) {
        Some(Shape::Reordered)
    } else if actual.starts_with(expected) || actual.ends_with(expected) {
        Some(Shape::Longer)
    } else if expected.starts_with(actual) || expected.ends_with(actual) {
        Some(Shape::Shorter)
    } else {
        None
    }
}

/// Returns the elements of a printed list or set, split at its own commas.
fn elements(text: &str) -> Option<Vec<&str>> {
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .or_else(|| text.strip_prefix('{').and_then(|text| text.strip_suffix('}')))?;
    let mut depth = 0_i32;
    let mut in_quotes = false;
    let mut last = ' ';
    let parts = inner.split(|c: char| {
        let is_quote = c == '"' && last != '\\';
        in_quotes ^= is_quote;
        last = c;
        match c {
            '[' | '(' | '{' if !in_quotes => depth += 1,
            ']' | ')' | '}' if !in_quotes => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0 && !in_quotes
    });
    Some(parts.map(str::trim).filter(|part| !part.is_empty()).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Blame, Signature, TestId};

    /// A cluster of failures with these expected and actual values.
    pub(in crate::debugger::template) fn cluster(values: &[(&str, &str)]) -> FailureCluster {
        let failure = |(expected, actual): &(&str, &str)| Failure {
            expected: Some((*expected).to_owned()),
            actual: Some((*actual).to_owned()),
            ..Failure::bare(TestId::new("demo", "tests::works"))
        };
        FailureCluster {
            signature: Signature(String::new()),
            class: FailureClass::AssertionMismatch,
            blame: Blame::Change,
            failures: values.iter().map(failure).collect(),
            locations: Vec::new(),
        }
    }

    fn panicking(message: &str) -> Symptom {
        let mut cluster = cluster(&[("", "")]);
        cluster.failures[0].expected = None;
        cluster.failures[0].message = message.to_owned();
        Symptom::of(&cluster)
    }

    fn of(expected: &str, actual: &str) -> Symptom {
        Symptom::of(&cluster(&[(expected, actual)]))
    }

    #[test]
    fn a_difference_counts_only_when_all_failures_agree_on_it() {
        assert_eq!(Symptom::of(&cluster(&[("3", "4"), ("9", "10")])).delta, Some(-1));
        assert_eq!(Symptom::of(&cluster(&[("3", "4"), ("9", "11")])).delta, None);
    }

    #[test]
    fn a_difference_is_found_inside_a_structure() {
        assert_eq!(of("Some(3)", "Some(1)").delta, Some(2));
        assert_eq!(of("P { x1: -3, y: 0 }", "P { x1: 4, y: 0 }").delta, Some(-7));
        assert_eq!(of("[1, 2]", "[2, 3]").delta, None, "two numbers differ");
        assert_eq!(of("Some(3)", "None").delta, None);
        assert_eq!(of("1.5", "1.25").delta, None);
    }

    #[test]
    fn opposite_truth_is_seen_with_and_without_printed_values() {
        assert!(of("true", "false").is_flipped);
        assert!(!of("true", "true").is_flipped);
        assert!(panicking("assertion failed: is_leap(2000)").is_flipped);
    }

    #[test]
    fn the_shape_of_a_difference_is_named() {
        assert_eq!(of("[1, 2]", "[1, 2, 3]").shape, Some(Shape::Longer));
        assert_eq!(of("[(1, 2), (3, 4)]", "[(1, 2)]").shape, Some(Shape::Shorter));
        assert_eq!(of("[\"a,b\", \"c\"]", "[\"c\", \"a,b\"]").shape, Some(Shape::Reordered));
        assert_eq!(of("\"Ab\"", "\"ab\"").shape, Some(Shape::Case));
        assert_eq!(of("\"a b\"", "\"ab\"").shape, Some(Shape::Blanks));
        assert_eq!(of("\"abc\"", "\"cba\"").shape, Some(Shape::Reordered));
        assert_eq!((of("\"x\"", "\"y\"").shape, of("3", "4").shape), (None, None));
    }

    #[test]
    fn panics_are_told_apart_by_their_messages() {
        let kind = |message| panicking(message).panic;
        assert_eq!(kind("index out of bounds: the len is 3 but the index is 3"), Some(PanicKind::OutOfBounds));
        assert_eq!(kind("attempt to subtract with overflow"), Some(PanicKind::Overflow));
        assert_eq!(kind("attempt to divide by zero"), Some(PanicKind::DivideByZero));
        assert_eq!(kind("called `Option::unwrap()` on a `None` value"), Some(PanicKind::Nothing));
        assert_eq!(kind("assertion failed: index out of bounds"), None);
    }

    proptest! {
        #[test]
        fn any_printed_values_are_read(expected in "\\PC{0,40}", actual in "\\PC{0,40}") {
            of(&expected, &actual);
            panicking(&expected);
        }

        #[test]
        fn the_difference_of_two_numbers_is_exact(a in any::<i64>(), b in any::<i64>()) {
            let delta = of(&a.to_string(), &b.to_string()).delta;
            prop_assert_eq!(delta, Some(i128::from(a) - i128::from(b)).filter(|delta| *delta != 0));
        }
    }
}
