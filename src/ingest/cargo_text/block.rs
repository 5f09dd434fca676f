//! One libtest block: from `running N tests` to the result line that closes it.
//!
//! A test may print anything, so nothing is believed for its looks. The header says how many status lines follow;
//! failure sections are opened only by names those lines (or `--quiet`'s) gave as failed; and the block is closed only by a
//! result line whose numbers agree with the header and the status lines, under a list of exactly the failed names.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::cargo_text::suite;
use crate::ingest::pattern;
use crate::model::Outcome;

/// `running 3 tests`, of rustdoc also `running 1 merged doctest`.
static HEADER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^running (\d+) (?:merged )?(?:doc)?tests?$"));

/// How a status line ends: a word, with the time where `--report-time` is given, or a measurement.
static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:(?P<word>ok|FAILED|failed|ignored)(?:, .*)?(?: <[\d.]+s>)?(?: \(time limit exceeded\))?|bench: .*)$")
});

/// `test result: FAILED. 5 passed; 9 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.03s`
static RESULT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^test result: (ok|FAILED)\. (\d+) passed; (\d+) failed; (\d+) ignored; (\d+) measured; \d+ filtered out")
});

/// `---- tests::a stdout ----`
static SECTION: LazyLock<Regex> = LazyLock::new(|| pattern(r"^---- (?P<name>.+) (?P<stream>stdout|stderr) ----$"));

/// What a block says.
#[derive(Debug, Default)]
pub(super) struct Block<'t> {
    /// Number of tests its header announces.
    pub(super) n_announced: u64,
    /// Results with names, in order.
    pub(super) results: Vec<(&'t str, Outcome)>,
    /// Tests that passed without being named, as `--quiet` has them.
    pub(super) n_passed_unnamed: u64,
    /// Tests that were ignored without being named.
    pub(super) n_ignored_unnamed: u64,
    /// What failed tests printed: the line ranges of their sections.
    pub(super) sections: HashMap<&'t str, Vec<(usize, usize)>>,
    /// The line range from its header to the list of what failed: where output stands that was not captured.
    pub(super) body: (usize, usize),
    /// Whether its closing result line was found.
    pub(super) is_closed: bool,
    /// The line after it.
    pub(super) next: usize,
    /// Tests that began and whose end was not recognised, as under `--nocapture`.
    begun: Vec<&'t str>,
}

/// The end of a block.
struct Closing<'t> {
    /// The line where the list of failures, or the result, begins.
    start: usize,
    /// The line after the result.
    next: usize,
    passed: u64,
    failed: u64,
    ignored: u64,
    names: Vec<&'t str>,
}

/// Returns the number of tests a header line announces.
pub(super) fn announced(line: &str) -> Option<u64> {
    line.strip_prefix("running ")?;
    HEADER.captures(line)?[1].parse().ok()
}

/// Tells whether a line is cargo's own, about a next or a finished test binary.
pub(super) fn is_of_cargo(line: &str) -> bool {
    let said = ["error: test failed, to rerun pass", "error: doctest failed, to rerun pass", "error: bench failed"];
    said.iter().any(|words| line.starts_with(words)) || suite::of_header(line).is_some()
}

/// Reads the block whose header is line `header`. What it looks through in vain, it takes off `lines_left`, so that a log
/// of many open blocks is not looked through for each.
pub(super) fn read<'t>(lines: &[&'t str], header: usize, lines_left: &mut usize) -> Block<'t> {
    let n_announced = lines.get(header).and_then(|line| announced(line)).unwrap_or(0);
    let mut block = Block { n_announced, ..Block::default() };
    let after_status = block.read_status_lines(lines, header + 1);
    if let Some(closing) = block.closing(lines, after_status, lines_left) {
        block.settle(&closing);
        block.read_sections(lines, after_status, closing.start);
        (block.is_closed, block.next, block.body) = (true, closing.next, (header + 1, closing.start));
    } else {
        let ends = |line: &&str| is_of_cargo(line) || announced(line).is_some();
        block.next = lines[after_status..].iter().position(ends).map_or(lines.len(), |n| after_status + n);
        block.body = (header + 1, block.next);
        block.read_sections(lines, after_status, block.next);
    }
    block
}

