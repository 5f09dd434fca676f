//! Running all tests or only some, and saying of each wanted test how it ended or that it did not run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::rc::Rc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::ingest::{self, Case, Hints, Listener, files};
use crate::model::{Failure, Outcome, RunRecord, TestId};
use crate::process::{Ending, Finished};
use crate::runner::{Invocation, Results, Suite};
use crate::text::{cap, words};
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
    /// Tests that ran without being wanted, because the runner cannot select exactly; they count for nothing.
    pub n_surplus: u64,
}

/// Which of the tests that run are wanted.
#[derive(Debug, Clone, Copy)]
enum Wanted<'a> {
    All,
    Only(&'a BTreeSet<TestId>),
}

impl Wanted<'_> {
    fn has(self, id: &TestId) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(id),
        }
    }

    /// Tells whether the whole of a suite is wanted that a test is in.
    fn has_suite_of(self, id: &TestId) -> bool {
        let Self::Only(ids) = self else { return true };
        ids.iter().any(|whole| whole.is_of_suite() && is_within(&id.suite, &whole.suite))
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ended {
    ending: Ending,
    /// Tests of which it has not reported are none of its own.
    is_misled: bool,
    /// What it printed, if it reported no test at all.
    printed: Option<String>,
}

/// Tells whether a suite is `outer` or inside it, as a class is in its module; what has no name holds all.
fn is_within(suite: &str, outer: &str) -> bool {
    let is_inside = |rest: &str| rest.is_empty() || rest.starts_with(['.', ':', ' ', '/', '$']);
    outer.is_empty() || suite.strip_prefix(outer).is_some_and(is_inside)
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
            surplus: self.n_surplus,
        }
    }

    /// Takes over the results that were wanted; others are counted and ignored, if they are of tests that ran, and were
    /// not run for the whole of their suite. `suite` is the one that was started, if it was just one.
    fn take(&mut self, results: Results, wanted: Wanted<'_>, suite: Option<&String>) {
        let Results { cases, failures } = results;
        let ran = |whole: &TestId| cases.iter().any(|(id, _)| is_within(&id.suite, &whole.suite) && !id.is_of_suite());
        if let Wanted::Only(ids) = wanted {
            let healed: Vec<_> = ids.iter().filter(|id| id.is_of_suite() && ran(id)).cloned().collect();
            for id in healed {
                self.note(id, Outcome::Passed);
            }
        }
        self.failures.extend(failures.into_iter().filter(|failure| wanted.has(&failure.id)));
        let is_of_wanted_suite = suite.is_some_and(|suite| wanted.has(&TestId::of_suite(suite)));
        for (id, outcome) in cases {
            let is_test = outcome != Outcome::Skipped && !id.is_of_suite();
            if wanted.has(&id) {
                self.note(id, outcome);
            } else if is_test && !is_of_wanted_suite && !wanted.has_suite_of(&id) {
                self.n_surplus += 1;
            }
        }
    }

    /// Notes how a test ended; of several results the worst counts.
    fn note(&mut self, id: TestId, outcome: Outcome) {
        let known = self.outcomes.entry(id).or_insert(None);
        *known = (*known).max(Some(outcome));
    }

    fn unreported(&self, wanted: &BTreeSet<TestId>) -> Vec<TestId> {
        wanted.iter().filter(|id| self.outcomes.get(id).copied().flatten().is_none()).cloned().collect()
    }
}

impl TestBed {
    /// Lists the tests of a suite, where that is possible without running them; one that answers nothing has the single
    /// test `[process]`.
    pub async fn list(&mut self, suite: &Suite) -> Result<Option<Vec<TestId>>, Trouble> {
        let Some(invocation) = self.runner().list(suite) else { return Ok(None) };
        let finished = self.start(&invocation).await?;
        let ids = self.runner().read_list(suite, &String::from_utf8_lossy(&finished.stdout));
        let answers = finished.ending == Ending::Exited(0) && (!ids.is_empty() || finished.stdout.len() < 64);
        Ok(Some(if answers { ids } else { vec![TestId::new(&suite.name, PROCESS)] }))
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
                    let mine: BTreeSet<_> = ids.iter().filter(|id| suite.holds(id)).cloned().collect();
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
        let listed: BTreeSet<_> = self.list(suite).await?.into_iter().flatten().collect();
        let names_none = listed.iter().any(|id| id.name == PROCESS);
        // What a runner did not list and runs all the same is part of the whole.
        let wanted = if names_none { Wanted::Only(&listed) } else { Wanted::All };
        let invocation = self.runner().all(self.site(), suite);
        let ended = self.run_one(&invocation, wanted, run).await?;
        for id in &listed {
            run.outcomes.entry(id.clone()).or_insert(None);
        }
        let is_well = ended.ending == Ending::Exited(0) || ended.is_misled;
        if let Some(printed) = ended.printed.as_ref().filter(|_| listed.is_empty() && !is_well) {
            record_failed_start(suite, &ended, printed, run);
        }
        self.find_culprits(suite, &listed, &ended, run).await
    }

