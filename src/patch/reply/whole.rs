//! A whole file, or a whole function, in a fence with a path. Which of the two it is, the file decides.

use crate::model::Refusal;
use crate::patch::edit::{Ask, Request};
use crate::patch::reply::fence::{self, Fence};
use crate::patch::reply::{Read, Text, naming, truncated};

/// Reads all fences that have a path.
pub(crate) fn read(text: &Text<'_>) -> Result<Option<Read>, Refusal> {
    let fences = fence::fences(&text.lines);
    let mut requests = Vec::new();
    let mut from = 0;
    for fence in &fences {
        if let Some((path, skip)) = path_of(text, fence, from) {
            if !fence.closed {
                return Err(truncated(&format!("the fence at line {} is never closed", fence.open + 1)));
            }
            let outdent =
                |line: &&str| line[(line.len() - line.trim_start_matches(' ').len()).min(fence.indent)..].to_owned();
            let inside = &text.lines[fence.inside.start + skip..fence.inside.end];
            let whole = inside.iter().map(outdent).map(|line| line + "\n").collect();
            requests.push(Request::new(vec![path], Ask::Whole(whole)));
        }
        from = fence.inside.end + 1;
    }
    Ok((!requests.is_empty()).then(|| Read { requests, rest: Vec::new() }))
}

/// Finds a fence's path, and how many of its first lines are not text but that path.
fn path_of(text: &Text<'_>, fence: &Fence, from: usize) -> Option<(String, usize)> {
    let above =
        || text.lines[from.min(fence.open)..fence.open].iter().rev().filter(|line| !line.trim().is_empty()).take(1);
    let first = text.lines.get(fence.inside.clone()).and_then(|lines| lines.first());
    naming::path_in_info(&fence.info)
        .or_else(|| above().find_map(|line| naming::path_line(line)))
        .map(|path| (path, 0))
        .or_else(|| first.and_then(|line| naming::path_comment(line)).map(|path| (path, 1)))
        .or_else(|| above().find_map(|line| naming::path_in_prose(line)).map(|path| (path, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(reply: &str) -> Vec<(String, String)> {
        let read = read(&Text::new(reply)).unwrap();
        let text = |ask: Ask| if let Ask::Whole(text) = ask { text } else { String::new() };
        read.into_iter()
            .flat_map(|read| read.requests)
            .map(|request| (request.spellings.concat(), text(request.ask)))
            .collect()
    }

    #[test]
    fn a_fence_with_a_path_is_a_file() {
        for reply in [
            "a/b.py:\n```python\nx\n```\n",
            "```python a/b.py\nx\n```",
            "```python\n# a/b.py\nx\n```",
            "Here is `a/b.py`:\n\n```\nx\n```",
        ] {
            assert_eq!(paths(reply), [("a/b.py".to_owned(), "x\n".to_owned())], "{reply}");
        }
        assert_eq!(paths("```python\nx\n```"), []);
    }

    #[test]
    fn an_open_fence_is_a_truncated_reply() {
        assert_eq!(read(&Text::new("a.py\n```\nx")).err().map(|refusal| refusal.rule), Some("truncated".into()));
    }
}
