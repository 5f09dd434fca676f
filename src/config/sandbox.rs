//! How candidates are confined: the words of `--sandbox`.

use crate::config::{ConfigError, ConfigFile, Typed};

/// The levels that can be asked for.
const LEVELS: std::ops::RangeInclusive<u8> = 2..=4;

/// How builds and tests of candidates are confined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Confinement {
    /// As strongly as this machine can.
    #[default]
    Auto,
    /// Not at all: the user takes responsibility.
    Off,
    /// By the rung of this number (2 to 4), or nothing is run.
    Level(u8),
}

/// Chooses the confinement. The repository's file may ask for a rung, and cannot turn the sandbox off: who clones a
/// project has not read it yet.
pub(super) fn confinement(
    typed: &Typed,
    repository: &ConfigFile,
    user: &ConfigFile,
) -> Result<Confinement, ConfigError> {
    if let Some(word) = &typed.sandbox {
        return read(word, "--sandbox");
    }
    match repository.sandbox.as_deref().map(|word| read(word, "sandbox in heal-tests.toml")).transpose()? {
        Some(Confinement::Off) => Err(ConfigError::new(
            "heal-tests.toml cannot turn the sandbox off",
            "use --sandbox=off, or write it into your own configuration",
        )),
        Some(confinement) => Ok(confinement),
        None => Ok(user.sandbox.as_deref().map(|word| read(word, "sandbox")).transpose()?.unwrap_or_default()),
    }
}

fn read(word: &str, source: &str) -> Result<Confinement, ConfigError> {
    let level = || word.strip_prefix(['R', 'r'])?.parse().ok().filter(|level| LEVELS.contains(level));
    match (word, level()) {
        ("auto", _) => Ok(Confinement::Auto),
        ("off", _) => Ok(Confinement::Off),
        (_, Some(level)) => Ok(Confinement::Level(level)),
        (_, None) => {
            Err(ConfigError::new(format!("{source} does not understand {word:?}"), "use auto, off, R2, R3 or R4"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: Option<&str>, repository: Option<&str>, user: Option<&str>) -> Result<Confinement, ConfigError> {
        let file = |sandbox: Option<&str>| ConfigFile { sandbox: sandbox.map(str::to_owned), ..ConfigFile::default() };
        let typed = Typed { sandbox: typed.map(str::to_owned), ..Typed::default() };
        confinement(&typed, &file(repository), &file(user))
    }

    #[test]
    fn a_flag_beats_the_repository_and_the_repository_beats_the_user() {
        assert_eq!(check(None, None, None).unwrap(), Confinement::Auto);
        assert_eq!(check(None, None, Some("off")).unwrap(), Confinement::Off);
        assert_eq!(check(None, Some("r3"), Some("off")).unwrap(), Confinement::Level(3));
        assert_eq!(check(Some("off"), Some("R4"), None).unwrap(), Confinement::Off);
        assert_eq!(check(Some("auto"), Some("R4"), None).unwrap(), Confinement::Auto);
    }

    #[test]
    fn a_repository_cannot_turn_the_sandbox_off() {
        assert!(check(None, Some("off"), None).unwrap_err().hint.contains("--sandbox=off"));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for word in ["R1", "R5", "4", "", "on", "R"] {
            let error = check(Some(word), None, None).unwrap_err();
            assert!(error.sentence.contains("--sandbox") && error.sentence.contains(word), "{}", error.sentence);
        }
    }
}
