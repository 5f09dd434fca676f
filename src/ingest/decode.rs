//! Bytes → text, piece by piece: compression, byte order marks, encodings, terminal control sequences and the prefixes
//! of CI job logs. It replaces what is not text, and never refuses.

use std::borrow::Cow;
use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use memchr::{memchr, memmem, memrchr};
use ruzstd::decoding::StreamingDecoder;

use crate::ingest::job_log::{self, Prefix};
use crate::ingest::nextest_record::archive;
use crate::text::ansi;

/// Bytes read at once: small enough for the processor's cache, large enough for the system call not to matter.
const CHUNK: usize = 128 << 10;

/// Bytes that may be held back at the end of a chunk for what goes on in the next: a line, or a control sequence.
const HELD_BACK_MAX: usize = 64 << 10;

/// What bytes 0x80 to 0x9f mean where Latin-1 is declared; as on the web, that label stands for Windows-1252.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// How the bytes stand for characters.
#[derive(Debug, Clone, Copy)]
enum Encoding {
    Utf8,
    Utf16(fn([u8; 2]) -> u16),
    /// UTF-8 as long as it is valid; where it is not, Latin-1.
    Latin1,
}

/// A stream of bytes that is read as text.
pub(super) struct Decoder<'r> {
    bytes: Box<dyn Read + 'r>,
    /// Bytes that may yet be read, compressed ones counted as they are after inflation.
    bytes_left: u64,
    bytes_max: u64,
    /// What was read and not yet decoded.
    raw: Vec<u8>,
    /// Found when the first bytes are there.
    encoding: Option<Encoding>,
    prefix: Option<Prefix>,
    is_at_end: bool,
    /// Bytes read at once.
    chunk: usize,
    complaints: Vec<String>,
}

impl<'r> Decoder<'r> {
    /// Reads text from `bytes`, at most `bytes_max` bytes of it after inflation.
    pub(super) fn new(bytes: impl Read + 'r, bytes_max: u64) -> Self {
        let (raw, complaints) = (Vec::with_capacity(2 * CHUNK), Vec::new());
        let bytes = Box::new(bytes);
        let (encoding, prefix, is_at_end) = (None, None, false);
        Self { bytes, bytes_left: bytes_max, bytes_max, raw, encoding, prefix, is_at_end, chunk: CHUNK, complaints }
    }

    /// Reads plain UTF-8, that many bytes at once.
    #[cfg(test)]
    pub(super) fn in_chunks(self, n_bytes: usize) -> Self {
        Self { chunk: n_bytes, encoding: Some(Encoding::Utf8), ..self }
    }

    /// Appends the next piece of text to `text`; returns `false` at the end.
    pub(super) fn append_to(&mut self, text: &mut String) -> bool {
        if self.encoding.is_none() {
            self.begin();
        }
        while !self.is_at_end {
            self.read_chunk();
            if self.decode(text) {
                return true;
            }
        }
        self.decode(text)
    }

