//! The failure of a test point, from the lines under it.

use std::sync::LazyLock;
use std::time::Duration;

use memchr::memmem;
use regex::Regex;

use crate::ingest::tap::yaml;
use crate::ingest::{detail, pattern, trace};
use crate::model::{Failure, Location, TestId};

/// The kind of a failure that is only the consequence of its parent's, as node calls it.
const CANCELLED: &str = "cancelledByParent";

/// `file:1:2`, alone or in the parentheses of a stack frame.
static PLACE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:^|\()(?:file://)?(?P<file>[^()\s][^()]*?):(?P<line>\d+)(?::(?P<column>\d+))?\)?$"));

/// What is told of a failed point.
pub(super) struct Told<'t> {
    /// Its diagnostics: a YAML block, or comments and whatever else stands under it.
    pub(super) text: &'t str,
    /// What was printed before it.
    pub(super) printed: &'t str,
}

impl Told<'_> {
    /// Reads the failure of the point `id`.
    pub(super) fn failure(&self, id: TestId) -> Failure {
        let mut failure = Failure::bare(id);
        let entries = yaml_block(self.text).map(yaml::read);
        match &entries {
            Some(entries) => self.fill_from_yaml(&mut failure, entries),
            None => detail::fill(&mut failure, &[self.words().trim()]),
        }
        // Node's place is that of the test, so it counts only when nothing is known of the failure's.
        let of_test = || entries.as_ref()?.get(&["location"]).and_then(place);
        failure.location = failure.location.take().or_else(of_test);
        failure
    }

    /// Returns the words that tell of the failure, without margin.
    fn words(&self) -> String {
        // KUnit tells before the point.
        if !self.text.contains(" FAILED at ") && self.printed.contains(" FAILED at ") {
            return without_margin(self.printed);
        }
        // A name with a line end in it goes on in comments, and Perl tells under those.
        let start = self.text.find("#   Failed test ").filter(|_| self.text.starts_with("# "));
        without_margin(&self.text[start.unwrap_or(0)..])
    }

    fn fill_from_yaml(&self, failure: &mut Failure, entries: &yaml::Entries) {
        fill_from_entries(failure, entries);
        let message = std::mem::take(&mut failure.message);
        let stack = entries.get(&["stack"]).unwrap_or_default();
        // Of a file that did not run, node tells in what it printed.
        let is_of_file = message == NODE_FILE_FAILED && !self.printed.is_empty();
        let printed = if is_of_file { without_margin(self.printed) } else { String::new() };
        // What Bats tells begins with the place.
        let is_telling = !is_of_file && !message.is_empty() && !is_of_bats(&message);
        let told = if is_of_file { printed } else { format!("{message}\n{stack}") };
        if is_telling {
            failure.message.clone_from(&message);
        }
        detail::fill(failure, &[told.trim()]);
        if is_telling {
            message.trim_end().clone_into(&mut failure.message);
        } else if !trace::frames(&failure.message).is_empty() {
            failure.message.clear();
        }
    }
}

/// Tells whether a point that sums up failures says that it failed for a reason of its own as well. Only node does.
pub(super) fn has_own_cause(diagnostics: &str) -> bool {
    let has = |words: &str| memmem::find(diagnostics.as_bytes(), words.as_bytes()).is_some();
    has("failureType: '") && !has("failureType: 'subtestsFailed'")
}

/// Tells whether the diagnostics of a failure that has a directive deny it: Bats knows none for failures and does not
/// escape names, so that what looks like one is part of the name.
pub(super) fn denies_directive(diagnostics: &str) -> bool {
    let told = diagnostics.trim_start_matches([' ', '#', '-', '\n']);
    let told = told.split_once("message: |").filter(|_| !told.starts_with('(')).map_or(told, |(_, message)| message);
    is_of_bats(told.trim_start())
}

fn is_of_bats(told: &str) -> bool {
    told.starts_with("(in test file ") || told.starts_with("(from function `")
}

/// Makes failures that their parent's failure caused tell of that; tells whether there were any.
pub(super) fn explain(parts: &mut [Failure], parent: &Failure) -> bool {
    let mut any = false;
    for part in parts.iter_mut().filter(|part| part.kind == CANCELLED) {
        any = true;
        part.kind.clone_from(&parent.kind);
        part.message.clone_from(&parent.message);
        part.expected.clone_from(&parent.expected);
        part.actual.clone_from(&parent.actual);
        part.frames.clone_from(&parent.frames);
        part.location = parent.location.clone().or(part.location.take());
    }
    any
}

