//! Sending records, and transactions.

use std::{
    ffi::{c_int, c_void},
    ptr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use rdkafka::{TopicPartitionList, bindings as rd, types::RDKafkaErrorCode as Code};

use super::{Native, Owned, c_text, millis, taken};
use crate::broker::{ProducerRecord, RawHeader, kafka::refusal::Refusal};

/// librdkafka's `RD_KAFKA_PARTITION_UA`: the partitioner decides.
const ANY_PARTITION: i32 = -1;

/// A topic to send to, looked up once.
pub(in crate::broker::kafka) struct Topic {
    ptr: *mut rd::rd_kafka_topic_t,
    /// Outlives the pointer.
    _native: Arc<Native>,
}

// SAFETY: librdkafka counts references to topics and locks them itself.
unsafe impl Send for Topic {}
// SAFETY: as above.
unsafe impl Sync for Topic {}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: ours since `topic`, and the client is still live.
        unsafe { rd::rd_kafka_topic_destroy(self.ptr) }
    }
}

impl Native {
    /// A topic to send to.
    pub(in crate::broker::kafka) fn topic(self: &Arc<Self>, name: &str) -> Result<Topic, Refusal> {
        let c_name = c_text(name)?;
        // SAFETY: 1 and 2; the name is copied.
        let ptr = unsafe { rd::rd_kafka_topic_new(self.ptr(), c_name.as_ptr(), ptr::null_mut()) };
        if ptr.is_null() {
            return Err(Refusal::new(Code::InvalidTopic));
        }
        Ok(Topic { ptr, _native: Arc::clone(self) })
    }

    /// Copies records of one topic into the queue, none of which has a timestamp or headers, which
    /// makes them cheaper than one by one. Their deliveries are reported by these numbers. Says how
    /// many were taken before the queue was full, and which of them were refused.
    pub(in crate::broker::kafka) fn produce_plain<'a>(
        &self,
        topic: &Topic,
        records: impl Iterator<Item = (usize, &'a ProducerRecord)>,
    ) -> (usize, Vec<(usize, Code)>) {
        let mut messages: Vec<_> = records
            .map(|(number, record)| {
                let (payload, len) = parts(record.value.as_ref());
                let (key, key_len) = parts(record.key.as_ref());
                rd::rd_kafka_message_t {
                    err: rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
                    rkt: ptr::null_mut(),
                    partition: record.partition.unwrap_or(ANY_PARTITION),
                    payload: payload.cast_mut(),
                    len,
                    key: key.cast_mut(),
                    key_len,
                    offset: 0,
                    _private: ptr::without_provenance_mut::<c_void>(number),
                }
            })
            .collect();
        // SAFETY: 1 and 2. With `F_COPY` the bytes are copied, never written, before the call
        // returns; with `F_PARTITION` each message says its own partition.
        unsafe {
            rd::rd_kafka_produce_batch(
                topic.ptr,
                ANY_PARTITION,
                rd::RD_KAFKA_MSG_F_COPY | rd::RD_KAFKA_MSG_F_PARTITION,
                messages.as_mut_ptr(),
                c_int::try_from(messages.len()).unwrap_or(c_int::MAX),
            );
        }
        // Once the queue is full, every record that follows is told so.
        let is_taken =
            |message: &rd::rd_kafka_message_t| Code::from(message.err) != Code::QueueFull;
        let taken = messages.iter().take_while(|message| is_taken(message)).count();
        let refused = messages.iter().take(taken).filter_map(|message| {
            let code = Code::from(message.err);
            (code != Code::NoError).then(|| (message._private.addr(), code))
        });
        (taken, refused.collect())
    }

    /// Copies a record into the queue; its delivery is reported by this number.
    pub(in crate::broker::kafka) fn produce(
        &self,
        topic: &Topic,
        record: &ProducerRecord,
        number: usize,
    ) -> Result<(), Code> {
        let (value, value_size) = parts(record.value.as_ref());
        let (key, key_size) = parts(record.key.as_ref());
        let headers = headers(&record.headers)?;
        // SAFETY: 1 and 2. Each tag is followed by the arguments that librdkafka reads for it, in
        // their C types; with `F_COPY` the bytes are copied before the call returns.
        let code: Code = unsafe {
            rd::rd_kafka_producev(
                self.ptr(),
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT,
                topic.ptr,
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION,
                record.partition.unwrap_or(ANY_PARTITION),
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS,
                rd::RD_KAFKA_MSG_F_COPY,
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE,
                value,
                value_size,
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY,
                key,
                key_size,
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_OPAQUE,
                ptr::without_provenance_mut::<c_void>(number),
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_TIMESTAMP,
                record.timestamp_ms.unwrap_or(0),
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS,
                headers.as_ref().map_or(ptr::null_mut(), |headers| headers.ptr),
                rd::rd_kafka_vtype_t::RD_KAFKA_VTYPE_END,
            )
        }
        .into();
        if code != Code::NoError {
            return Err(code);
        }
        // The headers are the message's now.
        std::mem::forget(headers);
        Ok(())
    }

