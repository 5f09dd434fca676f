//! TeamCity's service messages: of PHPUnit (`--teamcity`), and of the reporters and plug-ins of other runners.
//!
//! Ids are spelt as in the runner's own reports where the messages tell how: PHPUnit's place names the class; a qualified
//! name holds its class, outside suites or in that of an assembly; else the suite is the titles around the test joined by
//! spaces, as mocha's. pytest's plug-in calls a failed teardown a test of its own, which JUnit reports do not.
//!
//! A test that was started and ended has passed unless something else was said in between. A failure of a test that was
//! not started counts, as that of a hook, unless a running test can have printed it.
//!
//! The fixtures are what PHPUnit 9.6, Catch2 2.13, teamcity-messages 1.33 (with pytest 9.2) and mocha-teamcity-reporter 4
//! (with mocha 10) printed.

mod id;
mod message;
mod test;

use std::collections::HashMap;

use crate::ingest::recorder::{OutputBudget, Recorder};
use crate::ingest::source::Line;
use crate::ingest::teamcity::message::Message;
use crate::ingest::teamcity::test::Test;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader, suite_name};
use crate::model::{FailedAttempt, Failure, FlakyPass, Outcome, TestCase, TestId};

/// TeamCity's service messages.
pub(super) struct Teamcity;

/// Tests that run at once, and flows with suites; more than any build has.
const OPEN_MAX: usize = 256;

/// Suites that are open in one another.
const DEPTH_MAX: usize = 64;

impl Format for Teamcity {
    fn name(&self) -> &'static str {
        "teamcity"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let is_of_tests = |line: &str| message::find(line).is_some_and(|(_, message)| message.kind.starts_with("test"));
        let reason = "there is no message like `##teamcity[testStarted name='a']`";
        text.lines().any(is_of_tests).then_some(Likeness::Certain).ok_or(reason)
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Build::new(hints.clone())))
    }
}

/// Text of a runner that goes with its messages, and which no other format is to read as results.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Frame {
    Pytest,
    Phpunit,
}

impl Frame {
    fn begun_by(line: &str) -> Option<Self> {
        if line.starts_with("===") && line.contains(" test session starts ") {
            return Some(Self::Pytest);
        }
        (line.starts_with("PHPUnit ") && line.contains(" by Sebastian Bergmann")).then_some(Self::Phpunit)
    }

    fn is_ended_by(self, line: &str) -> bool {
        match self {
            Self::Pytest => {
                line.starts_with('=') && line.ends_with('=') && line.contains(" in ") && line.contains("s =")
            }
            Self::Phpunit => ["OK (", "OK, ", "Tests: "].iter().any(|words| line.starts_with(words)),
        }
    }
}

/// A suite that is open.
struct Suite {
    name: String,
    /// The titles from the outermost suite to this one.
    titles: String,
}

/// One log.
struct Build {
    hints: Hints,
    outputs: OutputBudget,
    /// The suites that are open, by flow, the innermost last.
    suites: HashMap<String, Vec<Suite>>,
    /// The flow in which a suite was opened last.
    latest_flow: String,
    /// Titles of suites that are nodes of a tree, by their id.
    nodes: HashMap<String, String>,
    /// Tests that run, the latest last.
    running: Vec<Test>,
    /// Whether tests that fail are tried again, and what failed so far.
    is_retrying: bool,
    failed: Vec<Option<(Outcome, Failure)>>,
    places: HashMap<TestId, usize>,
    n_announced: u64,
    n_results: u64,
    /// Whether unittest's sum of them has begun.
    is_summed: bool,
    /// The frame that has begun, and whether messages stand in it.
    frame: Option<(Frame, bool)>,
    end: u64,
}

impl Lines for Build {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        self.end = line.offset + line.text.len() as u64 + 1;
        let Some((before, message)) = message::find(line.text) else { return self.text(line, to) };
        // pytest shows how far it is.
        if !before.trim().is_empty() && !before.ends_with("%]") {
            self.running.last_mut().into_iter().for_each(|test| test.print_line(before));
        }
        let is_framed = self.frame.iter_mut().any(|(_, has_messages)| !std::mem::replace(has_messages, true));
        self.message(message, line.offset, to);
        if is_framed { Owner::ThisAndBefore } else { Owner::This }
    }

    fn end(&mut self, to: &mut Recorder) {
        for test in std::mem::take(&mut self.running) {
            self.leave(test, to);
        }
        for (outcome, failure) in std::mem::take(&mut self.failed).into_iter().flatten() {
            to.fail(outcome, failure);
        }
        let (n_announced, n_results) = (self.n_announced, self.n_results);
        if n_results < n_announced {
            to.complain(self.end, format!("{n_announced} tests were announced, and {n_results} have a result"));
        }
    }
}

