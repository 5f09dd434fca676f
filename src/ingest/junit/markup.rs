//! Tags, attributes and text out of raw XML, leniently: what a strict reader would refuse is taken as it stands.
//!
//! Entities a document declares itself are never expanded; they stay as written. Nothing here calls itself again, so
//! that depth costs nothing.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3, memmem, memrchr, memrchr2};

use crate::text::cap::HeadAndTail;

/// How a CDATA section begins and ends.
pub(super) const CDATA: [&str; 2] = ["<![CDATA[", "]]>"];

/// How a comment begins and ends.
pub(super) const COMMENT: [&str; 2] = ["<!--", "-->"];

/// The elements of which reports are made.
const ELEMENTS: &[&[u8]] = &[
    b"testcase",
    b"testsuite",
    b"testsuites",
    b"failure",
    b"error",
    b"skipped",
    b"system-out",
    b"system-err",
    b"properties",
    b"flakyFailure",
    b"flakyError",
    b"rerunFailure",
    b"rerunError",
];

/// The longest reference: `&#x10ffff;`, with some leading zeros.
const REFERENCE_BYTES_MAX: usize = 12;

/// Bytes of a tag inside an element's text that are held back until the rest of it is there.
const TAG_BYTES_HELD: usize = 1 << 10;

/// Line breaks that are held back until it is known whether text follows them.
const LINE_BREAKS_HELD: usize = 1 << 10;

/// Iterates over the attributes of a start tag, name and raw value, up to the tag's end.
pub(in crate::ingest) struct Attributes<'t> {
    text: &'t str,
    /// Where reading stands.
    at: usize,
}

/// How a tag ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TagEnd {
    /// Bytes up to it, itself included.
    pub(super) length: usize,
    /// Whether the element ends with it.
    pub(super) is_empty: bool,
    /// Whether it is damaged: the next tag begins before it ends.
    pub(super) is_damaged: bool,
}

/// Reads the attributes in what follows a tag's name.
pub(in crate::ingest) fn attributes(after_name: &str) -> Attributes<'_> {
    Attributes { text: after_name, at: 0 }
}

/// Where the value of an attribute stands in the text that was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    end: usize,
    has_references: bool,
}

impl Span {
    /// Returns the raw value.
    pub(super) fn raw(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }

    /// Returns the value with its references replaced.
    pub(super) fn of(self, text: &str) -> Cow<'_, str> {
        if self.has_references { unescape(self.raw(text)) } else { Cow::Borrowed(self.raw(text)) }
    }
}

impl<'t> Attributes<'t> {
    /// Returns how the tag ends, once all attributes were read; `None` when it does not in this text.
    pub(super) fn end(&self) -> Option<TagEnd> {
        let bytes = self.text.as_bytes();
        let end = |length, is_empty, is_damaged| TagEnd { length, is_empty, is_damaged };
        if bytes[self.at..].starts_with(b"/>") {
            return Some(end(self.at + 2, true, false));
        }
        let at = self.at + memchr2(b'<', b'>', &bytes[self.at..])?;
        Some(match bytes[at] {
            b'>' => end(at + 1, at > 0 && bytes[at - 1] == b'/', false),
            _ => end(at, false, true),
        })
    }

    /// Takes the next attribute: where its name and where its raw value stand.
    #[inline]
    pub(super) fn next_spans(&mut self) -> Option<(&'t [u8], Span)> {
        let bytes = self.text.as_bytes();
        let start = self.at + usize::from(bytes.get(self.at) == Some(&b' '));
        let mut end = start;
        // All that may end a name comes before the letters.
        while bytes.get(end).is_some_and(|byte| *byte >= b'A') {
            end += 1;
        }
        if let Some([b'=', quote @ (b'"' | b'\'')]) = bytes.get(end..end + 2)
            && start < end
        {
            return Some((&bytes[start..end], self.quoted(end + 2, *quote)));
        }
        if matches!(bytes.get(self.at), Some(b'/' | b'>')) {
            return None;
        }
        self.next_of_any_form()
    }

