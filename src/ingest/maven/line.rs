//! The grammar of single lines of Maven's text: levels, counts of Surefire and Failsafe, headers and lists of failures.

use std::time::Duration;

/// Numbers of results, as a class or a whole run states them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) tests: u64,
    pub(super) failures: u64,
    pub(super) errors: u64,
    pub(super) skipped: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.tests = self.tests.saturating_add(other.tests);
        self.failures = self.failures.saturating_add(other.failures);
        self.errors = self.errors.saturating_add(other.errors);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }

    pub(super) fn subtract(&mut self, other: Self) {
        self.tests = self.tests.saturating_sub(other.tests);
        self.failures = self.failures.saturating_sub(other.failures);
        self.errors = self.errors.saturating_sub(other.errors);
        self.skipped = self.skipped.saturating_sub(other.skipped);
    }

    /// Returns the number of red results.
    pub(super) fn red(self) -> u64 {
        self.failures.saturating_add(self.errors)
    }

    /// Returns the number of those that passed.
    pub(super) fn passed(self) -> u64 {
        self.tests.saturating_sub(self.red()).saturating_sub(self.skipped)
    }
}

/// Takes the level off a line: `[ERROR] text`; lines of old versions, and output of tests, have none.
pub(super) fn level(line: &str) -> (Option<&str>, &str) {
    let found = line.strip_prefix('[').and_then(|line| line.split_once(']'));
    match found {
        Some((level @ ("INFO" | "ERROR" | "WARNING" | "FATAL"), text)) => {
            (Some(level), text.strip_prefix(' ').unwrap_or(text))
        }
        _ => (None, line),
    }
}

/// The counts of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts<'t> {
    pub(super) tally: Tally,
    /// The class they are of; of a whole run there is none, and old versions do not repeat it.
    pub(super) class: Option<&'t str>,
    /// Whether they are of one class.
    pub(super) is_of_class: bool,
}

/// Reads `Tests run: 3, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.05 s <<< FAILURE! -- in com.acme.CartTest`, and
/// the same without what follows the counts.
pub(super) fn counts(text: &str) -> Option<Counts<'_>> {
    let mut rest = text.strip_prefix("Tests run: ")?;
    let mut numbers = [0_u64; 4];
    for (n, label) in ["", ", Failures: ", ", Errors: ", ", Skipped: "].into_iter().enumerate() {
        rest = rest.strip_prefix(label)?;
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        numbers[n] = rest[..n_digits].parse().ok()?;
        rest = &rest[n_digits..];
    }
    let [tests, failures, errors, skipped] = numbers;
    let tally = Tally { tests, failures, errors, skipped };
    let is_of_class = rest.starts_with(", Time elapsed: ");
    let is_total = rest.trim().is_empty() || rest.starts_with(", Flakes: ");
    let class = rest.rsplit_once(" -- in ").or_else(|| rest.rsplit_once(" - in ")).map(|(_, class)| class.trim());
    (is_of_class || is_total).then_some(Counts { tally, class, is_of_class })
}

/// The header of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header<'t> {
    /// Method and class in whichever way they are written.
    pub(super) name: &'t str,
    pub(super) is_error: bool,
    pub(super) duration: Option<Duration>,
    /// Whether it is in the form of Surefire 3, which prints the name in full.
    pub(super) is_full: bool,
}

/// Reads `com.acme.CartTest.adds -- Time elapsed: 0.01 s <<< FAILURE!`, in older versions
/// `adds(com.acme.CartTest)  Time elapsed: 0.01 sec  <<< FAILURE!`.
pub(super) fn header(text: &str) -> Option<Header<'_>> {
    let text = text.trim_end();
    let (rest, is_error) = match text.strip_suffix("<<< FAILURE!") {
        Some(rest) => (rest, false),
        None => (text.strip_suffix("<<< ERROR!")?, true),
    };
    let (name, time) = rest.rsplit_once("Time elapsed: ")?;
    let seconds = time.split(' ').next()?.replace(',', "").parse::<f64>().ok();
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let name = name.trim_end();
    let (name, is_full) = name.strip_suffix(" --").map_or((name, false), |name| (name, true));
    (!name.is_empty() && !name.starts_with("Tests run: ")).then_some(Header { name, is_error, duration, is_full })
}

