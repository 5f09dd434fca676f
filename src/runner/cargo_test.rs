//! `cargo test`: one build, then the test binaries started directly with `--exact`.
//!
//! Suites are named as cargo-nextest names its binaries: `alpha` (library), `alpha::integration` (file in `tests/`),
//! `alpha::bin/tool`, `alpha::example/x`, and `alpha::doc` for doc tests. Doc tests cannot be selected exactly, because
//! rustdoc splits its test arguments at white space (rust-lang/rust#39789): more of them run, only the wanted are judged.

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{BuildReport, BuildTarget, TestId};
use crate::runner::{ARGUMENTS_BYTES_MAX, Adopted, Invocation, Runner, Site, Suite, batches, nearest};

/// Cargo options that take a value and decide what is built.
const BUILD_OPTIONS_WITH_VALUE: &[&str] = &[
    "-p",
    "--package",
    "--exclude",
    "--features",
    "-F",
    "--profile",
    "--target",
    "--bin",
    "--example",
    "--test",
    "--bench",
    "--manifest-path",
    "--config",
    "-j",
    "--jobs",
];

/// Cargo options without a value that decide what is built.
const BUILD_OPTIONS: &[&str] = &[
    "--workspace",
    "--all",
    "--lib",
    "--bins",
    "--examples",
    "--tests",
    "--benches",
    "--all-targets",
    "--all-features",
    "--no-default-features",
    "--release",
    "-r",
    "--locked",
    "--frozen",
    "--offline",
    "--doc",
];

/// Options of libtest that change which tests exist or how they behave, and are kept in every run.
const TEST_OPTIONS: &[&str] = &["--ignored", "--include-ignored", "--nocapture", "--no-capture"];

/// The runner; it holds nothing.
#[derive(Debug)]
pub struct CargoTest;

impl Runner for CargoTest {
    fn name(&self) -> &'static str {
        "cargo test"
    }

    fn detect(&self, dir: &Utf8Path, root: &Utf8Path) -> Option<Utf8PathBuf> {
        nearest(dir, root, &["Cargo.toml"])
    }

    fn adopt(&self, command: &[String]) -> Option<Adopted> {
        let (program, rest) = command.split_first()?;
        if Utf8Path::new(program).file_name() != Some("cargo") {
            return None;
        }
        let mut words = rest.iter().map(String::as_str).skip_while(|word| word.starts_with('+'));
        let words: Vec<&str> = match words.next()? {
            "test" | "t" => words.collect(),
            _ => return None,
        };
        let (own, harness) = match words.iter().position(|word| *word == "--") {
            Some(at) => (&words[..at], &words[at + 1..]),
            None => (words.as_slice(), &[][..]),
        };
        let test = harness.iter().filter(|word| TEST_OPTIONS.contains(word));
        Some(Adopted { build: build_options(own), test: test.map(ToString::to_string).collect() })
    }

    fn needs(&self) -> &'static [&'static str] {
        &["cargo"]
    }

    fn fetch(&self, site: &Site) -> Option<Invocation> {
        Some(cargo_invocation(site, ["cargo", "fetch", "--locked"].map(str::to_owned).to_vec()))
    }

    fn build(&self, site: &Site) -> Option<Invocation> {
        let mut argv = cargo(site);
        argv.extend(["--no-run", "--no-fail-fast", "--message-format=json"].map(str::to_owned));
        argv.retain(|word| word != "--doc");
        Some(Invocation { format: BUILD_FORMAT, ..cargo_invocation(site, argv) })
    }

    fn suites(&self, site: &Site, build: &BuildReport) -> Vec<Suite> {
        let only_doc = site.adopted.build.iter().any(|word| word == "--doc");
        let only_some = site.adopted.build.iter().any(|word| selects_targets(word));
        let binaries = build.tests.iter().map(|(target, path)| binary(site, build, target, path));
        let documented = build.documented.iter().map(|target| doc_suite(site, target));
        let binaries = binaries.filter(|_| !only_doc);
        binaries.chain(documented.filter(|_| only_doc || !only_some)).collect()
    }

    fn list(&self, suite: &Suite) -> Option<Invocation> {
        let words = ["--list", "--format", "terse"];
        Some(suite_invocation(suite, words.map(str::to_owned), ""))
    }

    fn all(&self, site: &Site, suite: &Suite) -> Invocation {
        suite_invocation(suite, site.adopted.test.iter().cloned(), FORMAT)
    }

    fn only(&self, site: &Site, suite: &Suite, ids: &[TestId]) -> Vec<Invocation> {
        let options = || site.adopted.test.iter().cloned();
        if !suite.exact {
            let surplus = Some("rustdoc selects by the last word of a name");
            let one = |id: &TestId| suite_invocation(suite, options().chain(doc_filter(&id.name)), FORMAT);
            return ids.iter().map(|id| Invocation { surplus, ..one(id) }).collect();
        }
        let exact = || options().chain(["--exact".to_owned()]);
        let names = |batch: &[TestId]| batch.iter().map(|id| id.name.clone()).collect::<Vec<_>>();
        batches(ids, ARGUMENTS_BYTES_MAX, |id| id.name.len())
            .map(|batch| suite_invocation(suite, exact().chain(names(batch)), FORMAT))
            .collect()
    }

    fn canonical(&self, reported: &TestId, suite: &Suite, known: &[TestId]) -> Option<TestId> {
        let name = reported.name.as_str();
        let known = |suffix: &str| known.iter().any(|own| own.name == suffix);
        let is_here = reported.suite == suite.name || suite.aliases.contains(&reported.suite);
        if known(name) && (is_here || reported.suite.is_empty()) {
            return Some(TestId::new(&suite.name, name));
        }
        // Some reporters put the module path into the class name, with or without the crate in front.
        let joined = format!("{}::{name}", reported.suite);
        let own_names = suite.aliases.iter().chain([&suite.name]);
        let mut paths = own_names.filter_map(|own| joined.strip_prefix(own.as_str())?.strip_prefix("::"));
        let tail = paths.find(|path| known(path)).or_else(|| known(&joined).then_some(joined.as_str()))?;
        Some(TestId::new(&suite.name, tail))
    }
}

