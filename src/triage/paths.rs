//! Reported paths → the project's own files. It reads no disk: the project is the list of files it is given.

use std::collections::{HashMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::triage::Layout;

/// Parts of paths that are never the project's own code: toolchains, registries, installed packages.
const FOREIGN: &[&str] = &[
    "/rustc/",
    "/.cargo/registry/",
    "/.cargo/git/",
    "/.rustup/",
    "/library/alloc/src/",
    "/library/core/src/",
    "/library/std/src/",
    "/library/test/src/",
    "/node_modules/",
    "/node:",
    "/site-packages/",
    "/dist-packages/",
    "/lib/python",
    "/go/pkg/mod/",
    "/go/src/runtime/",
    "/go/src/testing/",
    "/java.base/",
    "/<",
];

/// File names so common that the name alone says nothing about which file is meant.
const COMMONPLACE: &[&str] = &[
    "__init__.py",
    "__main__.py",
    "build.rs",
    "conftest.py",
    "index.js",
    "index.jsx",
    "index.ts",
    "index.tsx",
    "lib.rs",
    "main.go",
    "main.py",
    "main.rs",
    "mod.rs",
    "setup.py",
    "tests.rs",
];

/// Folders that hold nothing but tests.
const TEST_FOLDERS: &[&str] = &["__tests__", "e2e", "spec", "specs", "test", "tests"];

/// Finds the project file a reported path means.
pub(super) struct Atlas<'a> {
    root: Vec<&'a str>,
    ordered: &'a [Utf8PathBuf],
    files: HashSet<&'a Utf8Path>,
    by_name: HashMap<&'a str, Vec<&'a Utf8Path>>,
}

/// How well a project file fits a reported path; the greater, the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    /// Trailing components in common.
    n_common: usize,
    /// Whether one of the two paths is wholly the other's end.
    whole: bool,
    /// Components that the hint names as well.
    n_hinted: usize,
}

impl<'a> Atlas<'a> {
    pub(super) fn new(layout: &'a Layout) -> Self {
        let mut by_name: HashMap<&str, Vec<&Utf8Path>> = HashMap::new();
        for file in &layout.files {
            by_name.entry(file.file_name().unwrap_or_default()).or_default().push(file);
        }
        let root = components(layout.root.as_str());
        Self { root, ordered: &layout.files, files: layout.files.iter().map(Utf8PathBuf::as_path).collect(), by_name }
    }

    /// Tells whether `path`, relative to the root, is a file of the project.
    pub(super) fn holds(&self, path: &Utf8Path) -> bool {
        self.files.contains(path)
    }

    /// Returns the project's files, in a fixed order.
    pub(super) fn files(&self) -> impl Iterator<Item = &'a Utf8Path> {
        self.ordered.iter().map(Utf8PathBuf::as_path)
    }

    /// Returns the project file that `reported` means: the one with the longest common end. Where several fit equally
    /// well, the one whose folders `hint` (a suite's or function's name) mentions; `None` when that leaves a doubt.
    pub(super) fn own(&self, reported: &Utf8Path, hint: &str) -> Option<Utf8PathBuf> {
        let slashed = reported.as_str().replace('\\', "/");
        let path = slashed.trim_start_matches("file://").trim_start_matches("webpack://");
        let parts = components(path);
        if is_absolute(path) && parts.starts_with(&self.root) && !self.root.is_empty() {
            return self.held(&parts[self.root.len()..]);
        }
        if !is_absolute(path)
            && let Some(own) = self.held(&parts)
        {
            return Some(own);
        }
        if is_foreign(reported) {
            return None;
        }
        self.nearest(&parts, is_absolute(path), hint)
    }

    fn held(&self, parts: &[&str]) -> Option<Utf8PathBuf> {
        let path = Utf8PathBuf::from(parts.join("/"));
        self.holds(&path).then_some(path)
    }

    fn nearest(&self, parts: &[&str], absolute: bool, hint: &str) -> Option<Utf8PathBuf> {
        let name = parts.last()?;
        let fits = self.by_name.get(name)?.iter().map(|file| (fit(file, parts, absolute, hint), *file));
        let mut best: Option<(Fit, &Utf8Path)> = None;
        let mut tied = false;
        for (fit, file) in fits {
            match best {
                Some((other, _)) if fit < other => {}
                Some((other, _)) if fit == other => tied = true,
                _ => (best, tied) = (Some((fit, file)), false),
            }
        }
        let (fit, file) = best.filter(|_| !tied)?;
        let telling = !COMMONPLACE.contains(name) || (fit.whole && (fit.n_common > 1 || !absolute));
        telling.then(|| file.to_owned())
    }
}

