//! Logs as CI systems keep them: several tools in one, prefixes, sections, and tests that print what looks like results.

use std::collections::BTreeMap;
use std::path::Path;

use crate::ingest::recorder::Recorder;
use crate::ingest::source::Line;
use crate::ingest::{FORMATS, Format, Hints, Likeness, Owner, Reader, Reading, read};

/// Reads a text, and returns the formats, the numbers of all, failed, errored and skipped tests, and the red ids.
fn told(text: &str) -> (Vec<&'static str>, [u64; 4], Vec<String>) {
    told_by(&read(text.as_bytes(), &Hints::default()).unwrap())
}

fn told_by(reading: &Reading) -> (Vec<&'static str>, [u64; 4], Vec<String>) {
    let n = reading.report.counts;
    let mut ids: Vec<_> = reading.report.failures.iter().map(|failure| failure.id.to_string()).collect();
    ids.sort();
    (reading.formats.clone(), [n.tests, n.failed, n.errored, n.skipped], ids)
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest").join(name);
    String::from_utf8_lossy(&fs_err::read(path).unwrap()).into_owned()
}

/// Tells whether a format can share a log: it does not own a line that can be anybody's.
fn shares(format: &dyn Format) -> bool {
    let hints = Hints::default();
    let line = Line { text: "anybody's", offset: 0 };
    match format.reader(&hints) {
        Reader::Lines(mut lines) => lines.line(&line, &mut Recorder::new(&hints, None)) == Owner::Other,
        Reader::Document(_) => false,
    }
}

/// The smallest fixture with a failure of each format that can share a log.
fn logs() -> BTreeMap<&'static str, String> {
    let mut logs: BTreeMap<&'static str, String> = BTreeMap::new();
    for format in FORMATS.iter().filter(|format| shares(**format)).map(|format| format.name()) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ingest").join(format);
        for file in fs_err::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            let name = file.to_str().unwrap();
            let text = String::from_utf8_lossy(&fs_err::read(&file).unwrap()).into_owned();
            let is_small = logs.get(format).is_none_or(|smallest| text.len() < smallest.len());
            if !name.contains(".snap") && !name.ends_with("_job.log") && is_small && is_whole(format, &text) {
                logs.insert(format, text);
            }
        }
    }
    logs
}

/// Tells whether a text is read as one format without complaint, has a failure, and says what it is.
fn is_whole(format: &str, text: &str) -> bool {
    let Ok(reading) = read(text.as_bytes(), &Hints::default()) else { return false };
    let is_certain = FORMATS
        .iter()
        .any(|known| known.name() == format && known.sniff(text).is_ok_and(|likeness| likeness == Likeness::Certain));
    is_certain && reading.complaints.is_empty() && reading.report.counts.red() > 0 && reading.formats == [format]
}

/// Formats of one tool's output: a header in one names the suite of another.
const CARGO: &[&str] = &["cargo-test", "libtest-json", "nextest"];

