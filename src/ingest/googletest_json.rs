//! googletest's JSON report (`--gtest_output=json`).
//!
//! Ids are spelt as in its XML report: the suite, and the test's name in it. googletest writes one bracket or member a
//! line, so that each test is read by itself: damage costs the test it hits. What failed in the set-up of a suite stands
//! in no report of versions before 1.13. The fixtures are googletest 1.12's.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::ingest::recorder::Recorder;
use crate::ingest::source::Source;
use crate::ingest::told::{Part, Tally, Told, UNNAMED, seconds};
use crate::ingest::{Document, Format, Hints, Likeness, Reader, suite_name, trace};
use crate::model::{Outcome, TestId};

/// googletest's JSON report.
pub(super) struct GoogletestJson;

/// The longest text of one test, in bytes.
const TEST_BYTES_MAX: usize = 16 << 20;

impl Format for GoogletestJson {
    fn name(&self) -> &'static str {
        "googletest-json"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let own = ["\"testsuites\": [", "\"testsuite\": [", "\"classname\": \"", "\"disabled\": "];
        let n = own.iter().filter(|member| text.contains(*member)).count();
        match n {
            4 if text.trim_start().starts_with('{') => Ok(Likeness::Certain),
            3 | 4 => Ok(Likeness::Likely),
            _ => Err("there is no list of \"testsuites\""),
        }
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Document(Box::new(Report::new(hints.clone())))
    }
}

/// One test.
#[derive(Deserialize)]
struct Test<'t> {
    #[serde(default, borrow)]
    name: Cow<'t, str>,
    #[serde(default, borrow)]
    classname: Option<Cow<'t, str>>,
    #[serde(default, borrow)]
    status: Cow<'t, str>,
    #[serde(default, borrow)]
    result: Cow<'t, str>,
    #[serde(default, borrow)]
    time: Cow<'t, str>,
    #[serde(default, borrow)]
    file: Cow<'t, str>,
    #[serde(default)]
    line: u32,
    #[serde(default, borrow)]
    failures: Vec<Failed<'t>>,
    /// Parameters, and what the test recorded.
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

/// One failed assertion.
#[derive(Deserialize)]
struct Failed<'t> {
    #[serde(default, borrow)]
    failure: Cow<'t, str>,
}

/// One report.
struct Report {
    hints: Hints,
    /// The lines of the object that is being read, with those in it.
    text: String,
    /// Brackets open in it, as they are closed.
    open: Vec<char>,
    start: u64,
    suite: String,
    tally: Tally,
}

impl Document for Report {
    fn read(mut self: Box<Self>, source: &mut Source<'_>, to: &mut Recorder) {
        let mut end = 0;
        while let Some(line) = source.line() {
            end = line.offset + line.text.len() as u64;
            self.line(line.text.trim(), (line.offset, end), to);
        }
        self.abandon(end, to);
        if let Some(reason) = self.tally.disagreement("the report", 0) {
            to.complain(0, reason);
        }
    }
}

impl Report {
    fn new(hints: Hints) -> Self {
        let (suite, tally) = (String::new(), Tally::default());
        Self { hints, text: String::new(), open: Vec::new(), start: 0, suite, tally }
    }

    fn line(&mut self, line: &str, (at, end): (u64, u64), to: &mut Recorder) {
        // Of all objects, tests and suites alone begin with a name.
        if line.starts_with("\"name\": ") && self.open.len() > 1 && self.text.ends_with("{\n") {
            self.text.truncate(self.text.len() - "{\n".len());
            self.open.pop();
            self.abandon(at, to);
            self.begin(at);
        }
        match line {
            "{" if self.open.is_empty() => return self.begin(at),
            _ if self.open.is_empty() => return,
            "}" | "}," | "]" | "]," => {
                self.push(line);
                self.open.pop();
                if self.open.is_empty() {
                    self.end_test(end, to);
                }
                return;
            }
            "\"testsuites\": [" | "\"testsuite\": [" => return self.begin_list(),
            "{" => self.open.push('}'),
            _ if line.ends_with(": [") => self.open.push(']'),
            _ if line.ends_with(": {") => self.open.push('}'),
            _ => {}
        }
        self.push(line);
    }

