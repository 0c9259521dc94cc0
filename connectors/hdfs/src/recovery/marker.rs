//! The position of a partition as the name of an empty file: `position+<offset>` in its folder of logs.
//!
//! Names of committed files say the position too. This one holds when somebody moves these away, and where
//! a transformation gives records another topic, so that files are not where the partition's are looked
//! for. It moves after the files, so that it is never ahead of them.

use bytes::Bytes;
use connect_api::{error::Result, record::TopicPartition};

use crate::{
    client::{Failure, Hdfs},
    naming::Naming,
};

/// What its name begins with.
const PREFIX: &str = "position+";

/// The position of a partition.
#[derive(Debug)]
pub(crate) struct Marker {
    folder: String,
    position: Option<i64>,
}

impl Marker {
    /// Reads where it is, and deletes what others have left behind.
    ///
    /// # Errors
    /// By the server's answer.
    pub(super) async fn read(
        hdfs: &Hdfs,
        naming: &Naming,
        origin: &TopicPartition,
    ) -> Result<Self> {
        let folder = naming.logs(origin)?;
        let entries = hdfs.list(&folder).await?.unwrap_or_default();
        let named = entries.iter().filter_map(|entry| {
            Some((entry.name.strip_prefix(PREFIX)?.parse::<i64>().ok()?, &entry.name))
        });
        let named: Vec<_> = named.collect();
        let position = named.iter().map(|(position, _)| *position).max();
        for (_, name) in named.iter().filter(|(one, _)| Some(*one) != position) {
            hdfs.delete(&format!("{folder}/{name}")).await?;
        }
        Ok(Self { folder, position })
    }

    pub(crate) const fn position(&self) -> Option<i64> {
        self.position
    }

    pub(super) const fn is_there(&self) -> bool {
        self.position.is_some()
    }

    /// Moves it forward.
    ///
    /// # Errors
    /// By the server's answer.
    pub(crate) async fn advance(&mut self, hdfs: &Hdfs, position: i64) -> Result<()> {
        if self.position >= Some(position) {
            return Ok(());
        }
        let to = self.place(position);
        let is_moved = match self.position {
            Some(from) => hdfs.rename(&self.place(from), &to).await?,
            None => false,
        };
        if !is_moved {
            let made = hdfs.create(&to, &Bytes::new()).await;
            if made.as_ref().is_err_and(Failure::is_missing) {
                hdfs.make_folder(&self.folder).await?;
                hdfs.create(&to, &Bytes::new()).await?;
            } else {
                made?;
            }
        }
        self.position = Some(position);
        Ok(())
    }

    fn place(&self, position: i64) -> String {
        format!("{}/{PREFIX}{position}", self.folder)
    }
}
