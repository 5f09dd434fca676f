//! What ctest prints on the terminal: `ctest`, with `--output-on-failure`, `--verbose`, `--repeat` and in parallel.
//!
//! The suite is empty, the name is the test's name. What a failed test printed stands between ctest's own lines and is not
//! believed: a result counts if its test was started, under that name, and had no result since. Of several the last
//! counts. The list of failed tests at the end has the last word, and the summary's numbers are compared with what was
//! read. The fixtures are what CMake 3.25 printed.

mod failing;
mod line;

use std::collections::{BTreeMap, HashMap, VecDeque};

use memchr::memmem;

use crate::ingest::ctest_text::failing::Failing;
use crate::ingest::ctest_text::line::{Reported, Shape, shape};
use crate::ingest::recorder::{OutputBudget, Recorder};
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader};
use crate::model::{Failure, FlakyPass, Outcome, TestId};
use crate::text::cap::HeadAndTail;

/// The terminal output of ctest.
pub(super) struct CtestText;

/// Tests that run at once; more than any machine runs.
const RUNNING_MAX: usize = 1 << 10;

/// The highest number of a test of which it is known whether it had a result.
const NUMBER_MAX: u32 = 1 << 20;

impl Format for CtestText {
    fn name(&self) -> &'static str {
        "ctest"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let reason = "there is no line like ` 1/19 Test  #1: adds ...   Passed    0.01 sec`";
        let has = |words: &str| memmem::find(text.as_bytes(), words.as_bytes()).is_some();
        let is_named = text.starts_with("Test project ") || has("\nTest project ");
        let is_own = |line: &str| match shape(line) {
            Shape::Result(Reported { total: Some(_), rest, .. }) => line::result(rest, None).is_some(),
            Shape::Start { .. } | Shape::Summary { .. } => is_named,
            _ => false,
        };
        if !(is_named || has(" Test ")) || !text.lines().any(is_own) {
            return Err(reason);
        }
        Ok(if is_named { Likeness::Certain } else { Likeness::Likely })
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Log { hints: hints.clone(), run: Run::new(hints), end: 0 }))
    }
}

/// One log, of one run of ctest after another.
struct Log {
    hints: Hints,
    run: Run,
    /// Where the latest line ends.
    end: u64,
}

impl Lines for Log {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        self.end = line.offset + line.text.len() as u64 + 1;
        let found = shape(line.text);
        if found == Shape::Project && (self.run.summary.is_some() || self.run.n_done == 0) {
            self.run.end(line.offset, to);
            self.run = Run { has_begun: true, ..Run::new(&self.hints) };
            return Owner::This;
        }
        self.run.line(line, &found, to)
    }

    fn end(&mut self, to: &mut Recorder) {
        self.run.end(self.end, to);
    }
}

/// A test that was started and has no result.
struct Running {
    number: u32,
    name: String,
    /// What `--verbose` shows of it.
    output: HeadAndTail,
}

/// What the end of a run says.
struct Summary {
    n_failed: u64,
    n_tests: u64,
    /// Names and endings of the tests that failed, by number.
    failed: BTreeMap<u32, (String, String)>,
    is_in_list: bool,
}

/// One run of ctest.
struct Run {
    bytes_max: usize,
    outputs: OutputBudget,
    has_begun: bool,
    is_verbose: bool,
    total: Option<u32>,
    running: VecDeque<Running>,
    /// By number, whether there was a result.
    done: Vec<bool>,
    n_done: u64,
    n_disabled: u64,
    failing: Option<Failing>,
    /// Tests that failed, in the order of their results; none in place of one that passed in the end.
    held: Vec<Option<(u32, Outcome, Failure)>>,
    /// Places of failed tests by number.
    places: HashMap<u32, usize>,
    /// What was said since the latest start, such as why a test could not be run.
    said: HeadAndTail,
    summary: Option<Summary>,
}

impl Run {
    fn new(hints: &Hints) -> Self {
        let bytes_max = hints.output_bytes_max;
        Self {
            bytes_max,
            outputs: OutputBudget::new(hints),
            has_begun: false,
            is_verbose: false,
            total: None,
            running: VecDeque::new(),
            done: Vec::new(),
            n_done: 0,
            n_disabled: 0,
            failing: None,
            held: Vec::new(),
            places: HashMap::new(),
            said: HeadAndTail::new(bytes_max),
            summary: None,
        }
    }

