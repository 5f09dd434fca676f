//! The end of a block: the list of what failed, and the result line.

use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::pattern;

/// `test result: FAILED. 5 passed; 9 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.03s`
static RESULT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^test result: (ok|FAILED)\. (\d+) passed; (\d+) failed; (\d+) ignored; (\d+) measured; \d+ filtered out")
});

/// The longest list of failed tests, in bytes; what is longer is something a test printed.
const LIST_BYTES_MAX: usize = 64 << 20;

/// What the last lines of a block say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Closing {
    /// Passed tests, and benchmarks that were measured.
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) ignored: u64,
    /// The failed tests.
    pub(super) names: Vec<String>,
}

impl Closing {
    /// Returns the number of tests that ended; `None` when the sum is no number of tests.
    pub(super) fn total(&self) -> Option<u64> {
        self.passed.checked_add(self.failed)?.checked_add(self.ignored)
    }
}

/// Reads a result line, without the names that stand before it.
pub(super) fn result(line: &str) -> Option<Closing> {
    line.strip_prefix("test result: ")?;
    let found = RESULT.captures(line)?;
    let number = |n: usize| found[n].parse::<u64>().ok();
    let (passed, failed, ignored) = (number(2)?.checked_add(number(5)?)?, number(3)?, number(4)?);
    let is_ok = &found[1] == "ok";
    (is_ok == (failed == 0)).then(|| Closing { passed, failed, ignored, names: Vec::new() })
}

/// Lines that may be a list of failed tests: `failures:`, the indented names, a blank line, and the result line.
#[derive(Debug)]
pub(super) struct List {
    /// The lines so far, to be given back if it is none.
    lines: String,
    names: Vec<String>,
    is_ended: bool,
}

/// What a line does to a list.
pub(super) enum Next {
    /// It is one of its lines.
    Goes,
    /// It ends it.
    Closes(Closing),
    /// It is none of its lines, so that these lines were no list.
    Breaks,
}

impl List {
    /// Begins a list with its first line.
    pub(super) fn begin(line: &str) -> Option<Self> {
        (line == "failures:").then(|| Self { lines: format!("{line}\n"), names: Vec::new(), is_ended: false })
    }

    /// Takes the next line.
    pub(super) fn take(&mut self, line: &str) -> Next {
        let name = line.strip_prefix("    ").filter(|_| !self.is_ended);
        if let Some(name) = name {
            self.names.push(name.to_owned());
        } else if line.is_empty() && !self.is_ended && !self.names.is_empty() {
            self.is_ended = true;
        } else {
            let closing = result(line).filter(|_| self.is_ended);
            let names = std::mem::take(&mut self.names);
            return closing.map_or(Next::Breaks, |closing| Next::Closes(Closing { names, ..closing }));
        }
        self.lines.push_str(line);
        self.lines.push('\n');
        if self.lines.len() > LIST_BYTES_MAX { Next::Breaks } else { Next::Goes }
    }

    /// Returns the lines that were taken.
    pub(super) fn into_lines(self) -> String {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closing_of(text: &str) -> Option<Closing> {
        let mut lines = text.lines();
        let mut list = List::begin(lines.next()?)?;
        for line in lines {
            match list.take(line) {
                Next::Goes => {}
                Next::Closes(closing) => return Some(closing),
                Next::Breaks => return None,
            }
        }
        None
    }

    const RESULT: &str =
        "test result: FAILED. 1 passed; 2 failed; 3 ignored; 4 measured; 5 filtered out; finished in 0.00s";

    #[test]
    fn a_list_ends_with_a_blank_line_and_a_result() {
        let closing = closing_of(&format!("failures:\n    a\n    b c\n\n{RESULT}")).unwrap();
        assert_eq!((closing.passed, closing.failed, closing.ignored), (5, 2, 3));
        assert_eq!((closing.names.as_slice(), closing.total()), (&["a".to_owned(), "b c".to_owned()][..], Some(10)));
        for text in ["failures:\n\n    a", "failures:\n    a\nb", "failures:\n    a\n\n    b"] {
            assert_eq!(closing_of(&format!("{text}\n\n{RESULT}")), None, "{text}");
        }
    }

    #[test]
    fn a_result_line_that_contradicts_itself_is_none() {
        assert!(result("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out").is_some());
        assert!(result("test result: ok. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out").is_none());
        assert!(result("test result: FAILED. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out").is_none());
    }
}
