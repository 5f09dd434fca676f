//! Typed → resolved: one value for every option, with its source decided, checked, and its default stated here.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::config::sandbox::{self, Confinement};
use crate::config::{BudgetTable, ConfigError, ConfigFile, EndpointTable, Environment, RunnerTable, Typed};
use crate::model::Budget;

/// Names that `--debugger` takes, besides `embedded`.
const DEBUGGERS: &[&str] = &["scripted", "remembered", "compiler", "template", "revert", "remote"];

/// Dialects of endpoints, with the variables that usually hold a key and a base URL for them.
const DIALECTS: &[(&str, &str, &str)] = &[
    ("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
    ("openai-responses", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
    ("anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
    ("gemini", "GEMINI_API_KEY", "GEMINI_BASE_URL"),
    ("ollama", "OLLAMA_API_KEY", "OLLAMA_BASE_URL"),
];

/// Where test results come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Run the project's tests.
    Run,
    /// Read reports: paths and globs, `-` for standard input.
    Reports(Vec<String>),
    /// Run exactly this command and read what it prints.
    Command(Vec<String>),
}

/// What happens to a proven patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Show it and ask.
    Review,
    /// Apply it.
    Accept,
    /// Write it to the output folder.
    Propose,
}

/// The endpoint of the remote debugger.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// The wire format's name, one of those `debugger::remote` speaks.
    pub dialect: String,
    /// Base URL; `None` means the dialect's own.
    pub url: Option<String>,
    /// Model name.
    pub model: String,
    /// The key, if one is needed.
    pub key: Option<String>,
    /// Whether to stream (default: yes).
    pub stream: bool,
    /// Largest reply in tokens (default: 4,096).
    pub reply_tokens: u32,
    /// Price of prompt tokens, US dollars a million.
    pub price_in: Option<f64>,
    /// Price of reply tokens, US dollars a million.
    pub price_out: Option<f64>,
    /// Longest time of one call, retries included (default: 5 minutes).
    pub call_timeout: Duration,
    /// Calls a cluster at most (default: 3).
    pub attempts_max: u32,
}

/// Every option of a session, resolved.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the command was typed; relative paths of reports and outputs start here.
    pub cwd: Utf8PathBuf,
    /// The project, or a directory inside it; absolute.
    pub dir: Utf8PathBuf,
    /// Where state is kept.
    pub state: Utf8PathBuf,
    /// Where results come from.
    pub input: Input,
    /// What happens to a proven patch.
    pub mode: Mode,
    /// The output folder, when one is written.
    pub out: Option<Utf8PathBuf>,
    /// Whether events go to standard output as JSON Lines.
    pub json: bool,
    /// Debuggers that may be used; `None` means all that can be.
    pub debuggers: Option<Vec<String>>,
    /// Text of the `scripted` debugger's file.
    pub candidates: Option<String>,
    /// The endpoint, when one is configured.
    pub endpoint: Option<Endpoint>,
    /// The limits.
    pub budget: Budget,
    /// Longest time of one build or test run.
    pub run_timeout: Duration,
    /// Candidates verified at once.
    pub parallel: usize,
    /// How candidates are confined.
    pub sandbox: Confinement,
    /// The home folder.
    pub home: Option<Utf8PathBuf>,
    /// Where keys for this program are, which candidates may not read.
    pub hidden: Vec<Utf8PathBuf>,
    /// Runs of the failing tests on the untouched tree.
    pub probes: u32,
    /// Runs of the healed tests that must pass.
    pub confirm: u32,
    /// Seed of everything drawn by chance.
    pub seed: u64,
    /// How tests are run.
    pub runner: RunnerTable,
    /// Environment of children.
    pub child_env: Vec<(String, String)>,
    /// Environment of a command the user typed.
    pub command_env: Vec<(String, String)>,
    /// Values that must never leave the machine.
    pub secrets: Vec<String>,
}

impl Options {
    /// Tells whether a debugger may be used.
    pub fn allows(&self, debugger: &str) -> bool {
        self.debuggers.as_ref().is_none_or(|names| names.iter().any(|name| name == debugger))
    }
}

