//! Keeps a stream of any length in bounded memory: its head and its tail.
//!
//! Failures stand at the end, what was run stands at the beginning; a flood in the middle is counted, not kept.

use std::ops::Range;

use memchr::{memchr, memrchr};

/// Most bytes that are read at once.
const STEP: usize = 256 << 10;

/// The head and the tail of a stream of bytes, which is read straight into it.
#[derive(Debug)]
pub(super) struct Capture {
    /// The head, and behind it a ring that holds the tail.
    bytes: Vec<u8>,
    n_filled: usize,
    /// Where the ring is written next, once everything is filled.
    at: usize,
    head_max: usize,
    bytes_max: usize,
    n_dropped: u64,
}

impl Capture {
    /// Makes an empty capture: a third of the bytes for the head, the rest for the tail; at least one byte.
    pub(super) fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.max(1);
        let head_max = bytes_max / 3;
        Self { bytes: Vec::new(), n_filled: 0, at: head_max, head_max, bytes_max, n_dropped: 0 }
    }

    /// Returns where the next bytes of the stream go; never empty.
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.n_filled < self.bytes_max {
            let end = self.bytes_max.min(self.n_filled + STEP);
            if self.bytes.len() < end {
                self.bytes.resize(end, 0);
            }
            &mut self.bytes[self.n_filled..end]
        } else {
            let end = self.bytes_max.min(self.at + STEP);
            &mut self.bytes[self.at..end]
        }
    }

    /// Takes the first `n` bytes of the space as the next ones of the stream, and returns where they are.
    pub(super) fn advance(&mut self, n: usize) -> Range<usize> {
        if self.n_filled < self.bytes_max {
            self.n_filled += n;
            return self.n_filled - n..self.n_filled;
        }
        let start = self.at;
        self.n_dropped += n as u64;
        self.at = if start + n == self.bytes_max { self.head_max } else { start + n };
        start..start + n
    }

    /// Returns some of the bytes by where they are.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    /// Returns everything from the stream's start while nothing has been dropped.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        (self.n_dropped == 0).then(|| &self.bytes[..self.n_filled])
    }

    /// Tells whether the next byte drops another.
    pub(super) fn is_full(&self) -> bool {
        self.n_filled == self.bytes_max
    }

    /// Counts the bytes that are not kept, the torn lines at the seam included.
    pub(super) fn n_cut(&self) -> u64 {
        if self.n_dropped == 0 { 0 } else { self.n_dropped + self.seam().1 }
    }

    /// Returns the last bytes of the stream, in two pieces: the ring from its oldest byte on, and from its start.
    pub(super) fn tail(&self) -> (&[u8], &[u8]) {
        (
            &self.bytes[self.at.min(self.n_filled)..self.n_filled],
            &self.bytes[self.head_max.min(self.n_filled)..self.at.min(self.n_filled)],
        )
    }

    /// Returns what was kept. Between head and tail stands a line that counts what was cut, and the torn lines on both
    /// sides of it are left out: half a line could be read as a whole one that says something else.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        let n_cut = self.n_cut();
        let ((head_end, tail_start), _) = self.seam();
        self.bytes.truncate(self.n_filled);
        if n_cut > 0 {
            self.bytes[self.head_max..].rotate_left(self.at - self.head_max);
            let marker = format!("\n[… {n_cut} bytes left out …]\n");
            self.bytes.splice(head_end..self.head_max + tail_start, marker.bytes());
        }
        self.bytes
    }

    /// Finds where the head's last and the tail's first whole lines end and start, if they are near, and counts the
    /// torn bytes between.
    fn seam(&self) -> ((usize, usize), u64) {
        let head = &self.bytes[..self.head_max.min(self.n_filled)];
        let (front, back) = self.tail();
        let head_end = memrchr(b'\n', head).filter(|end| end * 2 >= head.len()).unwrap_or(head.len());
        let line_start = memchr(b'\n', front).or_else(|| memchr(b'\n', back).map(|at| front.len() + at));
        let n_tail = front.len() + back.len();
        let tail_start = line_start.map(|end| end + 1).filter(|start| start * 2 <= n_tail).unwrap_or(0);
        ((head_end, tail_start), (head.len() - head_end + tail_start) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn capture(chunks: &[&[u8]], bytes_max: usize) -> (Vec<u8>, u64) {
        let mut capture = Capture::new(bytes_max);
        for chunk in chunks {
            let mut rest = *chunk;
            while !rest.is_empty() {
                let space = capture.space();
                let n = rest.len().min(space.len());
                space[..n].copy_from_slice(&rest[..n]);
                let range = capture.advance(n);
                assert_eq!(capture.bytes(range), &rest[..n]);
                rest = &rest[n..];
            }
        }
        let n_cut = capture.n_cut();
        (capture.into_bytes(), n_cut)
    }

    #[test]
    fn what_fits_is_whole() {
        assert_eq!(capture(&[b"one\n", b"two\n", b"three"], 13), (b"one\ntwo\nthree".to_vec(), 0));
    }

    #[test]
    fn a_long_stream_keeps_whole_lines_of_head_and_tail() {
        let text: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let (kept, n_cut) = capture(&[text.as_bytes()], 300);
        let kept = String::from_utf8(kept).unwrap();
        assert!(kept.starts_with("line 0\n") && kept.ends_with("line 999\n"), "{kept}");
        let marker = format!("[… {n_cut} bytes left out …]");
        for line in kept.lines().filter(|line| *line != marker) {
            assert!(text.lines().any(|whole| whole == line), "torn line {line:?} in {kept}");
        }
        assert!(kept.contains(&marker));
    }

    #[test]
    fn a_capture_of_nearly_nothing_counts_the_rest() {
        let (kept, n_cut) = capture(&[b"abc", b"def"], 0);
        assert_eq!((kept, n_cut), ("\n[… 5 bytes left out …]\nf".into(), 5));
    }

    proptest! {
        #[test]
        fn every_byte_is_kept_or_counted(
            chunks in proptest::collection::vec(proptest::collection::vec(0u8..3, 0..40), 0..20),
            bytes_max in 1usize..200,
        ) {
            let chunks: Vec<Vec<u8>> = chunks.into_iter().map(|c| c.into_iter().map(|b| b"a\nb"[b as usize]).collect()).collect();
            let slices: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let n_all: usize = slices.iter().map(|chunk| chunk.len()).sum();
            let (kept, n_cut) = capture(&slices, bytes_max);
            if n_all <= bytes_max {
                prop_assert_eq!(kept, slices.concat());
                prop_assert_eq!(n_cut, 0);
            } else {
                let n_marker = format!("\n[… {n_cut} bytes left out …]\n").len();
                prop_assert_eq!(kept.len() - n_marker + usize::try_from(n_cut).unwrap(), n_all);
            }
        }
    }
}
