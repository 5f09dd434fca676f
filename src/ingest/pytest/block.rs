//! The texts under the headers of failures, `____ TestA.test_b ____`, as they come.
//!
//! Captured output can hold such headers as well. All of them open a block; which belong to failures is found when the
//! session has said what failed, and the others go back to the output they stood in.

use std::collections::{HashMap, VecDeque};

use crate::ingest::Hints;
use crate::ingest::pytest::{failure, line};
use crate::model::Outcome;
use crate::text::cap::{self, HeadAndTail};

/// Blocks kept beyond those that are known to be due.
const BLOCKS_MAX: usize = 10_000;

/// Blocks of one title among which the one that tells of a test's file is looked for.
const SAME_TITLE_MAX: usize = 64;

/// Bytes kept of what pytest itself says of a failure: it is looked through for its particulars.
const BODY_BYTES_MAX: usize = 64 << 10;

/// Bytes of output kept of a failure once all together have what they may have.
const SHORT_BYTES_MAX: usize = 1 << 10;

/// The part of the reports a block stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Errors,
    Failures,
    /// What passed, warnings, durations and what plugins add.
    Other,
}

/// A header, and the text under it.
#[derive(Debug)]
pub(super) struct Block {
    /// The header as it stands there; empty under `--tb=line`, which prints none.
    header: String,
    pub(super) part: Part,
    body: HeadAndTail,
    captured: HeadAndTail,
    is_captured: bool,
    /// Whether it ended with the place that stands under a failure without a header.
    is_whole: bool,
    n_bytes: usize,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Block {
    fn push(&mut self, text: &str) {
        self.is_captured = self.is_captured || is_captured(text);
        self.is_whole = self.header.is_empty() && is_last_of_headless(text);
        let is_output = self.is_captured && !self.is_whole;
        let to = if is_output { &mut self.captured } else { &mut self.body };
        to.push_line(text);
        self.n_bytes += text.len() + 1;
    }
}

/// Tells whether a line heads captured output: `---- Captured stdout call ----`.
pub(super) fn is_captured(text: &str) -> bool {
    text.starts_with('-') && line::rule(text, '-').is_some_and(|title| title.starts_with("Captured "))
}

/// Tells whether a line is the last of a failure under `--tb=line`: its place and its message.
fn is_last_of_headless(text: &str) -> bool {
    failure::place(text).is_some_and(|(_, rest)| !rest.is_empty() && !rest.starts_with("in "))
}

/// The blocks of a session.
#[derive(Debug)]
pub(super) struct Blocks {
    opened: Vec<Block>,
    is_open: bool,
    output_bytes_max: usize,
    bytes_left: usize,
}

impl Blocks {
    pub(super) fn new(hints: &Hints) -> Self {
        let (output_bytes_max, bytes_left) = (hints.output_bytes_max, hints.outputs_bytes_max);
        Self { opened: Vec::new(), is_open: false, output_bytes_max, bytes_left }
    }

    /// Opens a block; `n_due` is the number of blocks that are known to come. Returns `false` when there are too many.
    pub(super) fn open(&mut self, header: &str, part: Part, at: u64, n_due: usize) -> bool {
        self.close();
        if header.is_empty() && self.are_headless(part) && self.opened.last().is_some_and(|block| !block.is_whole) {
            self.is_open = true;
            return true;
        }
        if self.opened.len() >= BLOCKS_MAX.saturating_add(n_due) {
            self.is_open = !self.opened.is_empty();
            return false;
        }
        let is_short = self.bytes_left == 0;
        let bytes_max = if is_short { SHORT_BYTES_MAX.min(self.output_bytes_max) } else { self.output_bytes_max };
        let body = HeadAndTail::new(if is_short { SHORT_BYTES_MAX } else { BODY_BYTES_MAX });
        let header = header[..header.floor_char_boundary(BODY_BYTES_MAX)].to_owned();
        let captured = HeadAndTail::new(bytes_max);
        let (is_captured, is_whole, n_bytes) = (false, false, 0);
        self.opened.push(Block { header, part, body, captured, is_captured, is_whole, n_bytes, start: at, end: at });
        self.is_open = true;
        true
    }

