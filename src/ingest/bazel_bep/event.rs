//! The events of Bazel's Build Event Protocol as JSON, one a line (`--build_event_json_file`).
//!
//! Of an event, the payload tells what it is: what is awaited under an id may come as `aborted`. Fields that have their
//! default value are left out, and 64-bit numbers are strings.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// One event; the payloads that are read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Event<'t> {
    #[serde(borrow)]
    pub(super) id: Id<'t>,
    pub(super) started: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(super) progress: Option<Progress<'t>>,
    #[serde(borrow)]
    pub(super) aborted: Option<Aborted<'t>>,
    #[serde(borrow)]
    pub(super) completed: Option<Completed<'t>>,
    #[serde(borrow)]
    pub(super) test_result: Option<TestResult<'t>>,
    #[serde(borrow)]
    pub(super) test_summary: Option<TestSummary<'t>>,
    #[serde(borrow)]
    pub(super) finished: Option<Finished<'t>>,
    pub(super) last_message: bool,
}

/// What an event is about.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Id<'t> {
    #[serde(borrow)]
    pub(super) test_result: Option<ResultId<'t>>,
    #[serde(borrow)]
    pub(super) test_summary: Option<Label<'t>>,
    #[serde(borrow)]
    pub(super) target_completed: Option<Label<'t>>,
    #[serde(borrow)]
    pub(super) target_configured: Option<Label<'t>>,
    #[serde(borrow)]
    pub(super) configured_label: Option<Label<'t>>,
    #[serde(borrow)]
    pub(super) unconfigured_label: Option<Label<'t>>,
    #[serde(borrow)]
    pub(super) pattern: Option<Pattern<'t>>,
}

impl Id<'_> {
    /// Returns the label of the target, or the pattern, that it is about.
    pub(super) fn label(&self) -> Option<&str> {
        let result = self.test_result.as_ref().map(|id| &*id.label);
        let labels = [
            &self.test_summary,
            &self.target_completed,
            &self.target_configured,
            &self.configured_label,
            &self.unconfigured_label,
        ];
        let label = labels.into_iter().flatten().map(|id| &*id.label).next();
        let pattern = || self.pattern.as_ref()?.pattern.first().map(|pattern| &**pattern);
        result.or(label).or_else(pattern)
    }
}

/// A target.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Label<'t> {
    #[serde(borrow)]
    pub(super) label: Cow<'t, str>,
    /// Not empty if it is not the target itself that was completed.
    #[serde(borrow)]
    pub(super) aspect: Cow<'t, str>,
}

/// Patterns of targets.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Pattern<'t> {
    #[serde(borrow)]
    pub(super) pattern: Vec<Cow<'t, str>>,
}

/// One attempt at one shard of one run of a test; all count from 1.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ResultId<'t> {
    #[serde(borrow)]
    pub(super) label: Cow<'t, str>,
    pub(super) run: u32,
    pub(super) shard: u32,
    pub(super) attempt: u32,
}

/// What Bazel printed since the event before.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Progress<'t> {
    #[serde(borrow)]
    pub(super) stdout: Cow<'t, str>,
    #[serde(borrow)]
    pub(super) stderr: Cow<'t, str>,
}

/// Why something else did not come.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Aborted<'t> {
    #[serde(borrow)]
    pub(super) reason: Cow<'t, str>,
    #[serde(borrow)]
    pub(super) description: Cow<'t, str>,
}

/// Whether a target was built; of a test, not whether it passed.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Completed<'t> {
    pub(super) success: bool,
    #[serde(borrow)]
    pub(super) failure_detail: FailureDetail<'t>,
}

/// Bazel's words for what went wrong.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FailureDetail<'t> {
    #[serde(borrow)]
    pub(super) message: Cow<'t, str>,
}

/// How one attempt ended.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TestResult<'t> {
    #[serde(borrow)]
    pub(super) status: Cow<'t, str>,
    #[serde(borrow)]
    pub(super) status_details: Cow<'t, str>,
    pub(super) cached_locally: bool,
    #[serde(borrow)]
    pub(super) test_action_output: Vec<File<'t>>,
    #[serde(borrow)]
    pub(super) execution_info: ExecutionInfo<'t>,
}

/// How it was run.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExecutionInfo<'t> {
    pub(super) exit_code: Option<i64>,
    pub(super) cached_remotely: bool,
    #[serde(borrow)]
    pub(super) hostname: Cow<'t, str>,
}

/// A file that was made.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct File<'t> {
    #[serde(borrow)]
    pub(super) name: Cow<'t, str>,
    #[serde(borrow)]
    pub(super) uri: Cow<'t, str>,
}

/// How a test ended, over all runs, shards and attempts.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TestSummary<'t> {
    #[serde(borrow)]
    pub(super) overall_status: Cow<'t, str>,
    /// Milliseconds, of the last attempts only.
    #[serde(borrow)]
    pub(super) total_run_duration_millis: Number<'t>,
}

/// The end of the build.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Finished<'t> {
    #[serde(borrow)]
    pub(super) exit_code: ExitCode<'t>,
}

/// How Bazel ended.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ExitCode<'t> {
    #[serde(borrow)]
    pub(super) name: Cow<'t, str>,
}

/// A 64-bit number, as a string or, by other producers, as a number.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Number<'t> {
    Text(#[serde(borrow)] Cow<'t, str>),
    Plain(f64),
}

impl Default for Number<'_> {
    fn default() -> Self {
        Self::Plain(0.0)
    }
}

impl Number<'_> {
    /// Returns its value.
    pub(super) fn value(&self) -> f64 {
        match self {
            Self::Text(text) => text.parse().unwrap_or_default(),
            Self::Plain(value) => *value,
        }
    }
}

/// Tells whether a line looks like an event.
pub(super) fn is_like(line: &str) -> bool {
    line.starts_with("{\"id\":{")
        || line.starts_with("{\"children\":[")
        || line.starts_with("{\"") && line.contains("\"id\":{\"")
}

/// Tells whether an event that looks like one can have a payload that is read: most others name files.
pub(super) fn is_of_interest(line: &str) -> bool {
    const BULK: &[&str] = &["{\"id\":{\"namedSet\":", "{\"id\":{\"configuration\":", "{\"id\":{\"actionCompleted\":"];
    !BULK.iter().any(|begin| line.starts_with(begin))
}
