//! Evidence → candidates. One file or folder per debugger; none of them touches a tree or runs a test.

pub mod compiler;
mod recent;
pub mod remembered;
pub mod remote;
pub mod revert;
pub mod scripted;
mod suspicion;
pub mod template;
mod tokens;

use std::future::Future;
use std::pin::Pin;

use thiserror::Error;

use crate::model::{Estimate, Evidence, Proposal, Tier};

/// Something that proposes remedies.
pub trait Debugger: Send + Sync {
    /// The name `--debugger` takes.
    fn name(&self) -> &'static str;

    /// How dear it is to ask.
    fn tier(&self) -> Tier;

    /// Estimates what asking will cost; nothing for a debugger that asks no endpoint.
    fn estimate(&self, _evidence: &Evidence) -> Estimate {
        Estimate::default()
    }

    /// Proposes candidates for one cluster. Finding none is an empty proposal, not an error.
    fn propose<'a>(&'a self, evidence: &'a Evidence) -> Proposing<'a>;
}

/// A proposal in the making; dropping it cancels it.
pub type Proposing<'a> = Pin<Box<dyn Future<Output = Result<Proposal, DebuggerError>> + Send + 'a>>;

/// Why a debugger could not do its work.
#[derive(Debug, Error)]
#[error("{sentence}")]
pub struct DebuggerError {
    /// What happened, for people; names the thing.
    pub sentence: String,
    /// What to do about it, or empty.
    pub hint: String,
    /// Whether asking this debugger again in this session is pointless (wrong key, no such model).
    pub terminal: bool,
    /// What was spent before it failed.
    pub usage: crate::model::Usage,
}
