//! The compiler's own proposals: what its diagnostics suggest, certain suggestions first.
//!
//! A suggestion is applied by its byte spans on the text the evidence holds. One that does not fit that text any more,
//! lies outside the product's sources or in test code, or leaves a blank to fill in, is left out. Nothing is compiled
//! here, so a fixed error may uncover others; the loop asks again then.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};

use crate::debugger::{Debugger, Proposing};
use crate::model::{
    Candidate, Diagnostic, Evidence, FileChange, Origin, Patch, Proposal, Remedy, Span, Suggestion, Tier,
};
use crate::syntax::{Language, parse};
use crate::text::words;

/// How many combinations of uncertain suggestions are proposed at most.
const COMBINATIONS_MAX: usize = 24;

/// Likelihoods of the kinds of candidates, best first.
const ALL_CERTAIN: f64 = 0.9;
const ONE_CERTAIN: f64 = 0.6;
const COMBINED: f64 = 0.5;
const ONE_UNCERTAIN: f64 = 0.4;

/// The debugger that applies what the compiler suggests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Compiler;

impl Debugger for Compiler {
    fn name(&self) -> &'static str {
        "compiler"
    }

    fn tier(&self) -> Tier {
        Tier::Compiler
    }

    fn propose<'a>(&'a self, evidence: &'a Evidence) -> Proposing<'a> {
        Box::pin(std::future::ready(Ok(propose(evidence))))
    }
}

/// One replacement of text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Splice<'e> {
    path: &'e Utf8Path,
    start: usize,
    end: usize,
    new_text: &'e str,
}

impl Splice<'_> {
    /// Insertions at one place stand side by side; everything else that shares a byte or a border is in conflict.
    fn conflicts(&self, other: &Self) -> bool {
        let is_same_place = self.path == other.path && (self.start, self.end) == (other.start, other.end);
        let is_overlapping = self.path == other.path && self.start < other.end && other.start < self.end;
        self != other && (is_overlapping || is_same_place && self.start < self.end)
    }
}

/// One suggestion that fits the sources.
struct Fix<'e> {
    /// Index of its diagnostic.
    diagnostic: usize,
    message: &'e str,
    is_certain: bool,
    plausibility: f64,
    splices: Vec<Splice<'e>>,
}

fn propose(evidence: &Evidence) -> Proposal {
    let diagnostics = diagnostics(evidence);
    let protected = protected(&evidence.sources);
    let mut n_in_tests = 0_usize;
    let mut fixes: Vec<Fix<'_>> = Vec::new();
    for (n, diagnostic) in diagnostics.iter().enumerate() {
        for suggestion in &diagnostic.suggestions {
            for splices in alternatives(suggestion, &evidence.sources) {
                let is_in_tests = splices.iter().any(|splice| is_protected(splice, &protected));
                n_in_tests += usize::from(is_in_tests);
                if !is_in_tests {
                    let plausibility = plausibility(&suggestion.message, &splices);
                    let message = suggestion.message.as_str();
                    fixes.push(Fix { diagnostic: n, message, is_certain: suggestion.certain, plausibility, splices });
                }
            }
        }
    }
    let note = match n_in_tests {
        0 => String::new(),
        n => format!("left out {} that would change test code", words::count(n, "suggestion")),
    };
    Proposal { candidates: candidates(evidence, &fixes), note, ..Proposal::default() }
}

/// Returns the diagnostics, each once: a library is compiled for several targets.
fn diagnostics(evidence: &Evidence) -> Vec<&Diagnostic> {
    let mut unique: Vec<&Diagnostic> = Vec::new();
    for diagnostic in evidence.cluster.failures.iter().flat_map(|failure| &failure.diagnostics) {
        if !unique.contains(&diagnostic) {
            unique.push(diagnostic);
        }
    }
    unique
}

/// Returns the splices of a suggestion, one list for every way to follow it. Replacements of one and the same place
/// exclude each other, as in "consider importing one of these": each is a way of its own.
fn alternatives<'e>(suggestion: &'e Suggestion, sources: &'e BTreeMap<Utf8PathBuf, String>) -> Vec<Vec<Splice<'e>>> {
    let fitted = suggestion.replacements.iter().map(|(span, new_text)| splice(span, new_text, sources));
    let Some(splices) = fitted.collect::<Option<Vec<Splice<'e>>>>() else { return Vec::new() };
    let place = |splice: &Splice<'e>| (splice.path, splice.start, splice.end);
    let is_one_place = splices.windows(2).all(|pair| place(&pair[0]) == place(&pair[1]));
    if splices.is_empty() || splices.iter().any(|splice| has_blank(splice.new_text)) {
        Vec::new()
    } else if is_one_place {
        splices.into_iter().map(|splice| vec![splice]).collect()
    } else if splices.iter().any(|one| splices.iter().any(|other| one.conflicts(other))) {
        Vec::new()
    } else {
        vec![splices]
    }
}

