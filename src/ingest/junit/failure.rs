//! What is kept of the elements inside a case, and the failure or the flaky pass that is made of them.
//!
//! Elements come one after another, each whole or in pieces; what is kept of them is bounded, whatever their size.

use memchr::memchr;

use crate::ingest::junit::case::{self, PartKind};
use crate::ingest::junit::markup::{PlainText, attributes, element, unescape};
use crate::ingest::junit::properties::Properties;
use crate::ingest::junit::suites::Producer;
use crate::ingest::{Hints, detail};
use crate::model::{FailedAttempt, Failure, Location, TestId};
use crate::text::{ansi, cap};

/// Number of failures of one case of which the text is kept.
const TOLD_MAX: usize = 16;

/// Number of attempts at one test that are kept.
const ATTEMPTS_MAX: usize = 100;

/// The longest type of a failure kept, in bytes.
const KIND_BYTES_MAX: usize = 1 << 10;

/// What one attempt at a test came to.
#[derive(Debug, Default)]
struct Attempt {
    kind: String,
    message: String,
    location: Option<Location>,
    /// Message and text of each of its failures.
    told: Vec<String>,
    /// Failures of which nothing is kept.
    n_untold: usize,
    /// What the test printed in it.
    printed: PlainText,
}

impl Attempt {
    /// Reads what stands in the start tag of a failure.
    fn begin(after_name: &str, producer: Producer, bytes_max: usize) -> Self {
        let location = case::location(after_name, producer);
        let mut attempt = Self { location, printed: PlainText::new(bytes_max), ..Self::default() };
        for (attribute, value) in attributes(after_name) {
            match attribute {
                "type" => {
                    attempt.kind = unescape(&value[..value.floor_char_boundary(KIND_BYTES_MAX)]).into_owned();
                }
                "message" => {
                    let message = cap::head_and_tail(&unescape(value), bytes_max);
                    ansi::strip(&message).trim().clone_into(&mut attempt.message);
                }
                _ => {}
            }
        }
        attempt
    }

    /// Adds the text in the element; the message only where the text does not begin with it.
    fn tell(&mut self, body: String) {
        let is_repeated = body.trim_start().starts_with(&self.message);
        self.told.push(if is_repeated { body } else { joined(&[&self.message, &body]) });
    }

    /// Adds a further failure of the same attempt.
    fn add(&mut self, mut further: Self) {
        if self.told.len() < TOLD_MAX {
            self.told.append(&mut further.told);
        } else {
            self.n_untold += 1;
        }
    }

    fn told(&self) -> String {
        let mut told = joined(&self.told);
        if self.n_untold > 0 {
            told = format!("{told}\n[… {} further failures left out …]", self.n_untold);
        }
        told
    }
}

/// An element whose end is awaited.
#[derive(Debug)]
struct Open {
    kind: PartKind,
    attempt: Attempt,
    text: PlainText,
    /// Whether captured output inside the element is open.
    is_in_output: bool,
}

impl Open {
    /// Adds raw content of an attempt's element: its text, and the output captured in it as elements of their own.
    fn push_attempt(&mut self, raw: &str) {
        let mut rest = raw;
        while !rest.is_empty() {
            let target = if self.is_in_output { &mut self.attempt.printed } else { &mut self.text };
            let length = target.length_of_text(rest);
            let (text, after) = rest.split_at(length);
            if self.is_in_output || !is_blank(text) {
                target.push(text);
            }
            let tag = &after[..memchr(b'>', after.as_bytes()).map_or(after.len(), |end| end + 1)];
            match element(tag, "") {
                Some("system-out" | "system-err") => {
                    self.attempt.printed.end_line();
                    self.is_in_output = !tag.starts_with("</") && !tag.ends_with("/>");
                }
                _ => target.push(tag),
            }
            rest = &after[tag.len()..];
        }
    }
}

/// What is kept of the elements inside one case.
#[derive(Debug)]
pub(super) struct Elements {
    bytes_max: usize,
    open: Option<Open>,
    /// The attempt that the case's own failures and output are of.
    own: Option<Attempt>,
    output: PlainText,
    /// Failed attempts before and after that one.
    earlier: Vec<Attempt>,
    later: Vec<Attempt>,
    properties: Properties,
}

