//! Test code inside product files: its pieces must be the same before and after, wherever they stand. What such a piece
//! is, the caller knows; nothing is parsed here.

use std::ops::Range;

use camino::Utf8Path;

use crate::model::{FileChange, Refusal};

/// A protected part of a product file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Where it stands in the text.
    pub bytes: Range<usize>,
    /// What it is, such as `#[cfg(test)] mod tests`.
    pub what: String,
}

/// What a region is, and its text; `None` where it lies outside of the file.
type Piece = (String, Option<String>);

/// Refuses a change under which the sequence of region texts is another one.
pub(super) fn judge(change: &FileChange, regions: &dyn Fn(&Utf8Path, &str) -> Vec<Region>) -> Result<(), Refusal> {
    let texts = |text: Option<&String>| -> Vec<Piece> {
        let Some(text) = text else { return Vec::new() };
        let piece = |region: Region| (region.what, text.get(region.bytes).map(str::to_owned));
        regions(&change.path, text).into_iter().map(piece).collect()
    };
    let (before, after) = (texts(change.before.as_ref()), texts(change.after.as_ref()));
    let same = |(old, new): &(&Piece, &Piece)| old.1 == new.1 && old.1.is_some();
    let n_same = before.iter().zip(&after).take_while(same).count();
    if n_same == before.len() && n_same == after.len() {
        return Ok(());
    }
    let path = &change.path;
    let sentence = match (before.get(n_same), after.get(n_same)) {
        (Some((what, _)), _) if before.len() >= after.len() => {
            format!("`{what}` in {path} is test code and would be changed; leave it byte for byte as it is")
        }
        (_, Some((what, _))) | (Some((what, _)), None) => {
            format!("`{what}` in {path} would be new test code in a product file; leave it out")
        }
        (None, None) => format!("test code in {path} would be changed; leave it byte for byte as it is"),
    };
    Err(Refusal::new("protected-region", sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes every `<…>` for a region.
    fn angles(_: &Utf8Path, text: &str) -> Vec<Region> {
        let starts = text.match_indices('<').map(|(at, _)| at);
        let whole = |start: usize| start..text[start..].find('>').map_or(text.len(), |end| start + end + 1);
        starts.map(|start| Region { bytes: whole(start), what: "<tests>".into() }).collect()
    }

    fn sentence(before: Option<&str>, after: Option<&str>) -> Option<String> {
        let change = FileChange { path: "a.rs".into(), before: before.map(Into::into), after: after.map(Into::into) };
        judge(&change, &angles).err().map(|refusal| refusal.sentence)
    }

    #[test]
    fn a_region_that_only_moves_is_left_alone() {
        assert_eq!(sentence(Some("code <t1> x <t2>"), Some("more\ncode\n<t1>\n y <t2> z")), None);
    }

    #[test]
    fn a_changed_swapped_or_vanished_region_is_refused() {
        for after in ["code <t1> <t3>", "code <t2> <t1>", "code <t1>", "code"] {
            let sentence = sentence(Some("code <t1> <t2>"), Some(after)).unwrap();
            assert!(sentence.contains("would be changed"), "{after}: {sentence}");
        }
        assert!(sentence(Some("<t1>"), None).is_some());
    }

    #[test]
    fn a_new_region_is_refused_also_in_a_new_file() {
        for (before, after) in [(Some("<t1>"), "<t1> <t2>"), (Some("code"), "code <t1>"), (None, "<t1>")] {
            let sentence = sentence(before, Some(after)).unwrap();
            assert!(sentence.contains("new test code"), "{sentence}");
        }
    }

    #[test]
    fn a_region_outside_the_text_counts_as_changed() {
        let wild = |_: &Utf8Path, _: &str| vec![Region { bytes: 5..900, what: "w".into() }];
        let change = FileChange { path: "a".into(), before: Some("x".into()), after: Some("y".into()) };
        assert!(judge(&change, &wild).is_err());
    }
}
