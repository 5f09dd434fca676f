//! What a session leaves in its output folder.

use std::io;

use camino::Utf8PathBuf;

use crate::model::{Event, FailureClass, Patch, Review};
use crate::report::tests::{cluster, failure, hostile_session, patch, proven, session, wanted};
use crate::report::{Data, Look, ReportError, Reporter, Reporters, Streams, Wanted};

/// An output folder, and what reporters write into it.
struct Folder {
    _temporary: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Folder {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(temporary.path().join("heal-out")).unwrap();
        Self { _temporary: temporary, path }
    }

    fn write(&self, events: &[Event]) {
        let mut reporters = self.reporters().unwrap();
        for event in events {
            reporters.hear(event);
        }
        assert_eq!(reporters.complaint(), None);
    }

    fn reporters(&self) -> Result<Reporters, ReportError> {
        let wanted = Wanted { talk: false, out_dir: Some(self.path.clone()), ..wanted(Data::Nothing) };
        let nowhere = || Box::new(io::sink());
        Reporters::new(&wanted, Streams { talk: nowhere(), data: nowhere(), interactive: false, look: Look::Exact })
    }

    fn read(&self, name: &str) -> String {
        fs_err::read_to_string(self.path.join(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs_err::read_dir(&self.path).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_session_leaves_its_summary() {
    let folder = Folder::new();
    folder.write(&session());
    insta::assert_snapshot!(folder.read("summary.md"));
}

#[test]
fn a_session_leaves_its_patch_as_a_mail() {
    let folder = Folder::new();
    folder.write(&session());
    let mail = folder.read("heal.patch");
    for part in [
        "heal cart tests::totals (+1 more)",
        "Mon, 21 Sep 2026",
        "- red again without the patch: 2 failed",
        "\n+    a + b\n",
    ] {
        assert!(mail.contains(part), "{mail}");
    }
}

#[test]
fn the_report_holds_the_session_with_its_verdicts_and_proofs() {
    let folder = Folder::new();
    folder.write(&session());
    let report: serde_json::Value = serde_json::from_str(&folder.read("report.json")).unwrap();
    assert_eq!((&report["schema"], &report["ended"]["exit_code"]), (&1.into(), &1.into()));
    let states: Vec<_> =
        report["clusters"].as_array().unwrap().iter().map(|cluster| cluster["state"]["is"].as_str()).collect();
    assert_eq!(states, [Some("unhealed"), Some("applied"), Some("not_ours"), Some("healed_too")]);
    let attempts = report["clusters"][1]["attempts"].as_array().unwrap();
    let verdicts: Vec<_> = attempts.iter().map(|attempt| attempt["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["still_failing", "unviable", "refused", "regressing", "timed_out"]);
    let certificates: serde_json::Value = serde_json::from_str(&folder.read("certificate.json")).unwrap();
    assert_eq!(certificates["certificates"][0]["patch_hash"], patch().hash());
    assert_eq!(report["clusters"][1]["proofs"][0]["certificate"], certificates["certificates"][0]);
}

#[test]
fn a_session_that_is_killed_leaves_what_it_had_proven() {
    let folder = Folder::new();
    let events = session();
    let until = events.iter().position(|event| matches!(event, Event::Proven { .. })).unwrap();
    folder.write(&events[..=until]);
    assert_eq!(folder.names(), ["certificate.json", "heal.patch", "report.json", "summary.md"]);
    assert!(folder.read("summary.md").contains("Proven patch"));
}

#[test]
fn without_a_proof_there_is_no_patch_and_a_rejected_one_is_taken_back() {
    let folder = Folder::new();
    let review = Event::Reviewed { cluster: "t".into(), review: Review::Reject };
    folder.write(&[proven("t", &patch(), "s"), review]);
    assert_eq!(folder.names(), ["report.json", "summary.md"]);
    assert!(folder.read("summary.md").contains("### Rejected: `t`"));
}

#[test]
fn patches_that_follow_one_another_are_one_file_and_one_that_does_not_is_its_own() {
    let folder = Folder::new();
    let edit = |before: &str, after: &str| Patch::edit("a", before, after);
    let patches = [edit("1\n", "2\n"), edit("2\n", "3\n"), edit("1\n", "4\n")];
    let events: Vec<_> =
        patches.iter().zip(["a", "b", "c"]).map(|(patch, title)| proven(title, patch, title)).collect();
    folder.write(&events);
    assert_eq!(folder.read("heal.patch").matches("\n+++ b/a\n").count(), 2);
    assert!(folder.read("heal-2.patch").contains("+4"));
}

#[test]
fn what_an_earlier_session_left_is_moved_aside_and_files_of_others_stay() {
    let folder = Folder::new();
    let previous = folder.path.with_file_name("heal-out.1");
    for n in 1..=3 {
        folder.write(&[Event::Notice { sentence: format!("session {n}") }]);
        fs_err::write(folder.path.join("notes.txt"), "mine").unwrap();
    }
    assert!(folder.read("report.json").contains("session 3"));
    assert!(fs_err::read_to_string(previous.join("report.json")).unwrap().contains("session 2"));
    assert_eq!(folder.read("notes.txt"), "mine");
    assert!(!previous.join("notes.txt").exists());
}

#[test]
fn an_output_folder_without_a_name_of_its_own_is_refused() {
    for path in [".", "/", "a/.."] {
        let wanted = Wanted { out_dir: Some(path.into()), ..wanted(Data::Nothing) };
        let result = Reporters::new(&wanted, Streams::standard());
        assert!(matches!(result, Err(ReportError::NoFolderOfItsOwn(_))), "{path}");
    }
}

#[test]
fn a_folder_that_vanishes_is_complained_of_once_and_nothing_panics() {
    let folder = Folder::new();
    let mut reporters = folder.reporters().unwrap();
    fs_err::remove_dir_all(&folder.path).unwrap();
    for event in &session() {
        reporters.hear(event);
    }
    assert!(reporters.complaint().unwrap().contains("report.json"), "{:?}", reporters.complaint());
}

#[test]
fn the_summary_of_a_huge_session_fits_a_comment_and_says_what_is_missing() {
    let folder = Folder::new();
    let long = "long message\n".repeat(100);
    let clusters: Vec<_> = (0..400)
        .map(|n| {
            cluster(&format!("{n:016x}"), FailureClass::Panic, "src/a.rs", vec![failure("s", &format!("t{n}"), &long)])
        })
        .collect();
    let patch = Patch::edit("src/a.rs", "x\n".repeat(9_000), "y\n".repeat(9_000));
    let title = clusters[0].title();
    folder.write(&[Event::Clustered { clusters }, proven(&title, &patch, "0")]);
    let summary = folder.read("summary.md");
    assert!(summary.len() <= 65_536, "{}", summary.len());
    assert!(summary.contains("`report.json` has all of them") && summary.contains("bytes; it is in the patch file"));
}

#[test]
fn the_summary_of_a_hostile_session_holds_its_texts_in_spans_and_fences_only() {
    let folder = Folder::new();
    folder.write(&hostile_session());
    let summary = folder.read("summary.md");
    let mut fence: Option<usize> = None;
    for line in summary.lines() {
        assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line:?}");
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match fence {
            Some(opened) if ticks >= opened => fence = None,
            None if ticks >= 3 && !line[ticks..].contains('`') => fence = Some(ticks),
            Some(_) => {}
            None => {
                let outside: String = outside_spans(line);
                assert!(!outside.contains("everyone") && !outside.contains("script"), "{line:?}");
            }
        }
    }
    assert_eq!(fence, None);
}

/// Returns what of a line stands outside its code spans, after the rule of CommonMark.
fn outside_spans(line: &str) -> String {
    let (mut rest, mut outside) = (line, String::new());
    while let Some(start) = rest.find('`') {
        outside += &rest[..start];
        let ticks = rest[start..].chars().take_while(|c| *c == '`').count();
        let inside = &rest[start + ticks..];
        let mut at = 0;
        let end = loop {
            let Some(next) = inside[at..].find('`') else { break None };
            let run = inside[at + next..].chars().take_while(|c| *c == '`').count();
            if run == ticks {
                break Some(at + next);
            }
            at += next + run;
        };
        if let Some(end) = end {
            rest = &inside[end + ticks..];
        } else {
            outside += &rest[start..start + ticks];
            rest = inside;
        }
    }
    outside + rest
}
