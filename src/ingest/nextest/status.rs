//! The lines in which nextest tells how a test, an attempt at one, or a setup script ended.
//!
//! Words are aligned to the right in twelve columns; most lines are those of passed tests, so no pattern is matched.

use std::time::Duration;

/// The columns of the word.
const WORD_COLUMNS: usize = 12;

/// The beginnings of words that are known without their place: the spaces before them may have been cut off.
const KNOWN: &[&str] =
    &["PASS", "LEAK", "FAIL", "FL", "SIG", "ABORT", "ABRT", "TIMEOUT", "TMT", "XFAIL", "LKFAIL", "SETUP"];

/// What a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Passed,
    Failed,
    /// Died, could not be started, or took too long.
    Errored,
    Skipped,
    /// Passed after attempts that failed, as the summary repeats it.
    Flaky,
    /// As before, where that is a failure.
    FlakyFailed,
    /// Began, where output is not captured.
    Started,
    /// Goes on: slow, delayed, about to be killed.
    Running,
    ScriptPassed,
    ScriptFailed,
}

/// A status line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Status<'t> {
    /// The word without the number of the attempt: `FAIL`, `SIGABRT`, `TMT`.
    pub(super) word: &'t str,
    pub(super) meaning: Meaning,
    /// Which attempt it was, where that is told.
    pub(super) attempt: Option<usize>,
    pub(super) duration: Option<Duration>,
    /// Which round of a stress run: `1/2`.
    pub(super) round: &'t str,
    /// How many tests had ended with this one, where it ended; 0 where it did not; `None` where no version counts.
    pub(super) count: Option<u64>,
    pub(super) binary: &'t str,
    pub(super) name: &'t str,
}

/// Reads a status line: `        PASS [   0.007s] ( 1/12) shop tests::adds`.
pub(super) fn read(line: &str) -> Option<Status<'_>> {
    let aligned = line.trim_start_matches(' ');
    if !aligned.as_bytes().first()?.is_ascii_uppercase() {
        return None;
    }
    let (words, rest) = aligned.split_once(" [")?;
    let n_spaces = line.len() - aligned.len();
    let is_aligned = n_spaces + words.len() == WORD_COLUMNS;
    if n_spaces > 0 && !is_aligned {
        return None;
    }
    let (time, rest) = rest.split_once("] ")?;
    let (attempt, word) = attempt(words)?;
    let meaning = meaning(word, time).filter(|_| is_aligned || KNOWN.iter().any(|known| word.starts_with(known)))?;
    let rest = rest.trim_start_matches(' ');
    let (round, rest) = enclosed(rest, '[', "] ").unwrap_or(("", rest));
    let (count, rest) = enclosed(rest, '(', ") ").map_or((None, rest), |(count, rest)| (Some(number(count)), rest));
    let attempt = attempt.or_else(|| number_of_flaky(meaning, word));
    let (binary, name) = match meaning {
        Meaning::ScriptPassed | Meaning::ScriptFailed => ("", rest.split_once(": ").map_or(rest, |(name, _)| name)),
        _ => rest.split_once(' ').map(|(binary, name)| (binary, name.trim_start_matches(' ')))?,
    };
    let is_named = !name.is_empty();
    is_named.then_some(Status { word, meaning, attempt, duration: seconds(time), round, count, binary, name })
}

/// Takes `TRY 2` off a word.
fn attempt(words: &str) -> Option<(Option<usize>, &str)> {
    match words.strip_prefix("TRY ") {
        Some(rest) => rest.split_once(' ').and_then(|(number, word)| Some((Some(number.parse().ok()?), word))),
        None => Some((None, words)),
    }
}

/// Returns the attempt that passed: 3 of `FLAKY 3/5`.
fn number_of_flaky(meaning: Meaning, word: &str) -> Option<usize> {
    let is_flaky = matches!(meaning, Meaning::Flaky | Meaning::FlakyFailed);
    word.split_once(' ').filter(|_| is_flaky)?.1.split_once('/')?.0.parse().ok()
}

fn meaning(word: &str, time: &str) -> Option<Meaning> {
    Some(match word {
        "PASS" | "LEAK" | "TIMEOUT-PASS" | "TMPASS" | "SLOW + LEAK" | "SLOW+TMPASS" => Meaning::Passed,
        // In the list after the summary, of a slow test that passed.
        "SLOW" if seconds(time).is_some() => Meaning::Passed,
        "FAIL" | "FAIL + LEAK" | "FL+LK" | "LEAK-FAIL" | "LKFAIL" => Meaning::Failed,
        "SKIP" => Meaning::Skipped,
        "START" => Meaning::Started,
        "SLOW" | "RETRY" | "DELAY" | "TERMINATING" | "TRMNTG" | "SETUP" | "SETUP SLOW" => Meaning::Running,
        "SETUP PASS" | "SETUP LEAK" => Meaning::ScriptPassed,
        _ if word.starts_with("RETRY ") => Meaning::Running,
        _ if word.starts_with("FLAKY ") => Meaning::Flaky,
        _ if word.starts_with("FLKY-FL ") => Meaning::FlakyFailed,
        _ if word.starts_with("SETUP ") => Meaning::ScriptFailed,
        _ if word.bytes().all(is_of_word) && seconds(time).is_some() => Meaning::Errored,
        _ => return None,
    })
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'+' | b'-')
}

