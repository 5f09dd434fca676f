//! Test output → a [`TestReport`] and [`Complaint`]s; never fails as a whole.
//!
//! A reader takes whatever a runner printed and gives what can be known from it. What it could not make sense of it
//! says in complaints; it never guesses a pass. It does not start anything, map paths or judge causes.
//!
//! To add a format: one file with a unit struct that implements [`Format`], a `mod` line below, a line in [`FORMATS`],
//! and a report with its snapshot in `fixtures/ingest/<name>/`. Texts that are alike in all formats are read by the
//! shared modules: `detail` fills a failure from its text, `values` finds expected and actual, `trace` finds frames.

pub mod cargo_json;

mod cargo_text;
mod detail;
mod go_json;
mod input;
mod junit;
mod libtest_json;
mod nextest;
mod panic;
mod tap;
mod trace;
mod values;

use std::fmt;

use regex::{Regex, RegexSet};
use serde::{Deserialize, Serialize};

use crate::model::{Failure, IdHash, Outcome, TestCase, TestReport};

/// The formats in the order in which equally likely ones are preferred: the stricter the grammar, the earlier.
pub static FORMATS: &[&dyn Format] = &[
    &junit::Junit,
    &libtest_json::LibtestJson,
    &go_json::GoJson,
    &nextest::Nextest,
    &cargo_text::CargoText,
    &tap::Tap,
];

/// The name under which a suite is reported whose process died before all its tests had reported.
pub const ABORTED: &str = "[aborted]";

/// The longest name of a suite, in bytes: it is kept with each of its failures, so that without a limit a small input
/// could fill the memory.
const SUITE_BYTES_MAX: usize = 1 << 10;

/// Number of complaints kept; a damaged input of any size yields a short list.
const COMPLAINTS_MAX: usize = 100;

/// One thing a reader could not make sense of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// Where, in bytes of the input as decoded: UTF-8, without byte order mark and, in text formats, without colour.
    pub offset: u64,
    /// What is wrong, in a sentence without full stop.
    pub reason: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.reason, self.offset)
    }
}

/// What the caller knows beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hints {
    /// Suite of results that stand under no header: for output of a test binary that was started directly.
    pub suite: Option<String>,
    /// Captured output kept per failing case, in bytes.
    pub output_bytes_max: usize,
    /// Size to which a compressed report may grow, in bytes; the rest is left out, with a complaint.
    pub inflated_bytes_max: usize,
}

