//! Defects of what stands round a diff. For tests only.

use crate::patch::defects::spoil::Kind;

const PROSE: &str = "The total was computed before the discount, so the assertion failed. This patch mends it.\n";

pub(super) const KINDS: &[Kind] = &[
    ("fenced", |case, diff, _| Some(case.worded(format!("```diff\n{}```\n", diff.text())))),
    ("prose around", |case, diff, _| Some(case.worded(format!("{PROSE}\n{}\n{PROSE}", diff.text())))),
    ("fence and bullets", |case, diff, _| {
        let bullets = "- one thing\n+ another\n";
        Some(case.worded(format!("Changes:\n\n{bullets}\n```diff\n{}```\n\n{bullets}", diff.text())))
    }),
    ("fence never closed", |case, diff, _| Some(case.worded(format!("```diff\n{}", diff.text())))),
    ("no final line end", |case, diff, _| Some(case.worded(diff.text().trim_end_matches('\n').to_owned()))),
    ("blank lines between hunks", |case, diff, _| {
        let hunks: String = diff.hunks.iter().map(|hunk| hunk.text() + "\n\n").collect();
        Some(case.worded(format!("{}\n{hunks}", diff.names.join("\n"))))
    }),
    ("mail signature", |case, diff, _| Some(case.worded(format!("{}-- \n2.39.2\n\n", diff.text())))),
    ("indented", |case, diff, _| Some(case.worded(diff.text().lines().map(|line| format!("    {line}\n")).collect()))),
    ("worded for JSON", |case, diff, _| Some(case.worded(serde_json::to_string(&diff.text()).ok()?))),
    ("worded for HTML", |case, diff, _| {
        let text = diff.text();
        let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        (html != text).then(|| case.worded(html))
    }),
    ("invisible mark in front", |case, diff, rng| {
        let mark = *rng.pick(&['\u{feff}', '\u{200b}'])?;
        Some(case.worded(format!("{mark}{}", diff.text())))
    }),
];
