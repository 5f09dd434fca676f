//! A whole session as every reporter tells it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::*;
use crate::model::{
    Blame, Certificate, Counts, Diagnostic, Environment, Exhausted, Failure, FailureClass, FailureCluster, FileChange,
    Finding, Location, Origin, Outcome, Patch, Refusal, Review, RunRecord, SessionOutcome, Signature, Spend, TestId,
    Usage, Verdict,
};

/// A stream whose text the test can read afterwards.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream that fails at once.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn wanted(data: Data) -> Wanted {
    Wanted {
        talk: true,
        data,
        out_dir: None,
        clean: Arc::new(|text| text.replace("hunter2", "[REDACTED]")),
        now: epoch(),
    }
}

fn epoch() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

/// Returns what is written to standard error, without colour, and to standard output.
fn told(events: &[Event], data: Data, look: Look) -> (String, String) {
    let (talk, out) = (Shared::default(), Shared::default());
    let streams = Streams {
        talk: Box::new(anstream::StripStream::new(Box::new(talk.clone()) as Box<dyn Write + Send>)),
        data: Box::new(out.clone()),
        interactive: false,
        look,
    };
    let mut reporters = Reporters::new(&wanted(data), streams).unwrap();
    for event in events {
        reporters.hear(event);
    }
    assert_eq!(reporters.complaint(), None);
    (talk.text(), out.text())
}

pub(super) fn failure(suite: &str, name: &str, message: &str) -> Failure {
    Failure { message: message.into(), ..Failure::bare(TestId::new(suite, name)) }
}

pub(super) fn cluster(signature: &str, class: FailureClass, place: &str, failures: Vec<Failure>) -> FailureCluster {
    let location = Location { file: place.into(), line: 88, column: Some(9) };
    FailureCluster {
        signature: Signature(signature.into()),
        class,
        blame: Blame::Ambiguous("not looked into yet".into()),
        failures,
        locations: vec![(location, 1.0)],
    }
}

fn run(purpose: &str, passed: u64, red: u64, millis: u64) -> RunRecord {
    RunRecord {
        purpose: purpose.into(),
        commands: vec![vec!["cargo".into(), "test".into()]],
        outcomes: BTreeMap::from([("cart tests::totals".into(), Some(Outcome::Passed))]),
        passed,
        red,
        wall: Duration::from_millis(millis),
        surplus: 0,
    }
}

pub(super) fn patch() -> Patch {
    Patch::edit("src/cart.rs", "fn total() {\n    a - b\n}\n", "fn total() {\n    a + b\n}\n")
}

/// A diff as simple as it can be; reporters pass on what they are given.
fn diff_of(patch: &Patch) -> String {
    let signed = |sign: char, text: &Option<String>| {
        text.iter().flat_map(|text| text.lines()).map(|line| format!("{sign}{line}\n")).collect::<String>()
    };
    let told = |change: &FileChange| {
        let (before, after) = (signed('-', &change.before), signed('+', &change.after));
        format!("--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n{before}{after}", change.path)
    };
    patch.changes().iter().map(told).collect()
}

pub(super) fn proven(cluster: &str, patch: &Patch, signature: &str) -> Event {
    let healed = vec![TestId::new("cart", "tests::totals"), TestId::new("cart", "tests::adds")];
    Event::Proven {
        cluster: cluster.into(),
        origin: Origin { debugger: "template".into(), what: "`-` → `+` at src/cart.rs:88".into() },
        patch: patch.clone(),
        diff: diff_of(patch),
        verdict: Verdict::Plausible {
            findings: vec![Finding {
                kind: "untested-lines".into(),
                sentence: "src/cart.rs:88 is run by 2 tests".into(),
            }],
            uncovered: Vec::new(),
        },
        certificate: Box::new(Certificate {
            schema: Certificate::SCHEMA,
            environment: Environment {
                base_commit: "a1b2c3d".into(),
                runner: "cargo-test".into(),
                sandbox: "R4".into(),
                ..Environment::default()
            },
            patch_hash: patch.hash(),
            signature: Signature(signature.into()),
            healed,
            runs: vec![
                run("red before", 0, 2, 410),
                run("green after", 2, 0, 400),
                run("green after", 2, 0, 390),
                run("whole suite", 1_412, 0, 3_200),
                run("red again", 0, 2, 420),
            ],
        }),
    }
}

fn judged(debugger: &str, what: &str, verdict: Verdict) -> Event {
    let origin = Origin { debugger: debugger.into(), what: what.into() };
    Event::Judged { origin, verdict, wall: Duration::from_millis(1_200) }
}

