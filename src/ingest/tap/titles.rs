//! Whether comments at the top level are the titles of the points under them: in the streams of tape and zora, where one
//! stands right under the version, and in those of Catch2, which begin with a seed.

/// What is known of a stream's comments.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Titles {
    #[default]
    Unknown,
    /// The line before was the version.
    UnderVersion,
    /// The first comment stood under the version, and no point was read yet: it may as well be what a test printed.
    Likely,
    Present,
    Absent,
}

impl Titles {
    /// Tells whether a comment is a title.
    pub(super) fn take(&mut self, comment: &str) -> bool {
        match self {
            Self::UnderVersion => *self = Self::Likely,
            Self::Unknown if comment.starts_with("rng-seed: ") => *self = Self::Present,
            Self::Unknown | Self::Likely | Self::Present | Self::Absent => {}
        }
        matches!(self, Self::Likely | Self::Present)
    }

    /// Takes a line that would stand under a title if there were any; tells whether that decides that there are.
    pub(super) fn pass(&mut self) -> bool {
        let is_decided = *self == Self::Likely;
        *self = if is_decided || *self == Self::Present { Self::Present } else { Self::Absent };
        is_decided
    }
}

/// Tells whether a comment sums a stream up, as those of node, tape, Perl, mocha and the kernel do at the end.
pub(super) fn is_summary(comment: &str) -> bool {
    let words = ["tests ", "pass ", "fail ", "suites ", "skip ", "todo ", "cancelled "];
    let counts =
        |word: &&str| comment.strip_prefix(*word).is_some_and(|n| n.trim().bytes().all(|byte| byte.is_ascii_digit()));
    let is_of_kernel = || comment.contains(" pass:") && comment.contains(" total:");
    comment == "ok" || comment.starts_with("Looks like you ") || words.iter().any(counts) || is_of_kernel()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_titles_where_the_first_stands_under_the_version() {
        let mut titles = Titles::UnderVersion;
        assert!(titles.take("first") && titles.pass());
        assert!(titles.take("second") && !titles.pass());
        let mut titles = Titles::UnderVersion;
        titles.pass();
        assert!(!titles.take("a note"));
        assert!(!Titles::default().take("a note") && Titles::default().take("rng-seed: 1"));
    }

    #[test]
    fn a_comment_of_counts_is_a_summary() {
        assert!(is_summary("tests 5") && is_summary("pass  2") && is_summary("ok"));
        assert!(is_summary("Looks like you failed 1 test of 2."));
        assert!(is_summary("cart: pass:1 fail:2 skip:0 total:3"));
        assert!(!is_summary("tests of the till") && !is_summary("okay"));
    }
}
