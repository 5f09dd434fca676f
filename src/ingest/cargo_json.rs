//! Cargo's JSON lines (`--message-format=json`): compiler errors with spans and edits, and what was built.
//!
//! Lines that are no such JSON are skipped: cargo, build scripts and tests print between them. Warnings are dropped.
//! The lines are described in the Cargo book ("External tools") and the rustc book ("JSON output"). The reader of cargo's
//! text log gives it the lines that stand among the text; `rustc_json` reads rustc's own.

use std::collections::{HashMap, HashSet};

use camino::Utf8PathBuf;
use serde::Deserialize;

use crate::ingest::{detail, source};
use crate::model::{BuildReport, BuildTarget, Diagnostic, Failure, Location, Span, Suggestion, TestId};
use crate::text::{ansi, cap};

/// Errors kept of each target of a log; the rest repeats them.
pub(super) const ERRORS_MAX: usize = 100;

/// The longest message and the longest rendered text kept of an error of a log, in bytes.
const ERROR_BYTES_MAX: usize = 16 << 10;

/// Places and proposals kept of an error of a log.
const SPANS_MAX: usize = 100;

/// Number of macro expansions that are climbed from a span to the code that was written.
const EXPANSIONS_MAX: usize = 32;

/// Returns one failure per target that did not compile, as the pseudo-test [`TestId::build`].
pub fn failures(build: &BuildReport, output_bytes_max: usize) -> Vec<Failure> {
    let mut targets: Vec<(TestId, Vec<Diagnostic>)> = Vec::new();
    let mut index = HashMap::new();
    for (target, diagnostic) in &build.errors {
        let at = *index.entry(target.binary_id()).or_insert(targets.len());
        if at == targets.len() {
            targets.push((TestId::build(target.binary_id()), Vec::new()));
        }
        targets[at].1.push(diagnostic.clone());
    }
    targets.into_iter().map(|(id, diagnostics)| failure(id, diagnostics, output_bytes_max)).collect()
}

/// Makes the failure of what did not compile, from its errors.
pub(super) fn failure(id: TestId, diagnostics: Vec<Diagnostic>, output_bytes_max: usize) -> Failure {
    let mut failure = Failure::bare(id);
    if let Some(first) = diagnostics.first() {
        failure.kind = match first.code.as_str() {
            "" => "error".to_owned(),
            code => format!("error[{code}]"),
        };
        failure.message = format!("{}: {}", failure.kind, first.message);
        let place = |span: &Span| Location { file: span.file.clone(), line: span.line, column: Some(span.column) };
        failure.location = first.spans.first().map(place);
    }
    let rendered: Vec<_> = diagnostics.iter().map(|error| error.rendered.trim_end()).collect();
    let output = rendered.join("\n\n");
    detail::set_output(&mut failure, &output, output_bytes_max);
    Failure { diagnostics, ..failure }
}

/// Reads the lines of one cargo command.
pub fn read_build(bytes: &[u8]) -> BuildReport {
    let mut build = Build::default();
    for line in bytes.split(|&byte| byte == b'\n') {
        build.line(line);
    }
    build.report
}

/// A build as it is told.
#[derive(Default)]
struct Build {
    report: BuildReport,
    seen: HashSet<String>,
}

impl Build {
    /// Takes a line; tells whether it is one of cargo's.
    fn line(&mut self, line: &[u8]) -> bool {
        let line = line.trim_ascii();
        if !line.starts_with(b"{") {
            return false;
        }
        let build = &mut self.report;
        match serde_json::from_slice::<Line>(line) {
            Ok(Line::CompilerMessage { package_id, manifest_path, target, message }) => {
                let diagnostic = message.diagnostic().filter(|found| self.seen.insert(identity(found)));
                build.errors.extend(diagnostic.map(|found| (target.of(package_id, manifest_path), found)));
            }
            Ok(Line::CompilerArtifact(artifact)) => artifact.enter(build),
            Ok(Line::BuildScriptExecuted { package_id, out_dir }) => {
                build.out_dirs.insert(package_id, out_dir);
            }
            Ok(Line::BuildFinished { success }) => build.success = Some(success),
            Ok(Line::Other) => {}
            Err(_) => return false,
        }
        true
    }
}

