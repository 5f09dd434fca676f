//! A file's text as the ladder looks at it. Nothing here knows of edits.

use std::collections::HashMap;

use crate::patch::lines;

/// A file's text, split.
pub(crate) struct Source<'a> {
    /// Lines with their ends.
    pub lines: Vec<&'a str>,
    /// Lines without `\n`, a `\r` still on them.
    pub raws: Vec<&'a str>,
    /// The line end most lines have.
    pub end: &'static str,
    /// Whether the last line lacks an end.
    pub open: bool,
}

impl<'a> Source<'a> {
    /// Splits a text.
    pub(crate) fn new(text: &'a str) -> Self {
        let split = lines::split(text);
        let raws = split.iter().map(|line| line.strip_suffix('\n').unwrap_or(line)).collect();
        let open = !text.is_empty() && !text.ends_with('\n');
        Self { end: lines::common_end(split.iter().copied()), lines: split, raws, open }
    }

    /// Returns the number of lines.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns every word of the file, a run of letters, digits and `_`, and how often it is there.
    pub(crate) fn words(&self) -> HashMap<&'a str, usize> {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut words = HashMap::new();
        for word in self.raws.iter().flat_map(|line| line.split(|c| !is_word(c))).filter(|word| !word.is_empty()) {
            *words.entry(word).or_default() += 1;
        }
        words
    }

    /// Tells how the file is indented: `Some('\t')` or `Some(' ')` when every indented line agrees, else `None`.
    /// The one space before the stars of a block comment is no indentation.
    pub(crate) fn style(&self) -> Option<char> {
        let code = self.raws.iter().filter(|line| !lines::is_blank(line) && !line.trim_start().starts_with('*'));
        let mut styles = code.filter_map(|line| line.chars().next()).filter(|c| matches!(c, ' ' | '\t'));
        let first = styles.next()?;
        styles.all(|c| c == first).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_is_known_only_when_all_lines_agree() {
        assert_eq!(Source::new("a\n\tb\n/*\n * c\n */\n").style(), Some('\t'));
        assert_eq!(Source::new("a\n  b\n").style(), Some(' '));
        assert_eq!(Source::new("a\n  b\n\tc\n").style(), None);
        assert_eq!(Source::new("a\n").style(), None);
    }
}
