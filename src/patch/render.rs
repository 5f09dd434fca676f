//! A patch as a git-style unified diff and as a mail. Both are derived for reading and for git; neither is ever the
//! patch itself.

use std::fmt::Write as _;
use std::ops::Range;

use crate::model::{FileChange, Patch};
use crate::patch::difference::{Group, groups};
use crate::patch::{blob, lines, quote};
use crate::text::words;

/// Unchanged lines shown around a change, as git does.
const CONTEXT_LINES: usize = 3;

/// How lines begin that `git am` takes for something else than the message; in the body they are indented.
const SPOKEN_FOR: &[&str] = &["---", "diff -", "Index: ", "@@ ", "From", ">From", "Date:", "Subject:", "Content-"];

/// Returns the patch as `git diff` words it, with the ids of the texts, so that `git apply --3way` can help itself. Every line ends with `\n`; line ends of the files
/// themselves are kept, so a changed `\r\n` shows as `\r`.
pub fn unified(patch: &Patch) -> String {
    patch.changes().iter().map(diff_of_file).collect()
}

/// Returns the patch as a mail that `git am` and `git apply` take, with subject, body and a summary of changed lines.
/// `date_rfc2822` is the author date; nothing here reads a clock. Files with `\r\n` need `git am --keep-cr`.
pub fn mail(patch: &Patch, subject: &str, body: &str, date_rfc2822: &str) -> String {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let body = escaped_body(body);
    format!(
        "From {:040} Mon Sep 17 00:00:00 2001\n\
         From: heal-tests <heal-tests@localhost>\n\
         Date: {}\n\
         Subject: [PATCH] {}\n\
         MIME-Version: 1.0\n\
         Content-Type: text/plain; charset=UTF-8\n\
         Content-Transfer-Encoding: 8bit\n\n\
         {body}---\n{}\n{}-- \nheal-tests {}\n",
        0,
        one_line(date_rfc2822),
        one_line(subject),
        summary(patch),
        unified(patch),
        env!("CARGO_PKG_VERSION"),
    )
}

/// Words a mail body so that no line of it can be taken for the end of the message, a patch or the next mail.
fn escaped_body(body: &str) -> String {
    let body = body.trim();
    if body.is_empty() {
        return String::new();
    }
    let spoken_for = |line: &str| SPOKEN_FOR.iter().any(|start| line.starts_with(start));
    let escape = |line: &str| if spoken_for(line) { format!("  {line}\n") } else { format!("{line}\n") };
    body.lines().map(escape).collect::<String>() + "\n"
}

fn summary(patch: &Patch) -> String {
    let counts: Vec<_> =
        patch.changes().iter().map(|change| (quote::quote(change.path.as_str()), counts(change))).collect();
    let width = counts.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (path, (gone, come)) in &counts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, " {path:width$} | {} {}", gone + come, bar(*gone, *come));
    }
    let (gone, come) = counts.iter().fold((0, 0), |sum, (_, (gone, come))| (sum.0 + gone, sum.1 + come));
    let files = words::count(counts.len(), "file");
    format!("{text} {files} changed, {}(+), {}(-)\n", words::count(come, "insertion"), words::count(gone, "deletion"))
}

fn bar(gone: usize, come: usize) -> String {
    let scale = |n: usize| if gone + come <= 40 { n } else { (n * 40).div_ceil(gone + come) };
    "+".repeat(scale(come)) + &"-".repeat(scale(gone))
}

fn counts(change: &FileChange) -> (usize, usize) {
    let before = lines::split(change.before.as_deref().unwrap_or_default());
    let after = lines::split(change.after.as_deref().unwrap_or_default());
    let groups = groups(&before, &after);
    (groups.iter().map(|group| group.before.len()).sum(), groups.iter().map(|group| group.after.len()).sum())
}

