//! The one room that speaks C to librdkafka.
//!
//! `rdkafka` wraps librdkafka message by message: an event, a counted pointer and a copy of the
//! topic's name for each. This room takes whole batches from librdkafka's queues, gives each
//! record one integer for its delivery, and reaches the calls that `rdkafka` lacks. All of it is
//! behind safe functions; nothing outside sees a pointer.
//!
//! What makes it sound, and what the `SAFETY` comments refer to by number:
//!
//! 1. librdkafka is thread safe: any thread may call it with a live client.
//! 2. A client lives as long as its [`Native`], and what was made from it either holds the
//!    [`Native`] or is let go before it.
//! 3. Pointers inside an event, a message or a list live as long as that does, and a Rust borrow
//!    of the owner stands for them.
//! 4. Callbacks run only inside calls made here, with the [`Context`] that the client keeps alive.
//!    None of them unwinds or blocks: they note what happened, and the caller acts on it after
//!    librdkafka has returned.
#![expect(unsafe_code, reason = "batches and calls that rdkafka does not wrap")]

mod admin;
mod fetch;
mod group;
mod group_admin;
mod produce;

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    slice,
    sync::Arc,
    time::Duration,
};

use rdkafka::{
    TopicPartitionList, bindings as rd,
    client::{Client, ClientContext},
    config::ClientConfig,
    types::{RDKafkaErrorCode as Code, RDKafkaType},
};

pub(super) use fetch::{Fetcher, Message, Messages};
pub(super) use produce::Topic;

use super::refusal::{Advice, Refusal};

/// Takes note of what librdkafka reports, on the thread that polls.
///
/// Nothing here may block or panic.
pub(super) trait Callbacks: Send + Sync {
    /// A line for the log; the level is syslog's.
    fn logged(&self, level: i32, facility: &str, text: &str);

    /// An error that belongs to no call.
    fn failed(&self, code: Code, text: &str);

    /// A record was stored, or was not.
    fn delivered(&self, _record: Message<'_>) {}

    /// Partitions are to be taken or given back; the group waits for the call that does it.
    fn rebalanced(&self, _direction: Direction, _partitions: Vec<PartitionEntry>) {}

    /// A commit ended, by the number it was begun with.
    fn committed(&self, _number: usize, _outcome: Result<(), Refusal>) {}
}

/// Which way partitions move in a rebalance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// To this member.
    Assigned,
    /// Away from it.
    Revoked,
    /// Away from it some time ago.
    Lost,
}

/// A partition in an answer of librdkafka.
#[derive(Clone, Debug)]
pub(super) struct PartitionEntry {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// An offset, or one of librdkafka's negative names for one.
    pub(super) offset: i64,
    /// What was committed with the offset.
    pub(super) metadata: String,
    pub(super) code: Code,
}

/// What a client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sends records, or asks questions.
    Producer,
    /// Asks the coordinators of groups, as a member of none. It needs a `group.id`, of whatever
    /// group: an answer that a coordinator has moved sends librdkafka to the client's own group,
    /// and without one into nowhere (confluentinc/librdkafka#5040).
    Outsider,
    /// Reads as a member of a group.
    Member,
    /// Reads without a group.
    Reader,
}

/// What librdkafka hands back to callbacks.
pub(super) struct Context(Arc<dyn Callbacks>);

impl ClientContext for Context {}

/// A librdkafka client.
pub(super) struct Native {
    client: Client<Context>,
}

impl Native {
    /// Makes a client; it connects when it is first used.
    pub(super) fn open(
        kind: Kind,
        config: &ClientConfig,
        callbacks: Arc<dyn Callbacks>,
    ) -> Result<Self, Refusal> {
        let native = config.create_native_config()?;
        let conf = native.ptr();
        // SAFETY: the configuration is live and belongs to no client yet.
        unsafe {
            rd::rd_kafka_conf_set_log_cb(conf, Some(on_log));
            rd::rd_kafka_conf_set_error_cb(conf, Some(on_error));
            match kind {
                Kind::Producer => rd::rd_kafka_conf_set_dr_msg_cb(conf, Some(on_delivery)),
                Kind::Member => rd::rd_kafka_conf_set_rebalance_cb(conf, Some(on_rebalance)),
                Kind::Outsider | Kind::Reader => {}
            }
        }
        let native_kind = match kind {
            Kind::Producer => RDKafkaType::RD_KAFKA_PRODUCER,
            Kind::Outsider | Kind::Member | Kind::Reader => RDKafkaType::RD_KAFKA_CONSUMER,
        };
        let client = Client::new(config, native, native_kind, Context(callbacks))?;
        Ok(Self { client })
    }

