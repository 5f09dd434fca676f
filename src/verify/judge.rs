//! One candidate through every check, cheapest first; the first check that fails is the verdict.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use crate::model::{Finding, Outcome, Patch, Refusal, RunRecord, TestId, Verdict};
use crate::patch::{self, Policy, Region};
use crate::syntax::{self, Language};
use crate::text::cap;
use crate::verify::{Build, Run, Selection, TestBed, Trouble};

/// Bytes of a new failure that go into a verdict.
const DETAIL_BYTES_MAX: usize = 2_000;

/// What must become green, and what must stay so.
#[derive(Debug, Clone)]
pub struct Oracle {
    /// The failing tests; `[build]` ids stand for suites that must be built.
    pub failing: Vec<TestId>,
    /// Tests of other clusters that may share the fault: healing them too is no condition, but it ranks.
    pub related: Vec<TestId>,
    /// How every test ended on the tree before.
    pub before: BTreeMap<TestId, Outcome>,
    /// Suites that could be built before.
    pub built: BTreeSet<String>,
    /// Runs of the failing tests that must pass.
    pub confirm: u32,
    /// Which edits are allowed at all.
    pub policy: Policy,
}

/// A verdict with the runs it rests on.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The runs, in order.
    pub runs: Vec<RunRecord>,
    /// How every test ended in the whole suite with the patch, when that was run.
    pub after: Option<BTreeMap<TestId, Outcome>>,
    /// Suites that could be built with the patch, when it could be.
    pub built: BTreeSet<String>,
}

impl Judgement {
    /// Returns how many of `ids` still fail, or do not run, with the patch; all, when that is not known.
    pub fn n_left_red(&self, ids: &[TestId]) -> usize {
        let passes = |id: &&TestId| match (&self.after, id.is_build()) {
            (Some(_), true) => self.built.contains(&id.suite),
            (Some(after), false) => after.get(*id) == Some(&Outcome::Passed),
            (None, _) => false,
        };
        ids.iter().filter(|id| !passes(id)).count()
    }

    /// Makes the judgement of a candidate that was not run.
    pub fn without_runs(verdict: Verdict) -> Self {
        Self { verdict, runs: Vec::new(), after: None, built: BTreeSet::new() }
    }
}

/// Refuses a patch that breaks a rule or a file's syntax; runs nothing.
pub fn admit(patch: &Patch, policy: &Policy) -> Result<(), Refusal> {
    if patch.is_empty() {
        return Err(Refusal::new("no-change", "the patch changes nothing"));
    }
    patch::guard(patch, policy, &protected_regions)?;
    for change in patch.changes() {
        let (Some(language), Some(after)) = (Language::of(&change.path), &change.after) else { continue };
        let n_errors = |text: &str| syntax::parse(language, text).n_errors();
        if n_errors(after) > change.before.as_deref().map_or(0, n_errors) {
            let sentence = format!("the patch leaves {} with new syntax errors", change.path);
            return Err(Refusal::new("syntax-error", sentence));
        }
    }
    Ok(())
}

fn protected_regions(path: &Utf8Path, text: &str) -> Vec<Region> {
    let Some(language) = Language::of(path) else { return Vec::new() };
    let regions = syntax::parse(language, text).test_regions();
    regions.into_iter().map(|(bytes, what)| Region { bytes, what }).collect()
}

/// Takes one patch through every check.
pub async fn judge(bed: &mut TestBed, patch: &Patch, oracle: &Oracle) -> Result<Judgement, Trouble> {
    if let Err(refusal) = admit(patch, &oracle.policy) {
        return Ok(Judgement::without_runs(Verdict::Refused(refusal)));
    }
    let mut proof = Proof::new(bed, oracle);
    let verdict = match proof.green_after(patch).await? {
        Err(verdict) => verdict,
        Ok(build) => match proof.nothing_else(&build).await? {
            Err(verdict) => verdict,
            Ok(uncovered) => match proof.red_again().await? {
                Err(verdict) => verdict,
                Ok(()) => Verdict::Plausible { findings: std::mem::take(&mut proof.findings), uncovered },
            },
        },
    };
    let Proof { runs, after, built, .. } = proof;
    Ok(Judgement { verdict, runs, after, built })
}

/// Tells whether a patch heals the failing tests at all: one build, one run of them, nothing else.
pub(super) async fn heals(bed: &mut TestBed, patch: &Patch, oracle: &Oracle) -> Result<bool, Trouble> {
    let once = Oracle { confirm: 1, ..oracle.clone() };
    let mut proof = Proof::new(bed, &once);
    Ok(admit(patch, &once.policy).is_ok() && proof.green_after(patch).await?.is_ok())
}

/// A proof in the making. Each step answers `Ok(Err(verdict))` when the candidate fails it.
struct Proof<'a> {
    bed: &'a mut TestBed,
    oracle: &'a Oracle,
    runs: Vec<RunRecord>,
    findings: Vec<Finding>,
    after: Option<BTreeMap<TestId, Outcome>>,
    built: BTreeSet<String>,
}

impl<'a> Proof<'a> {
    fn new(bed: &'a mut TestBed, oracle: &'a Oracle) -> Self {
        Self { bed, oracle, runs: Vec::new(), findings: Vec::new(), after: None, built: BTreeSet::new() }
    }

    fn failing_tests(&self) -> Vec<TestId> {
        self.oracle.failing.iter().filter(|id| !id.is_build()).cloned().collect()
    }

    /// Adds to a run's record how the suites fared whose building is to be healed.
    fn with_builds(&self, mut record: RunRecord, build: &Build) -> RunRecord {
        for id in self.oracle.failing.iter().filter(|id| id.is_build()) {
            let is_broken = build.failures.iter().any(|failure| failure.id.suite == id.suite);
            let (outcome, count) =
                if is_broken { (Outcome::Errored, &mut record.red) } else { (Outcome::Passed, &mut record.passed) };
            *count += 1;
            record.outcomes.insert(id.to_string(), Some(outcome));
        }
        record
    }

