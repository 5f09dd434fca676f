//! What a session printed → its results.
//!
//! The summary names what failed, the closing line counts it, the reports tell of it under headers. Where they disagree,
//! an entry without a report, or a report without an entry, is taken for output; what is counted and named nowhere is a
//! failure without a name.

use std::collections::{HashMap, HashSet};

use crate::ingest::pytest::block::{Part, Text, Texts};
use crate::ingest::pytest::line::{self, Tally, Word};
use crate::ingest::pytest::session::{LastWords, Listed, Phase, Session};
use crate::ingest::pytest::{failure, progress::Progress};
use crate::ingest::recorder::Recorder;
use crate::ingest::{ABORTED, Hints, UNNAMED, detail, traceback};
use crate::model::{FailedAttempt, Failure, FlakyPass, Outcome, TestId};

/// Failures without a name that are reported one by one.
const UNNAMED_MAX: usize = 1000;

/// Attempts of one test that are reported one by one.
const ATTEMPTS_MAX: usize = 100;

/// A red result, and what tells of it.
#[derive(Debug)]
struct Red {
    id: TestId,
    outcome: Outcome,
    /// The node id, or nothing for one without a name.
    node: String,
    /// What tells a subtest from its siblings.
    part: String,
    message: String,
    /// The number of its block.
    block: Option<usize>,
    range: Option<(u64, u64)>,
}

/// Makes results of a session that `closing` closes, or that nothing closes.
pub(super) fn settle(session: Session, closing: Option<Tally>, hints: &Hints, to: &mut Recorder) {
    let range = (session.start, session.end);
    let mut settling = Settling {
        blocks: session.blocks.into_texts(),
        progress: session.progress,
        closing,
        last_words: session.last_words,
        hints,
        range,
    };
    if session.phase == Phase::Conftest {
        return settling.conftest(to);
    }
    let (doubted, listed): (Vec<_>, Vec<_>) = session.entries.into_iter().partition(|entry| entry.is_doubted);
    let mut reds: Vec<_> = listed.iter().map(|entry| settling.red(entry)).collect();
    for outcome in [Outcome::Failed, Outcome::Errored] {
        settling.complete(&mut reds, outcome, &doubted, to);
    }
    settling.blocks.merge();
    let flaky = settling.flaky(&reds);
    settling.count_others(flaky.len() as u64, to);
    for flaky in flaky {
        to.pass_flaky(flaky);
    }
    for red in reds {
        let failure = settling.failure(&red);
        // The closing line counts it as failed, the JUnit report as an error.
        let is_crash = failure.message.starts_with("worker '") || failure.kind == traceback::FATAL;
        to.fail(if is_crash { Outcome::Errored } else { red.outcome }, failure);
    }
    settling.report_deaths(session.internal, to);
    if let Some(why) = session.stop {
        to.complain(range.1, format!("the session stopped early: {why}; how the tests after that end is unknown"));
    }
}

struct Settling<'h> {
    blocks: Texts,
    progress: Progress,
    closing: Option<Tally>,
    last_words: Vec<LastWords>,
    hints: &'h Hints,
    range: (u64, u64),
}

