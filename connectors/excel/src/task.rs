//! The connector class and its task: keep rows, and make the workbook of them when it is due.

use std::time::Duration;

use async_trait::async_trait;
use connect_api::{
    config::{self, Config as _, ConfigDef, ConfigValue, Props},
    error::{ErrorClass, Result},
    record::SinkRecord,
    sink::{SinkConnector, SinkContext, SinkOffsets, SinkTask},
};
use connect_disk::{check_directory, directory_of, on_disk};
use tokio::time::Instant;
use tracing::debug;

use crate::{config::ExcelConfig, render::render, row::Row, store::Store};

/// Class of the Excel sink, as users write it.
pub(crate) const CLASS: &str = "millrace.ExcelSinkConnector";

/// How many times longer than the last replacement of the workbook took the next one is put off.
const LEISURE: u32 = 10;

/// Topics as the sheets of one workbook.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExcelSink;

#[async_trait]
impl SinkConnector for ExcelSink {
    fn class(&self) -> &'static str {
        CLASS
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        ExcelConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        config::validate::<ExcelConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("file")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        check_directories(&ExcelConfig::parse(props)?)
    }

    /// One task: there is one workbook.
    fn task_configs(&self, props: &Props, _max_tasks: usize) -> Result<Vec<Props>> {
        ExcelConfig::parse(props)?;
        Ok(vec![props.clone()])
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let config = ExcelConfig::parse(props)?;
        check_directories(&config)?;
        let store = on_disk(|| Store::open(&config.store_file()))?;
        // Rows that a killed task has kept may not be in the workbook.
        Ok(Box::new(ExcelTask { config, context, store, is_stale: true, due_ms: i64::MIN }))
    }
}

fn check_directories(config: &ExcelConfig) -> Result<()> {
    let store = config.store_file();
    let (shown, kept) = (directory_of(&config.file), directory_of(&store));
    on_disk(|| {
        check_directory("file", shown)?;
        if shown == kept { Ok(()) } else { check_directory("store.file", kept) }
    })
}

struct ExcelTask {
    config: ExcelConfig,
    context: SinkContext,
    store: Store,
    /// Whether the store has rows that the workbook may lack.
    is_stale: bool,
    /// When the workbook may be replaced next.
    due_ms: i64,
}

impl ExcelTask {
    fn render(&mut self) -> Result<()> {
        if !self.is_stale {
            return Ok(());
        }
        let began = Instant::now();
        on_disk(|| render(&self.store, &self.config.file, self.config.sheet_max_rows))?;
        let took = began.elapsed();
        debug!(connector = %self.context.connector, took_ms = millis(took),
            "Replaced the workbook \"{}\"", self.config.file.display());
        self.is_stale = false;
        let pause = self.config.render_interval.max(took.saturating_mul(LEISURE));
        self.due_ms = self.context.clock.now_ms().saturating_add(millis(pause));
        Ok(())
    }

    fn render_when_due(&mut self) -> Result<()> {
        let wait_ms = self.due_ms.saturating_sub(self.context.clock.now_ms());
        if wait_ms <= 0 {
            return self.render();
        }
        if self.is_stale {
            self.context.set_timeout(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)));
        }
        Ok(())
    }

    /// Keeps rows; one for which there is no room in its sheet goes the way of bad records.
    async fn keep(&mut self, records: &[&SinkRecord], rows: &[Row]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        match on_disk(|| self.store.keep(rows)) {
            Ok(new) => self.is_stale |= new > 0,
            Err(error) if error.class() != ErrorClass::Record => return Err(error),
            // Which of them it is shows when each comes alone.
            Err(error) => match (records, rows) {
                ([record], [_]) => self.context.reject(record, error).await?,
                _ => {
                    for (record, row) in records.iter().zip(rows) {
                        let kept = on_disk(|| self.store.keep(std::slice::from_ref(row)));
                        match kept {
                            Ok(new) => self.is_stale |= new > 0,
                            Err(error) if error.class() == ErrorClass::Record => {
                                self.context.reject(record, error).await?;
                            }
                            Err(error) => return Err(error),
                        }
                    }
                }
            },
        }
        Ok(())
    }
}

#[async_trait]
impl SinkTask for ExcelTask {
    async fn put(&mut self, batch: &[SinkRecord]) -> Result<()> {
        let (mut records, mut rows) = (Vec::new(), Vec::new());
        for record in batch {
            match Row::of(record) {
                Ok(None) => {}
                Ok(Some(row)) => {
                    records.push(record);
                    rows.push(row);
                }
                Err(error) => {
                    // What came before it must not be lost when it fails the task.
                    self.keep(&records, &rows).await?;
                    records.clear();
                    rows.clear();
                    self.context.reject(record, error).await?;
                }
            }
        }
        self.keep(&records, &rows).await?;
        self.render_when_due()
    }

    /// Rows are in the store, on the disk, when `put` has taken them.
    async fn pre_commit(&mut self, consumed: &SinkOffsets) -> Result<SinkOffsets> {
        Ok(consumed.clone())
    }

    async fn finish_files(&mut self) -> Result<()> {
        self.render()
    }

    async fn stop(&mut self) -> Result<()> {
        self.render()
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
