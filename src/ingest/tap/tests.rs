//! Tests of the TAP reader on small streams, each with one thing in it.

use std::cell::RefCell;
use std::rc::Rc;

use crate::ingest::{Case, Hints, Reading, read_as, read_from_as};
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

#[test]
fn points_of_no_subtest_are_output() {
    let printed = "1..1\n    ok 1 - printed\n    not ok 2 - printed too\nok 1 - a\n";
    check(printed, [1, 0, 0], &[], &["2 indented points of no subtest taken for output, 1 of them failing"]);
    check("1..1\n  not ok 1 - at no depth of a subtest\nok 1 - a\n", [1, 0, 0], &[], &[]);
    check("    TAP version 13\n    1..0\n", [0; 3], &[], &["an indented plan of no subtest taken for output"]);
    let cut = "1..1\n    1..9\n    ok 1 - a\n    not ok 2 - b\n";
    let reasons = [
        "no result of a subtest with 2 points, of which the failures count",
        "the plan is for 1 point, and there are 0",
    ];
    let reading = check(cut, [1, 1, 0], &["b"], &reasons);
    assert_eq!(reading.report.outcome(&TestId::new("", "a")), None);
}

#[test]
fn points_out_of_turn_are_output_if_the_plan_is_met_without_them() {
    let taken = "1 point with a number out of turn taken for output";
    check("ok 1 a\nnot ok 9 printed\nok 2 b\n1..2\n", [2, 0, 0], &[], &[taken]);
    check("1..2\nok 1 a\nok 9 printed\nok 2 b\n", [2, 0, 0], &[], &[taken]);
    check("# Subtest: s\n    ok 1 a\n    not ok 9 printed\n    1..1\nok 1 - s\n1..1\n", [1, 0, 0], &[], &[taken]);
    let counts = "the plan is for 4 points, and there are 3";
    check("ok 1 a\nnot ok 3 c\nok 4 d\n1..4\n", [3, 1, 0], &["c"], &[counts]);
    // Of two points with one number, none can be told to be the printed one.
    check(
        "ok 1 a\nok 2 printed\nnot ok 2 b\n1..2\n",
        [3, 1, 0],
        &["b"],
        &["the plan is for 2 points, and there are 3"],
    );
}

#[test]
fn points_before_the_version_count_only_if_they_begin_with_1() {
    let taken = "1 point with a number out of turn taken for output";
    check("not ok 7 printed\nTAP version 13\nok 1 a\n1..1\n", [1, 0, 0], &[], &[taken]);
    let no_plan = "the stream has no plan; it may have been cut short after 1 point";
    check("not ok 1 a\nTAP version 13\nok 1 b\n1..1\n", [2, 1, 0], &["a"], &[no_plan]);
    check("1..1\nnot ok 1 a\nTAP version 13\n1..0\n", [1, 1, 0], &["a"], &[]);
}

#[test]
fn a_point_with_another_name_does_not_end_an_announced_subtest() {
    let stream = "TAP version 13\n# Subtest: outer\n    # Subtest: a\n    not ok 1 - a\nnot ok 1 - printed\n    # Subtest: b\n    not ok 2 - b\n    \
        1..2\nnot ok 1 - outer\n1..1\n";
    check(stream, [3, 3, 0], &["printed", "outer a", "outer b"], &["the plan is for 1 point, and there are 2"]);
}

#[test]
fn points_in_strings_over_lines_are_content() {
    let string = "TAP version 13\n1..2\nnot ok 1 - a.test.ts {\n    1..2\n    not ok 1 - a\n        ---\n        error:\n            \
        message: \"x\nnot ok 9 - printed\n    ok 7 - printed\nTAP version 13\nend\"\n        ...\n    ok 2 - b\n}\nok 2 - c.test.ts {\n    1..1\n    ok 1 - d\n}\n";
    let reading = check(string, [3, 1, 0], &["a.test.ts a"], &[]);
    assert_eq!(reading.report.failures[0].message, "x\nnot ok 9 - printed\n    ok 7 - printed\nTAP version 13\nend");
    let never_closed = "1..3\nnot ok 1 - a\n  ---\n  message: \"x\nnot ok 2 - b\n  ---\n  message: \"y\nok 3 - c\n";
    check(never_closed, [3, 2, 0], &["a", "b"], &[]);
}

