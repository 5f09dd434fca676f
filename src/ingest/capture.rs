//! How much is kept of what tests print, of each and of all of a log together.

use std::cell::Cell;
use std::rc::Rc;

use crate::ingest::Hints;
use crate::text::cap::HeadAndTail;

/// Bytes kept of an output once all together have taken what they may.
const SHORT_BYTES_MAX: usize = 1 << 10;

/// What may yet be kept of a log's outputs.
#[derive(Debug, Clone)]
pub(super) struct Allowance {
    each_max: usize,
    left: Rc<Cell<usize>>,
}

impl Allowance {
    pub(super) fn new(hints: &Hints) -> Self {
        Self { each_max: hints.output_bytes_max, left: Rc::new(Cell::new(hints.outputs_bytes_max)) }
    }

    /// Begins an output.
    pub(super) fn capture(&self) -> Capture {
        let bytes_max = self.each_max.min(self.left.get().max(SHORT_BYTES_MAX));
        Capture { text: HeadAndTail::new(bytes_max), n_free: bytes_max, left: Rc::clone(&self.left) }
    }
}

/// What is kept of an output, as it comes.
#[derive(Debug)]
pub(super) struct Capture {
    text: HeadAndTail,
    /// Bytes that may yet come before something is left out.
    n_free: usize,
    left: Rc<Cell<usize>>,
}

impl Capture {
    /// Adds a line and its end.
    pub(super) fn push_line(&mut self, line: &str) {
        self.text.push_line(line);
        let n = (line.len() + 1).min(self.n_free);
        self.n_free -= n;
        self.left.set(self.left.get().saturating_sub(n));
    }

    /// Adds all lines of a text.
    pub(super) fn push_lines(&mut self, lines: &str) {
        for line in lines.lines() {
            self.push_line(line);
        }
    }

    /// Returns the text.
    pub(super) fn into_text(self) -> String {
        self.text.into_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_short_once_all_together_have_taken_what_they_may() {
        let hints = Hints { output_bytes_max: 10_000, outputs_bytes_max: 15_000, ..Hints::default() };
        let allowance = Allowance::new(&hints);
        let lens = [20_000, 3000, 20_000, 20_000].map(|len| {
            let mut capture = allowance.capture();
            capture.push_lines(&"line\n".repeat(len / 5));
            capture.into_text().len()
        });
        assert!((10_000..10_100).contains(&lens[0]), "{lens:?}");
        assert_eq!(lens[1], 3000);
        assert!((2000..2100).contains(&lens[2]), "{lens:?}");
        assert!((1000..1100).contains(&lens[3]), "{lens:?}");
    }
}
