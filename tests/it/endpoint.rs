//! The remote debugger against a real server on loopback, in both dialects, streaming and not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::project::{Project, Ran, run};
use crate::slow;

/// A fault no embedded debugger heals: the rule is simply not there.
const BROKEN: (&str, &str) = ("line.price * line.quantity", "{ let _ = line; 7 }");

const REPLY: &str = "The line's value is ignored.\n\nsrc/lib.rs\n```rust\n<<<<<<< SEARCH\n    lines.iter().map(|line| { let _ = \
                     line; 7 }).sum()\n=======\n    lines.iter().map(|line| line.price * line.quantity).sum()\n>>>>>>> \
                     REPLACE\n```\n";

/// A server that answers every request with the next of its bodies (the last one again and again).
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    fn start(responses: Vec<Response>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for (at, stream) in listener.incoming().enumerate() {
                let response = &responses[at.min(responses.len() - 1)];
                let _ = serve(stream.unwrap(), response, &seen);
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<(String, Value)> {
        self.requests.lock().unwrap().clone()
    }
}

#[derive(Clone)]
struct Response {
    status: &'static str,
    kind: &'static str,
    body: String,
}

fn serve(mut stream: TcpStream, response: &Response, seen: &Mutex<Vec<(String, Value)>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut head, mut n_body) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            n_body = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; n_body];
    reader.read_exact(&mut body)?;
    seen.lock().unwrap().push((head, serde_json::from_slice(&body).unwrap_or(Value::Null)));
    let Response { status, kind, body } = response;
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )?;
    // Pieces that end in the middle of events and of characters, as networks deliver them.
    for piece in body.as_bytes().chunks(37) {
        write!(stream, "{:x}\r\n", piece.len())?;
        stream.write_all(piece)?;
        write!(stream, "\r\n")?;
        stream.flush()?;
    }
    write!(stream, "0\r\n\r\n")
}

fn openai(text: &str) -> Response {
    let body = json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 80, "total_tokens": 980,
            "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}}});
    Response { status: "200 OK", kind: "application/json", body: body.to_string() }
}

fn openai_stream(text: &str) -> Response {
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    let pieces: Vec<String> = text.chars().collect::<Vec<_>>().chunks(11).map(|piece| piece.iter().collect()).collect();
    events.extend(pieces.into_iter().map(|piece| chunk(json!({"content": piece}), Value::Null)));
    events.push(chunk(json!({}), json!("stop")));
    events.push(
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [],
        "usage": {"prompt_tokens": 900, "completion_tokens": 80, "total_tokens": 980}}),
    );
    let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    Response { status: "200 OK", kind: "text/event-stream", body: format!("{events}data: [DONE]\n\n") }
}

fn anthropic(text: &str) -> Response {
    let body = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1",
        "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 900, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 80}});
    Response { status: "200 OK", kind: "application/json", body: body.to_string() }
}

fn anthropic_stream(text: &str) -> Response {
    let mut events = vec![
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-1",
            "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": 900, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
    ];
    let pieces: Vec<String> = text.chars().collect::<Vec<_>>().chunks(13).map(|piece| piece.iter().collect()).collect();
    events.extend(pieces.into_iter().map(
        |piece| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}),
    ));
    events.push(json!({"type": "content_block_stop", "index": 0}));
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": 80}}));
    events.push(json!({"type": "message_stop"}));
    let told = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    Response { status: "200 OK", kind: "text/event-stream", body: events.iter().map(told).collect() }
}

fn broken_project() -> Project {
    let project = Project::copy("demo_logic_fault");
    project.replace("src/lib.rs", "if subtotal > DISCOUNT_FROM {", "if subtotal >= DISCOUNT_FROM {");
    project.replace("src/lib.rs", BROKEN.0, BROKEN.1);
    project.git(&["commit", "--quiet", "--all", "--amend", "--message", "the only commit"]);
    project
}

