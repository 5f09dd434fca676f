//! Installs and removes the `pre-push` hook. A hook that is there is kept, under another name, and run first with the
//! same arguments and the same input; a foreign hook is never overwritten or lost.

use std::io;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

/// The hook's file name.
const HOOK: &str = "pre-push";

/// The name under which a hook that was there before is kept.
const CHAINED: &str = "pre-push.heal-tests-chained";

/// The line that tells our hook from a foreign one.
const MARK: &str = "# Written by heal-tests; remove it with: heal-tests hook uninstall git";

/// What installing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The hook's path.
    pub path: Utf8PathBuf,
    /// Where the hook that was there before is kept; it is run first. `None` when there was none.
    pub chained: Option<Utf8PathBuf>,
    /// Whether anything was changed: `false` when the very same hook was there already.
    pub changed: bool,
}

/// What uninstalling did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uninstalled {
    /// The hook was removed.
    Removed,
    /// The hook was removed and the one that was there before is in its place again.
    Restored,
    /// There was no hook of ours.
    NothingThere,
}

/// Why a hook was not installed or removed.
#[derive(Debug, Error)]
pub enum HookError {
    /// Another program writes the hooks in this folder, and would undo or not see ours.
    #[error("the hooks in {folder} are written by {tool}; add this line to {place} instead: {line}")]
    Managed {
        /// The hooks folder.
        folder: Utf8PathBuf,
        /// The program that writes it.
        tool: &'static str,
        /// Where its users put their own commands.
        place: &'static str,
        /// What to put there.
        line: String,
    },
    /// Both the hook and the one kept from before are foreign: which one counts is not ours to decide.
    #[error(
        "{hook} is not ours, and {kept} is still there from an earlier installation; remove the one that is outdated"
    )]
    TwoForeign {
        /// The hook.
        hook: Utf8PathBuf,
        /// The one kept.
        kept: Utf8PathBuf,
    },
    /// The hook was replaced by another one after it was installed.
    #[error("{hook} is not ours any more, so that {kept} is not put back; remove the one that is outdated")]
    Replaced {
        /// The hook.
        hook: Utf8PathBuf,
        /// The one kept.
        kept: Utf8PathBuf,
    },
    /// A file cannot be read or written.
    #[error("failed to change the hook: {0}")]
    File(#[from] io::Error),
}

/// Installs the hook into `hooks_dir` (as `git rev-parse --git-path hooks` names it), to run `program`. Installing
/// again only renews the hook.
pub fn install(hooks_dir: &Utf8Path, program: &str) -> Result<Installed, HookError> {
    refuse_managed(hooks_dir, program)?;
    fs_err::create_dir_all(hooks_dir)?;
    let (path, kept) = (hooks_dir.join(HOOK), hooks_dir.join(CHAINED));
    let there = read(&path)?;
    let script = script(program);
    if there.as_deref().is_some_and(|text| !is_ours(text)) {
        if exists(&kept) && read(&kept)? != there {
            return Err(HookError::TwoForeign { hook: path, kept });
        }
        keep(&path, &kept)?;
    }
    let changed = there.as_deref() != Some(script.as_bytes()) || !is_executable(&path);
    if changed {
        put(&path, &script)?;
    }
    Ok(Installed { path, chained: exists(&kept).then_some(kept), changed })
}

/// Removes the hook from `hooks_dir` and puts back the one that was there before.
pub fn uninstall(hooks_dir: &Utf8Path) -> Result<Uninstalled, HookError> {
    let (path, kept) = (hooks_dir.join(HOOK), hooks_dir.join(CHAINED));
    let there = read(&path)?;
    match (there.as_deref().map(is_ours), exists(&kept)) {
        (Some(true) | None, true) => {
            fs_err::rename(&kept, &path)?;
            Ok(Uninstalled::Restored)
        }
        (Some(true), false) => {
            fs_err::remove_file(&path)?;
            Ok(Uninstalled::Removed)
        }
        (Some(false), true) => Err(HookError::Replaced { hook: path, kept }),
        (Some(false) | None, false) => Ok(Uninstalled::NothingThere),
    }
}

/// husky writes its folder anew at every installation of packages, and finds a hook's commands by the name it was
/// started under: ours would be overwritten, and a chained one would silently do nothing.
fn refuse_managed(hooks_dir: &Utf8Path, program: &str) -> Result<(), HookError> {
    if !hooks_dir.ends_with(".husky/_") {
        return Ok(());
    }
    Err(HookError::Managed {
        folder: hooks_dir.to_owned(),
        tool: "husky",
        place: ".husky/pre-push",
        line: format!("{} pre-push \"$@\"", quoted(program)),
    })
}

