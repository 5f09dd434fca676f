//! The search for one cluster's patch: asks debuggers tier by tier and has their candidates judged.

use std::collections::BTreeSet;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::context;
use crate::debugger::remembered::Remembered;
use crate::debugger::{Debugger, DebuggerError};
use crate::heal::hub::{Judged, Trials, Waiting};
use crate::heal::policy::{self, Allowed, Seen, Step};
use crate::heal::session::{HealError, Session};
use crate::model::{
    Attempt, Candidate, Event, Evidence, Exhausted, FailureCluster, Patch, Proposal, Remedy, SessionOutcome, TestId,
    Tier, Verdict,
};
use crate::patch;
use crate::text::words;
use crate::verify::Oracle;

/// Search candidates that are judged before an endpoint is asked.
const SEARCHED_BEFORE_ENDPOINT: usize = 40;

/// What a search came to.
pub(super) enum Found {
    Proven(Box<Judged>),
    Exhausted(Exhausted),
    Nothing(String),
}

/// The search for one cluster's patch.
pub(super) struct Search {
    evidence: Evidence,
    remembered: Remembered,
    seen: Seen,
    allowed: Allowed,
    waiting: Vec<Waiting>,
    pool: Vec<Waiting>,
    trials: Trials,
    /// Hashes of patches that were judged or wait; nothing is judged twice.
    known: BTreeSet<String>,
    /// The limit that a further endpoint call would exceed; cheaper candidates may still be judged.
    out_of_calls: Option<Exhausted>,
    /// What debuggers said that a person should read when nothing is found.
    notes: Vec<String>,
}

impl Search {
    pub(super) fn new(session: &Session<'_>, cluster: &FailureCluster, related: &[TestId]) -> Self {
        let recalled = session.knowledge.as_ref().map(|knowledge| knowledge.recall(&cluster.signature));
        let evidence = context::evidence(cluster, related, &session.tree, &session.changes, &session.redactor);
        let remembered = Remembered::new(recalled.unwrap_or_default());
        let mut tiers: Vec<_> = session.debuggers.iter().map(|debugger| debugger.tier()).collect();
        tiers.push(Tier::Known);
        tiers.sort();
        tiers.dedup();
        let n_calls_max = session.options.endpoint.as_ref().map_or(0, |endpoint| endpoint.attempts_max);
        Self {
            evidence,
            remembered,
            seen: Seen::default(),
            allowed: Allowed { tiers, n_searched_before_endpoint: SEARCHED_BEFORE_ENDPOINT, n_calls_max },
            waiting: Vec::new(),
            pool: Vec::new(),
            trials: Trials::new(cluster.failures.clone()),
            known: BTreeSet::new(),
            out_of_calls: None,
            notes: Vec::new(),
        }
    }

    /// Goes on until a candidate is proven, a limit is reached, or nobody has a further idea.
    pub(super) async fn find(&mut self, session: &mut Session<'_>, oracle: &Oracle) -> Result<Found, HealError> {
        loop {
            (self.seen.n_waiting, self.seen.n_search_waiting) = (self.waiting.len(), self.pool.len());
            match policy::next(&self.seen, &self.allowed) {
                Step::Ask(tier) => self.ask(session, tier).await?,
                Step::Judge => {
                    let batch = std::mem::take(&mut self.waiting);
                    self.judge(session, batch, oracle).await?;
                }
                Step::Search(n_candidates) => {
                    let later = self.pool.split_off(n_candidates);
                    let batch = std::mem::replace(&mut self.pool, later);
                    self.seen.n_searched += batch.len();
                    self.judge(session, batch, oracle).await?;
                }
                end @ (Step::Review | Step::Exhausted(_) | Step::GiveUp) => return Ok(self.end(end, oracle)),
            }
        }
    }

    /// Returns the best that was proven, else why there is nothing.
    fn end(&self, step: Step, oracle: &Oracle) -> Found {
        let exhausted = match step {
            Step::Exhausted(exhausted) => Some(exhausted),
            _ => self.out_of_calls,
        };
        match (self.trials.best(oracle), exhausted) {
            (Some(proven), _) => Found::Proven(Box::new(proven.clone())),
            (None, Some(exhausted)) => Found::Exhausted(exhausted),
            (None, None) => Found::Nothing(self.reason()),
        }
    }

    fn reason(&self) -> String {
        let n_judged = self.evidence.attempts.len();
        let mut reason = match n_judged {
            0 => "no debugger had a candidate".to_owned(),
            n => format!("none of {} held", words::count(n, "candidate")),
        };
        for note in &self.notes {
            reason.push_str("; ");
            reason.push_str(note);
        }
        reason
    }

    /// Judges a batch; what was learned goes into the evidence.
    async fn judge(
        &mut self,
        session: &mut Session<'_>,
        mut batch: Vec<Waiting>,
        oracle: &Oracle,
    ) -> Result<(), HealError> {
        let judged_now = session.judge_batch(&mut batch, oracle, &mut self.trials).await?;
        for judged in &judged_now {
            let attempt = attempt(session, &judged.candidate, Some(&judged.patch), &judged.judgement.verdict);
            self.evidence.attempts.push(attempt);
        }
        session.learn_judged(&self.evidence.cluster, &judged_now);
        self.seen.exhausted = self.trials.exhausted;
        self.seen.is_proven = self.trials.is_settled(oracle);
        Ok(())
    }

