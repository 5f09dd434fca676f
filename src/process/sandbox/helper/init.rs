//! The first process of a task's pid namespace: it makes `/proc`, reaps orphans, and takes all with it when it ends.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use fs_err as fs;
use nix::sys::signal::{SigSet, Signal as NixSignal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_remount};
use rustix::process::{
    DumpableBehavior, Signal, WaitOptions, set_dumpable_behavior, set_parent_process_death_signal, wait,
};

use crate::process::sandbox::helper::{EXIT_BROKEN, failed, restrict};

/// What is said when `/proc` stands, and the number of processes could not be bounded.
pub(super) const READY: &str = "ready";

/// What is said when it could.
pub(super) const READY_AND_BOUNDED: &str = "ready and bounded";

/// The word that orders this part of the work, before the number of processes.
const WORD: &str = "init:";

/// Numbers below it are not given out twice, so that they do not count (`RESERVED_PIDS` of the kernel).
const N_RESERVED: u32 = 300;

/// Words the order.
pub(super) fn word(n_processes_max: Option<u32>) -> String {
    format!("{WORD}{}", n_processes_max.unwrap_or(0))
}

/// Reads the order; 0 stands for no limit.
pub(super) fn read_word(word: &str) -> Option<u32> {
    word.strip_prefix(WORD)?.parse().ok()
}

/// Is the first process until its standard input ends.
pub(super) fn run(n_processes_max: u32) -> ExitCode {
    // Should the helper be killed, nobody else would end this.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let said = match set_up(n_processes_max) {
        Ok(true) => READY_AND_BOUNDED.to_owned(),
        Ok(false) => READY.to_owned(),
        Err(reason) => reason,
    };
    let children = watch_children();
    let is_ready = said.starts_with(READY) && children.is_some();
    if writeln!(io::stdout(), "{said}").is_err() || !is_ready {
        return ExitCode::from(EXIT_BROKEN);
    }
    if let Some(children) = children {
        reap_until_end(&children);
    }
    ExitCode::SUCCESS
}

/// Mounts `/proc` for the new namespace, bounds its number of processes where the kernel can (since Linux 6.14), and
/// gives up every right.
fn set_up(n_processes_max: u32) -> Result<bool, String> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, c"").map_err(failed("mount /proc"))?;
    let is_bounded = n_processes_max > 0 && bound_processes(n_processes_max).unwrap_or(false);
    mount_remount("/proc", flags | MountFlags::RDONLY, c"").map_err(failed("make /proc read-only"))?;
    restrict::drop_capabilities().map_err(failed("drop capabilities"))?;
    Ok(is_bounded)
}

/// Before Linux 6.14 the limit was the whole system's, and not to be touched.
fn bound_processes(n_processes_max: u32) -> io::Result<bool> {
    const PID_MAX: &str = "/proc/sys/kernel/pid_max";
    if !is_since_6_14(&fs::read_to_string("/proc/sys/kernel/osrelease")?) {
        return Ok(false);
    }
    let wanted = n_processes_max.saturating_add(N_RESERVED).max(N_RESERVED + 1);
    let found: u32 = fs::read_to_string(PID_MAX)?.trim().parse().map_err(io::Error::other)?;
    if found <= wanted {
        return Ok(true);
    }
    fs::write(PID_MAX, wanted.to_string())?;
    Ok(fs::read_to_string(PID_MAX)?.trim() == wanted.to_string())
}

fn is_since_6_14(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    matches!((numbers.next(), numbers.next()), (Some(major), Some(minor)) if (major, minor) >= (6, 14))
}

fn watch_children() -> Option<SignalFd> {
    let mut child = SigSet::empty();
    child.add(NixSignal::SIGCHLD);
    child.thread_block().ok()?;
    SignalFd::with_flags(&child, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).ok()
}

fn reap_until_end(children: &SignalFd) {
    let stdin = io::stdin();
    loop {
        let mut watched = [
            PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(children.as_fd(), PollFlags::IN),
        ];
        match poll(&mut watched, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
        if !watched[0].revents().is_empty() {
            return;
        }
        while let Ok(Some(_)) = children.read_signal() {}
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_touched_only_where_it_is_the_namespaces_own() {
        let is_own = ["6.14.0", "6.18.44-generic", "7.0-rc1", "10.1"].map(is_since_6_14);
        let is_the_systems = ["6.13.9", "5.15.0-91-generic", "6", "", "six.14"].map(is_since_6_14);
        assert_eq!((is_own, is_the_systems), ([true; 4], [false; 5]));
    }

    #[test]
    fn the_order_reads_as_it_is_worded() {
        assert_eq!(read_word(&word(Some(300))), Some(300));
        assert_eq!(read_word(&word(None)), Some(0));
        assert_eq!(read_word("{}"), None);
    }
}
