//! Indentation: by which one rule the reply's differs from the file's, and that rule put on added lines. It never guesses:
//! without one rule for all lines there is none.

use std::collections::HashMap;

use crate::patch::lines;

/// The rule by which the reply's indentation becomes the file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shift {
    /// It is the same.
    Same,
    /// The file's lines have this in front in addition.
    Deeper(String),
    /// The reply's lines have this in front in addition.
    Shallower(String),
    /// The reply has so many spaces for each of the file's tabs.
    ToTabs(usize),
    /// The file has so many spaces for each of the reply's tabs.
    ToSpaces(usize),
    /// Each indentation the reply uses stands for one of the file's.
    Each(Vec<(String, String)>),
}

impl Shift {
    /// Finds the rule from pairs of a reply's line and the file's line it stands for.
    pub(crate) fn between<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let pairs: Vec<_> = pairs
            .into_iter()
            .filter(|(reply, file)| !lines::is_blank(reply) && !lines::is_blank(file))
            .map(|(reply, file)| (lines::indent(reply), lines::indent(file)))
            .collect();
        same(&pairs)
            .or_else(|| deeper(&pairs))
            .or_else(|| shallower(&pairs))
            .or_else(|| units(&pairs))
            .or_else(|| each(&pairs))
    }

    /// Puts the rule on an added line; `None` when it does not cover that line.
    pub(crate) fn apply(&self, line: &str) -> Option<String> {
        if lines::is_blank(line) {
            return Some(match self {
                Self::Same => line.to_owned(),
                Self::Deeper(prefix) if !line.is_empty() => format!("{prefix}{line}"),
                Self::Shallower(prefix) => line.strip_prefix(prefix.as_str()).unwrap_or_default().to_owned(),
                _ => String::new(),
            });
        }
        let indent = lines::indent(line);
        let rest = &line[indent.len()..];
        let indent = match self {
            Self::Same => indent.to_owned(),
            Self::Deeper(prefix) => format!("{prefix}{indent}"),
            Self::Shallower(prefix) => indent.strip_prefix(prefix.as_str())?.to_owned(),
            Self::ToTabs(unit) => {
                let (tabs, spaces) = split_indent(indent)?;
                let width = if tabs > 0 { return Some(line.to_owned()) } else { spaces };
                "\t".repeat(width / unit) + &" ".repeat(width % unit)
            }
            Self::ToSpaces(unit) => {
                let (tabs, spaces) = split_indent(indent)?;
                " ".repeat(tabs * unit + spaces)
            }
            Self::Each(map) => map.iter().find(|(reply, _)| reply == indent)?.1.clone(),
        };
        Some(indent + rest)
    }

    /// Returns the rule's name as match labels give it.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Same => "trailing-space".to_owned(),
            Self::Deeper(prefix) => format!("indent(+{})", prefix.len()),
            Self::Shallower(prefix) => format!("indent(-{})", prefix.len()),
            Self::ToTabs(_) => "indent(tabs)".to_owned(),
            Self::ToSpaces(_) => "indent(spaces)".to_owned(),
            Self::Each(_) => "indent(each)".to_owned(),
        }
    }
}

type Pairs<'a> = [(&'a str, &'a str)];

fn same(pairs: &Pairs<'_>) -> Option<Shift> {
    pairs.iter().all(|(reply, file)| reply == file).then_some(Shift::Same)
}

fn deeper(pairs: &Pairs<'_>) -> Option<Shift> {
    let (reply, file) = pairs.first()?;
    let prefix = file.strip_suffix(reply)?;
    let fits = |(reply, file): &(&str, &str)| file.strip_prefix(prefix) == Some(*reply);
    pairs.iter().all(fits).then(|| Shift::Deeper(prefix.to_owned()))
}