fn fit(file: &Utf8Path, reported: &[&str], absolute: bool, hint: &str) -> Fit {
    let own = components(file.as_str());
    let n_common = own.iter().rev().zip(reported.iter().rev()).take_while(|(a, b)| a == b).count();
    let words = || hint.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
    let named = |part: &&str| words().any(|word| word == *part || word.replace('_', "-") == *part);
    Fit {
        n_common,
        whole: n_common == own.len() || (!absolute && n_common == reported.len()),
        n_hinted: own.iter().filter(|part| named(part)).count(),
    }
}

/// Returns the components of a `/`-separated path, `.` dropped and `..` resolved.
fn components(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts
}

/// Tells whether a path as some machine reported it is absolute there; a Windows drive counts.
pub(super) fn is_absolute(path: &str) -> bool {
    path.starts_with(['/', '\\']) || path.as_bytes().get(1) == Some(&b':')
}

/// Tells whether a reported path is code of a toolchain or of an installed package.
pub(super) fn is_foreign(path: &Utf8Path) -> bool {
    let slashed = format!("/{}", path.as_str().replace('\\', "/"));
    FOREIGN.iter().any(|part| slashed.contains(part))
}

/// Returns the part of a reported path that is the same on every machine: all of a relative one, else the file's name.
pub(super) fn portable(path: &Utf8Path) -> String {
    let slashed = path.as_str().replace('\\', "/");
    let parts = components(&slashed);
    if is_absolute(&slashed) {
        parts.last().map(|name| (*name).to_owned()).unwrap_or_default()
    } else {
        parts.join("/")
    }
}

