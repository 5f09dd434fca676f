//! The grammar of single lines of Gradle's text: tasks, results of tests, counts.

use crate::model::Outcome;

/// What stands at the end of a line about a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Ended(Outcome),
    /// What it printed follows.
    Output,
}

/// Reads `com.acme.CartTest > adds() FAILED`, or what a class printed, `CartTest STANDARD_OUT`.
pub(super) fn test(line: &str) -> Option<(&str, Word)> {
    if line.starts_with([' ', '\t', '>', ':', '*']) {
        return None;
    }
    let (name, word) = line.trim_end().rsplit_once(' ')?;
    let word = match word {
        "PASSED" => Word::Ended(Outcome::Passed),
        "FAILED" => Word::Ended(Outcome::Failed),
        "SKIPPED" => Word::Ended(Outcome::Skipped),
        "STANDARD_OUT" | "STANDARD_ERROR" => Word::Output,
        _ => return None,
    };
    (name.contains(" > ") || word == Word::Output).then_some((name, word))
}

/// A test's name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named<'t> {
    /// The class, and those nested in it, as they are displayed.
    pub(super) classes: Vec<&'t str>,
    /// The method, or what is displayed for it.
    pub(super) name: &'t str,
}

/// Takes `CartTest > WhenFull > adds(int) > [1] 7` apart: methods with parameters contain their invocations.
pub(super) fn named(name: &str) -> Named<'_> {
    let is_machinery = |part: &&str| part.starts_with("Gradle Test Run ") || part.starts_with("Gradle Test Executor ");
    let mut parts: Vec<_> = name.split(" > ").skip_while(is_machinery).collect();
    let name = parts.pop().unwrap_or_default();
    let is_class = |part: &&str| part.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$'));
    let n_inner = parts.iter().skip(1).take_while(|part| is_class(part)).count();
    parts.truncate(1 + n_inner);
    Named { classes: parts, name }
}

/// The counts that end a task of tests with failures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) tests: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

/// Reads `24 tests completed, 10 failed, 3 skipped`; of tests that all passed nothing is printed.
pub(super) fn counts(line: &str) -> Option<Counts> {
    let (tests, rest) = line.trim_end().split_once(" test")?;
    let rest = rest.strip_prefix('s').unwrap_or(rest).strip_prefix(" completed")?;
    let mut counts = Counts { tests: tests.parse().ok()?, ..Counts::default() };
    for part in rest.split(", ").skip(1) {
        let (n, what) = part.split_once(' ')?;
        let count = match what {
            "failed" => &mut counts.failed,
            "skipped" => &mut counts.skipped,
            _ => return None,
        };
        *count = n.parse().ok()?;
    }
    (counts.failed > 0).then_some(counts)
}

/// Reads the task that a line begins with, `> Task :core:test FAILED` or `:core:test` as before version 4.7, and what
/// stands behind it: the compiler's first line, for old versions.
pub(super) fn task(line: &str) -> Option<(&str, &str)> {
    let task = line.strip_prefix("> Task ").unwrap_or(line);
    if !task.starts_with(':') {
        return None;
    }
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, ':' | '_' | '-' | '.');
    let end = task.find(|c| !is_name(c)).unwrap_or(task.len());
    let (task, rest) = task.split_at(end);
    (task.len() > 1).then_some((task, rest.trim_start()))
}

/// Returns the project of a task or configuration, `core:api` of `:core:api:test`; of the root project nothing.
pub(super) fn project(task: &str) -> &str {
    let (project, _) = task.rsplit_once(':').unwrap_or(("", task));
    project.trim_start_matches(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_tests_are_told_from_those_of_tasks() {
        assert_eq!(test("a.CartTest > adds() FAILED"), Some(("a.CartTest > adds()", Word::Ended(Outcome::Failed))));
        assert_eq!(test("a.CartTest STANDARD_OUT"), Some(("a.CartTest", Word::Output)));
        assert_eq!(test("CartTest > a > b PASSED "), Some(("CartTest > a > b", Word::Ended(Outcome::Passed))));
        for line in
            ["> Task :test FAILED", ":test FAILED", "    a > b FAILED", "BUILD FAILED", "a > b FAILED.", "FAILED"]
        {
            assert_eq!(test(line), None, "{line}");
        }
    }

    #[test]
    fn names_are_taken_apart_into_classes_and_method() {
        let check = |text, classes: &[&str], name| {
            assert_eq!(named(text), Named { classes: classes.to_vec(), name }, "{text}");
        };
        check("a.CartTest > adds", &["a.CartTest"], "adds");
        check("CartTest > WhenFull > adds()", &["CartTest", "WhenFull"], "adds()");
        check("CartTest > named(String) > [2] two words", &["CartTest"], "[2] two words");
        check("Gradle Test Run :test > Gradle Test Executor 1 > a.CartTest > adds", &["a.CartTest"], "adds");
        check("alone", &[], "alone");
    }

    #[test]
    fn counts_and_tasks_are_read_in_all_their_forms() {
        assert_eq!(
            counts("24 tests completed, 10 failed, 3 skipped"),
            Some(Counts { tests: 24, failed: 10, skipped: 3 })
        );
        assert_eq!(counts("1 test completed, 1 failed"), Some(Counts { tests: 1, failed: 1, skipped: 0 }));
        assert_eq!((counts("3 tests completed by"), counts("x tests completed, 1 failed")), (None, None));
        assert_eq!(task("> Task :core:compileJava FAILED"), Some((":core:compileJava", "FAILED")));
        assert_eq!(task(":compileJava/u/Cart.java:9: error: no"), Some((":compileJava", "/u/Cart.java:9: error: no")));
        assert_eq!((task(": x"), task("> x")), (None, None));
        assert_eq!([project(":core:api:test"), project(":test")], ["core:api", ""]);
    }
}
