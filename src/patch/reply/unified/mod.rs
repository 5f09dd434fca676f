//! Unified diffs: git's, plain ones, and those models write, with or without headers, fences and right numbers.

mod header;
mod hunk;

use std::ops::Range;

use self::header::{Header, Named};
use crate::model::Refusal;
use crate::patch::edit::{Ask, Block, Ending, Line, Request, Tag};
use crate::patch::reply::fence::{self, Fence};
use crate::patch::reply::{Read, Text, naming};

/// Tells whether a text has a diff.
pub(crate) fn is_marked(text: &Text<'_>) -> bool {
    (0..text.lines.len()).any(|index| {
        let line = text.lines[index];
        hunk::is_numbered(line) || line.starts_with("diff --git ") || is_names(&text.lines, index)
    })
}

/// Tells whether a text has a diff, if only one with bare hunk headers.
fn is_diff(lines: &[&str]) -> bool {
    let marked = (0..lines.len()).any(|index| {
        hunk::is_header(lines[index]) || lines[index].starts_with("diff --git ") || is_names(lines, index)
    });
    marked
        && (lines.iter().any(|line| line.starts_with(['+', '-']))
            || lines.iter().any(|line| line.starts_with("diff --git ")))
}

/// Tells whether the `---` and `+++` lines of a header stand here.
fn is_names(lines: &[&str], index: usize) -> bool {
    lines[index].starts_with("--- ") && lines.get(index + 1).is_some_and(|line| line.starts_with("+++ "))
}

/// Reads all diffs: those in fences where there are any, else those of the whole reply.
pub(crate) fn read(text: &Text<'_>) -> Result<Option<Read>, Refusal> {
    let mut fences: Vec<Fence> =
        fence::fences(&text.lines).into_iter().filter(|fence| is_diff(&text.lines[fence.inside.clone()])).collect();
    let before = fences.first().map_or(&[][..], |fence| &text.lines[..fence.open]);
    if (0..before.len()).any(|index| is_names(before, index)) {
        // A fence after the names of a diff is text of the file the diff is about.
        fences.clear();
    }
    if fences.is_empty() {
        if !is_diff(&text.lines) {
            return Ok(None);
        }
        let mut section = Section::new(&text.lines, if text.ended { Ending::Open } else { Ending::Cut });
        let requests = section.requests(None)?;
        return Ok(Some(Read { requests, rest: Vec::new() }));
    }
    let mut requests = Vec::new();
    let mut from = 0;
    for fence in &fences {
        let outdent =
            |line: &&str| line[(line.len() - line.trim_start_matches(' ').len()).min(fence.indent)..].to_owned();
        let inside: Vec<String> = text.lines[fence.inside.clone()].iter().map(outdent).collect();
        let inside: Vec<&str> = inside.iter().map(String::as_str).collect();
        let ending = match (fence.closed, text.ended) {
            (true, _) => Ending::Closed,
            (false, true) => Ending::Open,
            (false, false) => Ending::Cut,
        };
        let above = text.lines[from.min(fence.open)..fence.open].iter().rev().find(|line| !line.trim().is_empty());
        let named = naming::path_in_info(&fence.info)
            .or_else(|| above.and_then(|line| naming::path_line(line).or_else(|| naming::path_in_prose(line))));
        requests.extend(Section::new(&inside, ending).requests(named.as_deref())?);
        from = fence.inside.end + 1;
    }
    let used: Vec<Range<usize>> = fences.iter().map(|fence| fence.open..fence.inside.end + 1).collect();
    let rest = (0..text.lines.len()).filter(|index| !used.iter().any(|range| range.contains(index)));
    Ok(Some(Read { requests, rest: rest.map(|index| text.lines[index].to_owned()).collect() }))
}

/// A run of lines that holds diffs.
struct Section<'a> {
    lines: &'a [&'a str],
    ending: Ending,
    files: Vec<(Header, Vec<Block>)>,
}

