//! What a task sees of the machine's files, as layers: pure data that each rung puts into practice its own way.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::process::Task;
use crate::process::sandbox::places;

/// One place that is not as the machine has it. Sorted, an outer place comes before an inner one, so that the deeper
/// path wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Layer {
    pub(super) path: Utf8PathBuf,
    pub(super) kind: Kind,
}

/// What becomes of a place. Of two kinds for one path, the later one here wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Kind {
    /// A folder of devices of which only the harmless ones are there.
    Devices,
    /// An empty folder that can be written and is gone afterwards.
    Private,
    /// An empty folder.
    Cleared,
    /// As it is, to be read.
    Readable,
    /// As it is, to be read and written.
    Writable,
    /// Nothing: an empty folder or file.
    Hidden,
}

/// Tells whether nothing of a layer's place is left when its turn comes, and nothing is laid into it either: an outer
/// layer emptied what is around it.
pub(super) fn is_gone(layer: &Layer, layers: &[Layer]) -> bool {
    let around = layers.iter().rev().find(|outer| outer.path != layer.path && layer.path.starts_with(&outer.path));
    let is_emptied = around.is_some_and(|outer| match outer.kind {
        Kind::Devices | Kind::Private | Kind::Cleared | Kind::Hidden => true,
        Kind::Readable | Kind::Writable => false,
    });
    is_emptied && !layers.iter().any(|inner| inner.path != layer.path && inner.path.starts_with(&layer.path))
}

impl Layer {
    fn new(path: impl Into<Utf8PathBuf>, kind: Kind) -> Self {
        Self { path: path.into(), kind }
    }
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its real path.
    pub(super) path: Utf8PathBuf,
    pub(super) is_socket: bool,
}

/// Plans the layers of a task whose private temporary folder is `temp`. Sockets that someone listens at are hidden.
/// `find` follows a path to what exists.
///
/// Fails with the path of a writable folder, or of the directory to run in, that does not exist.
pub(super) fn plan(
    task: &Task,
    temp: &Utf8Path,
    sockets: &[Utf8PathBuf],
    find: impl Fn(&Utf8Path) -> Option<Found>,
) -> Result<Vec<Layer>, Utf8PathBuf> {
    let real = |path: &Utf8Path| find(path).map(|found| found.path);
    let is_visible = |path: &Utf8PathBuf| find(path).is_some_and(|found| !found.is_socket);
    let sandbox = &task.sandbox;
    let of = |kind| move |path: Utf8PathBuf| Layer::new(path, kind);
    let there = |paths: &[&str]| paths.iter().filter_map(|path| real(Utf8Path::new(path))).collect::<Vec<_>>();
    let must_be = |path: &Utf8PathBuf| real(path).ok_or_else(|| path.clone());

    let mut layers: BTreeSet<Layer> = there(places::PRIVATE).into_iter().map(of(Kind::Private)).collect();
    layers.extend(there(places::CLEARED).into_iter().map(of(Kind::Cleared)));
    layers.extend(there(&["/dev"]).into_iter().map(of(Kind::Devices)));

    layers.extend(credentials(task).iter().chain(sockets).filter_map(|path| real(path)).map(of(Kind::Hidden)));
    for path in &sandbox.writable {
        layers.insert(Layer::new(must_be(path)?, Kind::Writable));
    }
    layers.insert(Layer::new(must_be(&temp.to_owned())?, Kind::Writable));

    let mut readable = vec![must_be(&task.cwd)?];
    readable.extend(there(places::KEPT));
    readable.extend(sandbox.readable.iter().filter_map(|path| real(path)));
    // Under the name it has there: a link in a private folder is as gone as all else in it.
    readable.extend(named(task).filter(|path| is_private(path) && is_visible(path)));
    let readable: Vec<_> = readable.into_iter().filter(|path| is_covered(path, &layers)).collect();
    layers.extend(readable.into_iter().map(of(Kind::Readable)));
    Ok(layers.into_iter().collect())
}

/// Lists where credentials may be.
fn credentials(task: &Task) -> Vec<Utf8PathBuf> {
    let sandbox = &task.sandbox;
    let in_home = sandbox.home.iter().flat_map(|home| places::HIDDEN_IN_HOME.iter().map(|place| home.join(place)));
    let by_variable = places::HIDDEN_BY_VARIABLE.iter().flat_map(move |(variable, place)| {
        let values = task.env.iter().filter(move |(name, value)| name == variable && value.starts_with('/'));
        values.map(move |(_, value)| if place.is_empty() { value.into() } else { Utf8Path::new(value).join(place) })
    });
    let anywhere = places::HIDDEN.iter().map(Utf8PathBuf::from);
    sandbox.hidden.iter().cloned().chain(in_home).chain(by_variable).chain(anywhere).collect()
}

/// Lists the paths that a task's arguments and environment name: its program, its toolchain.
fn named(task: &Task) -> impl Iterator<Item = Utf8PathBuf> {
    let values = task.env.iter().filter(|(name, _)| !places::NOT_KEPT.contains(&name.as_str()));
    let paths = values.flat_map(|(_, value)| value.split(':')).chain(task.argv.iter().map(String::as_str));
    // Spelt without detours, so that it can be told where a path lies.
    let absolute = paths.filter(|path| path.starts_with('/') && !path.contains("/../"));
    absolute.map(|path| Utf8Path::new(path).components().collect())
}

