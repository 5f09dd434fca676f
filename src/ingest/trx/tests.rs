//! Tests of the TRX reader on small files, each with one thing in it.

use crate::ingest::{Hints, Reading, read_as};
use crate::model::{Outcome, TestId};

fn read(run: &str) -> Reading {
    read_as("trx", format!("<TestRun>{run}</TestRun>").as_bytes(), &Hints::default()).unwrap()
}

/// Checks the numbers of all, failed, errored and skipped tests, and the complaints.
fn check(run: &str, counts: [u64; 4], complaints: &[&str]) -> Reading {
    let reading = read(run);
    let n = reading.report.counts;
    assert_eq!([n.tests, n.failed, n.errored, n.skipped], counts, "{run}");
    let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
    assert_eq!(reasons, complaints, "{run}");
    reading
}

fn result(test: &str, name: &str, outcome: &str) -> String {
    format!("<UnitTestResult testId='{test}' testName='{name}' outcome='{outcome}'/>")
}

fn defined(test: &str, name: &str, class: &str) -> String {
    format!("<UnitTest id='{test}' name='{name}'><TestMethod className='{class}' name='M'/></UnitTest>")
}

fn run(results: &[String], definitions: &[String]) -> String {
    format!("<Results>{}</Results><TestDefinitions>{}</TestDefinitions>", results.concat(), definitions.concat())
}

#[track_caller]
fn outcome(reading: &Reading, class: &str, name: &str) -> Option<Outcome> {
    reading.report.outcome(&TestId::new(class, name))
}

#[test]
fn a_result_that_names_its_class_needs_no_definition() {
    let reading =
        check(&run(&[result("1", "A.B.C(x: 1.5)", "Passed"), result("2", "A.B.D", "Failed")], &[]), [2, 1, 0, 0], &[]);
    assert_eq!(outcome(&reading, "A.B", "C(x: 1.5)"), Some(Outcome::Passed));
    assert_eq!(reading.report.failures[0].id, TestId::new("A.B", "D"));
}

#[test]
fn other_results_are_named_by_their_definitions_wherever_these_stand() {
    let results = [result("1", "Adds", "Passed"), result("2", "adds 1.5", "Failed")];
    let definitions = [defined("2", "adds 1.5", "A.B, Shop, Version=1.0"), defined("1", "Adds", "A.B")];
    let after = run(&results, &definitions);
    let before =
        format!("<TestDefinitions>{}</TestDefinitions><Results>{}</Results>", definitions.concat(), results.concat());
    for text in [after, before] {
        let reading = check(&text, [2, 1, 0, 0], &[]);
        assert_eq!(outcome(&reading, "A.B", "Adds"), Some(Outcome::Passed));
        assert_eq!(reading.report.failures[0].id, TestId::new("A.B", "adds 1.5"));
    }
}

#[test]
fn failures_stay_in_the_order_of_their_results() {
    let names =
        |reading: &Reading| reading.report.failures.iter().map(|failure| failure.id.to_string()).collect::<Vec<_>>();
    let results = [result("1", "Adds", "Failed"), result("2", "A.B.C", "Failed"), result("3", "Finds", "Failed")];
    let reading = check(&run(&results, &[defined("3", "Finds", "E"), defined("1", "Adds", "D")]), [3, 3, 0, 0], &[]);
    assert_eq!(names(&reading), ["D Adds", "A.B C", "E Finds"]);
}

#[test]
fn a_result_whose_definition_is_missing_counts() {
    let reason = "of 1 results the test's definition is missing; they count, but not by name";
    let results = [result("1", "Adds", "Passed"), result("2", "Finds", "Failed")];
    assert_eq!(check(&run(&results, &[]), [2, 1, 0, 0], &[reason]).report.failures[0].id, TestId::new("", "Finds"));
}

#[test]
fn rows_of_data_are_cases_and_their_sum_is_not() {
    let rows = [result("1", "Adds (1)", "Passed"), result("1", "Adds (2)", "Failed")].concat();
    let sum = |outcome: &str, inner: &str| {
        format!(
            "<UnitTestResult testId='1' testName='Adds' outcome='{outcome}'><InnerResults>{inner}</InnerResults></UnitTestResult>"
        )
    };
    let definitions = [defined("1", "Adds", "A.B")];
    let reading = check(&run(&[sum("Failed", &rows)], &definitions), [2, 1, 0, 0], &[]);
    assert_eq!(outcome(&reading, "A.B", "Adds (1)"), Some(Outcome::Passed));
    assert_eq!(outcome(&reading, "A.B", "Adds (2)"), Some(Outcome::Failed));
    assert_eq!(outcome(&reading, "A.B", "Adds"), None);
    let passed = result("1", "Adds (1)", "Passed");
    let reading = check(&run(&[sum("Failed", &passed)], &definitions), [2, 1, 0, 0], &[]);
    assert_eq!(outcome(&reading, "A.B", "Adds"), Some(Outcome::Failed));
    let beside = rows.replace("/>", " resultType='DataDrivenDataRow'/>");
    let sum = result("1", "Adds", "Failed").replace("/>", " resultType='DataDrivenTest'/>");
    let reading = check(&run(&[sum, beside], &definitions), [2, 1, 0, 0], &[]);
    assert_eq!(outcome(&reading, "A.B", "Adds (1)"), Some(Outcome::Passed));
}