    fn begin(&mut self, at: u64) {
        self.text.clear();
        self.text.push_str("{\n");
        self.open = vec!['}'];
        self.start = at;
    }

    fn push(&mut self, line: &str) {
        if self.text.len() + line.len() < TEST_BYTES_MAX {
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    /// Begins the list of suites in the report, or that of tests in a suite, whose own members have been read.
    fn begin_list(&mut self) {
        let member = |name: &str| {
            let rest = self.text.split_once(&format!("\n\"{name}\": "))?.1;
            Some(rest.lines().next()?.trim_end_matches(',').to_owned())
        };
        let number = |name| member(name).and_then(|number| number.parse().ok());
        if self.tally.declared_tests.is_none() {
            (self.tally.declared_tests, self.tally.declared_red) = (number("tests"), number("failures"));
        }
        let name = member("name").and_then(|name| serde_json::from_str::<String>(&name).ok());
        suite_name(&mended(&name.unwrap_or_default())).clone_into(&mut self.suite);
        self.open.clear();
    }

    fn end_test(&mut self, end: u64, to: &mut Recorder) {
        let text = std::mem::take(&mut self.text);
        match serde_json::from_str(text.trim_end().trim_end_matches(',')) {
            Ok(test) => self.conclude(&test, end, to),
            Err(error) => to.complain(self.start, format!("a test cannot be read: {error}")),
        }
        self.text = text;
    }

    /// Ends an object whose end is missing: a test that has failed has, of another nothing is known.
    fn abandon(&mut self, end: u64, to: &mut Recorder) {
        if self.open.is_empty() {
            return;
        }
        let mut text = self.text.trim_end().trim_end_matches(',').to_owned();
        text.extend(self.open.drain(..).rev());
        let test = serde_json::from_str::<Test<'_>>(&text).ok().filter(|test| !test.failures.is_empty());
        let what = if test.is_some() { "what is there of it is kept" } else { "it is left out" };
        to.complain(self.start, format!("a test or suite has no end; {what}"));
        if let Some(test) = test {
            self.conclude(&test, end, to);
        }
    }

    fn conclude(&mut self, test: &Test<'_>, end: u64, to: &mut Recorder) {
        let suite = test.classname.as_deref().map_or(Cow::Borrowed(&*self.suite), mended);
        let is_red = !test.failures.is_empty();
        let name = match mended(&test.name) {
            name if !name.is_empty() => name,
            _ if is_red => Cow::Borrowed(TestId::SUITE),
            _ => Cow::Borrowed(UNNAMED),
        };
        self.tally.add(is_red);
        if is_red {
            let failure = told(test, &self.hints, self.start).into_failure(TestId::new(suite_name(&suite), name), end);
            return to.fail(Outcome::Failed, failure);
        }
        let outcome = match (&*test.status, &*test.result) {
            ("NOTRUN", _) | (_, "SKIPPED" | "SUPPRESSED") => Outcome::Skipped,
            ("RUN", "COMPLETED" | "") => Outcome::Passed,
            _ => {
                to.complain(end, format!("how test {name:?} ended is not said; it counts as skipped"));
                Outcome::Skipped
            }
        };
        to.tally_timed(suite_name(&suite), &name, outcome, seconds(test.time.trim_end_matches('s')));
    }
}

/// Collects what a report tells of a test that failed: the first failure's words are the message.
fn told(test: &Test<'_>, hints: &Hints, start: u64) -> Told {
    let mut told = Told::new(hints, start);
    told.duration = seconds(test.time.trim_end_matches('s'));
    told.location = trace::place(&mended(&test.file), &test.line.to_string(), None);
    for (n, failed) in test.failures.iter().enumerate() {
        let part = if n == 0 { Part::Message } else { Part::Trace };
        told.push(part, &mended(&failed.failure));
        told.push(part, "\n");
    }
    let texts = test.more.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    for (name, value) in texts.filter(|(name, _)| *name != "timestamp") {
        told.properties.add(name, &mended(value));
    }
    told
}

/// Puts characters together again that googletest escaped byte by byte, as if each byte of UTF-8 were one.
fn mended(text: &str) -> Cow<'_, str> {
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    let mended = bytes.filter(|bytes| !bytes.is_ascii()).and_then(|bytes| String::from_utf8(bytes).ok());
    mended.map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    fn report(tests: &[&str]) -> String {
        let tests = tests.join(",\n").replace("; ", ",\n");
        format!(
            "{{\n\"tests\": 2,\n\"failures\": 1,\n\"disabled\": 0,\n\"name\": \"AllTests\",\n\"testsuites\": [\n{{\n\"name\": \"S\",\n\
             \"tests\": 2,\n\"testsuite\": [\n{tests}\n]\n}}\n]\n}}\n"
        )
    }

    const PASSED: &str = "{\n\"name\": \"a\"; \"status\": \"RUN\"; \"result\": \"COMPLETED\"; \"time\": \"1.5s\"; \"classname\": \"S\"\n}";
    const FAILED: &str = "{\n\"name\": \"b\"; \"status\": \"RUN\"; \"classname\": \"S\"; \"failures\": [\n{\n\"failure\": \"a.cc:8\\nno [\"; \"type\": \"\"\n}\n]\n}";

    #[track_caller]
    fn check(report: &str, counts: [u64; 4], complaints: &[&str]) -> Reading {
        let reading = read_as("googletest-json", report.as_bytes(), &Hints::default()).unwrap();
        let n = reading.report.counts;
        assert_eq!([n.tests, n.failed, n.errored, n.skipped], counts, "{report}");
        let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
        assert_eq!(reasons, complaints, "{report}");
        reading
    }

    #[test]
    fn tests_are_read_one_by_one() {
        let reading = check(&report(&[PASSED, FAILED]), [2, 1, 0, 0], &[]);
        assert_eq!(reading.report.outcome(&TestId::new("S", "a")), Some(Outcome::Passed));
        let failure = &reading.report.failures[0];
        assert_eq!((failure.id.to_string().as_str(), failure.message.as_str()), ("S b", "a.cc:8\nno ["));
    }

    #[test]
    fn tests_that_did_not_run_are_skipped() {
        let suppressed = PASSED.replace("COMPLETED", "SUPPRESSED").replace("RUN", "NOTRUN");
        check(&report(&[FAILED, &suppressed]), [2, 1, 0, 1], &[]);
        let odd = PASSED.replace("COMPLETED", "ODD");
        check(&report(&[FAILED, &odd]), [2, 1, 0, 1], &["how test \"a\" ended is not said; it counts as skipped"]);
    }

    #[test]
    fn a_failure_of_a_suite_has_no_name() {
        let reading = check(&report(&[PASSED, &FAILED.replace("\"b\"", "\"\"")]), [2, 1, 0, 0], &[]);
        assert_eq!(reading.report.failures[0].id, TestId::new("S", "[suite]"));
    }

    #[test]
    fn numbers_that_the_report_declares_are_compared() {
        check(&report(&[PASSED]), [1, 0, 0, 0], &["the report declares 1 failed tests but lists 0"]);
        check(&report(&[FAILED]), [1, 1, 0, 0], &["the report declares 2 tests but lists 1"]);
    }

    #[test]
    fn damage_costs_the_test_it_hits() {
        let unended = FAILED.trim_end_matches(['}', ']', '\n']);
        let kept = "a test or suite has no end; what is there of it is kept";
        check(&report(&[unended, PASSED]), [2, 1, 0, 0], &[kept]);
        let whole = report(&[FAILED, PASSED]);
        check(
            &whole[..whole.find("no [").unwrap()],
            [0; 4],
            &["a test or suite has no end; it is left out", "the report declares 1 failed tests but lists 0"],
        );
        let reading = read_as(
            "googletest-json",
            report(&[&PASSED.replace("\"RUN\"", "RUN"), FAILED]).as_bytes(),
            &Hints::default(),
        )
        .unwrap();
        assert!(reading.complaints[0].reason.starts_with("a test cannot be read: "), "{:?}", reading.complaints);
        assert_eq!(reading.report.counts.failed, 1);
    }

    #[test]
    fn characters_that_were_escaped_byte_by_byte_are_mended() {
        assert_eq!(
            (mended("\u{c3}\u{a9}"), mended("é"), mended("a€\u{c3}\u{a9}")),
            ("é".into(), "é".into(), "a€\u{c3}\u{a9}".into())
        );
    }
}
