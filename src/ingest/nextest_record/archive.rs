//! Nextest's portable recording as the JSON lines of its log, followed by one such line for each output.
//!
//! The recording is a zip archive that holds the compressed log and a second archive with the outputs. Both are read from
//! beginning to end as they come, by the headers before their files; their directories, which stand at the end, are not
//! looked at. An archive around it, as CI systems put around what is uploaded, is opened too; of any other archive there is
//! nothing to read. What the files are is described in nextest's documentation ("Portable recordings").

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::bufread::DeflateDecoder;
use ruzstd::decoding::{Dictionary, FrameDecoder, StreamingDecoder};

use crate::text::cap;

/// How a zip archive begins.
pub(in crate::ingest) const MAGIC: &[u8] = b"PK\x03\x04";

/// How what follows a file of unknown size begins, and a frame of zstd.
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
const FRAME: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Compressed bytes of an output that are read, inflated bytes of it, and what is kept of these.
const OUTPUT_READ_MAX: u64 = 16 << 20;
const OUTPUT_INFLATED_MAX: u64 = 16 << 20;
const OUTPUT_KEPT_MAX: usize = 256 << 10;

/// The size of a dictionary, which nextest makes of some kilobytes.
const DICTIONARY_MAX: u64 = 1 << 20;

/// Archives that are opened inside archives.
const DEPTH_MAX: usize = 4;

/// Zip's numbers for ways to compress.
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const ZSTD: u16 = 93;

type Input<'r> = BufReader<Box<dyn Read + 'r>>;

/// The lines of a recording.
pub(in crate::ingest) struct Recording<'r> {
    state: State<'r>,
    outputs: FrameDecoder,
    /// Bytes of a line that are yet to be read.
    line: Cursor<Vec<u8>>,
    depth: usize,
}

enum State<'r> {
    /// Before a file, or after the last.
    Between(Input<'r>),
    /// In the log.
    Log(Box<StreamingDecoder<Input<'r>, FrameDecoder>>, Entry),
    Ended,
}

/// The header of a file.
#[derive(Debug)]
struct Entry {
    name: String,
    method: u16,
    /// Its size in the archive; `None` where it only stands after the file.
    size: Option<u64>,
    /// Whether sizes have eight bytes.
    is_zip64: bool,
}

impl<'r> Recording<'r> {
    /// Reads an archive from its beginning on.
    pub(in crate::ingest) fn new(bytes: impl Read + 'r) -> Self {
        let input: Box<dyn Read + 'r> = Box::new(bytes);
        let (state, line) = (State::Between(BufReader::new(input)), Cursor::default());
        Self { state, outputs: FrameDecoder::new(), line, depth: 0 }
    }

    /// Reads the next file, as far as it is one to be read.
    fn enter(&mut self, mut input: Input<'r>) -> io::Result<State<'r>> {
        let Some(entry) = Entry::read(&mut input)? else { return Ok(State::Ended) };
        let is_archive = has_extension(&entry.name, "zip");
        match (entry.name.as_str(), entry.method, entry.size) {
            ("run.log.zst", STORED, _) => Ok(State::Log(Box::new(frame(input)?), entry)),
            (_, STORED, _) if is_archive => Ok(State::Between(input)),
            (_, DEFLATED, _) if is_archive && self.depth < DEPTH_MAX => {
                self.depth += 1;
                let inner: Box<dyn Read + 'r> = Box::new(DeflateDecoder::new(input));
                Ok(State::Between(BufReader::new(inner)))
            }
            (name, ZSTD, Some(size)) if name.starts_with("meta/") && has_extension(name, "dict") => {
                self.add_dictionary(&mut input, size)?;
                Ok(State::Between(input))
            }
            (name, STORED, Some(size)) if name.starts_with("out/") => {
                self.read_output(&name["out/".len()..], &mut input, size)?;
                Ok(State::Between(input))
            }
            (_, _, Some(size)) => {
                skip(&mut input, size)?;
                Ok(State::Between(input))
            }
            (name, _, None) => Err(io::Error::other(format!("the size of {name} in the archive is not known"))),
        }
    }

    fn add_dictionary(&mut self, input: &mut Input<'r>, size: u64) -> io::Result<()> {
        let mut compressed = input.take(size);
        let mut dictionary = Vec::new();
        let read = frame(&mut compressed).and_then(|frame| frame.take(DICTIONARY_MAX).read_to_end(&mut dictionary));
        let left = compressed.limit();
        skip(input, left)?;
        // The decoder takes the tables of a dictionary for granted.
        let decoded = catch_unwind(|| Dictionary::decode_dict(&dictionary).ok()).ok().flatten();
        if let Some(decoded) = decoded.filter(|_| read.is_ok()) {
            self.outputs.add_dict(decoded).map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Makes a line of an output; one that is damaged has none.
    fn read_output(&mut self, name: &str, input: &mut Input<'r>, size: u64) -> io::Result<()> {
        let mut compressed = Vec::new();
        input.take(size.min(OUTPUT_READ_MAX)).read_to_end(&mut compressed)?;
        skip(input, size.saturating_sub(OUTPUT_READ_MAX))?;
        let outputs = &mut self.outputs;
        let inflate = || {
            let mut output = Vec::new();
            let frame = StreamingDecoder::new_with_decoder(compressed.as_slice(), outputs).ok()?;
            frame.take(OUTPUT_INFLATED_MAX).read_to_end(&mut output).ok()?;
            Some(output)
        };
        let Some(output) = catch_unwind(AssertUnwindSafe(inflate)).ok().flatten() else { return Ok(()) };
        let output = cap::head_and_tail(&String::from_utf8_lossy(&output), OUTPUT_KEPT_MAX);
        let mut line = serde_json::json!({ "output-file": name, "output": output }).to_string().into_bytes();
        line.push(b'\n');
        self.line = Cursor::new(line);
        Ok(())
    }
}

impl Read for Recording<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.line.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(0),
                State::Between(input) => self.enter(input)?,
                State::Log(mut log, entry) => {
                    let n = log.read(buffer)?;
                    if n > 0 {
                        self.state = State::Log(log, entry);
                        return Ok(n);
                    }
                    let mut input = log.into_inner();
                    let next = input.fill_buf()?;
                    if next.starts_with(FRAME) {
                        State::Log(Box::new(frame(input)?), entry)
                    } else {
                        if next.starts_with(DESCRIPTOR) {
                            skip(&mut input, if entry.is_zip64 { 24 } else { 16 })?;
                        }
                        State::Between(input)
                    }
                }
            };
        }
    }
}

