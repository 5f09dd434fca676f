//! SEARCH/REPLACE blocks: what aider made usual, and its cousins with other words in the markers.

use crate::model::Refusal;
use crate::patch::edit::{Ask, Block, Request};
use crate::patch::reply::{Read, Text, fence, naming, truncated};

const SEARCH_WORDS: &[&str] = &["SEARCH", "ORIGINAL", "OLD", "FIND", "BEFORE"];
const REPLACE_WORDS: &[&str] = &["REPLACE", "UPDATED", "NEW", "REPLACEMENT", "MODIFIED", "AFTER"];

/// Lines above a block in which its path is looked for.
const PATH_LINES_MAX: usize = 4;

/// Tells whether a text has such a block.
pub(crate) fn is_marked(text: &Text<'_>) -> bool {
    text.lines.iter().any(|line| opening(line).is_some())
}

/// Reads all blocks.
pub(crate) fn read(text: &Text<'_>) -> Result<Option<Read>, Refusal> {
    if !is_marked(text) {
        return Ok(None);
    }
    let (mut requests, mut rest) = (Vec::new(), Vec::new());
    let (mut at, mut used, mut path) = (0, 0, Vec::new());
    while at < text.lines.len() {
        let Some(opening) = opening(text.lines[at]) else {
            if closing(text.lines[at]).is_some() {
                return Err(stray(text.lines[at], at));
            }
            rest.push(text.lines[at].to_owned());
            at += 1;
            continue;
        };
        let named = opening.path.clone().or_else(|| path_above(&text.lines[used..at]));
        if let Some(named) = named {
            path = vec![named];
        }
        let (request, next) = block(text, at, &opening, path.clone())?;
        requests.push(request);
        (at, used) = (next, next);
    }
    Ok(Some(Read { requests, rest }))
}

struct Opening {
    width: usize,
    indent: usize,
    path: Option<String>,
}

fn opening(line: &str) -> Option<Opening> {
    let (indent, width, rest) = marker(line, '<', SEARCH_WORDS)?;
    let path = rest.trim().trim_matches(['[', ']', '(', ')', ':']).trim();
    Some(Opening { width, indent, path: naming::path_line(path) })
}

fn closing(line: &str) -> Option<usize> {
    marker(line, '>', REPLACE_WORDS).map(|(_, width, _)| width)
}

