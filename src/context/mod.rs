//! Cluster, sources, history and memory → evidence, within a token cap.
//!
//! It adds to the triage's places the functions a failing test calls, because a failed assertion stands in the test and
//! the fault does not. It reads no file: the [`Tree`] holds the texts.

mod excerpt;
mod locate;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

use crate::context::locate::Index;
use crate::model::{Evidence, FailureCluster, Patch, RecentChange, TestId};
use crate::patch::Policy;
use crate::syntax::{self, Language};
use crate::text::redact::Redactor;
use crate::triage::Layout;

/// Most files whose whole text a debugger gets.
const SOURCES_MAX: usize = 48;

/// Places that are looked at to tell whether two clusters may share a fault.
const SUSPECTED_MAX: usize = 12;

/// The project's files and the texts of those written in a language that `syntax` knows.
#[derive(Debug, Default)]
pub struct Tree {
    /// Which files there are.
    pub layout: Layout,
    /// Texts, by path relative to the root.
    pub sources: BTreeMap<Utf8PathBuf, String>,
    /// The functions of the sources: read once, when first asked for.
    index: OnceLock<Index>,
}

impl Tree {
    /// Loads the texts of all source files; one that cannot be read as text is left out.
    pub fn load(layout: Layout, read: &dyn Fn(&Utf8Path) -> Option<String>) -> Self {
        let known = layout.files.iter().filter(|path| Language::of(path).is_some());
        let sources = known.filter_map(|path| Some((path.clone(), read(path)?))).collect();
        Self { layout, sources, index: OnceLock::new() }
    }

    /// Goes on with the tree that `patch` leaves.
    pub fn take(&mut self, patch: &Patch) {
        for change in patch.changes() {
            match &change.after {
                Some(text) => self.sources.insert(change.path.clone(), text.clone()),
                None => self.sources.remove(&change.path),
            };
        }
        self.index = OnceLock::new();
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(self))
    }
}

/// Composes what debuggers see of a cluster. `related` are tests of other clusters that may share its fault.
pub fn evidence(
    cluster: &FailureCluster,
    related: &[TestId],
    tree: &Tree,
    changes: &[RecentChange],
    redactor: &Redactor,
) -> Evidence {
    let policy = Policy::default();
    let is_product = |path: &Utf8Path| !policy.protects(path);
    let located = locate::locate(cluster, tree, changes, &is_product);
    let changes: Vec<_> = changes.iter().map(|change| product_part(change, &is_product)).collect();
    let excerpts = excerpt::excerpts(&located, related, tree, &changes, redactor);
    let changed = changes.iter().flat_map(|change| &change.files).map(|file| &file.path);
    let suspected = located.cluster.locations.iter().map(|(location, _)| &location.file);
    let mut sources = BTreeMap::new();
    for path in suspected.chain(changed).filter(|path| is_product(path)) {
        if let Some(text) = tree.sources.get(path)
            && sources.len() < SOURCES_MAX
        {
            sources.insert(path.clone(), text.clone());
        }
    }
    Evidence { cluster: located.cluster, sources, changes, excerpts, attempts: Vec::new() }
}

/// Returns the product functions that are most suspicious of having caused a cluster: file and first line each.
pub fn suspected_functions(
    cluster: &FailureCluster,
    tree: &Tree,
    changes: &[RecentChange],
) -> BTreeSet<(Utf8PathBuf, u32)> {
    let policy = Policy::default();
    let located = locate::locate(cluster, tree, changes, &|path: &Utf8Path| !policy.protects(path));
    let suspected = located.cluster.locations.iter().take(SUSPECTED_MAX);
    let functions = suspected.filter_map(|(location, _)| {
        let (text, language) = tree.sources.get(&location.file).zip(Language::of(&location.file))?;
        let function = syntax::parse(language, text).function_at(location.line).filter(|function| !function.is_test)?;
        Some((location.file.clone(), function.lines.start))
    });
    functions.collect()
}

fn product_part(change: &RecentChange, is_product: &dyn Fn(&Utf8Path) -> bool) -> RecentChange {
    let files = change.files.iter().filter(|file| is_product(&file.path)).cloned().collect();
    RecentChange { title: change.title.clone(), files }
}
