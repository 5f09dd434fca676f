//! What `cargo test` prints: compile errors, libtest's blocks of results, and cargo's own words around them.
//!
//! The reader believes headers, not looks: see `block`; `run` follows what cargo prints around the blocks. Of a target that cargo did not come to run, nothing is known, so
//! nothing is reported.
//!
//! # Suites
//!
//! The log seldom names packages, so suites are named by what it does print, always the same way:
//!
//! | line of the log | suite |
//! |---|---|
//! | `Running unittests src/lib.rs (…/alpha-HASH)`, also without a file | `alpha` |
//! | `Running unittests src/main.rs (…/tool-HASH)`, also `src/bin/…` | `bin/tool` |
//! | `Running unittests examples/e.rs (…/e-HASH)` | `example/e` |
//! | `Running benches/b.rs (…/b-HASH)`, also with `unittests` | `bench/b` |
//! | `Running tests/integ.rs (…/integ-HASH)` | `integ` |
//! | `Doc-tests alpha` | `alpha::doc` |
//! | none before the results, as in standard output alone | [`Hints::suite`], else empty |
//!
//! Names are those of crates, so a `-` is a `_`. What could not be compiled is the pseudo-test [`TestId::build`] of the suite
//! that would have run, or of the empty suite when cargo failed before it came to any target. A binary that died is the
//! errored case `[aborted]` of its suite; the tests it had not reported until then are absent. Lines of
//! `--message-format=json` among the text are read by [`cargo_json`], which knows packages: its suites are spelt as
//! nextest does.

mod block;
mod closing;
pub(super) mod run;
mod rustc;
mod sections;
mod settle;
mod status;
pub(super) mod suite;
mod uncaptured;

use std::sync::LazyLock;

use memchr::memmem;
use regex::Regex;

use crate::ingest::cargo_json::Messages;
use crate::ingest::cargo_text::run::Run;
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{Format, Hints, Likeness, Lines, Owner, Reader, pattern};
use crate::model::Outcome;

/// The text log of `cargo test`, or of one libtest binary.
pub(super) struct CargoText;

/// What only cargo or rustc says when there is not even a test binary.
static BUILD_FAILED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?m)^error(?:\[E\d{4}\]: |: (?:could not compile `|failed to (?:parse|load|select|get|run custom|resolve|read)|no matching package|no test target named|could not find `Cargo.toml`))",
    )
});

impl Format for CargoText {
    fn name(&self) -> &'static str {
        "cargo-test"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let has = |words: &str| memmem::find(text.as_bytes(), words.as_bytes()).is_some();
        let header = memmem::find_iter(text.as_bytes(), "running ")
            .filter(|&at| at == 0 || text.as_bytes()[at - 1] == b'\n')
            .any(|at| run::announced(text[at..].lines().next().unwrap_or_default()).is_some());
        let result = has("\ntest result: FAILED. ") || has("\ntest result: ok. ");
        if header && (result || has("\ntest ") || has(" --- FAILED")) {
            return Ok(Likeness::Certain);
        }
        let is_likely =
            header || result || has("     Running unittests") || has("   Doc-tests ") || has("{\"reason\":\"compiler-");
        if is_likely || BUILD_FAILED.is_match(text) {
            return Ok(Likeness::Likely);
        }
        Err("there is no line like `running 3 tests` and no compile error")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        let (run, messages) = (Run::new(hints), Messages::new(hints.output_bytes_max));
        Reader::Lines(Box::new(Log { run, messages }))
    }
}

/// A log as it is read.
struct Log {
    run: Run,
    /// What cargo says in JSON.
    messages: Messages,
}

impl Lines for Log {
    fn line(&mut self, line: &Line<'_>, to: &mut Recorder) -> Owner {
        if line.text.starts_with("{\"reason\":") && !self.run.is_in_block() && self.messages.line(line) {
            return Owner::This;
        }
        self.run.is_heard = to.is_heard();
        let owner = self.run.line(line);
        if self.run.has_results() {
            self.tell(to);
        }
        owner
    }

    fn end(&mut self, to: &mut Recorder) {
        self.run.end();
        self.tell(to);
        let in_json = self.messages.take_failures();
        let in_text = self.run.take_build_failures(!in_json.is_empty());
        for failure in in_json.into_iter().chain(in_text) {
            to.fail(Outcome::Errored, failure);
        }
    }
}

impl Log {
    fn tell(&mut self, to: &mut Recorder) {
        for results in self.run.take_results() {
            results.tell(to);
        }
    }
}

#[cfg(test)]
mod tests;