/// Takes what stands between two brackets at the beginning of a text.
fn enclosed<'t>(text: &'t str, open: char, close: &str) -> Option<(&'t str, &'t str)> {
    let (inside, rest) = text.strip_prefix(open)?.split_once(close)?;
    Some((inside, rest.trim_start_matches(' ')))
}

/// Reads a time: `   0.007s`; one that goes on (`> 60.000s`) is none.
fn seconds(time: &str) -> Option<Duration> {
    let seconds = time.trim_start_matches(' ').strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Reads the first number of ` 1/12`; of `─────` it is 0.
fn number(count: &str) -> u64 {
    count.trim_start_matches(' ').split('/').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<'t>(line: &'t str, meaning: Meaning, attempt: Option<usize>, name: &str) -> Status<'t> {
        let status = read(line).unwrap_or_else(|| panic!("no status line: {line}"));
        let id = format!("{} {}", status.binary, status.name);
        assert_eq!((status.meaning, status.attempt, id.as_str()), (meaning, attempt, name), "{line}");
        status
    }

    #[test]
    fn every_word_has_its_meaning() {
        let passed = ["PASS", "LEAK", "TIMEOUT-PASS", "SLOW", "SLOW + LEAK", "SLOW+TMPASS"];
        let failed = ["FAIL", "FAIL + LEAK", "LEAK-FAIL"];
        let errored = ["SIGSEGV", "SIG 42", "ABORT", "XFAIL", "TIMEOUT", "ABORT SIG 6"];
        for (words, meaning) in
            [(&passed[..], Meaning::Passed), (&failed, Meaning::Failed), (&errored, Meaning::Errored)]
        {
            for word in words {
                check(
                    &format!("{word:>12} [   1.000s] (  1/100) my-binary::it a name"),
                    meaning,
                    None,
                    "my-binary::it a name",
                );
            }
        }
        let tries = [("FAIL", Meaning::Failed), ("FL+LK", Meaning::Failed), ("LKFAIL", Meaning::Failed)];
        for (word, meaning) in tries.into_iter().chain([("ABRT", Meaning::Errored), ("PASS", Meaning::Passed)]) {
            let line = format!("{:>12} [   1.000s] (─────) b t", format!("TRY 2 {word}"));
            assert_eq!(check(&line, meaning, Some(2), "b t").count, Some(0));
        }
        check("   FLAKY 3/5 [   1.000s] ( 25/100) b t", Meaning::Flaky, Some(3), "b t");
        check(" FLKY-FL 2/2 [   1.000s] (1/1) b t", Meaning::FlakyFailed, Some(2), "b t");
        check("        SLOW [> 60.000s] (─────) b t", Meaning::Running, None, "b t");
        check("       START [         ] (1/4) b t", Meaning::Started, None, "b t");
        check("        SKIP [         ] (───) b t", Meaning::Skipped, None, "b t");
        check("  SETUP FAIL [   0.009s] db: sh -c 'exit 3'", Meaning::ScriptFailed, None, " db");
    }

    #[test]
    fn times_rounds_and_counts_are_read() {
        let status =
            check("        FAIL [   0.008s] [1/2] ( 2/15) cart tests::deep", Meaning::Failed, None, "cart tests::deep");
        assert_eq!((status.duration, status.round, status.count), (Some(Duration::from_millis(8)), "1/2", Some(2)));
        let status = check("        PASS [   0.007s] shop tests::fine", Meaning::Passed, None, "shop tests::fine");
        assert_eq!((status.round, status.count), ("", None));
    }

    #[test]
    fn what_is_not_aligned_is_no_status_line() {
        for line in [
            "            PASS [   0.007s] (1/3) shop tests::fine",
            "    PASS [   0.007s] (1/3) shop tests::fine",
            "     Summary [   0.098s] 12 tests run: 3 passed",
            " Stress test [   0.032s] iteration 2/2: 5 tests run: 2 passed",
            "        PASS [   0.007s] (1/3) shop",
            "TRY x FAIL [   0.007s] shop a",
            "INFO [   0.007s] shop a",
            "        INFO [main] shop a",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
