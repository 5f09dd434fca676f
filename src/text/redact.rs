//! Removes secrets from text; the only maker of [`Redacted`].
//!
//! Five layers, most certain first: exact values the caller knows (in any escaping), the prefixes that providers give
//! their tokens, values beside a telling name, credentials in URLs and headers, and last what merely looks random.
//! Terminal escapes, control characters and invisible characters go too: they can hide text from a reader.
//! It never promises to find a secret that has no known value, no prefix, no name and no randomness.

mod clean;
mod entropy;
mod exact;
mod name;
mod prefix;

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::model::Redacted;
use crate::text::cap;
use crate::text::redact::exact::ExactValues;

/// What a redacted secret looks like: its kind, and four digits by which equal secrets can be recognised.
#[expect(clippy::unwrap_used, reason = "a constant pattern, exercised by every test")]
static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[REDACTED:[a-z0-9-]+:[0-9a-f]{4}\]").unwrap());

/// Passes after which text that still changes is covered as a whole; ordinary text settles in two.
const PASSES_MAX: usize = 16;

/// A layer: finds secrets in text that holds no placeholder, in order and without overlap.
type Find<'a> = dyn Fn(&str) -> Vec<Secret> + 'a;

/// Where a layer found a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Secret {
    range: Range<usize>,
    kind: &'static str,
}

/// Removes secrets from text.
#[derive(Debug)]
pub struct Redactor {
    exact: ExactValues,
    key: u64,
}

impl Redactor {
    /// Makes a redactor that knows these secret values and every general rule.
    ///
    /// Values that are short or that anything could contain (`true`, `localhost`, a path) are left to the general rules.
    /// The hash in placeholders is keyed by the secrets themselves, so that one configuration always writes the same
    /// text, and nobody without the secrets can try out guesses.
    pub fn new(secrets: &[String]) -> Self {
        let key = secrets.iter().fold(0, |key, secret| xxh3_64_with_seed(secret.as_bytes(), key));
        Self { exact: ExactValues::new(secrets), key }
    }

    /// Returns `text` without secrets, escapes and invisible characters. Redacting twice changes nothing more.
    pub fn redact(&self, text: &str) -> Redacted {
        let mut text = clean::clean(text);
        for _ in 0..PASSES_MAX {
            let next = self.pass(&text);
            if next == text {
                return Redacted::assume_clean(text);
            }
            text = next;
        }
        Redacted::assume_clean(self.placeholder("text", &text))
    }

    fn pass(&self, text: &str) -> String {
        let layers: [&Find; 5] =
            [&|text| self.exact.find(text), &prefix::find, &prefix::find_located, &name::find, &entropy::find];
        layers.into_iter().fold(text.to_owned(), |text, find| self.cover(&text, find))
    }

    /// Replaces what one layer finds between the placeholders that are already there.
    fn cover(&self, text: &str, find: &Find) -> String {
        let mut covered = String::with_capacity(text.len());
        let mut end = 0;
        for placeholder in PLACEHOLDER.find_iter(text) {
            self.cover_clear(&text[end..placeholder.start()], find, &mut covered);
            covered.push_str(placeholder.as_str());
            end = placeholder.end();
        }
        self.cover_clear(&text[end..], find, &mut covered);
        covered
    }

    fn cover_clear(&self, text: &str, find: &Find, covered: &mut String) {
        let mut end = 0;
        for Secret { range, kind } in find(text) {
            covered.push_str(&text[end..range.start]);
            covered.push_str(&self.placeholder(kind, &text[range.clone()]));
            end = range.end;
        }
        covered.push_str(&text[end..]);
    }

    fn placeholder(&self, kind: &str, secret: &str) -> String {
        let mut placeholder = format!("[REDACTED:{kind}:");
        let digits = xxh3_64_with_seed(secret.as_bytes(), self.key) >> 48;
        let _ = write!(placeholder, "{digits:04x}]");
        placeholder
    }
}

/// Tells whether text holds a placeholder: such text must not be written into a source file.
pub fn holds_placeholder(text: &str) -> bool {
    PLACEHOLDER.is_match(text)
}

/// Returns redacted text in at most about `bytes_max` bytes, as [`cap::head_and_tail`] cuts it.
pub fn capped(text: &Redacted, bytes_max: usize) -> Redacted {
    Redacted::assume_clean(cap::head_and_tail(text.as_str(), bytes_max))
}

/// Returns a 64-bit hash of redacted text, for telling texts apart.
pub fn digest(text: &Redacted) -> u64 {
    xxh3_64(text.as_str().as_bytes())
}

#[cfg(test)]
mod measured;
#[cfg(test)]
mod tests;