/// Reads the duration that a line of a YAML block states.
pub(super) fn duration(line: &str) -> Option<Duration> {
    let millis = line.strip_prefix("duration_ms:")?.trim().trim_matches(['\'', '"']);
    Duration::try_from_secs_f64(millis.parse::<f64>().ok()? / 1e3).ok()
}

/// Returns what stands between the first `---` and its `...`, or the `---` of a second block.
fn yaml_block(diagnostics: &str) -> Option<&str> {
    let mut start: Option<(usize, usize)> = None;
    let mut at = 0;
    for line in diagnostics.split_inclusive('\n') {
        let content = line.trim();
        let indent = line.len() - line.trim_start().len();
        match start {
            None if content == "---" => start = Some((at + line.len(), indent)),
            Some((start, margin)) if indent <= margin && (content == "..." || content == "---") => {
                return diagnostics.get(start..at);
            }
            _ => {}
        }
        at += line.len();
    }
    start.and_then(|(start, _)| diagnostics.get(start..))
}

/// Takes the `#` off comments, and keeps other lines.
fn without_margin(diagnostics: &str) -> String {
    let content = |line: &str| match line.trim_start().strip_prefix('#') {
        Some(comment) => comment.strip_prefix(' ').unwrap_or(comment).to_owned(),
        None => line.to_owned(),
    };
    diagnostics.lines().map(|line| content(line) + "\n").collect()
}

fn fill_from_entries(failure: &mut Failure, entries: &yaml::Entries) {
    let get = |keys: &[&str]| entries.get(keys).map(str::to_owned);
    let get_any = |keys: &[&str]| entries.get_any(keys).map(str::to_owned);
    failure.message = get(&["error.message", "error", "message", "description"]).unwrap_or_default();
    if UNTELLING.contains(&failure.message.as_str()) {
        failure.message = entries.first_in("details").map(|(key, value)| details(key, value)).unwrap_or_default();
    }
    failure.expected = get_any(&["expected", "wanted", "want", "expect"]);
    failure.actual = get_any(&["actual", "found", "got", "have"]);
    if failure.expected.is_none() && failure.actual.is_none() {
        let expected_first = || entries.get(&["diff"]).and_then(sides);
        let actual_first = || entries.get(&["Difference (- actual, + expected):"]).and_then(sides);
        let values = expected_first().or_else(|| actual_first().map(|(actual, expected)| (expected, actual)));
        (failure.expected, failure.actual) = values.unzip();
    }
    failure.kind = kind(entries, &failure.message);
    failure.location = place_of_failure(entries).filter(|place| !trace::is_foreign(place));
}

/// Messages, mostly AVA's, that say less than the details do.
const UNTELLING: &[&str] = &["", "~", "null", "Error thrown in test", "Rejected promise returned by test"];

/// What node says of a file that ended without a result.
const NODE_FILE_FAILED: &str = "test failed";

fn details(key: &str, value: &str) -> String {
    if key.starts_with("Difference ") { value.to_owned() } else { format!("{key} {value}") }
}

fn kind(entries: &yaml::Entries, message: &str) -> String {
    match entries.get(&["failureType"]) {
        Some("testTimeoutFailure") => detail::TIMEOUT.to_owned(),
        Some(CANCELLED) => CANCELLED.to_owned(),
        _ if message.starts_with("Timeout of ") => detail::TIMEOUT.to_owned(),
        // Node's `type` is that of the test.
        _ => entries
            .get(&["name", "type", "exception"])
            .filter(|kind| !["suite", "test"].contains(kind))
            .unwrap_or_default()
            .to_owned(),
    }
}

