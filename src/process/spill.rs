//! Writes a stream that does not fit into memory to disk, as it comes.
//!
//! A stream that fits with room to spare leaves no file. On disk, too, there is a limit: of what is longer, the file holds the beginning,
//! how much is left out, and the end that memory still has.

use std::io::{self, Write};
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use tokio::task::spawn_blocking;

use crate::process::capture::Capture;

/// Largest file of one stream, in bytes, its end excepted.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// The file of one stream.
#[derive(Debug)]
pub(super) struct Spill {
    path: Utf8PathBuf,
    file: Option<fs::File>,
    n_written: u64,
    n_seen: u64,
    bytes_max: u64,
}

impl Spill {
    /// Prepares a file in a folder; neither is made before it is needed.
    pub(super) fn new(folder: &Utf8Path, name: &str) -> Self {
        Self { path: folder.join(name), file: None, n_written: 0, n_seen: 0, bytes_max: FILE_BYTES_MAX }
    }

    /// Takes note of the last `n` bytes of the stream, which are `new` in the capture, and writes what memory is about
    /// to lose. A disk that is full ends the file, not the task.
    pub(super) async fn take(&mut self, capture: &Capture, new: Range<usize>) {
        self.n_seen += new.len() as u64;
        let bytes = match (&self.file, capture.whole()) {
            (None, Some(whole)) if capture.is_full() => whole,
            (None, _) => return,
            (Some(_), _) => capture.bytes(new),
        };
        let n_left = usize::try_from(self.bytes_max - self.n_written).unwrap_or(usize::MAX);
        let bytes = bytes[..bytes.len().min(n_left)].to_vec();
        if bytes.is_empty() {
            return;
        }
        self.n_written += bytes.len() as u64;
        let (path, file) = (self.path.clone(), self.file.take());
        let write = move || {
            let mut file = file.map_or_else(|| create(&path), Ok)?;
            file.write_all(&bytes).map(|()| file)
        };
        match spawn_blocking(write).await {
            Ok(Ok(file)) => self.file = Some(file),
            // Nothing more is written: the file would have a hole that nothing tells of.
            Ok(Err(_)) | Err(_) => self.bytes_max = self.n_written,
        }
    }

    /// Ends the file with what memory has of the stream's end; returns where it is, when there is one.
    pub(super) fn finish(self, capture: &Capture) -> Option<Utf8PathBuf> {
        let (front, back) = capture.tail();
        let n_missing = self.n_seen - self.n_written;
        let n_tail = (front.len() + back.len()) as u64;
        let n_left_out = n_missing.saturating_sub(n_tail);
        let n_known = n_tail.saturating_sub(n_missing);
        let end = write_end(self.file?, [front, back], (n_left_out, n_known));
        end.ok().map(|()| self.path)
    }
}

/// Writes how much is left out, and the end but for what the file knows of it.
fn write_end(mut file: fs::File, end: [&[u8]; 2], (n_left_out, n_known): (u64, u64)) -> io::Result<()> {
    if n_left_out > 0 {
        write!(file, "\n[… {n_left_out} bytes left out …]\n")?;
    }
    let mut n_known = usize::try_from(n_known).unwrap_or(usize::MAX);
    for piece in end {
        file.write_all(&piece[n_known.min(piece.len())..])?;
        n_known = n_known.saturating_sub(piece.len());
    }
    Ok(())
}

fn create(path: &Utf8Path) -> io::Result<fs::File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streams chunks through a capture and a spill of the given sizes; returns the file's text.
    async fn check(stream: &[u8], (capture_max, file_max): (usize, u64)) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap().join("made/when/needed");
        let mut capture = Capture::new(capture_max);
        let mut spill = Spill { bytes_max: file_max, ..Spill::new(&folder, "stdout") };
        for mut chunk in stream.chunks(7) {
            while !chunk.is_empty() {
                let space = capture.space();
                let n = chunk.len().min(space.len());
                space[..n].copy_from_slice(&chunk[..n]);
                let new = capture.advance(n);
                spill.take(&capture, new).await;
                chunk = &chunk[n..];
            }
        }
        let path = spill.finish(&capture)?;
        assert_eq!(path, folder.join("stdout"));
        Some(fs::read_to_string(path).unwrap())
    }

    fn stream() -> String {
        (0..100).map(|n| format!("line {n}\n")).collect()
    }

    #[tokio::test]
    async fn a_stream_that_fits_leaves_no_file() {
        assert_eq!(check(b"short", (100, 1000)).await, None);
    }

    #[tokio::test]
    async fn a_stream_that_does_not_fit_into_memory_is_whole_on_disk() {
        let stream = stream();
        for capture_max in [1, 2, 3, 10, 99, 300, stream.len() - 1] {
            assert_eq!(check(stream.as_bytes(), (capture_max, 1 << 20)).await.unwrap(), stream, "{capture_max}");
        }
    }

    #[tokio::test]
    async fn a_stream_that_does_not_fit_on_disk_has_its_beginning_and_its_end_there() {
        let stream = stream();
        for file_max in [100, 400, stream.len() as u64 - 5] {
            let text = check(stream.as_bytes(), (90, file_max)).await.unwrap();
            assert!(text.starts_with(&stream[..usize::try_from(file_max).unwrap().min(90)]), "{text}");
            assert!(text.ends_with(&stream[stream.len() - 60..]), "{text}");
            let n_missing = stream.len() as u64 - file_max;
            let is_cut = n_missing > 60;
            assert_eq!(
                text.contains(&format!("[… {} bytes left out …]", n_missing.saturating_sub(60))),
                is_cut,
                "{text}"
            );
            assert!(is_cut || text == stream, "{text}");
        }
    }
}
