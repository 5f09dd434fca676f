//! What decides between several places: what the model was shown, line numbers, headings. And what speaks against the only
//! one: a line number that points at something very much alike. Nothing here finds a place.

use crate::model::Refusal;
use crate::patch::edit::{Block, Tag};
use crate::patch::lines;
use crate::patch::locate::ladder::{self, Found};
use crate::patch::locate::place::Placement;
use crate::patch::locate::source::Source;
use crate::patch::locate::splice::{NewLine, Splice};
use crate::patch::locate::{Target, function, is_bare_insertion};

/// Decides what can be decided, and takes back what must not stand.
pub(crate) fn settle(blocks: &[Block], found: &mut [Found], source: &Source<'_>, target: &Target<'_>) {
    let blocks = &with_usable_numbers(blocks);
    for index in 0..blocks.len() {
        let block = &blocks[index];
        let offset = offset_near(blocks, found, index);
        let settled = match &found[index] {
            Found::Several(places) => choose(block, places, offset, source, target)
                .map(|place| objection(block, &place, offset, source).unwrap_or(Found::Placed(place))),
            Found::Placed(place) => objection(block, place, offset, source),
            Found::Nowhere => by_number(block, offset, source).map(Found::Placed),
            Found::Already(_) | Found::Refused(_) => None,
        };
        if let Some(settled) = settled {
            found[index] = settled;
        }
    }
}

/// Takes the numbers away where two blocks have the same: whoever wrote them did not count.
fn with_usable_numbers(blocks: &[Block]) -> Vec<Block> {
    let mut starts: Vec<usize> = blocks.iter().filter_map(|block| block.start).collect();
    starts.sort_unstable();
    let usable = starts.windows(2).all(|pair| pair[0] != pair[1]);
    let strip = |block: &Block| Block { start: block.start.filter(|_| usable), ..block.clone() };
    blocks.iter().map(strip).collect()
}

/// By how much the numbers of the blocks before and after are off, where they agree. `None`: nothing is known.
fn offset_near(blocks: &[Block], found: &[Found], index: usize) -> Option<isize> {
    let offset = |other: usize| match &found[other] {
        Found::Placed(place) if blocks[other].has_context() => {
            Some((place.start + 1).checked_signed_diff(blocks[other].start.filter(|start| *start > 0)?)?)
        }
        _ => None,
    };
    let before = (0..index).rev().find_map(offset);
    let after = (index + 1..blocks.len()).find_map(offset);
    match (before, after) {
        (Some(before), Some(after)) => (before == after).then_some(before),
        (before, after) => before.or(after),
    }
}

/// Returns the line, from 0, at which the block's number says it begins.
fn announced(block: &Block, offset: Option<isize>) -> Option<usize> {
    block.start?.checked_add_signed(offset.unwrap_or(0))?.checked_sub(1)
}

fn choose(
    block: &Block,
    places: &[Placement],
    offset: Option<isize>,
    source: &Source<'_>,
    target: &Target<'_>,
) -> Option<Placement> {
    let only = |fits: &dyn Fn(&Placement) -> bool| {
        let mut fitting = places.iter().filter(|place| fits(place));
        fitting.next().filter(|_| fitting.next().is_none()).cloned()
    };
    let n_old = block.old().count();
    let is_shown = |place: &Placement| {
        let (first, last) = (place.start + 1, place.start + n_old);
        let covers = |range: &std::ops::Range<u32>| range.start as usize <= first && last < range.end as usize;
        target.shown.iter().any(covers)
    };
    let by_shown = only(&is_shown).filter(|_| !target.shown.is_empty());
    // Where nothing else shows the place, its number must be borne out by another block's.
    let is_told = block.has_context() || !block.is_diff || offset.is_some();
    let by_number = announced(block, offset).filter(|_| is_told).map(|line| only(&|place| place.start == line));
    // A number that fits no place is a reason for doubt, which a heading does not take away.
    by_shown.or_else(|| match by_number {
        Some(found) => found,
        None => by_heading(block, source).and_then(|range| only(&|place| range.contains(&place.start))),
    })
}

