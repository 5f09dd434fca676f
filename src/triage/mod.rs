//! Failures → clusters: signature, class, suspicious places, priority. Pure: it runs nothing and reads no file.
//!
//! Reported paths are first mapped onto the project's files, so that a report of another machine reads like one of
//! this one; then failures with one [`signature()`] are put together, and build failures that share an error. The blame
//! is left open, except where the message itself shows that the machine is at fault.

mod classify;
mod paths;
mod rank;
mod signature;
mod symptom;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;

use camino::Utf8PathBuf;

use crate::model::{Blame, Failure, FailureClass, FailureCluster, Location, Signature};
use crate::triage::paths::{Atlas, is_foreign};
use crate::triage::signature::Identity;

pub use crate::triage::classify::classify;
pub use crate::triage::signature::signature;
pub use crate::triage::symptom::refusal;

/// Which files the project has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// The project's own files, relative to `root`, `/`-separated.
    pub files: Vec<Utf8PathBuf>,
    /// The project's root on this machine.
    pub root: Utf8PathBuf,
}

/// Puts failures together that are believed to share one fault, in the order in which healing them pays most: what
/// does not build or parse, then what misses a package, then by number of tests; what the machine is to blame for
/// comes last. The order of `failures` does not matter.
pub fn clusters(failures: Vec<Failure>, layout: &Layout) -> Vec<FailureCluster> {
    let atlas = Atlas::new(layout);
    let mut groups: BTreeMap<Signature, Vec<Failure>> = BTreeMap::new();
    let mut builds = Vec::new();
    for failure in failures {
        let failure = localised(failure, &atlas);
        if failure.diagnostics.is_empty() {
            groups.entry(signature(&failure)).or_default().push(failure);
        } else {
            builds.push(failure);
        }
    }
    let groups = groups.into_values().chain(builds_by_shared_error(builds));
    let mut clusters: Vec<_> = groups.map(|failures| cluster(failures, &atlas)).collect();
    clusters.sort_by(|a, b| urgency(a).cmp(&urgency(b)).then_with(|| as_text(a).cmp(&as_text(b))));
    clusters
}

fn urgency(cluster: &FailureCluster) -> impl Ord + use<'_> {
    let n_failures = Reverse(cluster.failures.len());
    (priority(cluster.class), n_failures, cluster.class, &cluster.failures[0].id, &cluster.signature)
}

/// The last resort of a total order.
fn as_text(value: &impl Debug) -> String {
    format!("{value:?}")
}

fn priority(class: FailureClass) -> u8 {
    match class {
        FailureClass::SyntaxError | FailureClass::CompileError => 0,
        FailureClass::MissingDependency => 1,
        FailureClass::AssertionMismatch
        | FailureClass::Panic
        | FailureClass::Timeout
        | FailureClass::Crash
        | FailureClass::Unknown => 2,
        FailureClass::Infrastructure => 3,
    }
}

fn cluster(mut failures: Vec<Failure>, atlas: &Atlas<'_>) -> FailureCluster {
    let ease = |failure: &Failure| (bytes_to_read(failure), failure.id.clone());
    failures.sort_by(|a, b| ease(a).cmp(&ease(b)).then_with(|| as_text(a).cmp(&as_text(b))));
    let mut seen = HashSet::new();
    failures.retain(|failure| seen.insert(failure.id.clone()));
    let mut cluster = FailureCluster {
        signature: signature(&failures[0]),
        class: classify(&failures[0]),
        blame: Blame::Ambiguous("not looked into yet".to_owned()),
        locations: rank::ranked(&failures, atlas),
        failures,
    };
    if let Some((blame, _)) = refusal(&cluster) {
        cluster.blame = blame;
    }
    cluster
}

/// The cheapest failure to read stands for its cluster.
fn bytes_to_read(failure: &Failure) -> usize {
    let rendered: usize = failure.diagnostics.iter().map(|diagnostic| diagnostic.rendered.len()).sum();
    failure.message.len() + failure.output.len() + rendered
}

/// Groups failed builds: two that share an error, or each share one with a third, are one.
fn builds_by_shared_error(builds: Vec<Failure>) -> Vec<Vec<Failure>> {
    let mut groups: Vec<(HashSet<Identity>, Vec<Failure>)> = Vec::new();
    for build in builds {
        let errors: HashSet<Identity> = signature::identities(&build.diagnostics).collect();
        let (sharing, rest): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(known, _)| !known.is_disjoint(&errors));
        groups = rest;
        let (known, builds): (Vec<_>, Vec<_>) = sharing.into_iter().unzip();
        let known = known.into_iter().flatten().chain(errors).collect();
        groups.push((known, builds.into_iter().flatten().chain([build]).collect()));
    }
    groups.into_iter().map(|(_, builds)| builds).collect()
}

