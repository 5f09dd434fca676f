//! What cargo prints around libtest's blocks: which suite runs, whether it failed or died.
//!
//! Inside a block, lines of cargo's and headers of blocks may be something a test printed, or the block may have been cut
//! short. Both readings are followed: what would be true in the second is held back by a run inside the run, and dropped
//! when the block is closed after all. That a suite's process died is proof that its block is over.

use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::capture::{Allowance, Capture};
use crate::ingest::cargo_text::block::{Block, Heard};
use crate::ingest::cargo_text::closing::Closing;
use crate::ingest::cargo_text::rustc::Errors;
use crate::ingest::cargo_text::settle::{Results, settle};
use crate::ingest::cargo_text::{sections, status, suite};
use crate::ingest::source::Line;
use crate::ingest::{ABORTED, Hints, Owner, detail, pattern};
use crate::model::{Failure, Outcome, TestId};

/// Readings that are followed at once; a further block that is cut short is believed to be.
const DEPTH_MAX: usize = 4;

/// `running 3 tests`, of rustdoc also `running 1 merged doctest`.
static HEADER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^running (\d+) (?:merged )?(?:doc)?tests?$"));

/// What the runtime says of a thread, which is named after its test, before it ends the process.
static OVERFLOWN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^thread '(?P<thread>[^'\n]+)'(?: \(\d+\))? has overflowed its stack"));

/// Tests that are named of those that were running when their binary died.
const RUNNING_NAMED_MAX: usize = 10;

/// Says that a test binary died: how, where that is known, and what was running.
pub(in crate::ingest) fn died<'n>(how: &str, running: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<_> = running.take(RUNNING_NAMED_MAX).collect();
    let during = if names.is_empty() { String::new() } else { format!(" while running {}", names.join(", ")) };
    let how = if how.is_empty() { String::new() } else { format!(": {how}") };
    format!("the test binary died{during}{how}")
}

/// Returns the number of tests a header line announces.
pub(super) fn announced(line: &str) -> Option<u64> {
    line.strip_prefix("running ")?;
    HEADER.captures(line)?[1].parse().ok()
}

/// The suite whose output is being read.
#[derive(Debug)]
struct Suite {
    name: String,
    /// The file name of its binary, where a header names it.
    binary: Option<String>,
    n_red: usize,
    /// What it printed, but for its passed tests.
    output: Capture,
    /// Whether cargo said that it failed, and not yet how.
    has_failed: bool,
    /// Whether tests that its block announced are missing.
    is_cut: bool,
    /// Tests that had begun when its block was cut short, where that is told.
    running: Vec<String>,
}

/// One reading of a log.
#[derive(Debug)]
pub(super) struct Run {
    allowance: Allowance,
    output_bytes_max: usize,
    /// Whether a listener hears of each test by name.
    pub(super) is_heard: bool,
    suite: Suite,
    block: Option<Box<Block>>,
    /// What has happened since, if the block is over.
    inner: Option<Box<Run>>,
    /// The suite that was last found to have died without a word.
    aborted: Option<String>,
    /// Whether a header of cargo's named a suite.
    is_named: bool,
    results: Vec<Results>,
    /// How many red ones there were among them.
    n_red: usize,
    errors: Errors,
    /// Whether any test binary was started.
    has_started: bool,
}

impl Run {
    pub(super) fn new(hints: &Hints) -> Self {
        let allowance = Allowance::new(hints);
        let suite = Suite::new(hints.suite.clone().unwrap_or_default(), None, &allowance);
        Self {
            suite,
            allowance,
            output_bytes_max: hints.output_bytes_max,
            is_heard: false,
            block: None,
            inner: None,
            aborted: None,
            is_named: false,
            results: Vec::new(),
            n_red: 0,
            errors: Errors::new(hints.output_bytes_max),
            has_started: false,
        }
    }

    /// Begins the reading in which the open block is over.
    fn inside(&self) -> Self {
        Self {
            suite: Suite::new(self.suite.name.clone(), self.suite.binary.clone(), &self.allowance),
            allowance: self.allowance.clone(),
            is_named: false,
            block: None,
            inner: None,
            aborted: None,
            results: Vec::new(),
            n_red: 0,
            errors: Errors::new(self.output_bytes_max),
            ..*self
        }
    }

    /// Tells whether a block is open.
    pub(super) fn is_in_block(&self) -> bool {
        self.block.is_some()
    }

    /// Takes the results that are certain.
    pub(super) fn take_results(&mut self) -> Vec<Results> {
        std::mem::take(&mut self.results)
    }

