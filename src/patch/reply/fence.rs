//! Fenced code in Markdown, as CommonMark has it, but stricter about the end: a fence closes at its own indentation, so
//! that a context line of a diff that shows a fence does not.

use std::ops::Range;

/// One fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fence {
    /// What stands after the opening marks.
    pub info: String,
    /// The opening line.
    pub open: usize,
    /// The lines inside.
    pub inside: Range<usize>,
    /// Whether it is closed before the text ends.
    pub closed: bool,
    /// Spaces before the opening marks.
    pub indent: usize,
}

/// Returns the fences of a text, in order; none inside another.
pub(crate) fn fences(lines: &[&str]) -> Vec<Fence> {
    let mut fences = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some((indent, mark, length)) = marks(lines[at]) else {
            at += 1;
            continue;
        };
        let info = lines[at].trim_start()[length..].trim().to_owned();
        if mark == '`' && info.contains('`') {
            at += 1;
            continue;
        }
        let closes = |line: &&str| {
            marks(line)
                .is_some_and(|(own, other, n)| own <= indent && other == mark && n >= length && line.trim().len() == n)
        };
        let end = lines[at + 1..].iter().position(closes).map(|n| at + 1 + n);
        let inside = at + 1..end.unwrap_or(lines.len());
        let next = inside.end + 1;
        fences.push(Fence { info, open: at, inside, closed: end.is_some(), indent });
        at = next;
    }
    fences
}

/// Returns indentation, mark and number of marks of a line that opens or closes a fence.
fn marks(line: &str) -> Option<(usize, char, usize)> {
    let text = line.trim_start_matches(' ');
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = text.chars().take_while(|c| *c == mark).count();
    (length >= 3).then_some((line.len() - text.len(), mark, length))
}

/// Tells whether a line is a fence's mark.
pub(crate) fn is_fence(line: &str) -> bool {
    marks(line).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, Range<usize>, bool)> {
        let lines: Vec<&str> = text.lines().collect();
        fences(&lines).into_iter().map(|fence| (fence.info, fence.inside, fence.closed)).collect()
    }

    #[test]
    fn a_fence_closes_with_marks_as_many_and_as_far_left() {
        let text = "a\n```rust x.rs\nb\n ```\n````\nc\n~~~\nd";
        assert_eq!(found(text), [("rust x.rs".into(), 2..4, true), (String::new(), 7..8, false)]);
    }

    #[test]
    fn code_spans_are_no_fences() {
        assert_eq!(found("```a``` is code\nb"), []);
    }
}
