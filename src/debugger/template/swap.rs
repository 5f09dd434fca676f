//! `f(a, b)` → `f(b, a)`: two arguments, elements or operands in the wrong order.

use crate::debugger::template::edit::{Edit, is_tight, operator, tight};
use crate::debugger::template::symptom::{PanicKind, Shape, Symptom};
use crate::debugger::template::{Template, boundary};
use crate::syntax::Node;

/// Two arguments of a call, elements of a tuple, fields of a literal, or operands exchanged.
pub(super) struct Swap;

/// Longer argument lists are swapped between neighbours only.
const PAIRS_OF_MAX: usize = 4;

impl Template for Swap {
    fn name(&self) -> &'static str {
        "swap"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        5.0 * symptom.on_panic(PanicKind::Overflow, 1.5, 1.0) * symptom.on_shape(&[Shape::Reordered], 2.0, 1.0)
    }

    fn mends_builds(&self) -> bool {
        true
    }

    fn expand(&self, node: Node<'_>, symptom: &Symptom) -> Vec<Edit> {
        match node.kind() {
            "tuple_expression" | "binary_expression" | "call_expression" if symptom.is_build() => Vec::new(),
            "arguments" | "tuple_expression" => pairs(&values(node)),
            "field_initializer_list" => pairs(&initial_values(node)),
            "binary_expression" => operands(node).into_iter().collect(),
            "call_expression" => receiver(node).into_iter().chain(chained(node)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Returns the elements of a list; a macro's format string is none of them.
fn values(list: Node<'_>) -> Vec<Node<'_>> {
    list.named_children().filter(|value| value.kind() != "attribute_item").collect()
}

fn initial_values(list: Node<'_>) -> Vec<Node<'_>> {
    list.named_children().filter_map(|field| field.child("value")).collect()
}

/// Values whose forms differ rarely stand in for one another, and rarely build.
fn pairs(values: &[Node<'_>]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (i, first) in values.iter().enumerate() {
        let n_max = if values.len() <= PAIRS_OF_MAX { values.len() } else { 1 };
        for second in values.iter().skip(i + 1).take(n_max) {
            if first.text() != second.text() {
                let alike = if first.kind() == second.kind() { 1.0 } else { 0.5 };
                edits.push(Edit::exchange(*first, *second).likely(alike));
            }
        }
    }
    edits
}

/// Exchanges the operands of an operator that minds their order. Of comparisons the operator is turned instead.
fn operands(node: Node<'_>) -> Option<Edit> {
    let operator = operator(node)?;
    let likelihood = match operator.kind() {
        "-" | "/" | "%" => 1.0,
        "<<" | ">>" => 0.4,
        // A sum of texts minds the order, one of numbers does not; what is asked first guards what is asked second.
        "+" | "&&" | "||" => 0.2,
        _ => return None,
    };
    let (left, right) = (node.child("left")?, node.child("right")?);
    if left.text() == right.text() {
        return None;
    }
    let between = node.source().text().get(left.bytes().end..right.bytes().start)?;
    let new_text = format!("{}{between}{}", tight(right), tight(left));
    Some(Edit { new_text, bytes: node.bytes(), ..Edit::exchange(left, right) }.likely(likelihood))
}

/// Exchanges the receiver and the only argument of a method: `a.cmp(&b)` → `b.cmp(&a)`.
fn receiver(call: Node<'_>) -> Option<Edit> {
    let method = method(call)?;
    let (receiver, name) = (method.child("value")?, method.child("field")?);
    let arguments = values(call.child("arguments")?);
    let [argument] = arguments.as_slice() else { return None };
    let argument = argument.child("value").filter(|_| argument.kind() == "reference_expression").unwrap_or(*argument);
    let is_order = matches!(name.text(), "cmp" | "partial_cmp" | "total_cmp" | "sub" | "div" | "saturating_sub");
    let is_plain =
        |node: Node<'_>| matches!(node.kind(), "identifier" | "field_expression" | "self" | "index_expression");
    let are_plain = is_plain(receiver) && is_plain(argument) || is_order && is_tight(receiver) && is_tight(argument);
    let likelihood = if is_order { 1.0 } else { 0.2 };
    (are_plain && receiver.text() != argument.text()).then(|| Edit::exchange(receiver, argument).likely(likelihood))
}

/// Exchanges the names of two neighbouring methods of a chain that take equally many arguments:
/// `.max(a).min(b)` → `.min(a).max(b)`.
fn chained(call: Node<'_>) -> Option<Edit> {
    let n_arguments = |call: Node<'_>| call.child("arguments").map(|list| list.named_children().count());
    let outer = method(call)?;
    let inner_call = outer.child("value").filter(|value| value.kind() == "call_expression")?;
    let (first, second) = (method(inner_call)?.child("field")?, outer.child("field")?);
    let are_alike = n_arguments(inner_call) == n_arguments(call) && first.text() != second.text();
    are_alike.then(|| {
        let likelihood = if boundary::are_siblings(first.text(), second.text()) { 1.0 } else { 0.1 };
        Edit::exchange(first, second).likely(likelihood)
    })
}

fn method(call: Node<'_>) -> Option<Node<'_>> {
    call.child("function").filter(|function| function.kind() == "field_expression")
}
