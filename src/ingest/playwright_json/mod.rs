//! What Playwright's `json` reporter writes: one document of suites in suites, of specs, and of each a test by project.
//!
//! The suite is the file relative to Playwright's `rootDir`, the name is made of the titles, as in its JUnit report; the
//! project is a property, for there as here the tests of several projects share one id. Tests that should fail count as
//! skipped when they do. What is wrong outside of all tests is an errored case of its file.

mod test;

use memchr::memmem;

use crate::ingest::json::{Json, NAME_BYTES_MAX, Text};
use crate::ingest::playwright_json::test::{Error, Test};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Source;
use crate::ingest::{Document, Format, Hints, Likeness, Reader, trace};
use crate::model::{Failure, Location, Outcome, TestId};

/// Playwright's JSON.
pub(super) struct PlaywrightJson;

/// Suites inside one another that are read: deeper ones are left out, with a complaint.
const DEPTH_MAX: usize = 100;

/// Tests that are kept of one spec: one for each project, and each repetition.
const TESTS_MAX: usize = 1000;

impl Format for PlaywrightJson {
    fn name(&self) -> &'static str {
        "playwright-json"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let holds = |word: &str| memmem::find(text.as_bytes(), word.as_bytes()).is_some();
        let is_shaped = ["\"suites\"", "\"errors\"", "\"rootDir\""].into_iter().all(holds);
        let is_part = ["\"specs\"", "\"projectName\"", "\"expectedStatus\""].into_iter().all(holds);
        match is_shaped || is_part {
            true if text.trim_start().starts_with('{') => Ok(Likeness::Certain),
            true => Ok(Likeness::Likely),
            false => Err("there is no document with `\"suites\"`, `\"specs\"` and `\"expectedStatus\"`"),
        }
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Document(Box::new(Suites { hints: hints.clone() }))
    }
}

struct Suites {
    hints: Hints,
}

impl Document for Suites {
    fn read(self: Box<Self>, source: &mut Source<'_>, to: &mut Recorder) {
        let mut json = Json::new(source);
        let mut walk = Walk { hints: &self.hints, to, run: Run::default(), titles: Vec::new() };
        while json.document(|json, key| walk.member(json, key)) {
            walk.end(&mut json);
        }
    }
}

/// What is known of one document.
#[derive(Default)]
struct Run {
    /// Whether it is one of ours.
    is_known: bool,
    root: String,
    n_tests: u64,
    n_declared: u64,
    has_stats: bool,
}

/// A suite or a spec; which, only its members tell.
#[derive(Default)]
struct Node {
    title: String,
    file: String,
    line: Option<u64>,
    is_ok: Option<bool>,
    tags: Vec<String>,
    tests: Vec<(Test, (u64, u64))>,
    has_parts: bool,
}

struct Walk<'r> {
    hints: &'r Hints,
    to: &'r mut Recorder,
    run: Run,
    /// The titles of the suites that are open, but for the files'.
    titles: Vec<String>,
}

