//! When to try again, and after how long: a pure reading of headers and counters.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::HeaderMap;

/// A longer wait than this is not worth a session's time.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// An endpoint that asks for more than this is of no use to the session any more.
const SESSION_WAIT_MAX: Duration = Duration::from_mins(5);

/// The longest wait between tries that the endpoint did not ask for.
const BACKOFF_MAX: Duration = Duration::from_secs(8);

/// What the headers of a response say of trying again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Advice {
    /// Whether to, where the endpoint says so (`x-should-retry`).
    pub(super) should_retry: Option<bool>,
    /// When, where it says so.
    pub(super) wait: Option<Duration>,
}

impl Advice {
    /// Reads `x-should-retry`, `retry-after-ms` and `retry-after` (seconds, or a date). What makes no sense is ignored.
    pub(super) fn of(headers: &HeaderMap, now: Timestamp) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let should_retry = match text("x-should-retry") {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        };
        let in_ms = text("retry-after-ms").and_then(|text| seconds(text, 1e-3));
        let after = || text("retry-after").and_then(|text| seconds(text, 1.0).or_else(|| until(text, now)));
        Self { should_retry, wait: in_ms.or_else(after) }
    }

    /// Tells whether the wait asked for is longer than a proposal can bear.
    pub(super) fn is_too_long(self) -> bool {
        self.wait.is_some_and(|wait| wait > WAIT_MAX)
    }

    /// Tells whether the wait asked for is longer than a session can bear.
    pub(super) fn outlasts_session(self) -> bool {
        self.wait.is_some_and(|wait| wait > SESSION_WAIT_MAX)
    }
}

/// Returns how long to wait before the given retry (from 0), or `None` when the endpoint asks for too much.
///
/// Without advice the wait doubles each time and is shortened by up to a quarter: `chance` is in 0..1.
pub(super) fn wait(n_retry: u32, first: Duration, asked: Option<Duration>, chance: f64) -> Option<Duration> {
    let Some(asked) = asked else {
        let doubled = first.saturating_mul(2_u32.saturating_pow(n_retry)).min(BACKOFF_MAX);
        return Some(doubled.mul_f64(1.0 - 0.25 * chance.clamp(0.0, 1.0)));
    };
    (asked <= WAIT_MAX).then_some(asked)
}

fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let seconds = text.parse::<f64>().ok()? * unit;
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| !wait.is_zero())
}

fn until(date: &str, now: Timestamp) -> Option<Duration> {
    let then = rfc2822::parse(date).ok()?.timestamp();
    Duration::try_from(then.duration_since(now)).ok().filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn advice(headers: &[(&'static str, &'static str)]) -> Advice {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        Advice::of(&headers.iter().map(pair).collect(), "2026-03-04T05:06:07Z".parse().unwrap())
    }

    #[test]
    fn every_form_of_wait_is_read() {
        let wait = |name, value| advice(&[(name, value)]).wait;
        assert_eq!(wait("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(wait("retry-after", "0.25"), Some(Duration::from_millis(250)));
        assert_eq!(wait("retry-after-ms", "1500"), Some(Duration::from_millis(1500)));
        assert_eq!(wait("retry-after", "Wed, 04 Mar 2026 05:06:10 GMT"), Some(Duration::from_secs(3)));
    }

    #[test]
    fn milliseconds_are_preferred() {
        let both = advice(&[("retry-after", "9"), ("retry-after-ms", "10")]);
        assert_eq!(both.wait, Some(Duration::from_millis(10)));
    }

    #[test]
    fn waits_that_make_no_sense_are_ignored() {
        for text in ["-3", "0", "soon", "", "NaN", "inf", "1e400", "Wed, 04 Mar 2026 05:06:01 GMT"] {
            assert_eq!(advice(&[("retry-after", text)]).wait, None, "{text}");
        }
    }

    #[test]
    fn a_wait_of_a_day_is_too_long() {
        let day = advice(&[("retry-after", "86400")]);
        assert!(day.is_too_long() && day.outlasts_session());
        assert_eq!(wait(0, Duration::from_millis(500), day.wait, 0.5), None);
    }

    #[test]
    fn waits_double_up_to_a_limit_and_are_shortened_by_chance() {
        let waits =
            |chance| [0, 1, 2, 10, 40].map(|n| wait(n, Duration::from_millis(500), None, chance).unwrap().as_millis());
        assert_eq!(waits(0.0), [500, 1000, 2000, 8000, 8000]);
        assert_eq!(waits(1.0), [375, 750, 1500, 6000, 6000]);
    }
}
