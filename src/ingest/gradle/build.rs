//! What Gradle says of a build that goes wrong beside its tests: compilers, dependencies, scripts, processes that die.
//!
//! That there were failing tests is known from their results; each other thing that went wrong is a failure of its
//! project.

use std::collections::HashMap;

use crate::ingest::gradle::line;
use crate::ingest::jvm::{self, CompileError};
use crate::ingest::recorder::Recorder;
use crate::ingest::{ABORTED, Hints, detail, trace};
use crate::model::{Failure, Location, Outcome, TestId};
use crate::text::cap::HeadAndTail;

/// Compile errors of one task that are kept, and tasks.
const ERRORS_MAX: usize = 1000;

/// How Gradle begins to tell what went wrong.
pub(super) const WENT_WRONG: &str = "* What went wrong:";

/// The beginnings of lines after that.
const AFTER: &[&str] = &["* ", "====", "BUILD FAILED", "> Run with "];

/// What went wrong, as far as it was told.
#[derive(Debug)]
struct Told {
    text: HeadAndTail,
    first: String,
    n_lines: usize,
    /// Whether it is said that it were tests.
    is_tests: bool,
    has_died: bool,
    has_no_tests: bool,
    start: u64,
    end: u64,
}

/// The state of a build.
#[derive(Debug)]
pub(super) struct Build {
    /// The task that is running.
    pub(super) task: String,
    /// Compile errors by task, and where the first of them is.
    errors: HashMap<String, (u64, Vec<CompileError>)>,
    is_in_error: bool,
    place: Option<Location>,
    told: Option<Told>,
    output_bytes_max: usize,
}

impl Build {
    pub(super) fn new(hints: &Hints) -> Self {
        let (task, errors, is_in_error) = (String::new(), HashMap::new(), false);
        Self { task, errors, is_in_error, place: None, told: None, output_bytes_max: hints.output_bytes_max }
    }

    /// Takes a line; tells whether it is Gradle's.
    pub(super) fn line(&mut self, text: &str, offset: u64, hints: &Hints, to: &mut Recorder) -> bool {
        let end = offset + text.len() as u64;
        if text == WENT_WRONG {
            self.conclude(hints, to);
            self.told = Some(Told::new(offset, self.output_bytes_max));
            return true;
        }
        if let Some(told) = &mut self.told {
            if !AFTER.iter().any(|words| text.starts_with(words)) {
                told.line(text, end);
                return true;
            }
            self.conclude(hints, to);
        }
        if let Some(error) = jvm::compile_error(text) {
            self.add(error, offset);
            return true;
        }
        if self.is_in_error && !text.is_empty() {
            return self.more(text);
        }
        self.is_in_error = false;
        self.place = place(text).or(self.place.take());
        if text.starts_with("BUILD SUCCESSFUL") {
            self.errors.clear();
        }
        ["BUILD SUCCESSFUL", "BUILD FAILED in", "FAILURE: ", "* Where:", "* Try:", "* Get more help"]
            .iter()
            .any(|words| text.starts_with(words))
    }

    fn add(&mut self, error: CompileError, offset: u64) {
        self.is_in_error = true;
        if self.errors.len() >= ERRORS_MAX && !self.errors.contains_key(&self.task) {
            return;
        }
        let (_, errors) = self.errors.entry(self.task.clone()).or_insert((offset, Vec::new()));
        if errors.len() < ERRORS_MAX {
            errors.push(error);
        }
    }

    /// Takes a further line of a compile error: the source, and what was not found.
    fn more(&mut self, text: &str) -> bool {
        let is_more = text.starts_with([' ', '\t']) || !text.ends_with(" error") && !text.ends_with(" errors");
        if let Some(error) =
            self.errors.get_mut(&self.task).and_then(|(_, errors)| errors.last_mut()).filter(|_| is_more)
        {
            error.push_line(text);
        }
        self.is_in_error = is_more;
        true
    }

