//! Fills a failure's particulars from the text a runner printed with it.
//!
//! What the format itself states (a type, a place, two values) stands; only what is missing is looked for in the text.

use std::sync::LazyLock;

use regex::{Match, Regex};

use crate::ingest::panic::Panic;
use crate::ingest::{panic, pattern, trace, values};
use crate::model::Failure;
use crate::text::{ansi, cap};

/// The kind of a failure that says it is an assertion but names no type.
pub(super) const ASSERTION: &str = "assertion";
/// The kind of a panic that is no assertion.
pub(super) const PANIC: &str = "panic";
/// The kind of a `#[should_panic]` test that did not, or did otherwise.
pub(super) const SHOULD_PANIC: &str = "should_panic";
/// The kind of a test that returned an `Err`.
pub(super) const ERROR: &str = "error";
/// The kind of a failure that a deadline caused.
pub(super) const TIMEOUT: &str = "timeout";

/// The longest message kept, in bytes; the text it is from is in the output.
const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// Bytes of each text that are looked through; of more, head and tail.
const SEARCHED_MAX: usize = 1 << 20;

/// A test that returned an `Err`, and a termination value that is no success.
static RETURNED_ERROR: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^Error: [^\n]*"));

/// What libtest says of a test that should have panicked.
static SHOULD_HAVE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^note: (?P<what>test did not panic as expected|panic did not contain expected string)(?: at (?P<file>[^\n]+?):(?P<line>\d+):(?P<column>\d+))?\r?$",
    )
});

/// `ExceptionName: message`, as most languages head an exception.
static EXCEPTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^\s*(?:E\s+|Uncaught |Unhandled |cause: |(?:OneTime)?(?:SetUp|TearDown) ?: )?(?P<kind>(?:[A-Za-z_$][\w$]*[.\\])*(?:[A-Z][\w$]*)?(?:Error|Exception|Failure|Failed|Exit|Interrupt|Warning))(?: \[[^\]\n]*\])?(?: ?:|$)",
    )
});

/// What rustdoc says of a doctest that should have panicked.
const DID_NOT_PANIC: &str = "Test executable succeeded, but it's marked `should_panic`.";

/// An error of rustc, as a doctest that does not compile prints it.
static NOT_COMPILED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^(?P<kind>error\[E\d{4}\]): "));

/// A name that ends in the line of a doctest: `src/lib.rs - add (line 7)`.
static DOCTEST: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?P<file>.+?) - .*?\(line (?P<line>\d+)\)$"));

/// Fills what `failure` does not state from the texts printed with it, such as a report's body and the captured output.
pub(super) fn fill(failure: &mut Failure, texts: &[&str]) {
    let texts: Vec<_> = texts.iter().map(|text| cap::head_and_tail(text, SEARCHED_MAX)).collect();
    let texts: Vec<_> = texts.iter().map(|text| ansi::strip(text)).collect();
    let panics: Vec<_> = texts.iter().map(|text| panic::find_all(text)).collect();
    let text = texts.join("\n");
    let given = std::mem::take(&mut failure.kind);
    telling_kind(&given).clone_into(&mut failure.kind);
    match telling_panic(&panics, &failure.id.name) {
        Some(panic) => fill_from_panic(failure, panic, &text),
        None => fill_from_text(failure, &text),
    }
    set_if_empty(&mut failure.kind, &given);
    if let Some(doctest) = DOCTEST.captures(&failure.id.name) {
        failure.location = trace::location(&doctest).or(failure.location.take());
    }
    failure.message = cap::head_and_tail(ansi::strip(&failure.message).trim_end(), MESSAGE_BYTES_MAX);
}

/// Returns the type a producer gives, or nothing when it gives the same to all failures; all words for a timeout are one.
fn telling_kind(given: &str) -> &str {
    match given {
        "failure" | "error" | "assert" | "testCodeFailure" => "",
        _ if given.starts_with("test failure with exit code") => "",
        _ if given.contains("imeout") && !given.contains('.') => TIMEOUT,
        _ => given,
    }
}

/// Sets the captured output, without colour and cut to size.
pub(super) fn set_output(failure: &mut Failure, output: &str, bytes_max: usize) {
    failure.output = cap::head_and_tail(ansi::strip(output).trim_matches(['\n', '\r']), bytes_max);
}

/// Picks the panic that explains the failure from those of each text: the test's own last one (earlier ones were
/// caught), unless it only passes on another thread's.
fn telling_panic<'a>(panics: &'a [Vec<Panic>], name: &str) -> Option<&'a Panic> {
    let passes_on = |panic: &Panic| panic.message.ends_with(": Any { .. }");
    let own = panics.iter().find_map(|panics| panics.iter().rfind(|panic| panic.thread == name));
    let mut all = panics.iter().flatten();
    match own {
        Some(own) if passes_on(own) => all.find(|panic| !passes_on(panic)).or(Some(own)),
        Some(own) => Some(own),
        None => all.next(),
    }
}

