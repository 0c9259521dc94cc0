//! `millrace plugins` and `millrace validate`: help without a worker.

use std::{
    io::{self, Write as _},
    path::Path,
};

use super::{Failure, Result};
use crate::{
    config::{Environment, References, read_connector_file},
    herder::{self, OfflineReport},
    plugins,
};

/// Prints type, class and version of everything that is linked in.
pub(super) fn list_plugins() -> Result<()> {
    let mut text = String::new();
    for plugin in plugins::classes().list() {
        text.push_str(&format!("{:<16} {} {}\n", plugin.kind, plugin.class, plugin.version));
    }
    say(&text)
}

/// Checks a connector file and prints every problem.
pub(super) fn validate(file: &Path) -> Result<()> {
    let connector = read_connector_file(file).map_err(Failure::wrong)?;
    let config = References::usual(Environment::default()).resolve(&connector.config);
    let config = config.map_err(Failure::wrong)?;
    let report = herder::validate_offline(&plugins::classes(), &config);
    let OfflineReport { problems, warnings } = report.map_err(Failure::wrong)?;
    say(&warnings.iter().map(|warning| format!("Warning: {warning}\n")).collect::<String>())?;
    if problems.is_empty() {
        return say(&format!("Connector \"{}\" is configured correctly\n", connector.name));
    }
    say(&problems.iter().map(|problem| format!("{problem}\n")).collect::<String>())?;
    Err(Failure::Wrong(anyhow::anyhow!("\"{}\" has {} problem(s)", file.display(), problems.len())))
}

/// Writes to standard output.
pub(super) fn say(text: &str) -> Result<()> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::run)
}
