//! Opens a session: finds the project, its runner and its past, copies the tree, and gathers the debuggers.

use std::fmt::Write as _;
use std::time::{Instant, SystemTime};

use camino::{Utf8Component, Utf8Path};

use crate::config::{Endpoint, Input, Options};
use crate::context::Tree;
use crate::debugger::Debugger;
use crate::debugger::compiler::Compiler;
use crate::debugger::remote::{self, Remote};
use crate::debugger::revert::Revert;
use crate::debugger::scripted::Scripted;
use crate::debugger::template::Templates;
use crate::heal::session::{Door, HealError, Session};
use crate::ingest::FORMATS;
use crate::knowledge::{Knowledge, TTL_DEFAULT};
use crate::model::{Event, Patch, Refusal, Spend};
use crate::patch::{self, Policy, Shown};
use crate::process::Cancel;
use crate::runner::{self, Adopted, Runner, Site};
use crate::text::redact::Redactor;
use crate::triage::Layout;
use crate::verify::{self, Limits, TestBed};
use crate::workspace::{self, Lock, Project, Recovered, Scratch, Snapshot};

/// Commits of the recent past that `revert` may undo.
const COMMITS_MAX: usize = 3;

/// Files of one change, and bytes of text of all changes, that debuggers are shown.
const FILES_MAX: usize = 64;
const CHANGES_BYTES_MAX: usize = 8 << 20;

/// Names of the debuggers, in the order they are asked.
const NAMES: &[&str] = &["scripted", "remembered", "compiler", "template", "revert", "remote"];

impl<'a> Session<'a> {
    /// Opens a session on the project at the options' directory.
    pub(super) async fn open(options: &'a Options, door: &'a mut dyn Door, cancel: Cancel) -> Result<Self, HealError> {
        let started = Instant::now();
        let state = options.state.clone();
        let project = Project::find(&options.dir, &options.child_env).await?;
        let command = match &options.input {
            Input::Command(command) => Some(command.as_slice()),
            Input::Run | Input::Reports(_) => None,
        };
        let runner = choose(options, &project, command)?;
        let lock = Lock::take(&project, &state)?;
        let recovered = workspace::recover(&project, &state)?;
        let snapshot = Snapshot::take(&project, &state).await?;
        let sandbox =
            verify::sandbox(options).await.map_err(|error| HealError::usage(error.to_string(), error.hint()))?;
        let may_ask = verify::may_run_models_patches(options, &sandbox);
        let mut debuggers = debuggers(options)?;
        debuggers.retain(|debugger| may_ask || debugger.name() != "remote");
        let mut session = Self {
            tree: Tree::default(),
            runner,
            redactor: Redactor::new(&options.secrets),
            policy: Policy::default(),
            knowledge: None,
            debuggers,
            sandbox,
            changes: Vec::new(),
            beds: Vec::new(),
            base: Patch::default(),
            spend: Spend::default(),
            _lock: lock,
            options,
            door,
            cancel,
            started,
            project,
            snapshot,
            state,
        };
        session.greet(may_ask);
        if let Some(recovered) = recovered {
            session.notice(told(&recovered));
        }
        session.knowledge = session.open_knowledge();
        session.widen(1).await?;
        session.tree = session.load_tree();
        session.changes =
            workspace::recent_changes(&session.project, &session.snapshot, COMMITS_MAX, FILES_MAX, CHANGES_BYTES_MAX)
                .await?;
        Ok(session)
    }

    fn greet(&mut self, may_ask: bool) {
        let allowed = NAMES.iter().filter(|name| self.options.allows(name));
        let has_script = self.options.candidates.is_some();
        let has_endpoint = self.options.endpoint.is_some() && may_ask;
        let usable = allowed.filter(|name| match **name {
            "scripted" => has_script,
            "remote" => has_endpoint,
            _ => true,
        });
        let event = Event::SessionStarted {
            root: self.project.root.to_string(),
            runner: self.runner.name().to_owned(),
            debuggers: usable.map(ToString::to_string).collect(),
            endpoint: has_endpoint && self.options.allows("remote"),
            sandbox: self.sandbox.rung.to_string(),
        };
        self.say(&event);
        if self.options.endpoint.is_some() && !may_ask {
            self.notice(
                "no model is asked: no sandbox holds here for what it would write (--sandbox=off runs it anyway)",
            );
        }
    }

    /// Opens the memories; without them the session goes on.
    fn open_knowledge(&mut self) -> Option<Knowledge> {
        let redactor = Redactor::new(&self.options.secrets);
        match Knowledge::open(&self.state, TTL_DEFAULT, SystemTime::now()) {
            Ok(knowledge) => {
                if let Some(note) = knowledge.note() {
                    self.notice(note.to_owned());
                }
                Some(knowledge.guarded_by(move |text| redactor.redact(text).as_str().to_owned()))
            }
            Err(error) => {
                self.notice(format!("working without memories: {error}"));
                None
            }
        }
    }

    fn load_tree(&self) -> Tree {
        let layout = Layout { files: self.snapshot.files.keys().cloned().collect(), root: self.project.root.clone() };
        let bed = &self.beds[0];
        Tree::load(layout, &|path: &Utf8Path| bed.read(path).ok().flatten())
    }

