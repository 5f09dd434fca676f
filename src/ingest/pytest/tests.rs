//! Tests of the reader of pytest's text on hand-made logs, and of its agreement with pytest's JUnit reports; real logs
//! are in the fixtures: pytest 3.10, 5.4, 7.4 with xdist 3.5, subtests 0.11, timeout 2.4 and rerunfailures 13.0, and 9.2 with xdist
//! 3.8, timeout 2.4 and rerunfailures 16.7.

use std::collections::BTreeSet;
use std::path::Path;

use crate::ingest::pytest::Pytest;
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Owner, Reader, Reading, read, read_as};
use crate::model::{Failure, Outcome, TestId};

fn log(text: &str) -> Reading {
    read_as("pytest", text.as_bytes(), &Hints::default()).unwrap()
}

fn check(text: &str, counts: [u64; 4], red: &[(&str, &str)], complaints: &[&str]) -> Reading {
    let reading = log(text);
    let n = reading.report.counts;
    let found: Vec<_> =
        reading.report.failures.iter().map(|Failure { id, .. }| (id.suite.as_str(), id.name.as_str())).collect();
    let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
    assert_eq!((found.as_slice(), reasons.as_slice()), (red, complaints), "{text}");
    assert_eq!([n.passed, n.failed, n.errored, n.skipped], counts, "{text}");
    reading
}

/// Texts and JUnit reports of the same runs, or of runs of the same tests under other options.
const PAIRS: &[(&str, &[&str])] = &[
    ("9.2_default", &["9.2_default", "9.2_default_in_ci"]),
    ("9.2_xunit1", &["9.2_default"]),
    ("7.4_default", &["7.4_default"]),
    (
        "9.2_verbose",
        &[
            "9.2_verbose",
            "9.2_quiet",
            "9.2_very_quiet",
            "9.2_all",
            "9.2_short",
            "9.2_line",
            "9.2_native",
            "9.2_no_tracebacks",
            "9.2_no_summary_verbose",
            "9.2_no_list",
            "9.2_xdist",
            "9.2_xdist_verbose",
            "9.2_nocapture",
            "9.2_nocapture_verbose",
            "9.2_live_log",
            "9.2_times",
            "9.2_colour_verbose",
            "9.2_durations",
            "3.10_default",
            "3.10_verbose",
            "3.10_quiet",
            "3.10_xdist",
            "5.4_default",
            "7.4_verbose",
            "7.4_line",
            "7.4_all_short",
        ],
    ),
    ("9.2_rerun", &["9.2_rerun", "9.2_rerun_verbose", "9.2_rerun_listed", "7.4_rerun_verbose"]),
    ("9.2_subtests", &["9.2_subtests", "9.2_subtests_verbose", "9.2_subtests_xdist"]),
    ("7.4_subtests", &["7.4_subtests", "7.4_subtests_verbose"]),
    ("9.2_collection", &["9.2_collection", "9.2_collection_quiet", "7.4_collection"]),
    ("9.2_collection_continued", &["9.2_collection_continued", "9.2_collection_xdist"]),
    ("9.2_crash_xdist", &["9.2_crash_xdist", "7.4_crash_xdist"]),
    ("9.2_timeout_signal", &["9.2_timeout_signal"]),
    ("9.2_doctest", &["9.2_doctest"]),
    ("9.2_nested", &["9.2_nested", "7.4_nested"]),
    ("9.2_internal_error", &["9.2_internal_error"]),
];

fn red_ids(path: &str) -> BTreeSet<(TestId, Outcome)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest").join(path);
    let report = read(&fs_err::read(path).unwrap(), &Hints::default()).unwrap().report;
    report.failures.iter().map(|failure| (failure.id.clone(), report.outcome(&failure.id).unwrap())).collect()
}

#[test]
fn text_and_junit_report_of_a_run_agree_on_what_failed() {
    for (report, logs) in PAIRS {
        let in_report = red_ids(&format!("junit/pytest_{report}.xml"));
        assert!(!in_report.is_empty());
        for log in *logs {
            assert_eq!(red_ids(&format!("pytest/{log}.log")), in_report, "{log}");
        }
    }
}

