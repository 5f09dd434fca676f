//! A failing test's particulars, and the diagnostics of a tree that does not build.
//!
//! Text in here is as the producer printed it (ANSI stripped, capped); it is untrusted.

use std::fmt;
use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::model::TestId;

/// A place in a file of the project. Lines and columns count from 1; a column counts characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The path as reported; relative to the project root once triage has mapped it.
    pub file: Utf8PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        match self.column {
            Some(column) => write!(f, ":{column}"),
            None => Ok(()),
        }
    }
}

/// One stack frame, innermost first in a [`Failure`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The function, where named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// Where it stands.
    pub location: Location,
}

/// What kind of failure it is, as far as the text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The compiler refused the program's meaning: types, names, borrows.
    CompileError,
    /// The text could not be parsed at all.
    SyntaxError,
    /// A declared or undeclared package is missing.
    MissingDependency,
    /// Two values differ.
    AssertionMismatch,
    /// A panic or exception that is no assertion.
    Panic,
    /// The run exceeded a deadline.
    Timeout,
    /// The process died by a signal.
    Crash,
    /// The machine, not the code: network, disk, memory, permission.
    Infrastructure,
    /// Nothing above could be recognised.
    Unknown,
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CompileError => "compile error",
            Self::SyntaxError => "syntax error",
            Self::MissingDependency => "missing dependency",
            Self::AssertionMismatch => "assertion mismatch",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::Infrastructure => "infrastructure",
            Self::Unknown => "unknown",
        })
    }
}

/// One failing case with message and frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Which test failed.
    pub id: TestId,
    /// The producer's type for it (`AssertionError`, `panic`, `error[E0308]`), or empty.
    #[serde(default)]
    pub kind: String,
    /// The message: what an engineer would read first.
    #[serde(default)]
    pub message: String,
    /// The expected value as printed, where the message states it (Rust: `right`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The actual value as printed, where the message states it (Rust: `left`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
    /// Where it was reported to happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Stack frames, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
    /// Captured output of the test, head and tail kept when capped.
    #[serde(default)]
    pub output: String,
    /// Compiler diagnostics, when the failure is a build that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
    /// How long the test took, where the report says so; as JSON in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "seconds")]
    pub duration: Option<Duration>,
    /// Attempts before the last, in order, where the runner tried the test again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<FailedAttempt>,
    /// What the report says of the test and its suites beside the result, by name, the test's own first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<(String, String)>,
    /// The bytes of the report, as decoded, that tell of it: first, and one past the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<(u64, u64)>,
}

/// One failed attempt at a test that was run again within one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FailedAttempt {
    /// The producer's type for it, or empty.
    #[serde(default)]
    pub kind: String,
    /// The message.
    #[serde(default)]
    pub message: String,
    /// What it printed, head and tail kept when capped.
    #[serde(default)]
    pub output: String,
}

/// A test that passed only after it had failed in the same run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlakyPass {
    /// Which test.
    pub id: TestId,
    /// The attempts that failed, in order.
    pub attempts: Vec<FailedAttempt>,
}

impl Failure {
    /// Makes a failure of which nothing but the test is known.
    pub fn bare(id: TestId) -> Self {
        Self {
            id,
            kind: String::new(),
            message: String::new(),
            expected: None,
            actual: None,
            location: None,
            frames: Vec::new(),
            output: String::new(),
            diagnostics: Vec::new(),
            duration: None,
            attempts: Vec::new(),
            properties: Vec::new(),
            source: None,
        }
    }
}

/// A byte range of a file, as a compiler names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The file, relative to the directory the compiler ran in.
    pub file: Utf8PathBuf,
    /// First byte, from 0.
    pub byte_start: usize,
    /// One past the last byte.
    pub byte_end: usize,
    /// Line of the first byte, from 1.
    pub line: u32,
    /// Column of the first byte, from 1, in characters.
    pub column: u32,
    /// Whether this is where the error is, not merely related.
    pub primary: bool,
    /// What the compiler says of this span, or empty.
    #[serde(default)]
    pub label: String,
}

/// An edit a compiler proposes: all parts together, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The compiler's sentence for it.
    pub message: String,
    /// Whether the compiler itself holds it to be right (rustc: `MachineApplicable`).
    pub certain: bool,
    /// Spans to replace, and with what.
    pub replacements: Vec<(Span, String)>,
}

/// One error of a compiler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The compiler's code, such as `E0308`, or empty.
    pub code: String,
    /// The one-line message.
    pub message: String,
    /// Where, primary spans first.
    pub spans: Vec<Span>,
    /// Edits the compiler proposes.
    pub suggestions: Vec<Suggestion>,
    /// The whole diagnostic as printed, without colour.
    pub rendered: String,
}

/// Durations as a number of seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes the field by reference")]
    pub(super) fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        duration.map(|duration| duration.as_secs_f64()).serialize(to)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(from)?;
        seconds.map(Duration::try_from_secs_f64).transpose().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_json() {
        let mut failure = Failure::bare(TestId::new("s", "n"));
        failure.duration = Some(Duration::from_millis(1250));
        failure.attempts.push(FailedAttempt { message: "m".to_owned(), ..FailedAttempt::default() });
        let json = serde_json::to_string(&failure).unwrap();
        assert!(json.contains("\"duration\":1.25"), "{json}");
        assert_eq!(serde_json::from_str::<Failure>(&json).unwrap(), failure);
        assert!(serde_json::from_str::<Failure>(&json.replace("1.25", "-1")).is_err());
    }
}
