//! A unified diff as data, so that a kind of defect is a change of one of its parts. For tests only.

use crate::patch::difference::groups;
use crate::patch::lines;

/// One hunk; lines carry their sign.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hunk {
    pub old_start: usize,
    pub old_count: usize,
    pub new_start: usize,
    pub new_count: usize,
    pub heading: String,
    /// Takes the place of the whole header.
    pub header: Option<String>,
    pub lines: Vec<String>,
}

/// A diff of one file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Diff {
    pub names: Vec<String>,
    pub hunks: Vec<Hunk>,
}

impl Diff {
    /// Words the change between two texts, with so many lines of context; `joins` tells whether near hunks become one.
    pub(super) fn between(path: &str, before: &str, after: &str, context: usize, joins: bool) -> Self {
        let (old, new) = (lines::split(before), lines::split(after));
        let mut clusters: Vec<Vec<_>> = Vec::new();
        for group in groups(&old, &new) {
            let near = |cluster: &Vec<crate::patch::difference::Group>| {
                cluster.last().is_some_and(|last| group.before.start - last.before.end <= 2 * context)
            };
            match clusters.last_mut() {
                Some(cluster) if joins && near(cluster) => cluster.push(group),
                _ => clusters.push(vec![group]),
            }
        }
        let hunks = clusters.iter().map(|cluster| {
            let (first, last) = (&cluster[0], &cluster[cluster.len() - 1]);
            let lead = first.before.start.min(context);
            let tail = (old.len() - last.before.end).min(context);
            let mut body = Vec::new();
            let mut at = first.before.start - lead;
            let mut push = |sign: char, line: &str| {
                body.push(format!("{sign}{}", line.strip_suffix('\n').unwrap_or(line)));
                if !line.ends_with('\n') {
                    body.push("\\ No newline at end of file".to_owned());
                }
            };
            for group in cluster {
                old[at..group.before.start].iter().for_each(|line| push(' ', line));
                old[group.before.clone()].iter().for_each(|line| push('-', line));
                new[group.after.clone()].iter().for_each(|line| push('+', line));
                at = group.before.end;
            }
            old[at..last.before.end + tail].iter().for_each(|line| push(' ', line));
            let start = first.before.start - lead;
            let heading =
                old[..start].iter().rev().find(|line| line.starts_with(|c: char| c.is_alphabetic() || c == '_'));
            let mut hunk = Hunk {
                old_start: start + 1,
                old_count: 0,
                new_start: first.after.start.saturating_sub(lead) + 1,
                new_count: 0,
                heading: heading.map(|line| line.trim_end().chars().take(40).collect()).unwrap_or_default(),
                header: None,
                lines: body,
            };
            hunk.recount();
            if hunk.old_count == 0 {
                hunk.old_start -= 1;
            }
            if hunk.new_count == 0 {
                hunk.new_start -= 1;
            }
            hunk
        });
        Self { names: vec![format!("--- a/{path}"), format!("+++ b/{path}")], hunks: hunks.collect() }
    }

    /// Returns the diff as text.
    pub(super) fn text(&self) -> String {
        let lines = self.names.iter().cloned().chain(self.hunks.iter().flat_map(Hunk::all_lines));
        lines.map(|line| line + "\n").collect()
    }

    /// Changes every line of every hunk.
    pub(super) fn map(mut self, change: impl Fn(&str) -> String) -> Self {
        for line in self.hunks.iter_mut().flat_map(|hunk| &mut hunk.lines) {
            *line = change(line);
        }
        self
    }

    /// Changes every hunk.
    pub(super) fn each(mut self, change: impl FnMut(&mut Hunk)) -> Self {
        self.hunks.iter_mut().for_each(change);
        self
    }
}

impl Hunk {
    pub(super) fn header(&self) -> String {
        let range =
            |start: usize, count: usize| if count == 1 { start.to_string() } else { format!("{start},{count}") };
        self.header.clone().unwrap_or_else(|| {
            let heading = if self.heading.is_empty() { String::new() } else { format!(" {}", self.heading) };
            format!(
                "@@ -{} +{} @@{heading}",
                range(self.old_start, self.old_count),
                range(self.new_start, self.new_count)
            )
        })
    }

    /// Returns header and lines.
    pub(super) fn all_lines(&self) -> impl Iterator<Item = String> {
        std::iter::once(self.header()).chain(self.lines.clone())
    }

    /// Returns header and lines as one text without a final line end.
    pub(super) fn text(&self) -> String {
        self.all_lines().collect::<Vec<_>>().join("\n")
    }

    pub(super) fn recount(&mut self) {
        let count = |signs: &[char]| self.lines.iter().filter(|line| line.starts_with(signs)).count();
        (self.old_count, self.new_count) = (count(&[' ', '-']), count(&[' ', '+']));
    }

    /// Returns the indices of lines with a sign.
    pub(super) fn with(&self, sign: char) -> Vec<usize> {
        (0..self.lines.len()).filter(|index| self.lines[*index].starts_with(sign)).collect()
    }

    /// Returns the indices of lines with a sign that are not blank.
    pub(super) fn telling(&self, sign: char) -> Vec<usize> {
        self.with(sign).into_iter().filter(|index| !lines::is_trivial(&self.lines[*index][1..])).collect()
    }

    /// Returns the old lines.
    pub(super) fn old(&self) -> Vec<String> {
        self.lines.iter().filter(|line| line.starts_with([' ', '-'])).map(|line| line[1..].to_owned()).collect()
    }
}
