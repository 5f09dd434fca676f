//! The tree a reply is to be applied to, as it may be asked: by path, and by what a model was shown of it. It reads through
//! a function it is given and writes nothing.

use std::collections::BTreeMap;
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::Refusal;
use crate::patch::path;

/// Reads the tree the reply is to be applied to. `None`: no such file. `Err`: it exists and cannot be used (binary,
/// outside, too large), with a sentence.
pub type ReadFile<'a> = dyn Fn(&Utf8Path) -> Result<Option<String>, String> + 'a;

/// What a model was shown; it settles what a reply leaves open. The default: nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// The project root as the model may have seen it in output; replies may name files below it absolutely.
    pub root: Option<Utf8PathBuf>,
    /// Paths from the root, with the lines shown of each, from 1, end excluded; no range: the path alone.
    pub files: BTreeMap<Utf8PathBuf, Vec<Range<u32>>>,
}

impl Shown {
    /// Adds some lines of a file, from 1, end excluded.
    pub fn add(&mut self, path: impl Into<Utf8PathBuf>, lines: Range<u32>) {
        self.files.entry(path.into()).or_default().push(lines);
    }

    /// Adds a whole file.
    pub fn add_whole(&mut self, path: impl Into<Utf8PathBuf>) {
        self.add(path, 1..u32::MAX);
    }

    /// Returns the lines shown of a file.
    pub(crate) fn lines(&self, path: &Utf8Path) -> &[Range<u32>] {
        self.files.get(path).map_or(&[], Vec::as_slice)
    }
}

/// The tree and what was shown of it.
#[derive(Clone, Copy)]
pub(crate) struct Tree<'a> {
    read: &'a ReadFile<'a>,
    /// What was shown.
    pub shown: &'a Shown,
}

impl<'a> Tree<'a> {
    /// Joins the two.
    pub(crate) fn new(read: &'a ReadFile<'a>, shown: &'a Shown) -> Self {
        Self { read, shown }
    }

    /// Returns the text of a file, `None` where there is none.
    pub(crate) fn text(&self, path: &Utf8Path) -> Result<Option<String>, Refusal> {
        let unreadable = |sentence: String| Refusal::new("unreadable", format!("{path} cannot be changed: {sentence}"));
        (self.read)(path).map_err(unreadable)
    }

    /// Finds the file a reply means by one of several spellings; where there is none, the likeliest spelling, plain.
    pub(crate) fn find(&self, spellings: &[String]) -> Result<(Utf8PathBuf, Option<String>), Refusal> {
        let paths = spellings.iter().map(|spelling| self.relative(spelling)).collect::<Result<Vec<_>, _>>()?;
        for path in &paths {
            if let Some(text) = self.text(path)? {
                return Ok((path.clone(), Some(text)));
            }
        }
        let Some(first) = paths.into_iter().next() else { return Err(unnamed()) };
        self.judge_case(&first)?;
        for candidate in self.meant_by(&first) {
            if let Some(text) = self.text(&candidate)? {
                return Ok((candidate, Some(text)));
            }
        }
        Ok((first, None))
    }

    /// Turns a spelling into a path from the root; an absolute one must lie below it.
    pub(crate) fn relative(&self, spelling: &str) -> Result<Utf8PathBuf, Refusal> {
        let below =
            self.shown.root.as_ref().and_then(|root| spelling.strip_prefix(root.as_str().trim_end_matches('/')));
        match below.and_then(|rest| rest.strip_prefix('/')) {
            Some(rest) => path::clean(rest),
            None => path::clean(spelling),
        }
    }

    /// Refuses a path that differs from a known one by case alone.
    pub(crate) fn judge_case(&self, path: &Utf8Path) -> Result<(), Refusal> {
        let same = |known: &&Utf8PathBuf| {
            known.as_str() != path.as_str() && known.as_str().eq_ignore_ascii_case(path.as_str())
        };
        match self.shown.files.keys().find(same) {
            Some(known) => {
                let sentence = format!("there is no {path}, but there is {known}; spell the path exactly so");
                Err(Refusal::new("path-case", sentence))
            }
            None => Ok(()),
        }
    }

    /// Returns what a path may stand for that names no file: the end of a known path, or a known path with the
    /// repository's name in front.
    fn meant_by(&self, path: &Utf8Path) -> Vec<Utf8PathBuf> {
        let mut longer = self.shown.files.keys().filter(|known| path::ends_with(known, path));
        if let (Some(known), None) = (longer.next(), longer.next()) {
            return vec![known.clone()];
        }
        let Some((first, rest)) = path.as_str().split_once('/') else { return Vec::new() };
        let name = self.shown.root.as_ref().and_then(|root| root.file_name());
        if name.is_none_or(|name| name == first) { vec![rest.into()] } else { Vec::new() }
    }
}

/// The refusal of an edit that names no file.
pub(crate) fn unnamed() -> Refusal {
    Refusal::new("no-path", "an edit names no file; put the path from the project root on the line before it")
}
