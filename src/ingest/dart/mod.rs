//! The JSON reporter of Dart's and Flutter's test runners: `dart test -r json`, `flutter test --machine`.
//!
//! The suite is the file's path with slashes, relative to the project if it is known; the name is the test's with those of
//! its groups. A file that cannot be loaded is a build that failed. A test that failed and passed when it was tried again
//! is flaky. One that fails after its end has failed, so the latest passes are held for a while; for an error that comes
//! still later only a number is known. The fixtures were made by hand after the protocol's document.

mod event;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use camino::Utf8Path;
use memchr::memmem;

use crate::ingest::dart::event::{Event, is_like};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::told::{Part, Told};
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader, suite_name, trace};
use crate::model::{FailedAttempt, FlakyPass, Outcome, TestId};
use crate::text::cap::head_and_tail;

/// The JSON reporter of Dart's and Flutter's test runners.
pub(super) struct Dart;

/// Suites whose path is known; more than any project has.
const SUITES_MAX: usize = 1 << 16;

/// Tests that run at once.
const RUNNING_MAX: usize = 1 << 10;

/// Passes that are held for an error after their end.
const PASSED_MAX: usize = 256;

/// Attempts that are kept of one test.
const ATTEMPTS_MAX: usize = 10;

/// The longest description of what Flutter caught, in bytes.
const CAUGHT_BYTES_MAX: usize = 16 << 10;

impl Format for Dart {
    fn name(&self) -> &'static str {
        "dart"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let has = |words: &str| memmem::find(text.as_bytes(), words.as_bytes()).is_some();
        let is_started = has("{\"protocolVersion\":\"") && has("\"runnerVersion\":");
        let is_going_on = has("{\"test\":{\"id\":") && has("\"suiteID\":");
        let reason = "there is no event like `{\"protocolVersion\":\"0.1.1\",\"runnerVersion\":…`";
        (is_started || is_going_on).then_some(Likeness::Certain).ok_or(reason)
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Run::new(hints.clone())))
    }
}

/// A test that was started.
struct Running {
    id: TestId,
    /// Whether it stands for the loading of a file.
    is_loading: bool,
    began: f64,
    told: Told,
    has_failed: bool,
    /// What Flutter printed of an exception, and its stack; the error then only refers to that.
    caught: [String; 2],
    attempts: Vec<FailedAttempt>,
}

/// One log.
struct Run {
    hints: Hints,
    /// Paths and platforms of suites by their number.
    suites: HashMap<u64, (String, String)>,
    running: HashMap<u64, Running>,
    /// Tests that have passed, the oldest first.
    passed: VecDeque<(u64, TestId, Duration)>,
    is_running: bool,
    n_red: u64,
    end: u64,
}

impl Lines for Run {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        self.end = line.offset + line.text.len() as u64 + 1;
        if !is_like(line.text) {
            // What tests write past the runner.
            return if self.is_running { Owner::This } else { Owner::Other };
        }
        if line.text.starts_with('{') {
            match serde_json::from_str(line.text) {
                Ok(event) => self.event(&event, line.offset, to),
                Err(error) => to.complain(line.offset, format!("an event cannot be read: {error}")),
            }
        }
        Owner::This
    }

    fn end(&mut self, to: &mut Recorder) {
        let was_running = self.is_running;
        self.end_run(to);
        if was_running {
            to.complain(self.end, "the run has no end; what it would have reported after that is unknown");
        }
    }
}

impl Run {
    fn new(hints: Hints) -> Self {
        let (suites, running, passed) = (HashMap::new(), HashMap::new(), VecDeque::new());
        Self { hints, suites, running, passed, is_running: false, n_red: 0, end: 0 }
    }

    fn event(&mut self, event: &Event<'_>, at: u64, to: &mut Recorder) {
        match &*event.kind {
            "start" => {
                self.end_run(to);
                self.is_running = true;
            }
            "suite" => self.enter_suite(event),
            "testStart" => self.start(event, at, to),
            "print" => self.print(event),
            "error" => self.error(event, at, to),
            "testDone" => self.done(event, at, to),
            "done" => {
                self.end_run(to);
                match event.success {
                    Some(false) if self.n_red == 0 => {
                        to.complain(at, "the run failed, but none of its tests did");
                    }
                    None => to.complain(at, "the run was broken off; tests may be missing"),
                    Some(_) => {}
                }
                self.n_red = 0;
            }
            _ => {}
        }
    }

