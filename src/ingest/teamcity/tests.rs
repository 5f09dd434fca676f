//! Tests of the TeamCity reader on small logs, each with one thing in it.

use crate::ingest::{Hints, Reading, read, read_as};
use crate::model::{Outcome, TestId};

/// Writes messages, one a line, given as `name name='value' …`.
fn messages(messages: &[&str]) -> String {
    messages
        .iter()
        .map(|message| if message.contains('\'') { format!("##teamcity[{message}]\n") } else { format!("{message}\n") })
        .collect()
}

/// Checks the numbers of all, failed, errored and skipped tests, and the complaints.
#[track_caller]
fn check(log: &[&str], counts: [u64; 4], complaints: &[&str]) -> Reading {
    let reading = read_as("teamcity", messages(log).as_bytes(), &Hints::default()).unwrap();
    let n = reading.report.counts;
    assert_eq!([n.tests, n.failed, n.errored, n.skipped], counts, "{log:?}");
    let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
    assert_eq!(reasons, complaints, "{log:?}");
    reading
}

fn outcome(reading: &Reading, suite: &str, name: &str) -> Option<Outcome> {
    reading.report.outcome(&TestId::new(suite, name))
}

#[test]
fn a_test_passed_unless_something_else_was_said() {
    let log = [
        "testSuiteStarted name='outer'",
        "testSuiteStarted name='inner'",
        "testStarted name='a'",
        "testFinished name='a' duration='1500'",
        "testStarted name='b'",
        "testFailed name='b' message='m' details='at b.js:1:2'",
        "testFinished name='b' duration='1500'",
        "testStarted name='c'",
        "testIgnored name='c' message='later'",
        "testFinished name='c'",
        "testSuiteFinished name='inner'",
        "testIgnored name='d' message='never started'",
        "testSuiteFinished name='outer'",
    ];
    let reading = check(&log, [4, 1, 0, 2], &[]);
    assert_eq!(outcome(&reading, "outer inner", "a"), Some(Outcome::Passed));
    assert_eq!(outcome(&reading, "outer", "d"), Some(Outcome::Skipped));
    let failure = &reading.report.failures[0];
    assert_eq!((failure.message.as_str(), failure.duration.unwrap().as_millis()), ("m", 1500));
}

#[test]
fn flows_are_read_apart() {
    let log = [
        "testSuiteStarted name='one' flowId='1'",
        "testSuiteStarted name='two' flowId='2'",
        "testStarted name='a' flowId='1'",
        "testStarted name='a' flowId='2'",
        "testFailed name='a' flowId='1' message='m'",
        "testFinished name='a' flowId='2'",
        "testFinished name='a' flowId='1'",
    ];
    let reading = check(&log, [2, 1, 0, 0], &[]);
    assert_eq!(
        (outcome(&reading, "one", "a"), outcome(&reading, "two", "a")),
        (Some(Outcome::Failed), Some(Outcome::Passed))
    );
}

#[test]
fn suites_may_be_nodes_of_a_tree() {
    let log = [
        "testSuiteStarted name='outer' nodeId='1' parentNodeId='0'",
        "testSuiteStarted name='inner' nodeId='2' parentNodeId='1'",
        "testStarted name='a' nodeId='3' parentNodeId='2' locationHint='file:///u/a.js:7'",
        "testStarted name='a' nodeId='4' parentNodeId='1'",
        "testFailed name='a' nodeId='3' message='m' error='true'",
        "testFinished name='a' nodeId='4'",
        "testFinished name='a' nodeId='3'",
    ];
    let reading = check(&log, [2, 0, 1, 0], &[]);
    assert_eq!(outcome(&reading, "outer", "a"), Some(Outcome::Passed));
    assert_eq!(reading.report.failures[0].location.as_ref().unwrap().to_string(), "/u/a.js:7");
    assert_eq!(reading.report.failures[0].id.suite, "outer inner");
}

#[test]
fn several_failures_of_one_test_are_one() {
    let log = [
        "testStarted name='a'",
        "testFailed name='a' message='one'",
        "testFailed name='a' message='two'",
        "testFinished name='a'",
    ];
    let failure = &check(&log, [1, 1, 0, 0], &[]).report.failures[0];
    assert_eq!((failure.message.as_str(), failure.output.as_str()), ("one", "one\ntwo"));
}

#[test]
fn the_values_of_a_comparison_are_kept() {
    let log = [
        "testStarted name='a'",
        "testFailed name='a' type='comparisonFailure' expected='1|n2' actual=''",
        "testFinished name='a'",
    ];
    let failure = &check(&log, [1, 1, 0, 0], &[]).report.failures[0];
    assert_eq!((failure.expected.as_deref(), failure.actual.as_deref()), (Some("1\n2"), Some("")));
}

