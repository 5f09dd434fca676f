//! What a block's lines come to, once it is closed or is known to be cut short.
//!
//! The closing lines are the authority: the tests they list failed, and as many passed as they count. Names of passed
//! tests are believed when there are just as many as that, or fewer; where there are more, some test printed status lines
//! of its own, and which ones cannot be told. A status line that says a test failed is not given up for that.

use std::collections::{HashMap, HashSet};

use crate::ingest::cargo_text::block::{Block, Failed};
use crate::ingest::cargo_text::closing::Closing;
use crate::ingest::cargo_text::sections::Captured;
use crate::ingest::detail;
use crate::ingest::recorder::Recorder;
use crate::ingest::unsettled::Unsettled;
use crate::model::{Failure, IdHash, Outcome, TestId};

/// The results of one block, or of what stands between blocks.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) failures: Vec<(Outcome, Failure)>,
    passed: Unsettled,
    skipped: Unsettled,
    /// How many passed and were skipped, where closing lines say so.
    n_passed: Option<u64>,
    n_skipped: Option<u64>,
    complaint: Option<(u64, String)>,
    /// Whether tests that were announced are missing.
    pub(super) is_cut: bool,
}

impl Results {
    /// Makes the result of what is no test.
    pub(super) fn of_failure(outcome: Outcome, failure: Failure) -> Self {
        Self { failures: vec![(outcome, failure)], ..Self::default() }
    }

    /// Reports everything.
    pub(super) fn tell(self, to: &mut Recorder) {
        for (outcome, failure) in self.failures {
            to.fail(outcome, failure);
        }
        let (n_passed, n_skipped) =
            (self.n_passed.unwrap_or(self.passed.len()), self.n_skipped.unwrap_or(self.skipped.len()));
        self.passed.tally_counted(Outcome::Passed, n_passed, to);
        self.skipped.tally_counted(Outcome::Skipped, n_skipped, to);
        if let Some((offset, reason)) = self.complaint {
            to.complain(offset, reason);
        }
    }
}

/// Settles a block: by its closing lines, or without any, when it is cut short.
pub(super) fn settle(mut block: Block, closing: Option<Closing>, output_bytes_max: usize) -> Results {
    if closing.is_none() {
        block.sections.cut();
    }
    let closing = closing.or_else(|| block.probable.take());
    let complaint = closing.is_none().then(|| complaint(&block)).flatten();
    let is_cut = complaint.is_some() && !block.is_complete();
    let mut failed = std::mem::take(&mut block.failed);
    if let Some(closing) = &closing {
        failed = listed(failed, closing, &mut block);
    }
    let reds: HashSet<IdHash> = failed.iter().map(|failed| TestId::hash_parts(&block.suite, &failed.name)).collect();
    let mut results = Results { complaint, is_cut, ..Results::default() };
    match &closing {
        Some(closing) => results.settle_others(&mut block, closing, &reds),
        None => results.believe_others(&mut block, &reds),
    }
    let names: HashSet<_> = failed.iter().map(|failed| failed.name.clone()).collect();
    let mut captured = block.sections.settle(|name| names.contains(name));
    let failures = failed.into_iter().map(|failed| failure(&block.suite, failed, &mut captured, output_bytes_max));
    results.failures = failures.map(|failure| (Outcome::Failed, failure)).collect();
    results
}

/// Says that a block whose header was there has no end.
fn complaint(block: &Block) -> Option<(u64, String)> {
    let n_announced = block.n_announced?;
    let of = if block.suite.is_empty() { String::new() } else { format!(" of {}", block.suite) };
    let n_ended = block.n_ended();
    let reason =
        format!("the results{of} are cut short: {n_announced} tests announced, {n_ended} reported, no closing line");
    Some((block.offset, reason))
}

/// Returns the tests that the closing lines list, with what the status lines know of them. One that is not listed for all
/// its status line is none only if that was not its own, or it has another that says it passed.
fn listed(failed: Vec<Failed>, closing: &Closing, block: &mut Block) -> Vec<Failed> {
    let mut listed: HashSet<_> = closing.names.iter().map(String::as_str).collect();
    let hash = |failed: &Failed| TestId::hash_parts(&block.suite, &failed.name);
    let unlisted: HashSet<_> =
        failed.iter().filter(|failed| !listed.contains(failed.name.as_str())).map(hash).collect();
    let refuted = block.passed.contained(&unlisted);
    let is_one =
        |failed: &Failed| listed.remove(failed.name.as_str()) || !failed.is_doubted && !refuted.contains(&hash(failed));
    let mut failed: Vec<_> = failed.into_iter().filter(is_one).collect();
    for name in closing.names.iter().filter(|name| listed.contains(name.as_str())) {
        let (name, line) = (name.clone(), (block.offset, block.offset));
        let uncaptured = block.uncaptured.take(&name);
        failed.push(Failed { name, ending: None, line, is_doubted: false, uncaptured });
    }
    failed
}

