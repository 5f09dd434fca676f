//! How a test is called, by what its messages say of it.

use crate::ingest::dotnet::qualified;
use crate::ingest::suite_name;
use crate::model::TestId;

/// Joins the titles of suites around with that of one in them.
pub(super) fn nested(around: &str, title: &str) -> String {
    let (around, title) = (around.trim(), title.trim());
    let separator = if around.is_empty() || title.is_empty() { "" } else { " " };
    suite_name(&format!("{}{separator}{}", suite_name(around), suite_name(title))).to_owned()
}

/// What a message says of a test.
pub(super) struct Named<'t> {
    pub(super) name: &'t str,
    pub(super) flow: &'t str,
    /// Where it stands, as a URL of the runner's own kind.
    pub(super) place: &'t str,
    pub(super) more: &'t str,
    /// The titles of the suites around.
    pub(super) titles: &'t str,
}

impl Named<'_> {
    /// Returns the test's id.
    pub(super) fn id(&self) -> TestId {
        let Self { name, flow, place, more, titles } = *self;
        if let Some(class) = php_class(place) {
            return TestId::new(suite_name(&class), name);
        }
        // The plug-in for Python makes a flow of each test.
        if flow == name && !name.is_empty() {
            if let Some(module) = name.strip_suffix(".top_level_collect") {
                return TestId::new("", module);
            }
            let (class, own) = python_parts(name);
            return TestId::new(suite_name(class), if more.is_empty() { own } else { more });
        }
        let extension = titles.rsplit_once('.').map_or("", |(_, extension)| extension);
        let is_assembly = matches!(extension, "dll" | "exe");
        match qualified(name).filter(|_| titles.is_empty() || is_assembly) {
            Some((class, own)) => TestId::new(suite_name(class), own),
            None => TestId::new(suite_name(titles), name),
        }
    }
}

/// Returns the class in PHPUnit's place of a test, with dots as in its JUnit reports:
/// `php_qn:///home/user/shop/tests/CartTest.php::\Shop\CartTest::testAdds`.
fn php_class(place: &str) -> Option<String> {
    let (_, class) = place.strip_prefix("php_qn://")?.split_once("::\\")?;
    let (class, _) = class.split_once("::")?;
    Some(class.replace('\\', "."))
}

/// Splits the name of a Python test before its function: `tests.test_cart.TestCart.test_adds(1.5)`.
fn python_parts(name: &str) -> (&str, &str) {
    let end = name.find(['(', '[']).unwrap_or(name.len());
    name[..end].rfind('.').map_or(("", name), |dot| (&name[..dot], &name[dot + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(named: &Named<'_>, suite: &str, name: &str) {
        assert_eq!(named.id(), TestId::new(suite, name));
    }

    #[test]
    fn ids_are_spelt_as_in_the_runners_own_reports() {
        let plain = Named { name: "adds 1.5", flow: "7", place: "", more: "", titles: "Cart nested" };
        check(&plain, "Cart nested", "adds 1.5");
        let place = "php_qn:///u/CartTest.php::\\Shop\\CartTest::testTotals with data set \"a::b\"";
        check(
            &Named { name: "testTotals with data set \"a::b\"", place, ..plain },
            "Shop.CartTest",
            "testTotals with data set \"a::b\"",
        );
        let name = "tests.test_cart.TestCart.test_totals(1.5-[x])";
        check(
            &Named { name, flow: name, more: "test_totals[1.5-[x]]", ..plain },
            "tests.test_cart.TestCart",
            "test_totals[1.5-[x]]",
        );
        check(
            &Named { name: "ut.Cart.test_adds", flow: "ut.Cart.test_adds", titles: "", ..plain },
            "ut.Cart",
            "test_adds",
        );
        let name = "tests.test_broken.top_level_collect";
        check(&Named { name, flow: name, titles: "", ..plain }, "", "tests.test_broken");
        check(
            &Named { name: "Shop.CartTests.Adds(a: 1.5)", titles: "Shop.Tests.dll", ..plain },
            "Shop.CartTests",
            "Adds(a: 1.5)",
        );
        check(&Named { name: "cart.adds", titles: "Catch", ..plain }, "Catch", "cart.adds");
    }

    #[test]
    fn titles_are_joined_by_spaces_and_bounded() {
        assert_eq!(
            (nested("", " a "), nested("a", "b"), nested("a", "")),
            ("a".to_owned(), "a b".to_owned(), "a".to_owned())
        );
        assert!(nested(&"a".repeat(5000), &"b".repeat(5000)).len() < 3000);
    }
}