#[test]
fn names_are_those_of_vitests_junit_report() {
    let nested = "TAP version 13\n1..1\nnot ok 1 - src/a.test.ts # time=5.12ms {\n    1..3\n    not ok 1 - cart # time=3ms {\n        1..1\n        \
        not ok 1 - adds # time=1.5ms\n    }\n    not ok 2 - top # time=1ms\n    ok 3 - later # TODO\n}\n";
    check(nested, [3, 2, 1], &["src/a.test.ts cart > adds", "src/a.test.ts top"], &[]);
    let flat = "TAP version 13\n1..2\nnot ok 1 - src/a.test.ts > cart > adds # time=1ms\nnot ok 2 - src/b.test.ts\n";
    check(flat, [2, 2, 0], &["src/a.test.ts cart > adds", "src/b.test.ts"], &[]);
}

#[test]
fn streams_of_prove_have_the_suites_of_their_files() {
    let log = "t/a.t .. \n1..2\nok 1 - a\nnot ok 2 - b\nFailed 1/2 subtests \nt/b.t .. \n1..1\nok 1 - a\nok\nt/c.t .. \nDubious, test returned 255 (wstat 65280, \
        0xff00)\nNo subtests run \nt/d.t .. skipped: no till\n\nTest Summary Report\n-------------------\n";
    let no_plan = "the stream has no plan; it may have been cut short after 0 points";
    let reading = read_as("tap", log.as_bytes(), &Hints::default()).unwrap();
    let ids: Vec<_> = reading.report.failures.iter().map(|failure| failure.id.to_string()).collect();
    assert_eq!(ids, ["t/a.t b", "t/c.t [aborted]"]);
    assert_eq!(reading.report.failures[1].message, "Dubious, test returned 255 (wstat 65280, 0xff00)");
    assert_eq!((reading.report.counts.tests, reading.complaints[0].reason.as_str()), (4, no_plan));
    assert_eq!(reading.report.outcome(&TestId::new("t/b.t", "a")), Some(Outcome::Passed));
}

#[test]
fn a_producer_that_died_without_a_failure_is_one() {
    let died = "1..2\nok 1 - a\n# Looks like your test exited with 255 just after 1.\n";
    let reading = read_as("tap", died.as_bytes(), &Hints::default()).unwrap();
    assert_eq!((reading.report.counts.errored, reading.report.failures[0].id.name.as_str()), (1, "[aborted]"));
    let failed = "1..2\nnot ok 1 - a\n# Looks like your test exited with 255 just after 1.\n";
    check(failed, [1, 1, 0], &["a"], &["the plan is for 2 points, and there are 1"]);
}

#[test]
fn a_stream_without_a_version_begins_where_the_last_one_is_over() {
    let streams =
        "ok 1 - a\nok 2 - b\n1..2\nok 1 - c\n1..1\n1..2\nok 1 - d\nnot ok 2 - e\n1..0 # SKIP none\n1..1\nok 1 - f\n";
    check(streams, [6, 1, 0], &["e"], &[]);
}

#[test]
fn a_bail_out_is_told_wherever_it_stands() {
    let stream = "# Subtest: s\n    not ok 1 - a\n    Bail out! disk\nBail out! disk\n";
    let told = "the producer bailed out: disk";
    let no_plan = "the stream has no plan; it may have been cut short after 0 points";
    check(stream, [1, 1, 0], &["s a"], &[told, told, no_plan]);
}

#[test]
fn a_brace_is_part_of_a_name_where_the_announcement_says_so() {
    let stream = "TAP version 14\n# Subtest: brace {\n    ok 1 - a\n    1..1\nnot ok 1 - brace {\n# Subtest: leaf {\nnot ok 2 - leaf {\n1..2\n";
    check(stream, [3, 2, 0], &["brace {", "leaf {"], &[]);
}

