//! The rungs in their order, and what each find means. It chooses between no two places.

use camino::Utf8Path;

use crate::model::Refusal;
use crate::patch::edit::{Block, Ending, Tag};
use crate::patch::lines;
use crate::patch::locate::drift::{self, Drifted};
use crate::patch::locate::mend::{self, MENDS, SIGN_MENDS};
use crate::patch::locate::place::{Placement, lazy_line};
use crate::patch::locate::source::Source;
use crate::patch::locate::splice::{NewLine, Splice};
use crate::patch::locate::window::{self, Equality};
use crate::patch::locate::{Target, is_bare_insertion};

/// How far up the ladder a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Only rungs that compare whole lines but for their ends.
    Strict,
    /// All rungs.
    Loose,
}

/// What a search found.
#[derive(Debug)]
pub(crate) enum Found {
    /// One place.
    Placed(Placement),
    /// Several places at one rung.
    Several(Vec<Placement>),
    /// The new lines stand there and the old ones nowhere; the line, from 0.
    Already(usize),
    /// No place.
    Nowhere,
    /// A place, but a reason not to take it.
    Refused(Refusal),
}

impl From<Vec<Placement>> for Found {
    fn from(mut places: Vec<Placement>) -> Self {
        match places.len() {
            0 => Self::Nowhere,
            1 => places.pop().map_or(Self::Nowhere, Self::Placed),
            _ => Self::Several(places),
        }
    }
}

const STRICT: &[Equality] = &[Equality::Exact, Equality::LineEnds, Equality::TrailingSpace];
const LOOSE: &[Equality] = &[Equality::TrailingSpace, Equality::Indent, Equality::WhiteSpace];

/// Looks for a block, rung by rung.
pub(crate) fn search(block: &Block, source: &Source<'_>, reach: Reach) -> Found {
    if block.old().next().is_none() {
        return if source.len() == 0 { Found::Placed(whole(block)) } else { Found::Nowhere };
    }
    let unspaced = mend::without_odd_added_space(block, source);
    let found = first_of(unspaced.as_ref().unwrap_or(block), source, STRICT);
    if !matches!(found, Found::Nowhere) {
        return judged(block, found, source);
    }
    if let Some(line) = already(block, source) {
        return if is_reversed(block) { Found::Refused(reversed()) } else { Found::Already(line) };
    }
    if let Some(place) = part_of_lines(block, source) {
        return place;
    }
    if reach == Reach::Strict {
        return Found::Nowhere;
    }
    loose(block, source)
}

fn loose(block: &Block, source: &Source<'_>) -> Found {
    for slip in SIGN_MENDS {
        let Some(mended) = (slip.undo)(block, source) else { continue };
        let found = untrimmed(&mended, source, &[Equality::TrailingSpace]);
        if !matches!(found, Found::Nowhere) {
            return labelled(found, slip.name);
        }
    }
    let found = untrimmed(block, source, LOOSE);
    if !matches!(found, Found::Nowhere) {
        return judged(block, found, source);
    }
    for slip in MENDS {
        let Some(mended) = (slip.undo)(block, source) else { continue };
        let found = untrimmed(&mended, source, LOOSE);
        if !matches!(found, Found::Nowhere) {
            return labelled(found, slip.name);
        }
    }
    let found = untrimmed(block, source, &[Equality::Typography]);
    if !matches!(found, Found::Nowhere) {
        return found;
    }
    match mend::without_blank_edges(block) {
        Some((trimmed, head)) => moved(drifted(&trimmed, source), head),
        None => drifted(block, source),
    }
}

/// Looks for a block as it is, then without blank lines at its edges.
fn untrimmed(block: &Block, source: &Source<'_>, rungs: &[Equality]) -> Found {
    let found = first_of(block, source, rungs);
    match (&found, mend::without_blank_edges(block)) {
        (Found::Nowhere, Some((trimmed, head))) => moved(first_of(&trimmed, source, rungs), head),
        _ => found,
    }
}

/// Counts lines trimmed off the beginning into the start of each place.
fn moved(found: Found, head: usize) -> Found {
    let up = |place: Placement| Placement { start: place.start.saturating_sub(head), ..place };
    match found {
        Found::Placed(place) => Found::Placed(up(place)),
        Found::Several(places) => Found::Several(places.into_iter().map(up).collect()),
        found => found,
    }
}

fn first_of(block: &Block, source: &Source<'_>, rungs: &[Equality]) -> Found {
    let places = rungs.iter().map(|equality| window::find(block, source, *equality)).find(|places| !places.is_empty());
    places.unwrap_or_default().into()
}

fn labelled(found: Found, label: &str) -> Found {
    match found {
        Found::Placed(placement) => Found::Placed(Placement { label: label.to_owned(), ..placement }),
        found => found,
    }
}

