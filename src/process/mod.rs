//! The only spawner: own process group, deadlines, bounded capture, and killing for real.
//!
//! It never asks a shell to read a command line, never inherits this program's environment or standard input, and
//! never leaves a process behind: what a task started is gone when [`run`] returns or its future is dropped, also what
//! ignored SIGTERM, changed its session or made itself a daemon. It does not decide what is run, and listens for no
//! signal itself: who hears Ctrl-C calls [`Cancel::cancel`].

mod cancel;
mod capture;
mod error;
mod group;
#[cfg(target_os = "linux")]
mod lineage;
pub mod sandbox;
mod sink;
mod spawn;
mod spill;

use std::fmt;
use std::future::pending;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use camino::Utf8PathBuf;
use rustix::process::Signal;
use tokio::process::Child;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

pub use crate::process::cancel::Cancel;
pub use crate::process::error::SpawnError;
use crate::process::group::Group;
use crate::process::sandbox::{Confined, Facts, Rung, Sandbox};
use crate::process::sink::Sink;
use crate::process::spawn::{Spawned, explain};

/// How long pipes are read on after everything known is dead: only a process that could not be found holds them open.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// How long the kernel gets to end processes after SIGKILL.
const CLEAR_MAX: Duration = Duration::from_secs(5);

/// One program to run: what, where, with which environment, and within which limits.
#[derive(Clone)]
pub struct Task {
    /// Program and arguments. A program with a `/` is taken relative to `cwd`, another is looked for in `env`'s `PATH`.
    pub argv: Vec<String>,
    /// Directory to run in.
    pub cwd: Utf8PathBuf,
    /// The complete environment: nothing of this program's own is inherited.
    pub env: Vec<(String, String)>,
    /// What the program reads from standard input; empty means `/dev/null`.
    pub stdin: Vec<u8>,
    /// Wall time after which it is killed.
    pub timeout: Duration,
    /// Time without any output after which it is killed.
    pub idle_timeout: Option<Duration>,
    /// Time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Bytes of each stream kept in memory; of a longer one the head and the tail are kept.
    pub output_bytes_max: usize,
    /// Folder into which a stream that is longer is written whole, up to 1 GiB, as `stdout` or `stderr`.
    pub spill: Option<Utf8PathBuf>,
    /// Whether stderr goes into stdout's pipe, so that the order of lines is kept.
    pub merge: bool,
    /// Whether output is also copied to this program's own stdout and stderr as it comes.
    pub tee: bool,
    /// What the program may touch.
    pub sandbox: Sandbox,
}

impl Task {
    /// Makes a task with the defaults: empty standard input, ten minutes, no idle limit, two seconds of grace, 8 MiB
    /// of each stream and nothing on disk, streams apart, nothing shown, not confined.
    pub fn new(argv: Vec<String>, cwd: impl Into<Utf8PathBuf>, env: Vec<(String, String)>) -> Self {
        Self {
            argv,
            cwd: cwd.into(),
            env,
            stdin: Vec::new(),
            timeout: Duration::from_mins(10),
            idle_timeout: None,
            grace: Duration::from_secs(2),
            output_bytes_max: 8 << 20,
            spill: None,
            merge: false,
            tee: false,
            sandbox: Sandbox::off(),
        }
    }
}

impl fmt::Debug for Task {
    /// Shows the environment by its names alone: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        let mut text = f.debug_struct("Task");
        text.field("argv", &self.argv).field("cwd", &self.cwd).field("env", &names);
        text.field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The program exited by itself with this code.
    Exited(i32),
    /// A signal that this module did not send ended it.
    Signalled(i32),
    /// Its wall time was over, and it was killed.
    TimedOut,
    /// It was silent for too long, and was killed.
    Idle,
    /// It was cancelled, and killed or never started.
    Cancelled,
}

impl Ending {
    /// Tells whether the program exited with code 0.
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Signalled(signal) => write!(f, "died by signal {signal}"),
            Self::TimedOut => f.write_str("did not end before its deadline"),
            Self::Idle => f.write_str("printed nothing until its deadline"),
            Self::Cancelled => f.write_str("was cancelled"),
        }
    }
}

impl From<ExitStatus> for Ending {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, signal) => Self::Signalled(signal.unwrap_or_default()),
        }
    }
}

