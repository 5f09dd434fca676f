//! Every file in `fixtures/ingest/<format>/` is read and compared with the snapshot beside it; adding a file adds a test.
//! What real producers wrote stands there as they wrote it, but for paths and host names.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::model::{Counts, Diagnostic, FailedAttempt, Failure, Frame, Outcome};

/// The fixtures: path and format.
fn fixtures() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest");
    let mut fixtures = Vec::new();
    for folder in fs_err::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        let format = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let files = fs_err::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        let is_report = |path: &PathBuf| !path.to_str().unwrap().contains(".snap");
        fixtures.extend(files.filter(is_report).map(|path| (path, format.clone())));
    }
    fixtures.sort();
    fixtures
}

/// Renders what was read for a person to check.
fn render(reading: &Reading) -> String {
    let Counts { tests, passed, failed, errored, skipped } = reading.report.counts;
    let mut lines =
        vec![format!("{tests} tests: {passed} passed, {failed} failed, {errored} errored, {skipped} skipped")];
    lines.extend(reading.complaints.iter().map(|complaint| format!("at {}: {}", complaint.offset, complaint.reason)));
    for failure in &reading.report.failures {
        let outcome = reading.report.outcome(&failure.id).unwrap();
        lines.push(format!("\n{outcome:?}: {:?} {:?}", failure.id.suite, failure.id.name));
        lines.extend(render_failure(failure));
    }
    for flaky in &reading.report.flaky {
        lines.push(format!("\nflaky: {:?} {:?}", flaky.id.suite, flaky.id.name));
        lines.extend(flaky.attempts.iter().flat_map(render_attempt));
    }
    lines.join("\n")
}

fn block(name: &str, text: &str) -> String {
    let text: String = text.lines().map(|line| format!("\n  | {line}")).collect();
    format!("{name}{text}")
}

fn render_attempt(attempt: &FailedAttempt) -> Vec<String> {
    let kind = format!("failed attempt {:?}", attempt.kind);
    vec![kind, block("  message", &attempt.message), block("  output", &attempt.output)]
}

fn render_failure(failure: &Failure) -> Vec<String> {
    let mut lines = vec![format!("kind {:?}", failure.kind), block("message", &failure.message)];
    lines.extend(failure.expected.as_deref().map(|value| block("expected", value)));
    lines.extend(failure.actual.as_deref().map(|value| block("actual", value)));
    lines.extend(failure.location.as_ref().map(|location| format!("at {location}")));
    let function = |frame: &Frame| frame.function.clone().unwrap_or_default();
    lines.extend(failure.frames.iter().map(|frame| format!("frame {} {}", frame.location, function(frame))));
    for Diagnostic { code, message, spans, suggestions, .. } in &failure.diagnostics {
        lines.push(format!("diagnostic {code:?} {message:?} {spans:?} {suggestions:?}"));
    }
    lines.extend(failure.duration.map(|duration| format!("took {duration:?}")));
    lines.extend(failure.properties.iter().map(|(name, value)| format!("property {name:?} {value:?}")));
    lines.extend(failure.source.map(|(start, end)| format!("bytes {start}..{end}")));
    lines.extend(failure.attempts.iter().flat_map(render_attempt));
    lines.push(block("output", &failure.output));
    lines
}

#[test]
fn every_fixture_is_read_as_its_snapshot_says() {
    for (path, format) in fixtures() {
        let reading = read(&fs_err::read(&path).unwrap(), &Hints::default()).unwrap();
        assert_eq!(reading.formats.join("+"), format, "{}", path.display());
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(path.parent().unwrap());
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(path.file_name().unwrap().to_str().unwrap(), render(&reading)));
    }
}

/// Reads bytes in every way; the reports must at least agree with themselves.
fn read_in_every_way(bytes: &[u8]) {
    let hints = Hints { output_bytes_max: 200, input_bytes_max: 1 << 20, ..Hints::default() };
    let ways = FORMATS.iter().map(|format| read_as(format.name(), bytes, &hints)).chain([read(bytes, &hints)]);
    ways.flatten().for_each(|reading| check_consistency(&reading));
}

