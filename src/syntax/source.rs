//! A parsed file: its text, its lines, its nodes, and its functions.

use std::ops::Range;

use crate::syntax::tree::Tree;
use crate::syntax::{Language, Node, Scope};

/// A parsed file. Every text has one, however broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    language: Language,
    text: String,
    line_starts: Vec<usize>,
    tree: Tree,
}

/// A function that has a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its path inside the file, such as `tests::adds` or `Cart::total`.
    pub name: String,
    /// Its bytes, attributes and doc comments included.
    pub bytes: Range<usize>,
    /// Its lines, from 1, attributes and doc comments included; half-open.
    pub lines: Range<u32>,
    /// What stands before its body, in one line.
    pub signature: String,
    /// Whether it is a test or stands in test code.
    pub is_test: bool,
    /// What it calls, as written, in order of first appearance: `round`, `Cart::new`, method names bare.
    pub calls: Vec<String>,
}

impl Function {
    /// Tells whether a name, as calls and test ids write it, may mean this function: its path, the end of its path, or
    /// a longer path that ends with it.
    pub fn answers_to(&self, name: &str) -> bool {
        path_match(&self.name, name).is_some()
    }
}

/// Parses a text. Total: what is no program yields a source with errors.
pub fn parse(language: Language, text: &str) -> Source {
    let line_starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect();
    Source { language, text: text.to_owned(), line_starts, tree: language.grammar().tree(text) }
}

impl Source {
    /// Returns the language it was parsed as.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Returns the node that stands for the whole file.
    pub fn root(&self) -> Node<'_> {
        Node::new(self, 0)
    }

    /// Iterates over the declarations of a kind, such as `struct_item`, in document order.
    pub fn items(&self, kind: &str) -> impl Iterator<Item = Node<'_>> {
        self.tree.items.get(kind).into_iter().flatten().map(|index| Node::new(self, *index))
    }

    /// Returns the number of places where the text is not of its language: ERROR and MISSING nodes.
    pub fn n_errors(&self) -> usize {
        self.tree.entries.iter().filter(|entry| entry.flaw).count()
    }

    /// Returns the line of a byte, both clamped to the text; lines count from 1.
    pub fn line_of(&self, byte: usize) -> u32 {
        let line = self.line_starts.partition_point(|start| *start <= byte);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// Returns the bytes of a 1-based line, its end included; empty when there is no such line.
    pub fn line_bytes(&self, line: u32) -> Range<usize> {
        let index = line as usize;
        let start_of = |index: usize| self.line_starts.get(index).copied().unwrap_or(self.text.len());
        match index.checked_sub(1) {
            Some(before) => start_of(before)..start_of(index),
            None => 0..0,
        }
    }

    /// Returns the lines a byte range touches; half-open.
    pub fn lines_of(&self, bytes: &Range<usize>) -> Range<u32> {
        let last = bytes.end.saturating_sub(1).max(bytes.start);
        self.line_of(bytes.start)..self.line_of(last).saturating_add(1)
    }

    /// Returns the byte ranges of test code and what each is, sorted, without overlaps.
    ///
    /// For Rust: items under a `cfg` that holds in tests only (`test`, `all(test, …)`, `any(test, feature = "mock")`),
    /// test functions whatever their attribute (`#[test]`, `#[tokio::test]`, `#[rstest]`, …), each with attributes and
    /// docs, macros that write nothing but tests, and the blocks of doc comments that rustdoc would compile.
    pub fn test_regions(&self) -> Vec<(Range<usize>, String)> {
        self.language.grammar().test_regions(self)
    }

    /// Returns the innermost function around a 1-based line.
    pub fn function_at(&self, line: u32) -> Option<Function> {
        let around = self.functions().into_iter().filter(|function| function.lines.contains(&line));
        around.min_by_key(|function| function.bytes.len())
    }

    /// Returns the function of a name: its path inside the file, the end of that path (`adds` for `tests::adds`), or a
    /// longer path that ends with it (`cart::tests::adds`). The closest match wins, then the first in the file.
    pub fn function_named(&self, name: &str) -> Option<Function> {
        let rated =
            self.functions().into_iter().filter_map(|function| Some((path_match(&function.name, name)?, function)));
        rated.rev().max_by_key(|(rating, _)| *rating).map(|(_, function)| function)
    }

    /// Returns all functions that have a body, in order of their start.
    pub fn functions(&self) -> Vec<Function> {
        let regions = self.test_regions();
        let is_test = |bytes: &Range<usize>| {
            let n_before = regions.partition_point(|(region, _)| region.start <= bytes.start);
            n_before.checked_sub(1).is_some_and(|last| bytes.end <= regions[last].0.end)
        };
        let mut functions = self.language.grammar().functions(self);
        for function in &mut functions {
            function.is_test = is_test(&function.bytes);
        }
        functions
    }

    /// Returns the names that are visible at a node, nearest first.
    pub fn scope(&self, node: Node<'_>) -> Scope {
        self.language.grammar().scope(node)
    }
}

