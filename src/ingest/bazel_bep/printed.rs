//! What Bazel printed, which its progress events hold in pieces: the output of tests, and the errors of the build.
//!
//! A test can print what looks like the output of another; all that comes of it is that it is shown with the other.

use std::collections::HashMap;

use crate::ingest::Hints;
use crate::text::ansi;
use crate::text::cap::HeadAndTail;

/// How the line before the output of a test begins.
const OUTPUT: &str = "==================== Test output for ";

/// The line after it.
const OUTPUT_END: &str = "================================================================================";

/// How lines begin that are not part of an error.
const OTHERS: &[&str] =
    &["INFO: ", "WARNING: ", "DEBUG: ", "FAIL: ", "TIMEOUT: ", "FLAKY: ", "Target //", "Loading: ", "Analyzing: "];

/// Targets of which texts are kept.
const TARGETS_MAX: usize = 1 << 14;

/// The longest line, in bytes, that is put together from pieces.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Both streams, and what was found in them.
pub(super) struct Printed {
    stdout: Stream,
    stderr: Stream,
    texts: Texts,
}

impl Printed {
    pub(super) fn new(hints: &Hints) -> Self {
        Self { stdout: Stream::default(), stderr: Stream::default(), texts: Texts::new(hints) }
    }

    /// Takes the next piece of both streams.
    pub(super) fn push(&mut self, stdout: &str, stderr: &str) {
        self.stdout.push(stdout, &mut self.texts);
        self.stderr.push(stderr, &mut self.texts);
    }

    /// Takes what a test printed.
    pub(super) fn take_output(&mut self, label: &str) -> String {
        self.texts.outputs.remove(label).map(HeadAndTail::into_text).unwrap_or_default()
    }

    /// Forgets what a test printed.
    pub(super) fn forget_output(&mut self, label: &str) {
        if let Some(output) = self.texts.outputs.remove(label) {
            self.texts.bytes_left += output.into_text().len();
        }
    }

    /// Returns what was said of a target that could not be built, or else all errors.
    pub(super) fn errors(&self, label: &str) -> String {
        let of_target = self.texts.errors.get(label).unwrap_or(&self.texts.all_errors);
        of_target.clone().into_text()
    }
}

/// What lines are part of.
#[derive(Default)]
enum Amid {
    #[default]
    Nothing,
    /// What a test printed.
    Output(String),
    /// An error of a target, or of none that is named.
    Error(String),
}

/// One stream.
#[derive(Default)]
struct Stream {
    /// The beginning of a line whose end is to come.
    begun: String,
    amid: Amid,
}

impl Stream {
    fn push(&mut self, piece: &str, to: &mut Texts) {
        let piece = ansi::strip(piece);
        for line in piece.split_inclusive('\n') {
            let Some(whole) = line.strip_suffix('\n') else {
                let room = LINE_BYTES_MAX.saturating_sub(self.begun.len());
                self.begun.push_str(&line[..line.floor_char_boundary(room)]);
                continue;
            };
            let begun = std::mem::take(&mut self.begun);
            let whole = if begun.is_empty() { whole } else { &(begun + whole) };
            self.line(whole.trim_end_matches('\r'), to);
        }
    }

    fn line(&mut self, line: &str, to: &mut Texts) {
        if let Some(label) = line.strip_prefix(OUTPUT) {
            let end = label.find([' ', '\n']).unwrap_or(label.len());
            self.amid = Amid::Output(label[..end].trim_end_matches(':').to_owned());
        } else if let Amid::Output(label) = &self.amid {
            if line == OUTPUT_END {
                self.amid = Amid::Nothing;
            } else {
                to.add_output(label, line);
            }
        } else if line.starts_with("ERROR: ") {
            let label = target(line).to_owned();
            to.add_error(&label, line);
            self.amid = Amid::Error(label);
        } else if let Amid::Error(label) = &self.amid {
            if OTHERS.iter().any(|begin| line.starts_with(begin)) {
                self.amid = Amid::Nothing;
            } else {
                to.add_error(label, line);
            }
        }
    }
}

