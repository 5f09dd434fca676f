//! Stack traces of the JVM, as test runners print them, and what its compilers say.
//!
//! A trace is headed by the exception's type and message, which may have many lines, and goes on with what caused it.

use crate::ingest::{Hints, detail, trace};
use crate::model::{Diagnostic, Failure, Frame, Location, TestId};
use crate::text::cap;

/// The beginnings of lines that end a message.
const AFTER_MESSAGE: &[&str] = &["at ", "Caused by:", "Suppressed:", "... "];

/// The beginnings of lines in which javac says what was not found, and where.
const JAVAC_DETAILS: &[&str] = &["symbol:", "location:", "required:", "found:", "reason:"];

/// Errors of one build that are kept.
const ERRORS_MAX: usize = 100;

/// The longest text kept of one error, in bytes.
const ERROR_BYTES_MAX: usize = 16 << 10;

/// Fills in what a stack trace tells.
pub(super) fn fill(failure: &mut Failure, text: &str) {
    let mut lines = text.lines().skip_while(|line| line.trim().is_empty());
    let first = lines.next().unwrap_or_default().trim();
    let indent =
        text.lines().find(|line| !line.trim().is_empty()).map_or(0, |line| line.len() - line.trim_start().len());
    let (kind, rest) = exception(first).unwrap_or(("", first));
    let mut message = rest.to_owned();
    for line in lines.take_while(|line| !AFTER_MESSAGE.iter().any(|words| line.trim_start().starts_with(words))) {
        message.push('\n');
        message.push_str(
            line.get(indent..).filter(|_| line[..indent.min(line.len())].trim().is_empty()).unwrap_or(line.trim()),
        );
    }
    kind.clone_into(&mut failure.kind);
    message.trim().clone_into(&mut failure.message);
    detail::fill(failure, &[text]);
}

/// Takes type and message of `java.lang.IllegalStateException: no price` apart.
fn exception(line: &str) -> Option<(&str, &str)> {
    let (kind, message) = line.split_once(':').unwrap_or((line, ""));
    let is_name = kind.split('.').all(|part| part.starts_with(|c: char| c.is_alphabetic() || c == '_'))
        && kind.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$'));
    let is_type = kind.contains('.') || kind.ends_with("Error") || kind.ends_with("Exception");
    (is_name && is_type).then_some((kind, message.trim_start()))
}

/// Finds the class inside `class`, or `class` itself, whose `method` stands in a trace: some runners name only the outer.
pub(super) fn class_in_trace<'t>(text: &'t str, class: &str, method: &str) -> Option<&'t str> {
    let is_of_class = |of: &str| of.strip_prefix(class).is_some_and(|inner| inner.is_empty() || inner.starts_with('$'));
    classes(text).find(|(of, in_class)| *in_class == method && is_of_class(of)).map(|(of, _)| of)
}

/// Finds the full name of the class in a trace that is called `name` without its package.
pub(super) fn class_with_name<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let outer = |class: &'t str| &class[..class.find('$').unwrap_or(class.len())];
    let mut outers = classes(text).map(|(class, _)| outer(class));
    outers.find(|class| class.strip_suffix(name).is_some_and(|package| package.ends_with('.')))
}

/// Returns the classes and methods of a trace.
fn classes(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let frames = text.lines().filter_map(|line| line.trim_start().strip_prefix("at ")?.split_once('('));
    frames.filter_map(|(at, _)| at.rsplit('/').next()?.rsplit_once('.'))
}

/// An error of a compiler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CompileError {
    pub(super) location: Location,
    /// Its first line, without the place.
    pub(super) message: String,
    /// All of it as printed.
    pub(super) rendered: String,
}

impl CompileError {
    pub(super) fn new(location: Location, message: &str, line: &str) -> Self {
        Self { location, message: message.trim().to_owned(), rendered: line.trim_end().to_owned() }
    }

