//! What verification says of a candidate. A verdict is never upgraded.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::TestId;

/// Why a candidate was not even run.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{sentence}")]
pub struct Refusal {
    /// The rule's name, stable, such as `protected-path`.
    pub rule: String,
    /// The sentence for people; names the thing.
    pub sentence: String,
}

impl Refusal {
    /// Makes a refusal from a rule's name and a sentence.
    pub fn new(rule: &str, sentence: impl Into<String>) -> Self {
        Self { rule: rule.to_owned(), sentence: sentence.into() }
    }
}

/// Something a reviewer should know of a plausible patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The kind, stable, such as `special-casing`.
    pub kind: String,
    /// The sentence for people.
    pub sentence: String,
}

/// The result of taking one candidate through verification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// It breaks a rule, or holds no patch that applies.
    Refused(Refusal),
    /// The tree does not build with it.
    Unviable {
        /// The first errors, capped.
        detail: String,
    },
    /// A failing test still fails, or did not run.
    StillFailing {
        /// Tests that are still red or did not run.
        ids: Vec<TestId>,
        /// The first new failure, capped.
        detail: String,
    },
    /// A run exceeded its deadline.
    TimedOut,
    /// A test that passed before fails, or no longer runs.
    Regressing {
        /// Tests that broke.
        ids: Vec<TestId>,
    },
    /// All failing tests pass and nothing else broke: the most a machine may say.
    Plausible {
        /// What a reviewer should know.
        findings: Vec<Finding>,
        /// Tests that could not be built before, run now, and fail: the next thing to heal.
        uncovered: Vec<TestId>,
    },
}

impl Verdict {
    /// Returns the verdict in a word or two, as reports print it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Unviable { .. } => "does not build",
            Self::StillFailing { .. } => "still failing",
            Self::TimedOut => "timed out",
            Self::Regressing { .. } => "breaks other tests",
            Self::Plausible { .. } => "plausible",
        }
    }

    /// Tells whether the candidate is proven as far as a machine can.
    pub fn is_plausible(&self) -> bool {
        matches!(self, Self::Plausible { .. })
    }

    /// Returns what is behind the verdict, in a line or a few, or an empty string.
    pub fn detail(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.sentence.clone(),
            Self::Unviable { detail } | Self::StillFailing { detail, .. } => detail.clone(),
            Self::Regressing { ids } => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Self::TimedOut | Self::Plausible { .. } => String::new(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
