//! Attributes and text out of raw XML, leniently: what a strict reader would refuse is taken as it stands.
//!
//! Entities a document declares itself are never expanded; they stay as written.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};

/// Iterates over the attributes of a start tag, name and raw value, up to the tag's end.
pub(in crate::ingest) struct Attributes<'t> {
    rest: &'t str,
}

/// Reads the attributes in what follows a tag's name.
pub(in crate::ingest) fn attributes(after_name: &str) -> Attributes<'_> {
    Attributes { rest: after_name }
}

impl<'t> Attributes<'t> {
    /// Returns what has not been read: once there are no more attributes, the end of the tag and all after it.
    pub(super) fn rest(&self) -> &'t str {
        self.rest
    }

    /// Finds the next name, without prefix, and its equals sign.
    fn name(&self) -> Option<(&'t str, usize)> {
        let (mut start, mut end) = (0, 0);
        for (at, byte) in self.rest.bytes().enumerate() {
            match byte {
                b'=' => return Some((&self.rest[start..end], at)),
                b'<' | b'>' => return None,
                b' ' | b'\t' | b'\n' | b'\r' | b':' => {}
                _ => {
                    start = if end == at { start } else { at };
                    end = at + 1;
                }
            }
        }
        None
    }
}

impl<'t> Iterator for Attributes<'t> {
    type Item = (&'t str, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, equals) = self.name()?;
        let value = self.rest[equals + 1..].trim_ascii_start();
        let (value, rest) = match value.as_bytes().first() {
            Some(&quote @ (b'"' | b'\'')) => {
                let end = memchr(quote, &value.as_bytes()[1..]).map_or(value.len(), |end| end + 1);
                (&value[1..end], value.get(end + 1..).unwrap_or_default())
            }
            _ => value.split_at(value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len())),
        };
        self.rest = rest;
        Some((name, value))
    }
}

/// Returns one attribute's text.
pub(super) fn attribute<'t>(after_name: &'t str, wanted: &str) -> Option<Cow<'t, str>> {
    attributes(after_name).find(|(name, _)| *name == wanted).map(|(_, value)| unescape(value))
}

/// Replaces the five predefined entities and character references; others stay as they are.
pub(in crate::ingest) fn unescape(raw: &str) -> Cow<'_, str> {
    let Some(first) = memchr(b'&', raw.as_bytes()) else { return Cow::Borrowed(raw) };
    let mut text = String::with_capacity(raw.len());
    text.push_str(&raw[..first]);
    let mut rest = &raw[first..];
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let (c, length) = reference(&rest[at..]).unwrap_or(('&', 1));
        text.push(c);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Reads the reference at the start of `text`: the character it stands for, and its length.
fn reference(text: &str) -> Option<(char, usize)> {
    const LENGTH_MAX: usize = 12;
    let end = memchr(b';', &text.as_bytes()[..text.len().min(LENGTH_MAX)])?;
    let c = match &text[1..end] {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((c, end + 1))
}

/// Returns the text of an element's raw content, at most about `bytes_max` bytes from each end of it:
/// CDATA sections as they are, references replaced, tags and comments left out.
pub(super) fn plain_text(raw: &str, bytes_max: usize) -> String {
    let mut text = String::new();
    for piece in ends(raw, bytes_max) {
        append_plain(piece, &mut text);
    }
    text
}

/// Cuts the middle out of content that is far too long to be kept, so that it is not even decoded.
fn ends(raw: &str, bytes_max: usize) -> [&str; 2] {
    if raw.len() / 8 <= bytes_max {
        return [raw, ""];
    }
    let head = raw.floor_char_boundary(bytes_max.saturating_mul(4));
    let tail = raw.ceil_char_boundary(raw.len() - bytes_max.saturating_mul(4)).max(head);
    [&raw[..head], &raw[tail..]]
}

fn append_plain(raw: &str, text: &mut String) {
    let mut rest = raw;
    while let Some(at) = memchr2(b'<', b'&', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if let Some(content) = rest.strip_prefix("<![CDATA[") {
            let end = memmem::find(content.as_bytes(), b"]]>").unwrap_or(content.len());
            text.push_str(&content[..end]);
            "<![CDATA[".len() + end + "]]>".len()
        } else if rest.starts_with("<!--") {
            memmem::find(rest.as_bytes(), b"-->").map_or(rest.len(), |end| end + "-->".len())
        } else if let Some((c, length)) = reference(rest) {
            text.push(c);
            length
        } else if is_tag(rest) {
            memchr(b'>', rest.as_bytes()).map_or(rest.len(), |end| end + 1)
        } else {
            text.push_str(&rest[..1]);
            1
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
}

fn is_tag(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next() == Some(b'<')
        && bytes.next().is_some_and(|byte| byte == b'/' || byte == b'?' || byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attributes_are_read_as_producers_write_them() {
        let tag =
            " name=\"a &lt; b\" classname = 'x.y'\n time=\"<<computed>>\" x:file=\"f\" empty=\"\" bare=1 cut=\"open";
        let found: Vec<_> = attributes(tag).collect();
        let wanted = [
            ("name", "a &lt; b"),
            ("classname", "x.y"),
            ("time", "<<computed>>"),
            ("file", "f"),
            ("empty", ""),
            ("bare", "1"),
            ("cut", "open"),
        ];
        assert_eq!(found, wanted);
        assert_eq!(attribute(tag, "name").as_deref(), Some("a < b"));
        assert_eq!(attribute(tag, "none"), None);
    }

    #[test]
    fn attributes_end_where_the_tag_ends() {
        let mut found = attributes("name='a>b'  />\n<testcase name='c'/>");
        assert_eq!(found.by_ref().collect::<Vec<_>>(), [("name", "a>b")]);
        assert_eq!(found.rest().trim_start(), "/>\n<testcase name='c'/>");
    }

    #[test]
    fn only_predefined_and_character_references_are_replaced() {
        assert_eq!(unescape("&lt;&#10;&#x1b;&amp;quot;&lol9; & &#xffffffff;"), "<\n\u{1b}&quot;&lol9; & &#xffffffff;");
    }

    #[test]
    fn cdata_in_pieces_and_child_text_are_joined() {
        let raw = "a &amp; <![CDATA[<b>]]]]><![CDATA[>]]><!-- <x> --><stackTrace>c</stackTrace> 1 < 2";
        assert_eq!(plain_text(raw, 1 << 10), "a & <b>]]>c 1 < 2");
    }

    #[test]
    fn of_huge_content_both_ends_are_decoded() {
        let raw = format!("head{}tail", "é".repeat(100_000));
        let text = plain_text(&raw, 100);
        assert!(text.starts_with("head") && text.ends_with("tail") && text.len() < 1000);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(raw in "(?s)[<>&;\"'=!\\[\\]CDATA\\-# a-zé]{0,80}") {
            let _ = attributes(&raw).count();
            let _ = (unescape(&raw), plain_text(&raw, 1 << 10), plain_text(&raw, 3));
        }
    }
}
