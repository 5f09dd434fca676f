//! Tests of the ctest reader on small logs, each with one thing in it.

use crate::ingest::{Hints, Reading, read, read_as};
use crate::model::{Outcome, TestId};

/// A run of as many tests as results are given, each of which is started before.
fn run(results: &[&str], end: &str) -> String {
    let one = |(n, result): (usize, &&str)| {
        let name = result.split(' ').next().unwrap();
        format!("    Start {n}: {name}\n{n}/{} Test #{n}: {result}\n", results.len())
    };
    let results: String = (1..).zip(results).map(one).collect();
    format!("Test project /home/user/shop/build\n{results}\n{end}")
}

const PASSED: &str = "a ...   Passed    0.01 sec";
const FAILED: &str = "b ...***Failed    0.01 sec\nprinted\n";

/// Checks the numbers of all, failed, errored and skipped tests, and the complaints.
#[track_caller]
fn check(log: &str, counts: [u64; 4], complaints: &[&str]) -> Reading {
    let reading = read_as("ctest", log.as_bytes(), &Hints::default()).unwrap();
    let n = reading.report.counts;
    assert_eq!([n.tests, n.failed, n.errored, n.skipped], counts, "{log}");
    let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
    assert_eq!(reasons, complaints, "{log}");
    reading
}

fn outcome(reading: &Reading, name: &str) -> Option<Outcome> {
    reading.report.outcome(&TestId::new("", name))
}

#[test]
fn results_count_and_the_summary_agrees() {
    let end = "50% tests passed, 1 tests failed out of 2\n\nTotal Test time (real) =   0.01 sec\n\nThe following tests FAILED:\n\t  2 - b (Failed)\nErrors while running CTest\n";
    let reading = check(&run(&[PASSED, FAILED], end), [2, 1, 0, 0], &[]);
    assert_eq!(reading.report.failures[0].output, "printed");
    assert_eq!(outcome(&reading, "a"), Some(Outcome::Passed));
}

#[test]
fn what_a_test_prints_is_not_believed() {
    let forged = "b ...***Failed    0.01 sec\n      Start  3: c\n3/9 Test #3: c ...***Failed    0.00 sec\n1/3 Test #1: a ...***Failed    0.01 sec\n\
        100% tests passed, 0 tests failed out of 3\nThe following tests FAILED:\n\t  1 - a (Failed)\nlast line\n";
    let end = "67% tests passed, 1 tests failed out of 3\n\nThe following tests FAILED:\n\t  2 - b (Failed)\n";
    let reading = check(&run(&[PASSED, forged, "c ...   Passed    0.01 sec"], end), [3, 1, 0, 0], &[]);
    let output = &reading.report.failures[0].output;
    assert!(output.starts_with("      Start  3: c\n3/9") && output.ends_with("\nlast line"), "{output}");
}

#[test]
fn a_result_that_was_only_claimed_gives_way_to_the_real_one() {
    let forged =
        |ending: &str| format!("b ...***Failed    0.01 sec\n    Start 3: c\n3/3 Test #3: c ...{ending}    0.00 sec\n");
    let end = |failed: &str| {
        format!("0% tests passed, 2 tests failed out of 3\n\nThe following tests FAILED:\n\t  2 - b (Failed)\n{failed}")
    };
    let log =
        run(&[PASSED, &forged("***Failed"), "c ...   Passed    0.01 sec"], &end("").replace("2 tests", "1 tests"));
    check(&log, [3, 1, 0, 0], &[]);
    let log = run(&[PASSED, &forged("   Passed"), "c ...***Failed    0.01 sec\nreal"], &end("\t  3 - c (Failed)\n"));
    let reading = read_as("ctest", log.as_bytes(), &Hints::default()).unwrap();
    assert_eq!((outcome(&reading, "c"), reading.report.counts.failed), (Some(Outcome::Failed), 2));
}

#[test]
fn the_list_of_failed_tests_has_the_last_word() {
    let end = "0% tests passed, 1 tests failed out of 2\n\nThe following tests FAILED:\n\t  7 - d (SEGFAULT)  label\n";
    let complaints = [
        "test b is not among those that the summary says failed; it is left out",
        "the result of failed test d is missing; it is known from the summary",
    ];
    assert_eq!(outcome(&check(&run(&[PASSED, FAILED], end), [2, 0, 1, 0], &complaints), "d"), Some(Outcome::Errored));
    let cut = "0% tests passed, 1 tests failed out of 2\n\nThe following tests FAILED:\n";
    check(&run(&[PASSED, FAILED], cut), [2, 1, 0, 0], &[]);
}

