//! Running all tests or only some, and saying of each wanted test how it ended or that it did not run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::ingest::{self, Hints};
use crate::model::{Failure, Outcome, RunRecord, TestCase, TestId, TestReport};
use crate::process::{Ending, Finished};
use crate::runner::{self, Invocation, Suite};
use crate::text::cap;
use crate::verify::{Build, TestBed, Trouble};

/// Tests started alone to find which of them took a whole process down with it.
const SUSPECTS_MAX: usize = 32;

/// Bytes of a crashed process's output that are kept.
const CRASH_OUTPUT_BYTES_MAX: usize = 8 * 1024;

/// The name under which a suite is reported that runs but reports no tests of its own.
const PROCESS: &str = "[process]";

/// What to run.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'a> {
    /// Every suite, whole.
    All,
    /// Only these tests.
    Only(&'a [TestId]),
}

/// The results of one selection.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// How every test ended that was to run; `None`: it did not run.
    pub outcomes: BTreeMap<TestId, Option<Outcome>>,
    /// The red ones, whole.
    pub failures: Vec<Failure>,
    /// The commands, argv each.
    pub commands: Vec<Vec<String>>,
    /// What readers complained of.
    pub complaints: Vec<String>,
    /// Wall time.
    pub wall: Duration,
    /// Some process exceeded its deadline.
    pub timed_out: bool,
}

impl Run {
    /// Tells whether `id` ran and passed.
    pub fn passed(&self, id: &TestId) -> bool {
        self.outcomes.get(id).copied().flatten() == Some(Outcome::Passed)
    }

    /// Returns the tests that ran red.
    pub fn red(&self) -> Vec<TestId> {
        let red = self.outcomes.iter().filter(|(_, outcome)| outcome.is_some_and(Outcome::is_red));
        red.map(|(id, _)| id.clone()).collect()
    }

    /// Returns how each test ended that ran.
    pub fn ended(&self) -> BTreeMap<TestId, Outcome> {
        self.outcomes.iter().filter_map(|(id, outcome)| Some((id.clone(), (*outcome)?))).collect()
    }

    /// Returns the record of this run for a certificate; single outcomes are named only for `ids`.
    pub fn record(&self, purpose: &str, ids: &[TestId]) -> RunRecord {
        let count = |wanted: fn(Outcome) -> bool| self.outcomes.values().flatten().filter(|one| wanted(**one)).count();
        RunRecord {
            purpose: purpose.to_owned(),
            commands: self.commands.clone(),
            outcomes: ids.iter().map(|id| (id.to_string(), self.outcomes.get(id).copied().flatten())).collect(),
            passed: count(|outcome| outcome == Outcome::Passed) as u64,
            red: count(Outcome::is_red) as u64,
            wall: self.wall,
        }
    }

    fn take(&mut self, report: TestReport, wanted: &BTreeSet<TestId>) {
        for id in wanted {
            let outcome = report.outcome(id);
            let entry = self.outcomes.entry(id.clone()).or_insert(outcome);
            *entry = (*entry).max(outcome);
        }
        self.failures.extend(report.failures.into_iter().filter(|failure| wanted.contains(&failure.id)));
    }

    fn unreported(&self, wanted: &BTreeSet<TestId>) -> Vec<TestId> {
        wanted.iter().filter(|id| self.outcomes.get(id).copied().flatten().is_none()).cloned().collect()
    }
}

impl TestBed {
    /// Lists the tests of a suite; one that cannot be listed has the single test `[process]`.
    pub async fn list(&mut self, suite: &Suite) -> Result<Vec<TestId>, Trouble> {
        let invocation = self.runner().list(suite);
        let finished = self.start(&invocation).await?;
        let names = runner::read_list(&String::from_utf8_lossy(&finished.stdout));
        let answers = finished.ending == Ending::Exited(0) && (!names.is_empty() || finished.stdout.len() < 64);
        let names = if answers { names } else { vec![PROCESS.to_owned()] };
        Ok(names.into_iter().map(|name| TestId::new(&suite.name, name)).collect())
    }

    /// Runs a selection of what was built.
    pub async fn run(&mut self, build: &Build, selection: Selection<'_>) -> Result<Run, Trouble> {
        let start = Instant::now();
        let mut run = Run::default();
        match selection {
            Selection::All => {
                for suite in &build.suites {
                    self.run_whole(suite, &mut run).await?;
                }
            }
            Selection::Only(ids) => {
                for suite in &build.suites {
                    let mine: BTreeSet<_> = ids.iter().filter(|id| id.suite == suite.name).cloned().collect();
                    if !mine.is_empty() {
                        self.run_some(suite, &mine, &mut run).await?;
                    }
                }
                for id in ids {
                    run.outcomes.entry(id.clone()).or_insert(None);
                }
            }
        }
        run.wall = start.elapsed();
        Ok(run)
    }

