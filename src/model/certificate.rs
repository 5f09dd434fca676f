//! The machine-checkable record of a proof.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Outcome, Signature, TestId};

/// What was run on what, so that the proof can be repeated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The commit the tree stands on, or empty outside version control.
    pub base_commit: String,
    /// Hash of the whole state that was healed, uncommitted changes included.
    pub tree_hash: String,
    /// The test runner's name.
    pub runner: String,
    /// The rung of the sandbox that candidates ran in, `R2` to `R4`; `R1` stands for none.
    #[serde(default)]
    pub sandbox: String,
    /// This program's version.
    pub tool_version: String,
}

/// One run that is part of the proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// What the run was for: `red before`, `green after`, `whole suite`, `red again`.
    pub purpose: String,
    /// The commands, argv each.
    pub commands: Vec<Vec<String>>,
    /// Outcome of each id that matters to the purpose; `None` when it did not run.
    pub outcomes: BTreeMap<String, Option<Outcome>>,
    /// Number of tests that ran and passed.
    pub passed: u64,
    /// Number of tests that ran red.
    pub red: u64,
    /// Wall time.
    pub wall: Duration,
    /// Tests that ran without being wanted, because the runner cannot select exactly; they count for nothing.
    #[serde(default)]
    pub surplus: u64,
}

/// The proof of one patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Version of this record's shape.
    pub schema: u32,
    /// Where and on what it was made.
    pub environment: Environment,
    /// Hash of the patch that was proven.
    pub patch_hash: String,
    /// Fingerprint of the healed failures.
    pub signature: Signature,
    /// The tests that were red and are green.
    pub healed: Vec<TestId>,
    /// The runs, in order.
    pub runs: Vec<RunRecord>,
}

impl Certificate {
    /// The current shape's version.
    pub const SCHEMA: u32 = 1;
}
