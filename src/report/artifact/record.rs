//! The session as one value: what `report.json` holds and the summary is made of.
//!
//! Its shape is versioned: members are added without notice, but a change of what a member means is a new version.

use serde::Serialize;

use crate::model::{
    Blame, Certificate, Counts, Event, Exhausted, FailureClass, FailureCluster, Location, Origin, Patch, Review,
    SessionOutcome, Signature, Spend, TestId, Usage, Verdict,
};

/// The current shape's version.
const SCHEMA: u32 = 1;

/// A whole session.
#[derive(Debug, Serialize)]
pub(super) struct Record {
    pub(super) schema: u32,
    pub(super) tool_version: &'static str,
    pub(super) session: Option<Session>,
    pub(super) reports: Vec<ReportRead>,
    pub(super) reproduced: Option<Reproduced>,
    pub(super) clusters: Vec<Cluster>,
    pub(super) notices: Vec<String>,
    pub(super) exhausted: Option<Exhausted>,
    pub(super) ended: Option<Ended>,
    #[serde(skip)]
    current: Option<usize>,
}

#[derive(Debug, Serialize)]
pub(super) struct Session {
    pub(super) root: String,
    pub(super) runner: String,
    pub(super) debuggers: Vec<String>,
    pub(super) endpoint: bool,
    pub(super) sandbox: String,
}

#[derive(Debug, Serialize)]
pub(super) struct ReportRead {
    pub(super) source: String,
    pub(super) counts: Counts,
    pub(super) complaints: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Reproduced {
    pub(super) red: Vec<TestId>,
    pub(super) green: Vec<TestId>,
    pub(super) missing: Vec<TestId>,
}

#[derive(Debug, Serialize)]
pub(super) struct Ended {
    pub(super) outcome: SessionOutcome,
    pub(super) exit_code: u8,
    pub(super) spend: Spend,
    pub(super) n_healed: usize,
    pub(super) n_clusters: usize,
}

/// One cluster and what became of it.
#[derive(Debug, Serialize)]
pub(super) struct Cluster {
    pub(super) signature: Signature,
    pub(super) title: String,
    pub(super) class: FailureClass,
    pub(super) tests: Vec<TestId>,
    pub(super) message: String,
    pub(super) locations: Vec<(Location, f64)>,
    pub(super) state: State,
    pub(super) proposals: Vec<Proposed>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) proofs: Vec<Proof>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub(super) enum State {
    Waiting,
    Working,
    NotOurs { blame: Blame, sentence: String },
    Unhealed { reason: String },
    Proven,
    Applied { paths: Vec<String> },
    HealedToo { with: String },
}

#[derive(Debug, Serialize)]
pub(super) struct Proposed {
    pub(super) debugger: String,
    pub(super) n_candidates: usize,
    pub(super) usage: Usage,
    pub(super) note: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Attempt {
    pub(super) origin: Origin,
    #[serde(flatten)]
    pub(super) verdict: Verdict,
    pub(super) wall_seconds: f64,
}

/// A proven patch.
#[derive(Debug, Serialize)]
pub(super) struct Proof {
    pub(super) origin: Origin,
    pub(super) verdict: Verdict,
    pub(super) review: Option<Review>,
    pub(super) diff: String,
    pub(super) certificate: Certificate,
    #[serde(skip)]
    pub(super) patch: Patch,
}

impl Proof {
    /// Tells whether the patch is still to be handed over.
    pub(super) fn stands(&self) -> bool {
        self.review != Some(Review::Reject)
    }
}

impl Record {
    pub(super) fn new() -> Self {
        Self {
            schema: SCHEMA,
            tool_version: env!("CARGO_PKG_VERSION"),
            session: None,
            reports: Vec::new(),
            reproduced: None,
            clusters: Vec::new(),
            notices: Vec::new(),
            exhausted: None,
            ended: None,
            current: None,
        }
    }

    /// Takes an event in.
    pub(super) fn add(&mut self, event: &Event) {
        match event.clone() {
            Event::SessionStarted { root, runner, debuggers, endpoint, sandbox } => {
                self.session = Some(Session { root, runner, debuggers, endpoint, sandbox });
            }
            Event::StepStarted { .. } => {}
            Event::ReportRead { source, counts, complaints } => {
                self.reports.push(ReportRead { source, counts, complaints });
            }
            Event::Reproduced { red, green, missing } => self.reproduced = Some(Reproduced { red, green, missing }),
            Event::Clustered { clusters } => self.take_clusters(&clusters),
            Event::Notice { sentence } => self.notices.push(sentence),
            Event::BudgetExhausted { exhausted } => self.exhausted = Some(exhausted),
            Event::SessionEnded { outcome, spend, n_healed, n_clusters } => {
                self.ended = Some(Ended { outcome, exit_code: outcome.exit_code(), spend, n_healed, n_clusters });
            }
            Event::ClusterStarted { ref cluster, .. }
            | Event::ClusterRefused { ref cluster, .. }
            | Event::Proven { ref cluster, .. }
            | Event::Reviewed { ref cluster, .. }
            | Event::Applied { ref cluster, .. }
            | Event::ClusterHealedToo { ref cluster, .. }
            | Event::ClusterUnhealed { ref cluster, .. } => self.of(cluster).add(event),
            Event::Proposed { .. } | Event::Judged { .. } => {
                if let Some(cluster) = self.current.and_then(|at| self.clusters.get_mut(at)) {
                    cluster.add(event);
                }
            }
        }
    }

