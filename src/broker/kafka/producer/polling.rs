//! The thread of a producer that takes acknowledgements.

use std::{sync::atomic::Ordering, thread, time::Duration};

use tokio::time::Instant;
use tracing::warn;

use super::{super::native::Native, POLL, State};

/// How long a record waits for others to be sent with. As in Java.
///
/// Source: apache/kafka `ProducerConfig`, `linger.ms`.
const LINGER: Duration = Duration::from_millis(5);

/// With so many records on their way, requests fill up without waiting.
const BUSY: i32 = 5000;

/// How long a producer that was let go may take to deliver what it has taken.
const FAREWELL: Duration = Duration::from_secs(10);

/// The polling thread: takes acknowledgements until the producer is gone and nothing is left.
pub(super) fn poll_until_closed(native: &Native, state: &State, is_cancelled: impl Fn() -> bool) {
    let _known = state.poller.set(thread::current());
    // An idempotent producer needs a number from a broker, and looks for one every half second
    // only, or whenever it hears of the cluster: first from the address that it was given, then
    // from the broker that this address has named.
    for _ in 0..2 {
        native.meet_brokers(POLL);
    }
    while !state.is_closing.load(Ordering::Acquire) && !is_cancelled() {
        serve(native, state);
    }
    let end = Instant::now() + FAREWELL;
    while native.unreported() > 0 && Instant::now() < end {
        native.flush(POLL);
        state.tell_of_progress();
    }
    let left = native.unreported();
    if left > 0 {
        warn!("A Kafka producer was closed with {left} records not delivered");
        native.purge();
        native.poll(POLL);
    }
    state.is_ended.store(true, Ordering::Release);
    state.room.notify_one();
}

/// Takes acknowledgements, and sees to it that no record waits longer than [`LINGER`] for others.
fn serve(native: &Native, state: &State) {
    let on_their_way = native.unreported();
    if on_their_way == 0 {
        thread::park_timeout(POLL);
        native.poll(Duration::ZERO);
    } else if state.has_linger || on_their_way >= BUSY {
        native.poll(POLL);
    } else {
        native.poll(LINGER);
    }
    let has_progress = state.tell_of_progress();
    let is_busy = has_progress && native.unreported() >= BUSY;
    if !state.has_linger && !is_busy && native.unreported() > 0 {
        native.flush(LINGER);
        state.tell_of_progress();
    }
}
