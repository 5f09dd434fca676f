//! The folder of one confined run: the helper's report, and the task's temporary folder, gone when the run is.

use std::io;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

/// A folder that only this run uses. Dropped, it is removed, whatever the task made of it.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: Utf8PathBuf,
}

impl RunFolder {
    /// Makes the folder inside another.
    pub(super) fn make_in(parent: &Utf8Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("heal-run-").tempdir_in(parent.as_std_path())?.keep();
        let path = Utf8PathBuf::from_path_buf(folder).map_err(|path| io::Error::other(path.display().to_string()))?;
        let folder = Self { path: path.canonicalize_utf8()? };
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
        if fs::remove_dir_all(self.path.as_std_path()).is_err() {
            unlock(&self.path);
            // What still cannot be removed is left to the system, which clears such folders.
            let _ = fs::remove_dir_all(self.path.as_std_path());
        }
    }
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
