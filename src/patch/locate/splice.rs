//! Edits as replacements of line ranges: joined without contradiction, and put on a text whose conventions they keep.

use std::ops::Range;

use crate::patch::lines;
use crate::patch::locate::source::Source;

/// A line that comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewLine {
    /// Its text, without an end unless `verbatim`.
    pub text: String,
    /// Whether the text carries its end (or has none) on purpose; otherwise it gets the end its neighbours have.
    pub verbatim: bool,
}

/// Lines of the file, from 0, and what takes their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Splice {
    /// The lines that go; may be empty.
    pub old: Range<usize>,
    /// The lines that come.
    pub new: Vec<NewLine>,
    /// Whether the edit, if it reaches the end of a file that is as it says, gives or takes the final line end.
    pub final_end: Option<bool>,
}

/// Joins splices in order of place; equal ones count once. `Err`: the first line two of them dispute.
pub(crate) fn merged(mut splices: Vec<Splice>) -> Result<Vec<Splice>, usize> {
    splices.sort_by_key(|splice| (splice.old.start, splice.old.end));
    splices.dedup();
    for pair in splices.windows(2) {
        let (a, b) = (&pair[0].old, &pair[1].old);
        // Two that begin at one place dispute it even when one only inserts: nothing tells which comes first.
        if a.end > b.start || a.start == b.start {
            return Err(b.start);
        }
    }
    Ok(splices)
}

/// Puts merged splices on a text. Line ends, byte-order mark and a missing final line end stay as the file has them,
/// except where a line is verbatim.
pub(crate) fn applied(source: &Source<'_>, splices: &[Splice]) -> String {
    let mut built: Vec<(String, bool)> = Vec::new();
    let mut at = 0;
    for splice in splices {
        built.extend(source.lines[at..splice.old.start].iter().map(|line| ((*line).to_owned(), false)));
        let end = end_at(source, &splice.old);
        for line in &splice.new {
            let text = if line.verbatim { line.text.clone() } else { format!("{}{end}", line.text) };
            built.push((text, line.verbatim));
        }
        at = splice.old.end;
    }
    built.extend(source.lines[at..].iter().map(|line| ((*line).to_owned(), false)));
    let last = splices.last().filter(|splice| splice.old.end == source.len());
    let final_end = last.and_then(|splice| splice.final_end).filter(|wanted| *wanted == source.open);
    with_file_ends(source, built, final_end.unwrap_or(!source.open))
}

/// Returns the line end the neighbours of a place have.
fn end_at(source: &Source<'_>, old: &Range<usize>) -> &'static str {
    let before = old.start.checked_sub(1).and_then(|index| source.lines.get(index));
    let near = source.lines[old.clone()].iter().chain(before).chain(source.lines.get(old.end));
    near.map(|line| lines::end(line)).find_map(known_end).unwrap_or(source.end)
}

fn known_end(end: &str) -> Option<&'static str> {
    match end {
        "\r\n" => Some("\r\n"),
        "\n" => Some("\n"),
        _ => None,
    }
}

fn with_file_ends(source: &Source<'_>, mut built: Vec<(String, bool)>, final_end: bool) -> String {
    let n = built.len();
    for (index, (text, verbatim)) in built.iter_mut().enumerate() {
        let is_last = index + 1 == n;
        if !is_last && !text.ends_with('\n') {
            text.push_str(source.end);
        }
        if is_last && !*verbatim {
            let has_end = text.ends_with('\n');
            if has_end && !final_end {
                text.truncate(lines::body(text).len());
            } else if final_end && !has_end {
                text.push_str(source.end);
            }
        }
    }
    let verbatim = built.iter().any(|(_, verbatim)| *verbatim);
    let text: String = built.into_iter().map(|(text, _)| text).collect();
    if verbatim { text } else { with_file_mark(source, text) }
}

/// Keeps a byte-order mark where it was, and keeps it away where none was.
fn with_file_mark(source: &Source<'_>, text: String) -> String {
    let had = source.raws.first().is_some_and(|line| line.starts_with(lines::BOM));
    match (had, text.strip_prefix(lines::BOM)) {
        (true, None) => format!("{}{text}", lines::BOM),
        (false, Some(rest)) => rest.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn splice(old: Range<usize>, new: &[&str]) -> Splice {
        let line = |text: &&str| NewLine { text: (*text).to_owned(), verbatim: false };
        Splice { old, new: new.iter().map(line).collect(), final_end: None }
    }

    fn apply(text: &str, splices: Vec<Splice>) -> String {
        applied(&Source::new(text), &merged(splices).unwrap())
    }

    #[test]
    fn the_files_line_ends_and_its_missing_final_one_are_kept() {
        assert_eq!(apply("a\r\nb\r\nc", vec![splice(1..2, &["B", "x"])]), "a\r\nB\r\nx\r\nc");
        assert_eq!(apply("a\r\nb", vec![splice(1..2, &["B"])]), "a\r\nB");
        assert_eq!(apply("a\nb", vec![splice(2..2, &["c"])]), "a\nb\nc");
        assert_eq!(apply("a\nb\n", vec![splice(1..2, &["c"])]), "a\nc\n");
        assert_eq!(apply("a\nb\r\nc\n", vec![splice(1..2, &["B"])]), "a\nB\r\nc\n");
    }

    #[test]
    fn the_byte_order_mark_is_kept() {
        assert_eq!(apply("\u{feff}a\nb\n", vec![splice(0..1, &["A"])]), "\u{feff}A\nb\n");
        assert_eq!(apply("a\nb\n", vec![splice(0..1, &["\u{feff}A"])]), "A\nb\n");
    }

    #[test]
    fn equal_splices_count_once_and_contradictions_are_named() {
        let both = vec![splice(1..2, &["x"]), splice(1..2, &["x"])];
        assert_eq!(merged(both).unwrap().len(), 1);
        assert_eq!(merged(vec![splice(1..3, &[]), splice(2..3, &["y"])]), Err(2));
        assert_eq!(merged(vec![splice(1..1, &["x"]), splice(1..1, &["y"])]), Err(1));
        assert!(merged(vec![splice(1..2, &["x"]), splice(2..2, &["y"])]).is_ok());
    }
}
