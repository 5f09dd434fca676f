//! Results whose class is not known yet, because the definitions of tests come after them.
//!
//! Of a test that did not fail hashes are kept, and its name only if it is one of several rows of data: the name of any
//! other stands in its definition as well.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::ingest::Hints;
use crate::ingest::dotnet::without_class;
use crate::ingest::recorder::{OutputBudget, Recorder};
use crate::ingest::told::Properties;
use crate::model::{Failure, Outcome};

/// Bytes of names of rows that are kept.
const ROWS_BYTES_MAX: usize = 16 << 20;

/// A test's definition.
#[derive(Default)]
pub(super) struct Definition {
    /// The hash of the test's id.
    pub(super) test: u64,
    pub(super) name: String,
    pub(super) class: String,
    pub(super) categories: Properties,
}

/// A test that did not fail.
struct Held {
    test: u64,
    name: u64,
    /// `None` once it is reported.
    outcome: Option<Outcome>,
}

/// Results that await the definitions of their tests.
pub(super) struct Awaiting {
    held: Vec<Held>,
    is_sorted: bool,
    /// Results that were reported without their name.
    n_unnamed: u64,
    /// Names of rows, by hash.
    rows: HashMap<u64, Box<str>>,
    n_row_bytes: usize,
    /// All failures, in the order of their results.
    failures: Vec<(Outcome, Failure)>,
    /// Places of failures by the hash of their test's id.
    failed: HashMap<u64, Vec<usize>>,
    outputs: OutputBudget,
}

impl Awaiting {
    pub(super) fn new(hints: &Hints) -> Self {
        Self {
            held: Vec::new(),
            is_sorted: true,
            n_unnamed: 0,
            rows: HashMap::new(),
            n_row_bytes: 0,
            failures: Vec::new(),
            failed: HashMap::new(),
            outputs: OutputBudget::new(hints),
        }
    }

    /// Holds the result of a test that did not fail.
    pub(super) fn hold(&mut self, test: u64, name: &str, outcome: Outcome, is_row: bool) {
        let hash = xxh3_64(name.as_bytes());
        self.held.push(Held { test, name: hash, outcome: Some(outcome) });
        self.is_sorted = false;
        if is_row && self.n_row_bytes + name.len() <= ROWS_BYTES_MAX && self.rows.insert(hash, name.into()).is_none() {
            self.n_row_bytes += name.len();
        }
    }

    /// Holds a failure; its class may be known already.
    pub(super) fn hold_failure(&mut self, test: u64, outcome: Outcome, mut failure: Failure) {
        self.outputs.shorten(&mut failure);
        self.failed.entry(test).or_default().push(self.failures.len());
        self.failures.push((outcome, failure));
    }

    /// Names the results of a test.
    pub(super) fn resolve(&mut self, definition: &Definition, to: &mut Recorder) {
        for at in self.failed.remove(&definition.test).unwrap_or_default() {
            let failure = &mut self.failures[at].1;
            if failure.id.suite.is_empty() {
                failure.id.suite.clone_from(&definition.class);
                failure.id.name = without_class(&failure.id.name, &definition.class).to_owned();
            }
            definition.categories.append_to(&mut failure.properties);
        }
        self.name_held(definition, to);
    }

    fn name_held(&mut self, definition: &Definition, to: &mut Recorder) {
        if !self.is_sorted {
            self.held.sort_unstable_by_key(|held| held.test);
            self.is_sorted = true;
        }
        let start = self.held.partition_point(|held| held.test < definition.test);
        let own_name = xxh3_64(definition.name.as_bytes());
        for held in self.held[start..].iter_mut().take_while(|held| held.test == definition.test) {
            // Where one is reported, all results of its test are.
            let Some(outcome) = held.outcome.take() else { return };
            let name = if held.name == own_name {
                Some(&*definition.name)
            } else {
                self.rows.get(&held.name).map(|name| &**name)
            };
            if let Some(name) = name {
                to.tally(&definition.class, without_class(name, &definition.class), outcome);
            } else {
                to.count_unnamed(outcome, 1);
                self.n_unnamed += 1;
            }
        }
    }

    /// Ends the definitions: reports the failures, and of the results that have no definition what is known.
    pub(super) fn flush(&mut self, at: u64, to: &mut Recorder) {
        for outcome in self.held.drain(..).filter_map(|held| held.outcome) {
            to.count_unnamed(outcome, 1);
            self.n_unnamed += 1;
        }
        let n_unnamed = std::mem::take(&mut self.n_unnamed);
        if n_unnamed > 0 {
            to.complain(
                at,
                format!("of {n_unnamed} results the test's definition is missing; they count, but not by name"),
            );
        }
        self.is_sorted = true;
        self.rows.clear();
        self.n_row_bytes = 0;
        self.failed.clear();
        self.failures.drain(..).for_each(|(outcome, failure)| to.fail(outcome, failure));
    }
}
