//! Every runner on a real project of its own: what a full run finds, and that a re-run of some tests runs just those.
//!
//! Each folder `fixtures/tree/run_*` with a `run.toml` is such a project; its snapshot holds how every test ends. Adding a
//! folder adds a test. A runner that is not installed is said to be missing, and fails the test in CI.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use camino::Utf8PathBuf;
use heal_tests::model::{Outcome, Patch, TestId};
use heal_tests::process::Cancel;
use heal_tests::runner::{self, Adopted, Runner, Site};
use heal_tests::verify::{Build, Limits, Run, Selection, TestBed};
use heal_tests::workspace::{Project, Scratch, Snapshot};
use serde::Deserialize;

use crate::sandbox::confined;
use crate::slow;

/// What a project says of itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    /// The runner's name.
    runner: String,
    /// Commands that succeed where everything is installed that it needs.
    needs: Vec<Vec<String>>,
    /// Commands that make the project ready, such as installing what it declares.
    #[serde(default)]
    prepare: Vec<Vec<String>>,
    /// Why more tests may run than are asked for, where the runner cannot select exactly.
    surplus: Option<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_runner_runs_exactly_the_tests_it_is_asked_for() {
    slow!();
    let mut missing = Vec::new();
    let only = std::env::var("ONLY_RUNNER").ok();
    for project in projects().into_iter().filter(|path| only.as_ref().is_none_or(|only| path.ends_with(only))) {
        let about: About = toml::from_str(&fs::read_to_string(project.join("run.toml")).unwrap()).unwrap();
        let is_there = |command: &Vec<String>| succeeds(command, &std::env::temp_dir());
        match about.needs.iter().find(|command| !is_there(command)) {
            Some(command) => missing.push(format!("{}: {}", about.runner, command.join(" "))),
            None => check(&project, &about).await,
        }
    }
    assert!(missing.is_empty(), "runners that are not installed were not tried:\n{}", missing.join("\n"));
}

fn projects() -> Vec<PathBuf> {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree");
    let folders = fs::read_dir(tree).unwrap().map(|entry| entry.unwrap().path());
    let mut projects: Vec<_> = folders.filter(|path| path.join("run.toml").exists()).collect();
    projects.sort();
    projects
}

fn succeeds(command: &[String], folder: &Path) -> bool {
    let mut run = Command::new(&command[0]);
    run.args(&command[1..]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    run.status().is_ok_and(|status| status.success())
}

async fn check(project: &Path, about: &About) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("project");
    copy_armed(project, &copy);
    for command in &about.prepare {
        assert!(succeeds(command, &copy), "failed to prepare {}: {command:?}", about.runner);
    }
    let state = Utf8PathBuf::from_path_buf(folder.path().join("state")).unwrap();
    let mut bed = test_bed(&copy, &state, about).await;
    bed.put(&Patch::default()).unwrap();
    let build = bed.build().await.unwrap();
    assert!(build.is_whole(), "{}: {:#?}", about.runner, build.failures);
    let whole = bed.run(&build, Selection::All).await.unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(project);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("outcomes", rendered(&whole)));
    check_selections(&mut bed, &build, &whole, about).await;
}

fn rendered(run: &Run) -> String {
    let line = |(id, outcome): (&TestId, &Option<Outcome>)| {
        let ended = outcome.map_or_else(|| "did not run".to_owned(), |outcome| format!("{outcome:?}").to_lowercase());
        format!("{ended}: {:?} {:?}", id.suite, id.name)
    };
    run.outcomes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Runs the failing tests, then each kind of test with one that does not exist; whatever ran must have been asked for.
async fn check_selections(bed: &mut TestBed, build: &Build, whole: &Run, about: &About) {
    let with = |wanted: fn(Outcome) -> bool| -> Vec<TestId> {
        let ended = whole.outcomes.iter().filter(|(_, outcome)| outcome.is_some_and(wanted));
        ended.map(|(id, _)| id.clone()).collect()
    };
    let (red, passed) = (with(Outcome::is_red), with(|outcome| outcome == Outcome::Passed));
    assert!(!red.is_empty() && !passed.is_empty(), "{}: {:#?}", about.runner, whole.outcomes);
    check_selection(bed, build, whole, &red, about).await;
    check_selection(bed, build, whole, &passed, about).await;
    for id in &red {
        check_selection(bed, build, whole, std::slice::from_ref(id), about).await;
    }
    let gone = TestId::new(&red[0].suite, "a_test_that_is_gone");
    let with_gone: Vec<_> = [&red[0], &gone, &passed[0]].map(Clone::clone).into();
    check_selection(bed, build, whole, &with_gone, about).await;
}

async fn check_selection(bed: &mut TestBed, build: &Build, whole: &Run, ids: &[TestId], about: &About) {
    let run = bed.run(build, Selection::Only(ids)).await.unwrap();
    let wanted: BTreeMap<_, _> = ids.iter().map(|id| (id.clone(), whole.outcomes.get(id).copied().flatten())).collect();
    assert_eq!(run.outcomes, wanted, "{}: {:#?}", about.runner, run);
    assert!(run.n_surplus == 0 || about.surplus.is_some(), "{}: more ran than was asked for: {run:#?}", about.runner);
}

async fn test_bed(project: &Path, state: &Utf8PathBuf, about: &About) -> TestBed {
    let env: Vec<(String, String)> = std::env::vars().collect();
    let dir = Utf8PathBuf::from_path_buf(project.to_owned()).unwrap();
    let project = Project::find(&dir, &env).await.unwrap();
    let snapshot = Snapshot::take(&project, state).await.unwrap();
    let scratch = Scratch::open(&snapshot, state, 0).await.unwrap();
    let runner = runner_named(&about.runner);
    let found = runner::detect(&project.dir, &project.root, None).map(Runner::name);
    assert_eq!(found, Some(runner.name()), "the project is taken for another runner's");
    let site = Site {
        root: scratch.root.clone(),
        dir: scratch.dir(),
        build: scratch.build_dir(),
        adopted: Adopted::default(),
        offline: false,
        detailed: false,
    };
    let limits = Limits {
        sandbox: confined().await,
        env,
        wrap: Vec::new(),
        run_timeout: Duration::from_mins(5),
        deadline: None,
        cancel: Cancel::default(),
    };
    TestBed::new(scratch, runner, site, limits)
}

fn runner_named(name: &str) -> &'static dyn Runner {
    let runner = runner::RUNNERS.iter().find(|runner| runner.name() == name);
    *runner.unwrap_or_else(|| panic!("no runner is called {name}"))
}

/// Copies a project; files called `X_test.Y`, which are disarmed manifests, get their names back.
fn copy_armed(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        match name {
            "run.toml" | "outcomes.snap" | "README.md" => {}
            _ if path.is_dir() => copy_armed(&path, &to.join(name)),
            "Cargo_test.toml" => drop(fs::copy(&path, to.join("Cargo.toml")).unwrap()),
            _ => drop(fs::copy(&path, to.join(name)).unwrap()),
        }
    }
    if to.join(".git").exists() || from.join("run.toml").exists() {
        let git = |args: &[&str]| assert!(Command::new("git").args(args).current_dir(to).status().unwrap().success());
        git(&["init", "--quiet", "--initial-branch=main"]);
    }
}
