//! One run of Surefire or Failsafe, line by line: classes, their failures, the results.
//!
//! A class is announced, its tests run and print what they like, then its counts stand with as many failures under them
//! as they say. Counts of a class that was not announced are output; of two for one announcement the latter count.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::ingest::Hints;
use crate::ingest::maven::line::{self, Counts, Header, List, Tally};
use crate::ingest::source::Line;
use crate::text::cap::HeadAndTail;

/// Failures of one run that are kept.
const FAILURES_MAX: usize = 100_000;

/// Bytes of output kept of a failure once all together have what they may have.
const SHORT_BYTES_MAX: usize = 1 << 10;

/// Bytes kept of the message in an entry of the results.
const MESSAGE_BYTES_MAX: usize = 4 << 10;

/// What stands above a run.
pub(super) const TITLE: &str = " T E S T S";

/// What Maven prints after a run, at the level of information.
const AFTER_RUN: &[&str] = &["BUILD SUCCESS", "BUILD FAILURE", "Reactor Summary"];

/// What a line does to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is part of it.
    Goes,
    /// It is not, and the run goes on.
    Passes,
    /// It closes the run with these counts.
    Closes(Tally),
    /// The run ended before it.
    Ended,
}

/// Where in a run the lines stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Classes,
    Results(Option<List>),
}

/// A failure, and the text under its header.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) class: String,
    pub(super) method: String,
    pub(super) is_error: bool,
    pub(super) duration: Option<Duration>,
    pub(super) text: HeadAndTail,
    has_trace: bool,
    n_bytes: usize,
    /// The number of the counts it stands under.
    pub(super) n_counts: usize,
    pub(super) range: (u64, u64),
}

/// An entry of the results: a failure by its short name, and where it was tried again by its full one.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) list: List,
    pub(super) text: String,
    /// What is said of the first of several tries, which has the place.
    pub(super) first_run: Option<String>,
    pub(super) range: (u64, u64),
}

/// A run.
#[derive(Debug)]
pub(super) struct Run {
    phase: Phase,
    /// Classes that were announced and not counted yet.
    pub(super) running: Vec<String>,
    pub(super) was_announced: bool,
    /// Whether lines have levels, as since Surefire 2.20.
    is_leveled: bool,
    /// The class whose tests were the latest to be counted, and how many of its failures are to come.
    class: String,
    n_awaited: u64,
    pub(super) sum: Tally,
    /// Counts by class: which, and their number.
    pub(super) counted: HashMap<String, (Tally, usize)>,
    n_counts: usize,
    /// Numbers of counts that others of the same class replaced.
    pub(super) replaced: HashSet<usize>,
    pub(super) blocks: Vec<Block>,
    is_open: bool,
    pub(super) entries: Vec<Entry>,
    pub(super) end: u64,
    output_bytes_max: usize,
    bytes_left: usize,
}

impl Run {
    /// Begins a run at a line that can begin one.
    pub(super) fn begin(line: &Line<'_>, hints: &Hints) -> Option<Self> {
        let (level, text) = line::level(line.text);
        let is_class = announced(text).is_some() && level != Some("ERROR");
        let begins = text == TITLE
            || is_class && level.is_some()
            || line::counts(text).is_some_and(|counts| counts.class.is_some() || !counts.is_of_class);
        begins.then(|| Self {
            phase: Phase::Classes,
            running: Vec::new(),
            was_announced: false,
            is_leveled: level.is_some(),
            class: String::new(),
            n_awaited: 0,
            sum: Tally::default(),
            counted: HashMap::new(),
            n_counts: 0,
            replaced: HashSet::new(),
            blocks: Vec::new(),
            is_open: false,
            entries: Vec::new(),
            end: line.offset,
            output_bytes_max: hints.output_bytes_max,
            bytes_left: hints.outputs_bytes_max,
        })
    }

    /// Takes a line.
    pub(super) fn line(&mut self, line: &Line<'_>) -> Step {
        let before = std::mem::replace(&mut self.end, line.offset + line.text.len() as u64);
        let (level, text) = line::level(line.text);
        let step = if level.is_some() == self.is_leveled { self.structure(level, text, line) } else { None };
        let step = step.unwrap_or_else(|| self.content(line.text));
        if step == Step::Ended {
            self.end = before;
        }
        step
    }

    /// Reads a line as what Surefire prints, or nothing if it is none.
    fn structure(&mut self, level: Option<&str>, text: &str, line: &Line<'_>) -> Option<Step> {
        if let Some(class) = announced(text) {
            self.announce(class);
            return Some(Step::Goes);
        }
        if text == TITLE {
            return Some(Step::Goes);
        }
        if let Some(counts) = line::counts(text) {
            return if counts.is_of_class { self.class_counts(&counts) } else { self.total(counts.tally) };
        }
        if matches!(text.trim_end(), "Results:" | "Results :") {
            self.close();
            self.phase = Phase::Results(None);
            return Some(Step::Goes);
        }
        let is_awaited = self.n_awaited > 0 && level != Some("INFO") && self.phase == Phase::Classes;
        if let Some(header) = line::header(text).filter(|_| is_awaited) {
            self.open(&header, line.offset);
            return Some(Step::Goes);
        }
        let is_quiet = self.running.is_empty() && level.is_some() && self.phase == Phase::Classes;
        if let Some(list) = line::list(text).filter(|_| is_quiet || self.phase != Phase::Classes) {
            self.close();
            self.phase = Phase::Results(Some(list));
            return Some(Step::Goes);
        }
        if let Phase::Results(Some(list)) = self.phase
            && self.entry(list, text, line)
        {
            return Some(Step::Goes);
        }
        let is_after = level == Some("INFO") && AFTER_RUN.iter().any(|words| text.starts_with(words));
        (is_after || line::refusal(text).is_some()).then_some(Step::Ended)
    }

