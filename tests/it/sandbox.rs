//! The sandbox under attack: each rung refuses what it promises to refuse, and its list of gaps is true.
//!
//! The attempts stand in `attacks.py`; here stands which gap, if any, lets each of them through.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use heal_tests::process::sandbox::{Gap, Ladder, Limits, Rung, Sandbox, probe};
use heal_tests::process::{Cancel, Ending, Task, run};

/// What a file outside holds that nothing inside may find.
const SECRET: &str = "a-secret-that-nobody-may-read";

/// The attempts that a gap lets through; every other one is refused on every rung above process control.
const BY_GAP: &[(Gap, &[&str])] = &[
    (
        Gap::Writes,
        &[
            "write_a_file",
            "append_to_a_file",
            "create_a_file",
            "remove_a_file",
            "make_a_folder",
            "remove_a_folder",
            "rename_out_of_the_copy",
            "rename_into_the_copy",
            "exchange_with_the_copy",
            "link_into_the_copy_and_write",
            "link_out_of_the_copy",
            "write_through_a_symlink",
            "write_through_a_symlinked_folder",
            "symlink_outside",
            "write_by_proc_self_root",
            "write_by_proc_self_cwd",
            "write_by_an_open_folder",
            "reopen_for_writing",
            "write_by_mapping",
            "link_an_unnamed_file",
            "make_a_fifo",
            "bind_a_socket",
            "write_beside_the_copy",
            "write_a_startup_file",
            "write_a_git_hook",
            "write_git_configuration",
            "write_by_proc_pid_root",
            "write_by_proc_pid_fd",
        ],
    ),
    (Gap::Truncation, &["truncate_a_file"]),
    (Gap::Attributes, &["change_a_mode", "change_times", "set_an_attribute"]),
    (
        Gap::Reads,
        &[
            "read_a_key",
            "read_a_netrc",
            "read_a_cloud_credential",
            "read_a_registry_token",
            "read_a_named_secret",
            "read_beside_the_copy",
            "read_a_key_by_symlink",
            "read_a_key_by_link",
            "read_a_key_by_rename",
            "read_a_key_by_proc_self_root",
            "read_a_key_by_an_open_folder",
            "run_a_hidden_program",
            "read_shadow",
            "read_environments",
            "read_memory",
            "read_by_proc_pid_fd",
            "copy_memory",
        ],
    ),
    (Gap::SharedMemory, &["read_shared_memory"]),
    (Gap::Network, &["connect_by_tcp", "send_by_udp", "find_a_way_out"]),
    (Gap::AbstractSockets, &["connect_to_an_abstract_socket"]),
    (Gap::LocalSockets, &["connect_to_a_local_socket"]),
    (Gap::LateSockets, &["connect_to_a_late_socket"]),
    (Gap::Signals, &["signal_the_healer"]),
    (Gap::ProcessTable, &["see_the_healer"]),
    (Gap::Priorities, &["slow_the_healer", "limit_the_healer"]),
    (Gap::Processes, &["fork_without_end"]),
];

/// Gaps that no single attempt shows: one is about devices that a test finds open, one about a race.
const NOT_TRIED: &[Gap] = &[Gap::DeviceControl, Gap::FastForks];

/// The program under test, which is its own helper.
pub(crate) fn helper() -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_BIN_EXE_heal-tests"))
}

/// Says that something is not installed: fails where all tests must run.
#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
pub(crate) fn is_missing(what: &str) {
    assert!(std::env::var_os("RUN_SLOW_TESTS").is_none(), "{what} is missing, and RUN_SLOW_TESTS is set");
    eprintln!("not run: {what} is missing");
}

pub(crate) async fn ladder() -> Ladder {
    probe(Some(&helper())).await
}

/// Returns what a rung leaves open; nothing, loudly, when it does not hold here.
pub(crate) async fn gaps_of(rung: Rung) -> Option<Vec<Gap>> {
    let ladder = ladder().await;
    let standing = ladder.rungs.iter().find(|standing| standing.rung == rung)?;
    standing.holds.clone().map_err(|reason| is_missing(&format!("sandbox rung {rung} ({reason})"))).ok()
}

/// The strongest sandbox that holds here, with the usual places of credentials hidden.
pub(crate) async fn confined() -> Sandbox {
    let home = std::env::var("HOME").ok().map(Utf8PathBuf::from);
    Sandbox { home, helper: Some(helper()), ..Sandbox::at(ladder().await.best()) }
}

/// Finds a program of the machine by its name.
pub(crate) fn find(program: &str) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let found = path.split(':').map(|folder| format!("{folder}/{program}")).find(|file| Path::new(file).is_file());
    if found.is_none() {
        is_missing(program);
    }
    found
}

