//! Test output → a [`TestReport`] and [`Complaint`]s; never fails as a whole.
//!
//! A reader takes whatever a runner printed and gives what can be known from it. What it could not make sense of it
//! says in complaints; it never guesses a pass. Inputs of any size are read as they come: memory depends on the number
//! of failures. It does not start anything, map paths or judge causes.
//!
//! The way of the bytes: `files` opens them, `decode` makes text of them (with `job_log` for what CI puts before each
//! line), `source` is the window over that text, `mixed` finds the format, a format reads, `recorder` collects.
//!
//! To add a format: one file with a unit struct that implements [`Format`], a `mod` line below, a line in [`FORMATS`],
//! and a report with its snapshot in `fixtures/ingest/<name>/`. Texts that are alike in all formats are read by the
//! shared modules: `detail` fills a failure from its text, `values` finds expected and actual, `trace` finds frames.

pub mod cargo_json;

mod bazel_bep;
mod capture;
mod cargo_text;
mod ctest_text;
mod dart;
mod decode;
mod detail;
mod dotnet;
mod excerpt;
pub mod files;
mod go;
mod googletest;
mod googletest_json;
mod gradle;
mod jest_json;
mod jest_text;
mod job_log;
mod json;
mod junit;
mod jvm;
mod libtest_json;
mod maven;
mod mixed;
mod mocha_json;
mod mocha_text;
mod nextest;
mod nextest_record;
mod nunit;
mod panic;
mod pending;
mod playwright_json;
mod pytest;
mod recorder;
mod rspec_json;
mod rustc_json;
mod sniff;
mod source;
mod tap;
mod teamcity;
mod thrown;
mod told;
mod trace;
mod traceback;
mod trx;
mod unittest;
mod unsettled;
mod values;
mod vitest_json;
mod vitest_text;
mod xml;
mod xunit;

use std::fmt;
use std::io::Read;

use camino::Utf8PathBuf;
use regex::{Regex, RegexSet};
use serde::{Deserialize, Serialize};

use crate::ingest::decode::Decoder;
use crate::ingest::recorder::Recorder;
pub use crate::ingest::recorder::{Case, Listener};
use crate::ingest::source::{Line, Source};
use crate::model::TestReport;

/// The formats in the order in which equally likely ones are preferred: the stricter the grammar, the earlier.
pub static FORMATS: &[&dyn Format] = &[
    &trx::Trx,
    &nunit::Nunit,
    &xunit::Xunit,
    &junit::Junit,
    &jest_json::JestJson,
    &vitest_json::VitestJson,
    &mocha_json::MochaJson,
    &mocha_json::MochaJsonStream,
    &mocha_json::Mochawesome,
    &playwright_json::PlaywrightJson,
    &rspec_json::RspecJson,
    &libtest_json::LibtestJson,
    &dart::Dart,
    &bazel_bep::BazelBep,
    &googletest_json::GoogletestJson,
    &teamcity::Teamcity,
    &go::GoJson,
    &go::GoText,
    &nextest_record::NextestRecord,
    &nextest::Nextest,
    &ctest_text::CtestText,
    &rustc_json::RustcJson,
    &googletest::Googletest,
    &cargo_text::CargoText,
    &pytest::Pytest,
    &unittest::Unittest,
    &maven::Maven,
    &jest_text::JestText,
    &vitest_text::VitestText,
    &mocha_text::MochaText,
    &gradle::Gradle,
    &tap::Tap,
];

/// The name under which a suite is reported whose process died before all its tests had reported.
pub const ABORTED: &str = "[aborted]";

/// The name of a test that is reported without one.
pub const UNNAMED: &str = "[unnamed]";

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

/// What the caller knows beforehand, and the limits of reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hints {
    /// Suite of results that stand under no header: for output of a test binary that was started directly.
    pub suite: Option<String>,
    /// The project's folder: in suites and places, absolute paths below it are relative to it.
    pub root: Option<Utf8PathBuf>,
    /// Captured output kept per failing case, in bytes.
    pub output_bytes_max: usize,
    /// Captured output kept of all failing cases of an input together, in bytes; of those after it, little is kept.
    pub outputs_bytes_max: usize,
    /// Bytes read of an input, after inflation; the rest is left out, with a complaint.
    pub input_bytes_max: u64,
    /// The longest line, in bytes; the rest of a longer one is left out.
    pub line_bytes_max: usize,
    /// Whether the hashed ids of all cases are kept, so that [`TestReport::outcome`] knows them: 8 bytes a case.
    pub keeps_ids: bool,
}

impl Default for Hints {
    fn default() -> Self {
        Self {
            suite: None,
            root: None,
            output_bytes_max: 64 << 10,
            outputs_bytes_max: 64 << 20,
            input_bytes_max: 64 << 30,
            line_bytes_max: 8 << 20,
            keeps_ids: true,
        }
    }
}

