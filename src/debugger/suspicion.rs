//! Where the fault may be: how suspicious each place of the product's sources is, from what the evidence tells.
//!
//! Three witnesses are heard: the suspicious locations of the cluster, the calls of the failing tests, and the recent
//! change. A witness that says nothing at all loses its weight to the others. Test code is never suspicious.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};

use crate::debugger::recent::{self, Changed};
use crate::model::{Evidence, Location};
use crate::syntax::{Function, Language, Node, Source, parse};

/// Weights of the witnesses: location, calls, change. A fault is most likely in what was just changed.
const WEIGHTS: [f64; 3] = [0.30, 0.25, 0.45];

/// The least likelihood of any place that is looked at.
const FLOOR: f64 = 0.02;

/// How far calls are followed from a test.
const CALL_DEPTH_MAX: usize = 4;

/// A called name that this many functions answer to tells nothing.
const AMBIGUOUS: usize = 8;

/// How suspicious a constant is that a suspicious place names.
const NAMED_CONSTANT: f64 = 0.8;

/// Of a longer range of lines only the first so many are looked at.
const LINES_MAX: usize = 200;

/// One product file under suspicion.
pub(super) struct Suspect {
    pub(super) path: Utf8PathBuf,
    pub(super) source: Source,
    /// The product functions, with how the failing tests reach each: 1 for a direct call, less with every step, 0 not.
    pub(super) functions: Vec<(Function, f64)>,
    /// Bytes that must not be touched.
    pub(super) protected: Vec<Range<usize>>,
    located: Vec<(u32, f64)>,
    changed: Vec<Changed>,
    /// Which witnesses say anything about any file.
    heard: [bool; 3],
}

/// Returns the product files of the evidence that can be read, by path.
pub(super) fn suspects(evidence: &Evidence) -> Vec<Suspect> {
    let sources = evidence.sources.iter();
    let parsed: BTreeMap<&Utf8Path, Source> =
        sources.filter_map(|(path, text)| Some((path.as_path(), parse(Language::of(path)?, text)))).collect();
    let functions: BTreeMap<&Utf8Path, Vec<Function>> =
        parsed.iter().map(|(path, source)| (*path, source.functions())).collect();
    let reached = reached(evidence, &functions);
    let test_files = test_modules(&parsed);
    let mut suspects = Vec::new();
    for (path, source) in parsed {
        if is_test_path(path) || test_files.contains(path) {
            continue;
        }
        let own = functions.get(path).into_iter().flatten().enumerate();
        let product = own.filter(|(_, function)| !function.is_test);
        let functions =
            product.map(|(n, function)| (function.clone(), reached.get(&(path, n)).copied().unwrap_or(0.0)));
        let protected: Vec<Range<usize>> = source.test_regions().into_iter().map(|(bytes, _)| bytes).collect();
        let test_lines: Vec<Range<u32>> = protected.iter().map(|bytes| source.lines_of(bytes)).collect();
        let is_product =
            |lines: &Range<u32>| !test_lines.iter().any(|test| test.start <= lines.start && lines.end <= test.end);
        let mut changed = recent::changed(path, source.text(), &evidence.changes);
        changed.retain(|changed| is_product(&changed.lines));
        let mut located = located(evidence, path);
        located.retain(|(line, _)| is_product(&(*line..line + 1)));
        suspects.push(Suspect {
            functions: functions.collect(),
            protected,
            located,
            changed,
            heard: [true; 3],
            path: path.to_owned(),
            source,
        });
    }
    let heard = [
        suspects.iter().any(|suspect| !suspect.located.is_empty()),
        suspects.iter().any(|suspect| suspect.functions.iter().any(|(_, reach)| *reach > 0.0)),
        suspects.iter().any(|suspect| !suspect.changed.is_empty()),
    ];
    for suspect in &mut suspects {
        suspect.heard = heard;
    }
    suspects
}

impl Suspect {
    /// Tells how likely the fault is at this place, between [`FLOOR`] and 1.
    pub(super) fn likelihood(&self, line: u32) -> f64 {
        let function = self.function_at(line);
        let lines = function.map_or(line..line + 1, |(function, _)| function.lines.clone());
        let says =
            [self.by_location(line, &lines), function.map_or(0.0, |(_, reach)| *reach), self.by_change(line, &lines)];
        let heard = || self.heard.iter().zip(WEIGHTS).map(|(heard, weight)| if *heard { weight } else { 0.0 });
        let total: f64 = heard().sum();
        if total == 0.0 {
            return 0.3;
        }
        let weighted: f64 = heard().zip(says).map(|(weight, says)| weight * says).sum();
        (weighted / total).clamp(FLOOR, 1.0)
    }

