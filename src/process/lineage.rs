//! Finds the processes of a task on Linux, whatever they did to get away from it.
//!
//! A process belongs to a task when it is in the task's group, carries the task's mark in its environment, or descends
//! from one that does. This process is made the reaper of its orphaned descendants (`PR_SET_CHILD_SUBREAPER`), so that
//! a daemon cannot leave its lineage either; one that is an orphan here and wears neither group nor mark is counted to
//! the only task running, if there is only one.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Once;

use fs_err as fs;
use memchr::{memchr_iter, memrchr};
use rustix::process::{Pid, Signal, WaitOptions, getpgrp, getpid, kill_process, set_child_subreaper, waitpid};

use crate::process::spawn::MARK;

/// How much of a process's environment is searched for the mark, in bytes: the most an exec takes.
const ENVIRONMENT_BYTES_MAX: u64 = 6 << 20;

/// Makes this process the parent of its orphaned descendants, once. A kernel that cannot is no error: what stays in
/// its group or keeps its mark is found all the same.
pub(super) fn adopt_orphans() {
    static ADOPT: Once = Once::new();
    ADOPT.call_once(|| {
        let _ = set_child_subreaper(Some(getpid()));
    });
}

/// By what the processes of one task are known.
#[derive(Debug)]
pub(super) struct Lineage {
    leader: i32,
    assignment: Vec<u8>,
    born: u64,
}

/// One line of the process table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    is_zombie: bool,
    /// Clock ticks since boot.
    born: u64,
}

impl Lineage {
    /// Describes the task of a child that was just spawned and is not waited for yet.
    pub(super) fn new(leader: i32, mark: &str) -> Self {
        Self { leader, assignment: format!("{MARK}={mark}").into_bytes(), born: born(leader) }
    }

    /// Kills every process of the task, reaps the dead, and counts what was still alive.
    pub(super) fn kill(&self, leaders: &BTreeSet<i32>) -> usize {
        // Of what forks or dies while the table is read, one reading may miss the child or name the wrong parent.
        match self.kill_listed(leaders) {
            0 => self.kill_listed(leaders),
            n_alive => n_alive,
        }
    }

    fn kill_listed(&self, leaders: &BTreeSet<i32>) -> usize {
        let processes = Process::all(self.born);
        let members = self.members(&processes, leaders);
        for process in &members {
            process.kill();
        }
        reap(&processes, leaders);
        members.iter().filter(|process| !process.is_zombie).count()
    }

    /// Reaps orphans that died.
    pub(super) fn reap(&self, leaders: &BTreeSet<i32>) {
        reap(&Process::all(self.born), leaders);
    }

    fn members<'a>(&self, processes: &'a [Process], leaders: &BTreeSet<i32>) -> Vec<&'a Process> {
        let is_alone = leaders.len() == 1 && leaders.contains(&self.leader);
        let is_root = |process: &Process| {
            process.group == self.leader
                || (is_alone && process.is_orphan(leaders))
                || carries(process.pid, &self.assignment)
        };
        with_descendants(processes, processes.iter().filter(|process| is_root(process)))
    }
}

/// Returns the given processes and everything that descends from them, in the order of the table.
fn with_descendants<'a>(processes: &'a [Process], roots: impl Iterator<Item = &'a Process>) -> Vec<&'a Process> {
    let mut pids: BTreeSet<i32> = roots.map(|root| root.pid).collect();
    loop {
        let n_before = pids.len();
        pids.extend(
            processes
                .iter()
                .filter(|process| pids.contains(&process.parent))
                .map(|child| child.pid)
                .collect::<Vec<_>>(),
        );
        if pids.len() == n_before {
            break;
        }
    }
    processes.iter().filter(|process| pids.contains(&process.pid)).collect()
}

/// Kills every process whose mark names a session that is dead, with what descends from it, and counts them.
pub(super) fn kill_abandoned() -> usize {
    let processes = Process::all(0);
    let Some(own_namespace) = namespace(getpid().as_raw_pid()) else { return 0 };
    // Seen from outside, the sessions of a container look dead: their numbers mean something else in there.
    let is_abandoned = |process: &&Process| {
        is_of_dead_session(process.pid) && namespace(process.pid).is_some_and(|other| other == own_namespace)
    };
    let abandoned = with_descendants(&processes, processes.iter().filter(is_abandoned));
    for process in &abandoned {
        process.kill();
    }
    abandoned.len()
}

fn is_of_dead_session(pid: i32) -> bool {
    let Some(environment) = environment(pid) else { return false };
    let prefix = format!("{MARK}=").into_bytes();
    let mark = environment.split(|byte| *byte == 0).find_map(|assignment| assignment.strip_prefix(prefix.as_slice()));
    mark.and_then(session_of).is_some_and(|(session, birth)| born(session) != birth)
}

/// Reads the number and the birth of the innermost session of a mark; `None` when the birth is not known.
fn session_of(mark: &[u8]) -> Option<(i32, u64)> {
    let mut parts = str::from_utf8(mark).ok()?.rsplit('/').next()?.split('-');
    let (pid, birth) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    (pid > 0 && birth > 0).then_some((pid, birth))
}

/// Names the space in which a process's number is valid.
fn namespace(pid: i32) -> Option<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// Returns when a process was born, in clock ticks since boot; 0 when there is none.
pub(super) fn born(pid: i32) -> u64 {
    Process::read(pid).map_or(0, |process| process.born)
}

