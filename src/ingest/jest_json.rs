//! What `jest --json` writes, and `vitest --reporter=json`, which copies its form: one document, tests by file.
//!
//! Ids are spelt as in the runner's JUnit report. Of jest, the suite is empty and the name is the full title; the file is
//! a property. Of vitest, the suite is the file, and the name is made of the titles. A file that could not be run is an
//! errored case of its own. Jest tells of a test that it ran again only how often, unless `logErrorsBeforeRetry` is set,
//! and vitest does not tell several failed attempts from several failed checks of one attempt.

use std::time::Duration;

use camino::Utf8PathBuf;
use memchr::memmem;

use crate::ingest::json::{Json, NAME_BYTES_MAX, Text};
use crate::ingest::pending::Pending;
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Source;
use crate::ingest::thrown::Thrown;
use crate::ingest::{Document, Format, Hints, Likeness, Reader, detail, thrown};
use crate::model::{FailedAttempt, Failure, FlakyPass, Location, Outcome, TestId};

/// Jest's JSON.
pub(super) struct JestJson;

/// Messages, and attempts, that are kept of one test.
const MESSAGES_MAX: usize = 20;

/// What heads the part of a file's message that tells why it could not be run.
const NOT_RUN: &str = "● Test suite failed to run";

/// What vitest gives for a deadline: the stack it took beforehand, without the message.
const VITEST_TIMEOUT: &str = "Error: STACK_TRACE_ERROR";

impl Format for JestJson {
    fn name(&self) -> &'static str {
        "jest-json"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let reason = "there is no document with `\"numRuntimeErrorTestSuites\"` and `\"testResults\"`";
        sniff(text, &["\"numRuntimeErrorTestSuites\"", "\"numPassingAsserts\""], &[]).ok_or(reason)
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Document(Box::new(Results { dialect: Dialect::Jest, hints: hints.clone() }))
    }
}

/// Tells how likely a document is that of a runner by words that only it uses, and that it does not.
pub(super) fn sniff(text: &str, own: &[&str], foreign: &[&str]) -> Option<Likeness> {
    let holds = |words: &[&str]| words.iter().any(|word| memmem::find(text.as_bytes(), word.as_bytes()).is_some());
    let is_shaped = holds(&["\"testResults\"", "\"assertionResults\""]);
    let is_document = text.trim_start().starts_with('{');
    match is_shaped && holds(own) && !holds(foreign) {
        true if is_document => Some(Likeness::Certain),
        true => Some(Likeness::Likely),
        false => None,
    }
}

/// Who wrote a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Jest,
    Vitest,
}

/// Reads a document of either dialect.
pub(super) struct Results {
    pub(super) dialect: Dialect,
    pub(super) hints: Hints,
}

impl Document for Results {
    fn read(self: Box<Self>, source: &mut Source<'_>, to: &mut Recorder) {
        let mut json = Json::new(source);
        let mut walk = Walk {
            dialect: self.dialect,
            hints: &self.hints,
            to,
            pending: Pending::new(&self.hints),
            error_of_file: None,
            run: Run::default(),
            case: Case::default(),
        };
        while json.document(|json, key| walk.member(json, key)) {
            walk.end(&mut json);
        }
    }
}

/// What is known of one document.
#[derive(Default)]
struct Run {
    /// Whether it is one of ours.
    is_known: bool,
    n_declared: Option<u64>,
    n_listed: u64,
    n_red: u64,
    is_success: Option<bool>,
    was_interrupted: bool,
    is_damaged: bool,
}

/// One test file.
#[derive(Default)]
struct File {
    name: Option<String>,
    status: String,
    message: String,
    /// The error that kept it from being run, where reporters write that by itself.
    error: Option<String>,
}

struct Walk<'r> {
    dialect: Dialect,
    hints: &'r Hints,
    to: &'r mut Recorder,
    /// The results of a file, whose name comes after them.
    pending: Pending,
    /// Why the file could not be run, where that is told beside its tests.
    error_of_file: Option<String>,
    run: Run,
    /// What is known of the current test; kept between tests for its memory.
    case: Case,
}