    /// Tells how near these lines are to the failure by locations and calls alone, between 0 and 1.
    pub(super) fn closeness(&self, lines: &Range<u32>) -> f64 {
        let at = |line: u32| {
            let function = self.function_at(line);
            let around = function.map_or(line..line + 1, |(function, _)| function.lines.clone());
            self.by_location(line, &around).max(function.map_or(0.0, |(_, reach)| *reach))
        };
        let is_heard = self.heard[0] || self.heard[1];
        if is_heard { lines.clone().take(LINES_MAX).map(at).fold(0.0, f64::max) } else { 0.5 }
    }

    /// Tells whether any witness points into these lines.
    pub(super) fn is_suspicious(&self, lines: &Range<u32>, reach: f64) -> bool {
        let near = lines.start.saturating_sub(3)..lines.end.saturating_add(3);
        !self.heard.contains(&true)
            || reach > 0.0
            || self.located.iter().any(|(line, _)| near.contains(line))
            || self.changed.iter().any(|changed| changed.touches(lines))
    }

    fn function_at(&self, line: u32) -> Option<&(Function, f64)> {
        let around = self.functions.iter().filter(|(function, _)| function.lines.contains(&line));
        around.min_by_key(|(function, _)| function.bytes.len())
    }

    fn by_location(&self, line: u32, function: &Range<u32>) -> f64 {
        let of = |(at, score): &(u32, f64)| match at.abs_diff(line) {
            0 => *score,
            1 | 2 => 0.8 * score,
            _ if function.contains(at) => 0.6 * score,
            _ => 0.1 * score,
        };
        self.located.iter().map(of).fold(0.0, f64::max)
    }

    fn by_change(&self, line: u32, function: &Range<u32>) -> f64 {
        let of = |changed: &Changed| {
            let is_there = changed.lines.contains(&line);
            let nearness = match (is_there, changed.touches(function)) {
                (true, _) => 1.0,
                (false, true) => 0.35,
                (false, false) => 0.1,
            };
            nearness * changed.recency
        };
        self.changed.iter().map(of).fold(0.0, f64::max)
    }

    /// Tells whether an edit on this line brings back what a recent step took away, or takes away what it brought.
    pub(super) fn restores(&self, line: u32, old: &str, new: &str) -> bool {
        self.changed.iter().any(|changed| changed.lines.contains(&line) && changed.is_undone_by(old, new))
    }

    /// Returns the items of some kinds that are not wholly test code.
    fn product_items(&self, kinds: &[&str]) -> impl Iterator<Item = Node<'_>> {
        let is_test = |bytes: Range<usize>| {
            self.protected.iter().any(|region| region.start <= bytes.start && bytes.end <= region.end)
        };
        let items = kinds.iter().flat_map(|kind| self.source.items(kind));
        items.filter(move |node| !is_test(node.bytes()))
    }

    /// Returns the nodes of an item; `index` is the suspect's own, `likelihood` the least there.
    fn places_in<'s>(&'s self, index: usize, item: Node<'s>, likelihood: f64) -> Vec<Place<'s>> {
        let mut of_lines: BTreeMap<u32, f64> = BTreeMap::new();
        let place = |node: Node<'s>| {
            let by_line = *of_lines.entry(node.line()).or_insert_with(|| self.likelihood(node.line()));
            Place { suspect: index, node, item: item.bytes(), likelihood: by_line.max(likelihood) }
        };
        own_nodes(item).map(place).collect()
    }

    /// Tells whether these bytes may be edited.
    pub(super) fn is_product(&self, bytes: &Range<usize>) -> bool {
        !self.protected.iter().any(|region| region.start < bytes.end && bytes.start < region.end)
    }
}

/// One node of suspicious code.
pub(super) struct Place<'s> {
    /// Index of its file among the suspects.
    pub(super) suspect: usize,
    /// The node.
    pub(super) node: Node<'s>,
    /// The item it is in, in bytes.
    pub(super) item: Range<usize>,
    /// How likely the fault is there.
    pub(super) likelihood: f64,
}