/// Tells by its name whether a file holds tests and nothing else, in the habits of the common test runners.
pub(super) fn is_test_file(path: &Utf8Path) -> bool {
    let in_test_folder = path.parent().is_some_and(|folder| folder.iter().any(|part| TEST_FOLDERS.contains(&part)));
    let name = path.file_name().unwrap_or_default();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let camel = matches!(extension, "java" | "kt" | "scala" | "groovy" | "cs" | "php" | "swift");
    in_test_folder
        || matches!(stem, "tests" | "conftest")
        || stem.starts_with("test_")
        || ["_test", "_tests", "_spec", ".test", ".spec"].iter().any(|end| stem.ends_with(end))
        || (camel && ["Test", "Tests", "TestCase", "IT", "Spec"].iter().any(|end| stem.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout(files: &[&str]) -> Layout {
        Layout { files: files.iter().map(Utf8PathBuf::from).collect(), root: "/home/me/shop".into() }
    }

    #[track_caller]
    fn check(files: &[&str], reported: &str, hint: &str, expected: Option<&str>) {
        let layout = layout(files);
        let own = Atlas::new(&layout).own(Utf8Path::new(reported), hint);
        assert_eq!(own.as_deref().map(Utf8Path::as_str), expected, "{reported}");
    }

    #[test]
    fn a_path_of_this_or_another_machine_or_a_container_is_found() {
        let files = &["src/cart.rs", "src/lib.rs", "web/src/cart.test.ts"];
        for reported in [
            "src/cart.rs",
            "./src/cart.rs",
            "web/../src/cart.rs",
            "/home/me/shop/src/cart.rs",
            "/builds/group/shop/src/cart.rs",
            r"C:\agent\_work\1\s\src\cart.rs",
            "file:///app/src/cart.rs",
            "/app/cart.rs",
        ] {
            check(files, reported, "", Some("src/cart.rs"));
        }
        check(files, "src/cart.test.ts", "", Some("web/src/cart.test.ts"));
    }

    #[test]
    fn registries_toolchains_and_packages_are_not_the_project() {
        let files = &["src/lib.rs", "src/cart.py", "src/index.js"];
        for reported in [
            "/home/ci/.cargo/registry/src/index.crates.io-1/serde-1.0/src/lib.rs",
            "/rustc/abc/library/core/src/lib.rs",
            "/home/me/shop/.venv/lib/python3.12/site-packages/src/cart.py",
            "/usr/lib/python3.11/src/cart.py",
            "node_modules/lodash/src/index.js",
            "node:internal/src/index.js",
            "<frozen importlib>/src/cart.py",
            "/home/me/shop/target/debug/build/x/out/src/lib.rs",
        ] {
            check(files, reported, "", None);
        }
    }

    #[test]
    fn of_two_files_that_fit_the_hinted_one_is_meant_and_without_a_hint_none() {
        let files = &["alpha/src/lib.rs", "beta-core/src/lib.rs"];
        check(files, "src/lib.rs", "", None);
        check(files, "src/lib.rs", "alpha", Some("alpha/src/lib.rs"));
        check(files, "src/lib.rs", "beta_core::integration", Some("beta-core/src/lib.rs"));
        check(
            &["a/com/shop/Cart.java", "b/org/Cart.java"],
            "Cart.java",
            "com.shop.Cart.total",
            Some("a/com/shop/Cart.java"),
        );
    }

    #[test]
    fn a_commonplace_name_alone_is_not_enough() {
        check(&["src/parser/mod.rs"], "/elsewhere/lexer/mod.rs", "", None);
        check(&["conftest.py"], "/elsewhere/conftest.py", "", None);
        check(&["src/parser/mod.rs"], "/ci/shop/src/parser/mod.rs", "", Some("src/parser/mod.rs"));
    }

    #[test]
    fn test_files_are_known_by_their_names_in_the_common_ecosystems() {
        for path in [
            "tests/it.rs",
            "src/tests.rs",
            "src/cart/tests/adds.rs",
            "cart_test.go",
            "test_cart.py",
            "conftest.py",
            "src/cart.test.tsx",
            "src/cart.spec.js",
            "a/CartTest.java",
            "a/CartIT.kt",
            "spec/cart_spec.rb",
            "__tests__/a.js",
        ] {
            assert!(is_test_file(Utf8Path::new(path)), "{path}");
        }
        for path in ["src/cart.rs", "src/testament.py", "latest.js", "src/contest.go", "src/Audit.java", "EXIT.rs"] {
            assert!(!is_test_file(Utf8Path::new(path)), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_reported_path_is_answered_with_a_project_file_or_none(reported in "\\PC{0,60}", hint in "\\PC{0,20}") {
            let layout = layout(&["src/a.rs", "b/src/a.rs", "lib.rs"]);
            let atlas = Atlas::new(&layout);
            if let Some(own) = atlas.own(Utf8Path::new(&reported), &hint) {
                prop_assert!(atlas.holds(&own));
            }
            portable(Utf8Path::new(&reported));
            is_test_file(Utf8Path::new(&reported));
        }

        #[test]
        fn the_folder_a_project_lies_in_on_another_machine_does_not_matter(folder in "(/[a-z]{1,8}){0,4}") {
            let layout = layout(&["src/cart.rs", "lib/cart.rs", "src/deep/total.rs"]);
            let reported = format!("{folder}/src/cart.rs");
            prop_assert_eq!(Atlas::new(&layout).own(Utf8Path::new(&reported), ""), Some("src/cart.rs".into()));
        }
    }
}
