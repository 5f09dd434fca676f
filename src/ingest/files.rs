//! Where reports come from: files, folders, patterns, pipes and standard input, many at once.
//!
//! Of a regular file it reads what is there when it is opened; for a pipe it waits only so long. What stands in a folder
//! may be anything: what holds no results there is passed over, where a file that was named is an error.

use std::collections::BTreeMap;
use std::fs::FileType;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::os::unix::fs::OpenOptionsExt;
use globset::GlobBuilder;
use ignore::WalkBuilder;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use thiserror::Error;

/// Characters that make a path a pattern.
const GLOB_CHARACTERS: [char; 4] = ['*', '?', '[', '{'];

/// One report to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The file, or nothing for standard input.
    path: Option<Utf8PathBuf>,
    /// Whether it was found in a folder or by a pattern, not named.
    pub is_found: bool,
}

/// Why a report cannot be opened.
#[derive(Debug, Error)]
pub enum InputError {
    /// Nothing is there that a pattern or a folder could mean.
    #[error("no file matches {0}")]
    NothingMatches(String),
    /// The pattern is none.
    #[error("failed to understand {pattern}: {reason}")]
    BadPattern {
        /// As typed.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is there, and is nothing that can be read.
    #[error("failed to read {path}: it is {what}")]
    NoFile {
        /// The path.
        path: Utf8PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl InputError {
    /// Tells what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NothingMatches(_) => "check the path; ** crosses folders",
            Self::BadPattern { .. } => "quote the pattern",
            Self::NoFile { .. } | Self::Io(_) => {
                "name a report of a test run, a folder of them, or - for standard input"
            }
        }
    }
}

impl Input {
    /// Returns the name people know it by.
    pub fn name(&self) -> &str {
        self.path.as_ref().map_or("standard input", |path| path.as_str())
    }

    /// Tells whether it is standard input.
    pub fn is_standard_input(&self) -> bool {
        self.path.is_none()
    }

    /// Opens it. Of a pipe that is silent for `wait_max`, reading ends with an error.
    pub fn open(&self, wait_max: Option<Duration>) -> Result<Box<dyn Read + Send>, InputError> {
        let Some(path) = &self.path else {
            return Ok(match wait_max {
                Some(wait_max) => Box::new(Patient { pipe: io::stdin(), wait_max: Some(wait_max) }),
                None => Box::new(io::stdin()),
            });
        };
        let kind = fs_err::metadata(path)?.file_type();
        if let Some(what) = no_file(kind) {
            return Err(InputError::NoFile { path: path.clone(), what });
        }
        if kind.is_file() {
            let file = fs_err::File::open(path)?;
            // Files of the system state no size, and are read to their end.
            let size = Some(file.metadata()?.len()).filter(|size| *size > 0).unwrap_or(u64::MAX);
            return Ok(Box::new(file.take(size)));
        }
        // Without the flag, opening a pipe waits until someone writes into it.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let pipe = fs_err::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        Ok(Box::new(Patient { pipe: pipe.into_parts().0, wait_max }))
    }
}

fn no_file(kind: FileType) -> Option<&'static str> {
    match kind {
        _ if kind.is_dir() => Some("a folder"),
        _ if kind.is_socket() => Some("a socket"),
        _ if kind.is_block_device() => Some("a disk"),
        _ => None,
    }
}

/// A pipe that is given up when nothing comes for too long.
struct Patient<P> {
    pipe: P,
    wait_max: Option<Duration>,
}

impl<P: Read + std::os::fd::AsFd> Read for Patient<P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let wait = self.wait_max.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
            let ready = poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], wait.as_ref());
            match ready {
                Ok(0) => {
                    let seconds = self.wait_max.unwrap_or_default().as_secs_f64();
                    return Err(io::Error::new(io::ErrorKind::TimedOut, format!("nothing came for {seconds} s")));
                }
                Err(error) if error != rustix::io::Errno::INTR => return Err(error.into()),
                _ => {}
            }
            match self.pipe.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

/// Returns the reports that `patterns`, taken relative to `cwd`, mean: files, folders with all that is in them, patterns
/// such as `target/**/*.xml`, and `-` for standard input. The order is that of the patterns, sorted within each.
pub fn find(cwd: &Utf8Path, patterns: &[String]) -> Result<Vec<Input>, InputError> {
    let mut inputs = Vec::new();
    for pattern in patterns {
        if pattern == "-" {
            inputs.push(Input { path: None, is_found: false });
            continue;
        }
        let path = if cwd == "." { Utf8PathBuf::from(pattern) } else { cwd.join(pattern) };
        let found = if path.is_dir() {
            walk(&path, |_| true)
        } else if path.exists() || !pattern.contains(GLOB_CHARACTERS) {
            inputs.push(Input { path: Some(path), is_found: false });
            continue;
        } else {
            glob(&path)?
        };
        if found.is_empty() {
            return Err(InputError::NothingMatches(pattern.clone()));
        }
        inputs.extend(found.into_iter().map(|path| Input { path: Some(path), is_found: true }));
    }
    Ok(inputs)
}

/// Returns the files a pattern matches, sorted.
fn glob(pattern: &Utf8Path) -> Result<Vec<Utf8PathBuf>, InputError> {
    let bad = |error: globset::Error| InputError::BadPattern {
        pattern: pattern.to_string(),
        reason: error.kind().to_string(),
    };
    let matcher = GlobBuilder::new(pattern.as_str()).literal_separator(true).build().map_err(bad)?.compile_matcher();
    let fixed: Utf8PathBuf = pattern.components().take_while(|part| !part.as_str().contains(GLOB_CHARACTERS)).collect();
    let fixed = if fixed.as_str().is_empty() { Utf8PathBuf::from(".") } else { fixed };
    Ok(walk(&fixed, |path| matcher.is_match(path.strip_prefix("./").unwrap_or(path))))
}

