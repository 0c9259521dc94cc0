//! Options of the two classes, as users write them.
//!
//! The keys, types and defaults are those of Confluent's Elasticsearch sink 15.2 and of Aiven's
//! OpenSearch sink 4.1. What is accepted there and cannot be honoured here is refused by name.

mod elasticsearch;
mod opensearch;
mod shared;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use self::shared::{address, pairs};
pub use self::{
    elasticsearch::ElasticsearchSinkConfig,
    opensearch::OpenSearchSinkConfig,
    shared::{ClusterKeys, ConversionKeys},
    words::{
        Behavior, DataStreamType, ExistingType, ExternalUsage, IdStrategy, MalformedBehavior,
        NullBehavior, RoutingType, SecurityProtocol, WriteMethod,
    },
};
