//! One package whose tests run: what is running, what failed, and what was printed, until its end tells what that means.
//!
//! It knows nothing of how events are written. Of tests that passed it keeps a hash at most.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::ingest::go::crash::{self, Crash};
use crate::ingest::go::{build, measured};
use crate::ingest::recorder::Recorder;
use crate::ingest::{ABORTED, Hints, detail, trace, values};
use crate::model::{Failure, Outcome, TestId};
use crate::text::cap::HeadAndTail;

/// Tests that are followed while they run; the results of others are read all the same.
const RUNNING_MAX: usize = 100_000;

/// Tests that are red for the binary died while they ran; of more, only the package is.
const DEAD_MAX: usize = 20;

/// Bytes kept of what a test printed once all tests together have printed more than they may.
const SHORT_BYTES_MAX: usize = 1 << 10;

/// The lines that only frame a test's output.
const FRAMES: &[&str] = &["=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME ", "--- PASS: ", "--- FAIL: ", "--- SKIP: "];

/// A package whose tests run.
pub(super) struct Package {
    bytes_max: usize,
    /// Tests whose output may be kept in full.
    n_full: usize,
    running: HashMap<String, Running>,
    /// The test that passed latest: it may have printed that itself.
    passed: Option<(String, Running)>,
    reds: Vec<Red>,
    /// What belongs to no test.
    loose: HeadAndTail,
    /// What was printed since the program seemed to die, and the test that was thought to print it.
    dying: Option<(String, HeadAndTail)>,
    /// A report of a data race that belongs to no test yet.
    race: Option<HeadAndTail>,
    is_in_race: bool,
    /// Whether it was said that it could not be built.
    pub(super) is_unbuilt: bool,
    /// Whether the tests came to their end: what is still running then only seemed to begin.
    is_complete: bool,
}

/// A test that has begun and not ended.
#[derive(Default)]
struct Running {
    start: u64,
    output: Option<HeadAndTail>,
    errors: Option<HeadAndTail>,
    /// Whether it is a benchmark that has its result.
    is_measured: bool,
}

/// A test that is red.
struct Red {
    name: String,
    outcome: Outcome,
    duration: Option<Duration>,
    source: (u64, u64),
    output: HeadAndTail,
    /// What it said of its failure, where that is told from what it logged.
    errors: Option<HeadAndTail>,
    /// Why it is red, where it did not say that itself.
    reason: Option<String>,
    crash: Option<Crash>,
}

/// What a piece of output is, as far as the events tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Printed {
    /// A test's error, or more of it.
    Error,
    /// Anything else.
    Other,
}

impl Package {
    pub(super) fn new(hints: &Hints) -> Self {
        let bytes_max = hints.output_bytes_max;
        Self {
            bytes_max,
            n_full: hints.outputs_bytes_max / bytes_max.max(1),
            running: HashMap::new(),
            passed: None,
            reds: Vec::new(),
            loose: HeadAndTail::new(bytes_max),
            dying: None,
            race: None,
            is_in_race: false,
            is_unbuilt: false,
            is_complete: false,
        }
    }

    /// Tells whether a test of this name runs, or any if the name is empty.
    pub(super) fn is_running(&self, test: &str) -> bool {
        if test.is_empty() { !self.running.is_empty() } else { self.running.contains_key(test) }
    }

    /// Tells whether nothing is red.
    pub(super) fn is_green(&self) -> bool {
        self.reds.is_empty()
    }

    /// Tells whether the program seems to have died.
    pub(super) fn is_dying(&self) -> bool {
        self.dying.is_some()
    }

    /// Notes that the tests came to their end.
    pub(super) fn complete(&mut self) {
        self.is_complete = true;
        self.live_on();
    }

    /// Gives what were no last words, for more came after them, back to who printed them.
    pub(super) fn live_on(&mut self) {
        if let Some((test, text)) = self.dying.take() {
            self.print(&test, &text.into_text(), Printed::Other);
        }
    }

    /// Begins a test.
    pub(super) fn begin(&mut self, test: &str, start: u64) {
        self.is_complete = false;
        self.live_on();
        if self.running.len() < RUNNING_MAX {
            self.running.insert(test.to_owned(), Running { start, ..Running::default() });
        }
    }

