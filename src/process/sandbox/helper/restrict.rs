//! What the helper gives up for good, and with it the task it starts: capabilities, resources, files, system calls.

use std::io;
use std::os::unix::fs::MetadataExt;

use fs_err as fs;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, getuid, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};

use crate::process::sandbox::helper::{failed, rules, seccomp};
use crate::process::sandbox::order::{Facts, Order};
use crate::process::sandbox::{Limits, Rung};

/// Restricts this process and all it starts from now on.
pub(super) fn restrict(order: &Order) -> Result<Facts, String> {
    let bounds_processes = limit(order).map_err(failed("limit resources"))?;
    drop_capabilities().map_err(failed("drop capabilities"))?;
    set_no_new_privs(true).map_err(failed("forbid new privileges"))?;
    let landlock_abi = rules::restrict(order)?;
    seccomp::restrict()?;
    Ok(Facts { landlock_abi, bounds_processes })
}

/// Gives up every capability, also those that root would get back at the next exec.
pub(super) fn drop_capabilities() -> io::Result<()> {
    for number in 0..u64::BITS {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            // Who may not shrink the set has no capability to lose; beyond the last one there is no more.
            Ok(()) => {}
            Err(Errno::PERM | Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}

/// Limits what one process may use up; returns whether the number of processes is limited by that.
fn limit(order: &Order) -> io::Result<bool> {
    let Limits { address_space_bytes_max, n_processes_max, file_bytes_max, cpu_max } = &order.limits;
    lower(Resource::Core, Some(0))?;
    lower(Resource::As, *address_space_bytes_max)?;
    lower(Resource::Fsize, *file_bytes_max)?;
    lower(Resource::Cpu, cpu_max.map(|cpu| cpu.as_secs() + u64::from(cpu.subsec_nanos() > 0)))?;
    // Root's processes are not counted by the kernel.
    let Some(n_processes_max) = n_processes_max.filter(|_| !getuid().is_root()) else { return Ok(false) };
    let n_others = if order.rung == Rung::Landlock { n_threads_of_user() } else { 0 };
    lower(Resource::Nproc, Some(u64::from(n_processes_max) + n_others))?;
    Ok(true)
}

/// Lowers a limit for good; one that is lower already stays.
fn lower(resource: Resource, wanted: Option<u64>) -> io::Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    let own = getrlimit(resource);
    let limit = own.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    Ok(setrlimit(
        resource,
        Rlimit { current: Some(own.current.map_or(limit, |now| now.min(limit))), maximum: Some(limit) },
    )?)
}

/// Counts this user's processes and threads: outside a user namespace of its own, the kernel counts them all together.
fn n_threads_of_user() -> u64 {
    let user = getuid().as_raw();
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let processes = entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit());
    let threads = processes.filter_map(|entry| fs::metadata(entry.path().join("task")).ok());
    // A folder has a link from each folder in it, beside its own two.
    threads.filter(|folder| folder.uid() == user).map(|folder| folder.nlink().saturating_sub(2)).sum()
}
