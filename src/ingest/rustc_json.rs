//! rustc's JSON lines (`--error-format=json`), as build tools other than cargo print them.
//!
//! They name neither package nor target, so all errors are one failure: the pseudo-test [`TestId::build`] of
//! [`Hints::suite`], else of the empty suite. Warnings are dropped. Cargo's JSON, which holds these messages, is a part of
//! cargo's log and is read there.

use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader, cargo_json, pattern};
use crate::model::{Diagnostic, Outcome, TestId};

/// rustc's JSON diagnostics.
pub(super) struct RustcJson;

/// How a message begins since 1.72, and the error of an older rustc.
static MESSAGE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?m)^\{"(?:\$message_type":"diagnostic"|message":"[^\n]*"level":"error[^\n]*"rendered":)"#)
});

impl Format for RustcJson {
    fn name(&self) -> &'static str {
        "rustc-json"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let is_one = MESSAGE.is_match(text);
        is_one.then_some(Likeness::Certain).ok_or("there is no line like `{\"$message_type\":\"diagnostic\"…`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        let suite = hints.suite.clone().unwrap_or_default();
        let (errors, lines) = (Vec::new(), (u64::MAX, 0));
        Reader::Lines(Box::new(Messages { suite, errors, lines, output_bytes_max: hints.output_bytes_max }))
    }
}

/// The messages of a log.
struct Messages {
    suite: String,
    errors: Vec<Diagnostic>,
    /// Where the errors stand.
    lines: (u64, u64),
    output_bytes_max: usize,
}

impl Lines for Messages {
    fn line(&mut self, line: &Line<'_>, _: &mut Recorder) -> Owner {
        let may_be = line.text.starts_with("{\"$message_type\":") || line.text.starts_with("{\"message\":");
        let Some(Ok(message)) = may_be.then(|| cargo_json::rustc_message(line.text)) else { return Owner::Other };
        if let Some(error) = message.filter(|_| self.errors.len() < cargo_json::ERRORS_MAX) {
            self.errors.push(error);
            self.lines = (self.lines.0.min(line.offset), line.offset + line.text.len() as u64);
        }
        Owner::This
    }

    fn end(&mut self, to: &mut Recorder) {
        if self.errors.is_empty() {
            return;
        }
        let errors = std::mem::take(&mut self.errors);
        let mut failure = cargo_json::failure(TestId::build(self.suite.as_str()), errors, self.output_bytes_max);
        failure.source = Some(self.lines);
        to.fail(Outcome::Errored, failure);
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::read;

    use super::*;

    const ERROR: &str = "{\"$message_type\":\"diagnostic\",\"message\":\"mismatched types\",\"code\":{\"code\":\"E0308\",\"explanation\":null},\
        \"level\":\"error\",\"spans\":[],\"children\":[],\"rendered\":\"error[E0308]: mismatched types\\n\"}\n";

    #[test]
    fn the_errors_of_one_compilation_are_one_failure() {
        let log = format!("[1/3] compiling\n{ERROR}{}{ERROR}", ERROR.replace("\"error\"", "\"warning\""));
        let reading = read(log.as_bytes(), &Hints::default()).unwrap();
        assert_eq!(reading.formats, ["rustc-json"]);
        assert_eq!((reading.report.counts.tests, reading.report.failures[0].diagnostics.len()), (1, 2));
        let failure = &reading.report.failures[0];
        assert_eq!((failure.id.clone(), failure.kind.as_str()), (TestId::build(""), "error[E0308]"));
        assert_eq!(failure.source, Some((16, log.len() as u64 - 1)));
    }

    #[test]
    fn warnings_alone_are_no_failure() {
        let log = ERROR.replace("\"error\"", "\"warning\"");
        assert!(read(log.as_bytes(), &Hints::default()).unwrap().report.is_empty());
    }
}