/// Cargo's JSON lines in a log of any size: only errors are kept, and of each target not more than anyone reads.
pub(super) struct Messages {
    build: Build,
    /// Where the errors that are kept stand, and how many there are of each target.
    lines: Vec<(u64, u64)>,
    n_of_target: HashMap<String, usize>,
    output_bytes_max: usize,
}

impl Messages {
    pub(super) fn new(output_bytes_max: usize) -> Self {
        Self { build: Build::default(), lines: Vec::new(), n_of_target: HashMap::new(), output_bytes_max }
    }

    /// Takes a line; tells whether it is one of cargo's.
    pub(super) fn line(&mut self, line: &source::Line<'_>) -> bool {
        let is_cargos = self.build.line(line.text.as_bytes());
        let report = &mut self.build.report;
        *report = BuildReport { errors: std::mem::take(&mut report.errors), ..BuildReport::default() };
        while report.errors.len() > self.lines.len() {
            let Some((target, mut diagnostic)) = report.errors.pop() else { break };
            let n = self.n_of_target.entry(target.binary_id()).or_default();
            *n += 1;
            if *n <= ERRORS_MAX {
                shorten(&mut diagnostic);
                report.errors.push((target, diagnostic));
                self.lines.push((line.offset, line.offset + line.text.len() as u64));
            }
        }
        is_cargos
    }

    /// Takes one failure per target that did not compile.
    pub(super) fn take_failures(&mut self) -> Vec<Failure> {
        let report = std::mem::take(&mut self.build.report);
        let mut sources: HashMap<String, (u64, u64)> = HashMap::new();
        for ((target, _), (start, end)) in report.errors.iter().zip(self.lines.drain(..)) {
            sources.entry(target.binary_id()).or_insert((start, end)).1 = end;
        }
        let mut failures = failures(&report, self.output_bytes_max);
        for failure in &mut failures {
            failure.source = sources.get(&failure.id.suite).copied();
        }
        failures
    }
}

/// Reads one of rustc's own messages; returns the error, cut to size, if it is one.
pub(super) fn rustc_message(json: &str) -> serde_json::Result<Option<Diagnostic>> {
    let message: Message = serde_json::from_str(json)?;
    let mut error = message.diagnostic();
    error.iter_mut().for_each(shorten);
    Ok(error)
}

/// Cuts a diagnostic to a size that many of can be kept.
fn shorten(diagnostic: &mut Diagnostic) {
    for text in [&mut diagnostic.message, &mut diagnostic.rendered] {
        *text = cap::head_and_tail(text, ERROR_BYTES_MAX);
    }
    diagnostic.spans.truncate(SPANS_MAX);
    diagnostic.suggestions.truncate(SPANS_MAX);
}

/// What makes two diagnostics the same one, met in two targets of a package.
fn identity(diagnostic: &Diagnostic) -> String {
    let places: Vec<_> = diagnostic.spans.iter().map(|span| (&span.file, span.byte_start, span.byte_end)).collect();
    format!("{} {} {places:?}", diagnostic.code, diagnostic.message)
}

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line {
    CompilerMessage {
        package_id: String,
        #[serde(default)]
        manifest_path: Utf8PathBuf,
        target: Target,
        message: Message,
    },
    CompilerArtifact(Artifact),
    BuildScriptExecuted {
        package_id: String,
        out_dir: Utf8PathBuf,
    },
    BuildFinished {
        success: bool,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Artifact {
    package_id: String,
    #[serde(default)]
    manifest_path: Utf8PathBuf,
    target: Target,
    profile: Profile,
    executable: Option<Utf8PathBuf>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
    #[serde(default)]
    src_path: Utf8PathBuf,
    #[serde(default)]
    doctest: bool,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "message")]
    text: String,
    code: Option<Code>,
    level: String,
    #[serde(default)]
    spans: Vec<RustcSpan>,
    #[serde(default)]
    children: Vec<Message>,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Clone, Deserialize)]
