//! Ways around the tests that show in the text: code that behaves differently under test, ends the process before a
//! check, or switches a test off. A table; it understands no language.

use std::sync::LazyLock;

use regex::Regex;

use crate::model::{FileChange, Refusal};
use crate::patch::lines;

/// One way around the tests. To add one: one line in [`EVASIONS`].
struct Evasion {
    /// Extensions of the files it is looked for in.
    extensions: &'static [&'static str],
    /// The pattern, for text from which all white space has been removed.
    pattern: &'static str,
    /// What it does, for the sentence.
    what: &'static str,
}

const RUST: &[&str] = &["rs"];
const PYTHON: &[&str] = &["py", "pyi", "pyx"];
const SCRIPT: &[&str] = &["js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte"];
const GO: &[&str] = &["go"];
const JVM: &[&str] = &["java", "kt", "kts", "scala", "groovy"];
const RUBY: &[&str] = &["rb"];
const C: &[&str] = &["c", "h", "cc", "cpp", "cxx", "hpp", "hh"];

#[rustfmt::skip]
const EVASIONS: &[Evasion] = &[
    Evasion { extensions: RUST, pattern: r"cfg!\((?:[^;{}]*[(,])?test[),]", what: "asks whether it is under test" },
    Evasion { extensions: RUST, pattern: r"#!?\[cfg(?:_attr)?\((?:[^\]]*[(,])?test[),]", what: "compiles differently under test" },
    Evasion { extensions: RUST, pattern: r"#\[ignore[\]=(]|#\[cfg_attr\([^\]]*,ignore", what: "switches a test off" },
    Evasion { extensions: RUST, pattern: r"#\[should_panic[\](]|,should_panic", what: "turns a failure into a pass" },
    Evasion { extensions: RUST, pattern: r"process::(?:exit|abort)|process::\{[^}]*(?:exit|abort)|libc::_?exit", what: "ends the process" },
    Evasion { extensions: RUST, pattern: r#""(?:NEXTEST|RUST_TEST_|CARGO_TARGET_TMPDIR|CARGO_BIN_EXE_)"#, what: "asks whether it is under test" },
    Evasion { extensions: RUST, pattern: r"unsafeimpl(?:<[^{]*>)?(?:Partial)?Eq", what: "redefines equality" },
    Evasion { extensions: PYTHON, pattern: r"os\._exit\(|sys\.exit\(|os\.abort\(|os\.kill\(os\.getpid", what: "ends the process" },
    Evasion { extensions: PYTHON, pattern: r"PYTEST_|modules.{0,40}(?:pytest|unittest)|(?:pytest|unittest).{0,9}insys\.modules", what: "asks whether it is under test" },
    Evasion { extensions: PYTHON, pattern: r"SkipTest|pytest\.(?:skip|xfail|exit)|mark\.(?:skip|xfail)|unittest\.(?:skip|expectedFailure)", what: "switches a test off" },
    Evasion { extensions: PYTHON, pattern: r"importpytest|frompytest|import_pytest|from_pytest|importunittest|fromunittest", what: "brings the test framework into product code" },
    Evasion { extensions: PYTHON, pattern: r"def__eq__\(self,\w+(?::[^)]*)?\)(?:->\w+)?:returnTrue", what: "redefines equality" },
    Evasion { extensions: SCRIPT, pattern: r"process\.(?:exit|abort|kill|reallyExit)\(", what: "ends the process" },
    Evasion { extensions: SCRIPT, pattern: r"JEST_WORKER_ID|VITEST|(?:NODE_ENV.{0,6}===?|===?.{0,12}NODE_ENV).{0,3}test|import\.meta\.vitest", what: "asks whether it is under test" },
    Evasion { extensions: SCRIPT, pattern: r"(?:^|[^\w.])(?:it|test|describe)\.(?:skip|only|todo|fails)|(?:^|[^\w.])(?:xit|xdescribe|xtest|fit|fdescribe)\(", what: "switches tests off" },
    Evasion { extensions: GO, pattern: r"os\.Exit\(|syscall\.Exit\(|runtime\.Goexit\(", what: "ends the process" },
    Evasion { extensions: GO, pattern: r#"testing\.Testing\(\)|flag\.Lookup\("test\.|"testing"|strings\.HasSuffix\(os\.Args\[0\],"\.test""#, what: "asks whether it is under test" },
    Evasion { extensions: GO, pattern: r"\.Skip(?:f|Now)?\(", what: "switches a test off" },
    Evasion { extensions: JVM, pattern: r"System\.exit\(|Runtime\.getRuntime\(\)\.(?:exit|halt)|exitProcess\(", what: "ends the process" },
    Evasion { extensions: JVM, pattern: r"@Disabled|@Ignore\b|Assumptions?\.assume|assumeTrue\(|assumeFalse\(", what: "switches a test off" },
    Evasion { extensions: JVM, pattern: r"org\.junit|org\.testng|surefire", what: "asks whether it is under test" },
    Evasion { extensions: RUBY, pattern: r"(?:^|[^\w.])exit!?\(|Process\.exit|Kernel\.exit|abort\(", what: "ends the process" },
    Evasion { extensions: RUBY, pattern: r"defined\?\(?(?:RSpec|Minitest)|RAILS_ENV.{0,6}test|Rails\.env\.test\?", what: "asks whether it is under test" },
    Evasion { extensions: C, pattern: r"(?:^|[^\w.>])_?exit\(|(?:^|[^\w.>])abort\(|quick_exit\(", what: "ends the process" },
    Evasion { extensions: C, pattern: r"GTEST_SKIP|DISABLED_", what: "switches a test off" },
];

#[expect(clippy::expect_used, reason = "constant patterns, compiled by every test")]
static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    EVASIONS.iter().map(|evasion| Regex::new(evasion.pattern).expect("the table holds patterns")).collect()
});

