//! A patch as whole texts before and after: what is proven is, byte for byte, what is handed over.
//!
//! Diffs are derived from it for reading; nothing is ever applied by fuzz once a reply has become a [`Patch`].

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_128;

/// One file before and after. `None` before: created; `None` after: deleted. A rename is a deletion and a creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Path relative to the project root, `/`-separated, without `.` or `..`.
    pub path: Utf8PathBuf,
    /// Text before.
    pub before: Option<String>,
    /// Text after.
    pub after: Option<String>,
}

/// A set of file changes, at most one a path, sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    changes: Vec<FileChange>,
}

/// Why two patches cannot be joined, or a set of changes is no patch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatchError {
    /// Two changes name one path.
    #[error("two changes name {0}")]
    Twice(Utf8PathBuf),
    /// The second patch was made against another text than the first one leaves.
    #[error("the text of {0} is not the one the patch was made for")]
    Stale(Utf8PathBuf),
}

impl Patch {
    /// Makes a patch; changes that change nothing are dropped.
    pub fn new(mut changes: Vec<FileChange>) -> Result<Self, PatchError> {
        changes.retain(|change| change.before != change.after);
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        match changes.windows(2).find(|pair| pair[0].path == pair[1].path) {
            Some(pair) => Err(PatchError::Twice(pair[0].path.clone())),
            None => Ok(Self { changes }),
        }
    }

    /// Makes the patch that turns one text of one existing file into another.
    pub fn edit(path: impl Into<Utf8PathBuf>, before: impl Into<String>, after: impl Into<String>) -> Self {
        let (before, after) = (before.into(), after.into());
        let change = FileChange { path: path.into(), before: Some(before), after: Some(after) };
        let changed = change.before != change.after;
        Self { changes: if changed { vec![change] } else { Vec::new() } }
    }

    /// Returns the changes, sorted by path.
    pub fn changes(&self) -> &[FileChange] {
        &self.changes
    }

    /// Tells whether the patch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns the change of one path.
    pub fn change(&self, path: &Utf8Path) -> Option<&FileChange> {
        self.changes.iter().find(|change| change.path == path)
    }

    /// Returns the patch that undoes this one.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let flip = |change: &FileChange| FileChange {
            path: change.path.clone(),
            before: change.after.clone(),
            after: change.before.clone(),
        };
        Self { changes: self.changes.iter().map(flip).collect() }
    }

    /// Joins a patch made against the tree this one leaves.
    pub fn then(&self, next: &Self) -> Result<Self, PatchError> {
        let mut changes = self.changes.clone();
        for change in &next.changes {
            match changes.iter_mut().find(|own| own.path == change.path) {
                Some(own) if own.after == change.before => own.after.clone_from(&change.after),
                Some(_) => return Err(PatchError::Stale(change.path.clone())),
                None => changes.push(change.clone()),
            }
        }
        Self::new(changes)
    }

    /// Hashes paths and texts with 128-bit XXH3: equal patches, equal hash.
    pub fn hash(&self) -> String {
        let mut bytes = Vec::new();
        for change in &self.changes {
            for part in [Some(change.path.as_str()), change.before.as_deref(), change.after.as_deref()] {
                bytes.push(u8::from(part.is_some()));
                bytes.extend_from_slice(&part.map_or(0, str::len).to_le_bytes());
                bytes.extend_from_slice(part.unwrap_or_default().as_bytes());
            }
        }
        format!("{:032x}", xxh3_128(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_and_its_reverse_cancel_out() {
        let patch = Patch::edit("a", "1", "2");
        assert!(patch.then(&patch.reversed()).unwrap().is_empty());
    }

    #[test]
    fn a_patch_made_for_another_text_is_not_joined() {
        let error = Patch::edit("a", "1", "2").then(&Patch::edit("a", "1", "3")).unwrap_err();
        assert_eq!(error, PatchError::Stale("a".into()));
    }

    #[test]
    fn two_changes_of_one_path_are_no_patch() {
        let change = FileChange { path: "a".into(), before: None, after: Some("x".into()) };
        assert_eq!(Patch::new(vec![change.clone(), change]), Err(PatchError::Twice("a".into())));
    }

    #[test]
    fn creation_and_emptying_have_different_hashes() {
        let make = |before: Option<&str>| {
            let before = before.map(str::to_owned);
            Patch::new(vec![FileChange { path: "a".into(), before, after: Some("x".into()) }]).unwrap().hash()
        };
        assert_ne!(make(None), make(Some("")));
    }
}
