//! What stands above the hunks of a file: names, modes, ids. Names must agree; what is no plain edit of a text is
//! refused.

use crate::model::Refusal;
use crate::patch::quote;

/// What the lines above the hunks say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// The two names of `diff --git`.
    git: Vec<String>,
    /// The name after `---`.
    old: Option<String>,
    /// The name after `+++`.
    new: Option<String>,
    /// Whether a line says the file is new.
    is_new: bool,
    /// Whether a line says the file is deleted.
    is_deleted: bool,
    /// Ids of the old and the new text.
    pub ids: Option<(String, String)>,
}

/// What a header comes down to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Spellings of the path, most likely first; empty when it names none.
    pub spellings: Vec<String>,
    /// Whether it creates the file.
    pub creates: bool,
    /// Whether it deletes the file.
    pub deletes: bool,
    /// Whether old and new names have each other's prefix.
    pub reversed: bool,
}

const NULL: &str = "/dev/null";

impl Header {
    /// Starts from a `diff --git` line.
    pub(super) fn from_git(line: &str) -> Result<Self, Refusal> {
        let names = git_names(line.strip_prefix("diff --git ").unwrap_or_default());
        let git = names.ok_or_else(|| {
            Refusal::new("odd-path", format!("the names in `{line}` cannot be told apart; quote them"))
        })?;
        Ok(Self { git, ..Self::default() })
    }

    /// Takes the `---` and `+++` lines.
    pub(super) fn take_names(&mut self, old: &str, new: &str) -> Result<(), Refusal> {
        self.old = Some(file_name(old.strip_prefix("--- ").unwrap_or(old))?);
        self.new = Some(file_name(new.strip_prefix("+++ ").unwrap_or(new))?);
        Ok(())
    }

    /// Tells whether `---` and `+++` were seen.
    pub(super) fn has_names(&self) -> bool {
        self.old.is_some()
    }

    /// Takes another line above the hunks; refuses what it stands for if that is no edit of a text.
    pub(super) fn take(&mut self, line: &str) -> Result<(), Refusal> {
        let line = line.trim_end();
        let no = |rule: &str, what: &str| Err(Refusal::new(rule, format!("`{line}`: {what}")));
        if let Some(mode) = line.strip_prefix("new file mode ") {
            self.is_new = true;
            return plain_mode(mode, line);
        }
        if let Some(mode) = line.strip_prefix("deleted file mode ") {
            self.is_deleted = true;
            return if matches!(mode, "120000" | "160000") { plain_mode(mode, line) } else { Ok(()) };
        }
        if let Some(ids) = line.strip_prefix("index ") {
            let (ids, mode) = ids.split_once(' ').unwrap_or((ids, "100644"));
            self.ids = ids.split_once("..").map(|(old, new)| (old.to_owned(), new.to_owned()));
            return if matches!(mode, "120000" | "160000") { plain_mode(mode, line) } else { Ok(()) };
        }
        let starts = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
        if starts(&["old mode ", "new mode "]) {
            return no("file-mode", "a patch may not change a file's mode");
        }
        if starts(&["rename ", "copy ", "similarity index", "dissimilarity index"]) {
            return no(
                "rename",
                "renaming and copying are not taken from a reply; delete the one file and add the other",
            );
        }
        if starts(&["GIT binary patch", "Binary files "]) {
            return no("binary", "a patch may only change texts");
        }
        Ok(())
    }

    /// Finds the one path all names stand for.
    pub(super) fn settle(&self) -> Result<Named, Refusal> {
        let names: Vec<&str> =
            self.git.iter().map(String::as_str).chain(self.old.as_deref()).chain(self.new.as_deref()).collect();
        let real: Vec<&str> = names.iter().copied().filter(|name| *name != NULL).collect();
        let creates = self.is_new || self.old.as_deref() == Some(NULL);
        let deletes = self.is_deleted || self.new.as_deref() == Some(NULL);
        let mut spellings = real.first().map(|name| variants(name)).unwrap_or_default();
        for name in &real {
            let variants = variants(name);
            spellings.retain(|spelling| variants.contains(spelling));
        }
        if spellings.is_empty() && !names.is_empty() || creates && deletes {
            let names = names.join("`, `");
            let sentence = format!("the header names different files (`{names}`); name one file, the same everywhere");
            return Err(Refusal::new("header-mismatch", sentence));
        }
        let starts = |name: &Option<String>, prefix: &str| name.as_deref().is_some_and(|name| name.starts_with(prefix));
        Ok(Named { spellings, creates, deletes, reversed: starts(&self.old, "b/") && starts(&self.new, "a/") })
    }
}

fn plain_mode(mode: &str, line: &str) -> Result<(), Refusal> {
    let (rule, what) = match mode {
        "100644" => return Ok(()),
        "120000" => ("symlink", "a patch may not make links"),
        "160000" => ("submodule", "a patch may not make submodules"),
        _ => ("file-mode", "a patch may only create plain files of mode 100644"),
    };
    Err(Refusal::new(rule, format!("`{line}`: {what}")))
}

