//! The environment, read once: what configures this program, what children may see, and what is secret.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

/// Parts of variable names whose values are taken for secrets.
const SECRET_NAME_PARTS: &[&str] = &["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH", "COOKIE"];

/// Variables that a surrounding `cargo run` or `cargo test` sets for its own child, or that would lead a build out of
/// its scratch copy. A child of ours must not inherit them.
const CARGO_LEAKS: &[&str] = &[
    "CARGO",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_CRATE_NAME",
    "CARGO_BIN_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_MAKEFLAGS",
    "MAKEFLAGS",
    "OUT_DIR",
    "RUST_BACKTRACE",
];

/// A copy of the process environment; values that are not UTF-8 are left out.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Reads the process environment.
    pub fn read() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
        let all = std::env::vars_os();
        let utf8 = all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { variables: utf8.collect() }
    }

    /// Makes an environment from given variables.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self { variables: variables.into_iter().map(own).collect() }
    }

    /// Returns a variable; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns what a child may see: everything but secrets and what a surrounding cargo set for its own child.
    /// Output is asked for without colour, and nested runs can tell that they are nested.
    pub fn for_children(&self) -> Vec<(String, String)> {
        let visible = self.variables.iter().filter(|(name, _)| !is_secret_name(name) && !is_cargo_leak(name));
        let mut kept: Vec<_> = visible.map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, value) in [("CARGO_TERM_COLOR", "never"), ("HEAL_TESTS_ACTIVE", "1")] {
            kept.retain(|(own, _)| own != name);
            kept.push((name.to_owned(), value.to_owned()));
        }
        kept
    }

    /// Returns the environment for a command the user typed: exactly as it is.
    pub fn whole(&self) -> Vec<(String, String)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Returns the values that must never leave the machine.
    pub fn secrets(&self) -> Vec<String> {
        let secret = self.variables.iter().filter(|(name, value)| is_secret_name(name) && value.len() >= 8);
        secret.map(|(_, value)| value.clone()).collect()
    }

    /// Returns the folder for state that survives sessions, after the XDG base directory specification and Apple's.
    pub fn data_dir(&self) -> Option<Utf8PathBuf> {
        if let Some(dir) = self.get("HEAL_TESTS_STATE") {
            return Some(Utf8PathBuf::from(dir));
        }
        self.platform_dir("XDG_DATA_HOME", ".local/share", "Library/Application Support")
    }

    /// Returns the folder of the user's own configuration.
    pub fn config_dir(&self) -> Option<Utf8PathBuf> {
        self.platform_dir("XDG_CONFIG_HOME", ".config", "Library/Application Support")
    }

    fn platform_dir(&self, xdg: &str, unix: &str, apple: &str) -> Option<Utf8PathBuf> {
        let base = match self.get(xdg) {
            Some(dir) if dir.starts_with('/') => Utf8PathBuf::from(dir),
            _ => Utf8PathBuf::from(self.get("HOME")?).join(if cfg!(target_os = "macos") { apple } else { unix }),
        };
        Some(base.join("heal-tests"))
    }
}

fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    SECRET_NAME_PARTS.iter().any(|part| upper.contains(part))
}

fn is_cargo_leak(name: &str) -> bool {
    CARGO_LEAKS.contains(&name) || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_BIN_EXE_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_see_neither_keys_nor_a_surrounding_cargo() {
        let environment = Environment::of([
            ("PATH", "/bin"),
            ("OPENAI_API_KEY", "sk-123456789"),
            ("github_token", "ghp_123456789"),
            ("CARGO_PKG_NAME", "outer"),
            ("CARGO_TARGET_DIR", "/elsewhere"),
            ("CARGO_HOME", "/home/user/.cargo"),
        ]);
        let names: Vec<_> = environment.for_children().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["CARGO_HOME", "PATH", "CARGO_TERM_COLOR", "HEAL_TESTS_ACTIVE"]);
        assert_eq!(environment.secrets(), ["sk-123456789", "ghp_123456789"]);
    }

    #[test]
    fn the_state_folder_follows_the_platform_unless_named() {
        let home = Environment::of([("HOME", "/home/user")]);
        assert!(home.data_dir().unwrap().starts_with("/home/user"));
        let named = Environment::of([("HOME", "/home/user"), ("HEAL_TESTS_STATE", "/state")]);
        assert_eq!(named.data_dir().unwrap(), "/state");
        assert_eq!(Environment::default().data_dir(), None);
    }
}
