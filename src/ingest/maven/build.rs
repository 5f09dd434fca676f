//! What Maven says of a build that goes wrong beside its tests: compilers, dependencies, other goals, virtual machines
//! that die.
//!
//! A goal that failed because tests did says nothing new; each other refusal is a failure of its project.

use crate::ingest::jvm::{self, CompileError};
use crate::ingest::maven::line::{self, Refusal};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{ABORTED, Hints, detail};
use crate::model::{Failure, Outcome, TestId};
use crate::text::cap::HeadAndTail;

/// Compile errors of one project that are kept, and classes whose tests died.
const ERRORS_MAX: usize = 1000;

/// The plugins that run tests.
const TEST_PLUGINS: &[&str] = &["surefire", "failsafe"];

/// How Maven ends the text of an error.
const HELP: &str = "-> [Help ";

/// What Surefire says when the process that ran tests died.
const DIED: &str = "The forked VM terminated without";

/// A refusal that is being told.
#[derive(Debug)]
struct Told {
    goal: String,
    project: String,
    message: String,
    text: HeadAndTail,
    start: u64,
    /// Classes whose tests ran when the process died.
    crashed: Vec<String>,
    is_listing_crashed: bool,
    has_died: bool,
}

/// The state of a build.
#[derive(Debug)]
pub(super) struct Build {
    /// The project that is being built.
    project: String,
    errors: Vec<CompileError>,
    /// Where the first of them is.
    errors_start: u64,
    is_in_error: bool,
    told: Option<Told>,
    output_bytes_max: usize,
}

impl Build {
    pub(super) fn new(hints: &Hints) -> Self {
        let (project, errors) = (String::new(), Vec::new());
        let output_bytes_max = hints.output_bytes_max;
        Self { project, errors, errors_start: 0, is_in_error: false, told: None, output_bytes_max }
    }

    /// Takes a line outside of test runs; tells whether it is Maven's.
    pub(super) fn line(&mut self, line: &Line<'_>, hints: &Hints, to: &mut Recorder) -> bool {
        let (level, text) = line::level(line.text);
        match level {
            Some("INFO") => self.info(text),
            Some("ERROR" | "FATAL") => self.error(text, line, hints, to),
            Some(_) => false,
            None => self.raw(line.text),
        }
    }

    fn info(&mut self, text: &str) -> bool {
        self.is_in_error = false;
        if let Some((_, project)) =
            text.strip_prefix("--- ").and_then(|text| text.strip_suffix(" ---")?.rsplit_once(" @ "))
        {
            project.clone_into(&mut self.project);
            return true;
        }
        if text == "BUILD SUCCESS" {
            self.errors.clear();
            return true;
        }
        text == "BUILD FAILURE" || text.starts_with("Building ") && text.contains(' ')
    }

    fn error(&mut self, text: &str, line: &Line<'_>, hints: &Hints, to: &mut Recorder) -> bool {
        if let Some(refusal) = line::refusal(text) {
            self.conclude(line.offset, hints, to);
            self.begin(&refusal, text, line.offset);
        } else if let Some(error) = jvm::compile_error(text) {
            self.is_in_error = true;
            let is_known = self.errors.iter().rev().take(ERRORS_MAX).any(|known| known.location == error.location);
            if self.errors.is_empty() {
                self.errors_start = line.offset;
            }
            if !is_known && self.errors.len() < ERRORS_MAX {
                self.errors.push(error);
            } else {
                self.is_in_error = false;
            }
        } else if self.is_in_error && text.starts_with(' ') && self.told.is_none() {
            self.raw(text);
        } else if self.told.is_none() {
            // A refusal without a goal, such as of a project that cannot be read.
            let Some((message, _)) = text.split_once(HELP) else { return text.starts_with("COMPILATION ERROR") };
            if message.trim().is_empty() {
                return true;
            }
            self.begin(&Refusal { goal: "", project: "", message: message.trim_end() }, message, line.offset);
            return true;
        }
        let ends = text.contains(HELP);
        if let Some(told) = &mut self.told {
            told.line(text);
            let is_of_project = !told.project.is_empty();
            if ends && is_of_project {
                self.conclude(line.offset + line.text.len() as u64, hints, to);
            } else if text.is_empty() && !is_of_project || text.starts_with("To see the full stack trace") {
                self.conclude(line.offset, hints, to);
            }
        }
        true
    }