    /// Adds output: of a test, or of none if the name is empty.
    pub(super) fn output(&mut self, test: &str, text: &str, printed: Printed) {
        if let Some((_, dying)) = &mut self.dying {
            return dying.push(text);
        }
        if crash::begins(text) {
            let mut dying = HeadAndTail::new(self.bytes_max);
            dying.push(text);
            self.dying = Some((test.to_owned(), dying));
            return;
        }
        if FRAMES.iter().any(|frame| text.trim_start().starts_with(frame)) {
            return;
        }
        if test.is_empty() && self.is_of_race(text) {
            let bytes_max = self.bytes_max;
            return self.race.get_or_insert_with(|| HeadAndTail::new(bytes_max)).push(text);
        }
        self.print(test, text, printed);
    }

    /// Tells whether output is part of a report of a data race, which the runtime prints apart from tests.
    fn is_of_race(&mut self, text: &str) -> bool {
        let is_in_race = self.is_in_race || text.starts_with("WARNING: DATA RACE");
        self.is_in_race = is_in_race && !text.starts_with("=====");
        is_in_race
    }

    fn print(&mut self, test: &str, text: &str, printed: Printed) {
        let n_kept = self.running.len() + self.reds.len();
        let bytes_max = if n_kept <= self.n_full { self.bytes_max } else { SHORT_BYTES_MAX.min(self.bytes_max) };
        let kept = || HeadAndTail::new(bytes_max);
        let passed = self.passed.as_mut().filter(|(name, _)| name == test).map(|(_, running)| running);
        if let Some(running) = self.running.get_mut(test).or(passed) {
            running.is_measured |= measured(text).is_some();
            running.output.get_or_insert_with(kept).push(text);
            if printed == Printed::Error {
                running.errors.get_or_insert_with(kept).push(text);
            }
        } else if let Some(red) = self.reds.last_mut().filter(|red| red.name == test) {
            if let Some(race) = self.race.take_if(|_| text.contains("race detected during execution of test")) {
                red.output.push(&race.into_text());
            }
            red.output.push(text);
        } else if let Some(red) = self.reds.iter_mut().rev().take(DEAD_MAX).find(|red| red.name == test) {
            red.output.push(text);
        } else {
            self.loose.push(text);
        }
    }

    /// Ends a test, by a line or event with this place.
    pub(super) fn end(&mut self, test: &str, outcome: Outcome, duration: Option<Duration>, source: (u64, u64)) {
        let running = self.running.remove_entry(test).or_else(|| self.passed.take_if(|(name, _)| name == test));
        if !outcome.is_red() {
            self.passed = running;
            return;
        }
        let (name, running) =
            running.unwrap_or_else(|| (test.to_owned(), Running { start: source.0, ..Running::default() }));
        let Running { start, output, errors, .. } = running;
        let output = output.unwrap_or_else(|| HeadAndTail::new(self.bytes_max));
        let (source, reason, crash) = ((start, source.1), None, None);
        self.reds.push(Red { name, outcome, duration, source, output, errors, reason, crash });
    }

    /// Ends a package that failed: with its tests, or in place of them; `compiled` is what its build printed, if that is
    /// what failed.
    pub(super) fn fail(mut self, suite: &str, compiled: Option<&str>, source: (u64, u64), to: &mut Recorder) {
        self.tally_measured(suite, to);
        if let Some(race) = self.race.take() {
            self.loose.push(&race.into_text());
        }
        if let Some(compiled) = compiled {
            let text = [compiled, &self.loose.clone().into_text()].concat();
            let mut failure = build::failure(suite, &text, self.bytes_max);
            failure.source = Some(source);
            to.fail(Outcome::Errored, failure);
        } else {
            self.explain_death(source);
        }
        let is_unexplained = compiled.is_none() && self.reds.is_empty();
        let (dying, loose) = (self.dying.take(), std::mem::take(&mut self.loose));
        let bytes_max = self.bytes_max;
        self.release(suite, to);
        if is_unexplained {
            let dying = dying.map(|(_, text)| text.into_text()).unwrap_or_default();
            let mut failure = aborted(suite, &loose.into_text(), &dying, bytes_max);
            failure.source = Some(source);
            to.fail(Outcome::Errored, failure);
        }
    }