/// Returns the lines of the function or type the innermost heading names, if one line of the file is that heading.
fn by_heading(block: &Block, source: &Source<'_>) -> Option<std::ops::Range<usize>> {
    let mut scope = 0..source.len();
    for heading in &block.headings {
        let heading = heading.trim();
        let is_it = |line: &str| {
            let line = line.trim();
            line == heading
                || line
                    .strip_prefix(heading)
                    .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        let mut hits = scope.clone().filter(|index| is_it(source.raws[*index]));
        let at = hits.next().filter(|_| hits.next().is_none())?;
        scope = function::extent(&source.raws, at);
    }
    (!block.headings.is_empty()).then_some(scope)
}

/// Says what speaks against the only place of a block.
fn objection(block: &Block, place: &Placement, offset: Option<isize>, source: &Source<'_>) -> Option<Found> {
    if let Some(found) = already_there(block, place, offset, source) {
        return Some(found);
    }
    ladder::objection(block, place, source).or_else(|| misplaced(block, place, offset, source)).map(Found::Refused)
}

/// Finds the block's new lines standing at the line its number names, or, where it only adds, so near that what is added
/// would stand there twice.
fn already_there(block: &Block, place: &Placement, offset: Option<isize>, source: &Source<'_>) -> Option<Found> {
    let (n_old, n_new) = block.sizes();
    let line = announced(block, offset);
    let standing = ladder::new_text_at(block, source);
    if let Some(at) = announced(block, None).filter(|line| *line != place.start && standing.contains(line)) {
        return Some(Found::Already(at));
    }
    let adds_only = !block.lines.iter().any(|line| line.tag == Tag::Remove);
    let overlaps = |at: &usize| *at < place.start + n_old && place.start < at + n_new;
    let at = standing.into_iter().filter(|_| adds_only).find(overlaps)?;
    if line == Some(place.start) && at != place.start {
        return None;
    }
    let sentence = format!(
        "the added lines stand at line {} already; to have them twice, give the lines before and after them",
        at + 1
    );
    Some(Found::Refused(Refusal::new("already-applied", sentence)))
}

fn misplaced(block: &Block, place: &Placement, offset: Option<isize>, source: &Source<'_>) -> Option<Refusal> {
    let covers_all = block.old().count() == source.len();
    let says_nothing = block.old().all(|line| lines::is_trivial(&line.text));
    if block.is_diff && !block.has_context() && !covers_all && says_nothing {
        let sentence =
            format!("nothing shows that line {} is the one to change; give lines around it", place.start + 1);
        return Some(Refusal::new("no-context", sentence));
    }
    let line = announced(block, offset)?;
    if line == place.start || !block.is_diff {
        return None;
    }
    if !block.has_context() && !covers_all && announced(block, None) != Some(place.start) {
        let sentence = format!(
            "the lines to change stand at line {} and not at line {}, and no others show which is meant; give lines around them",
            place.start + 1,
            line + 1
        );
        return Some(Refusal::new("wrong-line", sentence));
    }
    looks_alike(block, line, place, source).then(|| {
        let sentence = format!(
            "the edit fits line {}, but line {}, which its header names, is much the same; give more lines around the change",
            place.start + 1,
            line + 1
        );
        Refusal::new("ambiguous", sentence)
    })
}

/// Tells whether at least half of the block's telling lines also stand at `start`, in whatever order, not counting those
/// of its place.
fn looks_alike(block: &Block, start: usize, place: &Placement, source: &Source<'_>) -> bool {
    let n_old = block.old().count();
    let taken = place.start..place.start + n_old + place.n_skipped;
    let announced = (start..(start + n_old).min(source.len())).filter(|index| !taken.contains(index));
    let here: Vec<&str> = announced.map(|index| source.raws[index].trim()).collect();
    let telling: Vec<&str> = block.old().map(|line| line.text.trim()).filter(|line| !lines::is_trivial(line)).collect();
    let n_here = telling.iter().filter(|line| here.contains(line)).count();
    n_here > 0 && n_here * 2 >= telling.len()
}

/// Places lines that name none of the file, by their number alone, where neighbouring blocks prove the numbers right.
fn by_number(block: &Block, offset: Option<isize>, source: &Source<'_>) -> Option<Placement> {
    let offset = offset?;
    let start = block.start.filter(|_| block.is_diff && is_bare_insertion(block) && block.old().next().is_none())?;
    let at = start.checked_add_signed(offset).filter(|at| *at <= source.len())?;
    let added = block.lines.iter().filter(|line| line.tag == Tag::Add);
    let new = added.map(|line| NewLine { text: lines::body(&line.text).to_owned(), verbatim: false }).collect();
    Some(Placement {
        start: at,
        splices: vec![Splice { old: at..at, new, final_end: None }],
        label: "line-number".to_owned(),
        n_skipped: 0,
    })
}
