//! The results of one task that runs tests.
//!
//! Whatever a test prints or throws is indented, so a line of a test at the margin is Gradle's own. A test that fails and
//! later passes was tried again; the counts at the task's end say how many failed at all.

use std::collections::HashMap;

use crate::ingest::gradle::line::{self, Counts, Named, Word};
use crate::ingest::recorder::Recorder;
use crate::ingest::{Hints, UNNAMED, detail, jvm, trace};
use crate::model::{FailedAttempt, Failure, FlakyPass, Outcome, TestId};
use crate::text::cap::HeadAndTail;

/// Failures of one task that are kept, and those without a name.
const FAILURES_MAX: usize = 100_000;
const UNNAMED_MAX: usize = 1000;

/// Attempts of one test that are kept.
const ATTEMPTS_MAX: usize = 100;

/// Bytes of output kept of a failure once all together have what they may have.
const SHORT_BYTES_MAX: usize = 1 << 10;

/// Lines of others, at the margin, within the text of a failure.
const INTERRUPTION_MAX: usize = 20;

/// A test that failed.
#[derive(Debug)]
struct Block {
    name: String,
    text: HeadAndTail,
    n_bytes: usize,
    /// What it printed before.
    output: String,
    range: (u64, u64),
    attempts: Vec<FailedAttempt>,
    has_passed: bool,
}

/// Whose text follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Failure(usize),
    Output,
}

/// The results since the latest task began.
#[derive(Debug)]
pub(super) struct Results {
    blocks: Vec<Block>,
    by_name: HashMap<String, usize>,
    open: Open,
    n_interrupting: usize,
    /// What the latest test printed.
    output: Option<(String, HeadAndTail)>,
    n_failed: u64,
    n_passed: u64,
    n_skipped: u64,
    counts: Option<Counts>,
    end: u64,
    output_bytes_max: usize,
    bytes_left: usize,
}

impl Results {
    pub(super) fn new(hints: &Hints) -> Self {
        Self {
            blocks: Vec::new(),
            by_name: HashMap::new(),
            open: Open::Nothing,
            n_interrupting: 0,
            output: None,
            n_failed: 0,
            n_passed: 0,
            n_skipped: 0,
            counts: None,
            end: 0,
            output_bytes_max: hints.output_bytes_max,
            bytes_left: hints.outputs_bytes_max,
        }
    }

    /// Takes a line; tells whether it is of a test.
    pub(super) fn line(&mut self, text: &str, offset: u64, to: &mut Recorder) -> bool {
        let end = offset + text.len() as u64;
        if let Some((name, word)) = line::test(text) {
            self.end = end;
            match word {
                Word::Output => self.open_output(name),
                Word::Ended(Outcome::Failed | Outcome::Errored) => self.fail(name, (offset, end), to),
                Word::Ended(outcome) => self.tally(name, outcome, to),
            }
            return true;
        }
        if let Some(counts) = line::counts(text) {
            (self.counts, self.end, self.open) = (Some(counts), end, Open::Nothing);
            return true;
        }
        self.text(text, end)
    }

    fn open_output(&mut self, name: &str) {
        self.open = Open::Output;
        if self.output.as_ref().is_none_or(|(of, _)| of != name) {
            self.output = Some((name.to_owned(), HeadAndTail::new(self.output_bytes_max)));
        }
    }

    fn fail(&mut self, name: &str, range: (u64, u64), to: &mut Recorder) {
        self.n_failed += 1;
        let output = self.output.take().filter(|(of, _)| of == name).map(|(_, text)| text.into_text());
        let is_short = self.bytes_left == 0;
        let bytes_max = if is_short { SHORT_BYTES_MAX.min(self.output_bytes_max) } else { self.output_bytes_max };
        let text = HeadAndTail::new(bytes_max);
        if let Some(&at) = self.by_name.get(name) {
            let before = &mut self.blocks[at];
            let told = std::mem::replace(&mut before.text, text).into_text();
            let mut failure = Failure::bare(TestId::new("", ""));
            fill(&mut failure, &told, "");
            if before.attempts.len() < ATTEMPTS_MAX {
                before.attempts.push(FailedAttempt { kind: failure.kind, message: failure.message, output: told });
            }
            (before.range.1, before.has_passed) = (range.1, false);
            self.open = Open::Failure(at);
            return;
        }
        if self.blocks.len() >= FAILURES_MAX {
            self.open = Open::Nothing;
            return to.complain(range.0, "there are more failures than can be kept");
        }
        self.by_name.insert(name.to_owned(), self.blocks.len());
        self.open = Open::Failure(self.blocks.len());
        let (attempts, has_passed, n_bytes) = (Vec::new(), false, 0);
        let (name, output) = (name.to_owned(), output.unwrap_or_default());
        self.blocks.push(Block { name, text, n_bytes, output, range, attempts, has_passed });
    }

    fn tally(&mut self, name: &str, outcome: Outcome, to: &mut Recorder) {
        self.open = Open::Nothing;
        self.output = None;
        if outcome == Outcome::Passed
            && !self.by_name.is_empty()
            && let Some(&at) = self.by_name.get(name)
        {
            self.blocks[at].has_passed = true;
            return;
        }
        match outcome {
            Outcome::Skipped => self.n_skipped += 1,
            _ => self.n_passed += 1,
        }
        // Most names have two parts.
        let is_plain = |(class, rest): &(&str, &str)| !class.starts_with("Gradle Test ") && !rest.contains(" > ");
        if let Some((class, method)) = name.split_once(" > ").filter(is_plain) {
            to.tally(class, method, outcome);
        } else {
            let named = line::named(name);
            to.tally(&named.classes.join("$"), named.name, outcome);
        }
    }