impl Settling<'_> {
    /// Reports a `conftest.py` that cannot be loaded: nothing was run at all.
    fn conftest(&mut self, to: &mut Recorder) {
        let mut failure = Failure::bare(TestId::build(""));
        failure.source = Some(self.range);
        if let Some(n) = self.blocks.take_all(Part::Errors, 1).first() {
            let text = self.blocks.get(*n);
            failure::fill(&mut failure, &text.body, "");
            detail::set_output(&mut failure, &text.body, self.hints.output_bytes_max);
        }
        to.fail(Outcome::Errored, failure);
    }

    /// Makes a red result of an entry of the summary, with its block.
    fn red(&mut self, entry: &Listed) -> Red {
        let outcome = outcome_of(entry);
        let mut found = None;
        for (node, message) in splits(&entry.text) {
            if let Some(block) = self.blocks.take(node, &entry.part, outcome) {
                found = Some((node, message, Some(block)));
                break;
            }
        }
        let (node, message, block) = found.unwrap_or_else(|| {
            let (node, message) = likely_split(&entry.text);
            (node, message, None)
        });
        let message = format!("{message}{}", entry.more);
        let (node, part) = (node.to_owned(), entry.part.clone());
        Red { id: line::id(&node), outcome, node, part, message, block, range: Some(entry.range) }
    }

    /// Brings the red results of one outcome to the number that was counted.
    fn complete(&mut self, reds: &mut Vec<Red>, outcome: Outcome, doubted: &[Listed], to: &mut Recorder) {
        let part = if outcome == Outcome::Failed { Part::Failures } else { Part::Errors };
        let n_counted = self.closing.map(|tally| usize::try_from(tally.of(outcome)).unwrap_or(usize::MAX));
        let n_of = |reds: &[Red]| reds.iter().filter(|red| red.outcome == outcome).count();
        self.add_by_status(reds, outcome);
        self.pair_in_order(reds, outcome, part);
        if let Some(n_counted) = n_counted {
            drop_output(reds, outcome, n_counted);
        }
        let n_seen = usize::try_from(self.progress.n_seen(outcome)).unwrap_or(usize::MAX);
        if n_counted.is_none() && n_seen > 0 {
            drop_output(reds, outcome, n_seen);
        }
        let n_missing = |reds: &[Red]| n_counted.unwrap_or(usize::MAX).saturating_sub(n_of(reds));
        for block in self.blocks.take_likely(part, n_missing(reds)) {
            let red = self.red_of_block(block, outcome);
            reds.push(red);
        }
        if n_counted.is_some() {
            let of_outcome = doubted.iter().filter(|entry| outcome_of(entry) == outcome);
            let again: Vec<_> = of_outcome.take(n_missing(reds)).map(|entry| self.red(entry)).collect();
            reds.extend(again);
        }
        self.add_unnamed(reds, outcome, n_counted);
        let n = n_of(reds);
        if let Some(n_counted) = n_counted.filter(|n_counted| *n_counted != n) {
            let what = if outcome == Outcome::Failed { "failed tests" } else { "errors" };
            to.complain(self.range.1, format!("the closing line counts {n_counted} {what}, and {n} are found"));
        }
    }

    /// Pairs entries and blocks that are left over if there are as many: titles of plugins' own, or none at all.
    fn pair_in_order(&mut self, reds: &mut [Red], outcome: Outcome, part: Part) {
        let mut without: Vec<_> = reds.iter_mut().filter(|red| red.outcome == outcome && red.block.is_none()).collect();
        let blocks = self.blocks.take_all(part, without.len());
        without.iter_mut().zip(blocks).for_each(|(red, block)| red.block = Some(block));
    }

    /// Adds what status lines name and the summary does not.
    fn add_by_status(&mut self, reds: &mut Vec<Red>, outcome: Outcome) {
        let mut n_listed: HashMap<&str, usize> = HashMap::new();
        for red in reds.iter().filter(|red| red.outcome == outcome) {
            *n_listed.entry(&red.node).or_default() += 1;
        }
        let is_new = |(node, _): &&(String, Outcome)| match n_listed.get_mut(node.as_str()) {
            Some(n) if *n > 0 => {
                *n -= 1;
                false
            }
            _ => true,
        };
        let of_outcome = self.progress.red.iter().filter(|(_, of)| *of == outcome);
        let new: Vec<_> = of_outcome.filter(is_new).map(|(node, _)| node.clone()).collect();
        for node in new {
            let block = self.blocks.take(&node, "", outcome);
            let (id, part, message) = (line::id(&node), String::new(), String::new());
            reds.push(Red { id, outcome, node, part, message, block, range: None });
        }
    }

    /// Makes a red result of a block that only its title names: the file is that of its outermost place.
    fn red_of_block(&self, block: usize, outcome: Outcome) -> Red {
        let text = self.blocks.get(block);
        let title = text.title();
        let names = ["ERROR at setup of ", "ERROR at teardown of ", "[doctest] "]
            .iter()
            .find_map(|when| title.strip_prefix(when))
            .unwrap_or(title);
        let node = match title.strip_prefix("ERROR collecting ") {
            Some(node) => node.to_owned(),
            None => format!("{}::{names}", self.file_of(text)),
        };
        let id = match line::id(&node) {
            id if title.starts_with("ERROR collecting ") => id,
            id if names.is_empty() => TestId::new(id.suite, UNNAMED),
            id => {
                let n_classes = names.find('[').unwrap_or(names.len());
                match names[..n_classes].rsplit_once('.') {
                    Some((classes, _)) => TestId::new(format!("{}.{classes}", id.suite), &names[classes.len() + 1..]),
                    None => id,
                }
            }
        };
        Red { id, outcome, node, part: String::new(), message: String::new(), block: Some(block), range: None }
    }

    fn file_of(&self, text: &Text) -> String {
        let outermost = failure::outermost_file(&text.body).unwrap_or_default();
        let files = self.progress.red_files();
        let is_it = |file: &&String| outermost.ends_with(file.as_str());
        files.iter().find(is_it).cloned().unwrap_or(outermost)
    }

    /// Adds failures without a name for what is counted, or seen in the progress, and found nowhere else.
    fn add_unnamed(&self, reds: &mut Vec<Red>, outcome: Outcome, n_counted: Option<usize>) {
        let of_outcome = || reds.iter().filter(|red| red.outcome == outcome);
        let n_found = of_outcome().count();
        let n_seen = usize::try_from(self.progress.n_seen(outcome)).unwrap_or(usize::MAX);
        let n_missing = n_counted.unwrap_or(n_seen).saturating_sub(n_found).min(UNNAMED_MAX);
        if n_missing == 0 {
            return;
        }
        let file = |red: &Red| red.node.split("::").next().unwrap_or_default().to_owned();
        let named: Vec<_> = of_outcome().map(file).collect();
        let mut files = self.progress.files_of_unnamed(outcome, &named).into_iter();
        for _ in 0..n_missing {
            let suite = files.next().map(|file| line::id(&format!("{file}::")).suite).unwrap_or_default();
            let (node, part, message) = (String::new(), String::new(), String::new());
            reds.push(Red { id: TestId::new(suite, UNNAMED), outcome, node, part, message, block: None, range: None });
        }
    }

    /// Counts what passed and was skipped, as far as it was not recorded by name.
    fn count_others(&self, n_flaky: u64, to: &mut Recorder) {
        let Tally { passed, skipped, .. } = self.progress.named;
        for (outcome, what, n_named) in
            [(Outcome::Passed, "passed", passed + n_flaky), (Outcome::Skipped, "skipped", skipped)]
        {
            let n_counted = self.closing.map(|tally| tally.of(outcome));
            let n = n_counted.unwrap_or_else(|| self.progress.n_seen(outcome));
            to.count_unnamed(outcome, n.saturating_sub(n_named));
            if n_counted.is_some_and(|n_counted| n_counted < n_named) {
                to.complain(
                    self.range.1,
                    format!("the closing line counts {n} {what} tests, and {n_named} are listed"),
                );
            }
        }
        if self.closing.is_none() {
            to.complain(self.range.1, "the session has no closing line; it was cut short or its output is");
        }
    }

    /// Finds the tests that passed only when they were tried again.
    fn flaky(&self, reds: &[Red]) -> Vec<FlakyPass> {
        let red: HashSet<_> = reds.iter().map(|red| red.node.as_str()).collect();
        let has_passed = |node: &str| match self.progress.n_statuses {
            0 => self.closing.is_some() && !red.contains(node),
            _ => self.progress.recovered.contains(node),
        };
        let flaky = self.progress.reruns.iter().filter(|(node, _)| has_passed(node));
        let mut flaky: Vec<_> =
            flaky.map(|(node, n)| FlakyPass { id: line::id(node), attempts: attempts(*n) }).collect();
        flaky.sort_by(|a, b| a.id.cmp(&b.id));
        flaky
    }

    fn failure(&self, red: &Red) -> Failure {
        let mut failure = Failure::bare(red.id.clone());
        let bytes_max = self.hints.output_bytes_max;
        let text = red.block.map(|block| self.blocks.get(block));
        let body = text.map(|text| text.body.as_str()).unwrap_or_default();
        failure::fill(&mut failure, body, &red.message);
        let captured = text.map(|text| text.captured.as_str()).unwrap_or_default();
        let mut output = if body.is_empty() { red.message.clone() } else { format!("{body}{captured}") };
        let is_of_worker = |words: &&LastWords| {
            words.worker.as_ref().is_some_and(|worker| body.contains(&format!("worker '{worker}' crashed")))
        };
        if let Some(words) = self.last_words.iter().find(is_of_worker) {
            let told = words.text.clone().into_text();
            traceback::fill_fatal(&mut failure, &told);
            output.push_str(&told);
        }
        detail::set_output(&mut failure, &output, bytes_max);
        failure.attempts = self.progress.reruns.get(&red.node).map(|n| attempts(*n)).unwrap_or_default();
        if !red.part.is_empty() {
            failure.properties.push(("subtest".to_owned(), red.part.clone()));
        }
        failure.source = text.map(|text| text.range).or(red.range);
        failure
    }

    /// Reports what ended the session without being the failure of a test.
    fn report_deaths(&mut self, internal: Option<LastWords>, to: &mut Recorder) {
        let is_closed = self.closing.is_some();
        let of_session =
            std::mem::take(&mut self.last_words).into_iter().filter(|words| words.worker.is_none() && !is_closed);
        let begun = self.progress.begun.take().map(|node| line::id(&node));
        let suite = self.progress.file().map(|file| line::id(&format!("{file}::")).suite).unwrap_or_default();
        for words in of_session {
            let id = begun.clone().unwrap_or_else(|| TestId::new(suite.as_str(), ABORTED));
            to.fail(Outcome::Errored, self.death(id, words));
        }
        if let Some(words) = internal {
            // As the JUnit report has it.
            to.fail(Outcome::Errored, self.death(TestId::new("pytest", "internal"), words));
        }
    }

    fn death(&self, id: TestId, words: LastWords) -> Failure {
        let mut failure = Failure::bare(id);
        let text = words.text.into_text();
        let first = text.lines().next().unwrap_or_default();
        if first.contains("+ Timeout +") {
            detail::TIMEOUT.clone_into(&mut failure.kind);
            "the test timed out, and the process was ended".clone_into(&mut failure.message);
        }
        if first.starts_with(traceback::FATAL) {
            traceback::fill_fatal(&mut failure, &text);
        } else {
            detail::fill(&mut failure, &[&text]);
        }
        detail::set_output(&mut failure, &text, self.hints.output_bytes_max);
        failure.source = Some((words.start, words.end));
        failure
    }
}

