//! What a debugger hands back: candidate remedies, and what asking cost.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Patch, Usage};

/// How dear a debugger is; cheaper tiers are asked first, and a tier that heals ends the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Candidates somebody or some earlier session already made: `scripted`, `remembered`.
    Known,
    /// The compiler's own proposals.
    Compiler,
    /// Search over small edits and over the recent change: `template`, `revert`.
    Search,
    /// An endpoint that costs tokens.
    Remote,
}

/// Who made a candidate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The debugger's name, as `--debugger` takes it.
    pub debugger: String,
    /// What it did, in one line: "`<` → `<=` at src/lib.rs:10".
    pub what: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.debugger, self.what)
    }
}

/// What a candidate wants done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// A patch against the tree as it is.
    Patch(Patch),
    /// A reply in any form `patch::reply` reads; it becomes a patch, or a refusal, when resolved against the tree.
    Reply(String),
}

/// One proposed remedy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Who made it.
    pub origin: Origin,
    /// What it wants done.
    pub remedy: Remedy,
    /// How promising it is within its tier; greater first, comparable between debuggers of one tier.
    /// The scale is a natural logarithm of likelihood (see `debugger`), 0 at best.
    pub score: f64,
}

/// A debugger's answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proposal {
    /// Candidates, most promising first. May be empty.
    pub candidates: Vec<Candidate>,
    /// What asking cost.
    pub usage: Usage,
    /// Why there are none, or what a person should know (a refusal, a verdict on the test), or empty.
    pub note: String,
}