struct RustcSpan {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    line_start: u32,
    column_start: u32,
    is_primary: bool,
    label: Option<String>,
    suggested_replacement: Option<String>,
    suggestion_applicability: Option<String>,
    expansion: Option<Box<Expansion>>,
}

#[derive(Clone, Deserialize)]
struct Expansion {
    span: RustcSpan,
}

impl Target {
    fn of(self, package_id: String, manifest: Utf8PathBuf) -> BuildTarget {
        BuildTarget {
            package: package_name(&package_id),
            kind: self.kind(),
            name: self.name,
            source: self.src_path,
            doctest: self.doctest,
            package_id,
            manifest,
        }
    }

    /// Returns the kind; the ways to link a library are all `lib`.
    fn kind(&self) -> String {
        match self.kind.first().map(String::as_str).unwrap_or_default() {
            "rlib" | "dylib" | "cdylib" | "staticlib" => "lib".to_owned(),
            kind => kind.to_owned(),
        }
    }
}

impl Artifact {
    /// Enters a test binary, or a library of the project whose documentation is tested.
    fn enter(self, build: &mut BuildReport) {
        let is_own = self.package_id.contains("path+file:");
        let target = self.target.of(self.package_id, self.manifest_path);
        match self.executable {
            Some(path) if self.profile.test => build.tests.push((target, path)),
            None if is_own && target.doctest && !self.profile.test => build.documented.push(target),
            Some(_) | None => {}
        }
    }
}

/// Takes the name out of a package id: `path+file:///u/alpha#0.1.0`, `…#alpha@0.1.0`, or `alpha 0.1.0 (path+…)`.
fn package_name(package_id: &str) -> String {
    let name = match package_id.split_once('#') {
        Some((url, fragment)) => match fragment.split_once('@') {
            Some((name, _version)) => name,
            None if fragment.starts_with(|c: char| c.is_ascii_digit()) => last_folder(url),
            None => fragment,
        },
        None => package_id.split(' ').next().unwrap_or(package_id),
    };
    name.to_owned()
}