impl Default for Hints {
    fn default() -> Self {
        Self { suite: None, output_bytes_max: 64 << 10, inflated_bytes_max: 1 << 30 }
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Name of the format it was read as.
    pub format: &'static str,
    /// The results.
    pub report: TestReport,
    /// What could not be made sense of, in the order in which it was found.
    pub complaints: Vec<Complaint>,
}

/// Input that is no test output in any known format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Unreadable {
    /// The formats tried, each with why it is not that.
    pub tried: Vec<(String, String)>,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no test results can be read from this")?;
        for (n, (format, reason)) in self.tried.iter().enumerate() {
            write!(f, "{} {format}: {reason}", if n == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

/// How sure a format is that an input is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// It could be, if it is nothing else.
    Possible,
    /// Several lines have its shape.
    Likely,
    /// It says so itself.
    Certain,
}

/// One format of test output.
pub trait Format: Sync {
    /// The name by which [`read_as`] and reports call it.
    fn name(&self) -> &'static str;

    /// Tells how likely `text` is in this format, or why it is not.
    fn sniff(&self, text: &str) -> Result<Likeness, &'static str>;

    /// Reads what can be read into `reading`, whatever `text` is.
    fn read(&self, text: &str, hints: &Hints, reading: &mut Reading);
}

/// Reads test output in whichever known format it is most likely in.
pub fn read(bytes: &[u8], hints: &Hints) -> Result<Reading, Unreadable> {
    let input = input::decode(bytes, hints.inflated_bytes_max);
    let mut tried = Vec::new();
    let mut best: Option<(Likeness, &dyn Format)> = None;
    for &format in FORMATS {
        match format.sniff(&input.text) {
            Ok(likeness) if best.is_none_or(|(known, _)| known < likeness) => best = Some((likeness, format)),
            Ok(_) => {}
            Err(reason) => tried.push((format.name().to_owned(), reason.to_owned())),
        }
        if best.is_some_and(|(likeness, _)| likeness == Likeness::Certain) {
            break;
        }
    }
    match best {
        Some((_, format)) => Ok(read_with(format, &input, hints)),
        None => Err(Unreadable { tried }),
    }
}

/// Reads test output in the named format; fails when there is no such format or nothing of it in the input.
pub fn read_as(format: &str, bytes: &[u8], hints: &Hints) -> Result<Reading, Unreadable> {
    let unreadable = |reason: String| Unreadable { tried: vec![(format.to_owned(), reason)] };
    let Some(known) = FORMATS.iter().find(|known| known.name() == format) else {
        let names: Vec<_> = FORMATS.iter().map(|known| known.name()).collect();
        return Err(unreadable(format!("no such format, known are {}", names.join(", "))));
    };
    let input = input::decode(bytes, hints.inflated_bytes_max);
    let reading = read_with(*known, &input, hints);
    match known.sniff(&input.text) {
        Err(reason) if reading.report.is_empty() => Err(unreadable(reason.to_owned())),
        _ => Ok(reading),
    }
}

fn read_with(format: &dyn Format, input: &input::Input<'_>, hints: &Hints) -> Reading {
    let mut reading = Reading { format: format.name(), report: TestReport::default(), complaints: Vec::new() };
    if let Some(reason) = &input.complaint {
        reading.complain(0, reason);
    }
    format.read(&input.text, hints, &mut reading);
    reading
}

impl Reading {
    fn record(&mut self, case: TestCase) {
        self.report.record(case);
    }

    fn record_failure(&mut self, outcome: Outcome, failure: Failure) {
        self.record(TestCase { id: failure.id.clone(), outcome, duration: None, failure: Some(failure) });
    }

    /// Adds a result that is not red by its hashed id alone.
    fn tally(&mut self, id: IdHash, outcome: Outcome) {
        self.report.tally(id, outcome);
    }

    fn complain(&mut self, offset: usize, reason: impl Into<String>) {
        match self.complaints.len() {
            n if n < COMPLAINTS_MAX => self.complaints.push(Complaint { offset: offset as u64, reason: reason.into() }),
            COMPLAINTS_MAX => {
                let reason = "further complaints are left out".to_owned();
                self.complaints.push(Complaint { offset: offset as u64, reason });
            }
            _ => {}
        }
    }
}

/// Compiles a constant pattern.
#[expect(clippy::expect_used, reason = "patterns are constants, and each is exercised by a test")]
fn pattern(text: &str) -> Regex {
    Regex::new(&ascii(text)).expect("a valid pattern")
}

/// Compiles constant patterns that are looked for in one pass.
#[expect(clippy::expect_used, reason = "as for a single pattern")]
fn patterns(texts: &[&str]) -> RegexSet {
    RegexSet::new(texts.iter().map(|text| ascii(text))).expect("valid patterns")
}

/// Restricts digits and white space to those of ASCII, the only ones in reports, and takes every other character for one
/// of a word: the tables that tell them apart take longer to compile than most reports to read.
fn ascii(pattern: &str) -> String {
    let classes = [
        (r"\d", "[0-9]"),
        (r"\w", r"[0-9A-Za-z_\x{80}-\x{10ffff}]"),
        (r"\s", r"[\t\n\r ]"),
        (r"\S", r"[^\t\n\r ]"),
        (r"\b", r"(?-u:\b)"),
    ];
    classes.iter().fold(pattern.to_owned(), |text, (class, ascii)| text.replace(class, ascii))
}

/// Cuts the name of a suite to its limit.
fn suite_name(name: &str) -> &str {
    &name[..name.floor_char_boundary(SUITE_BYTES_MAX)]
}

/// Names a suite inside others.
fn nested_suite(outer: &str, inner: &str) -> String {
    let joined = match (outer, inner) {
        ("", name) | (name, "") => return suite_name(name).to_owned(),
        (outer, inner) => format!("{} > {}", suite_name(outer), suite_name(inner)),
    };
    suite_name(&joined).to_owned()
}

/// Returns where `part`, a slice of `whole`, begins in it.
fn offset_in(whole: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize).min(whole.len())
}

#[cfg(test)]
mod tests;
