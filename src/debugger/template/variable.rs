//! `width` → `height`: another variable in scope, or another field.

use crate::debugger::template::Template;
use crate::debugger::template::edit::Edit;
use crate::debugger::template::symptom::Symptom;
use crate::model::FailureClass;
use crate::syntax::{Binding, Node};

/// Another variable in scope, one that may have the same type.
pub(super) struct Variable;

/// Another field of the same struct.
pub(super) struct Field;

/// Of how many names at most each may be replaced.
const NAMES_MAX: usize = 8;

impl Template for Variable {
    fn name(&self) -> &'static str {
        "variable"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        if symptom.class == FailureClass::CompileError { 12.0 } else { 9.0 }
    }

    fn mends_builds(&self) -> bool {
        true
    }

    fn expand(&self, node: Node<'_>, symptom: &Symptom) -> Vec<Edit> {
        if !is_variable(node) {
            return Vec::new();
        }
        let scope = node.source().scope(node);
        let own = scope.variable(node.text());
        // What is not declared here may be a function or a variant, unless the compiler does not know it either.
        if own.is_none() && !symptom.is_build() {
            return Vec::new();
        }
        let fitting: Vec<Binding> = scope.variables.iter().filter(|other| fits(node, other)).cloned().collect();
        // A name that is known is rarely what keeps a program from being built.
        let share = if symptom.is_build() && own.is_some() { 0.3 } else { 1.0 };
        let names = alike(node.text(), own, &fitting).into_iter();
        names.map(|(name, likelihood)| Edit::replace(node, name).likely(likelihood * share)).collect()
    }
}

impl Template for Field {
    fn name(&self) -> &'static str {
        "field"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        if symptom.class == FailureClass::CompileError { 8.0 } else { 6.0 }
    }

    fn mends_builds(&self) -> bool {
        true
    }

    fn expand(&self, node: Node<'_>, _symptom: &Symptom) -> Vec<Edit> {
        let field =
            node.child("field").filter(|field| node.kind() == "field_expression" && field.kind() == "field_identifier");
        let Some(field) = field.filter(|_| node.field() != Some("function")) else { return Vec::new() };
        let fields = declared_beside(node, field.text());
        let own = fields.iter().find(|other| other.name == field.text()).cloned();
        alike(field.text(), own.as_ref(), &fields)
            .into_iter()
            .map(|(name, likelihood)| Edit::replace(field, name).likely(likelihood))
            .collect()
    }
}

/// Tells whether an identifier is read or written as a variable here: no pattern, path, callee or name of something.
fn is_variable(node: Node<'_>) -> bool {
    let Some(parent) = node.parent() else { return false };
    let is_declared_name =
        matches!(node.field(), Some("function" | "macro" | "name" | "pattern" | "type" | "path" | "alias"));
    let is_no_expression = matches!(
        parent.kind(),
        "scoped_identifier"
            | "tuple_pattern"
            | "tuple_struct_pattern"
            | "struct_pattern"
            | "slice_pattern"
            | "or_pattern"
            | "mut_pattern"
            | "ref_pattern"
            | "reference_pattern"
            | "captured_pattern"
            | "match_pattern"
            | "closure_parameters"
            | "label"
            | "lifetime"
            | "attribute"
            | "token_tree"
            | "meta_item"
            | "range_pattern"
            | "shorthand_field_initializer"
            | "generic_function"
    );
    let is_condition = parent.kind() == "match_pattern" && node.field() == Some("condition");
    node.kind() == "identifier" && !is_declared_name && (!is_no_expression || is_condition)
}

/// Tells whether what is done with a variable here can be done with another: a number has no fields and no elements,
/// and what is not declared so cannot be assigned to.
fn fits(node: Node<'_>, other: &Binding) -> bool {
    let Some(parent) = node.parent() else { return false };
    let is_plain = other
        .type_text
        .as_deref()
        .is_some_and(|name| is_number(name) || matches!(name, "bool" | "char" | "{integer}" | "{float}"));
    match (parent.kind(), node.field()) {
        ("field_expression", Some("value")) => !is_plain || parent.field() == Some("function"),
        ("index_expression", _) if parent.named_children().next() == Some(node) => !is_plain,
        ("assignment_expression" | "compound_assignment_expr", Some("left")) => other.is_mutable,
        _ => true,
    }
}

