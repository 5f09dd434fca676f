//! Go's tests, as events (`go test -json`) and as text (`go test`, with and without `-v`).
//!
//! Both are read into the same [`package`](self::package) of tests. The suite is the package's path, the name is that of
//! the test with its parents, `TestA/part`. A test that only failed because its parts did is no failure of its own.

mod build;
mod crash;
mod json;
mod package;
mod text;

pub(super) use crate::ingest::go::json::GoJson;
pub(super) use crate::ingest::go::text::GoText;

/// How the name of a test begins.
const KINDS: &[&str] = &["Test", "Fuzz", "Example", "Benchmark"];

/// Tells whether `name` is one that the `testing` package would run.
fn is_test_name(name: &str) -> bool {
    let of_kind = |kind: &&str| {
        let rest = name.strip_prefix(*kind)?;
        Some(!rest.starts_with(|c: char| c.is_lowercase()))
    };
    KINDS.iter().filter_map(of_kind).any(|is_name| is_name) && !name.contains([' ', '\t'])
}

/// Returns the name of a benchmark's line of results: `BenchmarkTotal-2   1000   2.4 ns/op`, without the number of
/// processors.
fn measured(line: &str) -> Option<&str> {
    let (name, rest) = line.strip_prefix("Benchmark").and(line.split_once(['\t', ' ']))?;
    if !rest.contains("ns/op") || !is_test_name(name) {
        return None;
    }
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some(name.rsplit_once('-').filter(|(_, n)| is_number(n)).map_or(name, |(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tests_are_told_from_other_words() {
        for name in
            ["TestA", "Test", "Test_a", "TestÄ/with_ü", "FuzzX/seed#1", "ExampleTotal", "BenchmarkB/n=1", "Test1"]
        {
            assert!(is_test_name(name), "{name}");
        }
        for name in ["Testing", "testA", "TestA b", "", "Examples", "A"] {
            assert!(!is_test_name(name), "{name}");
        }
    }

    #[test]
    fn benchmarks_are_known_by_what_they_measured() {
        assert_eq!(measured("BenchmarkTotal-2   \t515431411\t         2.445 ns/op"), Some("BenchmarkTotal"));
        assert_eq!(measured("BenchmarkTotal/n=10-16 \t 51\t 2.445 ns/op\t 0 B/op"), Some("BenchmarkTotal/n=10"));
        assert_eq!(measured("BenchmarkTotal \t 51\t 2.445 ns/op"), Some("BenchmarkTotal"));
        assert_eq!(measured("BenchmarkTotal"), None);
        assert_eq!(measured("Benchmarking is slow: 3 ns/op"), None);
    }
}