#[test]
fn a_brace_behind_diagnostics_opens_a_subtest() {
    let stream = "TAP version 14\nnot ok 1 - outer\n  ---\n  duration_ms: 5\n  ...\n{\n    ok 1 - a\n    not ok 2 - b\n    1..2\n}\nok 2 - prints\n{\n  \
        \"json\": 1\n}\n1..2\n";
    check(stream, [3, 1, 0], &["outer b"], &[]);
}

#[test]
fn a_subtest_that_is_never_closed_costs_nothing() {
    let stream = "TAP version 14\nok 1 - a {\n    ok 1 - x\n    1..1\nnot ok 2 - b {\n    not ok 1 - y\n    1..1\nnot ok 3 - c\n1..3\n";
    check(stream, [3, 2, 0], &["b y", "c"], &[]);
}

#[test]
fn a_cancelled_test_tells_of_what_cancelled_it() {
    let stream = "TAP version 13\n# Subtest: hooks\n    # Subtest: never runs\n    not ok 1 - never runs\n      ---\n      failureType: 'cancelledByParent'\n      \
        error: 'test did not finish before its parent and was cancelled'\n      ...\n    1..1\nnot ok 1 - hooks\n  ---\n  failureType: 'hookFailed'\n  error: 'no till'\n  \
        name: 'TillError'\n  ...\n1..1\n";
    let reading = check(stream, [1, 1, 0], &["hooks never runs"], &[]);
    let failure = &reading.report.failures[0];
    assert_eq!((failure.kind.as_str(), failure.message.as_str()), ("TillError", "no till"));
}

#[test]
fn a_sum_that_fails_for_a_reason_of_its_own_is_a_failure_too() {
    let stream = "TAP version 13\n# Subtest: steps\n    # Subtest: a\n    not ok 1 - a\n    1..1\nnot ok 1 - steps\n  ---\n  failureType: 'testCodeFailure'\n  \
        error: 'of itself'\n  ...\n1..1\n";
    check(stream, [2, 2, 0], &["steps a", "steps"], &[]);
}

#[test]
fn what_was_printed_before_a_failure_is_its_output() {
    let stream = "1..3\nfor a\nok 1 - a\nfor b\n# note\nnot ok 2 - b\n# told\nok 3 - c\n";
    let reading = check(stream, [3, 1, 0], &["b"], &[]);
    assert_eq!(reading.report.failures[0].output, "for b\n# note\n# told");
}

#[test]
fn what_another_program_prints_behind_a_stream_is_no_output() {
    let stream = "1..1\nnot ok 1 - a\n# told\n\nnpm ERR! code 1\n";
    assert_eq!(check(stream, [1, 1, 0], &["a"], &[]).report.failures[0].output, "# told");
}

#[test]
fn places_below_the_root_are_relative() {
    let stream = "1..1\nnot ok 1 - a\n  ---\n  at: /u/shop/a.js:3:4\n  ...\n";
    let hints = Hints { root: Some("/u/shop".into()), ..Hints::default() };
    let reading = read_as("tap", stream.as_bytes(), &hints).unwrap();
    assert_eq!(reading.report.failures[0].location.as_ref().unwrap().to_string(), "a.js:3:4");
}

#[test]
fn durations_are_told_of_passes_too() {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let listener = {
        let heard = Rc::clone(&heard);
        move |case: &Case<'_>| {
            heard.borrow_mut().push((case.name.to_owned(), case.duration.map(|time| time.as_millis())));
        }
    };
    let stream = "TAP version 13\nok 1 - a # time=12ms\nok 2 - b\n  ---\n  duration_ms: 3.5\n  ...\nok 3 - c\n1..3\n";
    read_from_as("tap", stream.as_bytes(), &Hints::default(), Some(Box::new(listener))).unwrap();
    let wanted = [("a", Some(12)), ("b", Some(3)), ("c", None)];
    assert_eq!(*heard.borrow(), wanted.map(|(name, millis)| (name.to_owned(), millis)));
}

