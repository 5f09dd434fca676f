//! Asks git, through plumbing alone, without trusting what the repository configures.
//!
//! No hook, file system monitor, pager, credential prompt or network fetch is ever started, no lock is taken and
//! nothing is refreshed: the user's index stays byte for byte as it is.

use std::path::PathBuf;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::process::{Cancel, Ending, Finished, SpawnError, Task, run};
use crate::workspace::WorkspaceError;

/// The longest listing that is read, in bytes.
const OUTPUT_BYTES_MAX: usize = 1 << 30;

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_mins(5);

/// What is put before every subcommand. Options given here win over every configuration file.
const GUARDS: [&str; 14] = [
    "--no-pager",
    "--literal-pathspecs",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.untrackedCache=false",
    "-c",
    "core.splitIndex=false",
    "-c",
    "protocol.allow=never",
    "-c",
    "submodule.recurse=false",
];

/// The variables of the user's that git may see: what it needs to find programs, the user's configuration and the
/// limits of its search. Those that redirect it, as a hook's do, are not among them.
const VARIABLES: [&str; 11] = [
    "PATH",
    "HOME",
    "XDG_CONFIG_HOME",
    "TMPDIR",
    "SUDO_UID",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_COUNT",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
];

/// Git in one directory.
#[derive(Clone, Copy)]
pub(super) struct Git<'a> {
    dir: &'a Utf8Path,
    env: &'a [(String, String)],
    is_inside: bool,
    index: Option<&'a Utf8Path>,
}

impl<'a> Git<'a> {
    /// Git in a directory, which searches its repository upwards.
    pub(super) fn at(dir: &'a Utf8Path, env: &'a [(String, String)]) -> Self {
        Self { dir, env, is_inside: false, index: None }
    }

    /// Git in the top of a repository that lies inside another, which it never takes for its own.
    pub(super) fn inside(dir: &'a Utf8Path, env: &'a [(String, String)]) -> Self {
        Self { is_inside: true, ..Self::at(dir, env) }
    }

    /// Git with an index file of its own in place of the user's.
    pub(super) fn with_index(self, index: &'a Utf8Path) -> Self {
        Self { index: Some(index), ..self }
    }

    /// Returns the directory git runs in.
    pub(super) fn dir(&self) -> &Utf8Path {
        self.dir
    }

    /// Returns the top of the work tree; `None` where there is no repository, or no git.
    pub(super) async fn top_level(&self) -> Result<Option<PathBuf>, WorkspaceError> {
        let arguments = ["rev-parse", "--show-toplevel"];
        let finished = match self.finish(&arguments, Vec::new()).await {
            Err(WorkspaceError::Spawn(SpawnError::NotFound { .. })) => return Ok(None),
            finished => finished?,
        };
        if finished.ending == Ending::Exited(128)
            && finished.stderr.starts_with(b"fatal: not a git repository (or any ")
        {
            return Ok(None);
        }
        let output = self.output(&arguments, finished)?;
        let path = output.strip_suffix(b"\n").unwrap_or(&output);
        Ok(Some(path_of(path)))
    }

    /// Runs a subcommand and returns what it printed.
    pub(super) async fn bytes(&self, arguments: &[&str]) -> Result<Vec<u8>, WorkspaceError> {
        self.bytes_for(arguments, Vec::new()).await
    }

    /// Runs a subcommand with an input and returns what it printed.
    pub(super) async fn bytes_for(&self, arguments: &[&str], stdin: Vec<u8>) -> Result<Vec<u8>, WorkspaceError> {
        let finished = self.finish(arguments, stdin).await?;
        self.output(arguments, finished)
    }

    /// Runs a subcommand that answers with one line, and with exit code 1 when it has no answer.
    pub(super) async fn line(&self, arguments: &[&str]) -> Result<Option<String>, WorkspaceError> {
        let finished = self.finish(arguments, Vec::new()).await?;
        if finished.ending == Ending::Exited(1) {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&self.output(arguments, finished)?).trim_end_matches('\n').to_owned();
        Ok(Some(line).filter(|line| !line.is_empty()))
    }

