//! Candidate → verdict and certificate: apply in a scratch copy, re-run the failing tests, then what could break.
//!
//! It never touches the user's tree, and it never believes an exit code alone: a test counts as passed only when a
//! report of this very run says so.

mod confine;
mod judge;
mod minimise;
mod run;
mod testbed;

pub use confine::{NoSandbox, may_run_models_patches, sandbox};
pub use judge::{Judgement, Oracle, admit, judge};
pub use minimise::minimise;
pub use run::{Run, Selection};
pub use testbed::{Build, Limits, TestBed, Trouble, site};
