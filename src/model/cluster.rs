//! Failures believed to share one fault, and whose fault it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Failure, FailureClass, Location, TestId};

/// A failure's normalised fingerprint: the same fault on another machine has the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signature(pub String);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who or what broke it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "reason")]
pub enum Blame {
    /// The change under test broke it.
    Change,
    /// It is red on the base as well.
    PreExisting,
    /// It passes and fails on the same tree.
    Flaky,
    /// The machine or a service is at fault.
    Infrastructure,
    /// A dependency or tool is missing.
    Environment,
    /// It depends on which tests ran before.
    OrderDependent,
    /// The test states what the code no longer should do.
    StaleExpectation,
    /// Not known; the reason says what could not be found out.
    Ambiguous(String),
}

/// Failures believed to share one fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureCluster {
    /// The common fingerprint.
    pub signature: Signature,
    /// What kind of failure it is.
    pub class: FailureClass,
    /// Whose fault it is.
    pub blame: Blame,
    /// The failures, the representative (cheapest to read and run) first. Never empty.
    pub failures: Vec<Failure>,
    /// Suspicious places in the project, most suspicious first, with a score in 0..=1.
    pub locations: Vec<(Location, f64)>,
}

impl FailureCluster {
    /// Returns the ids of the failing tests, in order.
    pub fn ids(&self) -> Vec<TestId> {
        self.failures.iter().map(|failure| failure.id.clone()).collect()
    }

    /// Returns one line that names the cluster to a person: its first test, and how many more.
    pub fn title(&self) -> String {
        let first = self.failures.first().map(|failure| failure.id.to_string()).unwrap_or_default();
        match self.failures.len().saturating_sub(1) {
            0 => first,
            n_more => format!("{first} (+{n_more} more)"),
        }
    }
}