    /// Takes what was found to be wrong with the bytes since the last call.
    pub(super) fn take_complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    /// Reads the first bytes and finds out what they are.
    fn begin(&mut self) {
        self.read_chunk();
        let is_gzip = self.raw.starts_with(&[0x1f, 0x8b]);
        let is_archive = self.raw.starts_with(archive::MAGIC);
        if is_gzip || is_archive || self.raw.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let begun = io::Cursor::new(std::mem::take(&mut self.raw));
            let bytes = std::mem::replace(&mut self.bytes, Box::new(io::empty()));
            let compressed = BufReader::new(begun.chain(bytes));
            self.bytes = if is_gzip {
                Box::new(MultiGzDecoder::new(compressed))
            } else if is_archive {
                Box::new(archive::Recording::new(compressed))
            } else {
                Box::new(Zstd::Compressed(compressed))
            };
            (self.bytes_left, self.is_at_end) = (self.bytes_max, false);
            self.complaints.clear();
            self.read_chunk();
        }
        let (encoding, n_mark) = encoding(&self.raw);
        self.encoding = Some(encoding);
        self.raw.drain(..n_mark);
        let head = &self.raw[..self.raw.len().min(HELD_BACK_MAX)];
        self.prefix = match encoding {
            Encoding::Utf16(unit) => Prefix::find(&text_of_utf16(head, unit)),
            Encoding::Utf8 | Encoding::Latin1 => Prefix::find(&String::from_utf8_lossy(head)),
        };
    }

    /// Reads until there is a chunk's worth of bytes more, or the end.
    fn read_chunk(&mut self) {
        let before = self.raw.len();
        let wanted = self.bytes_left.min(self.chunk as u64);
        let read = (&mut self.bytes).take(wanted).read_to_end(&mut self.raw);
        let n_read = (self.raw.len() - before) as u64;
        self.bytes_left -= n_read;
        if let Err(error) = read {
            let n_read = self.bytes_max - self.bytes_left;
            self.complaints.push(format!("reading stopped after {n_read} bytes: {error}"));
        } else if self.bytes_left == 0 && self.bytes.read(&mut [0]).is_ok_and(|n| n > 0) {
            self.complaints.push(format!("the input holds more than {} bytes; the rest is left out", self.bytes_max));
        }
        self.is_at_end = n_read < self.chunk as u64;
    }

    /// Decodes what can be decoded; tells whether that was anything.
    fn decode(&mut self, text: &mut String) -> bool {
        let before = text.len();
        match self.encoding {
            Some(Encoding::Utf16(unit)) => self.decode_utf16(unit, text),
            encoding => self.decode_bytes(matches!(encoding, Some(Encoding::Latin1)), text),
        }
        text.len() > before
    }

    fn decode_bytes(&mut self, is_latin1: bool, text: &mut String) {
        let end = self.end_of_whole();
        let raw = &self.raw[..end];
        let piece = match std::str::from_utf8(raw) {
            Ok(piece) => Cow::Borrowed(piece),
            Err(_) if is_latin1 => Cow::Owned(raw.iter().map(|&byte| latin1(byte)).collect()),
            Err(_) => String::from_utf8_lossy(raw),
        };
        append(&piece, self.prefix.as_mut(), text);
        self.raw.drain(..end);
    }

    /// Returns up to where the bytes can be decoded by themselves: all at the end, else whole characters, whole control
    /// sequences and, where each line has a prefix, whole lines.
    fn end_of_whole(&self) -> usize {
        let raw = self.raw.as_slice();
        if self.is_at_end {
            return raw.len();
        }
        let near_end = raw.len().saturating_sub(HELD_BACK_MAX);
        let after_line = || {
            let last = near_end + memrchr(b'\n', &raw[near_end..])?;
            // The next line may go on where the last one ends.
            let before = memrchr(b'\n', &raw[near_end..last]).filter(|_| self.prefix.is_some());
            Some(before.map_or(last, |at| near_end + at) + 1)
        };
        let goes_by_lines = self.prefix.is_some() || memchr(0x1b, &raw[near_end..]).is_some();
        if goes_by_lines && let Some(end) = after_line() {
            return end;
        }
        let starts_character = |byte: &u8| *byte < 0x80 || *byte >= 0xc0;
        match raw.iter().rev().take(4).position(starts_character) {
            Some(n_after) if raw[raw.len() - 1 - n_after] >= 0xc0 => raw.len() - 1 - n_after,
            _ => raw.len(),
        }
    }

    fn decode_utf16(&mut self, unit: fn([u8; 2]) -> u16, text: &mut String) {
        let is_half = |pair: &[u8]| (0xd800..0xdc00).contains(&unit([pair[0], pair[1]]));
        let mut n_whole = self.raw.len() & !1;
        if !self.is_at_end && self.raw[..n_whole].chunks_exact(2).next_back().is_some_and(is_half) {
            n_whole -= 2;
        }
        let piece = text_of_utf16(&self.raw[..n_whole], unit);
        self.raw.drain(..if self.is_at_end { self.raw.len() } else { n_whole });
        append(&piece, self.prefix.as_mut(), text);
    }
}

