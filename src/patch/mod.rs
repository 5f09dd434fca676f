//! Replies ⇄ patches ⇄ text in memory: read the reply, locate its edits, guard, render. Touches no file.
//!
//! [`resolve`] is the way in: `reply` finds out what is asked for, `tree` which file is meant, `locate` where in it; the
//! result is a [`Patch`](crate::model::Patch) of whole texts, and from there on nothing is ever searched for again.
//! [`guard`](guard()) says whether it may be tried, [`hunks`] and [`keep`] take it apart, [`unified`] and [`mail`] word it.

#[cfg(test)]
mod attacks;
mod blob;
#[cfg(test)]
#[expect(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "all kinds of defects have one signature")]
mod defects;
mod difference;
mod edit;
#[cfg(test)]
mod fixtures;
mod guard;
mod hidden;
mod hunk;
mod lines;
mod locate;
mod path;
mod quote;
mod render;
mod reply;
mod resolve;
mod tree;
mod whole;

pub use guard::{Policy, Protection, Region, guard};
pub use hunk::{Hunk, hunks, keep};
pub use render::{mail, unified};
pub use resolve::{Match, Resolved, resolve};
pub use tree::{ReadFile, Shown};