/// How much of the suspects is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breadth {
    /// What a witness points at, and the constants named there.
    Suspicious,
    /// All the other product code of the files under suspicion.
    Rest,
}

/// Returns the nodes of functions, and of constants.
pub(super) fn places(suspects: &[Suspect], breadth: Breadth) -> Vec<Place<'_>> {
    let mut places: Vec<Place<'_>> = Vec::new();
    let mut named: BTreeMap<&str, f64> = BTreeMap::new();
    for (n, suspect) in suspects.iter().enumerate() {
        for item in suspect.product_items(&["function_item"]) {
            let function = suspect.functions.iter().find(|(function, _)| function.bytes.end == item.bytes().end);
            let lines = suspect.source.lines_of(&item.bytes());
            let is_suspicious = suspect.is_suspicious(&lines, function.map_or(0.0, |(_, reach)| *reach));
            let nodes = suspect.places_in(n, item, 0.0);
            if is_suspicious {
                for place in nodes.iter().filter(|place| place.node.kind() == "identifier") {
                    let likelihood = named.entry(place.node.text()).or_default();
                    *likelihood = likelihood.max(place.likelihood * NAMED_CONSTANT);
                }
            }
            if is_suspicious == (breadth == Breadth::Suspicious) {
                places.extend(nodes);
            }
        }
    }
    for (n, suspect) in suspects.iter().enumerate() {
        for item in suspect.product_items(&["const_item", "static_item"]) {
            let by_name = item.child("name").and_then(|name| named.get(name.text())).copied();
            let is_suspicious =
                by_name.is_some() || suspect.is_suspicious(&suspect.source.lines_of(&item.bytes()), 0.0);
            if is_suspicious == (breadth == Breadth::Suspicious) {
                places.extend(suspect.places_in(n, item, by_name.unwrap_or_default()));
            }
        }
    }
    places
}

fn is_item(node: Node<'_>) -> bool {
    matches!(node.kind(), "function_item" | "const_item" | "static_item")
}

/// Returns the nodes of an item's body or value, without those of items inside it.
fn own_nodes(item: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    let inside = item.child("body").or_else(|| item.child("value")).into_iter().flat_map(Node::descendants);
    let is_own = move |node: &Node<'_>| node.ancestors().find(|up| is_item(*up)) == Some(item);
    inside.filter(move |node| !is_item(*node) && is_own(node))
}

/// Tells whether a path is one of Cargo's or the community's places for tests.
pub(super) fn is_test_path(path: &Utf8Path) -> bool {
    let in_folder = path.parent().into_iter().flat_map(Utf8Path::components);
    let by_folder =
        in_folder.map(|part| part.as_str()).any(|part| matches!(part, "tests" | "test" | "benches" | "testing"));
    let stem = path.file_stem().unwrap_or_default();
    let by_name = matches!(stem, "tests" | "test")
        || stem.ends_with("_test")
        || stem.ends_with("_tests")
        || stem.starts_with("test_");
    by_folder || by_name
}

/// Returns the files of the modules that are declared in test code: `#[cfg(test)] mod checks;`.
fn test_modules(parsed: &BTreeMap<&Utf8Path, Source>) -> BTreeSet<Utf8PathBuf> {
    let mut files = BTreeSet::new();
    for (path, source) in parsed {
        let regions = source.test_regions();
        for module in source.items("mod_item").filter(|module| module.child("body").is_none()) {
            let bytes = module.bytes();
            if regions.iter().any(|(region, _)| region.start <= bytes.start && bytes.end <= region.end) {
                let name = module.child("name").map(Node::text).unwrap_or_default();
                files.extend(module_files(path, name));
            }
        }
    }
    files
}

/// Returns where the file of module `name`, declared in `path`, may be.
fn module_files(path: &Utf8Path, name: &str) -> [Utf8PathBuf; 2] {
    let folder = path.parent().unwrap_or(Utf8Path::new(""));
    let folder = match path.file_stem() {
        Some("mod" | "lib" | "main") | None => folder.to_owned(),
        Some(stem) => folder.join(stem),
    };
    [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")]
}

/// Returns the cluster's locations in one file.
fn located(evidence: &Evidence, path: &Utf8Path) -> Vec<(u32, f64)> {
    let here = evidence
        .locations()
        .iter()
        .filter(|(location, _)| location.file.ends_with(path) || path.ends_with(&location.file));
    here.map(|(location, score)| (location.line, score.clamp(0.0, 1.0))).collect()
}

/// A function of the sources: its file, and its place among the functions of that file.
type FunctionKey<'p> = (&'p Utf8Path, usize);

