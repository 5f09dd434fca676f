//! The session as Markdown: for a CI step's summary and for a comment on a pull request.
//!
//! It stays below the size such a comment may have. Text of others stands in code spans and code fences, each longer
//! than any inside, so that it can form no link, mention, heading or HTML; and no line of it is a command to a runner.

use std::fmt::Write as _;

use crate::model::{Blame, Review};
use crate::report::artifact::record::{Cluster, Proof, Record, State};
use crate::report::phrases;
use crate::text::words::count;
use crate::text::{harmless, words};

/// The size of a comment on GitHub, in characters; kept in bytes, of which there are never fewer.
const BYTES_MAX: usize = 65_536;

/// Kept free for the lines that tell what was left out.
const RESERVED_BYTES: usize = 2_048;

/// How much of a failure's message is shown.
const MESSAGE_LINES: usize = 12;

/// How many test names are listed.
const NAMES_MAX: usize = 10;

/// The largest diff shown; beyond, the reader is better served by the file.
const DIFF_BYTES_MAX: usize = 24 * 1024;

/// Removes secrets.
type Clean<'a> = &'a dyn Fn(&str) -> String;

/// Words the session. A hidden marker lets a job find its own comment again.
pub(super) fn markdown(record: &Record, clean: Clean<'_>) -> String {
    let mut page = format!("<!-- heal-tests -->\n## heal-tests: {}\n\n{}", headline(record), overview(record, clean));
    let mut n_left_out = 0;
    for cluster in &record.clusters {
        let whole = section(cluster, clean, DIFF_BYTES_MAX);
        let fits = |text: &str| page.len() + text.len() + RESERVED_BYTES <= BYTES_MAX;
        if fits(&whole) {
            page += &whole;
            continue;
        }
        let without_diff = section(cluster, clean, 0);
        if fits(&without_diff) {
            page += &without_diff;
        } else {
            n_left_out += 1;
        }
    }
    if n_left_out > 0 {
        let _ = write!(page, "\n{} more; `report.json` has all of them.\n", count(n_left_out, "cause"));
    }
    page
}

fn headline(record: &Record) -> String {
    let Some(ended) = &record.ended else { return "not finished".to_owned() };
    phrases::ending(ended.outcome, ended.n_healed, ended.n_clusters)
}

fn overview(record: &Record, clean: Clean<'_>) -> String {
    let mut text = String::new();
    for report in record.reports.iter().take(NAMES_MAX) {
        let _ = writeln!(text, "- read {}: {}", code(&report.source, clean), words::counts(&report.counts));
    }
    if let Some(more) = record.reports.len().checked_sub(NAMES_MAX).filter(|more| *more > 0) {
        let _ = writeln!(text, "- read {}", count(more, "more report"));
    }
    if let Some(reproduced) = &record.reproduced {
        let n_all = reproduced.red.len() + reproduced.green.len() + reproduced.missing.len();
        let _ = writeln!(text, "- reproduced {} of {}", reproduced.red.len(), count(n_all, "failing test"));
    }
    if let Some(exhausted) = record.exhausted {
        let _ = writeln!(text, "- stopped: the next step would have exceeded the budget: {exhausted}");
    }
    if let Some(ended) = &record.ended {
        let _ = writeln!(text, "- spent {}", phrases::spend(&ended.spend));
    }
    for notice in record.notices.iter().take(NAMES_MAX) {
        let _ = writeln!(text, "- note: {}", code(notice, clean));
    }
    text
}

fn section(cluster: &Cluster, clean: Clean<'_>, diff_bytes_max: usize) -> String {
    let mut text = format!("\n### {}: {}\n", state(cluster), code(&cluster.title, clean));
    let place = cluster.locations.first().map(|(place, _)| format!(" at {}", code(&place.to_string(), clean)));
    let id = phrases::short_id(&cluster.signature.0);
    if !id.is_empty() {
        let _ = writeln!(text, "\n{}{}, id {}", cluster.class, place.unwrap_or_default(), code(&id, clean));
    }
    let message = harmless::first_lines(&clean(&cluster.message), MESSAGE_LINES, 200).join("\n");
    if !message.is_empty() {
        text.push('\n');
        text += &fence("text", &message);
    }
    text += &reason(&cluster.state, clean);
    for proof in cluster.proofs.iter().filter(|proof| proof.stands()) {
        text += &proven(proof, clean, diff_bytes_max);
    }
    if !cluster.attempts.is_empty() && cluster.proofs.is_empty() {
        let _ = writeln!(
            text,
            "\n{} did not hold; `report.json` has the verdicts.",
            count(cluster.attempts.len(), "candidate")
        );
    }
    text
}

