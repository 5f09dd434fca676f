//! The names visible at a place in Rust code, by its lexical scopes.

use crate::syntax::{Binding, Node, Scope, Source};

/// How deep an initial value is looked into for its type.
const GUESS_DEPTH_MAX: usize = 32;

/// Types with lower-case names that have constructors.
const PRIMITIVES: &[&str] = &[
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64", "char",
    "bool",
];

/// Returns the names that may be written at `node`.
pub(super) fn scope(node: Node<'_>) -> Scope {
    let mut scope = Scope::default();
    let mut inner = node;
    let mut in_body = true;
    for ancestor in node.ancestors() {
        if in_body {
            declare(&mut scope, ancestor, inner);
        }
        in_body &= ancestor.kind() != "function_item";
        inner = ancestor;
    }
    constants(&mut scope, node.source());
    scope.fields = receiver_fields(node);
    scope
}

/// Declares what `ancestor` makes visible to its child `inner`, the nearest first.
fn declare(scope: &mut Scope, ancestor: Node<'_>, inner: Node<'_>) {
    match (ancestor.kind(), inner.field()) {
        ("block", _) => {
            for statement in inner.siblings_before().filter(|sibling| sibling.kind() == "let_declaration") {
                let type_text = statement.child("type").map(type_of).or_else(|| guess(statement.child("value")));
                declare_pattern(scope, statement.child("pattern"), type_text);
            }
        }
        ("for_expression", Some("body")) => declare_pattern(scope, ancestor.child("pattern"), item_type(ancestor)),
        ("if_expression", Some("consequence")) | ("while_expression", Some("body")) => {
            for condition in ancestor.child("condition").into_iter().flat_map(conditions) {
                declare_pattern(scope, condition.child("pattern"), None);
            }
        }
        ("let_chain", _) => {
            for condition in inner.siblings_before().filter(|sibling| sibling.kind() == "let_condition") {
                declare_pattern(scope, condition.child("pattern"), None);
            }
        }
        ("match_arm", Some("value")) => declare_pattern(scope, ancestor.child("pattern"), None),
        ("match_pattern", Some("condition")) => declare_pattern(scope, ancestor.named_children().next(), None),
        ("closure_expression" | "function_item", Some("body")) => declare_parameters(scope, ancestor),
        _ => {}
    }
}

