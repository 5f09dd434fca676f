//! From all edits of all templates to the most promising candidates.
//!
//! An edit's score is the natural logarithm of how likely it is taken to mend the fault: the template's weight for this
//! symptom × the edit's own likelihood × the place's likelihood, less a price for every further token it changes, and a
//! small one for every better edit of the same template on the same line, so that one line cannot starve the others.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use xxhash_rust::xxh3::xxh3_128;

use crate::debugger::suspicion::{Breadth, Place, Suspect, places, suspects};
use crate::debugger::template::Template;
use crate::debugger::template::edit::Edit;
use crate::debugger::template::symptom::Symptom;
use crate::debugger::tokens;
use crate::model::{Candidate, Evidence, FailureClass, Origin, Patch, Proposal, Remedy};
use crate::syntax::{Language, parse};
use crate::text::words;

/// The product of weight and likelihood that stands for certainty.
const CERTAIN: f64 = 40.0;

/// How much likelier an edit is that brings back a token which a recent step took away.
const RESTORED: f64 = 2.5;

/// The price of each token beyond the first that an edit changes, and the greatest number of tokens that is counted.
const TOKEN_PRICE: f64 = 0.35;
const TOKENS_MAX: usize = 8;

/// The price of each better edit of the same template on the same line.
const CROWD_PRICE: f64 = 0.05;

/// Fewer edits than this are too few to stop at what is suspicious.
const EDITS_FEW: usize = 200;

/// More edits than this are not even rated: the code under suspicion is too much for a search.
const EDITS_MAX: usize = 40_000;

/// A patch holds whole texts; all candidates together hold no more bytes than about this.
const BYTES_MAX: usize = 128 << 20;

/// One edit with all that its order depends on.
struct Rated {
    suspect: usize,
    template: usize,
    edit: Edit,
    line: u32,
    /// The item the edit is inside, in bytes.
    item: Range<usize>,
    score: f64,
}

/// Proposes the most promising candidates.
pub(super) fn propose(evidence: &Evidence, templates: &[&dyn Template], candidates_max: usize) -> Proposal {
    let symptom = Symptom::of(&evidence.cluster);
    if matches!(
        symptom.class,
        FailureClass::SyntaxError | FailureClass::MissingDependency | FailureClass::Infrastructure
    ) {
        return Proposal { note: format!("small edits do not mend a {}", symptom.class), ..Proposal::default() };
    }
    let suspects = suspects(evidence);
    let mut search = Search::new(templates, symptom);
    let mut rated = search.rated(&suspects);
    price_crowds(&mut rated);
    let candidates = pick(&suspects, rated, candidates_max);
    let panicked = search.panicked.iter();
    let panicked = panicked.map(|(name, n)| format!("template {name} panicked {}", words::count(*n, "time")));
    let note = if suspects.is_empty() {
        "no product source under suspicion is in a language that can be read".to_owned()
    } else {
        panicked.collect::<Vec<_>>().join("; ")
    };
    Proposal { candidates, note, ..Proposal::default() }
}

/// The templates that apply to a symptom, each with its weight, and what went wrong with them.
struct Search<'t> {
    templates: Vec<(usize, &'t dyn Template, f64)>,
    symptom: Symptom,
    panicked: BTreeMap<&'static str, usize>,
}

