//! A copy of the tree in which tests run and candidates are tried, kept between sessions so that builds stay warm.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;

use crate::model::{FileChange, Patch};
use crate::workspace::clock::Clock;
use crate::workspace::project::home_of;
use crate::workspace::records::{Records, load_or_default, save};
use crate::workspace::synchronise::{finish, remove, synchronise};
use crate::workspace::text::{check_text, text_of};
use crate::workspace::{Lock, Snapshot, WorkspaceError, on_disk, paths, seed};

/// The directories above which git does not look for a repository.
const GIT_CEILINGS: &str = "GIT_CEILING_DIRECTORIES";

/// The variables by which git is told where the repository is. Hooks set them.
const GIT_PLACES: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
];

/// How many sessions may use checkouts of one project at the same time.
const N_FREE_MAX: usize = 16;

/// A scratch copy of a snapshot. A copy is locked while a value stands for it.
#[derive(Debug)]
pub struct Scratch {
    /// The top of the copy.
    pub root: Utf8PathBuf,
    snapshot: Snapshot,
    slot: Slot,
}

/// The folder of a scratch copy, and what is remembered of it.
#[derive(Debug)]
struct Slot {
    _lock: Lock,
    dir: Utf8PathBuf,
    state: SlotState,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct SlotState {
    records: Records,
    clock: Clock,
}

fn build_dir(slot_dir: &Utf8Path) -> Utf8PathBuf {
    slot_dir.join("build")
}

impl Scratch {
    /// Opens one of the numbered copies below the state folder and makes it equal to the snapshot. A copy that does not
    /// exist yet starts with the build output of copy 0; installed dependencies are taken from the user's tree.
    pub async fn open(snapshot: &Snapshot, state_dir: &Utf8Path, slot: usize) -> Result<Self, WorkspaceError> {
        let dir = home_of(&snapshot.root, state_dir).join(format!("slot-{slot}"));
        let snapshot = snapshot.clone();
        on_disk(move || Self::open_in(snapshot, dir)).await
    }

    /// Opens the first copy of a name that no other session uses.
    pub(super) async fn open_free(
        snapshot: &Snapshot,
        state_dir: &Utf8Path,
        name: &str,
    ) -> Result<Self, WorkspaceError> {
        let dirs: Vec<_> =
            (0..N_FREE_MAX).map(|n| home_of(&snapshot.root, state_dir).join(format!("{name}-{n}"))).collect();
        let snapshot = snapshot.clone();
        on_disk(move || {
            let mut opened = dirs.into_iter().map(|dir| Self::open_in(snapshot.clone(), dir));
            let last = opened.by_ref().find(|opened| !matches!(opened, Err(WorkspaceError::Locked { .. })));
            last.unwrap_or_else(|| Err(WorkspaceError::Locked { holder: "every checkout is in use".to_owned() }))
        })
        .await
    }

    fn open_in(snapshot: Snapshot, dir: Utf8PathBuf) -> Result<Self, WorkspaceError> {
        fs::create_dir_all(&dir)?;
        let slot = Slot::open(dir)?;
        let root = slot.dir.join("tree");
        let first = slot.dir.with_file_name("slot-0").join("tree");
        let is_new = !root.exists();
        fs::create_dir_all(&root)?;
        let root = root.canonicalize_utf8()?;
        // Build output first: sources must be younger than what was built from them.
        if is_new && first.is_dir() {
            seed::copy_ignored(&first, &root, &snapshot.ignoring)?;
            seed::copy_build(&build_dir(&slot.dir.with_file_name("slot-0")), &build_dir(&slot.dir))?;
        }
        fs::create_dir_all(build_dir(&slot.dir))?;
        let mut scratch = Self { root, snapshot, slot };
        scratch.restore()?;
        let Self { root, snapshot, .. } = &mut scratch;
        snapshot.notes.extend(seed::mirror_dependencies(&snapshot.root, root, &snapshot.ignored_dirs)?);
        scratch.slot.save()?;
        Ok(scratch)
    }

    /// Returns the folder for build output: beside the copy, kept as long as it, and never part of it.
    pub fn build_dir(&self) -> Utf8PathBuf {
        build_dir(&self.slot.dir)
    }

