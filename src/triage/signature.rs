//! A failure's fingerprint: its class, the shape of its message, and the topmost place in the project.
//!
//! Of two errors in grouping the cheaper one is preferred: two clusters with one fault cost a second look, but two
//! faults in one cluster cannot be healed by one patch. Nothing that differs between machines, report formats or runs
//! goes in: no line where a function or a test names the place, no values, no folders outside the project.

use camino::Utf8PathBuf;

use crate::model::{Diagnostic, Failure, FailureClass, Frame, Location, Signature, TestId};
use crate::text::normalise::{fingerprint, normalise, shape};
use crate::triage::classify::{classify, exception, told};
use crate::triage::paths::{is_absolute, is_foreign, is_test_file, portable};

/// How much of a message's first line counts.
const MESSAGE_CHARS_MAX: usize = 300;

/// Returns the fingerprint of a failure: equal for the same fault on another machine.
pub fn signature(failure: &Failure) -> Signature {
    let class = classify(failure);
    let parts = match (class, failure.diagnostics.first()) {
        (_, Some(diagnostic)) => of_diagnostic(diagnostic),
        (FailureClass::MissingDependency, None) => vec![normalise(&headline(failure))],
        (FailureClass::Infrastructure, None) => vec![shape(&normalise(&headline(failure)))],
        (_, None) => {
            vec![exception(&failure.kind).to_owned(), shape(&normalise(&headline(failure))), place(failure, class)]
        }
    };
    let class = class.to_string();
    let parts: Vec<&str> = std::iter::once(class.as_str()).chain(parts.iter().map(String::as_str)).collect();
    Signature(fingerprint(&parts))
}

/// Returns the first line of the message that says something: no header with a thread's or a place's name.
fn headline(failure: &Failure) -> String {
    let told = told(failure);
    let header = |line: &str| line.starts_with("thread '") || line.starts_with("Traceback (most recent");
    let lines = || told.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find(|line| !header(line)).or_else(|| lines().next()).unwrap_or_default();
    line.chars().take(MESSAGE_CHARS_MAX).collect()
}

/// A compiler's message names things; their names are what tells two errors apart, so that it keeps its values.
fn of_diagnostic(diagnostic: &Diagnostic) -> Vec<String> {
    let span = diagnostic.spans.iter().find(|span| span.primary).or(diagnostic.spans.first());
    let file = span.map(|span| portable(&span.file)).unwrap_or_default();
    let label = span.map(|span| normalise(&span.label)).unwrap_or_default();
    vec![diagnostic.code.clone(), normalise(&diagnostic.message), label, file]
}

/// Names the topmost place in the project in a way that survives edits above it where possible.
///
/// Without a function's name, a comparison stands in the test itself (or in its helper), which the test's name tells
/// apart; anything else stands in code that many tests may share, where only the line is left.
fn place(failure: &Failure, class: FailureClass) -> String {
    let Some(location) = topmost(failure) else { return spoken(&failure.id) };
    let file = portable(&location.file);
    let in_test = class == FailureClass::AssertionMismatch || is_test_file(&location.file);
    match function_at(failure, location) {
        Some(function) => format!("{file} {function}"),
        None if in_test => format!("{file} {}", without_parameters(&failure.id.name)),
        None => format!("{file} {}", location.line),
    }
}

/// Returns the innermost place that belongs to the project: a path relative to it, else one that nothing else claims.
fn topmost(failure: &Failure) -> Option<&Location> {
    let places = || failure.location.iter().chain(failure.frames.iter().map(|frame| &frame.location));
    let own = |location: &&Location| !is_foreign(&location.file);
    places().filter(own).find(|location| !is_absolute(location.file.as_str())).or_else(|| places().find(own))
}

/// Returns the function at a place. Rust prints frames only where `RUST_BACKTRACE` is set, which differs between
/// machines; the panic's own place is always printed, so that there the frames are not asked.
fn function_at<'a>(failure: &'a Failure, location: &Location) -> Option<&'a str> {
    let printed = failure.location.as_ref() == Some(location) && location.file.extension() == Some("rs");
    let here = |frame: &&Frame| frame.location.file == location.file && frame.location.line == location.line;
    let frame = failure.frames.iter().find(here).filter(|_| !printed)?;
    frame.function.as_deref().map(bare_function).filter(|name| !name.is_empty())
}

