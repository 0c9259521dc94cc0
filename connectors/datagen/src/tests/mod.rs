//! Tests of the whole connector.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use connect_api::{
    config::{ConfigDef, ConfigValue, Props},
    error::Result,
    record::{SourceBatch, SourceOffset, SourceRecord},
    source::{SourceConnector, SourceContext, SourceTask},
    value::Value,
};
use connect_testkit::{ManualClock, MemoryOffsets, source::SourceFixture, source_context};
use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::SmallRng};
use tokio::sync::watch;

use crate::{Datagen, generator::Generator, quickstart::QUICKSTARTS};

async fn task(
    entries: &[(&str, &str)],
    offsets: &Arc<MemoryOffsets>,
    number: u32,
) -> Box<dyn SourceTask> {
    let mut props = Props::from([("kafka.topic", "t"), ("max.interval", "0")]);
    for (key, value) in entries {
        props.insert((*key).to_owned(), (*value).to_owned());
    }
    let context = source_context(offsets, &ManualClock::at(0));
    Datagen.start_task(&props, SourceContext { task: number, ..context }).await.unwrap()
}

async fn values(entries: &[(&str, &str)], number: u32) -> Vec<Value> {
    let mut task = task(entries, &Arc::default(), number).await;
    task.poll().await.unwrap().records.into_iter().map(|record| record.value.value).collect()
}

#[tokio::test]
async fn every_quickstart_makes_records_with_its_key() {
    assert_eq!(QUICKSTARTS.iter().map(|known| known.name).collect::<BTreeSet<_>>().len(), 38);
    for known in &QUICKSTARTS {
        let mut task = task(&[("quickstart", known.name)], &Arc::default(), 0).await;
        let batch = task.poll().await.unwrap();
        assert!(batch.records.len() > 100, "{}", known.name);
        for record in batch.records {
            let schema = record.value.schema.unwrap();
            let index = schema.field_index(known.key).expect(known.name);
            assert_eq!(record.key.schema.as_ref(), Some(&schema.fields()[index].schema));
            assert_eq!(Some(&record.key.value), record.value.value.member(known.key));
            assert!(!record.key.value.is_null(), "{}", known.name);
        }
    }
}

#[tokio::test]
async fn records_are_what_the_tutorials_show() {
    let orders = values(&[("quickstart", "ORDERS"), ("random.seed", "1")], 0).await;
    for (number, order) in orders.iter().enumerate() {
        assert_eq!(order.member("orderid"), Some(&Value::Int32(i32::try_from(number).unwrap())));
        let item = order.member("itemid").and_then(Value::as_str).unwrap();
        let digits = item.strip_prefix("Item_").unwrap();
        assert!((1..=3).contains(&digits.len()) && !digits.starts_with('0'), "{item}");
        let Some(Value::Float64(units)) = order.member("orderunits") else { panic!("{order:?}") };
        assert!((0.1..10.0).contains(units), "{units}");
        let zip = order.path("address.zipcode").and_then(Value::as_i64).unwrap();
        assert!((10_000..99_999).contains(&zip), "{zip}");
    }
    let views = values(&[("quickstart", "pageviews")], 0).await;
    let times: Vec<_> =
        views.iter().map(|view| view.member("viewtime").unwrap().as_i64()).collect();
    assert_eq!(times[..3], [Some(1), Some(11), Some(21)]);
    let bought = values(&[("quickstart", "purchases")], 0).await;
    for one in &bought {
        let Some(Value::Decimal(price)) = one.member("price_per_unit") else { panic!("{one:?}") };
        let unscaled = price.unscaled.iter().fold(0, |sum, byte| sum * 256 + i32::from(*byte));
        assert!(price.scale == 2 && (1000..5000).contains(&unscaled), "{price:?}");
    }
    let stores = values(&[("quickstart", "stores")], 0).await;
    let cities: BTreeSet<_> =
        stores.iter().map(|store| store.member("city").unwrap().as_str().unwrap()).collect();
    assert_eq!(cities.len(), 7, "{cities:?}");
}

