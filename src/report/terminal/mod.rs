//! Talk for people on standard error, and the diff of each proven patch on standard output.
//!
//! On a terminal a status line shows what is being done; elsewhere each step is a line. Colour only repeats what the
//! words say.

mod lines;
mod status;

use crate::model::Event;
use crate::report::terminal::status::Status;
use crate::report::{Data, Look, ReportError, Reporter, Streams, Tap, Wanted};
use crate::text::harmless;

struct Terminal {
    talk: Tap,
    diffs: Option<Tap>,
    look: Look,
    status: Status,
}

#[expect(clippy::unnecessary_wraps, reason = "the family shares one signature")]
pub(super) fn make(wanted: &Wanted, streams: &mut Streams) -> Result<Option<Box<dyn Reporter>>, ReportError> {
    let talk: Box<dyn std::io::Write + Send> =
        if wanted.talk { streams.take_talk() } else { Box::new(std::io::sink()) };
    Ok(Some(Box::new(Terminal {
        talk: Tap::new(talk),
        diffs: (wanted.data == Data::Diffs).then(|| Tap::new(streams.take_data())),
        look: streams.look,
        status: Status::new(wanted.talk && streams.interactive),
    })))
}

impl Reporter for Terminal {
    fn hear(&mut self, event: &Event) {
        if let Event::StepStarted { what } = event
            && self.status.shows(what)
        {
            return;
        }
        if let Event::Judged { origin, verdict, .. } = event
            && !verdict.is_plausible()
            && self.status.shows(&format!("tried {origin}: {verdict}"))
        {
            return;
        }
        self.status.hide();
        self.talk.put(lines::of(event).as_bytes());
        if let (Event::Proven { diff, .. }, Some(diffs)) = (event, &mut self.diffs) {
            diffs.put(looking(diff, self.look).as_bytes());
        }
    }

    fn complaint(&self) -> Option<String> {
        self.talk.complaint.clone().or_else(|| self.diffs.as_ref()?.complaint.clone())
    }
}

/// Returns a diff as it is shown. For a person, characters that would hide or move text are shown as escapes.
fn looking(diff: &str, look: Look) -> String {
    match look {
        Look::Exact => diff.to_owned(),
        Look::Plain => harmless::revealed(diff),
        Look::Coloured => harmless::revealed(diff).split_inclusive('\n').map(lines::diff_line).collect(),
    }
}
