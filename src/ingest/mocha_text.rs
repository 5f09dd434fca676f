//! What mocha's `spec` reporter prints, and others do at their end: numbers, and what failed, by number.
//!
//! Ids are those of `mocha_json`: the titles around a test, joined with spaces, are its suite. What failed is believed only
//! below the numbers, and only in their order. Tests that passed are named where the list above has as many as the numbers
//! say; else they are counted.

use std::sync::LazyLock;

use memchr::memmem;
use regex::Regex;

use crate::ingest::json::NAME_BYTES_MAX;
use crate::ingest::pending::Pending;
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader, pattern, thrown};
use crate::model::{Failure, Outcome, TestId};
use crate::text::cap::HeadAndTail;

/// The text of mocha.
pub(super) struct MochaText;

/// `  7 passing (120ms)` and the lines below.
static NUMBERS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^  (?P<n>\d+) (?P<what>passing|pending|failing)(?: \([\d.]+(?:ms|s|m|h)\))?$"));

/// How long a test took, behind its title.
static DURATION: LazyLock<Regex> = LazyLock::new(|| pattern(r" \(\d+ms\)$"));

/// Suites inside one another whose titles are kept.
const DEPTH_MAX: usize = 100;

/// Lines that the titles of one failure may have.
const TITLES_MAX: usize = 200;

impl Format for MochaText {
    fn name(&self) -> &'static str {
        "mocha-text"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let holds = |word: &str| memmem::find(text.as_bytes(), word.as_bytes()).is_some();
        let is_summed =
            holds(" passing (") && text.lines().any(|line| number(line).is_some_and(|(_, what)| what == "passing"));
        let is_listed = || holds("\n  1) ") || holds("✔ ") || holds("✓ ");
        match is_summed {
            true if is_listed() => Ok(Likeness::Certain),
            true => Ok(Likeness::Likely),
            false => Err("there is no line like `  3 passing (12ms)`"),
        }
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Text::new(hints)))
    }
}

/// Reads a line that counts: how many, and what.
fn number(line: &str) -> Option<(u64, &'static str)> {
    if !line.as_bytes().get(2).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let found = NUMBERS.captures(line.trim_end())?;
    let what = ["passing", "pending", "failing"].into_iter().find(|what| *what == &found["what"])?;
    Some((found["n"].parse().ok()?, what))
}

/// One failure: its titles, then its error.
struct Block {
    titles: Vec<String>,
    has_titles: bool,
    text: HeadAndTail,
    /// Whether a frame was printed, after which the last error of a run ends.
    has_frames: bool,
    start: u64,
}

struct Text {
    hints: Hints,
    /// Titles of the suites that are open in the list of all tests, each at its depth.
    suites: Vec<String>,
    /// Tests that passed, and that did not run, by the list.
    listed: [Listed; 2],
    block: Option<Block>,
    /// The number of the failure that comes next, once there are numbers.
    next: Option<u64>,
    /// Whether the latest line was a number.
    is_in_numbers: bool,
    n_failing: u64,
    /// Where the line before the current one ended.
    end: u64,
}

/// Tests of one outcome by the list.
struct Listed {
    names: Pending,
    n: u64,
}

/// What stands between suite and name where both are kept as one.
const BETWEEN: char = '\0';

impl Listed {
    fn new(hints: &Hints) -> Self {
        Self { names: Pending::new(hints), n: 0 }
    }

    fn add(&mut self, suites: &[String], title: &str) {
        self.n += 1;
        self.names.tally(&format!("{}{BETWEEN}{title}", suites.join(" ")), Outcome::Passed);
    }

    /// Records as many tests as there are, by their names if the list has as many.
    fn settle(&mut self, n: u64, outcome: Outcome, hints: &Hints, to: &mut Recorder) {
        let listed = std::mem::replace(self, Self::new(hints));
        if listed.n != n {
            return to.count_unnamed(outcome, n);
        }
        let n_unnamed = listed.names.take(|id| {
            let (suite, name) = id.split_once(BETWEEN).unwrap_or(("", id));
            to.tally(suite, name, outcome);
        });
        to.count_unnamed(outcome, n_unnamed);
    }
}

impl Lines for Text {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        let was_in_numbers = std::mem::take(&mut self.is_in_numbers);
        match number(line.text) {
            Some((n, "passing")) => self.begin(n, to),
            Some((n, "pending")) if was_in_numbers => {
                self.listed[1].settle(n, Outcome::Skipped, &self.hints, to);
                self.is_in_numbers = true;
            }
            Some((n, "failing")) if was_in_numbers => {
                (self.n_failing, self.is_in_numbers) = (n, true);
            }
            _ if self.next.is_some() => self.content(line, to),
            _ => self.list(line.text),
        }
        self.end = line.offset + line.text.len() as u64;
        if self.next.is_some() { Owner::This } else { Owner::Other }
    }

    fn end(&mut self, to: &mut Recorder) {
        if self.next.is_none() && self.listed.iter().any(|listed| listed.n > 0) {
            to.complain(self.end, "there are no numbers at the end; the run was cut short or its output is");
        }
        self.conclude(to);
    }
}

