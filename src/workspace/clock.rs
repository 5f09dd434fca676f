//! The times that written files bear: no two batches of writes share a second.
//!
//! Build tools and caches take a file for unchanged when its time is no later than their last run's, or when time (in
//! whole seconds, as Python does) and size are the same. A candidate tried right after another, with texts of one
//! length, would then be judged by the code of the one before.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Gives out times, each in a later second than the one before, and none before the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clock {
    last: SystemTime,
}

impl Default for Clock {
    fn default() -> Self {
        Self { last: UNIX_EPOCH }
    }
}

impl Clock {
    /// Returns the time for the next batch of writes. Times run ahead of the present while batches come faster than one
    /// a second; tools may then rebuild once too often, never once too little.
    pub(super) fn next(&mut self) -> SystemTime {
        self.next_at(SystemTime::now())
    }

    fn next_at(&mut self, now: SystemTime) -> SystemTime {
        self.last = now.max(self.last + Duration::from_secs(1));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_batches_never_share_a_second_and_never_lie_before_the_present() {
        let mut clock = Clock::default();
        let now = UNIX_EPOCH + Duration::from_millis(1_700_000_000_400);
        let mut seconds = Vec::new();
        for n in 0..20 {
            let present = now + Duration::from_millis(n * 150);
            let time = clock.next_at(present);
            assert!(time >= present);
            seconds.push(time.duration_since(UNIX_EPOCH).unwrap().as_secs());
        }
        seconds.dedup();
        assert_eq!(seconds.len(), 20);
    }
}