    /// Takes the next attribute, however it is written.
    #[cold]
    fn next_of_any_form(&mut self) -> Option<(&'t [u8], Span)> {
        let (mut start, mut end) = (self.at, self.at);
        let mut bytes = self.text.bytes().enumerate().skip(self.at);
        let equals = loop {
            match bytes.next()? {
                (at, b'=') => break at,
                (_, b'<' | b'>') => return None,
                (_, b' ' | b'\t' | b'\n' | b'\r' | b':') => {}
                (at, _) => {
                    start = if end == at { start } else { at };
                    end = at + 1;
                }
            }
        };
        let name = &self.text.as_bytes()[start..end];
        let value = self.text[equals + 1..].trim_ascii_start();
        let at = self.text.len() - value.len();
        if let Some(&quote @ (b'"' | b'\'')) = value.as_bytes().first() {
            return Some((name, self.quoted(at + 1, quote)));
        }
        let value = Span { start: at, end: at + bare(value).len(), has_references: true };
        self.at = value.end;
        Some((name, value))
    }

    /// Takes the value that begins at `start`, after an opening quote, and the closing one.
    ///
    /// A value that holds a tag of the report lost its quote: the tag it stands in ends where that other tag begins. Of it,
    /// as of one without any end, as much is taken as may have been its own.
    #[inline]
    fn quoted(&mut self, start: usize, quote: u8) -> Span {
        let bytes = self.text.as_bytes();
        let end = memchr3(quote, b'<', b'&', &bytes[start..]).map_or(bytes.len(), |distance| start + distance);
        if bytes.get(end) == Some(&quote) {
            self.at = end + 1;
            return Span { start, end, has_references: false };
        }
        self.quoted_from(start, end, quote)
    }

    /// Takes the value that begins at `start` and has no end before `at`.
    fn quoted_from(&mut self, start: usize, at: usize, quote: u8) -> Span {
        let bytes = self.text.as_bytes();
        let mut at = at;
        while let Some(distance) = memchr2(quote, b'<', &bytes[at..]) {
            at += distance;
            if bytes[at] == quote {
                self.at = at + 1;
                return Span { start, end: at, has_references: true };
            }
            if element(&self.text[at..], "").is_some() {
                return self.unended(start, at);
            }
            at += 1;
        }
        self.unended(start, bytes.len())
    }

    fn unended(&mut self, start: usize, end: usize) -> Span {
        self.at = end;
        Span { start, end: start + without_end(&self.text[start..end]).len(), has_references: true }
    }
}

impl<'t> Iterator for Attributes<'t> {
    type Item = (&'t str, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.next_spans()?;
        Some((std::str::from_utf8(name).unwrap_or_default(), value.raw(self.text)))
    }
}

/// Returns the value without quotes that `text` begins with.
fn bare(text: &str) -> &str {
    let value = &text[..text.find([' ', '\t', '\n', '\r', '<', '>']).unwrap_or(text.len())];
    let is_last = text[value.len()..].starts_with('>');
    value.strip_suffix('/').filter(|_| is_last).unwrap_or(value)
}

/// Returns what may have been the value of an attribute whose closing quote is missing.
fn without_end(text: &str) -> &str {
    let end = text.find(['>', '\n', '"', '\'']).unwrap_or(text.len());
    text[..end].trim_end_matches(['/', ' ', '\r'])
}

/// Returns the name of the report's element whose start or end tag, with this prefix, `text` begins with.
pub(super) fn element(text: &str, prefix: &str) -> Option<&'static str> {
    let name = text.as_bytes().strip_prefix(b"<")?;
    let name = name.strip_prefix(b"/").unwrap_or(name).strip_prefix(prefix.as_bytes())?;
    let ends = |rest: &[u8]| matches!(rest.first(), Some(b' ' | b'\t' | b'\n' | b'\r' | b'/' | b'>'));
    let found = ELEMENTS.iter().find(|element| name.strip_prefix(**element).is_some_and(ends))?;
    std::str::from_utf8(found).ok()
}

