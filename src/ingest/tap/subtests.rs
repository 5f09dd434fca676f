//! The points of a stream and the subtests around them: which point opens a subtest, which sums one up, which is a
//! test's, and what becomes of a subtest that ends without a sum.

use std::borrow::Cow;

use crate::ingest::recorder::Recorder;
use crate::ingest::tap::apart::Apart;
use crate::ingest::tap::held::{Held, State};
use crate::ingest::tap::level::Level;
use crate::ingest::tap::levels::{Levels, NotRed};
use crate::ingest::tap::line::{self, Directive, Point};
use crate::ingest::tap::point::{self, Told};
use crate::ingest::{Hints, detail};
use crate::model::{Failure, Outcome, TestCase, TestId};
use crate::text::words;

/// Bytes of the diagnostics of a failure that are looked through, if not more of them is kept.
const DIAGNOSTICS_BYTES_MAX: usize = 256 << 10;

/// Bytes kept of what was printed before a point.
const PRINTED_BYTES_MAX: usize = 8 << 10;

/// The subtests that are open, and the latest point.
pub(super) struct Subtests {
    output_bytes_max: usize,
    pub(super) levels: Levels,
    pub(super) held: Held,
    /// What was printed since the last point.
    printed: String,
    /// What was told of failures whose points are not there yet.
    apart: Apart,
    /// Whether the stream said its version; such producers escape backslashes.
    pub(super) has_version: bool,
    /// Where the lines end that were read.
    pub(super) at: u64,
}

/// A point, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Found<'p, 't> {
    pub(super) point: &'p Point<'t>,
    pub(super) depth: usize,
    /// Its first byte, and one past its last.
    pub(super) range: (u64, u64),
}

impl Subtests {
    pub(super) fn new(hints: &Hints) -> Self {
        let (levels, held, printed) = (Levels::new(hints), Held::default(), String::new());
        Self {
            output_bytes_max: hints.output_bytes_max,
            levels,
            held,
            printed,
            apart: Apart::default(),
            has_version: false,
            at: 0,
        }
    }

    /// Keeps a line that was printed before a point.
    pub(super) fn print(&mut self, line: &str) {
        let start = line.ceil_char_boundary(line.len().saturating_sub(PRINTED_BYTES_MAX));
        self.printed.push_str(&line[start..]);
        self.printed.push('\n');
        if self.printed.len() > 2 * PRINTED_BYTES_MAX {
            let end = self.printed.ceil_char_boundary(self.printed.len() - PRINTED_BYTES_MAX);
            self.printed.drain(..end);
        }
    }

    /// Takes the comments out of what was printed: they turned out to be titles.
    pub(super) fn forget_comments(&mut self) {
        let is_kept = |line: &&str| !line.starts_with('#');
        self.printed = self.printed.split_inclusive('\n').filter(is_kept).collect();
    }

    /// Takes a comment if it tells of a failure whose point is not there yet; returns whether it does.
    pub(super) fn take_apart(&mut self, comment: &str) -> bool {
        let is_of_held = |name: &str| self.held.is_noted() && (name.is_empty() || self.held.name.starts_with(name));
        self.apart.take(comment, is_of_held)
    }

    /// Ends what the comments before told of one failure.
    pub(super) fn end_apart(&mut self) {
        self.apart.end();
    }

    /// Begins the subtests up to `depth`.
    pub(super) fn enter_to(&mut self, depth: usize, to: &mut Recorder) {
        while self.levels.depth() < depth {
            self.settle(to);
            let innermost = self.levels.depth();
            let Some(level) = self.levels.get_mut(innermost) else { return };
            let is_announced = std::mem::take(&mut level.has_subtest);
            let name = is_announced.then(|| line::unescape(&level.subtest, self.has_version).into_owned());
            self.levels.enter(name);
        }
    }