    /// Returns all proofs that are handed over, each with its cluster, in order.
    pub(super) fn standing(&self) -> impl Iterator<Item = (&Cluster, &Proof)> {
        let proofs = self.clusters.iter().flat_map(|cluster| cluster.proofs.iter().map(move |proof| (cluster, proof)));
        proofs.filter(|(_, proof)| proof.stands())
    }

    /// Takes clusters that are new; those known keep what was learned of them.
    fn take_clusters(&mut self, clusters: &[FailureCluster]) {
        for cluster in clusters {
            if !self.clusters.iter().any(|known| known.signature == cluster.signature) {
                self.clusters.push(Cluster::new(cluster));
            }
        }
    }

    /// Returns the cluster an event names: the one being worked on, else the first with that title. One nobody told of
    /// is made, so that nothing said of it is lost.
    fn of(&mut self, title: &str) -> &mut Cluster {
        let named = |cluster: &Cluster| cluster.title == title;
        let open = |cluster: &Cluster| named(cluster) && matches!(cluster.state, State::Waiting | State::Working);
        let current = self.current.filter(|at| self.clusters.get(*at).is_some_and(named));
        let found =
            current.or_else(|| self.clusters.iter().position(open)).or_else(|| self.clusters.iter().position(named));
        let at = found.unwrap_or_else(|| {
            self.clusters.push(Cluster::unknown(title));
            self.clusters.len() - 1
        });
        self.current = Some(at);
        &mut self.clusters[at]
    }
}

impl Cluster {
    fn new(cluster: &FailureCluster) -> Self {
        let first = cluster.failures.first();
        let error = first.and_then(|failure| failure.diagnostics.first()).map(|diagnostic| {
            match diagnostic.rendered.as_str() {
                "" => format!("{}: {}", diagnostic.code, diagnostic.message),
                rendered => rendered.to_owned(),
            }
        });
        Self {
            signature: cluster.signature.clone(),
            class: cluster.class,
            tests: cluster.ids(),
            message: error.or_else(|| first.map(|failure| failure.message.clone())).unwrap_or_default(),
            locations: cluster.locations.clone(),
            ..Self::unknown(&cluster.title())
        }
    }

    fn unknown(title: &str) -> Self {
        Self {
            signature: Signature(String::new()),
            title: title.to_owned(),
            class: FailureClass::Unknown,
            tests: Vec::new(),
            message: String::new(),
            locations: Vec::new(),
            state: State::Waiting,
            proposals: Vec::new(),
            attempts: Vec::new(),
            proofs: Vec::new(),
        }
    }

    fn add(&mut self, event: &Event) {
        match event.clone() {
            Event::ClusterStarted { .. } => self.state = State::Working,
            Event::ClusterRefused { blame, sentence, .. } => self.state = State::NotOurs { blame, sentence },
            Event::ClusterUnhealed { reason, .. } => self.state = State::Unhealed { reason },
            Event::ClusterHealedToo { with, .. } => self.state = State::HealedToo { with },
            Event::Applied { paths, .. } => self.state = State::Applied { paths },
            Event::Proposed { debugger, n_candidates, usage, note } => {
                self.proposals.push(Proposed { debugger, n_candidates, usage, note });
            }
            Event::Judged { origin, verdict, wall } => {
                self.attempts.push(Attempt { origin, verdict, wall_seconds: wall.as_secs_f64() });
            }
            Event::Proven { origin, patch, diff, verdict, certificate, .. } => {
                self.state = State::Proven;
                self.proofs.push(Proof { origin, verdict, review: None, diff, certificate: *certificate, patch });
            }
            Event::Reviewed { review, .. } => {
                if let Some(proof) = self.proofs.last_mut() {
                    proof.review = Some(review);
                }
            }
            Event::SessionStarted { .. }
            | Event::StepStarted { .. }
            | Event::ReportRead { .. }
            | Event::Reproduced { .. }
            | Event::Clustered { .. }
            | Event::Notice { .. }
            | Event::BudgetExhausted { .. }
            | Event::SessionEnded { .. } => {}
        }
    }
}
