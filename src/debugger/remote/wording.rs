//! What a dialect has to be able to say and to understand. Dialects are pure: the client alone sends and waits.

use serde_json::Value;

use crate::debugger::remote::anthropic_messages::AnthropicMessages;
use crate::debugger::remote::endpoint::{Dialect, Endpoint};
use crate::debugger::remote::fault::Fault;
use crate::debugger::remote::gemini::Gemini;
use crate::debugger::remote::ollama::Ollama;
use crate::debugger::remote::openai_chat::OpenaiChat;
use crate::debugger::remote::openai_responses::OpenaiResponses;
use crate::debugger::remote::prompt::Prompt;
use crate::debugger::remote::reply::{Heard, Reply};
use crate::debugger::remote::sse::Event;

/// One dialect's way to ask and to answer.
pub(super) trait Wording: Sync {
    /// Returns where requests go.
    fn url(&self, endpoint: &Endpoint) -> String;

    /// Returns the headers that open the endpoint; values may be secret.
    fn headers(&self, endpoint: &Endpoint) -> Vec<(&'static str, String)>;

    /// Words a request.
    fn body(&self, endpoint: &Endpoint, prompt: &Prompt) -> Value;

    /// Reads a whole response body that came under a status of success.
    fn read(&self, body: &[u8]) -> Result<Reply, Fault>;

    /// Adds one event of a stream to what has been heard of it.
    fn hear(&self, event: &Event, reply: &mut Reply) -> Result<Heard, Fault>;
}

/// Returns a dialect's wording.
pub(super) fn wording(dialect: Dialect) -> &'static dyn Wording {
    match dialect {
        Dialect::OpenaiChat => &OpenaiChat,
        Dialect::OpenaiResponses => &OpenaiResponses,
        Dialect::AnthropicMessages => &AnthropicMessages,
        Dialect::Gemini => &Gemini,
        Dialect::Ollama => &Ollama,
    }
}

/// Adds a path to a base URL that may already hold some or all of it.
pub(super) fn joined(base: &str, path: &str) -> String {
    let base = base.trim_end_matches('/');
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    let held = ends.filter(|&end| base.ends_with(&path[..end])).max().unwrap_or(0);
    format!("{base}{}", &path[held..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_may_hold_some_or_all_of_the_path() {
        for base in ["https://x.test", "https://x.test/", "https://x.test/v1", "https://x.test/v1/messages"] {
            assert_eq!(joined(base, "/v1/messages"), "https://x.test/v1/messages", "{base}");
        }
        assert_eq!(joined("https://x.test/api/v1", "/chat/completions"), "https://x.test/api/v1/chat/completions");
    }
}