fn fill_from_panic(failure: &mut Failure, panic: &Panic, text: &str) {
    let is_library = panic.location.as_ref().is_some_and(|place| place.file.as_str().starts_with("/rustc/"));
    if let Some(error) = RETURNED_ERROR.find(text).filter(|_| is_library) {
        return fill_from_returned_error(failure, error.as_str());
    }
    failure.message.clone_from(&panic.message);
    let is_assertion = panic.message.starts_with("assertion ");
    if is_assertion { ASSERTION } else { PANIC }.clone_into(&mut failure.kind);
    let values = if text.contains("note: panic did not contain expected string") {
        SHOULD_PANIC.clone_into(&mut failure.kind);
        values::find(text)
    } else {
        values::find(&panic.message)
    };
    set_values(failure, values);
    failure.location = panic.location.clone().filter(|_| !is_library).or(failure.location.take());
    failure.frames.clone_from(&panic.frames);
}

fn fill_from_text(failure: &mut Failure, text: &str) {
    if let Some(found) = SHOULD_HAVE.captures(text) {
        SHOULD_PANIC.clone_into(&mut failure.kind);
        found["what"].clone_into(&mut failure.message);
        set_values(failure, values::find(text));
        failure.location = trace::location(&found).or(failure.location.take());
        return;
    }
    let frames = trace::frames(text);
    let is_told = !UNTELLING.contains(&failure.message.as_str());
    // What JavaScript throws is worded alike, but it has a stack.
    let is_thrown = !frames.is_empty() || text.contains("\n    at ");
    let is_all = |error: &Match<'_>| !is_thrown && (!is_told || failure.message == error.as_str().trim_end());
    if let Some(error) = RETURNED_ERROR.find(text).filter(is_all) {
        return fill_from_returned_error(failure, error.as_str());
    }
    let values = values::find(&failure.message).or_else(|| values::find(text));
    if !is_told {
        headline(text).clone_into(&mut failure.message);
    }
    failure.location = failure.location.take().or_else(|| trace::own_place(&frames));
    failure.frames = frames;
    let has_values = values.is_some() || failure.expected.is_some();
    set_if_empty(&mut failure.kind, kind(text, has_values));
    set_values(failure, values);
}

fn fill_from_returned_error(failure: &mut Failure, line: &str) {
    set_if_empty(&mut failure.kind, ERROR);
    line.trim_end().clone_into(&mut failure.message);
}

/// Names the failure's kind from its text: the exception's name, or what the words say, or nothing.
fn kind(text: &str, has_values: bool) -> &str {
    let timed_out = ["timed out", "Timed out", "timeout of", "Timeout of", "Exceeded timeout"];
    let exception = EXCEPTION.captures(text).or_else(|| NOT_COMPILED.captures(text));
    let asserts = ["Assertion", "Failed asserting"];
    match exception.and_then(|found| found.name("kind")).map(|kind| kind.as_str()) {
        None if text.starts_with(DID_NOT_PANIC) => SHOULD_PANIC,
        // The name that all of JavaScript's errors have says less than the words.
        Some("Error") | None if timed_out.iter().any(|words| text.contains(words)) => TIMEOUT,
        Some(kind) => kind,
        None if has_values || text.starts_with("assert") || asserts.iter().any(|words| text.contains(words)) => {
            ASSERTION
        }
        None => "",
    }
}

fn set_values(failure: &mut Failure, values: Option<values::Values>) {
    if let Some(values) = values.filter(|_| failure.expected.is_none() && failure.actual.is_none()) {
        failure.expected = Some(values.expected);
        failure.actual = Some(values.actual);
    }
}

fn set_if_empty(field: &mut String, value: &str) {
    if field.is_empty() {
        value.clone_into(field);
    }
}

/// Messages that say less than the text under them.
const UNTELLING: &[&str] = &["", "collection failure"];

