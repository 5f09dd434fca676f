//! What was known of files when they were last looked at, so that an unchanged file is not read again.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::workspace::{ContentHash, WorkspaceError};

/// What the file system says of a file without reading it. The change time is in it because nobody can set it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    n_bytes: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            n_bytes: metadata.len(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Tells whether the file had been at rest for so long that a later write must have given it another stamp: clocks
    /// of file systems are coarse.
    pub(super) fn is_settled_at(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        i64::try_from(now).is_ok_and(|now| self.changed.0 + 2 <= now)
    }
}

/// A file's stamp and what it held then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) stamp: Stamp,
    pub(super) hash: ContentHash,
}

/// Records by path.
pub(super) type Records = BTreeMap<Utf8PathBuf, Record>;

/// Reads a record file; a missing one, or one of another version of this program, is as good as an empty one, because
/// whatever has no record is looked at anew.
pub(super) fn load_or_default<T: DeserializeOwned + Default>(path: &Utf8Path) -> T {
    fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Writes a record file in one piece.
pub(super) fn save(path: &Utf8Path, record: &impl Serialize) -> Result<(), WorkspaceError> {
    let bytes = serde_json::to_vec(record).map_err(std::io::Error::from)?;
    let beside = path.with_extension("new");
    fs::write(&beside, bytes)?;
    Ok(fs::rename(beside, path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_being_saved_and_an_unreadable_file_is_as_good_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("seen.json");
        fs::write(&path, "text").unwrap();
        let stamp = Stamp::of(&fs::metadata(&path).unwrap());
        let hash = ContentHash::of_file(&path).unwrap();
        let records = Records::from([("a/b".into(), Record { stamp, hash })]);
        assert_eq!(load_or_default::<Records>(&path), Records::new());
        save(&path, &records).unwrap();
        assert_eq!(load_or_default::<Records>(&path), records);
    }

    #[test]
    fn a_file_changed_a_moment_ago_is_not_settled() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stamp = Stamp::of(&file.path().metadata().unwrap());
        assert!(!stamp.is_settled_at(SystemTime::now()));
        assert!(stamp.is_settled_at(SystemTime::now() + Duration::from_secs(10)));
    }
}
