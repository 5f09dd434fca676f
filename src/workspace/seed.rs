//! Fills a scratch copy with what is ignored and needed: installed dependencies of the user's, build output of copy 0.
//!
//! Only copies are used, never links to the user's directories: tests write into them, and packages that link back into
//! the project would otherwise show the tests the unpatched sources.

use std::collections::HashSet;
use std::fs::Metadata;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::workspace::WorkspaceError;
use crate::workspace::ignored::Ignoring;
use crate::workspace::paths::{check_parents, link_target};
use crate::workspace::synchronise::{finish, remove};

/// The largest ignored directory that is copied from the user's tree, in bytes.
const DIR_BYTES_MAX: u64 = 2 << 30;

/// Directories that any build makes again from the sources.
const CACHES: [&str; 2] = ["__pycache__", "target"];

/// The longest file in which paths are rewritten, in bytes.
const RELOCATED_BYTES_MAX: u64 = 256 << 10;

/// Copies what one scratch tree has and ignores into a new one.
pub(super) fn copy_ignored(from: &Utf8Path, to: &Utf8Path, ignoring: &Ignoring) -> Result<(), WorkspaceError> {
    let (found, _) = ignoring.walk(from);
    let copying = Copying { from, to };
    let known: HashSet<&Utf8Path> = found.iter().map(|found| found.path.as_path()).collect();
    let dirs = found.iter().filter(|found| found.is_dir).map(|found| found.path.as_path());
    for dir in std::iter::once(Utf8Path::new("")).chain(dirs) {
        for path in children(from, dir)? {
            if !known.contains(path.as_path()) {
                fs::create_dir_all(to.join(dir))?;
                copying.mirror(&path)?;
            }
        }
    }
    Ok(())
}

/// Copies the build output of one copy for another.
pub(super) fn copy_build(from: &Utf8Path, to: &Utf8Path) -> Result<(), WorkspaceError> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        let copying = Copying { from, to };
        for path in children(from, Utf8Path::new(""))? {
            copying.mirror(&path)?;
        }
    }
    Ok(())
}

/// Brings the ignored directories of the user's tree that are no caches up to date in a scratch tree, and returns what
/// was left out.
pub(super) fn mirror_dependencies(
    from: &Utf8Path,
    to: &Utf8Path,
    dirs: &[Utf8PathBuf],
) -> Result<Vec<String>, WorkspaceError> {
    let copying = Copying { from, to };
    let mut notes = Vec::new();
    for dir in dirs.iter().filter(|dir| !is_cache(&from.join(dir))) {
        if check_parents(from, dir).is_err() || check_parents(to, dir).is_err() {
            notes.push(format!("{dir} is left out: it lies behind a link"));
        } else if size_up_to(&from.join(dir), DIR_BYTES_MAX) >= DIR_BYTES_MAX {
            notes.push(format!("{dir} is left out: it is larger than {} GiB", DIR_BYTES_MAX >> 30));
        } else {
            fs::create_dir_all(to.join(dir.parent().unwrap_or(dir)))?;
            copying.mirror(dir)?;
        }
    }
    Ok(notes)
}

/// Tells whether a directory says of itself that it can be made again (<https://bford.info/cachedir/>). Virtual
/// environments say so too, and cannot be made again by a test run.
fn is_cache(dir: &Utf8Path) -> bool {
    let is_tagged = dir.join("CACHEDIR.TAG").exists() && !dir.join("pyvenv.cfg").exists();
    is_tagged || dir.file_name().is_some_and(|name| CACHES.contains(&name))
}

/// Adds up the sizes of files, until the sum reaches the limit.
fn size_up_to(path: &Utf8Path, bytes_max: u64) -> u64 {
    let Ok(metadata) = path.symlink_metadata() else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let mut n_bytes = 0;
    for entry in path.read_dir_utf8().into_iter().flatten().flatten() {
        n_bytes += size_up_to(entry.path(), bytes_max - n_bytes);
        if n_bytes >= bytes_max {
            return bytes_max;
        }
    }
    n_bytes
}

