//! How far a session got, by its letters or status lines: what is known before it says which tests failed.

use std::collections::{HashMap, HashSet};

use crate::ingest::pytest::line::{self, Letters, Status, Tally, Word};
use crate::ingest::recorder::Recorder;
use crate::model::Outcome;

/// Red letters that are kept one by one.
const RED_MAX: usize = 1 << 20;

/// What was seen of a session's progress.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The number of tests that were selected, if it is known.
    pub(super) n_selected: Option<u64>,
    /// Results that the closing line must cover.
    pub(super) seen: Tally,
    /// Letters without the mark of the progress beside them: output can look like that.
    unmarked: Tally,
    /// Results that were recorded by their names.
    pub(super) named: Tally,
    /// The number of status lines, as `-v` has them.
    pub(super) n_statuses: u64,
    /// Node ids of `-v` that ended red, in order.
    pub(super) red: Vec<(String, Outcome)>,
    /// The titles their reports can have.
    red_titles: HashSet<String>,
    /// Attempts that failed and were tried again, by node id.
    pub(super) reruns: HashMap<String, u32>,
    /// Those of them that passed in the end.
    pub(super) recovered: HashSet<String>,
    /// For each red letter, the file it stands behind, as an index of `files`.
    red_letters: Vec<(Option<usize>, Outcome)>,
    files: Vec<String>,
    /// The file of the latest letters: a line of letters alone goes on with it.
    file: Option<String>,
    /// The test that was the latest to begin.
    pub(super) begun: Option<String>,
    suite: Suite,
}

/// The suite of the latest test, kept because the next test mostly has the same.
#[derive(Debug, Default)]
struct Suite {
    /// File and classes as in the node id.
    path: String,
    name: String,
}

impl Progress {
    /// Reads a line of progress; tells whether it was one.
    pub(super) fn read(&mut self, text: &str, to: &mut Recorder) -> bool {
        if let Some(status) = line::status(text) {
            self.status(&status, to);
        } else if let Some(letters) = line::letters(text) {
            self.letters(&letters);
        } else if let Some(n) = selected(text) {
            self.n_selected = Some(n);
        } else {
            return false;
        }
        true
    }

    /// Reads a line that begins with the test that is running; tells whether it was one.
    pub(super) fn read_begun(&mut self, text: &str) -> bool {
        let node = line::begun(text);
        if let Some(node) = node {
            node.clone_into(self.begun.get_or_insert_default());
        }
        node.is_some()
    }

    fn status(&mut self, status: &Status<'_>, to: &mut Recorder) {
        let begun = self.begun.take();
        let Some(node) = status.node.or(begun.as_deref()) else { return };
        self.n_statuses += 1;
        match status.word {
            Word::Ended(outcome) if outcome.is_red() => self.add_red(node, outcome),
            Word::Ended(Outcome::Passed) if self.reruns.contains_key(node) => {
                self.recovered.insert(node.to_owned());
            }
            Word::Ended(outcome) => self.tally(node, outcome, to),
            Word::Rerun => *self.reruns.entry(node.to_owned()).or_default() += 1,
            Word::SubFailed => self.add_red(node, Outcome::Failed),
            Word::Sub => {}
        }
        if let Word::Ended(outcome) = status.word {
            self.seen.add(outcome, 1);
        }
    }

    fn add_red(&mut self, node: &str, outcome: Outcome) {
        let (file, names) = node.split_once("::").unwrap_or((node, ""));
        self.red_titles.extend([line::title(names), file.to_owned()]);
        self.red.push((node.to_owned(), outcome));
    }

    /// Records the result of a test that is not red.
    pub(super) fn tally(&mut self, node: &str, outcome: Outcome, to: &mut Recorder) {
        let n_path = node.find('[').unwrap_or(node.len());
        let Some((path, _)) = node[..n_path].rsplit_once("::") else { return };
        if self.suite.path != path {
            path.clone_into(&mut self.suite.path);
            self.suite.name = line::id(node).suite;
        }
        to.tally(&self.suite.name, &node[path.len() + 2..], outcome);
        self.named.add(outcome, 1);
    }

    fn letters(&mut self, letters: &Letters<'_>) {
        if let Some(file) = letters.file {
            file.clone_into(self.file.get_or_insert_default());
        }
        let tally = letters.tally();
        let seen = if letters.is_marked { &mut self.seen } else { &mut self.unmarked };
        for outcome in [Outcome::Passed, Outcome::Failed, Outcome::Errored, Outcome::Skipped] {
            seen.add(outcome, tally.of(outcome));
        }
        if tally.failed + tally.errored == 0 {
            return;
        }
        let file = self.file.as_ref().map(|file| {
            if self.files.last() != Some(file) {
                self.files.push(file.clone());
            }
            self.files.len() - 1
        });
        let n_left = RED_MAX.saturating_sub(self.red_letters.len());
        let red = letters.each.bytes().filter_map(|letter| match letter {
            b'F' => Some(Outcome::Failed),
            b'E' => Some(Outcome::Errored),
            _ => None,
        });
        self.red_letters.extend(red.take(n_left).map(|outcome| (file, outcome)));
    }

    /// Returns the number of red results that were seen.
    pub(super) fn n_red(&self) -> usize {
        usize::try_from(self.seen.failed.saturating_add(self.seen.errored)).unwrap_or(usize::MAX)
    }

