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
    bound_allocator();
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

/// Has the allocator share two arenas among all threads, before there are any, and keep large buffers
/// out of them.
///
/// A batch is allocated on one thread and let go on another. With an arena for each of them, as
/// glibc would have it, every arena comes to hold as much as the largest batches took. A file that
/// grows by megabytes would leave gaps of its former sizes behind, and be copied from one to the next:
/// mapped by itself it grows in place, and is gone when it is let go.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "glibc has no other way to be told by the program itself")]
fn bound_allocator() {
    const ARENAS: libc::c_int = 2;
    // More than a fetch brings, whose buffers come and go all the time.
    const LARGE_BYTES: libc::c_int = 4 << 20;
    // SAFETY: it changes numbers that later allocations read; no other thread runs yet. When it is
    // refused, more memory is used.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn bound_allocator() {}
