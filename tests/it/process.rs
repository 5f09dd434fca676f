//! Process control on every rung of the sandbox: how tasks end, what they leave behind, how much they may use up.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use heal_tests::process::sandbox::{Gap, Limits, Rung, Sandbox};
use heal_tests::process::{Cancel, Ending, Finished, SpawnError, Task, run};

use crate::sandbox::{gaps_of, helper, text};
use crate::slow;

/// The rungs that hold on this machine; those that do not are told.
async fn rungs() -> Vec<Rung> {
    let mut rungs = Vec::new();
    for rung in Rung::ALL {
        rungs.extend(gaps_of(*rung).await.map(|_| *rung));
    }
    rungs
}

fn task(rung: Rung, argv: &[&str]) -> Task {
    let path = ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned());
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    let sandbox = Sandbox { helper: Some(helper()), ..Sandbox::at(rung) };
    Task { timeout: Duration::from_mins(1), sandbox, ..Task::new(argv, "/", vec![path]) }
}

fn sh(rung: Rung, script: &str) -> Task {
    task(rung, &["sh", "-c", script])
}

async fn finish(task: &Task) -> Finished {
    run(task, &Cancel::default()).await.unwrap_or_else(|error| panic!("{error}"))
}

/// A number that names the processes of one test: `sleep` takes it for a time.
fn mark() -> String {
    static N_MARKS: AtomicU32 = AtomicU32::new(0);
    format!("6{:07}.{}", std::process::id(), N_MARKS.fetch_add(1, Ordering::Relaxed))
}

/// Counts living processes with a word among their arguments.
fn n_alive(word: &str) -> usize {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit());
    let lines = pids.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|own| own == word.as_bytes())).count()
}

