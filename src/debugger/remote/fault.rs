//! Why one request yielded no reply: what may be tried again, what ends the session, and the sentence for people.
//!
//! Texts in here come from the endpoint and are untrusted; [`Fault::error`] is where they are cleaned.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::debugger::DebuggerError;
use crate::debugger::remote::retry::Advice;
use crate::model::Usage;
use crate::text::redact::Redactor;
use crate::text::words;

/// The kind of an error that another key would end; Google reports it under status 400.
const WRONG_KEY: &str = "invalid_api_key";

/// The kind of an error that ends with the day.
const DAILY_QUOTA: &str = "daily_quota";

/// Characters of an endpoint's own message that are passed on.
const MESSAGE_CHARS_MAX: usize = 300;

/// Why one request yielded no reply.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fault {
    /// No connection: refused, no such host, no route.
    Unreachable(String),
    /// The endpoint's certificate was not accepted.
    Untrusted(String),
    /// Nothing arrived in time.
    TimedOut {
        /// What was waited for.
        awaited: &'static str,
        /// For how long.
        limit: Duration,
    },
    /// The connection ended within a response.
    Broken(String),
    /// A stream ended without its end mark.
    Cut,
    /// The response exceeded its limit of bytes.
    TooLarge(usize),
    /// A response that no such API gives: a web page, a redirect, a compressed body.
    NotAnApi(String),
    /// A response of the right kind that cannot be read.
    Unreadable(String),
    /// The endpoint reported an error.
    Reported(Report),
}

/// An error an endpoint reported, by status, in a body, or in a stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Report {
    /// The HTTP status, or the one that belongs to the kind of error reported under status 200.
    pub(super) status: u16,
    /// The endpoint's word for the kind, or empty.
    pub(super) kind: String,
    /// The endpoint's sentence, or empty.
    pub(super) message: String,
    /// What the headers say of trying again.
    pub(super) advice: Advice,
}

/// Whether another request may do better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    Once,
    Yes,
}

impl Fault {
    /// Tells whether another request may do better.
    pub(super) fn again(&self) -> Again {
        match self {
            Self::Unreachable(_) | Self::TimedOut { .. } | Self::Broken(_) | Self::Cut => Again::Yes,
            Self::Unreadable(_) => Again::Once,
            Self::Untrusted(_) | Self::TooLarge(_) | Self::NotAnApi(_) => Again::Never,
            Self::Reported(report) => report.again(),
        }
    }

    /// Returns how long the endpoint asks to wait, if it does.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Reported(report) => report.advice.wait,
            _ => None,
        }
    }

    /// Makes the error a session reports, after `usage` was spent in vain.
    pub(super) fn error(&self, host: &str, usage: Usage, redactor: &Redactor) -> DebuggerError {
        let sentence = one_line(redactor.redact(&self.sentence(host)).as_str(), MESSAGE_CHARS_MAX + 100);
        let terminal = match self {
            Self::Untrusted(_) | Self::NotAnApi(_) => true,
            Self::Reported(report) => report.is_terminal() || report.advice.outlasts_session(),
            _ => false,
        };
        DebuggerError { sentence, hint: self.hint().to_owned(), terminal, usage }
    }

    fn sentence(&self, host: &str) -> String {
        match self {
            Self::Unreachable(cause) => format!("{host} cannot be reached: {cause}"),
            Self::Untrusted(cause) => format!("{host} is not trusted: {cause}"),
            Self::TimedOut { awaited, limit } => {
                format!("{host} sent no {awaited} within {}", words::duration(*limit))
            }
            Self::Broken(cause) => format!("{host} broke off its response: {cause}"),
            Self::Cut => format!("{host} ended its reply without saying that it is complete"),
            Self::TooLarge(bytes_max) => format!("{host} sent a response of more than {bytes_max} bytes"),
            Self::NotAnApi(what) => format!("{host} does not answer like an API: {what}"),
            Self::Unreadable(cause) => format!("{host} sent a response that cannot be read: {cause}"),
            Self::Reported(report) => report.sentence(host),
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "check that the endpoint's URL is right and that it is running",
            Self::Untrusted(_) => "add the endpoint's certificate authority to the system's trusted ones",
            Self::TimedOut { .. } => "raise the endpoint's timeouts, or use a faster model",
            Self::NotAnApi(_) => "check the endpoint's URL and dialect; a proxy or login page may stand in between",
            Self::Reported(report) => report.hint(),
            Self::Broken(_) | Self::Cut | Self::TooLarge(_) | Self::Unreadable(_) => "",
        }
    }
}

impl Report {
    /// Reads the error object of a body or an event, in any dialect's form: under `error`, or as it is.
    pub(super) fn of(value: &Value) -> Self {
        let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
        let text = |name: &str| match error.get(name) {
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        };
        let number = error.get("code").or_else(|| error.get("status")).and_then(Value::as_u64);
        let kinds = [text("code"), text("type"), text("status")];
        let mut kind = kinds.into_iter().find(|kind| !kind.is_empty()).unwrap_or_default();
        let details = error.get("details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if details.iter().any(is_daily_quota) {
            DAILY_QUOTA.clone_into(&mut kind);
        } else if details.iter().any(|detail| detail["reason"] == "API_KEY_INVALID") {
            WRONG_KEY.clone_into(&mut kind);
        }
        let message = error.as_str().map_or_else(|| text("message"), str::to_owned);
        let status = number.and_then(|number| u16::try_from(number).ok()).unwrap_or_else(|| status_of(&kind));
        let advice = Advice { wait: details.iter().find_map(retry_delay), ..Advice::default() };
        Self { status, kind, message, advice }
    }

