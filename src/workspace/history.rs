//! What changed lately: the uncommitted change, then the last commits, as whole texts.

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{FileChange, RecentChange};
use crate::workspace::git::Git;
use crate::workspace::lfs::is_pointer;
use crate::workspace::paths::check;
use crate::workspace::text::TEXT_BYTES_MAX;
use crate::workspace::{Project, Snapshot, Standing, WorkspaceError};

/// Returns the uncommitted change and those of the last commits along first parents, newest first: text files only, at
/// most `files_max` of one change and about `bytes_max` bytes of text in all. The first commit, and one whose parent a
/// shallow clone does not have, is no change.
pub async fn recent_changes(
    project: &Project,
    snapshot: &Snapshot,
    n_commits: usize,
    files_max: usize,
    bytes_max: usize,
) -> Result<Vec<RecentChange>, WorkspaceError> {
    if !project.git || snapshot.base_commit.is_empty() {
        return Ok(Vec::new());
    }
    let git = project.git();
    let mut steps = vec![uncommitted(git, snapshot).await?];
    for commit in commits(git, &snapshot.base_commit, n_commits).await? {
        steps.push(committed(git, commit).await?);
    }
    for step in &mut steps {
        step.changed.retain(|changed| check(&changed.path).is_ok());
        step.changed.truncate(files_max);
    }
    keep_what_fits(git, &mut steps, snapshot, bytes_max as u64).await?;
    let texts = texts(git, &steps).await?;
    let changes = steps.into_iter().map(|step| step.into_change(&texts, snapshot));
    Ok(changes.filter(|change| !change.files.is_empty()).collect())
}

/// One step of the past, before its texts are read.
struct Step {
    title: String,
    changed: Vec<Changed>,
}

/// One path of a step, and where its texts are.
struct Changed {
    path: Utf8PathBuf,
    before: Option<Source>,
    after: Option<Source>,
}

/// Where a text is.
enum Source {
    Blob(String),
    Snapshot,
}

impl Source {
    /// Makes a source of a blob's id; one of zeros alone stands for nothing.
    fn of_blob(id: &str) -> Option<Self> {
        id.bytes().any(|digit| digit != b'0').then(|| Self::Blob(id.to_owned()))
    }

    fn blob(&self) -> Option<&str> {
        match self {
            Self::Blob(id) => Some(id),
            Self::Snapshot => None,
        }
    }
}

/// A commit that has a parent.
struct Commit {
    id: String,
    parent: String,
    title: String,
}

async fn uncommitted(git: Git<'_>, snapshot: &Snapshot) -> Result<Step, WorkspaceError> {
    let base = snapshot.base_commit.as_str();
    let raw = git.bytes(&["diff-index", "-z", "--raw", "--no-renames", "--ignore-submodules=all", base]).await?;
    let in_snapshot = |path: &Utf8PathBuf| snapshot.files.contains_key(path).then_some(Source::Snapshot);
    let tracked = changed(&raw).into_iter().map(|changed| Changed { after: in_snapshot(&changed.path), ..changed });
    let mut all: Vec<Changed> = tracked.collect();
    let new = snapshot.files.iter().filter(|(_, entry)| entry.standing == Standing::Untracked);
    for (path, _) in new {
        if !all.iter().any(|changed| changed.path == *path) {
            all.push(Changed { path: path.clone(), before: None, after: Some(Source::Snapshot) });
        }
    }
    Ok(Step { title: "uncommitted change".to_owned(), changed: all })
}

async fn commits(git: Git<'_>, from: &str, n_commits: usize) -> Result<Vec<Commit>, WorkspaceError> {
    let count = format!("--max-count={n_commits}");
    let format = "--format=%H%x00%P%x00%h %s";
    let log = git.bytes(&["rev-list", "--first-parent", "--encoding=UTF-8", &count, format, from]).await?;
    let log = String::from_utf8_lossy(&log);
    Ok(log.lines().filter_map(Commit::read).collect())
}

async fn committed(git: Git<'_>, commit: Commit) -> Result<Step, WorkspaceError> {
    let options = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--ignore-submodules=all"];
    let arguments: Vec<&str> = options.into_iter().chain([commit.parent.as_str(), commit.id.as_str()]).collect();
    Ok(Step { title: commit.title, changed: changed(&git.bytes(&arguments).await?) })
}

impl Commit {
    /// Reads a line of the log; `None` for one that names no commit with a parent.
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.splitn(3, '\0');
        let (id, parents, title) = (fields.next()?, fields.next()?, fields.next()?);
        let parent = parents.split(' ').next().filter(|parent| !parent.is_empty())?;
        Some(Self { id: id.to_owned(), parent: parent.to_owned(), title: title.to_owned() })
    }
}

