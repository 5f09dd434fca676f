//! From an alignment of a block's old lines with lines of the file to the splices it means. It does not search.

use crate::patch::edit::{Block, Line, Tag};
use crate::patch::lines;
use crate::patch::locate::splice::{NewLine, Splice};

/// One place where a block may belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The line of the file, from 0, at which the block's first old line stands or would stand.
    pub start: usize,
    /// What it does to the file.
    pub splices: Vec<Splice>,
    /// How strict the match is, for the result.
    pub label: String,
    /// How many lines of the file stand between the block's without being in it.
    pub n_skipped: usize,
}

/// Which line of the file, from 0, each old line of a block stands for; `None`: for none.
pub(crate) type Alignment = Vec<Option<usize>>;

/// Turns an added line's text into the file's ways; `None` when there is no telling how.
pub(crate) type Adapt<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Returns the splices of an aligned block; `None` when a place for added lines is not certain, a removed line has
/// none, or an added line cannot be adapted. `is_gap` tells which old lines stand for any number of lines.
pub(crate) fn splices(
    block: &Block,
    alignment: &[Option<usize>],
    is_gap: &dyn Fn(&Line) -> bool,
    adapt: Adapt<'_>,
) -> Option<Vec<Splice>> {
    let mut splices = Vec::new();
    let (mut at, mut n_old) = (0, 0);
    while at < block.lines.len() {
        if block.lines[at].tag == Tag::Keep {
            (at, n_old) = (at + 1, n_old + 1);
            continue;
        }
        let n_changed = block.lines[at..].iter().take_while(|line| line.tag != Tag::Keep).count();
        let group = &block.lines[at..at + n_changed];
        let n_removed = group.iter().filter(|line| line.tag == Tag::Remove).count();
        let old = match n_removed {
            0 => {
                let before = at.checked_sub(1).map(|index| &block.lines[index]);
                let place = between(alignment, n_old, [before, block.lines.get(at + n_changed)], is_gap)?;
                place..place
            }
            n => contiguous(&alignment[n_old..n_old + n])?,
        };
        let added = group.iter().filter(|line| line.tag == Tag::Add);
        let new = added.map(|line| new_line(&line.text, adapt)).collect::<Option<Vec<_>>>()?;
        splices.push(Splice { old, new, final_end: final_end(group) });
        (at, n_old) = (at + n_changed, n_old + n_removed);
    }
    Some(splices)
}

/// Tells whether a group of changed lines gives or takes the final line end: it says that the old last line has none and
/// the new one has; or that the new one has none, and this is all it changes.
fn final_end(group: &[Line]) -> Option<bool> {
    let last = |tag: Tag| group.iter().rev().find(|line| line.tag == tag);
    let (old, new) = (last(Tag::Remove)?, last(Tag::Add)?);
    match (old.newline, new.newline) {
        (false, true) => Some(true),
        (true, false) if old.text == new.text => Some(false),
        _ => None,
    }
}

fn new_line(text: &str, adapt: Adapt<'_>) -> Option<NewLine> {
    let text = text.strip_suffix('\r').unwrap_or(text);
    Some(NewLine { text: adapt(text)?, verbatim: false })
}

/// Returns the lines of the file a run of removed lines stands for; they must stand together there too.
fn contiguous(alignment: &[Option<usize>]) -> Option<std::ops::Range<usize>> {
    let start = (*alignment.first()?)?;
    let fits = alignment.iter().enumerate().all(|(index, line)| *line == Some(start + index));
    fits.then(|| start..start + alignment.len())
}

/// Returns where lines go that are added before the old line of index `n_old`. A gap on one side leaves the other to
/// decide; two sides that leave lines between them decide nothing.
fn between(
    alignment: &[Option<usize>],
    n_old: usize,
    neighbours: [Option<&Line>; 2],
    is_gap: &dyn Fn(&Line) -> bool,
) -> Option<usize> {
    let [before, after] = neighbours.map(|line| line.is_some_and(is_gap));
    let low = if before { None } else { alignment[..n_old].iter().rev().find_map(|line| *line).map(|line| line + 1) };
    let high = if after { None } else { alignment[n_old..].iter().find_map(|line| *line) };
    match (low, high) {
        (Some(low), Some(high)) => (low == high).then_some(low),
        (low, high) => low.or(high),
    }
}

/// Tells whether a line means "here stands what stands there": an ellipsis, bare or in a comment.
pub(crate) fn is_ellipsis(text: &str) -> bool {
    let text = text.trim();
    let bare = text
        .trim_start_matches(['/', '#', '*', '-', ';', '%', '<', '!', '{', '"', '\''])
        .trim_end_matches(['/', '*', '-', '>', '}', '"', '\''])
        .trim();
    match bare {
        "..." | "…" | "[...]" | "(...)" => true,
        _ if bare.len() == text.len() => false,
        _ => {
            let dots = ["...", "…"];
            let dotted = dots.iter().any(|dots| bare.starts_with(dots)) && dots.iter().any(|dots| bare.ends_with(dots));
            dotted && bare.len() <= 100 || is_said(bare.trim_matches(['.', '…']).trim())
        }
    }
}

