//! Takes XML apart into tags and text, piece by piece; it does not match tags up.
//!
//! Cost is linear in the input and memory bounded, whatever comes: nothing is looked at twice for an end that is not
//! there.

use std::ops::Range;

use memchr::{memchr, memchr2, memmem, memrchr};

use crate::ingest::source::Source;
use crate::ingest::xml::{Tag, Text, after_name};

/// The longest tag, in bytes; the longest real ones hold a parametrised test's name.
const TAG_BYTES_MAX: usize = 1 << 20;

/// Bytes that are searched for the end of a section before it is believed to have one.
const LOOKAHEAD_BYTES: usize = 4 << 20;

/// More bytes than a mark, or a reference to a character, has.
const SHORT: usize = 24;

/// A piece of markup.
pub(super) enum Token<'t> {
    Start {
        name: &'t str,
        tag: Tag<'t>,
        is_empty: bool,
    },
    End {
        name: &'t str,
    },
    Text(Text<'t>),
    /// The declaration that begins a document.
    Declaration,
    /// Something that is no markup, and why.
    Damage(&'static str),
}

/// A token as ranges of the window, and the number of bytes it takes.
struct Found(Kind, usize);

enum Kind {
    Start { name: Range<usize>, after_name: Range<usize>, is_empty: bool },
    End { name: Range<usize> },
    Text { raw: Range<usize>, is_verbatim: bool },
    Declaration,
    Damage(&'static str),
    Nothing,
}

/// Sections whose content is no markup.
#[derive(Clone, Copy, PartialEq)]
enum Section {
    Cdata,
    Comment,
}

impl Section {
    const ALL: [Self; 2] = [Self::Cdata, Self::Comment];

    fn begin(self) -> &'static str {
        match self {
            Self::Cdata => "<![CDATA[",
            Self::Comment => "<!--",
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::Cdata => "]]>",
            Self::Comment => "-->",
        }
    }

    fn damage(self) -> &'static str {
        match self {
            Self::Cdata => "a CDATA section has no end",
            Self::Comment => "a comment has no end",
        }
    }
}

/// Takes an input apart.
pub(super) struct Tokens<'s, 'r> {
    source: &'s mut Source<'r>,
    /// Bytes of the window that the latest token takes.
    n_taken: usize,
    section: Option<Section>,
    /// Sections of which it is known that none ends in what is left.
    endless: Vec<Section>,
}

impl<'s, 'r> Tokens<'s, 'r> {
    pub(super) fn new(source: &'s mut Source<'r>) -> Self {
        Self { source, n_taken: 0, section: None, endless: Vec::new() }
    }

    /// Returns how far the input was taken apart.
    pub(super) fn offset(&self) -> u64 {
        self.source.offset()
    }

    /// Returns the next token, and the place of it.
    pub(super) fn next(&mut self) -> Option<(Token<'_>, Range<u64>)> {
        let Found(kind, n_taken) = loop {
            self.source.consume(std::mem::take(&mut self.n_taken));
            if self.source.ahead(SHORT).is_empty() {
                return None;
            }
            match self.find() {
                Found(Kind::Nothing, n_taken) => self.n_taken = n_taken,
                found => break found,
            }
        };
        self.n_taken = n_taken;
        let window = self.source.window();
        let token = match kind {
            Kind::Start { name, after_name, is_empty } => {
                Token::Start { name: &window[name], tag: Tag(&window[after_name]), is_empty }
            }
            Kind::End { name } => Token::End { name: &window[name] },
            Kind::Text { raw, is_verbatim } => Token::Text(Text { raw: &window[raw], is_verbatim }),
            Kind::Declaration => Token::Declaration,
            Kind::Damage(reason) => Token::Damage(reason),
            Kind::Nothing => return None,
        };
        let start = self.source.offset();
        Some((token, start..start + n_taken as u64))
    }

    fn find(&mut self) -> Found {
        let window = self.source.window();
        if let Some(section) = self.section {
            return self.inside(section);
        }
        if !window.starts_with('<') {
            return self.text();
        }
        if let Some(section) = Section::ALL.into_iter().find(|section| window.starts_with(section.begin())) {
            return self.begin(section);
        }
        match window.as_bytes().get(1) {
            Some(b'!' | b'?' | b'/' | b'_' | b'A'..=b'Z' | b'a'..=b'z' | 0x80..) => self.tag(),
            _ => Found(Kind::Text { raw: 0..1, is_verbatim: true }, 1),
        }
    }

    /// Finds the text up to the next tag, but for a reference that the window cuts.
    fn text(&self) -> Found {
        let window = self.source.window();
        let end = memchr(b'<', window.as_bytes()).unwrap_or_else(|| {
            let near_end = window.len().saturating_sub(SHORT / 2);
            let cut = memrchr(b'&', &window.as_bytes()[near_end..]).map(|at| near_end + at);
            cut.filter(|cut| *cut > 0 && !self.source.is_whole()).unwrap_or(window.len())
        });
        Found(Kind::Text { raw: 0..end, is_verbatim: false }, end)
    }

