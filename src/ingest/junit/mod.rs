//! JUnit XML, as it is really written: by two dozen producers that follow no common schema.
//!
//! The reader walks the elements wherever they stand and counts cases, never attributes. A damaged or truncated file
//! yields the cases that are whole; several documents in one file yield all of theirs. Document types are skipped,
//! declared entities stay unexpanded, and depth costs nothing.

mod case;
pub(super) mod markup;

use std::io::BufRead;
use std::sync::LazyLock;

use memchr::{memchr, memchr_iter, memmem};
use quick_xml::Reader as Events;
use quick_xml::events::{BytesStart, Event};
use regex::Regex;

use crate::ingest::junit::case::{Case, Enclosing, Named, Part, PartKind};
use crate::ingest::junit::markup::{attribute, attributes};
use crate::ingest::recorder::Recorder;
use crate::ingest::{Collected, Format, Hints, Likeness, Reader, nested_suite, pattern};
use crate::model::{Outcome, TestCase, TestId};

/// JUnit XML.
pub(super) struct Junit;

/// The name of the case that stands for a failure of a whole suite, outside any case.
const SUITE: &str = "[suite]";

/// Names of nested suites that are kept; the deepest real report has 13.
const CHAIN_MAX: usize = 64;

/// Number of times reading is taken up again after damage.
const RESUMPTIONS_MAX: usize = 100;

impl Format for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let start = beginning(text).ok_or("there is no <testsuite> or <testcase> element")?;
        let is_first = text[..start].trim().is_empty();
        Ok(if is_first { Likeness::Certain } else { Likeness::Likely })
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Collected::reader(hints, read)
    }
}

fn read(text: &str, hints: &Hints, reading: &mut Recorder) {
    let mut walk = Walk::new(text, hints, reading);
    let mut start = beginning(text).unwrap_or(text.len());
    for _ in 0..=RESUMPTIONS_MAX {
        let Some(damage) = walk.run_from(start) else { return walk.end_document(text.len()) };
        walk.abandon_case(damage.offset);
        walk.reading.complain(damage.offset as u64, damage.reason);
        start = resumption(text, damage.offset);
    }
    walk.reading.complain(start as u64, "the file is damaged in too many places; the rest is left out");
}

/// The start of a tag that only a JUnit report has, with any namespace prefix.
static ELEMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"<(?:[\w.-]+:)?test(?:suites?|case)[\s/>]"));

/// Returns where the first document begins: at its declaration, if there is one before its first element.
fn beginning(text: &str) -> Option<usize> {
    let element = ELEMENT.find(text)?.start();
    Some(memmem::find(&text.as_bytes()[..element], b"<?xml").unwrap_or(element))
}

/// Returns the next place after damage where reading can be taken up again.
fn resumption(text: &str, damage: usize) -> usize {
    let from = text.ceil_char_boundary(damage.saturating_add(1));
    let tags = ["<testcase", "</testcase>", "<testsuite", "</testsuite", "<?xml"];
    let rest = &text.as_bytes()[from..];
    tags.iter().filter_map(|tag| memmem::find(rest, tag.as_bytes())).min().map_or(text.len(), |next| from + next)
}

/// A place where the markup cannot be read on.
struct Damage {
    offset: usize,
    reason: String,
}

/// A suite that is open.
#[derive(Default)]
struct Suite {
    /// Names from the outermost suite to this one.
    chain: String,
    is_libtest: bool,
    /// Cases read in it, nested ones included.
    n_cases: u64,
    /// What its attributes say, kept only where no suite around it says it as well.
    declared: Option<Declared>,
    offset: usize,
}

/// Numbers that a suite's attributes state.
#[derive(Clone, Copy)]
struct Declared {
    tests: u64,
    red: u64,
}

