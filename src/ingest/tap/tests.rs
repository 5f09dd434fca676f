//! Tests of the TAP reader on small streams, each with one thing in it.

use crate::ingest::{Hints, Reading, read_as};
use crate::model::{Outcome, TestId};

/// Checks the numbers of all, failed and skipped tests, the red ids, and the complaints.
fn check(stream: &str, counts: [u64; 3], red: &[&str], complaints: &[&str]) -> Reading {
    let reading = read_as("tap", stream.as_bytes(), &Hints::default()).unwrap();
    let n = reading.report.counts;
    assert_eq!([n.tests, n.failed, n.skipped], counts, "{stream}");
    let ids: Vec<_> = reading.report.failures.iter().map(|failure| failure.id.to_string()).collect();
    assert_eq!(ids, red, "{stream}");
    let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
    assert_eq!(reasons, complaints, "{stream}");
    reading
}

#[test]
fn directives_turn_failures_into_skips() {
    let stream =
        "1..5\nok 1 - a\nnot ok 2 - b\nnot ok 3 - c # TODO later\nnot ok 4 - d # SKIP no\nok 5 - e # TODO done\n";
    check(stream, [5, 1, 2], &["b"], &[]);
}

#[test]
fn plans_are_compared_and_never_counted_with() {
    check("1..136211425\nok 1 a\n", [1, 0, 0], &[], &["the plan is for 136211425 points, and there are 1"]);
    check("ok 1 a\n", [1, 0, 0], &[], &["the stream has no plan; it may have been cut short after 1 point"]);
    check("ok 1 a\n1..1\nok 2 b\n", [2, 0, 0], &[], &["the plan is for 1 point, and there are 2"]);
    check("1..2\nok 1 a\n1..1\n", [1, 0, 0], &[], &["a second plan in one stream; the last one counts"]);
    check("1..0 # SKIP nothing to do\n", [0; 3], &[], &[]);
}

#[test]
fn a_producer_that_bails_out_says_so() {
    check("1..1\nnot ok 1 a\nBail out! disk\n", [1, 1, 0], &["a"], &["the producer bailed out: disk"]);
}

#[test]
fn failures_of_subtests_are_failures_of_their_leaves() {
    let stream = "TAP version 13\n# Subtest: outer\n    # Subtest: inner\n        # Subtest: leaf\n        not ok 1 - leaf\n          ---\n          \
        error: 'boom'\n          ...\n        # Subtest: fine\n        ok 2 - fine\n        1..2\n    not ok 1 - inner\n      ---\n      \
        error: '1 subtest failed'\n      ...\n    1..1\nnot ok 1 - outer\n  ---\n  error: '1 subtest failed'\n  ...\n1..1\n";
    let reading = check(stream, [2, 1, 0], &["outer > inner leaf"], &[]);
    assert_eq!(reading.report.failures[0].message, "boom");
    assert_eq!(reading.report.outcome(&TestId::new("outer > inner", "fine")), Some(Outcome::Passed));
}

#[test]
fn a_sum_that_fails_without_a_failing_part_is_a_failure() {
    let stream = "1..1\n    ok 1 - a\n    1..1\nnot ok 1 - sum\n  ---\n  error: 'hook failed'\n  ...\n";
    let reading = check(stream, [2, 1, 0], &["sum"], &[]);
    assert_eq!(reading.report.failures[0].message, "hook failed");
}

#[test]
fn a_sum_that_passes_excuses_its_parts() {
    check("1..1\n    not ok 1 - a\n    1..1\nok 1 - sum\n", [1, 0, 1], &[], &[]);
    check("1..1\n    not ok 1 - a\n    1..1\nnot ok 1 - sum # TODO\n", [1, 0, 1], &[], &[]);
}

#[test]
fn buffered_subtests_are_subtests() {
    let stream = "TAP version 14\nnot ok 1 - outer {\n    ok 1 - a\n    not ok 2 - inner {\n        not ok 1 - leaf\n          ---\n          \
        at: a.js:3:4\n          ...\n        1..1\n    }\n    1..2\n}\nok 2 - brace at the end {\n}\n1..2\n";
    let reading = check(stream, [3, 1, 0], &["outer > inner leaf"], &[]);
    assert_eq!(reading.report.failures[0].location.as_ref().unwrap().to_string(), "a.js:3:4");
}

#[test]
fn what_a_test_prints_is_no_test() {
    let stream = "1..2\n    ok 1 - printed\n    not ok 2 - printed\nok 1 - a\n  ---\n  message: |\n    not ok 9\nnot ok 8 - in yaml at no depth\n  ...\nok 2 - b\n";
    let reading = read_as("tap", stream.as_bytes(), &Hints::default()).unwrap();
    assert_eq!(reading.report.outcome(&TestId::new("", "printed")), None);
    assert_eq!(reading.report.outcome(&TestId::new("", "b")), Some(Outcome::Passed));
    check("1..1\nnot ok 1 - a\n  ---\n  x: 1\n    ok 7\n  ...\n", [1, 1, 0], &["a"], &[]);
}

#[test]
fn yaml_without_an_end_costs_no_test() {
    check("1..2\nnot ok 1 - a\n  ---\n  error: x\nok 2 - b\n", [2, 1, 0], &["a"], &[]);
}

#[test]
fn a_stream_that_is_cut_yields_what_its_subtests_reported() {
    let stream = "TAP version 13\n# Subtest: outer\n    # Subtest: a\n    not ok 1 - a\n      ---\n      error: 'bo";
    check(stream, [1, 1, 0], &["outer a"], &["the stream has no plan; it may have been cut short after 0 points"]);
}

#[test]
fn titles_are_suites_where_a_stream_has_them() {
    let stream = "TAP version 13\n# first\nok 1 should be equal\n# second\nnot ok 2 should be equal\n  ---\n    operator: equal\n    expected: 3\n    \
        actual: 2\n    at: Test.<anonymous> (/u/a.js:4:5)\n  ...\n\n1..2\n# tests 2\n# fail 1\n";
    let reading = check(stream, [2, 1, 0], &["second should be equal"], &[]);
    assert_eq!(reading.report.failures[0].location.as_ref().unwrap().to_string(), "/u/a.js:4:5");
    assert_eq!(reading.report.failures[0].expected.as_deref(), Some("3"));
}

#[test]
fn points_without_names_have_their_numbers() {
    check("1..3\nnot ok 1\nnot ok\nnot ok 3 - a # b\n", [3, 3, 0], &["1", "2", "a # b"], &[]);
}

#[test]
fn several_streams_in_one_file_have_their_own_plans() {
    check("TAP version 13\n1..1\nok 1 a\nTAP version 13\n1..1\nok 1 b\n", [2, 0, 0], &[], &[]);
}
