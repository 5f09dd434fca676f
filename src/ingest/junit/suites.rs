//! The suites that are open, and what they say of the cases in them.

use std::borrow::Cow;

use crate::ingest::cargo_text::suite;
use crate::ingest::junit::markup::{attributes, unescape};
use crate::ingest::junit::properties::Properties;
use crate::ingest::recorder::Recorder;
use crate::ingest::{Hints, nested_suite, suite_name};
use crate::model::Outcome;

/// Names of nested suites that are kept; the deepest real report has 13.
const CHAIN_MAX: usize = 64;

/// Number of ignored tests that libtest may have only counted; more are not believed.
const IGNORED_MAX: u64 = 1 << 20;

/// The attributes that Gradle writes into each suite, in its order.
const GRADLE: &[&str] = &["name", "tests", "skipped", "failures", "errors", "timestamp", "hostname", "time"];

/// Who wrote a suite, where that makes a difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Producer {
    /// Libtest: the class is a module path or a constant, no binary is named, and ignored tests are only counted.
    Libtest,
    /// Pytest: lines count from 0.
    Pytest,
    /// Mocha's own reporter.
    MochaXunit,
    /// The reporter `mocha-junit-reporter`.
    MochaJunit,
    /// What writes the report of `go test`: names are unique in a package, and each run of a test is a case.
    Go,
    /// Gradle: each attempt at a test is a case, unless it was told to merge them.
    Gradle,
    #[default]
    Unknown,
}

/// What the suites around a case say of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Enclosing<'a> {
    /// The names of the suites, outermost first, joined with ` > `.
    pub(super) chain: &'a str,
    /// The name of the innermost.
    pub(super) name: &'a str,
    pub(super) producer: Producer,
    /// The suite of libtest's binary, where it is known.
    pub(super) binary: &'a str,
}

/// Numbers that a suite's attributes state.
#[derive(Debug, Clone, Copy)]
struct Declared {
    tests: u64,
    red: u64,
    skipped: u64,
}

/// A suite that is open.
#[derive(Debug, Default)]
struct Suite {
    /// Names from the outermost suite to this one.
    chain: String,
    name: String,
    producer: Producer,
    file: Option<String>,
    properties: Properties,
    /// Cases read in it, nested ones included, and those of them that are red.
    n_cases: u64,
    n_red: u64,
    /// What its attributes say.
    declared: Option<Declared>,
    /// Whether no suite around it says as much.
    is_compared: bool,
    offset: u64,
}

/// The suites that are open, outermost first.
#[derive(Debug)]
pub(super) struct Suites {
    open: Vec<Suite>,
    /// Suites open beyond those whose names are kept.
    n_deeper: usize,
    /// The suite of results that name none: the hinted one, or that of the header cargo printed before the document.
    hinted: Option<String>,
    binary: String,
}