/// Resolves what was typed in `cwd` against the environment and the configuration files.
///
/// `repository_file` is found in the project and therefore not trusted with the user's keys.
pub fn resolve(typed: &Typed, environment: &Environment, cwd: &Utf8Path) -> Result<Options, ConfigError> {
    let dir = existing_dir(&cwd.join(typed.dir.as_deref().unwrap_or(Utf8Path::new("."))))?;
    let repository = ConfigFile::read(&config_path(&dir))?;
    let user = match environment.config_dir() {
        Some(folder) => ConfigFile::read(&folder.join("config.toml"))?,
        None => ConfigFile::default(),
    };
    let mode = match (typed.accept, typed.propose) {
        (true, _) => Mode::Accept,
        (false, true) => Mode::Propose,
        (false, false) => Mode::Review,
    };
    let out = typed.out.clone().or_else(|| (mode == Mode::Propose).then(|| "heal-out".into()));
    let endpoint = endpoint(typed, environment, &repository.endpoint, &user.endpoint)?;
    let mut secrets = environment.secrets();
    secrets.extend(endpoint.as_ref().and_then(|endpoint| endpoint.key.clone()));
    Ok(Options {
        state: state_dir(typed, environment, cwd)?,
        input: input(typed),
        mode,
        out: out.map(|out| cwd.join(out)),
        json: typed.json,
        debuggers: debuggers(typed, &repository, &user, endpoint.is_some())?,
        candidates: typed.candidates.as_deref().map(|file| read_text(&cwd.join(file))).transpose()?,
        endpoint,
        budget: budget(typed, &repository.budget, &user.budget)?,
        run_timeout: run_timeout(typed, &repository.budget, &user.budget)?,
        parallel: typed.parallel.or(repository.parallel).or(user.parallel).unwrap_or_else(cores_at_most_4).max(1),
        sandbox: sandbox::confinement(typed, &repository, &user)?,
        home: environment.get("HOME").map(Utf8PathBuf::from),
        hidden: environment
            .config_dir()
            .into_iter()
            .chain(typed.key_file.as_ref().map(|file| cwd.join(file)))
            .collect(),
        probes: typed.probes.or(repository.probes).or(user.probes).unwrap_or(2).max(1),
        confirm: typed.confirm.or(repository.confirm).or(user.confirm).unwrap_or(2).max(1),
        seed: typed.seed.unwrap_or(0),
        runner: RunnerTable { name: typed.runner.clone(), ..RunnerTable::default() }
            .or(repository.runner)
            .or(user.runner),
        child_env: environment.for_children(),
        command_env: environment.whole(),
        secrets,
        cwd: cwd.to_owned(),
        dir,
    })
}

fn existing_dir(dir: &Utf8Path) -> Result<Utf8PathBuf, ConfigError> {
    let hint = "name an existing project directory with --dir";
    let real =
        dir.canonicalize_utf8().map_err(|error| ConfigError::new(format!("failed to open {dir}: {error}"), hint))?;
    if real.is_dir() { Ok(real) } else { Err(ConfigError::new(format!("{dir} is not a directory"), hint)) }
}

/// Finds `heal-tests.toml` beside or above `dir`, not above a repository's root.
fn config_path(dir: &Utf8Path) -> Utf8PathBuf {
    for folder in dir.ancestors() {
        let file = folder.join("heal-tests.toml");
        if file.exists() || folder.join(".git").exists() {
            return file;
        }
    }
    dir.join("heal-tests.toml")
}

fn state_dir(typed: &Typed, environment: &Environment, cwd: &Utf8Path) -> Result<Utf8PathBuf, ConfigError> {
    match typed.state.as_ref().map(|dir| cwd.join(dir)).or_else(|| environment.data_dir()) {
        Some(dir) => Ok(cwd.join(dir)),
        None => Err(ConfigError::new("there is no home folder to keep state in", "name a folder with --state")),
    }
}

fn input(typed: &Typed) -> Input {
    match (typed.command.as_slice(), typed.report.as_slice()) {
        ([], []) => Input::Run,
        ([], reports) => Input::Reports(reports.to_vec()),
        (command, _) => Input::Command(command.to_vec()),
    }
}

