//! `heal-tests hook`: installs and removes hooks of other programs.

use std::io::Write;

use clap::Subcommand;

use crate::cli::{Failure, Place, options};
use crate::hook::git::{self, Installed, Uninstalled};
use crate::workspace::Project;

/// What to do with which hook.
#[derive(Debug, Subcommand)]
pub(super) enum Hook {
    /// Install a hook
    Install(Target),
    /// Remove a hook that was installed here, and restore what it chained
    Uninstall(Target),
}

/// Whose hook.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// The program whose hook it is
    #[arg(value_enum)]
    program: Program,

    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Program {
    /// git's pre-push hook; `core.hooksPath` is respected, an existing hook is chained
    Git,
}

/// What the hook calls: found on the path when the hook runs, so that it outlives an update of this program.
const PROGRAM: &str = "heal-tests";

fn told_installed(installed: &Installed) -> String {
    let Installed { path, chained, changed } = installed;
    let what = if *changed { "installed" } else { "already installed" };
    match chained {
        Some(chained) => format!("{what}: {path}\nthe hook that was there runs first: {chained}"),
        None => format!("{what}: {path}"),
    }
}

fn told_uninstalled(uninstalled: Uninstalled) -> String {
    match uninstalled {
        Uninstalled::Removed => "the hook was removed".to_owned(),
        Uninstalled::Restored => "the hook was removed, and the one that was there before is back".to_owned(),
        Uninstalled::NothingThere => "there was no hook of ours".to_owned(),
    }
}

/// Installs or removes a hook.
pub(super) async fn run(hook: &Hook) -> Result<u8, Failure> {
    let (Hook::Install(target) | Hook::Uninstall(target)) = hook;
    let Program::Git = target.program;
    let options = options(&target.place.typed())?;
    let project = Project::find(&options.dir, &options.child_env).await?;
    let hooks_dir = project.hooks_dir().await?;
    let told = match hook {
        Hook::Install(_) => git::install(&hooks_dir, PROGRAM).map(|installed| told_installed(&installed)),
        Hook::Uninstall(_) => git::uninstall(&hooks_dir).map(told_uninstalled),
    };
    let told = told.map_err(|error| Failure::usage(error.to_string(), ""))?;
    let _ = writeln!(anstream::stderr(), "{told}");
    Ok(0)
}
