//! Bytes → text: compression, byte order marks, encodings. It replaces what is not text, and never refuses.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use memchr::memmem;

/// What a format reads: text, and what had to be left out to get it.
pub(super) struct Input<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) complaint: Option<String>,
}

/// What bytes 0x80 to 0x9f mean where Latin-1 is declared; as on the web, that label stands for Windows-1252.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// Makes text of `bytes`; a compressed input grows to at most `inflated_bytes_max` bytes.
pub(super) fn decode(bytes: &[u8], inflated_bytes_max: usize) -> Input<'_> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Input { text: to_text(bytes), complaint: None };
    }
    let mut inflated = Vec::new();
    let limit = u64::try_from(inflated_bytes_max).unwrap_or(u64::MAX);
    let mut decoder = MultiGzDecoder::new(bytes).take(limit);
    let complaint = match decoder.read_to_end(&mut inflated) {
        Err(error) => Some(format!("the compressed data is damaged after {} bytes: {error}", inflated.len())),
        Ok(_) if is_at_limit(decoder) => {
            Some(format!("the compressed data holds more than {limit} bytes; the rest is left out"))
        }
        Ok(_) => None,
    };
    Input { text: Cow::Owned(to_text(&inflated).into_owned()), complaint }
}

fn is_at_limit(decoder: std::io::Take<MultiGzDecoder<&[u8]>>) -> bool {
    decoder.limit() == 0 && decoder.into_inner().read(&mut [0]).is_ok_and(|n| n > 0)
}

fn to_text(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)),
        [b'<', 0, b'?' | b't', 0, ..] => Cow::Owned(utf16(bytes, u16::from_le_bytes)),
        [0, b'<', 0, b'?' | b't', ..] => Cow::Owned(utf16(bytes, u16::from_be_bytes)),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) if declares_latin1(bytes) => Cow::Owned(bytes.iter().map(|&byte| latin1(byte)).collect()),
            Err(_) => String::from_utf8_lossy(bytes),
        },
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
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

    fn check(bytes: &[u8], text: &str) {
        let input = decode(bytes, 1 << 20);
        assert_eq!((input.text.as_ref(), input.complaint), (text, None));
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_encoding_a_producer_was_seen_to_use_becomes_text() {
        check(b"plain", "plain");
        check(b"\xef\xbb\xbfmarked", "marked");
        check(b"\xff\xfe<\0\xe4\0", "<ä");
        check(b"\xfe\xff\0<\0\xe4", "<ä");
        check(b"<\0?\0x\0", "<?x");
        check(b"\0<\0?\0x", "<?x");
        check(b"<?xml version='1.0' encoding='ISO-8859-1'?>\xe4\x80", "<?xml version='1.0' encoding='ISO-8859-1'?>ä€");
        check(b"raw \xff\xfe bytes", "raw \u{fffd}\u{fffd} bytes");
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
    fn a_compressed_report_is_inflated_and_a_bomb_is_not() {
        check(&gzip(b"1..0"), "1..0");
        let bomb = decode(&gzip(&vec![b'x'; 1 << 20]), 1000).complaint;
        assert_eq!(bomb.as_deref(), Some("the compressed data holds more than 1000 bytes; the rest is left out"));
        let mut cut = gzip(&(0..100_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
        cut.truncate(2000);
        assert!(decode(&cut, 1 << 20).complaint.is_some_and(|reason| reason.contains("damaged")));
    }
}
