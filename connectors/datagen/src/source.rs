//! The class, and its task.
//!
//! Source: confluentinc/kafka-connect-datagen `DatagenConnector.java`, `DatagenTask.java`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use connect_api::{
    config::{Config, ConfigDef, ConfigValue, Props, validate},
    error::{ConnectorError, ErrorClass, Result},
    record::{Header, SchemaAndValue, SourceBatch, SourceOffset, SourcePartition, SourceRecord},
    schema::{Schema, Type},
    source::{ExactlyOnceSupport, SourceConnector, SourceContext, SourceTask},
    value::Value,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use serde_json::{Map as JsonMap, Value as Json};
use tokio::time::{Instant, sleep_until};

use crate::{config::DatagenConfig, generator::Generator};

/// Records of a batch where there is no pause between them.
const BATCH_RECORDS: usize = 500;

const TASK_ID: &str = "task.id";
const TASK_GENERATION: &str = "task.generation";
const CURRENT_ITERATION: &str = "current.iteration";
const RANDOM_SEED: &str = "random.seed";

/// `io.confluent.kafka.connect.datagen.DatagenConnector`: made-up records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Datagen;

#[async_trait]
impl SourceConnector for Datagen {
    fn class(&self) -> &'static str {
        "io.confluent.kafka.connect.datagen.DatagenConnector"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        DatagenConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        validate::<DatagenConfig>(props)
    }

    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        DatagenConfig::parse(props)?;
        let config = |task: usize| {
            let mut props = props.clone();
            props.insert(TASK_ID.to_owned(), task.to_string());
            props
        };
        Ok((0..max_tasks).map(config).collect())
    }

    async fn start_task(
        &self,
        props: &Props,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>> {
        let config = DatagenConfig::parse(props)?;
        let partition = partition(context.task);
        let committed = context.offsets.committed().await?;
        let committed = committed.into_iter().find(|(known, _)| *known == partition);
        let state = match committed {
            Some((_, offset)) => State::of(&offset)?,
            None => State::first(config.random_seed, context.task),
        };
        let text = config.schema().map_err(ConnectorError::invalid)?;
        let generator = Generator::new(&text, state.iteration).map_err(ConnectorError::invalid)?;
        let key = match config.key_field() {
            "" => None,
            field => generator.schema().field_index(field).and_then(|index| {
                Some((index, Arc::clone(&generator.schema().fields().get(index)?.schema)))
            }),
        };
        Ok(Box::new(DatagenTask {
            topic: config.kafka_topic.as_str().into(),
            number: Arc::new(Schema::new(Type::Int64)),
            names: [TASK_GENERATION, TASK_ID, CURRENT_ITERATION].map(Arc::from),
            last: u64::try_from(config.iterations).ok().filter(|last| *last > 0),
            pause: Duration::from_millis(u64::try_from(config.max_interval_ms).unwrap_or(0)),
            due: None,
            task: context.task,
            partition,
            generator,
            key,
            state,
        }))
    }

    fn exactly_once_support(&self, _props: &Props) -> ExactlyOnceSupport {
        ExactlyOnceSupport::Supported
    }

    fn alter_offsets(
        &self,
        _props: &Props,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<bool> {
        for (partition, offset) in offsets {
            if !partition.0.get(TASK_ID).is_some_and(Json::is_u64) {
                return Err(ConnectorError::invalid(format!(
                    "A partition of this connector is {{\"{TASK_ID}\": n}}, the number of a task"
                )));
            }
            if let Some(offset) = offset {
                State::of(offset)?;
            }
        }
        Ok(true)
    }
}

fn partition(task: u32) -> SourcePartition {
    SourcePartition(JsonMap::from_iter([(TASK_ID.to_owned(), task.into())]))
}

/// Where a task is: everything that its next record hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    generation: u64,
    iteration: u64,
    seed: i64,
}

impl State {
    /// A task that begins; tasks of one seed each have another.
    fn first(seed: Option<i64>, task: u32) -> Self {
        let seed = seed.unwrap_or_else(rand::random);
        let seed = (0..task).fold(seed, |seed, _task| next_seed(&mut random(seed)));
        Self { generation: 0, iteration: 0, seed }
    }

