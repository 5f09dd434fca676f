//! A runner described in `heal-tests.toml`: argv templates for everything this program does not know itself.
//!
//! A template is a list of words; a word is never read by a shell. In it stand:
//!
//! | placeholder | alone in a word | inside a word |
//! |---|---|---|
//! | `{tests}` | one word a test | all tests, joined by `join` |
//! | `{suites}` | one word a suite, such as a file | all suites, joined by `join` |
//! | `{test}` | a process for each test | the same |
//! | `{suite}` | a process for each suite | the same |
//! | `{regex}` | one word: `^(?:a\|b)$` with every test escaped | the same |
//! | `{report}` | the file the results are to be written into | the same |
//!
//! How a test is spelt is the `test` template, of `{suite}` and `{name}`.

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use crate::config::CustomTable;
use crate::model::{BuildReport, TestId};
use crate::runner::{ARGUMENT_BYTES_MAX, ARGUMENTS_BYTES_MAX, Adopted, Invocation, Runner, Site, Suite, batches};

/// A runner made of templates.
#[derive(Debug)]
pub struct Custom {
    table: CustomTable,
    /// The format of its results; empty where it is to be recognised.
    format: &'static str,
}

/// What is wrong with a description of a runner.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BadTemplate {
    /// A template without a program.
    #[error("runner.custom.{0} names no program")]
    Empty(&'static str),
    /// A placeholder that has no meaning there.
    #[error("runner.custom.{template} has the unknown placeholder {placeholder}")]
    Unknown {
        /// The template's key.
        template: &'static str,
        /// The placeholder as written.
        placeholder: String,
    },
    /// A selection that selects nothing.
    #[error("runner.custom.only names no tests: use {{tests}}, {{test}}, {{suites}}, {{suite}} or {{regex}}")]
    SelectsNothing,
}

/// What a template of a selection is filled with.
const SELECTING: &[&str] = &["{tests}", "{test}", "{suites}", "{suite}", "{regex}"];

impl Custom {
    /// Checks a description and makes it a runner, which lives as long as the program.
    pub fn install(table: CustomTable) -> Result<&'static dyn Runner, BadTemplate> {
        check("all", &table.all, &["{report}"])?;
        check("only", &table.only, &[SELECTING, &["{report}"]].concat())?;
        check("test", std::slice::from_ref(&table.test), &["{suite}", "{name}"])?;
        if !table.build.is_empty() {
            check("build", &table.build, &[])?;
        }
        if !SELECTING.iter().any(|placeholder| table.only.iter().any(|word| word.contains(placeholder))) {
            return Err(BadTemplate::SelectsNothing);
        }
        let format = table.format.clone().unwrap_or_default().leak();
        Ok(Box::leak(Box::new(Self { table, format })))
    }

    fn spelt(&self, id: &TestId) -> String {
        if id.is_of_suite() {
            return id.suite.clone();
        }
        fill(&self.table.test, &[("{suite}", &id.suite), ("{name}", &id.name)])
    }

    fn has(&self, placeholder: &str) -> bool {
        self.table.only.iter().any(|word| word.contains(placeholder))
    }

    fn invocation(&self, site: &Site, argv: &[String]) -> Invocation {
        let report = site.build.join("results");
        let writes_report = argv.iter().any(|word| word.contains("{report}"));
        let argv = argv.iter().map(|word| fill(word, &[("{report}", report.as_str())])).collect();
        let report = writes_report.then_some(report);
        let (cwd, format) = (site.dir.clone(), self.format);
        Invocation { argv, cwd, format, report, surplus: self.surplus(), ..Invocation::default() }
    }

    fn surplus(&self) -> Option<&'static str> {
        let by_suite = self.has("{suite}") || self.has("{suites}");
        let reason = "the runner's template selects whole suites";
        if by_suite { Some(reason) } else { (!self.table.exact).then_some("the runner's template is not exact") }
    }

    /// Plans one process for these tests.
    fn batch(&self, site: &Site, ids: &[TestId]) -> Invocation {
        let tests: Vec<_> = ids.iter().map(|id| self.spelt(id)).collect();
        let mut suites: Vec<_> = ids.iter().map(|id| id.suite.clone()).collect();
        suites.dedup();
        let alternatives: Vec<_> = tests.iter().map(|test| regex::escape(test)).collect();
        let regex = format!("^(?:{})$", alternatives.join("|"));
        let (one_test, one_suite) =
            (tests.first().cloned().unwrap_or_default(), suites.first().cloned().unwrap_or_default());
        let mut argv = Vec::new();
        for word in &self.table.only {
            match word.as_str() {
                "{tests}" => argv.extend(tests.iter().cloned()),
                "{suites}" => argv.extend(suites.iter().cloned()),
                word => argv.push(fill(
                    word,
                    &[
                        ("{tests}", &tests.join(&self.table.join)),
                        ("{suites}", &suites.join(&self.table.join)),
                        ("{test}", &one_test),
                        ("{suite}", &one_suite),
                        ("{regex}", &regex),
                    ],
                )),
            }
        }
        self.invocation(site, &argv)
    }
}

