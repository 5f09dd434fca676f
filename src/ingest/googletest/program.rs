//! One run of a googletest program.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::ingest::googletest::line::{End, Mark, Shape};
use crate::ingest::recorder::{OutputBudget, Recorder};
use crate::ingest::source::Line;
use crate::ingest::{Hints, detail, excerpt, suite_name};
use crate::model::{Failure, Outcome, TestId};
use crate::text::cap::HeadAndTail;

/// Bytes of names that are held of tests that did not fail.
const HELD_BYTES_MAX: usize = 8 << 20;

/// Suites of which it is kept what failed outside their tests.
const SUITES_MAX: usize = 256;

/// What a program did.
#[derive(Default)]
pub(super) struct Ended {
    tallies: Vec<(TestId, Outcome, Option<Duration>)>,
    n_held_bytes: usize,
    /// Numbers of tests that passed and that were skipped, by name unknown.
    n_passed: u64,
    n_skipped: u64,
    failures: Vec<(Outcome, Failure)>,
    complaints: Vec<(u64, String)>,
}

impl Ended {
    /// Reports it.
    pub(super) fn report(self, to: &mut Recorder) {
        for (id, outcome, duration) in self.tallies {
            to.tally_timed(&id.suite, &id.name, outcome, duration);
        }
        to.count_unnamed(Outcome::Passed, self.n_passed);
        to.count_unnamed(Outcome::Skipped, self.n_skipped);
        for (outcome, failure) in self.failures {
            to.fail(outcome, failure);
        }
        for (at, reason) in self.complaints {
            to.complain(at, reason);
        }
    }

    fn hold(&mut self, id: TestId, outcome: Outcome, duration: Option<Duration>) {
        self.n_held_bytes += id.suite.len() + id.name.len();
        if self.n_held_bytes <= HELD_BYTES_MAX {
            self.tallies.push((id, outcome, duration));
        } else if outcome == Outcome::Passed {
            self.n_passed += 1;
        } else {
            self.n_skipped += 1;
        }
    }
}

/// A test that runs.
struct Running {
    name: String,
    output: HeadAndTail,
    /// What was printed since another program seems to have begun.
    doubtful: HeadAndTail,
    start: u64,
}

impl Running {
    fn new(name: String, output: HeadAndTail, start: u64, bytes_max: usize) -> Self {
        Self { name, output, doubtful: HeadAndTail::new(bytes_max), start }
    }
}

/// The lists after all tests.
#[derive(Default)]
struct Lists {
    n_passed: Option<u64>,
    n_failed: Option<u64>,
    failed: HashSet<String>,
    suites: Vec<String>,
}

/// By what the beginning of a program is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Begun {
    /// By its header, which announces so many tests.
    Header(u64),
    /// By a test that runs: the header is missing.
    Test,
    /// By something else: it shows no beginnings of tests (`--gtest_brief`).
    Brief,
}

/// A program that runs.
pub(super) struct Program {
    bytes_max: usize,
    outputs: OutputBudget,
    /// Whether what it does is reported at once, for it can be no other's output.
    is_direct: bool,
    begun: Begun,
    running: Option<Running>,
    /// What was printed since the latest line of googletest's own, outside any test.
    said: HeadAndTail,
    said_from: u64,
    suite: String,
    /// What failed outside tests, by suite.
    suites_said: Vec<(String, String)>,
    n_passed: u64,
    n_results: u64,
    /// Failures, and their places by the name of the test.
    failures: Vec<(Outcome, Failure)>,
    failed: HashMap<String, usize>,
    /// The lists, once all tests have run.
    lists: Option<Lists>,
    ended: Ended,
    inner: Vec<Ended>,
    end: u64,
}