impl Walk<'_> {
    fn member<T: Text>(&mut self, json: &mut Json<T>, key: &str) {
        match key {
            "testResults" => {
                json.take_damages();
                self.run.is_known = true;
                json.elements(|json| self.file(json));
            }
            "numTotalTests" => self.run.n_declared = json.count(),
            "success" => self.run.is_success = json.boolean(),
            "wasInterrupted" => self.run.was_interrupted = json.boolean() == Some(true),
            _ => {}
        }
    }

    fn file<T: Text>(&mut self, json: &mut Json<T>) {
        let bytes_max = self.hints.output_bytes_max;
        let start = json.offset();
        let mut file = File::default();
        json.object(|json, key| match key {
            "assertionResults" | "testResults" => json.elements(|json| self.test(json)),
            "name" | "testFilePath" => file.name = json.string(NAME_BYTES_MAX),
            "status" => file.status = json.string(NAME_BYTES_MAX).unwrap_or_default(),
            "message" | "failureMessage" => file.message = json.string(bytes_max).unwrap_or_default(),
            "testExecError" => json.object(|json, key| match key {
                "stack" => file.error = json.string(bytes_max),
                "message" if file.error.is_none() => file.error = json.string(bytes_max),
                _ => {}
            }),
            _ => {}
        });
        let is_damaged = self.pass_on_damages(json);
        let error = self.error_of_file.take();
        file.error = file.error.or_else(|| error.map(|error| message_of_suite(&error).unwrap_or(error)));
        self.end_file(&file, (start, json.offset()), is_damaged);
    }

    fn pass_on_damages<T: Text>(&mut self, json: &mut Json<T>) -> bool {
        let damages = json.take_damages();
        let is_damaged = !damages.is_empty();
        self.run.is_damaged |= is_damaged;
        for damage in damages {
            self.to.complain(damage.offset, damage.reason);
        }
        is_damaged
    }

    fn test<T: Text>(&mut self, json: &mut Json<T>) {
        let start = json.offset();
        self.case.clear();
        let (case, dialect, bytes_max) = (&mut self.case, self.dialect, self.hints.output_bytes_max);
        json.object(|json, key| case.member(json, key, dialect, bytes_max));
        let outcome = self.case.outcome();
        if self.case.is_nameless() {
            return self.end_nameless(start);
        }
        if json.is_broken() && !outcome.is_some_and(Outcome::is_red) {
            return self.to.complain(start, "a test is not told of to its end; it is left out");
        }
        self.run.n_listed += 1;
        let Some(outcome) = outcome else {
            let status = &self.case.status;
            return self
                .to
                .complain(start, format!("a test has no status that is known, but {status:?}; it is left out"));
        };
        if outcome.is_red() {
            let failure = self.case.failure(dialect, bytes_max, (start, json.offset()));
            self.pending.fail(outcome, failure);
        } else if outcome == Outcome::Passed && self.case.has_failed_before() {
            let id = TestId::new("", self.case.name(dialect));
            self.pending.pass_flaky(FlakyPass { id, attempts: self.case.attempts(dialect, bytes_max) });
        } else if dialect == Dialect::Jest {
            self.to.tally("", self.case.name(dialect), outcome);
        } else {
            self.pending.tally(self.case.name(dialect), outcome);
        }
    }

    /// Takes a test without a name for what jest-junit adds to a file that could not be run.
    fn end_nameless(&mut self, offset: u64) {
        match self.case.messages.drain(..).next() {
            Some(message) => self.error_of_file = Some(message),
            None => self.to.complain(offset, "a test has no name; it is left out"),
        }
    }

    /// Records what was read of a file, now that its name is known.
    fn end_file(&mut self, file: &File, (start, end): (u64, u64), is_damaged: bool) {
        let path = file.name.as_deref().map(|name| self.hints.relative(name));
        for failure in self.pending.reds_mut() {
            complete(failure, path, self.dialect);
        }
        if let Some(mut failure) = self.not_run(file, is_damaged) {
            failure.source = Some((start, end));
            self.run.n_red += 1;
            self.to.fail(Outcome::Errored, failure);
        }
        self.run.n_red += self.pending.n_red();
        match (self.dialect, path) {
            (Dialect::Jest, _) => self.pending.release("", end, self.to),
            (Dialect::Vitest, Some(path)) if !is_damaged => self.pending.release(path, end, self.to),
            (Dialect::Vitest, _) => {
                self.to.complain(
                    start,
                    "which file tests are of is not sure; those that did not fail are counted without names",
                );
                self.pending.release_unsure(path.unwrap_or_default(), end, self.to);
            }
        }
    }

    /// Makes the failure of a file that could not be run, or of what it runs around its tests.
    fn not_run(&self, file: &File, is_damaged: bool) -> Option<Failure> {
        let told = match self.dialect {
            Dialect::Jest => message_of_suite(&file.message),
            Dialect::Vitest => Some(file.message.clone()).filter(|message| !message.is_empty()),
        };
        let is_unexplained = file.status == "failed" && self.pending.n_red() == 0;
        if told.is_none() && file.error.is_none() && !is_unexplained {
            return None;
        }
        let path = file.name.as_deref().map(|name| self.hints.relative(name)).unwrap_or_default();
        let mut failure = Failure::bare(TestId::of_suite(path));
        // Under pages of advice, jest tells what it is about.
        let details = told.as_deref().and_then(|told| told.split_once("\nDetails:\n"));
        failure.message = details.map(|(_, details)| Thrown::of(details).message.to_owned()).unwrap_or_default();
        let texts: Vec<_> = told.or(file.error.clone()).into_iter().collect();
        thrown::fill(&mut failure, &texts, "", self.hints.output_bytes_max);
        if failure.message.is_empty() {
            let reason = if is_damaged {
                "which of the file's tests failed is lost"
            } else {
                "the file failed outside its tests"
            };
            reason.clone_into(&mut failure.message);
        }
        Some(failure)
    }

    /// Ends a document: compares what it says of itself with what was read.
    fn end<T: Text>(&mut self, json: &mut Json<T>) {
        let run = std::mem::take(&mut self.run);
        if !run.is_known {
            json.take_damages();
            return;
        }
        let is_damaged = self.pass_on_damages(json) || run.is_damaged;
        self.run = Run::default();
        let at = json.offset();
        if let Some(n) = run.n_declared.filter(|n| *n != run.n_listed && !is_damaged) {
            self.to.complain(at, format!("the report declares {n} tests but lists {}", run.n_listed));
        }
        if run.is_success == Some(false) && run.n_red == 0 && !is_damaged {
            self.to.complain(at, "the report says that the run failed, but of no test that did");
        }
        if run.was_interrupted {
            self.to.complain(at, "the run was interrupted; tests that are not listed did not run");
        }
    }
}

