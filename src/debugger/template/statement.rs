//! `a; b;` → `b; a;`: statements in the wrong order, or one too many.

use crate::debugger::template::Template;
use crate::debugger::template::edit::{Edit, short};
use crate::debugger::template::symptom::{Shape, Symptom};
use crate::syntax::Node;

/// Neighbouring statements exchanged, the last of a loop moved behind it, or one dropped.
///
/// What leaves a block, what branches, declarations, the only statement of a block and the step of a loop are never
/// dropped (Tan et al., anti-patterns A1 to A5).
pub(super) struct Statement;

/// Dropping code makes tests pass that should not, so it comes late.
const DROPPED: f64 = 0.25;

impl Template for Statement {
    fn name(&self) -> &'static str {
        "statement"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        3.0 * symptom.on_shape(&[Shape::Longer, Shape::Shorter, Shape::Reordered], 1.5, 1.0)
    }

    fn expand(&self, node: Node<'_>, symptom: &Symptom) -> Vec<Edit> {
        if node.kind() != "expression_statement" {
            return Vec::new();
        }
        let mut edits: Vec<Edit> = exchanged(node).into_iter().collect();
        edits.extend(moved_out(node, symptom));
        edits.extend(dropped(node));
        edits
    }
}

/// Returns the expression of a statement that changes something: a call or an assignment.
fn effect(statement: Node<'_>) -> Option<Node<'_>> {
    let inner = statement.named_children().next()?;
    let inner = if inner.kind() == "try_expression" { inner.named_children().next()? } else { inner };
    matches!(inner.kind(), "call_expression" | "assignment_expression" | "compound_assignment_expr").then_some(inner)
}

fn exchanged(statement: Node<'_>) -> Option<Edit> {
    let next = statement.siblings_after().find(|sibling| sibling.is_named())?;
    let is_simple = next.kind() == "expression_statement" && effect(next).is_some() && effect(statement).is_some();
    (is_simple && next.text() != statement.text()).then(|| Edit::exchange(statement, next))
}

/// Moves the last statement of a loop's body behind the loop.
fn moved_out(statement: Node<'_>, symptom: &Symptom) -> Option<Edit> {
    let body = statement.parent().filter(|up| up.kind() == "block" && up.named_children().count() > 1)?;
    let is_loop = |up: &Node<'_>| matches!(up.kind(), "for_expression" | "while_expression" | "loop_expression");
    let owner = body.parent().filter(is_loop)?;
    let host = owner.parent().filter(|host| host.kind() == "expression_statement").unwrap_or(owner);
    let is_last = statement.siblings_after().all(|sibling| !sibling.is_named());
    effect(statement).filter(|_| is_last)?;
    let text = statement.source().text();
    let head = text.get(host.bytes().start..statement.bytes().start)?.trim_end();
    let tail = text.get(statement.bytes().end..host.bytes().end)?;
    let new_text = format!("{head}{tail}\n{}{}", indentation(text, host.bytes().start), statement.text());
    let what = format!("`{}` moved out of the loop", short(statement.text()));
    let likelihood = symptom.on_shape(&[Shape::Longer, Shape::Shorter], 1.0, 0.5);
    Some(Edit { bytes: host.bytes(), new_text, what, likelihood, n_tokens: Some(2) })
}

/// Returns the blanks at the beginning of the line of a byte.
fn indentation(text: &str, at: usize) -> &str {
    let start = text.get(..at).and_then(|head| head.rfind('\n')).map_or(0, |at| at + 1);
    let line = text.get(start..at).unwrap_or_default();
    &line[..line.len() - line.trim_start().len()]
}

fn dropped(statement: Node<'_>) -> Option<Edit> {
    let effect = effect(statement)?;
    let block = statement.parent().filter(|up| up.kind() == "block")?;
    if block.named_children().count() < 2 || is_loop_step(effect, block) {
        return None;
    }
    let what = format!("`{}` dropped", short(statement.text()));
    Some(Edit::replace(statement, "").called(what).likely(DROPPED).counting(3))
}

/// Tells whether an assignment steps what the condition of a loop around it asks for.
fn is_loop_step(effect: Node<'_>, block: Node<'_>) -> bool {
    let Some(target) = effect.child("left").map(Node::text) else { return false };
    let loops = block.ancestors().filter(|up| up.kind() == "while_expression").filter_map(|up| up.child("condition"));
    loops.into_iter().any(|condition| condition.descendants().any(|node| node.text() == target))
}
