//! The main job: `heal-tests` without a subcommand.

use crate::cli::door::TerminalDoor;
use crate::cli::{Failure, options};
use crate::config::Typed;
use crate::heal::heal;
use crate::process::Cancel;

/// Heals what is failing and returns the exit code.
pub(super) async fn run(typed: &Typed, cancel: Cancel) -> Result<u8, Failure> {
    let options = options(typed)?;
    let mut door = TerminalDoor::open(&options)?;
    let outcome = heal(&options, &mut door, cancel).await?;
    door.farewell(outcome);
    Ok(outcome.exit_code())
}
