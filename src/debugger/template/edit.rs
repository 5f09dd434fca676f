//! One splice of text, and the forms of code that all templates ask about.

use std::ops::Range;

use crate::syntax::Node;

/// One splice: these bytes become that text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edit {
    /// What is replaced, in bytes of the whole file.
    pub(super) bytes: Range<usize>,
    /// What it is replaced with.
    pub(super) new_text: String,
    /// What that does, in a few words: "`<` → `<=`".
    pub(super) what: String,
    /// How likely among the template's edits: 1 for the usual, more when the failure itself tells of it.
    pub(super) likelihood: f64,
    /// How many tokens it counts as, where that is not what the texts say.
    pub(super) n_tokens: Option<usize>,
}

impl Edit {
    /// Replaces a node.
    pub(super) fn replace(node: Node<'_>, new_text: impl Into<String>) -> Self {
        let new_text = new_text.into();
        let what = format!("`{}` → `{}`", short(node.text()), short(&new_text));
        Self { bytes: node.bytes(), new_text, what, likelihood: 1.0, n_tokens: None }
    }

    /// Exchanges two nodes that do not overlap, `first` standing before `second`.
    pub(super) fn exchange(first: Node<'_>, second: Node<'_>) -> Self {
        let between = first.source().text().get(first.bytes().end..second.bytes().start).unwrap_or_default();
        let new_text = format!("{}{between}{}", second.text(), first.text());
        let what = format!("`{}` and `{}` swapped", short(first.text()), short(second.text()));
        Self { bytes: first.bytes().start..second.bytes().end, new_text, what, likelihood: 1.0, n_tokens: None }
    }

    /// Sets how likely it is among the template's edits.
    pub(super) fn likely(self, likelihood: f64) -> Self {
        Self { likelihood, ..self }
    }

    /// Sets how many tokens it counts as: code that is taken away whole is less to understand than code that is written.
    pub(super) fn counting(self, n_tokens: usize) -> Self {
        Self { n_tokens: Some(n_tokens), ..self }
    }

    /// Sets what it does, in a few words.
    pub(super) fn called(self, what: impl Into<String>) -> Self {
        Self { what: what.into(), ..self }
    }

    /// Returns the whole text with this edit made.
    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let (head, tail) = (text.get(..self.bytes.start)?, text.get(self.bytes.end..)?);
        Some([head, self.new_text.as_str(), tail].concat())
    }
}

/// Returns a text in one line of at most forty characters.
pub(super) fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 40 { line } else { line.chars().take(39).chain(['…']).collect() }
}

/// Returns the operator of a binary expression or compound assignment.
pub(super) fn operator(node: Node<'_>) -> Option<Node<'_>> {
    node.child("operator")
}

/// Tells whether a binary expression compares.
pub(super) fn is_comparison(node: Node<'_>) -> bool {
    node.kind() == "binary_expression"
        && operator(node).is_some_and(|operator| matches!(operator.kind(), "<" | "<=" | ">" | ">=" | "==" | "!="))
}

/// Returns the name of the method or the last segment of the function a call calls.
pub(super) fn callee_name(call: Node<'_>) -> Option<Node<'_>> {
    let mut function = call.child("function")?;
    while let "generic_function" = function.kind() {
        function = function.child("function")?;
    }
    match function.kind() {
        "identifier" => Some(function),
        "field_expression" => function.child("field"),
        "scoped_identifier" => function.child("name"),
        _ => None,
    }
}

/// Tells whether the text binds tighter than any operator when written into an expression.
pub(super) fn is_tight(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        "identifier"
            | "self"
            | "field_expression"
            | "call_expression"
            | "index_expression"
            | "integer_literal"
            | "float_literal"
            | "parenthesized_expression"
            | "scoped_identifier"
            | "macro_invocation"
            | "try_expression"
            | "string_literal"
            | "boolean_literal"
            | "char_literal"
            | "tuple_expression"
            | "array_expression"
            | "await_expression"
    )
}

/// Returns a node's text, in parentheses where an operator beside it could tear it apart.
pub(super) fn tight(node: Node<'_>) -> String {
    if is_tight(node) { node.text().to_owned() } else { format!("({})", node.text()) }
}