impl Runner for Custom {
    fn name(&self) -> &'static str {
        "custom"
    }

    fn detect(&self, _: &Utf8Path, _: &Utf8Path) -> Option<Utf8PathBuf> {
        None
    }

    fn adopt(&self, _: &[String]) -> Option<Adopted> {
        None
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn build(&self, site: &Site) -> Option<Invocation> {
        let argv = &self.table.build;
        (!argv.is_empty()).then(|| Invocation { format: "", ..self.invocation(site, argv) })
    }

    fn suites(&self, site: &Site, _: &BuildReport) -> Vec<Suite> {
        vec![Suite::of_project(site, &[])]
    }

    fn list(&self, _: &Suite) -> Option<Invocation> {
        None
    }

    fn all(&self, site: &Site, _: &Suite) -> Invocation {
        Invocation { surplus: None, ..self.invocation(site, &self.table.all) }
    }

    fn only(&self, site: &Site, _: &Suite, ids: &[TestId]) -> Vec<Invocation> {
        if self.has("{test}") {
            return ids.iter().map(|id| self.batch(site, std::slice::from_ref(id))).collect();
        }
        if self.has("{suite}") {
            return ids.chunk_by(|a, b| a.suite == b.suite).map(|ids| self.batch(site, ids)).collect();
        }
        let is_one_word =
            self.table.only.iter().any(|word| {
                word.contains("{regex}") || SELECTING.iter().any(|p| word.len() > p.len() && word.contains(p))
            });
        let bytes_max = if is_one_word { ARGUMENT_BYTES_MAX / 2 } else { ARGUMENTS_BYTES_MAX };
        let size = |id: &TestId| id.suite.len() + id.name.len() + self.table.test.len();
        batches(ids, bytes_max, size).map(|ids| self.batch(site, ids)).collect()
    }
}

/// Puts values into a word's placeholders, in one pass: what a value holds is not looked at again.
fn fill(word: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let (value, n) = values
            .iter()
            .find(|(placeholder, _)| rest.starts_with(placeholder))
            .map_or(("{", 1), |(placeholder, value)| (*value, placeholder.len()));
        filled.push_str(value);
        rest = &rest[n..];
    }
    filled + rest
}

/// Checks that a template has a program and only placeholders that mean something in it.
fn check(template: &'static str, words: &[String], known: &[&str]) -> Result<(), BadTemplate> {
    if words.first().is_none_or(String::is_empty) {
        return Err(BadTemplate::Empty(template));
    }
    for word in words {
        for (at, _) in word.match_indices('{') {
            let is_known = known.iter().any(|placeholder| word[at..].starts_with(placeholder));
            let end = word[at..].find('}').map(|n| at + n + 1);
            let inner = end.map(|end| &word[at + 1..end - 1]).unwrap_or_default();
            let is_placeholder = !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_lowercase());
            if is_placeholder && !is_known {
                return Err(BadTemplate::Unknown { template, placeholder: format!("{{{inner}}}") });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn custom(only: &str) -> Result<&'static dyn Runner, BadTemplate> {
        Custom::install(CustomTable {
            all: words("./check --out={report}"),
            only: words(only),
            test: "{suite}::{name}".to_owned(),
            ..CustomTable::default()
        })
    }

    fn plan(only: &str) -> Vec<Vec<String>> {
        let site = Site {
            root: "/t".into(),
            dir: "/t".into(),
            build: "/b".into(),
            adopted: Adopted::default(),
            offline: true,
            detailed: false,
        };
        let ids = [TestId::new("a", "x {regex}"), TestId::new("a", "y"), TestId::new("b", "z.*")];
        let plan = custom(only).unwrap().only(&site, &Suite::of_project(&site, &[]), &ids);
        plan.into_iter().map(|one| one.argv).collect()
    }

    #[test]
    fn every_form_of_selection_is_filled_in_and_nothing_is_filled_in_twice() {
        assert_eq!(plan("./check {tests}"), [["./check", "a::x {regex}", "a::y", "b::z.*"]]);
        assert_eq!(plan("./check -t {test}").len(), 3);
        assert_eq!(plan("./check T={tests}"), [["./check", "T=a::x {regex} a::y b::z.*"]]);
        assert_eq!(plan("./check {regex}"), [["./check", r"^(?:a::x \{regex\}|a::y|b::z\.\*)$"]]);
        assert_eq!(plan("./check {suites}"), [["./check", "a", "b"]]);
        assert_eq!(
            plan("./check {suite} --out={report}"),
            [["./check", "a", "--out=/b/results"], ["./check", "b", "--out=/b/results"]]
        );
    }

    #[test]
    fn a_description_that_cannot_work_is_refused() {
        assert_eq!(custom("").err(), Some(BadTemplate::Empty("only")));
        assert_eq!(custom("./check").err(), Some(BadTemplate::SelectsNothing));
        let unknown = custom("./check {tests} {file}").err().map(|error| error.to_string());
        assert_eq!(unknown.as_deref(), Some("runner.custom.only has the unknown placeholder {file}"));
        assert!(custom("awk {tests} {print}").is_err());
        assert!(custom("awk {tests} '{ print }'").is_ok());
    }
}
