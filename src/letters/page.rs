//! A page of letters: oldest first, bounded in records, in bytes and in time.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use connect_api::record::TopicPartition;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    context::{Context, fingerprint, own_headers},
    error::{LettersError, Result},
    filter::{Filter, number},
    markers::{self, Marker, Place},
    queue::{Queue, ends_of},
    redrive::Destination,
    scan::Scan,
    shown::{Shown, cut},
};
use crate::broker::{Broker, ConsumerRecord};

/// Letters of a page, unless the request says otherwise.
const LIMIT: usize = 100;

/// Most letters of a page.
const MOST: usize = 1000;

/// Bytes of a key, a value or a header that are shown, unless the request says otherwise.
const SHOWN_BYTES: usize = 4096;

/// Most bytes of one that are shown.
const MOST_SHOWN_BYTES: usize = 1 << 20;

/// Bytes of keys, values and headers after which a page is full: what a worker in a small container
/// can spare for a request.
const PAGE_BYTES: usize = 4 << 20;

/// Records that one request looks at.
const SCANNED: usize = 100_000;

/// How long one request looks.
const SCAN_TIME: Duration = Duration::from_secs(10);

/// Which letters, and how much of them.
#[derive(Clone, Debug)]
pub struct PageRequest {
    filter: Filter,
    limit: usize,
    max_bytes: usize,
    /// Begin behind this letter.
    after: Option<Place>,
    with_trace: bool,
}

impl Default for PageRequest {
    fn default() -> Self {
        let filter = Filter::default();
        Self { filter, limit: LIMIT, max_bytes: SHOWN_BYTES, after: None, with_trace: false }
    }
}

impl PageRequest {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// `Invalid` for a parameter that is not known or cannot be read.
    pub fn parse<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut request = Self::default();
        for (name, text) in parameters {
            match name {
                "limit" => request.limit = bounded(name, text, MOST)?,
                "max_bytes" => request.max_bytes = bounded(name, text, MOST_SHOWN_BYTES)?,
                "after" => request.after = Some(parse_place(text)?),
                "trace" => request.with_trace = text.eq_ignore_ascii_case("true"),
                _ if request.filter.set(name, text)? => {}
                _ => {
                    return Err(LettersError::Invalid(format!(
                        "There is no parameter \"{name}\"; known are limit, after, max_bytes, \
                         trace, topic, partition, stage, exception, contains, from and to"
                    )));
                }
            }
        }
        Ok(request)
    }
}

fn bounded(name: &str, text: &str, most: usize) -> Result<usize> {
    let value = number(name, text)?;
    if (1..=most).contains(&value) {
        return Ok(value);
    }
    Err(LettersError::Invalid(format!("\"{name}\" must be between 1 and {most}")))
}

fn parse_place(text: &str) -> Result<Place> {
    let pair = text.split_once(':');
    let parsed = pair.and_then(|(left, right)| Some((left.parse().ok()?, right.parse().ok()?)));
    parsed.ok_or_else(|| {
        LettersError::Invalid(format!(
            "\"after\" must be what an earlier answer called \"next\", as 0:17: \"{text}\""
        ))
    })
}

/// A page of letters.
#[derive(Clone, Debug, Serialize)]
pub struct LetterPage {
    /// Name of the connector.
    pub connector: String,
    /// Topic of its dead letter queue.
    pub queue: String,
    /// The letters, by partition and offset.
    pub letters: Vec<LetterInfo>,
    /// Records that were looked at.
    pub scanned: usize,
    /// Where to go on; none where the queue ends.
    pub next: Option<String>,
    /// What the reader should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
}

const NOTE: &str = "Letters without an origin have no context headers: whose they are, where they \
                    were and why they failed is not known, and every connector of the queue shows \
                    them. Set errors.deadletterqueue.context.headers.enable=true for those to come";

/// A letter.
#[derive(Clone, Debug, Serialize)]
pub struct LetterInfo {
    /// Partition in the queue.
    pub partition: i32,
    /// Offset in the queue.
    pub offset: i64,
    /// Time of the record, in milliseconds since the epoch.
    pub timestamp: Option<i64>,
    /// Where the record was first.
    pub origin: Option<OriginInfo>,
    /// Number of the task that failed.
    pub task: Option<u32>,
    /// Step that failed.
    pub stage: Option<String>,
    /// Class that failed.
    pub class: Option<String>,
    /// How.
    pub exception: Option<ExceptionInfo>,
    /// Key.
    pub key: Option<Shown>,
    /// Value.
    pub value: Option<Shown>,
    /// Headers of the record itself.
    pub headers: Vec<HeaderInfo>,
    /// How often the record was redriven before it failed.
    pub attempts: u32,
    /// What became of the letter.
    pub redriven: Option<RedrivenInfo>,
    #[serde(skip)]
    fingerprint: u32,
}

/// Where a record was first.
#[derive(Clone, Debug, Serialize)]
pub struct OriginInfo {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: Option<i32>,
    /// Offset.
    pub offset: Option<i64>,
}

/// How a record failed.
#[derive(Clone, Debug, Serialize)]
pub struct ExceptionInfo {
    /// Class of the exception.
    pub class: String,
    /// Its message.
    pub message: Option<String>,
    /// Its causes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stacktrace: Option<String>,
}

/// A header.
#[derive(Clone, Debug, Serialize)]
pub struct HeaderInfo {
    /// Name.
    pub key: String,
    /// Value.
    pub value: Option<Shown>,
}

