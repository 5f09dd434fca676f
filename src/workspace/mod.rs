//! The user's tree and its scratch copies: snapshot, apply, restore, journal. The only writer into a tree under repair.
//!
//! What is healed is the tree as it stands, uncommitted changes and untracked files included. A [`Snapshot`] keeps it
//! as contents named by their hashes; a [`Scratch`] is a copy in the state folder in which tests run and candidates are
//! tried, kept between sessions so that builds stay warm. The user's own tree is written by [`accept`] and [`undo`]
//! alone, through a journal: killed at any moment, it is all old or all new after [`recover`].
//!
//! It never touches the user's index, refs, stash or configuration, never runs a hook, filter or text conversion that a
//! repository configures, and never follows a symbolic link when it writes.

mod accept;
mod checkout;
mod clock;
mod contents;
mod error;
mod git;
mod history;
mod ignored;
mod journal;
mod lfs;
mod listing;
mod lock;
mod paths;
mod project;
mod records;
mod scratch;
mod seed;
mod snapshot;
mod synchronise;
#[cfg(test)]
mod testing;
mod text;

use tokio::task::spawn_blocking;

pub use crate::workspace::accept::{Accepted, Recovered, Undone, accept, recover, undo};
pub use crate::workspace::checkout::checkout;
pub use crate::workspace::contents::ContentHash;
pub use crate::workspace::error::WorkspaceError;
pub use crate::workspace::history::recent_changes;
pub use crate::workspace::lock::Lock;
pub use crate::workspace::project::Project;
pub use crate::workspace::scratch::Scratch;
pub use crate::workspace::snapshot::{Entry, EntryKind, Files, Snapshot, Standing};

/// Does work that waits for the disk where it holds up nobody else. A panic in it goes on here.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WorkspaceError> + Send + 'static,
) -> Result<T, WorkspaceError> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(WorkspaceError::Io(std::io::Error::other("the program is shutting down"))),
        },
    }
}
