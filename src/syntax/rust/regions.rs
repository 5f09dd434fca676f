//! What of a Rust file is test code: what `#[cfg(test)]` and test attributes guard, and doc-tests.
//!
//! Files that are test code as a whole by their place (`tests/`, `benches/`) are not told apart here.

use std::ops::Range;

use crate::syntax::rust::{doc_tests, last_segment};
use crate::syntax::{Node, Source};

/// Last path segments of attributes that make a function a test or a benchmark.
const TEST_ATTRIBUTES: &[&str] = &[
    "test",
    "bench",
    "rstest",
    "fixture",
    "test_case",
    "test_matrix",
    "parameterized",
    "proptest",
    "property_test",
    "quickcheck",
    "gtest",
    "googletest",
    "wasm_bindgen_test",
    "traced_test",
    "should_panic",
];

/// Macros whose whole invocation is test code.
const TEST_MACROS: &[&str] = &["proptest", "quickcheck", "rusty_fork_test", "doctest"];

/// Nodes that hold the attributes that stand on them; those of others stand before them.
const ATTRIBUTE_OWNERS: &[&str] =
    &["match_arm", "field_initializer", "shorthand_field_initializer", "base_field_initializer"];

/// Returns the test regions, sorted, without overlaps.
pub(super) fn test_regions(source: &Source) -> Vec<(Range<usize>, String)> {
    let mut regions: Vec<(Range<usize>, String)> = Vec::new();
    let macros = source.root().descendants().filter(|node| node.kind() == "macro_definition" && makes_tests(*node));
    let test_makers: Vec<&str> = macros.filter_map(|item| item.child("name")).map(Node::text).collect();
    for node in source.root().descendants() {
        match node.kind() {
            "attribute_item" if is_first_attribute(node) => regions.extend(guarded(node)),
            "inner_attribute_item" => regions.extend(guarded_around(node)),
            "macro_invocation" => regions.extend(test_macro(node, &test_makers)),
            "macro_definition" if makes_tests(node) => {
                regions.push((with_attributes(node), "macro that makes tests".to_owned()));
            }
            "token_tree" => regions.extend(among_tokens(node)),
            _ => {}
        }
    }
    regions.extend(doc_tests::blocks(source));
    regions.sort_by(|a, b| (a.0.start, b.0.end).cmp(&(b.0.start, a.0.end)));
    let mut outer: Vec<(Range<usize>, String)> = Vec::new();
    for (bytes, what) in regions {
        match outer.last_mut() {
            Some((last, _)) if bytes.start < last.end => last.end = last.end.max(bytes.end),
            _ => outer.push((bytes, what)),
        }
    }
    outer
}

fn is_first_attribute(attribute: Node<'_>) -> bool {
    beside(attribute.siblings_before()).all(is_comment)
}

/// Returns what a run of attributes stands on, with all of them, if one makes it test code.
fn guarded(first: Node<'_>) -> Option<(Range<usize>, String)> {
    let run = || std::iter::once(first).chain(beside(first.siblings_after()));
    let what = run().filter(|node| is_attribute(*node)).find_map(test_attribute)?;
    let owner = first.parent().filter(|up| ATTRIBUTE_OWNERS.contains(&up.kind()));
    let next = first.siblings_after().nth(run().count() - 1).filter(|next| next.is_named());
    let bytes = match owner.or(next) {
        Some(item) => with_attributes(item),
        None => first.bytes().start..run().last().map_or(first.bytes().end, |last| last.bytes().end),
    };
    Some((bytes, what))
}

/// Returns the module or file an inner attribute makes test code.
fn guarded_around(attribute: Node<'_>) -> Option<(Range<usize>, String)> {
    let what = test_attribute(attribute)?;
    let parent = attribute.parent()?;
    let item = if parent.kind() == "declaration_list" { parent.parent()? } else { parent };
    Some((with_attributes(item), what))
}

fn test_macro(invocation: Node<'_>, test_makers: &[&str]) -> Option<(Range<usize>, String)> {
    let name = last_segment(invocation.child("macro")?.text());
    let is_test = TEST_MACROS.contains(&name) || test_makers.contains(&name);
    is_test.then(|| (with_attributes(invocation), format!("{name}!")))
}

/// Returns the bytes of an item with the attributes and doc comments that stand before it.
pub(super) fn with_attributes(item: Node<'_>) -> Range<usize> {
    let owned = beside(item.siblings_before()).filter(|sibling| is_attribute(*sibling) || is_outer_doc(*sibling));
    let start = owned.last().map_or(item.bytes().start, |first| first.bytes().start);
    start..item.bytes().end
}

