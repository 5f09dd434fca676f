//! Expected and actual values in failure messages, as assertion libraries word them.
//!
//! A message that states no pair of values has none; the reader never makes one up from two unrelated lines.

use std::sync::{LazyLock, OnceLock};

use regex::{Regex, RegexSet};

use crate::ingest::{pattern, patterns};

/// Bytes of text searched: values stand near the beginning of a message.
const SEARCHED_MAX: usize = 16 << 10;

/// The two values of a comparison, as printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) expected: String,
    pub(super) actual: String,
}

/// The wordings, the stricter first. Group `e` is what was expected, `a` what was there.
const WORDINGS: &[&str] = &[
    // Rust since 1.73; an inequality states no expected value.
    r"(?s)^assertion `left (?:==|matches) right` failed[^\n]*?\n  left: (?P<a>.*?)\n right: (?P<e>.*)$",
    // Rust until 1.72.
    r"(?s)^assertion failed: `\(left == right\)`\n  left: `(?P<a>.*?)`,\n right: `(?P<e>.*?)`(?:$|: |\n)",
    // Rust's should_panic.
    r"(?m)^ +panic message: `?(?P<a>.*?)`?,?\n +expected substring: `?(?P<e>.*?)`?$",
    // JUnit 4 and 5.
    r"(?s)expected:\s?<(?P<e>.*?)> but was:\s?<(?P<a>.*?)>(?:\s|$)",
    // MSTest, FluentAssertions and Shouldly.
    r"(?s)Expected:<(?P<e>.*?)>\. Actual:<(?P<a>.*?)>\.",
    r"(?m)^Expected .+? to be (?P<e>.+?)(?: because .*)?, but found (?P<a>.+?)(?: \(difference of .*\))?\.$",
    r"(?m)^\s+should be\n(?P<e>.+)\n\s+but was\n(?P<a>.+)$",
    // Hamcrest.
    r"(?m)^\s*Expected: (?:is )?(?P<e>.+)\n\s+but: (?:was )?(?P<a>.+)$",
    // Jest, NUnit, xunit.net, AssertJ, testify, minitest, RSpec, Spock, pgTAP and others: one label a line.
    r"(?mi)^[#\s]*expected(?: value)?\s*:[ \t]*(?P<e>\S.*)\n[#\s]*(?:received|actual|but was|got|found)(?: value)?\s*:[ \t]*(?P<a>\S.*)$",
    r"(?mi)^[#\s]*(?:received|actual|got|found|have|caught)(?: value)?\s*:[ \t]*(?P<a>\S.*)\n[#\s]*(?:expected|wanted|want)(?: value)?\s*:[ \t]*(?P<e>\S.*)$",
    // googletest.
    r"Expected equality of these values:\n  (?:.+\n    Which is: )?(?P<a>.+)\n  (?:.+\n    Which is: )?(?P<e>.+)",
    // PHPUnit's strings and pytest's and others' unified differences of one line.
    r"--- Expected\n\+\+\+ Actual\n@@[^\n]*\n-(?P<e>[^\n]*)\n\+(?P<a>[^\n]*)(?:\n|$)",
    r"Failed asserting that (?P<a>.+?) (?:matches expected|is identical to|equals) (?P<e>.+?)\.(?:\n|$)",
    // pytest, with and without its margin.
    r"(?m)^(?:E\s+)?(?:AssertionError: )?assert (?P<a>.+?) == (?P<e>.+)$",
    // unittest.
    r"(?m)^(?:E\s+)?AssertionError: (?:[A-Z]\w+ differ: )?(?P<a>.+?) != (?P<e>.+?)(?: : .*)?$",
    // doctest.
    r"(?m)^Expected:\n    (?P<e>.*(?:\n    .*)*)\nGot:\n    (?P<a>.*(?:\n    .*)*)",
    // node:assert.
    r"(?:strictly |loosely )?(?:deep-)?equal:\s*(?P<a>\S.*?) !==? (?P<e>.+)",
    r"AssertionError \[ERR_ASSERTION\]: (?P<a>.+?) ===? (?P<e>.+)",
    // chai and vitest.
    r"(?m)expected (?P<a>.+?) to (?:strictly |deeply |loosely )?(?:equal|be) (?P<e>.+?)(?: //.*)?$",
    // The kernel's KUnit.
    r"(?m)^\s*Expected .+? == (?P<e>.+), but\n\s+.+? == (?P<a>.+)$",
    // Perl's is_deeply.
    r"(?m)\$got\S* = (?P<a>.+)\n[#\s]*\$expected\S* = (?P<e>.+)$",
    // Catch2.
    r"with expansion:\n\s+(?P<a>.+?) == (?P<e>.+)",
    // Go's examples.
    r"(?s)^got:\n(?P<a>.*?)\nwant:\n(?P<e>.*?)\n*$",
    // Go's custom.
    r"(?mi)\b(?:got|have)[: =]+(?P<a>[^\n]+?)[,;] (?:want|wanted|expected|expect)[: =]+(?P<e>.+)$",
    r"(?m) = (?P<a>[^\n=]+?)[,;] want (?P<e>.+)$",
    r"(?mi)\b(?:want|wanted|expected)[: =]+(?P<e>[^\n]+?)[,;] (?:but )?(?:got|have|was)[: =]+(?P<a>.+)$",
];

