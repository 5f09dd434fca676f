//! The oracle's other half: how the untouched tree behaves, and which of the reported failures are really there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::heal::session::{HealError, Session};
use crate::ingest::ABORTED;
use crate::model::{Event, Failure, Outcome, Patch, RunRecord, SessionOutcome, TestId};
use crate::process::sandbox::Rung;
use crate::text::words;
use crate::verify::{Build, Run, Selection, TestBed};

/// A candidate may take this many times as long as the untouched tree's slowest run did.
const SLOWDOWN_MAX: u32 = 5;

/// ... but is never stopped before this.
const RUN_TIMEOUT_MIN: Duration = Duration::from_secs(20);

/// How the tree behaves as it stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Baseline {
    /// Failures that are really there: red in every probe, or not buildable.
    pub(super) failures: Vec<Failure>,
    /// How every test ended.
    pub(super) before: BTreeMap<TestId, Outcome>,
    /// Suites that could be built.
    pub(super) built: BTreeSet<String>,
    /// Reported tests that passed when run alone.
    pub(super) green: Vec<TestId>,
    /// Reported tests that this project does not have.
    pub(super) missing: Vec<TestId>,
    /// The runs that showed the failures, for certificates.
    pub(super) records: Vec<RunRecord>,
}

impl Session<'_> {
    /// Builds and runs the tree as it stands. `reported` are failures from elsewhere; without them the whole suite is
    /// run to find some.
    pub(super) async fn baseline(&mut self, reported: Option<&[Failure]>) -> Result<Baseline, HealError> {
        self.say(&Event::StepStarted { what: "building the tests in a scratch copy".to_owned() });
        let bed = &mut self.beds[0];
        bed.put(&Patch::default())?;
        let build = bed.build().await?;
        if build.timed_out {
            let hint = "allow more with --run-timeout";
            let sentence = format!("the build did not end within {:?}", self.options.run_timeout);
            return Err(HealError::ended(SessionOutcome::BudgetExhausted, sentence, hint));
        }
        let mut baseline = Baseline { built: build.suite_names(), ..Baseline::default() };
        let mut whole = None;
        let wanted = if let Some(reported) = reported {
            self.known_ids(&build, reported, &mut baseline).await?
        } else {
            self.say(&Event::StepStarted { what: "running the tests".to_owned() });
            let run = self.beds[0].run(&build, Selection::All).await?;
            let red = run.red();
            whole = Some(run);
            red
        };
        let mut slowest = self.probe(&build, &wanted, &mut baseline).await?;
        self.set_apart_confined(&build, &mut baseline).await?;
        baseline.failures.extend(build.failures.iter().cloned());
        let broken = build.failures.iter().map(|failure| failure.id.clone());
        let red = broken.chain(baseline.failures.iter().map(|failure| failure.id.clone()).filter(|id| !id.is_build()));
        let red: Vec<_> = red.collect();
        let (green, missing) = (baseline.green.clone(), baseline.missing.clone());
        if whole.is_none() && !red.is_empty() {
            self.say(&Event::StepStarted { what: "running the whole suite once, to know what passes".to_owned() });
            whole = Some(self.beds[0].run(&build, Selection::All).await?);
        }
        self.say(&Event::Reproduced { red, green, missing });
        let whole = whole.unwrap_or_default();
        slowest = slowest.max(whole.wall);
        baseline.before = whole.ended();
        let run_timeout = (slowest * SLOWDOWN_MAX).max(RUN_TIMEOUT_MIN).min(self.options.run_timeout);
        for bed in &mut self.beds {
            bed.settle(run_timeout);
        }
        Ok(baseline)
    }

    /// Re-runs only the failing tests, several times: what is red each time is really there.
    async fn probe(
        &mut self,
        build: &Build,
        wanted: &[TestId],
        baseline: &mut Baseline,
    ) -> Result<Duration, HealError> {
        if wanted.is_empty() {
            return Ok(Duration::ZERO);
        }
        let n_probes = self.options.probes;
        self.say(&Event::StepStarted { what: format!("re-running only the failing tests, {n_probes} times") });
        let mut runs: Vec<Run> = Vec::new();
        for _ in 0..n_probes {
            runs.push(self.beds[0].run(build, Selection::Only(wanted)).await?);
        }
        let is_red = |run: &Run, id: &TestId| run.outcomes.get(id).copied().flatten().is_some_and(Outcome::is_red);
        for id in wanted {
            if runs.iter().all(|run| is_red(run, id)) {
                let told = runs.iter().rev().flat_map(|run| &run.failures).find(|failure| failure.id == *id);
                baseline.failures.push(told.cloned().unwrap_or_else(|| Failure::bare(id.clone())));
            } else if runs.iter().any(|run| run.outcomes.get(id).copied().flatten().is_some()) {
                baseline.green.push(id.clone());
            } else {
                baseline.missing.push(id.clone());
            }
        }
        baseline.records.extend(runs.iter().map(|run| run.record("red before", wanted)));
        Ok(runs.iter().map(|run| run.wall).max().unwrap_or_default())
    }

    /// Takes out the tests that are red only because they are confined: with the user's own rights they pass.
    async fn set_apart_confined(&mut self, build: &Build, baseline: &mut Baseline) -> Result<(), HealError> {
        let red: Vec<_> = baseline.failures.iter().map(|failure| failure.id.clone()).collect();
        if self.sandbox.rung == Rung::ProcessControl || red.is_empty() {
            return Ok(());
        }
        let confined = if self.beds[0].is_trusted() {
            let confined = self.passing_outside(build, red).await?;
            self.beds[0].remember_confined(&confined);
            confined
        } else {
            let known = self.beds[0].remembered_confined();
            red.into_iter().filter(|id| known.contains(id)).collect()
        };
        if let Some(first) = confined.first() {
            let told = words::count(confined.len(), "test");
            self.notice(format!("{told} red inside the sandbox and green outside it, not healed: {first}"));
        }
        baseline.failures.retain(|failure| !confined.contains(&failure.id));
        baseline.green.extend(confined);
        Ok(())
    }

    /// Returns the tests that pass with the user's own rights, be it only sometimes: the sandbox starts each run afresh,
    /// and what a test leaves for its next run shows outside alone.
    async fn passing_outside(&mut self, build: &Build, mut red: Vec<TestId>) -> Result<Vec<TestId>, HealError> {
        self.say(&Event::StepStarted { what: "re-running the red tests outside the sandbox".to_owned() });
        let mut passing = Vec::new();
        for _ in 0..self.options.probes {
            if red.is_empty() {
                break;
            }
            let run = self.beds[0].run_as_user(build, Selection::Only(&red)).await?;
            passing.extend(red.extract_if(.., |id| run.passed(id)));
        }
        Ok(passing)
    }

    /// Looks again at tests that an accepted patch made runnable: returns those that are really red.
    pub(super) async fn look_again(&mut self, uncovered: &[TestId]) -> Result<Baseline, HealError> {
        let bed = &mut self.beds[0];
        bed.put(&Patch::default())?;
        let build = bed.build().await?;
        let mut baseline = Baseline { built: build.suite_names(), ..Baseline::default() };
        self.probe(&build, uncovered, &mut baseline).await?;
        baseline.failures.extend(build.failures);
        Ok(baseline)
    }

    /// Translates reported ids into this project's; those it does not have are noted as missing.
    async fn known_ids(
        &mut self,
        build: &Build,
        reported: &[Failure],
        baseline: &mut Baseline,
    ) -> Result<Vec<TestId>, HealError> {
        let lists = lists(&mut self.beds[0], build).await?;
        let mut wanted = Vec::new();
        for failure in reported {
            let id = &failure.id;
            if id.is_build() {
                if build.is_whole() {
                    baseline.green.push(id.clone());
                }
                continue;
            }
            let n_before = wanted.len();
            for (suite, ids) in build.suites.iter().zip(&lists) {
                wanted.extend(self.runner.canonical(id, suite, ids));
                // A suite that died names no culprit: all its tests are looked at.
                let died = id.name == ABORTED && (id.suite == suite.name || suite.aliases.contains(&id.suite));
                wanted.extend(ids.iter().filter(|_| died).cloned());
            }
            if wanted.len() == n_before && build.is_whole() {
                baseline.missing.push(id.clone());
            }
        }
        let mut seen = BTreeSet::new();
        wanted.retain(|id| seen.insert(id.clone()));
        Ok(wanted)
    }
}

async fn lists(bed: &mut TestBed, build: &Build) -> Result<Vec<Vec<TestId>>, HealError> {
    let mut lists = Vec::new();
    for suite in &build.suites {
        lists.push(bed.list(suite).await?.unwrap_or_default());
    }
    Ok(lists)
}
