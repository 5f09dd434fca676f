//! XML as it comes: the elements and texts of a document of any size, read leniently and with bounded memory.
//!
//! What a strict reader would refuse is a complaint, and reading goes on at the next tag. Document types are skipped,
//! entities that a document declares stay unexpanded, and depth is bounded. What the elements mean is the business
//! of a format, which is a [`Visitor`].

mod token;

use std::borrow::Cow;

use memchr::{memchr_iter, memmem};
use xxhash_rust::xxh3::xxh3_64;

use crate::ingest::junit::markup::{attributes, unescape};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Source;
use crate::ingest::xml::token::{Token, Tokens};
use crate::ingest::{Likeness, mixed};

/// Elements that are told of, one in another; the deepest real report has 30.
const DEPTH_MAX: usize = 1 << 10;

/// What makes a report of the elements of a document.
pub(super) trait Visitor {
    /// What an element means.
    type Element: Copy;

    /// The names of the elements that a document may begin with.
    const ROOTS: &'static [&'static str];

    /// Returns the meaning of an element by its name and the elements it stands in, outermost first.
    fn element(name: &str, path: &[Self::Element]) -> Self::Element;

    /// Takes the start of the last element of `path`, whose tag begins at `at`.
    fn start(&mut self, path: &[Self::Element], tag: &Tag<'_>, at: u64, to: &mut Recorder);

    /// Takes a piece of the text in the last element of `path`.
    fn text(&mut self, path: &[Self::Element], text: &Text<'_>);

    /// Takes the end of the last element of `path`, which ends before `end`.
    fn end(&mut self, path: &[Self::Element], end: u64, to: &mut Recorder);

    /// Takes the end of the input.
    fn finish(&mut self, to: &mut Recorder);
}

/// The attributes of a start tag.
pub(super) struct Tag<'t>(&'t str);

impl<'t> Tag<'t> {
    /// Returns the texts of the named attributes; of one that is missing, an empty text.
    pub(super) fn texts<const N: usize>(&self, names: [&str; N]) -> [Cow<'t, str>; N] {
        let mut texts = names.map(|_| Cow::Borrowed(""));
        for (name, value) in attributes(self.0) {
            if let Some(at) = names.iter().position(|wanted| *wanted == name) {
                texts[at] = unescape(value);
            }
        }
        texts
    }

    /// Returns the text of the named attribute, or an empty text.
    pub(super) fn text(&self, name: &str) -> Cow<'t, str> {
        let [text] = self.texts([name]);
        text
    }
}

/// A piece of text between tags.
pub(super) struct Text<'t> {
    raw: &'t str,
    is_verbatim: bool,
}

impl<'t> Text<'t> {
    /// Returns it with its references replaced.
    pub(super) fn decoded(&self) -> Cow<'t, str> {
        if self.is_verbatim { Cow::Borrowed(self.raw) } else { unescape(self.raw) }
    }
}

/// Finds out how likely it is that `text` holds a document that begins with one of the elements `roots`, for which
/// `is_own` holds of what follows the name.
pub(super) fn sniff(text: &str, roots: &[&str], is_own: impl Fn(&str) -> bool) -> Option<Likeness> {
    find_root(text, roots, is_own).map(|(_, likeness)| likeness)
}

/// Returns where the element begins that the document begins with, if it is one of those named for which `is_own` holds,
/// or else where the first of these begins.
fn find_root(text: &str, names: &[&str], is_own: impl Fn(&str) -> bool) -> Option<(usize, Likeness)> {
    let is_root = |at: usize| {
        let tag = text[at..].strip_prefix('<').unwrap_or_default();
        names.iter().find_map(|name| after_name(tag, name)).is_some_and(&is_own)
    };
    let first = prolog_length(text);
    if is_root(first) {
        return Some((first, Likeness::Certain));
    }
    let mut later = memchr_iter(b'<', &text.as_bytes()[first..]).map(|at| first + at);
    later.find(|at| is_root(*at)).map(|at| (at, Likeness::Likely))
}

