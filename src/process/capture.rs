//! Keeps a stream of any length in bounded memory: its head and its tail.
//!
//! Failures stand at the end, what was run stands at the beginning; a flood in the middle is counted, not kept.

use std::collections::VecDeque;

use memchr::{memchr, memrchr};

/// The head and the tail of a stream of bytes.
#[derive(Debug)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_max: usize,
    tail_max: usize,
    n_dropped: u64,
}

impl Capture {
    /// Makes an empty capture: a third of the bytes for the head, the rest for the tail.
    pub(super) fn new(bytes_max: usize) -> Self {
        let head_max = bytes_max / 3;
        Self { head: Vec::new(), tail: VecDeque::new(), head_max, tail_max: bytes_max - head_max, n_dropped: 0 }
    }

    /// Takes the next bytes of the stream.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(self.head_max - self.head.len()));
        self.head.extend_from_slice(head);
        let (skipped, rest) = rest.split_at(rest.len().saturating_sub(self.tail_max));
        let n_over = (self.tail.len() + rest.len()).saturating_sub(self.tail_max);
        self.tail.drain(..n_over);
        self.tail.extend(rest);
        self.n_dropped += (skipped.len() + n_over) as u64;
    }

    /// Counts the bytes that are not kept, the torn lines at the seam included.
    pub(super) fn n_cut(&self) -> u64 {
        if self.n_dropped == 0 { 0 } else { self.n_dropped + self.seam().1 }
    }

    /// Returns what was kept. Between head and tail stands a line that counts what was cut, and the torn lines on both
    /// sides of it are left out: half a line could be read as a whole one that says something else.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        let n_cut = self.n_cut();
        let ((head_end, tail_start), _) = self.seam();
        let mut bytes = self.head;
        if n_cut > 0 {
            bytes.truncate(head_end);
            self.tail.drain(..tail_start);
            bytes.extend_from_slice(format!("\n[… {n_cut} bytes left out …]\n").as_bytes());
        }
        bytes.extend(self.tail);
        bytes
    }

    /// Finds where the head's last and the tail's first whole lines end and start, if they are near, and counts the
    /// torn bytes between.
    fn seam(&self) -> ((usize, usize), u64) {
        let head_end = memrchr(b'\n', &self.head).filter(|end| end * 2 >= self.head.len()).unwrap_or(self.head.len());
        let (front, back) = self.tail.as_slices();
        let line_start = memchr(b'\n', front).or_else(|| memchr(b'\n', back).map(|at| front.len() + at));
        let tail_start = line_start.map(|end| end + 1).filter(|start| start * 2 <= self.tail.len()).unwrap_or(0);
        ((head_end, tail_start), (self.head.len() - head_end + tail_start) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn capture(chunks: &[&[u8]], bytes_max: usize) -> (Vec<u8>, u64) {
        let mut capture = Capture::new(bytes_max);
        for chunk in chunks {
            capture.push(chunk);
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
    fn a_capture_of_nothing_counts_everything() {
        let (kept, n_cut) = capture(&[b"abc", b"def"], 0);
        assert_eq!(n_cut, 6);
        assert!(String::from_utf8(kept).unwrap().contains("6 bytes"));
    }

    proptest! {
        #[test]
        fn every_byte_is_kept_or_counted(
            chunks in proptest::collection::vec(proptest::collection::vec(0u8..3, 0..40), 0..20),
            bytes_max in 0usize..200,
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