impl Build {
    fn new(hints: Hints) -> Self {
        Self {
            outputs: OutputBudget::new(&hints),
            hints,
            suites: HashMap::new(),
            latest_flow: String::new(),
            nodes: HashMap::new(),
            running: Vec::new(),
            is_retrying: false,
            failed: Vec::new(),
            places: HashMap::new(),
            n_announced: 0,
            n_results: 0,
            is_summed: false,
            frame: None,
            end: 0,
        }
    }

    /// Takes a line without a message: the output of the test that was started last, or of nobody's tests.
    fn text(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        if let Some(test) = self.running.last_mut() {
            if !test.is_ended_by(line.text) {
                test.print_line(line.text);
                return Owner::This;
            }
            self.running.pop().into_iter().for_each(|test| self.leave(test, to));
        }
        if self.is_summed_by(line.text) {
            return Owner::This;
        }
        self.frame = Frame::begun_by(line.text).map(|frame| (frame, false)).or(self.frame);
        let Some((frame, has_messages)) = self.frame else { return Owner::Other };
        self.frame = self.frame.filter(|_| !frame.is_ended_by(line.text));
        if has_messages { Owner::This } else { Owner::Other }
    }

    /// Tells whether a line is of the words in which unittest sums up what the messages told already.
    fn is_summed_by(&mut self, text: &str) -> bool {
        let n_ran = text.strip_prefix("Ran ").and_then(|rest| rest.split_once(" test")?.0.parse::<u64>().ok());
        if n_ran.is_some_and(|n| n > 0 && n == self.n_results) {
            self.is_summed = true;
            return true;
        }
        let is_verdict = text == "OK" || ["OK (", "FAILED ("].iter().any(|words| text.starts_with(words));
        let is_own = self.is_summed && (is_verdict || text.is_empty());
        self.is_summed &= !is_verdict;
        is_own
    }

    fn message(&mut self, message: Message<'_>, at: u64, to: &mut Recorder) {
        match message.kind {
            "testSuiteStarted" => self.begin_suite(message),
            "testSuiteFinished" => self.end_suite(message, to),
            "testStarted" => self.begin(message, at, to),
            "testFinished" => self.finish(message, to),
            "testFailed" => self.fail(message, at, to),
            "testIgnored" => self.ignore(message, to),
            "testStdOut" | "testStdErr" => {
                let [out] = message.texts(["out"]);
                self.running(message).into_iter().for_each(|test| test.print(&out));
            }
            "testMetadata" => {
                let [name, value, test_name] = message.texts(["name", "value", "testName"]);
                let test = self.running.iter_mut().rfind(|test| test_name.is_empty() || test.is_named(&test_name));
                if let Some(test) = test {
                    test.add_property(&name, &value);
                }
            }
            "testCount" => {
                let [count] = message.texts(["count"]);
                self.n_announced = self.n_announced.saturating_add(count.parse().unwrap_or(0));
            }
            "testRetrySupport" => self.is_retrying = message.texts(["enabled"])[0] == "true",
            "buildProblem" => {
                let [description] = message.texts(["description"]);
                to.complain(at, format!("the build has a problem: {}", description.trim()));
            }
            _ => {}
        }
    }

    fn begin_suite(&mut self, message: Message<'_>) {
        let [name, flow, node, parent] = message.texts(["name", "flowId", "nodeId", "parentNodeId"]);
        if !node.is_empty() {
            let around = self.nodes.get(&*parent).map_or("", |titles| titles);
            let titles = id::nested(around, &name);
            if self.nodes.len() < OPEN_MAX * DEPTH_MAX {
                self.nodes.insert(node.into_owned(), titles);
            }
            return;
        }
        if self.suites.len() >= OPEN_MAX && !self.suites.contains_key(&*flow) {
            return;
        }
        flow.as_ref().clone_into(&mut self.latest_flow);
        let suites = self.suites.entry(flow.into_owned()).or_default();
        let titles = id::nested(suites.last().map_or("", |suite| &suite.titles), &name);
        if suites.len() < DEPTH_MAX {
            suites.push(Suite { name: suite_name(&name).to_owned(), titles });
        }
    }

    /// Ends a suite; a test in it that has not ended never will.
    fn end_suite(&mut self, message: Message<'_>, to: &mut Recorder) {
        let [name, flow, node] = message.texts(["name", "flowId", "nodeId"]);
        if !node.is_empty() {
            self.nodes.remove(&*node);
            return;
        }
        let Some(suites) = self.suites.get_mut(&*flow) else { return };
        let Some(depth) = suites.iter().rposition(|suite| suite.name == suite_name(&name)) else { return };
        suites.truncate(depth);
        if suites.is_empty() {
            self.suites.remove(&*flow);
        }
        while let Some(place) = self.running.iter().position(|test| test.is_deeper(&flow, depth)) {
            let mut test = self.running.remove(place);
            test.die();
            self.conclude(test, to);
        }
    }