/// Rates how well a function's path answers a name: none, or the number of path segments in common, an exact match
/// above all.
fn path_match(path: &str, name: &str) -> Option<usize> {
    let n_segments = |path: &str| path.split("::").count();
    let ends_with = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.ends_with("::"));
    if path.is_empty() || name.is_empty() {
        None
    } else if path == name {
        Some(usize::MAX)
    } else if ends_with(path, name) {
        Some(n_segments(name))
    } else if ends_with(name, path) {
        Some(n_segments(path))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CART: &str = r#"//! A cart.

use std::collections::BTreeMap;

/// What is bought.
#[derive(Debug, Default)]
pub struct Cart {
    lines: BTreeMap<String, (u32, u64)>,
}

impl Cart {
    /// Adds `n` of an article.
    #[must_use]
    pub fn with<'a>(
        mut self,
        article: &'a str,
        n: u32,
    ) -> Self {
        fn clean(name: &str) -> String {
            name.trim().to_lowercase()
        }
        self.lines.insert(clean(article), (n, price(article)));
        self
    }

    pub fn total(&self) -> u64 {
        self.lines.values().map(|(n, price)| Self::line(*n, *price)).sum()
    }

    fn line(n: u32, price: u64) -> u64 {
        u64::from(n) * price
    }
}

