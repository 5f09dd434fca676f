//! Paths of project files: inside the project, not through links, not into version control.

use std::collections::HashMap;
use std::io::ErrorKind;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::workspace::WorkspaceError;

/// Refuses a path that is not of the form `a/b/c`, or that has a component called `.git` in any case.
pub(super) fn check(path: &Utf8Path) -> Result<(), WorkspaceError> {
    let is_plain = |component| match component {
        Utf8Component::Normal(name) => !name.eq_ignore_ascii_case(".git") && !name.contains('\0'),
        _ => false,
    };
    let is_normal = path.components().collect::<Utf8PathBuf>().as_str() == path.as_str();
    if is_normal && !path.as_str().is_empty() && path.components().all(is_plain) {
        Ok(())
    } else {
        Err(WorkspaceError::Outside(path.to_owned()))
    }
}

/// Refuses a path below `root` of which an existing directory is in truth a symbolic link or a file. The path itself
/// may be anything.
pub(super) fn check_parents(root: &Utf8Path, path: &Utf8Path) -> Result<(), WorkspaceError> {
    for parent in parents(path) {
        match fs::symlink_metadata(root.join(parent)) {
            Ok(metadata) if metadata.is_symlink() => return Err(WorkspaceError::Symlink(path.to_owned())),
            Ok(metadata) if !metadata.is_dir() => return Err(WorkspaceError::NotADirectory(parent.to_owned())),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Returns the directories above a relative path, outermost first, without the empty one.
pub(super) fn parents(path: &Utf8Path) -> Vec<&Utf8Path> {
    let mut parents: Vec<&Utf8Path> = path.ancestors().skip(1).filter(|parent| !parent.as_str().is_empty()).collect();
    parents.reverse();
    parents
}

/// Remembers which directories below a root are real, so that each is looked at once.
pub(super) struct RealDirs<'a> {
    root: &'a Utf8Path,
    known: HashMap<Utf8PathBuf, bool>,
}

impl<'a> RealDirs<'a> {
    pub(super) fn new(root: &'a Utf8Path) -> Self {
        Self { root, known: HashMap::new() }
    }

    /// Tells whether every directory above the path exists and is no symbolic link.
    pub(super) fn hold(&mut self, path: &Utf8Path) -> bool {
        let Some(parent) = path.parent().filter(|parent| !parent.as_str().is_empty()) else { return true };
        if let Some(is_real) = self.known.get(parent) {
            return *is_real;
        }
        let is_dir = || fs::symlink_metadata(self.root.join(parent)).is_ok_and(|metadata| metadata.is_dir());
        let is_real = is_dir() && self.hold(parent);
        self.known.insert(parent.to_owned(), is_real);
        is_real
    }
}

/// Returns where a symbolic link at `path` of a copy must point, so that it means what the one in the original means:
/// links within the project stay within the copy, links out of it lead to what they led to.
pub(super) fn link_target(target: &Utf8Path, path: &Utf8Path, original: &Utf8Path, copy: &Utf8Path) -> Utf8PathBuf {
    if target.is_absolute() {
        return match target.strip_prefix(original) {
            Ok(inner) => copy.join(inner),
            Err(_) => target.to_owned(),
        };
    }
    let mut depth = path.components().count() - 1;
    for component in target.components() {
        match component {
            Utf8Component::ParentDir if depth == 0 => {
                return original.join(path.parent().unwrap_or(Utf8Path::new(""))).join(target);
            }
            Utf8Component::ParentDir => depth -= 1,
            Utf8Component::Normal(_) => depth += 1,
            Utf8Component::CurDir | Utf8Component::RootDir | Utf8Component::Prefix(_) => {}
        }
    }
    target.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_plain_relative_paths_are_project_files() {
        for good in ["a", "a/b.rs", ".github/x", "a/.gitignore", "é"] {
            assert!(check(good.into()).is_ok(), "{good}");
        }
        for bad in ["", "/", "/a", "..", "a/..", "../a", "./a", "a//b", "a/", "a/./b", ".git", "a/.GIT/config", "a\0b"]
        {
            assert!(check(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_through_a_link_or_a_file_is_refused_and_a_missing_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        fs::create_dir(root.join("real")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        fs_err::os::unix::fs::symlink("/tmp", root.join("real/link")).unwrap();
        assert!(check_parents(root, "real/a/b".into()).is_ok());
        assert!(check_parents(root, "real/link".into()).is_ok());
        assert!(matches!(check_parents(root, "real/link/a".into()), Err(WorkspaceError::Symlink(_))));
        assert!(matches!(check_parents(root, "file/a".into()), Err(WorkspaceError::NotADirectory(_))));
        let mut real = RealDirs::new(root);
        assert!(real.hold("x".into()) && real.hold("real/x".into()));
        assert!(!real.hold("real/link/x".into()) && !real.hold("real/link/x/y".into()) && !real.hold("no/x".into()));
    }

    #[test]
    fn links_mean_in_the_copy_what_they_meant_in_the_original() {
        let target = |target: &str, path: &str| link_target(target.into(), path.into(), "/own".into(), "/copy".into());
        assert_eq!(target("b", "a"), "b");
        assert_eq!(target("../b", "d/a"), "../b");
        assert_eq!(target("/own/x/y", "a"), "/copy/x/y");
        assert_eq!(target("/usr/bin/x", "a"), "/usr/bin/x");
        assert_eq!(target("../sibling", "a"), "/own/../sibling");
        assert_eq!(target("../../sibling", "d/a"), "/own/d/../../sibling");
        assert_eq!(target("x/../../../b", "d/a"), "/own/d/x/../../../b");
    }

    proptest! {
        #[test]
        fn an_accepted_path_stays_below_the_root(path in "[a./~\\\\ ]{0,12}") {
            if check(Utf8Path::new(&path)).is_ok() {
                prop_assert!(Utf8Path::new("/r").join(&path).starts_with("/r"));
                prop_assert!(!path.split('/').any(|name| name.is_empty() || name == "." || name == ".."));
            }
        }
    }
}