    fn announce(&mut self, class: &str) {
        self.close();
        self.phase = Phase::Classes;
        self.was_announced = true;
        if self.running.iter().all(|running| running != class) {
            self.running.push(class.to_owned());
        }
    }

    fn class_counts(&mut self, counts: &Counts<'_>) -> Option<Step> {
        let class = counts.class.or(self.running.last().map(String::as_str))?.to_owned();
        let at = self.running.iter().position(|running| *running == class);
        let before = self.counted.get(&class).copied();
        if at.is_none() && self.was_announced && before.is_none() {
            return None;
        }
        self.close();
        self.phase = Phase::Classes;
        match at {
            Some(at) => drop(self.running.swap_remove(at)),
            None => {
                if let Some((tally, n)) = before {
                    self.sum.subtract(tally);
                    self.replaced.insert(n);
                }
            }
        }
        self.n_counts += 1;
        self.sum.add(counts.tally);
        self.counted.insert(class.clone(), (counts.tally, self.n_counts));
        (self.class, self.n_awaited) = (class, counts.tally.red());
        Some(Step::Goes)
    }

    /// Takes the counts of a whole run. Those that a test prints stand among classes that run.
    fn total(&mut self, tally: Tally) -> Option<Step> {
        let is_among_classes = self.phase == Phase::Classes && self.was_announced && !self.running.is_empty();
        let is_whole = self.running.is_empty() || tally.tests == self.sum.tests;
        if is_among_classes || !is_whole {
            return None;
        }
        self.close();
        Some(Step::Closes(tally))
    }

    fn open(&mut self, header: &Header<'_>, offset: u64) {
        self.close();
        self.n_awaited -= 1;
        self.is_open = true;
        if self.blocks.len() >= FAILURES_MAX {
            return;
        }
        let (class, method) = line::names(header, &self.class);
        let bytes_max =
            if self.bytes_left == 0 { SHORT_BYTES_MAX.min(self.output_bytes_max) } else { self.output_bytes_max };
        self.blocks.push(Block {
            class: class.to_owned(),
            method: method.to_owned(),
            is_error: header.is_error,
            duration: header.duration,
            text: HeadAndTail::new(bytes_max),
            has_trace: false,
            n_bytes: 0,
            n_counts: self.n_counts,
            range: (offset, self.end),
        });
    }

    pub(super) fn close(&mut self) {
        if let Some(block) = self.blocks.last().filter(|_| self.is_open) {
            self.bytes_left = self.bytes_left.saturating_sub(block.n_bytes.min(self.output_bytes_max));
        }
        self.is_open = false;
    }

    /// Reads an entry of a list, or goes on with one; tells whether it was one.
    fn entry(&mut self, list: List, text: &str, line: &Line<'_>) -> bool {
        if text.trim().is_empty() {
            return true;
        }
        if let Some(run) = text.strip_prefix("  Run ") {
            let told = run.split_once(": ").map_or(run, |(_, told)| told);
            if let Some(entry) = self.entries.last_mut() {
                entry.first_run.get_or_insert_with(|| told[..told.floor_char_boundary(MESSAGE_BYTES_MAX)].to_owned());
            }
            return true;
        }
        let full = || text.strip_prefix(|c: char| c != ' ').and(line::split_full(text));
        if (line::entry(text).is_none() && full().is_none()) || self.entries.len() >= FAILURES_MAX {
            return false;
        }
        let text = text.trim()[..text.trim().floor_char_boundary(MESSAGE_BYTES_MAX)].to_owned();
        self.entries.push(Entry { list, text, first_run: None, range: (line.offset, self.end) });
        true
    }

    /// Takes a line that is no structure: output of a test, the text of a failure, or of an entry.
    fn content(&mut self, text: &str) -> Step {
        if self.phase != Phase::Classes {
            if let Some(entry) = self.entries.last_mut().filter(|entry| entry.text.len() < MESSAGE_BYTES_MAX) {
                entry.text.push('\n');
                entry.text.push_str(text);
            }
            return Step::Goes;
        }
        let Some(block) = self.blocks.last_mut().filter(|_| self.is_open) else {
            return if self.running.is_empty() { Step::Passes } else { Step::Goes };
        };
        if text.is_empty() && block.has_trace && self.n_awaited == 0 {
            self.close();
            return Step::Goes;
        }
        block.text.push_line(text);
        block.has_trace |= text.starts_with("\tat ");
        block.n_bytes += text.len() + 1;
        block.range.1 = self.end;
        Step::Goes
    }
}

/// Reads `Running com.acme.CartTest`.
fn announced(text: &str) -> Option<&str> {
    let class = text.strip_prefix("Running ")?.trim_end();
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '$' | '-');
    (!class.is_empty() && class.chars().all(is_name)).then_some(class)
}