/// Lists a directory in the order of names, so that cargo's fingerprints are copied before what they vouch for. Names
/// that are not UTF-8 are left out.
fn children(root: &Utf8Path, dir: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    let mut children: Vec<Utf8PathBuf> =
        fs::read_dir(root.join(dir))?.filter_map(|entry| Some(dir.join(entry.ok()?.file_name().to_str()?))).collect();
    children.sort();
    Ok(children)
}

/// A copy from one tree to another, paths being the same in both.
#[derive(Clone, Copy)]
struct Copying<'a> {
    from: &'a Utf8Path,
    to: &'a Utf8Path,
}

impl Copying<'_> {
    /// Makes a path in the copy what it is in the original; files of the same size and time are taken for equal, what
    /// only the copy has stays. What vanishes meanwhile, or cannot be read, is left out.
    fn mirror(&self, path: &Utf8Path) -> io::Result<()> {
        let Ok(metadata) = self.from.join(path).symlink_metadata() else { return Ok(()) };
        if metadata.is_symlink() {
            self.mirror_link(path)
        } else if metadata.is_dir() {
            self.mirror_dir(path)
        } else if metadata.is_file() {
            self.mirror_file(path, &metadata)
        } else {
            Ok(())
        }
    }

    fn mirror_dir(&self, path: &Utf8Path) -> io::Result<()> {
        let to = self.to.join(path);
        if !to.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            remove(&to)?;
            fs::create_dir_all(&to)?;
        }
        for child in children(self.from, path).unwrap_or_default() {
            self.mirror(&child)?;
        }
        Ok(())
    }

    fn mirror_link(&self, path: &Utf8Path) -> io::Result<()> {
        let (from, to) = (self.from.join(path), self.to.join(path));
        let Ok(target) = from.read_link_utf8() else { return Ok(()) };
        let target = link_target(&target, path, self.from, self.to);
        if to.read_link_utf8().is_ok_and(|found| found == target) {
            return Ok(());
        }
        remove(&to)?;
        fs_err::os::unix::fs::symlink(target, to)
    }

    fn mirror_file(&self, path: &Utf8Path, metadata: &Metadata) -> io::Result<()> {
        let (from, to) = (self.from.join(path), self.to.join(path));
        let relocated = is_relocatable(path, metadata).then(|| self.relocated(&from)).flatten();
        let n_bytes = relocated.as_ref().map_or(metadata.len(), |text| text.len() as u64);
        let modified = metadata.modified()?;
        let is_same = |found: Metadata| {
            found.is_file() && found.len() == n_bytes && found.modified().is_ok_and(|time| time == modified)
        };
        if to.symlink_metadata().is_ok_and(is_same) {
            return Ok(());
        }
        remove(&to)?;
        match relocated {
            Some(text) => fs::write(&to, text)?,
            None => match fs::copy(&from, &to) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
                copied => copied.map(drop)?,
            },
        }
        finish(&to, mode_to_keep(metadata), modified)
    }

    /// Returns the text with paths of the original replaced by those of the copy; `None` when there is nothing to
    /// replace.
    fn relocated(&self, file: &Utf8Path) -> Option<String> {
        let text = fs::read_to_string(file).ok()?;
        text.contains(self.from.as_str()).then(|| replace_root(&text, self.from, self.to))
    }
}

fn mode_to_keep(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o777
}

/// Tells whether a file is one of those by which a Python environment finds itself and what is installed in place:
/// scripts with their interpreter, path files, finders of editable installs.
fn is_relocatable(path: &Utf8Path, metadata: &Metadata) -> bool {
    let name = path.file_name().unwrap_or_default();
    let is_script = path.parent().and_then(Utf8Path::file_name) == Some("bin");
    let is_pointer = matches!(path.extension(), Some("pth" | "egg-link")) || name.starts_with("__editable__");
    (is_script || is_pointer || name == "pyvenv.cfg") && metadata.len() <= RELOCATED_BYTES_MAX
}

