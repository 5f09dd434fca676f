//! Paths in diffs: git's C-style quoting, written and read. It does not judge a path.

use std::fmt::Write as _;

/// Returns a path as a diff header spells it: bare where possible, else in double quotes with C escapes.
pub(crate) fn quote(path: &str) -> String {
    let odd = |byte: u8| !(0x20..0x7f).contains(&byte) || matches!(byte, b'"' | b'\\');
    if !path.bytes().any(odd) {
        return path.to_owned();
    }
    let mut quoted = String::from("\"");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b'\n' => quoted.push_str("\\n"),
            b'\t' => quoted.push_str("\\t"),
            byte if odd(byte) => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\{byte:03o}");
            }
            byte => quoted.push(char::from(byte)),
        }
    }
    quoted.push('"');
    quoted
}

/// Reads a quoted path at the start of `text`; returns it with what follows. `None`: not quoted, not closed or no
/// UTF-8.
pub(crate) fn unquote(text: &str) -> Option<(String, &str)> {
    let rest = text.strip_prefix('"')?;
    let bytes = rest.as_bytes();
    let (mut path, mut at) = (Vec::new(), 0);
    loop {
        match *bytes.get(at)? {
            b'"' => break,
            b'\\' => {
                let (byte, length) = escape(&bytes[at + 1..])?;
                path.push(byte);
                at += 1 + length;
            }
            byte => {
                path.push(byte);
                at += 1;
            }
        }
    }
    Some((String::from_utf8(path).ok()?, &rest[at + 1..]))
}

/// Reads what follows a backslash; returns the byte it stands for and its length.
fn escape(bytes: &[u8]) -> Option<(u8, usize)> {
    let simple = |byte| Some((byte, 1));
    match *bytes.first()? {
        b'n' => simple(b'\n'),
        b't' => simple(b'\t'),
        b'r' => simple(b'\r'),
        b'a' => simple(7),
        b'b' => simple(8),
        b'v' => simple(11),
        b'f' => simple(12),
        byte @ (b'"' | b'\\') => simple(byte),
        b'0'..=b'3' => {
            let digits = std::str::from_utf8(bytes.get(..3)?).ok()?;
            u8::from_str_radix(digits, 8).ok().map(|byte| (byte, 3))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_paths_stay_bare_and_odd_ones_are_escaped() {
        assert_eq!(quote("src/a b.rs"), "src/a b.rs");
        assert_eq!(quote("ä\"\t"), r#""\303\244\"\t""#);
    }

    #[test]
    fn a_broken_escape_is_no_path() {
        assert_eq!(unquote(r#""a\9""#), None);
        assert_eq!(unquote(r#""\377""#), None);
        assert_eq!(unquote("\"a"), None);
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(path in "\\PC*", tail in " .*") {
            let quoted = quote(&path);
            prop_assume!(quoted.starts_with('"') && path != quoted);
            let text = quoted + &tail;
            prop_assert_eq!(unquote(&text), Some((path, tail.as_str())));
        }
    }
}
