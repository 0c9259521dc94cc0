//! Reading, altering and resetting the offsets of a connector.
//!
//! Source: KIP-875, apache/kafka `Worker.java`, `SinkUtils.java`.

use std::sync::Arc;

use connect_api::{
    config::Props,
    record::{SourceOffset, SourcePartition, TopicPartition},
    sink::SinkConnector,
    source::SourceConnector,
};
use serde_json::{Map, Value};

use super::{
    command::OffsetChange,
    error::{HerderError, Result},
    replies::{ConnectorOffset, ConnectorOffsets, Message},
    settings::HerderParts,
    starter::ConnectorPlugin,
};
use crate::{
    broker::{BrokerError, ClientSettings},
    store::SourceOffsets,
};

type Offsets = Vec<(SourcePartition, Option<SourceOffset>)>;

/// Offsets as a request has them: a partition may be missing.
pub(super) type Wanted = Vec<(Option<SourcePartition>, Option<SourceOffset>)>;

/// Group whose offsets are those of a sink.
pub(super) fn group_of(name: &str, config: &Props) -> String {
    let own = config.get("consumer.override.group.id").map(str::trim);
    own.map_or_else(|| format!("connect-{name}"), str::to_owned)
}

/// Reads the offsets of a connector.
pub(super) async fn read(
    parts: &HerderParts,
    name: &str,
    config: &Props,
) -> Result<ConnectorOffsets> {
    match parts.plugins.connector_of(config)? {
        ConnectorPlugin::Source(_) => read_source(parts, name, config).await,
        ConnectorPlugin::Sink(_) => read_sink(parts, name, config).await,
    }
}

/// Alters or resets the offsets of a connector that has no tasks.
pub(super) async fn change(
    parts: &HerderParts,
    name: &str,
    config: &Props,
    change: OffsetChange,
) -> Result<Message> {
    match parts.plugins.connector_of(config)? {
        ConnectorPlugin::Source(source) => {
            change_source(parts, name, config, (source.as_ref(), change)).await
        }
        ConnectorPlugin::Sink(sink) => {
            change_sink(parts, name, config, (sink.as_ref(), change)).await
        }
    }
}

/// Where the offsets of a source are: with the worker's, unless it has a topic of its own.
async fn store_of(
    parts: &HerderParts,
    resolved: &Props,
) -> Result<Arc<dyn SourceOffsets>, BrokerError> {
    let own = parts.offsets.of_connector(resolved).await?;
    Ok(own.unwrap_or_else(|| Arc::clone(&parts.offsets)))
}

async fn read_source(parts: &HerderParts, name: &str, config: &Props) -> Result<ConnectorOffsets> {
    let failed = |source| HerderError::SourceOffsets {
        verb: "retrieve",
        connector: name.to_owned(),
        source,
    };
    let resolved = (parts.resolve)(config).map_err(HerderError::Unresolved)?;
    let store = store_of(parts, &resolved).await.map_err(failed)?;
    let committed = store.committed(name).await.map_err(failed)?;
    let offset = |(partition, offset): (SourcePartition, SourceOffset)| ConnectorOffset {
        partition: Some(partition.0),
        offset: Some(offset.0),
    };
    Ok(ConnectorOffsets { offsets: committed.into_iter().map(offset).collect() })
}

async fn read_sink(parts: &HerderParts, name: &str, config: &Props) -> Result<ConnectorOffsets> {
    let failed =
        |source| HerderError::SinkOffsets { verb: "retrieve", connector: name.to_owned(), source };
    let admin = parts.broker.admin(&client(name)).await.map_err(failed)?;
    let committed = admin.committed_offsets(&group_of(name, config)).await.map_err(failed)?;
    let offset = |(partition, offset): (TopicPartition, i64)| ConnectorOffset {
        partition: Some(Map::from_iter([
            ("kafka_topic".to_owned(), partition.topic.as_ref().into()),
            ("kafka_partition".to_owned(), partition.partition.into()),
        ])),
        offset: Some(Map::from_iter([("kafka_offset".to_owned(), offset.into())])),
    };
    Ok(ConnectorOffsets { offsets: committed.into_iter().map(offset).collect() })
}

fn client(name: &str) -> ClientSettings {
    ClientSettings {
        client_id: format!("connector-worker-adminclient-{name}"),
        ..ClientSettings::default()
    }
}

const fn verb_of(change: &OffsetChange) -> &'static str {
    match change {
        OffsetChange::Alter(_) => "alter",
        OffsetChange::Reset => "reset",
    }
}

async fn change_source(
    parts: &HerderParts,
    name: &str,
    config: &Props,
    (source, change): (&dyn SourceConnector, OffsetChange),
) -> Result<Message> {
    let verb = verb_of(&change);
    let failed = |source| HerderError::SourceOffsets { verb, connector: name.to_owned(), source };
    let resolved = (parts.resolve)(config).map_err(HerderError::Unresolved)?;
    let store = store_of(parts, &resolved).await.map_err(failed)?;
    let offsets = match change {
        OffsetChange::Alter(wanted) => source_offsets(wanted)?,
        OffsetChange::Reset => everything(store.as_ref(), name).await.map_err(failed)?,
    };
    let is_all = source.alter_offsets(&resolved, &offsets).map_err(HerderError::Refused)?;
    if !offsets.is_empty() {
        store.write(name, &offsets).await.map_err(failed)?;
    }
    Ok(message(verb, is_all))
}

