//! `heal-tests demo`: heals bundled broken projects with the embedded debuggers alone. No key, no network.

use std::io::Write;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cli::door::TerminalDoor;
use crate::cli::{Failure, options};
use crate::config::{Options, Typed};
use crate::heal::heal;
use crate::model::SessionOutcome;
use crate::process::{self, Cancel, Ending, Task};

/// A bundled broken project.
struct Project {
    name: &'static str,
    /// What is broken, in a sentence.
    story: &'static str,
    /// Files as they are: path and text.
    files: &'static [(&'static str, &'static str)],
    /// Files as they were in an earlier commit, where that differs.
    base: &'static [(&'static str, &'static str)],
}

macro_rules! bundled {
    ($project:literal, $($path:literal),+) => {
        &[$(($path, include_str!(concat!("../../fixtures/tree/", $project, "/", $path)))),+]
    };
}

/// The projects, in the order they are shown.
static PROJECTS: &[Project] = &[
    Project {
        name: "words",
        story: "does not compile; the compiler knows why",
        files: bundled!("demo_compile_error", "README.md", "Cargo_test.toml", "src/lib.rs", "tests/words.rs"),
        base: &[],
    },
    Project {
        name: "discount",
        story: "one test of five fails; a small edit heals it",
        files: bundled!("demo_logic_fault", "README.md", "Cargo_test.toml", "src/lib.rs", "tests/discount.rs"),
        base: &[],
    },
    Project {
        name: "slug",
        story: "the last commit added something and broke something else",
        files: bundled!("demo_regression", "README.md", "Cargo_test.toml", "src/lib.rs", "tests/slug.rs"),
        base: &[("src/lib.rs", include_str!("../../fixtures/tree/demo_regression/base/src/lib.rs"))],
    },
];

/// Heals every bundled project; succeeds when all are healed.
pub(super) async fn run(cancel: Cancel) -> Result<u8, Failure> {
    let folder = tempfile::Builder::new().prefix("heal-tests-demo-").tempdir().map(tempfile::TempDir::keep);
    let folder = folder.map_err(|error| broken(&error))?;
    let Ok(folder) = Utf8PathBuf::from_path_buf(folder) else {
        return Err(Failure::usage("the temporary folder has no name in UTF-8", "set TMPDIR to another folder"));
    };
    let mut n_healed = 0;
    for project in PROJECTS {
        let dir = folder.join(project.name);
        let typed = Typed {
            dir: Some(dir.clone()),
            state: Some(folder.join("state")),
            accept: true,
            debugger: vec!["embedded".to_owned()],
            ..Typed::default()
        };
        fs_err::create_dir_all(&dir).map_err(|error| broken(&error))?;
        let options = options(&typed)?;
        lay_out(project, &dir, &options, &cancel).await?;
        say(&format!("\n── {}: {}\n", project.name, project.story));
        let mut door = TerminalDoor::open(&options)?;
        let outcome = heal(&options, &mut door, cancel.clone()).await?;
        door.farewell(outcome);
        match outcome {
            SessionOutcome::Healed => n_healed += 1,
            SessionOutcome::Interrupted => return Ok(outcome.exit_code()),
            _ => {}
        }
    }
    say(&format!("\n{n_healed} of {} projects healed; they are in {folder}", PROJECTS.len()));
    say("on your own project: run heal-tests after a red test run");
    Ok(u8::from(n_healed < PROJECTS.len()))
}

/// Writes the project and its short history as a git repository.
async fn lay_out(project: &Project, dir: &Utf8Path, options: &Options, cancel: &Cancel) -> Result<(), Failure> {
    let git = async |words: &[&str]| git(words, dir, options, cancel).await;
    git(&["init", "--quiet", "--initial-branch=main"]).await?;
    write(dir, ".gitignore", "/target\n")?;
    for (path, text) in project.files {
        write(dir, path, text)?;
    }
    if !project.base.is_empty() {
        for (path, text) in project.base {
            write(dir, path, text)?;
        }
        git(&["add", "--all"]).await?;
        git(&["commit", "--quiet", "--message", "first version"]).await?;
        for (path, text) in project.files {
            write(dir, path, text)?;
        }
    }
    git(&["add", "--all"]).await?;
    git(&["commit", "--quiet", "--message", "latest version"]).await
}

fn write(dir: &Utf8Path, path: &str, text: &str) -> Result<(), Failure> {
    let path = dir.join(if path == "Cargo_test.toml" { "Cargo.toml" } else { path });
    let parent = path.parent().map_or(Ok(()), fs_err::create_dir_all);
    parent.and_then(|()| fs_err::write(&path, text)).map_err(|error| broken(&error))
}

async fn git(words: &[&str], dir: &Utf8Path, options: &Options, cancel: &Cancel) -> Result<(), Failure> {
    let identity = ["-c", "user.name=heal-tests demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgSign=false"];
    let argv = ["git"].iter().chain(&identity).chain(words).map(ToString::to_string).collect();
    let mut env = options.child_env.clone();
    env.retain(|(name, _)| !name.starts_with("GIT_"));
    env.push(("GIT_CONFIG_GLOBAL".to_owned(), "/dev/null".to_owned()));
    let mut task = Task::new(argv, dir.to_owned(), env);
    task.timeout = Duration::from_mins(1);
    let finished = process::run(&task, cancel).await;
    let finished = finished.map_err(|error| Failure::usage(error.to_string(), "the demo needs git"))?;
    if let Ending::Exited(0) = finished.ending {
        Ok(())
    } else {
        let told = String::from_utf8_lossy(&finished.stderr);
        Err(Failure::internal(format!("failed to run git {}: {}", words.join(" "), told.trim()), ""))
    }
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::usage(format!("failed to lay out the demo: {error}"), "set TMPDIR to a folder that can be written")
}

fn say(sentence: &str) {
    let _ = writeln!(anstream::stderr(), "{sentence}");
}
