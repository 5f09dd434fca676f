//! Whole replies against small trees, from `fixtures/patch/NNN_name/{before/,reply.md,after/ | refusal.txt}`. Adding a
//! folder is adding a test. `shown.txt`, where there is one, lists what the model was shown: `path first last` a line.
//! For tests only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::Patch;
use crate::patch::{Shown, resolve, unified};

type Files = BTreeMap<Utf8PathBuf, String>;

/// Reads all files below a folder.
fn files(root: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = Utf8PathBuf::from_path_buf(path.strip_prefix(root).unwrap().to_owned()).unwrap();
            files.insert(name, fs_err::read_to_string(&path).unwrap());
        }
    }
    files
}

fn shown(folder: &Path) -> Shown {
    let mut shown = Shown::default();
    for line in fs_err::read_to_string(folder.join("shown.txt")).unwrap_or_default().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |index: usize| words[index].parse::<u32>().unwrap();
        shown.add(words[0], number(1)..number(2) + 1);
    }
    shown
}

fn applied(mut files: Files, patch: &Patch) -> Files {
    for change in patch.changes() {
        match &change.after {
            Some(text) => files.insert(change.path.clone(), text.clone()),
            None => files.remove(&change.path),
        };
    }
    files
}

fn check(folder: &Path) {
    let before = files(&folder.join("before"));
    let reply = fs_err::read_to_string(folder.join("reply.md")).unwrap();
    let read = |path: &Utf8Path| Ok(before.get(path).cloned());
    let resolved = resolve(&reply, &read, &shown(folder));
    let name = folder.display();
    if let Ok(expected) = fs_err::read_to_string(folder.join("refusal.txt")) {
        let refusal = resolved.map(|resolved| unified(&resolved.patch)).expect_err(&format!("{name} is refused"));
        let (rule, words) = expected.trim().split_once('\n').unwrap_or((expected.trim(), ""));
        assert_eq!(refusal.rule, rule, "{name}: {refusal}");
        assert!(words.lines().all(|words| refusal.sentence.contains(words)), "{name}: {refusal}");
    } else {
        let resolved = resolved.unwrap_or_else(|refusal| panic!("{name}: {} {refusal}", refusal.rule));
        let after = files(&folder.join("after"));
        assert_eq!(applied(before.clone(), &resolved.patch), after, "{name}: {:?}", resolved.matches);
    }
}

#[test]
fn every_reply_of_the_fixtures_comes_out_as_it_should() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/patch");
    let entries = fs_err::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|folder| folder.join("reply.md").exists()).collect();
    folders.sort();
    assert!(folders.len() >= 40, "{} fixtures", folders.len());
    for folder in folders {
        check(&folder);
    }
}