    fn line(&mut self, line: &Line<'_>, found: &Shape<'_>, to: &mut Recorder) -> Owner {
        let is_own = match *found {
            Shape::Start { number, name } => self.start(number, name, line.text),
            Shape::Result(reported) if self.is_credible(reported) => self.result(reported, line, to),
            Shape::Captured { number, text } => self.captured(number, text),
            Shape::Summary { n_failed, n_tests } if self.has_begun => self.summarise(n_failed, n_tests, line),
            Shape::FailedList | Shape::OtherList | Shape::Listed { .. } => self.list(found, line.text),
            _ => false,
        };
        let is_over = self.summary.is_some() && self.running.is_empty();
        if !is_own {
            self.content(line.text);
            self.summary.iter_mut().for_each(|summary| summary.is_in_list = false);
        }
        if is_own || self.has_begun && !is_over { Owner::This } else { Owner::Other }
    }

    /// Takes a line that is none of ctest's results.
    fn content(&mut self, text: &str) {
        match &mut self.failing {
            Some(failing) => failing.push(text),
            None => self.said.push_line(text),
        }
    }

    fn start(&mut self, number: u32, name: &str, text: &str) -> bool {
        let is_again = self.take_running(number).is_some();
        self.has_begun = true;
        match &mut self.failing {
            Some(failing) => failing.push_start(text, is_again),
            None => self.said = HeadAndTail::new(self.bytes_max),
        }
        if self.running.len() >= RUNNING_MAX {
            self.running.pop_front();
        }
        let output = HeadAndTail::new(self.bytes_max);
        self.running.push_back(Running { number, name: name.to_owned(), output });
        true
    }

    fn take_running(&mut self, number: u32) -> Option<Running> {
        let at = self.running.iter().position(|running| running.number == number)?;
        self.running.remove(at)
    }

    /// Tells whether a test can have a result now. One that was not started can, for lines get lost, but neither in the
    /// output of another nor twice.
    fn is_credible(&self, Reported { total, number, .. }: Reported<'_>) -> bool {
        let is_of_run = total.is_none() || self.total.is_none_or(|known| Some(known) == total);
        let is_running = self.running.iter().any(|running| running.number == number);
        is_of_run && (is_running || self.failing.is_none() && !self.is_done(number))
    }

    fn is_done(&self, number: u32) -> bool {
        self.done.get(number as usize).is_some_and(|is_done| *is_done)
    }

    /// Enters that a test has a result; returns whether it is the first.
    fn is_first(&mut self, number: u32) -> bool {
        let at = number.min(NUMBER_MAX) as usize;
        if at >= self.done.len() {
            self.done.resize(at + 1, false);
        }
        number > NUMBER_MAX || !std::mem::replace(&mut self.done[at], true)
    }

    /// Takes a test's result. If it had failed before, that was an attempt, or else only claimed by the output of another.
    fn result(&mut self, reported: Reported<'_>, line: &Line<'_>, to: &mut Recorder) -> bool {
        let Reported { total, number, rest } = reported;
        let known = self.running.iter().find(|running| running.number == number).map(|running| running.name.as_str());
        let Some((name, ending)) = line::result(rest, known) else { return false };
        self.close(line.offset, false);
        self.has_begun = true;
        self.total = self.total.or(total);
        let is_first = self.is_first(number);
        if is_first {
            self.n_done += 1;
            self.n_disabled += u64::from(ending.is_disabled);
        }
        let output = self.take_running(number).map(|running| running.output);
        if ending.outcome.is_red() {
            let output = if ending.word == "Not Run" { Some(self.take_said()) } else { output };
            let output = output.unwrap_or(HeadAndTail::new(self.bytes_max));
            let mut failing = Failing::new(number, name.to_owned(), &ending, output, line.offset);
            failing.is_repeated = total.is_none();
            self.failing = Some(failing);
            if self.is_verbose {
                self.close(line.offset + line.text.len() as u64, false);
            }
            return true;
        }
        match self.places.remove(&number).and_then(|at| self.held[at].take()) {
            Some((_, _, failure)) if total.is_none() && ending.outcome == Outcome::Passed => {
                to.pass_flaky(FlakyPass { id: TestId::new("", name), attempts: failing::attempts(failure) });
            }
            None if !is_first => {}
            _ => to.tally_timed("", name, ending.outcome, ending.duration),
        }
        true
    }

