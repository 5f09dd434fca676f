//! Makes a scratch tree equal to a snapshot: what differs is written anew, what is neither its own nor ignored goes.
//!
//! Files that are as they should be are not touched, so that builds stay warm. Tests may have done anything to the
//! tree: links in place of directories, directories in place of files, permissions taken away.

use std::collections::{BTreeSet, HashSet};
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::workspace::clock::Clock;
use crate::workspace::contents::Contents;
use crate::workspace::ignored::Found;
use crate::workspace::paths::{link_target, parents};
use crate::workspace::records::{Record, Records, Stamp};
use crate::workspace::{ContentHash, EntryKind, Snapshot, WorkspaceError};

/// Makes the tree at `root` equal to the snapshot and returns the paths that were not.
pub(super) fn synchronise(
    root: &Utf8Path,
    snapshot: &Snapshot,
    records: &mut Records,
    clock: &mut Clock,
) -> Result<Vec<Utf8PathBuf>, WorkspaceError> {
    let contents = snapshot.contents()?;
    let settled = HashSet::new();
    let mut sync = Synchronising { root, snapshot, contents, records, clock, settled, time: None, changed: Vec::new() };
    sync.settle(Utf8Path::new(""))?;
    for (path, entry) in snapshot.files.iter() {
        sync.put_right(path, &entry.kind)?;
    }
    // Only now are the files that say what is ignored as they should be.
    sync.remove_extras()?;
    let changed = sync.changed;
    records.retain(|path, _| snapshot.files.contains_key(path));
    Ok(changed)
}

struct Synchronising<'a> {
    root: &'a Utf8Path,
    snapshot: &'a Snapshot,
    contents: Contents,
    records: &'a mut Records,
    clock: &'a mut Clock,
    /// Directories that are known to be real and usable.
    settled: HashSet<Utf8PathBuf>,
    /// The time this batch of writes bears, once there is a write.
    time: Option<SystemTime>,
    changed: Vec<Utf8PathBuf>,
}

