//! The grammar of single lines of a pytest session: rules, progress, statuses of tests, entries of the summary, the
//! closing counts. It knows no order; what a line means where it stands is for the session to decide.

use camino::Utf8Path;

use crate::model::{Outcome, TestId};

/// Returns the title in a rule of `fill`, as in `=== FAILURES ===`.
pub(super) fn rule(line: &str, fill: char) -> Option<&str> {
    let inner = line.trim_end().strip_prefix(fill)?.strip_suffix(fill)?;
    let title = inner.trim_start_matches(fill).trim_end_matches(fill);
    let title = title.strip_prefix(' ')?.strip_suffix(' ')?.trim();
    let is_title = title.contains(|c: char| c != fill && c != ' ');
    is_title.then_some(title)
}

/// Numbers of results: from the progress, or as the closing line states them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Those that passed, expectedly or not.
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) errored: u64,
    /// Those that were skipped, or failed as expected.
    pub(super) skipped: u64,
}

impl Tally {
    pub(super) fn of(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Passed => self.passed,
            Outcome::Failed => self.failed,
            Outcome::Errored => self.errored,
            Outcome::Skipped => self.skipped,
        }
    }

    pub(super) fn add(&mut self, outcome: Outcome, n: u64) {
        let count = match outcome {
            Outcome::Passed => &mut self.passed,
            Outcome::Failed => &mut self.failed,
            Outcome::Errored => &mut self.errored,
            Outcome::Skipped => &mut self.skipped,
        };
        *count = count.saturating_add(n);
    }

    pub(super) fn total(&self) -> u64 {
        [self.passed, self.failed, self.errored, self.skipped].into_iter().fold(0, u64::saturating_add)
    }

    /// Tells whether each number is at least that of `other`.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.passed >= other.passed
            && self.failed >= other.failed
            && self.errored >= other.errored
            && self.skipped >= other.skipped
    }
}

/// Reads the line that closes a session: `=== 1 failed, 2 passed in 0.03s ===`, under `-q` without the rule.
pub(super) fn closing(line: &str) -> Option<Tally> {
    let line = line.trim_end();
    let text = if line.starts_with('=') { rule(line, '=')? } else { line };
    let (counts, duration) = text.rsplit_once(" in ")?;
    if !is_duration(duration) {
        return None;
    }
    let mut tally = Tally::default();
    if matches!(counts, "no tests ran" | "no tests collected") {
        return Some(tally);
    }
    for part in counts.split(", ") {
        let (n, what) = part.split_once(' ')?;
        let n = n.parse().ok();
        match what {
            "passed" | "xpassed" => tally.add(Outcome::Passed, n?),
            "failed" => tally.add(Outcome::Failed, n?),
            "error" | "errors" => tally.add(Outcome::Errored, n?),
            "skipped" | "xfailed" => tally.add(Outcome::Skipped, n?),
            _ if n.is_some() && is_of_closing(what) => {}
            _ if what.starts_with("tests collected") || what.starts_with("test collected") => {}
            _ => return None,
        }
    }
    Some(tally)
}

/// Tells whether a word counts something in a closing line that is no result.
fn is_of_closing(what: &str) -> bool {
    matches!(what, "deselected" | "warning" | "warnings" | "rerun" | "snapshot") || what.starts_with("subtests ")
}

/// `0.03s`, `65.12s (0:01:05)` and, long ago, `0.03 seconds`.
fn is_duration(text: &str) -> bool {
    let number = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let unit = &text[number..];
    number > 0 && (matches!(unit, "s" | " seconds") || unit.starts_with("s (") && unit.ends_with(')'))
}

/// One line of progress letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letters<'t> {
    /// The file whose tests they are, where it stands before them.
    pub(super) file: Option<&'t str>,
    pub(super) each: &'t str,
    /// Whether how far the run is stands behind them, which output of a test hardly has.
    pub(super) is_marked: bool,
}

impl Letters<'_> {
    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for letter in self.each.bytes() {
            match letter {
                b'.' | b'X' => tally.passed += 1,
                b'F' => tally.failed += 1,
                b'E' => tally.errored += 1,
                b's' | b'x' => tally.skipped += 1,
                _ => {}
            }
        }
        tally
    }
}

/// The letters of progress; those of reruns and subtests count for nothing by themselves.
const LETTERS: &str = ".FEsxXRru,-yY";

