//! Tests of the JUnit reader on small files, each with one thing in it, and on very large ones.

use std::io::Read;

use crate::ingest::recorder::Recorder;
use crate::ingest::source::Source;
use crate::ingest::{Hints, Reader, Reading, read_as, read_from};
use crate::model::{Failure, Outcome, TestId};

fn read(xml: &str) -> Reading {
    read_as("junit", xml.as_bytes(), &Hints::default()).unwrap()
}

/// Reads a text of which that many bytes are there at a time.
fn read_in_chunks(text: &[u8], n_bytes: usize) -> Reading {
    let hints = Hints::default();
    let mut recorder = Recorder::new(&hints, None);
    if let Reader::Document(document) = crate::ingest::Format::reader(&super::Junit, &hints) {
        document.read(&mut Source::in_chunks(text, n_bytes), &mut recorder);
    }
    recorder.into_reading(vec!["junit"])
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
fn it_is_all_one_how_much_of_a_report_comes_at_a_time() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest/junit");
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs_err::read(&path).unwrap();
        if path.extension().is_some_and(|extension| extension == "xml") && bytes.is_ascii() {
            let whole = read_in_chunks(&bytes, bytes.len() + 1);
            for n_bytes in [1, 2, 3, 10, 100, 1000] {
                assert_eq!(read_in_chunks(&bytes, n_bytes), whole, "{} by {n_bytes}", path.display());
            }
        }
    }
}

/// Repeats a line that many times between a beginning and an end.
fn long(begin: &'static str, line: &'static str, n: usize, end: &'static str) -> impl Read {
    let mut lines = (0..n).map(move |_| line.as_bytes());
    let mut left: &[u8] = &[];
    let lines = std::iter::from_fn(move || lines.next());
    let mut pieces = std::iter::once(begin.as_bytes()).chain(lines).chain([end.as_bytes()]);
    ReadWith(move |buffer: &mut [u8]| {
        while left.is_empty() {
            let Some(piece) = pieces.next() else { return 0 };
            left = piece;
        }
        let n = left.len().min(buffer.len());
        buffer[..n].copy_from_slice(&left[..n]);
        left = &left[n..];
        n
    })
}

struct ReadWith<F>(F);

impl<F: FnMut(&mut [u8]) -> usize> Read for ReadWith<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok((self.0)(buffer))
    }
}

/// Reads a report whose second and third case stand around something long, and returns the second and its complaints.
fn read_long(begin: &'static str, line: &'static str, n: usize, end: &'static str) -> (Failure, Vec<String>) {
    let reading = read_from(long(begin, line, n, end), &Hints::default(), None).unwrap();
    let report = reading.report;
    assert_eq!((report.counts.tests, report.counts.red()), (3, 1), "{:?}", reading.complaints);
    assert_eq!(report.outcome(&TestId::new("s", "a")), Some(Outcome::Passed));
    assert_eq!(report.outcome(&TestId::new("s", "c")), Some(Outcome::Passed));
    (report.failures[0].clone(), reading.complaints.into_iter().map(|complaint| complaint.reason).collect())
}

const BEGIN_B: &str =
    "<testsuite name='s'><testcase name='a'/><testcase name='b' time='2'><failure message='m'/><system-out>first\n";
const END_C: &str = "last\n</system-out></testcase><testcase name='c'/></testsuite>";

#[test]
fn output_of_any_length_is_kept_in_both_ends() {
    const LINE: &str = "1 &lt; 2 ]] é\n";
    let (failure, complaints) = read_long(BEGIN_B, LINE, 200_000, END_C);
    assert_eq!(complaints, [""; 0]);
    let output = failure.output;
    assert!(output.starts_with("m\nfirst\n1 < 2 ]] é\n") && output.ends_with("1 < 2 ]] é\nlast"), "{}", &output[..50]);
    assert!(output.len() < 70_000 && !output.contains("&lt;"), "{}", output.len());
    assert_eq!(failure.duration.unwrap().as_secs(), 2);
    let length = BEGIN_B.len() + LINE.len() * 200_000 + END_C.len();
    let end = length - "<testcase name='c'/></testsuite>".len();
    assert_eq!(failure.source, Some((40, end as u64)));
}

