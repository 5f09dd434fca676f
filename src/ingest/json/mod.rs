//! JSON documents of any size, read as they come: a format asks for the objects and arrays it knows, element by element.
//!
//! What is there is taken: text around documents, commas that are missing, numbers that are none, halves of surrogate
//! pairs, repeated keys. Where a document is damaged, reading goes on at the next element that begins as those before it
//! did; where it is cut, all that is open ends. No tree is built, what nobody asks for costs no memory, and depth is
//! only a number.

mod copy;
mod text;

use memchr::{memchr, memchr3, memmem};

use crate::ingest::COMPLAINTS_MAX;
use crate::ingest::json::copy::{Copy, ESCAPE_BYTES_MAX, Kept, escape};
pub(super) use crate::ingest::json::text::{Part, Text};
use crate::text::cap::HeadAndTail;

/// The longest name of a test or a title that is kept whole, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 64 << 10;

/// Bytes of a key that are looked at; no longer one is ever asked for.
const KEY_BYTES_MAX: usize = 64;

/// Bytes of a number or a word that are looked at.
const SCALAR_BYTES_MAX: usize = 64;

/// The longest beginning of an element that is remembered: a line break, indentation and a key.
const OPENING_BYTES_MAX: usize = 512;

/// Bytes that are first searched for the next element, and at most at once.
const SEARCHED_BYTES: (usize, usize) = (1 << 10, 256 << 10);

/// A place where a document cannot be read on, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) offset: u64,
    pub(super) reason: String,
}

/// Why nothing can be read at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// All that is open ends but for the elements of this level, the next of which was found.
    Until(usize),
    /// All that is open ends.
    Ended,
}

/// Reads values one after another, where they stand.
pub(super) struct Json<T> {
    text: T,
    /// Whether the value that comes next was not asked for yet.
    is_due: bool,
    broken: Option<Broken>,
    /// How elements begin, as written: first the document itself, then the arrays that are open, the innermost last.
    openings: Vec<Option<String>>,
    damages: Vec<Damage>,
}

impl<T: Text> Json<T> {
    /// Reads what stands in `text`.
    pub(super) fn new(text: T) -> Self {
        Self { text, is_due: false, broken: None, openings: Vec::new(), damages: Vec::new() }
    }

    /// Returns where the next value begins.
    pub(super) fn offset(&self) -> u64 {
        self.text.offset()
    }

