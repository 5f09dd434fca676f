//! What a googletest program prints on the terminal.
//!
//! Ids are spelt as in its XML report: the suite, and the test's name in it. What a test prints is not believed: while one
//! runs, only its own end counts. If it never comes, the program died; until that is clear, the results of programs that
//! seem to run in its output are held. The list of failed tests at the end has the last word. The fixtures are what
//! googletest 1.12 printed.

mod line;
mod program;

use crate::ingest::excerpt;
use crate::ingest::googletest::line::{Shape, shape};
use crate::ingest::googletest::program::{Begun, Program};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader};

/// The terminal output of googletest.
pub(super) struct Googletest;

/// Programs that may be the output of each other.
const PROGRAMS_MAX: usize = 8;

impl Format for Googletest {
    fn name(&self) -> &'static str {
        "googletest"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let reason = "there is no line like `[ RUN      ] CartTest.Adds`";
        if !text.contains("[==========] ") && !text.contains("[ RUN      ] ") {
            return Err(reason);
        }
        let mut likeness = Err(reason);
        for line in text.lines() {
            match shape(line) {
                Shape::Running { .. } => return Ok(Likeness::Certain),
                Shape::Run { .. } | Shape::Ran { .. } => likeness = Ok(Likeness::Likely),
                _ => {}
            }
        }
        likeness
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Log { hints: hints.clone(), programs: Vec::new() }))
    }
}

/// One log, of one program after another.
struct Log {
    hints: Hints,
    /// The program that runs; before it those that may have died, or in whose test's output it may run.
    programs: Vec<Program>,
}

impl Lines for Log {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        let found = shape(line.text);
        match &found {
            Shape::Running { n_tests } => {
                self.begin(line.offset, to);
                let is_first = self.programs.is_empty();
                self.programs.push(Program::new(&self.hints, Begun::Header(*n_tests), is_first));
            }
            Shape::Run { .. } if self.programs.is_empty() => {
                self.programs.push(Program::new(&self.hints, Begun::Test, true));
            }
            Shape::End(_) if self.programs.is_empty() => {
                self.programs.push(Program::new(&self.hints, Begun::Brief, true));
            }
            Shape::Text if self.is_idle() && line.text.starts_with("Running main() from ") => {
                self.begin(line.offset, to);
                self.programs.push(Program::new(&self.hints, Begun::Brief, true));
                return Owner::This;
            }
            Shape::End(end) => {
                // In the lists of a program that is over, names stand as in ends without a time.
                let is_listing = self.programs.last().is_some_and(Program::is_listing);
                let is_end = |program: &Program| program.is_running(end) && !(is_listing && end.is_without_time());
                if let Some(outer) = self.programs.iter().rposition(is_end) {
                    self.programs.truncate(outer + 1);
                    self.programs[outer].forget_inner();
                }
            }
            _ => {}
        }
        let Some((program, outer)) = self.programs.split_last_mut() else { return Owner::Other };
        for program in outer {
            program.overhear(line.text);
        }
        if !program.line(line, &found, to) {
            return Owner::Other;
        }
        if program.has_test() && excerpt::is_of_death(line.text) {
            self.end_all(line.offset + line.text.len() as u64, true, to);
        }
        Owner::This
    }

    fn end(&mut self, to: &mut Recorder) {
        let end = self.programs.last().map_or(0, Program::end);
        self.end_all(end, false, to);
    }
}

impl Log {
    fn is_idle(&self) -> bool {
        self.programs.last().is_none_or(|program| !program.has_test())
    }

    /// Makes room for a program that begins: the one before is over, or its test may have started this one, or it died.
    fn begin(&mut self, at: u64, to: &mut Recorder) {
        if let Some(over) = self.programs.pop_if(|program| !program.has_test()) {
            let ended = over.conclude(at, false);
            match self.programs.last_mut() {
                Some(outer) => outer.hold_inner(ended),
                None => ended.report(to),
            }
        }
        if self.programs.len() >= PROGRAMS_MAX {
            self.programs.remove(0).conclude(at, true).report(to);
        }
    }

    /// Ends all programs: those in which another began have died, for their tests never ended.
    fn end_all(&mut self, at: u64, has_died: bool, to: &mut Recorder) {
        let programs = std::mem::take(&mut self.programs);
        let n_dead = programs.len().saturating_sub(usize::from(!has_died));
        for (n, program) in programs.into_iter().enumerate() {
            program.conclude(at, n < n_dead).report(to);
        }
    }
}

#[cfg(test)]
mod tests;
