//! `first` → `last`: a method mistaken for its sibling.

use crate::debugger::template::Template;
use crate::debugger::template::edit::{Edit, callee_name};
use crate::debugger::template::symptom::{Shape, Symptom};
use crate::syntax::Node;

/// A method or function of the same form that is easily mistaken for the one that is meant.
pub(super) struct Boundary;

/// Groups of names that take the same arguments and return the same type; each stands for every other of its group.
const SIBLINGS: &[&[&str]] = &[
    &["any", "all"],
    &["as_secs", "as_millis", "as_micros", "as_nanos"],
    &["checked_add", "checked_sub", "checked_mul", "checked_div"],
    &["chunks", "chunks_exact", "windows", "rchunks"],
    &["contains_key", "contains"],
    &["count_ones", "count_zeros"],
    &["filter", "skip_while", "take_while"],
    &["find", "rfind"],
    &["first", "last"],
    &["first_mut", "last_mut"],
    &["first_key_value", "last_key_value"],
    &["floor", "ceil", "round", "trunc"],
    &["fold", "rfold"],
    &["front", "back"],
    &["is_alphabetic", "is_alphanumeric", "is_numeric"],
    &["is_ascii_alphabetic", "is_ascii_alphanumeric", "is_ascii_digit", "is_ascii_hexdigit"],
    &["is_ascii_lowercase", "is_ascii_uppercase"],
    &["is_lowercase", "is_uppercase"],
    &["is_ok", "is_err"],
    &["is_positive", "is_negative"],
    &["is_some", "is_none"],
    &["is_subset", "is_superset", "is_disjoint"],
    &["is_whitespace", "is_control", "is_alphanumeric"],
    &["keys", "values"],
    &["leading_zeros", "trailing_zeros"],
    &["len", "capacity"],
    &["lt", "le", "gt", "ge"],
    &["min", "max"],
    &["min_by", "max_by"],
    &["min_by_key", "max_by_key"],
    &["next", "next_back"],
    &["or", "and", "xor"],
    &["or_else", "and_then"],
    &["pop_front", "pop_back"],
    &["pop_first", "pop_last"],
    &["position", "rposition"],
    &["push_front", "push_back"],
    &["rotate_left", "rotate_right"],
    &["saturating_add", "saturating_sub", "wrapping_add", "wrapping_sub", "abs_diff"],
    &["sin", "cos", "tan"],
    &["skip", "take", "step_by"],
    &["split", "rsplit", "split_terminator", "split_inclusive"],
    &["split_once", "rsplit_once"],
    &["splitn", "rsplitn"],
    &["starts_with", "ends_with", "contains"],
    &["strip_prefix", "strip_suffix"],
    &["sum", "product"],
    &["to_ascii_lowercase", "to_ascii_uppercase"],
    &["to_lowercase", "to_uppercase"],
    &["trim", "trim_start", "trim_end"],
    &["trim_start_matches", "trim_end_matches", "trim_matches"],
    &["union", "intersection", "difference", "symmetric_difference"],
];

/// Tells whether two names are of one group.
pub(super) fn are_siblings(a: &str, b: &str) -> bool {
    SIBLINGS.iter().any(|group| group.contains(&a) && group.contains(&b))
}

impl Template for Boundary {
    fn name(&self) -> &'static str {
        "boundary"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        6.0 * symptom.on_shape(&[Shape::Longer, Shape::Shorter, Shape::Reordered, Shape::Case, Shape::Blanks], 1.5, 1.0)
    }

    fn expand(&self, node: Node<'_>, _symptom: &Symptom) -> Vec<Edit> {
        let Some(name) = named_function(node) else { return Vec::new() };
        let groups = SIBLINGS.iter().filter(|group| group.contains(&name.text()));
        let others = groups.flat_map(|group| group.iter()).filter(|other| **other != name.text());
        let mut edits: Vec<Edit> = others.map(|other| Edit::replace(name, *other)).collect();
        edits.extend(other_end(node, name));
        edits
    }
}

/// Returns the name of the function that is called here, or handed over by its path: `str::trim`.
fn named_function(node: Node<'_>) -> Option<Node<'_>> {
    match node.kind() {
        "call_expression" => callee_name(node),
        "scoped_identifier" if node.parent()?.kind() == "arguments" => node.child("name"),
        _ => None,
    }
}

/// `list.push(x)` → `list.insert(0, x)`, and back.
fn other_end(call: Node<'_>, name: Node<'_>) -> Option<Edit> {
    let arguments = call.child("arguments")?;
    let values: Vec<Node<'_>> = arguments.named_children().collect();
    let bytes = name.bytes().start..arguments.bytes().end;
    let (new_text, what) = match (name.text(), values.as_slice()) {
        ("push", [value]) => (format!("insert(0, {})", value.text()), "`push` → `insert` at the front"),
        ("insert", [at, value]) if at.text() == "0" => {
            (format!("push({})", value.text()), "`insert` at the front → `push`")
        }
        _ => return None,
    };
    Some(Edit { bytes, ..Edit::replace(name, new_text) }.called(what).likely(0.5))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn groups_are_sorted_sets_of_at_least_two() {
        for group in SIBLINGS {
            assert!(group.len() >= 2 && group.len() == group.iter().collect::<BTreeSet<_>>().len(), "{group:?}");
        }
    }
}