impl Program {
    pub(super) fn new(hints: &Hints, begun: Begun, is_direct: bool) -> Self {
        let bytes_max = hints.output_bytes_max;
        Self {
            bytes_max,
            outputs: OutputBudget::new(hints),
            is_direct,
            begun,
            running: None,
            said: HeadAndTail::new(bytes_max),
            said_from: 0,
            suite: String::new(),
            suites_said: Vec::new(),
            n_passed: 0,
            n_results: 0,
            failures: Vec::new(),
            failed: HashMap::new(),
            lists: None,
            ended: Ended::default(),
            inner: Vec::new(),
            end: 0,
        }
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn has_test(&self) -> bool {
        self.running.is_some()
    }

    /// Tells whether all its tests have run.
    pub(super) fn is_listing(&self) -> bool {
        self.lists.is_some()
    }

    /// Tells whether its test ends so.
    pub(super) fn is_running(&self, end: &End<'_>) -> bool {
        self.running.as_ref().is_some_and(|running| end.of_test(&running.name).is_some())
    }

    /// Takes a line that may be the output of its test.
    pub(super) fn overhear(&mut self, text: &str) {
        if let Some(running) = &mut self.running {
            running.doubtful.push_line(text);
        }
    }

    /// Holds what a program did that may have run in the output of this one's test.
    pub(super) fn hold_inner(&mut self, ended: Ended) {
        self.inner.push(ended);
    }

    /// Forgets what ran in the output of its test.
    pub(super) fn forget_inner(&mut self) {
        self.inner.clear();
    }

    /// Takes a line; tells whether it is the program's.
    pub(super) fn line(&mut self, line: &Line<'_>, found: &Shape<'_>, to: &mut Recorder) -> bool {
        self.end = line.offset + line.text.len() as u64 + 1;
        if let Some(running) = &mut self.running {
            match found {
                Shape::End(end) if end.of_test(&running.name).is_some() => self.end_test(*end, to),
                _ => running.output.push_line(line.text),
            }
            return true;
        }
        if let Some(lists) = &mut self.lists {
            return lists.line(line.text, found);
        }
        match *found {
            Shape::Running { .. } => {}
            Shape::Run { test } if self.begun != Begun::Brief => self.begin_test(test, line.offset),
            Shape::Disabled { test } => self.tally(test, Outcome::Skipped, None, to),
            Shape::Suite { name } => {
                self.end_said();
                suite_name(name).clone_into(&mut self.suite);
            }
            Shape::Ran { .. } => {
                self.end_said();
                self.lists = Some(Lists::default());
            }
            Shape::End(end) if self.begun == Begun::Brief || is_late(end) => self.end_unseen(end, line, to),
            _ => {
                if self.said.is_empty() {
                    self.said_from = line.offset;
                }
                self.said.push_line(line.text);
            }
        }
        true
    }

    /// Keeps what failed outside tests.
    fn end_said(&mut self) {
        let said = std::mem::replace(&mut self.said, HeadAndTail::new(self.bytes_max));
        if !said.is_empty() && self.suites_said.len() < SUITES_MAX {
            let said = said.into_text();
            if excerpt::of_failure(&said).is_some() {
                self.suites_said.push((self.suite.clone(), said));
            }
        }
    }

    fn begin_test(&mut self, name: &str, start: u64) {
        self.end_said();
        let output = HeadAndTail::new(self.bytes_max);
        self.running = Some(Running::new(name.to_owned(), output, start, self.bytes_max));
    }

    fn end_test(&mut self, end: End<'_>, to: &mut Recorder) {
        let Some(mut running) = self.running.take() else { return };
        let doubtful = std::mem::replace(&mut running.doubtful, HeadAndTail::new(0));
        running.output.push(&doubtful.into_text());
        running.output.push(end.before);
        let (parameters, time) = end.of_test(&running.name).unwrap_or_default();
        let duration = time.parse().ok().map(Duration::from_millis);
        match end.mark {
            Mark::Failed => {
                let failure = self.failure(running, parameters, duration);
                self.fail(Outcome::Failed, failure);
            }
            Mark::Skipped => self.tally(&running.name, Outcome::Skipped, duration, to),
            Mark::Ok | Mark::Passed => self.tally(&running.name, Outcome::Passed, duration, to),
        }
    }

    /// Takes the end of a test whose beginning was not shown: what was printed before is its output.
    fn end_unseen(&mut self, end: End<'_>, line: &Line<'_>, to: &mut Recorder) {
        let output = std::mem::replace(&mut self.said, HeadAndTail::new(self.bytes_max));
        let start = if output.is_empty() { line.offset } else { self.said_from };
        let name = end.test().to_owned();
        if name.contains('.') && end.of_test(&name).is_some() {
            self.running = Some(Running::new(name, output, start, self.bytes_max));
            self.end_test(end, to);
        }
    }

    fn failure(&self, running: Running, parameters: &str, duration: Option<Duration>) -> Failure {
        let output = running.output.into_text();
        let mut failure = Failure::bare(id(&running.name));
        excerpt::fill(&mut failure, output.trim_end());
        detail::set_output(&mut failure, &output, self.bytes_max);
        if let Some(parameters) = parameters.strip_prefix(", where ") {
            failure.properties.push(("where".to_owned(), parameters.to_owned()));
        }
        (failure.duration, failure.source) = (duration, Some((running.start, self.end)));
        failure
    }

    fn fail(&mut self, outcome: Outcome, mut failure: Failure) {
        self.n_results += 1;
        self.outputs.shorten(&mut failure);
        let name = format!("{}.{}", failure.id.suite, failure.id.name);
        self.failed.insert(name, self.failures.len());
        self.failures.push((outcome, failure));
    }

    fn tally(&mut self, name: &str, outcome: Outcome, duration: Option<Duration>, to: &mut Recorder) {
        self.n_results += 1;
        self.n_passed += u64::from(outcome == Outcome::Passed);
        let id = id(name);
        if self.is_direct {
            to.tally_timed(&id.suite, &id.name, outcome, duration);
        } else {
            self.ended.hold(id, outcome, duration);
        }
    }

    /// Ends the program at `at`; if it died, the test that ran has failed.
    pub(super) fn conclude(mut self, at: u64, has_died: bool) -> Ended {
        if let Some(running) = self.running.take() {
            if has_died {
                let mut failure = self.failure(running, "", None);
                if failure.message.is_empty() {
                    "the program died while the test ran".clone_into(&mut failure.message);
                }
                self.fail(Outcome::Errored, failure);
            } else {
                let reason = format!("the log ends while test {} runs; how it ended is unknown", running.name);
                self.ended.complaints.push((at, reason));
            }
        }
        let lists = self.lists.take();
        let is_over = lists.is_some();
        self.compare(lists.unwrap_or_default(), at);
        if let Begun::Header(n_announced) = self.begun
            && !is_over
            && self.n_results < n_announced
        {
            let reason = format!("{n_announced} tests were announced, and {} have a result", self.n_results);
            self.ended.complaints.push((at, reason));
        }
        self.ended.failures.append(&mut self.failures);
        for mut inner in self.inner {
            self.ended.tallies.append(&mut inner.tallies);
            self.ended.failures.append(&mut inner.failures);
            self.ended.complaints.append(&mut inner.complaints);
            self.ended.n_passed += inner.n_passed;
            self.ended.n_skipped += inner.n_skipped;
        }
        self.ended
    }

    /// Compares what was read with the lists at the end, which have the last word.
    fn compare(&mut self, lists: Lists, at: u64) {
        let n_failed = lists.n_failed.unwrap_or_default();
        let is_whole = self.begun != Begun::Brief && lists.n_passed.is_some() && n_failed == lists.failed.len() as u64;
        let mut missing: Vec<_> =
            lists.failed.iter().filter(|name| !self.failed.contains_key(*name)).cloned().collect();
        missing.sort_unstable();
        if is_whole {
            for (_, failure) in self.failures.extract_if(.., |(outcome, failure)| {
                let name = format!("{}.{}", failure.id.suite, failure.id.name);
                *outcome == Outcome::Failed && !lists.failed.contains(&name)
            }) {
                let reason =
                    format!("test {} is not among those that are listed as failed; it is left out", failure.id);
                self.ended.complaints.push((at, reason));
            }
        }
        for name in missing {
            let mut failure = Failure::bare(id(&name));
            "the program lists it as failed".clone_into(&mut failure.message);
            let reason = format!("the end of failed test {} is missing; it is known from the list", failure.id);
            self.ended.complaints.push((at, reason));
            self.fail(Outcome::Failed, failure);
        }
        for suite in lists.suites {
            let said = self.suites_said.iter().rfind(|(name, _)| *name == suite).map_or("", |(_, said)| said);
            let mut failure = Failure::bare(TestId::of_suite(suite_name(&suite)));
            excerpt::fill(&mut failure, said.trim_end());
            detail::set_output(&mut failure, said, self.bytes_max);
            self.failures.push((Outcome::Errored, failure));
        }
        let Some(n_passed) = lists.n_passed.filter(|n_passed| *n_passed != self.n_passed) else { return };
        if self.begun == Begun::Brief {
            self.ended.n_passed += n_passed.saturating_sub(self.n_passed);
        } else {
            let reason = format!("{n_passed} tests are said to have passed, and {} did", self.n_passed);
            self.ended.complaints.push((at, reason));
        }
    }
}

impl Lists {
    /// Takes a line after all tests; tells whether it is one of a list.
    fn line(&mut self, text: &str, found: &Shape<'_>) -> bool {
        let Shape::End(end) = found else {
            return text.starts_with(' ') && (text.contains(" FAILED TEST") || text.contains("YOU HAVE "));
        };
        let number = end.rest.split_once(" test").and_then(|(number, _)| number.parse().ok());
        match (end.mark, number) {
            (Mark::Passed, number) => self.n_passed = number,
            (Mark::Failed, Some(number)) => self.n_failed = Some(number),
            (Mark::Failed, None) => match end.rest.split_once(": ") {
                Some((suite, what)) if what.contains("TestSuite") || what.contains("TestCase") => {
                    self.suites.push(suite.to_owned());
                }
                _ => {
                    self.failed.insert(end.test().to_owned());
                }
            },
            (Mark::Skipped | Mark::Ok, _) => {}
        }
        true
    }
}

/// Tells whether it is the end of a test that had ended before, if what it printed was believed.
fn is_late(end: End<'_>) -> bool {
    end.mark == Mark::Failed && end.before.is_empty() && !end.is_without_time()
}

/// Returns the id of a test: `Prices/PriceTest.IsPositive/0`.
fn id(name: &str) -> TestId {
    let (suite, name) = name.split_once('.').unwrap_or(("", name));
    TestId::new(suite_name(suite), name)
}
