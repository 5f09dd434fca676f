//! Tests of the reader of Maven's text on hand-made logs, and of its agreement with Surefire's reports; real logs of
//! Maven 3.8 with Surefire 2.22 are in the fixtures.

use std::collections::BTreeSet;
use std::path::Path;

use crate::ingest::maven::Maven;
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Owner, Reader, Reading, read, read_as};
use crate::model::{Outcome, TestId};

fn check(text: &str, counts: [u64; 4], red: &[(&str, &str)], complaints: &[&str]) -> Reading {
    let reading = read_as("maven", text.as_bytes(), &Hints::default()).unwrap();
    let n = reading.report.counts;
    let ids = reading.report.failures.iter().map(|failure| (failure.id.suite.as_str(), failure.id.name.as_str()));
    let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
    assert_eq!((ids.collect::<Vec<_>>().as_slice(), reasons.as_slice()), (red, complaints), "{text}");
    assert_eq!([n.passed, n.failed, n.errored, n.skipped], counts, "{text}");
    reading
}

fn red_ids(path: &str) -> BTreeSet<(TestId, Outcome)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest").join(path);
    let report = read(&fs_err::read(path).unwrap(), &Hints::default()).unwrap().report;
    report.failures.iter().map(|failure| (failure.id.clone(), report.outcome(&failure.id).unwrap())).collect()
}

#[test]
fn text_and_report_of_a_run_agree_on_what_failed() {
    for (log, report, class) in [
        ("2.22_junit5", "2.22_junit5", "com.acme.CartTest"),
        ("2.22_junit4_reruns", "2.22_flaky", "com.acme.FlakyTest"),
        ("2.22_junit4", "2.22_junit4_Old", "com.acme.OldTest"),
        ("2.22_junit4", "2.22_junit4_Child", "com.acme.ChildTest"),
    ] {
        let mut in_log = red_ids(&format!("maven/{log}.log"));
        in_log.retain(|(id, _)| id.suite.starts_with(class));
        assert!(!in_log.is_empty());
        assert_eq!(in_log, red_ids(&format!("junit/surefire_{report}.xml")), "{log}");
    }
}

const THREE: &str = "[INFO] --- surefire:3.2.5:test (default-test) @ shop ---\n[INFO] \n[INFO]  T E S T S\n[INFO] Running a.CartTest\n\
    [INFO] Running a.CartTest$Full\n[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.003 s <<< FAILURE! -- in a.CartTest$Full\n\
    [ERROR] a.CartTest$Full.deep(int)[2] -- Time elapsed: 0.001 s <<< FAILURE!\norg.opentest4j.AssertionFailedError: deep\n\
    \tat org.junit.jupiter.api.Assertions.fail(Assertions.java:143)\n\tat a.CartTest$Full.deep(CartTest.java:76)\n\n\
    [ERROR] Tests run: 3, Failures: 0, Errors: 1, Skipped: 1, Time elapsed: 0.030 s <<< FAILURE! -- in a.CartTest\n\
    [ERROR] a.CartTest -- Time elapsed: 0.001 s <<< ERROR!\njava.lang.IllegalStateException: no database\n\tat a.CartTest.open(CartTest.java:8)\n\n";

const RESULTS: &str = "[INFO] \n[INFO] Results:\n[INFO] \n[ERROR] Failures: \n[ERROR]   CartTest$Full.deep:76 deep\n[ERROR] Errors: \n\
    [ERROR]   CartTest.open:8 » IllegalState no database\n[INFO] \n[ERROR] Tests run: 5, Failures: 1, Errors: 1, Skipped: 1\n";

#[test]
fn surefire_3_names_tests_in_full() {
    let red = [("a.CartTest$Full", "deep(int)[2]"), ("a.CartTest", "[unnamed]")];
    let reading = check(&format!("{THREE}{RESULTS}"), [2, 1, 1, 1], &red, &[]);
    let failure = &reading.report.failures[0];
    assert_eq!((failure.kind.as_str(), failure.message.as_str()), ("org.opentest4j.AssertionFailedError", "deep"));
    assert_eq!(failure.location.as_ref().unwrap().to_string(), "a/CartTest.java:76");
    assert_eq!(failure.duration.unwrap().as_millis(), 1);
}

