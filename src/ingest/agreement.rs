//! The formats of one runner name its failing tests alike: each pair here is of one and the same run.
//!
//! What a format cannot tell is left out by the pair's own rule, which says why.

use std::collections::BTreeSet;
use std::path::Path;

use crate::ingest::{Hints, read};
use crate::model::{Counts, TestId};

/// Suite and name.
type Id = (String, String);

/// Two reports of one run, and which of their failures the other cannot tell of.
struct Pair {
    reports: [&'static str; 2],
    /// Tells whether a failure of one should be in the other, all those of which it is given.
    is_told: fn(&Id, &BTreeSet<Id>) -> bool,
}

const PAIRS: &[Pair] = &[
    Pair { reports: ["jest-json/jest_30.json", "junit/jest_30.xml"], is_told: is_of_a_test },
    Pair { reports: ["jest-json/jest_30.json", "jest-text/jest_30.log"], is_told: without_separator },
    Pair { reports: ["jest-json/jest_27.json", "jest-text/jest_27_verbose.log"], is_told: without_separator },
    Pair { reports: ["vitest-json/vitest_4.json", "vitest-text/vitest_4.log"], is_told: is_of_a_vitest_test },
    Pair { reports: ["vitest-json/vitest_1.json", "vitest-text/vitest_1.log"], is_told: is_of_a_vitest_test },
    Pair { reports: ["vitest-text/vitest_4.log", "vitest-text/vitest_4_verbose.log"], is_told: all },
    Pair { reports: ["vitest-json/vitest_4.json", "junit/vitest_4.xml"], is_told: is_of_a_vitest_test },
    Pair { reports: ["mocha-json/mocha_12.json", "mocha-text/mocha_12.log"], is_told: all },
    Pair { reports: ["mocha-json/mocha_12.json", "junit/mocha_12.xml"], is_told: all },
    Pair { reports: ["mocha-json/mocha_12.json", "mocha-json-stream/mocha_12.log"], is_told: all },
    Pair { reports: ["mocha-json/mocha_12.json", "mochawesome/mochawesome_8.json"], is_told: all },
    Pair { reports: ["playwright-json/playwright_1_65.json", "junit/playwright_1_65.xml"], is_told: all },
    Pair {
        reports: ["playwright-json/playwright_1_65_retries.json", "junit/playwright_1_65_retries.xml"],
        is_told: all,
    },
    Pair { reports: ["rspec-json/rspec_3_12.json", "junit/rspec_3_12.xml"], is_told: is_of_a_test },
    Pair { reports: ["go-json/go_1_27.json", "go-text/go_1_27_verbose.log"], is_told: is_no_parent },
    Pair { reports: ["go-json/go_1_27.json", "junit/gotestsum_1_8.xml"], is_told: is_of_a_go_test },
    Pair { reports: ["go-json/go_1_27_timeout.json", "go-text/go_1_27_timeout.log"], is_told: all },
    Pair { reports: ["go-json/go_1_19_timeout.json", "go-text/go_1_27_timeout_verbose.log"], is_told: all },
    Pair { reports: ["go-json/go_1_19_race.json", "go-text/go_1_27_race.log"], is_told: all },
    Pair { reports: ["tap/node20.tap", "junit/node20_cart.xml"], is_told: is_of_a_node_test },
    Pair { reports: ["tap/vitest3.tap", "junit/vitest_3.xml"], is_told: has_one_line },
];

fn all(_: &Id, _: &BTreeSet<Id>) -> bool {
    true
}

/// Jest's text puts ` › ` between titles, and so takes it for that within one.
fn without_separator((_, name): &Id, _: &BTreeSet<Id>) -> bool {
    !name.contains(" ünï ")
}

/// Files that cannot be run are told of in different ways, or in one of the reports only.
fn is_of_a_test((suite, name): &Id, _: &BTreeSet<Id>) -> bool {
    let words = ["[suite]", "Test suite failed to run", "Test execution failure"];
    !words.iter().any(|word| suite.contains(word) || name.contains(word))
}

/// Vitest's JUnit report names a hook's failure after its suite.
fn is_of_a_vitest_test(id: &Id, all: &BTreeSet<Id>) -> bool {
    is_of_a_test(id, all) && id.1 != "broken teardown"
}

/// A parent of a test that failed did not always fail by itself, which only Go's events tell.
fn is_no_parent((suite, name): &Id, all: &BTreeSet<Id>) -> bool {
    let is_part = |other: &str| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
    !all.iter().any(|other| other.0 == *suite && is_part(&other.1))
}

/// Gotestsum names what is wrong outside of tests `TestMain`.
fn is_of_a_go_test(id: &Id, all: &BTreeSet<Id>) -> bool {
    is_no_parent(id, all) && !["TestMain", "[build]", "[aborted]"].contains(&id.1.as_str())
}

/// Node's JUnit report does not tell of a suite that fails by itself, and its TAP not of the line ends in names.
fn is_of_a_node_test(id: &Id, all: &BTreeSet<Id>) -> bool {
    let (_, name) = id;
    has_one_line(id, all) && !["has steps", "late hooks"].contains(&name.as_str())
}

/// A line end in a name is told as a space, or not at all; and of a file that cannot be run TAP tells as of a test.
fn has_one_line((suite, name): &Id, _: &BTreeSet<Id>) -> bool {
    let is_of_file = name == TestId::SUITE || suite.is_empty() && name.contains(".test.");
    let has_line_end = name.contains('\n') || name.ends_with("new line");
    !(is_of_file || has_line_end || name.starts_with("new") && name.contains("line"))
}

/// Returns the failing tests of a report.
fn failing(report: &str) -> BTreeSet<Id> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest").join(report);
    let hints = Hints { root: Some("/home/user/shop".into()), ..Hints::default() };
    let reading = read(&fs_err::read(path).unwrap(), &hints).unwrap();
    reading.report.failures.into_iter().map(|failure| (failure.id.suite, failure.id.name)).collect()
}

#[test]
fn two_reports_of_one_run_name_the_same_failures() {
    for Pair { reports, is_told } in PAIRS {
        let [one, other] = reports.map(failing);
        let told = |ids: &BTreeSet<Id>, all: &BTreeSet<Id>| -> BTreeSet<Id> {
            ids.iter().filter(|id| is_told(id, all)).cloned().collect()
        };
        let (here, there) = (told(&one, &other), told(&other, &one));
        assert!(!here.is_empty());
        assert_eq!(here, there, "{reports:?}");
    }
}

#[test]
fn a_log_of_several_runners_holds_the_results_of_each() {
    let logs =
        ["go-text/go_1_27_verbose.log", "jest-text/jest_30.log", "vitest-text/vitest_4.log", "mocha-text/mocha_12.log"];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest");
    let logs = logs.map(|log| fs_err::read_to_string(folder.join(log)).unwrap());
    let apart = logs.each_ref().map(|log| read(log.as_bytes(), &Hints::default()).unwrap().report.counts);
    let log = logs.join("\n$ npm run next\n\n");
    let reading = read(log.as_bytes(), &Hints::default()).unwrap();
    assert_eq!(reading.formats, ["go-text", "jest-text", "vitest-text", "mocha-text"]);
    assert_eq!(reading.report.counts.red(), apart.iter().map(Counts::red).sum::<u64>());
    assert_eq!(reading.report.counts.tests, apart.iter().map(|counts| counts.tests).sum::<u64>());
}
