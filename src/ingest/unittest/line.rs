//! The grammar of single lines of unittest's text: names of tests, statuses, headers of failures, closing counts.

use crate::ingest::UNNAMED;
use crate::model::{Outcome, TestId};

/// The rule above the header of a failure.
pub(super) const DOUBLE_RULE: &str = "======================================================================";

/// The rule under the header of a failure, and the one above the closing lines.
pub(super) const RULE: &str = "----------------------------------------------------------------------";

/// Names of what stands for the tests of a whole class or module.
const FIXTURES: &[&str] = &["setUpClass", "tearDownClass", "setUpModule", "tearDownModule"];

/// A test as unittest names it: `test_a (tests.test_cart.CartTest.test_a) [part] (i=1)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named<'t> {
    name: &'t str,
    /// Module, class and, since 3.11, the name again.
    path: &'t str,
    /// What tells a subtest from its siblings.
    part: &'t str,
}

/// Reads the name of a test; `None` when the text has not its shape.
pub(super) fn named(text: &str) -> Option<Named<'_>> {
    let (name, rest) = text.split_once(" (")?;
    let (path, part) = rest.split_once(')')?;
    let is_path = |c: char| c.is_alphanumeric() || "._<>-".contains(c);
    let is_name = !name.is_empty() && !path.is_empty() && path.chars().all(is_path);
    (is_name && (part.is_empty() || part.starts_with([' ']))).then_some(Named { name, path, part: part.trim() })
}

impl<'t> Named<'t> {
    /// Returns suite and name without the part, as unittest's XML reports spell them.
    pub(super) fn parts(&self) -> (&'t str, &'t str) {
        let suite = self.path.strip_suffix(self.name).and_then(|path| path.strip_suffix('.')).unwrap_or(self.path);
        (suite, self.name)
    }

    /// Tells whether it stands for the tests of a whole class or module.
    pub(super) fn is_fixture(&self) -> bool {
        FIXTURES.contains(&self.name)
    }

    /// Tells whether it stands for a module that cannot be imported.
    fn is_loader(&self) -> bool {
        self.path.starts_with("unittest.loader.") || self.path.starts_with("unittest2.loader.")
    }

    /// Makes its id: that of a fixture is all in the name; a module that cannot be imported is named in the suite as well.
    pub(super) fn id(&self) -> TestId {
        if self.is_fixture() {
            return TestId::new("", format!("{} ({})", self.name, self.path));
        }
        let (suite, name) = self.parts();
        if let Some((parents, module)) = name.rsplit_once('.').filter(|_| self.is_loader()) {
            return TestId::new(format!("{suite}.{parents}"), module);
        }
        match self.part {
            "" => TestId::new(suite, name),
            part => TestId::new(suite, format!("{name} {part}")),
        }
    }
}

/// Makes the id of a test whose name has another shape, such as a function's under nose.
pub(super) fn id(text: &str) -> TestId {
    if let Some(named) = named(text) {
        return named.id();
    }
    match text.rsplit_once('.') {
        // Of unexpected successes xmlrunner prints what Python calls its own object.
        _ if text.is_empty() || text.starts_with('<') => TestId::new("", UNNAMED),
        Some((suite, name)) if !text.contains(' ') => TestId::new(suite, name),
        _ => TestId::new("", text),
    }
}

/// How a test ended, as `-v` words it; under expectations `None`: it is neither red nor a plain pass.
pub(super) fn word(text: &str) -> Option<Outcome> {
    // Some runners add the time: `ok (0.001s)`.
    let text = text.split_once(" (").filter(|(_, time)| time.ends_with("s)")).map_or(text, |(word, _)| word);
    Some(match text {
        "ok" => Outcome::Passed,
        "FAIL" | "unexpected success" => Outcome::Failed,
        "ERROR" => Outcome::Errored,
        "expected failure" => Outcome::Skipped,
        _ if text == "skipped" || text.starts_with("skipped '") || text.starts_with("skipped \"") => Outcome::Skipped,
        _ => return None,
    })
}

/// Reads `FAIL: test_a (…)`, of xmlrunner `FAIL [0.001s]: test_a (…)`; returns the test's name.
pub(super) fn header(line: &str) -> Option<(Outcome, &str)> {
    let (outcome, rest) = if let Some(rest) = line.strip_prefix("FAIL") {
        (Outcome::Failed, rest)
    } else if let Some(rest) = line.strip_prefix("UNEXPECTED SUCCESS") {
        (Outcome::Failed, rest)
    } else {
        (Outcome::Errored, line.strip_prefix("ERROR")?)
    };
    let rest = match rest.strip_prefix(" [") {
        Some(timed) => timed.split_once(']')?.1,
        None => rest,
    };
    Some((outcome, rest.strip_prefix(": ")?.trim_end()))
}

