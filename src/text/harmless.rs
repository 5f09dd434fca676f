//! Text of others, made harmless for a terminal, a CI log and Markdown: test output and model output are data there as
//! everywhere, and must neither steer a terminal, hide what a reviewer reads, nor speak to a CI runner.

use std::fmt::Write as _;

use crate::text::ansi;

/// Returns one harmless line: line ends become spaces, and everything that does not print is shown as an escape.
pub fn line(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    visible(&flat)
}

/// Returns one harmless line of at most `chars_max` characters, with an ellipsis where it was cut.
pub fn short(text: &str, chars_max: usize) -> String {
    cut(line(text), chars_max)
}

/// Returns the first lines of a text, each harmless and cut to `chars_max` characters, blank ones left out; a last
/// line tells how many more there were.
pub fn first_lines(text: &str, n_lines: usize, chars_max: usize) -> Vec<String> {
    let clean = ansi::strip(text);
    let mut lines = clean.lines().filter(|line| !line.trim().is_empty());
    let mut told: Vec<String> =
        lines.by_ref().take(n_lines).map(|line| cut(visible(line.trim_end()), chars_max)).collect();
    match lines.count() {
        0 => {}
        n_more => told.push(format!("… {n_more} more lines")),
    }
    told
}

/// Returns `text` with everything that does not print shown as an escape; line ends and tabs stay. Nothing else is
/// changed, so that a reviewer sees exactly what is there.
pub fn visible(text: &str) -> String {
    let clean = ansi::strip(text);
    let mut out = String::with_capacity(clean.len());
    for c in clean.chars() {
        if is_hidden(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out.replace("##[", "## [")
}

/// Returns `text` with every escape sequence and hidden character shown, as a reviewer must see a patch.
pub fn revealed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Returns `text` so that no line of it is a command to a GitHub runner, which obeys `::name …::` after blanks at the
/// start of a line and `##[name]` anywhere.
pub fn mute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let body = line.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        match body.strip_prefix("::") {
            Some(rest) => {
                out.push_str(&line[..line.len() - body.len()]);
                out.push_str(":\u{200b}:");
                out.push_str(rest);
            }
            None => out.push_str(line),
        }
    }
    out.replace("##[", "#\u{200b}#[")
}

fn cut(text: String, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Tells whether a character steers instead of printing: controls, and what reorders or hides text (Unicode
/// bidirectional controls, zero-width and tag characters, after UTR #36).
fn is_hidden(c: char) -> bool {
    let steers = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let separates = matches!(c, '\u{2028}' | '\u{2029}' | '\u{00ad}' | '\u{061c}' | '\u{e0000}'..='\u{e007f}');
    (c.is_control() && !matches!(c, '\n' | '\t')) || steers || separates
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_and_hidden_characters_are_shown_instead_of_obeyed() {
        assert_eq!(line("\x1b[31mred\x1b[m\x07 a\u{202e}b\r\nnext\tcolumn"), "red\\u{7} a\\u{202e}b next column");
        assert_eq!(revealed("+ok \x1b[2K\u{200b}\n"), "+ok \\u{1b}[2K\\u{200b}\n");
    }

    #[test]
    fn long_text_is_cut_and_the_rest_counted() {
        assert_eq!(short("abcdef", 3), "abc…");
        assert_eq!(short("äöü", 3), "äöü");
        assert_eq!(first_lines("a\n\nb\nc\nd\n", 2, 9), ["a", "b", "… 2 more lines"]);
    }

    #[test]
    fn commands_to_a_runner_are_muted_and_code_keeps_its_look() {
        assert_eq!(mute("  ::set-env name=A::b\nx ::error::y\n"), "  :\u{200b}:set-env name=A::b\nx ::error::y\n");
        assert_eq!(mute("say ##[error]x"), "say #\u{200b}#[error]x");
        assert_eq!(mute("std::mem::swap(a, b)\n"), "std::mem::swap(a, b)\n");
    }

    proptest! {
        #[test]
        fn no_line_of_any_text_steers_a_terminal_or_a_runner(text in "(\\PC|\\x1b|[:#\\[\\n\\t\u{202e}\u{200b}]|::){0,60}") {
            for shown in [line(&text), visible(&text), revealed(&text), short(&text, 9)] {
                prop_assert!(!shown.chars().any(is_hidden), "{shown:?}");
            }
            prop_assert!(!line(&text).contains(['\n', '\t']));
            for muted in mute(&visible(&text)).lines() {
                prop_assert!(!muted.trim_start().starts_with("::") && !muted.contains("##["), "{muted:?}");
            }
        }
    }
}
