//! libtest's JSON events (`--format json`), and nextest's (`--message-format libtest-json-plus`).
//!
//! Events stand one a line among whatever else was printed; what is no event is read past, but for cargo's headers,
//! which name suites as in `cargo_text`, and cargo's own JSON. Of nextest's events, the suite is nextest's binary id, and the
//! number of the attempt (`name#3`) is not part of the name. Passes are believed when their suite ends with as many.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;
use std::time::Duration;

use memchr::memmem::Finder;
use regex::Regex;
use serde::Deserialize;

use crate::ingest::cargo_json::Messages;
use crate::ingest::cargo_text::{run, suite};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::unsettled::Unsettled;
use crate::ingest::{ABORTED, Format, Hints, Likeness, Lines, Owner, Reader, detail, nextest, pattern};
use crate::model::{FailedAttempt, Failure, FlakyPass, Outcome, TestId};

/// libtest's JSON events.
pub(super) struct LibtestJson;

/// How an event begins, with any space libtest puts between.
static EVENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\{ ?"type": ?"(?:suite|test|bench)", ?"(?:event|name)": ?""#));

/// The key with which every event begins.
static TYPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"type\":"));

/// The name in an event; until 2019 libtest did not escape it, so a Windows path in it breaks the JSON.
static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r#""name": "(?P<name>[^"]*)""#));

/// Tests that are remembered to be running.
const RUNNING_MAX: usize = 10_000;

/// Attempts of a test that are kept.
const ATTEMPTS_MAX: usize = 100;

impl Format for LibtestJson {
    fn name(&self) -> &'static str {
        "libtest-json"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let found =
            EVENT.find(text).ok_or("there is no event like `{ \"type\": \"suite\", \"event\": \"started\" … }`")?;
        let before = &text[..found.start()];
        // Nextest's own text tells the same and more.
        let is_beside_text = before.contains("\ntest result: ") || nextest::begins(before);
        Ok(if is_beside_text { Likeness::Possible } else { Likeness::Certain })
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Events {
            output_bytes_max: hints.output_bytes_max,
            suite: Suite { name: hints.suite.clone().unwrap_or_default(), ..Suite::default() },
            next: None,
            binaries: HashMap::new(),
            running: BTreeSet::new(),
            open: None,
            messages: Messages::new(hints.output_bytes_max),
        }))
    }
}

/// One event; the fields of all kinds.
#[derive(Deserialize)]
struct Event<'t> {
    #[serde(rename = "type")]
    kind: &'t str,
    #[serde(rename = "event")]
    what: Option<&'t str>,
    #[serde(borrow, default)]
    name: Cow<'t, str>,
    #[serde(default)]
    test_count: u64,
    #[serde(default)]
    passed: u64,
    #[serde(default)]
    failed: u64,
    #[serde(default)]
    measured: u64,
    #[serde(borrow, alias = "duration")]
    exec_time: Option<Time<'t>>,
    stdout: Option<String>,
    stderr: Option<String>,
    message: Option<String>,
    reason: Option<String>,
    nextest: Option<Binary>,
}

/// A time, as numbers or in old versions as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Time<'t> {
    Seconds(f64),
    #[serde(borrow)]
    Text(Cow<'t, str>),
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

/// A binary of a nextest run.
struct OfNextest {
    id: String,
    n_announced: u64,
    n_results: u64,
    is_ended: bool,
}

/// The suite that the latest header of cargo's named.
#[derive(Default)]
struct Suite {
    name: String,
    binary: Option<String>,
    n_red: u64,
    has_failed: bool,
}

/// A suite that has begun and not ended.
struct OpenSuite {
    n_announced: u64,
    n_results: u64,
    n_failed: u64,
    passed: Unsettled,
    offset: u64,
}

/// The events of a log.
struct Events {
    output_bytes_max: usize,
    suite: Suite,
    /// What a header named while another suite was open.
    next: Option<Suite>,
    /// The binaries of nextest's events, by what it puts before names.
    binaries: HashMap<String, OfNextest>,
    /// Tests that have begun and not ended.
    running: BTreeSet<String>,
    open: Option<OpenSuite>,
    messages: Messages,
}

impl Lines for Events {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        let text = line.text;
        if let Some(start) = event_start(text) {
            return self.events(line, start, to);
        }
        if text.starts_with("{\"reason\":") && self.messages.line(line) {
            return Owner::This;
        }
        if let Some((name, binary)) = suite::of_header(text) {
            self.next = Some(Suite { name, binary, ..Suite::default() });
            if self.open.is_none() {
                self.enter_next();
            }
            // Other formats name their suites by these lines, too.
            return Owner::Other;
        }
        if suite::says_failed(text) {
            self.suite.has_failed = true;
            return Owner::This;
        }
        if self.suite.has_failed
            && let Some((command, how)) = suite::process_end(text)
        {
            self.die(command, how, to);
            return Owner::This;
        }
        if self.open.is_some() { Owner::This } else { Owner::Other }
    }

    fn end(&mut self, to: &mut Recorder) {
        if self.next.is_some() {
            self.end_dead(None, to);
        }
        self.settle(None, to);
        for binary in std::mem::take(&mut self.binaries).into_values().filter(|binary| !binary.is_ended) {
            if binary.n_results < binary.n_announced {
                to.complain(0, cut_short(&binary.id, binary.n_announced, binary.n_results));
            }
        }
        for failure in self.messages.take_failures() {
            to.fail(Outcome::Errored, failure);
        }
    }
}

