//! What `python -m unittest` prints, with and without `-v`, and the runners made of it: Django's, xmlrunner, nose2.
//!
//! Ids are spelt like those of xmlrunner's reports: `test_a` in `tests.test_cart.CartTest`, a subtest
//! `test_a [part] (i=1)`. A run is closed by `Ran 5 tests in 0.01s` under a rule and a line of counts; that something
//! failed is believed of headers between rules, with a traceback under them, and of as many as are counted.

mod line;
mod run;
mod settle;

use crate::ingest::recorder::Recorder;
use crate::ingest::sniff::lines_with;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader};

use run::{Run, Step};

/// The text of unittest.
pub(super) struct Unittest;

impl Format for Unittest {
    fn name(&self) -> &'static str {
        "unittest"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let has_header = || {
            let mut lines = lines_with(text, line::DOUBLE_RULE).filter(|line| *line == line::DOUBLE_RULE);
            lines.any(|rule| {
                let after = &text[crate::ingest::offset_in(text, rule) + rule.len()..];
                after
                    .trim_start_matches('\r')
                    .strip_prefix('\n')
                    .and_then(|after| line::header(after.lines().next()?))
                    .is_some()
            })
        };
        if lines_with(text, "Ran ").any(|line| line::ran(line).is_some()) || has_header() {
            return Ok(Likeness::Certain);
        }
        let is_status = |line: &str| {
            let (named, word) = line.split_once(" ... ")?;
            line::named(named).and(line::word(word))
        };
        let is_possible = lines_with(text, ") ... ").any(|line| is_status(line).is_some());
        is_possible.then_some(Likeness::Possible).ok_or("there is no line like `Ran 5 tests in 0.01s`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Log { hints: hints.clone(), run: None }))
    }
}

/// Reads the runs of a log.
struct Log {
    hints: Hints,
    run: Option<Run>,
}

impl Lines for Log {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        if let Some(run) = &mut self.run {
            match run.line(line, to) {
                Step::Goes => return Owner::This,
                Step::Ended => self.end(to),
            }
        }
        let Some(mut run) = Run::begin(line, &self.hints) else { return Owner::Other };
        run.line(line, to);
        self.run = Some(run);
        Owner::This
    }

    fn end(&mut self, to: &mut Recorder) {
        if let Some(run) = self.run.take() {
            run.settle(&self.hints, to);
        }
    }
}

#[cfg(test)]
mod tests;
