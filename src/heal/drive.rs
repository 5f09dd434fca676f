//! Drives a session: next step (policy), do it, learn, next.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::config::{Input, Mode, Options};
use crate::context;
use crate::heal::baseline::Baseline;
use crate::heal::hub::Judged;
use crate::heal::search::{Found, Search};
use crate::heal::session::{Door, HealError, Session};
use crate::model::{
    Certificate, Environment, Event, Exhausted, FailureCluster, Finding, Outcome, Review, SessionOutcome, TestId,
    Verdict,
};
use crate::patch;
use crate::process::Cancel;
use crate::triage;
use crate::verify::{self, Judgement, Oracle};
use crate::workspace::{self, WorkspaceError};

/// How one cluster ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClusterEnd {
    Healed,
    /// Proven, but not applied.
    Waiting,
    /// Nobody found a patch.
    Unhealed,
    /// Not ours to heal.
    Refused,
    Exhausted(Exhausted),
    /// Proven, not applied, and the user wants to stop.
    Quit,
}

/// Heals what is failing: the whole session, from reading results to its outcome.
pub async fn heal(options: &Options, door: &mut dyn Door, cancel: Cancel) -> Result<SessionOutcome, HealError> {
    let mut session = Session::open(options, door, cancel).await?;
    let (outcome, ends) = match session.run().await {
        Ok(ends) => (outcome(&ends), ends),
        Err(Stop::Early(outcome)) => (outcome, Vec::new()),
        Err(Stop::Error(error)) => match error.outcome {
            Some(outcome @ (SessionOutcome::Interrupted | SessionOutcome::BudgetExhausted)) => {
                session.notice(error.sentence);
                (outcome, Vec::new())
            }
            _ => return Err(error),
        },
    };
    let spend = session.spend().clone();
    let n_healed = ends.iter().filter(|end| **end == ClusterEnd::Healed).count();
    session.say(&Event::SessionEnded { outcome, spend, n_healed, n_clusters: ends.len() });
    Ok(outcome)
}

/// Why a session ends before its clusters do.
enum Stop {
    Early(SessionOutcome),
    Error(HealError),
}

impl<E: Into<HealError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Tells the reviewer what speaks for a coincidence: related failures that a patch leaves, a number of the test in it.
fn with_doubts(mut proven: Judged, oracle: &Oracle) -> Judged {
    let special_cased = proven.special_cased;
    let n_left = proven.judgement.n_left_red(&oracle.related);
    if let Verdict::Plausible { findings, .. } = &mut proven.judgement.verdict
        && n_left > 0
    {
        let n_related = oracle.related.len();
        let sentence =
            format!("{n_left} of {n_related} failing tests that reach the same code still fail with this patch");
        findings.push(Finding { kind: "leaves-related-failures".to_owned(), sentence });
    }
    if let (Verdict::Plausible { findings, .. }, Some(number)) = (&mut proven.judgement.verdict, special_cased) {
        let sentence = format!("the patch brings the number {number}, which only the failing test explains");
        findings.push(Finding { kind: "special-casing".to_owned(), sentence });
    }
    proven
}

fn outcome(ends: &[ClusterEnd]) -> SessionOutcome {
    let any = |wanted: fn(&ClusterEnd) -> bool| ends.iter().any(wanted);
    if any(|end| matches!(end, ClusterEnd::Exhausted(_))) {
        SessionOutcome::BudgetExhausted
    } else if any(|end| *end == ClusterEnd::Unhealed) {
        SessionOutcome::Remaining
    } else if any(|end| matches!(end, ClusterEnd::Waiting | ClusterEnd::Quit)) {
        SessionOutcome::AwaitingReview
    } else if any(|end| *end == ClusterEnd::Refused) {
        SessionOutcome::NotOurs
    } else {
        SessionOutcome::Healed
    }
}

