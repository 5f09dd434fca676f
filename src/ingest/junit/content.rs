//! The content of an element whose end is awaited: everything in it is text until its own end tag, but for the tags that
//! can only be the report's. It may be far larger than what of it is in memory.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2, memmem};

use crate::ingest::junit::case::PartKind;
use crate::ingest::junit::markup::{CDATA, COMMENT, element, end_name, local, start_name};
use crate::ingest::junit::walk::View;

/// Bytes after which an end that is not there is not waited for.
const LOOKAHEAD_BYTES_MAX: usize = 1 << 20;

/// The longest name of an element that matters, with its prefix.
const NAME_BYTES_MAX: usize = 64;

/// An element inside a case, or beside one, whose end is awaited. Places are in bytes of the window.
#[derive(Debug)]
pub(super) struct OpenPart {
    pub(super) kind: PartKind,
    /// The name as written, with any prefix.
    name: String,
    pub(super) attributes: Range<usize>,
    /// Where its content begins, or what of it was not yet taken out of the window.
    pub(super) content: usize,
    /// Whether its attributes and what stood before `content` were taken out.
    pub(super) is_begun: bool,
    is_in_cdata: bool,
    /// Where its last CDATA section begins, if that is in the window.
    pub(super) cdata: Option<usize>,
    /// The report's elements that begin inside it.
    inner: Vec<&'static str>,
}

/// What was found in the content of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Its end tag, and what follows that.
    End { at: usize, after: usize },
    /// A tag that cannot stand in it, so that its own end must be missing.
    Foreign(usize),
    /// Nothing up to here.
    Nothing(usize),
}

impl OpenPart {
    /// Opens an element; its content begins at `content`.
    pub(super) fn new(kind: PartKind, name: &str, attributes: Range<usize>, content: usize) -> Self {
        let name = name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned();
        let (is_begun, is_in_cdata, cdata, inner) = (false, false, None, Vec::new());
        Self { kind, name, attributes, content, is_begun, is_in_cdata, cdata, inner }
    }

    /// Moves all places, as the beginning of the window moves.
    pub(super) fn shift(&mut self, n_bytes: usize) {
        self.attributes.start = self.attributes.start.saturating_sub(n_bytes);
        self.attributes.end = self.attributes.end.saturating_sub(n_bytes);
        self.content = self.content.saturating_sub(n_bytes);
        self.cdata = self.cdata.and_then(|at| at.checked_sub(n_bytes));
    }

    /// Looks for its end from `at` on.
    pub(super) fn find_end(&mut self, view: View<'_>, at: usize) -> Found {
        let mut at = at;
        loop {
            if self.is_in_cdata {
                match memmem::find(&view.text.as_bytes()[at..], CDATA[1].as_bytes()) {
                    Some(distance) => at += distance + CDATA[1].len(),
                    None => return Found::Nothing(view.before_end(CDATA[1]).max(at)),
                }
                self.is_in_cdata = false;
            }
            let Some(distance) = memchr(b'<', &view.text.as_bytes()[at..]) else {
                return Found::Nothing(view.text.len());
            };
            at += distance;
            match self.look_at_tag(view, at) {
                Look::On(next) => at = next,
                Look::Found(found) => return found,
            }
        }
    }

    /// Looks at what begins with the `<` at `at`.
    fn look_at_tag(&mut self, view: View<'_>, at: usize) -> Look {
        match view.text.as_bytes().get(at + 1) {
            Some(b'/') => self.look_at_end(view, at),
            Some(b'!') => self.look_at_declaration(view, at),
            Some(byte) if byte.is_ascii_alphabetic() => self.look_at_start(view, at),
            None if !view.is_last => Look::Found(Found::Nothing(at)),
            _ => Look::On(at + 1),
        }
    }

    fn look_at_declaration(&mut self, view: View<'_>, at: usize) -> Look {
        let rest = &view.text[at..];
        if rest.starts_with(CDATA[0]) {
            (self.is_in_cdata, self.cdata) = (true, Some(at));
            return Look::On(at + CDATA[0].len());
        }
        if rest.starts_with(COMMENT[0]) {
            return match memmem::find(rest.as_bytes(), COMMENT[1].as_bytes()) {
                Some(end) => Look::On(at + end + COMMENT[1].len()),
                None if rest.len() < LOOKAHEAD_BYTES_MAX && !view.is_last => Look::Found(Found::Nothing(at)),
                None => Look::On(at + COMMENT[0].len()),
            };
        }
        let may_go_on = !view.is_last && [CDATA[0], COMMENT[0]].iter().any(|begin| begin.starts_with(rest));
        if may_go_on { Look::Found(Found::Nothing(at)) } else { Look::On(at + 1) }
    }

    fn look_at_start(&mut self, view: View<'_>, at: usize) -> Look {
        let rest = &view.text[at..];
        match element(rest, self.prefix()) {
            Some("testcase" | "testsuite" | "testsuites") => Look::Found(Found::Foreign(at)),
            Some(inner) => {
                if !self.inner.contains(&inner) {
                    self.inner.push(inner);
                }
                Look::On(at + 1)
            }
            None if view.may_go_on(rest) => Look::Found(Found::Nothing(at)),
            None => Look::On(at + 1),
        }
    }

    /// Looks at an end tag: its own, one of an element inside it, or one whose beginning was lost in a CDATA section.
    fn look_at_end(&self, view: View<'_>, at: usize) -> Look {
        let rest = &view.text[at..];
        let is_own = end_name(rest) == self.name;
        match (element(rest, self.prefix()), memchr2(b'<', b'>', &rest.as_bytes()[1..])) {
            _ if view.may_go_on(rest) => Look::Found(Found::Nothing(at)),
            (_, Some(end)) if is_own && rest.as_bytes()[end + 1] == b'>' => {
                Look::Found(Found::End { at, after: at + end + 2 })
            }
            (_, Some(end)) if is_own => Look::Found(Found::End { at, after: at + end + 1 }),
            (_, None) if is_own => Look::Found(Found::End { at, after: view.text.len() }),
            (Some("testcase" | "testsuite" | "testsuites"), _) => Look::Found(Found::Foreign(at)),
            (Some(name), _) if !self.inner.contains(&name) => Look::Found(Found::Foreign(at)),
            _ => Look::On(at + 1),
        }
    }

    fn prefix(&self) -> &str {
        &self.name[..self.name.len() - local(&self.name).len()]
    }
}

enum Look {
    On(usize),
    Found(Found),
}

/// Returns the next place in `text` where a suite, a case or a document begins or ends, with any prefix.
pub(super) fn next_of_report(text: &str) -> Option<usize> {
    let is_of_report = |at: &usize| {
        let tag = &text[*at..];
        let names = [local(start_name(tag)), local(end_name(tag))];
        names.iter().any(|name| ["testcase", "testsuite", "testsuites"].contains(name)) || tag.starts_with("<?xml ")
    };
    memchr_iter(b'<', text.as_bytes()).find(is_of_report)
}

/// Tells whether there are remains of a failure in markup that cannot be read.
pub(super) fn holds_failure(text: &str) -> bool {
    let tags = ["<failure", "<error", "</failure", "</error"];
    tags.iter().any(|tag| memmem::find(text.as_bytes(), tag.as_bytes()).is_some())
}
