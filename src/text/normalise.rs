//! Failure text → the same text on every machine and at every time: the basis of signatures.
//!
//! What changes from run to run (times, addresses, temporary folders, line numbers, random ids) becomes a word in angle
//! brackets; what a person would compare stays. It never interprets the text further than that.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use xxhash_rust::xxh3::Xxh3;

/// A pattern and what stands for its matches, with groups as [`regex::Replacer`] writes them.
type Rule = (&'static str, &'static str);

/// What differs from run to run, the more particular first. No match holds an angle bracket, and every replacement has
/// fewer digits, slashes or quotes than the match, so that repeating the rules comes to an end.
const ACCIDENTS: &[Rule] = &[
    (r"\[REDACTED:[a-z0-9-]+:[0-9a-f]{4}\]", "<secret>"),
    (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "<uuid>"),
    // 2026-03-04T05:06:07.890+01:00 and its likes; Mar  4 05:06:07; 05:06:07.890; seconds since 1970.
    (
        r"\b\d{4}[-/]\d\d[-/]\d\d[T ,_]\s?\d\d[:-]\d\d(?:[:-]\d\d)?(?:[.,]\d+)?(?:\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?",
        "<time>",
    ),
    (
        r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d{1,2},?\s(?:\d{4}\s)?\d\d:\d\d:\d\d(?:\s\d{4}\b)?",
        "<time>",
    ),
    (r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b", "<time>"),
    (r"\b1[5-9]\d{8}(?:\d{3}){0,3}(?:\.\d+)?\b", "<time>"),
    // A temporary folder, and the last component under it when that has a file name's extension.
    (
        r#"(?:(?:/private)?/(?:tmp|var/tmp|var/folders/[^/\s<>]+/[^/\s<>]+/T|dev/shm)|[A-Za-z]:\\[^\s"'<>|:]*\\Temp)\b(?:[^\s"'`<>()\[\]{},;:|*?]*([/\\][^\s"'`<>()\[\]{},;:|*?/\\]+\.[a-z]{1,5})\b|[/\\][^\s"'`<>()\[\]{},;:|*?]*)?"#,
        "<tmp>$1",
    ),
    // An absolute path of two or more components leaves its last one.
    (
        r#"(^|[\s"'`(\[{=,;]|file://)(?:/|[A-Za-z]:[\\/])(?:[^\s"'`<>()\[\]{},;:|*?/\\]+[/\\])+([^\s"'`<>()\[\]{},;:|*?/\\]+)"#,
        "$1$2",
    ),
    // src/lib.rs:10:5, lib.ts(10,5), line 10.
    (r"(\.[A-Za-z][A-Za-z0-9+]{0,7})(?::\d+(?:-\d+)?(?::\d+(?:-\d+)?)?|\(\d+(?:,\s?\d+)?\))", "$1:<line>"),
    (r"(?i)\b(lines?|column|col|ln)([ =:]{1,2})\d+(?:(?:-|,? ?to )\d+)?\b", "$1$2<line>"),
    (r"(?i)([a-z_-]*seed(?:\s(?:is|was|of|value))?[\s=:]{1,3}\[?)(?:0x)?[0-9a-f]*\d[0-9a-f]*\b", "$1<seed>"),
    (r"\bthread (?:'[^'\n<>]*'(?: \(\d+\))?|\d+\b)", "thread <thread>"),
    (r"\bThreadId\(\d+\)|\bgoroutine \d+|\bThread-\d+\b|\b[A-Za-z-]*pool-\d+-thread-\d+", "<thread>"),
    (r"(?i)\b(p?pid|tid|process)([\s=:]{1,2}\(?)\d+\b", "$1$2<pid>"),
    (r"==\d+==", "==<pid>=="),
    (r"(\b(?:localhost|(?:\d{1,3}\.){3}\d{1,3})|\[[0-9a-f:]*:[0-9a-f:]*\]):\d{2,5}\b", "$1:<port>"),
    (r"(?i)\b(port[ =:]{1,2})\d{2,5}\b", "$1<port>"),
    (r"\b0x[0-9a-fA-F]{6,}\b", "<addr>"),
    (r"@[0-9a-f]{5,16}\b", "@<addr>"),
    (r"\bh[0-9a-f]{16}\b", "<hex>"),
    // 1.5s, 3 ms, 1m 30s, 0.05 seconds.
    (
        r"\b\d+(?:\.\d+)?\s?(?:ns|[µμun]s|ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|(?:milli|micro|nano)seconds?)\b(?:\s\d+(?:\.\d+)?\s?(?:ms|s|secs?|seconds?|m|mins?|minutes?)\b)*",
        "<dur>",
    ),
];

/// Values inside a message; an apostrophe within a word quotes nothing.
const VALUES: &[Rule] = &[
    (r#""(?:[^"\\\n]|\\.)*""#, "<S>"),
    (r"(^|[\s(\[{=,:])'(?:[^'\\\n]|\\.)*'", "$1<S>"),
    (r"-?\b\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?(?:[iuf](?:8|16|32|64|128|size))?\b", "<N>"),
];

/// Passes after which text is taken as it is; ordinary text settles in two.
const PASSES_MAX: usize = 32;

static ACCIDENT_EACH: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| compiled(ACCIDENTS));

static VALUE_EACH: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| compiled(VALUES));