    /// Takes the announcement of a subtest at `depth`, or of the one that it stands in.
    pub(super) fn announce(&mut self, name: &str, depth: usize, to: &mut Recorder) {
        self.settle(to);
        self.leave_to(depth, to);
        self.enter_to(depth, to);
        let has_version = self.has_version;
        let Some(level) = self.levels.get_mut(depth) else { return };
        // Before anything else stands in a subtest that was not announced, the name is its own.
        if !level.is_announced && level.n_points == 0 {
            return self.levels.name_innermost(line::unescape(name, has_version).into_owned());
        }
        level.subtest.clear();
        level.subtest.push_str(name);
        level.has_subtest = true;
    }

    /// Takes a point: one that opens a subtest, or sums one up, or is a test's. The first of a stream may tell that its
    /// tests are named after files.
    pub(super) fn take(&mut self, found: Found<'_, '_>, may_be_file: bool, to: &mut Recorder) {
        let Found { point, depth, .. } = found;
        self.enter_to(depth, to);
        let name = line::unescape(point.name, self.has_version);
        if !point.opens && !name.is_empty() && depth == self.levels.depth() && !may_be_file {
            return self.hold(found, &name);
        }
        let (name, opens) = self.name(name, found);
        if may_be_file {
            self.levels.begins_with_files = is_file_of_vitest(&name);
        }
        let child = self.child_of(depth, &name, opens, to);
        self.hold(found, &name);
        if let Some(child) = child {
            self.sum_up(child, to);
        } else if opens {
            self.open(depth, to);
        }
    }