/// Words the hook. Git's input is read once and given to both. The variables by which git points a hook at its
/// repository are taken away from our own program: a test that makes a repository would otherwise write into this one.
fn script(program: &str) -> String {
    let program = quoted(program);
    format!(
        r#"#!/bin/sh
{MARK}
refs=$(cat; printf .)
refs=${{refs%.}}
kept="${{0%/*}}/{CHAINED}"
if [ -x "$kept" ]; then
    printf '%s' "$refs" 2>/dev/null | "$kept" "$@" || exit $?
fi
program={program}
if ! command -v "$program" >/dev/null 2>&1; then
    printf '%s\n' "heal-tests: $program is not installed, pushing without its check" >&2
    exit 0
fi
unset $(git rev-parse --local-env-vars 2>/dev/null)
printf '%s' "$refs" 2>/dev/null | "$program" pre-push "$@"
"#
    )
}

/// Quotes a word for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn is_ours(text: &[u8]) -> bool {
    String::from_utf8_lossy(text).lines().nth(1) == Some(MARK)
}

/// Reads a hook; `None` when there is none. A link that leads nowhere is an error, as it is a hook of somebody.
fn read(path: &Utf8Path) -> io::Result<Option<Vec<u8>>> {
    if exists(path) { fs_err::read(path).map(Some) } else { Ok(None) }
}