fn text_of_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Appends a piece without control sequences, and without what CI systems put into their logs.
fn append(piece: &str, prefix: Option<&mut Prefix>, text: &mut String) {
    let clean = |piece| job_log::without_sections(ansi::strip(piece));
    let Some(prefix) = prefix else { return text.push_str(&clean(piece)) };
    for line in piece.split_inclusive('\n') {
        let (line, goes_on) = prefix.strip(line);
        if goes_on && let Some(whole) = text.strip_suffix('\n') {
            text.truncate(whole.strip_suffix('\r').unwrap_or(whole).len());
        }
        text.push_str(&clean(line));
    }
}

/// Frames of zstd, one after another.
enum Zstd<R: io::BufRead> {
    /// At the beginning of a frame, or at the end.
    Compressed(R),
    Frame(Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>),
    /// Nothing can be read any more.
    Ended,
}

impl<R: io::BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(self, Self::Ended) {
                Self::Ended => return Ok(0),
                Self::Compressed(mut bytes) => {
                    if bytes.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    let frame = StreamingDecoder::new(bytes).map_err(io::Error::other)?;
                    *self = Self::Frame(Box::new(frame));
                }
                Self::Frame(mut frame) => match frame.read(buffer)? {
                    0 => *self = Self::Compressed(frame.into_inner()),
                    n => {
                        *self = Self::Frame(frame);
                        return Ok(n);
                    }
                },
            }
        }
    }
}

/// Finds the encoding, and the length of the mark that says so.
fn encoding(bytes: &[u8]) -> (Encoding, usize) {
    let (little, big) = (Encoding::Utf16(u16::from_le_bytes), Encoding::Utf16(u16::from_be_bytes));
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
        [0xff, 0xfe, ..] => (little, 2),
        [0xfe, 0xff, ..] => (big, 2),
        [b'<', 0, b'?' | b't', 0, ..] => (little, 0),
        [0, b'<', 0, b'?' | b't', ..] => (big, 0),
        _ if declares_latin1(bytes) => (Encoding::Latin1, 0),
        _ => (Encoding::Utf8, 0),
    }
}

fn latin1(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS_1252.chars().nth(usize::from(byte - 0x80)).unwrap_or(char::REPLACEMENT_CHARACTER),
        _ => char::from(byte),
    }
}

