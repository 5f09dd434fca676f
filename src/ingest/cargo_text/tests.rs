//! Tests of the reader of cargo's log on hand-made logs; real ones are in the fixtures.

use crate::ingest::{Hints, Reading, read_as};
use crate::model::{Outcome, TestId};

fn read(log: &str) -> Reading {
    read_as("cargo-test", log.as_bytes(), &Hints::default()).unwrap()
}

const PASSED: &str = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";

#[test]
fn one_name_in_two_binaries_is_two_tests() {
    let log = format!(
        "     Running tests/a.rs (target/debug/deps/a-33dce163a32a6a6d)\n\nrunning 1 test\ntest same ... ok\n\n{PASSED}\n     \
        Running tests/b.rs (target/debug/deps/b-33dce163a32a6a6d)\n\nrunning 1 test\ntest same ... FAILED\n\nfailures:\n\n\
        ---- same stdout ----\n\nthread 'same' (1) panicked at tests/b.rs:3:5:\nboom\n\n\nfailures:\n    same\n\n\
        test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
        error: test failed, to rerun pass `--test b`\n"
    );
    let reading = read(&log);
    assert_eq!(reading.report.outcome(&TestId::new("a", "same")), Some(Outcome::Passed));
    assert_eq!(reading.report.failures[0].id, TestId::new("b", "same"));
    assert_eq!(reading.report.failures[0].message, "boom");
    assert_eq!(reading.report.failures[0].output, "thread 'same' (1) panicked at tests/b.rs:3:5:\nboom");
    assert_eq!(reading.complaints, []);
}

#[test]
fn results_without_header_have_the_hinted_suite() {
    let log = format!("\nrunning 1 test\ntest a ... ok\n\n{PASSED}");
    let hints = Hints { suite: Some("alpha::integ".to_owned()), ..Hints::default() };
    let reading = read_as("cargo-test", log.as_bytes(), &hints).unwrap();
    assert_eq!(reading.report.outcome(&TestId::new("alpha::integ", "a")), Some(Outcome::Passed));
}

#[test]
fn a_binary_that_dies_is_an_errored_case_and_the_next_one_is_read() {
    let log = format!(
        "     Running unittests src/lib.rs (target/debug/deps/beta-cd969c981c8e961b)\n\nrunning 3 tests\ntest a ... ok\n\n\
        thread 'b' (2) has overflowed its stack\nfatal runtime error: stack overflow, aborting\n\
        error: test failed, to rerun pass `--lib`\n\nCaused by:\n  process didn't exit successfully: \
        `/home/user/beta-cd969c981c8e961b` (signal: 6, SIGABRT: process abort signal)\n     \
        Running tests/t.rs (target/debug/deps/t-b78f2c9beabeaf91)\n\nrunning 1 test\ntest c ... ok\n\n{PASSED}"
    );
    let reading = read(&log);
    assert_eq!(reading.report.failures.len(), 1);
    let failure = &reading.report.failures[0];
    assert_eq!(
        (failure.id.clone(), failure.kind.as_str()),
        (TestId::new("beta", "[aborted]"), "signal: 6, SIGABRT: process abort signal")
    );
    assert!(failure.output.contains("thread 'b' (2) has overflowed its stack"), "{}", failure.output);
    assert_eq!(reading.report.outcome(&TestId::new("t", "c")), Some(Outcome::Passed));
    assert_eq!(reading.complaints.len(), 1);
    assert_eq!(
        reading.complaints[0].reason,
        "the results of beta are cut short: 3 tests announced, 1 reported, no closing line"
    );
}

#[test]
fn a_harness_of_its_own_that_fails_is_an_errored_case() {
    let log = "     Running tests/custom.rs (target/debug/deps/custom-b78f2c9beabeaf91)\nFailed badly\n\
        error: test failed, to rerun pass `--test custom`\n\nCaused by:\n  process didn't exit successfully: `/x` (exit status: 3)\n";
    let reading = read(log);
    assert_eq!(reading.report.failures[0].id, TestId::new("custom", "[aborted]"));
    assert_eq!(reading.report.failures[0].output, "Failed badly");
}

