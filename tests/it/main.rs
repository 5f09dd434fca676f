//! The built binary, as a user runs it: real projects, real `cargo test`, real servers on loopback.
//!
//! Every test works in a temporary copy. Those that take long run only when `RUN_SLOW_TESTS` is set.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests run programs and write files themselves, and a panic is how they fail"
)]

mod bad_input;
mod confined;
mod custom_runner;
mod debuggers;
mod doors;
mod ecosystems;
mod endpoint;
mod main_job;
mod parse;
mod process;
mod project;
mod proof;
mod runners;
mod safety;
mod sandbox;

/// Returns from a slow test unless slow tests are asked for, saying so.
macro_rules! slow {
    () => {
        if std::env::var_os("RUN_SLOW_TESTS").is_none() {
            eprintln!("not run: set RUN_SLOW_TESTS=1");
            return;
        }
    };
}
pub(crate) use slow;
