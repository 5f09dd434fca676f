//! What pytest prints of one failure, in any `--tb` style → its particulars.
//!
//! Of a chain of exceptions the last one is told of: it is the one that left the test.

use camino::Utf8Path;

use crate::ingest::{detail, trace, traceback};
use crate::model::{Failure, Frame, Location};

/// Fills in what the text of a failure says, without the captured output. `summary` is what the short test summary has
/// for a message; it may be cut short.
pub(super) fn fill(failure: &mut Failure, body: &str, summary: &str) {
    let text = traceback::last_of_chain(body);
    let told = Told::read(text);
    if told.message.is_none() && text.contains(traceback::BEGINS) {
        return traceback::fill(failure, text);
    }
    failure.message = told.message.clone().unwrap_or_else(|| untold_message(text, summary));
    failure.kind = told.kind(&failure.message).to_owned();
    failure.location = trace::own_place(&told.frames);
    detail::fill(failure, &[text]);
    if !told.frames.is_empty() {
        failure.frames = told.frames;
    }
}

/// What the lines of one exception tell.
#[derive(Default)]
struct Told<'t> {
    /// The lines with pytest's margin `E`, without it.
    message: Option<String>,
    /// What stands behind the last place: the exception's type, or in `--tb=line` its text.
    last: &'t str,
    /// Innermost first.
    frames: Vec<Frame>,
    is_syntax_error: bool,
}

impl<'t> Told<'t> {
    fn read(text: &'t str) -> Self {
        let mut told = Told::default();
        let mut margin: Vec<&str> = Vec::new();
        let mut was_margin = false;
        for line in text.lines() {
            let in_margin = line.strip_prefix('E').filter(|rest| rest.is_empty() || rest.starts_with(' '));
            if let Some(rest) = in_margin {
                if !was_margin {
                    margin.clear();
                }
                margin.push(rest);
            } else if let Some((frame, last)) = place(line) {
                told.frames.push(frame);
                told.last = last;
            }
            was_margin = in_margin.is_some();
        }
        told.frames.reverse();
        told.read_margin(&margin);
        told.frames.truncate(trace::FRAMES_MAX);
        told
    }

    /// Takes the message from the lines in the margin; that of a syntax error is the last, and the first its place.
    fn read_margin(&mut self, lines: &[&str]) {
        let Some((first, last)) = lines.first().zip(lines.last()) else { return };
        let broken = trace::frames(first.trim_start());
        if let Some(frame) = broken.into_iter().next().filter(|_| lines.len() > 1) {
            self.is_syntax_error = true;
            self.frames.insert(0, frame);
            self.message = Some(last.trim().to_owned());
            return;
        }
        let n_indent = first.len() - first.trim_start().len();
        let without_indent =
            |line: &&str| line.strip_prefix(&first[..n_indent]).unwrap_or(line.trim_start()).trim_end().to_owned();
        self.message = Some(lines.iter().map(without_indent).collect::<Vec<_>>().join("\n"));
    }

    /// Returns the exception's type, as far as pytest itself names it.
    fn kind<'a>(&'a self, message: &'a str) -> &'a str {
        let first = message.lines().next().unwrap_or_default();
        match traceback::exception_type(message) {
            _ if message.contains(" from pytest-timeout.") => detail::TIMEOUT,
            Some(name) if self.is_syntax_error => name,
            _ if traceback::is_type(self.last) => self.last,
            Some(name) if name.len() < first.len() => name,
            _ if first.starts_with("assert ") => "AssertionError",
            _ => "",
        }
    }
}

/// Reads `tests/test_a.py:7: AssertionError`, `tests/test_a.py:7: in test_b` or `tests/test_a.py:7: `; returns what stands
/// behind the place as well.
pub(super) fn place(line: &str) -> Option<(Frame, &str)> {
    if line.starts_with([' ', '>', 'E', '<']) && !line.starts_with("E:\\") {
        return None;
    }
    let (head, rest) = line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?;
    let (file, number) = head.rsplit_once(':')?;
    if !file.contains('.') || file.contains([' ', '"', '\'', '=']) && Utf8Path::new(file).extension() != Some("py") {
        return None;
    }
    let location = trace::place(file, number, None)?;
    let function = rest.strip_prefix("in ").map(str::to_owned);
    Some((Frame { function, location }, rest))
}

/// Finds what to say of a failure that has no lines in the margin.
fn untold_message(text: &str, summary: &str) -> String {
    if let Some((_, comparison)) = text.split_once("\nExpected:\n") {
        let end = comparison.find("\n\n").unwrap_or(comparison.len());
        return format!("Expected:\n{}", &comparison[..end]);
    }
    if !summary.is_empty() && !summary.ends_with("...") {
        return summary.to_owned();
    }
    let is_telling = |line: &&str| !line.trim().is_empty() && !line.starts_with("[gw") && place(line).is_none();
    text.lines().find(is_telling).unwrap_or(summary).trim().to_owned()
}

