//! The cases of `TimestampConverterTest.java`, and the laws behind them.

use connect_api::{schema::logical, value::Map};
use proptest::prelude::*;

use super::*;

const DAY: i64 = 86_400_000;
/// 1970-01-02T00:00:01.234Z.
const AT: i64 = DAY + 1_234;
const TEXT: &str = "1970 01 02 00 00 01 234 UTC";
const FORMAT: &str = "yyyy MM dd HH mm ss SSS z";
const TARGETS: [&str; 5] = ["string", "unix", "Date", "Time", "Timestamp"];

fn transform(entries: &[(&str, &str)]) -> Result<TimestampConverter> {
    TimestampConverter::configured(&entries.iter().copied().collect(), Side::Value)
}

fn converted(entries: &[(&str, &str)], data: SchemaAndValue) -> Result<SchemaAndValue> {
    transform(entries)?.changed(data)
}

fn written(target: &str) -> Value {
    match target {
        "string" => TEXT.into(),
        "unix" => Value::Int64(AT),
        "Date" => Value::Date(1),
        "Time" => Value::Time(1_234),
        _ => Value::Timestamp(AT),
    }
}

#[test]
fn every_form_becomes_every_other() {
    for target in TARGETS {
        let entries = [("target.type", target), ("format", FORMAT)];
        for source in ["string", "unix", "Timestamp"] {
            let given = SchemaAndValue::schemaless(written(source));
            let expected = SchemaAndValue::schemaless(written(target));
            assert_eq!(converted(&entries, given).unwrap(), expected, "{source} to {target}");
        }
        for is_optional in [false, true] {
            let with_state =
                |schema: Schema| Arc::new(if is_optional { schema.optional() } else { schema });
            let schema = with_state(Form::Timestamp.schema());
            let given = SchemaAndValue::new(Arc::clone(&schema), written("Timestamp"));
            let outcome = converted(&entries, given).unwrap();
            let schema = with_state(Form::named(target).schema());
            assert_eq!(outcome, SchemaAndValue::new(schema, written(target)));
        }
    }
}

#[test]
fn dates_and_times_are_points_of_their_own() {
    for (source, value, target, expected) in [
        (Form::Date, Value::Date(1), "Timestamp", Value::Timestamp(DAY)),
        (Form::Time, Value::Time(1_234), "Timestamp", Value::Timestamp(1_234)),
        (Form::Time, Value::Time(1_234), "unix", Value::Int64(1_234)),
        (Form::Timestamp, Value::Timestamp(-1), "Date", Value::Date(-1)),
        (Form::Timestamp, Value::Timestamp(-1), "Time", Value::Time(86_399_999)),
    ] {
        let given = SchemaAndValue::new(Arc::new(source.schema()), value);
        assert_eq!(converted(&[("target.type", target)], given).unwrap().value, expected);
    }
}

#[test]
fn unix_time_has_the_precision_that_was_asked_for() {
    for (precision, given, ms, back) in [
        ("nanoseconds", 1_234_567_891, 1_234, 1_234_000_000),
        ("microseconds", 1_234_567, 1_234, 1_234_000),
        ("milliseconds", 1_234, 1_234, 1_234),
        ("seconds", 2, 2_000, 2),
        ("microseconds", -1_999, -1, -1_000),
    ] {
        let read = [("target.type", "Timestamp"), ("unix.precision", precision)];
        let outcome = converted(&read, SchemaAndValue::schemaless(Value::Int64(given)));
        assert_eq!(outcome.unwrap().value, Value::Timestamp(ms), "{precision}");
        let write = [("target.type", "unix"), ("unix.precision", precision)];
        let outcome = converted(&write, SchemaAndValue::schemaless(Value::Timestamp(ms)));
        assert_eq!(outcome.unwrap().value, Value::Int64(back), "{precision}");
    }
}

fn record(at: Value) -> SchemaAndValue {
    let time = Form::Timestamp.schema().optional().with_default(Value::Timestamp(AT));
    let schema = Schema::new(Type::Struct).named("S").optional();
    let schema = Arc::new(schema.field("at", time).field("other", Schema::string()));
    let value = Value::Struct(Struct::new(Arc::clone(&schema), vec![at, "x".into()]));
    SchemaAndValue::new(schema, value)
}

#[test]
fn one_field_is_converted_and_the_others_stay() {
    let entries = [("target.type", "unix"), ("field", "at")];
    let outcome = converted(&entries, record(Value::Timestamp(5))).unwrap();
    let schema = outcome.schema.unwrap();
    assert_eq!((schema.name(), schema.is_optional()), (Some("S"), true));
    assert_eq!(*schema.fields()[0].schema, Form::Unix.schema().optional());
    assert_eq!(outcome.value.member("at"), Some(&Value::Int64(5)));
    assert_eq!(outcome.value.member("other"), Some(&"x".into()));
    let map = Map::new(vec![("at".into(), Value::Timestamp(5)), ("b".into(), "x".into())]);
    let outcome = converted(&entries, SchemaAndValue::schemaless(Value::Map(map))).unwrap();
    assert_eq!(outcome.value.member("at"), Some(&Value::Int64(5)));
    let outcome = converted(&entries, SchemaAndValue::schemaless(Value::Map(Map::default())));
    assert_eq!(outcome.unwrap().value.member("at"), Some(&Value::Null));
}

