//! Bazel's Build Event Protocol as JSON (`--build_event_json_file`).
//!
//! A test is a target: the suite is empty, the name is its label. How it ended over all its runs, shards and attempts, its
//! summary says; a test that was flaky has passed. A target that could not be built is a build that failed, under its
//! label. What a test printed is known if Bazel showed it (`--test_output=errors`); else the failure names its log.
//! The fixtures were made by hand after the protocol's definition.

mod event;
mod printed;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use memchr::memmem;

use crate::ingest::bazel_bep::event::{Aborted, Event, Id, TestResult, TestSummary, is_like, is_of_interest};
use crate::ingest::bazel_bep::printed::Printed;
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::told::{Part, Told};
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader, detail, excerpt};
use crate::model::{FailedAttempt, Failure, FlakyPass, Outcome, TestId};

/// Bazel's Build Event Protocol.
pub(super) struct BazelBep;

/// Tests that have results but no summary yet.
const PENDING_MAX: usize = 1 << 14;

/// Attempts that failed which are kept of one test.
const ATTEMPTS_MAX: usize = 20;

impl Format for BazelBep {
    fn name(&self) -> &'static str {
        "bazel-bep"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        const OWN: &[&str] =
            &["\"buildToolVersion\":", "\"testSummary\":{", "\"testResult\":{", "\"targetCompleted\":{"];
        let has = |words: &&str| memmem::find(text.as_bytes(), words.as_bytes()).is_some();
        let is_stream = OWN.iter().any(has) && text.lines().any(is_like);
        is_stream.then_some(Likeness::Certain).ok_or("there is no event like `{\"id\":{\"started\":{}},…`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Stream::new(hints.clone())))
    }
}

/// Attempts at a test that failed.
#[derive(Default)]
struct Attempts {
    failed: Vec<FailedAttempt>,
    n_passed: u64,
    properties: Vec<(String, String)>,
    start: u64,
}

/// A target that failed, and what is told of it but for what it printed.
struct Failed {
    id: TestId,
    label: String,
    outcome: Outcome,
    told: Told,
    /// What the events say of it.
    said: String,
    attempts: Vec<FailedAttempt>,
    end: u64,
}

impl Failed {
    fn new(id: TestId, label: &str, told: Told, said: &str) -> Self {
        let (label, said) = (label.to_owned(), said.to_owned());
        Self { id, label, outcome: Outcome::Errored, told, said, attempts: Vec::new(), end: 0 }
    }

    /// Makes the failure, with what was printed of the target.
    fn into_failure(mut self, printed: &mut Printed) -> Failure {
        let is_build = self.id.is_build();
        let text = if is_build { printed.errors(&self.label) } else { printed.take_output(&self.label) };
        let text = without_head(&text);
        let found = if is_build { excerpt::of_compile_error(text) } else { excerpt::of_failure(text) };
        if let Some(found) = found {
            self.told.push(Part::Message, found.message);
            if found.message.is_empty() {
                self.told.push(Part::Trace, found.text);
            }
            self.told.push(Part::Output, text);
            self.told.properties.add("status", &self.said);
        } else {
            self.told.push(Part::Message, &self.said);
            self.told.push(Part::Trace, text);
        }
        let mut failure = self.told.into_failure(self.id, self.end);
        failure.attempts = self.attempts;
        failure
    }
}

/// One stream, of one build after another.
struct Stream {
    hints: Hints,
    printed: Printed,
    pending: BTreeMap<String, Attempts>,
    failed: Vec<Failed>,
    /// Labels of targets that could not be built.
    unbuilt: HashSet<String>,
    n_unfinished: u64,
    has_begun: bool,
    is_finished: bool,
    end: u64,
}

impl Lines for Stream {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        if !is_like(line.text) {
            return Owner::Other;
        }
        self.end = line.offset + line.text.len() as u64 + 1;
        self.has_begun = true;
        if is_of_interest(line.text) {
            match serde_json::from_str(line.text) {
                Ok(event) => self.event(&event, line.offset, to),
                Err(error) => to.complain(line.offset, format!("an event cannot be read: {error}")),
            }
        }
        Owner::This
    }

    fn end(&mut self, to: &mut Recorder) {
        self.end_build(to);
    }
}

