//! Typographic characters that editors and chat windows put for plain ones, and back. It changes no letters.

/// Typographic characters and what they are typed as.
#[rustfmt::skip]
const TYPOGRAPHY: &[(char, &str)] = &[
    ('\u{2018}', "'"), ('\u{2019}', "'"), ('\u{201a}', "'"), ('\u{201b}', "'"), ('\u{2032}', "'"), ('\u{b4}', "'"),
    ('\u{201c}', "\""), ('\u{201d}', "\""), ('\u{201e}', "\""), ('\u{201f}', "\""), ('\u{2033}', "\""), ('\u{ab}', "\""), ('\u{bb}', "\""),
    ('\u{2010}', "-"), ('\u{2011}', "-"), ('\u{2012}', "-"), ('\u{2013}', "-"), ('\u{2014}', "-"), ('\u{2015}', "-"), ('\u{2212}', "-"),
    ('\u{a0}', " "), ('\u{2002}', " "), ('\u{2003}', " "), ('\u{2007}', " "), ('\u{2009}', " "), ('\u{200a}', " "), ('\u{202f}', " "), ('\u{3000}', " "),
    ('\u{2026}', "..."), ('\u{200b}', ""), ('\u{feff}', ""), ('\u{2060}', ""),
];

fn plain(c: char) -> Option<&'static str> {
    TYPOGRAPHY.iter().find(|(odd, _)| *odd == c).map(|(_, plain)| *plain)
}

/// Returns a line with every typographic character as it is typed.
pub(crate) fn folded(line: &str) -> String {
    let mut folded = String::with_capacity(line.len());
    for c in line.chars() {
        match plain(c) {
            Some(plain) => folded.push_str(plain),
            None => folded.push(c),
        }
    }
    folded
}

/// Returns an added line with those typographic characters typed plainly which the reply put for plain ones of the file.
pub(crate) fn as_in_file(line: &str, pairs: &[(&str, &str)]) -> String {
    let is_slip = |c: char| {
        let count = |text: &str| text.matches(c).count();
        pairs.iter().any(|(reply, file)| count(reply) > count(file))
    };
    line.chars().map(|c| plain(c).filter(|_| is_slip(c)).map_or_else(|| c.to_string(), str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slips_seen_in_old_lines_are_undone_in_new_ones() {
        let pairs = [("print(\u{201c}a\u{201d})", "print(\"a\")")];
        assert_eq!(as_in_file("say(\u{201c}b \u{2014}\u{201d})", &pairs), "say(\"b \u{2014}\")");
        assert_eq!(folded("\u{2018}a\u{a0}b\u{2019}\u{2026}"), "'a b'...");
    }
}
