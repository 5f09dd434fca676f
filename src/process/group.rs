//! The process group of a task, and whatever left it: found and killed until nothing is left.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::Child;
use tokio::time::sleep;

#[cfg(target_os = "linux")]
use crate::process::lineage::Lineage;

/// How long to wait between two looks at what is left.
const PAUSE: Duration = Duration::from_millis(2);

/// How many looks a dropped task takes before it leaves the rest to the kernel.
const N_LOOKS_MAX: usize = 250;

/// The children of this process that a task waits for. The lock is held while one is spawned, so that a sweep never
/// takes a new child for one that was left behind.
static LEADERS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn leaders() -> MutexGuard<'static, BTreeSet<i32>> {
    LEADERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything one task started. Dropped before it is cleared, it kills.
#[derive(Debug)]
pub(super) struct Group {
    leader: Pid,
    is_cleared: bool,
    #[cfg(target_os = "linux")]
    lineage: Lineage,
}

/// Spawns a child that leads a group of its own.
#[cfg_attr(
    not(target_os = "linux"),
    expect(unused_variables, reason = "only Linux lets a process be found by its mark")
)]
pub(super) fn lead(mark: &str, spawn: impl FnOnce() -> io::Result<Child>) -> io::Result<(Child, Group)> {
    #[cfg(target_os = "linux")]
    crate::process::lineage::adopt_orphans();
    let mut leaders = leaders();
    let child = spawn()?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let leader = id.and_then(Pid::from_raw).ok_or_else(|| io::Error::other("the child has no process id"))?;
    leaders.insert(leader.as_raw_pid());
    drop(leaders);
    #[cfg(target_os = "linux")]
    let lineage = Lineage::new(leader.as_raw_pid(), mark);
    let group = Group {
        leader,
        is_cleared: false,
        #[cfg(target_os = "linux")]
        lineage,
    };
    Ok((child, group))
}

/// Names this process among all that ever had its number: the number and, where it is known, the birth.
pub(super) fn session() -> String {
    let pid = rustix::process::getpid().as_raw_pid();
    #[cfg(target_os = "linux")]
    let born = crate::process::lineage::born(pid);
    #[cfg(not(target_os = "linux"))]
    let born = 0;
    format!("{pid}-{born}")
}

impl Group {
    /// Signals every member of the group. That nobody is left to hear it is no error.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.leader, signal);
    }

    /// Returns when the group has no member any more.
    pub(super) async fn empties(&self) {
        while self.has_members() {
            sleep(PAUSE).await;
        }
    }

    /// Takes note that nothing of the task is left.
    pub(super) fn let_go(&mut self) {
        self.is_cleared = true;
    }

    /// Kills until nothing of the task is left, in the group or out of it.
    pub(super) async fn clear(&mut self) {
        while self.sweep() {
            sleep(PAUSE).await;
        }
        self.is_cleared = true;
    }

    #[cfg(target_os = "linux")]
    fn has_members(&self) -> bool {
        // Members that died as orphans are this process's zombies, and count as members until they are reaped.
        self.lineage.reap(&leaders());
        test_kill_process_group(self.leader).is_ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn has_members(&self) -> bool {
        test_kill_process_group(self.leader).is_ok()
    }

    /// Kills what is left and tells whether there was anything.
    #[cfg(target_os = "linux")]
    fn sweep(&self) -> bool {
        self.lineage.kill(&leaders()) > 0
    }

    #[cfg(not(target_os = "linux"))]
    fn sweep(&self) -> bool {
        self.signal(Signal::KILL);
        self.has_members()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_cleared {
            self.signal(Signal::KILL);
            for _ in 0..N_LOOKS_MAX {
                if !self.sweep() {
                    break;
                }
                thread::sleep(PAUSE);
            }
        }
        leaders().remove(&self.leader.as_raw_pid());
    }
}
