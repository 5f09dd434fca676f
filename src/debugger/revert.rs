//! Parts of the recent change undone: one hunk, a function's hunks, a file's, a whole step, all steps up to one.
//!
//! A part of an older step is undone in the current text by a three-way merge, and left out where that conflicts. Test
//! code inside a product file stays as it is. Undoing is the last resort that nearly always helps: it takes the feature
//! back with the fault, so it is proposed after edits of what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use similar::{DiffTag, TextDiff, TextMerge};

use crate::debugger::suspicion::{Suspect, suspects};
use crate::debugger::{Debugger, Proposing};
use crate::model::{Candidate, Evidence, FileChange, Origin, Patch, Proposal, RecentChange, Remedy, Tier};
use crate::syntax::{Language, parse};

/// Likelihoods of undoing a part of the newest step right at the failure.
const HUNK: f64 = 0.15;
const FUNCTION: f64 = 0.12;
const FILE: f64 = 0.08;
const STEP: f64 = 0.05;
const STEPS: f64 = 0.03;

/// What each step into the past takes off.
const RECENCY: f64 = 0.8;

/// The price of each line that is undone, and the greatest number that is counted.
const LINE_PRICE: f64 = 0.02;
const LINES_MAX: usize = 40;

/// A file that a step changed in more places than this is undone as a whole only.
const HUNKS_MAX: usize = 60;

/// The debugger that undoes recent changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Revert;

impl Debugger for Revert {
    fn name(&self) -> &'static str {
        "revert"
    }

    fn tier(&self) -> Tier {
        Tier::Search
    }

    fn propose<'a>(&'a self, evidence: &'a Evidence) -> Proposing<'a> {
        Box::pin(std::future::ready(Ok(propose(evidence))))
    }
}

/// One run of changed lines: 0-based lines before and after the step.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hunk {
    old: Range<usize>,
    new: Range<usize>,
}

/// A way to undo something.
struct Undo {
    what: String,
    likelihood: f64,
    changes: Vec<FileChange>,
}

fn propose(evidence: &Evidence) -> Proposal {
    if evidence.changes.is_empty() {
        return Proposal::default();
    }
    let tree = Tree::new(evidence);
    let mut undos = Vec::new();
    let mut recency = 1.0;
    for (n, step) in evidence.changes.iter().enumerate() {
        undos.extend(tree.of_step(step).into_iter().map(|undo| Undo { likelihood: undo.likelihood * recency, ..undo }));
        undos.extend(
            tree.of_steps(&evidence.changes[..=n])
                .filter(|_| n > 0)
                .map(|undo| Undo { likelihood: undo.likelihood * recency, ..undo }),
        );
        recency *= RECENCY;
    }
    let mut candidates: Vec<Candidate> = undos.into_iter().filter_map(candidate).collect();
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut seen = BTreeSet::new();
    candidates.retain(|candidate| match &candidate.remedy {
        Remedy::Patch(patch) => seen.insert(patch.hash()),
        Remedy::Reply(_) => false,
    });
    Proposal { candidates, ..Proposal::default() }
}

fn candidate(undo: Undo) -> Option<Candidate> {
    let n_lines: usize = undo.changes.iter().map(n_changed_lines).sum();
    let patch = Patch::new(undo.changes).ok().filter(|patch| !patch.is_empty())?;
    let score = undo.likelihood.ln() - LINE_PRICE * n_lines.min(LINES_MAX) as f64;
    let origin = Origin { debugger: "revert".to_owned(), what: undo.what };
    Some(Candidate { origin, remedy: Remedy::Patch(patch), score: score.min(0.0) })
}

fn n_changed_lines(change: &FileChange) -> usize {
    let (before, after) = (change.before.as_deref().unwrap_or_default(), change.after.as_deref().unwrap_or_default());
    hunks(before, after).iter().map(|hunk| hunk.old.len().max(hunk.new.len())).sum()
}

/// The tree as it is now, as far as the recent steps touched it.
struct Tree<'e> {
    current: BTreeMap<&'e Utf8Path, Option<&'e str>>,
    suspects: BTreeMap<Utf8PathBuf, Suspect>,
}

