//! What a JUnit case is called and how it ended.
//!
//! The status rules are those under which the counts of real reports come out right; see [`judge`].

use std::borrow::Cow;
use std::time::Duration;

use camino::Utf8Path;
use xxhash_rust::xxh3::xxh3_64;

use crate::ingest::junit::markup::{Attributes, Span, attribute, attributes, unescape};
use crate::ingest::junit::suites::{Enclosing, Producer};
use crate::ingest::trace;
use crate::model::{Location, Outcome, TestId};

/// The name of a case whose report gives none.
const UNNAMED: &str = "[unnamed]";

/// The longest name of a case or a class kept, in bytes; longer ones end in a hash of themselves.
const NAME_BYTES_MAX: usize = 64 << 10;

/// What an element inside a case means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    Failure,
    Error,
    Skipped,
    /// A failed attempt of a case that passed in the end.
    FlakyAttempt,
    /// A further failed attempt of a case that failed.
    Rerun,
    Output,
    Properties,
    Other,
}

impl PartKind {
    /// Returns the meaning of an element by its name.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "failure" => Self::Failure,
            "error" => Self::Error,
            "skipped" => Self::Skipped,
            "flakyFailure" | "flakyError" => Self::FlakyAttempt,
            "rerunFailure" | "rerunError" => Self::Rerun,
            "system-out" | "system-err" => Self::Output,
            "properties" => Self::Properties,
            _ => Self::Other,
        }
    }

    /// Tells whether it is a failure of the case, or of the suite where it stands outside any case.
    pub(super) fn is_red(self) -> bool {
        matches!(self, Self::Failure | Self::Error)
    }
}

/// A sign of how a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sign {
    Failure = 1,
    Error = 1 << 1,
    Skipped = 1 << 2,
    /// A skip that says that a failure beside it was expected.
    ExpectedFailure = 1 << 3,
    FlakyAttempt = 1 << 4,
    Rerun = 1 << 5,
    /// The markup is damaged, so that there may have been a failure that is lost.
    Doubt = 1 << 6,
}

/// All signs that were seen of one case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Signs(u8);

impl Signs {
    pub(super) fn add(&mut self, sign: Sign) {
        self.0 |= sign as u8;
    }

    /// Takes failed reruns for attempts before a pass.
    pub(super) fn reruns_passed(self) -> Self {
        if !self.has(Sign::Rerun) {
            return self;
        }
        Self(self.0 & !(Sign::Rerun as u8) | Sign::FlakyAttempt as u8)
    }

    pub(super) fn has(self, sign: Sign) -> bool {
        self.0 & sign as u8 != 0
    }

    /// Adds what an element with these attributes is a sign of.
    pub(super) fn add_part(&mut self, kind: PartKind, after_name: &str) {
        match kind {
            PartKind::Failure => self.add(Sign::Failure),
            PartKind::Error => self.add(Sign::Error),
            PartKind::FlakyAttempt => self.add(Sign::FlakyAttempt),
            PartKind::Rerun => self.add(Sign::Rerun),
            PartKind::Skipped => {
                self.add(Sign::Skipped);
                if is_expected_failure(after_name) {
                    self.add(Sign::ExpectedFailure);
                }
            }
            PartKind::Output | PartKind::Properties | PartKind::Other => {}
        }
    }
}

/// Decides how a case ended; `None` when that is not known.
///
/// It is red if it holds a failure or an error at any position, unless it is skipped as well with words that say the
/// failure was expected. Failed attempts before a pass do not make it red, failed reruns do. Without any of these, a status
/// attribute counts.
pub(super) fn judge(signs: Signs, status: Option<&str>) -> Option<Outcome> {
    let by_status = || match status.unwrap_or_default() {
        "notrun" | "disabled" | "suppressed" | "skipped" | "ignored" => Outcome::Skipped,
        "fail" | "failed" | "failure" => Outcome::Failed,
        "error" | "errored" => Outcome::Errored,
        _ => Outcome::Passed,
    };
    let outcome = match signs {
        _ if signs.has(Sign::ExpectedFailure) => Outcome::Skipped,
        _ if signs.has(Sign::Error) => Outcome::Errored,
        _ if signs.has(Sign::Failure) || signs.has(Sign::Rerun) => Outcome::Failed,
        _ if signs.has(Sign::Skipped) => Outcome::Skipped,
        _ => by_status(),
    };
    Some(outcome).filter(|outcome| *outcome != Outcome::Passed || !signs.has(Sign::Doubt))
}

