//! Python's tracebacks, and what its fault handler prints when the process dies.
//!
//! Of a chain of exceptions the last one is told of: it is the one that nothing caught.

use crate::ingest::{detail, trace};
use crate::model::{Failure, Frame};

/// The sentences between the exceptions of a chain.
const CHAINED: [&str; 2] = [
    "\nThe above exception was the direct cause of the following exception:\n",
    "\nDuring handling of the above exception, another exception occurred:\n",
];

/// How a traceback begins.
pub(super) const BEGINS: &str = "Traceback (most recent call last):";

/// How the fault handler begins.
pub(super) const FATAL: &str = "Fatal Python error";

/// Returns what is told of the last exception of a chain.
pub(super) fn last_of_chain(text: &str) -> &str {
    let start = CHAINED.iter().filter_map(|words| Some(text.rfind(words)? + words.len())).max();
    &text[start.unwrap_or(0)..]
}

/// An exception that nothing caught.
#[derive(Debug, PartialEq, Eq)]
struct Traceback<'t> {
    /// Innermost first.
    frames: Vec<Frame>,
    /// Its type and all it says.
    message: &'t str,
}

/// Fills in what the last traceback in `text` tells, and the values in its message; of a text without one, what there is.
pub(super) fn fill(failure: &mut Failure, text: &str) {
    let Some(Traceback { frames, message }) = read(last_of_chain(text)) else { return detail::fill(failure, &[text]) };
    exception_type(message).unwrap_or_default().clone_into(&mut failure.kind);
    message.clone_into(&mut failure.message);
    failure.location = trace::own_place(&frames);
    detail::fill(failure, &[message]);
    failure.frames = frames;
}

fn read(text: &str) -> Option<Traceback<'_>> {
    let at = text.find(BEGINS).filter(|at| *at == 0 || text[..*at].ends_with('\n'))?;
    let mut rest = &text[at + BEGINS.len()..];
    rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    let mut frames = Vec::new();
    while rest.starts_with(' ') {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        frames.extend(frame(line, ", in "));
        rest = after;
    }
    frames.reverse();
    frames.truncate(trace::FRAMES_MAX);
    // With `--buffer` unittest appends what the test printed.
    let end = ["\n\nStdout:\n", "\n\nStderr:\n"].iter().filter_map(|words| rest.find(words)).min();
    Some(Traceback { frames, message: rest[..end.unwrap_or(rest.len())].trim_end() })
}

/// Returns the type in front of an exception's message: `KeyError` of `KeyError: 'a'`.
pub(super) fn exception_type(message: &str) -> Option<&str> {
    let first = message.lines().next()?;
    let name = first.split(": ").next()?.trim_end_matches(':');
    is_type(name).then_some(name)
}

/// Tells whether `text` looks like the name of an exception's type.
pub(super) fn is_type(text: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let class = text.rsplit('.').next().unwrap_or_default();
    class.starts_with(|c: char| c.is_uppercase()) && text.chars().all(is_name)
}

/// Reads `  File "/home/user/test_a.py", line 11, in test_b`; the fault handler leaves out the second comma.
fn frame(line: &str, before_function: &str) -> Option<Frame> {
    let (file, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
    let (number, function) = match rest.split_once(before_function) {
        Some((number, function)) => (number, Some(function.trim_end().to_owned())),
        None => (rest.trim_end(), None),
    };
    Some(Frame { function, location: trace::place(file, number, None)? })
}

/// Fills in what Python's fault handler says when the process dies: the stack of the thread that failed.
pub(super) fn fill_fatal(failure: &mut Failure, text: &str) {
    let Some(fatal) = text.lines().next().filter(|line| line.starts_with(FATAL)) else { return };
    fatal.clone_into(&mut failure.message);
    FATAL.clone_into(&mut failure.kind);
    let current = text.split_once("\nCurrent thread ").map_or(text, |(_, current)| current);
    let is_frame = |line: &&str| line.starts_with("  File ");
    let lines = current.lines().skip(1).skip_while(|line| !is_frame(line)).take_while(is_frame);
    failure.frames = lines.filter_map(|line| frame(line, " in ")).take(trace::FRAMES_MAX).collect();
    failure.location = trace::own_place(&failure.frames);
}

#[cfg(test)]
mod tests {
    use crate::model::TestId;

    use super::*;

    fn check(text: &str, [kind, message, location]: [&str; 3]) -> Failure {
        let mut failure = Failure::bare(TestId::new("s", "t"));
        fill(&mut failure, text);
        let place = failure.location.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!([failure.kind.as_str(), failure.message.as_str(), place.as_str()], [kind, message, location]);
        failure
    }

    #[test]
    fn an_exception_gives_type_message_and_frames() {
        let text = "Traceback (most recent call last):\n  File \"/u/test_a.py\", line 3, in test_a\n    first([])\n    ~~~~~^^^^\n  \
            [Previous line repeated 3 more times]\n  File \"/u/cart.py\", line 6, in first\n    return prices[0]\n\
            shop.errors.NoPrice: none\nsecond line\n\n";
        let failure = check(text, ["shop.errors.NoPrice", "shop.errors.NoPrice: none\nsecond line", "/u/cart.py:6"]);
        let functions: Vec<_> = failure.frames.iter().filter_map(|frame| frame.function.as_deref()).collect();
        assert_eq!(functions, ["first", "test_a"]);
    }

    #[test]
    fn of_a_chain_the_last_exception_counts() {
        let text = "Traceback (most recent call last):\n  File \"/u/a.py\", line 3, in a\nKeyError: 'a'\n\nDuring handling of the above \
            exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"/u/a.py\", line 5, in a\nLookupError\n";
        check(text, ["LookupError", "LookupError", "/u/a.py:5"]);
    }

    #[test]
    fn a_module_that_cannot_be_parsed_is_where_its_error_is() {
        let text = "ImportError: Failed to import test module: a\nTraceback (most recent call last):\n  File \
            \"/usr/lib/python3.11/unittest/loader.py\", line 362, in _get\n    __import__(name)\n  File \"/u/a.py\", line 2\n    if True\n\
            \x20          ^\nSyntaxError: expected ':'\n";
        check(text, ["SyntaxError", "SyntaxError: expected ':'", "/u/a.py:2"]);
    }

    #[test]
    fn what_a_test_printed_is_not_its_message() {
        let text = "Traceback (most recent call last):\n  File \"/u/a.py\", line 2, in a\nAssertionError: 1 != 3\n\nStdout:\nOK\n";
        check(text, ["AssertionError", "AssertionError: 1 != 3", "/u/a.py:2"]);
    }

    #[test]
    fn the_stack_of_a_process_that_dies_is_read_innermost_first() {
        let mut failure = Failure::bare(TestId::new("s", "t"));
        let text = "Fatal Python error: Aborted\n\nThread 0x7f (most recent call first):\n  File \"/usr/lib/a.py\", line 1 in a\n\n\
            Current thread 0x7f (most recent call first):\n  File \"/usr/lib/python3.11/ctypes/__init__.py\", line 519 in string_at\n  \
            File \"/home/u/test_a.py\", line 11 in test_b\n\nExtension modules: x\n";
        fill_fatal(&mut failure, text);
        assert_eq!((failure.message.as_str(), failure.frames.len()), ("Fatal Python error: Aborted", 2));
        assert_eq!(failure.location.unwrap().to_string(), "/home/u/test_a.py:11");
    }
}
