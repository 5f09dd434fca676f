//! What becomes of the text of a value: nothing, what is written there, or what a string stands for; with its escapes.

use crate::text::cap::HeadAndTail;

/// The longest escape in a string, in bytes: a surrogate pair.
pub(super) const ESCAPE_BYTES_MAX: usize = 12;

/// What becomes of text that is taken.
pub(super) enum Copy<'t> {
    Nothing,
    /// It is kept as written: of a long one, head and tail.
    Written(HeadAndTail),
    /// What a string stands for is kept.
    Decoded(Kept<'t>),
}

impl Copy<'_> {
    pub(super) fn push(&mut self, piece: &str) {
        match self {
            Self::Nothing => {}
            Self::Written(text) => text.push(piece),
            Self::Decoded(kept) => kept.push(piece),
        }
    }
}

/// Text that is kept up to a limit: of a longer one, head and tail.
pub(super) struct Kept<'t> {
    text: &'t mut String,
    bytes_max: usize,
    /// Takes over when the text is longer.
    long: Option<HeadAndTail>,
}

impl<'t> Kept<'t> {
    pub(super) fn new(text: &'t mut String, bytes_max: usize) -> Self {
        text.clear();
        Self { text, bytes_max, long: None }
    }

    fn push(&mut self, piece: &str) {
        if self.long.is_none() && self.text.len() + piece.len() <= self.bytes_max {
            return self.text.push_str(piece);
        }
        let (text, bytes_max) = (&*self.text, self.bytes_max);
        let long = self.long.get_or_insert_with(|| {
            let mut long = HeadAndTail::new(bytes_max);
            long.push(text);
            long
        });
        long.push(piece);
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if let Some(long) = self.long.take() {
            *self.text = long.into_text();
        }
    }
}

/// Returns the character that an escape at the beginning of `text` stands for, and the escape's length.
pub(super) fn escape(text: &str) -> (char, usize) {
    let Some(letter) = text[1..].chars().next() else { return ('\\', text.len().min(1)) };
    let character = match letter {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => return unicode_escape(text),
        other => other,
    };
    (character, 1 + letter.len_utf8())
}

/// Reads `\u0041`, or a surrogate pair of two of those; half a pair stands for no character.
fn unicode_escape(text: &str) -> (char, usize) {
    let unit =
        |at: usize| text.get(at..at + 6)?.strip_prefix("\\u").and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match (unit(0), unit(6)) {
        (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..0xe000)) => {
            let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        (Some(code), _) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
        (None, _) => (char::REPLACEMENT_CHARACTER, 2),
    }
}