fn price(article: &str) -> u64 {
    article.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds() {
        let cart = Cart::default().with("tea", 2);
        assert_eq!(cart.total(), expected(6), "total of {}", describe(&cart));
    }

    fn expected(n: u64) -> u64 {
        n
    }
}
"#;

    fn cart() -> Source {
        parse(Language::Rust, CART)
    }

    #[test]
    fn functions_have_paths_lines_and_one_line_signatures() {
        let source = cart();
        assert_eq!(source.n_errors(), 0);
        let names: Vec<_> = source.functions().into_iter().map(|function| (function.name, function.is_test)).collect();
        let expected = [
            ("Cart::with", false),
            ("Cart::with::clean", false),
            ("Cart::total", false),
            ("Cart::line", false),
            ("price", false),
            ("tests::adds", true),
            ("tests::expected", true),
        ];
        assert_eq!(names, expected.map(|(name, is_test)| (name.to_owned(), is_test)));
        let with = source.function_named("Cart::with").unwrap();
        assert_eq!(with.signature, "pub fn with<'a>( mut self, article: &'a str, n: u32, ) -> Self");
        assert!(CART[with.bytes.clone()].starts_with("/// Adds"), "{}", &CART[with.bytes]);
        assert_eq!(with.lines, 12..25);
    }

    #[test]
    fn calls_are_found_in_bodies_closures_and_well_known_macros() {
        let source = cart();
        let calls = |name: &str| source.function_named(name).unwrap().calls;
        assert_eq!(calls("tests::adds"), ["with", "Cart::default", "total", "expected", "describe"]);
        assert_eq!(calls("Cart::total"), ["sum", "map", "values", "Self::line"]);
    }

    #[test]
    fn calls_inside_unknown_macros_are_guessed_from_their_tokens() {
        let source = parse(Language::Rust, "fn f() { check!(add(1, 2), x.sum(3), [not_a_call], Some::<u8>(4)) }");
        assert_eq!(source.function_named("f").unwrap().calls, ["add", "sum"]);
    }

    #[test]
    fn the_innermost_function_around_a_line_is_found() {
        let source = cart();
        let at = |line| source.function_at(line).map(|function| function.name);
        assert_eq!(at(20), Some("Cart::with::clean".to_owned()));
        assert_eq!(at(22), Some("Cart::with".to_owned()));
        assert_eq!(at(12), Some("Cart::with".to_owned()));
        assert_eq!((at(1), at(0), at(10_000)), (None, None, None));
    }

    #[test]
    fn a_function_answers_to_its_path_to_the_end_of_it_and_to_longer_paths() {
        let source = cart();
        let named = |name| source.function_named(name).map(|function| function.name);
        assert_eq!(named("adds"), Some("tests::adds".to_owned()));
        assert_eq!(named("shop::cart::tests::adds"), Some("tests::adds".to_owned()));
        assert_eq!(named("crate::cart::Cart::total"), Some("Cart::total".to_owned()));
        assert_eq!((named("dds"), named("")), (None, None));
    }

    #[test]
    fn lines_and_bytes_answer_each_other() {
        let source = parse(Language::Rust, "a\nbc\n");
        assert_eq!((source.line_bytes(1), source.line_bytes(2), source.line_bytes(9)), (0..2, 2..5, 5..5));
        assert_eq!((source.line_of(0), source.line_of(1), source.line_of(2)), (1, 1, 2));
        assert_eq!(source.lines_of(&(0..3)), 1..3);
    }

    #[test]
    fn errors_are_counted() {
        let broken = parse(Language::Rust, "fn f( { let x = ; }");
        assert!(broken.n_errors() > 0);
        assert_eq!(parse(Language::Rust, "").n_errors(), 0);
    }

    #[test]
    fn hundreds_of_thousands_of_brackets_do_not_exhaust_the_stack() {
        let source = parse(Language::Rust, &format!("fn f() {{ {} }}", "(".repeat(200_000)));
        assert!(source.n_errors() > 0);
        let macros = format!("fn f() {{ {} }}", "vec![".repeat(10_000));
        assert!(parse(Language::Rust, &macros).n_errors() > 0);
        let nested = format!("{}{}", "fn f() {".repeat(20_000), "}".repeat(20_000));
        assert!(parse(Language::Rust, &nested).functions().len() < 200);
        let tokens = format!("m! {{ {}{} }}", "[".repeat(50_000), "]".repeat(50_000));
        assert_eq!(parse(Language::Rust, &tokens).test_regions(), []);
    }

    /// Everything that may be asked of a source.
    fn ask_all(text: &str) {
        let source = parse(Language::Rust, text);
        let functions = source.functions();
        for line in 0..=5 {
            source.function_at(line);
        }
        source.function_named("f::g");
        for (region, _) in source.test_regions() {
            assert!(text.get(region).is_some());
        }
        for function in functions {
            assert!(text.get(function.bytes).is_some());
        }
        for node in source.root().descendants().take(50) {
            source.scope(node);
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_asked_everything(text in "\\PC{0,60}") {
            ask_all(&text);
        }

        #[test]
        fn any_part_of_a_program_can_be_asked_everything(cut in 0..CART.len(), n in 0..200_usize) {
            let mut text = CART.to_owned();
            let (from, to) = (text.floor_char_boundary(cut), text.ceil_char_boundary((cut + n).min(CART.len())));
            text.replace_range(from..to, "");
            ask_all(&text);
            ask_all(&CART[from..to]);
        }
    }
}
