//! What is linked in: one line per connector.

use std::sync::Arc;

use axum::Router;
use connect_api::{cluster::ConnectClusterState, time::Clock};
use serde_json::Value as Json;

use crate::{
    convert::ConverterRegistry,
    herder::{Plugin, Plugins},
    transform,
};

type MakeRouters = fn(Arc<dyn ConnectClusterState>, Arc<dyn Clock>) -> Vec<Router>;

/// Everything that connector crates contribute.
pub(crate) struct Linked {
    /// Their classes, with the converters, transformations and predicates of our own.
    pub(crate) classes: Plugins,
    /// Makes their routers, once for each listener.
    pub(crate) routers: MakeRouters,
    /// Makes those of their routers that read bodies themselves.
    pub(crate) streaming: MakeRouters,
    /// Describes the paths of the routers.
    pub(crate) openapi: fn() -> Json,
    /// Ends answers that would go on for ever, so that the REST server can drain.
    pub(crate) end_streams: fn(),
}

/// Collects what is linked in.
pub(crate) fn linked() -> Linked {
    Linked { classes: classes(), routers, streaming, openapi, end_streams }
}

/// The classes that are linked in.
#[must_use]
pub fn classes() -> Plugins {
    let converters = converters();
    let plugin = |class: &str, version: &str, def| Plugin {
        class: class.to_owned(),
        version: version.to_owned(),
        def,
        build: None,
    };
    Plugins {
        sources: vec![
            Arc::new(connect_csv::CsvSource),
            Arc::new(connect_file::LogFileSource),
            Arc::new(connect_file::FileStreamSource),
            Arc::new(connect_web::WebEventSource),
            Arc::new(connect_datagen::Datagen),
        ],
        sinks: vec![
            Arc::new(connect_aggregate::AggregateSink),
            Arc::new(connect_excel::ExcelSink),
            Arc::new(connect_elasticsearch::SearchSink::ELASTICSEARCH),
            Arc::new(connect_elasticsearch::SearchSink::OPENSEARCH),
            Arc::new(connect_elasticsearch::SearchSink::OPENSEARCH_LEGACY),
            Arc::new(connect_file::FileStreamSink),
            Arc::new(connect_hdfs::HdfsSink::HDFS2),
            Arc::new(connect_hdfs::HdfsSink::HDFS3),
            Arc::new(connect_jdbc::JdbcSink::CONFLUENT),
            Arc::new(connect_jdbc::JdbcSink::AIVEN),
            Arc::new(connect_http::HttpSink::CONFLUENT),
            Arc::new(connect_http::HttpSink::AIVEN),
            Arc::new(connect_s3::S3Sink),
            Arc::new(connect_s3::AivenS3Sink),
        ],
        converters: converters
            .plugins()
            .filter_map(|entry| {
                let build = Some(entry.build_converter()?);
                Some(Plugin { build, ..plugin(entry.class, entry.version, entry.def) })
            })
            .collect(),
        header_converters: converters
            .plugins()
            .filter(|entry| entry.is_header_converter())
            .map(|entry| plugin(entry.class, entry.version, entry.def))
            .collect(),
        transforms: transform::transform_registry()
            .iter()
            .map(|entry| plugin(entry.class, entry.version, entry.def))
            .collect(),
        predicates: transform::predicate_registry()
            .iter()
            .map(|entry| plugin(entry.class, entry.version, entry.def))
            .collect(),
    }
}

/// The converters that are linked in.
pub(crate) fn converters() -> ConverterRegistry {
    ConverterRegistry::own().with(connect_schema_registry::converters())
}

fn end_streams() {
    connect_aggregate::LiveAggregates::of_process().end_streams();
}

fn routers(cluster: Arc<dyn ConnectClusterState>, clock: Arc<dyn Clock>) -> Vec<Router> {
    let live = connect_aggregate::LiveAggregates::of_process();
    let aggregates = connect_aggregate::router(live, Arc::clone(&cluster), clock);
    vec![aggregates, connect_excel::router(cluster)]
}

fn streaming(cluster: Arc<dyn ConnectClusterState>, clock: Arc<dyn Clock>) -> Vec<Router> {
    vec![connect_csv::router(connect_csv::LiveFiles::of_process(), cluster, clock)]
}

/// What the routers describe of themselves, as one description.
fn openapi() -> Json {
    let mut whole = connect_aggregate::openapi();
    for part in [connect_csv::openapi(), connect_excel::openapi()] {
        merge(&mut whole, part);
    }
    whole
}

/// Adds the members of one object to another, and those of their members.
fn merge(whole: &mut Json, part: Json) {
    match (whole, part) {
        (Json::Object(whole), Json::Object(part)) => {
            for (name, value) in part {
                merge(whole.entry(name).or_insert(Json::Null), value);
            }
        }
        (whole, part) => *whole = part,
    }
}
