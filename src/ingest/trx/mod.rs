//! Visual Studio's test results (TRX): of `dotnet test`, `vstest.console`, `mstest` and the Microsoft testing platform.
//!
//! The suite is the class, the name is the test's name with its arguments. A result that names its class says both by
//! itself; for others the test's definition does, which mostly comes after all results. A result that sums up inner
//! ones is no case of its own. A run that was aborted is a case, and named so. The fixtures were made by hand after the
//! schema.

mod awaiting;

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::ingest::dotnet::{qualified, time_span};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Source;
use crate::ingest::told::{Part, Tally, Told, UNNAMED};
use crate::ingest::trx::awaiting::{Awaiting, Definition};
use crate::ingest::xml::{self, Tag, Text, Visitor};
use crate::ingest::{ABORTED, Document, Format, Hints, Likeness, Reader, detail, suite_name};
use crate::model::{Outcome, TestId};

/// Visual Studio's test results.
pub(super) struct Trx;

impl Format for Trx {
    fn name(&self) -> &'static str {
        "trx"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        xml::sniff(text, Report::ROOTS, |_| true).ok_or("there is no <TestRun> element")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Document(Box::new(Report::new(hints.clone())))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Element {
    Run,
    Result,
    /// Results that another sums up.
    Inner,
    ErrorInfo,
    Message,
    Trace,
    Output,
    Definitions,
    Definition,
    Method,
    Category,
    Summary,
    Counters,
    RunInfo,
    Text,
    Other,
}

/// A result that is being read.
struct Open {
    /// Number of elements it stands in, with itself.
    depth: usize,
    /// The hash of the test's id.
    test: u64,
    name: String,
    /// `None` if it is unknown.
    outcome: Option<Outcome>,
    is_row: bool,
    /// Particulars, if it is red.
    told: Option<Told>,
    n_inner: u64,
    n_red_inner: u64,
}

/// What a run says of itself.
#[derive(Default)]
struct Summary {
    is_red: bool,
    is_aborted: bool,
    /// Whether the message that is being read is of an error.
    is_error: bool,
    told: Option<Told>,
}

/// One report.
struct Report {
    hints: Hints,
    /// The result that is being read, and those it stands in.
    open: Vec<Open>,
    awaiting: Awaiting,
    definition: Definition,
    /// Places of the classes of tests that are defined before all results, by the hash of the test's id.
    defined: HashMap<u64, usize>,
    classes: Vec<String>,
    tally: Tally,
    n_summing_up: u64,
    summary: Summary,
    start: u64,
}

impl Document for Report {
    fn read(mut self: Box<Self>, source: &mut Source<'_>, to: &mut Recorder) {
        xml::read(source, &mut *self, to);
    }
}

impl Visitor for Report {
    type Element = Element;

    const ROOTS: &'static [&'static str] = &["TestRun"];

    fn element(name: &str, path: &[Element]) -> Element {
        let holds_text =
            |element: &Element| matches!(element, Element::Message | Element::Trace | Element::Output | Element::Text);
        let is_in = |element| path.contains(&element);
        match name {
            _ if path.iter().any(holds_text) => Element::Other,
            "TestRun" => Element::Run,
            "TestDefinitions" => Element::Definitions,
            _ if path.last() == Some(&Element::Definitions) => Element::Definition,
            "TestMethod" if is_in(Element::Definition) => Element::Method,
            "TestCategoryItem" if is_in(Element::Definition) => Element::Category,
            "TestResultAggregation" => Element::Result,
            name if name.ends_with("TestResult") => Element::Result,
            "InnerResults" => Element::Inner,
            "ErrorInfo" => Element::ErrorInfo,
            "Message" => Element::Message,
            "StackTrace" => Element::Trace,
            "StdOut" | "StdErr" | "DebugTrace" => Element::Output,
            "ResultSummary" => Element::Summary,
            "Counters" => Element::Counters,
            "RunInfo" => Element::RunInfo,
            "Text" if is_in(Element::RunInfo) => Element::Text,
            _ => Element::Other,
        }
    }