    /// Ends a package that passed.
    pub(super) fn pass(mut self, suite: &str, to: &mut Recorder) {
        self.tally_measured(suite, to);
        self.release(suite, to);
    }

    /// Takes over what was held for another package's, after what `test` printed.
    pub(super) fn take_back(&mut self, other: Self, test: &str, end: u64) {
        let printed = other.loose.into_text();
        self.output(test, &printed, Printed::Other);
        for (name, running) in other.running {
            self.running.entry(name).or_insert(running);
        }
        for mut red in other.reds {
            red.source.1 = end;
            self.reds.push(red);
        }
    }

    /// Ends a package whose end is not known: what failed did, of what ran nothing is known. Returns whether any did run.
    pub(super) fn abandon(self, suite: &str, to: &mut Recorder) -> bool {
        let has_more = !self.running.is_empty();
        self.release(suite, to);
        has_more
    }

    /// Counts benchmarks: they end with what they measured.
    fn tally_measured(&mut self, suite: &str, to: &mut Recorder) {
        self.running.retain(|name, running| {
            if running.is_measured {
                to.tally(suite, name, Outcome::Passed);
            }
            !running.is_measured
        });
    }

    /// Finds the tests that a program died in: those that its last words name, else those that ran.
    fn explain_death(&mut self, source: (u64, u64)) {
        let dying = self.dying.as_ref().map(|(test, text)| (test.clone(), text.clone().into_text()));
        let Some((printer, text)) = dying else {
            if !self.is_complete {
                self.end_running(source);
            }
            return;
        };
        let crash = Crash::read(&text);
        let of_panic = || self.culprit(&crash, &printer).into_iter().collect();
        let culprits: Vec<_> = if crash.is_timeout() { self.overdue(&crash) } else { of_panic() };
        for culprit in culprits.into_iter().take(DEAD_MAX) {
            let at = self.red(&culprit, source);
            let red = &mut self.reds[at];
            red.output.push(&text);
            red.crash = Some(Crash::read(&text));
        }
    }

    /// Returns the tests that ran when the deadline was over, without those that only waited for their parts.
    fn overdue(&self, crash: &Crash) -> Vec<String> {
        let leaves = self.running_leaves();
        let listed = crash.listed();
        let running: Vec<_> =
            leaves.iter().filter(|leaf| listed.is_empty() || listed.contains(leaf)).cloned().collect();
        if !running.is_empty() {
            return running;
        }
        if !listed.is_empty() {
            let is_leaf = |name: &&String| !listed.iter().any(|other| is_part(other, name));
            return listed.iter().filter(is_leaf).cloned().collect();
        }
        crash.functions().into_iter().map(str::to_owned).collect()
    }

    /// Returns the test that a panic belongs to: by the function it happened in, or else by who printed it.
    fn culprit(&self, crash: &Crash, printer: &str) -> Option<String> {
        let function = crash.functions().first().map_or(printer, |function| *function);
        let is_in = |name: &&str| !function.is_empty() && name.split('/').any(|part| part == root(function));
        let parents = parents(&self.reds);
        let is_leaf = |name: &&str| !parents.contains(&TestId::hash_parts("", name));
        let reds = self.reds.iter().rev().map(|red| red.name.as_str());
        let red = reds.filter(is_leaf).find(is_in).map(str::to_owned);
        let leaves = self.running_leaves();
        let running =
            || leaves.iter().map(String::as_str).filter(is_in).max_by_key(|name| name.len()).map(str::to_owned);
        let ends_with_red = || self.reds.last().filter(|_| function.is_empty()).map(|red| red.name.clone());
        let named = || Some(function.to_owned()).filter(|name| !name.is_empty());
        red.or_else(running).or_else(named).or_else(ends_with_red)
    }

