//! Events → terminal, JSON Lines, patch artifacts. One file or folder per reporter.
//!
//! A reporter listens; it never decides anything. What it cannot write it says at the end ([`Reporter::complaint`]); a
//! pipe that closed early is no complaint. Text of others is made harmless before it is shown, and cleaned of secrets
//! before it is written where others may read it; a patch alone is handed over byte for byte.
//!
//! To add one: a file with a `make` function, and its `make` in `FAMILY`.

mod artifact;
mod json_lines;
mod phrases;
mod terminal;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::SystemTime;

use camino::Utf8PathBuf;
use thiserror::Error;

use crate::model::Event;

/// Hears what happens.
pub trait Reporter: Send {
    /// Takes note of one event.
    fn hear(&mut self, event: &Event);

    /// Tells what could not be written, for people, once there is nothing more to hear.
    fn complaint(&self) -> Option<String> {
        None
    }
}

/// Why reporting could not begin.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The output folder would be a folder that holds other things.
    #[error("failed to use {0} for output: name a folder of its own, such as heal-out")]
    NoFolderOfItsOwn(Utf8PathBuf),
    /// The output folder cannot be made, or what is in it cannot be moved away.
    #[error("failed to prepare the output folder: {0}")]
    Folder(#[from] io::Error),
}

/// Removes secrets from text.
pub type Clean = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// What goes to standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Data {
    /// The diff of each proven patch.
    #[default]
    Diffs,
    /// Every event as a line of JSON.
    Events,
    /// Nothing.
    Nothing,
}

/// What is wanted.
#[derive(Clone)]
pub struct Wanted {
    /// Whether to talk on standard error.
    pub talk: bool,
    /// What goes to standard output.
    pub data: Data,
    /// Where artifacts are written, or nowhere.
    pub out_dir: Option<Utf8PathBuf>,
    /// Removes secrets from what others may read.
    pub clean: Clean,
    /// When the session began.
    pub now: SystemTime,
}

/// How a diff looks on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Byte for byte, for a program to read.
    Exact,
    /// With hidden characters shown, for a person to read.
    Plain,
    /// The same in colour.
    Coloured,
}

/// Where reporters write.
pub struct Streams {
    /// Talk for people; colour is removed by the stream where it is not wanted.
    pub talk: Box<dyn Write + Send>,
    /// Data.
    pub data: Box<dyn Write + Send>,
    /// Whether `talk` is a terminal, on which a status line may be shown.
    pub interactive: bool,
    /// How a diff looks on `data`.
    pub look: Look,
}

impl Streams {
    /// Returns this process's own standard error and standard output. `NO_COLOR`, `CLICOLOR_FORCE` and what the
    /// streams are is respected.
    pub fn standard() -> Self {
        let stdout = io::stdout();
        let look = match (stdout.is_terminal(), anstream::AutoStream::choice(&stdout)) {
            (_, anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi) => Look::Coloured,
            (true, _) => Look::Plain,
            (false, _) => Look::Exact,
        };
        let interactive = io::stderr().is_terminal();
        Self { talk: Box::new(anstream::stderr()), data: Box::new(stdout), interactive, look }
    }

    /// Takes the data stream; later takers get one that goes nowhere.
    fn take_data(&mut self) -> Box<dyn Write + Send> {
        std::mem::replace(&mut self.data, Box::new(io::sink()))
    }

    fn take_talk(&mut self) -> Box<dyn Write + Send> {
        std::mem::replace(&mut self.talk, Box::new(io::sink()))
    }
}

/// Makes a reporter when it is wanted, out of the streams it needs.
type Make = fn(&Wanted, &mut Streams) -> Result<Option<Box<dyn Reporter>>, ReportError>;

/// All reporters, in the order in which they hear: what is written to disk is there before it is talked about.
static FAMILY: &[Make] = &[artifact::make, json_lines::make, terminal::make];

/// All wanted reporters as one.
pub struct Reporters {
    members: Vec<Box<dyn Reporter>>,
}

impl Reporters {
    /// Makes the wanted reporters.
    pub fn new(wanted: &Wanted, mut streams: Streams) -> Result<Self, ReportError> {
        let mut members = Vec::new();
        for make in FAMILY {
            members.extend(make(wanted, &mut streams)?);
        }
        Ok(Self { members })
    }
}

impl Reporter for Reporters {
    fn hear(&mut self, event: &Event) {
        for member in &mut self.members {
            member.hear(event);
        }
    }

    fn complaint(&self) -> Option<String> {
        let complaints: Vec<_> = self.members.iter().filter_map(|member| member.complaint()).collect();
        (!complaints.is_empty()).then(|| complaints.join("; "))
    }
}

/// A stream that falls silent at its first error. A closed pipe is no error: the reader has read enough.
struct Tap {
    stream: Box<dyn Write + Send>,
    open: bool,
    complaint: Option<String>,
}

impl Tap {
    fn new(stream: Box<dyn Write + Send>) -> Self {
        Self { stream, open: true, complaint: None }
    }

    /// Writes a whole text and flushes it.
    fn put(&mut self, text: &[u8]) {
        if !self.open || text.is_empty() {
            return;
        }
        if let Err(error) = self.stream.write_all(text).and_then(|()| self.stream.flush()) {
            self.open = false;
            let is_complaint = error.kind() != io::ErrorKind::BrokenPipe;
            self.complaint = is_complaint.then(|| format!("failed to write output: {error}"));
        }
    }
}

#[cfg(test)]
mod tests;
