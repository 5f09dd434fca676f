//! Realistic faults in the sample programs: the whole way from evidence to ranked candidates.

use std::collections::{BTreeMap, BTreeSet};

use crate::debugger::template::edit::Edit;
use crate::debugger::template::samples::sample;
use crate::debugger::template::symptom::Symptom;
use crate::debugger::template::{TEMPLATES, Template, rank, symptom};
use crate::model::{Candidate, Evidence, FailureClass, FileChange, Location, Proposal, RecentChange, Remedy};
use crate::syntax::Node;

/// One fault: in `sample` the text `good` was written as `bad`, and `test` fails.
struct Bug {
    sample: &'static str,
    good: &'static str,
    bad: &'static str,
    test: &'static str,
    /// Expected and actual value. Without an expected value the other is the message.
    values: (&'static str, &'static str),
}

const BUGS: &[Bug] = &[
    Bug {
        sample: "calendar",
        good: "day > last {",
        bad: "day >= last {",
        test: "tests::days_are_numbered_from_one",
        values: ("Some(366)", "None"),
    },
    Bug {
        sample: "calendar",
        good: "&& (year % 100",
        bad: "|| (year % 100",
        test: "tests::leap_years_are_every_fourth_but_not_every_hundredth",
        values: ("", "assertion failed: !is_leap(2023) && !is_leap(1900)"),
    },
    Bug {
        sample: "calendar",
        good: "(number - 1) / DAYS_IN_WEEK",
        bad: "number / DAYS_IN_WEEK",
        test: "tests::weeks_are_numbered_from_zero",
        values: ("Some(0)", "Some(1)"),
    },
    Bug {
        sample: "calendar",
        good: "DAYS_IN_WEEK: u32 = 7",
        bad: "DAYS_IN_WEEK: u32 = 6",
        test: "tests::weeks_are_numbered_from_zero",
        values: ("Some(0)", "Some(1)"),
    },
    Bug {
        sample: "ledger",
        good: "account.balance += amount",
        bad: "account.balance -= amount",
        test: "tests::a_transfer_moves_the_amount_from_one_to_the_other",
        values: ("Ok(50)", "Ok(-50)"),
    },
    Bug {
        sample: "ledger",
        good: "if !self.accounts.contains_key(to)",
        bad: "if self.accounts.contains_key(to)",
        test: "tests::a_transfer_moves_the_amount_from_one_to_the_other",
        values: ("Ok(())", "Err(NoSuchAccount)"),
    },
    Bug {
        sample: "ledger",
        good: "self.withdraw(from, amount)?",
        bad: "self.withdraw(to, amount)?",
        test: "tests::a_transfer_moves_the_amount_from_one_to_the_other",
        values: ("(20, 29)", "(0, 49)"),
    },
    Bug {
        sample: "ledger",
        good: ".max_by_key(|(_, account)| account.balance)",
        bad: ".min_by_key(|(_, account)| account.balance)",
        test: "tests::a_transfer_moves_the_amount_from_one_to_the_other",
        values: ("Some(\"bob\")", "Some(\"ada\")"),
    },
    Bug {
        sample: "ledger",
        good: "max_by_key(|(_, account)| account.balance)",
        bad: "max_by_key(|(_, account)| account.limit)",
        test: "tests::a_transfer_moves_the_amount_from_one_to_the_other",
        values: ("Some(\"bob\")", "Some(\"ada\")"),
    },
    Bug {
        sample: "lines",
        good: "line.len() + 1 + word.len() > width",
        bad: "line.len() + word.len() > width",
        test: "tests::lines_are_filled_to_the_width",
        values: ("[\"a bb\", \"ccc\", \"dd\"]", "[\"a bb\", \"ccc dd\"]"),
    },
    Bug {
        sample: "lines",
        good: "take(n_max - 1)",
        bad: "take(n_max)",
        test: "tests::a_shortened_text_has_the_greatest_length",
        values: ("(\"abcd\", \"abc…\")", "(\"abcd\", \"abcd…\")"),
    },
    Bug {
        sample: "lines",
        good: "line.split_once('=')?",
        bad: "line.rsplit_once('=')?",
        test: "tests::settings_are_split_at_the_first_sign",
        values: ("Some((\"a\", \"b=c\"))", "Some((\"a = b\", \"c\"))"),
    },
    Bug {
        sample: "lines",
        good: "words.map(str::to_lowercase)",
        bad: "words.map(str::to_uppercase)",
        test: "tests::slugs_are_lower_case_words_with_dashes",
        values: ("\"hello-big-world\"", "\"HELLO-BIG-WORLD\""),
    },
    Bug {
        sample: "grid",
        good: "Self::new(self.height, self.width)",
        bad: "Self::new(self.width, self.height)",
        test: "tests::transposing_exchanges_rows_and_columns",
        values: ("", ""),
    },
    Bug {
        sample: "grid",
        good: "y * self.width + x",
        bad: "y * self.height + x",
        test: "tests::a_row_is_as_wide_as_the_grid",
        values: ("([4, 0, 0], [0, 0, 9])", "([4, 0, 0], [0, 9, 0])"),
    },
    Bug {
        sample: "grid",
        good: "..=(y + 1).min(self.height - 1)",
        bad: "..(y + 1).min(self.height - 1)",
        test: "tests::neighbours_are_counted_up_to_the_edges",
        values: ("(2, 0, 0)", "(1, 0, 0)"),
    },
    Bug {
        sample: "grid",
        good: "(at % self.width, at / self.width)",
        bad: "(at / self.width, at % self.width)",
        test: "tests::the_brightest_cell_is_found",
        values: ("Some((2, 1))", "Some((1, 2))"),
    },
    Bug {
        sample: "series",
        good: "low = middle + 1",
        bad: "low = middle",
        test: "tests::the_lower_bound_is_the_first_place_not_less",
        values: ("", ""),
    },
    Bug {
        sample: "series",
        good: "for start in 0..=values.len() - width",
        bad: "for start in 0..values.len() - width",
        test: "tests::means_are_those_of_whole_windows",
        values: ("[2, 4, 6]", "[2, 4]"),
    },
    Bug {
        sample: "series",
        good: "start <= last.1 + 1",
        bad: "start <= last.1",
        test: "tests::touching_intervals_become_one",
        values: ("[(1, 8), (10, 11)]", "[(1, 3), (4, 4), (5, 8), (10, 11)]"),
    },
    Bug {
        sample: "series",
        good: ".max(least).min(most)",
        bad: ".min(least).max(most)",
        test: "tests::what_is_clamped_is_counted",
        values: ("(2, [2, 5, 8])", "(3, [8, 8, 8])"),
    },
    Bug {
        sample: "grid",
        good: "for nx in x.saturating_sub(1)",
        bad: "for nx in x - 1",
        test: "tests::neighbours_are_counted_up_to_the_edges",
        values: ("", "attempt to subtract with overflow"),
    },
    Bug {
        sample: "lines",
        good: "            return false;",
        bad: "            return true;",
        test: "tests::palindromes_ignore_what_is_no_letter",
        values: ("", "assertion failed: !is_palindrome(\"abca\")"),
    },
    Bug {
        sample: "lines",
        good: ".join(\"-\")",
        bad: ".join(\"_\")",
        test: "tests::slugs_are_lower_case_words_with_dashes",
        values: ("\"hello-big-world\"", "\"hello_big_world\""),
    },
    Bug {
        sample: "series",
        good: ".rev().take(n)",
        bad: ".take(n)",
        test: "tests::the_greatest_come_first",
        values: ("[9, 7]", "[1, 3]"),
    },
    Bug {
        sample: "ledger",
        good: "account.balance < 0)",
        bad: "account.balance < 0 && account.limit > 100)",
        test: "tests::a_withdrawal_costs_a_fee_and_stops_at_the_limit",
        values: ("[\"ada\"]", "[]"),
    },
];

