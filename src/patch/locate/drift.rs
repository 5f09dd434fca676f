//! The last rung: a block's old lines aligned with the file although a few of them differ, are missing or stand for a
//! gap. Every removed line must still be found; what is changed must have one place only, clearly better than any
//! other.
//!
//! The alignment is the usual one by dynamic programming, from both ends, so that for each line the cost of the best
//! alignment through every place is known; a second place of nearly the same cost is an ambiguity.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::patch::edit::{Block, Ending, Line, Tag};
use crate::patch::lines;
use crate::patch::locate::place::{Alignment, Placement, is_ellipsis, splices};
use crate::patch::locate::shift::Shift;
use crate::patch::locate::source::Source;
use crate::patch::locate::splice::Splice;
use crate::patch::locate::typo::is_typo;
use crate::patch::locate::window::{Equality, adapter};

/// What a line costs that only one side has; a blank one costs half. One line standing for another costs a little more,
/// so that a line that is there is never taken for another one.
const DEFECT: u8 = 4;
const BLANK: u8 = 2;
const OTHER: u8 = 5;
const NEVER: u8 = u8::MAX;

/// Most cells of a grid: a bound on time and memory for huge files.
const CELLS_MAX: usize = 4_000_000;

/// What looking for a drifted block found.
#[derive(Debug)]
pub(crate) enum Drifted {
    /// All places, cheapest first.
    Places(Vec<Placement>),
    /// It is there, but where the change goes inside is not certain; the line of the file, from 0.
    Uncertain(usize),
    /// A line that seems to have lost its `+`; its text.
    SignMissing(String),
}

/// One old line.
struct Op {
    key: u32,
    part: Part,
    /// Whether it must be found as it is: it goes, or it is the last of a reply that may have broken off in it.
    is_fixed: bool,
    is_blank: bool,
    is_trivial: bool,
}

impl Op {
    fn is_gap(&self) -> bool {
        self.part == Part::Gap
    }
}

/// What an old line is there for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// To show where the change belongs.
    Context,
    /// To go.
    Removed,
    /// To stand for any number of lines.
    Gap,
}

struct Drift<'a> {
    block: &'a Block,
    source: &'a Source<'a>,
    ops: Vec<Op>,
    keys: Vec<u32>,
    /// Lines of the file that a removed line matches but for a typo.
    typos: HashSet<(usize, usize)>,
    cost_max: u8,
    /// What a blank line costs that only one side has. Where blank lines go, their number is not to be played with.
    blank: u8,
}

/// Looks for a block that stands in the file with small differences.
pub(crate) fn find(block: &Block, source: &Source<'_>) -> Drifted {
    let drift = Drift::new(block, source);
    if block.ending == Ending::Cut && drift.ops.last().is_some_and(|op| op.is_blank) {
        return Drifted::Places(Vec::new());
    }
    let n_ops = drift.ops.iter().filter(|op| !op.is_gap()).count();
    let has_gap = n_ops < drift.ops.len();
    let too_large = (drift.ops.len() + 1).saturating_mul(source.len() + 1) > CELLS_MAX;
    if n_ops < if has_gap { 2 } else { 3 } || too_large {
        return Drifted::Places(Vec::new());
    }
    drift.places()
}

impl<'a> Drift<'a> {
    fn new(block: &'a Block, source: &'a Source<'a>) -> Self {
        let mut ids: HashMap<String, u32> = HashMap::new();
        let mut id = |line: &str| {
            let next = u32::try_from(ids.len()).unwrap_or(u32::MAX);
            *ids.entry(Equality::Typography.key(line).into_owned()).or_insert(next)
        };
        let keys: Vec<u32> = source.raws.iter().map(|line| id(line)).collect();
        let known: HashSet<u32> = keys.iter().copied().collect();
        let mut op = |line: &Line| {
            let key = id(&line.text);
            let is_gap = line.tag == Tag::Keep && !known.contains(&key) && is_ellipsis(&line.text);
            Op {
                key,
                part: match line.tag {
                    Tag::Remove => Part::Removed,
                    _ if is_gap => Part::Gap,
                    _ => Part::Context,
                },
                is_fixed: line.tag == Tag::Remove,
                is_blank: lines::is_blank(&line.text),
                is_trivial: lines::is_trivial(&line.text),
            }
        };
        let mut ops: Vec<Op> = block.old().map(&mut op).collect();
        if let Some(last) = ops.last_mut().filter(|_| block.ending == Ending::Cut) {
            last.is_fixed = true;
        }
        let typos = typos(block, source, &ops, &known);
        let n = ops.iter().filter(|op| !op.is_gap() && !op.is_blank).count();
        let n_defects = if n < 8 { 1 } else { 2 };
        let blank = if ops.iter().any(|op| op.part == Part::Removed && op.is_blank) { NEVER } else { BLANK };
        Self { block, source, ops, keys, typos, cost_max: OTHER * n_defects, blank }
    }

