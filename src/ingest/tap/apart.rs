//! What Perl tells of a failure before the point is there: where prove runs the files, or where standard error is not
//! buffered as standard output is, `#   Failed test 'name'` and what follows stand above the stream.

/// Failures of which something is kept until their points come, and the bytes of it.
const FAILURES_MAX: usize = 1000;
const BYTES_MAX: usize = 1 << 20;

/// What is told, by the name of the test, in order.
#[derive(Default)]
pub(super) struct Apart {
    told: Vec<(String, String)>,
    n_bytes: usize,
    /// Whether the comments that follow belong to the last failure.
    is_open: bool,
}

impl Apart {
    /// Takes a comment, which is not kept here if it is of the point that was read last; returns whether it was taken.
    pub(super) fn take(&mut self, comment: &str, is_of_last: impl FnOnce(&str) -> bool) -> bool {
        if let Some(rest) = comment.strip_prefix("Failed test ") {
            let name = name_in(rest);
            self.is_open = !is_of_last(name) && self.told.len() < FAILURES_MAX;
            if self.is_open {
                self.told.push((name.to_owned(), String::new()));
            }
        }
        let Some((_, text)) = self.told.last_mut().filter(|_| self.is_open) else { return false };
        if comment.starts_with("Looks like you ") {
            self.is_open = false;
            return false;
        }
        if self.n_bytes + comment.len() <= BYTES_MAX {
            self.n_bytes += comment.len() + 1;
            *text = std::mem::take(text) + "# " + comment + "\n";
        }
        true
    }

    /// Takes a line that is no comment: what is told of one failure stands together.
    pub(super) fn end(&mut self) {
        self.is_open = false;
    }

    /// Takes what was told of the test called `name`; a test without a name has a number for one.
    pub(super) fn claim(&mut self, name: &str) -> Option<String> {
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        let is_of = |(told, _): &(String, String)| told == name || told.is_empty() && is_number;
        let at = self.told.iter().position(is_of)?;
        let (_, text) = self.told.remove(at);
        self.n_bytes -= text.len().min(self.n_bytes);
        Some(text)
    }
}

/// Reads the name in `'name'`, which may go on in the next line; `at t/a.t line 3.` has none.
fn name_in(rest: &str) -> &str {
    let Some(quoted) = rest.strip_prefix('\'') else { return "" };
    quoted.strip_suffix('\'').unwrap_or(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(comments: &[&str]) -> Apart {
        let mut apart = Apart::default();
        for comment in comments {
            apart.take(comment, |_| false);
        }
        apart
    }

    #[test]
    fn what_is_told_is_found_by_name() {
        let mut apart =
            told(&["Failed test 'a'", "at t/a.t line 1.", "Failed test 'b", "c'", "Failed test at t/a.t line 3."]);
        assert_eq!(apart.claim("b").as_deref(), Some("# Failed test 'b\n# c'\n"));
        assert_eq!(apart.claim("7").as_deref(), Some("# Failed test at t/a.t line 3.\n"));
        assert_eq!(apart.claim("a").as_deref(), Some("# Failed test 'a'\n# at t/a.t line 1.\n"));
        assert_eq!(apart.claim("a"), None);
        assert_eq!(apart.n_bytes, 0);
    }

    #[test]
    fn comments_of_the_last_point_are_not_taken() {
        let mut apart = told(&["Failed test 'a'"]);
        assert!(!apart.take("Failed test 'b'", |name| name == "b") && !apart.take("at t/a.t line 2.", |_| false));
        apart.take("Failed test 'c'", |_| false);
        apart.end();
        assert!(!apart.take("note", |_| false));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let line = "x".repeat(1000);
        let mut apart = told(&["Failed test 'a'"]);
        for _ in 0..5000 {
            apart.take(&line, |_| false);
        }
        assert!(apart.n_bytes <= BYTES_MAX);
    }
}
