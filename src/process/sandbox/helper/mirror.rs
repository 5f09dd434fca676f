//! Waiting for a task and ending as it did, exit code or signal; ending it when the program that wants it is gone.

use std::os::fd::OwnedFd;
use std::process::{Child, ExitCode};

use nix::sys::signal::{SigSet, SigmaskHow};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getpid, getppid, kill_process, pidfd_open, setrlimit,
};

use crate::process::Ending;
use crate::process::sandbox::helper::failed;
use crate::process::sandbox::order::{Report, Word};

/// The process whose death ends the task.
#[derive(Debug)]
pub(super) struct Parent {
    handle: Option<OwnedFd>,
}

impl Parent {
    /// Takes hold of the parent, which must still be the one that gave the order. The kernel's own signal at a parent's
    /// death is of no use: it comes when the parent's *thread* ends that started this process.
    pub(super) fn watch(pid: i32) -> Result<Self, String> {
        let parent = getppid().filter(|parent| parent.as_raw_pid() == pid).ok_or("the program is gone")?;
        let handle = pidfd_open(parent, PidfdFlags::empty()).map_err(failed("watch the program"))?;
        Ok(Self { handle: Some(handle) })
    }

    /// A parent that someone else watches.
    pub(super) fn unknown() -> Self {
        Self { handle: None }
    }
}

/// Keeps signals from ending this process: they are meant for the task, which is in the same group.
pub(super) fn block_signals() {
    let _ = SigSet::all().thread_block();
}

/// Takes signals again.
pub(super) fn unblock_signals() {
    let _ = SigSet::all().thread_swap_mask(SigmaskHow::SIG_UNBLOCK);
}

/// Waits for a child, and kills it when the parent ends first.
pub(super) fn wait(mut child: Child, parent: &Parent) -> Result<Ending, String> {
    block_signals();
    let child_handle = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).map_err(failed("watch the task"))?;
    let mut watched = vec![PollFd::new(&child_handle, PollFlags::IN)];
    watched.extend(parent.handle.iter().map(|handle| PollFd::new(handle, PollFlags::IN)));
    loop {
        match poll(&mut watched, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(format!("wait for the task: {error}")),
        }
        if !watched[0].revents().is_empty() {
            break;
        }
        let _ = child.kill();
        break;
    }
    child.wait().map(Ending::from).map_err(failed("wait for the task"))
}

/// Ends as the task did.
pub(super) fn end_as(ending: Ending, report: &mut Report) -> ExitCode {
    if let Some(word) = Word::ended(ending) {
        report.say(&word);
    }
    match ending {
        Ending::Signalled(number) => {
            // Another process's death is no reason for a core dump of this one.
            let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
            unblock_signals();
            if let Some(signal) = Signal::from_named_raw(number) {
                let _ = kill_process(getpid(), signal);
            }
            // What this process ignores, or has no name, is told by the shells' convention.
            ExitCode::from(u8::try_from(128 + number).unwrap_or(u8::MAX))
        }
        Ending::Exited(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Ending::TimedOut | Ending::Idle | Ending::Cancelled => ExitCode::FAILURE,
    }
}
