//! What Gradle prints of tests, with any `testLogging`, and of builds that do not get so far.
//!
//! Ids are spelt like those of Gradle's XML reports: suite is the class, nested ones as `Outer$Inner`, and name what is
//! displayed for the method, `adds()`. Since version 7 the text has classes without their packages: those of failures are
//! found in their traces, where there are any; other tests keep the short name. Passed tests are not listed by default.

mod build;
mod line;
mod results;

use crate::ingest::recorder::Recorder;
use crate::ingest::sniff::lines_with;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader};

use build::Build;
use results::Results;

/// The text of Gradle.
pub(super) struct Gradle;

impl Format for Gradle {
    fn name(&self) -> &'static str {
        "gradle"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let any = |words, is_it: fn(&str) -> bool| lines_with(text, words).any(is_it);
        if any(build::WENT_WRONG, |line| line == build::WENT_WRONG)
            || any(" completed, ", |line| line::counts(line).is_some())
            || any("BUILD ", |line| line.starts_with("BUILD FAILED in ") || line.starts_with("BUILD SUCCESSFUL in "))
        {
            return Ok(Likeness::Certain);
        }
        if any("> Task :", |line| line.starts_with("> Task :")) {
            return Ok(Likeness::Likely);
        }
        let is_possible = any(" > ", |line| line::test(line).is_some());
        is_possible.then_some(Likeness::Possible).ok_or("there is no line like `3 tests completed, 1 failed`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        let (build, results) = (Build::new(hints), Results::new(hints));
        Reader::Lines(Box::new(Log { hints: hints.clone(), build, results, end: 0 }))
    }
}

/// Reads a log.
struct Log {
    hints: Hints,
    build: Build,
    results: Results,
    end: u64,
}

impl Lines for Log {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        self.end = line.offset + line.text.len() as u64;
        if let Some((task, rest)) = line::task(line.text) {
            if task != self.build.task {
                self.results.settle(&self.hints, to);
            }
            self.build.begin_task(task);
            if !rest.is_empty() {
                self.build.line(rest, line.offset, &self.hints, to);
            }
            return Owner::This;
        }
        if self.results.line(line.text, line.offset, to) {
            return Owner::This;
        }
        if line.text.starts_with("FAILURE: ") || line.text.starts_with("BUILD ") {
            self.results.settle(&self.hints, to);
        }
        if self.build.line(line.text, line.offset, &self.hints, to) { Owner::This } else { Owner::Other }
    }

    fn end(&mut self, to: &mut Recorder) {
        self.results.settle(&self.hints, to);
        self.build.end(self.end, &self.hints, to);
    }
}

#[cfg(test)]
mod tests;
