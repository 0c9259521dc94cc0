//! A producer: records go into librdkafka's queue, a thread takes the acknowledgements.
//!
//! The queue is bounded in records and bytes; while it is full, `send` waits until the thread has
//! taken acknowledgements. Calls that block (everything about transactions) run on a thread of
//! their own, while the polling thread goes on.

mod polling;
mod transaction;

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::Thread,
    time::Duration,
};

use async_trait::async_trait;
use connect_api::sink::SinkOffsets;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::Notify;

use self::{
    polling::poll_until_closed,
    transaction::{Transaction, Written},
};
use super::{
    consumer::offset_list,
    deliveries::Deliveries,
    native::{Callbacks, Kind, Message, Native, Topic},
    refusal::{Advice, Refusal},
    report::Reporter,
    settings::Settings,
};
use crate::{
    broker::{BrokerError, Delivery, GroupMember, Producer, ProducerRecord, Result},
    tasks::TaskGroup,
};

/// How long the polling thread waits for acknowledgements at a time.
const POLL: Duration = Duration::from_millis(100);

/// Most records offered with one call.
const MOST_AT_ONCE: usize = 1000;

/// A producer of a Kafka cluster.
pub(super) struct KafkaProducer {
    native: Arc<Native>,
    state: Arc<State>,
    tasks: TaskGroup,
    topics: HashMap<Arc<str>, Arc<Topic>>,
    /// The topic of the last record, which is nearly always that of the next.
    last_topic: Option<(Arc<str>, Arc<Topic>)>,
    transaction: Option<Transaction>,
}

/// What the producer shares with its polling thread.
struct State {
    reporter: Reporter,
    deliveries: Deliveries,
    /// Told when acknowledgements have made room.
    room: Notify,
    has_progress: AtomicBool,
    /// The producer was let go: deliver what is left, then end.
    is_closing: AtomicBool,
    /// Nobody polls any more.
    is_ended: AtomicBool,
    /// The polling thread, which sleeps while nothing is on its way.
    poller: OnceLock<Thread>,
    /// Whether librdkafka decides when to send, as the user has told it.
    has_linger: bool,
    /// Where the transaction has written, with a transactional id.
    written: Option<Written>,
}

impl Callbacks for State {
    fn logged(&self, level: i32, facility: &str, text: &str) {
        self.reporter.log(level, facility, text);
    }

    fn failed(&self, code: Code, text: &str) {
        self.reporter.trouble(code, text);
    }

    fn delivered(&self, record: Message<'_>) {
        let outcome = match record.code() {
            Code::NoError => Ok(()),
            code => Err(code),
        };
        self.deliveries.report(record.number(), outcome);
        self.has_progress.store(true, Ordering::Relaxed);
        if let Some(written) = &self.written
            && outcome.is_ok()
        {
            written.note(record);
        }
    }
}

impl State {
    /// Tells who waits for room that there may be some; whether there may be.
    fn tell_of_progress(&self) -> bool {
        let has_progress = self.has_progress.swap(false, Ordering::Relaxed);
        if has_progress {
            self.room.notify_one();
        }
        has_progress
    }

    /// Wakes the polling thread, should it sleep.
    fn wake(&self) {
        if let Some(poller) = self.poller.get() {
            poller.unpark();
        }
    }
}

impl KafkaProducer {
    /// Makes a producer; with a transactional id, fences older ones with the same id.
    ///
    /// # Errors
    /// `Invalid` settings; with a transactional id, `Unavailable` or `Rejected`.
    pub(super) async fn open(
        settings: &Settings,
        client_id: &str,
        transactional_id: Option<String>,
        tasks: &TaskGroup,
    ) -> Result<Self> {
        let state = Arc::new(State {
            reporter: Reporter::new(client_id),
            deliveries: Deliveries::default(),
            room: Notify::new(),
            has_progress: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            is_ended: AtomicBool::new(false),
            poller: OnceLock::new(),
            // Before a transaction ends somebody waits for its records, as a commit does in Java.
            has_linger: settings.has_linger && transactional_id.is_none(),
            written: transactional_id.is_some().then(Written::default),
        });
        state.reporter.ignored(&settings.ignored);
        let callbacks: Arc<dyn Callbacks> = Arc::<State>::clone(&state);
        let native = Native::open(Kind::Producer, &settings.config(), callbacks)
            .map_err(|refusal| BrokerError::Invalid(refusal.to_string()))?;
        let native = Arc::new(native);
        let timeout = settings.get("transaction.timeout.ms").and_then(|ms| ms.parse().ok());
        let transaction = transactional_id.map(|id| Transaction {
            id,
            is_open: false,
            patience: Duration::from_millis(timeout.unwrap_or(60_000)),
        });
        let thread = (Arc::clone(&native), Arc::clone(&state), tasks.token().clone());
        tasks.spawn_thread(format!("kafka producer {client_id}"), move || {
            let (native, state, token) = thread;
            poll_until_closed(&native, &state, || token.is_cancelled());
        });
        let tasks = tasks.clone();
        let topics = HashMap::new();
        let mut producer = Self { native, state, tasks, topics, last_topic: None, transaction };
        producer.init_transactions().await?;
        Ok(producer)
    }