#[test]
fn a_failure_outside_any_test_counts_unless_a_test_can_have_printed_it() {
    let hook = "testFailed name='before all' message='m' flowId='hook'";
    let reading = check(&["testSuiteStarted name='Cart' flowId='1'", hook], [1, 1, 0, 0], &[]);
    assert_eq!(reading.report.failures[0].id, TestId::new("Cart", "before all"));
    let reason =
        "a failure of test \"before all\", which was not started, may be printed by another test; it does not count";
    check(&["testStarted name='a' flowId='1'", hook, "testFinished name='a' flowId='1'"], [1, 0, 0, 0], &[reason]);
    let elsewhere = [
        "testSuiteStarted name='s' flowId='hook'",
        "testStarted name='a' flowId='1'",
        hook,
        "testFinished name='a' flowId='1'",
    ];
    check(&elsewhere, [2, 1, 0, 0], &[]);
}

#[test]
fn what_a_test_prints_is_its_output_and_no_other_formats_results() {
    let log = messages(&[
        "testStarted name='a'",
        "TAP version 13",
        "not ok 1 - fake",
        "1..1",
        "testStdErr name='a' out='err|n'",
        "testFailed name='a' message='m'",
        "testFinished name='a'",
        "TAP version 13",
        "not ok 1 - real",
        "1..1",
    ]);
    let reading = read(log.as_bytes(), &Hints::default()).unwrap();
    assert_eq!((reading.formats, reading.report.counts.tests), (vec!["teamcity", "tap"], 2));
    assert_eq!(reading.report.failures[0].output, "m\nTAP version 13\nnot ok 1 - fake\n1..1\nerr");
}

#[test]
fn text_before_a_message_is_output_too() {
    let log = "##teamcity[testStarted name='a']\nprinted##teamcity[testFailed name='a' message='m']\n##teamcity[testFinished name='a']\n";
    assert_eq!(read_as("teamcity", log.as_bytes(), &Hints::default()).unwrap().report.failures[0].output, "m\nprinted");
}

#[test]
fn a_test_that_never_ends_did_not_pass() {
    let reason = "test a was started and has not ended; how it ended is unknown";
    check(&["testStarted name='a'"], [0; 4], &[reason]);
    check(&["testStarted name='a'", "testStarted name='a'", "testFinished name='a'"], [1, 0, 0, 0], &[reason]);
    check(&["testStarted name='a'", "testFailed name='a' message='m'"], [1, 1, 0, 0], &[]);
    check(&["testSuiteStarted name='s'", "testStarted name='a'", "testSuiteFinished name='s'"], [1, 0, 1, 0], &[]);
    let reading = check(
        &[
            "testStarted name='a'",
            "PHP Fatal error:  Uncaught Error: no in /u/a.php:3",
            "Stack trace:",
            "#0 {main}",
            "bye",
        ],
        [1, 0, 1, 0],
        &[],
    );
    assert_eq!(reading.report.failures[0].message, "PHP Fatal error:  Uncaught Error: no in /u/a.php:3");
}

#[test]
fn fewer_results_than_announced_are_a_complaint() {
    check(
        &["testCount count='2'", "testStarted name='a'", "testFinished name='a'"],
        [1, 0, 0, 0],
        &["2 tests were announced, and 1 have a result"],
    );
}

#[test]
fn tests_that_are_tried_again_are_flaky_if_they_pass() {
    let failed = ["testStarted name='a'", "testFailed name='a' message='m'", "testFinished name='a'"];
    let passed = ["testStarted name='a'", "testFinished name='a'"];
    let retried =
        |tries: &[&[&'static str]]| [&["testRetrySupport enabled='true'"], tries.concat().as_slice()].concat();
    let reading = check(&retried(&[&failed, &failed, &passed]), [1, 0, 0, 0], &[]);
    assert_eq!(reading.report.flaky[0].attempts.len(), 2);
    assert_eq!(check(&retried(&[&failed, &failed]), [1, 1, 0, 0], &[]).report.failures[0].attempts.len(), 1);
    check(&[failed.as_slice(), &passed].concat(), [2, 1, 0, 0], &[]);
}

#[test]
fn tests_that_run_at_once_are_bounded() {
    let log: Vec<_> = (0..2000).map(|n| format!("testStarted name='{n}'")).collect();
    let log: Vec<_> = log.iter().map(String::as_str).collect();
    let reading = read_as("teamcity", messages(&log).as_bytes(), &Hints::default()).unwrap();
    assert_eq!(reading.report.counts.tests, 0);
}
