//! Output that libtest did not capture (`--nocapture`): which lines between the status lines are which test's.
//!
//! With one thread a test's output stands between its name and its status; with several only its panic can be told from
//! the others'. What cannot be told is nobody's.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::cargo_text::block;
use crate::ingest::pattern;

/// The header of a panic, after whatever was printed before it on its line.
static PANIC: LazyLock<Regex> = LazyLock::new(|| pattern(r"thread '(?P<thread>[^']+)'(?: \(\d+\))? panicked at "));

/// Finds the line range of every test's own output between lines `start` and `end`.
pub(super) fn regions<'t>(lines: &[&'t str], start: usize, end: usize) -> HashMap<&'t str, (usize, usize)> {
    let mut regions = HashMap::new();
    let mut open: Option<&'t str> = None;
    for (at, &line) in lines.iter().enumerate().take(end).skip(start) {
        if block::is_status(line) || line == "failures:" {
            open = None;
        } else if let Some(name) = block::begun(line) {
            open = Some(name);
            regions.insert(name, (at, at + 1));
        } else if let Some(thread) = panicking(line).filter(|thread| open.is_none_or(|name| name == *thread)) {
            open = Some(thread);
            regions.entry(thread).or_insert((at, at + 1));
        }
        if let Some(region) = open.and_then(|name| regions.get_mut(name)) {
            region.1 = at + 1;
        }
    }
    regions
}

fn panicking(line: &str) -> Option<&str> {
    memchr::memmem::find(line.as_bytes(), b"panicked at ")?;
    Some(PANIC.captures(line)?.name("thread")?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &[(&str, &str)]) {
        let lines: Vec<_> = text.lines().collect();
        let regions = regions(&lines, 0, lines.len());
        let mut found: Vec<_> =
            regions.iter().map(|(&name, &(start, end))| (name, lines[start..end].join("|"))).collect();
        found.sort();
        let found: Vec<_> = found.iter().map(|(name, text)| (*name, text.as_str())).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn with_one_thread_output_is_between_name_and_status() {
        let text = "test a ... printed\nthread 'w' panicked at a.rs:1:2:\nthread 'a' panicked at a.rs:1:2:\nboom\nFAILED\nnobody's\n\
            test b ... ok\ntest c ... x\nfailures:\n    a\n";
        let a = "test a ... printed|thread 'w' panicked at a.rs:1:2:|thread 'a' panicked at a.rs:1:2:|boom";
        check(text, &[("a", a), ("c", "test c ... x")]);
    }

    #[test]
    fn with_several_threads_a_panic_is_its_threads() {
        let text = "nobody's\nthread 'a' (7) panicked at a.rs:1:2:\nboom\ntest a ... FAILED\ntest b ... ok\n";
        check(text, &[("a", "thread 'a' (7) panicked at a.rs:1:2:|boom")]);
    }
}
