//! Writes an accepted patch into the user's tree, takes it back, and cleans up after a kill in between.
//!
//! The order is what makes it safe: the journal with old and new texts is made to last; every new text is written beside
//! its file and made to last; each is renamed over its file; the directories are made to last; the journal becomes the
//! record of the accepted patch by one rename. Before the first rename everything is old, after the last everything is
//! new, and in between the journal tells the way back. A file that the user changed meanwhile is never overwritten.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::model::Patch;
use crate::workspace::journal::{Journal, JournalFile, Journals, remove_file_if_there, sync_dir};
use crate::workspace::paths::parents;
use crate::workspace::text::check_text;
use crate::workspace::{Project, WorkspaceError, on_disk};

/// A patch that stands in the user's tree now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The hash of the patch.
    pub patch_hash: String,
    /// The files that were written, created or deleted.
    pub paths: Vec<Utf8PathBuf>,
}

/// An accepted patch that was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The patch as it had been accepted.
    pub patch: Patch,
}

/// What became of an acceptance, or of an undoing, that had been interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Whether every file had been written, so that it counts as done; else it was rolled back.
    pub is_done: bool,
    /// The files concerned.
    pub paths: Vec<Utf8PathBuf>,
    /// Those among them that were changed since then and were left as they are.
    pub edited_since: Vec<Utf8PathBuf>,
}

/// The steps of a write after each of which a kill is survived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begun,
    WrittenBeside(usize),
    Renamed(usize),
    Synced,
    Finished,
}

/// What is told of each step when it is done. Tests interrupt there.
type Watch<'a> = &'a mut dyn FnMut(Step) -> Result<(), WorkspaceError>;

/// Writes a patch into the user's tree, all of it or nothing. Every file must hold the text the patch was made for.
pub async fn accept(project: &Project, patch: &Patch, state_dir: &Utf8Path) -> Result<Accepted, WorkspaceError> {
    let journals = Journals::new(project.home(state_dir)?);
    let (root, patch) = (project.root.clone(), patch.clone());
    on_disk(move || {
        if !patch.is_empty() {
            write_or_roll_back(&journals, &plan(&root, &patch, None)?)?;
        }
        let paths = patch.changes().iter().map(|change| change.path.clone()).collect();
        Ok(Accepted { patch_hash: patch.hash(), paths })
    })
    .await
}

/// Takes the last accepted patch back. Every file must still hold the text the patch gave it.
pub fn undo(project: &Project, state_dir: &Utf8Path) -> Result<Undone, WorkspaceError> {
    let journals = Journals::new(project.home(state_dir)?);
    let (journal, patch) = plan_undo(&project.root, &journals)?;
    write_or_roll_back(&journals, &journal)?;
    Ok(Undone { patch })
}

/// Brings an interrupted acceptance or undoing to an end: done when every file had been written, else rolled back.
/// `None` when there is none. To be called before a session does anything else to the tree, and under its lock.
pub fn recover(project: &Project, state_dir: &Utf8Path) -> Result<Option<Recovered>, WorkspaceError> {
    let journals = Journals::new(project.home(state_dir)?);
    let Some(journal) = journals.current()? else { return Ok(None) };
    recover_from(&journals, &journal).map(Some)
}

fn recover_from(journals: &Journals, journal: &Journal) -> Result<Recovered, WorkspaceError> {
    let is_new =
        |file: &JournalFile| check_text(&journal.root, &file.change.path, file.change.after.as_deref()).is_ok();
    let is_done = journal.files.iter().all(is_new);
    let edited_since = if is_done {
        close(journals, journal)?;
        Vec::new()
    } else {
        let edited_since = roll_back(journal)?;
        journals.abandon()?;
        edited_since
    };
    Ok(Recovered { is_done, paths: journal.paths(), edited_since })
}

