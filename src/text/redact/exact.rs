//! Finds known secret values: as they are, base64-encoded at any alignment, percent-encoded, JSON-escaped, or wrapped
//! over lines. It never looks for a value so short or so common that covering it would only garble the text.

use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::AhoCorasick;

use crate::text::redact::{Secret, clean, entropy};

/// Shorter values are too likely to occur by chance.
const BYTES_MIN: usize = 8;

/// Values of settings that are no secrets, whatever the setting is called.
const BENIGN: &[&str] = &[
    "[redacted]",
    "0.0.0.0",
    "127.0.0.1",
    "anonymous",
    "changeme",
    "disabled",
    "localhost",
    "password",
    "postgres",
    "production",
    "redacted",
    "required",
    "undefined",
];

/// A matcher of known secret values.
#[derive(Debug)]
pub(super) struct ExactValues {
    /// `None` when there is nothing to look for.
    matcher: Option<AhoCorasick>,
}

impl ExactValues {
    pub(super) fn new(secrets: &[String]) -> Self {
        let mut forms = BTreeSet::new();
        for secret in secrets {
            let secret = clean::clean(secret);
            // A key in several lines is often printed line by line.
            for value in secret.lines().chain([secret.as_str()]).map(str::trim).filter(|value| !is_benign(value)) {
                forms.extend(forms_of(value).into_iter().map(|form| squeezed(&form)));
            }
        }
        forms.retain(|form| form.len() >= BYTES_MIN);
        let matcher = if forms.is_empty() { None } else { AhoCorasick::new(forms).ok() };
        Self { matcher }
    }

    /// Finds the values, also where line breaks stand within them. Overlapping finds become one.
    pub(super) fn find(&self, text: &str) -> Vec<Secret> {
        let Some(matcher) = &self.matcher else { return Vec::new() };
        let squeezed = squeezed(text);
        let breaks: Vec<usize> = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
        let mut ranges: Vec<Range<usize>> =
            matcher.find_overlapping_iter(&squeezed).map(|found| found.range()).collect();
        ranges.sort_by_key(|range| (range.start, range.end));
        let mut secrets: Vec<Secret> = Vec::new();
        for range in ranges {
            let range = unsqueezed(range.start, &breaks)..unsqueezed(range.end - 1, &breaks) + 1;
            match secrets.last_mut() {
                Some(last) if range.start < last.range.end => last.range.end = last.range.end.max(range.end),
                _ => secrets.push(Secret { range, kind: "secret" }),
            }
        }
        secrets
    }
}

fn squeezed(text: &str) -> String {
    text.replace('\n', "")
}

/// Maps the place of a byte in squeezed text back to the text whose line feeds stand at `breaks`.
fn unsqueezed(at: usize, breaks: &[usize]) -> usize {
    // The n-th line feed stands before squeezed byte `breaks[n] - n`; that sequence never falls.
    let (mut low, mut high) = (0, breaks.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if breaks[middle] - middle <= at { low = middle + 1 } else { high = middle }
    }
    at + low
}

fn is_benign(value: &str) -> bool {
    let distinct: BTreeSet<char> = value.chars().collect();
    value.len() < BYTES_MIN
        || distinct.len() < 4
        || BENIGN.contains(&value.to_ascii_lowercase().as_str())
        || entropy::is_path(value)
        || (value.len() < 16 && value.bytes().all(|byte| byte.is_ascii_lowercase()) && entropy::is_wordlike(value))
}

/// Returns every form in which a value may be printed.
fn forms_of(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    for skip in 0..3 {
        let encoded = base64_core(value.as_bytes(), skip);
        forms.extend([encoded.replace('+', "-").replace('/', "_"), encoded]);
    }
    for kept in ["-._~", "-._~/", "-._~!*'()"] {
        let encoded = percent_encoded(value, kept);
        let plus = encoded.replace("%20", "+");
        forms.extend([lowercase_escapes(&plus), plus, lowercase_escapes(&encoded), encoded]);
    }
    let json = serde_json::Value::from(value).to_string();
    let json = json.trim_matches('"');
    forms.extend([json.replace('/', "\\/"), json.replace('\\', "\\\\"), json.to_owned()]);
    forms
}