    fn start(&mut self, path: &[Element], tag: &Tag<'_>, at: u64, to: &mut Recorder) {
        match path.last() {
            Some(Element::Run) => self.start = at,
            Some(Element::Result) => {
                let around = path.iter().rev().skip(1).find(|element| **element != Element::Other);
                if around == Some(&Element::Result) {
                    // Its end is missing.
                    self.conclude(at, to);
                }
                self.begin_result(path.len(), tag, at);
            }
            Some(Element::Definition) => {
                let [id, name] = tag.texts(["id", "name"]);
                self.definition = Definition { test: hash(&id), name: name.into_owned(), ..Definition::default() };
            }
            Some(Element::Method) => {
                // MSTest's classes may be followed by their assembly.
                let class = tag.text("className");
                let class = class.split_once(", ").map_or(&*class, |(class, _)| class);
                suite_name(class).clone_into(&mut self.definition.class);
            }
            Some(Element::Category) => self.definition.categories.add("TestCategory", &tag.text("TestCategory")),
            Some(Element::Summary) => {
                self.summary.is_red = matches!(outcome(&tag.text("outcome")), Some(outcome) if outcome.is_red());
            }
            Some(Element::Counters) => self.read_counters(tag),
            Some(Element::RunInfo) => {
                self.summary.is_error = matches!(outcome(&tag.text("outcome")), Some(outcome) if outcome.is_red());
                self.summary.told.get_or_insert_with(|| Told::new(&self.hints, at));
            }
            _ => {}
        }
    }

    fn text(&mut self, path: &[Element], text: &Text<'_>) {
        let is_in = |element| path.contains(&element);
        let part = match path.iter().rev().find(|element| **element != Element::Other) {
            Some(Element::Message) if is_in(Element::ErrorInfo) => Part::Message,
            Some(Element::Trace) => Part::Trace,
            Some(Element::Message | Element::Output) => Part::Output,
            Some(Element::Text) => return self.read_run_info(&text.decoded()),
            _ => return,
        };
        if let Some(told) = self.open.last_mut().and_then(|open| open.told.as_mut()) {
            told.push(part, &text.decoded());
        }
    }

    fn end(&mut self, path: &[Element], end: u64, to: &mut Recorder) {
        match path.last() {
            Some(Element::Result) if self.open.last().is_some_and(|open| open.depth == path.len()) => {
                self.conclude(end, to);
            }
            Some(Element::Definition) => self.define(to),
            Some(Element::Run) => self.end_run(end, to),
            _ => {}
        }
    }

    fn finish(&mut self, _: &mut Recorder) {}
}

impl Report {
    fn new(hints: Hints) -> Self {
        Self {
            open: Vec::new(),
            awaiting: Awaiting::new(&hints),
            definition: Definition::default(),
            defined: HashMap::new(),
            classes: Vec::new(),
            tally: Tally::default(),
            n_summing_up: 0,
            summary: Summary::default(),
            start: 0,
            hints,
        }
    }

    fn begin_result(&mut self, depth: usize, tag: &Tag<'_>, at: u64) {
        let [id, name, said, kind, duration] = tag.texts(["testId", "testName", "outcome", "resultType", "duration"]);
        let outcome = outcome(&said);
        let told = outcome.filter(|outcome| outcome.is_red()).map(|_| {
            let mut told = Told::new(&self.hints, at);
            told.duration = time_span(&duration);
            let kind = match said.as_ref() {
                "Timeout" => detail::TIMEOUT,
                "Failed" | "Error" => "",
                other => other,
            };
            kind.clone_into(&mut told.kind);
            told
        });
        let is_row = !self.open.is_empty() || kind == "DataDrivenDataRow";
        let name = if name.is_empty() { UNNAMED.to_owned() } else { name.into_owned() };
        // The sum of rows is told apart from them even where they do not stand in it.
        let n_inner = u64::from(kind == "DataDrivenTest");
        self.open.push(Open { depth, test: hash(&id), name, outcome, is_row, told, n_inner, n_red_inner: n_inner });
    }

