//! Candidates from a file: somebody's own, a recording's, or a test's.

use serde::Deserialize;

use crate::debugger::{Debugger, Proposing};
use crate::model::{Candidate, Evidence, Origin, Proposal, Remedy, Tier};

/// The line between two replies.
const SEPARATOR: &str = "=== candidate ===";

/// A debugger that proposes what it was given, in the order given, whatever the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scripted {
    replies: Vec<String>,
}

/// One line of a JSON Lines script.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    /// A reply in any form a model may give.
    Reply(String),
    /// A unified diff.
    Patch(String),
}

impl Scripted {
    /// Reads a script: JSON Lines of `{"reply": "…"}` and `{"patch": "…"}`; else replies parted by lines
    /// `=== candidate ===`, of which there may be none. Blank replies are no candidates.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let replies = json_lines(text).unwrap_or_else(|| parted(text));
        Self { replies: replies.into_iter().filter(|reply| !reply.trim().is_empty()).collect() }
    }
}

impl Debugger for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn tier(&self) -> Tier {
        Tier::Known
    }

    fn propose<'a>(&'a self, _: &'a Evidence) -> Proposing<'a> {
        let candidate = |(n, reply): (usize, &String)| Candidate {
            origin: Origin { debugger: self.name().to_owned(), what: format!("candidate {}", n + 1) },
            remedy: Remedy::Reply(reply.clone()),
            score: -(n as f64),
        };
        let candidates = self.replies.iter().enumerate().map(candidate).collect();
        Box::pin(async move { Ok(Proposal { candidates, ..Proposal::default() }) })
    }
}

/// Reads JSON Lines; `None` when any line is something else, for a reply may well begin with a brace.
fn json_lines(text: &str) -> Option<Vec<String>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).ok().map(|(Line::Reply(text) | Line::Patch(text))| text)).collect()
}

fn parted(text: &str) -> Vec<String> {
    let mut replies = vec![String::new()];
    for line in text.split_inclusive('\n') {
        match replies.last_mut() {
            Some(reply) if line.trim_end() != SEPARATOR => reply.push_str(line),
            _ => replies.push(String::new()),
        }
    }
    replies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(Scripted::parse(text).replies, expected);
    }

    #[test]
    fn json_lines_hold_replies_and_patches() {
        check("{\"reply\": \"one\\n\"}\n\n{\"patch\": \"--- a/x\\n\"}\n", &["one\n", "--- a/x\n"]);
    }

    #[test]
    fn a_file_without_separators_is_one_reply() {
        check("fix\nit\n", &["fix\nit\n"]);
        check("{ not: json }\n", &["{ not: json }\n"]);
        check("{\"other\": 1}\n", &["{\"other\": 1}\n"]);
    }

    #[test]
    fn separators_part_replies_and_blank_ones_are_dropped() {
        check("=== candidate ===\na\n=== candidate ===\r\n\n=== candidate ===\nb", &["a\n", "b"]);
        check("", &[]);
    }

    #[test]
    fn earlier_candidates_score_higher() {
        let scripted = Scripted::parse("a\n=== candidate ===\nb\n");
        let evidence = crate::debugger::remote::example_evidence();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let proposal = runtime.block_on(scripted.propose(&evidence)).unwrap();
        let scores: Vec<f64> = proposal.candidates.iter().map(|candidate| candidate.score).collect();
        assert_eq!(scores, [0.0, -1.0]);
        assert_eq!(proposal.candidates[1].origin.to_string(), "scripted: candidate 2");
    }
}
