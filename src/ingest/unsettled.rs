//! Passed and skipped tests that are not believed yet: eight bytes each until what comes later confirms them.
//!
//! Names are kept only where a listener is to hear them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::ingest::recorder::Recorder;
use crate::model::{IdHash, Outcome, TestId};

/// A name that a listener is to hear: suite, name and duration.
type Heard = (Box<str>, Box<str>, Option<Duration>);

/// Results with one outcome, in the order in which they were reported.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    hashes: Vec<IdHash>,
    names: Option<HashMap<IdHash, Heard>>,
}

impl Unsettled {
    /// Keeps names only when `is_heard`.
    pub(super) fn new(is_heard: bool) -> Self {
        Self { hashes: Vec::new(), names: is_heard.then(HashMap::new) }
    }

    /// Adds a result.
    pub(super) fn push(&mut self, suite: &str, name: &str, duration: Option<Duration>) {
        let hash = TestId::hash_parts(suite, name);
        self.hashes.push(hash);
        if let Some(names) = &mut self.names {
            names.insert(hash, (suite.into(), name.into(), duration));
        }
    }

    /// Returns how many results there are.
    pub(super) fn len(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Leaves one of each result that was reported more than once.
    pub(super) fn dedup(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
    }

    /// Takes out results that are known to be others.
    pub(super) fn remove(&mut self, others: &HashSet<IdHash>) {
        if !others.is_empty() {
            self.hashes.retain(|hash| !others.contains(hash));
        }
    }

    /// Returns those of some results that are among these.
    pub(super) fn contained(&self, some: &HashSet<IdHash>) -> HashSet<IdHash> {
        if some.is_empty() {
            return HashSet::new();
        }
        self.hashes.iter().filter(|hash| some.contains(hash)).copied().collect()
    }

    /// Moves all results of another list to the end of this one.
    pub(super) fn append(&mut self, mut other: Self) {
        self.hashes.append(&mut other.hashes);
        if let (Some(names), Some(others)) = (&mut self.names, other.names) {
            names.extend(others);
        }
    }

    /// Reports as many results as were counted: those with names, and the rest without; where more have names than were
    /// counted, not all are real, and none is believed.
    pub(super) fn tally_counted(mut self, outcome: Outcome, n_counted: u64, to: &mut Recorder) {
        if self.len() != n_counted {
            self.dedup();
        }
        match n_counted.checked_sub(self.len()) {
            Some(n_unnamed) => {
                self.tally(outcome, to);
                to.count_unnamed(outcome, n_unnamed);
            }
            None => to.count_unnamed(outcome, n_counted),
        }
    }

    /// Reports all results.
    pub(super) fn tally(mut self, outcome: Outcome, to: &mut Recorder) {
        for hash in self.hashes {
            match self.names.as_mut().and_then(|names| names.remove(&hash)) {
                Some((suite, name, duration)) => to.tally_timed(&suite, &name, outcome, duration),
                None => to.tally_hashed(hash, outcome),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use crate::ingest::{Case, Hints};

    use super::*;

    #[test]
    fn what_was_reported_twice_is_one_result_and_what_is_known_otherwise_none() {
        let mut passed = Unsettled::new(false);
        for name in ["a", "b", "a", "c"] {
            passed.push("s", name, None);
        }
        passed.dedup();
        assert_eq!(passed.len(), 3);
        passed.remove(&HashSet::from([TestId::new("s", "b").hash64()]));
        let mut to = Recorder::new(&Hints::default(), None);
        passed.tally(Outcome::Passed, &mut to);
        let report = to.into_reading(Vec::new()).report;
        let outcomes = ["a", "b", "c"].map(|name| report.outcome(&TestId::new("s", name)));
        assert_eq!(outcomes, [Some(Outcome::Passed), None, Some(Outcome::Passed)]);
    }

    #[test]
    fn a_listener_hears_the_names_once_they_are_settled() {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let said = Rc::clone(&heard);
        let listener = move |case: &Case<'_>| said.borrow_mut().push(format!("{} {}", case.suite, case.name));
        let mut to = Recorder::new(&Hints::default(), Some(Box::new(listener)));
        let mut skipped = Unsettled::new(to.is_heard());
        skipped.push("s", "a", None);
        assert_eq!(heard.borrow().len(), 0);
        skipped.tally(Outcome::Skipped, &mut to);
        assert_eq!(*heard.borrow(), ["s a"]);
    }
}