/// Returns a function's name without the hash and the closures compilers add; empty for an unnamed one.
fn bare_function(name: &str) -> &str {
    let is_hash =
        |end: &str| end.len() == 17 && end.starts_with('h') && end[1..].bytes().all(|b| b.is_ascii_hexdigit());
    let mut name = match name.rsplit_once("::") {
        Some((rest, end)) if is_hash(end) => rest,
        _ => name,
    };
    while let Some(rest) = name.strip_suffix("::{{closure}}").or_else(|| name.strip_suffix("::{closure#0}")) {
        name = rest;
    }
    if name.contains("<anonymous>") || name == "<module>" || name.contains("<lambda>") { "" } else { name }
}

/// Returns a test's name without the parameters of one instance: `adds[2-3]` and `adds(int) [1]` are `adds`.
fn without_parameters(name: &str) -> &str {
    let bare = name.split(['[', '(']).next().unwrap_or_default().trim_end();
    let bare = bare.split_once('#').map_or(bare, |(rest, _)| rest).trim_end();
    if bare.is_empty() { name } else { bare }
}

fn spoken(id: &TestId) -> String {
    format!("{} {}", id.suite, without_parameters(&id.name))
}

/// One error of a build: its code, message, and place.
pub(super) type Identity = (String, String, Option<(Utf8PathBuf, u32, u32)>);