    fn topic(&mut self, name: &Arc<str>) -> Result<Arc<Topic>, Refusal> {
        if let Some((last, topic)) = &self.last_topic
            && (Arc::ptr_eq(last, name) || last == name)
        {
            return Ok(Arc::clone(topic));
        }
        let topic = match self.topics.get(name) {
            Some(topic) => Arc::clone(topic),
            None => {
                let topic = Arc::new(self.native.topic(name)?);
                self.topics.insert(Arc::clone(name), Arc::clone(&topic));
                topic
            }
        };
        self.last_topic = Some((Arc::clone(name), Arc::clone(&topic)));
        Ok(topic)
    }

    /// Copies records into the queue, waiting while it is full; says in `taken` how far it came.
    async fn take(
        &mut self,
        batch: &[ProducerRecord],
        number: u32,
        taken: &mut usize,
    ) -> Result<()> {
        while let Some(record) = batch.get(*taken) {
            let topic = match self.topic(&record.topic) {
                Ok(topic) => topic,
                Err(refusal) => {
                    let number = Deliveries::number(number, *taken);
                    self.state.deliveries.report(number, Err(refusal.code));
                    *taken += 1;
                    continue;
                }
            };
            let (count, refused) = self.offer(&topic, batch, number, *taken);
            *taken += count;
            self.state.wake();
            for (at, (number, code)) in refused.iter().enumerate() {
                if is_about_the_producer(*code) {
                    *taken -= refused.len() - at;
                    return Err(self.give_up(*code).await);
                }
                self.state.deliveries.report(*number, Err(*code));
            }
            if count == 0 {
                self.wait_for_room().await?;
            }
        }
        Ok(())
    }

    /// Offers the records from `first` on, as far as one call can take them. Says how many are
    /// dealt with, and which of them were refused.
    fn offer(
        &self,
        topic: &Arc<Topic>,
        batch: &[ProducerRecord],
        number: u32,
        first: usize,
    ) -> (usize, Vec<(usize, Code)>) {
        let Some((record, rest)) = batch.get(first..).and_then(<[_]>::split_first) else {
            return (0, Vec::new());
        };
        if is_plain(record) {
            let alike = rest
                .iter()
                .take(MOST_AT_ONCE - 1)
                .take_while(|next| is_plain(next) && Arc::ptr_eq(&next.topic, &record.topic));
            let numbers = (first..).map(|position| Deliveries::number(number, position));
            return self
                .native
                .produce_plain(topic, numbers.zip(std::iter::once(record).chain(alike)));
        }
        let number = Deliveries::number(number, first);
        match self.native.produce(topic, record, number) {
            Ok(()) => (1, Vec::new()),
            Err(Code::QueueFull) => (0, Vec::new()),
            Err(code) => (1, vec![(number, code)]),
        }
    }

    async fn wait_for_room(&self) -> Result<()> {
        // The thread tells of progress; it looks at least every `POLL`, and so do we, in case it
        // has ended.
        let _late = tokio::time::timeout(POLL, self.state.room.notified()).await;
        if self.state.is_ended.load(Ordering::Acquire) {
            return Err(BrokerError::Closed);
        }
        Ok(())
    }