impl Elements {
    /// Keeps at most about `bytes_max` bytes of an attempt's text.
    pub(super) fn new(bytes_max: usize) -> Self {
        let output = PlainText::new(bytes_max);
        let (earlier, later, properties) = (Vec::new(), Vec::new(), Properties::default());
        Self { bytes_max, open: None, own: None, output, earlier, later, properties }
    }

    /// Begins an element with these attributes.
    pub(super) fn begin(&mut self, kind: PartKind, after_name: &str, producer: Producer) {
        let is_told = kind.is_red() || matches!(kind, PartKind::FlakyAttempt | PartKind::Rerun);
        let attempt = if is_told { Attempt::begin(after_name, producer, self.bytes_max) } else { Attempt::default() };
        self.open = Some(Open { kind, attempt, text: PlainText::new(self.bytes_max), is_in_output: false });
    }

    /// Adds raw content of the element.
    pub(super) fn push(&mut self, raw: &str) {
        match &mut self.open {
            Some(Open { kind: PartKind::Output, .. }) => self.output.push(raw),
            Some(Open { kind: PartKind::Properties, .. }) => self.properties.read(raw),
            Some(Open { kind: PartKind::Skipped | PartKind::Other, .. }) | None => {}
            Some(open @ Open { kind: PartKind::FlakyAttempt | PartKind::Rerun, .. }) => open.push_attempt(raw),
            Some(open) => open.text.push(raw),
        }
    }

    /// Ends the element.
    pub(super) fn end(&mut self) {
        let Some(Open { kind, mut attempt, text, .. }) = self.open.take() else { return };
        if kind == PartKind::Output {
            return self.output.end_line();
        }
        attempt.tell(text.into_text());
        match kind {
            PartKind::Failure | PartKind::Error => match &mut self.own {
                Some(own) => own.add(attempt),
                None => self.own = Some(attempt),
            },
            PartKind::FlakyAttempt => add_attempt(&mut self.earlier, attempt),
            PartKind::Rerun => add_attempt(&mut self.later, attempt),
            PartKind::Skipped | PartKind::Output | PartKind::Properties | PartKind::Other => {}
        }
    }

    /// Returns the case's own properties.
    pub(super) fn properties(&mut self) -> Properties {
        std::mem::take(&mut self.properties)
    }

    /// Makes the failure of a test: the last attempt is the failure, those before it are its attempts.
    pub(super) fn into_failure(self, id: TestId, hints: &Hints) -> Failure {
        let Self { own, output, earlier, later, .. } = self;
        let own = own.or_else(|| later.is_empty().then(Attempt::default));
        let own = own.map(|own| Attempt { printed: output, ..own });
        let tries = earlier.into_iter().chain(own).chain(later);
        let mut failures: Vec<_> = tries.map(|attempt| failure(attempt, &id, hints)).collect();
        let mut last = failures.pop().unwrap_or_else(|| Failure::bare(id));
        last.attempts = failures.into_iter().map(attempt_of).collect();
        last
    }

    /// Returns the failed attempts of a test that passed in the end.
    pub(super) fn into_attempts(self, id: &TestId, hints: &Hints) -> Vec<FailedAttempt> {
        let attempts = self.earlier.into_iter().chain(self.later);
        attempts.map(|attempt| attempt_of(failure(attempt, id, hints))).collect()
    }
}

/// Adds an attempt; when there are too many, in place of the last.
fn add_attempt(attempts: &mut Vec<Attempt>, attempt: Attempt) {
    if attempts.len() >= ATTEMPTS_MAX {
        attempts.pop();
    }
    attempts.push(attempt);
}

/// Turns the failure of an attempt that was not the last into what is kept of it.
pub(super) fn attempt_of(failure: Failure) -> FailedAttempt {
    FailedAttempt { kind: failure.kind, message: failure.message, output: failure.output }
}