    /// Ends a result. One that sums up others is a case only if it is red and none of them is.
    fn conclude(&mut self, end: u64, to: &mut Recorder) {
        let Some(Open { depth: _, test, name, outcome, is_row, told, n_inner, n_red_inner }) = self.open.pop() else {
            return;
        };
        let is_red = outcome.is_some_and(Outcome::is_red);
        if let Some(outer) = self.open.last_mut() {
            outer.n_inner += 1;
            outer.n_red_inner += u64::from(is_red);
        }
        if n_inner > 0 && (!is_red || n_red_inner > 0) {
            self.n_summing_up += 1;
            return;
        }
        self.tally.add(is_red);
        let outcome = outcome.unwrap_or_else(|| {
            to.complain(end, format!("how test {name:?} ended is not said; it counts as skipped"));
            Outcome::Skipped
        });
        let class = self.defined.get(&test).map(|at| self.classes[*at].as_str());
        let named = qualified(&name).or(class.map(|class| (class, name.as_str())));
        match (told, named) {
            (Some(told), named) => {
                let (suite, own) = named.unwrap_or(("", &name));
                let failure = told.into_failure(TestId::new(suite_name(suite), own), end);
                self.awaiting.hold_failure(test, outcome, failure);
            }
            (None, Some((suite, own))) => to.tally(suite_name(suite), own, outcome),
            (None, None) => self.awaiting.hold(test, &name, outcome, is_row),
        }
    }

    /// Takes a test's definition to the results that it names, before or after it.
    fn define(&mut self, to: &mut Recorder) {
        if self.tally.n_tests + self.n_summing_up > 0 {
            return self.awaiting.resolve(&self.definition, to);
        }
        if self.classes.last() != Some(&self.definition.class) {
            self.classes.push(self.definition.class.clone());
        }
        self.defined.insert(self.definition.test, self.classes.len() - 1);
    }

    fn read_counters(&mut self, tag: &Tag<'_>) {
        let red = tag.texts(["failed", "error", "timeout", "aborted", "notRunnable", "disconnected", "inProgress"]);
        let number = |text: &str| text.trim().parse::<u64>().ok();
        self.tally.declared_tests = number(&tag.text("total"));
        let red = red.iter().filter_map(|text| number(text)).try_fold(0_u64, u64::checked_add);
        self.tally.declared_red = red.filter(|_| self.tally.declared_tests.is_some());
    }

    fn read_run_info(&mut self, text: &str) {
        let summary = &mut self.summary;
        let says_aborted = ["was aborted", "crashed", "Aborting test run"].iter().any(|words| text.contains(words));
        summary.is_aborted |= summary.is_error && says_aborted;
        if let Some(told) = summary.told.as_mut().filter(|_| summary.is_error) {
            told.push(Part::Message, text);
            told.push(Part::Message, "\n");
        }
    }

    /// Ends a run. One that failed though no test did, or that was aborted, has a case of its own for that.
    fn end_run(&mut self, end: u64, to: &mut Recorder) {
        self.awaiting.flush(end, to);
        let (tally, summary) = (std::mem::take(&mut self.tally), std::mem::take(&mut self.summary));
        if self.n_summing_up == 0
            && let Some(reason) = tally.disagreement("the run", 0)
        {
            to.complain(self.start, reason);
        }
        if summary.is_aborted || summary.is_red && tally.n_red == 0 {
            let mut told = summary.told.unwrap_or_else(|| Told::new(&self.hints, self.start));
            if told.lacks(Part::Message) {
                told.push(Part::Message, "the run failed, but none of its tests did");
            }
            to.fail(Outcome::Errored, told.into_failure(TestId::new("", ABORTED), end));
        }
        self.open.clear();
        self.defined.clear();
        self.classes.clear();
        self.n_summing_up = 0;
    }
}

fn hash(id: &str) -> u64 {
    xxh3_64(id.to_ascii_lowercase().as_bytes())
}

/// Returns what a word for a test's end means; one that is missing is the schema's default, `Error`.
fn outcome(said: &str) -> Option<Outcome> {
    Some(match said {
        "Passed" | "PassedButRunAborted" | "Warning" => Outcome::Passed,
        "Failed" => Outcome::Failed,
        "" | "Error" | "Timeout" | "Aborted" | "NotRunnable" | "Disconnected" | "InProgress" => Outcome::Errored,
        "NotExecuted" | "Inconclusive" | "Pending" | "Completed" => Outcome::Skipped,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