impl<'t> Search<'t> {
    fn new(templates: &[&'t dyn Template], symptom: Symptom) -> Self {
        let applies = |template: &dyn Template| !symptom.is_build() || template.mends_builds();
        let weighed = templates.iter().enumerate().filter(|(_, template)| applies(**template));
        let weighed = weighed.map(|(t, template)| (t, *template, template.weight(&symptom)));
        let templates = weighed.filter(|(_, _, weight)| *weight > 0.0).collect();
        Self { templates, symptom, panicked: BTreeMap::new() }
    }

    /// Rates all edits of suspicious code; where that is little, also those of the other code under suspicion.
    fn rated(&mut self, suspects: &[Suspect]) -> Vec<Rated> {
        let mut rated = self.rated_at(suspects, places(suspects, Breadth::Suspicious));
        if rated.len() < EDITS_FEW {
            rated.extend(self.rated_at(suspects, places(suspects, Breadth::Rest)));
        }
        rated
    }

    /// Asks every template of every node. A template that panics counts as having nothing to say there.
    fn rated_at(&mut self, suspects: &[Suspect], places: Vec<Place<'_>>) -> Vec<Rated> {
        let mut rated = Vec::new();
        for Place { suspect, node, item, likelihood } in places {
            for (t, template, weight) in &self.templates {
                let edits = catch_unwind(AssertUnwindSafe(|| template.expand(node, &self.symptom)));
                let edits = edits.unwrap_or_else(|_| {
                    *self.panicked.entry(template.name()).or_default() += 1;
                    Vec::new()
                });
                rated.extend(edits.into_iter().map(|edit| {
                    let old = node.source().text().get(edit.bytes.clone()).unwrap_or_default();
                    let is_back = suspects[suspect].restores(node.line(), old, &edit.new_text);
                    let boost = if is_back { RESTORED } else { 1.0 };
                    let chance = (weight * edit.likelihood * boost / CERTAIN).min(1.0) * likelihood;
                    let score = chance.ln() - minimality(old, &edit);
                    Rated { suspect, template: *t, line: node.line(), edit, item: item.clone(), score }
                }));
            }
            if rated.len() > EDITS_MAX {
                break;
            }
        }
        rated
    }
}

fn minimality(old: &str, edit: &Edit) -> f64 {
    let n_tokens = edit.n_tokens.unwrap_or_else(|| n_changed_tokens(old, &edit.new_text)).clamp(1, TOKENS_MAX);
    TOKEN_PRICE * (n_tokens - 1) as f64
}

/// Returns the number of tokens that one text has and the other has not, of the one that has more. Order does not
/// count: two things exchanged are one thing to understand.
fn n_changed_tokens(old: &str, new: &str) -> usize {
    let (removed, added) = tokens::difference(old, new);
    removed.len().max(added.len())
}

/// Lowers the score of an edit by the number of better ones of its template on its line.
fn price_crowds(rated: &mut [Rated]) {
    rated.sort_by(order);
    let mut crowds: BTreeMap<(usize, u32, usize), usize> = BTreeMap::new();
    for edit in rated.iter_mut() {
        let n_better = crowds.entry((edit.suspect, edit.line, edit.template)).or_default();
        edit.score -= CROWD_PRICE * *n_better as f64;
        *n_better += 1;
    }
    rated.sort_by(order);
}

/// The best first; equal scores in the order of the text.
fn order(a: &Rated, b: &Rated) -> std::cmp::Ordering {
    b.score.total_cmp(&a.score).then_with(|| {
        let key = |rated: &Rated| (rated.suspect, rated.edit.bytes.start, rated.edit.bytes.end, rated.template);
        key(a).cmp(&key(b)).then_with(|| a.edit.new_text.cmp(&b.edit.new_text))
    })
}

/// Turns the best edits into candidates: product code only, no new syntax errors, no text twice.
fn pick(suspects: &[Suspect], rated: Vec<Rated>, candidates_max: usize) -> Vec<Candidate> {
    let mut seen = HashSet::new();
    let mut syntax = Syntax::default();
    let mut n_bytes = 0;
    let mut candidates = Vec::new();
    for Rated { suspect: n, edit, line, item, score, .. } in rated {
        if candidates.len() >= candidates_max || n_bytes > BYTES_MAX {
            break;
        }
        let suspect = &suspects[n];
        let text = suspect.source.text();
        let Some(after) = edit.apply(text).filter(|after| after != text) else { continue };
        let is_new = seen.insert((suspect.path.as_str(), xxh3_128(after.as_bytes())));
        if !is_new || !suspect.is_product(&edit.bytes) || syntax.is_broken_by(n, text, &edit, &item) {
            continue;
        }
        n_bytes += text.len() + after.len();
        let what = format!("{} at {}:{line}", edit.what, suspect.path);
        candidates.push(Candidate {
            origin: Origin { debugger: "template".to_owned(), what },
            remedy: Remedy::Patch(Patch::edit(suspect.path.clone(), text, after)),
            score: score.min(0.0),
        });
    }
    candidates
}

/// Counts syntax errors of items; an item's own are counted once.
#[derive(Default)]
struct Syntax {
    of_items: BTreeMap<(usize, usize), usize>,
}

impl Syntax {
    /// Tells whether an edit adds syntax errors to the item it is in, or is not inside it.
    fn is_broken_by(&mut self, suspect: usize, text: &str, edit: &Edit, item: &Range<usize>) -> bool {
        let is_inside = item.start <= edit.bytes.start && edit.bytes.end <= item.end;
        let Some(before) = text.get(item.clone()).filter(|_| is_inside) else { return true };
        let inside = Edit { bytes: edit.bytes.start - item.start..edit.bytes.end - item.start, ..edit.clone() };
        let Some(after) = inside.apply(before) else { return true };
        let n_errors = |text: &str| parse(Language::Rust, text).n_errors();
        let n_before = *self.of_items.entry((suspect, item.start)).or_insert_with(|| n_errors(before));
        n_errors(&after) > n_before
    }
}
