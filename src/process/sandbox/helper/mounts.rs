//! R4's view of the files: everything read-only, and over it the layers of the order.

use std::io;
use std::os::fd::OwnedFd;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change, mount_remount, move_mount,
    open_tree,
};

use crate::process::sandbox::helper::failed;
use crate::process::sandbox::layout::{Kind, Layer, is_gone};
use crate::process::sandbox::order::Order;
use crate::process::sandbox::places;

/// Most memory that the files of one private folder may take, as tmpfs(5) words it.
const PRIVATE_SIZE: &str = "size=25%";

/// A part of the file tree that was taken hold of before something covers it.
struct Held {
    path: Utf8PathBuf,
    tree: OwnedFd,
}

/// Lays the layers over the machine's files, in the mount namespace of this process, and enters the task's directory.
pub(super) fn lay(order: &Order) -> Result<(), String> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(failed("keep mounts to itself"))?;
    // A tree is held with the mode it has then: what can be written is taken before all becomes read-only.
    let mut held = hold(&order.layers, |kind| kind == Kind::Writable)?;
    let empty = Held::take("/dev/null".into()).map_err(failed("hold /dev/null"))?;
    let devices = hold_devices();
    make_all_read_only()?;
    held.extend(hold(&order.layers, |kind| kind == Kind::Readable)?);
    let layers: Vec<&Layer> = order.layers.iter().filter(|layer| is_laid(layer, &order.layers)).collect();
    for layer in &layers {
        lay_one(layer, &mut held, &empty, &devices).map_err(failed(format!("lay {:?} {}", layer.kind, layer.path)))?;
    }
    // Only now: inner layers needed their places in the empty folders.
    for layer in layers.iter().filter(|layer| matches!(layer.kind, Kind::Hidden | Kind::Cleared)) {
        close(&layer.path).map_err(failed(format!("close {}", layer.path)))?;
    }
    std::env::set_current_dir(order.cwd.as_std_path()).map_err(failed(format!("enter {}", order.cwd)))
}

/// Tells whether there is something to lay.
fn is_laid(layer: &Layer, layers: &[Layer]) -> bool {
    layer.kind != Kind::Hidden || !is_gone(layer, layers)
}

fn lay_one(layer: &Layer, held: &mut Vec<Held>, empty: &Held, devices: &[Held]) -> io::Result<()> {
    let path = layer.path.as_path();
    match layer.kind {
        Kind::Devices => lay_devices(path, devices),
        Kind::Private => lay_empty(path, MountFlags::empty(), &format!("mode=1777,{PRIVATE_SIZE}")),
        Kind::Cleared => lay_empty(path, MountFlags::empty(), "mode=755"),
        Kind::Readable | Kind::Writable => match held.iter().position(|held| held.path == path) {
            Some(at) => held.swap_remove(at).attach(),
            None => Ok(()),
        },
        Kind::Hidden if path.exists() && !path.is_dir() => {
            let tree = empty.again()?;
            Held { path: path.to_owned(), tree }.attach()
        }
        Kind::Hidden => {
            // In an emptied folder it is there for the sake of what it holds.
            fs::create_dir_all(path.as_std_path())?;
            lay_empty(path, MountFlags::empty(), "mode=755")
        }
    }
}

/// Makes an emptied folder read-only; an emptied file is a device, and a place in an emptied folder is gone.
fn close(path: &Utf8Path) -> io::Result<()> {
    if path.is_dir() {
        let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
        mount_remount(path.as_str(), flags, c"")?;
    }
    Ok(())
}

fn lay_empty(path: &Utf8Path, flags: MountFlags, options: &str) -> io::Result<()> {
    let options = std::ffi::CString::new(options)?;
    Ok(mount("tmpfs", path.as_str(), "tmpfs", flags | MountFlags::NOSUID | MountFlags::NODEV, &*options)?)
}

fn hold(layers: &[Layer], is_wanted: impl Fn(Kind) -> bool) -> Result<Vec<Held>, String> {
    let wanted = layers.iter().filter(|layer| is_wanted(layer.kind));
    wanted.map(|layer| Held::take(&layer.path).map_err(failed(format!("hold {}", layer.path)))).collect()
}

