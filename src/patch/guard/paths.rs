//! Which files no patch may touch, as a table from kinds to globs. It never asks the file system.

use std::sync::LazyLock;

use camino::Utf8Path;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use crate::model::Refusal;
use crate::patch::guard::Policy;

/// A kind of protected file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// Tests, benchmarks, fixtures, recorded expectations.
    Tests,
    /// What the pipeline runs.
    Ci,
    /// What coding agents are told.
    Agents,
    /// What the test runner, its plug-ins and the interpreter load by themselves.
    RunnerConfiguration,
    /// Dependencies and targets of the project.
    Manifests,
    /// Exact versions of dependencies.
    Lockfiles,
    /// What runs at build time, and the choice of the toolchain.
    BuildScripts,
    /// Files that are built, downloaded or left over.
    Generated,
    /// Any other hidden file or folder.
    Hidden,
}

impl Protection {
    /// All kinds; the order is that of the check, so the most telling name is given.
    pub const ALL: [Self; 9] = [
        Self::Tests,
        Self::Ci,
        Self::Agents,
        Self::RunnerConfiguration,
        Self::Manifests,
        Self::Lockfiles,
        Self::BuildScripts,
        Self::Generated,
        Self::Hidden,
    ];

    /// Says what a file of this kind is, for sentences.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Tests => "test code or test data",
            Self::Ci => "pipeline configuration",
            Self::Agents => "instructions for coding agents",
            Self::RunnerConfiguration => "configuration of the test runner",
            Self::Manifests => "a manifest",
            Self::Lockfiles => "a lockfile",
            Self::BuildScripts => "part of the build",
            Self::Generated => "generated or left over",
            Self::Hidden => "a hidden file",
        }
    }

    /// The globs of the kind, in lower case; a pattern without `/` is a file name in any folder, one ending in `/` a
    /// folder anywhere.
    fn globs(self) -> &'static [&'static str] {
        match self {
            Self::Tests => TESTS,
            Self::Ci => CI,
            Self::Agents => AGENTS,
            Self::RunnerConfiguration => RUNNER_CONFIGURATION,
            Self::Manifests => MANIFESTS,
            Self::Lockfiles => LOCKFILES,
            Self::BuildScripts => BUILD_SCRIPTS,
            Self::Generated => GENERATED,
            Self::Hidden => &[".*", ".*/"],
        }
    }
}

#[rustfmt::skip]
const TESTS: &[&str] = &[
    "tests/", "test/", "__tests__/", "spec/", "specs/", "benches/", "fixtures/", "testdata/", "test_data/", "test-data/",
    "snapshots/", "__snapshots__/", "__mocks__/", "cypress/", "e2e/", "*.tests/", "androidtest/",
    "tests.*", "test.*", "*_test.*", "*_tests.*", "test_*.*", "*.test.*", "*.tests.*", "*.spec.*", "*_spec.*", "*-test.*", "*-spec.*",
    "*.cy.*", "conftest.py", "*.snap", "*.snap.new", "*.approved.*", "*.golden", "*.feature",
];

/// Names in CamelCase, which only the spelling tells from words such as `latest`.
const TESTS_BY_CASE: &[&str] = &["*Test.*", "*Tests.*", "*TestCase.*", "*IT.java", "*Spec.*", "Test*.java", "Test*.kt"];

#[rustfmt::skip]
const CI: &[&str] = &[
    ".github/", ".gitlab/", ".circleci/", ".buildkite/", ".azure-pipelines/", ".woodpecker/", ".drone/", ".teamcity/",
    ".gitlab-ci*", ".travis.y*ml", "azure-pipelines*.y*ml", "appveyor.y*ml", ".appveyor.y*ml", "jenkinsfile*",
    "bitbucket-pipelines.y*ml", "cloudbuild.y*ml", ".drone.y*ml", ".cirrus.y*ml", "codecov.y*ml", ".pre-commit-*.y*ml",
    "action.y*ml", "lefthook.y*ml",
];

#[rustfmt::skip]
const AGENTS: &[&str] = &[
    "claude*.md", "agents*.md", "gemini.md", "copilot-instructions.md", "skill.md", ".claude/", ".cursor/", ".codex/",
    ".agents/", ".gemini/", ".windsurf/", ".continue/", ".roo/", ".cline/", ".kiro/", ".cursorrules", ".clinerules*",
    ".windsurfrules", ".aider*", ".mcp.json", "mcp.json", "heal-tests.toml",
];