/// Makes what is known of one attempt, and of what the test printed in it.
fn failure(attempt: Attempt, id: &TestId, hints: &Hints) -> Failure {
    let mut failure = Failure::bare(id.clone());
    let told = attempt.told();
    (failure.kind, failure.message, failure.location) = (attempt.kind, attempt.message, attempt.location);
    // Each may have what the other leaves, and half of the room at least.
    let room_beside = |text: &str| hints.output_bytes_max - text.len().min(hints.output_bytes_max / 2);
    let printed = attempt.printed.into_text_of(room_beside(&told));
    let told = cap::head_and_tail(&told, room_beside(&printed));
    // Of Rust, the report holds one panic and the output all of them, with what libtest says of them.
    let is_whole = !told.trim().is_empty() && !told.contains("panicked at ");
    let texts = [told.as_str(), printed.as_str()];
    let telling: Vec<_> = texts.into_iter().take(if is_whole { 1 } else { 2 }).filter(|text| !is_blank(text)).collect();
    detail::fill(&mut failure, &telling);
    ansi::strip(&joined(&texts)).trim_matches(['\n', '\r']).clone_into(&mut failure.output);
    failure
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Joins texts that are not blank with line breaks.
fn joined<S: AsRef<str>>(texts: &[S]) -> String {
    let texts = texts.iter().map(|text| text.as_ref().trim_end().trim_start_matches(['\n', '\r']));
    texts.filter(|text| !is_blank(text)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(parts: &[(PartKind, &str, &str)]) -> Elements {
        let mut elements = Elements::new(Hints::default().output_bytes_max);
        for (kind, attributes, content) in parts {
            elements.begin(*kind, attributes, Producer::Unknown);
            elements.push(content);
            elements.end();
        }
        elements
    }

    fn failure(parts: &[(PartKind, &str, &str)]) -> Failure {
        elements(parts).into_failure(TestId::new("s", "n"), &Hints::default())
    }

    #[test]
    fn several_failures_of_one_case_are_all_in_its_output() {
        let failure = failure(&[
            (PartKind::Output, "", "printed"),
            (PartKind::Failure, " message='one' type='T'", "at a.rs:1:2"),
            (PartKind::Error, " message='two'", "<![CDATA[body]]>"),
        ]);
        assert_eq!((failure.kind.as_str(), failure.message.as_str()), ("T", "one"));
        assert_eq!(failure.output, "one\nat a.rs:1:2\ntwo\nbody\nprinted");
        assert_eq!(failure.location.unwrap().to_string(), "a.rs:1:2");
    }

    #[test]
    fn of_very_many_failures_the_number_is_kept() {
        let failure = failure(&vec![(PartKind::Failure, " message='m'", ""); 1000]);
        assert!(failure.output.ends_with("m\n[… 984 further failures left out …]"), "{}", failure.output);
    }

    #[test]
    fn the_last_attempt_is_the_failure_and_those_before_it_are_its_attempts() {
        let failure = failure(&[
            (PartKind::Failure, " message='one'", ""),
            (PartKind::Rerun, " message='two' type='T'", "<stackTrace>at a</stackTrace>"),
            (
                PartKind::Rerun,
                " message='three'",
                "\n  <system-out>\nout</system-out>\n  <system-err><![CDATA[</system-err>]]></system-err>\n",
            ),
            (PartKind::Output, "", "of the first"),
        ]);
        let attempts: Vec<_> = failure.attempts.iter().map(|attempt| (&*attempt.message, &*attempt.output)).collect();
        assert_eq!(attempts, [("one", "one\nof the first"), ("two", "two\nat a")]);
        assert_eq!((failure.message.as_str(), failure.output.as_str()), ("three", "three\nout\n</system-err>"));
    }

    #[test]
    fn very_many_attempts_are_bounded_and_the_last_is_the_failure() {
        let mut parts = vec![(PartKind::Rerun, " message='m'", ""); 1000];
        parts.push((PartKind::Rerun, " message='last'", ""));
        let failure = failure(&parts);
        assert_eq!((failure.message.as_str(), failure.attempts.len()), ("last", ATTEMPTS_MAX - 1));
    }

    #[test]
    fn output_and_failure_share_the_room_there_is() {
        let long = "line\n".repeat(100_000);
        for (told, printed) in [(&*long, "printed"), ("told", &*long), (&*long, &*long)] {
            let output = failure(&[(PartKind::Failure, "", told), (PartKind::Output, "", printed)]).output;
            assert!(output.len() < (64 << 10) + 200, "{}", output.len());
            assert!(
                output.starts_with(&told[..4]) && output.ends_with(printed.trim_end().rsplit('\n').next().unwrap())
            );
        }
    }
}
