//! Fixes of earlier sessions, tried again. A fix whose files are still what they were is proposed as it is; one whose
//! files have changed since is merged three-way, and only where it can go to one place.
//!
//! It invents nothing: what does not apply is noted and left to the other debuggers.

use camino::Utf8Path;
use similar::{MergeResolution, TextMerge};

use crate::debugger::{Debugger, Proposing};
use crate::model::{Candidate, Evidence, FileChange, Fix, Origin, Patch, Proposal, Remedy, Standing, Tier};

/// Lines on each side of a changed place that tell it from others like it.
const CONTEXT_LINES: usize = 3;

/// How much less promising a fix is that had to be merged, as a natural logarithm.
const MERGED: f64 = -0.7;

/// How much less promising a fix is that nobody has looked at, as a natural logarithm.
const UNREVIEWED: f64 = -0.3;

/// Proposes what healed the same failure before.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    fixes: Vec<Fix>,
}

impl Remembered {
    /// Makes the debugger from recalled fixes, best first.
    pub fn new(fixes: Vec<Fix>) -> Self {
        Self { fixes }
    }
}

impl Debugger for Remembered {
    fn name(&self) -> &'static str {
        "remembered"
    }

    fn tier(&self) -> Tier {
        Tier::Known
    }

    fn propose<'a>(&'a self, evidence: &'a Evidence) -> Proposing<'a> {
        Box::pin(std::future::ready(Ok(proposal(&self.fixes, evidence))))
    }
}

fn proposal(fixes: &[Fix], evidence: &Evidence) -> Proposal {
    let mut proposal = Proposal::default();
    let mut notes = Vec::new();
    for fix in fixes {
        match renewed(fix, evidence) {
            Ok(candidate) if proposal.candidates.iter().any(|other| other.remedy == candidate.remedy) => {}
            Ok(candidate) => proposal.candidates.push(candidate),
            Err(reason) => notes.push(format!("{}: {reason}", fix.origin.what)),
        }
    }
    proposal.candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    proposal.note = notes.join("; ");
    proposal
}

/// Returns the fix as a candidate for the tree as it is now, or why it is none.
fn renewed(fix: &Fix, evidence: &Evidence) -> Result<Candidate, String> {
    let renewed = fix.patch.changes().iter().map(|change| renewed_change(change, evidence));
    let changes = renewed.collect::<Result<Vec<_>, _>>()?;
    let patch = Patch::new(changes).map_err(|error| error.to_string())?;
    if patch.is_empty() {
        return Err("the tree has it already".to_owned());
    }
    let merged = if patch == fix.patch { 0.0 } else { MERGED };
    let unreviewed = if fix.standing == Standing::Accepted { 0.0 } else { UNREVIEWED };
    let origin = Origin { debugger: "remembered".to_owned(), what: fix.origin.to_string() };
    Ok(Candidate { origin, remedy: Remedy::Patch(patch), score: fix.uses.chance().ln() + merged + unreviewed })
}

/// Returns the change against the text the file has now. A file the evidence does not show is believed to be what it
/// was: whether it is comes out when the patch is resolved against the tree.
fn renewed_change(change: &FileChange, evidence: &Evidence) -> Result<FileChange, String> {
    let path = &change.path;
    let Some(now) = evidence.sources.get(path) else { return Ok(change.clone()) };
    let after = match (&change.before, &change.after) {
        (before, after) if before.as_ref() == Some(now) || after.as_ref() == Some(now) => after.clone(),
        (Some(before), Some(after)) => Some(merged(path, before, after, now)?),
        (None, _) => return Err(format!("{path} exists already with another text")),
        (Some(_), None) => return Err(format!("{path} has changed since it was deleted")),
    };
    Ok(FileChange { path: path.clone(), before: Some(now.clone()), after })
}

