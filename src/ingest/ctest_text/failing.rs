//! A failed test while its output is read, and the failure that is made of it.

use std::time::Duration;

use crate::ingest::ctest_text::line::{Ending, without_time};
use crate::ingest::{detail, excerpt};
use crate::model::{FailedAttempt, Failure, Outcome, TestId};
use crate::text::cap::HeadAndTail;

/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 4 << 10;

/// A failed test whose output is being read.
pub(super) struct Failing {
    pub(super) number: u32,
    pub(super) outcome: Outcome,
    /// Whether its result is of a further attempt.
    pub(super) is_repeated: bool,
    name: String,
    word: String,
    reason: HeadAndTail,
    /// Whether the reason goes on in the next line.
    reason_is_open: bool,
    duration: Option<Duration>,
    output: HeadAndTail,
    /// What follows the start of another test: it is no output of this one, unless that test is started again, for then
    /// the output only claimed its start.
    doubtful: Option<HeadAndTail>,
    start: u64,
    bytes_max: usize,
}

impl Failing {
    /// Begins with a result at `start`, and the output that came before it.
    pub(super) fn new(number: u32, name: String, ending: &Ending<'_>, output: HeadAndTail, start: u64) -> Self {
        let mut reason = HeadAndTail::new(REASON_BYTES_MAX);
        reason.push(ending.reason);
        Self {
            number,
            outcome: ending.outcome,
            is_repeated: false,
            name,
            word: ending.word.to_owned(),
            reason,
            reason_is_open: !ending.is_whole,
            duration: ending.duration,
            bytes_max: output.bytes_max(),
            output,
            doubtful: None,
            start,
        }
    }

    /// Adds a line that is no result.
    pub(super) fn push(&mut self, text: &str) {
        if self.reason_is_open {
            let (text, duration, is_whole) = without_time(text);
            (self.duration, self.reason_is_open) = (duration, !is_whole);
            self.reason.push("\n");
            self.reason.push(text);
        } else {
            self.doubtful.as_mut().unwrap_or(&mut self.output).push_line(text);
        }
    }

    /// Adds the start of another test, `is_again` if that was started before and had no result since.
    pub(super) fn push_start(&mut self, text: &str, is_again: bool) {
        if let Some(doubtful) = self.doubtful.take_if(|_| is_again) {
            self.output.push(&doubtful.into_text());
        }
        self.doubtful.get_or_insert_with(|| HeadAndTail::new(self.bytes_max)).push_line(text);
    }

    /// Takes what is said after the start of another test.
    pub(super) fn take_doubtful(&mut self) -> Option<HeadAndTail> {
        self.doubtful.take()
    }

    /// Makes the failure, of what was printed before `end`; `is_last` if the run's summary stands there as well.
    pub(super) fn into_failure(self, end: u64, is_last: bool) -> Failure {
        let text = self.output.into_text();
        let text = if is_last { before_summary(&text) } else { &text }.trim_end();
        let mut failure = Failure::bare(TestId::new("", self.name));
        let word = if self.word == "Failed" { "" } else { &self.word };
        if word == "Timeout" { detail::TIMEOUT } else { word }.clone_into(&mut failure.kind);
        failure.message = self.reason.into_text();
        if failure.message.is_empty() && (text.trim().is_empty() || word == "Timeout") {
            failure.message = match word {
                "" => "the test failed".to_owned(),
                "Timeout" => "the test timed out".to_owned(),
                "Not Run" => "the test could not be run".to_owned(),
                word => format!("the test ended with {word}"),
            };
        }
        excerpt::fill(&mut failure, text);
        detail::set_output(&mut failure, text, self.bytes_max);
        failure.duration = self.duration;
        failure.source = Some((self.start, end));
        failure
    }
}

/// Returns an output without the run's summary, which follows it.
fn before_summary(text: &str) -> &str {
    let at = text.rfind("% tests passed, ").and_then(|at| text[..at].rfind('\n'));
    at.map_or(text, |at| &text[..at])
}

/// Makes attempts of a failure that was not the last, and of those before it.
pub(super) fn attempts(mut failure: Failure) -> Vec<FailedAttempt> {
    let mut attempts = std::mem::take(&mut failure.attempts);
    attempts.push(FailedAttempt { kind: failure.kind, message: failure.message, output: failure.output });
    attempts
}
