//! Titles of tests → patterns that match just them, and the files in which they stand.
//!
//! Runners of JavaScript select by patterns over whole titles, and their reports rarely tell files. A title that stands
//! in quotes in a file is taken to be that file's; which files define it otherwise is not known here.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use camino::{Utf8Path, Utf8PathBuf};
use ignore::WalkBuilder;

/// The largest file that is looked into, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The most files that are looked into.
const FILES_MAX: usize = 20_000;

/// Endings of files that may hold tests.
pub(super) const EXTENSIONS: &[&str] = &["js", "cjs", "mjs", "jsx", "ts", "cts", "mts", "tsx"];

/// Words in the name of a test's file, or of a folder of tests.
const TEST_WORDS: &[&str] = &["test", "tests", "__tests__", "spec", "specs", "e2e"];

/// Escapes a text for JavaScript's regular expressions, with or without the `u` flag.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            _ if "\\^$.*+?()[]{}|/".contains(character) => escaped.extend(['\\', character]),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Returns a pattern that matches what one of these does as a whole.
pub(super) fn any_of(patterns: &BTreeSet<String>) -> String {
    format!("^(?:{})$", patterns.iter().map(String::as_str).collect::<Vec<_>>().join("|"))
}

/// Returns the test files below a folder in which any of these titles stands, relative to it; nothing when some title
/// stands in none, so that any file may define it.
pub(super) fn files_with<'t>(dir: &Utf8Path, titles: impl IntoIterator<Item = &'t str>) -> Vec<Utf8PathBuf> {
    let titles: Vec<&str> = titles.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let Ok(searcher) = AhoCorasick::new(titles.iter().flat_map(|title| quoted(title))) else { return Vec::new() };
    let mut is_found = vec![false; titles.len()];
    let mut found = BTreeSet::new();
    for path in test_files(dir) {
        let Ok(text) = fs_err::read(dir.join(&path)) else { continue };
        for hit in searcher.find_overlapping_iter(&text) {
            is_found[hit.pattern().as_usize() / QUOTES.len()] = true;
            found.insert(path.clone());
        }
    }
    if is_found.iter().all(|is_found| *is_found) { found.into_iter().collect() } else { Vec::new() }
}

/// Tells whether a title stands in a file.
pub(super) fn stands_in(file: &Utf8Path, title: &str) -> bool {
    let text = fs_err::read_to_string(file).unwrap_or_default();
    quoted(title).iter().any(|quoted| text.contains(quoted.as_str()))
}

/// What a title stands between in a source.
const QUOTES: [char; 3] = ['\'', '"', '`'];

/// Returns a title as it may stand in a source.
fn quoted(title: &str) -> [String; 3] {
    QUOTES.map(|quote| {
        let mut text = String::from(quote);
        for character in title.chars() {
            match character {
                '\n' => text.push_str("\\n"),
                _ if character == quote || character == '\\' => text.extend(['\\', character]),
                _ => text.push(character),
            }
        }
        text.push(quote);
        text
    })
}

/// Lists the files below a folder that look like tests, relative to it, without what is ignored or installed.
fn test_files(dir: &Utf8Path) -> impl Iterator<Item = Utf8PathBuf> {
    let mut walk = WalkBuilder::new(dir);
    walk.require_git(false).git_global(false).git_exclude(false).parents(false);
    walk.filter_entry(|entry| entry.file_name() != "node_modules");
    let files = walk.build().filter_map(Result::ok).filter(|entry| {
        let is_small = || entry.metadata().is_ok_and(|metadata| metadata.len() <= FILE_BYTES_MAX);
        entry.file_type().is_some_and(|kind| kind.is_file()) && is_small()
    });
    let dir = dir.to_owned();
    let relative = move |path: Utf8PathBuf| path.strip_prefix(&dir).ok().map(Utf8Path::to_owned);
    let paths = files.filter_map(|entry| Utf8PathBuf::from_path_buf(entry.into_path()).ok()).filter_map(relative);
    paths.filter(|path| looks_like_test(path)).take(FILES_MAX)
}

fn looks_like_test(path: &Utf8Path) -> bool {
    let is_source = path.extension().is_some_and(|extension| EXTENSIONS.contains(&extension));
    let mut words = path.as_str().split(['/', '.', '-', '_']);
    is_source && (words.any(|word| TEST_WORDS.contains(&word)) || path.as_str().contains("__tests__"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_only_the_titles_it_is_made_of() {
        let titles = ["^a.*(b|c)+$", "a/b\\c", "new\nline", "x{2}", "[brackets]", "ünï✓", "--dashed"];
        let pattern = any_of(&titles.iter().map(|title| escape(title)).collect());
        let matcher = regex::Regex::new(&pattern).unwrap();
        assert!(titles.iter().all(|title| matcher.is_match(title)), "{pattern}");
        for other in ["aab", "a/b\\cc", "newline", "xx", "b", "--dashed ", ""] {
            assert!(!matcher.is_match(other), "{other}");
        }
    }

    #[test]
    fn titles_are_looked_for_in_tests_alone_and_all_must_be_found() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(folder.path()).unwrap();
        for (path, text) in [
            ("src/a.test.ts", "test('adds', f); test(\"it's\", f); test(`say \\`hi\\``, f)"),
            ("test/b.js", "it('adds', f); it('a\\\\b', f)"),
            ("src/a.ts", "const words = ['adds', 'gone']"),
            ("node_modules/x/test/c.js", "it('adds', f)"),
        ] {
            fs_err::create_dir_all(dir.join(path).parent().unwrap()).unwrap();
            fs_err::write(dir.join(path), text).unwrap();
        }
        let check = |titles: &[&str], files: &[&str]| assert_eq!(files_with(dir, titles.iter().copied()), files);
        check(&["adds"], &["src/a.test.ts", "test/b.js"]);
        check(&["it's", "say `hi`"], &["src/a.test.ts"]);
        check(&["a\\b"], &["test/b.js"]);
        check(&["adds", "gone"], &[]);
        check(&[], &[]);
        assert!(stands_in(&dir.join("test/b.js"), "adds") && !stands_in(&dir.join("test/b.js"), "add"));
    }
}