#[test]
fn a_name_in_two_files_is_two_tests_each_with_its_own_report() {
    let text = "============ test session starts ============\ncollected 3 items\n\na.py F.        [ 66%]\nb.py F       [100%]\n\n\
        ==== FAILURES ====\n____ test_x ____\n>   assert 1 == 2\nE   assert 1 == 2\n\na.py:2: AssertionError\n____ test_x ____\n\
        >   assert 3 == 4\nE   assert 3 == 4\n\nb.py:5: AssertionError\n==== short test summary info ====\n\
        FAILED b.py::test_x - assert 3 == 4\nFAILED a.py::test_x - assert 1 == 2\n==== 2 failed, 1 passed in 0.01s ====\n";
    let reading = check(text, [1, 2, 0, 0], &[("b", "test_x"), ("a", "test_x")], &[]);
    let places: Vec<_> =
        reading.report.failures.iter().map(|failure| failure.location.clone().unwrap().to_string()).collect();
    assert_eq!(places, ["b.py:5", "a.py:2"]);
}

#[test]
fn what_a_test_prints_names_no_failure_and_closes_nothing() {
    let fake = "==== 1 passed in 0.1s ====\n==== short test summary info ====\nFAILED a.py::test_y - fake\n____ test_y ____\n\
        FAILED a.py::test_z\n==== 1 failed, 1 passed in 0.1s ====\n";
    let text = format!(
        "==== test session starts ====\ncollected 3 items\n\na.py F.F        [100%]\n\n==== FAILURES ====\n____ test_x ____\nE   boom\n\n\
        a.py:2: Boom\n---- Captured stdout call ----\n{fake}____ test_v ____\nE   bang\n\na.py:9: Bang\n==== short test summary info ====\n\
        FAILED a.py::test_x - boom\nFAILED a.py::test_v - bang\n==== 2 failed, 1 passed in 0.01s ====\n"
    );
    let reading = check(&text, [1, 2, 0, 0], &[("a", "test_x"), ("a", "test_v")], &[]);
    let output = &reading.report.failures[0].output;
    assert!(output.contains("==== 1 passed in 0.1s ====") && output.contains("____ test_y ____"), "{output}");
    assert_eq!(reading.report.failures[1].message, "bang");
}

#[test]
fn a_message_that_looks_like_the_summary_is_the_entry_above_it() {
    let text = "==== test session starts ====\ncollected 2 items\n\na.py F.        [100%]\n\n==== FAILURES ====\n____ test_x ____\nE   boom\n\
        E   FAILED a.py::test_y - fake\n\na.py:2: Boom\n==== short test summary info ====\nFAILED a.py::test_x - boom\n\
        FAILED a.py::test_y - fake\n==== 9 passed in 0.1s ====\n==== 1 failed, 1 passed in 0.01s ====\n";
    check(text, [1, 1, 0, 0], &[("a", "test_x")], &[]);
}

#[test]
fn a_log_that_is_cut_gives_what_is_known_up_to_there() {
    let start = "==== test session starts ====\ncollected 4 items\n\na.py F.s.        [100%]\n\n";
    let cut = "the session has no closing line; it was cut short or its output is";
    check(start, [2, 1, 0, 1], &[("a", "[unnamed]")], &[cut]);
    let text = format!("{start}==== FAILURES ====\n____ T.test_x[a.b] ____\nE   boom\n\na.py:2: Boom\n");
    let reading = check(&text, [2, 1, 0, 1], &[("a.T", "test_x[a.b]")], &[cut]);
    assert_eq!(reading.report.failures[0].message, "boom");
}

#[test]
fn a_log_whose_beginning_is_lost_is_read_from_its_reports_on() {
    let text = "E   lost\n==== short test summary info ====\nFAILED a.py::test_x - boom\n==== 1 failed, 7 passed in 0.01s ====\nmore\n";
    let reading = check(text, [7, 1, 0, 0], &[("a", "test_x")], &[]);
    assert_eq!(
        (reading.report.failures[0].message.as_str(), reading.report.failures[0].source),
        ("boom", Some((43, 69)))
    );
}

