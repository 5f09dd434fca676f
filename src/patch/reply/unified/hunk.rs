//! One hunk: its header, whose numbers are hints, and its lines, some of which have lost their sign. Where it ends is told by
//! what follows, by its counts, and by prose.

use std::sync::LazyLock;

use regex::Regex;

use crate::patch::edit::{Block, Line, Tag};

/// Old start and count, new start and count, all optional, then the heading.
#[expect(clippy::unwrap_used, reason = "a constant pattern, exercised by every test")]
static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^@@+(?:\s*-(\d+)(?:,(\d+))?\s+\+(\d+)(?:,(\d+))?)?\s*(.*?)\s*(?:@@+\s*(.*))?$").unwrap()
});

/// Tells whether a line begins a hunk.
pub(super) fn is_header(line: &str) -> bool {
    line.starts_with("@@")
}

/// Tells whether a line begins a hunk and has its numbers.
pub(super) fn is_numbered(line: &str) -> bool {
    line.starts_with("@@ -") && HEADER.captures(line).is_some_and(|found| found.get(1).is_some())
}

/// Reads a hunk's header.
pub(super) fn header(line: &str) -> Block {
    let mut block = Block { is_diff: true, ..Block::default() };
    let Some(found) = HEADER.captures(line.trim_end()) else { return block };
    let number = |index: usize| found.get(index).and_then(|text| text.as_str().parse::<usize>().ok());
    block.start = number(1);
    if block.start.is_some() {
        block.counts = Some((number(2).unwrap_or(1), number(4).unwrap_or(1)));
    }
    let headings = [5, 6].into_iter().filter_map(|index| found.get(index)).map(|text| text.as_str().trim());
    block.headings = headings.filter(|text| !text.is_empty() && *text != "...").map(str::to_owned).collect();
    if block.counts == Some((0, 0)) {
        (block.start, block.counts) = (None, None);
    }
    block
}

/// Reads a hunk's lines into it; returns how many of them belong to it.
pub(super) fn body(block: &mut Block, lines: &[&str]) -> usize {
    let n = end(block, lines);
    for line in &lines[..n] {
        match line.chars().next() {
            Some('\\') => {
                if let Some(last) = block.lines.last_mut() {
                    last.newline = false;
                }
            }
            Some('+') => block.lines.push(Line::new(Tag::Add, &line[1..])),
            Some('-') => block.lines.push(Line::new(Tag::Remove, &line[1..])),
            Some(' ') => block.lines.push(Line::new(Tag::Keep, &line[1..])),
            // An empty line is a context line whose one space was trimmed.
            None | Some('\r') => block.lines.push(Line::new(Tag::Keep, *line)),
            Some(_) => block.lines.push(Line { signed: false, ..Line::new(Tag::Keep, *line) }),
        }
    }
    n
}

/// Returns how many lines belong to the hunk.
fn end(block: &Block, lines: &[&str]) -> usize {
    let signature = (0..lines.len()).find(|index| is_signature(&lines[*index..]));
    let lines = &lines[..signature.unwrap_or(lines.len())];
    let by_counts = block.counts.and_then(|counts| satisfied(counts, lines)).filter(|n| ends_there(&lines[*n..]));
    let mut n = by_counts.or_else(|| before_prose(lines)).unwrap_or(lines.len());
    while n > 0 && lines[n - 1].trim_end_matches('\r').is_empty() && by_counts != Some(n) {
        n -= 1;
    }
    n
}

/// Returns after how many lines the hunk has as many as its header says.
fn satisfied((old, new): (usize, usize), lines: &[&str]) -> Option<usize> {
    let (mut n_old, mut n_new) = (0, 0);
    for index in 0..=lines.len() {
        let line = lines.get(index).copied().unwrap_or_default();
        if n_old == old && n_new == new {
            return Some(index + usize::from(line.starts_with('\\')));
        }
        match line.chars().next() {
            Some('\\') => {}
            Some('+') => n_new += 1,
            Some('-') => n_old += 1,
            _ => (n_old, n_new) = (n_old + 1, n_new + 1),
        }
    }
    None
}