#[test]
fn a_run_that_is_cut_keeps_its_failures_and_says_so() {
    let reason = "there is no summary; the run was cut short, or its output is";
    check(&run(&[PASSED, FAILED], ""), [2, 1, 0, 0], &[reason]);
    let reason = "there is no summary; the run was cut short while it ran c, or its output is";
    check(&(run(&[PASSED, FAILED], "") + "    Start 3: c\n"), [2, 1, 0, 0], &[reason]);
}

#[test]
fn tests_that_pass_when_tried_again_are_flaky() {
    let again = "2/2 Test #2: b ...***Failed    0.01 sec\nfirst\n\n    Start 2: b\n    Test #2: b ...***Failed    0.01 sec\nsecond\n\n    Start 2: b\n    Test #2: b ...";
    let log = |ending: &str, end: &str| {
        format!(
            "Test project /b\n    Start 1: a\n1/2 Test #1: {PASSED}\n    Start 2: b\n{again}{ending}   0.01 sec\n{end}"
        )
    };
    let reading = check(&log("   Passed ", "\n100% tests passed, 0 tests failed out of 2\n"), [2, 0, 0, 0], &[]);
    let outputs: Vec<_> = reading.report.flaky[0].attempts.iter().map(|attempt| attempt.output.as_str()).collect();
    assert_eq!(outputs, ["first", "second"]);
    let end = "\n50% tests passed, 1 tests failed out of 2\n\nThe following tests FAILED:\n\t  2 - b (Failed)\n";
    let reading = check(&log("***Failed ", end), [2, 1, 0, 0], &[]);
    assert_eq!(reading.report.failures[0].attempts.len(), 2);
}

#[test]
fn what_verbose_shows_belongs_to_its_test() {
    let log = "Test project /b\ntest 1\n    Start 1: a\ntest 2\n    Start 2: b\n\n1: Test command: a\n2: Test command: b\n2: of b\n1: of a\n2: 1/2 Test #1: a ...   Passed    0.01 sec\n\
        1/2 Test #2: b ...***Failed    0.01 sec\n1: more of a\n2/2 Test #1: a ...***Exception: SegFault  0.02 sec\n\n0% tests passed, 2 tests failed out of 2\n";
    let failures = check(log, [2, 1, 1, 0], &[]).report.failures;
    assert_eq!(failures[0].output, "of b\n1/2 Test #1: a ...   Passed    0.01 sec");
    assert_eq!((failures[1].output.as_str(), failures[1].kind.as_str()), ("of a\nmore of a", "SegFault"));
}

#[test]
fn why_a_test_could_not_be_run_is_its_output() {
    let log = "Test project /b\n    Start 1: a\nUnable to find executable: /a\n1/1 Test #1: a ...***Not Run   0.00 sec\n\n0% tests passed, 1 tests failed out of 1\n";
    let failure = &check(log, [1, 0, 1, 0], &[]).report.failures[0];
    assert_eq!((failure.kind.as_str(), failure.output.as_str()), ("Not Run", "Unable to find executable: /a"));
}

#[test]
fn one_log_may_hold_several_runs_and_other_output() {
    let end = "50% tests passed, 1 tests failed out of 2\n\nTotal Test time (real) =   0.01 sec\n\nThe following tests FAILED:\n\t  2 - b (Failed)\nErrors while running CTest\n";
    let one = run(&[PASSED, FAILED], end);
    check(&format!("building\n{one}make: *** [test] Error 8\n{one}"), [4, 2, 0, 0], &[]);
    let tap = "TAP version 13\nok 1 - x\nnot ok 2 - y\n1..2\n";
    let reading = read(format!("{one}{tap}").as_bytes(), &Hints::default()).unwrap();
    assert_eq!((reading.formats, reading.report.counts.tests), (vec!["ctest", "tap"], 4));
}

#[test]
fn a_start_that_is_missing_costs_nothing() {
    let log = "1/2 Test #1: a ...   Passed    0.01 sec\n2/2 Test #2: b c ......***Failed    0.01 sec\n\n50% tests passed, 1 tests failed out of 2\n";
    assert_eq!(outcome(&check(log, [2, 1, 0, 0], &[]), "b c"), Some(Outcome::Failed));
}

#[test]
fn starts_without_results_are_bounded() {
    let log: String = (0..20_000).map(|n| format!("    Start {n}: a{n}\n")).collect();
    let reading = read_as("ctest", format!("Test project /b\n{log}").as_bytes(), &Hints::default()).unwrap();
    assert!(reading.complaints[0].reason.contains("cut short while it ran a18976, a18977"), "{:?}", reading.complaints);
}
