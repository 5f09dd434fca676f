//! The terminal as a door: reporters hear every event, a person answers reviews.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::SystemTime;

use camino::Utf8PathBuf;

use crate::cli::Failure;
use crate::config::{Mode, Options};
use crate::heal::Door;
use crate::model::{Event, Review, SessionOutcome};
use crate::report::{Data, Reporter, Reporters, Streams, Wanted};
use crate::text::redact::Redactor;

/// Reporters for events, and the terminal for questions.
pub(super) struct TerminalDoor {
    reporters: Reporters,
    /// Where proven patches are written.
    out: Utf8PathBuf,
    is_propose: bool,
    asks: bool,
}

impl TerminalDoor {
    /// Opens the reporters the options ask for.
    pub(super) fn open(options: &Options) -> Result<Self, Failure> {
        let out = options.out.clone().unwrap_or_else(|| options.state.join("last-run"));
        let redactor = Redactor::new(&options.secrets);
        let wanted = Wanted {
            talk: !options.json,
            data: if options.json { Data::Events } else { Data::Diffs },
            out_dir: Some(out.clone()),
            clean: Arc::new(move |text: &str| redactor.redact(text).as_str().to_owned()),
            now: SystemTime::now(),
        };
        let reporters = Reporters::new(&wanted, Streams::standard())
            .map_err(|error| Failure::usage(error.to_string(), "name another folder with --out"))?;
        let asks = options.mode == Mode::Review && std::io::stderr().is_terminal() && terminal().is_some();
        Ok(Self { reporters, out, is_propose: options.mode == Mode::Propose, asks })
    }

    /// Says where things are, and what could not be written, after the session.
    pub(super) fn farewell(&mut self, outcome: SessionOutcome) {
        let mut stderr = anstream::stderr().lock();
        let patch = self.out.join("heal.patch");
        if (self.is_propose || outcome == SessionOutcome::AwaitingReview) && patch.is_file() {
            let _ = writeln!(stderr, "proven patch: {patch}\napply it with: git apply {patch}");
        }
        if let Some(complaint) = self.reporters.complaint() {
            let _ = writeln!(stderr, "warning: {complaint}");
        }
    }
}

impl Door for TerminalDoor {
    fn hear(&mut self, event: &Event) {
        self.reporters.hear(event);
    }

    fn review(&mut self) -> Review {
        if !self.asks {
            return Review::Skip;
        }
        let Some(mut terminal) = terminal() else { return Review::Skip };
        loop {
            let mut stderr = anstream::stderr().lock();
            let _ = write!(stderr, "Apply this patch? [a]ccept, [r]eject, [s]kip, [q]uit: ");
            let _ = stderr.flush();
            drop(stderr);
            let mut answer = String::new();
            match terminal.read_line(&mut answer) {
                Ok(0) | Err(_) => return Review::Quit,
                Ok(_) => {}
            }
            match answer.trim().to_ascii_lowercase().as_str() {
                "a" | "accept" | "y" | "yes" => return Review::Accept,
                "r" | "reject" => return Review::Reject,
                "s" | "skip" | "n" | "no" => return Review::Skip,
                "q" | "quit" => return Review::Quit,
                _ => {}
            }
        }
    }
}

/// Opens the terminal itself, because standard input may hold a report.
fn terminal() -> Option<std::io::BufReader<fs_err::File>> {
    fs_err::File::open("/dev/tty").ok().map(std::io::BufReader::new)
}
