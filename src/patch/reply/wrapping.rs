//! What transport and chat put round a whole reply: marks in front, JSON or HTML wording, indentation. What is inside
//! stays as it is.

use crate::patch::locate::unescape_html;

/// Returns the readings of a reply, the plain one first. A second one exists only where the whole text seems to be worded
/// for HTML; which of them is meant, the tree decides.
pub(crate) fn readings(reply: &str) -> Vec<String> {
    let invisible = |c: char| matches!(c, '\u{feff}' | '\u{200b}' | '\u{200e}' | '\u{2060}');
    let text = reply.trim_start_matches(invisible);
    let text = unquoted(text).unwrap_or_else(|| text.to_owned());
    let text = outdented(&text).unwrap_or(text);
    let unescaped = is_html_worded(&text).then(|| unescape_html(&text));
    std::iter::once(text).chain(unescaped).collect()
}

/// Undoes JSON's wording of a text: no line ends but `\n`, with quotes round it or without.
fn unquoted(text: &str) -> Option<String> {
    let text = text.trim();
    if text.contains('\n') || !text.contains("\\n") {
        return None;
    }
    let quoted = if text.starts_with('"') && text.ends_with('"') && text.len() > 1 {
        text.to_owned()
    } else if text.starts_with(['{', '[']) {
        return None;
    } else {
        format!("\"{text}\"")
    };
    serde_json::from_str(&quoted).ok()
}

/// Takes the indentation all lines share off a text in which the marks of an edit are indented.
fn outdented(text: &str) -> Option<String> {
    let filled = || text.lines().filter(|line| !line.trim().is_empty());
    let depth = filled().map(|line| line.len() - line.trim_start_matches([' ', '\t']).len()).min()?;
    let marks = ["diff --git", "--- ", "@@", "*** Begin Patch", "<<<<<<<", "```"];
    let is_mark = |line: &str| marks.iter().any(|mark| line.starts_with(mark));
    if depth == 0 || !filled().any(|line| is_mark(line.get(depth..).unwrap_or_default())) {
        return None;
    }
    let cut = |line: &str| line.get(depth..).unwrap_or(line.trim_start_matches([' ', '\t'])).to_owned();
    Some(text.split('\n').map(cut).collect::<Vec<_>>().join("\n"))
}

/// Tells whether a text has entities and none of the characters they stand for.
fn is_html_worded(text: &str) -> bool {
    let pairs = [('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;")];
    let has_entity = ["&lt;", "&gt;", "&quot;", "&amp;", "&#39;", "&#x27;"].iter().any(|entity| text.contains(entity));
    let is_entity = |text: &str| {
        let name: String = text.chars().take(8).take_while(|c| c.is_alphanumeric() || *c == '#').collect();
        name.len() > 1 && text[name.len()..].starts_with(';')
    };
    let bare_ampersand = text.match_indices('&').any(|(at, _)| !is_entity(&text[at + 1..]));
    let quotes_kept = !text.contains("&quot;");
    let contradicted = pairs.iter().any(|(c, _)| text.contains(*c) && !(*c == '"' && quotes_kept));
    has_entity && !bare_ampersand && !contradicted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_in_front_and_json_wording_go() {
        assert_eq!(readings("\u{feff}\u{200b}a"), ["a"]);
        assert_eq!(readings("\"--- a\\n+++ b\\n\""), ["--- a\n+++ b\n"]);
        assert_eq!(readings("--- a\\n+\\tb \\\"c\\\"\\n"), ["--- a\n+\tb \"c\"\n"]);
    }

    #[test]
    fn shared_indentation_goes_only_round_an_edit() {
        assert_eq!(readings("    --- a\n    +++ b\n\n     x\n"), ["--- a\n+++ b\n\n x\n"]);
        assert_eq!(readings("    x\n    y\n"), ["    x\n    y\n"]);
    }

    #[test]
    fn html_wording_is_a_second_reading_only_where_nothing_contradicts_it() {
        assert_eq!(readings("+a &lt; b"), ["+a &lt; b", "+a < b"]);
        assert_eq!(readings("+a &lt; b > c"), ["+a &lt; b > c"]);
        assert_eq!(readings("+a &amp;&amp; b"), ["+a &amp;&amp; b", "+a && b"]);
        assert_eq!(readings("+a && b &lt;"), ["+a && b &lt;"]);
    }
}