    /// The tree builds with the patch, and every failing test runs and passes, as often as asked.
    async fn green_after(&mut self, patch: &Patch) -> Result<Result<Build, Verdict>, Trouble> {
        self.bed.put(patch)?;
        let build = self.bed.build().await?;
        if build.timed_out {
            return Ok(Err(Verdict::TimedOut));
        }
        let broken = |name: &str| {
            name.is_empty() || self.oracle.built.contains(name) || self.oracle.failing.contains(&TestId::build(name))
        };
        if let Some(failure) = build.failures.iter().find(|failure| broken(&failure.id.suite)) {
            let detail = cap::head_and_tail(&failure.message, DETAIL_BYTES_MAX);
            return Ok(Err(Verdict::Unviable { detail }));
        }
        if build.suites.is_empty() {
            return Ok(Err(Verdict::Unviable { detail: "no test could be built".to_owned() }));
        }
        let failing = self.failing_tests();
        let n_runs = if failing.is_empty() { 0 } else { self.oracle.confirm };
        if n_runs == 0 {
            let record = self.with_builds(Run::default().record("green after", &[]), &build);
            self.runs.push(record);
        }
        for _ in 0..n_runs {
            let run = self.bed.run(&build, Selection::Only(&failing)).await?;
            let record = self.with_builds(run.record("green after", &failing), &build);
            self.runs.push(record);
            if let Some(verdict) = not_green(&run, &failing) {
                return Ok(Err(verdict));
            }
        }
        Ok(Ok(build))
    }

    /// Every test that passed before still runs and passes. Returns the tests that could not be built before and fail.
    async fn nothing_else(&mut self, build: &Build) -> Result<Result<Vec<TestId>, Verdict>, Trouble> {
        let run = self.bed.run(build, Selection::All).await?;
        let record = self.with_builds(run.record("whole suite", &self.failing_tests()), build);
        self.runs.push(record);
        if run.timed_out {
            return Ok(Err(Verdict::TimedOut));
        }
        self.built = build.suite_names();
        self.after = Some(run.ended());
        let passed_before = self.oracle.before.iter().filter(|(_, outcome)| **outcome == Outcome::Passed);
        let lost: Vec<_> = passed_before.map(|(id, _)| id).filter(|id| !run.passed(id)).cloned().collect();
        let failing_now: Vec<_> = self.failing_tests().into_iter().filter(|id| !run.passed(id)).collect();
        if let [first, ..] = failing_now.as_slice() {
            let detail = format!("{first} passes alone and fails in the whole suite");
            return Ok(Err(Verdict::StillFailing { ids: failing_now, detail }));
        }
        if let Some(verdict) = self.truly_lost(build, lost).await? {
            return Ok(Err(verdict));
        }
        let uncovered = run.red().into_iter().filter(|id| !self.oracle.built.contains(&id.suite));
        Ok(Ok(uncovered.collect()))
    }

    /// A test that failed beside others but passes alone as often as asked is unsteady, not broken by the patch; the
    /// reviewer is told.
    async fn truly_lost(&mut self, build: &Build, lost: Vec<TestId>) -> Result<Option<Verdict>, Trouble> {
        if lost.is_empty() {
            return Ok(None);
        }
        for _ in 0..self.oracle.confirm.max(2) {
            let run = self.bed.run(build, Selection::Only(&lost)).await?;
            self.runs.push(run.record("lost tests alone", &lost));
            let ids: Vec<_> = lost.iter().filter(|id| !run.passed(id)).cloned().collect();
            if !ids.is_empty() {
                return Ok(Some(Verdict::Regressing { ids }));
            }
        }
        let names = lost.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let sentence = format!("failed once beside the whole suite and passed alone each time: {names}");
        self.findings.push(Finding { kind: "unsteady-neighbour".to_owned(), sentence });
        Ok(None)
    }

    /// With the patch taken back the failure returns; otherwise the patch is not what healed it.
    async fn red_again(&mut self) -> Result<Result<(), Verdict>, Trouble> {
        self.bed.put(&Patch::default())?;
        let build = self.bed.build().await?;
        let broken: BTreeSet<_> = build.failures.iter().map(|failure| failure.id.suite.clone()).collect();
        let failing = self.failing_tests();
        let run =
            if failing.is_empty() { Run::default() } else { self.bed.run(&build, Selection::Only(&failing)).await? };
        let record = self.with_builds(run.record("red again", &failing), &build);
        self.runs.push(record);
        let is_green = |id: &&TestId| if id.is_build() { !broken.contains(&id.suite) } else { run.passed(id) };
        Ok(match self.oracle.failing.iter().find(is_green) {
            None => Ok(()),
            Some(id) => {
                let sentence =
                    format!("{id} is not red again with the patch taken back, so the patch is not what healed it");
                Err(Verdict::Refused(Refusal::new("not-red-again", sentence)))
            }
        })
    }
}

fn not_green(run: &Run, failing: &[TestId]) -> Option<Verdict> {
    let ids: Vec<_> = failing.iter().filter(|id| !run.passed(id)).cloned().collect();
    let first = ids.first()?;
    if run.timed_out {
        return Some(Verdict::TimedOut);
    }
    let detail = match run.failures.iter().find(|failure| failure.id == *first) {
        Some(failure) => cap::head_and_tail(&failure.message, DETAIL_BYTES_MAX),
        None => format!("{first} did not run"),
    };
    Some(Verdict::StillFailing { ids, detail })
}
