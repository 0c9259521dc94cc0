//! What a member of a group tells librdkafka.

use std::{ffi::CStr, ptr, time::Duration};

use rdkafka::{TopicPartitionList, bindings as rd};

use super::{Native, PartitionEntry, checked, entries, first_error, millis, taken};
use crate::broker::kafka::refusal::Refusal;

impl Native {
    /// Subscribes to the topics of the list; a name that begins with `^` is a regular expression.
    pub(in crate::broker::kafka) fn subscribe(
        &self,
        topics: &TopicPartitionList,
    ) -> Result<(), Refusal> {
        // SAFETY: 1 and 2; the list is copied.
        unsafe { checked(rd::rd_kafka_subscribe(self.ptr(), topics.ptr())) }
    }

    /// Replaces the partitions that are read; without any, gives all back.
    pub(in crate::broker::kafka) fn assign(
        &self,
        partitions: Option<&TopicPartitionList>,
    ) -> Result<(), Refusal> {
        let list = partitions.map_or(ptr::null_mut(), TopicPartitionList::ptr);
        // SAFETY: 1 and 2; the list is copied.
        unsafe { checked(rd::rd_kafka_assign(self.ptr(), list)) }
    }

    /// Adds partitions to those that are read.
    pub(in crate::broker::kafka) fn assign_more(
        &self,
        partitions: &TopicPartitionList,
    ) -> Result<(), Refusal> {
        // SAFETY: 1 and 2; the list is copied and the error is ours.
        unsafe { taken(rd::rd_kafka_incremental_assign(self.ptr(), partitions.ptr())) }
    }

    /// Takes partitions from those that are read.
    pub(in crate::broker::kafka) fn assign_less(
        &self,
        partitions: &TopicPartitionList,
    ) -> Result<(), Refusal> {
        // SAFETY: 1 and 2; the list is copied and the error is ours.
        unsafe { taken(rd::rd_kafka_incremental_unassign(self.ptr(), partitions.ptr())) }
    }

    /// Whether the group moves only those partitions that change hands.
    pub(in crate::broker::kafka) fn is_cooperative(&self) -> bool {
        // SAFETY: 1 and 2; the answer is static text or null.
        unsafe {
            let protocol = rd::rd_kafka_rebalance_protocol(self.ptr());
            !protocol.is_null() && CStr::from_ptr(protocol) == c"COOPERATIVE"
        }
    }

    /// Fetches no more of these partitions, and drops what was fetched ahead.
    pub(in crate::broker::kafka) fn pause(
        &self,
        partitions: &TopicPartitionList,
    ) -> Result<(), Refusal> {
        // SAFETY: 1 and 2; errors are written into the list.
        unsafe {
            checked(rd::rd_kafka_pause_partitions(self.ptr(), partitions.ptr()))?;
            first_error(&entries(partitions.ptr()))
        }
    }

    /// Fetches these partitions again, from the record after the last one handed out.
    pub(in crate::broker::kafka) fn resume(
        &self,
        partitions: &TopicPartitionList,
    ) -> Result<(), Refusal> {
        // SAFETY: 1 and 2; errors are written into the list.
        unsafe {
            checked(rd::rd_kafka_resume_partitions(self.ptr(), partitions.ptr()))?;
            first_error(&entries(partitions.ptr()))
        }
    }

    /// Reads these partitions from these offsets on.
    pub(in crate::broker::kafka) fn seek(
        &self,
        offsets: &TopicPartitionList,
        wait: Duration,
    ) -> Result<(), Refusal> {
        // SAFETY: 1 and 2; the error is ours, others are written into the list.
        unsafe {
            taken(rd::rd_kafka_seek_partitions(self.ptr(), offsets.ptr(), millis(wait)))?;
            first_error(&entries(offsets.ptr()))
        }
    }

    /// Commits these offsets and waits for the answer.
    pub(in crate::broker::kafka) fn commit(
        &self,
        offsets: &TopicPartitionList,
    ) -> Result<(), Refusal> {
        // SAFETY: 1 and 2; the list is copied.
        unsafe { checked(rd::rd_kafka_commit(self.ptr(), offsets.ptr(), 0)) }
    }

    /// Offsets that the group has committed for these partitions; negative where there is none.
    pub(in crate::broker::kafka) fn committed(
        &self,
        partitions: &TopicPartitionList,
        wait: Duration,
    ) -> Result<Vec<PartitionEntry>, Refusal> {
        // SAFETY: 1 and 2; the answer is written into the list.
        unsafe {
            checked(rd::rd_kafka_committed(self.ptr(), partitions.ptr(), millis(wait)))?;
            let found = entries(partitions.ptr());
            first_error(&found).map(|()| found)
        }
    }

    /// Offset after the last record that was handed out, per partition; negative before the first.
    pub(in crate::broker::kafka) fn positions(
        &self,
        partitions: &TopicPartitionList,
    ) -> Result<Vec<PartitionEntry>, Refusal> {
        // SAFETY: 1 and 2; the answer is written into the list.
        unsafe {
            checked(rd::rd_kafka_position(self.ptr(), partitions.ptr()))?;
            Ok(entries(partitions.ptr()))
        }
    }

    /// Whether leaving the group has come to its end.
    pub(in crate::broker::kafka) fn has_left(&self) -> bool {
        // SAFETY: 1 and 2.
        unsafe { rd::rd_kafka_consumer_closed(self.ptr()) != 0 }
    }
}