/// Returns the file of the outermost place: that of the test, for most failures.
pub(super) fn outermost_file(body: &str) -> Option<String> {
    let places = body.lines().filter_map(|line| Some(place(line)?.0.location));
    let in_traceback = || trace::frames(body).pop().map(|frame| frame.location);
    let is_relative = |location: &Location| !location.file.is_absolute();
    places.into_iter().find(is_relative).or_else(in_traceback).map(|location| location.file.into_string())
}

#[cfg(test)]
mod tests {
    use crate::model::TestId;

    use super::*;

    fn check(body: &str, summary: &str, [kind, message, location]: [&str; 3]) -> Failure {
        let mut failure = Failure::bare(TestId::new("s", "t"));
        fill(&mut failure, body, summary);
        let place = failure.location.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!([failure.kind.as_str(), failure.message.as_str(), place.as_str()], [kind, message, location]);
        failure
    }

    const LONG: &str = "\n    def test_a(cart):\n>       assert cart.total() == 6\nE       assert 3 == 6\nE        +  where 3 = total()\n\n\
        tests/test_a.py:32: AssertionError\n";

    #[test]
    fn an_assertion_gives_message_values_and_place() {
        let failure = check(
            LONG,
            "assert 3 == 6",
            ["AssertionError", "assert 3 == 6\n +  where 3 = total()", "tests/test_a.py:32"],
        );
        assert_eq!((failure.actual.as_deref(), failure.expected.as_deref()), (Some("3"), Some("6")));
    }

    #[test]
    fn the_innermost_place_of_the_project_counts() {
        let body = "\n    def test_a():\n>       add(-1)\n\ntests/test_a.py:45: \n_ _ _ _ _\n\n    def add(n):\n>       raise PriceMissing(n)\n\
            E       shop.errors.PriceMissing: -1\n\nshop/cart.py:12: PriceMissing\n";
        let failure = check(body, "", ["PriceMissing", "shop.errors.PriceMissing: -1", "shop/cart.py:12"]);
        let frames: Vec<_> = failure.frames.iter().map(|frame| frame.location.to_string()).collect();
        assert_eq!(frames, ["shop/cart.py:12", "tests/test_a.py:45"]);
        let short = "tests/test_a.py:45: in test_a\n    add(-1)\nshop/cart.py:12: in add\n    raise PriceMissing(n)\n\
            E   shop.errors.PriceMissing: -1\n";
        let failure = check(short, "", ["shop.errors.PriceMissing", "shop.errors.PriceMissing: -1", "shop/cart.py:12"]);
        assert_eq!(failure.frames[1].function.as_deref(), Some("test_a"));
    }

    #[test]
    fn of_a_chain_the_last_exception_counts() {
        let body = "\n>           {}['a']\nE           KeyError: 'a'\n\na.py:2: KeyError\n\nThe above exception was the direct cause of the \
            following exception:\n\n>           raise LookupError('no') from error\nE           LookupError: no\n\na.py:4: LookupError\n";
        check(body, "", ["LookupError", "LookupError: no", "a.py:4"]);
    }

    #[test]
    fn a_module_that_cannot_be_parsed_is_where_its_error_is() {
        let body = "/usr/lib/python3.11/ast.py:50: in parse\n    return compile(source)\nE     File \"/home/u/test_a.py\", line 2\n\
            E       if True\nE              ^\nE   SyntaxError: expected ':'\n";
        check(body, "", ["SyntaxError", "SyntaxError: expected ':'", "/home/u/test_a.py:2"]);
    }

    #[test]
    fn failures_without_a_margin_say_what_there_is() {
        check("[XPASS(strict)] must fail\n", "", ["", "[XPASS(strict)] must fail", ""]);
        check(
            "[gw0] linux -- Python 3.11.7 /bin/python3\ncontains 2 failed subtests\n",
            "contains 2 f...",
            ["", "contains 2 failed subtests", ""],
        );
        check(
            "E       Failed: Timeout (>1.0s) from pytest-timeout.\n\na.py:11: Failed\n",
            "",
            ["timeout", "Failed: Timeout (>1.0s) from pytest-timeout.", "a.py:11"],
        );
        check("", "KeyError: 'a'", ["KeyError", "KeyError: 'a'", ""]);
        let doctest = "017 \n018         >>> Cart().total()\nExpected:\n    1\nGot:\n    0\n\n/home/u/shop/cart.py:18: DocTestFailure\n";
        let failure =
            check(doctest, "", ["DocTestFailure", "Expected:\n    1\nGot:\n    0", "/home/u/shop/cart.py:18"]);
        assert_eq!((failure.actual.as_deref(), failure.expected.as_deref()), (Some("0"), Some("1")));
    }

    #[test]
    fn a_native_traceback_is_read_as_python_prints_it() {
        let body = "Traceback (most recent call last):\n  File \"/home/u/tests/test_a.py\", line 12, in test_a\n    assert total() == 3\n\
            AssertionError: assert 1 == 3\n +  where 1 = total()\n";
        let message = "AssertionError: assert 1 == 3\n +  where 1 = total()";
        check(body, "assert 1 == 3", ["AssertionError", message, "/home/u/tests/test_a.py:12"]);
    }
}
