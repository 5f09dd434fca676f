//! What the program and its sandbox helper say to each other: the order on the command line, the report in a file.
//!
//! The report's file is opened before the helper confines itself and lies where the task cannot write, so what stands
//! in it was said by the helper.

use std::io::{self, Read, Write};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::process::Ending;
use crate::process::sandbox::layout::Layer;
use crate::process::sandbox::{Limits, Rung};

/// The hidden word by which the program starts itself as a helper.
pub(super) const HIDDEN_WORD: &str = "__sandbox";

/// Most of a report that is read: a helper's words are few.
const REPORT_BYTES_MAX: u64 = 64 << 10;

/// How the helper is to confine the task whose argv follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) rung: Rung,
    /// Which part of the work this process does.
    pub(super) stage: Stage,
    /// Where the task runs.
    pub(super) cwd: Utf8PathBuf,
    /// What the task sees, in the order in which it is laid over the machine's own files.
    pub(super) layers: Vec<Layer>,
    pub(super) limits: Limits,
    /// The file the report goes to.
    pub(super) report: Utf8PathBuf,
    /// The process whose death ends the task.
    pub(super) parent: i32,
    /// The program to name when this one starts itself from a place where `/proc/self/exe` is something else.
    pub(super) helper: Utf8PathBuf,
}

/// The part of the helper's work that a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Outside: makes the namespaces, waits for the task, and ends as it did.
    Outer,
    /// Inside what bubblewrap made.
    Inner,
}

/// What holds on this machine, as the helper found it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::process) struct Facts {
    /// Version of Landlock's interface; 0 when there is none.
    pub(super) landlock_abi: i32,
    /// Whether the number of the task's processes is bounded.
    pub(super) bounds_processes: bool,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Word {
    /// Everything is set up; the task is started next.
    Ready(Facts),
    /// The sandbox could not be set up.
    Broken(String),
    /// The task's program could not be started: the operating system's error number.
    NotStarted(i32),
    /// The task exited with a code.
    Exited(i32),
    /// The task died by a signal.
    Signalled(i32),
}

impl Word {
    /// Says how a task ended.
    pub(super) fn ended(ending: Ending) -> Option<Self> {
        match ending {
            Ending::Exited(code) => Some(Self::Exited(code)),
            Ending::Signalled(signal) => Some(Self::Signalled(signal)),
            Ending::TimedOut | Ending::Idle | Ending::Cancelled => None,
        }
    }

    /// Returns how the task ended, if this says so.
    pub(super) fn ending(&self) -> Option<Ending> {
        match self {
            Self::Exited(code) => Some(Ending::Exited(*code)),
            Self::Signalled(signal) => Some(Ending::Signalled(*signal)),
            Self::Ready(_) | Self::Broken(_) | Self::NotStarted(_) => None,
        }
    }
}

/// The helper's end of the report.
#[derive(Debug)]
pub(super) struct Report {
    path: Utf8PathBuf,
    file: fs::File,
}

impl Report {
    /// Opens the report to add to it.
    pub(super) fn open(path: &Utf8Path) -> io::Result<Self> {
        let file = fs::OpenOptions::new().append(true).create(true).open(path.as_std_path())?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Returns how the task ended, if someone has said so.
    pub(super) fn told(&self) -> Option<Ending> {
        read_report(&self.path).iter().find_map(Word::ending)
    }

    /// Adds a line. A report that cannot be written is noticed by its reader: it misses the word.
    pub(super) fn say(&mut self, word: &Word) {
        if let Ok(mut line) = serde_json::to_vec(word) {
            line.push(b'\n');
            let _ = self.file.write_all(&line);
        }
    }
}

/// Reads what was said so far; lines that make no sense are left out.
pub(super) fn read_report(path: &Utf8Path) -> Vec<Word> {
    let mut text = String::new();
    let file = fs::File::open(path.as_std_path());
    let _ = file.and_then(|file| file.take(REPORT_BYTES_MAX).read_to_string(&mut text));
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_as_it_was_said_and_torn_lines_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("report");
        let words = [
            Word::Ready(Facts { landlock_abi: 7, bounds_processes: true }),
            Word::Broken("mount /proc: Operation not permitted".into()),
            Word::NotStarted(2),
            Word::Signalled(11),
        ];
        for word in &words {
            Report::open(&path).unwrap().say(word);
        }
        std::io::Write::write_all(&mut fs::OpenOptions::new().append(true).open(&path).unwrap(), b"{\"Exi").unwrap();
        assert_eq!(read_report(&path), words);
        assert_eq!(read_report("/nowhere/report".into()), []);
    }
}
