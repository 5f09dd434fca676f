//! The rungs that look for a block's old lines standing together in the file, each with its own idea of equality. They
//! return every place and choose none.

use std::borrow::Cow;

use crate::patch::edit::{Block, Tag};
use crate::patch::lines;
use crate::patch::locate::fold;
use crate::patch::locate::place::{Placement, splices};
use crate::patch::locate::shift::Shift;
use crate::patch::locate::source::Source;

/// How two lines are compared, strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Equality {
    /// Byte for byte.
    Exact,
    /// But for `\r` and a byte-order mark.
    LineEnds,
    /// But for white space at the end.
    TrailingSpace,
    /// But for white space at both ends, where one rule explains all lines.
    Indent,
    /// But for any white space.
    WhiteSpace,
    /// But for typographic characters.
    Typography,
}

impl Equality {
    /// Returns what is compared.
    pub(crate) fn key<'a>(self, line: &'a str) -> Cow<'a, str> {
        let plain = |line: &'a str| line.strip_suffix('\r').unwrap_or(line).trim_start_matches(lines::BOM);
        match self {
            Self::Exact => Cow::Borrowed(line),
            Self::LineEnds => Cow::Borrowed(plain(line)),
            Self::TrailingSpace => Cow::Borrowed(plain(line).trim_end()),
            Self::Indent => Cow::Borrowed(plain(line).trim()),
            Self::WhiteSpace => Cow::Owned(collapsed(plain(line))),
            Self::Typography => Cow::Owned(collapsed(&fold::folded(plain(line)))),
        }
    }

    fn label(self, shift: &Shift) -> String {
        match (self, shift) {
            (Self::Exact, _) => "exact".to_owned(),
            (Self::LineEnds, _) => "line-ends".to_owned(),
            (Self::WhiteSpace, Shift::Same) => "white-space".to_owned(),
            (Self::Typography, _) => "typography".to_owned(),
            _ => shift.label(),
        }
    }
}

/// Returns a line with every run of white space as one blank, none at the ends.
pub(crate) fn collapsed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns every place at which all old lines of the block stand together under `equality`.
pub(crate) fn find(block: &Block, source: &Source<'_>, equality: Equality) -> Vec<Placement> {
    let old: Vec<_> = block.old().map(|line| equality.key(&line.text)).collect();
    // Without one line that says something, anything beyond white space at the end is no evidence.
    if old.is_empty() || equality > Equality::TrailingSpace && old.iter().all(|line| lines::is_trivial(line)) {
        return Vec::new();
    }
    let keys: Vec<_> = source.raws.iter().map(|line| equality.key(line)).collect();
    let starts = keys.windows(old.len()).enumerate().filter(|(_, window)| *window == old.as_slice());
    starts.filter_map(|(start, _)| placement(block, source, start, equality)).collect()
}

fn placement(block: &Block, source: &Source<'_>, start: usize, equality: Equality) -> Option<Placement> {
    let pairs = || block.old().zip(&source.raws[start..]).map(|(old, line)| (old.text.as_str(), *line));
    let shift = if equality >= Equality::Indent { Shift::between(pairs())? } else { Shift::Same };
    if block.is_diff && shift == Shift::Deeper(" ".to_owned()) && block.old().all(|line| line.tag == Tag::Keep) {
        // Context that lost its sign says nothing of the lines that kept theirs.
        return None;
    }
    let adapt = adapter(pairs().collect(), &shift, equality);
    let alignment: Vec<_> = (0..block.old().count()).map(|index| Some(start + index)).collect();
    let splices = splices(block, &alignment, &|_| false, &adapt)?;
    Some(Placement { start, splices, label: equality.label(&shift), n_skipped: 0 })
}

/// Returns how added lines must be changed, judged by how the old ones differ from the file's.
pub(crate) fn adapter<'a>(
    pairs: Vec<(&'a str, &'a str)>,
    shift: &'a Shift,
    equality: Equality,
) -> impl Fn(&str) -> Option<String> + 'a {
    let tail = extra_tail(&pairs);
    move |text| {
        let text = match tail {
            Some("") => text,
            Some(tail) => text.strip_suffix(tail).unwrap_or(text.trim_end()),
            None => text.trim_end(),
        };
        let text = shift.apply(text)?;
        Some(if equality >= Equality::Typography { fold::as_in_file(&text, &pairs) } else { text })
    }
}

/// Returns the white space all the reply's lines have at their end in addition to the file's; `None`: not all the same.
fn extra_tail<'a>(pairs: &[(&'a str, &str)]) -> Option<&'a str> {
    let tail = |line: &'a str| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        &line[line.trim_end().len()..]
    };
    let own = |line: &str| line.trim_end_matches('\r').len() - line.trim_end().len();
    let filled = pairs.iter().filter(|(reply, _)| !lines::is_blank(reply));
    let mut extras = filled.map(|(reply, file)| tail(reply).get(own(file)..).unwrap_or_default());
    let first = extras.next().unwrap_or_default();
    extras.all(|extra| extra == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::locate::splice;

    fn after(file: &str, search: &[&str], replace: &[&str], equality: Equality) -> Vec<String> {
        let source = Source::new(file);
        let found = find(&Block::replacing(search, replace), &source, equality);
        found.iter().map(|place| splice::applied(&source, &splice::merged(place.splices.clone()).unwrap())).collect()
    }

    #[test]
    fn every_place_is_returned() {
        assert_eq!(after("a1b\nx\na1b\n", &["a1b"], &["c"], Equality::Exact), ["c\nx\na1b\n", "a1b\nx\nc\n"]);
    }

    #[test]
    fn carriage_returns_of_the_reply_do_not_reach_the_file() {
        assert_eq!(after("one\ntwo\n", &["one\r", "two\r"], &["one\r", "2\r"], Equality::LineEnds), ["one\n2\n"]);
    }

    #[test]
    fn a_replys_trailing_space_is_not_taken_over_and_the_files_is_kept() {
        assert_eq!(after("one\ntwo\n", &["one ", "two "], &["one ", "2 "], Equality::TrailingSpace), ["one\n2\n"]);
        assert_eq!(after("one  \ntwo\n", &["one", "two"], &["one", "2"], Equality::TrailingSpace), ["one  \n2\n"]);
    }

    #[test]
    fn the_shift_of_old_lines_is_put_on_new_ones() {
        let file = "class A:\n    def f(self):\n        return 1\n";
        let found = after(
            file,
            &["def f(self):", "    return 1"],
            &["def f(self):", "    x = 1", "    return x"],
            Equality::Indent,
        );
        assert_eq!(found, ["class A:\n    def f(self):\n        x = 1\n        return x\n"]);
    }

    #[test]
    fn braces_alone_are_found_only_as_they_are() {
        assert!(after("  }\n", &["}"], &["};"], Equality::Indent).is_empty());
        assert_eq!(after("}\n", &["}"], &["};"], Equality::Exact).len(), 1);
    }
}
