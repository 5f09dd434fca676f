//! What one session holds, and the door through which it is heard and asked.

use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use thiserror::Error;

use crate::config::Options;
use crate::context::Tree;
use crate::debugger::Debugger;
use crate::knowledge::Knowledge;
use crate::model::{Estimate, Event, Exhausted, Patch, RecentChange, Review, SessionOutcome, Spend};
use crate::patch::Policy;
use crate::process::Cancel;
use crate::process::sandbox::Sandbox;
use crate::runner::Runner;
use crate::text::redact::Redactor;
use crate::verify::{TestBed, Trouble};
use crate::workspace::{Lock, Project, Snapshot, WorkspaceError};

/// Whoever started the session: hears what happens, and answers when a proven patch is shown.
pub trait Door: Send {
    /// Hears an event.
    fn hear(&mut self, event: &Event);

    /// Answers whether the patch of the last [`Event::Proven`] shall be applied. Called only in review mode.
    fn review(&mut self) -> Review;
}

/// Why a session could not do its work.
#[derive(Debug, Error)]
#[error("{sentence}")]
pub struct HealError {
    /// What happened; names the thing.
    pub sentence: String,
    /// What to do about it, or empty.
    pub hint: String,
    /// The outcome it amounts to; `None` is an internal error.
    pub outcome: Option<SessionOutcome>,
    /// Whether it is the user's settings that are wrong (exit code 2).
    pub is_usage: bool,
}

impl HealError {
    /// Makes an error of the user's settings.
    pub fn usage(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: hint.into(), outcome: None, is_usage: true }
    }

    /// Makes an error that amounts to an outcome.
    pub fn ended(outcome: SessionOutcome, sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: hint.into(), outcome: Some(outcome), is_usage: false }
    }
}

impl From<Trouble> for HealError {
    fn from(trouble: Trouble) -> Self {
        let outcome = match trouble {
            Trouble::Interrupted => Some(SessionOutcome::Interrupted),
            Trouble::OutOfTime => Some(SessionOutcome::BudgetExhausted),
            Trouble::Workspace(_) | Trouble::Spawn(_) | Trouble::Patch(_) => None,
        };
        Self { sentence: trouble.to_string(), hint: String::new(), outcome, is_usage: false }
    }
}

impl From<WorkspaceError> for HealError {
    fn from(error: WorkspaceError) -> Self {
        let hint = error.hint().unwrap_or_default();
        Self { sentence: error.to_string(), hint, outcome: None, is_usage: !error.is_internal() }
    }
}

/// One run of the program over one project.
pub struct Session<'a> {
    /// What the user wants.
    pub options: &'a Options,
    pub(super) door: &'a mut dyn Door,
    pub(super) cancel: Cancel,
    pub(super) started: Instant,
    pub(super) spend: Spend,
    pub(super) project: Project,
    pub(super) snapshot: Snapshot,
    pub(super) tree: Tree,
    pub(super) runner: &'static dyn Runner,
    pub(super) redactor: Redactor,
    pub(super) policy: Policy,
    pub(super) knowledge: Option<Knowledge>,
    pub(super) debuggers: Vec<Box<dyn Debugger>>,
    /// What confines candidates.
    pub(super) sandbox: Sandbox,
    pub(super) changes: Vec<RecentChange>,
    pub(super) beds: Vec<TestBed>,
    /// Patches accepted (or, with `--propose`, proven) so far, joined.
    pub(super) base: Patch,
    pub(super) state: Utf8PathBuf,
    pub(super) _lock: Lock,
}

impl Session<'_> {
    /// Tells the door.
    pub(super) fn say(&mut self, event: &Event) {
        self.door.hear(event);
    }

    /// Tells the door a sentence.
    pub(super) fn notice(&mut self, sentence: impl Into<String>) {
        self.say(&Event::Notice { sentence: sentence.into() });
    }

    /// Brings the spend up to date and returns it.
    pub(super) fn spend(&mut self) -> &Spend {
        self.spend.wall = self.started.elapsed();
        self.spend.runs = self.beds.iter().map(TestBed::n_runs).sum();
        &self.spend
    }

    /// Takes time that a person took to answer out of the session's.
    pub(super) fn wait_does_not_count(&mut self, wait: Duration) {
        self.started += wait;
        for bed in &mut self.beds {
            bed.postpone(wait);
        }
    }

    /// Tells which limit a further step would exceed.
    pub(super) fn refuses(&mut self, next: Estimate) -> Option<Exhausted> {
        let budget = &self.options.budget;
        self.spend.wall = self.started.elapsed();
        budget.refuses(&self.spend, next)
    }
}
