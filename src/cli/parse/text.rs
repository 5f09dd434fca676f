//! Readings for people: a line of counts for each input, what failed and where, and what could not be read.

use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::cli::parse::{Parsed, Printer};
use crate::ingest::Reading;
use crate::model::{Counts, Failure, Outcome};
use crate::text::{harmless, words};

/// Lines of a failure's message that are shown.
const MESSAGE_LINES_MAX: usize = 8;

/// Characters of a line that are shown.
const CHARS_MAX: usize = 240;

const BAD: Style = AnsiColor::Red.on_default().bold();
const CAUTION: Style = AnsiColor::Yellow.on_default();

/// A paragraph for each input, and a sum.
#[derive(Default)]
pub(super) struct Text {
    n_inputs: usize,
    sum: Counts,
}

impl Printer for Text {
    fn print(&mut self, name: &str, parsed: Parsed, to: &mut dyn Write) -> io::Result<()> {
        self.n_inputs += 1;
        let name = harmless::line(name);
        let told = match &parsed.reading {
            Ok(reading) => {
                self.sum.merge(reading.report.counts);
                told(&name, reading, &parsed.outcomes)
            }
            Err(reason) => format!("{BAD}{name}{BAD:#}: {}\n", harmless::visible(reason)),
        };
        to.write_all(harmless::mute(&told).as_bytes())
    }

    fn end(&mut self, to: &mut dyn Write) -> io::Result<()> {
        match self.n_inputs {
            1 => Ok(()),
            n => writeln!(to, "{}: {}", words::count(n, "report"), words::counts(&self.sum)),
        }
    }
}

fn told(name: &str, reading: &Reading, outcomes: &[Outcome]) -> String {
    let report = &reading.report;
    let mut told = format!("{name}: {}, {}\n", reading.formats.join(" + "), words::counts(&report.counts));
    for (failure, outcome) in report.failures.iter().zip(outcomes) {
        let word = if *outcome == Outcome::Errored { "error" } else { "failed" };
        let _ = writeln!(told, "  {BAD}{word}{BAD:#} {}", harmless::short(&failure.id.to_string(), CHARS_MAX));
        told += &particulars(failure);
    }
    for flaky in &report.flaky {
        let id = harmless::short(&flaky.id.to_string(), CHARS_MAX);
        let n = words::count(flaky.attempts.len(), "failed attempt");
        let _ = writeln!(told, "  {CAUTION}flaky{CAUTION:#} {id} (passed after {n})");
    }
    for complaint in &reading.complaints {
        let _ = writeln!(told, "  {CAUTION}note{CAUTION:#} {}", harmless::short(&complaint.to_string(), CHARS_MAX));
    }
    told
}

fn particulars(failure: &Failure) -> String {
    let mut told = String::new();
    if let Some(location) = &failure.location {
        let _ = writeln!(told, "    at {}", harmless::line(&location.to_string()));
    }
    for line in harmless::first_lines(&failure.message, MESSAGE_LINES_MAX, CHARS_MAX) {
        let _ = writeln!(told, "    {line}");
    }
    if failure.message.trim().is_empty() && !failure.kind.is_empty() {
        let _ = writeln!(told, "    {}", harmless::short(&failure.kind, CHARS_MAX));
    }
    told
}
