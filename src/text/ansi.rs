//! Removes terminal control sequences from captured output. It does not interpret them.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// CSI, OSC (ended by BEL or ST), other strings (Buildkite's time stamps are such), charset selections and
/// single-character escapes, after ECMA-48.
#[expect(clippy::unwrap_used, reason = "a constant pattern, exercised by every test")]
static ESCAPE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()*+][A-Za-z0-9]|[@-Z\\^_=>a-z0-9])",
    )
    .unwrap()
});

/// Returns `text` without ANSI escape sequences.
pub fn strip(text: &str) -> Cow<'_, str> {
    if memchr::memchr(0x1b, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    ESCAPE.replace_all(text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_charsets_and_titles_are_removed() {
        assert_eq!(strip("\x1b[31mFAILED\x1b(B\x1b[m"), "FAILED");
        assert_eq!(strip("\x1b]0;title\x07ok"), "ok");
        assert_eq!(strip("\x1b_bk;t=1745322209921\x07ok"), "ok");
        assert_eq!(strip("\x1b_never ended"), "never ended");
        assert!(matches!(strip("plain"), Cow::Borrowed("plain")));
    }
}