/// Reads a marker: indentation, number of marks, what follows its word.
fn marker<'a>(line: &'a str, mark: char, words: &[&str]) -> Option<(usize, usize, &'a str)> {
    let text = line.trim_start_matches(' ');
    let rest = text.trim_start_matches(mark);
    let width = text.len() - rest.len();
    let rest = rest.trim_start();
    let word = words.iter().find(|word| {
        rest.strip_prefix(**word).is_some_and(|tail| !tail.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })?;
    (5..=9).contains(&width).then(|| (line.len() - text.len(), width, &rest[word.len()..]))
}

fn is_divider(line: &str, width: usize) -> bool {
    let text = line.trim();
    text.len() == width && text.bytes().all(|byte| byte == b'=')
}

fn block(text: &Text<'_>, at: usize, opening: &Opening, path: Vec<String>) -> Result<(Request, usize), Refusal> {
    let lines = &text.lines;
    let end = (at + 1..lines.len()).find(|index| closing(lines[*index]).is_some());
    let Some(end) = end else {
        return Err(truncated(&format!("the block that begins at line {} of the reply has no REPLACE marker", at + 1)));
    };
    if let Some(second) = (at + 1..end).find(|index| self::opening(lines[*index]).is_some()) {
        return Err(stray(lines[second], second));
    }
    let mut dividers = (at + 1..end).filter(|index| is_divider(lines[*index], opening.width));
    let (divider, others) = (dividers.next(), dividers.count());
    let Some(divider) = divider.filter(|_| others == 0) else {
        let sentence = format!(
            "the block at line {} of the reply must have one `=======` line; it has {}",
            at + 1,
            if others == 0 { 0 } else { others + 1 }
        );
        return Err(Refusal::new("block-divider", sentence));
    };
    let outdent = |line: &&str| {
        let depth = line.len() - line.trim_start_matches(' ').len();
        line[depth.min(opening.indent)..].to_owned()
    };
    let search: Vec<String> = lines[at + 1..divider].iter().map(outdent).collect();
    let replace: Vec<String> = lines[divider + 1..end].iter().map(outdent).collect();
    Ok((Request::new(path, ask(&search, &replace)), end + 1))
}

fn ask(search: &[String], replace: &[String]) -> Ask {
    let (start, search) = without_line_hint(search);
    if search.iter().all(|line| line.trim().is_empty()) {
        return Ask::Create(
            replace.iter().map(|line| format!("{}\n", line.strip_suffix('\r').unwrap_or(line))).collect(),
        );
    }
    let borrowed = |lines: &[String]| -> Vec<String> { lines.to_vec() };
    let (search, replace) = (borrowed(search), borrowed(replace));
    let search: Vec<&str> = search.iter().map(String::as_str).collect();
    let replace: Vec<&str> = replace.iter().map(String::as_str).collect();
    Ask::Edit(vec![Block { start, ..Block::replacing(&search, &replace) }])
}

/// Takes off `:start_line:42` and the dashes under it, as some tools ask for.
fn without_line_hint(search: &[String]) -> (Option<usize>, &[String]) {
    let is_hint = |line: &&String| line.trim().starts_with(":start_line:") || line.trim().starts_with(":end_line:");
    let n = search.iter().take_while(is_hint).count();
    let start = search.first().and_then(|line| line.trim().strip_prefix(":start_line:")?.trim().parse().ok());
    let dashes = n > 0 && search.get(n).is_some_and(|line| line.len() >= 5 && line.bytes().all(|byte| byte == b'-'));
    (start, &search[n + usize::from(dashes)..])
}

/// Finds the path in the lines right above a block, nearest first.
fn path_above(above: &[&str]) -> Option<String> {
    let near = || above.iter().rev().filter(|line| !line.trim().is_empty()).take(PATH_LINES_MAX);
    let on_fence = near()
        .next()
        .filter(|line| fence::is_fence(line))
        .and_then(|line| naming::path_in_info(line.trim().trim_start_matches(['`', '~'])));
    let not_fence = || near().filter(|line| !fence::is_fence(line)).take(2);
    on_fence
        .or_else(|| not_fence().find_map(|line| naming::path_line(line)))
        .or_else(|| not_fence().find_map(|line| naming::path_in_prose(line)))
}

fn stray(line: &str, index: usize) -> Refusal {
    let sentence = format!(
        "the marker `{}` at line {} of the reply stands alone; each block needs all three markers",
        line.trim(),
        index + 1
    );
    Refusal::new("block-markers", sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(reply: &str) -> Result<Vec<Request>, String> {
        read(&Text::new(reply)).map(|read| read.expect("the form is there").requests).map_err(|refusal| refusal.rule)
    }

    fn paths(reply: &str) -> Vec<String> {
        requests(reply).unwrap().into_iter().map(|request| request.spellings.concat()).collect()
    }

    const BODY: &str = "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n";

    #[test]
    fn the_path_is_found_before_the_fence_inside_it_and_on_it() {
        for reply in [
            format!("src/a.rs\n```rust\n{BODY}```\n"),
            format!("```rust\nsrc/a.rs\n{BODY}```\n"),
            format!("Text.\n\n### `src/a.rs`\n\n```\n{BODY}```\n"),
            format!("```rust src/a.rs\n{BODY}```\n"),
            format!("src/a.rs\n{BODY}"),
            BODY.replace("SEARCH", "SEARCH src/a.rs"),
        ] {
            assert_eq!(paths(&reply), ["src/a.rs"], "{reply}");
        }
        assert_eq!(paths(&format!("a.rs\n{BODY}\n{BODY}\nb.rs\n{BODY}")), ["a.rs", "a.rs", "b.rs"]);
    }

    #[test]
    fn an_empty_search_creates_a_file() {
        let reply = "new.rs\n<<<<<<< SEARCH\n=======\nfn a() {}\n>>>>>>> REPLACE\n";
        assert_eq!(requests(reply).unwrap()[0].ask, Ask::Create("fn a() {}\n".into()));
    }

    #[test]
    fn broken_blocks_are_refused() {
        let cut = |at: &str| BODY[..BODY.find(at).unwrap()].to_owned();
        assert_eq!(requests(&cut(">>>>>>>")), Err("truncated".into()));
        assert_eq!(requests(&cut("=======")), Err("truncated".into()));
        assert_eq!(requests(&BODY.replace("=======\n", "")), Err("block-divider".into()));
        assert_eq!(requests(&BODY.replace("=======", "=======\n=======")), Err("block-divider".into()));
        assert_eq!(requests(&format!("{}{BODY}", cut(">>>>>>>"))), Err("block-markers".into()));
        assert_eq!(requests(&format!("{BODY}>>>>>>> REPLACE\n")), Err("block-markers".into()));
    }

    #[test]
    fn longer_markers_keep_shorter_dividers_as_text() {
        let reply = "a.md\n<<<<<<<< SEARCH\nTitle\n=======\n========\nName\n=======\n>>>>>>>> REPLACE\n";
        assert_eq!(requests(reply).unwrap().len(), 1);
    }
}
