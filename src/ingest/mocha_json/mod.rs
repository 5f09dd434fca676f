//! What mocha's `json` reporter writes: one document with lists of all tests, and of those that are pending, failed and
//! passed.
//!
//! Only the last three tell how a test ended, so the first is read for what a document that is cut does not reach: a test
//! with an error failed. The suite is made of the titles around a test, as in mocha's own JUnit report (`xunit`).

mod mochawesome;
mod stream;
mod test;

use std::collections::HashMap;

use memchr::memmem;

use crate::ingest::json::{Json, Text};
pub(super) use crate::ingest::mocha_json::mochawesome::Mochawesome;
pub(super) use crate::ingest::mocha_json::stream::MochaJsonStream;
use crate::ingest::mocha_json::test::Test;
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Source;
use crate::ingest::{Document, Format, Hints, Likeness, Reader};
use crate::model::{Failure, Outcome, TestId};

/// Mocha's JSON document.
pub(super) struct MochaJson;

impl Format for MochaJson {
    fn name(&self) -> &'static str {
        "mocha-json"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let holds = |word: &str| memmem::find(text.as_bytes(), word.as_bytes()).is_some();
        let words = ["\"stats\"", "\"passes\"", "\"tests\"", "\"fullTitle\""];
        if !words.into_iter().all(holds) || holds("\"beforeHooks\"") {
            return Err("there is no document with `\"stats\"`, `\"tests\"` and `\"passes\"`");
        }
        Ok(if text.trim_start().starts_with('{') { Likeness::Certain } else { Likeness::Likely })
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Document(Box::new(Lists { hints: hints.clone() }))
    }
}

struct Lists {
    hints: Hints,
}

impl Document for Lists {
    fn read(self: Box<Self>, source: &mut Source<'_>, to: &mut Recorder) {
        let mut json = Json::new(source);
        let mut walk = Walk { hints: &self.hints, to, run: Run::default() };
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
    /// What failed by the list of all tests, until it is known that it stands in the list of failures as well.
    held: Vec<Failure>,
    /// What failed by the list of failures, and how often.
    listed: HashMap<u64, usize>,
    /// Tests without an error, by the list of all tests and by the others.
    n_green: u64,
    n_green_listed: u64,
}

struct Walk<'r> {
    hints: &'r Hints,
    to: &'r mut Recorder,
    run: Run,
}

impl Walk<'_> {
    fn member<T: Text>(&mut self, json: &mut Json<T>, key: &str) {
        match key {
            "tests" | "pending" | "failures" | "passes" => {
                self.run.is_known |= key == "tests";
                json.elements(|json| self.test(json, key));
            }
            _ => {}
        }
    }

    /// Reads a test in one of the lists.
    fn test<T: Text>(&mut self, json: &mut Json<T>, list: &str) {
        let start = json.offset();
        let test = Test::read(json, self.hints.output_bytes_max);
        if !test.is_named() || (json.is_broken() && !test.has_error) {
            return self.to.complain(start, "a test is not told of to its end; it is left out");
        }
        let (suite, name) = test.id();
        let hash = TestId::hash_parts(suite, name);
        let is_red = test.has_error || list == "failures";
        match list {
            "tests" => self.run.n_green += u64::from(!is_red),
            _ => self.run.n_green_listed += u64::from(!is_red),
        }
        match list {
            "tests" if is_red => {
                let failure = test.failure(self.hints, (start, json.offset()));
                self.run.held.push(failure);
            }
            "tests" => {}
            // A test may fail after it passed, such as when it calls back twice: then it is in both lists.
            "passes" | "pending" if is_red && self.run.listed.contains_key(&hash) => {}
            _ if is_red => {
                *self.run.listed.entry(hash).or_default() += 1;
                let failure = test.failure(self.hints, (start, json.offset()));
                self.to.fail(Outcome::Failed, failure);
            }
            "pending" => self.to.tally_timed(suite, name, Outcome::Skipped, test.duration()),
            _ => match test.flaky() {
                Some(flaky) => self.to.pass_flaky(flaky),
                None => self.to.tally_timed(suite, name, Outcome::Passed, test.duration()),
            },
        }
    }

    /// Ends a document: what failed by the list of all tests, and is in no other for the document is cut, did fail.
    fn end<T: Text>(&mut self, json: &mut Json<T>) {
        let mut run = std::mem::take(&mut self.run);
        let damages = json.take_damages();
        if !run.is_known {
            return;
        }
        for damage in damages {
            self.to.complain(damage.offset, damage.reason);
        }
        for failure in run.held {
            match run.listed.get_mut(&failure.id.hash64()) {
                Some(n) if *n > 0 => *n -= 1,
                _ => self.to.fail(Outcome::Failed, failure),
            }
        }
        if run.n_green_listed < run.n_green {
            let n = run.n_green - run.n_green_listed;
            self.to.complain(json.offset(), format!("how {n} tests ended is not told; they are left out"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::ingest::read_as;

    use super::*;

    fn test(title: &str, error: &Value) -> Value {
        json!({"title": title, "fullTitle": format!("cart {title}"), "err": error})
    }

    fn document() -> String {
        let (passed, failed, pending) =
            (test("adds", &json!({})), test("sums", &json!({"message": "no"})), test("waits", &json!({})));
        let hook = test("\"before all\" hook", &json!({"message": "no"}));
        // Mocha's own order, which tells the lists apart.
        format!(
            "{{\"stats\":{{}},\"tests\":{},\"pending\":{},\"failures\":{},\"passes\":{}}}",
            json!([passed, failed, pending]),
            json!([pending]),
            json!([failed, hook]),
            json!([passed]),
        )
    }

    fn check(text: &str, ids: &[&str], counts: (u64, u64), complaints: &[&str]) {
        let reading = read_as("mocha-json", text.as_bytes(), &Hints::default()).unwrap();
        let found: Vec<_> = reading.report.failures.iter().map(|failure| failure.id.to_string()).collect();
        let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
        let n = reading.report.counts;
        assert_eq!((found, (n.passed, n.skipped)), (ids.iter().map(ToString::to_string).collect(), counts), "{text}");
        assert_eq!(reasons, complaints, "{text}");
    }

    #[test]
    fn each_test_counts_once_though_it_stands_in_two_lists() {
        check(&document(), &["cart sums", "cart \"before all\" hook"], (1, 1), &[]);
    }

    #[test]
    fn of_a_document_that_is_cut_the_failures_are_known() {
        let text = document();
        let in_failures = &text[..text.find("\"err\":{\"message\":\"no\"},\"fullTitle\":\"cart \\\"").unwrap()];
        let unknown = "how 1 tests ended is not told; they are left out";
        let left_out = "a test is not told of to its end; it is left out";
        let cut = "the document is cut short";
        check(in_failures, &["cart sums"], (0, 1), &[left_out, cut, unknown]);
        let in_tests = &text[..text.find(",\"pending\"").unwrap()];
        check(in_tests, &["cart sums"], (0, 0), &[cut, "how 2 tests ended is not told; they are left out"]);
    }

    #[test]
    fn a_failure_that_damage_moves_to_another_list_stays_one() {
        let text = document().replace("],\"failures\":[", ",");
        check(&text, &["cart sums", "cart \"before all\" hook"], (1, 1), &[]);
    }

    #[test]
    fn a_test_that_failed_after_it_passed_failed() {
        let twice = test("adds", &json!({"message": "done() called multiple times"}));
        let lists = json!({"failures": [twice], "passes": [twice], "stats": {}, "tests": [twice]});
        check(&lists.to_string(), &["cart adds"], (0, 0), &[]);
    }
}
