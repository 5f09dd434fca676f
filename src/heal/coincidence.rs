//! Whether a proven patch may fit its test by coincidence: it brings a number that only the failing test explains.
//!
//! It looks at numbers alone; a patch that it doubts is not refused, but better ones are looked for first.

use std::collections::BTreeSet;

use crate::model::{Failure, Patch};
use crate::patch;

/// Numbers that any code may bring.
const COMMON_MAX: u128 = 2;

/// Returns a number that the patch brings, and that is a value of a failing test or the difference of its two values.
pub(super) fn special_cased(patch: &Patch, failures: &[Failure]) -> Option<u128> {
    let explained: BTreeSet<u128> = failures.iter().flat_map(test_numbers).filter(|n| *n > COMMON_MAX).collect();
    let hunks = patch::hunks(patch);
    let lines =
        |sign: char| hunks.iter().flat_map(|hunk| hunk.text.lines()).filter_map(move |line| line.strip_prefix(sign));
    let gone: BTreeSet<u128> = lines('-').flat_map(numbers).collect();
    lines('+').flat_map(numbers).find(|n| explained.contains(n) && !gone.contains(n))
}

/// Returns the numbers of a failure's two values, and the difference where each has just one.
fn test_numbers(failure: &Failure) -> Vec<u128> {
    let of = |value: &Option<String>| value.as_deref().map(numbers).unwrap_or_default();
    let (expected, actual) = (of(&failure.expected), of(&failure.actual));
    let difference = match (expected.as_slice(), actual.as_slice()) {
        ([expected], [actual]) => Some(expected.abs_diff(*actual)),
        _ => None,
    };
    expected.into_iter().chain(actual).chain(difference).collect()
}

/// Returns the whole numbers of a text; digits that belong to a name are none.
fn numbers(text: &str) -> Vec<u128> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_word(c)).filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    words
        .filter_map(|word| {
            let digits: String = word.chars().take_while(|c| c.is_ascii_digit() || *c == '_').collect();
            digits.replace('_', "").parse().ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TestId;

    fn check(before: &str, after: &str) -> Option<u128> {
        let mut failure = Failure::bare(TestId::new("s", "t"));
        (failure.expected, failure.actual) = (Some("100".to_owned()), Some("0".to_owned()));
        special_cased(&Patch::edit("src/lib.rs", before, after), &[failure])
    }

    #[test]
    fn a_number_that_only_the_test_explains_is_doubted() {
        assert_eq!(check("    low\n", "    low + 100\n"), Some(100));
        assert_eq!(check("    low\n", "    low + 1_00u64\n"), Some(100));
    }

    #[test]
    fn other_names_common_numbers_and_numbers_that_were_there_are_not() {
        assert_eq!(check("    low\n", "    high\n"), None);
        assert_eq!(check("    low\n", "    low + 1\n"), None);
        assert_eq!(check("    n > 100\n", "    n >= 100\n"), None);
        assert_eq!(check("    low\n", "    low100\n"), None);
    }
}