/// Waits until a number of processes carry the word.
async fn until_alive(word: &str, n: usize) {
    let start = Instant::now();
    while n_alive(word) < n {
        assert!(start.elapsed() < Duration::from_secs(30), "only {} of {n} {word} were started", n_alive(word));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the kernel has buried them all.
#[track_caller]
fn assert_gone(word: &str, rung: Rung) {
    let start = Instant::now();
    while n_alive(word) > 0 {
        assert!(start.elapsed() < Duration::from_secs(5), "{rung}: {} of {word} survive", n_alive(word));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn a_task_ends_by_its_own_code_or_signal_on_every_rung() {
    for rung in rungs().await {
        for code in [0, 1, 7, 125, 137, 255] {
            assert_eq!(finish(&sh(rung, &format!("exit {code}"))).await.ending, Ending::Exited(code), "{rung}");
        }
        for signal in [1, 2, 3, 6, 9, 11, 13, 14, 15, 40] {
            let finished = finish(&sh(rung, &format!("kill -{signal} $$; sleep 5"))).await;
            assert_eq!(finished.ending, Ending::Signalled(signal), "{rung}");
        }
        assert_eq!(finish(&sh(rung, "true")).await.rung, rung);
    }
}

#[tokio::test]
async fn what_cannot_be_started_is_explained_alike_on_every_rung() {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let cwd = Utf8Path::from_path(dir.path()).unwrap();
    fs::write(cwd.join("plain"), "text").unwrap();
    fs::write(cwd.join("script"), "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(cwd.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
    for rung in rungs().await {
        let fail = async |program: &str, cwd: Utf8PathBuf| {
            let task = Task { cwd, ..task(rung, &[program]) };
            run(&task, &Cancel::default()).await.unwrap_err()
        };
        assert!(matches!(fail("no-such-program", cwd.into()).await, SpawnError::NotFound { .. }), "{rung}");
        assert!(matches!(fail("./plain", cwd.into()).await, SpawnError::Denied { .. }), "{rung}");
        assert!(matches!(fail("./script", cwd.into()).await, SpawnError::NoInterpreter { .. }), "{rung}");
        assert!(matches!(fail("true", cwd.join("nowhere")).await, SpawnError::NoDirectory { .. }), "{rung}");
    }
}

#[tokio::test]
async fn a_rung_that_cannot_be_had_runs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let mut task = sh(Rung::Namespaces, &format!("touch {}", trace.display()));
    // A test's own program is no helper, and an unknown one is none either.
    for helper in [None, Some("/bin/true".into()), Some("/no/such/helper".into())] {
        task.sandbox.helper = helper;
        let error = run(&task, &Cancel::default()).await.unwrap_err();
        assert!(!matches!(error, SpawnError::Lost { .. }), "{error}");
        assert!(!trace.exists());
    }
    task.sandbox = Sandbox { writable: vec!["/no/such/folder".into()], ..sh(Rung::Namespaces, "").sandbox };
    let error = run(&task, &Cancel::default()).await.unwrap_err();
    assert!(error.to_string().contains("/no/such/folder") && error.hint().is_some(), "{error}");
}

#[tokio::test]
async fn streams_pass_through_the_sandbox_unchanged() {
    let bytes: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    for rung in rungs().await {
        let echoed = finish(&Task { stdin: bytes.clone(), ..task(rung, &["cat"]) }).await;
        assert_eq!((echoed.ending, echoed.stdout == bytes), (Ending::Exited(0), true), "{rung}");
        let merged = finish(&Task { merge: true, ..sh(rung, "echo 1; echo 2 >&2; echo 3") }).await;
        assert_eq!(text(&merged.stdout), "1\n2\n3\n", "{rung}");
        assert_eq!(finish(&sh(rung, "cat; echo end")).await.stdout, b"end\n", "{rung}: standard input is not empty");
    }
}

#[tokio::test]
async fn a_task_sees_its_own_environment_and_a_temporary_folder_that_is_gone_afterwards() {
    for rung in rungs().await.into_iter().filter(|rung| *rung != Rung::ProcessControl) {
        let script = "env; touch \"$TMPDIR/file\"; mkdir -p \"$TMPDIR/locked/in\"; chmod 000 \"$TMPDIR/locked\"";
        let said = text(&finish(&sh(rung, script)).await.stdout);
        let mut names: Vec<&str> = said.lines().map(|line| line.split('=').next().unwrap()).collect();
        names.sort_unstable();
        names.retain(|name| !["PWD", "SHLVL", "_", "OLDPWD", "JAVA_TOOL_OPTIONS"].contains(name));
        assert_eq!(names, ["HEAL_TESTS_RUN", "PATH", "TMPDIR"], "{rung}");
        let folder = said.lines().find_map(|line| line.strip_prefix("TMPDIR=")).unwrap();
        assert!(!Utf8Path::new(folder).parent().unwrap().exists(), "{rung}: {folder} is left");
    }
}

#[tokio::test]
async fn deadlines_hold_also_for_who_ignores_them_and_goodbyes_are_heard() {
    slow!();
    for rung in rungs().await {
        let word = mark();
        let stubborn = format!("trap '' TERM HUP INT; echo ready; sleep {word}; sleep {word}");
        let limited = |script: &str| Task {
            timeout: Duration::from_millis(700),
            grace: Duration::from_millis(300),
            ..sh(rung, script)
        };
        assert_eq!(finish(&limited(&stubborn)).await.ending, Ending::TimedOut, "{rung}");
        assert_gone(&word, rung);
        let polite = "trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done";
        let finished = finish(&Task { grace: Duration::from_secs(20), ..limited(polite) }).await;
        assert_eq!((finished.ending, text(&finished.stdout).as_str()), (Ending::TimedOut, "bye\n"), "{rung}");
        let silent = Task { idle_timeout: Some(Duration::from_millis(500)), ..sh(rung, "echo x; sleep 30") };
        assert_eq!(finish(&silent).await.ending, Ending::Idle, "{rung}");
    }
}

#[tokio::test]
async fn whatever_leaves_its_task_dies_with_it() {
    slow!();
    for rung in rungs().await {
        let word = mark();
        let ways = [
            format!("sleep {word} &"),
            format!("setsid sleep {word} &"),
            format!("(setsid sh -c '(sleep {word} &)' &)"),
            format!("setsid sh -c 'trap \"\" TERM HUP INT; sleep {word}; sleep {word}' &"),
            format!("env -i /usr/bin/setsid /bin/sleep {word} &"),
            format!("nohup sleep {word} >/dev/null 2>&1 &"),
        ];
        for way in &ways {
            let finished = finish(&sh(rung, &format!("{way}\nsleep 0.3; echo done"))).await;
            assert_eq!(
                (finished.ending, text(&finished.stdout).as_str()),
                (Ending::Exited(0), "done\n"),
                "{rung} {way}"
            );
            assert_gone(&word, rung);
            let timed = Task { timeout: Duration::from_millis(500), ..sh(rung, &format!("{way}\nsleep {word}")) };
            assert_eq!(finish(&timed).await.ending, Ending::TimedOut, "{rung} {way}");
            assert_gone(&word, rung);
        }
    }
}

#[tokio::test]
async fn an_interrupted_task_leaves_nothing() {
    slow!();
    for rung in rungs().await {
        let word = mark();
        let script = format!("setsid sleep {word} & sleep {word}");
        let cancel = Cancel::default();
        let running = tokio::spawn({
            let (task, cancel) = (sh(rung, &script), cancel.clone());
            async move { run(&task, &cancel).await.unwrap().ending }
        });
        until_alive(&word, 2).await;
        cancel.cancel();
        assert_eq!(running.await.unwrap(), Ending::Cancelled, "{rung}");
        assert_gone(&word, rung);

        let dropped = tokio::spawn({
            let task = sh(rung, &script);
            async move { run(&task, &Cancel::default()).await }
        });
        until_alive(&word, 2).await;
        dropped.abort();
        assert!(dropped.await.unwrap_err().is_cancelled());
        assert_gone(&word, rung);
    }
}

/// Not a test of its own: what [`a_killed_program_takes_its_confined_tasks_with_it`] starts and kills.
#[tokio::test]
async fn a_program_that_runs_a_task_until_it_is_killed() {
    let (Ok(rung), Ok(word)) = (std::env::var("RUNG_TO_HOLD"), std::env::var("WORD_TO_RUN")) else { return };
    finish(&sh(rung.parse().unwrap(), &format!("setsid sleep {word} & sleep {word}"))).await;
}

#[tokio::test]
async fn a_killed_program_takes_its_confined_tasks_with_it() {
    slow!();
    for rung in rungs().await.into_iter().filter(|rung| rung.level() >= 3) {
        let word = mark();
        let own = std::env::current_exe().unwrap();
        let mut command = Command::new(own);
        command.args(["--exact", "process::a_program_that_runs_a_task_until_it_is_killed", "--nocapture"]);
        let mut program = command.env("RUNG_TO_HOLD", rung.to_string()).env("WORD_TO_RUN", &word).spawn().unwrap();
        until_alive(&word, 2).await;
        program.kill().unwrap();
        program.wait().unwrap();
        assert_gone(&word, rung);
    }
}

#[tokio::test]
async fn resources_are_limited() {
    slow!();
    for rung in rungs().await.into_iter().filter(|rung| *rung != Rung::ProcessControl) {
        let within = |limits: Limits, script: &str| {
            let mut task = sh(rung, script);
            task.sandbox.limits = limits;
            task
        };
        let default = Limits::default;
        let small = Limits { file_bytes_max: Some(1 << 20), ..default() };
        let finished = finish(&within(small, "head -c 3000000 /dev/zero > $TMPDIR/x; wc -c < $TMPDIR/x")).await;
        assert_eq!(text(&finished.stdout).trim(), "1048576", "{rung}");
        let busy = within(Limits { cpu_max: Some(Duration::from_secs(1)), ..default() }, "while :; do :; done");
        assert!(matches!(finish(&busy).await.ending, Ending::Signalled(9 | 24)), "{rung}");
        let tight = Limits { address_space_bytes_max: Some(64 << 20), ..default() };
        let finished = finish(&within(tight, "ulimit -v; head -c 200m /dev/zero | tail -n 1 | wc -c")).await;
        assert!(text(&finished.stdout).starts_with("65536\n"), "{rung}");
        assert_ne!(text(&finished.stdout).lines().nth(1), Some("209715200"), "{rung}");
    }
}

#[tokio::test]
async fn a_fork_bomb_hits_its_limit_and_dies_with_its_deadline() {
    slow!();
    for rung in rungs().await {
        if gaps_of(rung).await.is_none_or(|gaps| gaps.contains(&Gap::Processes)) {
            continue;
        }
        let word = mark();
        let bomb = format!("f() {{ sleep {word} & f & f & wait; }}; f");
        let mut task = Task { timeout: Duration::from_secs(2), ..sh(rung, &bomb) };
        task.grace = Duration::from_millis(100);
        task.sandbox.limits.n_processes_max = Some(100);
        let beyond = async {
            while n_alive(&word) <= 500 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let finished = tokio::select! {
            finished = finish(&task) => finished,
            () = beyond => panic!("{rung}: over 500 processes with a limit of 100"),
        };
        assert_eq!(finished.ending, Ending::TimedOut, "{rung}");
        assert_gone(&word, rung);
    }
}

#[tokio::test]
async fn a_chain_of_forks_cannot_outrun_its_namespace() {
    let Some(python) = crate::sandbox::python() else { return };
    for rung in rungs().await.into_iter().filter(|rung| rung.level() >= 3) {
        let word = mark();
        // Each process leaves the session, forks and dies; there is never one to be found for long.
        let chain = "import os, sys\nwhile True:\n    if os.fork(): os._exit(0)\n    os.setsid()\n";
        let script = format!("'{python}' -c '{chain}' {word} & sleep 0.5");
        assert_eq!(finish(&sh(rung, &script)).await.ending, Ending::Exited(0), "{rung}");
        assert_gone(&word, rung);
    }
}

#[tokio::test]
async fn a_flood_is_kept_in_bounds_and_whole_on_disk() {
    slow!();
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap().join("output");
    for rung in rungs().await {
        let script = "head -c 40000000 /dev/zero | tr '\\0' 'x'; echo end; echo quiet >&2";
        let finished = finish(&Task { spill: Some(folder.clone()), ..sh(rung, script) }).await;
        assert_eq!(finished.ending, Ending::Exited(0), "{rung}");
        assert!(finished.stdout.len() < 9 << 20 && finished.stdout.ends_with(b"xend\n"), "{rung}");
        assert_eq!(finished.n_bytes_cut + (8 << 20), 40_000_004, "{rung}");
        assert_eq!(finished.spilled, [folder.join("stdout")], "{rung}");
        let file = fs::read(folder.join("stdout")).unwrap();
        assert_eq!((file.len(), file.ends_with(b"xend\n")), (40_000_004, true), "{rung}");
    }
}

#[tokio::test]
async fn four_gigabytes_pass_in_bounded_memory() {
    slow!();
    for rung in rungs().await {
        let finished = finish(&sh(rung, "head -c 4294967296 /dev/zero; echo end")).await;
        assert_eq!(finished.ending, Ending::Exited(0), "{rung}");
        assert!(finished.n_bytes_cut > 4_000_000_000 && finished.stdout.ends_with(b"end\n"), "{rung}");
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        // Other tests of this program run beside this one.
        assert!(peak < 400 << 10, "{rung}: {peak} kB");
    }
}