/// Fits one replacement to the sources: same file, same line, inside the text.
fn splice<'e>(span: &Span, new_text: &'e str, sources: &'e BTreeMap<Utf8PathBuf, String>) -> Option<Splice<'e>> {
    let (path, text) = source_of(&span.file, sources)?;
    text.get(span.byte_start..span.byte_end)?;
    let line = 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..span.byte_start]).count();
    let is_same_line = span.line == 0 || usize::try_from(span.line) == Ok(line);
    is_same_line.then_some(Splice { path, start: span.byte_start, end: span.byte_end, new_text })
}

/// Returns the source a compiler's path means: that very path, else the only one that ends with it or that it ends with.
fn source_of<'e>(file: &Utf8Path, sources: &'e BTreeMap<Utf8PathBuf, String>) -> Option<(&'e Utf8Path, &'e str)> {
    let file: Utf8PathBuf = file.components().filter(|part| part.as_str() != ".").collect();
    let mut like = sources.iter().filter(|(path, _)| path.ends_with(&file) || file.ends_with(path));
    let found = sources.get_key_value(&file).or_else(|| like.next().filter(|_| like.next().is_none()));
    found.map(|(path, text)| (path.as_path(), text.as_str()))
}

/// Some suggestions are forms to fill in: `/* value */`, `todo!()`, `<type>`.
fn has_blank(new_text: &str) -> bool {
    ["/*", "todo!(", "unimplemented!(", "<type>"].iter().any(|blank| new_text.contains(blank))
}

/// Returns the test regions of the sources.
fn protected(sources: &BTreeMap<Utf8PathBuf, String>) -> BTreeMap<&Utf8Path, Vec<Range<usize>>> {
    let regions = |path: &Utf8Path, text: &str| {
        let regions = Language::of(path).map(|language| parse(language, text).test_regions());
        regions.into_iter().flatten().map(|(bytes, _)| bytes).collect()
    };
    sources.iter().map(|(path, text)| (path.as_path(), regions(path, text))).collect()
}

/// An insertion at the border of test code does not change it.
fn is_protected(splice: &Splice<'_>, protected: &BTreeMap<&Utf8Path, Vec<Range<usize>>>) -> bool {
    let regions = protected.get(splice.path).into_iter().flatten();
    let touches = |region: &Range<usize>| region.start < splice.end && splice.start < region.end;
    let is_inside = |region: &Range<usize>| region.start < splice.start && splice.start < region.end;
    regions.into_iter().any(|region| touches(region) || is_inside(region))
}

