//! One run of unittest, line by line: progress, failures between rules, closing counts.
//!
//! Lines that could be structure are held back until the next ones tell: a test may print rules, headers and counts. What
//! failed is kept until the run is closed, for the counts judge what of it is true.

use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::unittest::line::{self, DOUBLE_RULE, Named, RULE, Result};
use crate::ingest::unittest::settle;
use crate::ingest::{Hints, traceback};
use crate::model::Outcome;
use crate::text::cap::HeadAndTail;

/// Lines in a row that are no part of a run as such, after which it is believed to be dead.
const UNKNOWN_LINES_MAX: usize = 1000;

/// Failures of one run that are kept.
const FAILURES_MAX: usize = 100_000;

/// Lines between the header of a failure and the rule under it: the beginning of the test's documentation.
const DOC_LINES_MAX: usize = 3;

/// Bytes of output kept of a failure once all together have what they may have.
const SHORT_BYTES_MAX: usize = 1 << 10;

/// What a line does to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is part of it.
    Goes,
    /// The run ended before it.
    Ended,
}

/// Lines that are held back, by what they could be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    Nothing,
    /// A double rule: a header could follow.
    DoubleRule,
    /// A header, and some lines of documentation: a rule could follow.
    Header {
        outcome: Outcome,
        name: String,
        n_lines: usize,
    },
    /// A rule: the number of tests could follow.
    Rule,
    /// The number of tests: the counts could follow.
    Ran(u64),
    /// The counts: if no further failure follows, they close the run.
    Closed(u64, Result),
    /// The same, and a double rule.
    ClosedDoubleRule(u64, Result),
}

/// A failure, and the text under its header.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) outcome: Outcome,
    pub(super) name: String,
    /// The lines up to the text, in case that they are output of the test before.
    pub(super) head: String,
    pub(super) text: HeadAndTail,
    n_bytes: usize,
    /// Whether the text begins as that of a failure does.
    pub(super) has_traceback: bool,
    pub(super) is_unexpected: bool,
    pub(super) range: (u64, u64),
}

/// A run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) end: u64,
    held: Held,
    held_text: String,
    /// Where in it the latest double rule is, and where in the input.
    head: (usize, u64),
    pub(super) blocks: Vec<Block>,
    is_open: bool,
    /// The test whose status is awaited.
    pub(super) begun: Option<String>,
    /// What `-v` says was red.
    pub(super) red: Vec<(String, Outcome)>,
    pub(super) n_passed: u64,
    pub(super) n_skipped: u64,
    /// What the process said when it died.
    pub(super) last_words: Option<(HeadAndTail, u64)>,
    n_unknown: usize,
    output_bytes_max: usize,
    bytes_left: usize,
}

impl Run {
    /// Begins a run at a line that can begin one.
    pub(super) fn begin(line: &Line<'_>, hints: &Hints) -> Option<Self> {
        let text = line.text;
        let is_status = || text.split_once(" ... ").is_some_and(|(name, _)| line::named(name.trim_start()).is_some());
        if text != DOUBLE_RULE && text != RULE && !is_status() {
            return None;
        }
        Some(Self {
            end: line.offset,
            held: Held::Nothing,
            held_text: String::new(),
            head: (0, line.offset),
            blocks: Vec::new(),
            is_open: false,
            begun: None,
            red: Vec::new(),
            n_passed: 0,
            n_skipped: 0,
            last_words: None,
            n_unknown: 0,
            output_bytes_max: hints.output_bytes_max,
            bytes_left: hints.outputs_bytes_max,
        })
    }

    /// Takes a line.
    pub(super) fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Step {
        let before = std::mem::replace(&mut self.end, line.offset + line.text.len() as u64);
        let step = self.take(line, to);
        if step == Step::Ended {
            self.end = before;
        }
        step
    }

