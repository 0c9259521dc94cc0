//! Records of the offset topic and what they add up to.
//!
//! Source: apache/kafka `OffsetStorageWriter.java`, `ConnectorOffsetBackingStore.java`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use connect_api::record::{SourceOffset, SourcePartition};
use serde_json::{Map, Value};

use super::config_record::{json, parse};

/// Offsets of one connector.
type ConnectorOffsets = HashMap<SourcePartition, Stored>;

#[derive(Clone, Debug, PartialEq)]
struct Stored {
    /// Bytes of the key as they were first seen: compaction goes by them, whatever the order of
    /// the partition's keys is later.
    key: Bytes,
    offset: Option<SourceOffset>,
}

/// Offsets of all source connectors, as far as the log was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetState {
    connectors: HashMap<Arc<str>, ConnectorOffsets>,
}

impl OffsetState {
    /// Takes in the next record.
    ///
    /// # Errors
    /// Why it cannot be read; whoever reads the log says so and goes on.
    pub fn apply(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        let (connector, partition) = decode_key(key)?;
        let offset = value.map(parse::<Option<Map<String, Value>>>).transpose()?.flatten();
        let known = self.connectors.entry(connector.into()).or_default();
        let stored = Stored { key: Bytes::copy_from_slice(key), offset: offset.map(SourceOffset) };
        match known.get_mut(&partition) {
            Some(known) => known.offset = stored.offset,
            None => {
                known.insert(partition, stored);
            }
        }
        Ok(())
    }

    /// Offsets of a connector, in the order of their keys.
    #[must_use]
    pub fn committed(&self, connector: &str) -> Vec<(SourcePartition, SourceOffset)> {
        let known = self.connectors.get(connector).into_iter().flatten();
        let live: BTreeMap<_, _> = known
            .filter_map(|(partition, stored)| {
                Some((&stored.key, (partition.clone(), stored.offset.clone()?)))
            })
            .collect();
        live.into_values().collect()
    }

    /// Key and value of the record that sets or forgets an offset.
    #[must_use]
    pub fn encode(
        &self,
        connector: &str,
        partition: &SourcePartition,
        offset: Option<&SourceOffset>,
    ) -> (Bytes, Option<Bytes>) {
        let known = self.connectors.get(connector).and_then(|known| known.get(partition));
        let key = known.map_or_else(|| encode_key(connector, partition), |known| known.key.clone());
        (key, offset.map(|offset| json(&offset.0)))
    }

    /// Every record that still counts, in the order of the keys.
    #[must_use]
    pub fn records(&self) -> BTreeMap<Bytes, Bytes> {
        let known = self.connectors.values().flatten();
        known
            .filter_map(|(_, stored)| Some((stored.key.clone(), json(&stored.offset.as_ref()?.0))))
            .collect()
    }
}

fn encode_key(connector: &str, partition: &SourcePartition) -> Bytes {
    json(&(connector, &partition.0))
}

fn decode_key(key: &[u8]) -> Result<(String, SourcePartition), String> {
    let (connector, partition): (String, Map<String, Value>) =
        serde_json::from_slice(key).map_err(|_| "its key is not [connector, {partition}]")?;
    Ok((connector, SourcePartition(partition)))
}

#[cfg(test)]
mod tests;
