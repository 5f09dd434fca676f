//! One libtest block as it comes: from `running N tests` to the result line that closes it.
//!
//! A test may print anything, so nothing is believed for its looks. The header says how many status lines follow; failure
//! sections are opened only by names those lines (or `--quiet`'s) gave as failed; and the block is closed only by a result
//! line whose numbers agree with the header and the status lines, under a list of exactly the failed names. Passes are
//! believed when the block ends: see `settle`.

use std::collections::HashSet;

use crate::ingest::capture::{Allowance, Capture};
use crate::ingest::cargo_text::closing::{self, Closing, List, Next};
use crate::ingest::cargo_text::sections::{Failing, Sections};
use crate::ingest::cargo_text::status::{self, Ending};
use crate::ingest::cargo_text::uncaptured::Uncaptured;
use crate::ingest::source::Line;
use crate::ingest::unsettled::Unsettled;
use crate::model::Outcome;

/// Tests that are remembered to have begun without a status; only one has with one thread.
const BEGUN_MAX: usize = 64;

/// Bytes without a status line after which a block that is not complete no longer owns what it cannot read.
const SILENCE_BYTES_MAX: usize = 256 << 10;

/// What kind of line a block was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// How a test ended.
    Status,
    /// The last line of the block.
    Closing(Closing),
    /// Anything else: output, headings, lists.
    Text,
}

/// A test with a status line that says it failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) name: String,
    pub(super) ending: Option<Ending>,
    /// Where the status line stands.
    pub(super) line: (u64, u64),
    /// Whether the line stands in what may be another's output.
    pub(super) is_doubted: bool,
    /// What it printed, where that was not captured.
    pub(super) uncaptured: Option<Capture>,
}

/// How well closing lines fit to what came before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// The numbers are not those of this block.
    None,
    /// The numbers are those of the header, but not those of the status lines.
    Numbers,
    /// All there is to compare agrees.
    Whole,
}

/// How tests' output and status are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A status line each, and what was captured of the failed ones after them.
    Captured,
    /// With output among the status lines.
    Uncaptured,
    /// A letter each, and a line for the failed ones.
    Quiet,
}

/// What a block has said so far.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) suite: String,
    /// Number of tests its header announces; `None` when the header is missing.
    pub(super) n_announced: Option<u64>,
    /// Where it begins.
    pub(super) offset: u64,
    pub(super) passed: Unsettled,
    /// Passed tests whose status line stands in what may be another's output.
    pub(super) doubted: Unsettled,
    pub(super) skipped: Unsettled,
    pub(super) failed: Vec<Failed>,
    pub(super) sections: Sections,
    pub(super) uncaptured: Uncaptured,
    /// Tests that began and whose end was not recognised, as under `--nocapture`.
    pub(super) begun: Vec<String>,
    /// Whether it may be something that a test of another block printed: then it takes no more lines than are its own.
    pub(super) is_doubted: bool,
    /// The closing lines that fit best so far, if not wholly.
    pub(super) probable: Option<Closing>,
    names_failed: HashSet<String>,
    /// Whether a heading of sections or of the list of failures was seen.
    is_in_sections: bool,
    mode: Mode,
    list: Option<List>,
    /// Bytes since the latest status line.
    n_silent: usize,
}

impl Block {
    /// Begins a block.
    pub(super) fn new(
        suite: &str,
        n_announced: Option<u64>,
        offset: u64,
        allowance: &Allowance,
        is_heard: bool,
    ) -> Self {
        Self {
            suite: suite.to_owned(),
            n_announced,
            offset,
            passed: Unsettled::new(is_heard),
            doubted: Unsettled::new(is_heard),
            skipped: Unsettled::new(is_heard),
            failed: Vec::new(),
            sections: Sections::new(allowance.clone()),
            uncaptured: Uncaptured::new(allowance.clone()),
            begun: Vec::new(),
            is_doubted: false,
            probable: None,
            names_failed: HashSet::new(),
            is_in_sections: false,
            mode: Mode::Captured,
            list: None,
            n_silent: 0,
        }
    }

