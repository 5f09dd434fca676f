//! What kind of failure it is, told from what the producer printed. The most telling sources are asked first: the
//! compiler's own diagnostics, the producer's type, the message, and only without a message the captured output.
//!
//! It never calls a failed comparison infrastructure, whatever words the compared values hold.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::model::{Diagnostic, Failure, FailureClass};
use crate::text::cap;
use crate::triage::symptom;

/// How much of a message's first line tells what it is.
const HEADLINE_CHARS_MAX: usize = 200;

/// How much of a test's output is looked at when there is no message.
const OUTPUT_BYTES_MAX: usize = 4 * 1024;

/// What words tell of. The order is of no importance; each is asked for where it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A text that cannot be parsed.
    Syntax,
    /// A package that is not there.
    Missing,
    /// A module of the project itself that is not there; such a one is no package.
    OwnModule,
    /// A program that was refused for its meaning.
    Compile,
    /// A comparison that failed, told by the message.
    Comparison,
    /// A comparison that failed, told by the producer's type.
    ComparisonType,
    /// A deadline that passed.
    Timeout,
    /// A process that died.
    Crash,
    /// Anything else that is thrown.
    Thrown,
}

/// The words of compilers, interpreters, runtimes and test runners, by what they tell of.
static WORDS: &[(Sign, &[&str])] = &[
    (
        Sign::Syntax,
        &[
            "syntaxerror",
            "syntax error",
            "indentationerror",
            "taberror",
            "parse error",
            "unexpected token",
            "unexpected end of input",
            "unclosed delimiter",
            "unexpected closing delimiter",
            "mismatched closing delimiter",
            "unterminated",
            "expected one of",
            "expected `;`",
            "';' expected",
            "expected expression, found",
            "expected item, found",
            "expected identifier, found",
            "expected pattern, found",
            "expected type, found",
            "unknown start of token",
            "unknown prefix",
            "reached end of file while parsing",
        ],
    ),
    (
        Sign::Missing,
        &[
            "modulenotfounderror",
            "no module named",
            "cannot find module",
            "cannot find package",
            "can't find crate for",
            "no matching package named",
            "no required module provides package",
            "missing go.sum entry",
            "err_module_not_found",
            "failed to resolve import",
            "cannot load such file",
            "unresolved module or unlinked crate",
        ],
    ),
    (
        Sign::OwnModule,
        &["cannot find module './", "cannot find module '../", "cannot find module '/", "resolve import \"."],
    ),
    (
        Sign::Compile,
        &[
            "error[e0",
            "error ts",
            "cannot find symbol",
            "could not compile",
            "build failed",
            "build error",
            "compilation failed",
            "undefined: ",
        ],
    ),
    (
        Sign::Comparison,
        &[
            "assertion",
            "assert ",
            "assert.",
            "comparisonfailure",
            "expect(received)",
            "expected:",
            "to equal",
            "to be equal",
            "to deeply equal",
            "to contain",
            "not equal",
            "should be",
            "should have",
            "did not panic as expected",
            "err_assertion",
        ],
    ),
    (
        Sign::ComparisonType,
        &["assertion", "comparisonfailure", "expectationfailed", "multipleassertions", "should_panic"],
    ),
    (Sign::Timeout, &["timed out", "timeout", "deadline exceeded", "did not finish within"]),
    (
        Sign::Crash,
        &[
            "sigabrt",
            "sigsegv",
            "sigbus",
            "sigill",
            "sigfpe",
            "sigkill",
            "test abort",
            "segmentation fault",
            "access violation",
            "core dumped",
            "has overflowed its stack",
            "stack overflow",
            "fatal runtime error",
            "(signal: ",
        ],
    ),
    (Sign::Thrown, &["panic", "exception", "error:", "traceback", "unwrap()` on", "index out of bounds", "overflow"]),
];

/// All words at once, with the sign each stands for.
#[expect(clippy::unwrap_used, reason = "constant words, exercised by every test")]
static AUTOMATON: LazyLock<(AhoCorasick, Vec<Sign>)> = LazyLock::new(|| {
    let words = || WORDS.iter().flat_map(|(sign, words)| words.iter().map(move |word| (*word, *sign)));
    let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(words().map(|(word, _)| word)).unwrap();
    (automaton, words().map(|(_, sign)| sign).collect())
});

