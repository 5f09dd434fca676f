//! The words of the program as plain data: what passes from one stage to the next.
//!
//! The model does no I/O, reads no clock and knows no async; it only holds together what belongs together.

mod budget;
mod build;
mod candidate;
mod certificate;
mod cluster;
mod event;
mod evidence;
mod failure;
mod fix;
mod patch;
mod test;
mod verdict;

pub use budget::{Budget, Estimate, Exhausted, Spend, Usage};
pub use build::{BuildReport, BuildTarget};
pub use candidate::{Candidate, Origin, Proposal, Remedy, Tier};
pub use certificate::{Certificate, Environment, RunRecord};
pub use cluster::{Blame, FailureCluster, Signature};
pub use event::{Event, Outcome as SessionOutcome, Review};
pub use evidence::{Attempt, Evidence, Excerpt, RecentChange, Redacted, Section};
pub use failure::{Diagnostic, FailedAttempt, Failure, FailureClass, FlakyPass, Frame, Location, Span, Suggestion};
pub use fix::{Fix, Standing, Uses};
pub use patch::{FileChange, Patch, PatchError};
pub use test::{Counts, IdHash, Outcome, TestCase, TestId, TestReport};
pub use verdict::{Finding, Refusal, Verdict};