    /// Returns how many tests have ended for certain.
    pub(super) fn n_ended(&self) -> u64 {
        self.passed.len() + self.skipped.len() + self.failed.len() as u64
    }

    /// Tells whether all announced tests have ended.
    pub(super) fn is_complete(&self) -> bool {
        self.n_announced.is_some_and(|n_announced| self.n_ended() >= n_announced)
    }

    /// Tells whether a line that the block cannot read is its own: output of its tests, unless it has long been silent.
    pub(super) fn owns_text(&self) -> bool {
        self.n_announced.is_some() && (self.is_in_sections || self.n_silent < SILENCE_BYTES_MAX)
    }

    /// Takes the line of a test that passed, as most do, where it cannot be anything else.
    pub(super) fn pass(&mut self, line: &str) -> bool {
        let is_plain =
            !self.is_in_sections && self.begun.is_empty() && self.list.is_none() && self.uncaptured.is_empty();
        let Some(name) = status::plain_pass(line).filter(|_| is_plain && self.takes_statuses()) else { return false };
        self.passed.push(&self.suite, name, None);
        self.n_silent = 0;
        true
    }

    /// Takes a line; one that `is_anothers` is text, whatever it looks like. `beside_red` says that a block which began
    /// inside this one has red tests: then closing lines must fit without a gap.
    pub(super) fn line(&mut self, line: &Line<'_>, is_anothers: bool, beside_red: bool) -> Heard {
        if !is_anothers {
            if self.takes_statuses() && self.status(line) {
                self.n_silent = 0;
                return Heard::Status;
            }
            if let Some(closing) = self.closing(line, beside_red) {
                return Heard::Closing(closing);
            }
        }
        if self.list.is_none() {
            self.text(line, is_anothers);
        }
        Heard::Text
    }

    /// Tells whether a status line may still come: not among sections, unless output that is not captured may have
    /// looked like their heading.
    fn takes_statuses(&self) -> bool {
        if self.is_complete() || self.is_doubted && self.probable.is_some() {
            !self.is_in_sections && !self.is_doubted
        } else {
            !self.is_in_sections || self.mode != Mode::Quiet
        }
    }

    fn status(&mut self, line: &Line<'_>) -> bool {
        if let Some((name, ending)) = status::read(line.text) {
            self.end_test(name, Some(ending), line);
            return true;
        }
        if self.is_in_sections && self.begun.is_empty() {
            return false;
        }
        if !self.begun.is_empty()
            && let Some(ending) = status::ending(line.text)
            && let Some(name) = self.begun.pop()
        {
            self.end_test(&name, Some(ending), line);
            return true;
        }
        if let Some(name) = status::quiet_failure(line.text).filter(|_| !self.is_in_sections) {
            self.mode = Mode::Quiet;
            self.end_test(name, None, line);
            return true;
        }
        if !self.is_in_sections && status::is_quiet(line.text) {
            self.mode = Mode::Quiet;
        }
        false
    }

    fn end_test(&mut self, name: &str, ending: Option<Ending>, line: &Line<'_>) {
        let output = self.uncaptured.take(name);
        if output.is_some() {
            self.mode = Mode::Uncaptured;
        }
        if self.is_in_sections && self.mode == Mode::Uncaptured {
            // The heading was something a test printed.
            self.sections.clear();
            self.is_in_sections = false;
        }
        match ending.map(|ending| (ending.outcome, ending.duration)) {
            Some((Outcome::Passed, duration)) if self.begun.is_empty() => self.passed.push(&self.suite, name, duration),
            Some((Outcome::Passed, duration)) => self.doubted.push(&self.suite, name, duration),
            Some((Outcome::Skipped, _)) => self.skipped.push(&self.suite, name, None),
            Some((Outcome::Failed | Outcome::Errored, _)) | None => {
                if self.names_failed.insert(name.to_owned()) {
                    let end = line.offset + line.text.len() as u64;
                    let (name, line, is_doubted) = (name.to_owned(), (line.offset, end), !self.begun.is_empty());
                    self.failed.push(Failed { name, ending, line, is_doubted, uncaptured: output });
                }
            }
        }
    }

