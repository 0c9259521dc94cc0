//! Folders of records.

use connect_api::{
    config::{Config, Props},
    record::{SchemaAndValue, TimestampType, TopicPartition},
    schema::Type,
    value::{Map, Struct},
};

use super::{moment::text_time_ms, *};

/// 2024-03-05T09:30:00Z.
const MORNING: i64 = 1_709_631_000_000;

fn config(more: &[(&str, &str)]) -> StorageKeys {
    let mut props = Props::from([("locale", "en"), ("timezone", "UTC")]);
    props.extend(more.iter().copied());
    StorageKeys::parse(&props).unwrap()
}

fn record(value: SchemaAndValue, timestamp_ms: Option<i64>) -> SinkRecord {
    SinkRecord {
        topic: "orders".into(),
        origin: TopicPartition::new("orders", 2),
        offset: 7,
        timestamp_ms,
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::NULL,
        value,
        headers: Vec::new(),
    }
}

fn order() -> SchemaAndValue {
    let address = Arc::new(Schema::new(Type::Struct).field("zip", Schema::optional_string()));
    let schema = Arc::new(
        Schema::new(Type::Struct)
            .named("com.x.Order")
            .field("region", Schema::string())
            .field("address", Arc::clone(&address))
            .field("size", Schema::new(Type::Float64))
            .field("at", Schema::string()),
    );
    let values = vec![
        "eu".into(),
        Value::Struct(Struct::new(address, vec![])),
        Value::Float64(1.0),
        "2024-03-05T10:00:00+09:00".into(),
    ];
    SchemaAndValue::new(Arc::clone(&schema), Value::Struct(Struct::new(schema, values)))
}

fn route(config: &StorageKeys, record: &SinkRecord) -> Result<Arc<str>> {
    let mut router = Router::new(config)?;
    let time = router.time_ms(record, MORNING)?;
    router.folder(record, time)
}

#[test]
fn fields_of_structs_and_maps_make_folders() {
    let config = config(&[
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "region,address.zip"),
    ]);
    assert_eq!(
        &*route(&config, &record(order(), None)).unwrap(),
        "topics/orders/region=eu/address.zip=null"
    );
    let inner = Value::Map(Map::new(vec![("zip".into(), Value::Int64(7))]));
    let map = Map::new(vec![("region".into(), "a/b".into()), ("address".into(), inner)]);
    let map = record(SchemaAndValue::schemaless(Value::Map(map)), None);
    assert_eq!(&*route(&config, &map).unwrap(), "topics/orders/region=a/b/address.zip=7");
}

fn field_and_time(more: &[(&str, &str)]) -> StorageKeys {
    let base = [
        ("partitioner.class", "com.canelmas.kafka.connect.FieldAndTimeBasedPartitioner"),
        ("partition.field.name", "region,address.zip"),
        ("partition.duration.ms", "86400000"),
        ("path.format", "'year'=YYYY/'month'=MM/'day'=dd"),
    ];
    config(&base.iter().chain(more).copied().collect::<Vec<_>>())
}

#[test]
fn fields_come_before_the_time_with_their_names_or_without() {
    let order = record(order(), Some(MORNING));
    for (more, expected) in [
        (vec![], "topics/orders/region=eu/address.zip=null/year=2024/month=03/day=05"),
        (
            vec![("partition.field.format.path", "false"), ("timestamp.extractor", "Record")],
            "topics/orders/eu/null/year=2024/month=03/day=05",
        ),
        (
            vec![("directory.delim", "|"), ("path.format", "YYYY")],
            "topics|orders|region=eu/address.zip=null|2024",
        ),
    ] {
        assert_eq!(&*route(&field_and_time(&more), &order).unwrap(), expected, "{more:?}");
    }
    assert!(route(&field_and_time(&[("partition.field.name", "missing")]), &order).is_err());
}

#[test]
fn the_schemas_name_stands_before_the_folder_or_after_it() {
    let order = record(order(), None);
    let by_time = field_and_time(&[("path.format", "YYYY")]);
    for (keys, affix, expected) in [
        (&config(&[]), Affix::Prefix, "topics/orders/schema_name=com.x.Order/partition=2"),
        (
            &config(&[("directory.delim", "|")]),
            Affix::Suffix,
            "topics|orders|partition=2|schema_name=com.x.Order",
        ),
        (
            &by_time,
            Affix::Prefix,
            "topics/orders/schema_name=com.x.Order/region=eu/address.zip=null/2024",
        ),
    ] {
        let mut router = Router::new(keys).unwrap().with_schema_names(affix);
        assert_eq!(&*router.folder(&order, Some(MORNING)).unwrap(), expected);
    }
}