/// Keeps the siblings up to the first that is neither attribute nor comment.
fn beside<'s>(siblings: impl Iterator<Item = Node<'s>>) -> impl Iterator<Item = Node<'s>> {
    siblings.take_while(|sibling| is_attribute(*sibling) || is_comment(*sibling))
}

fn is_attribute(node: Node<'_>) -> bool {
    node.kind() == "attribute_item"
}

fn is_comment(node: Node<'_>) -> bool {
    matches!(node.kind(), "line_comment" | "block_comment")
}

fn is_outer_doc(node: Node<'_>) -> bool {
    is_comment(node) && node.child("outer").is_some()
}

/// Returns the attribute as it is written when it makes what it stands on test code.
fn test_attribute(item: Node<'_>) -> Option<String> {
    let attribute = item.child_of_kind("attribute")?;
    let name = last_segment(attribute.named_children().next()?.text());
    let is_test = match name {
        "cfg" => {
            attribute.child("arguments").is_some_and(|list| bonds(list, PREDICATE_DEPTH_MAX).contains(&Bond::Test))
        }
        _ => TEST_ATTRIBUTES.contains(&name),
    };
    is_test.then(|| item.text().split_whitespace().collect::<Vec<_>>().join(" "))
}

/// How far a `cfg` predicate is bound to tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bond {
    /// It holds in products as well.
    None,
    /// It names a feature that is there for tests.
    Feature,
    /// It holds in tests only.
    Test,
}

/// How deep predicates may stand inside one another before they count as unbound.
const PREDICATE_DEPTH_MAX: usize = 16;

/// Returns the bonds of the predicates in a list. What may also hold in a product, such as
/// `any(test, feature = "std")` or anything negated, is not bound.
fn bonds(list: Node<'_>, depth: usize) -> Vec<Bond> {
    let mut bonds = Vec::new();
    if depth == 0 {
        return bonds;
    }
    let tokens: Vec<Node<'_>> = list.named_children().collect();
    for (n, name) in tokens.iter().enumerate().filter(|(_, token)| token.kind() == "identifier") {
        let value = tokens.get(n + 1).filter(|next| next.kind() != "identifier");
        let inner = || value.map(|list| self::bonds(*list, depth - 1)).unwrap_or_default();
        bonds.push(match (name.text(), value) {
            ("test", None) => Bond::Test,
            ("all", Some(_)) => inner().into_iter().max().unwrap_or(Bond::None),
            ("any", Some(_)) => of_alternatives(&inner()),
            ("feature", Some(value)) if is_for_tests(value.text()) => Bond::Feature,
            _ => Bond::None,
        });
    }
    bonds
}

fn of_alternatives(bonds: &[Bond]) -> Bond {
    let is_bound = !bonds.contains(&Bond::None);
    bonds.iter().copied().max().filter(|_| is_bound).unwrap_or(Bond::None)
}

fn is_for_tests(feature: &str) -> bool {
    ["test", "mock", "fuzz", "bench"].iter().any(|word| feature.contains(word))
}

/// Longer attributes are no test attributes, and farther away stands no body of what they stand on.
const ATTRIBUTE_BYTES_MAX: usize = 60;
const TOKENS_MAX: usize = 200;

/// Inside a macro, where nothing is parsed, a test reaches from its attribute to the end of its braces.
fn among_tokens(attribute: Node<'_>) -> Option<(Range<usize>, String)> {
    if attribute.bytes().len() > ATTRIBUTE_BYTES_MAX {
        return None;
    }
    let blankless: String = attribute.text().split_whitespace().collect();
    let is_test = blankless == "[test]" || blankless == "[cfg(test)]" || blankless.ends_with("::test]");
    let hash = attribute.siblings_before().next().filter(|before| is_test && before.kind() == "#")?;
    let mut after = attribute.siblings_after().take(TOKENS_MAX);
    let body = after.find(|next| next.kind() == "token_tree" && next.text().starts_with('{'))?;
    Some((hash.bytes().start..body.bytes().end, format!("#{blankless}")))
}

/// Tells whether a macro writes test functions and nothing else.
fn makes_tests(definition: Node<'_>) -> bool {
    let is = |kind: &'static str| move |node: &Node<'_>| node.kind() == kind && !node.is_named();
    let n_functions = definition.descendants().filter(is("fn")).count();
    let mut items = definition.descendants().filter(|node| matches!(node.kind(), "impl" | "struct" | "enum" | "trait"));
    let blankless: String = definition.text().split_whitespace().collect();
    let n_tests = blankless.matches("#[test]").count() + blankless.matches("::test]").count();
    n_functions > 0 && n_functions <= n_tests && items.all(Node::is_named)
}

