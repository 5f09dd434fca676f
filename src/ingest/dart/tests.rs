//! Tests of the Dart reader on small streams, each with one thing in it.

use crate::ingest::{Hints, Reading, read, read_as};
use crate::model::{Outcome, TestId};

const START: &str = r#"{"protocolVersion":"0.1.1","runnerVersion":"1.25.8","pid":1,"type":"start","time":0}
{"suite":{"id":0,"platform":"vm","path":"test\\cart_test.dart"},"type":"suite","time":0}
"#;

fn started(id: u32, name: &str) -> String {
    format!(
        "{{\"test\":{{\"id\":{id},\"name\":\"{name}\",\"suiteID\":0,\"groupIDs\":[1],\"line\":7,\"column\":3,\"url\":\"file:///u/cart_test.dart\"}},\
         \"type\":\"testStart\",\"time\":10}}\n"
    )
}

fn done(id: u32, result: &str) -> String {
    format!(
        "{{\"testID\":{id},\"result\":\"{result}\",\"skipped\":false,\"hidden\":false,\"type\":\"testDone\",\"time\":1510}}\n"
    )
}

fn error(id: u32, error: &str, is_failure: bool) -> String {
    format!(
        "{{\"testID\":{id},\"error\":\"{error}\",\"stackTrace\":\"test/cart_test.dart 9:5  main.<fn>\\n\",\"isFailure\":{is_failure},\"type\":\"error\",\"time\":20}}\n"
    )
}

fn print(id: u32, message: &str) -> String {
    format!("{{\"testID\":{id},\"messageType\":\"print\",\"message\":\"{message}\",\"type\":\"print\",\"time\":20}}\n")
}

fn ended(success: &str) -> String {
    format!("{{\"success\":{success},\"type\":\"done\",\"time\":99}}\n")
}

/// Checks the numbers of all, failed, errored and skipped tests, and the complaints.
#[track_caller]
fn check(events: &[String], counts: [u64; 4], complaints: &[&str]) -> Reading {
    let reading = read_as("dart", format!("{START}{}", events.concat()).as_bytes(), &Hints::default()).unwrap();
    let n = reading.report.counts;
    assert_eq!([n.tests, n.failed, n.errored, n.skipped], counts, "{events:?}");
    let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
    assert_eq!(reasons, complaints, "{events:?}");
    reading
}

const FILE: &str = "test/cart_test.dart";

#[test]
fn results_count_under_the_files_path() {
    let events = [
        started(2, "a"),
        started(3, "b"),
        done(2, "success"),
        error(3, "no", true),
        done(3, "failure"),
        ended("false"),
    ];
    let reading = check(&events, [2, 1, 0, 0], &[]);
    assert_eq!(reading.report.outcome(&TestId::new(FILE, "a")), Some(Outcome::Passed));
    let failure = &reading.report.failures[0];
    assert_eq!(
        (failure.location.as_ref().unwrap().to_string().as_str(), failure.message.as_str()),
        ("test/cart_test.dart:9:5", "no")
    );
    assert_eq!(failure.duration.unwrap().as_millis(), 1500);
}

#[test]
fn hidden_and_skipped_tests_are_no_passes() {
    let hidden = done(2, "success").replace("\"hidden\":false", "\"hidden\":true");
    let skipped = done(3, "success").replace("\"skipped\":false", "\"skipped\":true");
    check(&[started(2, "(setUpAll)"), hidden, started(3, "b"), skipped, ended("true")], [1, 0, 0, 1], &[]);
}

#[test]
fn a_file_that_cannot_be_loaded_is_a_build_that_failed() {
    let loading = started(1, "loading test/cart_test.dart").replace("[1]", "[]");
    let reading =
        check(&[loading, error(1, "Failed to load", false), done(1, "error"), ended("false")], [1, 0, 1, 0], &[]);
    assert_eq!(reading.report.failures[0].id, TestId::build(FILE));
}

#[test]
fn an_error_after_the_end_of_a_test_makes_it_fail() {
    let late = [
        started(2, "a"),
        done(2, "success"),
        started(3, "b"),
        error(2, "late", false),
        done(3, "success"),
        ended("false"),
    ];
    let reading = check(&late, [2, 0, 1, 0], &[]);
    assert_eq!(reading.report.failures[0].id.name, "a");
    let later: Vec<_> = (3..300).flat_map(|id| [started(id, "b"), done(id, "success")]).collect();
    let events =
        [vec![started(2, "a"), done(2, "success")], later, vec![error(2, "late", true), ended("false")]].concat();
    let reason = "an error is that of test 2, which had ended or is unknown";
    assert_eq!(check(&events, [299, 1, 0, 0], &[reason]).report.failures[0].id.name, "[test 2]");
}

