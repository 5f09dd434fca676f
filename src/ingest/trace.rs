//! Stack frames and places in failure text, as the runtimes of the common languages print them.
//!
//! Rust has its own reader in `panic`. Paths stay as printed; whether they exist is for others to find out.

use std::sync::{LazyLock, OnceLock};

use camino::Utf8PathBuf;
use regex::{Captures, Regex, RegexSet};

use crate::ingest::{pattern, patterns};
use crate::model::{Frame, Location};

/// Number of frames kept of one failure.
pub(super) const FRAMES_MAX: usize = 64;

/// Bytes of text searched for frames: a stack overflow prints more than anyone reads.
const SEARCHED_MAX: usize = 64 << 10;

/// Which end of a trace is printed first.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    InnermostFirst,
    OutermostFirst,
}

/// The runtimes' ways to print a frame, the more telling first: the first that is found in a text reads the whole of it.
/// The groups are `file`, `line` and where printed `column` and `function`.
const SHAPES: &[(Order, &str)] = &[
    // Java, Kotlin, Scala, Groovy: the file has no folder, see `file_of_class`.
    (
        Order::InnermostFirst,
        r"^\s*at (?:[\w.$@-]*/)*(?P<function>[^()\s/][^()]*)\((?P<file>[\w$]+\.(?:java|kt|scala|groovy)):(?P<line>\d+)\)",
    ),
    // C# and its kin; Mono prints an offset before the file and no `line`.
    (
        Order::InnermostFirst,
        r"^\s*at (?P<function>.+?)(?: \[0x[0-9a-f]+\])? in (?P<file>[^<].*?):(?:line )?(?P<line>\d+)\s*$",
    ),
    // Dart: what its test runner prints, and what its machine does.
    (
        Order::InnermostFirst,
        r"^\s*(?P<file>(?:package:|dart:|[A-Za-z]:)?[^\s:]+\.dart) (?P<line>\d+):(?P<column>\d+) +(?P<function>\S.*)$",
    ),
    (
        Order::InnermostFirst,
        r"^#\d+ +(?P<function>.+?) \((?P<file>(?:package:|dart:|file:///)?[^\s:()]+\.dart):(?P<line>\d+):(?P<column>\d+)\)$",
    ),
    // JavaScript.
    (
        Order::InnermostFirst,
        r"^\s*at (?:async )?(?:(?P<function>[^()]+?) \()?(?:file://)?(?P<file>/?[^\s():][^():]*?|[A-Za-z]:[^():]+?):(?P<line>\d+):(?P<column>\d+)\)?$",
    ),
    // Vitest's own.
    (
        Order::InnermostFirst,
        r"^\s*❯ (?:(?P<function>[^\s:]+(?: \[as [^\]]+\])?) )?(?P<file>/?[^\s:]+):(?P<line>\d+):(?P<column>\d+)$",
    ),
    // V8 frames without `at`, as node prints them in YAML, and Firefox's `f@file:1:2`.
    (
        Order::InnermostFirst,
        r"^\s*(?:async )?(?:(?P<function>[\w.<>$ ]+?) \()?(?:file://)?(?P<file>/?[^\s():]*[/.][^\s():]+):(?P<line>\d+):(?P<column>\d+)\)?$",
    ),
    (
        Order::InnermostFirst,
        r"^\s*(?P<function>[^\s@]*)@(?:file://)?(?P<file>/?[^\s:]+):(?P<line>\d+):(?P<column>\d+)$",
    ),
    // Python's tracebacks, and pytest's last lines of an entry.
    (Order::OutermostFirst, r#"^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?"#),
    (Order::OutermostFirst, r"^(?P<file>[^\s:][^:]*\.pyx?):(?P<line>\d+): "),
    // Go: goroutine traces, and `t.Error` lines.
    (Order::InnermostFirst, r"^\s*(?P<file>\S+\.go):(?P<line>\d+)(?:: | \+0x|$)"),
    // Ruby, PHP, Perl.
    (Order::InnermostFirst, r"^\s*(?:from |# )?(?P<file>[^\s:]+\.rb):(?P<line>\d+):in ['`](?P<function>.+)'"),
    (Order::InnermostFirst, r"^(?:#\d+ )?(?P<file>/?[^\s:()]+\.php)(?::|\()(?P<line>\d+)\)?"),
    (Order::InnermostFirst, r"^#?\s*at (?P<file>\S+\.(?:t|pl|pm)) line (?P<line>\d+)\.?$"),
    (
        Order::InnermostFirst,
        r"^#? ?\((?:from function `(?P<function>[^']+)' )?in (?:test )?file (?P<file>.+), line (?P<line>\d+)\)?",
    ),
    // The kernel's KUnit.
    (Order::InnermostFirst, r"^(?:# )?\S+: (?:EXPECTATION|ASSERTION) FAILED at (?P<file>[^\s:]+):(?P<line>\d+)$"),
    // C's assert: `cart: cart.cpp:11: int add(): Assertion `a == b' failed.`
    (
        Order::InnermostFirst,
        r"^(?:[^\s:]+: )?(?P<file>[^\s:]+\.[A-Za-z]\w{0,5}):(?P<line>\d+): (?P<function>[^:]+(?:::[^:]+)*): Assertion `",
    ),
    // Compilers, googletest, Catch2 and whoever else begins a line with a place.
    (
        Order::InnermostFirst,
        r"^\s*(?:at )?(?P<file>[^\s:()]+\.[A-Za-z]\w{0,5}):(?P<line>\d+)(?::(?P<column>\d+))?(?:\W|$)",
    ),
];

/// All shapes at once, to find out which lines are frames at all.
static ANY: LazyLock<RegexSet> =
    LazyLock::new(|| patterns(&SHAPES.iter().map(|(_, shape)| *shape).collect::<Vec<_>>()));

/// Each shape by itself, to take a frame apart; compiled when a text has it.
static EACH: [OnceLock<Regex>; SHAPES.len()] = [const { OnceLock::new() }; SHAPES.len()];

/// Parts of paths that tell a library or the runtime from the project's own files.
const FOREIGN: &[&str] = &[
    "/rustc/",
    "/.cargo/registry/",
    "node_modules/",
    "node:",
    "internal/",
    "site-packages/",
    "dist-packages/",
    "lib/python",
    "/usr/lib/",
    "java/",
    "jdk/",
    "sun/",
    "org/junit/",
    "junit/",
    "org/hamcrest/",
    "org/assertj/",
    "/go/src/",
    "/vendor/",
    "/gems/",
    "xunit.assert/",
    "dart:",
    "package:test",
    "package:matcher/",
    "package:flutter",
];

/// Finds the frames in `text`, innermost first.
pub(super) fn frames(text: &str) -> Vec<Frame> {
    let text = &text[..text.floor_char_boundary(SEARCHED_MAX)];
    let lines = text.lines().map(str::trim_end);
    let lines: Vec<_> = lines.filter_map(|line| Some((ANY.matches(line).iter().next()?, line))).collect();
    let Some(first) = lines.iter().map(|(shape, _)| *shape).min() else { return Vec::new() };
    let (order, shape) = SHAPES[first];
    let shape = EACH[first].get_or_init(|| pattern(shape));
    let mut frames: Vec<_> = lines.iter().filter_map(|(_, line)| frame(shape, line)).collect();
    if order == Order::OutermostFirst {
        frames.reverse();
    }
    frames.truncate(FRAMES_MAX);
    frames
}

/// Returns the innermost place that does not look like a library's, else the innermost.
pub(super) fn own_place(frames: &[Frame]) -> Option<Location> {
    let is_own = |frame: &&Frame| !is_foreign(&frame.location);
    frames.iter().find(is_own).or(frames.first()).map(|frame| frame.location.clone())
}

/// Tells whether a place looks like a library's.
pub(super) fn is_foreign(place: &Location) -> bool {
    FOREIGN.iter().any(|part| place.file.as_str().contains(part))
}

/// Makes a location of the groups `file`, `line` and `column`; `None` when a number is no line number.
pub(super) fn location(found: &Captures<'_>) -> Option<Location> {
    place(
        found.name("file")?.as_str(),
        found.name("line")?.as_str(),
        found.name("column").map(|column| column.as_str()),
    )
}

/// Makes a location of its printed parts; lines and columns that count from 0 become 1.
pub(super) fn place(file: &str, line: &str, column: Option<&str>) -> Option<Location> {
    let file = file.strip_prefix("file://").unwrap_or(file);
    let file = file.strip_prefix("./").unwrap_or(file);
    if file.is_empty() {
        return None;
    }
    let line = line.parse::<u32>().ok()?.max(1);
    let column = column.and_then(|column| column.parse::<u32>().ok()).map(|column| column.max(1));
    Some(Location { file: Utf8PathBuf::from(file), line, column })
}

fn frame(shape: &Regex, line: &str) -> Option<Frame> {
    let found = shape.captures(line)?;
    let mut location = location(&found)?;
    let function = found.name("function").map(|function| function.as_str().trim().to_owned());
    if let Some(file) = function.as_deref().and_then(|function| file_of_class(function, location.file.as_str())) {
        location.file = file;
    }
    Some(Frame { function: function.filter(|function| !function.is_empty()), location })
}

/// Puts a JVM file into its package's folder: `com.acme.Cart$Item.add` and `Cart.java` are `com/acme/Cart.java`.
fn file_of_class(function: &str, file: &str) -> Option<Utf8PathBuf> {
    let is_jvm = [".java", ".kt", ".scala", ".groovy"].iter().any(|extension| file.ends_with(extension));
    if !is_jvm || file.contains('/') {
        return None;
    }
    let (class, _method) = function.rsplit_once('.')?;
    let (package, _class) = class.rsplit_once('.')?;
    Some(Utf8PathBuf::from(format!("{}/{file}", package.replace('.', "/"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, places: &[&str]) {
        let found: Vec<_> = frames(text).iter().map(|frame| frame.location.to_string()).collect();
        assert_eq!(found, places, "{text}");
    }

    #[test]
    fn frames_of_every_runtime_are_read_innermost_first() {
        check(
            "java.lang.AssertionError: x\n\tat org.junit.Assert.fail(Assert.java:88)\n\tat com.acme.CartTest.adds(CartTest.java:12)",
            &["org/junit/Assert.java:88", "com/acme/CartTest.java:12"],
        );
        check("cart: src/cart.cpp:11: int shop::add(): Assertion `a == b' failed.", &["src/cart.cpp:11"]);
        check("\tat com.acme.CartTest.adds two, or more(CartTest.kt:12)", &["com/acme/CartTest.kt:12"]);
        check(
            "\tat app//com.acme.CartTest.adds(CartTest.java:12)\n\tat java.base@17.0.1/java.util.List.of(List.java:3)",
            &["com/acme/CartTest.java:12", "java/util/List.java:3"],
        );
        check("  at Acme.Cart.Add(Int32 n) in C:\\src\\Cart.cs:line 42", &["C:\\src\\Cart.cs:42"]);
        check(
            "  at Acme.Cart.Add (System.Int32 n) [0x0009c] in /u/Cart.cs:82 \n  at A.B () [0x00009] in <b67d2f60bf>:0 ",
            &["/u/Cart.cs:82"],
        );
        check(
            "package:test_api          expect\npackage:shop/cart.dart 2:3  add\ntest/cart_test.dart 13:9  main.<fn>.<fn>\n",
            &["package:shop/cart.dart:2:3", "test/cart_test.dart:13:9"],
        );
        check(
            "#0      add (package:shop/cart.dart:2:3)\n#1      main.<anonymous closure> (file:///u/cart_test.dart:13:9)",
            &["package:shop/cart.dart:2:3", "/u/cart_test.dart:13:9"],
        );
        check(
            "Error: x\n    at add (/home/u/cart.js:3:9)\n    at file:///home/u/a.test.mjs:4:1\n    at node:internal/process:95:5",
            &["/home/u/cart.js:3:9", "/home/u/a.test.mjs:4:1"],
        );
        check(
            "/home/u/cart.js:2:53\nTestContext.<anonymous> (file:///home/u/a.mjs:4:178)\nasync f (node:internal/x:1:2)",
            &["/home/u/cart.js:2:53", "/home/u/a.mjs:4:178"],
        );
        check(
            "Traceback (most recent call last):\n  File \"/u/t.py\", line 9, in test_a\n    add()\n  File \"/u/m.py\", line 2, in add",
            &["/u/m.py:2", "/u/t.py:9"],
        );
        check("E   assert 1 == 2\n\ntests/test_a.py:7: AssertionError", &["tests/test_a.py:7"]);
        check("    cart_test.go:12: got 1, want 2", &["cart_test.go:12"]);
        check("\t/home/u/cart.go:8 +0x1d", &["/home/u/cart.go:8"]);
        check(
            "Error: x\n ❯ src/cart.ts:6:25\n     6| x\n ❯ runTest ../a/index.js:1:2",
            &["src/cart.ts:6:25", "../a/index.js:1:2"],
        );
        check("cart.rb:3:in `add'\n\tfrom test.rb:9:in 'block'", &["cart.rb:3", "test.rb:9"]);
        check("Failed asserting.\n\n/home/u/CartTest.php:12", &["/home/u/CartTest.php:12"]);
        check("#   Failed test 'x'\n#   at t/a.t line 3.", &["t/a.t:3"]);
        check("# (in test file test/a.bats, line 3)", &["test/a.bats:3"]);
        check("# cart_adds: EXPECTATION FAILED at lib/cart_test.c:20\n    Expected", &["lib/cart_test.c:20"]);
        check("src/cart_test.cc:12: Failure\nExpected equality", &["src/cart_test.cc:12"]);
    }

    #[test]
    fn prose_holds_no_frames() {
        check("expected 1:2 to be at 3, see http://example.org:80/a.b:1", &[]);
    }

    #[test]
    fn the_place_of_a_failure_is_in_the_projects_own_files() {
        let text = "\tat org.junit.Assert.fail(Assert.java:88)\n\tat com.acme.CartTest.adds(CartTest.java:12)";
        assert_eq!(own_place(&frames(text)).unwrap().to_string(), "com/acme/CartTest.java:12");
    }

    #[test]
    fn a_line_number_beyond_all_files_is_no_place() {
        assert_eq!(place("a.rs", "99999999999", None), None);
        assert_eq!(place("a.rs", "0", Some("0")).unwrap().to_string(), "a.rs:1:1");
    }
}
