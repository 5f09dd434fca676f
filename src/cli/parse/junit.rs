//! Readings as JUnit XML: one document with every case that has a name, in the shape most consumers read (the Jenkins
//! xunit schema without its counting attributes, which would have to be known before the cases).

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, Write};

use crate::cli::parse::{Parsed, Printer};
use crate::ingest::Case;
use crate::model::{Failure, Outcome};
use crate::text::harmless;

/// One document.
#[derive(Default)]
pub(super) struct Junit {
    has_begun: bool,
}

/// The cases of one input, as elements in a file without a name: there may be more than fit into memory.
#[derive(Default)]
pub(super) struct Cases {
    spool: Option<BufWriter<File>>,
    /// The suite whose element is open.
    suite: Option<String>,
    damage: Option<io::Error>,
}

impl Cases {
    /// Adds a case.
    pub(super) fn add(&mut self, case: &Case<'_>) {
        if self.damage.is_none() {
            self.damage = self.write(case).err();
        }
    }

    fn write(&mut self, case: &Case<'_>) -> io::Result<()> {
        if self.spool.is_none() {
            self.spool = Some(BufWriter::new(tempfile::tempfile()?));
        }
        let Some(spool) = &mut self.spool else { return Ok(()) };
        if self.suite.as_deref() != Some(case.suite) {
            if self.suite.is_some() {
                spool.write_all(b"  </testsuite>\n")?;
            }
            writeln!(spool, "  <testsuite name=\"{}\">", attribute(case.suite))?;
            self.suite = Some(case.suite.to_owned());
        }
        spool.write_all(element(case).as_bytes())
    }

    /// Copies the elements to where they are wanted.
    fn copy(mut self, to: &mut dyn Write) -> io::Result<()> {
        if let Some(damage) = self.damage {
            return Err(damage);
        }
        let Some(spool) = self.spool.take() else { return Ok(()) };
        let mut file = spool.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        io::copy(&mut BufReader::new(file), to)?;
        to.write_all(b"  </testsuite>\n")
    }
}

impl Printer for Junit {
    fn print(&mut self, name: &str, parsed: Parsed, to: &mut dyn Write) -> io::Result<()> {
        self.begin(to)?;
        let complaints = match &parsed.reading {
            Ok(reading) => reading.complaints.iter().map(ToString::to_string).collect(),
            Err(reason) => vec![reason.clone()],
        };
        for complaint in complaints {
            let sentence = format!("{name}: {complaint}").replace("--", "- -");
            writeln!(to, "  <!-- {} -->", characters(&sentence))?;
        }
        parsed.cases.map_or(Ok(()), |cases| cases.copy(to))
    }

    fn end(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.begin(to)?;
        to.write_all(b"</testsuites>\n")
    }
}

impl Junit {
    fn begin(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if !std::mem::replace(&mut self.has_begun, true) {
            to.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n")?;
        }
        Ok(())
    }
}

fn element(case: &Case<'_>) -> String {
    let mut element =
        format!("    <testcase classname=\"{}\" name=\"{}\"", attribute(case.suite), attribute(case.name));
    if let Some(duration) = case.duration {
        let _ = write!(element, " time=\"{:.6}\"", duration.as_secs_f64());
    }
    if let Some(place) = case.failure.and_then(|failure| failure.location.as_ref()) {
        let _ = write!(element, " file=\"{}\" line=\"{}\"", attribute(place.file.as_str()), place.line);
    }
    match (case.failure, case.outcome) {
        (Some(failure), outcome) => {
            let _ = write!(element, ">\n{}    </testcase>\n", failed(failure, outcome));
        }
        (None, Outcome::Skipped) => element += "><skipped/></testcase>\n",
        (None, _) => element += "/>\n",
    }
    element
}

fn failed(failure: &Failure, outcome: Outcome) -> String {
    let tag = if outcome == Outcome::Errored { "error" } else { "failure" };
    let (message, kind) = (attribute(&failure.message), attribute(&failure.kind));
    let mut told = format!("      <{tag} message=\"{message}\" type=\"{kind}\"");
    if failure.output.is_empty() {
        return told + "/>\n";
    }
    let _ = writeln!(told, ">{}</{tag}>", characters(&failure.output));
    told
}

/// Escapes text for an attribute; line ends and tabs stay what they are.
fn attribute(text: &str) -> String {
    let text = characters(text).replace('"', "&quot;");
    text.replace('\n', "&#10;").replace('\r', "&#13;").replace('\t', "&#9;")
}

/// Escapes text between tags. Characters that XML 1.0 does not know are shown as escapes.
fn characters(text: &str) -> String {
    harmless::visible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
