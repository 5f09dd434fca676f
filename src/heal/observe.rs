//! Where results come from: reports on disk, standard input, or a command the user typed.
//!
//! It reads and runs; what the results mean is the baseline's business.

use std::time::Duration;

use crate::ingest::files::{self, Input, InputError};
use crate::ingest::{self, Hints, Reading};
use crate::model::{Event, Failure, SessionOutcome};
use crate::process::{self, Ending, Task};
use crate::text::words::count;

use crate::heal::session::{HealError, Session};

/// How long a named pipe may be silent.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// Most of the output of the user's command that is kept to be read.
const COMMAND_BYTES_MAX: usize = 64 << 20;

impl Session<'_> {
    /// Reads every report the patterns name; returns the failures they hold.
    pub(super) fn read_reports(&mut self, patterns: &[String]) -> Result<Vec<Failure>, HealError> {
        let refused = |error: &InputError| unreadable(error.to_string(), error.hint());
        let inputs = files::find(&self.options.cwd, patterns).map_err(|error| refused(&error))?;
        let hints = Hints { root: Some(self.options.dir.clone()), ..Hints::default() };
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let read = |input: &Input| {
            let wait_max = Some(WAIT_MAX).filter(|_| !input.is_standard_input());
            let bytes = input.open(wait_max).map_err(|error| refused(&error))?;
            ingest::read_from(bytes, &hints, None).map_err(|error| {
                let hint = "name a report of a test run, or pass the command after --";
                unreadable(format!("failed to read {}: {error}", input.name()), hint)
            })
        };
        let (mut failures, mut n_read, mut passed_over, mut fatal) = (Vec::new(), 0_usize, Vec::new(), None);
        files::each(&inputs, jobs, read, |input, reading| match reading {
            Ok(reading) => {
                n_read += 1;
                failures.extend(self.take_reading(input.name(), reading));
                true
            }
            Err(error) if input.is_found => {
                passed_over.push(error);
                true
            }
            Err(error) => {
                fatal = Some(error);
                false
            }
        });
        let n_passed_over = passed_over.len();
        match fatal.or(passed_over.pop().filter(|_| n_read == 0)) {
            Some(error) => return Err(error),
            None if n_passed_over > 0 => {
                let sentence = format!("passed over {}, which hold no test results", count(n_passed_over, "file"));
                self.say(&Event::Notice { sentence });
            }
            None => {}
        }
        Ok(failures)
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
        task.output_bytes_max = COMMAND_BYTES_MAX;
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
