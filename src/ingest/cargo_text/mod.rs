//! What `cargo test` prints: compile errors, libtest's blocks of results, and cargo's own words around them.
//!
//! The reader believes headers, not looks: see `block`. Of a target that cargo did not come to run, nothing is known, so
//! nothing is reported.
//!
//! # Suites
//!
//! The log seldom names packages, so suites are named by what it does print, always the same way:
//!
//! | line of the log | suite |
//! |---|---|
//! | `Running unittests src/lib.rs (…/alpha-HASH)`, also without a file | `alpha` |
//! | `Running unittests src/main.rs (…/tool-HASH)`, also `src/bin/…` | `bin/tool` |
//! | `Running unittests examples/e.rs (…/e-HASH)` | `example/e` |
//! | `Running benches/b.rs (…/b-HASH)`, also with `unittests` | `bench/b` |
//! | `Running tests/integ.rs (…/integ-HASH)` | `integ` |
//! | `Doc-tests alpha` | `alpha::doc` |
//! | none before the results, as in standard output alone | [`Hints::suite`], else empty |
//!
//! Names are those of crates, so a `-` is a `_`. What could not be compiled is the pseudo-test [`TestId::build`] of the suite
//! that would have run, or of the empty suite when cargo failed before it came to any target. A binary that died is the
//! errored case `[aborted]` of its suite; the tests it had not reported until then are absent. Lines of
//! `--message-format=json` among the text are read by [`cargo_json`], which knows packages: its suites are spelt as
//! nextest does.

mod block;
mod rustc;
pub(super) mod suite;
mod uncaptured;

use std::collections::HashMap;
use std::sync::LazyLock;

use memchr::memmem;
use regex::Regex;

use crate::ingest::cargo_text::block::Block;
use crate::ingest::cargo_text::rustc::Errors;
use crate::ingest::recorder::Recorder;
use crate::ingest::{ABORTED, Collected, Format, Hints, Likeness, Reader, cargo_json, detail, offset_in, pattern};
use crate::model::{Failure, Outcome, TestCase, TestId};
use crate::text::ansi;

/// The text log of `cargo test`, or of one libtest binary.
pub(super) struct CargoText;

/// How many times over a log may be looked through for the ends of blocks that have none.
const LINES_AGAIN_MAX: usize = 32;

/// `  process didn't exit successfully: `…` (signal: 6, SIGABRT: process abort signal)`
static PROCESS_ENDED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^ *process didn't exit successfully: `[^`]*` \((?P<how>.+)\)$"));