/// Adds to a failure what only its file tells.
fn complete(failure: &mut Failure, path: Option<&str>, dialect: Dialect) {
    failure.location = failure.location.take().filter(|location| location.file != "" || path.is_some());
    if let Some(location) = &mut failure.location
        && location.file == ""
    {
        location.file = path.unwrap_or_default().into();
    }
    if dialect == Dialect::Jest
        && let Some(path) = path
    {
        failure.properties.push(("file".to_owned(), path.to_owned()));
    }
}

/// Takes the part of a file's message that tells why it could not be run, without its indentation.
fn message_of_suite(message: &str) -> Option<String> {
    let (_, told) = message.split_once(NOT_RUN)?;
    let told = told.split("\n  ● ").next().unwrap_or_default();
    let lines = told.trim_matches('\n').lines().map(|line| line.strip_prefix("    ").unwrap_or(line));
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// One test as its element tells of it.
#[derive(Default)]
struct Case {
    full_name: String,
    titles: String,
    title: String,
    status: String,
    messages: Vec<String>,
    expected: Option<String>,
    actual: Option<String>,
    millis: Option<f64>,
    line: Option<u64>,
    /// How often it was run, as far as that is told.
    n_runs: u64,
    /// What the runs before the last failed with.
    reasons: Vec<String>,
    /// Whether it should fail.
    is_failing: bool,
    /// The titles joined, once asked for.
    joined: String,
}

impl Case {
    fn clear(&mut self) {
        for text in [&mut self.full_name, &mut self.titles, &mut self.title, &mut self.status, &mut self.joined] {
            text.clear();
        }
        self.messages.clear();
        self.reasons.clear();
        (self.expected, self.actual, self.millis, self.line) = (None, None, None, None);
        (self.n_runs, self.is_failing) = (0, false);
    }

    fn member<T: Text>(&mut self, json: &mut Json<T>, key: &str, dialect: Dialect, bytes_max: usize) {
        match key {
            "ancestorTitles" => {
                self.titles.clear();
                json.array(|json| {
                    if json.string_into(&mut self.title, NAME_BYTES_MAX) && self.titles.len() < NAME_BYTES_MAX {
                        join(&mut self.titles, &self.title, dialect);
                    }
                });
                self.title.clear();
            }
            "fullName" => _ = json.string_into(&mut self.full_name, NAME_BYTES_MAX),
            "title" => _ = json.string_into(&mut self.title, NAME_BYTES_MAX),
            "status" => _ = json.string_into(&mut self.status, NAME_BYTES_MAX),
            "failureMessages" => texts(json, &mut self.messages, bytes_max),
            "retryReasons" => texts(json, &mut self.reasons, bytes_max),
            "failureDetails" => json.array(|json| self.details(json, bytes_max)),
            "duration" => self.millis = json.number(),
            "invocations" => self.n_runs = json.count().unwrap_or(0),
            "failing" => self.is_failing = json.boolean() == Some(true),
            "location" => json.object(|json, key| {
                if key == "line" {
                    self.line = json.count();
                }
            }),
            _ => {}
        }
    }

    /// Reads the two values that the first matcher that failed compared.
    fn details<T: Text>(&mut self, json: &mut Json<T>, bytes_max: usize) {
        json.object(|json, key| {
            if key == "matcherResult" && self.expected.is_none() && self.actual.is_none() {
                json.object(|json, key| match key {
                    "expected" => self.expected = value(json, bytes_max),
                    "actual" => self.actual = value(json, bytes_max),
                    _ => {}
                });
            }
        });
    }

    /// Returns how the test ended; `None` when that is not told in words that are known.
    fn outcome(&self) -> Option<Outcome> {
        match self.status.as_str() {
            "passed" if self.is_failing => Some(Outcome::Skipped),
            "passed" => Some(Outcome::Passed),
            "failed" => Some(Outcome::Failed),
            "pending" | "skipped" | "todo" | "disabled" | "focused" => Some(Outcome::Skipped),
            "" => None,
            _ => Some(Outcome::Failed).filter(|_| !self.messages.is_empty()),
        }
    }

    /// Returns the name that the runner's JUnit report gives the test.
    fn name(&mut self, dialect: Dialect) -> &str {
        if dialect == Dialect::Jest && !self.full_name.is_empty() {
            return self.full_name.trim();
        }
        self.joined.clone_from(&self.titles);
        join(&mut self.joined, &self.title, dialect);
        if self.joined.is_empty() { self.full_name.trim() } else { self.joined.trim() }
    }

    fn is_nameless(&self) -> bool {
        [&self.full_name, &self.titles, &self.title].iter().all(|name| name.is_empty())
    }

    fn has_failed_before(&self) -> bool {
        self.n_runs > 1 || !self.reasons.is_empty() || !self.messages.is_empty()
    }

    /// Returns the attempts that failed before the last: those that are told of, else as many as there were.
    fn attempts(&self, dialect: Dialect, bytes_max: usize) -> Vec<FailedAttempt> {
        let told = if dialect == Dialect::Jest { &self.reasons } else { &self.messages };
        if told.is_empty() {
            let n = usize::try_from(self.n_runs).unwrap_or(0).saturating_sub(1);
            return vec![FailedAttempt::default(); n.min(MESSAGES_MAX)];
        }
        told.iter().map(|error| thrown::attempt(error, bytes_max)).collect()
    }

    fn failure(&mut self, dialect: Dialect, bytes_max: usize, source: (u64, u64)) -> Failure {
        let mut failure = Failure::bare(TestId::new("", self.name(dialect)));
        if dialect == Dialect::Jest {
            failure.attempts = self.attempts(dialect, bytes_max);
        }
        if self.expected.is_some() && self.actual.is_some() {
            detail::ASSERTION.clone_into(&mut failure.kind);
            (failure.expected, failure.actual) = (self.expected.take(), self.actual.take());
        }
        if self.messages.first().is_some_and(|message| message.starts_with(VITEST_TIMEOUT)) {
            detail::TIMEOUT.clone_into(&mut failure.kind);
            "the test timed out".clone_into(&mut failure.message);
        }
        thrown::fill(&mut failure, &self.messages, "", bytes_max);
        failure.duration = self.millis.and_then(|millis| Duration::try_from_secs_f64(millis / 1000.0).ok());
        failure.source = Some(source);
        // Where the test stands in its file, which is named after it.
        let line = self.line.and_then(|line| u32::try_from(line).ok());
        let place = line.map(|line| Location { file: Utf8PathBuf::new(), line, column: None });
        failure.location = failure.location.take().or(place);
        failure
    }
}

/// Appends a title as the dialect joins them; vitest has written a nameless title for the file.
fn join(titles: &mut String, title: &str, dialect: Dialect) {
    if title.is_empty() {
        return;
    }
    if !titles.is_empty() {
        titles.push_str(if dialect == Dialect::Jest { " " } else { " > " });
    }
    titles.push_str(title);
}

/// Reads an array of texts.
fn texts<T: Text>(json: &mut Json<T>, to: &mut Vec<String>, bytes_max: usize) {
    json.array(|json| {
        if to.len() < MESSAGES_MAX {
            to.extend(json.string(bytes_max));
        }
    });
}

/// Reads a value as a matcher would print it.
fn value<T: Text>(json: &mut Json<T>, bytes_max: usize) -> Option<String> {
    let printed = json.printed(bytes_max)?;
    let has_lines = printed.starts_with('"') && printed.contains("\\n");
    let decoded = has_lines.then(|| serde_json::from_str(&printed).ok()).flatten();
    Some(decoded.unwrap_or(printed))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ingest::{Reading, read_as};

    use super::*;

    fn test(title: &str, status: &str) -> serde_json::Value {
        let messages: &[&str] =
            if status == "failed" { &["Error: boom\n    at f (/u/shop/a.test.js:3:9)"] } else { &[] };
        json!({"ancestorTitles": ["cart"], "fullName": format!("cart {title}"), "status": status, "title": title,
            "failureMessages": messages})
    }

    fn file(name: &str, tests: &[serde_json::Value]) -> serde_json::Value {
        json!({"assertionResults": tests, "status": "failed", "message": "", "name": format!("/u/shop/{name}")})
    }

    fn document(files: &[serde_json::Value]) -> String {
        format!("{{\"numTotalTestSuites\":1,\"testResults\":{}}}", json!(files))
    }

    fn check(format: &str, text: &str, ids: &[&str], complaints: &[&str]) -> Reading {
        let hints = Hints { root: Some("/u/shop".into()), ..Hints::default() };
        let reading = read_as(format, text.as_bytes(), &hints).unwrap();
        let found: Vec<_> = reading.report.failures.iter().map(|failure| failure.id.to_string()).collect();
        assert_eq!(found, ids, "{text}");
        let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
        assert_eq!(reasons, complaints, "{text}");
        reading
    }

    fn two_files() -> String {
        document(&[
            file("a.test.js", &[test("adds", "passed"), test("sums", "failed")]),
            file("b.test.js", &[test("pays", "failed"), test("waits", "pending")]),
        ])
    }

    #[test]
    fn ids_are_those_of_each_runners_junit_report() {
        let reading = check("jest-json", &two_files(), &["cart sums", "cart pays"], &[]);
        assert_eq!(reading.report.outcome(&TestId::new("", "cart adds")), Some(Outcome::Passed));
        assert_eq!(reading.report.failures[0].properties, [("file".to_owned(), "a.test.js".to_owned())]);
        let reading = check("vitest-json", &two_files(), &["a.test.js cart > sums", "b.test.js cart > pays"], &[]);
        assert_eq!(reading.report.outcome(&TestId::new("a.test.js", "cart > adds")), Some(Outcome::Passed));
        assert_eq!(reading.report.outcome(&TestId::new("b.test.js", "cart > waits")), Some(Outcome::Skipped));
    }

    #[test]
    fn a_document_that_is_cut_yields_what_is_whole_and_what_failed() {
        let text = two_files();
        let cut = &text[..text.find("/u/shop/b.test.js\"").unwrap()];
        let unsure = "which file tests are of is not sure; those that did not fail are counted without names";
        let reading = check("jest-json", cut, &["cart sums", "cart pays"], &["the document is cut short"]);
        assert_eq!(reading.report.counts.skipped, 1);
        let complaints = ["the document is cut short", unsure];
        check("vitest-json", cut, &["a.test.js cart > sums", "cart > pays"], &complaints);
        let cut = &text[..text.find("\"fullName\":\"cart sums\"").unwrap()];
        let left_out = "a test is not told of to its end; it is left out";
        check("jest-json", cut, &[], &[left_out, "the document is cut short"]);
    }

    #[test]
    fn damage_costs_one_test() {
        let text = document(&[
            file("a.test.js", &[test("sums", "failed"), test("adds", "passed")]),
            file("b.test.js", &[test("pays", "failed"), test("waits", "pending")]),
        ]);
        let text = text.replace("\"fullName\":\"cart sums\"", "\"fullName\":\"cart su");
        let left_out = "a test is not told of to its end; it is left out";
        let damaged = "the document is damaged: no key stands where one should";
        let reading = check("jest-json", &text, &["a.test.js [suite]", "cart pays"], &[left_out, damaged]);
        assert_eq!((reading.report.counts.passed, reading.report.counts.skipped), (1, 1));
        assert_eq!(reading.report.failures[0].message, "which of the file's tests failed is lost");
    }

    #[test]
    fn a_status_that_is_not_known_is_no_pass() {
        let text = document(&[file("a.test.js", &[test("adds", "maybe"), test("sums", "failed")])]);
        let reason = "a test has no status that is known, but \"maybe\"; it is left out";
        let reading = check("jest-json", &text, &["cart sums"], &[reason]);
        assert_eq!(reading.report.counts.tests, 1);
    }

    #[test]
    fn a_file_that_could_not_be_run_is_a_failure_of_its_own() {
        let error = json!([{"ancestorTitles": [], "failureMessages": ["  ● Test suite failed to run\n\n    Cannot find module 'x'\n"], "status": "error"}]);
        let of_reporter = json!({"assertionResults": error, "status": "failed", "name": "/u/shop/a.test.js"});
        let reading = check("jest-json", &document(&[of_reporter]), &["a.test.js [suite]"], &[]);
        assert_eq!(reading.report.failures[0].message, "Cannot find module 'x'");
        let silent = json!({"assertionResults": [], "status": "failed", "name": "/u/shop/a.test.js"});
        let reading = check("vitest-json", &document(&[silent]), &["a.test.js [suite]"], &[]);
        assert_eq!(reading.report.failures[0].message, "the file failed outside its tests");
        let raw = json!({"testResults": [], "testExecError": {"message": "no", "stack": "Error: no\n  at a.js:1:2"}, "testFilePath": "/u/shop/a.test.js"});
        let reading = check("jest-json", &document(&[raw]), &["a.test.js [suite]"], &[]);
        assert_eq!(reading.report.failures[0].location.as_ref().unwrap().to_string(), "a.js:1:2");
    }

    #[test]
    fn what_a_document_says_of_itself_is_compared_with_what_it_lists() {
        let text = two_files().replace("\"numTotalTestSuites\":1", "\"numTotalTests\":9,\"wasInterrupted\":true");
        let interrupted = "the run was interrupted; tests that are not listed did not run";
        let declared = "the report declares 9 tests but lists 4";
        check("jest-json", &text, &["cart sums", "cart pays"], &[declared, interrupted]);
        let green = document(&[file("a.test.js", &[test("adds", "passed")])]).replace("\"failed\"", "\"passed\"");
        let text = green.replace("\"numTotalTestSuites\":1", "\"success\":false");
        check("jest-json", &text, &[], &["the report says that the run failed, but of no test that did"]);
    }

    #[test]
    fn values_are_worded_as_matchers_print_them() {
        let of = |text: &str| value(&mut Json::new(crate::ingest::json::Part { text, offset: 0 }), 100);
        assert_eq!(of("\"b\"").unwrap(), "\"b\"");
        assert_eq!(of("\"{\\n  1,\\n}\"").unwrap(), "{\n  1,\n}");
        assert_eq!(of("{\"a\": [1, null]}").unwrap(), "{\"a\":[1,null]}");
        assert_eq!(of(""), None);
    }
}