#[test]
fn surefire_2_12_has_neither_levels_nor_classes_in_its_counts() {
    let text = "-------------------------------------------------------\n T E S T S\n-------------------------------------------------------\n\
        Running a.CartTest\nTests run: 3, Failures: 1, Errors: 1, Skipped: 0, Time elapsed: 0.056 sec <<< FAILURE!\n\
        adds(a.CartTest)  Time elapsed: 0.016 sec  <<< FAILURE!\njava.lang.AssertionError: expected:<3> but was:<1>\n\
        \tat org.junit.Assert.fail(Assert.java:88)\n\tat a.CartTest.adds(CartTest.java:12)\n\nbreaks(a.CartTest)  Time elapsed: 0 sec  <<< ERROR!\n\
        java.lang.IllegalStateException: no\n\tat a.CartTest.breaks(CartTest.java:20)\n\nRunning a.FineTest\n\
        Tests run: 1, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.001 sec\n\nResults :\n\nFailed tests: \n\
        \x20 CartTest.adds:12 expected:<3> but was:<1>\n\nTests in error: \n  CartTest.breaks:20 » IllegalState no\n\n\
        Tests run: 4, Failures: 1, Errors: 1, Skipped: 0\n\n[INFO] BUILD FAILURE\n";
    check(text, [2, 1, 1, 0], &[("a.CartTest", "adds"), ("a.CartTest", "breaks")], &[]);
}

#[test]
fn what_a_test_prints_names_no_failure_and_closes_nothing() {
    let text = "[INFO]  T E S T S\n[INFO] Running a.CartTest\n[ERROR] Tests run: 1, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 1 s <<< FAILURE! - in a.Fake\n\
        [ERROR] fake(a.Fake)  Time elapsed: 0 s  <<< FAILURE!\n[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 1 s <<< FAILURE! - in a.CartTest\n\
        [ERROR] fake(a.CartTest)  Time elapsed: 0 s  <<< FAILURE!\nprinted\nTests run: 9, Failures: 9, Errors: 0, Skipped: 0\n\
        [ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 1 s <<< FAILURE! - in a.CartTest\n\
        [ERROR] adds(a.CartTest)  Time elapsed: 0 s  <<< FAILURE!\njava.lang.AssertionError: [ERROR] x  Time elapsed: 0 s  <<< FAILURE!\n\tat a.CartTest.adds(CartTest.java:1)\n\n\
        [INFO] Results:\n[INFO] \n[ERROR] Failures: \n[ERROR]   CartTest.adds:1 x\n[INFO] \n[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0\n";
    check(text, [1, 1, 0, 0], &[("a.CartTest", "adds")], &[]);
}

#[test]
fn without_details_the_lists_name_what_failed() {
    let text = "[INFO] Running a.b.CartTest\n[ERROR] Tests run: 3, Failures: 2, Errors: 0, Skipped: 0, Time elapsed: 1 s <<< FAILURE! - in a.b.CartTest\n\
        [INFO] Results:\n[INFO] \n[ERROR] Failures: \n[ERROR]   CartTest.adds:12 expected: <3> but was: <1>\n[INFO] \n\
        [ERROR] Tests run: 3, Failures: 2, Errors: 0, Skipped: 0\n";
    let reading = check(text, [1, 2, 0, 0], &[("a.b.CartTest", "adds"), ("", "[unnamed]")], &[]);
    let failure = &reading.report.failures[0];
    assert_eq!((failure.expected.as_deref(), failure.actual.as_deref()), (Some("3"), Some("1")));
}

#[test]
fn a_log_that_is_cut_gives_what_is_known_up_to_there() {
    let red = [("a.CartTest$Full", "deep(int)[2]"), ("a.CartTest", "[unnamed]")];
    let cut = "the test run has no closing line; it was cut short or its output is";
    check(THREE, [2, 1, 1, 1], &red, &[cut]);
}

