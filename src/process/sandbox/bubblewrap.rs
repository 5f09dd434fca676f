//! The layers in bubblewrap's words (bwrap(1)).

use camino::Utf8Path;

use crate::process::sandbox::layout::{Kind, Layer, is_gone};
use crate::process::sandbox::order::Order;

/// Where bubblewrap may be installed. It is not looked for by `PATH`, which may name a project's folder.
const PROGRAMS: &[&str] = &["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap", "/run/current-system/sw/bin/bwrap"];

/// Finds bubblewrap.
pub(super) fn find() -> Option<&'static str> {
    PROGRAMS.iter().copied().find(|program| Utf8Path::new(program).exists())
}

/// Words the arguments by which bubblewrap makes the namespaces and lays the layers; what it is to run follows them.
/// The report and the helper can be reached too, wherever they are. `is_dir` tells folders from files.
pub(super) fn arguments(order: &Order, is_dir: impl Fn(&Utf8Path) -> bool) -> Vec<String> {
    let layers = &order.layers;
    let namespaces = ["--unshare-user", "--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent"];
    let mut words: Vec<String> = namespaces.map(str::to_owned).to_vec();
    words.extend(["--cap-drop", "ALL", "--ro-bind", "/", "/", "--proc", "/proc"].map(str::to_owned));
    for layer @ Layer { path, kind } in layers {
        let path = path.as_str();
        let layer: &[&str] = match kind {
            Kind::Devices => &["--dev", path, "--perms", "1777", "--tmpfs", "/dev/shm"],
            Kind::Private => &["--perms", "1777", "--tmpfs", path],
            Kind::Cleared => &["--tmpfs", path],
            Kind::Readable => &["--ro-bind", path, path],
            Kind::Writable => &["--bind", path, path],
            Kind::Hidden if is_gone(layer, layers) => &[],
            Kind::Hidden if is_dir(path.into()) => &["--tmpfs", path],
            Kind::Hidden => &["--ro-bind", "/dev/null", path],
        };
        words.extend(layer.iter().map(|word| (*word).to_owned()));
    }
    // Only now: inner layers needed their places in the empty folders.
    for Layer { path, .. } in layers.iter().filter(|layer| is_closed(layer, layers) && is_dir(&layer.path)) {
        words.extend(["--remount-ro", path.as_str()].map(str::to_owned));
    }
    let (report, helper) = (order.report.as_str(), order.helper.as_str());
    words.extend(["--bind", report, report, "--ro-bind", helper, helper].map(str::to_owned));
    words.extend(["--chdir", order.cwd.as_str(), "--"].map(str::to_owned));
    words
}

/// Tells whether a layer is a folder that was emptied for good.
fn is_closed(layer: &Layer, layers: &[Layer]) -> bool {
    match layer.kind {
        Kind::Cleared => true,
        Kind::Hidden => !is_gone(layer, layers),
        Kind::Devices | Kind::Private | Kind::Readable | Kind::Writable => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::sandbox::order::Stage;
    use crate::process::sandbox::{Limits, Rung};

    #[test]
    fn layers_are_worded_in_their_order_and_hidden_files_become_empty() {
        let layer = |path: &str, kind| Layer { path: path.into(), kind };
        let layers = [
            layer("/dev", Kind::Devices),
            layer("/home/user/.netrc", Kind::Hidden),
            layer("/home/user/.ssh", Kind::Hidden),
            layer("/run", Kind::Cleared),
            layer("/run/docker.sock", Kind::Hidden),
            layer("/tmp", Kind::Private),
            layer("/tmp/scratch", Kind::Writable),
        ];
        let order = Order {
            rung: Rung::Bubblewrap,
            stage: Stage::Outer,
            cwd: "/tmp/scratch".into(),
            layers: layers.to_vec(),
            limits: Limits::default(),
            report: "/tmp/run/report".into(),
            parent: 1,
            helper: "/opt/heal".into(),
        };
        let words = arguments(&order, |path| path.ends_with(".ssh") || path == "/run");
        let expected = "--unshare-user --unshare-net --unshare-pid --unshare-ipc --die-with-parent --cap-drop ALL \
                        --ro-bind / / --proc /proc --dev /dev --perms 1777 --tmpfs /dev/shm \
                        --ro-bind /dev/null /home/user/.netrc --tmpfs /home/user/.ssh --tmpfs /run \
                        --perms 1777 --tmpfs /tmp --bind /tmp/scratch /tmp/scratch \
                        --remount-ro /home/user/.ssh --remount-ro /run \
                        --bind /tmp/run/report /tmp/run/report --ro-bind /opt/heal /opt/heal --chdir /tmp/scratch --";
        assert_eq!(words.join(" "), expected);
    }
}
