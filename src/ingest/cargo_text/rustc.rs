//! Compile errors in cargo's text log: which errors belong to which target that could not be compiled.
//!
//! The text gives lines and columns but no byte offsets, so its diagnostics carry no spans; `cargo_json` has them.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use memchr::memmem;
use regex::Regex;

use crate::ingest::cargo_text::suite;
use crate::ingest::source::Line;
use crate::ingest::{detail, pattern, trace};
use crate::model::{Diagnostic, Failure, Frame, TestId};
use crate::text::cap::{self, HeadAndTail};

/// `error[E0308]: mismatched types`, or an error without code.
static ERROR: LazyLock<Regex> = LazyLock::new(|| pattern(r"^error(?:\[(?P<code>E\d+)\])?: (?P<message>.*)"));

/// `src/lib.rs:3:5: error[E0308]: mismatched types`, as `--message-format=short` has it.
static SHORT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?P<file>[^\s:][^:]*):(?P<line>\d+):(?P<column>\d+): error(?:\[(?P<code>E\d+)\])?: (?P<message>.*)")
});

/// `  --> src/lib.rs:3:5`
static PLACE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^ *--> (?P<file>[^\n]+?):(?P<line>\d+):(?P<column>\d+)\r?$"));

/// `error: could not compile `alpha` (lib test) due to 2 previous errors`; older cargos name no target.
static NOT_COMPILED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^error: (?:could not compile `(?P<package>[^`]+)`(?: \((?P<target>[^)]*)\))?|failed to run custom build command for `(?P<script>\S+) )",
    )
});

/// What cargo prints while it works; none of it belongs to an error.
static PROGRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^ *(?:Compiling|Checking|Running|Finished|Doc-tests|Download(?:ed|ing)|Blocking|Fresh|Dirty|Building|Executable|Updating|Locking|Adding|warning(?:\[\w+\])?:) ?",
    )
});

/// The beginnings of lines that sum errors up and are none themselves.
const SUMMARIES: &[&str] = &[
    "error: aborting due to",
    "error: test failed",
    "error: doctest failed",
    "error: bench failed",
    "error: build failed",
];

/// The beginnings of lines that go on with an error, beside indented and numbered ones.
const CONTINUATIONS: &[&str] = &["note: ", "help: ", "Caused by:"];

/// Targets of one log that are reported, and errors of each; the rest repeats them.
const TARGETS_MAX: usize = 100;
const ERRORS_MAX: usize = 100;

/// The longest text kept of one error, in bytes.
const ERROR_BYTES_MAX: usize = 16 << 10;

/// The text of an error, and where it stands.
#[derive(Debug, Clone)]
struct ErrorText {
    text: Rc<str>,
    lines: (u64, u64),
}

/// An error that is being read.
#[derive(Debug)]
struct Reading {
    text: HeadAndTail,
    lines: (u64, u64),
    /// The package whose build script failed, if it is that.
    script: Option<String>,
}

/// Something that could not be compiled, and why.
#[derive(Debug)]
struct Failed {
    suite: String,
    errors: Vec<ErrorText>,
    /// Whether there is more than cargo's line that it could not be compiled.
    is_explained: bool,
}

/// The compile errors of a log, as they are found.
#[derive(Debug)]
pub(super) struct Errors {
    reading: Option<Reading>,
    /// Errors whose target is not known yet.
    pending: Vec<ErrorText>,
    /// The errors of a package's targets: cargo prints what two targets share only once.
    of_package: HashMap<String, Vec<ErrorText>>,
    failed: Vec<Failed>,
    /// All that was printed from the first error on, for errors that are not rustc's.
    rest: Option<HeadAndTail>,
    output_bytes_max: usize,
}

impl Errors {
    pub(super) fn new(output_bytes_max: usize) -> Self {
        let (pending, of_package, failed) = (Vec::new(), HashMap::new(), Vec::new());
        Self { reading: None, pending, of_package, failed, rest: None, output_bytes_max }
    }

    /// Takes a line that stands outside of test results; tells whether it is an error's.
    pub(super) fn line(&mut self, line: &Line<'_>) -> bool {
        let end = line.offset + line.text.len() as u64;
        if let Some(reading) = self.reading.as_mut().filter(|_| goes_on(line.text)) {
            reading.text.push_line(line.text);
            reading.lines.1 = end;
            self.rest.iter_mut().for_each(|rest| rest.push_line(line.text));
            return true;
        }
        self.end();
        let may_be = line.text.starts_with("error") || memmem::find(line.text.as_bytes(), b": error").is_some();
        let is_error = may_be && self.begin(line.text, (line.offset, end));
        self.rest.iter_mut().for_each(|rest| rest.push_line(line.text));
        is_error
    }

    /// Begins the error whose first line this is, if it is one.
    fn begin(&mut self, line: &str, lines: (u64, u64)) -> bool {
        if !ERROR.is_match(line) && !SHORT.is_match(line) {
            return false;
        }
        if SUMMARIES.iter().any(|summary| line.starts_with(summary)) {
            return true;
        }
        let found = NOT_COMPILED.captures(line);
        if let Some(package) = found.as_ref().and_then(|found| found.name("package")) {
            let target = found.as_ref().and_then(|found| found.name("target")).map_or("", |target| target.as_str());
            self.claim(package.as_str(), target, ErrorText { text: line.into(), lines });
            return true;
        }
        let script = found.map(|found| found["script"].to_owned());
        if script.is_none() && self.rest.is_none() {
            self.rest = Some(HeadAndTail::new(self.output_bytes_max));
        }
        let mut text = HeadAndTail::new(ERROR_BYTES_MAX);
        text.push_line(line);
        self.reading = Some(Reading { text, lines, script });
        true
    }

