//! A test between its start and its end.

use std::time::Duration;

use crate::ingest::teamcity::id::Named;
use crate::ingest::teamcity::message::Message;
use crate::ingest::told::{Part, Told};
use crate::ingest::{Hints, trace};
use crate::model::{Outcome, TestCase, TestId};
use crate::text::cap::head_and_tail;

/// The longest value of a comparison, in bytes.
const VALUE_BYTES_MAX: usize = 16 << 10;

/// Messages that say less than the details under them.
const UNTELLING: &[&str] = &["Error", "Failed", "Failure", "test setup failed", "test teardown failed"];

/// A test that was started.
pub(super) struct Test {
    flow: String,
    /// Its name, or the id of its node.
    key: String,
    /// Number of suites it stands in.
    depth: usize,
    id: TestId,
    outcome: Outcome,
    is_dying: bool,
    duration: Option<Duration>,
    told: Told,
}

impl Test {
    /// Takes what a message of any kind says of the test itself.
    pub(super) fn new(message: Message<'_>, titles: &str, depth: usize, hints: &Hints, at: u64) -> Self {
        let [name, flow, node, place, more] = message.texts(["name", "flowId", "nodeId", "locationHint", "metainfo"]);
        let id = Named { name: &name, flow: &flow, place: &place, more: &more, titles }.id();
        let mut told = Told::new(hints, at);
        told.location = place.strip_prefix("file://").and_then(|place| {
            let (file, line) = place.rsplit_once(':')?;
            trace::place(file, line, None)
        });
        Self {
            key: if node.is_empty() { name.into_owned() } else { node.into_owned() },
            flow: flow.into_owned(),
            depth,
            id,
            outcome: Outcome::Passed,
            is_dying: false,
            duration: None,
            told,
        }
    }

    pub(super) fn id(&self) -> &TestId {
        &self.id
    }

    pub(super) fn is_in(&self, flow: &str) -> bool {
        self.flow == flow
    }

    pub(super) fn is_meant(&self, flow: &str, key: &str) -> bool {
        self.flow == flow && self.key == key
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.is_meant(&other.flow, &other.key)
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        self.key == name
    }

    /// Tells whether it stands in a suite of `flow` that is deeper than `depth`.
    pub(super) fn is_deeper(&self, flow: &str, depth: usize) -> bool {
        self.flow == flow && self.depth > depth
    }

    pub(super) fn is_red(&self) -> bool {
        self.outcome.is_red()
    }

    /// Adds what it printed.
    pub(super) fn print(&mut self, text: &str) {
        self.told.push(Part::Output, text);
    }

    /// Adds a line that it printed; PHP's last words are that of a test that dies.
    pub(super) fn print_line(&mut self, line: &str) {
        if line.starts_with("PHP Fatal error: ") || line.starts_with("Fatal error: ") {
            self.is_dying = true;
            self.told.push(Part::Message, line);
        }
        self.print(line);
        self.print("\n");
    }

    /// Tells whether a line stands after all that a dying test says.
    pub(super) fn is_ended_by(&self, line: &str) -> bool {
        const LAST_WORDS: &[&str] = &["PHP ", "Fatal error: ", "Stack trace:", "#", "  thrown in "];
        self.is_dying && !line.is_empty() && !LAST_WORDS.iter().any(|words| line.starts_with(words))
    }

    pub(super) fn add_property(&mut self, name: &str, value: &str) {
        self.told.properties.add(name, value);
    }

    pub(super) fn ignore(&mut self) {
        if !self.is_red() {
            self.outcome = Outcome::Skipped;
        }
    }

    /// Takes a failure: the first one's words are its message.
    pub(super) fn fail(&mut self, message: Message<'_>) {
        let [text, details, error] = message.texts(["message", "details", "error"]);
        let [kind, expected, actual] = message.texts(["type", "expected", "actual"]);
        let is_first = !self.is_red();
        self.outcome = if error == "true" { Outcome::Errored } else { self.outcome.max(Outcome::Failed) };
        let (text, details) = (telling(&text, &details), details.trim_matches(['\n', ' ']));
        let part = if is_first { Part::Message } else { Part::Trace };
        self.told.push(part, text);
        self.told.push(part, "\n");
        self.told.push(Part::Trace, details);
        self.told.push(Part::Trace, "\n");
        if is_first && (kind == "comparisonFailure" || !expected.is_empty() || !actual.is_empty()) {
            let capped = |value: &str| head_and_tail(value, VALUE_BYTES_MAX);
            self.told.values = Some((capped(&expected), capped(&actual)));
        }
    }

    /// Takes that it died without having ended.
    pub(super) fn die(&mut self) {
        self.outcome = Outcome::Errored;
        if self.told.lacks(Part::Message) {
            self.told.push(Part::Message, "the test was started and never ended");
        }
    }

    pub(super) fn is_dying(&self) -> bool {
        self.is_dying
    }

    pub(super) fn take_duration(&mut self, message: Message<'_>) {
        let [milliseconds] = message.texts(["duration"]);
        let seconds = milliseconds.parse().ok().and_then(|n: f64| Duration::try_from_secs_f64(n / 1000.0).ok());
        self.duration = seconds;
    }

    /// Returns how it ended.
    pub(super) fn into_case(mut self, end: u64) -> TestCase {
        let (id, outcome, duration) = (self.id, self.outcome, self.duration);
        self.told.duration = duration;
        let failure = outcome.is_red().then(|| self.told.into_failure(id.clone(), end));
        TestCase { id, outcome, duration, failure }
    }
}

/// Returns what of a failure's message is worth reading first; where that is nothing, the details are.
fn telling<'t>(message: &'t str, details: &'t str) -> &'t str {
    let message = message.trim();
    // Catch2 puts the test's place before a rule of dots.
    let message = message.find("....\n").map_or(message, |rule| message[rule..].trim_start_matches('.').trim_start());
    // pytest's plug-in puts it into the first line.
    let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
    let is_place = first.ends_with(')') && first.contains(".py:");
    let message = if is_place { rest.trim() } else { message };
    let is_untelling = message.is_empty() || UNTELLING.contains(&message);
    let raised = details.lines().find_map(|line| line.strip_prefix("E   ")).filter(|_| is_place || is_untelling);
    match raised {
        Some(raised) => raised.trim(),
        None if is_untelling => "",
        None => message,
    }
}