fn diff_of_file(change: &FileChange) -> String {
    let path = change.path.as_str();
    let (old, new) = (quote::quote(&format!("a/{path}")), quote::quote(&format!("b/{path}")));
    let mut text = format!("diff --git {old} {new}\n");
    match (&change.before, &change.after) {
        (None, _) => text.push_str("new file mode 100644\n"),
        (_, None) => text.push_str("deleted file mode 100644\n"),
        _ => {}
    }
    let ids = [&change.before, &change.after].map(|text| blob::id(text.as_deref()));
    text.extend(["index ", &ids[0], "..", &ids[1], "\n"]);
    let before = lines::split(change.before.as_deref().unwrap_or_default());
    let after = lines::split(change.after.as_deref().unwrap_or_default());
    let clusters = clusters(groups(&before, &after));
    if clusters.is_empty() {
        return text;
    }
    let side = |exists: bool, name: &str| if exists { header_name(name) } else { "/dev/null".to_owned() };
    let old = side(change.before.is_some(), &old);
    let new = side(change.after.is_some(), &new);
    text.extend(["--- ", &old, "\n+++ ", &new, "\n"]);
    text.extend(clusters.iter().map(|cluster| hunk(cluster, &before, &after)));
    text
}

/// A bare name with a space is followed by a tab, so that readers know where it ends.
fn header_name(name: &str) -> String {
    if name.contains(' ') && !name.starts_with('"') { format!("{name}\t") } else { name.to_owned() }
}

/// Joins groups whose context would touch.
fn clusters(groups: Vec<Group>) -> Vec<Vec<Group>> {
    let mut clusters: Vec<Vec<Group>> = Vec::new();
    for group in groups {
        match clusters.last_mut() {
            Some(cluster) if near(cluster, &group) => cluster.push(group),
            _ => clusters.push(vec![group]),
        }
    }
    clusters
}

fn near(cluster: &[Group], next: &Group) -> bool {
    cluster.last().is_some_and(|last| next.before.start - last.before.end <= 2 * CONTEXT_LINES)
}

fn hunk(cluster: &[Group], before: &[&str], after: &[&str]) -> String {
    let (Some(first), Some(last)) = (cluster.first(), cluster.last()) else { return String::new() };
    let lead = first.before.start.min(CONTEXT_LINES);
    let tail = (before.len() - last.before.end).min(CONTEXT_LINES);
    let old = first.before.start - lead..last.before.end + tail;
    let new = first.after.start - lead..last.after.end + tail;
    let mut text = format!("@@ -{} +{} @@\n", range(&old), range(&new));
    let mut at = old.start;
    for group in cluster {
        text.extend(before[at..group.before.start].iter().map(|line| signed(' ', line)));
        text.extend(before[group.before.clone()].iter().map(|line| signed('-', line)));
        text.extend(after[group.after.clone()].iter().map(|line| signed('+', line)));
        at = group.before.end;
    }
    text.extend(before[at..old.end].iter().map(|line| signed(' ', line)));
    text
}

/// Words a range of lines; an empty one names the line before it, as POSIX has it.
fn range(lines: &Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => (lines.start + 1).to_string(),
        n => format!("{},{n}", lines.start + 1),
    }
}

