//! Compile errors in cargo's text log: which errors belong to which target that could not be compiled.
//!
//! The text gives lines and columns but no byte offsets, so its diagnostics carry no spans; `cargo_json` has them.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::cargo_text::suite;
use crate::ingest::{detail, pattern, trace};
use crate::model::{Diagnostic, Failure, Frame, TestId};
use crate::text::cap;

/// `error[E0308]: mismatched types`, or an error without code.
static ERROR: LazyLock<Regex> = LazyLock::new(|| pattern(r"^error(?:\[(?P<code>E\d+)\])?: (?P<message>.*)"));

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

/// Targets of one log that are reported, and errors of each; the rest repeats them.
const TARGETS_MAX: usize = 100;
const ERRORS_MAX: usize = 100;

/// The longest text kept of one error, in bytes.
const ERROR_BYTES_MAX: usize = 16 << 10;

/// The compile errors of a log, as they are found.
#[derive(Default)]
pub(super) struct Errors<'t> {
    /// Errors whose target is not known yet.
    pending: Vec<&'t str>,
    /// The errors of a package's targets: cargo prints what two targets share only once.
    of_package: HashMap<String, Vec<&'t str>>,
    /// What could not be compiled, and why.
    failed: Vec<(String, Vec<&'t str>)>,
}

impl<'t> Errors<'t> {
    /// Reads the error that begins in line `at`, if one does; returns the line after it. `text_of` gives the text of lines.
    pub(super) fn read(
        &mut self,
        lines: &[&'t str],
        at: usize,
        text_of: impl Fn(usize, usize) -> &'t str,
    ) -> Option<usize> {
        let line = lines[at];
        if !line.starts_with("error") || !ERROR.is_match(line) {
            return None;
        }
        if SUMMARIES.iter().any(|summary| line.starts_with(summary)) {
            return Some(at + 1);
        }
        let end = end_of_error(lines, at);
        let Some(found) = NOT_COMPILED.captures(line) else {
            self.pending.push(text_of(at, end));
            return Some(end);
        };
        let Some(package) = found.name("package") else {
            if self.failed.len() < TARGETS_MAX {
                self.failed.push((suite::of_target(&found["script"], ""), vec![text_of(at, end)]));
            }
            return Some(end);
        };
        let target = found.name("target").map(|target| target.as_str()).unwrap_or_default();
        self.claim(package.as_str(), target, line);
        Some(at + 1)
    }

    /// Gives the pending errors to the target that could not be compiled.
    fn claim(&mut self, package: &str, target: &str, line: &'t str) {
        let mut errors = std::mem::take(&mut self.pending);
        if errors.is_empty() {
            errors = self.of_package.get(package).cloned().unwrap_or_default();
        } else {
            self.of_package.entry(package.to_owned()).or_default().extend(&errors);
        }
        if errors.is_empty() {
            errors.push(line);
        }
        errors.truncate(ERRORS_MAX);
        let suite = suite::of_target(package, target);
        if self.failed.len() < TARGETS_MAX && self.failed.iter().all(|(known, _)| *known != suite) {
            self.failed.push((suite, errors));
        }
    }

    /// Makes one failure per target. Errors without any become one of the whole build when `rest_of` is given: it returns
    /// the log from a piece of it to its end, and is there only if nothing ran.
    pub(super) fn into_failures(
        mut self,
        rest_of: Option<impl Fn(&'t str) -> &'t str>,
        output_bytes_max: usize,
    ) -> Vec<Failure> {
        if let Some((rest_of, first)) = rest_of.zip(self.pending.first()).filter(|_| self.failed.is_empty()) {
            let is_of_rustc = self.pending.iter().any(|error| PLACE.is_match(error));
            let errors = if is_of_rustc { self.pending } else { vec![rest_of(first)] };
            self.failed.push((String::new(), errors));
        }
        self.failed.into_iter().map(|(suite, errors)| failure(&suite, &errors, output_bytes_max)).collect()
    }
}

/// Returns the line after an error: it goes on over blank, indented and numbered lines, notes and causes.
fn end_of_error(lines: &[&str], start: usize) -> usize {
    let goes_on = |line: &&&str| {
        let begins = ["note: ", "help: ", "Caused by:"];
        let is_indented =
            line.is_empty() || line.starts_with([' ', '|', '.']) || line.starts_with(|c: char| c.is_ascii_digit());
        (is_indented || begins.iter().any(|words| line.starts_with(words))) && !PROGRESS.is_match(line)
    };
    start + 1 + lines[start + 1..].iter().take_while(goes_on).count()
}

fn failure(suite: &str, errors: &[&str], output_bytes_max: usize) -> Failure {
    let mut failure = Failure::bare(TestId::build(suite));
    failure.diagnostics = errors.iter().filter_map(|error| diagnostic(error)).collect();
    if let Some(first) = failure.diagnostics.first() {
        failure.kind = if first.code.is_empty() { "error".to_owned() } else { format!("error[{}]", first.code) };
        failure.message = format!("{}: {}", failure.kind, first.message);
    }
    let output = errors.iter().map(|error| error.trim_end()).collect::<Vec<_>>().join("\n\n");
    let places = PLACE.captures_iter(&output).filter_map(|found| trace::location(&found));
    failure.frames = places.map(|location| Frame { function: None, location }).take(trace::FRAMES_MAX).collect();
    failure.location = failure.frames.first().map(|frame| frame.location.clone());
    detail::set_output(&mut failure, &output, output_bytes_max);
    failure
}

fn diagnostic(error: &str) -> Option<Diagnostic> {
    let found = ERROR.captures(error)?;
    Some(Diagnostic {
        code: found.name("code").map(|code| code.as_str().to_owned()).unwrap_or_default(),
        message: cap::head_and_tail(&found["message"], ERROR_BYTES_MAX),
        spans: Vec::new(),
        suggestions: Vec::new(),
        rendered: cap::head_and_tail(error.trim_end(), ERROR_BYTES_MAX),
    })
}
