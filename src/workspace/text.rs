//! Reads files as text, within a size and never from anything but a regular file.

use std::io::{ErrorKind, Read};

use camino::Utf8Path;
use fs_err as fs;

use crate::workspace::WorkspaceError;
use crate::workspace::paths::{check, check_parents};

/// The largest file that is read as text, in bytes.
pub(super) const TEXT_BYTES_MAX: u64 = 4 << 20;

/// Reads the text of the file `full`, called `path` in errors. Links are followed.
pub(super) fn text_of(full: &Utf8Path, path: &Utf8Path) -> Result<String, WorkspaceError> {
    // Opening a pipe would wait for a writer, so the kind is asked first.
    if !fs::metadata(full)?.is_file() {
        return Err(WorkspaceError::NotAFile(path.to_owned()));
    }
    let file = fs::File::open(full)?;
    let n_bytes = file.metadata()?.len();
    let mut bytes = Vec::new();
    let n_read = file.take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes)? as u64;
    if n_read > TEXT_BYTES_MAX {
        return Err(WorkspaceError::TooLarge { path: path.to_owned(), n_bytes, bytes_max: TEXT_BYTES_MAX });
    }
    String::from_utf8(bytes).map_err(|_| WorkspaceError::Binary(path.to_owned()))
}

/// Reads the text of a project file that is to be changed; `None` when there is none. No link is followed.
pub(super) fn text_to_change(root: &Utf8Path, path: &Utf8Path) -> Result<Option<String>, WorkspaceError> {
    check(path)?;
    check_parents(root, path)?;
    let full = root.join(path);
    match fs::symlink_metadata(&full) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
        Ok(metadata) if metadata.is_symlink() => Err(WorkspaceError::Symlink(path.to_owned())),
        Ok(_) => text_of(&full, path).map(Some),
    }
}

/// Fails unless the file's text is the one a change was made for.
pub(super) fn check_text(root: &Utf8Path, path: &Utf8Path, before: Option<&str>) -> Result<(), WorkspaceError> {
    match text_to_change(root, path) {
        Ok(text) if text.as_deref() == before => Ok(()),
        Ok(_) | Err(WorkspaceError::Binary(_) | WorkspaceError::TooLarge { .. } | WorkspaceError::NotAFile(_)) => {
            Err(WorkspaceError::Stale(path.to_owned()))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_readable_text_is_refused_by_kind() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        fs::write(root.join("binary"), b"\xff").unwrap();
        fs::write(root.join("large"), vec![b'a'; usize::try_from(TEXT_BYTES_MAX).unwrap() + 1]).unwrap();
        fs::write(root.join("most"), vec![b'a'; usize::try_from(TEXT_BYTES_MAX).unwrap()]).unwrap();
        fs::create_dir(root.join("dir")).unwrap();
        fs_err::os::unix::fs::symlink("most", root.join("link")).unwrap();
        let read = |path: &str| text_to_change(root, path.into());
        assert!(matches!(read("binary"), Err(WorkspaceError::Binary(_))));
        assert!(matches!(read("large"), Err(WorkspaceError::TooLarge { .. })));
        assert!(matches!(read("dir"), Err(WorkspaceError::NotAFile(_))));
        assert!(matches!(read("link"), Err(WorkspaceError::Symlink(_))));
        assert!(matches!(read("../x"), Err(WorkspaceError::Outside(_))));
        assert_eq!(read("most").unwrap().unwrap().len() as u64, TEXT_BYTES_MAX);
        assert_eq!(read("none/at/all").unwrap(), None);
        assert!(matches!(check_text(root, "binary".into(), None), Err(WorkspaceError::Stale(_))));
    }
}