/// What a task left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// Its standard output. When bytes were cut, a line between head and tail says how many.
    pub stdout: Vec<u8>,
    /// Its standard error; empty when merged into stdout.
    pub stderr: Vec<u8>,
    /// Bytes of both streams that were not kept.
    pub n_bytes_cut: u64,
    /// Files that hold the streams that were longer, when the task names a folder for them.
    pub spilled: Vec<Utf8PathBuf>,
    /// Wall time from spawning to the last byte read.
    pub wall: Duration,
    /// The rung of the sandbox that held while it ran.
    pub rung: Rung,
    /// What the sandbox's helper found to hold.
    facts: Facts,
}

/// Runs a task to its end, whatever end that is; `Err` means that it could not be started.
///
/// Dropping the future kills everything the task started.
pub async fn run(task: &Task, cancel: &Cancel) -> Result<Finished, SpawnError> {
    let started = Instant::now();
    let (mut stdout, mut stderr) = (Sink::new(task, "stdout"), Sink::new(task, "stderr"));
    let (ending, facts) = if cancel.is_cancelled() {
        (Ending::Cancelled, Facts::default())
    } else {
        let Spawned { mut child, mut group, streams, confined } = spawn::spawn(task)?;
        let activity = Notify::new();
        let pumps = streams.pump([&mut stdout, &mut stderr], &activity);
        let life = live(task, cancel, &activity, (&mut child, &mut group, confined.as_ref()));
        let ended = read_while(pumps, life).await;
        let ending = ended.map_err(|source| SpawnError::Lost { program: task.argv.join(" "), source })?;
        match confined {
            Some(confined) => confined.close(ending).map_err(|failing| explain(task, failing))?,
            None => (ending, Facts::default()),
        }
    };
    let (stdout, stderr) = (stdout.finish(), stderr.finish());
    Ok(Finished {
        ending,
        stdout: stdout.bytes,
        stderr: stderr.bytes,
        n_bytes_cut: stdout.n_cut + stderr.n_cut,
        spilled: [stdout.file, stderr.file].into_iter().flatten().collect(),
        wall: started.elapsed(),
        rung: task.sandbox.rung,
        facts,
    })
}

/// Kills what sessions that are dead themselves left running, and counts it. Only a session that was killed with
/// SIGKILL leaves anything; what it leaves would go on writing into the copies that the next one uses. Known on Linux
/// alone, elsewhere nothing is found.
pub fn kill_abandoned() -> usize {
    #[cfg(target_os = "linux")]
    return lineage::kill_abandoned();
    #[cfg(not(target_os = "linux"))]
    return 0;
}

/// Moves bytes through the pipes until the life is over, then as long as the pipes still hold some.
async fn read_while<T>(pumps: impl Future<Output = ()>, life: impl Future<Output = T>) -> T {
    tokio::pin!(pumps, life);
    let mut drained = false;
    let ended = loop {
        tokio::select! {
            ended = &mut life => break ended,
            () = &mut pumps, if !drained => drained = true,
        }
    };
    if !drained {
        // An elapsed limit means that an unknown process holds the pipe; what was read by then is what counts.
        let _ = timeout(DRAIN_MAX, pumps).await;
    }
    ended
}

/// Waits for the first of the possible ends, and sees to it that nothing survives it.
async fn live(
    task: &Task,
    cancel: &Cancel,
    activity: &Notify,
    (child, group, confined): (&mut Child, &mut Group, Option<&Confined>),
) -> io::Result<Ending> {
    let ending = tokio::select! {
        biased;
        status = child.wait() => status?.into(),
        () = cancel.cancelled() => Ending::Cancelled,
        () = sleep(task.timeout) => Ending::TimedOut,
        () = silence(task.idle_timeout, activity) => Ending::Idle,
    };
    if matches!(ending, Ending::TimedOut | Ending::Idle | Ending::Cancelled) {
        group.signal(Signal::TERM);
        let _ = timeout(task.grace, async {
            let _ = child.wait().await;
            group.empties().await;
        })
        .await;
    }
    if confined.is_some_and(|confined| confined.is_over(ending)) {
        group.let_go();
        return Ok(ending);
    }
    group.signal(Signal::KILL);
    // A helper that was stopped before it led its group is not in it.
    let _ = child.start_kill();
    let _ = timeout(CLEAR_MAX, async {
        let _ = child.wait().await;
        group.clear().await;
    })
    .await;
    Ok(ending)
}