/// Returns what follows `name` in a tag that has this name.
fn after_name<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let rest = tag.strip_prefix(name)?;
    rest.starts_with(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/').then_some(rest)
}

/// Returns the length of the declarations, comments and white space that `text` begins with.
fn prolog_length(text: &str) -> usize {
    let mut rest = text.trim_start();
    while rest.starts_with("<?") || rest.starts_with("<!") {
        let end = if rest.starts_with("<!--") { "-->" } else { ">" };
        let Some(at) = memmem::find(rest.as_bytes(), end.as_bytes()) else { break };
        rest = rest[at + end.len()..].trim_start();
    }
    text.len() - rest.len()
}

/// Reads the documents that `source` holds, from the first root element on.
pub(super) fn read<V: Visitor>(source: &mut Source<'_>, visitor: &mut V, to: &mut Recorder) {
    let start = find_root(source.ahead(mixed::HEAD_BYTES), V::ROOTS, |_| true).map_or(0, |(start, _)| start);
    source.consume(start);
    let mut tokens = Tokens::new(source);
    let mut open = Open { path: Vec::new(), names: Vec::new(), n_deeper: 0 };
    while let Some((token, place)) = tokens.next() {
        match token {
            Token::Start { name, tag, is_empty } => {
                if open.push::<V>(name) {
                    visitor.start(&open.path, &tag, place.start, to);
                } else if open.n_deeper == 1 {
                    to.complain(place.start, "elements are nested too deeply; the innermost are left out");
                }
                if is_empty {
                    open.end(1, place.end, visitor, to);
                }
            }
            Token::End { name } => open.end(open.n_ended_by(name), place.end, visitor, to),
            Token::Text(text) => visitor.text(&open.path, &text),
            Token::Declaration => open.end_all(place.start, visitor, to),
            Token::Damage(reason) => to.complain(place.start, reason),
        }
    }
    open.end_all(tokens.offset(), visitor, to);
    visitor.finish(to);
}

/// The elements that are open, outermost first.
struct Open<E> {
    path: Vec<E>,
    names: Vec<u64>,
    /// Elements open beyond those that are kept.
    n_deeper: usize,
}

impl<E: Copy> Open<E> {
    /// Enters an element; returns `false` when it is too deep to be kept.
    fn push<V: Visitor<Element = E>>(&mut self, name: &str) -> bool {
        if self.path.len() >= DEPTH_MAX {
            self.n_deeper += 1;
            return false;
        }
        self.path.push(V::element(name, &self.path));
        self.names.push(xxh3_64(name.as_bytes()));
        true
    }

    /// Returns how many elements an end tag ends: the innermost of its name, and those in it whose own end is missing.
    fn n_ended_by(&self, name: &str) -> usize {
        if self.n_deeper > 0 {
            return 1;
        }
        let name = xxh3_64(name.as_bytes());
        self.names.iter().rev().position(|open| *open == name).map_or(0, |n_inside| n_inside + 1)
    }

    /// Ends the `n` innermost elements.
    fn end(&mut self, n: usize, end: u64, visitor: &mut impl Visitor<Element = E>, to: &mut Recorder) {
        for _ in 0..n {
            if self.n_deeper > 0 {
                self.n_deeper -= 1;
                continue;
            }
            visitor.end(&self.path, end, to);
            self.path.pop();
            self.names.pop();
        }
    }

    /// Ends the elements that the end of a document leaves open.
    fn end_all(&mut self, end: u64, visitor: &mut impl Visitor<Element = E>, to: &mut Recorder) {
        if !self.path.is_empty() {
            to.complain(end, "the document ends inside an element; what would have come after that is unknown");
        }
        self.end(self.n_deeper + self.path.len(), end, visitor, to);
    }
}

#[cfg(test)]
mod tests;
