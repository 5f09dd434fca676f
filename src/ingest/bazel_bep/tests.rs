//! Tests of the Bazel reader on small streams, each with one thing in it.

use crate::ingest::{Hints, Reading, read_as};
use crate::model::{Outcome, TestId};

const STARTED: &str =
    r#"{"id":{"started":{}},"children":[],"started":{"uuid":"1","buildToolVersion":"8.4.1","command":"test"}}"#;
const FINISHED: &str =
    r#"{"id":{"buildFinished":{}},"finished":{"exitCode":{"name":"TESTS_FAILED","code":3}},"lastMessage":true}"#;
const SUCCESS: &str = r#"{"id":{"buildFinished":{}},"finished":{"overallSuccess":true,"exitCode":{"name":"SUCCESS"}},"lastMessage":true}"#;

fn result(label: &str, attempt: u32, status: &str) -> String {
    format!(
        r#"{{"id":{{"testResult":{{"label":"{label}","run":1,"shard":1,"attempt":{attempt},"configuration":{{"id":"c"}}}}}},"testResult":{{"status":"{status}","testActionOutput":[{{"name":"test.log","uri":"file:///log{attempt}"}}],"executionInfo":{{"exitCode":3}}}}}}"#
    )
}

fn summary(label: &str, status: &str) -> String {
    format!(
        r#"{{"id":{{"testSummary":{{"label":"{label}"}}}},"testSummary":{{"overallStatus":"{status}","totalRunCount":1,"totalRunDurationMillis":"1500"}}}}"#
    )
}

