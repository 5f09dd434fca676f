//! The folder of one confined run: the helper's report, and the task's temporary folder, gone when the run is.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rustix::fs::{FlockOperation, flock};

/// What the names of such folders begin with.
const PREFIX: &str = "heal-run-";

/// How old a folder is before it may be abandoned: a younger one may not be locked yet.
const AGE_MIN: Duration = Duration::from_mins(1);

/// A folder that only this run uses. Dropped, it is removed, whatever the task made of it.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: Utf8PathBuf,
    /// Held as long as the folder is used.
    _lock: fs::File,
}

impl RunFolder {
    /// Makes the folder inside another.
    pub(super) fn make_in(parent: &Utf8Path) -> io::Result<Self> {
        remove_abandoned_once(parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent.as_std_path())?.keep();
        let path = Utf8PathBuf::from_path_buf(folder).map_err(|path| io::Error::other(path.display().to_string()))?;
        let path = path.canonicalize_utf8()?;
        let lock = fs::File::open(&path)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let folder = Self { path, _lock: lock };
        fs::create_dir(folder.temp())?;
        Ok(folder)
    }

    /// Returns the task's temporary folder.
    pub(super) fn temp(&self) -> Utf8PathBuf {
        self.path.join("tmp")
    }

    /// Returns the file of the helper's report.
    pub(super) fn report(&self) -> Utf8PathBuf {
        self.path.join("report")
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn remove(folder: &Utf8Path) {
    if fs::remove_dir_all(folder.as_std_path()).is_err() {
        unlock(folder);
        // What still cannot be removed is left to the system, which clears such folders.
        let _ = fs::remove_dir_all(folder.as_std_path());
    }
}

/// Removes what sessions left in a folder that were killed: once a session.
fn remove_abandoned_once(parent: &Utf8Path) {
    static LOOKED_AT: Mutex<BTreeSet<Utf8PathBuf>> = Mutex::new(BTreeSet::new());
    if LOOKED_AT.lock().unwrap_or_else(PoisonError::into_inner).insert(parent.to_owned()) {
        let Ok(entries) = parent.read_dir_utf8() else { return };
        for entry in entries.flatten().filter(is_abandoned) {
            remove(entry.path());
        }
    }
}

/// Tells whether a run used this folder, and does so no more.
fn is_abandoned(entry: &Utf8DirEntry) -> bool {
    let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
    let is_unlocked = |folder| flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok();
    entry.file_name().starts_with(PREFIX)
        && age().is_some_and(|age| age > AGE_MIN)
        && fs::File::open(entry.path()).is_ok_and(is_unlocked)
}

/// Lets folders be emptied that the task has locked. Links are not followed; the depth is bounded by the disk's, not
/// by this thread's stack.
fn unlock(top: &Utf8Path) {
    let mut folders = vec![top.to_owned().into_std_path_buf()];
    while let Some(folder) = folders.pop() {
        let _ = fs::set_permissions(&folder, PermissionsExt::from_mode(0o700));
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let inner = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.extend(inner.map(|entry| entry.path()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_session_left_is_removed_and_what_is_used_or_young_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let parent = Utf8Path::from_path(dir.path()).unwrap();
        for name in ["heal-run-left", "heal-run-used", "heal-run-young", "other"] {
            fs::create_dir_all(parent.join(name).join("tmp/locked")).unwrap();
            fs::set_permissions(parent.join(name).join("tmp/locked"), PermissionsExt::from_mode(0o000)).unwrap();
            let long_ago = std::time::SystemTime::now() - Duration::from_hours(1);
            if name != "heal-run-young" {
                fs::File::open(parent.join(name)).unwrap().into_file().set_modified(long_ago).unwrap();
            }
        }
        let used = fs::File::open(parent.join("heal-run-used")).unwrap();
        flock(&used, FlockOperation::NonBlockingLockExclusive).unwrap();
        let folder = RunFolder::make_in(parent).unwrap();
        let mut left: Vec<_> = parent.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
        left.sort_unstable();
        left.retain(|path| !folder.temp().starts_with(path));
        assert_eq!(left, ["heal-run-used", "heal-run-young", "other"].map(|name| parent.join(name)));
    }

    #[test]
    fn a_folder_is_removed_with_what_was_locked_in_it_and_nothing_that_a_link_names() {
        let dir = tempfile::tempdir().unwrap();
        let parent = Utf8Path::from_path(dir.path()).unwrap();
        fs::create_dir(parent.join("outside")).unwrap();
        fs::write(parent.join("outside/precious"), "x").unwrap();
        let folder = RunFolder::make_in(parent).unwrap();
        let inner = folder.temp().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("file"), "x").unwrap();
        fs_err::os::unix::fs::symlink(parent.join("outside"), inner.join("link")).unwrap();
        for locked in [inner, folder.temp().join("a"), folder.temp()] {
            fs::set_permissions(locked, PermissionsExt::from_mode(0o000)).unwrap();
        }
        drop(folder);
        let left: Vec<_> = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["outside"]);
        assert_eq!(fs::read_to_string(parent.join("outside/precious")).unwrap(), "x");
    }
}