#[test]
fn null_stays_null_with_the_new_schema_or_becomes_the_default() {
    for target in TARGETS {
        let entries = [("target.type", target), ("format", FORMAT)];
        let null = SchemaAndValue::new(Arc::new(Form::Unix.schema().optional()), Value::Null);
        let outcome = converted(&entries, null).unwrap();
        assert_eq!(*outcome.schema.unwrap(), Form::named(target).schema().optional());
        assert_eq!(outcome.value, Value::Null);
        assert_eq!(converted(&entries, SchemaAndValue::NULL).unwrap(), SchemaAndValue::NULL);
    }
    let field = [("target.type", "unix"), ("field", "at")];
    let whole = SchemaAndValue { value: Value::Null, ..record(Value::Null) };
    assert_eq!(converted(&field, whole).unwrap().value, Value::Null);
    let [target, field] = field;
    for (replace, expected) in [("true", Value::Int64(AT)), ("false", Value::Null)] {
        let entries = [target, field, ("replace.null.with.default", replace)];
        let outcome = converted(&entries, record(Value::Null)).unwrap();
        assert_eq!(outcome.value.member("at"), Some(&expected));
    }
}

#[test]
fn the_default_of_a_struct_is_converted_too() {
    let SchemaAndValue { schema, value } = record(Value::Timestamp(7));
    let schema = Schema::clone(&schema.unwrap()).with_default(value.clone());
    let entries = [("target.type", "unix"), ("field", "at")];
    let outcome = converted(&entries, SchemaAndValue::new(Arc::new(schema), value)).unwrap();
    let default = outcome.schema.unwrap().default_value().and_then(|d| d.member("at").cloned());
    assert_eq!(default, Some(Value::Int64(7)));
}

#[test]
fn options_that_do_not_fit_are_refused_in_the_original_words() {
    for (entries, expected) in [
        (
            &[("target.type", "invalid")] as &[_],
            "Invalid value invalid for configuration target.type: String must be one of: string, \
             unix, Date, Time, Timestamp",
        ),
        (
            &[("target.type", "unix"), ("unix.precision", "invalid")],
            "Invalid value invalid for configuration unix.precision: String must be one of: \
             nanoseconds, microseconds, milliseconds, seconds",
        ),
        (
            &[("target.type", "string")],
            "TimestampConverter requires format option to be specified when using string timestamps",
        ),
        (
            &[("target.type", "string"), ("format", "bad-format")],
            "TimestampConverter requires a SimpleDateFormat-compatible pattern for string \
             timestamps: bad-format",
        ),
    ] {
        assert_eq!(transform(entries).unwrap_err().to_string(), expected);
    }
}

#[test]
fn what_is_no_point_in_time_is_refused_in_the_original_words() {
    let entries = [("target.type", "Date"), ("format", "yyyy")];
    let said = |data| converted(&entries, data).unwrap_err().to_string();
    let named = Schema::new(Type::Int32).named("foo");
    for (data, expected) in [
        (
            SchemaAndValue::schemaless(Value::Int32(1)),
            "TimestampConverter does not support class java.lang.Integer objects as timestamps",
        ),
        (
            SchemaAndValue::schemaless("x".into()),
            "Could not parse timestamp: value (x) does not match pattern (yyyy)",
        ),
        (
            SchemaAndValue::new(Arc::new(named), Value::Int32(1)),
            "Schema Schema{foo:INT32} does not correspond to a known timestamp type format",
        ),
        (
            SchemaAndValue::new(Arc::new(Form::Unix.schema()), Value::Int32(1)),
            "Expected Unix timestamp to be a Long, but found class java.lang.Integer",
        ),
        (
            SchemaAndValue::new(Schema::string(), Value::Int32(1)),
            "Expected string timestamp to be a String, but found class java.lang.Integer",
        ),
    ] {
        assert_eq!(said(data), expected);
    }
}

proptest! {
    #[test]
    fn a_timestamp_survives_text_and_unix_time(ms in -62_000_000_000_000_i64..253_000_000_000_000) {
        let format = ("format", "yyyy-MM-dd'T'HH:mm:ss.SSSX");
        for target in ["string", "unix"] {
            let data = SchemaAndValue::schemaless(Value::Timestamp(ms));
            let there = converted(&[("target.type", target), format], data).unwrap();
            let back = converted(&[("target.type", "Timestamp"), format], there).unwrap();
            prop_assert_eq!(back.value, Value::Timestamp(ms));
        }
    }

    #[test]
    fn the_schema_describes_the_outcome(ms: i32, target in prop::sample::select(&TARGETS)) {
        let data = record(Value::Timestamp(ms.into()));
        let entries = [("target.type", target), ("format", FORMAT), ("field", "at")];
        let outcome = converted(&entries, data).unwrap();
        let Value::Struct(record) = &outcome.value else { panic!("a struct is expected") };
        prop_assert!(Arc::ptr_eq(record.schema(), outcome.schema.as_ref().unwrap()));
        let field = &record.schema().fields()[0].schema;
        prop_assert_eq!(record.values()[0].kind(), Some(field.kind()));
        let is_logical = [logical::DATE, logical::TIME, logical::TIMESTAMP].map(Some);
        let is_logical = is_logical.contains(&field.name());
        prop_assert_eq!(is_logical, !matches!(target, "string" | "unix"));
    }
}
