//! Defects of context lines, and those of removed lines that can be made good. For tests only.

use crate::patch::defects::diff::{Diff, Hunk};
use crate::patch::defects::spoil::{Choose, Kind, one_line, typo, with_invented_line};
use crate::patch::defects::{Case, Rng, Trial};
use crate::patch::lines;

pub(super) const KINDS: &[Kind] = &[
    ("no context before", |case, diff, _| Some(case.right(&diff.each(without_lead)))),
    ("no context, right line", |case, _, _| Some(case.right(&case.diff(0)))),
    ("one line of context", |case, _, _| Some(case.right(&case.diff(1)))),
    ("invented line", |case, mut diff, rng| {
        with_invented_line(&mut diff, rng, ' ', false)?;
        Some(case.right(&diff))
    }),
    ("invented line, counted", |case, mut diff, rng| {
        with_invented_line(&mut diff, rng, ' ', true)?;
        Some(case.right(&diff))
    }),
    ("typo", |case, diff, rng| typo(case, diff, rng, |hunk| hunk.telling(' '))),
    ("typo in a removed line", |case, diff, rng| typo(case, diff, rng, |hunk| hunk.telling('-'))),
    ("paraphrase", |case, mut diff, rng| {
        one_line(
            &mut diff,
            rng,
            |hunk| hunk.telling(' '),
            |hunk, index, _| {
                let indent = lines::indent(&hunk.lines[index][1..]).to_owned();
                hunk.lines[index] = format!(" {indent}do_something_similar_here()");
            },
        )?;
        Some(case.right(&diff))
    }),
    ("dropped line", |case, mut diff, rng| {
        let inner: Choose =
            |hunk| hunk.with(' ').into_iter().filter(|at| *at > 0 && at + 1 < hunk.lines.len()).collect();
        one_line(&mut diff, rng, inner, |hunk, index, _| drop(hunk.lines.remove(index)))?;
        Some(case.right(&diff))
    }),
    ("elided by dots", |case, diff, _| elided(case, diff, "...")),
    ("elided by a comment", |case, diff, _| elided(case, diff, "// ... existing code ...")),
    ("line numbers in lines", numbered),
    ("whole block rewritten", |case, diff, _| Some(case.right(&diff.each(rewritten)))),
];

fn without_lead(hunk: &mut Hunk) {
    let n = hunk.lines.iter().take_while(|line| line.starts_with(' ')).count();
    if hunk.lines.last().is_some_and(|line| line.starts_with(' ')) && n < hunk.lines.len() {
        hunk.lines.drain(..n);
        hunk.old_start += n;
        hunk.new_start += n;
        hunk.recount();
    }
}

/// Lets a mark stand for all but the first and last of the leading context.
fn elided(case: &Case, mut diff: Diff, mark: &str) -> Option<Trial> {
    let lead = |hunk: &Hunk| hunk.lines.iter().take_while(|line| line.starts_with(' ')).count();
    let hunk = diff.hunks.iter_mut().find(|hunk| lead(hunk) >= 3)?;
    let indent = lines::indent(&hunk.lines[1][1..]).to_owned();
    let n = lead(hunk);
    hunk.lines.splice(1..n - 1, [format!(" {indent}{mark}")]);
    Some(case.right(&diff))
}

fn numbered(case: &Case, diff: Diff, rng: &mut Rng) -> Option<Trial> {
    let style = rng.below(3);
    let diff = diff.each(|hunk| {
        let (mut old, mut new) = (hunk.old_start, hunk.new_start);
        for line in hunk.lines.iter_mut().filter(|line| !line.starts_with('\\')) {
            let (sign, text) = line.split_at(1);
            let n = if sign == "+" { new } else { old };
            old += usize::from(sign != "+");
            new += usize::from(sign != "-");
            *line = match style {
                0 => format!("{sign}{n:4} | {text}"),
                1 => format!("{sign}{n}: {text}"),
                _ => format!("{sign}{n:5}\t{text}"),
            };
        }
    });
    Some(case.right(&diff))
}

/// Removes every old line and adds every new one.
fn rewritten(hunk: &mut Hunk) {
    if hunk.lines.iter().any(|line| line.starts_with('\\')) {
        return;
    }
    let side = |sign: char| {
        let lines = hunk.lines.iter().filter(move |line| line.starts_with([' ', sign]));
        lines.map(move |line| format!("{sign}{}", &line[1..]))
    };
    hunk.lines = side('-').chain(side('+')).collect();
    hunk.recount();
}
