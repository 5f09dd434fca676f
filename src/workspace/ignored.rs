//! Walks what version control would not ignore, in a tree that need not have one.
//!
//! Scratch copies carry no `.git`, so the rules that are not files of the tree are brought along.

use camino::{Utf8Path, Utf8PathBuf};
use ignore::WalkBuilder;
use ignore::gitignore::GitignoreBuilder;

use crate::workspace::{Project, WorkspaceError};

/// Directories that are never looked into where no version control says what to ignore.
const BUILD_DIRS: [&str; 2] = ["node_modules", "target"];

/// What is ignored in a tree.
#[derive(Debug, Clone)]
pub(super) enum Ignoring {
    /// What `.gitignore` files say, and these lines of the repository's and the user's own.
    Git(Vec<String>),
    /// Folders of build output.
    BuildDirs,
}

/// One file or directory below the walked root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: Utf8PathBuf,
    pub(super) is_dir: bool,
}

impl Ignoring {
    /// Learns what a project ignores.
    pub(super) async fn of(project: &Project) -> Result<Self, WorkspaceError> {
        if !project.git {
            return Ok(Self::BuildDirs);
        }
        let git = project.git();
        let own = git.line(&["rev-parse", "--git-path", "info/exclude"]).await?;
        let user = git.line(&["config", "--type=path", "--get", "core.excludesFile"]).await?;
        let user = user.or_else(|| project.default_excludes_file());
        let files = [user, own].into_iter().flatten().map(|path| project.root.join(path));
        let texts = files.filter_map(|path| fs_err::read(path).ok());
        let lines = |text: Vec<u8>| String::from_utf8_lossy(&text).lines().map(str::to_owned).collect::<Vec<_>>();
        Ok(Self::Git(texts.flat_map(lines).collect()))
    }

    /// Lists what is not ignored, directories before what is in them, links not followed; what is in version control's
    /// own folder is listed like anything else. Also returns what could not be read or named.
    pub(super) fn walk(&self, root: &Utf8Path) -> (Vec<Found>, Vec<String>) {
        let mut walk = WalkBuilder::new(root);
        walk.standard_filters(false).follow_links(false).sort_by_file_name(Ord::cmp);
        match self {
            Self::Git(lines) => {
                walk.git_ignore(true).require_git(false);
                let mut builder = GitignoreBuilder::new(root);
                for line in lines {
                    // A line that is no pattern is ignored, as git does.
                    let _ = builder.add_line(None, line);
                }
                let Ok(own) = builder.build() else { return (Vec::new(), vec![format!("the rules of {root}")]) };
                walk.filter_entry(move |entry| {
                    !own.matched(entry.path(), entry.file_type().is_some_and(|kind| kind.is_dir())).is_ignore()
                });
            }
            Self::BuildDirs => {
                walk.filter_entry(|entry| !entry.file_name().to_str().is_some_and(|name| BUILD_DIRS.contains(&name)));
            }
        }
        sort_out(walk.build(), root)
    }
}

/// Returns the build folders directly in the given directories.
pub(super) fn build_dirs(root: &Utf8Path, dirs: impl Iterator<Item = Utf8PathBuf>) -> Vec<Utf8PathBuf> {
    let candidates = dirs.flat_map(|dir| BUILD_DIRS.map(|name| dir.join(name)));
    let is_dir = |path: &Utf8PathBuf| root.join(path).symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    candidates.filter(is_dir).collect()
}

fn sort_out(walk: ignore::Walk, root: &Utf8Path) -> (Vec<Found>, Vec<String>) {
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                notes.push(error.to_string());
                continue;
            }
        };
        let path = Utf8Path::from_path(entry.path()).and_then(|path| path.strip_prefix(root).ok());
        match path {
            Some(path) if path.as_str().is_empty() => {}
            Some(path) => {
                found
                    .push(Found { path: path.to_owned(), is_dir: entry.file_type().is_some_and(|kind| kind.is_dir()) });
            }
            None => notes.push(format!("{} is not UTF-8", entry.path().display())),
        }
    }
    (found, notes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fs_err as fs;

    fn tree(paths: &[&str]) -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        for path in paths {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), "").unwrap();
        }
        (dir, root)
    }

    fn files(ignoring: &Ignoring, root: &Utf8Path) -> Vec<String> {
        let (found, notes) = ignoring.walk(root);
        assert_eq!(notes, Vec::<String>::new());
        found.into_iter().filter(|found| !found.is_dir).map(|found| found.path.into_string()).collect()
    }

    #[test]
    fn nested_rules_and_those_brought_along_are_followed() {
        let (_dir, root) = tree(&["a.rs", "a.log", "x/keep.log", "x/b.tmp", "target/o", ".hidden/f", "own/f"]);
        fs::write(root.join(".gitignore"), "*.log\n/target/\n").unwrap();
        fs::write(root.join("x/.gitignore"), "!keep.log\n").unwrap();
        let ignoring = Ignoring::Git(vec!["*.tmp".into(), "# note".into(), "/own/".into()]);
        assert_eq!(files(&ignoring, &root), [".gitignore", ".hidden/f", "a.rs", "x/.gitignore", "x/keep.log"]);
    }

    #[test]
    fn without_git_only_build_folders_are_left_out() {
        let (_dir, root) = tree(&["a", "b/target/x", "node_modules/y", "c/z.log"]);
        fs::write(root.join(".gitignore"), "*.log\n").unwrap();
        assert_eq!(files(&Ignoring::BuildDirs, &root), [".gitignore", "a", "c/z.log"]);
        let dirs = build_dirs(&root, ["", "b", "c"].map(Utf8PathBuf::from).into_iter());
        assert_eq!(dirs, ["node_modules", "b/target"]);
    }
}
