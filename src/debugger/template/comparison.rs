//! `<` → `<=`: another comparison operator.

use crate::debugger::template::Template;
use crate::debugger::template::edit::{Edit, is_comparison, operator};
use crate::debugger::template::symptom::{PanicKind, Shape, Symptom};
use crate::syntax::Node;

/// Another comparison operator.
pub(super) struct Comparison;

impl Template for Comparison {
    fn name(&self) -> &'static str {
        "comparison"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        let bounds = symptom.on_panic(PanicKind::OutOfBounds, 1.2, 1.0);
        10.0 * bounds * symptom.on_shape(&[Shape::Longer, Shape::Shorter], 1.2, 1.0)
    }

    fn expand(&self, node: Node<'_>, _symptom: &Symptom) -> Vec<Edit> {
        if !is_comparison(node) {
            return Vec::new();
        }
        let Some(operator) = operator(node) else { return Vec::new() };
        let others = alternatives(operator.kind()).iter();
        others.filter_map(|(other, likelihood)| Some(replaced(node, operator, other)?.likely(*likelihood))).collect()
    }
}

/// The other operators by how often they are meant: a wrong boundary before a wrong direction before a wrong kind.
fn alternatives(operator: &str) -> &'static [(&'static str, f64)] {
    match operator {
        "<" => &[("<=", 1.0), (">", 0.5), (">=", 0.5), ("!=", 0.25), ("==", 0.1)],
        "<=" => &[("<", 1.0), (">=", 0.5), (">", 0.5), ("==", 0.2), ("!=", 0.1)],
        ">" => &[(">=", 1.0), ("<", 0.5), ("<=", 0.5), ("!=", 0.25), ("==", 0.1)],
        ">=" => &[(">", 1.0), ("<=", 0.5), ("<", 0.5), ("==", 0.2), ("!=", 0.1)],
        "==" => &[("!=", 1.0), (">=", 0.3), ("<=", 0.3), (">", 0.15), ("<", 0.15)],
        "!=" => &[("==", 1.0), (">", 0.3), ("<", 0.3), (">=", 0.15), ("<=", 0.15)],
        _ => &[],
    }
}

/// After a cast `<` would open type arguments, so the cast gets parentheses.
fn replaced(node: Node<'_>, operator: Node<'_>, other: &str) -> Option<Edit> {
    let edit = Edit::replace(operator, other);
    let left = node.child("left")?;
    if left.kind() != "type_cast_expression" || !other.starts_with('<') {
        return Some(edit);
    }
    let between = node.source().text().get(left.bytes().end..operator.bytes().start)?;
    let new_text = format!("({}){between}{other}", left.text());
    Some(Edit { bytes: left.bytes().start..operator.bytes().end, new_text, ..edit })
}
