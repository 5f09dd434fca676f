//! What a session may spend and has spent. The budget is asked before each call and each run.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The limits of a session; `None` means no limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Wall time of the whole session.
    pub time_max: Option<Duration>,
    /// Candidates taken through verification.
    pub attempts_max: Option<u64>,
    /// Tokens sent and received.
    pub tokens_max: Option<u64>,
    /// Money, in US dollars.
    pub cost_usd_max: Option<f64>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            time_max: Some(Duration::from_mins(10)),
            attempts_max: Some(200),
            tokens_max: Some(200_000),
            cost_usd_max: Some(1.0),
        }
    }
}

/// One endpoint call's usage in one form for all dialects.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Requests sent, retries included.
    pub requests: u64,
    /// Prompt tokens that were not read from a cache.
    pub input: u64,
    /// Prompt tokens read from the provider's cache.
    pub input_cached: u64,
    /// Prompt tokens written to the provider's cache.
    pub cache_write: u64,
    /// Reply tokens, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
    /// Cost in US dollars; `None` when the price is not known.
    pub cost_usd: Option<f64>,
}

impl Usage {
    /// Returns all tokens that count against a token budget.
    pub fn tokens(&self) -> u64 {
        self.input + self.input_cached + self.cache_write + self.output
    }

    /// Adds another call's usage; an unknown cost makes nothing known.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.input += other.input;
        self.input_cached += other.input_cached;
        self.cache_write += other.cache_write;
        self.output += other.output;
        self.reasoning += other.reasoning;
        self.cost_usd = match (self.cost_usd, other.cost_usd) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
        };
    }
}

/// What a session has spent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Spend {
    /// Wall time since the session began.
    pub wall: Duration,
    /// Candidates taken through verification.
    pub attempts: u64,
    /// Test and build runs started.
    pub runs: u64,
    /// What endpoints counted.
    pub usage: Usage,
}

/// What the next step would at least add.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Estimate {
    /// Further candidates.
    pub attempts: u64,
    /// Further tokens.
    pub tokens: u64,
    /// Further cost in US dollars.
    pub cost_usd: f64,
}

/// Which limit the next step would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exhausted {
    /// `--max-time`.
    Time,
    /// `--max-attempts`.
    Attempts,
    /// `--max-tokens`.
    Tokens,
    /// `--max-cost`.
    Cost,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Time => "time (--max-time)",
            Self::Attempts => "attempts (--max-attempts)",
            Self::Tokens => "tokens (--max-tokens)",
            Self::Cost => "cost (--max-cost)",
        })
    }
}

impl Budget {
    /// Tells which limit a further step would exceed, if any. Time is exceeded once it is used up.
    pub fn refuses(&self, spend: &Spend, next: Estimate) -> Option<Exhausted> {
        let over = |limit: Option<u64>, used: u64| limit.is_some_and(|limit| used > limit);
        if self.time_max.is_some_and(|limit| spend.wall >= limit) {
            return Some(Exhausted::Time);
        }
        if over(self.attempts_max, spend.attempts + next.attempts) {
            return Some(Exhausted::Attempts);
        }
        if next.tokens > 0 && over(self.tokens_max, spend.usage.tokens() + next.tokens) {
            return Some(Exhausted::Tokens);
        }
        let cost = spend.usage.cost_usd.unwrap_or(0.0) + next.cost_usd;
        (next.cost_usd > 0.0 && self.cost_usd_max.is_some_and(|limit| cost > limit)).then_some(Exhausted::Cost)
    }

    /// Returns the wall time that is left, or `None` when there is no limit.
    pub fn time_left(&self, spend: &Spend) -> Option<Duration> {
        self.time_max.map(|limit| limit.saturating_sub(spend.wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_just_fits_is_allowed_and_the_next_is_not() {
        let budget = Budget { attempts_max: Some(2), ..Budget::default() };
        let spend = Spend { attempts: 1, ..Spend::default() };
        let one = Estimate { attempts: 1, ..Estimate::default() };
        assert_eq!(budget.refuses(&spend, one), None);
        let spend = Spend { attempts: 2, ..Spend::default() };
        assert_eq!(budget.refuses(&spend, one), Some(Exhausted::Attempts));
    }

    #[test]
    fn a_spent_token_budget_does_not_stop_steps_that_cost_none() {
        let budget = Budget { tokens_max: Some(0), cost_usd_max: Some(0.0), ..Budget::default() };
        assert_eq!(budget.refuses(&Spend::default(), Estimate { attempts: 1, ..Estimate::default() }), None);
        let call = Estimate { tokens: 1, ..Estimate::default() };
        assert_eq!(budget.refuses(&Spend::default(), call), Some(Exhausted::Tokens));
    }

    #[test]
    fn an_unknown_cost_stays_unknown() {
        let mut usage = Usage::default();
        usage.add(&Usage { input: 3, ..Usage::default() });
        assert_eq!((usage.cost_usd, usage.tokens()), (None, 3));
    }
}