fn outcome_of(entry: &Listed) -> Outcome {
    match entry.word {
        Word::Ended(outcome) => outcome,
        Word::Rerun | Word::SubFailed | Word::Sub => Outcome::Failed,
    }
}

/// Drops entries beyond the number that was counted which have no block: they were in the text of another's message.
fn drop_output(reds: &mut Vec<Red>, outcome: Outcome, n_counted: usize) {
    let of_outcome = || reds.iter().filter(|red| red.outcome == outcome);
    let mut n_over = of_outcome().count().saturating_sub(n_counted);
    let has_blocks = of_outcome().any(|red| red.block.is_some());
    reds.retain(|red| {
        let is_output = has_blocks && n_over > 0 && red.outcome == outcome && red.block.is_none();
        n_over -= usize::from(is_output);
        !is_output
    });
}

fn attempts(n: u32) -> Vec<FailedAttempt> {
    vec![FailedAttempt::default(); usize::try_from(n).unwrap_or(ATTEMPTS_MAX).min(ATTEMPTS_MAX)]
}

/// Returns the ways to take node id and message apart: parameters can hold what stands between them.
fn splits(text: &str) -> impl Iterator<Item = (&str, &str)> {
    const SPLITS_MAX: usize = 32;
    let at_dashes = text.match_indices(" - ").map(|(at, dash)| (&text[..at], &text[at + dash.len()..]));
    at_dashes.take(SPLITS_MAX).chain([(text.trim_end(), "")])
}

/// Takes node id and message apart where the brackets before are closed.
fn likely_split(text: &str) -> (&str, &str) {
    let n = |text: &str, c: char| text.matches(c).count();
    let is_whole = |(node, _): &(&str, &str)| n(node, '[') == n(node, ']');
    splits(text).find(is_whole).unwrap_or((text, ""))
}
