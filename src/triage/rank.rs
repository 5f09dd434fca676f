//! Suspicious places of a cluster: where its failures point to in the project, weighed and put in order.
//!
//! A place's score is the mean over the failures of how strongly each points to it, so that a place all of them share
//! ends above one that a single failure names. Tests are witnesses, rarely culprits: places in test files weigh little.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{Failure, Location};
use crate::triage::paths::{Atlas, is_test_file};

/// How much less each further frame, or each further error of a build, says about where the fault is.
const DECAY: f64 = 0.6;

/// How much a place counts that a diagnostic mentions without blaming it.
const RELATED: f64 = 0.5;

/// How much a place in a test file counts.
const IN_TEST: f64 = 0.1;

/// How much a file counts that is only named like the failing test's file.
const NAMESAKE: f64 = 0.2;

/// How many places are kept.
const PLACES_MAX: usize = 24;

/// Returns the places in the project the failures point to, most suspicious first, with scores in 0..=1.
pub(super) fn ranked(failures: &[Failure], atlas: &Atlas<'_>) -> Vec<(Location, f64)> {
    let mut scores: BTreeMap<(&Utf8Path, u32), (Option<u32>, f64)> = BTreeMap::new();
    let pointed: Vec<_> = failures.iter().map(|failure| pointed(failure, atlas)).collect();
    for places in &pointed {
        for (place, (column, score)) in places {
            let entry = scores.entry((place.0.as_path(), place.1)).or_insert((*column, 0.0));
            entry.1 += score / failures.len() as f64;
        }
    }
    let locate = |((file, line), (column, score)): ((&Utf8Path, u32), (Option<u32>, f64))| {
        (Location { file: file.to_owned(), line, column }, score)
    };
    let mut ranked: Vec<_> = scores.into_iter().map(locate).collect();
    if ranked.iter().all(|(location, _)| is_test_file(&location.file)) {
        ranked.extend(namesakes(&ranked, failures, atlas));
    }
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranked.truncate(PLACES_MAX);
    ranked
}

/// How strongly one failure points to each place: by a place's file and line, its column and its strongest mention.
type Pointed = BTreeMap<(Utf8PathBuf, u32), (Option<u32>, f64)>;

fn pointed(failure: &Failure, atlas: &Atlas<'_>) -> Pointed {
    let mut places = Pointed::new();
    let mut point = |file: &Utf8Path, line: u32, column: Option<u32>, score: f64| {
        let score = if is_test_file(file) { score * IN_TEST } else { score };
        let entry = places.entry((file.to_owned(), line)).or_insert((column, score));
        *entry = (entry.0.or(column), entry.1.max(score));
    };
    let held = |location: &&Location| atlas.holds(&location.file);
    for location in failure.location.iter().filter(held) {
        point(&location.file, location.line, location.column, 1.0);
    }
    let frames = failure.frames.iter().map(|frame| &frame.location).filter(held);
    for (location, score) in frames.zip(decaying()) {
        point(&location.file, location.line, location.column, score);
    }
    for (diagnostic, score) in failure.diagnostics.iter().zip(decaying()) {
        for span in diagnostic.spans.iter().filter(|span| atlas.holds(&span.file)) {
            point(&span.file, span.line, Some(span.column), if span.primary { score } else { score * RELATED });
        }
    }
    places
}

fn decaying() -> impl Iterator<Item = f64> {
    std::iter::successors(Some(1.0), |score| Some(score * DECAY))
}