impl Text {
    fn new(hints: &Hints) -> Self {
        Self {
            hints: hints.clone(),
            suites: Vec::new(),
            listed: [Listed::new(hints), Listed::new(hints)],
            block: None,
            next: None,
            is_in_numbers: false,
            n_failing: 0,
            end: 0,
        }
    }

    /// Takes a line of the list of all tests, where titles of suites stand above what they hold.
    fn list(&mut self, text: &str) {
        let title = text.trim_start_matches(' ');
        let depth = text.len() - title.len();
        let level = (depth / 2).saturating_sub(1);
        if title.is_empty() || depth < 2 || !depth.is_multiple_of(2) || level > self.suites.len().min(DEPTH_MAX) {
            return;
        }
        self.suites.truncate(level);
        let is_failure = title.split_once(") ").is_some_and(|(n, _)| n.bytes().all(|byte| byte.is_ascii_digit()));
        let passed = ["✔ ", "✓ ", "√ "].iter().find_map(|sign| title.strip_prefix(sign));
        if let Some(title) = passed {
            let title = DURATION.find(title).map_or(title, |time| &title[..time.start()]);
            self.listed[0].add(&self.suites, title);
        } else if let Some(title) = title.strip_prefix("- ") {
            self.listed[1].add(&self.suites, title);
        } else if !is_failure {
            self.suites.push(title.trim_end().to_owned());
        }
    }

    /// Begins the numbers of a run.
    fn begin(&mut self, n_passing: u64, to: &mut Recorder) {
        if self.next.is_some() {
            self.conclude(to);
        }
        self.listed[0].settle(n_passing, Outcome::Passed, &self.hints, to);
        (self.next, self.is_in_numbers) = (Some(1), true);
    }

    /// Takes a line below the numbers.
    fn content(&mut self, line: &Line<'_>, to: &mut Recorder) {
        let next = self.next.unwrap_or(1);
        if next <= self.n_failing
            && let Some(title) = heading(line.text, next)
        {
            self.end_block(to);
            let text = HeadAndTail::new(self.hints.output_bytes_max);
            let titles = vec![title.to_owned()];
            self.block = Some(Block { titles, has_titles: true, text, has_frames: false, start: line.offset });
            self.next = Some(next + 1);
            return;
        }
        let is_last = next > self.n_failing;
        let is_outside = !line.text.is_empty() && !line.text.starts_with(' ');
        match &mut self.block {
            Some(block) if is_last && block.has_frames && is_outside => self.conclude(to),
            Some(block) => block.line(line.text),
            None if is_last && is_outside => self.conclude(to),
            None => {}
        }
    }

    fn end_block(&mut self, to: &mut Recorder) {
        let Some(Block { mut titles, text, start, .. }) = self.block.take() else { return };
        let name = titles.pop().unwrap_or_default();
        let name = name.strip_suffix(':').unwrap_or(&name);
        let mut failure = Failure::bare(TestId::new(titles.join(" "), name));
        let text = text.into_text();
        let (said, difference) = text.split_once("\n      + expected - actual\n").unwrap_or((&text, ""));
        if let Some((actual, expected)) = values(difference) {
            (failure.actual, failure.expected) = (Some(actual.to_owned()), Some(expected.to_owned()));
        }
        thrown::say(&mut failure, thrown::before_code(said.trim_start()));
        thrown::fill(&mut failure, &[text], "", self.hints.output_bytes_max);
        failure.source = Some((start, self.end));
        to.fail(Outcome::Failed, failure);
    }

    /// Ends a run.
    fn conclude(&mut self, to: &mut Recorder) {
        self.end_block(to);
        let n_told = self.next.take().map_or(0, |next| next - 1);
        let n_failing = std::mem::take(&mut self.n_failing);
        if n_told != n_failing {
            to.complain(self.end, format!("the numbers count {n_failing} tests that failed, and {n_told} are told of"));
        }
        self.suites.clear();
        self.listed = [Listed::new(&self.hints), Listed::new(&self.hints)];
    }
}

/// Returns the first title of the failure with this number: `  2) cart`.
fn heading(line: &str, n: u64) -> Option<&str> {
    let (number, title) = line.strip_prefix("  ")?.split_once(") ")?;
    (number.parse() == Ok(n)).then_some(title)
}

