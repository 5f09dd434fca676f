//! The walk over a report's markup, as far as it is in memory at a time.
//!
//! A tag that lost its end is read as far as it goes, and where the end of an element is missing, what can only be the
//! report's next tag ends it: after damage, nothing inside the case it befell is a pass.

use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

use crate::ingest::junit::case::{self, Named, Signs};
use crate::ingest::junit::cases::Cases;
use crate::ingest::junit::content::{self, Found};
use crate::ingest::junit::markup::{self, CDATA, COMMENT, Tag, TagEnd, attributes, local};
use crate::ingest::recorder::Recorder;
use crate::ingest::source::Source;
use crate::ingest::{Document, Hints};
use crate::model::Outcome;

/// How a case begins, unless its name has a prefix.
const CASE: &str = "<testcase ";

/// Bytes of an open case, or of what else is not yet read, that stay in the window as they are.
const OPEN_BYTES_MAX: usize = 1 << 20;

/// The longest tag; the middle of a longer one is left out.
const TAG_BYTES_MAX: usize = 4 << 20;

/// Bytes of the text before a document that are looked at.
const BEFORE_BYTES_MAX: usize = 4 << 10;

/// Bytes at the end of the window within which a name may not be whole.
const NAME_BYTES_MAX: usize = 128;

/// Number of times reading is taken up again where a section that has no end began.
const REWINDS_MAX: usize = 100;

/// The text in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'t> {
    pub(super) text: &'t str,
    /// Where it begins in the input.
    offset: u64,
    /// Whether it reaches to the end of the input.
    pub(super) is_last: bool,
}

impl View<'_> {
    /// Returns where an end that is not in the text may begin.
    pub(super) fn before_end(self, end: &str) -> usize {
        self.text.floor_char_boundary(self.text.len().saturating_sub(end.len() - 1))
    }

    /// Tells whether a tag at the end of the text may go on behind it, so that its name is not known.
    pub(super) fn may_go_on(self, tag: &str) -> bool {
        !self.is_last && tag.len() < NAME_BYTES_MAX && memchr(b'>', tag.as_bytes()).is_none()
    }

    /// Returns where in the input a place of the text is.
    pub(super) fn offset_of(self, at: usize) -> u64 {
        self.offset + at as u64
    }
}

/// Where the walk stands after a step.
enum Step {
    /// It goes on from here.
    On(usize),
    /// It needs the text behind the window to go on from here.
    Wait(usize),
}

/// A section between tags that is skipped.
struct Skip {
    end: &'static str,
    /// Where it begins, if that is in the window.
    start: Option<usize>,
}

/// Reads one input.
pub(super) struct Walk {
    cases: Cases,
    skip: Option<Skip>,
    /// Outside documents, where the text behind the last one begins.
    outside: usize,
    n_rewinds: usize,
    /// Where a tag began whose middle was left out.
    long_tag: Option<u64>,
}

impl Document for Walk {
    fn read(mut self: Box<Self>, source: &mut Source<'_>, to: &mut Recorder) {
        let mut at = 0;
        loop {
            let view = View { text: source.window(), offset: source.offset(), is_last: source.is_whole() };
            let taken = self.take(view, at, to);
            if view.is_last {
                self.end_document(view, view.text.len(), to);
                source.consume(taken);
                return;
            }
            let mut kept = self.kept_from(view, taken);
            if taken - kept > OPEN_BYTES_MAX {
                kept = self.take_out(view, taken);
            }
            source.consume(kept);
            self.shift(kept);
            at = taken - kept;
            self.fetch(source, at, to);
        }
    }
}

impl Walk {
    pub(super) fn new(hints: &Hints) -> Self {
        Self { cases: Cases::new(hints), skip: None, outside: 0, n_rewinds: 0, long_tag: None }
    }

