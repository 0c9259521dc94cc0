//! Questions about a group that are put once and answered once.

use std::{ptr, time::Duration};

use rdkafka::{
    TopicPartitionList, bindings as rd,
    types::{RDKafkaAdminOp as Operation, RDKafkaErrorCode as Code},
};

use super::{Native, PartitionEntry, admin::owned, c_text, elements, entries, refusal};
use crate::broker::kafka::refusal::Refusal;

impl Native {
    /// Offsets that a group has committed, for all partitions it has any of.
    pub(in crate::broker::kafka) fn group_offsets(
        &self,
        group: &str,
        wait: Duration,
    ) -> Result<Vec<PartitionEntry>, Refusal> {
        let group = c_text(group)?;
        // SAFETY: the name is copied; the request lives until the answer is there.
        unsafe {
            let request = rd::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), ptr::null());
            let request = owned(request, rd::rd_kafka_ListConsumerGroupOffsets_destroy)?;
            let mut all = [request.ptr];
            self.ask(
                Operation::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
                wait,
                |(client, options, queue)| {
                    rd::rd_kafka_ListConsumerGroupOffsets(
                        client,
                        all.as_mut_ptr(),
                        1,
                        options,
                        queue,
                    );
                },
                |event| {
                    let result = rd::rd_kafka_event_ListConsumerGroupOffsets_result(event);
                    group_outcome(|count| {
                        rd::rd_kafka_ListConsumerGroupOffsets_result_groups(result, count)
                    })
                },
            )
        }
    }

    /// Sets committed offsets of a group without members; refusals stand beside each partition.
    pub(in crate::broker::kafka) fn set_group_offsets(
        &self,
        group: &str,
        offsets: &TopicPartitionList,
        wait: Duration,
    ) -> Result<Vec<PartitionEntry>, Refusal> {
        let group = c_text(group)?;
        // SAFETY: name and list are copied; the request lives until the answer is there.
        unsafe {
            let request = rd::rd_kafka_AlterConsumerGroupOffsets_new(group.as_ptr(), offsets.ptr());
            let request = owned(request, rd::rd_kafka_AlterConsumerGroupOffsets_destroy)?;
            let mut all = [request.ptr];
            self.ask(
                Operation::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS,
                wait,
                |(client, options, queue)| {
                    rd::rd_kafka_AlterConsumerGroupOffsets(
                        client,
                        all.as_mut_ptr(),
                        1,
                        options,
                        queue,
                    );
                },
                |event| {
                    let result = rd::rd_kafka_event_AlterConsumerGroupOffsets_result(event);
                    group_outcome(|count| {
                        rd::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, count)
                    })
                },
            )
        }
    }

    /// Forgets committed offsets of a group; refusals stand beside each partition.
    pub(in crate::broker::kafka) fn forget_group_offsets(
        &self,
        group: &str,
        partitions: &TopicPartitionList,
        wait: Duration,
    ) -> Result<Vec<PartitionEntry>, Refusal> {
        let group = c_text(group)?;
        // SAFETY: name and list are copied; the request lives until the answer is there.
        unsafe {
            let request =
                rd::rd_kafka_DeleteConsumerGroupOffsets_new(group.as_ptr(), partitions.ptr());
            let request = owned(request, rd::rd_kafka_DeleteConsumerGroupOffsets_destroy)?;
            let mut all = [request.ptr];
            self.ask(
                Operation::RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS,
                wait,
                |(client, options, queue)| {
                    rd::rd_kafka_DeleteConsumerGroupOffsets(
                        client,
                        all.as_mut_ptr(),
                        1,
                        options,
                        queue,
                    );
                },
                |event| {
                    let result = rd::rd_kafka_event_DeleteConsumerGroupOffsets_result(event);
                    group_outcome(|count| {
                        rd::rd_kafka_DeleteConsumerGroupOffsets_result_groups(result, count)
                    })
                },
            )
        }
    }

    /// Deletes a group without members.
    pub(in crate::broker::kafka) fn delete_group(
        &self,
        group: &str,
        wait: Duration,
    ) -> Result<(), Refusal> {
        let group = c_text(group)?;
        // SAFETY: the name is copied; the request lives until the answer is there.
        unsafe {
            let request = rd::rd_kafka_DeleteGroup_new(group.as_ptr());
            let request = owned(request, rd::rd_kafka_DeleteGroup_destroy)?;
            let mut all = [request.ptr];
            self.ask(
                Operation::RD_KAFKA_ADMIN_OP_DELETEGROUPS,
                wait,
                |(client, options, queue)| {
                    rd::rd_kafka_DeleteGroups(client, all.as_mut_ptr(), 1, options, queue);
                },
                |event| {
                    let result = rd::rd_kafka_event_DeleteGroups_result(event);
                    group_outcome(|count| rd::rd_kafka_DeleteGroups_result_groups(result, count))
                        .map(|_partitions| ())
                },
            )
        }
    }
}

/// The partitions in the answer for the one group that was asked for.
///
/// # Safety
/// `list` returns live results and writes their number.
unsafe fn group_outcome(
    list: impl FnOnce(*mut usize) -> *mut *const rd::rd_kafka_group_result_t,
) -> Result<Vec<PartitionEntry>, Refusal> {
    let mut count = 0;
    let first = list(&raw mut count);
    // SAFETY: 3, and as the caller says.
    unsafe {
        let Some(&result) = elements(first, count).first() else { return Ok(Vec::new()) };
        let error = rd::rd_kafka_group_result_error(result);
        if !error.is_null() && Code::from(rd::rd_kafka_error_code(error)) != Code::NoError {
            return Err(refusal(error));
        }
        Ok(entries(rd::rd_kafka_group_result_partitions(result)))
    }
}