/// Tells whether what follows the counted lines can be left out: nothing in it right away looks like more of the hunk.
fn ends_there(rest: &[&str]) -> bool {
    rest.first().is_none_or(|line| !line.starts_with(['+', '-', ' ', '\t', '\\']))
}

/// Returns where prose begins after an empty line, if no line after it has a sign.
fn before_prose(lines: &[&str]) -> Option<usize> {
    let empty = (0..lines.len()).rev().find(|index| lines[*index].trim().is_empty() && index + 1 < lines.len())?;
    let rest = &lines[empty + 1..];
    let is_prose = |line: &&str| {
        let words = line.split_whitespace().count();
        line.starts_with(char::is_alphabetic)
            && words >= 3
            && !line.contains(['{', '}', ';', '='])
            && !line.ends_with([':', '('])
    };
    let clean = rest.iter().all(|line| !line.starts_with(['+', '-', ' ', '\t', '\\']));
    (clean && rest.first().is_some_and(is_prose)).then_some(empty)
}

/// Tells whether a mail's signature begins here: two dashes, a version, no more.
fn is_signature(rest: &[&str]) -> bool {
    let mut lines = rest.iter().map(|line| line.trim_end());
    let is_version = |line: &str| {
        let version = line.strip_prefix("heal-tests ").unwrap_or(line);
        version.starts_with(|c: char| c.is_ascii_digit()) && version.contains('.') && !version.contains(' ')
            || line.starts_with("2.")
    };
    lines.next() == Some("--") && lines.next().is_some_and(is_version) && lines.all(str::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_in_all_their_forms() {
        let read = |line: &str| {
            let block = header(line);
            (block.start, block.counts, block.headings)
        };
        assert_eq!(read("@@ -3,4 +5,6 @@ fn a() {"), (Some(3), Some((4, 6)), vec!["fn a() {".to_owned()]));
        assert_eq!(read("@@ -3 +5 @@"), (Some(3), Some((1, 1)), vec![]));
        assert_eq!(read("@@"), (None, None, vec![]));
        assert_eq!(read("@@ ... @@"), (None, None, vec![]));
        assert_eq!(read("@@ fn a()"), (None, None, vec!["fn a()".to_owned()]));
        assert_eq!(read("@@ fn a() @@"), (None, None, vec!["fn a()".to_owned()]));
        assert_eq!(read("@@ -0,0 +0,0 @@"), (None, None, vec![]));
    }

    fn n_lines(header_line: &str, lines: &[&str]) -> usize {
        body(&mut header(header_line), lines)
    }

    #[test]
    fn a_hunk_ends_by_its_counts_or_before_prose() {
        assert_eq!(n_lines("@@ -1,2 +1,2 @@", &[" a", "-b", "+c", "", "- a bullet", "More."]), 3);
        assert_eq!(n_lines("@@", &[" a", "-b", "+c", "", "This mends the sum.", "It is right."]), 3);
        assert_eq!(n_lines("@@", &[" a", "-b", "+c", "", "def f(x):", " d"]), 6);
        assert_eq!(n_lines("@@ -1,9 +1,9 @@", &[" a", "-b", "+c", "-- ", "2.39.0", ""]), 3);
        assert_eq!(n_lines("@@ -1,1 +1,1 @@", &[" a", "-b", "+c"]), 3);
        assert_eq!(n_lines("@@", &[" a", "-b", "", ""]), 2);
    }

    #[test]
    fn lines_without_a_sign_are_context() {
        let mut block = header("@@");
        body(&mut block, &["def f():", "", "-b", "\\ No newline at end of file"]);
        let told: Vec<_> = block.lines.iter().map(|line| (line.tag, line.signed, line.newline)).collect();
        assert_eq!(told, [(Tag::Keep, false, true), (Tag::Keep, true, true), (Tag::Remove, true, false)]);
    }
}
