//! OpenAI Chat Completions (`POST /chat/completions`), as OpenAI and its many imitators speak it.
//!
//! Reasoning that some servers send beside the answer is not read. What the servers disagree about (names of limits,
//! fields of usage, errors under status 200) is settled here and nowhere else.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::debugger::remote::endpoint::Endpoint;
use crate::debugger::remote::fault::{self, Fault};
use crate::debugger::remote::prompt::Prompt;
use crate::debugger::remote::reply::{self, Finish, Heard, Reply};
use crate::debugger::remote::sse::Event;
use crate::debugger::remote::wording::{Wording, joined};
use crate::model::Usage;

/// The dialect.
pub(super) struct OpenaiChat;

impl Wording for OpenaiChat {
    fn url(&self, endpoint: &Endpoint) -> String {
        joined(&endpoint.url, "/chat/completions")
    }

    fn headers(&self, endpoint: &Endpoint) -> Vec<(&'static str, String)> {
        endpoint.key.iter().map(|key| ("authorization", format!("Bearer {}", key.reveal()))).collect()
    }

    fn body(&self, endpoint: &Endpoint, prompt: &Prompt) -> Value {
        let mut body = json!({
            "model": endpoint.model,
            "messages": [
                { "role": "system", "content": prompt.system },
                { "role": "user", "content": prompt.user_text() },
            ],
        });
        // OpenAI's newer models refuse the old name; most compatible servers know only that one.
        let limit = if is_openai(&endpoint.url) { "max_completion_tokens" } else { "max_tokens" };
        body[limit] = endpoint.tokens_out_max.into();
        if let Some(temperature) = endpoint.temperature {
            body["temperature"] = temperature.into();
        }
        if endpoint.stream {
            body["stream"] = true.into();
            body["stream_options"] = json!({ "include_usage": true });
        }
        body
    }

    fn read(&self, body: &[u8]) -> Result<Reply, Fault> {
        let completion: Completion = fault::parsed(body)?;
        fault::reported(completion.error)?;
        let mut reply = Reply { usage: completion.usage.map(Usage::from), ..Reply::default() };
        match completion.choices {
            None => return Err(Fault::Unreadable("it holds neither choices nor an error".to_owned())),
            Some(choices) => choices.into_iter().take(1).for_each(|choice| choice.add_to(&mut reply)),
        }
        Ok(reply)
    }

    fn hear(&self, event: &Event, reply: &mut Reply) -> Result<Heard, Fault> {
        if event.data.trim() == "[DONE]" {
            return Ok(Heard::EndMark);
        }
        let chunk: Completion = fault::parsed(event.data.as_bytes())?;
        fault::reported(chunk.error)?;
        if let Some(usage) = chunk.usage {
            reply.usage = Some(usage.into());
        }
        let choices = chunk.choices.unwrap_or_default();
        choices.into_iter().filter(|choice| choice.index.unwrap_or(0) == 0).for_each(|choice| choice.add_to(reply));
        Ok(Heard::More)
    }
}

/// A completion, or a chunk of one.
#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Counted>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    delta: Option<Message>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    refusal: Option<String>,
}

/// Text as it is, or in parts of which only those of text count.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    text: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(default, deserialize_with = "reply::count")]
    prompt_tokens: u64,
    #[serde(default, deserialize_with = "reply::count")]
    completion_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's name for cached tokens.
    #[serde(default, deserialize_with = "reply::count")]
    prompt_cache_hit_tokens: u64,
    /// OpenRouter states the price.
    #[serde(default, deserialize_with = "reply::cost")]
    cost: Option<f64>,
}

#[derive(Deserialize, Default)]
struct PromptDetails {
    #[serde(default, deserialize_with = "reply::count")]
    cached_tokens: u64,
    #[serde(default, deserialize_with = "reply::count")]
    cache_write_tokens: u64,
}

#[derive(Deserialize, Default)]
struct CompletionDetails {
    #[serde(default, deserialize_with = "reply::count")]
    reasoning_tokens: u64,
}

impl Choice {
    fn add_to(self, reply: &mut Reply) {
        if let Some(message) = self.message.or(self.delta) {
            match message.content {
                None => {}
                Some(Content::Text(text)) => reply.text.push_str(&text),
                Some(Content::Parts(parts)) => {
                    let texts = parts.into_iter().filter(|part| part.kind == "text").filter_map(|part| part.text);
                    reply.text.extend(texts);
                }
            }
            reply.refusal.extend(message.refusal);
        }
        if let Some(reason) = self.finish_reason {
            reply.finish = Some(finish(reason));
        }
    }
}

impl From<Counted> for Usage {
    /// The prompt's count includes what was read from the cache and written to it.
    fn from(counted: Counted) -> Self {
        let details = counted.prompt_tokens_details.unwrap_or_default();
        let input_cached = details.cached_tokens.max(counted.prompt_cache_hit_tokens).min(counted.prompt_tokens);
        let cache_write = details.cache_write_tokens.min(counted.prompt_tokens - input_cached);
        Self {
            requests: 0,
            input: counted.prompt_tokens - input_cached - cache_write,
            input_cached,
            cache_write,
            output: counted.completion_tokens,
            reasoning: counted.completion_tokens_details.unwrap_or_default().reasoning_tokens,
            cost_usd: counted.cost,
        }
    }
}

fn finish(reason: String) -> Finish {
    match reason.as_str() {
        "stop" => Finish::Complete,
        "length" => Finish::Length,
        "content_filter" => Finish::Declined,
        _ => Finish::Other(reason),
    }
}

fn is_openai(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| url.host_str() == Some("api.openai.com"))
}
