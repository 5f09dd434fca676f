//! Reads the events of a stream from bytes as they arrive: server-sent ones (WHATWG HTML, "Server-sent events"), or a
//! JSON document a line. It bounds nothing: the client does, by the bytes it feeds in.

use std::str::Utf8Error;

/// One event: its name, empty when it has none, and its data lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: String,
}

/// How a stream is parted into events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events.
    #[default]
    Events,
    /// A line each.
    Lines,
}

/// What has arrived of a stream and is not an event yet.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    framing: Framing,
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    after_return: bool,
    n_lines: u64,
}

impl EventReader {
    pub(super) fn new(framing: Framing) -> Self {
        Self { framing, ..Self::default() }
    }

    /// Takes the next bytes and returns the events they complete. What the stream ends within is no event.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Utf8Error> {
        let mut events = Vec::new();
        let mut rest = bytes;
        if !rest.is_empty() && std::mem::take(&mut self.after_return) && rest[0] == b'\n' {
            rest = &rest[1..];
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            self.line.extend_from_slice(&rest[..end]);
            let n_ended = match &rest[end..] {
                [b'\r', b'\n', ..] => 2,
                [b'\r'] => {
                    self.after_return = true;
                    1
                }
                _ => 1,
            };
            rest = &rest[end + n_ended..];
            events.extend(self.end_line()?);
        }
        self.line.extend_from_slice(rest);
        Ok(events)
    }

    fn end_line(&mut self) -> Result<Option<Event>, Utf8Error> {
        let bytes = std::mem::take(&mut self.line);
        let mut line = std::str::from_utf8(&bytes)?;
        self.n_lines += 1;
        if self.n_lines == 1 {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if self.framing == Framing::Lines {
            let event = Event { name: String::new(), data: line.to_owned() };
            return Ok((!line.trim().is_empty()).then_some(event));
        }
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return Ok(std::mem::take(&mut self.has_data).then_some(event));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            // Comments (an empty field), `id`, `retry`, and what the standard may add.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, any, prop, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    fn read(chunks: &[&[u8]]) -> Vec<(String, String)> {
        let mut reader = EventReader::default();
        let events = chunks.iter().flat_map(|chunk| reader.push(chunk).unwrap());
        events.map(|event| (event.name, event.data)).collect()
    }

    const STREAM: &[u8] =
        "\u{feff}: hello\n\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\nid: 7\rdata: {\"é\": \"✔\"}\r\rdata\n\nevent: lost\n\ndata: cut"
            .as_bytes();

    #[test]
    fn events_are_the_same_wherever_the_bytes_are_split() {
        let whole = read(&[STREAM]);
        let expected = [("a", "1\n2"), ("", "{\"é\": \"✔\"}"), ("", "")];
        assert_eq!(whole, expected.map(|(name, data)| (name.to_owned(), data.to_owned())));
        for at in 0..=STREAM.len() {
            assert_eq!(read(&[&STREAM[..at], &STREAM[at..]]), whole, "split at {at}");
        }
        let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(read(&bytes), whole);
    }

    #[test]
    fn a_stream_of_lines_has_an_event_a_line() {
        let mut reader = EventReader::new(Framing::Lines);
        let mut events = reader.push(b"{\"a\":1}\r\n\n{\"b\"").unwrap();
        events.extend(reader.push(b":2}\n{cut").unwrap());
        let data: Vec<&str> = events.iter().map(|event| event.data.as_str()).collect();
        assert_eq!(data, ["{\"a\":1}", "{\"b\":2}"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error() {
        assert!(EventReader::default().push(b"data: \xff\n\n").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_alike_in_any_pieces(bytes in prop::collection::vec(prop_oneof![
            Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'), any::<u8>()], 0..80), at in 0..80_usize) {
            let at = at.min(bytes.len());
            let (mut whole, mut pieces) = (EventReader::default(), EventReader::default());
            let first = pieces.push(&bytes[..at]);
            let read = whole.push(&bytes);
            if let (Ok(mut first), Ok(read)) = (first, read) {
                first.extend(pieces.push(&bytes[at..]).unwrap());
                prop_assert_eq!(first, read);
            }
        }
    }
}
