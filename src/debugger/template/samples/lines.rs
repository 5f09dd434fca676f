//! A sample program: words and lines of text.

/// Breaks text into lines of at most `width` characters, at blanks.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.len() + 1 + word.len() > width {
            lines.push(line);
            line = String::new();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

fn is_palindrome(text: &str) -> bool {
    let letters: Vec<char> = text.chars().filter(|c| c.is_alphabetic()).collect();
    let (mut left, mut right) = (0, letters.len());
    while left < right {
        right -= 1;
        if letters[left] != letters[right] {
            return false;
        }
        left += 1;
    }
    true
}

/// Cuts a text to `n_max` characters, the mark of the cut included.
fn shorten(text: &str, n_max: usize) -> String {
    if text.chars().count() <= n_max {
        return text.to_owned();
    }
    let head: String = text.chars().take(n_max - 1).collect();
    format!("{head}…")
}

fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    Some((key.trim_end(), value.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_filled_to_the_width() {
        assert_eq!(wrap("a bb ccc dd", 4), ["a bb", "ccc", "dd"]);
        assert_eq!(wrap("", 4), [""; 0]);
    }

    #[test]
    fn slugs_are_lower_case_words_with_dashes() {
        assert_eq!(slug("Hello, big  World!"), "hello-big-world");
    }

    #[test]
    fn palindromes_ignore_what_is_no_letter() {
        assert!(is_palindrome("never odd or even") && is_palindrome("") && is_palindrome("aba"));
        assert!(!is_palindrome("abca"));
    }

    #[test]
    fn a_shortened_text_has_the_greatest_length() {
        assert_eq!((shorten("abcd", 4), shorten("abcde", 4)), ("abcd".to_owned(), "abc…".to_owned()));
    }

    #[test]
    fn settings_are_split_at_the_first_sign() {
        assert_eq!(key_and_value("  a = b=c "), Some(("a", "b=c")));
        assert_eq!(key_and_value("# a = b"), None);
    }
}
