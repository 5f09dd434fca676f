//! Go's test events (`go test -json`): one JSON object a line, described in `go doc test2json`.
//!
//! A test that only failed because its subtests did is no failure of its own; subtests are the tests. A package that
//! fails without a failing test is an errored case of the package, `[build]` or `[aborted]`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use crate::ingest::recorder::Recorder;
use crate::ingest::{ABORTED, Collected, Format, Hints, Likeness, Reader, detail, offset_in, pattern};
use crate::model::{Failure, Outcome, TestCase, TestId};

/// Go's test events.
pub(super) struct GoJson;

/// How an event begins.
static EVENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?m)^\{"(?:Time":"[^"]*","Action|Action|ImportPath":"[^"]*","Action)":"[a-z-]+""#));

/// The lines that only frame a test's output.
const FRAMES: &[&str] = &["=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME ", "--- PASS: ", "--- FAIL: ", "--- SKIP: "];

impl Format for GoJson {
    fn name(&self) -> &'static str {
        "go-json"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let is_event = EVENT.is_match(text);
        is_event.then_some(Likeness::Certain).ok_or("there is no event like `{\"Action\":\"run\",\"Package\":…}`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Collected::reader(hints, read)
    }
}

fn read(text: &str, hints: &Hints, reading: &mut Recorder) {
    let mut run = Run { hints, reading, packages: HashMap::new(), build_output: HashMap::new() };
    for line in text.lines() {
        match serde_json::from_str(line) {
            Ok(event) => run.event(event),
            Err(error) if line.starts_with("{\"Time\":") || line.starts_with("{\"Action\":") => {
                run.reading.complain(offset_in(text, line) as u64, format!("an event cannot be read: {error}"));
            }
            Err(_) => {}
        }
    }
    run.finish(text.len());
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    #[serde(default)]
    package: String,
    #[serde(default)]
    import_path: String,
    test: Option<String>,
    output: Option<String>,
    failed_build: Option<String>,
}

/// A package whose tests run.
#[derive(Default)]
struct Package {
    /// The output of tests that have not ended, and of those that failed and may have subtests.
    running: HashMap<String, String>,
    /// Tests that have subtests, and whether one of those was red.
    parents: HashMap<String, bool>,
    /// What belongs to no test.
    output: String,
    n_red: usize,
}

struct Run<'r> {
    hints: &'r Hints,
    reading: &'r mut Recorder,
    packages: HashMap<String, Package>,
    /// What the compiler printed, by import path.
    build_output: HashMap<String, String>,
}

