//! `pytest`: node ids on the command line, results from its JUnit report.
//!
//! Ids are those of the report: the dotted module and classes as suite, the function with its parameters as name. A
//! module's file is the longest beginning of the suite that is one in the project. pytest runs nothing at all when one of
//! the node ids is unknown (exit code 4), so that ids that vanished are found by listing.

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{BuildReport, TestId};
use crate::runner::{ARGUMENTS_BYTES_MAX, Adopted, Invocation, Runner, Site, Suite, batches, nearest};

/// The runner; it holds nothing.
#[derive(Debug)]
pub struct Pytest;

/// Files that belong to pytest alone.
const OWN_FILES: &[&str] = &["pytest.ini", ".pytest.ini", "pytest.toml", "conftest.py"];

/// Files that may configure it, and the words by which they do.
const SHARED_FILES: &[(&str, &str)] = &[
    ("pyproject.toml", "pytest"),
    ("setup.cfg", "[tool:pytest]"),
    ("tox.ini", "pytest"),
    ("requirements.txt", "pytest"),
];

/// Options that decide how tests behave, and are kept in every run; with a value in the next word.
const KEPT_WITH_VALUE: &[&str] = &["-p", "-o", "-c", "-W", "-n", "--rootdir", "--confcutdir", "--import-mode", "--ds"];

/// Folders of virtual environments in a project.
const ENVIRONMENTS: &[&str] = &[".venv", "venv", "env"];

impl Runner for Pytest {
    fn name(&self) -> &'static str {
        "pytest"
    }

    fn detect(&self, dir: &Utf8Path, root: &Utf8Path) -> Option<Utf8PathBuf> {
        let shared = SHARED_FILES.iter().filter_map(|(file, word)| {
            nearest(dir, root, &[file])
                .filter(|path| fs_err::read_to_string(path).is_ok_and(|text| text.contains(word)))
        });
        let found = shared.chain(nearest(dir, root, OWN_FILES));
        found.max_by_key(|path| path.components().count())
    }

    fn adopt(&self, command: &[String]) -> Option<Adopted> {
        let at = command.iter().position(|word| {
            let program = Utf8Path::new(word).file_name();
            matches!(program, Some("pytest" | "py.test"))
        })?;
        let mut adopted = Adopted::default();
        let mut words = command[at + 1..].iter();
        while let Some(word) = words.next() {
            let name = word.split('=').next().unwrap_or(word);
            if KEPT_WITH_VALUE.contains(&word.as_str()) {
                adopted.test.push(word.clone());
                adopted.test.extend(words.next().cloned());
            } else if KEPT_WITH_VALUE.contains(&name) {
                adopted.test.push(word.clone());
            } else if !word.starts_with('-') && !word.contains("::") {
                adopted.build.push(word.clone());
            }
        }
        Some(adopted)
    }

    fn needs(&self) -> &'static [&'static str] {
        &["python3"]
    }

    fn build(&self, _: &Site) -> Option<Invocation> {
        None
    }

    fn suites(&self, site: &Site, _: &BuildReport) -> Vec<Suite> {
        let manifest = self.detect(&site.dir, &site.root);
        let cwd = manifest.as_deref().and_then(Utf8Path::parent).unwrap_or(&site.dir).to_owned();
        let python = ENVIRONMENTS.iter().map(|folder| cwd.join(folder).join("bin/python")).find(|path| path.exists());
        let python = python.map_or_else(|| "python3".to_owned(), Utf8PathBuf::into_string);
        let env = [("PYTHONDONTWRITEBYTECODE", "1")].map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mut suite =
            Suite { cwd, env, ..Suite::of_project(site, &[&python, "-m", "pytest", "-p", "no:cacheprovider"]) };
        suite.argv.extend(site.adopted.test.iter().cloned());
        vec![suite]
    }

    fn list(&self, suite: &Suite) -> Option<Invocation> {
        Some(invocation(suite, ["--collect-only", "--verbosity=-1"].map(str::to_owned)))
    }

    fn read_list(&self, _: &Suite, output: &str) -> Vec<TestId> {
        output.lines().filter_map(id_of_node).collect()
    }

    fn all(&self, site: &Site, suite: &Suite) -> Invocation {
        reported(site, suite, site.adopted.build.iter().cloned())
    }

    fn only(&self, site: &Site, suite: &Suite, ids: &[TestId]) -> Vec<Invocation> {
        let nodes: Vec<_> = ids.iter().filter_map(|id| node(&suite.cwd, id)).collect();
        let plan = batches(&nodes, ARGUMENTS_BYTES_MAX, String::len);
        plan.map(|batch| reported(site, suite, batch.iter().cloned())).collect()
    }

    /// Exit codes 2 to 5: interrupted by errors outside of tests, internal error, usage error, no tests collected.
    fn is_refusal(&self, code: i32) -> bool {
        (2..=5).contains(&code)
    }
}

