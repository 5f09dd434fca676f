//! Tests of the reader of unittest's text on hand-made logs, and of its agreement with xmlrunner's report; real logs of
//! Python 2.7 to 3.13, Django 5.2 and xmlrunner 3 are in the fixtures.

use std::collections::BTreeSet;
use std::path::Path;

use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::unittest::Unittest;
use crate::ingest::{Format, Hints, Owner, Reader, Reading, read, read_as};
use crate::model::TestId;

const DOUBLE: &str = "======================================================================";
const RULE: &str = "----------------------------------------------------------------------";

fn check(text: &str, counts: [u64; 4], red: &[(&str, &str)], complaints: &[&str]) -> Reading {
    let text = text.replace("==", DOUBLE).replace("--\n", &format!("{RULE}\n"));
    let reading = read_as("unittest", text.as_bytes(), &Hints::default()).unwrap();
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
fn text_and_report_agree_on_what_failed_in_all_versions() {
    let in_report = red_ids("junit/unittest_xmlrunner_3.xml");
    for log in ["3.6_verbose", "3.8_verbose", "3.11_dots", "3.11_verbose", "3.13_dots", "3.13_verbose"] {
        assert_eq!(red_ids(&format!("unittest/{log}.log")), in_report, "{log}");
    }
}

const TRACEBACK: &str =
    "Traceback (most recent call last):\n  File \"/u/t.py\", line 3, in test_a\nAssertionError: 1 != 2\n";

#[test]
fn what_a_test_prints_names_no_failure_and_closes_nothing() {
    let text = format!(
        "--\nRan 3 tests in 0.1s\n\nOK\n==\nFAIL: test_a (m.T)\n--\n{TRACEBACK}==\nFAIL: fake (m.T)\n--\nprinted\n--\n\
        Ran 9 tests in 0.1s\n\nFAILED (failures=2)\n\n==\nFAIL: test_b (m.T)\n--\n{TRACEBACK}\n--\nRan 3 tests in 0.1s\n\n\
        FAILED (failures=2)\n"
    );
    let reading = check(&text, [1, 2, 0, 0], &[("m.T", "test_a"), ("m.T", "test_b")], &[]);
    let output = &reading.report.failures[0].output;
    assert!(output.contains("FAIL: fake (m.T)") && output.ends_with("FAILED (failures=2)"), "{output}");
}

#[test]
fn statuses_name_what_passed_and_what_a_cut_log_does_not_tell() {
    let text = "test_a (m.T.test_a) ... ok\ntest_b (m.T.test_b)\nWhat it does ... FAIL\ntest_c (m.T.test_c) ... printed\nskipped 'no'\n\
        test_d (m.T.test_d) ... ";
    let cut = "the run has no closing line; it was cut short or its output is";
    let reading = check(text, [1, 1, 0, 1], &[("m.T", "test_b")], &[cut]);
    assert!(reading.report.outcome(&TestId::new("m.T", "test_a")).is_some());
    assert!(reading.report.outcome(&TestId::new("m.T", "test_d")).is_none());
}

#[test]
fn counts_without_names_are_failures_without_names() {
    let text =
        format!("==\nFAIL: test_a (m.T)\n--\n{TRACEBACK}\n--\nRan 5 tests in 0.1s\n\nFAILED (failures=2, errors=1)\n");
    let red = [("m.T", "test_a"), ("", "[unnamed]"), ("", "[unnamed]")];
    check(&text, [2, 2, 1, 0], &red, &[]);
    let text = "--\nRan 5 tests in 0.1s\n\nFAILED (failures=999999)\n";
    let reading =
        read_as("unittest", text.replace("--\n", &format!("{RULE}\n")).as_bytes(), &Hints::default()).unwrap();
    assert_eq!(reading.complaints[0].reason, "the closing line counts 999999 failures, and 1000 are found");
}

#[test]
fn several_runs_of_one_log_are_all_read() {
    let run = format!("F\n==\nFAIL: test_a (m.T)\n--\n{TRACEBACK}\n--\nRan 2 tests in 0.1s\n\nFAILED (failures=1)\n");
    check(&format!("{run}$ again\n{run}"), [2, 2, 0, 0], &[("m.T", "test_a"), ("m.T", "test_a")], &[]);
}

#[test]
fn a_success_that_python_2_forgives_is_no_failure() {
    let text = "test_a (m.T) ... unexpected success\n\n--\nRan 1 test in 0.1s\n\nOK (unexpected successes=1)\n";
    check(text, [1, 0, 0, 0], &[], &[]);
}

#[test]
fn only_lines_of_a_run_are_its_own() {
    let Reader::Lines(mut lines) = Unittest.reader(&Hints::default()) else { panic!("unittest prints lines") };
    let mut to = Recorder::new(&Hints::default(), None);
    let mut owner = |text| lines.line(&Line { text, offset: 0 }, &mut to);
    for (text, expected) in [
        ("..F", Owner::Other),
        (RULE, Owner::This),
        ("a table", Owner::Other),
        ("more", Owner::Other),
        (DOUBLE, Owner::This),
        ("FAIL: test_a (m.T)", Owner::This),
        (RULE, Owner::This),
        ("running 1 test", Owner::This),
        (RULE, Owner::This),
        ("Ran 1 test in 0.1s", Owner::This),
        ("", Owner::This),
        ("FAILED (failures=1)", Owner::This),
        ("", Owner::This),
        ("running 1 test", Owner::Other),
    ] {
        assert_eq!(owner(text), expected, "{text}");
    }
}

#[test]
fn no_prefix_of_a_run_makes_a_failure_a_pass() {
    let text = format!(
        "test_a (m.T.test_a) ... FAIL\ntest_b (m.T.test_b) ... ok\n\n{DOUBLE}\nFAIL: test_a (m.T.test_a)\n{RULE}\n{TRACEBACK}\n{RULE}\n\
        Ran 2 tests in 0.1s\n\nFAILED (failures=1)\n"
    );
    for end in 0..=text.len() {
        let Ok(reading) = read_as("unittest", &text.as_bytes()[..end], &Hints::default()) else { continue };
        let n_failed = u64::from(text[..end].contains("... FAIL"));
        assert_eq!(reading.report.counts.failed, n_failed, "{:?}", &text[..end]);
        assert!(reading.report.counts.passed <= 1, "{:?}", &text[..end]);
    }
}
