//! Tests of the reader of Gradle's text on hand-made logs, and of its agreement with Gradle's reports; real logs of
//! Gradle 4.4 are in the fixtures.

use std::collections::BTreeSet;
use std::path::Path;

use crate::ingest::gradle::Gradle;
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Owner, Reader, Reading, read, read_as};
use crate::model::{Outcome, TestId};

fn check(text: &str, counts: [u64; 4], red: &[(&str, &str)], complaints: &[&str]) -> Reading {
    let reading = read_as("gradle", text.as_bytes(), &Hints::default()).unwrap();
    let n = reading.report.counts;
    let ids = reading.report.failures.iter().map(|failure| (failure.id.suite.as_str(), failure.id.name.as_str()));
    let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
    assert_eq!((ids.collect::<Vec<_>>().as_slice(), reasons.as_slice()), (red, complaints), "{text}");
    assert_eq!([n.passed, n.failed, n.errored, n.skipped], counts, "{text}");
    reading
}

fn red_ids(path: &str) -> BTreeSet<TestId> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest").join(path);
    let report = read(&fs_err::read(path).unwrap(), &Hints::default()).unwrap().report;
    report.failures.into_iter().map(|failure| failure.id).collect()
}

#[test]
fn text_and_report_of_a_run_agree_on_what_failed() {
    for log in ["4.4_default", "4.4_full", "4.4_all"] {
        let in_log = red_ids(&format!("gradle/{log}.log"));
        for class in ["CartTest", "OldTest"] {
            let of_class = in_log.iter().filter(|id| id.suite == format!("com.acme.{class}")).cloned();
            assert_eq!(of_class.collect::<BTreeSet<_>>(), red_ids(&format!("junit/gradle_4.4_{class}.xml")), "{log}");
        }
    }
}

const SEVEN: &str = "> Task :core:test\n\nCartTest > adds() FAILED\n    org.opentest4j.AssertionFailedError: expected: <3> but was: <1>\n        \
    at app//org.junit.jupiter.api.Assertions.fail(Assertions.java:39)\n        at app//com.acme.CartTest.adds(CartTest.java:18)\n\n\
    CartTest > isEmpty() PASSED\n\nCartTest > WhenFull > deep() FAILED\n    org.opentest4j.AssertionFailedError: deep\n        \
    at app//com.acme.CartTest$WhenFull.deep(CartTest.java:76)\n\nCartTest > named(String) > [2] two words FAILED\n    \
    java.lang.AssertionError at CartTest.java:64\n\nCartTest > later() SKIPPED\n\n";

const COUNTS: &str = "7 tests completed, 3 failed, 1 skipped\n\n> Task :core:test FAILED\n\nFAILURE: Build failed with an exception.\n\n\
    * What went wrong:\nExecution failed for task ':core:test'.\n> There were failing tests. See the report at: file:///x\n\n* Try:\n\
    > Run with --scan to get full insights.\n\nBUILD FAILED in 3s\n";

const RED: [(&str, &str); 3] =
    [("com.acme.CartTest", "adds()"), ("com.acme.CartTest$WhenFull", "deep()"), ("CartTest", "[2] two words")];

#[test]
fn since_version_7_the_class_is_found_in_the_trace() {
    let reading = check(&format!("{SEVEN}{COUNTS}"), [3, 3, 0, 1], &RED, &[]);
    assert_eq!(reading.report.outcome(&TestId::new("CartTest", "isEmpty()")), Some(Outcome::Passed));
    let failure = &reading.report.failures[0];
    assert_eq!((failure.expected.as_deref(), failure.actual.as_deref()), (Some("3"), Some("1")));
    assert_eq!(failure.location.as_ref().unwrap().to_string(), "com/acme/CartTest.java:18");
}

#[test]
fn a_log_that_is_cut_gives_what_is_known_up_to_there() {
    let cut = "the tests that failed are not counted; the log was cut short or its output is";
    check(SEVEN, [1, 3, 0, 1], &RED, &[cut]);
}

#[test]
fn what_a_test_prints_or_throws_names_no_failure() {
    let text = "> Task :test\n\na.CartTest > adds STANDARD_OUT\n    a.Fake > fake FAILED\n        x\n    9 tests completed, 9 failed\n\n\
        a.CartTest > adds FAILED\n    java.lang.AssertionError: one\n\n    a.Fake > fake FAILED\n        at a.CartTest.adds(CartTest.java:1)\n\n\
        1 test completed, 1 failed\n";
    let reading = check(text, [0, 1, 0, 0], &[("a.CartTest", "adds")], &[]);
    assert_eq!(reading.report.failures[0].message, "one\n\na.Fake > fake FAILED");
    assert!(reading.report.failures[0].output.ends_with("9 tests completed, 9 failed"));
}