    /// Begins a task.
    pub(super) fn begin_task(&mut self, task: &str) {
        task.clone_into(&mut self.task);
        self.is_in_error = false;
    }

    /// Reports what was told to have gone wrong.
    fn conclude(&mut self, hints: &Hints, to: &mut Recorder) {
        let Some(told) = self.told.take() else { return };
        let task = told.first.strip_prefix("Execution failed for task '").and_then(|text| text.split_once('\''));
        let task = task.map(|(task, _)| task.to_owned());
        let project = task.as_deref().map_or_else(|| configured_project(&told.first), line::project).to_owned();
        let errors = task.as_ref().and_then(|task| self.errors.remove(task).or_else(|| self.errors.remove("")));
        let range = Some((told.start, told.end));
        if let Some((start, errors)) = errors {
            let mut failure = jvm::build_failure(&project, errors, hints);
            failure.source = Some((start.min(told.start), told.end));
            return to.fail(Outcome::Errored, failure);
        }
        if told.is_tests {
            return;
        }
        let text = told.text.into_text();
        if told.has_no_tests {
            return to.complain(told.start, format!("Gradle says: {}", told_message(&text)));
        }
        let id = if told.has_died { TestId::new(project, ABORTED) } else { TestId::build(project) };
        let mut failure = Failure::bare(id);
        failure.message = told_message(&text);
        failure.location = self.place.take();
        detail::set_output(&mut failure, &text, hints.output_bytes_max);
        failure.source = range;
        to.fail(Outcome::Errored, failure);
    }

    /// Ends the log.
    pub(super) fn end(&mut self, end: u64, hints: &Hints, to: &mut Recorder) {
        self.conclude(hints, to);
        let mut errors: Vec<_> = self.errors.drain().collect();
        errors.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (task, (start, errors)) in errors {
            let mut failure = jvm::build_failure(line::project(&task), errors, hints);
            failure.source = Some((start, end));
            to.fail(Outcome::Errored, failure);
        }
    }
}

impl Told {
    fn new(start: u64, output_bytes_max: usize) -> Self {
        let (text, first) = (HeadAndTail::new(output_bytes_max), String::new());
        let (is_tests, has_died, has_no_tests) = (false, false, false);
        Self { text, first, n_lines: 0, is_tests, has_died, has_no_tests, start, end: start }
    }

    fn line(&mut self, text: &str, end: u64) {
        if self.n_lines == 0 {
            text.clone_into(&mut self.first);
        }
        self.n_lines += 1;
        self.text.push_line(text);
        self.end = end;
        self.is_tests |= text.contains("There were failing tests");
        self.has_died |=
            text.contains("Process 'Gradle Test Executor ") || text.contains("Test process encountered an unexpected");
        self.has_no_tests |= text.contains("No tests found for given includes");
    }
}

/// Joins what went wrong in one sentence: where Gradle nests causes, the innermost stands last.
fn told_message(text: &str) -> String {
    let causes = text.lines().map(|line| line.trim_start().trim_start_matches("> ")).filter(|line| !line.is_empty());
    causes.collect::<Vec<_>>().join("\n")
}

/// Returns the project whose configuration, or itself, is named in what went wrong: `configuration ':core:testRuntime'`.
fn configured_project(text: &str) -> &str {
    let quoted = text.split('\'').nth(1).unwrap_or_default();
    match text.contains(" project '") {
        true if text.contains("root project ") => "",
        true => quoted.trim_start_matches(':'),
        false => line::project(quoted),
    }
}

/// Reads `Build file '/home/user/shop/build.gradle' line: 3`.
fn place(text: &str) -> Option<Location> {
    let rest = ["Build file '", "Settings file '", "Script '", "Initialization script '"];
    let rest = rest.iter().find_map(|begins| text.strip_prefix(begins))?;
    let (file, line) = rest.split_once("' line: ")?;
    trace::place(file, line.trim_end(), None)
}
