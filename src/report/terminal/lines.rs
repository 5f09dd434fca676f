//! Each event as lines of text: a verb, right-aligned as cargo's, and what it is about. One small function an event.
//!
//! Text of others stands after the verb, or behind a bar: never first in a line, where a CI runner would obey it.

use std::collections::HashSet;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::model::{
    Blame, Certificate, Counts, Event, Exhausted, Failure, FailureCluster, Origin, Review, SessionOutcome, Spend,
    TestId, Usage, Verdict,
};
use crate::report::phrases;
use crate::text::words::{count, duration};
use crate::text::{harmless, words};

/// Width of the column verbs stand in.
const VERB_CHARS: usize = 12;

/// Width of the column verdicts stand in.
const VERDICT_CHARS: usize = 18;

/// Width of one line of another's text.
const TEXT_CHARS_MAX: usize = 160;

/// How much of what is behind a verdict is shown.
const DETAIL_CHARS_MAX: usize = 100;

/// How many lines of a failure's message are shown.
const MESSAGE_LINES: usize = 6;

/// How many test names are listed before the rest is counted.
const NAMES_MAX: usize = 8;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const CAUTION: Style = AnsiColor::Yellow.on_default().bold();
const NEUTRAL: Style = AnsiColor::Cyan.on_default().bold();

/// Returns what is said of an event.
pub(super) fn of(event: &Event) -> String {
    match event {
        Event::SessionStarted { root, runner, debuggers, endpoint, sandbox } => {
            session_started(root, runner, debuggers, *endpoint) + &under(&phrases::sandbox(sandbox))
        }
        Event::StepStarted { what } => verb(NEUTRAL, "…", &harmless::line(what)),
        Event::ReportRead { source, counts, complaints } => report_read(source, counts, complaints),
        Event::Reproduced { red, green, missing } => reproduced(red, green, missing),
        Event::Clustered { clusters } => clustered(clusters),
        Event::ClusterRefused { cluster, blame, sentence } => cluster_refused(cluster, blame, sentence),
        Event::ClusterStarted { cluster, position, n_clusters } => {
            verb(GOOD, "Healing", &format!("{position}/{n_clusters} {}", harmless::line(cluster)))
        }
        Event::Proposed { debugger, n_candidates, usage, note } => proposed(debugger, *n_candidates, usage, note),
        Event::Judged { origin, verdict, wall } => judged(origin, verdict, *wall),
        Event::Proven { origin, verdict, certificate, .. } => proven(origin, verdict, certificate),
        Event::Reviewed { cluster, review } => reviewed(cluster, *review),
        Event::Applied { paths, .. } => verb(GOOD, "Applied", &harmless::line(&paths.join(", "))),
        Event::ClusterUnhealed { cluster, reason } => {
            verb(BAD, "Unhealed", &harmless::line(cluster)) + &quoted(reason, MESSAGE_LINES)
        }
        Event::ClusterHealedToo { cluster, with } => {
            verb(GOOD, "Healed too", &harmless::line(cluster))
                + &under(&format!("by the patch for {}", harmless::line(with)))
        }
        Event::Notice { sentence } => verb(CAUTION, "Note", &harmless::line(sentence)),
        Event::BudgetExhausted { exhausted } => budget_exhausted(*exhausted),
        Event::SessionEnded { outcome, spend, n_healed, n_clusters } => {
            session_ended(*outcome, spend, *n_healed, *n_clusters)
        }
    }
}

/// Returns one line of a diff in colour.
pub(super) fn diff_line(line: &str) -> String {
    let style = match line.as_bytes() {
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] | [b'd', b'i', b'f', b'f', ..] => Style::new().bold(),
        [b'+', ..] => AnsiColor::Green.on_default(),
        [b'-', ..] => AnsiColor::Red.on_default(),
        [b'@', b'@', ..] => AnsiColor::Cyan.on_default(),
        _ => return line.to_owned(),
    };
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    format!("{style}{text}{style:#}{end}")
}

