//! The failure sections of a block: what libtest captured of each failed test.
//!
//! A captured output may hold lines that look like the header of another section, so a header is believed of tests known
//! to have failed, and once a stream. Where not all failed tests are known yet, a header is believed until they are.

use std::collections::{HashMap, HashSet};

use crate::ingest::capture::{Allowance, Capture};
use crate::ingest::source::Line;

/// Sections that are opened for tests not known to have failed; more than a test prints of another log.
const DOUBTED_MAX: usize = 10_000;

#[derive(Debug)]
struct Section {
    name: String,
    header: String,
    /// The section in whose text it stands.
    outer: Option<usize>,
    start: u64,
    end: u64,
    text: Capture,
}

/// What is known of the sections so far.
#[derive(Debug)]
pub(super) struct Sections {
    allowance: Allowance,
    list: Vec<Section>,
    /// The headers that were believed.
    headers: HashSet<String>,
    n_doubted: usize,
    current: Option<usize>,
    /// The section from which on all may belong to others.
    end: Option<usize>,
}

/// What was captured of a failed test, and where its sections stand.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) text: String,
    pub(super) lines: (u64, u64),
}

/// Whether a test failed, as far as that is known while sections are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    Yes,
    No,
    /// Not all failed tests are known yet.
    Perhaps,
}

impl Sections {
    pub(super) fn new(allowance: Allowance) -> Self {
        Self { allowance, list: Vec::new(), headers: HashSet::new(), n_doubted: 0, current: None, end: None }
    }

    /// Takes a line of this part of the block.
    pub(super) fn line(&mut self, line: &Line<'_>, failing: impl Fn(&str) -> Failing) {
        if let Some(name) = header(line.text)
            && self.is_believed(line.text, failing(name))
        {
            self.open(line, name);
        } else if let Some(current) = self.current.and_then(|current| self.list.get_mut(current)) {
            current.text.push_line(line.text);
            current.end = line.offset + line.text.len() as u64;
        }
    }

    /// Says that the sections end before these lines, at `offset`, unless more of the block comes after all.
    pub(super) fn end(&mut self, lines: &str, offset: u64) {
        self.end = Some(self.list.len());
        let outer = self.current.replace(self.list.len());
        let (name, header, text) = (String::new(), lines.to_owned(), self.allowance.capture());
        self.list.push(Section { name, header, outer, start: offset, end: offset, text });
    }

    /// Tells whether an end was found.
    pub(super) fn is_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Leaves out what may belong to others.
    pub(super) fn cut(&mut self) {
        if let Some(end) = self.end.take() {
            self.list.truncate(end);
        }
    }

    /// Forgets all sections.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.allowance.clone());
    }

    fn is_believed(&mut self, header: &str, failing: Failing) -> bool {
        let may_be = match failing {
            Failing::Yes => true,
            Failing::No => false,
            Failing::Perhaps => self.n_doubted < DOUBTED_MAX,
        };
        let is_believed = may_be && self.headers.insert(header.to_owned());
        self.n_doubted += usize::from(is_believed && failing == Failing::Perhaps);
        is_believed
    }

    fn open(&mut self, line: &Line<'_>, name: &str) {
        let outer = self.current.replace(self.list.len());
        let (name, header) = (name.to_owned(), line.text.to_owned());
        let end = line.offset + line.text.len() as u64;
        self.list.push(Section { name, header, outer, start: line.offset, end, text: self.allowance.capture() });
    }

    /// Returns what was captured, by test; sections of tests that did not fail are a part of those around them.
    pub(super) fn settle(mut self, has_failed: impl Fn(&str) -> bool) -> HashMap<String, Captured> {
        let mut settled: Vec<Section> = Vec::new();
        while let Some(section) = self.list.pop() {
            if has_failed(&section.name) {
                settled.push(section);
            } else if let Some(outer) = section.outer.and_then(|outer| self.list.get_mut(outer)) {
                outer.text.push_lines(&section.header);
                outer.text.push_lines(&section.text.into_text());
                outer.end = section.end;
            }
        }
        let mut captured: HashMap<String, Captured> = HashMap::new();
        for section in settled.into_iter().rev() {
            let lines = (section.start, section.end);
            let all = captured.entry(section.name).or_insert_with(|| Captured { text: String::new(), lines });
            all.text.push_str(&section.text.into_text());
            all.lines.1 = section.end;
        }
        captured
    }
}

/// Reads `---- tests::a stdout ----`.
pub(super) fn header(line: &str) -> Option<&str> {
    let (name, stream) = line.strip_prefix("---- ")?.strip_suffix(" ----")?.rsplit_once(' ')?;
    matches!(stream, "stdout" | "stderr").then_some(name)
}

#[cfg(test)]
mod tests {
    use crate::ingest::Hints;

    use super::*;

    const TEXT: &str = "---- a stdout ----\none\n---- fake stdout ----\ntwo\n---- b stdout ----\nthree\n---- a stdout ----\nfour\n\
        ---- b stderr ----\nfive\n";

    fn check(failing: impl Fn(&str) -> Failing, wanted: &[(&str, &str)]) {
        let mut sections = Sections::new(Allowance::new(&Hints::default()));
        let mut offset = 0;
        for text in TEXT.lines() {
            sections.line(&Line { text, offset }, &failing);
            offset += text.len() as u64 + 1;
        }
        let mut found: Vec<_> = sections.settle(|name| name != "fake").into_iter().collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        let found: Vec<_> = found.iter().map(|(name, captured)| (name.as_str(), captured.text.as_str())).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_header_is_believed_of_failed_tests_and_once_a_stream() {
        let failing = |name: &str| if name == "fake" { Failing::No } else { Failing::Yes };
        check(failing, &[("a", "one\n---- fake stdout ----\ntwo\n"), ("b", "three\n---- a stdout ----\nfour\nfive\n")]);
    }

    #[test]
    fn a_section_of_what_turns_out_not_to_have_failed_is_given_back() {
        let wanted = [("a", "one\n---- fake stdout ----\ntwo\n"), ("b", "three\n---- a stdout ----\nfour\nfive\n")];
        check(|_| Failing::Perhaps, &wanted);
    }

    #[test]
    fn what_stands_behind_a_doubted_end_is_left_out_or_is_content_after_all() {
        for is_cut in [true, false] {
            let mut sections = Sections::new(Allowance::new(&Hints::default()));
            let mut take = |text: &str| sections.line(&Line { text, offset: 0 }, |_| Failing::Yes);
            ["---- a stdout ----", "one"].into_iter().for_each(&mut take);
            sections.end("failures:\n    a\n", 0);
            sections.line(&Line { text: "two", offset: 0 }, |_| Failing::Yes);
            if is_cut {
                sections.cut();
            }
            let text = &sections.settle(|name| name == "a")["a"].text;
            assert_eq!(text, if is_cut { "one\n" } else { "one\nfailures:\n    a\ntwo\n" });
        }
    }

    #[test]
    fn the_header_of_a_section_names_test_and_stream() {
        assert_eq!(header("---- src/lib.rs - f (line 3) stdout ----"), Some("src/lib.rs - f (line 3)"));
        assert!(["---- a ----", "---- a stdlog ----", "--- a stdout ----"].iter().all(|line| header(line).is_none()));
    }
}