/// Tells how often an uncertain suggestion of this kind is what was meant.
fn plausibility(message: &str, splices: &[Splice<'_>]) -> f64 {
    let text = splices.first().map_or("", |splice| splice.new_text.trim());
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if let Some(import) = text.strip_prefix("use ").or_else(|| text.strip_prefix("pub use ")) {
        import_plausibility(import)
    } else if says(&["similar name", "did you mean", "there is a method", "there is an associated function"]) {
        0.9
    } else if says(&["borrow", "dereferenc", "clon", "conver", "mutable", "`.await`", "`?`", "parenthes", "into"]) {
        0.7
    } else if says(&["remove", "underscore", "introduc", "lifetime", "static", "unsafe", "panic"]) {
        0.3
    } else {
        0.5
    }
}

/// The project's own things first, then the standard library's, the well-known modules of it before others.
fn import_plausibility(import: &str) -> f64 {
    let known = ["std::collections::", "std::fmt", "std::io", "std::path::", "std::rc::", "std::sync::", "std::time::"];
    if import.starts_with("crate::") || import.starts_with("super::") {
        0.9
    } else if known.iter().any(|path| import.starts_with(path)) {
        0.85
    } else if import.starts_with("std::") {
        0.8
    } else {
        0.6
    }
}

/// Orders all that may be done with the fixes; of equal patches the first is kept.
fn candidates(evidence: &Evidence, fixes: &[Fix<'_>]) -> Vec<Candidate> {
    let certain: Vec<&Fix<'_>> = fixes.iter().filter(|fix| fix.is_certain).collect();
    let mut uncertain: Vec<&Fix<'_>> = fixes.iter().filter(|fix| !fix.is_certain).collect();
    uncertain.sort_by(|a, b| b.plausibility.total_cmp(&a.plausibility));
    let together = compatible(&certain);
    let mut plans: Vec<(Vec<&Fix<'_>>, f64)> = vec![(together.clone(), ALL_CERTAIN)];
    plans.extend(certain.iter().map(|fix| (vec![*fix], ONE_CERTAIN)));
    plans.extend(combinations(&together, &uncertain).into_iter().map(|(plan, share)| (plan, COMBINED * share)));
    plans.extend(uncertain.iter().map(|fix| (vec![*fix], ONE_UNCERTAIN * fix.plausibility)));
    let mut seen = BTreeSet::new();
    let made = plans.into_iter().filter_map(|(plan, likelihood)| candidate(evidence, &plan, likelihood));
    let mut candidates: Vec<Candidate> = made
        .filter(|candidate| match &candidate.remedy {
            Remedy::Patch(patch) => seen.insert(patch.hash()),
            Remedy::Reply(_) => false,
        })
        .collect();
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    candidates
}

/// Returns the fixes that can be made together, each that conflicts with an earlier one left out.
fn compatible<'f, 'e>(fixes: &[&'f Fix<'e>]) -> Vec<&'f Fix<'e>> {
    let mut chosen: Vec<&'f Fix<'e>> = Vec::new();
    for fix in fixes {
        let mut splices = chosen.iter().flat_map(|other| &other.splices);
        if !splices.any(|other| fix.splices.iter().any(|splice| splice.conflicts(other))) {
            chosen.push(fix);
        }
    }
    chosen
}

/// Returns ways to answer all diagnostics at once: what is certain, and for every diagnostic without a certain
/// suggestion one of its uncertain ones. The most plausible come first, each with its share of the likelihood.
fn combinations<'f, 'e>(certain: &[&'f Fix<'e>], uncertain: &[&'f Fix<'e>]) -> Vec<(Vec<&'f Fix<'e>>, f64)> {
    let is_answered = |diagnostic: usize| certain.iter().any(|fix| fix.diagnostic == diagnostic);
    let open: BTreeSet<usize> = uncertain.iter().map(|fix| fix.diagnostic).filter(|n| !is_answered(*n)).collect();
    if open.len() + certain.len() < 2 {
        return Vec::new();
    }
    let mut ways: Vec<(Vec<&'f Fix<'e>>, f64)> = vec![(certain.to_vec(), 1.0)];
    for diagnostic in open {
        let choices: Vec<&'f Fix<'e>> = uncertain.iter().copied().filter(|fix| fix.diagnostic == diagnostic).collect();
        let mut longer: Vec<_> = ways
            .iter()
            .flat_map(|(way, share)| {
                choices.iter().map(move |fix| ([way.as_slice(), &[*fix]].concat(), share * fix.plausibility))
            })
            .collect();
        longer.sort_by(|a, b| b.1.total_cmp(&a.1));
        longer.truncate(COMBINATIONS_MAX);
        ways = longer;
    }
    // Many diagnostics must not make the one way to answer them all look hopeless.
    let best = ways.first().map_or(1.0, |(_, share)| *share);
    ways.into_iter().map(|(way, share)| (compatible(&way), share / best)).collect()
}

fn candidate(evidence: &Evidence, plan: &[&Fix<'_>], likelihood: f64) -> Option<Candidate> {
    let mut by_path: BTreeMap<&Utf8Path, BTreeSet<&Splice<'_>>> = BTreeMap::new();
    for splice in plan.iter().flat_map(|fix| &fix.splices) {
        by_path.entry(splice.path).or_default().insert(splice);
    }
    let mut changes = Vec::new();
    for (path, splices) in by_path {
        let before = evidence.sources.get(path)?;
        let mut after = before.clone();
        for splice in splices.into_iter().rev() {
            after.replace_range(splice.start..splice.end, splice.new_text);
        }
        changes.push(FileChange { path: path.to_owned(), before: Some(before.clone()), after: Some(after) });
    }
    let patch = Patch::new(changes).ok().filter(|patch| !patch.is_empty())?;
    let what = match plan {
        [fix] => told(fix),
        plan => format!("{} together", words::count(plan.len(), "suggestion")),
    };
    let origin = Origin { debugger: "compiler".to_owned(), what };
    Some(Candidate { origin, remedy: Remedy::Patch(patch), score: likelihood.ln() })
}

fn told(fix: &Fix<'_>) -> String {
    let message = fix.message.split_whitespace().collect::<Vec<_>>().join(" ");
    match fix.splices.as_slice() {
        [splice] if !splice.new_text.trim().is_empty() => {
            let new_text = splice.new_text.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{message}: `{new_text}` in {}", splice.path)
        }
        [splice, ..] => format!("{message} in {}", splice.path),
        [] => message,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Blame, Failure, FailureClass, FailureCluster, Signature, TestId};

    const LIB: &str = "//! Counts words.

pub fn count(text: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_insert(0) += 1
    }
    count
}

pub fn n_words(text: String) -> usize {
    text.split(' ').count()
}

pub fn n_in(texts: &[String]) -> usize {
    texts.iter().map(|text| n_words(text)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        assert_eq!(n_words(\"a b\"), 2);
    }
}
";

    /// A suggestion to replace the only place in [`LIB`] where `old` stands after `before` with each of the new texts.
    fn suggestion(message: &str, certain: bool, (before, old): (&str, &str), new_texts: &[&str]) -> Suggestion {
        let byte_start = LIB.find(&format!("{before}{old}")).unwrap() + before.len();
        let line = u32::try_from(LIB[..byte_start].matches('\n').count() + 1).unwrap();
        let span = Span {
            file: "src/lib.rs".into(),
            byte_start,
            byte_end: byte_start + old.len(),
            line,
            column: 1,
            primary: true,
            label: String::new(),
        };
        let replacements = new_texts.iter().map(|new_text| (span.clone(), (*new_text).to_owned())).collect();
        Suggestion { message: message.to_owned(), certain, replacements }
    }

    fn import() -> Suggestion {
        let new_texts = ["use std::collections::HashMap;\n\n", "use crate::map::HashMap;\n\n"];
        suggestion("consider importing one of these structs", false, ("words.\n\n", ""), &new_texts)
    }

    fn similar() -> Suggestion {
        suggestion("a local variable with a similar name exists", false, ("    }\n    ", "count"), &["counts"])
    }

    fn owned() -> Suggestion {
        suggestion("try using a conversion method", true, (".entry(word", ""), &[".to_owned()"])
    }

    fn cloned() -> Suggestion {
        suggestion("consider cloning", true, ("|text| n_words(text", ""), &[".clone()"])
    }

    fn evidence(diagnostics: &[&[Suggestion]]) -> Evidence {
        let diagnostic = |(n, suggestions): (usize, &&[Suggestion])| Diagnostic {
            code: String::new(),
            message: format!("error {n}"),
            spans: Vec::new(),
            suggestions: suggestions.to_vec(),
            rendered: String::new(),
        };
        let mut failure = Failure::bare(TestId::build("demo"));
        failure.diagnostics = diagnostics.iter().enumerate().map(diagnostic).collect();
        let cluster = FailureCluster {
            signature: Signature(String::new()),
            class: FailureClass::CompileError,
            blame: Blame::Change,
            failures: vec![failure.clone(), failure],
            locations: Vec::new(),
        };
        let sources = BTreeMap::from([("src/lib.rs".into(), LIB.to_owned()), ("src/map.rs".into(), String::new())]);
        Evidence { cluster, sources, changes: Vec::new(), excerpts: Vec::new(), attempts: Vec::new() }
    }

    /// Returns the texts the candidates leave behind.
    fn texts(diagnostics: &[&[Suggestion]]) -> Vec<String> {
        let candidates = propose(&evidence(diagnostics)).candidates;
        assert!(candidates.is_sorted_by(|a, b| a.score >= b.score) && candidates.iter().all(|c| c.score <= 0.0));
        let after = |candidate: Candidate| match candidate.remedy {
            Remedy::Patch(patch) => patch.changes()[0].after.clone().unwrap(),
            Remedy::Reply(_) => panic!("the compiler proposes patches"),
        };
        candidates.into_iter().map(after).collect()
    }

    #[test]
    fn all_certain_suggestions_come_first_together_then_each_alone() {
        let texts = texts(&[&[owned()], &[cloned()]]);
        let has = |text: &str| (text.contains("entry(word.to_owned())"), text.contains("n_words(text.clone())"));
        assert_eq!(
            texts.iter().map(|text| has(text)).collect::<Vec<_>>(),
            [(true, true), (true, false), (false, true)]
        );
    }

    #[test]
    fn alternatives_of_one_suggestion_exclude_each_other_and_the_projects_own_comes_first() {
        let texts = texts(&[&[import()]]);
        assert_eq!(texts.len(), 2);
        assert!(texts[0].starts_with("//! Counts words.\n\nuse crate::map::HashMap;\n\npub fn count"), "{}", texts[0]);
        assert!(texts[1].contains("use std::collections::HashMap;"));
    }

    #[test]
    fn uncertain_suggestions_are_combined_with_the_certain_ones_one_a_diagnostic() {
        let texts = texts(&[&[owned()], &[import()], &[similar()]]);
        assert!(
            texts[1].contains("use crate::map")
                && texts[1].contains("    counts\n}")
                && texts[1].contains("word.to_owned()")
        );
        assert!(
            texts[2].contains("use std::")
                && texts[2].contains("    counts\n}")
                && texts[2].contains("word.to_owned()")
        );
        assert_eq!(texts.len(), 6, "certain, two combinations, three alone");
    }

    #[test]
    fn one_import_that_two_errors_ask_for_is_inserted_once() {
        let texts = texts(&[&[import()], &[import()]]);
        assert!(texts.iter().all(|text| text.matches("HashMap;").count() <= 2));
        assert!(texts.iter().any(|text| text.matches("use crate::map::HashMap;").count() == 1));
    }

    #[test]
    fn suggestions_in_test_code_are_left_out_and_told_of() {
        let in_test = suggestion("try using a conversion method", true, ("n_words(\"a b\"", ""), &[".to_string()"]);
        let proposal = propose(&evidence(&[&[in_test]]));
        assert!(proposal.candidates.is_empty());
        assert_eq!(proposal.note, "left out 1 suggestion that would change test code");
    }

    #[test]
    fn a_suggestion_that_does_not_fit_the_text_is_left_out() {
        let mut wrong_line = owned();
        wrong_line.replacements[0].0.line += 1;
        let mut outside = owned();
        outside.replacements[0].0.byte_end = LIB.len() + 1;
        let mut unknown = owned();
        unknown.replacements[0].0.file = "src/other.rs".into();
        let blank = suggestion("provide the argument", false, (".entry(word", ""), &[", /* usize */"]);
        assert_eq!(texts(&[&[wrong_line, outside, unknown, blank]]), [""; 0]);
    }

    #[test]
    fn paths_are_matched_by_their_ends() {
        let sources = evidence(&[]).sources;
        let found = |file: &str| source_of(file.into(), &sources).map(|(path, _)| path.as_str());
        assert_eq!(found("./src/lib.rs"), Some("src/lib.rs"));
        assert_eq!(found("/home/me/demo/src/lib.rs"), Some("src/lib.rs"));
        assert_eq!(found("lib.rs"), Some("src/lib.rs"));
        assert_eq!(found("src/li.rs"), None);
    }

    #[test]
    fn certain_suggestions_in_conflict_are_not_made_together() {
        let cast = suggestion("convert", true, (".entry(", "word"), &["word.into()"]);
        let boxed = suggestion("box it", true, (".entry(", "word"), &["Box::new(word)"]);
        assert_eq!(texts(&[&[cast], &[boxed]]).len(), 2);
    }

    proptest! {
        #[test]
        fn any_spans_are_survived(spans in prop::collection::vec((0..LIB.len() + 9, 0..LIB.len() + 9, "\\PC{0,3}"), 0..6)) {
            let mut all = owned();
            all.replacements = spans.into_iter().map(|(byte_start, byte_end, new_text)| {
                (Span { byte_start, byte_end, line: 0, ..owned().replacements[0].0.clone() }, new_text)
            }).collect();
            let each = all.replacements.iter().map(|replacement| Suggestion { replacements: vec![replacement.clone()], ..owned() });
            let each: Vec<Suggestion> = each.collect();
            propose(&evidence(&[&[all], &each]));
        }
    }
}
