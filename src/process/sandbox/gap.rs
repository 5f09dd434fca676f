//! What a rung leaves open, so that nobody takes it for more than it is.

use std::fmt;

use crate::process::sandbox::Rung;
use crate::process::sandbox::order::Facts;

/// The first Landlock versions with a restriction, as landlock(7) lists them.
const ABI_TRUNCATE: i32 = 3;
const ABI_DEVICES: i32 = 5;
const ABI_SCOPES: i32 = 6;
const ABI_SOCKETS: i32 = 9;

/// Something a confined task can still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// Anything may be written that this user may write.
    Writes,
    /// Anything may be read that this user may read, credentials and other processes' environments among it.
    Reads,
    /// The network is reachable.
    Network,
    /// Sockets with a path can be connected to: a container engine's, a message bus's, an agent's.
    LocalSockets,
    /// Sockets with a path can be connected to that are made while the task runs.
    LateSockets,
    /// Sockets with an abstract name can be connected to.
    AbstractSockets,
    /// Other processes of this user can be signalled.
    Signals,
    /// Priorities and limits of this user's other processes can be changed.
    Priorities,
    /// Other processes can be seen: names and command lines, not environments.
    ProcessTable,
    /// Modes, times and attributes of this user's files can be changed, contents not.
    Attributes,
    /// Files of this user can be emptied by name.
    Truncation,
    /// Devices that are open can be controlled.
    DeviceControl,
    /// The number of processes is not limited.
    Processes,
    /// A process that forks faster than it can be found outlives the task.
    FastForks,
    /// Memory shared by name is shared with other processes of this user.
    SharedMemory,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Writes => "can write whatever this user can",
            Self::Reads => "can read whatever this user can, credentials included",
            Self::Network => "can reach the network",
            Self::LocalSockets => "can talk to local sockets, such as a container engine's",
            Self::LateSockets => "can talk to local sockets that are made while it runs",
            Self::AbstractSockets => "can talk to abstract local sockets",
            Self::Signals => "can signal this user's other processes",
            Self::Priorities => "can change priorities and limits of this user's other processes",
            Self::ProcessTable => "can see other processes' command lines",
            Self::Attributes => "can change modes and times of this user's files",
            Self::Truncation => "can empty this user's files",
            Self::DeviceControl => "can control devices it finds open",
            Self::Processes => "can start any number of processes",
            Self::FastForks => "can outrun its end by forking without pause",
            Self::SharedMemory => "shares named memory with other processes",
        })
    }
}

/// Lists what a rung leaves open under the given facts; never less than is known to be open.
pub(super) fn gaps(rung: Rung, facts: Facts) -> Vec<Gap> {
    let processes = (!facts.bounds_processes).then_some(Gap::Processes);
    match rung {
        Rung::Namespaces | Rung::Bubblewrap => {
            let sockets = (facts.landlock_abi < ABI_SOCKETS).then_some(Gap::LateSockets);
            sockets.into_iter().chain(processes).collect()
        }
        Rung::Landlock => {
            let always =
                [Gap::Network, Gap::Priorities, Gap::ProcessTable, Gap::Attributes, Gap::FastForks, Gap::SharedMemory];
            let by_version = [
                (ABI_TRUNCATE, Gap::Truncation),
                (ABI_DEVICES, Gap::DeviceControl),
                (ABI_SCOPES, Gap::Signals),
                (ABI_SCOPES, Gap::AbstractSockets),
                (ABI_SOCKETS, Gap::LocalSockets),
                (ABI_SOCKETS, Gap::LateSockets),
            ];
            let missing = by_version.into_iter().filter(|(abi, _)| facts.landlock_abi < *abi).map(|(_, gap)| gap);
            sorted(always.into_iter().chain(missing).chain(processes))
        }
        Rung::Seatbelt => vec![Gap::Priorities, Gap::ProcessTable, Gap::Processes, Gap::FastForks, Gap::SharedMemory],
        Rung::ProcessControl => sorted([
            Gap::Writes,
            Gap::Reads,
            Gap::Network,
            Gap::LocalSockets,
            Gap::LateSockets,
            Gap::AbstractSockets,
            Gap::Signals,
            Gap::Priorities,
            Gap::ProcessTable,
            Gap::Attributes,
            Gap::Truncation,
            Gap::DeviceControl,
            Gap::Processes,
            Gap::FastForks,
            Gap::SharedMemory,
        ]),
    }
}

fn sorted(gaps: impl IntoIterator<Item = Gap>) -> Vec<Gap> {
    let mut gaps: Vec<_> = gaps.into_iter().collect();
    gaps.sort_unstable();
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weaker_rung_leaves_all_open_that_a_stronger_one_does() {
        for landlock_abi in 0..12 {
            for bounds_processes in [true, false] {
                let facts = Facts { landlock_abi, bounds_processes };
                let open = |rung| gaps(rung, facts);
                for gap in open(Rung::Namespaces) {
                    assert!(open(Rung::Landlock).contains(&gap), "{gap}");
                }
                for gap in open(Rung::Landlock) {
                    assert!(open(Rung::ProcessControl).contains(&gap), "{gap}");
                }
            }
        }
    }

    #[test]
    fn a_newer_landlock_closes_gaps_and_opens_none() {
        let n_open = |landlock_abi| gaps(Rung::Landlock, Facts { landlock_abi, bounds_processes: true }).len();
        let counts: Vec<usize> = (0..12).map(n_open).collect();
        assert!(counts.is_sorted_by(|older, newer| older >= newer) && counts[0] > counts[11], "{counts:?}");
    }
}