/// Returns where an event may begin in a line.
fn event_start(line: &str) -> Option<usize> {
    let at = TYPE.find(line.as_bytes())?;
    let before = line[..at].trim_end_matches(' ');
    before.ends_with('{').then(|| before.len() - 1)
}

impl Events {
    /// Reads the events of a line.
    fn events(&mut self, line: &Line<'_>, start: usize, to: &mut Recorder) -> Owner {
        let json = &line.text[start..];
        let mut n_read = 0;
        let mut read = serde_json::Deserializer::from_str(json).into_iter::<Event<'_>>();
        let mut owner = Owner::Other;
        while let Some(Ok(event)) = read.next() {
            n_read = read.byte_offset();
            owner = if self.event(event, line, to) == Owner::This { Owner::This } else { owner };
        }
        if n_read > 0 || !EVENT.is_match(json) {
            return owner;
        }
        match serde_json::from_str(&repaired(json)) {
            Ok(event) => self.event(event, line, to),
            Err(error) => {
                to.complain(line.offset, format!("an event cannot be read: {error}"));
                Owner::This
            }
        }
    }

    fn event(&mut self, event: Event<'_>, line: &Line<'_>, to: &mut Recorder) -> Owner {
        match (event.kind, event.what) {
            ("suite", Some("started")) => self.begin_suite(&event, line.offset, to),
            ("suite", Some(_)) => self.end_suite(&event, to),
            ("test", Some("started")) => {
                if self.running.len() < RUNNING_MAX {
                    self.running.insert(event.name.into_owned());
                }
            }
            ("test", Some("ok")) | ("bench", _) => self.result(event, Outcome::Passed, line, to),
            ("test", Some("failed")) => self.result(event, Outcome::Failed, line, to),
            ("test", Some("ignored" | "allowed_failure")) => self.result(event, Outcome::Skipped, line, to),
            ("test", Some("timeout")) | ("report", _) => {}
            _ => return Owner::Other,
        }
        Owner::This
    }

    fn begin_suite(&mut self, event: &Event<'_>, offset: u64, to: &mut Recorder) {
        // Suites of nextest run side by side, so none ends another.
        if let Some(binary) = &event.nextest {
            let (id, n_announced) = (binary.id(), event.test_count);
            let of_nextest = OfNextest { id, n_announced, n_results: 0, is_ended: false };
            self.binaries.entry(format!("{}::{}", binary.package, binary.name)).or_insert(of_nextest);
            return;
        }
        self.end_dead(None, to);
        self.enter_next();
        let passed = Unsettled::new(to.is_heard());
        self.open = Some(OpenSuite { n_announced: event.test_count, n_results: 0, n_failed: 0, passed, offset });
    }

    fn end_suite(&mut self, event: &Event<'_>, to: &mut Recorder) {
        if let Some(binary) = &event.nextest {
            if let Some(known) = self.binaries.get_mut(&format!("{}::{}", binary.package, binary.name)) {
                known.is_ended = true;
            }
            return;
        }
        self.settle(Some(event), to);
        self.enter_next();
    }

    /// Goes on with the suite that a header named.
    fn enter_next(&mut self) {
        if let Some(next) = self.next.take() {
            self.suite = next;
        }
    }

    /// Reports the passed tests of the open suite: as many as its last event counts, or without one, those that were named.
    fn settle(&mut self, event: Option<&Event<'_>>, to: &mut Recorder) {
        let Some(open) = self.open.take() else { return };
        self.running.clear();
        let Some(event) = event else {
            let of = if self.suite.name.is_empty() { "a suite" } else { &self.suite.name };
            to.complain(open.offset, cut_short(of, open.n_announced, open.n_results));
            return open.passed.tally(Outcome::Passed, to);
        };
        open.passed.tally_counted(Outcome::Passed, event.passed.saturating_add(event.measured), to);
        if open.n_failed < event.failed {
            let reason = format!("a suite counts {} failed tests, and {} are told of", event.failed, open.n_failed);
            to.complain(open.offset, reason);
        }
    }