impl Hints {
    /// Returns a path below the project's folder relative to it, and any other text as it is.
    fn relative<'p>(&self, path: &'p str) -> &'p str {
        let below = |root: &Utf8PathBuf| path.strip_prefix(root.as_str().trim_end_matches('/'))?.strip_prefix('/');
        self.root.as_ref().and_then(below).filter(|below| !below.is_empty()).unwrap_or(path)
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Names of the formats it was read as: one, but for a log that holds several; the first is that of the beginning.
    pub formats: Vec<&'static str>,
    /// The results.
    pub report: TestReport,
    /// What could not be made sense of, in the order in which it was found.
    pub complaints: Vec<Complaint>,
}

/// Input that is no test output in any known format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Unreadable {
    /// What was wrong with the input itself, such as a pipe that went silent.
    pub complaints: Vec<String>,
    /// The formats tried, each with why it is not that.
    pub tried: Vec<(String, String)>,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no test results can be read from this")?;
        for complaint in &self.complaints {
            write!(f, "; {complaint}")?;
        }
        for (format, reason) in &self.tried {
            write!(f, "\n  as {format}: {reason}")?;
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
#[expect(private_interfaces, reason = "readers are made and used in here alone")]
pub trait Format: Sync {
    /// The name by which [`read_as`] and reports call it.
    fn name(&self) -> &'static str;

    /// Tells how likely it is that results in this format stand in `text`, a part of an input, or why that is not so.
    fn sniff(&self, text: &str) -> Result<Likeness, &'static str>;

    /// Returns what reads one input.
    fn reader(&self, hints: &Hints) -> Reader;
}

/// How a format is read.
enum Reader {
    /// As a whole, by this format alone.
    Document(Box<dyn Document>),
    /// Line by line, perhaps beside other formats.
    Lines(Box<dyn Lines>),
}

/// Reads an input that is in one format from beginning to end.
trait Document {
    /// Reads what can be read, whatever comes.
    fn read(self: Box<Self>, source: &mut Source<'_>, to: &mut Recorder);
}

/// Reads the lines of one log.
trait Lines {
    /// Takes a line; tells whether it can only be this format's.
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner;

    /// Ends the log.
    fn end(&mut self, to: &mut Recorder);
}

/// Whose line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The format's that was asked.
    This,
    /// Another's, or nobody's.
    Other,
    /// The format's that was asked, and so are the latest lines that no one owned: only now it is known.
    ThisAndBefore,
}

/// Reads test output in whichever known format it is most likely in.
pub fn read(bytes: &[u8], hints: &Hints) -> Result<Reading, Unreadable> {
    read_from(bytes, hints, None)
}

/// Reads test output as it comes, and tells `listener` of each case.
pub fn read_from(bytes: impl Read, hints: &Hints, listener: Option<Listener>) -> Result<Reading, Unreadable> {
    let mut source = Source::new(Decoder::new(bytes, hints.input_bytes_max), hints.line_bytes_max);
    let mut recorder = Recorder::new(hints, listener);
    let formats = mixed::read(&mut source, hints, &mut recorder)
        .map_err(|tried| Unreadable { complaints: source.take_complaints(), tried })?;
    Ok(conclude(source, recorder, formats))
}

/// Reads test output in the named format; fails when there is no such format or nothing of it in the input.
pub fn read_as(format: &str, bytes: &[u8], hints: &Hints) -> Result<Reading, Unreadable> {
    read_from_as(format, bytes, hints, None)
}

/// Reads test output in the named format as it comes, and tells `listener` of each case.
pub fn read_from_as(
    format: &str,
    bytes: impl Read,
    hints: &Hints,
    listener: Option<Listener>,
) -> Result<Reading, Unreadable> {
    let unreadable = |reason: String| Unreadable { complaints: Vec::new(), tried: vec![(format.to_owned(), reason)] };
    let Some(known) = FORMATS.iter().find(|known| known.name() == format) else {
        let names: Vec<_> = FORMATS.iter().map(|known| known.name()).collect();
        return Err(unreadable(format!("no such format, known are {}", names.join(", "))));
    };
    let mut source = Source::new(Decoder::new(bytes, hints.input_bytes_max), hints.line_bytes_max);
    let mut recorder = Recorder::new(hints, listener);
    let sniffed = known.sniff(source.ahead(mixed::HEAD_BYTES));
    mixed::read_as(*known, &mut source, hints, &mut recorder);
    match sniffed {
        Err(reason) if recorder.is_empty() => Err(unreadable(reason.to_owned())),
        _ => Ok(conclude(source, recorder, vec![known.name()])),
    }
}

fn conclude(mut source: Source<'_>, mut recorder: Recorder, formats: Vec<&'static str>) -> Reading {
    for reason in source.take_complaints() {
        recorder.complain(source.offset(), reason);
    }
    recorder.into_reading(formats)
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
mod agreement;
#[cfg(test)]
mod tests;
