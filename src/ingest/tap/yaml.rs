//! The diagnostics under a test point: as much of YAML as producers write there, and whatever else they write.
//!
//! It reads nested keys and scalars in all styles; lists, anchors and tags it does not interpret. It never fails.

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

/// The entries of a block, in order: keys joined with `.`, and scalars.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entries(Vec<(String, String)>);

impl Entries {
    /// Returns the value of the first of `keys` that has one, wherever it is nested.
    pub(super) fn get(&self, keys: &[&str]) -> Option<&str> {
        let value_of = |wanted: &&str| {
            let is_wanted =
                |key: &str| key == *wanted || key.strip_suffix(*wanted).is_some_and(|rest| rest.ends_with('.'));
            self.0.iter().find(|(key, value)| is_wanted(key) && !value.is_empty())
        };
        keys.iter().find_map(value_of).map(|(_, value)| value.as_str())
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
        if parents.len() >= DEPTH_MAX {
            continue;
        }
        let key =
            ["single", "double", "plain"].iter().find_map(|style| found.name(style)).map_or("", |key| key.as_str());
        let key = match parents.last() {
            Some((_, parent)) => format!("{parent}.{key}"),
            None => key.to_owned(),
        };
        if key.len() > KEY_BYTES_MAX {
            continue;
        }
        let rest = lines[at..].iter().take_while(|line| line.trim().is_empty() || indent_of(line) > indent);
        let value = found.name("value").map(|value| value.as_str().trim()).unwrap_or_default();
        if value.is_empty() {
            parents.push((indent, key));
        } else {
            let rest: Vec<_> = rest.copied().collect();
            at += rest.len();
            entries.0.push((key, scalar(value, &rest)));
        }
    }
    entries
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Reads a scalar from what stands behind its key and on the deeper lines under it.
fn scalar(value: &str, rest: &[&str]) -> String {
    match value.as_bytes()[0] {
        b'|' => literal(rest, "\n"),
        b'>' => literal(rest, " "),
        quote => {
            let joined = [value].into_iter().chain(rest.iter().map(|line| line.trim())).collect::<Vec<_>>().join(" ");
            unquote(joined.trim(), quote)
        }
    }
}

fn literal(rest: &[&str], separator: &str) -> String {
    let depth = rest.iter().filter(|line| !line.trim().is_empty()).map(|line| indent_of(line)).min().unwrap_or(0);
    let text = rest.iter().map(|line| line.get(depth..).unwrap_or_default()).collect::<Vec<_>>().join(separator);
    text.trim_end().to_owned()
}

fn unquote(text: &str, quote: u8) -> String {
    let quoted = text.strip_prefix(['\'', '"', '`']).and_then(|rest| rest.strip_suffix(char::from(quote)));
    match (quote, quoted) {
        (b'\'', Some(inner)) => inner.replace("''", "'").replace("\\'", "'"),
        (b'"', Some(inner)) => unescape(inner),
        (b'`', Some(inner)) => inner.to_owned(),
        _ => text.to_owned(),
    }
}

fn unescape(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            (c, false) => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_producers_write_is_read() {
        let block = "  duration_ms: 2.8\n  location: '/u/a.mjs:4:80'\n  error: |-\n    Expected\n\n      2 !== 3\n  name: \"Assertion\\nError\"\n  \
            at:\n    line: 8\n    file: test.js\n  folded: >-\n    f.is\n    (a.js:1)\n  plain: two\n    lines\n  tick: `it's`\n  'odd key: x': 1\n  last: ''\n";
        let entries = read(block);
        for (key, value) in [
            ("location", "/u/a.mjs:4:80"),
            ("error", "Expected\n\n  2 !== 3"),
            ("name", "Assertion\nError"),
            ("at.line", "8"),
            ("file", "test.js"),
            ("folded", "f.is (a.js:1)"),
            ("plain", "two lines"),
            ("tick", "it's"),
            ("odd key: x", "1"),
        ] {
            assert_eq!(entries.get(&[key]), Some(value), "{entries:?}");
        }
        assert_eq!(entries.get(&["none", "last", "at"]), None);
    }

    #[test]
    fn depth_is_bounded() {
        let block: String = (0..5000).map(|depth| format!("{}k:\n", " ".repeat(depth))).collect();
        assert_eq!(read(&block), Entries::default());
    }

    proptest! {
        #[test]
        fn any_block_is_read_without_a_panic(block in "(?s)[ a:'\"`|>\\-\\\\\n#é]{0,120}") {
            let _ = read(&block).get(&["a"]);
        }
    }
}