/// Makes the evidence of a bug; with the change that made it, if it is known.
fn evidence(bug: &Bug, is_change_known: bool) -> Evidence {
    let good = sample(bug.sample);
    assert_eq!(good.matches(bug.good).count(), 1, "{}", bug.good);
    let bad = good.replace(bug.good, bug.bad);
    let path = format!("src/{}.rs", bug.sample);
    let mut cluster = symptom::tests::cluster(&[bug.values]);
    let failure = &mut cluster.failures[0];
    failure.id.name = format!("{}::{}", bug.sample, bug.test);
    if bug.values.0.is_empty() {
        (failure.expected, failure.actual) = (None, None);
        failure.message = bug.values.1.to_owned();
    }
    let file = FileChange { path: path.clone().into(), before: Some(good.to_owned()), after: Some(bad.clone()) };
    let step = RecentChange { title: "uncommitted change".to_owned(), files: vec![file] };
    Evidence {
        cluster,
        sources: BTreeMap::from([(path.into(), bad)]),
        changes: if is_change_known { vec![step] } else { Vec::new() },
        excerpts: Vec::new(),
        attempts: Vec::new(),
    }
}

fn propose(evidence: &Evidence) -> Proposal {
    rank::propose(evidence, TEMPLATES, 1000)
}

fn after(candidate: &Candidate) -> &str {
    match &candidate.remedy {
        Remedy::Patch(patch) => patch.changes()[0].after.as_deref().unwrap(),
        Remedy::Reply(_) => panic!("a template proposes patches"),
    }
}