    /// Takes what can be taken of the text from `at` on; returns up to where.
    fn take(&mut self, view: View<'_>, at: usize, to: &mut Recorder) -> usize {
        let mut at = at;
        loop {
            let step = match (&mut self.cases.part, &self.skip) {
                (Some(part), _) => match part.find_end(view, at) {
                    Found::End { at, after } => {
                        self.cases.close_part(view, at, after, to);
                        Step::On(after)
                    }
                    Found::Nothing(at) if !view.is_last => Step::Wait(at),
                    Found::Nothing(_) => self.break_part(view, view.text.len(), to),
                    Found::Foreign(at) => self.break_part(view, at, to),
                },
                (None, Some(_)) => self.skip(view, at, to),
                (None, None) => self.markup(view, at, to),
            };
            match step {
                Step::On(next) => at = next,
                Step::Wait(next) => return next,
            }
        }
    }

    /// Reads on behind what is in the window; of a tag that goes on and on, only the ends are kept.
    fn fetch(&mut self, source: &mut Source<'_>, at: usize, to: &mut Recorder) {
        let n_unread = source.window().len() - at;
        if n_unread > TAG_BYTES_MAX {
            if self.long_tag.is_none() {
                let offset = source.offset() + at as u64;
                self.long_tag = Some(offset);
                to.complain(offset, format!("a tag is longer than {TAG_BYTES_MAX} bytes; its middle is left out"));
            }
            let window = source.window();
            let start = window.floor_char_boundary(at + TAG_BYTES_MAX / 8);
            let end = window.floor_char_boundary(window.len() - TAG_BYTES_MAX / 8);
            source.cut(start..end);
        }
        // What is unread is looked at again, so that it must grow by as much.
        let n_unread = source.window().len() - at;
        source.ahead((at + 2 * n_unread).max(source.window().len() + 1));
    }

    /// Returns from where on the text must stay in the window.
    fn kept_from(&self, view: View<'_>, taken: usize) -> usize {
        let of_skip = || self.skip.as_ref().and_then(|skip| skip.start);
        let before = || {
            let start = view.text.floor_char_boundary(taken.saturating_sub(BEFORE_BYTES_MAX));
            self.cases.is_outside().then(|| self.outside.max(start).min(taken))
        };
        self.cases.kept_from().or_else(of_skip).or_else(before).unwrap_or(taken)
    }

    /// Takes out of the window what is open in it up to `at`; returns from where on it must stay.
    fn take_out(&mut self, view: View<'_>, at: usize) -> usize {
        if let Some(skip) = &mut self.skip {
            skip.start = None;
        }
        self.cases.take_out(view, at)
    }

    /// Moves all places, as the beginning of the window moves.
    fn shift(&mut self, n_bytes: usize) {
        self.cases.shift(n_bytes);
        if let Some(skip) = &mut self.skip {
            skip.start = skip.start.and_then(|start| start.checked_sub(n_bytes));
        }
        self.outside = self.outside.saturating_sub(n_bytes);
    }

    /// Takes the next tag, or whatever else begins with a `<`.
    fn markup(&mut self, view: View<'_>, at: usize, to: &mut Recorder) -> Step {
        let Some(distance) = memchr(b'<', &view.text.as_bytes()[at..]) else { return Step::Wait(view.text.len()) };
        let at = at + distance;
        let step = match view.text.as_bytes().get(at + 1) {
            Some(b'/') => self.end_tag(view, at, to),
            Some(b'!') => self.declaration(view, at),
            Some(b'?') => self.instruction(view, at, to),
            Some(byte) if byte.is_ascii_alphabetic() || *byte == b'_' => self.start_tag(view, at, to),
            Some(_) => Step::On(at + 1),
            None => Step::Wait(at),
        };
        match step {
            Step::Wait(_) if view.is_last => Step::On(at + 1),
            step => step,
        }
    }