/// Six or more hexadecimal digits.
#[expect(clippy::unwrap_used, reason = "a constant pattern, exercised by every test")]
static HEXADECIMAL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b(?:[0-9a-f]{6,}|[0-9A-F]{6,})\b").unwrap());

/// Returns `text` without what differs from run to run and from machine to machine. Doing it twice changes nothing more.
///
/// Numbers and quoted values stay: see [`shape`].
pub fn normalise(text: &str) -> String {
    settled(text, |text| {
        let text = replaced(text, &ACCIDENT_EACH);
        HEXADECIMAL.replace_all(&text, hexadecimal_word).into_owned()
    })
}

/// Returns `text` with `<N>` for its numbers and `<S>` for its quoted strings: what failures of one kind have in common.
pub fn shape(text: &str) -> String {
    settled(text, |text| replaced(text, &VALUE_EACH).into_owned())
}

/// Hashes parts with 64-bit XXH3 into 16 hexadecimal digits; the parts do not run together.
pub fn fingerprint(parts: &[&str]) -> String {
    let mut hasher = Xxh3::new();
    for part in parts {
        hasher.update(&part.len().to_le_bytes());
        hasher.update(part.as_bytes());
    }
    format!("{:016x}", hasher.digest())
}

#[expect(clippy::unwrap_used, reason = "constant patterns, exercised by every test")]
fn compiled(rules: &[Rule]) -> Vec<(Regex, &'static str)> {
    rules.iter().map(|(pattern, word)| (Regex::new(pattern).unwrap(), *word)).collect()
}

fn replaced<'a>(text: &'a str, rules: &[(Regex, &str)]) -> Cow<'a, str> {
    rules.iter().fold(Cow::Borrowed(text), |text, (pattern, word)| match pattern.replace_all(&text, *word) {
        Cow::Borrowed(_) => text,
        Cow::Owned(replaced) => Cow::Owned(replaced),
    })
}

/// Repeats a pass until it changes nothing: one replacement can uncover another.
fn settled(text: &str, pass: impl Fn(&str) -> String) -> String {
    let mut text = text.to_owned();
    for _ in 0..PASSES_MAX {
        let next = pass(&text);
        if next == text {
            break;
        }
        text = next;
    }
    text
}

