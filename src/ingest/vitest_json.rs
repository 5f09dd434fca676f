//! What `vitest --reporter=json` writes: jest's form, read by `jest_json`.

use crate::ingest::jest_json::{Dialect, Results, sniff};
use crate::ingest::{Format, Hints, Likeness, Reader};

/// Vitest's JSON.
pub(super) struct VitestJson;

impl Format for VitestJson {
    fn name(&self) -> &'static str {
        "vitest-json"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let of_jest = ["\"numRuntimeErrorTestSuites\"", "\"numPassingAsserts\""];
        let reason = "there is no document with `\"numTotalTestSuites\"` and `\"testResults\"`";
        sniff(text, &["\"numTotalTestSuites\""], &of_jest).ok_or(reason)
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Document(Box::new(Results { dialect: Dialect::Vitest, hints: hints.clone() }))
    }
}
