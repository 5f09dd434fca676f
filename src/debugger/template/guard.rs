//! `if list.is_empty() { return 0; }`: what a function does not bear turned away at its door.

use crate::debugger::template::Template;
use crate::debugger::template::edit::Edit;
use crate::debugger::template::symptom::{PanicKind, Symptom};
use crate::syntax::Node;

/// A guard at the beginning of a function that panicked, and gentler ways to take a value that may be missing.
///
/// It mends the symptom; an early exit is inserted nowhere but where the function begins (Tan et al., anti-pattern A6).
pub(super) struct Guard;

impl Template for Guard {
    fn name(&self) -> &'static str {
        "guard"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        match symptom.panic {
            Some(PanicKind::Nothing) => 8.0,
            Some(PanicKind::OutOfBounds | PanicKind::DivideByZero | PanicKind::Overflow) => 5.0,
            Some(PanicKind::Other) | None => 0.0,
        }
    }

    fn expand(&self, node: Node<'_>, symptom: &Symptom) -> Vec<Edit> {
        match node.kind() {
            "block" if node.parent().is_some_and(|up| up.kind() == "function_item") => guards(node),
            "call_expression" if symptom.panic == Some(PanicKind::Nothing) => gentler(node).unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

fn guards(body: Node<'_>) -> Vec<Edit> {
    let Some(function) = body.parent() else { return Vec::new() };
    let Some(nothing) = nothing(function) else { return Vec::new() };
    let parameters = function.child("parameters").into_iter().flat_map(Node::named_children);
    let conditions = parameters.filter_map(|parameter| condition(parameter));
    conditions.map(|condition| guard(body, &condition, &nothing)).collect()
}

fn guard(body: Node<'_>, condition: &str, nothing: &str) -> Edit {
    let text = body.source().text();
    let start = body.bytes().start + 1;
    let line_start = text.get(..start).and_then(|head| head.rfind('\n')).map_or(0, |at| at + 1);
    let line = text.get(line_start..start).unwrap_or_default();
    let indentation = &line[..line.len() - line.trim_start().len()];
    let new_text =
        format!("\n{indentation}    if {condition} {{\n{indentation}        return{nothing};\n{indentation}    }}");
    let what = format!("`if {condition} {{ return{nothing} }}` inserted");
    Edit { bytes: start..start, new_text, what, likelihood: 0.8, n_tokens: Some(3) }
}

/// Returns the condition under which a parameter has nothing to offer.
fn condition(parameter: Node<'_>) -> Option<String> {
    let name = parameter.child("pattern").filter(|pattern| pattern.kind() == "identifier")?.text();
    let type_text = parameter.child("type")?.text().trim_start_matches('&').trim_start_matches("mut ");
    let is_list = ["[", "Vec<", "str", "String", "HashMap<", "BTreeMap<", "HashSet<", "BTreeSet<", "VecDeque<"];
    let is_number = ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];
    if is_list.iter().any(|start| type_text.starts_with(start)) {
        Some(format!("{name}.is_empty()"))
    } else if is_number.contains(&type_text) {
        Some(format!("{name} == 0"))
    } else {
        None
    }
}

/// Returns what a function returns when there is nothing to return, with a blank before it.
fn nothing(function: Node<'_>) -> Option<String> {
    let Some(return_type) = function.child("return_type") else { return Some(String::new()) };
    let value = match return_type.text() {
        "bool" => "false",
        "f32" | "f64" => "0.0",
        "String" => "String::new()",
        "&str" => "\"\"",
        number if number.len() <= 5 && number.starts_with(['u', 'i']) => "0",
        option if option.starts_with("Option<") => "None",
        list if list.starts_with("Vec<") => "Vec::new()",
        result if result.contains("Result<") => return None,
        _ => "Default::default()",
    };
    Some(format!(" {value}"))
}

/// Takes a missing value as nothing, or hands it on where the function's return type allows it.
fn gentler(call: Node<'_>) -> Option<Vec<Edit>> {
    let method = call.child("function").filter(|function| function.kind() == "field_expression")?;
    let (value, name) = (method.child("value")?, method.child("field")?);
    if !matches!(name.text(), "unwrap" | "expect") {
        return None;
    }
    let mut edits = vec![Edit::replace(call, format!("{}.unwrap_or_default()", value.text())).likely(0.5)];
    let function = call.ancestors().find(|up| matches!(up.kind(), "function_item" | "closure_expression"))?;
    let return_type = function.child("return_type").map(Node::text).unwrap_or_default();
    if return_type.contains("Option<") || return_type.contains("Result<") {
        edits.push(Edit::replace(call, format!("{}?", value.text())));
    }
    Some(edits)
}