/// A report must at least agree with itself.
fn check_consistency(reading: &Reading) {
    let report = &reading.report;
    assert_eq!(report.counts.red(), report.failures.len() as u64);
    assert!(report.failures.iter().all(|failure| report.outcome(&failure.id).is_some_and(Outcome::is_red)));
    assert!(report.failures.iter().all(|failure| failure.output.len() < 300));
    assert!(reading.complaints.len() <= COMPLAINTS_MAX + 1);
}

/// Reads bytes as one format and as whatever they look like.
fn read_as_itself(format: &str, bytes: &[u8]) {
    let hints = Hints { output_bytes_max: 200, input_bytes_max: 1 << 20, ..Hints::default() };
    let own = format.split('+').map(|format| read_as(format, bytes, &hints));
    own.chain([read(bytes, &hints)]).flatten().for_each(|reading| check_consistency(&reading));
}

/// How much is tried: little in the fast suite, much where slow tests are asked for.
#[expect(clippy::disallowed_methods, reason = "a test asks how thorough it shall be")]
fn is_thorough() -> bool {
    std::env::var_os("RUN_SLOW_TESTS").is_some()
}

#[test]
fn every_prefix_of_every_fixture_can_be_read() {
    let n_prefixes = if is_thorough() { 60 } else { 6 };
    for (path, format) in fixtures() {
        let bytes = fs_err::read(&path).unwrap();
        for end in (0..bytes.len()).step_by(bytes.len().div_ceil(n_prefixes)) {
            read_as_itself(&format, &bytes[..end]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if is_thorough() { 256 } else { 24 }))]

    #[test]
    fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_in_every_way(&bytes);
    }

    #[test]
    fn any_text_of_the_formats_words_can_be_read(words in proptest::collection::vec(0..WORDS.len(), 0..60)) {
        let text: String = words.iter().map(|&word| WORDS[word]).collect();
        read_in_every_way(text.as_bytes());
    }

    #[test]
    fn damaged_fixtures_can_be_read(which in any::<proptest::sample::Index>(), at in any::<proptest::sample::Index>(),
                                    length in 0..40_usize, noise in proptest::collection::vec(any::<u8>(), 0..8)) {
        let fixtures = fixtures();
        let mut bytes = fs_err::read(&which.get(&fixtures).0).unwrap();
        let start = at.index(bytes.len());
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, noise);
        read_in_every_way(&bytes);
    }
}

