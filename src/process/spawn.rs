//! Starts the child of a task: in a group of its own, with its own pipes, marked so that what it starts is found again.

use std::io::{self, ErrorKind, Write, pipe};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::Utf8PathBuf;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::process::group::{self, Group};
use crate::process::sandbox::{Confined, Failing};
use crate::process::sink::Sink;
use crate::process::{SpawnError, Task};

/// The variable in a child's environment that tells which task it belongs to; it survives changes of group and session.
pub(super) const MARK: &str = "HEAL_TESTS_RUN";

/// The size of a child's pipes, where it can be chosen: the most that every user may have.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;

/// A started child, the group it leads, and the ends of its pipes.
pub(super) struct Spawned {
    pub(super) child: Child,
    pub(super) group: Group,
    pub(super) streams: Streams,
    /// What confines the child, if anything does.
    pub(super) confined: Option<Confined>,
}

/// This program's ends of a child's pipes.
pub(super) struct Streams {
    stdin: Option<(ChildStdin, Vec<u8>)>,
    stdout: Receiver,
    stderr: Option<Receiver>,
    tee: bool,
}

/// Starts the task's program, or in its place what confines it first.
pub(super) fn spawn(task: &Task) -> Result<Spawned, SpawnError> {
    let confined = Confined::prepare(task).map_err(|failing| explain(task, failing))?;
    let (argv, env) = match &confined {
        Some(confined) => (&confined.argv, &confined.env),
        None => (&task.argv, &task.env),
    };
    let Some((program, arguments)) = argv.split_first() else { return Err(SpawnError::NoProgram) };
    let mark = mark(task);
    let mut command = command(task, program);
    command.args(arguments).envs(env.iter().map(|(name, value)| (name, value))).env(MARK, &mark);
    if confined.is_none() {
        command.process_group(0);
    }
    let started = start(command, task, &mark).map_err(Failing::Start);
    let (child, group, streams) = started.map_err(|failing| explain(task, failing))?;
    Ok(Spawned { child, group, streams, confined })
}

#[expect(clippy::disallowed_methods, reason = "this is the one home of spawning")]
fn command(task: &Task, program: &str) -> Command {
    // Whether a relative program is meant from the old or the new directory depends on the platform; an absolute one
    // does not.
    let is_relative_path = program.contains('/') && !program.starts_with('/');
    let program = if is_relative_path { task.cwd.join(program) } else { Utf8PathBuf::from(program) };
    let mut command = Command::new(program);
    command.current_dir(&task.cwd).env_clear().kill_on_drop(true);
    command
}

fn start(mut command: Command, task: &Task, mark: &str) -> io::Result<(Child, Group, Streams)> {
    let (stdout, stdout_end) = pipe()?;
    let (stderr, stderr_end) = if task.merge {
        (None, stdout_end.try_clone()?)
    } else {
        let (stderr, stderr_end) = pipe()?;
        (Some(stderr), stderr_end)
    };
    command.stdout(stdout_end).stderr(stderr_end);
    command.stdin(if task.stdin.is_empty() { Stdio::null() } else { Stdio::piped() });
    let streams = (reader(stdout)?, stderr.map(reader).transpose()?);
    let (mut child, group) = group::lead(mark, || command.spawn())?;
    // The command holds the write ends: with them open here, the pipes would never end.
    drop(command);
    let stdin = child.stdin.take().map(|pipe| (pipe, task.stdin.clone()));
    let streams = Streams { stdin, stdout: streams.0, stderr: streams.1, tee: task.tee };
    Ok((child, group, streams))
}

fn reader(pipe: io::PipeReader) -> io::Result<Receiver> {
    // A flood is read in fewer turns from a larger pipe; a system that grants none is read all the same.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE_BYTES);
    Receiver::from_owned_fd(OwnedFd::from(pipe))
}

/// Makes the mark of a task: it names this session, is unique on this machine, and stands below the mark of the task
/// that this program itself runs in, so that an outer session finds what an inner one started.
fn mark(task: &Task) -> String {
    static N_TASKS: AtomicU64 = AtomicU64::new(0);
    let n = N_TASKS.fetch_add(1, Ordering::Relaxed);
    let outer = task.env.iter().find(|(name, _)| name == MARK).map(|(_, value)| format!("{value}/"));
    let random = getrandom::u32().unwrap_or_default();
    format!("{}{}-{n}-{random:08x}", outer.unwrap_or_default(), group::session())
}

/// Says why a task could not be started.
pub(super) fn explain(task: &Task, failing: Failing) -> SpawnError {
    let Some(program) = task.argv.first().cloned() else { return SpawnError::NoProgram };
    let cwd = task.cwd.clone();
    let source = match failing {
        Failing::Setup(reason) => return SpawnError::NotConfined { program, rung: task.sandbox.rung, reason },
        Failing::Start(_) if !cwd.is_dir() => return SpawnError::NoDirectory { program, cwd },
        Failing::Start(source) => source,
    };
    match source.kind() {
        ErrorKind::NotFound if program.contains('/') && cwd.join(&program).exists() => {
            SpawnError::NoInterpreter { program, cwd }
        }
        ErrorKind::NotFound => SpawnError::NotFound { program, cwd },
        ErrorKind::PermissionDenied => SpawnError::Denied { program, cwd },
        _ => SpawnError::Refused { program, cwd, source },
    }
}

impl Streams {
    /// Moves bytes until every pipe has ended.
    pub(super) async fn pump(self, [stdout, stderr]: [&mut Sink; 2], activity: &Notify) {
        let Self { stdin, stdout: out, stderr: err, tee } = self;
        tokio::join!(
            feed(stdin),
            drain(Some(out), stdout, tee.then_some(Terminal::Stdout), activity),
            drain(err, stderr, tee.then_some(Terminal::Stderr), activity),
        );
    }
}

/// Writes the child's input and closes it. A child that does not read it is free to do so.
async fn feed(stdin: Option<(ChildStdin, Vec<u8>)>) {
    if let Some((mut pipe, bytes)) = stdin {
        let _ = pipe.write_all(&bytes).await;
    }
}

async fn drain(pipe: Option<Receiver>, sink: &mut Sink, mut terminal: Option<Terminal>, activity: &Notify) {
    let Some(mut pipe) = pipe else { return };
    while let Ok(bytes @ [_, ..]) = sink.read(&mut pipe).await {
        activity.notify_one();
        if let Some(open) = terminal {
            terminal = open.show(bytes.to_vec()).await;
        }
    }
}

/// One of this program's own output streams.
#[derive(Clone, Copy)]
enum Terminal {
    Stdout,
    Stderr,
}

impl Terminal {
    /// Copies bytes, on a thread where a terminal that stands still blocks no deadline. Returns the stream while it is
    /// open: a closed one is success.
    async fn show(self, bytes: Vec<u8>) -> Option<Self> {
        let write = move || match self {
            Self::Stdout => copy(io::stdout().lock(), &bytes),
            Self::Stderr => copy(io::stderr().lock(), &bytes),
        };
        matches!(spawn_blocking(write).await, Ok(Ok(()))).then_some(self)
    }
}

fn copy(mut stream: impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}