impl Block {
    fn line(&mut self, line: &str) {
        let n_titles = self.titles.len();
        let title = line.trim_start_matches(' ');
        let is_nested = line.len() - title.len() == 5 + 2 * n_titles;
        match self.titles.last_mut() {
            Some(_) if self.has_titles && is_nested && n_titles < TITLES_MAX => self.titles.push(title.to_owned()),
            // A title may have several lines.
            Some(last) if self.has_titles && !last.ends_with(':') && last.len() < NAME_BYTES_MAX => {
                last.push('\n');
                last.push_str(line);
            }
            _ => {
                self.has_titles = false;
                self.text(line);
            }
        }
    }

    fn text(&mut self, line: &str) {
        self.has_frames |= line.trim_start().starts_with("at ");
        self.text.push_line(line);
    }
}

/// Returns the two values of a difference of one line each, the actual first.
fn values(difference: &str) -> Option<(&str, &str)> {
    let mut lines = difference.lines().map(str::trim_start).take_while(|line| !line.starts_with("at "));
    let mut next = || lines.by_ref().find(|line| !line.is_empty());
    let (actual, expected) = (next()?.strip_prefix('-')?, next()?.strip_prefix('+')?);
    next().is_none().then_some((actual, expected))
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    fn check(log: &str, ids: &[&str], counts: (u64, u64), complaints: &[&str]) -> Reading {
        let reading = read_as("mocha-text", log.as_bytes(), &Hints::default()).unwrap();
        let found: Vec<_> = reading.report.failures.iter().map(|failure| failure.id.to_string()).collect();
        let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
        let n = reading.report.counts;
        assert_eq!((found, (n.passed, n.skipped)), (ids.iter().map(ToString::to_string).collect(), counts), "{log}");
        assert_eq!(reasons, complaints, "{log}");
        reading
    }

    const LIST: &str = "\n  ✔ top\n  cart\n    ✓ adds (53ms)\n    1) sums\n    deep\n      - waits\n";
    const FAILING: &str = "  1) cart\n       deep\n         sums:\n\n      AssertionError: no\n      + expected - actual\n\n      -4\n      +3\n      \n      at f (test/a.js:3:9)\n\n  2) top:\n     TypeError: not\nof more lines\n      at g (b.js:1:2)\n";

    #[test]
    fn the_numbers_tell_whether_the_list_is_true() {
        let log = format!("{LIST}\n\n  2 passing (5ms)\n  1 pending\n\n");
        let reading = check(&log, &[], (2, 1), &[]);
        assert_eq!(reading.report.outcome(&TestId::new("cart", "adds")), Some(Outcome::Passed));
        assert_eq!(reading.report.outcome(&TestId::new("cart deep", "waits")), Some(Outcome::Skipped));
        let reading = check(&log.replace("\n  cart", "\n  ✓ printed\n  cart"), &[], (2, 1), &[]);
        assert_eq!(reading.report.outcome(&TestId::new("cart", "adds")), None);
        let cut = "there are no numbers at the end; the run was cut short or its output is";
        check(&format!("{log}npm run next\n{LIST}"), &[], (2, 1), &[cut]);
    }

    #[test]
    fn failures_stand_below_the_numbers_in_their_order() {
        let log = format!(
            "  1) fake:\n  9 failing\n  1) fake:\n  0 passing (5ms)\n  2 failing\n\n{FAILING}\n\nnpm ERR! 1) cart\n  3) npm:\n"
        );
        let failures = check(&log, &["cart deep sums", "top"], (0, 0), &[]).report.failures;
        assert_eq!((failures[0].id.suite.as_str(), failures[0].message.as_str()), ("cart deep", "no"));
        assert_eq!((failures[0].actual.as_deref(), failures[0].expected.as_deref()), (Some("4"), Some("3")));
        assert_eq!((failures[1].kind.as_str(), failures[1].message.as_str()), ("TypeError", "not\nof more lines"));
        assert!(!failures[1].output.contains("npm"), "{}", failures[1].output);
    }

    #[test]
    fn failures_that_are_cut_are_missed() {
        let reason = "the numbers count 3 tests that failed, and 2 are told of";
        check(&format!("  0 passing (5ms)\n  3 failing\n\n{FAILING}"), &["cart deep sums", "top"], (0, 0), &[reason]);
    }

    #[test]
    fn a_difference_of_more_lines_states_no_two_values() {
        assert_eq!(values("\n -4\n +3\n \n at f (a.js:1:2)\n"), Some(("4", "3")));
        assert_eq!(values("\n one\n -4\n +3\n"), None);
        assert_eq!(values("\n -4\n +3\n +5\n"), None);
        assert_eq!(values(""), None);
    }
}