    /// Reads the body of a response whose status says that it is an error.
    pub(super) fn of_response(status: u16, body: &[u8], advice: Advice) -> Self {
        match serde_json::from_slice(body) {
            // Some gateways wrap the error in a list.
            Ok(Value::Array(list)) => Self::of(list.first().unwrap_or(&Value::Null)).under(status, advice),
            Ok(value) => Self::of(&value).under(status, advice),
            Err(_) if body.trim_ascii().starts_with(b"<") => Self { status, advice, ..Self::default() },
            Err(_) => Self { status, advice, message: String::from_utf8_lossy(body).into_owned(), ..Self::default() },
        }
    }

    /// Puts a report under the status and headers it came with; what they do not say is left as the body says it.
    fn under(self, status: u16, advice: Advice) -> Self {
        let wait = advice.wait.or(self.advice.wait);
        Self { status, advice: Advice { wait, ..advice }, ..self }
    }

    fn again(&self) -> Again {
        let passes = matches!(self.status, 408 | 409 | 429 | 500..);
        match self.advice.should_retry.unwrap_or(passes) {
            _ if self.is_terminal() => Again::Never,
            // An error of no known kind under a status of success.
            _ if self.status == 0 => Again::Once,
            true => Again::Yes,
            false => Again::Never,
        }
    }

    /// Tells whether asking again in this session is pointless.
    fn is_terminal(&self) -> bool {
        matches!(self.status, 401..=404 | 407) || self.kind == WRONG_KEY || self.is_unpaid()
    }

    fn is_unpaid(&self) -> bool {
        const KINDS: [&str; 4] = ["insufficient_quota", "billing_error", "billing_hard_limit_reached", DAILY_QUOTA];
        // Anthropic reports it as an invalid request.
        let says_so = self.message.to_ascii_lowercase().contains("credit balance");
        self.status == 402 || KINDS.contains(&self.kind.as_str()) || (self.status == 400 && says_so)
    }

    fn sentence(&self, host: &str) -> String {
        let status = if self.status == 0 { "with an error".to_owned() } else { self.status.to_string() };
        let kind = if self.kind.is_empty() { String::new() } else { format!(" ({})", self.kind) };
        let message = one_line(&self.message, MESSAGE_CHARS_MAX);
        let message = if message.is_empty() { message } else { format!(": {message}") };
        let wait = self.advice.wait.filter(|_| self.advice.is_too_long());
        let wait = wait.map(|wait| format!(" (it asks to wait {})", words::duration(wait))).unwrap_or_default();
        format!("{host} answered {status}{kind}{message}{wait}")
    }

    fn hint(&self) -> &'static str {
        if self.is_unpaid() {
            return "top up the account, raise its limit, or use another endpoint";
        }
        match self.status {
            _ if self.kind == "context_length_exceeded" => "send less: lower the size of the evidence",
            _ if self.status == 401 || self.kind == WRONG_KEY => "check the endpoint's key",
            400 | 422 => "check the endpoint's dialect and settings",
            403 => "the key may not use this model; check the account's permissions",
            404 => "check the endpoint's URL and the model's name",
            407 => "the proxy asks for a login; check the proxy settings",
            413 => "send less: lower the size of the evidence",
            429 => "wait, lower the number of parallel candidates, or use another endpoint",
            500.. => "try again later, or use another endpoint",
            _ => "",
        }
    }
}

/// Tells whether a detail of a Google error says that a day's quota is used up.
fn is_daily_quota(detail: &Value) -> bool {
    let violations = detail.get("violations").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    violations.iter().any(|violation| violation["quotaId"].as_str().is_some_and(|id| id.contains("PerDay")))
}

/// Reads how long a detail of a Google error asks to wait, such as `"37s"`.
fn retry_delay(detail: &Value) -> Option<Duration> {
    let seconds = detail.get("retryDelay")?.as_str()?.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| !wait.is_zero())
}

/// Returns the status that belongs to an error's kind, 0 for kinds that are not known.
fn status_of(kind: &str) -> u16 {
    match kind {
        "invalid_request_error" | "invalid_prompt" => 400,
        "authentication_error" | WRONG_KEY => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" | "model_not_found" => 404,
        "request_too_large" => 413,
        "rate_limit_error" | "rate_limit_exceeded" | "insufficient_quota" => 429,
        "api_error" | "server_error" | "internal_server_error" => 500,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 0,
    }
}

/// Finds the error object in a body that came under status 200.
pub(super) fn reported(error: Option<Value>) -> Result<(), Fault> {
    match error {
        None | Some(Value::Null) => Ok(()),
        Some(error) => Err(Fault::Reported(Report::of(&error))),
    }
}

/// Reads JSON, or says why it cannot be read.
pub(super) fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| match body.trim_ascii() {
        [] => Fault::Unreadable("it is empty".to_owned()),
        [b'<', ..] => Fault::NotAnApi("it sent a web page".to_owned()),
        _ => Fault::Unreadable(error.to_string()),
    })
}

/// Returns text on one line, cut to a number of characters.
pub(super) fn one_line(text: &str, chars_max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
