//! What CI systems put into a job's log around the lines that were printed, so that the formats find these as they were.
//!
//! It reads prefixes of lines and the marks of sections, not commands: groups and annotations stay in the text as lines
//! of nobody's format. CircleCI and Bitbucket put nothing into theirs; the time stamps of Buildkite are control sequences,
//! which `ansi` takes out.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::{memchr, memmem};
use regex::Regex;

use crate::ingest::pattern;

/// Lines at the beginning of a log that are looked at.
const LINES_MAX: usize = 40;

/// The mark before what `gh run view --log` prints of a step, and before a downloaded log.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A prefix that every line of a log has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix {
    shape: Shape,
    /// The stream whose line is the latest, where streams are numbered.
    stream: Option<Stream>,
}

/// Number and kind of a stream of GitLab's, as printed: `00O`, `01E`.
type Stream = [u8; 3];

/// Takes a prefix off a line.
type Shape = fn(&str) -> Option<Stripped<'_>>;

/// A line without its prefix.
#[derive(Debug, Clone, Copy)]
struct Stripped<'t> {
    text: &'t str,
    stream: Option<Stream>,
    /// Whether it goes on where the latest line of its stream ended.
    continues: bool,
}

impl<'t> Stripped<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, stream: None, continues: false }
    }
}

/// The shapes, the stricter first.
const SHAPES: [Shape; 4] = [gitlab, github, jenkins, teamcity];

/// Where a section begins or ends: GitLab's `section_start:1716382800:name[collapsed=true]\r`, Travis' `travis_fold:start:x\r`.
static SECTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:section_(?:start|end):[0-9]+:[^\r\n]*|travis_(?:fold|time):[^\r\n]*)\r"));

impl Prefix {
    /// Finds the prefix that most of the first lines have.
    pub(super) fn find(head: &str) -> Option<Self> {
        let lines: Vec<_> = head.lines().take(LINES_MAX).filter(|line| !line.is_empty()).collect();
        let is_of_most = |shape: &Shape| {
            let n = lines.iter().filter(|line| shape(line).is_some()).count();
            n > 0 && n * 4 >= lines.len() * 3
        };
        SHAPES.into_iter().find(is_of_most).map(|shape| Self { shape, stream: None })
    }

    /// Returns a line without it, and whether that goes on where the line before ended.
    pub(super) fn strip<'t>(&mut self, line: &'t str) -> (&'t str, bool) {
        let Some(Stripped { text, stream, continues }) = (self.shape)(line) else { return (line, false) };
        let goes_on = continues && stream == self.stream;
        self.stream = stream;
        (text, goes_on)
    }
}

/// Takes the marks of sections out of a text without control sequences.
pub(super) fn without_sections(text: Cow<'_, str>) -> Cow<'_, str> {
    let has = |word: &str| memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    if !has("section_") && !has("travis_") {
        return text;
    }
    match SECTION.replace_all(&text, "") {
        Cow::Owned(text) => Cow::Owned(text),
        Cow::Borrowed(_) => text,
    }
}

/// GitHub's and Azure's raw logs: `2024-05-01T12:00:00.1234567Z text`; of `gh run view --log`, the job's and the step's
/// names stand before it.
fn github(line: &str) -> Option<Stripped<'_>> {
    let unmarked = |line: &str| line.strip_prefix(BYTE_ORDER_MARK).map_or(0, |_| BYTE_ORDER_MARK.len());
    let stripped = |line: &str| {
        let rest = timestamp(&line[unmarked(line)..])?;
        Some(line.len() - rest.strip_prefix(' ').unwrap_or(rest).len())
    };
    if let Some(n) = stripped(line) {
        return Some(Stripped::new(&line[n..]));
    }
    let job = memchr(b'\t', line.as_bytes())?;
    let step = job + 1 + memchr(b'\t', &line.as_bytes()[job + 1..])?;
    let columns = step + 1;
    let n = stripped(&line[columns..])?;
    Some(Stripped::new(&line[columns + n..]))
}

/// GitLab's logs with time stamps: `2024-05-01T12:00:00.123456Z 00O text`, where a `+` for the last space says that a
/// line goes on.
fn gitlab(line: &str) -> Option<Stripped<'_>> {
    let rest = timestamp(line)?;
    let [b' ', high, low, kind @ (b'O' | b'E'), flag @ (b' ' | b'+'), ..] = rest.as_bytes() else { return None };
    let is_number = high.is_ascii_hexdigit() && low.is_ascii_hexdigit();
    is_number.then(|| Stripped { text: &rest[5..], stream: Some([*high, *low, *kind]), continues: *flag == b'+' })
}

/// Jenkins' timestamper: `[2024-05-01T12:00:00.123Z] text`.
fn jenkins(line: &str) -> Option<Stripped<'_>> {
    let rest = timestamp(line.strip_prefix('[')?)?;
    let rest = rest.strip_prefix(']')?;
    Some(Stripped::new(rest.strip_prefix(' ').unwrap_or(rest)))
}

/// TeamCity's logs: `[12:00:00]W:\t [Step 1/2] text`, without a step outside of all.
fn teamcity(line: &str) -> Option<Stripped<'_>> {
    let rest = clock(line.strip_prefix('[')?)?.strip_prefix(']')?;
    let rest = rest.strip_prefix([' ', 'i', 'W', 'E', 'F'])?.strip_prefix(':')?;
    let inner = rest.trim_start_matches('\t');
    let (outer, inner) = (rest.strip_prefix(' '), inner.strip_prefix(" [").filter(|_| inner.len() < rest.len()));
    let Some((_, text)) = inner.and_then(|inner| inner.split_once(']')) else { return outer.map(Stripped::new) };
    Some(Stripped::new(text.strip_prefix(' ').unwrap_or(text)))
}