/// Tells whether a path lies inside a private folder, and is not that folder itself.
fn is_private(path: &Utf8Path) -> bool {
    places::PRIVATE.iter().any(|private| path.starts_with(private) && path != Utf8Path::new(private))
}

/// Tells whether the innermost layer around a path, or at it, would keep it from being seen.
fn is_covered(path: &Utf8Path, layers: &BTreeSet<Layer>) -> bool {
    let around = layers.iter().rev().find(|layer| path.starts_with(&layer.path));
    around.is_some_and(|layer| match layer.kind {
        Kind::Private | Kind::Cleared | Kind::Devices | Kind::Hidden => layer.path != path,
        Kind::Readable | Kind::Writable => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::sandbox::Sandbox;

    fn task(cwd: &str, env: &[(&str, &str)]) -> Task {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Task::new(vec!["make".into(), "test".into()], cwd, env)
    }

    /// A machine where everything but `/nowhere` exists.
    fn find(path: &Utf8Path) -> Option<Found> {
        let exists = !path.starts_with("/nowhere");
        exists.then(|| Found { path: path.to_owned(), is_socket: path.extension() == Some("sock") })
    }

    fn check(sandbox: &Sandbox, task: &Task) -> Vec<(String, Kind)> {
        let task = Task { sandbox: sandbox.clone(), ..task.clone() };
        let layers = plan(&task, "/state/run/tmp".into(), &["/srv/agent".into()], find).unwrap();
        assert!(layers.is_sorted());
        layers.into_iter().map(|layer| (layer.path.into_string(), layer.kind)).collect()
    }

    fn kind_of(layers: &[(String, Kind)], path: &str) -> Option<Kind> {
        layers.iter().rev().find(|(own, _)| own == path).map(|(_, kind)| *kind)
    }

    fn sandbox(writable: &[&str]) -> Sandbox {
        let writable = writable.iter().map(Utf8PathBuf::from).collect();
        Sandbox { writable, home: Some("/home/user".into()), ..Sandbox::off() }
    }

    #[test]
    fn credentials_are_hidden_below_the_home_folder_and_by_the_variables_that_move_them() {
        let layers = check(&sandbox(&[]), &task("/", &[("CARGO_HOME", "/opt/cargo")]));
        for path in ["/home/user/.ssh", "/home/user/.npmrc", "/opt/cargo/credentials.toml", "/etc/shadow", "/srv/agent"]
        {
            assert_eq!(kind_of(&layers, path), Some(Kind::Hidden), "{path}");
        }
    }

    #[test]
    fn a_toolchain_in_a_private_folder_stays_readable_and_a_folder_of_sockets_does_not() {
        let env = [
            ("PATH", "/tmp/tools/bin:/usr/bin:/tmp"),
            ("XDG_RUNTIME_DIR", "/tmp/runtime"),
            ("BUS", "unix:path=/tmp/bus"),
            ("AGENT", "/tmp/agent.sock"),
        ];
        let layers = check(&sandbox(&["/tmp/scratch"]), &task("/tmp/scratch/dir", &env));
        assert_eq!(kind_of(&layers, "/tmp"), Some(Kind::Private));
        assert_eq!(kind_of(&layers, "/tmp/tools/bin"), Some(Kind::Readable));
        assert_eq!(kind_of(&layers, "/tmp/scratch"), Some(Kind::Writable));
        for path in ["/usr/bin", "/tmp/runtime", "/tmp/bus", "/tmp/agent.sock", "/tmp/scratch/dir"] {
            assert_eq!(kind_of(&layers, path), None, "{path}");
        }
    }

    #[test]
    fn the_deeper_path_comes_later_and_hiding_wins_over_writing_at_the_same_path() {
        let mut sandbox = sandbox(&["/data/state/slot", "/data/key"]);
        sandbox.hidden = vec!["/data/state".into(), "/data/key".into()];
        let layers = check(&sandbox, &task("/data/state/slot", &[]));
        let at = |path: &str, kind| layers.iter().position(|layer| *layer == (path.to_owned(), kind)).unwrap();
        assert!(at("/data/state", Kind::Hidden) < at("/data/state/slot", Kind::Writable));
        assert_eq!(kind_of(&layers, "/data/key"), Some(Kind::Hidden));
    }

    #[test]
    fn what_stays_readable_in_a_hidden_folder_is_named() {
        let mut sandbox = sandbox(&[]);
        sandbox.hidden = vec!["/data".into()];
        sandbox.readable = vec!["/data/open".into(), "/usr/lib".into(), "/data".into()];
        let layers = check(&sandbox, &task("/", &[]));
        assert_eq!(kind_of(&layers, "/data/open"), Some(Kind::Readable));
        assert_eq!((kind_of(&layers, "/usr/lib"), kind_of(&layers, "/data")), (None, Some(Kind::Hidden)));
    }

    #[test]
    fn a_writable_folder_that_does_not_exist_is_named() {
        let task = Task { sandbox: sandbox(&["/nowhere/build"]), ..task("/", &[]) };
        let missing = plan(&task, "/state/run/tmp".into(), &[], find).unwrap_err();
        assert_eq!(missing, "/nowhere/build");
    }
}