impl<'e> Tree<'e> {
    fn new(evidence: &'e Evidence) -> Self {
        let mut current: BTreeMap<&Utf8Path, Option<&str>> = BTreeMap::new();
        for file in evidence.changes.iter().flat_map(|step| &step.files) {
            current.entry(&file.path).or_insert(file.after.as_deref());
        }
        for (path, text) in &evidence.sources {
            current.insert(path, Some(text));
        }
        let suspects = suspects(evidence).into_iter().map(|suspect| (suspect.path.clone(), suspect)).collect();
        Self { current, suspects }
    }

    /// Returns the ways to undo one step, smallest parts first.
    fn of_step(&self, step: &RecentChange) -> Vec<Undo> {
        let mut undos = Vec::new();
        for file in &step.files {
            undos.extend(self.of_file(file, &step.title));
        }
        let whole: Option<Vec<FileChange>> = step.files.iter().map(|file| self.undone(file, None)).collect();
        if let Some(changes) = whole {
            let closeness = step.files.iter().map(|file| self.closeness_of_file(file)).fold(0.0, f64::max);
            undos.push(Undo { what: format!("undo {}", step.title), likelihood: STEP * factor(closeness), changes });
        }
        undos
    }

    /// Undoes several steps at once, newest first.
    fn of_steps(&self, steps: &[RecentChange]) -> Option<Undo> {
        let mut oldest: BTreeMap<&Utf8Path, FileChange> = BTreeMap::new();
        for file in steps.iter().flat_map(|step| &step.files) {
            let current = self.current.get(file.path.as_path()).copied().flatten();
            let whole = FileChange { after: current.map(str::to_owned), ..file.clone() };
            oldest.insert(&file.path, whole);
        }
        let changes: Vec<FileChange> = oldest.values().map(|file| self.undone(file, None)).collect::<Option<_>>()?;
        let oldest = &steps.last()?.title;
        Some(Undo { what: format!("undo all since before {oldest}"), likelihood: STEPS, changes })
    }

    /// Returns the ways to undo a file's part of a step: each hunk, each function, the whole.
    fn of_file(&self, file: &FileChange, title: &str) -> Vec<Undo> {
        let mut undos = Vec::new();
        let path = &file.path;
        let texts = file.before.as_deref().zip(file.after.as_deref());
        let hunks = texts.map(|(before, after)| product_hunks(path, before, after)).unwrap_or_default();
        if hunks.len() <= HUNKS_MAX {
            let parts = hunks.iter().map(|hunk| (vec![hunk.clone()], HUNK, told_lines(hunk)));
            let functions = texts.map(|(_, after)| by_function(path, after, &hunks)).unwrap_or_default();
            let functions =
                functions.into_iter().map(|(name, hunks)| (hunks, FUNCTION, format!("the change of `{name}`")));
            for (part, likelihood, told) in parts.chain(functions) {
                let Some(change) = self.undone(file, Some(&part)) else { continue };
                let closeness = self.closeness(&change);
                let what = format!("undo {told} in {path} ({title})");
                undos.push(Undo { what, likelihood: likelihood * factor(closeness), changes: vec![change] });
            }
        }
        if let Some(change) = self.undone(file, None) {
            let what = format!("undo the change of {path} ({title})");
            let likelihood = FILE * factor(self.closeness_of_file(file));
            undos.push(Undo { what, likelihood, changes: vec![change] });
        }
        undos
    }

    /// Undoes some hunks of a file's change, or all that are product code, in the current text; where there are none
    /// the result changes nothing. `None` on a conflict, or where test code would not stay as it is.
    fn undone(&self, file: &FileChange, hunks: Option<&[Hunk]>) -> Option<FileChange> {
        let current = self.current.get(file.path.as_path()).copied().flatten();
        let after = match (&file.before, &file.after, current) {
            (Some(before), Some(after), Some(current)) => {
                let all = || product_hunks(&file.path, before, after);
                let undone = without(before, after, &hunks.map_or_else(all, <[Hunk]>::to_vec));
                let merged = merged(after, current, &undone)?;
                (test_code(&file.path, current) == test_code(&file.path, &merged)).then_some(Some(merged))?
            }
            // A file that the step made goes, unless it was changed since or holds tests.
            (None, Some(after), Some(current)) => {
                (after == current && test_code(&file.path, current).is_empty()).then_some(None)?
            }
            (Some(before), None, None) => Some(before.clone()),
            (None, Some(_) | None, None) => None,
            _ => return None,
        };
        Some(FileChange { path: file.path.clone(), before: current.map(str::to_owned), after })
    }

