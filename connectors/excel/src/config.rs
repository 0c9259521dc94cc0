//! The options of the Excel sink.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use connect_api::config::{Config, Problems};
use connect_disk::directory_of;

/// Options of the Excel sink.
#[derive(Config, Debug)]
#[config(check)]
pub(crate) struct ExcelConfig {
    /// The workbook. Its directory must exist; a workbook that is there already is replaced.
    #[config(importance = High, check = is_workbook)]
    pub(crate) file: PathBuf,
    /// The store of the rows that the workbook is made of; `FILE.rows.db` when absent. Whoever
    /// deletes it begins anew.
    #[config(importance = Low)]
    store_file: Option<PathBuf>,
    /// Shortest time between two replacements of the workbook while records come. One that takes
    /// long is replaced less often, so that this takes a tenth of the time at most.
    #[config(key = "render.interval.ms", default = 5000)]
    pub(crate) render_interval: Duration,
    /// Most rows of a sheet, the header included; more go to a next one.
    #[config(key = "sheet.max.rows", default = 1_048_576, importance = Low,
        check = between(2, 1_048_576))]
    pub(crate) sheet_max_rows: u32,
}

impl ExcelConfig {
    /// A workbook over the store would take the rows with it.
    fn check(&self, problems: &mut Problems) {
        let is_set = !self.file.as_os_str().is_empty();
        if is_set && real_path(&self.store_file()) == real_path(&self.file) {
            problems.add_text(
                "store.file",
                "'store.file' is the workbook of 'file', which would replace the rows. Name \
                 another file.",
            );
        }
    }

    /// Where the rows are kept.
    pub(crate) fn store_file(&self) -> PathBuf {
        let own = self.store_file.as_ref().filter(|path| !path.as_os_str().is_empty());
        own.cloned().unwrap_or_else(|| {
            let mut name = self.file.as_os_str().to_owned();
            name.push(".rows.db");
            name.into()
        })
    }
}

/// A path without links and dots, as far as its directory exists.
fn real_path(path: &Path) -> PathBuf {
    let (directory, name) = (directory_of(path), path.file_name().unwrap_or_default());
    fs::canonicalize(path).unwrap_or_else(|_absent| {
        fs::canonicalize(directory).unwrap_or_else(|_absent| directory.to_owned()).join(name)
    })
}

fn is_workbook(text: &str) -> Result<(), String> {
    let path = Path::new(text);
    let is_workbook =
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xlsx"));
    if is_workbook {
        Ok(())
    } else {
        Err("Must be the path of a file that ends in .xlsx".to_owned())
    }
}