    fn take(&mut self, line: &Line<'_>, to: &mut Recorder) -> Step {
        let text = line.text;
        let next = match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Header { outcome, name, .. } if text == RULE => {
                self.held_text.extend([RULE, "\n"]);
                self.open(outcome, name);
                return Step::Goes;
            }
            Held::Header { outcome, name, n_lines } if n_lines < DOC_LINES_MAX => {
                Some(Held::Header { outcome, name, n_lines: n_lines + 1 })
            }
            Held::Nothing | Held::Header { .. } => None,
            Held::Rule => line::ran(text).map(Held::Ran),
            Held::Ran(n) if text.is_empty() => Some(Held::Ran(n)),
            Held::Ran(n) => line::result(text).map(|result| Held::Closed(n, result)),
            Held::Closed(n, result) if text.is_empty() => Some(Held::Closed(n, result)),
            Held::Closed(n, result) if text == DOUBLE_RULE => Some(Held::ClosedDoubleRule(n, result)),
            Held::ClosedDoubleRule(n, result) if line::header(text).is_none() => {
                self.held = Held::Closed(n, result);
                return Step::Ended;
            }
            Held::DoubleRule | Held::ClosedDoubleRule(..) => after_double_rule(text),
            closed @ Held::Closed(..) => {
                self.held = closed;
                return Step::Ended;
            }
        };
        match next {
            Some(held) => self.hold(held, line),
            None => self.free(line, to),
        }
    }

    /// Holds a line back. Nothing but the name is printed of a test that passed unexpectedly.
    fn hold(&mut self, held: Held, line: &Line<'_>) -> Step {
        if matches!(held, Held::DoubleRule | Held::ClosedDoubleRule(..)) {
            self.head = (self.held_text.len(), line.offset);
        }
        self.held_text.push_str(line.text);
        self.held_text.push('\n');
        self.held = held;
        if let Held::Header { name, n_lines: 0, .. } = &self.held
            && line.text.starts_with("UNEXPECTED")
        {
            let name = name.clone();
            self.open(Outcome::Failed, name);
            if let Some(block) = self.blocks.last_mut() {
                block.is_unexpected = true;
            }
            self.close();
        }
        Step::Goes
    }

    /// Takes a line with nothing held back before it that it could belong to.
    fn free(&mut self, line: &Line<'_>, to: &mut Recorder) -> Step {
        let held = std::mem::take(&mut self.held_text);
        self.push_held(&held);
        match line.text {
            DOUBLE_RULE => self.hold(Held::DoubleRule, line),
            RULE => self.hold(Held::Rule, line),
            "Slowest test durations" => {
                self.close();
                Step::Goes
            }
            text if self.is_open => {
                self.push(text);
                Step::Goes
            }
            _ => self.progress(line, to),
        }
    }

    /// Gives lines that were held back to the open block.
    fn push_held(&mut self, held: &str) {
        if self.is_open {
            for line in held.lines() {
                self.push(line);
            }
        }
    }

    fn open(&mut self, outcome: Outcome, name: String) {
        self.held = Held::Nothing;
        let mut held = std::mem::take(&mut self.held_text);
        let head = held.split_off(self.head.0.min(held.len()));
        self.push_held(&held);
        self.close();
        if self.blocks.len() >= FAILURES_MAX {
            self.is_open = true;
            return;
        }
        let bytes_max =
            if self.bytes_left == 0 { SHORT_BYTES_MAX.min(self.output_bytes_max) } else { self.output_bytes_max };
        let (text, range) = (HeadAndTail::new(bytes_max), (self.head.1, self.end));
        let (n_bytes, has_traceback, is_unexpected) = (0, false, false);
        self.blocks.push(Block { outcome, name, head, text, n_bytes, has_traceback, is_unexpected, range });
        self.is_open = true;
    }

    fn push(&mut self, text: &str) {
        let Some(block) = self.blocks.last_mut() else { return };
        let begins = [traceback::BEGINS, "ImportError: ", "ModuleNotFoundError: "];
        block.has_traceback |= block.n_bytes == 0 && begins.iter().any(|words| text.starts_with(words));
        block.text.push_line(text);
        block.n_bytes += text.len() + 1;
        block.range.1 = self.end;
    }

    fn close(&mut self) {
        if let Some(block) = self.blocks.last().filter(|_| self.is_open) {
            self.bytes_left = self.bytes_left.saturating_sub(block.n_bytes.min(self.output_bytes_max));
        }
        self.is_open = false;
    }

    /// Reads a line before the first failure: a status of `-v`, the output of a test, or letters.
    fn progress(&mut self, line: &Line<'_>, to: &mut Recorder) -> Step {
        let text = line.text;
        if let Some((words, _)) = &mut self.last_words {
            words.push_line(text);
            return self.unknown();
        }
        let (name, rest) = text.split_once(" ... ").unwrap_or((text, ""));
        if let Some(named) = line::named(name.trim_start()) {
            self.n_unknown = 0;
            match line::word(rest) {
                Some(outcome) => self.status(&named, name.trim_start(), outcome, to),
                None => self.begin_test(name.trim_start(), rest, line.offset),
            }
            return Step::Goes;
        }
        let status = line::word(text).or_else(|| line::word(text.rsplit_once(" ... ")?.1));
        if let Some((outcome, begun)) = status.zip(self.begun.take_if(|_| status.is_some())) {
            if let Some(named) = line::named(&begun) {
                self.status(&named, &begun, outcome, to);
            }
            return Step::Goes;
        }
        self.unknown()
    }

    fn begin_test(&mut self, name: &str, output: &str, offset: u64) {
        self.begun = Some(name.to_owned());
        if output.starts_with(traceback::FATAL) {
            let mut words = HeadAndTail::new(self.output_bytes_max);
            words.push_line(output);
            self.last_words = Some((words, offset));
        }
    }

    fn status(&mut self, named: &Named<'_>, name: &str, outcome: Outcome, to: &mut Recorder) {
        self.begun = None;
        let (suite, test) = named.parts();
        match outcome {
            Outcome::Failed | Outcome::Errored => self.red.push((name.to_owned(), outcome)),
            Outcome::Passed => self.n_passed += 1,
            Outcome::Skipped => self.n_skipped += 1,
        }
        if !outcome.is_red() {
            to.tally(suite, test, outcome);
        }
    }

    fn unknown(&mut self) -> Step {
        self.n_unknown += 1;
        if self.n_unknown > UNKNOWN_LINES_MAX || self.is_empty() { Step::Ended } else { Step::Goes }
    }

    /// Tells whether nothing was read that only unittest prints.
    pub(super) fn is_empty(&self) -> bool {
        let n_results = self.n_passed + self.n_skipped;
        self.blocks.is_empty() && self.red.is_empty() && n_results == 0 && self.begun.is_none()
    }

    /// Makes results of the run.
    pub(super) fn settle(mut self, hints: &Hints, to: &mut Recorder) {
        self.close();
        let closing = match self.held {
            Held::Closed(n, result) | Held::ClosedDoubleRule(n, result) => Some((n, result)),
            _ => None,
        };
        if closing.is_some() || !self.is_empty() {
            settle::settle(self, closing, hints, to);
        }
    }
}

fn after_double_rule(text: &str) -> Option<Held> {
    let (outcome, name) = line::header(text)?;
    Some(Held::Header { outcome, name: name.to_owned(), n_lines: 0 })
}
