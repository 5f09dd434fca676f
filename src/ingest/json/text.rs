//! The text that JSON stands in: a window over an input of any size, or a line that is in memory.

use crate::ingest::source::Source;

/// The text that JSON stands in.
pub(in crate::ingest) trait Text {
    /// Returns what comes next: at least `bytes` bytes, or all there are.
    fn ahead(&mut self, bytes: usize) -> &str;

    /// Takes the first `n` bytes of it.
    fn consume(&mut self, n: usize);

    /// Returns where it begins.
    fn offset(&self) -> u64;
}

impl Text for &mut Source<'_> {
    #[inline]
    fn ahead(&mut self, bytes: usize) -> &str {
        if self.window().len() >= bytes { self.window() } else { Source::ahead(self, bytes) }
    }

    fn consume(&mut self, n: usize) {
        Source::consume(self, n);
    }

    fn offset(&self) -> u64 {
        Source::offset(self)
    }
}

/// A text that is whole in memory, such as a line, and where it began.
pub(in crate::ingest) struct Part<'t> {
    pub(in crate::ingest) text: &'t str,
    pub(in crate::ingest) offset: u64,
}

impl Text for Part<'_> {
    fn ahead(&mut self, _: usize) -> &str {
        self.text
    }

    fn consume(&mut self, n: usize) {
        self.text = &self.text[n..];
        self.offset += n as u64;
    }

    fn offset(&self) -> u64 {
        self.offset
    }
}
