//! What a session teaches the knowledge base. A store that fails costs the memory, never the heal.

use crate::heal::hub::Judged;
use crate::heal::session::Session;
use crate::knowledge::{Kept, Knowledge, KnowledgeError, Observation, Use};
use crate::model::{FailureCluster, Fix, Patch, Review, Standing, Uses, Verdict};

impl Session<'_> {
    /// Remembers a proven patch and what the reviewer said of it.
    pub(super) fn learn(&mut self, cluster: &FailureCluster, proven: &Judged, review: Option<Review>) {
        let fix = self.fix(cluster, proven, review);
        let learned = match &self.knowledge {
            Some(knowledge) => learn(knowledge, &fix, review),
            None => return,
        };
        match learned {
            Ok(Kept::Stored) => {}
            Ok(Kept::Refused(refusal)) => self.notice(format!("the fix is not remembered: {}", refusal.sentence)),
            Err(error) => self.notice(format!("the fix is not remembered: {error}")),
        }
    }

    fn fix(&self, cluster: &FailureCluster, proven: &Judged, review: Option<Review>) -> Fix {
        Fix {
            signature: cluster.signature.clone(),
            class: cluster.class,
            origin: proven.candidate.origin.clone(),
            patch: proven.patch.clone(),
            repository: self.project.root.to_string(),
            standing: if review == Some(Review::Accept) { Standing::Accepted } else { Standing::Proven },
            spend: self.spend.clone(),
            uses: Uses::default(),
        }
    }

    /// Tells whether a person rejected this patch for this failure before.
    pub(super) fn was_rejected(&self, cluster: &FailureCluster, patch: &Patch) -> bool {
        let known = self.knowledge.as_ref();
        known.is_some_and(|knowledge| knowledge.was_rejected(&cluster.signature, &patch.hash()))
    }

    /// Remembers how the judged candidates of a batch fared: each remembered fix, and each debugger that had none right.
    pub(super) fn learn_judged(&mut self, cluster: &FailureCluster, judged: &[Judged]) {
        let Some(knowledge) = &self.knowledge else { return };
        for one in judged.iter().filter(|one| one.candidate.origin.debugger == "remembered") {
            let outcome = if one.judgement.verdict.is_plausible() { Use::Helped } else { Use::Failed };
            // A count that is lost costs a little order, nothing else.
            let _ = knowledge.record_use(&cluster.signature, &one.patch.hash(), outcome);
        }
        let mut failed: Vec<_> =
            judged.iter().filter(|one| !is_proven(one)).map(|one| &one.candidate.origin.debugger).collect();
        failed.sort();
        failed.dedup();
        failed.retain(|name| !judged.iter().any(|one| is_proven(one) && one.candidate.origin.debugger == **name));
        for debugger in failed {
            let _ = knowledge.observe(debugger, cluster.class, Observation::Failed);
        }
    }
}

fn is_proven(judged: &Judged) -> bool {
    matches!(judged.judgement.verdict, Verdict::Plausible { .. })
}

fn learn(knowledge: &Knowledge, fix: &Fix, review: Option<Review>) -> Result<Kept, KnowledgeError> {
    let debugger = &fix.origin.debugger;
    let observation = match review {
        Some(Review::Accept) => Observation::Accepted,
        Some(Review::Reject) => Observation::Rejected,
        Some(Review::Skip | Review::Quit) | None => Observation::Proven,
    };
    knowledge.observe(debugger, fix.class, observation)?;
    if review == Some(Review::Reject) {
        knowledge.reject(&fix.signature, &fix.patch.hash())?;
        return Ok(Kept::Stored);
    }
    // A remembered fix that is proven again is not a new one; remembering it again renews it.
    knowledge.remember(fix)
}
