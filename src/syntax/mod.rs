//! The only module that knows tree-sitter: what a source file is made of, and what of it is test code.
//!
//! A parsed file is a [`Source`]: its text and a flat array of nodes, free of the parser's own types, so that it can
//! be sent between threads and walked without recursion. Syntax never resolves names across files, never knows types,
//! and never changes text.
//!
//! To add a language: a file `<language>.rs` or folder with one `Grammar`, a variant of [`Language`], and its line
//! in `Language::grammar`.

mod rust;
mod scope;
mod source;
mod tree;

use std::ops::Range;

use camino::Utf8Path;

pub use scope::{Binding, Scope};
pub use source::{Function, Source, parse};
pub use tree::Node;

/// A language whose source files can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Rust.
    Rust,
}

impl Language {
    /// Tells the language of a file by its name.
    pub fn of(path: &Utf8Path) -> Option<Self> {
        match path.extension() {
            Some("rs") => Some(Self::Rust),
            _ => None,
        }
    }

    fn grammar(self) -> &'static dyn Grammar {
        match self {
            Self::Rust => &rust::Rust,
        }
    }
}

/// What differs between languages: how a tree is made, and what its nodes mean.
trait Grammar: Sync {
    /// Parses text into a tree of nodes.
    fn tree(&self, text: &str) -> tree::Tree;

    /// Returns the test regions, sorted by start, without overlaps.
    fn test_regions(&self, source: &Source) -> Vec<(Range<usize>, String)>;

    /// Returns all functions that have a body, in order of their start; `is_test` is left to the caller.
    fn functions(&self, source: &Source) -> Vec<Function>;

    /// Returns the names that are visible at `node`.
    fn scope(&self, node: Node<'_>) -> Scope;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_told_by_the_file_name() {
        assert_eq!(Language::of("src/a.rs".into()), Some(Language::Rust));
        assert_eq!(Language::of("src/rs".into()), None);
    }
}
