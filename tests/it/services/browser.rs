//! A browser without a window, steered by a script.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::SCRIPTS;

/// Where screenshots are kept, which tests leave behind.
pub(crate) fn screenshots() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
    fs::create_dir_all(&folder).unwrap();
    folder
}

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
