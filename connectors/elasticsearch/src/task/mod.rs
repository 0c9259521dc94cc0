//! A running task: records into operations, answers into offsets.
//!
//! 1. `put` makes an operation of each record and leaves it to the flow; it waits only for room.
//! 2. What is answered moves the safe offsets; what is refused for good is reported, or fails the
//!    task at its next `put`.
//! 3. A commit takes what is answered by then, and waits for the rest with `flush.synchronously` only: a
//!    flow that is emptied at each commit has nothing on its way for that long. When partitions go,
//!    answers are waited for a while.

mod refused;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_trait::async_trait;
use connect_api::{
    error::{ConnectorError, Result},
    record::{SinkRecord, TopicPartition},
    sink::{SinkContext, SinkOffsets, SinkTask},
    time::Clock,
};

use crate::{
    client::{Client, Failure, Request},
    document::Draft,
    flow::{Flow, Operation, Settled, no_room, within},
    offsets::Offsets,
    settings::{Connection, Rules, Settings},
    targets::Targets,
};

/// Longest wait for answers when partitions are taken away.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// A running task.
pub(crate) struct SearchSinkTask {
    context: SinkContext,
    rules: Rules,
    flush_timeout: Duration,
    is_synchronous: bool,
    targets: Targets,
    flow: Flow,
    offsets: Offsets,
    /// What was answered and is not noted yet.
    unsettled: VecDeque<Settled>,
    /// What the next `put` fails with.
    failure: Option<ConnectorError>,
}

/// Sees who answers, and that everything is there that topics are mapped to by name.
///
/// # Errors
/// `Retriable` when nobody answers, `Forbidden` when we are nobody there, `NotFound` for what is not there.
pub(crate) async fn find(
    connection: Connection,
    rules: &Rules,
    clock: Arc<dyn Clock>,
) -> Result<(Arc<Client>, Targets)> {
    let product = connection.product;
    let client = Arc::new(Client::new(connection, clock).await?);
    match client.ask(&Request::get("/".to_owned())).await {
        Ok(answer) => introduce(product, &answer),
        // Who may write documents need not be allowed to ask who is there.
        Err(Failure::Denied(error)) => tracing::info!("Writing to an unknown version: {error}"),
        Err(failure) => return Err(failure.into_error("answer", product)),
    }
    let targets = Targets::new(Arc::clone(&client));
    targets.check(rules).await?;
    Ok((client, targets))
}

impl SearchSinkTask {
    /// # Errors
    /// `Retriable` when the cluster is away; another class when it does not let us in, or what is
    /// mapped by name is not there.
    pub(crate) async fn start(settings: Settings, context: SinkContext) -> Result<Self> {
        let Settings { connection, pace, rules, notice } = settings;
        if let Some(notice) = notice {
            tracing::warn!("{context:?}: {notice}");
        }
        let (client, targets) = find(connection, &rules, Arc::clone(&context.clock)).await?;
        Ok(Self {
            flush_timeout: pace.flush_timeout,
            is_synchronous: pace.is_synchronous,
            flow: Flow::new(client, pace, context.budget.clone()),
            context,
            rules,
            targets,
            offsets: Offsets::default(),
            unsettled: VecDeque::new(),
            failure: None,
        })
    }

    /// Makes an operation of a record.
    async fn accept(&mut self, record: &SinkRecord) -> Result<()> {
        if self.offsets.is_known(&record.origin, record.offset) {
            return Ok(());
        }
        match self.enter(record).await {
            Err(error) if is_about_the_record(&error) => self.reject_draft(record, error).await,
            outcome => outcome,
        }
    }

    /// Writes the operation of a record into the flow.
    async fn enter(&mut self, record: &SinkRecord) -> Result<()> {
        if record.value.value.is_null() {
            // No index is made for what is not written.
            let target = crate::document::Target::new(&self.rules, &record.topic)?;
            match self.rules.plan(record, &target)? {
                Draft::Planned(_) => {}
                Draft::Skipped => {
                    self.offsets.pass(&record.origin, record.offset);
                    return Ok(());
                }
                Draft::IgnoredNull => return self.ignore_null(record).await,
            }
        }
        self.make_room().await?;
        let target = self.targets.of(&self.rules, record).await?;
        let Draft::Planned(plan) = self.rules.plan(record, &target)? else { return Ok(()) };
        let lane = self.flow.lane(plan.order);
        let Some(buffer) = self.flow.buffer(lane) else { return Ok(()) };
        let start = buffer.len();
        self.rules.write(buffer, record, &target, &plan)?;
        let len = buffer.len() - start;
        let is_reported = self.context.reporter.is_some();
        let operation = Operation {
            seat: self.offsets.begin(&record.origin, record.offset),
            offset: record.offset,
            len,
            order: plan.order,
            conflict: plan.conflict,
            is_repeated: false,
            record: is_reported.then(|| Box::new(record.clone())),
        };
        self.flow.push(lane, operation);
        if self.flow.is_due() {
            self.flow.look();
            self.settle().await?;
        }
        Ok(())
    }