impl Suites {
    pub(super) fn new(hints: &Hints) -> Self {
        Self { open: Vec::new(), n_deeper: 0, hinted: hints.suite.clone(), binary: String::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Returns what they say of a case.
    pub(super) fn enclosing(&self) -> Enclosing<'_> {
        let binary = self.hinted.as_deref().unwrap_or(&self.binary);
        match self.open.last() {
            Some(suite) => Enclosing { chain: &suite.chain, name: &suite.name, producer: suite.producer, binary },
            None => Enclosing { binary, ..Enclosing::default() },
        }
    }

    pub(super) fn producer(&self) -> Producer {
        self.open.last().map(|suite| suite.producer).unwrap_or_default()
    }

    /// Reads the text before a document: its last line that is a header of cargo's names the binary that wrote it.
    pub(super) fn read_before(&mut self, text: &str) {
        let header = text.lines().rev().find_map(suite::of_header);
        self.binary = header.map(|(suite, _)| suite).unwrap_or_default();
    }

    /// Opens a suite.
    pub(super) fn open(&mut self, element: &str, after_name: &str, offset: u64) {
        if self.open.len() >= CHAIN_MAX {
            self.n_deeper += 1;
            return;
        }
        let read = Stated::read(after_name);
        let (parent, name) = (self.open.last(), unescape(read.name));
        let chain = nested_suite(parent.map(|parent| parent.chain.as_str()).unwrap_or_default(), &name);
        let producer = match read.producer(element) {
            Producer::Unknown => parent.map(|parent| parent.producer).unwrap_or_default(),
            producer => producer,
        };
        let is_declared = self.open.iter().any(|suite| suite.declared.is_some());
        let declared = read.declared();
        let name = suite_name(&name).to_owned();
        let file = read.file.map(|file| suite_name(&unescape(file)).to_owned());
        self.open.push(Suite {
            chain,
            name,
            producer,
            file,
            declared,
            is_compared: !is_declared,
            offset,
            ..Suite::default()
        });
    }

    /// Adds the properties of the innermost suite, as they stand in the file.
    pub(super) fn add_properties(&mut self, raw: &str) {
        let Some(suite) = self.open.last_mut().filter(|_| self.n_deeper == 0) else { return };
        suite.properties.read(raw);
        if suite.producer == Producer::Unknown && suite.properties.value("go.version").is_some() {
            suite.producer = Producer::Go;
        }
    }

    /// Adds what the suites say of a case to its own properties, the innermost first.
    pub(super) fn add_to(&self, properties: &mut Properties, file: Option<Cow<'_, str>>) {
        let of_suite = || self.open.iter().rev().find_map(|suite| suite.file.as_deref()).map(Cow::Borrowed);
        if let Some(file) = file.or_else(of_suite) {
            properties.add("file", &file);
        }
        self.open.iter().rev().for_each(|suite| properties.extend(&suite.properties));
    }

    /// Tells whether the innermost suite says that nothing in it failed.
    pub(super) fn declare_no_failure(&self) -> bool {
        self.open.last().and_then(|suite| suite.declared).is_some_and(|declared| declared.red == 0)
    }

    /// Counts a case in the innermost suite; tells whether there is one.
    pub(super) fn count(&mut self, outcome: Outcome) -> bool {
        let Some(suite) = self.open.last_mut() else { return false };
        suite.n_cases += 1;
        suite.n_red += u64::from(outcome.is_red());
        true
    }

    /// Counts a failure of the innermost suite itself.
    pub(super) fn count_own_failure(&mut self) {
        if let Some(suite) = self.open.last_mut() {
            suite.n_red += 1;
        }
    }

    /// Closes the innermost suite.
    pub(super) fn close(&mut self, to: &mut Recorder) {
        if self.n_deeper > 0 {
            self.n_deeper -= 1;
            return;
        }
        let Some(mut suite) = self.open.pop() else { return };
        suite.count_ignored(to);
        if let Some(parent) = self.open.last_mut() {
            parent.n_cases += suite.n_cases;
            parent.n_red += suite.n_red;
        }
        suite.compare(to);
    }

    /// Ends all whose ends are missing; tells whether any was open.
    pub(super) fn abandon(&mut self, to: &mut Recorder) -> bool {
        self.n_deeper = 0;
        let was_open = !self.open.is_empty();
        self.open.drain(..).for_each(|mut suite| suite.count_ignored(to));
        was_open
    }
}

impl Suite {
    /// Counts the ignored tests that libtest does not list, if its numbers come out right with them.
    fn count_ignored(&mut self, to: &mut Recorder) {
        let Some(declared) = self.declared.filter(|_| self.producer == Producer::Libtest) else { return };
        let is_right = self.n_cases.checked_add(declared.skipped) == Some(declared.tests);
        if is_right && declared.skipped <= IGNORED_MAX {
            to.count_unnamed(Outcome::Skipped, declared.skipped);
            self.n_cases = declared.tests;
        }
    }

    /// Complains where the suite's attributes say something else than its cases.
    fn compare(&self, to: &mut Recorder) {
        let Some(Declared { tests, red, .. }) = self.declared.filter(|_| self.is_compared) else { return };
        let (n_cases, n_red) = (self.n_cases, self.n_red);
        let whose = if self.chain.is_empty() { "the report".to_owned() } else { format!("suite {:?}", self.chain) };
        if red > 0 && n_cases == 0 {
            return to.complain(self.offset, format!("{whose} declares {red} failed but lists no test case"));
        }
        if tests != n_cases {
            to.complain(self.offset, format!("{whose} declares {tests} test cases but lists {n_cases}"));
        }
        if red > n_red {
            to.complain(self.offset, format!("{whose} declares {red} failed but lists {n_red}"));
        }
    }
}

/// The attributes of a suite that are read, as they stand in the file.
#[derive(Debug, Default)]
struct Stated<'t> {
    name: &'t str,
    package: Option<&'t str>,
    file: Option<&'t str>,
    tests: Option<u64>,
    red: u64,
    skipped: u64,
    is_gradle: bool,
}

