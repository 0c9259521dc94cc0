//! Which objects hold what, as their names and their metadata say.
//!
//! Nothing is kept for it: objects are listed and looked at when somebody asks, so that the answer is what
//! the bucket holds. A listing has no end that is known, so each question looks at so many keys only and
//! says when there were more.

use std::collections::BTreeMap;

use connect_api::{
    error::{ConnectorError, Result},
    insight::{StoredObject, StoredObjects, Wanted},
};
use futures::future::join_all;

use crate::{
    file::{contents, told},
    store::{Existing, Metadata, Store},
};

/// Pages of a listing that one question reads, of a thousand keys each.
const MOST_PAGES: usize = 100;
/// Objects that one question looks at.
const MOST_LOOKS: usize = 64;
/// Objects that are looked at side by side.
const LOOKS_AT_ONCE: usize = 8;

/// What an object's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// Offset of its first record.
    pub(crate) first: i64,
    /// Its folder and its ending: objects that share them follow one another.
    pub(crate) row: String,
}

/// How the names of a connector's objects are made.
pub(crate) trait Names: Send + Sync {
    /// What the keys of a partition's objects begin with, or of all partitions of the topic.
    fn prefix(&self, topic: &str, partition: Option<i32>) -> String;

    /// What a key says; nothing when it is not made as this connector makes them.
    fn read(&self, key: &str) -> Option<Named>;
}

/// A bucket, and how names are made in it.
struct Search<'a, N> {
    store: &'a Store,
    names: &'a N,
    /// The only topic of the connector, if it has but one.
    topic: Option<&'a str>,
}

/// Finds what is wanted.
///
/// # Errors
/// `Invalid` when what is wanted makes no sense; by the server's answer.
pub(crate) async fn objects<N: Names>(
    store: &Store,
    names: &N,
    topic: Option<&str>,
    wanted: &Wanted,
) -> Result<StoredObjects> {
    let search = Search { store, names, topic };
    match wanted {
        Wanted::At(place) => search.at(place).await,
        Wanted::Record { topic, partition, offset } => {
            search.record(search.topic(topic.as_deref())?, *partition, *offset).await
        }
        Wanted::Some { topic, partition, after, limit } => {
            let page = (after.as_deref(), *limit);
            search.some(search.topic(topic.as_deref())?, *partition, page).await
        }
    }
}

/// The last object of a folder that begins before what is looked for, and where the next one begins.
#[derive(Clone, Debug)]
struct Candidate {
    key: String,
    first: i64,
    next: Option<i64>,
}

/// What a listing says about where a record may be.
#[derive(Debug, Default)]
struct Around {
    /// By folder and ending.
    before: BTreeMap<String, Candidate>,
    /// First offset of the nearest object behind it.
    after: Option<i64>,
    objects: usize,
    is_cut: bool,
}

impl Around {
    fn take(&mut self, key: String, (folder, first): (String, i64), offset: i64) {
        self.objects += 1;
        if first > offset {
            self.after = Some(self.after.map_or(first, |known| known.min(first)));
            if let Some(candidate) = self.before.get_mut(&folder) {
                candidate.next = Some(candidate.next.map_or(first, |known| known.min(first)));
            }
            return;
        }
        let known = self.before.get(&folder).map(|known| known.first);
        if known.is_some_and(|known| known > first) {
            return;
        }
        self.before.insert(folder, Candidate { key, first, next: None });
        if self.before.len() > MOST_LOOKS {
            let farthest = self.before.iter().min_by_key(|(_, candidate)| candidate.first);
            let farthest = farthest.map(|(folder, _)| folder.clone());
            farthest.map(|folder| self.before.remove(&folder));
        }
    }

    /// Those that may hold the record, the nearest first.
    fn candidates(&self) -> Vec<Candidate> {
        let mut candidates: Vec<_> = self.before.values().cloned().collect();
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.first));
        candidates
    }
}

