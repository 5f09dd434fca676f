//! `go test`: patterns for each level of names, results as JSON events.
//!
//! A test's suite is its package's import path. A subtest runs inside its parents, which therefore run too: they are
//! surplus. Names in reports are those that patterns match (blanks as `_`, `#01` behind twins), so that nothing has to be
//! translated. When nothing matches go exits with 0, and nothing is counted as passed.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{BuildReport, TestId};
use crate::runner::{ARGUMENT_BYTES_MAX, Adopted, Invocation, Runner, Site, Suite, batches, nearest};

/// The runner; it holds nothing.
#[derive(Debug)]
pub struct GoTest;

/// Flags without a value that decide what is built or how tests behave.
const KEPT: &[&str] = &["-race", "-short", "-msan", "-asan", "-trimpath"];

/// Flags with a value that do.
const KEPT_WITH_VALUE: &[&str] =
    &["-tags", "-mod", "-modfile", "-ldflags", "-gcflags", "-cpu", "-parallel", "-p", "-timeout", "-shuffle", "-vet"];

impl Runner for GoTest {
    fn name(&self) -> &'static str {
        "go test"
    }

    fn detect(&self, dir: &Utf8Path, root: &Utf8Path) -> Option<Utf8PathBuf> {
        nearest(dir, root, &["go.mod"])
    }

    fn adopt(&self, command: &[String]) -> Option<Adopted> {
        let program = |word: &String| Utf8Path::new(word).file_name().map(str::to_owned);
        let at = command.iter().position(|word| program(word).as_deref() == Some("go"));
        let words = match at {
            Some(at) if command.get(at + 1).is_some_and(|word| word == "test") => &command[at + 2..],
            Some(_) => return None,
            None => {
                let at = command.iter().position(|word| program(word).as_deref() == Some("gotestsum"))?;
                let rest = &command[at + 1..];
                rest.iter().position(|word| word == "--").map_or(&[][..], |at| &rest[at + 1..])
            }
        };
        let mut adopted = Adopted::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let flag = word.replacen("--", "-", 1);
            let name = flag.split('=').next().unwrap_or(&flag);
            if KEPT_WITH_VALUE.contains(&flag.as_str()) {
                adopted.test.push(format!("{flag}={}", words.next().map_or("", |value| value)));
            } else if KEPT.contains(&name) || KEPT_WITH_VALUE.contains(&name) {
                adopted.test.push(flag);
            } else if flag == "-run" {
                words.next();
            } else if flag == "-args" {
                break;
            } else if !flag.starts_with('-') {
                adopted.build.push(flag);
            }
        }
        Some(adopted)
    }

    fn needs(&self) -> &'static [&'static str] {
        &["go"]
    }

    /// Compiles and links every test binary into go's cache, and runs nothing.
    fn fetch(&self, site: &Site) -> Option<Invocation> {
        Some(invocation(site, ["go", "mod", "download"].map(str::to_owned).to_vec()))
    }

    fn build(&self, site: &Site) -> Option<Invocation> {
        let mut argv = go_test(site);
        argv.push("-run=^$".to_owned());
        argv.extend(packages(site));
        Some(invocation(site, argv))
    }

    fn suites(&self, site: &Site, _: &BuildReport) -> Vec<Suite> {
        vec![Suite::of_project(site, &[])]
    }

    fn list(&self, _: &Suite) -> Option<Invocation> {
        None
    }

    fn all(&self, site: &Site, _: &Suite) -> Invocation {
        invocation(site, go_test(site).into_iter().chain(packages(site)).collect())
    }

    fn only(&self, site: &Site, _: &Suite, ids: &[TestId]) -> Vec<Invocation> {
        let mut packages: BTreeMap<&str, Vec<TestId>> = BTreeMap::new();
        for id in ids {
            packages.entry(&id.suite).or_default().push(id.clone());
        }
        let mut plan = Vec::new();
        for (package, ids) in packages {
            let size = |id: &TestId| 2 * id.name.len() + "^$|".len();
            for ids in batches(&ids, ARGUMENT_BYTES_MAX / 2, size) {
                let patterns: Vec<_> = ids.iter().map(|id| pattern(&id.name)).collect();
                let mut argv = go_test(site);
                argv.extend([format!("-run={}", patterns.join("|")), package.to_owned()]);
                let is_nested = ids.iter().any(|id| id.name.contains('/'));
                let surplus = is_nested.then_some("a subtest runs inside its parents");
                plan.push(Invocation { surplus, ..invocation(site, argv) });
            }
        }
        plan
    }
}

fn go_test(site: &Site) -> Vec<String> {
    let mut argv = ["go", "test", "-json", "-count=1"].map(str::to_owned).to_vec();
    argv.extend(site.adopted.test.iter().cloned());
    argv
}

fn packages(site: &Site) -> Vec<String> {
    if site.adopted.build.is_empty() { vec!["./...".to_owned()] } else { site.adopted.build.clone() }
}

fn invocation(site: &Site, argv: Vec<String>) -> Invocation {
    let env = site.offline.then(|| ("GOPROXY".to_owned(), "off".to_owned())).into_iter().collect();
    Invocation { argv, cwd: site.dir.clone(), env, format: "go-json", ..Invocation::default() }
}

/// Returns the pattern that matches exactly one test: each level of its name by itself.
fn pattern(name: &str) -> String {
    name.split('/').map(|level| format!("^{}$", regex::escape(level))).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn site() -> Site {
        let adopted = Adopted { build: Vec::new(), test: words("-race") };
        let (root, dir, build) = ("/t".into(), "/t".into(), "/b".into());
        Site { root, dir, build, adopted, offline: true, detailed: false }
    }

    #[test]
    fn tests_are_selected_level_by_level_and_package_by_package() {
        let ids =
            [TestId::new("shop/a", "TestX"), TestId::new("shop/a", "TestY/a_b(c)"), TestId::new("shop/b", "TestX")];
        let plan = GoTest.only(&site(), &Suite::of_project(&site(), &[]), &ids);
        let argv: Vec<_> = plan.iter().map(|one| one.argv.join(" ")).collect();
        assert_eq!(
            argv,
            [
                r"go test -json -count=1 -race -run=^TestX$|^TestY$/^a_b\(c\)$ shop/a",
                "go test -json -count=1 -race -run=^TestX$ shop/b"
            ]
        );
        assert_eq!(plan.iter().map(|one| one.surplus.is_some()).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_command_gives_its_packages_and_what_changes_behaviour() {
        let adopted = GoTest.adopt(&words("go test -v -tags a,b --race -run TestX ./cart/... -args x")).unwrap();
        assert_eq!((adopted.build, adopted.test), (words("./cart/..."), words("-tags=a,b -race")));
        let adopted = GoTest.adopt(&words("gotestsum --format dots -- -short ./...")).unwrap();
        assert_eq!((adopted.build, adopted.test), (words("./..."), words("-short")));
        assert_eq!(GoTest.adopt(&words("go vet ./...")), None);
    }
}
