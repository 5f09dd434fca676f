//! `if c { a } else { b }` → `if c { b } else { a }`: the wrong branch taken.

use crate::debugger::template::Template;
use crate::debugger::template::edit::{Edit, short};
use crate::debugger::template::symptom::Symptom;
use crate::model::FailureClass;
use crate::syntax::Node;

/// The branches of an `if` exchanged, the values of two match arms exchanged, `break` for `continue`.
pub(super) struct Branch;

impl Template for Branch {
    fn name(&self) -> &'static str {
        "branch"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        let loops = if symptom.class == FailureClass::Timeout { 2.0 } else { 1.0 };
        4.0 * loops
    }

    fn expand(&self, node: Node<'_>, _symptom: &Symptom) -> Vec<Edit> {
        match node.kind() {
            "if_expression" => branches(node).into_iter().collect(),
            "match_block" => arms(node),
            "break_expression" if node.text() == "break" => vec![Edit::replace(node, "continue")],
            "continue_expression" if node.text() == "continue" => vec![Edit::replace(node, "break")],
            _ => Vec::new(),
        }
    }
}

/// An `if let` binds names for one branch only, so its branches stay.
fn branches(node: Node<'_>) -> Option<Edit> {
    let condition = node.child("condition").filter(|condition| !condition.kind().starts_with("let_"))?;
    let first = node.child("consequence")?;
    let second = node.child("alternative")?.child_of_kind("block")?;
    let what = format!("branches of `if {}` swapped", short(condition.text()));
    Some(Edit::exchange(first, second).called(what))
}

/// Exchanges the values of neighbouring arms whose patterns bind nothing.
fn arms(block: Node<'_>) -> Vec<Edit> {
    let arms: Vec<Node<'_>> = block.named_children().filter(|child| child.kind() == "match_arm").collect();
    let pairs = arms.windows(2).filter_map(|pair| Some((plain_value(pair[0])?, plain_value(pair[1])?)));
    pairs
        .filter(|(first, second)| first.text() != second.text())
        .map(|(first, second)| Edit::exchange(first, second).likely(0.7))
        .collect()
}

/// Returns the value of an arm whose pattern binds no name.
fn plain_value(arm: Node<'_>) -> Option<Node<'_>> {
    let mut names = arm.child("pattern")?.descendants().filter(|node| node.kind() == "identifier");
    let binds = names.any(|name| name.text().starts_with(|c: char| c.is_lowercase()));
    arm.child("value").filter(|_| !binds)
}