/// Leaves decimal numbers and words such as `facade` as they are.
fn hexadecimal_word(digits: &Captures) -> String {
    let digits = &digits[0];
    let mixed = digits.bytes().any(|byte| byte.is_ascii_digit()) && !digits.bytes().all(|byte| byte.is_ascii_digit());
    if mixed { "<hex>".to_owned() } else { digits.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(normalise(text), expected);
        assert_eq!(normalise(expected), expected, "a second time");
    }

    #[test]
    fn times_and_durations_go() {
        check("finished in 0.05s, 12 ms, 1m 30s", "finished in <dur>, <dur>, <dur>");
        check("2026-03-04T05:06:07.890Z start 2026-03-04 05:06:07,123 +01:00", "<time> start <time>");
        check("Mar  4 05:06:07 host x[1]: 05:06:07.5 at 1772600767123", "<time> host x[1]: <time> at <time>");
        check("due 2024-02-29", "due 2024-02-29");
    }

    #[test]
    fn addresses_ids_and_ports_go() {
        check("at 0x7ffe12345678, com.acme.Cart@1b6d3586", "at <addr>, com.acme.Cart@<addr>");
        check("id 550e8400-e29b-41d4-a716-446655440000", "id <uuid>");
        check(
            "connect 127.0.0.1:54321 or localhost:8080, port 9000",
            "connect 127.0.0.1:<port> or localhost:<port>, port <port>",
        );
        check("http://[::1]:3000/a/b", "http://[::1]:<port>/a/b");
        check("commit 1f2e3d4 of cart-1f2e3d4c5b6a7988", "commit <hex> of cart-<hex>");
        check("core::panicking::panic_fmt::h0123456789abcdef", "core::panicking::panic_fmt::<hex>");
    }

    #[test]
    fn paths_leave_their_last_component() {
        check("at /home/ci/proj/src/lib.rs:10:5", "at lib.rs:<line>");
        check("at /Users/me/src/lib.rs:7", "at lib.rs:<line>");
        check(r"at C:\work\proj\lib.ts(10,5): x", "at lib.ts:<line>: x");
        check("src/lib.rs:10:5 stays relative", "src/lib.rs:<line> stays relative");
        check("File \"/a/b/test_x.py\", line 12, in test", "File \"test_x.py\", line <line>, in test");
        check("read /tmp/.tmpAb12Cd/out.txt and /var/folders/xy/abc123/T/pytest-0", "read <tmp>/out.txt and <tmp>");
        check("open /tmp failed, /etc stays", "open <tmp> failed, /etc stays");
    }

    #[test]
    fn threads_processes_and_seeds_go() {
        check("thread 'cart::total' (4711) panicked", "thread <thread> panicked");
        check("ThreadId(7) goroutine 19 [running] pid 42", "<thread> <thread> [running] pid <pid>");
        check(
            "random seed: 123456, PYTHONHASHSEED=7 seed 0xdeadbeef1",
            "random seed: <seed>, PYTHONHASHSEED=<seed> seed <seed>",
        );
    }

    #[test]
    fn what_a_person_would_compare_stays() {
        for text in [
            "assertion `left == right` failed\n  left: 5\n right: 1000000",
            "expected facade, got decade",
            "index out of bounds: the len is 3 but the index is 7",
            "error[E0308]: mismatched types",
            "and/or a/b/c u8 utf8 v1.2.3 <html>",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn a_redacted_secret_is_the_same_whatever_its_digits() {
        check("key [REDACTED:github:12ab] x", "key <secret> x");
    }

    #[test]
    fn a_shape_has_no_values() {
        assert_eq!(
            shape("expected -3.5e4 of \"a \\\" b\", can't be 'x', got 7u32 in u8"),
            "expected <N> of <S>, can't be <S>, got <N> in u8"
        );
    }

    #[test]
    fn fingerprints_tell_parts_apart() {
        assert_eq!(fingerprint(&["a", "b"]).len(), 16);
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
        assert_eq!(fingerprint(&["ab", "c"]), fingerprint(&["ab", "c"]));
    }

    proptest! {
        #[test]
        fn normalising_is_total_and_idempotent(text in "\\PC{0,200}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
            let once = shape(&text);
            prop_assert_eq!(shape(&once), once);
        }

        #[test]
        fn normalising_is_idempotent_on_text_full_of_accidents(parts in prop::collection::vec(accident(), 0..14)) {
            let text = parts.concat();
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
            let once = shape(&text);
            prop_assert_eq!(shape(&once), once);
        }
    }

    fn accident() -> impl Strategy<Value = String> {
        prop_oneof![
            "[0-9a-f]{1,9}",
            "[ -~]{0,6}",
            prop::sample::select(vec![
                "/",
                "/tmp/",
                "/home/a/b.rs",
                ":10",
                ":1:2",
                "s",
                " ms",
                "0x",
                "thread '",
                "'",
                "\"",
                "seed ",
                "pid ",
                "line ",
                "<",
                ">",
                "<hex>",
                "12:34:56",
                "2026-03-04T",
                "localhost:",
                "\\",
                "C:\\",
                "Temp",
                "\n",
                "@",
                ".rs",
                "(",
                ")",
                "-",
                "==",
                "port ",
            ])
            .prop_map(str::to_owned),
        ]
    }
}
