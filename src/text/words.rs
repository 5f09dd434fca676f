//! Numbers and durations as people read them.

use std::time::Duration;

/// Returns `1 test`, `2 tests`: the count with its noun.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("{n} {noun}") } else { format!("{n} {noun}s") }
}

/// Returns a duration in the unit that fits: `85 ms`, `3.2 s`, `2 min 5 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        format!("{} ms", duration.as_millis())
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_durations_read_naturally() {
        assert_eq!((count(1, "test"), count(0, "hunk")), ("1 test".into(), "0 hunks".into()));
        let told = [85, 3_200, 125_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(told, ["85 ms", "3.2 s", "2 min 5 s"]);
    }
}
