//! xUnit.net's XML: version 2, with its schemas 1 to 3, and version 1.
//!
//! The suite is the class, the name is the test's display name without it. Errors outside any test, such as in a
//! fixture's disposal, are cases of their own, named after what they happened to. Tests are counted where they stand;
//! the numbers that an assembly declares are compared with that. The fixtures were made by hand after the published format.

use crate::ingest::dotnet::{qualified, without_class};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Source;
use crate::ingest::told::{Part, Tally, Told, UNNAMED, seconds};
use crate::ingest::xml::{self, Tag, Text, Visitor};
use crate::ingest::{Document, Format, Hints, Likeness, Reader, suite_name, trace};
use crate::model::{Outcome, TestId};

/// xUnit.net's XML.
pub(super) struct Xunit;

impl Format for Xunit {
    fn name(&self) -> &'static str {
        "xunit"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        xml::sniff(text, Report::ROOTS, is_of_tests).ok_or("there is no <assemblies> of tests")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Document(Box::new(Report::new(hints.clone())))
    }
}

/// Tells assemblies of tests from those of other XML by what follows the element's name.
fn is_of_tests(after_name: &str) -> bool {
    const OWN: &[&str] = &["timestamp=", "schema-version=", "run-date=", "test-framework="];
    let (tag, content) = after_name.split_at(after_name.find('>').map_or(after_name.len(), |end| end + 1));
    let is_own = |text: &str| OWN.iter().any(|attribute| text.contains(attribute));
    let inner = content.trim_start();
    is_own(tag) || inner.starts_with("<assembly ") && is_own(&inner[..inner.find('>').unwrap_or(inner.len())])
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Element {
    Assembly,
    Class,
    Test,
    Error,
    Failure,
    Message,
    Trace,
    Output,
    Trait,
    Other,
}

/// What is known of the test or error that is being read; kept between them for its memory.
#[derive(Default)]
struct Case {
    suite: String,
    name: String,
    /// `None` if its result is missing or unknown.
    outcome: Option<Outcome>,
    is_error: bool,
    /// Particulars, if it is red.
    told: Option<Told>,
}

/// One report.
struct Report {
    hints: Hints,
    case: Case,
    is_open: bool,
    /// The latest class, or collection of classes.
    class: String,
    tally: Tally,
    /// Tests that were listed but not wanted; not every version counts them.
    n_not_run: u64,
    start: u64,
}

impl Document for Report {
    fn read(mut self: Box<Self>, source: &mut Source<'_>, to: &mut Recorder) {
        xml::read(source, &mut *self, to);
    }
}

impl Visitor for Report {
    type Element = Element;

    const ROOTS: &'static [&'static str] = &["assemblies", "assembly"];

    fn element(name: &str, path: &[Element]) -> Element {
        let holds_text = |element: &Element| matches!(element, Element::Message | Element::Trace | Element::Output);
        match name {
            _ if path.iter().any(holds_text) => Element::Other,
            "assembly" => Element::Assembly,
            "class" | "collection" => Element::Class,
            "test" => Element::Test,
            "error" => Element::Error,
            "failure" => Element::Failure,
            "message" => Element::Message,
            "stack-trace" => Element::Trace,
            "output" => Element::Output,
            "trait" => Element::Trait,
            _ => Element::Other,
        }
    }

    fn start(&mut self, path: &[Element], tag: &Tag<'_>, at: u64, to: &mut Recorder) {
        match path.last() {
            Some(Element::Assembly) => self.begin_assembly(tag, at),
            Some(Element::Class) => self.class = tag.text("name").into_owned(),
            Some(Element::Test) => {
                self.conclude(at, to);
                self.begin_test(tag, at);
            }
            Some(Element::Error) => {
                self.conclude(at, to);
                self.begin_error(tag, at);
            }
            Some(Element::Failure) => self.begin_failure(tag, at),
            Some(Element::Trait) => {
                if let Some(told) = &mut self.case.told {
                    let [name, value] = tag.texts(["name", "value"]);
                    told.properties.add(&name, &value);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, path: &[Element], text: &Text<'_>) {
        let Some(told) = &mut self.case.told else { return };
        let is_of = |element: &Element| path.contains(element);
        let part = match path.iter().rev().find(|element| **element != Element::Other) {
            Some(Element::Message) if is_of(&Element::Failure) => Part::Message,
            Some(Element::Trace) if is_of(&Element::Failure) => Part::Trace,
            Some(Element::Output) => Part::Output,
            _ => return,
        };
        told.push(part, &text.decoded());
    }

    fn end(&mut self, path: &[Element], end: u64, to: &mut Recorder) {
        match path.last() {
            Some(Element::Test | Element::Error) => self.conclude(end, to),
            Some(Element::Failure) if !path.iter().any(|of| matches!(of, Element::Test | Element::Error)) => {
                self.conclude(end, to);
            }
            Some(Element::Assembly) => {
                if let Some(reason) = std::mem::take(&mut self.tally).disagreement("an assembly", self.n_not_run) {
                    to.complain(self.start, reason);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, _: &mut Recorder) {}
}

impl Report {
    fn new(hints: Hints) -> Self {
        let (case, tally) = (Case::default(), Tally::default());
        Self { hints, case, is_open: false, class: String::new(), tally, n_not_run: 0, start: 0 }
    }

    fn begin_assembly(&mut self, tag: &Tag<'_>, at: u64) {
        let [declared_tests, declared_red] = tag.texts(["total", "failed"]).map(|number| number.trim().parse().ok());
        self.tally = Tally { declared_tests, declared_red, ..Tally::default() };
        (self.n_not_run, self.start) = (0, at);
    }

    fn begin_test(&mut self, tag: &Tag<'_>, at: u64) {
        let [class, display, result] = tag.texts(["type", "name", "result"]);
        let (suite, name) = match class.as_ref() {
            "" => qualified(&display).unwrap_or(("", &display)),
            class => (class, without_class(&display, class)),
        };
        self.begin(suite, if name.is_empty() { UNNAMED } else { name });
        self.case.outcome = match result.as_ref() {
            "Pass" => Some(Outcome::Passed),
            "Fail" => Some(Outcome::Failed),
            "Skip" | "NotRun" => Some(Outcome::Skipped),
            _ => None,
        };
        self.n_not_run += u64::from(result == "NotRun");
        if self.case.outcome == Some(Outcome::Failed) {
            let told = self.case.told.insert(Told::new(&self.hints, at));
            let [time, file, line] = tag.texts(["time", "source-file", "source-line"]);
            told.duration = seconds(&time);
            told.location = trace::place(&file, &line, None);
        }
    }

    /// Begins an error outside any test, which is named by what it happened to and by its kind.
    fn begin_error(&mut self, tag: &Tag<'_>, at: u64) {
        let [name, kind] = tag.texts(["name", "type"]);
        self.begin(&name, &format!("[{kind}]"));
        (self.case.outcome, self.case.is_error) = (Some(Outcome::Errored), true);
        self.case.told = Some(Told::new(&self.hints, at));
    }

    fn begin(&mut self, suite: &str, name: &str) {
        let case = &mut self.case;
        suite_name(suite).clone_into(&mut case.suite);
        name.clone_into(&mut case.name);
        (case.is_error, self.is_open) = (false, true);
    }

    /// Begins what is told of a failure: whatever its result says, a test that has one did not pass. One outside any
    /// test is that of a whole class.
    fn begin_failure(&mut self, tag: &Tag<'_>, at: u64) {
        if !self.is_open {
            self.begin(&self.class.clone(), TestId::SUITE);
            (self.case.outcome, self.case.is_error) = (Some(Outcome::Errored), true);
        }
        let case = &mut self.case;
        case.outcome = case.outcome.filter(|outcome| outcome.is_red()).or(Some(Outcome::Failed));
        let told = case.told.get_or_insert_with(|| Told::new(&self.hints, at));
        told.kind = tag.text("exception-type").into_owned();
    }

    fn conclude(&mut self, end: u64, to: &mut Recorder) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        let case = &mut self.case;
        if !case.is_error {
            self.tally.add(case.outcome.is_some_and(Outcome::is_red));
        }
        match (case.outcome, case.told.take()) {
            (Some(outcome), Some(told)) => {
                to.fail(outcome, told.into_failure(TestId::new(&*case.suite, &*case.name), end));
            }
            (Some(outcome), None) => to.tally(&case.suite, &case.name, outcome),
            (None, _) => {
                to.complain(end, format!("how test {:?} ended is not said; it counts as skipped", case.name));
                to.tally(&case.suite, &case.name, Outcome::Skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    fn read(xml: &str) -> Reading {
        read_as("xunit", xml.as_bytes(), &Hints::default()).unwrap()
    }

    /// Checks the numbers of all, failed, errored and skipped tests, and the complaints.
    fn check(assembly: &str, counts: [u64; 4], complaints: &[&str]) -> Reading {
        let reading = read(&format!("<assemblies timestamp='now'>{assembly}</assemblies>"));
        let n = reading.report.counts;
        assert_eq!([n.tests, n.failed, n.errored, n.skipped], counts, "{assembly}");
        let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
        assert_eq!(reasons, complaints, "{assembly}");
        reading
    }

    fn id(reading: &Reading) -> String {
        reading.report.failures[0].id.to_string()
    }

    #[test]
    fn a_test_is_named_by_its_class_and_display_name() {
        let named = |attributes: &str| {
            id(&check(&format!("<assembly><test {attributes} result='Fail'/></assembly>"), [1, 1, 0, 0], &[]))
        };
        assert_eq!(named("name='A.B.C(x: 1.5)' type='A.B' method='C'"), "A.B C(x: 1.5)");
        assert_eq!(named("name='adds 1.5' type='A.B' method='C'"), "A.B adds 1.5");
        assert_eq!(named("name='A.B.C(x: 1.5)'"), "A.B C(x: 1.5)");
        assert_eq!(named("type='A.B'"), "A.B [unnamed]");
    }

    #[test]
    fn whatever_its_result_says_a_test_with_a_failure_did_not_pass() {
        check("<test name='a' result='Pass'><failure/></test>", [1, 1, 0, 0], &[]);
        check("<test name='a' result='Skip'><failure/></test>", [1, 1, 0, 0], &[]);
        check("<test name='a'><failure/></test>", [1, 1, 0, 0], &[]);
        let reason = "how test \"a\" ended is not said; it counts as skipped";
        check("<test name='a' result='Odd'/>", [1, 0, 0, 1], &[reason]);
    }

    #[test]
    fn an_error_outside_any_test_is_a_case_of_its_own() {
        let reading = check(
            "<assembly total='1' failed='0' errors='1'><errors><error type='test-class-cleanup' name='A.B'>\
            <failure exception-type='System.Exception'><message>no</message></failure></error></errors>\
            <collection><test name='A.B.C' type='A.B' result='Pass'/></collection></assembly>",
            [2, 0, 1, 0],
            &[],
        );
        assert_eq!(
            (id(&reading).as_str(), reading.report.failures[0].message.as_str()),
            ("A.B [test-class-cleanup]", "no")
        );
    }

    #[test]
    fn a_failure_outside_any_test_is_that_of_its_class() {
        let failure = "<failure><message>m</message></failure>";
        let reading = check(
            &format!("<assembly><class name='A.B'>{failure}<test name='A.B.C' result='Pass'/></class></assembly>"),
            [2, 0, 1, 0],
            &[],
        );
        assert_eq!((id(&reading).as_str(), reading.report.failures[0].message.as_str()), ("A.B [suite]", "m"));
    }

    #[test]
    fn numbers_that_an_assembly_declares_are_compared_and_never_counted() {
        let reason = "an assembly declares 2 failed tests but lists 1";
        check("<assembly total='1' failed='2'><test result='Fail' name='a'/></assembly>", [1, 1, 0, 0], &[reason]);
        let tests = "<test result='NotRun' name='a'/><test result='Pass' name='b'/></assembly>";
        check(&format!("<assembly total='1' failed='0'>{tests}"), [2, 0, 0, 1], &[]);
        check(&format!("<assembly total='2' failed='0'>{tests}"), [2, 0, 0, 1], &[]);
        let reason = "an assembly declares 3 tests but lists 2";
        check(&format!("<assembly total='3' failed='0'>{tests}"), [2, 0, 0, 1], &[reason]);
    }

    #[test]
    fn a_test_whose_end_is_missing_is_what_it_said_it_was() {
        let reading =
            check("<test name='a' result='Fail'><failure><message>m<test name='b' result='Fail'/>", [1, 1, 0, 0], &[]);
        assert_eq!(reading.report.failures[0].message, "m");
        check("<test name='a' result='Fail'><test name='b' result='Pass'/>", [2, 1, 0, 0], &[]);
    }

    #[test]
    fn assemblies_of_something_else_are_not_tests() {
        for text in ["<doc><assembly><name>Shop</name></assembly></doc>", "<assemblies/>", "<assembly name='x'/>"] {
            assert!(Xunit.sniff(text).is_err(), "{text}");
        }
        assert_eq!(Xunit.sniff("<?xml version='1.0'?>\n<!-- > --><assemblies timestamp='1'>"), Ok(Likeness::Certain));
        assert_eq!(Xunit.sniff("<assemblies>\n<assembly run-date='1' name='a'>"), Ok(Likeness::Certain));
        assert_eq!(Xunit.sniff("log\n<assembly name='x' run-date='1'>"), Ok(Likeness::Likely));
    }
}
