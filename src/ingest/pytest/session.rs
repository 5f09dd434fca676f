//! One session of pytest, line by line: progress, reports, summary, end.
//!
//! What a session printed is kept until it is closed; only then is known what of it is true. It decides whose a line is
//! and when the session ends; `settle` makes results of it.

use crate::ingest::Hints;
use crate::ingest::pytest::block::{Blocks, Part};
use crate::ingest::pytest::line::{self, Entry, Tally, Word};
use crate::ingest::pytest::progress::Progress;
use crate::ingest::pytest::{CONFTEST, STARTS, block, failure, settle};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::text::cap::HeadAndTail;

/// Lines after counts that disagree with the progress, after which they are believed to have closed the session.
const DOUBTED_LINES_MAX: usize = 1000;

/// Lines in a row that pytest itself does not print, after which a session without reports is believed to be dead.
const UNKNOWN_LINES_MAX: usize = 1000;

/// The same once the process said that it dies.
const LINES_OF_THE_DEAD_MAX: usize = 20;

/// Entries of the summary kept beyond the number of failures that were seen.
const ENTRIES_MAX: usize = 100_000;

/// Bytes kept of an entry's message.
const MESSAGE_BYTES_MAX: usize = 4 << 10;

/// Titles of the reports that do not tell of failures; other rules with a title are output.
const OTHER_PARTS: &[&str] =
    &["PASSES", "XFAILURES", "XPASSES", "warnings summary", "slowest ", "tests coverage", "coverage: "];

/// Titles in rules of `-` under which plugins report.
const OF_PLUGINS: &[&str] = &["generated ", "coverage: ", "benchmark", "snapshot report summary"];

/// What a line does to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is part of it.
    Goes,
    /// It closes it with these counts.
    Closes(Tally),
    /// The session ended before it.
    Ended,
}

/// Where in a session the lines stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Progress,
    Reports(Part),
    Summary,
    /// The list of what was tried again.
    Reruns,
    /// The error of a `conftest.py`: there is nothing else.
    Conftest,
    /// The process dies.
    Dying,
}

/// An entry of the summary.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) word: Word,
    /// What tells a subtest from its siblings.
    pub(super) part: String,
    /// Node id and message as they stand there.
    pub(super) text: String,
    /// What stands in further lines, where the message is printed whole.
    pub(super) more: String,
    pub(super) range: (u64, u64),
    /// Whether the summary it stands in was output of a test: the reports went on after it.
    pub(super) is_doubted: bool,
}

/// The last words of a process.
#[derive(Debug)]
pub(super) struct LastWords {
    /// The worker of xdist that it was, if it said so.
    pub(super) worker: Option<String>,
    pub(super) text: HeadAndTail,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// Counts that could close the session if they did not disagree with it.
#[derive(Debug)]
struct Doubted {
    tally: Tally,
    n_lines: usize,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) phase: Phase,
    pub(super) progress: Progress,
    pub(super) blocks: Blocks,
    /// The part of the reports of failures that was the latest.
    part: Part,
    pub(super) entries: Vec<Listed>,
    /// What was read as summary, in case that it was output.
    summary: HeadAndTail,
    /// Why it stopped before its end.
    pub(super) stop: Option<String>,
    /// An error of pytest itself or of a plugin.
    pub(super) internal: Option<LastWords>,
    pub(super) last_words: Vec<LastWords>,
    doubted: Option<Doubted>,
    n_unknown: usize,
    output_bytes_max: usize,
}

impl Session {
    /// Begins a session with one of its lines, or nothing if it is none that can begin one.
    pub(super) fn begin(line: &Line<'_>, hints: &Hints) -> Option<Self> {
        let phase = match line.text.as_bytes().first()? {
            b'=' => match line::rule(line.text, '=')? {
                STARTS => Phase::Progress,
                title => phase(title).or_else(|| line::closing(line.text).map(|_| Phase::Progress))?,
            },
            b'I' if line.text.starts_with(CONFTEST) => Phase::Conftest,
            b'0'..=b'9' | b'n' => line::closing(line.text).map(|_| Phase::Progress)?,
            _ => {
                let is_letters = line::letters(line.text).is_some_and(|letters| letters.is_marked);
                let is_status = || line.text.ends_with("%]") && line::status(line.text).is_some();
                (is_letters || is_status()).then_some(Phase::Progress)?
            }
        };
        let mut session = Self {
            start: line.offset,
            end: line.offset,
            phase: Phase::Progress,
            progress: Progress::default(),
            blocks: Blocks::new(hints),
            part: Part::Failures,
            entries: Vec::new(),
            summary: HeadAndTail::default(),
            stop: None,
            internal: None,
            last_words: Vec::new(),
            doubted: None,
            n_unknown: 0,
            output_bytes_max: hints.output_bytes_max,
        };
        if phase == Phase::Conftest {
            session.phase = phase;
            session.blocks.open("", Part::Errors, line.offset, 0);
        }
        Some(session)
    }

