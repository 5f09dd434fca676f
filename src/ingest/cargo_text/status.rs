//! The lines in which libtest tells how a test ended. They are most of a log, so no pattern is matched against them.

use std::sync::LazyLock;
use std::time::Duration;

use memchr::memchr;
use memchr::memmem::Finder;

use crate::model::Outcome;

/// What stands between a name and how the test ended.
static BETWEEN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" ... "));

/// What libtest and rustdoc show after a name and do not filter by.
const SUFFIXES: &[&str] = &[" - should panic", " - compile fail", " - compile"];

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    /// How long it took, where `--report-time` is given.
    pub(super) duration: Option<Duration>,
    /// Whether it took longer than it may.
    pub(super) is_overtime: bool,
}

/// Returns the name in the commonest of lines: `test NAME ... ok`, if nothing about it needs a second look.
pub(super) fn plain_pass(line: &str) -> Option<&str> {
    let name = line.strip_prefix("test ")?.strip_suffix(" ... ok")?;
    let is_plain = memchr(b'.', name.as_bytes()).is_none() && !name.ends_with(' ');
    is_plain.then(|| without_suffix(name))
}

/// Reads a status line: `test NAME ... ok`.
pub(super) fn read(line: &str) -> Option<(&str, Ending)> {
    let (name, words) = parts(line)?;
    Some((name, ending(words)?))
}

/// Returns the name in a line that begins as a status line does, and what stands after it.
pub(super) fn parts(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("test ")?;
    let at = BETWEEN.find(rest.as_bytes())?;
    Some((without_suffix(rest[..at].trim_end()), &rest[at + " ... ".len()..]))
}

/// Reads the words that tell how a test ended: `ok`, `FAILED <0.004s>`, `ignored, needs network`, `bench: 12 ns/iter (+/- 1)`.
pub(super) fn ending(words: &str) -> Option<Ending> {
    let plain = |outcome| Some(Ending { outcome, duration: None, is_overtime: false });
    match words {
        "ok" => return plain(Outcome::Passed),
        "FAILED" | "failed" => return plain(Outcome::Failed),
        "ignored" | "FAILED (allowed)" => return plain(Outcome::Skipped),
        _ if words.starts_with("ignored, ") => return plain(Outcome::Skipped),
        _ if words.starts_with("bench: ") => return plain(Outcome::Passed),
        _ => {}
    }
    let (word, rest) = words.split_once(' ')?;
    let outcome = match word {
        "ok" => Outcome::Passed,
        "FAILED" | "failed" => Outcome::Failed,
        "ignored" => Outcome::Skipped,
        _ => return None,
    };
    let time = rest.strip_suffix("(time limit exceeded)");
    let is_overtime = time.is_some();
    let time = time.unwrap_or(rest).trim_end();
    let duration = match time {
        "" if is_overtime => None,
        _ => Some(seconds(time.strip_prefix('<')?.strip_suffix("s>")?)?),
    };
    Some(Ending { outcome, duration, is_overtime })
}

/// Reads a number of seconds.
fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// Returns the test that a line of `--quiet` output names as failed.
pub(super) fn quiet_failure(line: &str) -> Option<&str> {
    line.strip_suffix(" --- FAILED").filter(|name| !name.starts_with(' ')).map(without_suffix)
}

/// Tells whether a line is made of the letters that `--quiet` prints, one a test, perhaps with a count: `..i.F 88/90`.
pub(super) fn is_quiet(line: &str) -> bool {
    let letters = line.split_once(' ').map_or(line, |(letters, _)| letters);
    let count = &line[letters.len()..];
    let is_letter = |letter: u8| matches!(letter, b'.' | b'i' | b'F' | b'b' | b'a' | b't');
    let is_count = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'/');
    !letters.is_empty() && letters.bytes().all(is_letter) && count.bytes().all(is_count)
}

fn without_suffix(name: &str) -> &str {
    SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, name: &str, outcome: Outcome, millis: Option<u64>) {
        let (read, ending) = read(line).unwrap_or_else(|| panic!("no status line: {line}"));
        assert_eq!((read, ending.outcome, ending.duration), (name, outcome, millis.map(Duration::from_millis)));
    }

    #[test]
    fn status_lines_in_all_their_forms_give_names_without_suffixes() {
        check("test a ... ok", "a", Outcome::Passed, None);
        check("test b - should panic ... FAILED", "b", Outcome::Failed, None);
        check("test c ... ignored", "c", Outcome::Skipped, None);
        check("test c ... ignored, needs network, really", "c", Outcome::Skipped, None);
        check("test g ... ignored, wait ... ok", "g", Outcome::Skipped, None);
        check("test d ... ok <0.004s>", "d", Outcome::Passed, Some(4));
        check("test d ... FAILED <1.5s> (time limit exceeded)", "d", Outcome::Failed, Some(1500));
        check("test d ... FAILED (time limit exceeded)", "d", Outcome::Failed, None);
        check("test bench_it   ... bench:      1,234 ns/iter (+/- 56)", "bench_it", Outcome::Passed, None);
        check("test src/lib.rs - f (line 3) - compile fail ... ok", "src/lib.rs - f (line 3)", Outcome::Passed, None);
        check("test größe ... ok", "größe", Outcome::Passed, None);
    }

    #[test]
    fn a_plain_pass_is_read_as_any_other_status_line() {
        for line in ["test a ... ok", "test b - should panic ... ok", "test größe ... ok", "test a b ... ok"] {
            assert_eq!(plain_pass(line), read(line).map(|(name, _)| name), "{line}");
            assert!(plain_pass(line).is_some(), "{line}");
        }
        for line in
            ["test src/lib.rs - f (line 3) ... ok", "test a ... test b ... ok", "test a ... FAILED", "test a  ... ok"]
        {
            assert_eq!(plain_pass(line), None, "{line}");
        }
    }

    #[test]
    fn a_line_that_goes_on_otherwise_is_no_status_line() {
        for line in
            ["test a ... okay", "test a ... ok <fast>", "test a ... printed ok", "test a", "a ... ok", "test a ... "]
        {
            assert_eq!(read(line), None, "{line}");
        }
        assert_eq!(parts("test a ... printed"), Some(("a", "printed")));
    }

    #[test]
    fn quiet_lines_are_letters_and_counts() {
        assert!([".", "..i.F", "ii 3/4", ".. 88/100"].iter().all(|line| is_quiet(line)));
        assert!(["", " 3/4", "a b", ".. done", "ok"].iter().all(|line| !is_quiet(line)));
        assert_eq!(quiet_failure("tests::b - should panic --- FAILED"), Some("tests::b"));
        assert_eq!(quiet_failure("    tests::b --- FAILED"), None);
    }
}
