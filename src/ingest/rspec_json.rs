//! What RSpec's `json` formatter writes: one document with a list of examples.
//!
//! Ids are spelt as in the JUnit report of `rspec_junit_formatter`: the suite is the file with dots, the name is the full
//! description. RSpec's own id of an example, by which it can be run again, is a property. What is wrong outside of all
//! examples, such as a file that cannot be loaded, is an errored case of its file.

use std::sync::LazyLock;
use std::time::Duration;

use memchr::memmem;
use regex::Regex;

use crate::ingest::json::{Json, NAME_BYTES_MAX, Text};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Source;
use crate::ingest::{Document, Format, Hints, Likeness, Reader, detail, pattern, trace};
use crate::model::{Failure, Outcome, TestId};

/// RSpec's JSON.
pub(super) struct RspecJson;

/// Frames that are kept of one example; most are RSpec's own.
const FRAMES_MAX: usize = 200;

/// What heads a message about an error outside of all examples.
static OUTSIDE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\s*An error occurred (?:while loading (?P<file>\S+?)\.?$|in an? )"));

/// The first place that a message names: `# ./spec/cart_spec.rb:44:in …`.
static PLACE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^# (?P<file>\S+?):(?P<line>\d+)(?::|$)"));

impl Format for RspecJson {
    fn name(&self) -> &'static str {
        "rspec-json"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let holds = |word: &str| memmem::find(text.as_bytes(), word.as_bytes()).is_some();
        let is_shaped = holds("\"examples\":") && (holds("\"full_description\":") || holds("\"summary_line\":"));
        match is_shaped {
            true if text.trim_start().starts_with('{') => Ok(Likeness::Certain),
            true => Ok(Likeness::Likely),
            false => Err("there is no document with `\"examples\"` and `\"full_description\"`"),
        }
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Document(Box::new(Examples { hints: hints.clone() }))
    }
}

struct Examples {
    hints: Hints,
}

impl Document for Examples {
    fn read(self: Box<Self>, source: &mut Source<'_>, to: &mut Recorder) {
        let mut json = Json::new(source);
        let mut run = Run::default();
        while json.document(|json, key| self.member(json, key, &mut run, to)) {
            end(&mut json, &std::mem::take(&mut run), to);
        }
    }
}

/// What is known of one document.
#[derive(Default)]
struct Run {
    /// Whether it is one of ours.
    is_known: bool,
    n_examples: u64,
    n_outside: u64,
    n_declared: Option<u64>,
    n_outside_declared: u64,
    summary: String,
}

/// One example.
#[derive(Default)]
struct Example {
    id: String,
    name: String,
    status: String,
    file: String,
    line: Option<u64>,
    seconds: Option<f64>,
    class: String,
    message: String,
    backtrace: Vec<String>,
}

impl Examples {
    fn member<T: Text>(&self, json: &mut Json<T>, key: &str, run: &mut Run, to: &mut Recorder) {
        match key {
            "messages" => json.array(|json| {
                let start = json.offset();
                let message = json.string(self.hints.output_bytes_max).unwrap_or_default();
                if let Some(mut failure) = outside(&message, self.hints.output_bytes_max) {
                    failure.source = Some((start, json.offset()));
                    run.n_outside += 1;
                    to.fail(Outcome::Errored, failure);
                }
            }),
            "examples" => {
                run.is_known = true;
                json.elements(|json| {
                    run.n_examples += 1;
                    self.example(json, to);
                });
            }
            "summary" => json.object(|json, key| match key {
                "example_count" => run.n_declared = json.count(),
                "errors_outside_of_examples_count" => run.n_outside_declared = json.count().unwrap_or(0),
                _ => {}
            }),
            "summary_line" => _ = json.string_into(&mut run.summary, NAME_BYTES_MAX),
            _ => {}
        }
    }

    fn example<T: Text>(&self, json: &mut Json<T>, to: &mut Recorder) {
        let start = json.offset();
        let example = Example::read(json, self.hints.output_bytes_max);
        let suite = suite(&example.file);
        let duration = example.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match example.status.as_str() {
            "failed" => {
                let mut failure = example.failure(suite, self.hints.output_bytes_max);
                failure.duration = duration;
                failure.source = Some((start, json.offset()));
                to.fail(Outcome::Failed, failure);
            }
            _ if json.is_broken() => to.complain(start, "an example is not told of to its end; it is left out"),
            "passed" => to.tally_timed(&suite, &example.name, Outcome::Passed, duration),
            "pending" => to.tally_timed(&suite, &example.name, Outcome::Skipped, duration),
            status => {
                to.complain(start, format!("an example has no status that is known, but {status:?}; it is left out"));
            }
        }
    }
}

/// Ends a document: compares what it counts with what was read.
fn end<T: Text>(json: &mut Json<T>, run: &Run, to: &mut Recorder) {
    let damages = json.take_damages();
    if !run.is_known {
        return;
    }
    let n = run.n_examples;
    if let Some(declared) = run.n_declared.filter(|declared| damages.is_empty() && *declared != n) {
        to.complain(json.offset(), format!("the report counts {declared} examples but lists {n}"));
    }
    if run.n_outside_declared > run.n_outside {
        let mut failure = Failure::bare(TestId::of_suite(""));
        failure.message.clone_from(&run.summary);
        to.fail(Outcome::Errored, failure);
    }
    for damage in damages {
        to.complain(damage.offset, damage.reason);
    }
}