const BROKEN: &str = "   Compiling beta v0.1.0 (/home/user/beta)\nerror[E0308]: mismatched types\n  --> src/lib.rs:18:65\n   |\n\
    18 |     let x: i32 = \"no\";\n   |                  ^^^^ expected `i32`, found `&str`\n\nerror: expected one of `;`\n --> src/a.rs:1:2\n\n\
    For more information about an error, try `rustc --explain E0308`.\n\
    error: could not compile `beta` (lib) due to 2 previous errors\nwarning: build failed, waiting for other jobs to finish...\n\
    error: could not compile `beta` (lib test) due to 2 previous errors\n";

#[test]
fn what_could_not_be_compiled_is_one_failure_a_target() {
    let reading = read(BROKEN);
    assert_eq!(reading.report.counts.errored, 1);
    let failure = &reading.report.failures[0];
    assert_eq!(
        (failure.id.clone(), failure.message.as_str()),
        (TestId::build("beta"), "error[E0308]: mismatched types")
    );
    assert_eq!(failure.location.as_ref().unwrap().to_string(), "src/lib.rs:18:65");
    assert_eq!(failure.frames[1].location.to_string(), "src/a.rs:1:2");
    let codes: Vec<_> = failure.diagnostics.iter().map(|error| (error.code.as_str(), error.message.as_str())).collect();
    assert_eq!(codes, [("E0308", "mismatched types"), ("", "expected one of `;`")]);
}

#[test]
fn two_targets_with_the_same_errors_both_have_them() {
    let log = format!("{BROKEN}error: could not compile `beta` (test \"integ\") due to 2 previous errors\n");
    let reading = read(&log);
    let ids: Vec<_> = reading.report.failures.iter().map(|failure| failure.id.suite.as_str()).collect();
    assert_eq!(ids, ["beta", "integ"]);
    assert_eq!(reading.report.failures[1].diagnostics.len(), 2);
}

#[test]
fn errors_in_one_line_each_are_read() {
    let log = "    Checking beta v0.1.0 (/home/user/beta)\nsrc/lib.rs:3:18: error[E0308]: mismatched types: expected `i32`, found `&str`\n\
        src/lib.rs:4:5: error: no\nerror: could not compile `beta` (lib) due to 2 previous errors\n";
    let failure = &read(log).report.failures[0];
    assert_eq!((failure.id.clone(), failure.diagnostics.len()), (TestId::build("beta"), 2));
    assert_eq!(failure.message, "error[E0308]: mismatched types: expected `i32`, found `&str`");
    assert_eq!(failure.location.as_ref().unwrap().to_string(), "src/lib.rs:3:18");
}

#[test]
fn a_build_that_fails_before_any_target_is_a_failure_of_its_own() {
    let log = "error: no matching package named `sered` found\nlocation searched: crates.io index\n\
        required by package `alpha v0.1.0 (/home/user/alpha)`\n";
    let reading = crate::ingest::read(log.as_bytes(), &Hints::default()).unwrap();
    assert_eq!(reading.report.failures[0].id, TestId::build(""));
    assert_eq!(reading.report.failures[0].message, "error: no matching package named `sered` found");
    assert!(reading.report.failures[0].output.contains("required by package `alpha"));
}

#[test]
fn errors_that_tests_print_are_no_compile_errors() {
    let log = format!(
        "     Running tests/c.rs (target/debug/deps/c-b78f2c9beabeaf91)\nerror: printed\n\nrunning 1 test\ntest a ... ok\n\n{PASSED}"
    );
    assert_eq!(read(&log).report.counts.errored, 0);
}

#[test]
fn a_filter_that_matches_nothing_is_no_result_and_no_complaint() {
    let log = "\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 16 filtered out; finished in 0.00s\n";
    let reading = read(log);
    assert!(reading.report.is_empty());
    assert_eq!(reading.complaints, []);
}