/// Takes `2024-05-01T12:00:00.123Z` off the beginning of a line; the zone may be another.
fn timestamp(line: &str) -> Option<&str> {
    let date = line.as_bytes().get(..11)?;
    let is_date = date.iter().zip(b"dddd-dd-ddT").all(|(byte, shape)| is_of_shape(*byte, *shape));
    let rest = clock(line.get(11..).filter(|_| is_date)?)?;
    let rest =
        rest.strip_prefix('.').map_or(rest, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
    rest.strip_prefix('Z').or_else(|| zone(rest))
}

/// Takes `+02:00` or `+0200` off the beginning of a text.
fn zone(text: &str) -> Option<&str> {
    let two_digits = |text: &str| text.len() >= 2 && text.bytes().take(2).all(|byte| byte.is_ascii_digit());
    let hours = text.strip_prefix(['+', '-']).filter(|hours| two_digits(hours))?;
    let minutes = hours[2..].strip_prefix(':').unwrap_or(&hours[2..]);
    two_digits(minutes).then(|| &minutes[2..])
}

/// Takes `12:00:00` off the beginning of a text.
fn clock(text: &str) -> Option<&str> {
    let time = text.as_bytes().get(..8)?;
    let is_time = time.iter().zip(b"dd:dd:dd").all(|(byte, shape)| is_of_shape(*byte, *shape));
    text.get(8..).filter(|_| is_time)
}

fn is_of_shape(byte: u8, shape: u8) -> bool {
    if shape == b'd' { byte.is_ascii_digit() } else { byte == shape }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, stripped: &str) {
        let mut prefix = Prefix::find(&format!("{line}\n")).unwrap_or_else(|| panic!("no prefix in {line}"));
        assert_eq!(prefix.strip(line), (stripped, false));
    }

    #[test]
    fn the_prefixes_of_ci_systems_are_taken_off() {
        check("2024-05-01T12:00:00.1234567Z running 3 tests", "running 3 tests");
        check("2024-05-01T12:00:00.1234567Z   indented", "  indented");
        check("2024-05-01T12:00:00.1234567Z", "");
        check("\u{feff}2024-05-01T12:00:00.1234567Z ##[group]Run", "##[group]Run");
        check("build\tRun cargo test\t2024-05-01T12:00:00.1234567Z ok 1", "ok 1");
        check("build\tRun cargo test\t\u{feff}2024-05-01T12:00:00.1234567Z ok 1", "ok 1");
        check("2024-05-01T12:00:00.123456Z 00O     indented", "    indented");
        check("2024-05-01T12:00:00.123456Z 0fE not ok 1", "not ok 1");
        check("[2024-05-01T12:00:00.123Z] not ok 1", "not ok 1");
        check("[2024-05-01T12:00:00+02:00] not ok 1", "not ok 1");
        check("[12:00:00]W:\t [Step 1/2] not ok 1", "not ok 1");
        check("[12:00:00] :\t\t [deeper]   indented", "  indented");
        check("[12:00:00]i: Build started", "Build started");
    }

    #[test]
    fn a_log_with_a_few_dates_has_no_prefix() {
        let log = "starting\n2024-05-01T12:00:00.1234567Z INFO up\nrunning 1 test\ntest a ... ok\n";
        assert!(Prefix::find(log).is_none());
        for line in ["2024-05-01 12:00:00 x", "2024-05-01T12:00", "[12:00] x", "1..4", "", "2024-05-01T12:00:00+2 x"] {
            assert!(Prefix::find(line).is_none(), "{line}");
        }
    }

    #[test]
    fn a_line_without_the_prefix_stays_whole() {
        let mut prefix = Prefix::find("2024-05-01T12:00:00.1Z a\n").unwrap();
        assert_eq!(prefix.strip("continued"), ("continued", false));
    }

    #[test]
    fn a_line_goes_on_only_in_its_own_stream() {
        let mut prefix = Prefix::find("2024-05-01T12:00:00.123456Z 00O a\n").unwrap();
        let mut strip = |stream: &str| prefix.strip(&format!("2024-05-01T12:00:00.123456Z {stream}x")).1;
        assert_eq!(["00O ", "00O+", "01O+", "01E ", "01E+"].map(&mut strip), [false, true, false, false, true]);
    }

    #[test]
    fn marks_of_sections_are_taken_out() {
        let check = |text: &'static str, clean: &str| assert_eq!(without_sections(Cow::Borrowed(text)), clean);
        check("section_start:1716382800:step_script\rExecuting\n", "Executing\n");
        check("section_end:1716382800:a\rsection_start:1716382801:b[collapsed=true]\rok 1\r\n", "ok 1\r\n");
        check("travis_fold:start:script.1\rtravis_time:start:0a1\r$ npm test\n", "$ npm test\n");
        check("section_a: 1\r\nsection_start:x\n", "section_a: 1\r\nsection_start:x\n");
    }

    proptest! {
        #[test]
        fn any_line_is_stripped_without_a_panic(line in "[0-9é\\[\\]TZ:.+ \t-]{0,40}") {
            for shape in SHAPES {
                let _ = shape(&line);
            }
        }
    }
}