impl<'a, N: Names> Search<'a, N> {
    fn topic<'t>(&self, asked: Option<&'t str>) -> Result<&'t str>
    where
        'a: 't,
    {
        asked.or(self.topic).ok_or_else(|| {
            ConnectorError::invalid("The connector reads several topics").hint(
                "Say which one with the parameter \"topic\", as it stands in the keys of objects",
            )
        })
    }

    async fn at(&self, place: &str) -> Result<StoredObjects> {
        let own = self.store.place("");
        let Some(key) = place.strip_prefix(&own).filter(|key| !key.is_empty()) else {
            return Err(ConnectorError::invalid(format!(
                "\"{place}\" is no object of this connector, whose objects are below {own}"
            )));
        };
        let found = self.store.existing(key).await?;
        let notes = match found {
            Some(_) => Vec::new(),
            None => vec![format!("There is no object {place}")],
        };
        let objects = found.map(|found| self.describe(key, &found));
        Ok(StoredObjects { objects: objects.into_iter().collect(), next: None, notes })
    }

    /// The objects that hold a record.
    async fn record(&self, topic: &str, partition: i32, offset: i64) -> Result<StoredObjects> {
        let prefix = self.names.prefix(topic, Some(partition));
        let around = self.around(&prefix, (topic, partition), offset).await?;
        let mut found = StoredObjects::default();
        let mut nearest: Option<StoredObject> = None;
        'looks: for some in around.candidates().chunks(LOOKS_AT_ONCE) {
            let looks = some.iter().map(|candidate| self.store.existing(&candidate.key));
            for (candidate, existing) in some.iter().zip(join_all(looks).await) {
                // It may have been deleted since it was listed.
                let Some(existing) = existing? else { continue };
                let mut object = self.describe(&candidate.key, &existing);
                match object.last_offset {
                    Some(last) if last < offset => {
                        nearest.get_or_insert(object);
                        continue;
                    }
                    Some(_) => {}
                    None => object.notes.push(unknown_end(candidate.next)),
                }
                let is_sure = is_whole_range(&object);
                found.objects.push(object);
                if is_sure {
                    break 'looks;
                }
            }
        }
        if found.objects.len() > 1 {
            found.notes.push(
                "Objects of several folders span the offset: each record is in one of them"
                    .to_owned(),
            );
        }
        if found.objects.is_empty() {
            found.notes.push(not_found((topic, partition), &prefix, &around, nearest.as_ref()));
        }
        if around.is_cut {
            found.notes.push(cut(&prefix));
        }
        Ok(found)
    }

    async fn around(
        &self,
        prefix: &str,
        (topic, partition): (&str, i32),
        offset: i64,
    ) -> Result<Around> {
        let mut around = Around { is_cut: true, ..Around::default() };
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let (keys, is_more) = self.store.list(prefix, after.as_deref()).await?;
            after = keys.last().cloned();
            for key in keys {
                let named = self.names.read(&key);
                let named = named.filter(|it| it.topic == topic && it.partition == partition);
                if let Some(named) = named {
                    around.take(key, (named.row, named.first), offset);
                }
            }
            if !is_more {
                around.is_cut = false;
                break;
            }
        }
        Ok(around)
    }

    /// A page of objects.
    async fn some(
        &self,
        topic: &str,
        partition: Option<i32>,
        (after, limit): (Option<&str>, usize),
    ) -> Result<StoredObjects> {
        let prefix = self.names.prefix(topic, partition);
        let mut after = after.map(str::to_owned);
        let (mut keys, mut next) = (Vec::new(), None);
        for page in 1..=MOST_PAGES {
            let (listed, is_more) = self.store.list(&prefix, after.as_deref()).await?;
            let last = listed.last().cloned();
            let is_wanted = |named: &Named| {
                named.topic == topic && partition.is_none_or(|own| own == named.partition)
            };
            keys.extend(
                listed
                    .into_iter()
                    .filter(|key| self.names.read(key).is_some_and(|named| is_wanted(&named))),
            );
            if keys.len() > limit {
                keys.truncate(limit);
                next = keys.last().cloned();
                break;
            }
            if !is_more {
                break;
            }
            if page == MOST_PAGES {
                next.clone_from(&last);
            }
            after = last;
        }
        let mut found = StoredObjects { next, ..StoredObjects::default() };
        for some in keys.chunks(LOOKS_AT_ONCE) {
            let looks = some.iter().map(|key| self.store.existing(key));
            for (key, existing) in some.iter().zip(join_all(looks).await) {
                found.objects.extend(existing?.map(|existing| self.describe(key, &existing)));
            }
        }
        if found.objects.is_empty() {
            let partition =
                partition.map_or_else(String::new, |one| format!(" partition {one} of"));
            found.notes.push(nothing_there(&format!("{partition} topic {topic}"), &prefix));
        }
        Ok(found)
    }

    /// What an object says of itself, and its name where it says nothing.
    fn describe(&self, key: &str, existing: &Existing) -> StoredObject {
        let metadata = &existing.metadata;
        let named = self.names.read(key);
        let (sources, others) = told(metadata);
        let mut object = StoredObject {
            place: self.store.place(key),
            size_bytes: Some(existing.length_bytes),
            written_ms: existing.written_ms,
            topic: metadata.get(contents::TOPIC).cloned(),
            partition: number(metadata, contents::PARTITION),
            first_offset: number(metadata, contents::FIRST_OFFSET),
            last_offset: number(metadata, contents::LAST_OFFSET),
            records: number(metadata, contents::COUNT),
            first_timestamp_ms: number(metadata, contents::FIRST_TIMESTAMP),
            last_timestamp_ms: number(metadata, contents::LAST_TIMESTAMP),
            content_crc32: number(metadata, contents::CONTENT_CRC),
            sources,
            notes: Vec::new(),
        };
        if object.topic.is_none() {
            object.notes.push(
                "It has no metadata of this connector: another program has written it. What is said of \
                 it is what its name says"
                    .to_owned(),
            );
            let named = named.map(|named| (named.topic, named.partition, named.first));
            if let Some((topic, partition, first)) = named {
                object.topic = Some(topic);
                object.partition = Some(partition);
                object.first_offset = Some(first);
            }
        } else if object.last_offset.is_none() {
            object.notes.push(
                "It was uploaded in parts, and its metadata were written before its end was known"
                    .to_owned(),
            );
        }
        if others > 0 {
            object
                .notes
                .push(format!("{others} of its records are not from the files that it names"));
        }
        object
    }
}

