//! What an endpoint answered, in one form for all dialects.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::model::Usage;

/// An answer, whole or as far as it has arrived.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reply {
    /// The answer's text, without reasoning.
    pub(super) text: String,
    /// What the model said instead of an answer.
    pub(super) refusal: String,
    /// How the answer ended; `None` while it has not.
    pub(super) finish: Option<Finish>,
    /// What the endpoint counted; `None` when it did not say.
    pub(super) usage: Option<Usage>,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finish {
    /// The model had said what it had to say.
    Complete,
    /// A limit cut it off.
    Length,
    /// The model, or a filter, declined.
    Declined,
    /// Otherwise, in the endpoint's word.
    Other(String),
}

/// Whether more of a stream is to be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    More,
    EndMark,
}

/// Counts beyond this are none; adding them up must not overflow.
const COUNT_MAX: u64 = 1 << 40;

/// Reads a number that hostile or careless servers may send as anything: what is no count is not known.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_u64().unwrap_or(0).min(COUNT_MAX))
}

/// Reads a cost likewise.
pub(super) fn cost<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_f64().filter(|cost| cost.is_finite() && *cost >= 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Counts {
        #[serde(deserialize_with = "count")]
        tokens: u64,
        #[serde(deserialize_with = "cost")]
        cost: Option<f64>,
    }

    #[test]
    fn what_is_no_count_is_not_counted() {
        for (text, expected) in [
            (r#"{"tokens": 7, "cost": 0.5}"#, (7, Some(0.5))),
            (r#"{"tokens": -7, "cost": -1}"#, (0, None)),
            (r#"{"tokens": "7", "cost": null}"#, (0, None)),
            (r#"{"tokens": 18446744073709551615, "cost": 1}"#, (1 << 40, Some(1.0))),
        ] {
            let counts: Counts = serde_json::from_str(text).unwrap();
            assert_eq!((counts.tokens, counts.cost), expected, "{text}");
        }
    }
}