/// Pieces of all formats, to be put together in any order.
const WORDS: &[&str] = &[
    "\n",
    "    ",
    "  ",
    "running 2 tests\n",
    "test a ... ok\n",
    "test b ... FAILED\n",
    "test b ... ",
    "FAILED\n",
    "b --- FAILED\n",
    "..i 3/4\n",
    "successes:\n",
    "failures:\n",
    "    b\n",
    "---- b stdout ----\n",
    "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n",
    "     Running tests/a.rs (t/a-0123456789abcdef)\n",
    "error: test failed, to rerun pass `--lib`\n",
    "  process didn't exit successfully: `x` (signal: 6, SIGABRT)\n",
    "error[E0308]: m\n",
    " --> a.rs:1:2\n",
    "error: could not compile `a` (lib) due to\n",
    "thread 'b' panicked at a.rs:1:2:\n",
    "stack backtrace:\n",
    "    Starting 2 tests across 1 binary\n",
    "        PASS [   0.001s] (1/2) a b\n",
    "  TRY 1 FAIL [   0.001s] (───) a c\n",
    "        FAIL [   0.001s] (2/2) a c\n",
    "       START [         ] (1/2) a c\n",
    "  stdout ───\n",
    "────────────\n",
    "     Summary [   0.001s] 2 tests run: 1 passed, 1 failed, 0 skipped\n",
    "{ \"type\": \"suite\", \"event\": \"started\", \"test_count\": 2 }\n",
    "{ \"type\": \"test\", \"event\": \"started\", \"name\": \"b\" }\n",
    "{ \"type\": \"test\", \"name\": \"b\", \"event\": \"failed\", \"stdout\": \"x\" }\n",
    "{ \"type\": \"suite\", \"event\": \"ok\", \"passed\": 1, \"failed\": 0 }\n",
    "{\"kind\":{\"type\":\"core\",\"kind\":\"run-started\"}}\n",
    "{\"kind\":{\"type\":\"output\",\"kind\":\"test-finished\",\"test-instance\":{\"binary-id\":\"a\",\"name\":\"b\"},",
    "\"run-statuses\":[{\"result\":{\"status\":\"fail\"}}]}}\n",
    "{\"$message_type\":\"diagnostic\",\"message\":\"m\",\"code\":null,\"level\":\"error\"}\n",
    "TAP version 14\n",
    "1..2\n",
    "ok 1 - a\n",
    "not ok 2 - b\n",
    "# Subtest: a\n",
    "ok 1 - a {\n",
    "}\n",
    "---\n",
    "...\n",
    "key: |\n",
    "# comment\n",
    "Bail out!\n",
    "{\n",
    "not ok 9 # TODO\n",
    "  ok\n",
    "message: \"x\n",
    "# title\n",
    "#   Failed test 'b'\n",
    "t/a.t ..\n",
    "Dubious, test returned 1\n",
    "<?xml version='1.0'?>",
    "<testsuite name='a' tests='2'>",
    "</testsuite>",
    "<testcase name='a'>",
    "<testcase name='b'/>",
    "</testcase>",
    "<failure message='m'>",
    "</failure>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "&amp;",
    "&x;",
    "<assemblies timestamp='1'>",
    "<assembly total='1' failed='2'>",
    "<test name='a' result='Fail'>",
    "<test name='b' type='A.B' result='Pass'/>",
    "</test>",
    "<message>m</message>",
    "<test-run failed='1'>",
    "<test-suite name='A' result='Failed' site='TearDown'>",
    "</test-suite>",
    "<test-case name='a' classname='A.B' result='Failed'>",
    "<test-case name='b' result='Passed'/>",
    "</test-case>",
    "<TestRun>",
    "<UnitTestResult testId='1' testName='a' outcome='Failed'>",
    "<UnitTestResult testId='2' testName='b' outcome='Passed'/>",
    "<InnerResults>",
    "</UnitTestResult>",
    "<TestDefinitions>",
    "<UnitTest id='1' name='a'>",
    "<TestMethod className='A.B'/>",
    "</UnitTest>",
    "<ResultSummary outcome='Failed'>",
    "</TestRun>",
    "<system-out>",
    "==== test session starts ====\n",
    "collected 2 items\n",
    "a.py F.E   [ 50%]\n",
    "a.py::test_b FAILED   [ 50%]\n",
    "==== FAILURES ====\n",
    "____ test_b ____\n",
    "E   assert 1 == 2\n",
    "a.py:3: AssertionError\n",
    "---- Captured stdout call ----\n",
    "==== short test summary info ====\n",
    "FAILED a.py::test_b - assert 1 == 2\n",
    "==== 1 failed, 1 passed in 0.01s ====\n",
    "INTERNALERROR> x\n",
    "Fatal Python error: x\n",
    "{\n",
    "},\n",
    "],\n",
    "\"name\": \"a\",\n",
    "\"classname\": \"A\",\n",
    "\"status\": \"RUN\",\n",
    "\"failures\": [\n",
    "\"failure\": \"m\"\n",
    "\"testsuites\": [\n",
    "\"testsuite\": [\n",
    "{\"id\":{\"started\":{}},\"started\":{\"buildToolVersion\":\"8\"}}\n",
    "{\"id\":{\"testResult\":{\"label\":\"//a\",\"attempt\":1}},\"testResult\":{\"status\":\"FAILED\"}}\n",
    "{\"id\":{\"testSummary\":{\"label\":\"//a\"}},\"testSummary\":{\"overallStatus\":\"FLAKY\"}}\n",
    "{\"id\":{\"testSummary\":{\"label\":\"//a\"}},\"testSummary\":{\"overallStatus\":\"FAILED\"}}\n",
    "{\"id\":{\"targetCompleted\":{\"label\":\"//a\"}},\"completed\":{}}\n",
    "{\"id\":{\"buildFinished\":{}},\"finished\":{\"exitCode\":{\"name\":\"X\"}}}\n",
    "{\"protocolVersion\":\"0.1.1\",\"runnerVersion\":\"1\",\"type\":\"start\",\"time\":0}\n",
    "{\"suite\":{\"id\":0,\"path\":\"a.dart\"},\"type\":\"suite\",\"time\":0}\n",
    "{\"test\":{\"id\":1,\"name\":\"a\",\"suiteID\":0,\"groupIDs\":[2]},\"type\":\"testStart\",\"time\":1}\n",
    "{\"testID\":1,\"error\":\"e\",\"stackTrace\":\"\",\"isFailure\":true,\"type\":\"error\",\"time\":2}\n",
    "{\"testID\":1,\"message\":\"Retry: a\",\"type\":\"print\",\"time\":2}\n",
    "{\"testID\":1,\"result\":\"success\",\"type\":\"testDone\",\"time\":3}\n",
    "{\"testID\":1,\"result\":\"error\",\"type\":\"testDone\",\"time\":3}\n",
    "{\"success\":true,\"type\":\"done\",\"time\":4}\n",
    "##teamcity[testSuiteStarted name='A']\n",
    "##teamcity[testSuiteFinished name='A']\n",
    "##teamcity[testStarted name='a']\n",
    "##teamcity[testFailed name='a' message='|n|']\n",
    "##teamcity[testFinished name='a' duration='1']\n",
    "##teamcity[testRetrySupport enabled='true']\n",
    "[==========] Running 2 tests from 1 test suite.\n",
    "[----------] 2 tests from A\n",
    "[ RUN      ] A.a\n",
    "[       OK ] A.a (1 ms)\n",
    "[  FAILED  ] A.a (1 ms)\n",
    "a.cc:1: Failure\n",
    "[==========] 2 tests from 1 test suite ran. (0 ms total)\n",
    "[  PASSED  ] 1 test.\n",
    "[  FAILED  ] 1 test, listed below:\n",
    "Test project /b\n",
    "    Start 1: a\n",
    "    Start 2: b\n",
    "1/2 Test #1: a ...   Passed    0.01 sec\n",
    "2/2 Test #2: b ...***Failed    0.01 sec\n",
    "    Test #2: b ...   Passed    0.01 sec\n",
    "50% tests passed, 1 tests failed out of 2\n",
    "The following tests FAILED:\n",
    "\t  2 - b (Failed)\n",
    "======================================================================\n",
    "----------------------------------------------------------------------\n",
    "FAIL: test_b (m.T)\n",
    "test_b (m.T) ... ok\n",
    "Traceback (most recent call last):\n",
    "  File \"a.py\", line 3, in b\n",
    "Ran 2 tests in 0.1s\n",
    "FAILED (failures=1)\n",
    "[INFO] Running a.B\n",
    "[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 1 s <<< FAILURE! - in a.B\n",
    "[ERROR] b(a.B)  Time elapsed: 1 s  <<< FAILURE!\n",
    "java.lang.AssertionError: m\n\tat a.B.b(B.java:3)\n",
    "[INFO] Results:\n[ERROR] Failures: \n",
    "[ERROR]   B.b:3 m\n",
    "[ERROR] Tests run: 2, Failures: 1, Errors: 0, Skipped: 0\n",
    "[ERROR] /u/B.java:[1,2] m\n",
    "[ERROR] Failed to execute goal x:maven-surefire-plugin:y (z) on project p: m -> [Help 1]\n",
    "> Task :core:test FAILED\n",
    "a.B > b() FAILED\n",
    "    java.lang.AssertionError at B.java:3\n",
    "a.B > c PASSED\n",
    "2 tests completed, 1 failed\n",
    "* What went wrong:\nExecution failed for task ':core:test'.\n",
    "BUILD FAILED in 1s\n",
    "é",
    "\u{1b}[31m",
    "{\"numRuntimeErrorTestSuites\":0,\"testResults\":[",
    "{\"numTotalTestSuites\":0,\"testResults\":[",
    "{\"assertionResults\":[",
    "{\"ancestorTitles\":[],\"title\":\"a\",\"status\":\"failed\"}",
    "],\"name\":\"a.js\"}",
    "{\"stats\":{},\"tests\":[",
    "],\"failures\":[",
    "],\"passes\":[",
    "{\"title\":\"a\",\"fullTitle\":\"b a\",\"err\":{\"message\":\"m\"}}",
    "[\"fail\",{\"title\":\"a\"}]\n",
    "{\"config\":{\"rootDir\":\"/u\"},\"errors\":[],\"suites\":[",
    "{\"title\":\"a\",\"file\":\"f\",\"specs\":[",
    "{\"examples\":[{\"full_description\":\"a\",\"status\":\"failed\"},",
    ",",
    "\"",
    "]}",
    "{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"TestA\"}\n",
    "{\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"TestA/b\"}\n",
    "{\"Action\":\"fail\",\"Package\":\"p\"}\n",
    "=== RUN   TestA\n",
    "=== CONT  TestA\n",
    "--- PASS: TestA (0.00s)\n",
    "    --- FAIL: TestA/b (0.00s)\n",
    "    a_test.go:3: got 1, want 2\n",
    "panic: boom\n",
    "goroutine 1 [running]:\np.TestA(0x1)\n\t/u/a_test.go:3 +0x1\n",
    "FAIL\n",
    "FAIL\tp\t0.1s\n",
    "ok  \tp\t0.1s\n",
    "# p\n",
    "FAIL\tp [build failed]\n",
    "FAIL src/a.test.js\n",
    "PASS src/a.test.js\n",
    "  ✓ a (2 ms)\n",
    "    ✕ b\n",
    "  ● a › b\n",
    "    Error: no\n",
    " LOGGING RETRY ERRORS  b\n",
    " RETRY 1 \n",
    "Test Suites: 1 failed, 1 total\nTests:       1 failed, 2 passed, 3 total\n",
    " RUN  v4.1.0 /u\n",
    "⎯⎯⎯ Failed Tests 1 ⎯⎯⎯\n",
    "⎯⎯⎯ Unhandled Rejection ⎯⎯⎯\n",
    " FAIL  src/a.test.ts > a > b\n",
    " × src/a.test.ts > a > b 2ms\n",
    "⎯⎯⎯[1/1]⎯\n",
    " Test Files  1 failed (1)\n      Tests  1 failed | 2 passed (3)\n",
    "  2 passing (3ms)\n",
    "  1 failing\n",
    "  1) a\n       b:\n",
];