impl<'t> Block<'t> {
    fn failed(&self) -> HashSet<&'t str> {
        self.results.iter().filter(|(_, outcome)| outcome.is_red()).map(|(name, _)| *name).collect()
    }

    fn is_complete(&self) -> bool {
        self.results.len() as u64 >= self.n_announced
    }

    fn count(&self, wanted: Outcome) -> u64 {
        self.results.iter().filter(|(_, outcome)| *outcome == wanted).count() as u64
    }

    /// Reads as many status lines as were announced, or all there are; returns the line after the last.
    fn read_status_lines(&mut self, lines: &[&'t str], start: usize) -> usize {
        for (at, line) in lines.iter().enumerate().skip(start) {
            if self.is_complete() {
                return at;
            }
            if let Some((name, outcome)) = status(line) {
                self.results.push((name, outcome));
            } else if let Some(name) = line.strip_suffix(" --- FAILED").filter(|name| !name.starts_with(' ')) {
                self.results.push((name, Outcome::Failed));
            } else if let Some(outcome) = outcome(line).filter(|_| !self.begun.is_empty()) {
                self.results.extend(self.begun.pop().map(|name| (name, outcome)));
            } else if let Some(name) = begun(line) {
                self.begun.push(name);
            } else if is_end_of_status(line) {
                return at;
            }
        }
        lines.len()
    }

    /// Finds the result line that closes the block, at or after line `from`.
    fn closing(&self, lines: &[&'t str], from: usize, lines_left: &mut usize) -> Option<Closing<'t>> {
        let failed = self.failed();
        let mut is_in_sections = false;
        for at in from..lines.len() {
            let line = lines[at];
            let closing = match line {
                "failures:" => list_and_result(lines, at),
                _ if line.starts_with("test result: ") => {
                    result(line).map(|closing| Closing { start: at, next: at + 1, ..closing })
                }
                _ => None,
            };
            if let Some(closing) = closing.filter(|closing| self.agrees(closing, &failed)) {
                return Some(closing);
            }
            // In the sections, what looks like cargo's own lines can be what a test printed.
            is_in_sections |= line == "failures:" || line == "successes:";
            let may_be_printed = is_in_sections && at - from < *lines_left;
            if !may_be_printed && (is_of_cargo(line) || announced(line).is_some()) {
                *lines_left = lines_left.saturating_sub(at - from);
                return None;
            }
        }
        *lines_left = lines_left.saturating_sub(lines.len() - from);
        None
    }

    /// Tells whether closing lines have the numbers that the header and the status lines have, and list what failed.
    fn agrees(&self, closing: &Closing<'t>, failed: &HashSet<&'t str>) -> bool {
        let total = closing.passed.checked_add(closing.failed).and_then(|sum| sum.checked_add(closing.ignored));
        if total != Some(self.n_announced) || closing.names.len() as u64 != closing.failed {
            return false;
        }
        let names: HashSet<_> = closing.names.iter().copied().collect();
        let is_counted = failed.len() == names.len() && self.count(Outcome::Skipped) == closing.ignored;
        failed.is_subset(&names) && (!self.is_complete() || is_counted)
    }

    /// Adds what the closing lines know beyond the status lines.
    fn settle(&mut self, closing: &Closing<'t>) {
        let (failed, listed) = (self.failed(), closing.names.iter().copied().collect::<HashSet<_>>());
        let unknown = closing.names.iter().filter(|name| !failed.contains(*name));
        self.results.extend(unknown.map(|name| (*name, Outcome::Failed)));
        let begun: Vec<_> = self.begun.drain(..).filter(|name| !listed.contains(name)).collect();
        let n_passed = self.count(Outcome::Passed);
        if n_passed + begun.len() as u64 == closing.passed {
            self.results.extend(begun.into_iter().map(|name| (name, Outcome::Passed)));
        }
        self.n_passed_unnamed = closing.passed.saturating_sub(self.count(Outcome::Passed));
        self.n_ignored_unnamed = closing.ignored.saturating_sub(self.count(Outcome::Skipped));
    }

    /// Reads the failure sections between two lines. Only a failed test has one, and only one a stream.
    fn read_sections(&mut self, lines: &[&'t str], start: usize, end: usize) {
        let failed = self.failed();
        let mut seen = HashSet::new();
        let mut current: Option<(&'t str, usize)> = None;
        for at in start..=end {
            let header = lines.get(at).filter(|_| at < end).and_then(|line| section(line));
            let opened = header.filter(|(name, stream)| failed.contains(name) && seen.insert((*name, *stream)));
            if opened.is_some() || at == end {
                if let Some((name, first)) = current.take() {
                    self.sections.entry(name).or_default().push((first, at));
                }
                current = opened.map(|(name, _)| (name, at + 1));
            }
        }
    }
}

/// Reads a status line: `test NAME ... ok`.
fn status(line: &str) -> Option<(&str, Outcome)> {
    let (name, word) = line.strip_prefix("test ")?.split_once(" ... ")?;
    Some((without_suffix(name), outcome(word)?))
}

/// Tells whether a line ends the output of a test: a whole status line, or the status alone.
pub(super) fn is_status(line: &str) -> bool {
    outcome(line).is_some() || status(line).is_some()
}

/// Returns the name in a line that begins as a status line does.
pub(super) fn begun(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("test ")?.split_once(" ... ")?;
    Some(without_suffix(name))
}

fn outcome(word: &str) -> Option<Outcome> {
    let found = STATUS.captures(word)?;
    Some(match found.name("word").map(|word| word.as_str()) {
        Some("FAILED" | "failed") => Outcome::Failed,
        Some("ignored") => Outcome::Skipped,
        _ => Outcome::Passed,
    })
}

/// Takes off what libtest shows after a name and does not filter by.
fn without_suffix(name: &str) -> &str {
    let suffixes = [" - should panic", " - compile fail", " - compile"];
    suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

fn is_end_of_status(line: &str) -> bool {
    line == "failures:" || line.starts_with("test result: ") || announced(line).is_some() || is_of_cargo(line)
}

fn section(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("---- ")?;
    let found = SECTION.captures(line)?;
    Some((found.name("name")?.as_str(), found.name("stream")?.as_str()))
}

/// Reads `failures:`, the indented names under it, a blank line and the result line.
fn list_and_result<'t>(lines: &[&'t str], start: usize) -> Option<Closing<'t>> {
    let names: Vec<_> = lines[start + 1..].iter().map_while(|line| line.strip_prefix("    ")).collect();
    let after = start + 1 + names.len();
    let (blank, line) = (lines.get(after)?, lines.get(after + 1)?);
    let closing = result(line).filter(|_| blank.is_empty() && !names.is_empty())?;
    Some(Closing { start, next: after + 2, names, ..closing })
}

fn result<'t>(line: &str) -> Option<Closing<'t>> {
    let found = RESULT.captures(line)?;
    let number = |n: usize| found[n].parse::<u64>().ok();
    let (passed, failed, ignored) = (number(2)?.checked_add(number(5)?)?, number(3)?, number(4)?);
    let is_ok = &found[1] == "ok";
    (is_ok == (failed == 0)).then(|| Closing { start: 0, next: 0, passed, failed, ignored, names: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, results: &[(&str, Outcome)], is_closed: bool) {
        let lines: Vec<_> = text.lines().collect();
        let block = read(&lines, 0, &mut lines.len());
        assert_eq!(block.results, results, "{block:#?}");
        assert_eq!(block.is_closed, is_closed, "{block:#?}");
    }

    #[test]
    fn status_lines_in_all_their_forms_give_names_without_suffixes() {
        let text = "running 7 tests\ntest a ... ok\ntest b - should panic ... FAILED\ntest c ... ignored, needs network, really\n\
            test d ... ok <0.004s>\ntest e ... bench:      1,234 ns/iter (+/- 56)\ntest src/lib.rs - f (line 3) - compile fail ... ok\n\
            test g ... ignored, wait ... ok\n\nfailures:\n\n---- b stdout ----\nx\n\nfailures:\n    b\n\n\
            test result: FAILED. 3 passed; 1 failed; 2 ignored; 1 measured; 0 filtered out; finished in 0.00s\n";
        let wanted = [
            ("a", Outcome::Passed),
            ("b", Outcome::Failed),
            ("c", Outcome::Skipped),
            ("d", Outcome::Passed),
            ("e", Outcome::Passed),
            ("src/lib.rs - f (line 3)", Outcome::Passed),
            ("g", Outcome::Skipped),
        ];
        check(text, &wanted, true);
    }

    #[test]
    fn a_result_line_that_a_test_prints_closes_nothing() {
        let text = "running 2 tests\ntest a ... FAILED\ntest b ... ok\n\nfailures:\n\n---- a stdout ----\ntest fake ... ok\n\nfailures:\n    \
            fake\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n\n---- b stdout ----\nrunning 9 tests\n\
            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\nfailures:\n    a\n\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        check(text, &[("a", Outcome::Failed), ("b", Outcome::Passed)], true);
    }

    #[test]
    fn a_killed_binary_leaves_its_block_open_and_the_next_one_whole() {
        let text = "running 3 tests\ntest a ... ok\nerror: test failed, to rerun pass `--lib`\n\nrunning 1 test\ntest z ... ok\n\n\
            test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        check(text, &[("a", Outcome::Passed)], false);
    }

    #[test]
    fn quiet_output_names_what_failed_and_counts_the_rest() {
        let text = "running 4 tests\na --- FAILED\nii 3/4\n.\nfailures:\n\n---- a stdout ----\nx\n\nfailures:\n    a\n\n\
            test result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let lines: Vec<_> = text.lines().collect();
        let block = read(&lines, 0, &mut lines.len());
        assert_eq!(block.results, [("a", Outcome::Failed)]);
        assert_eq!((block.n_passed_unnamed, block.n_ignored_unnamed, block.is_closed), (1, 2, true));
    }

    #[test]
    fn output_between_a_name_and_its_status_is_read_past() {
        let text = "running 3 tests\ntest a ... hello\nok\ntest b ... thread 'b' panicked at a.rs:1:2:\nx\nFAILED\ntest c ... gluedok\n\n\
            failures:\n\nfailures:\n    b\n\n\
            test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        check(text, &[("a", Outcome::Passed), ("b", Outcome::Failed), ("c", Outcome::Passed)], true);
    }
}
