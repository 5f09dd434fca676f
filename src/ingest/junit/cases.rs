//! The case that is open, and what becomes of it when it ends.
//!
//! A case stays in the window until then, so that of one that passed nothing is copied; what a very long one says is taken
//! out of the window as it comes.

use std::borrow::Cow;
use std::ops::Range;

use crate::ingest::Hints;
use crate::ingest::junit::case::{self, Named, PartKind, Sign, Signs};
use crate::ingest::junit::content::{self, OpenPart};
use crate::ingest::junit::failure::Elements;
use crate::ingest::junit::markup::{self, Tag};
use crate::ingest::junit::retries::Retries;
use crate::ingest::junit::suites::{Producer, Suites};
use crate::ingest::junit::walk::View;
use crate::ingest::recorder::Recorder;
use crate::model::{FlakyPass, Outcome, TestId};

/// The case that is open, or the failure of a suite outside any case. Places are in bytes of the window.
struct OpenCase {
    /// Where it begins, or what of it was not yet taken out of the window.
    start: usize,
    /// Where it begins in the input.
    offset: u64,
    attributes: Attributes,
    signs: Signs,
    is_of_suite: bool,
    /// What was taken out of the window.
    taken: Option<Box<Elements>>,
}

/// The attributes of the open case, as they stand in the file.
enum Attributes {
    InWindow(Range<usize>),
    Taken(String),
}

impl Attributes {
    fn of<'a>(&'a self, view: View<'a>) -> &'a str {
        match self {
            Self::InWindow(range) => view.text.get(range.clone()).unwrap_or_default(),
            Self::Taken(text) => text,
        }
    }
}

/// An element of the open case that ended, as it stands in the window.
struct Part {
    kind: PartKind,
    attributes: Range<usize>,
    content: Range<usize>,
}

/// A red case, once it has ended.
struct RedCase<'t> {
    named: Named<'t>,
    outcome: Outcome,
    is_of_suite: bool,
    /// Where it stands in the input.
    source: (u64, u64),
}

/// The suites, the case and the element that are open.
pub(super) struct Cases {
    hints: Hints,
    pub(super) suites: Suites,
    retries: Retries,
    open: Option<OpenCase>,
    parts: Vec<Part>,
    pub(super) part: Option<OpenPart>,
}

impl Cases {
    pub(super) fn new(hints: &Hints) -> Self {
        let (suites, retries) = (Suites::new(hints), Retries::default());
        Self { hints: hints.clone(), suites, retries, open: None, parts: Vec::new(), part: None }
    }

    /// Tells whether no document is being read.
    pub(super) fn is_outside(&self) -> bool {
        self.open.is_none() && self.suites.is_empty()
    }

    /// Returns from where on the text of the open case, or of properties beside it, must stay in the window.
    pub(super) fn kept_from(&self) -> Option<usize> {
        let properties = || self.part.as_ref().filter(|part| part.kind == PartKind::Properties);
        self.open.as_ref().map(|case| case.start).or_else(|| properties().map(|part| part.content))
    }

    /// Takes out of the window what is open in it up to `at`; returns from where on it must stay.
    pub(super) fn take_out(&mut self, view: View<'_>, at: usize) -> usize {
        let mut kept_from = at;
        match self.open.take() {
            Some(mut case) => {
                let mut elements = self.elements(view, case.taken.take());
                if let Some(part) = &mut self.part {
                    kept_from = at - markup::unfinished(&view.text[part.content..at]);
                    if !std::mem::replace(&mut part.is_begun, true) {
                        let attributes = &view.text[part.attributes.clone()];
                        elements.begin(part.kind, attributes, self.suites.producer());
                    }
                    elements.push(&view.text[part.content..kept_from]);
                }
                let attributes = Attributes::Taken(case.attributes.of(view).to_owned());
                self.open = Some(OpenCase { start: kept_from, attributes, taken: Some(elements), ..case });
            }
            None => {
                if let Some(part) = self.part.as_ref().filter(|part| part.kind == PartKind::Properties) {
                    self.suites.add_properties(&view.text[part.content..at]);
                }
            }
        }
        if let Some(part) = &mut self.part {
            part.content = kept_from;
        }
        kept_from
    }

    /// Moves all places, as the beginning of the window moves.
    pub(super) fn shift(&mut self, n_bytes: usize) {
        let moved = |range: &Range<usize>| range.start.saturating_sub(n_bytes)..range.end.saturating_sub(n_bytes);
        if let Some(case) = &mut self.open {
            case.start = case.start.saturating_sub(n_bytes);
            if let Attributes::InWindow(range) = &mut case.attributes {
                *range = moved(range);
            }
        }
        for part in &mut self.parts {
            (part.attributes, part.content) = (moved(&part.attributes), moved(&part.content));
        }
        if let Some(part) = &mut self.part {
            part.shift(n_bytes);
        }
    }