fn drifted(block: &Block, source: &Source<'_>) -> Found {
    match drift::find(block, source) {
        Drifted::Places(places) if places.is_empty() => Found::Nowhere,
        Drifted::Places(places) => places.into(),
        Drifted::Uncertain(line) => {
            let sentence = format!(
                "near line {} the place of the change is not certain; copy the lines around it exactly",
                line + 1
            );
            Found::Refused(Refusal::new("uncertain-place", sentence))
        }
        Drifted::SignMissing(line) => {
            let sentence =
                format!("the line `{}` is not in the file and has no `+`; give added lines their sign", line.trim());
            Found::Refused(Refusal::new("sign-missing", sentence))
        }
    }
}

/// Refuses a find whose added lines would bring another kind of indentation, with nothing to translate it by.
fn judged(block: &Block, found: Found, source: &Source<'_>) -> Found {
    let first = |line: &str| line.chars().next().filter(|c| matches!(c, ' ' | '\t'));
    let foreign = |style: char| match style {
        '\t' => |line: &str| line.starts_with("  "),
        _ => |line: &str| line.starts_with('\t'),
    };
    let Some(style) = source.style() else { return found };
    let is_foreign = foreign(style);
    let told = block.old().any(|line| first(&line.text).is_some() && !lines::is_blank(&line.text));
    let added = || block.added().map(|line| line.text.as_str()).filter(|line| !lines::is_blank(line));
    if told
        || !matches!(found, Found::Placed(_))
        || !added().any(is_foreign)
        || added().any(|line| first(line) == Some(style))
    {
        return found;
    }
    let (file, reply) = if style == '\t' { ("tabs", "spaces") } else { ("spaces", "tabs") };
    let sentence =
        format!("the file is indented with {file} and the added lines with {reply}; indent them as the file is");
    Found::Refused(Refusal::new("indentation", sentence))
}

/// The placement of a block in an empty file.
fn whole(block: &Block) -> Placement {
    let new = block.added().map(|line| NewLine { text: line.text.clone(), verbatim: false });
    Placement {
        start: 0,
        splices: vec![Splice { old: 0..0, new: new.collect(), final_end: None }],
        label: "exact".to_owned(),
        n_skipped: 0,
    }
}

/// Finds a search text that need not be whole lines, such as tools for single replacements take.
fn part_of_lines(block: &Block, source: &Source<'_>) -> Option<Found> {
    let (search, replace) = block.partial.as_ref()?;
    let text = source.lines.concat();
    let mut hits = text.match_indices(search.as_str()).map(|(at, _)| at);
    let at = hits.next()?;
    if search.is_empty() {
        return None;
    }
    let line_of = |at: usize| text[..at].matches('\n').count();
    if let Some(second) = hits.next() {
        let sentence = format!(
            "the text stands at lines {} and {}; give more of its surroundings",
            line_of(at) + 1,
            line_of(second) + 1
        );
        return Some(Found::Refused(Refusal::new("ambiguous", sentence)));
    }
    let first = line_of(at);
    let last = line_of(at + search.len().saturating_sub(1));
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let old: String = source.lines[first..=last].concat();
    let new = format!("{}{replace}{}", &text[start..at], &old[at - start + search.len()..]);
    let new =
        lines::split(&new).into_iter().map(|line| NewLine { text: lines::body(line).to_owned(), verbatim: false });
    let splices = vec![Splice { old: first..last + 1, new: new.collect(), final_end: None }];
    Some(Found::Placed(Placement { start: first, splices, label: "part-of-line".to_owned(), n_skipped: 0 }))
}

/// Tells where the block's new lines already stand, given that its old ones stand nowhere. A block that only takes lines
/// away has nothing to show for itself.
fn already(block: &Block, source: &Source<'_>) -> Option<usize> {
    new_text_at(block, source).first().copied()
}

/// Returns where the block's new lines stand together, if they say anything.
pub(crate) fn new_text_at(block: &Block, source: &Source<'_>) -> Vec<usize> {
    if !block.added().any(|line| !lines::is_trivial(&line.text)) {
        return Vec::new();
    }
    let new: Vec<&str> = block.coming().map(|line| line.text.trim_end()).collect();
    let file: Vec<&str> = source.raws.iter().map(|line| line.trim_end()).collect();
    file.windows(new.len()).enumerate().filter(|(_, window)| *window == new.as_slice()).map(|(at, _)| at).collect()
}

/// Tells whether a diff was turned round: additions before removals, or counts of old and new lines the wrong way round.
fn is_reversed(block: &Block) -> bool {
    let (n_old, n_new) = block.sizes();
    let counts_swapped = n_old != n_new && block.counts == Some((n_new, n_old));
    let changes = block
        .lines
        .windows(2)
        .filter(|pair| pair[0].tag != Tag::Keep && pair[1].tag != Tag::Keep && pair[0].tag != pair[1].tag);
    let mut turns = changes.map(|pair| pair[0].tag == Tag::Add).peekable();
    let signs_swapped = turns.peek().is_some_and(|first_is_add| *first_is_add);
    block.is_diff && (counts_swapped || signs_swapped || block.reversed)
}

fn reversed() -> Refusal {
    Refusal::new(
        "reversed",
        "the diff is the wrong way round: what it adds is there and what it removes is not; swap its signs",
    )
}