#[test]
fn each_module_of_a_reactor_has_its_results() {
    let red = [("a.CartTest$Full", "deep(int)[2]"), ("a.CartTest", "[unnamed]")];
    let twice = format!("{THREE}{RESULTS}[INFO] Building web 1.0 [2/2]\n{THREE}{RESULTS}[INFO] BUILD FAILURE\n");
    check(&twice, [4, 2, 2, 2], &[red, red].concat(), &[]);
}

#[test]
fn compilers_of_other_languages_stop_a_build_as_well() {
    let text = "[ERROR] /u/src/Cart.kt: (3, 5) Unresolved reference: foo\n[ERROR] /u/src/Cart.kt: (9, 1) Expecting '}'\n[INFO] BUILD FAILURE\n\
        [ERROR] Failed to execute goal org.jetbrains.kotlin:kotlin-maven-plugin:1.9.0:compile (compile) on project shop: Compilation failure: Compilation failure: \n\
        [ERROR] /u/src/Cart.kt:[3,5] Unresolved reference: foo\n[ERROR] /u/src/Cart.kt:[9,1] Expecting '}'\n[ERROR] -> [Help 1]\n";
    let reading = check(text, [0, 0, 1, 0], &[("shop", "[build]")], &[]);
    let failure = &reading.report.failures[0];
    assert_eq!((failure.message.as_str(), failure.diagnostics.len()), ("Unresolved reference: foo", 2));
    assert_eq!(failure.location.as_ref().unwrap().to_string(), "/u/src/Cart.kt:3:5");
}

#[test]
fn another_goal_that_fails_is_a_failure_of_its_project() {
    let text = "[INFO] BUILD FAILURE\n[ERROR] Failed to execute goal org.apache.maven.plugins:maven-enforcer-plugin:3.0.0:enforce (x) on project shop: \
        Some Enforcer rules have failed. Look above. -> [Help 1]\n";
    let reading = check(text, [0, 0, 1, 0], &[("shop", "[build]")], &[]);
    let failure = &reading.report.failures[0];
    assert_eq!(failure.kind, "maven-enforcer-plugin:3.0.0:enforce");
    assert_eq!(failure.message, "Some Enforcer rules have failed. Look above.");
}

#[test]
fn only_lines_of_maven_and_of_its_tests_are_its_own() {
    let Reader::Lines(mut lines) = Maven.reader(&Hints::default()) else { panic!("Maven prints lines") };
    let mut to = Recorder::new(&Hints::default(), None);
    let mut owner = |text| lines.line(&Line { text, offset: 0 }, &mut to);
    for (text, expected) in [
        ("running 1 test", Owner::Other),
        ("[INFO]  T E S T S", Owner::This),
        ("[INFO] Running a.CartTest", Owner::This),
        ("running 1 test", Owner::This),
        ("[INFO] Tests run: 1, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 1 s - in a.CartTest", Owner::This),
        ("running 1 test", Owner::Other),
        ("[INFO] Results:", Owner::This),
        ("[INFO] Tests run: 1, Failures: 0, Errors: 0, Skipped: 0", Owner::This),
        ("[INFO] BUILD SUCCESS", Owner::This),
        ("running 1 test", Owner::Other),
    ] {
        assert_eq!(owner(text), expected, "{text}");
    }
}

#[test]
fn no_prefix_of_a_log_makes_a_failure_a_pass() {
    let text = format!("{THREE}{RESULTS}");
    for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
        let Ok(reading) = read_as("maven", &text.as_bytes()[..end], &Hints::default()) else { continue };
        let n_red = ["<<< FAILURE! -- in a.CartTest$Full\n", "<<< FAILURE! -- in a.CartTest\n"];
        let n_red = n_red.iter().filter(|words| text[..end].contains(**words)).count() as u64;
        assert!(reading.report.counts.red() >= n_red, "{:?}", &text[..end]);
        assert!(reading.report.counts.passed <= 2, "{:?}", &text[..end]);
    }
}