    fn of(offset: &SourceOffset) -> Result<Self> {
        let wrong = |name: &str| {
            ConnectorError::invalid(format!("The offset has no number under \"{name}\""))
        };
        let number =
            |name: &str| offset.0.get(name).and_then(Json::as_u64).ok_or_else(|| wrong(name));
        let seed = offset.0.get(RANDOM_SEED).and_then(Json::as_i64);
        Ok(Self {
            generation: number(TASK_GENERATION)?,
            iteration: number(CURRENT_ITERATION)?,
            seed: seed.ok_or_else(|| wrong(RANDOM_SEED))?,
        })
    }

    /// What the next life of the task begins with.
    fn offset(self) -> SourceOffset {
        SourceOffset(JsonMap::from_iter([
            (TASK_GENERATION.to_owned(), self.generation.saturating_add(1).into()),
            (CURRENT_ITERATION.to_owned(), self.iteration.into()),
            (RANDOM_SEED.to_owned(), self.seed.into()),
        ]))
    }
}

fn random(seed: i64) -> SmallRng {
    SmallRng::seed_from_u64(seed.cast_unsigned())
}

fn next_seed(random: &mut SmallRng) -> i64 {
    random.random()
}

/// A running datagen source.
struct DatagenTask {
    topic: Arc<str>,
    number: Arc<Schema>,
    /// Names of the headers.
    names: [Arc<str>; 3],
    /// Records after which it fails.
    last: Option<u64>,
    pause: Duration,
    /// When the next record is due; none while that is not drawn yet.
    due: Option<Instant>,
    task: u32,
    partition: SourcePartition,
    generator: Generator,
    /// Place and schema of the field that is the key.
    key: Option<(usize, Arc<Schema>)>,
    state: State,
}

impl DatagenTask {
    fn record(&mut self) -> Result<SourceRecord> {
        let mut random = random(self.state.seed);
        let value = self.generator.next(&mut random).map_err(ConnectorError::internal)?;
        let key = match (&self.key, &value) {
            (Some((index, schema)), Value::Struct(record)) => {
                let key = record.values().get(*index).cloned().unwrap_or_default();
                SchemaAndValue::new(Arc::clone(schema), key)
            }
            _ => SchemaAndValue::new(Schema::optional_string(), Value::Null),
        };
        let State { generation, iteration, .. } = self.state;
        let numbers = [generation, self.task.into(), iteration];
        let header = |(name, number): (&Arc<str>, u64)| {
            let number = Value::Int64(i64::try_from(number).unwrap_or(i64::MAX));
            Header {
                key: Arc::clone(name),
                data: SchemaAndValue::new(Arc::clone(&self.number), number),
            }
        };
        let headers = self.names.iter().zip(numbers).map(header).collect();
        self.state.iteration += 1;
        self.state.seed = next_seed(&mut random);
        let value = SchemaAndValue::new(Arc::clone(self.generator.schema()), value);
        Ok(SourceRecord { key, headers, ..SourceRecord::new(Arc::clone(&self.topic), value) })
    }

    fn left(&self) -> u64 {
        self.last.map_or(u64::MAX, |last| last.saturating_sub(self.state.iteration))
    }
}

#[async_trait]
impl SourceTask for DatagenTask {
    async fn poll(&mut self) -> Result<SourceBatch> {
        let has_pause = !self.pause.is_zero();
        if has_pause {
            let due = *self
                .due
                .get_or_insert_with(|| Instant::now() + self.pause.mul_f64(rand::random::<f64>()));
            sleep_until(due).await;
            self.due = None;
        }
        let left = usize::try_from(self.left()).unwrap_or(usize::MAX);
        if left == 0 {
            let last = self.last.unwrap_or_default();
            return Err(ConnectorError::new(
                ErrorClass::Internal,
                format!("Stopping connector: generated the configured {last} number of messages"),
            ));
        }
        let count = left.min(if has_pause { 1 } else { BATCH_RECORDS });
        let records = (0..count).map(|_| self.record()).collect::<Result<Vec<_>>>()?;
        let offsets = vec![(self.partition.clone(), Some(self.state.offset()))];
        Ok(SourceBatch { records, offsets })
    }
}
