//! Where results come from: reports on disk, standard input, or a command the user typed.
//!
//! It reads and runs; what the results mean is the baseline's business.

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use globset::Glob;
use ignore::WalkBuilder;

use crate::ingest::{self, Hints, Reading};
use crate::model::{Event, Failure, SessionOutcome};
use crate::process::{self, Ending, Task};

use crate::heal::session::{HealError, Session};

/// Largest report that is read into memory.
const REPORT_BYTES_MAX: u64 = 1 << 30;

/// Characters that make a path a pattern.
const GLOB_CHARACTERS: [char; 4] = ['*', '?', '[', '{'];

impl Session<'_> {
    /// Reads every report the patterns name; returns the failures they hold.
    pub(super) fn read_reports(&mut self, patterns: &[String]) -> Result<Vec<Failure>, HealError> {
        let mut failures = Vec::new();
        for pattern in patterns {
            if pattern == "-" {
                let mut bytes = Vec::new();
                let mut input = std::io::stdin().lock().take(REPORT_BYTES_MAX);
                let read = input.read_to_end(&mut bytes);
                read.map_err(|error| unreadable(format!("failed to read standard input: {error}"), ""))?;
                failures.extend(self.take_report("standard input", &bytes)?);
                continue;
            }
            for path in self.paths_of(pattern)? {
                let bytes = read_report(&path)?;
                failures.extend(self.take_report(path.as_str(), &bytes)?);
            }
        }
        Ok(failures)
    }

    fn paths_of(&self, pattern: &str) -> Result<Vec<Utf8PathBuf>, HealError> {
        let path = self.options.cwd.join(pattern);
        if path.is_dir() {
            return found(pattern, glob(&path.join("**/*.xml"))?);
        }
        if path.exists() || !pattern.contains(GLOB_CHARACTERS) {
            return Ok(vec![path]);
        }
        found(pattern, glob(&path)?)
    }

    fn take_report(&mut self, source: &str, bytes: &[u8]) -> Result<Vec<Failure>, HealError> {
        let reading = ingest::read(bytes, &Hints::default()).map_err(|error| {
            unreadable(
                format!("failed to read {source}: {error}"),
                "name a report of a test run, or pass the command after --",
            )
        })?;
        Ok(self.take_reading(source, reading))
    }

    fn take_reading(&mut self, source: &str, reading: Reading) -> Vec<Failure> {
        let complaints = reading.complaints.iter().map(ToString::to_string).collect();
        self.say(&Event::ReportRead { source: source.to_owned(), counts: reading.report.counts, complaints });
        reading.report.failures
    }

    /// Runs the user's command where the user stands, shows its output as it comes, and reads it.
    pub(super) async fn run_command(&mut self, command: &[String]) -> Result<Vec<Failure>, HealError> {
        let told = command.join(" ");
        self.say(&Event::StepStarted { what: told.clone() });
        let mut task = Task::new(command.to_vec(), self.options.dir.clone(), self.options.command_env.clone());
        task.timeout = self.options.budget.time_left(&self.spend).map_or(self.options.run_timeout, |left| left);
        task.merge = true;
        task.tee = !self.options.json;
        let finished = process::run(&task, &self.cancel)
            .await
            .map_err(|error| HealError::usage(error.to_string(), "check the command after --"))?;
        let failed = match finished.ending {
            Ending::Cancelled => return Err(HealError::ended(SessionOutcome::Interrupted, "interrupted", "")),
            Ending::TimedOut | Ending::Idle => {
                let sentence = format!("{told} did not end within its time");
                return Err(HealError::ended(SessionOutcome::BudgetExhausted, sentence, "allow more with --max-time"));
            }
            Ending::Exited(code) => (code != 0).then(|| format!("exited with code {code}")),
            Ending::Signalled(signal) => Some(format!("died by signal {signal}")),
        };
        match (ingest::read(&finished.stdout, &Hints::default()), failed) {
            (Ok(reading), failed) => {
                let failures = self.take_reading(&told, reading);
                match failed {
                    Some(how) if failures.is_empty() => Err(unreadable(
                        format!("{told} {how}, but its output names no failing test"),
                        "run it so that its test results are printed, or name a report with --report",
                    )),
                    _ => Ok(failures),
                }
            }
            (Err(_), None) => Ok(Vec::new()),
            (Err(error), Some(how)) => {
                let hint = "name a report of the run with --report";
                Err(unreadable(format!("{told} {how}, and its output is no test report: {error}"), hint))
            }
        }
    }
}

fn unreadable(sentence: String, hint: &str) -> HealError {
    HealError::ended(SessionOutcome::Unreadable, sentence, hint)
}

fn read_report(path: &Utf8Path) -> Result<Vec<u8>, HealError> {
    let hint = "name a report of a test run with --report";
    let metadata = fs_err::metadata(path).map_err(|error| unreadable(error.to_string(), hint))?;
    if !metadata.is_file() {
        return Err(unreadable(format!("failed to read {path}: it is not a file"), hint));
    }
    if metadata.len() > REPORT_BYTES_MAX {
        return Err(unreadable(format!("failed to read {path}: it is larger than 1 GiB"), hint));
    }
    fs_err::read(path).map_err(|error| unreadable(error.to_string(), hint))
}

fn found(pattern: &str, paths: Vec<Utf8PathBuf>) -> Result<Vec<Utf8PathBuf>, HealError> {
    if paths.is_empty() {
        return Err(unreadable(format!("no file matches {pattern}"), "check the pattern; ** crosses folders"));
    }
    Ok(paths)
}

/// Returns the files a pattern matches, sorted.
fn glob(pattern: &Utf8Path) -> Result<Vec<Utf8PathBuf>, HealError> {
    let bad = |error: globset::Error| {
        HealError::usage(format!("failed to understand {pattern}: {error}"), "quote the pattern")
    };
    let matcher = Glob::new(pattern.as_str()).map_err(bad)?.compile_matcher();
    let fixed: Utf8PathBuf = pattern.components().take_while(|part| !part.as_str().contains(GLOB_CHARACTERS)).collect();
    let walk = WalkBuilder::new(&fixed).standard_filters(false).follow_links(false).build();
    let files = walk.filter_map(Result::ok).filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    let mut paths: Vec<_> = files.filter_map(|entry| Utf8PathBuf::from_path_buf(entry.into_path()).ok()).collect();
    paths.retain(|path| matcher.is_match(path));
    paths.sort();
    Ok(paths)
}
