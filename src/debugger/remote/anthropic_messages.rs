//! Anthropic Messages (`POST /v1/messages`).
//!
//! Thinking that comes beside the answer is not read, and tools are never offered.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::debugger::remote::endpoint::Endpoint;
use crate::debugger::remote::fault::{self, Fault, Report};
use crate::debugger::remote::prompt::Prompt;
use crate::debugger::remote::reply::{self, Finish, Heard, Reply};
use crate::debugger::remote::sse::Event;
use crate::debugger::remote::wording::{Wording, joined};
use crate::model::Usage;

/// The version of the API this file is written against.
const VERSION: &str = "2023-06-01";

/// The dialect.
pub(super) struct AnthropicMessages;

impl Wording for AnthropicMessages {
    fn url(&self, endpoint: &Endpoint) -> String {
        joined(&endpoint.url, "/v1/messages")
    }

    fn headers(&self, endpoint: &Endpoint) -> Vec<(&'static str, String)> {
        let version = [("anthropic-version", VERSION.to_owned())];
        version.into_iter().chain(endpoint.key.iter().map(|key| ("x-api-key", key.reveal().to_owned()))).collect()
    }

    fn body(&self, endpoint: &Endpoint, prompt: &Prompt) -> Value {
        let mut body = json!({
            "model": endpoint.model,
            "max_tokens": endpoint.tokens_out_max,
            "system": prompt.system,
            "messages": [{ "role": "user", "content": prompt.user_text() }],
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
        let message: Message = fault::parsed(body)?;
        fault::reported(message.error)?;
        let Some(content) = message.content else {
            return Err(Fault::Unreadable("it holds neither content nor an error".to_owned()));
        };
        let mut reply = Reply { finish: message.stop_reason.map(finish), ..Reply::default() };
        reply.text.extend(content.into_iter().filter_map(Block::text));
        add_usage(&mut reply, message.usage);
        Ok(reply)
    }

    fn hear(&self, event: &Event, reply: &mut Reply) -> Result<Heard, Fault> {
        let told: Told = fault::parsed(event.data.as_bytes())?;
        match told.kind.as_str() {
            "error" => return Err(Fault::Reported(Report::of(&told.error.unwrap_or_default()))),
            "message_stop" => return Ok(Heard::EndMark),
            "message_start" => add_usage(reply, told.message.and_then(|message| message.usage)),
            "content_block_start" => reply.text.extend(told.content_block.and_then(Block::text)),
            "content_block_delta" => reply.text.extend(told.delta.and_then(Delta::text)),
            "message_delta" => {
                if let Some(reason) = told.delta.and_then(|delta| delta.stop_reason) {
                    reply.finish = Some(finish(reason));
                }
                add_usage(reply, told.usage);
            }
            // `ping`, `content_block_stop`, and what the API may add.
            _ => {}
        }
        Ok(Heard::More)
    }
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<Vec<Block>>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Option<Counted>,
    #[serde(default)]
    error: Option<Value>,
}

/// A block of content; of the kinds, only text is an answer.
#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    text: Option<String>,
}

/// An event of a stream.
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    content_block: Option<Block>,
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    usage: Option<Counted>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    stop_reason: Option<String>,
}

/// Counts of tokens; in a stream they come twice, the later ones in place of the earlier.
#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "input_tokens", default, deserialize_with = "known")]
    input: Option<u64>,
    #[serde(rename = "cache_creation_input_tokens", default, deserialize_with = "known")]
    cache_write: Option<u64>,
    #[serde(rename = "cache_read_input_tokens", default, deserialize_with = "known")]
    input_cached: Option<u64>,
    #[serde(rename = "output_tokens", default, deserialize_with = "known")]
    output: Option<u64>,
}

impl Block {
    fn text(self) -> Option<String> {
        self.text.filter(|_| self.kind == "text")
    }
}

impl Delta {
    fn text(self) -> Option<String> {
        self.text.filter(|_| self.kind == "text_delta")
    }
}

impl Counted {
    /// Cached tokens are not part of the input's count.
    fn put_into(&self, usage: &mut Usage) {
        usage.input = self.input.unwrap_or(usage.input);
        usage.input_cached = self.input_cached.unwrap_or(usage.input_cached);
        usage.cache_write = self.cache_write.unwrap_or(usage.cache_write);
        usage.output = self.output.unwrap_or(usage.output);
    }
}

fn known<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value => reply::count(value).map(Some).map_err(serde::de::Error::custom),
    }
}

fn add_usage(reply: &mut Reply, counted: Option<Counted>) {
    if let Some(counted) = counted {
        counted.put_into(reply.usage.get_or_insert_default());
    }
}

fn finish(reason: String) -> Finish {
    match reason.as_str() {
        "end_turn" | "stop_sequence" => Finish::Complete,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "refusal" => Finish::Declined,
        _ => Finish::Other(reason),
    }
}