    fn enter_suite(&mut self, event: &Event<'_>) {
        let Some(suite) = event.suite.as_ref().filter(|_| self.suites.len() < SUITES_MAX) else { return };
        let path = suite.path.as_deref().unwrap_or_default().replace('\\', "/");
        let path = self
            .hints
            .root
            .as_ref()
            .and_then(|root| Utf8Path::new(&path).strip_prefix(root).ok())
            .map_or(&*path, Utf8Path::as_str);
        let platform = suite.platform.as_deref().unwrap_or_default();
        self.suites.insert(suite.id, (suite_name(path).to_owned(), suite_name(platform).to_owned()));
    }

    fn start(&mut self, event: &Event<'_>, at: u64, to: &mut Recorder) {
        let Some(test) = &event.test else { return };
        self.is_running = true;
        if self.running.len() >= RUNNING_MAX {
            return to.complain(at, format!("too many tests run at once; {:?} is left out", test.name));
        }
        let (path, platform) = self.suites.get(&test.suite_id).map_or(("", ""), |(path, platform)| (path, platform));
        let is_loading = test.group_ids.is_empty() && test.name.starts_with("loading ");
        let id = if is_loading { TestId::build(path) } else { TestId::new(path, &*test.name) };
        let mut told = Told::new(&self.hints, at);
        if !matches!(platform, "" | "vm") {
            told.properties.add("platform", platform);
        }
        let place = |url: &str, line: u32, column: Option<u32>| {
            trace::place(url, &line.to_string(), column.map(|column| column.to_string()).as_deref())
        };
        let in_suite =
            test.root_url.as_deref().zip(test.root_line).and_then(|(url, line)| place(url, line, test.root_column));
        told.location = in_suite.or_else(|| place(test.url.as_deref()?, test.line?, test.column));
        let running = Running {
            id,
            is_loading,
            began: event.time,
            told,
            has_failed: false,
            caught: Default::default(),
            attempts: Vec::new(),
        };
        self.running.insert(test.id, running);
    }

    /// Takes what a test printed, and what the runner says of it.
    fn print(&mut self, event: &Event<'_>) {
        let Some(running) = self.running.get_mut(&event.test_id) else { return };
        let is_retried = event.message.strip_prefix("Retry: ").is_some_and(|name| *name == running.id.name);
        if is_retried && running.has_failed {
            let told = std::mem::replace(&mut running.told, Told::new(&self.hints, self.end));
            running.told.location.clone_from(&told.location);
            running.attempts.push(attempt(told, &running.id, self.end));
            running.attempts.truncate(ATTEMPTS_MAX);
            running.has_failed = false;
            return;
        }
        if let Some((said, stack)) = caught(&event.message) {
            running.caught = [head_and_tail(said, CAUGHT_BYTES_MAX), head_and_tail(stack, CAUGHT_BYTES_MAX)];
        }
        running.told.push(Part::Output, &event.message);
        running.told.push(Part::Output, "\n");
    }

    /// Takes an error; the first one's words are the message.
    fn error(&mut self, event: &Event<'_>, at: u64, to: &mut Recorder) {
        let Some(running) = self.running.get_mut(&event.test_id) else { return self.late_error(event, at, to) };
        let refers = event.error.starts_with("Test failed. See exception logs above") && !running.caught[0].is_empty();
        let caught = std::mem::take(&mut running.caught);
        let [error, stack] =
            if refers { caught.each_ref().map(String::as_str) } else { [&*event.error, &*event.stack_trace] };
        running.told.push(if running.has_failed { Part::Trace } else { Part::Message }, error.trim_end());
        running.told.push(Part::Trace, "\n");
        running.told.push(Part::Trace, stack.trim_end());
        running.told.push(Part::Trace, "\n");
        running.has_failed = true;
    }

    /// Takes an error that came after its test had ended.
    fn late_error(&mut self, event: &Event<'_>, at: u64, to: &mut Recorder) {
        let place = self.passed.iter().position(|(number, ..)| *number == event.test_id);
        let passed = place.and_then(|place| self.passed.remove(place));
        if passed.is_none() {
            to.complain(at, format!("an error is that of test {}, which had ended or is unknown", event.test_id));
        }
        let (id, duration) = passed.map_or_else(
            || (TestId::new("", format!("[test {}]", event.test_id)), None),
            |(_, id, duration)| (id, Some(duration)),
        );
        let mut told = Told::new(&self.hints, at);
        told.duration = duration;
        told.push(Part::Message, &event.error);
        told.push(Part::Trace, &event.stack_trace);
        self.n_red += 1;
        to.fail(if event.is_failure { Outcome::Failed } else { Outcome::Errored }, told.into_failure(id, self.end));
    }