impl Run<'_> {
    fn event(&mut self, event: Event) {
        let Event { action, package, import_path, test, output, failed_build } = event;
        match (action.as_str(), test) {
            ("build-output", _) => {
                self.build_output.entry(import_path).or_default().push_str(&output.unwrap_or_default());
            }
            ("run", Some(test)) => self.begin(&package, test),
            ("output", Some(test)) => self.output(&package, &test, &output.unwrap_or_default()),
            ("output", None) => {
                self.packages.entry(package).or_default().output.push_str(&output.unwrap_or_default());
            }
            ("pass" | "bench", Some(test)) => self.end(&package, &test, Outcome::Passed),
            ("skip", Some(test)) => self.end(&package, &test, Outcome::Skipped),
            ("fail", Some(test)) => self.end(&package, &test, Outcome::Failed),
            ("fail", None) => self.end_package(&package, failed_build.as_deref()),
            ("pass" | "skip", None) => drop(self.packages.remove(&package)),
            _ => {}
        }
    }

    fn begin(&mut self, package: &str, test: String) {
        let package = self.packages.entry(package.to_owned()).or_default();
        if let Some((parent, _)) = test.rsplit_once('/') {
            package.parents.entry(parent.to_owned()).or_default();
        }
        package.running.insert(test, String::new());
    }

    fn output(&mut self, package: &str, test: &str, output: &str) {
        let package = self.packages.entry(package.to_owned()).or_default();
        if FRAMES.iter().any(|frame| output.trim_start().starts_with(frame)) {
            return;
        }
        match package.running.get_mut(test) {
            Some(text) => text.push_str(output),
            None => package.output.push_str(output),
        }
    }

    /// Takes a result; of a test with subtests only if it is red and none of those is.
    fn end(&mut self, name: &str, test: &str, outcome: Outcome) {
        let package = self.packages.entry(name.to_owned()).or_default();
        let output = package.running.remove(test).unwrap_or_default();
        let has_red_part = package.parents.remove(test);
        if let Some((parent, _)) = test.rsplit_once('/')
            && let Entry::Occupied(mut parent) = package.parents.entry(parent.to_owned())
        {
            *parent.get_mut() |= outcome.is_red();
        }
        package.n_red += usize::from(outcome.is_red());
        if has_red_part == Some(true) || (has_red_part == Some(false) && !outcome.is_red()) {
            return;
        }
        let id = TestId::new(name, test);
        let failure = outcome.is_red().then(|| self.failure(id.clone(), &output));
        self.reading.record(TestCase { id, outcome, duration: None, failure });
    }

    /// Ends a package that failed: with its tests, or in place of them.
    fn end_package(&mut self, name: &str, failed_build: Option<&str>) {
        let package = self.packages.remove(name).unwrap_or_default();
        let is_build = failed_build.is_some()
            || package.output.contains("[build failed]")
            || package.output.contains("[setup failed]");
        if package.n_red > 0 && package.running.is_empty() {
            return;
        }
        let mut text: String = package.running.into_values().collect();
        let compiled = failed_build.or(Some(name)).and_then(|path| self.build_output.get(path));
        // The compiler's output is headed by the package's name.
        let is_error = |line: &&str| !line.starts_with("# ");
        text.extend(compiled.into_iter().flat_map(|output| output.split_inclusive('\n')).filter(is_error));
        text.push_str(&package.output);
        let id = if is_build { TestId::build(name) } else { TestId::new(name, ABORTED) };
        let failure = self.failure(id, &text);
        self.reading.fail(Outcome::Errored, failure);
    }

    fn failure(&self, id: TestId, output: &str) -> Failure {
        let mut failure = Failure::bare(id);
        detail::fill(&mut failure, &[output]);
        detail::set_output(&mut failure, output, self.hints.output_bytes_max);
        failure
    }

    fn finish(self, end: usize) {
        let mut names: Vec<_> = self.packages.keys().map(String::as_str).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        for name in names {
            self.reading
                .complain(end as u64, format!("package {name} has no end; tests that had not ended are unknown"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    fn event(action: &str, test: &str, output: &str) -> String {
        let mut event = serde_json::json!({"Time": "2026-01-02T03:04:05Z", "Action": action, "Package": "shop/cart"});
        if !test.is_empty() {
            event["Test"] = test.into();
        }
        if !output.is_empty() {
            event["Output"] = output.into();
        }
        event.to_string() + "\n"
    }

    fn check(events: &[(&str, &str, &str)], ids: &[&str], n_tests: u64) -> Reading {
        let log: String = events.iter().map(|(action, test, output)| event(action, test, output)).collect();
        let reading = read_as("go-json", log.as_bytes(), &Hints::default()).unwrap();
        let found: Vec<_> = reading.report.failures.iter().map(|failure| failure.id.to_string()).collect();
        assert_eq!(
            (found.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), reading.report.counts.tests),
            (ids, n_tests)
        );
        reading
    }

    #[test]
    fn a_failing_subtest_is_one_failure() {
        let events = [
            ("run", "TestA", ""),
            ("run", "TestA/one", ""),
            ("output", "TestA/one", "    cart_test.go:12: got 1, want 2\n"),
            ("run", "TestA/two", ""),
            ("fail", "TestA/one", ""),
            ("pass", "TestA/two", ""),
            ("fail", "TestA", ""),
            ("fail", "", ""),
        ];
        let reading = check(&events, &["shop/cart TestA/one"], 2);
        let failure = &reading.report.failures[0];
        assert_eq!((failure.actual.as_deref(), failure.expected.as_deref()), (Some("1"), Some("2")));
        assert_eq!(failure.location.as_ref().unwrap().to_string(), "cart_test.go:12");
    }

    #[test]
    fn a_package_that_dies_is_a_failure_of_its_own() {
        let events =
            [("run", "TestA", ""), ("output", "TestA", "panic: runtime error: index out of range\n"), ("fail", "", "")];
        let reading = check(&events, &["shop/cart [aborted]"], 1);
        assert_eq!(reading.report.failures[0].message, "panic: runtime error: index out of range");
        check(&[("output", "", "FAIL\tshop/cart [build failed]\n"), ("fail", "", "")], &["shop/cart [build]"], 1);
    }

    #[test]
    fn a_package_without_an_end_is_complained_of() {
        let reading = check(&[("run", "TestA", "")], &[], 0);
        assert_eq!(reading.complaints[0].reason, "package shop/cart has no end; tests that had not ended are unknown");
    }
}