/// Returns the files below a folder, sorted; links are not followed.
fn walk(folder: &Utf8Path, is_wanted: impl Fn(&Utf8Path) -> bool) -> Vec<Utf8PathBuf> {
    let walk = WalkBuilder::new(folder).standard_filters(false).follow_links(false).build();
    let files = walk.filter_map(Result::ok).filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    let mut paths: Vec<_> = files.filter_map(|entry| Utf8PathBuf::from_path_buf(entry.into_path()).ok()).collect();
    paths.retain(|path| is_wanted(path));
    paths.sort();
    paths
}

/// Does `work` for every input on up to `jobs` threads, and gives each result to `take` in the order of the inputs, as
/// soon as it and those before it are there. When `take` returns `false`, the rest is left.
pub fn each<T: Send>(
    inputs: &[Input],
    jobs: usize,
    work: impl Fn(&Input) -> T + Sync,
    mut take: impl FnMut(&Input, T) -> bool,
) {
    let (next, is_stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let jobs = jobs.clamp(1, inputs.len().max(1));
    std::thread::scope(|scope| {
        let (done, results) = mpsc::sync_channel(jobs);
        for _ in 0..jobs {
            let (done, next, work, is_stopped) = (done.clone(), &next, &work, &is_stopped);
            scope.spawn(move || {
                while !is_stopped.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(input) = inputs.get(n) else { return };
                    if done.send((n, work(input))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let mut waiting = BTreeMap::new();
        let mut n_taken = 0;
        for (n, result) in results {
            waiting.insert(n, result);
            while let Some(result) = waiting.remove(&n_taken) {
                if !take(&inputs[n_taken], result) {
                    is_stopped.store(true, Ordering::Relaxed);
                    return;
                }
                n_taken += 1;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        for (name, text) in files {
            let file = path.join(name);
            fs_err::create_dir_all(file.parent().unwrap()).unwrap();
            fs_err::write(file, text).unwrap();
        }
        (folder, path)
    }

    fn names(cwd: &Utf8Path, patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<_> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let inputs = find(cwd, &patterns).unwrap();
        inputs.iter().map(|input| input.name().trim_start_matches(cwd.as_str()).to_owned()).collect()
    }

    #[test]
    fn files_folders_patterns_and_standard_input_are_found() {
        let (_folder, cwd) = folder(&[("b.xml", ""), ("a.xml", ""), ("t/x/c.xml", ""), ("t/.hidden/d.log", "")]);
        assert_eq!(names(&cwd, &["b.xml", "-"]), ["/b.xml", "standard input"]);
        assert_eq!(names(&cwd, &["*.xml"]), ["/a.xml", "/b.xml"]);
        assert_eq!(names(&cwd, &["**/*.xml"]), ["/a.xml", "/b.xml", "/t/x/c.xml"]);
        assert_eq!(names(&cwd, &["t"]), ["/t/.hidden/d.log", "/t/x/c.xml"]);
        let nothing = find(&cwd, &["*.tap".to_owned()]).unwrap_err();
        assert_eq!(nothing.to_string(), "no file matches *.tap");
        assert!(find(&cwd, &["[".to_owned()]).unwrap_err().to_string().starts_with("failed to understand"));
    }

    #[test]
    fn a_file_with_characters_of_a_pattern_in_its_name_is_that_file() {
        let (_folder, cwd) = folder(&[("a[1].xml", ""), ("a1.xml", "")]);
        assert_eq!(names(&cwd, &["a[1].xml"]), ["/a[1].xml"]);
    }

    fn open(path: &Utf8Path, wait_max: Option<Duration>) -> Result<Box<dyn Read + Send>, InputError> {
        Input { path: Some(path.to_owned()), is_found: false }.open(wait_max)
    }

    #[test]
    fn what_is_no_file_is_said_to_be_what_it_is() {
        let (_folder, cwd) = folder(&[]);
        let refusal = |path: &Utf8Path| open(path, None).err().unwrap().to_string();
        assert!(refusal(&cwd).ends_with("it is a folder"));
        let socket = cwd.join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(refusal(&socket).ends_with("it is a socket"));
        assert!(refusal(&cwd.join("absent.xml")).contains("absent.xml"));
    }

    #[test]
    fn a_pipe_that_nobody_writes_into_is_given_up() {
        let (_folder, cwd) = folder(&[]);
        let path = cwd.join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, path.as_std_path(), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let mut pipe = open(&path, Some(Duration::from_millis(50))).unwrap();
        assert_eq!(pipe.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        let _writer = std::thread::spawn(move || fs_err::write(path, "1..0"));
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        assert_eq!(text, "1..0");
    }

    #[test]
    fn of_a_file_that_grows_what_was_there_is_read() {
        let (_folder, cwd) = folder(&[("log", "first")]);
        let mut file = open(&cwd.join("log"), None).unwrap();
        fs_err::write(cwd.join("log"), "first and second").unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "first");
    }

    #[test]
    fn results_come_in_the_order_of_the_inputs() {
        let inputs: Vec<_> = (0..200).map(|n| Input { path: Some(format!("{n}").into()), is_found: true }).collect();
        let slow_first = |input: &Input| {
            if input.name() == "0" {
                std::thread::sleep(Duration::from_millis(30));
            }
            input.name().to_owned()
        };
        let mut taken = Vec::new();
        each(&inputs, 4, slow_first, |_, name| {
            taken.push(name);
            taken.len() < 150
        });
        assert_eq!(taken, (0..150).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}
