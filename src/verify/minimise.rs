//! Drops the hunks of a proven patch that its failing tests do not need, one at a time.

use crate::model::Patch;
use crate::patch;
use crate::verify::judge::heals;
use crate::verify::{Oracle, TestBed, Trouble};

/// Patches with more hunks than this are left as they are: each hunk costs a build and a run.
const HUNKS_MAX: usize = 24;

/// Returns the smallest patch found that still heals the failing tests: no single hunk of it can be dropped.
/// What it returns has to be judged anew when it differs from `patch`.
pub async fn minimise(bed: &mut TestBed, patch: &Patch, oracle: &Oracle) -> Result<Patch, Trouble> {
    let n_hunks = patch::hunks(patch).len();
    if !(2..=HUNKS_MAX).contains(&n_hunks) {
        return Ok(patch.clone());
    }
    let mut kept = vec![true; n_hunks];
    loop {
        let n_kept = kept.iter().filter(|is_kept| **is_kept).count();
        for hunk in 0..n_hunks {
            if kept[hunk] && n_kept > 1 {
                kept[hunk] = false;
                kept[hunk] = !heals(bed, &patch::keep(patch, &kept), oracle).await?;
            }
        }
        // A hunk may be needed only by another one that was dropped after it; look until nothing more can go.
        if kept.iter().filter(|is_kept| **is_kept).count() == n_kept {
            break;
        }
    }
    Ok(patch::keep(patch, &kept))
}
