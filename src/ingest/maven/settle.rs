//! What a run of Surefire printed → its results.
//!
//! Failures of one test are its attempts: the last one counts, unless the results list the test among the flakes. What
//! the results count and no header tells of is taken from their lists, and is a failure without a name else.

use std::collections::{HashMap, HashSet};

use crate::ingest::maven::line::{self, List, Tally};
use crate::ingest::maven::run::{Block, Entry, Run};
use crate::ingest::recorder::Recorder;
use crate::ingest::{Hints, UNNAMED, detail, jvm, trace};
use crate::model::{FailedAttempt, Failure, FlakyPass, Outcome, TestId};

/// Failures without a name that are reported one by one.
const UNNAMED_MAX: usize = 1000;

/// Attempts of one test that are kept.
const ATTEMPTS_MAX: usize = 100;

/// A red test, with all its attempts.
struct Red {
    outcome: Outcome,
    failure: Failure,
    n_counts: usize,
}

/// Makes results of a run that `total` closes, or that nothing closes.
pub(super) fn settle(mut run: Run, total: Option<Tally>, hints: &Hints, to: &mut Recorder) {
    run.close();
    let mut reds = reds(run.blocks, hints);
    let classes: HashMap<_, _> = run.counted.keys().map(|class| (simple(class), class.as_str())).collect();
    let flaky = take_flaky(&mut reds, &run.entries);
    let counted = total.unwrap_or(run.sum);
    drop_output(&mut reds, counted, &run.replaced);
    add_places(&mut reds, &run.entries);
    for (outcome, list, n_counted) in
        [(Outcome::Failed, List::Failures, counted.failures), (Outcome::Errored, List::Errors, counted.errors)]
    {
        let n_counted = usize::try_from(n_counted).unwrap_or(usize::MAX);
        let entries = run.entries.iter().filter(|entry| entry.list == list);
        add_listed(&mut reds, outcome, entries, n_counted, &classes);
        add_unnamed(&mut reds, outcome, n_counted);
        let n = reds.iter().filter(|red| red.outcome == outcome).count();
        if n != n_counted && total.is_some() {
            let what = if outcome == Outcome::Failed { "failures" } else { "errors" };
            to.complain(run.end, format!("the results count {n_counted} {what}, and {n} are found"));
        }
    }
    to.count_unnamed(Outcome::Passed, counted.passed().saturating_sub(flaky.len() as u64));
    to.count_unnamed(Outcome::Skipped, counted.skipped);
    match total {
        None if run.running.is_empty() && run.counted.is_empty() => {}
        None => to.complain(run.end, "the test run has no closing line; it was cut short or its output is"),
        // With `-q` nothing is said of classes that passed, and of tests tried again each try is counted by the class.
        Some(total)
            if total.tests != run.sum.tests && run.was_announced && flaky.is_empty() && !has_attempts(&reds) =>
        {
            let reason = format!("the results count {} tests, and the classes {}", total.tests, run.sum.tests);
            to.complain(run.end, reason);
        }
        Some(_) => {}
    }
    for flaky in flaky {
        to.pass_flaky(flaky);
    }
    for red in reds {
        to.fail(red.outcome, red.failure);
    }
}

fn has_attempts(reds: &[Red]) -> bool {
    reds.iter().any(|red| !red.failure.attempts.is_empty())
}

/// Makes one red test of all blocks of it.
fn reds(blocks: Vec<Block>, hints: &Hints) -> Vec<Red> {
    let mut reds: Vec<Red> = Vec::new();
    let mut index: HashMap<TestId, usize> = HashMap::new();
    for block in blocks {
        let red = red(block, hints);
        let Some(&at) = index.get(&red.failure.id) else {
            index.insert(red.failure.id.clone(), reds.len());
            reds.push(red);
            continue;
        };
        let before = std::mem::replace(&mut reds[at], red).failure;
        let last = &mut reds[at].failure;
        last.attempts = before.attempts;
        if last.attempts.len() < ATTEMPTS_MAX {
            let Failure { kind, message, output, .. } = before;
            last.attempts.push(FailedAttempt { kind, message, output });
        }
    }
    reds
}

fn red(block: Block, hints: &Hints) -> Red {
    let text = block.text.into_text();
    let end = block.method.find(['(', '[', '{']).unwrap_or(block.method.len());
    let class = jvm::class_in_trace(&text, &block.class, &block.method[..end]).unwrap_or(&block.class);
    let name = if block.method.is_empty() { UNNAMED } else { &block.method };
    let mut failure = Failure::bare(TestId::new(class, name));
    jvm::fill(&mut failure, &text);
    detail::set_output(&mut failure, &text, hints.output_bytes_max);
    failure.duration = block.duration;
    failure.source = Some(block.range);
    let outcome = if block.is_error { Outcome::Errored } else { Outcome::Failed };
    Red { outcome, failure, n_counts: block.n_counts }
}