#[rustfmt::skip]
const RUNNER_CONFIGURATION: &[&str] = &[
    "pytest.ini", ".pytest.ini", "pytest.toml", "tox.ini", "noxfile.py", "nose.cfg", "setup.cfg", ".coveragerc",
    "jest.config.*", "jest.setup.*", "jest-*.config.*", "vitest.config.*", "vitest.workspace.*", "vitest.setup.*",
    "karma.conf.*", "playwright.config.*", "cypress.config.*", "cypress.json", ".mocharc*", "mocha.opts", "ava.config.*",
    "wdio.conf.*", "babel.config.*", ".babelrc*", "tsconfig*.json", "nextest.toml", "phpunit.xml*", "phpspec.y*ml",
    ".rspec", "karma-*.js", "testng*.xml", "junit-platform.properties", "bunfig.toml", "deno.json*",
    "sitecustomize.py", "usercustomize.py", "*.pth", "pytest_*.py",
];

#[rustfmt::skip]
const MANIFESTS: &[&str] = &[
    "cargo.toml", "package.json", "pyproject.toml", "go.mod", "go.work", "pom.xml", "requirements*.txt", "constraints*.txt",
    "pipfile", "setup.py", "environment.y*ml", "gemfile", "*.gemspec", "composer.json", "mix.exs", "rebar.config",
    "build.sbt", "*.csproj", "*.fsproj", "*.vbproj", "*.sln", "directory.*.props", "packages.config", "pubspec.yaml",
    "package.swift", "podfile", "*.cabal", "stack.yaml", "dune-project", "*.opam", "pnpm-workspace.yaml", "lerna.json",
    "nx.json", "turbo.json", "cpanfile", "project.clj", "deps.edn", "shard.yml", "vcpkg.json", "conanfile.*",
];

#[rustfmt::skip]
const LOCKFILES: &[&str] = &[
    "*.lock", "*.lockfile", "*-lock.json", "*-lock.y*ml", "go.sum", "go.work.sum", "npm-shrinkwrap.json", "bun.lockb",
    "package.resolved", "packages.lock.json", "flake.lock",
];

#[rustfmt::skip]
const BUILD_SCRIPTS: &[&str] = &[
    "build.rs", ".cargo/", "rust-toolchain*", "makefile*", "gnumakefile", "*.mk", "justfile", "taskfile*", "rakefile",
    "cmakelists.txt", "*.cmake", "meson.build", "build.gradle*", "settings.gradle*", "gradle.properties", "gradle/",
    "gradlew*", "mvnw*", "build.xml", "build.zig*", "build", "build.bazel", "workspace", "workspace.bazel", "module.bazel",
    "*.bzl", "dockerfile*", "*.dockerfile", "docker-compose*", "compose.y*ml", "webpack.config.*", "vite.config.*", "rollup.config.*",
    "esbuild.config.*", "gulpfile.*", "gruntfile.*", "flake.nix", "default.nix", "shell.nix", "configure", "configure.ac",
    "hatch_build.py", "binding.gyp", "gemfile.local", "*.gyp",
];

#[rustfmt::skip]
const GENERATED: &[&str] = &[
    "node_modules/", "__pycache__/", "target/debug/", "target/release/", "site-packages/", "vendor/bundle/",
    "*.pyc", "*.pyo", "*.class", "*.o", "*.so", "*.dll", "*.rej", "*.orig", "*.bak", "*.swp", "*.min.js",
];

/// A policy's globs, ready to be asked.
pub(super) struct Paths<'a> {
    policy: &'a Policy,
    protected: GlobSet,
    allowed: GlobSet,
}

impl<'a> Paths<'a> {
    /// Compiles a policy's own globs; one that is none is refused, so that a typing error never opens a door.
    pub(super) fn new(policy: &'a Policy) -> Result<Self, Refusal> {
        Ok(Self { policy, protected: compiled(&policy.protected)?, allowed: compiled(&policy.allow)? })
    }

    /// Refuses a path the policy protects.
    pub(super) fn judge(&self, path: &Utf8Path) -> Result<(), Refusal> {
        if self.allowed.is_match(path) {
            return Ok(());
        }
        let sentence = if let Some(kind) = self.policy.protect.iter().find(|&&kind| covers(kind, path)) {
            format!("{path} is {}, which a patch may not touch; change the product code instead", kind.noun())
        } else if self.protected.is_match(path) {
            format!("{path} is protected by the policy; change other files instead")
        } else {
            return Ok(());
        };
        Err(Refusal::new("protected-path", sentence))
    }
}

/// Tells whether the file is test code by its path.
pub(super) fn is_test(path: &Utf8Path) -> bool {
    covers(Protection::Tests, path)
}

fn covers(kind: Protection, path: &Utf8Path) -> bool {
    static TABLE: LazyLock<Vec<(Protection, GlobSet)>> = LazyLock::new(|| {
        let sets = Protection::ALL.into_iter().map(|kind| (kind, compiled_table(kind.globs())));
        sets.collect()
    });
    static BY_CASE: LazyLock<GlobSet> = LazyLock::new(|| compiled_table(TESTS_BY_CASE));
    let lower = path.as_str().to_lowercase();
    TABLE.iter().any(|(of, set)| *of == kind && set.is_match(&lower))
        || kind == Protection::Tests && BY_CASE.is_match(path)
}

