//! One service message: `##teamcity[name attribute='value' …]`.
//!
//! The grammar is that of TeamCity's documentation, "Service Messages"; one that is cut short is read as far as it goes.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::{memchr, memchr2};

/// How every message begins.
const BEGIN: &str = "##teamcity[";

static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(BEGIN));

/// A message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Message<'t> {
    pub(super) kind: &'t str,
    attributes: &'t str,
}

/// Finds the message in a line, which may follow something that was printed without a line's end; returns that as well.
pub(super) fn find(line: &str) -> Option<(&str, Message<'_>)> {
    let at = FINDER.find(line.as_bytes())?;
    let text = line[at + BEGIN.len()..].trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (kind, attributes) = text.split_at(end);
    (!kind.is_empty()).then_some((&line[..at], Message { kind, attributes }))
}

impl<'t> Message<'t> {
    /// Returns the texts of the named attributes; of one that is missing, an empty text.
    pub(super) fn texts<const N: usize>(&self, names: [&str; N]) -> [Cow<'t, str>; N] {
        let mut texts = names.map(|_| Cow::Borrowed(""));
        let mut rest = self.attributes;
        while let Some((name, value, after)) = attribute(rest) {
            if let Some(at) = names.iter().position(|wanted| *wanted == name) {
                texts[at] = unescape(value);
            }
            rest = after;
        }
        texts
    }
}

/// Takes the first attribute: its name, its value as escaped, and what follows.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.trim_start();
    let (name, rest) =
        text.split_at(text.find(|c: char| c == '=' || c == '\'' || c == ']' || c.is_ascii_whitespace())?);
    let value = rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix('\'')?;
    let mut end = 0;
    while let Some(at) = memchr2(b'|', b'\'', &value.as_bytes()[end..]) {
        if value.as_bytes()[end + at] == b'\'' {
            return Some((name, &value[..end + at], &value[end + at + 1..]));
        }
        // What is escaped may be any character.
        end += at + 1 + value[end + at + 1..].chars().next().map_or(0, char::len_utf8);
    }
    Some((name, value, ""))
}

/// Replaces what is escaped by a bar.
fn unescape(raw: &str) -> Cow<'_, str> {
    let Some(mut bar) = memchr(b'|', raw.as_bytes()) else { return Cow::Borrowed(raw) };
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    loop {
        text.push_str(&rest[..bar]);
        rest = &rest[bar + 1..];
        let code = rest.strip_prefix("0x").and_then(|hex| u32::from_str_radix(hex.get(..4)?, 16).ok());
        let n = match (code, rest.chars().next()) {
            (Some(code), _) => {
                text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                "0xNNNN".len()
            }
            (None, Some(c)) => {
                text.push(match c {
                    'n' => '\n',
                    'r' => '\r',
                    'x' => '\u{85}',
                    'l' => '\u{2028}',
                    'p' => '\u{2029}',
                    other => other,
                });
                c.len_utf8()
            }
            (None, None) => 0,
        };
        rest = &rest[n..];
        match memchr(b'|', rest.as_bytes()) {
            Some(next) => bar = next,
            None => return Cow::Owned(text + rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, before: &str, kind: &str, name: &str, out: &str) {
        let (found, message) = find(line).unwrap_or_else(|| panic!("no message in {line}"));
        let [found_name, found_out] = message.texts(["name", "out"]);
        assert_eq!((found, message.kind, &*found_name, &*found_out), (before, kind, name, out));
    }

    #[test]
    fn messages_are_read_wherever_they_stand_in_a_line() {
        check("##teamcity[testStarted name='a' out='b']", "", "testStarted", "a", "b");
        check("printed##teamcity[testStdOut out = 'b'\tname='a' flowId='1']", "printed", "testStdOut", "a", "b");
        check("  ##teamcity[testCount count='3']", "  ", "testCount", "", "");
        check("##teamcity[message 'x']", "", "message", "", "");
        assert_eq!(find("##teamcity[]").map(|(before, _)| before), None);
        assert_eq!(find("##teamcity|[testFailed name='a'|]"), None);
    }

    #[test]
    fn what_is_escaped_is_put_back() {
        check(
            "##teamcity[t name='it|'s |[a|] || b' out='|n|r|x|l|p|0x00e9|0x20AC|q|0xZ']",
            "",
            "t",
            "it's [a] | b",
            "\n\r\u{85}\u{2028}\u{2029}é€q0xZ",
        );
        check("##teamcity[t name='|0xD800|é' out='a||n|']", "", "t", "\u{fffd}é", "a|n']");
    }

    #[test]
    fn a_message_that_is_cut_is_read_as_far_as_it_goes() {
        check("##teamcity[t name='a' out='half a st", "", "t", "a", "half a st");
        check("##teamcity[t name='a' out=", "", "t", "a", "");
        check("##teamcity[t name='a' out='b|", "", "t", "a", "b");
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_a_panic(line in "(##teamcity\\[)?[a-z'=|\\]\\[ nx0é]{0,60}") {
            if let Some((_, message)) = find(&line) {
                let _ = message.texts(["name", "n"]);
            }
        }
    }
}