/// Returns the `let` conditions of a condition, the last first.
fn conditions(condition: Node<'_>) -> Vec<Node<'_>> {
    match condition.kind() {
        "let_condition" => vec![condition],
        "let_chain" => {
            let mut all: Vec<_> = condition.children().filter(|child| child.kind() == "let_condition").collect();
            all.reverse();
            all
        }
        _ => Vec::new(),
    }
}

fn declare_parameters(scope: &mut Scope, function: Node<'_>) {
    for parameter in function.child("parameters").into_iter().flat_map(Node::named_children) {
        match parameter.kind() {
            "parameter" => declare_pattern(scope, parameter.child("pattern"), parameter.child("type").map(type_of)),
            "self_parameter" => {}
            _ => declare_pattern(scope, Some(parameter), None),
        }
    }
}

/// Declares the names a pattern binds; only a pattern that is one name has the whole's type.
fn declare_pattern(scope: &mut Scope, pattern: Option<Node<'_>>, type_text: Option<String>) {
    let Some(pattern) = pattern else { return };
    let mut whole = type_text.filter(|_| matches!(pattern.kind(), "identifier" | "mut_pattern" | "ref_pattern"));
    for name in pattern.descendants().filter(|node| binds(*node, pattern)) {
        let is_mutable = name.siblings_before().next().is_some_and(|before| before.kind() == "mutable_specifier");
        scope.declare(Binding { name: name.text().to_owned(), type_text: whole.take(), is_mutable });
    }
}

fn binds(node: Node<'_>, pattern: Node<'_>) -> bool {
    let is_name = match node.kind() {
        "identifier" => !matches!(node.parent().map(Node::kind), Some("scoped_identifier" | "range_pattern")),
        "shorthand_field_identifier" => true,
        _ => false,
    };
    let is_condition =
        node.ancestors().take_while(|up| up.is_within(pattern)).any(|up| up.field() == Some("condition"));
    is_name
        && node.field() != Some("type")
        && !is_condition
        && node.text().starts_with(|c: char| c.is_lowercase() || c == '_')
}

/// Returns a type without references, lifetimes and blanks.
fn type_of(node: Node<'_>) -> String {
    let inside =
        std::iter::successors(Some(node), |node| node.child("type").filter(|_| node.kind() == "reference_type"));
    inside.last().unwrap_or(node).text().split_whitespace().collect()
}

/// Guesses the type of an initial value by its form.
fn guess(value: Option<Node<'_>>) -> Option<String> {
    guess_within(value?, GUESS_DEPTH_MAX)
}

fn guess_within(value: Node<'_>, depth: usize) -> Option<String> {
    let inside = |field: &str| guess_within(value.child(field)?, depth.checked_sub(1)?);
    let named = |text: &str| Some(text.to_owned());
    match value.kind() {
        "integer_literal" => named("{integer}"),
        "float_literal" => named("{float}"),
        "boolean_literal" => named("bool"),
        "char_literal" => named("char"),
        "string_literal" | "raw_string_literal" => named("str"),
        "reference_expression" => inside("value"),
        "type_cast_expression" => value.child("type").map(type_of),
        "struct_expression" => value.child("name").map(type_of),
        "binary_expression" => match value.child("operator").map(Node::kind) {
            Some("==" | "!=" | "<" | "<=" | ">" | ">=" | "&&" | "||") => named("bool"),
            _ => inside("left").or_else(|| inside("right")),
        },
        "call_expression" => returned(value.child("function")?),
        _ => None,
    }
}

/// Guesses what a function returns by its name: a constructor the type it is written behind.
fn returned(function: Node<'_>) -> Option<String> {
    match (function.kind(), function.child("field").map(Node::text)) {
        ("field_expression", Some("len" | "count")) => Some("usize".to_owned()),
        ("field_expression", Some("to_string" | "to_owned" | "to_lowercase" | "to_uppercase")) => {
            Some("String".to_owned())
        }
        ("scoped_identifier", _) => {
            let owner = function.child("path").map(type_of)?;
            let name = owner.rsplit("::").next().unwrap_or_default();
            let is_type = name.starts_with(char::is_uppercase) || PRIMITIVES.contains(&name);
            is_type.then_some(owner)
        }
        _ => None,
    }
}

/// Returns the type of a `for` loop's variable when it runs over a range that says so.
fn item_type(for_expression: Node<'_>) -> Option<String> {
    let value = for_expression.child("value")?;
    let range = value.descendants().find(|node| node.kind() == "range_expression")?;
    range.named_children().find_map(|bound| guess(Some(bound)))
}

/// Declares the constants and statics of the file's outermost module.
fn constants(scope: &mut Scope, source: &Source) {
    for item in source.root().children().filter(|node| matches!(node.kind(), "const_item" | "static_item")) {
        if let Some(name) = item.child("name") {
            let type_text = item.child("type").map(type_of);
            scope.declare(Binding { name: name.text().to_owned(), type_text, is_mutable: false });
        }
    }
}

/// Returns the fields of `self`'s type, as far as its declaration stands beside the implementation.
fn receiver_fields(node: Node<'_>) -> Vec<Binding> {
    let method = node.ancestors().find(|up| up.kind() == "function_item");
    let Some(method) = method.filter(|method| takes_self(*method)) else { return Vec::new() };
    let Some(implementation) = method.ancestors().find(|up| up.kind() == "impl_item") else { return Vec::new() };
    let name = implementation.child("type").map(|of| of.child("type").unwrap_or(of).text());
    let mut structs =
        implementation.parent().into_iter().flat_map(Node::children).filter(|item| item.kind() == "struct_item");
    let declared = structs.find(|item| item.child("name").map(Node::text) == name);
    let fields = declared.and_then(|item| item.child("body")).into_iter().flat_map(Node::named_children);
    let binding = |field: Node<'_>| {
        let name = field.child("name")?.text();
        let type_text = field.child("type").map(type_of);
        Some(Binding { name: format!("self.{name}"), type_text, is_mutable: false })
    };
    fields.filter(|field| field.kind() == "field_declaration").filter_map(binding).collect()
}

