//! The one HTTP client: sends, waits, retries, bounds and counts, for all dialects.
//!
//! Every wait ends at its own limit or at the deadline of the whole call, whichever comes first. It never follows a
//! redirect (the body would go to another host), never accepts a compressed body, and never reads on beyond its bounds.

use std::ops::Deref;
use std::sync::Once;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Response, Url};
use tokio::time::{Instant, timeout_at};

use crate::debugger::DebuggerError;
use crate::debugger::remote::endpoint::Endpoint;
use crate::debugger::remote::fault::{Again, Fault, Report};
use crate::debugger::remote::prompt::Prompt;
use crate::debugger::remote::reply::{Heard, Reply};
use crate::debugger::remote::retry::{self, Advice};
use crate::debugger::remote::sse::{EventReader, Framing};
use crate::debugger::remote::wording::{Wording, wording};
use crate::debugger::remote::{estimate_tokens, refuse};
use crate::model::Usage;

/// Bytes of an error's body that are read.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// What limits of time are cut to, so that adding them to a clock cannot overflow.
const TIME_MAX: Duration = Duration::from_hours(24);

/// A client of one endpoint.
pub(super) struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    wording: &'static dyn Wording,
    headers: HeaderMap,
    host: String,
}

impl Client {
    /// Makes a client; what can be wrong with an endpoint without asking it is found here.
    pub(super) fn new(endpoint: Endpoint) -> Result<Self, DebuggerError> {
        let url = usable_url(&endpoint)?;
        let host = match (url.host_str().unwrap_or_default(), url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let http =
            http_client(&endpoint, &url).map_err(|error| refuse(format!("cannot start HTTP: {}", cause(&error))))?;
        let wording = wording(endpoint.dialect);
        let headers = headers(&endpoint, wording)?;
        Ok(Self { http, endpoint, wording, headers, host })
    }

    /// Returns host and port, as errors name them.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Returns what the client was made for.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Asks, and asks again where that makes sense. What all tries cost is added to `usage`, also when they fail.
    pub(super) async fn ask(&self, prompt: &Prompt, usage: &mut Usage) -> Result<Reply, Fault> {
        let body = self.wording.body(&self.endpoint, prompt).to_string();
        let deadline = Instant::now() + self.endpoint.call_timeout.min(TIME_MAX);
        let mut n_retries = 0;
        loop {
            let mut exchange = Exchange { client: self, deadline, reply: Reply::default(), answered: false };
            let ended = exchange.run(body.clone()).await;
            // An error reported before the first word is not charged for.
            exchange.answered &= !exchange.reply.text.is_empty() || !is_refused(&ended);
            usage.add(&self.spent(&exchange, prompt));
            let Err(fault) = ended else { return Ok(exchange.reply) };
            let allowed = match fault.again() {
                Again::Never => 0,
                Again::Once => self.endpoint.retries_max.min(1),
                Again::Yes => self.endpoint.retries_max,
            };
            let wait = retry::wait(n_retries, self.endpoint.retry_wait, fault.wait(), chance());
            match wait.filter(|wait| n_retries < allowed && Instant::now() + *wait < deadline) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(fault),
            }
            n_retries += 1;
        }
    }

    /// Returns what one exchange cost. Where the endpoint began to answer and did not count, bytes are: a budget must
    /// not be blind to replies that break off.
    fn spent(&self, exchange: &Exchange, prompt: &Prompt) -> Usage {
        let reply = &exchange.reply;
        let mut usage = match &reply.usage {
            Some(counted) => counted.clone(),
            None if exchange.answered => Usage {
                input: estimate_tokens(prompt.bytes()),
                output: estimate_tokens(reply.text.len() + reply.refusal.len()),
                ..Usage::default()
            },
            None => return Usage { requests: 1, ..Usage::default() },
        };
        if reply.finish.is_none() {
            // Counts of output come last, or grow: what has arrived is the least it was.
            usage.output = usage.output.max(estimate_tokens(reply.text.len()));
        }
        usage.requests = 1;
        self.endpoint.price(&mut usage);
        usage
    }
}

/// One request and its response, as far as it has come.
struct Exchange<'a> {
    client: &'a Client,
    deadline: Instant,
    reply: Reply,
    /// Whether the endpoint accepted the request, and so may charge for it.
    answered: bool,
}

