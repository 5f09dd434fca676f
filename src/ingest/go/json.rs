//! Go's test events (`go test -json`): one JSON object a line, described in `go doc test2json`.
//!
//! Until Go 1.24 what the compiler prints, and which packages it fails, stands as text between the events.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::LazyLock;
use std::time::Duration;

use memchr::memmem;
use regex::Regex;
use serde::Deserialize;

use crate::ingest::go::build::{self, Builds};
use crate::ingest::go::package::{Package, Printed};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader, pattern};
use crate::model::{Failure, Outcome, TestId};

/// Go's test events.
pub(in crate::ingest) struct GoJson;

/// How an event begins.
static EVENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?m)^\{"(?:Time":"[^"]*","Action|Action|ImportPath":"[^"]*","Action)":"[a-z-]+""#));

/// How lines begin that are events.
const BEGINNINGS: &[&str] = &["{\"Time\":", "{\"Action\":", "{\"ImportPath\":"];

/// Packages whose tests are followed at one time; Go runs as many at once as there are processors.
const PACKAGES_MAX: usize = 10_000;

impl Format for GoJson {
    fn name(&self) -> &'static str {
        "go-json"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let is_event = memmem::find(text.as_bytes(), b"\"Action\":\"").is_some() && EVENT.is_match(text);
        is_event.then_some(Likeness::Certain).ok_or("there is no event like `{\"Action\":\"run\",\"Package\":…}`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        let builds = Builds::new(hints.output_bytes_max);
        Reader::Lines(Box::new(Events {
            hints: hints.clone(),
            packages: HashMap::new(),
            builds,
            building: None,
            end: 0,
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event<'t> {
    #[serde(borrow)]
    action: Cow<'t, str>,
    #[serde(borrow, default)]
    package: Cow<'t, str>,
    #[serde(borrow, default)]
    import_path: Cow<'t, str>,
    #[serde(borrow, default)]
    test: Cow<'t, str>,
    #[serde(borrow, default)]
    output: Cow<'t, str>,
    #[serde(borrow, default)]
    output_type: Cow<'t, str>,
    #[serde(borrow, default)]
    failed_build: Cow<'t, str>,
    elapsed: Option<f64>,
}

struct Events {
    hints: Hints,
    packages: HashMap<String, Package>,
    builds: Builds,
    /// The package whose build printed the latest line that is no event.
    building: Option<String>,
    /// Where the latest line ended.
    end: u64,
}

impl Lines for Events {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        self.end = line.offset + line.text.len() as u64;
        if !BEGINNINGS.iter().any(|beginning| line.text.starts_with(beginning)) {
            return self.text(line, to);
        }
        self.building = None;
        match serde_json::from_str(line.text) {
            Ok(event) => self.event(&event, line.offset, to),
            Err(error) => to.complain(line.offset, format!("an event cannot be read: {error}")),
        }
        Owner::This
    }

    fn end(&mut self, to: &mut Recorder) {
        let mut packages: Vec<_> = self.packages.drain().collect();
        packages.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (name, package) in packages {
            let reason = format!("package {name} has no end; tests that had not ended are unknown");
            if package.abandon(&name, to) || !name.is_empty() {
                to.complain(self.end, reason);
            }
        }
    }
}

impl Events {
    /// Takes a line that is no event: what the compiler prints, and that a package could not be built.
    fn text(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        if let Some(package) = build::header(line.text) {
            self.building = Some(package.to_owned());
            return Owner::This;
        }
        if let Some(package) = unbuilt(line.text) {
            self.building = None;
            let compiled = self.builds.take(package);
            let package_state = self.packages.remove(package).unwrap_or_else(|| Package::new(&self.hints));
            package_state.fail(package, Some(&compiled), (line.offset, self.end), to);
            return Owner::This;
        }
        let Some(package) = &self.building else { return Owner::Other };
        self.builds.push(package, &format!("{}\n", line.text));
        Owner::This
    }

    fn event(&mut self, event: &Event<'_>, offset: u64, to: &mut Recorder) {
        let (package, test) = (event.package.as_ref(), event.test.as_ref());
        match (event.action.as_ref(), test) {
            ("build-output", _) => self.builds.push(&event.import_path, &event.output),
            ("run", test) if !test.is_empty() => {
                if let Some(package) = self.package(package) {
                    package.begin(test, offset);
                }
            }
            ("output", _) => self.output(event),
            ("pass" | "bench", test) if !test.is_empty() => self.end_test(event, Outcome::Passed, offset, to),
            ("skip", test) if !test.is_empty() => self.end_test(event, Outcome::Skipped, offset, to),
            ("fail", test) if !test.is_empty() => self.end_test(event, Outcome::Failed, offset, to),
            ("fail", _) => self.fail_package(event, offset, to),
            ("pass" | "skip", _) => {
                if let Some(ended) = self.packages.remove(package) {
                    ended.pass(package, to);
                }
            }
            _ => {}
        }
    }

    /// Returns what is known of a package, unless there are too many of them.
    fn package(&mut self, name: &str) -> Option<&mut Package> {
        let is_full = self.packages.len() >= PACKAGES_MAX;
        match self.packages.entry(name.to_owned()) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(new) => Some(new.insert(Package::new(&self.hints))),
        }
    }

    fn output(&mut self, event: &Event<'_>) {
        let is_error = event.output_type.starts_with("error");
        let printed = if is_error { Printed::Error } else { Printed::Other };
        let text = event.output.as_ref();
        let is_end = event.test.is_empty() && matches!(text, "FAIL\n" | "PASS\n");
        let is_frame = event.test.is_empty() && (text.starts_with("FAIL\t") || text.starts_with("ok  \t"));
        let Some(package) = self.package(&event.package) else { return };
        package.is_unbuilt |= is_frame && unbuilt(text.trim_end()).is_some();
        if is_end {
            package.complete();
        } else if !is_frame {
            package.output(&event.test, text, printed);
        }
    }

    fn end_test(&mut self, event: &Event<'_>, outcome: Outcome, offset: u64, to: &mut Recorder) {
        let (name, test) = (event.package.as_ref(), event.test.as_ref());
        let duration = event.elapsed.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let source = (offset, self.end);
        let package = self.package(name);
        if !outcome.is_red() {
            to.tally_timed(name, test, outcome, duration);
        }
        match package {
            Some(package) => package.end(test, outcome, duration, source),
            None if outcome.is_red() => to.fail(outcome, Failure::bare(TestId::new(name, test))),
            None => {}
        }
    }

    fn fail_package(&mut self, event: &Event<'_>, offset: u64, to: &mut Recorder) {
        let name = event.package.as_ref();
        let package = self.packages.remove(name).unwrap_or_else(|| Package::new(&self.hints));
        let compiled = match event.failed_build.as_ref() {
            "" => package.is_unbuilt.then(|| self.builds.take(name)),
            import_path => Some(self.builds.take(import_path)),
        };
        package.fail(name, compiled.as_deref(), (offset, self.end), to);
    }
}

/// Returns the package that a line says could not be built.
fn unbuilt(line: &str) -> Option<&str> {
    let (package, reason) = line.strip_prefix("FAIL\t")?.split_once(' ')?;
    matches!(reason, "[build failed]" | "[setup failed]").then_some(package)
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
    fn a_package_that_dies_is_a_failure_of_what_ran_or_its_own() {
        let events =
            [("run", "TestA", ""), ("output", "TestA", "panic: runtime error: index out of range\n"), ("fail", "", "")];
        let reading = check(&events, &["shop/cart TestA"], 1);
        let failure = &reading.report.failures[0];
        assert_eq!((failure.kind.as_str(), failure.message.as_str()), ("panic", "runtime error: index out of range"));
        assert_eq!(reading.report.counts.errored, 1);
        check(&[("output", "", "cannot reach the database\n"), ("fail", "", "")], &["shop/cart [aborted]"], 1);
        check(&[("output", "", "FAIL\tshop/cart [build failed]\n"), ("fail", "", "")], &["shop/cart [build]"], 1);
    }

    #[test]
    fn a_package_without_an_end_is_complained_of() {
        let reading = check(&[("run", "TestA", "")], &[], 0);
        assert_eq!(reading.complaints[0].reason, "package shop/cart has no end; tests that had not ended are unknown");
    }

    #[test]
    fn parents_count_when_they_pass_or_say_why_they_fail() {
        let said = r#"{"Action":"output","Package":"shop/cart","Test":"TestA","Output":"    a_test.go:9: whole\n","OutputType":"error"}"#;
        let run: String = [("run", "TestA", ""), ("run", "TestA/b", ""), ("fail", "TestA/b", "")]
            .map(|(a, t, o)| event(a, t, o))
            .concat();
        let end = [
            ("fail", "TestA", ""),
            ("run", "TestC", ""),
            ("run", "TestC/d", ""),
            ("pass", "TestC/d", ""),
            ("pass", "TestC", ""),
            ("fail", "", ""),
        ];
        let end: String = end.map(|(a, t, o)| event(a, t, o)).concat();
        let ids = |log: &str| -> Vec<String> {
            let reading = read_as("go-json", log.as_bytes(), &Hints::default()).unwrap();
            assert_eq!(reading.report.outcome(&TestId::new("shop/cart", "TestC")), Some(Outcome::Passed));
            reading.report.failures.iter().map(|failure| failure.id.name.clone()).collect()
        };
        assert_eq!(ids(&format!("{run}{end}")), ["TestA/b"]);
        assert_eq!(ids(&format!("{run}{said}\n{end}")), ["TestA/b", "TestA"]);
    }

    #[test]
    fn of_a_program_that_dies_silently_all_that_ran_are_suspect() {
        let ran = [
            ("run", "TestA", ""),
            ("run", "TestA/b", ""),
            ("run", "TestA/c", ""),
            ("pass", "TestA/b", ""),
            ("run", "TestD", ""),
        ];
        let reading = check(&[&ran[..], &[("fail", "", "")]].concat(), &["shop/cart TestA/c", "shop/cart TestD"], 3);
        assert_eq!(reading.report.failures[0].message, "the test binary exited while this test ran");
        let many: Vec<_> = (0..100).map(|n| format!("Test{n}")).collect();
        let many: Vec<_> = many.iter().map(|name| ("run", name.as_str(), "")).chain([("fail", "", "")]).collect();
        let reading = check(&many, &["shop/cart [aborted]"], 1);
        assert!(reading.report.failures[0].message.starts_with("the test binary exited while 100 tests ran: Test0"));
        // They came to their end, so what seems to run only printed that it began.
        check(&[("run", "TestA", ""), ("output", "", "FAIL\n"), ("fail", "", "")], &["shop/cart [aborted]"], 1);
    }

    #[test]
    fn packages_may_be_interleaved_without_limit() {
        let event =
            |action: &str, n: u32| format!("{{\"Action\":\"{action}\",\"Package\":\"p{n}\",\"Test\":\"TestA\"}}\n");
        let n_packages = 2 * u32::try_from(PACKAGES_MAX).unwrap();
        let log: String =
            ["run", "fail"].iter().flat_map(|action| (0..n_packages).map(move |n| event(action, n))).collect();
        let reading = read_as("go-json", log.as_bytes(), &Hints::default()).unwrap();
        assert_eq!(reading.report.counts.failed, u64::from(n_packages));
    }

    #[test]
    fn what_the_compiler_printed_between_events_explains_a_build_that_failed() {
        let log = "# shop/till [shop/till.test]\ntill/till.go:7:9: undefined: total\nFAIL\tshop/till [build failed]\n";
        let log = format!("{}{log}{}", event("run", "TestA", ""), event("fail", "TestA", ""));
        let reading = read_as("go-json", log.as_bytes(), &Hints::default()).unwrap();
        assert_eq!(reading.report.failures[0].id, TestId::build("shop/till"));
        assert_eq!(reading.report.failures[0].message, "undefined: total");
        assert_eq!(reading.report.failures[1].id.to_string(), "shop/cart TestA");
    }
}
