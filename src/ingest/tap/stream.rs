//! Reads the lines of a log with TAP streams in it, one after another.

use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line as LogLine;
use crate::ingest::tap::block::Block;
use crate::ingest::tap::held::State;
use crate::ingest::tap::line::{self, Line, Point};
use crate::ingest::tap::point;
use crate::ingest::tap::prove::{self, Said};
use crate::ingest::tap::subtests::{Found, Subtests, count};
use crate::ingest::tap::titles::{self, Titles};
use crate::ingest::{ABORTED, Hints, Lines, Owner, suite_name};
use crate::model::{Failure, Outcome, TestId};

/// The deepest subtest that is followed; what is deeper is read as output.
const DEPTH_MAX: usize = 32;

/// Spaces by which a subtest is indented.
const STEP: usize = 4;

/// A log, up to the line that is read.
pub(super) struct Stream {
    hints: Hints,
    subtests: Subtests,
    header: Header,
    /// The block of diagnostics that is open.
    block: Option<Block>,
    /// Whether prove runs the streams, one for each file.
    is_proved: bool,
    /// What was said of the producer's untimely end.
    death: Option<String>,
    was_blank: bool,
}

/// What is known of one stream.
#[derive(Default)]
struct Header {
    titles: Titles,
    /// Whether anything of it was read.
    is_begun: bool,
    /// Whether the plan stood right under the version, and no point was read yet.
    is_plan_first: bool,
}

/// A line, and where it stands.
#[derive(Clone, Copy)]
struct Place<'t> {
    text: &'t str,
    indent: usize,
    /// Its first byte, and one past its last.
    range: (u64, u64),
}

impl Place<'_> {
    /// Returns the depth of the subtest it stands in, if a subtest can stand there.
    fn depth(&self) -> Option<usize> {
        (self.indent.is_multiple_of(STEP) && self.indent < STEP * DEPTH_MAX).then_some(self.indent / STEP)
    }
}

impl Lines for Stream {
    fn line(&mut self, line: &LogLine<'_>, to: &mut Recorder) -> Owner {
        let text = line.text.trim_ascii_end();
        let content = text.trim_start_matches(' ');
        let range = (line.offset, line.offset + text.len() as u64);
        let place = Place { text, indent: text.len() - content.len(), range };
        let was_blank = std::mem::replace(&mut self.was_blank, content.is_empty());
        self.subtests.at = range.1;
        if content.is_empty() {
            return self.blank();
        }
        let parsed = line::parse(content);
        if !matches!(parsed, Line::Comment(_)) {
            self.subtests.end_apart();
        }
        if self.is_in_block(&parsed, content, place) {
            return Owner::This;
        }
        match (parsed, place.depth()) {
            (Line::Point(point), Some(depth)) => self.point(&point, depth, place, to),
            (Line::Comment(comment), _) => return self.comment(comment, place, to),
            (Line::Subtest(name), Some(depth)) => self.subtest(name, depth, to),
            (Line::Plan(n), Some(depth)) => self.plan(n, depth, place, to),
            (Line::Version, Some(0)) => self.version(to),
            (Line::Version, Some(depth)) => self.subtests.enter_to(depth, to),
            (Line::Version, None) => {
                to.complain(range.0, "an indented version line, and what follows, taken for output");
            }
            (Line::BailOut(reason), _) => self.bail_out(reason, place, to),
            (Line::Open, Some(depth)) if self.subtests.open_told(depth, to) => {}
            (Line::Close, Some(depth)) if self.subtests.close(depth, to) => {}
            (Line::Pragma, _) => {}
            _ => return self.other(content, place, was_blank, to),
        }
        Owner::This
    }

    fn end(&mut self, to: &mut Recorder) {
        self.end_stream(false, to);
    }
}

impl Stream {
    pub(super) fn new(hints: &Hints) -> Self {
        Self {
            hints: hints.clone(),
            subtests: Subtests::new(hints),
            header: Header::default(),
            block: None,
            is_proved: false,
            death: None,
            was_blank: false,
        }
    }