    /// Takes a line.
    pub(super) fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Step {
        let before = self.end;
        self.end = line.offset + line.text.len() as u64;
        let step = match line.text.as_bytes().first() {
            Some(b'=') => self.double_rule(line),
            Some(b'0'..=b'9' | b'n') => line::closing(line.text).map(|tally| self.counts(tally, line)),
            Some(b'!') => self.stopping(line.text),
            Some(b'_') => self.header(line),
            _ => None,
        };
        let step = step.unwrap_or_else(|| self.content(line, to));
        if step == Step::Ended {
            self.end = before;
        }
        step
    }

    /// Reads a rule of `=`: the beginning of a part, or the end.
    fn double_rule(&mut self, line: &Line<'_>) -> Option<Step> {
        let title = line::rule(line.text, '=')?;
        if let Some(tally) = line::closing(line.text) {
            return Some(self.counts(tally, line));
        }
        if title == STARTS {
            // In reports it is output of a test of a plugin.
            let is_first = self.start == line.offset;
            let is_output = matches!(self.phase, Phase::Reports(_));
            return (!is_output).then_some(if is_first { Step::Goes } else { Step::Ended });
        }
        self.turn_to(phase(title)?);
        Some(Step::Goes)
    }

    fn turn_to(&mut self, phase: Phase) {
        self.doubted = None;
        self.n_unknown = 0;
        if self.phase == Phase::Summary && !matches!(phase, Phase::Reports(Part::Other)) {
            self.doubt_summary();
        }
        self.blocks.close();
        match phase {
            Phase::Reports(part @ (Part::Errors | Part::Failures)) => self.part = part,
            Phase::Summary | Phase::Reruns => self.summary = HeadAndTail::new(self.output_bytes_max),
            _ => {}
        }
        self.phase = phase;
    }

    /// Takes what was read as summary for output of the test before.
    fn doubt_summary(&mut self) {
        self.blocks.push_back(&std::mem::take(&mut self.summary).into_text());
        self.entries.iter_mut().rev().take_while(|entry| !entry.is_doubted).for_each(|entry| entry.is_doubted = true);
    }

    /// Takes counts: they close the session if they cover what was seen of it; else they are remembered.
    fn counts(&mut self, tally: Tally, line: &Line<'_>) -> Step {
        if self.is_covered_by(&tally) {
            return Step::Closes(tally);
        }
        self.doubted = Some(Doubted { tally, n_lines: 0 });
        match self.phase {
            Phase::Reports(_) => drop(self.blocks.push(line.text, self.end)),
            Phase::Summary => self.summary.push_line(line.text),
            _ => {}
        }
        Step::Goes
    }

    fn is_covered_by(&self, tally: &Tally) -> bool {
        let is_whole = self.stop.is_some()
            || self.internal.is_some()
            || self.progress.n_selected.is_none_or(|n_selected| tally.total() >= n_selected);
        let red = || self.entries.iter().filter(|entry| !entry.is_doubted);
        let is_of_this = red().next().is_none() || red().any(|entry| self.progress.may_be_red(&entry.text));
        is_whole && is_of_this && tally.covers(&self.progress.seen)
    }

    /// Reads `!!! stopping after 1 failures !!!`.
    fn stopping(&mut self, text: &str) -> Option<Step> {
        let why = line::rule(text, '!')?;
        if !matches!(self.phase, Phase::Reports(_)) || self.blocks.len() >= self.progress.n_red() {
            self.stop = Some(why.to_owned());
            self.blocks.close();
        }
        None
    }