/// Merges the change from `before` to `after` into `now`. Each changed place must be found once: a merge that could go
/// to two places would look right and be wrong.
fn merged(path: &Utf8Path, before: &str, after: &str, now: &str) -> Result<String, String> {
    let merge = TextMerge::from_lines(before, now, after);
    if merge.is_conflicted() {
        return Err(format!("{path} has changed in the same place"));
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (lines(before), lines(now));
    for region in merge.regions().iter().filter(|region| region.resolution() == MergeResolution::Theirs) {
        let changed = region.base_range();
        let start = changed.start.saturating_sub(CONTEXT_LINES);
        let end = (changed.end + CONTEXT_LINES).min(old.len());
        let place =
            Place { above: &old[start..changed.start], changed: &old[changed.clone()], below: &old[changed.end..end] };
        if !place.stands_only_at(region.ours_range().start, &new) {
            return Err(format!("{path} has more than one place like line {}", changed.start + 1));
        }
    }
    Ok(merge.to_string())
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Changed lines with their surroundings.
struct Place<'a> {
    above: &'a [&'a str],
    changed: &'a [&'a str],
    below: &'a [&'a str],
}

impl Place<'_> {
    /// Tells whether the changed lines, with as much of their surroundings as is needed, stand in `lines` at `at` and
    /// nowhere else.
    fn stands_only_at(&self, at: usize, lines: &[&str]) -> bool {
        let n_context = self.above.len().max(self.below.len());
        (0..=n_context).any(|n| {
            let above = &self.above[self.above.len().saturating_sub(n)..];
            let place = [above, self.changed, &self.below[..n.min(self.below.len())]].concat();
            let found = |start: &usize| lines[*start..].starts_with(&place);
            let mut places = (0..lines.len()).filter(found).map(|start| start + above.len());
            !place.is_empty() && places.next() == Some(at) && places.next().is_none()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Blame, FailureClass, FailureCluster, Signature, Spend, Uses};
    use proptest::prelude::*;

    fn fix(patch: Patch) -> Fix {
        Fix {
            signature: Signature("5f".into()),
            class: FailureClass::Panic,
            origin: Origin { debugger: "template".into(), what: "`<` → `<=`".into() },
            patch,
            repository: "r".into(),
            standing: Standing::Accepted,
            spend: Spend::default(),
            uses: Uses::default(),
        }
    }

    fn evidence(sources: &[(&str, &str)]) -> Evidence {
        Evidence {
            cluster: FailureCluster {
                signature: Signature("5f".into()),
                class: FailureClass::Panic,
                blame: Blame::Change,
                failures: Vec::new(),
                locations: Vec::new(),
            },
            sources: sources.iter().map(|(path, text)| ((*path).into(), (*text).to_owned())).collect(),
            changes: Vec::new(),
            excerpts: Vec::new(),
            attempts: Vec::new(),
        }
    }

    fn propose(patch: Patch, sources: &[(&str, &str)]) -> Proposal {
        proposal(&[fix(patch)], &evidence(sources))
    }

    #[track_caller]
    fn check(before: &str, after: &str, now: &str, expected: Result<&str, &str>) {
        let proposal = propose(Patch::edit("a", before, after), &[("a", now)]);
        match expected {
            Ok(text) => assert_eq!(proposal.candidates[0].remedy, Remedy::Patch(Patch::edit("a", now, text))),
            Err(reason) => {
                assert_eq!(proposal.candidates, []);
                assert!(proposal.note.contains(reason), "{}", proposal.note);
            }
        }
    }

    #[test]
    fn in_an_unchanged_file_the_patch_is_proposed_itself() {
        let patch = Patch::edit("a", "x < y\n", "x <= y\n");
        let proposal = propose(patch.clone(), &[("a", "x < y\n")]);
        assert_eq!(proposal.candidates[0].remedy, Remedy::Patch(patch));
        assert_eq!(proposal.candidates[0].origin.to_string(), "remembered: template: `<` → `<=`");
        assert!(proposal.note.is_empty());
    }

    #[test]
    fn in_a_file_that_changed_elsewhere_it_is_merged() {
        check("1\n2\n3\n4\nx\n", "1\n2\n3\n4\ny\n", "0\n1\n2\n3\n4\nx\n", Ok("0\n1\n2\n3\n4\ny\n"));
    }

    #[test]
    fn in_a_file_that_changed_in_that_place_it_is_not_proposed() {
        check("1\nx\n2\n", "1\ny\n2\n", "1\nz\n2\n", Err("a has changed in the same place"));
    }

    #[test]
    fn where_it_could_go_to_two_places_it_is_not_proposed() {
        let block = "{\nx\n}\n";
        check(block, "{\ny\n}\n", &format!("{block}{block}"), Err("more than one place"));
    }

    #[test]
    fn surroundings_tell_two_like_lines_apart() {
        check("a\nx\nb\nc\n", "a\ny\nb\nc\n", "a\nx\nb\nc\nd\nx\n", Ok("a\ny\nb\nc\nd\nx\n"));
    }

    #[test]
    fn what_the_tree_has_already_is_not_proposed() {
        check("x\n", "y\n", "y\n", Err("the tree has it already"));
    }

    #[test]
    fn one_change_that_does_not_apply_holds_the_whole_fix_back() {
        let change =
            |path: &str| FileChange { path: path.into(), before: Some("1\n".into()), after: Some("2\n".into()) };
        let patch = Patch::new(vec![change("a"), change("b")]).unwrap();
        let proposal = propose(patch, &[("a", "1\n"), ("b", "3\n")]);
        assert_eq!(proposal.candidates, []);
        assert_eq!(proposal.note, "`<` → `<=`: b has changed in the same place");
    }

    #[test]
    fn creation_and_deletion_are_renewed_only_where_nothing_is_lost() {
        let created = FileChange { path: "new".into(), before: None, after: Some("x".into()) };
        let deleted = FileChange { path: "old".into(), before: Some("x".into()), after: None };
        let only = |change: &FileChange| Patch::new(vec![change.clone()]).unwrap();
        assert_eq!(propose(only(&created), &[]).candidates.len(), 1);
        assert!(propose(only(&created), &[("new", "y")]).note.contains("exists already"));
        assert_eq!(propose(only(&deleted), &[("old", "x")]).candidates.len(), 1);
        assert!(propose(only(&deleted), &[("old", "y")]).note.contains("has changed since"));
    }

    #[test]
    fn what_a_person_accepted_and_what_helped_is_more_promising() {
        let make = |after: &str, standing, uses| Fix { standing, uses, ..fix(Patch::edit("a", "x", after)) };
        let fixes = [
            make("proven", Standing::Proven, Uses::default()),
            make("failed", Standing::Accepted, Uses { helped: 0, failed: 3 }),
            make("helped", Standing::Accepted, Uses { helped: 3, failed: 0 }),
        ];
        let proposal = proposal(&fixes, &evidence(&[("a", "x")]));
        let proposed: Vec<_> = proposal.candidates.iter().map(|candidate| candidate.remedy.clone()).collect();
        let expected = ["helped", "proven", "failed"].map(|after| Remedy::Patch(Patch::edit("a", "x", after)));
        assert_eq!(proposed, expected);
        assert!(proposal.candidates.iter().all(|candidate| candidate.score <= 0.0));
    }

    proptest! {
        #[test]
        fn a_renewed_fix_makes_the_same_edit_or_none(
            lines in prop::collection::vec("[a-c]", 1..8),
            at in any::<prop::sample::Index>(),
            (above, below) in (prop::collection::vec("[a-d]", 0..4), prop::collection::vec("[a-d]", 0..4)),
        ) {
            let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let mut fixed = lines.clone();
            fixed[at.index(lines.len())] = "FIXED".into();
            let now = [above.clone(), lines.clone(), below.clone()].concat();
            let proposal = propose(Patch::edit("a", text(&lines), text(&fixed)), &[("a", &text(&now))]);
            if let Some(Candidate { remedy: Remedy::Patch(patch), .. }) = proposal.candidates.first() {
                let after = patch.changes()[0].after.clone().unwrap();
                let n_changed = now.iter().zip(after.lines()).filter(|(a, b)| a != b).count();
                prop_assert_eq!((n_changed, after.matches("FIXED").count()), (1, 1));
            }
        }
    }
}