fn last_folder(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or(url);
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

impl Message {
    fn diagnostic(self) -> Option<Diagnostic> {
        let is_summary = self.spans.is_empty() && self.code.is_none() && self.text.starts_with("aborting due to");
        if !self.level.starts_with("error") || is_summary {
            return None;
        }
        let mut spans: Vec<_> = self.spans.iter().map(RustcSpan::written).collect();
        spans.sort_by_key(|span| !span.primary);
        Some(Diagnostic {
            code: self.code.map(|code| code.code).unwrap_or_default(),
            spans,
            suggestions: self.children.iter().flat_map(Message::suggestions).collect(),
            rendered: ansi::strip(self.rendered.as_deref().unwrap_or(&self.text)).into_owned(),
            message: self.text,
        })
    }

    /// Returns the edits a help or note proposes: several where it names alternatives for one place.
    fn suggestions(&self) -> Vec<Suggestion> {
        let edits: Vec<_> = self.spans.iter().filter(|span| span.suggested_replacement.is_some()).collect();
        let unusable = |span: &&RustcSpan| {
            span.expansion.is_some() || span.suggestion_applicability.as_deref() == Some("HasPlaceholders")
        };
        if edits.iter().any(unusable) {
            return Vec::new();
        }
        let is_certain = |span: &&RustcSpan| span.suggestion_applicability.as_deref() == Some("MachineApplicable");
        let certain = edits.iter().all(is_certain);
        let suggest = |replacements| Suggestion { message: self.text.clone(), certain, replacements };
        alternatives(&edits).into_iter().map(suggest).collect()
    }
}

/// Splits edits where the place of an earlier one comes again: there the next alternative begins.
fn alternatives(edits: &[&RustcSpan]) -> Vec<Vec<(Span, String)>> {
    let mut alternatives: Vec<Vec<(Span, String)>> = Vec::new();
    for edit in edits {
        let span = edit.span();
        let text = edit.suggested_replacement.clone().unwrap_or_default();
        let is_same = |other: &(Span, String)| {
            (&other.0.file, other.0.byte_start, other.0.byte_end) == (&span.file, span.byte_start, span.byte_end)
        };
        match alternatives.last_mut() {
            Some(current) if !current.iter().any(is_same) => current.push((span, text)),
            _ => alternatives.push(vec![(span, text)]),
        }
    }
    alternatives
}

impl RustcSpan {
    fn span(&self) -> Span {
        Span {
            file: self.file_name.clone().into(),
            byte_start: self.byte_start,
            byte_end: self.byte_end.max(self.byte_start),
            line: self.line_start,
            column: self.column_start,
            primary: self.is_primary,
            label: self.label.clone().unwrap_or_default(),
        }
    }

    /// Returns the span in the code that was written, when this one is inside a macro.
    fn written(&self) -> Span {
        let mut written = self;
        for _ in 0..EXPANSIONS_MAX {
            match &written.expansion {
                Some(expansion) => written = &expansion.span,
                None => break,
            }
        }
        Span { primary: self.is_primary, label: self.label.clone().unwrap_or_default(), ..written.span() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(start: usize, edit: Option<(&str, &str)>) -> serde_json::Value {
        serde_json::json!({
            "file_name": "src/lib.rs", "byte_start": start, "byte_end": start + 1, "line_start": 3, "line_end": 3,
            "column_start": 5, "column_end": 6, "is_primary": true, "label": "here", "text": [], "expansion": null,
            "suggested_replacement": edit.map(|(text, _)| text), "suggestion_applicability": edit.map(|(_, how)| how),
        })
    }

    fn message(children: &serde_json::Value) -> String {
        let error = serde_json::json!({
            "rendered": "\u{1b}[31merror\u{1b}[0m", "$message_type": "diagnostic", "children": children, "level": "error",
            "message": "mismatched types", "spans": [span(10, None)], "code": {"code": "E0308", "explanation": null},
        });
        let target = serde_json::json!({"kind": ["rlib"], "crate_types": ["rlib"], "name": "alpha", "src_path": "/u/src/lib.rs"});
        serde_json::json!({
            "reason": "compiler-message", "package_id": "path+file:///u/alpha#0.1.0", "manifest_path": "/u/Cargo.toml",
            "target": target, "message": error,
        })
        .to_string()
    }

    fn suggestions(children: &serde_json::Value) -> Vec<(bool, Vec<String>)> {
        let build = read_build(message(children).as_bytes());
        let texts = |suggestion: &Suggestion| suggestion.replacements.iter().map(|(_, text)| text.clone()).collect();
        build.errors[0].1.suggestions.iter().map(|found| (found.certain, texts(found))).collect()
    }

    #[test]
    fn an_error_is_kept_once_with_its_target_and_spans() {
        let line = message(&serde_json::json!([]));
        let build = read_build(
            format!("   Compiling alpha\n{line}\n{line}\n{{\"reason\":\"build-finished\",\"success\":false}}\n")
                .as_bytes(),
        );
        assert_eq!((build.success, build.errors.len()), (Some(false), 1));
        let (target, diagnostic) = &build.errors[0];
        assert_eq!((target.binary_id().as_str(), target.kind.as_str()), ("alpha", "lib"));
        assert_eq!((diagnostic.code.as_str(), diagnostic.rendered.as_str()), ("E0308", "error"));
        assert_eq!((diagnostic.spans[0].byte_start, diagnostic.spans[0].label.as_str()), (10, "here"));
        let failure = &failures(&build, 1 << 10)[0];
        assert_eq!((failure.id.clone(), failure.kind.as_str()), (TestId::build("alpha"), "error[E0308]"));
        assert_eq!(failure.location.as_ref().unwrap().to_string(), "src/lib.rs:3:5");
    }

    #[test]
    fn suggestions_are_certain_only_when_rustc_is() {
        let help = |edits: &[(usize, &str, &str)]| {
            let spans: Vec<_> = edits.iter().map(|&(start, text, how)| span(start, Some((text, how)))).collect();
            serde_json::json!([{"message": "try", "level": "help", "code": null, "spans": spans, "children": [], "rendered": null}])
        };
        assert_eq!(suggestions(&help(&[(1, "a", "MachineApplicable")])), [(true, vec!["a".to_owned()])]);
        assert_eq!(suggestions(&help(&[(1, "a", "MaybeIncorrect")])), [(false, vec!["a".to_owned()])]);
        assert_eq!(suggestions(&help(&[(1, "a", "HasPlaceholders")])), []);
    }

    #[test]
    fn parts_of_one_edit_stay_together_and_alternatives_apart() {
        let how = "MaybeIncorrect";
        let spans = [
            span(1, Some(("(", how))),
            span(9, Some((")", how))),
            span(1, Some(("[", how))),
            span(9, Some(("]", how))),
        ];
        let help = serde_json::json!([{"message": "try", "level": "help", "code": null, "spans": spans, "children": [], "rendered": null}]);
        let texts = |a: &str, b: &str| (false, vec![a.to_owned(), b.to_owned()]);
        assert_eq!(suggestions(&help), [texts("(", ")"), texts("[", "]")]);
    }

    #[test]
    fn only_test_binaries_are_executables() {
        let artifact = |test: bool, executable: Option<&str>| {
            serde_json::json!({
                "reason": "compiler-artifact", "package_id": "alpha 0.1.0 (path+file:///u)", "manifest_path": "/u/Cargo.toml",
                "target": {"kind": ["test"], "name": "integ", "src_path": "/u/tests/integ.rs"},
                "profile": {"test": test, "opt_level": "0"}, "filenames": [], "executable": executable, "fresh": true,
            })
            .to_string()
        };
        let lines = [artifact(true, Some("/u/t/integ-1")), artifact(false, Some("/u/t/tool")), artifact(true, None)];
        let tests = read_build(lines.join("\n").as_bytes()).tests;
        assert_eq!(tests.len(), 1);
        assert_eq!((tests[0].0.binary_id().as_str(), tests[0].1.as_str()), ("alpha::integ", "/u/t/integ-1"));
    }

    #[test]
    fn package_ids_of_all_cargos_give_the_name() {
        for id in [
            "path+file:///u/alpha#0.1.0",
            "registry+https://x.y/z#alpha@1.0.0",
            "alpha 0.1.0 (path+file:///u)",
            "git+https://h/alpha?tag=1#0.1.0",
        ] {
            assert_eq!(package_name(id), "alpha", "{id}");
        }
    }

    #[test]
    fn an_error_inside_a_macro_is_shown_where_the_macro_is_used() {
        let mut inner = span(100, None);
        inner["file_name"] = "/rustc/x/macros.rs".into();
        inner["expansion"] =
            serde_json::json!({"span": span(7, None), "macro_decl_name": "assert_eq!", "def_site_span": null});
        let mut line: serde_json::Value = serde_json::from_str(&message(&serde_json::json!([]))).unwrap();
        line["message"]["spans"] = serde_json::json!([inner]);
        let build = read_build(line.to_string().as_bytes());
        let span = &build.errors[0].1.spans[0];
        assert_eq!((span.file.as_str(), span.byte_start), ("src/lib.rs", 7));
    }

    proptest! {
        #[test]
        fn damaged_lines_are_skipped(at in 0..600_usize, byte in any::<u8>()) {
            let mut line = message(&serde_json::json!([])).into_bytes();
            let at = at % line.len();
            line[at] = byte;
            let _ = failures(&read_build(&line), 100);
            let _ = read_build(&line[..at]);
        }
    }
}