    /// Reads the header of a block. In what was taken for the summary it says that this was output.
    fn header(&mut self, line: &Line<'_>) -> Option<Step> {
        let title = line::rule(line.text, '_')?;
        let is_before_end = matches!(self.phase, Phase::Reports(_) | Phase::Summary | Phase::Reruns);
        if !is_before_end || self.blocks.are_headless(self.part) || !self.is_plausible(title) {
            return None;
        }
        self.doubted = None;
        let part = match self.phase {
            Phase::Reports(part) => part,
            _ => self.part,
        };
        if !matches!(self.phase, Phase::Reports(_)) {
            self.doubt_summary();
            self.phase = Phase::Reports(part);
        }
        let n_red = self.progress.n_red();
        if part == Part::Other && self.blocks.len() >= n_red {
            self.blocks.close();
            return Some(Step::Goes);
        }
        let opened = self.blocks.open(line.text, part, line.offset, n_red.saturating_mul(2));
        opened.then_some(Step::Goes)
    }

    /// Tells whether a block can have this title, if it is known what failed.
    fn is_plausible(&self, title: &str) -> bool {
        let title = ["ERROR at setup of ", "ERROR at teardown of "]
            .iter()
            .find_map(|when| title.strip_prefix(when))
            .unwrap_or(title);
        title.starts_with("ERROR collecting ") || self.progress.may_be_title(title)
    }

    /// Takes a line that is no structure by itself.
    fn content(&mut self, line: &Line<'_>, to: &mut Recorder) -> Step {
        if let Some(doubted) = &mut self.doubted {
            doubted.n_lines += 1;
            if doubted.n_lines > DOUBTED_LINES_MAX {
                return Step::Ended;
            }
        }
        match self.phase {
            Phase::Progress => self.progress_line(line, to),
            Phase::Dying => self.dying(line, to),
            Phase::Reports(part) => {
                self.report_line(line, part);
                Step::Goes
            }
            Phase::Summary | Phase::Reruns => self.summary_line(line, to),
            Phase::Conftest => self.conftest_line(line),
        }
    }

    fn progress_line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Step {
        let text = line.text;
        if self.progress.read(text, to) {
            self.n_unknown = 0;
            return Step::Goes;
        }
        if let Some(at) = ["Fatal Python error: ", "+++ Timeout +++"].iter().filter_map(|words| text.find(words)).min()
        {
            let at = text[..at].trim_end_matches('+').len();
            let before = &text[..at];
            let _ = self.progress.read(before, to) || self.progress.read_begun(before);
            let text_of = HeadAndTail::new(self.output_bytes_max);
            self.last_words.push(LastWords { worker: None, text: text_of, start: line.offset, end: self.end });
            self.phase = Phase::Dying;
            return self.dying(&Line { text: &text[at..], offset: line.offset }, to);
        }
        if let Some(told) = text.strip_prefix("INTERNALERROR> ") {
            let new = || LastWords {
                worker: None,
                text: HeadAndTail::new(self.output_bytes_max),
                start: line.offset,
                end: self.end,
            };
            let internal = self.internal.get_or_insert_with(new);
            internal.text.push_line(told);
            internal.end = self.end;
            return Step::Goes;
        }
        if self.progress.read_begun(text) {
            return Step::Goes;
        }
        self.unknown(UNKNOWN_LINES_MAX)
    }

    fn unknown(&mut self, n_max: usize) -> Step {
        self.n_unknown += 1;
        if self.n_unknown > n_max { Step::Ended } else { Step::Goes }
    }

    /// Reads the last words of a process; those of a worker end where it is said to be down.
    fn dying(&mut self, line: &Line<'_>, to: &mut Recorder) -> Step {
        let text = line.text;
        if self.progress.read(text, to) {
            self.phase = Phase::Progress;
            self.n_unknown = 0;
            return Step::Goes;
        }
        if let Some(last) = self.last_words.last_mut() {
            last.text.push_line(text);
            last.end = self.end;
            if let Some((worker, _)) = text.strip_prefix('[').and_then(|text| text.split_once("] node down: ")) {
                last.worker = Some(worker.to_owned());
                self.phase = Phase::Progress;
                return Step::Goes;
            }
        }
        let is_known = text.is_empty()
            || text.starts_with([' ', '~', '+'])
            || ["Thread ", "Current thread ", "Extension modules: ", "Fatal "]
                .iter()
                .any(|words| text.starts_with(words));
        if is_known { Step::Goes } else { self.unknown(LINES_OF_THE_DEAD_MAX) }
    }