/// A start tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag<'t> {
    /// The name as written, with any prefix.
    pub(super) name: &'t str,
    /// What stands between its name and its end.
    pub(super) attributes: &'t str,
    pub(super) end: TagEnd,
}

/// Returns the name of the start tag that `text` begins with, as written; empty when it is none.
pub(super) fn start_name(text: &str) -> &str {
    text.strip_prefix('<').map(name).unwrap_or_default()
}

/// Returns the name of the end tag that `text` begins with, as written; empty when it is none.
pub(super) fn end_name(text: &str) -> &str {
    text.strip_prefix("</").map(name).unwrap_or_default()
}

/// Returns the name at the beginning of `text`.
fn name(text: &str) -> &str {
    let is_end = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'/' | b'>' | b'<');
    &text[..text.bytes().position(is_end).unwrap_or(text.len())]
}

/// Returns a name without its prefix.
pub(super) fn local(name: &str) -> &str {
    match memrchr(b':', name.as_bytes()) {
        Some(at) => &name[at + 1..],
        None => name,
    }
}

/// Reads the start tag that `text` begins with; `None` when it does not end in this text.
pub(super) fn start_tag(text: &str) -> Option<Tag<'_>> {
    let name = start_name(text);
    let after_name = &text[1 + name.len()..];
    let mut attributes = attributes(after_name);
    while attributes.next().is_some() {}
    let end = attributes.end()?;
    let length = 1 + name.len() + end.length;
    Some(Tag { name, attributes: &text[1 + name.len()..length], end: TagEnd { length, ..end } })
}

/// Returns where a document type declaration at the beginning of `text` ends.
pub(super) fn doctype_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => at += memchr(*byte, &bytes[at + 1..])? + 1,
            b'<' if bytes[at..].starts_with(COMMENT[0].as_bytes()) => {
                at += memmem::find(&bytes[at..], COMMENT[1].as_bytes())?;
            }
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b'>' if depth == 0 => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
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
    let end = memchr(b';', &text.as_bytes()[..text.len().min(REFERENCE_BYTES_MAX)])?;
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

/// The text of elements whose raw content comes in pieces: CDATA sections as they are, references replaced, tags and
/// comments left out, each element from its first line that is not empty to its last. Head and tail of it are kept.
#[derive(Debug, Default)]
pub(super) struct PlainText {
    text: HeadAndTail,
    is_in_cdata: bool,
    /// Whether there was text in this element.
    is_begun: bool,
    /// Line breaks before the next text, if there is any.
    n_line_breaks: usize,
}

