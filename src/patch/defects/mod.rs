//! Real changes, spoilt in every way model-written diffs are known to be, put through [`resolve`]: each is applied right
//! or refused, and never silently wrong. What must be refused is. For tests only.
//!
//! To add a kind of defect: one line in the file of its group.

mod context;
mod diff;
mod headers;
mod refused;
mod spoil;
mod structure;
mod white_space;
mod wrapping;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use camino::Utf8Path;

use self::spoil::Kind;
use crate::model::{Patch, Refusal};
use crate::patch::{Resolved, Shown, resolve, unified};

/// The kinds that should be applied, by group.
const APPLIED: &[&[Kind]] = &[headers::KINDS, wrapping::KINDS, white_space::KINDS, context::KINDS, structure::KINDS];

/// One real change of one file.
#[derive(Debug, Clone)]
struct Case {
    path: String,
    before: String,
    after: String,
}

/// What must come of a trial.
#[derive(Debug, Clone, PartialEq)]
enum Expected {
    /// The file has this text.
    Text(String),
    /// A file is created with this text.
    NewFile(String),
    /// The reply is refused.
    Refusal,
}

/// One spoilt reply.
#[derive(Debug, Clone)]
struct Trial {
    before: String,
    reply: String,
    expected: Expected,
    /// Whether it is known what the model was shown.
    shows: bool,
}

/// What came of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The expected text.
    Right,
    /// A refusal.
    Refused,
    /// Nothing to do, it was said, where a refusal was expected.
    Nothing,
    /// Another text than expected, or any where a refusal was.
    Wrong,
}

/// Small, seeded, and the same everywhere.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}

impl Trial {
    fn resolve(&self, case: &Case) -> Result<Resolved, Refusal> {
        let read = |path: &Utf8Path| Ok((path == case.path.as_str()).then(|| self.before.clone()));
        let mut shown = Shown::default();
        if self.shows {
            shown.root = Some("/home/me/repo".into());
            shown.add_whole(case.path.clone());
        }
        resolve(&self.reply, &read, &shown)
    }

    fn outcome(&self, case: &Case) -> Outcome {
        let Ok(resolved) = self.resolve(case) else { return Outcome::Refused };
        let change = resolved.patch.changes().first();
        let text = change.map_or(Some(&self.before), |change| change.after.as_ref());
        let is_right = match &self.expected {
            Expected::Text(expected) => text == Some(expected),
            Expected::NewFile(expected) => {
                text == Some(expected) && change.is_some_and(|change| change.before.is_none())
            }
            Expected::Refusal if change.is_none() => return Outcome::Nothing,
            Expected::Refusal => false,
        };
        if is_right && resolved.patch.changes().len() < 2 { Outcome::Right } else { Outcome::Wrong }
    }

    /// Tells what came of it and what should have, for people.
    fn story(&self, case: &Case) -> String {
        let told = match self.resolve(case) {
            Ok(resolved) => format!("{:?}\nGOT\n{}", resolved.matches, unified(&resolved.patch)),
            Err(refusal) => format!("REFUSED {}: {}", refusal.rule, refusal.sentence),
        };
        let expected = match &self.expected {
            Expected::Text(text) => unified(&Patch::edit(case.path.clone(), self.before.clone(), text.clone())),
            other => format!("{other:?}"),
        };
        format!("{}\n{told}\nEXPECTED\n{expected}\nREPLY\n{}\n", case.path, self.reply)
    }
}

/// Reads cases: folders with `path`, `before` and `after`.
fn cases(folder: &str) -> Vec<Case> {
    let mut folders: Vec<PathBuf> =
        fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let read = |folder: &Path, name: &str| fs_err::read_to_string(folder.join(name)).unwrap();
    let case = |folder: &PathBuf| Case {
        path: read(folder, "path").trim().to_owned(),
        before: read(folder, "before"),
        after: read(folder, "after"),
    };
    folders.iter().map(case).collect()
}

/// Outcomes by kind, in the order of [`Outcome`].
type Table = BTreeMap<&'static str, [usize; 4]>;

/// Puts every case through every kind, so many times; calls `look` with each trial.
fn tally(
    cases: &[Case],
    kinds: &[&[Kind]],
    rounds: u64,
    look: &mut dyn FnMut(&'static str, &Case, &Trial, Outcome),
) -> Table {
    let mut table = Table::new();
    for (name, spoil) in kinds.iter().copied().flatten() {
        for (index, case) in cases.iter().enumerate() {
            for round in 0..rounds {
                let mut rng = Rng(round * 1000 + u64::try_from(index).unwrap());
                let Some(trial) = spoil(case, case.diff(3), &mut rng) else { continue };
                let outcome = trial.outcome(case);
                table.entry(*name).or_default()[outcome as usize] += 1;
                look(name, case, &trial, outcome);
            }
        }
    }
    table
}

fn sum(table: &Table) -> [usize; 4] {
    let mut sum = [0; 4];
    for counts in table.values() {
        (0..4).for_each(|index| sum[index] += counts[index]);
    }
    sum
}

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/patch/corpus");

#[test]
fn spoilt_diffs_are_applied_right_or_refused() {
    let mut look = |name: &str, case: &Case, trial: &Trial, outcome: Outcome| {
        assert_ne!(outcome, Outcome::Wrong, "{name}: {}", trial.story(case));
    };
    let [right, refused, ..] = sum(&tally(&cases(CORPUS), APPLIED, 3, &mut look));
    assert!(right * 100 > (right + refused) * 95, "{right} right, {refused} refused");
}

#[test]
fn what_must_be_refused_is() {
    let mut look = |name: &str, case: &Case, trial: &Trial, outcome: Outcome| {
        // A reversed diff of a file and a right diff of the changed file are one and the same.
        let is_refused = outcome == Outcome::Refused || outcome == Outcome::Nothing && name == "reversed";
        assert!(is_refused, "{name}: {}", trial.story(case));
    };
    let table = tally(&cases(CORPUS), &[refused::KINDS], 3, &mut look);
    assert_eq!(table.len(), refused::KINDS.len(), "every kind is shown by some case");
}
