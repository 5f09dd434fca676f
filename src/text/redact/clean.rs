//! Removes what a terminal or a reader does not show as text: escapes, control, bidirectional and zero-width characters.

use crate::text::ansi;

/// Returns `text` with plain line ends and without anything invisible but spaces, tabs and line feeds.
///
/// The emoji variation selector stays: it is common in honest test output and can hide nothing.
pub(super) fn clean(text: &str) -> String {
    let stripped = ansi::strip(text);
    let mut chars = stripped.chars().peekable();
    let mut cleaned = String::with_capacity(stripped.len());
    while let Some(char) = chars.next() {
        match char {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => cleaned.push('\n'),
            '\n' | '\t' => cleaned.push(char),
            _ if char.is_control() || is_invisible(char) => {}
            _ => cleaned.push(char),
        }
    }
    cleaned
}

/// Tells whether Unicode calls a character a format character, filler, tag or supplementary variation selector.
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_controls_and_invisible_characters_are_removed() {
        assert_eq!(clean("\x1b[31mred\x1b[0m \u{202e}abc\u{200b}\u{9b}x\0 ✔\u{fe0f}"), "red abcx ✔\u{fe0f}");
    }

    #[test]
    fn every_kind_of_line_end_becomes_a_line_feed() {
        assert_eq!(clean("a\r\nb\rc\n\td"), "a\nb\nc\n\td");
    }

    #[test]
    fn an_escape_that_appears_by_removing_another_is_no_escape() {
        let once = clean("\x1b\x1b[31m[31mx");
        assert_eq!(clean(&once), once);
    }
}