/// Finds the interpreter itself, where `PATH` leads to a script that chooses one.
pub(crate) fn python() -> Option<String> {
    let found = find("python3")?;
    let output = Command::new(found).args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

pub(crate) fn environment(home: &Utf8Path) -> Vec<(String, String)> {
    let path = std::env::var("PATH").unwrap();
    let pairs = [("PATH", path.as_str()), ("HOME", home.as_str()), ("PYTHONDONTWRITEBYTECODE", "1")];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// A machine's worth of things worth attacking, and servers that answer.
struct World {
    folder: tempfile::TempDir,
    healer: Child,
    shared: PathBuf,
    tcp: u16,
    udp: u16,
    is_over: Arc<AtomicBool>,
}

impl World {
    fn make() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let top = folder.path();
        for made in ["state/copy", "outside/empty", "outside/.git/hooks", "home/.ssh", "home/.aws", "home/.cargo"] {
            fs::create_dir_all(top.join(made)).unwrap();
        }
        let own_files = BY_GAP.iter().flat_map(|(_, names)| *names).map(|name| format!("outside/{name}"));
        for file in own_files.chain(["outside/.git/config".into(), "home/.bashrc".into()]) {
            fs::write(top.join(file), "precious\n").unwrap();
        }
        let secrets = [".ssh/id_ed25519", ".ssh/old_key", ".netrc", ".aws/credentials", ".cargo/credentials.toml"];
        for file in secrets
            .map(|file| format!("home/{file}"))
            .iter()
            .chain([&"outside/hidden.env".to_owned(), &"state/memories".to_owned()])
        {
            fs::write(top.join(file), SECRET).unwrap();
        }
        fs::write(top.join("home/.ssh/program"), "#!/bin/sh\nexit 0\n").unwrap();
        fs::set_permissions(top.join("home/.ssh/program"), fs::Permissions::from_mode(0o755)).unwrap();

        let is_over = Arc::new(AtomicBool::new(false));
        let shared = PathBuf::from("/dev/shm").join(top.file_name().unwrap());
        fs::write(&shared, SECRET).unwrap();
        let (tcp, udp) = serve(top, &is_over);
        let healer = Command::new("sleep")
            .arg("600")
            .env_clear()
            .env("HEAL_TESTS_KEY", SECRET)
            .stdin(fs::File::open(top.join("outside/hidden.env")).unwrap())
            .stdout(fs::OpenOptions::new().append(true).open(top.join("outside/write_by_proc_pid_fd")).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { folder, healer, shared, tcp, udp, is_over }
    }

    fn path(&self, inner: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.folder.path().join(inner)).unwrap()
    }

    /// What the attacker is told, and more than a real one would know.
    fn description(&self, limits: &Limits, only: &[&str]) -> String {
        let n_processes_max = limits.n_processes_max.unwrap();
        serde_json::json!({
            "copy": self.path("state/copy"),
            "outside": self.path("outside"),
            "home": self.path("home"),
            "healer": self.healer.id(),
            "healer_name": "sleep",
            "secret": SECRET,
            "tcp": self.tcp,
            "udp": self.udp,
            "abstract": abstract_name(self.folder.path()),
            "shared": self.shared.file_name().unwrap().to_str(),
            "file_bytes_max": limits.file_bytes_max,
            "n_processes_far_too_many": n_processes_max + 400,
            "only": only,
        })
        .to_string()
    }

    /// Attacks from a rung, and returns what came of each attempt.
    async fn attack(&self, rung: Rung, python: &str, only: &[&str]) -> BTreeMap<String, String> {
        let limits = Limits { n_processes_max: Some(64), file_bytes_max: Some(1 << 20), ..Limits::default() };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/attacks.py");
        let argv = [python, script, &self.description(&limits, only)].map(str::to_owned).to_vec();
        let mut task = Task::new(argv, self.path("state/copy"), environment(&self.path("home")));
        task.timeout = Duration::from_mins(3);
        task.sandbox = Sandbox {
            writable: vec![self.path("state/copy")],
            // The build's own folder for tests may lie in `/tmp`, of which a task has its own.
            readable: vec![self.path("outside"), self.path("home")],
            // The copy lies in a folder that is itself hidden.
            hidden: vec![self.path("outside/hidden.env"), self.path("state")],
            home: Some(self.path("home")),
            helper: Some(helper()),
            limits,
            ..Sandbox::at(rung)
        };
        let finished = run(&task, &Cancel::default()).await.unwrap();
        let (stdout, stderr) = (text(&finished.stdout), text(&finished.stderr));
        assert_eq!(finished.ending, Ending::Exited(0), "{stdout}\n{stderr}");
        assert_eq!(finished.rung, rung);
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}"))
    }

    /// Everything outside the copy: what it is, its mode, times and bytes.
    fn outside(&self) -> BTreeMap<PathBuf, (u32, i64, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.folder.path().join("outside"), self.folder.path().join("home")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                let bytes = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
                if metadata.is_dir() {
                    folders.push(path.clone());
                }
                found.insert(path, (metadata.mode(), metadata.mtime(), bytes));
            }
        }
        found.retain(|path, _| !path.ends_with("late.sock"));
        found
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.healer.kill();
        let _ = self.healer.wait();
        let _ = fs::remove_file(&self.shared);
    }
}

