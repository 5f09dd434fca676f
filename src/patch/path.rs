//! What a path in a reply may look like: relative, plain, inside the tree, outside `.git`. It asks no file system.

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::Refusal;
use crate::patch::hidden::is_hidden;

/// The longest path and the longest part of one, in bytes: what common file systems take.
const PATH_BYTES_MAX: usize = 4096;
const PART_BYTES_MAX: usize = 255;

/// Returns a path in the one form patches use (relative, `/`-separated, no `.`), or says why none may be used.
pub(crate) fn clean(raw: &str) -> Result<Utf8PathBuf, Refusal> {
    if let Some(c) = raw.chars().find(|&c| is_hidden(c) || c.is_control()) {
        let shown: String = raw.chars().flat_map(char::escape_debug).collect();
        let sentence =
            format!("the path `{shown}` holds the invisible character U+{:04X}; use a plain path", u32::from(c));
        return Err(Refusal::new("hidden-character", sentence));
    }
    if raw.starts_with(['/', '~', '\\']) || raw.as_bytes().get(1) == Some(&b':') {
        let sentence = format!("the path `{raw}` is not relative to the project root; name it from there");
        return Err(Refusal::new("absolute-path", sentence));
    }
    let mut path = Utf8PathBuf::new();
    for part in raw.split('/').filter(|part| !part.is_empty() && *part != ".") {
        judge_part(part, raw)?;
        path.push(part);
    }
    if path.as_str().is_empty() || path.as_str().len() > PATH_BYTES_MAX || raw.ends_with('/') {
        return Err(Refusal::new(
            "odd-path",
            format!("`{raw}` names no file; give the file's path from the project root"),
        ));
    }
    Ok(path)
}

fn judge_part(part: &str, whole: &str) -> Result<(), Refusal> {
    if part == ".." {
        let sentence = format!("the path `{whole}` climbs with `..`; name the file from the project root");
        return Err(Refusal::new("path-escape", sentence));
    }
    if is_git_folder(part) {
        return Err(Refusal::new(
            "git-folder",
            format!("the path `{whole}` lies in git's own folder, which no patch may touch"),
        ));
    }
    if part.len() > PART_BYTES_MAX || part.contains('\\') || part.ends_with(['.', ' ']) || part.starts_with(' ') {
        let sentence =
            format!("the path `{whole}` has the odd part `{part}`; use the path exactly as it is in the project");
        return Err(Refusal::new("odd-path", sentence));
    }
    Ok(())
}

/// Tells whether some file system takes `part` for `.git`: other case, trailing dots and spaces, a stream name, the
/// short name of NTFS, or characters HFS+ ignores (those are refused before).
fn is_git_folder(part: &str) -> bool {
    let name = part.split(':').next().unwrap_or(part).trim_end_matches(['.', ' ']).to_lowercase();
    name == ".git" || name.strip_prefix("git~").is_some_and(|n| n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Tells whether `path` ends with all parts of `tail`.
pub(crate) fn ends_with(path: &Utf8Path, tail: &Utf8Path) -> bool {
    path.as_str().strip_suffix(tail.as_str()).is_some_and(|head| head.is_empty() || head.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(raw: &str) -> String {
        clean(raw).map_or_else(|refusal| refusal.rule, Utf8PathBuf::into_string)
    }

    #[test]
    fn plain_paths_come_out_in_one_form() {
        assert_eq!(rule("./src//a b.rs"), "src/a b.rs");
        assert_eq!(rule("src/[id]/ä.ts"), "src/[id]/ä.ts");
        assert_eq!(rule(".github/workflows/ci.yml"), ".github/workflows/ci.yml");
    }

    #[test]
    fn paths_that_lead_out_of_the_tree_are_refused() {
        for path in ["../x", "src/../../x", "src/..", "a/../b"] {
            assert_eq!(rule(path), "path-escape", "{path}");
        }
        for path in ["/etc/passwd", "~/.ssh/id", "C:\\x", "c:/x", "\\\\server\\x", "//x"] {
            assert_eq!(rule(path), "absolute-path", "{path}");
        }
    }

    #[test]
    fn every_spelling_of_the_git_folder_is_refused() {
        for path in
            [".git/hooks/x", ".GIT/config", "a/.Git/x", "git~1/x", "GIT~2/x", ".git./x", ".git /x", ".git::$INDEX/x"]
        {
            assert_eq!(rule(path), "git-folder", "{path}");
        }
        assert_eq!(rule(".g\u{200c}it/x"), "hidden-character");
        assert_eq!(rule(".gitignore"), ".gitignore");
    }

    #[test]
    fn odd_paths_are_refused() {
        for path in ["", "src/", ".", "src\\a.rs", "a./b", "a/ b", &"x".repeat(256)] {
            assert_eq!(rule(path), "odd-path", "{path}");
        }
        assert_eq!(rule("a\nb"), "hidden-character");
        assert_eq!(rule("a\tb"), "hidden-character");
    }
}