    /// Adds a line to the open block; returns `false` if none is.
    pub(super) fn push(&mut self, text: &str, end: u64) -> bool {
        let Some(block) = self.opened.last_mut().filter(|_| self.is_open) else { return false };
        block.push(text);
        block.end = end;
        if block.is_whole {
            self.close();
        }
        true
    }

    /// Adds text to the latest block, if there is one.
    pub(super) fn push_back(&mut self, text: &str) {
        if let Some(block) = self.opened.last_mut() {
            block.captured.push(text);
        }
    }

    /// Ends the open block.
    pub(super) fn close(&mut self) {
        if let Some(block) = self.opened.last().filter(|_| self.is_open) {
            self.bytes_left = self.bytes_left.saturating_sub(block.n_bytes.min(self.output_bytes_max));
        }
        self.is_open = false;
    }

    /// Opens the latest block again.
    pub(super) fn reopen(&mut self) {
        self.is_open = !self.opened.is_empty();
    }

    /// Tells whether the latest block is of this part and has no header, as under `--tb=line`.
    pub(super) fn are_headless(&self, part: Part) -> bool {
        self.opened.last().is_some_and(|block| block.part == part && block.header.is_empty())
    }

    /// Returns the number of blocks.
    pub(super) fn len(&self) -> usize {
        self.opened.len()
    }

    /// Ends all blocks.
    pub(super) fn into_texts(self) -> Texts {
        let text = |block: Block| Text {
            part: block.part,
            body: block.body.into_text(),
            captured: block.captured.into_text(),
            header: block.header,
            range: (block.start, block.end),
            is_taken: false,
        };
        let found: Vec<_> = self.opened.into_iter().map(text).collect();
        let mut by_title: HashMap<String, VecDeque<usize>> = HashMap::new();
        for (n, text) in found.iter().enumerate() {
            by_title.entry(line::title(text.title())).or_default().push_back(n);
        }
        Texts { found, by_title, output_bytes_max: self.output_bytes_max }
    }
}

/// A block that has ended.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) part: Part,
    header: String,
    pub(super) body: String,
    pub(super) captured: String,
    pub(super) range: (u64, u64),
    /// Whether it is known whose it is.
    is_taken: bool,
}

impl Text {
    pub(super) fn title(&self) -> &str {
        line::rule(&self.header, '_').unwrap_or_default()
    }

    /// Tells whether it looks like what pytest says of a failure.
    fn is_likely(&self) -> bool {
        let has_place = || self.body.lines().any(|line| failure::place(line).is_some());
        self.body.lines().any(|line| line.starts_with("E  ")) || has_place() || self.body.contains("Traceback (most")
    }
}

/// All blocks of a session, by title.
#[derive(Debug)]
pub(super) struct Texts {
    found: Vec<Text>,
    by_title: HashMap<String, VecDeque<usize>>,
    output_bytes_max: usize,
}

impl Texts {
    pub(super) fn get(&self, n: usize) -> &Text {
        &self.found[n]
    }

    /// Takes the block of a node: of several with its title, that which tells of its file, else the first.
    pub(super) fn take(&mut self, node: &str, part: &str, outcome: Outcome) -> Option<usize> {
        let (file, names) = node.split_once("::").unwrap_or((node, ""));
        let titles = match outcome {
            Outcome::Errored if names.is_empty() => vec![format!("ERROR collecting {node}")],
            Outcome::Errored => ["setup", "teardown"].map(|when| format!("ERROR at {when} of {names}")).to_vec(),
            _ if !part.is_empty() => vec![format!("{names} {part}")],
            _ => vec![names.to_owned(), format!("[doctest] {names}"), file.to_owned()],
        };
        let mut titles = titles.into_iter().filter(|title| !title.is_empty());
        let n = titles.find_map(|title| self.find(&line::title(&title), file, node))?;
        self.found[n].is_taken = true;
        Some(n)
    }

    fn find(&mut self, title: &str, file: &str, node: &str) -> Option<usize> {
        let of_title = self.by_title.get_mut(title)?;
        let found = &self.found;
        // A title that is a file is that of a worker that died.
        let is_crash = title == line::title(file);
        let tells = |n: &usize| found[*n].body.contains(if is_crash { node } else { file });
        let telling = of_title.iter().take(SAME_TITLE_MAX).position(tells);
        let first = if is_crash || of_title.is_empty() { None } else { Some(0) };
        of_title.remove(telling.or(first)?)
    }