/// The format `ingest` reads the output as.
const FORMAT: &str = "cargo-test";

/// The format of what the build prints.
pub(crate) const BUILD_FORMAT: &str = "cargo-json";

fn binary(site: &Site, build: &BuildReport, target: &BuildTarget, path: &Utf8Path) -> Suite {
    if target.kind == "proc-macro" {
        return through_cargo(site, target);
    }
    let package_dir = target.manifest.parent().unwrap_or(&site.root).to_owned();
    let crate_name = target.name.replace('-', "_");
    let mut aliases = vec![target.name.clone(), crate_name.clone()];
    match target.kind.as_str() {
        "bin" => aliases = vec![format!("bin/{}", target.name), format!("bin/{crate_name}")],
        "test" => aliases.push("integration".to_owned()),
        _ => {}
    }
    let mut env = package_env(target, &package_dir);
    let libraries = path.parent().into_iter().chain(path.parent().and_then(Utf8Path::parent));
    let libraries: Vec<_> = libraries.map(Utf8Path::to_string).collect();
    let variable = if cfg!(target_os = "macos") { "DYLD_FALLBACK_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    env.push((variable.to_owned(), libraries.join(":")));
    if site.detailed {
        env.push(("RUST_BACKTRACE".to_owned(), "1".to_owned()));
    }
    if let Some(out_dir) = build.out_dirs.get(&target.package_id) {
        env.push(("OUT_DIR".to_owned(), out_dir.to_string()));
    }
    Suite { name: target.binary_id(), aliases, argv: vec![path.to_string()], cwd: package_dir, env, exact: true }
}

/// The variables cargo sets for a test process of a package (The Cargo Book, "Environment Variables").
fn package_env(target: &BuildTarget, package_dir: &Utf8Path) -> Vec<(String, String)> {
    let version = target.package_id.rsplit(['#', '@']).next().unwrap_or_default();
    let mut parts = version.splitn(3, '.');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let (major, minor, patch) = (part(), part(), part());
    let variables = [
        ("CARGO_MANIFEST_DIR", package_dir.to_string()),
        ("CARGO_MANIFEST_PATH", target.manifest.to_string()),
        ("CARGO_PKG_NAME", target.package.clone()),
        ("CARGO_PKG_VERSION", version.to_owned()),
        ("CARGO_PKG_VERSION_MAJOR", major),
        ("CARGO_PKG_VERSION_MINOR", minor),
        ("CARGO_PKG_VERSION_PATCH", patch.split(['-', '+']).next().unwrap_or_default().to_owned()),
        ("CARGO", "cargo".to_owned()),
    ];
    variables.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// The tests of a procedural macro link to the compiler's own libraries, which cargo knows how to find.
fn through_cargo(site: &Site, target: &BuildTarget) -> Suite {
    let mut argv = cargo(site);
    argv.extend(["--lib", "--package", &target.package, "--"].map(str::to_owned));
    let Invocation { argv, cwd, env, .. } = cargo_invocation(site, argv);
    let aliases = vec![target.name.clone(), target.name.replace('-', "_")];
    Suite { name: target.binary_id(), aliases, argv, cwd, env, exact: true }
}

fn doc_suite(site: &Site, target: &BuildTarget) -> Suite {
    let mut argv = cargo(site);
    argv.retain(|word| word != "--doc");
    argv.extend(["--doc", "--package", &target.package, "--"].map(str::to_owned));
    let invocation = cargo_invocation(site, argv);
    Suite {
        name: format!("{}::doc", target.package),
        aliases: vec![format!("{}::doc", target.name), format!("{}::doc", target.name.replace('-', "_"))],
        argv: invocation.argv,
        cwd: invocation.cwd,
        env: invocation.env,
        exact: false,
    }
}

/// The last word of a doc test's name, `9)` of `src/lib.rs - f (line 9)`, is all that rustdoc can select by.
fn doc_filter(name: &str) -> Option<String> {
    name.split_whitespace().next_back().map(str::to_owned)
}

fn cargo(site: &Site) -> Vec<String> {
    let mut argv = vec!["cargo".to_owned(), "test".to_owned()];
    argv.extend(site.adopted.build.iter().cloned());
    if site.offline && !argv.iter().any(|word| word == "--offline") {
        argv.push("--offline".to_owned());
    }
    argv
}

pub(super) fn cargo_invocation(site: &Site, argv: Vec<String>) -> Invocation {
    let env = vec![("CARGO_TARGET_DIR".to_owned(), site.build.to_string())];
    Invocation { argv, cwd: site.dir.clone(), env, ..Invocation::default() }
}

fn suite_invocation(suite: &Suite, words: impl IntoIterator<Item = String>, format: &'static str) -> Invocation {
    Invocation {
        argv: suite.argv.iter().cloned().chain(words).collect(),
        cwd: suite.cwd.clone(),
        env: suite.env.clone(),
        format,
        suite: Some(suite.name.clone()),
        ..Invocation::default()
    }
}

pub(super) fn build_options(words: &[&str]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let name = word.split('=').next().unwrap_or(word);
        if BUILD_OPTIONS.contains(word) || (name != *word && BUILD_OPTIONS_WITH_VALUE.contains(&name)) {
            kept.push((*word).to_owned());
        } else if BUILD_OPTIONS_WITH_VALUE.contains(word) {
            kept.push((*word).to_owned());
            kept.extend(words.next().map(ToString::to_string));
        }
    }
    kept
}

fn selects_targets(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word);
    matches!(
        name,
        "--lib" | "--bins" | "--examples" | "--tests" | "--benches" | "--all-targets" | "--bin" | "--example"
    ) || matches!(name, "--test" | "--bench")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let (root, build) = ("/tree".into(), "/build".into());
        Site { root, dir: "/tree/member".into(), build, adopted: Adopted::default(), offline: true, detailed: false }
    }

    fn target(kind: &str, name: &str) -> BuildTarget {
        BuildTarget {
            package_id: "path+file:///tree/member#my-pkg@1.2.3-rc.1".to_owned(),
            package: "my-pkg".to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            source: "/tree/member/src/lib.rs".into(),
            manifest: "/tree/member/Cargo.toml".into(),
            doctest: kind == "lib",
        }
    }

    fn built() -> Vec<Suite> {
        let tests = [("lib", "my_pkg"), ("bin", "my-pkg"), ("test", "integ")];
        let build = BuildReport {
            tests: tests.map(|(kind, name)| (target(kind, name), format!("/build/debug/deps/{name}-1").into())).into(),
            documented: vec![target("lib", "my_pkg")],
            ..BuildReport::default()
        };
        CargoTest.suites(&site(), &build)
    }

    fn words(command: &str) -> Vec<String> {
        command.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn suites_are_named_as_nextest_names_binaries() {
        let names: Vec<_> = built().into_iter().map(|suite| suite.name).collect();
        assert_eq!(names, ["my-pkg", "my-pkg::bin/my-pkg", "my-pkg::integ", "my-pkg::doc"]);
    }

    #[test]
    fn a_binary_runs_only_the_named_tests_in_its_packages_folder() {
        let suite = &built()[2];
        let plan = CargoTest.only(&site(), suite, &["a", "b::c"].map(|name| TestId::new(&suite.name, name)));
        assert_eq!(plan.len(), 1);
        assert_eq!(plan[0].argv, ["/build/debug/deps/integ-1", "--exact", "a", "b::c"]);
        assert_eq!(plan[0].cwd, "/tree/member");
        let version = plan[0].env.iter().find(|(name, _)| name == "CARGO_PKG_VERSION_PATCH").unwrap();
        assert_eq!(version.1, "3");
    }

    #[test]
    fn names_beyond_the_argument_limit_are_split_and_none_is_lost() {
        let ids: Vec<_> = (0..40_000).map(|n| TestId::new("my-pkg", format!("module::test_number_{n}"))).collect();
        let plan = CargoTest.only(&site(), &built()[0], &ids);
        assert!(plan.len() > 1);
        let asked: Vec<_> = plan.into_iter().flat_map(|one| one.argv.into_iter().skip(2)).collect();
        assert_eq!(asked, ids.into_iter().map(|id| id.name).collect::<Vec<_>>());
    }

    #[test]
    fn a_doc_test_is_selected_by_its_last_word() {
        let plan = CargoTest.only(&site(), &built()[3], &[TestId::new("my-pkg::doc", "src/lib.rs - f (line 9)")]);
        assert!(plan[0].surplus.is_some());
        let argv = words("cargo test --offline --doc --package my-pkg -- 9)");
        assert_eq!(plan[0].argv, argv);
        assert_eq!(plan[0].env, [("CARGO_TARGET_DIR".to_owned(), "/build".to_owned())]);
    }

    #[test]
    fn a_typed_command_decides_what_is_built_but_not_which_tests_run() {
        let command = "cargo +nightly test -p cart --features a,b some_filter --release -q -- --ignored --nocapture x";
        let adopted = CargoTest.adopt(&words(command)).unwrap();
        assert_eq!(adopted.build, words("-p cart --features a,b --release"));
        assert_eq!(adopted.test, ["--ignored", "--nocapture"]);
        assert_eq!(CargoTest.adopt(&words("make test")), None);
        assert_eq!(CargoTest.adopt(&words("cargo build")), None);
    }

    #[test]
    fn ids_of_other_reports_find_their_suite() {
        let suites = built();
        let check = |suite: &str, name: &str, at: usize| {
            let known = [TestId::new(&suites[at].name, "tests::adds")];
            CargoTest.canonical(&TestId::new(suite, name), &suites[at], &known).map(|id| id.to_string())
        };
        assert_eq!(check("my_pkg", "tests::adds", 0).as_deref(), Some("my-pkg tests::adds"));
        assert_eq!(check("", "tests::adds", 0).as_deref(), Some("my-pkg tests::adds"));
        assert_eq!(check("my_pkg::tests", "adds", 0).as_deref(), Some("my-pkg tests::adds"));
        assert_eq!(check("integ", "tests::adds", 0), None);
        assert_eq!(check("integ", "tests::adds", 2).as_deref(), Some("my-pkg::integ tests::adds"));
        assert_eq!(check("my_pkg", "tests::gone", 0), None);
    }
}
