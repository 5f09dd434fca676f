//! Large files that a repository stores as pointers, read from what git-lfs has fetched, without running it.
//!
//! The format is that of <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>. Nothing is ever fetched.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::workspace::git::Git;
use crate::workspace::{Standing, WorkspaceError};

/// The longest pointer, in bytes, as the format says.
const POINTER_BYTES_MAX: u64 = 1024;

/// How every pointer starts.
const POINTER_START: &str = "version https://git-lfs.github.com/spec/v1\n";

/// Tells whether a stored text stands for a large file.
pub(super) fn is_pointer(text: &str) -> bool {
    text.starts_with(POINTER_START) && text.len() as u64 <= POINTER_BYTES_MAX
}

/// Puts the large files in place of their pointers among the files that were checked out of a repository into `tree`,
/// and returns notes on those that were never fetched.
pub(super) async fn fill(
    git: Git<'_>,
    repository: &Utf8Path,
    tree: &Utf8Path,
    files: &[(Utf8PathBuf, Standing)],
) -> Result<Vec<String>, WorkspaceError> {
    let pointers: Vec<_> = files.iter().filter_map(|(path, _)| Some((path, object_of(&tree.join(path))?))).collect();
    if pointers.is_empty() {
        return Ok(Vec::new());
    }
    let git_dir = git.line(&["rev-parse", "--git-common-dir"]).await?.unwrap_or_default();
    let objects = repository.join(git_dir).join("lfs/objects");
    let mut notes = Vec::new();
    for (path, object) in pointers {
        let content = objects.join(&object[..2]).join(&object[2..4]).join(&object);
        if content.is_file() {
            let permissions = fs::metadata(tree.join(path))?.permissions();
            fs::copy(content, tree.join(path))?;
            fs::set_permissions(tree.join(path), permissions)?;
        } else {
            notes.push(format!("{path} is a pointer only: git lfs never fetched it"));
        }
    }
    Ok(notes)
}

/// Returns the id of the large file that a file is a pointer to.
fn object_of(file: &Utf8Path) -> Option<String> {
    let metadata = fs::symlink_metadata(file).ok()?;
    if !metadata.is_file() || metadata.len() > POINTER_BYTES_MAX {
        return None;
    }
    let text = fs::read_to_string(file).ok().filter(|text| is_pointer(text))?;
    let object = text.lines().find_map(|line| line.strip_prefix("oid sha256:"))?;
    let is_id = object.len() == 64 && object.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_id.then(|| object.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::workspace::checkout;
    use crate::workspace::testing::Repository;

    #[tokio::test]
    async fn pointers_are_filled_from_what_was_fetched_and_the_rest_is_noted() {
        let repository = Repository::new().await;
        let pointer =
            |object: &str| format!("version https://git-lfs.github.com/spec/v1\noid sha256:{object}\nsize 5\n");
        let (here, gone) = ("ab".repeat(32), "cd".repeat(32));
        repository.write("here.bin", pointer(&here));
        repository.write("dir/gone.bin", pointer(&gone));
        repository.write("hostile.bin", pointer("../../../../../../../etc/hostname"));
        repository.commit_all("one").await;
        repository.write(&format!(".git/lfs/objects/ab/ab/{here}"), "large");
        let scratch = checkout(&repository.project().await, "HEAD", &repository.state).await.unwrap();
        assert_eq!(scratch.read("here.bin".into()).unwrap().unwrap(), "large");
        assert_eq!(scratch.read("dir/gone.bin".into()).unwrap().unwrap(), pointer(&gone));
        assert!(scratch.read("hostile.bin".into()).unwrap().unwrap().starts_with("version"));
        assert_eq!(scratch.snapshot().notes, ["dir/gone.bin is a pointer only: git lfs never fetched it"]);
    }
}
