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
    bound_arenas();
    connect_tls::choose_provider();
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

/// Has the allocator share two arenas among all threads, before there are any.
///
/// A batch is allocated on one thread and let go on another. With an arena for each of them, as
/// glibc would have it, every arena comes to hold as much as the largest batches took.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc has no other way to be told by the program itself")]
fn bound_arenas() {
    const ARENAS: libc::c_int = 2;
    // SAFETY: it changes a number that later allocations read; no other thread runs yet. When it
    // is refused, more memory is used.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn bound_arenas() {}