    /// Returns what a point's test is called, and whether a brace behind it opens a subtest and is not part of the name.
    fn name<'n>(&self, name: Cow<'n, str>, found: Found<'_, '_>) -> (Cow<'n, str>, bool) {
        let Found { point, depth, .. } = found;
        let Some(level) = self.levels.get(depth) else { return (name, point.opens) };
        let announced = || line::unescape(&level.subtest, self.has_version);
        let child = self.levels.get(depth + 1).and_then(|child| child.name.as_deref());
        if point.opens {
            let braced = format!("{name} {{");
            let is_name = child == Some(&braced) || level.has_subtest && announced() == braced;
            return if is_name { (Cow::Owned(braced), false) } else { (name, true) };
        }
        let name = match point.number {
            _ if !name.is_empty() || child.is_some() => name,
            _ if level.has_subtest => Cow::Owned(announced().into_owned()),
            Some(number) => Cow::Owned(number.to_string()),
            None => Cow::Owned((level.n_points + 1).to_string()),
        };
        (name, false)
    }

    /// Holds a point until the lines under it are read.
    fn hold(&mut self, found: Found<'_, '_>, name: &str) {
        let Some(level) = self.levels.get_mut(found.depth) else { return };
        let is_due = level.count(found.point.number);
        level.has_subtest = false;
        let bytes_max = self.output_bytes_max.max(DIAGNOSTICS_BYTES_MAX);
        self.held.begin(found.point, name, found.range, bytes_max);
        (self.held.depth, self.held.is_due) = (found.depth, is_due);
        // Where files are run, all that ran has a time.
        if self.levels.begins_with_files
            && found.point.directive == Some(Directive::Todo)
            && found.point.duration.is_none()
        {
            self.held.skip();
        }
        if self.held.is_noted() {
            std::mem::swap(&mut self.held.printed, &mut self.printed);
        }
        self.printed.clear();
    }

    /// Makes the point that is held open a subtest behind its diagnostics; returns whether it has any.
    pub(super) fn open_told(&mut self, depth: usize, to: &mut Recorder) -> bool {
        let opens = self.held.is_told && self.held.depth == depth;
        if opens {
            self.open(depth, to);
        }
        opens
    }

    /// Makes the point that is held open a subtest.
    fn open(&mut self, depth: usize, to: &mut Recorder) {
        if matches!(self.held.state, State::Nothing | State::Settled) || self.held.depth != depth {
            return;
        }
        let opener = std::mem::take(&mut self.held);
        self.leave_to(depth, to);
        let name = opener.name.clone();
        self.levels.enter(Some(name)).opener = Some(Box::new(opener));
    }

    /// Ends the buffered subtest that was opened at `depth`; returns whether there is one.
    pub(super) fn close(&mut self, depth: usize, to: &mut Recorder) -> bool {
        if self.levels.get(depth + 1).is_none_or(|child| child.opener.is_none()) {
            return false;
        }
        self.settle(to);
        self.leave_to(depth + 1, to);
        if let Some(mut child) = self.leave(to) {
            self.held = *child.opener.take().unwrap_or_default();
            self.held.range.1 = self.at;
            self.sum_up(child, to);
        }
        true
    }

    /// Returns the subtest that a point at `depth` sums up. One that has its own point already, or that the point does
    /// not belong to, is none.
    fn child_of(&mut self, depth: usize, name: &str, opens: bool, to: &mut Recorder) -> Option<Level> {
        let child = self.levels.get(depth + 1)?;
        if child.opener.is_some() {
            if opens || child.is_over() {
                self.leave_to(depth, to);
            }
            return None;
        }
        if !child.is_summed_up_by(name) {
            return None;
        }
        self.leave_to(depth + 1, to);
        self.leave(to)
    }

    /// Ends the subtests deeper than `depth`, which have no point that sums them up.
    pub(super) fn leave_to(&mut self, depth: usize, to: &mut Recorder) {
        while self.levels.depth() > depth {
            self.settle(to);
            let Some(mut child) = self.leave(to) else { return };
            if let Some(opener) = child.opener.take() {
                self.held = *opener;
                self.sum_up(child, to);
                self.settle(to);
            } else {
                self.disown(child, to);
            }
        }
    }

    /// Takes the innermost subtest off.
    fn leave(&mut self, to: &mut Recorder) -> Option<Level> {
        self.settle_early(false, to);
        self.levels.leave()
    }

    /// Ends the waiting of points of the innermost level that came before their numbers were due.
    pub(super) fn settle_early(&mut self, is_prelude: bool, to: &mut Recorder) {
        let n_printed = self.levels.settle_early(is_prelude, to);
        if n_printed > 0 {
            to.complain(self.at, format!("{} with a number out of turn taken for output", count(n_printed, "point")));
        }
    }

    /// Lets the point that is held sum up `child`.
    fn sum_up(&mut self, child: Level, to: &mut Recorder) {
        if !child.is_subtest() {
            if !child.failures.is_empty() {
                self.complain_of_output(&child, to);
            }
            return;
        }
        let n_cases = child.n_cases;
        if self.held.name.is_empty() {
            self.held.name = child.name.clone().unwrap_or_default();
        }
        let failures = self.levels.adopt(child, &self.held.name, to);
        if self.held.state != State::Red {
            self.levels.excuse(failures, to);
            if n_cases > 0 {
                self.held.state = State::Settled;
            }
        } else if !failures.is_empty() {
            (self.held.state, self.held.parts) = (State::SumOfRed, failures);
        }
    }

    /// Takes over what is known of a subtest that no point sums up. Without a name or a plan it is none.
    fn disown(&mut self, mut child: Level, to: &mut Recorder) {
        if child.name.is_none() {
            if child.plan.is_none() || child.failures.is_empty() {
                return self.complain_of_output(&child, to);
            }
            let points = count(child.n_cases, "point");
            to.complain(self.at, format!("no result of a subtest with {points}, of which the failures count"));
            child.forget_waiting();
        }
        let depth = self.levels.depth();
        for failure in self.levels.adopt(child, "", to) {
            self.levels.give_back(depth, failure, to);
        }
    }

    fn complain_of_output(&self, child: &Level, to: &mut Recorder) {
        if child.n_cases == 0 && child.plan.is_some() {
            to.complain(self.at, "an indented plan of no subtest taken for output");
        } else if child.n_cases > 0 {
            let (points, n_red) = (count(child.n_cases, "indented point"), child.failures.len());
            to.complain(self.at, format!("{points} of no subtest taken for output, {n_red} of them failing"));
        }
    }
}