/// Returns the product files named after the test files or suites, where nothing else points to the product:
/// `tests/cart.rs`, `test_cart.py`, `cart.test.ts` and `CartTest.java` are about a `cart`.
fn namesakes(places: &[(Location, f64)], failures: &[Failure], atlas: &Atlas<'_>) -> Vec<(Location, f64)> {
    let files = places.iter().filter_map(|(location, _)| location.file.file_stem());
    let suites = failures.iter().filter_map(|failure| failure.id.suite.rsplit(['.', ':', '/', '\\']).next());
    let mut subjects: Vec<String> = files.chain(suites).map(subject).filter(|subject| !subject.is_empty()).collect();
    subjects.sort();
    subjects.dedup();
    let about = |file: &&Utf8Path| {
        let stem = file.file_stem().unwrap_or_default().to_lowercase();
        !is_test_file(file) && is_source(file) && subjects.binary_search(&stem).is_ok()
    };
    let at_top = |file: &Utf8Path| (Location { file: file.to_owned(), line: 1, column: None }, NAMESAKE);
    atlas.files().filter(about).map(at_top).collect()
}

/// Returns what a test file is about by its name, in lower case.
fn subject(stem: &str) -> String {
    const ENDS: &[&str] = &["_tests", "_test", ".test", ".spec", "_spec", "tests", "test"];
    let stem = stem.to_lowercase();
    let bare = ENDS.iter().find_map(|end| stem.strip_suffix(end)).unwrap_or(&stem);
    bare.strip_prefix("test_").unwrap_or(bare).to_owned()
}

fn is_source(file: &Utf8Path) -> bool {
    const SOURCES: &[&str] = &[
        "c", "cc", "cpp", "cs", "go", "h", "hpp", "java", "js", "jsx", "kt", "mjs", "php", "py", "rb", "rs", "scala",
        "swift", "ts", "tsx",
    ];
    file.extension().is_some_and(|extension| SOURCES.contains(&extension))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Frame, TestId};
    use crate::triage::Layout;

    fn at(file: &str, line: u32) -> Location {
        Location { file: file.into(), line, column: None }
    }

    fn through(places: &[(&str, u32)]) -> Failure {
        let frames = places.iter().map(|(file, line)| Frame { function: None, location: at(file, *line) }).collect();
        Failure { frames, ..Failure::bare(TestId::new("cart_test", "t")) }
    }

    #[track_caller]
    fn check(files: &[&str], failures: &[Failure], expected: &[(&str, u32, f64)]) {
        let layout = Layout { files: files.iter().map(Utf8PathBuf::from).collect(), root: "/p".into() };
        let ranked = ranked(failures, &Atlas::new(&layout));
        let told: Vec<_> =
            ranked.iter().map(|(at, score)| (at.file.as_str(), at.line, (score * 1e3).round() / 1e3)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn outer_frames_weigh_less_and_frames_outside_the_project_nothing() {
        let failure = through(&[("a.rs", 1), ("/usr/x.rs", 2), ("b.rs", 3), ("b.rs", 4)]);
        check(&["a.rs", "b.rs"], &[failure], &[("a.rs", 1, 1.0), ("b.rs", 3, 0.6), ("b.rs", 4, 0.36)]);
    }

    #[test]
    fn a_place_all_failures_share_is_above_one_that_a_single_failure_names() {
        let failures = [through(&[("a.rs", 1), ("c.rs", 9)]), through(&[("b.rs", 1), ("c.rs", 9)])];
        check(&["a.rs", "b.rs", "c.rs"], &failures, &[("c.rs", 9, 0.6), ("a.rs", 1, 0.5), ("b.rs", 1, 0.5)]);
    }

    #[test]
    fn when_only_tests_are_named_the_file_they_are_named_after_is_suspected() {
        let failure = through(&[("pkg/cart_test.go", 7)]);
        let files = &["pkg/cart_test.go", "pkg/cart.go", "pkg/card.go", "cart.md"];
        check(files, &[failure], &[("pkg/cart.go", 1, 0.2), ("pkg/cart_test.go", 7, 0.1)]);
    }

    #[test]
    fn test_files_are_about_what_their_names_say() {
        let told = ["test_cart", "cart_test", "CartTest", "cart.spec", "cart", "tests", "cart_tests"].map(subject);
        assert_eq!(told, ["cart", "cart", "cart", "cart", "cart", "", "cart"]);
    }
}
