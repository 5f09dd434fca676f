//! NUnit's XML: version 3 (`test-run`) and version 2 (`test-results`).
//!
//! The suite is the class, the name is the test's name with its arguments. What failed in a suite itself, such as its
//! tear-down, is a case of its own; that tests in it failed is not, and neither is a set-up whose failure its tests
//! repeat. Inconclusive tests count as skipped, warnings as passes. The fixtures were made by hand after the
//! published format.

use crate::ingest::dotnet::{qualified, without_class};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Source;
use crate::ingest::told::{Part, Properties, Tally, Told, UNNAMED, seconds};
use crate::ingest::xml::{self, Tag, Text, Visitor};
use crate::ingest::{Document, Format, Hints, Likeness, Reader, detail, suite_name};
use crate::model::{Outcome, TestId};

/// NUnit's XML.
pub(super) struct Nunit;

/// Suites of which more than the number is known; the deepest real report has 13.
const SUITES_MAX: usize = 64;

impl Format for Nunit {
    fn name(&self) -> &'static str {
        "nunit"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        xml::sniff(text, Report::ROOTS, |_| true).ok_or("there is no <test-run> or <test-results> element")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Document(Box::new(Report::new(hints.clone())))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Element {
    Run,
    Suite,
    Case,
    Failure,
    Reason,
    /// One of several failed assertions, which the failure sums up.
    Assertion,
    Message,
    Trace,
    Output,
    Property,
    Category,
    Other,
}

/// What is known of the test that is being read; kept between tests for its memory.
#[derive(Default)]
struct Case {
    suite: String,
    name: String,
    /// `None` if its result is missing or unknown.
    outcome: Option<Outcome>,
    /// What its result says more, if it is red.
    label: String,
    /// Particulars, if it is red.
    told: Option<Told>,
}

/// A suite that is open.
#[derive(Default)]
struct Suite {
    name: String,
    is_namespace: bool,
    tally: Tally,
    /// Particulars, if it says that it failed by itself.
    told: Option<Told>,
    /// Whether its failure is one of those that its tests repeat.
    is_repeated: bool,
    properties: Properties,
}

/// One report.
struct Report {
    hints: Hints,
    case: Case,
    is_open: bool,
    suites: Vec<Suite>,
    n_deeper: usize,
    run: Tally,
    start: u64,
}

impl Document for Report {
    fn read(mut self: Box<Self>, source: &mut Source<'_>, to: &mut Recorder) {
        xml::read(source, &mut *self, to);
    }
}

impl Visitor for Report {
    type Element = Element;

    const ROOTS: &'static [&'static str] = &["test-run", "test-results"];

    fn element(name: &str, path: &[Element]) -> Element {
        let holds_text = |element: &Element| matches!(element, Element::Message | Element::Trace | Element::Output);
        match name {
            _ if path.iter().any(holds_text) => Element::Other,
            "test-run" | "test-results" => Element::Run,
            "test-suite" => Element::Suite,
            "test-case" => Element::Case,
            "failure" => Element::Failure,
            "reason" => Element::Reason,
            "assertion" => Element::Assertion,
            "message" => Element::Message,
            "stack-trace" => Element::Trace,
            "output" => Element::Output,
            "property" => Element::Property,
            "category" => Element::Category,
            _ => Element::Other,
        }
    }

    fn start(&mut self, path: &[Element], tag: &Tag<'_>, at: u64, to: &mut Recorder) {
        match path.last() {
            Some(Element::Run) => self.begin_run(tag, at),
            Some(Element::Suite) => {
                self.conclude(at, to);
                self.begin_suite(tag, at);
            }
            Some(Element::Case) => {
                self.conclude(at, to);
                self.begin_case(tag, at);
            }
            Some(Element::Failure) => self.begin_failure(at),
            Some(Element::Property) => {
                let [name, value] = tag.texts(["name", "value"]);
                self.add_property(&name, &value);
            }
            Some(Element::Category) => self.add_property("Category", &tag.text("name")),
            _ => {}
        }
    }