#[test]
fn a_lane_by_the_clock_is_the_folder_without_its_time() {
    let order = record(order(), None);
    let lane = |config: &StorageKeys| Router::new(config).unwrap().clock_lane(&order).unwrap();
    assert_eq!(&*lane(&field_and_time(&[])), "topics/orders/region=eu/address.zip=null/");
    let hourly = ("partitioner.class", "HourlyPartitioner");
    assert_eq!(&*lane(&config(&[hourly])), "orders");
    let mut named = Router::new(&config(&[hourly])).unwrap().with_schema_names(Affix::Suffix);
    assert!(named.clock_lane(&order).unwrap().contains("schema_name=com.x.Order"));
}

#[test]
fn values_that_make_no_folder_are_bad_records() {
    for (field, value, reason) in [
        ("size", order(), "FLOAT64"),
        ("missing", order(), "no field \"missing\""),
        ("region", SchemaAndValue::schemaless("text".into()), "needs a struct or a map"),
    ] {
        let config =
            config(&[("partitioner.class", "FieldPartitioner"), ("partition.field.name", field)]);
        let error = route(&config, &record(value, None)).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.class(), connect_api::error::ErrorClass::Record);
    }
}

fn by_time(extractor: &str, field: &str) -> StorageKeys {
    config(&[
        ("partitioner.class", "TimeBasedPartitioner"),
        ("partition.duration.ms", "3600000"),
        ("path.format", "YYYY-MM-dd/HH-mm/"),
        ("timestamp.extractor", extractor),
        ("timestamp.field", field),
    ])
}

#[test]
fn time_comes_from_the_clock_the_record_or_a_field() {
    for (extractor, field, expected) in [
        ("Wallclock", "at", "topics/orders/2024-03-05/09-00"),
        ("Record", "at", "topics/orders/1970-01-01/00-00"),
        ("RecordField", "at", "topics/orders/2024-03-05/01-00"),
    ] {
        let config = by_time(extractor, field);
        let folder = route(&config, &record(order(), Some(1))).unwrap();
        assert_eq!(&*folder, expected, "{extractor}");
    }
    assert!(route(&by_time("Record", ""), &record(order(), None)).is_err());
    assert!(route(&by_time("RecordField", "region"), &record(order(), None)).is_err());
    assert!(route(&by_time("RecordField", "size"), &record(order(), None)).is_err());
}

#[test]
fn texts_are_milliseconds_or_iso_times() {
    for (text, expected) in [
        ("1709631000000", Some(MORNING)),
        ("-5", Some(-5)),
        ("2024-03-05T09:30:00Z", Some(MORNING)),
        ("2024-03-05T18:30:00.000+09:00", Some(MORNING)),
        ("2024-03-05T09:30:00", Some(MORNING)),
        ("2024-03-05T09:30", Some(MORNING)),
        ("1970-01-02", Some(86_400_000)),
        ("yesterday", None),
        ("", None),
    ] {
        assert_eq!(text_time_ms(text), expected, "{text}");
    }
}

#[test]
fn earlier_buckets_are_searched_newest_first() {
    let mut router = Router::new(&by_time("Wallclock", "")).unwrap();
    let folders = router.folders_back(&record(order(), None), MORNING, 3);
    let folders: Vec<_> = folders.iter().map(|folder| &**folder).collect();
    assert_eq!(
        folders,
        [
            "topics/orders/2024-03-05/09-00",
            "topics/orders/2024-03-05/08-00",
            "topics/orders/2024-03-05/07-00"
        ]
    );
}

proptest::proptest! {
    /// The folder that is remembered is the one that would be found.
    #[test]
    fn remembering_a_folder_changes_nothing(
        times in proptest::collection::vec(MORNING - 400_000_000..MORNING + 900_000_000, 1..40),
        zone in proptest::sample::select(vec!["UTC", "Europe/Berlin", "Asia/Kolkata", "+05:45"]),
    ) {
        let config = config(&[
            ("partitioner.class", "HourlyPartitioner"),
            ("timestamp.extractor", "Record"),
            ("timezone", zone),
        ]);
        let mut router = Router::new(&config).unwrap();
        for time in times {
            let record = record(order(), Some(time));
            let fresh = route(&config, &record).unwrap();
            proptest::prop_assert_eq!(router.folder(&record, Some(time)).unwrap(), fresh);
        }
    }
}