#[cfg(test)]
mod tests {
    use crate::syntax::{Language, parse};

    fn regions(text: &str) -> Vec<String> {
        let source = parse(Language::Rust, text);
        source.test_regions().into_iter().map(|(bytes, _)| text[bytes].to_owned()).collect()
    }

    #[test]
    fn what_cfg_test_guards_is_a_region_with_its_attributes_and_docs() {
        let text =
            "fn f() {}\n/// Tests.\n#[cfg(test)]\n#[path = \"t.rs\"] // why\nmod tests { fn g() {} }\nfn h() {}\n";
        assert_eq!(regions(text), ["/// Tests.\n#[cfg(test)]\n#[path = \"t.rs\"] // why\nmod tests { fn g() {} }"]);
        assert_eq!(regions("#[cfg(all(test, unix))]\nuse a::B;\nuse c::D;"), ["#[cfg(all(test, unix))]\nuse a::B;"]);
        assert_eq!(regions("#[cfg(any(test, feature = \"test-util\"))] fn f() {}").len(), 1);
    }

    #[test]
    fn what_is_guarded_against_tests_is_product_code() {
        assert_eq!(regions("#[cfg(not(test))] fn f() {}\n#[cfg(all(unix, not(any(test))))] fn g() {}"), [""; 0]);
        assert_eq!(regions("#[cfg(feature = \"test\")] fn f() {}\n#[inline] fn test() {}"), [""; 0]);
        assert_eq!(
            regions("#[cfg(any(test, feature = \"std\"))] fn f() {}\n#[cfg(target = \"test\")] fn g() {}"),
            [""; 0]
        );
        assert_eq!(regions("#[cfg(all(not(unix), test))] fn f() {}").len(), 1);
    }

    #[test]
    fn test_functions_of_any_framework_are_regions() {
        let text = "#[tokio::test(flavor = \"current_thread\")]\nasync fn a() {}\n#[rstest]\n#[case(1)]\nfn b(#[case] n: u8) {}\nfn c() {}\n#[test] #[ignore] fn d() {}";
        let found = regions(text);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[1].starts_with("#[rstest]\n#[case(1)]"), "{found:?}");
    }

    #[test]
    fn an_inner_attribute_makes_the_whole_module_a_region() {
        assert_eq!(regions("//! Help.\n#![cfg(test)]\nfn f() {}\n"), ["//! Help.\n#![cfg(test)]\nfn f() {}\n"]);
        assert_eq!(regions("fn a() {}\nmod m { #![cfg(test)] fn f() {} }"), ["mod m { #![cfg(test)] fn f() {} }"]);
    }

    #[test]
    fn statements_and_fields_under_cfg_test_are_regions() {
        assert_eq!(regions("fn f() { #[cfg(test)] trace(); real(); }"), ["#[cfg(test)] trace();"]);
        assert_eq!(regions("struct S { #[cfg(test)] seen: u8, b: u8 }"), ["#[cfg(test)] seen: u8"]);
    }

    #[test]
    fn match_arms_and_arguments_under_cfg_test_are_regions() {
        assert_eq!(regions("fn f() { match a { #[cfg(test)] 1 => b, _ => c } }"), ["#[cfg(test)] 1 => b,"]);
        assert_eq!(regions("fn f() { S { #[cfg(test)] a: 1, b } }"), ["#[cfg(test)] a: 1"]);
    }

    #[test]
    fn property_macros_are_regions() {
        assert_eq!(regions("proptest! { #[test] fn p(x in 0..9) { prop_assert!(x < 9) } }\nfn f() {}").len(), 1);
    }

    #[test]
    fn macros_that_make_tests_are_regions_where_they_stand_and_where_they_are_used() {
        let text = "macro_rules! case { ($n:ident) => { #[test] fn $n() {} } }\nfn f() {}\ncase!(a);\nother!(b);";
        assert_eq!(regions(text), ["macro_rules! case { ($n:ident) => { #[test] fn $n() {} } }", "case!(a)"]);
        let mixed = "macro_rules! make { ($t:ty) => { impl F for $t { fn f() {} } #[test] fn t() {} } }\nmake!(u8);";
        assert_eq!(regions(mixed), ["#[test] fn t() {}"]);
        assert_eq!(
            regions("cfg_if! { if #[cfg(test)] { fn a() {} } else { fn b() {} } }"),
            ["#[cfg(test)] { fn a() {} }"]
        );
    }

    #[test]
    fn a_test_attribute_without_an_item_is_a_region_of_its_own() {
        assert_eq!(regions("fn f() {}\n#[test]"), ["#[test]"]);
    }
}