/// Refuses a change after which the file holds more of some evasion than before, or holds it in a line it did not.
pub(super) fn judge(change: &FileChange) -> Result<(), Refusal> {
    let extension = change.path.extension().unwrap_or_default().to_ascii_lowercase();
    let before = change.before.as_deref().unwrap_or_default();
    let after = change.after.as_deref().unwrap_or_default();
    let known: std::collections::HashSet<&str> = before.lines().map(str::trim).collect();
    let (before, after_squeezed) = (squeezed(before), squeezed(after));
    for (evasion, pattern) in EVASIONS.iter().zip(PATTERNS.iter()) {
        if !evasion.extensions.contains(&extension.as_str()) {
            continue;
        }
        let new_line = after
            .lines()
            .enumerate()
            .find(|(_, line)| !known.contains(line.trim()) && pattern.is_match(&squeezed(line)))
            .map(|(index, line)| format!("`{}` (line {}) ", line.trim(), index + 1));
        let more = pattern.find_iter(&after_squeezed).count() > pattern.find_iter(&before).count();
        if more || new_line.is_some() {
            let what = new_line.unwrap_or_else(|| "the change ".to_owned());
            let sentence = format!("in {}, {what}{}; mend the fault itself", change.path, evasion.what);
            return Err(Refusal::new("test-evasion", sentence));
        }
    }
    Ok(())
}

/// Removes white space and whole-line comments, so that neither layout nor an explanation decides.
fn squeezed(text: &str) -> String {
    let is_comment = |line: &str| {
        let line = line.trim_start();
        line.starts_with("//") || line.starts_with("# ") || line.starts_with("* ")
    };
    let code = text.lines().filter(|line| !lines::is_blank(line) && !is_comment(line));
    code.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str, before: &str, after: &str) -> Option<String> {
        let change = FileChange { path: path.into(), before: Some(before.into()), after: Some(after.into()) };
        judge(&change).err().map(|refusal| format!("{} {}", refusal.rule, refusal.sentence))
    }

    #[test]
    fn each_kind_is_caught_in_its_language() {
        #[rustfmt::skip]
        let table = [
            ("a.rs", "if cfg!(test) { return 4; }"), ("a.rs", "#[cfg(test)]\nfn f() {}"), ("a.rs", "#[cfg(not(test))]"),
            ("a.rs", "#[cfg(\n    any(feature = \"x\", test)\n)]"), ("a.rs", "#[ignore]"), ("a.rs", "#[ignore = \"flaky\"]"),
            ("a.rs", "#[should_panic(expected = \"x\")]"), ("a.rs", "std::process::exit(0);"), ("a.rs", "use std::process::{self, exit};"),
            ("a.rs", "#[cfg_attr(test, derive(PartialEq))]"), ("a.rs", "std::env::var(\"NEXTEST\")"),
            ("a.py", "os._exit(0)"), ("a.py", "if 'pytest' in sys.modules:"), ("a.py", "if os.environ.get('PYTEST_CURRENT_TEST'):"),
            ("a.py", "def __eq__(self, other):\n    return True"), ("a.js", "process.exit(0)"), ("a.ts", "if (process.env.NODE_ENV === 'test') {"),
            ("a.js", "describe.skip('x', () => {})"), ("a.go", "if testing.Testing() {"), ("a.go", "t.Skip(\"x\")"), ("a.java", "@Disabled"),
            ("a.java", "System.exit(0);"), ("a.rb", "exit!(0)"), ("a.c", "exit(0);"),
        ];
        for (path, line) in table {
            assert!(refused(path, "", line).is_some_and(|found| found.starts_with("test-evasion")), "{path}: {line}");
        }
    }

    #[test]
    fn honest_code_is_not_caught() {
        #[rustfmt::skip]
        let table = [
            ("a.rs", "fn test() {}"), ("a.rs", "#[cfg(feature = \"test-support\")]"), ("a.rs", "#[cfg(unix)]"), ("a.rs", "let exit = 1;"),
            ("a.rs", "// std::process::exit(0) would be wrong here"), ("a.py", "# os._exit(0) is not used"), ("a.py", "exit_code = 1"),
            ("a.js", "emit('x'); wait.skip()"), ("a.go", "skip := true"), ("a.txt", "cfg!(test)"), ("a.c", "on_exit(f); obj.exit();"),
        ];
        for (path, line) in table {
            assert_eq!(refused(path, "", line), None, "{path}");
        }
    }

    #[test]
    fn what_was_there_may_stay_and_move_but_not_multiply() {
        let old = "fn f() {\n    std::process::exit(1);\n}\n";
        assert_eq!(refused("a.rs", old, "fn g() {}\nfn f() {\n    log();\n        std::process::exit(1);\n}\n"), None);
        assert!(refused("a.rs", old, &old.repeat(2)).is_some());
        assert!(refused("a.rs", old, "fn f() {\n    std::process::exit(0);\n}\n").is_some());
    }

    #[test]
    fn the_sentence_names_the_line() {
        let sentence = refused("src/a.rs", "fn f() {\n}\n", "fn f() {\n    if cfg!(test) { return }\n}\n").unwrap();
        assert!(sentence.contains("src/a.rs") && sentence.contains("line 2"), "{sentence}");
    }
}