/// Takes a difference apart into the text of its `-` and that of its `+`; one that does not show the whole has none.
fn sides(diff: &str) -> Option<(String, String)> {
    let mut sides = (String::new(), String::new());
    let is_header = |line: &&str| ["--- ", "+++ ", "@@ -1,", "@@ -0,"].iter().any(|start| line.starts_with(start));
    for line in diff.lines().skip_while(is_header) {
        let content = line.get(1..).unwrap_or_default();
        match line.as_bytes().first() {
            Some(b'-') => sides.0 = sides.0 + content + "\n",
            Some(b'+') => sides.1 = sides.1 + content + "\n",
            Some(b' ') | None => sides = (sides.0 + content + "\n", sides.1 + content + "\n"),
            Some(_) => return None,
        }
    }
    (sides.0 != sides.1).then(|| (without_indent(&sides.0), without_indent(&sides.1)))
}

fn without_indent(text: &str) -> String {
    let depth =
        text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len()).min();
    let lines: Vec<_> = text.lines().map(|line| line.get(depth.unwrap_or(0)..).unwrap_or_default()).collect();
    lines.join("\n").trim_end().to_owned()
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
    trace::location(&PLACE.captures(told.trim())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(diagnostics: &str) -> Failure {
        Told { text: diagnostics, printed: "" }.failure(TestId::new("s", "n"))
    }

    fn check_values(diagnostics: &str, expected: &str, actual: &str) {
        let failure = read(diagnostics);
        assert_eq!(
            (failure.expected.as_deref(), failure.actual.as_deref()),
            (Some(expected), Some(actual)),
            "{failure:#?}"
        );
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
        let check = |diagnostics: &str, place: &str| assert_eq!(read(diagnostics).location.unwrap().to_string(), place);
        check("  ---\n  at:\n    line: 8\n    column: 5\n    file: test.js\n  ...\n", "test.js:8:5");
        check("  ---\n  at: >-\n    f.is\n    (file:///u/a.js:3:4)\n  ...\n", "/u/a.js:3:4");
        check("  ---\n    at: \" file:///u/a.mjs:3:4\"\n  ...\n", "/u/a.mjs:3:4");
        check("  ---\n  file: t/a.t\n  line: 45\n", "t/a.t:45");
        let library = "  ---\n  at: >-\n    f.is\n    (file:///u/node_modules/ava/lib/assert.js:3:4)\n  ...\n";
        assert_eq!(read(library).location, None);
    }

    #[test]
    fn values_are_read_from_wherever_they_are_told() {
        check_values("  ---\n  data:\n    got: 2\n    expect: 3\n  ...\n", "3", "2");
        check_values("  ---\n  expected:\n    a: 1\n  actual:\n    a: 2\n  ...\n", "a: 1", "a: 2");
        check_values(
            "  ---\n  diff: |\n    --- expected\n    +++ actual\n    @@ -1,1 +1,1 @@\n    -3\n    +2\n  ...\n",
            "3",
            "2",
        );
        let ava = "  ---\n  details:\n    'Difference (- actual, + expected):': |-\n        {\n      -   a: 1,\n      +   a: 2,\n        }\n  message: ''\n  ...\n";
        check_values(ava, "{\n  a: 2,\n}", "{\n  a: 1,\n}");
        let cut = "  ---\n  diff: |\n    --- expected\n    +++ actual\n    @@ -1,2 +1,2 @@\n    -3\n    +2\n    @@ -9,1 +9,1 @@\n  ...\n";
        assert_eq!(read(cut).expected, None);
    }

    #[test]
    fn a_frame_is_no_message() {
        let failure = read("  ---\n  message: ~\n  stack: |\n    Object.<anonymous> (test.js:8:5)\n  ...\n");
        assert_eq!((failure.message.as_str(), failure.frames.len()), ("", 1));
    }

    #[test]
    fn of_several_blocks_the_first_tells() {
        let failure = read("  ---\n  message: one\n  ...\n  ---\n  message: two\n  ...\n");
        assert_eq!(failure.message, "one");
        assert_eq!(read("  ---\n  message: one\n  ---\n  message: two\n  ...\n").message, "one");
    }

    #[test]
    fn bats_denies_directives_in_names() {
        assert!(denies_directive("# (in test file a.bats, line 1)\n"));
        assert!(denies_directive(
            "  ---\n  duration_ms: 3\n  message: |\n    (from function `f' in file a.bats, line 9,\n  ...\n"
        ));
        assert!(
            !denies_directive("#   Failed (TODO) test 'x'\n")
                && !denies_directive("  ---\n  message: |\n    x\n  ...\n")
        );
    }
}
