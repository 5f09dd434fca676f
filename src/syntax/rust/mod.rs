//! Rust: its grammar, its functions, and the arguments of well-known macros as expressions.
//!
//! A macro's tokens are opaque to the grammar. The arguments of macros that take expressions (`assert_eq!`, `format!`,
//! `vec!`, …) are parsed on their own and stand in the tree where the tokens stood; all other macros stay opaque.

mod doc_tests;
mod regions;
mod scope;

use std::ops::Range;
use std::sync::LazyLock;

use crate::syntax::tree::{Flatten, Tree, parse_part};
use crate::syntax::{Function, Grammar, Node, Scope, Source};

static GRAMMAR: LazyLock<tree_sitter::Language> = LazyLock::new(|| tree_sitter_rust::LANGUAGE.into());

/// Macros whose arguments are expressions, as far as they parse as such.
const EXPRESSION_MACROS: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "bail",
    "dbg",
    "debug",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "ensure",
    "eprint",
    "eprintln",
    "error",
    "format",
    "format_args",
    "info",
    "matches",
    "panic",
    "print",
    "println",
    "todo",
    "trace",
    "unimplemented",
    "unreachable",
    "vec",
    "warn",
    "write",
    "writeln",
];

/// How many macros may stand inside one another before they stay opaque.
const GRAFT_DEPTH_MAX: usize = 8;

/// Functions deeper in the tree than this are not looked at: no person wrote them.
const FUNCTION_DEPTH_MAX: usize = 200;

/// Rust.
pub(super) struct Rust;

impl Grammar for Rust {
    fn tree(&self, text: &str) -> Tree {
        let Some(parsed) = parse_part(&GRAMMAR, text, None) else { return Tree::unparsed(text) };
        let mut flatten = Flatten { grammar: &GRAMMAR, text, entries: Vec::new(), depth: 0 };
        flatten.append(&mut parsed.walk(), 0, &graft_macro_arguments);
        Tree::new(flatten.entries)
    }

    fn test_regions(&self, source: &Source) -> Vec<(Range<usize>, String)> {
        regions::test_regions(source)
    }

    fn functions(&self, source: &Source) -> Vec<Function> {
        source.items("function_item").filter_map(function).collect()
    }

    fn scope(&self, node: Node<'_>) -> Scope {
        scope::scope(node)
    }
}

/// Puts the parsed arguments of a well-known macro below its token tree.
fn graft_macro_arguments(flatten: &mut Flatten<'_>, node: tree_sitter::Node<'_>, index: usize) -> bool {
    if node.kind() != "token_tree" || flatten.depth >= GRAFT_DEPTH_MAX {
        return false;
    }
    let Some(name) = macro_name(flatten, index) else { return false };
    if !EXPRESSION_MACROS.contains(&last_segment(name)) {
        return false;
    }
    let n_max = if last_segment(name) == "matches" { 1 } else { usize::MAX };
    let parts: Vec<_> = arguments(node).into_iter().take(n_max).collect();
    let parsed: Option<Vec<_>> = parts
        .into_iter()
        .map(|part| parse_part(flatten.grammar, flatten.text, Some(part)).filter(is_expression))
        .collect();
    let Some(parsed) = parsed else { return false };
    flatten.depth += 1;
    for tree in &parsed {
        let mut cursor = tree.walk();
        if cursor.goto_first_child() {
            flatten.append(&mut cursor, index, &graft_macro_arguments);
        }
    }
    flatten.depth -= 1;
    true
}

/// Returns the name of the macro whose arguments the entry at `index` is. The parser's own way to a parent starts at
/// the root, which takes too long in deep trees.
fn macro_name<'a>(flatten: &Flatten<'a>, index: usize) -> Option<&'a str> {
    let parent = flatten.entries.get(index)?.parent;
    let before = flatten.entries.get(parent + 1..index)?;
    let name = before.iter().take(2).find(|entry| entry.parent == parent && entry.field == Some("macro"))?;
    flatten.text.get(name.bytes.clone())
}