    fn done(&mut self, event: &Event<'_>, at: u64, to: &mut Recorder) {
        let outcome = match &*event.result {
            "success" if event.skipped => Outcome::Skipped,
            "success" => Outcome::Passed,
            "failure" => Outcome::Failed,
            "error" => Outcome::Errored,
            other => {
                to.complain(at, format!("a test ended as {other:?}, which is unknown; it counts as skipped"));
                Outcome::Skipped
            }
        };
        let Some(running) = self.running.remove(&event.test_id) else {
            return self.done_unknown(event, outcome, at, to);
        };
        let duration = Duration::try_from_secs_f64((event.time - running.began) / 1000.0).unwrap_or_default();
        if outcome.is_red() {
            return self.fail(running, outcome, duration, to);
        }
        let mut attempts = running.attempts;
        if running.has_failed {
            attempts.push(attempt(running.told, &running.id, self.end));
        }
        if outcome == Outcome::Passed && !attempts.is_empty() {
            return to.pass_flaky(FlakyPass { id: running.id, attempts });
        }
        if event.hidden || running.is_loading {
            return;
        }
        if outcome == Outcome::Skipped {
            return to.tally_timed(&running.id.suite, &running.id.name, outcome, Some(duration));
        }
        self.passed.push_back((event.test_id, running.id, duration));
        if self.passed.len() > PASSED_MAX {
            self.pass_oldest(to);
        }
    }

    /// Takes the end of a test whose start is missing: what is stated counts.
    fn done_unknown(&mut self, event: &Event<'_>, outcome: Outcome, at: u64, to: &mut Recorder) {
        if outcome.is_red() {
            self.late_error(event, at, to);
        } else if !event.hidden && !self.passed.iter().any(|(number, ..)| *number == event.test_id) {
            to.complain(at, format!("the start of test {} is missing; it counts, but not by name", event.test_id));
            to.count_unnamed(outcome, 1);
        }
    }

    fn fail(&mut self, running: Running, outcome: Outcome, duration: Duration, to: &mut Recorder) {
        let Running { id, is_loading, mut told, mut attempts, has_failed, .. } = running;
        told.duration = Some(duration);
        let mut failure = told.into_failure(id, self.end);
        if !has_failed && let Some(last) = attempts.pop() {
            (failure.kind, failure.message, failure.output) = (last.kind, last.message, last.output);
        }
        failure.attempts = attempts;
        self.n_red += 1;
        to.fail(if is_loading { Outcome::Errored } else { outcome }, failure);
    }

    fn pass_oldest(&mut self, to: &mut Recorder) {
        if let Some((_, id, duration)) = self.passed.pop_front() {
            to.tally_timed(&id.suite, &id.name, Outcome::Passed, Some(duration));
        }
    }

    /// Ends the run: of a test that has not ended, an error is known or nothing.
    fn end_run(&mut self, to: &mut Recorder) {
        while !self.passed.is_empty() {
            self.pass_oldest(to);
        }
        let mut left: Vec<_> = std::mem::take(&mut self.running).into_iter().collect();
        left.sort_unstable_by_key(|(number, _)| *number);
        for (_, running) in left {
            if running.has_failed || !running.attempts.is_empty() {
                self.fail(running, Outcome::Errored, Duration::ZERO, to);
            } else {
                to.complain(
                    self.end,
                    format!("test {} was started and has not ended; how it ended is unknown", running.id),
                );
            }
        }
        self.suites.clear();
        self.is_running = false;
    }
}

fn attempt(told: Told, id: &TestId, end: u64) -> FailedAttempt {
    let failure = told.into_failure(id.clone(), end);
    FailedAttempt { kind: failure.kind, message: failure.message, output: failure.output }
}

/// Finds what Flutter says of an exception that it caught, and its stack.
fn caught(printed: &str) -> Option<(&str, &str)> {
    let block = printed.split_once("EXCEPTION CAUGHT BY ")?.1;
    let (_, said) = block.split_once("The following ")?.1.split_once(":\n")?;
    let (said, after) = said.split_once("\nWhen the exception was thrown, ").unwrap_or((said, ""));
    let stack = after.split_once('\n').map_or("", |(_, stack)| stack);
    Some((said, stack.split_once("\n\n").map_or(stack, |(stack, _)| stack)))
}

#[cfg(test)]
mod tests;
