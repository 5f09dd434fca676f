//! Reply → proposal: a candidate when the reply is whole and holds an edit, a note otherwise.
//!
//! It does not read edits, which is the patch module's skill; it only tells whether there is something to read.

use crate::debugger::remote::NAME;
use crate::debugger::remote::fault::one_line;
use crate::debugger::remote::reply::{Finish, Reply};
use crate::model::{Candidate, Origin, Proposal, Remedy, Usage};
use crate::text::redact::Redactor;

/// Characters of a summary or a reason that are passed on.
const SUMMARY_CHARS_MAX: usize = 120;

/// What a model may say instead of an edit, and how people are told.
const VERDICTS: &[(&str, &str)] = &[
    ("test-is-wrong", "the model holds the test to be wrong"),
    ("not-fixable", "the model sees no fix in product code"),
    ("needs-human", "the model leaves this to a person"),
];

/// Makes a proposal of a reply.
pub(super) fn proposal(reply: &Reply, model: &str, usage: Usage, redactor: &Redactor) -> Proposal {
    let clean = |text: &str| one_line(redactor.redact(text).as_str(), SUMMARY_CHARS_MAX);
    let verdict = verdict(&reply.text).map(|(sentence, reason)| match clean(reason) {
        reason if reason.is_empty() => sentence.to_owned(),
        reason => format!("{sentence}: {reason}"),
    });
    let note = match &reply.finish {
        Some(Finish::Length) => "the reply was cut off at the limit of its length; a cut edit is never used".to_owned(),
        Some(Finish::Declined) => declined(&clean(&reply.refusal)),
        _ if !reply.refusal.is_empty() => declined(&clean(&reply.refusal)),
        Some(Finish::Complete) | None if reply.text.trim().is_empty() => "the reply is empty".to_owned(),
        Some(Finish::Other(word)) => format!("the reply ended with {:?} instead of being complete", clean(word)),
        None => "the endpoint did not say that its reply is complete".to_owned(),
        Some(Finish::Complete) if holds_edit(&reply.text) => {
            let what = clean(&format!("{model}: {}", summary(&reply.text)));
            let origin = Origin { debugger: NAME.to_owned(), what };
            let candidate = Candidate { origin, remedy: Remedy::Reply(reply.text.clone()), score: 0.0 };
            return Proposal { candidates: vec![candidate], usage, note: verdict.unwrap_or_default() };
        }
        Some(Finish::Complete) => {
            verdict.unwrap_or_else(|| format!("the reply holds no edit: {}", clean(summary(&reply.text))))
        }
    };
    Proposal { candidates: Vec::new(), usage, note }
}

fn declined(reason: &str) -> String {
    match reason {
        "" => "the model or a filter of the endpoint declined to answer".to_owned(),
        _ => format!("the model declined to answer: {reason}"),
    }
}

/// Finds a line `VERDICT: kind: reason`, with or without emphasis around it.
fn verdict(text: &str) -> Option<(&'static str, &str)> {
    text.lines().find_map(|line| {
        let said =
            line.trim_matches(['*', '`', ' ', '\t', '_']).strip_prefix("VERDICT:")?.trim_start_matches(['*', ' ']);
        let (_, sentence) = VERDICTS.iter().find(|(kind, _)| said.starts_with(kind))?;
        Some((*sentence, said.split_once(':').map_or("", |(_, reason)| reason.trim())))
    })
}

/// Tells whether a reply holds an edit in any of the usual forms: SEARCH/REPLACE, a diff, a patch envelope, a block of
/// code.
fn holds_edit(text: &str) -> bool {
    let begins = |mark: &str| text.lines().any(|line| line.trim_start().starts_with(mark));
    (begins("<<<<<<<") && begins(">>>>>>>"))
        || (begins("--- ") && begins("+++ "))
        || begins("@@ ")
        || begins("*** Begin Patch")
        || text.lines().filter(|line| line.trim_start().starts_with("```")).count() >= 2
}

/// Returns the first line of prose.
fn summary(text: &str) -> &str {
    let is_prose = |line: &&str| line.contains(' ') && !line.starts_with(['<', '`', '=', '>', '-', '+', '@', '*', '#']);
    text.lines().map(str::trim).find(is_prose).unwrap_or("an edit")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDIT: &str = "The loop stops early.\n\nsrc/lib.rs\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n";

    fn propose(reply: &Reply) -> Proposal {
        proposal(reply, "m-1", Usage::default(), &Redactor::new(&[]))
    }

    fn complete(text: &str) -> Reply {
        Reply { text: text.to_owned(), finish: Some(Finish::Complete), ..Reply::default() }
    }

    #[test]
    fn a_complete_reply_with_an_edit_is_a_candidate_named_by_its_first_sentence() {
        let proposal = propose(&complete(EDIT));
        assert_eq!(proposal.candidates[0].origin.to_string(), "remote: m-1: The loop stops early.");
        assert_eq!(proposal.candidates[0].remedy, Remedy::Reply(EDIT.to_owned()));
    }

    #[test]
    fn every_form_of_edit_is_seen() {
        for text in
            ["--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b", "*** Begin Patch\n*** End Patch", "x.py\n```python\npass\n```"]
        {
            assert_eq!(propose(&complete(text)).candidates.len(), 1, "{text}");
        }
    }

    #[test]
    fn an_incomplete_reply_is_never_a_candidate() {
        for finish in [None, Some(Finish::Length), Some(Finish::Declined), Some(Finish::Other("pause_turn".to_owned()))]
        {
            let proposal = propose(&Reply { finish: finish.clone(), ..complete(EDIT) });
            assert!(proposal.candidates.is_empty() && !proposal.note.is_empty(), "{finish:?}");
        }
        let refused = propose(&Reply { refusal: "I cannot help".to_owned(), ..complete(EDIT) });
        assert_eq!(
            (refused.candidates.len(), refused.note.as_str()),
            (0, "the model declined to answer: I cannot help")
        );
    }

    #[test]
    fn a_verdict_is_told_as_a_note() {
        for text in ["VERDICT: test-is-wrong: 2 + 2 is 4", "Well.\n**VERDICT: test-is-wrong: 2 + 2 is 4**"] {
            let proposal = propose(&complete(text));
            assert!(proposal.candidates.is_empty());
            assert_eq!(proposal.note, "the model holds the test to be wrong: 2 + 2 is 4");
        }
        assert_eq!(propose(&complete("VERDICT: needs-human")).note, "the model leaves this to a person");
    }

    #[test]
    fn words_without_an_edit_are_told_as_a_note() {
        assert_eq!(propose(&complete("I am not sure.")).note, "the reply holds no edit: I am not sure.");
        assert_eq!(propose(&complete(" \n")).note, "the reply is empty");
    }
}