/// Tells whether there is anything under that name, be it a link that leads nowhere.
fn exists(path: &Utf8Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Gives a hook its other name. It keeps the first one until ours takes its place, so that it is run even if this
/// program is killed in between; links, and file systems without hard links, are renamed.
fn keep(path: &Utf8Path, kept: &Utf8Path) -> io::Result<()> {
    let linked = !path.is_symlink() && fs_err::hard_link(path, kept).is_ok();
    if linked { Ok(()) } else { fs_err::rename(path, kept) }
}

fn is_executable(path: &Utf8Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

/// Writes a hook whole or not at all, so that no push meets half of one.
fn put(path: &Utf8Path, script: &str) -> io::Result<()> {
    let part = path.with_file_name(format!("{HOOK}.heal-tests-part"));
    fs_err::write(&part, script)?;
    fs_err::set_permissions(&part, std::fs::Permissions::from_mode(0o755))?;
    fs_err::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::process::{Command, Output, Stdio};

    const REFS: &str = "refs/heads/main 67890aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa refs/heads/main 0000\n";

    /// A hooks folder, and beside it a program that writes down how it was called.
    struct House {
        _temporary: tempfile::TempDir,
        folder: Utf8PathBuf,
        hooks: Utf8PathBuf,
        program: String,
    }

    impl House {
        fn new() -> Self {
            let temporary = tempfile::tempdir().unwrap();
            let folder = Utf8PathBuf::from_path_buf(temporary.path().join("it's a $HOME")).unwrap();
            let hooks = folder.join("hooks");
            fs_err::create_dir_all(&hooks).unwrap();
            let program = folder.join("heal tests").into_string();
            let house = Self { _temporary: temporary, folder, hooks, program };
            House::write(Utf8Path::new(&house.program), &house.recorder("program", 0));
            house
        }

        /// A script that writes its arguments and its input to a file, and exits with `code`.
        fn recorder(&self, name: &str, code: u8) -> String {
            let quoted = quoted(self.folder.join(format!("{name}.log")).as_str());
            format!("#!/bin/sh\n{{ printf '%s|' \"$@\"; cat; echo \"GIT_DIR=$GIT_DIR\"; }} >{quoted}\nexit {code}\n")
        }

        fn write(path: &Utf8Path, script: &str) {
            fs_err::write(path, script).unwrap();
            fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }

        fn foreign(&self, code: u8) -> String {
            let script = self.recorder("foreign", code);
            Self::write(&self.hooks.join(HOOK), &script);
            script
        }

        /// Runs the hook as git does: by its path, with the remote's name and address.
        #[expect(clippy::disallowed_methods, reason = "the generated hook is a program, and is tested as one")]
        fn push(&self, refs: &str) -> Output {
            let mut hook = Command::new(self.hooks.join(HOOK))
                .args(["origin", "git@example.org:a b.git"])
                .env("GIT_DIR", "/user/repository/.git")
                .current_dir(&self.folder)
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            hook.stdin.take().unwrap().write_all(refs.as_bytes()).unwrap();
            hook.wait_with_output().unwrap()
        }

        fn log(&self, name: &str) -> Option<String> {
            fs_err::read_to_string(self.folder.join(format!("{name}.log"))).ok()
        }
    }

    #[test]
    fn the_hook_hands_arguments_and_input_to_the_program_but_not_gits_variables() {
        let house = House::new();
        let installed = install(&house.hooks, &house.program).unwrap();
        assert_eq!((installed.chained, installed.changed), (None, true));
        assert!(house.push(REFS).status.success());
        let expected = format!("pre-push|origin|git@example.org:a b.git|{REFS}GIT_DIR=\n");
        assert_eq!(house.log("program").unwrap(), expected);
    }

    #[test]
    fn nothing_to_push_stays_nothing() {
        let house = House::new();
        install(&house.hooks, &house.program).unwrap();
        assert!(house.push("").status.success());
        assert_eq!(house.log("program").unwrap(), "pre-push|origin|git@example.org:a b.git|GIT_DIR=\n");
    }

    #[test]
    fn a_hook_that_was_there_runs_first_with_the_same_input() {
        let house = House::new();
        house.foreign(0);
        let installed = install(&house.hooks, &house.program).unwrap();
        assert_eq!(installed.chained, Some(house.hooks.join(CHAINED)));
        assert!(house.push(REFS).status.success());
        let foreign = format!("origin|git@example.org:a b.git|{REFS}GIT_DIR=/user/repository/.git\n");
        assert_eq!(house.log("foreign").unwrap(), foreign);
        assert!(house.log("program").unwrap().contains(REFS));
    }

    #[test]
    fn a_hook_that_fails_blocks_the_push_and_the_program_is_not_run() {
        let house = House::new();
        house.foreign(3);
        install(&house.hooks, &house.program).unwrap();
        assert_eq!(house.push(REFS).status.code(), Some(3));
        assert_eq!(house.log("program"), None);
    }

    #[test]
    fn a_program_that_fails_blocks_the_push() {
        let house = House::new();
        House::write(Utf8Path::new(&house.program), "#!/bin/sh\nexit 1\n");
        install(&house.hooks, &house.program).unwrap();
        assert_eq!(house.push(REFS).status.code(), Some(1));
    }

    #[test]
    fn a_hook_that_reads_nothing_of_a_long_input_is_no_trouble() {
        let house = House::new();
        House::write(&house.hooks.join(HOOK), "#!/bin/sh\nexit 0\n");
        install(&house.hooks, &house.program).unwrap();
        let refs = REFS.repeat(5_000);
        let output = house.push(&refs);
        assert!(output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert!(house.log("program").unwrap().contains(&refs));
    }

    #[test]
    fn a_program_that_is_gone_does_not_block_the_push_but_is_missed() {
        let house = House::new();
        install(&house.hooks, "/nowhere/heal-tests").unwrap();
        let output = house.push(REFS);
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("is not installed"), "{output:?}");
    }

    #[test]
    fn a_hook_that_git_would_not_run_is_kept_and_not_run() {
        let house = House::new();
        house.foreign(1);
        fs_err::set_permissions(house.hooks.join(HOOK), std::fs::Permissions::from_mode(0o644)).unwrap();
        install(&house.hooks, &house.program).unwrap();
        assert!(house.push(REFS).status.success());
        assert_eq!(house.log("foreign"), None);
    }

    #[test]
    fn installing_again_changes_nothing_and_with_another_program_only_that() {
        let house = House::new();
        house.foreign(0);
        install(&house.hooks, "elsewhere").unwrap();
        let renewed = install(&house.hooks, &house.program).unwrap();
        let again = install(&house.hooks, &house.program).unwrap();
        assert_eq!((renewed.changed, again.changed), (true, false));
        assert_eq!(again.chained, Some(house.hooks.join(CHAINED)));
        assert!(house.push(REFS).status.success());
        assert!(house.log("foreign").is_some() && house.log("program").is_some());
    }

    #[test]
    fn a_hook_that_lost_its_executable_bit_gets_it_back() {
        let house = House::new();
        install(&house.hooks, &house.program).unwrap();
        fs_err::set_permissions(house.hooks.join(HOOK), std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(install(&house.hooks, &house.program).unwrap().changed);
        assert!(house.push(REFS).status.success());
    }

    #[test]
    fn uninstalling_puts_back_exactly_what_was_there() {
        let house = House::new();
        let script = house.foreign(7);
        install(&house.hooks, &house.program).unwrap();
        assert_eq!(uninstall(&house.hooks).unwrap(), Uninstalled::Restored);
        assert_eq!(fs_err::read_to_string(house.hooks.join(HOOK)).unwrap(), script);
        assert_eq!(house.push(REFS).status.code(), Some(7));
        assert_eq!(uninstall(&house.hooks).unwrap(), Uninstalled::NothingThere);
        assert_eq!(fs_err::read_to_string(house.hooks.join(HOOK)).unwrap(), script);
    }

    #[test]
    fn uninstalling_alone_leaves_an_empty_folder() {
        let house = House::new();
        install(&house.hooks, &house.program).unwrap();
        assert_eq!(uninstall(&house.hooks).unwrap(), Uninstalled::Removed);
        assert_eq!(fs_err::read_dir(&house.hooks).unwrap().count(), 0);
        assert_eq!(uninstall(&house.folder.join("no such folder")).unwrap(), Uninstalled::NothingThere);
    }

    #[test]
    fn a_hook_that_replaced_ours_is_neither_overwritten_nor_removed() {
        let house = House::new();
        house.foreign(0);
        install(&house.hooks, &house.program).unwrap();
        let newer = house.foreign(5);
        assert!(matches!(install(&house.hooks, &house.program), Err(HookError::TwoForeign { .. })));
        assert!(matches!(uninstall(&house.hooks), Err(HookError::Replaced { .. })));
        assert_eq!(fs_err::read_to_string(house.hooks.join(HOOK)).unwrap(), newer);
        assert!(house.hooks.join(CHAINED).exists());
    }

    #[test]
    fn an_installation_that_was_killed_half_way_is_finished_by_the_next() {
        let house = House::new();
        house.foreign(0);
        fs_err::hard_link(house.hooks.join(HOOK), house.hooks.join(CHAINED)).unwrap();
        install(&house.hooks, &house.program).unwrap();
        assert!(house.push(REFS).status.success());
        assert!(house.log("foreign").is_some() && house.log("program").is_some());
    }

    #[expect(clippy::disallowed_methods, reason = "git itself is to run the hook")]
    fn git(folder: &Utf8Path, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]).args(args);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null").current_dir(folder);
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            git.env_remove(variable);
        }
        let output = git.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn git_runs_the_hook_and_what_it_writes_is_read() {
        let house = House::new();
        let (repository, remote) = (house.folder.join("repository"), house.folder.join("remote.git"));
        git(&house.folder, &["init", "-q", "--bare", remote.as_str()]);
        git(&house.folder, &["init", "-q", "-b", "main", repository.as_str()]);
        git(&repository, &["remote", "add", "origin", remote.as_str()]);
        git(&repository, &["commit", "-q", "--allow-empty", "-m", "one"]);
        let hooks = git(&repository, &["rev-parse", "--git-path", "hooks"]);
        install(&repository.join(hooks), &house.program).unwrap();
        let mut pushed = Vec::new();
        for refs in [&["main", "main:other"][..], &["HEAD:refs/heads/main", ":other"], &["main"]] {
            git(&repository, &[&["push", "-q", "origin"], refs].concat());
            let log = house.log("program").unwrap();
            let (_, input) = log.split_once(&format!("|{remote}|")).unwrap();
            let input = input.rsplit_once("GIT_DIR=").unwrap().0;
            let read = crate::hook::pre_push::parse(input.as_bytes()).unwrap();
            pushed
                .push(read.iter().map(|push| (push.remote_ref.clone(), push.remote_oid.is_some())).collect::<Vec<_>>());
            git(&repository, &["commit", "-q", "--allow-empty", "-m", "next"]);
        }
        let main = || "refs/heads/main".to_owned();
        let first = vec![(main(), false), ("refs/heads/other".to_owned(), false)];
        assert_eq!(pushed, [first, vec![(main(), true)], vec![(main(), true)]]);
    }

    #[test]
    fn a_hook_that_is_a_link_stays_one() {
        let house = House::new();
        House::write(&house.folder.join("team"), &house.recorder("foreign", 0));
        std::os::unix::fs::symlink("../team", house.hooks.join(HOOK)).unwrap();
        install(&house.hooks, &house.program).unwrap();
        assert!(house.push(REFS).status.success());
        assert!(house.log("foreign").is_some());
        uninstall(&house.hooks).unwrap();
        assert_eq!(fs_err::read_link(house.hooks.join(HOOK)).unwrap().to_str(), Some("../team"));
    }

    #[test]
    fn in_a_folder_husky_writes_the_user_is_told_where_the_line_belongs() {
        let house = House::new();
        let error = install(&house.folder.join(".husky/_"), "heal-tests").unwrap_err().to_string();
        assert!(error.ends_with("add this line to .husky/pre-push instead: 'heal-tests' pre-push \"$@\""), "{error}");
        assert!(!house.folder.join(".husky").exists());
    }
}
