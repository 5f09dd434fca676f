//! One JUnit case: what it is called, how it ended, and what is known of its failure.
//!
//! The status rules are those under which the counts of real reports come out right; see [`judge`].

use std::borrow::Cow;

use camino::Utf8Path;
use memchr::memmem;

use crate::ingest::junit::markup::{Attributes, attribute, attributes, plain_text, unescape};
use crate::ingest::{Hints, detail, trace};
use crate::model::{Failure, Outcome, TestId};
use crate::text::ansi;

/// The name of a case whose report gives none.
const UNNAMED: &str = "[unnamed]";

/// What an element inside a case means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    Failure,
    Error,
    Skipped,
    /// A failed attempt of a case that passed or failed in the end (`flakyFailure`, `rerunError`, …).
    Attempt,
    Output,
    /// Anything else, such as properties.
    Other,
}

impl PartKind {
    /// Returns the meaning of an element by its name.
    pub(super) fn of(name: &[u8]) -> Self {
        match name {
            b"failure" => Self::Failure,
            b"error" => Self::Error,
            b"skipped" => Self::Skipped,
            b"flakyFailure" | b"flakyError" | b"rerunFailure" | b"rerunError" => Self::Attempt,
            b"system-out" | b"system-err" => Self::Output,
            _ => Self::Other,
        }
    }

    fn is_red(self) -> bool {
        matches!(self, Self::Failure | Self::Error)
    }
}

/// An element inside a case, as it stands in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'t> {
    pub(super) kind: PartKind,
    pub(super) attributes: &'t str,
    pub(super) content: &'t str,
}

/// A case as it stands in the file.
#[derive(Debug, Default)]
pub(super) struct Case<'t> {
    pub(super) named: Named<'t>,
    pub(super) parts: Vec<Part<'t>>,
}

/// The attributes of a case that are read.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Named<'t> {
    name: &'t str,
    classname: Option<&'t str>,
    file: Option<&'t str>,
    line: Option<&'t str>,
    status: Option<&'t str>,
}

/// What the suites around a case say of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Enclosing<'a> {
    /// The names of the suites, outermost first, joined with ` > `.
    pub(super) chain: &'a str,
    /// Whether libtest wrote the suite: its class is a module path or a constant, and no binary is named.
    pub(super) is_libtest: bool,
}

impl<'t> Named<'t> {
    /// Reads the attributes of a case, or of a suite that stands for one.
    pub(super) fn read(after_name: &'t str) -> Self {
        Self::read_from(&mut attributes(after_name))
    }

    /// Reads the attributes of a case to the end of its tag.
    pub(super) fn read_from(attributes: &mut Attributes<'t>) -> Self {
        let mut named = Self::default();
        for (attribute, value) in attributes {
            match attribute {
                "name" => named.name = value,
                "classname" => named.classname = Some(value),
                "class" => named.classname = named.classname.or(Some(value)),
                "file" => named.file = Some(value),
                "line" => named.line = Some(value),
                "status" | "result" if !is_neutral(value) => named.status = Some(value),
                _ => {}
            }
        }
        named
    }

    /// Returns suite and name of the case.
    ///
    /// The suite is the class name; where there is none, or it is the constant `test` that node writes, the names of
    /// the suites around it joined with ` > `. For libtest's own JUnit it is the hinted one, for the file names no
    /// binary, and the name is put together again from module path and function.
    pub(super) fn id<'a>(&self, enclosing: Enclosing<'a>, hints: &'a Hints) -> (Cow<'a, str>, Cow<'a, str>)
    where
        't: 'a,
    {
        let name = if self.name.is_empty() { Cow::Borrowed(UNNAMED) } else { unescape(self.name) };
        if enclosing.is_libtest {
            let suite = hints.suite.as_deref().unwrap_or_default();
            return (Cow::Borrowed(suite), libtest_name(&unescape(self.classname.unwrap_or_default()), name));
        }
        match self.classname {
            // Node writes references twice into names.
            Some("test") => (Cow::Borrowed(enclosing.chain), Cow::Owned(unescape(&name).into_owned())),
            Some(class) => (unescape(class), name),
            None => (Cow::Borrowed(enclosing.chain), name),
        }
    }
}

