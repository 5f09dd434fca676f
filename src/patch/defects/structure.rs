//! Defects of the order and number of hunks, of typography and line ends, and files that are not quite as the diff has
//! them. For tests only.

use crate::patch::defects::diff::Diff;
use crate::patch::defects::spoil::{Kind, if_changed};
use crate::patch::defects::{Case, Expected, Rng, Trial};
use crate::patch::lines;

pub(super) const KINDS: &[Kind] = &[
    ("hunk twice", |case, mut diff, rng| {
        let hunk = rng.pick(&diff.hunks)?.clone();
        diff.hunks.push(hunk);
        Some(case.right(&diff))
    }),
    ("wrong order", |case, mut diff, _| {
        diff.hunks.reverse();
        (diff.hunks.len() > 1).then(|| case.right(&diff))
    }),
    ("wrong order, no numbers", |case, mut diff, _| {
        diff.hunks.reverse();
        (diff.hunks.len() > 1).then(|| case.right(&diff.each(|hunk| hunk.header = Some("@@".into()))))
    }),
    ("overlapping hunks", |case, diff, _| {
        let apart = Diff::between(&case.path, &case.before, &case.after, 3, false);
        (apart.hunks.len() > diff.hunks.len()).then(|| case.right(&apart))
    }),
    ("curly quotes", |case, diff, _| {
        let curly = |line: &str| line.trim_end().replace('"', "\u{201d}").replace('\'', "\u{2019}");
        let spoilt = diff.clone().map(|line| if line.starts_with(' ') { curly(line) } else { line.to_owned() });
        let has_quotes = diff.text().contains(['"', '\'']);
        if_changed(case, &diff, &spoilt).filter(|_| has_quotes)
    }),
    ("no-break spaces", |case, diff, _| {
        let spoilt = diff.clone().map(|line| match line.strip_prefix(' ') {
            Some(text) => format!(" {}{}", lines::indent(text), text.trim_start().replace(' ', "\u{a0}")),
            None => line.to_owned(),
        });
        if_changed(case, &diff, &spoilt)
    }),
    ("spurious end-of-file mark", |case, mut diff, rng| {
        let index = rng.below(diff.hunks.len());
        let lines = &mut diff.hunks[index].lines;
        let able = lines.last()?.starts_with(' ');
        lines.push("\\ No newline at end of file".into());
        able.then(|| case.right(&diff))
    }),
    ("missing end-of-file mark", |case, _, _| {
        let file = case.map(|text| text.trim_end_matches('\n').to_owned());
        let diff = file.diff(3);
        let mut spoilt = diff.clone();
        spoilt.hunks.iter_mut().for_each(|hunk| hunk.lines.retain(|line| !line.starts_with('\\')));
        if_changed(&file, &diff, &spoilt).filter(|_| !file.before.is_empty() && !file.after.is_empty())
    }),
    ("new file without its mark", |case, _, _| Some(new_file(case, &created(case)))),
    ("new file, wrong count", |case, _, rng| {
        let mut diff = created(case);
        diff.names[0] = "--- /dev/null".into();
        let hunk = diff.hunks.first_mut()?;
        hunk.new_count = 1 + rng.below(hunk.new_count);
        Some(new_file(case, &diff))
    }),
    ("already applied", |case, diff, _| Some(Trial { before: case.after.clone(), ..case.right(&diff) })),
    ("file drifted above", |case, diff, rng| {
        let above: String = (0..=rng.below(40)).map(|n| format!("// drifted line {n}\n")).collect();
        Some(case.map(|text| format!("{above}{text}")).right(&diff))
    }),
    ("file drifted by a context line", drifted),
    ("two places, right line", |case, diff, _| Some(case.doubled(&diff)?.right(&diff))),
];

fn created(case: &Case) -> Diff {
    Diff::between("new/file.txt", "", &case.after, 3, true)
}

fn new_file(case: &Case, diff: &Diff) -> Trial {
    let expected = Expected::NewFile(case.after.clone());
    Trial { before: String::new(), reply: diff.text(), expected, shows: false }
}

fn drifted(case: &Case, diff: Diff, rng: &mut Rng) -> Option<Trial> {
    let hunk = rng.pick(&diff.hunks)?;
    let line = &hunk.lines[*rng.pick(&hunk.telling(' '))?][1..];
    let file = case.with_line(line, &format!("{line} changed"))?;
    (file.after != case.after).then(|| file.right(&diff))
}
