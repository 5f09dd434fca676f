//! The diagnostics under a test point: as much of YAML as producers write there, and whatever else they write.
//!
//! It reads nested keys, and scalars in all styles, also quoted ones that run over lines at any depth (Vitest) and JSON
//! over several lines (QUnit). Lists, anchors and tags it does not interpret. It never fails.

use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::pattern;

/// Keys deeper than this are read as text.
const DEPTH_MAX: usize = 16;

/// The longest key with those around it, in bytes.
const KEY_BYTES_MAX: usize = 1 << 10;

/// `key:` or `key: value`
static ENTRY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r##"^(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<plain>[^\s'"#:\[{|>-][^:]*?))\s*:(?:\s+(?P<value>.*))?$"##,
    )
});

/// The entries of a block, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entries(Vec<Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// The key, behind those around it, joined with `.`.
    key: String,
    /// A scalar, or the text of the entries in it.
    value: String,
    is_scalar: bool,
}

impl Entries {
    /// Returns the scalar of the first of `keys` that has one, wherever it is nested.
    pub(super) fn get(&self, keys: &[&str]) -> Option<&str> {
        self.find(keys, true)
    }

    /// Returns the scalar or the text of the entries of the first of `keys` that has either.
    pub(super) fn get_any(&self, keys: &[&str]) -> Option<&str> {
        self.find(keys, false)
    }

    /// Returns the first scalar in the entry `outer`, with its key.
    pub(super) fn first_in(&self, outer: &str) -> Option<(&str, &str)> {
        let inner_key = |entry: &Entry| {
            let key = entry.key.strip_prefix(outer)?.strip_prefix('.')?;
            Some(entry.key.len() - key.len()).filter(|_| entry.is_scalar)
        };
        let (entry, start) = self.0.iter().find_map(|entry| Some((entry, inner_key(entry)?)))?;
        Some((&entry.key[start..], &entry.value))
    }

    fn find(&self, keys: &[&str], scalars_only: bool) -> Option<&str> {
        let value_of = |wanted: &&str| {
            let is_wanted =
                |key: &str| key == *wanted || key.strip_suffix(*wanted).is_some_and(|rest| rest.ends_with('.'));
            let is_found =
                |entry: &&Entry| is_wanted(&entry.key) && !entry.value.is_empty() && (entry.is_scalar || !scalars_only);
            self.0.iter().find(is_found)
        };
        keys.iter().find_map(value_of).map(|entry| entry.value.as_str())
    }
}

