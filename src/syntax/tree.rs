//! A syntax tree as a flat array in document order: a node's descendants follow it directly.
//!
//! The array is filled from a parser's cursor and never changed afterwards. Walking it needs no recursion, so deep
//! nesting in hostile input cannot exhaust the stack.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{ControlFlow, Range};

use tree_sitter::{ParseOptions, ParseState, Parser, TreeCursor};

use crate::syntax::Source;

/// Longer texts are not parsed: no person wrote them.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// One node as it is kept. The array is `entries[0]` for the root, then its descendants in document order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: &'static str,
    pub(super) field: Option<&'static str>,
    pub(super) bytes: Range<usize>,
    pub(super) named: bool,
    /// Whether the parser had to make something up here.
    pub(super) flaw: bool,
    pub(super) parent: usize,
    /// Index of the sibling before it.
    pub(super) previous: Option<usize>,
    /// Index one past the last descendant.
    pub(super) end: usize,
}

/// A tree's nodes; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) entries: Vec<Entry>,
    /// Indices of the declarations, by kind.
    pub(super) items: BTreeMap<&'static str, Vec<usize>>,
}

impl Tree {
    /// Makes a tree of entries in document order.
    pub(super) fn new(mut entries: Vec<Entry>) -> Self {
        let mut last_children: Vec<Option<usize>> = vec![None; entries.len()];
        let mut items: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
        for (index, entry) in entries.iter_mut().enumerate().skip(1) {
            entry.previous = last_children[entry.parent].replace(index);
            if entry.kind.ends_with("_item") {
                items.entry(entry.kind).or_default().push(index);
            }
        }
        Self { entries, items }
    }

    /// Returns the tree of a text that could not be parsed: one flawed root.
    pub(super) fn unparsed(text: &str) -> Self {
        let root = Entry {
            kind: "ERROR",
            field: None,
            bytes: 0..text.len(),
            named: true,
            flaw: true,
            parent: 0,
            previous: None,
            end: 1,
        };
        Self::new(vec![root])
    }
}

/// Asks tree-sitter to parse the whole of `text`, or only `part` of it with positions as in the whole.
pub(super) fn parse_part(
    grammar: &tree_sitter::Language,
    text: &str,
    part: Option<Range<usize>>,
) -> Option<tree_sitter::Tree> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(grammar).ok()?;
    if let Some(part) = part {
        parser.set_included_ranges(&[included(text, part)]).ok()?;
    }
    // The parser reports about every hundred steps; a sound text takes about a step a byte.
    let mut n_reports_left = 1_000 + text.len() / 2;
    let mut progress = |_: &ParseState| {
        n_reports_left = n_reports_left.saturating_sub(1);
        if n_reports_left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let bytes = text.as_bytes();
    let mut read = |offset: usize, _| bytes.get(offset..).unwrap_or_default();
    parser.parse_with_options(&mut read, None, Some(ParseOptions::new().progress_callback(&mut progress)))
}

/// Positions inside a part are asked for in bytes only, so rows and columns may stay those of one long line.
fn included(text: &str, part: Range<usize>) -> tree_sitter::Range {
    let part = part.start.min(text.len())..part.end.min(text.len());
    tree_sitter::Range {
        start_byte: part.start,
        end_byte: part.end,
        start_point: tree_sitter::Point::new(0, part.start),
        end_point: tree_sitter::Point::new(0, part.end),
    }
}

/// Fills a tree from a parser's cursor. A language overrides what is below a node with [`Flatten::graft`].
pub(super) struct Flatten<'a> {
    pub(super) grammar: &'static tree_sitter::Language,
    pub(super) text: &'a str,
    pub(super) entries: Vec<Entry>,
    /// How many grafts stand inside one another.
    pub(super) depth: usize,
}

impl Flatten<'_> {
    /// Appends the node under the cursor with all its descendants, below the entry `parent`. `graft` may fill in the
    /// descendants of a node itself; it then returns `true`.
    pub(super) fn append(
        &mut self,
        cursor: &mut TreeCursor<'_>,
        parent: usize,
        graft: &dyn Fn(&mut Self, tree_sitter::Node<'_>, usize) -> bool,
    ) {
        let mut open: Vec<usize> = Vec::new();
        loop {
            let index = self.push(cursor, open.last().copied().unwrap_or(parent));
            if !graft(self, cursor.node(), index) && cursor.goto_first_child() {
                open.push(index);
                continue;
            }
            self.close(index);
            if open.is_empty() {
                return;
            }
            while !cursor.goto_next_sibling() {
                cursor.goto_parent();
                let Some(done) = open.pop() else { return };
                self.close(done);
                if open.is_empty() {
                    return;
                }
            }
        }
    }

    fn close(&mut self, index: usize) {
        let end = self.entries.len();
        if let Some(entry) = self.entries.get_mut(index) {
            entry.end = end;
        }
    }

    fn push(&mut self, cursor: &TreeCursor<'_>, parent: usize) -> usize {
        let node = cursor.node();
        let index = self.entries.len();
        let grammar = self.grammar;
        self.entries.push(Entry {
            kind: grammar.node_kind_for_id(node.kind_id()).unwrap_or_default(),
            field: cursor.field_id().and_then(|id| grammar.field_name_for_id(id.get())),
            bytes: node.byte_range(),
            named: node.is_named(),
            flaw: node.is_error() || node.is_missing(),
            parent,
            previous: None,
            end: index + 1,
        });
        index
    }
}

