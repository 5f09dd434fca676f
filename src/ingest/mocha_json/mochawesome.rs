//! What the reporter `mochawesome` writes, which Cypress is often run with: one document of nested suites, with the hooks.

use memchr::memmem;

use crate::ingest::json::{Json, Text};
use crate::ingest::mocha_json::test::Test;
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Source;
use crate::ingest::{Document, Format, Hints, Likeness, Reader};
use crate::model::Outcome;

/// Mochawesome's JSON.
pub(in crate::ingest) struct Mochawesome;

/// Suites inside one another that are read: deeper ones are left out, with a complaint.
const DEPTH_MAX: usize = 200;

impl Format for Mochawesome {
    fn name(&self) -> &'static str {
        "mochawesome"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let holds = |word: &str| memmem::find(text.as_bytes(), word.as_bytes()).is_some();
        if !["\"results\"", "\"beforeHooks\"", "\"fullTitle\""].into_iter().all(holds) {
            return Err("there is no document with `\"results\"` and `\"beforeHooks\"`");
        }
        Ok(if text.trim_start().starts_with('{') { Likeness::Certain } else { Likeness::Likely })
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
        let mut is_known = false;
        while json.document(|json, key| {
            if key == "results" {
                is_known = true;
                json.elements(|json| self.suite(json, 1, to));
            }
        }) {
            let damages = json.take_damages();
            for damage in damages.into_iter().filter(|_| is_known) {
                to.complain(damage.offset, damage.reason);
            }
        }
    }
}

impl Suites {
    fn suite<T: Text>(&self, json: &mut Json<T>, depth: usize, to: &mut Recorder) {
        if depth > DEPTH_MAX {
            to.complain(json.offset(), "suites are nested too deep; what is inside of this one is left out");
            return json.skip();
        }
        json.object(|json, key| match key {
            "tests" => json.elements(|json| self.test(json, false, to)),
            "beforeHooks" | "afterHooks" => json.elements(|json| self.test(json, true, to)),
            "suites" => json.elements(|json| self.suite(json, depth + 1, to)),
            _ => {}
        });
    }

    fn test<T: Text>(&self, json: &mut Json<T>, is_hook: bool, to: &mut Recorder) {
        let start = json.offset();
        let test = Test::read(json, self.hints.output_bytes_max);
        let (suite, name) = test.id();
        let is_red = test.state == "failed" || test.has_error;
        match test.state.as_str() {
            _ if !test.is_named() || (json.is_broken() && !is_red) => {
                to.complain(start, "a test is not told of to its end; it is left out");
            }
            _ if is_red => to.fail(Outcome::Failed, test.failure(&self.hints, (start, json.offset()))),
            _ if is_hook => {}
            "passed" => to.tally_timed(suite, name, Outcome::Passed, test.duration()),
            // Tests after a hook that failed have no state.
            "pending" | "skipped" | "" => to.tally_timed(suite, name, Outcome::Skipped, test.duration()),
            state => to.complain(start, format!("a test has no state that is known, but {state:?}; it is left out")),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::read_as;

    use super::*;

    #[test]
    fn suites_nested_without_end_are_no_reason_to_fail() {
        let open = "{\"tests\":[{\"title\":\"a\",\"fullTitle\":\"s a\",\"state\":\"failed\",\"err\":{}}],\"suites\":[";
        let text = format!("{{\"results\":[{}", open.repeat(100_000));
        let reading = read_as("mochawesome", text.as_bytes(), &Hints::default()).unwrap();
        assert_eq!(reading.report.counts.failed, DEPTH_MAX as u64);
        assert_eq!(reading.complaints[0].reason, "suites are nested too deep; what is inside of this one is left out");
    }

    #[test]
    fn hooks_count_only_when_they_fail() {
        let text = r#"{"stats":{},"results":[{"beforeHooks":[{"title":"h","fullTitle":"h","state":"passed"}],"afterHooks":
            [{"title":"k","fullTitle":"s k","state":"failed","err":{"message":"Error: no"}}],"tests":[{"title":"a","fullTitle":"s a","state":null}]}]}"#;
        let reading = read_as("mochawesome", text.as_bytes(), &Hints::default()).unwrap();
        let n = reading.report.counts;
        assert_eq!((n.tests, n.failed, n.skipped, reading.report.failures[0].message.as_str()), (2, 1, 1, "no"));
    }
}