    /// Returns the titles of the suites that a test in `flow` stands in, and their number.
    fn titles(&self, flow: &str, parent: &str) -> (&str, usize) {
        if let Some(titles) = self.nodes.get(parent) {
            return (titles, 0);
        }
        let suites = self.suites.get(flow).or_else(|| self.suites.get(&self.latest_flow));
        suites.map_or(("", 0), |suites| (suites.last().map_or("", |suite| &suite.titles), suites.len()))
    }

    fn begin(&mut self, message: Message<'_>, at: u64, to: &mut Recorder) {
        let [flow, parent] = message.texts(["flowId", "parentNodeId"]);
        let (titles, depth) = self.titles(&flow, &parent);
        let test = Test::new(message, titles, depth, &self.hints, at);
        if let Some(place) = self.running.iter().position(|running| running.is_same(&test)) {
            let before = self.running.remove(place);
            self.leave(before, to);
        }
        if self.running.len() >= OPEN_MAX {
            let oldest = self.running.remove(0);
            self.leave(oldest, to);
        }
        self.running.push(test);
    }

    /// Returns the running test that a message is about.
    fn running(&mut self, message: Message<'_>) -> Option<&mut Test> {
        let place = self.place(message)?;
        self.running.get_mut(place)
    }

    fn place(&self, message: Message<'_>) -> Option<usize> {
        let [name, flow, node] = message.texts(["name", "flowId", "nodeId"]);
        let is_meant = |test: &Test| test.is_meant(&flow, if node.is_empty() { &name } else { &node });
        self.running.iter().rposition(is_meant)
    }

    fn fail(&mut self, message: Message<'_>, at: u64, to: &mut Recorder) {
        if let Some(test) = self.running(message) {
            return test.fail(message);
        }
        let [name, flow, parent] = message.texts(["name", "flowId", "parentNodeId"]);
        let is_idle = !self.running.iter().any(|test| test.is_in(&flow));
        if !(self.running.is_empty() || is_idle && self.suites.contains_key(&*flow)) {
            let reason = "which was not started, may be printed by another test; it does not count";
            return to.complain(at, format!("a failure of test {name:?}, {reason}"));
        }
        let (titles, depth) = self.titles(&flow, &parent);
        let mut test = Test::new(message, titles, depth, &self.hints, at);
        test.fail(message);
        self.conclude(test, to);
    }

    fn ignore(&mut self, message: Message<'_>, to: &mut Recorder) {
        if let Some(test) = self.running(message) {
            test.ignore();
        } else if self.running.is_empty() {
            let [flow, parent] = message.texts(["flowId", "parentNodeId"]);
            let (titles, depth) = self.titles(&flow, &parent);
            let mut test = Test::new(message, titles, depth, &self.hints, self.end);
            test.ignore();
            self.conclude(test, to);
        }
    }

    fn finish(&mut self, message: Message<'_>, to: &mut Recorder) {
        let Some(place) = self.place(message) else { return };
        let mut test = self.running.remove(place);
        test.take_duration(message);
        self.conclude(test, to);
    }

    /// Reports a test that has not ended: what failed failed and what was dying died; of another nothing is known.
    fn leave(&mut self, mut test: Test, to: &mut Recorder) {
        if test.is_dying() {
            test.die();
        }
        if test.is_red() {
            return self.conclude(test, to);
        }
        to.complain(self.end, format!("test {} was started and has not ended; how it ended is unknown", test.id()));
    }

    fn conclude(&mut self, test: Test, to: &mut Recorder) {
        self.n_results += 1;
        let TestCase { id, outcome, duration, failure } = test.into_case(self.end);
        match failure {
            Some(failure) if self.is_retrying => self.hold(outcome, failure),
            Some(failure) => to.fail(outcome, failure),
            None => match self.places.remove(&id).and_then(|place| self.failed[place].take()) {
                Some((_, failure)) if outcome == Outcome::Passed => {
                    to.pass_flaky(FlakyPass { id, attempts: attempts(failure) });
                }
                _ => to.tally_timed(&id.suite, &id.name, outcome, duration),
            },
        }
    }

    /// Holds a failure that may yet turn out to be a failed attempt.
    fn hold(&mut self, outcome: Outcome, mut failure: Failure) {
        let place = *self.places.entry(failure.id.clone()).or_insert_with(|| {
            self.failed.push(None);
            self.failed.len() - 1
        });
        if let Some((_, before)) = self.failed[place].take() {
            failure.attempts = attempts(before);
        }
        self.outputs.shorten(&mut failure);
        self.failed[place] = Some((outcome, failure));
    }
}

/// Makes attempts of a failure that was not the last, and of those before it.
fn attempts(mut failure: Failure) -> Vec<FailedAttempt> {
    let mut attempts = std::mem::take(&mut failure.attempts);
    attempts.push(FailedAttempt { kind: failure.kind, message: failure.message, output: failure.output });
    attempts
}

#[cfg(test)]
mod tests;