    /// Tells how near to the failure the lines are that a change touches.
    fn closeness(&self, change: &FileChange) -> f64 {
        let Some(suspect) = self.suspects.get(&change.path) else { return 0.3 };
        let (before, after) =
            (change.before.as_deref().unwrap_or_default(), change.after.as_deref().unwrap_or_default());
        let line = |index: usize| u32::try_from(index).unwrap_or(u32::MAX - 1).saturating_add(1);
        // A deletion has no lines of its own; the one it happened at stands for it.
        let lines = |hunk: &Hunk| line(hunk.old.start)..line(hunk.old.end.max(hunk.old.start + 1));
        hunks(before, after).iter().map(|hunk| suspect.closeness(&lines(hunk))).fold(0.0, f64::max)
    }

    fn closeness_of_file(&self, file: &FileChange) -> f64 {
        self.undone(file, None).map_or(0.0, |change| self.closeness(&change))
    }
}

/// What is far from the failure is still a little likely.
fn factor(closeness: f64) -> f64 {
    closeness.clamp(0.15, 1.0)
}

fn told_lines(hunk: &Hunk) -> String {
    match hunk.new.len() {
        0 => format!("the deletion at line {}", hunk.new.start + 1),
        1 => format!("line {}", hunk.new.start + 1),
        _ => format!("lines {}–{}", hunk.new.start + 1, hunk.new.end),
    }
}

/// Returns the runs of changed lines from one text to another.
fn hunks(before: &str, after: &str) -> Vec<Hunk> {
    let diff = TextDiff::from_lines(before, after);
    let changed = diff.ops().iter().filter(|op| op.tag() != DiffTag::Equal);
    changed.map(|op| Hunk { old: op.old_range(), new: op.new_range() }).collect()
}

/// Returns the hunks that lie outside test code on both sides.
fn product_hunks(path: &Utf8Path, before: &str, after: &str) -> Vec<Hunk> {
    let (old_tests, new_tests) = (test_lines(path, before), test_lines(path, after));
    let touches = |tests: &[Range<usize>], lines: &Range<usize>| {
        tests.iter().any(|test| test.start < lines.end.max(lines.start + 1) && lines.start < test.end)
    };
    let is_product = |hunk: &Hunk| !touches(&old_tests, &hunk.old) && !touches(&new_tests, &hunk.new);
    hunks(before, after).into_iter().filter(is_product).collect()
}

/// Returns the 0-based lines of test code.
fn test_lines(path: &Utf8Path, text: &str) -> Vec<Range<usize>> {
    let Some(language) = Language::of(path) else { return Vec::new() };
    let source = parse(language, text);
    let lines = source.test_regions().into_iter().map(|(bytes, _)| source.lines_of(&bytes));
    lines.map(|lines| lines.start as usize - 1..lines.end as usize - 1).collect()
}

/// Returns the texts of a file's test regions.
fn test_code(path: &Utf8Path, text: &str) -> Vec<String> {
    let Some(language) = Language::of(path) else { return Vec::new() };
    let regions = parse(language, text).test_regions().into_iter();
    regions.filter_map(|(bytes, _)| text.get(bytes)).map(str::to_owned).collect()
}

/// Groups hunks by the function around them; only functions with several are told of.
fn by_function(path: &Utf8Path, after: &str, hunks: &[Hunk]) -> BTreeMap<String, Vec<Hunk>> {
    let mut groups: BTreeMap<String, Vec<Hunk>> = BTreeMap::new();
    let Some(language) = Language::of(path) else { return groups };
    let functions = parse(language, after).functions();
    for hunk in hunks {
        let line = u32::try_from(hunk.new.start + 1).unwrap_or(u32::MAX);
        let around = functions.iter().filter(|function| function.lines.contains(&line));
        if let Some(function) = around.min_by_key(|function| function.bytes.len()) {
            groups.entry(function.name.clone()).or_default().push(hunk.clone());
        }
    }
    groups.retain(|_, hunks| hunks.len() > 1);
    groups
}

/// Returns the text after the step with some of its hunks taken back.
fn without(before: &str, after: &str, undone: &[Hunk]) -> String {
    let diff = TextDiff::from_lines(before, after);
    let (old, new): (Vec<&str>, Vec<&str>) = (diff.iter_old_slices().collect(), diff.iter_new_slices().collect());
    let mut text = String::new();
    for op in diff.ops() {
        let hunk = Hunk { old: op.old_range(), new: op.new_range() };
        let lines = if undone.contains(&hunk) { old.get(hunk.old) } else { new.get(hunk.new) };
        text.extend(lines.unwrap_or_default().iter().copied());
    }
    text
}

