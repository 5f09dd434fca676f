//! Which lines of the current text the recent steps changed, and what they were before.

use std::ops::Range;

use camino::Utf8Path;
use similar::{Algorithm, DiffTag, TextDiff};

use crate::debugger::tokens;
use crate::model::RecentChange;

/// What each step into the past takes off.
const RECENCY: f64 = 0.8;

/// Longer runs of changed lines are not compared word by word.
const BYTES_MAX: usize = 4_000;

/// A run of lines that a recent step changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Changed {
    /// Where it stands now, from 1. Of a deletion the lines around it.
    pub(super) lines: Range<u32>,
    /// How recent: 1 for the newest step, less for older ones.
    pub(super) recency: f64,
    /// Tokens that were there before and are no more.
    removed: Vec<String>,
    /// Tokens that were not there before.
    added: Vec<String>,
}

impl Changed {
    /// Tells whether it shares a line with these.
    pub(super) fn touches(&self, lines: &Range<u32>) -> bool {
        self.lines.start < lines.end && lines.start < self.lines.end
    }

    /// Tells whether an edit brings back only what was removed, or takes away only what was added.
    pub(super) fn is_undone_by(&self, old: &str, new: &str) -> bool {
        let (taken, brought) = tokens::difference(old, new);
        let are_in =
            |tokens: &[&str], known: &[String]| tokens.iter().all(|token| known.iter().any(|other| other == token));
        let changes = !(taken.is_empty() && brought.is_empty());
        changes && are_in(&brought, &self.removed) && are_in(&taken, &self.added)
    }
}

/// Returns the lines of the current text that recent steps changed, each told of once, with the newest step that
/// changed it.
pub(super) fn changed(path: &Utf8Path, current: &str, changes: &[RecentChange]) -> Vec<Changed> {
    let mut recency = 1.0;
    let mut known: Vec<Changed> = Vec::new();
    for step in changes {
        let Some(file) = step.files.iter().find(|file| file.path == path) else { continue };
        let before = file.before.as_deref().unwrap_or_default();
        let diff = TextDiff::configure().algorithm(Algorithm::Histogram).diff_lines(before, current);
        let (old, new): (Vec<&str>, Vec<&str>) = (diff.iter_old_slices().collect(), diff.iter_new_slices().collect());
        for op in diff.ops().iter().filter(|op| op.tag() != DiffTag::Equal) {
            let lines = lines(&op.new_range());
            if known.iter().any(|outer| outer.lines.start <= lines.start && lines.end <= outer.lines.end) {
                continue;
            }
            let text = |lines: Option<&[&str]>| lines.unwrap_or_default().concat();
            let (before, after) = (text(old.get(op.old_range())), text(new.get(op.new_range())));
            let (removed, added) = if before.len().max(after.len()) > BYTES_MAX {
                (Vec::new(), Vec::new())
            } else {
                tokens::difference(&before, &after)
            };
            let owned = |tokens: Vec<&str>| tokens.into_iter().map(str::to_owned).collect();
            known.push(Changed { lines, recency, removed: owned(removed), added: owned(added) });
        }
        recency *= RECENCY;
    }
    known
}

/// Returns 1-based lines of 0-based indices; for none those around the place.
fn lines(indices: &Range<usize>) -> Range<u32> {
    let line = |index: usize| u32::try_from(index).unwrap_or(u32::MAX - 2).saturating_add(1);
    let (start, end) = (line(indices.start), line(indices.end));
    if start == end { start.saturating_sub(1).max(1)..end + 1 } else { start..end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FileChange;

    fn step(before: &str, after: &str) -> RecentChange {
        let (before, after) = (Some(before.to_owned()), Some(after.to_owned()));
        RecentChange { title: String::new(), files: vec![FileChange { path: "a".into(), before, after }] }
    }

    #[test]
    fn an_older_change_counts_less_and_a_deletion_marks_its_neighbours() {
        let steps =
            [step("1\n2\n3\n", "1\n2\nx\n"), step("1\n2\ny\n3\n", "1\n2\n3\n"), step("0\n2\ny\n3\n", "1\n2\ny\n3\n")];
        let found = changed("a".into(), "1\n2\nx\n", &steps);
        assert_eq!(found.iter().map(|changed| changed.lines.clone()).collect::<Vec<_>>(), [3..4, 1..2]);
        assert!(found[0].recency > found[1].recency);
        let deletion = changed("a".into(), "1\n3\n", &[step("1\n2\n3\n", "1\n3\n")]);
        assert_eq!(deletion[0].lines, 1..3);
    }

    #[test]
    fn an_edit_that_brings_back_what_was_removed_is_told() {
        let found = changed("a".into(), "if a >= limit + 1 {\n", &[step("if a > limit {\n", "if a >= limit + 1 {\n")]);
        assert!(found[0].is_undone_by(">=", ">"));
        assert!(found[0].is_undone_by("limit + 1", "limit"));
        assert!(
            !found[0].is_undone_by(">=", "<")
                && !found[0].is_undone_by("limit", "a")
                && !found[0].is_undone_by("a", "a")
        );
    }
}
