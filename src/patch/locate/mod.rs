//! Where a reply's edits belong in a file: a ladder of ever looser comparisons, each of which must yield one place.
//!
//! Two places at a rung end the climb: looser rungs could only find more. Line numbers, headings and what the model was
//! shown break ties and never more. Either every block of a file has its place or the file is left as it is.

mod drift;
mod fold;
mod function;
mod ladder;
mod mend;
mod place;
mod shift;
mod source;
mod splice;
mod tie;
mod typo;
mod window;

use std::ops::Range;

use camino::Utf8Path;

pub(crate) use self::function::{only_function, replacement};
use self::ladder::{Found, Reach};
pub(crate) use self::mend::unescape_html;
use self::place::Placement;
pub(crate) use self::place::is_ellipsis;
pub(crate) use self::source::Source;
use self::splice::{NewLine, Splice};
use crate::model::Refusal;
use crate::patch::edit::{Block, Line, Tag};
use crate::patch::lines;

/// A file the blocks are to be located in.
pub(crate) struct Target<'a> {
    /// Its path, for sentences.
    pub path: &'a Utf8Path,
    /// Its text.
    pub text: &'a str,
    /// The lines of it a model was shown, from 1, end excluded; empty when that is not known.
    pub shown: &'a [Range<u32>],
}

/// A file's new text, and where each block was found: line, from 1, and label.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// The new text.
    pub text: String,
    /// One for each block, in the order of the reply.
    pub matches: Vec<(usize, String)>,
}

/// Puts every block in its place, or refuses.
pub(crate) fn locate(blocks: &[Block], target: &Target<'_>) -> Result<Located, Refusal> {
    let blocks = distinct(blocks);
    for (index, block) in blocks.iter().enumerate() {
        ladder::judge(block, target).map_err(|refusal| numbered(refusal, index, blocks.len()))?;
    }
    let source = Source::new(target.text);
    let strict = Round::new(&blocks, &source, target, Reach::Strict)?;
    if strict.missing().is_empty() {
        return strict.finish();
    }
    // A later block may be worded against what an earlier one leaves behind.
    if let Some(located) = chained(&blocks, strict, target)? {
        return Ok(located);
    }
    Round::new(&blocks, &source, target, Reach::Loose)?.finish()
}

/// Puts the blocks of a diff exactly where their numbers say, verbatim: what git would do. `None`: they do not fit so.
pub(crate) fn verbatim(blocks: &[Block], text: &str) -> Option<String> {
    let source = Source::new(text);
    let mut splices = Vec::new();
    for block in blocks {
        let (n_old, _) = block.sizes();
        let start = if n_old == 0 { block.start? } else { block.start?.checked_sub(1)? };
        let old = source.lines.get(start..start + n_old)?;
        let fits = |(line, file): (&Line, &&str)| line.full_text() == **file;
        if block.counts != Some(block.sizes()) || !block.old().zip(old).all(fits) {
            return None;
        }
        let new = block.coming().map(|line| NewLine { text: line.full_text(), verbatim: true }).collect();
        splices.push(Splice { old: start..start + n_old, new, final_end: None });
    }
    Some(splice::applied(&source, &splice::merged(splices).ok()?))
}

/// Puts splices on a text; `Err`: the first line, from 0, that two of them dispute.
pub(crate) fn spliced(source: &Source<'_>, splices: Vec<Splice>) -> Result<String, usize> {
    Ok(splice::applied(source, &splice::merged(splices)?))
}

/// Drops a block that is there twice.
fn distinct(blocks: &[Block]) -> Vec<Block> {
    let mut distinct: Vec<Block> = Vec::new();
    for block in blocks {
        if !distinct.iter().any(|other| other.lines == block.lines && other.start == block.start) {
            distinct.push(block.clone());
        }
    }
    distinct
}

/// One look for all blocks in one text.
struct Round<'a> {
    source: &'a Source<'a>,
    target: &'a Target<'a>,
    found: Vec<Found>,
}

impl<'a> Round<'a> {
    fn new(blocks: &[Block], source: &'a Source<'a>, target: &'a Target<'a>, reach: Reach) -> Result<Self, Refusal> {
        let mut found: Vec<Found> = blocks.iter().map(|block| ladder::search(block, source, reach)).collect();
        tie::settle(blocks, &mut found, source, target);
        for (index, found) in found.iter().enumerate() {
            let is_final = reach == Reach::Loose || !matches!(found, Found::Nowhere);
            let refusal = is_final.then(|| found.refusal(&blocks[index], source, target.path)).flatten();
            if let Some(refusal) = refusal {
                return Err(numbered(refusal, index, blocks.len()));
            }
        }
        Ok(Self { source, target, found })
    }

    fn missing(&self) -> Vec<usize> {
        (0..self.found.len()).filter(|index| matches!(self.found[*index], Found::Nowhere)).collect()
    }

    fn placements(&self) -> impl Iterator<Item = &Placement> {
        self.found.iter().filter_map(|found| match found {
            Found::Placed(placement) => Some(placement),
            _ => None,
        })
    }

    fn text(&self) -> Result<String, Refusal> {
        let splices = self.placements().flat_map(|placement| placement.splices.clone()).collect();
        spliced(self.source, splices).map_err(|line| {
            let path = self.target.path;
            Refusal::new("overlap", format!("two edits dispute line {} of {path}; make them one", line + 1))
        })
    }

    fn finish(self) -> Result<Located, Refusal> {
        let text = self.text()?;
        let matches = self.found.iter().filter_map(|found| match found {
            Found::Placed(placement) => Some((placement.start + 1, placement.label.clone())),
            Found::Already(line) => Some((line + 1, "already-applied".to_owned())),
            _ => None,
        });
        Ok(Located { text, matches: matches.collect() })
    }
}

/// Places the blocks one after another, each in the text the ones before leave; strictly only.
fn chained(blocks: &[Block], first: Round<'_>, target: &Target<'_>) -> Result<Option<Located>, Refusal> {
    let mut missing = first.missing();
    if missing.len() == blocks.len() {
        return Ok(None);
    }
    let mut located = first.finish()?;
    while !missing.is_empty() {
        let left: Vec<Block> = missing.iter().map(|index| blocks[*index].clone()).collect();
        let text = located.text.clone();
        let target = Target { path: target.path, text: &text, shown: &[] };
        let source = Source::new(&text);
        let round = Round::new(&left, &source, &target, Reach::Strict)?;
        let still: Vec<usize> = round.missing().iter().map(|index| missing[*index]).collect();
        let settled = round.found.iter().any(|found| matches!(found, Found::Already(_)));
        if still.len() == missing.len() || settled {
            return Ok(None);
        }
        let next = round.finish()?;
        located.text = next.text;
        located.matches.extend(next.matches);
        missing = still;
    }
    Ok(Some(located))
}

fn numbered(refusal: Refusal, index: usize, n_blocks: usize) -> Refusal {
    if n_blocks < 2 {
        return refusal;
    }
    Refusal { sentence: format!("edit {} of {n_blocks}: {}", index + 1, refusal.sentence), ..refusal }
}

/// Tells whether a block only brings lines and names none of the file.
fn is_bare_insertion(block: &Block) -> bool {
    block.lines.iter().all(|line| line.tag == Tag::Add || line.tag == Tag::Keep && lines::is_blank(&line.text))
}