/// Returns the part of the base64 text that does not depend on what stands around the bytes, when `skip` bytes
/// (modulo three) stand before them.
fn base64_core(bytes: &[u8], skip: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let shifted: Vec<u8> = std::iter::repeat_n(0, skip).chain(bytes.iter().copied()).collect();
    let sextet = |n: usize| {
        let bit = n * 6;
        let pair = u16::from(shifted[bit / 8]) << 8 | u16::from(shifted.get(bit / 8 + 1).copied().unwrap_or(0));
        char::from(ALPHABET[usize::from(pair >> (10 - bit % 8)) & 63])
    };
    ((skip * 8).div_ceil(6)..shifted.len() * 8 / 6).map(sextet).collect()
}

fn percent_encoded(value: &str, kept: &str) -> String {
    let encode = |byte: u8| match char::from(byte) {
        char if char.is_ascii_alphanumeric() || kept.contains(char) => char.to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(encode).collect()
}

fn lowercase_escapes(encoded: &str) -> String {
    let mut lowered = String::with_capacity(encoded.len());
    for (n, part) in encoded.split('%').enumerate() {
        if n > 0 {
            lowered.push('%');
            lowered.push_str(&part[..2].to_ascii_lowercase());
        }
        lowered.push_str(&part[if n > 0 { 2 } else { 0 }..]);
    }
    lowered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secret: &str, text: &str, expected: &str) {
        let mut covered = text.to_owned();
        for found in ExactValues::new(&[secret.to_owned()]).find(text).into_iter().rev() {
            covered.replace_range(found.range, "*");
        }
        assert_eq!(covered, expected);
    }

    #[test]
    fn a_value_is_found_in_every_escaping() {
        let secret = "pa/s \"s+w\u{f6}rd";
        check(secret, "x pa/s \"s+w\u{f6}rd y", "x * y");
        check(secret, r#"{"p":"pa/s \"s+wörd"}"#, r#"{"p":"*"}"#);
        check(secret, "?p=pa%2Fs%20%22s%2Bw%C3%B6rd&q", "?p=*&q");
        check(secret, "?p=pa%2fs+%22s%2bw%c3%b6rd&q", "?p=*&q");
    }

    #[test]
    fn a_value_is_found_in_base64_at_every_alignment() {
        // base64 of `u:hunter2-hunter2`, `us:hunter2-hunter2` and `use:hunter2-hunter2`.
        for encoded in ["dTpodW50ZXIyLWh1bnRlcjI=", "dXM6aHVudGVyMi1odW50ZXIy", "dXNlOmh1bnRlcjItaHVudGVyMg=="] {
            let found = ExactValues::new(&["hunter2-hunter2".to_owned()]).find(encoded);
            assert_eq!(found.len(), 1, "{encoded}");
            assert!(found[0].range.len() >= 18, "{encoded}: {found:?}");
        }
    }

    #[test]
    fn a_value_wrapped_over_lines_is_found() {
        check("hunter2-hunter2", "a\nhunter2\n-hun\nter2\nb", "a\n*\nb");
    }

    #[test]
    fn overlapping_values_are_covered_together() {
        let values = ExactValues::new(&["abcdef-12345".to_owned(), "12345-uvwxyz".to_owned()]);
        assert_eq!(values.find("abcdef-12345-uvwxyz."), [Secret { range: 0..19, kind: "secret" }]);
    }

    #[test]
    fn short_and_common_values_are_not_looked_for() {
        for value in ["abc1234", "localhost", "aaaaaaaaaaaa", "/usr/local/bin/python", "testuser", " true ", ""] {
            assert!(ExactValues::new(&[value.to_owned()]).matcher.is_none(), "{value}");
        }
    }
}
