//! What a reply asks for, as read: nothing here has been looked up in a tree.

use std::ops::Range;

use crate::patch::difference::groups;
use crate::patch::lines;

/// One thing a reply wants done to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// How the reply spells the path, most likely reading first; empty when it names none.
    pub spellings: Vec<String>,
    /// What is to be done.
    pub ask: Ask,
    /// The ids git has for the text before and after, where the reply gives them.
    pub ids: Option<(String, String)>,
}

impl Request {
    /// Makes a request without ids.
    pub(crate) fn new(spellings: Vec<String>, ask: Ask) -> Self {
        Self { spellings, ask, ids: None }
    }
}

/// What is to be done to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Create it; it must not exist.
    Create(String),
    /// Delete it. The blocks, if any, hold the text it must have.
    Delete(Vec<Block>),
    /// Change parts of it.
    Edit(Vec<Block>),
    /// Take this for the whole file, or for a whole function of it.
    Whole(String),
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// It is there and stays.
    Keep,
    /// It is there and goes.
    Remove,
    /// It comes.
    Add,
}

/// One line of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// What becomes of it.
    pub tag: Tag,
    /// Its text without `\n`; a `\r` the reply wrote is still there.
    pub text: String,
    /// Whether `\n` follows.
    pub newline: bool,
    /// Whether the reply gave it a sign of its own (always, outside of diffs).
    pub signed: bool,
}

impl Line {
    /// Makes an ordinary line.
    pub(crate) fn new(tag: Tag, text: impl Into<String>) -> Self {
        Self { tag, text: text.into(), newline: true, signed: true }
    }

    /// Returns its text with its line end, if it has one.
    pub(crate) fn full_text(&self) -> String {
        if self.newline { format!("{}\n", self.text) } else { self.text.clone() }
    }
}

/// How the reply goes on after a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Something follows, or the block has an end marker: it is whole.
    #[default]
    Closed,
    /// The reply ends after its last line.
    Open,
    /// The reply ends inside its last line, as far as one can tell: there is no line end.
    Cut,
}

/// A group of lines to be found in a file, with what becomes of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// The lines in order.
    pub lines: Vec<Line>,
    /// Where the reply says the first of them stands, from 1. A hint.
    pub start: Option<usize>,
    /// How many old and new lines the reply says there are. Evidence, not truth.
    pub counts: Option<(usize, usize)>,
    /// The functions or types the reply says they stand in, outermost first.
    pub headings: Vec<String>,
    /// How the reply goes on.
    pub ending: Ending,
    /// Search and replacement text as written, where they need not be whole lines.
    pub partial: Option<(String, String)>,
    /// Whether the lines come from a diff, with a sign each.
    pub is_diff: bool,
    /// Whether the header has the old and the new file the wrong way round.
    pub reversed: bool,
}

impl Block {
    /// Makes the block that replaces one text by another; lines both have stay.
    pub(crate) fn replacing(search: &[&str], replace: &[&str]) -> Self {
        let mut edit = Vec::new();
        let line = |tag: Tag| move |text: &&str| Line::new(tag, *text);
        let mut at = 0;
        for group in groups(search, replace) {
            edit.extend(search[at..group.before.start].iter().map(line(Tag::Keep)));
            edit.extend(search[group.before.clone()].iter().map(line(Tag::Remove)));
            edit.extend(replace[group.after].iter().map(line(Tag::Add)));
            at = group.before.end;
        }
        edit.extend(search[at..].iter().map(line(Tag::Keep)));
        Self { lines: edit, ..Self::default() }
    }

    /// Returns the lines that must be in the file.
    pub(crate) fn old(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.tag != Tag::Add)
    }

    /// Returns the lines that will be in the file.
    pub(crate) fn coming(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.tag != Tag::Remove)
    }

    /// Returns the lines that come.
    pub(crate) fn added(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.tag == Tag::Add)
    }

    /// Tells whether it changes anything.
    pub(crate) fn changes(&self) -> bool {
        self.lines.iter().any(|line| line.tag != Tag::Keep)
    }

    /// Tells whether unchanged lines show where it belongs; a line that goes and comes again is unchanged too.
    pub(crate) fn has_context(&self) -> bool {
        let stays = |line: &&Line| line.tag == Tag::Keep || self.added().any(|added| added.text == line.text);
        self.old().filter(stays).any(|line| !lines::is_blank(&line.text))
    }

    /// Returns the number of unchanged lines at its end.
    pub(crate) fn trailing_context(&self) -> usize {
        self.lines.iter().rev().take_while(|line| line.tag == Tag::Keep).count()
    }

    /// Returns how many old and new lines it has.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.old().count(), self.coming().count())
    }

    /// Returns the block without the given lines.
    pub(crate) fn without(&self, drop: &[Range<usize>]) -> Self {
        let mut block = self.clone();
        let mut index = 0;
        block.lines.retain(|_| {
            index += 1;
            !drop.iter().any(|range| range.contains(&(index - 1)))
        });
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_search_and_replacement_share_are_kept() {
        let block = Block::replacing(&["a", "b", "c"], &["a", "B", "c", "d"]);
        let tags: Vec<_> = block.lines.iter().map(|line| (line.tag, line.text.as_str())).collect();
        let expected = [(Tag::Keep, "a"), (Tag::Remove, "b"), (Tag::Add, "B"), (Tag::Keep, "c"), (Tag::Add, "d")];
        assert_eq!(tags, expected);
        assert_eq!(block.sizes(), (3, 4));
    }
}
