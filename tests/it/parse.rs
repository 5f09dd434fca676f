//! `heal-tests parse` as people and programs use it: files, folders, pipes, archives, and what is no report.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::slow;

const REPORT: &str = r#"<testsuite name="shop"><testcase classname="shop.Cart" name="adds" time="0.1"/>
<testcase classname="shop.Cart" name="bills"><failure type="E" message="expected: &lt;3&gt; but was: &lt;2&gt;">at Cart.java:7</failure></testcase>
<testcase classname="shop.Cart" name="ships"><skipped/></testcase></testsuite>"#;

fn parse(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heal-tests"));
    command.arg("parse").args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

/// Parses to JSON; returns the exit code and an object for each input.
fn json(folder: &Path, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = parse(folder, &[&["--format", "json"], arguments].concat());
    let lines = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn counts(value: &Value) -> [u64; 5] {
    ["tests", "passed", "failed", "errored", "skipped"].map(|name| value["counts"][name].as_u64().unwrap())
}

#[test]
fn json_begins_with_format_counts_failures_and_complaints() {
    let folder = folder(&[("r.xml", REPORT.as_bytes())]);
    let output = parse(folder.path(), &["--format", "json", "r.xml"]);
    assert_eq!(output.status.code(), Some(1));
    let line = String::from_utf8(output.stdout).unwrap();
    let begins = r#"{"format":"junit","counts":{"tests":3,"passed":1,"failed":1,"errored":0,"skipped":1},"failures":[{"outcome":"failed","id":{"suite":"shop.Cart","name":"bills"},"#;
    assert!(line.starts_with(begins), "{line}");
    let value: Value = serde_json::from_str(&line).unwrap();
    let keys: Vec<_> = ["\"failures\"", "\"complaints\"", "\"flaky\"", "\"input\""].map(|key| line.rfind(key)).into();
    assert!(keys.is_sorted() && keys.iter().all(Option::is_some), "{line}");
    assert_eq!((&value["failures"][0]["expected"], &value["failures"][0]["actual"]), (&"3".into(), &"2".into()));
}

#[test]
fn what_is_read_can_be_written_as_junit_and_read_again() {
    let tap = "TAP version 13\n1..3\nok 1 - a <b> & \"c\"\nnot ok 2 - d\\\\e\n  ---\n  message: \"x]]>y\"\n  ...\nok 3 - f # SKIP no\n";
    let folder = folder(&[("r.tap", tap.as_bytes()), ("r.xml", REPORT.as_bytes())]);
    let junit = parse(folder.path(), &["--format", "junit", "r.tap", "r.xml"]);
    fs::write(folder.path().join("again.xml"), &junit.stdout).unwrap();
    let (code, again) = json(folder.path(), &["again.xml"]);
    let (_, first) = json(folder.path(), &["r.tap", "r.xml"]);
    assert_eq!((code, counts(&again[0])), (Some(1), [6, 2, 2, 0, 2]));
    assert_eq!(again[0]["complaints"], Value::Array(Vec::new()));
    let ids = |values: &[Value]| -> Vec<Value> {
        values.iter().flat_map(|value| value["failures"].as_array().unwrap()).map(|one| one["id"].clone()).collect()
    };
    assert_eq!(ids(&again), ids(&first));
}

#[test]
fn folders_patterns_archives_and_pipes_are_read_in_order() {
    let passing = b"<testsuite><testcase name='a'/></testsuite>";
    let folder = folder(&[("b/r.xml.gz", &gzip(passing)), ("a/r.xml", passing), ("a/notes.txt", b"nothing")]);
    let (code, values) = json(folder.path(), &["b", "a/*"]);
    assert_eq!(code, Some(0));
    let inputs: Vec<_> = values.iter().map(|value| value["input"].as_str().unwrap()).collect();
    assert_eq!(inputs, ["b/r.xml.gz", "a/r.xml"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_heal-tests"));
    let mut child = child.args(["parse", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(passing).unwrap();
    let told = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(told, "standard input: junit, 1 test, 1 passed\n");
}

#[test]
fn what_holds_no_results_is_said_and_exits_with_4() {
    let folder = folder(&[("notes.txt", b"nothing"), ("empty", b""), ("good.tap", b"1..1\nok 1\n")]);
    let (code, values) = json(folder.path(), &["notes.txt", "good.tap", "empty"]);
    assert_eq!(code, Some(4));
    assert_eq!(values[0]["format"], Value::Null);
    assert!(values[0]["complaints"][0]["reason"].as_str().unwrap().contains("as junit: "), "{values:?}");
    assert_eq!(counts(&values[1]), [1, 1, 0, 0, 0]);
    for arguments in [&["absent.xml"][..], &["*.none"], &["notes.txt"]] {
        let output = parse(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}");
    }
    let unknown = parse(folder.path(), &["--as", "junitt", "good.tap"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("known are trx, "));
}

#[test]
fn what_is_no_file_ends_with_a_sentence_and_not_with_a_wait() {
    let folder = folder(&[]);
    let _socket = UnixListener::bind(folder.path().join("socket")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap().success());
    for (name, wanted) in [("socket", "it is a socket"), ("pipe", "nothing came for 0.2 s")] {
        let (code, values) = json(folder.path(), &["--wait-max", "200ms", name]);
        assert_eq!(code, Some(4), "{name}");
        assert!(values[0].to_string().contains(wanted), "{name}: {values:?}");
    }
}

#[test]
fn limits_leave_out_and_say_so() {
    let bomb = gzip(format!("<testsuite><testcase name='a'/><!-- {} -->", "x".repeat(1 << 20)).as_bytes());
    let folder = folder(&[("bomb.xml.gz", &bomb)]);
    let (code, values) = json(folder.path(), &["--input-max", "64K", "bomb.xml.gz"]);
    assert_eq!((code, counts(&values[0])), (Some(0), [1, 1, 0, 0, 0]));
    assert!(values[0]["complaints"].to_string().contains("holds more than 65536 bytes"), "{values:?}");
}

#[test]
fn names_from_outside_steer_no_terminal_and_no_ci_runner() {
    let report = "<testsuite><testcase name='a\n::error::b\u{1b}[2J\u{202e}c'><failure message='\n::set-env name=x::y'/></testcase></testsuite>";
    let folder = folder(&[("r.xml", report.as_bytes())]);
    let told = String::from_utf8(parse(folder.path(), &["r.xml"]).stdout).unwrap();
    assert!(!told.contains('\u{1b}') && !told.contains('\u{202e}'), "{told:?}");
    assert!(told.lines().all(|line| !line.trim_start().starts_with("::")), "{told:?}");
}

#[test]
fn a_hundred_thousand_small_files_are_read() {
    slow!();
    let folder = folder(&[]);
    for n in 0..100_000 {
        let path = folder.path().join(format!("{}/r{n}.xml", n / 1000));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("<testsuite><testcase name='t{n}'/></testsuite>")).unwrap();
    }
    let output = parse(folder.path(), &["."]);
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.ends_with("100000 reports: 100,000 tests, 100,000 passed\n"), "{}", &told[told.len() - 200..]);
}
