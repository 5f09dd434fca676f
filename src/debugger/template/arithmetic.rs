//! `+` → `-`: another arithmetic, bit or shift operator.

use crate::debugger::template::Template;
use crate::debugger::template::edit::{Edit, operator};
use crate::debugger::template::symptom::{PanicKind, Symptom};
use crate::syntax::Node;

/// Another operator of the same class.
pub(super) struct Arithmetic;

impl Template for Arithmetic {
    fn name(&self) -> &'static str {
        "arithmetic"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        // Such edits overfit more often than others: about half of the plausible ones are wrong.
        6.0 * symptom.on_panic(PanicKind::Overflow, 1.3, 1.0) * symptom.on_panic(PanicKind::DivideByZero, 1.3, 1.0)
    }

    fn expand(&self, node: Node<'_>, _symptom: &Symptom) -> Vec<Edit> {
        let operator = operator(node).filter(|_| node.kind() == "binary_expression");
        let Some(operator) = operator else { return Vec::new() };
        alternatives(operator.kind())
            .iter()
            .map(|(other, likelihood)| Edit::replace(operator, *other).likely(*likelihood))
            .collect()
    }
}

/// The other operators of the class, the likeliest first. They bind alike within `+ -`, `* / %`, and `<< >>`; else the
/// tree changes with the operator, which is meant.
pub(super) fn alternatives(operator: &str) -> &'static [(&'static str, f64)] {
    match operator {
        "+" => &[("-", 1.0), ("*", 0.5), ("/", 0.1), ("%", 0.1)],
        "-" => &[("+", 1.0), ("/", 0.2), ("*", 0.2), ("%", 0.1)],
        "*" => &[("/", 0.8), ("+", 0.7), ("-", 0.2), ("%", 0.1)],
        "/" => &[("*", 0.8), ("%", 0.8), ("-", 0.2), ("+", 0.1)],
        "%" => &[("/", 1.0), ("*", 0.3), ("-", 0.1), ("+", 0.1)],
        "&" => &[("|", 1.0), ("^", 0.6)],
        "|" => &[("&", 1.0), ("^", 0.8)],
        "^" => &[("&", 0.8), ("|", 1.0)],
        "<<" => &[(">>", 1.0)],
        ">>" => &[("<<", 1.0)],
        _ => &[],
    }
}
