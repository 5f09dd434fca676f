//! What Go's compiler and vet print, by package, in logs where that stands as text.

use std::collections::VecDeque;
use std::sync::LazyLock;

use regex::Regex;

use crate::ingest::{detail, pattern, trace};
use crate::model::{Diagnostic, Failure, Span, TestId};
use crate::text::cap::HeadAndTail;

/// Packages whose output is kept; more do not fail at once for reasons of their own.
const SECTIONS_MAX: usize = 64;

/// Errors kept of one package; the compiler itself prints ten.
const DIAGNOSTICS_MAX: usize = 100;

/// `cart/cart_test.go:6:19: undefined: total`, also with what vet puts before it.
static ERROR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:vet: )?(?P<file>[^\s:][^:]*\.go):(?P<line>\d+)(?::(?P<column>\d+))?: (?P<message>.+)$")
});

/// The output of builds that may fail.
pub(super) struct Builds {
    sections: VecDeque<Section>,
    bytes_max: usize,
}

struct Section {
    package: String,
    text: HeadAndTail,
}

impl Builds {
    /// Keeps at most about `bytes_max` bytes of each package.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { sections: VecDeque::new(), bytes_max }
    }

    /// Adds output of building `package`.
    pub(super) fn push(&mut self, package: &str, text: &str) {
        let known = self.sections.iter().position(|section| section.package == package);
        let at = known.unwrap_or_else(|| {
            if self.sections.len() >= SECTIONS_MAX {
                self.sections.pop_front();
            }
            self.sections.push_back(Section { package: package.to_owned(), text: HeadAndTail::new(self.bytes_max) });
            self.sections.len() - 1
        });
        // The compiler heads its output with the package's name.
        if !text.starts_with("# ") {
            self.sections[at].text.push(text);
        }
    }

    /// Takes the output of building `package`, else the latest: that of a package it needs.
    pub(super) fn take(&mut self, package: &str) -> String {
        let is_of = |section: &Section| {
            section.package.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ["))
        };
        match self.sections.iter().position(is_of) {
            Some(at) => self.sections.remove(at).map(|section| section.text.into_text()).unwrap_or_default(),
            None => self.sections.back().map(|section| section.text.clone().into_text()).unwrap_or_default(),
        }
    }
}

/// Returns the package that a line heads the compiler's output of: `# example.com/shop/cart [example.com/shop/cart.test]`.
pub(super) fn header(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("# ")?;
    let package = rest.split_once(" [").map_or(rest, |(package, _)| package);
    let package = package.strip_prefix('[').and_then(|package| package.strip_suffix(']')).unwrap_or(package);
    (!package.is_empty() && !package.contains([' ', '\t'])).then_some(package)
}

/// Makes the failure of a package that cannot be built.
pub(super) fn failure(package: &str, text: &str, bytes_max: usize) -> Failure {
    let mut failure = Failure::bare(TestId::build(package));
    failure.diagnostics = text.lines().filter_map(diagnostic).take(DIAGNOSTICS_MAX).collect();
    if let Some(first) = failure.diagnostics.first() {
        failure.message.clone_from(&first.message);
    }
    detail::fill(&mut failure, &[text]);
    detail::set_output(&mut failure, text, bytes_max);
    failure
}

/// Reads an error; of its place in bytes nothing is known.
fn diagnostic(line: &str) -> Option<Diagnostic> {
    let found = ERROR.captures(line)?;
    let place = trace::location(&found)?;
    let (message, column) = (found["message"].to_owned(), place.column.unwrap_or(1));
    let (file, line_number, label) = (place.file, place.line, String::new());
    let span = Span { file, byte_start: 0, byte_end: 0, line: line_number, column, primary: true, label };
    let (code, suggestions) = (String::new(), Vec::new());
    Some(Diagnostic { code, message, spans: vec![span], suggestions, rendered: line.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_packages() {
        assert_eq!(header("# example.com/shop/cart [example.com/shop/cart.test]"), Some("example.com/shop/cart"));
        assert_eq!(header("# [example.com/shop/cart]"), Some("example.com/shop/cart"));
        assert_eq!(header("# example.com/shop/cart"), Some("example.com/shop/cart"));
        assert_eq!(header("# Results of today"), None);
        assert_eq!(header("#"), None);
    }

    #[test]
    fn a_package_that_needs_another_fails_with_its_errors() {
        let mut builds = Builds::new(1000);
        builds.push("shop/price", "# shop/price\n");
        builds.push("shop/price", "price/price.go:7:9: undefined: total\n");
        builds.push("shop/cart [shop/cart.test]", "cart/cart_test.go:1:2: no\n");
        assert_eq!(builds.take("shop/cart"), "cart/cart_test.go:1:2: no\n");
        let failure = failure("shop/till", &builds.take("shop/till"), 1000);
        assert_eq!((failure.id.is_build(), failure.message.as_str()), (true, "undefined: total"));
        let span = &failure.diagnostics[0].spans[0];
        assert_eq!((span.file.as_str(), span.line, span.column), ("price/price.go", 7, 9));
        assert_eq!(builds.take("shop/price"), "price/price.go:7:9: undefined: total\n");
        assert_eq!(builds.take("shop/price"), "");
    }

    #[test]
    fn the_output_of_builds_is_bounded() {
        let mut builds = Builds::new(1000);
        for n in 0..10_000 {
            builds.push(&format!("p{n}"), &"x\n".repeat(1000));
        }
        assert_eq!(builds.sections.len(), SECTIONS_MAX);
        assert!(builds.take("p9999").len() < 1100);
    }
}