/// Puts libtest's name together again: its JUnit writer takes the path apart, differently by kind of test.
fn libtest_name<'a>(class: &str, name: Cow<'a, str>) -> Cow<'a, str> {
    match class {
        "crate" | "integration" | "unknown" | "" => name,
        file if Utf8Path::new(file).extension() == Some("rs") => Cow::Owned(format!("{file} - {name}")),
        module => Cow::Owned(format!("{module}::{name}")),
    }
}

fn is_neutral(status: &str) -> bool {
    matches!(status, "run" | "completed" | "")
}

/// Decides how a case ended.
///
/// It is red if it holds a failure or an error at any position, unless it is skipped as well with words that say the
/// failure was expected. Failed attempts alone do not make it red. Without any of these, a status attribute counts.
pub(super) fn judge(case: &Case<'_>) -> Outcome {
    let has = |kind| case.parts.iter().any(|part| part.kind == kind);
    let skipped = case.parts.iter().find(|part| part.kind == PartKind::Skipped);
    let by_status = || match case.named.status.unwrap_or_default() {
        "notrun" | "disabled" | "suppressed" | "skipped" => Outcome::Skipped,
        "fail" | "failed" | "failure" => Outcome::Failed,
        "error" | "errored" => Outcome::Errored,
        _ => Outcome::Passed,
    };
    match skipped {
        Some(skipped) if is_expected_failure(skipped) => Outcome::Skipped,
        _ if has(PartKind::Error) => Outcome::Errored,
        _ if has(PartKind::Failure) => Outcome::Failed,
        Some(_) => Outcome::Skipped,
        None => by_status(),
    }
}

/// Tells whether a skip says that a failure beside it was expected: node's `todo`, Catch2's tags, `xfail`.
fn is_expected_failure(skipped: &Part<'_>) -> bool {
    let is_todo = attribute(skipped.attributes, "type").is_some_and(|kind| kind == "todo");
    let message = attribute(skipped.attributes, "message").unwrap_or_default();
    is_todo || ["!mayfail", "!shouldfail", "xfail"].iter().any(|word| message.contains(word))
}

/// Collects what is known of a red case's failure.
pub(super) fn failure(id: TestId, case: &Case<'_>, hints: &Hints) -> Failure {
    let bytes_max = hints.output_bytes_max;
    let mut failure = Failure::bare(id);
    let red = || case.parts.iter().filter(|part| part.kind.is_red());
    if let Some(first) = red().next() {
        failure.kind = attribute(first.attributes, "type").unwrap_or_default().into_owned();
        failure.message = message(first);
        failure.location = location(&Named::read(first.attributes));
    }
    let mut texts: Vec<_> = red().map(|part| told(part, bytes_max)).collect();
    let n_told = texts.iter().filter(|text| !text.trim().is_empty()).count();
    let of_kind = |kind| case.parts.iter().filter(move |part| part.kind == kind);
    texts.extend(of_kind(PartKind::Output).map(|part| plain_text(part.content, bytes_max)));
    texts.extend(of_kind(PartKind::Attempt).map(|part| plain_text(without_output(part.content), bytes_max)));
    texts.retain(|text| !text.trim().is_empty());
    // Of Rust, the report holds one panic and the output all of them, with what libtest says of them.
    let is_whole = n_told > 0 && !texts[..n_told].iter().any(|text| text.contains("panicked at "));
    let telling: Vec<_> = texts.iter().take(if is_whole { n_told } else { texts.len() }).map(String::as_str).collect();
    detail::fill(&mut failure, &telling);
    failure.location = failure.location.take().or_else(|| location(&case.named));
    detail::set_output(&mut failure, &joined(&texts), bytes_max);
    failure
}

fn message(part: &Part<'_>) -> String {
    let message = attribute(part.attributes, "message").unwrap_or_default();
    ansi::strip(&message).trim().to_owned()
}

fn location(named: &Named<'_>) -> Option<crate::model::Location> {
    trace::place(&unescape(named.file?), named.line?, None)
}

/// Returns message and body of a failure; the message only where the body does not begin with it.
fn told(part: &Part<'_>, bytes_max: usize) -> String {
    let (message, body) = (message(part), plain_text(part.content, bytes_max));
    let is_repeated = body.trim_start().starts_with(&message);
    if is_repeated { body } else { joined(&[message, body]) }
}

