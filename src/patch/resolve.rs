//! From a reply to a patch: read it, find its files, locate its edits. All or nothing: one edit without a place refuses
//! the whole reply.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::model::{FileChange, Patch, Refusal};
use crate::patch::blob;
use crate::patch::edit::{Ask, Block, Ending, Line, Request, Tag};
use crate::patch::guard::{judge_characters, judge_neighbours};
use crate::patch::locate::{self, Target};
use crate::patch::reply;
use crate::patch::tree::{self, ReadFile, Shown, Tree};
use crate::patch::whole;

/// Longest reply that is read.
const REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most edits of one reply: a mended fault needs few, and each costs time.
const EDITS_MAX: usize = 200;

/// What stands in a prompt for a secret; a reply that repeats it would write it into a file.
const PLACEHOLDER: &str = "[REDACTED:";

/// A reply as a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The patch. Empty when all of it is in the tree already.
    pub patch: Patch,
    /// Where each edit was found.
    pub matches: Vec<Match>,
}

/// Where one edit was found, and how strictly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The file.
    pub path: Utf8PathBuf,
    /// Its line, from 1.
    pub line: u32,
    /// The rung of the ladder: `exact`, `line-ends`, `indent(+4)`, `similarity(0.94)`, `already-applied`, `new-file` …
    pub label: String,
}

/// Turns a reply, in whatever form it is, into a patch of the tree that `read` reads, or refuses it with the rule it
/// breaks and a sentence that says what to do. `shown` settles what the reply leaves open.
pub fn resolve(reply: &str, read: &ReadFile<'_>, shown: &Shown) -> Result<Resolved, Refusal> {
    if reply.len() > REPLY_BYTES_MAX {
        return Err(Refusal::new("too-large", format!("the reply has {} bytes; send only the edits", reply.len())));
    }
    if reply.contains(PLACEHOLDER) {
        let sentence = format!(
            "the reply repeats a placeholder (`{PLACEHOLDER}…]`) that stands for a secret; leave such lines alone"
        );
        return Err(Refusal::new("placeholder", sentence));
    }
    let tree = Tree::new(read, shown);
    let mut readings = reply::readings(reply).into_iter().map(|text| settle(&text, tree));
    match (readings.next(), readings.next()) {
        (Some(Ok(plain)), Some(Ok(other))) if plain.patch != other.patch => {
            let sentence = "the reply is worded for HTML (`&lt;`), and it fits with and without; send it as plain text";
            Err(Refusal::new("ambiguous-wording", sentence))
        }
        (Some(Err(_)), Some(Ok(other))) => Ok(other),
        (Some(plain), _) => plain,
        (None, _) => Err(Refusal::new("no-edit", "the reply is empty")),
    }
}

/// What is asked of one file.
#[derive(Default)]
struct Plan {
    before: Option<String>,
    asks: Vec<Ask>,
    ids: Option<(String, String)>,
}

fn settle(text: &str, tree: Tree<'_>) -> Result<Resolved, Refusal> {
    let mut plans: BTreeMap<Utf8PathBuf, Plan> = BTreeMap::new();
    let requests = reply::read(text)?;
    judge_number(&requests)?;
    for request in requests {
        let (path, before) = place(&request, tree)?;
        let plan = plans.entry(path).or_default();
        plan.before = before;
        plan.ids = plan.ids.take().or(request.ids);
        plan.add(request.ask);
    }
    let (mut changes, mut matches) = (Vec::new(), Vec::new());
    for (path, plan) in plans {
        let (after, found) = plan.settle(&path, tree)?;
        let number = |line: usize| u32::try_from(line).unwrap_or(u32::MAX);
        matches.extend(found.into_iter().map(|(line, label)| Match { path: path.clone(), line: number(line), label }));
        changes.push(FileChange { path, before: plan.before, after });
    }
    changes.iter().try_for_each(judge_characters)?;
    let patch = Patch::new(changes).map_err(|error| Refusal::new("conflicting-edits", error.to_string()))?;
    judge_neighbours(&patch)?;
    if patch.is_empty() && !matches.iter().any(|found| found.label == ALREADY) {
        return Err(Refusal::new("no-change", "the reply leaves every file as it is; send the change"));
    }
    Ok(Resolved { patch, matches })
}

fn judge_number(requests: &[Request]) -> Result<(), Refusal> {
    let count = |request: &Request| match &request.ask {
        Ask::Edit(blocks) | Ask::Delete(blocks) => blocks.len().max(1),
        Ask::Create(_) | Ask::Whole(_) => 1,
    };
    let n: usize = requests.iter().map(count).sum();
    if n <= EDITS_MAX {
        return Ok(());
    }
    Err(Refusal::new(
        "too-many-edits",
        format!("the reply has {n} edits; send at most {EDITS_MAX}, only those that matter"),
    ))
}

const ALREADY: &str = "already-applied";

/// Finds the file of a request; one that names none belongs to the only shown file it fits.
fn place(request: &Request, tree: Tree<'_>) -> Result<(Utf8PathBuf, Option<String>), Refusal> {
    if let Ask::Create(_) = &request.ask {
        let spelling = request.spellings.first().ok_or_else(tree::unnamed)?;
        let path = tree.relative(spelling)?;
        tree.judge_case(&path)?;
        return Ok((path.clone(), tree.text(&path)?));
    }
    if !request.spellings.is_empty() {
        return tree.find(&request.spellings);
    }
    let fits = |path: &&Utf8PathBuf| {
        let text = tree.text(path).ok().flatten();
        text.is_some_and(|text| match &request.ask {
            Ask::Edit(blocks) => locate::locate(blocks, &Target { path, text: &text, shown: &[] }).is_ok(),
            Ask::Whole(new) => {
                whole::is_function(new) && whole::replaced(path, &text, std::slice::from_ref(new)).is_ok()
            }
            Ask::Create(_) | Ask::Delete(_) => false,
        })
    };
    let mut fitting = tree.shown.files.keys().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(path), None) => Ok((path.clone(), tree.text(path)?)),
        _ => Err(tree::unnamed()),
    }
}