/// `(in test file a.bats, line 3)`, and the place above the quoted source with which node and others tell of an error.
static PLACE_ONLY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:\(?(?:from function `[^']*' )?in (?:test )?file .*, line \d+[,)]|[^\s:]*[/.][^\s:]*:\d+)$")
});

/// Returns the line an engineer would read first: the exception under a traceback or source, else the first line that
/// is more than a place.
fn headline(text: &str) -> &str {
    let is_telling = |line: &&str| !UNTELLING.contains(line) && *line != "FAILED:";
    let mut lines = text.lines().map(str::trim).filter(is_telling).peekable();
    let is_place = lines.peek().is_some_and(|line| PLACE_ONLY.is_match(line));
    let first = lines.by_ref().find(|line| !PLACE_ONLY.is_match(line)).unwrap_or_default();
    let is_under = is_place || text.contains("\nTraceback") || first.starts_with("Traceback");
    if !is_under {
        return first;
    }
    let exception = lines.rfind(|line| EXCEPTION.is_match(line)).unwrap_or(first);
    exception.strip_prefix("E ").unwrap_or(exception).trim_start()
}

#[cfg(test)]
mod tests {
    use crate::model::TestId;

    use super::*;

    fn check(name: &str, text: &str, kind: &str, message: &str, location: &str) -> Failure {
        let mut failure = Failure::bare(TestId::new("s", name));
        fill(&mut failure, &[text]);
        let place = failure.location.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!((failure.kind.as_str(), failure.message.as_str(), place.as_str()), (kind, message, location));
        failure
    }

    #[test]
    fn an_assertion_gives_its_values_and_place() {
        let text = "captured\n\nthread 'a' (1) panicked at src/lib.rs:5:9:\nassertion `left == right` failed\n  left: 1\n right: 2\n";
        let message = "assertion `left == right` failed\n  left: 1\n right: 2";
        let failure = check("a", text, "assertion", message, "src/lib.rs:5:9");
        assert_eq!((failure.actual.as_deref(), failure.expected.as_deref()), (Some("1"), Some("2")));
    }

    #[test]
    fn another_threads_panic_explains_a_join_that_failed() {
        let text = "thread 'worker-7' (2) panicked at src/lib.rs:9:5:\nin thread\n\nthread 'a' (1) panicked at src/lib.rs:10:5:\n\
            called `Result::unwrap()` on an `Err` value: Any { .. }\n";
        check("a", text, "panic", "in thread", "src/lib.rs:9:5");
    }

    #[test]
    fn a_returned_error_is_the_message_whatever_the_toolchain_panics_with() {
        check("re", "Error: \"e\"\n", "error", "Error: \"e\"", "");
        let old = "Error: \"e\"\nthread 're' panicked at 'assertion failed: `(left == right)`\n  left: `1`,\n right: `0`: the test \
            returned', /rustc/7737/library/test/src/lib.rs:187:5\n";
        let failure = check("re", old, "error", "Error: \"e\"", "");
        assert_eq!(failure.actual, None);
    }

    #[test]
    fn a_test_that_should_have_panicked_says_where() {
        let text = "note: test did not panic as expected at src/lib.rs:7:28";
        check("sp", text, "should_panic", "test did not panic as expected", "src/lib.rs:7:28");
        check("sp", "note: test did not panic as expected\n", "should_panic", "test did not panic as expected", "");
    }

    #[test]
    fn a_doctest_is_where_its_name_says() {
        let text =
            "Test executable failed (exit status: 101).\n\nstderr:\nthread 'main' (3) panicked at /tmp/b.rs:6:1:\nx\n";
        check("src/lib.rs - one (line 7)", text, "panic", "x", "src/lib.rs:7");
    }

    #[test]
    fn a_place_is_not_what_is_read_first() {
        let bats = "(from function `f' in file a.bats, line 9,\n in test file a.bats, line 10)\n  `@test \"x\" { f; }' failed\n";
        check("x", bats, "", "`@test \"x\" { f; }' failed", "a.bats:9");
        let node = "/u/a.js:1\nconst x = ;\n          ^\nSyntaxError: Unexpected token ';'\n    at wrapSafe (node:internal:4:18)\n";
        check("x", node, "SyntaxError", "SyntaxError: Unexpected token ';'", "/u/a.js:1");
    }

    #[test]
    fn an_error_that_tells_of_a_timeout_is_one() {
        let text = "Timeout of 20ms exceeded.\nError: Timeout of 20ms exceeded.\n    at a (/u/a.js:1:2)\n";
        check("x", text, "timeout", "Timeout of 20ms exceeded.", "/u/a.js:1:2");
    }

    #[test]
    fn a_doctest_says_in_rustdocs_words_why_it_failed() {
        check(
            "d",
            "error[E0308]: mismatched types\n --> a.rs:1:2\n",
            "error[E0308]",
            "error[E0308]: mismatched types",
            "",
        );
        check("d", DID_NOT_PANIC, "should_panic", DID_NOT_PANIC, "");
    }

    #[test]
    fn an_exception_is_known_by_its_name() {
        let traceback = "Traceback (most recent call last):\n  File \"t.py\", line 3, in t\nKeyError: 'a'\n";
        check("t", traceback, "KeyError", "KeyError: 'a'", "t.py:3");
        check("t", "Error: no\n    at x (node:internal/timers:581:17)\n", "Error", "Error: no", "");
        check("t", "Failed asserting that false is true.", "assertion", "Failed asserting that false is true.", "");
        check("t", "System.Exception : no\n", "System.Exception", "System.Exception : no", "");
        let torn_down = "TearDown : System.Exception : no\n";
        check("t", torn_down, "System.Exception", torn_down.trim_end(), "");
        check("t", "AssertionError [ERR_ASSERTION]: no\n", "AssertionError", "AssertionError [ERR_ASSERTION]: no", "");
        check(
            "t",
            "java.lang.IllegalStateException: no\n",
            "java.lang.IllegalStateException",
            "java.lang.IllegalStateException: no",
            "",
        );
    }
}
