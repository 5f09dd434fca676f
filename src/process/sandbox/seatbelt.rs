//! The layers in the words of macOS's sandbox profile language, as `sandbox-exec` reads it.

use camino::Utf8Path;

use crate::process::sandbox::layout::{Kind, Layer};
use crate::process::sandbox::places;

/// Words the command that confines a task.
pub(super) fn argv(layers: &[Layer], task: &[String]) -> Vec<String> {
    let own = ["/usr/bin/sandbox-exec".to_owned(), "-p".to_owned(), profile(layers)];
    own.into_iter().chain(task.iter().cloned()).collect()
}

/// Words the profile. Of rules that match, the last one wins.
fn profile(layers: &[Layer]) -> String {
    let mut lines: Vec<String> = [
        "(version 1)",
        "(allow default)",
        "(deny file-write*)",
        "(deny network*)",
        "(allow network* (local ip \"localhost:*\"))",
        "(allow network-outbound (remote ip \"localhost:*\"))",
        "(deny signal)",
        "(allow signal (target same-sandbox))",
        "(deny process-info* (target others))",
        "(deny mach-priv-task-port)",
    ]
    .map(str::to_owned)
    .to_vec();
    let devices = places::DEVICES.iter().chain(places::TERMINALS);
    lines.extend(devices.map(|device| format!("(allow file-write* (subpath {}))", quoted(Utf8Path::new(device)))));
    for Layer { path, kind } in layers {
        let path = quoted(path);
        match kind {
            // There are no private copies of folders: what is not named stays read-only.
            Kind::Devices | Kind::Private | Kind::Cleared => {}
            Kind::Readable => lines.push(format!("(allow file-read* (subpath {path}))")),
            Kind::Writable => {
                lines.push(format!("(allow file* (subpath {path}))"));
                lines.push(format!("(allow network* (subpath {path}))"));
            }
            Kind::Hidden => lines.push(format!("(deny file* (subpath {path}))")),
        }
    }
    lines.join("\n")
}

/// Quotes a path as a string of the profile language, which is a Scheme.
fn quoted(path: &Utf8Path) -> String {
    format!("\"{}\"", path.as_str().replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_denied_after_what_is_allowed_and_the_task_follows_the_profile() {
        let layer = |path: &str, kind| Layer { path: path.into(), kind };
        let layers = [
            layer("/Users/u/.ssh", Kind::Hidden),
            layer("/private/tmp", Kind::Private),
            layer("/work/build", Kind::Writable),
            layer("/work/build/.env", Kind::Hidden),
        ];
        let argv = argv(&layers, &["make".to_owned(), "test".to_owned()]);
        assert_eq!(
            (argv[0].as_str(), &argv[3..]),
            ("/usr/bin/sandbox-exec", &["make".to_owned(), "test".to_owned()][..])
        );
        let at = |text: &str| argv[2].find(text).unwrap_or_else(|| panic!("no {text} in\n{}", argv[2]));
        assert!(at("(deny file-write*)") < at("(allow file* (subpath \"/work/build\"))"));
        assert!(at("(allow file* (subpath \"/work/build\"))") < at("(deny file* (subpath \"/work/build/.env\"))"));
        assert!(at("(deny network*)") < at("(allow network-outbound (remote ip \"localhost:*\"))"));
        assert!(!argv[2].contains("/private/tmp\""));
    }

    #[test]
    fn a_path_cannot_break_out_of_its_string() {
        let layers = [Layer { path: "/a\") (allow default) (\"\\".into(), kind: Kind::Writable }];
        let profile = profile(&layers);
        assert!(profile.contains(r#"(allow file* (subpath "/a\") (allow default) (\"\\"))"#), "{profile}");
    }
}