/// What became of a letter.
#[derive(Clone, Debug, Serialize)]
pub struct RedrivenInfo {
    /// Whom it went to.
    pub to: Destination,
    /// Topic it was written to.
    pub topic: String,
    /// When.
    pub at: String,
    /// By which redrive.
    pub redrive: String,
    /// Connector of the redrive.
    pub connector: String,
}

/// Reads a page.
pub(super) async fn read(
    broker: &Arc<dyn Broker>,
    queue: &Queue,
    request: &PageRequest,
) -> Result<LetterPage> {
    let admin = queue.admin(broker).await?;
    let mut page = Page::begin(queue, request);
    for (at, ends) in ends_of(&*admin, &queue.topic).await? {
        let from = match request.after {
            Some((partition, _)) if partition > at.partition => continue,
            Some((partition, offset)) if partition == at.partition => offset.saturating_add(1),
            _ => ends.low,
        };
        let mut scan = Scan::open(broker, queue, &at, (from.max(ends.low), ends.high)).await?;
        while let Some(records) = scan.next().await? {
            for record in &records {
                if page.is_full() {
                    break;
                }
                page.look(&at, record);
            }
            if page.is_full() {
                // What lies behind it may be nothing, which the next request finds out.
                return page.end((broker, &*admin)).await;
            }
        }
        page.last = None;
    }
    page.last = None;
    page.end((broker, &*admin)).await
}

/// A page that is being filled.
struct Page<'a> {
    queue: &'a Queue,
    request: &'a PageRequest,
    letters: Vec<LetterInfo>,
    bytes: usize,
    scanned: usize,
    last: Option<Place>,
    until: Instant,
}

impl<'a> Page<'a> {
    fn begin(queue: &'a Queue, request: &'a PageRequest) -> Self {
        let until = Instant::now() + SCAN_TIME;
        Self { queue, request, letters: Vec::new(), bytes: 0, scanned: 0, last: None, until }
    }

    fn is_full(&self) -> bool {
        self.letters.len() >= self.request.limit
            || self.bytes >= PAGE_BYTES
            || self.scanned >= SCANNED
            || (self.scanned > 0 && Instant::now() >= self.until)
    }

    fn look(&mut self, at: &TopicPartition, record: &ConsumerRecord) {
        self.scanned += 1;
        self.last = Some((at.partition, record.offset));
        let context = Context::of(record);
        let is_wanted = context.may_be_of(&self.queue.connector)
            && self.request.filter.matches(record, &context);
        if is_wanted {
            let letter = LetterInfo::of(at.partition, record, (context, self.request));
            self.bytes += letter.weight();
            self.letters.push(letter);
        }
    }

    async fn end(
        mut self,
        (broker, admin): (&Arc<dyn Broker>, &dyn crate::broker::Admin),
    ) -> Result<LetterPage> {
        let places: BTreeSet<_> =
            self.letters.iter().map(|letter| (letter.partition, letter.offset)).collect();
        if !places.is_empty() {
            let found = markers::of_letters((broker, admin), self.queue, &places).await?;
            for letter in &mut self.letters {
                let marker = found.get(&(letter.partition, letter.offset));
                let marker = marker.filter(|marker| marker.letter == letter.fingerprint);
                letter.redriven = marker.cloned().map(RedrivenInfo::of);
            }
        }
        let has_bare = self.letters.iter().any(|letter| letter.origin.is_none());
        Ok(LetterPage {
            connector: self.queue.connector.as_ref().to_owned(),
            queue: self.queue.topic.as_ref().to_owned(),
            letters: self.letters,
            scanned: self.scanned,
            next: self.last.map(|(partition, offset)| format!("{partition}:{offset}")),
            note: has_bare.then_some(NOTE),
        })
    }
}

impl LetterInfo {
    fn of(
        partition: i32,
        record: &ConsumerRecord,
        (context, request): (Context<'_>, &PageRequest),
    ) -> Self {
        let most = request.max_bytes;
        let shown =
            |bytes: &Option<bytes::Bytes>| bytes.as_ref().map(|bytes| Shown::of(bytes, most));
        let exception = context.exception.map(|class| ExceptionInfo {
            class: cut(class, most),
            message: context.message.map(|text| cut(text, most)),
            stacktrace: context
                .stacktrace
                .filter(|_| request.with_trace)
                .map(|text| cut(text, most)),
        });
        let header = |(key, value): &(Arc<str>, Option<bytes::Bytes>)| HeaderInfo {
            key: key.as_ref().to_owned(),
            value: shown(value),
        };
        Self {
            partition,
            offset: record.offset,
            timestamp: record.timestamp_ms,
            origin: context.home.map(|home| OriginInfo {
                topic: home.topic.as_ref().to_owned(),
                partition: home.partition,
                offset: home.offset,
            }),
            task: context.task,
            stage: context.stage.map(str::to_owned),
            class: context.class.map(str::to_owned),
            exception,
            key: shown(&record.key),
            value: shown(&record.value),
            headers: own_headers(record).iter().map(header).collect(),
            attempts: context.attempts,
            redriven: None,
            fingerprint: fingerprint(record),
        }
    }

    fn weight(&self) -> usize {
        let values = self.headers.iter().map(|header| &header.value);
        let parts = [&self.key, &self.value].into_iter().chain(values);
        let parts: usize = parts.flatten().map(Shown::weight).sum();
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let exception = self
            .exception
            .as_ref()
            .map_or(0, |exception| text(&exception.message) + text(&exception.stacktrace));
        parts + exception
    }
}

impl RedrivenInfo {
    fn of(marker: Marker) -> Self {
        let Marker { to, topic, at, redrive, connector, .. } = marker;
        Self { to, topic, at, redrive, connector }
    }
}