fn invocation(suite: &Suite, words: impl IntoIterator<Item = String>) -> Invocation {
    let argv = suite.argv.iter().cloned().chain(words).collect();
    Invocation { argv, cwd: suite.cwd.clone(), env: suite.env.clone(), format: "pytest", ..Invocation::default() }
}

/// Plans a run whose results are in a JUnit report; the older of its families tells files and lines.
fn reported(site: &Site, suite: &Suite, words: impl IntoIterator<Item = String>) -> Invocation {
    let report = site.build.join("pytest.xml");
    let options = [format!("--junitxml={report}"), "-o".to_owned(), "junit_family=xunit1".to_owned()];
    let planned = invocation(suite, options.into_iter().chain(words));
    Invocation { format: "junit", report: Some(report), ..planned }
}

/// Returns the node id of a test: its file, classes and name.
fn node(root: &Utf8Path, id: &TestId) -> Option<String> {
    let parts: Vec<_> = id.suite.split('.').collect();
    let file_of = |n: usize| Utf8PathBuf::from(parts[..n].join("/") + ".py");
    let n = (1..=parts.len()).rev().find(|&n| root.join(file_of(n)).is_file())?;
    let mut node = file_of(n).into_string();
    if id.is_of_suite() {
        return Some(node);
    }
    for part in parts[n..].iter().chain([&id.name.as_str()]) {
        node += "::";
        node += part;
    }
    Some(node)
}

/// Reads a node id as `--collect-only` prints it, one a line.
fn id_of_node(node: &str) -> Option<TestId> {
    let end = node.find(".py::")?;
    let module = node[..end].trim_start_matches("./").replace('/', ".");
    let rest = &node[end + ".py::".len()..];
    let (path, parameters) = rest.split_at(rest.find('[').unwrap_or(rest.len()));
    let (classes, function) = path.rsplit_once("::").unwrap_or(("", path));
    let suite = [module.as_str()].into_iter().chain(classes.split("::").filter(|class| !class.is_empty()));
    Some(TestId::new(suite.collect::<Vec<_>>().join("."), format!("{function}{parameters}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Site) {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        for (name, text) in files {
            fs_err::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs_err::write(root.join(name), text).unwrap();
        }
        let adopted = Adopted { build: vec!["tests".to_owned()], test: vec!["-n".to_owned(), "2".to_owned()] };
        let site =
            Site { dir: root.join("tests"), root, build: "/build".into(), adopted, offline: true, detailed: false };
        (folder, site)
    }

    #[test]
    fn a_project_is_known_by_its_configuration() {
        let check = |files: &[(&str, &str)]| {
            let (_folder, site) = project(files);
            Pytest.detect(&site.dir, &site.root).and_then(|path| path.file_name().map(str::to_owned))
        };
        assert_eq!(check(&[("pyproject.toml", "[tool.pytest.ini_options]")]).as_deref(), Some("pyproject.toml"));
        assert_eq!(check(&[("pyproject.toml", ""), ("tests/conftest.py", "")]).as_deref(), Some("conftest.py"));
        assert_eq!(check(&[("pyproject.toml", "[project]")]), None);
    }

    #[test]
    fn ids_become_node_ids_and_back() {
        let (_folder, site) = project(&[("pytest.ini", ""), ("tests/test_x.py", ""), ("tests/sub/test_y.py", "")]);
        let suite = &Pytest.suites(&site, &BuildReport::default())[0];
        assert_eq!(suite.cwd, site.root);
        for (suite_name, name, wanted) in [
            ("tests.test_x", "test_a", "tests/test_x.py::test_a"),
            ("tests.test_x.TestC.Inner", "test_a[x::y.z]", "tests/test_x.py::TestC::Inner::test_a[x::y.z]"),
            ("tests.sub.test_y", "test_b[[]", "tests/sub/test_y.py::test_b[[]"),
        ] {
            let id = TestId::new(suite_name, name);
            let plan = Pytest.only(&site, suite, std::slice::from_ref(&id));
            assert_eq!(plan[0].argv.last().map(String::as_str), Some(wanted));
            assert_eq!(id_of_node(wanted), Some(id));
        }
        assert_eq!(Pytest.only(&site, suite, &[TestId::new("tests.gone", "test_a")]), []);
        let whole = Pytest.only(&site, suite, &[TestId::of_suite("tests.test_x")]);
        assert_eq!(whole[0].argv.last().map(String::as_str), Some("tests/test_x.py"));
    }

    #[test]
    fn a_command_gives_its_paths_and_what_changes_behaviour() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let adopted =
            Pytest.adopt(&words("uv run pytest -x -n 4 tests/unit a.py::test_b -p no:randomly -o=x=1")).unwrap();
        assert_eq!((adopted.build, adopted.test), (words("tests/unit"), words("-n 4 -p no:randomly -o=x=1")));
        assert_eq!(Pytest.adopt(&words("python -m unittest")), None);
    }
}
