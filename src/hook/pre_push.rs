//! What git tells a `pre-push` hook on its standard input (githooks(5)): one line for each ref to be pushed,
//! `<local-ref> <local-oid> <remote-ref> <remote-oid>`. Pure: it asks no repository whether it is true.

use std::fmt;

use thiserror::Error;

/// A commit's id: 40 hexadecimal digits, or 64 where the repository uses SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(String);

impl Oid {
    /// Returns the digits, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads an id; `None` when the text is none.
    fn read(text: &str) -> Option<Self> {
        let is_id = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| Self(text.to_ascii_lowercase()))
    }

    /// Tells whether this stands for no commit at all.
    fn is_zero(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One ref that is about to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// What was named on this side: a ref, `HEAD~1`, or any other expression.
    pub local_ref: String,
    /// The commit that is pushed; tests are to be run on it, not on the work tree.
    pub local_oid: Oid,
    /// The ref on the other side.
    pub remote_ref: String,
    /// The commit the other side has; `None` when the ref is new there.
    pub remote_oid: Option<Oid>,
}

/// Why the input is not what git writes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PrePushError {
    /// A line has not four fields.
    #[error("line {line} of the hook's input is not `<local-ref> <local-oid> <remote-ref> <remote-oid>`")]
    Fields {
        /// The line, from 1.
        line: usize,
    },
    /// A field that should be an id is none.
    #[error("line {line} of the hook's input has `{text}` where a commit's id is expected")]
    NotAnId {
        /// The line, from 1.
        line: usize,
        /// What stands there, capped.
        text: String,
    },
}

/// Reads the input of a `pre-push` hook. Deletions are left out: there is nothing to test. No line means that there is
/// nothing to push.
pub fn parse(input: &[u8]) -> Result<Vec<Push>, PrePushError> {
    let text = String::from_utf8_lossy(input);
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines.filter_map(|(number, line)| read(number, line).transpose()).collect()
}

/// Reads one line, `None` for a deletion. It is split from its end: what was named on this side may hold blanks
/// (`git push origin ':/fix the cart:main'`), the other fields cannot.
fn read(number: usize, line: &str) -> Result<Option<Push>, PrePushError> {
    let fields: Vec<&str> = line.rsplitn(4, ' ').collect();
    let &[remote_oid, remote_ref, local_oid, local_ref] = fields.as_slice() else {
        return Err(PrePushError::Fields { line: number });
    };
    if local_ref.is_empty() || remote_ref.is_empty() {
        return Err(PrePushError::Fields { line: number });
    }
    let id = |text: &str| {
        let text_capped = || text.escape_debug().take(80).collect();
        Oid::read(text).ok_or_else(|| PrePushError::NotAnId { line: number, text: text_capped() })
    };
    let (local_oid, remote_oid) = (id(local_oid)?, id(remote_oid)?);
    if local_oid.is_zero() {
        return Ok(None);
    }
    Ok(Some(Push {
        local_ref: local_ref.to_owned(),
        local_oid,
        remote_ref: remote_ref.to_owned(),
        remote_oid: Some(remote_oid).filter(|oid| !oid.is_zero()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "67890aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "12345bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    #[track_caller]
    fn check(input: &str, expected: &[(&str, &str, &str, Option<&str>)]) {
        let pushes = parse(input.as_bytes()).unwrap();
        let told: Vec<_> = pushes
            .iter()
            .map(|push| {
                let remote = push.remote_oid.as_ref().map(Oid::as_str);
                (push.local_ref.as_str(), push.local_oid.as_str(), push.remote_ref.as_str(), remote)
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn updated_and_new_refs_are_read_and_deletions_left_out() {
        let input = format!(
            "refs/heads/main {A} refs/heads/main {B}\nrefs/heads/new {A} refs/heads/new {ZERO}\n(delete) {ZERO} refs/heads/old {B}\n"
        );
        let main = ("refs/heads/main", A, "refs/heads/main", Some(B));
        check(&input, &[main, ("refs/heads/new", A, "refs/heads/new", None)]);
    }

    #[test]
    fn ids_of_sha256_repositories_are_read() {
        let (long, zero) = ("c".repeat(64), "0".repeat(64));
        check(&format!("HEAD {long} refs/heads/x {zero}\n"), &[("HEAD", &long, "refs/heads/x", None)]);
    }

    #[test]
    fn what_was_named_may_hold_blanks() {
        check(&format!(":/fix the cart {A} refs/heads/x {B}"), &[(":/fix the cart", A, "refs/heads/x", Some(B))]);
    }

    #[test]
    fn nothing_to_push_is_no_error() {
        check("", &[]);
        check("\n\n", &[]);
    }

    #[test]
    fn garbage_is_an_error_that_names_its_line() {
        let good = format!("HEAD {A} refs/heads/x {B}\n");
        let error = |line: &str| parse(format!("{good}{line}").as_bytes()).unwrap_err();
        assert_eq!(error("what is this"), PrePushError::Fields { line: 2 });
        assert_eq!(error(&format!(" {A} refs/heads/x {B}")), PrePushError::Fields { line: 2 });
        let short = error(&format!("HEAD {A} refs/heads/x {}", &B[1..]));
        assert_eq!(short, PrePushError::NotAnId { line: 2, text: B[1..].into() });
        let message = error(&format!("HEAD {} refs/heads/x {B}", "\u{1b}".repeat(999))).to_string();
        assert!(message.len() < 200 && !message.contains('\u{1b}'), "{message}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(input in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&input);
        }

        #[test]
        fn what_git_writes_is_read_back(
            refs in prop::collection::vec(("[a-z/~^@{}0-9 ]{0,9}[a-z]", "[0-9a-f]{40}", "refs/heads/[a-z]{1,9}", "[0-9a-f]{40}"), 0..5)
        ) {
            let input: String = refs.iter().map(|(l, lo, r, ro)| format!("{l} {lo} {r} {ro}\n")).collect();
            let kept: Vec<_> = refs.iter().filter(|(_, lo, ..)| lo.as_str() != ZERO).collect();
            let pushes = parse(input.as_bytes()).unwrap();
            prop_assert_eq!(pushes.len(), kept.len());
            for (push, (local_ref, local_oid, remote_ref, _)) in pushes.iter().zip(kept) {
                prop_assert_eq!((&push.local_ref, push.local_oid.as_str(), &push.remote_ref), (local_ref, local_oid.as_str(), remote_ref));
            }
        }
    }
}