    /// Returns the id of the commit that a revision names.
    pub(super) async fn commit(&self, rev: &str) -> Result<Option<String>, WorkspaceError> {
        let wanted = format!("{rev}^{{commit}}");
        self.line(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]).await
    }

    async fn finish(&self, arguments: &[&str], stdin: Vec<u8>) -> Result<Finished, WorkspaceError> {
        let own = self.is_inside.then_some(["--git-dir=.git", "--work-tree=."]).into_iter().flatten();
        let argv = ["git"].into_iter().chain(GUARDS).chain(own).chain(arguments.iter().copied());
        let argv = argv.map(str::to_owned).collect();
        let task = Task {
            stdin,
            timeout: TIMEOUT,
            output_bytes_max: OUTPUT_BYTES_MAX,
            ..Task::new(argv, self.dir, self.environment())
        };
        Ok(run(&task, &Cancel::default()).await?)
    }

    fn environment(&self) -> Vec<(String, String)> {
        let is_config_pair = |name: &str| name.starts_with("GIT_CONFIG_KEY_") || name.starts_with("GIT_CONFIG_VALUE_");
        let kept = self.env.iter().filter(|(name, _)| VARIABLES.contains(&name.as_str()) || is_config_pair(name));
        let own = [
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("LC_ALL", "C"),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let index = self.index.map(|index| ("GIT_INDEX_FILE".to_owned(), index.to_string()));
        kept.cloned().chain(own).chain(index).collect()
    }

    fn output(&self, arguments: &[&str], finished: Finished) -> Result<Vec<u8>, WorkspaceError> {
        let message = match finished.ending {
            Ending::Exited(0) if finished.n_bytes_cut == 0 => return Ok(finished.stdout),
            Ending::Exited(0) => "its answer is too long".to_owned(),
            Ending::Exited(_) => String::from_utf8_lossy(&finished.stderr).trim().to_owned(),
            Ending::Signalled(signal) => format!("it was ended by signal {signal}"),
            Ending::TimedOut | Ending::Idle | Ending::Cancelled => "it took too long".to_owned(),
        };
        let command = arguments.iter().find(|argument| !argument.starts_with('-')).copied().unwrap_or_default();
        Err(WorkspaceError::Git { command: command.to_owned(), dir: self.dir.to_owned(), message })
    }
}

/// Makes a path of the bytes git printed.
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

/// Splits what git printed with `-z`: the paths, and those that are not UTF-8, made readable.
pub(super) fn split_paths(output: &[u8]) -> (Vec<Utf8PathBuf>, Vec<String>) {
    let (mut paths, mut unreadable) = (Vec::new(), Vec::new());
    for path in output.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
        match str::from_utf8(path) {
            Ok(path) => paths.push(path.into()),
            Err(_) => unreadable.push(String::from_utf8_lossy(path).into_owned()),
        }
    }
    (paths, unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::testing::{Repository, env};
    use fs_err as fs;

    #[tokio::test]
    async fn what_a_repository_configures_is_not_run() {
        let repository = Repository::new().await;
        repository.write("a", "1");
        repository.commit_all("one").await;
        let trap = repository.state.with_file_name("trap");
        let script = repository.state.with_file_name("script");
        fs::write(&script, format!("#!/bin/sh\ntouch {trap}\n")).unwrap();
        fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for name in ["core.fsmonitor", "core.pager", "diff.external", "core.sshCommand"] {
            repository.git(&["config", name, script.as_str()]).await;
        }
        repository.write("a", "2");
        let env = env();
        let git = Git::at(&repository.root, &env);
        git.bytes(&["ls-files", "-z", "--others", "--exclude-standard"]).await.unwrap();
        git.bytes(&["diff-index", "-z", "--raw", "HEAD"]).await.unwrap();
        assert!(!trap.exists());
        // The trap is a working one: git without guards falls into it.
        repository.git(&["status"]).await;
        assert!(trap.exists());
    }

    #[tokio::test]
    async fn a_failure_names_the_command_and_says_what_git_said() {
        let repository = Repository::new().await;
        let error = Git::at(&repository.root, &env()).bytes(&["cat-file", "-p", "HEAD"]).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("failed to run git cat-file in ") && text.contains("HEAD"), "{text}");
    }

    #[tokio::test]
    async fn an_unborn_branch_and_a_hostile_name_name_no_commit() {
        let repository = Repository::new().await;
        let env = env();
        let git = Git::at(&repository.root, &env);
        assert_eq!(git.commit("HEAD").await.unwrap(), None);
        assert_eq!(git.commit("--output=/tmp/x").await.unwrap(), None);
        repository.commit_all("one").await;
        assert_eq!(git.commit("HEAD").await.unwrap().unwrap().len(), 40);
    }

    #[test]
    fn paths_that_are_not_utf8_are_told_apart() {
        let (paths, unreadable) = split_paths(b"a\0b c\n\0\xff.rs\0");
        assert_eq!(paths, ["a", "b c\n"]);
        assert_eq!(unreadable, ["\u{fffd}.rs"]);
    }
}