    /// Waits until another operation may wait.
    async fn make_room(&mut self) -> Result<()> {
        if self.flow.has_room() {
            return Ok(());
        }
        let end = within(self.flush_timeout);
        while !self.flow.has_room() {
            let goes_on = self.flow.advance(end).await;
            self.settle().await?;
            if !goes_on && !self.flow.has_room() {
                return no_room(self.flush_timeout);
            }
        }
        Ok(())
    }

    /// Sends everything and waits until it is answered, the time is over, or something is wrong.
    async fn drain(&mut self, limit: Duration) -> Result<()> {
        let end = within(limit);
        while self.flow.advance(end).await {
            self.settle().await?;
        }
        self.settle().await
    }

    /// Waits for answers for so long, if at all, and keeps what is wrong for the next `put`, which can
    /// tell it.
    async fn wait_for_answers(&mut self, limit: Duration) {
        if self.failure.is_some() {
            return;
        }
        let outcome = if limit.is_zero() {
            self.flow.look();
            self.settle().await
        } else {
            self.drain(limit).await
        };
        self.failure = outcome.err();
    }

    /// Takes note of what became of operations.
    async fn settle(&mut self) -> Result<()> {
        self.unsettled.extend(self.flow.take_settled());
        while let Some(settled) = self.unsettled.pop_front() {
            match &settled {
                Settled::Done(operation) => {
                    self.offsets.answered(operation.seat, operation.offset);
                }
                Settled::Refused { operation, lines, status, cause } => {
                    if let Err(error) = self.refused(operation, lines, *status, cause).await {
                        // The reporter may only be away.
                        self.unsettled.push_front(settled);
                        return Err(error);
                    }
                }
            }
        }
        self.flow.take_trouble().map_or(Ok(()), Err)
    }

    /// Has the worker call again when there is something to see.
    fn wake_in_time(&mut self) {
        if let Some(wait) = self.flow.next_look() {
            self.context.set_timeout(wait);
        }
    }
}

/// Whether an error is about one record only.
fn is_about_the_record(error: &ConnectorError) -> bool {
    error.class() == connect_api::error::ErrorClass::Record
}

/// Says what is at the other end.
fn introduce(product: crate::settings::Product, answer: &crate::client::Answer) {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let version = body.pointer("/version/number").and_then(serde_json::Value::as_str);
    let own = body.pointer("/version/distribution").and_then(serde_json::Value::as_str);
    let name = own.map_or_else(|| product.to_string(), str::to_owned);
    tracing::info!(
        node = answer.node(),
        version,
        "Writing to {name} {}",
        version.unwrap_or("of an unknown version")
    );
    let major = version.and_then(|text| text.split('.').next()?.parse::<u32>().ok());
    if major.is_some_and(|major| major < 7) && own.is_none() {
        tracing::warn!(
            version,
            "Elasticsearch before version 7 is not supported and may refuse documents"
        );
    }
}

#[async_trait]
impl SinkTask for SearchSinkTask {
    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        for partition in partitions {
            self.offsets.open(partition);
        }
        Ok(())
    }

    async fn put(&mut self, batch: &[SinkRecord]) -> Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.flow.look();
        self.settle().await?;
        for record in batch {
            self.accept(record).await?;
        }
        self.flow.look();
        self.settle().await?;
        self.wake_in_time();
        Ok(())
    }

    async fn pre_commit(&mut self, consumed: &SinkOffsets) -> Result<SinkOffsets> {
        let limit = if self.is_synchronous { self.flush_timeout } else { Duration::ZERO };
        self.wait_for_answers(limit).await;
        Ok(self.offsets.safe(consumed))
    }

    async fn release(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        self.wait_for_answers(self.flush_timeout.min(LAST_WAIT)).await;
        Ok(())
    }

    async fn finish_files(&mut self) -> Result<()> {
        self.drain(self.flush_timeout).await?;
        if self.flow.is_idle() {
            return Ok(());
        }
        no_room(self.flush_timeout)
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        for partition in partitions {
            if let Some(seat) = self.offsets.close(partition) {
                self.flow.forget(seat);
            }
        }
        let end = within(LAST_WAIT);
        while self.flow.is_sending() && self.flow.wait(end).await {}
        if let Err(error) = self.settle().await {
            self.failure.get_or_insert(error);
        }
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        let partitions = self.offsets.partitions();
        self.close(&partitions).await?;
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}
