//! Characters that deceive a reader: controls, bidirectional overrides, invisible letters. It judges no meaning.

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
        | '\u{202a}'..='\u{202e}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

/// Returns the first line, from 1, and the character by which `after` holds more of one hidden character than `before`.
/// A byte-order mark at the very beginning is none.
pub(crate) fn newly_hidden(before: &str, after: &str) -> Option<(usize, char)> {
    let after = after.strip_prefix('\u{feff}').unwrap_or(after);
    let count = |text: &str, wanted: char| text.chars().filter(|&c| c == wanted).count();
    let before = before.strip_prefix('\u{feff}').unwrap_or(before);
    let known: Vec<&str> = before.lines().filter(|line| line.contains(is_hidden)).collect();
    after.lines().enumerate().find_map(|(index, line)| {
        let c = line.chars().find(|&c| is_hidden(c))?;
        let moved = known.contains(&line) && count(after, c) <= count(before, c);
        (!moved).then_some((index + 1, c))
    })
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