    /// `rdkafka`'s own view of the client.
    pub(super) const fn client(&self) -> &Client<Context> {
        &self.client
    }

    /// Runs callbacks that are due, waiting for the first at most this long.
    pub(super) fn poll(&self, wait: Duration) {
        // SAFETY: 1, 2 and 4.
        unsafe { rd::rd_kafka_poll(self.ptr(), millis(wait)) };
    }

    fn ptr(&self) -> *mut rd::rd_kafka_t {
        self.client.native_ptr()
    }
}

/// A C object and the function that lets go of it.
struct Owned<T> {
    ptr: *mut T,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// Takes over an object; none when there is none.
    ///
    /// # Safety
    /// The object belongs to nobody else, and `free` is the way to let go of it.
    unsafe fn new(ptr: *mut T, free: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        (!ptr.is_null()).then_some(Self { ptr, free })
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: `new` was told that it is ours and how to let go of it.
        unsafe { (self.free)(self.ptr) }
    }
}

unsafe extern "C" fn on_log(
    client: *const rd::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    text: *const c_char,
) {
    if client.is_null() {
        return;
    }
    // SAFETY: 3 and 4; the opaque of a client is its context.
    unsafe {
        let context = context(rd::rd_kafka_opaque(client));
        context.0.logged(level, &string(facility), &string(text));
    }
}

unsafe extern "C" fn on_error(
    client: *mut rd::rd_kafka_t,
    code: c_int,
    text: *const c_char,
    opaque: *mut c_void,
) {
    use rd::rd_kafka_resp_err_t as Raw;

    // The code arrives as a plain number, which need not be one that the enumeration knows.
    let code = match code {
        code if code == Raw::RD_KAFKA_RESP_ERR__FATAL as c_int => {
            // SAFETY: 1; the client is calling us, and no text is asked for.
            unsafe { rd::rd_kafka_fatal_error(client, std::ptr::null_mut(), 0) }.into()
        }
        code if code == Raw::RD_KAFKA_RESP_ERR__AUTHENTICATION as c_int => Code::Authentication,
        code if code == Raw::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN as c_int => Code::AllBrokersDown,
        _ => Code::Unknown,
    };
    // SAFETY: 3 and 4.
    unsafe { context(opaque).0.failed(code, &string(text)) }
}

unsafe extern "C" fn on_delivery(
    _client: *mut rd::rd_kafka_t,
    message: *const rd::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: 3 and 4.
    unsafe { context(opaque).0.delivered(Message::of(&*message)) }
}

unsafe extern "C" fn on_rebalance(
    client: *mut rd::rd_kafka_t,
    code: rd::rd_kafka_resp_err_t,
    partitions: *mut rd::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    // SAFETY: 1, 3 and 4.
    unsafe {
        let direction = if Code::from(code) == Code::AssignPartitions {
            Direction::Assigned
        } else if rd::rd_kafka_assignment_lost(client) != 0 {
            Direction::Lost
        } else {
            Direction::Revoked
        };
        context(opaque).0.rebalanced(direction, entries(partitions));
        // Makes the fetch that is running return, so that its caller attends to this.
        let queue = rd::rd_kafka_queue_get_consumer(client);
        if let Some(queue) = Owned::new(queue, rd::rd_kafka_queue_destroy) {
            rd::rd_kafka_queue_yield(queue.ptr);
        }
    }
}

unsafe extern "C" fn on_commit(
    client: *mut rd::rd_kafka_t,
    code: rd::rd_kafka_resp_err_t,
    offsets: *mut rd::rd_kafka_topic_partition_list_t,
    number: *mut c_void,
) {
    // SAFETY: 3 and 4; the opaque of a client is its context.
    unsafe {
        let outcome = checked(code).and_then(|()| first_error(&entries(offsets)));
        context(rd::rd_kafka_opaque(client)).0.committed(number.addr(), outcome);
    }
}

