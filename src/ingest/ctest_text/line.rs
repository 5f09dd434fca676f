//! The lines that ctest prints, each by itself.

use std::time::Duration;

use crate::model::Outcome;

/// What a line looks like; whether it is that, its place tells.
#[derive(Debug, PartialEq)]
pub(super) enum Shape<'t> {
    /// `Test project /home/user/shop/build`
    Project,
    /// `      Start  1: adds`
    Start { number: u32, name: &'t str },
    /// ` 1/19 Test  #1: adds .....   Passed    0.01 sec`
    Result(Reported<'t>),
    /// `1: printed`, with `--verbose`.
    Captured { number: u32, text: &'t str },
    /// `22% tests passed, 14 tests failed out of 18`
    Summary { n_failed: u64, n_tests: u64 },
    /// `The following tests FAILED:`
    FailedList,
    /// `The following tests did not run:`, and other lists.
    OtherList,
    /// `  2 - fails (Failed)`, behind a tab.
    Listed { number: u32, rest: &'t str },
    /// Whatever else.
    Text,
}

/// A result before it is taken apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reported<'t> {
    /// The number of all tests; a further attempt at one has none.
    pub(super) total: Option<u32>,
    pub(super) number: u32,
    /// What follows the number.
    pub(super) rest: &'t str,
}

/// Finds out what a line looks like.
pub(super) fn shape(line: &str) -> Shape<'_> {
    if let Some(listed) = line.strip_prefix('\t') {
        return listed_shape(listed.trim_start()).unwrap_or(Shape::Text);
    }
    let text = line.trim_start_matches(' ');
    let found = match text.as_bytes().first() {
        Some(b'S') => start_shape(text),
        Some(b'T') => head_shape(text).or_else(|| result_shape(text, None)),
        Some(b'0'..=b'9') => counted_shape(text).filter(|shape| text.len() == line.len() || !is_captured(shape)),
        _ => None,
    };
    found.unwrap_or(Shape::Text)
}

fn is_captured(shape: &Shape<'_>) -> bool {
    matches!(shape, Shape::Captured { .. })
}

fn start_shape(text: &str) -> Option<Shape<'_>> {
    let (number, name) = number(text.strip_prefix("Start ")?.trim_start())?;
    Some(Shape::Start { number, name: name.strip_prefix(": ")? })
}

fn head_shape(text: &str) -> Option<Shape<'_>> {
    match text {
        "The following tests FAILED:" => Some(Shape::FailedList),
        text if text.starts_with("The following tests ") => Some(Shape::OtherList),
        text if text.starts_with("Test project ") => Some(Shape::Project),
        _ => None,
    }
}

/// Reads what follows the count of a result.
fn result_shape(text: &str, total: Option<u32>) -> Option<Shape<'_>> {
    let (number, rest) = number(text.strip_prefix("Test ")?.trim_start().strip_prefix('#')?)?;
    Some(Shape::Result(Reported { total, number, rest: rest.strip_prefix(": ")? }))
}

/// Reads a line that begins with a number.
fn counted_shape(text: &str) -> Option<Shape<'_>> {
    let (first, rest) = number(text)?;
    if let Some(rest) = rest.strip_prefix('/') {
        let (total, rest) = number(rest.trim_start())?;
        return result_shape(rest.strip_prefix(' ')?, Some(total));
    }
    if let Some(rest) = rest.strip_prefix("% tests passed") {
        return summary_shape(rest);
    }
    let captured = rest.strip_prefix(':')?;
    let text = if captured.is_empty() { captured } else { captured.strip_prefix(' ')? };
    Some(Shape::Captured { number: first, text })
}

/// Reads `, 14 tests failed out of 18`.
fn summary_shape(rest: &str) -> Option<Shape<'_>> {
    let (before, n_tests) = rest.rsplit_once(" out of ")?;
    let n_failed = before.strip_prefix(", ")?.strip_suffix(" tests failed").or(before.strip_suffix(" test failed"));
    Some(Shape::Summary {
        n_failed: n_failed?.trim_start_matches(", ").parse().ok()?,
        n_tests: n_tests.trim().parse().ok()?,
    })
}

