//! The tree as it stands at one moment, uncommitted changes included, kept apart from what the user does next.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use xxhash_rust::xxh3::Xxh3;

use crate::workspace::contents::Contents;
use crate::workspace::ignored::Ignoring;
use crate::workspace::listing::Listing;
use crate::workspace::paths::{RealDirs, check, parents};
use crate::workspace::records::{Record, Records, Stamp, load_or_default, save};
use crate::workspace::text::text_of;
use crate::workspace::{ContentHash, Project, WorkspaceError, on_disk};

/// The largest ignored file that is taken along, in bytes: local settings and lock files are smaller, data is not.
const IGNORED_BYTES_MAX: u64 = 1 << 20;

/// What version control knows of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is in the index, or in the commit that was checked out.
    Tracked,
    /// It is new, or there is no version control.
    Untracked,
    /// It is ignored, and small enough to be taken along.
    Ignored,
}

/// What one path holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// The hash of its bytes.
        hash: ContentHash,
        /// Its size in bytes.
        n_bytes: u64,
        /// Its permission bits.
        mode: u32,
    },
    /// A symbolic link, and what it says.
    Link(Utf8PathBuf),
}

/// One file or symbolic link of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it holds.
    pub kind: EntryKind,
    /// What version control knows of it.
    pub standing: Standing,
}

/// The entries of a snapshot by path relative to the root.
pub type Files = BTreeMap<Utf8PathBuf, Entry>;

/// A tree as it stood at one moment. Clones share what they hold.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The root of the project it was taken of.
    pub root: Utf8PathBuf,
    /// The commit it is based on; empty without git and before the first commit.
    pub base_commit: String,
    /// A hash over paths, contents, links and executable bits: equal trees, equal hash.
    pub tree_hash: String,
    /// What it holds. Directories are not listed; they are where files are.
    pub files: Arc<Files>,
    /// What was left out, and why.
    pub notes: Vec<String>,
    /// The user's directory relative to the root.
    pub(super) dir_in_root: Utf8PathBuf,
    /// The folder of the project's scratch copies.
    pub(super) home: Utf8PathBuf,
    pub(super) ignoring: Ignoring,
    /// Directories that are ignored as a whole: build output and installed dependencies.
    pub(super) ignored_dirs: Vec<Utf8PathBuf>,
}

impl Snapshot {
    /// Takes a snapshot of a project as it stands: tracked and untracked files, submodules as plain files, and small
    /// ignored files; never `.git`, the state folder or ignored directories.
    pub async fn take(project: &Project, state_dir: &Utf8Path) -> Result<Self, WorkspaceError> {
        let home = project.home(state_dir)?;
        let ignoring = Ignoring::of(project).await?;
        let base_commit = if project.git { project.git().commit("HEAD").await? } else { None };
        let listing = Listing::of(project, &ignoring, state_dir).await?;
        let project = project.clone();
        on_disk(move || {
            let records_path = records_path(&home);
            let old = load_or_default(&records_path);
            let (taken, new) = Taking::new(&project.root, Contents::open(&home)?, old).take(listing);
            save(&records_path, &new)?;
            Ok(Self::new(&project, home, base_commit.unwrap_or_default(), ignoring, taken))
        })
        .await
    }

    pub(super) fn new(
        project: &Project,
        home: Utf8PathBuf,
        base_commit: String,
        ignoring: Ignoring,
        taken: Taken,
    ) -> Self {
        Self {
            root: project.root.clone(),
            base_commit,
            tree_hash: tree_hash(&taken.files),
            ignored_dirs: without_files(taken.ignored_dirs, &taken.files),
            files: Arc::new(taken.files),
            notes: taken.notes,
            dir_in_root: project.dir_in_root().to_owned(),
            home,
            ignoring,
        }
    }

    /// Reads the text of a file as it stood; `None` when there is no such file. A link is not followed.
    pub fn read(&self, path: &Utf8Path) -> Result<Option<String>, WorkspaceError> {
        match self.files.get(path).map(|entry| &entry.kind) {
            None => Ok(None),
            Some(EntryKind::Link(_)) => Err(WorkspaceError::Symlink(path.to_owned())),
            Some(EntryKind::File { hash, .. }) => text_of(&self.contents()?.path(*hash), path).map(Some),
        }
    }

    /// Returns the size of a file in bytes; `None` when there is no such file.
    pub(super) fn n_bytes(&self, path: &Utf8Path) -> Option<u64> {
        match self.files.get(path)?.kind {
            EntryKind::File { n_bytes, .. } => Some(n_bytes),
            EntryKind::Link(_) => None,
        }
    }

