//! The levels of a stream, and the way of a result through them: from its point, past whatever it waits for, to the
//! recorder.

use std::time::Duration;

use crate::ingest::recorder::{OutputBudget, Recorder};
use crate::ingest::tap::level::Level;
use crate::ingest::{Hints, nested_suite};
use crate::model::{Failure, Outcome, TestCase, TestId};

/// Joins the names of subtests.
const SEPARATOR: &str = " > ";

/// A result that is not red.
#[derive(Clone, Copy)]
pub(super) struct NotRed<'n> {
    pub(super) name: &'n str,
    pub(super) outcome: Outcome,
    pub(super) duration: Option<Duration>,
}

/// The stream and the subtests open in it, outermost first; never empty.
pub(super) struct Levels {
    stack: Vec<Level>,
    /// Whether the outermost name of each test is its file (Vitest).
    pub(super) begins_with_files: bool,
    /// Red results that were recorded.
    pub(super) n_red: u64,
    /// Subtests without a name among those open.
    n_unnamed: usize,
    outputs: OutputBudget,
}

impl Levels {
    pub(super) fn new(hints: &Hints) -> Self {
        let outputs = OutputBudget::new(hints);
        Self { stack: vec![Level::top(String::new())], begins_with_files: false, n_red: 0, n_unnamed: 0, outputs }
    }

    /// Begins another stream, whose tests are of `suite`.
    pub(super) fn reset(&mut self, suite: String) {
        self.stack.clear();
        self.stack.push(Level::top(suite));
        self.begins_with_files = false;
        (self.n_red, self.n_unnamed) = (0, 0);
    }

    /// Returns the depth of the innermost level; the stream's is 0.
    pub(super) fn depth(&self) -> usize {
        self.stack.len() - 1
    }

    pub(super) fn top(&mut self) -> &mut Level {
        &mut self.stack[0]
    }

    pub(super) fn get(&self, depth: usize) -> Option<&Level> {
        self.stack.get(depth)
    }

    pub(super) fn get_mut(&mut self, depth: usize) -> Option<&mut Level> {
        self.stack.get_mut(depth)
    }

    /// Begins a subtest in the innermost level, called `name` if that was announced.
    pub(super) fn enter(&mut self, name: Option<String>) -> &mut Level {
        let outer = self.stack.last().map_or("", |level| level.suite.as_str());
        let suite = name.as_deref().map(|name| nested_suite(outer, name)).unwrap_or_default();
        self.n_unnamed += usize::from(name.is_none());
        self.stack.push(Level::inner(suite, name));
        let innermost = self.stack.len() - 1;
        &mut self.stack[innermost]
    }

    /// Names the innermost level, which was not announced and has no results yet.
    pub(super) fn name_innermost(&mut self, name: String) {
        let [.., outer, level] = self.stack.as_mut_slice() else { return };
        level.suite = nested_suite(&outer.suite, &name);
        (level.name, level.is_announced) = (Some(name), true);
        self.n_unnamed -= 1;
    }

    /// Takes the innermost level off; the stream itself stays.
    pub(super) fn leave(&mut self) -> Option<Level> {
        let level = if self.stack.len() > 1 { self.stack.pop() } else { None }?;
        self.n_unnamed -= usize::from(!level.is_announced);
        Some(level)
    }

    /// Takes a result of the level at `depth` that is not red.
    pub(super) fn tally(&mut self, depth: usize, result: NotRed<'_>, to: &mut Recorder) {
        self.stack[depth].n_cases += 1;
        if self.n_unnamed > 0 || self.begins_with_files {
            let suite = self.stack[depth].suite.clone();
            return self.pass_on(depth, &suite, result, to);
        }
        to.tally_timed(&self.stack[depth].suite, result.name, result.outcome, result.duration);
    }

    /// Passes a result that is not red on to the innermost level without a name at or around `depth`, else records it.
    fn pass_on(&mut self, depth: usize, suite: &str, result: NotRed<'_>, to: &mut Recorder) {
        let NotRed { name, outcome, duration } = result;
        if let Some(unnamed) = self.stack[..=depth].iter_mut().rfind(|level| !level.is_announced) {
            unnamed.waiting.push(suite, name, outcome);
        } else if let Some((file, rest)) = self.file_of(suite, name) {
            to.tally_timed(&file, &rest, outcome, duration);
        } else {
            to.tally_timed(suite, name, outcome, duration);
        }
    }