/// Replaces a root wherever it stands as a whole path or the start of one.
fn replace_root(text: &str, from: &Utf8Path, to: &Utf8Path) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from.as_str()) {
        let end = at + from.as_str().len();
        let is_whole = !rest[end..].starts_with(|c: char| c.is_alphanumeric() || "-_.+~".contains(c));
        replaced.push_str(&rest[..at]);
        replaced.push_str(if is_whole { to.as_str() } else { from.as_str() });
        rest = &rest[end..];
    }
    replaced + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::testing::{Repository, write};

    async fn sample() -> Repository {
        let repository = Repository::new().await;
        repository.write(".gitignore", "node_modules/\n.venv/\ntarget/\n.cache/\n__pycache__/\n");
        repository.write("packages/own/index.js", "own");
        repository.write("node_modules/dep/index.js", "dep");
        repository.link("node_modules/own", "../packages/own");
        repository.write("target/debug/out", "built");
        repository.write(".cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
        repository.write("packages/own/__pycache__/x.pyc", "x");
        repository
    }

    #[tokio::test]
    async fn dependencies_are_copied_caches_are_not_and_own_packages_are_the_copys() {
        let repository = sample().await;
        let scratch = repository.scratch(0).await;
        assert_eq!(scratch.read("node_modules/dep/index.js".into()).unwrap().unwrap(), "dep");
        assert_eq!(
            scratch.root.join("node_modules/own").canonicalize_utf8().unwrap(),
            scratch.root.join("packages/own")
        );
        for path in ["target", ".cache", "packages/own/__pycache__"] {
            assert!(!scratch.root.join(path).exists(), "{path}");
        }
    }

    #[tokio::test]
    async fn dependencies_follow_the_users_and_what_tests_changed_in_them_is_put_right() {
        let repository = sample().await;
        let scratch = repository.scratch(0).await;
        let root = scratch.root.clone();
        drop(scratch);
        write(&root, "node_modules/dep/index.js", "changed by a test");
        repository.write("node_modules/added/index.js", "added");
        let mut scratch = repository.scratch(0).await;
        assert_eq!(scratch.read("node_modules/dep/index.js".into()).unwrap().unwrap(), "dep");
        assert_eq!(scratch.read("node_modules/added/index.js".into()).unwrap().unwrap(), "added");
        scratch.restore().unwrap();
        assert_eq!(scratch.read("node_modules/added/index.js".into()).unwrap().unwrap(), "added");
    }

    #[tokio::test]
    async fn a_virtual_environment_finds_the_copy_instead_of_the_users_tree() {
        let repository = sample().await;
        let own = &repository.root;
        repository.write(".venv/pyvenv.cfg", "home = /usr/bin\n");
        repository.write(".venv/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
        repository.write(".venv/bin/pytest", format!("#!{own}/.venv/bin/python\n"));
        repository.write(".venv/lib/python3/site-packages/own.pth", format!("{own}/src\n{own}-other/src\n"));
        repository.write(".venv/lib/python3/site-packages/data.txt", format!("{own}/src\n"));
        let scratch = repository.scratch(0).await;
        let read = |path: &str| scratch.read(path.into()).unwrap().unwrap();
        let copy = &scratch.root;
        assert_eq!(read(".venv/bin/pytest"), format!("#!{copy}/.venv/bin/python\n"));
        assert_eq!(read(".venv/lib/python3/site-packages/own.pth"), format!("{copy}/src\n{own}-other/src\n"));
        assert_eq!(read(".venv/lib/python3/site-packages/data.txt"), format!("{own}/src\n"));
        let time = || copy.join(".venv/bin/pytest").metadata().unwrap().modified().unwrap();
        assert_eq!(time(), own.join(".venv/bin/pytest").metadata().unwrap().modified().unwrap());
    }

    #[test]
    fn sizes_are_added_up_to_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        for n in 0..10 {
            write(root, &format!("d{n}/file"), [0; 100]);
        }
        assert_eq!(size_up_to(root, 5000), 1000);
        assert_eq!(size_up_to(root, 250), 250);
    }
}
