//! Taking records out of librdkafka's queues, many at a time.

use std::{
    ffi::{CStr, c_void},
    marker::PhantomData,
    ptr,
    sync::Arc,
    time::Duration,
};

use connect_api::record::TimestampType;
use rdkafka::{TopicPartitionList, bindings as rd, types::RDKafkaErrorCode as Code};

use super::{Native, c_text, checked, elements, millis, on_commit, taken};
use crate::broker::kafka::refusal::Refusal;

/// Most messages taken at once, whatever is asked for.
const BATCH_MESSAGES: usize = 16_384;

/// A client that reads, with the queue its records and events arrive in.
pub(in crate::broker::kafka) struct Fetcher {
    queue: *mut rd::rd_kafka_queue_t,
    /// The topic that is read without a group, and which of its partitions.
    topic: Option<(*mut rd::rd_kafka_topic_t, Vec<i32>)>,
    /// Room for the messages of a batch, used again for the next.
    messages: Vec<*mut rd::rd_kafka_message_t>,
    native: Arc<Native>,
}

// SAFETY: the pointers are used through `&mut self` only, and librdkafka does not care which
// thread that is.
unsafe impl Send for Fetcher {}

impl Fetcher {
    /// Reads as a member of a group; events of the client arrive in the same queue.
    pub(in crate::broker::kafka) fn member(native: Arc<Native>) -> Result<Self, Refusal> {
        // SAFETY: 1 and 2; the queue is ours to let go of.
        let queue = unsafe {
            checked(rd::rd_kafka_poll_set_consumer(native.ptr()))?;
            rd::rd_kafka_queue_get_consumer(native.ptr())
        };
        if queue.is_null() {
            return Err(Refusal::new(Code::UnknownGroup));
        }
        Ok(Self { queue, topic: None, messages: Vec::new(), native })
    }

    /// Reads partitions of a topic, each from an offset, without a group.
    pub(in crate::broker::kafka) fn reader(
        native: Arc<Native>,
        topic: &str,
        partitions: impl IntoIterator<Item = (i32, i64)>,
    ) -> Result<Self, Refusal> {
        let name = c_text(topic)?;
        // SAFETY: 1 and 2; both are ours to let go of.
        let (queue, handle) = unsafe {
            (
                rd::rd_kafka_queue_new(native.ptr()),
                rd::rd_kafka_topic_new(native.ptr(), name.as_ptr(), ptr::null_mut()),
            )
        };
        let mut fetcher = Self { queue, topic: None, messages: Vec::new(), native };
        if handle.is_null() {
            return Err(Refusal::new(Code::InvalidTopic));
        }
        let (_, started) = fetcher.topic.insert((handle, Vec::new()));
        for (partition, offset) in partitions {
            // SAFETY: 1 and 2; topic and queue are live.
            unsafe {
                if rd::rd_kafka_consume_start_queue(handle, partition, offset, queue) != 0 {
                    return Err(Refusal::new(rd::rd_kafka_last_error().into()));
                }
            }
            started.push(partition);
        }
        Ok(fetcher)
    }

    /// The client.
    pub(in crate::broker::kafka) fn native(&self) -> &Native {
        &self.native
    }

    /// Takes what has arrived, at most `limit`; waits when there is nothing, and returns early
    /// when a rebalance asks for attention. Runs callbacks of a member of a group.
    pub(in crate::broker::kafka) fn fetch(&mut self, wait: Duration, limit: usize) -> Messages<'_> {
        let limit = limit.clamp(1, BATCH_MESSAGES);
        self.messages.clear();
        self.messages.reserve(limit);
        // librdkafka waits until the batch is full, so that only the first message is waited for.
        self.take(Duration::ZERO, limit);
        if self.messages.is_empty() && !wait.is_zero() {
            self.take(wait, 1);
            self.take(Duration::ZERO, limit - self.messages.len());
        }
        Messages { messages: &mut self.messages }
    }

    fn take(&mut self, wait: Duration, limit: usize) {
        let free = self.messages.spare_capacity_mut();
        let limit = limit.min(free.len());
        // SAFETY: 1, 2 and 4; at most `limit` pointers are written, and their number is returned.
        unsafe {
            let taken = rd::rd_kafka_consume_batch_queue(
                self.queue,
                millis(wait),
                free.as_mut_ptr().cast(),
                limit,
            );
            let taken = usize::try_from(taken).unwrap_or(0);
            self.messages.set_len(self.messages.len() + taken);
        }
    }

    /// Begins a commit, whose end is reported by this number.
    pub(in crate::broker::kafka) fn begin_commit(
        &self,
        offsets: &TopicPartitionList,
        number: usize,
    ) -> Result<(), Refusal> {
        let number = ptr::without_provenance_mut::<c_void>(number);
        let list = offsets.ptr();
        // SAFETY: 1, 2 and 4; the list is copied.
        unsafe {
            checked(rd::rd_kafka_commit_queue(
                self.native.ptr(),
                list,
                self.queue,
                Some(on_commit),
                number,
            ))
        }
    }

    /// Begins to leave the group: fetch on until [`Native::has_left`].
    pub(in crate::broker::kafka) fn leave(&self) -> Result<(), Refusal> {
        // SAFETY: 1 and 2; the error is ours.
        unsafe { taken(rd::rd_kafka_consumer_close_queue(self.native.ptr(), self.queue)) }
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        // SAFETY: both are ours, and the client is let go after them.
        unsafe {
            if let Some((topic, partitions)) = self.topic.take() {
                for partition in partitions {
                    rd::rd_kafka_consume_stop(topic, partition);
                }
                rd::rd_kafka_topic_destroy(topic);
            }
            rd::rd_kafka_queue_destroy(self.queue);
        }
    }
}