fn progress(stderr: &str) -> String {
    format!(r#"{{"id":{{"progress":{{"opaqueCount":1}}}},"progress":{{"stderr":"{stderr}"}}}}"#)
}

fn aborted(id: &str, reason: &str) -> String {
    format!(r#"{{"id":{{{id}}},"aborted":{{"reason":"{reason}","description":"why"}}}}"#)
}

/// Checks the numbers of all, failed, errored and skipped tests, and the complaints.
#[track_caller]
fn check(events: &[String], end: &str, counts: [u64; 4], complaints: &[&str]) -> Reading {
    let stream = format!("{STARTED}\n{}\n{end}\n", events.join("\n"));
    let reading = read_as("bazel-bep", stream.as_bytes(), &Hints::default()).unwrap();
    let n = reading.report.counts;
    assert_eq!([n.tests, n.failed, n.errored, n.skipped], counts, "{events:?}");
    let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
    assert_eq!(reasons, complaints, "{events:?}");
    reading
}

fn outcome(reading: &Reading, label: &str) -> Option<Outcome> {
    reading.report.outcome(&TestId::new("", label))
}

#[test]
fn a_summary_says_how_a_test_ended() {
    let events = [
        result("//a:p", 1, "PASSED"),
        summary("//a:p", "PASSED"),
        result("//a:f", 1, "FAILED"),
        summary("//a:f", "FAILED"),
        result("//a:t", 1, "TIMEOUT"),
        summary("//a:t", "TIMEOUT"),
        summary("//a:n", "NO_STATUS"),
    ];
    let reading = check(&events, FINISHED, [4, 1, 1, 1], &[]);
    assert_eq!(
        (outcome(&reading, "//a:p"), outcome(&reading, "//a:f")),
        (Some(Outcome::Passed), Some(Outcome::Failed))
    );
    let failure = &reading.report.failures[0];
    assert_eq!((failure.message.as_str(), failure.duration.unwrap().as_millis()), ("FAILED, exit code 3", 1500));
    assert_eq!(failure.properties, [("test.log".to_owned(), "file:///log1".to_owned())]);
    assert_eq!(reading.report.failures[1].kind, "timeout");
}

#[test]
fn attempts_before_the_last_are_kept() {
    let flaky = [result("//a:t", 1, "FAILED"), result("//a:t", 2, "PASSED"), summary("//a:t", "FLAKY")];
    let flaky = &check(&flaky, SUCCESS, [1, 0, 0, 0], &[]).report.flaky[0];
    assert_eq!(flaky.attempts[0].message, "FAILED, exit code 3");
    let failed = [result("//a:t", 1, "TIMEOUT"), result("//a:t", 2, "FAILED"), summary("//a:t", "FAILED")];
    let failure = &check(&failed, FINISHED, [1, 1, 0, 0], &[]).report.failures[0];
    assert_eq!(
        (failure.message.as_str(), failure.attempts[0].kind.as_str()),
        ("attempt 2: FAILED, exit code 3", "timeout")
    );
}

#[test]
fn what_a_test_printed_is_found_before_and_after_its_summary() {
    let rule = "=".repeat(80);
    let block = format!(
        "FAIL: //a:t (see /log)\\n==================== Test output for //a:t:\\nexec ${{PAGER:-less}} \\\"$0\\\" || exit 1\\n\
        Executing tests from //a:t\\n{}\\na.cc:5: Failure\\nno\\n{rule}\\n",
        "-".repeat(77)
    );
    let (result, summary) = (result("//a:t", 1, "FAILED"), summary("//a:t", "FAILED"));
    for events in [[progress(&block), result.clone(), summary.clone()], [result, summary, progress(&block)]] {
        let failure = &check(&events, FINISHED, [1, 1, 0, 0], &[]).report.failures[0];
        assert_eq!((failure.message.as_str(), failure.location.as_ref().unwrap().line), ("a.cc:5: Failure\nno", 5));
        assert!(failure.output.ends_with("a.cc:5: Failure\nno"), "{}", failure.output);
        assert!(!failure.output.contains("PAGER"), "{}", failure.output);
    }
}

#[test]
fn a_target_that_cannot_be_built_is_a_build_that_failed() {
    let completed =
        r#"{"id":{"targetCompleted":{"label":"//a:t"}},"completed":{"failureDetail":{"message":"gcc failed"}}}"#
            .to_owned();
    let aspect = completed.replace(r#""label":"//a:t""#, r#""label":"//a:u","aspect":"x""#);
    let built = completed.replace("//a:t", "//a:v").replace("\"failureDetail\"", "\"success\":true,\"failureDetail\"");
    let error = progress("ERROR: /u/a/BUILD:1:1: failed (from target //a:t) gcc\\na.cc:5:3: error: x\\n");
    let reading = check(&[completed.clone(), completed, aspect, built, error], FINISHED, [1, 0, 1, 0], &[]);
    let failure = &reading.report.failures[0];
    assert_eq!((&failure.id, failure.message.as_str()), (&TestId::build("//a:t"), "a.cc:5:3: error: x"));
    assert!(failure.output.contains("a.cc:5:3: error: x"), "{}", failure.output);
}

#[test]
fn what_was_aborted_failed_or_was_skipped_or_is_unknown() {
    let pattern = aborted(r#""pattern":{"pattern":["//a:none"]}"#, "LOADING_FAILURE");
    let reading = check(&[pattern], FINISHED, [1, 0, 1, 0], &[]);
    assert_eq!(reading.report.failures[0].id, TestId::build("//a:none"));
    let completed = |label: &str| format!(r#""targetCompleted":{{"label":"{label}"}}"#);
    check(&[aborted(&completed("//a:s"), "SKIPPED")], SUCCESS, [1, 0, 0, 1], &[]);
    check(&[aborted(&completed("//a:o"), "OUT_OF_MEMORY")], FINISHED, [1, 0, 1, 0], &[]);
    let end = FINISHED.replace("TESTS_FAILED", "INTERRUPTED");
    let complaints = [
        "the build ended with INTERRUPTED, but no test or target is said to have failed",
        "2 targets were not finished, for the build stopped",
    ];
    check(&[aborted(&completed("//a:i"), "INCOMPLETE"), aborted(&completed("//a:j"), "")], &end, [0; 4], &complaints);
}

#[test]
fn a_stream_that_is_cut_says_so() {
    let complaints = [
        "test //a:f has no summary; an attempt at it failed",
        "test //a:p has no summary; whether all of it passed is unknown",
        "the stream has no end; what would have come after that is unknown",
    ];
    check(&[result("//a:p", 1, "PASSED"), result("//a:f", 1, "FAILED")], "", [1, 1, 0, 0], &complaints);
}

#[test]
fn damage_costs_the_event_it_hits() {
    let events = [
        summary("//a:f", "FAILED"),
        "{\"id\":{\"testSummary\":{\"label\":\"//a".to_owned(),
        summary("//a:p", "PASSED"),
    ];
    let stream = format!("{STARTED}\n{}\n{FINISHED}\n", events.join("\n"));
    let reading = read_as("bazel-bep", stream.as_bytes(), &Hints::default()).unwrap();
    assert_eq!((reading.report.counts.tests, reading.complaints.len()), (2, 1));
}

#[test]
fn several_builds_in_one_stream_are_read_apart() {
    let one = [summary("//a:f", "FAILED"), FINISHED.to_owned(), STARTED.to_owned(), summary("//a:f", "PASSED")];
    let reading = check(&one, SUCCESS, [2, 1, 0, 0], &[]);
    assert_eq!(outcome(&reading, "//a:f"), Some(Outcome::Failed));
}
