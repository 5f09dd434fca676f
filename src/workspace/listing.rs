//! Lists the files that make up a tree as it stands.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::workspace::git::{Git, split_paths};
use crate::workspace::ignored::{Ignoring, build_dirs};
use crate::workspace::paths::check_parents;
use crate::workspace::{Project, Standing, WorkspaceError};

/// How deep repositories may lie in one another.
const NESTING_MAX: usize = 16;

/// How the index and trees write that a path is a submodule.
pub(super) const SUBMODULE_MODE: &str = "160000";

/// The paths of a tree, relative to its root; a path may be listed twice.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Files, links, and what stands in the index and may be gone.
    pub(super) files: Vec<(Utf8PathBuf, Standing)>,
    /// Directories of which everything is ignored.
    pub(super) ignored_dirs: Vec<Utf8PathBuf>,
    /// What is left out, and why.
    pub(super) notes: Vec<String>,
}

impl Listing {
    /// Lists a project: with git what it tracks and what it does not ignore, repositories inside it included, and the
    /// ignored files that lie beside them; without git whatever lies there but build output.
    /// The folder of this program's own state is left out.
    pub(super) async fn of(
        project: &Project,
        ignoring: &Ignoring,
        state_dir: &Utf8Path,
    ) -> Result<Self, WorkspaceError> {
        let mut listing = Self::default();
        if project.git {
            listing.add_repositories(project).await?;
        } else {
            listing.add_walked(&project.root, ignoring);
        }
        if let Some(own) = state_in(&project.root, state_dir) {
            listing.files.retain(|(path, _)| !path.starts_with(&own));
            listing.ignored_dirs.retain(|path| !path.starts_with(&own) && !own.starts_with(path));
        }
        Ok(listing)
    }

    async fn add_repositories(&mut self, project: &Project) -> Result<(), WorkspaceError> {
        let mut inner = self.add_repository(project.git(), Utf8Path::new("")).await?;
        for _ in 0..NESTING_MAX {
            inner.retain(|path| is_repository(&project.root, path));
            for path in std::mem::take(&mut inner) {
                let dir = project.root.join(&path);
                match self.add_repository(project.git_inside(&dir), &path).await {
                    Ok(more) => inner.extend(more),
                    Err(error) => self.notes.push(format!("{path} is left out: {error}")),
                }
            }
        }
        self.notes.extend(inner.iter().map(|path| format!("{path} is left out: it lies in too many repositories")));
        Ok(())
    }

    /// Lists one repository and returns the directories in it that should be repositories themselves.
    async fn add_repository(&mut self, git: Git<'_>, prefix: &Utf8Path) -> Result<Vec<Utf8PathBuf>, WorkspaceError> {
        let tracked = git.bytes(&["ls-files", "-z", "--stage"]).await?;
        let untracked = git.bytes(&["ls-files", "-z", "--others", "--exclude-standard"]).await?;
        let ignored = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"];
        let ignored = git.bytes(&ignored).await?;
        let mut inner = Vec::new();
        for line in self.named(&tracked) {
            let Some((about, path)) = line.as_str().split_once('\t') else { continue };
            let path = prefix.join(path);
            if about.starts_with(SUBMODULE_MODE) {
                inner.push(path);
            } else {
                self.files.push((path, Standing::Tracked));
            }
        }
        for path in self.named(&untracked) {
            match path.as_str().strip_suffix('/') {
                Some(dir) => inner.push(prefix.join(dir)),
                None => self.files.push((prefix.join(path), Standing::Untracked)),
            }
        }
        for path in self.named(&ignored) {
            match path.as_str().strip_suffix('/') {
                Some(dir) => self.ignored_dirs.push(prefix.join(dir)),
                None => self.files.push((prefix.join(path), Standing::Ignored)),
            }
        }
        Ok(inner)
    }

    fn named(&mut self, output: &[u8]) -> Vec<Utf8PathBuf> {
        let (paths, unreadable) = split_paths(output);
        self.notes.extend(unreadable.into_iter().map(|path| format!("{path} is left out: it is not UTF-8")));
        paths
    }

    fn add_walked(&mut self, root: &Utf8Path, ignoring: &Ignoring) {
        let (found, notes) = ignoring.walk(root);
        self.notes.extend(notes);
        let dirs = found.iter().filter(|found| found.is_dir).map(|found| found.path.clone());
        self.ignored_dirs = build_dirs(root, std::iter::once(Utf8PathBuf::new()).chain(dirs));
        let files = found.into_iter().filter(|found| !found.is_dir);
        self.files = files.map(|found| (found.path, Standing::Untracked)).collect();
    }
}

/// Tells whether a directory holds a repository of its own. Another work tree of the same repository is none: it is
/// another state of the same files.
fn is_repository(root: &Utf8Path, path: &Utf8Path) -> bool {
    let dir = root.join(path);
    let is_real = check_parents(root, path).is_ok() && dir.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let is_work_tree = || fs::read_to_string(dir.join(".git")).is_ok_and(|text| text.contains("/worktrees/"));
    is_real && dir.join(".git").exists() && !is_work_tree()
}

/// Returns the state folder relative to the root if it lies inside.
fn state_in(root: &Utf8Path, state_dir: &Utf8Path) -> Option<Utf8PathBuf> {
    let state_dir = state_dir.canonicalize_utf8().ok()?;
    state_dir.strip_prefix(root).ok().filter(|path| !path.as_str().is_empty()).map(Utf8Path::to_owned)
}