/// An element inside a case, or beside one, whose end is awaited.
struct OpenPart<'t> {
    /// Its name as written, with any prefix.
    name: &'t str,
    kind: PartKind,
    attributes: &'t str,
    content_start: usize,
    /// Elements open inside it.
    depth: usize,
}

impl OpenPart<'_> {
    /// Returns where the end tag of captured output begins, or where its content does if there is none.
    fn end_of_output(&self, text: &str) -> usize {
        let bytes = text.as_bytes();
        let mut at = self.content_start;
        while let Some(distance) = memchr(b'<', &bytes[at..]) {
            at += distance;
            let tag = &bytes[at..];
            if tag.starts_with(b"</") && tag[2..].starts_with(self.name.as_bytes()) {
                return at;
            }
            let is_end = |end: &usize| tag[..*end].ends_with(b"]]");
            let is_cdata = tag.starts_with(b"<![CDATA[");
            at += if is_cdata { memchr_iter(b'>', tag).find(is_end).unwrap_or(tag.len()) } else { 1 };
        }
        self.content_start
    }
}

struct Walk<'t, 'r> {
    text: &'t str,
    hints: &'r Hints,
    reading: &'r mut Recorder,
    suites: Vec<Suite>,
    /// Suites open beyond those whose names are kept.
    n_deeper: usize,
    /// The open case, and where it began.
    case: Option<usize>,
    /// What is known of the open case; kept between cases for its memory.
    current: Case<'t>,
    part: Option<OpenPart<'t>>,
}

impl<'t, 'r> Walk<'t, 'r> {
    fn new(text: &'t str, hints: &'r Hints, reading: &'r mut Recorder) -> Self {
        let suites = Vec::new();
        Self { text, hints, reading, suites, n_deeper: 0, case: None, current: Case::default(), part: None }
    }

    /// Reads on from `start` to the end, or to the first damage.
    fn run_from(&mut self, start: usize) -> Option<Damage> {
        let mut start = start;
        let mut reader = reader(&self.text[start..]);
        loop {
            let now = start + position(&reader);
            let at = self.ahead(now);
            if self.text[at..].starts_with('<') {
                reader.stream().consume(at - now);
            } else if at > now {
                (start, reader) = (at, self::reader(&self.text[at..]));
            }
            match reader.read_event() {
                Ok(Event::Start(tag)) => self.start(&tag, at, start + position(&reader)),
                Ok(Event::Empty(tag)) => self.empty(&tag, at),
                Ok(Event::End(tag)) => self.end(tag.local_name().as_ref(), at),
                Ok(Event::Decl(_)) => self.end_document(at),
                Ok(Event::Eof) => return None,
                Ok(_) => {}
                Err(error) => {
                    let offset = start + usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
                    return Some(Damage { offset: offset.clamp(at, self.text.len()), reason: reason(&error) });
                }
            }
        }
    }

    /// Returns the place, at `at` or after it, up to which no events are needed.
    fn ahead(&mut self, at: usize) -> usize {
        match &self.part {
            Some(part) if part.kind == PartKind::Output && part.content_start == at => part.end_of_output(self.text),
            Some(_) => at,
            None => self.read_empty_cases(at),
        }
    }

    /// Reads cases from `at` on until one has content: those that are an empty tag each, as most that pass are, need no
    /// events. Returns where it stopped, past white space.
    fn read_empty_cases(&mut self, at: usize) -> usize {
        let mut rest = &self.text[at..];
        while self.case.is_none() {
            let Some(after_name) = rest.strip_prefix("<testcase ") else { break };
            let mut attributes = attributes(after_name);
            let named = Named::read_from(&mut attributes);
            let end = attributes.rest().trim_ascii_start();
            let Some(after) = end.strip_prefix("/>").or(end.strip_prefix('>')) else { break };
            let is_empty = end.starts_with('/');
            (self.case, self.current.named) = (Some(self.text.len() - rest.len()), named);
            if is_empty {
                self.close_case();
            }
            rest = after.trim_ascii_start();
        }
        self.text.len() - rest.len()
    }