    /// Returns the snapshot the copy is restored to.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Returns the user's directory inside the copy.
    pub fn dir(&self) -> Utf8PathBuf {
        self.root.join(&self.snapshot.dir_in_root)
    }

    /// Reads the text of a file as it is now; `None` when there is none. Links are followed within the copy; what is no
    /// UTF-8 text of at most 4 MiB is an error.
    pub fn read(&self, path: &Utf8Path) -> Result<Option<String>, WorkspaceError> {
        paths::check(path)?;
        let full = match fs::canonicalize(self.root.join(path)) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            full => Utf8PathBuf::from_path_buf(full?).map_err(WorkspaceError::NotUtf8)?,
        };
        if !full.starts_with(&self.root) {
            return Err(WorkspaceError::Symlink(path.to_owned()));
        }
        text_of(&full, path).map(Some)
    }

    /// Applies a patch. Every file must hold the text the patch was made for; nothing is written otherwise, and what was
    /// written before an error is restored.
    pub fn apply(&mut self, patch: &Patch) -> Result<(), WorkspaceError> {
        for change in patch.changes() {
            check_text(&self.root, &change.path, change.before.as_deref())?;
        }
        let written = self.write(patch.changes());
        if written.is_err() {
            self.restore()?;
        }
        written
    }

    /// Makes the copy equal to the snapshot again, whatever candidates and tests did to it, and returns the paths that
    /// were not. What is ignored and not part of the snapshot stays: it is build output.
    pub fn restore(&mut self) -> Result<Vec<Utf8PathBuf>, WorkspaceError> {
        let SlotState { records, clock } = &mut self.slot.state;
        synchronise(&self.root, &self.snapshot, records, clock)
    }

    /// Makes the environment for what runs in the copy out of the user's. Paths of the user's tree become those of the
    /// copy, so that a virtual environment active in the user's shell is the copy's own and build output stays in it;
    /// an entry of a search path that the copy does not have stays. Git is kept from taking the user's repository for
    /// that of the copy, be it by variables, as in a hook, or by a search upwards.
    pub fn environment(&self, env: &[(String, String)]) -> Vec<(String, String)> {
        let ceilings = env.iter().find(|(name, _)| name == GIT_CEILINGS).map(|(_, value)| format!("{value}:"));
        let ceilings = format!("{}{}", ceilings.unwrap_or_default(), self.slot.dir);
        let kept = env.iter().filter(|(name, _)| name != GIT_CEILINGS && !GIT_PLACES.contains(&name.as_str()));
        let relocated = kept.map(|(name, value)| (name.clone(), self.relocate(value, name.ends_with("PATH"))));
        relocated.chain([(GIT_CEILINGS.to_owned(), ceilings)]).collect()
    }

    /// Replaces the root of the user's tree in a value that may be a list of paths.
    fn relocate(&self, value: &str, is_search_path: bool) -> String {
        let relocate = |part: &str| {
            let inner = Utf8Path::new(part).strip_prefix(&self.snapshot.root);
            // The empty path is the root itself, and joined to it would end it with a slash.
            let copy: Option<Utf8PathBuf> = inner.ok().map(|inner| self.root.iter().chain(inner.iter()).collect());
            copy.filter(|copy| !is_search_path || copy.exists()).map_or(part.to_owned(), Utf8PathBuf::into_string)
        };
        value.split(':').map(relocate).collect::<Vec<_>>().join(":")
    }

    fn write(&mut self, changes: &[FileChange]) -> Result<(), WorkspaceError> {
        let time = self.slot.state.clock.next();
        for FileChange { path, after, .. } in changes {
            let full = self.root.join(path);
            let mode = fs::symlink_metadata(&full).map_or(0o644, |metadata| metadata.permissions().mode() & 0o777);
            remove(&full)?;
            if let Some(text) = after {
                fs::create_dir_all(full.parent().unwrap_or(&self.root))?;
                fs::write(&full, text)?;
                finish(&full, mode, time)?;
            }
        }
        Ok(())
    }
}

impl Slot {
    fn open(dir: Utf8PathBuf) -> Result<Self, WorkspaceError> {
        let lock = Lock::take_in(&dir)?;
        let state = load_or_default(&dir.join("state.json"));
        Ok(Self { _lock: lock, dir, state })
    }

