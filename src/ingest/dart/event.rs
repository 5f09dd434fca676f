//! The events of the JSON reporter of Dart's and Flutter's test runners, as their protocol's document words them.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// One event; the fields of all kinds that are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'t> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'t, str>,
    /// Milliseconds since the runner started.
    #[serde(default)]
    pub(super) time: f64,
    #[serde(default, borrow)]
    pub(super) suite: Option<Suite<'t>>,
    #[serde(default, borrow)]
    pub(super) test: Option<Test<'t>>,
    #[serde(default, rename = "testID")]
    pub(super) test_id: u64,
    #[serde(default, borrow)]
    pub(super) result: Cow<'t, str>,
    #[serde(default)]
    pub(super) hidden: bool,
    #[serde(default)]
    pub(super) skipped: bool,
    #[serde(default, borrow)]
    pub(super) error: Cow<'t, str>,
    #[serde(default, borrow)]
    pub(super) stack_trace: Cow<'t, str>,
    #[serde(default)]
    pub(super) is_failure: bool,
    #[serde(default, borrow)]
    pub(super) message: Cow<'t, str>,
    /// Whether all went well; `None` if the run was broken off.
    #[serde(default)]
    pub(super) success: Option<bool>,
}

/// A test file on a platform.
#[derive(Deserialize)]
pub(super) struct Suite<'t> {
    pub(super) id: u64,
    #[serde(default, borrow)]
    pub(super) path: Option<Cow<'t, str>>,
    #[serde(default, borrow)]
    pub(super) platform: Option<Cow<'t, str>>,
}

/// A test, and where it is defined; where that is another file than the suite, the place in the suite is `root_…`.
#[derive(Deserialize)]
pub(super) struct Test<'t> {
    pub(super) id: u64,
    #[serde(borrow)]
    pub(super) name: Cow<'t, str>,
    #[serde(rename = "suiteID")]
    pub(super) suite_id: u64,
    #[serde(default, rename = "groupIDs")]
    pub(super) group_ids: Vec<IgnoredAny>,
    pub(super) line: Option<u32>,
    pub(super) column: Option<u32>,
    #[serde(default, borrow)]
    pub(super) url: Option<Cow<'t, str>>,
    pub(super) root_line: Option<u32>,
    pub(super) root_column: Option<u32>,
    #[serde(default, borrow)]
    pub(super) root_url: Option<Cow<'t, str>>,
}

/// Tells whether a line looks like an event, or like one of `flutter test --machine`'s own.
pub(super) fn is_like(line: &str) -> bool {
    line.starts_with("{\"") && line.contains("\"type\":\"") && line.contains("\"time\":")
        || line.starts_with("[{\"event\":\"")
}