/// Reads `tests/test_cart.py .F.s     [ 40%]`, or letters alone.
pub(super) fn letters(line: &str) -> Option<Letters<'_>> {
    let (text, is_marked) = without_mark(line);
    let (file, letters) = match text.rsplit_once(' ') {
        Some((file, letters)) => (Some(file).filter(|file| is_python(file) || is_marked), letters),
        None => (None, text),
    };
    let is_letters = !letters.is_empty() && letters.bytes().all(|byte| LETTERS.as_bytes().contains(&byte));
    let is_whole = file.is_some() || letters.len() == text.len();
    (is_letters && is_whole && (is_marked || file.is_some())).then_some(Letters { file, each: letters, is_marked })
}

fn is_python(file: &str) -> bool {
    Utf8Path::new(file).extension() == Some("py")
}

/// Takes off the mark at the right margin: `[ 40%]`, `[ 5/12]` or a duration; tells whether there was one.
fn without_mark(line: &str) -> (&str, bool) {
    let line = line.trim_end();
    let is_mark = |mark: &str| {
        let inner = mark.trim_start();
        inner.starts_with(|c: char| c.is_ascii_digit())
            && inner.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'%' | b'/'))
    };
    if let Some((text, mark)) = line.strip_suffix(']').and_then(|line| line.rsplit_once('[')) {
        return if is_mark(mark) { (text.trim_end(), true) } else { (line, false) };
    }
    let is_time = |mark: &str| mark.ends_with('s') && mark.starts_with(|c: char| c.is_ascii_digit());
    match line.rsplit_once("  ") {
        Some((text, mark)) if is_time(mark.trim_start()) => (text.trim_end(), true),
        _ => (line, false),
    }
}

/// How a test ended, as `-v` words it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Ended(Outcome),
    /// Failed, and will be tried again.
    Rerun,
    /// A part of a test failed.
    SubFailed,
    /// A part of a test did anything else.
    Sub,
}

fn word(text: &str) -> Option<Word> {
    Some(match text {
        "PASSED" | "XPASS" | "xpass" => Word::Ended(Outcome::Passed),
        // `FAIL` until pytest 3.
        "FAILED" | "FAIL" => Word::Ended(Outcome::Failed),
        "ERROR" => Word::Ended(Outcome::Errored),
        "SKIPPED" | "XFAIL" | "xfail" => Word::Ended(Outcome::Skipped),
        "RERUN" => Word::Rerun,
        "SUBFAIL" | "SUBFAILED" => Word::SubFailed,
        "SUBPASS" | "SUBPASSED" | "SUBSKIP" | "SUBSKIPPED" | "SUBXFAIL" | "SUBXPASS" | "uxfailed" => Word::Sub,
        _ => return None,
    })
}

/// What a line of `-v` says of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status<'t> {
    /// The test's node id; `None` when it stands on a line before, with the test's output between.
    pub(super) node: Option<&'t str>,
    pub(super) word: Word,
}

/// Reads `tests/test_a.py::test_b PASSED   [ 10%]`, of xdist `[gw0] [ 10%] PASSED tests/test_a.py::test_b`.
pub(super) fn status(line: &str) -> Option<Status<'_>> {
    if let Some(of_worker) = line.strip_prefix("[gw") {
        let (_, rest) = of_worker.split_once("] [")?;
        let (_, rest) = rest.split_once("] ")?;
        let (first, node) = rest.trim_end().split_once(' ')?;
        let word = word(first.split(['[', '(']).next()?)?;
        let node = if matches!(word, Word::SubFailed | Word::Sub) { after_description(node) } else { node };
        return Some(Status { node: Some(node), word });
    }
    let (text, is_marked) = without_mark(line);
    if let Some(word) = word(text) {
        return Some(Status { node: None, word });
    }
    let (node, word) = node_and_word(text)?;
    let is_node = node.contains("::") && (is_marked || node.contains(".py::"));
    is_node.then_some(Status { node: Some(node), word })
}

/// Takes `node WORD`, `node WORD (reason)` and the forms of subtests apart.
fn node_and_word(text: &str) -> Option<(&str, Word)> {
    if let Some((before, last)) = text.rsplit_once(' ')
        && let Some(word) = word(last)
    {
        let is_sub = matches!(word, Word::SubFailed | Word::Sub);
        return Some((if is_sub { before_description(before) } else { before }, word));
    }
    if !text.ends_with([')', ']']) {
        return None;
    }
    [" SKIPPED (", " XFAIL (", " XPASS (", " SUBPASSED", " SUBFAILED", " SUBSKIPPED"].iter().find_map(|shape| {
        let at = text.find(shape)?;
        let word = word(shape.trim_start().trim_end_matches(" ("))?;
        Some((&text[..at], word))
    })
}

/// Returns the node id before the description of a subtest: `a.py::b[x y] [part] (i=1)` is `a.py::b[x y]`.
pub(super) fn before_description(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 => return &text[..at],
            _ => {}
        }
    }
    text
}

