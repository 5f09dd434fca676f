//! The lines that googletest prints, each by itself.

/// What a line looks like; whether it is that, its place tells.
#[derive(Debug, PartialEq)]
pub(super) enum Shape<'t> {
    /// `[==========] Running 15 tests from 7 test suites.`
    Running { n_tests: u64 },
    /// `[==========] 15 tests from 7 test suites ran. (0 ms total)`
    Ran { n_tests: u64 },
    /// `[----------] 8 tests from CartTest`, with the types of its parameters behind; also its end, with a time.
    Suite { name: &'t str },
    /// `[ RUN      ] CartTest.Adds`
    Run { test: &'t str },
    /// `[ DISABLED ] CartTest.DISABLED_Ships`
    Disabled { test: &'t str },
    /// `[       OK ] CartTest.Adds (0 ms)` and its like, perhaps after what a test printed without a line's end.
    End(End<'t>),
    /// Whatever else.
    Text,
}

/// The end of a test, or a line of the lists at the end of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct End<'t> {
    /// What stands before the mark.
    pub(super) before: &'t str,
    pub(super) mark: Mark,
    /// What stands behind it.
    pub(super) rest: &'t str,
}

/// The word in brackets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mark {
    Ok,
    Failed,
    Skipped,
    /// At the end of all only.
    Passed,
}

const MARKS: &[(&str, Mark)] = &[
    ("[       OK ] ", Mark::Ok),
    ("[  FAILED  ] ", Mark::Failed),
    ("[  SKIPPED ] ", Mark::Skipped),
    ("[  PASSED  ] ", Mark::Passed),
];

/// Finds out what a line looks like.
pub(super) fn shape(line: &str) -> Shape<'_> {
    let found = match line.as_bytes() {
        [b'[', b'=', ..] => line.strip_prefix("[==========] ").and_then(program),
        [b'[', b'-', ..] => line.strip_prefix("[----------] ").and_then(suite),
        [b'[', b' ', b'R', ..] => line.strip_prefix("[ RUN      ] ").map(|test| Shape::Run { test }),
        [b'[', b' ', b'D', ..] => line.strip_prefix("[ DISABLED ] ").map(|test| Shape::Disabled { test }),
        _ => None,
    };
    found.or_else(|| end(line).map(Shape::End)).unwrap_or(Shape::Text)
}

fn program(text: &str) -> Option<Shape<'_>> {
    let (rest, is_begun) = text.strip_prefix("Running ").map_or((text, false), |rest| (rest, true));
    let (number, rest) = rest.split_once(' ')?;
    let n_tests = number.parse().ok().filter(|_| rest.starts_with("test"))?;
    if is_begun {
        return Some(Shape::Running { n_tests });
    }
    rest.contains(" ran.").then_some(Shape::Ran { n_tests })
}

fn suite(text: &str) -> Option<Shape<'_>> {
    let (number, rest) = text.split_once(' ')?;
    let name = rest.strip_prefix("tests from ").or(rest.strip_prefix("test from "))?;
    let end = name.find([',', ' ']).unwrap_or(name.len());
    number.parse::<u64>().ok()?;
    Some(Shape::Suite { name: &name[..end] })
}

/// Finds the last mark in a line.
fn end(line: &str) -> Option<End<'_>> {
    let at = line.rfind("[  ")?;
    let (mark, word) = MARKS.iter().find(|(mark, _)| line[at..].starts_with(mark))?;
    Some(End { before: &line[..at], mark: *word, rest: &line[at + mark.len()..] })
}

impl<'t> End<'t> {
    /// Returns the parameters of the named test and its time, if it is that test's end.
    pub(super) fn of_test(&self, test: &str) -> Option<(&'t str, &'t str)> {
        let rest = self.rest.strip_prefix(test).filter(|_| self.mark != Mark::Passed)?;
        let (parameters, time) = match rest.strip_suffix(" ms)").and_then(|rest| rest.rsplit_once(" (")) {
            Some((parameters, time)) => (parameters, time),
            None => (rest, ""),
        };
        (parameters.is_empty() || parameters.starts_with(", where ")).then_some((parameters, time))
    }

    /// Tells whether no time is given.
    pub(super) fn is_without_time(&self) -> bool {
        !self.rest.ends_with(" ms)")
    }

    /// Returns the name of the test without its parameters and its time.
    pub(super) fn test(&self) -> &'t str {
        let name = self.rest.split_once(", where ").map_or(self.rest, |(name, _)| name);
        name.split_once(" (").map_or(name, |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_known_by_their_shape() {
        assert_eq!(shape("[==========] Running 15 tests from 7 test suites."), Shape::Running { n_tests: 15 });
        assert_eq!(shape("[==========] Running 1 test from 1 test case."), Shape::Running { n_tests: 1 });
        assert_eq!(shape("[==========] 15 tests from 7 test suites ran. (0 ms total)"), Shape::Ran { n_tests: 15 });
        assert_eq!(shape("[----------] 1 test from Typed/0, where TypeParam = int"), Shape::Suite { name: "Typed/0" });
        assert_eq!(shape("[ RUN      ] A/B.C/0"), Shape::Run { test: "A/B.C/0" });
        assert_eq!(shape("[ DISABLED ] A.DISABLED_B"), Shape::Disabled { test: "A.DISABLED_B" });
        let end = End { before: "printed", mark: Mark::Failed, rest: "A.B (0 ms)" };
        assert_eq!(shape("printed[  FAILED  ] A.B (0 ms)"), Shape::End(end));
        for line in [
            "",
            "[",
            "[  ",
            "[==========] ",
            "[==========] x",
            "[----------] Global test environment set-up.",
            "[  OK  ] x",
        ] {
            assert_eq!(shape(line), Shape::Text, "{line}");
        }
    }

    #[test]
    fn an_end_is_that_of_the_test_it_names() {
        let end = |rest| End { before: "", mark: Mark::Ok, rest };
        assert_eq!(end("A.B (12 ms)").of_test("A.B"), Some(("", "12")));
        assert_eq!(end("A.B").of_test("A.B"), Some(("", "")));
        let with_parameters = end("A.B/0, where TypeParam = int and GetParam() = (1, \"x (2)\") (3 ms)");
        assert_eq!(
            with_parameters.of_test("A.B/0"),
            Some((", where TypeParam = int and GetParam() = (1, \"x (2)\")", "3"))
        );
        assert_eq!(with_parameters.test(), "A.B/0");
        assert_eq!(end("A.Bc (1 ms)").of_test("A.B"), None);
        assert_eq!(End { mark: Mark::Passed, ..end("A.B") }.of_test("A.B"), None);
    }
}