#[tokio::test]
async fn a_seed_makes_the_same_records_and_each_task_has_others() {
    let seeded = [("quickstart", "users"), ("random.seed", "42")];
    assert_eq!(values(&seeded, 0).await, values(&seeded, 0).await);
    assert_ne!(values(&seeded, 0).await, values(&seeded, 1).await);
    let other = [("quickstart", "users"), ("random.seed", "43")];
    assert_ne!(values(&seeded, 0).await, values(&other, 0).await);
    let unseeded = [("quickstart", "users")];
    assert_ne!(values(&unseeded, 0).await, values(&unseeded, 0).await);
}

#[tokio::test]
async fn iterations_end_as_the_original_ends_them_and_do_not_begin_anew() {
    let offsets = Arc::new(MemoryOffsets::default());
    let entries = [("quickstart", "orders"), ("iterations", "7")];
    let mut first = task(&entries, &offsets, 0).await;
    let batch = first.poll().await.unwrap();
    assert_eq!(batch.records.len(), 7);
    let headers = |record: &SourceRecord| {
        let headers = record.headers.iter();
        headers
            .map(|header| (header.key.to_string(), header.data.value.as_i64()))
            .collect::<Vec<_>>()
    };
    let named = |generation, iteration| {
        vec![
            ("task.generation".to_owned(), Some(generation)),
            ("task.id".to_owned(), Some(0)),
            ("current.iteration".to_owned(), Some(iteration)),
        ]
    };
    assert_eq!(headers(&batch.records[6]), named(0, 6));
    offsets.commit(&batch.offsets);
    let expected = "Stopping connector: generated the configured 7 number of messages";
    assert_eq!(first.poll().await.unwrap_err().to_string(), expected);
    let mut second = task(&entries, &offsets, 0).await;
    assert_eq!(second.poll().await.unwrap_err().to_string(), expected);
    let mut more = task(&[("quickstart", "orders"), ("iterations", "9")], &offsets, 0).await;
    let batch = more.poll().await.unwrap();
    assert_eq!(headers(&batch.records[0]), named(1, 7), "the next life goes on");
    assert_eq!(batch.records[0].key.value, Value::Int32(7), "and so do its series");
}

