//! Slips that spoil a whole block, each undone in one way: a block goes in, the block that was probably meant comes out.
//! Whether it was meant, the file decides: a mended block must still be found there.
//!
//! To add one: one function and one line in [`MENDS`].

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::patch::edit::{Block, Ending, Line, Tag};
use crate::patch::lines;
use crate::patch::locate::source::Source;

/// A way to undo one slip; `None` when the block does not show it.
pub(crate) struct Mend {
    /// The name match labels give.
    pub name: &'static str,
    /// Undoes it.
    pub undo: fn(&Block, &Source<'_>) -> Option<Block>,
}

/// The mends in the order they are tried: those that explain most lines by least come first.
pub(crate) const MENDS: &[Mend] = &[
    Mend { name: "nested-fence", undo: without_fence },
    Mend { name: "line-numbers", undo: without_line_numbers },
    Mend { name: "entities", undo: without_entities },
    Mend { name: "escapes", undo: without_escapes },
];

/// Slips in the signs of a diff; they are tried before indentation is, which would explain them wrongly.
pub(crate) const SIGN_MENDS: &[Mend] = &[
    Mend { name: "space-after-sign", undo: without_space_after_sign },
    Mend { name: "context-without-sign", undo: with_context_sign },
    Mend { name: "context-without-sign", undo: with_context_sign_where_missing },
];

fn map_lines(block: &Block, change: impl Fn(&Line) -> Option<String>) -> Option<Block> {
    let mut mended = block.clone();
    for line in &mut mended.lines {
        line.text = change(line)?;
    }
    (mended != *block).then_some(mended)
}

/// Blank lines at either end, which chat windows add and drop; also returns how many went at the beginning.
pub(crate) fn without_blank_edges(block: &Block) -> Option<(Block, usize)> {
    let blank = |line: &&Line| lines::is_blank(&line.text) && line.tag == Tag::Keep;
    if block.ending == Ending::Cut && block.lines.last().as_ref().is_some_and(blank) {
        // It may be the beginning of a line that is not blank.
        return None;
    }
    let n = block.lines.len();
    let head = block.lines.iter().take_while(blank).count();
    let tail = block.lines.iter().rev().take_while(blank).count();
    if head + tail == 0 || head + tail >= n {
        return None;
    }
    let mut mended = block.without(&[0..head, n - tail..n]);
    mended.start = block.start.map(|start| start + head);
    let less = |count: usize| count.saturating_sub(head + tail);
    mended.counts = block.counts.map(|(old, new)| (less(old), less(new)));
    Some((mended, head))
}

/// A space after every sign, on changed lines only.
fn without_space_after_sign(block: &Block, _: &Source<'_>) -> Option<Block> {
    if !block.is_diff || !block.lines.iter().any(|line| line.tag == Tag::Remove) {
        return None;
    }
    map_lines(block, |line| match line.tag {
        Tag::Keep => Some(line.text.clone()),
        _ if lines::is_blank(&line.text) => Some(line.text.strip_prefix(' ').unwrap_or_default().to_owned()),
        _ => line.text.strip_prefix(' ').map(str::to_owned),
    })
}

/// Context lines written without the space that is their sign, so that one of their own was taken for it.
fn with_context_sign(block: &Block, _: &Source<'_>) -> Option<Block> {
    let lost = |line: &Line| line.tag == Tag::Keep && line.signed && !lines::is_blank(&line.text);
    let restored = |line: &Line| if lost(line) { format!(" {}", line.text) } else { line.text.clone() };
    if block.is_diff { map_lines(block, |line| Some(restored(line))) } else { None }
}

/// The same where only some lines lost it: those the file has with the space and not without.
fn with_context_sign_where_missing(block: &Block, source: &Source<'_>) -> Option<Block> {
    let known: HashSet<&str> = source.raws.iter().map(|line| line.trim_end()).collect();
    let lost = |line: &Line, restored: &str| {
        line.tag == Tag::Keep
            && line.signed
            && known.contains(restored.trim_end())
            && !known.contains(line.text.trim_end())
    };
    let restored = |line: &Line| {
        let restored = format!(" {}", line.text);
        if lost(line, &restored) { restored } else { line.text.clone() }
    };
    if block.is_diff { map_lines(block, |line| Some(restored(line))) } else { None }
}

/// A fence inside the block round its text.
fn without_fence(block: &Block, _: &Source<'_>) -> Option<Block> {
    let is_fence = |line: &Line| line.text.trim_start().starts_with("```");
    let mended = block.lines.iter().filter(|line| !is_fence(line)).cloned().collect::<Vec<_>>();
    let first_and_last = block.lines.first().is_some_and(is_fence) && block.lines.last().is_some_and(is_fence);
    (first_and_last && mended.iter().any(|line| line.tag != Tag::Add)).then(|| Block { lines: mended, ..block.clone() })
}

/// The line number, what parts it from the line, and the line.
#[expect(clippy::unwrap_used, reason = "a constant pattern, exercised by every test")]
static NUMBERED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\s*(\d{1,6})(\s?[|:│→]\s?|\t|\s|$)(.*)$").unwrap());

/// Line numbers pasted with the lines; all old lines must have one, each one more than the last.
fn without_line_numbers(block: &Block, _: &Source<'_>) -> Option<Block> {
    let number = |line: &Line| NUMBERED.captures(&line.text).and_then(|found| found[1].parse::<usize>().ok());
    let numbers = block.old().map(number).collect::<Option<Vec<_>>>()?;
    let ascending = numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    let marked = |line: &Line| NUMBERED.captures(&line.text).is_some_and(|found| !found[2].trim().is_empty());
    if numbers.is_empty() || !ascending || numbers.len() == 1 && !block.old().all(marked) {
        return None;
    }
    let strip = |line: &Line| match NUMBERED.captures(&line.text) {
        Some(found) => found[3].to_owned(),
        None => line.text.clone(),
    };
    let mut mended = map_lines(block, |line| Some(strip(line)))?;
    mended.start = mended.start.or_else(|| numbers.first().copied());
    Some(mended)
}

/// Characters worded for HTML.
fn without_entities(block: &Block, _: &Source<'_>) -> Option<Block> {
    map_lines(block, |line| Some(unescape_html(&line.text)))
}

/// Undoes HTML's wording of special characters.
pub(crate) fn unescape_html(text: &str) -> String {
    const ENTITIES: &[(&str, &str)] = &[
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&apos;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

/// Quotes and backslashes escaped once too often.
fn without_escapes(block: &Block, _: &Source<'_>) -> Option<Block> {
    map_lines(block, |line| {
        let mut plain = String::with_capacity(line.text.len());
        let mut chars = line.text.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('\\', Some(&next @ ('"' | '\'' | '\\' | '/'))) => {
                    plain.push(next);
                    chars.next();
                }
                _ => plain.push(c),
            }
        }
        Some(plain)
    })
}

/// A space after the sign where only added lines show it. The first of them would stand one space deeper than is
/// natural in its place, and nowhere does the file go one space deeper.
pub(crate) fn without_odd_added_space(block: &Block, source: &Source<'_>) -> Option<Block> {
    let filled = |line: &&Line| !lines::is_blank(&line.text);
    let changed = block.lines.iter().any(|line| line.tag == Tag::Remove && filled(&line));
    let first = block.lines.iter().position(|line| line.tag == Tag::Add && filled(&line));
    let (true, false, Some(first)) = (block.is_diff, changed, first) else { return None };
    let depth = |line: &str| lines::indent(line).len();
    let depth_of = |line: &Line| depth(&line.text);
    let before = block.lines[..first].iter().rev().find(filled).map(depth_of);
    let after = block.lines[first..].iter().filter(|line| line.tag == Tag::Keep).find(filled).map(depth_of);
    let text = block.lines[first].text.as_str();
    let here = depth(text);
    let (natural, may_be_meant) = if is_star(text) {
        (source.raws.iter().filter(|line| is_star(line)).map(|line| depth(line)).collect(), false)
    } else {
        (natural_depths(source, before.unwrap_or(0), after), goes_one_deeper(source))
    };
    let is_odd = here > 0 && !natural.contains(&here) && natural.contains(&(here - 1)) && !may_be_meant;
    if !is_odd && !is_odd_among_tabs(text, source) && !are_odd_among_even(block, source) {
        return None;
    }
    map_lines(block, |line| match line.tag {
        Tag::Add if filled(&line) => line.text.strip_prefix(' ').map(str::to_owned),
        _ => Some(line.text.clone()),
    })
}

/// Tells whether all of several added lines stand at odd depths in a file that has next to none.
fn are_odd_among_even(block: &Block, source: &Source<'_>) -> bool {
    let depth = |line: &str| lines::indent(line).len();
    let is_code = |line: &&str| !lines::is_blank(line) && !is_star(line);
    let mut added = block.added().map(|line| line.text.as_str()).filter(is_code).peekable();
    let several = block.added().filter(|line| !lines::is_blank(&line.text)).count() > 1;
    let file: Vec<&str> = source.raws.iter().copied().filter(is_code).collect();
    let n_odd = file.iter().filter(|line| !depth(line).is_multiple_of(2)).count();
    let is_spaced = |line: &str| line.starts_with(' ') && !lines::indent(line).contains('\t');
    several
        && added.peek().is_some()
        && n_odd * 50 <= file.len()
        && added.all(|line| is_spaced(line) && !depth(line).is_multiple_of(2))
}

/// Tells whether a line is indented by one space where the file is indented with tabs.
fn is_odd_among_tabs(line: &str, source: &Source<'_>) -> bool {
    let rest = line.strip_prefix(' ').filter(|rest| !rest.starts_with([' ', '*']));
    rest.is_some() && source.style() == Some('\t')
}

/// Returns the depths a line may well have between lines of the given depths: theirs, one level more, or that of
/// something that ended before.
fn natural_depths(source: &Source<'_>, before: usize, after: Option<usize>) -> BTreeSet<usize> {
    let code = source.raws.iter().filter(|line| !lines::is_blank(line) && !is_star(line));
    let shallower = code.map(|line| lines::indent(line).len()).filter(|depth| *depth < before);
    [before, before + 2, before + 4, before + 8].into_iter().chain(after).chain(shallower).collect()
}

/// Tells whether lines of the file stand one space deeper than the one before, more than now and then. The stars of block
/// comments do, by their own rule.
fn goes_one_deeper(source: &Source<'_>) -> bool {
    let filled: Vec<&str> =
        source.raws.iter().copied().filter(|line| !lines::is_blank(line) && !is_star(line)).collect();
    let depth = |line: &str| lines::indent(line).len();
    let steps = || filled.windows(2).filter(|pair| depth(pair[1]) > depth(pair[0]));
    let n_small = steps().filter(|pair| depth(pair[1]) == depth(pair[0]) + 1).count();
    n_small > 0 && n_small * 20 >= steps().count()
}

fn is_star(line: &str) -> bool {
    line.trim_start().starts_with('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(lines: &[&str]) -> Block {
        let line = |text: &&str| {
            let tag = match text.chars().next() {
                Some('+') => Tag::Add,
                Some('-') => Tag::Remove,
                _ => Tag::Keep,
            };
            Line::new(tag, text.get(1..).unwrap_or_default())
        };
        Block { lines: lines.iter().map(line).collect(), is_diff: true, ..Block::default() }
    }

    fn texts(block: Option<Block>) -> Vec<String> {
        block.map(|block| block.lines.into_iter().map(|line| line.text).collect()).unwrap_or_default()
    }

    #[test]
    fn line_numbers_go_when_all_old_lines_have_consecutive_ones() {
        assert_eq!(
            texts(without_line_numbers(&block(&["  9 | a", "- 10 |   b", "+10 |   c", "+d"]), &Source::new(""))),
            ["a", "  b", "  c", "d"]
        );
        assert_eq!(texts(without_line_numbers(&block(&[" 9 a", " 11 b"]), &Source::new(""))), [""; 0]);
        assert_eq!(texts(without_line_numbers(&block(&[" 9 a"]), &Source::new(""))), [""; 0]);
    }

    #[test]
    fn escapes_and_entities_are_undone_once() {
        assert_eq!(texts(without_escapes(&block(&["-say(\\\"a\\\\n\\\")"]), &Source::new(""))), ["say(\"a\\n\")"]);
        assert_eq!(texts(without_entities(&block(&["-a &amp;lt; b &lt; c"]), &Source::new(""))), ["a &lt; b < c"]);
    }

    #[test]
    fn a_space_after_signs_goes_only_when_all_changed_lines_have_it() {
        assert_eq!(
            texts(without_space_after_sign(&block(&[" a", "- b", "+ c", "+"]), &Source::new(""))),
            ["a", "b", "c", ""]
        );
        assert_eq!(texts(without_space_after_sign(&block(&[" a", "- b", "+c"]), &Source::new(""))), [""; 0]);
    }

    #[test]
    fn an_added_space_the_file_has_nowhere_goes() {
        let source = Source::new("f:\n    a\n    b\n");
        assert_eq!(texts(without_odd_added_space(&block(&["     a", "+     x"]), &source))[1], "    x");
        assert!(without_odd_added_space(&block(&["     a", "+      x"]), &source).is_none());
    }
}
