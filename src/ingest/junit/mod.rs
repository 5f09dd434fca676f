//! JUnit XML, as it is really written: by two dozen producers that follow no common schema.
//!
//! The reader walks the elements wherever they stand and counts cases, never attributes. A damaged or truncated file
//! yields the cases that are whole; several documents in one file yield all of theirs. Document types are skipped,
//! declared entities stay unexpanded, and depth costs nothing. Memory is bounded whatever the size of the input, of a case
//! or of a tag.
//!
//! The way of the text: `walk` takes tags from the window, `content` finds the ends of elements, `suites` and `cases` are
//! what is open, `case` judges and names, `failure` keeps what a red case says, and `retries` puts attempts together.
//! `markup` and `properties` read what stands in tags and between them.

mod case;
mod cases;
mod content;
mod failure;
pub(super) mod markup;
mod properties;
mod retries;
mod suites;
mod walk;

use memchr::memmem;

use crate::ingest::junit::walk::Walk;
use crate::ingest::{Format, Hints, Likeness, Reader};

/// JUnit XML.
pub(super) struct Junit;

impl Format for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn sniff(&self, text: &str) -> Result<Likeness, &'static str> {
        let start = beginning(text).ok_or("there is no <testsuite> or <testcase> element")?;
        let is_first = text[..start].trim().is_empty();
        Ok(if is_first { Likeness::Certain } else { Likeness::Likely })
    }

    fn reader(&self, hints: &Hints) -> Reader {
        Reader::Document(Box::new(Walk::new(hints)))
    }
}

/// Returns where the first document begins: at its declaration, if there is one before its first element.
fn beginning(text: &str) -> Option<usize> {
    let element = content::next_of_report(text)?;
    let declaration = memmem::find(&text.as_bytes()[..element], b"<?xml");
    Some(declaration.unwrap_or(element))
}

#[cfg(test)]
mod tests;
