//! What a patch may touch, decided before anything is run. It looks at paths, at texts, at nothing else; whether the
//! change is any good is for verification.
//!
//! To protect another kind of file: one line in `paths`. To catch another way around the tests: one line in `evasion`.

mod evasion;
mod paths;
mod region;

use std::collections::BTreeSet;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

pub use self::paths::Protection;
pub use self::region::Region;
use crate::model::{FileChange, Patch, Refusal};
use crate::patch::difference::groups;
use crate::patch::{hidden, lines, path};

/// What a patch may touch and how large it may be. The default is the safe one; each rule can be switched off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The kinds of files no patch may create, change or delete; by default all of them.
    pub protect: BTreeSet<Protection>,
    /// Further protected files, as globs on the path from the project root (`generated/**`).
    pub protected: Vec<String>,
    /// Globs of files that may be changed although `protect` or `protected` covers them.
    pub allow: Vec<String>,
    /// Whether test code inside product files must stay as it is, piece by piece.
    pub regions: bool,
    /// Whether added lines that make a test run differ from a real one are refused.
    pub evasion: bool,
    /// Most files a patch may change; `None`: any number.
    pub files_max: Option<usize>,
    /// Most lines a patch may take away and bring together; `None`: any number.
    pub lines_changed_max: Option<usize>,
    /// Most bytes those lines may hold; `None`: any number.
    pub bytes_max: Option<usize>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            protect: Protection::ALL.into_iter().collect(),
            protected: Vec::new(),
            allow: Vec::new(),
            regions: true,
            evasion: true,
            files_max: Some(20),
            lines_changed_max: Some(500),
            bytes_max: Some(128 * 1024),
        }
    }
}

impl Policy {
    /// Tells whether no patch may touch a path. A policy whose globs are wrong protects everything.
    pub fn protects(&self, path: &Utf8Path) -> bool {
        paths::Paths::new(self).and_then(|paths| paths.judge(path)).is_err()
    }
}

/// Refuses a patch that breaks a rule of `policy`, with the rule's name and a sentence. `regions` tells which parts of
/// a product file are test code, given its path and text.
///
/// Paths outside the tree or in git's folder, and newly hidden characters, are refused under any policy.
pub fn guard(patch: &Patch, policy: &Policy, regions: &dyn Fn(&Utf8Path, &str) -> Vec<Region>) -> Result<(), Refusal> {
    let paths = paths::Paths::new(policy)?;
    for change in patch.changes() {
        judge_names(change)?;
        paths.judge(&change.path)?;
        judge_characters(change)?;
    }
    judge_size(patch, policy)?;
    for change in patch.changes() {
        if policy.regions {
            region::judge(change, regions)?;
        }
        if policy.evasion && !paths::is_test(&change.path) {
            evasion::judge(change)?;
        }
    }
    judge_neighbours(patch)
}

fn judge_names(change: &FileChange) -> Result<(), Refusal> {
    let clean = path::clean(change.path.as_str())?;
    if clean.as_str() == change.path.as_str() {
        return Ok(());
    }
    Err(Refusal::new("odd-path", format!("the path `{}` is not in its plain form `{clean}`", change.path)))
}

/// Refuses characters that deceive a reader where a change brings them.
pub(crate) fn judge_characters(change: &FileChange) -> Result<(), Refusal> {
    let after = change.after.as_deref().unwrap_or_default();
    match hidden::newly_hidden(change.before.as_deref().unwrap_or_default(), after) {
        None => Ok(()),
        Some((line, c)) => {
            let sentence = format!(
                "line {line} of {} would hold the invisible character U+{:04X}; write it as an escape",
                change.path,
                u32::from(c)
            );
            Err(Refusal::new("hidden-character", sentence))
        }
    }
}

/// Refuses a file that would have to be a folder, and two paths that some file systems take for one.
pub(crate) fn judge_neighbours(patch: &Patch) -> Result<(), Refusal> {
    let present: Vec<_> = patch.changes().iter().filter(|change| change.after.is_some()).collect();
    let names: Vec<String> = present.iter().map(|change| change.path.as_str().to_lowercase()).collect();
    for (index, change) in present.iter().enumerate() {
        let own = names[index].as_str();
        let clashes = |other: &str| other == own || other.strip_prefix(own).is_some_and(|tail| tail.starts_with('/'));
        let clash = (0..names.len()).find(|other| *other != index && clashes(&names[*other]));
        if let Some(other) = clash.map(|other| present[other]) {
            let sentence =
                format!("{} and {} cannot both exist; give one of them another name", change.path, other.path);
            return Err(Refusal::new("path-conflict", sentence));
        }
    }
    Ok(())
}

