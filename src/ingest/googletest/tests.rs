//! Tests of the googletest reader on small logs, each with one thing in it.

use crate::ingest::{Hints, Reading, read, read_as};
use crate::model::{Outcome, TestId};

const BEGUN: &str = "[==========] Running 2 tests from 1 test suite.\n[----------] 2 tests from S\n";
const PASSED: &str = "[ RUN      ] S.a\n[       OK ] S.a (1500 ms)\n";
const FAILED: &str = "[ RUN      ] S.b\na.cc:8: Failure\nno\n[  FAILED  ] S.b (0 ms)\n";
const ENDED: &str = "[----------] 2 tests from S (0 ms total)\n\n[==========] 2 tests from 1 test suite ran. (0 ms total)\n[  PASSED  ] 1 test.\n\
    [  FAILED  ] 1 test, listed below:\n[  FAILED  ] S.b\n\n 1 FAILED TEST\n";

/// Checks the numbers of all, failed, errored and skipped tests, and the complaints.
#[track_caller]
fn check(log: &[&str], counts: [u64; 4], complaints: &[&str]) -> Reading {
    let reading = read_as("googletest", log.concat().as_bytes(), &Hints::default()).unwrap();
    let n = reading.report.counts;
    assert_eq!([n.tests, n.failed, n.errored, n.skipped], counts, "{log:?}");
    let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
    assert_eq!(reasons, complaints, "{log:?}");
    reading
}

fn outcome(reading: &Reading, name: &str) -> Option<Outcome> {
    reading.report.outcome(&TestId::new("S", name))
}

#[test]
fn results_count_and_the_lists_agree() {
    let reading = check(&[BEGUN, PASSED, FAILED, ENDED], [2, 1, 0, 0], &[]);
    assert_eq!(outcome(&reading, "a"), Some(Outcome::Passed));
    let failure = &reading.report.failures[0];
    assert_eq!((failure.message.as_str(), failure.output.as_str()), ("a.cc:8\nno", "a.cc:8: Failure\nno"));
}

#[test]
fn what_a_test_prints_is_not_believed() {
    let forged = PASSED.replace(
        "[       OK ] S.a",
        "[ RUN      ] S.x\n[  FAILED  ] S.x (0 ms)\n[       OK ] S.b (0 ms)\nprinted[       OK ] S.a",
    );
    check(&[BEGUN, &forged, FAILED, ENDED], [2, 1, 0, 0], &[]);
}

#[test]
fn a_program_that_a_test_runs_is_its_output() {
    let nested =
        [BEGUN, PASSED, &FAILED.replace("a.cc:8: Failure\nno\n", &[BEGUN, PASSED, FAILED, ENDED].concat()), ENDED];
    let reading = check(&nested, [2, 1, 0, 0], &[]);
    assert!(reading.report.failures[0].output.contains("[ RUN      ] S.a"), "{}", reading.report.failures[0].output);
}

#[test]
fn a_program_that_died_is_told_by_the_next() {
    let dead = [BEGUN, PASSED, "[ RUN      ] S.b\nabout to die\n"].concat();
    let announced = "2 tests were announced, and 1 have a result";
    let unknown = "the log ends while test S.b runs; how it ended is unknown";
    check(&[&dead], [1, 0, 0, 0], &[unknown, announced]);
    check(&[&dead, "Segmentation fault (core dumped)\n"], [2, 0, 1, 0], &[]);
    let reading = check(&[&dead, BEGUN, PASSED, FAILED, ENDED], [4, 1, 1, 0], &[]);
    assert_eq!(reading.report.failures[0].message, "about to die");
    let dying = [BEGUN, "[ RUN      ] S.b\n"].concat().repeat(20);
    assert_eq!(read_as("googletest", dying.as_bytes(), &Hints::default()).unwrap().report.counts.errored, 19);
}

#[test]
fn the_lists_have_the_last_word() {
    let complaints = [
        "test S b is not among those that are listed as failed; it is left out",
        "the end of failed test S c is missing; it is known from the list",
    ];
    let reading = check(&[BEGUN, PASSED, FAILED, &ENDED.replace("S.b", "S.c")], [2, 1, 0, 0], &complaints);
    assert_eq!(outcome(&reading, "c"), Some(Outcome::Failed));
    check(&[BEGUN, FAILED, ENDED], [1, 1, 0, 0], &["1 tests are said to have passed, and 0 did"]);
}

#[test]
fn what_failed_in_a_suite_itself_is_a_case_of_its_own() {
    let set_up = "a.cc:3: Failure\nFailed\nno database\n";
    let listed = format!("{ENDED}[  FAILED  ] S: SetUpTestSuite or TearDownTestSuite\n\n 1 FAILED TEST SUITE\n");
    let reading = check(&[BEGUN, set_up, PASSED, FAILED, &listed], [3, 1, 1, 0], &[]);
    let failure = reading.report.failures.iter().find(|failure| failure.id.name == "[suite]").unwrap();
    assert_eq!((failure.id.suite.as_str(), failure.message.as_str()), ("S", "a.cc:3\nFailed\nno database"));
}

#[test]
fn disabled_and_skipped_tests_are_no_passes() {
    let disabled = "[ DISABLED ] S.DISABLED_c\n";
    let skipped = "[ RUN      ] S.d\na.cc:1: Skipped\n\n[  SKIPPED ] S.d (0 ms)\n";
    check(&[BEGUN, disabled, skipped, PASSED, FAILED, ENDED], [4, 1, 0, 2], &[]);
}

#[test]
fn a_brief_log_shows_failures_only() {
    let brief = "Running main() from gtest_main.cc\na.cc:8: Failure\nno\nprinted[  FAILED  ] S.b, where TypeParam = int (0 ms)\n\
        [==========] 3 tests from 1 test suite ran. (0 ms total)\n[  PASSED  ] 2 tests.\n";
    let failure = &check(&[brief], [3, 1, 0, 0], &[]).report.failures[0];
    assert_eq!(failure.properties, [("where".to_owned(), "TypeParam = int".to_owned())]);
}

#[test]
fn other_formats_are_read_after_the_program() {
    let log = [BEGUN, PASSED, FAILED, ENDED, "TAP version 13\nnot ok 1 - x\n1..1\n"].concat();
    let reading = read(log.as_bytes(), &Hints::default()).unwrap();
    assert_eq!((reading.formats, reading.report.counts.tests), (vec!["googletest", "tap"], 3));
}
