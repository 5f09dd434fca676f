//! Where the user stands: the tree to heal and the directory inside it.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use xxhash_rust::xxh3::xxh3_64;

use crate::workspace::WorkspaceError;
use crate::workspace::git::Git;

/// The tree under repair and the user's place in it.
#[derive(Clone)]
pub struct Project {
    /// The top of the work tree, without symbolic links; without git the directory itself.
    pub root: Utf8PathBuf,
    /// The directory the user stands in, inside `root`.
    pub dir: Utf8PathBuf,
    /// Whether the tree is a git work tree.
    pub git: bool,
    env: Vec<(String, String)>,
}

impl fmt::Debug for Project {
    /// Leaves out the environment, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Project");
        text.field("root", &self.root).field("dir", &self.dir).field("git", &self.git).finish_non_exhaustive()
    }
}

impl Project {
    /// Finds the project that a directory belongs to. A machine without git has projects without git; a repository that
    /// git refuses to open is an error, because healing it as plain files would heal the wrong ones.
    pub async fn find(dir: &Utf8Path, env: &[(String, String)]) -> Result<Self, WorkspaceError> {
        let dir = fs::canonicalize(dir)?;
        let dir = Utf8PathBuf::from_path_buf(dir).map_err(WorkspaceError::NotUtf8)?;
        if !dir.is_dir() {
            return Err(WorkspaceError::NotADirectory(dir));
        }
        let top_level = Git::at(&dir, env).top_level().await?;
        let git = top_level.is_some();
        let root = match top_level {
            Some(root) => Utf8PathBuf::from_path_buf(fs::canonicalize(root)?).map_err(WorkspaceError::NotUtf8)?,
            None => dir.clone(),
        };
        let env = env.to_vec();
        Ok(Self { root, dir, git, env })
    }

    /// Returns the user's directory relative to the root; empty when they stand at the top.
    pub fn dir_in_root(&self) -> &Utf8Path {
        self.dir.strip_prefix(&self.root).unwrap_or(Utf8Path::new(""))
    }

    /// Returns the folder in which git looks for hooks; `core.hooksPath` is respected.
    pub async fn hooks_dir(&self) -> Result<Utf8PathBuf, WorkspaceError> {
        if !self.git {
            return Err(WorkspaceError::NoRepository(self.root.clone()));
        }
        // Our own git runs without hooks by an option, whose scope is `command`; what counts is what was set before.
        let set = self.git().line(&["config", "--show-scope", "--type=path", "--get-all", "core.hooksPath"]).await?;
        let set = set.unwrap_or_default();
        let mut own = set.lines().filter_map(|line| line.split_once('\t')).filter(|(scope, _)| *scope != "command");
        if let Some((_, path)) = own.next_back() {
            return Ok(self.root.join(path));
        }
        let common = self.git().line(&["rev-parse", "--git-common-dir"]).await?;
        Ok(self.root.join(common.unwrap_or_else(|| ".git".to_owned())).join("hooks"))
    }

    /// Returns git at the root.
    pub(super) fn git(&self) -> Git<'_> {
        Git::at(&self.root, &self.env)
    }

    /// Returns git in a repository inside this one, such as a submodule.
    pub(super) fn git_inside<'a>(&'a self, dir: &'a Utf8Path) -> Git<'a> {
        Git::inside(dir, &self.env)
    }

    /// Returns the file in which git looks for the user's own ignore rules when no other is configured.
    pub(super) fn default_excludes_file(&self) -> Option<String> {
        let variable = |name: &str| {
            let value = self.env.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
            value.filter(|value| !value.is_empty())
        };
        let config = variable("XDG_CONFIG_HOME").map(str::to_owned);
        let config = config.or_else(|| variable("HOME").map(|home| format!("{home}/.config")));
        config.map(|config| format!("{config}/git/ignore"))
    }

    /// Makes and returns the folder of this project's scratch copies, journal and lock below the state folder.
    pub(super) fn home(&self, state_dir: &Utf8Path) -> Result<Utf8PathBuf, WorkspaceError> {
        let home = home_of(&self.root, state_dir);
        fs::create_dir_all(&home)?;
        Utf8PathBuf::from_path_buf(fs::canonicalize(home)?).map_err(WorkspaceError::NotUtf8)
    }
}

pub(super) fn home_of(root: &Utf8Path, state_dir: &Utf8Path) -> Utf8PathBuf {
    let name: String = root.file_name().unwrap_or("root").chars().take(40).collect();
    state_dir.join("scratch").join(format!("{name}-{:016x}", xxh3_64(root.as_str().as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::testing::{Repository, env};

    #[tokio::test]
    async fn the_top_of_the_work_tree_is_found_from_below() {
        let repository = Repository::new().await;
        repository.write("a/b/c.txt", "x");
        let project = Project::find(&repository.root.join("a/b"), &env()).await.unwrap();
        assert_eq!((&project.root, project.git), (&repository.root, true));
        assert_eq!(project.dir_in_root(), "a/b");
    }

    #[tokio::test]
    async fn a_directory_without_git_is_its_own_root() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
        let project = Project::find(&dir, &env()).await.unwrap();
        assert_eq!((&project.root, &project.dir, project.git), (&dir, &dir, false));
        let no_programs = [("PATH".to_owned(), "/nowhere".to_owned())];
        assert!(!Project::find(&dir, &no_programs).await.unwrap().git);
    }

    #[tokio::test]
    async fn a_repository_that_git_cannot_open_is_an_error_and_not_a_plain_directory() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        fs::write(dir.join(".git"), "gitdir: /nowhere/at/all\n").unwrap();
        let error = Project::find(dir, &env()).await.unwrap_err();
        assert!(matches!(error, WorkspaceError::Git { .. }), "{error}");
    }

    #[tokio::test]
    async fn variables_that_redirect_git_are_not_followed() {
        let (own, other) = (Repository::new().await, Repository::new().await);
        let mut env = env();
        env.push(("GIT_DIR".to_owned(), other.root.join(".git").into_string()));
        env.push(("GIT_INDEX_FILE".to_owned(), other.root.join("index").into_string()));
        assert_eq!(Project::find(&own.root, &env).await.unwrap().root, own.root);
    }

    #[test]
    fn two_trees_of_one_name_have_two_homes() {
        assert_ne!(home_of("/a/x".into(), "/s".into()), home_of("/b/x".into(), "/s".into()));
    }

    #[tokio::test]
    async fn a_missing_directory_is_named() {
        let error = Project::find("/no/such/dir".into(), &env()).await.unwrap_err();
        assert!(error.to_string().contains("/no/such/dir"), "{error}");
    }
}
