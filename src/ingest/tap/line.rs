//! One line of a TAP stream, without its indentation (TAP 12, 13 and 14).

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::pattern;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'t> {
    /// `TAP version 14`
    Version,
    /// `1..5`, with the number of its last test.
    Plan(u64),
    /// `ok 1 - name`
    Point(Point<'t>),
    /// `Bail out! reason`
    BailOut(&'t str),
    /// `# Subtest: name`
    Subtest(&'t str),
    /// Any other comment.
    Comment(&'t str),
    /// `}`, the end of a buffered subtest.
    Close,
    /// Nothing that TAP knows.
    Other,
}

/// A test point.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Point<'t> {
    pub(super) is_ok: bool,
    pub(super) number: Option<&'t str>,
    /// The description without directive and escapes; may be empty.
    pub(super) name: Cow<'t, str>,
    pub(super) directive: Option<Directive>,
    /// Whether a buffered subtest follows.
    pub(super) opens: bool,
}

/// What a point says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    Skip,
    Todo,
}

/// `1..5`, until TAP 13 with a reason to skip all.
static PLAN: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\d+\.\.(\d+)\s*(?:#.*)?$"));

/// A directive at the beginning of a comment.
static DIRECTIVE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^\s*(?:(?P<skip>skip\S*)|(?P<todo>todo)\b|(?P<time>time=))"));

/// The time that pg_regress puts behind a name, which is not part of it.
static TIME: LazyLock<Regex> = LazyLock::new(|| pattern(r"\s{2,}\d+ ms$"));

/// Reads a line.
pub(super) fn parse(content: &str) -> Line<'_> {
    match content.as_bytes().first() {
        Some(b'o' | b'n') => point(content).map_or(Line::Other, Line::Point),
        Some(b'#') => {
            let comment = content[1..].trim();
            comment.strip_prefix("Subtest:").map_or(Line::Comment(comment), |name| Line::Subtest(name.trim()))
        }
        Some(b'0'..=b'9') => {
            let last = PLAN.captures(content).and_then(|found| found[1].parse().ok());
            last.map_or(Line::Other, Line::Plan)
        }
        Some(b'}') if content[1..].trim_start().is_empty() || content[1..].trim_start().starts_with('#') => Line::Close,
        Some(b'T') if content.starts_with("TAP version ") => Line::Version,
        Some(b'B' | b'b') if content.get(..9).is_some_and(|words| words.eq_ignore_ascii_case("bail out!")) => {
            Line::BailOut(content[9..].trim())
        }
        _ => Line::Other,
    }
}

fn point(content: &str) -> Option<Point<'_>> {
    let (is_ok, rest) = match content.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, content.strip_prefix("ok")?),
    };
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    let rest = rest.trim();
    let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = match rest.split_at(n_digits) {
        (number, rest) if n_digits > 0 && (rest.is_empty() || rest.starts_with([' ', '\t'])) => (Some(number), rest),
        _ => (None, rest),
    };
    let (rest, opens) = match rest.strip_suffix('{') {
        Some(rest) if rest.is_empty() || rest.ends_with(' ') => (rest, true),
        _ => (rest, false),
    };
    let (description, directive) = split_directive(rest);
    let description = description.trim();
    let description = match description.strip_prefix(['-', '+']) {
        Some(rest) if rest.is_empty() || rest.starts_with(' ') => rest.trim_start(),
        _ => description,
    };
    let timeless = TIME.find(description).map_or(description, |time| &description[..time.start()]);
    Some(Point { is_ok, number, name: unescape(timeless), directive, opens })
}

/// Splits a description at the first comment that is a directive or a time; other `#` are part of the name.
fn split_directive(rest: &str) -> (&str, Option<Directive>) {
    for at in memchr::memchr_iter(b'#', rest.as_bytes()) {
        let is_separate = at == 0 || rest[..at].ends_with([' ', '\t']);
        let Some(found) = DIRECTIVE.captures(&rest[at + 1..]).filter(|_| is_separate) else { continue };
        let directive = match (found.name("skip"), found.name("todo")) {
            (Some(_), _) => Some(Directive::Skip),
            (None, Some(_)) => Some(Directive::Todo),
            (None, None) => None,
        };
        return (&rest[..at], directive);
    }
    (rest, None)
}

/// Replaces `\#` and `\\`, the only escapes of TAP 14; elsewhere a backslash is itself.
pub(super) fn unescape(name: &str) -> Cow<'_, str> {
    if !name.contains("\\#") && !name.contains("\\\\") {
        return Cow::Borrowed(name);
    }
    let mut text = String::with_capacity(name.len());
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = chars.next_if(|&next| c == '\\' && (next == '#' || next == '\\'));
        text.push(escaped.unwrap_or(c));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content: &str, is_ok: bool, number: Option<&str>, name: &str, directive: Option<Directive>) {
        let wanted = Point { is_ok, number, name: Cow::Borrowed(name), directive, opens: false };
        assert_eq!(parse(content), Line::Point(wanted), "{content}");
    }

    #[test]
    fn points_are_read_as_producers_write_them() {
        use Directive::{Skip, Todo};
        check("ok", true, None, "", None);
        check("not ok 12", false, Some("12"), "", None);
        check("ok 1 - name", true, Some("1"), "name", None);
        check("ok 1 name - with dash", true, Some("1"), "name - with dash", None);
        check("not ok - no number", false, None, "no number", None);
        check("ok 2     + in_parallel     12 ms", true, Some("2"), "in_parallel", None);
        check("ok 2 - -1 is negative", true, Some("2"), "-1 is negative", None);
        check("ok 1 - 009 is a name", true, Some("1"), "009 is a name", None);
        check("ok 3 name # SKIP why", true, Some("3"), "name", Some(Skip));
        check("ok 3 #skipped: why", true, Some("3"), "", Some(Skip));
        check("not ok 3 - name # todo later", false, Some("3"), "name", Some(Todo));
        check("not ok 3 - see # todos", false, Some("3"), "see # todos", None);
        check("not ok 3 - has # hash and \\# TODO", false, Some("3"), "has # hash and # TODO", None);
        check("ok 1 - name # time=12.3ms", true, Some("1"), "name", None);
        check("ok 1 - timed     12 ms", true, Some("1"), "timed", None);
        check("ok 1 - a\\\\b \\s", true, Some("1"), "a\\b \\s", None);
    }

    #[test]
    fn a_brace_opens_a_buffered_subtest() {
        for content in ["ok 1 - name {", "ok 1 - name # time=1ms {", "ok 1 - name # SKIP {"] {
            let Line::Point(point) = parse(content) else { panic!("{content} is no point") };
            assert!(point.opens && point.name == "name", "{point:?}");
        }
    }

    #[test]
    fn other_lines_are_what_they_are() {
        assert_eq!(parse("TAP version 14"), Line::Version);
        assert_eq!(parse("1..136211425"), Line::Plan(136_211_425));
        assert_eq!(parse("1..0 # SKIP none"), Line::Plan(0));
        assert_eq!(parse("Bail out! no disk"), Line::BailOut("no disk"));
        assert_eq!(parse("# Subtest: a b"), Line::Subtest("a b"));
        assert_eq!(parse("# note"), Line::Comment("note"));
        for content in ["okay", "ok1", "nothing", "1..x", "1..99999999999999999999999", "", "}x", "Bail"] {
            assert_eq!(parse(content), Line::Other, "{content}");
        }
    }
}
