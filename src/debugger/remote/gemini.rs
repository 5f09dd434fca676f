//! Gemini's `generateContent`. Thoughts that come beside the answer are not read, and functions are never offered.

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
pub(super) struct Gemini;

impl Wording for Gemini {
    fn url(&self, endpoint: &Endpoint) -> String {
        let model = endpoint.model.trim_start_matches("models/");
        let verb = if endpoint.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        joined(&endpoint.url, &format!("/models/{model}:{verb}"))
    }

    fn headers(&self, endpoint: &Endpoint) -> Vec<(&'static str, String)> {
        endpoint.key.iter().map(|key| ("x-goog-api-key", key.reveal().to_owned())).collect()
    }

    fn body(&self, endpoint: &Endpoint, prompt: &Prompt) -> Value {
        let mut body = json!({
            "systemInstruction": { "parts": [{ "text": prompt.system }] },
            "contents": [{ "role": "user", "parts": [{ "text": prompt.user_text() }] }],
            "generationConfig": { "maxOutputTokens": endpoint.tokens_out_max },
        });
        if let Some(temperature) = endpoint.temperature {
            body["generationConfig"]["temperature"] = temperature.into();
        }
        body
    }

    fn read(&self, body: &[u8]) -> Result<Reply, Fault> {
        let mut reply = Reply::default();
        fault::parsed::<Content>(body)?.add_to(&mut reply)?;
        Ok(reply)
    }

    /// The stream has no end mark of its own; the piece that says why it ends is the last one.
    fn hear(&self, event: &Event, reply: &mut Reply) -> Result<Heard, Fault> {
        fault::parsed::<Content>(event.data.as_bytes())?.add_to(reply)?;
        Ok(if reply.finish.is_some() { Heard::EndMark } else { Heard::More })
    }
}

/// A response, or a piece of one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    #[serde(default)]
    candidates: Option<Vec<Answer>>,
    #[serde(default)]
    prompt_feedback: Option<Feedback>,
    #[serde(default)]
    usage_metadata: Option<Counted>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    content: Option<Parts>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    finish_message: Option<String>,
}

#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    #[serde(default)]
    block_reason: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "promptTokenCount", default, deserialize_with = "reply::count")]
    prompt: u64,
    #[serde(rename = "cachedContentTokenCount", default, deserialize_with = "reply::count")]
    cached: u64,
    #[serde(rename = "candidatesTokenCount", default, deserialize_with = "reply::count")]
    candidates: u64,
    #[serde(rename = "thoughtsTokenCount", default, deserialize_with = "reply::count")]
    thoughts: u64,
}

impl Content {
    fn add_to(self, reply: &mut Reply) -> Result<(), Fault> {
        fault::reported(self.error)?;
        if let Some(counted) = self.usage_metadata {
            reply.usage = Some(counted.into());
        }
        let blocked = self.prompt_feedback.and_then(|feedback| feedback.block_reason);
        if blocked.is_none() && self.candidates.is_none() && reply.usage.is_none() {
            return Err(Fault::Unreadable("it holds neither candidates nor an error".to_owned()));
        }
        if let Some(reason) = blocked {
            reply.refusal = format!("the prompt was blocked ({reason})");
            reply.finish = Some(Finish::Declined);
        }
        for answer in self.candidates.into_iter().flatten().take(1) {
            let parts = answer.content.and_then(|content| content.parts).unwrap_or_default();
            reply.text.extend(parts.into_iter().filter(|part| !part.thought).filter_map(|part| part.text));
            if let Some(reason) = answer.finish_reason {
                reply.finish = Some(finish(reason));
                if reply.finish == Some(Finish::Declined) {
                    reply.refusal.extend(answer.finish_message);
                }
            }
        }
        Ok(())
    }
}

impl From<Counted> for Usage {
    /// The prompt's count includes what was cached; the candidates' count leaves thoughts out.
    fn from(counted: Counted) -> Self {
        let input_cached = counted.cached.min(counted.prompt);
        Self {
            input: counted.prompt - input_cached,
            input_cached,
            output: counted.candidates + counted.thoughts,
            reasoning: counted.thoughts,
            ..Self::default()
        }
    }
}

fn finish(reason: String) -> Finish {
    match reason.as_str() {
        "STOP" => Finish::Complete,
        "MAX_TOKENS" => Finish::Length,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => Finish::Declined,
        _ => Finish::Other(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debugger::remote::endpoint::Dialect;

    #[test]
    fn the_model_is_part_of_the_url() {
        let mut endpoint = Endpoint::new(Dialect::Gemini, "models/gemini-3-flash");
        let base = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3-flash";
        assert_eq!(Gemini.url(&endpoint), format!("{base}:streamGenerateContent?alt=sse"));
        endpoint.stream = false;
        assert_eq!(Gemini.url(&endpoint), format!("{base}:generateContent"));
    }
}
