//! The bounded bundle a debugger sees, and the type of text that may leave the machine.

use std::collections::BTreeMap;
use std::fmt;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::model::{FailureCluster, FileChange, Location};

/// Text from which secrets have been removed. Only `text::redact` makes it, and only it may be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redacted(String);

impl Redacted {
    /// Wraps text that `text::redact` has cleaned; nothing else may call this.
    pub(crate) fn assume_clean(text: String) -> Self {
        Self(text)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which part of a prompt an excerpt belongs to; the order is the order in the prompt, stable parts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Language, test command.
    Project,
    /// Source of suspicious functions.
    Source,
    /// Source of the failing test.
    Test,
    /// Recent changes of those files, as a diff.
    Change,
    /// An earlier fix of something similar, as a diff.
    Remembered,
    /// Test id, message, expected and actual, trimmed output.
    Failure,
}

/// One piece of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// Where it belongs.
    pub section: Section,
    /// What it is, such as a path with a line range; itself redacted.
    pub title: Redacted,
    /// The text.
    pub text: Redacted,
}

/// What became of one candidate, told to the next proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Who proposed it.
    pub debugger: String,
    /// The proposed diff, redacted; empty when the reply held none.
    pub diff: Redacted,
    /// The verdict in one word, such as `still failing`.
    pub verdict: String,
    /// The new failure or the refusal, redacted and capped.
    pub detail: Redacted,
}

/// The bounded bundle a debugger sees.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The failures to heal.
    pub cluster: FailureCluster,
    /// Whole texts of the product files under suspicion, by path; stays on this machine.
    pub sources: BTreeMap<Utf8PathBuf, String>,
    /// The change that may have turned the tests red, product files only, newest state `after`; stays on this machine.
    /// The first element is the uncommitted change, then one a commit, newest first.
    pub changes: Vec<RecentChange>,
    /// What may be sent to an endpoint, in prompt order.
    pub excerpts: Vec<Excerpt>,
    /// What has been tried in this cluster, oldest first.
    pub attempts: Vec<Attempt>,
}

/// One step of the project's recent past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentChange {
    /// `uncommitted change`, or a commit's short id and subject.
    pub title: String,
    /// The files it changed, as they were before and are after it.
    pub files: Vec<FileChange>,
}

impl Evidence {
    /// Returns the suspicious places, most suspicious first.
    pub fn locations(&self) -> &[(Location, f64)] {
        &self.cluster.locations
    }
}