impl Walk<'_> {
    fn member<T: Text>(&mut self, json: &mut Json<T>, key: &str) {
        match key {
            "config" => json.object(|json, key| {
                if key == "rootDir" {
                    _ = json.string_into(&mut self.run.root, NAME_BYTES_MAX);
                }
            }),
            "suites" => {
                json.take_damages();
                self.run.is_known = true;
                json.elements(|json| self.node(json, 1));
            }
            "errors" => json.array(|json| self.error(json)),
            "stats" => json.object(|json, key| {
                self.run.has_stats = true;
                if ["expected", "unexpected", "flaky", "skipped"].contains(&key) {
                    self.run.n_declared += json.count().unwrap_or(0);
                }
            }),
            _ => {}
        }
    }

    fn node<T: Text>(&mut self, json: &mut Json<T>, depth: usize) {
        if depth > DEPTH_MAX {
            self.to.complain(json.offset(), "suites are nested too deep; what is inside of this one is left out");
            return json.skip();
        }
        let start = json.offset();
        let outer = self.titles.len();
        let mut outside_file = None;
        let mut node = Node::default();
        json.object(|json, key| match key {
            "title" => _ = json.string_into(&mut node.title, NAME_BYTES_MAX),
            "file" => _ = json.string_into(&mut node.file, NAME_BYTES_MAX),
            "line" => node.line = json.count(),
            "ok" => node.is_ok = json.boolean(),
            "tags" => json.array(|json| node.tags.extend(json.string(NAME_BYTES_MAX))),
            "tests" => json.array(|json| {
                if node.tests.len() < TESTS_MAX {
                    let start = json.offset();
                    let test = Test::read(json, self.hints.output_bytes_max);
                    node.tests.push((test, (start, json.offset())));
                }
            }),
            "specs" | "suites" => {
                let is_file = node.title == node.file;
                if !node.has_parts && is_file {
                    outside_file = Some(std::mem::take(&mut self.titles));
                } else if !node.has_parts {
                    self.titles.push(node.title.clone());
                }
                node.has_parts = true;
                json.elements(|json| self.node(json, depth + 1));
            }
            _ => {}
        });
        match outside_file {
            Some(titles) => self.titles = titles,
            None => self.titles.truncate(outer),
        }
        if !node.has_parts {
            self.end_spec(node, start);
        }
    }

    /// Records the tests of a spec.
    fn end_spec(&mut self, node: Node, offset: u64) {
        if node.title.is_empty() && node.file.is_empty() {
            return self.to.complain(offset, "a spec has no name; it is left out");
        }
        let titles = self.titles.iter().map(String::as_str).chain([node.title.as_str()]);
        let name = titles.collect::<Vec<_>>().join(" › ");
        for (test, source) in node.tests {
            self.run.n_tests += 1;
            match test.outcome(node.is_ok) {
                None => self.to.complain(source.0, "a test is not told of to its end; it is left out"),
                Some(outcome) if outcome.is_red() => {
                    let id = TestId::new(node.file.as_str(), name.as_str());
                    let mut failure = test.failure(id, self.hints.output_bytes_max);
                    failure.location = failure.location.take().or_else(|| self.place(&node.file, node.line));
                    failure.properties.extend(node.tags.iter().map(|tag| ("tag".to_owned(), tag.clone())));
                    failure.source = Some(source);
                    self.to.fail(outcome, failure);
                }
                Some(Outcome::Passed) if test.is_flaky() => {
                    let id = TestId::new(node.file.as_str(), name.as_str());
                    self.to.pass_flaky(test.flaky(id, self.hints.output_bytes_max));
                }
                Some(outcome) => self.to.tally_timed(&node.file, &name, outcome, test.duration()),
            }
        }
    }

    /// Returns where a spec stands.
    fn place(&self, file: &str, line: Option<u64>) -> Option<Location> {
        let file = if self.run.root.is_empty() { file.to_owned() } else { format!("{}/{file}", self.run.root) };
        trace::place(&file, &line?.to_string(), None)
    }

    /// Records what is wrong outside of all tests, such as a file that cannot be loaded.
    fn error<T: Text>(&mut self, json: &mut Json<T>) {
        let start = json.offset();
        let error = Error::read(json, self.hints.output_bytes_max);
        let file = error.location.as_ref().map(|location| location.file.as_str()).unwrap_or_default();
        let in_root = file.strip_prefix(&self.run.root).and_then(|file| file.strip_prefix('/'));
        let suite = in_root.filter(|_| !self.run.root.is_empty()).unwrap_or(self.hints.relative(file));
        let mut failure = Failure::bare(TestId::of_suite(suite));
        error.fill(&mut failure, self.hints.output_bytes_max);
        failure.source = Some((start, json.offset()));
        self.to.fail(Outcome::Errored, failure);
    }

    /// Ends a document: compares what it counts with what was read.
    fn end<T: Text>(&mut self, json: &mut Json<T>) {
        let run = std::mem::take(&mut self.run);
        self.titles.clear();
        let damages = json.take_damages();
        if !run.is_known {
            return;
        }
        if damages.is_empty() && run.has_stats && run.n_declared != run.n_tests {
            let (n, n_tests) = (run.n_declared, run.n_tests);
            self.to.complain(json.offset(), format!("the report counts {n} tests but lists {n_tests}"));
        }
        for damage in damages {
            self.to.complain(damage.offset, damage.reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    fn read(text: &str) -> Reading {
        read_as("playwright-json", text.as_bytes(), &Hints::default()).unwrap()
    }

    fn spec(title: &str, status: &str) -> String {
        let ok = status != "unexpected";
        format!(
            r#"{{"title":"{title}","ok":{ok},"tests":[{{"expectedStatus":"passed","projectName":"phone","results":[{{"status":"failed","error":{{"message":"Error: no"}}}}],"status":"{status}"}}],"file":"a.spec.ts"}}"#
        )
    }

    fn document() -> String {
        let inner = format!(
            r#"{{"title":"cart","file":"a.spec.ts","specs":[{},{}],"suites":[]}}"#,
            spec("sums", "unexpected"),
            spec("adds", "flaky")
        );
        let file = format!(
            r#"{{"title":"a.spec.ts","file":"a.spec.ts","specs":[{}],"suites":[{inner}]}}"#,
            spec("top", "unexpected")
        );
        format!(
            r#"{{"config":{{"rootDir":"/u"}},"suites":[{file}],"errors":[],"stats":{{"unexpected":2,"flaky":1,"duration":5}}}}"#
        )
    }

    fn ids(reading: &Reading) -> Vec<String> {
        reading.report.failures.iter().map(|failure| failure.id.to_string()).collect()
    }

    #[test]
    fn names_are_made_of_the_titles_without_the_file() {
        let reading = read(&document());
        assert_eq!(ids(&reading), ["a.spec.ts top", "a.spec.ts cart › sums"]);
        assert_eq!(reading.report.flaky[0].id, TestId::new("a.spec.ts", "cart › adds"));
        assert_eq!(reading.report.flaky[0].attempts[0].message, "no");
        assert_eq!(reading.report.failures[0].properties, [("project".to_owned(), "phone".to_owned())]);
        assert_eq!(reading.complaints, []);
    }

    #[test]
    fn a_document_that_is_cut_yields_what_its_specs_say_of_themselves() {
        let text = document();
        let cut = &text[..text.find(r#","status":"flaky""#).unwrap()];
        let reading = read(cut);
        assert_eq!(ids(&reading), ["a.spec.ts top", "a.spec.ts cart › sums"]);
        assert_eq!(reading.report.counts.tests, 2);
        assert_eq!(reading.complaints[0].reason, "a test is not told of to its end; it is left out");
    }

    #[test]
    fn damage_costs_one_spec() {
        let reading = read(&document().replacen(r#""title":"sums","ok":false"#, r#""title":"sums,"ok":false"#, 1));
        assert_eq!(ids(&reading), ["a.spec.ts top"]);
        assert_eq!(reading.report.flaky[0].id, TestId::new("a.spec.ts", "cart › adds"));
    }

    #[test]
    fn numbers_that_do_not_fit_are_complained_of() {
        let reading = read(&document().replace("\"unexpected\":2", "\"unexpected\":3"));
        assert_eq!(reading.complaints[0].reason, "the report counts 4 tests but lists 3");
    }

    #[test]
    fn suites_nested_without_end_are_no_reason_to_fail() {
        let reading = read(&format!(
            "{{\"config\":{{\"rootDir\":\"/u\"}},\"errors\":[],\"suites\":[{}",
            "{\"title\":\"a\",\"file\":\"f\",\"suites\":[".repeat(200_000)
        ));
        assert_eq!(reading.complaints[0].reason, "suites are nested too deep; what is inside of this one is left out");
    }
}