impl<'a> Section<'a> {
    fn new(lines: &'a [&'a str], ending: Ending) -> Self {
        Self { lines, ending, files: Vec::new() }
    }

    fn requests(&mut self, named: Option<&str>) -> Result<Vec<Request>, Refusal> {
        let mut at = 0;
        while at < self.lines.len() {
            at = self.take(at)?;
        }
        let files = std::mem::take(&mut self.files);
        let requests = files.into_iter().map(|(header, blocks)| request(&header, blocks, named));
        requests.filter_map(Result::transpose).collect()
    }

    /// Reads what begins at a line; returns where the next thing begins.
    fn take(&mut self, at: usize) -> Result<usize, Refusal> {
        let line = self.lines[at];
        if line.starts_with("diff --git ") {
            self.files.push((Header::from_git(line)?, Vec::new()));
            return Ok(at + 1);
        }
        if is_names(self.lines, at) {
            if self.files.last().is_none_or(|(header, blocks)| header.has_names() || !blocks.is_empty()) {
                self.files.push((Header::default(), Vec::new()));
            }
            if let Some((header, _)) = self.files.last_mut() {
                header.take_names(line, self.lines[at + 1])?;
            }
            return Ok(at + 2);
        }
        if line.starts_with("@@@") {
            return Err(Refusal::new(
                "combined-diff",
                "the diff has several old sides; send one against the present file",
            ));
        }
        if hunk::is_header(line) {
            return Ok(self.take_hunk(hunk::header(line), at + 1));
        }
        match self.files.last_mut() {
            // Hunks whose header was left out begin right after the names.
            Some((header, blocks)) if blocks.is_empty() && header.has_names() && line.starts_with(['+', '-', ' ']) => {
                Ok(self.take_hunk(Block { is_diff: true, ..Block::default() }, at))
            }
            Some((header, blocks)) if blocks.is_empty() => header.take(line).map(|()| at + 1),
            _ => Ok(at + 1),
        }
    }

    fn take_hunk(&mut self, mut block: Block, at: usize) -> usize {
        let limit = self.limit(&block, at);
        let n = hunk::body(&mut block, &self.lines[at..limit]);
        let rest = &self.lines[at + n..];
        if rest.iter().all(|line| line.trim().is_empty()) {
            block.ending = if rest.is_empty() || self.ending == Ending::Closed { self.ending } else { Ending::Open };
        }
        if self.files.is_empty() {
            self.files.push((Header::default(), Vec::new()));
        }
        if let Some((_, blocks)) = self.files.last_mut() {
            blocks.push(block);
        }
        at + n
    }

    /// Returns where something else begins after the hunk at `start`, or the end. Two removed and added lines that look
    /// like names are told from them by the hunk's counts.
    fn limit(&self, block: &Block, start: usize) -> usize {
        let (mut n_old, mut n_new) = (0, 0);
        for index in start..self.lines.len() {
            let line = self.lines[index];
            if hunk::is_header(line) || line.starts_with("diff --git ") || line.starts_with("Index: ") {
                return index;
            }
            let is_short = block.counts.is_some_and(|(old, new)| n_old < old && n_new < new);
            let follows_hunk = || self.lines.get(index + 2).is_some_and(|line| hunk::is_header(line));
            if is_names(self.lines, index) && (!is_short || follows_hunk()) {
                return index;
            }
            n_old += usize::from(!line.starts_with('+'));
            n_new += usize::from(!line.starts_with('-'));
        }
        self.lines.len()
    }
}

fn request(header: &Header, mut blocks: Vec<Block>, named: Option<&str>) -> Result<Option<Request>, Refusal> {
    let Named { mut spellings, creates, deletes, reversed } = header.settle()?;
    if spellings.is_empty() {
        spellings.extend(named.map(str::to_owned));
    }
    for block in &mut blocks {
        block.reversed |= reversed;
    }
    let ids = header.ids.clone();
    let path = || spellings.first().cloned().unwrap_or_default();
    let ask = if creates {
        let all_added = blocks.iter().flat_map(|block| &block.lines).all(|line| line.tag == Tag::Add);
        if !all_added || blocks.len() > 1 {
            let sentence =
                format!("{} is announced as new, but its hunks have old lines; send all lines with `+`", path());
            return Err(Refusal::new("malformed", sentence));
        }
        if let Some(block) = blocks.first().filter(|block| is_short(block)) {
            let sentence = format!(
                "the new file {} has {} lines and its header announces more; send it whole",
                path(),
                block.lines.len()
            );
            return Err(Refusal::new("truncated", sentence));
        }
        Ask::Create(blocks.iter().flat_map(|block| &block.lines).map(Line::full_text).collect())
    } else if deletes {
        Ask::Delete(blocks)
    } else if blocks.is_empty() {
        if header.has_names() || ids.is_some() {
            return Err(Refusal::new("no-edit", format!("the diff of {} has no hunk; send the changed lines", path())));
        }
        return Ok(None);
    } else {
        Ask::Edit(blocks)
    };
    Ok(Some(Request { ids, ..Request::new(spellings, ask) }))
}