    /// Adds a further line of it.
    pub(super) fn push_line(&mut self, line: &str) {
        if self.rendered.len() + line.len() < ERROR_BYTES_MAX {
            self.rendered.push('\n');
            self.rendered.push_str(line.trim_end());
        }
    }
}

/// Reads `/home/user/Cart.java:12: error: cannot find symbol`, of Kotlin `e: file:///home/user/Cart.kt:12:5 unresolved`, and
/// the forms Maven gives them, `Cart.java:[12,5] …` and `Cart.kt: (12, 5) …`.
pub(super) fn compile_error(line: &str) -> Option<CompileError> {
    let text = line.strip_prefix("e: ").unwrap_or(line);
    let text = text.strip_prefix("[Error] ").unwrap_or(text);
    let text = text.strip_prefix("file://").unwrap_or(text);
    let end = [".java:", ".kt:", ".kts:", ".scala:", ".groovy:"]
        .iter()
        .filter_map(|end| Some(text.find(end)? + end.len()))
        .min()?;
    let (file, rest) = (&text[..end - 1], text[end..].trim_start());
    if file.starts_with([' ', '\t', '(', '"', '\'', '|']) {
        return None;
    }
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let bare = rest.strip_prefix(['[', '(']);
    let text = bare.unwrap_or(rest);
    let (number, after) = text.split_at(digits(text));
    let column = after.strip_prefix([',', ':']).map(str::trim_start).map(|after| after.split_at(digits(after)));
    let (column, after) =
        column.filter(|(column, _)| !column.is_empty()).map_or((None, after), |(column, after)| (Some(column), after));
    let is_whole = if bare.is_some() { after.starts_with([']', ')']) } else { after.starts_with([':', ' ']) };
    let message = after.trim_start_matches([']', ')', ':', ' ']);
    let is_error =
        line.starts_with("e: ") || line.starts_with("[Error] ") || bare.is_some() || message.starts_with("error: ");
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let location = trace::place(file, number, column)?;
    (is_whole && is_error && !message.starts_with("warning")).then(|| CompileError::new(location, message, line))
}

