//! What tasks that were killed left behind: uploads in parts, which cost money and show nowhere.
//!
//! A task aborts those of the partitions it gets, and of no others: whoever began them has lost the
//! partition since. They have to be old all the same, because a task that does not know it yet may
//! be right at it.

use std::collections::{BTreeMap, BTreeSet};

use connect_api::record::TopicPartition;

use super::{S3SinkTask, Shared};

impl S3SinkTask {
    /// Looks once for what was left behind of each partition; that it fails is told, and no more.
    pub(super) async fn clean(&mut self, partitions: &[TopicPartition]) {
        let age_ms = self.shared.config.bucket.upload_age_ms;
        if age_ms <= 0 {
            return;
        }
        let mut topics: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
        for partition in partitions {
            topics.entry(&partition.topic).or_default().insert(partition.partition);
        }
        let before_ms = self.shared.context.clock.now_ms().saturating_sub(age_ms);
        for (topic, partitions) in topics {
            if self.cannot_clean {
                return;
            }
            self.cannot_clean = !clean_topic(&self.shared, topic, &partitions, before_ms).await;
        }
    }
}

/// `false` when there is no use in trying it again.
async fn clean_topic(
    shared: &Shared,
    topic: &str,
    partitions: &BTreeSet<i32>,
    before_ms: i64,
) -> bool {
    let prefix = shared.naming.folder(topic);
    let is_ours = |key: &str| {
        let found = shared.shapes.iter().find_map(|shape| {
            shared.naming.partition_of(topic, key.strip_suffix(shape.suffix.as_str())?)
        });
        found.is_some_and(|partition| partitions.contains(&partition))
    };
    match shared.store.abort_older(&prefix, before_ms, is_ours).await {
        Ok(Some(0)) => true,
        Ok(Some(count)) => {
            tracing::info!(
                "Aborted {count} uploads below \"{prefix}\" that earlier tasks did not end"
            );
            true
        }
        Ok(None) => {
            tracing::debug!("The server does not list uploads: none are cleaned up");
            false
        }
        Err(error) => {
            tracing::warn!(
                "Could not look for uploads that earlier tasks did not end, and goes on: {}. Allow \
                 s3:ListBucketMultipartUploads, set s3.upload.abort.age.ms=-1, or leave it to a life \
                 cycle rule of the bucket",
                connect_api::error::chain(&error)
            );
            false
        }
    }
}
