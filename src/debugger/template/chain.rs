//! `list.iter().rev()` → `list.iter()`: a link of a method chain dropped or inserted.

use crate::debugger::template::Template;
use crate::debugger::template::edit::{Edit, callee_name, short};
use crate::debugger::template::symptom::{Shape, Symptom};
use crate::syntax::Node;

/// A method that keeps the type of its receiver dropped, or one inserted that the failure tells of.
pub(super) struct Chain;

/// Methods that return what they are called on, or the like of it.
const TYPE_KEEPING: &[&str] = &[
    "abs",
    "ceil",
    "chain",
    "clamp",
    "dedup",
    "filter",
    "floor",
    "max",
    "min",
    "rev",
    "round",
    "skip",
    "skip_while",
    "step_by",
    "take",
    "take_while",
    "to_ascii_lowercase",
    "to_ascii_uppercase",
    "to_lowercase",
    "to_uppercase",
    "trim",
    "trim_end",
    "trim_start",
    "trim_end_matches",
    "trim_matches",
    "trim_start_matches",
    "unsigned_abs",
];

/// Methods that begin an iteration which can run backwards.
const ITERATIONS: &[&str] =
    &["iter", "iter_mut", "into_iter", "chars", "bytes", "char_indices", "keys", "values", "drain", "enumerate"];

impl Template for Chain {
    fn name(&self) -> &'static str {
        "chain"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        4.0 * symptom.on_shape(&[Shape::Reordered, Shape::Case, Shape::Blanks, Shape::Longer, Shape::Shorter], 1.5, 1.0)
    }

    fn expand(&self, node: Node<'_>, symptom: &Symptom) -> Vec<Edit> {
        let mut edits: Vec<Edit> = dropped(node, symptom).into_iter().collect();
        edits.extend(backwards(node, symptom));
        edits.extend(told_by_text(node, symptom));
        edits
    }
}

fn dropped(call: Node<'_>, symptom: &Symptom) -> Option<Edit> {
    let name = callee_name(call).filter(|_| call.kind() == "call_expression")?;
    let receiver = call.child("function").filter(|function| function.kind() == "field_expression")?.child("value")?;
    if !TYPE_KEEPING.contains(&name.text()) {
        return None;
    }
    let likelihood = match name.text() {
        "rev" => symptom.on_shape(&[Shape::Reordered], 3.0, 1.0),
        "filter" | "skip" | "skip_while" | "take" | "take_while" => symptom.on_shape(&[Shape::Shorter], 3.0, 0.7),
        "max" | "min" | "clamp" | "abs" => 0.7,
        _ => symptom.on_shape(&[Shape::Case, Shape::Blanks], 2.0, 0.5),
    };
    let what = format!("`.{}` dropped", short(name.text()));
    Some(Edit::replace(call, receiver.text()).called(what).likely(likelihood).counting(2))
}

/// Inserts `.rev()` after what begins an iteration, or around the range of a loop.
fn backwards(node: Node<'_>, symptom: &Symptom) -> Option<Edit> {
    let likelihood = symptom.on_shape(&[Shape::Reordered], 3.0, 0.4);
    let is_reversed = |node: Node<'_>| {
        let called = node.parent().filter(|up| up.kind() == "field_expression").and_then(|up| up.child("field"));
        called.is_some_and(|name| matches!(name.text(), "rev" | "enumerate"))
    };
    let is_iteration =
        node.kind() == "call_expression" && callee_name(node).is_some_and(|name| ITERATIONS.contains(&name.text()));
    let is_method = node.child("function").is_some_and(|function| function.kind() == "field_expression");
    let new_text = if is_iteration && is_method && !is_reversed(node) {
        format!("{}.rev()", node.text())
    } else if node.kind() == "range_expression" && node.field() == Some("value") {
        format!("({}).rev()", node.text())
    } else {
        return None;
    };
    Some(Edit::replace(node, new_text).called("`.rev()` inserted").likely(likelihood))
}

/// Inserts what makes texts alike that differ in case or blanks only: after a call that ends a chain, and on variables
/// that hold text.
fn told_by_text(node: Node<'_>, symptom: &Symptom) -> Vec<Edit> {
    let methods: &[&str] = match symptom.shape {
        Some(Shape::Case) => &["to_lowercase()", "to_uppercase()"],
        Some(Shape::Blanks) => &["trim()", "trim_start()", "trim_end()"],
        _ => return Vec::new(),
    };
    let is_text = match node.kind() {
        "identifier" => {
            let scope = node.source().scope(node);
            let type_text = scope.variable(node.text()).and_then(|binding| binding.type_text.clone());
            node.field() != Some("pattern")
                && node.field() != Some("function")
                && matches!(type_text.as_deref(), Some("str" | "String"))
        }
        "call_expression" => {
            node.field() != Some("value")
                && node.child("function").is_some_and(|function| function.kind() == "field_expression")
        }
        _ => false,
    };
    let inserted = |method: &&str| {
        Edit::replace(node, format!("{}.{method}", node.text())).called(format!("`.{method}` inserted"))
    };
    if is_text { methods.iter().map(inserted).collect() } else { Vec::new() }
}
