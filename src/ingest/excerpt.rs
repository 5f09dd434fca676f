//! Finds, in all that a test program printed, the part that tells of its failure.
//!
//! It is for runners that know a program only by how it ended, such as ctest and Bazel. It looks for the words of the
//! frameworks that programs of theirs use; a program that uses none of them is left to the reader of the whole.

use crate::ingest::detail;
use crate::model::Failure;

/// The part that tells of a failure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Excerpt<'t> {
    /// What an engineer would read first; empty if that is to be found in the text.
    pub(super) message: &'t str,
    /// The text to look for values and places in.
    pub(super) text: &'t str,
}

/// How a framework heads a failure, and how what it says of it ends.
struct Wording {
    is_head: fn(&str) -> bool,
    is_end: fn(&str) -> bool,
}

/// The frameworks' wordings, the stricter first.
const WORDINGS: &[Wording] = &[
    // googletest: `cart_test.cc:8: Failure`
    Wording {
        is_head: |line| line.ends_with(": Failure"),
        is_end: |line| line.starts_with("[  FAILED  ]") || line.ends_with(": Failure"),
    },
    // Catch2: `cart.cpp:6: FAILED:`
    Wording { is_head: |line| line.ends_with(": FAILED:"), is_end: str::is_empty },
    // doctest: `cart.cpp:6: ERROR: CHECK( add(1, 1) == 3 ) is NOT correct!`
    Wording { is_head: |line| line.contains(": ERROR: ") && line.ends_with('!'), is_end: str::is_empty },
    // Boost.Test: `cart.cpp(6): error: in "adds": check add(1, 1) == 3 has failed`
    Wording { is_head: |line| line.contains("): error: in \""), is_end: |_| true },
    // C's assert.
    Wording { is_head: |line| line.contains(": Assertion `") && line.ends_with("' failed."), is_end: |_| true },
];

/// The head of a Python traceback.
const TRACEBACK: &str = "Traceback (most recent call last):";

/// Finds the part of `output` that tells of its first failure.
pub(super) fn of_failure(output: &str) -> Option<Excerpt<'_>> {
    let worded = WORDINGS.iter().find_map(|wording| find(output, wording));
    let traced = || output.find(TRACEBACK).map(|at| Excerpt { message: "", text: &output[at..] });
    worded.map(|text| Excerpt { message: text, text }).or_else(traced)
}

/// Fills a failure's particulars from all that its program printed; a message that is known stands.
pub(super) fn fill(failure: &mut Failure, output: &str) {
    let found = of_failure(output);
    if let Some(found) = found.filter(|_| failure.message.is_empty()) {
        failure.message = found.message.replacen(": Failure\n", "\n", 1);
    }
    detail::fill(failure, &[found.map_or(output, |found| found.text)]);
}

/// Tells whether a line is what the shell, the runtime or the build tool says of a program that died.
pub(super) fn is_of_death(line: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "make: *** ",
        "make[",
        "ninja: build stopped",
        "##[error]Process completed with exit code",
        "terminate called ",
    ];
    const SIGNALS: &[&str] =
        &["Segmentation fault", "Aborted", "Bus error", "Killed", "Illegal instruction", "Floating point exception"];
    let is_signal = |signal: &&str| line.strip_suffix(" (core dumped)").unwrap_or(line).ends_with(*signal);
    BEGINNINGS.iter().any(|begin| line.starts_with(begin)) || SIGNALS.iter().any(is_signal)
}

/// Finds the first error of a compiler: `cart.cc:5:10: error: …`.
pub(super) fn of_compile_error(output: &str) -> Option<Excerpt<'_>> {
    let is_head = |line: &str| line.split_once(": error: ").is_some_and(|(place, _)| place.contains(':'));
    let is_end = |line: &str| !line.starts_with(char::is_whitespace);
    find(output, &Wording { is_head, is_end })
        .map(|text| Excerpt { message: text.lines().next().unwrap_or(text), text })
}

/// Finds what is worded so: from its head to the line before its end.
fn find<'t>(output: &'t str, wording: &Wording) -> Option<&'t str> {
    let mut start = None;
    let mut at = 0;
    for whole in output.split_inclusive('\n') {
        let line = whole.trim_end();
        match start {
            None if (wording.is_head)(line) => start = Some(at),
            Some(start) if (wording.is_end)(line) => return Some(output[start..at].trim_end()),
            _ => {}
        }
        at += whole.len();
    }
    start.map(|start| output[start..].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, message: &str) {
        let found = of_failure(output).unwrap();
        assert_eq!((found.message, found.text), (message, message));
    }

    #[test]
    fn the_first_failure_of_every_framework_is_found() {
        let failure = "cart_test.cc:8: Failure\nValue of: x\n  Actual: 1\nExpected: 2";
        check(&format!("[ RUN      ] A.b\n{failure}\n[  FAILED  ] A.b (0 ms)\n"), failure);
        check(&format!("{failure}\nunknown file: Failure\nmore\n"), failure);
        let failure = "cart.cpp:6: FAILED:\n  REQUIRE( add(1, 1) == 3 )\nwith expansion:\n  2 == 3";
        check(&format!("~~~~\ncart is a Catch v2\n\n{failure}\n\ncart.cpp:7: FAILED:\n"), failure);
        let failure = "cart.cpp:6: ERROR: CHECK( add(1, 1) == 3 ) is NOT correct!\n  values: CHECK( 2 == 3 )";
        check(&format!("[doctest] run\n{failure}\n\n===\n"), failure);
        let failure = "cart.cpp(6): error: in \"adds\": check add(1, 1) == 3 has failed [2 != 3]";
        check(&format!("Running 1 test case...\r\n{failure}\r\n\r\n*** 1 failure\r\n"), failure);
        let failure = "cart: cart.cpp:11: int add(): Assertion `a == b' failed.";
        check(&format!("before\n{failure}\nAborted"), failure);
    }

    #[test]
    fn a_traceback_is_left_for_others_to_read() {
        let found =
            of_failure("before\nTraceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'a'").unwrap();
        assert!(found.message.is_empty() && found.text.starts_with("Traceback"));
    }

    #[test]
    fn output_in_no_known_words_tells_nothing() {
        for output in ["", "boom", "Failure", "x: FAILED", "error: x"] {
            assert_eq!(of_failure(output), None, "{output}");
            assert_eq!(of_compile_error(output), None, "{output}");
        }
    }

    #[test]
    fn a_program_that_died_is_told_from_one_that_speaks_of_death() {
        for line in [
            "Segmentation fault (core dumped)",
            "bash: line 1: 42 Aborted",
            "make: *** [Makefile:3: test] Error 139",
            "terminate called after throwing",
        ] {
            assert!(is_of_death(line), "{line}");
        }
        for line in ["Killed the process", "the Bus error was handled", "remake: *** x", ""] {
            assert!(!is_of_death(line), "{line}");
        }
    }

    #[test]
    fn the_first_error_of_a_compiler_is_found() {
        let found = of_compile_error(
            "In function f:\ncart.cc:5:10: error: no\n    5 |   x\n      |   ^\ncart.cc:6:1: error: more\n",
        )
        .unwrap();
        assert_eq!(found.message, "cart.cc:5:10: error: no");
        assert_eq!(found.text, "cart.cc:5:10: error: no\n    5 |   x\n      |   ^");
    }
}