#[tokio::test(start_paused = true)]
async fn a_pause_goes_on_where_a_dropped_poll_left_it() {
    let entries = [("quickstart", "users"), ("max.interval", "1000")];
    let mut task = task(&entries, &Arc::default(), 0).await;
    let began = tokio::time::Instant::now();
    let mut records = 0;
    while records < 20 {
        let polled = tokio::time::timeout(Duration::from_millis(10), task.poll()).await;
        records += polled.map_or(0, |batch| batch.unwrap().records.len());
    }
    assert!(began.elapsed() < Duration::from_secs(21), "{:?}", began.elapsed());
    assert!(began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
}

fn one_field(kind: &str) -> String {
    format!(r#"{{"type":"record","name":"r","fields":[{{"name":"f","type":{kind}}}]}}"#)
}

/// The first values of a field of a type.
fn series(kind: &str, count: usize) -> Vec<Value> {
    let mut generator = Generator::new(&one_field(kind), 0).unwrap();
    let mut random = SmallRng::seed_from_u64(9);
    (0..count).map(|_| generator.next(&mut random).unwrap().member("f").unwrap().clone()).collect()
}

#[test]
fn series_go_back_to_their_start() {
    let of = |kind: &str, iteration: &str| {
        let kind = format!(r#"{{"type":"{kind}","arg.properties":{{"iteration":{iteration}}}}}"#);
        series(&kind, 5)
    };
    let ints = |numbers: [i32; 5]| numbers.map(Value::Int32).to_vec();
    assert_eq!(of("int", r#"{"start":5}"#), ints([5, 6, 7, 8, 9]));
    assert_eq!(of("int", r#"{"start":0,"restart":6,"step":2}"#), ints([0, 2, 4, 0, 2]));
    assert_eq!(of("int", r#"{"start":3,"restart":0}"#), ints([3, 2, 1, 3, 2]));
    assert_eq!(of("int", r#"{"start":0,"restart":3,"initial":2}"#), ints([2, 0, 1, 2, 0]));
    let doubles = of("double", r#"{"start":0,"step":0.5,"restart":1.5}"#);
    assert_eq!(doubles, [0.0, 0.5, 1.0, 0.0, 0.5].map(Value::Float64));
    let flags = of("boolean", r#"{"start":true}"#);
    assert_eq!(flags, [true, false, true, false, true].map(Value::Boolean));
    let prefixed = series(
        r#"{"type":"string","arg.properties":{"iteration":{"start":9},"prefix":"a-","suffix":"!"}}"#,
        2,
    );
    assert_eq!(prefixed, ["a-9!".into(), Value::from("a-10!")]);
}

#[test]
fn what_is_wrong_is_named_with_its_field() {
    for (kind, expected) in [
        (
            r#"{"type":"int","arg.properties":{"rnage":{}}}"#,
            "has no property rnage; there are options",
        ),
        (
            r#"{"type":"int","arg.properties":{"range":{"min":2,"max":2}}}"#,
            "min must be less than max",
        ),
        (
            r#"{"type":"int","arg.properties":{"range":{"min":3000000000}}}"#,
            "min is no number of the type",
        ),
        (
            r#"{"type":"int","arg.properties":{"options":["a"]}}"#,
            "options: \"a\" is no value of the type",
        ),
        (r#"{"type":"int","arg.properties":{"options":[]}}"#, "options has no option"),
        (
            r#"{"type":"int","arg.properties":{"options":[1],"range":{"min":1}}}"#,
            "Cannot specify range prop when options prop is given",
        ),
        (r#"{"type":"string","arg.properties":{"regex":"(a"}}"#, "regex \"(a\": unclosed group"),
        (
            r#"{"type":"string","arg.properties":{"length":{"min":3,"max":3}}}"#,
            "min must be less than max",
        ),
        (
            r#"{"type":"boolean","arg.properties":{"odds":2}}"#,
            "odds must be in the range [0.0, 1.0]",
        ),
        (
            r#"{"type":"int","arg.properties":{"iteration":{"start":1,"restart":1}}}"#,
            "no step leads",
        ),
        (r#"{"type":"int","arg.properties":{"iteration":{"start":1,"step":0}}}"#, "no step leads"),
        (r#"{"type":"bytes","arg.properties":{"iteration":{"start":1}}}"#, "has no iteration"),
        (r#"{"type":"int","arg.properties":[]}"#, "arg.properties must be an object"),
        (r#"["null","r"]"#, "contains itself"),
    ] {
        let error = Generator::new(&one_field(kind), 0).unwrap_err();
        assert!(error.contains(expected), "{kind}: {error}");
        assert!(error.starts_with("Field \"f\": ") || expected == "contains itself", "{error}");
    }
    let error = Generator::new("{", 0).unwrap_err();
    assert!(error.starts_with("Unable to parse the provided schema: "), "{error}");
    assert!(Generator::new("\"int\"", 0).is_err());
}

#[test]
fn every_type_has_values_in_its_bounds() {
    let texts = series(
        r#"{"type":"string","arg.properties":{"regex":"[a-c]*x?","length":{"min":3,"max":6}}}"#,
        200,
    );
    for text in texts {
        let text = text.as_str().unwrap().to_owned();
        assert!((3..6).contains(&text.len()), "{text}");
    }
    let odds = series(r#"{"type":"boolean","arg.properties":{"odds":0.1}}"#, 1000);
    let count = odds.iter().filter(|value| **value == Value::Boolean(true)).count();
    assert!((50..200).contains(&count), "{count}");
    for kind in [
        r#""long""#,
        r#""float""#,
        r#""double""#,
        r#""bytes""#,
        r#""string""#,
        r#"["null","int"]"#,
        r#"{"type":"fixed","name":"x","size":3}"#,
        r#"{"type":"enum","name":"e","symbols":["A","B"]}"#,
        r#"{"type":"array","items":["null","string"]}"#,
        r#"["int","string",{"type":"map","values":"long"}]"#,
        r#"{"type":"fixed","name":"d","size":2,"logicalType":"decimal","precision":4,"scale":1}"#,
        r#"{"type":"bytes","logicalType":"decimal","precision":30,"scale":3}"#,
        r#"{"type":"map","values":"int","arg.properties":{"keys":{"regex":"k[0-9]"},"length":2}}"#,
        r#"{"type":"string","arg.properties":{"regex":"\\d\\w.[^a]\\p{Greek}"}}"#,
    ] {
        assert_eq!(series(kind, 100).len(), 100, "{kind}");
    }
}

proptest! {
    #[test]
    fn a_text_of_an_expression_matches_it(
        pattern in "([a-z]|\\[a-f\\]|\\(x\\|yz\\)|\\\\d|\\.)([?*]|\\{1,3\\})?([A-Z]|\\[0-9\\]){0,2}", seed: u64
    ) {
        let kind = serde_json::json!({"type": "string", "arg.properties": {"regex": pattern}});
        let mut generator = Generator::new(&one_field(&kind.to_string()), 0).unwrap();
        let record = generator.next(&mut SmallRng::seed_from_u64(seed)).unwrap();
        let text = record.member("f").and_then(Value::as_str).unwrap().to_owned();
        let anchored = format!("^(?:{pattern})$");
        let found = regex::Regex::new(&anchored).unwrap().is_match(&text);
        prop_assert!(found, "{} for {}", text, pattern);
    }
}

/// Records come by themselves, numbered: one for each that is fed.
struct Numbers {
    fed: watch::Sender<u64>,
}

/// The connector, whose tasks wait until they are fed.
#[derive(Debug)]
struct Gated(watch::Receiver<u64>);

struct GatedTask {
    task: Box<dyn SourceTask>,
    fed: watch::Receiver<u64>,
    next: u64,
}

#[async_trait]
impl SourceConnector for Gated {
    fn class(&self) -> &'static str {
        Datagen.class()
    }
    fn version(&self) -> &'static str {
        Datagen.version()
    }
    fn config_def(&self) -> ConfigDef {
        Datagen.config_def()
    }
    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        Datagen.validate(props)
    }
    fn task_configs(&self, props: &Props, max_tasks: usize) -> Result<Vec<Props>> {
        Datagen.task_configs(props, max_tasks)
    }
    async fn start_task(
        &self,
        props: &Props,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>> {
        let committed = context.offsets.committed().await?;
        let next = committed.first().and_then(|(_, offset)| offset.0["current.iteration"].as_u64());
        let task = Datagen.start_task(props, context).await?;
        Ok(Box::new(GatedTask { task, fed: self.0.clone(), next: next.unwrap_or(0) }))
    }
}

#[async_trait]
impl SourceTask for GatedTask {
    async fn poll(&mut self) -> Result<SourceBatch> {
        let next = self.next;
        self.fed.wait_for(|fed| *fed > next).await.unwrap();
        let batch = self.task.poll().await?;
        self.next += 1;
        Ok(batch)
    }
}

impl SourceFixture for Numbers {
    async fn start() -> Self {
        Self { fed: watch::Sender::new(0) }
    }
    fn connector(&self) -> Box<dyn SourceConnector> {
        Box::new(Gated(self.fed.subscribe()))
    }
    fn props(&self) -> Props {
        let schema = one_field(
            r#"{"type":"string","arg.properties":{"iteration":{"start":0},"prefix":"record-"}}"#,
        );
        Props::from([("kafka.topic", "t"), ("max.interval", "1"), ("schema.string", &schema)])
    }

    fn lost(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    fn broken_props(&self) -> (Props, Vec<&'static str>) {
        let props = Props::from([("max.interval", "x"), ("iterations", "1.5")]);
        (props, vec!["kafka.topic", "max.interval", "iterations"])
    }
    async fn feed(&self, _id: &str) {
        self.fed.send_modify(|fed| *fed += 1);
    }
    fn id(&self, record: &SourceRecord) -> String {
        record.value.value.member("f").and_then(Value::as_str).unwrap().to_owned()
    }
    fn position(&self, offset: &SourceOffset) -> Option<i64> {
        offset.0.get("current.iteration")?.as_i64()
    }
}

mod conformance {
    use super::*;

    connect_testkit::source_conformance!(Numbers);
}
