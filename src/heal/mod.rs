//! The loop: `policy` decides (pure), `drive` does. It prints nothing; whoever opened the door hears events.

mod assemble;
mod baseline;
mod coincidence;
mod drive;
mod hub;
mod learn;
mod observe;
mod policy;
mod search;
mod session;

pub use drive::heal;
pub use session::{Door, HealError, Session};
