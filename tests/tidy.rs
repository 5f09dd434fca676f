//! Holds the house rules that no compiler holds: floors, file sizes, first lines, registries, one home for each
//! instrument, and what may stand at the top of the repository.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors, bottom-up, as `src/lib.rs` lists them.
fn floors() -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut floors = vec![Vec::new()];
    for line in text.lines().filter(|line| !line.starts_with("//!")) {
        match line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
            Some(module) => floors.last_mut().unwrap().push(module.to_owned()),
            None => floors.push(Vec::new()),
        }
    }
    floors.retain(|floor| !floor.is_empty());
    floors
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// A file's text before its unit tests.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap()
}

/// Whether a file is compiled for tests only: the file that lists it says so.
fn is_test_file(name: &str) -> bool {
    let path = root().join(name);
    let (folder, stem) = (path.parent().unwrap(), path.file_stem().unwrap().to_str().unwrap());
    let listings = [folder.join("mod.rs"), folder.with_extension("rs")];
    let listed = listings.iter().filter_map(|listing| fs::read_to_string(listing).ok());
    listed.into_iter().any(|text| text.contains(&format!("#[cfg(test)]\nmod {stem};")))
}

/// Source files with what of them is compiled into the program.
fn product_sources() -> Vec<(String, String)> {
    let sources = sources("src").into_iter().filter(|(name, _)| !is_test_file(name));
    sources.map(|(name, text)| (name, product(&text).to_owned())).collect()
}

fn complain(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn a_module_uses_only_lower_floors() {
    let floors = floors();
    assert!(floors.len() >= 6, "{floors:?}");
    let floor_of: BTreeMap<&str, usize> = floors
        .iter()
        .enumerate()
        .flat_map(|(at, floor)| floor.iter().map(move |module| (module.as_str(), at)))
        .collect();
    let mut complaints = Vec::new();
    for (name, text) in product_sources() {
        let own = name.split('/').nth(1).unwrap().trim_end_matches(".rs").to_owned();
        let Some(own_floor) = floor_of.get(own.as_str()) else { continue };
        let code: String =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for used in code.split("crate::").skip(1) {
            let module: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            match floor_of.get(module.as_str()) {
                _ if module == own || module.is_empty() => {}
                Some(floor) if floor < own_floor => {}
                Some(_) => complaints.push(format!("{name} uses crate::{module}, which is not on a lower floor")),
                None => complaints.push(format!("{name} uses crate::{module}, which lib.rs does not list")),
            }
        }
    }
    complain(&complaints);
}

#[test]
fn every_module_is_on_a_floor() {
    let listed: Vec<String> = floors().concat();
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs").to_owned();
        assert!(["lib", "main"].contains(&module.as_str()) || listed.contains(&module), "{name} is not in lib.rs");
    }
}

#[test]
fn files_open_with_what_they_are_for_and_stay_small() {
    let mut complaints = Vec::new();
    for (name, text) in ["src", "tests", "benches"].iter().filter(|f| root().join(f).exists()).flat_map(|f| sources(f))
    {
        if !text.starts_with("//! ") {
            complaints.push(format!("{name} does not open with a `//!` line"));
        }
        let n_lines = product(&text).lines().count();
        if name.starts_with("src") && n_lines > 500 {
            complaints.push(format!("{name} has {n_lines} lines without tests; a second thing may live in it"));
        }
    }
    complain(&complaints);
}

#[test]
fn main_is_a_table_of_contents() {
    let text = fs::read_to_string(root().join("src/main.rs")).unwrap();
    assert!(text.lines().count() <= 30);
}

#[test]
fn nothing_reaches_around_the_house() {
    let mut complaints = Vec::new();
    for (name, text) in sources("src") {
        for (at, line) in text.lines().enumerate() {
            let code = line.trim_start();
            // The prelude of proptest brings the names its macros need.
            let is_test_glob = ["use super::*;", "use proptest::prelude::*;"].contains(&code);
            if code.contains("super::super") || (code.starts_with("use ") && code.ends_with("::*;") && !is_test_glob) {
                complaints.push(format!("{name}:{}: {code}", at + 1));
            }
        }
    }
    complain(&complaints);
}

/// Each instrument has one home: the text that only may stand there, and where.
const HOMES: &[(&str, &str)] = &[
    ("std::env::var", "src/config/"),
    ("process::Command::new", "src/process/"),
    ("reqwest::", "src/debugger/remote/"),
    ("rusqlite::", "src/knowledge/"),
    ("tree_sitter", "src/syntax/"),
    ("assume_clean", "src/text/redact"),
    ("quick_xml::", "src/ingest/"),
];

#[test]
fn each_instrument_has_one_home() {
    let mut complaints = Vec::new();
    for (name, text) in product_sources() {
        let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for (instrument, home) in HOMES {
            let is_definition = *instrument == "assume_clean" && name == "src/model/evidence.rs";
            if !name.starts_with(home) && !is_definition && code.iter().any(|line| line.contains(instrument)) {
                complaints.push(format!("{name} uses {instrument}, whose home is {home}"));
            }
        }
    }
    complain(&complaints);
}

#[test]
fn nothing_prints_below_the_roof() {
    let mut complaints = Vec::new();
    for (name, text) in product_sources() {
        let may = name.starts_with("src/cli/") || name.starts_with("src/report/") || name.starts_with("src/process/");
        for word in ["std::io::stdout", "std::io::stderr", "anstream::", "println!", "eprint!"] {
            if !may && text.contains(word) {
                complaints.push(format!("{name} uses {word}"));
            }
        }
    }
    complain(&complaints);
}

/// Folders whose every file is a member of a family, and the file that lists them.
const FAMILIES: &[&str] = &[
    "src/runner/mod.rs",
    "src/patch/reply/mod.rs",
    "src/debugger/template/mod.rs",
    "src/ingest/mod.rs",
    "src/report/mod.rs",
];

#[test]
fn registries_list_every_member() {
    let mut complaints = Vec::new();
    for registry in FAMILIES {
        let path = root().join(registry);
        let listed = fs::read_to_string(&path).unwrap();
        for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let module = name.trim_end_matches(".rs");
            if !["mod", "snapshots"].contains(&module) && !listed.contains(&format!("mod {module};")) {
                complaints.push(format!("{registry} does not list {name}"));
            }
        }
    }
    complain(&complaints);
}

#[test]
fn the_top_of_the_repository_holds_only_what_belongs_there() {
    const ALLOWED: &[&str] = &[
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "src",
        "tests",
        "benches",
        "fixtures",
        "action.yml",
        "target",
        "heal-out",
    ];
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.starts_with('.') || ALLOWED.contains(&name.as_str()), "{name} does not belong at the top");
    }
}

#[test]
fn fixture_projects_are_disarmed_and_say_what_is_broken() {
    for entry in fs::read_dir(root().join("fixtures/tree")).unwrap() {
        let project = entry.unwrap().path();
        let has = |file: &str| Path::new(&project).join(file).exists();
        assert!(has("README.md"), "{} has no README", project.display());
        assert!(!has("Cargo.toml"), "{} is armed: name its manifest Cargo_test.toml", project.display());
    }
}