/// The signs a text holds.
#[derive(Debug, Clone, Copy, Default)]
struct Signs(u16);

impl Signs {
    /// Looks for all words in one pass.
    fn of(text: &str) -> Self {
        let (automaton, signs) = &*AUTOMATON;
        let found = automaton.find_overlapping_iter(text).map(|word| signs[word.pattern().as_usize()]);
        Self(found.fold(0, |held, sign| held | 1 << sign as u16))
    }

    fn has(self, sign: Sign) -> bool {
        self.0 & (1 << sign as u16) != 0
    }

    /// A module of the project itself is not a package.
    fn misses_a_package(self) -> bool {
        self.has(Sign::Missing) && !self.has(Sign::OwnModule)
    }
}

/// Tells what kind of failure it is.
pub fn classify(failure: &Failure) -> FailureClass {
    if let Some(class) = failure.diagnostics.iter().map(of_diagnostic).min_by_key(|class| build_rank(*class)) {
        return class;
    }
    let text = format!("{}\n{}", failure.kind, told(failure));
    if failure.id.is_build() || failure.id.name == "[build failed]" {
        return of_build(&text);
    }
    if is_assertion(failure) {
        return FailureClass::AssertionMismatch;
    }
    let signs = Signs::of(&text);
    first_told(&[
        (symptom::of(&text).is_some(), FailureClass::Infrastructure),
        (signs.has(Sign::Crash), FailureClass::Crash),
        (signs.has(Sign::Timeout), FailureClass::Timeout),
        (signs.misses_a_package(), FailureClass::MissingDependency),
        (signs.has(Sign::Syntax), FailureClass::SyntaxError),
        (signs.has(Sign::Compile), FailureClass::CompileError),
        (signs.has(Sign::Thrown) || !exception(&failure.kind).is_empty(), FailureClass::Panic),
    ])
    .unwrap_or(FailureClass::Unknown)
}

/// Returns the class of the first sign that was found; the more telling signs stand first.
fn first_told(signs: &[(bool, FailureClass)]) -> Option<FailureClass> {
    signs.iter().find(|(found, _)| *found).map(|(_, class)| *class)
}

/// Returns the message, or the end of the captured output where there is none.
pub(super) fn told(failure: &Failure) -> String {
    if failure.message.trim().is_empty() {
        cap::head_and_tail(&failure.output, OUTPUT_BYTES_MAX)
    } else {
        cap::head_and_tail(&failure.message, OUTPUT_BYTES_MAX)
    }
}

/// A build stops at its first kind of trouble: what cannot be parsed hides what is missing, and that hides the rest.
fn build_rank(class: FailureClass) -> u8 {
    match class {
        FailureClass::SyntaxError => 0,
        FailureClass::MissingDependency => 1,
        _ => 2,
    }
}

fn of_diagnostic(diagnostic: &Diagnostic) -> FailureClass {
    let message = diagnostic.message.as_str();
    match diagnostic.code.as_str() {
        "" => of_build(message),
        "E0432" | "E0433" | "E0463" if names_a_package(diagnostic) => FailureClass::MissingDependency,
        "TS2307" if Signs::of(message).misses_a_package() => FailureClass::MissingDependency,
        code if is_typescript_syntax(code) => FailureClass::SyntaxError,
        _ => FailureClass::CompileError,
    }
}

/// TypeScript numbers what it cannot parse from 1000 to 1999.
fn is_typescript_syntax(code: &str) -> bool {
    code.strip_prefix("TS").is_some_and(|number| number.len() == 4 && number.starts_with('1'))
}

/// rustc says which unresolved names may be packages; a module of the same project gets no such hint.
fn names_a_package(diagnostic: &Diagnostic) -> bool {
    let rendered = diagnostic.rendered.as_str();
    let similar = rendered.contains("similar name") || !diagnostic.suggestions.is_empty();
    let hinted = ["cargo add", "you might be missing crate", "use of undeclared crate"];
    diagnostic.code == "E0463" || (!similar && hinted.iter().any(|hint| rendered.contains(hint)))
}

fn of_build(text: &str) -> FailureClass {
    let signs = Signs::of(text);
    first_told(&[
        (symptom::of(text).is_some(), FailureClass::Infrastructure),
        (signs.has(Sign::Syntax), FailureClass::SyntaxError),
        (signs.misses_a_package(), FailureClass::MissingDependency),
    ])
    .unwrap_or(FailureClass::CompileError)
}

