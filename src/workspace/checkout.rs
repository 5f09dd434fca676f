//! The tree of a commit as a scratch copy, without touching the user's work tree, index or refs.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use tempfile::TempDir;

use crate::workspace::contents::Contents;
use crate::workspace::git::{Git, split_paths};
use crate::workspace::ignored::Ignoring;
use crate::workspace::listing::{Listing, SUBMODULE_MODE};
use crate::workspace::paths::check_parents;
use crate::workspace::records::Records;
use crate::workspace::snapshot::Taking;
use crate::workspace::{Project, Scratch, Snapshot, Standing, WorkspaceError, lfs, on_disk};

/// Checks out a commit into a scratch copy of its own. Beside the commit's files the copy holds what is ignored in the
/// user's tree and small, such as local settings, and its installed dependencies; submodules are included where the
/// user has them.
pub async fn checkout(project: &Project, rev: &str, state_dir: &Utf8Path) -> Result<Scratch, WorkspaceError> {
    let no_such = || WorkspaceError::NoSuchRevision(rev.to_owned());
    let commit = if project.git { project.git().commit(rev).await? } else { None };
    let commit = commit.ok_or_else(no_such)?;
    let snapshot = of_commit(project, &commit, state_dir).await?;
    Scratch::open_free(&snapshot, state_dir, "checkout").await
}

async fn of_commit(project: &Project, commit: &str, state_dir: &Utf8Path) -> Result<Snapshot, WorkspaceError> {
    let home = project.home(state_dir)?;
    let staging = tempfile::Builder::new().prefix("staging-").tempdir_in(&home)?;
    let staged = stage(project, commit, &staging).await?;
    let ignoring = Ignoring::of(project).await?;
    let mut current = Listing::of(project, &ignoring, state_dir).await?;
    current.files.retain(|(_, standing)| *standing == Standing::Ignored);
    let (project, base_commit) = (project.clone(), commit.to_owned());
    on_disk(move || {
        let contents = Contents::open(&home)?;
        let tree = utf8(&staging)?.join("tree");
        let (staged, _) = Taking::new(&tree, contents.clone(), Records::new()).take(staged);
        let (mut taken, _) = Taking::new(&project.root, contents, Records::new()).take(current);
        taken.files.extend(staged.files);
        taken.notes = staged.notes;
        Ok(Snapshot::new(&project, home, base_commit, ignoring, taken))
    })
    .await
}

/// One repository's commit to write out below a path of the staged tree.
struct Part {
    path: Utf8PathBuf,
    commit: String,
}

/// Writes the files of a commit, and of the submodules it records, into `staging/tree` and lists them.
async fn stage(project: &Project, commit: &str, staging: &TempDir) -> Result<Listing, WorkspaceError> {
    let staging = utf8(staging)?;
    let mut staged = Listing::default();
    let mut parts = vec![Part { path: Utf8PathBuf::new(), commit: commit.to_owned() }];
    let mut seen = BTreeSet::new();
    while let Some(part) = parts.pop() {
        for inner in stage_part(project, &part, staging, &mut staged).await? {
            if has_commit(project, &inner).await && seen.insert(inner.path.clone()) {
                parts.push(inner);
            }
        }
    }
    Ok(staged)
}

/// Writes the files of one repository's commit and returns the submodules it records.
async fn stage_part(
    project: &Project,
    part: &Part,
    staging: &Utf8Path,
    staged: &mut Listing,
) -> Result<Vec<Part>, WorkspaceError> {
    let (index, dir) = (staging.join("index"), project.root.join(&part.path));
    let is_top = part.path.as_str().is_empty();
    let git = if is_top { project.git() } else { project.git_inside(&dir) }.with_index(&index);
    let tree = staging.join("tree").join(&part.path);
    fs::create_dir_all(&tree)?;
    git.bytes(&["read-tree", &part.commit]).await?;
    let filters = silenced_filters(git).await?;
    let prefix = format!("--prefix={tree}/");
    let mut checkout: Vec<&str> = filters.iter().flat_map(|setting| ["-c", setting]).collect();
    checkout.extend(["checkout-index", "--all", "--force", "--quiet", &prefix]);
    git.bytes(&checkout).await?;
    let (mut files, mut inner) = (Vec::new(), Vec::new());
    let (lines, unreadable) = split_paths(&git.bytes(&["ls-files", "-z", "--stage"]).await?);
    staged.notes.extend(unreadable.into_iter().map(|line| format!("{line} is left out: it is not UTF-8")));
    for line in lines {
        let Some((about, path)) = line.as_str().split_once('\t') else { continue };
        match about.strip_prefix(SUBMODULE_MODE).map(|rest| rest.split_whitespace().next()) {
            None => files.push((path.into(), Standing::Tracked)),
            Some(commit) => {
                inner.extend(commit.map(|commit| Part { path: part.path.join(path), commit: commit.into() }));
            }
        }
    }
    fs::remove_file(&index)?;
    staged.notes.extend(lfs::fill(git, &dir, &tree, &files).await?);
    staged.files.extend(files.into_iter().map(|(path, standing)| (part.path.join(path), standing)));
    Ok(inner)
}