    /// Begins a section, unless it has no end: what looks like its content may then be markup.
    fn begin(&mut self, section: Section) -> Found {
        let n_mark = section.begin().len();
        if self.endless.contains(&section) {
            return Found(Kind::Damage(section.damage()), n_mark);
        }
        if self.has_end(section) {
            self.section = Some(section);
            return Found(Kind::Nothing, n_mark);
        }
        self.endless.push(section);
        Found(Kind::Damage(section.damage()), n_mark)
    }

    /// Tells whether a section's end is to come, or so much else that it cannot be found out.
    fn has_end(&mut self, section: Section) -> bool {
        let end = section.end().as_bytes();
        let mut searched = 0;
        loop {
            let window = self.source.window().as_bytes();
            if memmem::find(&window[searched..], end).is_some() || window.len() > LOOKAHEAD_BYTES {
                return true;
            }
            searched = window.len().saturating_sub(end.len());
            if !self.source.fill() {
                return false;
            }
        }
    }

    /// Finds a piece of the section that is open.
    fn inside(&mut self, section: Section) -> Found {
        let (window, end) = (self.source.window(), section.end());
        let (n_text, n_taken) = match memmem::find(window.as_bytes(), end.as_bytes()) {
            Some(at) => {
                self.section = None;
                (at, at + end.len())
            }
            None if self.source.is_whole() => (window.len(), window.len()),
            None => {
                let n = window.floor_char_boundary(window.len() - end.len());
                (n, n)
            }
        };
        match section {
            Section::Cdata => Found(Kind::Text { raw: 0..n_text, is_verbatim: true }, n_taken),
            Section::Comment => Found(Kind::Nothing, n_taken),
        }
    }

    fn tag(&mut self) -> Found {
        loop {
            match tag_end(self.source.window()) {
                TagEnd::At(end) => return tag(&self.source.window()[..end]),
                // Of a document type, what it declares is skipped tag by tag.
                TagEnd::Broken(n) if self.source.window().starts_with("<!") => return Found(Kind::Nothing, n),
                TagEnd::Broken(n) => return Found(Kind::Damage("a tag is broken off"), n),
                TagEnd::Cut(n) if n > TAG_BYTES_MAX => return Found(Kind::Damage("a tag is far too long"), n),
                TagEnd::Cut(n) => {
                    if !self.source.fill() {
                        return Found(Kind::Damage("a tag has no end"), n);
                    }
                }
            }
        }
    }
}

/// Takes a whole tag apart.
fn tag(tag: &str) -> Found {
    let inside = &tag[1..tag.len() - 1];
    let is_ended = |c: char| c.is_ascii_whitespace() || c == '/';
    let found = if let Some(name) = inside.strip_prefix('/') {
        let n_name = name.find(is_ended).unwrap_or(name.len());
        Kind::End { name: 2 + prefix_length(&name[..n_name])..2 + n_name }
    } else if inside.starts_with('?') && after_name(inside, "?xml").is_some() {
        Kind::Declaration
    } else if inside.starts_with(['?', '!']) {
        Kind::Nothing
    } else {
        let is_empty = inside.ends_with('/');
        let inside = inside.strip_suffix('/').unwrap_or(inside);
        let n_name = inside.find(is_ended).unwrap_or(inside.len());
        let name = 1 + prefix_length(&inside[..n_name])..1 + n_name;
        Kind::Start { name, after_name: 1 + n_name..1 + inside.len(), is_empty }
    };
    Found(found, tag.len())
}

/// Returns the length of a namespace's prefix with its colon.
fn prefix_length(name: &str) -> usize {
    memchr(b':', name.as_bytes()).map_or(0, |colon| colon + 1)
}

/// Where a tag ends.
enum TagEnd {
    /// After so many bytes.
    At(usize),
    /// Not before another begins, after so many bytes.
    Broken(usize),
    /// Not before the text ends, after so many bytes.
    Cut(usize),
}

/// Returns where the tag at the beginning of `text` ends.
fn tag_end(text: &str) -> TagEnd {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'>' => return TagEnd::At(at + 1),
            b'<' => return TagEnd::Broken(at),
            b'"' | b'\'' => match memchr2(byte, b'<', &bytes[at + 1..]) {
                Some(n) if bytes[at + 1 + n] == b'<' => return TagEnd::Broken(at + 1 + n),
                Some(n) => n + 2,
                None => return TagEnd::Cut(bytes.len()),
            },
            _ => 1,
        };
    }
    TagEnd::Cut(bytes.len())
}