fn takes_self(function: Node<'_>) -> bool {
    function.child("parameters").is_some_and(|list| list.child_of_kind("self_parameter").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{Language, parse};

    /// Returns variables and fields visible at the `here` of a text, each as `name: type`.
    fn visible(text: &str) -> (Vec<String>, Vec<String>) {
        let source = parse(Language::Rust, text);
        let here =
            source.root().descendants().find(|node| node.text() == "here" && node.kind() == "identifier").unwrap();
        let scope = source.scope(here);
        let told = |binding: &Binding| match &binding.type_text {
            Some(type_text) => format!("{}: {type_text}", binding.name),
            None => binding.name.clone(),
        };
        (scope.variables.iter().map(told).collect(), scope.fields.iter().map(told).collect())
    }

    #[test]
    fn every_kind_of_scope_contributes_its_names_nearest_first() {
        let text = "const MAX: u32 = 3;
            fn f(list: &[u32], mut limit: usize) {
                let first = list[0];
                for (i, x) in list.iter().enumerate() {
                    if let Some(y) = find(x) && y > 0 {
                        while let Ok(z) = next() {
                            match z { Kind::A { size, .. } if size > 0 => run(|p, q: &u8| here), _ => other }
                        }
                    }
                }
                let later = 1;
            }";
        let names = ["p", "q: u8", "size", "z", "y", "i", "x", "first", "list: [u32]", "limit: usize", "MAX: u32"];
        assert_eq!(visible(text).0, names);
    }

    #[test]
    fn a_shadowed_name_is_listed_once_with_its_nearest_type() {
        assert_eq!(visible("fn f(n: u8) { let n = 1.5; let m = n; here }").0, ["m", "n: {float}"]);
    }

    #[test]
    fn an_enclosing_function_lends_no_variables_but_a_closure_does() {
        assert_eq!(visible("fn f(a: u8) { fn g(b: u8) { here } }").0, ["b: u8"]);
        assert_eq!(visible("fn f(a: u8) { let g = |b| { here }; }").0, ["b", "a: u8"]);
    }

    #[test]
    fn a_method_sees_the_fields_of_its_type() {
        let text = "struct P<'a> { x: i32, name: &'a str } impl<'a> P<'a> { fn f(&self) { here } }";
        assert_eq!(visible(text).1, ["self.x: i32", "self.name: str"]);
        assert_eq!(visible("struct P { x: i32 } impl P { fn new() { here } }").1, [""; 0]);
    }

    #[test]
    fn what_may_be_assigned_to_is_known() {
        let source = parse(Language::Rust, "fn f(mut a: u8, b: u8) { let (mut c, d) = (1, 2); let mut e = 3; here }");
        let here =
            source.root().descendants().find(|node| node.text() == "here" && node.kind() == "identifier").unwrap();
        let scope = source.scope(here);
        let mutable = scope.variables.iter().filter(|binding| binding.is_mutable).map(|binding| binding.name.as_str());
        assert_eq!(mutable.collect::<Vec<_>>(), ["e", "c", "a"]);
    }

    #[test]
    fn types_are_guessed_from_initial_values() {
        let text = "fn f(s: &&str) { let a = s.len(); let b = a > 1; let c = Vec::new(); let d = mem::take(x); for i in 0..a { here } }";
        assert_eq!(visible(text).0, ["i: {integer}", "d", "c: Vec", "b: bool", "a: usize", "s: str"]);
        let long = format!("fn f() {{ let a = {}1; here }}", "1 + ".repeat(100_000));
        assert_eq!(visible(&long).0, ["a: {integer}"]);
    }
}