/// Makes the failure of a build that could not compile.
pub(super) fn build_failure(suite: &str, mut errors: Vec<CompileError>, hints: &Hints) -> Failure {
    let mut failure = Failure::bare(TestId::build(suite));
    let output: Vec<_> = errors.iter().map(|error| error.rendered.as_str()).collect();
    detail::set_output(&mut failure, &output.join("\n"), hints.output_bytes_max);
    errors.truncate(ERRORS_MAX);
    if let Some(first) = errors.first() {
        detail::ERROR.clone_into(&mut failure.kind);
        let is_telling = |line: &&str| JAVAC_DETAILS.iter().any(|words| line.trim_start().starts_with(words));
        let more = first.rendered.lines().skip(1).filter(is_telling);
        failure.message = [first.message.as_str()].into_iter().chain(more).collect::<Vec<_>>().join("\n");
        failure.location = Some(first.location.clone());
    }
    let places = errors.iter().map(|error| error.location.clone());
    failure.frames = places.map(|location| Frame { function: None, location }).take(trace::FRAMES_MAX).collect();
    let diagnostic = |error: CompileError| Diagnostic {
        code: String::new(),
        message: cap::head_and_tail(&error.message, ERROR_BYTES_MAX),
        spans: Vec::new(),
        suggestions: Vec::new(),
        rendered: error.rendered,
    };
    failure.diagnostics = errors.into_iter().map(diagnostic).collect();
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, [kind, message, location]: [&str; 3]) -> Failure {
        let mut failure = Failure::bare(TestId::new("s", "t"));
        fill(&mut failure, text);
        let place = failure.location.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!([failure.kind.as_str(), failure.message.as_str(), place.as_str()], [kind, message, location]);
        failure
    }

    #[test]
    fn a_trace_gives_type_message_values_and_place() {
        let text = "org.opentest4j.AssertionFailedError: expected: <3> but was: <1>\n\tat org.junit.jupiter.api.Assertions.fail(Assertions.java:39)\n\
            \tat com.acme.CartTest.adds(CartTest.java:18)\n";
        let message = "expected: <3> but was: <1>";
        let failure = check(text, ["org.opentest4j.AssertionFailedError", message, "com/acme/CartTest.java:18"]);
        assert_eq!((failure.expected.as_deref(), failure.actual.as_deref()), (Some("3"), Some("1")));
    }

    #[test]
    fn a_message_has_as_many_lines_as_it_has() {
        let text = "\n    org.opentest4j.AssertionFailedError: \n    lines\n      differ\n        at com.acme.CartTest.a(CartTest.java:39)\n";
        check(text, ["org.opentest4j.AssertionFailedError", "lines\n  differ", "com/acme/CartTest.java:39"]);
        check(
            "java.lang.AssertionError\n\tat a.B.c(B.java:1)",
            ["java.lang.AssertionError", "java.lang.AssertionError", "a/B.java:1"],
        );
        check("no type at all: x\n", ["", "no type at all: x", ""]);
    }

    #[test]
    fn the_class_of_a_nested_test_is_in_its_trace() {
        let text =
            "x\n\tat com.acme.Other.deep(Other.java:1)\n\tat app//com.acme.CartTest$WhenFull.deep(CartTest.java:76)\n";
        assert_eq!(class_in_trace(text, "com.acme.CartTest", "deep"), Some("com.acme.CartTest$WhenFull"));
        assert_eq!(class_in_trace(text, "com.acme.CartTestBase", "deep"), None);
        assert_eq!(class_with_name(text, "CartTest"), Some("com.acme.CartTest"));
        assert_eq!(class_with_name(text, "Test"), None);
    }

    fn check_error(line: &str, location: &str, message: &str) {
        let error = compile_error(line).unwrap_or_else(|| panic!("no error in {line}"));
        assert_eq!((error.location.to_string().as_str(), error.message.as_str()), (location, message));
    }

    #[test]
    fn compile_errors_are_read_in_all_their_forms() {
        check_error("/u/Cart.java:12: error: cannot find symbol", "/u/Cart.java:12", "cannot find symbol");
        check_error("/u/Cart.java:[9,21] cannot find symbol", "/u/Cart.java:9:21", "cannot find symbol");
        check_error("/u/Cart.kt: (3, 5) Unresolved reference: foo", "/u/Cart.kt:3:5", "Unresolved reference: foo");
        check_error("e: /u/Cart.kt: (3, 5): Unresolved reference: foo", "/u/Cart.kt:3:5", "Unresolved reference: foo");
        check_error("e: file:///u/Cart.kt:3:5 Unresolved reference", "/u/Cart.kt:3:5", "Unresolved reference");
        check_error("[Error] /u/Cart.scala:3:5: not found: value x", "/u/Cart.scala:3:5", "not found: value x");
        for line in [
            "/u/Cart.java:12: warning: [deprecation]",
            "\tat Cart.java:12",
            "see /u/Cart.java",
            "w: file:///u/Cart.kt:3:5 unused",
        ] {
            assert_eq!(compile_error(line), None, "{line}");
        }
    }

    #[test]
    fn a_build_that_fails_has_its_first_error_as_message() {
        let mut error = compile_error("/u/Cart.java:[9,21] cannot find symbol").unwrap();
        error.push_line("  symbol:   class integer");
        let failure = build_failure("shop", vec![error], &Hints::default());
        assert_eq!(
            (failure.id, failure.message.as_str()),
            (TestId::build("shop"), "cannot find symbol\n  symbol:   class integer")
        );
        assert_eq!(failure.diagnostics[0].message, "cannot find symbol");
        assert_eq!(failure.location.unwrap().file, "/u/Cart.java");
    }
}