/// Returns the place of the right candidate, from 1.
fn rank_of_fix(bug: &Bug, is_change_known: bool) -> Option<usize> {
    let proposal = propose(&evidence(bug, is_change_known));
    let fixed = sample(bug.sample);
    proposal.candidates.iter().position(|candidate| after(candidate) == fixed).map(|at| at + 1)
}

fn check_ranks(is_change_known: bool, rank_max: usize, median_max: usize) {
    let mut ranks = Vec::new();
    for bug in BUGS {
        let rank = rank_of_fix(bug, is_change_known);
        println!("{:?} {}: `{}` for `{}`", rank, bug.sample, bug.bad, bug.good);
        ranks.push(rank.unwrap_or(usize::MAX));
    }
    ranks.sort_unstable();
    assert!(ranks.iter().all(|rank| *rank <= rank_max), "{ranks:?}");
    assert!(ranks[ranks.len() / 2] <= median_max, "{ranks:?}");
}

#[test]
fn with_a_known_change_the_fix_is_among_the_first() {
    check_ranks(true, 10, 2);
}

#[test]
fn without_a_known_change_the_fix_is_still_found() {
    check_ranks(false, 80, 20);
}

#[test]
fn test_code_is_never_edited_and_no_text_is_proposed_twice() {
    for bug in BUGS {
        let evidence = evidence(bug, false);
        let text = evidence.sources.values().next().unwrap();
        let (_, tests) = text.split_once("#[cfg(test)]").unwrap();
        let mut seen = BTreeSet::new();
        for candidate in propose(&evidence).candidates {
            assert!(after(&candidate).ends_with(tests), "{}", candidate.origin);
            assert!(seen.insert(after(&candidate).to_owned()), "{}", candidate.origin);
            assert!(candidate.score <= 0.0 && candidate.score.is_finite());
        }
    }
}

#[test]
fn the_same_evidence_gives_the_same_candidates_best_first() {
    let evidence = evidence(&BUGS[0], true);
    let first = propose(&evidence);
    assert_eq!(first, propose(&evidence));
    assert!(first.candidates.is_sorted_by(|a, b| a.score >= b.score));
    let few = rank::propose(&evidence, TEMPLATES, 7);
    assert_eq!(few.candidates, first.candidates[..7]);
}

#[test]
fn a_candidate_tells_what_it_does_and_where() {
    let proposal = propose(&evidence(&BUGS[0], true));
    let fix = proposal.candidates.iter().find(|candidate| after(candidate) == sample("calendar")).unwrap();
    assert_eq!(fix.origin.to_string(), "template: `>=` → `>` at src/calendar.rs:23");
}

#[test]
fn without_a_symptom_that_edits_mend_there_are_no_candidates() {
    let mut evidence = evidence(&BUGS[0], true);
    evidence.cluster.class = FailureClass::MissingDependency;
    let proposal = propose(&evidence);
    assert_eq!(
        (proposal.candidates.len(), proposal.note.as_str()),
        (0, "small edits do not mend a missing dependency")
    );
}

#[test]
fn a_misspelt_name_that_keeps_the_program_from_being_built_is_mended_first() {
    let bug =
        Bug { good: "means.push(sum / width as i64)", bad: "means.push(sun / width as i64)", ..BUGS[BUGS.len() - 1] };
    let bug = Bug { sample: "series", ..bug };
    let mut evidence = evidence(&bug, false);
    evidence.cluster.class = FailureClass::CompileError;
    let line = sample("series").lines().position(|line| line.contains("means.push")).unwrap() + 1;
    let location = Location { file: "src/series.rs".into(), line: u32::try_from(line).unwrap(), column: None };
    evidence.cluster.locations = vec![(location, 1.0)];
    assert_eq!(after(&propose(&evidence).candidates[0]), sample("series"));
}

/// A template with a defect, and one whose edits are no Rust.
struct Defective;

impl Template for Defective {
    fn name(&self) -> &'static str {
        "defective"
    }

    fn weight(&self, _symptom: &Symptom) -> f64 {
        1.0
    }

    fn expand(&self, node: Node<'_>, _symptom: &Symptom) -> Vec<Edit> {
        assert_ne!(node.text(), "day_of_year", "a defect");
        match node.kind() {
            "identifier" => vec![Edit::replace(node, "((")],
            "integer_literal" => vec![Edit { bytes: 5..usize::MAX, ..Edit::replace(node, "1") }],
            _ => Vec::new(),
        }
    }
}

#[test]
fn a_template_that_panics_or_writes_nonsense_harms_nothing() {
    let proposal = rank::propose(&evidence(&BUGS[0], false), &[&Defective], 100);
    assert_eq!(proposal.candidates, []);
    assert!(proposal.note.starts_with("template defective panicked"), "{}", proposal.note);
}