/// Takes out what passed in the end.
fn take_flaky(reds: &mut Vec<Red>, entries: &[Entry]) -> Vec<FlakyPass> {
    let flaky: HashSet<_> = entries.iter().filter(|entry| entry.list == List::Flakes).filter_map(full_id).collect();
    let (passed, failed): (Vec<_>, Vec<_>) = reds.drain(..).partition(|red| flaky.contains(&red.failure.id));
    *reds = failed;
    let pass = |Red { failure, .. }: Red| {
        let Failure { id, mut attempts, kind, message, output, .. } = failure;
        attempts.push(FailedAttempt { kind, message, output });
        FlakyPass { id, attempts }
    };
    passed.into_iter().map(pass).collect()
}

/// Reads the full name of an entry: `com.acme.CartTest.adds`, in older versions with the class in parentheses behind it.
fn full_id(entry: &Entry) -> Option<TestId> {
    let text = entry.text.lines().next()?.trim_end();
    if let Some((full, class)) = text.strip_suffix(')').and_then(|text| text.rsplit_once('('))
        && let Some(method) = full.strip_prefix(class).and_then(|rest| rest.strip_prefix('.'))
    {
        return Some(TestId::new(class, method));
    }
    let (class, method) = line::split_full(text)?;
    Some(TestId::new(class, method))
}

/// Drops what stands under counts that others replaced, as far as there are more failures than are counted.
fn drop_output(reds: &mut Vec<Red>, counted: Tally, replaced: &HashSet<usize>) {
    let mut n_over = (reds.len() as u64).saturating_sub(counted.red());
    reds.retain(|red| {
        let is_output = n_over > 0 && replaced.contains(&red.n_counts);
        n_over -= u64::from(is_output);
        !is_output
    });
}

/// Adds the places that only the results know: a trace without the library's frames can be empty.
fn add_places(reds: &mut [Red], entries: &[Entry]) {
    let mut places: HashMap<(&str, &str), line::Place<'_>> = HashMap::new();
    for entry in entries {
        for text in entry.text.lines().chain(entry.first_run.as_deref()) {
            if let Some(((class, method, _), place)) = line::entry(text).zip(line::entry_place(text)) {
                places.entry((simple(class), method)).or_insert(place);
            }
        }
    }
    for failure in reds.iter_mut().map(|red| &mut red.failure).filter(|failure| failure.location.is_none()) {
        let TestId { suite, name } = &failure.id;
        let end = name.find(['(', '[', '{']).unwrap_or(name.len());
        let Some(place) = places.get(&(simple(suite), &name[..end])) else { continue };
        let package = suite.rsplit_once('.').map_or("", |(package, _)| package).replace('.', "/");
        let outer = place.class.split('$').next().unwrap_or(place.class);
        let file = if package.is_empty() { format!("{outer}.java") } else { format!("{package}/{outer}.java") };
        failure.location = trace::place(&file, place.line, None);
    }
}

/// Adds what the results list and no header tells of.
fn add_listed<'e>(
    reds: &mut Vec<Red>,
    outcome: Outcome,
    entries: impl Iterator<Item = &'e Entry>,
    n_counted: usize,
    classes: &HashMap<&str, &str>,
) {
    let mut n_known: HashMap<(String, String), usize> = HashMap::new();
    for red in reds.iter().filter(|red| red.outcome == outcome) {
        let TestId { suite, name } = &red.failure.id;
        let end = name.find(['(', '[', '{']).unwrap_or(name.len());
        *n_known.entry((simple(suite).to_owned(), name[..end].to_owned())).or_default() += 1;
    }
    let mut n_missing = n_counted.saturating_sub(reds.iter().filter(|red| red.outcome == outcome).count());
    for entry in entries {
        let full = full_id(entry);
        let in_full = || full.as_ref().map(|id| (id.suite.as_str(), id.name.as_str(), ""));
        let Some((class, method, message)) = line::entry(&entry.text).or_else(in_full) else { continue };
        let n = n_known.entry((simple(class).to_owned(), method.to_owned())).or_default();
        if *n > 0 || n_missing == 0 {
            *n = n.saturating_sub(1);
            continue;
        }
        n_missing -= 1;
        let class = classes.get(class).copied().unwrap_or(class);
        let mut failure = Failure::bare(TestId::new(class, method));
        message.clone_into(&mut failure.message);
        detail::fill(&mut failure, &[message]);
        failure.source = Some(entry.range);
        reds.push(Red { outcome, failure, n_counts: 0 });
    }
}

/// Adds failures without a name for what is counted and found nowhere.
fn add_unnamed(reds: &mut Vec<Red>, outcome: Outcome, n_counted: usize) {
    let n_missing = n_counted.saturating_sub(reds.iter().filter(|red| red.outcome == outcome).count());
    let unnamed = || Red { outcome, failure: Failure::bare(TestId::new("", UNNAMED)), n_counts: 0 };
    reds.extend(std::iter::repeat_with(unnamed).take(n_missing.min(UNNAMED_MAX)));
}

/// Returns the name of a class without its package.
fn simple(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}