/// Reads a block, without its `---` and `...`.
pub(super) fn read(block: &str) -> Entries {
    let lines: Vec<_> = block.lines().collect();
    let mut entries = Entries::default();
    let mut parents: Vec<(usize, String)> = Vec::new();
    let mut at = 0;
    while let Some(&line) = lines.get(at) {
        at += 1;
        let indent = indent_of(line);
        let Some(found) = ENTRY.captures(line.trim()) else { continue };
        parents.retain(|(parent, _)| *parent < indent);
        let key = ["single", "double", "plain"].iter().find_map(|style| found.name(style));
        let key = key.map_or("", |key| key.as_str());
        let key = match parents.last() {
            Some((_, parent)) => format!("{parent}.{key}"),
            None => key.to_owned(),
        };
        if parents.len() >= DEPTH_MAX || key.len() > KEY_BYTES_MAX {
            continue;
        }
        let under = &lines[at..at + n_deeper(&lines[at..], indent)];
        let value = found.name("value").map(|value| value.as_str().trim()).unwrap_or_default();
        if value.is_empty() {
            parents.push((indent, key.clone()));
            entries.0.push(Entry { key, value: dedented(under, "\n"), is_scalar: false });
        } else {
            let (value, n_lines) = scalar(value, under, &lines[at..]);
            at += n_lines;
            entries.0.push(Entry { key, value, is_scalar: true });
        }
    }
    entries
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn n_deeper(lines: &[&str], indent: usize) -> usize {
    lines.iter().take_while(|line| line.trim().is_empty() || indent_of(line) > indent).count()
}

/// Reads a scalar from what stands behind its key and on the lines under it, of which the first are deeper; returns the
/// number of lines it takes.
fn scalar(value: &str, deeper: &[&str], lines: &[&str]) -> (String, usize) {
    match value.as_bytes()[0] {
        b'|' => (dedented(deeper, "\n"), deeper.len()),
        b'>' => (dedented(deeper, " "), deeper.len()),
        quote @ (b'"' | b'\'' | b'`') => quoted(value, quote, deeper, lines),
        b'{' | b'[' if value.len() == 1 => {
            let n_lines = (deeper.len() + 1).min(lines.len());
            (format!("{value}\n{}", dedented(&lines[..n_lines], "\n")).trim_end().to_owned(), n_lines)
        }
        _ => (joined(value, deeper), deeper.len()),
    }
}

fn quoted(value: &str, quote: u8, deeper: &[&str], lines: &[&str]) -> (String, usize) {
    if end_of_quoted(&value[1..], quote).is_some() {
        return (unquote(value, quote), 0);
    }
    match lines.iter().position(|line| end_of_quoted(line, quote).is_some()) {
        // Deeper lines are folded, as in YAML; others stand as they were printed.
        Some(last) if last < deeper.len() => (unquote(&joined(value, &lines[..=last]), quote), last + 1),
        Some(last) => (unquote(&format!("{value}\n{}", lines[..=last].join("\n")), quote), last + 1),
        None => (joined(value, deeper), deeper.len()),
    }
}

/// Returns where a text that is quoted ends.
pub(super) fn end_of_quoted(text: &str, quote: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

fn joined(value: &str, lines: &[&str]) -> String {
    let lines = [value].into_iter().chain(lines.iter().map(|line| line.trim()));
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn dedented(lines: &[&str], separator: &str) -> String {
    let depth = lines.iter().filter(|line| !line.trim().is_empty()).map(|line| indent_of(line)).min().unwrap_or(0);
    let text = lines.iter().map(|line| line.get(depth..).unwrap_or_default()).collect::<Vec<_>>().join(separator);
    text.trim_end().to_owned()
}

fn unquote(text: &str, quote: u8) -> String {
    let inner = text.strip_prefix(['\'', '"', '`']).unwrap_or(text);
    let inner = &inner[..end_of_quoted(inner, quote).unwrap_or(inner.len())];
    match quote {
        b'\'' => inner.replace("''", "'").replace("\\'", "'"),
        b'"' => unescape(inner),
        _ => inner.to_owned(),
    }
}

fn unescape(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('u') => {
                let digits = chars.as_str().get(..4).unwrap_or_default();
                text.extend(u32::from_str_radix(digits, 16).ok().and_then(char::from_u32));
                chars = chars.as_str()[digits.len()..].chars();
            }
            Some(other) => text.push(other),
            None => text.push('\\'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(block: &str, wanted: &[(&str, &str)]) {
        let entries = read(block);
        for (key, value) in wanted {
            assert_eq!(entries.get_any(&[key]), Some(*value), "{entries:#?}");
        }
    }

    #[test]
    fn what_producers_write_is_read() {
        let block = "  duration_ms: 2.8\n  location: '/u/a.mjs:4:80'\n  error: |-\n    Expected\n\n      2 !== 3\n  name: \"Assertion\\nError\"\n  \
            at:\n    line: 8\n    file: test.js\n  folded: >-\n    f.is\n    (a.js:1)\n  plain: two\n    lines\n  tick: `it's`\n  'odd key: x': 1\n  last: ''\n";
        check(
            block,
            &[
                ("location", "/u/a.mjs:4:80"),
                ("error", "Expected\n\n  2 !== 3"),
                ("name", "Assertion\nError"),
                ("at.line", "8"),
                ("file", "test.js"),
                ("folded", "f.is (a.js:1)"),
                ("plain", "two lines"),
                ("tick", "it's"),
                ("odd key: x", "1"),
            ],
        );
        assert_eq!(read(block).get(&["none", "last", "at"]), None);
        assert_eq!(read(block).first_in("at"), Some(("line", "8")));
    }

    #[test]
    fn nested_values_are_text_too() {
        check(
            "  expected:\n    a:\n      0: 1\n      b: 'x'\n  actual:\n    a: 2\n",
            &[("expected", "a:\n  0: 1\n  b: 'x'"), ("actual", "a: 2"), ("a.0", "1")],
        );
    }

    #[test]
    fn quotes_end_where_they_end_and_not_where_the_line_does() {
        check(
            "  at: \"a.ts:1:2\"\n  actual: \"Object {\n  \\\"a\\\": 1,\n}\"\n  folded: 'it''s\n    long'\n  expected: \"b\"\n",
            &[("actual", "Object {\n  \"a\": 1,\n}"), ("folded", "it's long"), ("expected", "b"), ("at", "a.ts:1:2")],
        );
        check("  a: \"\\u001b[3 \\\"x\\\" \\u12\"\n", &[("a", "\u{1b}[3 \"x\" 12")]);
        check("  a: 'never ends\n    deeper\n  b: 1\n", &[("a", "'never ends deeper"), ("b", "1")]);
    }

    #[test]
    fn json_over_several_lines_is_a_value() {
        check(
            "  actual  : {\n    \"a\": [\n      1\n    ]\n  }\n  expected: [\n",
            &[("expected", "["), ("actual", "{\n  \"a\": [\n    1\n  ]\n}")],
        );
    }

    #[test]
    fn depth_is_bounded() {
        let block: String = (0..5000).map(|depth| format!("{}k:\n", " ".repeat(depth))).collect();
        assert_eq!(read(&block).0.len(), DEPTH_MAX);
    }

    proptest! {
        #[test]
        fn any_block_is_read_without_a_panic(block in "(?s)[ a:'\"`|>{\\-\\\\\nu#é]{0,120}") {
            let _ = read(&block).get(&["a"]);
        }
    }
}
