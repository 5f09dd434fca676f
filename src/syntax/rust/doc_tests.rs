//! The blocks of doc comments that rustdoc compiles as tests, fenced or indented.
//!
//! After the rustdoc book, "Documentation tests". `#[doc = "…"]` attributes are not looked at.

use std::ops::Range;

use crate::syntax::{Node, Source};

/// One line of documentation: what it says, and the bytes it covers in the file.
struct DocLine<'s> {
    text: &'s str,
    /// Number of blanks before the text.
    indent: usize,
    bytes: Range<usize>,
}

/// Returns the byte ranges of doc-test blocks, from the line of the opening fence to that of the closing one.
pub(super) fn blocks(source: &Source) -> Vec<(Range<usize>, String)> {
    let mut blocks = Vec::new();
    let mut run: Vec<DocLine<'_>> = Vec::new();
    let mut last: Option<Node<'_>> = None;
    for comment in source.root().descendants().filter(|node| matches!(node.kind(), "line_comment" | "block_comment")) {
        let Some(doc) = comment.child("doc") else { continue };
        if last.is_some_and(|last| !continues(last, comment)) {
            blocks_of(&run, &mut blocks);
            run.clear();
        }
        run.extend(doc_lines(comment, doc));
        last = Some(comment);
    }
    blocks_of(&run, &mut blocks);
    blocks
}

/// Tells whether rustdoc joins two doc comments: same kind, nothing but blanks and attributes between them.
fn continues(last: Node<'_>, next: Node<'_>) -> bool {
    let is_inner = |node: Node<'_>| node.child("inner").is_some();
    let between = next.siblings_before().take_while(|sibling| *sibling != last);
    last.parent() == next.parent()
        && is_inner(last) == is_inner(next)
        && between.into_iter().all(|node| matches!(node.kind(), "attribute_item" | "line_comment" | "block_comment"))
}

fn doc_lines<'s>(comment: Node<'s>, doc: Node<'s>) -> Vec<DocLine<'s>> {
    let is_block = comment.kind() == "block_comment";
    let mut start = doc.bytes().start;
    let mut lines = Vec::new();
    for line in doc.text().split_inclusive('\n') {
        let bytes = start..start + line.trim_end_matches('\n').len();
        start += line.len();
        let starred = line.trim_start().strip_prefix('*').filter(|_| is_block);
        let line = starred.unwrap_or(line);
        let indent = line.len() - line.trim_start().len();
        lines.push(DocLine { text: line.trim(), indent, bytes });
    }
    // A block's markers belong to its first and last line, a line comment's to its only one.
    if let Some(first) = lines.first_mut() {
        first.bytes.start = comment.bytes().start;
    }
    lines
}

