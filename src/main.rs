//! Starts the program: everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A sandbox's helper confines itself before anything else is started.
    heal_tests::process::sandbox::enter(std::env::args_os()).unwrap_or_else(heal_tests::cli::main)
}
