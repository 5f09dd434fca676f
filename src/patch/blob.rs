//! The id git gives a text, so that a diff can say which texts it stands between. It secures nothing: SHA-1 is git's
//! choice, and here it only recognises.

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

/// Hexadecimal digits shown of an id: enough for git to find the blob and for a reader to trust it.
const DIGITS: usize = 12;

/// Fewest digits that identify a text, as git's own shortest abbreviation.
const DIGITS_MIN: usize = 7;

/// Returns the first digits of the id git gives a text; zeros for no text.
pub(crate) fn id(text: Option<&str>) -> String {
    let Some(text) = text else { return "0".repeat(DIGITS) };
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(format!("blob {}\0", text.len()).as_bytes());
    context.update(text.as_bytes());
    let digest = context.finish();
    digest.as_ref().iter().take(DIGITS.div_ceil(2)).map(|byte| format!("{byte:02x}")).collect()
}

/// Tells whether `claimed`, a full or shortened id, is that of a text.
pub(crate) fn is_id_of(claimed: &str, text: Option<&str>) -> bool {
    let id = id(text);
    let n = claimed.len().min(id.len());
    n >= DIGITS_MIN && claimed.get(..n) == id.get(..n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_git() {
        assert_eq!(id(Some("")), "e69de29bb2d1");
        assert_eq!(id(Some("hello\n")), "ce013625030b");
        assert!(is_id_of("ce013625030ba8dba906f756967f9e9ca394464a".get(..7).unwrap(), Some("hello\n")));
        assert!(is_id_of("0000000", None) && !is_id_of("0000000", Some("")));
        assert!(!is_id_of("ce0136", Some("hello\n")));
    }
}
