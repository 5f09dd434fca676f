//! Functions by their layout: where one begins, what it is called, how far it reaches. It parses no language; where the
//! layout does not tell, it says so.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::model::Refusal;
use crate::patch::lines;
use crate::patch::locate::shift::Shift;
use crate::patch::locate::source::Source;
use crate::patch::locate::splice::{NewLine, Splice};

/// A function given whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// Attributes, decorators and comments before it.
    pub preamble: &'a [&'a str],
    /// The rest.
    pub body: &'a [&'a str],
}

/// How the line begins that defines a function, with its name, in the usual languages.
#[expect(clippy::unwrap_used, reason = "constant patterns, exercised by every test")]
static DEFINITIONS: LazyLock<[Regex; 3]> = LazyLock::new(|| {
    [
        r"^\s*(?:[\w$@()]+\s+)*?(?:fn|def|func|function\*?|fun|sub)\s+(?:\([^)]*\)\s*)?(?:self\.)?(?P<name>[A-Za-z_$][\w$]*[?!]?)",
        r"^\s*(?:export\s+)?(?:default\s+)?(?:const|let|var)\s+(?P<name>[A-Za-z_$][\w$]*)\s*(?::[^=]+)?=\s*(?:async\s*)?(?:function\b|\(.*=>\s*[{(]?$|\w+\s*=>)",
        r"^\s*(?:[\w<>\[\],.*&:@?$]+\s+)*[*&]*(?P<name>[A-Za-z_$#][\w$]*)\s*\([^;]*\{\s*$",
    ]
    .map(|pattern| Regex::new(pattern).unwrap())
});

/// Words that look like calls of a function and begin a block.
const NO_NAMES: &[&str] = &[
    "if",
    "for",
    "while",
    "switch",
    "catch",
    "match",
    "return",
    "else",
    "with",
    "elif",
    "foreach",
    "using",
    "lock",
    "synchronized",
];

/// Returns the name of the function a line defines.
pub(crate) fn defined(line: &str) -> Option<&str> {
    let name = DEFINITIONS.iter().find_map(|pattern| pattern.captures(line)?.name("name"))?.as_str();
    (!NO_NAMES.contains(&name)).then_some(name)
}

/// Returns how far the code reaches that begins at line `at`: deeper lines, and lines of equal depth that close or
/// continue it. Blank lines after it do not count.
pub(crate) fn extent(file: &[&str], at: usize) -> Range<usize> {
    let depth = width(file[at]);
    let mut end = at + 1;
    for (index, line) in file.iter().enumerate().skip(at + 1) {
        if lines::is_blank(line) {
            continue;
        }
        let text = line.trim();
        match width(line).cmp(&depth) {
            std::cmp::Ordering::Greater => end = index + 1,
            std::cmp::Ordering::Equal if continues(text) => end = index + 1,
            std::cmp::Ordering::Equal if closes(text) => return at..index + 1,
            _ => break,
        }
    }
    at..end
}

fn width(line: &str) -> usize {
    lines::indent(line).chars().map(|c| if c == '\t' { 4 } else { 1 }).sum()
}

fn continues(text: &str) -> bool {
    let opens = text.ends_with(['{', ':', '(']) || text.ends_with("=>") || text.ends_with("->");
    let goes_on = text.starts_with([')', ']']) && !text.ends_with([';', ',', ')', ']', '}']);
    text == "{" || text.starts_with("where") || goes_on || text.starts_with([')', ']', '}']) && opens
}

fn closes(text: &str) -> bool {
    text.starts_with(['}', ')', ']']) || text == "end"
}

/// Tells whether brackets and long quotes are closed, so that the layout can be trusted.
fn is_balanced(text: &[&str]) -> bool {
    let count = |wanted: &str| text.iter().map(|line| line.matches(wanted).count()).sum::<usize>();
    let quotes = count("\"") - count("\\\"") - count("'\"'");
    quotes % 2 == 0
        && count("{") == count("}")
        && count("(") == count(")")
        && count("\"\"\"") % 2 == 0
        && count("'''") % 2 == 0
}