#[test]
fn results_of_a_subtest_that_was_not_announced_are_told_once_it_has_a_name() {
    let points: String = (1..=20_000).map(|n| format!("    ok {n} - {}{n}\n", "x".repeat(100))).collect();
    let stream = format!("1..1\n{points}    not ok 20001 - last\n    1..20001\nnot ok 1 - big\n");
    let reading = check(&stream, [20_001, 1, 0], &["big last"], &[]);
    let outcome = |n: usize| reading.report.outcome(&TestId::new("big", format!("{}{n}", "x".repeat(100))));
    assert_eq!((outcome(1), outcome(20_000)), (Some(Outcome::Passed), None));
}

#[test]
fn what_waits_for_a_sum_has_bounded_output() {
    let noise = format!("    # {}\n", "x".repeat(990)).repeat(60);
    let points: String = (1..=100).map(|n| format!("    not ok {n} - t{n}\n{noise}")).collect();
    let stream = format!("# Subtest: s\n{points}    1..100\nnot ok 1 - s\n1..1\n");
    let hints = Hints { outputs_bytes_max: 1 << 20, ..Hints::default() };
    let reading = read_as("tap", stream.as_bytes(), &hints).unwrap();
    let n_bytes: usize = reading.report.failures.iter().map(|failure| failure.output.len()).sum();
    assert!(reading.report.failures.len() == 100 && n_bytes < (1 << 20) + 200_000, "{n_bytes}");
}

#[test]
fn depth_and_numbers_have_no_power_over_the_reader() {
    let deep: String = (0..2000).map(|depth| format!("{}ok 1 - d{depth}\n", " ".repeat(4 * depth))).collect();
    read_as("tap", deep.as_bytes(), &Hints::default()).unwrap();
    let max = u64::MAX;
    check(
        &format!("1..{max}\nok {max} - a\n1..{max}\n"),
        [1, 0, 0],
        &[],
        &[
            "a second plan in one stream; the last one counts",
            &format!("the plan is for {max} points, and there are 1"),
        ],
    );
}

/// Reads every fixture of this format.
fn for_every_fixture(mut each: impl FnMut(&str, &str)) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest/tap");
    for file in fs_err::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "tap") {
            each(path.to_str().unwrap(), &fs_err::read_to_string(&path).unwrap());
        }
    }
}

fn red_ids(text: &str) -> Vec<String> {
    let reading = read_as("tap", text.as_bytes(), &Hints::default()).unwrap();
    let counts = format!("{:?}", reading.report.counts);
    [counts].into_iter().chain(reading.report.failures.iter().map(|failure| failure.id.to_string())).collect()
}

#[test]
fn the_bytes_of_a_failure_begin_with_its_point() {
    for_every_fixture(|path, text| {
        for failure in read_as("tap", text.as_bytes(), &Hints::default()).unwrap().report.failures {
            let Some((start, end)) = failure.source else { continue };
            let told = &text[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
            assert!(told.trim_start().starts_with("not ok"), "{path}: {told}");
            assert!(!told.ends_with('\n'), "{path}: {told}");
        }
    });
}

#[test]
fn line_ends_of_windows_change_nothing() {
    for_every_fixture(|path, text| assert_eq!(red_ids(&text.replace('\n', "\r\n")), red_ids(text), "{path}"));
}

#[test]
fn a_stream_twice_over_is_read_twice() {
    for_every_fixture(|path, text| {
        if text.starts_with("TAP version") && !path.contains("truncated") && !path.contains("hazards") {
            let once = read_as("tap", text.as_bytes(), &Hints::default()).unwrap().report.counts;
            let twice = read_as("tap", format!("{text}\n{text}").as_bytes(), &Hints::default()).unwrap().report.counts;
            assert_eq!(
                [twice.tests, twice.failed, twice.skipped],
                [2 * once.tests, 2 * once.failed, 2 * once.skipped],
                "{path}"
            );
        }
    });
}
