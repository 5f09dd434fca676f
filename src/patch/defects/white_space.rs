//! Defects of white space. For tests only.

use crate::patch::defects::spoil::{Kind, if_changed, reindented};
use crate::patch::lines;

pub(super) const KINDS: &[Kind] = &[
    ("CRLF in the patch", |case, diff, _| Some(case.worded(diff.text().replace('\n', "\r\n")))),
    ("CRLF in the file", |case, diff, _| Some(case.map(|text| text.replace('\n', "\r\n")).right(&diff))),
    ("tabs as spaces", |case, diff, rng| {
        let unit = " ".repeat(*rng.pick(&[4, 8, 2])?);
        reindented(case, diff, |line| {
            let indent = lines::indent(line);
            Some(indent.replace('\t', &unit) + &line[indent.len()..])
        })
    }),
    ("spaces as tabs", |case, diff, _| {
        reindented(case, diff, |line| {
            let indent = lines::indent(line);
            let whole = !indent.contains('\t') && indent.len().is_multiple_of(4);
            whole.then(|| "\t".repeat(indent.len() / 4) + &line[indent.len()..])
        })
    }),
    ("blank context without its sign", |case, diff, _| {
        let spoilt = diff.clone().map(|line| if line == " " { String::new() } else { line.to_owned() });
        if_changed(case, &diff, &spoilt)
    }),
    ("space at line ends in the file", |case, diff, rng| {
        let hunk = diff.hunks.first()?;
        let line = &hunk.lines[*rng.pick(&hunk.telling(' '))?][1..];
        Some(case.with_line(line, &format!("{line}  "))?.right(&diff))
    }),
    ("space at line ends in the patch", |case, diff, _| reindented(case, diff, |line| Some(format!("{line}  ")))),
    ("context without its sign", |case, diff, _| {
        let spoilt = diff.clone().map(|line| match line.strip_prefix(' ') {
            Some(text) if !text.starts_with(['+', '-', '@', '\\']) => text.to_owned(),
            _ => line.to_owned(),
        });
        if_changed(case, &diff, &spoilt)
    }),
    ("space after the signs of changes", |case, diff, _| {
        let spoilt = diff.clone().map(|line| match line.split_at(1) {
            (sign @ ("+" | "-"), text) if !text.is_empty() => format!("{sign} {text}"),
            _ => line.to_owned(),
        });
        if_changed(case, &diff, &spoilt)
    }),
    ("space after all signs", |case, diff, _| {
        reindented(case, diff, |line| Some(if line.is_empty() { String::new() } else { format!(" {line}") }))
    }),
    ("all shallower", |case, diff, _| {
        let filled = diff.hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| !lines::is_blank(&line[1..]));
        let depth = filled.map(|line| lines::indent(&line[1..]).len()).min().filter(|depth| *depth > 0)?;
        reindented(case, diff, |line| Some(line.get(depth..).unwrap_or_default().to_owned()))
    }),
    ("all deeper", |case, diff, _| {
        reindented(case, diff, |line| Some(if line.is_empty() { String::new() } else { format!("    {line}") }))
    }),
];