    /// Follows what may be the last lines of the block.
    fn closing(&mut self, line: &Line<'_>, beside_red: bool) -> Option<Closing> {
        let mut lines = String::new();
        let mut closing = None;
        if let Some(list) = &mut self.list {
            closing = match list.take(line.text) {
                Next::Goes => return None,
                Next::Breaks => None,
                Next::Closes(closing) => Some(closing),
            };
            lines = self.list.take().map(List::into_lines).unwrap_or_default();
        }
        let closing = closing.or_else(|| closing::result(line.text));
        let fit = closing.as_ref().map_or(Fit::None, |closing| self.fit(closing, beside_red));
        match fit {
            Fit::Whole => return closing,
            Fit::Numbers => {
                self.sections.end(&lines, line.offset);
                self.probable = closing;
            }
            Fit::None => self.give_back(&lines, line.offset),
        }
        self.is_in_sections |= matches!(line.text, "failures:" | "successes:");
        self.list = List::begin(line.text);
        None
    }

    /// Says that another block or something of cargo's begins, so that this one may be over.
    pub(super) fn may_end(&mut self, offset: u64) {
        if !self.sections.is_ended() {
            self.sections.end("", offset);
        }
    }

    fn fit(&self, closing: &Closing, beside_red: bool) -> Fit {
        let Some(total) = closing.total() else { return Fit::None };
        let n_announced = self.n_announced.unwrap_or(total);
        if total != n_announced || closing.names.len() as u64 != closing.failed {
            return Fit::None;
        }
        let names: HashSet<_> = closing.names.iter().map(String::as_str).collect();
        let n_known = names.iter().filter(|name| self.names_failed.contains(**name)).count();
        let n_missing = (self.failed.len() - n_known) as u64;
        let has_status = n_known == names.len();
        let (n_ended, n_doubted) = (self.n_ended(), self.doubted.len());
        let is_whole = match self.n_announced {
            None => n_missing == 0 && n_ended <= total && (n_ended > 0 || !names.is_empty()),
            // Where tests printed status lines of their own, there are too many, and some that failed are not listed.
            Some(_) if n_ended >= n_announced => {
                let n_surplus = n_ended + n_doubted - n_announced;
                has_status && n_missing <= n_surplus && self.skipped.len() >= closing.ignored
            }
            Some(_) if beside_red => n_missing == 0 && !names.is_empty() && has_status,
            Some(_) => {
                let n_begun = self.begun.len() as u64 + n_doubted;
                n_missing == 0 && (self.mode == Mode::Quiet || n_ended + n_begun >= n_announced)
            }
        };
        if is_whole { Fit::Whole } else { Fit::Numbers }
    }

    /// Treats lines that were taken for a list as the text they are.
    fn give_back(&mut self, lines: &str, offset: u64) {
        for text in lines.lines() {
            self.text(&Line { text, offset }, false);
        }
    }

    fn text(&mut self, line: &Line<'_>, is_anothers: bool) {
        let is_complete = self.is_complete();
        if self.is_in_sections {
            let names_failed = &self.names_failed;
            self.sections.line(line, |name| match names_failed.contains(name) {
                true => Failing::Yes,
                false if is_complete => Failing::No,
                false => Failing::Perhaps,
            });
        }
        if !self.is_in_sections || self.takes_statuses() {
            self.n_silent += line.text.len() + 1;
            match status::parts(line.text).filter(|_| !is_anothers) {
                Some((name, rest)) => self.begin_test(name, rest),
                None => self.uncaptured.line(line.text),
            }
        }
    }

    /// Remembers a test whose name was printed before it ran, as libtest does with one thread.
    fn begin_test(&mut self, name: &str, rest: &str) {
        if self.begun.len() >= BEGUN_MAX {
            self.begun.remove(0);
        }
        self.begun.push(name.to_owned());
        self.mode = Mode::Uncaptured;
        self.uncaptured.begin(name, rest);
    }
}
