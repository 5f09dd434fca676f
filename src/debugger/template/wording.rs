//! `"a,b"` → `"a, b"`: a text that the failure itself corrects.

use crate::debugger::template::Template;
use crate::debugger::template::edit::Edit;
use crate::debugger::template::symptom::Symptom;
use crate::syntax::Node;

/// A literal in which the part that is wrong in the actual text is replaced with what was expected there.
pub(super) struct Wording;

/// How much of what stands around the difference must be in the literal as well, the most first.
const CONTEXTS: [usize; 5] = [12, 6, 3, 1, 0];

/// How many characters, at least, tell a place in a literal.
const TELLING: usize = 3;

impl Template for Wording {
    fn name(&self) -> &'static str {
        "wording"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        if symptom.texts.is_some() { 8.0 } else { 0.0 }
    }

    fn expand(&self, node: Node<'_>, symptom: &Symptom) -> Vec<Edit> {
        let Some((actual, expected)) = &symptom.texts else { return Vec::new() };
        if !matches!(node.kind(), "string_content" | "char_literal") {
            return Vec::new();
        }
        let literal = node.text();
        let corrected = match repeated(actual, expected) {
            Some((wrong, right)) => literal.contains(wrong).then(|| (literal.replace(wrong, &right.to_string()), 1.5)),
            None => Difference::of(actual, expected).and_then(|difference| corrected(literal, &difference)),
        };
        corrected.map(|(text, likelihood)| Edit::replace(node, text).likely(likelihood)).into_iter().collect()
    }
}

/// The one place where two texts differ.
struct Difference<'t> {
    before: &'t str,
    wrong: &'t str,
    right: &'t str,
    after: &'t str,
}

impl<'t> Difference<'t> {
    fn of(actual: &'t str, expected: &'t str) -> Option<Self> {
        let n_head: usize =
            actual.chars().zip(expected.chars()).take_while(|(a, e)| a == e).map(|(a, _)| a.len_utf8()).sum();
        let (wrong, right) = (&actual[n_head..], &expected[n_head..]);
        let common = wrong.chars().rev().zip(right.chars().rev()).take_while(|(a, e)| a == e);
        let n_tail: usize = common.map(|(a, _)| a.len_utf8()).sum();
        let (wrong, after) = wrong.split_at(wrong.len() - n_tail);
        let right = &right[..right.len() - n_tail];
        // What a literal cannot hold as it is, or what would take part in formatting, is left to people.
        let is_plain = !right.contains(['{', '}', '"', '\\', '\n', '\'']);
        (is_plain && wrong != right).then_some(Self { before: &actual[..n_head], wrong, right, after })
    }
}

/// Returns the character that stands for another in several places, and nowhere rightly: `a_b_c` for `a-b-c`.
fn repeated(actual: &str, expected: &str) -> Option<(char, char)> {
    let mut wrong = actual.chars().zip(expected.chars()).filter(|(a, e)| a != e);
    let first = wrong.next()?;
    let is_plain = !matches!(first.1, '{' | '}' | '"' | '\\' | '\n' | '\'');
    let is_same_length = actual.chars().count() == expected.chars().count();
    (is_same_length && is_plain && wrong.next() == Some(first) && wrong.all(|pair| pair == first)).then_some(first)
}

/// Corrects a literal that holds what is wrong with as much of its surroundings as there is. Little of it counts only
/// when it is the whole literal; what a placeholder names is no part of the text.
fn corrected(literal: &str, difference: &Difference<'_>) -> Option<(String, f64)> {
    for (n_before, n_after) in CONTEXTS.iter().flat_map(|n| [(*n, *n), (*n, 0), (0, *n)]) {
        let (before, after) = (tail(difference.before, n_before), head(difference.after, n_after));
        let wrong = format!("{before}{}{after}", difference.wrong);
        let is_telling = wrong == literal || wrong.chars().count() >= TELLING;
        let mut places = literal.match_indices(&wrong).filter(|(at, _)| !is_in_placeholder(&literal[..*at]));
        let (Some((at, _)), None, true) = (places.next(), places.next(), is_telling) else { continue };
        let end = at + wrong.len();
        let text = [&literal[..at], before, difference.right, after, &literal[end..]].concat();
        return Some((text, if n_before + n_after > 2 { 1.5 } else { 0.7 }));
    }
    None
}

/// Tells whether a format string is inside braces after this much of it.
fn is_in_placeholder(head: &str) -> bool {
    head.matches('{').count() > head.matches('}').count()
}

fn tail(text: &str, n_chars: usize) -> &str {
    text.char_indices().rev().take(n_chars).last().map_or("", |(at, _)| &text[at..])
}

fn head(text: &str, n_chars: usize) -> &str {
    text.char_indices().nth(n_chars).map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(literal: &str, actual: &str, expected: &str, corrected_to: Option<&str>) {
        let corrected = Difference::of(actual, expected).and_then(|difference| corrected(literal, &difference));
        assert_eq!(corrected.map(|(text, _)| text).as_deref(), corrected_to, "{literal}: {actual} / {expected}");
    }

    #[test]
    fn a_literal_is_corrected_where_the_actual_text_is_wrong() {
        check("{} itmes", "3 itmes", "3 items", Some("{} items"));
        check("{} of {}", "3 of 4", "3 of  4", Some("{} of  {}"));
        check("total: {}", "total: 5", "Total: 5", Some("Total: {}"));
        check("Hello, {name}", "Hello, ada", "Hello, ada!", None);
        check(",", "a,b", "a, b", Some(", "));
        check("other", "3 itmes", "3 items", None);
    }

    #[test]
    fn a_character_that_is_wrong_everywhere_is_found() {
        assert_eq!(repeated("a_b_c", "a-b-c"), Some(('_', '-')));
        assert_eq!(
            (repeated("a_b", "a-b"), repeated("a_b.c", "a-b-c"), repeated("a_b_c", "a-b-cd")),
            (None, None, None)
        );
    }

    #[test]
    fn what_would_take_part_in_formatting_is_left_alone() {
        check("a", "a", "{a}", None);
    }

    proptest! {
        #[test]
        fn any_texts_are_compared(literal in "\\PC{0,20}", actual in "\\PC{0,20}", expected in "\\PC{0,20}") {
            if let Some(difference) = Difference::of(&actual, &expected) {
                corrected(&literal, &difference);
                let whole = [difference.before, difference.right, difference.after].concat();
                prop_assert_eq!(whole, expected);
            }
        }
    }
}