/// Returns the fields of the structs that stand in the file and have a field of this name.
fn declared_beside(node: Node<'_>, field: &str) -> Vec<Binding> {
    let binding = |declaration: Node<'_>| {
        let name = declaration.child("name")?.text().to_owned();
        let type_text = declaration.child("type").map(|of| of.text().split_whitespace().collect());
        Some(Binding { name, type_text, is_mutable: false })
    };
    let lists = node.source().items("struct_item").filter_map(|item| item.child("body"));
    let declared = lists.map(|list| list.named_children().filter_map(binding).collect::<Vec<_>>());
    let own = declared.filter(|fields| fields.iter().any(|declared| declared.name == field));
    own.flatten().collect()
}

/// Returns names that may stand for `name`, likeliest first: same type before unknown type, similar names first.
fn alike(name: &str, own: Option<&Binding>, others: &[Binding]) -> Vec<(String, f64)> {
    let own_type = own.and_then(|binding| binding.type_text.as_deref());
    let mut rated: Vec<(String, f64)> = Vec::new();
    for (distance, other) in others.iter().filter(|other| other.name != name).enumerate() {
        let types = match (own_type, other.type_text.as_deref()) {
            (Some(own), Some(other)) if own == other => 1.0,
            (Some(own), Some(other)) if are_numbers(own, other) => 0.6,
            (Some(_), Some(_)) => continue,
            _ => 0.5,
        };
        let near = 1.0 / (1.0 + 0.1 * distance as f64);
        let named = 0.4 + 0.6 * similarity(name, &other.name);
        if !rated.iter().any(|(known, _)| *known == other.name) {
            rated.push((other.name.clone(), types * near * named));
        }
    }
    rated.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    rated.truncate(NAMES_MAX);
    rated
}

/// A literal's type is not known further than that it is a number.
fn are_numbers(a: &str, b: &str) -> bool {
    match (a, b) {
        ("{integer}" | "{float}", other) | (other, "{integer}" | "{float}") => is_number(other),
        _ => false,
    }
}

fn is_number(type_text: &str) -> bool {
    let n_bits = type_text.strip_prefix(['u', 'i', 'f']);
    n_bits.is_some_and(|n_bits| n_bits == "size" || n_bits.parse::<u8>().is_ok())
}

/// Tells how similar two names are, from 0 to 1: the share of their letter pairs they have in common (Dice).
fn similarity(a: &str, b: &str) -> f64 {
    let pairs = |name: &str| {
        let letters: Vec<char> = name.to_lowercase().chars().collect();
        letters.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>()
    };
    let (a, mut b) = (pairs(a), pairs(b));
    let n = a.len() + b.len();
    let mut n_common = 0;
    for pair in &a {
        if let Some(at) = b.iter().position(|other| other == pair) {
            b.swap_remove(at);
            n_common += 1;
        }
    }
    if n == 0 { 0.0 } else { f64::from(2 * n_common) / n as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names_of_the_same_type_come_first() {
        let binding = |name: &str, type_text: &str| Binding {
            name: name.to_owned(),
            type_text: Some(type_text.to_owned()).filter(|text| !text.is_empty()),
            is_mutable: false,
        };
        let others = [binding("done", "bool"), binding("x", "u32"), binding("row_end", "u32"), binding("list", "")];
        let own = binding("row_start", "u32");
        let names: Vec<_> = alike("row_start", Some(&own), &others).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["row_end", "x", "list"]);
    }

    #[test]
    fn similarity_is_that_of_letter_pairs() {
        assert!(similarity("total", "totl") > similarity("total", "count"));
        assert!((similarity("a", "b"), similarity("abc", "ABC")) == (0.0, 1.0));
    }
}
