//! `heal-tests parse`: reads reports of any known format and tells what they hold. It runs and heals nothing.

mod json;
mod junit;
mod text;

use std::cell::RefCell;
use std::io::{self, BufWriter, Write};
use std::rc::Rc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum;

use crate::cli::{EXIT_UNREADABLE, Failure, size, span};
use crate::ingest::files::{self, Input};
use crate::ingest::{self, Case, FORMATS, Hints, Reading};
use crate::model::Outcome;
use crate::text::words::count;

/// Read test reports and logs of any known format, and print counts and failures.
///
/// The format is recognised by content: JUnit and other XML, TAP, JSON reports, and the text logs of test runners, also
/// inside the job logs of CI systems, gzip or zstd. Nothing is run. The exit code is 0 when nothing failed, 1 when
/// something did, 4 when an input that was named holds no test results.
#[derive(Debug, clap::Args)]
pub(super) struct Parse {
    /// Files, folders, patterns such as 'target/**/*.xml' (quoted), or - for standard input [default: -]
    #[arg(value_name = "REPORT")]
    reports: Vec<String>,

    /// How to print what was read: for people, one JSON object a line for each input, or one JUnit XML document
    #[arg(long, value_enum, default_value_t = Shape::Text)]
    format: Shape,

    /// Read every input as this format instead of recognising it
    #[arg(long = "as", value_name = "FORMAT", value_parser = known_format)]
    read_as: Option<&'static str>,

    /// The project's folder: absolute paths below it are shown relative to it
    #[arg(long, value_name = "DIR")]
    root: Option<Utf8PathBuf>,

    /// Files read at once [default: the number of cores]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// Captured output kept of each failing case
    #[arg(long, value_name = "SIZE", default_value = "64K", value_parser = size)]
    output_max: u64,

    /// Captured output kept of all failing cases of an input together
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = size)]
    outputs_max: u64,

    /// Bytes read of an input, after decompression
    #[arg(long, value_name = "SIZE", default_value = "64G", value_parser = size)]
    input_max: u64,

    /// The longest line; the rest of a longer one is left out
    #[arg(long, value_name = "SIZE", default_value = "8M", value_parser = size)]
    line_max: u64,

    /// The longest silence of a pipe [default: 60s for a named pipe, none for standard input]
    #[arg(long, value_name = "TIME", value_parser = span)]
    wait_max: Option<Duration>,
}

/// How readings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    Text,
    Json,
    Junit,
}

/// How long a named pipe may be silent.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// What became of one input.
struct Parsed {
    reading: Result<Reading, String>,
    /// How the reading's failures ended, in their order.
    outcomes: Vec<Outcome>,
    /// Every case as JUnit, if that is wanted.
    cases: Option<junit::Cases>,
}

/// Prints readings one after another.
trait Printer {
    fn print(&mut self, name: &str, parsed: Parsed, to: &mut dyn Write) -> io::Result<()>;

    fn end(&mut self, to: &mut dyn Write) -> io::Result<()>;
}

/// Reads the reports and prints what they hold.
pub(super) fn run(parse: &Parse) -> Result<u8, Failure> {
    let patterns = if parse.reports.is_empty() { &["-".to_owned()][..] } else { &parse.reports };
    let inputs = files::find(".".into(), patterns).map_err(|error| unreadable(error.to_string(), error.hint()))?;
    let jobs = parse.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let mut to = BufWriter::new(anstream::stdout().lock());
    let mut printer: Box<dyn Printer> = match parse.format {
        Shape::Text => Box::new(text::Text::default()),
        Shape::Json => Box::new(json::Json),
        Shape::Junit => Box::new(junit::Junit::default()),
    };
    let (mut n_red, mut n_unread, mut n_passed_over, mut written) = (0, 0_u64, 0, Ok(()));
    let hints = parse.hints()?;
    files::each(
        &inputs,
        jobs,
        |input| parse.read(input, &hints),
        |input, parsed| {
            match &parsed.reading {
                Ok(reading) => n_red += reading.report.counts.red(),
                Err(_) if input.is_found => {
                    n_passed_over += 1;
                    return true;
                }
                Err(_) => n_unread += 1,
            }
            written = printer.print(input.name(), parsed, &mut to).and_then(|()| to.flush());
            written.is_ok()
        },
    );
    match written.and_then(|()| printer.end(&mut to)).and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Failure::internal(format!("failed to write the output: {error}"), ""));
        }
        _ => {}
    }
    if n_passed_over == inputs.len() {
        return Err(unreadable(
            "no file that was found holds test results".to_owned(),
            "name the report itself to see why",
        ));
    }
    if n_passed_over > 0 {
        let n_files = count(n_passed_over, "file");
        let _ = writeln!(anstream::stderr(), "note: passed over {n_files}, which hold no test results");
    }
    Ok(if n_unread > 0 { EXIT_UNREADABLE } else { u8::from(n_red > 0) })
}

impl Parse {
    fn hints(&self) -> Result<Hints, Failure> {
        let root = self.root.as_deref().map(Utf8Path::canonicalize_utf8).transpose();
        let root = root.map_err(|error| Failure::usage(format!("failed to find --root: {error}"), "name a folder"))?;
        let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        Ok(Hints {
            suite: None,
            root,
            output_bytes_max: bytes(self.output_max),
            outputs_bytes_max: bytes(self.outputs_max),
            input_bytes_max: self.input_max,
            line_bytes_max: bytes(self.line_max),
            keeps_ids: false,
        })
    }

    fn read(&self, input: &Input, hints: &Hints) -> Parsed {
        let wait_max = self.wait_max.or(Some(WAIT_MAX).filter(|_| !input.is_standard_input()));
        let bytes = match input.open(wait_max) {
            Ok(bytes) => bytes,
            Err(error) => return Parsed { reading: Err(error.to_string()), outcomes: Vec::new(), cases: None },
        };
        let heard = Rc::new(RefCell::new(Heard::new(self.format == Shape::Junit)));
        let listener = {
            let heard = Rc::clone(&heard);
            Box::new(move |case: &Case<'_>| heard.borrow_mut().hear(case))
        };
        let reading = match self.read_as {
            None => ingest::read_from(bytes, hints, Some(listener)),
            Some(format) => ingest::read_from_as(format, bytes, hints, Some(listener)),
        };
        let Heard { outcomes, cases } = heard.take();
        Parsed { reading: reading.map_err(|error| error.to_string()), outcomes, cases }
    }
}

/// What is heard of the cases of an input while it is read.
#[derive(Default)]
struct Heard {
    outcomes: Vec<Outcome>,
    cases: Option<junit::Cases>,
}

impl Heard {
    fn new(wants_cases: bool) -> Self {
        Self { outcomes: Vec::new(), cases: wants_cases.then(junit::Cases::default) }
    }

    fn hear(&mut self, case: &Case<'_>) {
        self.outcomes.extend(case.failure.map(|_| case.outcome));
        if let Some(cases) = &mut self.cases {
            cases.add(case);
        }
    }
}

fn known_format(name: &str) -> Result<&'static str, String> {
    let names: Vec<_> = FORMATS.iter().map(|format| format.name()).collect();
    let found = names.iter().find(|known| **known == name).copied();
    found.ok_or_else(|| format!("no such format; known are {}", names.join(", ")))
}

fn unreadable(sentence: String, hint: &str) -> Failure {
    Failure { sentence, hint: hint.to_owned(), code: EXIT_UNREADABLE }
}
