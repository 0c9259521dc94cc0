//! Values reach columns of every type, few at once and many at once, as the same texts.

use connect_api::{
    error::Result,
    record::{SchemaAndValue, TopicPartition},
    schema::{Schema, Type, logical},
    value::{Map, Value},
    value_text::parse_decimal,
};
use connect_testkit::sink::{SinkDriver, run};

use super::support::{Far, Member, Rows, record, structure};

fn tp() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn of(kind: Type) -> Schema {
    Schema::new(kind).optional()
}

fn named(kind: Type, name: &str) -> Schema {
    of(kind).named(name)
}

/// A value, the type of the column that the user made for it, and what the column shows.
type Shown = (Member<'static>, &'static str, &'static str);

fn members() -> Vec<Shown> {
    let mut all = plain();
    all.extend(special());
    all
}

/// Values that are what their columns are.
fn plain() -> Vec<Shown> {
    let string = || of(Type::String);
    let decimal = Value::Decimal(parse_decimal("-123456789012345678901.500").unwrap());
    vec![
        (("small", of(Type::Int8), Value::Int8(-7)), "smallint", "-7"),
        (("big", of(Type::Int64), Value::Int64(i64::MIN)), "bigint", "-9223372036854775808"),
        (("single", of(Type::Float32), Value::Float32(0.1)), "real", "0.1"),
        (("double", of(Type::Float64), Value::Float64(1e300)), "double precision", "1e+300"),
        (("nan", of(Type::Float64), Value::Float64(f64::NAN)), "double precision", "NaN"),
        (("inf", of(Type::Float64), Value::Float64(f64::NEG_INFINITY)), "numeric", "-Infinity"),
        (("flag", of(Type::Boolean), Value::Boolean(true)), "boolean", "true"),
        (("words", string(), "tab\t back\\slash\n'ü'".into()), "text", "tab\t back\\slash\n'ü'"),
        (("empty", string(), "".into()), "varchar(5)", ""),
        (("none", string(), Value::Null), "text", "NULL"),
        (
            ("bytes", of(Type::Bytes), Value::Bytes(b"\x00\\\xff".as_ref().into())),
            "bytea",
            "\\x005cff",
        ),
        (
            ("money", named(Type::Bytes, logical::DECIMAL), decimal),
            "numeric(30,3)",
            "-123456789012345678901.500",
        ),
    ]
}

/// Values that the type of their column makes something of.
fn special() -> Vec<Shown> {
    let map = Map::new(vec![("k".into(), Value::Array(vec![Value::Int32(1), "x\"y".into()]))]);
    let texts = || Schema::array(Schema::new(Type::String)).optional();
    let ints = || Schema::array(of(Type::Int32)).optional();
    let string = || of(Type::String);
    let noon = Value::Timestamp(1_720_000_000_123);
    let time = || named(Type::Int64, logical::TIMESTAMP);
    vec![
        (("day", named(Type::Int32, logical::DATE), Value::Date(19_782)), "date", "2024-02-29"),
        (
            ("clock", named(Type::Int32, logical::TIME), Value::Time(3_723_004)),
            "time",
            "02:02:03.004",
        ),
        (("local", time(), noon.clone()), "timestamp", "2024-07-03 11:46:40.123"),
        (("instant", time(), noon.clone()), "timestamptz", "2024-07-03 09:46:40.123+00"),
        (("dayof", time(), noon), "date", "2024-07-03"),
        (
            ("textual", string(), "2024-07-03T11:46:40+02:00".into()),
            "timestamptz",
            "2024-07-03 09:46:40+00",
        ),
        (
            ("id", string(), "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11".into()),
            "uuid",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
        (
            ("raw", of(Type::Bytes), Value::Bytes(vec![0xaa; 16].into())),
            "uuid",
            "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
        ),
        (("doc", string(), r#"{"a": [1, 2]}"#.into()), "jsonb", r#"{"a": [1, 2]}"#),
        (
            ("docday", named(Type::Int32, logical::DATE), Value::Date(19_782)),
            "jsonb",
            r#""2024-02-29""#,
        ),
        (
            ("map", Schema::map(Schema::string(), ints()).optional(), Value::Map(map)),
            "jsonb",
            r#"{"k": [1, "x\"y"]}"#,
        ),
        (("ints", ints(), Value::Array(vec![Value::Int32(1), Value::Null])), "int[]", "{1,NULL}"),
        (
            ("texts", texts(), Value::Array(vec!["a,b".into(), "\"\\".into()])),
            "text[]",
            r#"{"a,b","\"\\"}"#,
        ),
        (("asjson", texts(), Value::Array(vec!["a".into()])), "json", r#"["a"]"#),
        (("mood", string(), "sad".into()), "mood", "sad"),
        (("address", string(), "10.0.0.1".into()), "inet", "10.0.0.1"),
        (("short", string(), "abc".into()), "short_text", "abc"),
        (("bits", string(), "101".into()), "bit(3)", "101"),
        (("letter", string(), "x".into()), "char(3)", "x  "),
    ]
}

/// Those that are copied as bytes where all columns of a table are like them.
fn in_bytes() -> Vec<Shown> {
    let names = [
        "small", "big", "single", "double", "nan", "flag", "words", "empty", "none", "bytes",
        "local", "instant", "raw", "short",
    ];
    members().into_iter().filter(|((name, ..), ..)| names.contains(name)).collect()
}

async fn reads_back(far: &Far, rows: i64, members: fn() -> Vec<Shown>) -> Result<()> {
    let columns: Vec<_> =
        members().iter().map(|((name, ..), kind, _)| format!("\"{name}\" {kind}")).collect();
    far.query(&format!(
        "DROP TABLE IF EXISTS rows; CREATE TABLE rows (n BIGINT PRIMARY KEY, {})",
        columns.join(", ")
    ))
    .await
    .unwrap();
    let fixture = Rows(far);
    let mut driver = SinkDriver::new(&fixture);
    for offset in 0..rows {
        let mut all: Vec<_> = members().into_iter().map(|(member, ..)| member).collect();
        all.push(("n", Schema::new(Type::Int64), Value::Int64(offset)));
        driver.produce(record(&tp(), offset, "a", structure(all)));
    }
    driver.start(&[tp()]).await?;
    driver.settle().await?;
    for ((name, ..), kind, expected) in members() {
        let found = far.column(&format!("\"{name}\"")).await;
        assert_eq!(found.len(), usize::try_from(rows).unwrap());
        assert!(
            found.iter().all(|text| text == expected || (kind == "boolean" && text == "t")),
            "{name} {kind}: {}",
            found[0]
        );
    }
    Ok(())
}

#[test]
fn every_type_reads_its_values_whichever_way_they_come() {
    let outcome = run(async {
        // As arguments, then copied, then by way of a temporary table.
        let all: fn() -> _ = members;
        let many = [
            ("insert", 2, all),
            ("insert", 80, members),
            ("upsert", 80, members),
            ("insert", 80, in_bytes),
            ("upsert", 80, in_bytes),
        ];
        for (mode, rows, members) in many {
            let Some(far) = Far::on_postgres().await else { return Ok(()) };
            far.query(
                "CREATE TYPE mood AS ENUM ('sad', 'ok'); \
                 CREATE DOMAIN short_text AS VARCHAR(5) CHECK (VALUE <> 'no')",
            )
            .await
            .unwrap();
            let far = far
                .with("db.timezone", "Europe/Berlin")
                .with("date.timezone", "UTC")
                .with("insert.mode", mode)
                .with("pk.mode", "record_value")
                .with("pk.fields", "n");
            reads_back(&far, rows, members).await?;
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_new_table_has_the_types_of_the_contract() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        let far = far.with("pk.mode", "record_key").with("pk.fields", "k");
        let default = |kind, value| of(kind).with_default(value);
        let value = structure(vec![
            ("i8", Schema::new(Type::Int8), Value::Int8(1)),
            ("i16", of(Type::Int16), Value::Null),
            ("i32", default(Type::Int32, Value::Int32(7)), Value::Null),
            ("i64", of(Type::Int64), Value::Null),
            ("f32", of(Type::Float32), Value::Null),
            ("f64", of(Type::Float64), Value::Null),
            ("b", default(Type::Boolean, Value::Boolean(true)), Value::Null),
            ("s", default(Type::String, "it's".into()), Value::Null),
            ("y", of(Type::Bytes), Value::Null),
            ("dec", named(Type::Bytes, logical::DECIMAL), Value::Null),
            ("d", named(Type::Int32, logical::DATE), Value::Null),
            ("t", named(Type::Int32, logical::TIME), Value::Null),
            ("ts", named(Type::Int64, logical::TIMESTAMP), Value::Null),
            ("a", Schema::array(Schema::new(Type::Int64)).optional(), Value::Null),
        ]);
        let fixture = Rows(&far);
        let mut driver = SinkDriver::new(&fixture);
        driver.produce(record(&tp(), 0, "a", value));
        driver.start(&[tp()]).await?;
        driver.settle().await?;
        let select = "SELECT attname || ' ' || format_type(atttypid, atttypmod) || \
            CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END \
            FROM pg_attribute WHERE attrelid = 'rows'::regclass AND attnum > 0 ORDER BY attnum";
        assert_eq!(
            far.query(select).await.unwrap(),
            [
                "k text NOT NULL",
                "i8 smallint NOT NULL",
                "i16 smallint",
                "i32 integer",
                "i64 bigint",
                "f32 real",
                "f64 double precision",
                "b boolean",
                "s text",
                "y bytea",
                "dec numeric",
                "d date",
                "t time without time zone",
                "ts timestamp without time zone",
                "a bigint[]",
            ]
        );
        assert_eq!(far.column("i32 || s || b").await, ["7it'strue"]);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn listed_fields_become_timestamps() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        let far =
            far.with("timestamp.fields.list", "at").with("timestamp.precision.mode", "nanoseconds");
        let nanos = Value::Int64(1_720_000_000_123_456_789);
        let value: SchemaAndValue = structure(vec![("at", Schema::new(Type::Int64), nanos)]);
        let fixture = Rows(&far);
        let mut driver = SinkDriver::new(&fixture);
        driver.produce(record(&tp(), 0, "a", value));
        driver.start(&[tp()]).await?;
        driver.settle().await?;
        assert_eq!(far.column("at").await, ["2024-07-03 09:46:40.123456"]);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_value_without_a_binary_form_is_copied_among_those_that_have_one() {
    let outcome = run(async {
        let Some(far) = Far::on_postgres().await else { return Ok(()) };
        let (usual, far_off) = (1_720_000_000_123, 3_093_527_980_800_000);
        let fixture = Rows(&far);
        let mut driver = SinkDriver::new(&fixture);
        for offset in 0..200 {
            let at = Value::Timestamp(if offset % 90 == 89 { far_off } else { usual });
            let at = ("at", named(Type::Int64, logical::TIMESTAMP), at);
            let number = ("n", of(Type::Int64), Value::Int64(offset));
            driver.produce(record(&tp(), offset, "a", structure(vec![number, at])));
        }
        driver.start(&[tp()]).await?;
        driver.settle().await?;
        let counted =
            "SELECT at || ' ' || count(*) || ' ' || sum(n) FROM rows GROUP BY at ORDER BY at";
        assert_eq!(
            far.query(counted).await.unwrap(),
            ["2024-07-03 09:46:40.123 198 19632", "100000-01-01 00:00:00 2 268"]
        );
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