impl PlainText {
    /// Keeps at most about `bytes_max` bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { text: HeadAndTail::new(bytes_max), ..Self::default() }
    }

    /// Adds a piece of the content; it ends outside of tags and references.
    pub(super) fn push(&mut self, raw: &str) {
        let mut rest = raw;
        while !rest.is_empty() {
            let length = if self.is_in_cdata { self.push_cdata(rest) } else { self.push_next(rest) };
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// Returns how much at the beginning of raw content that comes next is text, CDATA sections included, before a tag.
    pub(super) fn length_of_text(&self, raw: &str) -> usize {
        let mut at = if self.is_in_cdata { end_of_cdata(raw) } else { 0 };
        while let Some(distance) = memchr(b'<', &raw.as_bytes()[at..]) {
            at += distance;
            if !raw[at..].starts_with(CDATA[0]) {
                return at;
            }
            at += end_of_cdata(&raw[at..]);
        }
        raw.len()
    }

    /// Ends an element after which the text of another follows on a line of its own.
    pub(super) fn end_line(&mut self) {
        (self.is_in_cdata, self.is_begun) = (false, false);
        self.n_line_breaks = usize::from(!self.text.is_empty());
    }

    /// Returns the text.
    pub(super) fn into_text(self) -> String {
        self.text.into_text()
    }

    /// Returns at most about `bytes_max` bytes of the text.
    pub(super) fn into_text_of(self, bytes_max: usize) -> String {
        self.text.into_text_of(bytes_max)
    }

    fn push_text(&mut self, text: &str) {
        let text = if self.is_begun { text } else { text.trim_start_matches(['\r', '\n']) };
        let lines = text.trim_end_matches('\n');
        if !lines.is_empty() {
            self.is_begun = true;
            self.push_line_breaks();
            self.text.push(lines);
        }
        self.n_line_breaks += text.len() - lines.len();
        if self.n_line_breaks > LINE_BREAKS_HELD {
            self.push_line_breaks();
        }
    }

    fn push_line_breaks(&mut self) {
        (0..std::mem::take(&mut self.n_line_breaks)).for_each(|_| self.text.push("\n"));
    }

    /// Adds the beginning of text inside a CDATA section; returns its length.
    fn push_cdata(&mut self, text: &str) -> usize {
        let end = memmem::find(text.as_bytes(), CDATA[1].as_bytes());
        self.is_in_cdata = end.is_none();
        self.push_text(&text[..end.unwrap_or(text.len())]);
        end.map_or(text.len(), |end| end + CDATA[1].len())
    }

    /// Adds the beginning of text outside of CDATA sections; returns its length.
    fn push_next(&mut self, text: &str) -> usize {
        let at = memchr2(b'<', b'&', text.as_bytes()).unwrap_or(text.len());
        if at > 0 {
            self.push_text(&text[..at]);
            return at;
        }
        let length_to = |end: &str| memmem::find(text.as_bytes(), end.as_bytes()).map(|at| at + end.len());
        if text.starts_with(CDATA[0]) {
            self.is_in_cdata = true;
            CDATA[0].len()
        } else if text.starts_with(COMMENT[0]) {
            length_to(COMMENT[1]).unwrap_or(text.len())
        } else if let Some((c, length)) = reference(text) {
            self.push_text(c.encode_utf8(&mut [0; 4]));
            length
        } else if is_tag(text) {
            length_to(">").unwrap_or(text.len())
        } else {
            self.push_text(&text[..1]);
            1
        }
    }
}

/// Returns how many bytes at the end of raw content may be part of a reference, of a tag or of the end of a CDATA section
/// that goes on behind it.
pub(super) fn unfinished(raw: &str) -> usize {
    let near_end = |n_bytes: usize| &raw.as_bytes()[raw.floor_char_boundary(raw.len().saturating_sub(n_bytes))..];
    let (near, very_near) = (near_end(TAG_BYTES_HELD), near_end(REFERENCE_BYTES_MAX));
    let tag = memrchr2(b'<', b'>', near).filter(|at| near[*at] == b'<').map_or(0, |at| near.len() - at);
    let reference = memchr2(b'&', b']', very_near).map_or(0, |at| very_near.len() - at);
    tag.max(reference)
}

/// Returns where the CDATA section in which `text` begins ends, or its length.
fn end_of_cdata(text: &str) -> usize {
    memmem::find(text.as_bytes(), CDATA[1].as_bytes()).map_or(text.len(), |end| end + CDATA[1].len())
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

    #[track_caller]
    fn check_tag(text: &str, attributes: &str, is_empty: bool, rest: &str) {
        let tag = start_tag(text).unwrap();
        assert_eq!((tag.attributes, tag.end.is_empty, &text[tag.end.length..]), (attributes, is_empty, rest), "{text}");
    }

    #[test]
    fn tags_end_where_their_attributes_do() {
        check_tag("<a name='a>b'  />\n<b/>", " name='a>b'  />", true, "\n<b/>");
        check_tag("<a>b", ">", false, "b");
        check_tag("<a b=1/>c", " b=1/>", true, "c");
        check_tag("<a b c>d", " b c>", false, "d");
        assert_eq!(start_tag("<a name='b>"), None);
        assert_eq!(start_tag("<a name='b' "), None);
        assert_eq!(start_tag("<a"), None);
    }

    #[test]
    fn a_tag_without_its_end_ends_where_the_next_begins() {
        check_tag("<a b='1' <failure/>", " b='1' ", false, "<failure/>");
        check_tag("<a b='1/>\n<testcase c='2'/>", " b='1/>\n", false, "<testcase c='2'/>");
        for text in [" b='1/>\n<testcase c='2'/>", " b='1/>\n"] {
            assert_eq!(attributes(text).collect::<Vec<_>>(), [("b", "1")], "{text}");
        }
        check_tag("<a b='1 < 2 <x> </y>'>c", " b='1 < 2 <x> </y>'>", false, "c");
    }

    #[test]
    fn a_document_type_ends_behind_all_it_declares() {
        let text = "<!DOCTYPE t [<!ENTITY a \"]>\"><!-- don't > ]> --><!ELEMENT b (c)>] >rest";
        assert_eq!(doctype_end(text).map(|end| &text[end..]), Some("rest"));
        assert_eq!(doctype_end("<!DOCTYPE t SYSTEM 'a>"), None);
        assert_eq!(doctype_end("<!DOCTYPE t [ <!ENTITY"), None);
    }

    #[test]
    fn only_predefined_and_character_references_are_replaced() {
        assert_eq!(unescape("&lt;&#10;&#x1b;&amp;quot;&lol9; & &#xffffffff;"), "<\n\u{1b}&quot;&lol9; & &#xffffffff;");
    }

    fn plain(pieces: &[&str], bytes_max: usize) -> String {
        let mut text = PlainText::new(bytes_max);
        for piece in pieces {
            text.push(piece);
        }
        text.into_text()
    }

    #[test]
    fn cdata_in_pieces_and_child_text_are_joined() {
        let raw = "a &amp; <![CDATA[<b>]]]]><![CDATA[>]]><!-- <x> --><stackTrace>c</stackTrace> 1 < 2";
        assert_eq!(plain(&[raw], 1 << 10), "a & <b>]]>c 1 < 2");
        assert_eq!(plain(&["a<![CDATA[<b>", "<c>&amp;", "]]><d>"], 1 << 10), "a<b><c>&amp;");
    }

    #[test]
    fn elements_follow_each_other_line_by_line() {
        let mut text = PlainText::new(1 << 10);
        for raw in ["\n\r\n  a\n\nb\n\n", "", "\n", "<![CDATA[\n]]>&#10;<![CDATA[c", "d\n"] {
            text.push(raw);
            text.end_line();
        }
        assert_eq!(text.into_text(), "  a\n\nb\nc\nd");
    }

    #[test]
    fn of_huge_content_both_ends_are_kept() {
        let raw = format!("head{}tail", "é".repeat(100_000));
        let text = plain(&[&raw], 100);
        assert!(text.starts_with("head") && text.ends_with("tail") && text.len() < 200);
    }

    #[test]
    fn what_may_go_on_behind_a_piece_is_held_back() {
        for (raw, n) in
            [("abc", 0), ("abc&am", 3), ("abc]", 1), ("abc]]", 2), ("é&#x1b", 5), ("a<b c", 4), ("<b>c", 0), ("", 0)]
        {
            assert_eq!(unfinished(raw), n, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(raw in "(?s)[<>&;\"'=!\\[\\]CDATA\\-# a-zé]{0,80}") {
            let _ = attributes(&raw).count();
            let _ = (unescape(&raw), plain(&[&raw], 1 << 10), plain(&[&raw], 3), doctype_end(&raw), unfinished(&raw));
            let _ = (element(&raw, ""), start_tag(&format!("<{raw}")));
        }
    }
}