fn verb(style: Style, verb: &str, rest: &str) -> String {
    format!("{style}{verb:>VERB_CHARS$}{style:#} {rest}\n")
}

/// Returns a line under a verb's line. It begins with a word of ours.
fn under(text: &str) -> String {
    format!("{:VERB_CHARS$} {text}\n", "")
}

/// Returns the first lines of another's text, behind a bar.
fn quoted(text: &str, n_lines: usize) -> String {
    harmless::first_lines(text, n_lines, TEXT_CHARS_MAX).iter().map(|line| under(&format!("| {line}"))).collect()
}

/// Returns test names under a heading, aligned, and how many more there are.
fn names(heading: &str, ids: &[TestId]) -> String {
    let told = ids.iter().take(NAMES_MAX).map(|id| harmless::short(&id.to_string(), TEXT_CHARS_MAX));
    let more = ids.len().checked_sub(NAMES_MAX).filter(|n| *n > 0).map(|n| format!("… {n} more"));
    listed(heading, told.chain(more))
}

/// Returns items under a heading, one a line.
fn listed(heading: &str, items: impl Iterator<Item = String>) -> String {
    let heads = std::iter::once(heading).chain(std::iter::repeat(""));
    heads.zip(items).map(|(head, item)| under(&format!("{head:<5} - {item}"))).collect()
}

fn session_started(root: &str, runner: &str, debuggers: &[String], endpoint: bool) -> String {
    let mut told = verb(GOOD, "Starting", &format!("in {} with {}", harmless::line(root), harmless::line(runner)));
    let endpoint = if endpoint { "" } else { " (no endpoint is configured, nothing is sent anywhere)" };
    told += &under(&format!("debuggers: {}{endpoint}", harmless::line(&debuggers.join(", "))));
    told
}

fn report_read(source: &str, counts: &Counts, complaints: &[String]) -> String {
    let style = if counts.red() > 0 { BAD } else { GOOD };
    let mut told = verb(style, "Read", &format!("{}: {}", harmless::line(source), words::counts(counts)));
    told.extend(complaints.iter().map(|complaint| verb(CAUTION, "Note", &harmless::line(complaint))));
    told
}

fn reproduced(red: &[TestId], green: &[TestId], missing: &[TestId]) -> String {
    let n_all = red.len() + green.len() + missing.len();
    let (style, word) = if red.is_empty() { (CAUTION, "Not red") } else { (BAD, "Reproduced") };
    let n_all = count(n_all, "failing test");
    let mut told = verb(style, word, &format!("{} of {n_all} when run alone on the untouched tree", red.len()));
    told += &names("green", green);
    told += &names("unrun", missing);
    told
}

fn clustered(clusters: &[FailureCluster]) -> String {
    let tests: HashSet<&TestId> =
        clusters.iter().flat_map(|cluster| &cluster.failures).map(|failure| &failure.id).collect();
    let sum = format!("{} from {}", count(tests.len(), "test"), count(clusters.len(), "likely cause"));
    let each = clusters.iter().zip(1..).map(|(cluster, position)| cluster_lines(cluster, position));
    verb(BAD, "Failing", &sum) + &each.collect::<String>()
}

fn cluster_lines(cluster: &FailureCluster, position: usize) -> String {
    let id = phrases::short_id(&cluster.signature.0);
    let mut told = under(&format!("{position}. {} [{id}] {}", cluster.class, harmless::line(&cluster.title())));
    told += &cluster
        .locations
        .first()
        .map(|(place, _)| under(&format!("   at {}", harmless::line(&place.to_string()))))
        .unwrap_or_default();
    told += &cluster.failures.first().map(message).unwrap_or_default();
    told
}