    /// Makes tests red that ran when the program ended without a word, but not too many of them.
    fn end_running(&mut self, source: (u64, u64)) {
        let leaves = self.running_leaves();
        if leaves.len() > DEAD_MAX {
            let names = leaves.iter().take(DEAD_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
            return self
                .loose
                .push_line(&format!("the test binary exited while {} tests ran: {names}, …", leaves.len()));
        }
        for leaf in leaves {
            let at = self.red(&leaf, source);
            self.reds[at].reason = Some("the test binary exited while this test ran".to_owned());
        }
    }

    /// Returns the running tests that have no parts, sorted.
    fn running_leaves(&self) -> Vec<String> {
        let mut names: Vec<_> = self.running.keys().cloned().collect();
        names.sort_unstable();
        // A part stands somewhere behind its parent; what stands between begins with the parent's name as well.
        let is_leaf = |at: usize| {
            let behind = names[at + 1..].iter().take_while(|name| name.starts_with(names[at].as_str()));
            !behind.into_iter().any(|name| is_part(name, &names[at]))
        };
        (0..names.len()).filter(|at| is_leaf(*at)).map(|at| names[at].clone()).collect()
    }

    /// Returns where the red test of this name is; makes it red if it is not.
    fn red(&mut self, name: &str, source: (u64, u64)) -> usize {
        let known = self.reds.iter().rposition(|red| red.name == name);
        known.unwrap_or_else(|| {
            self.end(name, Outcome::Errored, None, source);
            self.reds.len() - 1
        })
    }

    /// Records what is red, but for tests that are so because of their parts.
    fn release(self, suite: &str, to: &mut Recorder) {
        let parents = parents(&self.reds);
        for red in self.reds {
            let is_parent = parents.contains(&TestId::hash_parts("", &red.name));
            if !is_parent || red.errors.is_some() || red.crash.is_some() {
                to.fail(red.outcome, red.failure(suite, self.bytes_max));
            }
        }
    }
}

/// Returns the hashes of the names of tests that have red parts.
fn parents(reds: &[Red]) -> HashSet<u64> {
    let above = |red: &Red| {
        let slashes = red.name.match_indices('/');
        slashes.map(|(at, _)| TestId::hash_parts("", &red.name[..at])).collect::<Vec<_>>()
    };
    reds.iter().flat_map(above).collect()
}

/// Tells whether a test is a part of another, or a part of its parts.
fn is_part(name: &str, parent: &str) -> bool {
    name.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'))
}

fn root(name: &str) -> &str {
    name.split('/').next().unwrap_or_default()
}

impl Red {
    fn failure(self, suite: &str, bytes_max: usize) -> Failure {
        let mut failure = Failure::bare(TestId::new(suite, self.name.as_str()));
        failure.duration = self.duration;
        failure.source = Some(self.source);
        let text = self.output.into_text();
        failure.message = self.reason.unwrap_or_default();
        if let Some(crash) = self.crash {
            fill_from_crash(&mut failure, &crash, &text);
        } else if text.contains("WARNING: DATA RACE") {
            "data race".clone_into(&mut failure.kind);
            "race detected during execution of test".clone_into(&mut failure.message);
            detail::fill(&mut failure, &[&text]);
        } else {
            let errors = self.errors.map(HeadAndTail::into_text).unwrap_or_default();
            fill_from_log(&mut failure, &errors, &text);
        }
        detail::set_output(&mut failure, &text, bytes_max);
        failure
    }
}

/// Makes the failure of a package that none of its tests accounts for.
fn aborted(suite: &str, loose: &str, dying: &str, bytes_max: usize) -> Failure {
    let mut failure = Failure::bare(TestId::new(suite, ABORTED));
    let text = [loose, dying].concat();
    if dying.is_empty() {
        detail::fill(&mut failure, &[&text]);
    } else {
        fill_from_crash(&mut failure, &Crash::read(dying), dying);
    }
    if failure.message.is_empty() {
        "the package failed outside its tests".clone_into(&mut failure.message);
    }
    detail::set_output(&mut failure, &text, bytes_max);
    failure
}

fn fill_from_crash(failure: &mut Failure, crash: &Crash, text: &str) {
    if crash.is_timeout() { detail::TIMEOUT } else { detail::PANIC }.clone_into(&mut failure.kind);
    failure.message.clone_from(&crash.message);
    let frames = crash.frames(root(&failure.id.name));
    failure.location = crash::place(&frames, &failure.id.suite);
    detail::fill(failure, &[text]);
    if !frames.is_empty() {
        failure.frames = frames;
    }
}

/// Fills a failure from what the test said of it, else from what it logged: one entry of that tells why it failed.
fn fill_from_log(failure: &mut Failure, errors: &str, text: &str) {
    if !failure.message.is_empty() || text.starts_with("got:\n") {
        // What an example printed is its message.
        failure.message = Some(std::mem::take(&mut failure.message))
            .filter(|told| !told.is_empty())
            .unwrap_or(text.trim_end().to_owned());
        return detail::fill(failure, &[text]);
    }
    let entries = entries(if errors.is_empty() { text } else { errors });
    let with_values = || entries.iter().find(|entry| values::find(&entry.message).is_some());
    let telling = if errors.is_empty() { with_values().or(entries.last()) } else { entries.first() };
    if let Some(Entry { place, message }) = telling {
        failure.message.clone_from(message);
        failure.location = place.rsplit_once(':').and_then(|(file, line)| trace::place(file, line, None));
    }
    detail::fill(failure, &[text]);
}

/// One entry of a test's log.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'t> {
    place: &'t str,
    message: String,
}

