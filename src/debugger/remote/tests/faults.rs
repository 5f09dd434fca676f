//! What goes wrong on the way, played to every dialect, streaming and not.

use super::*;

/// How long a silent server is waited for.
const PATIENCE: Duration = Duration::from_millis(400);

/// Plays a fault to every dialect, streaming and not. Returns the number of requests and what came of them; two retries
/// are allowed.
async fn play(plays: impl Fn(&Good) -> Vec<Vec<Play>>) -> Vec<(usize, Result<Proposal, DebuggerError>)> {
    let play_one = async |good: Good| {
        let plays = plays(&good);
        let stalls = plays.iter().flatten().any(|play| matches!(play, Play::Stall));
        let server = FaultServer::start(plays).await;
        let mut endpoint = Endpoint { retries_max: 2, ..endpoint(good.dialect, &server.url(), good.stream) };
        if stalls {
            (endpoint.first_byte_timeout, endpoint.idle_timeout) = (PATIENCE, PATIENCE);
        }
        let result = ask(endpoint).await;
        (server.requests().len(), result)
    };
    futures_util::future::join_all(GOOD.map(play_one)).await
}

/// Plays a fault once, then a good reply: the second request must heal it.
async fn check_retried(fault: impl Fn(&Good) -> Vec<Play>) {
    for (n_requests, result) in play(|good| vec![fault(good), vec![Play::Send(good.response())]]).await {
        let proposal = result.unwrap();
        assert_eq!((n_requests, proposal.usage.requests, proposal.candidates.len()), (2, 2, 1));
    }
}

/// Plays a fault whenever asked: after so many requests there must be an error that says so.
async fn check_error(n_requests: usize, terminal: bool, says: &str, fault: impl Fn(&Good) -> Vec<Play>) {
    for (n, result) in play(|good| vec![fault(good)]).await {
        let error = result.unwrap_err();
        assert!(error.sentence.contains(says), "{}", error.sentence);
        assert_eq!((n, error.terminal), (n_requests, terminal), "{}", error.sentence);
        assert_eq!(error.usage.requests, n_requests as u64);
    }
}

