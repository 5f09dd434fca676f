//! The text a format reads: a window that moves over an input of any size.
//!
//! Offsets are in bytes of the text as decoded: UTF-8 without byte order mark, control sequences and job log prefixes.

use std::io::{self, BufRead, Read};

use memchr::memchr;

use crate::ingest::decode::Decoder;

/// One line of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'t> {
    /// The line without its end.
    pub(super) text: &'t str,
    /// Where it begins.
    pub(super) offset: u64,
}

/// An input, and the part of it that is in memory.
pub(super) struct Source<'r> {
    decoder: Decoder<'r>,
    /// Text in memory; it was taken up to `start`.
    window: String,
    start: usize,
    /// Where the window begins.
    offset: u64,
    /// Whether the window reaches to the end of the input.
    is_whole: bool,
    line_bytes_max: usize,
}

impl<'r> Source<'r> {
    /// Reads what `decoder` decodes, in lines of at most `line_bytes_max` bytes.
    pub(super) fn new(decoder: Decoder<'r>, line_bytes_max: usize) -> Self {
        Self { decoder, window: String::new(), start: 0, offset: 0, is_whole: false, line_bytes_max }
    }

    /// Returns the text in memory that was not taken yet.
    pub(super) fn window(&self) -> &str {
        &self.window[self.start..]
    }

    /// Returns where the window begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset + self.start as u64
    }

    /// Tells whether the window reaches to the end of the input.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Reads more behind the window; returns `false` when there is no more.
    pub(super) fn fill(&mut self) -> bool {
        if self.is_whole {
            return false;
        }
        self.window.drain(..self.start);
        self.offset += self.start as u64;
        self.start = 0;
        self.is_whole = !self.decoder.append_to(&mut self.window);
        !self.is_whole
    }

    /// Reads until the window holds `bytes` bytes, or all there are; returns it.
    pub(super) fn ahead(&mut self, bytes: usize) -> &str {
        while self.window().len() < bytes && self.fill() {}
        self.window()
    }

    /// Takes the first `n` bytes of the window; `n` is at most its length, and the end of a character.
    pub(super) fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.window.len());
    }

    /// Cuts a range, in bytes from the beginning of the window, out of it: for what is too long to be kept. Places behind it
    /// keep their offsets; those of places before it in the window are from now on too high.
    pub(super) fn cut(&mut self, range: std::ops::Range<usize>) {
        self.offset += range.len() as u64;
        self.window.drain(self.start + range.start..self.start + range.end);
    }

    /// Takes the next line; of one that is longer than the limit, the beginning.
    pub(super) fn line(&mut self) -> Option<Line<'_>> {
        let mut searched = 0;
        let end = loop {
            let window = self.window();
            if let Some(at) = memchr(b'\n', &window.as_bytes()[searched..]) {
                break searched + at;
            }
            searched = window.len();
            if searched > self.line_bytes_max {
                break window.floor_char_boundary(self.line_bytes_max);
            }
            if !self.fill() {
                break searched;
            }
        };
        if end == 0 && self.window().is_empty() {
            return None;
        }
        let (start, offset) = (self.start, self.offset());
        let is_ended = self.window().as_bytes().get(end) == Some(&b'\n');
        if is_ended {
            self.start += end + 1;
        } else {
            self.skip_line(end);
        }
        let text = &self.window[start..start + end];
        Some(Line { text: text.strip_suffix('\r').unwrap_or(text), offset })
    }

    /// Takes what is left of a line that is too long, and keeps its first `kept` bytes in memory.
    fn skip_line(&mut self, kept: usize) {
        let head = self.start + kept;
        loop {
            if let Some(at) = memchr(b'\n', &self.window.as_bytes()[head..]) {
                self.window.drain(head..=head + at);
                self.offset += at as u64 + 1;
                break;
            }
            self.offset += (self.window.len() - head) as u64;
            self.window.truncate(head);
            if self.is_whole || !self.decoder.append_to(&mut self.window) {
                self.is_whole = true;
                break;
            }
        }
        self.start = head;
    }

    /// Takes what was found to be wrong with the bytes since the last call.
    pub(super) fn take_complaints(&mut self) -> Vec<String> {
        self.decoder.take_complaints()
    }

    /// Returns a source of which that many bytes are read at once.
    #[cfg(test)]
    pub(super) fn in_chunks(bytes: &'r [u8], n_bytes: usize) -> Self {
        Self::new(Decoder::new(bytes, u64::MAX).in_chunks(n_bytes), usize::MAX)
    }

    /// Returns a text that is whole in memory.
    #[cfg(test)]
    pub(super) fn of_text(text: &'r str) -> Self {
        Self::new(Decoder::new(text.as_bytes(), u64::MAX), usize::MAX)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let n = available.read(buffer)?;
        BufRead::consume(self, n);
        Ok(n)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.window().is_empty() {
            self.fill();
        }
        Ok(self.window().as_bytes())
    }

    fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.window.len());
    }
}
