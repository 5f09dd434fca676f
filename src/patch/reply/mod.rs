//! What a reply asks for. The reply decides its form, not the request: each form looks for its own marks.
//!
//! To add a form: one file with a `read` function, and one line in [`FORMS`]. A form returns `None` where its marks are
//! missing; once they are there, the reply is read completely in that form or refused. Nothing here looks at a tree.

mod fence;
mod json;
mod naming;
mod search_replace;
mod unified;
mod v4a;
mod whole;
mod wrapping;

pub(crate) use self::wrapping::readings;
use crate::model::Refusal;
use crate::patch::edit::Request;

/// What a form made of a reply.
pub(crate) struct Read {
    /// What is asked for, in order.
    pub requests: Vec<Request>,
    /// The lines of the reply the form did not use.
    pub rest: Vec<String>,
}

/// One form of reply.
struct Form {
    name: &'static str,
    /// Tells whether a text bears marks that stand for nothing else.
    is_marked: fn(&Text<'_>) -> bool,
    /// Reads a reply; `None`: it is not in this form.
    read: fn(&Text<'_>) -> Result<Option<Read>, Refusal>,
}

/// The forms, most distinct marks first.
const FORMS: &[Form] = &[
    Form { name: "patch envelope", is_marked: v4a::is_marked, read: v4a::read },
    Form { name: "SEARCH/REPLACE block", is_marked: search_replace::is_marked, read: search_replace::read },
    Form { name: "unified diff", is_marked: unified::is_marked, read: unified::read },
    Form { name: "JSON value", is_marked: |_| false, read: json::read },
    Form { name: "fence with a path", is_marked: |_| false, read: whole::read },
];

/// A reply as lines; `ended` tells whether the last of them has an end.
pub(crate) struct Text<'a> {
    /// The whole.
    pub whole: &'a str,
    /// Its lines without `\n`.
    pub lines: Vec<&'a str>,
    /// Whether a line end follows the last.
    pub ended: bool,
}

impl<'a> Text<'a> {
    /// Splits a reply.
    pub(crate) fn new(whole: &'a str) -> Self {
        let ended = whole.ends_with('\n');
        Self { whole, lines: whole.strip_suffix('\n').unwrap_or(whole).split('\n').collect(), ended }
    }
}

/// Reads a reply in the one form whose marks it bears.
pub(crate) fn read(reply: &str) -> Result<Vec<Request>, Refusal> {
    let text = Text::new(reply);
    for form in FORMS {
        let Some(read) = (form.read)(&text)? else { continue };
        if read.requests.is_empty() {
            let sentence = format!("the {} in the reply holds no edit; send the change", form.name);
            return Err(Refusal::new("no-edit", sentence));
        }
        let rest = read.rest.join("\n");
        let rest = Text::new(&rest);
        if let Some(other) = FORMS.iter().find(|other| (other.is_marked)(&rest)) {
            let sentence =
                format!("besides a {} the reply holds a {}; use one form for all edits", form.name, other.name);
            return Err(Refusal::new("mixed-forms", sentence));
        }
        return Ok(read.requests);
    }
    Err(no_edit(&text))
}

fn no_edit(text: &Text<'_>) -> Refusal {
    let is_command = |line: &str| {
        let command = line.trim_end().trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ',' | '$'));
        command.len() < line.trim_end().len() && matches!(command, "a" | "c" | "d" | "i")
    };
    if text.lines.iter().any(|line| is_command(line))
        && text.lines.iter().any(|line| matches!(line.trim(), "." | "w" | "d"))
    {
        return Refusal::new("ed-script", "the reply is an ed script, which is not read; send SEARCH/REPLACE blocks");
    }
    let sentence = "the reply holds no edit in a known form; send SEARCH/REPLACE blocks, each with its path";
    Refusal::new("no-edit", sentence)
}

/// Makes the refusal of a reply that breaks off.
pub(crate) fn truncated(what: &str) -> Refusal {
    Refusal::new("truncated", format!("the reply breaks off: {what}; send it again, whole"))
}