/// Checks a patch against the tree and plans its write.
fn plan(root: &Utf8Path, patch: &Patch, undoes: Option<String>) -> Result<Journal, WorkspaceError> {
    let mut files = Vec::new();
    let mut made_dirs = BTreeSet::new();
    for change in patch.changes() {
        check_text(root, &change.path, change.before.as_deref())?;
        let metadata = fs::symlink_metadata(root.join(&change.path)).ok();
        let mode = metadata.map(|metadata| metadata.permissions().mode() & 0o7777);
        let name =
            format!(".heal-{:016x}~", getrandom::u64().map_err(|error| std::io::Error::other(error.to_string()))?);
        let beside = change.path.with_file_name(name);
        made_dirs
            .extend(parents(&change.path).into_iter().filter(|dir| !root.join(dir).exists()).map(Utf8Path::to_owned));
        files.push(JournalFile { change: change.clone(), mode, beside });
    }
    let made_dirs = made_dirs.into_iter().collect();
    Ok(Journal { root: root.to_owned(), undoes, made_dirs, left_dirs: Vec::new(), files })
}

/// Plans the write that takes the last accepted patch back, and returns the patch.
fn plan_undo(root: &Utf8Path, journals: &Journals) -> Result<(Journal, Patch), WorkspaceError> {
    let (name, accepted) = journals.last_accepted()?.ok_or(WorkspaceError::NothingToUndo)?;
    let patch = accepted.patch()?;
    let mut journal = plan(root, &patch.reversed(), Some(name))?;
    for file in &mut journal.files {
        // A file that the patch deleted comes back with the mode it had.
        let own = accepted.files.iter().find(|own| own.change.path == file.change.path);
        file.mode = file.mode.or(own.and_then(|own| own.mode));
    }
    journal.left_dirs = accepted.made_dirs;
    Ok((journal, patch))
}

fn write_or_roll_back(journals: &Journals, journal: &Journal) -> Result<(), WorkspaceError> {
    journals.begin(journal)?;
    let written = write(journals, journal, &mut |_| Ok(()));
    if written.is_err() {
        roll_back(journal)?;
        journals.abandon()?;
    }
    written
}

/// Does what a journal that has been begun says, telling of each step.
fn write(journals: &Journals, journal: &Journal, watch: Watch<'_>) -> Result<(), WorkspaceError> {
    watch(Step::Begun)?;
    for (n, file) in journal.files.iter().enumerate() {
        if let Some(text) = &file.change.after {
            write_beside(&journal.root, file, text)?;
        }
        watch(Step::WrittenBeside(n))?;
    }
    for (n, file) in journal.files.iter().enumerate() {
        let path = journal.root.join(&file.change.path);
        // The user may have saved the file since the plan was made.
        check_text(&journal.root, &file.change.path, file.change.before.as_deref())?;
        match file.change.after {
            Some(_) => fs::rename(journal.root.join(&file.beside), path)?,
            None => fs::remove_file(path)?,
        }
        watch(Step::Renamed(n))?;
    }
    sync_dirs(journal)?;
    watch(Step::Synced)?;
    close(journals, journal)?;
    watch(Step::Finished)
}

/// Ends a write of which every file is in place.
fn close(journals: &Journals, journal: &Journal) -> Result<(), WorkspaceError> {
    remove_empty_dirs(&journal.root, &journal.left_dirs);
    sync_dirs(journal)?;
    journals.finish(journal)
}

/// Writes a new text beside its file, with the file's mode and, where that is allowed, its owner.
fn write_beside(root: &Utf8Path, file: &JournalFile, text: &str) -> Result<(), WorkspaceError> {
    let beside = root.join(&file.beside);
    fs::create_dir_all(beside.parent().unwrap_or(root))?;
    let mut new = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
    new.write_all(text.as_bytes())?;
    if let Ok(old) = fs::symlink_metadata(root.join(&file.change.path)) {
        let own = new.metadata()?;
        if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
            let _ = fs_err::os::unix::fs::chown(&beside, Some(old.uid()), Some(old.gid()));
        }
    }
    if let Some(mode) = file.mode {
        new.set_permissions(PermissionsExt::from_mode(mode))?;
    }
    Ok(new.sync_all()?)
}