/// All wordings at once, to find out which a message has.
static ANY: LazyLock<RegexSet> = LazyLock::new(|| patterns(WORDINGS));

/// Each wording by itself, to take the values out; compiled when a message has it.
static EACH: [OnceLock<Regex>; WORDINGS.len()] = [const { OnceLock::new() }; WORDINGS.len()];

/// Finds the pair of values `message` states.
pub(super) fn find(message: &str) -> Option<Values> {
    let message = &message[..message.floor_char_boundary(SEARCHED_MAX)];
    let message = message.replace("\r\n", "\n");
    let n = ANY.matches(&message).iter().next()?;
    let found = EACH[n].get_or_init(|| pattern(WORDINGS[n])).captures(&message)?;
    Some(Values { expected: found["e"].trim_end().to_owned(), actual: found["a"].trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, actual: &str, expected: &str) {
        let values = find(message).unwrap_or_else(|| panic!("no values in {message}"));
        assert_eq!((values.actual.as_str(), values.expected.as_str()), (actual, expected), "{message}");
    }

    #[test]
    fn every_wording_gives_its_values() {
        check("assertion `left == right` failed: one plus one\n  left: 2\n right: 3", "2", "3");
        check("assertion `left == right` failed\n  left: [\n    1,\n]\n right: []", "[\n    1,\n]", "[]");
        check("assertion failed: `(left == right)`\n  left: `1`,\n right: `2`: msg", "1", "2");
        check("note: panic did not contain\n      panic message: \"b\"\n expected substring: \"a\"", "\"b\"", "\"a\"");
        check(
            "note: panic did not contain\n      panic message: `\"b\"`,\n expected substring: `\"a\"`",
            "\"b\"",
            "\"a\"",
        );
        check("Assert.AreEqual failed. Expected:<3>. Actual:<2>. sum", "2", "3");
        check("Expected cart.Total to be 3 because it has tax, but found 2 (difference of -1).", "2", "3");
        check("cart.Total\n    should be\n3\n    but was\n2", "2", "3");
        check("expected:<[5]> but was:<[3]>", "[3]", "[5]");
        check("org.opentest4j.AssertionFailedError: expected: <5> but was: <3>", "3", "5");
        check("\nExpected: is <3>\n     but: was <2>", "<2>", "<3>");
        check("expect(received).toBe(expected)\n\nExpected: 3\nReceived: 2", "2", "3");
        check("  Expected: 3\n  But was:  2", "2", "3");
        check("Assert.Equal() Failure\nExpected: 3\nActual:   2", "2", "3");
        check("\nexpected: 2\n but was: 1", "1", "2");
        check("\tError:\tNot equal: \n\t\t\texpected: 3\n\t\t\tactual  : 2", "2", "3");
        check("#   Failed test\n#          got: '2'\n#     expected: '3'", "'2'", "'3'");
        check("# Failed test 2: \"x\"\n#         have: integer\n#         want: numeric", "integer", "numeric");
        check("Value of: x\n  Actual: 2\nExpected: 3", "2", "3");
        check("a.cc:1\nExpected equality of these values:\n  add(1, 1)\n    Which is: 2\n  3", "2", "3");
        check("Failed asserting that 2 matches expected 3.", "2", "3");
        check(
            "Failed asserting that two strings are equal.\n--- Expected\n+++ Actual\n@@ @@\n-'a'\n+'b'\n",
            "'b'",
            "'a'",
        );
        check("AssertionError: assert 2 == 3\n +  where 2 = add(1, 1)", "2", "3");
        check(">       assert add(1, 1) == 3\nE       assert 2 == 3", "2", "3");
        check("AssertionError: 2 != 3 : sum", "2", "3");
        check("AssertionError: Lists differ: [1, 2] != [1, 3]\n\nFirst differing element 1:", "[1, 2]", "[1, 3]");
        check("Expected:\n    1\nGot:\n    0\n", "0", "1");
        check("Expected values to be strictly equal:\n\n2 !== 3\n", "2", "3");
        check("Expected values to be strictly equal:2 !== 3", "2", "3");
        check("2 == 3\nAssertionError [ERR_ASSERTION]: 2 == 3", "2", "3");
        check("AssertionError: expected 2 to be 3 // Object.is equality", "2", "3");
        check("expected [ 1 ] to deeply equal [ 2 ]", "[ 1 ]", "[ 2 ]");
        check("#          $got->[1] = '2'\n#     $expected->[1] = '3'", "'2'", "'3'");
        check("    Expected add(1, 1) == 3, but\n        add(1, 1) == 2 (0x2)", "2 (0x2)", "3");
        check("REQUIRE( a == b )\nwith expansion:\n  2 == 3\nat a.cpp:1", "2", "3");
        check("got:\n2\nx\nwant:\n1\n", "2\nx", "1");
        check("add(1, 1): got 2, want 3", "2", "3");
        check("    a_test.go:1: Total(1, 2) = 4, want 3", "4", "3");
        check("expected 3, got 2", "2", "3");
    }

    #[test]
    fn a_message_without_a_pair_has_no_values() {
        for message in ["boom", "assertion `left != right` failed\n  left: 1\n right: 1", "expected a thing", ""] {
            assert_eq!(find(message), None, "{message}");
        }
    }
}