    fn blank(&mut self) -> Owner {
        let held = &mut self.subtests.held;
        if held.is_noted() && !held.is_told {
            held.note("", 0, held.range.1);
        }
        if self.block.is_some() { Owner::This } else { Owner::Other }
    }

    /// Takes a line of a block of diagnostics; returns whether it is one.
    fn is_in_block(&mut self, line: &Line<'_>, content: &str, place: Place<'_>) -> bool {
        let held = &mut self.subtests.held;
        let Some(block) = &mut self.block else {
            let begins = content == "---" && held.state != State::Nothing && place.indent > STEP * held.depth;
            if begins {
                (self.block, held.is_told) = (Some(Block::new(place.indent)), false);
                self.note(place);
            }
            return begins;
        };
        let level = place.depth().and_then(|depth| self.subtests.levels.get(depth));
        let is_due = |number| level.is_some_and(|level| Some(level.n_due + 1) == number);
        if block.is_ended_by(line, place.indent, is_due) {
            self.block = None;
            return false;
        }
        let margin = if block.is_in_quotes() { 0 } else { STEP * held.depth };
        let is_last = block.takes_last(content, place.indent);
        if held.duration.is_none() {
            held.duration = point::duration(content);
        }
        if held.is_noted() {
            held.note(place.text, margin, place.range.1);
        }
        if is_last {
            (self.block, self.subtests.held.is_told) = (None, true);
        }
        true
    }

    fn version(&mut self, to: &mut Recorder) {
        self.end_stream(true, to);
        self.subtests.has_version = true;
        (self.header.is_begun, self.header.titles) = (true, Titles::UnderVersion);
    }

    fn plan(&mut self, n: u64, depth: usize, place: Place<'_>, to: &mut Recorder) {
        self.subtests.settle(to);
        self.subtests.enter_to(depth, to);
        if depth == 0 {
            let top = self.subtests.levels.top();
            if top.is_over() && (top.n_points > 0 || n > 0) {
                self.end_stream(false, to);
            }
            self.header.is_plan_first = self.header.titles == Titles::UnderVersion;
            self.pass_title();
            self.header.is_begun = true;
        }
        let Some(level) = self.subtests.levels.get_mut(depth) else { return };
        if level.plan.replace(n).is_some() && depth == 0 {
            to.complain(place.range.0, "a second plan in one stream; the last one counts");
        }
    }

    fn subtest(&mut self, name: &str, depth: usize, to: &mut Recorder) {
        self.subtests.announce(name, depth, to);
        if depth == 0 {
            if matches!(self.header.titles, Titles::Likely | Titles::Present) {
                self.subtests.levels.top().suite.clear();
            }
            (self.header.titles, self.header.is_begun) = (Titles::Absent, true);
        }
    }

    fn point(&mut self, point: &Point<'_>, depth: usize, place: Place<'_>, to: &mut Recorder) {
        self.subtests.settle(to);
        if depth == 0 {
            let is_verdict = self.is_proved && prove::is_verdict(point);
            let top = self.subtests.levels.top();
            if is_verdict || point.number == Some(1) && top.n_points > 0 && top.is_over() {
                self.end_stream(false, to);
            }
            if is_verdict {
                return;
            }
            self.header.is_begun = true;
            self.pass_title();
        }
        let may_be_file = std::mem::take(&mut self.header.is_plan_first);
        self.subtests.take(Found { point, depth, range: place.range }, may_be_file, to);
    }

    /// Takes a point or a plan, which stands under a title, if there are titles.
    fn pass_title(&mut self) {
        if self.header.titles.pass() {
            self.subtests.forget_comments();
        }
    }

    fn bail_out(&mut self, reason: &str, place: Place<'_>, to: &mut Recorder) {
        self.subtests.settle(to);
        self.header.is_begun = true;
        to.complain(place.range.0, format!("the producer bailed out: {reason}"));
    }