    /// Asks for the cluster's brokers, which connects to one of them.
    pub(in crate::broker::kafka) fn meet_brokers(&self, wait: Duration) {
        let mut metadata = ptr::null();
        // SAFETY: 1 and 2; the answer is ours, and absent after an error, which says no more than
        // that no broker has answered in time.
        unsafe {
            rd::rd_kafka_metadata(self.ptr(), 0, ptr::null_mut(), &raw mut metadata, millis(wait));
            if !metadata.is_null() {
                rd::rd_kafka_metadata_destroy(metadata);
            }
        }
    }

    /// Sends what waits for more to come, and runs callbacks, until nothing is left or for this
    /// long.
    pub(in crate::broker::kafka) fn flush(&self, wait: Duration) {
        // SAFETY: 1, 2 and 4. It fails only with "not yet".
        unsafe { rd::rd_kafka_flush(self.ptr(), millis(wait)) };
    }

    /// Records that were taken and whose delivery was not reported yet.
    pub(in crate::broker::kafka) fn unreported(&self) -> i32 {
        // SAFETY: 1 and 2.
        unsafe { rd::rd_kafka_outq_len(self.ptr()) }
    }

    /// Gives up on every record not delivered yet; each is reported as failed.
    pub(in crate::broker::kafka) fn purge(&self) {
        let what = rd::RD_KAFKA_PURGE_F_QUEUE | rd::RD_KAFKA_PURGE_F_INFLIGHT;
        // SAFETY: 1 and 2. It fails only for a client that is no producer.
        unsafe { rd::rd_kafka_purge(self.ptr(), what) };
    }

    /// Fences older producers with the same id and prepares transactions.
    pub(in crate::broker::kafka) fn init_transactions(
        &self,
        wait: Duration,
    ) -> Result<(), Refusal> {
        // SAFETY: 1 and 2; the error is ours.
        unsafe { taken(rd::rd_kafka_init_transactions(self.ptr(), millis(wait))) }
    }

    /// Begins a transaction.
    pub(in crate::broker::kafka) fn begin_transaction(&self) -> Result<(), Refusal> {
        // SAFETY: 1 and 2; the error is ours.
        unsafe { taken(rd::rd_kafka_begin_transaction(self.ptr())) }
    }

    /// Puts offsets of a group into the transaction, in the place of a member of it.
    pub(in crate::broker::kafka) fn send_offsets(
        &self,
        member: &Self,
        offsets: &TopicPartitionList,
        wait: Duration,
    ) -> Result<(), Refusal> {
        // SAFETY: 1 and 2 for both clients; the list is copied, the metadata and the error are ours.
        unsafe {
            let metadata = rd::rd_kafka_consumer_group_metadata(member.ptr());
            let metadata = Owned::new(metadata, rd::rd_kafka_consumer_group_metadata_destroy)
                .ok_or_else(|| Refusal::new(Code::UnknownGroup))?;
            taken(rd::rd_kafka_send_offsets_to_transaction(
                self.ptr(),
                offsets.ptr(),
                metadata.ptr,
                millis(wait),
            ))
        }
    }

    /// Commits the transaction; another thread has to poll meanwhile.
    pub(in crate::broker::kafka) fn commit_transaction(
        &self,
        wait: Duration,
    ) -> Result<(), Refusal> {
        // SAFETY: 1 and 2; the error is ours.
        unsafe { taken(rd::rd_kafka_commit_transaction(self.ptr(), millis(wait))) }
    }

    /// Aborts the transaction; another thread has to poll meanwhile.
    pub(in crate::broker::kafka) fn abort_transaction(
        &self,
        wait: Duration,
    ) -> Result<(), Refusal> {
        // SAFETY: 1 and 2; the error is ours.
        unsafe { taken(rd::rd_kafka_abort_transaction(self.ptr(), millis(wait))) }
    }
}

/// Bytes for C; an empty value is not null, which would be a tombstone.
fn parts(bytes: Option<&Bytes>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast(), bytes.len()))
}

fn headers(headers: &[RawHeader]) -> Result<Option<Owned<rd::rd_kafka_headers_t>>, Code> {
    if headers.is_empty() {
        return Ok(None);
    }
    // SAFETY: a new object; names and values are copied, each with its size.
    unsafe {
        let list = rd::rd_kafka_headers_new(headers.len());
        let list = Owned::new(list, rd::rd_kafka_headers_destroy).ok_or(Code::InvalidArgument)?;
        for (name, value) in headers {
            let (value, size) = parts(value.as_ref());
            let code = rd::rd_kafka_header_add(
                list.ptr,
                name.as_ptr().cast(),
                name.len().try_into().unwrap_or(0),
                value,
                size.try_into().unwrap_or(0),
            );
            if Code::from(code) != Code::NoError {
                return Err(code.into());
            }
        }
        Ok(Some(list))
    }
}
