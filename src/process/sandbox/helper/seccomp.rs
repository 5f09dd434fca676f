//! The system calls a task may not make: those that look into other processes, change the system, or open doors of the
//! kernel that tests do not need.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

use crate::process::sandbox::helper::failed;

/// Calls that fail as if not permitted.
const FORBIDDEN: &[c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    // Keys.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // Programs and modules for the kernel.
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    // The whole machine.
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
];

/// Calls that fail as if the kernel did not know them, so that programs use older ones: the arguments of `clone3` lie
/// where a filter cannot look, and so does what `io_uring` does.
const UNKNOWN: &[c_long] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

/// Flags by which `clone` and `unshare` make namespaces.
const NAMESPACES: &[i32] = &[
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// `TIOCSTI` and `TIOCLINUX`: terminal controls that type for the user, or paste what was selected.
const TERMINAL_CONTROLS: &[u64] = &[0x5412, 0x541c];

/// Families of sockets that tests need, and that a network namespace isolates.
const SOCKET_FAMILIES: &[i32] = &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Restricts this process and all it starts.
pub(super) fn restrict() -> Result<(), String> {
    for program in programs().map_err(failed("word the system call filter"))? {
        apply_filter(&program).map_err(failed("enforce the system call filter"))?;
    }
    Ok(())
}

fn programs() -> Result<Vec<BpfProgram>, seccompiler::BackendError> {
    let mut forbidden: BTreeMap<i64, Vec<SeccompRule>> = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    let makes_namespace = NAMESPACES.iter().map(|flag| {
        let flag = u64::from(flag.cast_unsigned());
        rule(&[(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)])
    });
    let makes_namespace = makes_namespace.collect::<Result<Vec<_>, _>>()?;
    forbidden.insert(libc::SYS_clone, makes_namespace.clone());
    forbidden.insert(libc::SYS_unshare, makes_namespace);
    let controls =
        TERMINAL_CONTROLS.iter().map(|control| rule(&[(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, *control)]));
    forbidden.insert(libc::SYS_ioctl, controls.collect::<Result<_, _>>()?);

    let unknown = UNKNOWN.iter().map(|call| (*call, Vec::new())).collect();
    let is_other = |family: &i32| (0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, u64::from(family.cast_unsigned()));
    let other_families = rule(&SOCKET_FAMILIES.iter().map(is_other).collect::<Vec<_>>())?;
    let other_sockets = BTreeMap::from([(libc::SYS_socket, vec![other_families])]);

    let mut programs = vec![
        program(forbidden, libc::EPERM)?,
        program(unknown, libc::ENOSYS)?,
        program(other_sockets, libc::EAFNOSUPPORT)?,
    ];
    programs.extend(second_numbering());
    Ok(programs)
}

type Condition = (u8, SeccompCmpArgLen, SeccompCmpOp, u64);

fn rule(conditions: &[Condition]) -> Result<SeccompRule, seccompiler::BackendError> {
    let conditions =
        conditions.iter().cloned().map(|(at, length, test, value)| SeccompCondition::new(at, length, test, value));
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}

fn program(calls: BTreeMap<i64, Vec<SeccompRule>>, error: i32) -> Result<BpfProgram, seccompiler::BackendError> {
    let error = SeccompAction::Errno(error.cast_unsigned());
    SeccompFilter::new(calls, SeccompAction::Allow, error, ARCH.try_into()?)?.try_into()
}

/// Refuses the second numbering of system calls that kernels for x86-64 may have (x32): a filter that names calls by
/// their numbers does not see them there.
fn second_numbering() -> Option<BpfProgram> {
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const FIRST_NUMBER: u32 = 0x4000_0000;
    const FAIL: u32 = 0x0005_0000;
    const ALLOW: u32 = 0x7fff_0000;
    let step = |code, k, jf| seccompiler::sock_filter { code, jt: 0, jf, k };
    let error = libc::ENOSYS.cast_unsigned();
    let steps = vec![
        step(LOAD_WORD, 0, 0),
        step(JUMP_IF_AT_LEAST, FIRST_NUMBER, 1),
        step(RETURN, FAIL | error, 0),
        step(RETURN, ALLOW, 0),
    ];
    cfg!(target_arch = "x86_64").then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_can_be_worded_for_this_machine() {
        let programs = programs().unwrap();
        assert!(programs.iter().all(|program| !program.is_empty() && program.len() < 4096));
    }
}