/// Follows the calls of the failing tests through all sources; yields how well each function is reached.
fn reached<'p>(
    evidence: &Evidence,
    functions: &BTreeMap<&'p Utf8Path, Vec<Function>>,
) -> BTreeMap<FunctionKey<'p>, f64> {
    let all: Vec<(FunctionKey<'p>, &Function)> = functions
        .iter()
        .flat_map(|(path, functions)| functions.iter().enumerate().map(|(n, function)| ((*path, n), function)))
        .collect();
    let mut reached = BTreeMap::new();
    let mut wave = starts(evidence, &all, &mut reached);
    for _ in 0..CALL_DEPTH_MAX {
        let mut next = Vec::new();
        for (caller, reach) in wave {
            for call in &caller.calls {
                let call = call.strip_prefix("Self::").unwrap_or(call);
                let called: Vec<_> = all.iter().filter(|(_, function)| function.answers_to(call)).collect();
                if called.len() > AMBIGUOUS {
                    continue;
                }
                for (key, function) in &called {
                    let reach = reach / (called.len() as f64).sqrt();
                    if reached.get(key).is_none_or(|known| *known < reach) {
                        reached.insert(*key, reach);
                        // A test's own setup is no step away from the test.
                        next.push((*function, if function.is_test { reach } else { reach * 0.7 }));
                    }
                }
            }
        }
        wave = next;
    }
    reached
}

/// Returns the functions of the failing tests, and of what failing doc-tests stand on; the latter are reached at once.
fn starts<'f, 'p>(
    evidence: &Evidence,
    all: &[(FunctionKey<'p>, &'f Function)],
    reached: &mut BTreeMap<FunctionKey<'p>, f64>,
) -> Vec<(&'f Function, f64)> {
    let mut starts: Vec<(&Function, f64)> = Vec::new();
    for failure in &evidence.cluster.failures {
        let name = failure.id.name.as_str();
        let places = failure.location.iter().chain(failure.frames.iter().map(|frame| &frame.location));
        let places: Vec<&Location> = places.collect();
        for (key, function) in all {
            let is_there = |place: &&Location| place.file.ends_with(key.0) && function.lines.contains(&place.line);
            if function.is_test && (is_test_named(function, name) || places.iter().any(is_there)) {
                starts.push((function, 1.0));
            } else if documented(name).is_some_and(|item| function.answers_to(item)) {
                reached.insert(*key, 1.0);
                starts.push((function, 0.7));
            }
        }
    }
    starts
}

/// Tells whether a test function has this name, or makes cases of this name: `adds::case_1` is made by `adds`.
fn is_test_named(function: &Function, name: &str) -> bool {
    function.answers_to(name) || name.rsplit_once("::").is_some_and(|(made_by, _)| function.answers_to(made_by))
}

/// Returns the item a doc-test stands on: `Cart::total` of `src/cart.rs - cart::Cart::total (line 12)`.
fn documented(name: &str) -> Option<&str> {
    name.split_once(" - ")?.1.split(" (line").next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Blame, Failure, FailureClass, FailureCluster, FileChange, RecentChange, Signature, TestId};

    const CART: &str = "use crate::price::price;

pub struct Cart {
    lines: Vec<(String, u32)>,
}

