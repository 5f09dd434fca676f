//! What a build tool reported of one build: what it made, and what it could not make.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::model::Diagnostic;

/// One thing a build makes: a library, a program, a test binary (Cargo's word: target).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BuildTarget {
    /// The package's unique id, opaque.
    pub package_id: String,
    /// The package's name.
    pub package: String,
    /// The target's name.
    pub name: String,
    /// `lib`, `proc-macro`, `bin`, `test`, `bench`, `example` or `custom-build`.
    pub kind: String,
    /// Its main source file, absolute.
    pub source: Utf8PathBuf,
    /// The package's manifest, absolute.
    pub manifest: Utf8PathBuf,
    /// Whether its documentation holds tests to run.
    pub doctest: bool,
}

impl BuildTarget {
    /// Returns the name of the target's test binary as cargo-nextest spells it: `alpha`, `alpha::integration`,
    /// `alpha::bin/tool`.
    pub fn binary_id(&self) -> String {
        match self.kind.as_str() {
            "lib" | "proc-macro" => self.package.clone(),
            "test" => format!("{}::{}", self.package, self.name),
            kind => format!("{}::{kind}/{}", self.package, self.name),
        }
    }
}

/// The result of one build.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BuildReport {
    /// Test executables, with the absolute path of each, in the order they were reported.
    pub tests: Vec<(BuildTarget, Utf8PathBuf)>,
    /// Libraries whose documentation holds tests.
    pub documented: Vec<BuildTarget>,
    /// Errors, by the target that could not be made; warnings are left out.
    pub errors: Vec<(BuildTarget, Diagnostic)>,
    /// Output folders of build scripts, by package id.
    pub out_dirs: BTreeMap<String, Utf8PathBuf>,
    /// Whether the build said it succeeded; `None` when it ended before saying so.
    pub success: Option<bool>,
}