impl Session<'_> {
    async fn run(&mut self) -> Result<Vec<ClusterEnd>, Stop> {
        let reported = match &self.options.input {
            Input::Run => None,
            Input::Reports(patterns) => Some(self.read_reports(patterns)?),
            Input::Command(command) => Some(self.run_command(command).await?),
        };
        if reported.as_ref().is_some_and(Vec::is_empty) {
            return Err(Stop::Early(SessionOutcome::NothingFailing));
        }
        let mut baseline = self.baseline(reported.as_deref()).await?;
        if baseline.failures.is_empty() {
            let was_red = reported.is_some() || !baseline.green.is_empty();
            let early = if was_red { SessionOutcome::NotReproduced } else { SessionOutcome::NothingFailing };
            return Err(Stop::Early(early));
        }
        let mut queue = self.cluster(&baseline);
        let mut ends = Vec::new();
        while !queue.is_empty() {
            let cluster = queue.remove(0);
            let n_clusters = ends.len() + 1 + queue.len();
            let position = ends.len() + 1;
            self.say(&Event::ClusterStarted { cluster: cluster.title(), position, n_clusters });
            let (end, n_healed_too) = self.heal_cluster(&cluster, &mut baseline, &mut queue).await?;
            ends.push(end);
            ends.extend(std::iter::repeat_n(ClusterEnd::Healed, n_healed_too));
            match end {
                ClusterEnd::Exhausted(exhausted) => {
                    self.say(&Event::BudgetExhausted { exhausted });
                    break;
                }
                ClusterEnd::Quit => break,
                ClusterEnd::Healed | ClusterEnd::Waiting | ClusterEnd::Unhealed | ClusterEnd::Refused => {}
            }
        }
        ends.extend(queue.iter().map(|_| ClusterEnd::Unhealed));
        Ok(ends)
    }

    fn cluster(&mut self, baseline: &Baseline) -> Vec<FailureCluster> {
        let clusters = triage::clusters(baseline.failures.clone(), &self.tree.layout);
        self.say(&Event::Clustered { clusters: clusters.clone() });
        clusters
    }

    async fn heal_cluster(
        &mut self,
        cluster: &FailureCluster,
        baseline: &mut Baseline,
        queue: &mut Vec<FailureCluster>,
    ) -> Result<(ClusterEnd, usize), HealError> {
        let title = cluster.title();
        if let Some((blame, sentence)) = triage::refusal(cluster) {
            self.say(&Event::ClusterRefused { cluster: title, blame, sentence });
            return Ok((ClusterEnd::Refused, 0));
        }
        let oracle = Oracle {
            failing: cluster.ids(),
            related: self.related(cluster, queue, baseline),
            before: baseline.before.clone(),
            built: baseline.built.clone(),
            confirm: self.options.confirm,
            policy: self.policy.clone(),
        };
        let mut search = Search::new(self, cluster, &oracle.related);
        let proven = match search.find(self, &oracle).await? {
            Found::Proven(proven) => self.minimised(*proven, &oracle).await?,
            Found::Exhausted(exhausted) => return Ok((ClusterEnd::Exhausted(exhausted), 0)),
            Found::Nothing(reason) => {
                self.say(&Event::ClusterUnhealed { cluster: title, reason });
                return Ok((ClusterEnd::Unhealed, 0));
            }
        };
        let proven = with_doubts(proven, &oracle);
        self.show(cluster, &proven, baseline);
        let end = self.settle_review(cluster, &proven).await?;
        let n_healed_too = match end {
            ClusterEnd::Healed => self.stand_on(cluster, &proven, baseline, queue).await?,
            _ => 0,
        };
        Ok((end, n_healed_too))
    }

    /// Returns the tests of waiting clusters that are suspected in the same functions as this one, and red tests that
    /// nobody reported.
    fn related(&self, cluster: &FailureCluster, queue: &[FailureCluster], baseline: &Baseline) -> Vec<TestId> {
        let places = |cluster: &FailureCluster| context::suspected_functions(cluster, &self.tree, &self.changes);
        let own = places(cluster);
        let related = queue.iter().filter(|other| !places(other).is_disjoint(&own));
        let known: BTreeSet<_> = queue.iter().chain([cluster]).flat_map(FailureCluster::ids).collect();
        // A report or a command may not name all that is red.
        let red = baseline.before.iter().filter(|(_, outcome)| outcome.is_red()).map(|(id, _)| id.clone());
        related.flat_map(FailureCluster::ids).chain(red.filter(|id| !known.contains(id))).collect()
    }

    /// Drops what a proven patch does not need; the smaller patch is judged anew.
    async fn minimised(&mut self, proven: Judged, oracle: &Oracle) -> Result<Judged, HealError> {
        let smaller = match verify::minimise(&mut self.beds[0], &proven.patch, oracle).await {
            Ok(smaller) => smaller,
            Err(verify::Trouble::OutOfTime) => return Ok(proven),
            Err(trouble) => return Err(trouble.into()),
        };
        if smaller == proven.patch {
            return Ok(proven);
        }
        match verify::judge(&mut self.beds[0], &smaller, oracle).await {
            Ok(judgement) if judgement.verdict.is_plausible() => Ok(Judged { patch: smaller, judgement, ..proven }),
            Ok(_) | Err(verify::Trouble::OutOfTime) => Ok(proven),
            Err(trouble) => Err(trouble.into()),
        }
    }

    fn show(&mut self, cluster: &FailureCluster, proven: &Judged, baseline: &Baseline) {
        let ids = cluster.ids();
        let names: BTreeSet<_> = ids.iter().map(ToString::to_string).collect();
        let red_before = baseline.records.iter().cloned().map(|mut record| {
            record.outcomes.retain(|name, _| names.contains(name));
            record
        });
        let certificate = Certificate {
            schema: Certificate::SCHEMA,
            environment: Environment {
                base_commit: self.snapshot.base_commit.clone(),
                tree_hash: self.snapshot.tree_hash.clone(),
                runner: self.runner.name().to_owned(),
                sandbox: self.sandbox.rung.to_string(),
                tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            patch_hash: proven.patch.hash(),
            signature: cluster.signature.clone(),
            healed: ids,
            runs: red_before.chain(proven.judgement.runs.iter().cloned()).collect(),
        };
        self.say(&Event::Proven {
            cluster: cluster.title(),
            origin: proven.candidate.origin.clone(),
            patch: proven.patch.clone(),
            diff: patch::unified(&proven.patch),
            verdict: proven.judgement.verdict.clone(),
            certificate: Box::new(certificate),
        });
    }

    /// Asks, or knows without asking, whether to apply, and does it.
    async fn settle_review(&mut self, cluster: &FailureCluster, proven: &Judged) -> Result<ClusterEnd, HealError> {
        let title = cluster.title();
        let review = match self.options.mode {
            Mode::Propose => {
                self.learn(cluster, proven, None);
                return Ok(ClusterEnd::Healed);
            }
            Mode::Accept => Review::Accept,
            Mode::Review => {
                let asked = Instant::now();
                let review = self.door.review();
                self.wait_does_not_count(asked.elapsed());
                review
            }
        };
        self.say(&Event::Reviewed { cluster: title.clone(), review });
        self.learn(cluster, proven, Some(review));
        match review {
            Review::Accept => {
                match workspace::accept(&self.project, &proven.patch, &self.state).await {
                    Ok(_) => {}
                    Err(error @ WorkspaceError::Stale(_)) => {
                        let hint = error.hint().unwrap_or_default();
                        self.notice(format!("the patch was not applied: {error}; {hint}"));
                        return Ok(ClusterEnd::Waiting);
                    }
                    Err(error) => return Err(error.into()),
                }
                let paths = proven.patch.changes().iter().map(|change| change.path.to_string()).collect();
                self.say(&Event::Applied { cluster: title, paths });
                Ok(ClusterEnd::Healed)
            }
            Review::Reject | Review::Skip => Ok(ClusterEnd::Waiting),
            Review::Quit => Ok(ClusterEnd::Quit),
        }
    }

    /// Makes a healed cluster's patch the ground for the rest, and looks at what it healed or uncovered besides.
    /// Returns how many other clusters it healed.
    async fn stand_on(
        &mut self,
        cluster: &FailureCluster,
        proven: &Judged,
        baseline: &mut Baseline,
        queue: &mut Vec<FailureCluster>,
    ) -> Result<usize, HealError> {
        let base = self.base.then(&proven.patch).map_err(verify::Trouble::from)?;
        self.base = base;
        for bed in &mut self.beds {
            bed.stand_on(self.base.clone());
        }
        self.tree.take(&proven.patch);
        let mut n_healed_too = 0;
        let Judgement { after, built, verdict, .. } = &proven.judgement;
        baseline.built.clone_from(built);
        if let Some(after) = after {
            baseline.before.clone_from(after);
            let passes = |id: &TestId| {
                if id.is_build() { built.contains(&id.suite) } else { after.get(id) == Some(&Outcome::Passed) }
            };
            let (healed_too, left): (Vec<_>, Vec<_>) =
                std::mem::take(queue).into_iter().partition(|other| other.ids().iter().all(passes));
            *queue = left;
            n_healed_too = healed_too.len();
            for other in healed_too {
                self.say(&Event::ClusterHealedToo { cluster: other.title(), with: cluster.title() });
            }
        }
        let Verdict::Plausible { uncovered, .. } = verdict else { return Ok(n_healed_too) };
        if uncovered.is_empty() {
            return Ok(n_healed_too);
        }
        let again = self.look_again(uncovered).await?;
        baseline.records.extend(again.records.iter().cloned());
        queue.extend(triage::clusters(again.failures, &self.tree.layout));
        let clusters = queue.clone();
        self.say(&Event::Clustered { clusters });
        Ok(n_healed_too)
    }
}
