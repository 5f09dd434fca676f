//! Numbers and durations as people read them.

use std::time::Duration;

use crate::model::Counts;

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

/// Returns `412 tests, 409 passed, 3 failed`; what is zero is left out.
pub fn counts(counts: &Counts) -> String {
    let parts = [
        (counts.passed, "passed"),
        (counts.failed, "failed"),
        (counts.errored, "errored"),
        (counts.skipped, "skipped"),
    ];
    let told = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!(", {} {word}", grouped(*n)));
    format!(
        "{} {}{}",
        grouped(counts.tests),
        if counts.tests == 1 { "test" } else { "tests" },
        told.collect::<String>()
    )
}

/// Returns a number with its thousands set apart: `1,234`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
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

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let one = Counts { tests: 1, passed: 1, ..Counts::default() };
        assert_eq!(counts(&one), "1 test, 1 passed");
    }
}
