//! Edits as JSON: `{"edits":[{"path","search","replace"}]}` and what other tools call the same things.

use serde_json::{Map, Value};

use crate::model::Refusal;
use crate::patch::edit::{Ask, Block, Request};
use crate::patch::reply::{Read, Text, fence};

const PATHS: &[&str] = &["path", "file", "filename", "file_path", "filePath", "filepath", "target_file"];
const SEARCHES: &[&str] =
    &["search", "old", "old_string", "old_str", "oldString", "oldText", "old_text", "before", "original", "find"];
const REPLACES: &[&str] =
    &["replace", "new", "new_string", "new_str", "newString", "newText", "new_text", "after", "updated", "replacement"];
const CONTENTS: &[&str] = &["content", "contents", "file_text", "new_content", "text"];
const LISTS: &[&str] = &["edits", "changes", "files", "operations", "replacements", "patches"];
const DIFFS: &[&str] = &["patch", "diff", "unified_diff"];

/// Deepest nesting that is followed.
const DEPTH_MAX: usize = 4;

/// Reads the first JSON value of the reply that holds edits.
pub(crate) fn read(text: &Text<'_>) -> Result<Option<Read>, Refusal> {
    let Some(value) = value(text) else { return Ok(None) };
    let mut requests = Vec::new();
    collect(&value, None, DEPTH_MAX, &mut requests)?;
    Ok((!requests.is_empty()).then(|| Read { requests, rest: Vec::new() }))
}

/// Finds a JSON value: in a fence, or from the first bracket on.
fn value(text: &Text<'_>) -> Option<Value> {
    let fenced = fence::fences(&text.lines).into_iter().map(|fence| text.lines[fence.inside].join("\n"));
    let starts = text.whole.match_indices(['{', '[']).map(|(at, _)| at).take(8);
    let bare = starts.map(|at| text.whole[at..].to_owned());
    fenced.chain(bare).find_map(|text| {
        let first = serde_json::Deserializer::from_str(&text).into_iter::<Value>().next()?.ok()?;
        (first.is_object() || first.is_array()).then_some(first)
    })
}

fn text_of<'a>(object: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| object.get(*key)?.as_str())
}

fn collect(value: &Value, path: Option<&str>, depth: usize, requests: &mut Vec<Request>) -> Result<(), Refusal> {
    if depth == 0 {
        return Ok(());
    }
    if let Value::Array(values) = value {
        return values.iter().try_for_each(|value| collect(value, path, depth - 1, requests));
    }
    let Value::Object(object) = value else { return Ok(()) };
    let path = text_of(object, PATHS).or(path);
    for key in LISTS {
        if let Some(list) = object.get(*key).filter(|list| list.is_array()) {
            return collect(list, path, depth - 1, requests);
        }
    }
    if let Some(diff) = text_of(object, DIFFS) {
        requests.extend(crate::patch::reply::read(diff)?);
        return Ok(());
    }
    let spellings = path.map(str::to_owned).into_iter().collect();
    if let (Some(search), Some(replace)) = (text_of(object, SEARCHES), text_of(object, REPLACES)) {
        requests.push(Request::new(spellings, ask(search, replace)));
    } else if let Some(content) = text_of(object, CONTENTS).filter(|_| path.is_some()) {
        requests.push(Request::new(spellings, Ask::Whole(content.to_owned())));
    } else if path.is_some() && object.len() > 1 {
        let keys: Vec<_> = object.keys().take(6).map(String::as_str).collect();
        let sentence = format!("an edit has the fields {}; give `path`, `search` and `replace`", keys.join(", "));
        return Err(Refusal::new("malformed", sentence));
    }
    Ok(())
}

fn ask(search: &str, replace: &str) -> Ask {
    if search.trim().is_empty() {
        return Ask::Create(replace.to_owned());
    }
    let lines = |text: &str| -> Vec<String> {
        if text.is_empty() {
            Vec::new()
        } else {
            text.strip_suffix('\n').unwrap_or(text).split('\n').map(str::to_owned).collect()
        }
    };
    let (old, new) = (lines(search), lines(replace));
    let old: Vec<&str> = old.iter().map(String::as_str).collect();
    let new: Vec<&str> = new.iter().map(String::as_str).collect();
    let partial = Some((search.to_owned(), replace.to_owned()));
    Ask::Edit(vec![Block { partial, ..Block::replacing(&old, &new) }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(reply: &str) -> Vec<String> {
        let read = read(&Text::new(reply)).unwrap();
        read.into_iter().flat_map(|read| read.requests).map(|request| request.spellings.concat()).collect()
    }

    #[test]
    fn edits_are_found_under_their_usual_names() {
        for reply in [
            r#"{"edits":[{"path":"a.rs","search":"x","replace":"y"}]}"#,
            r#"[{"file":"a.rs","old_string":"x","new_string":"y"}]"#,
            r#"{"file_path":"a.rs","edits":[{"oldText":"x","newText":"y"}]}"#,
            "Sure!\n```json\n{\"path\": \"a.rs\", \"old_str\": \"x\", \"new_str\": \"\"}\n```\n",
            r#"{"path":"a.rs","content":"x\n"}"#,
        ] {
            assert_eq!(paths(reply), ["a.rs"], "{reply}");
        }
        assert_eq!(paths(r#"{"diff":"--- a/b.rs\n+++ b/b.rs\n@@ -1 +1 @@\n-x\n+y\n"}"#), ["b.rs"]);
    }

    #[test]
    fn other_json_is_no_edit_and_half_an_edit_is_refused() {
        assert_eq!(paths(r#"{"verdict":"the test is wrong"}"#), [""; 0]);
        let half = read(&Text::new(r#"{"path":"a.rs","search":"x"}"#));
        assert_eq!(half.err().map(|refusal| refusal.rule), Some("malformed".into()));
    }
}