#[test]
fn a_cdata_section_of_any_length_is_text_to_its_end() {
    let begin = "<testsuite name='s'><testcase name='a'/><testcase name='b'><system-out><![CDATA[first\n";
    let end = "last\n]]></system-out><failure message='m'/></testcase><testcase name='c'/></testsuite>";
    let (failure, complaints) = read_long(begin, "</system-out><failure/> &lt; ]] ]>\n", 80_000, end);
    assert_eq!(complaints, [""; 0]);
    assert!(failure.output.starts_with("m\nfirst\n</system-out><failure/> &lt; ]] ]>\n"), "{}", &failure.output[..50]);
    assert!(failure.output.ends_with("\nlast"));
}

#[test]
fn very_many_elements_in_one_case_are_bounded() {
    let begin = "<testsuite name='s'><testcase name='a'/><testcase name='b'><properties>";
    let end = "</properties><failure message='m'/></testcase><testcase name='c'/></testsuite>";
    let (failure, _) = read_long(begin, "<property name='n' value='v'/>", 100_000, end);
    assert_eq!(failure.properties.len(), 100);
    let begin = "<testsuite name='s'><testcase name='a'/><testcase name='b'>";
    let end = "<failure message='m'/></testcase><testcase name='c'/></testsuite>";
    for line in
        ["<system-out>x</system-out>", "<failure>x</failure>", "<rerunFailure message='n'>x</rerunFailure>", "<x/>"]
    {
        let (failure, _) = read_long(begin, line, 100_000, end);
        assert!(failure.output.len() < 70_000 && failure.attempts.len() <= 100, "{line}");
    }
}

#[test]
fn a_failure_of_any_length_is_kept_in_both_ends() {
    let begin = "<testsuite name='s'><testcase name='a'/><testcase name='b'><failure message='m'>first\n";
    let end = "last</failure></testcase><testcase name='c'/></testsuite>";
    let (failure, _) = read_long(begin, "at a.b.C.d(C.java:1)\n", 120_000, end);
    assert!(failure.output.starts_with("m\nfirst\n") && failure.output.ends_with("\nlast"));
    assert!(failure.output.len() < 70_000);
}

#[test]
fn a_tag_of_any_length_costs_its_middle() {
    let begin = "<testsuite name='s'><testcase name='a'/><testcase name='b'><failure type='t' message='first ";
    let end = "last'/></testcase><testcase name='c'/></testsuite>";
    let (failure, complaints) = read_long(begin, "> é &lt; ", 600_000, end);
    assert_eq!(complaints, ["a tag is longer than 4194304 bytes; its middle is left out"]);
    assert!(failure.message.starts_with("first >") && failure.message.ends_with("last"), "{}", failure.message.len());
    assert!(failure.output.len() < 70_000);
    let begin = "<testsuite name='s'><testcase name='a'/><testcase name='b";
    let end = "'><failure/></testcase><testcase name='c'/></testsuite>";
    let (failure, _) = read_long(begin, "long", 1_300_000, end);
    assert!(failure.id.name.len() < 70_000);
    let begin = "<testsuite name='s'><testcase name='a'/><!DOCTYPE t [";
    let end = "]><testcase name='b'><failure/></testcase><testcase name='c'/></testsuite>";
    read_long(begin, "<!ENTITY a 'b'>", 350_000, end);
}

#[test]
fn long_comments_between_cases_are_skipped() {
    let begin = "<testsuite name='s'><testcase name='a'/><!-- ";
    let end = "--><testcase name='b'><failure/></testcase><testcase name='c'/></testsuite>";
    let (_, complaints) = read_long(begin, "<testcase name='d'/> - ", 80_000, end);
    assert_eq!(complaints, [""; 0]);
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
