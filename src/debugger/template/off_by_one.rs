//! `n` → `n - 1`: an expression that is one too great or too small.

use crate::debugger::template::Template;
use crate::debugger::template::edit::{Edit, callee_name, is_comparison, operator};
use crate::debugger::template::symptom::{PanicKind, Symptom};
use crate::syntax::Node;

/// One added or taken away, or the difference that the failure tells; also `n + 1` → `n`.
pub(super) struct OffByOne;

impl Template for OffByOne {
    fn name(&self) -> &'static str {
        "off-by-one"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        9.0 * symptom.on_panic(PanicKind::OutOfBounds, 1.3, 1.0)
    }

    fn expand(&self, node: Node<'_>, symptom: &Symptom) -> Vec<Edit> {
        if let Some(whole) = without_step(node) {
            return vec![whole];
        }
        let Some(likelihood) = place(node) else { return Vec::new() };
        let mut edits: Vec<Edit> = Vec::new();
        let told = symptom.delta.map(|delta| [(delta, 3.0), (delta.saturating_neg(), 1.5)]);
        for (step, boost) in told.into_iter().flatten().chain([(1, 1.0), (-1, 1.0)]) {
            let new_text = stepped(node, step);
            if !edits.iter().any(|edit| edit.new_text == new_text) {
                edits.push(Edit::replace(node, new_text).likely(likelihood * boost));
            }
        }
        edits
    }
}

/// Returns the edit that drops the `+ 1` or `- 1` of a sum.
fn without_step(node: Node<'_>) -> Option<Edit> {
    let is_sum = node.kind() == "binary_expression" && matches!(operator(node)?.kind(), "+" | "-");
    let (left, right) = (node.child("left")?, node.child("right")?);
    let is_step = is_sum && right.kind() == "integer_literal";
    let is_one = right.text().trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '_') == "1";
    is_step.then(|| Edit::replace(node, left.text()).likely(if is_one { 1.0 } else { 0.4 }))
}

/// Beside `*`, `/`, `%`, `as`, a method or a unary operator the sum needs parentheses; beside a comparison, in an index
/// and as an argument it does not.
fn stepped(node: Node<'_>, step: i128) -> String {
    let sign = if step < 0 { '-' } else { '+' };
    let sum = format!("{} {sign} {}", node.text(), step.unsigned_abs());
    let needs_parentheses = match node.parent() {
        Some(parent) if parent.kind() == "binary_expression" => {
            let binds = operator(parent).map(Node::kind).unwrap_or_default();
            !is_comparison(parent)
                && !matches!((binds, node.field()), ("+" | "-", Some("left")) | ("+", Some("right")))
                && !matches!(binds, "&&" | "||")
        }
        Some(parent) => matches!(parent.kind(), "type_cast_expression" | "unary_expression" | "reference_expression"),
        None => false,
    };
    if needs_parentheses { format!("({sum})") } else { sum }
}

/// Tells how likely a number that may be off by one stands here, or `None` when none does.
fn place(node: Node<'_>) -> Option<f64> {
    let parent = node.parent()?;
    if !may_be_number(node) {
        return None;
    }
    match parent.kind() {
        "index_expression" => is_last(node, parent).then_some(1.0),
        "range_expression" => Some(1.0),
        "binary_expression" => match operator(parent)?.kind() {
            "<" | "<=" | ">" | ">=" => Some(0.8),
            "+" | "-" | "*" | "/" | "%" | "==" | "!=" => Some(0.5),
            _ => None,
        },
        "arguments" => Some(if is_macro_argument(parent) { 0.1 } else { 0.6 }),
        "let_declaration" | "type_cast_expression" => (node.field() == Some("value")).then_some(0.4),
        "assignment_expression" | "compound_assignment_expr" => (node.field() == Some("right")).then_some(0.5),
        "return_expression" | "field_initializer" => Some(0.5),
        "block" => is_last(node, parent).then_some(0.6),
        _ => None,
    }
}

fn is_last(node: Node<'_>, parent: Node<'_>) -> bool {
    parent.named_children().last() == Some(node)
}

fn is_macro_argument(arguments: Node<'_>) -> bool {
    arguments.parent().is_some_and(|up| up.kind() == "macro_invocation")
}

/// Tells whether the form and the declared types allow that this is a whole number.
fn may_be_number(node: Node<'_>) -> bool {
    match node.kind() {
        "identifier" => {
            let is_callee = node.field() == Some("function") || node.field() == Some("macro");
            let scope = node.source().scope(node);
            let known = scope.variable(node.text());
            let has_type = known.and_then(|binding| binding.type_text.as_deref());
            !is_callee && (known.is_some() || is_constant_name(node.text())) && has_type.is_none_or(is_integer)
        }
        "field_expression" => {
            let scope = node.source().scope(node);
            let declared = scope.fields.iter().find(|field| field.name == node.text());
            node.field() != Some("function")
                && declared.and_then(|field| field.type_text.as_deref()).is_none_or(is_integer)
        }
        "call_expression" => callee_name(node).is_some_and(|name| NUMBER_METHODS.contains(&name.text())),
        "index_expression" => true,
        "binary_expression" => {
            let is_sum = operator(node).is_some_and(|operator| matches!(operator.kind(), "+" | "-" | "*" | "/" | "%"));
            is_sum && node.parent().is_some_and(|up| up.kind() != "binary_expression")
        }
        _ => false,
    }
}

/// Methods that return a whole number.
const NUMBER_METHODS: &[&str] = &[
    "len",
    "count",
    "abs",
    "min",
    "max",
    "pow",
    "sum",
    "product",
    "abs_diff",
    "rem_euclid",
    "div_ceil",
    "saturating_sub",
    "saturating_add",
    "wrapping_add",
    "wrapping_sub",
    "capacity",
    "leading_zeros",
    "trailing_zeros",
    "isqrt",
    "clamp",
    "position",
    "unwrap_or",
    "unwrap",
];

fn is_constant_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn is_integer(type_text: &str) -> bool {
    matches!(
        type_text,
        "{integer}" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize"
    )
}