    /// Asks every debugger of a tier.
    async fn ask(&mut self, session: &mut Session<'_>, tier: Tier) -> Result<(), HealError> {
        self.seen.asked.push(tier);
        let debuggers = std::mem::take(&mut session.debuggers);
        let mut result = Ok(());
        let remembered: &dyn Debugger = &self.remembered;
        let mut proposals = Vec::new();
        let own = (tier == Tier::Known && session.options.allows(remembered.name())).then_some(remembered);
        for debugger in debuggers.iter().map(AsRef::as_ref).filter(|debugger| debugger.tier() == tier).chain(own) {
            if let Some(exhausted) = session.refuses(debugger.estimate(&self.evidence)) {
                self.out_of_calls = Some(exhausted);
                self.seen.endpoint_is_done = true;
                break;
            }
            session.say(&Event::StepStarted { what: format!("asking {}", debugger.name()) });
            let proposing = debugger.propose(&self.evidence);
            let answer = tokio::select! {
                answer = proposing => answer,
                () = session.cancel.cancelled() => {
                    result = Err(HealError::ended(SessionOutcome::Interrupted, "interrupted", ""));
                    break;
                }
            };
            proposals.push((debugger.name(), answer));
        }
        session.debuggers = debuggers;
        result?;
        for (name, answer) in proposals {
            self.take_answer(session, name, tier, answer);
        }
        self.pool = interleaved(std::mem::take(&mut self.pool), session.options.seed);
        Ok(())
    }

    fn take_answer(
        &mut self,
        session: &mut Session<'_>,
        debugger: &str,
        tier: Tier,
        answer: Result<Proposal, DebuggerError>,
    ) {
        self.seen.n_calls += u32::from(tier == Tier::Remote);
        let (candidates, usage, note) = match answer {
            Ok(proposal) => {
                self.seen.endpoint_is_done |= tier == Tier::Remote && proposal.candidates.is_empty();
                (proposal.candidates, proposal.usage, proposal.note)
            }
            Err(error) => {
                self.seen.endpoint_is_done |= tier == Tier::Remote;
                let hint = if error.hint.is_empty() { String::new() } else { format!(" ({})", error.hint) };
                (Vec::new(), error.usage, format!("{}{hint}", error.sentence))
            }
        };
        session.spend.usage.add(&usage);
        if !note.is_empty() {
            self.notes.push(format!("{debugger}: {note}"));
        }
        let n_candidates = candidates.len();
        session.say(&Event::Proposed { debugger: debugger.to_owned(), n_candidates, usage, note });
        for candidate in candidates {
            self.take_candidate(session, tier, candidate);
        }
    }

    /// Takes note that a second debugger proposes what waits already: it counts as the second one's, and as likelier.
    fn agree(&mut self, candidate: Candidate, patch: &Patch) {
        if let Some(known) = self.pool.iter_mut().find(|waiting| waiting.patch == *patch)
            && known.candidate.origin.debugger != candidate.origin.debugger
        {
            let score = (known.candidate.score.max(candidate.score) + AGREEMENT).min(0.0);
            known.candidate = Candidate { score, ..candidate };
        }
    }

    /// Turns a candidate into a patch that waits; one that is no patch is judged refused on the spot.
    fn take_candidate(&mut self, session: &mut Session<'_>, tier: Tier, candidate: Candidate) {
        let resolved = match &candidate.remedy {
            Remedy::Patch(patch) => Ok(patch.clone()),
            Remedy::Reply(reply) => session.resolve(reply),
        };
        match resolved {
            Ok(patch) if session.was_rejected(&self.evidence.cluster, &patch) => {
                self.notes.push(format!("{} was rejected before", candidate.origin));
            }
            Ok(patch) if self.known.insert(patch.hash()) => {
                let waiting = if tier == Tier::Search { &mut self.pool } else { &mut self.waiting };
                waiting.push(Waiting { candidate, patch });
            }
            Ok(patch) => {
                self.seen.endpoint_is_done |= tier == Tier::Remote;
                self.agree(candidate, &patch);
            }
            Err(refusal) => {
                let verdict = Verdict::Refused(refusal);
                session.spend.attempts += 1;
                self.evidence.attempts.push(attempt(session, &candidate, None, &verdict));
                session.say(&Event::Judged { origin: candidate.origin, verdict, wall: Duration::ZERO });
            }
        }
    }
}

/// How much likelier a candidate is that two debuggers propose, as a natural logarithm.
const AGREEMENT: f64 = 1.4;

/// Orders search candidates by score, but so that no debugger's few are drowned by another's many: of every three the
/// third is the best one left of another debugger than the first two, as long as there is one. Equal scores are drawn
/// by lot; the same seed draws the same lots.
fn interleaved(mut candidates: Vec<Waiting>, seed: u64) -> Vec<Waiting> {
    candidates.sort_by_cached_key(|waiting| xxh3_64_with_seed(waiting.patch.hash().as_bytes(), seed));
    candidates.sort_by(|a, b| b.candidate.score.total_cmp(&a.candidate.score));
    let mut ordered: Vec<Waiting> = Vec::with_capacity(candidates.len());
    while !candidates.is_empty() {
        let name = |waiting: &Waiting| waiting.candidate.origin.debugger.clone();
        let crowd = match ordered.as_slice() {
            [.., a, b] if ordered.len() % 3 == 2 && name(a) == name(b) => Some(name(a)),
            _ => None,
        };
        let next = crowd.and_then(|crowd| candidates.iter().position(|waiting| name(waiting) != crowd));
        ordered.push(candidates.remove(next.unwrap_or(0)));
    }
    ordered
}

fn attempt(session: &Session<'_>, candidate: &Candidate, patch: Option<&Patch>, verdict: &Verdict) -> Attempt {
    Attempt {
        debugger: candidate.origin.debugger.clone(),
        diff: session.redactor.redact(&patch.map(patch::unified).unwrap_or_default()),
        verdict: verdict.word().to_owned(),
        detail: session.redactor.redact(&verdict.detail()),
    }
}
