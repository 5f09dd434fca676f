//! Where to ask and within which limits: plain data, as configuration fills it in.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::model::Usage;

/// How an endpoint is spoken to. To add one: a file that implements `Wording`, and its lines in this enum's `match`es.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI Chat Completions, and the many servers compatible with it.
    OpenaiChat,
    /// OpenAI Responses.
    OpenaiResponses,
    /// Anthropic Messages.
    AnthropicMessages,
    /// Gemini's `generateContent`.
    Gemini,
    /// Ollama's own chat.
    Ollama,
}

/// No dialect has this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown dialect {0:?}: it is one of {known}", known = Dialect::ALL.map(Dialect::name).join(", "))]
pub struct UnknownDialect(String);

impl Dialect {
    /// All dialects, the commonest first.
    pub const ALL: [Self; 5] =
        [Self::OpenaiChat, Self::OpenaiResponses, Self::AnthropicMessages, Self::Gemini, Self::Ollama];

    /// Returns the name configuration uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai",
            Self::OpenaiResponses => "openai-responses",
            Self::AnthropicMessages => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    /// Returns the base URL of the provider the dialect comes from.
    pub fn url(self) -> &'static str {
        match self {
            Self::OpenaiChat | Self::OpenaiResponses => "https://api.openai.com/v1",
            Self::AnthropicMessages => "https://api.anthropic.com",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta",
            Self::Ollama => "http://localhost:11434",
        }
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name).ok_or_else(|| UnknownDialect(name.to_owned()))
    }
}

/// The secret that opens an endpoint. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Makes a key; white space around it, as files and variables have it, is no part of it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where to ask and within which limits.
#[derive(Clone)]
pub struct Endpoint {
    /// How it is spoken to.
    pub dialect: Dialect,
    /// The base URL, to which the dialect adds its path.
    pub url: String,
    /// The model's name, as the endpoint knows it.
    pub model: String,
    /// The key, where one is needed.
    pub key: Option<Key>,
    /// Whether to ask for the reply piece by piece, so that a silent endpoint is noticed early.
    pub stream: bool,
    /// Tokens of a reply, reasoning included.
    pub tokens_out_max: u32,
    /// The sampling temperature; `None` leaves it to the model, and some models allow nothing else.
    pub temperature: Option<f32>,
    /// Time for name look-up, connection and TLS.
    pub connect_timeout: Duration,
    /// Time from sending a request to the head of its response.
    pub first_byte_timeout: Duration,
    /// Time between two pieces of a response.
    pub idle_timeout: Duration,
    /// Time for one proposal, retries and waits included.
    pub call_timeout: Duration,
    /// Requests after the first one.
    pub retries_max: u32,
    /// The wait before the first retry; each further one waits twice as long.
    pub retry_wait: Duration,
    /// Bytes of a response beyond which it is given up.
    pub reply_bytes_max: usize,
    /// Price of a million prompt tokens in US dollars, where known.
    pub price_in_usd_per_mtok: Option<f64>,
    /// Price of a million reply tokens in US dollars, where known.
    pub price_out_usd_per_mtok: Option<f64>,
    /// Further headers of every request, such as a project or a gateway's own key. Their values are never printed.
    pub headers: Vec<(String, String)>,
}

impl Endpoint {
    /// Makes an endpoint at the dialect's own provider, with no key, no price and moderate limits.
    pub fn new(dialect: Dialect, model: impl Into<String>) -> Self {
        Self {
            dialect,
            url: dialect.url().to_owned(),
            model: model.into(),
            key: None,
            stream: true,
            tokens_out_max: 8_192,
            temperature: None,
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_mins(3),
            idle_timeout: Duration::from_mins(1),
            call_timeout: Duration::from_mins(5),
            retries_max: 4,
            retry_wait: Duration::from_millis(500),
            reply_bytes_max: 8 << 20,
            price_in_usd_per_mtok: None,
            price_out_usd_per_mtok: None,
            headers: Vec::new(),
        }
    }

    /// Returns what these tokens cost at the known prices. Cached tokens count in full, which is never too little.
    pub(super) fn cost_usd(&self, tokens_in: u64, tokens_out: u64) -> Option<f64> {
        let (price_in, price_out) = (self.price_in_usd_per_mtok?, self.price_out_usd_per_mtok?);
        Some((tokens_in as f64 * price_in + tokens_out as f64 * price_out) / 1e6)
    }

    /// Fills in the cost of a usage of which the endpoint did not state it.
    pub(super) fn price(&self, usage: &mut Usage) {
        let tokens_in = usage.input + usage.input_cached + usage.cache_write;
        usage.cost_usd = usage.cost_usd.or_else(|| self.cost_usd(tokens_in, usage.output));
    }

    /// Returns every secret the endpoint is opened with.
    pub(super) fn secrets(&self) -> Vec<String> {
        let key = self.key.iter().map(|key| key.reveal().to_owned());
        key.chain(self.headers.iter().map(|(_, value)| value.clone())).collect()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Endpoint")
            .field("dialect", &self.dialect)
            .field("url", &self.url)
            .field("model", &self.model)
            .field("key", &self.key)
            .field("headers", &headers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_is_found_by_its_name_and_an_unknown_one_is_told_the_choice() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.name().parse(), Ok(dialect));
        }
        let error = "cobol".parse::<Dialect>().unwrap_err().to_string();
        assert!(error.contains("\"cobol\"") && error.contains("openai, openai-responses, anthropic"), "{error}");
    }

    #[test]
    fn neither_key_nor_header_values_are_printed() {
        let mut endpoint = Endpoint::new(Dialect::OpenaiChat, "m");
        endpoint.key = Some(Key::new(" sk-secret-key\n"));
        endpoint.headers.push(("x-gateway".to_owned(), "gw-secret".to_owned()));
        let printed = format!("{endpoint:?}");
        assert!(printed.contains("***") && printed.contains("x-gateway") && !printed.contains("secret"), "{printed}");
        assert_eq!(endpoint.secrets(), ["sk-secret-key", "gw-secret"]);
    }

    #[test]
    fn a_cost_the_endpoint_states_is_not_recomputed() {
        let mut endpoint = Endpoint::new(Dialect::OpenaiChat, "m");
        let cost = |endpoint: &Endpoint, cost_usd| {
            let mut usage = Usage { input: 1_000_000, output: 500_000, cost_usd, ..Usage::default() };
            endpoint.price(&mut usage);
            usage.cost_usd
        };
        assert_eq!(cost(&endpoint, None), None);
        (endpoint.price_in_usd_per_mtok, endpoint.price_out_usd_per_mtok) = (Some(2.0), Some(4.0));
        assert_eq!(cost(&endpoint, None), Some(4.0));
        assert_eq!(cost(&endpoint, Some(0.1)), Some(0.1));
    }
}
