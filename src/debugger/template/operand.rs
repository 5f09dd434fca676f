//! `a && b` → `a`: an operand too many.

use crate::debugger::template::Template;
use crate::debugger::template::edit::{Edit, operator, short};
use crate::debugger::template::symptom::Symptom;
use crate::syntax::Node;

/// Only one operand of an operator kept.
pub(super) struct Operand;

impl Template for Operand {
    fn name(&self) -> &'static str {
        "operand"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        if symptom.is_flipped { 6.0 } else { 4.0 }
    }

    fn expand(&self, node: Node<'_>, _symptom: &Symptom) -> Vec<Edit> {
        let operator = operator(node).filter(|_| node.kind() == "binary_expression").map(Node::kind);
        let likelihood = match operator {
            Some("&&" | "||") => 1.0,
            Some("+" | "-" | "*" | "/" | "%") => 0.5,
            _ => return Vec::new(),
        };
        let kept = |node: Node<'_>, operand: Node<'_>| {
            let what = format!("only `{}` of `{}` kept", short(operand.text()), short(node.text()));
            Edit::replace(node, operand.text()).called(what).likely(likelihood).counting(2)
        };
        [node.child("left"), node.child("right")].into_iter().flatten().map(|operand| kept(node, operand)).collect()
    }
}
