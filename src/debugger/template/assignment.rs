//! `+=` → `-=`: another assignment operator.

use crate::debugger::template::Template;
use crate::debugger::template::arithmetic;
use crate::debugger::template::edit::{Edit, operator};
use crate::debugger::template::symptom::Symptom;
use crate::syntax::Node;

/// Another compound assignment, the plain one instead of a compound one, or the other way round.
pub(super) struct Assignment;

impl Template for Assignment {
    fn name(&self) -> &'static str {
        "assignment"
    }

    fn weight(&self, _symptom: &Symptom) -> f64 {
        5.0
    }

    fn expand(&self, node: Node<'_>, _symptom: &Symptom) -> Vec<Edit> {
        match node.kind() {
            "compound_assignment_expr" => operator(node).map(compound).unwrap_or_default(),
            "assignment_expression" => node.child_of_kind("=").map(plain).unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

fn compound(operator: Node<'_>) -> Vec<Edit> {
    let Some(arithmetic) = operator.kind().strip_suffix('=') else { return Vec::new() };
    let others = arithmetic::alternatives(arithmetic).iter();
    let mut edits: Vec<Edit> =
        others.map(|(other, likelihood)| Edit::replace(operator, format!("{other}=")).likely(*likelihood)).collect();
    edits.push(Edit::replace(operator, "=").likely(0.6));
    edits
}

fn plain(operator: Node<'_>) -> Vec<Edit> {
    let others = [("+=", 0.6), ("-=", 0.4), ("*=", 0.2), ("|=", 0.2), ("&=", 0.2)];
    others.into_iter().map(|(other, likelihood)| Edit::replace(operator, other).likely(likelihood)).collect()
}