impl Stream {
    fn new(hints: Hints) -> Self {
        Self {
            printed: Printed::new(&hints),
            hints,
            pending: BTreeMap::new(),
            failed: Vec::new(),
            unbuilt: HashSet::new(),
            n_unfinished: 0,
            has_begun: false,
            is_finished: false,
            end: 0,
        }
    }

    fn event(&mut self, event: &Event<'_>, at: u64, to: &mut Recorder) {
        if event.started.is_some() && (self.is_finished || !self.failed.is_empty() || !self.pending.is_empty()) {
            self.end_build(to);
            *self = Self { has_begun: true, end: self.end, ..Self::new(self.hints.clone()) };
        }
        if let Some(progress) = &event.progress {
            self.printed.push(&progress.stdout, &progress.stderr);
        }
        if let Some(aborted) = &event.aborted {
            self.abort(&event.id, aborted, at, to);
        }
        if let (Some(completed), Some(id)) = (&event.completed, &event.id.target_completed)
            && !completed.success
            && id.aspect.is_empty()
        {
            self.fail_build(&id.label, &completed.failure_detail.message, at);
        }
        if let (Some(result), Some(_)) = (&event.test_result, &event.id.test_result) {
            self.attempt(&event.id, result, at);
        }
        if let (Some(summary), Some(id)) = (&event.test_summary, &event.id.test_summary) {
            self.summarise(&id.label, summary, at, to);
        }
        if let Some(finished) = &event.finished {
            self.is_finished = true;
            let name = &*finished.exit_code.name;
            let is_red = !matches!(name, "SUCCESS" | "");
            if is_red && self.failed.is_empty() {
                to.complain(at, format!("the build ended with {name}, but no test or target is said to have failed"));
            }
        }
        self.is_finished |= event.last_message;
    }

    /// Takes the result of one attempt.
    fn attempt(&mut self, id: &Id<'_>, result: &TestResult<'_>, at: u64) {
        let Some(id) = &id.test_result else { return };
        if self.pending.len() >= PENDING_MAX && !self.pending.contains_key(&*id.label) {
            return;
        }
        let attempts =
            self.pending.entry(id.label.to_string()).or_insert_with(|| Attempts { start: at, ..Attempts::default() });
        if result.status == "PASSED" {
            attempts.n_passed += 1;
            return;
        }
        if attempts.failed.len() >= ATTEMPTS_MAX {
            return;
        }
        let which = [("run", id.run), ("shard", id.shard), ("attempt", id.attempt)];
        let which: Vec<_> = which.iter().filter(|(_, n)| *n > 1).map(|(of, n)| format!("{of} {n}")).collect();
        let exit = result.execution_info.exit_code.map(|code| format!("exit code {code}"));
        let details = Some(result.status_details.to_string()).filter(|details| !details.is_empty());
        let said: Vec<_> = [Some(result.status.to_string()), exit, details].into_iter().flatten().collect();
        let message = [which.join(", "), said.join(", ")]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(": ");
        attempts.failed.push(FailedAttempt { kind: kind(&result.status).to_owned(), message, output: String::new() });
        let log = result.test_action_output.iter().find(|file| file.name == "test.log");
        let mut add = |name: &str, value: &str| attempts.properties.push((name.to_owned(), value.to_owned()));
        if let Some(log) = log {
            add("test.log", &log.uri);
        }
        if result.cached_locally || result.execution_info.cached_remotely {
            add("cached", if result.cached_locally { "locally" } else { "remotely" });
        }
    }

    /// Takes how a test ended in all.
    fn summarise(&mut self, label: &str, summary: &TestSummary<'_>, at: u64, to: &mut Recorder) {
        let attempts = self.pending.remove(label).unwrap_or_else(|| Attempts { start: at, ..Attempts::default() });
        let duration = Duration::try_from_secs_f64(summary.total_run_duration_millis.value() / 1000.0).ok();
        let status = &*summary.overall_status;
        match status {
            "PASSED" => to.tally_timed("", label, Outcome::Passed, duration),
            "FLAKY" => to.pass_flaky(FlakyPass { id: TestId::new("", label), attempts: attempts.failed.clone() }),
            "FAILED_TO_BUILD" => self.fail_build(label, "", at),
            "FAILED" | "TIMEOUT" | "INCOMPLETE" | "REMOTE_FAILURE" => {
                let outcome = if status == "FAILED" { Outcome::Failed } else { Outcome::Errored };
                return self.fail(label, outcome, (status, duration), attempts);
            }
            "" | "NO_STATUS" | "TOOL_HALTED_BEFORE_TESTING" | "BLAZE_HALTED_BEFORE_TESTING" => {
                to.tally("", label, Outcome::Skipped);
            }
            other => {
                to.complain(at, format!("test {label} ended as {other:?}, which is unknown; it counts as skipped"));
                to.tally("", label, Outcome::Skipped);
            }
        }
        self.printed.forget_output(label);
    }