impl<'t> Stated<'t> {
    fn read(after_name: &'t str) -> Self {
        let mut stated = Self::default();
        let mut order = GRADLE.iter();
        let mut is_in_order = true;
        for (name, value) in attributes(after_name) {
            is_in_order &= order.next() == Some(&name);
            let number = || value.trim().parse::<u64>().ok();
            match name {
                "name" => stated.name = value,
                "package" => stated.package = Some(value),
                "file" => stated.file = Some(value),
                "tests" => stated.tests = number(),
                "failures" | "errors" => stated.red = stated.red.saturating_add(number().unwrap_or(0)),
                "skipped" => stated.skipped = number().unwrap_or(0),
                _ => {}
            }
        }
        stated.is_gradle = is_in_order && order.next().is_none();
        stated
    }

    fn producer(&self, element: &str) -> Producer {
        match (self.name, element) {
            ("test", _) if self.package == Some("test") => Producer::Libtest,
            ("pytest", _) => Producer::Pytest,
            ("Mocha Tests", "testsuite") => Producer::MochaXunit,
            ("Mocha Tests", _) => Producer::MochaJunit,
            _ if self.is_gradle => Producer::Gradle,
            _ => Producer::Unknown,
        }
    }

    fn declared(&self) -> Option<Declared> {
        Some(Declared { tests: self.tests?, red: self.red, skipped: self.skipped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(tags: &[(&str, &str)]) -> Suites {
        let mut suites = Suites::new(&Hints::default());
        for (element, attributes) in tags {
            suites.open(element, attributes, 0);
        }
        suites
    }

    #[test]
    fn producers_are_known_by_what_only_they_write() {
        let gradle = "name='a.B' tests='1' skipped='0' failures='0' errors='0' timestamp='2026' hostname='h' time='0'";
        for (tags, producer) in [
            (&[("testsuites", ""), ("testsuite", " name='test' package='test' id='0'")][..], Producer::Libtest),
            (&[("testsuites", " name='pytest tests'"), ("testsuite", " name='pytest'")], Producer::Pytest),
            (&[("testsuite", " name='Mocha Tests'")], Producer::MochaXunit),
            (&[("testsuites", " name='Mocha Tests'"), ("testsuite", " name='cart'")], Producer::MochaJunit),
            (&[("testsuite", gradle)], Producer::Gradle),
            (&[("testsuite", " tests='1' name='test' time='0'")], Producer::Unknown),
        ] {
            assert_eq!(opened(tags).producer(), producer, "{tags:?}");
        }
        let mut go = opened(&[("testsuites", ""), ("testsuite", " name='a/b'")]);
        go.add_properties("<property name='go.version' value='1.22'/>");
        assert_eq!(go.enclosing().producer, Producer::Go);
    }

    #[test]
    fn properties_are_those_of_all_suites_the_innermost_first() {
        let mut suites = opened(&[("testsuites", " file='outer'")]);
        suites.add_properties("<property name='a' value='1'/>");
        suites.open("testsuite", " file='inner'", 0);
        suites.add_properties("<property name='b' value='2'/>");
        let mut properties = Properties::default();
        properties.add("own", "0");
        suites.add_to(&mut properties, None);
        let names: Vec<_> = properties.into_list().into_iter().map(|(name, value)| name + "=" + &value).collect();
        assert_eq!(names, ["own=0", "file=inner", "b=2", "a=1"]);
    }

    #[test]
    fn the_last_header_before_a_document_names_its_binary() {
        let mut suites = opened(&[]);
        suites.read_before("   Doc-tests beta\n     Running tests/a.rs (target/debug/deps/a-0123456789abcdef)\nhi\n");
        assert_eq!(suites.enclosing().binary, "a");
        suites.read_before("hi\n");
        assert_eq!(suites.enclosing().binary, "");
    }
}
