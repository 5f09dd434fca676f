//! A block of YAML under a point, as far as it takes to know where it ends: what stands in it is no TAP.

use memchr::memmem;

use crate::ingest::tap::line::Line;
use crate::ingest::tap::yaml;

/// A block that is being read.
pub(super) struct Block {
    indent: usize,
    scalar: Scalar,
}

/// What a line of a block stands in.
enum Scalar {
    None,
    /// A literal under a key that is indented so far.
    Literal(usize),
    /// A string in double quotes that goes on over lines at any depth.
    Quoted,
}

impl Block {
    /// Begins a block whose `---` is indented so far.
    pub(super) fn new(indent: usize) -> Self {
        Self { indent, scalar: Scalar::None }
    }

    /// Tells whether a line can only be the stream's own, so that the block has no end of its own. In a string that is
    /// not closed that is a point whose number is due.
    pub(super) fn is_ended_by(&self, line: &Line<'_>, indent: usize, is_due: impl FnOnce(Option<u64>) -> bool) -> bool {
        let is_quoted = self.is_in_quotes();
        indent < self.indent
            && match line {
                Line::Point(point) => !is_quoted || is_due(point.number),
                Line::Version | Line::Plan(_) | Line::BailOut(_) | Line::Subtest(_) => !is_quoted,
                Line::Comment(_) | Line::Pragma | Line::Open | Line::Close | Line::Other => false,
            }
    }

    /// Tells whether the next line stands in a string that is not closed.
    pub(super) fn is_in_quotes(&self) -> bool {
        matches!(self.scalar, Scalar::Quoted)
    }

    /// Takes a line of the block; tells whether it is the last.
    pub(super) fn takes_last(&mut self, content: &str, indent: usize) -> bool {
        let is_end = content == "...";
        match self.scalar {
            Scalar::Quoted if is_end && indent == self.indent => return true,
            Scalar::Quoted if yaml::end_of_quoted(content, b'"').is_some() => self.scalar = Scalar::None,
            Scalar::Quoted => {}
            Scalar::Literal(key) if indent > key => {}
            Scalar::Literal(_) | Scalar::None if is_end && indent <= self.indent => return true,
            Scalar::Literal(_) | Scalar::None => self.scalar = Scalar::begun_in(content, indent),
        }
        false
    }
}

impl Scalar {
    fn begun_in(content: &str, indent: usize) -> Self {
        let Some(at) = memmem::find(content.as_bytes(), b": ") else { return Self::None };
        let value = content[at + 2..].trim_ascii_start();
        match value.as_bytes().first() {
            Some(b'|' | b'>') => Self::Literal(indent),
            Some(b'"') if yaml::end_of_quoted(&value[1..], b'"').is_none() => Self::Quoted,
            _ => Self::None,
        }
    }
}