#[test]
fn several_sessions_of_one_log_are_all_read() {
    let text = "==== test session starts ====\ncollected 2 items\n\na.py .\n==== test session starts ====\ncollected 1 item\n\nb.py .   [100%]\n\n\
        ==== 1 passed in 0.01s ====\n..F   [100%]\n==== short test summary info ====\nFAILED c.py::test_x - boom\n1 failed, 2 passed in 0.01s\n";
    let cut = "the session has no closing line; it was cut short or its output is";
    check(text, [4, 1, 0, 0], &[("c", "test_x")], &[cut]);
}

#[test]
fn counts_that_disagree_with_what_is_listed_are_a_complaint() {
    let text = "==== test session starts ====\n==== short test summary info ====\nFAILED a.py::test_x - boom\n==== 3 failed in 0.01s ====\n";
    let reading = check(text, [0, 3, 0, 0], &[("a", "test_x"), ("", "[unnamed]"), ("", "[unnamed]")], &[]);
    assert_eq!(reading.report.outcome(&TestId::new("a", "test_x")), Some(Outcome::Failed));
    let text = "a.py::test_x PASSED   [ 50%]\na.py::test_y PASSED   [100%]\n==== test session starts ====\n";
    let reading = log(&format!("==== 999999999999 failed in 0.01s ====\n{text}"));
    assert_eq!(reading.complaints[0].reason, "the closing line counts 999999999999 failed tests, and 1000 are found");
    assert_eq!(reading.report.outcome(&TestId::new("a", "test_y")), Some(Outcome::Passed));
}

#[test]
fn only_lines_of_a_session_are_its_own() {
    let Reader::Lines(mut lines) = Pytest.reader(&Hints::default()) else { panic!("pytest prints lines") };
    let mut to = Recorder::new(&Hints::default(), None);
    let mut owner = |text| lines.line(&Line { text, offset: 0 }, &mut to);
    assert_eq!(owner("$ pytest"), Owner::Other);
    for text in ["==== test session starts ====", "a.py .   [100%]", "running 1 test", "==== 1 passed in 0.01s ===="] {
        assert_eq!(owner(text), Owner::This, "{text}");
    }
    assert_eq!(owner("running 1 test"), Owner::Other);
    assert_eq!(owner("ERROR: not found: x"), Owner::Other);
}

#[test]
fn a_flood_of_headers_and_entries_is_bounded_and_loses_no_failure() {
    let flood = "____ x ____\n".repeat(30_000);
    let text = format!(
        "==== test session starts ====\ncollected 2 items\n\na.py FF        [100%]\n\n==== FAILURES ====\n____ test_x ____\nE   boom\n\
        ---- Captured stdout call ----\n{flood}____ test_y ____\nE   bang\n==== short test summary info ====\n\
        FAILED a.py::test_x - boom\nFAILED a.py::test_y - bang\n==== 2 failed in 0.01s ====\n"
    );
    let reading = check(&text, [0, 2, 0, 0], &[("a", "test_x"), ("a", "test_y")], &[]);
    assert!(reading.report.failures[0].output.len() < 70_000);
}

#[test]
fn no_prefix_of_a_session_makes_a_failure_a_pass() {
    let text = "==== test session starts ====\ncollected 3 items\n\na.py::test_x FAILED   [ 33%]\na.py::test_y PASSED   [ 66%]\n\
        a.py::test_z FAILED   [100%]\n\n==== FAILURES ====\n____ test_x ____\nE   boom\n\na.py:2: Boom\n____ test_z ____\nE   bang\n\n\
        a.py:9: Bang\n==== short test summary info ====\nFAILED a.py::test_x - boom\nFAILED a.py::test_z - bang\n\
        ==== 2 failed, 1 passed in 0.01s ====\n";
    for end in 0..=text.len() {
        let Ok(reading) = read_as("pytest", &text.as_bytes()[..end], &Hints::default()) else { continue };
        let n_failed =
            ["FAILED   [ 33%]", "FAILED   [100%]"].iter().filter(|status| text[..end].contains(**status)).count();
        assert!((n_failed as u64..=2).contains(&reading.report.counts.failed), "{:?}", &text[..end]);
        assert!(reading.report.counts.passed <= 1, "{:?}", &text[..end]);
    }
}