/// Rewrites a failure's places to the project's own paths. Frames of toolchains and packages are dropped; places that
/// could not be mapped are kept as reported only when nothing of the failure could be mapped.
fn localised(mut failure: Failure, atlas: &Atlas<'_>) -> Failure {
    let suite = failure.id.suite.clone();
    let map = |location: &mut Location, hint: &str| match atlas.own(&location.file, hint) {
        Some(own) => {
            location.file = own;
            true
        }
        None => false,
    };
    failure.frames.retain_mut(|frame| {
        let hint = format!("{suite} {}", frame.function.as_deref().unwrap_or_default());
        map(&mut frame.location, &hint) || !is_foreign(&frame.location.file)
    });
    let located = failure.location.as_mut().is_some_and(|location| map(location, &suite));
    let held = |location: &Location| atlas.holds(&location.file);
    if located || failure.frames.iter().any(|frame| held(&frame.location)) {
        failure.frames.retain(|frame| held(&frame.location));
        failure.location = failure.location.filter(|_| located);
    }
    for diagnostic in &mut failure.diagnostics {
        let replaced = diagnostic.suggestions.iter_mut().flat_map(|suggestion| &mut suggestion.replacements);
        for span in diagnostic.spans.iter_mut().chain(replaced.map(|(span, _)| span)) {
            if let Some(own) = atlas.own(&span.file, &suite) {
                span.file = own;
            }
        }
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Diagnostic, Frame, Span, TestId};
    use proptest::prelude::*;

    fn layout() -> Layout {
        let files = ["src/lib.rs", "src/cart.rs", "tests/cart.rs", "shop/cart.py", "tests/test_cart.py"];
        Layout { files: files.map(Utf8PathBuf::from).to_vec(), root: "/home/me/shop".into() }
    }

    fn at(file: &str, line: u32) -> Location {
        Location { file: file.into(), line, column: None }
    }

    fn failed(test: &str, message: &str, location: Location) -> Failure {
        let id = TestId::new("shop", test);
        Failure { message: message.into(), location: Some(location), ..Failure::bare(id) }
    }

    fn error(code: &str, message: &str, line: u32) -> Diagnostic {
        let span = Span {
            file: "src/cart.rs".into(),
            byte_start: 0,
            byte_end: 1,
            line,
            column: 1,
            primary: true,
            label: String::new(),
        };
        Diagnostic {
            code: code.into(),
            message: message.into(),
            spans: vec![span],
            suggestions: Vec::new(),
            rendered: format!("error[{code}]: {message}"),
        }
    }

    fn build(suite: &str, diagnostics: Vec<Diagnostic>) -> Failure {
        Failure { diagnostics, ..Failure::bare(TestId::build(suite)) }
    }

    fn titles(clusters: &[FailureCluster]) -> Vec<String> {
        clusters.iter().map(FailureCluster::title).collect()
    }

    const UNWRAP: &str = "called `Option::unwrap()` on a `None` value";

    #[test]
    fn one_error_met_in_two_targets_is_one_cluster_and_another_error_another() {
        let (shared, own, other) = (error("E0308", "a", 3), error("E0425", "b", 9), error("E0425", "c", 20));
        let clusters = clusters(
            vec![build("shop", vec![shared.clone()]), build("shop::it", vec![own, shared]), build("tool", vec![other])],
            &layout(),
        );
        assert_eq!(titles(&clusters), ["shop [build] (+1 more)", "tool [build]"]);
    }

    #[test]
    fn builds_without_a_place_in_common_are_not_put_together_by_the_closing_words() {
        let closing = Diagnostic { spans: Vec::new(), ..error("", "aborting due to 1 previous error", 0) };
        let failures = vec![
            build("a", vec![error("E0308", "x", 1), closing.clone()]),
            build("b", vec![error("E0308", "y", 2), closing]),
        ];
        assert_eq!(clusters(failures, &layout()).len(), 2);
    }

    #[test]
    fn what_blocks_most_is_taken_first_and_what_cannot_be_healed_last() {
        let many = |n: u32| failed(&format!("t{n}"), UNWRAP, at("/ci/shop/src/cart.rs", 9));
        let clusters = clusters(
            vec![
                failed("net", "could not resolve host: example.org", at("src/lib.rs", 1)),
                failed("lone", "assertion failed: x", at("tests/cart.rs", 1)),
                many(1),
                many(2),
                failed("dep", "ModuleNotFoundError: No module named 'yaml'", at("shop/cart.py", 1)),
                build("shop", vec![error("E0308", "a", 3)]),
            ],
            &layout(),
        );
        let classes: Vec<_> = clusters.iter().map(|cluster| (cluster.class, cluster.failures.len())).collect();
        let expected = [
            (FailureClass::CompileError, 1),
            (FailureClass::MissingDependency, 1),
            (FailureClass::Panic, 2),
            (FailureClass::AssertionMismatch, 1),
            (FailureClass::Infrastructure, 1),
        ];
        assert_eq!(classes, expected);
        assert_eq!(clusters[4].blame, Blame::Infrastructure);
    }

    #[test]
    fn the_product_is_suspected_before_the_test_and_foreign_frames_are_dropped() {
        let frame =
            |function: &str, file: &str, line| Frame { function: Some(function.to_owned()), location: at(file, line) };
        let failure = Failure {
            kind: "ValueError".into(),
            frames: vec![
                frame("loads", "/usr/lib/python3.12/json/__init__.py", 346),
                frame("total", "/app/shop/cart.py", 12),
                frame("cart", "/app/shop/cart.py", 40),
                frame("test_total", "/app/tests/test_cart.py", 5),
            ],
            ..failed("test_total", "bad", at("/usr/lib/python3.12/json/__init__.py", 346))
        };
        let clusters = clusters(vec![failure], &layout());
        let places: Vec<_> = clusters[0].locations.iter().map(|(place, _)| place.to_string()).collect();
        assert_eq!(places, ["shop/cart.py:12", "shop/cart.py:40", "tests/test_cart.py:5"]);
        assert_eq!(clusters[0].failures[0].frames.len(), 3);
        assert_eq!(clusters[0].failures[0].location, None);
    }

    #[test]
    fn a_failure_nothing_of_which_maps_keeps_its_places() {
        let failure = failed("t", "x", at("/elsewhere/main.zig", 3));
        assert_eq!(clusters(vec![failure.clone()], &Layout::default())[0].failures, [failure]);
    }

    #[test]
    fn a_test_reported_twice_for_one_fault_stands_once_in_its_cluster() {
        let failure = failed("t", UNWRAP, at("src/cart.rs", 9));
        assert_eq!(clusters(vec![failure.clone(), failure], &layout())[0].failures.len(), 1);
    }

    #[test]
    fn no_failures_make_no_clusters() {
        assert!(clusters(Vec::new(), &layout()).is_empty());
    }

    fn any_failure() -> impl Strategy<Value = Failure> {
        let message = prop_oneof![Just(UNWRAP), Just("assertion failed: a"), Just("No module named 'x'"), Just("")];
        let place = (prop_oneof![Just("src/cart.rs"), Just("/b/shop/src/cart.rs"), Just("tests/cart.rs")], 1u32..4);
        let errors = prop::collection::vec((0u32..6).prop_map(|line| error("E0308", "m", line)), 0..3);
        ("[a-d]", message, place, errors).prop_map(|(test, message, (file, line), diagnostics)| Failure {
            diagnostics,
            ..failed(&test, message, at(file, line))
        })
    }

    proptest! {
        #[test]
        fn the_order_of_a_report_does_not_matter_and_no_test_is_lost(
            (failures, shuffled) in prop::collection::vec(any_failure(), 0..12)
                .prop_flat_map(|failures| (Just(failures.clone()), Just(failures).prop_shuffle()))
        ) {
            let one = clusters(failures.clone(), &layout());
            prop_assert_eq!(&one, &clusters(shuffled, &layout()));
            for failure in &failures {
                prop_assert!(one.iter().any(|cluster| cluster.ids().contains(&failure.id)));
            }
            for cluster in &one {
                prop_assert!(!cluster.failures.is_empty());
                prop_assert!(cluster.locations.iter().all(|(_, score)| (0.0..=1.0).contains(score)));
                prop_assert!(cluster.locations.windows(2).all(|pair| pair[0].1 >= pair[1].1));
            }
        }
    }
}