    /// Takes what was said since the latest start, without any start.
    fn take_said(&mut self) -> HeadAndTail {
        let said = std::mem::replace(&mut self.said, HeadAndTail::new(self.bytes_max)).into_text();
        let mut without = HeadAndTail::new(self.bytes_max);
        said.lines()
            .filter(|line| !matches!(shape(line), Shape::Start { .. }))
            .for_each(|line| without.push_line(line));
        without
    }

    /// Ends the output of the failed test, if one is being read; `is_last` if the run's summary stands in it as well.
    fn close(&mut self, end: u64, is_last: bool) {
        let Some(mut failing) = self.failing.take() else { return };
        if let Some(said) = failing.take_doubtful() {
            self.said = said;
        }
        let (number, outcome, is_repeated) = (failing.number, failing.outcome, failing.is_repeated);
        let mut failure = failing.into_failure(end, is_last);
        let place = *self.places.entry(number).or_insert_with(|| {
            self.held.push(None);
            self.held.len() - 1
        });
        if let Some((_, _, before)) = self.held[place].take_if(|_| is_repeated) {
            failure.attempts = failing::attempts(before);
        }
        self.outputs.shorten(&mut failure);
        self.held[place] = Some((number, outcome, failure));
    }

    /// Takes a line that `--verbose` shows of a test that runs.
    fn captured(&mut self, number: u32, text: &str) -> bool {
        self.is_verbose |= self.has_begun && self.failing.is_none() && text.starts_with("Test command: ");
        let running = self.running.iter_mut().find(|running| running.number == number);
        let Some(running) = running.filter(|_| self.is_verbose) else { return false };
        let is_about_it = ["Test command: ", "Working Directory: ", "Test timeout computed to be: "];
        if !is_about_it.iter().any(|words| text.starts_with(words)) {
            running.output.push_line(text);
        }
        true
    }

    fn summarise(&mut self, n_failed: u64, n_tests: u64, line: &Line<'_>) -> bool {
        if self.running.is_empty() && self.total.is_some_and(|total| self.n_done >= u64::from(total)) {
            self.close(line.offset, false);
        }
        self.content(line.text);
        self.summary = Some(Summary { n_failed, n_tests, failed: BTreeMap::new(), is_in_list: false });
        true
    }

    /// Takes a line of the lists after the summary.
    fn list(&mut self, found: &Shape<'_>, text: &str) -> bool {
        let Some(summary) = &mut self.summary else { return false };
        self.failing.iter_mut().for_each(|failing| failing.push(text));
        match *found {
            Shape::Listed { number, rest } if summary.is_in_list => {
                let (name, ending) = line::listed(rest).unwrap_or((rest, ""));
                summary.failed.insert(number, (name.to_owned(), ending.to_owned()));
            }
            Shape::Listed { .. } => {}
            _ => summary.is_in_list = *found == Shape::FailedList,
        }
        true
    }

    /// Ends the run: reports its failures, as its summary says.
    fn end(&mut self, end: u64, to: &mut Recorder) {
        self.close(end, self.summary.is_some());
        let held = std::mem::take(&mut self.held);
        let Some(summary) = self.summary.take() else {
            held.into_iter().flatten().for_each(|(_, outcome, failure)| to.fail(outcome, failure));
            if self.n_done > 0 || !self.running.is_empty() {
                let names: Vec<_> = self.running.iter().take(10).map(|running| running.name.as_str()).collect();
                let running =
                    if names.is_empty() { String::new() } else { format!(" while it ran {}", names.join(", ")) };
                to.complain(end, format!("there is no summary; the run was cut short{running}, or its output is"));
            }
            return;
        };
        let is_whole = summary.failed.len() as u64 == summary.n_failed;
        let mut listed = summary.failed;
        for (number, outcome, failure) in held.into_iter().flatten() {
            if listed.remove(&number).is_some() || !is_whole {
                to.fail(outcome, failure);
            } else {
                to.complain(
                    end,
                    format!("test {} is not among those that the summary says failed; it is left out", failure.id),
                );
            }
        }
        for (name, ending) in listed.into_values() {
            let mut failure = Failure::bare(TestId::new("", name));
            failure.message = format!("the run's summary says that it failed ({ending})");
            to.complain(
                end,
                format!("the result of failed test {} is missing; it is known from the summary", failure.id),
            );
            to.fail(if ending == "Failed" { Outcome::Failed } else { Outcome::Errored }, failure);
        }
        let n_ran = self.n_done - self.n_disabled;
        if n_ran != summary.n_tests {
            to.complain(end, format!("the summary counts {} tests, and {n_ran} are listed", summary.n_tests));
        }
    }
}

#[cfg(test)]
mod tests;
