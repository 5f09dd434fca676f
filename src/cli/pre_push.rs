//! `heal-tests pre-push`: tests what is pushed, in a checkout of its own. It never heals and never edits.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::time::Instant;

use clap::Args;

use crate::cli::{Failure, Place, options};
use crate::config::Options;
use crate::hook::pre_push;
use crate::model::Patch;
use crate::process::Cancel;
use crate::runner::{self, Adopted, NoRunner};
use crate::text::words;
use crate::verify::{self, Limits, Selection, TestBed, Trouble};
use crate::workspace::{self, Lock, Project};

/// Largest input git could give: one line a pushed reference.
const STDIN_BYTES_MAX: u64 = 16 << 20;

/// git's arguments, and ours.
#[derive(Debug, Args)]
pub(super) struct PrePush {
    /// Name of the remote, as git gives it
    remote: Option<String>,

    /// URL of the remote, as git gives it
    url: Option<String>,

    /// Longest time for all pushed commits together; what does not fit is not tested, and said so [default: 10m]
    #[arg(long, value_name = "TIME")]
    max_time: Option<String>,

    #[command(flatten)]
    place: Place,
}

/// Tests each pushed commit; a red one blocks the push.
pub(super) async fn run(push: &PrePush, cancel: Cancel) -> Result<u8, Failure> {
    let mut typed = push.place.typed();
    typed.max_time.clone_from(&push.max_time);
    let options = options(&typed)?;
    let mut input = Vec::new();
    std::io::stdin()
        .lock()
        .take(STDIN_BYTES_MAX)
        .read_to_end(&mut input)
        .map_err(|error| Failure::usage(format!("failed to read standard input: {error}"), ""))?;
    let pushes = pre_push::parse(&input)
        .map_err(|error| Failure::usage(error.to_string(), "git calls this hook; do not call it by hand"))?;
    let commits: BTreeSet<_> = pushes.iter().map(|push| push.local_oid.as_str()).collect();
    if commits.is_empty() {
        return Ok(0);
    }
    let started = Instant::now();
    let project = Project::find(&options.dir, &options.child_env).await?;
    let _lock = Lock::take(&project, &options.state)?;
    let mut is_red = false;
    for commit in commits {
        let deadline = options.budget.time_max.map(|time| started + time);
        let limits = Limits::of(&options, deadline, cancel.clone());
        is_red |= test_commit(&project, &options, commit, limits).await?;
    }
    Ok(u8::from(is_red))
}

/// Tests one commit; returns whether it is red.
async fn test_commit(project: &Project, options: &Options, commit: &str, limits: Limits) -> Result<bool, Failure> {
    let scratch = workspace::checkout(project, commit, &options.state).await?;
    let short = commit.get(..12).unwrap_or(commit);
    let adopted = Adopted { build: options.runner.options.clone().unwrap_or_default(), test: Vec::new() };
    let site = verify::site(&scratch, options, adopted);
    let runner = match runner::choose(&options.runner, &site.dir, &site.root, None) {
        Ok(runner) => runner,
        Err(NoRunner::NotFound { .. }) => {
            say(&format!("heal-tests: {short} holds no project whose test runner is known; not tested"));
            return Ok(false);
        }
        Err(error) => return Err(Failure::usage(error.to_string(), error.hint())),
    };
    let mut bed = TestBed::new(scratch, runner, site, limits);
    match failing(&mut bed).await {
        Ok((failing, n_tests)) if failing.is_empty() => {
            say(&format!("heal-tests: {} passed at {short}", words::count(n_tests, "test")));
            Ok(false)
        }
        Ok((failing, _)) => {
            say(&format!("heal-tests: push blocked: {} failing at {short}", words::count(failing.len(), "test")));
            for id in &failing {
                say(&format!("  {id}"));
            }
            say("heal them with: heal-tests\npush anyway with: git push --no-verify");
            Ok(true)
        }
        Err(Trouble::OutOfTime) => {
            say(&format!("heal-tests: {short} was not tested to the end: its time (--max-time) is used up"));
            Ok(false)
        }
        Err(Trouble::Interrupted) => {
            Err(Failure { sentence: "interrupted".to_owned(), hint: String::new(), code: 130 })
        }
        Err(trouble) => Err(Failure::internal(trouble.to_string(), "push without this check: git push --no-verify")),
    }
}

/// Returns the failing tests of what the bed holds, and how many ran.
async fn failing(bed: &mut TestBed) -> Result<(Vec<String>, usize), Trouble> {
    bed.put(&Patch::default())?;
    let build = bed.build().await?;
    if build.timed_out {
        return Err(Trouble::OutOfTime);
    }
    let broken = build.failures.iter().map(|failure| format!("{} does not build", failure.id.suite));
    let mut failing: Vec<_> = broken.collect();
    let run = bed.run(&build, Selection::All).await?;
    failing.extend(run.red().iter().map(ToString::to_string));
    Ok((failing, run.ended().len()))
}

fn say(sentence: &str) {
    let _ = writeln!(anstream::stderr(), "{sentence}");
}