/// Reads `--raw -z` output as git-diff-index(1) describes it; links, submodules and paths that are not UTF-8 are left
/// out.
fn changed(raw: &[u8]) -> Vec<Changed> {
    let mut fields = raw.split(|byte| *byte == 0);
    let mut all = Vec::new();
    while let (Some(about), Some(path)) = (fields.next(), fields.next()) {
        let (Ok(about), Ok(path)) = (str::from_utf8(about), str::from_utf8(path)) else { continue };
        let about: Vec<&str> = about.trim_start_matches(':').split(' ').collect();
        let [mode_before, mode_after, before, after, _] = about[..] else { continue };
        if is_file_or_nothing(mode_before) && is_file_or_nothing(mode_after) {
            all.push(Changed { path: path.into(), before: Source::of_blob(before), after: Source::of_blob(after) });
        }
    }
    all
}

fn is_file_or_nothing(mode: &str) -> bool {
    matches!(mode, "000000" | "100644" | "100664" | "100755")
}

/// Keeps the changes, newest step first, whose texts fit into the limit.
async fn keep_what_fits(
    git: Git<'_>,
    steps: &mut [Step],
    snapshot: &Snapshot,
    bytes_max: u64,
) -> Result<(), WorkspaceError> {
    let sizes = sizes(git, &blobs(steps)).await?;
    let mut left = bytes_max;
    let size_of = |path: &Utf8Path, source: &Source| match source {
        Source::Blob(id) => sizes.get(id).copied(),
        Source::Snapshot => snapshot.n_bytes(path),
    };
    let mut is_within = |changed: &Changed| {
        let sources = [&changed.before, &changed.after].into_iter().flatten();
        let each: Option<Vec<u64>> = sources.map(|source| size_of(&changed.path, source)).collect();
        let each = each.filter(|each| each.iter().all(|n_bytes| *n_bytes <= TEXT_BYTES_MAX));
        let rest = each.and_then(|each| left.checked_sub(each.iter().sum()));
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    for step in steps {
        step.changed.retain(&mut is_within);
    }
    Ok(())
}

fn blobs(steps: &[Step]) -> Vec<&str> {
    let sides = steps.iter().flat_map(|step| &step.changed).flat_map(|changed| [&changed.before, &changed.after]);
    sides.flatten().filter_map(Source::blob).collect()
}

async fn texts(git: Git<'_>, steps: &[Step]) -> Result<HashMap<String, String>, WorkspaceError> {
    let output = git.bytes_for(&["cat-file", "--batch"], lines(&blobs(steps))).await?;
    Ok(batch(&output))
}

async fn sizes(git: Git<'_>, ids: &[&str]) -> Result<HashMap<String, u64>, WorkspaceError> {
    let output = git.bytes_for(&["cat-file", "--batch-check=%(objectname) %(objectsize)"], lines(ids)).await?;
    let output = String::from_utf8_lossy(&output);
    let size = |line: &str| {
        let (id, size) = line.split_once(' ')?;
        Some((id.to_owned(), size.parse().ok()?))
    };
    Ok(output.lines().filter_map(size).collect())
}

fn lines(ids: &[&str]) -> Vec<u8> {
    ids.iter().flat_map(|id| [id.as_bytes(), b"\n"].concat()).collect()
}

/// Reads what `cat-file --batch` prints: texts by id. What is missing, is no text or
/// stands for a large file is left out.
fn batch(output: &[u8]) -> HashMap<String, String> {
    let mut texts = HashMap::new();
    let mut rest = output;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        let [id, "blob", size] = head.split(' ').collect::<Vec<_>>()[..] else { continue };
        let Some(content) = size.parse().ok().and_then(|size: usize| rest.get(..size)) else { break };
        rest = rest.get(content.len() + 1..).unwrap_or_default();
        if let Ok(text) = str::from_utf8(content)
            && !is_pointer(text)
        {
            texts.insert(id.to_owned(), text.to_owned());
        }
    }
    texts
}

impl Step {
    fn into_change(self, texts: &HashMap<String, String>, snapshot: &Snapshot) -> RecentChange {
        let files = self.changed.into_iter().filter_map(|changed| changed.into_file_change(texts, snapshot));
        RecentChange { title: self.title, files: files.collect() }
    }
}

impl Changed {
    /// Returns the change with its texts; `None` when one cannot be had or nothing changed.
    fn into_file_change(self, texts: &HashMap<String, String>, snapshot: &Snapshot) -> Option<FileChange> {
        let current = snapshot.read(&self.path).ok().flatten();
        let text = |source: Option<Source>| match source {
            None => Some(None),
            Some(Source::Snapshot) => current.clone().map(Some),
            Some(Source::Blob(id)) => texts.get(&id).map(|text| Some(with_ends_of(text, current.as_deref()))),
        };
        let (before, after) = (text(self.before)?, text(self.after)?);
        (before != after).then_some(FileChange { path: self.path, before, after })
    }
}

