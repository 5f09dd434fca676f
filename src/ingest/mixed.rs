//! An input of unknown format: which it is, and where one log holds the lines of several.
//!
//! Documents, such as XML, are read by one format from beginning to end. Formats of lines share a log: each line goes to
//! the format that owns it, the one that owned the line before it first; what no one owns is looked at for the beginning
//! of another. So what a test prints stays its output, whatever it looks like.

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
    /// The reader that owned the latest line that has an owner.
    latest: usize,
    unowned: Unowned,
}

/// The latest lines that no format owns.
#[derive(Default)]
struct Unowned {
    text: String,
    /// Where each begins, in the text and in the input.
    offsets: Vec<(usize, u64)>,
    /// Bytes of it that were looked at before.
    n_known: usize,
}

impl<'h> Log<'h> {
    fn new(hints: &'h Hints, format: &dyn Format, lines: Box<dyn Lines>) -> Self {
        Self { hints, readers: vec![(format.name(), lines)], latest: 0, unowned: Unowned::default() }
    }

    fn read(mut self, source: &mut Source<'_>, to: &mut Recorder) -> Vec<&'static str> {
        while let Some(line) = source.line() {
            if !self.is_owned(&line, to) {
                self.keep(&line, to);
            }
        }
        self.look(to);
        for (_, lines) in &mut self.readers {
            lines.end(to);
        }
        self.readers.into_iter().map(|(name, _)| name).collect()
    }

    /// Gives a line to the readers until one owns it.
    fn is_owned(&mut self, line: &Line<'_>, to: &mut Recorder) -> bool {
        let latest = self.latest;
        let order = [latest].into_iter().chain((0..self.readers.len()).filter(|&n| n != latest));
        for n in order {
            let owner = self.readers[n].1.line(line, to);
            if owner == Owner::ThisAndBefore {
                self.unowned = Unowned::default();
            }
            if owner != Owner::Other {
                self.latest = n;
                return true;
            }
        }
        false
    }

    fn keep(&mut self, line: &Line<'_>, to: &mut Recorder) {
        if self.readers.len() >= READERS_MAX {
            return;
        }
        self.unowned.push(line);
        if self.unowned.text.len() - self.unowned.n_known > UNOWNED_BYTES {
            self.look(to);
        }
    }

    /// Looks at the lines that no format owns: a format they are certainly in reads on from their beginning, and what it
    /// does not own is looked at for the next.
    fn look(&mut self, to: &mut Recorder) {
        while self.readers.len() < READERS_MAX {
            let is_left_out = |format: &dyn Format| {
                let is_known = self.readers.iter().any(|(name, _)| *name == format.name());
                is_known || matches!(format.reader(self.hints), Reader::Document(_))
            };
            let (found, _) = likeliest(&self.unowned.text, Likeness::Certain, is_left_out);
            let Some(format) = found else { return self.unowned.forget() };
            let Reader::Lines(mut lines) = format.reader(self.hints) else { return self.unowned.forget() };
            let unowned = std::mem::take(&mut self.unowned);
            for line in unowned.lines() {
                if lines.line(&line, to) == Owner::Other {
                    self.unowned.push(&line);
                }
            }
            self.latest = self.readers.len();
            self.readers.push((format.name(), lines));
        }
        self.unowned = Unowned::default();
    }
}

impl Unowned {
    fn push(&mut self, line: &Line<'_>) {
        self.offsets.push((self.text.len(), line.offset));
        self.text.push_str(line.text);
        self.text.push('\n');
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let ends = self.offsets.iter().skip(1).map(|(start, _)| *start).chain([self.text.len()]);
        let line = |(&(start, offset), end): (&(usize, u64), usize)| Line { text: &self.text[start..end - 1], offset };
        self.offsets.iter().zip(ends).map(line)
    }

    /// Forgets all but the latest lines, with which something may begin.
    fn forget(&mut self) {
        let n_kept =
            self.offsets.iter().rev().take_while(|(start, _)| self.text.len() - start <= UNOWNED_BYTES / 2).count();
        let first = self.offsets.len() - n_kept;
        let cut = self.offsets.get(first).map_or(self.text.len(), |(start, _)| *start);
        self.text.drain(..cut);
        self.offsets.drain(..first);
        for (start, _) in &mut self.offsets {
            *start -= cut;
        }
        self.n_known = self.text.len();
    }
}

#[cfg(test)]
mod tests;