    /// Takes what could not be compiled, one failure a target; `in_json` says that errors were told in JSON, too.
    pub(super) fn take_build_failures(&mut self, in_json: bool) -> Vec<Failure> {
        let errors = std::mem::replace(&mut self.errors, Errors::new(self.output_bytes_max));
        errors.into_failures(self.has_started, in_json)
    }

    /// Takes a line; tells whose it is.
    pub(super) fn line(&mut self, line: &Line<'_>) -> Owner {
        if self.inner.is_none() && self.block.as_mut().is_some_and(|block| block.pass(line.text)) {
            return Owner::This;
        }
        self.line_at(line, 0).1
    }

    /// Tells whether there are results that are certain.
    pub(super) fn has_results(&self) -> bool {
        !self.results.is_empty()
    }

    /// Takes a line in the reading at `depth`; tells what it was, if a block took it.
    fn line_at(&mut self, line: &Line<'_>, depth: usize) -> (Heard, Owner) {
        if self.block.is_none() {
            return (Heard::Text, self.line_between_blocks(line, depth));
        }
        if self.inner.is_none() && may_end_block(line.text) {
            let has_header = self.block.as_ref().is_some_and(|block| block.n_announced.is_some());
            if depth >= DEPTH_MAX || !has_header {
                self.give_up_block();
                return self.line_at(line, depth);
            }
            self.inner = Some(Box::new(self.inside()));
            self.block.iter_mut().for_each(|block| block.may_end(line.offset));
        }
        if self.proves_death(line.text) {
            self.give_up_block();
            return self.line_at(line, depth);
        }
        self.line_in_block(line, depth)
    }

    fn line_in_block(&mut self, line: &Line<'_>, depth: usize) -> (Heard, Owner) {
        let inner = self.inner.as_mut().map(|inner| inner.line_at(line, depth + 1).0);
        let beside_red = self.inner.as_ref().is_some_and(|inner| inner.has_red());
        let Some(block) = &mut self.block else { return (Heard::Text, Owner::Other) };
        let is_anothers = inner.is_some_and(|heard| heard != Heard::Text);
        let heard = block.line(line, is_anothers, beside_red);
        let owner = if heard != Heard::Text || block.owns_text() { Owner::This } else { Owner::Other };
        if let Heard::Closing(closing) = &heard {
            self.close_block(Some(closing.clone()));
        } else if heard == Heard::Text && self.inner.is_none() {
            self.suite.output.push_line(line.text);
        }
        if is_anothers { (Heard::Status, owner) } else { (heard, owner) }
    }

    fn line_between_blocks(&mut self, line: &Line<'_>, depth: usize) -> Owner {
        let text = line.text;
        if let Some(n_announced) = announced(text) {
            self.begin_block(Some(n_announced), line.offset, depth);
            self.suite.output.push_line(text);
            return Owner::This;
        }
        if let Some((name, binary)) = suite::of_header(text) {
            self.end_suite();
            self.suite = Suite::new(name, binary, &self.allowance);
            (self.has_started, self.is_named) = (true, true);
            // Other formats name their suites by these lines, too.
            return Owner::Other;
        }
        if suite::says_failed(text) {
            self.suite.has_failed = true;
            self.errors.end();
            return Owner::This;
        }
        if self.suite.has_failed
            && let Some((_, how)) = suite::process_end(text)
        {
            self.die(how);
            return Owner::This;
        }
        if depth == 0 && begins_without_header(text) {
            self.begin_block(None, line.offset, depth);
            return self.line_at(line, depth).1;
        }
        if !self.suite.has_failed {
            self.suite.output.push_line(text);
        }
        if self.errors.line(line) { Owner::This } else { Owner::Other }
    }

    fn begin_block(&mut self, n_announced: Option<u64>, offset: u64, depth: usize) {
        if self.suite.is_cut {
            self.end_suite();
        }
        self.errors.end();
        self.has_started = true;
        let mut block = Block::new(&self.suite.name, n_announced, offset, &self.allowance, self.is_heard);
        block.is_doubted = depth > 0;
        self.block = Some(Box::new(block));
    }

    /// Ends the block with its closing lines: what seemed to come after it was printed by its tests.
    fn close_block(&mut self, closing: Option<Closing>) {
        if let Some(block) = self.block.take() {
            self.take(settle(*block, closing, self.output_bytes_max));
        }
        let Some(inner) = self.inner.take() else { return };
        // A header whose block has not come yet: it was printed to another stream than the block.
        if self.is_named && inner.is_named && inner.results.is_empty() && inner.block.is_none() {
            self.suite = inner.suite;
        }
    }