/// Tells whether the user has a submodule with the commit in it.
async fn has_commit(project: &Project, part: &Part) -> bool {
    let dir = project.root.join(&part.path);
    let is_there = check_parents(&project.root, &part.path).is_ok() && dir.join(".git").exists();
    is_there && project.git_inside(&dir).commit(&part.commit).await.is_ok_and(|found| found.is_some())
}

/// Returns settings that keep every configured filter from being run on the files written.
async fn silenced_filters(git: Git<'_>) -> Result<Vec<String>, WorkspaceError> {
    let pattern = r"^filter\..*\.(smudge|process|required)$";
    let names = git.line(&["config", "-z", "--name-only", "--get-regexp", pattern]).await?.unwrap_or_default();
    let silence = |name: &str| {
        // A setting given as an argument ends its name at the first `=`.
        let is_sayable = !name.contains('=');
        is_sayable.then(|| format!("{name}={}", if name.ends_with(".required") { "false" } else { "" })).ok_or_else(
            || {
                let message = format!("the setting {name} cannot be overruled");
                WorkspaceError::Git { command: "config".to_owned(), dir: git.dir().to_owned(), message }
            },
        )
    };
    names.split('\0').filter(|name| !name.is_empty()).map(silence).collect()
}

fn utf8(dir: &TempDir) -> Result<&Utf8Path, WorkspaceError> {
    Utf8Path::from_path(dir.path()).ok_or_else(|| WorkspaceError::NotUtf8(dir.path().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::testing::{Repository, chmod, tree, write};

    #[tokio::test]
    async fn a_commit_is_checked_out_whatever_the_work_tree_looks_like() {
        let repository = Repository::new().await;
        repository.write(".gitignore", ".env\nnode_modules/\n");
        repository.write("a", "first");
        repository.write("run.sh", "#!/bin/sh");
        chmod(&repository.root.join("run.sh"), 0o755);
        repository.link("link", "a");
        repository.write("gone", "later");
        let first = repository.commit_all("one").await;
        repository.remove("gone");
        repository.write("a", "second");
        repository.write("new", "second");
        repository.commit_all("two").await;
        repository.write("a", "dirty");
        repository.write("untracked", "x");
        repository.write(".env", "LOCAL=1");
        repository.write("node_modules/dep/index.js", "dep");
        let project = repository.project().await;
        for rev in [first.as_str(), "HEAD~1", "main^"] {
            let scratch = checkout(&project, rev, &repository.state).await.unwrap();
            let files: Vec<&str> = scratch.snapshot().files.keys().map(|path| path.as_str()).collect();
            assert_eq!(files, [".env", ".gitignore", "a", "gone", "link", "run.sh"]);
            assert_eq!(scratch.snapshot().base_commit, first);
            let tree = tree(&scratch.root);
            assert_eq!(tree["a"].1, "first");
            assert_eq!(tree["run.sh"], (0o755, "#!/bin/sh".to_owned()));
            assert_eq!(tree["link"].1, "-> a");
            assert_eq!(tree["node_modules/dep/index.js"].1, "dep");
        }
        let home = project.home(&repository.state).unwrap();
        let left =
            home.read_dir_utf8().unwrap().filter(|entry| entry.as_ref().unwrap().file_name().starts_with("staging"));
        assert_eq!(left.count(), 0);
    }

    #[tokio::test]
    async fn a_checkout_can_be_patched_and_restored_like_any_copy() {
        let repository = Repository::new().await;
        repository.write("a", "1");
        repository.commit_all("one").await;
        let project = repository.project().await;
        let mut scratch = checkout(&project, "HEAD", &repository.state).await.unwrap();
        scratch.apply(&crate::model::Patch::edit("a", "1", "2")).unwrap();
        assert_eq!(scratch.restore().unwrap(), ["a"]);
        assert_eq!(scratch.read("a".into()).unwrap().unwrap(), "1");
    }

    #[tokio::test]
    async fn two_checkouts_at_once_do_not_share_a_copy() {
        let repository = Repository::new().await;
        repository.write("a", "1");
        let first = repository.commit_all("one").await;
        repository.write("a", "2");
        repository.commit_all("two").await;
        let project = repository.project().await;
        let old = checkout(&project, &first, &repository.state).await.unwrap();
        let new = checkout(&project, "HEAD", &repository.state).await.unwrap();
        assert_eq!(old.read("a".into()).unwrap().unwrap(), "1");
        assert_eq!(new.read("a".into()).unwrap().unwrap(), "2");
    }

    #[tokio::test]
    async fn submodules_are_checked_out_at_the_commit_that_was_recorded() {
        let (inner, outer) = (Repository::new().await, Repository::new().await);
        inner.write("lib", "old");
        inner.commit_all("one").await;
        outer.git(&["submodule", "--quiet", "add", inner.root.as_str(), "sub"]).await;
        outer.commit_all("one").await;
        write(&outer.root, "sub/lib", "new");
        outer.git(&["-C", "sub", "commit", "-qam", "two"]).await;
        outer.commit_all("two").await;
        let scratch = checkout(&outer.project().await, "HEAD~1", &outer.state).await.unwrap();
        assert_eq!(scratch.read("sub/lib".into()).unwrap().unwrap(), "old");
    }

    #[tokio::test]
    async fn filters_and_hooks_that_a_repository_configures_are_not_run_and_line_ends_are_converted() {
        let repository = Repository::new().await;
        let trap = repository.state.with_file_name("trap");
        repository.write(".gitattributes", "a filter=evil\nb text eol=crlf\n");
        repository.write("a", "plain");
        repository.write("b", "1\n2\n");
        repository.commit_all("one").await;
        let script = repository.root.join(".git/hooks/post-index-change");
        repository.write(".git/hooks/post-index-change", format!("#!/bin/sh\ntouch {trap}\n"));
        chmod(&script, 0o755);
        for name in ["filter.evil.smudge", "filter.evil.clean", "filter.evil.process", "core.fsmonitor"] {
            repository.git(&["config", name, script.as_str()]).await;
        }
        repository.git(&["config", "filter.evil.required", "true"]).await;
        repository.git(&["config", "core.splitIndex", "true"]).await;
        assert!(!trap.exists());
        let before = tree(&repository.root.join(".git"));
        let scratch = checkout(&repository.project().await, "HEAD", &repository.state).await.unwrap();
        assert_eq!(scratch.read("a".into()).unwrap().unwrap(), "plain");
        assert_eq!(scratch.read("b".into()).unwrap().unwrap(), "1\r\n2\r\n");
        assert!(!trap.exists());
        assert_eq!(tree(&repository.root.join(".git")), before);
        repository.git(&["config", "filter.a=b.smudge", script.as_str()]).await;
        let error = checkout(&repository.project().await, "HEAD", &repository.state).await.unwrap_err();
        assert!(error.to_string().contains("filter.a=b.smudge"), "{error}");
        // The trap is a working one: git without guards falls into it.
        repository.git(&["read-tree", "HEAD"]).await;
        assert!(trap.exists());
    }

    #[tokio::test]
    async fn what_names_no_commit_is_an_error_that_names_it() {
        let repository = Repository::new().await;
        repository.commit_all("one").await;
        for rev in ["no-such-branch", "--all", "", "HEAD:a"] {
            let error = checkout(&repository.project().await, rev, &repository.state).await.unwrap_err();
            assert!(matches!(&error, WorkspaceError::NoSuchRevision(named) if named == rev), "{rev}: {error}");
        }
        let plain = Repository::plain();
        assert!(checkout(&plain.project().await, "HEAD", &plain.state).await.is_err());
    }
}