/// Messages of one batch, let go together.
pub(in crate::broker::kafka) struct Messages<'a> {
    messages: &'a mut Vec<*mut rd::rd_kafka_message_t>,
}

impl Messages<'_> {
    /// The messages in the order they arrived.
    pub(in crate::broker::kafka) fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        // SAFETY: 3; the messages are let go when `self` is.
        self.messages.iter().map(|&message| Message { message: unsafe { &*message } })
    }

    /// Number of messages.
    pub(in crate::broker::kafka) const fn len(&self) -> usize {
        self.messages.len()
    }
}

impl Drop for Messages<'_> {
    fn drop(&mut self) {
        for message in self.messages.drain(..) {
            // SAFETY: ours since `take`, and the borrow of the fetcher keeps the client live.
            unsafe { rd::rd_kafka_message_destroy(message) }
        }
    }
}

/// A record that arrived or was delivered, or an error in its place.
#[derive(Clone, Copy)]
pub(in crate::broker::kafka) struct Message<'a> {
    message: &'a rd::rd_kafka_message_t,
}

impl<'a> Message<'a> {
    pub(super) const fn of(message: &'a rd::rd_kafka_message_t) -> Self {
        Self { message }
    }

    /// The number it was sent with.
    pub(in crate::broker::kafka) fn number(self) -> usize {
        self.message._private.addr()
    }

    /// What arrived in place of a record.
    pub(in crate::broker::kafka) fn code(self) -> Code {
        self.message.err.into()
    }

    /// Text of an error.
    pub(in crate::broker::kafka) fn error_text(self) -> String {
        // SAFETY: 3.
        unsafe { super::string(rd::rd_kafka_message_errstr(self.message)) }
    }

    /// A number for the topic that holds within a batch.
    pub(in crate::broker::kafka) fn topic_id(self) -> usize {
        self.message.rkt.addr()
    }

    /// Name of the topic; empty for an error that belongs to none.
    pub(in crate::broker::kafka) fn topic(self) -> &'a str {
        if self.message.rkt.is_null() {
            return "";
        }
        // SAFETY: 3; a message holds its topic.
        let name = unsafe { CStr::from_ptr(rd::rd_kafka_topic_name(self.message.rkt)) };
        name.to_str().unwrap_or_default()
    }

    /// Partition.
    pub(in crate::broker::kafka) const fn partition(self) -> i32 {
        self.message.partition
    }

    /// Offset.
    pub(in crate::broker::kafka) const fn offset(self) -> i64 {
        self.message.offset
    }

    /// Key.
    pub(in crate::broker::kafka) fn key(self) -> Option<&'a [u8]> {
        // SAFETY: 3.
        unsafe { bytes(self.message.key, self.message.key_len) }
    }

    /// Value.
    pub(in crate::broker::kafka) fn value(self) -> Option<&'a [u8]> {
        // SAFETY: 3.
        unsafe { bytes(self.message.payload, self.message.len) }
    }

    /// Milliseconds since the epoch, and who stamped them.
    pub(in crate::broker::kafka) fn timestamp(self) -> (Option<i64>, TimestampType) {
        let mut kind = rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: 3.
        let millis = unsafe { rd::rd_kafka_message_timestamp(self.message, &raw mut kind) };
        let kind = match kind {
            rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => {
                TimestampType::LogAppendTime
            }
            _ => TimestampType::CreateTime,
        };
        ((millis >= 0).then_some(millis), kind)
    }

    /// Headers in their order; free when there are none.
    pub(in crate::broker::kafka) fn headers(self) -> Headers<'a> {
        let mut headers = ptr::null_mut();
        // SAFETY: 3; the headers stay the message's.
        let code = unsafe { rd::rd_kafka_message_headers(self.message, &raw mut headers) };
        let is_there = Code::from(code) == Code::NoError;
        Headers {
            headers: if is_there { headers } else { ptr::null_mut() },
            next: 0,
            of: PhantomData,
        }
    }
}

/// Headers of a message.
pub(in crate::broker::kafka) struct Headers<'a> {
    headers: *const rd::rd_kafka_headers_t,
    next: usize,
    of: PhantomData<&'a ()>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.headers.is_null() {
            return None;
        }
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: 3; an index past the end is answered with an error.
        unsafe {
            let code = rd::rd_kafka_header_get_all(
                self.headers,
                self.next,
                &raw mut name,
                &raw mut value,
                &raw mut size,
            );
            if Code::from(code) != Code::NoError {
                return None;
            }
            self.next += 1;
            Some((CStr::from_ptr(name).to_str().unwrap_or_default(), bytes(value, size)))
        }
    }
}

/// # Safety
/// The pointer is null or has `size` live bytes behind it for as long as the result is used.
unsafe fn bytes<'a>(first: *const c_void, size: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller says.
    (!first.is_null()).then(|| unsafe { elements(first.cast(), size) })
}
