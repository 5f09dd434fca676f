//! `!done` → `done`: a negation dropped or inserted where a truth value stands.

use crate::debugger::template::Template;
use crate::debugger::template::edit::{Edit, callee_name, is_comparison, is_tight, operator};
use crate::debugger::template::symptom::Symptom;
use crate::syntax::Node;

/// A negation dropped or inserted.
pub(super) struct Negation;

/// Methods whose closure answers yes or no.
const PREDICATE_METHODS: &[&str] = &[
    "all",
    "any",
    "filter",
    "find",
    "is_some_and",
    "is_none_or",
    "is_ok_and",
    "is_err_and",
    "map_while",
    "partition",
    "position",
    "retain",
    "rfind",
    "rposition",
    "skip_while",
    "split",
    "take_while",
    "trim_matches",
    "trim_start_matches",
    "trim_end_matches",
];

impl Template for Negation {
    fn name(&self) -> &'static str {
        "negation"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        if symptom.is_flipped { 12.0 } else { 4.0 }
    }

    fn expand(&self, node: Node<'_>, _symptom: &Symptom) -> Vec<Edit> {
        let edit = if is_negation(node) { dropped(node) } else { inserted(node) };
        edit.into_iter().collect()
    }
}

fn is_negation(node: Node<'_>) -> bool {
    node.kind() == "unary_expression" && node.text().starts_with('!')
}

fn dropped(node: Node<'_>) -> Option<Edit> {
    let operand = node.named_children().next()?;
    let inner = if operand.kind() == "parenthesized_expression" && !is_operand(node) {
        operand.named_children().next()?.text()
    } else {
        operand.text()
    };
    Some(Edit::replace(node, inner))
}

/// Comparisons are left to the template of their operators.
fn inserted(node: Node<'_>) -> Option<Edit> {
    if !is_truth(node) || is_comparison(node) || node.parent().is_some_and(is_negation) {
        return None;
    }
    let negated = if is_tight(node) { format!("!{}", node.text()) } else { format!("!({})", node.text()) };
    Some(Edit::replace(node, negated))
}

fn is_operand(node: Node<'_>) -> bool {
    matches!(node.field(), Some("left" | "right"))
}

/// Tells whether a truth value stands here, as far as the form tells.
fn is_truth(node: Node<'_>) -> bool {
    let Some(parent) = node.parent() else { return false };
    if !node.is_named() || node.kind().starts_with("let_") || node.kind() == "boolean_literal" {
        return false;
    }
    match (parent.kind(), node.field()) {
        ("if_expression" | "while_expression" | "match_pattern", Some("condition")) | ("let_chain", _) => true,
        ("binary_expression", Some("left" | "right")) => {
            operator(parent).is_some_and(|operator| matches!(operator.kind(), "&&" | "||"))
        }
        ("closure_expression", Some("body")) => node.kind() != "block" && is_predicate(parent),
        ("block", _) => is_tail(node) && returns_truth(parent),
        _ => false,
    }
}

fn is_predicate(closure: Node<'_>) -> bool {
    let call = closure.parent().filter(|up| up.kind() == "arguments").and_then(Node::parent);
    call.and_then(callee_name).is_some_and(|name| PREDICATE_METHODS.contains(&name.text()))
}

/// Tells whether a node is the last expression of its block.
fn is_tail(node: Node<'_>) -> bool {
    let ends = matches!(node.kind(), "expression_statement" | "let_declaration" | "if_expression" | "match_expression");
    !ends && !node.kind().ends_with("_item") && node.siblings_after().all(|sibling| !sibling.is_named())
}

/// Tells whether a block is the body of what returns a truth value: a function that says so, or a predicate.
fn returns_truth(block: Node<'_>) -> bool {
    match block.parent() {
        Some(up) if up.kind() == "function_item" => up.child("return_type").is_some_and(|of| of.text() == "bool"),
        Some(up) if up.kind() == "closure_expression" => is_predicate(up),
        _ => false,
    }
}
