//! A patch taken apart into its smallest independent changes, and put together from some of them.

use std::ops::Range;

use camino::Utf8PathBuf;

use crate::model::{FileChange, Patch};
use crate::patch::difference::{Group, groups};
use crate::patch::lines;

/// The smallest change that can be kept or dropped alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The file it changes.
    pub path: Utf8PathBuf,
    /// The lines it replaces, from 1, end excluded; empty where it only inserts before that line.
    pub before_lines: Range<u32>,
    /// The lines it takes away and brings, each with its sign `-` or `+`.
    pub text: String,
}

/// Returns the smallest independent units of a patch: each group of adjacent changed lines, in order. A file that is
/// created or deleted is one unit.
pub fn hunks(patch: &Patch) -> Vec<Hunk> {
    patch.changes().iter().flat_map(hunks_of_file).collect()
}

/// Returns the patch with only those of its [`hunks`] for which `keep` says so, by index; one without an entry goes.
#[must_use]
pub fn keep(patch: &Patch, keep: &[bool]) -> Patch {
    let mut keep = keep.iter().copied();
    let changes = patch.changes().iter().filter_map(|change| keep_of_file(change, &mut keep)).collect();
    // The paths of a patch are distinct, so these always are a patch.
    Patch::new(changes).unwrap_or_default()
}

fn hunks_of_file(change: &FileChange) -> Vec<Hunk> {
    let before = lines::split(change.before.as_deref().unwrap_or_default());
    let after = lines::split(change.after.as_deref().unwrap_or_default());
    let groups = match (&change.before, &change.after) {
        (Some(_), Some(_)) => groups(&before, &after),
        _ => vec![Group { before: 0..before.len(), after: 0..after.len() }],
    };
    let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
    groups
        .into_iter()
        .map(|group| Hunk {
            path: change.path.clone(),
            before_lines: number(group.before.start)..number(group.before.end),
            text: signed('-', &before[group.before]) + &signed('+', &after[group.after]),
        })
        .collect()
}

fn signed(sign: char, lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{sign}{}\n", lines::body(line))).collect()
}

fn keep_of_file(change: &FileChange, keep: &mut impl Iterator<Item = bool>) -> Option<FileChange> {
    let (Some(before), Some(after)) = (&change.before, &change.after) else {
        return keep.next().unwrap_or(false).then(|| change.clone());
    };
    let (old, new) = (lines::split(before), lines::split(after));
    let (mut text, mut at) = (String::new(), 0);
    for group in groups(&old, &new) {
        text.extend(old[at..group.before.start].iter().copied());
        at = group.before.end;
        let kept = if keep.next().unwrap_or(false) { &new[group.after] } else { &old[group.before] };
        text.extend(kept.iter().copied());
    }
    text.extend(old[at..].iter().copied());
    // A line without an end is the last of its text, so nothing is ever glued to it: it is in the last group, or after.
    Some(FileChange { path: change.path.clone(), before: Some(before.clone()), after: Some(text) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edit(before: &str, after: &str) -> Patch {
        Patch::edit("a.txt", before, after)
    }

    #[test]
    fn each_group_of_changed_lines_is_a_hunk_with_its_lines() {
        let found = hunks(&edit("a\nb\nc\nd\n", "a\nB\nc\nd\ne\n"));
        let told: Vec<_> = found.iter().map(|hunk| (hunk.before_lines.clone(), hunk.text.as_str())).collect();
        assert_eq!(told, [(2..3, "-b\n+B\n"), (5..5, "+e\n")]);
    }

    #[test]
    fn a_created_and_a_deleted_file_are_one_hunk_each() {
        let make = |path: &str, before: Option<&str>, after: Option<&str>| FileChange {
            path: path.into(),
            before: before.map(Into::into),
            after: after.map(Into::into),
        };
        let patch = Patch::new(vec![make("new", None, Some("x\ny\n")), make("old", Some("x\ny\n"), None)]).unwrap();
        assert_eq!(hunks(&patch).len(), 2);
        assert_eq!(keep(&patch, &[false, true]).changes(), &patch.changes()[1..]);
    }

    #[test]
    fn keeping_one_hunk_leaves_the_other_lines_as_they_were() {
        let patch = edit("a\nb\nc\n", "A\nb\nC");
        let text = |keep_: &[bool]| keep(&patch, keep_).changes()[0].after.clone().unwrap();
        assert_eq!((text(&[true, false]), text(&[false, true])), ("A\nb\nc\n".into(), "a\nb\nC".into()));
    }

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a\n", "b\n", "c\r\n", "\n", "d"]), 0..20)
            .prop_map(|lines| lines.concat())
    }

    proptest! {
        #[test]
        fn keeping_all_is_the_patch_and_keeping_none_is_nothing(before in text(), after in text()) {
            let patch = edit(&before, &after);
            let n = hunks(&patch).len();
            prop_assert_eq!(keep(&patch, &vec![true; n]), patch.clone());
            prop_assert!(keep(&patch, &vec![false; n]).is_empty());
        }

        #[test]
        fn a_kept_hunk_takes_and_brings_its_lines_and_a_dropped_one_none(
            before in text(), after in text(), choice in any::<u32>()
        ) {
            let patch = edit(&before, &after);
            let mask: Vec<bool> = (0..hunks(&patch).len()).map(|n| choice >> (n % 32) & 1 == 1).collect();
            let signs = |sign: char| {
                let kept = hunks(&patch).into_iter().zip(&mask).filter(|(_, keep)| **keep);
                kept.map(|(hunk, _)| hunk.text.lines().filter(|line| line.starts_with(sign)).count()).sum::<usize>()
            };
            let kept = keep(&patch, &mask);
            let text = kept.changes().first().and_then(|change| change.after.clone()).unwrap_or(before.clone());
            let expected = lines::split(&before).len() + signs('+') - signs('-');
            prop_assert_eq!(lines::split(&text).len(), expected);
        }
    }
}
