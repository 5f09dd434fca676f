//! The files a task may reach, as Landlock rules (landlock(7)).

use std::fs::Metadata;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use landlock::{
    ABI, Access, AccessFs, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags,
};

use crate::process::sandbox::Rung;
use crate::process::sandbox::helper::failed;
use crate::process::sandbox::layout::{Kind, Layer};
use crate::process::sandbox::order::Order;
use crate::process::sandbox::places;

/// The newest version whose restrictions are asked for; what an older kernel lacks stands among the gaps.
const VERSION: ABI = ABI::V9;

/// What may be done with a device that is written and read.
const DEVICE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | WriteFile | Truncate | IoctlDev});

/// Restricts this process and all it starts; returns the version of the kernel's interface.
pub(super) fn restrict(order: &Order) -> Result<i32, String> {
    let ruleset = Ruleset::default().handle_access(AccessFs::from_all(VERSION)).map_err(failed("use Landlock"))?;
    let ruleset = ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal).map_err(failed("use Landlock"))?;
    let mut ruleset = ruleset.create().map_err(failed("use Landlock"))?;
    for (path, access) in rights(order) {
        ruleset = allow(ruleset, &path, access)?;
    }
    let status = ruleset.restrict_self().map_err(failed("enforce Landlock"))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) | (_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) => {
            Err("this kernel has no Landlock".to_owned())
        }
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi as i32),
    }
}

fn allow(ruleset: RulesetCreated, path: &Utf8Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, String> {
    // What is gone meanwhile needs no right.
    let (Ok(metadata), Ok(handle)) = (fs::metadata(path.as_std_path()), PathFd::new(path.as_std_path())) else {
        return Ok(ruleset);
    };
    let access = fitting(access, &metadata);
    ruleset.add_rule(PathBeneath::new(handle, access)).map_err(failed(format!("allow {path}")))
}

/// Leaves out what is said of folders alone.
fn fitting(access: BitFlags<AccessFs>, metadata: &Metadata) -> BitFlags<AccessFs> {
    if metadata.is_dir() { access } else { access & AccessFs::from_file(VERSION) }
}

/// Lists the places and what may be done there.
fn rights(order: &Order) -> Vec<(Utf8PathBuf, BitFlags<AccessFs>)> {
    let (read, all) = (AccessFs::from_read(VERSION), AccessFs::from_all(VERSION));
    let has_own_files = order.rung != Rung::Landlock;
    let mut rights: Vec<(Utf8PathBuf, BitFlags<AccessFs>)> = Vec::new();
    if has_own_files {
        rights.push(("/".into(), read));
    } else {
        // Names can be listed everywhere; a right cannot be taken back further down.
        rights.push(("/".into(), AccessFs::ReadDir.into()));
        let closed = closed(order);
        let readable = order.layers.iter().filter(|layer| layer.kind == Kind::Readable).map(|layer| &layer.path);
        // What is open again inside a closed place; elsewhere it is open anyway.
        let reopened = readable.filter(|path| closed.iter().any(|closed| path.starts_with(closed)));
        let tops = std::iter::once("/".into()).chain(reopened.cloned());
        rights.extend(around(&closed, tops.collect()).into_iter().map(|path| (path, read)));
    }
    for Layer { path, kind } in &order.layers {
        match kind {
            Kind::Writable => rights.push((path.clone(), all)),
            Kind::Private if has_own_files => rights.push((path.clone(), all)),
            Kind::Readable | Kind::Private | Kind::Cleared | Kind::Devices | Kind::Hidden => {}
        }
    }
    rights.extend(places::DEVICES.iter().map(|device| (device.into(), DEVICE)));
    rights.extend(places::TERMINALS.iter().map(|place| (place.into(), DEVICE | AccessFs::ReadDir)));
    rights.push((places::SHARED_MEMORY.into(), all));
    rights
}

/// Lists what may not be read where there is no own view of the files.
fn closed(order: &Order) -> Vec<Utf8PathBuf> {
    let closed = order.layers.iter().filter(|layer| matches!(layer.kind, Kind::Hidden | Kind::Devices));
    closed.map(|layer| layer.path.clone()).collect()
}

/// Lists places that together hold everything below the given folders but what is closed. Links are left out: what they
/// lead to counts.
fn around(closed: &[Utf8PathBuf], mut folders: Vec<Utf8PathBuf>) -> Vec<Utf8PathBuf> {
    let mut open = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = folder.read_dir_utf8() else {
            // A file, or a folder that cannot be listed.
            if !closed.iter().any(|closed| closed.starts_with(&folder)) {
                open.push(folder);
            }
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if is_link || closed.iter().any(|closed| closed == path) {
                continue;
            }
            if closed.iter().any(|closed| closed.starts_with(path)) {
                folders.push(path.to_owned());
            } else {
                open.push(path.to_owned());
            }
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_holds_neither_a_closed_place_nor_a_folder_around_it() {
        let dir = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
        for path in ["home/.ssh", "home/src", "home/.config/gh", "home/.config/git"] {
            fs::create_dir_all(top.join(path)).unwrap();
        }
        fs::write(top.join("home/.netrc"), "x").unwrap();
        fs::write(top.join("home/notes"), "x").unwrap();
        fs_err::os::unix::fs::symlink(top.join("home/.ssh"), top.join("home/link")).unwrap();
        let closed = ["home/.ssh", "home/.config/gh", "home/.netrc"].map(|path| top.join(path));
        let open = around(&closed, vec!["/".into()]);
        let mut inside: Vec<&str> =
            open.iter().filter_map(|path| path.strip_prefix(&top).ok()).map(Utf8Path::as_str).collect();
        inside.sort_unstable();
        assert_eq!(inside, ["home/.config/git", "home/notes", "home/src"]);
        assert!(open.iter().all(|path| !top.starts_with(path)), "a folder around it is open: {open:?}");
        assert!(open.contains(&"/usr".into()));
    }
}
