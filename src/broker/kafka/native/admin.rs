//! Questions to the cluster that are put once and answered once.

use std::{
    collections::BTreeMap,
    ffi::{c_char, c_int},
    ptr,
    time::Duration,
};

use rdkafka::{
    TopicPartitionList, bindings as rd,
    types::{RDKafkaAdminOp as Operation, RDKafkaErrorCode as Code, RDKafkaResourceType},
};

use super::{
    Native, Owned, PartitionEntry, c_text, checked, elements, entry, millis, refusal, string, taken,
};
use crate::broker::{
    NewTopic,
    kafka::refusal::{Refusal, is_missing_topic},
};

/// How much longer we wait for an answer than librdkafka does, so that its own words arrive.
const GRACE: Duration = Duration::from_millis(500);

/// An answer, with what is needed to read it.
pub(super) type Event = *mut rd::rd_kafka_event_t;

/// The three things that begin an operation: client, options, and the queue for the answer.
pub(super) type Asked =
    (*mut rd::rd_kafka_t, *mut rd::rd_kafka_AdminOptions_t, *mut rd::rd_kafka_queue_t);

impl Native {
    /// Begins an operation and waits for its answer.
    ///
    /// # Safety
    /// `ask` begins the operation with what it is given, and `read` reads its kind of answer.
    pub(super) unsafe fn ask<T>(
        &self,
        operation: Operation,
        wait: Duration,
        ask: impl FnOnce(Asked),
        read: impl FnOnce(Event) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        // SAFETY: 1 to 3; options, queue and event are let go here, after `read`.
        unsafe {
            let client = self.ptr();
            let options = rd::rd_kafka_AdminOptions_new(client, operation);
            let options = owned(options, rd::rd_kafka_AdminOptions_destroy)?;
            let queue = owned(rd::rd_kafka_queue_new(client), rd::rd_kafka_queue_destroy)?;
            let timeout = millis(wait);
            checked(rd::rd_kafka_AdminOptions_set_request_timeout(
                options.ptr,
                timeout,
                ptr::null_mut(),
                0,
            ))?;
            ask((client, options.ptr, queue.ptr));
            let event = rd::rd_kafka_queue_poll(queue.ptr, millis(wait + GRACE));
            let Some(event) = Owned::new(event, rd::rd_kafka_event_destroy) else {
                return Err(Refusal::timed_out());
            };
            let code = Code::from(rd::rd_kafka_event_error(event.ptr));
            if code != Code::NoError {
                let text = string(rd::rd_kafka_event_error_string(event.ptr));
                return Err(Refusal::because(code, text));
            }
            read(event.ptr)
        }
    }

    /// Creates a topic.
    pub(in crate::broker::kafka) fn create_topic(
        &self,
        topic: &NewTopic,
        wait: Duration,
    ) -> Result<(), Refusal> {
        let name = c_text(&topic.name)?;
        let partitions = topic.partitions.unwrap_or(-1);
        let copies = c_int::from(topic.replication_factor.unwrap_or(-1));
        // SAFETY: texts are copied; the new topic lives until the answer is there.
        unsafe {
            let mut error = [0; 256];
            let new = rd::rd_kafka_NewTopic_new(
                name.as_ptr(),
                partitions,
                copies,
                error.as_mut_ptr(),
                error.len(),
            );
            let Some(new) = Owned::new(new, rd::rd_kafka_NewTopic_destroy) else {
                return Err(Refusal::because(Code::InvalidArgument, string(error.as_ptr())));
            };
            for (key, value) in &topic.settings {
                let (key, value) = (c_text(key)?, c_text(value)?);
                checked(rd::rd_kafka_NewTopic_set_config(new.ptr, key.as_ptr(), value.as_ptr()))?;
            }
            let mut news = [new.ptr];
            self.ask(
                Operation::RD_KAFKA_ADMIN_OP_CREATETOPICS,
                wait,
                |(client, options, queue)| {
                    rd::rd_kafka_CreateTopics(client, news.as_mut_ptr(), 1, options, queue);
                },
                |event| {
                    let result = rd::rd_kafka_event_CreateTopics_result(event);
                    topic_outcome(|count| rd::rd_kafka_CreateTopics_result_topics(result, count))
                },
            )
        }
    }

    /// Deletes a topic.
    pub(in crate::broker::kafka) fn delete_topic(
        &self,
        name: &str,
        wait: Duration,
    ) -> Result<(), Refusal> {
        let name = c_text(name)?;
        // SAFETY: the name is copied; the request lives until the answer is there.
        unsafe {
            let gone = rd::rd_kafka_DeleteTopic_new(name.as_ptr());
            let gone = owned(gone, rd::rd_kafka_DeleteTopic_destroy)?;
            let mut all = [gone.ptr];
            self.ask(
                Operation::RD_KAFKA_ADMIN_OP_DELETETOPICS,
                wait,
                |(client, options, queue)| {
                    rd::rd_kafka_DeleteTopics(client, all.as_mut_ptr(), 1, options, queue);
                },
                |event| {
                    let result = rd::rd_kafka_event_DeleteTopics_result(event);
                    topic_outcome(|count| rd::rd_kafka_DeleteTopics_result_topics(result, count))
                },
            )
        }
    }