#[test]
fn a_test_that_passes_when_tried_again_is_flaky() {
    let text = "> Task :test\n\na.T > x() FAILED\n    java.lang.AssertionError: one\n\na.T > y() FAILED\n    java.lang.AssertionError: two\n\n\
        a.T > x() FAILED\n    java.lang.AssertionError: three\n\na.T > y() PASSED\n\nBUILD SUCCESSFUL in 1s\n";
    let cut = "the tests that failed are not counted; the log was cut short or its output is";
    let reading = check(text, [1, 1, 0, 0], &[("a.T", "x()")], &[cut]);
    let failure = &reading.report.failures[0];
    assert_eq!((failure.message.as_str(), failure.attempts[0].message.as_str()), ("three", "one"));
    assert_eq!(reading.report.flaky[0].id, TestId::new("a.T", "y()"));
    assert_eq!(reading.report.flaky[0].attempts[0].message, "two");
}

#[test]
fn the_compilers_of_all_languages_stop_a_build() {
    let text = "> Task :core:compileKotlin FAILED\ne: file:///u/core/src/Cart.kt:3:5 Unresolved reference: foo\n\
        e: file:///u/core/src/Cart.kt:9:1 Expecting '}'\nw: file:///u/core/src/Cart.kt:1:1 unused\n\nFAILURE: Build failed with an exception.\n\n\
        * What went wrong:\nExecution failed for task ':core:compileKotlin'.\n> Compilation error. See log for more details\n\n* Try:\nBUILD FAILED in 2s\n";
    let reading = check(text, [0, 0, 1, 0], &[("core", "[build]")], &[]);
    let failure = &reading.report.failures[0];
    assert_eq!((failure.message.as_str(), failure.diagnostics.len()), ("Unresolved reference: foo", 2));
    assert_eq!(failure.location.as_ref().unwrap().to_string(), "/u/core/src/Cart.kt:3:5");
}

#[test]
fn two_tasks_with_tests_of_the_same_names_are_kept_apart() {
    let task = |name: &str| {
        format!(
            "> Task :{name}:test\n\na.T > x() FAILED\n    java.lang.AssertionError: one\n\n2 tests completed, 1 failed\n\n"
        )
    };
    check(&format!("{}{}", task("core"), task("web")), [2, 2, 0, 0], &[("a.T", "x()"), ("a.T", "x()")], &[]);
}

#[test]
fn counts_without_names_are_failures_without_names() {
    check("12 tests completed, 2 failed, 3 skipped\n", [7, 2, 0, 3], &[("", "[unnamed]"), ("", "[unnamed]")], &[]);
    let reading = read_as("gradle", b"99999999 tests completed, 9999999 failed\n", &Hints::default()).unwrap();
    assert_eq!(reading.report.counts.failed, 1000);
    assert_eq!(reading.complaints[0].reason, "9999999 tests are counted as failed, and 0 are listed");
}

#[test]
fn a_filter_that_matches_nothing_is_a_complaint() {
    let text = "* What went wrong:\nExecution failed for task ':test'.\n> No tests found for given includes: [a.B](--tests filter)\n\n* Try:\n";
    let reason =
        "Gradle says: Execution failed for task ':test'.\nNo tests found for given includes: [a.B](--tests filter)";
    check(text, [0; 4], &[], &[reason]);
}

#[test]
fn only_lines_of_gradle_and_of_its_tests_are_its_own() {
    let Reader::Lines(mut lines) = Gradle.reader(&Hints::default()) else { panic!("Gradle prints lines") };
    let mut to = Recorder::new(&Hints::default(), None);
    let mut owner = |text| lines.line(&Line { text, offset: 0 }, &mut to);
    for (text, expected) in [
        ("    indented", Owner::Other),
        ("> Task :test", Owner::This),
        ("running 1 test", Owner::Other),
        ("a.T > x() FAILED", Owner::This),
        ("    java.lang.AssertionError: one", Owner::This),
        ("WARNING: of the machine", Owner::Other),
        ("        at a.T.x(T.java:1)", Owner::This),
        ("", Owner::This),
        ("2 tests completed, 1 failed", Owner::This),
        ("    indented", Owner::Other),
        ("BUILD FAILED in 1s", Owner::This),
    ] {
        assert_eq!(owner(text), expected, "{text}");
    }
}

#[test]
fn no_prefix_of_a_log_makes_a_failure_a_pass() {
    let text = format!("{SEVEN}{COUNTS}");
    for end in 0..=text.len() {
        let Ok(reading) = read_as("gradle", &text.as_bytes()[..end], &Hints::default()) else { continue };
        let n_failed = text[..end].matches(" FAILED\n    ").count() as u64;
        let counts = reading.report.counts;
        assert!(counts.failed >= n_failed && counts.passed <= 3, "{:?}", &text[..end]);
    }
}