    /// Takes a line without a level: of the compilers, which say in several what they mean.
    fn raw(&mut self, text: &str) -> bool {
        let is_more = self.is_in_error && text.starts_with([' ', '\t']);
        if let Some(error) = self.errors.last_mut().filter(|_| is_more) {
            error.push_line(text);
        }
        is_more
    }

    fn begin(&mut self, refusal: &Refusal<'_>, text: &str, start: u64) {
        let mut told = Told {
            goal: refusal.goal.to_owned(),
            project: refusal.project.to_owned(),
            message: refusal.message.to_owned(),
            text: HeadAndTail::new(self.output_bytes_max),
            start,
            crashed: Vec::new(),
            is_listing_crashed: false,
            has_died: refusal.message.contains(DIED),
        };
        if refusal.project.is_empty() {
            told.text.push_line(text);
        }
        self.told = Some(told);
    }

    /// Reports the refusal that was told.
    fn conclude(&mut self, end: u64, hints: &Hints, to: &mut Recorder) {
        let Some(told) = self.told.take() else { return };
        let errors = std::mem::take(&mut self.errors);
        self.is_in_error = false;
        let range = Some((told.start, end));
        if TEST_PLUGINS.iter().any(|plugin| told.goal.contains(plugin)) {
            return told.report_deaths(range, hints, to);
        }
        if !errors.is_empty() {
            let mut failure = jvm::build_failure(&told.project, errors, hints);
            failure.source = Some((self.errors_start.min(told.start), end));
            return to.fail(Outcome::Errored, failure);
        }
        let mut failure = told.failure(TestId::build(told.project.as_str()), hints);
        // What is wrong with a project that cannot be read stands indented under it.
        let why = failure.output.lines().find_map(|line| line.strip_prefix("    "));
        if let Some(why) = why.filter(|_| told.project.is_empty()) {
            why.trim().clone_into(&mut failure.message);
        }
        failure.source = range;
        to.fail(Outcome::Errored, failure);
    }

    /// Ends the log.
    pub(super) fn end(&mut self, end: u64, hints: &Hints, to: &mut Recorder) {
        if self.told.is_none() && !self.errors.is_empty() {
            let mut failure = jvm::build_failure(&self.project, std::mem::take(&mut self.errors), hints);
            failure.source = Some((self.errors_start, end));
            to.fail(Outcome::Errored, failure);
        }
        self.conclude(end, hints, to);
    }
}

impl Told {
    fn line(&mut self, text: &str) {
        let text = text.trim_end();
        self.text.push_line(text);
        self.has_died |= text.contains(DIED);
        if text == "Crashed tests:" {
            self.is_listing_crashed = true;
        } else if self.is_listing_crashed {
            let is_class =
                !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$'));
            self.is_listing_crashed = is_class;
            if is_class && self.crashed.len() < ERRORS_MAX && self.crashed.iter().all(|known| known != text) {
                self.crashed.push(text.to_owned());
            }
        }
    }

    /// Reports the tests whose process died, or that they could not be run at all. That tests failed is known.
    fn report_deaths(self, range: Option<(u64, u64)>, hints: &Hints, to: &mut Recorder) {
        let is_known = self.message.starts_with("There are test failures") || self.message.is_empty();
        if is_known && !self.has_died {
            return;
        }
        let suites = if self.crashed.is_empty() { vec![self.project.clone()] } else { self.crashed.clone() };
        for suite in suites {
            let mut failure = self.failure(TestId::new(suite, ABORTED), hints);
            if self.has_died {
                let told = failure.output.lines().find(|line| line.contains(DIED)).unwrap_or(&self.message);
                told.strip_prefix("ExecutionException ").unwrap_or(told).clone_into(&mut failure.message);
            }
            failure.source = range;
            to.fail(Outcome::Errored, failure);
        }
    }

    fn failure(&self, id: TestId, hints: &Hints) -> Failure {
        let mut failure = Failure::bare(id);
        // The goal without its group and execution: `maven-enforcer-plugin:3.0:enforce`.
        let goal = self.goal.split(' ').next().unwrap_or_default();
        goal.split_once(':').map_or(goal, |(_, goal)| goal).clone_into(&mut failure.kind);
        failure.message.clone_from(&self.message);
        detail::set_output(&mut failure, &self.text.clone().into_text(), hints.output_bytes_max);
        failure
    }
}