/// Returns a name without the prefix of its side, and as it is.
fn variants(name: &str) -> Vec<String> {
    let name = name.strip_prefix("./").unwrap_or(name);
    let stripped = ["a/", "b/", "i/", "w/", "c/", "o/"].iter().find_map(|prefix| name.strip_prefix(prefix));
    stripped.into_iter().chain([name]).map(|name| name.strip_prefix("./").unwrap_or(name).to_owned()).collect()
}

/// Reads the name on a `---` or `+++` line: quoted, or up to a tab or a date.
fn file_name(text: &str) -> Result<String, Refusal> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.starts_with('"') {
        return quote::unquote(text).map(|(name, _)| name).ok_or_else(|| {
            Refusal::new("odd-path", format!("the name {text} is not quoted as git quotes; use a plain path"))
        });
    }
    let name = text.split('\t').next().unwrap_or(text).trim_end();
    let is_date = |word: &str| word.len() == 10 && word.as_bytes()[4] == b'-' && word.as_bytes()[7] == b'-';
    let name = match name.split_once(' ') {
        Some((path, rest)) if rest.split(' ').next().is_some_and(is_date) => path,
        _ => name,
    };
    Ok(name.trim_matches('`').to_owned())
}

/// Splits the two names of a `diff --git` line.
fn git_names(text: &str) -> Option<Vec<String>> {
    let text = text.trim_end();
    if text.contains('"') {
        let (first, rest) = match quote::unquote(text) {
            Some((name, rest)) => (name, rest.strip_prefix(' ')?),
            None => text.split_once(' ').map(|(name, rest)| (name.to_owned(), rest))?,
        };
        let second = if rest.starts_with('"') { quote::unquote(rest)?.0 } else { rest.to_owned() };
        return Some(vec![first, second]);
    }
    let tail = |name: &str| name.split_once('/').map_or(name.to_owned(), |(_, tail)| tail.to_owned());
    let mut splits =
        text.match_indices(' ').map(|(at, _)| text.split_at(at)).map(|(first, second)| (first, &second[1..]));
    let equal = splits.clone().find(|(first, second)| tail(first) == tail(second));
    let (first, second) = equal.or_else(|| splits.next())?;
    Some(vec![first.to_owned(), second.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settle(lines: &[&str]) -> Result<Vec<String>, String> {
        let mut header = Header::default();
        let mut at = 0;
        while at < lines.len() {
            let taken = match lines[at] {
                line if line.starts_with("diff --git") => Header::from_git(line).map(|new| header = new),
                line if line.starts_with("--- ") => {
                    at += 1;
                    header.take_names(line, lines[at])
                }
                line => header.take(line),
            };
            taken.map_err(|refusal| refusal.rule)?;
            at += 1;
        }
        header.settle().map(|named| named.spellings).map_err(|refusal| refusal.rule)
    }

    #[test]
    fn prefixes_dates_quotes_and_blanks_are_understood() {
        assert_eq!(settle(&["--- a/x.rs", "+++ b/x.rs"]).unwrap(), ["x.rs"]);
        assert_eq!(settle(&["--- x.rs\t2024-01-01 00:00:00", "+++ x.rs 2024-01-01 00:00:00 +0000"]).unwrap(), ["x.rs"]);
        assert_eq!(settle(&["--- a/x.rs", "+++ a/x.rs"]).unwrap(), ["x.rs", "a/x.rs"]);
        assert_eq!(settle(&["diff --git a/a b.rs b/a b.rs", "--- a/a b.rs\t", "+++ b/a b.rs\t"]).unwrap(), ["a b.rs"]);
        assert_eq!(settle(&[r#"--- "a/\303\244""#, r#"+++ "b/\303\244""#]).unwrap(), ["ä"]);
        assert_eq!(settle(&["--- /dev/null", "+++ b/x.rs"]).unwrap(), ["x.rs", "b/x.rs"]);
    }

    #[test]
    fn names_that_differ_anywhere_are_refused() {
        for lines in [
            ["diff --git a/x b/x", "--- a/x", "+++ b/y"].as_slice(),
            &["diff --git a/x b/x", "--- a/y", "+++ b/y"],
            &["diff --git a/x b/y", "--- a/x", "+++ b/x"],
            &["--- a/x", "+++ b/y"],
            &["--- /dev/null", "+++ /dev/null"],
        ] {
            assert_eq!(settle(lines), Err("header-mismatch".into()), "{lines:?}");
        }
    }

    #[test]
    fn whatever_is_no_edit_of_a_text_is_refused() {
        for (line, rule) in [
            ("new file mode 120000", "symlink"),
            ("deleted file mode 120000", "symlink"),
            ("index 1111111..2222222 120000", "symlink"),
            ("new file mode 160000", "submodule"),
            ("new file mode 100755", "file-mode"),
            ("old mode 100644", "file-mode"),
            ("new mode 100755", "file-mode"),
            ("rename from x", "rename"),
            ("copy to y", "rename"),
            ("similarity index 100%", "rename"),
            ("GIT binary patch", "binary"),
            ("Binary files a/x and b/x differ", "binary"),
        ] {
            assert_eq!(settle(&["diff --git a/x b/x", line]), Err(rule.into()), "{line}");
        }
    }
}
