//! An input of unknown format: which it is, and where one log holds the lines of several.
//!
//! Documents, such as XML, are read by one format from beginning to end. Formats of lines share a log: each line goes to
//! the format that owns it, and what no one owns is looked at for the beginning of another.

use crate::ingest::recorder::Recorder;
use crate::ingest::source::{Line, Source};
use crate::ingest::{FORMATS, Format, Hints, Likeness, Lines, Owner, Reader};

/// Bytes of the input that are looked at to find its format.
pub(super) const HEAD_BYTES: usize = 1 << 20;

/// Bytes of lines that no format owns, after which they are looked at.
const UNOWNED_BYTES: usize = 64 << 10;

/// Formats read from one log; more than a job runs tools.
const READERS_MAX: usize = 6;

/// Formats that were tried, each with why an input is not in it.
pub(super) type Tried = Vec<(String, String)>;

/// Reads an input in whichever formats it is in; returns their names.
pub(super) fn read(source: &mut Source<'_>, hints: &Hints, to: &mut Recorder) -> Result<Vec<&'static str>, Tried> {
    let format = find(source)?;
    match format.reader(hints) {
        Reader::Document(document) => {
            document.read(source, to);
            Ok(vec![format.name()])
        }
        Reader::Lines(lines) => Ok(Log::new(hints, format, lines).read(source, to)),
    }
}

/// Reads an input in one format.
pub(super) fn read_as(format: &dyn Format, source: &mut Source<'_>, hints: &Hints, to: &mut Recorder) {
    match format.reader(hints) {
        Reader::Document(document) => document.read(source, to),
        Reader::Lines(mut lines) => {
            while let Some(line) = source.line() {
                lines.line(&line, to);
            }
            lines.end(to);
        }
    }
}

/// Finds the likeliest format of what comes next, past whatever is in none.
fn find(source: &mut Source<'_>) -> Result<&'static dyn Format, Tried> {
    let mut reasons = None;
    loop {
        let head = source.ahead(HEAD_BYTES);
        let (found, tried) = likeliest(head, Likeness::Possible, |_| false);
        if let Some(format) = found {
            return Ok(format);
        }
        let tried = reasons.get_or_insert(tried);
        if source.is_whole() {
            return Err(std::mem::take(tried));
        }
        // Half of it stays, for what begins at its end.
        let n = source.window().floor_char_boundary(HEAD_BYTES / 2);
        source.consume(n);
    }
}

/// Returns the likeliest format of `text` that is at least `least` likely, and why the others are not.
fn likeliest(
    text: &str,
    least: Likeness,
    is_left_out: impl Fn(&dyn Format) -> bool,
) -> (Option<&'static dyn Format>, Tried) {
    let mut tried = Vec::new();
    let mut best: Option<(Likeness, &dyn Format)> = None;
    for &format in FORMATS.iter().filter(|format| !is_left_out(**format)) {
        match format.sniff(text) {
            Ok(likeness) if best.is_none_or(|(known, _)| known < likeness) => best = Some((likeness, format)),
            Ok(_) => {}
            Err(reason) => tried.push((format.name().to_owned(), reason.to_owned())),
        }
        if best.is_some_and(|(likeness, _)| likeness == Likeness::Certain) {
            break;
        }
    }
    (best.filter(|(likeness, _)| *likeness >= least).map(|(_, format)| format), tried)
}

/// A log, and the formats that were found in it.
struct Log<'h> {
    hints: &'h Hints,
    readers: Vec<(&'static str, Box<dyn Lines>)>,
    /// The latest lines that no format owns, and where they begin.
    unowned: String,
    offsets: Vec<(usize, u64)>,
}

impl<'h> Log<'h> {
    fn new(hints: &'h Hints, format: &dyn Format, lines: Box<dyn Lines>) -> Self {
        Self { hints, readers: vec![(format.name(), lines)], unowned: String::new(), offsets: Vec::new() }
    }

    fn read(mut self, source: &mut Source<'_>, to: &mut Recorder) -> Vec<&'static str> {
        while let Some(line) = source.line() {
            let mut owners = self.readers.iter_mut().map(|(_, lines)| lines.line(&line, to));
            match owners.find(|owner| *owner != Owner::Other) {
                None => self.keep(&line, to),
                Some(Owner::ThisAndBefore) => self.forget(),
                Some(_) => {}
            }
        }
        self.look(to);
        for (_, lines) in &mut self.readers {
            lines.end(to);
        }
        self.readers.into_iter().map(|(name, _)| name).collect()
    }

    fn keep(&mut self, line: &Line<'_>, to: &mut Recorder) {
        if self.readers.len() >= READERS_MAX {
            return;
        }
        self.push(line);
        if self.unowned.len() > UNOWNED_BYTES {
            self.look(to);
        }
    }

    /// Looks at the lines that no format owns: a format they are certainly in reads on from their beginning, and what it
    /// does not own is looked at for the next.
    fn look(&mut self, to: &mut Recorder) {
        while self.readers.len() < READERS_MAX {
            let is_known = |format: &dyn Format| self.readers.iter().any(|(name, _)| *name == format.name());
            let (found, _) = likeliest(&self.unowned, Likeness::Certain, is_known);
            let Some(format) = found else { break };
            let Reader::Lines(mut lines) = format.reader(self.hints) else { break };
            let (text, offsets) = (std::mem::take(&mut self.unowned), std::mem::take(&mut self.offsets));
            for (text, (_, offset)) in text.lines().zip(offsets) {
                let line = Line { text, offset };
                if lines.line(&line, to) == Owner::Other {
                    self.push(&line);
                }
            }
            self.readers.push((format.name(), lines));
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.unowned.clear();
        self.offsets.clear();
    }

    fn push(&mut self, line: &Line<'_>) {
        self.offsets.push((self.unowned.len(), line.offset));
        self.unowned.push_str(line.text);
        self.unowned.push('\n');
    }
}