    /// Returns what stands in a tag after its name.
    fn after_name(&self, tag: &BytesStart<'_>, at: usize) -> &'t str {
        self.text.get(at + 1 + tag.name().as_ref().len()..at + 1 + tag.len()).unwrap_or_default()
    }

    fn start(&mut self, tag: &BytesStart<'_>, at: usize, content_start: usize) {
        if let Some(part) = &mut self.part {
            part.depth += 1;
            return;
        }
        let attributes = self.after_name(tag, at);
        match (tag.local_name().as_ref(), self.case) {
            (b"testsuite" | b"testsuites", _) => self.open_suite(attributes, at),
            (b"testcase", open) => {
                if open.is_some() {
                    self.abandon_case(at);
                }
                self.case = Some(at);
                self.current.named = Named::read(attributes);
            }
            (name, open) if open.is_some() || PartKind::of(name) != PartKind::Other => {
                let (kind, name) = (PartKind::of(name), &self.text[at + 1..at + 1 + tag.name().as_ref().len()]);
                self.part = Some(OpenPart { name, kind, attributes, content_start, depth: 0 });
            }
            _ => {}
        }
    }

    fn empty(&mut self, tag: &BytesStart<'_>, at: usize) {
        if self.part.is_some() {
            return;
        }
        let attributes = self.after_name(tag, at);
        match (tag.local_name().as_ref(), self.case) {
            (b"testsuite" | b"testsuites", _) => {
                self.open_suite(attributes, at);
                self.close_suite();
            }
            (b"testcase", _) => {
                self.start(tag, at, at);
                self.close_case();
            }
            (name, Some(_)) => self.current.parts.push(Part { kind: PartKind::of(name), attributes, content: "" }),
            (name @ (b"failure" | b"error"), None) => {
                self.fail_suite(Part { kind: PartKind::of(name), attributes, content: "" });
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &[u8], at: usize) {
        let closes_case = matches!(name, b"testcase" | b"testsuite" | b"testsuites");
        if let Some(part) = &mut self.part {
            if part.depth > 0 && !closes_case {
                part.depth -= 1;
                return;
            }
            self.close_part(at);
            if !closes_case {
                return;
            }
        }
        if closes_case && self.case.is_some() {
            self.close_case();
        }
        if matches!(name, b"testsuite" | b"testsuites") {
            self.close_suite();
        }
    }

    fn close_part(&mut self, content_end: usize) {
        let Some(part) = self.part.take() else { return };
        let content = self.text.get(part.content_start..content_end).unwrap_or_default();
        let part = Part { kind: part.kind, attributes: part.attributes, content };
        match self.case {
            Some(_) => self.current.parts.push(part),
            None if matches!(part.kind, PartKind::Failure | PartKind::Error) => self.fail_suite(part),
            None => {}
        }
    }

    fn close_case(&mut self) {
        if let Some(at) = self.case.take() {
            self.conclude(at);
            self.current.parts.clear();
        }
    }

    /// Records the case that has been read, and which began at `at`.
    fn conclude(&mut self, at: usize) {
        let outcome = case::judge(&self.current);
        let (suite, name) = self.current.named.id(enclosing(&self.suites), self.hints);
        if outcome.is_red() {
            let failure = case::failure(TestId::new(suite, name), &self.current, self.hints);
            self.reading.fail(outcome, failure);
        } else {
            self.reading.tally(&suite, &name, outcome);
        }
        match self.suites.last_mut() {
            Some(suite) => suite.n_cases += 1,
            None => self.reading.complain(at as u64, "a test case stands outside any suite"),
        }
    }

    /// Ends a case whose end cannot be read: it counts if it is known to be red, else nothing is known of it.
    fn abandon_case(&mut self, at: usize) {
        let Some(start) = self.case else { return };
        self.close_part(at);
        if case::judge(&self.current).is_red() {
            self.reading.complain(start as u64, "a failing test case has no end; what is there of it is kept");
            self.close_case();
        } else {
            self.reading.complain(start as u64, "a test case has no end; it is left out, for how it ended is unknown");
            self.case = None;
            self.current.parts.clear();
        }
    }

    /// Records a failure of a whole suite, such as in its setup, as a case of its own.
    fn fail_suite(&mut self, part: Part<'t>) {
        let suite = enclosing(&self.suites).chain.to_owned();
        let case = Case { named: Named::default(), parts: vec![part] };
        let failure = case::failure(TestId::new(suite, SUITE), &case, self.hints);
        let id = failure.id.clone();
        let outcome = Outcome::Errored;
        self.reading.record(TestCase { id, outcome, duration: None, failure: Some(failure) });
    }

    fn open_suite(&mut self, after_name: &str, offset: usize) {
        if self.suites.len() >= CHAIN_MAX {
            self.n_deeper += 1;
            return;
        }
        let parent = self.suites.last();
        let name = attribute(after_name, "name").unwrap_or_default();
        let chain = nested_suite(parent.map(|parent| parent.chain.as_str()).unwrap_or_default(), &name);
        let is_libtest = name == "test" && attribute(after_name, "package").is_some_and(|package| package == "test");
        let is_declared = self.suites.iter().any(|suite| suite.declared.is_some());
        let declared = if is_declared { None } else { declared(after_name) };
        self.suites.push(Suite { chain, is_libtest, n_cases: 0, declared, offset });
    }

    fn close_suite(&mut self) {
        if self.n_deeper > 0 {
            self.n_deeper -= 1;
            return;
        }
        let Some(suite) = self.suites.pop() else { return };
        if let Some(parent) = self.suites.last_mut() {
            parent.n_cases += suite.n_cases;
        }
        let Some(Declared { tests, red }) = suite.declared else { return };
        let whose = if suite.chain.is_empty() { "the report".to_owned() } else { format!("suite {:?}", suite.chain) };
        if red > 0 && suite.n_cases == 0 {
            self.reading.complain(suite.offset as u64, format!("{whose} declares {red} failed but lists no test case"));
        } else if tests != suite.n_cases {
            let n_cases = suite.n_cases;
            self.reading
                .complain(suite.offset as u64, format!("{whose} declares {tests} test cases but lists {n_cases}"));
        }
    }

    /// Ends what the end of a document leaves open.
    fn end_document(&mut self, at: usize) {
        self.abandon_case(at);
        self.part = None;
        self.n_deeper = 0;
        if !self.suites.is_empty() {
            self.suites.clear();
            self.reading.complain(
                at as u64,
                "the document ends inside a suite; what it would have listed after that is unknown",
            );
        }
    }
}

/// Makes a reader that takes what is there; elements are matched up here.
fn reader(text: &str) -> Events<&[u8]> {
    let mut reader = Events::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    reader
}

fn position(reader: &Events<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn enclosing(suites: &[Suite]) -> Enclosing<'_> {
    match suites.last() {
        Some(suite) => Enclosing { chain: &suite.chain, is_libtest: suite.is_libtest },
        None => Enclosing::default(),
    }
}

/// Reads the numbers a suite states, if it states the number of its tests.
fn declared(after_name: &str) -> Option<Declared> {
    let mut tests = None;
    let mut red = 0_u64;
    for (name, value) in attributes(after_name) {
        let number = || value.trim().parse::<u64>();
        match name {
            "tests" => tests = number().ok(),
            "failures" | "errors" => red = red.saturating_add(number().unwrap_or(0)),
            _ => {}
        }
    }
    Some(Declared { tests: tests?, red })
}

/// Says what is wrong with the markup.
fn reason(error: &quick_xml::Error) -> String {
    format!("the markup is damaged: {error}")
}

#[cfg(test)]
mod tests;
