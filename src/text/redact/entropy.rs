//! Tells what looks random from what people and tools write: the last resort of redaction.
//!
//! It never covers what honest logs are full of: hashes and identifiers in hexadecimal, paths, mangled symbols,
//! checksums that say they are checksums, and names made of words.

use std::sync::LazyLock;

use regex::Regex;

use crate::text::redact::Secret;

/// Runs of the characters tokens are made of, with what stands before a checksum.
#[expect(clippy::unwrap_used, reason = "a constant pattern, exercised by every test")]
static RUN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(sha(?:1|224|256|384|512)[-:=]|h1:)?([A-Za-z0-9+/_=.-]{20,})").unwrap());

/// Letters that must be mixed with digits in one stretch for it to count as random.
const STRETCH_BYTES_MIN: usize = 5;

/// Random letters a run must hold, in all its stretches.
const RANDOM_BYTES_MIN: usize = 16;

/// The share of letter pairs that are common in words, below which letters are not words. Words are near 0.8, random
/// letters near 0.2.
const COMMON_SHARE_MIN: f64 = 0.45;

/// The commonest letter pairs of English prose and identifiers.
const COMMON_PAIRS: &str = "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le \
    ve co me de hi ri ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr \
    ly nc et ut ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia \
    am fi ci vi pl ig tu ev ld ry mp fe bl ab gh ty op wo sa ay ex ke fr oo av ag if ap gr od bo sp rd do uc bu ei ov \
    by rm ep tt oc fa ef cu rn sc gi da cr cl du qu ue ga ff ba ey ls va um pp ua up lu go ht ru ug ds lt rc rr eg au ck ew mu br bi pt ak pu ui \
    rg ib ub gu dr gn fl gl ml";

static COMMON: LazyLock<[bool; 26 * 26]> = LazyLock::new(|| {
    let mut common = [false; 26 * 26];
    for pair in COMMON_PAIRS.split_whitespace() {
        if let [a, b] = pair.as_bytes() {
            common[usize::from(a - b'a') * 26 + usize::from(b - b'a')] = true;
        }
    }
    common
});

/// Finds what looks random and is of no benign kind.
pub(super) fn find(text: &str) -> Vec<Secret> {
    let runs = RUN.captures_iter(text).filter(|run| run.get(1).is_none()).filter_map(|run| run.get(2));
    runs.filter(|run| is_random(run.as_str())).map(|run| Secret { range: run.range(), kind: "random" }).collect()
}

/// Tells whether a run of token characters looks random: enough of it consists of stretches that mix cases or digits
/// and are no words.
pub(super) fn is_random(run: &str) -> bool {
    if is_hexadecimal(run) || is_mangled(run) || is_path(run) || !has_three_classes(run) {
        return false;
    }
    let stretches = run.split(['_', '-', '/', '.', '+', '=']);
    let n_random: usize = stretches.filter(|stretch| is_random_stretch(stretch)).map(str::len).sum();
    n_random >= RANDOM_BYTES_MIN
}

/// Tells whether letters form words, as far as their pairs tell. Text with too few pairs does.
pub(super) fn is_wordlike(text: &str) -> bool {
    let letters = text.as_bytes().windows(2).filter(|pair| pair.iter().all(u8::is_ascii_alphabetic));
    let index = |byte: u8| usize::from(byte.to_ascii_lowercase() - b'a');
    let (mut n_pairs, mut n_common) = (0_usize, 0_usize);
    for pair in letters {
        n_pairs += 1;
        n_common += usize::from(COMMON[index(pair[0]) * 26 + index(pair[1])]);
    }
    n_pairs < 3 || n_common as f64 >= COMMON_SHARE_MIN * n_pairs as f64
}

