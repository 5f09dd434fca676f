//! Sample programs on which the templates are tested: each compiles, and its own tests pass.

#![expect(clippy::manual_is_multiple_of, reason = "operators are what the templates work on")]
#![expect(clippy::cast_possible_wrap, reason = "the samples are as people write them")]

mod calendar;
mod grid;
mod ledger;
mod lines;
mod series;

/// Name and text of each.
pub(super) const SAMPLES: &[(&str, &str)] = &[
    ("src/calendar.rs", include_str!("calendar.rs")),
    ("src/grid.rs", include_str!("grid.rs")),
    ("src/ledger.rs", include_str!("ledger.rs")),
    ("src/lines.rs", include_str!("lines.rs")),
    ("src/series.rs", include_str!("series.rs")),
];

/// Returns the text of the sample at `src/<name>.rs`.
pub(super) fn sample(name: &str) -> &'static str {
    let path = format!("src/{name}.rs");
    SAMPLES.iter().find(|(known, _)| *known == path).map(|(_, text)| *text).expect("a sample")
}