/// Takes a test's log apart: `    cart_test.go:12: got 1`, and lines that are indented deeper.
fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut indent = 0;
    for line in text.lines() {
        let trimmed = line.trim_start_matches(' ');
        let depth = line.len() - trimmed.len();
        let place = trimmed.split_once(": ").or_else(|| trimmed.strip_suffix(':').map(|place| (place, "")));
        let is_place =
            |place: &str| place.rsplit_once(".go:").is_some_and(|(file, line)| !file.contains(' ') && is_number(line));
        match place.filter(|(place, _)| depth >= 4 && is_place(place)) {
            Some((place, message)) => {
                indent = depth;
                entries.push(Entry { place, message: message.to_owned() });
            }
            None => match entries.last_mut() {
                Some(entry) if depth >= indent + 4 => {
                    entry.message.push('\n');
                    entry.message.push_str(line.get(indent + 4..).unwrap_or(trimmed));
                }
                _ => {}
            },
        }
    }
    for entry in &mut entries {
        entry.message = entry.message.trim_matches(['\n', ' ']).to_owned();
    }
    entries
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_taken_apart_into_entries() {
        let text = "printed\n    cart_test.go:61: after\n        all\n          parts\n    cart_test.go:62: \n        \tError:\tNot equal\nprinted: x\n        lost\n";
        let found = entries(text);
        assert_eq!(found[0], Entry { place: "cart_test.go:61", message: "after\nall\n  parts".to_owned() });
        assert_eq!((found[1].place, found[1].message.as_str()), ("cart_test.go:62", "\tError:\tNot equal\nlost"));
        assert_eq!(found.len(), 2);
    }

    fn package() -> Package {
        Package::new(&Hints::default())
    }

    #[test]
    fn running_leaves_are_those_without_parts_that_run() {
        let mut package = package();
        for name in ["TestA", "TestA/b", "TestA b", "TestAb", "TestA/b/c", "TestB"] {
            package.begin(name, 0);
        }
        assert_eq!(package.running_leaves(), ["TestA b", "TestA/b/c", "TestAb", "TestB"]);
    }

    #[test]
    fn what_tests_print_is_bounded_by_what_all_may_print() {
        let hints = Hints { output_bytes_max: 10_000, outputs_bytes_max: 100_000, ..Hints::default() };
        let mut package = Package::new(&hints);
        let line = format!("{}\n", "x".repeat(99));
        for n in 0..1000 {
            package.begin(&format!("Test{n}"), 0);
        }
        for n in 0..1000 {
            (0..100).for_each(|_| package.output(&format!("Test{n}"), &line, Printed::Other));
        }
        let kept: usize =
            package.running.values().map(|running| running.output.clone().unwrap().into_text().len()).sum();
        assert!(kept < 1_200_000, "{kept}");
    }
}
