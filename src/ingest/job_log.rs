//! What CI systems put before each line of a job's log, so that the formats find their lines as they were printed.
//!
//! It reads prefixes, not commands: groups and annotations stay in the text as lines of nobody's format.

use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::pattern;

/// A prefix that every line of a log has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix(&'static LazyLock<Regex>);

/// Lines at the beginning of a log that are looked at.
const LINES_MAX: usize = 40;

/// GitHub's and Azure's raw logs: `2024-05-01T12:00:00.1234567Z text`; of `gh run view --log`, the job's and the step's
/// names stand before it. GitLab's with timestamps has a stream after it: `2024-05-01T12:00:00.123456Z 00O text`.
static TIMESTAMP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:\x{feff}?[^\t\n]*\t[^\t\n]*\t)?\x{feff}?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z(?: \d\d[OE][ +]?| )?")
});

/// Jenkins' timestamper: `[2024-05-01T12:00:00.123Z] text`.
static BRACKETED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)\] ?"));

impl Prefix {
    /// Finds the prefix that most of the first lines have.
    pub(super) fn find(head: &str) -> Option<Self> {
        let lines: Vec<_> = head.lines().take(LINES_MAX).filter(|line| !line.is_empty()).collect();
        let shapes = [&TIMESTAMP, &BRACKETED];
        let is_of_most = |shape: &&&LazyLock<Regex>| {
            let n = lines.iter().filter(|line| shape.is_match(line)).count();
            n > 0 && n * 4 >= lines.len() * 3
        };
        shapes.iter().find(is_of_most).map(|shape| Self(shape))
    }

    /// Returns a line without it.
    pub(super) fn strip(self, line: &str) -> &str {
        self.0.find(line).map_or(line, |found| &line[found.end()..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, stripped: &str) {
        let prefix = Prefix::find(&format!("{line}\n")).unwrap_or_else(|| panic!("no prefix in {line}"));
        assert_eq!(prefix.strip(line), stripped);
    }

    #[test]
    fn the_prefixes_of_ci_systems_are_taken_off() {
        check("2024-05-01T12:00:00.1234567Z running 3 tests", "running 3 tests");
        check("\u{feff}2024-05-01T12:00:00.1234567Z ##[group]Run", "##[group]Run");
        check("build\tRun cargo test\t2024-05-01T12:00:00.1234567Z ok 1", "ok 1");
        check("2024-05-01T12:00:00.123456Z 00O     indented", "    indented");
        check("[2024-05-01T12:00:00.123Z] not ok 1", "not ok 1");
    }

    #[test]
    fn a_log_with_a_few_dates_has_no_prefix() {
        let log = "starting\n2024-05-01T12:00:00.1234567Z INFO up\nrunning 1 test\ntest a ... ok\n";
        assert!(Prefix::find(log).is_none());
    }

    #[test]
    fn a_line_without_the_prefix_stays_whole() {
        let prefix = Prefix::find("2024-05-01T12:00:00.1Z a\n").unwrap();
        assert_eq!(prefix.strip("continued"), "continued");
    }
}
