//! The HDFS sinks: records become files of HDFS, over WebHDFS, each record exactly once.
//!
//! [`HdfsSink`] answers to `io.confluent.connect.hdfs.HdfsSinkConnector` and to
//! `io.confluent.connect.hdfs3.Hdfs3SinkConnector`, and takes their configurations unchanged. Called by
//! the worker only; everything else here is private to the crate.
//!
//! # Delivery
//!
//! **The rename is the commit.** Records are written to a temporary file, which is renamed to
//! `<topic>+<partition>+<first>+<last>` once it is whole: readers see whole files only. Which file comes
//! next, and which offset after it, is said before, so that whoever goes on sees by the temporary file's
//! absence that it was renamed. Offsets are committed to Kafka too, and a new task goes on where files end,
//! whatever they say.
//!
//! **Who may rename** is decided by the name node. A task that gets a partition makes a folder of its own
//! below `+tmp`, its *session*, and keeps its temporary files in there. Before it looks where files end it
//! renames the sessions of others, which is one step: from then on no rename of an earlier owner finds its
//! source, and no new file of it finds its folder, because files are created without making folders. So
//! whatever an earlier owner commits it commits before that, and nothing is committed twice, however
//! long that owner slept. Two that take each other's session both notice at
//! their next request, begin anew, and the worker ends one of them. No lease is held and no clock is asked.
//!
//! **Several files of one group** (a folder per hour, or per value of a field) cannot be renamed in one step.
//! Their owner writes a *manifest* into its session before the first of them is renamed: the names in the
//! session, the names they get, and the next offset. It appears by a rename, so that it is whole or not
//! there. Who takes a session over completes its manifest before it reads names. A group is committed when
//! its manifest is there; before that none of its files is.
//!
//! **The marker** is an empty file `position+<next>` in `<logs.dir>/<topic>/<partition>`, made by the first
//! claim and renamed after each group; whoever takes a session over moves it as far as that says. It is the
//! position. Names of files say one too, but not whose: a transformation can give a topic the name of
//! another one, also of one that is read. They count where there is no marker yet, as of a JVM's connector; and
//! the first file that gets the name of another topic is preceded by a marker of that topic.
//!
//! Any failure that may pass ends in the same place: what is open is thrown away, and after a pause the
//! partition is claimed again as if the task had just begun. So there is one path of recovery, and it is
//! walked at every start.
//!
//! **Files that grow** (`hdfs.append`) are committed by their length in place of their name. Bytes are appended
//! first; then a *ledger* appears in the session, by a rename as the manifest does, and says for all growing
//! files of this owner how long they are and which offset comes next. A group is committed when its ledger
//! is there. A growing file has a name that no other owner ever uses; who takes the session over renames it,
//! so that no append begins any more, has it shortened to the length of the ledger, which the name node
//! refuses while an append is on its way, and then gives it its final name. Here a lease may have to be
//! waited for, until a time after which the file is copied. See `recovery/ledger.rs`, `recovery/settle.rs`
//! and `task/append.rs`.
//!
//! A log such as the original's was rejected: it is a file that is appended to under a lease, both of
//! which WebHDFS does not give, and it can rot. One that the original has left is read once.
//!
//! Not covered: somebody else who renames or deletes files below `+tmp`, or writes to growing files whose task
//! is gone; two connectors with one topic and one `topics.dir`, which keep taking the partitions from each
//! other, without doubling a record, until one of them is stopped; a JVM's connector that is still running
//! on the same folders.

mod check;
mod client;
pub mod config;
mod explain;
mod figures;
mod file;
mod growing;
mod naming;
mod preview;
mod recovery;
mod task;

use async_trait::async_trait;
use connect_api::{
    config::{Config, ConfigDef, ConfigValue, Props},
    error::Result,
    insight::{Explanation, Load},
    record::{SinkRecord, TopicPartition},
    sink::{Previews, SinkConnector, SinkContext, SinkTask},
};

use self::{
    config::{HdfsSinkConfig, moves_topics, without_meaning},
    preview::Previewer,
    task::HdfsSinkTask,
};

/// The HDFS sink connector, under either of its classes.
#[derive(Clone, Copy, Debug)]
pub struct HdfsSink {
    class: &'static str,
}

impl HdfsSink {
    /// The class for Hadoop 2.
    pub const HDFS2: Self = Self { class: "io.confluent.connect.hdfs.HdfsSinkConnector" };
    /// The class for Hadoop 3.
    pub const HDFS3: Self = Self { class: "io.confluent.connect.hdfs3.Hdfs3SinkConnector" };
}

#[async_trait]
impl SinkConnector for HdfsSink {
    fn class(&self) -> &'static str {
        self.class
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        HdfsSinkConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        connect_api::config::validate::<HdfsSinkConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("store.url")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        Box::pin(check::check(HdfsSinkConfig::parse(props)?)).await
    }

    /// Tasks go on from the markers of their partitions.
    async fn alter_offsets(
        &self,
        _props: &Props,
        _offsets: Option<&[(TopicPartition, Option<i64>)]>,
    ) -> Result<bool> {
        Ok(false)
    }

    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        HdfsSinkConfig::parse(props)?;
        Ok(vec![props.clone(); max_tasks])
    }

    async fn start_task(&self, props: &Props, context: SinkContext) -> Result<Box<dyn SinkTask>> {
        let config = HdfsSinkConfig::parse(props)?;
        let odd = without_meaning(props);
        if context.task == 0 && !odd.is_empty() {
            tracing::warn!(
                connector = %context.connector,
                "{} has keys that mean nothing to this sink: {}",
                context.connector,
                odd.join(", ")
            );
        }
        let task = HdfsSinkTask::start(config, context, moves_topics(props));
        Ok(Box::new(Box::pin(task).await?))
    }

    fn preview(
        &self,
        props: &Props,
        records: &[SinkRecord],
        now_ms: i64,
    ) -> Result<Option<Previews>> {
        let mut previewer = Previewer::new(HdfsSinkConfig::parse(props)?)?;
        Ok(Some(records.iter().map(|record| previewer.preview(record, now_ms)).collect()))
    }

    fn explain(&self, props: &Props, _load: &Load, now_ms: i64) -> Result<Explanation> {
        explain::explain(HdfsSinkConfig::parse(props)?, props, now_ms)
    }
}