/// Gives a stored text the line ends of the file as it lies in the work tree: git may convert them on the way.
fn with_ends_of(text: &str, current: Option<&str>) -> String {
    let is_crlf = current.is_some_and(|current| {
        current.contains("\r\n") && current.matches('\n').count() == current.matches("\r\n").count()
    });
    if is_crlf && !text.contains('\r') { text.replace('\n', "\r\n") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::testing::Repository;
    use proptest::prelude::*;

    async fn changes(repository: &Repository, n_commits: usize, bytes_max: usize) -> Vec<RecentChange> {
        let snapshot = repository.snapshot().await;
        recent_changes(&repository.project().await, &snapshot, n_commits, 10, bytes_max).await.unwrap()
    }

    fn texts(change: &RecentChange) -> Vec<(&str, Option<&str>, Option<&str>)> {
        let files = change.files.iter();
        files.map(|file| (file.path.as_str(), file.before.as_deref(), file.after.as_deref())).collect()
    }

    async fn sample() -> Repository {
        let repository = Repository::new().await;
        repository.write("a", "a1");
        repository.write("gone", "g1");
        repository.commit_all("one").await;
        repository.write("a", "a2");
        repository.write("new", "n1");
        repository.write("binary", b"\xff");
        repository.link("link", "a");
        repository.commit_all("two").await;
        repository.remove("gone");
        repository.commit_all("three: a subject").await;
        repository
    }

    #[tokio::test]
    async fn the_uncommitted_change_comes_first_and_the_commits_follow_newest_first() {
        let repository = sample().await;
        repository.write("a", "a3");
        repository.git(&["add", "a"]).await;
        repository.write("a", "a4");
        repository.write("dir/untracked", "u1");
        repository.remove("new");
        let changes = changes(&repository, 5, 1 << 20).await;
        let expected = [("a", Some("a2"), Some("a4")), ("new", Some("n1"), None), ("dir/untracked", None, Some("u1"))];
        assert_eq!(changes[0].title, "uncommitted change");
        assert_eq!(texts(&changes[0]), expected);
        assert!(changes[1].title.ends_with(" three: a subject"), "{}", changes[1].title);
        assert_eq!(texts(&changes[1]), [("gone", Some("g1"), None)]);
        assert_eq!(texts(&changes[2]), [("a", Some("a1"), Some("a2")), ("new", None, Some("n1"))]);
        assert_eq!(changes.len(), 3, "the first commit has nothing to be compared with");
    }

    #[tokio::test]
    async fn a_clean_tree_has_no_uncommitted_change_even_when_files_were_rewritten() {
        let repository = sample().await;
        repository.write("a", "a2");
        let changes = changes(&repository, 1, 1 << 20).await;
        assert_eq!(changes.len(), 1);
        assert!(changes[0].title.ends_with(" three: a subject"));
    }

    #[tokio::test]
    async fn what_is_beyond_the_limits_is_left_out_oldest_first() {
        let repository = sample().await;
        repository.write("a", "a3".repeat(100));
        assert_eq!(changes(&repository, 5, 10).await.len(), 2);
        assert_eq!(changes(&repository, 5, 2).await.iter().map(|change| change.files.len()).sum::<usize>(), 1);
        assert_eq!(changes(&repository, 0, 1 << 20).await.len(), 1);
        let snapshot = repository.snapshot().await;
        let few = recent_changes(&repository.project().await, &snapshot, 5, 1, 1 << 20).await.unwrap();
        assert!(few.iter().all(|change| change.files.len() == 1));
    }

    #[tokio::test]
    async fn a_merge_is_compared_with_its_first_parent() {
        let repository = sample().await;
        repository.git(&["checkout", "-q", "-b", "side", "HEAD~1"]).await;
        repository.write("side", "s1");
        repository.commit_all("side").await;
        repository.git(&["checkout", "-q", "main"]).await;
        repository.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]).await;
        let changes = changes(&repository, 2, 1 << 20).await;
        assert_eq!(texts(&changes[0]), [("side", None, Some("s1"))]);
        assert_eq!(texts(&changes[1]), [("gone", Some("g1"), None)]);
    }

    #[tokio::test]
    async fn stored_texts_get_the_line_ends_of_the_work_tree() {
        let repository = Repository::new().await;
        repository.write(".gitattributes", "* text eol=crlf\n");
        repository.write("a", "1\r\n2\r\n");
        repository.commit_all("one").await;
        repository.write("a", "1\r\n3\r\n");
        let changes = changes(&repository, 1, 1 << 20).await;
        assert_eq!(texts(&changes[0]), [("a", Some("1\r\n2\r\n"), Some("1\r\n3\r\n"))]);
    }

    #[tokio::test]
    async fn there_is_no_past_without_git_or_before_the_first_commit() {
        let (plain, unborn) = (Repository::plain(), Repository::new().await);
        for repository in [&plain, &unborn] {
            repository.write("a", "1");
            assert_eq!(changes(repository, 5, 1 << 20).await, []);
        }
    }

    proptest! {
        #[test]
        fn any_output_of_git_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (changed(&bytes), batch(&bytes));
        }

        #[test]
        fn batches_are_read_back(contents in proptest::collection::vec(".{0,20}\n?", 0..5)) {
            let output: Vec<u8> = contents.iter().enumerate().flat_map(|(n, content)| {
                format!("{n} blob {}\n{content}\nx missing\n", content.len()).into_bytes()
            }).collect();
            let texts = batch(&output);
            for (n, content) in contents.iter().enumerate() {
                prop_assert_eq!(&texts[&n.to_string()], content);
            }
        }
    }
}