    /// Opens a case that begins at `start` in the window and at `offset` in the input.
    pub(super) fn open(&mut self, start: usize, offset: u64, attributes: Range<usize>) {
        let (attributes, signs) = (Attributes::InWindow(attributes), Signs::default());
        self.open = Some(OpenCase { start, offset, attributes, signs, is_of_suite: false, taken: None });
    }

    /// Opens the failure of a suite, unless a case is open.
    fn open_of_suite(&mut self, view: View<'_>, at: usize) -> &mut OpenCase {
        let (offset, attributes) = (view.offset_of(at), Attributes::InWindow(at..at));
        let new =
            || OpenCase { start: at, offset, attributes, signs: Signs::default(), is_of_suite: true, taken: None };
        self.open.get_or_insert_with(new)
    }

    /// Takes note that the markup of the open case is damaged.
    pub(super) fn doubt(&mut self) {
        if let Some(case) = &mut self.open {
            case.signs.add(Sign::Doubt);
        }
    }

    /// Opens an element inside a case, or one beside cases that matters.
    pub(super) fn open_part(&mut self, view: View<'_>, at: usize, tag: &Tag<'_>, to: &mut Recorder) {
        let kind = PartKind::of(markup::local(tag.name));
        if kind.is_red() {
            self.open_of_suite(view, at);
        }
        match &mut self.open {
            Some(case) => case.signs.add_part(kind, tag.attributes),
            None if kind == PartKind::Other => return,
            None => {}
        }
        let end = at + tag.end.length;
        let attributes = at + 1 + tag.name.len()..end;
        if !tag.end.is_empty {
            self.part = Some(OpenPart::new(kind, tag.name, attributes, end));
        } else if self.open.is_some() {
            self.parts.push(Part { kind, attributes, content: end..end });
            self.end_suite_failure(view, end, to);
        }
    }

    /// Takes note of a failure of which nothing but its end tag is there.
    pub(super) fn add_lost_failure(&mut self, view: View<'_>, at: usize, end: usize, to: &mut Recorder) {
        to.complain(view.offset_of(at), "the markup is damaged: a failure has an end, but no beginning");
        self.open_of_suite(view, at).signs.add(Sign::Failure);
        self.end_suite_failure(view, end, to);
    }

    /// Ends the open element, whose end is missing, at `at`.
    pub(super) fn break_part(&mut self, view: View<'_>, at: usize, to: &mut Recorder) {
        if let (Some(part), Some(case)) = (&self.part, &mut self.open)
            && !part.kind.is_red()
        {
            case.signs.add(Sign::Doubt);
            if content::holds_failure(&view.text[part.content.min(at)..at]) {
                case.signs.add(Sign::Error);
            }
        }
        self.close_part(view, at, at, to);
    }

    /// Ends the open element; what follows it begins at `after`.
    pub(super) fn close_part(&mut self, view: View<'_>, content_end: usize, after: usize, to: &mut Recorder) {
        let Some(part) = self.part.take() else { return };
        let content = part.content.min(content_end)..content_end;
        match &mut self.open {
            Some(OpenCase { taken: Some(elements), .. }) if part.is_begun => {
                elements.push(&view.text[content]);
                elements.end();
            }
            Some(_) => self.parts.push(Part { kind: part.kind, attributes: part.attributes, content }),
            None if part.kind == PartKind::Properties => self.suites.add_properties(&view.text[content]),
            None => {}
        }
        self.end_suite_failure(view, after, to);
    }

    /// Ends the failure of a suite with its only element.
    fn end_suite_failure(&mut self, view: View<'_>, end: usize, to: &mut Recorder) {
        if self.open.as_ref().is_some_and(|case| case.is_of_suite) {
            self.close_case(view, end, to);
        }
    }

    /// Ends the open case.
    pub(super) fn close_case(&mut self, view: View<'_>, end: usize, to: &mut Recorder) {
        if let Some(case) = self.open.take() {
            self.record(view, case, end, to);
        }
    }

    /// Ends a case whose end cannot be read: it counts if it is known to be red, else nothing is known of it.
    pub(super) fn abandon_case(&mut self, view: View<'_>, at: usize, to: &mut Recorder) {
        if self.open.is_some() || self.part.is_some() {
            self.abandon_open_case(view, at, to);
        }
    }

