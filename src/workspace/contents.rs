//! Contents of files, kept once each and named by their hashes.
//!
//! The user goes on editing while tests run; what a scratch copy is restored to must not change meanwhile.

use std::fmt;
use std::io::{Read, Write};
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use xxhash_rust::xxh3::Xxh3;

use crate::workspace::WorkspaceError;

/// The 128-bit XXH3 hash of a file's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ContentHash(u128);

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for ContentHash {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_str(&text)
    }
}

impl FromStr for ContentHash {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

impl ContentHash {
    /// Hashes a file of any size; a symbolic link is followed.
    pub(super) fn of_file(path: &Utf8Path) -> Result<Self, WorkspaceError> {
        Ok(digest(&mut fs::File::open(path)?, &mut std::io::sink())?.0)
    }
}

/// Copies a stream and hashes it on the way.
fn digest(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<(ContentHash, u64)> {
    let mut hash = Xxh3::new();
    let mut buffer = vec![0; 64 << 10];
    let mut n_bytes = 0;
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok((ContentHash(hash.digest128()), n_bytes));
        }
        hash.update(&buffer[..n]);
        to.write_all(&buffer[..n])?;
        n_bytes += n as u64;
    }
}

/// The folder of contents of one project.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    dir: Utf8PathBuf,
}

impl Contents {
    /// Opens the folder below a project's home.
    pub(super) fn open(home: &Utf8Path) -> Result<Self, WorkspaceError> {
        let dir = home.join("contents");
        fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    /// Keeps what a file holds, as it is while it is read.
    pub(super) fn keep(&self, file: &Utf8Path) -> Result<(ContentHash, u64), WorkspaceError> {
        let mut copy = NamedTempFile::new_in(&self.dir)?;
        let (hash, n_bytes) = digest(&mut fs::File::open(file)?, &mut copy)?;
        if !self.holds(hash, n_bytes) {
            let path = self.path(hash);
            fs::create_dir_all(path.parent().unwrap_or(&self.dir))?;
            copy.persist(path).map_err(|error| error.error)?;
        }
        Ok((hash, n_bytes))
    }

    /// Tells whether a content is kept whole. A file that a crash cut short counts as missing.
    pub(super) fn holds(&self, hash: ContentHash, n_bytes: u64) -> bool {
        fs::metadata(self.path(hash)).is_ok_and(|metadata| metadata.len() == n_bytes)
    }

    /// Returns where a content lies.
    pub(super) fn path(&self, hash: ContentHash) -> Utf8PathBuf {
        let name = hash.to_string();
        self.dir.join(&name[..2]).join(&name[2..])
    }

    /// Forgets every content that is not to be retained, and what interrupted sessions left half written.
    pub(super) fn retain(&self, is_needed: impl Fn(ContentHash) -> bool) -> Result<(), WorkspaceError> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
                continue;
            }
            let prefix = entry.file_name();
            for content in fs::read_dir(entry.path())? {
                let content = content?;
                let name = format!("{}{}", prefix.to_string_lossy(), content.file_name().to_string_lossy());
                if !name.parse().is_ok_and(&is_needed) {
                    fs::remove_file(content.path())?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_kept_once_and_found_by_its_hash() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let contents = Contents::open(dir).unwrap();
        fs::write(dir.join("a"), b"\xff\0text").unwrap();
        fs::write(dir.join("b"), b"\xff\0text").unwrap();
        fs::write(dir.join("c"), b"").unwrap();
        let (hash, n_bytes) = contents.keep(&dir.join("a")).unwrap();
        assert_eq!(contents.keep(&dir.join("b")).unwrap(), (hash, 6));
        let (empty, _) = contents.keep(&dir.join("c")).unwrap();
        assert!(contents.holds(hash, n_bytes) && contents.holds(empty, 0) && !contents.holds(hash, 7));
        assert_eq!(fs::read(contents.path(hash)).unwrap(), b"\xff\0text");
        assert_eq!(ContentHash::of_file(&dir.join("a")).unwrap(), hash);
        assert_eq!(hash.to_string().parse::<ContentHash>().unwrap(), hash);
    }

    #[test]
    fn what_is_not_retained_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let contents = Contents::open(dir).unwrap();
        let keep = |text: &str| {
            fs::write(dir.join("file"), text).unwrap();
            contents.keep(&dir.join("file")).unwrap().0
        };
        let (old, new) = (keep("old"), keep("new"));
        fs::write(dir.join("contents/.tmpHalf"), "half").unwrap();
        contents.retain(|hash| hash == new).unwrap();
        assert!(!contents.holds(old, 3) && contents.holds(new, 3));
        assert!(!dir.join("contents/.tmpHalf").exists());
    }
}
