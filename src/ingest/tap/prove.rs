//! What `prove -v` prints around the streams of its files: the file's name before, its verdict after.

use crate::ingest::tap::line::Point;

/// What prove says in a line of its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<'t> {
    /// `t/cart.t .. `: the stream of this file follows.
    File(&'t str),
    /// `Dubious, test returned 255 (wstat 65280, 0xff00)`
    Dubious(&'t str),
    /// Anything else behind a stream.
    Verdict,
}

/// Reads a line without indentation that is no TAP.
pub(super) fn read(line: &str) -> Option<Said<'_>> {
    if let Some(file) = file(line) {
        return Some(Said::File(file));
    }
    if line.starts_with("Dubious, test returned ") {
        return Some(Said::Dubious(line));
    }
    let is_count = |rest: &str| rest.ends_with(" subtests") || rest.ends_with(" subtests passed");
    let is_verdict = ["Failed ", "All ", "No "].iter().any(|word| line.strip_prefix(word).is_some_and(is_count))
        || line == "No subtests run"
        || line == "Test Summary Report"
        || line.starts_with("skipped: ")
        || line.starts_with("Files=");
    is_verdict.then_some(Said::Verdict)
}

/// Tells whether a point is prove's verdict on a file: only prove says `ok` of nothing.
pub(super) fn is_verdict(point: &Point<'_>) -> bool {
    point.is_ok && point.number.is_none() && point.whole.is_empty()
}

/// Reads `t/cart.t ....`, padded to the width of the longest name.
fn file(line: &str) -> Option<&str> {
    let name = line.strip_suffix("..")?.trim_end_matches('.').strip_suffix(' ')?;
    let is_path = name.contains(['.', '/']) && !name.contains([' ', '\t']);
    is_path.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prove_is_known_by_its_words() {
        assert_eq!(read("t/cart.t .."), Some(Said::File("t/cart.t")));
        assert_eq!(read("t/a.t ......"), Some(Said::File("t/a.t")));
        assert!(matches!(read("Dubious, test returned 2 (wstat 512, 0x200)"), Some(Said::Dubious(_))));
        for line in ["Failed 1/3 subtests", "All 3 subtests passed", "No subtests run", "skipped: no till"] {
            assert_eq!(read(line), Some(Said::Verdict), "{line}");
        }
        for line in ["Loading ..", "compiling src/a.c ..", "t/a.t .", "..", "t/a.t .. ok", "Failed to open"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
