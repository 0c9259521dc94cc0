//! Sending records, and transactions.

use std::{ffi::c_void, ptr, sync::Arc, time::Duration};

use bytes::Bytes;
use rdkafka::{bindings as rd, types::RDKafkaErrorCode as Code};

use super::{Native, Owned, c_text, millis, taken};
use crate::broker::{ProducerRecord, RawHeader, kafka::refusal::Refusal};

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
                record.partition.unwrap_or(-1),
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