fn abstract_name(top: &Path) -> String {
    top.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Listens at every kind of socket; at one only when it is asked to, while the attack goes on.
fn serve(top: &Path, is_over: &Arc<AtomicBool>) -> (u16, u16) {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let ports = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
    let by_name = SocketAddr::from_abstract_name(abstract_name(top)).unwrap();
    let sockets =
        [UnixListener::bind_addr(&by_name).unwrap(), UnixListener::bind(top.join("outside/engine.sock")).unwrap()];
    let (top, is_over) = (top.to_owned(), is_over.clone());
    thread::spawn(move || {
        let mut late = None;
        let mut word = [0; 16];
        while !is_over.load(Ordering::Relaxed) {
            if late.is_none() && top.join("state/copy/please-listen").exists() {
                late = UnixListener::bind(top.join("outside/late.sock")).ok();
            }
            if let Ok((_, from)) = udp.recv_from(&mut word) {
                udp.send_to(b"pong", from).unwrap();
            }
        }
        drop((tcp, sockets, late));
    });
    ports
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn has_route() -> bool {
    UdpSocket::bind("0.0.0.0:0").unwrap().connect("192.0.2.1:9").is_ok()
}

/// Holds what came of the attempts against what the rung says of itself.
fn judge(rung: Rung, gaps: &[Gap], outcomes: &BTreeMap<String, String>) {
    let mut complaints = Vec::new();
    for (name, came_of_it) in outcomes {
        let gap = BY_GAP.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(gap, _)| *gap);
        let may_be_open = gap.is_some_and(|gap| gaps.contains(&gap));
        let is_blocked = came_of_it.starts_with("blocked") || came_of_it == "absent";
        let is_listed = may_be_open && came_of_it == "open";
        if !is_blocked && !is_listed {
            complaints.push(format!("{rung}: {name} is {came_of_it}, by no gap that is listed"));
        }
    }
    for gap in gaps.iter().filter(|gap| !NOT_TRIED.contains(gap)) {
        let (_, names) = BY_GAP.iter().find(|(own, _)| own == gap).unwrap();
        let is_open = |name: &&str| outcomes.get(*name).is_some_and(|came_of_it| came_of_it == "open");
        if !names.iter().any(is_open) && (*gap != Gap::Network || has_route()) {
            complaints.push(format!("{rung}: nothing shows that it {gap}"));
        }
    }
    assert!(complaints.is_empty(), "\n{}\n{outcomes:#?}", complaints.join("\n"));
}

async fn check_rung(rung: Rung) {
    let (Some(gaps), Some(python)) = (gaps_of(rung).await, python()) else { return };
    let world = World::make();
    let before = world.outside();
    let outcomes = world.attack(rung, &python, &[]).await;
    assert!(outcomes.len() >= 100, "only {} attempts", outcomes.len());
    judge(rung, &gaps, &outcomes);
    let named = BY_GAP.iter().flat_map(|(_, names)| *names);
    let unknown: Vec<_> = named.filter(|name| !outcomes.contains_key(**name)).collect();
    assert!(unknown.is_empty(), "there are no attempts {unknown:?}");
    if !gaps.contains(&Gap::Attributes) {
        assert_eq!(world.outside(), before);
    }
}

#[tokio::test]
async fn own_namespaces_refuse_every_attack() {
    check_rung(Rung::Namespaces).await;
}

#[tokio::test]
async fn bubblewrap_refuses_every_attack() {
    check_rung(Rung::Bubblewrap).await;
}

#[tokio::test]
async fn landlock_refuses_every_attack_but_those_through_its_gaps() {
    check_rung(Rung::Landlock).await;
}

#[tokio::test]
async fn process_control_alone_refuses_none_that_a_gap_names() {
    let Some(python) = python() else { return };
    let gaps = gaps_of(Rung::ProcessControl).await.unwrap();
    let world = World::make();
    let only: Vec<&str> = BY_GAP.iter().flat_map(|(_, names)| *names).copied().collect();
    judge(Rung::ProcessControl, &gaps, &world.attack(Rung::ProcessControl, &python, &only).await);
}