    fn abandon_open_case(&mut self, view: View<'_>, at: usize, to: &mut Recorder) {
        if self.part.is_some() {
            self.close_part(view, at, at, to);
        }
        let Some(mut case) = self.open.take() else { return };
        // Libtest writes a case that passed as one tag, and dies while it writes a message of several lines.
        if self.suites.producer() == Producer::Libtest {
            case.signs.add(Sign::Failure);
        }
        let status = Named::read(case.attributes.of(view)).status();
        if case::judge(case.signs, status).is_some_and(Outcome::is_red) {
            to.complain(case.offset, "a failing test case has no end; what is there of it is kept");
            self.record(view, case, at, to);
        } else {
            to.complain(case.offset, "a test case has no end; it is left out, for how it ended is unknown");
            self.parts.clear();
        }
    }

    /// Adds the case that has been read, up to `end`.
    fn record(&mut self, view: View<'_>, case: OpenCase, end: usize, to: &mut Recorder) {
        let OpenCase { offset, attributes, signs, is_of_suite, taken, .. } = case;
        let named = Named::read(attributes.of(view));
        // Failed reruns stand beside a failure, but for a producer that counts no failure either.
        let signs = if self.suites.declare_no_failure() { signs.reruns_passed() } else { signs };
        match case::judge(signs, named.status()) {
            Some(outcome) if outcome.is_red() => {
                let elements = self.elements(view, taken);
                self.fail(
                    &RedCase { named, outcome, is_of_suite, source: (offset, view.offset_of(end)) },
                    *elements,
                    to,
                );
            }
            Some(Outcome::Passed) if signs.has(Sign::FlakyAttempt) => {
                let elements = self.elements(view, taken);
                let id = self.id(&named);
                let attempts = elements.into_attempts(&id, &self.hints);
                to.pass_flaky(FlakyPass { id, attempts });
                self.count(Outcome::Passed, offset, to);
            }
            Some(outcome) => self.tally(&named, outcome, offset, to),
            None => to.complain(offset, "a test case is damaged; it is left out, for how it ended is unknown"),
        }
        self.parts.clear();
    }

    /// Adds a result that is not red.
    pub(super) fn tally(&mut self, named: &Named<'_>, outcome: Outcome, offset: u64, to: &mut Recorder) {
        let enclosing = self.suites.enclosing();
        let (suite, name) = named.id(&enclosing);
        let suite = self.hints.relative(&suite);
        let time = if to.is_heard() { named.duration() } else { None };
        match outcome {
            Outcome::Passed => self.retries.pass(enclosing.producer, (suite, &name), time, to),
            outcome => to.tally_timed(suite, &name, outcome, time),
        }
        self.count(outcome, offset, to);
    }

    fn fail(&mut self, case: &RedCase<'_>, mut elements: Elements, to: &mut Recorder) {
        let RedCase { named, outcome, is_of_suite, source } = case;
        let producer = self.suites.producer();
        let id = if *is_of_suite { TestId::of_suite(self.suites.enclosing().chain) } else { self.id(named) };
        let mut properties = elements.properties();
        self.suites.add_to(&mut properties, named.file());
        let mut failure = elements.into_failure(id, &self.hints);
        failure.location = failure.location.take().or_else(|| named.location(producer));
        failure.duration = named.duration();
        failure.properties = properties.into_list();
        failure.source = Some(*source);
        if *is_of_suite {
            self.suites.count_own_failure();
            self.retries.fail(producer, Outcome::Errored, failure, to);
        } else {
            self.count(*outcome, source.0, to);
            self.retries.fail(producer, *outcome, failure, to);
        }
    }

    fn id(&self, named: &Named<'_>) -> TestId {
        let enclosing = self.suites.enclosing();
        let (suite, name): (Cow<'_, str>, Cow<'_, str>) = named.id(&enclosing);
        TestId::new(self.hints.relative(&suite), name)
    }

    /// Counts a case in its suite.
    fn count(&mut self, outcome: Outcome, offset: u64, to: &mut Recorder) {
        if !self.suites.count(outcome) {
            to.complain(offset, "a test case stands outside any suite");
        }
    }

    /// Returns what is kept of the elements of a case, together with those that are in the window.
    fn elements(&mut self, view: View<'_>, taken: Option<Box<Elements>>) -> Box<Elements> {
        let mut elements = taken.unwrap_or_else(|| Box::new(Elements::new(self.hints.output_bytes_max)));
        for part in self.parts.drain(..) {
            elements.begin(part.kind, &view.text[part.attributes], self.suites.producer());
            elements.push(&view.text[part.content]);
            elements.end();
        }
        elements
    }

    /// Closes the innermost suite.
    pub(super) fn close_suite(&mut self, to: &mut Recorder) {
        self.retries.end_suite(self.suites.producer(), to);
        self.suites.close(to);
    }

    /// Ends what the end of a document leaves open; tells whether any suite was.
    pub(super) fn end_document(&mut self, view: View<'_>, at: usize, to: &mut Recorder) -> bool {
        self.abandon_case(view, at, to);
        self.retries.end_suite(self.suites.producer(), to);
        self.suites.abandon(to)
    }
}