    fn comment(&mut self, comment: &str, place: Place<'_>, to: &mut Recorder) -> Owner {
        if comment.starts_with("Looks like your test exited with ") && place.indent == 0 && !self.is_proved {
            self.death = Some(comment.to_owned());
        } else if self.subtests.take_apart(comment) {
            return Owner::This;
        } else if titles::is_summary(comment) {
            self.subtests.settle(to);
        } else if place.indent == 0 && self.header.titles.take(comment) {
            self.subtests.settle(to);
            self.subtests.leave_to(0, to);
            suite_name(comment).clone_into(&mut self.subtests.levels.top().suite);
            if self.header.titles == Titles::Likely {
                self.subtests.print(place.text);
            }
        } else {
            let is_over = self.subtests.levels.top().is_over() && !self.subtests.held.is_noted();
            self.note(place);
            return if self.header.is_begun && !is_over { Owner::This } else { Owner::Other };
        }
        Owner::This
    }

    /// Takes a line that TAP does not know.
    fn other(&mut self, content: &str, place: Place<'_>, was_blank: bool, to: &mut Recorder) -> Owner {
        let (is_over, n_points) = (self.subtests.levels.top().is_over(), self.subtests.levels.top().n_points);
        let said = if place.indent == 0 { prove::read(content) } else { None };
        match said {
            Some(Said::File(file)) if self.is_proved || is_over || n_points == 0 => {
                if !self.header.is_begun {
                    self.death = None;
                }
                self.end_stream(false, to);
                self.subtests.levels.reset(suite_name(self.hints.relative(file)).to_owned());
                self.is_proved = true;
            }
            Some(said) if self.is_proved => {
                self.subtests.settle(to);
                if let Said::Dubious(words) = said {
                    (self.death, self.header.is_begun) = (Some(words.to_owned()), true);
                }
            }
            _ => {
                // Behind the end of a stream, what another program prints tells nothing of the last failure.
                if place.indent == 0 && is_over && (was_blank || content.starts_with("##[")) {
                    self.subtests.settle(to);
                }
                let held = &self.subtests.held;
                let is_told_of = held.is_noted() && !held.is_told && place.indent > 0;
                self.note(place);
                return if is_told_of { Owner::This } else { Owner::Other };
            }
        }
        Owner::This
    }

    /// Keeps a line for the failure it may tell of: the latest, until its block has ended, else the next.
    fn note(&mut self, place: Place<'_>) {
        let held = &mut self.subtests.held;
        if held.is_noted() && !held.is_told {
            held.note(place.text, STEP * held.depth, place.range.1);
        } else if self.block.is_none() {
            self.subtests.print(place.text);
        }
    }

    /// Ends a stream; the next one begins, or does when more is read.
    fn end_stream(&mut self, is_prelude: bool, to: &mut Recorder) {
        let at = self.subtests.at;
        self.subtests.settle(to);
        self.subtests.leave_to(0, to);
        self.subtests.settle_early(is_prelude, to);
        let levels = &mut self.subtests.levels;
        let (plan, n_points) = (levels.top().plan, levels.top().n_points);
        if let Some(words) = self.death.take().filter(|_| levels.n_red == 0) {
            let mut failure = Failure::bare(TestId::new(levels.top().suite.as_str(), ABORTED));
            failure.message = words;
            to.fail(Outcome::Errored, failure);
        }
        match plan {
            None if self.header.is_begun && !(is_prelude && n_points == 0) => {
                let points = count(n_points, "point");
                to.complain(at, format!("the stream has no plan; it may have been cut short after {points}"));
            }
            Some(plan) if plan != n_points => {
                to.complain(at, format!("the plan is for {}, and there are {n_points}", count(plan, "point")));
            }
            _ => {}
        }
        levels.reset(String::new());
        (self.header, self.subtests.has_version) = (Header::default(), false);
    }
}
