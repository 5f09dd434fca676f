//! From the options' word for a sandbox to a rung that holds on this machine.

use thiserror::Error;

use crate::config::{Confinement, Options};
use crate::process::sandbox::{Rung, Sandbox, holds, strongest};

/// The rung that was asked for does not hold.
#[derive(Debug, Error)]
#[error("sandbox {rung} ({}) does not hold here: {reason}", rung.instruments())]
pub struct NoSandbox {
    /// The rung.
    pub rung: Rung,
    /// What failed.
    pub reason: String,
}

impl NoSandbox {
    /// Says what the user can do about it.
    pub fn hint(&self) -> &'static str {
        "let --sandbox=auto choose what holds here, or run candidates unconfined with --sandbox=off"
    }
}

/// Chooses how candidates are confined. Where they may write is up to each test bed.
pub async fn sandbox(options: &Options) -> Result<Sandbox, NoSandbox> {
    let rung = match options.sandbox {
        Confinement::Off => Rung::ProcessControl,
        Confinement::Auto => strongest().await,
        Confinement::Level(level) => at_level(level).await?,
    };
    let hidden = options.hidden.iter().chain([&options.state]).cloned().collect();
    Ok(Sandbox { hidden, home: options.home.clone(), ..Sandbox::at(rung) })
}

async fn at_level(level: u8) -> Result<Rung, NoSandbox> {
    let known = Rung::ALL.iter().copied().find(|rung| rung.level() == level);
    let rung = known.ok_or_else(|| NoSandbox { rung: Rung::Namespaces, reason: "it is for Linux alone".to_owned() })?;
    match holds(rung, None).await {
        Ok(_) => Ok(rung),
        Err(reason) => Err(NoSandbox { rung, reason }),
    }
}

/// Tells whether patches that a model wrote may be run: in a sandbox, or when the user takes responsibility.
pub fn may_run_models_patches(options: &Options, sandbox: &Sandbox) -> bool {
    sandbox.rung != Rung::ProcessControl || options.sandbox == Confinement::Off
}