    /// Ends the block as cut short: what seemed to come after it did.
    fn give_up_block(&mut self) {
        if let Some(mut block) = self.block.take() {
            self.suite.running = std::mem::take(&mut block.begun);
            self.take(settle(*block, None, self.output_bytes_max));
        }
        let Some(inner) = self.inner.take() else { return };
        let Self { suite, block, inner, results, errors, is_named, n_red, .. } = *inner;
        if is_named || block.is_some() || !results.is_empty() {
            self.end_suite();
        }
        if is_named {
            self.suite = suite;
        } else {
            self.suite.has_failed |= suite.has_failed;
            self.suite.n_red += suite.n_red;
        }
        self.is_named |= is_named;
        self.n_red += n_red;
        self.results.extend(results);
        self.errors.absorb(errors);
        (self.block, self.inner) = (block, inner);
    }

    fn take(&mut self, results: Results) {
        self.suite.n_red += results.failures.len();
        self.n_red += results.failures.len();
        self.suite.is_cut |= results.is_cut;
        self.results.push(results);
    }

    /// Tells whether a line says that the process died whose block is open.
    fn proves_death(&self, line: &str) -> bool {
        let Some(inner) = self.inner.as_ref().filter(|inner| inner.block.is_none() && !inner.is_named) else {
            return false;
        };
        let is_own = |(command, _): (&str, &str)| suite::runs(command, self.suite.binary.as_deref());
        inner.suite.has_failed && suite::process_end(line).is_some_and(is_own)
    }

    /// Follows what cargo says of a process that failed; one that died without a red test is a case of its own.
    fn die(&mut self, how: &str) {
        (self.suite.has_failed, self.suite.is_cut) = (false, false);
        if self.suite.n_red == 0 || how.starts_with("signal") {
            self.abort(how);
        }
    }

    /// Ends the suite; one whose block is cut short died, even where nobody says how.
    fn end_suite(&mut self) {
        self.errors.end();
        let is_cut = std::mem::take(&mut self.suite.is_cut);
        // Without headers, all binaries are one suite.
        if is_cut && self.aborted.as_deref() != Some(self.suite.name.as_str()) {
            self.aborted = Some(self.suite.name.clone());
            self.abort("");
        }
    }

    fn abort(&mut self, how: &str) {
        let output = std::mem::replace(&mut self.suite.output, self.allowance.capture()).into_text();
        let mut running = std::mem::take(&mut self.suite.running);
        let overflown = OVERFLOWN.captures(&output).map(|found| found["thread"].to_owned());
        running.extend(overflown.filter(|thread| !running.contains(thread)));
        let mut failure = Failure::bare(TestId::new(self.suite.name.as_str(), ABORTED));
        how.clone_into(&mut failure.kind);
        failure.message = died(how, running.iter().map(String::as_str));
        detail::set_output(&mut failure, &output, self.output_bytes_max);
        self.take(Results::of_failure(Outcome::Errored, failure));
    }

    fn has_red(&self) -> bool {
        self.n_red > 0
            || self.block.as_ref().is_some_and(|block| !block.failed.is_empty())
            || self.inner.as_ref().is_some_and(|inner| inner.has_red())
    }

    /// Ends the log.
    pub(super) fn end(&mut self) {
        while self.block.is_some() {
            self.give_up_block();
        }
        if self.suite.has_failed {
            self.end_suite();
        }
        self.errors.end();
    }
}

impl Suite {
    fn new(name: String, binary: Option<String>, allowance: &Allowance) -> Self {
        Self {
            name,
            binary,
            n_red: 0,
            output: allowance.capture(),
            has_failed: false,
            is_cut: false,
            running: Vec::new(),
        }
    }
}

/// Tells whether a line may be the first after a block that was cut short.
fn may_end_block(line: &str) -> bool {
    match line.as_bytes().first() {
        Some(b'r') => announced(line).is_some(),
        Some(b'e') => suite::says_failed(line),
        Some(b' ') => suite::of_header(line).is_some(),
        _ => false,
    }
}

/// Tells whether a line can only stand in a block: the header is missing where the beginning of a log is.
fn begins_without_header(line: &str) -> bool {
    match line.as_bytes().first() {
        Some(b't') => status::read(line).is_some(),
        Some(b'-') => sections::header(line).is_some(),
        Some(b'f') => line == "failures:",
        _ => false,
    }
}
