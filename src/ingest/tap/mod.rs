//! The Test Anything Protocol, versions 12 to 14, and what its producers make of it.
//!
//! A subtest's own points are the tests; the point that sums them up is none, unless it fails with all of them passing.
//! A test's suite is the names of the subtests around it joined with ` > `; at the top level it is empty, or the title
//! comment where a stream has titles (tape, Catch2). A failing TODO or SKIP is no failure. Plans are compared, never
//! counted with.

mod line;
mod point;
mod yaml;

use crate::ingest::recorder::Recorder;
use crate::ingest::tap::line::{Directive, Line, Point};
use crate::ingest::{Collected, Format, Hints, Likeness, Reader, nested_suite, offset_in, suite_name};
use crate::model::{Outcome, TestCase, TestId};
use crate::text::ansi;

/// The Test Anything Protocol.
pub(super) struct Tap;

/// The deepest subtest that is followed; what is deeper is read as output.
const DEPTH_MAX: usize = 32;

/// Spaces by which a subtest is indented.
const STEP: usize = 4;

impl Format for Tap {
    fn name(&self) -> &'static str {
        "tap"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let text = ansi::strip(text);
        let mut has_plan = false;
        for line in text.lines().filter(|line| line.starts_with(['o', 'n', '1', 'T'])) {
            match line::parse(line.trim_end()) {
                Line::Version => return Ok(Likeness::Certain),
                Line::Plan(_) => has_plan = true,
                Line::Point(_) if has_plan => return Ok(Likeness::Likely),
                Line::Point(Point { number: Some(_), .. }) => return Ok(Likeness::Possible),
                _ => {}
            }
        }
        if has_plan { Ok(Likeness::Possible) } else { Err("there is no line like `1..5`, `ok 1` or `TAP version 14`") }
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Collected::reader(hints, read)
    }
}

fn read(text: &str, hints: &Hints, reading: &mut Recorder) {
    let text = ansi::strip(text);
    let has_titles = has_titles(&text);
    let mut stream =
        Stream { text: &text, hints, reading, levels: vec![Level::default()], yaml: None, has_titles, title: "" };
    for line in text.lines() {
        stream.read(line);
    }
    stream.finish();
}

/// Tells whether comments are titles of the points under them: in tape's streams, where one stands right under the
/// version, and in Catch2's, which begin with a seed.
fn has_titles(text: &str) -> bool {
    let mut is_after_version = false;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match line::parse(line.trim_end()) {
            Line::Point(_) | Line::Plan(_) | Line::Subtest(_) => return false,
            Line::Comment(title) if is_after_version || title.starts_with("rng-seed: ") => return true,
            Line::Version => is_after_version = true,
            _ => {}
        }
    }
    false
}

/// Tells whether a comment sums a stream up, as those of node, tape and mocha do at the end.
fn is_summary(comment: &str) -> bool {
    let words = ["tests ", "pass ", "fail ", "suites "];
    let counts =
        |word: &&str| comment.strip_prefix(*word).is_some_and(|n| n.trim().bytes().all(|byte| byte.is_ascii_digit()));
    comment == "ok" || comment.starts_with("Looks like you failed") || words.iter().any(counts)
}

/// A stream, or a subtest in it.
#[derive(Default)]
struct Level<'t> {
    /// Whether a comment or a brace said that a subtest begins; else its plan must prove it.
    is_announced: bool,
    /// The name the latest `# Subtest:` comment gave.
    subtest: Option<&'t str>,
    n_points: u64,
    plan: Option<u64>,
    /// The point whose subtest is being read, in the buffered form.
    opened: Option<Point<'t>>,
    /// The failed point whose diagnostics are being read, and where they begin.
    failed: Option<(TestId, usize)>,
    /// Results that wait for the names of the subtests around them; empty at the top.
    cases: Vec<TestCase>,
    /// A subtest that has ended and waits for the point that sums it up.
    child: Option<Box<Level<'t>>>,
}

struct Stream<'t, 'r> {
    text: &'t str,
    hints: &'r Hints,
    reading: &'r mut Recorder,
    /// The top level and the subtests open in it; each is indented by a step more.
    levels: Vec<Level<'t>>,
    /// The indentation of the YAML block being read past.
    yaml: Option<usize>,
    has_titles: bool,
    title: &'t str,
}

