//! `if a` → `if a && !b.is_empty()`: a condition that forgets something.

use crate::debugger::template::Template;
use crate::debugger::template::edit::Edit;
use crate::debugger::template::symptom::{PanicKind, Symptom};
use crate::syntax::{Binding, Node};

/// A condition made stronger or weaker by something else the function knows: its other conditions, its truth values,
/// whether a list is empty or a number is 0.
pub(super) struct Condition;

/// How many further conditions are tried at one place.
const ATOMS_MAX: usize = 8;

impl Template for Condition {
    fn name(&self) -> &'static str {
        "condition"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        4.0 * symptom.on_panic(PanicKind::OutOfBounds, 1.5, 1.0) * symptom.on_panic(PanicKind::DivideByZero, 1.5, 1.0)
    }

    fn expand(&self, node: Node<'_>, _symptom: &Symptom) -> Vec<Edit> {
        let is_condition = node.field() == Some("condition")
            && node.parent().is_some_and(|up| matches!(up.kind(), "if_expression" | "while_expression"))
            && !node.kind().starts_with("let_");
        if !is_condition {
            return Vec::new();
        }
        let whole = node.text();
        let (and_side, or_side) = (beside(node, "||"), beside(node, "&&"));
        let edits = atoms(node).into_iter().flat_map(|(atom, likelihood)| {
            let stronger =
                Edit::replace(node, format!("{and_side} && {atom}")).called(format!("`&& {atom}` added to `{whole}`"));
            let weaker =
                Edit::replace(node, format!("{or_side} || {atom}")).called(format!("`|| {atom}` added to `{whole}`"));
            [stronger.likely(likelihood), weaker.likely(likelihood * 0.8)]
        });
        edits.collect()
    }
}

/// Returns a condition in parentheses when it is one of this operator.
fn beside(condition: Node<'_>, operator: &str) -> String {
    let is_looser = condition.kind() == "binary_expression"
        && condition.child("operator").is_some_and(|own| own.kind() == operator);
    if is_looser { format!("({})", condition.text()) } else { condition.text().to_owned() }
}

/// Returns what else may be asked at a condition, the likeliest first.
fn atoms(condition: Node<'_>) -> Vec<(String, f64)> {
    let scope = condition.source().scope(condition);
    let mut atoms: Vec<(String, f64)> = Vec::new();
    for binding in scope.variables.iter().chain(&scope.fields) {
        atoms.extend(of_binding(binding));
    }
    atoms.retain(|(atom, _)| !condition.text().contains(atom.trim_start_matches('!')));
    atoms.truncate(ATOMS_MAX);
    atoms
}

fn of_binding(binding: &Binding) -> Vec<(String, f64)> {
    let name = &binding.name;
    let is_constant = name.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '_' | '0'..='9'));
    match binding.type_text.as_deref() {
        _ if is_constant => Vec::new(),
        Some("bool") => vec![(format!("!{name}"), 1.0), (name.clone(), 1.0)],
        Some(text) if ["[", "Vec", "str", "String"].iter().any(|start| text.starts_with(start)) => {
            vec![(format!("!{name}.is_empty()"), 0.8), (format!("{name}.is_empty()"), 0.8)]
        }
        Some("usize" | "u32" | "u64" | "i32" | "i64") => {
            vec![(format!("{name} > 0"), 0.6), (format!("{name} == 0"), 0.6)]
        }
        Some(text) if text.starts_with("Option<") => {
            vec![(format!("{name}.is_some()"), 0.6), (format!("{name}.is_none()"), 0.6)]
        }
        _ => Vec::new(),
    }
}
