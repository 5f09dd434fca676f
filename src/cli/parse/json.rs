//! Readings as JSON: one object a line for each input, fit for `jq`.

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::parse::{Parsed, Printer};
use crate::ingest::Complaint;
use crate::model::{Counts, Failure, FlakyPass, Outcome};

/// One object a line.
pub(super) struct Json;

/// What is printed of one input; the order of the fields is part of the contract.
#[derive(Serialize)]
struct Output<'r> {
    /// Names of the formats it was read as, joined with `+`; nothing when it holds no results.
    format: Option<String>,
    counts: Counts,
    failures: Vec<Red<'r>>,
    complaints: &'r [Complaint],
    /// Tests that passed only after failed attempts.
    flaky: &'r [FlakyPass],
    /// The file, or `standard input`.
    input: &'r str,
}

#[derive(Serialize)]
struct Red<'r> {
    outcome: Outcome,
    #[serde(flatten)]
    failure: &'r Failure,
}

impl Printer for Json {
    fn print(&mut self, name: &str, parsed: Parsed, to: &mut dyn Write) -> io::Result<()> {
        let output = match &parsed.reading {
            Ok(reading) => {
                let failures = reading.report.failures.iter().zip(&parsed.outcomes);
                Output {
                    format: Some(reading.formats.join("+")),
                    counts: reading.report.counts,
                    failures: failures.map(|(failure, &outcome)| Red { outcome, failure }).collect(),
                    complaints: &reading.complaints,
                    flaky: &reading.report.flaky,
                    input: name,
                }
            }
            Err(reason) => Output {
                format: None,
                counts: Counts::default(),
                failures: Vec::new(),
                complaints: &[Complaint { offset: 0, reason: reason.clone() }],
                flaky: &[],
                input: name,
            },
        };
        serde_json::to_writer(&mut *to, &output)?;
        to.write_all(b"\n")
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}