    /// Takes a failure of the level at `depth`.
    pub(super) fn fail(&mut self, depth: usize, failure: Failure, to: &mut Recorder) {
        self.stack[depth].n_cases += 1;
        self.give_back(depth, failure, to);
    }

    /// Takes a failure that has been counted.
    pub(super) fn give_back(&mut self, depth: usize, mut failure: Failure, to: &mut Recorder) {
        if depth > 0 {
            self.outputs.shorten(&mut failure);
            return self.stack[depth].failures.push(failure);
        }
        if let Some((file, rest)) = self.file_of(&failure.id.suite, &failure.id.name) {
            failure.id = TestId::new(file, rest);
        }
        self.n_red += 1;
        to.fail(Outcome::Failed, failure);
    }

    /// Takes a result whose number is not yet due.
    pub(super) fn doubt(&mut self, depth: usize, case: TestCase, to: &mut Recorder) {
        for case in self.stack[depth].keep_early(case) {
            self.take(depth, case, to);
        }
    }

    fn take(&mut self, depth: usize, case: TestCase, to: &mut Recorder) {
        let TestCase { id, outcome, duration, failure } = case;
        match failure {
            Some(failure) => self.fail(depth, failure, to),
            None => self.tally(depth, NotRed { name: &id.name, outcome, duration }, to),
        }
    }

    /// Ends the waiting of early points in the innermost level; returns the number of those that were printed.
    pub(super) fn settle_early(&mut self, is_prelude: bool, to: &mut Recorder) -> u64 {
        let depth = self.depth();
        let (early, n_printed) = self.stack[depth].take_early(is_prelude);
        for case in early {
            self.take(depth, case, to);
        }
        n_printed
    }

    /// Takes over what waited in `child`, which was just left, under `name`; the failures are returned, for what becomes
    /// of them is up to the point that sums them up.
    pub(super) fn adopt(&mut self, mut child: Level, name: &str, to: &mut Recorder) -> Vec<Failure> {
        let depth = self.depth();
        let parent = &mut self.stack[depth];
        parent.n_cases += child.n_cases;
        if child.name.is_some() {
            return child.failures;
        }
        let around = nested_suite(&parent.suite, name);
        let mut waiting = child.waiting;
        waiting.drain(|suite, name, outcome| {
            self.pass_on(depth, &nested_suite(&around, suite), NotRed { name, outcome, duration: None }, to);
        });
        if let Some(unnamed) = self.stack.iter_mut().rfind(|level| !level.is_announced) {
            unnamed.waiting.add_nameless(&waiting);
        } else {
            waiting.count_nameless(to);
        }
        for failure in &mut child.failures {
            failure.id.suite = nested_suite(&around, &failure.id.suite);
        }
        child.failures
    }

    /// Takes failures of subtests of the innermost level for expected ones.
    pub(super) fn excuse(&mut self, failures: Vec<Failure>, to: &mut Recorder) {
        let depth = self.depth();
        for failure in failures {
            let result = NotRed { name: &failure.id.name, outcome: Outcome::Skipped, duration: failure.duration };
            self.pass_on(depth, &failure.id.suite, result, to);
        }
    }

    /// Splits the names around a test, joined, and its own into its file and the rest, where files are outermost.
    fn file_of(&self, suite: &str, name: &str) -> Option<(String, String)> {
        if !self.begins_with_files {
            return None;
        }
        let rest = |rest: &str| if rest.is_empty() { name.to_owned() } else { format!("{rest}{SEPARATOR}{name}") };
        match suite.split_once(SEPARATOR) {
            Some((file, inner)) => Some((file.to_owned(), rest(inner))),
            None if !suite.is_empty() => Some((suite.to_owned(), rest(""))),
            None => name.split_once(SEPARATOR).map(|(file, name)| (file.to_owned(), name.to_owned())),
        }
    }
}