    fn text(&mut self, path: &[Element], text: &Text<'_>) {
        let is_in = |element| path.contains(&element);
        let part = match path.iter().rev().find(|element| **element != Element::Other) {
            _ if is_in(Element::Assertion) => return,
            Some(Element::Message) if is_in(Element::Failure) || is_in(Element::Reason) => Part::Message,
            Some(Element::Trace) => Part::Trace,
            Some(Element::Output) => Part::Output,
            _ => return,
        };
        let (decoded, is_message) = (text.decoded(), matches!(part, Part::Message));
        if self.is_open {
            self.case.told.iter_mut().for_each(|told| told.push(part, &decoded));
        } else if let Some(suite) = self.suites.last_mut() {
            // Version 2 does not name the site.
            suite.is_repeated &= !(is_message && decoded.trim_start().starts_with("TearDown"));
            suite.told.iter_mut().for_each(|told| told.push(part, &decoded));
        }
    }

    fn end(&mut self, path: &[Element], end: u64, to: &mut Recorder) {
        match path.last() {
            Some(Element::Case) => self.conclude(end, to),
            Some(Element::Suite) => {
                self.conclude(end, to);
                self.end_suite(end, to);
            }
            Some(Element::Run) => {
                if let Some(reason) = std::mem::take(&mut self.run).disagreement("the run", 0) {
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
        let (case, run) = (Case::default(), Tally::default());
        Self { hints, case, is_open: false, suites: Vec::new(), n_deeper: 0, run, start: 0 }
    }

    /// Begins a run. Version 3 states one number of tests that failed, version 2 counts failures and errors apart; what
    /// they count as tests differs from version to version.
    fn begin_run(&mut self, tag: &Tag<'_>, at: u64) {
        let numbers = tag.texts(["failed", "failures", "errors"]).map(|number| number.trim().parse::<u64>().ok());
        let declared_red = match numbers {
            [Some(failed), _, _] => Some(failed),
            [None, Some(failures), errors] => failures.checked_add(errors.unwrap_or(0)),
            _ => None,
        };
        self.run = Tally { declared_red, ..Tally::default() };
        self.start = at;
    }

    fn begin_suite(&mut self, tag: &Tag<'_>, at: u64) {
        if self.suites.len() >= SUITES_MAX {
            self.n_deeper += 1;
            return;
        }
        let [kind, class, full, own, site] = tag.texts(["type", "classname", "fullname", "name", "site"]);
        // Version 2 names each part of a namespace by itself.
        let name = match self.suites.last() {
            _ if !class.is_empty() => class.into_owned(),
            _ if !full.is_empty() => full.into_owned(),
            Some(outer) if outer.is_namespace => format!("{}.{own}", outer.name),
            _ => own.into_owned(),
        };
        let fails_by_itself = outcome(tag).is_some_and(Outcome::is_red) && !matches!(site.as_ref(), "Child" | "Parent");
        let told = fails_by_itself.then(|| Told::new(&self.hints, at));
        let (name, is_namespace) = (suite_name(&name).to_owned(), kind == "Namespace");
        self.suites.push(Suite { name, is_namespace, told, is_repeated: site != "TearDown", ..Suite::default() });
    }

    fn begin_case(&mut self, tag: &Tag<'_>, at: u64) {
        let [class, full, display, label] = tag.texts(["classname", "fullname", "name", "label"]);
        let of_full = full.strip_suffix(&*display).and_then(|class| class.strip_suffix('.'));
        let (suite, name) = match if class.is_empty() { of_full.unwrap_or_default() } else { &class } {
            "" => qualified(&display).unwrap_or((self.suites.last().map_or("", |suite| &suite.name), &display)),
            class => (class, without_class(&display, class)),
        };
        let case = &mut self.case;
        suite_name(suite).clone_into(&mut case.suite);
        if name.is_empty() { UNNAMED } else { name }.clone_into(&mut case.name);
        case.outcome = outcome(tag);
        self.is_open = true;
        if case.outcome.is_some_and(Outcome::is_red) {
            let told = case.told.insert(Told::new(&self.hints, at));
            let [duration, time] = tag.texts(["duration", "time"]);
            told.duration = seconds(&duration).or_else(|| seconds(&time));
            label.as_ref().clone_into(&mut case.label);
        }
    }

    /// Begins what is told of a failure: whatever its result says, a test that has one did not pass.
    fn begin_failure(&mut self, at: u64) {
        if !self.is_open {
            return;
        }
        let case = &mut self.case;
        case.outcome = case.outcome.filter(|outcome| outcome.is_red()).or(Some(Outcome::Failed));
        case.told.get_or_insert_with(|| Told::new(&self.hints, at));
    }

    /// Keeps a property, but for those that NUnit notes for itself.
    fn add_property(&mut self, name: &str, value: &str) {
        if name.starts_with('_') {
        } else if self.is_open {
            self.case.told.iter_mut().for_each(|told| told.properties.add(name, value));
        } else if let Some(suite) = self.suites.last_mut() {
            suite.properties.add(name, value);
        }
    }

    fn conclude(&mut self, end: u64, to: &mut Recorder) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        let case = &mut self.case;
        let is_red = case.outcome.is_some_and(Outcome::is_red);
        self.run.add(is_red);
        if let Some(suite) = self.suites.last_mut() {
            suite.tally.add(is_red);
        }
        match (case.outcome, case.told.take()) {
            (Some(outcome), Some(mut told)) => {
                if case.label.contains("imeout") && told.lacks(Part::Message) {
                    detail::TIMEOUT.clone_into(&mut told.kind);
                    told.push(Part::Message, &case.label);
                }
                self.suites.iter().rev().for_each(|suite| told.properties.add_all(&suite.properties));
                to.fail(outcome, told.into_failure(TestId::new(&*case.suite, &*case.name), end));
            }
            (Some(outcome), None) => to.tally(&case.suite, &case.name, outcome),
            (None, _) => {
                to.complain(end, format!("how test {:?} ended is not said; it counts as skipped", case.name));
                to.tally(&case.suite, &case.name, Outcome::Skipped);
            }
        }
    }

    /// Ends the innermost suite; what failed in it by itself becomes a case.
    fn end_suite(&mut self, end: u64, to: &mut Recorder) {
        if self.n_deeper > 0 {
            self.n_deeper -= 1;
            return;
        }
        let Some(suite) = self.suites.pop() else { return };
        if let Some(outer) = self.suites.last_mut() {
            outer.tally.absorb(&suite.tally);
        }
        let Some(told) = suite.told else { return };
        if suite.is_repeated && suite.tally.n_red > 0 {
            return;
        }
        if let Some(outer) = self.suites.last_mut() {
            outer.tally.n_red += 1;
        }
        to.fail(Outcome::Errored, told.into_failure(TestId::of_suite(suite.name), end));
    }
}

/// Returns how a test or suite ended: version 3 has few results and tells more in labels, version 2 has a word for each,
/// and until version 2.4 there was only whether it was executed, and with success.
fn outcome(tag: &Tag<'_>) -> Option<Outcome> {
    let [result, label, executed, success] = tag.texts(["result", "label", "executed", "success"]);
    Some(match (result.as_ref(), label.as_ref()) {
        ("Passed" | "Success" | "Warning", _) => Outcome::Passed,
        ("Failed" | "Failure", "") => Outcome::Failed,
        ("Failed" | "Failure" | "Error" | "Cancelled" | "NotRunnable", _) => Outcome::Errored,
        ("Skipped" | "Inconclusive" | "Ignored", _) => Outcome::Skipped,
        ("", _) if executed == "False" => Outcome::Skipped,
        ("", _) if success == "True" => Outcome::Passed,
        ("", _) if success == "False" => Outcome::Failed,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    /// Checks the numbers of all, failed, errored and skipped tests, and the complaints.
    fn check(suites: &str, counts: [u64; 4], complaints: &[&str]) -> Reading {
        let reading = read_as("nunit", format!("<test-run>{suites}</test-run>").as_bytes(), &Hints::default()).unwrap();
        let n = reading.report.counts;
        assert_eq!([n.tests, n.failed, n.errored, n.skipped], counts, "{suites}");
        let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
        assert_eq!(reasons, complaints, "{suites}");
        reading
    }

    fn ids(reading: &Reading) -> Vec<String> {
        reading.report.failures.iter().map(|failure| failure.id.to_string()).collect()
    }

    #[test]
    fn a_test_is_named_by_its_class_and_its_own_name() {
        let named = |attributes: &str| {
            let case = format!("<test-suite name='Suite'><test-case {attributes} result='Failed'/></test-suite>");
            ids(&check(&case, [1, 1, 0, 0], &[])).concat()
        };
        assert_eq!(named("classname='A.B' name='C(1.5)' fullname='A.B.C(1.5)'"), "A.B C(1.5)");
        assert_eq!(named("name='C(1.5)' fullname='A.B.C(1.5)'"), "A.B C(1.5)");
        assert_eq!(named("name='A.B(\"x.y\").C(1.5)'"), "A.B(\"x.y\") C(1.5)");
        assert_eq!(named("name='adds 1.5'"), "Suite adds 1.5");
        assert_eq!(named(""), "Suite [unnamed]");
    }

    #[test]
    fn every_version_says_in_its_own_words_how_a_test_ended() {
        let one = |attributes: &str| {
            let reading = read_as(
                "nunit",
                format!("<test-run><test-case {attributes}/></test-run>").as_bytes(),
                &Hints::default(),
            );
            let n = reading.unwrap().report.counts;
            [n.passed, n.failed, n.errored, n.skipped].iter().position(|n| *n == 1).unwrap()
        };
        for (attributes, kind) in [
            ("result='Passed'", 0),
            ("result='Warning'", 0),
            ("result='Success' executed='True'", 0),
            ("executed='True' success='True'", 0),
            ("result='Failed'", 1),
            ("result='Failure'", 1),
            ("executed='True' success='False'", 1),
            ("result='Failed' label='Error'", 2),
            ("result='Failed' label='Invalid'", 2),
            ("result='Error'", 2),
            ("result='NotRunnable'", 2),
            ("result='Skipped' label='Explicit'", 3),
            ("result='Inconclusive'", 3),
            ("result='Ignored'", 3),
            ("executed='False'", 3),
            ("result='Odd'", 3),
            ("", 3),
        ] {
            assert_eq!(one(attributes), kind, "{attributes}");
        }
    }

    const FAILED: &str = "<test-case name='c' classname='A.B' result='Failed'/>";

    fn suite(attributes: &str, message: &str, cases: &str) -> String {
        format!(
            "<test-suite classname='A.B' {attributes}><failure><message>{message}</message></failure>{cases}</test-suite>"
        )
    }

    #[test]
    fn what_failed_in_a_suite_itself_is_a_case_of_its_own() {
        let torn_down = suite("result='Failed' label='Error' site='TearDown'", "TearDown : no", FAILED);
        assert_eq!(ids(&check(&torn_down, [2, 1, 1, 0], &[])), ["A.B c", "A.B [suite]"]);
        let without_site = suite("result='Failure'", "TearDown : no", FAILED);
        assert_eq!(ids(&check(&without_site, [2, 1, 1, 0], &[])), ["A.B c", "A.B [suite]"]);
        let empty = suite("result='Failed' label='Invalid'", "no such file", "");
        assert_eq!(check(&empty, [1, 0, 1, 0], &[]).report.failures[0].message, "no such file");
    }

    #[test]
    fn what_its_tests_repeat_is_not() {
        check(&suite("result='Failed' site='Child'", "One or more child tests had errors", FAILED), [1, 1, 0, 0], &[]);
        check(&suite("result='Failed' site='SetUp'", "OneTimeSetUp : no", FAILED), [1, 1, 0, 0], &[]);
        check(
            &suite("result='Failure'", "Child test failed", &suite("result='Failure'", "", FAILED)),
            [1, 1, 0, 0],
            &[],
        );
    }

    #[test]
    fn a_test_with_a_failure_did_not_pass() {
        check("<test-case name='c' result='Passed'><failure/></test-case>", [1, 1, 0, 0], &[]);
    }

    #[test]
    fn numbers_that_a_run_declares_are_compared_and_never_counted() {
        let declared = |run: &str| {
            let reading = read_as("nunit", format!("{run}{FAILED}</test-run>").as_bytes(), &Hints::default()).unwrap();
            (reading.report.counts.failed, reading.complaints.len())
        };
        assert_eq!(declared("<test-run failed='1'>"), (1, 0));
        assert_eq!(declared("<test-run failed='2'>"), (1, 1));
        assert_eq!(declared("<test-run failures='0' errors='1'>"), (1, 0));
    }

    #[test]
    fn suites_are_bounded_and_cost_no_test() {
        let (open, close) =
            ("<test-suite name='s' result='Failed' site='Child'>".repeat(1000), "</test-suite>".repeat(1000));
        check(&format!("{open}{FAILED}{close}{FAILED}"), [2, 2, 0, 0], &[]);
    }
}
