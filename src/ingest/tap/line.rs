//! One line of a TAP stream, without its indentation (TAP 12, 13, 14 and the kernel's dialect of it).
//!
//! A point costs neither a pattern nor a copy; only a name with escapes in it is put together anew.

use std::borrow::Cow;
use std::time::Duration;

use memchr::{memchr, memchr_iter};

/// What a line is.
#[derive(Debug, PartialEq)]
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
    /// Any other comment, without its `#`.
    Comment(&'t str),
    /// `pragma +strict`
    Pragma,
    /// `{`, the beginning of a buffered subtest whose point has diagnostics.
    Open,
    /// `}`, the end of a buffered subtest.
    Close,
    /// Nothing that TAP knows.
    Other,
}

/// A test point.
#[derive(Debug, PartialEq)]
pub(super) struct Point<'t> {
    pub(super) is_ok: bool,
    pub(super) number: Option<u64>,
    /// The description without directive, as written; may be empty.
    pub(super) name: &'t str,
    /// The description with what looks like a directive, for producers that escape nothing.
    pub(super) whole: &'t str,
    pub(super) directive: Option<Directive>,
    pub(super) duration: Option<Duration>,
    /// Whether a buffered subtest follows.
    pub(super) opens: bool,
}

/// What a point says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    Skip,
    Todo,
}

/// A comment behind a description that is not part of it.
enum Remark {
    Directive(Directive),
    Time(Duration),
}

/// Reads a line that has no white space around it.
pub(super) fn parse(content: &str) -> Line<'_> {
    match content.as_bytes().first() {
        Some(b'o' | b'n') => point(content).map_or(Line::Other, Line::Point),
        // `##[error]` and its like are GitHub's and Azure's.
        Some(b'#') if !content.starts_with("##[") => {
            let comment = content[1..].trim_start();
            comment.strip_prefix("Subtest:").map_or(Line::Comment(comment), |name| Line::Subtest(name.trim()))
        }
        Some(b'0'..=b'9') => plan(content).map_or(Line::Other, Line::Plan),
        Some(b'{') if content.len() == 1 => Line::Open,
        Some(b'}') if content[1..].is_empty() || content[1..].trim_start().starts_with('#') => Line::Close,
        Some(b'T' | b'K') if is_version(content) => Line::Version,
        Some(b'p') if content.starts_with("pragma +") || content.starts_with("pragma -") => Line::Pragma,
        Some(b'B' | b'b') if content.get(..9).is_some_and(|words| words.eq_ignore_ascii_case("bail out!")) => {
            Line::BailOut(content[9..].trim_start())
        }
        _ => Line::Other,
    }
}

fn is_version(content: &str) -> bool {
    let version = content.strip_prefix('K').unwrap_or(content).strip_prefix("TAP version ");
    version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

/// Reads `1..5`, until TAP 13 with a reason to skip all.
fn plan(content: &str) -> Option<u64> {
    let (first, rest) = split_number(content)?;
    let (last, rest) = split_number(rest.strip_prefix("..")?)?;
    let rest = rest.trim_start();
    (first <= 1 && (rest.is_empty() || rest.starts_with('#'))).then_some(last)
}

fn point(content: &str) -> Option<Point<'_>> {
    let (is_ok, rest) = match content.strip_prefix("ok") {
        Some(rest) => (true, rest),
        None => (false, content.strip_prefix("not ok")?),
    };
    let is_word = rest.is_empty() || rest.starts_with([' ', '\t']);
    // `ok  ⇥package ⇥0.01s` is what `go test` says of a package.
    if !is_word || rest.starts_with("  \t") {
        return None;
    }
    let rest = rest.trim_ascii_start();
    let (number, rest) = match split_number(rest) {
        Some((number, rest)) if rest.is_empty() || rest.starts_with([' ', '\t']) => (Some(number), rest),
        _ => (None, rest),
    };
    let (rest, opens) = match rest.strip_suffix('{') {
        Some(rest) if rest.is_empty() || rest.ends_with(' ') => (rest.trim_ascii_end(), true),
        _ => (rest, false),
    };
    let (whole, is_dashed) = without_dash(rest.trim_ascii_start());
    let (name, directive, duration) = split_remarks(whole);
    let (name, suffixed) = split_time(name, is_dashed);
    let (whole, _) = split_time(whole, is_dashed);
    Some(Point { is_ok, number, name, whole, directive, duration: duration.or(suffixed), opens })
}