impl<'t> Stream<'t, '_> {
    fn read(&mut self, raw: &'t str) {
        let content = raw.trim();
        let indent = raw.len() - raw.trim_start_matches(' ').len();
        if content.is_empty() || self.is_yaml(content, indent) {
            return;
        }
        let line = line::parse(content);
        let depth = indent / STEP;
        let is_aligned = indent.is_multiple_of(STEP) && depth < DEPTH_MAX;
        let is_structure = matches!(line, Line::Version | Line::Plan(_) | Line::Point(_) | Line::Subtest(_));
        let at = offset_in(self.text, raw);
        match line {
            Line::BailOut(reason) => {
                self.end_failed(at);
                self.reading.complain(at as u64, format!("the producer bailed out: {reason}"));
            }
            Line::Comment(comment) if is_summary(comment) => self.end_failed(at),
            Line::Comment(title) if depth == 0 && self.has_titles => {
                self.leave_to(0, at);
                self.end_failed(at);
                self.title = suite_name(title);
            }
            Line::Close if is_aligned => self.close(depth, at),
            _ if is_structure && is_aligned => {
                self.leave_to(depth, at);
                self.enter_to(depth, at, matches!(line, Line::Subtest(_)));
                self.structure(line, at, raw);
            }
            _ if content == "---" && indent > STEP * (self.levels.len() - 1) => self.yaml = Some(indent),
            _ => {}
        }
    }

    /// Reads past a YAML block; a line that can only be the stream's own ends one that has no end.
    fn is_yaml(&mut self, content: &str, indent: usize) -> bool {
        let Some(yaml_indent) = self.yaml else { return false };
        if content == "..." && indent <= yaml_indent {
            self.yaml = None;
            return true;
        }
        let is_own =
            indent < yaml_indent && !matches!(line::parse(content), Line::Other | Line::Close | Line::Comment(_));
        if is_own {
            self.yaml = None;
        }
        !is_own
    }

    /// Ends the subtests deeper than `depth`; each waits in its parent for the point that sums it up.
    fn leave_to(&mut self, depth: usize, at: usize) {
        while self.levels.len() > depth + 1 {
            self.end_failed(at);
            self.drop_unclaimed();
            let Some(child) = self.levels.pop() else { return };
            if let Some(parent) = self.levels.last_mut() {
                parent.child = Some(Box::new(child));
            }
        }
    }

    /// Begins the subtests up to `depth`. They are announced by a comment before or at their first line.
    fn enter_to(&mut self, depth: usize, at: usize, is_subtest_line: bool) {
        while self.levels.len() <= depth {
            self.end_failed(at);
            self.drop_unclaimed();
            let is_announced = is_subtest_line || self.levels.last().is_some_and(|parent| parent.subtest.is_some());
            self.levels.push(Level { is_announced, ..Level::default() });
        }
    }

    fn structure(&mut self, line: Line<'t>, at: usize, raw: &'t str) {
        self.end_failed(at);
        let is_top = self.levels.len() == 1;
        let Some(level) = self.levels.last_mut() else { return };
        match line {
            Line::Version if is_top && level.plan.is_some() => {
                self.check_plan(at);
                self.levels = vec![Level::default()];
            }
            Line::Plan(n) => {
                let earlier = level.plan.replace(n);
                if earlier.is_some() {
                    self.reading.complain(at as u64, "a second plan in one stream; the last one counts");
                }
            }
            Line::Subtest(name) => level.subtest = Some(name),
            Line::Point(point) if point.opens => {
                level.opened = Some(point);
                self.levels.push(Level { is_announced: true, ..Level::default() });
            }
            Line::Point(point) => self.point(&point, at + raw.len()),
            _ => {}
        }
    }

    /// Ends a buffered subtest.
    fn close(&mut self, depth: usize, at: usize) {
        if self.levels.get(depth).is_none_or(|level| level.opened.is_none()) {
            return;
        }
        self.leave_to(depth, at);
        if let Some(point) = self.levels.last_mut().and_then(|level| level.opened.take()) {
            self.point(&point, at);
        }
    }

    /// Takes a point: the sum of the subtest before it, or a test.
    fn point(&mut self, point: &Point<'t>, end: usize) {
        let is_top = self.levels.len() == 1;
        let suite = if is_top { self.title } else { "" };
        let Some(level) = self.levels.last_mut() else { return };
        level.n_points += 1;
        level.subtest = None;
        let id = TestId::new(suite, name(point, level.n_points));
        let outcome = outcome(point);
        let child = level.child.take().filter(|child| child.is_subtest());
        let has_red = child.as_ref().is_some_and(|child| child.has_red());
        let n_cases = child.as_ref().map_or(0, |child| child.cases.len());
        if let Some(child) = child {
            self.adopt(*child, &id, outcome.is_red());
        }
        let Some(level) = self.levels.last_mut() else { return };
        if outcome.is_red() && !has_red {
            level.failed = Some((id, end));
        } else if n_cases == 0 {
            self.emit(TestCase { id, outcome, duration: None, failure: None });
        }
    }

    /// Takes over the results of a subtest under its name. Where the point that sums them up does not fail, none did.
    fn adopt(&mut self, child: Level<'t>, parent: &TestId, is_red: bool) {
        for mut case in child.cases {
            case.id.suite = nested_suite(&nested_suite(&parent.suite, &parent.name), &case.id.suite);
            if case.outcome.is_red() && !is_red {
                (case.outcome, case.failure) = (Outcome::Skipped, None);
            }
            self.emit(case);
        }
    }

    /// Records a result, or keeps it until the names around it are known.
    fn emit(&mut self, mut case: TestCase) {
        if let [_, .., level] = self.levels.as_mut_slice() {
            level.cases.push(case);
            return;
        }
        if let Some(failure) = &mut case.failure {
            failure.id = case.id.clone();
        }
        self.reading.record(case);
    }

    /// Ends the diagnostics of the failed point before `at`.
    fn end_failed(&mut self, at: usize) {
        let Some((id, start)) = self.levels.last_mut().and_then(|level| level.failed.take()) else { return };
        let diagnostics = self.text.get(start..at).unwrap_or_default();
        let failure = Some(point::failure(id.clone(), diagnostics, self.hints));
        self.emit(TestCase { id, outcome: Outcome::Failed, duration: None, failure });
    }

    /// Takes over the results of a subtest that no point summed up, if it was announced.
    fn drop_unclaimed(&mut self) {
        let Some(level) = self.levels.last_mut() else { return };
        let Some(child) = level.child.take().filter(|child| child.is_announced) else { return };
        let name = level.subtest.take().map(line::unescape).unwrap_or_default();
        self.adopt(*child, &TestId::new("", name), true);
    }

    fn check_plan(&mut self, at: usize) {
        let Some(top) = self.levels.first() else { return };
        let n = top.n_points;
        match top.plan {
            None => self
                .reading
                .complain(at as u64, format!("the stream has no plan; it may have been cut short after {n} points")),
            Some(planned) if planned != n => {
                self.reading.complain(at as u64, format!("the plan says {planned} points, and there are {n}"));
            }
            Some(_) => {}
        }
    }

    fn finish(mut self) {
        let end = self.text.len();
        while let Some(point) = self.levels.last_mut().and_then(|level| level.opened.take()) {
            self.point(&point, end);
        }
        self.leave_to(0, end);
        self.end_failed(end);
        self.drop_unclaimed();
        self.check_plan(end);
    }
}

impl Level<'_> {
    /// Tells whether these points are a subtest's, and not what a test printed: announced, or as many as planned.
    fn is_subtest(&self) -> bool {
        self.is_announced || self.plan == Some(self.n_points)
    }

    fn has_red(&self) -> bool {
        self.cases.iter().any(|case| case.outcome.is_red())
    }
}

/// Returns the name of a point, or its number where it has none.
fn name(point: &Point<'_>, index: u64) -> String {
    match (point.name.as_ref(), point.number) {
        ("", Some(number)) => number.to_owned(),
        ("", None) => index.to_string(),
        (name, _) => name.to_owned(),
    }
}

fn outcome(point: &Point<'_>) -> Outcome {
    match (point.is_ok, point.directive) {
        (_, Some(Directive::Skip)) | (false, Some(Directive::Todo)) => Outcome::Skipped,
        (true, _) => Outcome::Passed,
        (false, None) => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests;
