//! How .NET's test frameworks spell the names of tests and their times.

use std::time::Duration;

use crate::ingest::told::seconds;

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
}
