//! `a - b` → `a.saturating_sub(b)`: arithmetic that must not leave its type's range.

use crate::debugger::template::Template;
use crate::debugger::template::edit::{Edit, callee_name, operator, tight};
use crate::debugger::template::symptom::{PanicKind, Symptom};
use crate::syntax::Node;

/// Saturating or wrapping arithmetic instead of the plain one where a run overflowed; plain instead of saturating.
pub(super) struct Overflow;

impl Template for Overflow {
    fn name(&self) -> &'static str {
        "overflow"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        symptom.on_panic(PanicKind::Overflow, 10.0, 2.0)
    }

    fn expand(&self, node: Node<'_>, symptom: &Symptom) -> Vec<Edit> {
        let is_overflow = symptom.panic == Some(PanicKind::Overflow);
        match node.kind() {
            "binary_expression" if is_overflow => bounded(node).unwrap_or_default(),
            "compound_assignment_expr" if is_overflow => bounded_assignment(node).unwrap_or_default(),
            "call_expression" if !is_overflow => plain(node).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

/// The methods that stand for an operator, and how often each is what was meant.
fn methods(operator: &str) -> &'static [(&'static str, f64)] {
    match operator {
        "-" => &[("saturating_sub", 1.0), ("abs_diff", 0.6), ("wrapping_sub", 0.6)],
        "+" => &[("saturating_add", 0.7), ("wrapping_add", 1.0)],
        "*" => &[("saturating_mul", 0.7), ("wrapping_mul", 1.0)],
        "<<" => &[("wrapping_shl", 0.5)],
        ">>" => &[("wrapping_shr", 0.5)],
        _ => &[],
    }
}

fn bounded(node: Node<'_>) -> Option<Vec<Edit>> {
    let (left, right) = (node.child("left")?, node.child("right")?);
    let edit = |(method, likelihood): &(&str, f64)| {
        Edit::replace(node, format!("{}.{method}({})", tight(left), right.text())).likely(*likelihood)
    };
    Some(methods(operator(node)?.kind()).iter().map(edit).collect())
}

fn bounded_assignment(node: Node<'_>) -> Option<Vec<Edit>> {
    let (left, right) = (node.child("left")?, node.child("right")?);
    let edit = |(method, likelihood): &(&str, f64)| {
        let receiver = if left.kind() == "unary_expression" { tight(left) } else { left.text().to_owned() };
        Edit::replace(node, format!("{} = {receiver}.{method}({})", left.text(), right.text())).likely(*likelihood)
    };
    Some(methods(operator(node)?.kind().strip_suffix('=')?).iter().map(edit).collect())
}

fn plain(call: Node<'_>) -> Option<Edit> {
    let operator = match callee_name(call)?.text() {
        "saturating_sub" | "wrapping_sub" | "abs_diff" => "-",
        "saturating_add" | "wrapping_add" => "+",
        "saturating_mul" | "wrapping_mul" => "*",
        _ => return None,
    };
    let receiver = call.child("function").filter(|function| function.kind() == "field_expression")?.child("value")?;
    let argument = call.child("arguments")?.named_children().next()?;
    let sum = format!("{} {operator} {}", receiver.text(), tight(argument));
    let is_alone = call.parent().is_some_and(|up| {
        matches!(
            up.kind(),
            "arguments" | "let_declaration" | "block" | "expression_statement" | "parenthesized_expression"
        )
    });
    Some(Edit::replace(call, if is_alone { sum } else { format!("({sum})") }).likely(0.5))
}
