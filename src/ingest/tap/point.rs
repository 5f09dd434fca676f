//! The failure of a test point, from the lines under it.

use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::tap::yaml;
use crate::ingest::{Hints, detail, pattern, trace};
use crate::model::{Failure, Location, TestId};

/// `file:1:2`, alone or in the parentheses of a stack frame.
static PLACE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:^|\()(?:file://)?(?P<file>[^()\s][^()]*?):(?P<line>\d+)(?::(?P<column>\d+))?\)?$"));

/// Reads the failure of the point `id` from its diagnostics: a YAML block, or comments and whatever else was printed.
pub(super) fn failure(id: TestId, diagnostics: &str, hints: &Hints) -> Failure {
    let mut failure = Failure::bare(id);
    let entries = yaml_block(diagnostics).map(yaml::read);
    let text = match &entries {
        Some(entries) => {
            fill_from_yaml(&mut failure, entries);
            format!("{}\n{}", failure.message, entries.get(&["stack"]).unwrap_or_default())
        }
        None => without_margin(diagnostics),
    };
    detail::fill(&mut failure, &[text.trim()]);
    // Node's place is that of the test, so it counts only when nothing is known of the failure's.
    let of_test = || entries.as_ref()?.get(&["location"]).and_then(place);
    failure.location = failure.location.take().or_else(of_test);
    detail::set_output(&mut failure, diagnostics, hints.output_bytes_max);
    failure
}

/// Returns what stands between the first `---` and its `...`.
fn yaml_block(diagnostics: &str) -> Option<&str> {
    let mut start = None;
    let mut at = 0;
    for line in diagnostics.split_inclusive('\n') {
        match (start, line.trim()) {
            (None, "---") => start = Some(at + line.len()),
            (Some(start), "...") => return diagnostics.get(start..at),
            _ => {}
        }
        at += line.len();
    }
    start.and_then(|start| diagnostics.get(start..))
}

/// Takes the `#` off comments, and keeps other lines.
fn without_margin(diagnostics: &str) -> String {
    let content = |line: &str| match line.trim_start().strip_prefix('#') {
        Some(comment) => comment.strip_prefix(' ').unwrap_or(comment).to_owned(),
        None => line.to_owned(),
    };
    diagnostics.lines().map(|line| content(line) + "\n").collect()
}

fn fill_from_yaml(failure: &mut Failure, entries: &yaml::Entries) {
    let get = |keys: &[&str]| entries.get(keys).map(str::to_owned);
    failure.message = get(&["error", "message", "description"]).unwrap_or_default();
    failure.expected = get(&["expected", "wanted", "want", "expect"]);
    failure.actual = get(&["actual", "found", "got", "have"]);
    let timed_out = get(&["failureType"]).is_some_and(|kind| kind == "testTimeoutFailure");
    failure.kind = if timed_out { detail::TIMEOUT.to_owned() } else { get(&["name", "exception"]).unwrap_or_default() };
    failure.location = place_of_failure(entries);
}

/// Returns the place of the failure itself.
fn place_of_failure(entries: &yaml::Entries) -> Option<Location> {
    let parts = || {
        let column = entries.get(&["column", "columnNumber"]);
        trace::place(
            entries.get(&["at.file", "fileName", "file"])?,
            entries.get(&["at.line", "lineNumber", "line"])?,
            column,
        )
    };
    entries.get(&["at"]).and_then(place).or_else(parts)
}

fn place(told: &str) -> Option<Location> {
    trace::location(&PLACE.captures(told)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(diagnostics: &str) -> Failure {
        failure(TestId::new("s", "n"), diagnostics, &Hints::default())
    }

    #[test]
    fn a_yaml_block_gives_message_values_kind_and_place() {
        let failure = read(
            "  ---\n  duration_ms: 1\n  location: '/u/a.test.mjs:5:1'\n  error: |-\n    Expected values to be strictly equal:\n    \n    2 !== 3\n    \n  \
            code: 'ERR_ASSERTION'\n  name: 'AssertionError'\n  expected: 3\n  actual: 2\n  stack: |-\n    TestContext.<anonymous> (file:///u/a.test.mjs:6:10)\n  ...\n",
        );
        assert_eq!(
            (failure.kind.as_str(), failure.expected.as_deref(), failure.actual.as_deref()),
            ("AssertionError", Some("3"), Some("2"))
        );
        assert_eq!(failure.message, "Expected values to be strictly equal:\n\n2 !== 3");
        assert_eq!(failure.location.unwrap().to_string(), "/u/a.test.mjs:6:10");
        assert_eq!(failure.frames[0].location.to_string(), "/u/a.test.mjs:6:10");
    }

    #[test]
    fn comments_give_message_values_and_place() {
        let failure = read("#   Failed test 'x'\n#   at t/a.t line 3.\n#          got: '2'\n#     expected: '3'\n");
        assert_eq!((failure.message.as_str(), failure.expected.as_deref()), ("Failed test 'x'", Some("'3'")));
        assert_eq!(failure.location.unwrap().to_string(), "t/a.t:3");
    }

    #[test]
    fn places_are_read_from_parts_and_frames() {
        assert_eq!(
            read("  ---\n  at:\n    line: 8\n    column: 5\n    file: test.js\n  ...\n").location.unwrap().to_string(),
            "test.js:8:5"
        );
        assert_eq!(
            read("  ---\n  at: >-\n    f.is\n    (file:///u/a.js:3:4)\n  ...\n").location.unwrap().to_string(),
            "/u/a.js:3:4"
        );
        assert_eq!(read("  ---\n  file: t/a.t\n  line: 45\n").location.unwrap().to_string(), "t/a.t:45");
    }
}