/// Returns the node id after the description of a subtest: `(i=1) a.py::b` is `a.py::b`.
pub(super) fn after_description(text: &str) -> &str {
    let node = text.find(".py::").map(|at| text[..at].rfind(' ').map_or(0, |space| space + 1));
    node.map_or(text, |start| &text[start..])
}

/// Returns the node id that a line begins with whose test is running: `-s` and live logs print its output behind it.
pub(super) fn begun(line: &str) -> Option<&str> {
    let at = line.find(".py::")?;
    if line[..at].contains(' ') {
        return None;
    }
    let node = before_description(line);
    (node.len() < line.len()).then_some(node)
}

/// One entry of the short test summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'t> {
    pub(super) word: Word,
    /// What tells a subtest from its siblings, or nothing.
    pub(super) part: &'t str,
    /// Node id and, after ` - `, message.
    pub(super) text: &'t str,
}

/// Reads `FAILED tests/test_a.py::test_b - assert 1 == 2`, or another word.
pub(super) fn entry(line: &str) -> Option<Entry<'_>> {
    if let Some((part, text)) = line.split_once(" SUBFAIL ").filter(|_| line.starts_with(['[', '('])) {
        return Some(Entry { word: Word::SubFailed, part, text });
    }
    if let Some(rest) = line.strip_prefix("SUBFAILED") {
        let text = after_description(rest);
        let part = rest[..rest.len() - text.len()].trim();
        return (text.len() < rest.len()).then_some(Entry { word: Word::SubFailed, part, text });
    }
    let (first, text) = line.split_once(' ')?;
    let is_known = matches!(first, "PASSED" | "FAILED" | "FAIL" | "ERROR" | "XFAIL" | "XPASS" | "RERUN");
    let is_place = text.contains("::") || first == "ERROR" && !text.is_empty();
    Some(Entry { word: word(first).filter(|_| is_known && is_place)?, part: "", text })
}

/// Makes the names in a node id, or a title, comparable: a title has a point where a node id has two colons.
pub(super) fn title(names: &str) -> String {
    names.replace(INSTANCE, "").replace("::", ".")
}

/// What stood between class and method in node ids until pytest 3.
const INSTANCE: &str = "::()";