    pub(super) fn contents(&self) -> Result<Contents, WorkspaceError> {
        Contents::open(&self.home)
    }
}

/// Keeps the directories that no file lies in, and of nested ones the outer.
fn without_files(mut dirs: Vec<Utf8PathBuf>, files: &Files) -> Vec<Utf8PathBuf> {
    let of_files: BTreeSet<&Utf8Path> = files.keys().flat_map(|path| parents(path)).collect();
    dirs.retain(|dir| !of_files.contains(dir.as_path()));
    dirs.sort();
    dirs.dedup_by(|inner, outer| inner.starts_with(outer));
    dirs
}

/// Hashes what makes a tree, without what differs between machines.
fn tree_hash(files: &Files) -> String {
    let mut hash = Xxh3::new();
    let mut add = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for (path, entry) in files {
        add(path.as_str().as_bytes());
        match &entry.kind {
            EntryKind::File { hash, mode, .. } => {
                add(if mode & 0o100 == 0 { b"f" } else { b"x" });
                add(hash.to_string().as_bytes());
            }
            EntryKind::Link(target) => {
                add(b"l");
                add(target.as_str().as_bytes());
            }
        }
    }
    format!("{:032x}", hash.digest128())
}

/// What a listing amounts to once its files are kept.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) files: Files,
    pub(super) ignored_dirs: Vec<Utf8PathBuf>,
    pub(super) notes: Vec<String>,
}

/// Reads a directory's files into the contents of a project, those that did not change since the last time excepted.
pub(super) struct Taking<'a> {
    root: &'a Utf8Path,
    contents: Contents,
    old: Records,
    new: Records,
    started: SystemTime,
}

impl<'a> Taking<'a> {
    pub(super) fn new(root: &'a Utf8Path, contents: Contents, old: Records) -> Self {
        Self { root, contents, old, new: Records::new(), started: SystemTime::now() }
    }

    pub(super) fn take(mut self, listing: Listing) -> (Taken, Records) {
        let mut taken = Taken { ignored_dirs: listing.ignored_dirs, notes: listing.notes, files: Files::new() };
        let mut real = RealDirs::new(self.root);
        for (path, standing) in listing.files {
            // The index may hold paths below what is now a link, and a hostile one any path.
            if check(&path).is_err() || !real.hold(&path) || taken.files.contains_key(&path) {
                continue;
            }
            match self.entry(&path, standing) {
                Ok(Some(kind)) => {
                    taken.files.insert(path, Entry { kind, standing });
                }
                Ok(None) => {}
                Err(note) => taken.notes.push(format!("{path} is left out: {note}")),
            }
        }
        (taken, self.new)
    }

    /// Reads one path; `None` when it is gone, is a directory now, or does not belong to the snapshot.
    fn entry(&mut self, path: &Utf8Path, standing: Standing) -> Result<Option<EntryKind>, String> {
        let full = self.root.join(path);
        let metadata = match fs::symlink_metadata(&full) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            metadata => metadata.map_err(|error| error.to_string())?,
        };
        if metadata.is_symlink() {
            let target = full.read_link_utf8().map_err(|error| format!("what it links to cannot be read: {error}"))?;
            return Ok(Some(EntryKind::Link(target)));
        }
        if metadata.is_dir() || (standing == Standing::Ignored && metadata.len() > IGNORED_BYTES_MAX) {
            return Ok(None);
        }
        if !metadata.is_file() {
            return Err("it is neither a file nor a link".to_owned());
        }
        match self.file(path, &metadata) {
            Err(WorkspaceError::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
            kind => kind.map(Some).map_err(|error| error.to_string()),
        }
    }

    fn file(&mut self, path: &Utf8Path, metadata: &Metadata) -> Result<EntryKind, WorkspaceError> {
        let stamp = Stamp::of(metadata);
        let mode = metadata.permissions().mode() & 0o777;
        let known = self.old.get(path).filter(|record| record.stamp == stamp);
        let known = known.filter(|record| self.contents.holds(record.hash, metadata.len()));
        let (hash, n_bytes) = match known {
            Some(record) => (record.hash, metadata.len()),
            None => self.contents.keep(&self.root.join(path))?,
        };
        if n_bytes == metadata.len() && stamp.is_settled_at(self.started) {
            self.new.insert(path.to_owned(), Record { stamp, hash });
        }
        Ok(EntryKind::File { hash, n_bytes, mode })
    }
}