fn status(status: u16, headers: &[(&str, &str)]) -> Vec<Play> {
    vec![Play::Send(response(status, headers, r#"{"error":{"message":"played"}}"#))]
}

#[tokio::test]
async fn passing_faults_are_retried() {
    for code in [408, 409, 429, 500, 502, 503, 504, 529] {
        check_retried(|_| status(code, &[])).await;
    }
}

#[tokio::test]
async fn lasting_faults_are_not_retried() {
    for (code, terminal) in
        [(400, false), (401, true), (402, true), (403, true), (404, true), (407, true), (413, false), (422, false)]
    {
        check_error(1, terminal, &format!("answered {code}: played"), |_| status(code, &[])).await;
    }
}

#[tokio::test]
async fn retries_come_to_an_end() {
    check_error(3, false, "answered 503: played", |_| status(503, &[])).await;
}

#[tokio::test]
async fn every_form_of_wait_is_honoured_or_ignored() {
    for header in [
        ("retry-after", "0.01"),
        ("retry-after-ms", "5"),
        ("retry-after", "-1"),
        ("retry-after", "soon"),
        ("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),
    ] {
        check_retried(|_| status(429, &[header])).await;
    }
    check_error(1, true, "it asks to wait 1440 min", |_| status(429, &[("retry-after", "86400")])).await;
    check_error(1, false, "asks to wait 1 min 30 s", |_| status(503, &[("retry-after", "90")])).await;
}

#[tokio::test]
async fn the_endpoint_may_decide_about_retries() {
    check_error(1, false, "answered 503", |_| status(503, &[("x-should-retry", "false")])).await;
    check_retried(|_| status(400, &[("x-should-retry", "true")])).await;
}

#[tokio::test]
async fn a_broken_connection_is_retried() {
    check_retried(|_| vec![Play::Reset]).await;
    check_retried(|_| vec![]).await;
    check_retried(|_| vec![Play::Send(b"220 mail.example.com ESMTP\r\n".to_vec())]).await;
    check_retried(|good| vec![Play::Send(good.half()), Play::Reset]).await;
    check_retried(|good| {
        let whole = good.response();
        vec![Play::Send(whole[..whole.len() - 40].to_vec())]
    })
    .await;
}

#[tokio::test]
async fn a_silent_endpoint_is_asked_again() {
    check_retried(|_| vec![Play::Stall]).await;
    check_retried(|good| vec![Play::Send(good.half()), Play::Stall]).await;
}

#[tokio::test]
async fn an_endpoint_that_stays_silent_is_given_up() {
    check_error(3, false, "sent no answer within 400 ms", |_| vec![Play::Stall]).await;
    check_error(3, false, "sent no further piece of its response within 400 ms", |good| {
        vec![Play::Send(good.half()), Play::Stall]
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_cut_or_no_text_is_retried_once() {
    check_retried(|good| vec![Play::Send(good.half())]).await;
    let no_text = |good: &Good| {
        let mut body = head(200, &[good.kind]);
        body.extend_from_slice(b"data: {\"choices\": \"\xff\xfe\"}\n\n");
        vec![Play::Send(body)]
    };
    check_retried(no_text).await;
    check_error(2, false, "cannot be read", no_text).await;
}

#[tokio::test]
async fn a_reply_without_end_is_given_up_at_its_limit_of_bytes() {
    for piece in ["\n\n", "          ", "data"] {
        check_error(1, false, "more than 100000 bytes", |good| {
            vec![
                Play::Send(head(200, &[good.kind])),
                Play::Endless { bytes: piece.repeat(500).into(), pause: Duration::ZERO },
            ]
        })
        .await;
    }
    check_error(1, false, "more than 100000 bytes", |good| {
        vec![Play::Send(response(200, &[good.kind], &" ".repeat(300_000)))]
    })
    .await;
}

#[tokio::test]
async fn a_reply_that_drips_ends_at_the_deadline_of_the_call() {
    for good in GOOD {
        let drip = Play::Endless { bytes: b" ".to_vec(), pause: Duration::from_millis(20) };
        let server = FaultServer::start(vec![vec![Play::Send(head(200, &[good.kind])), drip]]).await;
        let call_timeout = Duration::from_millis(200);
        let endpoint = Endpoint { call_timeout, retries_max: 9, ..endpoint(good.dialect, &server.url(), good.stream) };
        let error = ask(endpoint).await.unwrap_err();
        assert!(error.sentence.ends_with("sent no complete reply within 200 ms"), "{}", error.sentence);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn no_wait_outlasts_the_deadline_of_the_call() {
    let server = FaultServer::start(vec![status(503, &[("retry-after", "50")])]).await;
    let endpoint = Endpoint {
        retries_max: 9,
        call_timeout: Duration::from_secs(5),
        ..endpoint(Dialect::OpenaiChat, &server.url(), false)
    };
    let error = ask(endpoint).await.unwrap_err();
    assert!(error.sentence.contains("answered 503"), "{}", error.sentence);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_an_error_that_names_the_host() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = ask(endpoint(Dialect::OpenaiChat, &format!("http://{address}/v1"), true)).await.unwrap_err();
    assert!(error.sentence.starts_with(&format!("{address} cannot be reached: ")), "{}", error.sentence);
    assert_eq!((error.terminal, error.usage.requests, error.usage.tokens()), (false, 1, 0));
}

#[tokio::test]
async fn a_web_page_ends_the_matter() {
    check_error(1, true, "a web page", |_| {
        vec![Play::Send(response(200, &[("content-type", "text/html")], "<html>login</html>"))]
    })
    .await;
}

#[tokio::test]
async fn a_compressed_body_ends_the_matter() {
    check_error(1, true, "a compressed body", |good| {
        vec![Play::Send(response(200, &[good.kind, ("content-encoding", "gzip")], "\u{1f}"))]
    })
    .await;
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    for good in GOOD {
        let other = FaultServer::start(vec![vec![Play::Send(good.response())]]).await;
        for code in [301, 302, 307, 308] {
            let target = other.url().replace("127.0.0.1", "localhost");
            let server = FaultServer::start(vec![vec![Play::Send(response(code, &[("location", &target)], ""))]]).await;
            let error = ask(endpoint(good.dialect, &server.url(), good.stream)).await.unwrap_err();
            assert!(error.terminal && error.sentence.contains("it redirects to \"localhost\""), "{}", error.sentence);
        }
        assert_eq!(other.requests(), [""; 0]);
    }
}

#[tokio::test]
async fn what_failed_tries_may_have_cost_is_counted() {
    for (n_requests, result) in play(|good| vec![vec![Play::Send(good.half())]]).await {
        let usage = result.unwrap_err().usage;
        assert_eq!(usage.requests, n_requests as u64);
        assert!(usage.tokens() > 400, "{usage:?}");
    }
}
