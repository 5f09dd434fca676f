//! `heal-tests.toml`: the shape of the file, and reading it. Unknown keys are errors, so that a misspelt limit is noticed.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::config::ConfigError;

/// Largest configuration file that is read.
const BYTES_MAX: u64 = 1 << 20;

/// One configuration file; every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfigFile {
    /// Debuggers that may be used.
    pub debuggers: Option<Vec<String>>,
    /// Candidates verified at once.
    pub parallel: Option<usize>,
    /// Runs of the failing tests on the untouched tree.
    pub probes: Option<u32>,
    /// Runs of the healed tests that must pass.
    pub confirm: Option<u32>,
    /// How candidates are confined, as `--sandbox` takes it; a repository cannot turn it off.
    pub sandbox: Option<String>,
    /// `[endpoint]`.
    #[serde(default)]
    pub endpoint: EndpointTable,
    /// `[budget]`.
    #[serde(default)]
    pub budget: BudgetTable,
    /// `[runner]`.
    #[serde(default)]
    pub runner: RunnerTable,
}

/// `[endpoint]`: where the remote debugger asks.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EndpointTable {
    /// The wire format, as `--dialect` takes it.
    pub dialect: Option<String>,
    /// Base URL.
    pub url: Option<String>,
    /// Model name.
    pub model: Option<String>,
    /// The key itself; for local servers that want any word.
    pub key: Option<String>,
    /// Name of the variable that holds the key.
    pub key_env: Option<String>,
    /// Whether to stream.
    pub stream: Option<bool>,
    /// Largest reply, in tokens.
    pub reply_tokens: Option<u32>,
    /// Price of prompt tokens, US dollars a million.
    pub price_in: Option<f64>,
    /// Price of reply tokens, US dollars a million.
    pub price_out: Option<f64>,
    /// Longest time of one call, retries included, such as `5m`.
    pub timeout: Option<String>,
    /// Calls a cluster at most.
    pub attempts: Option<u32>,
}

/// `[budget]`: the limits, in the words of the flags.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BudgetTable {
    /// As `--max-time`.
    pub max_time: Option<String>,
    /// As `--max-attempts`.
    pub max_attempts: Option<u64>,
    /// As `--max-tokens`.
    pub max_tokens: Option<u64>,
    /// As `--max-cost`.
    pub max_cost: Option<f64>,
    /// As `--run-timeout`.
    pub run_timeout: Option<String>,
}

/// `[runner]`: how tests are run.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunnerTable {
    /// The runner's name, as the tool prints it; else it is found from the project's files.
    pub name: Option<String>,
    /// Options for every build and run, such as `["--workspace", "--all-features"]`.
    pub options: Option<Vec<String>>,
    /// Variables for every build and run.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Folder to run in, relative to the repository's root.
    pub cwd: Option<Utf8PathBuf>,
    /// Words before every command, such as `["nix", "develop", "-c"]`.
    #[serde(default)]
    pub wrap: Vec<String>,
    /// A runner of one's own, used when no `name` says otherwise.
    pub custom: Option<CustomTable>,
}

/// `[runner.custom]`: argv templates; which placeholders they have is told in the README.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CustomTable {
    /// What is built before tests can run; nothing by default.
    #[serde(default)]
    pub build: Vec<String>,
    /// Runs all tests.
    pub all: Vec<String>,
    /// Runs only some tests.
    pub only: Vec<String>,
    /// How a test is spelt, of `{suite}` and `{name}`; the name by default.
    #[serde(default = "name_alone")]
    pub test: String,
    /// What stands between tests that share a word; a space by default.
    #[serde(default = "space")]
    pub join: String,
    /// Format of the results; recognised by default.
    pub format: Option<String>,
    /// Whether `only` runs nothing but what it is asked for; `true` by default.
    #[serde(default = "yes")]
    pub exact: bool,
}

impl Default for CustomTable {
    fn default() -> Self {
        let (build, all, only) = (Vec::new(), Vec::new(), Vec::new());
        Self { build, all, only, test: name_alone(), join: space(), format: None, exact: true }
    }
}

fn name_alone() -> String {
    "{name}".to_owned()
}

fn space() -> String {
    " ".to_owned()
}

fn yes() -> bool {
    true
}

impl RunnerTable {
    /// Takes what is missing here from another table.
    pub(super) fn or(self, other: Self) -> Self {
        let is_own = self.name.is_some() || self.custom.is_some();
        Self {
            options: self.options.or(other.options),
            env: if self.env.is_empty() { other.env } else { self.env },
            cwd: self.cwd.or(other.cwd),
            wrap: if self.wrap.is_empty() { other.wrap } else { self.wrap },
            name: self.name.or(other.name.filter(|_| !is_own)),
            custom: self.custom.or(other.custom.filter(|_| !is_own)),
        }
    }
}

impl ConfigFile {
    /// Reads a file; a file that does not exist is an empty one.
    pub fn read(path: &Utf8Path) -> Result<Self, ConfigError> {
        let fail = |reason: String| {
            ConfigError::new(format!("failed to read {path}: {reason}"), "correct the file, or move it away")
        };
        match fs_err::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(fail(error.to_string())),
            Ok(metadata) if !metadata.is_file() => return Err(fail("it is not a file".to_owned())),
            Ok(metadata) if metadata.len() > BYTES_MAX => return Err(fail("it is larger than 1 MiB".to_owned())),
            Ok(_) => {}
        }
        let text = fs_err::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        toml::from_str(&text).map_err(|error| fail(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_named() {
        let error = toml::from_str::<ConfigFile>("[budget]\nmax-tokns = 3\n").unwrap_err().to_string();
        assert!(error.contains("max-tokns"), "{error}");
    }

    #[test]
    fn a_missing_file_is_an_empty_one() {
        assert_eq!(ConfigFile::read(Utf8Path::new("/nonexistent/heal-tests.toml")).unwrap(), ConfigFile::default());
    }
}