/// Finds the blocks of consecutive documentation lines.
fn blocks_of(lines: &[DocLine<'_>], blocks: &mut Vec<(Range<usize>, String)>) {
    let margin = lines.iter().filter(|line| !line.text.is_empty()).map(|line| line.indent).min().unwrap_or_default();
    let mut at = 0;
    let mut in_list = false;
    while let Some(line) = lines.get(at) {
        let is_after_blank =
            at.checked_sub(1).and_then(|before| lines.get(before)).is_none_or(|line| line.text.is_empty());
        let (n_lines, is_test) = if let Some(fence) = fence(line.text) {
            (n_fenced(&lines[at..], fence), is_run(&line.text[fence.len()..]))
        } else if is_indented(line, margin) && is_after_blank && !in_list {
            (n_indented(&lines[at..], margin), true)
        } else {
            in_list |= is_list_item(line.text);
            (1, false)
        };
        if is_test {
            blocks.push((line.bytes.start..lines[at + n_lines - 1].bytes.end, "doc-test".to_owned()));
        }
        at += n_lines;
    }
}

/// Returns the number of lines from an opening fence to the closing one, or to the end.
fn n_fenced(lines: &[DocLine<'_>], fence: &str) -> usize {
    let body = lines.iter().skip(1);
    body.into_iter().position(|line| closes(line.text, fence)).map_or(lines.len(), |n_body| n_body + 2)
}

/// Returns the number of lines of an indented block, blank lines inside it included.
fn n_indented(lines: &[DocLine<'_>], margin: usize) -> usize {
    let inside = lines.iter().take_while(|line| line.text.is_empty() || is_indented(line, margin));
    let last = inside.enumerate().filter(|(_, line)| !line.text.is_empty()).map(|(n, _)| n).last();
    last.unwrap_or_default() + 1
}

fn is_indented(line: &DocLine<'_>, margin: usize) -> bool {
    !line.text.is_empty() && line.indent >= margin + 4
}

/// What is indented after a list item continues it.
fn is_list_item(text: &str) -> bool {
    let is_bullet = ["- ", "* ", "+ "].iter().any(|bullet| text.starts_with(bullet));
    is_bullet || text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(". ")
}

/// Returns the fence that opens a line: three or more backticks or tildes.
fn fence(text: &str) -> Option<&str> {
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let fence = &text[..text.len() - text.trim_start_matches(mark).len()];
    let info = &text[fence.len()..];
    (fence.len() >= 3 && !(mark == '`' && info.contains('`'))).then_some(fence)
}

fn closes(text: &str, fence: &str) -> bool {
    text.starts_with(fence) && text.trim_start_matches(|c| fence.starts_with(c)).is_empty()
}

/// Tells whether rustdoc compiles a block of this info string: Rust unless another language is named, not ignored.
fn is_run(info: &str) -> bool {
    let words =
        info.split([',', ' ', '\t', '{', '}']).map(|word| word.trim_start_matches('.')).filter(|word| !word.is_empty());
    let mut rust = false;
    let mut other = false;
    for word in words {
        match word {
            "ignore" => return false,
            "rust" | "should_panic" | "no_run" | "compile_fail" | "test_harness" | "standalone_crate" => rust = true,
            word if word.starts_with("edition") || word.starts_with("ignore-") => rust = true,
            word if is_error_code(word) => {}
            _ => other = true,
        }
    }
    rust || !other
}

fn is_error_code(word: &str) -> bool {
    word.strip_prefix('E').is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::{Language, parse};

    fn doc_tests(text: &str) -> Vec<String> {
        let source = parse(Language::Rust, text);
        blocks(&source).into_iter().map(|(bytes, _)| text[bytes].to_owned()).collect()
    }

    #[test]
    fn a_fenced_block_reaches_from_fence_to_fence() {
        let text = "/// Adds.\n///\n/// ```\n/// assert_eq!(add(1, 2), 3);\n/// ```\n/// More.\nfn add() {}\n";
        assert_eq!(doc_tests(text), ["/// ```\n/// assert_eq!(add(1, 2), 3);\n/// ```"]);
        let inner = "//! ```rust,no_run\n//! go();\n//! ```\n\nfn f() {}\n";
        assert_eq!(doc_tests(inner), ["//! ```rust,no_run\n//! go();\n//! ```"]);
    }

    #[test]
    fn block_comments_hold_doc_tests_too() {
        let text = "/** Adds.\n * ```\n * add();\n * ```\n */\nfn add() {}\n";
        assert_eq!(doc_tests(text), [" * ```\n * add();\n * ```"]);
    }

    #[test]
    fn other_languages_ignored_blocks_and_ordinary_comments_are_none() {
        for fence in ["text", "ignore", "sh", "toml,ignore", "console"] {
            assert_eq!(doc_tests(&format!("/// ```{fence}\n/// x\n/// ```\nfn f() {{}}")), [""; 0], "{fence}");
        }
        assert_eq!(doc_tests("// ```\n// x\n// ```\nfn f() {}"), [""; 0]);
        assert_eq!(doc_tests("/// ``` a `b` ```\nfn f() {}"), [""; 0]);
    }

    #[test]
    fn the_info_string_is_read_as_rustdoc_reads_it() {
        for info in
            ["", "rust", "should_panic", "compile_fail,E0308", "edition2021", "ignore-wasm32", "rust, text", "{.rust}"]
        {
            assert!(is_run(info), "{info}");
        }
        for info in ["ignore", "rust,ignore", "c", "text should", "E"] {
            assert!(!is_run(info), "{info}");
        }
    }

    #[test]
    fn indented_blocks_are_doc_tests_outside_of_lists() {
        let text = "/// Adds:\n///\n///     add(1);\n///\n///     add(2);\n///\n/// More.\nfn add() {}\n";
        assert_eq!(doc_tests(text), ["///     add(1);\n///\n///     add(2);"]);
        assert_eq!(doc_tests("/// - a\n///\n///     more of a\nfn f() {}\n"), [""; 0]);
        assert_eq!(doc_tests("/// a\n///     continued\nfn f() {}\n"), [""; 0]);
    }

    #[test]
    fn an_unclosed_block_ends_with_its_comment() {
        assert_eq!(doc_tests("/// ```\n/// x\nfn f() {}\n/// ```\n/// y\n/// ```\nfn g() {}").len(), 2);
    }

    #[test]
    fn a_longer_fence_holds_shorter_ones() {
        let text = "/// ````\n/// ```\n/// x\n/// ````\n/// ~~~text\n/// ```\n/// ~~~\nfn f() {}";
        assert_eq!(doc_tests(text), ["/// ````\n/// ```\n/// x\n/// ````"]);
    }
}