    /// The cost of taking old line `i` for line `j` of the file.
    fn pair(&self, i: usize, j: usize) -> u8 {
        let op = &self.ops[i];
        if op.is_gap() {
            NEVER
        } else if op.key == self.keys[j] {
            0
        } else if op.is_fixed {
            if self.typos.contains(&(i, j)) { OTHER } else { NEVER }
        } else {
            OTHER
        }
    }

    /// The cost of old line `i` having no counterpart.
    fn extra(&self, i: usize) -> u8 {
        match &self.ops[i] {
            op if op.is_gap() => 0,
            op if op.is_fixed => NEVER,
            op if op.is_blank => self.blank,
            _ => DEFECT,
        }
    }

    /// The cost of line `j` of the file standing before old line `i` without being one.
    fn skip(&self, i: usize, j: usize) -> u8 {
        let (Some(before), Some(after)) = (i.checked_sub(1).and_then(|i| self.ops.get(i)), self.ops.get(i)) else {
            return NEVER;
        };
        if before.is_gap() {
            0
        } else if before.part == Part::Removed && after.part == Part::Removed {
            NEVER
        } else if lines::is_blank(self.source.raws[j]) {
            self.blank
        } else {
            DEFECT
        }
    }

    /// For every (old line, line of the file): the least cost of aligning what comes from there on.
    fn backward(&self) -> Grid {
        let (m, n) = (self.ops.len(), self.keys.len());
        let mut grid = Grid::new(m, n);
        for i in (0..m).rev() {
            for j in (0..=n).rev() {
                let mut cost = self.extra(i).saturating_add(grid.at(i + 1, j));
                if j < n {
                    cost = cost.min(self.pair(i, j).saturating_add(grid.at(i + 1, j + 1)));
                    cost = cost.min(self.skip(i, j).saturating_add(grid.at(i, j + 1)));
                }
                grid.set(i, j, cost);
            }
        }
        grid
    }

    /// For every (old line, line of the file): the least cost of aligning what comes before there.
    fn forward(&self) -> Grid {
        let (m, n) = (self.ops.len(), self.keys.len());
        let mut grid = Grid::new(m, n);
        for i in 1..=m {
            for j in 0..=n {
                let mut cost = self.extra(i - 1).saturating_add(grid.at(i - 1, j));
                if j > 0 {
                    cost = cost.min(self.pair(i - 1, j - 1).saturating_add(grid.at(i - 1, j - 1)));
                    cost = cost.min(self.skip(i, j - 1).saturating_add(grid.at(i, j - 1)));
                }
                grid.set(i, j, cost);
            }
        }
        grid
    }

    fn places(&self) -> Drifted {
        let rest = self.backward();
        let Some(best) = (0..=self.keys.len()).map(|j| rest.at(0, j)).min().filter(|cost| *cost <= self.cost_max)
        else {
            return Drifted::Places(Vec::new());
        };
        // What stands anywhere with one defect more could as well be meant, unless this is a perfect fit.
        let cost_max = if best == 0 { 0 } else { best.saturating_add(DEFECT) };
        let starts = (0..self.keys.len()).filter(|j| rest.at(0, *j) <= cost_max);
        let mut found: Vec<(u8, Alignment)> = starts.map(|j| (rest.at(0, j), self.align(&rest, j))).collect();
        let is_cut = self.block.ending == Ending::Cut;
        found.retain(|(_, alignment)| self.is_sound(alignment) && !(is_cut && is_gappy(alignment)));
        found.sort_by_key(|(cost, alignment)| (*cost, span(alignment).len()));
        let Some((cost, alignment)) = found.first() else { return Drifted::Places(Vec::new()) };
        if let Some(line) = self.lost_sign(alignment) {
            return Drifted::SignMissing(line);
        }
        if *cost > best {
            return Drifted::Uncertain(span(alignment).start);
        }
        let head = self.forward();
        let mut places: Vec<Placement> = Vec::new();
        // Alignments that differ only in lines that do not matter mean the same edit; the closest of them stands for all.
        let mut seen = Vec::new();
        for (cost, alignment) in &found {
            let ranges = self.ranges(alignment);
            if seen.contains(&ranges) {
                continue;
            }
            let is_doubtful = self.is_uncertain([&head, &rest], alignment, *cost) || self.is_torn(alignment);
            let is_certain = ranges.is_some() && !is_doubtful;
            if !is_certain && *cost == best {
                return Drifted::Uncertain(span(alignment).start);
            }
            let splices = self.splices(alignment).filter(|_| is_certain);
            places.extend(splices.map(|splices| self.placement(splices, *cost, alignment)));
            seen.push(ranges);
        }
        Drifted::Places(places)
    }