fn is_short(block: &Block) -> bool {
    block.ending != Ending::Closed && block.counts.is_some_and(|(_, new)| new > block.lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(reply: &str) -> Result<Vec<Request>, String> {
        let read = read(&Text::new(reply)).map_err(|refusal| refusal.rule)?;
        Ok(read.map(|read| read.requests).unwrap_or_default())
    }

    /// Tells each request as path, and the number of lines of each of its hunks.
    fn told(reply: &str) -> Vec<(String, Vec<usize>)> {
        let blocks = |ask: &Ask| match ask {
            Ask::Edit(blocks) | Ask::Delete(blocks) => blocks.iter().map(|block| block.lines.len()).collect(),
            Ask::Create(text) | Ask::Whole(text) => vec![text.lines().count()],
        };
        let told = |request: &Request| (request.spellings.first().cloned().unwrap_or_default(), blocks(&request.ask));
        requests(reply).unwrap().iter().map(told).collect()
    }

    const HUNK: &str = "@@ -1,2 +1,2 @@\n a\n-b\n+c\n";

    #[test]
    fn files_are_read_wherever_they_stand() {
        let plain = format!("--- a/x\n+++ b/x\n{HUNK}{HUNK}");
        for reply in [
            plain.clone(),
            format!("Text:\n\n```diff\n{plain}```\n- a bullet\n+ another\n"),
            format!("Text.\n{plain}\nThis mends the sum.\n"),
            format!("```diff\n{plain}"),
            format!("diff --git a/x b/x\nindex 123..456 100644\n{plain}-- \n2.39\n"),
        ] {
            assert_eq!(told(&reply), [("x".to_owned(), vec![3, 3])], "{reply}");
        }
        assert_eq!(told(&format!("{plain}--- a/y\n+++ b/y\n{HUNK}")).len(), 2);
        assert_eq!(told(&format!("In `src/z.rs`:\n```diff\n{HUNK}```\n")), [("src/z.rs".to_owned(), vec![3])]);
        assert_eq!(told(HUNK), [(String::new(), vec![3])]);
        assert_eq!(told("--- a/x\n+++ b/x\n a\n-b\n+c\n"), [("x".to_owned(), vec![3])]);
    }

    #[test]
    fn removed_and_added_lines_that_look_like_names_are_lines() {
        let reply = "--- a/x.sql\n+++ b/x.sql\n@@ -1,4 +1,4 @@\n a\n--- old\n+++ new\n b\n c\n";
        assert_eq!(told(reply), [("x.sql".to_owned(), vec![5])]);
    }

    #[test]
    fn creation_and_deletion_are_told_by_their_names_or_modes() {
        let new = "--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n+b\n";
        assert_eq!(requests(new).unwrap()[0].ask, Ask::Create("a\nb\n".into()));
        let empty = "diff --git a/x b/x\nnew file mode 100644\nindex 000..e69\n";
        assert_eq!(requests(empty).unwrap()[0].ask, Ask::Create(String::new()));
        assert!(matches!(requests("--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n").unwrap()[0].ask, Ask::Delete(_)));
        assert_eq!(requests(&new.replace("+a", " a")), Err("malformed".into()));
        assert_eq!(requests(&new.replace("1,2", "1,3")), Err("truncated".into()));
    }

    #[test]
    fn a_header_alone_is_no_edit() {
        assert_eq!(requests("--- a/x\n+++ b/x\n"), Err("no-edit".into()));
        assert_eq!(requests("--- a/x\n+++ b/x\n12c\nfoo\n.\n"), Err("no-edit".into()));
    }
}