    /// Numbers of partitions of those of the topics that exist.
    pub(in crate::broker::kafka) fn describe_topics(
        &self,
        names: &[String],
        wait: Duration,
    ) -> Result<BTreeMap<String, i32>, Refusal> {
        let names = names.iter().map(|name| c_text(name)).collect::<Result<Vec<_>, _>>()?;
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: names are copied; the request lives until the answer is there.
        unsafe {
            let topics =
                rd::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            let topics = owned(topics, rd::rd_kafka_TopicCollection_destroy)?;
            self.ask(
                Operation::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
                wait,
                |(client, options, queue)| {
                    rd::rd_kafka_DescribeTopics(client, topics.ptr, options, queue);
                },
                |event| {
                    let result = rd::rd_kafka_event_DescribeTopics_result(event);
                    let mut count = 0;
                    let found = rd::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
                    let found = elements(found, count).iter();
                    found.filter_map(|&topic| described(topic).transpose()).collect()
                },
            )
        }
    }

    /// Settings of a topic with their effective values.
    pub(in crate::broker::kafka) fn topic_settings(
        &self,
        name: &str,
        wait: Duration,
    ) -> Result<BTreeMap<String, String>, Refusal> {
        let name = c_text(name)?;
        // SAFETY: the name is copied; the request lives until the answer is there.
        unsafe {
            let kind = RDKafkaResourceType::RD_KAFKA_RESOURCE_TOPIC;
            let resource = rd::rd_kafka_ConfigResource_new(kind, name.as_ptr());
            let resource = owned(resource, rd::rd_kafka_ConfigResource_destroy)?;
            let mut all = [resource.ptr];
            self.ask(
                Operation::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
                wait,
                |(client, options, queue)| {
                    rd::rd_kafka_DescribeConfigs(client, all.as_mut_ptr(), 1, options, queue);
                },
                |event| {
                    let result = rd::rd_kafka_event_DescribeConfigs_result(event);
                    let mut count = 0;
                    let found =
                        rd::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count);
                    let found = elements(found, count).first();
                    found.map_or_else(|| Err(Refusal::new(Code::NoEnt)), |&found| settings(found))
                },
            )
        }
    }

    /// Offsets by name (beginning, end) turned into numbers.
    pub(in crate::broker::kafka) fn list_offsets(
        &self,
        wanted: &TopicPartitionList,
        isolation: rd::rd_kafka_IsolationLevel_t,
        wait: Duration,
    ) -> Result<Vec<PartitionEntry>, Refusal> {
        // SAFETY: the list is copied.
        unsafe {
            let mut refused = Ok(());
            let answer = self.ask(
                Operation::RD_KAFKA_ADMIN_OP_LISTOFFSETS,
                wait,
                |(client, options, queue)| {
                    refused =
                        taken(rd::rd_kafka_AdminOptions_set_isolation_level(options, isolation));
                    rd::rd_kafka_ListOffsets(client, wanted.ptr(), options, queue);
                },
                |event| {
                    let result = rd::rd_kafka_event_ListOffsets_result(event);
                    let mut count = 0;
                    let found = rd::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
                    let found = elements(found, count).iter().map(|&info| {
                        entry(&*rd::rd_kafka_ListOffsetsResultInfo_topic_partition(info))
                    });
                    Ok(found.collect())
                },
            );
            refused.and(answer)
        }
    }
}

/// # Safety
/// As [`Owned::new`].
pub(super) unsafe fn owned<T>(
    ptr: *mut T,
    free: unsafe extern "C" fn(*mut T),
) -> Result<Owned<T>, Refusal> {
    // SAFETY: as the caller says.
    unsafe { Owned::new(ptr, free) }.ok_or_else(|| Refusal::new(Code::InvalidArgument))
}

/// The answer for the one topic that was asked for.
///
/// # Safety
/// `list` returns live results and writes their number.
unsafe fn topic_outcome(
    list: impl FnOnce(*mut usize) -> *mut *const rd::rd_kafka_topic_result_t,
) -> Result<(), Refusal> {
    let mut count = 0;
    let first = list(&raw mut count);
    // SAFETY: 3, and as the caller says.
    unsafe {
        let Some(&result) = elements(first, count).first() else { return Ok(()) };
        let code = Code::from(rd::rd_kafka_topic_result_error(result));
        if code == Code::NoError {
            return Ok(());
        }
        let text = string(rd::rd_kafka_topic_result_error_string(result));
        Err(Refusal::because(code, text))
    }
}

/// # Safety
/// The description is live.
unsafe fn described(
    topic: *const rd::rd_kafka_TopicDescription_t,
) -> Result<Option<(String, i32)>, Refusal> {
    // SAFETY: as the caller says.
    unsafe {
        let error = rd::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() {
            let refusal = refusal(error);
            // What cannot be a name names no topic.
            if is_missing_topic(refusal.code) || refusal.code == Code::InvalidTopic {
                return Ok(None);
            }
            if refusal.code != Code::NoError {
                return Err(refusal);
            }
        }
        let mut count = 0;
        rd::rd_kafka_TopicDescription_partitions(topic, &raw mut count);
        let name = string(rd::rd_kafka_TopicDescription_name(topic));
        Ok(Some((name, i32::try_from(count).unwrap_or(i32::MAX))))
    }
}

/// # Safety
/// The resource is live.
unsafe fn settings(
    resource: *const rd::rd_kafka_ConfigResource_t,
) -> Result<BTreeMap<String, String>, Refusal> {
    // SAFETY: as the caller says.
    unsafe {
        let code = Code::from(rd::rd_kafka_ConfigResource_error(resource));
        if code != Code::NoError {
            let text = string(rd::rd_kafka_ConfigResource_error_string(resource));
            return Err(Refusal::because(code, text));
        }
        let mut count = 0;
        let found = rd::rd_kafka_ConfigResource_configs(resource, &raw mut count);
        let found = elements(found, count).iter().filter_map(|&entry| {
            let value = rd::rd_kafka_ConfigEntry_value(entry);
            let name = string(rd::rd_kafka_ConfigEntry_name(entry));
            (!value.is_null()).then(|| (name, string(value)))
        });
        Ok(found.collect())
    }
}