#[expect(clippy::expect_used, reason = "constant globs, compiled by every test")]
fn compiled_table(patterns: &[&str]) -> GlobSet {
    let globs: Vec<String> = patterns.iter().map(|pattern| anywhere(pattern)).collect();
    compiled(&globs).expect("the tables hold globs")
}

fn anywhere(pattern: &str) -> String {
    match pattern.strip_suffix('/') {
        Some(folder) => format!("**/{folder}/**"),
        None => format!("**/{pattern}"),
    }
}

fn compiled(globs: &[String]) -> Result<GlobSet, Refusal> {
    let broken = |error: &globset::Error| Refusal::new("policy-glob", format!("the policy is unusable: {error}"));
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(GlobBuilder::new(glob).literal_separator(true).build().map_err(|error| broken(&error))?);
    }
    set.build().map_err(|error| broken(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(path: &str) -> Option<Protection> {
        Protection::ALL.into_iter().find(|&kind| covers(kind, path.into()))
    }

    #[test]
    fn each_kind_knows_its_files() {
        #[rustfmt::skip]
        let table: &[(Protection, &[&str])] = &[
            (Protection::Tests, &[
                "tests/a.rs", "crates/x/tests/common/mod.rs", "src/test/java/A.java", "a/__tests__/b.js", "spec/a.rb",
                "benches/b.rs", "cart_test.go", "pkg/test_cart.py", "a.test.ts", "a.spec.ts", "conftest.py", "x/fixtures/a.json",
                "testdata/x", "src/snapshots/a.snap", "a/__snapshots__/b", "a.snap", "src/tests.rs", "app/tests.py", "Tests/A.swift",
                "src/CartTest.java", "CartTests.cs", "My.Tests/A.cs",
            ]),
            (Protection::Ci, &[".github/workflows/ci.yml", ".gitlab-ci.yml", "Jenkinsfile", "azure-pipelines.yml"]),
            (Protection::Agents, &["CLAUDE.md", "sub/AGENTS.md", ".cursor/rules/a.md", ".mcp.json", "heal-tests.toml"]),
            (Protection::RunnerConfiguration, &["pytest.ini", "web/jest.config.ts", "tsconfig.json", "sitecustomize.py", "a.pth"]),
            (Protection::Manifests, &["Cargo.toml", "web/package.json", "pyproject.toml", "go.mod", "pom.xml", "A.csproj"]),
            (Protection::Lockfiles, &["Cargo.lock", "package-lock.json", "go.sum", "pnpm-lock.yaml", "poetry.lock"]),
            (Protection::BuildScripts, &["build.rs", ".cargo/config.toml", "rust-toolchain.toml", "Makefile", "app/build.gradle.kts"]),
            (Protection::Generated, &["node_modules/a/index.js", "a/__pycache__/b.py", "a.rs.rej", "a.orig", "x.pyc"]),
            (Protection::Hidden, &[".env", ".gitattributes", ".gitmodules", "src/.hidden/a.rs", ".npmrc", ".vscode/a.json"]),
        ];
        for (expected, paths) in table {
            for path in *paths {
                assert_eq!(kind(path), Some(*expected), "{path}");
            }
        }
    }

    #[test]
    fn product_files_are_of_no_kind() {
        for path in
            ["src/lib.rs", "src/attest.rs", "src/latest.py", "docs/testing.md", "lib/inspect.rb", "src/Contest.java"]
        {
            assert_eq!(kind(path), None, "{path}");
        }
    }

    fn rule(path: &str, policy: &Policy) -> Result<(), String> {
        Paths::new(policy).and_then(|paths| paths.judge(path.into())).map_err(|refusal| refusal.rule)
    }

    #[test]
    fn a_kind_can_be_switched_off_and_single_files_allowed_or_protected() {
        let refused = Err("protected-path".to_owned());
        let mut policy = Policy::default();
        assert_eq!(rule("Cargo.toml", &policy), refused);
        policy.protect.remove(&Protection::Manifests);
        assert_eq!(rule("Cargo.toml", &policy), Ok(()));
        policy.allow.push("tests/it/*.rs".into());
        assert_eq!(rule("tests/it/a.rs", &policy), Ok(()));
        assert_eq!(rule("tests/it/sub/a.rs", &policy), refused);
        policy.protected.push("src/generated/**".into());
        assert_eq!(rule("src/generated/a/b.rs", &policy), refused);
    }

    #[test]
    fn a_broken_glob_opens_no_door() {
        let policy = Policy { allow: vec!["a[".into()], ..Policy::default() };
        assert_eq!(rule("src/a.rs", &policy), Err("policy-glob".into()));
    }
}