/// What only cargo or rustc says when there is not even a test binary.
static BUILD_FAILED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^error(?:\[E\d{4}\]: |: (?:could not compile `|failed to (?:parse|load|select|get|run custom|resolve|read)|no matching package|no test target named|could not find `Cargo.toml`))",
    )
});

impl Format for CargoText {
    fn name(&self) -> &'static str {
        "cargo-test"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let text = ansi::strip(text);
        let has = |words: &str| memmem::find(text.as_bytes(), words.as_bytes()).is_some();
        let header = memmem::find_iter(text.as_bytes(), "running ")
            .filter(|&at| at == 0 || text.as_bytes()[at - 1] == b'\n')
            .any(|at| block::announced(text[at..].lines().next().unwrap_or_default()).is_some());
        if header && (has("\ntest result: ") || has("\ntest ") || has(" --- FAILED")) {
            return Ok(Likeness::Certain);
        }
        let is_likely =
            header || has("     Running unittests") || has("   Doc-tests ") || has("{\"reason\":\"compiler-");
        if is_likely || BUILD_FAILED.is_match(&text) {
            return Ok(Likeness::Likely);
        }
        Err("there is no line like `running 3 tests` and no compile error")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Collected::reader(hints, read)
    }
}

fn read(text: &str, hints: &Hints, reading: &mut Recorder) {
    let text = ansi::strip(text);
    let lines: Vec<_> = text.lines().collect();
    let suite = hints.suite.clone().unwrap_or_default();
    let lines_left = lines.len().saturating_mul(LINES_AGAIN_MAX);
    let (since, n_red, failed_at, ran) = (0, 0, None, false);
    let mut walk = Walk { text: &text, lines: &lines, hints, reading, suite, since, n_red, failed_at, ran, lines_left };
    walk.run();
}

struct Walk<'t, 'r> {
    text: &'t str,
    lines: &'r [&'t str],
    hints: &'r Hints,
    reading: &'r mut Recorder,
    /// The suite whose output is being read, the line where it began, and its red cases so far.
    suite: String,
    since: usize,
    n_red: usize,
    /// The line where cargo said that a test binary failed, until it says how.
    failed_at: Option<usize>,
    /// Whether any test binary was started.
    ran: bool,
    /// Lines that may yet be looked through for the ends of blocks that have none.
    lines_left: usize,
}

impl<'t> Walk<'t, '_> {
    fn run(&mut self) {
        let mut errors = Errors::default();
        let mut json = String::new();
        let mut at = 0;
        while let Some(&line) = self.lines.get(at) {
            at = if block::announced(line).is_some() {
                self.block(at)
            } else if let Some(suite) = suite::of_header(line) {
                self.enter(suite, at + 1)
            } else if line.starts_with("{\"reason\":") {
                json.push_str(line);
                json.push('\n');
                at + 1
            } else {
                self.cargo_line(line, at);
                errors.read(self.lines, at, |start, end| self.text_of(start, end)).unwrap_or(at + 1)
            };
        }
        let output_bytes_max = self.hints.output_bytes_max;
        let in_json = cargo_json::failures(&cargo_json::read_build(json.as_bytes()), output_bytes_max);
        let rest_of = |piece: &'t str| &self.text[offset_in(self.text, piece)..];
        let nothing_ran = !self.ran && in_json.is_empty();
        let in_text = errors.into_failures(nothing_ran.then_some(rest_of), output_bytes_max);
        for failure in in_json.into_iter().chain(in_text) {
            self.reading.fail(Outcome::Errored, failure);
        }
    }

    /// Returns the text of a range of lines.
    fn text_of(&self, start: usize, end: usize) -> &'t str {
        let Some((first, last)) = self.lines.get(start).zip(self.lines.get(end.wrapping_sub(1))) else { return "" };
        let range = offset_in(self.text, first)..offset_in(self.text, last) + last.len();
        self.text.get(range).unwrap_or_default()
    }

    fn enter(&mut self, suite: String, since: usize) -> usize {
        (self.suite, self.since, self.n_red, self.ran, self.failed_at) = (suite, since, 0, true, None);
        since
    }

    fn block(&mut self, header: usize) -> usize {
        self.ran = true;
        let block = block::read(self.lines, header, &mut self.lines_left);
        let uncaptured = self.uncaptured(&block);
        for &(name, outcome) in &block.results {
            let id = TestId::new(self.suite.as_str(), name);
            let failure = outcome.is_red().then(|| self.failure(id.clone(), &block, &uncaptured));
            self.n_red += usize::from(failure.is_some());
            self.reading.record(TestCase { id, outcome, duration: None, failure });
        }
        self.reading.count_unnamed(Outcome::Passed, block.n_passed_unnamed);
        self.reading.count_unnamed(Outcome::Skipped, block.n_ignored_unnamed);
        if !block.is_closed {
            let of = if self.suite.is_empty() { String::new() } else { format!(" of {}", self.suite) };
            let (n_announced, n_results) = (block.n_announced, block.results.len());
            let reason = format!(
                "the results{of} are cut short: {n_announced} tests announced, {n_results} reported, no closing line"
            );
            self.reading.complain(offset_in(self.text, self.lines[header]) as u64, reason);
        }
        block.next
    }

    /// Finds the output of failed tests that was not captured, if any failed without a captured panic.
    fn uncaptured(&self, block: &Block<'t>) -> HashMap<&'t str, (usize, usize)> {
        let is_unexplained = |name: &str| !self.captured(name, block).contains("panicked at ");
        let (start, end) = block.body;
        if block.results.iter().any(|(name, outcome)| outcome.is_red() && is_unexplained(name)) {
            return uncaptured::regions(self.lines, start, end);
        }
        HashMap::new()
    }

    /// Returns what a test printed, as its failure sections have it.
    fn captured(&self, name: &str, block: &Block<'t>) -> String {
        let sections = block.sections.get(name).into_iter().flatten();
        sections.map(|&(start, end)| self.text_of(start, end)).collect::<Vec<_>>().join("\n")
    }

    fn failure(&self, id: TestId, block: &Block<'t>, uncaptured: &HashMap<&str, (usize, usize)>) -> Failure {
        let mut text = self.captured(&id.name, block);
        if let Some(&(start, end)) = uncaptured.get(id.name.as_str()).filter(|_| !text.contains("panicked at ")) {
            let region = self.text_of(start, end);
            let output =
                block::begun(region).and_then(|_| region.split_once(" ... ")).map_or(region, |(_, output)| output);
            text = format!("{output}\n{text}");
        }
        let mut failure = Failure::bare(id);
        detail::fill(&mut failure, &[&text]);
        detail::set_output(&mut failure, &text, self.hints.output_bytes_max);
        failure
    }

    /// Follows what cargo says of a test binary that failed; one that died without a red test is a case of its own.
    fn cargo_line(&mut self, line: &str, at: usize) {
        if block::is_of_cargo(line) {
            self.failed_at = Some(at);
        } else if let Some((failed_at, found)) = self.failed_at.zip(PROCESS_ENDED.captures(line)) {
            let how = &found["how"];
            if self.n_red == 0 || how.starts_with("signal") {
                self.aborted(how, failed_at);
            }
            self.failed_at = None;
        }
    }

    fn aborted(&mut self, how: &str, failed_at: usize) {
        let mut failure = Failure::bare(TestId::new(self.suite.as_str(), ABORTED));
        let output = self.text_of(self.since, failed_at);
        how.clone_into(&mut failure.kind);
        failure.message = format!("the test binary died: {how}");
        detail::set_output(&mut failure, output, self.hints.output_bytes_max);
        self.reading.fail(Outcome::Errored, failure);
    }
}

#[cfg(test)]
mod tests;