    /// What follows when nothing more can be sent: in a transaction, it is rolled back.
    async fn give_up(&mut self, code: Code) -> BrokerError {
        let is_fatal = self.native.client().fatal_error().is_some();
        if code != Code::State || is_fatal || self.transaction.is_none() {
            return self.broken(code);
        }
        if !self.is_open() {
            let text = "Records were sent by a transactional producer outside a transaction";
            return BrokerError::Invalid(text.to_owned());
        }
        match self.roll_back().await {
            Ok(()) => BrokerError::TransactionAborted { source: Box::new(Refusal::new(code)) },
            Err(error) => error,
        }
    }

    /// The error that ends this producer.
    fn broken(&self, code: Code) -> BrokerError {
        let refusal = match self.native.client().fatal_error() {
            Some((code, text)) => Refusal { code, text, advice: Advice::Fatal },
            None => Refusal::new(code),
        };
        self.explained(refusal, "Writing records")
    }

    fn explained(&self, refusal: Refusal, operation: &str) -> BrokerError {
        match &self.transaction {
            Some(transaction) if refusal.is_fencing() => {
                BrokerError::Fenced(transaction.id.clone())
            }
            _ => refusal.during(operation),
        }
    }
}

#[async_trait]
impl Producer for KafkaProducer {
    async fn send(&mut self, batch: Vec<ProducerRecord>) -> Result<Delivery> {
        if self.state.is_ended.load(Ordering::Acquire) {
            return Err(BrokerError::Closed);
        }
        if batch.is_empty() {
            return Ok(Delivery::done());
        }
        let (resolve, delivery) = Delivery::pending();
        let number = self.state.deliveries.begin(&batch, resolve);
        let mut taken = 0;
        if let Err(error) = self.take(&batch, number, &mut taken).await {
            self.state.deliveries.forget(number, batch.len() - taken);
            return Err(error);
        }
        Ok(delivery)
    }

    async fn begin(&mut self) -> Result<()> {
        if self.transaction.is_none() {
            return Err(BrokerError::Invalid(
                "A transaction needs a producer with a transactional id".to_owned(),
            ));
        }
        let begun = self.native.begin_transaction();
        begun.map_err(|refusal| self.explained(refusal, "Beginning a transaction"))?;
        self.set_open(true);
        Ok(())
    }

    async fn send_offsets(&mut self, member: &GroupMember, offsets: &SinkOffsets) -> Result<()> {
        let operation = "Committing offsets in a transaction";
        let member = member.known_as::<Weak<Native>>().and_then(Weak::upgrade);
        let member = member.ok_or_else(|| Refusal::new(Code::UnknownMemberId).during(operation))?;
        let offsets = offsets.clone();
        let step = move |native: &Native, wait: Duration| {
            native.send_offsets(&member, &offset_list(&offsets)?, wait)
        };
        match self.persist(operation, step).await {
            Ok(()) => Ok(()),
            Err(refusal) if refusal.advice == Advice::Abort => {
                self.roll_back().await?;
                Err(BrokerError::TransactionAborted { source: Box::new(refusal) })
            }
            Err(refusal) => Err(self.explained(refusal, operation)),
        }
    }

    async fn commit(&mut self) -> Result<()> {
        match self.persist("Committing a transaction", Native::commit_transaction).await {
            Ok(()) => {
                self.set_open(false);
                self.await_visibility().await;
                Ok(())
            }
            Err(refusal) if refusal.advice == Advice::Abort => {
                self.roll_back().await?;
                Err(BrokerError::TransactionAborted { source: Box::new(refusal) })
            }
            Err(refusal) => Err(self.explained(refusal, "Committing a transaction")),
        }
    }

    async fn abort(&mut self) -> Result<()> {
        if !self.is_open() {
            return Ok(());
        }
        self.roll_back().await
    }
}

impl Drop for KafkaProducer {
    fn drop(&mut self) {
        self.state.is_closing.store(true, Ordering::Release);
        self.state.wake();
    }
}

/// Whether a record is only bytes: librdkafka takes many of those with one call.
const fn is_plain(record: &ProducerRecord) -> bool {
    record.timestamp_ms.is_none() && record.headers.is_empty()
}

/// Whether nothing more can be sent, rather than this record not.
const fn is_about_the_producer(code: Code) -> bool {
    matches!(
        code,
        Code::State | Code::Fatal | Code::Fenced | Code::PreviousInProgress | Code::BrokerDestroy
    )
}