    /// Tells whether what is open ends where it should not.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Takes what was found to be wrong since the last call.
    pub(super) fn take_damages(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.damages)
    }

    /// Reads the members of the next object that stands in the text, past whatever comes before it; returns `false` when
    /// there is none.
    pub(super) fn document(&mut self, each: impl FnMut(&mut Self, &str)) -> bool {
        self.broken = None;
        self.openings.clear();
        while self.goes_to_brace() {
            if let Some(opening) = opening(self.text.ahead(OPENING_BYTES_MAX)) {
                self.openings.push(Some(opening));
                self.is_due = true;
                self.object(each);
                return true;
            }
            self.text.consume(1);
        }
        false
    }

    /// Goes to the next brace; returns `false` when there is none.
    fn goes_to_brace(&mut self) -> bool {
        loop {
            let ahead = self.text.ahead(1);
            let (brace, n) = (memchr(b'{', ahead.as_bytes()), ahead.len());
            self.text.consume(brace.unwrap_or(n));
            if brace.is_some() || n == 0 {
                return brace.is_some();
            }
        }
    }

    /// Reads an object: `each` is told every key and may ask for its value. A value of another kind is passed over.
    pub(super) fn object(&mut self, mut each: impl FnMut(&mut Self, &str)) {
        if !self.opens(b'{') {
            return;
        }
        let mut key = String::new();
        while let Some(byte) = self.peek() {
            match byte {
                b'}' => return self.text.consume(1),
                b',' => self.text.consume(1),
                b'"' => {
                    self.quoted(&mut Copy::Decoded(Kept::new(&mut key, KEY_BYTES_MAX)));
                    if self.peek() == Some(b':') {
                        self.text.consume(1);
                        self.value(|json| each(json, &key));
                    } else {
                        self.damaged("a key has no value");
                    }
                }
                _ => self.damaged("no key stands where one should"),
            }
        }
    }

    /// Reads an array: `each` is called before every element and may ask for it. A value of another kind is passed over.
    pub(super) fn array(&mut self, mut each: impl FnMut(&mut Self)) {
        if self.opens(b'[') {
            self.rest_of_array(&mut each);
        }
    }

    /// Reads the objects of an array as [`array`](Self::array) does; after damage inside of one it goes on at the next.
    pub(super) fn elements(&mut self, mut each: impl FnMut(&mut Self)) {
        if !self.opens(b'[') {
            return;
        }
        let mut each = |json: &mut Self| {
            if json.peek() == Some(b'{') {
                each(json);
            }
        };
        let level = self.openings.len();
        self.openings.push(opening(self.text.ahead(OPENING_BYTES_MAX)));
        self.rest_of_array(&mut each);
        while self.broken == Some(Broken::Until(level)) {
            self.broken = None;
            self.rest_of_array(&mut each);
        }
        self.openings.truncate(level);
    }

    fn rest_of_array(&mut self, each: &mut impl FnMut(&mut Self)) {
        while let Some(byte) = self.peek() {
            match byte {
                b']' => return self.text.consume(1),
                b',' => self.text.consume(1),
                b'}' | b':' => self.damaged("an array does not end where it should"),
                _ => self.value(&mut *each),
            }
        }
    }

    /// Has a value read, and passes over it if it is not.
    fn value(&mut self, read: impl FnOnce(&mut Self)) {
        self.is_due = true;
        self.peek();
        read(self);
        if self.is_due {
            self.skip();
        }
    }

    /// Returns a string's text: of one that is longer than `bytes_max`, head and tail. `None` if the value is no string,
    /// or has no end.
    pub(super) fn string(&mut self, bytes_max: usize) -> Option<String> {
        let mut text = String::new();
        self.string_into(&mut text, bytes_max).then_some(text)
    }

    /// Tells whether the value that comes next is a string.
    pub(super) fn next_is_string(&mut self) -> bool {
        self.peek() == Some(b'"')
    }

    /// Puts a string's text into `to`, in place of what is there; tells whether the value is a string.
    pub(super) fn string_into(&mut self, to: &mut String, bytes_max: usize) -> bool {
        to.clear();
        if !self.next_is_string() {
            self.skip();
            return false;
        }
        self.is_due = false;
        self.quoted(&mut Copy::Decoded(Kept::new(to, bytes_max)));
        !self.is_broken()
    }

    /// Returns a number; `None` if the value is none, or is not finite.
    pub(super) fn number(&mut self) -> Option<f64> {
        self.word()?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Returns a number that counts something.
    pub(super) fn count(&mut self) -> Option<u64> {
        let word = self.word()?;
        let digits = word.split_once('.').map_or(word.as_str(), |(digits, _)| digits);
        digits.parse().ok()
    }

    /// Returns a truth value; `None` if the value is none.
    pub(super) fn boolean(&mut self) -> Option<bool> {
        self.word()?.parse().ok()
    }

    /// Returns the text of a value of any kind, without white space; of a longer one, head and tail.
    pub(super) fn printed(&mut self, bytes_max: usize) -> Option<String> {
        let mut copy = Copy::Written(HeadAndTail::new(bytes_max));
        self.pass(&mut copy);
        match copy {
            Copy::Written(text) if !self.is_broken() && !text.is_empty() => Some(text.into_text()),
            _ => None,
        }
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self) {
        self.pass(&mut Copy::Nothing);
    }

    /// Takes the brace or bracket that opens a value, or the whole value if it begins otherwise.
    fn opens(&mut self, bracket: u8) -> bool {
        let opens = self.peek() == Some(bracket);
        if opens {
            self.is_due = false;
            self.text.consume(1);
        } else {
            self.skip();
        }
        opens
    }

    /// Passes over a value, and copies it.
    fn pass(&mut self, copy: &mut Copy<'_>) {
        self.is_due = false;
        let mut depth = 0_u64;
        while let Some(byte) = self.peek() {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' | b',' if depth == 0 => return,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            match byte {
                b'"' => self.quoted(copy),
                b'{' | b'[' | b'}' | b']' | b',' => self.take(1, copy),
                b':' if depth > 0 => self.take(1, copy),
                _ => copy.push(&self.take_word().unwrap_or_default()),
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Takes a word, such as a number, that is the value; passes over a value of another kind.
    fn word(&mut self) -> Option<String> {
        match self.peek()? {
            b'"' | b'{' | b'[' | b'}' | b']' | b',' => {
                self.skip();
                None
            }
            _ => {
                self.is_due = false;
                self.take_word()
            }
        }
    }

    fn take_word(&mut self) -> Option<String> {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let mut word = String::new();
        loop {
            let ahead = self.text.ahead(1);
            let n = ahead.bytes().take(SCALAR_BYTES_MAX).take_while(is_part).count();
            if n == 0 {
                break;
            }
            if word.len() < SCALAR_BYTES_MAX {
                word.push_str(&ahead[..n]);
            }
            self.text.consume(n);
        }
        let is_number = word.as_bytes().first().is_some_and(|first| !first.is_ascii_alphabetic());
        let is_known = ["true", "false", "null", "undefined", "NaN", "Infinity", "nan", "inf"].contains(&word.as_str());
        if is_number || is_known {
            return Some(word);
        }
        if self.text.ahead(1).is_empty() {
            self.cut();
        } else {
            self.damaged("a value is none");
        }
        None
    }

    /// Takes a string with its quotes.
    fn quoted(&mut self, copy: &mut Copy<'_>) {
        self.take_mark(1, copy);
        while self.broken.is_none() {
            let ahead = self.text.ahead(1);
            let stop = memchr3(b'"', b'\\', b'\n', ahead.as_bytes());
            let byte = stop.map(|at| ahead.as_bytes()[at]);
            let (n, is_at_end) = (stop.unwrap_or(ahead.len()), ahead.is_empty());
            self.take(n, copy);
            match byte {
                Some(b'"') => return self.take_mark(1, copy),
                Some(b'\\') => {
                    let (character, n) = escape(self.text.ahead(ESCAPE_BYTES_MAX));
                    if let Copy::Decoded(_) = copy {
                        copy.push(character.encode_utf8(&mut [0; 4]));
                    }
                    self.take_mark(n, copy);
                }
                Some(_) => self.damaged("a string has no end in its line"),
                None if is_at_end => self.cut(),
                None => {}
            }
        }
    }

    /// Takes `n` bytes, and copies them.
    fn take(&mut self, n: usize, copy: &mut Copy<'_>) {
        copy.push(&self.text.ahead(n)[..n]);
        self.text.consume(n);
    }

    /// Takes `n` bytes that are no text but stand for some, and copies them as such.
    fn take_mark(&mut self, n: usize, copy: &mut Copy<'_>) {
        if let Copy::Written(_) = copy {
            copy.push(&self.text.ahead(n)[..n]);
        }
        self.text.consume(n);
    }

    /// Returns the next byte that is no white space, which is not taken; `None` if nothing can be read.
    fn peek(&mut self) -> Option<u8> {
        if self.broken.is_some() {
            return None;
        }
        loop {
            let ahead = self.text.ahead(1).as_bytes();
            match ahead.first() {
                Some(byte) if !byte.is_ascii_whitespace() => return Some(*byte),
                Some(_) => {
                    let n = n_spaces(ahead);
                    self.text.consume(n);
                }
                None => {
                    self.cut();
                    return None;
                }
            }
        }
    }

    /// Ends all that is open, for the text does.
    fn cut(&mut self) {
        if self.broken.is_none() {
            self.complain("the document is cut short");
            self.broken = Some(Broken::Ended);
        }
    }

    /// Looks for the next element at any level that is open, and ends what stands in the way.
    fn damaged(&mut self, reason: &str) {
        if self.broken.is_some() {
            return;
        }
        self.complain(&format!("the document is damaged: {reason}"));
        self.broken = Some(Broken::Ended);
        if self.openings.len() <= 1 {
            return;
        }
        let mut n_searched = SEARCHED_BYTES.0;
        loop {
            let ahead = self.text.ahead(n_searched + OPENING_BYTES_MAX);
            let is_all = ahead.len() < n_searched + OPENING_BYTES_MAX;
            let part = if is_all { ahead } else { &ahead[..ahead.floor_char_boundary(n_searched + OPENING_BYTES_MAX)] };
            if let Some((at, level)) = nearest(part, &self.openings) {
                self.text.consume(at);
                self.broken = Some(Broken::Until(level));
                return;
            }
            let n = if is_all { part.len() } else { part.floor_char_boundary(n_searched) };
            self.text.consume(n);
            if is_all {
                return;
            }
            n_searched = (2 * n_searched).min(SEARCHED_BYTES.1);
        }
    }

    fn complain(&mut self, reason: &str) {
        if self.damages.len() <= COMPLAINTS_MAX {
            self.damages.push(Damage { offset: self.text.offset(), reason: reason.to_owned() });
        }
    }
}

fn n_spaces(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Returns how the object that comes next begins, as written: from the line break before it, which in an indented
/// document tells its depth, to its first key.
fn opening(ahead: &str) -> Option<String> {
    let bytes = ahead.as_bytes();
    let brace = n_spaces(bytes);
    let start = ahead[..brace].rfind('\n').unwrap_or(brace);
    let inside = bytes[brace..].strip_prefix(b"{")?;
    let key = brace + 1 + n_spaces(inside);
    let end = match bytes.get(key)? {
        b'"' => key + 2 + memchr(b'"', bytes.get(key + 1..)?)?,
        b'}' => key + 1,
        _ => return None,
    };
    (end <= OPENING_BYTES_MAX).then(|| ahead.get(start..end).map(str::to_owned)).flatten()
}

/// Finds the nearest of the openings in `text`, of several at one place the innermost; returns where, and which.
fn nearest(text: &str, openings: &[Option<String>]) -> Option<(usize, usize)> {
    let mut found: Option<(usize, usize)> = None;
    for (level, opening) in openings.iter().enumerate().rev() {
        let Some(opening) = opening else { continue };
        let end = found.map_or(text.len(), |(at, _)| (at + opening.len()).min(text.len()));
        match memmem::find(&text.as_bytes()[..end], opening.as_bytes()) {
            Some(at) if found.is_none_or(|(nearest, _)| at < nearest) => found = Some((at, level)),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests;
