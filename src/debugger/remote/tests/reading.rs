//! Bodies and streams read without a server: cut, damaged, arbitrary.

use proptest::prelude::{any, prop, proptest};

use super::*;
use crate::debugger::remote::reply::{Heard, Reply};
use crate::debugger::remote::sse::{EventReader, Framing};
use crate::debugger::remote::wording::wording;

/// Listens to a stream; `None` unless it says that it is complete.
fn heard(dialect: Dialect, bytes: &[u8]) -> Option<Reply> {
    let framing = if dialect == Dialect::Ollama { Framing::Lines } else { Framing::Events };
    let (mut events, mut reply) = (EventReader::new(framing), Reply::default());
    for event in events.push(bytes).ok()? {
        match wording(dialect).hear(&event, &mut reply).ok()? {
            Heard::EndMark => return Some(reply),
            Heard::More => {}
        }
    }
    None
}

#[test]
fn a_stream_cut_anywhere_is_not_complete() {
    for good in GOOD.iter().filter(|good| good.stream) {
        let text = good.body.trim_end();
        assert!(heard(good.dialect, format!("{text}\n\n").as_bytes()).is_some());
        for end in 0..=text.len() {
            assert_eq!(heard(good.dialect, &text.as_bytes()[..end]), None, "cut at {end}");
        }
    }
}

proptest! {
    #[test]
    fn bodies_and_streams_are_read_whatever_they_hold(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for dialect in Dialect::ALL {
            let _ = wording(dialect).read(&bytes);
            let _ = heard(dialect, &bytes);
        }
    }

    #[test]
    fn damaged_bodies_and_streams_are_read_without_panic(
        n in 0..GOOD.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = GOOD[n].body.as_bytes().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = wording(GOOD[n].dialect).read(&bytes);
        let _ = heard(GOOD[n].dialect, &bytes);
    }
}
