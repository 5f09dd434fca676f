//! A throwaway copy of a fixture project with a git history, and running the binary in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A project in a temporary folder, with state beside it.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Asserts the exit code, showing everything when it is another.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that standard error holds a text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "nothing says {text:?}:\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// The events of a `--json` run with this name.
    pub(crate) fn events(&self, name: &str) -> Vec<serde_json::Value> {
        let lines = self.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
        lines.filter(|event| event["event"] == name).collect()
    }
}

impl Project {
    /// Copies a project of `fixtures/tree`, armed and committed.
    pub(crate) fn copy(fixture: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree").join(fixture);
        copy_files(&source, &project.root());
        fs::rename(project.root().join("Cargo_test.toml"), project.root().join("Cargo.toml")).unwrap();
        project.write(".gitignore", "/target\n");
        let base = project.root().join("base");
        project.git(&["init", "--quiet", "--initial-branch=main"]);
        if base.exists() {
            let now = project.read("src/lib.rs");
            project.write("src/lib.rs", &fs::read_to_string(base.join("src/lib.rs")).unwrap());
            fs::remove_dir_all(base).unwrap();
            project.commit("first version");
            project.write("src/lib.rs", &now);
        }
        project.commit("latest version");
        project
    }

    /// Makes a project without files.
    pub(crate) fn empty() -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(project.root()).unwrap();
        project.git(&["init", "--quiet", "--initial-branch=main"]);
        project
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// A path beside the project.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces the one occurrence of a text in a file.
    #[track_caller]
    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {path}");
        self.write(path, &text.replace(from, to));
    }

    #[track_caller]
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgSign=false"];
        let mut command = Command::new("git");
        command.args(identity).args(words).current_dir(self.root()).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn commit(&self, subject: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", subject]);
    }

    /// Prepares a run of the binary in the project: no endpoint, no terminal, state beside the project.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heal-tests"));
        command.args(arguments).current_dir(self.root()).env("HEAL_TESTS_STATE", self.state());
        for variable in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HEAL_TESTS_MODEL", "HEAL_TESTS_URL", "HEAL_TESTS_KEY"]
        {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn heal(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments), b"")
    }

    pub(crate) fn heal_with_stdin(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        run(self.command(arguments), stdin)
    }

    /// Every file of the project, `.git` included and `target` not, with its bytes and mode.
    pub(crate) fn bytes(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        use std::os::unix::fs::PermissionsExt;
        let mut files = BTreeMap::new();
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    if path != self.root().join("target") {
                        folders.push(path);
                    }
                } else {
                    let mode = fs::metadata(&path).unwrap().permissions().mode();
                    files.insert(path.clone(), (mode, fs::read(&path).unwrap()));
                }
            }
        }
        files
    }

    /// Runs `cargo test` as a user would; returns whether it passes, and its output.
    pub(crate) fn cargo_test(&self) -> (bool, String) {
        let mut command = Command::new("cargo");
        command.args(["test", "--no-fail-fast"]).current_dir(self.root());
        command.env_remove("CARGO_TARGET_DIR").env("RUST_BACKTRACE", "0");
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }
}

/// Runs a prepared command with an input.
pub(crate) fn run(mut command: Command, stdin: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_files(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