/// Splits the digits off the beginning of a text.
fn split_number(text: &str) -> Option<(u64, &str)> {
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(n_digits);
    Some((digits.parse().ok()?, rest))
}

/// Takes off the dash between number and description, or the `+` of pg_regress' parallel tests; tells whether there was
/// one.
fn without_dash(rest: &str) -> (&str, bool) {
    match rest.strip_prefix(['-', '+']) {
        Some("") => ("", true),
        Some(name) if name.starts_with(' ') => (name.trim_ascii_start(), true),
        _ => (rest, false),
    }
}

/// Splits a description at the first comment that is a directive or a time; other `#` are part of the name.
fn split_remarks(whole: &str) -> (&str, Option<Directive>, Option<Duration>) {
    let (mut name, mut directive, mut duration) = (whole, None, None);
    if memchr(b'#', whole.as_bytes()).is_none() {
        return (name, directive, duration);
    }
    for at in memchr_iter(b'#', whole.as_bytes()) {
        let is_separate = at == 0 || whole[..at].ends_with([' ', '\t']);
        let Some(remark) = remark(&whole[at + 1..]).filter(|_| is_separate) else { continue };
        if directive.is_none() && duration.is_none() {
            name = whole[..at].trim_ascii_end();
        }
        match remark {
            Remark::Directive(found) => directive = directive.or(Some(found)),
            Remark::Time(found) => duration = duration.or(Some(found)),
        }
    }
    (name, directive, duration)
}

fn remark(comment: &str) -> Option<Remark> {
    let comment = comment.trim_ascii_start();
    let starts_with = |word: &str| comment.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if starts_with("skip") {
        return Some(Remark::Directive(Directive::Skip));
    }
    if starts_with("todo") {
        let is_word = comment[4..].bytes().next().is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'_');
        return is_word.then_some(Remark::Directive(Directive::Todo));
    }
    let time = comment.strip_prefix("time=")?;
    time_of(time.split_ascii_whitespace().next()?).map(Remark::Time)
}

/// Splits the time off a name that pg_regress (`name   12 ms`) or Bats (`name in 12ms`) put behind it.
fn split_time(name: &str, is_dashed: bool) -> (&str, Option<Duration>) {
    let Some(rest) = name.strip_suffix("ms") else { return (name, None) };
    let (rest, separator) = match rest.strip_suffix(' ') {
        Some(rest) => (rest, "  "),
        None if is_dashed => return (name, None),
        None => (rest, " in "),
    };
    let n_digits = rest.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (rest, digits) = rest.split_at(rest.len() - n_digits);
    match (rest.strip_suffix(separator), digits.parse().ok()) {
        (Some(name), Some(millis)) => (name.trim_ascii_end(), Some(Duration::from_millis(millis))),
        _ => (name, None),
    }
}

