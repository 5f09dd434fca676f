//! The record of a write into the user's tree: what each file held, what it is to hold, and what was made for it.
//!
//! It is written before anything else, in one piece, so that whatever moment a kill comes at, either nothing has begun
//! or everything needed to go back is known.

use std::io::{ErrorKind, Write};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::model::{FileChange, Patch};
use crate::workspace::WorkspaceError;

/// How many accepted patches are remembered to be taken back.
const N_ACCEPTED_MAX: usize = 50;

/// A write into the user's tree, planned or done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Journal {
    /// The root of the tree.
    pub(super) root: Utf8PathBuf,
    /// The file of the accepted patch that this write takes back.
    pub(super) undoes: Option<String>,
    /// Directories that are made for new files, outermost first.
    pub(super) made_dirs: Vec<Utf8PathBuf>,
    /// Directories that are removed at the end if nothing lies in them, outermost first.
    pub(super) left_dirs: Vec<Utf8PathBuf>,
    /// The files.
    pub(super) files: Vec<JournalFile>,
}

/// One file of a write.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct JournalFile {
    /// What changes.
    pub(super) change: FileChange,
    /// The permission bits before; `None` for a file that is created.
    pub(super) mode: Option<u32>,
    /// The name, beside the file, under which the new text is written first.
    pub(super) beside: Utf8PathBuf,
}

impl Journal {
    /// Returns the patch that is written.
    pub(super) fn patch(&self) -> Result<Patch, WorkspaceError> {
        let changes = self.files.iter().map(|file| file.change.clone()).collect();
        Patch::new(changes)
            .map_err(|error| WorkspaceError::Record { path: self.root.clone(), message: error.to_string() })
    }

    /// Returns the paths that are written.
    pub(super) fn paths(&self) -> Vec<Utf8PathBuf> {
        self.files.iter().map(|file| file.change.path.clone()).collect()
    }
}

/// The journals of one project: the one under way, and those of accepted patches.
#[derive(Debug, Clone)]
pub(super) struct Journals {
    home: Utf8PathBuf,
}

impl Journals {
    pub(super) fn new(home: Utf8PathBuf) -> Self {
        Self { home }
    }

    /// Returns the journal of an interrupted write.
    pub(super) fn current(&self) -> Result<Option<Journal>, WorkspaceError> {
        read(&self.current_path())
    }

    /// Opens a write. One that was interrupted must be recovered first.
    pub(super) fn begin(&self, journal: &Journal) -> Result<(), WorkspaceError> {
        let path = self.current_path();
        if path.exists() {
            return Err(WorkspaceError::Unfinished(path));
        }
        let mut file = tempfile::Builder::new().prefix("journal-").tempfile_in(&self.home)?;
        file.write_all(&serde_json::to_vec(journal).map_err(std::io::Error::from)?)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        sync_dir(&self.home)
    }

    /// Closes a write that was done: an accepted patch is remembered, one that was taken back is forgotten.
    pub(super) fn finish(&self, journal: &Journal) -> Result<(), WorkspaceError> {
        let accepted = self.accepted_dir()?;
        if let Some(name) = &journal.undoes {
            remove_file_if_there(&accepted.join(name))?;
            sync_dir(&accepted)?;
            fs::remove_file(self.current_path())?;
        } else {
            let names = self.accepted()?;
            let last: u64 = names.last().and_then(|name| name.strip_suffix(".json")?.parse().ok()).unwrap_or(0);
            fs::rename(self.current_path(), accepted.join(format!("{:08}.json", last + 1)))?;
            sync_dir(&accepted)?;
            for name in names.iter().rev().skip(N_ACCEPTED_MAX - 1) {
                remove_file_if_there(&accepted.join(name))?;
            }
        }
        sync_dir(&self.home)
    }

    /// Closes a write that was rolled back.
    pub(super) fn abandon(&self) -> Result<(), WorkspaceError> {
        remove_file_if_there(&self.current_path())?;
        sync_dir(&self.home)
    }

    /// Returns the last accepted patch and the name of its file.
    pub(super) fn last_accepted(&self) -> Result<Option<(String, Journal)>, WorkspaceError> {
        let Some(name) = self.accepted()?.pop() else { return Ok(None) };
        let journal = read(&self.accepted_dir()?.join(&name))?;
        Ok(journal.map(|journal| (name, journal)))
    }

    /// Lists the files of accepted patches, oldest first.
    fn accepted(&self) -> Result<Vec<String>, WorkspaceError> {
        let entries = fs::read_dir(self.accepted_dir()?)?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    fn current_path(&self) -> Utf8PathBuf {
        self.home.join("journal.json")
    }

    fn accepted_dir(&self) -> Result<Utf8PathBuf, WorkspaceError> {
        let dir = self.home.join("accepted");
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }
}

fn read(path: &Utf8Path) -> Result<Option<Journal>, WorkspaceError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        bytes => bytes?,
    };
    let journal = serde_json::from_slice(&bytes);
    journal.map(Some).map_err(|error| WorkspaceError::Record { path: path.to_owned(), message: error.to_string() })
}

/// Makes the entries of a directory last.
pub(super) fn sync_dir(dir: &Utf8Path) -> Result<(), WorkspaceError> {
    Ok(fs::File::open(dir)?.sync_all()?)
}

pub(super) fn remove_file_if_there(path: &Utf8Path) -> Result<(), WorkspaceError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
