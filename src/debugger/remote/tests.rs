//! The whole way of a proposal, against a real local server that plays recorded bodies and faults.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;

use super::*;
use crate::debugger::remote::fault_server::{FaultServer, Play, head, response};
use crate::model::{
    Blame, Excerpt, Failure, FailureClass, FailureCluster, Proposal, Remedy, Section, Signature, TestId,
};

mod faults;
mod reading;
mod requests;

const KEY: &str = "sk-5up3rs3cr3t-key-9";
const JSON: (&str, &str) = ("content-type", "application/json");
const EVENTS: (&str, &str) = ("content-type", "text/event-stream; charset=utf-8");
const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

/// A small bundle of evidence.
pub(crate) fn example_evidence() -> Evidence {
    let redact = |text: &str| Redactor::new(&[]).redact(text);
    let excerpt = |section, title, text| Excerpt { section, title: redact(title), text: redact(text) };
    Evidence {
        cluster: FailureCluster {
            signature: Signature("5".repeat(16)),
            class: FailureClass::AssertionMismatch,
            blame: Blame::Change,
            failures: vec![Failure::bare(TestId::new("cart", "tests::total"))],
            locations: Vec::new(),
        },
        sources: [("src/lib.rs".into(), "whole source, stays here".to_owned())].into(),
        changes: Vec::new(),
        excerpts: vec![
            excerpt(Section::Failure, "cart tests::total", "left: 5\nright: 6"),
            excerpt(Section::Source, "src/lib.rs lines 1-9", "for n in 0..len - 1 {\n"),
        ],
        attempts: Vec::new(),
    }
}

fn endpoint(dialect: Dialect, url: &str, stream: bool) -> Endpoint {
    let patient = Duration::from_secs(20);
    Endpoint {
        url: url.to_owned(),
        key: Some(Key::new(KEY)),
        stream,
        retries_max: 0,
        retry_wait: Duration::from_millis(1),
        first_byte_timeout: patient,
        idle_timeout: patient,
        reply_bytes_max: 100_000,
        ..Endpoint::new(dialect, "m-1")
    }
}

async fn ask(endpoint: Endpoint) -> Result<Proposal, DebuggerError> {
    Remote::new(endpoint).unwrap().propose(&example_evidence()).await
}

/// Returns what came of a question in the words of the `.txt` files beside the fixtures.
fn told(result: &Result<Proposal, DebuggerError>, url: &str) -> String {
    let mut told = String::new();
    let usage = match result {
        Ok(proposal) => {
            for candidate in &proposal.candidates {
                let Remedy::Reply(text) = &candidate.remedy else { panic!("not a reply") };
                let _ = writeln!(told, "candidate {} ({} bytes)", candidate.origin.what, text.len());
            }
            let _ = writeln!(told, "note {}", proposal.note);
            &proposal.usage
        }
        Err(error) => {
            let terminal = if error.terminal { "terminal " } else { "" };
            let sentence = error.sentence.replace(url.trim_start_matches("http://"), "HOST");
            let _ = writeln!(told, "{terminal}error {sentence}\nhint {}", error.hint);
            &error.usage
        }
    };
    let estimated = estimate_tokens(prompt(&example_evidence()).bytes());
    let input = if usage.input == estimated { "estimated".to_owned() } else { usage.input.to_string() };
    let Usage { requests, input: _, input_cached, cache_write, output, reasoning, cost_usd } = usage;
    let _ = writeln!(
        told,
        "usage requests {requests} input {input} cached {input_cached} written {cache_write} output {output} \
         reasoning {reasoning} cost {cost_usd:?}"
    );
    told
}

fn fixtures(dialect: Dialect) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/remote").join(dialect.name());
    let paths = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end != "txt")).collect();
    paths.sort();
    assert!(paths.len() > 8, "{paths:?}");
    paths
}

