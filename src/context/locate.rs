//! Suspicious places: what the failure names, what the failing test calls, and what those call in turn.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::context::Tree;
use crate::model::{FailureCluster, Location, RecentChange};
use crate::syntax::{self, Function, Language};

/// How suspicious a function is that a failing test calls.
const CALLED: f64 = 0.5;

/// How much of its caller's suspicion a callee has.
const CALLEE_SHARE: f64 = 0.6;

/// Levels of calls that are followed from the failing test.
const DEPTH_MAX: usize = 3;

/// A function in a file that was changed lately is this much more suspicious.
const CHANGED_BONUS: f64 = 0.25;

/// A name defined more often than this says little about which definition is meant.
const HOMONYMS_MAX: usize = 6;

/// Tests of a cluster whose source is looked at; the others share its fault.
const TESTS_MAX: usize = 8;

/// A cluster with its places completed, and the sources of its tests.
pub(super) struct Located {
    pub(super) cluster: FailureCluster,
    /// The failing tests' functions: file, function.
    pub(super) tests: Vec<(Utf8PathBuf, Function)>,
}

/// Completes a cluster's places; the most suspicious come first.
pub(super) fn locate(
    cluster: &FailureCluster,
    tree: &Tree,
    changes: &[RecentChange],
    is_product: &dyn Fn(&Utf8Path) -> bool,
) -> Located {
    let index = tree.index();
    let tests = tests_of(cluster, index);
    let mut scores: BTreeMap<Location, f64> = BTreeMap::new();
    let mut raise = |location: Location, score: f64| {
        let entry = scores.entry(location).or_insert(score);
        *entry = entry.max(score);
    };
    for (location, score) in &cluster.locations {
        raise(location.clone(), *score);
    }
    for (path, function, score) in called(&tests, index, is_product) {
        raise(Location { file: path, line: function.lines.start, column: None }, score);
    }
    let changed: BTreeSet<_> = changes.iter().flat_map(|change| &change.files).map(|file| file.path.clone()).collect();
    let mut cluster = cluster.clone();
    cluster.locations = scores.into_iter().collect();
    for (location, score) in &mut cluster.locations {
        if changed.contains(&location.file) {
            *score = (*score + CHANGED_BONUS).min(1.0);
        }
    }
    cluster.locations.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Located { cluster, tests }
}

/// Every function of the tree, by name.
#[derive(Debug)]
pub(super) struct Index {
    functions: Vec<(Utf8PathBuf, Function)>,
    by_name: BTreeMap<String, Vec<usize>>,
}

impl Index {
    pub(super) fn of(tree: &Tree) -> Self {
        let mut functions = Vec::new();
        for (path, text) in &tree.sources {
            let Some(language) = Language::of(path) else { continue };
            let source = syntax::parse(language, text);
            functions.extend(source.functions().into_iter().map(|function| (path.clone(), function)));
        }
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, (_, function)) in functions.iter().enumerate() {
            by_name.entry(last_segment(&function.name).to_owned()).or_default().push(at);
        }
        Self { functions, by_name }
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &(Utf8PathBuf, Function)> {
        let found = self.by_name.get(last_segment(name)).map(Vec::as_slice).unwrap_or_default();
        found.iter().map(|at| &self.functions[*at])
    }
}

fn last_segment(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// Finds the functions of the failing tests: by name, and where several have it, in the file the failure names.
fn tests_of(cluster: &FailureCluster, index: &Index) -> Vec<(Utf8PathBuf, Function)> {
    let mut tests = Vec::new();
    for failure in cluster.failures.iter().take(TESTS_MAX) {
        let found: Vec<_> = index.named(&failure.id.name).filter(|(_, function)| function.is_test).collect();
        let named = failure.location.iter().chain(failure.frames.iter().map(|frame| &frame.location));
        let files: BTreeSet<_> = named.map(|location| &location.file).collect();
        let in_file =
            found.iter().find(|(path, _)| files.iter().any(|file| path.ends_with(file) || file.ends_with(path)));
        tests.extend(in_file.or(found.first()).map(|test| (*test).clone()));
    }
    tests
}

/// Follows the calls of the tests, level by level.
fn called(
    tests: &[(Utf8PathBuf, Function)],
    index: &Index,
    is_product: &dyn Fn(&Utf8Path) -> bool,
) -> Vec<(Utf8PathBuf, Function, f64)> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut level: Vec<(&Utf8PathBuf, &Function)> = tests.iter().map(|(path, function)| (path, function)).collect();
    let mut score = CALLED;
    for _ in 0..DEPTH_MAX {
        let mut next = Vec::new();
        for (_, caller) in &level {
            for name in &caller.calls {
                let callees: Vec<_> = index.named(name).filter(|(_, function)| !function.is_test).collect();
                if callees.len() > HOMONYMS_MAX {
                    continue;
                }
                for (path, function) in callees {
                    if seen.insert((path.clone(), function.bytes.start)) {
                        next.push((path, function));
                        if is_product(path) {
                            found.push((path.clone(), function.clone(), score));
                        }
                    }
                }
            }
        }
        level = next;
        score *= CALLEE_SHARE;
    }
    found
}
