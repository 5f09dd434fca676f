//! The pieces of a prompt: redacted, capped, in prompt order.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use camino::Utf8Path;

use crate::context::Tree;
use crate::context::locate::Located;
use crate::model::{Excerpt, Failure, Patch, RecentChange, Section, TestId};
use crate::patch;
use crate::syntax::{self, Language};
use crate::text::redact::{self, Redactor};

/// Functions shown of the suspicious places.
const FUNCTIONS_MAX: usize = 6;

/// Lines of a function that are shown whole; of a longer one, this many around the place.
const FUNCTION_LINES_MAX: u32 = 80;

/// Other failing tests that are named.
const NAMED_MAX: usize = 20;

/// Bytes of each kind of piece.
const FUNCTION_BYTES_MAX: usize = 4_000;
const TEST_BYTES_MAX: usize = 4_000;
const CHANGE_BYTES_MAX: usize = 3_000;
const FAILURE_BYTES_MAX: usize = 4_000;

/// Composes the pieces of one cluster's prompt.
pub(super) fn excerpts(
    located: &Located,
    related: &[TestId],
    tree: &Tree,
    changes: &[RecentChange],
    redactor: &Redactor,
) -> Vec<Excerpt> {
    let piece = |section: Section, title: &str, text: &str, bytes_max: usize| Excerpt {
        section,
        title: redactor.redact(title),
        text: redact::capped(&redactor.redact(text), bytes_max),
    };
    let mut excerpts = Vec::new();
    for (title, text) in suspicious_functions(located, tree) {
        excerpts.push(piece(Section::Source, &title, &text, FUNCTION_BYTES_MAX));
    }
    for (path, test) in located.tests.iter().take(1) {
        if let Some(text) = tree.sources.get(path).and_then(|text| text.get(test.bytes.clone())) {
            excerpts.push(piece(Section::Test, &format!("{path}:{}", test.lines.start), text, TEST_BYTES_MAX));
        }
    }
    if let Some((title, diff)) = recent_diff(located, changes) {
        excerpts.push(piece(Section::Change, &title, &diff, CHANGE_BYTES_MAX));
    }
    let failures = &located.cluster.failures;
    if let Some(first) = failures.first() {
        let alike: Vec<_> = failures.iter().skip(1).map(|failure| &failure.id).collect();
        let mut text = told(first);
        name_tests(&mut text, "failing alike", &alike);
        name_tests(&mut text, "failing otherwise, perhaps by the same fault", &related.iter().collect::<Vec<_>>());
        excerpts.push(piece(Section::Failure, &first.id.to_string(), &text, FAILURE_BYTES_MAX));
    }
    excerpts
}

/// Returns the most suspicious product functions, each once, with `path:first-last` as title.
fn suspicious_functions(located: &Located, tree: &Tree) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    let mut seen = BTreeSet::new();
    for (location, _) in &located.cluster.locations {
        if shown.len() == FUNCTIONS_MAX {
            break;
        }
        let Some((text, language)) = tree.sources.get(&location.file).zip(Language::of(&location.file)) else {
            continue;
        };
        let source = syntax::parse(language, text);
        let lines = match source.function_at(location.line) {
            Some(function) if function.is_test => continue,
            Some(function) if function.lines.end - function.lines.start <= FUNCTION_LINES_MAX => function.lines,
            Some(_) | None => around(location.line, FUNCTION_LINES_MAX / 4),
        };
        if seen.insert((location.file.clone(), lines.start)) {
            shown.push((title(&location.file, &lines), lines_of(text, &lines)));
        }
    }
    shown
}

fn around(line: u32, n_lines: u32) -> std::ops::Range<u32> {
    line.saturating_sub(n_lines).max(1)..line + n_lines
}

fn title(path: &Utf8Path, lines: &std::ops::Range<u32>) -> String {
    format!("{path}:{}-{}", lines.start, lines.end.saturating_sub(1).max(lines.start))
}

/// Returns lines of a text; `lines` counts from 1 and excludes its end.
fn lines_of(text: &str, lines: &std::ops::Range<u32>) -> String {
    let n_before = lines.start.saturating_sub(1) as usize;
    let n_lines = lines.end.saturating_sub(lines.start).max(1) as usize;
    text.split_inclusive('\n').skip(n_before).take(n_lines).collect()
}

/// Returns the newest change of suspicious files, as a diff.
fn recent_diff(located: &Located, changes: &[RecentChange]) -> Option<(String, String)> {
    let suspicious: BTreeSet<_> = located.cluster.locations.iter().map(|(location, _)| &location.file).collect();
    for change in changes {
        let files: Vec<_> = change.files.iter().filter(|file| suspicious.contains(&file.path)).cloned().collect();
        if let Ok(patch) = Patch::new(files)
            && !patch.is_empty()
        {
            return Some((change.title.clone(), patch::unified(&patch)));
        }
    }
    None
}

/// Adds a line that names tests; of many only the first.
fn name_tests(text: &mut String, what: &str, ids: &[&TestId]) {
    let names: Vec<_> = ids.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    if !names.is_empty() {
        let more =
            if ids.len() > names.len() { format!(" and {} more", ids.len() - names.len()) } else { String::new() };
        let _ = writeln!(text, "{what}: {}{more}", names.join(", "));
    }
}

fn told(failure: &Failure) -> String {
    let mut text = String::new();
    if failure.diagnostics.is_empty() {
        let _ = writeln!(text, "{}", failure.message.trim_end());
        for (name, value) in [("expected", &failure.expected), ("actual", &failure.actual)] {
            if let Some(value) = value {
                let _ = writeln!(text, "{name}: {value}");
            }
        }
        for frame in &failure.frames {
            let _ = writeln!(text, "at {} {}", frame.function.as_deref().unwrap_or_default(), frame.location);
        }
        if !failure.output.trim().is_empty() && !failure.output.contains(&failure.message) {
            let _ = writeln!(text, "output:\n{}", failure.output.trim_end());
        }
    } else {
        for diagnostic in &failure.diagnostics {
            let _ = writeln!(text, "{}", diagnostic.rendered.trim_end());
        }
    }
    text
}