/// Gives every file its old text back, those excepted that hold neither the old text nor the new one: they are returned.
fn roll_back(journal: &Journal) -> Result<Vec<Utf8PathBuf>, WorkspaceError> {
    let root = &journal.root;
    let mut edited_since = Vec::new();
    for file in &journal.files {
        remove_file_if_there(&root.join(&file.beside))?;
        let change = &file.change;
        if check_text(root, &change.path, change.before.as_deref()).is_ok() {
            continue;
        }
        if check_text(root, &change.path, change.after.as_deref()).is_err() {
            edited_since.push(change.path.clone());
            continue;
        }
        match &change.before {
            Some(text) => {
                write_beside(root, file, text)?;
                fs::rename(root.join(&file.beside), root.join(&change.path))?;
            }
            None => fs::remove_file(root.join(&change.path))?,
        }
    }
    remove_empty_dirs(root, &journal.made_dirs);
    sync_dirs(journal)?;
    Ok(edited_since)
}

/// Removes directories, inner ones first, that nothing lies in.
fn remove_empty_dirs(root: &Utf8Path, dirs: &[Utf8PathBuf]) {
    for dir in dirs.iter().rev() {
        // That something lies in it is reason enough to leave it.
        let _ = fs::remove_dir(root.join(dir));
    }
}