fn truncated(what: &str) -> Refusal {
    Refusal::new("truncated", format!("{what}; send the edit again, whole"))
}

/// Refuses a block that cannot be meant as it is, before it is looked for.
pub(crate) fn judge(block: &Block, target: &Target<'_>) -> Result<(), Refusal> {
    let path = target.path;
    if !block.changes() {
        let sentence = format!("an edit of {path} changes nothing; mark what goes and what comes");
        return Err(Refusal::new("no-change", sentence));
    }
    let file: Vec<&str> = target.text.lines().collect();
    if let Some(line) = lazy_line(block, &file) {
        let sentence =
            format!("the added line `{}` stands for code that is left out of {path}; write that code", line.trim());
        return Err(Refusal::new("lazy-edit", sentence));
    }
    let is_cut = block.ending == Ending::Cut
        && block.lines.last().is_some_and(|line| {
            line.tag == Tag::Add || lines::is_blank(&line.text) && !line.text.trim_matches('\r').is_empty()
        });
    if is_cut || is_truncated(block, 0) && block.trailing_context() == 0 {
        return Err(truncated(&format!("an edit of {path} ends before the end its header announces")));
    }
    Ok(())
}

/// Refuses a place found for a block that the reply seems to break off in.
pub(crate) fn objection(block: &Block, place: &Placement, source: &Source<'_>) -> Option<Refusal> {
    let reaches_end = place.start + block.sizes().0 + place.n_skipped >= source.len();
    let breaks_off = !reaches_end && is_truncated(block, place.n_skipped);
    breaks_off.then(|| truncated("the edit ends before the end its header announces"))
}

/// Most lines of the file that a refusal shows.
const LINES_SHOWN_MAX: usize = 20;

/// Usual number of context lines at the end of a hunk.
const CONTEXT_LINES: usize = 3;

/// Judges by the header's counts whether the reply broke off in the block. Wrong counts alone are no sign: models
/// count badly; but then the usual context still closes the hunk. `n_skipped` lines are known to be left out inside.
fn is_truncated(block: &Block, n_skipped: usize) -> bool {
    let Some((old, new)) = block.counts.filter(|_| block.ending != Ending::Closed) else { return false };
    let (n_old, n_new) = block.sizes();
    let old_missing = old.saturating_sub(n_old + n_skipped);
    let new_missing = new.saturating_sub(n_new + n_skipped);
    let tail = block.trailing_context();
    if tail == 0 {
        return old_missing + new_missing > 0;
    }
    let least = old_missing.min(new_missing);
    least > 0 && (tail + least <= CONTEXT_LINES || old_missing.max(new_missing) > CONTEXT_LINES)
}

impl Found {
    /// Says why this find is none, if it is none.
    pub(crate) fn refusal(&self, block: &Block, source: &Source<'_>, path: &Utf8Path) -> Option<Refusal> {
        match self {
            Self::Placed(_) | Self::Already(_) => None,
            Self::Refused(refusal) => Some(Refusal::new(&refusal.rule, format!("{path}: {}", refusal.sentence))),
            Self::Several(places) => {
                let lines: Vec<_> = places.iter().take(8).map(|place| (place.start + 1).to_string()).collect();
                let sentence = format!(
                    "the edit fits {path} at {} places (lines {}); give more lines around the change",
                    places.len(),
                    lines.join(", ")
                );
                Some(Refusal::new("ambiguous", sentence))
            }
            Self::Nowhere if is_bare_insertion(block) => {
                let sentence =
                    format!("nothing tells where in {path} the added lines go; give the lines before or after them");
                Some(Refusal::new("no-context", sentence))
            }
            Self::Nowhere => Some(not_found(block, source, path)),
        }
    }
}

/// Names the first line that is missing, and shows what stands where most of the others are.
fn not_found(block: &Block, source: &Source<'_>, path: &Utf8Path) -> Refusal {
    let old: Vec<&str> = block.old().map(|line| line.text.trim()).collect();
    let file: Vec<&str> = source.raws.iter().map(|line| line.trim()).collect();
    let missing = old.iter().find(|line| !line.is_empty() && !file.contains(line)).or(old.first());
    let what = missing.map_or_else(String::new, |line| format!(" (`{line}`)"));
    let mut sentence = format!("the lines to change{what} are not in {path} as given; copy them exactly");
    if let Some(start) = nearest(&old, &file) {
        let end = (start + old.len()).min(source.len());
        let standing: String = source.lines[start..end].iter().take(LINES_SHOWN_MAX).copied().collect();
        sentence = format!("{sentence}. Lines {}–{end} are:\n{standing}", start + 1);
    }
    Refusal::new("not-found", sentence)
}

/// Returns where most lines agree, if at least one that says something does.
fn nearest(old: &[&str], file: &[&str]) -> Option<usize> {
    let score = |start: usize| {
        let pairs = old.iter().zip(&file[start..]);
        pairs.filter(|(old, line)| old == line && !lines::is_trivial(line)).count()
    };
    let best = (0..file.len()).max_by_key(|start| (score(*start), std::cmp::Reverse(*start)))?;
    (score(best) > 0).then_some(best)
}
