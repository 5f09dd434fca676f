//! libtest's JSON events (`--format json`), and nextest's (`--message-format libtest-json-plus`).
//!
//! Events stand one a line among whatever else was printed; what is no event is read past, but for cargo's headers,
//! which name suites as in `cargo_text`, and cargo's own JSON. Of nextest's events, the suite is nextest's binary id.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use crate::ingest::cargo_text::suite;
use crate::ingest::recorder::Recorder;
use crate::ingest::{ABORTED, Collected, Format, Hints, Likeness, Reader, cargo_json, detail, offset_in, pattern};
use crate::model::{Failure, Outcome, TestCase, TestId};
use crate::text::ansi;

/// libtest's JSON events.
pub(super) struct LibtestJson;

/// How an event begins, with any space libtest puts between.
static EVENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\{ ?"type": ?"(?:suite|test|bench)", ?"(?:event|name)": ?""#));

/// The name in an event; until 2019 libtest did not escape it, so a Windows path in it breaks the JSON.
static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r#""name": "(?P<name>[^"]*)""#));

/// Tests that are named of those that were running when their binary died.
const RUNNING_MAX: usize = 10;

impl Format for LibtestJson {
    fn name(&self) -> &'static str {
        "libtest-json"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let found =
            EVENT.find(text).ok_or("there is no event like `{ \"type\": \"suite\", \"event\": \"started\" … }`")?;
        let is_printed_by_a_test = text[..found.start()].contains("\ntest result: ");
        Ok(if is_printed_by_a_test { Likeness::Possible } else { Likeness::Certain })
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Collected::reader(hints, read)
    }
}

fn read(text: &str, hints: &Hints, reading: &mut Recorder) {
    let suite = hints.suite.clone().unwrap_or_default();
    let mut events = Events { text, hints, reading, suite, binaries: HashMap::new(), open: None };
    events.run();
}

/// One event; the fields of all kinds.
#[derive(Deserialize)]
struct Event<'t> {
    #[serde(rename = "type")]
    kind: &'t str,
    #[serde(rename = "event")]
    what: Option<&'t str>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    test_count: u64,
    stdout: Option<String>,
    stderr: Option<String>,
    message: Option<String>,
    reason: Option<String>,
    nextest: Option<Binary>,
}

/// What nextest adds to the events of a suite.
#[derive(Deserialize)]
struct Binary {
    #[serde(rename = "crate")]
    package: String,
    #[serde(rename = "test_binary")]
    name: String,
    kind: String,
}

/// A suite that has begun and not ended.
struct OpenSuite {
    n_announced: u64,
    n_results: u64,
    /// Tests that have begun and not ended.
    running: BTreeSet<String>,
    offset: usize,
}

struct Events<'t, 'r> {
    text: &'t str,
    hints: &'r Hints,
    reading: &'r mut Recorder,
    /// The suite that the latest header named.
    suite: String,
    /// Nextest's binary ids, by what it puts before names.
    binaries: HashMap<String, String>,
    open: Option<OpenSuite>,
}

impl Events<'_, '_> {
    fn run(&mut self) {
        let mut of_cargo = String::new();
        for line in self.text.lines() {
            let at = offset_in(self.text, line);
            if let Some(found) = EVENT.find(line) {
                self.line(&line[found.start()..], at);
            } else if line.starts_with("{\"reason\":") {
                of_cargo.push_str(line);
                of_cargo.push('\n');
            } else if let Some(suite) = suite::of_header(&ansi::strip(line)) {
                self.end_suite(true);
                self.suite = suite;
            }
        }
        self.end_suite(false);
        let build = cargo_json::read_build(of_cargo.as_bytes());
        for failure in cargo_json::failures(&build, self.hints.output_bytes_max) {
            self.reading.fail(Outcome::Errored, failure);
        }
    }

    fn line(&mut self, json: &str, at: usize) {
        let mut read = serde_json::Deserializer::from_str(json).into_iter::<Event<'_>>();
        if let Some(Ok(event)) = read.next() {
            return self.event(event, at);
        }
        match serde_json::from_str(&repaired(json)) {
            Ok(event) => self.event(event, at),
            Err(error) => self.reading.complain(at as u64, format!("an event cannot be read: {error}")),
        }
    }

    fn event(&mut self, event: Event<'_>, at: usize) {
        match (event.kind, event.what) {
            ("suite", Some("started")) => self.begin_suite(&event, at),
            ("suite", _) => self.open = None,
            ("test", Some("started")) => self.open.iter_mut().for_each(|open| {
                open.running.insert(event.name.clone());
            }),
            ("test", Some("ok")) | ("bench", _) => self.result(event, Outcome::Passed),
            ("test", Some("failed")) => self.result(event, Outcome::Failed),
            ("test", Some("ignored" | "allowed_failure")) => self.result(event, Outcome::Skipped),
            _ => {}
        }
    }

    fn begin_suite(&mut self, event: &Event<'_>, offset: usize) {
        // Suites of nextest run side by side, so none ends another.
        if let Some(binary) = &event.nextest {
            self.binaries.insert(format!("{}::{}", binary.package, binary.name), binary.id());
            return;
        }
        self.end_suite(true);
        self.open = Some(OpenSuite { n_announced: event.test_count, n_results: 0, running: BTreeSet::new(), offset });
    }

