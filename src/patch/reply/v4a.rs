//! The `*** Begin Patch` envelope: files by marker lines, hunks without numbers but with headings.

use crate::model::Refusal;
use crate::patch::edit::{Ask, Block, Line, Request, Tag};
use crate::patch::reply::{Read, Text, truncated};

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";

/// Tells whether a text has such an envelope.
pub(crate) fn is_marked(text: &Text<'_>) -> bool {
    text.lines.iter().any(|line| line.trim_end() == BEGIN)
}

/// Reads all envelopes.
pub(crate) fn read(text: &Text<'_>) -> Result<Option<Read>, Refusal> {
    if !is_marked(text) {
        return Ok(None);
    }
    let (mut requests, mut rest) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < text.lines.len() {
        if text.lines[at].trim_end() != BEGIN {
            rest.push(text.lines[at].to_owned());
            at += 1;
            continue;
        }
        let inside = &text.lines[at + 1..];
        let Some(end) = inside.iter().position(|line| line.trim_end() == END) else {
            return Err(truncated("the envelope has no `*** End Patch`"));
        };
        envelope(&inside[..end], &mut requests)?;
        at += end + 2;
    }
    Ok(Some(Read { requests, rest }))
}

fn envelope(lines: &[&str], requests: &mut Vec<Request>) -> Result<(), Refusal> {
    let is_file = |line: &&str| line.starts_with("*** ") && !line.starts_with("*** End of File");
    let starts: Vec<usize> = (0..lines.len()).filter(|index| is_file(&lines[*index])).collect();
    if let Some(stray) =
        lines[..starts.first().copied().unwrap_or(lines.len())].iter().find(|line| !line.trim().is_empty())
    {
        return Err(Refusal::new(
            "malformed",
            format!("`{stray}` stands before the first file of the envelope; name the file first"),
        ));
    }
    for (n, start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(lines.len());
        requests.push(file(lines[*start], &lines[start + 1..end])?);
    }
    Ok(())
}

fn file(header: &str, body: &[&str]) -> Result<Request, Refusal> {
    let part = |label: &str| header.strip_prefix(label).map(|path| vec![path.trim().to_owned()]);
    if let Some(spellings) = part("*** Add File:") {
        let text =
            body.iter().filter(|line| !line.is_empty()).map(|line| added(line)).collect::<Result<String, _>>()?;
        return Ok(Request::new(spellings, Ask::Create(text)));
    }
    if let Some(spellings) = part("*** Delete File:") {
        return Ok(Request::new(spellings, Ask::Delete(Vec::new())));
    }
    if let Some(spellings) = part("*** Update File:") {
        return Ok(Request::new(spellings, Ask::Edit(blocks(body))));
    }
    if header.starts_with("*** Move to:") {
        return Err(Refusal::new(
            "rename",
            "renaming is not taken from a reply; delete the one file and add the other",
        ));
    }
    Err(Refusal::new(
        "malformed",
        format!("`{header}` is no marker of the patch envelope; use Add, Update or Delete File"),
    ))
}

fn added(line: &str) -> Result<String, Refusal> {
    let text = line.strip_prefix('+').map(|text| format!("{}\n", text.strip_suffix('\r').unwrap_or(text)));
    text.ok_or_else(|| {
        Refusal::new("malformed", format!("`{line}` of a new file has no `+`; give every line its sign"))
    })
}

fn blocks(body: &[&str]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut block = Block { is_diff: true, ..Block::default() };
    for line in body {
        if let Some(heading) = line.strip_prefix("@@") {
            if !block.lines.is_empty() {
                blocks.push(std::mem::replace(&mut block, Block { is_diff: true, ..Block::default() }));
            }
            let heading = heading.trim().trim_end_matches("@@").trim();
            if !heading.is_empty() {
                block.headings.push(heading.to_owned());
            }
        } else if !line.starts_with("*** End of File") {
            block.lines.push(line_of(line));
        }
    }
    blocks.push(block);
    blocks.iter_mut().for_each(trim);
    blocks.retain(|block| !block.lines.is_empty());
    blocks
}

fn line_of(line: &str) -> Line {
    match line.chars().next() {
        Some('+') => Line::new(Tag::Add, &line[1..]),
        Some('-') => Line::new(Tag::Remove, &line[1..]),
        Some(' ') => Line::new(Tag::Keep, &line[1..]),
        _ => Line { signed: line.is_empty(), ..Line::new(Tag::Keep, line) },
    }
}

/// Takes off blank lines without a sign at the end: they part hunks.
fn trim(block: &mut Block) {
    while block.lines.last().is_some_and(|line| line.tag == Tag::Keep && line.text.is_empty()) {
        block.lines.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(inside: &str) -> Result<Vec<Request>, String> {
        let reply = format!("Sure:\n{BEGIN}\n{inside}{END}\n");
        read(&Text::new(&reply)).map(|read| read.expect("an envelope").requests).map_err(|refusal| refusal.rule)
    }

    #[test]
    fn files_and_hunks_are_read_with_their_headings() {
        let found = requests("*** Update File: a.py\n@@ class A\n@@ def f():\n a\n-b\n+c\n@@\n x\n+y\n*** Delete File: b.py\n*** Add File: c.py\n+z\n").unwrap();
        let Ask::Edit(blocks) = &found[0].ask else { panic!("{found:?}") };
        assert_eq!(
            (blocks.len(), blocks[0].headings.as_slice()),
            (2, ["class A".to_owned(), "def f():".to_owned()].as_slice())
        );
        assert_eq!(found[1].ask, Ask::Delete(Vec::new()));
        assert_eq!(found[2].ask, Ask::Create("z\n".into()));
    }

    #[test]
    fn moves_unknown_markers_and_open_envelopes_are_refused() {
        assert_eq!(requests("*** Update File: a\n*** Move to: b\n"), Err("rename".into()));
        assert_eq!(requests("*** Execute: rm\n"), Err("malformed".into()));
        assert_eq!(requests("*** Add File: a\nx\n"), Err("malformed".into()));
        let open = format!("{BEGIN}\n*** Update File: a\n-b\n");
        assert_eq!(read(&Text::new(&open)).err().map(|refusal| refusal.rule), Some("truncated".into()));
    }
}
