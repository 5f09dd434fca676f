//! Finds lines by the words in them, for formats that look whether a part of an input is theirs.
//!
//! Each line is looked at once, however often the words stand in it.

use memchr::{memchr, memmem, memrchr};

/// Returns the lines of `text` that hold `words`.
pub(super) fn lines_with<'t>(text: &'t str, words: &'t str) -> impl Iterator<Item = &'t str> {
    let finder = memmem::Finder::new(words.as_bytes());
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + finder.find(text.as_bytes().get(from..)?)?;
        let start = memrchr(b'\n', &text.as_bytes()[..at]).map_or(0, |end| end + 1);
        let end = memchr(b'\n', &text.as_bytes()[at..]).map_or(text.len(), |n| at + n);
        from = end + 1;
        let line = text.get(start..end)?;
        Some(line.strip_suffix('\r').unwrap_or(line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, lines: &[&str]) {
        assert_eq!(lines_with(text, "in").collect::<Vec<_>>(), lines, "{text:?}");
    }

    #[test]
    fn each_line_with_the_words_is_found_once() {
        check("in in\r\nout\n once in a line\nin", &["in in", " once in a line", "in"]);
        check("", &[]);
        check("in\n", &["in"]);
        check("\nin", &["in"]);
    }
}