/// New text, and where each edit was found.
type Settled = (Option<String>, Vec<(usize, String)>);

impl Plan {
    fn add(&mut self, ask: Ask) {
        match (self.asks.last_mut(), ask) {
            (Some(Ask::Edit(blocks)), Ask::Edit(more)) => blocks.extend(more),
            (Some(last), ask) if *last == ask => {}
            (_, ask) => self.asks.push(ask),
        }
    }

    fn settle(&self, path: &Utf8PathBuf, tree: Tree<'_>) -> Result<Settled, Refusal> {
        let texts: Vec<String> = self
            .asks
            .iter()
            .filter_map(|ask| if let Ask::Whole(text) = ask { Some(text.clone()) } else { None })
            .collect();
        if texts.len() == self.asks.len() {
            return match &self.before {
                Some(before) => whole::replaced(path, before, &texts).map(|(text, found)| (Some(text), found)),
                None => whole::created(path, &texts).map(|text| (Some(text), one("new-file"))),
            };
        }
        match (self.asks.as_slice(), &self.before) {
            ([Ask::Create(text)], None) => {
                Ok((Some(whole::created(path, std::slice::from_ref(text))?), one("new-file")))
            }
            ([Ask::Create(text)], Some(before)) => occupied(path, text, before),
            ([Ask::Delete(blocks)], Some(before)) => deleted(path, blocks, before),
            ([Ask::Edit(blocks)], Some(before)) => self.edited(blocks, path, before, tree),
            ([Ask::Edit(blocks)], None) if is_new_text(blocks) => {
                let text = blocks.iter().flat_map(Block::added).map(Line::full_text).collect();
                Ok((Some(whole::created(path, &[text])?), one("new-file")))
            }
            ([_], None) => {
                let sentence = format!("there is no file {path}; give the path of the file exactly");
                Err(Refusal::new("no-such-file", sentence))
            }
            _ => {
                let sentence = format!("the reply treats {path} in several ways at once; send one kind of edit for it");
                Err(Refusal::new("conflicting-edits", sentence))
            }
        }
    }

    fn edited(&self, blocks: &[Block], path: &Utf8PathBuf, before: &str, tree: Tree<'_>) -> Result<Settled, Refusal> {
        if let Some(text) = locate::verbatim(blocks, before).filter(|after| self.is_proven(blocks, before, after)) {
            let lines = blocks.iter().map(|block| (block.start.unwrap_or(1).max(1), "exact".to_owned()));
            return Ok((Some(text), lines.collect()));
        }
        let located = locate::locate(blocks, &Target { path, text: before, shown: tree.shown.lines(path) })?;
        let only_insertions =
            blocks.iter().all(|block| block.is_diff && !block.lines.iter().any(|line| line.tag == Tag::Remove));
        if located.matches.iter().all(|(_, label)| label == ALREADY) && only_insertions {
            // Nothing that was to go shows on which side of the diff the file stands.
            let sentence =
                format!("the lines to add are in {path} already, and the diff removes none; nothing is left to do");
            return Err(Refusal::new(ALREADY, sentence));
        }
        Ok((Some(located.text), located.matches))
    }

    /// Tells whether the diff itself vouches for the result: by git's ids of both texts, or by marking that the old text
    /// lacks its last line end, which only one who saw the file knows.
    fn is_proven(&self, blocks: &[Block], before: &str, after: &str) -> bool {
        let by_ids = self
            .ids
            .as_ref()
            .is_some_and(|(old, new)| blob::is_id_of(old, Some(before)) && blob::is_id_of(new, Some(after)));
        let is_whole = blocks.iter().all(|block| block.ending != Ending::Cut);
        let marks_end = |line: &Line| line.tag == Tag::Remove && !line.newline;
        by_ids || is_whole && blocks.iter().flat_map(|block| &block.lines).any(marks_end)
    }
}

fn one(label: &str) -> Vec<(usize, String)> {
    vec![(1, label.to_owned())]
}

fn is_new_text(blocks: &[Block]) -> bool {
    let [block] = blocks else { return false };
    let whole = block.counts.is_none_or(|(_, new)| new <= block.lines.len());
    block.lines.iter().all(|line| line.tag == Tag::Add) && block.start.is_none_or(|start| start <= 1) && whole
}

fn occupied(path: &Utf8PathBuf, text: &str, before: &str) -> Result<Settled, Refusal> {
    if text.trim_end() == before.trim_end() {
        return Ok((Some(before.to_owned()), one(ALREADY)));
    }
    if before.trim().is_empty() {
        return Ok((Some(text.to_owned()), one("exact")));
    }
    let sentence = format!("{path} is to be created and exists; send an edit of it instead");
    Err(Refusal::new("file-exists", sentence))
}

fn deleted(path: &Utf8PathBuf, blocks: &[Block], before: &str) -> Result<Settled, Refusal> {
    let lines = |text: &str| -> Vec<String> { text.lines().map(|line| line.trim_end().to_owned()).collect() };
    let gone: String = blocks.iter().flat_map(Block::old).map(|line| format!("{}\n", line.text)).collect();
    let comes = blocks.iter().any(|block| block.added().next().is_some());
    if comes || !blocks.is_empty() && lines(&gone) != lines(before) {
        let sentence =
            format!("{path} is to be deleted, but its text is another than the one given; send its present text");
        return Err(Refusal::new("not-found", sentence));
    }
    Ok((None, one("deleted")))
}