    /// Returns how many results of a kind were seen at all.
    pub(super) fn n_seen(&self, outcome: Outcome) -> u64 {
        self.seen.of(outcome).saturating_add(self.unmarked.of(outcome))
    }

    /// Tells whether the progress knows the names of all that failed, so that no other can have.
    fn knows_all_names(&self) -> bool {
        !self.red.is_empty() && self.red_letters.is_empty() && self.n_selected.is_some_and(|n| self.seen.total() >= n)
    }

    /// Tells whether a failure can have this title, as far as names are known.
    pub(super) fn may_be_title(&self, title: &str) -> bool {
        let of_test = line::before_description(title.strip_prefix("[doctest] ").unwrap_or(title));
        !self.knows_all_names() || self.red_titles.contains(&line::title(of_test))
    }

    /// Tells whether a test of this file can have failed.
    pub(super) fn may_be_red(&self, node: &str) -> bool {
        let file = node.split("::").next().unwrap_or(node);
        let has_files = !self.files.is_empty() && self.red_letters.iter().all(|(file, _)| file.is_some());
        !has_files && self.red.is_empty()
            || self.files.iter().any(|red| red == file)
            || self.red.iter().any(|(red, _)| red.starts_with(file))
    }

    /// Returns the files of the red letters of a kind, one for each that is not in `named`, the files of those whose names
    /// are known.
    pub(super) fn files_of_unnamed(&self, outcome: Outcome, named: &[String]) -> Vec<String> {
        let mut n_named: HashMap<&str, usize> = HashMap::new();
        for file in named {
            *n_named.entry(file).or_default() += 1;
        }
        let of_kind = self.red_letters.iter().filter(|(_, of)| *of == outcome);
        let files = of_kind.map(|(file, _)| file.map_or("", |file| self.files[file].as_str()));
        let is_unnamed = |file: &&str| match n_named.get_mut(*file) {
            Some(n) if *n > 0 => {
                *n -= 1;
                false
            }
            _ => true,
        };
        files.filter(is_unnamed).map(str::to_owned).collect()
    }

    /// Returns the file whose tests ran last, where letters stand behind files.
    pub(super) fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Returns the files with red letters.
    pub(super) fn red_files(&self) -> &[String] {
        &self.files
    }
}

/// Reads how many tests were selected: `collected 12 items / 3 deselected / 9 selected`, of xdist `2 workers [12 items]`.
fn selected(text: &str) -> Option<u64> {
    let number = |text: &str| text.trim().split(' ').next().and_then(|n| n.parse::<u64>().ok());
    let text = text.strip_prefix("collecting ... ").unwrap_or(text);
    if let Some(collected) = text.strip_prefix("collected ") {
        let selected = collected.split(" / ").find(|part| part.trim_end().ends_with(" selected"));
        return number(selected.unwrap_or(collected));
    }
    let (workers, items) = text.split_once(" [")?;
    if workers.strip_prefix("gw").is_some_and(|n| n.parse::<u32>().is_ok()) {
        return items.split(']').next()?.parse().ok();
    }
    let is_workers = workers.ends_with(" workers") || workers.ends_with(" worker");
    number(items.strip_suffix(" items]").or(items.strip_suffix(" item]"))?).filter(|_| is_workers)
}

#[cfg(test)]
mod tests {
    use crate::ingest::Hints;

    use super::*;

    fn progress(lines: &[&str]) -> Progress {
        let (mut progress, mut to) = (Progress::default(), Recorder::new(&Hints::default(), None));
        for line in lines {
            assert!(progress.read(line, &mut to) || progress.read_begun(line), "{line}");
        }
        progress
    }

    #[test]
    fn the_number_of_selected_tests_is_read_in_all_its_forms() {
        for (line, n) in [
            ("collected 12 items", 12),
            ("collecting ... collected 1 item", 1),
            ("collected 12 items / 3 deselected / 9 selected", 9),
            ("collected 7 items / 1 error", 7),
            ("2 workers [12 items]", 12),
            ("1 worker [1 item]", 1),
            ("gw0 [12] / gw1 [12]", 12),
        ] {
            assert_eq!(selected(line), Some(n), "{line}");
        }
        for line in ["collected rain", "list [12 items]", "collecting ... "] {
            assert_eq!(selected(line), None, "{line}");
        }
    }

    #[test]
    fn letters_without_a_file_belong_to_the_one_before() {
        let progress = progress(&["a.py ..F     [ 10%]", "b.py ..F     [ 50%]", ".E           [100%]"]);
        assert_eq!(progress.files_of_unnamed(Outcome::Failed, &["a.py".to_owned()]), ["b.py"]);
        assert_eq!(progress.files_of_unnamed(Outcome::Errored, &[]), ["b.py"]);
        assert!(progress.may_be_red("a.py::test") && !progress.may_be_red("c.py::test"));
    }

    #[test]
    fn a_status_behind_output_is_of_the_test_that_began() {
        let progress =
            progress(&["collected 2 items", "a.py::b printed", "FAILED         [ 50%]", "a.py::c PASSED [100%]"]);
        assert_eq!(progress.red, [("a.py::b".to_owned(), Outcome::Failed)]);
        assert!(progress.knows_all_names());
    }
}
