//! Paths as replies name them: in headings, in prose, on a fence, in a comment. Whether one may be used is judged
//! elsewhere.

/// Reads a line that does nothing but name a file: `src/a.rs`, `### src/a.rs`, `**src/a.rs**:`, `File: src/a.rs`.
pub(crate) fn path_line(line: &str) -> Option<String> {
    let mut text = line.trim().trim_end_matches(':').trim_end();
    for start in ["#", ">", "*", "-", "//", "<!--", "1.", "2.", "3."] {
        text = text.trim_start_matches(start).trim_start();
    }
    text = text.trim_end_matches("-->").trim_matches(['*', '_', ' ']).trim_end_matches(':').trim();
    for label in
        ["file path", "filepath", "filename", "file", "path", "update", "edit", "modify", "create", "new file", "in"]
    {
        if let Some(rest) = strip_label(text, label) {
            text = rest;
        }
    }
    let text = text.trim_matches(['`', '*', '"', '\'']).trim_end_matches(':').trim_matches('`');
    looks_like_path(text).then(|| text.to_owned())
}

fn strip_label<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let head = text.get(..label.len())?;
    let rest = &text[label.len()..];
    let ends = rest.starts_with(':') || rest.trim_start().starts_with('`') || rest.starts_with("**");
    (head.eq_ignore_ascii_case(label) && ends).then(|| rest.trim_start_matches([':', '*', ' ']))
}

/// Finds the one path a sentence names in backticks.
pub(crate) fn path_in_prose(line: &str) -> Option<String> {
    let mut named = line.split('`').skip(1).step_by(2).filter(|text| looks_like_path(text) && is_file_name(text));
    let path = named.next()?;
    named.next().is_none().then(|| path.to_owned())
}

/// Reads the path on a fence: ```` ```rust src/a.rs ````, ```` ```rust:src/a.rs ````, ```` ```{title="src/a.rs"} ````.
pub(crate) fn path_in_info(info: &str) -> Option<String> {
    let is_path = |text: &&str| looks_like_path(text) && is_file_name(text);
    for label in ["title=", "file=", "path=", "filename=", "filepath="] {
        if let Some((_, rest)) = info.split_once(label) {
            let value = rest.trim_start_matches(['"', '\'']);
            let value = value.split(['"', '\'', ' ', '}', ',']).next().filter(is_path);
            return value.map(str::to_owned);
        }
    }
    let words = info.split([' ', '\t', ':']).filter(|word| !word.is_empty());
    words.map(|word| word.trim_matches(['(', ')', '[', ']', '`', '"'])).find(is_path).map(str::to_owned)
}

/// Reads a path in a comment that is the first line of a file: `// src/a.rs`, `# path: src/a.py`.
pub(crate) fn path_comment(line: &str) -> Option<String> {
    let text = line.trim();
    let inner = ["//", "#", "--", ";", "/*", "<!--"].iter().find_map(|mark| text.strip_prefix(mark))?;
    let inner = inner.trim_end_matches("*/").trim_end_matches("-->").trim();
    let inner = ["file:", "path:", "filename:", "File:", "Path:"]
        .iter()
        .find_map(|label| inner.strip_prefix(label))
        .unwrap_or(inner);
    let inner = inner.trim();
    (looks_like_path(inner) && is_file_name(inner) && inner.contains('/')).then(|| inner.to_owned())
}

/// Tells whether a text could be a path and nothing else.
fn looks_like_path(text: &str) -> bool {
    let odd =
        |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '|' | '`' | '"' | ';' | '{' | '}' | '=' | ',' | '?');
    !text.is_empty()
        && text.len() <= 512
        && !text.contains(odd)
        && (text.contains('/') || is_file_name(text))
        && !text.contains("://")
        || is_spaced_path(text)
}

/// A path with blanks is taken for one only when it has a folder and an extension.
fn is_spaced_path(text: &str) -> bool {
    let odd = |c: char| matches!(c, '<' | '>' | '|' | '`' | '"' | ';' | '{' | '}' | '=' | ',' | '?' | ':' | '(' | '\t');
    text.contains('/')
        && !text.contains(odd)
        && text.split(' ').count() <= 4
        && !text.contains(". ")
        && is_file_name(text)
}

/// Tells whether the last part of a text has an extension, or is a usual name without one.
fn is_file_name(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or(text);
    match name.rsplit_once('.') {
        Some((stem, extension)) => {
            let fits = !extension.is_empty()
                && extension.len() <= 12
                && extension.chars().all(|c| c.is_alphanumeric() || c == '_');
            fits && (!stem.is_empty() || text.contains('/') || extension.chars().all(char::is_alphabetic))
                && !extension.chars().all(|c| c.is_ascii_digit())
                && !stem.contains('(')
        }
        None => matches!(
            name,
            "Makefile" | "Dockerfile" | "Rakefile" | "Gemfile" | "Justfile" | "LICENSE" | "README" | "Jenkinsfile"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_name_a_file_are_read() {
        for line in [
            "src/a.rs",
            "### src/a.rs",
            "**src/a.rs**",
            "`src/a.rs`:",
            "File: src/a.rs",
            "**File:** `src/a.rs`",
            "- src/a.rs",
            "// src/a.rs",
        ] {
            assert_eq!(path_line(line).as_deref(), Some("src/a.rs"), "{line}");
        }
        assert_eq!(path_line("../../etc/passwd").as_deref(), Some("../../etc/passwd"));
        assert_eq!(path_line("a folder/b.rs").as_deref(), Some("a folder/b.rs"));
        for line in [
            "Here is the fix",
            "This changes `a` and `b`",
            "",
            "```rust",
            "fn main() {",
            "see https://x.y/z.html",
            "e.g. this",
        ] {
            assert_eq!(path_line(line), None, "{line}");
        }
    }

    #[test]
    fn fences_comments_and_prose_name_files() {
        for info in [
            "rust src/a.rs",
            "rust:src/a.rs",
            "src/a.rs",
            "rust title=\"src/a.rs\"",
            "{.rust file=src/a.rs}",
            "rust (src/a.rs)",
        ] {
            assert_eq!(path_in_info(info).as_deref(), Some("src/a.rs"), "{info}");
        }
        assert_eq!(path_in_info("rust"), None);
        assert_eq!(path_comment("# path: src/a.py").as_deref(), Some("src/a.py"));
        assert_eq!(path_comment("// see below"), None);
        assert_eq!(path_in_prose("In `src/a.rs` the `total` is wrong:").as_deref(), Some("src/a.rs"));
        assert_eq!(path_in_prose("`a.rs` or `b.rs`"), None);
    }
}
