//! Errors as JavaScript engines print them: a name, a message of any number of lines, and frames.
//!
//! It takes apart the text that a runner gives for an error; values and frames are `detail`'s business.

use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::{detail, pattern, trace};
use crate::model::{FailedAttempt, Failure, Location};
use crate::text::{ansi, cap};

/// How parsers word where they found what they cannot read, and the number their columns count from: Babel's
/// `SyntaxError: /home/user/shop/cart.js: Unexpected token (1:10)`, oxc's `╭─[ src/cart.ts:1:11 ]`, and esbuild's
/// `src/cart.ts:1:10: ERROR: Unexpected ";"`.
static SYNTAX: LazyLock<[(Regex, u32); 3]> = LazyLock::new(|| {
    [
        (pattern(r"SyntaxError: (?P<file>[^\n]+?): [^\n]*\((?P<line>\d+):(?P<column>\d+)\)"), 0),
        (pattern(r"╭─\[ (?P<file>[^\s\]]+?):(?P<line>\d+):(?P<column>\d+) \]"), 1),
        (pattern(r"(?m)^(?P<file>[^\s:]+):(?P<line>\d+):(?P<column>\d+): ERROR: "), 0),
    ]
});

/// An error taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Thrown<'t> {
    /// The error's name, or empty.
    pub(super) kind: &'t str,
    /// What it says, without its name and frames.
    pub(super) message: &'t str,
}

impl<'t> Thrown<'t> {
    /// Takes apart `TypeError: no such price`, with frames under it.
    pub(super) fn of(text: &'t str) -> Self {
        let text = before_frames(text).trim();
        let (kind, message) = text.split_once(": ").unwrap_or((text, ""));
        // Node adds its code: `AssertionError [ERR_ASSERTION]`.
        let name = kind.split_once(" [").filter(|(_, code)| code.ends_with(']')).map_or(kind, |(name, _)| name);
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_$.:".contains(&byte));
        if is_name && ["Error", "Exception"].iter().any(|ending| name.ends_with(ending)) {
            Self { kind: name, message: message.trim() }
        } else {
            Self { kind: "", message: text }
        }
    }
}

/// Returns what stands before the lines of code that runners show with an error, and before its frames.
pub(super) fn before_code(text: &str) -> &str {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        let number = trimmed.strip_prefix('>').unwrap_or(trimmed).trim_start();
        let after = number.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let is_code = after.len() < number.len() && after.starts_with('|');
        if is_code || trimmed.starts_with("❯ ") || (line.starts_with(' ') && trimmed.starts_with("at ")) {
            break;
        }
        end += line.len();
    }
    text[..end].trim_end()
}

/// Returns what stands before the first frame.
fn before_frames(text: &str) -> &str {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if end > 0 && line.trim_start().starts_with("at ") && line.starts_with(' ') {
            break;
        }
        end += line.len();
    }
    &text[..end]
}

/// Takes kind and message of a failure from what an error says, where they are not known.
pub(super) fn say(failure: &mut Failure, said: &str) {
    let Thrown { kind, message } = Thrown::of(said);
    if failure.kind.is_empty() {
        telling(kind, message).clone_into(&mut failure.kind);
    }
    if failure.message.is_empty() {
        message.clone_into(&mut failure.message);
    }
}

/// Fills what `failure` does not state from the errors that a runner gives with it: the first says what is wrong, all
/// and what was printed are its output.
pub(super) fn fill(failure: &mut Failure, errors: &[String], printed: &str, bytes_max: usize) {
    let errors: Vec<_> = errors.iter().map(|error| ansi::strip(error)).collect();
    if let Some(first) = errors.first() {
        say(failure, first);
        failure.location = failure.location.take().or_else(|| place_of_syntax(first));
    }
    let texts: Vec<_> = errors.iter().map(AsRef::as_ref).collect();
    detail::fill(failure, &texts);
    let output = [&texts[..], &[printed]].concat().join("\n");
    detail::set_output(failure, &output, bytes_max);
}

/// Returns the kind of an error: of the name that all share, only what the message adds to it.
fn telling<'t>(name: &'t str, message: &str) -> &'t str {
    match name {
        "Error" | "" if message.starts_with("expect(") => detail::ASSERTION,
        "Error" => "",
        _ => name,
    }
}

/// Finds where a parser found what it could not read; its frames are all its own.
fn place_of_syntax(text: &str) -> Option<Location> {
    if !["SyntaxError: ", "╭─[ ", ": ERROR: "].iter().any(|word| text.contains(word)) {
        return None;
    }
    SYNTAX.iter().find_map(|(shape, first)| {
        let found = shape.captures(text)?;
        let place = trace::location(&found)?;
        let column = found["column"].parse::<u32>().ok().map(|column| column.saturating_add(1 - first));
        Some(Location { column, ..place })
    })
}

/// Makes a failed attempt of the error it ended with.
pub(super) fn attempt(error: &str, bytes_max: usize) -> FailedAttempt {
    let error = ansi::strip(error);
    let Thrown { kind, message } = Thrown::of(&error);
    let output = cap::head_and_tail(error.trim_matches(['\n', '\r']), bytes_max);
    FailedAttempt { kind: kind.to_owned(), message: cap::head_and_tail(message, bytes_max), output }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kind: &str, message: &str) {
        assert_eq!(Thrown::of(text), Thrown { kind, message }, "{text}");
    }

    #[test]
    fn parsers_tell_where_they_stopped() {
        let place = |text: &str| place_of_syntax(text).map(|place| place.to_string());
        let shapes = [
            "SyntaxError: a.js: Unexpected token (1:10)",
            "x\n   ╭─[ a.js:1:11 ]\n",
            "Transform failed:\na.js:1:10: ERROR: no",
        ];
        for text in shapes {
            assert_eq!(place(text).as_deref(), Some("a.js:1:11"), "{text}");
        }
        assert_eq!(place("SyntaxError: Unexpected end"), None);
    }

    #[test]
    fn lines_of_code_end_what_is_said() {
        assert_eq!(before_code("no\n  at noon\n\n> 3 | x\n    | ^\n"), "no");
        assert_eq!(before_code("1 apple | 2\n   3 | code\n"), "1 apple | 2");
        assert_eq!(before_code("Error: no\n ❯ src/a.ts:1:2\n"), "Error: no");
    }

    #[test]
    fn name_and_message_are_told_apart() {
        check("TypeError: no such price\n    at boom (/u/cart.js:5:9)", "TypeError", "no such price");
        check("AssertionError [ERR_ASSERTION]: 1 == 2\n\n  at x (a.js:1:2)", "AssertionError", "1 == 2");
        check("Error: no connection\nto the shop: 1", "Error", "no connection\nto the shop: 1");
        check("Error", "Error", "");
        check("a string", "", "a string");
        check("note: that this is no name", "", "note: that this is no name");
        check("Error: meet\nat noon", "Error", "meet\nat noon");
        check("", "", "");
    }
}
