//! Tests of the JUnit reader on small files, each with one thing in it.

use crate::ingest::{Hints, Reading, read_as};
use crate::model::{Outcome, TestId};

fn read(xml: &str) -> Reading {
    read_as("junit", xml.as_bytes(), &Hints::default()).unwrap()
}

/// Checks the numbers of all, failed, errored and skipped cases, and the complaints.
fn check(xml: &str, counts: [u64; 4], complaints: &[&str]) -> Reading {
    let reading = read(xml);
    let n = reading.report.counts;
    assert_eq!([n.tests, n.failed, n.errored, n.skipped], counts, "{xml}");
    let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
    assert_eq!(reasons, complaints, "{xml}");
    reading
}

fn id(reading: &Reading) -> String {
    reading.report.failures[0].id.to_string()
}

#[test]
fn cases_count_wherever_they_stand() {
    check(
        "<testsuites><testcase name='a'/><testsuite><testcase name='b'/></testsuite></testsuites>",
        [2, 0, 0, 0],
        &[],
    );
    check(
        "<testsuite name='s'><testsuite><testcase name='a'/></testsuite><testcase name='b'/></testsuite>",
        [2, 0, 0, 0],
        &[],
    );
    check("<x:testsuite xmlns:x='u'><x:testcase name='a'><x:failure/></x:testcase></x:testsuite>", [1, 1, 0, 0], &[]);
}

#[test]
fn a_case_without_a_class_is_named_by_the_suites_around_it() {
    let xml = "<testsuites name='run'><testsuite name='outer'><testsuite name='inner'><testcase name='a'><failure/></testcase>\
        </testsuite></testsuite></testsuites>";
    assert_eq!(id(&check(xml, [1, 1, 0, 0], &[])), "run > outer > inner a");
}

#[test]
fn numbers_that_attributes_declare_are_compared_and_never_counted() {
    let reasons = ["suite \"s\" declares 5 test cases but lists 1", "suite \"s\" declares 4 failed but lists 0"];
    check("<testsuite name='s' tests='5' failures='4'><testcase name='a'/></testsuite>", [1, 0, 0, 0], &reasons);
    let reason = "suite \"s\" declares 3 failed but lists no test case";
    check("<testsuite name='s' tests='5' failures='2' errors='1'/>", [0; 4], &[reason]);
    check(
        "<testsuite name='s' tests='x' time='1,234.5'><testcase name='a' time='NaN'/></testsuite>",
        [1, 0, 0, 0],
        &[],
    );
}

#[test]
fn a_failure_outside_any_case_is_a_case_of_its_own() {
    let reading =
        check("<testsuite name='s'><error message='setup'>at a.rb:3:in 'x'</error></testsuite>", [1, 0, 1, 0], &[]);
    assert_eq!((id(&reading).as_str(), reading.report.failures[0].message.as_str()), ("s [suite]", "setup"));
}

#[test]
fn a_truncated_file_yields_its_readable_cases() {
    let xml = "<testsuite name='s'><testcase name='a'/><testcase name='b'><failure message='m'/></testcase><testcase name='c'>";
    let wanted = [
        "a test case has no end; it is left out, for how it ended is unknown",
        "the document ends inside a suite; what it would have listed after that is unknown",
    ];
    check(xml, [2, 1, 0, 0], &wanted);
    let wanted = [
        "a failing test case has no end; what is there of it is kept",
        "the document ends inside a suite; what it would have listed after that is unknown",
    ];
    check("<testsuite name='s'><testcase name='c'><failure message='m'>half a st", [1, 1, 0, 0], &wanted);
}

#[test]
fn damage_in_the_middle_costs_one_case() {
    let xml = "<testsuite><testcase name='a'/><testcase name='b'><![CDATA[ never closed </testcase><testcase name='c'>\
        <failure/></testcase></testsuite>";
    let reading = read(xml);
    assert_eq!(reading.report.outcome(&TestId::new("", "c")), Some(Outcome::Failed));
    assert_eq!(reading.report.outcome(&TestId::new("", "b")), None);
    assert!(
        reading.complaints.iter().any(|complaint| complaint.reason.contains("damaged")),
        "{:?}",
        reading.complaints
    );
}

#[test]
fn an_end_tag_that_is_missing_costs_nothing() {
    check("<testsuite><testcase name='a'><failure>x</testcase><testcase name='b'/></testsuite>", [2, 1, 0, 0], &[]);
}

#[test]
fn a_case_that_never_ends_did_not_pass() {
    let reason = "a test case has no end; it is left out, for how it ended is unknown";
    check("<testsuite><testcase name='a'><testcase name='b'/></testsuite>", [1, 0, 0, 0], &[reason]);
    let xml = "<?xml version='1.0'?><testsuites><testsuite><testcase name='a'><?xml version='1.0'?><testsuites><testsuite>\
        <testcase name='b'/></testsuite></testsuites>";
    check(
        xml,
        [1, 0, 0, 0],
        &[reason, "the document ends inside a suite; what it would have listed after that is unknown"],
    );
}

#[test]
fn several_documents_with_text_between_them_are_one_report() {
    let xml = "running\n<?xml version='1.0'?><testsuites><testsuite><testcase name='a'/></testsuite></testsuites>\nnote: x\n\
        <?xml version='1.0'?><testsuites><testsuite><testcase name='b'><error/></testcase></testsuite></testsuites>";
    check(xml, [2, 0, 1, 0], &[]);
}

#[test]
fn entities_that_a_document_declares_are_never_expanded() {
    let xml = "<!DOCTYPE t [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'><!ENTITY x SYSTEM 'file:///etc/passwd'>]>\
        <testsuite><testcase name='&b;'><failure message='&x;'>&b;</failure></testcase></testsuite>";
    let reading = check(xml, [1, 1, 0, 0], &[]);
    let failure = &reading.report.failures[0];
    assert_eq!(
        (failure.id.name.as_str(), failure.message.as_str(), failure.output.as_str()),
        ("&b;", "&x;", "&x;\n&b;")
    );
}

#[test]
fn depth_is_bounded_and_costs_no_case() {
    let (open, close) = ("<testsuite name='s'>".repeat(5000), "</testsuite>".repeat(5000));
    let reading = check(&format!("{open}<testcase name='a'><failure/></testcase>{close}"), [1, 1, 0, 0], &[]);
    assert!(reading.report.failures[0].id.suite.len() < 1000);
}

#[test]
fn what_tests_print_is_no_markup_of_the_report() {
    let xml = "<testsuite><testcase name='a'><system-out>&lt;failure/> <![CDATA[</testcase><failure/>]]><b><failure/></b></system-out>\
        </testcase><system-out><failure/></system-out></testsuite>";
    check(xml, [1, 0, 0, 0], &[]);
}

#[test]
fn captured_output_is_kept_in_both_ends() {
    let out = format!("first\n{}last", "x\n".repeat(100_000));
    let xml = format!(
        "<testsuite><testcase name='a'><failure message='m'/><system-out>{out}</system-out></testcase></testsuite>"
    );
    let output = &read(&xml).report.failures[0].output;
    assert!(output.starts_with("m\nfirst") && output.ends_with("last") && output.len() < 70_000, "{}", output.len());
}
