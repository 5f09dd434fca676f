//! Text as lines, and the conventions a file follows (line ends, byte-order mark). It never changes a text.

/// The byte-order mark some files begin with.
pub(crate) const BOM: char = '\u{feff}';

/// Splits after each `\n`; lines keep their ends, the last may have none. An empty text has no lines.
pub(crate) fn split(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Returns a line without its `\n` or `\r\n`.
pub(crate) fn body(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// Returns a line's end: `\n`, `\r\n` or nothing.
pub(crate) fn end(line: &str) -> &str {
    if line.ends_with("\r\n") {
        "\r\n"
    } else if line.ends_with('\n') {
        "\n"
    } else {
        ""
    }
}

/// Returns the line end most lines use; `\n` where there is none to go by.
pub(crate) fn common_end<'a>(lines: impl IntoIterator<Item = &'a str>) -> &'static str {
    let (mut lf, mut crlf) = (0_usize, 0_usize);
    for line in lines {
        match end(line) {
            "\r\n" => crlf += 1,
            "\n" => lf += 1,
            _ => {}
        }
    }
    if crlf > lf { "\r\n" } else { "\n" }
}

/// Returns the leading spaces and tabs of a line.
pub(crate) fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Tells whether a line holds nothing but white space.
pub(crate) fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// Tells whether a line could stand anywhere: it is blank or has fewer than three letters and digits.
pub(crate) fn is_trivial(line: &str) -> bool {
    line.chars().filter(|c| c.is_alphanumeric()).take(3).count() < 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_ends_and_bodies_lose_them() {
        let lines = split("a\r\nb\nc");
        assert_eq!(lines, ["a\r\n", "b\n", "c"]);
        let parts: Vec<_> = lines.iter().map(|line| (body(line), end(line))).collect();
        assert_eq!(parts, [("a", "\r\n"), ("b", "\n"), ("c", "")]);
        assert!(split("").is_empty());
    }

    #[test]
    fn the_more_frequent_line_end_is_the_common_one() {
        assert_eq!(common_end(["a\r\n", "b\r\n", "c\n"]), "\r\n");
        assert_eq!(common_end(["a"]), "\n");
    }

    #[test]
    fn braces_and_blank_lines_are_trivial() {
        assert!(is_trivial("    }") && is_trivial("") && is_trivial("fi") && !is_trivial("end"));
    }
}
