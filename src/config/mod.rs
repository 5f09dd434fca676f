//! What was typed, exported and written down → what it means: flags > environment > `heal-tests.toml` > user file > defaults.
//!
//! The only reader of the environment. It opens configuration files and nothing else, and it never prints.

mod environment;
mod file;
mod resolve;
mod sandbox;
mod typed;

pub use environment::Environment;
pub use file::{BudgetTable, ConfigFile, CustomTable, EndpointTable, RunnerTable};
pub use resolve::{Endpoint, Input, Mode, Options, parse_duration, resolve};
pub use sandbox::Confinement;
pub use typed::Typed;

use thiserror::Error;

/// A setting that cannot be used; the program ends with the usage exit code.
#[derive(Debug, Error)]
#[error("{sentence}")]
pub struct ConfigError {
    /// What is wrong; names the flag, variable or file.
    pub sentence: String,
    /// What to do about it.
    pub hint: String,
}

impl ConfigError {
    /// Makes an error from its sentence and a hint.
    pub fn new(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: hint.into() }
    }
}