async fn everything(store: &dyn SourceOffsets, name: &str) -> Result<Offsets, BrokerError> {
    let committed = store.committed(name).await?;
    Ok(committed.into_iter().map(|(partition, _)| (partition, None)).collect())
}

async fn change_sink(
    parts: &HerderParts,
    name: &str,
    config: &Props,
    (sink, change): (&dyn SinkConnector, OffsetChange),
) -> Result<Message> {
    let verb = verb_of(&change);
    let failed = |source| match source {
        BrokerError::GroupNotEmpty(_) => {
            HerderError::GroupNotEmpty { verb, connector: name.to_owned() }
        }
        source => HerderError::SinkOffsets { verb, connector: name.to_owned(), source },
    };
    let group = group_of(name, config);
    let wanted = match change {
        OffsetChange::Alter(offsets) => Some(sink_offsets(offsets)?),
        OffsetChange::Reset => None,
    };
    let resolved = (parts.resolve)(config).map_err(HerderError::Unresolved)?;
    let is_all =
        sink.alter_offsets(&resolved, wanted.as_deref()).await.map_err(HerderError::Refused)?;
    let admin = parts.broker.admin(&client(name)).await.map_err(failed)?;
    match wanted {
        Some(offsets) => admin.alter_offsets(&group, &offsets).await.map_err(failed)?,
        None => admin.delete_group(&group).await.map_err(failed)?,
    }
    Ok(message(verb, is_all))
}

fn message(verb: &str, is_all: bool) -> Message {
    let done = if verb == "alter" { "altered" } else { "reset" };
    let message = if is_all {
        format!("The offsets for this connector have been {done} successfully")
    } else {
        format!(
            "The Connect framework-managed offsets for this connector have been {done} \
             successfully. However, if this connector manages offsets externally, they will need \
             to be manually {done} in the system that the connector uses."
        )
    };
    Message { message }
}

/// Reads the offsets of a request, as sources and sinks understand them alike.
pub(super) fn parse(offsets: Vec<ConnectorOffset>) -> Result<Wanted> {
    if offsets.is_empty() {
        return Err(HerderError::NoOffsets);
    }
    let pair = |offset: ConnectorOffset| {
        (offset.partition.map(SourcePartition), offset.offset.map(SourceOffset))
    };
    Ok(offsets.into_iter().map(pair).collect())
}

fn source_offsets(wanted: Wanted) -> Result<Offsets> {
    let missing = || HerderError::BadSourceOffsets("Partition objects cannot be null".to_owned());
    let pairs =
        wanted.into_iter().map(|(partition, offset)| Ok((partition.ok_or_else(missing)?, offset)));
    let offsets = pairs.collect::<Result<Offsets>>()?;
    check_flat(&offsets)?;
    Ok(offsets)
}

/// Refuses maps that are not flat.
fn check_flat(offsets: &Offsets) -> Result<()> {
    let maps = offsets.iter().flat_map(|(partition, offset)| {
        std::iter::once(&partition.0).chain(offset.as_ref().map(|offset| &offset.0))
    });
    for (key, value) in maps.flatten() {
        let kind = match value {
            Value::Array(_) => "ARRAY",
            Value::Object(_) => "MAP",
            _ => continue,
        };
        return Err(HerderError::BadSourceOffsets(format!(
            "Offsets may only contain primitive types as values, but field {key} contains {kind}"
        )));
    }
    Ok(())
}

fn sink_offsets(offsets: Wanted) -> Result<Vec<(TopicPartition, Option<i64>)>> {
    offsets
        .into_iter()
        .map(|(partition, offset)| Ok((sink_partition(partition)?, sink_offset(offset)?)))
        .collect()
}

fn bad(message: impl Into<String>) -> HerderError {
    HerderError::BadSinkOffsets(message.into())
}

fn sink_partition(partition: Option<SourcePartition>) -> Result<TopicPartition> {
    let partition = partition.ok_or_else(|| {
        bad("The partition for a sink connector offset cannot be null or missing")
    })?;
    let (Some(topic), Some(number)) =
        (partition.0.get("kafka_topic"), partition.0.get("kafka_partition"))
    else {
        return Err(bad(
            "The partition for a sink connector offset must contain the keys 'kafka_topic' and \
             'kafka_partition'",
        ));
    };
    let topic = text(topic)
        .ok_or_else(|| bad("Kafka topic names must be valid strings and may not be null"))?;
    let number = text(number)
        .ok_or_else(|| bad("Kafka partitions must be valid numbers and may not be null"))?;
    let parsed = number.parse().map_err(|_| {
        bad(format!(
            "Failed to parse the following Kafka partition value in the provided offsets: \
             '{number}'. Partition values for sink connectors need to be integers."
        ))
    })?;
    Ok(TopicPartition::new(topic, parsed))
}

fn sink_offset(offset: Option<SourceOffset>) -> Result<Option<i64>> {
    let Some(offset) = offset else { return Ok(None) };
    let value = offset.0.get("kafka_offset").ok_or_else(|| {
        bad("The offset for a sink connector should either be null or contain the key 'kafka_offset'")
    })?;
    let Some(number) = text(value) else { return Ok(None) };
    number.parse().map(Some).map_err(|_| {
        bad(format!(
            "Failed to parse the following Kafka offset value in the provided offsets: \
             '{number}'. Offset values for sink connectors need to be integers."
        ))
    })
}

/// The text of a value, as `"10"` and `10` mean the same.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
