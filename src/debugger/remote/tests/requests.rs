//! What is sent, and what is refused before anything is.

use super::*;
use crate::debugger::remote::wording::wording;

#[tokio::test]
async fn the_key_is_sent_in_its_header_and_nothing_but_excerpts_in_the_body() {
    for good in GOOD {
        let server = FaultServer::start(vec![vec![Play::Send(good.response())]]).await;
        let mut endpoint = endpoint(good.dialect, &server.url(), good.stream);
        endpoint.headers.push(("x-gateway".to_owned(), "g-1".to_owned()));
        ask(endpoint).await.unwrap();
        let requests = server.requests();
        let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
        let key = match good.dialect {
            Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::Ollama => format!("authorization: Bearer {KEY}"),
            Dialect::Gemini => format!("x-goog-api-key: {KEY}"),
            Dialect::AnthropicMessages => format!("x-api-key: {KEY}"),
        };
        assert!(head.contains(&key) && head.contains("x-gateway: g-1") && !head.contains("accept-encoding"), "{head}");
        assert!(body.contains("left: 5") && !body.contains("whole source") && !body.contains(KEY), "{body}");
        assert_eq!(body.contains("\"stream\":true") || head.contains("alt=sse"), good.stream);
    }
}

#[test]
fn endpoints_that_would_give_the_key_away_are_refused() {
    for (url, says) in [
        ("http://api.example.com/v1", "unencrypted"),
        ("https://user:pw@api.example.com", "holds a login"),
        ("ftp://api.example.com", "http or https"),
        ("not a url", "is not one"),
    ] {
        let Err(error) = Remote::new(endpoint(Dialect::OpenaiChat, url, true)) else { panic!("{url} is accepted") };
        assert!(error.terminal && error.sentence.contains(says), "{}", error.sentence);
    }
    for url in ["http://localhost:1/v1", "http://10.0.0.7/v1", "http://[::1]:8080", "http://gpu-box:8000/v1"] {
        assert!(Remote::new(endpoint(Dialect::OpenaiChat, url, true)).is_ok(), "{url}");
    }
}

#[test]
fn a_key_that_is_no_header_is_an_error_without_the_key() {
    let mut endpoint = endpoint(Dialect::OpenaiChat, "http://localhost:1", true);
    endpoint.key = Some(Key::new("sk-line\nmore"));
    let Err(error) = Remote::new(endpoint) else { panic!("accepted") };
    assert!(error.sentence.contains("key") && !error.sentence.contains("more"), "{}", error.sentence);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    });
    let error = ask(endpoint(Dialect::OpenaiChat, &url, true)).await.unwrap_err();
    drop(server.await);
    assert!(error.sentence.contains("cannot be reached"), "{}", error.sentence);
}

#[test]
fn an_estimate_covers_the_prompt_and_the_longest_reply() {
    let mut endpoint = endpoint(Dialect::OpenaiChat, "http://localhost:1", true);
    (endpoint.price_in_usd_per_mtok, endpoint.price_out_usd_per_mtok) = (Some(1.0), Some(2.0));
    let estimate = Remote::new(endpoint).unwrap().estimate(&example_evidence());
    let tokens_in = estimate_tokens(prompt(&example_evidence()).bytes());
    assert_eq!(estimate.tokens, tokens_in + 8_192);
    assert!((estimate.cost_usd - (tokens_in as f64 + 2.0 * 8_192.0) / 1e6).abs() < 1e-12);
    assert_eq!([0, 7, 8].map(estimate_tokens), [0, 2, 3]);
}

#[test]
fn openai_itself_is_told_the_new_name_of_the_limit_and_others_the_old_one() {
    for (url, names) in [
        ("https://api.openai.com/v1", [true, false]),
        ("http://localhost:8000/v1", [false, true]),
        ("https://api.openai.com.evil.example/v1", [false, true]),
    ] {
        let endpoint = endpoint(Dialect::OpenaiChat, url, false);
        let body = wording(Dialect::OpenaiChat).body(&endpoint, &prompt(&example_evidence()));
        assert_eq!(["max_completion_tokens", "max_tokens"].map(|name| body.get(name).is_some()), names, "{url}");
        assert!(body.get("temperature").is_none() && body.get("stream").is_none());
    }
}