fn shallower(pairs: &Pairs<'_>) -> Option<Shift> {
    let (reply, file) = pairs.first()?;
    let prefix = reply.strip_suffix(file)?;
    let fits = |(reply, file): &(&str, &str)| reply.strip_prefix(prefix) == Some(*file);
    pairs.iter().all(fits).then(|| Shift::Shallower(prefix.to_owned()))
}

/// Finds how many spaces on one side stand for a tab on the other.
fn units(pairs: &Pairs<'_>) -> Option<Shift> {
    if let Some(unit) = unit_between(pairs.iter().map(|(reply, file)| (*reply, *file))) {
        return Some(Shift::ToTabs(unit));
    }
    unit_between(pairs.iter().map(|(reply, file)| (*file, *reply))).map(Shift::ToSpaces)
}

/// Pairs are (only spaces, tabs then spaces); the unit must be one for all, and a usual one.
fn unit_between<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<usize> {
    let mut unit = None;
    for (spaces, tabbed) in pairs {
        let (0, width) = split_indent(spaces)? else { return None };
        let (tabs, rest) = split_indent(tabbed)?;
        let covered = width.checked_sub(rest)?;
        if tabs == 0 {
            if covered != 0 {
                return None;
            }
            continue;
        }
        let here = covered / tabs;
        if here * tabs != covered || !matches!(here, 1 | 2 | 3 | 4 | 8) || unit.is_some_and(|unit| unit != here) {
            return None;
        }
        unit = Some(here);
    }
    unit
}

/// Counts leading tabs and the spaces after them; `None` when they are mixed otherwise.
fn split_indent(indent: &str) -> Option<(usize, usize)> {
    let spaces = indent.trim_start_matches('\t');
    spaces.bytes().all(|byte| byte == b' ').then_some((indent.len() - spaces.len(), spaces.len()))
}

fn each(pairs: &Pairs<'_>) -> Option<Shift> {
    let mut map: HashMap<&str, &str> = HashMap::new();
    let mut back: HashMap<&str, &str> = HashMap::new();
    for (reply, file) in pairs {
        if *map.entry(reply).or_insert(file) != *file || *back.entry(file).or_insert(reply) != *reply {
            return None;
        }
    }
    let mut map: Vec<_> = map.into_iter().map(|(reply, file)| (reply.to_owned(), file.to_owned())).collect();
    map.sort();
    Some(Shift::Each(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(pairs: &[(&str, &str)]) -> Option<Shift> {
        Shift::between(pairs.iter().copied())
    }

    #[test]
    fn a_uniform_shift_goes_on_added_lines() {
        let deeper = shift(&[("if x:", "    if x:"), ("  y", "      y"), ("", "")]).unwrap();
        assert_eq!(deeper, Shift::Deeper("    ".into()));
        assert_eq!(deeper.apply("  z"), Some("      z".into()));
        assert_eq!(deeper.apply(""), Some(String::new()));
        let shallower = shift(&[("   a", "  a")]).unwrap();
        assert_eq!((shallower.apply(" b"), shallower.apply("b")), (Some("b".into()), None));
    }

    #[test]
    fn spaces_become_the_tabs_of_the_file_and_back() {
        let tabs = shift(&[("f {", "f {"), ("    a", "\ta"), ("        b", "\t\tb"), ("     * c", "\t * c")]).unwrap();
        assert_eq!(tabs, Shift::ToTabs(4));
        assert_eq!(tabs.apply("            x"), Some("\t\t\tx".into()));
        let spaces = shift(&[("\ta", "  a"), ("\t\tb", "    b")]).unwrap();
        assert_eq!(spaces.apply("\t\t\tx"), Some("      x".into()));
    }

    #[test]
    fn lines_shifted_unlike_have_no_rule() {
        assert_eq!(shift(&[("a", "  a"), ("b", "    b")]), None);
        let each = shift(&[("a", "a"), ("   b", "    b")]).unwrap();
        assert_eq!((each.apply("   c"), each.apply("  c")), (Some("    c".into()), None));
    }
}
