//! What was redriven: one record for each letter, in a compacted topic beside the queue.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    error::{LettersError, Result},
    queue::{Queue, ends_of},
    redrive::Destination,
    scan::Scan,
};
use crate::broker::{Admin, Broker, ConsumerRecord, ProducerRecord};

/// Place of a letter in its queue: partition and offset.
pub(super) type Place = (i32, i64);

/// Key of a marker: the letter it is about.
#[derive(Debug, Serialize, Deserialize)]
struct Key {
    topic: String,
    partition: i32,
    offset: i64,
}

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    /// Whom it was for.
    pub(super) to: Destination,
    /// Topic it was written to.
    pub(super) topic: String,
    /// When, as RFC 3339 writes it.
    pub(super) at: String,
    /// By which redrive.
    pub(super) redrive: String,
    /// Connector of the redrive.
    pub(super) connector: String,
    /// Checksum of the letter: a queue that is made anew has other letters at the same offsets.
    pub(super) letter: u32,
}

impl Marker {
    /// The record that says so.
    pub(super) fn record(&self, topic: &Arc<str>, queue: &str, place: Place) -> ProducerRecord {
        let key = Key { topic: queue.to_owned(), partition: place.0, offset: place.1 };
        ProducerRecord {
            topic: Arc::clone(topic),
            partition: Some(0),
            key: json(&key),
            value: json(self),
            timestamp_ms: None,
            headers: Vec::new(),
        }
    }
}

fn json(value: &impl Serialize) -> Option<Bytes> {
    // These have string keys and nothing that could refuse to be written.
    serde_json::to_vec(value).ok().map(Bytes::from)
}

/// Checksums of the letters that were redriven, as of now.
pub(super) async fn marked(
    (broker, admin): (&Arc<dyn Broker>, &dyn Admin),
    queue: &Queue,
) -> Result<BTreeMap<Place, u32>> {
    let mut found = BTreeMap::new();
    each((broker, admin), queue, |place, marker| {
        match marker {
            Some(marker) => found.insert(place, marker.letter),
            None => found.remove(&place),
        };
    })
    .await?;
    Ok(found)
}

/// Markers of some letters.
pub(super) async fn of_letters(
    (broker, admin): (&Arc<dyn Broker>, &dyn Admin),
    queue: &Queue,
    letters: &BTreeSet<Place>,
) -> Result<BTreeMap<Place, Marker>> {
    let mut found = BTreeMap::new();
    each((broker, admin), queue, |place, marker| {
        if letters.contains(&place) {
            match marker {
                Some(marker) => found.insert(place, marker),
                None => found.remove(&place),
            };
        }
    })
    .await?;
    Ok(found)
}

/// Reads every marker of the queue; one that was taken back has nothing.
async fn each(
    (broker, admin): (&Arc<dyn Broker>, &dyn Admin),
    queue: &Queue,
    mut visit: impl FnMut(Place, Option<Marker>),
) -> Result<()> {
    let topic: Arc<str> = queue.markers_topic().into();
    for (at, ends) in ends_of(admin, &topic).await? {
        let mut scan = Scan::open(broker, queue, &at, (ends.low, ends.high)).await?;
        while let Some(records) = scan.next().await? {
            for record in &records {
                let (place, marker) = parse(queue, record)?;
                visit(place, marker);
            }
        }
    }
    Ok(())
}

fn parse(queue: &Queue, record: &ConsumerRecord) -> Result<(Place, Option<Marker>)> {
    let foreign = || {
        LettersError::Invalid(format!(
            "Topic \"{}\" has a record at offset {} that says of no letter that it was redriven: \
             the topic must belong to redrives alone",
            queue.markers_topic(),
            record.offset
        ))
    };
    let key: Key = record
        .key
        .as_ref()
        .and_then(|key| serde_json::from_slice(key).ok())
        .filter(|key: &Key| *key.topic == *queue.topic)
        .ok_or_else(foreign)?;
    let value = record.value.as_ref();
    let marker = value.map(|value| serde_json::from_slice(value).map_err(|_| foreign()));
    Ok(((key.partition, key.offset), marker.transpose()?))
}