fn debuggers(
    typed: &Typed,
    repository: &ConfigFile,
    user: &ConfigFile,
    has_endpoint: bool,
) -> Result<Option<Vec<String>>, ConfigError> {
    let named = if typed.debugger.is_empty() { None } else { Some(typed.debugger.clone()) };
    let Some(names) = named.or_else(|| repository.debuggers.clone()).or_else(|| user.debuggers.clone()) else {
        return Ok(None);
    };
    let mut resolved = Vec::new();
    for name in names {
        match name.trim() {
            "embedded" => resolved.extend(DEBUGGERS.iter().filter(|name| **name != "remote").map(ToString::to_string)),
            "remote" if !has_endpoint => {
                return Err(ConfigError::new("the remote debugger has no endpoint", "name a model with --model"));
            }
            known if DEBUGGERS.contains(&known) => resolved.push(known.to_owned()),
            unknown => {
                let hint = format!("the debuggers are {}, and embedded for all but remote", DEBUGGERS.join(", "));
                return Err(ConfigError::new(format!("there is no debugger {unknown}"), hint));
            }
        }
    }
    Ok(Some(resolved))
}

/// Chooses the endpoint; naming a model is what turns it on.
///
/// A URL from the repository's file is never given a key from anywhere else: a cloned project must not be able to
/// send the user's key to a host of its choosing.
fn endpoint(
    typed: &Typed,
    environment: &Environment,
    repository: &EndpointTable,
    user: &EndpointTable,
) -> Result<Option<Endpoint>, ConfigError> {
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    let model = typed.model.clone().or_else(|| variable("HEAL_TESTS_MODEL"));
    let Some(model) = model.or_else(|| repository.model.clone()).or_else(|| user.model.clone()) else {
        return Ok(None);
    };
    let own_dialect = typed.dialect.clone().or_else(|| variable("HEAL_TESTS_DIALECT"));
    let dialect = own_dialect.or_else(|| repository.dialect.clone()).or_else(|| user.dialect.clone());
    let dialect =
        dialect.unwrap_or_else(|| if model.starts_with("claude") { "anthropic" } else { "openai" }.to_owned());
    let Some((_, key_variable, url_variable)) = DIALECTS.iter().find(|(name, ..)| *name == dialect) else {
        let names: Vec<_> = DIALECTS.iter().map(|(name, ..)| *name).collect();
        let hint = format!("the dialects are {}", names.join(", "));
        return Err(ConfigError::new(format!("there is no dialect {dialect}"), hint));
    };
    let own_url = typed.url.clone().or_else(|| variable("HEAL_TESTS_URL"));
    let url_is_foreign = own_url.is_none() && repository.url.is_some();
    let url =
        own_url.or_else(|| repository.url.clone()).or_else(|| user.url.clone()).or_else(|| variable(url_variable));
    let key = if url_is_foreign && !is_loopback(repository.url.as_deref()) {
        repository.key.clone()
    } else {
        own_key(typed, environment, user, key_variable)?.or_else(|| repository.key.clone())
    };
    let number = |file: fn(&EndpointTable) -> Option<u32>| file(repository).or(file(user));
    let price = |file: fn(&EndpointTable) -> Option<f64>| file(repository).or(file(user));
    Ok(Some(Endpoint {
        dialect,
        url,
        model,
        key,
        stream: !typed.no_stream && repository.stream.or(user.stream).unwrap_or(true),
        reply_tokens: number(|table| table.reply_tokens).unwrap_or(4096),
        price_in: price(|table| table.price_in),
        price_out: price(|table| table.price_out),
        call_timeout: call_timeout(repository, user)?,
        attempts_max: number(|table| table.attempts).unwrap_or(3),
    }))
}

fn call_timeout(repository: &EndpointTable, user: &EndpointTable) -> Result<Duration, ConfigError> {
    let text = repository.timeout.as_deref().or(user.timeout.as_deref());
    let day = Duration::from_hours(24);
    Ok(limit("endpoint.timeout", text, Some(Duration::from_mins(5)), parse_duration)?.unwrap_or(day))
}

fn own_key(
    typed: &Typed,
    environment: &Environment,
    user: &EndpointTable,
    usual_variable: &str,
) -> Result<Option<String>, ConfigError> {
    if let Some(file) = &typed.key_file {
        return Ok(Some(read_text(file)?.trim().to_owned()));
    }
    let Some(name) = typed.key_env.as_ref().or(user.key_env.as_ref()) else {
        let usual = environment.get("HEAL_TESTS_KEY").or_else(|| environment.get(usual_variable));
        return Ok(user.key.clone().or_else(|| usual.map(str::to_owned)));
    };
    match environment.get(name) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(ConfigError::new(format!("the variable {name} is not set"), "export it, or use --key-file")),
    }
}