    /// Opens test beds until there are `n_wanted`, or as many as `--parallel` allows.
    pub(super) async fn widen(&mut self, n_wanted: usize) -> Result<(), HealError> {
        while self.beds.len() < n_wanted.clamp(1, self.options.parallel) {
            let scratch = Scratch::open(&self.snapshot, &self.state, self.beds.len()).await?;
            let adopted = adopted(self.options, self.runner);
            let site = Site { detailed: true, ..verify::site(&scratch, self.options, adopted) };
            let mut bed = TestBed::new(scratch, self.runner, site, self.limits());
            bed.stand_on(self.base.clone());
            if let Some(first) = self.beds.first() {
                bed.settle(first.run_timeout());
            }
            self.beds.push(bed);
        }
        Ok(())
    }

    fn limits(&self) -> Limits {
        let deadline = self.options.budget.time_max.map(|time| self.started + time);
        Limits { sandbox: self.sandbox.clone(), ..Limits::of(self.options, deadline, self.cancel.clone()) }
    }

    /// Turns a reply into a patch of the tree as candidates find it.
    pub(super) fn resolve(&self, reply: &str) -> Result<Patch, Refusal> {
        let bed = &self.beds[0];
        let read = |path: &Utf8Path| bed.read(path).map_err(|error| error.to_string());
        Ok(patch::resolve(reply, &read, &Shown::default())?.patch)
    }
}

fn told(recovered: &Recovered) -> String {
    let paths = recovered.paths.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(", ");
    let how = if recovered.is_done { "was complete" } else { "was rolled back" };
    let mut told = format!("an earlier session ended while it wrote {paths}: that write {how}");
    if !recovered.edited_since.is_empty() {
        let edited = recovered.edited_since.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(", ");
        let _ = write!(told, "; edited since and left alone: {edited}");
    }
    told
}

/// Chooses the runner, and checks what the configuration says of it.
fn choose(options: &Options, project: &Project, command: Option<&[String]>) -> Result<&'static dyn Runner, HealError> {
    let table = &options.runner;
    if let Some(cwd) = table.cwd.as_deref().filter(|cwd| !project.root.join(cwd).is_dir() || leads_out(cwd)) {
        let hint = "name a folder of the repository, relative to its root";
        return Err(HealError::usage(format!("runner.cwd {cwd} is no folder of the repository"), hint));
    }
    let format = table.custom.as_ref().and_then(|custom| custom.format.as_deref());
    if let Some(format) = format.filter(|format| FORMATS.iter().all(|known| known.name() != *format)) {
        let names: Vec<_> = FORMATS.iter().map(|known| known.name()).collect();
        let hint = format!("known are {}", names.join(", "));
        return Err(HealError::usage(format!("runner.custom.format {format} is unknown"), hint));
    }
    let dir = table.cwd.as_ref().map_or_else(|| project.dir.clone(), |cwd| project.root.join(cwd));
    runner::choose(table, &dir, &project.root, command)
        .map_err(|error| HealError::usage(error.to_string(), error.hint()))
}

fn leads_out(path: &Utf8Path) -> bool {
    path.components().any(|part| !matches!(part, Utf8Component::Normal(_) | Utf8Component::CurDir))
}

fn adopted(options: &Options, runner: &dyn Runner) -> Adopted {
    let from_command = match &options.input {
        Input::Command(command) => runner.adopt(command),
        Input::Run | Input::Reports(_) => None,
    };
    from_command
        .unwrap_or_else(|| Adopted { build: options.runner.options.clone().unwrap_or_default(), test: Vec::new() })
}

/// Makes every debugger that may and can be used, but `remembered`, which is made for each cluster.
fn debuggers(options: &Options) -> Result<Vec<Box<dyn Debugger>>, HealError> {
    let mut debuggers: Vec<Box<dyn Debugger>> = Vec::new();
    if let Some(text) = &options.candidates {
        debuggers.push(Box::new(Scripted::parse(text)));
    }
    debuggers.push(Box::new(Compiler));
    debuggers.push(Box::new(Templates::default()));
    debuggers.push(Box::new(Revert));
    if let Some(endpoint) = &options.endpoint {
        let remote = Remote::new(endpoint_of(endpoint)?);
        debuggers.push(Box::new(remote.map_err(|error| HealError::usage(error.sentence, error.hint))?));
    }
    debuggers.retain(|debugger| options.allows(debugger.name()));
    Ok(debuggers)
}

fn endpoint_of(endpoint: &Endpoint) -> Result<remote::Endpoint, HealError> {
    let dialect: remote::Dialect = endpoint
        .dialect
        .parse()
        .map_err(|error: remote::UnknownDialect| HealError::usage(error.to_string(), "choose one with --dialect"))?;
    let mut made = remote::Endpoint::new(dialect, endpoint.model.clone());
    if let Some(url) = &endpoint.url {
        made.url.clone_from(url);
    }
    made.key = endpoint.key.clone().map(|key| remote::Key::new(&key));
    made.stream = endpoint.stream;
    made.call_timeout = endpoint.call_timeout;
    made.tokens_out_max = endpoint.reply_tokens;
    made.price_in_usd_per_mtok = endpoint.price_in;
    made.price_out_usd_per_mtok = endpoint.price_out;
    Ok(made)
}
