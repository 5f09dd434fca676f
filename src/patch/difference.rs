//! What changed between two texts, as the smallest groups of adjacent lines. It knows no files and prints nothing.

use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// One group of adjacent lines and what takes their place; both are indices from 0, and one of them may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// The lines that go.
    pub before: Range<usize>,
    /// The lines that come.
    pub after: Range<usize>,
}

/// Returns the changed groups in order; no two touch.
pub(crate) fn groups<T: Eq + std::hash::Hash>(before: &[T], after: &[T]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for op in capture_diff_slices(Algorithm::Histogram, before, after) {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let (before, after) = (op.old_range(), op.new_range());
        match groups.last_mut() {
            Some(last) if last.before.end == before.start && last.after.end == after.start => {
                last.before.end = before.end;
                last.after.end = after.end;
            }
            _ => groups.push(Group { before, after }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn adjacent_removals_and_additions_are_one_group() {
        let found = groups(&["a", "b", "c", "d"], &["a", "B", "C", "d", "e"]);
        assert_eq!(found, [Group { before: 1..3, after: 1..3 }, Group { before: 4..4, after: 4..5 }]);
    }

    proptest! {
        #[test]
        fn between_the_groups_both_texts_are_equal(
            before in prop::collection::vec(0_u8..4, 0..30), after in prop::collection::vec(0_u8..4, 0..30)
        ) {
            let mut rebuilt = Vec::new();
            let mut at = 0;
            for group in groups(&before, &after) {
                prop_assert!(at <= group.before.start);
                rebuilt.extend_from_slice(&before[at..group.before.start]);
                rebuilt.extend_from_slice(&after[group.after.clone()]);
                at = group.before.end;
            }
            rebuilt.extend_from_slice(&before[at..]);
            prop_assert_eq!(rebuilt, after);
        }
    }
}