fn listed_shape(text: &str) -> Option<Shape<'_>> {
    let (number, rest) = number(text)?;
    Some(Shape::Listed { number, rest: rest.strip_prefix(" - ")? })
}

/// Takes the number that a text begins with.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// How a test ended, as its result says.
#[derive(Debug, PartialEq)]
pub(super) struct Ending<'t> {
    pub(super) outcome: Outcome,
    /// The word for it: `Failed`, `Timeout`, `SegFault`, …
    pub(super) word: &'t str,
    /// Why, where that is not the program's own doing.
    pub(super) reason: &'t str,
    pub(super) duration: Option<Duration>,
    /// Whether the reason ends in this line.
    pub(super) is_whole: bool,
    pub(super) is_disabled: bool,
}

/// Takes what follows a result's number apart: the test's name, if it is the one given or else what looks like it, and how
/// it ended.
pub(super) fn result<'t>(rest: &'t str, name: Option<&str>) -> Option<(&'t str, Ending<'t>)> {
    let (name, rest) = match name {
        Some(name) => rest.starts_with(name).then(|| rest.split_at(name.len()))?,
        None => split_name(rest)?,
    };
    Some((name, ending(rest.strip_prefix(' ')?.trim_start_matches('.'))?))
}

/// Splits a name from its ending at the dots that fill the line.
fn split_name(rest: &str) -> Option<(&str, &str)> {
    let end = rest.find("***").or_else(|| rest.rfind("   Passed"))?;
    let name = rest[..rest[..end].rfind('.')?].trim_end_matches('.').strip_suffix(' ')?;
    Some(rest.split_at(name.len()))
}

fn ending(text: &str) -> Option<Ending<'_>> {
    let (text, duration, is_whole) = without_time(text);
    let end = |outcome, word, reason| Ending { outcome, word, reason, duration, is_whole, is_disabled: false };
    if text.trim() == "Passed" {
        return Some(end(Outcome::Passed, "Passed", ""));
    }
    let (before, status) = text.split_once("***")?;
    let status = status.trim_end();
    Some(if let Some(reason) = status.strip_prefix("Failed") {
        end(Outcome::Failed, "Failed", reason.trim_start())
    } else if status == "Not Run (Disabled)" {
        Ending { is_disabled: true, ..end(Outcome::Skipped, "Disabled", "") }
    } else if status == "Skipped" {
        end(Outcome::Skipped, status, "")
    } else {
        let word = status.strip_prefix("Exception:").unwrap_or(status).trim();
        end(Outcome::Errored, if word.is_empty() { before.trim() } else { word }, "")
    })
}

/// Takes the time off the end of a line: `    0.01 sec`.
pub(super) fn without_time(text: &str) -> (&str, Option<Duration>, bool) {
    let timed = text.strip_suffix(" sec").and_then(|text| text.rsplit_once(' '));
    match timed.and_then(|(text, seconds)| Some((text, seconds.parse().ok()?))) {
        Some((text, seconds)) => (text.trim_end(), Duration::try_from_secs_f64(seconds).ok(), true),
        None => (text, None, false),
    }
}

