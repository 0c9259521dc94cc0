//! The command line: arguments, then the command, then the exit code.

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;
use millrace::command::{Arguments, Failure};

/// Done.
const DONE: u8 = 0;
/// Failed while running.
const FAILED: u8 = 1;
/// Wrong usage or configuration, as the argument parser's own.
const WRONG: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let code = match millrace::command::run(arguments) {
        Ok(()) => DONE,
        Err(failure) => {
            // Nothing is left to do when standard error is closed.
            let _closed = writeln!(std::io::stderr(), "millrace: {failure:#}");
            if matches!(failure, Failure::Wrong(_)) { WRONG } else { FAILED }
        }
    };
    ExitCode::from(code)
}