/// Makes the entries of every directory concerned last.
fn sync_dirs(journal: &Journal) -> Result<(), WorkspaceError> {
    let dirs: BTreeSet<&Utf8Path> =
        journal.files.iter().flat_map(|file| file.change.path.ancestors().skip(1)).collect();
    for dir in dirs {
        match sync_dir(&journal.root.join(dir)) {
            Err(WorkspaceError::Io(error)) if error.kind() == ErrorKind::NotFound => {}
            synced => synced?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FileChange;
    use crate::workspace::testing::{Repository, chmod, tree, write as write_file};
    use std::io;

    fn own(text: Option<&str>) -> Option<String> {
        text.map(str::to_owned)
    }

    fn patch(changes: &[(&str, Option<&str>, Option<&str>)]) -> Patch {
        let change = |(path, before, after): &(&str, Option<&str>, Option<&str>)| FileChange {
            path: Utf8PathBuf::from(*path),
            before: own(*before),
            after: own(*after),
        };
        Patch::new(changes.iter().map(change).collect()).unwrap()
    }

    fn sample() -> (Repository, Patch) {
        let repository = Repository::plain();
        repository.write("edited", "old\n");
        repository.write("run.sh", "old\n");
        chmod(&repository.root.join("run.sh"), 0o755);
        repository.write("dir/deleted", "old\n");
        chmod(&repository.root.join("dir/deleted"), 0o640);
        repository.write("untouched", "x");
        let patch = patch(&[
            ("dir/deleted", Some("old\n"), None),
            ("edited", Some("old\n"), Some("new\r\n")),
            ("made/of/new", None, Some("new")),
            ("run.sh", Some("old\n"), Some("new\n")),
        ]);
        (repository, patch)
    }

    async fn journals(repository: &Repository) -> Journals {
        Journals::new(repository.project().await.home(&repository.state).unwrap())
    }

    #[tokio::test]
    async fn an_accepted_patch_stands_in_the_tree_and_undoing_it_is_identity() {
        let (repository, patch) = sample();
        let project = repository.project().await;
        let before = tree(&repository.root);
        let accepted = accept(&project, &patch, &repository.state).await.unwrap();
        assert_eq!(accepted.paths, ["dir/deleted", "edited", "made/of/new", "run.sh"]);
        assert_eq!(accepted.patch_hash, patch.hash());
        let after = tree(&repository.root);
        assert_eq!(after["run.sh"], (0o755, "new\n".to_owned()));
        assert_eq!((after["edited"].1.as_str(), after["made/of/new"].1.as_str()), ("new\r\n", "new"));
        assert!(!after.contains_key("dir/deleted"));
        assert!(!after.keys().any(|path| path.contains(".heal-")));
        assert_eq!(undo(&project, &repository.state).unwrap().patch, patch);
        assert_eq!(tree(&repository.root), before);
        assert!(matches!(undo(&project, &repository.state), Err(WorkspaceError::NothingToUndo)));
    }

    #[tokio::test]
    async fn patches_are_taken_back_last_first() {
        let repository = Repository::plain();
        repository.write("a", "1");
        let project = repository.project().await;
        for (before, after) in [("1", "2"), ("2", "3")] {
            accept(&project, &Patch::edit("a", before, after), &repository.state).await.unwrap();
        }
        for expected in ["2", "1"] {
            undo(&project, &repository.state).unwrap();
            assert_eq!(fs::read_to_string(repository.root.join("a")).unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_patch_for_another_text_names_the_file_and_writes_nothing() {
        let (repository, patch) = sample();
        let project = repository.project().await;
        repository.write("run.sh", "edited meanwhile");
        let before = tree(&repository.root);
        let error = accept(&project, &patch, &repository.state).await.unwrap_err();
        assert_eq!(error.to_string(), "run.sh is no longer as it was when the patch was made");
        assert_eq!(tree(&repository.root), before);
        repository.write("run.sh", "old\n");
        repository.write("made/of/new", "there is one already");
        assert!(matches!(accept(&project, &patch, &repository.state).await, Err(WorkspaceError::Stale(_))));
        assert_eq!(recover(&project, &repository.state).unwrap(), None);
    }

    #[tokio::test]
    async fn an_edited_file_is_not_undone() {
        let (repository, patch) = sample();
        let project = repository.project().await;
        accept(&project, &patch, &repository.state).await.unwrap();
        repository.write("edited", "edited since");
        let before = tree(&repository.root);
        assert!(matches!(undo(&project, &repository.state), Err(WorkspaceError::Stale(stale)) if stale == "edited"));
        assert_eq!(tree(&repository.root), before);
    }

    #[tokio::test]
    async fn nothing_is_written_through_links_or_outside_the_tree() {
        let repository = Repository::new().await;
        let outside = repository.state.with_file_name("outside");
        write_file(&outside, "file", "precious");
        repository.link("dir", outside.as_str());
        repository.link("file", outside.join("file").as_str());
        let project = repository.project().await;
        let write = async |path: &str, before: Option<&str>| {
            accept(&project, &patch(&[(path, before, Some("x"))]), &repository.state).await
        };
        assert!(matches!(write("dir/file", Some("precious")).await, Err(WorkspaceError::Symlink(_))));
        assert!(matches!(write("dir/new", None).await, Err(WorkspaceError::Symlink(_))));
        assert!(matches!(write("file", Some("precious")).await, Err(WorkspaceError::Symlink(_))));
        for path in ["../new", ".git/hooks/pre-commit", "/tmp/new", "a/../../new"] {
            assert!(matches!(write(path, None).await, Err(WorkspaceError::Outside(_))), "{path}");
        }
        assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "precious");
    }

    /// Interrupts the write of a plan after every step in turn, recovers, and checks.
    async fn interrupt_everywhere(
        journal: impl Fn(&Repository, &Journals) -> Journal,
        check: impl Fn(&Repository, Step, &Recovered),
        prepare: impl AsyncFn() -> Repository,
    ) -> usize {
        for n_steps in 0.. {
            let repository = prepare().await;
            let project = repository.project().await;
            let journals = journals(&repository).await;
            let journal = journal(&repository, &journals);
            journals.begin(&journal).unwrap();
            let (mut n, mut last) = (0, None);
            let written = write(&journals, &journal, &mut |step| {
                last = Some(step);
                n += 1;
                if n > n_steps { Err(io::Error::other("killed").into()) } else { Ok(()) }
            });
            if written.is_ok() {
                return n_steps;
            }
            match recover(&project, &repository.state).unwrap() {
                Some(recovered) => check(&repository, last.unwrap(), &recovered),
                None => assert_eq!(last, Some(Step::Finished)),
            }
            assert_eq!(recover(&project, &repository.state).unwrap(), None);
        }
        0
    }

    #[tokio::test]
    async fn an_acceptance_killed_after_any_step_leaves_all_old_or_all_new() {
        let (reference, patch) = sample();
        let old = tree(&reference.root);
        accept(&reference.project().await, &patch, &reference.state).await.unwrap();
        let new = tree(&reference.root);
        let n_steps = interrupt_everywhere(
            |repository, _| plan(&repository.root, &patch, None).unwrap(),
            |repository, step, recovered| {
                assert_eq!(recovered.is_done, matches!(step, Step::Renamed(3) | Step::Synced), "{step:?}");
                let expected = if recovered.is_done { &new } else { &old };
                assert_eq!(&tree(&repository.root), expected, "{step:?}");
                assert!(recovered.edited_since.is_empty());
            },
            async || sample().0,
        )
        .await;
        assert_eq!(n_steps, 11);
    }

    #[tokio::test]
    async fn an_undoing_killed_after_any_step_leaves_all_old_or_all_new() {
        let (reference, patch) = sample();
        let old = tree(&reference.root);
        let project = reference.project().await;
        accept(&project, &patch, &reference.state).await.unwrap();
        let new = tree(&reference.root);
        interrupt_everywhere(
            |repository, journals| plan_undo(&repository.root, journals).unwrap().0,
            |repository, step, recovered| {
                let expected = if recovered.is_done { &old } else { &new };
                assert_eq!(&tree(&repository.root), expected, "{step:?}");
            },
            async || {
                let (repository, patch) = sample();
                accept(&repository.project().await, &patch, &repository.state).await.unwrap();
                repository
            },
        )
        .await;
    }

    #[tokio::test]
    async fn a_file_edited_after_the_kill_is_left_as_it_is() {
        let (repository, patch) = sample();
        let project = repository.project().await;
        let journals = journals(&repository).await;
        let journal = plan(&repository.root, &patch, None).unwrap();
        journals.begin(&journal).unwrap();
        write(&journals, &journal, &mut |step| {
            if step == Step::Renamed(1) { Err(io::Error::other("killed").into()) } else { Ok(()) }
        })
        .unwrap_err();
        repository.write("edited", "edited since");
        let recovered = recover(&project, &repository.state).unwrap().unwrap();
        assert_eq!((recovered.is_done, recovered.edited_since), (false, vec!["edited".into()]));
        let now = tree(&repository.root);
        assert_eq!((now["edited"].1.as_str(), now["dir/deleted"].1.as_str()), ("edited since", "old\n"));
    }

    #[tokio::test]
    async fn a_file_edited_during_the_write_stops_it_and_the_rest_is_rolled_back() {
        let (repository, patch) = sample();
        let project = repository.project().await;
        let journals = journals(&repository).await;
        let journal = plan(&repository.root, &patch, None).unwrap();
        repository.write("run.sh", "saved in the editor");
        let before = tree(&repository.root);
        let error = write_or_roll_back(&journals, &journal).unwrap_err();
        assert!(matches!(error, WorkspaceError::Stale(stale) if stale == "run.sh"));
        assert_eq!(tree(&repository.root), before);
        assert_eq!(recover(&project, &repository.state).unwrap(), None);
    }

    #[tokio::test]
    async fn nothing_is_accepted_before_an_interrupted_acceptance_is_recovered() {
        let (repository, patch) = sample();
        let project = repository.project().await;
        let journals = journals(&repository).await;
        journals.begin(&plan(&repository.root, &patch, None).unwrap()).unwrap();
        let error = accept(&project, &patch, &repository.state).await.unwrap_err();
        assert!(matches!(error, WorkspaceError::Unfinished(_)) && error.hint().is_some());
        recover(&project, &repository.state).unwrap().unwrap();
        accept(&project, &patch, &repository.state).await.unwrap();
    }

    #[tokio::test]
    async fn an_unreadable_journal_is_named_and_not_removed() {
        let repository = Repository::plain();
        let project = repository.project().await;
        let path = project.home(&repository.state).unwrap().join("journal.json");
        fs::write(&path, "{").unwrap();
        let error = recover(&project, &repository.state).unwrap_err();
        assert!(error.to_string().contains("journal.json"), "{error}");
        assert!(path.exists());
    }
}
