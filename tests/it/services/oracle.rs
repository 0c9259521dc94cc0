//! Kafka Connect's own transformations and converters: the oracle that ours are compared with.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use super::{CANNOT_BE_HAD, Missing, SCRIPTS};

/// A program that applies them to the cases it is given, and ends.
#[derive(Debug)]
pub(crate) struct Oracle;

impl Oracle {
    /// Returns one line of answer for each line of case; `Oracle.java` tells what they are.
    #[expect(clippy::disallowed_methods, reason = "joined before this returns")]
    pub(crate) fn answers(&self, cases: String) -> Result<Vec<String>, Missing> {
        let mut oracle = Command::new(format!("{SCRIPTS}/run-oracle.sh"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = oracle.stdin.take().unwrap();
        // A program that ended early says so by its exit code.
        let writer = thread::spawn(move || drop(input.write_all(cases.as_bytes())));
        let output = oracle.wait_with_output().unwrap();
        writer.join().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.code() == Some(CANNOT_BE_HAD) {
            return Err(Missing { reason: said });
        }
        assert!(output.status.success(), "{said}");
        Ok(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
    }
}