    async fn run_whole(&mut self, suite: &Suite, run: &mut Run) -> Result<(), Trouble> {
        let wanted: BTreeSet<_> = self.list(suite).await?.into_iter().collect();
        let invocation = self.runner().all(self.site(), suite);
        let ending = self.run_one(&invocation, &wanted, run).await?;
        self.find_culprits(suite, &wanted, ending, run).await
    }

    async fn run_some(&mut self, suite: &Suite, wanted: &BTreeSet<TestId>, run: &mut Run) -> Result<(), Trouble> {
        let names: Vec<_> = wanted.iter().map(|id| id.name.clone()).collect();
        let plan = if names.iter().any(|name| name == PROCESS) {
            vec![self.runner().all(self.site(), suite)]
        } else {
            self.runner().only(self.site(), suite, &names)
        };
        for invocation in &plan {
            let ending = self.run_one(invocation, wanted, run).await?;
            if plan.len() == 1 {
                self.find_culprits(suite, wanted, ending, run).await?;
            }
        }
        Ok(())
    }

    /// After a process died before all its tests had reported, runs the silent ones alone: a test that takes its own
    /// process down is red.
    async fn find_culprits(
        &mut self,
        suite: &Suite,
        wanted: &BTreeSet<TestId>,
        ending: Ending,
        run: &mut Run,
    ) -> Result<(), Trouble> {
        let silent = run.unreported(wanted);
        if silent.is_empty() || ending == Ending::Exited(0) {
            return Ok(());
        }
        if let [only] = silent.as_slice()
            && wanted.len() == 1
        {
            record_death(only, ending, run);
            return Ok(());
        }
        for id in silent.iter().take(SUSPECTS_MAX) {
            let alone = BTreeSet::from([id.clone()]);
            for invocation in self.runner().only(self.site(), suite, std::slice::from_ref(&id.name)) {
                let ending = self.run_one(&invocation, &alone, run).await?;
                if run.unreported(&alone).len() == 1 && ending != Ending::Exited(0) {
                    record_death(id, ending, run);
                }
            }
        }
        Ok(())
    }

    async fn run_one(
        &mut self,
        invocation: &Invocation,
        wanted: &BTreeSet<TestId>,
        run: &mut Run,
    ) -> Result<Ending, Trouble> {
        let finished = self.start(invocation).await?;
        run.commands.push(invocation.argv.clone());
        run.timed_out |= matches!(finished.ending, Ending::TimedOut | Ending::Idle);
        let hints = Hints { suite: invocation.suite.clone(), ..Hints::default() };
        match ingest::read_as(invocation.format, &finished.stdout, &hints) {
            Ok(reading) if !reading.report.is_empty() => {
                run.complaints.extend(reading.complaints.into_iter().map(|complaint| complaint.reason));
                run.take(reading.report, wanted);
            }
            Ok(_) | Err(_) => run.take(process_report(&finished, wanted), wanted),
        }
        if !matches!(finished.ending, Ending::Exited(_)) {
            let text = String::from_utf8_lossy(&finished.stderr);
            run.complaints.push(cap::head_and_tail(text.trim(), CRASH_OUTPUT_BYTES_MAX));
        }
        Ok(finished.ending)
    }
}

/// Reports a process that names no tests by its exit status, under the name `[process]`, if that was asked for.
fn process_report(finished: &Finished, wanted: &BTreeSet<TestId>) -> TestReport {
    let mut report = TestReport::default();
    if let Some(id) = wanted.iter().find(|id| id.name == PROCESS) {
        let passed = finished.ending == Ending::Exited(0);
        let failure = (!passed).then(|| {
            let mut failure = Failure::bare(id.clone());
            failure.message = format!("the test process {}", finished.ending);
            let output = [finished.stdout.as_slice(), finished.stderr.as_slice()].concat();
            failure.output = cap::head_and_tail(&String::from_utf8_lossy(&output), CRASH_OUTPUT_BYTES_MAX);
            failure
        });
        let outcome = if passed { Outcome::Passed } else { Outcome::Errored };
        report.record(TestCase { id: id.clone(), outcome, duration: None, failure });
    }
    report
}

fn record_death(id: &TestId, ending: Ending, run: &mut Run) {
    let mut failure = Failure::bare(id.clone());
    let kind = if matches!(ending, Ending::TimedOut | Ending::Idle) { "timeout" } else { "crash" };
    kind.clone_into(&mut failure.kind);
    failure.message = format!("the test process {ending} before the test had reported");
    failure.output = run.complaints.last().cloned().unwrap_or_default();
    run.outcomes.insert(id.clone(), Some(Outcome::Errored));
    run.failures.push(failure);
}