fn sample_clusters() -> Vec<FailureCluster> {
    let mismatch = "assertion `left == right` failed: totals are with tax\n  left: 107\n right: 108";
    let mut build = failure("tool", "[build]", "");
    build.diagnostics = vec![Diagnostic {
        code: "E0425".into(),
        message: "cannot find function `discount` in this scope".into(),
        spans: Vec::new(),
        suggestions: Vec::new(),
        rendered: String::new(),
    }];
    vec![
        cluster("c0ffee0012345678", FailureClass::CompileError, "tool/src/main.rs", vec![build]),
        cluster(
            "a1b2c3d4e5f60718",
            FailureClass::AssertionMismatch,
            "src/cart.rs",
            vec![failure("cart", "tests::totals", mismatch), failure("cart", "tests::adds", mismatch)],
        ),
        cluster(
            "0badcafe00000000",
            FailureClass::Infrastructure,
            "tests/net.rs",
            vec![failure("net", "fetches", "could not resolve host: example.org")],
        ),
    ]
}

/// Candidates that did not hold, one a verdict.
fn failed_attempts() -> [Event; 5] {
    let still = Verdict::StillFailing { ids: vec![TestId::new("cart", "tests::adds")], detail: "left: 106".into() };
    [
        judged("template", "`-` → `*` at src/cart.rs:88", still),
        judged(
            "template",
            "delete src/cart.rs:88",
            Verdict::Unviable { detail: "error[E0308]: mismatched types\n  --> x".into() },
        ),
        judged(
            "endpoint",
            "rewrite",
            Verdict::Refused(Refusal::new("protected-path", "it edits the test tests/cart.rs")),
        ),
        judged("endpoint", "rewrite", Verdict::Regressing { ids: vec![TestId::new("cart", "tests::empty")] }),
        judged("endpoint", "rewrite", Verdict::TimedOut),
    ]
}

const TOTALS: &str = "cart tests::totals (+1 more)";

/// A session with a bit of everything.
pub(super) fn session() -> Vec<Event> {
    let clusters = sample_clusters();
    let usage = Usage { requests: 1, input: 3_100, output: 240, cost_usd: Some(0.0123), ..Usage::default() };
    let spend = Spend { wall: Duration::from_millis(34_200), attempts: 5, runs: 12, usage: usage.clone() };
    let note = "The model says the test is right.\nIt gave no patch.";
    let mut events = vec![
        Event::SessionStarted {
            root: "/home/me/shop".into(),
            runner: "cargo-test".into(),
            debuggers: vec!["remembered".into(), "compiler".into(), "template".into()],
            endpoint: false,
            sandbox: "R4".into(),
        },
        Event::ReportRead {
            source: "target/nextest/junit.xml".into(),
            counts: Counts { tests: 1_415, passed: 1_410, failed: 3, errored: 1, skipped: 1 },
            complaints: vec!["target/nextest/junit.xml: 2 cases have no name".into()],
        },
        Event::StepStarted { what: "re-run 4 failing tests alone".into() },
        Event::Reproduced {
            red: clusters.iter().flat_map(FailureCluster::ids).collect(),
            green: vec![TestId::new("cart", "tests::sometimes")],
            missing: Vec::new(),
        },
        Event::Clustered { clusters: clusters.clone() },
        Event::ClusterStarted { cluster: clusters[0].title(), position: 1, n_clusters: 3 },
        Event::Proposed { debugger: "compiler".into(), n_candidates: 0, usage: Usage::default(), note: String::new() },
        Event::Proposed { debugger: "endpoint".into(), n_candidates: 0, usage, note: note.into() },
        Event::ClusterUnhealed { cluster: clusters[0].title(), reason: "no debugger has another idea".into() },
        Event::ClusterStarted { cluster: TOTALS.into(), position: 2, n_clusters: 3 },
        Event::Proposed { debugger: "template".into(), n_candidates: 24, usage: Usage::default(), note: String::new() },
    ];
    events.extend(failed_attempts());
    events.extend([
        proven(TOTALS, &patch(), "a1b2c3d4e5f60718"),
        Event::Reviewed { cluster: TOTALS.into(), review: Review::Accept },
        Event::Applied { cluster: TOTALS.into(), paths: vec!["src/cart.rs".into()] },
        Event::ClusterRefused {
            cluster: clusters[2].title(),
            blame: Blame::Infrastructure,
            sentence: "a host name could not be resolved; no patch to the code mends that".into(),
        },
        Event::ClusterHealedToo { cluster: "cart tests::later".into(), with: TOTALS.into() },
        Event::BudgetExhausted { exhausted: Exhausted::Attempts },
        Event::Notice { sentence: "the knowledge base was set aside".into() },
        Event::SessionEnded { outcome: SessionOutcome::Remaining, spend, n_healed: 1, n_clusters: 3 },
    ]);
    events
}

#[test]
fn a_session_is_told_on_the_terminal() {
    let (talk, out) = told(&session(), Data::Diffs, Look::Exact);
    insta::assert_snapshot!(talk);
    assert_eq!(out, diff_of(&patch()));
}