/// Returns the target that an error names: `… (from target //cart:cart) …`, with its rule in older versions.
fn target(line: &str) -> &str {
    let named = line.split_once("(from ").and_then(|(_, named)| named.split_once(')'));
    named.and_then(|(named, _)| named.rsplit_once("target ")).map_or("", |(_, label)| label)
}

/// Texts by label.
struct Texts {
    outputs: HashMap<String, HeadAndTail>,
    errors: HashMap<String, HeadAndTail>,
    all_errors: HeadAndTail,
    bytes_max: usize,
    /// Bytes that outputs may yet take together.
    bytes_left: usize,
}

impl Texts {
    fn new(hints: &Hints) -> Self {
        let (bytes_max, bytes_left) = (hints.output_bytes_max, hints.outputs_bytes_max);
        let all_errors = HeadAndTail::new(bytes_max);
        Self { outputs: HashMap::new(), errors: HashMap::new(), all_errors, bytes_max, bytes_left }
    }

    fn add_output(&mut self, label: &str, line: &str) {
        let n_bytes = line.len() + 1;
        if n_bytes <= self.bytes_left {
            self.bytes_left -= n_bytes;
            add(&mut self.outputs, label, line, self.bytes_max);
        }
    }

    fn add_error(&mut self, label: &str, line: &str) {
        self.all_errors.push_line(line);
        if !label.is_empty() {
            add(&mut self.errors, label, line, self.bytes_max);
        }
    }
}

fn add(texts: &mut HashMap<String, HeadAndTail>, label: &str, line: &str, bytes_max: usize) {
    if let Some(text) = texts.get_mut(label) {
        text.push_line(line);
    } else if texts.len() < TARGETS_MAX {
        let mut text = HeadAndTail::new(bytes_max);
        text.push_line(line);
        texts.insert(label.to_owned(), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(pieces: &[&str]) -> Printed {
        let mut printed = Printed::new(&Hints::default());
        for piece in pieces {
            printed.push("", piece);
        }
        printed
    }

    #[test]
    fn outputs_of_tests_are_found_across_pieces() {
        let block = format!("{OUTPUT}//cart:cart_test (shard 1 of 2):\nfirst\nsecond\n{OUTPUT_END}\nafter\n");
        for cut in 0..block.len() {
            let (head, tail) = block.split_at(cut);
            assert_eq!(printed(&[head, tail]).take_output("//cart:cart_test"), "first\nsecond\n", "cut at {cut}");
        }
    }

    #[test]
    fn streams_are_read_apart() {
        let mut both = Printed::new(&Hints::default());
        both.push(&format!("{OUTPUT}//a:t:\n"), "ERROR: no\n");
        both.push("of the test\n", "more\nINFO: x\nother\n");
        assert_eq!(
            (both.take_output("//a:t").as_str(), both.errors("//b:c").as_str()),
            ("of the test\n", "ERROR: no\nmore\n")
        );
    }

    #[test]
    fn errors_belong_to_the_target_they_name() {
        let text = "\u{1b}[31mERROR: \u{1b}[0m/u/cart/BUILD:1:11: Compiling cart.cc failed: (Exit 1): gcc failed (from target //cart:cart) gcc\n\ncart.cc:5:3: error: x\n\
            INFO: y\nERROR: /u/till/BUILD:2:1: (from cc_library rule target //till:till) z\n";
        let printed = printed(&[text]);
        assert!(printed.errors("//cart:cart").ends_with("\n\ncart.cc:5:3: error: x\n"));
        assert!(printed.errors("//till:till").ends_with(" z\n") && !printed.errors("//till:till").contains("cart.cc"));
        assert!(printed.errors("//other").contains("cart.cc:5:3"));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let hints = Hints { outputs_bytes_max: 1000, output_bytes_max: 100, ..Hints::default() };
        let mut printed = Printed::new(&hints);
        (0..1000).for_each(|n| {
            printed.push(&format!("{OUTPUT}//a:t{n}:\n{}\n{OUTPUT_END}\n", "x".repeat(50)), &"y".repeat(1000));
        });
        assert!(printed.texts.outputs.len() < 20 && printed.stderr.begun.len() <= LINE_BYTES_MAX);
    }
}
