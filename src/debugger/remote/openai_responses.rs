//! OpenAI Responses (`POST /responses`). Nothing is stored at the provider, and tools are never offered.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::debugger::remote::endpoint::Endpoint;
use crate::debugger::remote::fault::{self, Fault, Report};
use crate::debugger::remote::prompt::Prompt;
use crate::debugger::remote::reply::{self, Finish, Heard, Reply};
use crate::debugger::remote::sse::Event;
use crate::debugger::remote::wording::{Wording, joined};
use crate::model::Usage;

/// The dialect.
pub(super) struct OpenaiResponses;

impl Wording for OpenaiResponses {
    fn url(&self, endpoint: &Endpoint) -> String {
        joined(&endpoint.url, "/responses")
    }

    fn headers(&self, endpoint: &Endpoint) -> Vec<(&'static str, String)> {
        endpoint.key.iter().map(|key| ("authorization", format!("Bearer {}", key.reveal()))).collect()
    }

    fn body(&self, endpoint: &Endpoint, prompt: &Prompt) -> Value {
        let mut body = json!({
            "model": endpoint.model,
            "instructions": prompt.system,
            "input": prompt.user_text(),
            "max_output_tokens": endpoint.tokens_out_max,
            "store": false,
        });
        if let Some(temperature) = endpoint.temperature {
            body["temperature"] = temperature.into();
        }
        if endpoint.stream {
            body["stream"] = true.into();
        }
        body
    }

    fn read(&self, body: &[u8]) -> Result<Reply, Fault> {
        fault::parsed::<Response>(body)?.reply()
    }

    fn hear(&self, event: &Event, reply: &mut Reply) -> Result<Heard, Fault> {
        let told: Told = fault::parsed(event.data.as_bytes())?;
        match (told.kind.as_str(), told.response) {
            ("error", _) => {
                return Err(Fault::Reported(Report::of(&json!({ "code": told.code, "message": told.message }))));
            }
            ("response.output_text.delta", _) => reply.text.extend(told.delta),
            ("response.refusal.delta", _) => reply.refusal.extend(told.delta),
            (
                "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled",
                Some(response),
            ) => {
                let whole = response.reply()?;
                // Some servers leave the output out at the end, having sent it already.
                let text = if whole.text.is_empty() { std::mem::take(&mut reply.text) } else { whole.text };
                let refusal = if whole.refusal.is_empty() { std::mem::take(&mut reply.refusal) } else { whole.refusal };
                *reply = Reply { text, refusal, finish: whole.finish, usage: whole.usage };
                return Ok(Heard::EndMark);
            }
            // The many events about parts and progress.
            _ => {}
        }
        Ok(Heard::More)
    }
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    incomplete_details: Option<Incomplete>,
    #[serde(default)]
    output: Option<Vec<Item>>,
    #[serde(default)]
    usage: Option<Counted>,
}

#[derive(Deserialize)]
struct Incomplete {
    #[serde(default)]
    reason: String,
}

/// An item of output; only messages hold an answer.
#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    content: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

/// An event of a stream.
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    delta: Option<String>,
    #[serde(default)]
    response: Option<Response>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(default, deserialize_with = "reply::count")]
    input_tokens: u64,
    #[serde(default)]
    input_tokens_details: Option<InputDetails>,
    #[serde(default, deserialize_with = "reply::count")]
    output_tokens: u64,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize, Default)]
struct InputDetails {
    #[serde(default, deserialize_with = "reply::count")]
    cached_tokens: u64,
    #[serde(default, deserialize_with = "reply::count")]
    cache_write_tokens: u64,
}

#[derive(Deserialize, Default)]
struct OutputDetails {
    #[serde(default, deserialize_with = "reply::count")]
    reasoning_tokens: u64,
}

impl Response {
    fn reply(self) -> Result<Reply, Fault> {
        fault::reported(self.error)?;
        let Some(status) = self.status else {
            return Err(Fault::Unreadable("it holds neither a status nor an error".to_owned()));
        };
        let reason = self.incomplete_details.map(|details| details.reason).unwrap_or_default();
        let mut reply = Reply { finish: Some(finish(status, &reason)), ..Reply::default() };
        reply.usage = self.usage.map(Usage::from);
        let messages = self.output.into_iter().flatten().filter(|item| item.kind == "message");
        for part in messages.flat_map(|item| item.content.unwrap_or_default()) {
            match part.kind.as_str() {
                "output_text" => reply.text.extend(part.text),
                "refusal" => reply.refusal.extend(part.refusal),
                _ => {}
            }
        }
        Ok(reply)
    }
}

impl From<Counted> for Usage {
    /// The input's count includes what was read from the cache and written to it.
    fn from(counted: Counted) -> Self {
        let details = counted.input_tokens_details.unwrap_or_default();
        let input_cached = details.cached_tokens.min(counted.input_tokens);
        let cache_write = details.cache_write_tokens.min(counted.input_tokens - input_cached);
        Self {
            input: counted.input_tokens - input_cached - cache_write,
            input_cached,
            cache_write,
            output: counted.output_tokens,
            reasoning: counted.output_tokens_details.unwrap_or_default().reasoning_tokens,
            ..Self::default()
        }
    }
}

fn finish(status: String, reason: &str) -> Finish {
    match (status.as_str(), reason) {
        ("completed", _) => Finish::Complete,
        ("incomplete", "max_output_tokens") => Finish::Length,
        ("incomplete", "content_filter") => Finish::Declined,
        ("incomplete", reason) if !reason.is_empty() => Finish::Other(reason.to_owned()),
        _ => Finish::Other(status),
    }
}