/// Replaces every text of a session that is not our own by one that tries to do harm.
pub(super) fn hostile_session() -> Vec<Event> {
    let evil = "::error::x\u{1b}[2J\u{202e}\r\n::stop-commands::y\n  ##[add-mask]z ``` </details> @everyone <script>";
    let mut cluster = cluster("a1", FailureClass::Panic, evil, vec![failure(evil, evil, evil); 20]);
    cluster.failures[0].location = Some(cluster.locations[0].0.clone());
    let ids: Vec<_> = cluster.ids();
    let patch = Patch::edit(evil.replace('\n', "/"), "a\n", format!("{evil}\n"));
    let title = cluster.title();
    vec![
        Event::SessionStarted {
            root: evil.into(),
            runner: evil.into(),
            debuggers: vec![evil.into()],
            endpoint: true,
            sandbox: evil.into(),
        },
        Event::StepStarted { what: evil.into() },
        Event::ReportRead { source: evil.into(), counts: Counts::default(), complaints: vec![evil.into()] },
        Event::Reproduced { red: ids.clone(), green: ids.clone(), missing: ids.clone() },
        Event::Clustered { clusters: vec![cluster] },
        Event::ClusterRefused { cluster: evil.into(), blame: Blame::Ambiguous(evil.into()), sentence: evil.into() },
        Event::ClusterStarted { cluster: title.clone(), position: 1, n_clusters: 1 },
        Event::Proposed { debugger: evil.into(), n_candidates: 0, usage: Usage::default(), note: evil.into() },
        judged(evil, evil, Verdict::Refused(Refusal::new(evil, evil))),
        proven(&title, &patch, evil),
        Event::Applied { cluster: title.clone(), paths: vec![evil.into()] },
        Event::ClusterUnhealed { cluster: title, reason: evil.into() },
        Event::ClusterHealedToo { cluster: evil.into(), with: evil.into() },
        Event::Notice { sentence: evil.into() },
    ]
}

#[test]
fn text_of_others_neither_steers_the_terminal_nor_speaks_to_the_runner() {
    let (talk, out) = told(&hostile_session(), Data::Diffs, Look::Plain);
    for line in talk.lines() {
        assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line:?}");
    }
    for text in [talk, out] {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{text:?}");
    }
}

#[test]
fn a_diff_for_a_program_is_exact_and_one_for_a_person_shows_what_is_hidden() {
    let patch = Patch::edit("a", "x\n", "y\u{202e}\u{1b}[8m\n");
    let events = [proven("t", &patch, "s")];
    assert_eq!(told(&events, Data::Diffs, Look::Exact).1, diff_of(&patch));
    let plain = told(&events, Data::Diffs, Look::Plain).1;
    assert!(plain.contains("+y\\u{202e}\\u{1b}[8m\n"), "{plain}");
    let coloured = told(&events, Data::Diffs, Look::Coloured).1;
    assert!(coloured.contains("\u{1b}[31m-x\u{1b}[0m\n\u{1b}[32m+y\\u{202e}"), "{coloured:?}");
}

#[test]
fn with_events_as_data_every_line_is_one_event_and_no_diff_stands_between() {
    let (talk, out) = told(&session(), Data::Events, Look::Exact);
    assert!(talk.contains("Proven"));
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), session().len());
    assert_eq!(lines[0]["event"], "session_started");
    assert!(out.lines().all(|line| line.starts_with("{\"event\":\"")), "{out}");
    assert_eq!(lines[16]["diff"], diff_of(&patch()).as_str());
    assert_eq!(lines.last().unwrap()["outcome"], "remaining");
}

#[test]
fn secrets_are_cleaned_from_events_but_a_patch_is_handed_over_as_it_is() {
    let patch = Patch::edit("a", "hunter2\n", "hunter3\n");
    let events = [proven("t", &patch, "s"), Event::Notice { sentence: "the password is hunter2".into() }];
    let out = told(&events, Data::Events, Look::Exact).1;
    assert!(out.contains("the password is [REDACTED]") && out.contains("-hunter2"), "{out}");
}

#[test]
fn a_closed_pipe_is_success_and_a_full_disk_a_complaint() {
    for (kind, expected) in [(io::ErrorKind::BrokenPipe, None), (io::ErrorKind::StorageFull, Some(()))] {
        let streams = Streams {
            talk: Box::new(Shared::default()),
            data: Box::new(Broken(kind)),
            interactive: false,
            look: Look::Exact,
        };
        let mut reporters = Reporters::new(&wanted(Data::Events), streams).unwrap();
        for event in &session() {
            reporters.hear(event);
        }
        assert_eq!(reporters.complaint().map(|_| ()), expected, "{kind}");
    }
}
