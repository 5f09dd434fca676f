//! What a run of unittest printed → its results.
//!
//! The closing line counts failures and errors; of as many headers as it counts, those with a traceback under them come
//! first, and what is counted and found nowhere is a failure without a name. How many tests passed is not said: those
//! that ran less all others, which names each of those.

use std::collections::{HashMap, HashSet};

use crate::ingest::recorder::Recorder;
use crate::ingest::unittest::line::{self, Result};
use crate::ingest::unittest::run::{Block, Run};
use crate::ingest::{ABORTED, Hints, UNNAMED, detail, traceback};
use crate::model::{Failure, Outcome, TestId};
use crate::text::cap::HeadAndTail;

/// Failures without a name that are reported one by one.
const UNNAMED_MAX: usize = 1000;

/// The kind of a failure that is that the test passed.
const UNEXPECTED: &str = "unexpected success";

/// Makes results of a run with its closing numbers, or of one without.
pub(super) fn settle(run: Run, closing: Option<(u64, Result)>, hints: &Hints, to: &mut Recorder) {
    let mut settling = Settling { closing: closing.map(|(_, result)| result), hints, end: run.end, reds: Vec::new() };
    for block in drop_output(run.blocks, settling.closing, hints) {
        settling.add(block);
    }
    // In a run that passed, a status that is red was printed by a test, or is a success Python 2 forgives.
    if !settling.closing.is_some_and(|result| result.is_ok) {
        settling.add_by_status(&run.red);
    }
    settling.add_unnamed(to);
    match closing {
        Some((n_ran, result)) => settling.count_others(n_ran, result, (run.n_passed, run.n_skipped), to),
        None => to.complain(run.end, "the run has no closing line; it was cut short or its output is"),
    }
    for (outcome, failure) in settling.reds {
        to.fail(outcome, failure);
    }
    if let Some((words, start)) = run.last_words {
        let id = run.begun.map_or_else(|| TestId::new("", ABORTED), |name| line::id(&name));
        let text = words.into_text();
        let mut failure = Failure::bare(id);
        traceback::fill_fatal(&mut failure, &text);
        detail::set_output(&mut failure, &text, hints.output_bytes_max);
        failure.source = Some((start, run.end));
        to.fail(Outcome::Errored, failure);
    }
}

/// Gives headers that were output back to the test before: those beyond the number that is counted without a traceback.
fn drop_output(blocks: Vec<Block>, counted: Option<Result>, hints: &Hints) -> Vec<Block> {
    let n_of = |outcome| blocks.iter().filter(|block| block.outcome == outcome && !block.is_unexpected).count() as u64;
    let over = |n: u64, counted: Option<u64>| n.saturating_sub(counted.unwrap_or(n));
    let mut n_failures_over = over(n_of(Outcome::Failed), counted.map(|counted| counted.failures));
    let mut n_errors_over = over(n_of(Outcome::Errored), counted.map(|counted| counted.errors));
    let mut kept: Vec<Block> = Vec::new();
    for block in blocks {
        let n_over = if block.outcome == Outcome::Failed { &mut n_failures_over } else { &mut n_errors_over };
        match kept.last_mut() {
            Some(before) if *n_over > 0 && !block.has_traceback && !block.is_unexpected => {
                *n_over -= 1;
                let text = std::mem::replace(&mut before.text, HeadAndTail::new(hints.output_bytes_max));
                for piece in [text.into_text(), block.head, block.text.into_text()] {
                    before.text.push(&piece);
                }
                before.range.1 = block.range.1;
            }
            _ => kept.push(block),
        }
    }
    kept
}

struct Settling<'h> {
    closing: Option<Result>,
    hints: &'h Hints,
    end: u64,
    reds: Vec<(Outcome, Failure)>,
}

impl Settling<'_> {
    fn add(&mut self, block: Block) {
        let mut failure = Failure::bare(line::id(&block.name));
        let text = block.text.into_text();
        if block.is_unexpected {
            UNEXPECTED.clone_into(&mut failure.kind);
            UNEXPECTED.clone_into(&mut failure.message);
        } else {
            traceback::fill(&mut failure, &text);
        }
        detail::set_output(&mut failure, &text, self.hints.output_bytes_max);
        failure.source = Some(block.range);
        self.reds.push((block.outcome, failure));
    }

    /// Adds what `-v` names and no header tells of: what passed unexpectedly, before 3.11, and failures of a cut log.
    fn add_by_status(&mut self, red: &[(String, Outcome)]) {
        let mut n_told: HashMap<(TestId, Outcome), usize> = HashMap::new();
        for (outcome, failure) in &self.reds {
            *n_told.entry((failure.id.clone(), *outcome)).or_default() += 1;
        }
        for (name, outcome) in red {
            let id = line::id(name);
            match n_told.get_mut(&(id.clone(), *outcome)) {
                Some(n) if *n > 0 => *n -= 1,
                _ => self.reds.push((*outcome, Failure::bare(id))),
            }
        }
    }

    /// Adds failures without a name for what is counted and found nowhere.
    fn add_unnamed(&mut self, to: &mut Recorder) {
        let Some(Result { is_ok, failures, errors, unexpected, .. }) = self.closing else { return };
        let unexpected = if is_ok { 0 } else { unexpected };
        for (outcome, what, n_counted) in
            [(Outcome::Failed, "failures", failures.saturating_add(unexpected)), (Outcome::Errored, "errors", errors)]
        {
            let n_found = self.reds.iter().filter(|(of, _)| *of == outcome).count() as u64;
            let n_missing = usize::try_from(n_counted.saturating_sub(n_found)).unwrap_or(usize::MAX).min(UNNAMED_MAX);
            let unnamed = || (outcome, Failure::bare(TestId::new("", UNNAMED)));
            self.reds.extend(std::iter::repeat_with(unnamed).take(n_missing));
            let n_found = n_found + n_missing as u64;
            if n_counted != n_found {
                to.complain(self.end, format!("the closing line counts {n_counted} {what}, and {n_found} are found"));
            }
        }
    }

    /// Counts what passed and was skipped, as far as it was not recorded by name.
    fn count_others(&self, n_ran: u64, result: Result, (n_passed, n_skipped): (u64, u64), to: &mut Recorder) {
        let is_test = |failure: &&Failure| !failure.id.suite.is_empty() || failure.id.name == UNNAMED;
        let reds = self.reds.iter().map(|(_, failure)| failure).filter(is_test);
        // Subtests are parts of one test, and a test can fail and break.
        let whole = |name: &str| name.split(' ').next().unwrap_or_default().to_owned();
        let n_unnamed = reds.clone().filter(|failure| failure.id.name == UNNAMED).count() as u64;
        let named = reds.filter(|failure| failure.id.name != UNNAMED);
        let distinct: HashSet<_> = named.map(|failure| (failure.id.suite.as_str(), whole(&failure.id.name))).collect();
        let skipped = result.skipped.saturating_add(result.expected);
        let others = [distinct.len() as u64, n_unnamed, skipped];
        let passed = others.iter().fold(n_ran, |n, others| n.saturating_sub(*others));
        to.count_unnamed(Outcome::Passed, passed.saturating_sub(n_passed));
        to.count_unnamed(Outcome::Skipped, skipped.saturating_sub(n_skipped));
        if n_passed > n_ran {
            to.complain(
                self.end,
                format!("the closing line counts {n_ran} tests, and {n_passed} passed by their lines"),
            );
        }
    }
}
