//! Why the tree could not be read or written, in words that name the path and the way out.

use std::io;
use std::path::PathBuf;

use camino::Utf8PathBuf;
use thiserror::Error;

use crate::process::SpawnError;

/// Why the tree could not be read or written.
#[derive(Debug, Error)]
pub enum WorkspaceError {
    /// The file system refused; the message names the path.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Git could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// Git failed.
    #[error("failed to run git {command} in {dir}: {message}")]
    Git {
        /// The subcommand.
        command: String,
        /// Where it ran.
        dir: Utf8PathBuf,
        /// What it said.
        message: String,
    },
    /// There is no such commit.
    #[error("{0} names no commit")]
    NoSuchRevision(String),
    /// The path of the project, which everything hangs on, cannot be written down.
    #[error("the path {} is not UTF-8", .0.display())]
    NotUtf8(PathBuf),
    /// What should be a directory is none.
    #[error("{0} is not a directory")]
    NotADirectory(Utf8PathBuf),
    /// What needs version control has none.
    #[error("{0} is in no git repository")]
    NoRepository(Utf8PathBuf),
    /// What should be a file is none.
    #[error("{0} is not a regular file")]
    NotAFile(Utf8PathBuf),
    /// The path leads out of the project, or into its version control.
    #[error("{0} is not a path of a project file")]
    Outside(Utf8PathBuf),
    /// The path is a symbolic link or goes through one.
    #[error("{0} goes through a symbolic link")]
    Symlink(Utf8PathBuf),
    /// The file is no text.
    #[error("{0} is not UTF-8 text")]
    Binary(Utf8PathBuf),
    /// The file is too large to be worked on as text.
    #[error("{path} is too large: {n_bytes} bytes, {bytes_max} are allowed")]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
        /// Its size.
        n_bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The file is no longer the one the patch was made for.
    #[error("{0} is no longer as it was when the patch was made")]
    Stale(Utf8PathBuf),
    /// Another session works on this tree.
    #[error("another session works on this tree: {holder}")]
    Locked {
        /// Who holds the lock.
        holder: String,
    },
    /// An acceptance was interrupted and has not been recovered.
    #[error("an earlier acceptance was interrupted, and its journal {0} still stands")]
    Unfinished(Utf8PathBuf),
    /// There is no accepted patch to take back.
    #[error("no accepted patch is left to take back")]
    NothingToUndo,
    /// A record in the state folder cannot be read.
    #[error("failed to read {path}: {message}")]
    Record {
        /// The record.
        path: Utf8PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

impl WorkspaceError {
    /// Tells whether it is the machine's or this program's fault rather than a setting of the user's.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Record { .. } | Self::Unfinished(_))
    }

    /// Says what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Spawn(error) => error.hint(),
            Self::Git { dir, message, .. } if message.contains("dubious ownership") => {
                Some(format!("git config --global --add safe.directory {dir}"))
            }
            Self::Git { dir, command, .. } => Some(format!("try git -C {dir} {command}")),
            Self::NoSuchRevision(rev) => Some(format!("fetch it: git fetch origin {rev}")),
            Self::Stale(path) => Some(format!("see what changed: git diff -- {path}; then heal again")),
            Self::Locked { .. } => Some("wait for it to end, or stop it".to_owned()),
            Self::Unfinished(_) => Some("start heal-tests again in this tree: it recovers first".to_owned()),
            Self::Record { path, .. } => Some(format!("look into it, then remove it: rm {path}")),
            Self::TooLarge { .. } | Self::Binary(_) | Self::NotAFile(_) | Self::Symlink(_) | Self::Outside(_) => {
                Some("change this file by hand".to_owned())
            }
            Self::NotADirectory(_) | Self::NotUtf8(_) | Self::NoRepository(_) => {
                Some("start in another directory".to_owned())
            }
            Self::NothingToUndo | Self::Io(_) => None,
        }
    }
}
