//! Replies that try to write where they must not, through [`resolve`] and [`guard`](crate::patch::guard()) as every reply
//! goes: each is refused by a rule that names it, and none panics. For tests only.

use camino::Utf8Path;
use proptest::prelude::*;

use crate::model::{FileChange, Patch};
use crate::patch::{Policy, ReadFile, Shown, guard, mail, resolve, unified};

const MAIN: &str = "fn main() {\n    let total = 1;\n    println!(\"{total}\");\n}\n";

/// A tree that also has what an attacker would like to reach, and answers as the workspace does.
fn read(path: &Utf8Path) -> Result<Option<String>, String> {
    match path.as_str() {
        "src/main.rs" | "tests/it.rs" | ".github/workflows/ci.yml" | "Cargo.toml" => Ok(Some(MAIN.into())),
        "secret.env" => Ok(Some("TOKEN=x\n".into())),
        "link/out.txt" => Err("it lies behind a link that leads out of the project".into()),
        "logo.png" => Err("it is binary".into()),
        _ => Ok(None),
    }
}

/// Returns the rule that refuses a reply, or `applied` with what it would do.
fn fate(reply: &str) -> String {
    let refused = |refusal: crate::model::Refusal| {
        assert!(refusal.sentence.len() > 20, "{refusal:?}");
        refusal.rule
    };
    let resolved = match resolve(reply, &read, &Shown::default()) {
        Ok(resolved) => resolved,
        Err(refusal) => return refused(refusal),
    };
    match guard(&resolved.patch, &Policy::default(), &|_, _| Vec::new()) {
        Ok(()) => format!("applied\n{}", unified(&resolved.patch)),
        Err(refusal) => refused(refusal),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (reply, rule) in cases {
        assert_eq!(fate(reply), *rule, "{reply}");
    }
}

/// Words the creation of a file in a diff.
fn new_file(path: &str) -> String {
    format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n")
}

/// Words an edit of a file of the tree as a block.
fn block(path: &str) -> String {
    format!("{path}\n<<<<<<< SEARCH\n    let total = 1;\n=======\n    let total = 2;\n>>>>>>> REPLACE\n")
}

#[test]
fn an_honest_edit_passes() {
    assert!(fate(&block("src/main.rs")).starts_with("applied"));
}

#[test]
fn paths_out_of_the_tree_are_refused_in_every_form() {
    check(&[
        (&new_file("../evil"), "path-escape"),
        (&new_file("src/../../evil"), "path-escape"),
        ("--- ../evil\n+++ ../evil\n@@ -1 +1 @@\n-a\n+b\n", "path-escape"),
        ("--- /dev/null\n+++ \"b/\\056\\056/evil\"\n@@ -0,0 +1 @@\n+x\n", "path-escape"),
        ("--- /dev/null\n+++ /etc/cron.d/evil\n@@ -0,0 +1 @@\n+x\n", "absolute-path"),
        ("--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n", "absolute-path"),
        ("--- /dev/null\n+++ b/~/.bashrc\n@@ -0,0 +1 @@\n+x\n", "absolute-path"),
        ("--- ~/.bashrc\n+++ ~/.bashrc\n@@ -1 +1 @@\n-a\n+b\n", "absolute-path"),
        ("*** Begin Patch\n*** Add File: ../evil\n+x\n*** End Patch\n", "path-escape"),
        ("*** Begin Patch\n*** Add File: /tmp/evil\n+x\n*** End Patch\n", "absolute-path"),
        ("*** Begin Patch\n*** Delete File: /etc/passwd\n*** End Patch\n", "absolute-path"),
        (r#"{"path":"../evil","content":"x"}"#, "path-escape"),
        (r#"{"edits":[{"path":"/etc/passwd","search":"a","replace":"b"}]}"#, "absolute-path"),
        ("../evil\n<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE\n", "path-escape"),
        ("```rust ../../evil.rs\nx\n```\n", "path-escape"),
        (r#"{"path":"C:\\evil.bat","content":"x"}"#, "absolute-path"),
        (r#"{"path":"src\\..\\evil.rs","content":"x"}"#, "odd-path"),
    ]);
}

#[test]
fn gits_own_files_are_refused_however_they_are_spelt() {
    check(&[
        (&new_file(".git/hooks/pre-commit"), "git-folder"),
        (&new_file(".git/config"), "git-folder"),
        (&new_file(".GIT/config"), "git-folder"),
        (&new_file("sub/.Git/config"), "git-folder"),
        (&new_file("git~1/config"), "git-folder"),
        (&new_file("GIT~1/hooks/x"), "git-folder"),
        (&new_file(".git./config"), "git-folder"),
        (&new_file(".git::$INDEX_ALLOCATION/config"), "git-folder"),
        (&new_file(".g\u{200c}it/config"), "hidden-character"),
        (&new_file(".gitmodules"), "protected-path"),
        (&new_file(".gitattributes"), "protected-path"),
        ("*** Begin Patch\n*** Add File: .git/hooks/x\n+x\n*** End Patch\n", "git-folder"),
    ]);
}

#[test]
fn what_is_no_edit_of_a_text_is_refused() {
    let with =
        |line: &str| format!("diff --git a/x b/x\n{line}\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+/etc/passwd\n");
    check(&[
        (&with("new file mode 120000"), "symlink"),
        (&with("new file mode 160000"), "submodule"),
        (&with("new file mode 100755"), "file-mode"),
        ("diff --git a/src/main.rs b/src/main.rs\nold mode 100644\nnew mode 100755\n", "file-mode"),
        ("diff --git a/src/main.rs b/x\nsimilarity index 100%\nrename from src/main.rs\nrename to x\n", "rename"),
        (
            "diff --git a/secret.env b/public.txt\nsimilarity index 100%\ncopy from secret.env\ncopy to public.txt\n",
            "rename",
        ),
        ("diff --git a/secret.env b/secret.env\nrename from secret.env\nrename to public.txt\n", "rename"),
        ("diff --git a/logo.png b/logo.png\nGIT binary patch\nliteral 3\nKcmZ\n", "binary"),
        ("diff --git a/logo.png b/logo.png\nBinary files a/logo.png and b/logo.png differ\n", "binary"),
        ("--- a/logo.png\n+++ b/logo.png\n@@ -1 +1 @@\n-a\n+b\n", "unreadable"),
        ("--- a/link/out.txt\n+++ b/link/out.txt\n@@ -1 +1 @@\n-a\n+b\n", "unreadable"),
        (&new_file("link/out.txt"), "unreadable"),
        ("*** Begin Patch\n*** Update File: src/main.rs\n*** Move to: x.rs\n*** End Patch\n", "rename"),
        ("2c\n    let total = 2;\n.\nw\n", "ed-script"),
        ("--- a/src/main.rs\n+++ b/src/main.rs\n2c\n    let total = 2;\n.\n", "no-change"),
        ("@@@ -1,2 -1,2 +1,2 @@@\n- a\n -b\n++c\n", "combined-diff"),
    ]);
}

#[test]
fn headers_that_name_several_files_are_refused() {
    let body = "@@ -2 +2 @@\n-    let total = 1;\n+    let total = 2;\n";
    check(&[
        (
            &format!("diff --git a/README.md b/README.md\n--- a/src/main.rs\n+++ b/src/main.rs\n{body}"),
            "header-mismatch",
        ),
        (&format!("--- a/README.md\n+++ b/src/main.rs\n{body}"), "header-mismatch"),
        (&format!("diff --git a/src/main.rs b/tests/it.rs\n{body}"), "header-mismatch"),
        (&format!("diff --git \"a/src/main.rs\" b/tests/it.rs\n{body}"), "header-mismatch"),
        ("--- /dev/null\n+++ /dev/null\n@@ -0,0 +1 @@\n+x\n", "header-mismatch"),
    ]);
}

#[test]
fn a_second_edit_cannot_hide_behind_a_first() {
    let ci = "--- a/.github/workflows/ci.yml\n+++ b/.github/workflows/ci.yml\n@@ -2 +2 @@\n-    let total = 1;\n+    let total = 3;\n";
    let main = "--- a/src/main.rs\n+++ b/src/main.rs\n@@ -1,3 +1,3 @@\n fn main() {\n-    let total = 1;\n+    let total = 2;\n     println!(\"{total}\");\n";
    check(&[
        (&format!("{main}\nThat is all. {}\n\n{ci}", "Really. ".repeat(200)), "protected-path"),
        (&format!("```diff\n{main}```\nand\n{ci}"), "mixed-forms"),
        (&format!("{}\n{ci}", block("src/main.rs")), "mixed-forms"),
        (
            &format!("{}\n*** Begin Patch\n*** Delete File: tests/it.rs\n*** End Patch\n", block("src/main.rs")),
            "mixed-forms",
        ),
        (&block(".github/workflows/ci.yml"), "protected-path"),
        (&block("tests/it.rs"), "protected-path"),
        (&block("Cargo.toml"), "protected-path"),
        ("*** Begin Patch\n*** Delete File: tests/it.rs\n*** End Patch\n", "protected-path"),
        (&new_file("CLAUDE.md"), "protected-path"),
        (&new_file("conftest.py"), "protected-path"),
        (&new_file("src/main.rs.orig"), "protected-path"),
        (&new_file("src/main.rs.rej"), "protected-path"),
    ]);
}

#[test]
fn deceiving_characters_are_refused_in_code_and_in_paths() {
    let line = |text: &str| block("src/main.rs").replace("total = 2;", text);
    check(&[
        (&line("total = 2; // \u{202e}evil"), "hidden-character"),
        (&line("to\u{200b}tal = 2;"), "hidden-character"),
        (&line("total = 2; // \u{2066}x\u{2069}"), "hidden-character"),
        (&line("total = \"\u{1b}[31m\";"), "hidden-character"),
        (&line("total = 2;\u{8}"), "hidden-character"),
        ("--- /dev/null\n+++ \"b/a\\nb\"\n@@ -0,0 +1 @@\n+x\n", "hidden-character"),
        ("--- /dev/null\n+++ \"b/\\033[31mred\"\n@@ -0,0 +1 @@\n+x\n", "hidden-character"),
        (r#"{"path":"src/ma\u202ein.rs","content":"x"}"#, "hidden-character"),
    ]);
}

#[test]
fn replies_that_repeat_placeholders_or_break_off_are_refused() {
    let whole = block("src/main.rs");
    check(&[
        (&whole.replace("total = 2", "token = \"[REDACTED:token:ab12]\""), "placeholder"),
        (whole.strip_suffix(">>>>>>> REPLACE\n").unwrap(), "truncated"),
        ("```rust src/main.rs\nfn main() {\n    let tot", "truncated"),
        ("*** Begin Patch\n*** Update File: src/main.rs\n@@\n-    let total = 1;\n", "truncated"),
        ("", "no-edit"),
        ("The test is wrong; I changed nothing.", "no-edit"),
        (&whole.replace("let total = 2;", "// ... existing code ..."), "lazy-edit"),
    ]);
}

fn text() -> impl Strategy<Value = String> {
    let lines = [
        "a\n", "b {\n", "    c\n", "\td\n", "\n", "é\r\n", "-- x\n", "++ y\n", "@@ z\n", "```\n", "...\n", " \n", "end",
    ];
    prop::collection::vec(prop::sample::select(lines.to_vec()), 0..25).prop_map(|lines| lines.concat())
}

fn change(path: &'static str) -> impl Strategy<Value = Option<FileChange>> {
    (prop::option::of(text()), prop::option::of(text()))
        .prop_map(move |(before, after)| (before != after).then(|| FileChange { path: path.into(), before, after }))
}

fn patch() -> impl Strategy<Value = Patch> {
    let changes = (change("a.txt"), change("src/b c.rs"), change("ü/\"d\".py"));
    changes.prop_map(|(a, b, c)| Patch::new([a, b, c].into_iter().flatten().collect()).unwrap())
}

fn tree_before(patch: &Patch) -> impl Fn(&Utf8Path) -> Result<Option<String>, String> + use<> {
    let files = patch.changes().to_vec();
    move |path| Ok(files.iter().find(|change| change.path == path).and_then(|change| change.before.clone()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_rendered_patch_resolves_to_itself(patch in patch()) {
        prop_assume!(!patch.is_empty());
        let read = tree_before(&patch);
        let read: &ReadFile<'_> = &read;
        let resolved = resolve(&unified(&patch), read, &Shown::default()).map(|resolved| resolved.patch);
        prop_assert_eq!(resolved, Ok(patch.clone()), "{}", unified(&patch));
        let mail = mail(&patch, "mend it", "Because.", "Thu, 01 Jan 2026 00:00:00 +0000");
        prop_assert_eq!(resolve(&mail, read, &Shown::default()).map(|resolved| resolved.patch), Ok(patch));
    }

    #[test]
    fn a_patch_and_its_reverse_lead_back(patch in patch()) {
        let after = patch.reversed();
        let read = tree_before(&after);
        if !patch.is_empty() {
            let back = resolve(&unified(&after), &read, &Shown::default()).unwrap().patch;
            prop_assert!(patch.then(&back).unwrap().is_empty());
        }
    }

    #[test]
    fn no_reply_whatever_panics(pieces in prop::collection::vec(piece(), 0..40), noise in "\\PC{0,40}") {
        let reply = pieces.concat() + &noise;
        if let Ok(resolved) = resolve(&reply, &read, &Shown::default()) {
            for change in resolved.patch.changes() {
                prop_assert_eq!(&read(&change.path).unwrap(), &change.before);
            }
        }
    }
}

/// A piece of a reply: anything that means something to some form, or nothing at all.
fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "--- a/src/main.rs\n",
        "+++ b/src/main.rs\n",
        "@@ -1,4 +1,4 @@\n",
        "@@\n",
        "@@ fn main\n",
        " fn main() {\n",
        "-    let total = 1;\n",
        "+    let total = 2;\n",
        "     println!(\"{total}\");\n",
        " }\n",
        "\\ No newline at end of file\n",
        "diff --git a/src/main.rs b/src/main.rs\n",
        "<<<<<<< SEARCH\n",
        "=======\n",
        ">>>>>>> REPLACE\n",
        "src/main.rs\n",
        "```rust\n",
        "```\n",
        "*** Begin Patch\n",
        "*** End Patch\n",
        "*** Update File: src/main.rs\n",
        "*** Add File: new.rs\n",
        "{\"path\":\"src/main.rs\",",
        "\"search\":\"total\",\"replace\":\"sum\"}",
        "[",
        "\n",
        "fn main() {\n",
        "    let total = 1;\n",
        "}\n",
        "...\n",
        "&lt;",
        "\\n",
        "\u{feff}",
        "é",
        "\t",
        "-",
        "+",
        "12 | fn main() {\n",
    ];
    prop_oneof![8 => prop::sample::select(pieces.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}