/// Returns where it stands what was seen of the user's files.
pub(super) fn records_path(home: &Utf8Path) -> Utf8PathBuf {
    home.join("seen.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Scratch;
    use crate::workspace::testing::{Repository, chmod, env, write};

    fn paths(snapshot: &Snapshot) -> Vec<&str> {
        snapshot.files.keys().map(|path| path.as_str()).collect()
    }

    fn standing(snapshot: &Snapshot, path: &str) -> Standing {
        snapshot.files[Utf8Path::new(path)].standing
    }

    #[tokio::test]
    async fn the_dirty_state_is_taken_as_it_stands() {
        let repository = Repository::new().await;
        for path in ["changed", "deleted", "staged", "dir/kept"] {
            repository.write(path, "old");
        }
        repository.write(".gitignore", ".env\nbig.bin\nbuild/\n");
        repository.commit_all("one").await;
        repository.write("changed", "new");
        repository.remove("deleted");
        repository.write("staged", "new");
        repository.git(&["add", "staged"]).await;
        repository.write("untracked dir/ü\n", "new");
        repository.write(".env", "SECRET=1");
        repository.write("big.bin", vec![0; 1 << 20 | 1]);
        repository.write("build/out", "made");
        repository.write("run.sh", "#!/bin/sh");
        chmod(&repository.root.join("run.sh"), 0o755);
        repository.link("dir/link", "../changed");
        let snapshot = repository.snapshot().await;
        let expected =
            [".env", ".gitignore", "changed", "dir/kept", "dir/link", "run.sh", "staged", "untracked dir/ü\n"];
        assert_eq!(paths(&snapshot), expected);
        assert_eq!(snapshot.read("changed".into()).unwrap().unwrap(), "new");
        assert_eq!(snapshot.read("deleted".into()).unwrap(), None);
        assert_eq!(snapshot.files[Utf8Path::new("dir/link")].kind, EntryKind::Link("../changed".into()));
        assert!(matches!(snapshot.files[Utf8Path::new("run.sh")].kind, EntryKind::File { mode: 0o755, .. }));
        let standings = ["changed", "run.sh", ".env"].map(|path| standing(&snapshot, path));
        assert_eq!(standings, [Standing::Tracked, Standing::Untracked, Standing::Ignored]);
        assert_eq!(snapshot.ignored_dirs, ["build"]);
        assert_eq!(snapshot.base_commit.len(), 40);
        assert!(snapshot.notes.is_empty());
    }

    #[tokio::test]
    async fn the_users_index_status_refs_and_objects_stay_as_they_are() {
        let repository = Repository::new().await;
        repository.write("a", "1");
        repository.write("b", "1");
        repository.commit_all("one").await;
        repository.write("a", "2");
        repository.git(&["add", "a"]).await;
        repository.write("a", "3");
        repository.write("c", "1");
        // Rewritten with the same content: git would like to refresh the index.
        repository.write("b", "1");
        let git_dir = repository.root.join(".git");
        let before = crate::workspace::testing::tree(&git_dir);
        let snapshot = repository.snapshot().await;
        let mut scratch = Scratch::open(&snapshot, &repository.state, 0).await.unwrap();
        scratch.restore().unwrap();
        let project = repository.project().await;
        crate::workspace::recent_changes(&project, &snapshot, 3, 10, 1 << 20).await.unwrap();
        crate::workspace::checkout(&project, "HEAD", &repository.state).await.unwrap();
        assert_eq!(crate::workspace::testing::tree(&git_dir), before);
        assert_eq!(repository.git(&["status", "--porcelain"]).await, "MM a\n?? c\n");
    }

    #[tokio::test]
    async fn submodules_are_taken_as_plain_files_with_what_is_dirty_in_them() {
        let (inner, outer) = (Repository::new().await, Repository::new().await);
        inner.write("lib.rs", "inner");
        inner.commit_all("one").await;
        outer.write("main.rs", "outer");
        outer.commit_all("one").await;
        outer.git(&["submodule", "--quiet", "add", inner.root.as_str(), "vendor/inner"]).await;
        outer.git(&["init", "-q", "untracked/repo"]).await;
        outer.write("untracked/repo/x", "x");
        outer.write("vendor/inner/new.rs", "new");
        outer.git(&["worktree", "add", "-q", "other", "-b", "other"]).await;
        let snapshot = outer.snapshot().await;
        let expected = [".gitmodules", "main.rs", "untracked/repo/x", "vendor/inner/lib.rs", "vendor/inner/new.rs"];
        assert_eq!(paths(&snapshot), expected);
        assert_eq!(snapshot.notes, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_repository_without_a_commit_has_no_base_and_all_its_files() {
        let repository = Repository::new().await;
        repository.write("a", "1");
        let snapshot = repository.snapshot().await;
        assert_eq!((paths(&snapshot), snapshot.base_commit.as_str()), (vec!["a"], ""));
    }

    #[tokio::test]
    async fn without_git_everything_but_build_output_is_taken() {
        let repository = Repository::plain();
        for path in ["a", "b/c", "target/x", "b/node_modules/y"] {
            repository.write(path, "1");
        }
        let snapshot = repository.snapshot().await;
        assert_eq!(paths(&snapshot), ["a", "b/c"]);
        assert_eq!(snapshot.ignored_dirs, ["b/node_modules", "target"]);
    }

    #[tokio::test]
    async fn the_whole_tree_is_taken_from_wherever_the_user_stands() {
        let repository = Repository::new().await;
        repository.write("a", "1");
        repository.write("sub/dir/b", "1");
        let project = Project::find(&repository.root.join("sub/dir"), &env()).await.unwrap();
        let snapshot = Snapshot::take(&project, &repository.state).await.unwrap();
        assert_eq!(paths(&snapshot), ["a", "sub/dir/b"]);
        let scratch = Scratch::open(&snapshot, &repository.state, 0).await.unwrap();
        assert_eq!(scratch.dir(), scratch.root.join("sub/dir"));
    }

    #[tokio::test]
    async fn a_state_folder_inside_the_tree_is_not_taken() {
        let repository = Repository::new().await;
        repository.write("a", "1");
        let state = repository.root.join("state");
        let project = repository.project().await;
        for _ in 0..2 {
            let snapshot = Snapshot::take(&project, &state).await.unwrap();
            assert_eq!(paths(&snapshot), ["a"]);
            Scratch::open(&snapshot, &state, 0).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_cannot_be_taken_is_noted_and_the_rest_is_taken() {
        use std::os::unix::ffi::OsStrExt;
        let repository = Repository::new().await;
        repository.write("a", "1");
        fs::write(repository.root.as_std_path().join(std::ffi::OsStr::from_bytes(b"\xff.rs")), "x").unwrap();
        let snapshot = repository.snapshot().await;
        assert_eq!(paths(&snapshot), ["a"]);
        assert_eq!(snapshot.notes, ["\u{fffd}.rs is left out: it is not UTF-8"]);
    }

    #[tokio::test]
    async fn a_tracked_directory_that_is_a_link_now_is_taken_as_the_link() {
        let repository = Repository::new().await;
        repository.write("a/b", "1");
        repository.commit_all("one").await;
        let outside = repository.state.with_file_name("outside");
        write(&outside, "b", "not of this tree");
        fs::remove_dir_all(repository.root.join("a")).unwrap();
        repository.link("a", outside.as_str());
        assert_eq!(paths(&repository.snapshot().await), ["a"]);
    }

    #[tokio::test]
    async fn a_snapshot_does_not_change_with_the_tree_and_equal_trees_have_equal_hashes() {
        let repository = Repository::plain();
        repository.write("a", "1");
        let first = repository.snapshot().await;
        repository.write("a", "2");
        let second = repository.snapshot().await;
        repository.write("a", "1");
        chmod(&repository.root.join("a"), 0o600);
        let third = repository.snapshot().await;
        assert_eq!(first.read("a".into()).unwrap().unwrap(), "1");
        assert_eq!(second.read("a".into()).unwrap().unwrap(), "2");
        assert_ne!(first.tree_hash, second.tree_hash);
        assert_eq!(first.tree_hash, third.tree_hash);
        chmod(&repository.root.join("a"), 0o700);
        assert_ne!(repository.snapshot().await.tree_hash, first.tree_hash);
    }

    #[tokio::test]
    async fn a_change_that_keeps_size_and_time_is_seen() {
        let repository = Repository::plain();
        repository.write("a", "1");
        let path = repository.root.join("a");
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let age = || fs::OpenOptions::new().write(true).open(&path).unwrap().set_modified(time).unwrap();
        age();
        let first = repository.snapshot().await;
        repository.write("a", "2");
        age();
        assert_ne!(repository.snapshot().await.tree_hash, first.tree_hash);
    }
}
