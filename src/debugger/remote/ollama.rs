//! Ollama's own chat (`POST /api/chat`), which unlike its imitation of OpenAI lets the context's size be set: by
//! default it is small, and what does not fit is dropped without a word.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::debugger::remote::endpoint::Endpoint;
use crate::debugger::remote::estimate_tokens;
use crate::debugger::remote::fault::{self, Fault};
use crate::debugger::remote::prompt::Prompt;
use crate::debugger::remote::reply::{self, Finish, Heard, Reply};
use crate::debugger::remote::sse::Event;
use crate::debugger::remote::wording::{Wording, joined};
use crate::model::Usage;

/// The least context asked for. Sizes double from here: each other size makes the server load the model anew.
const CONTEXT_TOKENS_MIN: u64 = 8_192;

/// The dialect.
pub(super) struct Ollama;

impl Wording for Ollama {
    fn url(&self, endpoint: &Endpoint) -> String {
        joined(&endpoint.url, "/api/chat")
    }

    fn headers(&self, endpoint: &Endpoint) -> Vec<(&'static str, String)> {
        endpoint.key.iter().map(|key| ("authorization", format!("Bearer {}", key.reveal()))).collect()
    }

    fn body(&self, endpoint: &Endpoint, prompt: &Prompt) -> Value {
        let tokens = estimate_tokens(prompt.bytes()) + u64::from(endpoint.tokens_out_max);
        let mut body = json!({
            "model": endpoint.model,
            "messages": [
                { "role": "system", "content": prompt.system },
                { "role": "user", "content": prompt.user_text() },
            ],
            "stream": endpoint.stream,
            "options": {
                "num_ctx": tokens.next_power_of_two().max(CONTEXT_TOKENS_MIN),
                "num_predict": endpoint.tokens_out_max,
            },
            "truncate": false,
            "shift": false,
            "keep_alive": "10m",
        });
        if let Some(temperature) = endpoint.temperature {
            body["options"]["temperature"] = temperature.into();
        }
        body
    }

    fn read(&self, body: &[u8]) -> Result<Reply, Fault> {
        let mut reply = Reply::default();
        add(body, &mut reply)?;
        Ok(reply)
    }

    fn hear(&self, event: &Event, reply: &mut Reply) -> Result<Heard, Fault> {
        add(event.data.as_bytes(), reply)
    }
}

/// A response, or a line of one.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    done: Option<bool>,
    #[serde(default)]
    done_reason: Option<String>,
    #[serde(default, deserialize_with = "reply::count")]
    prompt_eval_count: u64,
    #[serde(default, deserialize_with = "reply::count")]
    eval_count: u64,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
}

fn add(line: &[u8], reply: &mut Reply) -> Result<Heard, Fault> {
    let line: Line = fault::parsed(line)?;
    fault::reported(line.error)?;
    let Some(done) = line.done else {
        return Err(Fault::Unreadable("it says neither that it is done nor that it is not".to_owned()));
    };
    reply.text.extend(line.message.and_then(|message| message.content));
    if !done {
        return Ok(Heard::More);
    }
    reply.finish = line.done_reason.map(finish);
    // The prompt's count is left out when all of it was still in the server's cache.
    reply.usage = Some(Usage { input: line.prompt_eval_count, output: line.eval_count, ..Usage::default() });
    Ok(Heard::EndMark)
}

fn finish(reason: String) -> Finish {
    match reason.as_str() {
        "stop" => Finish::Complete,
        "length" => Finish::Length,
        _ => Finish::Other(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debugger::remote::{Dialect, example_evidence, prompt};

    #[test]
    fn the_context_holds_prompt_and_reply_and_its_size_is_steady() {
        let context = |tokens_out_max| {
            let endpoint = Endpoint { tokens_out_max, ..Endpoint::new(Dialect::Ollama, "m") };
            Ollama.body(&endpoint, &prompt(&example_evidence()))["options"]["num_ctx"].as_u64().unwrap()
        };
        assert_eq!([100, 1_000, 8_192, 20_000].map(context), [8_192, 8_192, 16_384, 32_768]);
    }
}
