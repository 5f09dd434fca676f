//! A proven patch that is worth remembering for the next failure of its kind.

use serde::{Deserialize, Serialize};

use crate::model::{FailureClass, Origin, Patch, Signature, Spend};

/// How far a remembered patch got. The order is by trust: the greater, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A machine proved it; nobody has looked at it.
    Proven,
    /// A person accepted it.
    Accepted,
}

/// How often a remembered patch was tried again, and how that went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uses {
    /// Times it healed again.
    pub helped: u64,
    /// Times it did not.
    pub failed: u64,
}

impl Uses {
    /// Returns the chance in 0..=1 that it heals again, from a uniform prior.
    pub fn chance(self) -> f64 {
        (self.helped as f64 + 1.0) / ((self.helped + self.failed) as f64 + 2.0)
    }
}

/// A remedy that healed a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// Fingerprint of the failure it healed.
    pub signature: Signature,
    /// What kind of failure that was.
    pub class: FailureClass,
    /// Who proposed it.
    pub origin: Origin,
    /// The patch.
    pub patch: Patch,
    /// Which repository it was made for: a key without credentials, equal for all clones.
    pub repository: String,
    /// How far it got.
    pub standing: Standing,
    /// What finding it cost.
    pub spend: Spend,
    /// How it fared since; empty when new.
    pub uses: Uses,
}
