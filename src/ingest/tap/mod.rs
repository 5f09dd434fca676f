//! The Test Anything Protocol, versions 12 to 14, and what its producers make of it.
//!
//! # Which points are tests
//!
//! A subtest's own points are the tests; the point that sums them up is none, unless it fails with all of them passing,
//! or says that it failed for a reason of its own as well (node). A failing TODO or SKIP is no failure; neither is what
//! fails in a subtest whose sum does not. Plans are compared, never counted with.
//!
//! A test that prints points does not fool the reader where the structure of the stream tells. A point is output, not a
//! result, if it stands
//! - at an indentation where no subtest can stand, or in what is neither announced (by a comment or a brace) nor has as
//!   many points as its plan says, or is followed by no point that sums it up;
//! - in a block of YAML, also in a string there that runs over lines at no indentation (Vitest), where only a point whose
//!   number is due is the stream's own;
//! - before the version line, if its number is not 1;
//! - anywhere, if its number is not due yet and the plan is met without it: the numbers from 1 to that of the plan are
//!   all there in their order.
//!
//! At the top level anything else counts: of two points with one number none can be told to be the printed one, and a
//! failure is not given up on suspicion. While a subtest that was announced is open, a point around it with another name
//! does not end it.
//!
//! # Names
//!
//! A test's suite is the names of the subtests around it joined with ` > `. At the top level it is empty, or the title
//! comment where a stream has titles (tape, zora, Catch2), or the file where prove runs the files. Vitest's suite is the
//! file, and all else is the name, as in its JUnit report. Node writes a line end in a name as `\n`, as it writes a
//! backslash and an `n`, so that the two are one here, and differ from its JUnit report. AVA (`file › title`), mocha and
//! QUnit print one text, of which no part can be told to be a suite. Bats does not print its files.
//!
//! # Memory
//!
//! Results are passed on as they come. What waits for the end of its subtest is its failures, for they may be expected,
//! and in a subtest that was not announced the names of its other points, up to a limit: they have no suite before.

mod apart;
mod block;
mod held;
mod level;
mod levels;
mod line;
mod point;
mod prove;
mod stream;
mod subtests;
mod titles;
mod yaml;

use crate::ingest::tap::line::{Line, Point};
use crate::ingest::tap::stream::Stream;
use crate::ingest::{Format, Hints, Likeness, Reader};

/// The Test Anything Protocol.
pub(super) struct Tap;

/// Points in order under their plan that make a text without a version certain to be TAP.
const POINTS_CERTAIN: u64 = 5;

impl Format for Tap {
    fn name(&self) -> &'static str {
        "tap"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let (mut plan, mut n_points, mut best) = (None, 0, None);
        for line in text.lines() {
            let content = line.trim_start_matches(' ');
            let is_indented = content.len() < line.len();
            let likeness = match line::parse(content.trim_ascii_end()) {
                Line::Version if !is_indented => return Ok(Likeness::Certain),
                Line::Version => Likeness::Possible,
                Line::Plan(_) if is_indented => Likeness::Possible,
                Line::Plan(n) => {
                    plan = Some(n);
                    if n > 0 && n == n_points { Likeness::Certain } else { Likeness::Possible }
                }
                Line::Point(Point { number, .. }) if !is_indented => {
                    let is_due = number == Some(n_points + 1);
                    n_points += u64::from(is_due);
                    match plan {
                        Some(plan) if is_due && (n_points == plan || n_points >= POINTS_CERTAIN) => Likeness::Certain,
                        Some(_) => Likeness::Likely,
                        None if number.is_some() => Likeness::Possible,
                        None => continue,
                    }
                }
                _ => continue,
            };
            best = best.max(Some(likeness));
            if likeness == Likeness::Certain {
                break;
            }
        }
        best.ok_or("there is no line like `1..5`, `ok 1` or `TAP version 14`")
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Lines(Box::new(Stream::new(hints)))
    }
}

#[cfg(test)]
mod tests;
