//! What a transactional producer does besides sending: steps that block, on a thread of their own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use connect_api::record::TopicPartition;
use rdkafka::{bindings::rd_kafka_IsolationLevel_t as Isolation, types::RDKafkaErrorCode as Code};
use tokio::time::Instant;

use super::{KafkaProducer, POLL};
use crate::broker::{
    Result,
    kafka::{
        admin::{END, offsets_by_name},
        native::{Message, Native},
        refusal::Refusal,
    },
};

/// How long one blocking call of a transaction may take before it is looked at and repeated.
const STEP: Duration = Duration::from_secs(5);

/// How long a commit waits until it is seen.
const VISIBILITY: Duration = Duration::from_secs(1);

/// How often it looks.
const LOOK: Duration = Duration::from_millis(5);

/// What a transactional producer remembers.
pub(super) struct Transaction {
    pub(super) id: String,
    pub(super) is_open: bool,
    /// How long a commit is tried before the caller is told that the cluster is away.
    pub(super) patience: Duration,
}

/// Last offset that the transaction has written, per partition.
#[derive(Default)]
pub(super) struct Written {
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    offsets: BTreeMap<TopicPartition, i64>,
    /// Where the last records went that were reported, which is nearly always where the next did.
    run: Option<(usize, TopicPartition, i64)>,
}

impl Written {
    pub(super) fn note(&self, record: Message<'_>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((topic, at, offset)) = &mut last.run
            && (*topic, at.partition) == (record.topic_id(), record.partition())
        {
            *offset = record.offset();
            return;
        }
        let at = TopicPartition::new(record.topic(), record.partition());
        if let Some((_, at, offset)) = last.run.replace((record.topic_id(), at, record.offset())) {
            last.offsets.insert(at, offset);
        }
    }

    pub(super) fn take(&self) -> BTreeMap<TopicPartition, i64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Last { mut offsets, run } = std::mem::take(&mut *last);
        offsets.extend(run.map(|(_, at, offset)| (at, offset)));
        offsets
    }
}

impl KafkaProducer {
    pub(super) async fn init_transactions(&mut self) -> Result<()> {
        if self.transaction.is_none() {
            return Ok(());
        }
        self.persist("Initialising transactions", Native::init_transactions)
            .await
            .map_err(|refusal| self.explained(refusal, "Initialising transactions"))
    }

    /// Repeats a blocking step of a transaction until it succeeds, fails for good, or the
    /// patience is at its end.
    pub(super) async fn persist(
        &self,
        name: &str,
        step: impl Fn(&Native, Duration) -> Result<(), Refusal> + Clone + Send + 'static,
    ) -> Result<(), Refusal> {
        let patience = self.transaction.as_ref().map_or(STEP, |transaction| transaction.patience);
        let end = Instant::now() + patience;
        loop {
            let (native, step) = (Arc::clone(&self.native), step.clone());
            let wait = STEP.min(end.saturating_duration_since(Instant::now()));
            let thread = self.tasks.spawn_thread(name, move || step(&native, wait));
            let outcome = thread.await.unwrap_or_else(|_| Err(Refusal::new(Code::Interrupted)));
            match outcome {
                Err(refusal) if refusal.is_retriable() && Instant::now() < end => {
                    self.state.reporter.trouble(refusal.code, &refusal.text);
                    tokio::time::sleep(POLL).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Waits until read-committed readers see what was committed: the coordinator answers when the
    /// outcome is certain, and tells the partitions afterwards. An older transaction of another
    /// producer may hide it for longer, which is not ours to wait for.
    pub(super) async fn await_visibility(&self) {
        let Some(written) = self.state.written.as_ref().map(Written::take) else { return };
        let partitions: Vec<_> = written.keys().cloned().collect();
        let end = Instant::now() + VISIBILITY;
        while Instant::now() < end {
            let (native, asked) = (Arc::clone(&self.native), partitions.clone());
            let committed = (END, Isolation::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED);
            let thread = self.tasks.spawn_thread("Looking for a transaction", move || {
                offsets_by_name(&native, &asked, committed, STEP)
            });
            let Ok(Ok(ends)) = thread.await else { return };
            if written.iter().all(|(at, last)| ends.get(at).is_some_and(|end| end > last)) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(super) async fn roll_back(&mut self) -> Result<()> {
        let outcome = self.persist("Aborting a transaction", Native::abort_transaction).await;
        outcome.map_err(|refusal| self.explained(refusal, "Aborting a transaction"))?;
        self.set_open(false);
        if let Some(written) = &self.state.written {
            written.take();
        }
        Ok(())
    }

    pub(super) fn set_open(&mut self, is_open: bool) {
        if let Some(transaction) = &mut self.transaction {
            transaction.is_open = is_open;
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| transaction.is_open)
    }
}
