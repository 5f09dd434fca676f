//! `true` → `false`, `Kind::A` → `Kind::B`: another truth value or variant.

use crate::debugger::template::Template;
use crate::debugger::template::edit::Edit;
use crate::debugger::template::symptom::Symptom;
use crate::syntax::Node;

/// The other truth value, or another variant without fields of an enum that the file declares.
pub(super) struct Literal;

/// Of a greater enum no variant is likelier than the others.
const VARIANTS_MAX: usize = 8;

impl Template for Literal {
    fn name(&self) -> &'static str {
        "literal"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        if symptom.is_flipped { 8.0 } else { 4.0 }
    }

    fn expand(&self, node: Node<'_>, _symptom: &Symptom) -> Vec<Edit> {
        match (node.kind(), node.text()) {
            ("boolean_literal", "true") => vec![Edit::replace(node, "false")],
            ("boolean_literal", "false") => vec![Edit::replace(node, "true")],
            ("scoped_identifier", _) => variants(node),
            _ => Vec::new(),
        }
    }
}

fn variants(path: Node<'_>) -> Vec<Edit> {
    let is_part = path.parent().is_some_and(|up| {
        matches!(up.kind(), "scoped_identifier" | "match_pattern" | "tuple_struct_pattern" | "or_pattern")
    });
    let (Some(owner), Some(name)) = (path.child("path"), path.child("name")) else { return Vec::new() };
    let owner = owner.text().rsplit("::").next().unwrap_or_default();
    let declared =
        path.source().items("enum_item").find(|item| item.child("name").is_some_and(|own| own.text() == owner));
    let variants =
        declared.filter(|_| !is_part).and_then(|item| item.child("body")).into_iter().flat_map(Node::named_children);
    let plain = variants.filter(|variant| variant.kind() == "enum_variant" && variant.child("body").is_none());
    let names: Vec<&str> = plain.filter_map(|variant| variant.child("name")).map(Node::text).collect();
    if names.len() > VARIANTS_MAX || !names.contains(&name.text()) {
        return Vec::new();
    }
    names.iter().filter(|other| **other != name.text()).map(|other| Edit::replace(name, *other)).collect()
}
