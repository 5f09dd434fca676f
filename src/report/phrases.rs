//! The phrases all reporters share: counts, spend, and what a proof consists of.

use crate::model::{Certificate, RunRecord, SessionOutcome, Spend, Usage, Verdict};
use crate::process::sandbox::Rung;
use crate::text::harmless;
use crate::text::words::{count, duration, grouped};

/// Returns the first digits of a fingerprint, enough to name a cluster in conversation.
pub(super) fn short_id(signature: &str) -> String {
    signature.chars().take(8).collect()
}

/// Returns what endpoints counted, or nothing when none was asked.
pub(super) fn usage(usage: &Usage) -> Option<String> {
    if usage.requests == 0 && usage.tokens() == 0 {
        return None;
    }
    let cost = usage.cost_usd.map_or_else(|| "at an unknown price".to_owned(), |cost| format!("${cost:.4}"));
    Some(format!("{} tokens, {cost}", grouped(usage.tokens())))
}

/// Returns `34.2 s, 5 attempts, 12 test runs, 1,234 tokens, $0.0012`.
pub(super) fn spend(spend: &Spend) -> String {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let own = [duration(spend.wall), count(number(spend.attempts), "attempt"), count(number(spend.runs), "test run")];
    own.into_iter().chain(usage(&spend.usage)).collect::<Vec<_>>().join(", ")
}

/// Returns how a session ended, and how much of it was healed: `healed 1 of 3 causes; failing tests remain`.
pub(super) fn ending(outcome: SessionOutcome, n_healed: usize, n_clusters: usize) -> String {
    match (outcome, n_clusters) {
        (_, 0) => sentence(outcome).to_owned(),
        (SessionOutcome::Healed, _) if n_healed == n_clusters => format!("healed {}", count(n_clusters, "cause")),
        (_, _) => format!("healed {n_healed} of {}; {}", count(n_clusters, "cause"), sentence(outcome)),
    }
}

/// Returns the sentence for how a session ended.
fn sentence(outcome: SessionOutcome) -> &'static str {
    match outcome {
        SessionOutcome::NothingFailing => "no test is failing",
        SessionOutcome::Healed => "everything is healed",
        SessionOutcome::Remaining => "failing tests remain",
        SessionOutcome::BudgetExhausted => "the budget is spent and failing tests remain",
        SessionOutcome::Unreadable => "there was no readable test output",
        SessionOutcome::NotReproduced => "the failures did not reproduce: flaky, or passing by now",
        SessionOutcome::NotOurs => "the failures are not for a patch to heal",
        SessionOutcome::AwaitingReview => "a proven patch waits for review",
        SessionOutcome::Interrupted => "interrupted",
    }
}

/// Returns the runs of a proof, one line a purpose: `green after: 2 passed, in each of 3 runs (1.2 s)`.
pub(super) fn proof(certificate: &Certificate) -> Vec<String> {
    let mut purposes: Vec<(&str, Vec<&RunRecord>)> = Vec::new();
    for run in &certificate.runs {
        match purposes.iter_mut().find(|(purpose, _)| *purpose == run.purpose) {
            Some((_, runs)) => runs.push(run),
            None => purposes.push((&run.purpose, vec![run])),
        }
    }
    let runs = purposes.iter().map(|(purpose, runs)| format!("{}: {}", in_full(purpose), runs_told(runs)));
    // Certificates of earlier versions do not tell.
    let rung = certificate.environment.sandbox.as_str();
    runs.chain((!rung.is_empty()).then(|| sandbox(rung))).collect()
}

/// Says what confined candidates.
pub(super) fn sandbox(rung: &str) -> String {
    match rung.parse::<Rung>() {
        Ok(Rung::ProcessControl) => "sandbox: none".to_owned(),
        Ok(rung) => format!("sandbox: {rung}, {}", rung.instruments()),
        Err(_) => format!("sandbox: {}", harmless::line(rung)),
    }
}

/// Returns a purpose so that it can be understood without the others.
fn in_full(purpose: &str) -> String {
    match purpose {
        "red before" => "red before the patch".to_owned(),
        "green after" => "green with the patch".to_owned(),
        "whole suite" => "whole suite with the patch".to_owned(),
        "red again" => "red again without the patch".to_owned(),
        other => harmless::line(other),
    }
}

fn runs_told(runs: &[&RunRecord]) -> String {
    let wall = duration(runs.iter().map(|run| run.wall).sum());
    let mut results: Vec<String> = runs.iter().map(|run| result(run)).collect();
    results.dedup();
    match (results.as_slice(), runs.len()) {
        ([same], 1) => format!("{same} ({wall})"),
        ([same], n_runs) => format!("{same}, in each of {n_runs} runs ({wall})"),
        (several, _) => format!("{} ({wall})", several.join("; then ")),
    }
}

fn result(run: &RunRecord) -> String {
    let n_missing = run.outcomes.values().filter(|outcome| outcome.is_none()).count() as u64;
    let parts = [(run.passed, "passed"), (run.red, "failed"), (n_missing, "did not run")];
    let told: Vec<_> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", grouped(*n))).collect();
    if told.is_empty() { "no test ran".to_owned() } else { told.join(", ") }
}

/// Returns what a reviewer should know of a plausible verdict, a sentence each.
pub(super) fn cautions(verdict: &Verdict) -> Vec<String> {
    let Verdict::Plausible { findings, uncovered } = verdict else { return Vec::new() };
    let told = findings
        .iter()
        .map(|finding| format!("{}: {}", harmless::line(&finding.kind), harmless::line(&finding.sentence)));
    let now_seen = match uncovered.len() {
        0 => None,
        n => Some(format!("built for the first time, and failing: {}", count(n, "test"))),
    };
    told.chain(now_seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    #[test]
    fn a_session_without_an_endpoint_tells_of_no_tokens() {
        let spent = Spend { wall: Duration::from_secs(2), attempts: 1, runs: 2, ..Spend::default() };
        assert_eq!(spend(&spent), "2.0 s, 1 attempt, 2 test runs");
        let usage = Usage { requests: 1, input: 1200, output: 34, ..Usage::default() };
        assert_eq!(
            spend(&Spend { usage, ..spent }),
            "2.0 s, 1 attempt, 2 test runs, 1,234 tokens, at an unknown price"
        );
    }

    #[test]
    fn equal_runs_are_told_once_and_unequal_ones_each() {
        let run = |passed, red, missing: bool| RunRecord {
            purpose: "green after".into(),
            commands: Vec::new(),
            outcomes: BTreeMap::from_iter(missing.then(|| ("t".to_owned(), None))),
            passed,
            red,
            wall: Duration::from_millis(500),
            surplus: 0,
        };
        let told = |runs: &[RunRecord]| runs_told(&runs.iter().collect::<Vec<_>>());
        assert_eq!(told(&[run(2, 0, false), run(2, 0, false)]), "2 passed, in each of 2 runs (1.0 s)");
        assert_eq!(told(&[run(2, 0, false), run(1, 0, true)]), "2 passed; then 1 passed, 1 did not run (1.0 s)");
        assert_eq!(told(&[run(0, 0, false)]), "no test ran (500 ms)");
    }
}