/// Tells whether a parsed macro argument is one expression and nothing else.
fn is_expression(tree: &tree_sitter::Tree) -> bool {
    let root = tree.root_node();
    let is_one = root.child_count() == 1 && !root.has_error();
    is_one && root.child(0).is_some_and(|only| only.is_named() && !only.kind().ends_with("_item") && !only.is_extra())
}

/// Returns the byte ranges between the top-level commas and semicolons of a token tree.
fn arguments(token_tree: tree_sitter::Node<'_>) -> Vec<Range<usize>> {
    let mut cursor = token_tree.walk();
    let tokens: Vec<_> = token_tree.children(&mut cursor).collect();
    let inner = tokens.get(1..tokens.len().saturating_sub(1)).unwrap_or_default();
    let parts = inner.split(|token| matches!(token.kind(), "," | ";"));
    parts.filter_map(|part| Some(part.first()?.start_byte()..part.last()?.end_byte())).collect()
}

fn last_segment(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path).trim()
}

fn function(item: Node<'_>) -> Option<Function> {
    let body = item.child("body").filter(|_| item.ancestors().nth(FUNCTION_DEPTH_MAX).is_none())?;
    let source = item.source();
    let bytes = regions::with_attributes(item);
    let signature = source.text().get(item.bytes().start..body.bytes().start).unwrap_or_default();
    Some(Function {
        name: path(item)?,
        lines: source.lines_of(&bytes),
        bytes,
        signature: signature.split_whitespace().collect::<Vec<_>>().join(" "),
        is_test: false,
        calls: calls(body),
    })
}

/// Returns the path of a function inside its file: modules, type or trait, enclosing functions, its own name.
fn path(item: Node<'_>) -> Option<String> {
    let mut segments = vec![item.child("name")?.text()];
    for ancestor in item.ancestors() {
        let name = match ancestor.kind() {
            "mod_item" | "trait_item" | "function_item" => ancestor.child("name"),
            "impl_item" => ancestor.child("type").map(|of| of.child("type").unwrap_or(of)),
            _ => None,
        };
        segments.extend(name.map(|name| last_segment(name.text())));
    }
    segments.reverse();
    Some(segments.join("::"))
}

/// Returns what a body calls, in order of first appearance.
fn calls(body: Node<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for node in body.descendants() {
        let name = match node.kind() {
            "call_expression" => node.child("function").and_then(callee),
            "scoped_identifier" if node.parent().is_some_and(|parent| parent.kind() == "arguments") => callee(node),
            "token_tree" => call_among_tokens(node),
            _ => None,
        };
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

fn callee(function: Node<'_>) -> Option<String> {
    match function.kind() {
        "identifier" | "scoped_identifier" => Some(without_arguments(function.text())),
        "field_expression" => function.child("field").map(|field| field.text().to_owned()),
        "generic_function" => function.child("function").and_then(callee),
        _ => None,
    }
}

/// Returns a path without generic arguments and blanks: `Vec::<u8>::new` is `Vec::new`.
fn without_arguments(path: &str) -> String {
    let mut depth = 0_usize;
    let mut plain = String::new();
    for c in path.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            c if depth == 0 && !c.is_whitespace() => plain.push(c),
            _ => {}
        }
    }
    plain.split("::").filter(|segment| !segment.is_empty()).collect::<Vec<_>>().join("::")
}

/// Inside an opaque macro a name directly before a parenthesis is taken for a call.
fn call_among_tokens(token_tree: Node<'_>) -> Option<String> {
    let name = token_tree.siblings_before().next()?;
    let is_call = token_tree.text().starts_with('(')
        && name.kind() == "identifier"
        && name.bytes().end == token_tree.bytes().start
        && token_tree.parent().is_some_and(|parent| parent.kind() == "token_tree");
    is_call.then(|| name.text().to_owned())
}