impl Exchange<'_> {
    async fn run(&mut self, body: String) -> Result<(), Fault> {
        let Client { http, endpoint, wording, headers, .. } = self.client;
        let post = http.post(wording.url(endpoint)).headers(headers.clone()).body(body);
        let sent = self.limited(endpoint.first_byte_timeout, "answer", post.send()).await?;
        let response = self.accepted(sent.map_err(|error| fault_of(&error))?).await?;
        match framing(&response)? {
            Some(framing) => self.listen(response, framing).await,
            None => self.read(response).await,
        }
    }

    /// Lets only a success in plain bytes through; anything else is read as the error it is.
    async fn accepted(&mut self, response: Response) -> Result<Response, Fault> {
        let status = response.status();
        let encoding = response.headers().get(CONTENT_ENCODING);
        if status.is_redirection() {
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let target = location.and_then(|location| response.url().join(location).ok());
            let target = target.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
            return Err(Fault::NotAnApi(format!("it redirects to {target:?} ({})", status.as_u16())));
        }
        if encoding.is_some_and(|encoding| encoding != "identity") {
            return Err(Fault::NotAnApi("it sent a compressed body that was not asked for".to_owned()));
        }
        if status.is_success() {
            self.answered = true;
            return Ok(response);
        }
        let advice = Advice::of(response.headers(), Timestamp::now());
        let body = self.body(response, ERROR_BYTES_MAX).await.unwrap_or_default();
        Err(Fault::Reported(Report::of_response(status.as_u16(), &body, advice)))
    }

    async fn read(&mut self, response: Response) -> Result<(), Fault> {
        let body = self.body(response, self.client.endpoint.reply_bytes_max).await?;
        self.reply = self.client.wording.read(&body)?;
        Ok(())
    }

    async fn listen(&mut self, mut response: Response, framing: Framing) -> Result<(), Fault> {
        let (bytes_max, mut n_bytes) = (self.client.endpoint.reply_bytes_max, 0_usize);
        let mut events = EventReader::new(framing);
        while let Some(chunk) = self.chunk(&mut response).await? {
            n_bytes = n_bytes.saturating_add(chunk.len());
            if n_bytes > bytes_max {
                return Err(Fault::TooLarge(bytes_max));
            }
            for event in events.push(&chunk).map_err(|error| Fault::Unreadable(error.to_string()))? {
                if self.client.wording.hear(&event, &mut self.reply)? == Heard::EndMark {
                    return if self.reply.finish.is_some() { Ok(()) } else { Err(Fault::Cut) };
                }
            }
        }
        Err(Fault::Cut)
    }

    async fn body(&self, mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            if body.len() + chunk.len() > bytes_max {
                return Err(Fault::TooLarge(bytes_max));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn chunk(&self, response: &mut Response) -> Result<Option<impl Deref<Target = [u8]> + use<>>, Fault> {
        let idle = self.client.endpoint.idle_timeout;
        self.limited(idle, "further piece of its response", response.chunk()).await?.map_err(|error| fault_of(&error))
    }

    /// Awaits something no longer than its limit and the deadline allow.
    async fn limited<T>(
        &self,
        limit: Duration,
        awaited: &'static str,
        future: impl Future<Output = T>,
    ) -> Result<T, Fault> {
        let own = Instant::now() + limit.min(TIME_MAX);
        let timed_out = if own < self.deadline {
            Fault::TimedOut { awaited, limit }
        } else {
            Fault::TimedOut { awaited: "complete reply", limit: self.client.endpoint.call_timeout }
        };
        timeout_at(own.min(self.deadline), future).await.map_err(|_| timed_out)
    }
}

fn is_refused(ended: &Result<(), Fault>) -> bool {
    matches!(ended, Err(Fault::Reported(_) | Fault::NotAnApi(_)))
}

/// Checks the base URL: a key must not travel in the open, and not in the URL either, which is printed.
fn usable_url(endpoint: &Endpoint) -> Result<Url, DebuggerError> {
    let url = Url::parse(&endpoint.url).map_err(|error| refuse(format!("the endpoint's URL is not one: {error}")))?;
    let host = url.host_str().unwrap_or_default().to_owned();
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(format!("the URL of {host} holds a login: put the key where keys belong")));
    }
    let has_secret = endpoint.key.is_some() || !endpoint.headers.is_empty();
    match url.scheme() {
        "https" => Ok(url),
        "http" if !has_secret || is_near(&url) => Ok(url),
        "http" => Err(refuse(format!("a key would go to {host} unencrypted: use https, or leave the key out"))),
        scheme => Err(refuse(format!("{host} is given with {scheme}: an endpoint speaks http or https"))),
    }
}

/// Tells whether a host is this machine or on a private network, by its address or by a name without a public domain.
fn is_near(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(std::net::IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => {
            !host.contains('.') || [".local", ".internal", ".localhost", ".lan"].iter().any(|end| host.ends_with(end))
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[expect(clippy::disallowed_methods, reason = "the one place that opens sockets")]
fn http_client(endpoint: &Endpoint, url: &Url) -> reqwest::Result<reqwest::Client> {
    static PROVIDER: Once = Once::new();
    // An error means that the embedding program has chosen a provider already, which is as good.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("heal-tests/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(endpoint.connect_timeout.min(TIME_MAX))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false);
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    if url.scheme() == "http" {
        // Without TLS the system's certificates need not be loaded, nor exist.
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

/// Makes the headers of every request: the dialect's, then the endpoint's own, which come later to be able to differ.
fn headers(endpoint: &Endpoint, wording: &dyn Wording) -> Result<HeaderMap, DebuggerError> {
    let own = wording.headers(endpoint).into_iter().map(|(name, value)| (name.to_owned(), value));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in own.chain(endpoint.headers.iter().cloned()) {
        let pair = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(&value).ok());
        let no_header =
            || refuse(format!("the header {name:?}, or the key in it, holds what no header can, such as a line break"));
        let (name, mut value) = pair.ok_or_else(no_header)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Tells how a response is parted into events, by what it says it is; `None` when it is a whole. Servers that do not
/// stream answer with a whole although they were asked for a stream.
fn framing(response: &Response) -> Result<Option<Framing>, Fault> {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "text/event-stream" => Ok(Some(Framing::Events)),
        "application/x-ndjson" | "application/jsonl" => Ok(Some(Framing::Lines)),
        "text/html" | "application/xhtml+xml" => Err(Fault::NotAnApi("it sent a web page".to_owned())),
        _ => Ok(None),
    }
}

fn fault_of(error: &reqwest::Error) -> Fault {
    let cause = cause(error);
    match error {
        _ if error.is_connect() && cause.to_ascii_lowercase().contains("certificate") => Fault::Untrusted(cause),
        _ if error.is_connect() => Fault::Unreachable(cause),
        _ => Fault::Broken(cause),
    }
}

/// Returns the innermost cause: the outer ones only say that a request failed, and name the URL.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Returns a number in 0..1, so that many clients do not all retry at once. Without randomness they do.
fn chance() -> f64 {
    getrandom::u32().map_or(0.0, |random| f64::from(random) / f64::from(u32::MAX))
}