    fn start_tag(&mut self, view: View<'_>, at: usize, to: &mut Recorder) -> Step {
        let rest = &view.text[at..];
        if rest.starts_with(CASE) {
            return self.case_tag(view, at, CASE.len() - 1, to);
        }
        if view.may_go_on(rest) {
            return Step::Wait(at);
        }
        let name = markup::start_name(rest);
        let local_name = local(name);
        let is_suite = matches!(local_name, "testsuite" | "testsuites");
        if local_name == "testcase" {
            return self.case_tag(view, at, name.len(), to);
        }
        if self.cases.is_outside() && !is_suite {
            return Step::On(at + 1);
        }
        let unended = || TagEnd { length: rest.len(), is_empty: false, is_damaged: true };
        let tag = markup::start_tag(rest)
            .or_else(|| view.is_last.then(|| Tag { name, attributes: &rest[1 + name.len()..], end: unended() }));
        let Some(tag) = tag else { return Step::Wait(at) };
        if tag.end.is_damaged {
            self.complain_of_tag(view, at, to);
        }
        if is_suite {
            self.open_suite(view, at, &tag, to);
        } else {
            self.cases.open_part(view, at, &tag, to);
        }
        Step::On(at + tag.end.length)
    }

    /// Takes the start tag of a case, and its end if nothing stands between; and the cases after it, as long as they are
    /// such: most are.
    fn case_tag(&mut self, view: View<'_>, at: usize, n_name: usize, to: &mut Recorder) -> Step {
        let (mut at, mut after_name) = (at, at + 1 + n_name);
        loop {
            let mut attributes = attributes(&view.text[after_name..]);
            let named = Named::read_from(&view.text[after_name..], &mut attributes);
            let end = match attributes.end() {
                Some(end) => TagEnd { length: after_name + end.length, ..end },
                None if view.is_last => TagEnd { length: view.text.len(), is_empty: false, is_damaged: true },
                None => return Step::Wait(at),
            };
            self.cases.abandon_case(view, at, to);
            let offset = self.long_tag.take().unwrap_or(view.offset_of(at));
            let Some((outcome, next)) = outcome_of_bare(view, &named, end) else {
                return self.open_case(view, (at, offset, after_name), end, to);
            };
            self.cases.tally(&named, outcome, offset, to);
            if !view.text[next..].starts_with(CASE) {
                return Step::On(next);
            }
            (at, after_name) = (next, next + CASE.len());
        }
    }

    fn open_case(
        &mut self,
        view: View<'_>,
        (at, offset, after_name): (usize, u64, usize),
        end: TagEnd,
        to: &mut Recorder,
    ) -> Step {
        self.cases.open(at, offset, after_name..end.length);
        if end.is_damaged {
            self.complain_of_tag(view, at, to);
        } else if end.is_empty {
            self.cases.close_case(view, end.length, to);
        }
        Step::On(end.length)
    }

    fn complain_of_tag(&mut self, view: View<'_>, at: usize, to: &mut Recorder) {
        to.complain(view.offset_of(at), "the markup is damaged: a tag has no end");
        self.cases.doubt();
    }

    fn open_suite(&mut self, view: View<'_>, at: usize, tag: &Tag<'_>, to: &mut Recorder) {
        self.cases.abandon_case(view, at, to);
        if self.cases.is_outside() {
            self.cases.suites.read_before(&view.text[self.outside.min(at)..at]);
        }
        self.cases.suites.open(local(tag.name), tag.attributes, view.offset_of(at));
        if tag.end.is_empty {
            self.close_suite(at + tag.end.length, to);
        }
    }

    fn end_tag(&mut self, view: View<'_>, at: usize, to: &mut Recorder) -> Step {
        let rest = &view.text[at..];
        let end = match memchr2(b'<', b'>', &rest.as_bytes()[1..]) {
            Some(distance) => at + 1 + distance + usize::from(rest.as_bytes()[1 + distance] == b'>'),
            None if view.is_last => view.text.len(),
            None => return Step::Wait(at),
        };
        match local(markup::end_name(rest)) {
            "testcase" => self.cases.close_case(view, end, to),
            "testsuite" | "testsuites" => {
                self.cases.abandon_case(view, at, to);
                self.close_suite(end, to);
            }
            "failure" | "error" if !self.cases.is_outside() => self.cases.add_lost_failure(view, at, end, to),
            _ => {}
        }
        Step::On(end)
    }