/// Takes class and method apart. `class` is the one whose tests were the latest to be counted.
pub(super) fn names<'t>(header: &Header<'t>, class: &'t str) -> (&'t str, &'t str) {
    let name = header.name;
    if name == class {
        // Something of the whole class; Surefire 3 leaves the name out of its report.
        return (class, if header.is_full { "" } else { name });
    }
    if let Some((method, of)) = name.strip_suffix(')').and_then(|name| name.rsplit_once('('))
        && is_class(of)
        && (of == class || of.contains('.'))
    {
        return (of, method);
    }
    match name.strip_prefix(class) {
        Some(rest) if rest.starts_with('.') => (class, &rest[1..]),
        Some(rest) if rest.starts_with('$') && rest.contains('.') => split_full(name).unwrap_or((class, name)),
        _ if header.is_full => split_full(name).unwrap_or((class, name)),
        _ => (class, name),
    }
}

/// Takes `com.acme.CartTest.adds(String)[2]` apart: at the last point before what is added to a method.
pub(super) fn split_full(name: &str) -> Option<(&str, &str)> {
    let end = name.find(['(', '[', '{', ' ']).unwrap_or(name.len());
    let at = name[..end].rfind('.')?;
    Some((&name[..at], &name[at + 1..]))
}

fn is_class(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '$'))
}

/// Tells whether a line heads a list of the results, and what it lists.
pub(super) fn list(text: &str) -> Option<List> {
    Some(match text.trim_end() {
        "Failures:" | "Failed tests:" => List::Failures,
        "Errors:" | "Tests in error:" => List::Errors,
        "Flakes:" | "Flaked tests:" => List::Flakes,
        _ => return None,
    })
}

/// A list of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Failures,
    Errors,
    Flakes,
}

/// Reads an entry of a list, `CartTest.adds:12->check:33 expected: <3> but was: <2>` or, long ago,
/// `adds(com.acme.CartTest): expected …`; returns class and method without their additions, and the message.
pub(super) fn entry(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.trim();
    if let Some((method, rest)) = text.split_once('(')
        && let Some((class, message)) = rest.split_once("): ").or_else(|| Some((rest.strip_suffix(')')?, "")))
        && is_class(class)
        && is_class(method)
        && !method.contains('.')
    {
        return Some((class, method, message));
    }
    let (head, rest) = text.split_at(text.find([' ', '[']).unwrap_or(text.len()));
    let message = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("] ").map_or("", |(_, message)| message),
        None => rest.trim_start(),
    };
    let head = head.split("->").next().unwrap_or(head);
    let head = head.split(':').next().unwrap_or(head);
    let (class, method) = match head.split_once('>') {
        Some((class, inherited)) => (class, inherited.rsplit('.').next().unwrap_or(inherited)),
        None => head.rsplit_once('.')?,
    };
    let message = message.trim_start_matches("» ");
    (is_class(class) && !method.is_empty()).then_some((class, method, message))
}

/// Where the method of an entry's test stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'t> {
    /// The class without its package: for an inherited test that which has it.
    pub(super) class: &'t str,
    pub(super) line: &'t str,
}

/// Reads the place in `CartTest.adds:12->check:33 …` or `ChildTest>BaseTest.inherited:14->BaseTest.check:9 …`.
pub(super) fn entry_place(text: &str) -> Option<Place<'_>> {
    let head = text.trim_start().split([' ', '[']).next()?.split("->").next()?;
    let (path, line) = head.split_once(':')?;
    let path = path.rsplit('>').next()?;
    let (class, _) = path.rsplit_once('.')?;
    (is_class(class) && line.parse::<u32>().is_ok()).then_some(Place { class, line })
}

/// What Maven could not do: the goal or nothing, the project or nothing, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal<'t> {
    pub(super) goal: &'t str,
    pub(super) project: &'t str,
    pub(super) message: &'t str,
}