impl Held {
    fn take(path: &Utf8Path) -> io::Result<Self> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
        Ok(Self { path: path.to_owned(), tree: open_tree(CWD, path.as_str(), flags)? })
    }

    /// Takes hold of the same tree once more: a held tree can be attached once.
    fn again(&self) -> io::Result<OwnedFd> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        Ok(open_tree(&self.tree, "", flags)?)
    }

    /// Attaches the tree where it was, in whatever covers its place now.
    fn attach(self) -> io::Result<()> {
        let is_dir = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&self.tree)?.st_mode).is_dir();
        if is_dir {
            fs::create_dir_all(self.path.as_std_path())?;
        } else if !self.path.exists() {
            self.path.parent().map(|parent| fs::create_dir_all(parent.as_std_path())).transpose()?;
            fs::File::create(self.path.as_std_path())?;
        }
        Ok(move_mount(&self.tree, "", CWD, self.path.as_str(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
    }
}

/// Takes hold of the harmless devices; one that is missing is missing inside too.
fn hold_devices() -> Vec<Held> {
    places::DEVICES.iter().filter_map(|device| Held::take(Utf8Path::new(device)).ok()).collect()
}

/// Makes a folder of devices as programs expect it: the harmless ones, terminals and shared memory of its own.
fn lay_devices(path: &Utf8Path, devices: &[Held]) -> io::Result<()> {
    lay_empty(path, MountFlags::NOEXEC, &format!("mode=755,{PRIVATE_SIZE}"))?;
    for device in devices {
        Held { path: device.path.clone(), tree: device.again()? }.attach()?;
    }
    let links = [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ];
    for (link, target) in links {
        fs_err::os::unix::fs::symlink(target, path.join(link))?;
    }
    let shared = Utf8Path::new(places::SHARED_MEMORY);
    fs::create_dir(shared)?;
    fs::set_permissions(shared, std::os::unix::fs::PermissionsExt::from_mode(0o1777))?;
    let terminals = path.join("pts");
    fs::create_dir(&terminals)?;
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    Ok(mount("devpts", terminals.as_str(), "devpts", flags, c"newinstance,ptmxmode=0666,mode=0620")?)
}

/// Makes every mount read-only, so that also modes, times and attributes of files stay as they are.
fn make_all_read_only() -> Result<(), String> {
    let table = fs::read("/proc/self/mountinfo").map_err(failed("read the mounts"))?;
    for Mount { path, flags } in mounts(&table) {
        if flags.contains(MountFlags::RDONLY) {
            continue;
        }
        match mount_remount(path.as_slice(), MountFlags::BIND | MountFlags::RDONLY | flags, c"") {
            Ok(()) => {}
            // A mount that cannot be reached by its name cannot be written by it either; Landlock holds everywhere.
            Err(Errno::ACCESS | Errno::NOENT | Errno::INVAL) if path != b"/" => {}
            Err(error) => return Err(format!("make {} read-only: {error}", String::from_utf8_lossy(&path))),
        }
    }
    Ok(())
}

/// One line of the table of mounts.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    path: Vec<u8>,
    flags: MountFlags,
}

/// Reads the table of mounts (proc_pid_mountinfo(5)): of several mounts at one place the last, which covers the others.
fn mounts(table: &[u8]) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for line in table.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == b' ').skip(4);
        let (Some(path), Some(options)) = (fields.next(), fields.next()) else { continue };
        let mount = Mount { path: unescaped(path), flags: flags_of(options) };
        mounts.retain(|other| other.path != mount.path);
        mounts.push(mount);
    }
    mounts
}

/// Reads the options that a remount must name again to keep them.
fn flags_of(options: &[u8]) -> MountFlags {
    const NAMES: &[(&[u8], MountFlags)] = &[
        (b"ro", MountFlags::RDONLY),
        (b"nosuid", MountFlags::NOSUID),
        (b"nodev", MountFlags::NODEV),
        (b"noexec", MountFlags::NOEXEC),
        (b"noatime", MountFlags::NOATIME),
        (b"nodiratime", MountFlags::NODIRATIME),
        (b"relatime", MountFlags::RELATIME),
    ];
    let options = options.split(|byte| *byte == b',');
    options.filter_map(|option| NAMES.iter().find(|(name, _)| *name == option)).map(|(_, flag)| *flag).collect()
}

/// Undoes the kernel's `\ooo` for characters that would end a field.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'\\').then(|| after.get(..3)).flatten();
        let code = code.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_topmost_mount_of_a_place_counts_and_its_name_is_read_as_it_is() {
        let table = b"22 1 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:5 - proc proc rw\n\
                      30 1 8:1 / /mnt/my\\040disk rw,noatime - ext4 /dev/sda1 rw,errors=remount-ro\n\
                      31 1 0:40 / /proc ro,relatime - tmpfs none rw\n\
                      torn line\n";
        let (proc, disk) = (MountFlags::RDONLY | MountFlags::RELATIME, MountFlags::NOATIME);
        let expected =
            [Mount { path: b"/mnt/my disk".to_vec(), flags: disk }, Mount { path: b"/proc".to_vec(), flags: proc }];
        assert_eq!(mounts(table), expected);
    }

    #[test]
    fn a_backslash_that_begins_no_number_stays() {
        assert_eq!(unescaped(b"a\\134b\\9\\"), b"a\\b\\9\\");
    }

    proptest! {
        #[test]
        fn any_table_is_read(table in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = mounts(&table);
        }
    }
}