    /// Takes the blocks of one part that are nobody's, if there are exactly as many as wanted.
    pub(super) fn take_all(&mut self, part: Part, n_wanted: usize) -> Vec<usize> {
        let free: Vec<_> = self.free(part).collect();
        if free.len() != n_wanted {
            return Vec::new();
        }
        for n in &free {
            self.found[*n].is_taken = true;
        }
        free
    }

    /// Takes up to `n_max` blocks of one part that are nobody's and look like failures.
    pub(super) fn take_likely(&mut self, part: Part, n_max: usize) -> Vec<usize> {
        let likely: Vec<_> = self.free(part).filter(|n| self.found[*n].is_likely()).take(n_max).collect();
        for n in &likely {
            self.found[*n].is_taken = true;
        }
        likely
    }

    fn free(&self, part: Part) -> impl Iterator<Item = usize> {
        let is_free = move |text: &Text| text.part == part && !text.is_taken;
        self.found.iter().enumerate().filter(move |(_, text)| is_free(text)).map(|(n, _)| n)
    }

    /// Gives the blocks that are nobody's back to the output they stand in.
    pub(super) fn merge(&mut self) {
        let mut real: Option<usize> = None;
        let mut more = HeadAndTail::default();
        for n in 0..self.found.len() {
            if self.found[n].is_taken {
                self.append(real.replace(n), &mut more);
            } else if real.is_some() && self.found[n].part != Part::Other {
                let Text { header, body, captured, .. } = &self.found[n];
                if more.is_empty() {
                    more = HeadAndTail::new(self.output_bytes_max);
                }
                for piece in [header, "\n", body, captured] {
                    more.push(piece);
                }
            }
        }
        self.append(real, &mut more);
    }

    fn append(&mut self, to: Option<usize>, more: &mut HeadAndTail) {
        let Some(text) = to.and_then(|n| self.found.get_mut(n)).filter(|_| !more.is_empty()) else { return };
        let whole = format!("{}{}", text.captured, std::mem::take(more).into_text());
        text.captured = cap::head_and_tail(&whole, self.output_bytes_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(lines: &[&str]) -> Texts {
        let mut blocks = Blocks::new(&Hints::default());
        for line in lines {
            match line::rule(line, '_') {
                Some(_) => assert!(blocks.open(line, Part::Failures, 0, 0)),
                None => assert!(blocks.push(line, 0)),
            }
        }
        blocks.into_texts()
    }

    #[test]
    fn a_header_that_a_test_prints_goes_back_to_its_output() {
        let mut texts = blocks(&[
            "__ test_a __",
            "E   x",
            "-- Captured stdout call --",
            "__ fake __",
            "more",
            "__ test_b __",
            "E   y",
        ]);
        assert_eq!(
            (texts.take("a.py::test_a", "", Outcome::Failed), texts.take("a.py::test_b", "", Outcome::Failed)),
            (Some(0), Some(2))
        );
        texts.merge();
        assert_eq!(texts.get(0).captured, "-- Captured stdout call --\n__ fake __\nmore\n");
        assert_eq!(texts.get(2).body, "E   y\n");
    }

    #[test]
    fn of_two_blocks_with_one_title_the_file_decides() {
        let mut texts = blocks(&["_ T.test_a _", "E   x", "b.py:1: E", "_ T.test_a _", "a.py:1: E"]);
        assert_eq!(texts.take("a.py::T::test_a", "", Outcome::Failed), Some(1));
        assert_eq!(texts.take("c.py::T::test_a", "", Outcome::Failed), Some(0));
        assert_eq!(texts.take("c.py::T::test_a", "", Outcome::Failed), None);
    }

    #[test]
    fn without_headers_each_place_ends_a_failure() {
        let mut blocks = Blocks::new(&Hints::default());
        for text in ["E   x", "/a.py:1: x", "/a.py:2: y"] {
            if !blocks.push(text, 0) {
                blocks.open("", Part::Failures, 0, 0);
                blocks.push(text, 0);
            }
        }
        assert_eq!(blocks.into_texts().take_all(Part::Failures, 2), [0, 1]);
    }
}