impl Synchronising<'_> {
    fn put_right(&mut self, path: &Utf8Path, kind: &EntryKind) -> Result<(), WorkspaceError> {
        for parent in parents(path) {
            self.settle(parent)?;
        }
        match kind {
            EntryKind::File { hash, n_bytes, mode } => self.put_file_right(path, *hash, *n_bytes, *mode),
            EntryKind::Link(target) => self.put_link_right(path, target),
        }
    }

    fn put_file_right(
        &mut self,
        path: &Utf8Path,
        hash: ContentHash,
        n_bytes: u64,
        mode: u32,
    ) -> Result<(), WorkspaceError> {
        let full = self.root.join(path);
        let found = fs::symlink_metadata(&full).ok().filter(Metadata::is_file);
        let is_same = |metadata: &Metadata| self.is_as_recorded(path, metadata, hash);
        let holds_same = |metadata: &Metadata| {
            metadata.len() == n_bytes && ContentHash::of_file(&full).is_ok_and(|found| found == hash)
        };
        match found {
            Some(metadata) if is_same(&metadata) && mode_of(&metadata) == mode => return Ok(()),
            Some(metadata) if is_same(&metadata) || holds_same(&metadata) => {
                if mode_of(&metadata) != mode {
                    fs::set_permissions(&full, PermissionsExt::from_mode(mode))?;
                    self.changed.push(path.to_owned());
                }
            }
            _ => {
                remove(&full)?;
                let time = self.time();
                place(&self.contents.path(hash), &full, mode, time)?;
                self.changed.push(path.to_owned());
            }
        }
        let stamp = Stamp::of(&fs::symlink_metadata(&full)?);
        self.records.insert(path.to_owned(), Record { stamp, hash });
        Ok(())
    }

    fn is_as_recorded(&self, path: &Utf8Path, metadata: &Metadata, hash: ContentHash) -> bool {
        self.records.get(path).is_some_and(|record| record.stamp == Stamp::of(metadata) && record.hash == hash)
    }

    fn put_link_right(&mut self, path: &Utf8Path, target: &Utf8Path) -> Result<(), WorkspaceError> {
        let full = self.root.join(path);
        let target = link_target(target, path, &self.snapshot.root, self.root);
        if full.read_link_utf8().is_ok_and(|found| found == target) {
            return Ok(());
        }
        remove(&full)?;
        fs_err::os::unix::fs::symlink(target, full)?;
        self.changed.push(path.to_owned());
        Ok(())
    }

    /// Sees to it that a directory is one, is no link, and may be used.
    fn settle(&mut self, dir: &Utf8Path) -> Result<(), WorkspaceError> {
        if self.settled.contains(dir) {
            return Ok(());
        }
        let full = self.root.join(dir);
        match fs::symlink_metadata(&full) {
            Ok(metadata) if metadata.is_dir() => {
                if mode_of(&metadata) & 0o700 != 0o700 {
                    fs::set_permissions(&full, PermissionsExt::from_mode(0o755))?;
                }
            }
            Ok(_) => {
                fs::remove_file(&full)?;
                fs::create_dir(&full)?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => fs::create_dir_all(&full)?,
            Err(error) => return Err(error.into()),
        }
        self.settled.insert(dir.to_owned());
        Ok(())
    }

    fn remove_extras(&mut self) -> Result<(), WorkspaceError> {
        let dirs: BTreeSet<&Utf8Path> = self.snapshot.files.keys().flat_map(|path| parents(path)).collect();
        let is_extra = |found: &Found| {
            if found.is_dir {
                !dirs.contains(found.path.as_path())
            } else {
                !self.snapshot.files.contains_key(&found.path)
            }
        };
        let (mut found, notes) = self.snapshot.ignoring.walk(self.root);
        if !notes.is_empty() {
            for dir in found.iter().filter(|found| found.is_dir && is_extra(found)) {
                grant(&self.root.join(&dir.path));
            }
            found = self.snapshot.ignoring.walk(self.root).0;
        }
        // What lies in a directory is listed after it, and goes before it.
        let extras: Vec<Found> = found.into_iter().filter(is_extra).rev().collect();
        for extra in extras {
            let full = self.root.join(&extra.path);
            if !extra.is_dir {
                remove(&full)?;
            } else if let Err(error) = fs::remove_dir(&full) {
                if error.kind() == ErrorKind::DirectoryNotEmpty {
                    // It holds what is ignored.
                    continue;
                }
                remove(&full)?;
            }
            self.changed.push(extra.path);
        }
        Ok(())
    }

    fn time(&mut self) -> SystemTime {
        *self.time.get_or_insert_with(|| self.clock.next())
    }
}

fn mode_of(metadata: &Metadata) -> u32 {
    metadata.permissions().mode() & 0o777
}

/// Copies a content to where no file is, and gives it its mode and time.
fn place(content: &Utf8Path, full: &Utf8Path, mode: u32, time: SystemTime) -> io::Result<()> {
    fs::copy(content, full)?;
    finish(full, mode, time)
}

/// Gives a file that was just written its time and its mode.
pub(super) fn finish(full: &Utf8Path, mode: u32, time: SystemTime) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(full)?.set_modified(time)?;
    fs::set_permissions(full, PermissionsExt::from_mode(mode))
}

/// Removes whatever is at a path, whatever its permissions are. Links are removed, not followed; that nothing is there
/// is fine.
pub(super) fn remove(full: &Utf8Path) -> io::Result<()> {
    match remove_once(full) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            full.parent().into_iter().for_each(open_up);
            grant(full);
            remove_once(full)
        }
        result => result,
    }
}

fn remove_once(full: &Utf8Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(full) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if metadata.is_dir() { fs::remove_dir_all(full) } else { fs::remove_file(full) }
}

/// Makes a directory and those in it usable, as far as that is allowed.
fn grant(dir: &Utf8Path) {
    if !dir.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return;
    }
    open_up(dir);
    for entry in dir.read_dir_utf8().into_iter().flatten().flatten() {
        grant(entry.path());
    }
}

fn open_up(dir: &Utf8Path) {
    let _ = fs::set_permissions(dir, PermissionsExt::from_mode(0o700));
}
