//! `..` → `..=`: a range that ends one too early or too late, or should not end there at all.

use crate::debugger::template::Template;
use crate::debugger::template::edit::{Edit, short};
use crate::debugger::template::symptom::{PanicKind, Shape, Symptom};
use crate::syntax::Node;

/// The other kind of range end, or a bound dropped. Steps of the bounds are other templates' work.
pub(super) struct RangeBound;

impl Template for RangeBound {
    fn name(&self) -> &'static str {
        "range"
    }

    fn weight(&self, symptom: &Symptom) -> f64 {
        let shapes = [Shape::Longer, Shape::Shorter];
        7.0 * symptom.on_panic(PanicKind::OutOfBounds, 1.5, 1.0) * symptom.on_shape(&shapes, 2.0, 1.0)
    }

    fn expand(&self, node: Node<'_>, symptom: &Symptom) -> Vec<Edit> {
        if !matches!(node.kind(), "range_expression" | "range_pattern") {
            return Vec::new();
        }
        let Some(dots) = node.children().find(|child| matches!(child.kind(), ".." | "..=" | "...")) else {
            return Vec::new();
        };
        let end = node.named_children().find(|bound| bound.bytes().start >= dots.bytes().end);
        let start = node.named_children().find(|bound| bound.bytes().end <= dots.bytes().start);
        let Some(end) = end else { return Vec::new() };
        let other = if dots.kind() == ".." { "..=" } else { ".." };
        let boost = if symptom.delta.is_some() { 1.5 } else { 1.0 };
        let mut edits = vec![Edit::replace(dots, other).likely(boost)];
        if node.parent().is_some_and(|up| up.kind() == "index_expression") {
            let bytes = dots.bytes().start..end.bytes().end;
            let what = format!("end of `{}` dropped", short(node.text()));
            edits.push(Edit { bytes, new_text: "..".to_owned(), what, likelihood: 0.3, n_tokens: None });
            edits.extend(start.map(|start| Edit::replace(start, "").likely(0.3)));
        }
        edits
    }
}