/// Names the errors of a build so that one met in two targets is recognised. Errors without a place are closing words
/// (`aborting due to …`) wherever another one has a place.
pub(super) fn identities(diagnostics: &[Diagnostic]) -> impl Iterator<Item = Identity> {
    let place = |diagnostic: &Diagnostic| {
        let span = diagnostic.spans.iter().find(|span| span.primary)?;
        Some((span.file.clone(), span.line, span.column))
    };
    let any_placed = diagnostics.iter().any(|diagnostic| place(diagnostic).is_some());
    let identity =
        move |diagnostic: &Diagnostic| (diagnostic.code.clone(), diagnostic.message.clone(), place(diagnostic));
    diagnostics.iter().map(identity).filter(move |identity| identity.2.is_some() || !any_placed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;
    use proptest::prelude::*;

    fn at(file: &str, line: u32) -> Location {
        Location { file: file.into(), line, column: Some(5) }
    }

    fn frame(function: &str, file: &str, line: u32) -> Frame {
        Frame { function: Some(function.into()), location: at(file, line) }
    }

    fn panicked(test: &str, message: &str, location: Location) -> Failure {
        Failure {
            kind: "panic".into(),
            message: message.into(),
            location: Some(location),
            ..Failure::bare(TestId::new("cart", test))
        }
    }

    const MISMATCH: &str = "assertion `left == right` failed\n  left: 3\n right: 4";
    const UNWRAP: &str = "called `Option::unwrap()` on a `None` value";

    #[test]
    fn two_assertions_in_two_tests_of_one_file_differ() {
        let a = panicked("tests::adds", MISMATCH, at("src/lib.rs", 30));
        let b = panicked("tests::subtracts", MISMATCH, at("src/lib.rs", 40));
        assert_ne!(signature(&a), signature(&b));
    }

    #[test]
    fn two_tests_that_fail_in_one_line_of_the_product_share_a_signature() {
        let a = panicked("tests::adds", UNWRAP, at("src/lib.rs", 9));
        let b = panicked("tests::subtracts", UNWRAP, at("src/lib.rs", 9));
        assert_eq!(signature(&a), signature(&b));
        let elsewhere = panicked("tests::adds", UNWRAP, at("src/lib.rs", 12));
        assert_ne!(signature(&a), signature(&elsewhere));
    }

    #[test]
    fn a_backtrace_that_only_one_machine_prints_changes_nothing() {
        let without = panicked("tests::adds", UNWRAP, at("src/lib.rs", 9));
        let mut with = without.clone();
        with.frames = vec![
            frame("core::option::unwrap_failed::h0123456789abcdef", "/rustc/1/library/core/src/option.rs", 1),
            frame("cart::total::h0123456789abcdef", "src/lib.rs", 9),
        ];
        assert_eq!(signature(&without), signature(&with));
    }

    #[test]
    fn a_named_function_makes_the_line_irrelevant() {
        let thrown = |line| Failure {
            kind: "ValueError".into(),
            message: "bad price".into(),
            location: Some(at("shop/cart.py", line)),
            frames: vec![frame("total", "shop/cart.py", line), frame("test_total", "tests/test_cart.py", 3)],
            ..Failure::bare(TestId::new("", "test_total"))
        };
        assert_eq!(signature(&thrown(10)), signature(&thrown(99)));
    }

    #[test]
    fn parameters_of_one_test_do_not_part_it() {
        let failed = |name: &str| panicked(name, MISMATCH, at("tests/cart.rs", 7));
        assert_eq!(signature(&failed("adds[1-2]")), signature(&failed("adds[3-4]")));
        assert_eq!(signature(&failed("src/lib.rs - f (line 9)")), signature(&failed("src/lib.rs - f (line 12)")));
    }

    #[test]
    fn the_same_missing_package_is_one_fault_wherever_it_is_missed_and_another_one_is_another() {
        let missing = |file: &str, package: &str| Failure {
            kind: "ModuleNotFoundError".into(),
            message: format!("No module named '{package}'"),
            location: Some(at(file, 1)),
            ..Failure::bare(TestId::new("", file))
        };
        assert_eq!(signature(&missing("tests/a.py", "yaml")), signature(&missing("tests/b.py", "yaml")));
        assert_ne!(signature(&missing("tests/a.py", "yaml")), signature(&missing("tests/a.py", "numpy")));
    }

    #[test]
    fn two_exceptions_with_one_text_differ_but_the_words_of_a_format_do_not() {
        let of = |kind: &str| signature(&Failure { kind: kind.into(), ..panicked("t", "x", at("src/lib.rs", 1)) });
        assert_ne!(of("KeyError"), of("ValueError"));
        assert_eq!(of("builtins.KeyError"), of("KeyError"));
    }

    #[test]
    fn compiler_errors_are_told_apart_by_the_names_in_them() {
        let build = |name: &str, line: u32| {
            let span = Span {
                file: "src/lib.rs".into(),
                byte_start: 1,
                byte_end: 2,
                line,
                column: 1,
                primary: true,
                label: "not found in this scope".into(),
            };
            let diagnostic = Diagnostic {
                code: "E0425".into(),
                message: format!("cannot find function `{name}` in this scope"),
                spans: vec![span],
                suggestions: Vec::new(),
                rendered: String::new(),
            };
            signature(&Failure { diagnostics: vec![diagnostic], ..Failure::bare(TestId::build("cart")) })
        };
        assert_eq!(build("total", 3), build("total", 30));
        assert_ne!(build("total", 3), build("sum", 3));
    }

    #[test]
    fn function_names_lose_what_compilers_add() {
        assert_eq!(bare_function("cart::total::h0123456789abcdef"), "cart::total");
        assert_eq!(bare_function("cart::total::{{closure}}::{{closure}}::h0123456789abcdef"), "cart::total");
        assert_eq!(bare_function("Object.<anonymous>"), "");
        assert_eq!(bare_function("é::h0123456789abcdeé"), "é::h0123456789abcdeé");
    }

    proptest! {
        #[test]
        fn another_machine_gives_the_same_signature(
            (home, other) in ("[a-z]{1,8}", "[a-z]{1,8}"),
            (pid, other_pid) in (1u32..99_999, 1u32..99_999),
            (address, other_address) in (0x1000_0000u64.., 0x1000_0000u64..),
            (took, other_took) in (0u32..100_000, 0u32..100_000),
        ) {
            let on = |home: &str, pid: u32, address: u64, took: u32| {
                let folder = format!("/home/{home}/code/shop");
                Failure {
                    kind: "RuntimeError".into(),
                    message: format!("cannot open {folder}/data/cart.db at 0x{address:x} after {took} ms (pid {pid})"),
                    location: Some(at(&format!("{folder}/shop/cart.py"), 12)),
                    frames: vec![
                        frame("open", &format!("/home/{home}/.venv/lib/python3.12/site-packages/db.py"), pid),
                        frame("total", &format!("{folder}/shop/cart.py"), 12),
                    ],
                    ..Failure::bare(TestId::new("tests.test_cart", "test_total"))
                }
            };
            prop_assert_eq!(
                signature(&on(&home, pid, address, took)),
                signature(&on(&other, other_pid, other_address, other_took))
            );
        }

        #[test]
        fn any_failure_has_a_signature(
            (kind, message, output) in ("\\PC{0,30}", "\\PC{0,80}", "\\PC{0,80}"),
            (suite, name) in ("\\PC{0,20}", "\\PC{0,20}"),
            (file, function, line) in ("\\PC{0,30}", "\\PC{0,40}", 0u32..),
        ) {
            let failure = Failure {
                kind, message, output,
                location: Some(at(&file, line)),
                frames: vec![frame(&function, &file, line)],
                ..Failure::bare(TestId::new(suite, name))
            };
            prop_assert_eq!(signature(&failure), signature(&failure.clone()));
            prop_assert!(!signature(&failure).0.is_empty());
        }
    }
}