#[test]
fn a_test_that_passes_when_tried_again_is_flaky() {
    let retry = print(2, "Retry: a");
    let passes = [
        started(2, "a"),
        error(2, "one", true),
        retry.clone(),
        error(2, "two", true),
        retry.clone(),
        done(2, "success"),
        ended("true"),
    ];
    let flaky = &check(&passes, [1, 0, 0, 0], &[]).report.flaky[0];
    assert_eq!(flaky.attempts.iter().map(|attempt| attempt.message.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    let fails =
        [started(2, "a"), error(2, "one", true), retry, error(2, "two", true), done(2, "failure"), ended("false")];
    let failure = &check(&fails, [1, 1, 0, 0], &[]).report.failures[0];
    assert_eq!((failure.message.as_str(), failure.attempts[0].message.as_str()), ("two", "one"));
}

#[test]
fn what_flutter_caught_is_the_message() {
    let caught = "══╡ EXCEPTION CAUGHT BY FLUTTER TEST FRAMEWORK ╞══\\nThe following TestFailure was thrown running a test:\\nExpected: one\\n  Actual: none\\n\\n\
        When the exception was thrown, this was the stack:\\n#4      main.<anonymous closure> (file:///u/cart_test.dart:19:5)";
    let refers = "Test failed. See exception logs above.\\nThe test description was: a";
    let events = [started(2, "a"), print(2, caught), error(2, refers, true), done(2, "error"), ended("false")];
    let failure = &check(&events, [1, 0, 1, 0], &[]).report.failures[0];
    assert_eq!((failure.message.as_str(), failure.actual.as_deref()), ("Expected: one\n  Actual: none", Some("none")));
    assert_eq!(failure.location.as_ref().unwrap().to_string(), "/u/cart_test.dart:19:5");
}

#[test]
fn a_run_that_is_cut_keeps_its_failures_and_says_so() {
    let unknown = "test test/cart_test.dart a was started and has not ended; how it ended is unknown";
    let cut = "the run has no end; what it would have reported after that is unknown";
    check(&[started(2, "a")], [0; 4], &[unknown, cut]);
    check(&[started(2, "a"), error(2, "no", true)], [1, 0, 1, 0], &[cut]);
    check(&[started(2, "a"), ended("null")], [0; 4], &[unknown, "the run was broken off; tests may be missing"]);
    check(&[ended("false")], [0; 4], &["the run failed, but none of its tests did"]);
    check(
        &[done(2, "success"), ended("true")],
        [1, 0, 0, 0],
        &["the start of test 2 is missing; it counts, but not by name"],
    );
}

#[test]
fn a_damaged_event_costs_that_event() {
    let events = [
        started(2, "a"),
        "{\"testID\":2,\"type\":\"print\",\"time\":x\n".to_owned(),
        error(2, "no", true),
        done(2, "failure"),
        ended("false"),
    ];
    let reading = read_as("dart", format!("{START}{}", events.concat()).as_bytes(), &Hints::default()).unwrap();
    assert_eq!((reading.report.counts.failed, reading.complaints.len()), (1, 1));
    assert!(reading.complaints[0].reason.starts_with("an event cannot be read: "));
}

#[test]
fn what_tests_write_past_the_runner_is_no_other_formats_results() {
    let tap = "TAP version 13\nnot ok 1 - x\n1..1\n";
    let events = [started(2, "a"), tap.to_owned(), done(2, "success"), ended("true"), tap.to_owned()];
    let reading = read(format!("{START}{}", events.concat()).as_bytes(), &Hints::default()).unwrap();
    assert_eq!((reading.formats, reading.report.counts.tests), (vec!["dart", "tap"], 2));
}

#[test]
fn paths_are_relative_to_the_project_if_it_is_known() {
    let hints = Hints { root: Some("/home/user/shop".into()), ..Hints::default() };
    let start = START.replace(r"test\\cart_test.dart", "/home/user/shop/test/cart_test.dart");
    let stream = format!("{start}{}{}{}", started(2, "a"), done(2, "failure"), ended("false"));
    assert_eq!(read_as("dart", stream.as_bytes(), &hints).unwrap().report.failures[0].id.suite, FILE);
}
