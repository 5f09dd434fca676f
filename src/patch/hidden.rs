//! Characters that deceive a reader: controls, bidirectional overrides, invisible letters. It judges no meaning.

use std::collections::{HashMap, HashSet};

/// Tells whether a character has no place in a path or in newly written code. Tabs and line ends do not count here;
/// a path must refuse them itself.
pub(crate) fn is_hidden(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | '\u{c}' => false,
        c if c.is_control() => true,
        // Soft hyphen, Arabic letter mark, zero-width and directional marks, overrides and isolates, invisible operators,
        // variation selectors, interlinear marks, tags: "Trojan Source" and its kin.
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

/// Returns the first line, from 1, that brings a hidden character, and that character: the line is new, or the text holds
/// more of them than before. A byte-order mark at the very beginning is none.
pub(crate) fn newly_hidden(before: &str, after: &str) -> Option<(usize, char)> {
    let [before, after] = [before, after].map(|text| text.strip_prefix('\u{feff}').unwrap_or(text));
    let known: HashSet<&str> = before.lines().filter(|line| line.contains(is_hidden)).collect();
    let (old, new) = (counts(before), counts(after));
    after.lines().enumerate().find_map(|(index, line)| {
        let c = line.chars().find(|&c| is_hidden(c))?;
        let is_known = known.contains(line) && new.get(&c) <= old.get(&c);
        (!is_known).then_some((index + 1, c))
    })
}

fn counts(text: &str) -> HashMap<char, usize> {
    let mut counts = HashMap::new();
    for c in text.chars().filter(|&c| is_hidden(c)) {
        *counts.entry(c).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_may_stay_and_what_is_new_is_named() {
        let old = "a\nlet x = \"\u{202e}\";\n";
        assert_eq!(newly_hidden(old, &format!("new\n{old}")), None);
        assert_eq!(newly_hidden("a\n", old), Some((2, '\u{202e}')));
        assert_eq!(newly_hidden(old, &old.replace("let", "let \u{202e}")), Some((2, '\u{202e}')));
    }

    #[test]
    fn tabs_line_ends_and_a_byte_order_mark_are_not_hidden() {
        assert_eq!(newly_hidden("", "\u{feff}a\tb\r\n"), None);
        assert_eq!(newly_hidden("", "a\u{feff}"), Some((1, '\u{feff}')));
        assert_eq!(newly_hidden("", "\u{1b}[31m"), Some((1, '\u{1b}')));
    }
}
