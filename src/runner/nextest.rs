//! `cargo nextest`: a process for each test, selected by filtersets.
//!
//! Taken where the project configures nextest or the user typed it; built like [`CargoTest`], whose ids are nextest's own.
//! It knows no doc tests. A test that vanished does not stop the others; when nothing matches nextest exits with 4.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{BuildReport, TestId};
use crate::runner::cargo_test::{build_options, cargo_invocation};
use crate::runner::{ARGUMENT_BYTES_MAX, Adopted, CargoTest, Invocation, Runner, Site, Suite, batches, nearest};

/// The runner; it holds nothing.
#[derive(Debug)]
pub struct Nextest;

/// What every run is told: each test once, every result on a line of its own, and a profile's own settings beside that.
const OPTIONS: &[&str] =
    &["--no-fail-fast", "--retries", "0", "--color", "never", "--status-level", "all", "--final-status-level", "none"];

/// Options with a value that change how tests behave, and are kept in every run.
const KEPT_WITH_VALUE: &[&str] = &["--profile", "-P", "--config-file", "--tool-config-file", "--run-ignored"];

/// The exit code of a run in which nothing was to run.
const NO_TESTS_RUN: i32 = 4;

impl Runner for Nextest {
    fn name(&self) -> &'static str {
        "cargo nextest"
    }

    fn detect(&self, dir: &Utf8Path, root: &Utf8Path) -> Option<Utf8PathBuf> {
        let manifest = nearest(dir, root, &["Cargo.toml"])?;
        nearest(dir, root, &[".config/nextest.toml"])?;
        Some(manifest)
    }

    fn adopt(&self, command: &[String]) -> Option<Adopted> {
        let at = command.iter().position(|word| word == "nextest" || word.ends_with("cargo-nextest"))?;
        let program = Utf8Path::new(command.first()?).file_name()?;
        let words: Vec<_> = command[at + 1..].iter().map(String::as_str).skip_while(|word| *word == "run").collect();
        let mut kept = Vec::new();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if KEPT_WITH_VALUE.contains(word) {
                kept.push((*word).to_owned());
                kept.extend(rest.next().map(ToString::to_string));
            } else if KEPT_WITH_VALUE.contains(&word.split('=').next().unwrap_or(word)) {
                kept.push((*word).to_owned());
            }
        }
        let build: Vec<_> = words.iter().filter(|word| !word.starts_with("--profile")).copied().collect();
        program.starts_with("cargo").then(|| Adopted { build: build_options(&build), test: kept })
    }

    fn needs(&self) -> &'static [&'static str] {
        &["cargo", "cargo-nextest"]
    }

    fn fetch(&self, site: &Site) -> Option<Invocation> {
        CargoTest.fetch(site)
    }

    fn build(&self, site: &Site) -> Option<Invocation> {
        CargoTest.build(site)
    }

    fn suites(&self, site: &Site, build: &BuildReport) -> Vec<Suite> {
        let tested = CargoTest.suites(site, build).into_iter().filter(|suite| suite.exact);
        tested.map(|suite| Suite { argv: nextest(site), cwd: site.dir.clone(), env: Vec::new(), ..suite }).collect()
    }

    fn list(&self, suite: &Suite) -> Option<Invocation> {
        let mut argv = suite.argv.clone();
        let run = argv.iter().position(|word| word == "run")?;
        argv.truncate(argv.iter().position(|word| OPTIONS.contains(&word.as_str())).unwrap_or(argv.len()));
        argv.splice(run..=run, ["list", "--message-format", "oneline", "--color", "never"].map(str::to_owned));
        argv.extend(["-E".to_owned(), format!("binary_id(={})", escaped(&suite.name))]);
        Some(Invocation { argv, cwd: suite.cwd.clone(), env: suite.env.clone(), ..Invocation::default() })
    }

    fn read_list(&self, suite: &Suite, output: &str) -> Vec<TestId> {
        let names = output.lines().filter_map(|line| line.strip_prefix(&suite.name)?.strip_prefix(' '));
        names.map(|name| TestId::new(&suite.name, name)).collect()
    }

    fn all(&self, site: &Site, suite: &Suite) -> Invocation {
        invocation(site, suite, &format!("binary_id(={})", escaped(&suite.name)))
    }

    fn only(&self, site: &Site, suite: &Suite, ids: &[TestId]) -> Vec<Invocation> {
        let batches = batches(ids, ARGUMENT_BYTES_MAX / 2, |id| id.name.len() + " | test(=)".len());
        let filters = batches.map(|ids| {
            let mut filter = format!("binary_id(={}) & (", escaped(&suite.name));
            for (n, id) in ids.iter().enumerate() {
                let or = if n == 0 { "" } else { " | " };
                let _ = write!(filter, "{or}test(={})", escaped(&id.name));
            }
            filter + ")"
        });
        filters.map(|filter| invocation(site, suite, &filter)).collect()
    }

    fn is_refusal(&self, code: i32) -> bool {
        code == NO_TESTS_RUN
    }

    fn canonical(&self, reported: &TestId, suite: &Suite, known: &[TestId]) -> Option<TestId> {
        CargoTest.canonical(reported, suite, known)
    }
}

fn nextest(site: &Site) -> Vec<String> {
    let mut argv = ["cargo", "nextest", "run"].map(str::to_owned).to_vec();
    argv.extend(site.adopted.build.iter().filter(|word| *word != "--doc").cloned());
    if site.offline {
        argv.push("--offline".to_owned());
    }
    argv.extend(OPTIONS.iter().map(|&word| word.to_owned()));
    argv.extend(site.adopted.test.iter().cloned());
    argv
}

fn invocation(site: &Site, suite: &Suite, filter: &str) -> Invocation {
    let argv = suite.argv.iter().cloned().chain(["-E".to_owned(), filter.to_owned()]).collect();
    let mut planned = cargo_invocation(site, argv);
    if site.detailed {
        planned.env.push(("RUST_BACKTRACE".to_owned(), "1".to_owned()));
    }
    Invocation { format: "nextest", merge: true, ..planned }
}

/// Escapes a name for a filterset's matcher (nextest's book, "Filterset DSL reference", on escape sequences).
fn escaped(name: &str) -> String {
    let mut escaped = String::new();
    for c in name.chars() {
        if matches!(c, '\\' | '(' | ')' | ',' | '/') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_typed_command_gives_what_is_built_and_the_profile() {
        let adopted = Nextest.adopt(&words("cargo nextest run -p cart --profile ci --features a name")).unwrap();
        assert_eq!((adopted.build, adopted.test), (words("-p cart --features a"), words("--profile ci")));
        assert_eq!(Nextest.adopt(&words("cargo test nextest")).map(|adopted| adopted.build), Some(Vec::new()));
    }

    #[test]
    fn names_are_escaped_as_filtersets_want_them() {
        assert_eq!(escaped(r"a::b(c),d\e"), r"a::b\(c\)\,d\\e");
    }
}
