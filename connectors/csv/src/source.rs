//! The connector class.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use connect_api::{
    config::{self, Config as _, ConfigDef, ConfigValue, Props},
    error::{ConnectorError, Result},
    record::{SourceOffset, SourcePartition},
    source::{ExactlyOnceSupport, SourceConnector, SourceContext, SourceTask},
};
use connect_disk::{check_directory, on_disk};

use crate::{
    config::{CsvConfig, Tolerance},
    offset::{Stored, name_of},
    progress::LiveFiles,
    reader::Header,
    spool::{Share, Spool},
    task::CsvTask,
    upload,
};

/// Class of the CSV source, as users write it.
pub(crate) const CLASS: &str =
    "com.github.jcustenborder.kafka.connect.spooldir.SpoolDirCsvSourceConnector";

/// Number of a task, in the configuration of each.
const TASK_INDEX: &str = "task.index";
/// How many tasks there are.
const TASK_COUNT: &str = "task.count";
/// Files that are looked at for the schema when the connector starts.
const SCHEMA_FILES: usize = 5;

/// Rows of CSV files that somebody puts into a directory, or uploads.
///
/// How far its tasks have come is in [`LiveFiles::of_process`].
#[derive(Clone, Copy, Debug, Default)]
pub struct CsvSource;

#[async_trait]
impl SourceConnector for CsvSource {
    fn class(&self) -> &'static str {
        CLASS
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        CsvConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        config::validate::<CsvConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("input.path")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        let config = CsvConfig::parse(props)?;
        on_disk(|| check_directories(&config))
    }

    /// Files are shared out by their names.
    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        CsvConfig::parse(props)?;
        let task = |index: usize| {
            let mut props = props.clone();
            props.insert(TASK_INDEX, index.to_string());
            props.insert(TASK_COUNT, max_tasks.to_string());
            props
        };
        Ok((0..max_tasks).map(task).collect())
    }

    async fn start_task(
        &self,
        props: &Props,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>> {
        let config = CsvConfig::parse(props)?;
        let tolerance = Tolerance::of(props)?;
        let number = |key: &str| props.get(key).and_then(|text| text.parse().ok());
        let share = Share {
            index: number(TASK_INDEX).unwrap_or(0),
            count: number(TASK_COUNT).unwrap_or(1),
        };
        let mut stored = HashMap::new();
        for (partition, offset) in context.offsets.committed().await? {
            // Others are left from a time when the connector was of another class.
            if let Ok(name) = name_of(&partition) {
                stored.insert(name.to_owned(), Stored::parse(&offset)?);
            }
        }
        let (connector, clock) = (Arc::clone(&context.connector), Arc::clone(&context.clock));
        let spool = Spool::new(&config.spool, connector, share, clock);
        on_disk(|| prepare(&config, &spool, context.clock.now_ms()))?;
        let files = LiveFiles::of_process().enter(Arc::clone(&context.connector), share.index);
        Ok(Box::new(CsvTask::new(config, (spool, tolerance), files, stored, &context)))
    }

    fn exactly_once_support(&self, _props: &Props) -> ExactlyOnceSupport {
        ExactlyOnceSupport::Supported
    }

    fn alter_offsets(
        &self,
        _props: &Props,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<bool> {
        for (partition, offset) in offsets {
            let Some(offset) = offset else { continue };
            name_of(partition)?;
            Stored::parse(offset)?;
        }
        Ok(true)
    }
}

/// Looks at the directories before the first file is read.
fn prepare(config: &CsvConfig, spool: &Spool, now_ms: i64) -> Result<()> {
    check_directories(config)?;
    upload::remove_leftovers(&config.spool.input_path, now_ms);
    if config.schemas.value_schema.0.is_none() {
        check_headers(config, spool)?;
    }
    Ok(())
}

fn check_directories(config: &CsvConfig) -> Result<()> {
    check_directory("input.path", &config.spool.input_path)?;
    check_directory("error.path", &config.spool.error_path)?;
    match config.spool.finished_path().filter(|_| config.spool.moves_finished()) {
        Some(finished) => check_directory("finished.path", finished),
        None => Ok(()),
    }
}

/// A schema that is made of files must be the same for those that are there.
fn check_headers(config: &CsvConfig, spool: &Spool) -> Result<()> {
    let mut known: Option<(String, Vec<String>)> = None;
    for found in spool.look()?.into_iter().take(SCHEMA_FILES) {
        // A file that cannot be read is told of when it is read.
        let Ok(header) = Header::read(config, &found.path) else { continue };
        // A file without a row says nothing of columns; it is finished when it is its turn.
        if header.names.is_empty() {
            continue;
        }
        match &known {
            Some((name, names)) if *names != header.names => {
                return Err(ConnectorError::invalid(format!(
                    "More than one schema was found for the input pattern: file \"{name}\" has the \
                     columns {names:?} and file \"{}\" has {:?}",
                    found.name, header.names
                )));
            }
            _ => known = Some((found.name, header.names)),
        }
    }
    Ok(())
}