#[test]
fn input_that_is_nothing_known_says_what_was_tried() {
    let error = read(b"hello\n", &Hints::default()).unwrap_err().to_string();
    assert!(error.starts_with("no test results can be read from this\n  as "), "{error}");
    assert!(FORMATS.iter().all(|format| error.contains(&format!("\n  as {}: ", format.name()))), "{error}");
    let error = read_as("tapp", b"1..1", &Hints::default()).unwrap_err().to_string();
    assert!(error.contains(&format!("as tapp: no such format, known are {}, ", FORMATS[0].name())), "{error}");
    let error = read_as("tap", b"hello", &Hints::default()).unwrap_err().to_string();
    assert!(error.contains("as tap: there is no line like"), "{error}");
}

#[test]
fn names_of_suites_are_bounded_for_each_failure_keeps_one() {
    let long = "a".repeat(100_000);
    for text in [
        format!(
            "<testsuite name='{long}'><testsuite name='{long}'><testcase name='b'><failure/></testcase></testsuite></testsuite>"
        ),
        format!("     Running tests/a.rs (t/{long})\nrunning 1 test\ntest b ... FAILED\n"),
        format!("error: could not compile `{long}` (test \"{long}\")\n"),
        format!("TAP version 13\n# {long}\nnot ok 1 b\n1..1\n"),
        format!("TAP version 13\n    not ok 1 - b\n    1..1\nnot ok 1 - {long}\n1..1\n"),
        format!("TAP version 13\n# Subtest: {long}\n    not ok 1 - b\n    1..1\nnot ok 1 - {long}\n1..1\n"),
    ] {
        let report = read(text.as_bytes(), &Hints::default()).unwrap().report;
        assert_eq!(report.failures.len(), 1);
        assert!((500..3000).contains(&report.failures[0].id.suite.len()), "{}", report.failures[0].id.suite.len());
    }
}

#[test]
fn complaints_are_bounded() {
    let stream = "1..1\n".repeat(1000);
    let complaints = read_as("tap", stream.as_bytes(), &Hints::default()).unwrap().complaints;
    assert_eq!(complaints.len(), COMPLAINTS_MAX + 1);
    assert_eq!(complaints[COMPLAINTS_MAX].reason, "further complaints are left out");
}
