//! What pytest prints, in all its verbosities, `--tb` styles and with the common plugins: a session from
//! `=== test session starts ===`, which `-q` leaves out, to the line of counts that closes it.
//!
//! Ids are spelt like those of pytest's JUnit report; node ids are printed relative to the working folder, though, so
//! they differ when pytest is started below its root. A test may print anything, a session of its own included, so nothing
//! is believed for its looks: a line of counts closes a session only if it covers the progress that was seen, and what
//! failed is what the summary names, the headers of the failures and the closing counts agree on (see `settle`).

mod block;
mod failure;
mod line;
mod progress;
mod session;
mod settle;

use crate::ingest::recorder::Recorder;
use crate::ingest::sniff::lines_with;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader};

use session::{Session, Step};

/// The text of pytest.
pub(super) struct Pytest;

/// The line that begins a session.
const STARTS: &str = "test session starts";

/// What pytest says when it ends before a session.
const CONFTEST: &str = "ImportError while loading conftest '";

/// What it says of its own command line, before a session or after an empty one.
const OF_USAGE: &[&str] = &["ERROR: usage: pytest ", "ERROR: file or directory not found: ", "ERROR: not found: "];

impl Format for Pytest {
    fn name(&self) -> &'static str {
        "pytest"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let has_title = |title| lines_with(text, title).any(|line| line::rule(line, '=') == Some(title));
        if has_title(STARTS) || has_title("short test summary info") {
            return Ok(Likeness::Certain);
        }
        let mut is_closed = false;
        for line in lines_with(text, " in ").filter(|line| line::closing(line).is_some()) {
            if line.starts_with('=') {
                return Ok(Likeness::Certain);
            }
            is_closed = true;
        }
        let begins = |words| lines_with(text, words).any(|line| line.starts_with(words));
        if is_closed || begins(CONFTEST) || begins("INTERNALERROR> ") || begins(OF_USAGE[0]) {
            return Ok(Likeness::Likely);
        }
        let is_progress =
            |line| line::letters(line).is_some_and(|letters| letters.is_marked) || line::status(line).is_some();
        let is_possible = lines_with(text, "%]").any(is_progress);
        is_possible.then_some(Likeness::Possible).ok_or("there is no line like `=== 1 failed, 2 passed in 0.03s ===`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Log { hints: hints.clone(), session: None, is_just_closed: false }))
    }
}

/// Reads the sessions of a log.
struct Log {
    hints: Hints,
    session: Option<Session>,
    /// Whether a session was closed by the line before, or blank ones are between.
    is_just_closed: bool,
}

impl Lines for Log {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        if let Some(session) = &mut self.session {
            match session.line(line, to) {
                Step::Goes => return Owner::This,
                Step::Closes(tally) => {
                    self.settle(Some(tally), to);
                    return Owner::This;
                }
                Step::Ended => self.settle(None, to),
            }
        }
        let Some(mut session) = Session::begin(line, &self.hints) else { return self.outside(line, to) };
        let step = session.line(line, to);
        self.session = Some(session);
        if let Step::Closes(tally) = step {
            self.settle(Some(tally), to);
        }
        Owner::This
    }

    fn end(&mut self, to: &mut Recorder) {
        self.settle(None, to);
    }
}

impl Log {
    fn settle(&mut self, closing: Option<line::Tally>, to: &mut Recorder) {
        if let Some(session) = self.session.take() {
            session.settle(closing, &self.hints, to);
        }
        self.is_just_closed = closing.is_some();
    }

    /// Takes a line outside of all sessions: what pytest says of its own command line is a complaint.
    fn outside(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        let said = OF_USAGE.iter().find(|words| line.text.starts_with(**words));
        let is_own = said.is_some_and(|words| self.is_just_closed || *words == OF_USAGE[0]);
        self.is_just_closed &= line.text.is_empty() || is_own;
        if !is_own {
            return Owner::Other;
        }
        to.complain(line.offset, format!("pytest says: {}", line.text));
        Owner::This
    }
}

#[cfg(test)]
mod tests;