/// Returns when there has been no activity for the limit; never without a limit.
async fn silence(limit: Option<Duration>, activity: &Notify) {
    match limit {
        Some(limit) => while timeout(limit, activity.notified()).await.is_ok() {},
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;
    use rustix::process::{Pid, test_kill_process};
    use std::time::Instant;

    const SHORT: Duration = Duration::from_millis(300);

    fn sh(script: &str) -> Task {
        let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
        let path = ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned());
        Task { timeout: Duration::from_secs(30), ..Task::new(argv, "/", vec![path]) }
    }

    async fn finish(task: &Task) -> Finished {
        run(task, &Cancel::default()).await.unwrap()
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// A directory whose files hold the pids that scripts write into it.
    fn pid_dir() -> (tempfile::TempDir, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap().to_owned();
        (dir, path)
    }

    fn survivors(dir: &str) -> Vec<String> {
        let pids = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        pids.filter(|pid| is_running(pid)).collect()
    }

    fn is_running(pid: &str) -> bool {
        let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
        test_kill_process(pid).is_ok()
    }

    fn n_started(dir: &str) -> usize {
        std::fs::read_dir(dir).unwrap().count()
    }

    #[tokio::test]
    async fn streams_are_kept_apart_and_the_exit_code_is_told() {
        let finished = finish(&sh("echo out; echo err >&2; exit 7")).await;
        assert_eq!(finished.ending, Ending::Exited(7));
        assert_eq!((text(&finished.stdout), text(&finished.stderr)), ("out\n".into(), "err\n".into()));
        assert_eq!(finished.n_bytes_cut, 0);
    }

    #[tokio::test]
    async fn merged_streams_keep_the_order_of_lines() {
        let task = Task { merge: true, ..sh("echo 1; echo 2 >&2; echo 3; echo 4 >&2") };
        let finished = finish(&task).await;
        assert_eq!(text(&finished.stdout), "1\n2\n3\n4\n");
        assert!(finished.stderr.is_empty());
    }

    #[tokio::test]
    async fn the_child_sees_only_the_given_environment_and_the_mark() {
        let finished = finish(&Task { argv: vec!["env".into()], ..sh("") }).await;
        let stdout = text(&finished.stdout);
        let mut names: Vec<&str> = stdout.lines().map(|line| line.split('=').next().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["HEAL_TESTS_RUN", "PATH"]);
    }

    #[tokio::test]
    async fn standard_input_is_empty_unless_given() {
        assert_eq!(finish(&sh("cat")).await.ending, Ending::Exited(0));
        let stdin = vec![b'x'; 1 << 20];
        assert_eq!(finish(&Task { stdin: stdin.clone(), ..sh("cat") }).await.stdout, stdin);
    }

    #[tokio::test]
    async fn a_child_that_does_not_read_its_input_ends_all_the_same() {
        let finished = finish(&Task { stdin: vec![b'x'; 1 << 20], ..sh("exit 3") }).await;
        assert_eq!(finished.ending, Ending::Exited(3));
    }

    #[tokio::test]
    async fn bytes_that_are_not_utf8_pass_unchanged() {
        assert_eq!(finish(&sh(r"printf '\377\000\200'")).await.stdout, [0xff, 0, 0x80]);
    }

    #[tokio::test]
    async fn a_signal_is_told_apart_from_an_exit_code() {
        assert_eq!(finish(&sh("kill -SEGV $$")).await.ending, Ending::Signalled(11));
    }

    #[tokio::test]
    async fn a_flood_stays_within_its_bound_and_is_counted() {
        let task = Task { output_bytes_max: 1 << 20, ..sh("yes | head -c 50000000; echo the end") };
        let finished = finish(&task).await;
        assert!(finished.stdout.len() < (1 << 20) + 100);
        assert!(finished.n_bytes_cut > 48_000_000);
        assert!(text(&finished.stdout).ends_with("y\nthe end\n"));
    }

    #[tokio::test]
    async fn a_flood_does_not_outlive_its_deadline() {
        let finished = finish(&Task { timeout: SHORT, output_bytes_max: 4096, ..sh("yes") }).await;
        assert_eq!(finished.ending, Ending::TimedOut);
    }

    #[tokio::test]
    async fn a_child_that_ignores_sigterm_is_killed_after_the_grace() {
        let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
        let finished = finish(&Task { timeout: SHORT, grace: SHORT, ..sh(script) }).await;
        assert_eq!(finished.ending, Ending::TimedOut);
        assert_eq!(text(&finished.stdout), "ready\n");
    }

    #[tokio::test]
    async fn a_child_may_say_goodbye_within_the_grace() {
        let script = "trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done";
        let finished = finish(&Task { timeout: SHORT, ..sh(script) }).await;
        assert_eq!((finished.ending, text(&finished.stdout).as_str()), (Ending::TimedOut, "bye\n"));
    }

    #[tokio::test]
    async fn silence_ends_a_task_and_output_keeps_it_alive() {
        let idle = Task { idle_timeout: Some(Duration::from_secs(1)), ..sh("echo hello; sleep 20") };
        let finished = finish(&idle).await;
        assert_eq!((finished.ending, text(&finished.stdout).as_str()), (Ending::Idle, "hello\n"));
        let busy = Task { argv: sh("for i in 1 2 3 4 5 6; do sleep 0.3; echo $i; done").argv, ..idle };
        assert_eq!(finish(&busy).await.ending, Ending::Exited(0));
    }

    #[tokio::test]
    async fn a_missing_program_is_named_with_a_hint() {
        let task = Task { argv: vec!["no-such-program-here".into()], ..sh("") };
        let error = run(&task, &Cancel::default()).await.unwrap_err();
        assert_eq!(error.to_string(), "failed to run no-such-program-here in /: no such program");
        assert!(error.hint().unwrap().contains("install"));
    }

    #[tokio::test]
    async fn a_missing_directory_a_script_without_interpreter_and_a_file_that_may_not_run_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let cwd = Utf8Path::from_path(dir.path()).unwrap();
        fs_err::write(cwd.join("plain"), "text").unwrap();
        fs_err::write(cwd.join("script"), "#!/no/such/interpreter\n").unwrap();
        fs_err::set_permissions(cwd.join("script"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let fail = async |program: &str, cwd: &Utf8Path| {
            run(&Task::new(vec![program.into()], cwd, Vec::new()), &Cancel::default()).await.unwrap_err()
        };
        assert!(matches!(fail("true", &cwd.join("nowhere")).await, SpawnError::NoDirectory { .. }));
        assert!(matches!(fail("./plain", cwd).await, SpawnError::Denied { .. }));
        assert!(matches!(fail("./script", cwd).await, SpawnError::NoInterpreter { .. }));
        assert!(matches!(fail("./nothing", cwd).await, SpawnError::NotFound { .. }));
        assert!(matches!(fail("a\0b", cwd).await, SpawnError::Refused { .. }));
        assert!(matches!(
            run(&Task::new(Vec::new(), cwd, Vec::new()), &Cancel::default()).await,
            Err(SpawnError::NoProgram)
        ));
    }

    #[tokio::test]
    async fn a_relative_program_is_taken_from_the_directory_it_runs_in() {
        let dir = tempfile::tempdir().unwrap();
        let cwd = Utf8Path::from_path(dir.path()).unwrap();
        std::os::unix::fs::symlink("/bin/sh", cwd.join("shell")).unwrap();
        let argv = ["./shell", "-c", "pwd"].map(str::to_owned).to_vec();
        let finished = finish(&Task { argv, cwd: cwd.to_owned(), ..sh("") }).await;
        assert_eq!(text(&finished.stdout).trim(), cwd.canonicalize_utf8().unwrap());
    }

    #[tokio::test]
    async fn a_cancelled_task_is_killed_and_one_cancelled_before_is_never_started() {
        let (_dir, path) = pid_dir();
        let cancel = Cancel::default();
        let task = sh(&format!("touch {path}/$$; sleep 60"));
        let running = tokio::spawn({
            let (task, cancel) = (task.clone(), cancel.clone());
            async move { run(&task, &cancel).await.unwrap().ending }
        });
        while n_started(&path) == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
        assert_eq!(running.await.unwrap(), Ending::Cancelled);
        assert_eq!(run(&task, &cancel).await.unwrap().ending, Ending::Cancelled);
        assert_eq!((n_started(&path), survivors(&path)), (1, vec![]));
    }

    #[tokio::test]
    async fn dropping_the_future_kills_the_group_and_what_left_it() {
        let (_dir, path) = pid_dir();
        let script = format!("setsid sh -c 'touch {path}/$$; sleep 60' & touch {path}/$$; wait");
        let running = tokio::spawn({
            let task = sh(&script);
            async move { run(&task, &Cancel::default()).await }
        });
        while n_started(&path) < 2 {
            sleep(Duration::from_millis(5)).await;
        }
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        // The direct child is reaped by the runtime, soon but not at once.
        let start = Instant::now();
        while !survivors(&path).is_empty() && start.elapsed() < Duration::from_secs(10) {
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(survivors(&path), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_leftover_of_a_finished_task_is_killed_and_cannot_hold_the_pipe() {
        let (_dir, path) = pid_dir();
        let started = Instant::now();
        let script =
            format!("sh -c 'touch {path}/$$; exec sleep 60' & while [ -z \"$(ls {path})\" ]; do :; done; echo done");
        let finished = finish(&sh(&script)).await;
        assert_eq!((finished.ending, text(&finished.stdout).as_str()), (Ending::Exited(0), "done\n"));
        assert_eq!(survivors(&path), Vec::<String>::new());
        assert!(started.elapsed() < Duration::from_secs(30), "it waited for the sleeper");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn children_that_change_their_session_die_with_the_task() {
        let (_dir, path) = pid_dir();
        let one = format!("setsid sh -c 'trap \"\" TERM HUP; touch {path}/$$; while :; do sleep 1; done' &");
        let script = format!("{} while [ $(ls {path} | wc -l) -lt 30 ]; do sleep 0.05; done", one.repeat(30));
        assert_eq!(finish(&sh(&script)).await.ending, Ending::Exited(0));
        assert_eq!((n_started(&path), survivors(&path)), (30, vec![]));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_daemon_without_the_mark_is_found_by_its_lineage() {
        let (_dir, path) = pid_dir();
        let (_scripts, scripts) = pid_dir();
        fs_err::write(format!("{scripts}/daemon"), format!("touch {path}/$$; exec /bin/sleep 60")).unwrap();
        // The shell in the middle lives on, so that the daemon is found below it and not only as an orphan.
        let middle = format!("env -i /usr/bin/setsid /bin/sh {scripts}/daemon & touch {path}/$$; wait");
        fs_err::write(format!("{scripts}/middle"), middle).unwrap();
        let script = format!("setsid sh {scripts}/middle & while [ $(ls {path} | wc -l) -lt 2 ]; do sleep 0.05; done");
        assert_eq!(finish(&sh(&script)).await.ending, Ending::Exited(0));
        assert_eq!((n_started(&path), survivors(&path)), (2, vec![]));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_daemon_that_forked_twice_dies_with_the_deadline() {
        let (_dir, path) = pid_dir();
        let script = format!("(setsid sh -c '(touch {path}/$$; sleep 60) &' &); sleep 60");
        let finished = finish(&Task { timeout: Duration::from_secs(1), ..sh(&script) }).await;
        assert_eq!(finished.ending, Ending::TimedOut);
        assert_eq!((n_started(&path), survivors(&path)), (1, vec![]));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_a_dead_session_left_is_killed_and_what_a_living_one_runs_is_not() {
        // No process number is that high (proc_sys_kernel(5)), and a mark names its session's number and birth.
        let script = "HEAL_TESTS_RUN=4194305-1-0-0 sh -c 'sleep 60 & wait'; echo $?; sleep 0.3";
        let living = sh("sleep 1; echo whole");
        let task = sh(script);
        let killing = async {
            loop {
                sleep(Duration::from_millis(20)).await;
                kill_abandoned();
            }
        };
        let both = async { tokio::join!(finish(&task), finish(&living)) };
        let (abandoned, alive) = tokio::select! { both = both => both, () = killing => unreachable!() };
        assert!(text(&abandoned.stdout).starts_with("137"), "{}", text(&abandoned.stdout));
        assert_eq!(text(&alive.stdout), "whole\n");
    }

    #[test]
    fn a_task_does_not_show_the_values_of_its_environment() {
        let task = Task::new(vec!["true".into()], "/", vec![("TOKEN".into(), "hush".into())]);
        let shown = format!("{task:?}");
        assert!(shown.contains("TOKEN") && !shown.contains("hush"), "{shown}");
    }

    #[tokio::test]
    async fn tasks_side_by_side_do_not_kill_each_others_children() {
        let slow = sh("setsid sleep 0.7; sleep 0.3; echo whole");
        let quick = async {
            for _ in 0..10 {
                assert_eq!(finish(&sh("setsid sleep 60 & exit 0")).await.ending, Ending::Exited(0));
            }
        };
        let (finished, ()) = tokio::join!(finish(&slow), quick);
        assert_eq!((finished.ending, text(&finished.stdout).as_str()), (Ending::Exited(0), "whole\n"));
    }
}