/// Reaps the orphans among dead processes: nobody else waits for them.
fn reap(processes: &[Process], leaders: &BTreeSet<i32>) {
    for process in processes.iter().filter(|process| process.is_zombie && process.is_orphan(leaders)) {
        if let Some(pid) = Pid::from_raw(process.pid) {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

impl Process {
    /// Lists the processes that are not older than `born`, this one excepted.
    fn all(born: u64) -> Vec<Self> {
        let own = getpid().as_raw_pid();
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|pid| *pid != own).filter_map(Self::read).filter(|process| process.born >= born).collect()
    }

    fn read(pid: i32) -> Option<Self> {
        Self::parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads `/proc/PID/stat` as proc_pid_stat(5) describes it. The name in parentheses may hold anything.
    fn parse(pid: i32, stat: &[u8]) -> Option<Self> {
        let after_name = memrchr(b')', stat)? + 1;
        let fields: Vec<&str> = str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace().collect();
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            // A process of which only the first thread has ended looks so too; it is killed all the same.
            is_zombie: matches!(*fields.first()?, "Z" | "X"),
            born: fields.get(19)?.parse().ok()?,
        })
    }

    /// Tells whether this process adopted it: a child in a group of its own that no task waits for.
    fn is_orphan(&self, leaders: &BTreeSet<i32>) -> bool {
        self.parent == getpid().as_raw_pid() && self.group != getpgrp().as_raw_pid() && !leaders.contains(&self.pid)
    }

    /// Kills it, unless its number has passed to another process meanwhile.
    fn kill(&self) {
        let is_same = Self::read(self.pid).is_some_and(|now| now.born == self.born);
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| is_same) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Tells whether a process's environment holds the assignment, or that of a task inside that task.
fn carries(pid: i32, assignment: &[u8]) -> bool {
    environment(pid).is_some_and(|environment| holds(&environment, assignment))
}

/// Reads a process's environment; one that may not be read belongs to another user, who is not ours to kill.
fn environment(pid: i32) -> Option<Vec<u8>> {
    let mut environment = Vec::new();
    let file = fs::File::open(format!("/proc/{pid}/environ")).ok()?;
    file.take(ENVIRONMENT_BYTES_MAX).read_to_end(&mut environment).ok()?;
    Some(environment)
}

fn holds(environment: &[u8], assignment: &[u8]) -> bool {
    let starts = std::iter::once(0).chain(memchr_iter(0, environment).map(|end| end + 1));
    starts
        .filter_map(|start| environment[start..].strip_prefix(assignment))
        .any(|rest| matches!(rest, [] | [0 | b'/', ..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_is_read_over() {
        let stat = b"42 (a) S 1 (b)) Z 7 8 9 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 12345 0 0";
        let process = Process::parse(42, stat).unwrap();
        assert_eq!(process, Process { pid: 42, parent: 7, group: 8, is_zombie: true, born: 12345 });
    }

    #[test]
    fn the_own_process_is_read() {
        let own = Process::read(getpid().as_raw_pid()).unwrap();
        assert_eq!(own.group, getpgrp().as_raw_pid());
        assert!(!own.is_zombie && own.born > 0);
    }

    #[test]
    fn only_the_whole_assignment_or_one_inside_it_counts() {
        assert!(holds(b"A=1\0RUN=7-1\0B=2\0", b"RUN=7-1"));
        assert!(holds(b"RUN=7-1/8-3\0", b"RUN=7-1"));
        assert!(!holds(b"A=1\0RUN=7-11\0", b"RUN=7-1"));
        assert!(!holds(b"XRUN=7-1\0", b"RUN=7-1"));
        assert!(!holds(b"", b"RUN=7-1"));
    }

    #[test]
    fn descendants_of_members_are_members() {
        let process = |pid, parent, group| Process { pid, parent, group, is_zombie: false, born: 1 };
        let big = i32::MAX - 10;
        let table = [
            process(big + 3, big + 2, 5),
            process(big + 1, 1, big),
            process(big + 2, big + 1, 4),
            process(big + 4, 1, 4),
        ];
        let lineage = Lineage { leader: big, assignment: b"RUN=none".to_vec(), born: 0 };
        let pids: Vec<i32> = lineage.members(&table, &BTreeSet::from([big])).iter().map(|own| own.pid - big).collect();
        assert_eq!(pids, [3, 1, 2]);
    }

    #[test]
    fn an_orphan_without_mark_counts_to_the_only_task_alone() {
        let (leader, other, orphan) = (i32::MAX - 3, i32::MAX - 2, i32::MAX - 1);
        let parent = getpid().as_raw_pid();
        let table = [Process { pid: orphan, parent, group: orphan, is_zombie: false, born: 1 }];
        let lineage = Lineage { leader, assignment: b"RUN=none".to_vec(), born: 0 };
        assert_eq!(lineage.members(&table, &BTreeSet::from([leader])).len(), 1);
        assert_eq!(lineage.members(&table, &BTreeSet::from([leader, other])).len(), 0);
        assert_eq!(lineage.members(&table, &BTreeSet::from([leader, orphan])).len(), 0);
    }

    #[test]
    fn a_mark_names_its_innermost_session() {
        assert_eq!(session_of(b"7-100-1-ab/8-200-3-cd"), Some((8, 200)));
        assert_eq!(session_of(b"8-0-3-cd"), None);
        assert_eq!(session_of(b"user's own value"), None);
        let own = crate::process::group::session();
        let (pid, birth) = session_of(format!("{own}-0-0").as_bytes()).unwrap();
        assert_eq!(born(pid), birth);
    }

    proptest! {
        #[test]
        fn any_stat_is_read_or_refused(stat in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Process::parse(1, &stat);
        }
    }
}