fn number<T: std::str::FromStr>(metadata: &Metadata, name: &str) -> Option<T> {
    metadata.get(name)?.parse().ok()
}

/// Whether an object holds every record between its first and its last.
fn is_whole_range(object: &StoredObject) -> bool {
    let range = object.first_offset.zip(object.last_offset);
    let length = range.and_then(|(first, last)| u64::try_from(last - first + 1).ok());
    length.is_some() && length == object.records
}

fn unknown_end(next: Option<i64>) -> String {
    match next {
        Some(next) => format!(
            "It may hold the record: it is the last one of its folder that begins before it, and the next \
             one begins with offset {next}"
        ),
        None => "It may hold the record: it is the last one of its folder".to_owned(),
    }
}

fn not_found(
    (topic, partition): (&str, i32),
    prefix: &str,
    around: &Around,
    nearest: Option<&StoredObject>,
) -> String {
    if around.objects == 0 {
        return nothing_there(&format!(" partition {partition} of topic {topic}"), prefix);
    }
    let before = nearest.and_then(|object| Some((&object.place, object.last_offset?)));
    let before = before.map(|(place, last)| format!("{place} ends with offset {last}"));
    let after = around.after.map(|first| format!("the next object begins with offset {first}"));
    let known: Vec<_> = before.into_iter().chain(after).collect();
    let reason = if around.after.is_some() {
        "the record is none of the topic's, was left out by a transformation, as a null or as a bad \
         record, or its object was deleted"
    } else {
        "the record is in a file that is open still, or was not read yet, or is none of the topic's: \
         GET /connectors/{connector}/lag tells how far the connector is, and POST \
         /connectors/{connector}/flush closes open files"
    };
    format!("No object holds the offset: {}; {reason}", known.join(", "))
}

fn nothing_there(what: &str, prefix: &str) -> String {
    format!(
        "There is no object of{what} below \"{prefix}\": nothing was written yet, transformations give the \
         topic another name, or the settings that make keys were others"
    )
}

fn cut(prefix: &str) -> String {
    format!(
        "There are more than {} objects below \"{prefix}\", and those beyond were not looked at",
        MOST_PAGES * 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_folder_the_last_object_before_the_record_is_kept() {
        let mut around = Around::default();
        let keys = [("a/t+0+00.json", 0), ("a/t+0+05.json", 5), ("a/t+0+09.json", 9)];
        for (key, first) in
            keys.into_iter().chain([("b/t+0+03.json", 3), ("a/t+0+05.keys.json", 5)])
        {
            let row = key.replace(|c: char| c.is_ascii_digit(), "");
            around.take(key.to_owned(), (row, first), 7);
        }
        let found = around.candidates();
        let found: Vec<_> = found.iter().map(|it| (it.key.as_str(), it.next)).collect();
        assert_eq!(
            found,
            [("a/t+0+05.json", Some(9)), ("a/t+0+05.keys.json", None), ("b/t+0+03.json", None)]
        );
        assert_eq!((around.objects, around.after), (5, Some(9)));
    }

    #[test]
    fn no_more_folders_are_remembered_than_are_looked_at() {
        let mut around = Around::default();
        for folder in 0..1000_i64 {
            let key = format!("{folder}/t+0+{folder:04}.json");
            around.take(key.clone(), (key, folder), 5000);
        }
        let found = around.candidates();
        assert_eq!((found.len(), found[0].first), (MOST_LOOKS, 999));
    }
}
