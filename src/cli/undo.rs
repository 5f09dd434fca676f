//! `heal-tests undo`: takes the last accepted patch back.

use std::io::Write;

use crate::cli::{Failure, Place, options};
use crate::workspace::{self, Lock, Project};

/// Takes the last accepted patch back.
pub(super) async fn run(place: &Place) -> Result<u8, Failure> {
    let options = options(&place.typed())?;
    let project = Project::find(&options.dir, &options.child_env).await?;
    let _lock = Lock::take(&project, &options.state)?;
    let undone = workspace::undo(&project, &options.state)?;
    let paths: Vec<_> = undone.patch.changes().iter().map(|change| change.path.as_str()).collect();
    let _ = writeln!(anstream::stderr(), "took back: {}", paths.join(", "));
    Ok(0)
}