    /// Takes the text of a failure or of output: it is indented.
    fn text(&mut self, text: &str, end: u64) -> bool {
        if self.open == Open::Nothing {
            return false;
        }
        let indented = text.strip_prefix("    ").or(text.strip_prefix('\t'));
        if indented.is_none() && !text.is_empty() {
            // Something else printed at the same time.
            self.n_interrupting += 1;
            if self.n_interrupting > INTERRUPTION_MAX {
                self.open = Open::Nothing;
            }
            return false;
        }
        if text.is_empty() && self.n_interrupting > 0 {
            self.open = Open::Nothing;
            return true;
        }
        self.n_interrupting = 0;
        let text = indented.unwrap_or_default();
        match (self.open, &mut self.output) {
            (Open::Failure(at), _) => {
                let block = &mut self.blocks[at];
                block.text.push_line(text);
                block.n_bytes += text.len() + 1;
                block.range.1 = end;
                self.bytes_left = self.bytes_left.saturating_sub(text.len() + 1);
            }
            (_, Some((_, output))) => output.push_line(text),
            _ => {}
        }
        true
    }

    /// Makes results of all there is, and begins anew.
    pub(super) fn settle(&mut self, hints: &Hints, to: &mut Recorder) {
        let bytes_left = self.bytes_left;
        let Self { blocks, n_failed, n_passed, n_skipped, counts, end, .. } =
            std::mem::replace(self, Self { bytes_left, ..Self::new(hints) });
        let n_flaky = blocks.iter().filter(|block| block.has_passed).count() as u64;
        let has_red = blocks.iter().any(|block| !block.has_passed);
        for block in blocks {
            block.report(hints, to);
        }
        let Some(counts) = counts else {
            if has_red {
                to.complain(end, "the tests that failed are not counted; the log was cut short or its output is");
            }
            return;
        };
        let n_missing = usize::try_from(counts.failed.saturating_sub(n_failed)).unwrap_or(usize::MAX);
        for _ in 0..n_missing.min(UNNAMED_MAX) {
            to.fail(Outcome::Failed, Failure::bare(TestId::new("", UNNAMED)));
        }
        if n_missing > UNNAMED_MAX {
            to.complain(end, format!("{} tests are counted as failed, and {n_failed} are listed", counts.failed));
        }
        let n_others = counts.failed.saturating_add(counts.skipped.max(n_skipped));
        let passed = counts.tests.saturating_sub(n_others).saturating_sub(n_passed).saturating_sub(n_flaky);
        to.count_unnamed(Outcome::Passed, passed);
        to.count_unnamed(Outcome::Skipped, counts.skipped.saturating_sub(n_skipped));
    }
}

impl Block {
    fn report(self, hints: &Hints, to: &mut Recorder) {
        let text = self.text.into_text();
        let Named { classes, name } = line::named(&self.name);
        let suite = suite(&classes, name, &text);
        let id = TestId::new(suite.as_str(), if name.is_empty() { UNNAMED } else { name });
        let mut failure = Failure::bare(id);
        fill(&mut failure, &text, &suite);
        let output = if self.output.is_empty() { text } else { format!("{}\n{}", text.trim_end(), self.output) };
        detail::set_output(&mut failure, &output, hints.output_bytes_max);
        failure.attempts = self.attempts;
        failure.source = Some(self.range);
        if !self.has_passed {
            return to.fail(Outcome::Failed, failure);
        }
        let Failure { id, mut attempts, kind, message, output, .. } = failure;
        attempts.push(FailedAttempt { kind, message, output });
        to.pass_flaky(FlakyPass { id, attempts });
    }
}

/// Returns the class of a test: since version 7 only its simple name is displayed, and its trace has the package.
fn suite(classes: &[&str], name: &str, text: &str) -> String {
    let Some((outer, inner)) = classes.split_first() else { return String::new() };
    let method = name.split(['(', '[']).next().unwrap_or(name);
    let outer = if outer.contains('.') { Some(*outer) } else { jvm::class_with_name(text, outer) }.unwrap_or(outer);
    let displayed = [&[outer], inner].concat().join("$");
    jvm::class_in_trace(text, outer, method).map_or(displayed, str::to_owned)
}

/// Fills in the text of a failure: a trace, or without `exceptionFormat = 'full'` only types and places.
fn fill(failure: &mut Failure, text: &str, suite: &str) {
    let first = text.lines().next().unwrap_or_default();
    let short = || {
        let (kind, place) = first.split_once(" at ")?;
        let (file, line) = place.trim_end().rsplit_once(':')?;
        let is_short = !kind.contains([' ', ':']) && kind.contains('.') && !file.contains(['(', ' ']);
        let package = suite.rsplit_once('.').map_or("", |(package, _)| package).replace('.', "/");
        let file = if package.is_empty() { file.to_owned() } else { format!("{package}/{file}") };
        is_short.then(|| trace::place(&file, line, None)).flatten().map(|location| (kind, location))
    };
    let Some((kind, location)) = short() else { return jvm::fill(failure, text) };
    kind.clone_into(&mut failure.kind);
    kind.clone_into(&mut failure.message);
    failure.location = Some(location);
}
