//! Small edits that repaired many faults before: the embedded debugger's search.
//!
//! Every `Template` looks at one node of suspicious product code and proposes edits of it; what is most likely comes
//! first, by the template's record, the place (`suspicion`), what the failure tells (`symptom`) and the size of the
//! edit (`rank`). Edits are byte splices on the original text. Nothing here resolves types: the compiler judges.
//! Test code is never edited.
//!
//! The catalogue follows TBar (Liu et al., ISSTA 2019) and the single-statement bugs of ManySStuBs4J (Karampatsis and
//! Sutton, MSR 2020); the anti-patterns are those of Tan et al. (FSE 2016).
//!
//! To add a template: a file with a unit struct that implements `Template`, and its two lines here.

mod arithmetic;
mod assignment;
mod boolean;
mod boundary;
mod branch;
mod chain;
mod comparison;
mod condition;
mod constant;
mod edit;
mod guard;
mod literal;
mod negation;
mod off_by_one;
mod operand;
mod overflow;
mod range;
mod rank;
mod statement;
mod swap;
mod symptom;
mod variable;
mod wording;

use crate::debugger::template::edit::Edit;
use crate::debugger::template::symptom::Symptom;
use crate::debugger::{Debugger, Proposing};
use crate::model::{Evidence, Tier};
use crate::syntax::Node;

/// A kind of small edit.
trait Template: Sync {
    /// The name, as notes tell it.
    fn name(&self) -> &'static str;

    /// How often this kind of edit mends a fault that shows itself like this, relative to the others: from 0 (never)
    /// to about 12.
    fn weight(&self, symptom: &Symptom) -> f64;

    /// Whether it may mend a program that does not build.
    fn mends_builds(&self) -> bool {
        false
    }

    /// Proposes edits of one node. It is asked of every node of suspicious code.
    fn expand(&self, node: Node<'_>, symptom: &Symptom) -> Vec<Edit>;
}

/// All templates; of edits that give the same text the earlier template's is kept.
const TEMPLATES: &[&dyn Template] = &[
    &comparison::Comparison,
    &constant::Constant,
    &off_by_one::OffByOne,
    &range::RangeBound,
    &variable::Variable,
    &variable::Field,
    &boundary::Boundary,
    &negation::Negation,
    &boolean::Boolean,
    &arithmetic::Arithmetic,
    &assignment::Assignment,
    &swap::Swap,
    &overflow::Overflow,
    &literal::Literal,
    &wording::Wording,
    &branch::Branch,
    &chain::Chain,
    &operand::Operand,
    &guard::Guard,
    &condition::Condition,
    &statement::Statement,
];

/// The debugger that searches over small edits.
#[derive(Debug, Clone)]
pub struct Templates {
    /// The greatest number of candidates of one proposal.
    pub candidates_max: usize,
}

impl Default for Templates {
    fn default() -> Self {
        Self { candidates_max: 400 }
    }
}

impl Debugger for Templates {
    fn name(&self) -> &'static str {
        "template"
    }

    fn tier(&self) -> Tier {
        Tier::Search
    }

    fn propose<'a>(&'a self, evidence: &'a Evidence) -> Proposing<'a> {
        Box::pin(std::future::ready(Ok(rank::propose(evidence, TEMPLATES, self.candidates_max))))
    }
}

#[cfg(test)]
mod bugs;
#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debugger::template::samples::SAMPLES;
    use crate::syntax::{Language, Source, parse};

    fn plain_symptom() -> Symptom {
        Symptom::of(&symptom::tests::cluster(&[("a", "b")]))
    }

    /// All edits of a template in the product code of a program.
    fn edits(template: &dyn Template, source: &Source, symptom: &Symptom) -> Vec<Edit> {
        let tests = source.test_regions();
        let product = |edit: &Edit| !tests.iter().any(|(region, _)| region.contains(&edit.bytes.start));
        source.root().descendants().flat_map(|node| template.expand(node, symptom)).filter(product).collect()
    }

    /// Uses a template's own edits as faults, and asserts that the template mends every one of them.
    fn check_mends_own_faults(template: &dyn Template, n_faults_min: usize, is_fault: fn(&Edit) -> bool) {
        let symptom = plain_symptom();
        let mut n_faults = 0;
        for (path, text) in SAMPLES {
            let source = parse(Language::Rust, text);
            for fault in edits(template, &source, &symptom).into_iter().filter(is_fault) {
                let broken = parse(Language::Rust, &fault.apply(text).unwrap());
                if broken.n_errors() > 0 {
                    continue;
                }
                n_faults += 1;
                let mut mended =
                    edits(template, &broken, &symptom).into_iter().filter_map(|edit| edit.apply(broken.text()));
                assert!(
                    mended.any(|mended| mended == *text),
                    "{}: {} in {path} is not mended",
                    template.name(),
                    fault.what
                );
            }
        }
        assert!(n_faults >= n_faults_min, "{}: only {n_faults} faults", template.name());
    }

    /// One test a template, so that one failure hides no other.
    macro_rules! mends_own_faults {
        ($($name:ident: $template:expr, at least $n:literal, $is_fault:expr;)*) => {
            $(#[test]
            fn $name() {
                check_mends_own_faults(&$template, $n, $is_fault);
            })*
        };
    }

    mends_own_faults! {
        a_wrong_comparison_is_mended: comparison::Comparison, at least 100, |_| true;
        a_wrong_arithmetic_operator_is_mended: arithmetic::Arithmetic, at least 60, |_| true;
        a_wrong_assignment_is_mended: assignment::Assignment, at least 20, |_| true;
        a_wrong_boolean_operator_is_mended: boolean::Boolean, at least 6, |_| true;
        a_wrong_negation_is_mended: negation::Negation, at least 15, |_| true;
        a_wrong_branch_is_mended: branch::Branch, at least 4, |_| true;
        a_wrong_literal_is_mended: literal::Literal, at least 4, |_| true;
        a_wrong_direction_is_mended: chain::Chain, at least 3, |edit| edit.what == "`.rev()` inserted" && !edit.new_text.starts_with('(');
        statements_in_the_wrong_order_are_mended: statement::Statement, at least 4, |edit| edit.what.contains("swapped");
        a_wrong_range_is_mended: range::RangeBound, at least 5, |edit| edit.likelihood >= 1.0;
        a_wrong_sibling_is_mended: boundary::Boundary, at least 30, |_| true;
        a_wrong_order_is_mended: swap::Swap, at least 20, |edit| !edit.new_text.contains('(');
        a_wrong_variable_is_mended: variable::Variable, at least 100, |edit| edit.likelihood > 0.2;
        a_wrong_field_is_mended: variable::Field, at least 5, |_| true;
        an_expression_off_by_one_is_mended: off_by_one::OffByOne, at least 60, |edit| edit.new_text.ends_with('1');
        a_number_off_by_one_is_mended: constant::Constant, at least 60, is_off_by_one;
    }

    fn is_off_by_one(edit: &Edit) -> bool {
        let numbers: Vec<i64> = edit.what.split('`').filter_map(|part| part.parse().ok()).collect();
        matches!(numbers.as_slice(), [old, new] if (old - new).abs() == 1 && *new >= 0)
    }
}