/// Reads a text that is one whole function and nothing else.
pub(crate) fn only_function<'a>(text: &'a [&'a str]) -> Option<Function<'a>> {
    let start = text.iter().position(|line| !lines::is_blank(line))?;
    let end = text.iter().rposition(|line| !lines::is_blank(line))? + 1;
    let text = &text[start..end];
    let at = text.iter().position(|line| !is_preamble(line))?;
    let name = defined(text[at])?;
    let whole = extent(text, at) == (at..text.len()) && text.len() > at + 1 && is_balanced(&text[at..]);
    whole.then(|| Function { name, preamble: &text[..at], body: &text[at..] })
}

fn is_preamble(line: &str) -> bool {
    let text = line.trim_start();
    text.is_empty() || ["#[", "@", "//", "/*", "*", "# "].iter().any(|start| text.starts_with(start))
}

/// Returns what putting `function` in the place of the file's function of that name changes, and its line, from 0.
pub(crate) fn replacement(function: &Function<'_>, source: &Source<'_>) -> Result<(usize, Splice), Refusal> {
    let name = function.name;
    let defining = source.raws.iter().enumerate().filter(|(_, line)| defined(line) == Some(name));
    let at = match defining.map(|(index, _)| index).collect::<Vec<_>>().as_slice() {
        [at] => *at,
        [] => {
            return Err(Refusal::new(
                "function-not-found",
                format!("no function `{name}` in the file; give an edit or the whole file"),
            ));
        }
        several => {
            let places: Vec<_> = several.iter().map(|index| (index + 1).to_string()).collect();
            let sentence =
                format!("`{name}` is defined at lines {}; give an edit that says which is meant", places.join(", "));
            return Err(Refusal::new("ambiguous", sentence));
        }
    };
    let old = extent(&source.raws, at);
    if !is_balanced(&source.raws[old.clone()]) {
        let sentence =
            format!("where `{name}` (line {}) ends cannot be told by its layout; give an edit instead", at + 1);
        return Err(Refusal::new("function-extent", sentence));
    }
    let shift = Shift::between([(function.body[0], source.raws[at])]);
    let untold = || {
        Refusal::new("indentation", format!("the indentation of `{name}` is unlike that of line {}; copy it", at + 1))
    };
    let shift = shift.ok_or_else(untold)?;
    let preamble = old_preamble(source, at);
    let same = |a: &str, b: &str| a.trim() == b.trim();
    let has = |all: &[&str], line: &str| all.iter().any(|other| same(other, line));
    let file = &source.raws[preamble.clone()];
    let (start, new) = if function.preamble.iter().all(|line| has(file, line)) {
        (at, function.body.to_vec())
    } else if file.iter().all(|line| has(function.preamble, line)) {
        (preamble.start, [function.preamble, function.body].concat())
    } else {
        let sentence =
            format!("what stands before `{name}` (line {}) would be changed too; give an edit for that", at + 1);
        return Err(Refusal::new("function-preamble", sentence));
    };
    let shifted = |line: &&str| shift.apply(line).map(|text| NewLine { text, verbatim: false });
    let new = new.iter().map(shifted).collect::<Option<Vec<_>>>().ok_or_else(untold)?;
    Ok((at, Splice { old: start..old.end, new, final_end: None }))
}

/// Returns the attributes, decorators and comments right before a line.
fn old_preamble(source: &Source<'_>, at: usize) -> Range<usize> {
    let n = source.raws[..at].iter().rev().take_while(|line| !lines::is_blank(line) && is_preamble(line)).count();
    at - n..at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::locate::splice;

    #[test]
    fn definitions_are_known_by_their_names() {
        for (line, name) in [
            ("pub(crate) async fn mend<'a>(", "mend"),
            ("    async def run(self):", "run"),
            ("func (c *Cart) Total() int {", "Total"),
            ("export default function App() {", "App"),
            ("const total = (items) => {", "total"),
            ("    public static <T> List<T> all(int n) throws E {", "all"),
            ("int main(int argc, char **argv) {", "main"),
            ("  def empty?", "empty?"),
        ] {
            assert_eq!(defined(line), Some(name), "{line}");
        }
        for line in ["    if (a) {", "return f(x);", "} else if (b) {", "f(x);", "for (;;) {", "let x = 1;"] {
            assert_eq!(defined(line), None, "{line}");
        }
    }

    #[test]
    fn a_function_reaches_to_its_closing_line() {
        let rust = ["fn a(", "    x: i32,", ") -> i32", "where", "    T: X,", "{", "    x", "}", "", "fn b() {}"];
        assert_eq!(extent(&rust, 0), 0..8);
        let python = ["def a(", "    x,", "):", "    y", "", "    z", "", "def b():", "    pass"];
        assert_eq!(extent(&python, 0), 0..6);
        assert_eq!(extent(&rust, 9), 9..10);
    }

    fn after(file: &str, text: &str) -> Result<String, String> {
        let text: Vec<&str> = text.lines().collect();
        let source = Source::new(file);
        let function = only_function(&text).ok_or("no function")?;
        let (_, splice) = replacement(&function, &source).map_err(|refusal| refusal.rule)?;
        Ok(splice::applied(&source, &[splice]))
    }

    #[test]
    fn a_function_takes_the_place_and_indentation_of_its_namesake() {
        let file = "class A:\n    @cached\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n";
        let expected = file.replace("return 1", "return 3");
        assert_eq!(after(file, "def f(self):\n    return 3\n"), Ok(expected.clone()));
        assert_eq!(after(file, "@cached\ndef f(self):\n    return 3\n"), Ok(expected));
    }

    #[test]
    fn what_is_not_certain_is_refused() {
        assert_eq!(
            after("fn f() {\n}\nmod m {\n    fn f() {\n    }\n}\n", "fn f() {\n    1\n}"),
            Err("ambiguous".into())
        );
        assert_eq!(after("fn g() {\n}\n", "fn f() {\n    1\n}"), Err("function-not-found".into()));
        assert!(after("fn f() {\n    let s = \"\n}\n\";\n}\n", "fn f() {\n    1\n}").is_err());
        assert_eq!(after("#[a]\nfn f() {\n}\n", "#[b]\nfn f() {\n    1\n}"), Err("function-preamble".into()));
        assert_eq!(after("fn f() {\n}\n", "fn f() {\n    1\n}\nfn g() {\n}"), Err("no function".into()));
    }
}
