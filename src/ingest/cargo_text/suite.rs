//! The suites of cargo's text log: see the rule in the parent module.

use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::{pattern, suite_name};

/// `     Running tests/integ.rs (target/debug/deps/integ-0123456789abcdef)`, without file until 1.60, or a command line.
static RUNNING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^ +Running (?:(?P<unit>unittests)(?: (?P<unit_file>[^(]+?))? |(?P<file>[^(`]+?) )?[(`](?P<path>[^)`]+)")
});

/// `   Doc-tests alpha`
static DOC_TESTS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^ +Doc-tests (?P<name>\S+)$"));

/// `lib test`, `bin "tool" test`, `test "integ"` and so on, as cargo names what it could not compile.
static TARGET: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"^(?P<kind>lib|bin|test|example|bench)(?: "(?P<name>[^"]+)")?"#));

/// `  process didn't exit successfully: `…` (signal: 6, SIGABRT: process abort signal)`
static PROCESS_ENDED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^ *process didn't exit successfully: `(?P<command>[^`]*)` \((?P<how>.+)\)$"));

/// Tells whether a line of cargo's says that a test binary failed.
pub(in crate::ingest) fn says_failed(line: &str) -> bool {
    let said = ["error: test failed, to rerun pass", "error: doctest failed, to rerun pass", "error: bench failed"];
    said.iter().any(|words| line.starts_with(words))
}

/// Returns what a line of cargo's says of a process that ended badly: its command, and how it ended.
pub(in crate::ingest) fn process_end(line: &str) -> Option<(&str, &str)> {
    line.trim_start_matches(' ').strip_prefix("process didn't exit")?;
    let found = PROCESS_ENDED.captures(line)?;
    Some((found.name("command")?.as_str(), found.name("how")?.as_str()))
}

/// Tells whether a command runs `binary`, or without one, what runs doctests.
pub(in crate::ingest) fn runs(command: &str, binary: Option<&str>) -> bool {
    command.split(' ').any(|word| file_name(word) == binary.unwrap_or("rustdoc"))
}

/// Returns the suite that a header line of cargo opens, and the file name of its binary.
pub(in crate::ingest) fn of_header(line: &str) -> Option<(String, Option<String>)> {
    let words = line.strip_prefix("  ")?.trim_start_matches(' ');
    if words.starts_with("Doc-tests ") {
        let found = DOC_TESTS.captures(line)?;
        return Some((format!("{}::doc", suite_name(&found["name"])), None));
    }
    let found = RUNNING.captures(words.strip_prefix("Running ").map(|_| line)?)?;
    let name = name_of_binary(&found["path"]);
    let file = found.name("unit_file").or(found.name("file")).map(|file| file.as_str()).unwrap_or_default();
    let kind = match file {
        _ if file.starts_with("benches/") => "bench/",
        _ if file.starts_with("examples/") => "example/",
        _ if found.name("unit").is_none() => "",
        _ if file.starts_with("src/bin/") || file.ends_with("src/main.rs") => "bin/",
        _ => "",
    };
    let path = found["path"].split(' ').next().unwrap_or_default();
    Some((format!("{kind}{}", suite_name(name)), Some(file_name(path).to_owned())))
}

/// Returns the suite of what cargo could not compile, from the package and the words in parentheses after it.
pub(super) fn of_target(package: &str, target: &str) -> String {
    let package = suite_name(package).replace('-', "_");
    let Some(found) = TARGET.captures(target) else { return package };
    match (&found["kind"], found.name("name")) {
        ("test", Some(name)) => suite_name(name.as_str()).replace('-', "_"),
        (kind, Some(name)) => format!("{kind}/{}", suite_name(name.as_str()).replace('-', "_")),
        (_, None) => package,
    }
}

/// Returns the last component of a path.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Takes the name out of a binary's path: the file without hash, extension and arguments.
fn name_of_binary(path: &str) -> &str {
    let file = file_name(path.split(' ').next().unwrap_or(path));
    let file = file.strip_suffix(".exe").unwrap_or(file);
    match file.rsplit_once('-') {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_their_suites() {
        for (line, suite) in [
            ("     Running unittests src/lib.rs (target/debug/deps/alpha-33dce163a32a6a6d)", "alpha"),
            ("     Running unittests (target/1.60.0/debug/deps/old-1fbd292b19cc7412)", "old"),
            ("     Running unittests src/main.rs (target/debug/deps/tool-33dce163a32a6a6d)", "bin/tool"),
            ("     Running unittests src/bin/tool.rs (target/debug/deps/tool-33dce163a32a6a6d)", "bin/tool"),
            ("     Running unittests examples/e.rs (target/debug/examples/e-33dce163a32a6a6d)", "example/e"),
            ("     Running benches/b.rs (target/debug/deps/b-33dce163a32a6a6d)", "bench/b"),
            ("     Running tests/integ.rs (target/debug/deps/integ-33dce163a32a6a6d)", "integ"),
            ("     Running tests\\integ.rs (target\\debug\\deps\\integ-33dce163a32a6a6d.exe)", "integ"),
            ("     Running `/home/user/alpha/target/debug/deps/alpha-33dce163a32a6a6d --nocapture`", "alpha"),
            ("   Doc-tests alpha", "alpha::doc"),
        ] {
            assert_eq!(of_header(line).map(|(name, _)| name).as_deref(), Some(suite), "{line}");
        }
        let line = "     Running tests/integ.rs (target/debug/deps/integ-33dce163a32a6a6d)";
        assert_eq!(of_header(line).unwrap().1.as_deref(), Some("integ-33dce163a32a6a6d"));
        assert_eq!(of_header("Running unittests (a)"), None);
        assert_eq!(of_header("   Compiling alpha v0.1.0 (/home/user/alpha)"), None);
    }

    #[test]
    fn a_process_that_ended_is_known_by_its_binary() {
        let line = "  process didn't exit successfully: `/u/target/debug/deps/alpha-33dce163a32a6a6d --format json` (signal: 6, SIGABRT: x)";
        let (command, how) = process_end(line).unwrap();
        assert_eq!(how, "signal: 6, SIGABRT: x");
        assert!(runs(command, Some("alpha-33dce163a32a6a6d")) && !runs(command, Some("alpha")) && !runs(command, None));
        assert!(runs("/home/u/.cargo/bin/rustdoc --edition=2024", None));
    }

    #[test]
    fn what_could_not_be_compiled_has_the_suite_that_would_have_run() {
        for (package, target, suite) in [
            ("alpha", "lib test", "alpha"),
            ("my-crate", "lib", "my_crate"),
            ("alpha", "bin \"my-tool\" test", "bin/my_tool"),
            ("alpha", "test \"integ\"", "integ"),
            ("alpha", "build script", "alpha"),
            ("alpha", "", "alpha"),
        ] {
            assert_eq!(of_target(package, target), suite);
        }
    }
}