/// Takes a listed test apart: `fails (Failed)`, perhaps with labels behind.
pub(super) fn listed(rest: &str) -> Option<(&str, &str)> {
    let (name, status) = rest.rsplit_once(" (")?;
    let (status, _labels) = status.split_once(')')?;
    Some((name, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_known_by_their_shape() {
        assert_eq!(shape("Test project /home/user/shop/build"), Shape::Project);
        assert_eq!(shape("      Start  1: adds 1: 2"), Shape::Start { number: 1, name: "adds 1: 2" });
        let rest = "adds ....   Passed    0.01 sec";
        assert_eq!(
            shape(" 1/19 Test  #1: adds ....   Passed    0.01 sec"),
            Shape::Result(Reported { total: Some(19), number: 1, rest })
        );
        assert_eq!(
            shape("    Test  #1: adds ....   Passed    0.01 sec"),
            Shape::Result(Reported { total: None, number: 1, rest })
        );
        assert_eq!(shape("12: printed: 3"), Shape::Captured { number: 12, text: "printed: 3" });
        assert_eq!(shape("12:"), Shape::Captured { number: 12, text: "" });
        assert_eq!(shape("22% tests passed, 14 tests failed out of 18"), Shape::Summary { n_failed: 14, n_tests: 18 });
        assert_eq!(shape("The following tests FAILED:"), Shape::FailedList);
        assert_eq!(shape("The following tests did not run:"), Shape::OtherList);
        assert_eq!(shape("\t  2 - a - b (Failed)"), Shape::Listed { number: 2, rest: "a - b (Failed)" });
    }

    #[test]
    fn what_only_begins_like_one_is_text() {
        for line in [
            "",
            "Start",
            "Start x: y",
            "  12: 34",
            "99999999999: x",
            "1/2",
            "1/2 Test #x: y",
            "9% tests passed",
            "\t- x",
            "12:34",
            "Test",
        ] {
            assert_eq!(shape(line), Shape::Text, "{line}");
        }
    }

    #[track_caller]
    fn check(rest: &str, name: &str, outcome: Outcome, word: &str, reason: &str) {
        for known in [None, Some(name)] {
            let (found, ending) = result(rest, known).unwrap();
            assert_eq!((found, ending.outcome, ending.word, ending.reason), (name, outcome, word, reason));
        }
    }

    #[test]
    fn every_ending_is_known_by_its_word() {
        use Outcome::{Errored, Failed, Passed, Skipped};
        check("adds ......   Passed    0.01 sec", "adds", Passed, "Passed", "");
        check("fails .....***Failed    0.01 sec", "fails", Failed, "Failed", "");
        check("a b ...***Failed  Error ***x*** found.  0.00 sec", "a b", Failed, "Failed", "Error ***x*** found.");
        check("crashes ...***Exception: SegFault  0.01 sec", "crashes", Errored, "SegFault", "");
        check("aborts ....Subprocess aborted***Exception:   0.00 sec", "aborts", Errored, "Subprocess aborted", "");
        check("waits .....***Timeout   1.00 sec", "waits", Errored, "Timeout", "");
        check("missing ...***Not Run   0.00 sec", "missing", Errored, "Not Run", "");
        check("off .......***Not Run (Disabled)   0.00 sec", "off", Skipped, "Disabled", "");
        check("skips .....***Skipped   0.01 sec", "skips", Skipped, "Skipped", "");
        let (name, _) = result("a... ...   Passed    0.01 sec", Some("a...")).unwrap();
        assert_eq!(name, "a...");
    }

    #[test]
    fn a_reason_may_go_on_in_the_next_line() {
        let (_, ending) = result("a ...***Failed  Required regular expression not found. Regex=[x", Some("a")).unwrap();
        assert_eq!((ending.is_whole, ending.duration), (false, None));
        let (_, ending) = result("a ...   Passed    1.50 sec", Some("a")).unwrap();
        assert_eq!((ending.is_whole, ending.duration), (true, Some(Duration::from_millis(1500))));
    }

    #[test]
    fn another_tests_result_and_no_result_are_none() {
        assert_eq!(result("ab ...   Passed    0.01 sec", Some("a")), None);
        assert_eq!(result("a ...   Odd    0.01 sec", Some("a")), None);
        assert_eq!(result("a", None), None);
    }

    #[test]
    fn a_listed_test_may_have_labels() {
        assert_eq!(listed("a (b) (Failed)"), Some(("a (b)", "Failed")));
        assert_eq!(listed("a (Not Run)     money fast"), Some(("a", "Not Run")));
        assert_eq!(listed("a"), None);
    }
}
