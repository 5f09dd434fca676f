//! Defects of headers: numbers, counts, names. For tests only.

use crate::patch::defects::diff::Diff;
use crate::patch::defects::spoil::Kind;
use crate::patch::defects::{Case, Rng, Trial};

pub(super) const KINDS: &[Kind] = &[
    ("as it is", |case, diff, _| Some(case.right(&diff))),
    ("numbers off a little", |case, diff, rng| {
        let by = 1 + rng.below(3);
        Some(case.right(&moved(diff, by)))
    }),
    ("numbers far off", |case, diff, rng| {
        let by = 100 + rng.below(900);
        Some(case.right(&moved(diff, by)))
    }),
    ("numbers and counts 1", |case, diff, _| headed(case, diff, "@@ -1 +1 @@")),
    ("numbers 1", |case, diff, _| {
        let diff = diff.each(|hunk| (hunk.old_start, hunk.new_start) = (1, 1));
        Some(case.right(&diff))
    }),
    ("numbers 0", |case, diff, _| headed(case, diff, "@@ -0,0 +0,0 @@")),
    ("bare header", |case, diff, _| headed(case, diff, "@@")),
    ("dots for numbers", |case, diff, _| headed(case, diff, "@@ ... @@")),
    ("function for numbers", |case, diff, _| {
        let diff = diff.each(|hunk| hunk.header = Some(format!("@@ {}", hunk.heading)));
        Some(case.right(&diff))
    }),
    ("old count too great", |case, diff, rng| recounted(case, diff, rng, |n, by| n + by, |n, _| n)),
    ("old count too small", |case, diff, rng| recounted(case, diff, rng, usize::saturating_sub, |n, _| n)),
    ("new count too great", |case, diff, rng| recounted(case, diff, rng, |n, _| n, |n, by| n + by)),
    ("new count too small", |case, diff, rng| recounted(case, diff, rng, |n, _| n, usize::saturating_sub)),
    ("counts and numbers off", |case, diff, rng| {
        let diff = diff.each(|hunk| {
            hunk.old_start += rng.below(30);
            hunk.old_count += rng.below(3);
            hunk.new_count += rng.below(3);
        });
        Some(case.right(&diff))
    }),
    ("no names", |case, diff, _| Some(case.shown(&Diff { names: Vec::new(), ..diff }))),
    ("no prefix", |case, diff, _| Some(case.right(&named(diff, "", &case.path)))),
    ("dot and slash", |case, diff, _| Some(case.right(&named(diff, "./", &case.path)))),
    ("repository in front", |case, diff, _| {
        let names = ["--- a/repo/", "+++ b/repo/"].map(|start| format!("{start}{}", case.path));
        Some(case.right(&Diff { names: names.into(), ..diff }))
    }),
    ("base name", |case, diff, _| Some(case.shown(&named(diff, "", case.path.rsplit('/').next()?)))),
    ("absolute", |case, diff, _| Some(case.shown(&named(diff, "/home/me/repo/", &case.path)))),
    ("wrong index line", |case, mut diff, _| {
        let lines = [format!("diff --git a/{0} b/{0}", case.path), "index 1234567..89abcde 100644".into()];
        diff.names.splice(0..0, lines);
        Some(case.right(&diff))
    }),
    ("names before each hunk", |case, diff, _| {
        let names = diff.names.join("\n");
        let hunks = diff.hunks.iter().map(|hunk| format!("{names}\n{}\n", hunk.text()));
        Some(case.worded(hunks.collect()))
    }),
];

fn moved(diff: Diff, by: usize) -> Diff {
    diff.each(|hunk| {
        hunk.old_start += by;
        hunk.new_start += by;
    })
}

fn headed(case: &Case, diff: Diff, header: &str) -> Option<Trial> {
    Some(case.right(&diff.each(|hunk| hunk.header = Some(header.to_owned()))))
}

fn recounted(
    case: &Case,
    diff: Diff,
    rng: &mut Rng,
    old: fn(usize, usize) -> usize,
    new: fn(usize, usize) -> usize,
) -> Option<Trial> {
    let by = 1 + rng.below(3);
    let diff = diff.each(|hunk| {
        hunk.old_count = old(hunk.old_count, by);
        hunk.new_count = new(hunk.new_count, by);
    });
    Some(case.right(&diff))
}

fn named(diff: Diff, start: &str, path: &str) -> Diff {
    Diff { names: vec![format!("--- {start}{path}"), format!("+++ {start}{path}")], ..diff }
}