fn heal(project: &Project, server: &Server, arguments: &[&str]) -> Ran {
    let own = ["--json", "--accept", "--debugger", "remote", "--model", "m-1", "--url", &server.url];
    let mut command = project.command(&[&own, arguments].concat());
    command.env("OPENAI_API_KEY", "sk-secret-of-mine").env("ANTHROPIC_API_KEY", "sk-ant-secret-of-mine");
    run(command, b"")
}

#[test]
fn both_dialects_heal_streaming_and_not_and_usage_is_counted() {
    slow!();
    let cases = [
        ("openai", "--no-stream", openai(REPLY)),
        ("openai", "--parallel=1", openai_stream(REPLY)),
        ("anthropic", "--no-stream", anthropic(REPLY)),
        ("anthropic", "--parallel=1", anthropic_stream(REPLY)),
    ];
    for (dialect, option, response) in cases {
        let project = broken_project();
        let server = Server::start(vec![response]);
        let ran = heal(&project, &server, &["--dialect", dialect, option]).code(0);
        assert!(project.read("src/lib.rs").contains(BROKEN.0), "{dialect} {option}");
        let usage = &ran.events("session_ended")[0]["spend"]["usage"];
        assert_eq!((&usage["input"], &usage["output"], &usage["requests"]), (&json!(900), &json!(80), &json!(1)));
        let requests = server.requests();
        let (head, body) = &requests[0];
        let head = head.to_ascii_lowercase();
        assert!(head.contains("sk-secret-of-mine") || head.contains("sk-ant-secret-of-mine"), "{head}");
        assert_eq!(body["model"], "m-1");
        assert_eq!(body["stream"].as_bool().unwrap_or(false), option != "--no-stream", "{body}");
        let prompt = body.to_string();
        assert!(prompt.contains("lines_are_added_up") && prompt.contains("let _ = line; 7"), "{prompt}");
        assert!(!prompt.contains("secret-of-mine"));
    }
}

#[test]
fn a_second_reply_may_heal_where_the_first_one_did_not() {
    slow!();
    let project = broken_project();
    let wrong = REPLY.replace("line.price * line.quantity", "line.price + line.quantity");
    let server = Server::start(vec![openai(&wrong), openai(REPLY)]);
    heal(&project, &server, &["--no-stream"]).code(0);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    let second = requests[1].1.to_string();
    assert!(second.contains("line.price + line.quantity"), "the second prompt tells of the first attempt: {second}");
}

#[test]
fn replies_without_a_usable_patch_are_counted_and_explained() {
    slow!();
    let stale = REPLY.replace("let _ = line; 7", "let _ = line; 8");
    let cases = [
        (openai("I am sorry, I cannot see the fault."), "remote"),
        (openai(&stale), "src/lib.rs"),
        (Response { status: "200 OK", kind: "text/html", body: "<html>log in first</html>".to_owned() }, "127.0.0.1"),
        (
            Response {
                status: "401 Unauthorized",
                kind: "application/json",
                body: "{\"error\":{\"message\":\"bad key\"}}".to_owned(),
            },
            "401",
        ),
    ];
    for (response, told) in cases {
        let project = broken_project();
        let before = project.bytes();
        let server = Server::start(vec![response]);
        let ran = heal(&project, &server, &["--no-stream"]).code(1);
        assert!(ran.stdout.contains(told), "{told}: {}", ran.stdout);
        assert!(!ran.stdout.contains("secret-of-mine") && !ran.stderr.contains("secret-of-mine"));
        assert_eq!(project.bytes(), before);
    }
}

#[test]
fn an_endpoint_that_refuses_connections_does_not_hang() {
    slow!();
    let project = broken_project();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server { url: format!("http://{}", listener.local_addr().unwrap()), requests: Arc::default() };
    drop(listener);
    let ran = heal(&project, &server, &["--no-stream"]).code(1);
    assert!(ran.stdout.contains("127.0.0.1"), "{}", ran.stdout);
}

#[test]
fn a_token_budget_is_asked_before_the_call() {
    slow!();
    let project = broken_project();
    let server = Server::start(vec![openai(REPLY)]);
    heal(&project, &server, &["--max-tokens", "10"]).code(3);
    assert!(server.requests().is_empty());
}
