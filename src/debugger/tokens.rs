//! Text as words and signs: how far two pieces of code are apart.

/// Splits a text into words and runs of signs; brackets stand alone in runs of their own.
fn tokens(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        '(' | ')' | '{' | '}' => 0,
        c if c.is_alphanumeric() || c == '_' => 1,
        _ => 2,
    };
    let mut tokens = Vec::new();
    for chunk in text.split_whitespace() {
        let mut rest = chunk;
        while let Some(first) = rest.chars().next() {
            let n = rest.find(|c: char| class(c) != class(first)).unwrap_or(rest.len());
            tokens.push(&rest[..n]);
            rest = &rest[n..];
        }
    }
    tokens
}

/// Returns the tokens that only the old text has, and those that only the new one has, each as often as it has more of
/// them. Brackets and order do not count.
pub(super) fn difference<'t>(old: &'t str, new: &'t str) -> (Vec<&'t str>, Vec<&'t str>) {
    let is_bracket = |token: &&str| token.starts_with(['(', ')', '{', '}']);
    let mut added: Vec<&str> = tokens(new).into_iter().filter(|token| !is_bracket(token)).collect();
    let mut removed = Vec::new();
    for token in tokens(old).into_iter().filter(|token| !is_bracket(token)) {
        match added.iter().position(|other| *other == token) {
            Some(at) => drop(added.remove(at)),
            None => removed.push(token),
        }
    }
    (removed, added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_signs_are_compared_as_sets() {
        assert_eq!(difference("a <= b_1", "a < b_1"), (vec!["<="], vec!["<"]));
        assert_eq!(difference("f(a, b)", "f((b), a)"), (vec![], vec![]));
        assert_eq!(difference("x", "x + x"), (vec![], vec!["+", "x"]));
    }
}