    fn report_line(&mut self, line: &Line<'_>, part: Part) {
        if line.text.starts_with('-')
            && let Some(title) = line::rule(line.text, '-')
            && OF_PLUGINS.iter().any(|words| title.starts_with(words))
        {
            self.blocks.close();
            self.phase = Phase::Reports(Part::Other);
            return;
        }
        let pushed = self.blocks.push(line.text, self.end);
        if !pushed && part == Part::Failures && !line.text.is_empty() && self.stop.is_none() {
            self.blocks.open("", part, line.offset, self.progress.n_red());
            self.blocks.push(line.text, self.end);
        }
    }

    fn summary_line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Step {
        if block::is_captured(line.text) {
            self.doubted = None;
            self.doubt_summary();
            self.blocks.reopen();
            self.phase = Phase::Reports(self.part);
            self.blocks.push(line.text, self.end);
            return Step::Goes;
        }
        self.summary.push_line(line.text);
        let Some(entry) = line::entry(line.text) else {
            self.go_on(line.text);
            return self.unknown(UNKNOWN_LINES_MAX);
        };
        self.n_unknown = 0;
        // Names that the progress has are not needed again.
        let is_new = self.progress.n_statuses == 0;
        match entry.word {
            Word::Rerun if is_new => *self.progress.reruns.entry(entry.text.to_owned()).or_default() += 1,
            _ if self.phase == Phase::Reruns => {}
            Word::Ended(outcome) if !outcome.is_red() => {
                let is_true = is_new && self.blocks.len() >= self.progress.n_red();
                let node = entry.text.split_once(" - ").map_or(entry.text, |(node, _)| node).trim_end();
                if is_true && !self.progress.reruns.contains_key(node) {
                    self.progress.tally(node, outcome, to);
                }
            }
            Word::Ended(_) | Word::SubFailed => self.list(&entry, line),
            Word::Rerun | Word::Sub => {}
        }
        Step::Goes
    }

    fn list(&mut self, entry: &Entry<'_>, line: &Line<'_>) {
        if self.entries.len() >= ENTRIES_MAX.saturating_add(self.progress.n_red()) {
            return;
        }
        let &Entry { word, part, text } = entry;
        let (part, text) = (part.to_owned(), text.to_owned());
        self.entries.push(Listed {
            word,
            part,
            text,
            more: String::new(),
            range: (line.offset, self.end),
            is_doubted: false,
        });
    }

    /// Takes a further line of an entry's message.
    fn go_on(&mut self, text: &str) {
        let Some(entry) = self.entries.last_mut().filter(|_| self.stop.is_none()) else { return };
        if entry.more.len() + text.len() < MESSAGE_BYTES_MAX {
            entry.more.push('\n');
            entry.more.push_str(text);
            entry.range.1 = self.end;
        }
    }

    fn conftest_line(&mut self, line: &Line<'_>) -> Step {
        let text = line.text;
        let is_first = self.start == line.offset;
        if is_first || text.starts_with([' ', 'E']) || failure::place(text).is_some() {
            self.blocks.push(text, self.end);
            return Step::Goes;
        }
        Step::Ended
    }

    /// Makes results of the session, closed with these counts or not at all.
    pub(super) fn settle(mut self, closing: Option<Tally>, hints: &Hints, to: &mut Recorder) {
        self.blocks.close();
        let closing = closing.or_else(|| self.doubted.take().map(|doubted| doubted.tally));
        settle::settle(self, closing, hints, to);
    }
}

/// Returns the part of a session that a title begins.
fn phase(title: &str) -> Option<Phase> {
    Some(match title {
        "ERRORS" => Phase::Reports(Part::Errors),
        "FAILURES" => Phase::Reports(Part::Failures),
        "short test summary info" => Phase::Summary,
        "rerun test summary info" => Phase::Reruns,
        _ if OTHER_PARTS.iter().any(|words| title.starts_with(words)) => Phase::Reports(Part::Other),
        _ => return None,
    })
}