/// Tells whether a comment says in words that code stays as it is.
fn is_said(comment: &str) -> bool {
    const OPENINGS: &[&str] =
        &["existing code", "rest of", "remaining code", "unchanged", "other code", "same as before"];
    let comment = comment.trim_start_matches(['(', '[']).to_lowercase();
    OPENINGS.iter().any(|opening| comment.starts_with(opening)) && comment.len() <= 60
}

/// Returns an added line that stands for code the reply left out, if the file has no such line itself.
pub(crate) fn lazy_line<'a>(block: &'a Block, file: &[&str]) -> Option<&'a str> {
    let own = |text: &str| file.iter().any(|line| line.trim() == text.trim());
    let opens_body = |index: usize| {
        let before =
            block.lines[..index].iter().rev().find(|line| line.tag != Tag::Remove && !lines::is_blank(&line.text));
        before.is_none_or(|line| line.text.trim_end().ends_with([':', ')', '"']))
    };
    let lazy = |(index, line): (usize, &'a Line)| {
        let text = line.text.as_str();
        let is_python_body = text.trim() == "..." && opens_body(index);
        (line.tag == Tag::Add && is_ellipsis(text) && !is_python_body && !own(text)).then_some(text)
    };
    block.lines.iter().enumerate().find_map(lazy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(lines: &[&str]) -> Block {
        let line = |text: &&str| {
            let tag = match text.as_bytes()[0] {
                b'+' => Tag::Add,
                b'-' => Tag::Remove,
                _ => Tag::Keep,
            };
            Line::new(tag, &text[1..])
        };
        Block { lines: lines.iter().map(line).collect(), ..Block::default() }
    }

    fn places(lines: &[&str], alignment: &[Option<usize>]) -> Option<Vec<(usize, usize)>> {
        let gap = |line: &Line| line.text == "...";
        let found = splices(&block(lines), alignment, &gap, &|text| Some(text.to_owned()))?;
        Some(found.into_iter().map(|splice| (splice.old.start, splice.old.end)).collect())
    }

    #[test]
    fn additions_go_between_their_neighbours() {
        assert_eq!(places(&[" a", "+x", " b"], &[Some(3), Some(4)]), Some(vec![(4, 4)]));
        assert_eq!(places(&["+x", " b"], &[Some(4)]), Some(vec![(4, 4)]));
        assert_eq!(places(&[" a", "+x"], &[Some(3)]), Some(vec![(4, 4)]));
    }

    #[test]
    fn additions_between_lines_that_are_apart_have_no_certain_place() {
        assert_eq!(places(&[" a", "+x", " b"], &[Some(3), Some(6)]), None);
        assert_eq!(places(&[" ...", "+x", " b"], &[None, Some(6)]), Some(vec![(6, 6)]));
        assert_eq!(places(&[" a", "+x", " ...", " b"], &[Some(3), None, Some(6)]), Some(vec![(4, 4)]));
        assert_eq!(places(&[" ...", "+x", " ..."], &[None, None]), None);
    }

    #[test]
    fn removed_lines_must_be_there_and_together() {
        assert_eq!(places(&["-a", "-b", "+x"], &[Some(1), Some(2)]), Some(vec![(1, 3)]));
        assert_eq!(places(&["-a", "-b"], &[Some(1), Some(3)]), None);
        assert_eq!(places(&["-a"], &[None]), None);
    }

    #[test]
    fn ellipses_are_told_from_code() {
        for line in [
            "...",
            "    # ...",
            "// ... existing code ...",
            "/* ... */",
            "<!-- ... -->",
            "# rest of the function unchanged",
            "…",
        ] {
            assert!(is_ellipsis(line), "{line}");
        }
        for line in ["f(...args)", "x...", "..", "// see f", "#[derive(..)]", "foo(/* ... */);", "// restore it"] {
            assert!(!is_ellipsis(line), "{line}");
        }
    }

    #[test]
    fn an_added_ellipsis_is_lazy_unless_it_is_a_body_or_the_files_own() {
        assert_eq!(lazy_line(&block(&["-a", "+// ... existing code ..."]), &[]), Some("// ... existing code ..."));
        assert_eq!(lazy_line(&block(&["+def f(self) -> int:", "+    ..."]), &[]), None);
        assert_eq!(lazy_line(&block(&["-a", "+// ..."]), &["  // ..."]), None);
    }
}