/// Reads `12.5ms`, `1.2s` or `3m`; a bare number counts seconds.
fn time_of(text: &str) -> Option<Duration> {
    let n_number = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let seconds_each = match &text[n_number..] {
        "ms" => 1e-3,
        "s" | "" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(text[..n_number].parse::<f64>().ok()? * seconds_each).ok()
}

/// Replaces `\#` and, where the stream says its version, `\\`; elsewhere a backslash is itself.
pub(super) fn unescape(name: &str, has_version: bool) -> Cow<'_, str> {
    if memchr(b'\\', name.as_bytes()).is_none() {
        return Cow::Borrowed(name);
    }
    let mut text = String::with_capacity(name.len());
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = chars.next_if(|&next| c == '\\' && (next == '#' || has_version && next == '\\'));
        text.push(escaped.unwrap_or(c));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Point<'_> {
        match parse(content) {
            Line::Point(point) => point,
            other => panic!("{content} is {other:?}"),
        }
    }

    fn check(content: &str, is_ok: bool, number: Option<u64>, name: &str, directive: Option<Directive>) {
        let point = read(content);
        assert_eq!(
            (point.is_ok, point.number, point.name, point.directive),
            (is_ok, number, name, directive),
            "{content}"
        );
        assert!(!point.opens, "{content}");
    }

    #[test]
    fn points_are_read_as_producers_write_them() {
        use Directive::{Skip, Todo};
        check("ok", true, None, "", None);
        check("not ok 12", false, Some(12), "", None);
        check("ok 1 - name", true, Some(1), "name", None);
        check("ok 1 name - with dash", true, Some(1), "name - with dash", None);
        check("not ok - no number", false, None, "no number", None);
        check("ok 2 - -1 is negative", true, Some(2), "-1 is negative", None);
        check("ok 1 - 009 is a name", true, Some(1), "009 is a name", None);
        check("ok 1 -", true, Some(1), "", None);
        check("ok 99999999999999999999999 x", true, None, "99999999999999999999999 x", None);
        check("ok 3 name # SKIP why", true, Some(3), "name", Some(Skip));
        check("ok 3 #skipped: why", true, Some(3), "", Some(Skip));
        check("ok 3 # skip", true, Some(3), "", Some(Skip));
        check("not ok 3 - name # todo later", false, Some(3), "name", Some(Todo));
        check("not ok 3 - name # TODO: later", false, Some(3), "name", Some(Todo));
        check("not ok 3 - see # todos", false, Some(3), "see # todos", None);
        check("not ok 3 - has # hash and \\# TODO", false, Some(3), "has # hash and \\# TODO", None);
        check("ok 1 - timed # time=1.5s # SKIP late", true, Some(1), "timed", Some(Skip));
        check("ok 1 - # time=now", true, Some(1), "# time=now", None);
    }

    #[test]
    fn times_are_taken_off_names() {
        let check = |content, name, millis| {
            let point = read(content);
            assert_eq!((point.name, point.duration.map(|time| time.as_secs_f64() * 1e3)), (name, millis), "{content}");
        };
        check("ok 1 - name # time=12.5ms", "name", Some(12.5));
        check("ok 1 - name # TODO x # time=2s", "name", Some(2000.0));
        check("ok 2     + in_parallel     12 ms", "in_parallel", Some(12.0));
        check("ok 1         - boolean                281 ms", "boolean", Some(281.0));
        check("ok 1 adds in 12ms", "adds", Some(12.0));
        check("ok 1 skips in 3ms # skip later", "skips", Some(3.0));
        check("ok 1 - answers in 12ms", "answers in 12ms", None);
        check("ok 1 - takes 12 ms", "takes 12 ms", None);
        check("ok 1 ms", "ms", None);
        check("ok 1 - e # time=9999999999999999999999s", "e # time=9999999999999999999999s", None);
    }

    #[test]
    fn a_brace_opens_a_buffered_subtest() {
        for content in ["ok 1 - name {", "ok 1 - name # time=1ms {", "ok 1 - name # SKIP {"] {
            let point = read(content);
            assert!(point.opens && point.name == "name", "{point:?}");
        }
        assert!(!read("ok 1 - brace { # time=1ms").opens && !read("ok 1 - brace{").opens);
    }

    #[test]
    fn other_lines_are_what_they_are() {
        assert_eq!(parse("TAP version 14"), Line::Version);
        assert_eq!(parse("KTAP version 1"), Line::Version);
        assert_eq!(parse("1..136211425"), Line::Plan(136_211_425));
        assert_eq!(parse("1..0 # SKIP none"), Line::Plan(0));
        assert_eq!(parse("1..2#x"), Line::Plan(2));
        assert_eq!(parse("Bail out! no disk"), Line::BailOut("no disk"));
        assert_eq!(parse("# Subtest: a b"), Line::Subtest("a b"));
        assert_eq!(parse("# note"), Line::Comment("note"));
        assert_eq!((parse("{"), parse("}"), parse("} # time=3ms")), (Line::Open, Line::Close, Line::Close));
        assert_eq!(parse("pragma +strict"), Line::Pragma);
        let others =
            ["okay", "ok1", "nothing", "1..x", "5..9", "1..99999999999999999999999", "", "}x", "{}", "Bail", "K"];
        for content in
            others.into_iter().chain(["TAP version", "TAP is fun", "ok  \tgithub.com/a/b\t0.01s", "not okay"])
        {
            assert_eq!(parse(content), Line::Other, "{content}");
        }
    }

    #[test]
    fn backslashes_are_escapes_where_the_producer_escapes() {
        assert_eq!(unescape("a\\\\b \\# \\s", true), "a\\b # \\s");
        assert_eq!(unescape("a\\\\b \\# \\s", false), "a\\\\b # \\s");
    }
}