    /// Enters that a test failed; its last failed attempt is the failure.
    fn fail(
        &mut self,
        label: &str,
        outcome: Outcome,
        (status, duration): (&str, Option<Duration>),
        mut attempts: Attempts,
    ) {
        let mut told = Told::new(&self.hints, attempts.start);
        told.duration = duration;
        kind(status).clone_into(&mut told.kind);
        attempts.properties.iter().for_each(|(name, value)| told.properties.add(name, value));
        let last = attempts.failed.pop();
        let said = last.as_ref().map_or(status, |last| &last.message);
        let failed = Failed::new(TestId::new("", label), label, told, said);
        self.failed.push(Failed { outcome, attempts: attempts.failed, end: self.end, ..failed });
    }

    /// Enters that a target could not be built.
    fn fail_build(&mut self, label: &str, message: &str, at: u64) {
        if !self.unbuilt.insert(label.to_owned()) {
            return;
        }
        let failed = Failed::new(TestId::build(label), label, Told::new(&self.hints, at), message);
        self.failed.push(Failed { end: self.end, ..failed });
    }

    /// Takes why something did not come.
    fn abort(&mut self, id: &Id<'_>, aborted: &Aborted<'_>, at: u64, to: &mut Recorder) {
        let Some(label) = id.label() else { return };
        match &*aborted.reason {
            "LOADING_FAILURE" | "ANALYSIS_FAILURE" => self.fail_build(label, &aborted.description, at),
            "TIME_OUT" | "REMOTE_ENVIRONMENT_FAILURE" | "INTERNAL" | "OUT_OF_MEMORY" => {
                let mut told = Told::new(&self.hints, at);
                told.kind = aborted.reason.clone().into_owned();
                let failed = Failed::new(TestId::new("", label), label, told, &aborted.description);
                self.failed.push(Failed { end: self.end, ..failed });
            }
            "SKIPPED" if id.target_completed.is_some() => to.tally("", label, Outcome::Skipped),
            "SKIPPED" | "NO_ANALYZE" | "NO_BUILD" => {}
            _ => self.n_unfinished += 1,
        }
    }

    /// Ends a build: reports what failed, with what was printed of it.
    fn end_build(&mut self, to: &mut Recorder) {
        for (label, attempts) in std::mem::take(&mut self.pending) {
            if attempts.failed.is_empty() {
                to.complain(self.end, format!("test {label} has no summary; whether all of it passed is unknown"));
            } else {
                to.complain(self.end, format!("test {label} has no summary; an attempt at it failed"));
                self.fail(&label, Outcome::Failed, ("FAILED", None), attempts);
            }
        }
        for failed in std::mem::take(&mut self.failed) {
            to.fail(failed.outcome, failed.into_failure(&mut self.printed));
        }
        if self.n_unfinished > 0 {
            to.complain(self.end, format!("{} targets were not finished, for the build stopped", self.n_unfinished));
        }
        if self.has_begun && !self.is_finished {
            to.complain(self.end, "the stream has no end; what would have come after that is unknown");
        }
        (self.n_unfinished, self.has_begun) = (0, false);
    }
}

/// Returns the kind of failure that a status names.
fn kind(status: &str) -> &str {
    match status {
        "FAILED" => "",
        "TIMEOUT" => detail::TIMEOUT,
        other => other,
    }
}

/// Returns what a test printed without the lines that Bazel puts before it.
fn without_head(output: &str) -> &str {
    let head = output.starts_with("exec ${PAGER").then(|| output.find("\n----------")).flatten();
    let rest = head.and_then(|at| output[at + 1..].split_once('\n'));
    rest.map_or(output, |(_, rest)| rest)
}

#[cfg(test)]
mod tests;