    fn result(&mut self, event: Event<'_>, outcome: Outcome) {
        if let Some(open) = &mut self.open {
            open.n_results += 1;
            open.running.remove(&event.name);
        }
        let (suite, name) = self.id(&event.name);
        let id = TestId::new(suite, name);
        let failure = outcome.is_red().then(|| self.failure(id.clone(), event));
        self.reading.record(TestCase { id, outcome, duration: None, failure });
    }

    /// Takes nextest's binary out of a name; a name of libtest's own is in the suite of the latest header.
    fn id<'n>(&self, name: &'n str) -> (Cow<'n, str>, &'n str) {
        match name.split_once('$') {
            Some((binary, name)) => match self.binaries.get(binary) {
                Some(suite) => (Cow::Owned(suite.clone()), name),
                None => (Cow::Borrowed(binary), name),
            },
            None => (Cow::Owned(self.suite.clone()), name),
        }
    }

    fn failure(&self, id: TestId, event: Event<'_>) -> Failure {
        let mut texts: Vec<_> = event.stdout.into_iter().chain(event.stderr).collect();
        texts.extend(event.message.map(|message| format!("note: {message}")));
        let mut failure = Failure::bare(id);
        if event.reason.is_some_and(|reason| reason == "time limit exceeded") {
            detail::TIMEOUT.clone_into(&mut failure.kind);
        }
        detail::fill(&mut failure, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        detail::set_output(&mut failure, &texts.join("\n"), self.hints.output_bytes_max);
        failure
    }

    /// Ends the open suite without an event of its own: its process died, if something else came after it.
    fn end_suite(&mut self, is_followed: bool) {
        let Some(open) = self.open.take() else { return };
        let (n_announced, n_results) = (open.n_announced, open.n_results);
        let reason = format!("a suite is cut short: {n_announced} tests announced, {n_results} reported, no end");
        self.reading.complain(open.offset as u64, reason);
        if is_followed && n_results < n_announced {
            let mut failure = Failure::bare(TestId::new(self.suite.as_str(), ABORTED));
            let running: Vec<_> = open.running.into_iter().take(RUNNING_MAX).collect();
            failure.message = format!("the test binary died while running {}", running.join(", "));
            self.reading.fail(Outcome::Errored, failure);
        }
    }
}

impl Binary {
    /// Returns the id that nextest gives the binary elsewhere.
    fn id(&self) -> String {
        match self.kind.as_str() {
            "lib" | "proc-macro" => self.package.clone(),
            "test" => format!("{}::{}", self.package, self.name),
            kind => format!("{}::{kind}/{}", self.package, self.name),
        }
    }
}

/// Escapes what should have been: backslashes in a name, and control characters anywhere.
fn repaired(json: &str) -> String {
    let escape = |found: &regex::Captures<'_>| format!("\"name\": \"{}\"", found["name"].replace('\\', "\\\\"));
    let json = NAME.replace(json.trim_end(), escape);
    json.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    fn read(text: &str) -> Reading {
        read_as("libtest-json", text.as_bytes(), &Hints::default()).unwrap()
    }

    const STARTED: &str = "{ \"type\": \"suite\", \"event\": \"started\", \"test_count\": 2 }\n{ \"type\": \"test\", \"event\": \"started\", \"name\": \"a\" }\n";

    #[test]
    fn a_suite_that_dies_names_what_was_running() {
        let log = format!(
            "     Running tests/x.rs (t/x-0123456789abcdef)\n{STARTED}     Running tests/y.rs (t/y-0123456789abcdef)\n"
        );
        let reading = read(&log);
        assert_eq!(reading.report.failures[0].id, TestId::new("x", "[aborted]"));
        assert_eq!(reading.report.failures[0].message, "the test binary died while running a");
        assert_eq!(read(STARTED).report.counts.tests, 0);
        assert_eq!(read(STARTED).complaints[0].reason, "a suite is cut short: 2 tests announced, 0 reported, no end");
    }

    #[test]
    fn names_that_are_no_json_are_repaired() {
        let reading =
            read("printed{ \"type\": \"test\", \"name\": \"src\\lib.rs - f (line 4)\", \"event\": \"failed\" }\n");
        assert_eq!(reading.report.failures[0].id.name, "src\\lib.rs - f (line 4)");
        assert_eq!(reading.complaints, []);
    }

    #[test]
    fn nextests_names_are_taken_apart() {
        let log = "{\"type\":\"suite\",\"event\":\"started\",\"test_count\":1,\"nextest\":{\"crate\":\"alpha\",\"test_binary\":\"integ\",\"kind\":\"test\"}}\n\
            {\"type\":\"test\",\"event\":\"failed\",\"name\":\"alpha::integ$deep::a\",\"stdout\":\"thread 'deep::a' panicked at t.rs:1:2:\\nboom\\n\"}\n";
        let failure = &read(log).report.failures[0];
        assert_eq!((failure.id.to_string().as_str(), failure.message.as_str()), ("alpha::integ deep::a", "boom"));
    }
}
