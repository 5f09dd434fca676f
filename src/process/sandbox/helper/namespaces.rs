//! R4's namespaces: user, mount, network with a loopback of its own, IPC, and pid with a first process that reaps.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Stdio};

use fs_err as fs;
use nix::sched::{CloneFlags, unshare};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};
use rustix::process::{getgid, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, configure_capability_in_ambient_set, set_capabilities,
};

use crate::process::sandbox::helper::{command, failed, init, mounts};
use crate::process::sandbox::order::{HIDDEN_WORD, Order};

/// The namespaces this process is in, alive as long as this value: their first process ends with it, and everything
/// inside with that.
#[derive(Debug)]
pub(super) struct Inside {
    init: Child,
}

impl Inside {
    /// Waits until the first process has made `/proc`; tells whether it bounds the number of processes.
    pub(super) fn stands(&mut self) -> Result<bool, String> {
        let mut said = String::new();
        if let Some(stdout) = self.init.stdout.take() {
            BufReader::new(stdout).read_line(&mut said).map_err(failed("hear from the first process"))?;
        }
        match said.trim() {
            init::READY => Ok(false),
            init::READY_AND_BOUNDED => Ok(true),
            "" => Err("the first process ended".to_owned()),
            reason => Err(reason.to_owned()),
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        drop(self.init.stdin.take());
        let _ = self.init.wait();
    }
}

/// Moves this process into namespaces of its own, and what it starts from then on into a pid namespace.
pub(super) fn enter(order: &Order) -> Result<Inside, String> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    let namespaces = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWPID;
    unshare(namespaces).map_err(failed("make namespaces"))?;
    keep_identity(user, group).map_err(failed("map the user"))?;
    raise_loopback().map_err(failed("bring up the loopback"))?;
    mounts::lay(order)?;
    start_init(order)
}

/// Lets every user and group be who they were outside. Who may not map all of them maps the own ones alone.
fn keep_identity(user: u32, group: u32) -> io::Result<()> {
    let everyone = format!("0 0 {}\n", u32::MAX);
    if fs::write("/proc/self/uid_map", &everyone).is_ok() {
        return fs::write("/proc/self/gid_map", &everyone);
    }
    fs::write("/proc/self/uid_map", format!("{user} {user} 1\n"))?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1\n"))
}

/// Brings up the loopback, which is the first interface of every network namespace, as rtnetlink(7) says.
fn raise_loopback() -> io::Result<()> {
    const LENGTH: u32 = 32;
    const REQUEST_AND_ACKNOWLEDGE: u16 = 0x1 | 0x4;
    const UP: u32 = 0x1;
    let mut request = Vec::with_capacity(LENGTH as usize);
    request.extend(LENGTH.to_ne_bytes());
    request.extend(libc::RTM_NEWLINK.to_ne_bytes());
    request.extend(REQUEST_AND_ACKNOWLEDGE.to_ne_bytes());
    // Sequence number, sender; then family, padding and type.
    request.extend([0; 12]);
    request.extend(1_i32.to_ne_bytes());
    // Which flags it is to have, and which of them are meant.
    request.extend(UP.to_ne_bytes());
    request.extend(UP.to_ne_bytes());

    // The protocol that is meant when none is named is that of routes and interfaces.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 256];
    let (n_read, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    match answer[..n_read].get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(-error)),
        None => Err(io::Error::other("the kernel's answer is too short")),
    }
}

/// Starts the first process of the pid namespace.
fn start_init(order: &Order) -> Result<Inside, String> {
    hand_down_administration().map_err(failed("hand down capabilities"))?;
    let mut first = command("/proc/self/exe".as_ref());
    first.args([HIDDEN_WORD, &init::word(order.limits.n_processes_max)]).env_clear();
    first.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let init = first.spawn().map_err(failed("start the first process"))?;
    Ok(Inside { init })
}

/// Lets the first process mount `/proc`: a user other than root loses capabilities at exec unless they are ambient.
fn hand_down_administration() -> io::Result<()> {
    let own = capabilities(None)?;
    set_capabilities(None, CapabilitySets { inheritable: CapabilitySet::SYS_ADMIN, ..own })?;
    configure_capability_in_ambient_set(CapabilitySet::SYS_ADMIN, true)?;
    Ok(())
}
