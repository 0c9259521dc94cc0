//! One server process that ends with the test process.
//!
//! Statics are not dropped at the end of a Rust process and a killed one runs no code at all, so
//! a server is the child of a small shell script (`tests/services/supervise.sh`) that reads from a
//! pipe whose other end is ours. When the pipe closes, for whatever reason, the script ends the
//! server by its process id and removes its directory. It is also the script that sends signals:
//! it has not yet waited for its child, so the id cannot have been given to another process.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::SCRIPTS;

/// Lines of a server's log that go into a failure.
const LOG_LINES: usize = 30;

/// Pause between two looks at whether a server has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks before a server that was told to end is killed: 30 seconds.
const LOOKS: u32 = 1_500;

/// A signal to a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    /// Ends it in its own time.
    Term,
    /// Ends it at once, as a crash would.
    Kill,
}

/// A server under supervision, which ends when this is dropped or the test process ends.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
    dir: PathBuf,
    pid: u32,
    supervisor: Child,
    /// Words to the supervisor. Taken only to be closed.
    words: Option<ChildStdin>,
    /// Process ids from the supervisor, a line for each start.
    pids: BufReader<ChildStdout>,
}

impl Server {
    /// Returns a new directory for a server, which the supervisor removes with it.
    ///
    /// Under the system's temporary directory, because PostgreSQL's user must reach it.
    pub(crate) fn new_dir(service: &str) -> PathBuf {
        let prefix = format!("millrace-{service}-");
        tempfile::Builder::new().prefix(&prefix).tempdir().unwrap().keep()
    }

    /// Starts `run-<service>.sh` with the directory and the further arguments.
    pub(crate) fn start(service: &str, dir: &Path, arguments: &[&str]) -> Self {
        let mut supervisor = Command::new(format!("{SCRIPTS}/supervise.sh"))
            .arg(dir)
            .arg(format!("{SCRIPTS}/run-{service}.sh"))
            .arg(dir)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Whoever reads our standard error must not wait for the servers to end.
            .stderr(Stdio::null())
            // A ctrl-C is for the test process; the closing pipe ends the servers in good order.
            .process_group(0)
            .spawn()
            .unwrap();
        let words = supervisor.stdin.take();
        let pids = BufReader::new(supervisor.stdout.take().unwrap());
        let name = service.to_owned();
        let mut server = Self { name, dir: dir.to_owned(), pid: 0, supervisor, words, pids };
        server.pid = server.read_pid();
        server
    }

    /// Returns the server's own process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the directory with the server's data and its `log`.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Says whether the server still runs.
    pub(crate) fn is_running(&self) -> bool {
        !self.dir.join("exited").exists()
    }

    /// Sends a signal and waits until the server has ended, killing it if it takes too long; by which of both.
    pub(crate) fn stop(&mut self, signal: Signal) -> Signal {
        self.say(match signal {
            Signal::Term => "TERM",
            Signal::Kill => "KILL",
        });
        for _ in 0..LOOKS {
            if !self.is_running() {
                return signal;
            }
            thread::sleep(PAUSE);
        }
        let reached = matches!(signal, Signal::Term);
        assert!(reached, "{self} cannot be killed");
        self.stop(Signal::Kill)
    }

    /// Starts the server again in its directory, once it has ended.
    pub(crate) fn start_again(&mut self) {
        assert!(!self.is_running(), "{self} still runs");
        self.say("START");
        self.pid = self.read_pid();
    }

    /// Returns the last lines of what the server printed.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    fn say(&mut self, word: &str) {
        writeln!(self.words.as_mut().unwrap(), "{word}").unwrap();
    }

    fn read_pid(&mut self) -> u32 {
        let mut line = String::new();
        self.pids.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }
}

impl Display for Server {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_running() {
            self.stop(Signal::Kill);
        }
        drop(self.words.take());
        // Its directory is gone when it has ended. There is nothing to do about a failure here.
        self.supervisor.wait().ok();
    }
}
