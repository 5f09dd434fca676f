//! What Maven prints of tests run by Surefire or Failsafe, versions 2.12 to 3, and of builds that do not get so far.
//!
//! Ids are spelt like those of Surefire's XML reports: suite is the class, nested ones as `Outer$Inner`, and name the
//! method with whatever the version adds for parameters. Passed tests have no names in this text.

mod build;
mod line;
mod run;
mod settle;

use crate::ingest::recorder::Recorder;
use crate::ingest::sniff::lines_with;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader};

use build::Build;
use run::{Run, Step};

/// The text of Maven.
pub(super) struct Maven;

impl Format for Maven {
    fn name(&self) -> &'static str {
        "maven"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let is_of_class = |line| line::counts(line::level(line).1).is_some_and(|counts| counts.class.is_some());
        let any = |words, is_it: fn(&str) -> bool| lines_with(text, words).any(is_it);
        if lines_with(text, "Tests run: ").any(is_of_class)
            || any(run::TITLE, |line| line::level(line).1 == run::TITLE)
            || any("Failed to execute goal ", |line| line::refusal(line::level(line).1).is_some())
            || any("BUILD ", |line| matches!(line, "[INFO] BUILD SUCCESS" | "[INFO] BUILD FAILURE"))
        {
            return Ok(Likeness::Certain);
        }
        let is_counts = |line: &str| line::counts(line::level(line).1).is_some();
        if any("Tests run: ", is_counts) || any("[INFO] --- ", |line| line.ends_with(" ---")) {
            return Ok(Likeness::Likely);
        }
        let is_possible = any("[INFO] Scanning for projects...", |_| true);
        is_possible
            .then_some(Likeness::Possible)
            .ok_or("there is no line like `Tests run: 3, Failures: 1, Errors: 0, Skipped: 0`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Log { hints: hints.clone(), build: Build::new(hints), run: None, end: 0 }))
    }
}

/// Reads a log.
struct Log {
    hints: Hints,
    build: Build,
    run: Option<Run>,
    end: u64,
}

impl Lines for Log {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        self.end = line.offset + line.text.len() as u64;
        if self.run.is_none() {
            self.run = Run::begin(line, &self.hints);
        }
        match self.run.as_mut().map(|run| run.line(line)) {
            Some(Step::Goes) => return Owner::This,
            Some(Step::Closes(total)) => {
                self.settle(Some(total), to);
                return Owner::This;
            }
            Some(Step::Ended) => self.settle(None, to),
            Some(Step::Passes) | None => {}
        }
        if self.build.line(line, &self.hints, to) { Owner::This } else { Owner::Other }
    }

    fn end(&mut self, to: &mut Recorder) {
        self.settle(None, to);
        self.build.end(self.end, &self.hints, to);
    }
}

impl Log {
    fn settle(&mut self, total: Option<line::Tally>, to: &mut Recorder) {
        if let Some(run) = self.run.take() {
            settle::settle(run, total, &self.hints, to);
        }
    }
}

#[cfg(test)]
mod tests;