/// Tells whether a skip says that a failure beside it was expected: node's `todo`, Catch2's tags, `xfail`.
fn is_expected_failure(after_name: &str) -> bool {
    let is_todo = attribute(after_name, "type").is_some_and(|kind| kind == "todo");
    let message = attribute(after_name, "message").unwrap_or_default();
    is_todo || ["!mayfail", "!shouldfail", "xfail"].iter().any(|word| message.contains(word))
}

/// The attributes of a case, as they stand in the file.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Named<'t> {
    text: &'t str,
    name: Span,
    classname: Option<Span>,
    class: Option<Span>,
    status: Option<Span>,
}

impl<'t> Named<'t> {
    /// Reads the attributes of a case.
    pub(super) fn read(after_name: &'t str) -> Self {
        Self::read_from(after_name, &mut attributes(after_name))
    }

    /// Reads the attributes of a case to the end of its tag. Those that name it are all that is needed of a pass.
    #[inline]
    pub(super) fn read_from(after_name: &'t str, attributes: &mut Attributes<'t>) -> Self {
        let mut named = Self { text: after_name, ..Self::default() };
        while let Some((attribute, value)) = attributes.next_spans() {
            if attribute == b"name" {
                named.name = value;
            } else if attribute == b"classname" {
                named.classname = Some(value);
            } else if attribute == b"class" {
                named.class = Some(value);
            } else if (attribute == b"status" || attribute == b"result") && !is_neutral(value.raw(after_name)) {
                named.status = Some(value);
            }
        }
        named
    }

    /// Returns what the report says of the case's end, beside its elements.
    pub(super) fn status(&self) -> Option<&'t str> {
        self.status.map(|span| span.raw(self.text))
    }

    /// Returns the file the case stands in.
    pub(super) fn file(&self) -> Option<Cow<'t, str>> {
        attribute(self.text, "file")
    }

    /// Returns how long the case took, however its producer writes numbers.
    pub(super) fn duration(&self) -> Option<Duration> {
        duration(&attribute(self.text, "time")?)
    }

    /// Returns where the case stands in the sources, if the report says so.
    pub(super) fn location(&self, producer: Producer) -> Option<Location> {
        location(self.text, producer)
    }

    /// Returns suite and name of the case.
    ///
    /// The suite is the class name; where there is none, or it is the constant `test` that node writes, the names of the
    /// suites around it joined with ` > `; where it says the same as the name, nothing; where the suite around it is called
    /// the same as well, the case stands for that suite as a whole. For libtest's own JUnit it is that
    /// of the binary, if it is known, for the file names none, and the name is put together again from module path and
    /// function.
    pub(super) fn id<'a>(&self, enclosing: &Enclosing<'a>) -> (Cow<'a, str>, Cow<'a, str>)
    where
        't: 'a,
    {
        let text = self.text;
        let name = if self.name.raw(text).is_empty() { Cow::Borrowed(UNNAMED) } else { self.name.of(text) };
        let (suite, name) = match (self.classname.or(self.class), enclosing.producer) {
            (class, Producer::Libtest) => {
                let class = class.map(|class| class.of(text)).unwrap_or_default();
                (Cow::Borrowed(enclosing.binary), libtest_name(&class, name))
            }
            (None, _) => (Cow::Borrowed(enclosing.chain), name),
            (Some(class), Producer::MochaXunit | Producer::Pytest) => (class.of(text), name),
            (Some(class), Producer::MochaJunit) => mocha_id(class.of(text), name),
            (Some(class), _) if class.raw(text) == self.name.raw(text) && *enclosing.name == *name => {
                (name, Cow::Borrowed(TestId::SUITE))
            }
            (Some(class), _) if class.raw(text) == self.name.raw(text) => (Cow::Borrowed(""), trimmed(name)),
            // Node writes references twice into names.
            (Some(class), Producer::Unknown) if class.raw(text) == "test" => {
                (Cow::Borrowed(enclosing.chain), Cow::Owned(unescape(&name).into_owned()))
            }
            (Some(class), Producer::Go) if is_end_of_path(class.raw(text), enclosing.name) => {
                (Cow::Borrowed(enclosing.name), name)
            }
            (Some(class), _) => (self.namespaced(class), name),
        };
        if suite.len().max(name.len()) > NAME_BYTES_MAX {
            return (bounded(suite), bounded(name));
        }
        (suite, name)
    }

    /// Returns a class as its language spells it: PHPUnit states it both with backslashes and with dots.
    fn namespaced(&self, classname: Span) -> Cow<'t, str> {
        let dotted = classname.raw(self.text);
        let is_same = |class: &Span| {
            let class = class.raw(self.text);
            class.len() == dotted.len() && class.contains('\\') && class.replace('\\', ".") == dotted
        };
        self.class.filter(is_same).unwrap_or(classname).of(self.text)
    }
}