    fn save(&self) -> Result<(), WorkspaceError> {
        save(&self.dir.join("state.json"), &self.state)
    }
}

impl Drop for Slot {
    /// Saves what is known of the copy; without it the next session reads every file anew.
    fn drop(&mut self) {
        let _ = self.save();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::testing::{Repository, chmod, tree, write};
    use std::collections::BTreeMap;
    use std::time::{SystemTime, UNIX_EPOCH};

    fn times(root: &Utf8Path, paths: &[&str]) -> Vec<SystemTime> {
        paths.iter().map(|path| root.join(path).metadata().unwrap().modified().unwrap()).collect()
    }

    fn patch(changes: &[(&str, Option<&str>, Option<&str>)]) -> Patch {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let change = |(path, before, after): &(&str, Option<&str>, Option<&str>)| FileChange {
            path: Utf8PathBuf::from(*path),
            before: own(*before),
            after: own(*after),
        };
        Patch::new(changes.iter().map(change).collect()).unwrap()
    }

    async fn sample() -> Repository {
        let repository = Repository::new().await;
        repository.write(".gitignore", "target/\n*.log\n");
        repository.write("src/a.rs", "a");
        repository.write("src/b.rs", "b");
        repository.write("src/deep/er/c.rs", "c");
        repository.write("run.sh", "#!/bin/sh");
        chmod(&repository.root.join("run.sh"), 0o755);
        repository.link("src/link.rs", "a.rs");
        repository
    }

    fn without_git(mut tree: BTreeMap<String, (u32, String)>) -> BTreeMap<String, (u32, String)> {
        tree.retain(|path, _| path != ".git" && !path.starts_with(".git/"));
        tree
    }

    #[tokio::test]
    async fn a_copy_is_the_tree_byte_for_byte() {
        let repository = sample().await;
        repository.write("binary", b"\xff\0");
        let scratch = repository.scratch(0).await;
        let mut expected = without_git(tree(&repository.root));
        let mut found = tree(&scratch.root);
        // Directories carry whatever the umask says.
        expected.retain(|path, _| !repository.root.join(path).is_dir());
        found.retain(|path, _| !scratch.root.join(path).is_dir());
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn a_copy_opened_again_is_touched_only_where_the_tree_changed() {
        let repository = sample().await;
        let scratch = repository.scratch(0).await;
        write(&scratch.root, "target/debug/out", "warm");
        let paths = ["src/a.rs", "run.sh", "target/debug/out"];
        let before = times(&scratch.root, &paths);
        drop(scratch);
        repository.write("src/b.rs", "changed");
        repository.remove("src/deep/er/c.rs");
        let scratch = repository.scratch(0).await;
        assert_eq!(times(&scratch.root, &paths), before);
        assert_eq!(scratch.read("src/b.rs".into()).unwrap().unwrap(), "changed");
        assert!(!scratch.root.join("src/deep").exists());
    }

    #[tokio::test]
    async fn a_copy_whose_records_are_lost_is_read_anew_and_not_rewritten() {
        let repository = sample().await;
        let scratch = repository.scratch(0).await;
        let (root, before) = (scratch.root.clone(), times(&scratch.root, &["src/a.rs"]));
        drop(scratch);
        fs::write(root.with_file_name("state.json"), "not json").unwrap();
        let scratch = repository.scratch(0).await;
        assert_eq!(times(&scratch.root, &["src/a.rs"]), before);
    }

    #[tokio::test]
    async fn whatever_tests_do_to_a_copy_it_is_restored_and_nothing_outside_is_touched() {
        let repository = sample().await;
        let mut scratch = repository.scratch(0).await;
        let root = scratch.root.clone();
        let before = tree(&root);
        let outside = repository.state.with_file_name("outside");
        write(&outside, "er/c.rs", "precious");
        fs::write(root.join("src/a.rs"), "damaged").unwrap();
        fs::remove_file(root.join("src/link.rs")).unwrap();
        fs::write(root.join("src/link.rs"), "no link").unwrap();
        fs::remove_file(root.join("src/b.rs")).unwrap();
        write(&root, "src/b.rs/inner", "a directory in place of a file");
        fs::remove_dir_all(root.join("src/deep")).unwrap();
        fs_err::os::unix::fs::symlink(&outside, root.join("src/deep")).unwrap();
        fs::write(root.join(".gitignore"), "*\n").unwrap();
        chmod(&root.join("run.sh"), 0o644);
        write(&root, "new/file", "new");
        write(&root, "new/.git/HEAD", "ref: refs/heads/main");
        fs::create_dir_all(root.join("empty/dir")).unwrap();
        write(&root, "new/ignored.log", "kept");
        write(&root, "locked/in", "x");
        chmod(&root.join("locked"), 0o000);
        chmod(&root.join("src"), 0o500);
        let changed = scratch.restore().unwrap();
        assert_eq!(fs::read_to_string(root.join("new/ignored.log")).unwrap(), "kept");
        fs::remove_dir_all(root.join("new")).unwrap();
        assert_eq!(tree(&root), before);
        assert_eq!(fs::read_to_string(outside.join("er/c.rs")).unwrap(), "precious");
        for path in ["src/a.rs", "src/b.rs", "src/link.rs", "run.sh", "new/file", "locked", "empty/dir"] {
            assert!(changed.contains(&path.into()), "{path} is not among {changed:?}");
        }
        assert_eq!(scratch.restore().unwrap(), Vec::<Utf8PathBuf>::new());
    }

    #[tokio::test]
    async fn a_change_that_hides_behind_the_old_size_and_time_is_restored() {
        let repository = sample().await;
        let mut scratch = repository.scratch(0).await;
        let path = scratch.root.join("src/a.rs");
        let time = path.metadata().unwrap().modified().unwrap();
        fs::write(&path, "x").unwrap();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_modified(time).unwrap();
        assert_eq!(scratch.restore().unwrap(), ["src/a.rs"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "a");
    }

    #[tokio::test]
    async fn a_patch_is_applied_and_restored_byte_for_byte() {
        let repository = sample().await;
        let mut scratch = repository.scratch(0).await;
        let before = tree(&scratch.root);
        let patch = patch(&[
            ("run.sh", Some("#!/bin/sh"), Some("#!/bin/bash\n")),
            ("src/a.rs", Some("a"), None),
            ("src/new/d.rs", None, Some("d")),
        ]);
        scratch.apply(&patch).unwrap();
        assert_eq!(scratch.read("run.sh".into()).unwrap().unwrap(), "#!/bin/bash\n");
        assert_eq!(scratch.root.join("run.sh").metadata().unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(scratch.read("src/a.rs".into()).unwrap(), None);
        assert_eq!(scratch.read("src/new/d.rs".into()).unwrap().unwrap(), "d");
        scratch.restore().unwrap();
        assert_eq!(tree(&scratch.root), before);
    }

    #[tokio::test]
    async fn a_patch_for_another_text_writes_nothing() {
        let repository = sample().await;
        let mut scratch = repository.scratch(0).await;
        let before = tree(&scratch.root);
        let stale = patch(&[("run.sh", Some("#!/bin/sh"), Some("x")), ("src/a.rs", Some("other"), Some("x"))]);
        assert!(matches!(scratch.apply(&stale), Err(WorkspaceError::Stale(path)) if path == "src/a.rs"));
        for path in ["../x", ".git/hooks/pre-push", "/etc/passwd", "src/link.rs"] {
            assert!(scratch.apply(&patch(&[(path, None, Some("x"))])).is_err(), "{path}");
        }
        assert_eq!(tree(&scratch.root), before);
    }

    #[tokio::test]
    async fn what_is_written_in_a_row_differs_in_its_seconds() {
        let repository = sample().await;
        let mut scratch = repository.scratch(0).await;
        let mut seconds = Vec::new();
        for text in ["1", "2", "3"] {
            seconds.extend(times(&scratch.root, &["src/a.rs"]));
            scratch.apply(&Patch::edit("src/a.rs", "a", text)).unwrap();
            seconds.extend(times(&scratch.root, &["src/a.rs"]));
            scratch.restore().unwrap();
        }
        let mut seconds: Vec<u64> =
            seconds.iter().map(|time| time.duration_since(UNIX_EPOCH).unwrap().as_secs()).collect();
        assert!(seconds.is_sorted());
        seconds.dedup();
        assert_eq!(seconds.len(), 6);
    }

    #[tokio::test]
    async fn reading_stays_inside_the_copy() {
        let repository = sample().await;
        repository.link("out", "/etc/hostname");
        repository.link("loop", "loop");
        let scratch = repository.scratch(0).await;
        assert_eq!(scratch.read("src/link.rs".into()).unwrap().unwrap(), "a");
        assert_eq!(scratch.read("src/none".into()).unwrap(), None);
        assert_eq!(scratch.read("src/a.rs/below".into()).unwrap(), None);
        for path in ["out", "loop", "../state.json", "/etc/hostname", "src"] {
            assert!(scratch.read(path.into()).is_err(), "{path}");
        }
    }

    #[tokio::test]
    async fn a_new_copy_starts_with_the_build_output_of_the_first_and_younger_sources() {
        let repository = sample().await;
        let first = repository.scratch(0).await;
        write(&first.root, "target/debug/out", "warm");
        write(&first.root, "src/trace.log", "left by a test");
        let built = times(&first.root, &["target/debug/out"]);
        let second = repository.scratch(1).await;
        assert_eq!(times(&second.root, &["target/debug/out"]), built);
        assert!(times(&second.root, &["src/a.rs"])[0] > built[0]);
        assert_eq!(second.read("src/trace.log".into()).unwrap().unwrap(), "left by a test");
    }

    #[tokio::test]
    async fn one_copy_is_not_opened_twice_at_once() {
        let repository = sample().await;
        let scratch = repository.scratch(0).await;
        let snapshot = scratch.snapshot().clone();
        let again = Scratch::open(&snapshot, &repository.state, 0).await;
        assert!(matches!(again, Err(WorkspaceError::Locked { .. })));
        drop(scratch);
        Scratch::open(&snapshot, &repository.state, 0).await.unwrap();
    }

    #[tokio::test]
    async fn a_link_to_the_own_tree_leads_into_the_copy() {
        let repository = sample().await;
        repository.link("absolute", repository.root.join("src/a.rs").as_str());
        let scratch = repository.scratch(0).await;
        assert_eq!(scratch.root.join("absolute").read_link_utf8().unwrap(), scratch.root.join("src/a.rs"));
        assert_eq!(scratch.read("absolute".into()).unwrap().unwrap(), "a");
    }

    #[tokio::test]
    async fn paths_of_the_tree_in_the_environment_become_those_of_the_copy() {
        let repository = sample().await;
        let scratch = repository.scratch(0).await;
        let (own, copy) = (&repository.root, &scratch.root);
        let pair = |name: &str, value: String| (name.to_owned(), value);
        let env = [
            pair("PATH", format!("{own}/src:/usr/bin:{own}/none:{own}-other")),
            pair("CARGO_TARGET_DIR", format!("{own}/target")),
            pair("PWD", own.to_string()),
            pair("URL", "http://host:80".into()),
        ];
        let expected = [
            pair("PATH", format!("{copy}/src:/usr/bin:{own}/none:{own}-other")),
            pair("CARGO_TARGET_DIR", format!("{copy}/target")),
            pair("PWD", copy.to_string()),
            pair("URL", "http://host:80".into()),
        ];
        assert_eq!(scratch.environment(&env)[..4], expected);
    }

    #[tokio::test]
    async fn git_in_a_copy_does_not_find_the_users_repository() {
        let repository = sample().await;
        let state = repository.root.join("state");
        let snapshot = Snapshot::take(&repository.project().await, &state).await.unwrap();
        let scratch = Scratch::open(&snapshot, &state, 0).await.unwrap();
        let mut env = crate::workspace::testing::env();
        env.push(("GIT_DIR".to_owned(), repository.root.join(".git").into_string()));
        let argv = ["git", "rev-parse", "--git-dir"].map(str::to_owned).to_vec();
        let ending = async |env| {
            let task = crate::process::Task::new(argv.clone(), scratch.dir(), env);
            crate::process::run(&task, &crate::process::Cancel::default()).await.unwrap().ending
        };
        assert!(ending(env.clone()).await.is_success(), "without care it is found");
        assert!(!ending(scratch.environment(&env)).await.is_success());
    }
}
