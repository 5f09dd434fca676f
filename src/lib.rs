//! `heal-tests`: from a red test run to a reviewed, proven patch.
//!
//! The modules are listed bottom-up; each blank-line-separated group is a floor. A module uses only lower floors:
//! not its own, not those above (`tests/tidy.rs` holds this). The way of one failure, stage by stage:
//!
//! test output → [`ingest`] → [`triage`] (clusters) → [`context`] (evidence) → [`debugger`] (candidates) →
//! [`verify`] (verdict and certificate, in a [`workspace`] scratch copy, by a [`runner`]'s plan) → review in [`cli`] →
//! [`workspace`] applies → [`knowledge`] remembers. [`heal`] is the loop that drives it; [`report`] tells of it.
//!
//! What holds everywhere, as absences: [`model`] and [`text`] do no I/O, read no clock, know no async. Only [`process`]
//! spawns. Only [`config`] reads the environment. Only `debugger::remote` opens a socket, and it takes only redacted
//! text. Only [`workspace`] writes into a tree under repair. Only [`knowledge`] opens the database. Only [`cli`] and
//! [`report`] write to the terminal. A verdict is never upgraded.

pub mod model;

pub mod text;

pub mod config;
pub mod patch;
pub mod process;
pub mod syntax;

pub mod debugger;
pub mod ingest;
pub mod knowledge;
pub mod report;
pub mod runner;
pub mod triage;
pub mod workspace;

pub mod context;
pub mod verify;

pub mod heal;

pub mod hook;

pub mod cli;