/// Plays a fixture: its name begins with the status, its ending tells the kind of body.
async fn check_fixture(dialect: Dialect, path: &Path) {
    let body = fs_err::read_to_string(path).unwrap();
    let expected = fs_err::read_to_string(format!("{}.txt", path.display())).unwrap();
    let status = path.file_name().unwrap().to_str().unwrap()[..3].parse().unwrap();
    let (stream, kind) = match path.extension().unwrap().to_str().unwrap() {
        "sse" => (true, EVENTS),
        "ndjson" => (true, LINES),
        _ => (false, JSON),
    };
    let whole = response(status, &[kind], &body);
    for play in [Play::Send(whole.clone()), Play::Trickle(whole)] {
        let server = FaultServer::start(vec![vec![play]]).await;
        let result = ask(endpoint(dialect, &server.url(), stream)).await;
        assert_eq!(told(&result, &server.url()), expected, "{}", path.display());
        assert!(!expected.contains(&KEY[3..]), "{expected}");
    }
}

#[tokio::test]
async fn every_recorded_body_comes_to_what_stands_beside_it() {
    let paths =
        Dialect::ALL.into_iter().flat_map(|dialect| fixtures(dialect).into_iter().map(move |path| (dialect, path)));
    let checks = paths.map(|(dialect, path)| async move { check_fixture(dialect, &path).await });
    futures_util::stream::iter(checks).buffer_unordered(8).collect::<Vec<()>>().await;
}

/// A good body: how it is asked for, what it says it is, and its text.
#[derive(Clone, Copy)]
struct Good {
    dialect: Dialect,
    stream: bool,
    kind: (&'static str, &'static str),
    body: &'static str,
}

const GOOD: [Good; 10] = [
    Good {
        dialect: Dialect::OpenaiChat,
        stream: false,
        kind: JSON,
        body: include_str!("../../../fixtures/remote/openai/200-edit.json"),
    },
    Good {
        dialect: Dialect::OpenaiChat,
        stream: true,
        kind: EVENTS,
        body: include_str!("../../../fixtures/remote/openai/200-edit.sse"),
    },
    Good {
        dialect: Dialect::OpenaiResponses,
        stream: false,
        kind: JSON,
        body: include_str!("../../../fixtures/remote/openai-responses/200-edit.json"),
    },
    Good {
        dialect: Dialect::OpenaiResponses,
        stream: true,
        kind: EVENTS,
        body: include_str!("../../../fixtures/remote/openai-responses/200-edit.sse"),
    },
    Good {
        dialect: Dialect::AnthropicMessages,
        stream: false,
        kind: JSON,
        body: include_str!("../../../fixtures/remote/anthropic/200-edit.json"),
    },
    Good {
        dialect: Dialect::AnthropicMessages,
        stream: true,
        kind: EVENTS,
        body: include_str!("../../../fixtures/remote/anthropic/200-edit.sse"),
    },
    Good {
        dialect: Dialect::Gemini,
        stream: false,
        kind: JSON,
        body: include_str!("../../../fixtures/remote/gemini/200-edit.json"),
    },
    Good {
        dialect: Dialect::Gemini,
        stream: true,
        kind: EVENTS,
        body: include_str!("../../../fixtures/remote/gemini/200-edit.sse"),
    },
    Good {
        dialect: Dialect::Ollama,
        stream: false,
        kind: JSON,
        body: include_str!("../../../fixtures/remote/ollama/200-edit.json"),
    },
    Good {
        dialect: Dialect::Ollama,
        stream: true,
        kind: LINES,
        body: include_str!("../../../fixtures/remote/ollama/200-edit.ndjson"),
    },
];

impl Good {
    fn response(&self) -> Vec<u8> {
        response(200, &[self.kind], self.body)
    }

    /// The head, and the first half of a body whose end is the connection's.
    fn half(&self) -> Vec<u8> {
        let mut bytes = head(200, &[self.kind]);
        bytes.extend_from_slice(&self.body.as_bytes()[..self.body.len() / 2]);
        bytes
    }
}