/// Returns what an engineer would read first of a failure: its message, or the compiler's first error.
fn message(failure: &Failure) -> String {
    let rendered = failure.diagnostics.first().map(|diagnostic| match diagnostic.code.as_str() {
        "" => diagnostic.message.clone(),
        code => format!("{code}: {}", diagnostic.message),
    });
    let text = rendered.unwrap_or_else(|| failure.message.clone());
    let lines = harmless::first_lines(&text, MESSAGE_LINES, TEXT_CHARS_MAX);
    lines.iter().map(|line| under(&format!("   | {line}"))).collect()
}

fn cluster_refused(cluster: &str, blame: &Blame, sentence: &str) -> String {
    verb(CAUTION, "Not ours", &harmless::line(cluster))
        + &under(&format!("{}: {}", blamed(blame), harmless::line(sentence)))
}

fn blamed(blame: &Blame) -> &'static str {
    match blame {
        Blame::Change => "this change",
        Blame::PreExisting => "red before this change",
        Blame::Flaky => "flaky",
        Blame::Infrastructure => "infrastructure",
        Blame::Environment => "environment",
        Blame::OrderDependent => "depends on the order of tests",
        Blame::StaleExpectation => "the test's expectation is stale",
        Blame::Ambiguous(_) => "unclear",
    }
}

fn proposed(debugger: &str, n_candidates: usize, usage: &Usage, note: &str) -> String {
    if n_candidates == 0 && usage.requests == 0 && note.is_empty() {
        return String::new();
    }
    let what = if n_candidates == 0 { "nothing".to_owned() } else { count(n_candidates, "candidate") };
    let cost = phrases::usage(usage).map(|usage| format!(" ({usage})")).unwrap_or_default();
    let line = format!("by {}: {what}{cost}", harmless::line(debugger));
    verb(NEUTRAL, "Proposed", &line) + &quoted(note, 2)
}

/// Puts the verdict first, in a column, so that many candidates can be scanned.
fn judged(origin: &Origin, verdict: &Verdict, wall: Duration) -> String {
    let origin = harmless::short(&origin.to_string(), TEXT_CHARS_MAX);
    let detail = match harmless::short(&verdict.detail(), DETAIL_CHARS_MAX) {
        detail if detail.is_empty() => detail,
        detail => format!(": {detail}"),
    };
    let wall = duration(wall);
    verb(NEUTRAL, "Tried", &format!("{:<VERDICT_CHARS$} {origin} ({wall}){detail}", verdict.word()))
}

fn proven(origin: &Origin, verdict: &Verdict, certificate: &Certificate) -> String {
    let mut told = verb(GOOD, "Proven", &harmless::short(&origin.to_string(), TEXT_CHARS_MAX));
    told += &names("heals", &certificate.healed);
    told += &listed("proof", phrases::proof(certificate).into_iter());
    told += &listed("note", phrases::cautions(verdict).into_iter());
    told
}

fn reviewed(cluster: &str, review: Review) -> String {
    let (style, word) = match review {
        Review::Accept => (GOOD, "Accepted"),
        Review::Reject => (BAD, "Rejected"),
        Review::Skip => (CAUTION, "Skipped"),
        Review::Quit => (CAUTION, "Quit at"),
    };
    verb(style, word, &harmless::line(cluster))
}

fn budget_exhausted(exhausted: Exhausted) -> String {
    verb(CAUTION, "Stopping", &format!("the next step would exceed the budget: {exhausted}"))
}

fn session_ended(outcome: SessionOutcome, spend: &Spend, n_healed: usize, n_clusters: usize) -> String {
    let style = match outcome {
        SessionOutcome::NothingFailing | SessionOutcome::Healed => GOOD,
        SessionOutcome::AwaitingReview | SessionOutcome::NotReproduced | SessionOutcome::NotOurs => CAUTION,
        SessionOutcome::Remaining
        | SessionOutcome::BudgetExhausted
        | SessionOutcome::Unreadable
        | SessionOutcome::Interrupted => BAD,
    };
    let told = verb(style, "Finished", &phrases::ending(outcome, n_healed, n_clusters));
    told + &under(&format!("spent {}", phrases::spend(spend)))
}
