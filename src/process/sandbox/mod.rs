//! What a task may touch: a ladder of rungs, from namespaces of its own down to process control alone.
//!
//! | rung | instruments | network |
//! |---|---|---|
//! | R4 | own user, mount, network, IPC and pid namespace; Landlock; seccomp | loopback of its own |
//! | R3 | the same, the namespaces made by bubblewrap; on macOS `sandbox-exec` | loopback |
//! | R2 | Landlock; seccomp | not isolated |
//! | R1 | process control: deadline, group, bounded output | not isolated |
//!
//! The rung is the caller's choice and is never lowered here: what cannot be set up is an error, and [`Finished`] names
//! the rung that held. [`probe`] says which rungs hold on this machine and what each leaves open. On Linux the program
//! starts itself again as a helper ([`enter`]), which confines itself before it starts the task; nothing here decides
//! what is worth confining.
//!
//! [`Finished`]: crate::process::Finished

mod bubblewrap;
mod confined;
mod gap;
#[cfg(target_os = "linux")]
mod helper;
mod ladder;
mod layout;
mod order;
mod places;
mod run_folder;
mod seatbelt;

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

pub(super) use crate::process::sandbox::confined::{Confined, Failing};
pub use crate::process::sandbox::gap::Gap;
#[cfg(target_os = "linux")]
pub use crate::process::sandbox::helper::enter;
pub use crate::process::sandbox::ladder::{Ladder, Standing, holds, probe, strongest};
pub(super) use crate::process::sandbox::order::Facts;

/// What stands between a task and the rest of the machine, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Rung {
    /// R1: deadline, process group and bounded output, as every task has them.
    ProcessControl,
    /// R2: Landlock and seccomp.
    Landlock,
    /// R3 on macOS: `sandbox-exec`.
    Seatbelt,
    /// R3: bubblewrap's namespaces, Landlock and seccomp.
    Bubblewrap,
    /// R4: own namespaces, Landlock and seccomp.
    Namespaces,
}

impl Rung {
    /// The rungs this platform knows, strongest first.
    pub const ALL: &[Self] = if cfg!(target_os = "macos") {
        &[Self::Seatbelt, Self::ProcessControl]
    } else if cfg!(target_os = "linux") {
        &[Self::Namespaces, Self::Bubblewrap, Self::Landlock, Self::ProcessControl]
    } else {
        &[Self::ProcessControl]
    };

    /// Returns the rung's number on the ladder, 1 to 4.
    pub fn level(self) -> u8 {
        match self {
            Self::ProcessControl => 1,
            Self::Landlock => 2,
            Self::Seatbelt | Self::Bubblewrap => 3,
            Self::Namespaces => 4,
        }
    }

    /// Names the instruments.
    pub fn instruments(self) -> &'static str {
        match self {
            Self::ProcessControl => "process control alone",
            Self::Landlock => "Landlock and seccomp",
            Self::Seatbelt => "sandbox-exec",
            Self::Bubblewrap => "bubblewrap, Landlock and seccomp",
            Self::Namespaces => "own namespaces, Landlock and seccomp",
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R{}", self.level())
    }
}

impl FromStr for Rung {
    type Err = String;

    /// Reads `R1` to `R4`; what `R3` is depends on the platform.
    fn from_str(text: &str) -> Result<Self, String> {
        let third = if cfg!(target_os = "macos") { Self::Seatbelt } else { Self::Bubblewrap };
        let rungs = [Self::ProcessControl, Self::Landlock, third, Self::Namespaces];
        let known = rungs.into_iter().find(|rung| rung.to_string().eq_ignore_ascii_case(text.trim()));
        known.ok_or_else(|| format!("there is no sandbox rung {text:?}"))
    }
}

/// What one process of a task may use up. `None` means: as much as this program itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Address space, in bytes. Not limited by default: virtual machines of languages reserve far more than they use.
    pub address_space_bytes_max: Option<u64>,
    /// Processes and threads of the whole task (default: 4,096). Held at R4 where a pid namespace has a limit of its
    /// own (Linux 6.14), else for every user but root.
    pub n_processes_max: Option<u32>,
    /// Largest file that can be written, in bytes (default: 4 GiB).
    pub file_bytes_max: Option<u64>,
    /// Processor time, in whole seconds; rounded up. Not limited by default: the task's deadline holds.
    pub cpu_max: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            address_space_bytes_max: None,
            n_processes_max: Some(4096),
            file_bytes_max: Some(4 << 30),
            cpu_max: None,
        }
    }
}

/// How a task is confined. Everything can be read but what is hidden; nothing can be written but what is named here, a
/// private temporary folder (`TMPDIR`) and harmless devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// The rung; below it the task is not started.
    pub rung: Rung,
    /// Folders that may be written, absolute and existing.
    pub writable: Vec<Utf8PathBuf>,
    /// What stays readable below a folder that is private or hidden: `/tmp` is private, and a toolchain may live there.
    pub readable: Vec<Utf8PathBuf>,
    /// What may not be read, beside the places where credentials usually are. The deeper path wins: a writable folder
    /// inside a hidden one can be used.
    pub hidden: Vec<Utf8PathBuf>,
    /// The home folder below which the usual places of credentials are hidden.
    pub home: Option<Utf8PathBuf>,
    /// Where the private temporary folder is made [default: the system's folder for such].
    pub temp_in: Option<Utf8PathBuf>,
    /// What it may use up.
    pub limits: Limits,
    /// The program that confines itself and then runs the task [default: this one, when its `main` calls `enter`].
    pub helper: Option<Utf8PathBuf>,
}

impl Sandbox {
    /// Confines nothing: process control alone (R1).
    pub fn off() -> Self {
        Self::at(Rung::ProcessControl)
    }

    /// Confines to a rung, with nothing writable but the private temporary folder, and the default limits.
    pub fn at(rung: Rung) -> Self {
        Self {
            rung,
            writable: Vec::new(),
            readable: Vec::new(),
            hidden: Vec::new(),
            home: None,
            temp_in: None,
            limits: Limits::default(),
            helper: None,
        }
    }
}

/// Set once this program has shown that it can be its own helper.
static IS_HELPER: OnceLock<()> = OnceLock::new();

/// Outside Linux there is no helper: only notes that the program's `main` was reached.
#[cfg(not(target_os = "linux"))]
pub fn enter(_arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Option<std::process::ExitCode> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_are_read_as_they_are_written_and_ordered_by_strength() {
        for rung in Rung::ALL {
            assert_eq!(rung.to_string().parse::<Rung>().as_ref(), Ok(rung));
            assert_eq!(rung.to_string().to_lowercase().parse::<Rung>().as_ref(), Ok(rung));
        }
        assert!(Rung::ALL.is_sorted_by(|strong, weak| strong > weak));
        assert!(Rung::ALL.is_sorted_by(|strong, weak| strong.level() > weak.level()));
        assert!("R9".parse::<Rung>().is_err() && "".parse::<Rung>().is_err());
    }
}