/// Makes the id of the JUnit report of a node id: `tests/test_a.py::TestB::test_c[1]` is `test_c[1]` in
/// `tests.test_a.TestB`, and a file alone, which could not be collected, a test without a suite.
pub(super) fn id(node: &str) -> TestId {
    let (path, bracket) = node.split_at(node.find('[').unwrap_or(node.len()));
    let (file, names) = path.split_once("::").map_or((path, None), |(file, names)| (file, Some(names)));
    let module = file.replace('/', ".");
    let module = module.strip_suffix(".py").unwrap_or(&module);
    match names.map(|names| names.rsplit_once("::").map_or(("", names), |(classes, name)| (classes, name))) {
        None => TestId::new("", format!("{module}{bracket}")),
        Some(("", name)) => TestId::new(module, format!("{name}{bracket}")),
        Some((classes, name)) => TestId::new(format!("{module}.{}", title(classes)), format!("{name}{bracket}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_titles() {
        assert_eq!(rule("=== FAILURES ===", '='), Some("FAILURES"));
        assert_eq!(rule("____ _x_ ____", '_'), Some("_x_"));
        assert_eq!(rule("_ TestA.test_b[_ _] _", '_'), Some("TestA.test_b[_ _]"));
        for line in ["_ _ _ _ _ _ _ ", "======", "=", "== a", "a ==", "==a=="] {
            assert_eq!(rule(line, line.chars().next().unwrap()), None, "{line}");
        }
    }

    fn check_closing(line: &str, counts: Option<[u64; 4]>) {
        let tally = counts.map(|[passed, failed, errored, skipped]| Tally { passed, failed, errored, skipped });
        assert_eq!(closing(line), tally, "{line}");
    }

    #[test]
    fn closing_lines_are_known_by_all_their_words() {
        check_closing("=== 1 failed, 2 passed in 0.03s ===", Some([2, 1, 0, 0]));
        check_closing(
            "= 1 failed, 2 passed, 3 skipped, 4 xfailed, 5 xpassed, 1 error in 65.12s (0:01:05) =",
            Some([7, 1, 1, 7]),
        );
        check_closing(
            "2 passed, 1 warning, 3 rerun, 4 subtests passed, 5 deselected in 0.07 seconds",
            Some([2, 0, 0, 0]),
        );
        check_closing("===== no tests ran in 0.01s =====", Some([0; 4]));
        check_closing("========== 12/15 tests collected (3 deselected) in 0.01s ==========", Some([0; 4]));
        for line in [
            "3 files changed in 0.1s",
            "=== 3 passed ===",
            "=== passed in 0.1s ===",
            "Ran 3 tests in 0.1s",
            "1 passed in tests",
        ] {
            check_closing(line, None);
        }
    }

    #[test]
    fn progress_is_letters_behind_a_file_or_before_a_mark() {
        let found = letters("tests/test_cart.py F.sxXE.R             [ 80%]").unwrap();
        assert_eq!((found.file, found.is_marked), (Some("tests/test_cart.py"), true));
        assert_eq!(found.tally(), Tally { passed: 3, failed: 1, errored: 1, skipped: 2 });
        for (line, is_marked) in
            [("..F  [100%]", true), ("a b.py .F", false), ("a.py ..   [ 2/12]", true), ("a.py ..   1.147ms", true)]
        {
            assert_eq!(letters(line).map(|letters| letters.is_marked), Some(is_marked), "{line}");
        }
        for line in ["...", "F", "", "a.py hello", "see a.py", "[100%]", "I saw ..", "x.y ..."] {
            assert_eq!(letters(line), None, "{line}");
        }
    }

    fn check_status(line: &str, node: Option<&str>, word: Word) {
        assert_eq!(status(line), Some(Status { node, word }), "{line}");
    }

    #[test]
    fn statuses_are_read_in_all_their_forms() {
        use Outcome::{Errored, Failed, Passed, Skipped};
        check_status("a.py::B::c PASSED                  [ 10%]", Some("a.py::B::c"), Word::Ended(Passed));
        check_status("a.py::b[x y - z] FAILED [ 10%]", Some("a.py::b[x y - z]"), Word::Ended(Failed));
        check_status("a.py::b SKIPPED (on (some) days)   [  8%]", Some("a.py::b"), Word::Ended(Skipped));
        check_status("a.py::b ERROR", Some("a.py::b"), Word::Ended(Errored));
        check_status("[gw0] [ 10%] XPASS a.py::b ", Some("a.py::b"), Word::Ended(Passed));
        check_status("[gw0] [ 66%] SUBFAILED[custom] (i='1') a.py::b ", Some("a.py::b"), Word::SubFailed);
        check_status("a.py::b RERUN  [ 5/12]", Some("a.py::b"), Word::Rerun);
        check_status("PASSED                             [ 10%]", None, Word::Ended(Passed));
        check_status("a.py::b[x y] [custom] (i=1) SUBFAIL  [ 33%]", Some("a.py::b[x y]"), Word::SubFailed);
        check_status("a.py::b SUBFAILED[custom] (i=1)  [ 33%]", Some("a.py::b"), Word::SubFailed);
        check_status("a.py::b SUBSKIPPED[skipped] (no) [100%]", Some("a.py::b"), Word::Sub);
        for line in ["a.py::b ", "test x PASSED", "a.py::b passed", "[gw0] node down", "x::y FAILED"] {
            assert_eq!(status(line), None, "{line}");
        }
    }

    #[test]
    fn entries_give_their_word_and_what_is_behind_it() {
        let check = |line, expected: Option<(Word, &str, &str)>| {
            assert_eq!(entry(line).map(|entry| (entry.word, entry.part, entry.text)), expected, "{line}");
        };
        let failed = Word::Ended(Outcome::Failed);
        check("FAILED a.py::b - assert 1 == 2", Some((failed, "", "a.py::b - assert 1 == 2")));
        check("ERROR a.py - KeyError: 'x'", Some((Word::Ended(Outcome::Errored), "", "a.py - KeyError: 'x'")));
        check("SUBFAILED[part] (i=1) a.py::b - no", Some((Word::SubFailed, "[part] (i=1)", "a.py::b - no")));
        check("[part] (i=1) SUBFAIL a.py::b - no", Some((Word::SubFailed, "[part] (i=1)", "a.py::b - no")));
        check("SKIPPED [1] a.py:5: no", None);
        check(" +  where 1 = f()", None);
        check("FAILED to open", None);
    }

    #[test]
    fn ids_are_spelt_like_those_of_the_junit_report() {
        for (node, suite, name) in [
            ("tests/test_a.py::TestB::TestC::test_d[x::y.py-1/2]", "tests.test_a.TestB.TestC", "test_d[x::y.py-1/2]"),
            ("test_a.py::test_b", "test_a", "test_b"),
            ("tests/test_a.py", "", "tests.test_a"),
            ("src/cart.py::src.cart.add", "src.cart", "src.cart.add"),
            ("a.py::TestB::()::test_c", "a.TestB", "test_c"),
            ("specs/a.yaml::first", "specs.a.yaml", "first"),
        ] {
            assert_eq!(id(node), TestId::new(suite, name), "{node}");
        }
    }
}
