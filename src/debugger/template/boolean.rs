//! `&&` → `||`, and back.

use crate::debugger::template::Template;
use crate::debugger::template::edit::{Edit, operator};
use crate::debugger::template::symptom::Symptom;
use crate::syntax::Node;

/// The other boolean operator.
pub(super) struct Boolean;

impl Template for Boolean {
    fn name(&self) -> &'static str {
        "boolean"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        if symptom.is_flipped { 15.0 } else { 5.0 }
    }

    fn expand(&self, node: Node<'_>, _symptom: &Symptom) -> Vec<Edit> {
        let operator = operator(node).filter(|_| node.kind() == "binary_expression");
        let other = operator.and_then(|operator| match operator.kind() {
            "&&" => Some("||"),
            "||" => Some("&&"),
            _ => None,
        });
        operator.zip(other).map(|(operator, other)| Edit::replace(operator, other)).into_iter().collect()
    }
}