    fn placement(&self, splices: Vec<Splice>, cost: u8, alignment: &Alignment) -> Placement {
        let span = span(alignment);
        let first = alignment.iter().position(Option::is_some).unwrap_or(0);
        let n_aligned = alignment.iter().flatten().count();
        let n_skipped = span.len() - n_aligned;
        Placement { start: span.start.saturating_sub(first), splices, label: self.label(cost, alignment), n_skipped }
    }

    /// Follows a cheapest alignment that begins at line `j`.
    fn align(&self, rest: &Grid, mut j: usize) -> Alignment {
        let mut alignment = Vec::with_capacity(self.ops.len());
        while alignment.len() < self.ops.len() {
            let i = alignment.len();
            let cost = rest.at(i, j);
            if j < self.keys.len() && self.pair(i, j).saturating_add(rest.at(i + 1, j + 1)) == cost {
                alignment.push(Some(j));
                j += 1;
            } else if self.extra(i).saturating_add(rest.at(i + 1, j)) == cost {
                alignment.push(None);
            } else {
                j += 1;
            }
        }
        alignment
    }

    /// Returns the lines each change goes to; `None` where that is not certain.
    fn ranges(&self, alignment: &Alignment) -> Option<Vec<Range<usize>>> {
        let found = splices(self.block, alignment, &|line| self.is_gap(line), &|text| Some(text.to_owned()))?;
        Some(found.into_iter().map(|splice| splice.old).collect())
    }

    fn splices(&self, alignment: &Alignment) -> Option<Vec<Splice>> {
        let old = self.block.old().zip(alignment).zip(&self.ops);
        let equal = old.filter_map(|((line, at), op)| {
            let at = (*at)?;
            (op.key == self.keys[at]).then(|| (line.text.as_str(), self.source.raws[at]))
        });
        let pairs: Vec<_> = equal.collect();
        let shift = Shift::between(pairs.iter().copied())?;
        let adapt = adapter(pairs, &shift, Equality::Typography);
        splices(self.block, alignment, &|line| self.is_gap(line), &adapt)
    }

    fn is_gap(&self, line: &Line) -> bool {
        self.block.old().zip(&self.ops).any(|(old, op)| op.is_gap() && std::ptr::eq(old, line))
    }

    /// Tells whether enough lines that say something are found as they are.
    fn is_sound(&self, alignment: &Alignment) -> bool {
        let telling = || self.ops.iter().zip(alignment).filter(|(op, _)| !op.is_trivial && !op.is_gap());
        let n_hits = telling().filter(|(op, at)| at.is_some_and(|at| self.keys[at] == op.key)).count();
        n_hits >= 2 && n_hits * 2 >= telling().count()
    }

    /// Tells whether a line that fixes the place of a change could as well be another near it.
    fn is_uncertain(&self, [head, rest]: [&Grid; 2], alignment: &Alignment, cost: u8) -> bool {
        let fixing = self.fixing_ops();
        fixing.into_iter().filter(|i| alignment[*i].is_some()).any(|i| {
            let through =
                |j: usize| head.at(i, j).saturating_add(self.pair(i, j)).saturating_add(rest.at(i + 1, j + 1));
            span(alignment).filter(|j| through(*j) <= cost).count() > 1
        })
    }

    /// Tells whether a line that could stand anywhere is left out right after lines that were replaced: it may have stood
    /// between the old ones and the new.
    fn is_torn(&self, alignment: &Alignment) -> bool {
        let lines = &self.block.lines;
        let mut ends = (1..lines.len()).filter(|at| lines[at - 1].tag == Tag::Add && lines[*at].tag == Tag::Keep);
        ends.any(|end| {
            let mut group = lines[..end].iter().rev().take_while(|line| line.tag != Tag::Keep);
            let replaces = group.any(|line| line.tag == Tag::Remove);
            let n_old = lines[..end].iter().filter(|line| line.tag != Tag::Add).count();
            let before = n_old.checked_sub(1).and_then(|i| alignment[i]);
            let after = alignment[n_old..].iter().find_map(|line| *line);
            let is_left_out = before.zip(after).is_some_and(|(before, after)| after > before + 1);
            let next = before.and_then(|before| self.source.raws.get(before + 1));
            replaces && is_left_out && next.is_some_and(|line| lines::is_trivial(line))
        })
    }

    /// Returns the old lines that are removed or stand next to added ones.
    fn fixing_ops(&self) -> Vec<usize> {
        let mut fixing = Vec::new();
        let mut n_old = 0;
        for (index, line) in self.block.lines.iter().enumerate() {
            let is_add = |index: Option<usize>| {
                index.and_then(|index| self.block.lines.get(index)).is_some_and(|line| line.tag == Tag::Add)
            };
            match line.tag {
                Tag::Add => continue,
                Tag::Remove => fixing.push(n_old),
                Tag::Keep if is_add(index.checked_sub(1)) || is_add(Some(index + 1)) => fixing.push(n_old),
                Tag::Keep => {}
            }
            n_old += 1;
        }
        fixing
    }