#[test]
fn a_log_of_two_tools_yields_both() {
    let logs = logs();
    assert!(logs.len() >= 3, "{:?}", logs.keys());
    let mut wrong = Vec::new();
    for (first, one) in &logs {
        let is_other_tool = |second: &str| second != *first && !(CARGO.contains(first) && CARGO.contains(&second));
        for (second, other) in logs.iter().filter(|(second, _)| is_other_tool(second)) {
            let (_, counts, mut ids) = told(one);
            let (_, more_counts, more_ids) = told(other);
            ids.extend(more_ids);
            ids.sort();
            let both = told(&format!("{one}\nnpm warn something else\n\n> shop@1.0.0 test\n\n{other}"));
            let sums: Vec<u64> = counts.iter().zip(more_counts).map(|(a, b)| a + b).collect();
            if (both.1.as_slice(), &both.2, both.0.len()) != (sums.as_slice(), &ids, 2) {
                wrong.push(format!("{first} and {second}: {:?}, {:?} for {sums:?}", both.0, both.1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_tool_that_begins_behind_much_else_is_found() {
    let logs = logs();
    let noise = "npm http fetch GET 200 https://registry.npmjs.org/left-pad 12ms\n".repeat(3000);
    for text in logs.values() {
        let (_, counts, ids) = told(text);
        let late = told(&format!("{}\n{noise}{text}", fixture("tap/pg_regress.tap")));
        let all = told(&fixture("tap/pg_regress.tap"));
        if told(text).0 != ["tap"] {
            assert_eq!(late.1[0], counts[0] + all.1[0]);
            assert!(ids.iter().all(|id| late.2.contains(id)), "{ids:?} {:?}", late.2);
        }
    }
}

/// How a CI system keeps the lines of a job.
type Keep = fn(usize, &str) -> String;

const CI_SYSTEMS: &[(&str, Keep)] = &[
    ("GitHub", |n, line| format!("2024-05-01T12:00:{:02}.1234567Z {line}\n", n % 60)),
    ("gh", |n, line| format!("build\tRun tests\t2024-05-01T12:00:{:02}.1234567Z {line}\n", n % 60)),
    ("GitLab", |n, line| format!("2024-05-01T12:00:{:02}.123456Z 01O {line}\n", n % 60)),
    ("GitLab, cut", |n, line| {
        let stamp = format!("2024-05-01T12:00:{:02}.123456Z 01O", n % 60);
        let (head, tail) = line.split_at(line.floor_char_boundary(line.len() / 2));
        format!("{stamp} {head}\n{stamp}+{tail}\n")
    }),
    ("Jenkins", |n, line| format!("[2024-05-01T12:00:{:02}.123Z] {line}\n", n % 60)),
    ("Buildkite", |n, line| format!("\u{1b}_bk;t=17453222099{n:02}\u{7}{line}\r\n")),
    ("TeamCity", |n, line| format!("[12:00:{:02}] :\t [Step 1/2] {line}\n", n % 60)),
    ("CircleCI", |_, line| format!("{line}\r\n")),
];

#[test]
fn results_are_the_same_in_the_logs_of_every_ci_system() {
    for (format, text) in logs() {
        let plain = told(&text);
        for (system, keep) in CI_SYSTEMS {
            let lines =
                ["##[group]Run tests", "\u{1b}[36;1mrun\u{1b}[0m", "##[endgroup]"].into_iter().chain(text.lines());
            let log: String = lines.enumerate().map(|(n, line)| keep(n, line)).collect();
            assert_eq!(told(&log), plain, "{format} in a log of {system}");
        }
    }
}

#[test]
fn documents_are_found_in_job_logs() {
    let report =
        "<testsuite name='s'>\n<testcase name='a'>\n<failure message='m'>t</failure>\n</testcase>\n</testsuite>";
    for (system, keep) in CI_SYSTEMS {
        let lines = ["##[group]Run cat junit.xml", "##[endgroup]"].into_iter().chain(report.lines());
        let log: String = lines.enumerate().map(|(n, line)| keep(n, line)).collect();
        assert_eq!(told(&log), (vec!["junit"], [1, 1, 0, 0], vec!["s a".to_owned()]), "{system}");
    }
}

#[test]
fn what_a_test_prints_stays_its_output() {
    let printed = "TAP version 13\n1..2\nnot ok 1 - printed\nok 2 - printed\n";
    let cargo = format!(
        "     Running unittests src/lib.rs (target/debug/deps/shop-0123456789abcdef)\n\nrunning 1 test\ntest a ... FAILED\n\nfailures:\n\n\
         ---- a stdout ----\n{printed}thread 'a' panicked at src/lib.rs:1:2:\nboom\n\n\nfailures:\n    a\n\n\
         test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n"
    );
    assert_eq!(told(&cargo), (vec!["cargo-test"], [1, 1, 0, 0], vec!["shop a".to_owned()]));
    let node = fixture("tap/node20_direct.tap");
    let (_, counts, _) = told(&node);
    let both = told(&format!("{cargo}{node}"));
    assert_eq!((both.0.len(), both.1[0]), (2, counts[0] + 1), "{both:?}");
    let both = told(&format!("{node}\n{cargo}"));
    assert_eq!((both.0.len(), both.1[0]), (2, counts[0] + 1), "{both:?}");
}

#[test]
fn a_tool_that_another_one_quotes_is_not_read() {
    let tap = "TAP version 13\n1..1\nnot ok 1 - a\n  ---\n  message: |\n    running 1 test\n    test x ... FAILED\n\n    test result: FAILED. 0 passed; 1 failed; \
        0 ignored; 0 measured; 0 filtered out\n  ...\n";
    assert_eq!(told(tap), (vec!["tap"], [1, 1, 0, 0], vec!["a".to_owned()]));
}
