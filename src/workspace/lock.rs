//! One session a tree.

use std::fs::TryLockError;
use std::io::Write;

use camino::Utf8Path;
use fs_err as fs;

use crate::process::kill_abandoned;
use crate::workspace::contents::Contents;
use crate::workspace::records::{Records, load_or_default};
use crate::workspace::snapshot::records_path;
use crate::workspace::{ContentHash, Project, WorkspaceError};

/// The right to work on a tree, held until dropped. The kernel takes it back from a holder that died.
#[derive(Debug)]
pub struct Lock {
    file: fs::File,
}

impl Lock {
    /// Takes the lock of a project, or names who holds it. Whoever gets it also sweeps out contents of earlier sessions
    /// that nothing needs any more, and kills what sessions left running that were killed themselves.
    pub fn take(project: &Project, state_dir: &Utf8Path) -> Result<Self, WorkspaceError> {
        let home = project.home(state_dir)?;
        let lock = Self::take_in(&home)?;
        kill_abandoned();
        if !has_locked_slot(&home)? {
            let records: Records = load_or_default(&records_path(&home));
            let needed: std::collections::HashSet<ContentHash> = records.values().map(|record| record.hash).collect();
            Contents::open(&home)?.retain(|hash| needed.contains(&hash))?;
        }
        Ok(lock)
    }

    /// Takes the lock of an existing folder.
    pub(super) fn take_in(dir: &Utf8Path) -> Result<Self, WorkspaceError> {
        let path = dir.join("lock");
        let mut file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path)?;
                let holder = if holder.is_empty() { "an unknown process".to_owned() } else { holder };
                return Err(WorkspaceError::Locked { holder });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        write!(file, "process {}", std::process::id())?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    /// Gives the lock back at once: closing the file alone would leave it to a child that is just being started, which
    /// has the file open until it becomes another program.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn has_locked_slot(home: &Utf8Path) -> Result<bool, WorkspaceError> {
    for entry in fs::read_dir(home)? {
        let Ok(dir) = camino::Utf8PathBuf::from_path_buf(entry?.path()) else { continue };
        if dir.join("lock").exists() && matches!(Lock::take_in(&dir), Err(WorkspaceError::Locked { .. })) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::testing::Repository;
    use crate::workspace::{Scratch, Snapshot};

    #[tokio::test]
    async fn a_second_session_is_told_who_works_on_the_tree_and_a_later_one_gets_it() {
        let repository = Repository::plain();
        let project = repository.project().await;
        let lock = Lock::take(&project, &repository.state).unwrap();
        let error = Lock::take(&project, &repository.state).unwrap_err();
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(lock);
        Lock::take(&project, &repository.state).unwrap();
    }

    #[tokio::test]
    async fn taking_the_lock_forgets_old_contents_but_none_that_a_copy_is_restored_to() {
        let repository = Repository::plain();
        repository.write("a", "old");
        let project = repository.project().await;
        let snapshot = Snapshot::take(&project, &repository.state).await.unwrap();
        let mut scratch = Scratch::open(&snapshot, &repository.state, 0).await.unwrap();
        repository.write("a", "new");
        Snapshot::take(&project, &repository.state).await.unwrap();
        drop(Lock::take(&project, &repository.state).unwrap());
        fs::remove_file(scratch.root.join("a")).unwrap();
        scratch.restore().unwrap();
        assert_eq!(scratch.read("a".into()).unwrap().unwrap(), "old");
        drop(scratch);
        drop(Lock::take(&project, &repository.state).unwrap());
        assert!(snapshot.read("a".into()).is_err());
    }
}