    /// Returns a context line the file does not have and that was probably meant to be added.
    fn lost_sign(&self, alignment: &Alignment) -> Option<String> {
        let old: Vec<usize> =
            (0..self.block.lines.len()).filter(|index| self.block.lines[*index].tag != Tag::Add).collect();
        let is_extra = |i: &usize| alignment[*i].is_none() && !self.ops[*i].is_gap() && !self.ops[*i].is_blank;
        let extras: Vec<usize> = (0..old.len()).filter(is_extra).map(|i| old[i]).collect();
        let lost = extras.iter().find(|index| has_lost_sign(self.block, **index, extras.len()))?;
        Some(self.block.lines[*lost].text.clone())
    }

    fn label(&self, cost: u8, alignment: &Alignment) -> String {
        if cost == 0 && self.ops.iter().any(Op::is_gap) {
            return "ellipsis".to_owned();
        }
        let lines = || self.ops.iter().zip(alignment).filter(|(op, _)| !op.is_gap());
        let n_equal = lines().filter(|(op, at)| at.is_some_and(|at| self.keys[at] == op.key)).count();
        format!("similarity({:.2})", n_equal as f64 / lines().count().max(1) as f64)
    }
}

/// Returns the lines of the file from the first to the last that is aligned.
fn span(alignment: &Alignment) -> Range<usize> {
    let first = alignment.iter().find_map(|line| *line).unwrap_or(0);
    let last = alignment.iter().rev().find_map(|line| *line).unwrap_or(first);
    first..last + 1
}

/// Tells whether lines of the file are left out between aligned ones.
fn is_gappy(alignment: &Alignment) -> bool {
    span(alignment).len() > alignment.iter().flatten().count()
}

fn typos(block: &Block, source: &Source<'_>, ops: &[Op], known: &HashSet<u32>) -> HashSet<(usize, usize)> {
    let unknown: Vec<_> = block
        .old()
        .zip(ops)
        .enumerate()
        .filter(|(_, (_, op))| op.part == Part::Removed && !op.is_trivial && !known.contains(&op.key))
        .collect();
    // More than one misspelt line is another text.
    let [(i, (line, _))] = unknown.as_slice() else { return HashSet::new() };
    let words = source.words();
    let added: Vec<&str> = block.added().map(|line| line.text.as_str()).collect();
    let near = source.raws.iter().enumerate().filter(|(_, real)| is_typo(&line.text, real, &words, &added));
    near.map(|(j, _)| (*i, j)).collect()
}

/// Judges a context line that the file does not have: was it invented, or did it lose its `+`, so that code would
/// silently vanish? Counts in the header, its sign and its indentation tell.
fn has_lost_sign(block: &Block, index: usize, n_extras: usize) -> bool {
    let line = &block.lines[index];
    if !block.is_diff || !line.signed {
        return true;
    }
    let neighbours = [index.checked_sub(1), Some(index + 1)].into_iter().flatten();
    let beside_change = neighbours.filter_map(|index| block.lines.get(index)).any(|line| line.tag != Tag::Keep);
    let (n_old, n_new) = block.sizes();
    let by_counts = match block.counts {
        Some((old, new)) if old + n_extras == n_old && new == n_new => true,
        Some((old, new)) if old == n_old && new == n_new => false,
        Some((old, new)) if old + n_extras == n_old && new + n_extras == n_new => false,
        _ => beside_change,
    };
    by_counts || is_one_space_short(block, index)
}

/// Tells whether a line has one leading space less than other lines of the block have, and none has as many as it.
fn is_one_space_short(block: &Block, index: usize) -> bool {
    let indent = lines::indent(&block.lines[index].text).len();
    let others = || {
        let others =
            block.lines.iter().enumerate().filter(|(other, line)| *other != index && !lines::is_blank(&line.text));
        others.map(|(_, line)| lines::indent(&line.text).len())
    };
    others().any(|other| other == indent + 1) && !others().any(|other| other == indent)
}

/// Costs, in rows of lines of the file.
struct Grid {
    width: usize,
    cells: Vec<u8>,
}

impl Grid {
    fn new(m: usize, n: usize) -> Self {
        Self { width: n + 1, cells: vec![0; (m + 1) * (n + 1)] }
    }

    fn at(&self, i: usize, j: usize) -> u8 {
        self.cells[i * self.width + j]
    }

    fn set(&mut self, i: usize, j: usize, cost: u8) {
        self.cells[i * self.width + j] = cost;
    }
}