    fn result(&mut self, event: Event<'_>, outcome: Outcome, line: &Line<'_>, to: &mut Recorder) {
        let (name, n_attempts) = self.attempt(&event.name);
        self.running.remove(name);
        let of_nextest = name.split_once('$');
        let binary = of_nextest.and_then(|(binary, _)| self.binaries.get_mut(binary));
        let id = match (binary, of_nextest) {
            (Some(binary), Some((_, name))) => {
                binary.n_results += 1;
                (Cow::Owned(binary.id.clone()), name)
            }
            (None, Some((binary, name))) => (Cow::Borrowed(binary), name),
            (_, None) => (Cow::Owned(self.suite.name.clone()), name),
        };
        let n_failed = n_attempts.saturating_sub(1).min(ATTEMPTS_MAX);
        let attempts = vec![FailedAttempt::default(); n_failed];
        let duration = event.exec_time.as_ref().and_then(Time::duration);
        if let Some(open) = &mut self.open {
            open.n_results += 1;
            open.n_failed += u64::from(outcome.is_red());
        }
        match (outcome, &mut self.open) {
            (Outcome::Failed | Outcome::Errored, _) => {
                self.suite.n_red += 1;
                let id = TestId::new(id.0, id.1);
                let end = line.offset + line.text.len() as u64;
                let known = Failure { duration, attempts, source: Some((line.offset, end)), ..Failure::bare(id) };
                to.fail(outcome, self.filled(known, event));
            }
            (Outcome::Passed, _) if !attempts.is_empty() => {
                to.pass_flaky(FlakyPass { id: TestId::new(id.0, id.1), attempts });
            }
            (Outcome::Passed, Some(open)) => open.passed.push(&id.0, id.1, duration),
            (Outcome::Passed | Outcome::Skipped, _) => to.tally_timed(&id.0, id.1, outcome, duration),
        }
    }

    /// Takes the number of the attempt from the name that nextest gives a test which was tried again.
    fn attempt<'n>(&self, name: &'n str) -> (&'n str, usize) {
        let is_of_nextest = name.contains('$') && !self.running.contains(name);
        match name.rsplit_once('#').filter(|_| is_of_nextest) {
            Some((base, number)) => number.parse().map_or((name, 1), |number| (base, number)),
            None => (name, 1),
        }
    }

    fn filled(&self, mut failure: Failure, event: Event<'_>) -> Failure {
        let mut texts: Vec<_> = event.stdout.into_iter().chain(event.stderr).collect();
        texts.extend(event.message.map(|message| format!("note: {message}")));
        if event.reason.is_some_and(|reason| reason == "time limit exceeded") {
            detail::TIMEOUT.clone_into(&mut failure.kind);
        }
        detail::fill(&mut failure, &texts.iter().map(String::as_str).collect::<Vec<_>>());
        detail::set_output(&mut failure, &texts.join("\n"), self.output_bytes_max);
        failure
    }

    /// Follows what cargo says of a process that failed.
    fn die(&mut self, command: &str, how: &str, to: &mut Recorder) {
        self.suite.has_failed = false;
        if self.open.is_some() {
            if suite::runs(command, self.suite.binary.as_deref()) {
                self.end_dead(Some(how), to);
            }
        } else if self.suite.n_red == 0 || how.starts_with("signal") {
            self.abort(how, run::died(how, std::iter::empty()), to);
        }
    }

    /// Ends the open suite without an event of its own: its process died.
    fn end_dead(&mut self, how: Option<&str>, to: &mut Recorder) {
        let Some(open) = &self.open else { return };
        let is_cut = open.n_results < open.n_announced;
        let message = run::died(how.unwrap_or_default(), self.running.iter().map(String::as_str));
        self.settle(None, to);
        if is_cut || how.is_some() {
            self.abort(how.unwrap_or_default(), message, to);
        }
    }

    fn abort(&mut self, how: &str, message: String, to: &mut Recorder) {
        self.suite.n_red += 1;
        let id = TestId::new(self.suite.name.as_str(), ABORTED);
        to.fail(Outcome::Errored, Failure { kind: how.to_owned(), message, ..Failure::bare(id) });
    }
}

fn cut_short(of: &str, n_announced: u64, n_results: u64) -> String {
    format!("{of} is cut short: {n_announced} tests announced, {n_results} reported, no end")
}

impl Time<'_> {
    fn duration(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Seconds(seconds) => *seconds,
            Self::Text(text) => text.trim_end_matches('s').parse().ok()?,
        };
        Duration::try_from_secs_f64(seconds).ok()
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