/// Reads `Ran 5 tests in 0.01s`.
pub(super) fn ran(line: &str) -> Option<u64> {
    let (n, rest) = line.strip_prefix("Ran ")?.split_once(' ')?;
    let time = rest.strip_prefix("tests in ").or(rest.strip_prefix("test in "))?.trim_end().strip_suffix('s')?;
    let is_time = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    n.parse().ok().filter(|_| is_time)
}

/// The numbers in the line that closes a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Result {
    /// Whether the run as a whole passed, by its own account.
    pub(super) is_ok: bool,
    pub(super) failures: u64,
    pub(super) errors: u64,
    pub(super) skipped: u64,
    pub(super) expected: u64,
    pub(super) unexpected: u64,
}

/// Reads `OK`, `FAILED (failures=1, errors=1, skipped=1)` or `NO TESTS RAN`.
pub(super) fn result(line: &str) -> Option<Result> {
    let line = line.trim_end();
    let rest = ["OK", "FAILED", "NO TESTS RAN"].iter().find_map(|word| line.strip_prefix(word))?;
    let mut result = Result { is_ok: !line.starts_with("FAILED"), ..Result::default() };
    let Some(counts) = rest.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')')) else {
        return rest.is_empty().then_some(result);
    };
    for part in counts.split(", ") {
        let (what, n) = part.split_once('=')?;
        let count = match what {
            "failures" => &mut result.failures,
            "errors" => &mut result.errors,
            "skipped" | "SKIP" => &mut result.skipped,
            "expected failures" => &mut result.expected,
            "unexpected successes" => &mut result.unexpected,
            _ => continue,
        };
        *count = n.parse().ok()?;
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_id(text: &str, suite: &str, name: &str) {
        assert_eq!(id(text), TestId::new(suite, name), "{text}");
    }

    #[test]
    fn ids_are_the_same_from_all_versions() {
        check_id("test_a (tests.test_cart.CartTest.test_a)", "tests.test_cart.CartTest", "test_a");
        check_id("test_a (tests.test_cart.CartTest)", "tests.test_cart.CartTest", "test_a");
        check_id("test_a (m.T.test_a) [part] (i=1)", "m.T", "test_a [part] (i=1)");
        check_id("test_a (m.T) (name='a (b) [c]')", "m.T", "test_a (name='a (b) [c]')");
        check_id("setUpClass (m.T)", "", "setUpClass (m.T)");
        let loader = "unittest.loader._FailedTest";
        check_id("a.test_b (unittest.loader._FailedTest.a.test_b)", &format!("{loader}.a"), "test_b");
        check_id("a.test_b (unittest.loader._FailedTest)", &format!("{loader}.a"), "test_b");
        check_id("test_b (unittest.loader._FailedTest.test_b)", loader, "test_b");
        check_id("total (shop.cart.Cart)", "shop.cart.Cart", "total");
        check_id("tests.test_cart.test_function", "tests.test_cart", "test_function");
        check_id("something else", "", "something else");
        check_id("<xmlrunner.result._TestInfo object at 0x7f>", "", UNNAMED);
    }

    #[test]
    fn headers_and_statuses_are_read_in_all_their_forms() {
        assert_eq!(header("FAIL: a (m.T)"), Some((Outcome::Failed, "a (m.T)")));
        assert_eq!(header("ERROR [0.001s]: a (m.T)"), Some((Outcome::Errored, "a (m.T)")));
        assert_eq!(header("UNEXPECTED SUCCESS: a (m.T)"), Some((Outcome::Failed, "a (m.T)")));
        assert_eq!(header("FAILED (failures=1)"), None);
        assert_eq!(word("skipped 'not now (really)'"), Some(Outcome::Skipped));
        assert_eq!(word("ok (0.001s)"), Some(Outcome::Passed));
        assert_eq!((word("okay"), word("FAIL: a (m.T)"), word("")), (None, None, None));
    }

    #[test]
    fn closing_lines_are_known_by_all_their_words() {
        assert_eq!((ran("Ran 5 tests in 0.01s"), ran("Ran 1 test in 12s")), (Some(5), Some(1)));
        assert_eq!((ran("Ran 3 tests across 1 file. [5ms]"), ran("Ran 3 tests in time s")), (None, None));
        assert_eq!(result("OK"), Some(Result { is_ok: true, ..Result::default() }));
        let all = "FAILED (failures=1, errors=2, skipped=3, expected failures=4, unexpected successes=5)";
        let counts = Result { is_ok: false, failures: 1, errors: 2, skipped: 3, expected: 4, unexpected: 5 };
        assert_eq!(result(all), Some(counts));
        assert_eq!(result("NO TESTS RAN (skipped=1)").map(|result| result.skipped), Some(1));
        assert_eq!((result("OKAY"), result("FAILED to open"), result("OK (failures=x)")), (None, None, None));
    }
}
