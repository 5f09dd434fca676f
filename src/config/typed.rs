//! What was typed: every flag as it stands on the command line, not yet checked against anything.

use camino::Utf8PathBuf;
use clap::Args;

/// Options of the main job. Defaults stand in `resolve`, because files and the environment may set them too.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[derive(Debug, Clone, Default, Args)]
pub struct Typed {
    /// Heal what this report says: a file, a glob, or `-` for standard input (may be repeated)
    #[arg(long, value_name = "FILE|GLOB|-", help_heading = "Input", conflicts_with = "command")]
    pub report: Vec<String>,

    /// Run exactly this command and heal what it reports
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,

    /// The project, or a directory inside it [default: the current directory]
    #[arg(long, value_name = "DIR", help_heading = "Input", global = true)]
    pub dir: Option<Utf8PathBuf>,

    /// The test runner, by the name it is printed with [default: found from the project's files]
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    pub runner: Option<String>,

    /// Where scratch copies and memories are kept [default: the platform's data folder]
    #[arg(long, value_name = "DIR", help_heading = "Input", global = true)]
    pub state: Option<Utf8PathBuf>,

    /// Apply what is proven without asking
    #[arg(long, help_heading = "Result", conflicts_with = "propose")]
    pub accept: bool,

    /// Apply nothing: write the proven patch, its report and its summary into the output folder
    #[arg(long, help_heading = "Result")]
    pub propose: bool,

    /// The output folder [default with --propose: heal-out]
    #[arg(long, value_name = "DIR", help_heading = "Result")]
    pub out: Option<Utf8PathBuf>,

    /// Print events as JSON Lines on standard output
    #[arg(long, help_heading = "Result")]
    pub json: bool,

    /// Debuggers that may be used, comma-separated: scripted, remembered, compiler, template, revert, remote;
    /// `embedded` names all that need no endpoint [default: all that can be used]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', help_heading = "Debuggers")]
    pub debugger: Vec<String>,

    /// Candidates for the `scripted` debugger: replies or diffs in a file
    #[arg(long, value_name = "FILE", help_heading = "Debuggers")]
    pub candidates: Option<Utf8PathBuf>,

    /// Wire format of the endpoint: openai, openai-responses, anthropic, gemini or ollama
    #[arg(long, value_name = "NAME", help_heading = "Debuggers")]
    pub dialect: Option<String>,

    /// Base URL of the endpoint [default: the dialect's own]
    #[arg(long, value_name = "URL", help_heading = "Debuggers")]
    pub url: Option<String>,

    /// Model to ask; naming one is what turns the remote debugger on
    #[arg(long, value_name = "NAME", help_heading = "Debuggers")]
    pub model: Option<String>,

    /// Environment variable that holds the endpoint's key [default: OPENAI_API_KEY or ANTHROPIC_API_KEY]
    #[arg(long, value_name = "VARIABLE", help_heading = "Debuggers")]
    pub key_env: Option<String>,

    /// File that holds the endpoint's key
    #[arg(long, value_name = "FILE", help_heading = "Debuggers", conflicts_with = "key_env")]
    pub key_file: Option<Utf8PathBuf>,

    /// Ask for whole replies instead of streamed ones
    #[arg(long, help_heading = "Debuggers")]
    pub no_stream: bool,

    /// Wall time of the whole session, such as 90s, 10m or none [default: 10m]
    #[arg(long, value_name = "TIME", help_heading = "Budget")]
    pub max_time: Option<String>,

    /// Candidates taken through verification, or none [default: 200]
    #[arg(long, value_name = "N", help_heading = "Budget")]
    pub max_attempts: Option<String>,

    /// Tokens sent and received, or none [default: 200000]
    #[arg(long, value_name = "N", help_heading = "Budget")]
    pub max_tokens: Option<String>,

    /// Cost of endpoint calls in US dollars, or none [default: 1.00]
    #[arg(long, value_name = "USD", help_heading = "Budget")]
    pub max_cost: Option<String>,

    /// Longest time one build or test run may take [default: 5m]
    #[arg(long, value_name = "TIME", help_heading = "Budget")]
    pub run_timeout: Option<String>,

    /// Confine builds and tests of candidates: auto, off, or a rung R2, R3 or R4 that must hold [default: auto]
    #[arg(long, value_name = "RUNG", help_heading = "Proof")]
    pub sandbox: Option<String>,

    /// Candidates verified at once, each in its own scratch copy [default: up to 4, bounded by cores]
    #[arg(long, value_name = "N", help_heading = "Proof")]
    pub parallel: Option<usize>,

    /// Runs of the failing tests on the untouched tree before anything is tried [default: 2]
    #[arg(long, value_name = "N", help_heading = "Proof")]
    pub probes: Option<u32>,

    /// Runs of the healed tests that must pass [default: 2]
    #[arg(long, value_name = "N", help_heading = "Proof")]
    pub confirm: Option<u32>,

    /// Seed of everything that is drawn by chance [default: 0]
    #[arg(long, value_name = "N", help_heading = "Proof")]
    pub seed: Option<u64>,
}