/// Counts things.
pub(super) fn count(n: u64, noun: &str) -> String {
    words::count(usize::try_from(n).unwrap_or(usize::MAX), noun)
}

/// What becomes of the point that is held.
impl Subtests {
    /// Records it.
    pub(super) fn settle(&mut self, to: &mut Recorder) {
        match std::mem::take(&mut self.held.state) {
            State::Nothing | State::Settled => {}
            State::NotRed(outcome) => self.tally(outcome, to),
            State::Excused => {
                let text = std::mem::take(&mut self.held.text).into_text();
                if point::denies_directive(&text) {
                    std::mem::swap(&mut self.held.name, &mut self.held.whole);
                    self.fail(&text, to);
                } else {
                    self.tally(Outcome::Skipped, to);
                }
            }
            State::Red => {
                let text = std::mem::take(&mut self.held.text).into_text();
                self.fail(&text, to);
            }
            State::SumOfRed => self.settle_sum(to),
        }
    }

    /// Passes on the failures of the subtest it sums up, and its own, if it has a cause of its own that is not already
    /// told with those.
    fn settle_sum(&mut self, to: &mut Recorder) {
        let depth = self.held.depth;
        let text = std::mem::take(&mut self.held.text).into_text();
        let mut parts = std::mem::take(&mut self.held.parts);
        let own = point::has_own_cause(&text).then(|| self.failure(&text));
        let own = own.filter(|own| !point::explain(&mut parts, own));
        for part in parts {
            self.levels.give_back(depth, part, to);
        }
        if let Some(own) = own {
            self.levels.fail(depth, own, to);
        }
    }

    fn tally(&mut self, outcome: Outcome, to: &mut Recorder) {
        let Held { depth, ref name, duration, is_due, .. } = self.held;
        if is_due {
            self.levels.tally(depth, NotRed { name, outcome, duration }, to);
        } else {
            self.doubt(outcome, None, to);
        }
    }

    fn fail(&mut self, text: &str, to: &mut Recorder) {
        let failure = self.failure(text);
        if self.held.is_due {
            self.levels.fail(self.held.depth, failure, to);
        } else {
            self.doubt(Outcome::Failed, Some(failure), to);
        }
    }

    fn doubt(&mut self, outcome: Outcome, failure: Option<Failure>, to: &mut Recorder) {
        let case = TestCase { id: TestId::new("", &self.held.name), outcome, duration: self.held.duration, failure };
        self.levels.doubt(self.held.depth, case, to);
    }

    /// Makes its failure, of which `text` tells, or what was told of it before.
    fn failure(&mut self, text: &str) -> Failure {
        let apart = if text.contains("Failed test ") { None } else { self.apart.claim(&self.held.name) };
        let text = apart.map_or(Cow::Borrowed(text), |apart| Cow::Owned(apart + text));
        let held = &self.held;
        let suite = self.levels.get(held.depth).map_or("", |level| level.suite.as_str());
        let told = Told { text: &text, printed: &held.printed };
        let mut failure = told.failure(TestId::new(suite, &held.name));
        (failure.duration, failure.source) = (held.duration, Some(held.range));
        let output = match held.printed.as_str() {
            "" => text,
            printed => Cow::Owned(format!("{printed}{text}")),
        };
        detail::set_output(&mut failure, &output, self.output_bytes_max);
        failure
    }
}

/// Tells whether the outermost name of a test is a file of JavaScript or TypeScript.
fn is_file_of_vitest(name: &str) -> bool {
    let file = name.split_once(" > ").map_or(name, |(file, _)| file);
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["js", "ts", "jsx", "tsx", "mjs", "mts", "cjs", "cts"].contains(&extension)
}
