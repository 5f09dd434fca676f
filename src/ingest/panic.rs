//! Rust panics in captured output: who, where, what, and the backtrace. It knows the wordings of all toolchains from
//! 1.60 on; it does not know which output belongs to which test.

use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::{pattern, trace};
use crate::model::{Frame, Location};

/// One panic as printed by the standard hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Panic {
    /// Name of the thread; libtest names it after the test.
    pub(super) thread: String,
    pub(super) message: String,
    pub(super) location: Option<Location>,
    /// Frames outside the standard library, innermost first.
    pub(super) frames: Vec<Frame>,
}

/// `thread 'x' panicked at …`, since 1.91 with the thread's number.
static HEADER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^thread '(?P<thread>[^\n]*?)'(?: \(\d+\))? panicked at (?P<rest>[^\n]*)"));

/// Since 1.73 the place stands alone, and the message on the following lines.
static PLACE_FIRST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?P<file>[^'\n][^\n]*?):(?P<line>\d+):(?P<column>\d+):?\r?$"));

/// Until 1.72 the quoted message came first, over as many lines as it had.
static MESSAGE_FIRST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)^'(?P<message>.*?)', (?P<file>[^\n']+?):(?P<line>\d+):(?P<column>\d+)\r?(?:\n|$)"));

/// The lines that the hook, libtest or rustdoc print after a message; without capture, that is a status line.
static AFTER_MESSAGE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^(?:note: (?:run with `RUST_BACKTRACE|panic did not contain|test did not panic)|stack backtrace:|test \S[^\n]* \.\.\. FAILED\r?$)",
    )
});

/// `   2: alpha::tests::x` and `             at ./src/lib.rs:39:82`.
static FRAME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^ +\d+: (?:0x[0-9a-f]+ - )?(?P<function>[^\n]+?)\r?\n +at (?P<file>[^\n]+?):(?P<line>\d+)(?::(?P<column>\d+))?\r?$",
    )
});

/// Finds all panics in `text`, in order.
pub(super) fn find_all(text: &str) -> Vec<Panic> {
    let headers: Vec<_> = HEADER.captures_iter(text).collect();
    let starts = headers.iter().map(|header| header.get_match().start());
    let ends = starts.skip(1).chain([text.len()]);
    headers.iter().zip(ends).filter_map(|(header, end)| read_one(header, text, end)).collect()
}

fn read_one(header: &regex::Captures<'_>, text: &str, end: usize) -> Option<Panic> {
    let rest = header.name("rest")?;
    let thread = header["thread"].to_owned();
    let frames = frames(&text[rest.start()..end]);
    if let Some(place) = PLACE_FIRST.captures(rest.as_str()) {
        let message = message(text.get(rest.end()..end).unwrap_or_default());
        return Some(Panic { thread, message, location: trace::location(&place), frames });
    }
    if let Some(old) = MESSAGE_FIRST.captures(&text[rest.start()..end]) {
        return Some(Panic { thread, message: old["message"].to_owned(), location: trace::location(&old), frames });
    }
    let message = rest.as_str().trim_end_matches(':').to_owned();
    Some(Panic { thread, message, location: None, frames })
}

/// Takes the message from the lines under a header.
fn message(lines: &str) -> String {
    let end = AFTER_MESSAGE.find(lines).map_or(lines.len(), |after| after.start());
    lines[..end].trim_matches(['\n', '\r']).trim_end().to_owned()
}

fn frames(text: &str) -> Vec<Frame> {
    let Some((_, backtrace)) = text.split_once("stack backtrace:") else { return Vec::new() };
    let frame = |found: regex::Captures<'_>| {
        Some(Frame { function: Some(found["function"].to_owned()), location: trace::location(&found)? })
    };
    let is_own = |frame: &Frame| !frame.location.file.as_str().starts_with("/rustc/");
    FRAME.captures_iter(backtrace).filter_map(frame).filter(is_own).take(trace::FRAMES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, thread: &str, message: &str, location: &str) -> Panic {
        let found = find_all(text);
        assert_eq!(found.len(), 1, "{found:#?}");
        let panic = found[0].clone();
        let place = panic.location.as_ref().map(ToString::to_string).unwrap_or_default();
        assert_eq!((panic.thread.as_str(), panic.message.as_str(), place.as_str()), (thread, message, location));
        panic
    }

    #[test]
    fn all_wordings_of_the_hook_are_read() {
        check("thread 'eq' panicked at 'a\nb', src/lib.rs:5:9\nnote: run with", "eq", "a\nb", "src/lib.rs:5:9");
        check("thread 'eq' panicked at src/lib.rs:5:9:\na\nb\n", "eq", "a\nb", "src/lib.rs:5:9");
        check("\nthread 'eq' (123) panicked at src/lib.rs:5:9:\na\nb\n\n", "eq", "a\nb", "src/lib.rs:5:9");
    }

    #[test]
    fn a_quote_in_an_old_message_does_not_end_it() {
        check("thread 'x' panicked at 'it's 'bad', ok', a.rs:1:2\n", "x", "it's 'bad', ok", "a.rs:1:2");
    }

    #[test]
    fn what_the_hook_prints_after_a_message_is_not_part_of_it() {
        let text = "thread 'a' panicked at a.rs:1:2:\nboom\nnote: run with `RUST_BACKTRACE=1` environment variable";
        check(text, "a", "boom", "a.rs:1:2");
        let text = "thread 'a' panicked at a.rs:1:2:\nb\nnote: panic did not contain expected string\n";
        check(text, "a", "b", "a.rs:1:2");
        let text = "thread 'a' panicked at a.rs:1:2:\nb\ntest a - should panic ... FAILED\n\nfailures:\n";
        check(text, "a", "b", "a.rs:1:2");
    }

    #[test]
    fn a_backtrace_gives_the_frames_outside_the_standard_library() {
        let text = "thread 'a' panicked at src/lib.rs:1:2:\nboom\nstack backtrace:\n   \
            0: __rustc::rust_begin_unwind\n             at /rustc/f2d3/library/std/src/panicking.rs:689:5\n   \
            1: alpha::divide\n             at ./src/lib.rs:7:9\n   2: alpha::tests::a::{{closure}}\n             \
            at ./src/lib.rs:20:5\nnote: Some details are omitted, run with `RUST_BACKTRACE=full`\n";
        let panic = check(text, "a", "boom", "src/lib.rs:1:2");
        let frames: Vec<_> = panic.frames.iter().map(|frame| frame.location.to_string()).collect();
        assert_eq!(frames, ["src/lib.rs:7:9", "src/lib.rs:20:5"]);
        assert_eq!(panic.frames[0].function.as_deref(), Some("alpha::divide"));
    }

    #[test]
    fn several_panics_are_kept_apart() {
        let text = "thread 'w' (1) panicked at a.rs:1:2:\nin thread\n\nthread 'a' (2) panicked at a.rs:3:4:\njoin\n";
        let messages: Vec<_> = find_all(text).into_iter().map(|panic| panic.message).collect();
        assert_eq!(messages, ["in thread", "join"]);
    }
}