fn signed(sign: char, line: &str) -> String {
    match line.strip_suffix('\n') {
        Some(line) => format!("{sign}{line}\n"),
        None => format!("{sign}{line}\n\\ No newline at end of file\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn change(path: &str, before: Option<&str>, after: Option<&str>) -> FileChange {
        FileChange { path: path.into(), before: before.map(Into::into), after: after.map(Into::into) }
    }

    fn patch(changes: Vec<FileChange>) -> Patch {
        Patch::new(changes).unwrap()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "git is the judge of what git takes, and `process` is a sister module"
    )]
    fn git(folder: &Path, arguments: &[&str]) {
        let output = std::process::Command::new("git")
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@t",
                "-c",
                "core.autocrlf=false",
                "-c",
                "init.defaultBranch=m",
            ])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .current_dir(folder)
            .output()
            .expect("git is installed");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Makes a repository with the texts before, has git apply `text` by `arguments`, and checks the texts after.
    fn check_with_git(patch: &Patch, text: &str, arguments: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        fs_err::write(folder.path().join("other"), "1\n").unwrap();
        for change in patch.changes() {
            let target = folder.path().join(&change.path);
            fs_err::create_dir_all(target.parent().unwrap()).unwrap();
            if let Some(before) = &change.before {
                fs_err::write(target, before).unwrap();
            }
        }
        git(folder.path(), &["add", "-A"]);
        git(folder.path(), &["commit", "-qm", "before"]);
        let outside = tempfile::tempdir().unwrap();
        let file = outside.path().join("heal.patch");
        fs_err::write(&file, text).unwrap();
        git(folder.path(), &[arguments, &[file.to_str().unwrap()]].concat());
        for change in patch.changes() {
            let target = folder.path().join(&change.path);
            let found = target.exists().then(|| fs_err::read_to_string(&target).unwrap());
            assert_eq!(found, change.after, "{}\n{text}", change.path);
        }
    }

    fn varied() -> Patch {
        let long: String = (1..60).map(|n| format!("line {n}\n")).collect();
        let changed = long.replace("line 7\n", "").replace("line 20\n", "line 20\nnew\n").replace("line 59", "end");
        patch(vec![
            change("src/long.rs", Some(&long), Some(&changed)),
            change("no newline", Some("a\nb"), Some("a\nb\nc")),
            change("dropped/newline.txt", Some("a\nb\n"), Some("a\nb")),
            change("ä \"quoted\".txt", Some("x\n"), Some("y\n")),
            change("new folder/new.rs", None, Some("fn main() {}\n")),
            change("empty", None, Some("")),
            change("gone.rs", Some("-- a\n++ b"), None),
            change("gone too", Some(""), None),
            change("emptied", Some("x\n"), Some("")),
            change("filled", Some(""), Some("x\n")),
        ])
    }

    #[test]
    fn git_apply_takes_the_diff() {
        check_with_git(&varied(), &unified(&varied()), &["apply"]);
        check_with_git(&varied().reversed(), &unified(&varied().reversed()), &["apply", "--index"]);
    }

    #[test]
    fn git_apply_and_git_am_take_the_mail() {
        let body = "Why:\n--- a/x\n+++ b/x\ndiff --git a/x b/x\nFrom: nobody <no@body>\n";
        let mail = mail(&varied(), "mend  the\ncart: ä", body, "Thu, 01 Jan 2026 00:00:00 +0000");
        check_with_git(&varied(), &mail, &["apply"]);
        check_with_git(&varied(), &mail, &["am", "-q"]);
        assert!(mail.contains("Subject: [PATCH] mend the cart: ä\n"), "{mail}");
    }

    #[test]
    fn carriage_returns_survive_git() {
        let patch = patch(vec![change("a", Some("1\r\n2\r\n3\n"), Some("1\r\n2\n3\r\n"))]);
        check_with_git(&patch, &unified(&patch), &["apply"]);
        let mail = mail(&patch, "ends", "", "Thu, 01 Jan 2026 00:00:00 +0000");
        check_with_git(&patch, &mail, &["am", "-q", "--keep-cr"]);
    }

    #[test]
    fn a_diff_has_three_lines_of_context_and_joins_near_groups() {
        let before: String = (1..=20).map(|n| format!("{n}\n")).collect();
        let after = before.replace("\n5\n", "\nfive\n").replace("\n11\n", "\n").replace("\n20\n", "\n20\n21\n");
        insta::assert_snapshot!(unified(&Patch::edit("a", before, after)), @r"
        diff --git a/a b/a
        index 0ff3bbb9c8bb..b5e4d1e43066
        --- a/a
        +++ b/a
        @@ -2,13 +2,12 @@
         2
         3
         4
        -5
        +five
         6
         7
         8
         9
         10
        -11
         12
         13
         14
        @@ -18,3 +17,4 @@
         18
         19
         20
        +21
        ");
    }

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a\n", "b\n", "-- \n", "c\r\n", "\n", " d"]), 0..40)
            .prop_map(|lines| lines.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn git_makes_of_the_diff_what_the_patch_says(before in text(), after in text()) {
            let patch = Patch::edit("a", before, after);
            if !patch.is_empty() {
                check_with_git(&patch, &unified(&patch), &["apply", "--whitespace=nowarn"]);
            }
        }
    }
}
