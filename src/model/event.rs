//! What happens in a session, as reporters hear it. Nothing below the loop prints.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    Blame, Certificate, Counts, Exhausted, FailureCluster, Origin, Patch, Spend, TestId, Usage, Verdict,
};

/// What a reviewer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Review {
    /// Apply it.
    Accept,
    /// It is wrong; remember that.
    Reject,
    /// Not now.
    Skip,
    /// Not now, and nothing else either.
    Quit,
}

/// How a session ended; each has one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing was failing.
    NothingFailing,
    /// Everything was healed.
    Healed,
    /// Failing tests remain.
    Remaining,
    /// The budget ended before the failing tests did.
    BudgetExhausted,
    /// There was no readable test output.
    Unreadable,
    /// The failures did not reproduce.
    NotReproduced,
    /// The failures are not this tool's to heal.
    NotOurs,
    /// A proven patch waits, or none was accepted.
    AwaitingReview,
    /// The user stopped it.
    Interrupted,
}

impl Outcome {
    /// Returns the process exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::NothingFailing | Self::Healed => 0,
            Self::Remaining => 1,
            Self::BudgetExhausted => 3,
            Self::Unreadable => 4,
            Self::NotReproduced => 5,
            Self::NotOurs => 6,
            Self::AwaitingReview => 7,
            Self::Interrupted => 130,
        }
    }
}

/// One thing that happened. Each variant is complete in itself: a listener needs no memory to print it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The session began.
    SessionStarted {
        /// Project root.
        root: String,
        /// Test runner.
        runner: String,
        /// Names of the debuggers that may be used, in order.
        debuggers: Vec<String>,
        /// Whether an endpoint is configured.
        endpoint: bool,
        /// The rung of the sandbox that candidates run in, `R2` to `R4`; `R1` stands for none.
        sandbox: String,
    },
    /// A long step began; progress displays show it.
    StepStarted {
        /// What is being done, for people.
        what: String,
    },
    /// A report or a run's output was read.
    ReportRead {
        /// What was read: a path, `standard input`, or a command.
        source: String,
        /// Results by outcome.
        counts: Counts,
        /// Complaints of the readers, for people.
        complaints: Vec<String>,
    },
    /// The failing tests were re-run alone on the untouched tree.
    Reproduced {
        /// Tests that are red again.
        red: Vec<TestId>,
        /// Tests that passed this time.
        green: Vec<TestId>,
        /// Tests that do not exist in this project, or did not run.
        missing: Vec<TestId>,
    },
    /// The failures were clustered.
    Clustered {
        /// The clusters, in the order they will be taken.
        clusters: Vec<FailureCluster>,
    },
    /// A cluster is not going to be healed.
    ClusterRefused {
        /// Its title.
        cluster: String,
        /// Why.
        blame: Blame,
        /// The sentence for people.
        sentence: String,
    },
    /// Work on a cluster began.
    ClusterStarted {
        /// Its title.
        cluster: String,
        /// Position, from 1.
        position: usize,
        /// Number of clusters.
        n_clusters: usize,
    },
    /// A debugger answered.
    Proposed {
        /// Its name.
        debugger: String,
        /// Number of candidates.
        n_candidates: usize,
        /// What asking cost.
        usage: Usage,
        /// What it had to say, or empty.
        note: String,
    },
    /// A candidate was taken through verification.
    Judged {
        /// Who proposed it.
        origin: Origin,
        /// The verdict.
        verdict: Verdict,
        /// Wall time of the verification.
        wall: Duration,
    },
    /// A candidate was proven.
    Proven {
        /// The cluster's title.
        cluster: String,
        /// Who proposed it.
        origin: Origin,
        /// The patch.
        patch: Patch,
        /// The patch as a unified diff.
        diff: String,
        /// What a reviewer should know.
        verdict: Verdict,
        /// The proof.
        certificate: Box<Certificate>,
    },
    /// A proven patch was reviewed.
    Reviewed {
        /// The cluster's title.
        cluster: String,
        /// The answer.
        review: Review,
    },
    /// An accepted patch was written to the user's tree.
    Applied {
        /// The cluster's title.
        cluster: String,
        /// Paths written.
        paths: Vec<String>,
    },
    /// A cluster could not be healed.
    ClusterUnhealed {
        /// Its title.
        cluster: String,
        /// Why, for people.
        reason: String,
    },
    /// The patch of another cluster turned a cluster's tests green as well.
    ClusterHealedToo {
        /// Its title.
        cluster: String,
        /// The title of the cluster whose patch it was.
        with: String,
    },
    /// Something a user should know.
    Notice {
        /// The sentence.
        sentence: String,
    },
    /// A budget ended the search.
    BudgetExhausted {
        /// Which one.
        exhausted: Exhausted,
    },
    /// The session ended.
    SessionEnded {
        /// How.
        outcome: Outcome,
        /// What it cost.
        spend: Spend,
        /// Clusters healed.
        n_healed: usize,
        /// Clusters in all.
        n_clusters: usize,
    },
}