impl Results {
    /// Takes as many passed and skipped tests as the closing lines count.
    fn settle_others(&mut self, block: &mut Block, closing: &Closing, reds: &HashSet<IdHash>) {
        let mut passed = std::mem::take(&mut block.passed);
        let mut doubted = std::mem::take(&mut block.doubted);
        let mut skipped = std::mem::take(&mut block.skipped);
        for results in [&mut passed, &mut doubted, &mut skipped] {
            results.remove(reds);
        }
        if passed.len() != closing.passed || skipped.len() != closing.ignored {
            for results in [&mut passed, &mut doubted, &mut skipped] {
                results.dedup();
            }
        }
        let listed: HashSet<_> = closing.names.iter().collect();
        let begun: Vec<_> = block.begun.drain(..).filter(|name| !listed.contains(name)).collect();
        if passed.len() != closing.passed && passed.len() + doubted.len() <= closing.passed {
            passed.append(doubted);
            if passed.len() + begun.len() as u64 == closing.passed {
                for name in begun {
                    passed.push(&block.suite, &name, None);
                }
            }
        }
        (self.passed, self.n_passed) = (passed, Some(closing.passed));
        (self.skipped, self.n_skipped) = (skipped, Some(closing.ignored));
    }

    /// Takes the passed and skipped tests of a block without closing lines, unless there are more than were announced.
    fn believe_others(&mut self, block: &mut Block, reds: &HashSet<IdHash>) {
        let mut passed = std::mem::take(&mut block.passed);
        let mut skipped = std::mem::take(&mut block.skipped);
        for results in [&mut passed, &mut skipped] {
            results.dedup();
            results.remove(reds);
        }
        let n_ended = passed.len() + skipped.len() + reds.len() as u64;
        if block.n_announced.is_some_and(|n_announced| n_ended <= n_announced) {
            (self.passed, self.skipped) = (passed, skipped);
        }
    }
}

fn failure(suite: &str, failed: Failed, captured: &mut HashMap<String, Captured>, output_bytes_max: usize) -> Failure {
    let mut failure = Failure::bare(TestId::new(suite, failed.name.as_str()));
    failure.duration = failed.ending.and_then(|ending| ending.duration);
    if failed.ending.is_some_and(|ending| ending.is_overtime) {
        detail::TIMEOUT.clone_into(&mut failure.kind);
    }
    let captured = captured.remove(&failed.name);
    let (mut text, lines) = captured.map_or((String::new(), failed.line), |found| (found.text, found.lines));
    if let Some(uncaptured) = failed.uncaptured.filter(|_| !text.contains("panicked at ")) {
        text = format!("{}{text}", uncaptured.into_text());
    }
    failure.source = Some(lines).filter(|(start, end)| start < end);
    detail::fill(&mut failure, &[&text]);
    detail::set_output(&mut failure, &text, output_bytes_max);
    failure
}

#[cfg(test)]
mod tests {
    use crate::ingest::capture::Allowance;
    use crate::ingest::cargo_text::block::Heard;
    use crate::ingest::source::Line;
    use crate::ingest::{Hints, Reading};

    use super::*;

    /// Reads the lines of one block, from its header on, as far as it goes.
    fn read(text: &str) -> (Reading, bool) {
        let (hints, n_announced) = (Hints::default(), text["running ".len()..].split(' ').next().unwrap().parse().ok());
        let mut block = Block::new("s", n_announced, 0, &Allowance::new(&hints), false);
        let mut closing = None;
        for text in text.lines().skip(1) {
            if let Heard::Closing(found) = block.line(&Line { text, offset: 1 }, false, false) {
                closing = Some(found);
                break;
            }
        }
        let mut to = Recorder::new(&hints, None);
        let is_closed = closing.is_some();
        settle(block, closing, hints.output_bytes_max).tell(&mut to);
        (to.into_reading(Vec::new()), is_closed)
    }

    /// Checks outcomes as `a` passed, `!a` failed, `-a` skipped, `?a` not reported, and the number of all tests.
    #[track_caller]
    fn check(text: &str, wanted: &[&str], n_tests: u64) -> Reading {
        let (reading, _) = read(text);
        for wanted in wanted {
            let (name, outcome) = match wanted.split_at(1) {
                ("!", name) => (name, Some(Outcome::Failed)),
                ("-", name) => (name, Some(Outcome::Skipped)),
                ("?", name) => (name, None),
                _ => (*wanted, Some(Outcome::Passed)),
            };
            assert_eq!(reading.report.outcome(&TestId::new("s", name)), outcome, "{name}");
        }
        assert_eq!(reading.report.counts.tests, n_tests);
        reading
    }