    /// Ends the error that is being read.
    pub(super) fn end(&mut self) {
        let Some(Reading { text, lines, script }) = self.reading.take() else { return };
        let error = ErrorText { text: text.into_text().into(), lines };
        match script {
            None if self.pending.len() < ERRORS_MAX => self.pending.push(error),
            Some(script) => self.fail(suite::of_target(&script, ""), vec![error], true),
            None => {}
        }
    }

    /// Gives the pending errors to the target that could not be compiled.
    fn claim(&mut self, package: &str, target: &str, line: ErrorText) {
        let mut errors = std::mem::take(&mut self.pending);
        if errors.is_empty() {
            errors = self.of_package.get(package).cloned().unwrap_or_default();
        } else if self.of_package.len() < TARGETS_MAX {
            let shared = self.of_package.entry(package.to_owned()).or_default();
            shared.extend(errors.iter().take(ERRORS_MAX.saturating_sub(shared.len())).cloned());
        }
        let is_explained = !errors.is_empty();
        if !is_explained {
            errors.push(line);
        }
        self.fail(suite::of_target(package, target), errors, is_explained);
    }

    fn fail(&mut self, suite: String, errors: Vec<ErrorText>, is_explained: bool) {
        let is_known = self.failed.iter().any(|failed| failed.suite == suite);
        if self.failed.len() < TARGETS_MAX && !is_known {
            self.failed.push(Failed { suite, errors, is_explained });
        }
    }

    /// Adds what another reading of a later part of the log found.
    pub(super) fn absorb(&mut self, other: Self) {
        self.end();
        self.pending.extend(other.pending);
        self.pending.truncate(ERRORS_MAX);
        for failed in other.failed {
            self.fail(failed.suite, failed.errors, failed.is_explained);
        }
        (self.reading, self.rest) = (other.reading, self.rest.take().or(other.rest));
    }

    /// Makes one failure per target. Errors without any become one of the whole build when nothing ran. With errors known
    /// from `in_json`, a target of which the text only says that it could not be compiled is one of theirs.
    pub(super) fn into_failures(mut self, has_run: bool, in_json: bool) -> Vec<Failure> {
        self.end();
        self.failed.retain(|failed| failed.is_explained || !in_json);
        if !has_run && !in_json && self.failed.is_empty() && !self.pending.is_empty() {
            let has_place = |error: &ErrorText| PLACE.is_match(&error.text) || SHORT.is_match(&error.text);
            let is_of_rustc = self.pending.iter().any(has_place);
            let mut errors = self.pending;
            if let Some(rest) = self.rest.filter(|_| !is_of_rustc) {
                errors.truncate(1);
                if let Some(first) = errors.first_mut() {
                    first.text = rest.into_text().into();
                }
            }
            self.failed.push(Failed { suite: String::new(), errors, is_explained: true });
        }
        self.failed.iter().map(|failed| failed.failure(self.output_bytes_max)).collect()
    }
}

/// Tells whether a line belongs to the error above it: it goes on over blank, indented and numbered lines, notes and causes.
fn goes_on(line: &str) -> bool {
    let is_indented =
        line.is_empty() || line.starts_with([' ', '|', '.']) || line.starts_with(|c: char| c.is_ascii_digit());
    (is_indented || CONTINUATIONS.iter().any(|words| line.starts_with(words))) && !PROGRESS.is_match(line)
}

impl Failed {
    fn failure(&self, output_bytes_max: usize) -> Failure {
        let texts = || self.errors.iter().take(ERRORS_MAX).map(|error| error.text.trim_end());
        let mut failure = Failure::bare(TestId::build(self.suite.as_str()));
        failure.diagnostics = texts().filter_map(diagnostic).collect();
        if let Some(first) = failure.diagnostics.first() {
            failure.kind = if first.code.is_empty() { "error".to_owned() } else { format!("error[{}]", first.code) };
            failure.message = format!("{}: {}", failure.kind, first.message);
        }
        let output = texts().collect::<Vec<_>>().join("\n\n");
        let places = PLACE.captures_iter(&output).chain(texts().filter_map(|text| SHORT.captures(text)));
        let places = places.filter_map(|found| trace::location(&found));
        failure.frames = places.map(|location| Frame { function: None, location }).take(trace::FRAMES_MAX).collect();
        failure.location = failure.frames.first().map(|frame| frame.location.clone());
        failure.source = self.errors.first().zip(self.errors.last()).map(|(first, last)| (first.lines.0, last.lines.1));
        detail::set_output(&mut failure, &output, output_bytes_max);
        failure
    }
}

fn diagnostic(error: &str) -> Option<Diagnostic> {
    let found = ERROR.captures(error).or_else(|| SHORT.captures(error))?;
    Some(Diagnostic {
        code: found.name("code").map(|code| code.as_str().to_owned()).unwrap_or_default(),
        message: cap::head_and_tail(&found["message"], ERROR_BYTES_MAX),
        spans: Vec::new(),
        suggestions: Vec::new(),
        rendered: error.to_owned(),
    })
}