    async fn run_some(&mut self, suite: &Suite, wanted: &BTreeSet<TestId>, run: &mut Run) -> Result<(), Trouble> {
        let ended = self.run_plan(suite, wanted, run).await?;
        let silent = run.unreported(wanted);
        let is_well = ended.is_some_and(|ended| ended.ending == Ending::Exited(0));
        if silent.len() == wanted.len() && wanted.len() > 1 && !is_well {
            // Some runners run nothing at all when one of the names is none of a test.
            let listed: BTreeSet<_> = self.list(suite).await?.into_iter().flatten().collect();
            let there: BTreeSet<_> = wanted.intersection(&listed).cloned().collect();
            if !there.is_empty() && there.len() < wanted.len() {
                self.run_plan(suite, &there, run).await?;
            }
        }
        Ok(())
    }

    /// Runs only these tests; returns how the process ended, if it was just one.
    async fn run_plan(
        &mut self,
        suite: &Suite,
        wanted: &BTreeSet<TestId>,
        run: &mut Run,
    ) -> Result<Option<Ended>, Trouble> {
        let ids: Vec<_> = wanted.iter().cloned().collect();
        let plan = if ids.iter().any(|id| id.name == PROCESS) {
            vec![self.runner().all(self.site(), suite)]
        } else {
            self.runner().only(self.site(), suite, &ids)
        };
        let ended = self.run_planned(&plan, wanted, run).await?;
        let ended = ended.filter(|_| plan.len() == 1);
        if let Some(ended) = &ended {
            self.find_culprits(suite, wanted, ended, run).await?;
        }
        Ok(ended)
    }

    /// Runs a plan, and more widely what leaves tests unreported where that may be; returns how the last process ended.
    async fn run_planned(
        &mut self,
        plan: &[Invocation],
        wanted: &BTreeSet<TestId>,
        run: &mut Run,
    ) -> Result<Option<Ended>, Trouble> {
        let mut ended = None;
        for invocation in plan {
            ended = Some(self.run_one(invocation, Wanted::Only(wanted), run).await?);
        }
        for wider in plan.iter().filter_map(|invocation| invocation.wider.as_deref()) {
            if !run.unreported(wanted).is_empty() {
                ended = Some(self.run_one(wider, Wanted::Only(wanted), run).await?);
            }
        }
        Ok(ended)
    }

    /// After a process died before all its tests had reported, runs the silent ones alone: a test that takes its own
    /// process down is red.
    async fn find_culprits(
        &mut self,
        suite: &Suite,
        wanted: &BTreeSet<TestId>,
        ended: &Ended,
        run: &mut Run,
    ) -> Result<(), Trouble> {
        let Ended { ending, is_misled, .. } = *ended;
        let silent = run.unreported(wanted);
        if silent.is_empty() || ending == Ending::Exited(0) || is_misled {
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
            let plan = self.runner().only(self.site(), suite, std::slice::from_ref(id));
            let ended = self.run_planned(&plan, &alone, run).await?;
            let dead = ended.filter(|ended| ended.ending != Ending::Exited(0) && !ended.is_misled);
            if let Some(dead) = dead.filter(|_| run.unreported(&alone).len() == 1) {
                record_death(id, dead.ending, run);
            }
        }
        Ok(())
    }

    async fn run_one(&mut self, invocation: &Invocation, wanted: Wanted<'_>, run: &mut Run) -> Result<Ended, Trouble> {
        let mut invocation = invocation;
        let mut finished = self.start_anew(invocation, run).await?;
        while let Some(older) = invocation.older.as_deref().filter(|_| self.is_refused(&finished)) {
            invocation = older;
            finished = self.start_anew(invocation, run).await?;
        }
        let n_surplus = run.n_surplus;
        let results = self.results(invocation, &finished, run);
        let results = if results.cases.is_empty() { process_results(&finished, wanted) } else { results };
        let printed = results.cases.is_empty().then(|| printed(&finished));
        run.take(results, wanted, invocation.suite.as_ref());
        if let Some(reason) = invocation.surplus.filter(|_| run.n_surplus > n_surplus) {
            let n_more = words::count(usize::try_from(run.n_surplus - n_surplus).unwrap_or(usize::MAX), "more test");
            run.complaints.push(format!("{n_more} ran than was asked for: {reason}"));
        }
        if !matches!(finished.ending, Ending::Exited(_)) {
            let text = String::from_utf8_lossy(&finished.stderr);
            run.complaints.push(cap::head_and_tail(text.trim(), CRASH_OUTPUT_BYTES_MAX));
        }
        let is_misled = self.is_refused(&finished) || self.has_told_all(invocation, &finished);
        Ok(Ended { ending: finished.ending, is_misled, printed })
    }

