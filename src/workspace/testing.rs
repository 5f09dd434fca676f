//! Real repositories and trees in temporary directories, for this folder's tests.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::process::{Cancel, Task, run};
use crate::workspace::{Project, Scratch, Snapshot};

/// A repository, and a state folder beside it, that go away with the value.
pub(super) struct Repository {
    _dir: tempfile::TempDir,
    pub(super) root: Utf8PathBuf,
    pub(super) state: Utf8PathBuf,
}

/// An environment in which git knows an author and nothing of the machine's configuration.
pub(super) fn env() -> Vec<(String, String)> {
    let pairs = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("HOME", "/nonexistent"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_COUNT", "3"),
        ("GIT_CONFIG_KEY_0", "user.name"),
        ("GIT_CONFIG_VALUE_0", "A U Thor"),
        ("GIT_CONFIG_KEY_1", "user.email"),
        ("GIT_CONFIG_VALUE_1", "author@example.com"),
        ("GIT_CONFIG_KEY_2", "protocol.file.allow"),
        ("GIT_CONFIG_VALUE_2", "always"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

impl Repository {
    /// Makes an empty repository without a commit.
    pub(super) async fn new() -> Self {
        let repository = Self::plain();
        repository.git(&["init", "-q", "-b", "main"]).await;
        repository
    }

    /// Makes a directory that is no repository.
    pub(super) fn plain() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
        let (root, state) = (base.join("project"), base.join("state"));
        fs::create_dir(&root).unwrap();
        Self { _dir: dir, root, state }
    }

    /// Runs git as the user does, without any guard.
    pub(super) async fn git(&self, arguments: &[&str]) -> String {
        let argv = ["git"].iter().chain(arguments).map(|part| (*part).to_owned()).collect();
        let finished = run(&Task::new(argv, &self.root, env()), &Cancel::default()).await.unwrap();
        let stderr = String::from_utf8_lossy(&finished.stderr);
        assert!(finished.ending.is_success(), "git {arguments:?}: {stderr}");
        String::from_utf8(finished.stdout).unwrap()
    }

    pub(super) async fn commit_all(&self, message: &str) -> String {
        self.git(&["add", "-A"]).await;
        self.git(&["commit", "-q", "--allow-empty", "-m", message]).await;
        self.git(&["rev-parse", "HEAD"]).await.trim().to_owned()
    }

    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        write(&self.root, path, content);
    }

    pub(super) fn link(&self, path: &str, target: &str) {
        fs::create_dir_all(self.root.join(path).parent().unwrap()).unwrap();
        fs_err::os::unix::fs::symlink(target, self.root.join(path)).unwrap();
    }

    pub(super) fn remove(&self, path: &str) {
        fs::remove_file(self.root.join(path)).unwrap();
    }

    pub(super) async fn project(&self) -> Project {
        Project::find(&self.root, &env()).await.unwrap()
    }

    pub(super) async fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.project().await, &self.state).await.unwrap()
    }

    pub(super) async fn scratch(&self, slot: usize) -> Scratch {
        Scratch::open(&self.snapshot().await, &self.state, slot).await.unwrap()
    }
}

pub(super) fn write(root: &Utf8Path, path: &str, content: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

pub(super) fn chmod(path: &Utf8Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// What lies below a directory: paths with modes and contents, links as they are, directories without a content.
pub(super) fn tree(root: &Utf8Path) -> BTreeMap<String, (u32, String)> {
    let mut all = BTreeMap::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in dir.read_dir_utf8().unwrap().map(Result::unwrap) {
            let metadata = entry.path().symlink_metadata().unwrap();
            let content = if metadata.is_symlink() {
                format!("-> {}", entry.path().read_link_utf8().unwrap())
            } else if metadata.is_dir() {
                dirs.push(entry.path().to_owned());
                String::new()
            } else {
                String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned()
            };
            let path = entry.path().strip_prefix(root).unwrap().to_string();
            all.insert(path, (metadata.permissions().mode() & 0o777, content));
        }
    }
    all
}