impl Cart {
    pub fn total(&self) -> u64 {
        self.lines.iter().map(|(name, n)| line(name, *n)).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

fn line(name: &str, n: u32) -> u64 {
    u64::from(n) * price(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds() {
        assert_eq!(two().total(), 2);
    }

    fn two() -> Cart {
        Cart { lines: vec![(String::new(), 2)] }
    }
}
";
    const PRICE: &str = "const CENTS: u64 = 100;

pub fn price(name: &str) -> u64 {
    name.len() as u64 * CENTS
}

pub fn unused() -> u64 {
    7
}

#[cfg(test)]
mod checks;
";

    fn evidence(test: &str, changes: Vec<RecentChange>, locations: &[(&str, u32)]) -> Evidence {
        let cluster = FailureCluster {
            signature: Signature(String::new()),
            class: FailureClass::AssertionMismatch,
            blame: Blame::Change,
            failures: vec![Failure::bare(TestId::new("shop", test))],
            locations: locations
                .iter()
                .map(|(file, line)| (Location { file: (*file).into(), line: *line, column: None }, 1.0))
                .collect(),
        };
        let files = [
            ("src/cart.rs", CART),
            ("src/price.rs", PRICE),
            ("src/price/checks.rs", "fn t() {}"),
            ("tests/it.rs", "fn u() {}"),
        ];
        let sources = files.iter().map(|(path, text)| ((*path).into(), (*text).to_owned())).collect();
        Evidence { cluster, sources, changes, excerpts: Vec::new(), attempts: Vec::new() }
    }

    fn reach(evidence: &Evidence, name: &str) -> f64 {
        let suspects = suspects(evidence);
        let mut functions = suspects.iter().flat_map(|suspect| &suspect.functions);
        functions.find(|(function, _)| function.name == name).map(|(_, reach)| *reach).unwrap()
    }

    #[test]
    fn calls_are_followed_through_files_and_count_less_with_every_step() {
        let evidence = evidence("cart::tests::adds", Vec::new(), &[]);
        let [total, line, price, other] = ["Cart::total", "line", "price", "unused"].map(|name| reach(&evidence, name));
        assert!(total > line && line > price && price > 0.0 && other == 0.0, "{total} {line} {price} {other}");
    }

    #[test]
    fn a_doc_test_reaches_what_it_stands_on() {
        let evidence = evidence("src/cart.rs - cart::Cart::is_empty (line 12)", Vec::new(), &[]);
        assert!((reach(&evidence, "Cart::is_empty"), reach(&evidence, "Cart::total")) == (1.0, 0.0));
    }

    #[test]
    fn test_files_and_modules_declared_in_test_code_are_no_suspects() {
        let suspects = suspects(&evidence("x", Vec::new(), &[]));
        assert_eq!(
            suspects.iter().map(|suspect| suspect.path.as_str()).collect::<Vec<_>>(),
            ["src/cart.rs", "src/price.rs"]
        );
        for path in ["tests/a.rs", "crates/a/tests/b/c.rs", "src/a_test.rs", "src/tests.rs", "benches/a.rs"] {
            assert!(is_test_path(path.into()), "{path}");
        }
        for path in ["src/testimony.rs", "src/contest.rs", "src/latest/a.rs"] {
            assert!(!is_test_path(path.into()), "{path}");
        }
    }

    #[test]
    fn what_was_just_changed_and_reached_is_most_likely_then_what_is_reached() {
        let before = CART.replace("u64::from(n) * price(name)", "price(name)");
        let file = FileChange { path: "src/cart.rs".into(), before: Some(before), after: Some(CART.to_owned()) };
        let changes = vec![RecentChange { title: String::new(), files: vec![file] }];
        let suspects = suspects(&evidence("cart::tests::adds", changes, &[]));
        let [newest, reached, neither] = [18, 9, 13].map(|line| suspects[0].likelihood(line));
        assert!(newest > reached && reached > neither && neither >= FLOOR, "{newest} {reached} {neither}");
    }

    #[test]
    fn a_location_in_test_code_tells_nothing_of_the_product() {
        let at = |line| suspects(&evidence("x", Vec::new(), &[("src/cart.rs", line)]))[0].likelihood(9);
        assert!(at(9) > 0.9);
        assert!((at(27) - 0.3).abs() < f64::EPSILON, "as if nothing were known");
    }

    #[test]
    fn constants_are_as_suspicious_as_the_code_that_names_them() {
        let suspects = suspects(&evidence("cart::tests::adds", Vec::new(), &[]));
        let in_constant = |breadth| places(&suspects, breadth).iter().any(|place| place.node.text() == "100");
        let in_unused = |breadth| places(&suspects, breadth).iter().any(|place| place.node.text() == "7");
        assert_eq!((in_constant(Breadth::Suspicious), in_unused(Breadth::Suspicious)), (true, false));
        assert_eq!((in_constant(Breadth::Rest), in_unused(Breadth::Rest)), (false, true));
    }
}