#[test]
fn a_result_whose_end_is_missing_sums_up_nothing() {
    let begun = |name| result("1", name, "Failed").replace("/>", ">");
    check(&format!("<Results>{}{}</Results>", begun("A.B"), result("2", "A.C", "Failed")), [2, 2, 0, 0], &[]);
    let inner =
        format!("<InnerResults>{}{}</InnerResults></UnitTestResult>", begun("A.C"), result("2", "A.D", "Failed"));
    check(&format!("<Results>{}{inner}</Results>", begun("A.B")), [2, 2, 0, 0], &[]);
}

#[test]
fn a_result_ends_as_its_outcome_says_and_without_one_in_an_error() {
    let one = |outcome: &str| {
        let n = read(&result("1", "A.B", outcome)).report.counts;
        [n.passed, n.failed, n.errored, n.skipped].iter().position(|n| *n == 1).unwrap()
    };
    for (outcome, kind) in
        [("Passed", 0), ("Failed", 1), ("Timeout", 2), ("Aborted", 2), ("", 2), ("NotExecuted", 3), ("Odd", 3)]
    {
        assert_eq!(one(outcome), kind, "{outcome}");
    }
}

#[test]
fn a_run_that_was_aborted_is_a_case() {
    let summary = |outcome: &str, text: &str| {
        format!(
            "<ResultSummary outcome='{outcome}'><RunInfos><RunInfo outcome='Error'><Text>{text}</Text></RunInfo></RunInfos></ResultSummary>"
        )
    };
    let aborted = "The active test run was aborted. Reason: Test host process crashed";
    for tests in [result("1", "A.B", "Passed"), result("1", "A.B", "Failed")] {
        let reading = read(&format!("{tests}{}", summary("Failed", aborted)));
        let failure = reading.report.failures.last().unwrap();
        assert_eq!((failure.id.name.as_str(), failure.message.as_str()), ("[aborted]", aborted));
    }
    let printed = summary("Failed", "[xUnit.net 00:00:00.37]     A.B [FAIL]");
    assert_eq!(read(&format!("{}{printed}", result("1", "A.B", "Failed"))).report.counts.tests, 1);
    assert_eq!(read(&format!("{}{printed}", result("1", "A.B", "Passed"))).report.counts.errored, 1);
    assert_eq!(read("<ResultSummary outcome='Completed'/>").report.counts.tests, 0);
}

#[test]
fn numbers_that_a_run_declares_are_compared_and_never_counted() {
    let counters =
        |total, failed| format!("{}<Counters total='{total}' failed='{failed}'/>", result("1", "A.B", "Failed"));
    check(&counters(1, 1), [1, 1, 0, 0], &[]);
    check(&counters(2, 1), [1, 1, 0, 0], &["the run declares 2 tests but lists 1"]);
    check(&counters(1, 3), [1, 1, 0, 0], &["the run declares 3 failed tests but lists 1"]);
}

#[test]
fn output_of_many_failures_is_bounded_while_their_class_is_unknown() {
    let output = format!("<Output><StdOut>{}</StdOut></Output></UnitTestResult>", "x".repeat(2000));
    let results: String =
        (0..50).map(|n| result(&n.to_string(), "Adds", "Failed").replace("/>", ">") + &output).collect();
    let hints = Hints { outputs_bytes_max: 10_000, ..Hints::default() };
    let report = read_as("trx", format!("<TestRun>{results}</TestRun>").as_bytes(), &hints).unwrap().report;
    let n_bytes: usize = report.failures.iter().map(|failure| failure.output.len()).sum();
    assert!(report.failures.len() == 50 && n_bytes < 10_000 + 50 * 1100, "{n_bytes}");
}

#[test]
fn a_test_that_is_defined_again_and_again_is_looked_up_once() {
    let results = vec![result("1", "Adds", "Passed"); 20_000];
    let definitions = vec![defined("1", "Adds", "A.B"); 20_000];
    check(&run(&results, &definitions), [20_000, 0, 0, 0], &[]);
}
