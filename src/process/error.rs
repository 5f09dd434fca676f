//! Why a task could not be started, in words that name the program, the place and the way out.

use std::io;

use camino::Utf8PathBuf;
use thiserror::Error;

use crate::process::sandbox::Rung;

/// Why a task could not be started.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// The argv is empty.
    #[error("failed to run: no program was named")]
    NoProgram,
    /// The directory to run in is not there.
    #[error("failed to run {program}: the directory {cwd} does not exist")]
    NoDirectory {
        /// The program.
        program: String,
        /// The missing directory.
        cwd: Utf8PathBuf,
    },
    /// There is no such program.
    #[error("failed to run {program} in {cwd}: no such program")]
    NotFound {
        /// The program.
        program: String,
        /// Where it was to run.
        cwd: Utf8PathBuf,
    },
    /// The program is there, and the interpreter its first line names is not.
    #[error("failed to run {program} in {cwd}: the interpreter its first line names does not exist")]
    NoInterpreter {
        /// The script.
        program: String,
        /// Where it was to run.
        cwd: Utf8PathBuf,
    },
    /// The program or the directory may not be used by this user.
    #[error("failed to run {program} in {cwd}: permission denied")]
    Denied {
        /// The program.
        program: String,
        /// Where it was to run.
        cwd: Utf8PathBuf,
    },
    /// The operating system refused for another reason.
    #[error("failed to run {program} in {cwd}: {source}")]
    Refused {
        /// The program.
        program: String,
        /// Where it was to run.
        cwd: Utf8PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The sandbox that the task asks for could not be set up.
    #[error("failed to confine {program} by sandbox rung {rung} ({}): {reason}", rung.instruments())]
    NotConfined {
        /// The program.
        program: String,
        /// The rung that was asked for.
        rung: Rung,
        /// What failed.
        reason: String,
    },
    /// The program was started, and how it ended could not be learned.
    #[error("failed to learn how {program} ended: {source}")]
    Lost {
        /// The program with its arguments.
        program: String,
        /// What the operating system said.
        source: io::Error,
    },
}

impl SpawnError {
    /// Says what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoProgram => Some("name a command after --".to_owned()),
            Self::NoDirectory { cwd, .. } => Some(format!("create {cwd} or choose another directory")),
            Self::NotFound { program, .. } if program.contains('/') => Some(format!("check the path {program}")),
            Self::NotFound { program, .. } => Some(format!("install {program} or put it on PATH")),
            Self::NoInterpreter { program, .. } => Some(format!("head -n 1 {program}")),
            Self::Denied { program, .. } => Some(format!("chmod +x {program}")),
            Self::NotConfined { .. } => Some("choose a lower rung of the sandbox, or turn it off".to_owned()),
            Self::Refused { .. } | Self::Lost { .. } => None,
        }
    }
}