/// Reads `Failed to execute goal GOAL (default) on project shop: why -> [Help 1]`.
pub(super) fn refusal(text: &str) -> Option<Refusal<'_>> {
    let rest = text.strip_prefix("Failed to execute goal ")?;
    let (goal, rest) =
        rest.strip_prefix("on project ").map(|rest| ("", rest)).or_else(|| rest.split_once(" on project "))?;
    let (project, message) = rest.split_once(": ")?;
    let message = message.split(" -> [Help ").next().unwrap_or(message);
    Some(Refusal { goal, project, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_counts(text: &str, numbers: [u64; 4], class: Option<&str>, is_of_class: bool) {
        let [tests, failures, errors, skipped] = numbers;
        let tally = Tally { tests, failures, errors, skipped };
        assert_eq!(counts(text), Some(Counts { tally, class, is_of_class }), "{text}");
    }

    #[test]
    fn counts_of_classes_and_runs_are_read_in_all_versions() {
        let numbers = "Tests run: 3, Failures: 1, Errors: 0, Skipped: 2";
        check_counts(
            &format!("{numbers}, Time elapsed: 0.05 s <<< FAILURE! -- in a.B"),
            [3, 1, 0, 2],
            Some("a.B"),
            true,
        );
        check_counts(&format!("{numbers}, Time elapsed: 1,234.5 s - in a.B$C"), [3, 1, 0, 2], Some("a.B$C"), true);
        check_counts(&format!("{numbers}, Time elapsed: 0.05 sec <<< FAILURE!"), [3, 1, 0, 2], None, true);
        check_counts(&format!("{numbers}, Flakes: 1"), [3, 1, 0, 2], None, false);
        check_counts(numbers, [3, 1, 0, 2], None, false);
        assert_eq!((counts("Tests run: 3"), counts("Tests run: 3, Failures: x")), (None, None));
    }

    fn check_names(text: &str, class: &str, names: (&str, &str)) {
        let header = header(text).unwrap_or_else(|| panic!("no header in {text}"));
        assert_eq!(super::names(&header, class), names, "{text}");
    }

    #[test]
    fn headers_name_class_and_method_in_all_versions() {
        check_names("a.B.adds -- Time elapsed: 0.01 s <<< FAILURE!", "a.B", ("a.B", "adds"));
        check_names(
            "a.B$C.m(String, int)[2] -- Time elapsed: 0.01 s <<< ERROR!",
            "a.B",
            ("a.B$C", "m(String, int)[2]"),
        );
        check_names("a.B -- Time elapsed: 0.01 s <<< ERROR!", "a.B", ("a.B", ""));
        check_names("a.B  Time elapsed: 0.01 s  <<< ERROR!", "a.B", ("a.B", "a.B"));
        check_names("adds(a.B)  Time elapsed: 0.01 sec  <<< FAILURE!", "a.B", ("a.B", "adds"));
        check_names("fib[2: fib(2)=2](a.B)  Time elapsed: 0 s  <<< FAILURE!", "a.B", ("a.B", "fib[2: fib(2)=2]"));
        check_names("named{String}[2]  Time elapsed: 0 s  <<< FAILURE!", "a.B", ("a.B", "named{String}[2]"));
        check_names("two words  Time elapsed: 1,234.5 s  <<< FAILURE!", "a.B", ("a.B", "two words"));
        assert_eq!(header("Tests run: 3, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.05 s <<< FAILURE!"), None);
        assert_eq!(
            header("a  Time elapsed: 1,234.5 s  <<< ERROR!").unwrap().duration,
            Some(Duration::from_secs_f64(1234.5))
        );
    }

    #[test]
    fn entries_name_class_and_method_in_all_versions() {
        for (text, expected) in [
            ("  CartTest.adds:12 expected: <3>", ("CartTest", "adds", "expected: <3>")),
            ("CartTest.adds:12->check:33 » IllegalState no", ("CartTest", "adds", "IllegalState no")),
            ("ChildTest>BaseTest.inherited:14->BaseTest.check:9 n is 1", ("ChildTest", "inherited", "n is 1")),
            ("OldTest.throwsNot[0: fib(0)=0] Expected", ("OldTest", "throwsNot", "Expected")),
            ("CartTest$WhenFull.deep:76 deep", ("CartTest$WhenFull", "deep", "deep")),
            ("adds(com.acme.CartTest): expected:<3>", ("com.acme.CartTest", "adds", "expected:<3>")),
            ("adds(com.acme.CartTest)", ("com.acme.CartTest", "adds", "")),
        ] {
            assert_eq!(entry(text), Some(expected), "{text}");
        }
        for (text, place) in [
            ("CartTest.adds:12->check:33 » IllegalState no", Some(Place { class: "CartTest", line: "12" })),
            ("ChildTest>BaseTest.inherited:14->BaseTest.check:9 n", Some(Place { class: "BaseTest", line: "14" })),
            ("OldTest.throwsNot[0: fib(0)=0] Expected", None),
        ] {
            assert_eq!(entry_place(text), place, "{text}");
        }
        assert_eq!((entry("two> but was: <one"), entry("")), (None, None));
    }

    #[test]
    fn what_maven_could_not_do_is_read_with_its_project() {
        let refused = "Failed to execute goal org.apache:maven-x:1.0:y (default) on project shop: Compilation failure: no -> [Help 1]";
        let refusal = refusal(refused).unwrap();
        assert_eq!(
            (refusal.goal, refusal.project, refusal.message),
            ("org.apache:maven-x:1.0:y (default)", "shop", "Compilation failure: no")
        );
        let refusal = super::refusal("Failed to execute goal on project core: Could not resolve: x").unwrap();
        assert_eq!((refusal.goal, refusal.project, refusal.message), ("", "core", "Could not resolve: x"));
    }
}