fn judge_size(patch: &Patch, policy: &Policy) -> Result<(), Refusal> {
    let (mut n_lines, mut bytes) = (0, 0);
    for change in patch.changes() {
        let before = lines::split(change.before.as_deref().unwrap_or_default());
        let after = lines::split(change.after.as_deref().unwrap_or_default());
        for group in groups(&before, &after) {
            n_lines += group.before.len() + group.after.len();
            let gone_and_come = before[group.before].iter().chain(&after[group.after]);
            bytes += gone_and_come.map(|line| line.len()).sum::<usize>();
        }
    }
    let limits = [
        ("too-many-files", patch.changes().len(), policy.files_max, "files"),
        ("too-many-lines", n_lines, policy.lines_changed_max, "lines"),
        ("too-large", bytes, policy.bytes_max, "bytes"),
    ];
    for (rule, n, limit, what) in limits {
        if let Some(limit) = limit.filter(|&limit| n > limit) {
            let sentence =
                format!("the patch changes {n} {what} and at most {limit} are allowed; make a smaller change");
            return Err(Refusal::new(rule, sentence));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_regions(_: &Utf8Path, _: &str) -> Vec<Region> {
        Vec::new()
    }

    fn change(path: &str, before: Option<&str>, after: Option<&str>) -> FileChange {
        FileChange { path: path.into(), before: before.map(Into::into), after: after.map(Into::into) }
    }

    fn rule(changes: Vec<FileChange>, policy: &Policy) -> String {
        let patch = Patch::new(changes).unwrap();
        guard(&patch, policy, &no_regions).map_or_else(|refusal| refusal.rule, |()| "allowed".to_owned())
    }

    fn rule_by_default(path: &str) -> String {
        rule(vec![change(path, Some("a\n"), Some("b\n"))], &Policy::default())
    }

    #[test]
    fn an_edit_of_product_code_is_allowed() {
        for path in ["src/cart.rs", "lib/contest.py", "app/attestation/mod.ts", "src/latest.js", "docs/spec.md"] {
            assert_eq!(rule_by_default(path), "allowed", "{path}");
        }
    }

    #[test]
    fn a_patch_from_elsewhere_with_a_bad_path_is_refused_under_any_policy() {
        let policy = Policy { protect: BTreeSet::new(), allow: vec!["**".into()], ..Policy::default() };
        for (path, expected) in [("../a", "path-escape"), ("a/./b", "odd-path"), (".git/config", "git-folder")] {
            assert_eq!(rule(vec![change(path, None, Some("x\n"))], &policy), expected, "{path}");
        }
    }

    #[test]
    fn limits_are_inclusive_and_can_be_lifted() {
        let edit = || vec![change("a.rs", Some("1\n2\n"), Some("1\n3\n"))];
        let policy = |lines: Option<usize>| Policy { lines_changed_max: lines, ..Policy::default() };
        assert_eq!(rule(edit(), &policy(Some(2))), "allowed");
        assert_eq!(rule(edit(), &policy(Some(1))), "too-many-lines");
        assert_eq!(rule(edit(), &policy(None)), "allowed");
        assert_eq!(rule(edit(), &Policy { files_max: Some(0), ..Policy::default() }), "too-many-files");
        assert_eq!(rule(edit(), &Policy { bytes_max: Some(3), ..Policy::default() }), "too-large");
        assert_eq!(rule(edit(), &Policy { bytes_max: Some(4), ..Policy::default() }), "allowed");
    }

    #[test]
    fn a_file_cannot_be_a_folder_and_case_alone_makes_no_other_file() {
        let new = |path: &str| change(path, None, Some("x\n"));
        assert_eq!(rule(vec![new("a"), new("a/b")], &Policy::default()), "path-conflict");
        assert_eq!(rule(vec![new("A.rs"), new("a.rs")], &Policy::default()), "path-conflict");
        assert_eq!(rule(vec![change("a", Some("x\n"), None), new("a/b")], &Policy::default()), "allowed");
    }

    #[test]
    fn hidden_characters_are_refused_with_their_line() {
        let patch = Patch::edit("a.rs", "1\n", "1\nx \u{202e}\n");
        let refusal = guard(&patch, &Policy::default(), &no_regions).unwrap_err();
        assert_eq!(refusal.rule, "hidden-character");
        assert!(refusal.sentence.contains("line 2 of a.rs") && refusal.sentence.contains("U+202E"), "{refusal}");
    }
}