/// Makes in `current` the change from `after` to `undone`; `None` on a conflict.
fn merged(after: &str, current: &str, undone: &str) -> Option<String> {
    if after == current {
        return Some(undone.to_owned());
    }
    let merge = TextMerge::from_lines(after, current, undone);
    (!merge.is_conflicted()).then(|| merge.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Blame, Failure, FailureClass, FailureCluster, Location, Signature, TestId};

    const OLD: &str = "//! Prices.

/// Returns the price with tax.
pub fn gross(net: u64) -> u64 {
    net + net * 19 / 100
}

pub fn discounted(net: u64, percent: u64) -> u64 {
    let off = net * percent / 100;
    net - off
}

pub fn label(name: &str) -> String {
    name.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discounts() {
        assert_eq!(discounted(200, 10), 180);
    }
}
";

    fn new() -> String {
        OLD.replace("19 / 100", "20 / 100")
            .replace(
                "let off = net * percent / 100;\n    net - off",
                "let off = net * percent / 10;\n    // Never free.\n    (net - off).max(1)",
            )
            .replace("name.trim()", "name.trim_end()")
            .replace(
                "discounted(200, 10), 180);",
                "discounted(200, 10), 180);\n        assert_eq!(discounted(1, 100), 1);",
            )
    }

    fn change(path: &str, before: Option<&str>, after: Option<&str>) -> FileChange {
        FileChange { path: path.into(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
    }

    fn step(title: &str, files: Vec<FileChange>) -> RecentChange {
        RecentChange { title: title.to_owned(), files }
    }

    fn evidence(changes: Vec<RecentChange>) -> Evidence {
        let mut sources: BTreeMap<Utf8PathBuf, String> = BTreeMap::new();
        for file in changes.iter().rev().flat_map(|step| &step.files) {
            sources.remove(&file.path);
            sources.extend(file.after.clone().map(|text| (file.path.clone(), text)));
        }
        let cluster = FailureCluster {
            signature: Signature(String::new()),
            class: FailureClass::AssertionMismatch,
            blame: Blame::Change,
            failures: vec![Failure::bare(TestId::new("shop", "tests::discounts"))],
            locations: Vec::new(),
        };
        Evidence { cluster, sources, changes, excerpts: Vec::new(), attempts: Vec::new() }
    }

    /// Returns what each candidate does, with the patch.
    fn undos(changes: Vec<RecentChange>) -> Vec<(String, Patch)> {
        let candidates = propose(&evidence(changes)).candidates;
        assert!(candidates.is_sorted_by(|a, b| a.score >= b.score) && candidates.iter().all(|c| c.score < 0.0));
        let told = |candidate: Candidate| match candidate.remedy {
            Remedy::Patch(patch) => (candidate.origin.what, patch),
            Remedy::Reply(_) => panic!("revert proposes patches"),
        };
        candidates.into_iter().map(told).collect()
    }

    fn after(patch: &Patch) -> &str {
        patch.changes()[0].after.as_deref().unwrap()
    }

    #[test]
    fn the_hunk_the_failing_test_reaches_is_undone_first_then_the_others_then_the_whole() {
        let undos = undos(vec![step("uncommitted change", vec![change("src/lib.rs", Some(OLD), Some(&new()))])]);
        let whats: Vec<&str> = undos.iter().map(|(what, _)| what.as_str()).collect();
        let expected = [
            "undo lines 9–11 in src/lib.rs (uncommitted change)",
            "undo the change of src/lib.rs (uncommitted change)",
            "undo line 5 in src/lib.rs (uncommitted change)",
            "undo line 15 in src/lib.rs (uncommitted change)",
        ];
        assert_eq!(whats, expected);
        assert!(after(&undos[0].1).contains("    net - off\n") && after(&undos[0].1).contains("20 / 100"));
    }

    #[test]
    fn tests_stay_as_they_are() {
        let changes = vec![step("uncommitted change", vec![change("src/lib.rs", Some(OLD), Some(&new()))])];
        for (what, patch) in undos(changes) {
            assert!(after(&patch).contains("assert_eq!(discounted(1, 100), 1);"), "{what}");
        }
    }

    #[test]
    fn a_hunk_of_an_older_step_is_found_where_later_steps_moved_it() {
        let middle = OLD.replace("percent / 100", "percent / 10");
        let newest = middle.replace("//! Prices.\n", "//! Prices.\n//!\n//! In cents.\n");
        let undos = undos(vec![
            step("uncommitted change", vec![change("src/lib.rs", Some(&middle), Some(&newest))]),
            step("abc123 more off", vec![change("src/lib.rs", Some(OLD), Some(&middle))]),
        ]);
        let found = undos.iter().find(|(what, _)| what == "undo line 9 in src/lib.rs (abc123 more off)").unwrap();
        assert_eq!(after(&found.1), newest.replace("percent / 10;", "percent / 100;"));
        assert!(undos.iter().any(|(_, patch)| after(patch) == OLD), "both steps together");
    }

    #[test]
    fn what_was_changed_again_since_is_left_out() {
        let middle = OLD.replace("percent / 100", "percent / 10");
        let newest = OLD.replace("percent / 100", "percent / 1000");
        let undos = undos(vec![
            step("uncommitted change", vec![change("src/lib.rs", Some(&middle), Some(&newest))]),
            step("abc123", vec![change("src/lib.rs", Some(OLD), Some(&middle))]),
        ]);
        assert!(undos.iter().all(|(what, _)| !what.contains("(abc123)")), "{undos:?}");
    }

    #[test]
    fn several_hunks_of_one_function_are_undone_together() {
        let middle = OLD.replace("    net - off", "    let off = off.min(net);\n    net - off");
        let new = middle.replace("percent / 100", "percent / 10").replace("    net - off", "    net + off");
        let undos = undos(vec![step("x", vec![change("src/lib.rs", Some(&middle), Some(&new))])]);
        assert!(undos.iter().any(|(what, patch)| what.contains("`discounted`") && after(patch) == middle), "{undos:?}");
    }

    #[test]
    fn a_created_file_goes_a_deleted_one_comes_back_and_a_step_is_undone_as_a_whole() {
        let created = change("src/tax.rs", None, Some("pub const RATE: u64 = 19;\n"));
        let deleted = change("src/old.rs", Some("pub fn f() {}\n"), None);
        let edited = change("src/lib.rs", Some(OLD), Some(&OLD.replace("19", "super::tax::RATE")));
        let undos = undos(vec![step("def456 split", vec![created.clone(), deleted.clone(), edited.clone()])]);
        let whole = Patch::new(vec![created, deleted, edited]).unwrap().reversed();
        assert!(undos.iter().any(|(what, patch)| what == "undo def456 split" && *patch == whole), "{undos:?}");
        assert_eq!(undos.iter().filter(|(_, patch)| patch.changes().len() == 1).count(), 3);
    }

    #[test]
    fn a_created_file_that_holds_tests_stays() {
        let undos = undos(vec![step("x", vec![change("src/lib.rs", None, Some(OLD))])]);
        assert_eq!(undos, []);
    }

    #[test]
    fn a_hunk_near_a_suspicious_location_comes_before_others() {
        let mut evidence = evidence(vec![step("x", vec![change("src/lib.rs", Some(OLD), Some(&new()))])]);
        evidence.cluster.failures[0].id.name = "elsewhere".to_owned();
        evidence.cluster.locations = vec![(Location { file: "src/lib.rs".into(), line: 15, column: None }, 0.9)];
        let first = &propose(&evidence).candidates[0];
        assert_eq!(first.origin.what, "undo line 15 in src/lib.rs (x)");
        assert!(first.score > STEP.ln() && first.score < HUNK.ln());
    }

    #[test]
    fn without_a_known_change_there_is_nothing_to_undo() {
        let proposal = propose(&evidence(Vec::new()));
        assert_eq!((proposal.candidates.len(), proposal.note.as_str()), (0, ""));
    }

    proptest! {
        #[test]
        fn undoing_the_newest_step_of_any_texts_restores_them(old in "[ab\n]{0,30}", new in "[ab\n]{0,30}", newer in "[ab\n]{0,30}") {
            let changes = vec![
                step("2", vec![change("a.txt", Some(&new), Some(&newer))]),
                step("1", vec![change("a.txt", Some(&old), Some(&new))]),
            ];
            let undos = undos(changes);
            prop_assert!(new == newer || undos.iter().any(|(_, patch)| after(patch) == new));
            prop_assert!(old == newer || undos.iter().any(|(_, patch)| after(patch) == old));
        }
    }
}