fn state(cluster: &Cluster) -> &'static str {
    let review = cluster.proofs.last().and_then(|proof| proof.review);
    match (&cluster.state, review) {
        (State::Applied { .. }, _) => "Healed",
        (State::Proven, Some(Review::Reject)) => "Rejected",
        (State::Proven, _) => "Proven patch",
        (State::HealedToo { .. }, _) => "Healed too",
        (State::NotOurs { .. }, _) => "Not ours",
        (State::Unhealed { .. }, _) => "Not healed",
        (State::Waiting | State::Working, _) => "Open",
    }
}

fn reason(state: &State, clean: Clean<'_>) -> String {
    match state {
        State::NotOurs { blame: Blame::Ambiguous(doubt), sentence } => {
            format!("\n{} ({})\n", code(sentence, clean), code(doubt, clean))
        }
        State::NotOurs { sentence, .. } => format!("\n{}\n", code(sentence, clean)),
        State::Unhealed { reason } => format!("\n{}\n", code(reason, clean)),
        State::HealedToo { with } => format!("\nBy the patch for {}\n", code(with, clean)),
        State::Waiting | State::Working | State::Proven | State::Applied { .. } => String::new(),
    }
}

fn proven(proof: &Proof, clean: Clean<'_>, diff_bytes_max: usize) -> String {
    let mut text = format!("\nProposed by {}\n\n", code(&proof.origin.to_string(), clean));
    for run in phrases::proof(&proof.certificate) {
        let _ = writeln!(text, "- {}", plain(&run));
    }
    let healed = &proof.certificate.healed;
    for id in healed.iter().take(NAMES_MAX) {
        let _ = writeln!(text, "- heals {}", code(&id.to_string(), clean));
    }
    if let Some(more) = healed.len().checked_sub(NAMES_MAX).filter(|more| *more > 0) {
        let _ = writeln!(text, "- heals {}", count(more, "more test"));
    }
    for caution in phrases::cautions(&proof.verdict) {
        let _ = writeln!(text, "- **note**: {}", code(&caution, clean));
    }
    text.push('\n');
    if proof.diff.len() <= diff_bytes_max {
        text += &fence("diff", &harmless::revealed(&proof.diff));
    } else {
        let n_bytes = words::grouped(proof.diff.len() as u64);
        let _ = writeln!(text, "The diff has {n_bytes} bytes; it is in the patch file.");
    }
    text
}

/// Returns text of ours that may hold a word of others without anything Markdown would read.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_alphanumeric() || " ,.:;()".contains(c) { c } else { ' ' }).collect()
}

/// Returns a code span around one harmless line.
fn code(text: &str, clean: Clean<'_>) -> String {
    let line = harmless::mute(&harmless::short(&clean(text), 300));
    let ticks = "`".repeat(longest_run(&line, '`') + 1);
    let pad = if line.is_empty() || line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{line}{pad}{ticks}")
}

/// Returns a code block around text.
fn fence(language: &str, text: &str) -> String {
    let text = harmless::mute(text);
    let ticks = "`".repeat(longest_run(&text, '`').max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{ticks}{language}\n{text}{end}{ticks}\n")
}

fn longest_run(text: &str, of: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn code_spans_and_fences_are_longer_than_what_is_inside() {
        assert_eq!(code("a `b` c", &str::to_owned), "``a `b` c``");
        assert_eq!(code("`a`", &str::to_owned), "`` `a` ``");
        assert_eq!(fence("text", "x\n```\n@everyone"), "````text\nx\n```\n@everyone\n````\n");
    }

    proptest! {
        #[test]
        fn nothing_gets_out_of_a_fence_or_a_span(text in "([`\\n<>@#|]|\\PC){0,40}") {
            let fenced = fence("text", &text);
            let ticks = fenced.chars().take_while(|c| *c == '`').count();
            let inside = &fenced[ticks..fenced.len() - ticks - 1];
            prop_assert!(longest_run(inside, '`') < ticks);
            let span = code(&text, &str::to_owned);
            prop_assert!(!span.contains('\n'));
            let ticks = span.chars().take_while(|c| *c == '`').count();
            prop_assert!(longest_run(&span[ticks..span.len() - ticks], '`') < ticks);
        }
    }
}
