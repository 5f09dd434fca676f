//! Output that libtest did not capture (`--nocapture`): which lines between the status lines are which test's.
//!
//! With one thread a test's output stands between its name and its status; with several only its panic can be told from
//! the others', and goes on to the next panic or status line. What cannot be told is nobody's.

use std::sync::LazyLock;

use memchr::memmem;
use regex::Regex;

use crate::ingest::capture::{Allowance, Capture};
use crate::ingest::pattern;

/// The header of a panic, after whatever was printed before it on its line.
static PANIC: LazyLock<Regex> = LazyLock::new(|| pattern(r"thread '(?P<thread>[^']+)'(?: \(\d+\))? panicked at "));

/// Outputs kept of tests whose status is not known yet; the oldest is given up for a further one.
const WAITING_MAX: usize = 64;

/// The outputs of tests that have not ended.
#[derive(Debug)]
pub(super) struct Uncaptured {
    allowance: Allowance,
    /// The test whose output is being read.
    open: Option<Output>,
    waiting: Vec<Output>,
}

#[derive(Debug)]
struct Output {
    name: String,
    /// Whether it began with the test's name, so that all is the test's that comes before its status.
    is_whole: bool,
    capture: Capture,
}

impl Uncaptured {
    pub(super) fn new(allowance: Allowance) -> Self {
        Self { allowance, open: None, waiting: Vec::new() }
    }

    /// Tells whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_none() && self.waiting.is_empty()
    }

    /// Begins the output of a test, with what stands on the line of its name.
    pub(super) fn begin(&mut self, name: &str, rest: &str) {
        self.close();
        let mut capture = self.allowance.capture();
        capture.push_line(rest);
        self.open = Some(Output { name: name.to_owned(), is_whole: true, capture });
    }

    /// Takes a line that is no status line.
    pub(super) fn line(&mut self, line: &str) {
        let may_open = |thread: &&str| self.open.as_ref().is_none_or(|open| !open.is_whole && open.name != *thread);
        if let Some(thread) = panicking(line).filter(may_open) {
            let capture = self.take(thread).unwrap_or_else(|| self.allowance.capture());
            self.open = Some(Output { name: thread.to_owned(), is_whole: false, capture });
        }
        if let Some(open) = &mut self.open {
            open.capture.push_line(line);
        }
    }

    /// Ends whatever is open and returns the output of a test.
    pub(super) fn take(&mut self, name: &str) -> Option<Capture> {
        self.close();
        let at = self.waiting.iter().position(|waiting| waiting.name == name)?;
        Some(self.waiting.remove(at).capture)
    }

    fn close(&mut self) {
        if self.waiting.len() >= WAITING_MAX && self.open.is_some() {
            self.waiting.remove(0);
        }
        self.waiting.extend(self.open.take());
    }
}

fn panicking(line: &str) -> Option<&str> {
    memmem::find(line.as_bytes(), b"panicked at ")?;
    Some(PANIC.captures(line)?.name("thread")?.as_str())
}

#[cfg(test)]
mod tests {
    use crate::ingest::Hints;

    use super::*;

    fn uncaptured() -> Uncaptured {
        Uncaptured::new(Allowance::new(&Hints::default()))
    }

    #[track_caller]
    fn check(uncaptured: &mut Uncaptured, name: &str, text: &str) {
        assert_eq!(uncaptured.take(name).map(Capture::into_text).unwrap_or_default(), text);
    }

    #[test]
    fn with_one_thread_output_is_between_name_and_status() {
        let mut outputs = uncaptured();
        outputs.begin("a", "printed");
        outputs.line("thread 'w' panicked at a.rs:1:2:");
        outputs.line("thread 'a' panicked at a.rs:1:2:");
        outputs.line("boom");
        check(&mut outputs, "a", "printed\nthread 'w' panicked at a.rs:1:2:\nthread 'a' panicked at a.rs:1:2:\nboom\n");
        outputs.line("nobody's");
        check(&mut outputs, "a", "");
    }

    #[test]
    fn with_several_threads_a_panic_is_its_threads() {
        let mut outputs = uncaptured();
        outputs.line("nobody's");
        outputs.line("out thread 'a' (7) panicked at a.rs:1:2:");
        outputs.line("boom");
        outputs.line("thread 'c' (8) panicked at a.rs:3:4:");
        check(&mut outputs, "b", "");
        outputs.line("after a status line nobody's");
        check(&mut outputs, "a", "out thread 'a' (7) panicked at a.rs:1:2:\nboom\n");
    }

    #[test]
    fn the_outputs_of_threads_that_are_no_tests_are_few() {
        let mut outputs = uncaptured();
        for n in 0..1000 {
            outputs.line(&format!("thread 'worker-{n}' panicked at a.rs:1:2:"));
            outputs.take("another");
        }
        assert!(outputs.waiting.len() <= WAITING_MAX);
        check(&mut outputs, "worker-999", "thread 'worker-999' panicked at a.rs:1:2:\n");
    }
}