impl Example {
    fn read<T: Text>(json: &mut Json<T>, bytes_max: usize) -> Self {
        let mut example = Self::default();
        json.object(|json, key| match key {
            "id" => _ = json.string_into(&mut example.id, NAME_BYTES_MAX),
            "full_description" => _ = json.string_into(&mut example.name, NAME_BYTES_MAX),
            "status" => _ = json.string_into(&mut example.status, NAME_BYTES_MAX),
            "file_path" => _ = json.string_into(&mut example.file, NAME_BYTES_MAX),
            "line_number" => example.line = json.count(),
            "run_time" => example.seconds = json.number(),
            "exception" => json.object(|json, key| match key {
                "class" => _ = json.string_into(&mut example.class, NAME_BYTES_MAX),
                "message" => _ = json.string_into(&mut example.message, bytes_max),
                "backtrace" => json.array(|json| {
                    if example.backtrace.len() < FRAMES_MAX {
                        example.backtrace.extend(json.string(NAME_BYTES_MAX));
                    }
                }),
                _ => {}
            }),
            _ => {}
        });
        example
    }

    fn failure(self, suite: String, bytes_max: usize) -> Failure {
        let mut failure = Failure::bare(TestId::new(suite, self.name));
        failure.kind = self.class;
        self.message.trim_matches('\n').clone_into(&mut failure.message);
        let line = self.line.map(|line| line.to_string()).unwrap_or_default();
        let place = trace::place(&self.file, &line, None);
        if !self.id.is_empty() {
            failure.properties.push(("id".to_owned(), self.id));
        }
        let text = format!("{}\n{}", self.message, self.backtrace.join("\n"));
        detail::fill(&mut failure, &[&text]);
        failure.location = failure.location.take().or(place);
        detail::set_output(&mut failure, &text, bytes_max);
        failure
    }
}

/// Names the suite of a file, as the JUnit formatter does: `./spec/cart_spec.rb` is `spec.cart_spec`.
fn suite(file: &str) -> String {
    let file = file.strip_prefix("./").unwrap_or(file);
    file.strip_suffix(".rb").unwrap_or(file).replace('/', ".")
}

/// Makes a failure of a message that tells of an error outside of all examples; others are none.
fn outside(message: &str, bytes_max: usize) -> Option<Failure> {
    let message = message.trim_matches('\n');
    let headline = message.lines().next()?;
    let found = OUTSIDE.captures(headline)?;
    let place = PLACE.captures(message);
    let named = found.name("file").or_else(|| place.as_ref()?.name("file"));
    let mut failure = Failure::bare(TestId::of_suite(suite(named.map(|file| file.as_str()).unwrap_or_default())));
    failure.location = place.as_ref().and_then(trace::location);
    detail::fill(&mut failure, &[message]);
    message.split("\n# ").next().unwrap_or_default().trim_end().clone_into(&mut failure.message);
    detail::set_output(&mut failure, message, bytes_max);
    Some(failure)
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    fn read(text: &str) -> Reading {
        read_as("rspec-json", text.as_bytes(), &Hints::default()).unwrap()
    }

    const EXAMPLES: &str = r#"{"version":"3.12","messages":["Run options: include {:focus=>true}"],"examples":[{"id":"./spec/a_spec.rb[1:1]","full_description":"A adds","status":"passed","file_path":"./spec/a_spec.rb"},{"id":"./spec/a_spec.rb[1:2]","full_description":"A sums","status":"failed","file_path":"./spec/a_spec.rb","line_number":7,"exception":{"class":"RuntimeError","message":"no","backtrace":null}}],"summary":{"example_count":2,"errors_outside_of_examples_count":0},"summary_line":"2 examples"}"#;

    #[test]
    fn ids_are_those_of_the_junit_formatter() {
        let reading = read(&format!("Run options\n.F{EXAMPLES}\n"));
        let failure = &reading.report.failures[0];
        assert_eq!(failure.id, TestId::new("spec.a_spec", "A sums"));
        assert_eq!(failure.location.as_ref().unwrap().to_string(), "spec/a_spec.rb:7");
        assert_eq!(failure.properties, [("id".to_owned(), "./spec/a_spec.rb[1:2]".to_owned())]);
        assert_eq!((reading.report.counts.tests, reading.complaints.len()), (2, 0));
    }

    #[test]
    fn errors_outside_of_examples_are_not_lost() {
        let text = EXAMPLES.replace("\"errors_outside_of_examples_count\":0", "\"errors_outside_of_examples_count\":1");
        assert_eq!(read(&text).report.failures[1].id, TestId::new("", "[suite]"));
        let message = r"\nAn error occurred while loading ./spec/b_spec.rb.\nFailure/Error: x\n\nNameError:\n  uninitialized constant X\n# ./spec/b_spec.rb:3:in `<top (required)>'\n";
        let reading = read(&text.replace("Run options: include {:focus=>true}", message));
        let failure = &reading.report.failures[0];
        assert_eq!((failure.id.suite.as_str(), failure.kind.as_str()), ("spec.b_spec", "NameError"));
        assert_eq!(failure.location.as_ref().unwrap().to_string(), "spec/b_spec.rb:3");
        assert_eq!(reading.report.counts.errored, 1);
    }

    #[test]
    fn what_is_cut_is_no_pass() {
        let cut = &EXAMPLES[..EXAMPLES.find(r#","file_path""#).unwrap()];
        let reading = read(cut);
        assert_eq!(reading.report.counts.tests, 0);
        let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
        assert_eq!(reasons, ["an example is not told of to its end; it is left out", "the document is cut short"]);
        let reading = read(&EXAMPLES.replace("\"passed\"", "\"strange\""));
        assert_eq!(
            reading.complaints[0].reason,
            "an example has no status that is known, but \"strange\"; it is left out"
        );
    }
}