fn is_loopback(url: Option<&str>) -> bool {
    let authority = url.and_then(|url| url.split_once("://")).map(|(_, rest)| rest.split(['/', '?', '#']).next());
    let Some(authority) = authority.flatten() else { return false };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

fn budget(typed: &Typed, repository: &BudgetTable, user: &BudgetTable) -> Result<Budget, ConfigError> {
    let default = Budget::default();
    let text = |flag: &Option<String>, file: Option<String>| flag.clone().or(file);
    let time = text(&typed.max_time, repository.max_time.clone().or_else(|| user.max_time.clone()));
    let whole = |own: Option<u64>, other: Option<u64>| own.or(other).map(|n| n.to_string());
    let attempts = text(&typed.max_attempts, whole(repository.max_attempts, user.max_attempts));
    let tokens = text(&typed.max_tokens, whole(repository.max_tokens, user.max_tokens));
    let cost = text(&typed.max_cost, repository.max_cost.or(user.max_cost).map(|usd| usd.to_string()));
    Ok(Budget {
        time_max: limit("--max-time", time.as_deref(), default.time_max, parse_duration)?,
        attempts_max: limit("--max-attempts", attempts.as_deref(), default.attempts_max, |text| text.parse().ok())?,
        tokens_max: limit("--max-tokens", tokens.as_deref(), default.tokens_max, |text| text.parse().ok())?,
        cost_usd_max: limit("--max-cost", cost.as_deref(), default.cost_usd_max, parse_dollars)?,
    })
}

fn run_timeout(typed: &Typed, repository: &BudgetTable, user: &BudgetTable) -> Result<Duration, ConfigError> {
    let text =
        typed.run_timeout.clone().or_else(|| repository.run_timeout.clone()).or_else(|| user.run_timeout.clone());
    let day = Duration::from_hours(24);
    Ok(limit("--run-timeout", text.as_deref(), Some(Duration::from_mins(5)), parse_duration)?.unwrap_or(day))
}

/// Reads one limit: not given means its default, `none` means no limit.
fn limit<T>(
    flag: &str,
    text: Option<&str>,
    default: Option<T>,
    parse: fn(&str) -> Option<T>,
) -> Result<Option<T>, ConfigError> {
    match text.map(str::trim) {
        None => Ok(default),
        Some("none") => Ok(None),
        Some(text) => match parse(text) {
            Some(value) => Ok(Some(value)),
            None => Err(ConfigError::new(
                format!("{flag} does not understand {text:?}"),
                format!("give {flag} a number that is not negative (times as 90s, 10m, 2h), or none"),
            )),
        },
    }
}

/// Reads a time as people type it: `90s`, `1.5m`, `2h`, `200ms`, or seconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let seconds_per_unit = match text[split..].trim() {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(text[..split].parse::<f64>().ok()? * seconds_per_unit).ok()
}

fn parse_dollars(text: &str) -> Option<f64> {
    text.trim_start_matches('$').parse().ok().filter(|usd: &f64| usd.is_finite() && *usd >= 0.0)
}

fn read_text(path: &Utf8Path) -> Result<String, ConfigError> {
    fs_err::read_to_string(path).map_err(|error| ConfigError::new(error.to_string(), "name a readable UTF-8 text file"))
}