    /// Tells whether a test of which a process has not reported is not there, however it ended.
    fn has_told_all(&self, invocation: &Invocation, finished: &Finished) -> bool {
        let n_bytes = match &invocation.report {
            Some(_) => reports(invocation).iter().filter_map(|path| Some(fs_err::metadata(path).ok()?.len())).sum(),
            None => finished.stdout.len() as u64,
        };
        n_bytes > 0 && matches!(finished.ending, Ending::Exited(code) if self.runner().tells_all(code))
    }

    /// Tells whether a process did nothing, because it was started the wrong way.
    fn is_refused(&self, finished: &Finished) -> bool {
        matches!(finished.ending, Ending::Exited(code) if self.runner().is_refusal(code))
    }

    /// Starts a planned process, so that no report of an earlier one is taken for its own.
    async fn start_anew(&mut self, invocation: &Invocation, run: &mut Run) -> Result<Finished, Trouble> {
        for stale in reports(invocation) {
            let _ = fs_err::remove_file(stale);
        }
        // Some runners make the folder of their report, others fail without it.
        if let Some(folder) = invocation.report.as_deref().and_then(Utf8Path::parent).filter(|path| !is_pattern(path)) {
            let _ = fs_err::create_dir_all(folder);
        }
        let finished = self.start(invocation).await?;
        run.commands.push(self.argv(invocation));
        run.timed_out |= matches!(finished.ending, Ending::TimedOut | Ending::Idle);
        Ok(finished)
    }

    /// Reads what a process reported, from its report files or else from what it printed.
    fn results(&self, invocation: &Invocation, finished: &Finished, run: &mut Run) -> Results {
        let root = Some(self.site().root.clone());
        let hints = Hints { suite: invocation.suite.clone(), root, keeps_ids: false, ..Hints::default() };
        let written: Vec<_> = reports(invocation).iter().filter_map(|path| fs_err::File::open(path).ok()).collect();
        let mut results = Results::default();
        let mut add = |bytes: &mut dyn Read, format: &str| {
            let cases = Rc::new(RefCell::new(Vec::new()));
            let heard = Rc::clone(&cases);
            let listener: Listener = Box::new(move |case: &Case<'_>| {
                heard.borrow_mut().push((TestId::new(case.suite, case.name), case.outcome));
            });
            let reading = match format {
                "" => ingest::read_from(bytes, &hints, Some(listener)),
                format => ingest::read_from_as(format, bytes, &hints, Some(listener)),
            };
            let Ok(reading) = reading else { return };
            run.complaints.extend(reading.complaints.into_iter().map(|complaint| complaint.reason));
            results.cases.extend(cases.take());
            results.failures.extend(reading.report.failures);
        };
        if written.is_empty() {
            let format = if invocation.report.is_some() { "" } else { invocation.format };
            add(&mut finished.stdout.as_slice(), format);
        }
        for mut file in written {
            add(&mut file, invocation.format);
        }
        self.runner().settle(self.site(), invocation, &mut results);
        results
    }
}

fn is_pattern(path: &Utf8Path) -> bool {
    path.as_str().contains(['*', '?', '[', '{'])
}

/// Returns the report files that are there.
fn reports(invocation: &Invocation) -> Vec<Utf8PathBuf> {
    let pattern = invocation.report.iter().map(ToString::to_string).collect::<Vec<_>>();
    let found = files::find(&invocation.cwd, &pattern).unwrap_or_default();
    found.iter().map(|input| Utf8PathBuf::from(input.name())).filter(|path| path.is_file()).collect()
}

/// Reports a process that names no tests by its exit status, under the name `[process]`, if that was asked for.
fn process_results(finished: &Finished, wanted: Wanted<'_>) -> Results {
    let Wanted::Only(ids) = wanted else { return Results::default() };
    let Some(id) = ids.iter().find(|id| id.name == PROCESS) else { return Results::default() };
    if finished.ending == Ending::Exited(0) {
        return Results { cases: vec![(id.clone(), Outcome::Passed)], failures: Vec::new() };
    }
    let mut failure = Failure::bare(id.clone());
    failure.message = format!("the test process {}", finished.ending);
    failure.output = printed(finished);
    Results { cases: vec![(id.clone(), Outcome::Errored)], failures: vec![failure] }
}

fn printed(finished: &Finished) -> String {
    let output = [finished.stdout.as_slice(), finished.stderr.as_slice()].concat();
    cap::head_and_tail(String::from_utf8_lossy(&output).trim(), CRASH_OUTPUT_BYTES_MAX)
}

/// Records that a whole suite failed before any of its tests could be reported, such as while their files were loaded.
fn record_failed_start(suite: &Suite, ended: &Ended, printed: &str, run: &mut Run) {
    let id = TestId::of_suite(&suite.name);
    let mut failure = Failure::bare(id.clone());
    failure.message = format!("the test process {} before any test had reported\n{printed}", ended.ending);
    run.outcomes.insert(id, Some(Outcome::Errored));
    run.failures.push(failure);
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
