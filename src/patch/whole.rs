//! Whole texts: a file created, a file rewritten, functions replaced. A rewritten file keeps its line ends, and must be
//! recognisable.

use camino::Utf8Path;

use crate::model::Refusal;
use crate::patch::lines;
use crate::patch::locate::{self, Source, is_ellipsis};

/// Lines that say something below which a file may be rewritten beyond recognition.
const SMALL_FILE_LINES: usize = 12;

/// Returns the text of a new file.
pub(crate) fn created(path: &Utf8Path, texts: &[String]) -> Result<String, Refusal> {
    let [text] = texts else {
        let sentence = format!("the reply holds several texts for the new file {path}; send one");
        return Err(Refusal::new("conflicting-edits", sentence));
    };
    judge_lazy(path, text, "")?;
    Ok(text.clone())
}

/// Tells whether a text is one whole function.
pub(crate) fn is_function(text: &str) -> bool {
    locate::only_function(&text.lines().collect::<Vec<_>>()).is_some()
}

/// Returns a file with some of its functions, or all of it, replaced; and where.
pub(crate) fn replaced(
    path: &Utf8Path,
    before: &str,
    texts: &[String],
) -> Result<(String, Vec<(usize, String)>), Refusal> {
    texts.iter().try_for_each(|text| judge_lazy(path, text, before))?;
    if texts.iter().all(|text| is_function(text)) {
        return functions(path, before, texts);
    }
    let [text] = texts else {
        let sentence =
            format!("the reply holds several texts for {path}, not all of them functions; send one whole file");
        return Err(Refusal::new("conflicting-edits", sentence));
    };
    judge_likeness(path, text, before)?;
    Ok((in_the_ways_of(before, text), vec![(1, "whole-file".to_owned())]))
}

fn functions(path: &Utf8Path, before: &str, texts: &[String]) -> Result<(String, Vec<(usize, String)>), Refusal> {
    let source = Source::new(before);
    let (mut splices, mut found) = (Vec::new(), Vec::new());
    for text in texts {
        let text: Vec<&str> = text.lines().collect();
        let Some(function) = locate::only_function(&text) else { continue };
        let (line, splice) = locate::replacement(&function, &source)
            .map_err(|refusal| Refusal { sentence: format!("{path}: {}", refusal.sentence), ..refusal })?;
        splices.push(splice);
        found.push((line + 1, "function".to_owned()));
    }
    let text = locate::spliced(&source, splices).map_err(|line| {
        Refusal::new("overlap", format!("two functions of the reply dispute line {} of {path}", line + 1))
    })?;
    Ok((text, found))
}

/// Refuses a text in which a comment stands for code that was left out.
fn judge_lazy(path: &Utf8Path, text: &str, before: &str) -> Result<(), Refusal> {
    let own = |line: &str| before.lines().any(|known| known.trim() == line.trim());
    let lazy = text.lines().find(|line| line.trim() != "..." && is_ellipsis(line) && !own(line));
    match lazy {
        None => Ok(()),
        Some(line) => {
            let sentence =
                format!("the line `{}` stands for code that is left out of {path}; write that code", line.trim());
            Err(Refusal::new("lazy-edit", sentence))
        }
    }
}

/// Refuses a text that has so little of the file that it is probably a part of it.
fn judge_likeness(path: &Utf8Path, text: &str, before: &str) -> Result<(), Refusal> {
    let telling: Vec<&str> = before.lines().map(str::trim).filter(|line| !lines::is_trivial(line)).collect();
    let kept: std::collections::HashSet<&str> = text.lines().map(str::trim).collect();
    let n_kept = telling.iter().filter(|line| kept.contains(**line)).count();
    if telling.len() < SMALL_FILE_LINES || n_kept * 2 >= telling.len() {
        return Ok(());
    }
    let sentence = format!(
        "only {n_kept} of {} lines of {path} are in the text given for it; send the whole file, or an edit",
        telling.len()
    );
    Err(Refusal::new("not-whole", sentence))
}

/// Returns a text with the line ends, the byte-order mark and the final line end of another.
fn in_the_ways_of(before: &str, text: &str) -> String {
    let source = Source::new(before);
    let mut new: String =
        text.trim_start_matches(lines::BOM).lines().map(|line| format!("{line}{}", source.end)).collect();
    if source.open {
        new.truncate(lines::body(&new).len());
    }
    if before.starts_with(lines::BOM) {
        new.insert(0, lines::BOM);
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(before: &str, text: &str) -> Result<String, String> {
        replaced("a.txt".into(), before, &[text.to_owned()]).map(|(text, _)| text).map_err(|refusal| refusal.rule)
    }

    #[test]
    fn a_rewritten_file_keeps_its_line_ends_mark_and_missing_last_end() {
        assert_eq!(rewritten("\u{feff}a\r\nb", "a\nc\n"), Ok("\u{feff}a\r\nc".into()));
        assert_eq!(rewritten("a\nb\n", "a\r\nc"), Ok("a\nc\n".into()));
    }

    #[test]
    fn a_part_is_not_taken_for_the_whole() {
        let long: String = (100..140).map(|n| format!("line {n}\n")).collect();
        assert_eq!(rewritten(&long, "line 100\nline 101\n"), Err("not-whole".into()));
        assert!(rewritten(&long, &long.replace("line 105", "other")).is_ok());
        assert_eq!(rewritten(&long, &long.replace("line 105", "// ... existing code ...")), Err("lazy-edit".into()));
    }
}