/// A node of a [`Source`]: a cheap handle.
#[derive(Clone, Copy)]
pub struct Node<'s> {
    source: &'s Source,
    index: usize,
}

impl<'s> Node<'s> {
    pub(super) fn new(source: &'s Source, index: usize) -> Self {
        Self { source, index }
    }

    fn entry(self) -> &'s Entry {
        &self.source.tree().entries[self.index]
    }

    /// Returns the source this node is of.
    pub fn source(self) -> &'s Source {
        self.source
    }

    /// Returns the node's kind as the grammar names it, such as `binary_expression`, or the token itself.
    pub fn kind(self) -> &'static str {
        self.entry().kind
    }

    /// Returns the name of the role it plays in its parent, such as `left`.
    pub fn field(self) -> Option<&'static str> {
        self.entry().field
    }

    /// Tells whether it stands for a rule of the grammar, not for a fixed token.
    pub fn is_named(self) -> bool {
        self.entry().named
    }

    /// Tells whether the parser had to make something up here.
    pub fn is_flawed(self) -> bool {
        self.entry().flaw
    }

    /// Returns the bytes it covers.
    pub fn bytes(self) -> Range<usize> {
        self.entry().bytes.clone()
    }

    /// Returns the text it covers.
    pub fn text(self) -> &'s str {
        self.source.text().get(self.bytes()).unwrap_or_default()
    }

    /// Returns the line of its first byte, from 1.
    pub fn line(self) -> u32 {
        self.source.line_of(self.entry().bytes.start)
    }

    /// Returns the node it is a child of.
    pub fn parent(self) -> Option<Self> {
        (self.index > 0).then(|| Self { source: self.source, index: self.entry().parent })
    }

    /// Iterates over its ancestors, nearest first.
    pub fn ancestors(self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), |node| node.parent())
    }

    /// Iterates over its children, tokens included.
    pub fn children(self) -> impl Iterator<Item = Self> {
        let end = self.entry().end;
        let at = move |index: usize| (index < end).then_some(Self { source: self.source, index });
        std::iter::successors(at(self.index + 1), move |child| at(child.entry().end))
    }

    /// Iterates over its children without tokens and comments.
    pub fn named_children(self) -> impl Iterator<Item = Self> {
        self.children().filter(|child| child.is_named() && !child.kind().ends_with("_comment"))
    }

    /// Returns the first child that plays the role `field`.
    pub fn child(self, field: &str) -> Option<Self> {
        self.children().find(|child| child.field() == Some(field))
    }

    /// Returns the first child of a kind.
    pub fn child_of_kind(self, kind: &str) -> Option<Self> {
        self.children().find(|child| child.kind() == kind)
    }

    /// Iterates over itself and all its descendants in document order.
    pub fn descendants(self) -> impl Iterator<Item = Self> {
        (self.index..self.entry().end).map(move |index| Self { source: self.source, index })
    }

    /// Iterates over the siblings before it, nearest first, tokens and comments included.
    pub fn siblings_before(self) -> impl Iterator<Item = Self> {
        let before = |node: Self| node.entry().previous.map(|index| Self { source: node.source, index });
        std::iter::successors(before(self), move |node| before(*node))
    }

    /// Iterates over the siblings after it, tokens and comments included.
    pub fn siblings_after(self) -> impl Iterator<Item = Self> {
        let first = self.entry().end;
        let last = self.parent().map_or(0, |parent| parent.entry().end);
        let at = move |index: usize| (index < last).then_some(Self { source: self.source, index });
        std::iter::successors(at(first), move |node| at(node.entry().end))
    }

    /// Tells whether it is `other` or stands inside it.
    pub fn is_within(self, other: Self) -> bool {
        (other.index..other.entry().end).contains(&self.index)
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.source, other.source) && self.index == other.index
    }
}

impl Eq for Node<'_> {}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{:?} {:?}", self.kind(), self.bytes(), self.text())
    }
}