/// A comparison is told by its type, by its two values, or by how its message begins; a word further on may as well be
/// part of what some code printed. The name of another exception settles that it is none.
fn is_assertion(failure: &Failure) -> bool {
    let is_macro = ["REQUIRE", "CHECK", "ASSERT_", "EXPECT_"].iter().any(|name| failure.kind.starts_with(name));
    let typed = is_macro || Signs::of(&failure.kind).has(Sign::ComparisonType);
    if typed || !exception(&failure.kind).is_empty() {
        return typed;
    }
    let head: String = headline(&failure.message).chars().take(HEADLINE_CHARS_MAX).collect();
    let signs = Signs::of(&head);
    let both = failure.expected.is_some() && failure.actual.is_some();
    both || (signs.has(Sign::Comparison) && !signs.has(Sign::Timeout))
}

/// Returns the first line that says something.
fn headline(message: &str) -> &str {
    message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// Returns the name of the exception a producer's type gives (`ValueError`, `java.io.IOException`), without its
/// module; empty when the type is only a word of the producer's own, which differs between the report formats of one
/// runner.
pub(super) fn exception(kind: &str) -> &str {
    let name = kind.rsplit(['.', ':', '\\']).next().unwrap_or_default();
    let bare = ["Error", "Exception", "Warning"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or_default();
    if bare.starts_with(|c: char| c.is_ascii_uppercase()) { name } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TestId;

    fn failure(kind: &str, message: &str) -> Failure {
        Failure { kind: kind.into(), message: message.into(), ..Failure::bare(TestId::new("s", "t")) }
    }

    #[track_caller]
    fn check(kind: &str, message: &str, expected: FailureClass) {
        assert_eq!(classify(&failure(kind, message)), expected, "{kind}: {message}");
    }

    fn diagnostic(code: &str, message: &str, rendered: &str) -> Diagnostic {
        Diagnostic {
            code: code.into(),
            message: message.into(),
            spans: Vec::new(),
            suggestions: Vec::new(),
            rendered: rendered.into(),
        }
    }

    #[test]
    fn comparisons_of_the_common_runners_are_assertion_mismatches() {
        check("panic", "assertion `left == right` failed\n  left: 1\n right: 2", FailureClass::AssertionMismatch);
        check("", "assertion failed: `(left == right)`", FailureClass::AssertionMismatch);
        check("AssertionError", "assert 3 == 4", FailureClass::AssertionMismatch);
        check("", "expect(received).toBe(expected) // Object.is equality", FailureClass::AssertionMismatch);
        check("org.opentest4j.AssertionFailedError", "expected: <1> but was: <2>", FailureClass::AssertionMismatch);
        check(
            "PHPUnit\\Framework\\ExpectationFailedException",
            "My\\Ns\\ATest::testPlain",
            FailureClass::AssertionMismatch,
        );
        check("REQUIRE", "size() < 2", FailureClass::AssertionMismatch);
        check("should_panic", "test did not panic as expected", FailureClass::AssertionMismatch);
        check("org.junit.ComparisonFailure", "expected:<[a]> but was:<[b]>", FailureClass::AssertionMismatch);
    }

    #[test]
    fn a_comparison_about_network_words_is_not_infrastructure() {
        check("AssertionError", "assert 'no space left on device' == 'disk full'", FailureClass::AssertionMismatch);
        let mut compared = failure("panic", "assertion `left == right` failed: temporary failure in name resolution");
        compared.expected = Some("timed out".into());
        compared.actual = Some("connection refused".into());
        assert_eq!(classify(&compared), FailureClass::AssertionMismatch);
    }

    #[test]
    fn the_machine_is_blamed_for_what_only_it_can_cause() {
        let text = "called `Result::unwrap()` on an `Err` value: Os { code: 28, message: \"No space left on device\" }";
        check("panic", text, FailureClass::Infrastructure);
        check("OSError", "[Errno -3] Temporary failure in name resolution", FailureClass::Infrastructure);
        check("", "getaddrinfo EAI_AGAIN registry.npmjs.org", FailureClass::Infrastructure);
    }

    #[test]
    fn what_code_may_have_caused_is_not_called_infrastructure() {
        let refused = "called `Result::unwrap()` on an `Err` value: Os { code: 111, kind: ConnectionRefused }";
        check("panic", refused, FailureClass::Panic);
        check("PermissionError", "[Errno 13] Permission denied: 'out/a.txt'", FailureClass::Panic);
    }

    #[test]
    fn missing_packages_and_missing_own_files_are_told_apart() {
        check("ModuleNotFoundError", "No module named 'yaml'", FailureClass::MissingDependency);
        check("Error", "Cannot find module 'express'\nRequire stack:", FailureClass::MissingDependency);
        check("", "Error: Cannot find module './cart'", FailureClass::Panic);
    }

    #[test]
    fn exceptions_crashes_timeouts_and_syntax_errors_are_recognised() {
        check("ValueError", "expected: a number", FailureClass::Panic);
        check("java.io.UncheckedIOException", "x", FailureClass::Panic);
        check("TypeError", "Cannot read properties of undefined (reading 'x')", FailureClass::Panic);
        check("panic", "called `Option::unwrap()` on a `None` value", FailureClass::Panic);
        check("SyntaxError", "invalid syntax (cart.py, line 3)", FailureClass::SyntaxError);
        check("IndentationError", "unexpected indent", FailureClass::SyntaxError);
        check("test abort", "process aborted (signal: 6, SIGABRT: process abort signal)", FailureClass::Crash);
        check("test timeout", "test timed out after 60s", FailureClass::Timeout);
        check("Error", "thrown: \"Exceeded timeout of 5000 ms for a test.\"", FailureClass::Timeout);
        check("", "", FailureClass::Unknown);
    }

    #[test]
    fn the_output_is_asked_only_when_there_is_no_message() {
        let mut silent = failure("", "");
        silent.output = "thread 't' panicked at src/lib.rs:1:1:\nindex out of bounds".into();
        assert_eq!(classify(&silent), FailureClass::Panic);
        let spoken = Failure { output: "No space left on device".into(), ..failure("ValueError", "bad value") };
        assert_eq!(classify(&spoken), FailureClass::Panic);
    }

    #[test]
    fn builds_are_told_by_their_diagnostics() {
        let build = |diagnostics| classify(&Failure { diagnostics, ..Failure::bare(TestId::build("alpha")) });
        let mismatch = diagnostic("E0308", "mismatched types", "");
        let open = diagnostic("", "this file contains an unclosed delimiter", "");
        let unlinked = "use of unresolved module or unlinked crate `rand`";
        let package = diagnostic("E0433", unlinked, "help: use `cargo add rand` to add it to your `Cargo.toml`");
        let own = diagnostic("E0432", "unresolved import `crate::carts`", "help: a similar name exists");
        assert_eq!(build(vec![mismatch.clone()]), FailureClass::CompileError);
        assert_eq!(build(vec![mismatch.clone(), open]), FailureClass::SyntaxError);
        assert_eq!(build(vec![mismatch, package]), FailureClass::MissingDependency);
        assert_eq!(build(vec![own]), FailureClass::CompileError);
    }

    #[test]
    fn builds_without_diagnostics_are_told_by_their_text() {
        let build = |message: &str| classify(&Failure { message: message.into(), ..Failure::bare(TestId::build("a")) });
        assert_eq!(build("error: no matching package named `foo` found"), FailureClass::MissingDependency);
        assert_eq!(build("error: linker `cc` not found"), FailureClass::Infrastructure);
        assert_eq!(build("./cart.go:3:1: syntax error: unexpected name"), FailureClass::SyntaxError);
        assert_eq!(build("./cart.go:9:2: undefined: total"), FailureClass::CompileError);
    }

    #[test]
    fn a_word_of_one_sign_inside_a_longer_one_of_another_is_found_too() {
        let signs = Signs::of("Cannot find module './cart'");
        assert!(signs.has(Sign::Missing) && signs.has(Sign::OwnModule) && !signs.misses_a_package());
    }

    #[test]
    fn only_names_of_exceptions_are_exceptions() {
        assert_eq!(exception("builtins.ValueError"), "ValueError");
        assert_eq!(exception("java.lang.NullPointerException"), "NullPointerException");
        assert_eq!(["panic", "test failure", "Error", "error[E0308]"].map(exception), ["", "", "", ""]);
    }
}
