//! The hub: candidates judged side by side, each in a test bed of its own, until one is proven.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::heal::coincidence::special_cased;
use crate::heal::session::{HealError, Session};
use crate::model::{Candidate, Estimate, Event, Exhausted, Failure, Patch, Verdict};
use crate::verify::{self, Judgement, Oracle, TestBed, Trouble};

/// Candidates for which one more test bed is worth opening: its copy of the build has to pay for itself.
const CANDIDATES_PER_BED: usize = 4;

/// Candidates that are still judged after one was proven that leaves related failures or brings a number of the test: a
/// patch that fits one test and not its siblings is likely to be a coincidence.
const FURTHER_MAX: usize = 64;

/// A candidate whose patch is known.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) candidate: Candidate,
    pub(super) patch: Patch,
}

/// A candidate with its judgement.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) candidate: Candidate,
    pub(super) patch: Patch,
    pub(super) judgement: Judgement,
    /// A number that the patch brings and only the failing test explains.
    pub(super) special_cased: Option<u128>,
}

impl Judged {
    /// Returns how much a proven patch leaves to be wished for: tests it uncovers that fail, related tests that still
    /// do, and one more when it may be a special case.
    fn n_left(&self, oracle: &Oracle) -> Option<usize> {
        match &self.judgement.verdict {
            Verdict::Plausible { uncovered, .. } => {
                let n_left_red = self.judgement.n_left_red(&oracle.related);
                Some(uncovered.len() + n_left_red + usize::from(self.special_cased.is_some()))
            }
            Verdict::Refused(_)
            | Verdict::Unviable { .. }
            | Verdict::StillFailing { .. }
            | Verdict::TimedOut
            | Verdict::Regressing { .. } => None,
        }
    }
}

/// What was judged so far in one cluster.
#[derive(Debug, Default)]
pub(super) struct Trials {
    /// What is to be healed.
    failures: Vec<Failure>,
    /// Proven candidates, in the order they ended.
    proven: Vec<Judged>,
    /// Candidates judged since the first one was proven.
    n_since: usize,
    /// The limit that ended the last batch early.
    pub(super) exhausted: Option<Exhausted>,
}

impl Trials {
    /// Begins with nothing judged.
    pub(super) fn new(failures: Vec<Failure>) -> Self {
        Self { failures, ..Self::default() }
    }

    /// Takes note of a judged candidate.
    fn enter(&mut self, mut judged: Judged) {
        self.n_since += usize::from(!self.proven.is_empty());
        if judged.judgement.verdict.is_plausible() {
            judged.special_cased = special_cased(&judged.patch, &self.failures);
            self.proven.push(judged);
        }
    }

    /// Returns the best proven candidate: the one that leaves least to heal, then the highest score.
    pub(super) fn best(&self, oracle: &Oracle) -> Option<&Judged> {
        let proven = self.proven.iter().filter_map(|judged| Some((judged.n_left(oracle)?, judged)));
        let best = proven.min_by(|(a_left, a), (b_left, b)| {
            a_left.cmp(b_left).then(b.candidate.score.total_cmp(&a.candidate.score))
        });
        best.map(|(_, judged)| judged)
    }

    /// Tells whether the search is over: a proven candidate leaves nothing, or many more were tried after one that does.
    pub(super) fn is_settled(&self, oracle: &Oracle) -> bool {
        let is_clean = self.proven.iter().any(|judged| judged.n_left(oracle) == Some(0));
        is_clean || self.n_since > FURTHER_MAX
    }
}

impl Session<'_> {
    /// Judges candidates in order, as many at once as there are test beds; starts none once `trials` is settled.
    /// Those not started stay in `waiting`. Returns what was judged, in the order it ended.
    pub(super) async fn judge_batch(
        &mut self,
        waiting: &mut Vec<Waiting>,
        oracle: &Oracle,
        trials: &mut Trials,
    ) -> Result<Vec<Judged>, HealError> {
        self.widen(waiting.len().div_ceil(CANDIDATES_PER_BED)).await?;
        let mut idle = std::mem::take(&mut self.beds);
        let mut busy = FuturesUnordered::new();
        let mut batch = Vec::new();
        trials.exhausted = None;
        let mut trouble = None;
        waiting.reverse();
        loop {
            let may_start = trouble.is_none() && trials.exhausted.is_none() && !trials.is_settled(oracle);
            if may_start && !waiting.is_empty() && !idle.is_empty() {
                trials.exhausted = self.refuses(Estimate { attempts: 1, ..Estimate::default() });
                if trials.exhausted.is_none()
                    && let (Some(bed), Some(next)) = (idle.pop(), waiting.pop())
                {
                    self.spend.attempts += 1;
                    busy.push(judge_one(bed, next, oracle));
                }
                continue;
            }
            let Some((bed, done, outcome, wall)) = busy.next().await else { break };
            idle.push(bed);
            match outcome {
                Ok(judgement) => {
                    let judged = self.tell(done, judgement, wall);
                    trials.enter(judged.clone());
                    batch.push(judged);
                }
                Err(Trouble::OutOfTime) => trials.exhausted = Some(Exhausted::Time),
                Err(other) => trouble = Some(other),
            }
        }
        drop(busy);
        waiting.reverse();
        self.beds = idle;
        match trouble {
            Some(trouble) => Err(trouble.into()),
            None => Ok(batch),
        }
    }

    fn tell(&mut self, waiting: Waiting, judgement: Judgement, wall: Duration) -> Judged {
        let origin = waiting.candidate.origin.clone();
        self.say(&Event::Judged { origin, verdict: judgement.verdict.clone(), wall });
        Judged { candidate: waiting.candidate, patch: waiting.patch, judgement, special_cased: None }
    }
}

async fn judge_one(
    mut bed: TestBed,
    waiting: Waiting,
    oracle: &Oracle,
) -> (TestBed, Waiting, Result<Judgement, Trouble>, Duration) {
    let start = Instant::now();
    let outcome = verify::judge(&mut bed, &waiting.patch, oracle).await;
    (bed, waiting, outcome, start.elapsed())
}