/// Returns where attributes say that something stands or happened.
pub(super) fn location(after_name: &str, producer: Producer) -> Option<Location> {
    let line = attribute(after_name, "line").or_else(|| attribute(after_name, "lineno"))?;
    let line = line.trim();
    let mut place = trace::place(&attribute(after_name, "file")?, line, None)?;
    // Pytest counts lines from 0, which the place of a line 0 is already corrected for.
    if producer == Producer::Pytest && line != "0" {
        place.line = place.line.saturating_add(1);
    }
    Some(place)
}

/// Puts libtest's name together again: its JUnit writer takes the path apart, differently by kind of test.
fn libtest_name<'a>(class: &str, name: Cow<'a, str>) -> Cow<'a, str> {
    match class {
        "crate" | "integration" | "unknown" | "" => name,
        file if Utf8Path::new(file).extension() == Some("rs") => Cow::Owned(format!("{file} - {name}")),
        module => Cow::Owned(format!("{module}::{name}")),
    }
}

/// Takes apart what `mocha-junit-reporter` writes: all titles of a test as its name and its own as its class, or the other
/// way round. Mocha's own reporters tell its title from those around it.
fn mocha_id<'a>(class: Cow<'a, str>, name: Cow<'a, str>) -> (Cow<'a, str>, Cow<'a, str>) {
    let outer = |all: &str, own: &str| all.strip_suffix(own).map(|outer| outer.trim_end().to_owned());
    match (outer(&name, &class), outer(&class, &name)) {
        (Some(suite), _) => (Cow::Owned(suite), class),
        (_, Some(suite)) => (Cow::Owned(suite), name),
        _ => (class, name),
    }
}