/// The context behind an opaque pointer.
///
/// # Safety
/// The pointer is what `Client::new` has set, and the client is live.
unsafe fn context<'a>(opaque: *mut c_void) -> &'a Context {
    // SAFETY: as the caller says.
    unsafe { &*opaque.cast::<Context>() }
}

/// # Safety
/// The pointer is null or a live list.
unsafe fn entries(list: *const rd::rd_kafka_topic_partition_list_t) -> Vec<PartitionEntry> {
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: a list holds `cnt` elements, each with the name of its topic.
    unsafe {
        let count = usize::try_from((*list).cnt).unwrap_or(0);
        elements((*list).elems, count).iter().map(|element| entry(element)).collect()
    }
}

/// # Safety
/// The element's topic is live text.
unsafe fn entry(element: &rd::rd_kafka_topic_partition_t) -> PartitionEntry {
    PartitionEntry {
        // SAFETY: as the caller says.
        topic: unsafe { string(element.topic) },
        partition: element.partition,
        offset: element.offset,
        // SAFETY: as the caller says; the metadata are the element's own.
        metadata: unsafe {
            let bytes = elements(element.metadata.cast::<u8>(), element.metadata_size);
            String::from_utf8_lossy(bytes).into_owned()
        },
        code: element.err.into(),
    }
}

/// # Safety
/// The pointer is null or has `count` live elements behind it for as long as the result is used.
unsafe fn elements<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: as the caller says.
    unsafe { slice::from_raw_parts(first, count) }
}

/// # Safety
/// The pointer is null or live text that ends with a zero byte.
unsafe fn string(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Text for C; names with a zero byte in them exist nowhere.
fn c_text(text: &str) -> Result<CString, Refusal> {
    CString::new(text).map_err(|_zero| {
        Refusal::because(Code::InvalidArgument, format!("{text:?} contains a zero byte"))
    })
}

/// A list for C. Without an offset, librdkafka's own choice stands.
pub(super) fn partition_list<'a>(
    partitions: impl IntoIterator<Item = (&'a str, i32, Option<i64>)>,
) -> Result<TopicPartitionList, Refusal> {
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in partitions {
        c_text(topic)?;
        let mut element = list.add_partition(topic, partition);
        if let Some(offset) = offset {
            element.set_offset(rdkafka::Offset::from_raw(offset))?;
        }
    }
    Ok(list)
}

fn checked(code: rd::rd_kafka_resp_err_t) -> Result<(), Refusal> {
    match Code::from(code) {
        Code::NoError => Ok(()),
        code => Err(Refusal::new(code)),
    }
}

fn first_error(entries: &[PartitionEntry]) -> Result<(), Refusal> {
    match entries.iter().find(|entry| entry.code != Code::NoError) {
        None => Ok(()),
        Some(entry) => Err(Refusal::because(
            entry.code,
            format!("{}-{}: {}", entry.topic, entry.partition, entry.code),
        )),
    }
}

/// Takes over an error object; null means that there is none.
///
/// # Safety
/// The object belongs to the caller.
unsafe fn taken(error: *mut rd::rd_kafka_error_t) -> Result<(), Refusal> {
    // SAFETY: as the caller says.
    unsafe {
        match Owned::new(error, rd::rd_kafka_error_destroy) {
            None => Ok(()),
            Some(error) => Err(refusal(error.ptr)),
        }
    }
}

/// # Safety
/// The pointer is a live error object.
unsafe fn refusal(error: *const rd::rd_kafka_error_t) -> Refusal {
    // SAFETY: as the caller says.
    unsafe {
        let advice = if rd::rd_kafka_error_is_fatal(error) != 0 {
            Advice::Fatal
        } else if rd::rd_kafka_error_txn_requires_abort(error) != 0 {
            Advice::Abort
        } else if rd::rd_kafka_error_is_retriable(error) != 0 {
            Advice::Retry
        } else {
            Advice::None
        };
        let text = string(rd::rd_kafka_error_string(error));
        Refusal { code: rd::rd_kafka_error_code(error).into(), text, advice }
    }
}

fn millis(wait: Duration) -> c_int {
    c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX)
}