/// Looks for an XML declaration that names Latin-1 or its Windows sibling, near the beginning.
fn declares_latin1(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1024)];
    let Some(start) = memmem::find(head, b"<?xml") else { return false };
    let end = memmem::find(&head[start..], b"?>").map_or(head.len(), |end| start + end);
    let declaration = head[start..end].to_ascii_lowercase();
    let Some(at) = memmem::find(&declaration, b"encoding") else { return false };
    let names: [&[u8]; 4] = [b"iso-8859-1", b"iso8859-1", b"latin1", b"windows-1252"];
    names.iter().any(|name| memmem::find(&declaration[at..], name).is_some())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A reader that gives a few bytes at a time, as a pipe may.
    struct Dribble<'b>(&'b [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(buffer.len());
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn decode(bytes: &[u8], bytes_max: u64) -> (String, Vec<String>) {
        let mut decoder = Decoder::new(Dribble(bytes, 7), bytes_max);
        let mut text = String::new();
        while decoder.append_to(&mut text) {}
        (text, decoder.take_complaints())
    }

    fn check(bytes: &[u8], text: &str) {
        assert_eq!(decode(bytes, 1 << 20), (text.to_owned(), Vec::new()));
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn every_encoding_a_producer_was_seen_to_use_becomes_text() {
        check(b"", "");
        check(b"plain", "plain");
        check(b"\xef\xbb\xbfmarked", "marked");
        check(b"\xff\xfe<\0\xe4\0", "<ä");
        check(b"\xfe\xff\0<\0\xe4", "<ä");
        check(b"<\0?\0x\0", "<?x");
        check(b"\0<\0?\0x", "<?x");
        check(b"<?xml version='1.0' encoding='ISO-8859-1'?>\xe4\x80", "<?xml version='1.0' encoding='ISO-8859-1'?>ä€");
        check(b"raw \xff\xfe bytes", "raw \u{fffd}\u{fffd} bytes");
        check(b"\x1b[31mred\x1b[m\nplain", "red\nplain");
    }

    #[test]
    fn a_declared_encoding_does_not_beat_text_that_is_utf_8() {
        let text = "<?xml version='1.0' encoding='latin1'?>ü";
        check(text.as_bytes(), text);
    }

    #[test]
    fn half_a_character_at_the_end_is_no_reason_to_fail() {
        check(b"\xff\xfe<", "");
        check(b"\xff\xfe\x3d\xd8", "\u{fffd}");
    }

    #[test]
    fn characters_and_colours_across_chunks_stay_whole() {
        for n in 0..8 {
            let text = format!("{}{}", "x".repeat(n), "äöü€𝄞 \u{1b}[31mred\u{1b}[0m\n".repeat(60_000));
            check_long(text.as_bytes(), &ansi::strip(&text));
        }
        let utf16: Vec<u8> = "a𝄞".repeat(200_000).encode_utf16().flat_map(u16::to_le_bytes).collect();
        check_long(&[&[0xff, 0xfe][..], &utf16].concat(), &"a𝄞".repeat(200_000));
    }

    fn check_long(bytes: &[u8], text: &str) {
        let mut decoder = Decoder::new(bytes, 1 << 30);
        let mut decoded = String::new();
        while decoder.append_to(&mut decoded) {}
        assert!(decoded == text, "{} bytes became {}", bytes.len(), decoded.len());
    }

    #[test]
    fn what_ci_systems_put_into_their_logs_is_taken_out() {
        let gitlab = "2024-05-01T12:00:00.123456Z 00O section_start:1716382800:step\r\u{1b}[0K\u{1b}[36;1mRun\u{1b}[0;m\n\
            2024-05-01T12:00:00.123456Z 01O ok 1 - na\n2024-05-01T12:00:00.123456Z 01O+me\r\n2024-05-01T12:00:00.123456Z 01O \n\
            2024-05-01T12:00:00.123456Z 01O+ok 2\n";
        check(gitlab.as_bytes(), "Run\nok 1 - name\r\nok 2\n");
        let buildkite = "\u{1b}_bk;t=1745322209921\u{7}~~~ Running\r\n\u{1b}_bk;t=1745322209922\u{7}ok 1\r\n";
        check(buildkite.as_bytes(), "~~~ Running\r\nok 1\r\n");
        let power_shell: Vec<u8> =
            "\u{feff}j\ts\t2024-05-01T12:00:00.1Z ok 1\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        check(&power_shell, "ok 1\r\n");
    }

    #[test]
    fn lines_that_go_on_are_joined_across_chunks() {
        let line =
            |n: usize| format!("2024-05-01T12:00:00.123456Z 01O ok {n} -\n2024-05-01T12:00:00.123456Z 01O+ name\n");
        let log: String = (0..20_000).map(line).collect();
        check_long(log.as_bytes(), &(0..20_000).map(|n| format!("ok {n} - name\n")).collect::<String>());
    }

    #[test]
    fn compressed_reports_are_inflated_and_bombs_are_not() {
        check(&gzip(b"1..0"), "1..0");
        check(&[gzip(b"1.."), gzip(b"0")].concat(), "1..0");
        check(&zstd(b"1..0"), "1..0");
        check(&[zstd(b"1.."), zstd(b"0")].concat(), "1..0");
        for bomb in [gzip(&vec![b'x'; 1 << 20]), zstd(&vec![b'x'; 1 << 20])] {
            let (text, complaints) = decode(&bomb, 1000);
            assert_eq!(text.len(), 1000);
            assert_eq!(complaints, ["the input holds more than 1000 bytes; the rest is left out"]);
        }
    }

    #[test]
    fn damaged_compression_yields_what_was_read_before() {
        let noise: Vec<u8> = (0..100_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let mut cut = gzip(&noise);
        cut.truncate(2000);
        let (_, complaints) = decode(&cut, 1 << 20);
        assert!(complaints[0].starts_with("reading stopped after"), "{complaints:?}");
        let mut cut = zstd(&noise);
        cut.truncate(200_000);
        assert!(decode(&cut, 1 << 20).1[0].starts_with("reading stopped after"));
    }
}