/// Tells whether a class is the last part of a package's path, to which some writers shorten it.
fn is_end_of_path(class: &str, package: &str) -> bool {
    package.strip_suffix(class).is_some_and(|path| path.ends_with('/'))
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// Cuts a name that is too long to be kept with each of its failures, so that different names stay different.
fn bounded(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let head = &name[..name.floor_char_boundary(NAME_BYTES_MAX)];
    Cow::Owned(format!("{head}… {:016x}", xxh3_64(name.as_bytes())))
}

fn is_neutral(status: &str) -> bool {
    matches!(status, "run" | "completed" | "")
}

/// Reads a number of seconds: `0.012`, `1,234.5`, `0,012`, `12ms`; `NaN`, `<<computed>>` and their like are none.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = match text.strip_suffix('s') {
        Some(text) => text.strip_suffix('m').map_or((text, 1.0), |text| (text, 1e-3)),
        None => (text, 1.0),
    };
    let is_grouped = |(whole, rest): (&str, &str)| rest.contains('.') || rest.len() == 3 && whole != "0";
    let seconds: f64 = match number.split_once(',') {
        None => number.trim_end().parse(),
        Some(parts) if is_grouped(parts) => number.replace(',', "").parse(),
        Some(_) => number.replace(',', ".").parse(),
    }
    .ok()?;
    Duration::try_from_secs_f64(seconds * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: &str, parts: &[(PartKind, &str)], outcome: Outcome) {
        let mut signs = Signs::default();
        for (kind, attributes) in parts {
            signs.add_part(*kind, attributes);
        }
        assert_eq!(judge(signs, Named::read(status).status()), Some(outcome), "{status} {parts:?}");
    }

    #[test]
    fn a_case_ends_as_the_status_rules_say() {
        use PartKind::{Error, Failure, FlakyAttempt, Output, Rerun, Skipped};
        check("", &[], Outcome::Passed);
        check("", &[(Output, ""), (Failure, "")], Outcome::Failed);
        check("", &[(Failure, ""), (Error, "")], Outcome::Errored);
        check("", &[(Skipped, ""), (Failure, "")], Outcome::Failed);
        check("", &[(Skipped, " type='todo'"), (Failure, "")], Outcome::Skipped);
        check("", &[(Failure, ""), (Skipped, " message='TEST_CASE tagged with !mayfail'")], Outcome::Skipped);
        check("", &[(FlakyAttempt, "")], Outcome::Passed);
        check("", &[(FlakyAttempt, ""), (Error, "")], Outcome::Errored);
        check("", &[(Rerun, "")], Outcome::Failed);
        check(" status='notrun' result='suppressed'", &[], Outcome::Skipped);
        check(" status='run' result='completed'", &[], Outcome::Passed);
        check(" status='failed'", &[], Outcome::Failed);
        check(" status='disabled'", &[(Failure, "")], Outcome::Failed);
    }

    #[test]
    fn where_the_markup_is_damaged_nothing_is_a_pass() {
        let mut signs = Signs::default();
        signs.add(Sign::Doubt);
        assert_eq!(judge(signs, None), None);
        assert_eq!(judge(signs, Some("skipped")), Some(Outcome::Skipped));
        signs.add(Sign::Failure);
        assert_eq!(judge(signs, None), Some(Outcome::Failed));
    }

    fn enclosing(producer: Producer) -> Enclosing<'static> {
        Enclosing { chain: "outer > a/inner", name: "a/inner", producer, binary: "alpha" }
    }

    #[track_caller]
    fn check_id(attributes: &str, producer: Producer, suite: &str, name: &str) {
        let named = Named::read(attributes);
        let (found_suite, found_name) = named.id(&enclosing(producer));
        assert_eq!((found_suite.as_ref(), found_name.as_ref()), (suite, name));
    }

    #[test]
    fn ids_agree_with_what_the_runner_calls_the_test() {
        use Producer::{Go, Libtest, MochaJunit, MochaXunit, Pytest, Unknown};
        check_id(" classname='a.B' name='c&amp;d'", Unknown, "a.B", "c&d");
        check_id(" name='c'", Unknown, "outer > a/inner", "c");
        check_id(" classname='test' name='it&amp;apos;s'", Unknown, "outer > a/inner", "it's");
        check_id(" classname='test' name='test_a'", Pytest, "test", "test_a");
        check_id(" classname='a.B' name=''", Unknown, "a.B", "[unnamed]");
        check_id(" classname=' top level' name=' top level'", Unknown, "", "top level");
        check_id(" class='My\\A' classname='My.A' name='t'", Unknown, "My\\A", "t");
        check_id(" class='A' name='t'", Unknown, "A", "t");
        check_id(" classname='inner' name='TestA'", Go, "a/inner", "TestA");
        check_id(" classname='b/inner' name='TestA'", Go, "b/inner", "TestA");
        check_id(" classname='cart' name='cart'", MochaXunit, "cart", "cart");
        check_id(" classname='adds' name='adds'", MochaJunit, "", "adds");
        check_id(" classname='adds' name='cart inner adds'", MochaJunit, "cart inner", "adds");
        check_id(" classname='cart inner adds' name='adds'", MochaJunit, "cart inner", "adds");
        check_id(" classname='tests::deep' name='a'", Libtest, "alpha", "tests::deep::a");
        check_id(" classname='integration' name='a'", Libtest, "alpha", "a");
        check_id(" classname='src/lib.rs' name='f (line 1)'", Libtest, "alpha", "src/lib.rs - f (line 1)");
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let long = "a".repeat(100_000);
        let (one, other) = (bounded(Cow::Borrowed(&long)), bounded(Cow::Owned(format!("{long}b"))));
        assert!(one != other && one.len() < 70_000);
    }

    #[test]
    fn durations_are_read_however_they_are_written() {
        let seconds = |text: &str| duration(text).map(|duration| duration.as_secs_f64());
        for (text, wanted) in [
            ("0.25", 0.25),
            ("1,234.5", 1234.5),
            ("1,234", 1234.0),
            ("0,125", 0.125),
            ("12,5", 12.5),
            ("250ms", 0.25),
            ("2s", 2.0),
            (" 3 ", 3.0),
            ("1e-2", 0.01),
        ] {
            assert_eq!(seconds(text), Some(wanted), "{text}");
        }
        for text in ["", "NaN", "<<computed>>", "-1", "inf", "1e300", "s", "1:02"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn pytests_lines_count_from_zero() {
        let line = |attributes: &str, producer| Named::read(attributes).location(producer).unwrap().line;
        assert_eq!(line("file='a.py' line='6'", Producer::Pytest), 7);
        assert_eq!(line("file='a.py' line='0'", Producer::Pytest), 1);
        assert_eq!(line("file='a.php' line='6'", Producer::Unknown), 6);
    }
}
