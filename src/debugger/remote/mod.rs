//! The debugger behind an endpoint: evidence is worded as a prompt, sent, and the reply made a candidate.
//!
//! Dialects (`openai_chat`, `anthropic_messages`, …) are pure: they word requests and read replies. The client alone sends,
//! so that deadlines, retries, bounds and accounting exist once. Only redacted text is sent; the model is given no
//! tools, and nothing it says is followed: its reply is a patch to be judged, or a note to be shown.
//!
//! To add a dialect: a file that implements `Wording`, its line in `wording`, and its lines in [`Dialect`].

mod answer;
mod anthropic_messages;
mod client;
mod endpoint;
mod fault;
mod gemini;
mod ollama;
mod openai_chat;
mod openai_responses;
mod prompt;
mod reply;
mod retry;
mod sse;
mod wording;

#[cfg(test)]
mod fault_server;
#[cfg(test)]
mod tests;

use crate::debugger::remote::client::Client;
use crate::debugger::{Debugger, DebuggerError, Proposing};
use crate::model::{Estimate, Evidence, Tier, Usage};
use crate::text::redact::Redactor;

pub use crate::debugger::remote::endpoint::{Dialect, Endpoint, Key, UnknownDialect};
pub use crate::debugger::remote::prompt::{Piece, Prompt, prompt};
#[cfg(test)]
pub(crate) use crate::debugger::remote::tests::example_evidence;

/// The debugger's name.
const NAME: &str = "remote";

/// A debugger that asks an endpoint.
pub struct Remote {
    client: Client,
    redactor: Redactor,
}

impl Remote {
    /// Makes a debugger; an endpoint that cannot be asked at all is an error.
    pub fn new(endpoint: Endpoint) -> Result<Self, DebuggerError> {
        let redactor = Redactor::new(&endpoint.secrets());
        Ok(Self { client: Client::new(endpoint)?, redactor })
    }
}

impl Debugger for Remote {
    fn name(&self) -> &'static str {
        NAME
    }

    fn tier(&self) -> Tier {
        Tier::Remote
    }

    /// The prompt, and a reply of the greatest length.
    fn estimate(&self, evidence: &Evidence) -> Estimate {
        let endpoint = self.client.endpoint();
        let tokens_in = estimate_tokens(prompt(evidence).bytes());
        let tokens_out = u64::from(endpoint.tokens_out_max);
        let cost_usd = endpoint.cost_usd(tokens_in, tokens_out).unwrap_or(0.0);
        Estimate { attempts: 1, tokens: tokens_in + tokens_out, cost_usd }
    }

    fn propose<'a>(&'a self, evidence: &'a Evidence) -> Proposing<'a> {
        Box::pin(async move {
            let mut usage = Usage::default();
            match self.client.ask(&prompt(evidence), &mut usage).await {
                Ok(reply) => Ok(answer::proposal(&reply, &self.client.endpoint().model, usage, &self.redactor)),
                Err(fault) => Err(fault.error(self.client.host(), usage, &self.redactor)),
            }
        })
    }
}

/// Estimates tokens from bytes, rather too many than too few: source code has about 3.5 bytes a token.
fn estimate_tokens(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(2).div_ceil(7)
}

/// Makes the error of an endpoint that cannot be asked at all.
fn refuse(sentence: String) -> DebuggerError {
    let hint = "check the endpoint's settings".to_owned();
    DebuggerError { sentence, hint, terminal: true, usage: Usage::default() }
}
