//! Defects that must be refused. For tests only.

use crate::patch::defects::diff::{Diff, Hunk};
use crate::patch::defects::spoil::{Kind, one_line, with_invented_line};
use crate::patch::defects::{Case, Rng, Trial};
use crate::patch::lines;

pub(super) const KINDS: &[Kind] = &[
    ("removed line invented", |case, mut diff, rng| {
        one_line(
            &mut diff,
            rng,
            |hunk| hunk.with('-'),
            |hunk, index, _| {
                hunk.lines[index] = "-    nothing_like_this(in_the_file)".into();
            },
        )?;
        Some(case.refused(diff.text()))
    }),
    ("removed line too many", |case, mut diff, rng| {
        with_invented_line(&mut diff, rng, '-', true)?;
        Some(case.refused(diff.text()))
    }),
    ("plus missing", |case, diff, rng| without_plus(case, diff, rng, "")),
    ("plus blanked", |case, diff, rng| without_plus(case, diff, rng, " ")),
    ("truncated between lines", truncated_between_lines),
    ("truncated inside a line", truncated_inside_a_line),
    ("/dev/null for an existing file", |case, mut diff, _| {
        diff.names[0] = "--- /dev/null".into();
        Some(case.refused(diff.text()))
    }),
    ("no such path", |case, _, rng| {
        let path = rng.pick(&[format!("{}x", case.path), format!("no/such/{}", case.path)])?.clone();
        Some(case.refused(Diff::between(&path, &case.before, &case.after, 3, true).text()))
    }),
    ("path in other case", |case, _, _| {
        let path = case.path.to_uppercase();
        let diff = Diff::between(&path, &case.before, &case.after, 3, true);
        (path != case.path).then(|| case.refused(diff.text()))
    }),
    ("signs swapped", |case, diff, _| Some(case.refused(diff.each(swapped).text()))),
    ("reversed", |case, _, _| Some(case.refused(Diff::between(&case.path, &case.after, &case.before, 3, true).text()))),
    ("conflicting drift", conflicting_drift),
    ("two places, no line", |case, diff, _| {
        let file = case.doubled(&diff)?;
        Some(file.refused(diff.each(|hunk| hunk.header = Some("@@".into())).text()))
    }),
    ("two places, wrong line", |case, diff, rng| {
        let file = case.doubled(&diff)?;
        Some(file.refused(moved(diff, 1 + rng.below(4)).text()))
    }),
    ("two places, the right one gone", target_gone),
    ("no context, wrong line", |case, _, rng| Some(case.refused(moved(case.diff(0), 1 + rng.below(9)).text()))),
];

fn moved(diff: Diff, by: usize) -> Diff {
    diff.each(|hunk| {
        hunk.old_start += by;
        hunk.new_start += by;
    })
}

/// Takes the sign of an added line away, so that its code would vanish. One that begins with a sign itself stays added.
fn without_plus(case: &Case, mut diff: Diff, rng: &mut Rng, sign: &str) -> Option<Trial> {
    let count = |diff: &Diff| diff.hunks.iter().map(|hunk| hunk.with('+').len()).sum::<usize>();
    let n_added = count(&diff);
    one_line(
        &mut diff,
        rng,
        |hunk| hunk.telling('+'),
        |hunk, index, _| {
            hunk.lines[index] = format!("{sign}{}", &hunk.lines[index][1..]);
        },
    )?;
    (count(&diff) < n_added).then(|| case.refused(diff.text()))
}

fn truncated_between_lines(case: &Case, diff: Diff, rng: &mut Rng) -> Option<Trial> {
    let text = diff.text();
    let all = lines::split(&text);
    let header = all.iter().rposition(|line| line.starts_with("@@"))?;
    let keep = header + 2 + rng.below(all.len().checked_sub(header + 2)?);
    let lost = all.get(keep..).unwrap_or_default();
    lost.iter().any(|line| !line.starts_with('\\')).then(|| case.refused(all[..keep].concat()))
}

fn truncated_inside_a_line(case: &Case, diff: Diff, rng: &mut Rng) -> Option<Trial> {
    let text = diff.text();
    let header = text.rfind("\n@@")? + 1;
    let start = header + text[header..].find('\n')? + 2;
    let cut = text.floor_char_boundary(start + rng.below(text.len().checked_sub(start + 2)?));
    let inside = !text[..cut].ends_with('\n') && !text[cut..].starts_with('\n');
    let is_mark = text[..cut].rsplit('\n').next()?.starts_with('\\');
    (inside && !is_mark).then(|| case.refused(text[..cut].to_owned()))
}

fn swapped(hunk: &mut Hunk) {
    for line in &mut hunk.lines {
        let sign = match line.get(..1) {
            Some("+") => "-",
            Some("-") => "+",
            _ => continue,
        };
        line.replace_range(..1, sign);
    }
    std::mem::swap(&mut hunk.old_start, &mut hunk.new_start);
    std::mem::swap(&mut hunk.old_count, &mut hunk.new_count);
}

/// Changes a line of the file that the diff removes.
fn conflicting_drift(case: &Case, diff: Diff, rng: &mut Rng) -> Option<Trial> {
    let hunk = rng.pick(&diff.hunks)?;
    let line = &hunk.lines[*rng.pick(&hunk.telling('-'))?][1..];
    let changed = match rng.below(3) {
        0 => format!("{line} changed"),
        1 => line.replacen(|c: char| c.is_ascii_digit(), "7", 1),
        _ => line.replacen('e', "eX", 1),
    };
    let before = case.with_line(line, &changed)?.before;
    (changed != *line).then(|| Case { before, ..case.clone() }.refused(diff.text()))
}

/// Leaves of two places only the one that is not meant.
fn target_gone(case: &Case, diff: Diff, rng: &mut Rng) -> Option<Trial> {
    let mut file = case.doubled(&diff)?;
    let hunk = &diff.hunks[0];
    let index = *rng.pick(&hunk.telling('-'))?;
    let n_before = hunk.lines[..index].iter().filter(|line| line.starts_with([' ', '-'])).count();
    let mut all = lines::split(&file.before);
    *all.get_mut(hunk.old_start - 1 + n_before)? = "the target is gone\n";
    file.before = all.concat();
    Some(file.refused(diff.text()))
}