    fn declaration(&mut self, view: View<'_>, at: usize) -> Step {
        let rest = &view.text[at..];
        for [begin, end] in [CDATA, COMMENT] {
            if rest.starts_with(begin) {
                self.skip = Some(Skip { end, start: Some(at) });
                return Step::On(at + begin.len());
            }
        }
        match rest.get(..9) {
            Some("<!DOCTYPE") => markup::doctype_end(rest).map_or(Step::Wait(at), |end| Step::On(at + end)),
            None if !view.is_last => Step::Wait(at),
            _ => Step::On(at + 1),
        }
    }

    /// Takes a processing instruction; a declaration begins a document.
    fn instruction(&mut self, view: View<'_>, at: usize, to: &mut Recorder) -> Step {
        let rest = &view.text[at..];
        let Some(end) = memchr(b'>', rest.as_bytes()) else { return Step::Wait(at) };
        if rest.starts_with("<?xml ") {
            self.end_document(view, at, to);
        }
        Step::On(at + end + 1)
    }

    /// Skips to the end of a comment or a CDATA section between tags.
    fn skip(&mut self, view: View<'_>, at: usize, to: &mut Recorder) -> Step {
        let Some(Skip { end, start }) = self.skip.take() else { return Step::On(at) };
        if let Some(distance) = memmem::find(&view.text.as_bytes()[at..], end.as_bytes()) {
            return Step::On(at + distance + end.len());
        }
        if !view.is_last {
            self.skip = Some(Skip { end, start });
            return Step::Wait(view.before_end(end).max(at));
        }
        let what = if end == CDATA[1] { "a CDATA section" } else { "a comment" };
        let begin = start.unwrap_or(at);
        self.cases.doubt();
        to.complain(view.offset_of(begin), format!("the markup is damaged: {what} has no end"));
        Step::On(self.rewound(view, begin..view.text.len()).unwrap_or(view.text.len()))
    }

    /// Returns where reading can be taken up again in what seemed to be a section of text.
    fn rewound(&mut self, view: View<'_>, section: Range<usize>) -> Option<usize> {
        let start = section.start + 1;
        if self.n_rewinds >= REWINDS_MAX || start > section.end {
            return None;
        }
        self.n_rewinds += 1;
        content::next_of_report(&view.text[start..section.end]).map(|at| start + at)
    }

    /// Ends the open element where something stands that cannot be in it: its end is missing, or is lost in a CDATA section.
    fn break_part(&mut self, view: View<'_>, at: usize, to: &mut Recorder) -> Step {
        let cdata = self.cases.part.as_ref().and_then(|part| part.cdata);
        let resumed = cdata.and_then(|start| self.rewound(view, start..at));
        if let (Some(start), Some(_)) = (cdata, resumed) {
            to.complain(view.offset_of(start), "the markup is damaged: a CDATA section has no end");
        }
        let at = resumed.unwrap_or(at);
        self.cases.break_part(view, at, to);
        Step::On(at)
    }

    fn close_suite(&mut self, end: usize, to: &mut Recorder) {
        self.cases.close_suite(to);
        if self.cases.is_outside() {
            self.outside = end;
        }
    }

    /// Ends what the end of a document leaves open.
    fn end_document(&mut self, view: View<'_>, at: usize, to: &mut Recorder) {
        self.skip = None;
        if self.cases.end_document(view, at, to) {
            self.outside = at;
            let reason = "the document ends inside a suite; what it would have listed after that is unknown";
            to.complain(view.offset_of(at), reason);
        }
    }
}

/// Returns how a case ended that has no elements and is not red, and where the next tag after it is.
fn outcome_of_bare(view: View<'_>, named: &Named<'_>, end: TagEnd) -> Option<(Outcome, usize)> {
    let after_tag = &view.text[end.length..];
    let rest = match end {
        TagEnd { is_damaged: true, .. } => return None,
        TagEnd { is_empty: true, .. } => after_tag,
        _ => after_tag.trim_ascii_start().strip_prefix("</testcase>")?,
    };
    let outcome = case::judge(Signs::default(), named.status()).filter(|outcome| !outcome.is_red())?;
    Some((outcome, view.text.len() - rest.trim_ascii_start().len()))
}