impl Entry {
    /// Reads the header of the next file; `None` at the directory behind the files, or where there is no more.
    fn read(input: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut magic = [0; 4];
        let is_header = input.read_exact(&mut magic).is_ok() && magic == MAGIC;
        if !is_header {
            return Ok(None);
        }
        let mut fixed = [0; 26];
        input.read_exact(&mut fixed)?;
        let word = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
        let mut name = vec![0; usize::from(word(22))];
        input.read_exact(&mut name)?;
        let mut extra = vec![0; usize::from(word(24))];
        input.read_exact(&mut extra)?;
        let size = u64::from(u32::from_le_bytes([fixed[14], fixed[15], fixed[16], fixed[17]]));
        let long_size = zip64_size(&extra);
        let is_known = word(2) & 0b1000 == 0;
        let size = if size == u64::from(u32::MAX) { long_size } else { Some(size) };
        let name = String::from_utf8_lossy(&name).into_owned();
        Ok(Some(Self { name, method: word(4), size: size.filter(|_| is_known), is_zip64: long_size.is_some() }))
    }
}

/// Returns the size in the archive from the part of a header that holds sizes of eight bytes.
fn zip64_size(extra: &[u8]) -> Option<u64> {
    let mut rest = extra;
    while let [id_low, id_high, size_low, size_high, after @ ..] = rest {
        let size = usize::from(u16::from_le_bytes([*size_low, *size_high]));
        let data = after.get(..size)?;
        if u16::from_le_bytes([*id_low, *id_high]) == 1 {
            return data.get(8..16).and_then(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)));
        }
        rest = &after[size..];
    }
    None
}

fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| found.eq_ignore_ascii_case(extension))
}

fn frame<R: Read>(input: R) -> io::Result<StreamingDecoder<R, FrameDecoder>> {
    StreamingDecoder::new(input).map_err(io::Error::other)
}

/// Reads past `n` bytes, or to the end.
fn skip(input: &mut impl Read, n: u64) -> io::Result<()> {
    io::copy(&mut input.take(n), &mut io::sink()).map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn compress(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    /// A file of an archive: with its size before it, or behind it.
    fn file(name: &str, method: u16, data: &[u8], is_size_known: bool) -> Vec<u8> {
        let size = if is_size_known { u32::try_from(data.len()).unwrap() } else { 0 };
        let mut bytes = MAGIC.to_vec();
        bytes.extend([45, 0, if is_size_known { 0 } else { 8 }, 8]);
        bytes.extend(method.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(size.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes.extend(data);
        if !is_size_known {
            bytes.extend(DESCRIPTOR);
            bytes.extend([0; 12]);
        }
        bytes
    }

    fn recording() -> Vec<u8> {
        let store = [
            file("meta/stdout.dict", ZSTD, &compress(b"no dictionary"), true),
            file("out/1-stdout", STORED, &compress(b"printed \xff\n"), true),
            file("out/2-stdout", STORED, b"no frame", true),
            file("out/3-stderr", STORED, &compress(b"said"), true),
            b"PK\x01\x02".to_vec(),
        ]
        .concat();
        let log = [compress(b"{\"a\":1}\n"), compress(b"{\"b\":2}\n")].concat();
        [
            file("manifest.json", STORED, b"{}", true),
            file("run.log.zst", STORED, &log, false),
            file("store.zip", STORED, &store, false),
            b"PK\x01\x02".to_vec(),
        ]
        .concat()
    }

    const LINES: &str = "{\"a\":1}\n{\"b\":2}\n{\"output\":\"printed \u{fffd}\\n\",\"output-file\":\"1-stdout\"}\n\
        {\"output\":\"said\",\"output-file\":\"3-stderr\"}\n";

    fn read(bytes: &[u8]) -> String {
        let mut text = String::new();
        Recording::new(bytes).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn the_log_comes_first_and_then_the_outputs_that_are_whole() {
        assert_eq!(read(&recording()), LINES);
    }

    #[test]
    fn an_archive_around_a_recording_is_opened() {
        assert_eq!(read(&file("run.zip", STORED, &recording(), false)), LINES);
        let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        deflate.write_all(&recording()).unwrap();
        assert_eq!(read(&file("run.zip", DEFLATED, &deflate.finish().unwrap(), false)), LINES);
    }

    #[test]
    fn another_archive_holds_nothing_to_read() {
        assert_eq!(read(&file("a.txt", STORED, b"text", true)), "");
        let error = Recording::new(&file("a.txt", DEFLATED, b"text", false)[..]).read_to_end(&mut Vec::new());
        assert_eq!(error.unwrap_err().to_string(), "the size of a.txt in the archive is not known");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn damaged_archives_come_to_an_end(at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
            let mut bytes = recording();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
            }
            let _ = Recording::new(bytes.as_slice()).take(1 << 20).read_to_end(&mut Vec::new());
        }
    }
}
