//! Everything a connector author needs: records, schemas, configuration, tasks, errors.
//!
//! A connector is a type that implements [`source::SourceConnector`] or [`sink::SinkConnector`]
//! and makes tasks. The rooms, lowest first: [`error`] says what follows from a failure;
//! [`schema`], [`value`] and [`record`] are the data, [`value_text`] is their text, [`json`] a way to
//! read and write them and [`date_format`] Java's patterns for dates; [`config`] is one definition
//! per option; [`time`] and [`budget`] are what a task takes time and memory from, and [`figures`]
//! is where it counts what only it knows; [`source`], [`sink`] and [`convert`] are the contracts with
//! their written life cycles; [`topics`] is how a sink writes records itself; [`insight`] is what a
//! connector tells of itself when it is asked; [`cluster`] is what a REST extension may know.
//!
//! # A whole connector
//!
//! This source counts: it writes the numbers from where it stopped last time.
//!
//! ```
//! use async_trait::async_trait;
//! use connect_api::{
//!     config::{self, Config, ConfigDef, ConfigValue, Props},
//!     error::Result,
//!     record::{SchemaAndValue, SourceBatch, SourceOffset, SourcePartition, SourceRecord},
//!     schema::{Schema, Type},
//!     source::{SourceConnector, SourceContext, SourceTask},
//!     value::Value,
//! };
//! use std::sync::Arc;
//!
//! /// Options of the counter.
//! #[derive(Config, Debug)]
//! struct CounterConfig {
//!     /// Topic the numbers go to.
//!     #[config(importance = High)]
//!     topic: String,
//!     /// Numbers in one batch.
//!     #[config(key = "batch.size", default = 100, importance = Low, check = at_least(1))]
//!     batch_size: u32,
//! }
//!
//! #[derive(Debug)]
//! struct Counter;
//!
//! #[async_trait]
//! impl SourceConnector for Counter {
//!     fn class(&self) -> &'static str {
//!         "example.CounterSourceConnector"
//!     }
//!     fn version(&self) -> &'static str {
//!         env!("CARGO_PKG_VERSION")
//!     }
//!     fn config_def(&self) -> ConfigDef {
//!         CounterConfig::def()
//!     }
//!     fn validate(&self, props: &Props) -> Vec<ConfigValue> {
//!         config::validate::<CounterConfig>(props)
//!     }
//!     fn task_configs(&self, props: &Props, _max_tasks: usize) -> Result<Vec<Props>> {
//!         CounterConfig::parse(props)?;
//!         Ok(vec![props.clone()]) // counting cannot be shared out
//!     }
//!     async fn start_task(
//!         &self,
//!         props: &Props,
//!         context: SourceContext,
//!     ) -> Result<Box<dyn SourceTask>> {
//!         let config = CounterConfig::parse(props)?;
//!         let committed = context.offsets.committed().await?;
//!         let next = committed.first().and_then(|(_, offset)| offset.0.get("next")?.as_i64());
//!         Ok(Box::new(CounterTask { config, next: next.unwrap_or(0) }))
//!     }
//! }
//!
//! struct CounterTask {
//!     config: CounterConfig,
//!     next: i64,
//! }
//!
//! #[async_trait]
//! impl SourceTask for CounterTask {
//!     async fn poll(&mut self) -> Result<SourceBatch> {
//!         let topic: Arc<str> = self.config.topic.as_str().into();
//!         let schema = Arc::new(Schema::new(Type::Int64));
//!         let numbers = self.next..self.next + i64::from(self.config.batch_size);
//!         self.next = numbers.end;
//!         let record = |number| {
//!             let value = SchemaAndValue::new(Arc::clone(&schema), Value::Int64(number));
//!             SourceRecord::new(Arc::clone(&topic), value)
//!         };
//!         let offset = SourceOffset([("next".to_owned(), self.next.into())].into_iter().collect());
//!         Ok(SourceBatch {
//!             records: numbers.map(record).collect(),
//!             offsets: vec![(SourcePartition::default(), Some(offset))],
//!         })
//!     }
//! }
//!
//! let props = Props::from_iter([("topic", "numbers"), ("batch.size", "0")]);
//! let problems: Vec<_> = Counter.validate(&props).into_iter().flat_map(|v| v.errors).collect();
//! assert_eq!(
//!     problems,
//!     ["Invalid value 0 for configuration batch.size: Value must be at least 1"]
//! );
//! ```

extern crate self as connect_api;

pub mod budget;
pub mod cluster;
pub mod config;
pub mod convert;
pub mod date_format;
pub mod error;
pub mod figures;
pub mod insight;
pub mod json;
pub mod record;
pub mod schema;
pub mod sink;
mod sought;
pub mod source;
pub mod time;
pub mod topics;
pub mod value;
pub mod value_text;
