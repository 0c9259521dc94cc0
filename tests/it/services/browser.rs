//! A browser without a window, steered by a script.

use std::{
    path::Path,
    process::{Command, Output},
};

use super::SCRIPTS;

/// Chromium and playwright-core, installed.
#[derive(Debug)]
pub(crate) struct Browser;

impl Browser {
    /// Runs a script of Node's that may require `playwright-core`, to its end. `CHROMIUM` in its
    /// environment is the path of the browser.
    pub(crate) fn run(&self, script: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new(format!("{SCRIPTS}/run-browser.sh"));
        command.arg(script).args(arguments).output().unwrap()
    }
}
