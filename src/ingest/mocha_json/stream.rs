//! What mocha's `json-stream` reporter writes: an event a line, `["pass",{…}]` or `["fail",{…}]`, among what tests print.

use memchr::memmem;

use crate::ingest::json::{Json, Part};
use crate::ingest::mocha_json::test::Test;
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader};
use crate::model::Outcome;

/// Mocha's stream of events.
pub(in crate::ingest) struct MochaJsonStream;

/// How events begin.
const EVENTS: &[&str] =
    &["[\"start\",{\"total\":", "[\"pass\",{\"title\":", "[\"fail\",{\"title\":", "[\"end\",{\"suites\":"];

impl Format for MochaJsonStream {
    fn name(&self) -> &'static str {
        "mocha-json-stream"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let stands = |event: &&str| {
            let mut found = memmem::find_iter(text.as_bytes(), event.as_bytes());
            found.any(|at| at == 0 || text.as_bytes()[at - 1] == b'\n')
        };
        EVENTS.iter().any(stands).then_some(Likeness::Certain).ok_or("there is no event like `[\"pass\",{…}]`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Stream::new(hints)))
    }
}

struct Stream {
    hints: Hints,
    n_passed: u64,
    n_failed: u64,
    has_begun: bool,
    end: u64,
}

impl Lines for Stream {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        let Some(at) = event(line.text) else { return Owner::Other };
        let offset = line.offset + at as u64;
        self.end = line.offset + line.text.len() as u64;
        let mut json = Json::new(Part { text: &line.text[at..], offset });
        let mut kind = String::new();
        let mut has_kind = false;
        json.array(|json| {
            if std::mem::replace(&mut has_kind, true) {
                self.event(json, &kind, (offset, self.end), to);
            } else {
                _ = json.string_into(&mut kind, 8);
            }
        });
        for damage in json.take_damages() {
            to.complain(damage.offset, damage.reason);
        }
        Owner::This
    }

    fn end(&mut self, to: &mut Recorder) {
        if self.has_begun {
            to.complain(self.end, "the stream has no end; tests that are not listed are unknown");
        }
    }
}

/// Returns where in a line an event begins: after what a test printed without ending its line.
fn event(line: &str) -> Option<usize> {
    let at = memmem::find(line.as_bytes(), b"[\"")?;
    let found = |event: &&str| memmem::find(&line.as_bytes()[at..], event.as_bytes());
    EVENTS.iter().filter_map(found).min().map(|after| at + after)
}

impl Stream {
    fn new(hints: &Hints) -> Self {
        Self { hints: hints.clone(), n_passed: 0, n_failed: 0, has_begun: false, end: 0 }
    }

    fn event(&mut self, json: &mut Json<Part<'_>>, kind: &str, source: (u64, u64), to: &mut Recorder) {
        match kind {
            "start" => self.has_begun = true,
            "pass" | "fail" => {
                let test = Test::read(json, self.hints.output_bytes_max);
                if !test.is_named() || (kind == "pass" && json.is_broken()) {
                    return to.complain(source.0, "a test is not told of to its end; it is left out");
                }
                self.has_begun = true;
                self.test(test, kind == "fail", source, to);
            }
            "end" => self.conclude(json, source.0, to),
            _ => {}
        }
    }

    fn test(&mut self, test: Test, is_red: bool, source: (u64, u64), to: &mut Recorder) {
        if is_red {
            self.n_failed += 1;
            return to.fail(Outcome::Failed, test.failure(&self.hints, source));
        }
        self.n_passed += 1;
        let (suite, name) = test.id();
        match test.flaky() {
            Some(flaky) => to.pass_flaky(flaky),
            None => to.tally_timed(suite, name, Outcome::Passed, test.duration()),
        }
    }

    /// Takes the numbers at the end: tests that are pending have no events of their own.
    fn conclude(&mut self, json: &mut Json<Part<'_>>, offset: u64, to: &mut Recorder) {
        let (mut n_passed, mut n_failed) = (None, None);
        json.object(|json, key| match key {
            "passes" => n_passed = json.count(),
            "failures" => n_failed = json.count(),
            "pending" => to.count_unnamed(Outcome::Skipped, json.count().unwrap_or(0)),
            _ => {}
        });
        for (declared, listed, outcome) in [(n_passed, self.n_passed, "passed"), (n_failed, self.n_failed, "failed")] {
            if let Some(declared) = declared.filter(|declared| *declared != listed) {
                to.complain(offset, format!("the end counts {declared} tests that {outcome}, and {listed} are listed"));
            }
        }
        (self.has_begun, self.n_passed, self.n_failed) = (false, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::{Reading, read_as};

    use super::*;

    fn read(text: &str) -> Reading {
        read_as("mocha-json-stream", text.as_bytes(), &Hints::default()).unwrap()
    }

    #[test]
    fn events_are_read_wherever_they_stand_in_a_line() {
        let reading = read(
            "[\"start\",{\"total\":3}]\nno end of line[\"fail\",{\"title\":\"pays \\ud83d\",\"fullTitle\":\"cart pays \\ud83d\",\"err\":\"boom\",\"stack\":\"TypeError: boom\\n  at f (a.js:1:2)\"}]\n\
            [\"pass\",{\"title\":\"adds\",\"fullTitle\":\"cart adds\",\"currentRetry\":2}]\n[\"end\",{\"suites\":1,\"passes\":1,\"pending\":1,\"failures\":2}]\n",
        );
        let n = reading.report.counts;
        assert_eq!((n.tests, n.failed, n.passed, n.skipped), (3, 1, 1, 1));
        let failure = &reading.report.failures[0];
        assert_eq!((failure.id.to_string().as_str(), failure.kind.as_str()), ("cart pays \u{fffd}", "TypeError"));
        assert_eq!((reading.report.flaky[0].id.name.as_str(), reading.report.flaky[0].attempts.len()), ("adds", 2));
        assert_eq!(reading.complaints.len(), 1);
        assert_eq!(reading.complaints[0].reason, "the end counts 2 tests that failed, and 1 are listed");
    }

    #[test]
    fn a_stream_that_is_cut_says_so() {
        let reading = read(
            "[\"start\",{\"total\":3}]\n[\"pass\",{\"title\":\"adds\",\"fullTitle\":\"adds\"}]\n[\"fail\",{\"title\":\"sums\",\"fu",
        );
        let reasons: Vec<_> = reading.complaints.iter().map(|complaint| complaint.reason.as_str()).collect();
        assert_eq!(
            reasons,
            ["the document is cut short", "the stream has no end; tests that are not listed are unknown"]
        );
        assert_eq!((reading.report.counts.passed, reading.report.counts.failed), (1, 1));
    }
}
