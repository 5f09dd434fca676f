//! Tells a slip of the pen from another word. It is strict: a word that differs in meaning must not pass for a typo.

use std::collections::HashMap;

/// Shortest word in which one wrong letter is a typo and not another word.
const WORD_CHARS_MIN: usize = 4;

/// Tells whether `written` is `real` but for one slip in one word: one letter left out, doubled, wrong or swapped with
/// its neighbour. `words` are the file's, with how often each is there: a written word that is one of them is no typo but
/// another name, and the real one must be at home in the file or in what the reply adds, or it may be the file that
/// changed.
pub(crate) fn is_typo(written: &str, real: &str, words: &HashMap<&str, usize>, added: &[&str]) -> bool {
    let (written, real) = (tokens(written), tokens(real));
    if written.len() != real.len() {
        return false;
    }
    let mut differing = written.iter().zip(&real).filter(|(a, b)| a != b);
    let (Some((a, b)), None) = (differing.next(), differing.next()) else { return false };
    let is_word = |word: &str| word.chars().all(|c| c.is_alphabetic() || c == '_');
    let is_long = a.chars().count().max(b.chars().count()) >= WORD_CHARS_MIN;
    let is_at_home = words.get(b).is_some_and(|n| *n > 1) || added.iter().any(|line| tokens(line).contains(b));
    is_long && is_word(a) && is_word(b) && !words.contains_key(a) && is_at_home && is_one_slip(a, b)
}

/// Splits a line into words, single other characters and single blanks for runs of white space.
fn tokens(line: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = line.trim();
    while let Some(c) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let same_kind = |d: char| is_word(c) && is_word(d) || c.is_whitespace() && d.is_whitespace();
        let end = match rest.find(|d| !same_kind(d)) {
            Some(0) => c.len_utf8(),
            Some(end) => end,
            None => rest.len(),
        };
        tokens.push(if c.is_whitespace() { " " } else { &rest[..end] });
        rest = &rest[end..];
    }
    tokens
}

/// Tells whether one insertion, deletion, substitution or swap of neighbours turns one word into the other.
fn is_one_slip(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    let head = short.iter().zip(long.iter()).take_while(|(a, b)| a == b).count();
    let rests_agree = |short_from: usize, long_from: usize| short.get(short_from..) == long.get(long_from..);
    match long.len() - short.len() {
        0 => {
            let swapped = short.get(head) == long.get(head + 1) && short.get(head + 1) == long.get(head);
            rests_agree(head + 1, head + 1) || swapped && rests_agree(head + 2, head + 2)
        }
        1 => rests_agree(head, head + 1),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typo(written: &str, real: &str) -> bool {
        let known = real.split([' ', '.']).chain(["row", "rows", "count"]);
        is_typo(written, real, &known.map(|word| (word, 2)).collect(), &[])
    }

    #[test]
    fn one_slip_in_one_word_is_a_typo() {
        for (written, real) in [
            ("retrun x", "return x"),
            ("retun x", "return x"),
            ("  returnn x", "return x"),
            ("rettrn  x", "return x"),
            ("self.totl = 1", "self.total = 1"),
        ] {
            assert!(typo(written, real), "{written}");
        }
    }

    #[test]
    fn another_name_number_or_operator_is_none() {
        for (written, real) in [
            ("x = rows", "x = row"),
            ("x = 10", "x = 11"),
            ("a < b", "a > b"),
            ("a <= b", "a < b"),
            ("if abc", "if xyz"),
            ("return x", "return x"),
            ("cat", "bat"),
        ] {
            assert!(!typo(written, real), "{written}");
        }
    }

    #[test]
    fn a_word_the_file_has_only_there_may_be_the_files_own_change() {
        let words = [("updateX", 1), ("hash", 3)].into();
        assert!(!is_typo("hash.update()", "hash.updateX()", &words, &["hash.update(x)"]));
        assert!(is_typo("hash.updatX()", "hash.updateX()", &words, &["hash.updateX(x)"]));
    }
}
