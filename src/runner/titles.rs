//! Titles of tests → patterns that match just them, and the files in which they stand.
//!
//! Runners of JavaScript select by patterns over whole titles, and their reports rarely tell files. A title that stands
//! in quotes in a file is taken to be that file's; which files define it otherwise is not known here.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::AhoCorasick;
use camino::{Utf8Path, Utf8PathBuf};
use ignore::WalkBuilder;

use crate::model::TestId;

/// The largest file that is looked into, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The most files that are looked into.
const FILES_MAX: usize = 20_000;

/// Endings of files that may hold tests.
const EXTENSIONS: &[&str] = &["js", "cjs", "mjs", "jsx", "ts", "cts", "mts", "tsx"];

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

/// Groups tests, whose suites are their files, so that in the files of a group a title that is wanted in one stands in no
/// other that it is not wanted in: one pattern can then go for all of them. `title` gives the title of a test alone.
pub(super) fn groups<'i>(dir: &Utf8Path, ids: &'i [TestId], title: impl Fn(&'i TestId) -> &'i str) -> Vec<Vec<TestId>> {
    let titles: Vec<&str> = ids.iter().map(title).collect();
    let mut files: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, id) in ids.iter().enumerate() {
        files.entry(&id.suite).or_default().push(at);
    }
    let searcher = AhoCorasick::new(titles.iter().flat_map(|title| quoted(title)));
    let standing = |file: &str| -> BTreeSet<&str> {
        let text = fs_err::read(dir.join(file)).unwrap_or_default();
        let hits = searcher.iter().flat_map(|searcher| searcher.find_overlapping_iter(&text));
        hits.map(|hit| titles[hit.pattern().as_usize() / QUOTES.len()]).collect()
    };
    let mut groups: Vec<Vec<Wanted<'_>>> = Vec::new();
    for (file, own) in files {
        let names: BTreeSet<&str> = own.iter().map(|at| ids[*at].name.as_str()).collect();
        let pairs = own.iter().map(|at| (ids[*at].name.as_str(), titles[*at])).collect();
        let wanted = Wanted { own, names, pairs, standing: standing(file) };
        match groups
            .iter_mut()
            .find(|group| group.iter().all(|other| !wanted.clashes(other) && !other.clashes(&wanted)))
        {
            Some(group) => group.push(wanted),
            None => groups.push(vec![wanted]),
        }
    }
    let tests =
        |group: Vec<Wanted<'_>>| group.into_iter().flat_map(|wanted| wanted.own).map(|at| ids[at].clone()).collect();
    groups.into_iter().map(tests).collect()
}

/// What is wanted of a file.
struct Wanted<'i> {
    /// The places of its tests among all.
    own: Vec<usize>,
    names: BTreeSet<&'i str>,
    /// The name and the title of each test.
    pairs: Vec<(&'i str, &'i str)>,
    /// The titles, of those wanted anywhere, that stand in it.
    standing: BTreeSet<&'i str>,
}

impl Wanted<'_> {
    /// Tells whether something that is wanted here may be in the other file as well, where it is not wanted.
    fn clashes(&self, other: &Self) -> bool {
        self.pairs.iter().any(|(name, title)| !other.names.contains(name) && other.standing.contains(title))
    }
}

/// Tells whether a title is that of a group of tests in a file.
pub(super) fn is_group(file: &Utf8Path, title: &str) -> bool {
    let text = fs_err::read_to_string(file).unwrap_or_default();
    let calls =
        quoted(title).into_iter().flat_map(|quoted| ["describe(", "suite("].map(|call| format!("{call}{quoted}")));
    calls.into_iter().any(|call| text.contains(&call))
}

/// Tells whether a name is that of a file that may hold tests.
pub(super) fn is_source(name: &str) -> bool {
    Utf8Path::new(name).extension().is_some_and(|extension| EXTENSIONS.contains(&extension))
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
    let mut words = path.as_str().split(['/', '.', '-', '_']);
    is_source(path.as_str()) && (words.any(|word| TEST_WORDS.contains(&word)) || path.as_str().contains("__tests__"))
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
    }

    #[test]
    fn files_share_a_pattern_unless_a_title_wanted_in_one_stands_in_another() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(folder.path()).unwrap();
        for (file, text) in [("a.js", "'adds' 'counts'"), ("b.js", "'adds' 'sorts'"), ("c.js", "'sorts'")] {
            fs_err::write(dir.join(file), text).unwrap();
        }
        let check = |ids: &[(&str, &str)], wanted: &str| {
            let ids: Vec<_> = ids.iter().map(|(file, name)| TestId::new(*file, *name)).collect();
            let title =
                |id: &TestId| -> &str { Box::leak(id.name.rsplit(" > ").next().unwrap().to_owned().into_boxed_str()) };
            let groups = groups(dir, &ids, |id| title(id));
            let told = |group: &Vec<TestId>| group.iter().map(TestId::to_string).collect::<Vec<_>>().join(", ");
            assert_eq!(groups.iter().map(told).collect::<Vec<_>>().join(" | "), wanted);
        };
        check(&[("a.js", "adds"), ("b.js", "adds"), ("c.js", "sorts")], "a.js adds, b.js adds | c.js sorts");
        check(&[("a.js", "cart > adds"), ("b.js", "sorts")], "a.js cart > adds | b.js sorts");
        check(&[("a.js", "counts"), ("c.js", "sorts"), ("gone.js", "x")], "a.js counts, c.js sorts, gone.js x");
        check(&[], "");
    }

    #[test]
    fn a_group_of_tests_is_told_from_a_test() {
        let folder = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(folder.path()).unwrap().join("a.js");
        fs_err::write(&file, "describe(\"it's\", f); it('adds', f)").unwrap();
        assert!(is_group(&file, "it's") && !is_group(&file, "adds"));
    }
}