    #[test]
    fn a_result_line_that_a_test_prints_closes_nothing() {
        let text = "running 2 tests\ntest a ... FAILED\ntest b ... ok\n\nfailures:\n\n---- a stdout ----\ntest fake ... ok\n\nfailures:\n    \
            fake\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n\n---- b stdout ----\nrunning 9 tests\n\
            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\nfailures:\n    a\n\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let reading = check(text, &["!a", "b", "?fake"], 2);
        let output = &reading.report.failures[0].output;
        assert!(
            output.starts_with("test fake ... ok\n\nfailures:\n    fake\n\ntest result: FAILED. 1 passed"),
            "{output}"
        );
        assert!(
            output.ends_with("test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"),
            "{output}"
        );
    }

    #[test]
    fn quiet_output_names_what_failed_and_counts_the_rest() {
        let text = "running 4 tests\na --- FAILED\nii 3/4\n.\nfailures:\n\n---- a stdout ----\ntest b ... ok\n\nfailures:\n    a\n\n\
            test result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert!(read(text).1);
        let counts = check(text, &["!a", "?b"], 4).report.counts;
        assert_eq!((counts.passed, counts.skipped), (1, 2));
    }

    #[test]
    fn output_between_a_name_and_its_status_is_read_past() {
        let text = "running 3 tests\ntest a ... hello\nok\ntest b ... thread 'b' panicked at a.rs:1:2:\nx\nFAILED\ntest c ... gluedok\n\n\
            failures:\n\nfailures:\n    b\n\n\
            test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let reading = check(text, &["a", "!b", "c"], 3);
        assert_eq!(reading.report.failures[0].message, "x");
    }

    const ONE_PASSED: &str = "\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";

    #[test]
    fn more_passed_tests_than_are_counted_are_believed_by_number_alone() {
        let compiled = "test tests/ui/a.rs ... ok\ntest tests/ui/b.rs ... ok\n";
        check(&format!("running 1 test\n{compiled}test ui ... ok\n{ONE_PASSED}"), &["?ui", "?tests/ui/a.rs"], 1);
        check(&format!("running 1 test\ntest ui ... \n{compiled}ok\n{ONE_PASSED}"), &["ui", "?tests/ui/a.rs"], 1);
    }

    #[test]
    fn a_printed_pass_does_not_hide_a_failure() {
        let text = "running 2 tests\ntest b ... ok\ntest a ... ok\ntest b ... FAILED\n\nfailures:\n\nfailures:\n    b\n\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        check(text, &["a", "!b"], 2);
        check("running 2 tests\ntest a ... ok\ntest a ... ok\ntest b ... FAILED\n", &["a", "!b"], 2);
    }

    #[test]
    fn a_printed_failure_is_none_once_the_list_says_so() {
        let text = "running 2 tests\ntest b ... FAILED\ntest a ... ok\ntest b ... ok\n\
            \ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        check(text, &["a", "b"], 2);
    }

    #[test]
    fn a_failure_is_not_lost_to_the_closing_lines_of_another_block() {
        let text = "running 3 tests\ntest a ... ok\ntest b ... FAILED\ntest c ... ok\ntest d ... ok\ntest e ... ok\ntest f ... ok\n\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        check(text, &["!b", "?a", "?f"], 4);
    }

    #[test]
    fn a_cut_block_has_what_was_reported_until_then() {
        let (reading, is_closed) = read("running 3 tests\ntest a ... ok\ntest b ... FAILED\ntest c");
        assert!(!is_closed);
        assert_eq!((reading.report.counts.passed, reading.report.counts.failed), (1, 1));
        assert!(reading.complaints[0].reason.contains("of s are cut short: 3 tests announced, 2 reported"));
        check("running 1 test\ntest a ... ok\ntest b ... ok\n", &["?a", "?b"], 0);
    }

    #[test]
    fn a_failed_test_is_found_in_the_list_when_its_status_line_is_not_readable() {
        let text = "running 2 tests\nprinted test b ... FAILED\ntest a ... ok\n\nfailures:\n\n---- b stdout ----\nboom\n\nfailures:\n    b\n\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let reading = check(text, &["a", "!b"], 2);
        assert!(reading.report.failures[0].output.starts_with("boom"));
        assert_eq!(reading.complaints, []);
    }
}