/// Tells whether a value beside a name that is often innocent is a token after all: long enough, of letters and digits,
/// and not words and numbers joined.
pub(super) fn is_tokenlike(value: &str) -> bool {
    let has = |class: fn(&u8) -> bool| value.as_bytes().iter().any(class);
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"()[]{}<>,;\"'`".contains(&byte);
    let is_part = |part: &str| {
        let is_digits = part.bytes().all(|byte| byte.is_ascii_digit());
        is_digits || part.len() < 4 || (!is_long_hexadecimal(part) && is_words_and_numbers(part))
    };
    let mut parts = value.split(|char: char| !char.is_ascii_alphanumeric());
    value.len() >= 12
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && value.bytes().all(is_plain)
        && !parts.all(is_part)
}

/// Tells whether text is a path of ordinary components.
pub(super) fn is_path(text: &str) -> bool {
    let rooted = ["/", "./", "../", "~/"].iter().any(|root| text.starts_with(root));
    let components = || text.split('/').filter(|component| !component.is_empty() && *component != "~");
    rooted && components().all(|component| component.split(['-', '_', '.']).all(|word| !is_random_stretch(word)))
}

fn is_random_stretch(stretch: &str) -> bool {
    let n_digits = stretch.bytes().filter(u8::is_ascii_digit).count();
    let mixed = has_mixed_case(stretch) || (n_digits > 0 && n_digits < stretch.len());
    stretch.len() >= STRETCH_BYTES_MIN && mixed && !is_hexadecimal(stretch) && !is_words_and_numbers(stretch)
}

/// Tells whether upper case appears otherwise than as words begin.
fn has_mixed_case(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_lowercase()) && text.bytes().skip(1).any(|byte| byte.is_ascii_uppercase())
}

/// Tells whether text is words with few numbers between them, such as `parsesUtf8AndBase64`: words are longer than
/// the stretches of one kind in random text.
pub(super) fn is_words_and_numbers(text: &str) -> bool {
    let kind = |byte: u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase());
    let begins = |pair: &&[u8]| kind(pair[0]) != kind(pair[1]) && kind(pair[0]) != (false, true);
    let n_words = 1 + text.as_bytes().windows(2).filter(begins).count();
    is_wordlike(text) && n_words * 3 <= text.len() + 2
}

fn has_three_classes(text: &str) -> bool {
    let has = |class: fn(&u8) -> bool| text.as_bytes().iter().any(class);
    has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
}

fn is_hexadecimal(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    digits.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-' || byte == b'_')
}

fn is_long_hexadecimal(text: &str) -> bool {
    text.len() >= 16 && is_hexadecimal(text)
}

/// Tells whether text is a mangled symbol: Itanium C++ and old Rust, or Rust v0.
fn is_mangled(text: &str) -> bool {
    let symbol = text.trim_start_matches(['_', '.']);
    text.starts_with('_') && (symbol.starts_with("ZN") || symbol.starts_with('Z') || symbol.starts_with('R'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_tokens_are_found() {
        for token in
            ["Zx81kQpL0vTnB4sWm7Yd", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzK9qWvT3", "dGhpcyBpcyBhIHNlY3JldCBrZXk5Mg=="]
        {
            assert_eq!(find(&format!("got {token}, done")).len(), 1, "{token}");
        }
    }

    #[test]
    fn what_honest_logs_hold_is_not_random() {
        for text in [
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "550e8400-E29B-41d4-a716-446655440000",
            "/home/runner/src/proj/target/debug/deps/cart-1f2e3d4c5b6a7988",
            "_ZN4core3ptr85drop_in_place17h0123456789abcdefE",
            "_RNvCskwGfYPst2Cb_7example8exampleFn",
            "sha512-Zx81kQpL0vTnB4sWm7YdZx81kQpL0vTnB4sWm7Yd==",
            "AbstractSingletonProxyFactoryBeanTest2",
            "parsesUtf8AndBase64StringsWithoutPanicking",
            "test_parses_2024_02_29_as_leap_day",
            "THIS_IS_A_LONG_CONSTANT_NAME_V2",
            "target/x86_64-unknown-linux-gnu/Release",
        ] {
            assert_eq!(find(text), [], "{text}");
        }
    }
}
