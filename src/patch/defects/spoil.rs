//! What the kinds of defects have in common: trials from right diffs, and ways to change one line of many. For tests
//! only.

use crate::patch::defects::diff::{Diff, Hunk};
use crate::patch::defects::{Case, Expected, Rng, Trial};
use crate::patch::lines;

/// A kind of defect: its name, and what it makes of a right diff; `None` where a case cannot show it.
pub(super) type Kind = (&'static str, fn(&Case, Diff, &mut Rng) -> Option<Trial>);

impl Case {
    /// A reply that must lead to the text after.
    pub(super) fn worded(&self, reply: String) -> Trial {
        Trial { before: self.before.clone(), reply, expected: Expected::Text(self.after.clone()), shows: false }
    }

    /// The same, worded as a diff.
    pub(super) fn right(&self, diff: &Diff) -> Trial {
        self.worded(diff.text())
    }

    /// The same, where it is known what the model was shown.
    pub(super) fn shown(&self, diff: &Diff) -> Trial {
        Trial { shows: true, ..self.right(diff) }
    }

    /// A reply that must be refused.
    pub(super) fn refused(&self, reply: String) -> Trial {
        Trial { before: self.before.clone(), reply, expected: Expected::Refusal, shows: false }
    }

    /// The change as a diff with so many lines of context.
    pub(super) fn diff(&self, context: usize) -> Diff {
        Diff::between(&self.path, &self.before, &self.after, context, true)
    }

    /// The same case with both texts changed.
    pub(super) fn map(&self, change: impl Fn(&str) -> String) -> Self {
        Self { path: self.path.clone(), before: change(&self.before), after: change(&self.after) }
    }

    /// The same case with a line changed that stands once in the text before, and at most once after.
    pub(super) fn with_line(&self, line: &str, changed: &str) -> Option<Self> {
        let count = |text: &str| text.lines().filter(|other| *other == line).count();
        let change =
            |other: &str| if lines::body(other) == line { other.replacen(line, changed, 1) } else { other.into() };
        let once = count(&self.before) == 1 && count(&self.after) <= 1;
        once.then(|| self.map(|text| text.split_inclusive('\n').map(change).collect()))
    }

    /// The same case with a copy of the only hunk's old lines at the end of both texts.
    pub(super) fn doubled(&self, diff: &Diff) -> Option<Self> {
        let [hunk] = diff.hunks.as_slice() else { return None };
        let telling = hunk.old().iter().filter(|line| !lines::is_trivial(line)).count();
        let copy: String = hunk.old().iter().map(|line| format!("{line}\n")).collect();
        let ended = self.before.ends_with('\n') && self.after.ends_with('\n');
        (ended && telling > 1).then(|| self.map(|text| format!("{text}\nbetween\n{copy}the end\n")))
    }
}

/// Chooses lines of a hunk.
pub(super) type Choose = fn(&Hunk) -> Vec<usize>;

/// Changes one random line of those `choose` offers in any hunk.
pub(super) fn one_line(
    diff: &mut Diff,
    rng: &mut Rng,
    choose: Choose,
    change: impl FnOnce(&mut Hunk, usize, &mut Rng),
) -> Option<()> {
    let able: Vec<usize> = (0..diff.hunks.len()).filter(|index| !choose(&diff.hunks[*index]).is_empty()).collect();
    let hunk = &mut diff.hunks[*rng.pick(&able)?];
    let line = *rng.pick(&choose(hunk))?;
    change(hunk, line, rng);
    Some(())
}

/// Misspells a word in one random line.
pub(super) fn typo(case: &Case, mut diff: Diff, rng: &mut Rng, choose: Choose) -> Option<Trial> {
    let right = diff.clone();
    one_line(&mut diff, rng, choose, |hunk, index, rng| {
        if let Some(text) = misspelt(&hunk.lines[index], rng) {
            hunk.lines[index] = text;
        }
    })?;
    (diff != right).then(|| case.right(&diff))
}

/// Swaps, drops, doubles or replaces one letter.
fn misspelt(text: &str, rng: &mut Rng) -> Option<String> {
    let mut chars: Vec<char> = text.chars().collect();
    let is_able = |at: &usize| {
        let (a, b) = (chars[*at], chars[at + 1]);
        a.is_alphabetic() && b.is_alphabetic() && a != b
    };
    let able: Vec<usize> = (2..chars.len().saturating_sub(1)).filter(is_able).collect();
    let at = *rng.pick(&able)?;
    match rng.below(4) {
        0 => chars.swap(at, at + 1),
        1 => drop(chars.remove(at)),
        2 => chars.insert(at, chars[at]),
        _ => chars[at] = if chars[at] == 'x' { 'y' } else { 'x' },
    }
    Some(chars.into_iter().collect())
}

/// Puts a line that is nowhere in the file before one random line of the context.
pub(super) fn with_invented_line(diff: &mut Diff, rng: &mut Rng, sign: char, counted: bool) -> Option<()> {
    let choose: Choose = |hunk| hunk.with(' ');
    one_line(diff, rng, choose, |hunk, index, _| {
        let indent = lines::indent(&hunk.lines[index][1..]).to_owned();
        hunk.lines.insert(index, format!("{sign}{indent}invented_call(argument)"));
        if counted {
            hunk.recount();
        }
    })
}

/// Words every line of a diff by a rule of indentation; `None` where it does not apply to all or changes none.
pub(super) fn reindented(case: &Case, diff: Diff, change: impl Fn(&str) -> Option<String>) -> Option<Trial> {
    let mut spoilt = diff.clone();
    for line in spoilt.hunks.iter_mut().flat_map(|hunk| &mut hunk.lines).filter(|line| !line.starts_with('\\')) {
        *line = format!("{}{}", &line[..1], change(&line[1..])?);
    }
    (spoilt != diff).then(|| case.right(&spoilt))
}

/// Returns the trial if the diff really was changed.
pub(super) fn if_changed(case: &Case, diff: &Diff, spoilt: &Diff) -> Option<Trial> {
    (diff != spoilt).then(|| case.right(spoilt))
}