/// Returns what a failed attempt's element holds before its captured output, which repeats the case's own.
fn without_output(content: &str) -> &str {
    let end = memmem::find(content.as_bytes(), b"<system-").unwrap_or(content.len());
    &content[..end]
}

/// Joins texts that are not blank with line breaks.
fn joined(texts: &[String]) -> String {
    let texts = texts.iter().map(|text| text.trim_end().trim_start_matches(['\n', '\r']));
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: PartKind, attributes: &'static str) -> Part<'static> {
        Part { kind, attributes, content: "" }
    }

    fn check(attributes: &str, parts: &[Part<'static>], outcome: Outcome) {
        let case = Case { named: Named::read(attributes), parts: parts.to_vec() };
        assert_eq!(judge(&case), outcome, "{case:?}");
    }

    #[test]
    fn a_case_ends_as_the_status_rules_say() {
        use PartKind::{Attempt, Error, Failure, Output, Skipped};
        check("", &[], Outcome::Passed);
        check("", &[part(Output, ""), part(Failure, "")], Outcome::Failed);
        check("", &[part(Failure, ""), part(Error, "")], Outcome::Errored);
        check("", &[part(Skipped, ""), part(Failure, "")], Outcome::Failed);
        check("", &[part(Skipped, " type='todo'"), part(Failure, "")], Outcome::Skipped);
        check("", &[part(Failure, ""), part(Skipped, " message='TEST_CASE tagged with !mayfail'")], Outcome::Skipped);
        check("", &[part(Attempt, "")], Outcome::Passed);
        check("", &[part(Attempt, ""), part(Error, "")], Outcome::Errored);
        check(" status='notrun' result='suppressed'", &[], Outcome::Skipped);
        check(" status='run' result='completed'", &[], Outcome::Passed);
        check(" status='failed'", &[], Outcome::Failed);
        check(" status='disabled'", &[part(Failure, "")], Outcome::Failed);
    }

    fn check_id(attributes: &str, enclosing: Enclosing<'_>, suite: &str, name: &str) {
        let hints = Hints { suite: Some("alpha".to_owned()), ..Hints::default() };
        let (found_suite, found_name) = Named::read(attributes).id(enclosing, &hints);
        assert_eq!((found_suite.as_ref(), found_name.as_ref()), (suite, name));
    }

    #[test]
    fn ids_agree_with_what_the_runner_calls_the_test() {
        let nested = Enclosing { chain: "outer > inner", is_libtest: false };
        check_id(" classname='a.B' name='c&amp;d'", nested, "a.B", "c&d");
        check_id(" name='c'", nested, "outer > inner", "c");
        check_id(" classname='test' name='it&amp;apos;s'", nested, "outer > inner", "it's");
        check_id(" classname='a.B' name=''", nested, "a.B", "[unnamed]");
        let libtest = Enclosing { chain: "test", is_libtest: true };
        check_id(" classname='tests::deep' name='a'", libtest, "alpha", "tests::deep::a");
        check_id(" classname='integration' name='a'", libtest, "alpha", "a");
        check_id(" classname='src/lib.rs' name='f (line 1)'", libtest, "alpha", "src/lib.rs - f (line 1)");
    }

    #[test]
    fn several_failures_of_one_case_are_all_in_its_output() {
        let first = Part { kind: PartKind::Failure, attributes: " message='one' type='T'", content: "at a.rs:1:2" };
        let second = Part { kind: PartKind::Error, attributes: " message='two'", content: "<![CDATA[body]]>" };
        let out = Part { kind: PartKind::Output, attributes: "", content: "printed" };
        let case = Case { named: Named::default(), parts: vec![out, first, second] };
        let failure = failure(TestId::new("s", "n"), &case, &Hints::default());
        assert_eq!((failure.kind.as_str(), failure.message.as_str()), ("T", "one"));
        assert_eq!(failure.output, "one\nat a.rs:1:2\ntwo\nbody\nprinted");
        assert_eq!(failure.location.unwrap().to_string(), "a.rs:1:2");
    }
}
