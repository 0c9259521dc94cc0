//! Log files: followed as they grow, under whatever names they go.
//!
//! [`LogFileSource`] reads the files that a list of paths with wildcards and dates names, from
//! their first line to their last, and goes on in the next day's file. The worker calls it as any
//! source.
//!
//! It promises that every whole line is delivered once, in the order of its file, whatever happens
//! to names: a file is known by its place on the disk **and** by the bytes that were already read
//! from it. It does not promise lines that were destroyed before it could read them.
//!
//! One look ([`walk`]) lists the files; the [`registry`] finds out which is which; a [`tail`] is
//! one file, its [`identity`], its [`content`] and its [`lines`]; the [`record`] maker makes
//! records of them; the [`task`] reads in turns and waits with [`wake`].
//!
//! Reading is ours and in large blocks, because positions are bytes and lines are slices of the
//! block; a library that hands out one string per line was rejected for that.

mod batch;
mod config;
mod content;
mod fields;
mod identity;
mod json;
mod lines;
mod notices;
mod offset;
mod path_pattern;
mod period;
mod record;
mod registry;
mod tail;
mod task;
#[cfg(test)]
mod tests;
mod timestamp;
mod wake;
mod walk;

use std::{fs, sync::Arc};

use async_trait::async_trait;
use connect_api::{
    config::{Config as _, ConfigDef, ConfigValue, Props, validate},
    error::Result,
    record::{SourceOffset, SourcePartition},
    source::{ExactlyOnceSupport, SourceConnector, SourceContext, SourceTask},
};
use connect_disk::{failure, on_disk};

use self::{
    config::{LogFileConfig, Tolerance},
    offset::{Stored, id_of},
    path_pattern::PathPattern,
    task::LogFileTask,
};

/// `millrace.LogFileSourceConnector`: lines of log files.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogFileSource;

#[async_trait]
impl SourceConnector for LogFileSource {
    fn class(&self) -> &'static str {
        "millrace.LogFileSourceConnector"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        LogFileConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        validate::<LogFileConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("path")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        let config = LogFileConfig::parse(props)?;
        for root in config.path.iter().map(PathPattern::root) {
            on_disk(|| fs::read_dir(&root)).map_err(|error| failure("look into", &root, error))?;
        }
        Ok(())
    }

    /// One task: a file may move from any of the paths to any other, and only who follows all of
    /// them sees that it is the same.
    fn task_configs(&self, props: &Props, _max_tasks: usize) -> Result<Vec<Props>> {
        LogFileConfig::parse(props)?;
        Ok(vec![props.clone()])
    }

    async fn start_task(
        &self,
        props: &Props,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>> {
        let config = LogFileConfig::parse(props)?;
        let tolerance = Tolerance::of(props)?;
        let mut stored = Vec::new();
        for (partition, offset) in context.offsets.committed().await? {
            // Others are left from a time when the connector was of another class.
            if let Ok(id) = id_of(&partition) {
                stored.push((Arc::from(id), Stored::parse(&offset)?));
            }
        }
        Ok(Box::new(LogFileTask::new(&config, tolerance, stored, &context)))
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
            id_of(partition)?;
            Stored::parse(offset)?;
        }
        Ok(true)
    }
}