fn cores_at_most_4() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(arguments: &[&str]) -> Typed {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            typed: Typed,
        }
        let line = ["heal-tests"].iter().chain(arguments);
        <Line as clap::Parser>::try_parse_from(line).unwrap().typed
    }

    fn check(arguments: &[&str], variables: &[(&str, &str)], toml: &str) -> Result<Options, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::create_dir(dir.join(".git")).unwrap();
        fs_err::write(dir.join("heal-tests.toml"), toml).unwrap();
        let home = [("HOME", dir.as_str())];
        let environment = Environment::of(variables.iter().copied().chain(home));
        resolve(&typed(arguments), &environment, dir)
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_beats_the_default() {
        let toml = "[budget]\nmax-attempts = 7\nmax-time = \"2m\"\n";
        let budget = check(&["--max-time", "90s"], &[], toml).unwrap().budget;
        assert_eq!(budget.time_max, Some(Duration::from_secs(90)));
        assert_eq!(budget.attempts_max, Some(7));
        assert_eq!(budget.tokens_max, Budget::default().tokens_max);
    }

    #[test]
    fn none_lifts_a_limit_and_nonsense_names_its_flag() {
        assert_eq!(check(&["--max-cost", "none"], &[], "").unwrap().budget.cost_usd_max, None);
        for (flag, value) in
            [("--max-time", "soon"), ("--max-cost", "-1"), ("--max-tokens", "1e9"), ("--run-timeout", "5x")]
        {
            let line = format!("{flag}={value}");
            let error = check(&[&line], &[], "").unwrap_err();
            assert!(error.sentence.contains(flag), "{}", error.sentence);
        }
    }

    #[test]
    fn no_model_means_no_endpoint_even_with_a_key_in_the_environment() {
        assert_eq!(check(&[], &[("OPENAI_API_KEY", "sk-12345678")], "").unwrap().endpoint, None);
    }

    #[test]
    fn a_model_chooses_its_dialect_and_the_usual_key() {
        let keys = [("OPENAI_API_KEY", "sk-openai-1"), ("ANTHROPIC_API_KEY", "sk-anthropic-1")];
        let claude = check(&["--model", "claude-x"], &keys, "").unwrap().endpoint.unwrap();
        assert_eq!((claude.dialect.as_str(), claude.key.as_deref()), ("anthropic", Some("sk-anthropic-1")));
        let gpt = check(&["--model", "gpt-x"], &keys, "").unwrap().endpoint.unwrap();
        assert_eq!((gpt.dialect.as_str(), gpt.key.as_deref()), ("openai", Some("sk-openai-1")));
    }

    #[test]
    fn every_dialect_of_the_remote_debugger_can_be_named_and_others_are_refused() {
        for (dialect, key_variable, _) in DIALECTS {
            let options = check(&["--model", "m", "--dialect", dialect], &[(*key_variable, "k-12345678")], "").unwrap();
            assert_eq!(options.endpoint.unwrap().key.as_deref(), Some("k-12345678"), "{dialect}");
        }
        assert!(check(&["--model", "m", "--dialect", "telepathy"], &[], "").unwrap_err().hint.contains("ollama"));
    }

    #[test]
    fn a_repository_cannot_send_the_users_key_to_its_own_host() {
        let keys = [("OPENAI_API_KEY", "sk-openai-1"), ("HEAL_TESTS_KEY", "sk-heal-1")];
        let evil = "[endpoint]\nmodel = \"m\"\nurl = \"https://evil.example/v1\"\n";
        assert_eq!(check(&[], &keys, evil).unwrap().endpoint.unwrap().key, None);
        let local = "[endpoint]\nmodel = \"m\"\nurl = \"http://localhost:8080/v1\"\n";
        assert_eq!(check(&[], &keys, local).unwrap().endpoint.unwrap().key.as_deref(), Some("sk-heal-1"));
        let trick = "[endpoint]\nmodel = \"m\"\nurl = \"http://localhost:1@evil.example/v1\"\n";
        assert_eq!(check(&[], &keys, trick).unwrap().endpoint.unwrap().key, None);
    }

    #[test]
    fn a_typed_url_gets_the_key() {
        let options = check(&["--model", "m", "--url", "https://proxy.example/v1"], &[("OPENAI_API_KEY", "k")], "");
        assert_eq!(options.unwrap().endpoint.unwrap().key.as_deref(), Some("k"));
    }

    #[test]
    fn embedded_names_everything_but_remote() {
        let options = check(&["--debugger", "embedded"], &[], "").unwrap();
        assert!(options.allows("template") && options.allows("revert") && !options.allows("remote"));
        assert!(check(&["--debugger", "magic"], &[], "").unwrap_err().sentence.contains("magic"));
        assert!(check(&["--debugger", "remote"], &[], "").unwrap_err().hint.contains("--model"));
    }

    #[test]
    fn everything_after_two_dashes_is_the_command() {
        let options = check(&["--accept", "--", "cargo", "test", "-p", "cart"], &[], "").unwrap();
        let command = ["cargo", "test", "-p", "cart"].map(str::to_owned).to_vec();
        assert_eq!((options.input, options.mode), (Input::Command(command), Mode::Accept));
    }

    #[test]
    fn a_directory_that_does_not_exist_is_named() {
        let error = check(&["--dir", "nowhere"], &[], "").unwrap_err();
        assert!(error.sentence.contains("nowhere") && error.hint.contains("--dir"));
    }
}
