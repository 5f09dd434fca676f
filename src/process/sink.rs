//! Where the bytes of one stream go: into memory, and to disk when they are too many.

use std::io;
use std::ops::Range;

use camino::Utf8PathBuf;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::process::Task;
use crate::process::capture::Capture;
use crate::process::spill::Spill;

/// The end of one stream.
#[derive(Debug)]
pub(super) struct Sink {
    capture: Capture,
    spill: Option<Spill>,
}

/// What is left of a stream.
#[derive(Debug)]
pub(super) struct Sunk {
    pub(super) bytes: Vec<u8>,
    pub(super) n_cut: u64,
    pub(super) file: Option<Utf8PathBuf>,
}

impl Sink {
    /// Makes the end of the stream of a name.
    pub(super) fn new(task: &Task, name: &str) -> Self {
        let spill = task.spill.as_deref().map(|folder| Spill::new(folder, name));
        Self { capture: Capture::new(task.output_bytes_max), spill }
    }

    /// Reads what is there, and returns it; nothing at the stream's end.
    pub(super) async fn read(&mut self, pipe: &mut (impl AsyncRead + Unpin)) -> io::Result<&[u8]> {
        let n = pipe.read(self.capture.space()).await?;
        let new: Range<usize> = self.capture.advance(n);
        if let Some(spill) = &mut self.spill {
            spill.take(&self.capture, new.clone()).await;
        }
        Ok(self.capture.bytes(new))
    }

    /// Returns what is left once the stream has ended.
    pub(super) fn finish(self) -> Sunk {
        let file = self.spill.and_then(|spill| spill.finish(&self.capture));
        Sunk { n_cut: self.capture.n_cut(), bytes: self.capture.into_bytes(), file }
    }
}
