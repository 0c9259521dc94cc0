//! Records and configurations by chance, the same ones for the same seed.

use std::sync::Arc;

use connect_api::{
    record::{Header, SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    schema::{Schema, Type, logical},
    value::{Map, Struct, Value},
    value_text::parse_decimal,
};

/// Chance that repeats itself. Source: Vigna, `SplitMix64`.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// True once in so many times.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// A transformation, its configuration, and a record.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) class: &'static str,
    pub(super) config: Vec<(&'static str, String)>,
    pub(super) record: SinkRecord,
}

/// In the order in which the entries of a map are sent to the oracle.
const NAMES: [&str; 5] = ["a", "a.b", "b", "c", "d"];
pub(super) const WORDS: [&str; 14] = [
    "",
    "x",
    "1",
    "-7",
    "300",
    "1.5",
    "true",
    "TRUE",
    "2e3",
    "NaN",
    "1970-01-02",
    "2024",
    "+5",
    " 8 ",
];
const WHOLE: [i64; 10] = [0, 1, -1, 42, 127, 128, -32_769, 65_536, 1_700_000_000_123, i64::MIN];
const REAL: [f64; 9] = [0.0, 1.0, -1.5, 0.125, 300.75, 1e10, -3e20, f64::NAN, f64::INFINITY];
const DECIMALS: [&str; 6] = ["0", "1.50", "-2.25", "1E+3", "99999999999999999999.9", "0.0000001"];

const PACKAGE: [&str; 26] = [
    "Cast$Key",
    "Cast$Value",
    "DropHeaders",
    "ExtractField$Key",
    "ExtractField$Value",
    "Filter",
    "Flatten$Key",
    "Flatten$Value",
    "HeaderFrom$Key",
    "HeaderFrom$Value",
    "HoistField$Key",
    "HoistField$Value",
    "InsertField$Key",
    "InsertField$Value",
    "InsertHeader",
    "MaskField$Key",
    "MaskField$Value",
    "RegexRouter",
    "ReplaceField$Key",
    "ReplaceField$Value",
    "SetSchemaMetadata$Key",
    "SetSchemaMetadata$Value",
    "TimestampConverter$Key",
    "TimestampConverter$Value",
    "TimestampRouter",
    "ValueToKey",
];

impl Case {
    pub(super) fn random(random: &mut Random) -> Self {
        let name = random.of(&PACKAGE);
        let class = millrace::transform::transform_registry()
            .iter()
            .map(|plugin| plugin.class)
            .find(|class| class.strip_prefix("org.apache.kafka.connect.transforms.") == Some(name))
            .unwrap();
        let mut config = config(name.split('$').next().unwrap(), random);
        if random.once_in(3) {
            let flag = random.of(&["true", "false"]);
            config.push(("replace.null.with.default", flag.to_owned()));
        }
        Self { class, config, record: record(random) }
    }
}

fn names(random: &mut Random) -> String {
    let count = 1 + random.below(3);
    (0..count).map(|_| random.of(&NAMES)).collect::<Vec<_>>().join(",")
}

fn config(name: &str, random: &mut Random) -> Vec<(&'static str, String)> {
    let field = random.of(&["a", "b", "c", "a.b", "a.a", "`a.b`.c", "zz"]).to_owned();
    match name {
        "Cast" => vec![("spec", casts(random))],
        "DropHeaders" => vec![("headers", names(random))],
        "ExtractField" => {
            vec![("field", field), ("field.syntax.version", random.of(&["V1", "v2"]).to_owned())]
        }
        "Flatten" => vec![("delimiter", random.of(&[".", "_", "a"]).to_owned())],
        "HeaderFrom" => vec![
            ("fields", names(random)),
            ("headers", names(random)),
            ("operation", random.of(&["move", "copy", "move", "copy", "x"]).to_owned()),
        ],
        "HoistField" => vec![("field", field)],
        "InsertField" => inserted(random),
        "InsertHeader" => vec![
            ("header", field),
            ("value.literal", random.of(&["x", "1", "true", "[1,2]", "1.5", "null"]).to_owned()),
        ],
        "MaskField" => {
            let mut config = vec![("fields", names(random))];
            if random.once_in(2) {
                config.push(("replacement", random.of(&WORDS).to_owned()));
            }
            config
        }
        "RegexRouter" => {
            // Ours refuses a group that is not there before a topic matches.
            let pairs = [("(.*)", "$1-new"), ("t", "y"), ("(t)(o.*)", "$2$1$12"), ("x", "a\\$b")];
            let (regex, replacement) = random.of(&pairs);
            vec![("regex", regex.to_owned()), ("replacement", replacement.to_owned())]
        }
        "ReplaceField" => replaced(random),
        "SetSchemaMetadata" => vec![
            ("schema.name", random.of(&["S", "new"]).to_owned()),
            ("schema.version", random.of(&["1", "7", "x"]).to_owned()),
        ],
        "TimestampConverter" => converted(random),
        "TimestampRouter" => vec![(
            "timestamp.format",
            random
                .of(&["yyyyMMdd", "YYYY-ww-u", "D E G", "HH'h'", "kk:hh a", "b", "MMM W F"])
                .to_owned(),
        )],
        "ValueToKey" => vec![("fields", names(random))],
        _ => Vec::new(),
    }
}

fn casts(random: &mut Random) -> String {
    const TYPES: [&str; 8] =
        ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"];
    if random.once_in(3) {
        return random.of(&[&TYPES[..], &["bytes", "nope", "", "a:b:c"]].concat()).to_owned();
    }
    let count = 1 + random.below(3);
    let one = |random: &mut Random| format!("{}:{}", random.of(&NAMES), random.of(&TYPES));
    (0..count).map(|_| one(random)).collect::<Vec<_>>().join(",")
}

fn inserted(random: &mut Random) -> Vec<(&'static str, String)> {
    let keys =
        ["topic.field", "partition.field", "offset.field", "timestamp.field", "static.field"];
    let mut config: Vec<_> = keys
        .into_iter()
        .filter(|_| random.once_in(2))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|key| (key, random.of(&["n1", "n2!", "n3?", "n4", "a"]).to_owned()))
        .collect();
    // Without a value the JVM shows the address of an object.
    if config.iter().any(|(key, _)| *key == "static.field") || random.once_in(2) {
        config.push(("static.value", "v".to_owned()));
    }
    config
}

fn replaced(random: &mut Random) -> Vec<(&'static str, String)> {
    let mut config = Vec::new();
    if random.once_in(2) {
        config.push(("exclude", names(random)));
    }
    if random.once_in(3) {
        config.push(("include", names(random)));
    }
    if random.once_in(2) {
        let old = random.of(&NAMES);
        let new = random.of(&["x", "y", "a", "", "b:c"]);
        config.push(("renames", format!("{old}:{new}")));
    }
    config
}

fn converted(random: &mut Random) -> Vec<(&'static str, String)> {
    const FORMATS: [&str; 6] =
        ["yyyy-MM-dd", "yyyy", "", "dd MMM yyyy HH:mm:ss.SSS", "yyyy-MM-dd'T'HH:mm:ssXXX", "q"];
    let precision = ["seconds", "milliseconds", "microseconds", "nanoseconds"];
    vec![
        ("target.type", random.of(&["string", "unix", "Date", "Time", "Timestamp"]).to_owned()),
        ("field", random.of(&["", "", "a", "b", "c"]).to_owned()),
        ("format", random.of(&FORMATS).to_owned()),
        ("unix.precision", random.of(&precision).to_owned()),
    ]
}

fn record(random: &mut Random) -> SinkRecord {
    let headers = (0..random.below(3)).map(|_| Header {
        key: random.of(&NAMES).into(),
        data: SchemaAndValue::schemaless(random.of(&WORDS).into()),
    });
    let headers = headers.collect();
    SinkRecord {
        topic: "topic".into(),
        origin: TopicPartition::new("topic", 3),
        offset: 42,
        timestamp_ms: (!random.once_in(8))
            .then(|| random.of(&[0, 1_700_000_000_123, -5_000_000_000])),
        timestamp_type: TimestampType::CreateTime,
        key: data(random),
        value: data(random),
        headers,
    }
}

pub(super) fn data(random: &mut Random) -> SchemaAndValue {
    if random.once_in(10) {
        return SchemaAndValue::NULL;
    }
    if random.once_in(2) {
        let is_map = !random.once_in(5);
        return SchemaAndValue::schemaless(if is_map {
            map(random, 2)
        } else {
            schemaless(random, 0)
        });
    }
    let schema = if random.once_in(5) { leaf(random) } else { structure(random, 2) };
    let value = value_of(&schema, random);
    SchemaAndValue::new(schema, value)
}

fn map(random: &mut Random, depth: usize) -> Value {
    let mut map = Map::default();
    for name in NAMES {
        if random.once_in(2) {
            map.set(name, schemaless(random, depth));
        }
    }
    Value::Map(map)
}

fn schemaless(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth > 0 { 12 } else { 9 }) {
        0 => Value::Null,
        1 => Value::Int64(random.of(&WHOLE)),
        9.. => map(random, depth - 1),
        _ => {
            let schema = leaf(random);
            value_of(&schema, random)
        }
    }
}

fn leaf(random: &mut Random) -> Arc<Schema> {
    let decimal = || Schema::new(Type::Bytes).named(logical::DECIMAL).versioned(1);
    let dated = |kind, name: &str| Schema::new(kind).named(name).versioned(1);
    let schema = match random.below(15) {
        0 => Schema::new(Type::Int8),
        1 => Schema::new(Type::Int16),
        2 => Schema::new(Type::Int32),
        3 => Schema::new(Type::Int64),
        4 => Schema::new(Type::Float32),
        5 => Schema::new(Type::Float64),
        6 => Schema::new(Type::Boolean),
        7 => Schema::new(Type::Bytes),
        8 => decimal().parameter("scale", "2"),
        9 => dated(Type::Int32, logical::DATE),
        10 => dated(Type::Int32, logical::TIME),
        11 => dated(Type::Int64, logical::TIMESTAMP),
        12 => Schema::array(Schema::new(Type::Int32)),
        _ => Schema::new(Type::String),
    };
    described(schema, random)
}

/// With what a schema may have besides its type.
fn described(mut schema: Schema, random: &mut Random) -> Arc<Schema> {
    if random.once_in(2) {
        schema = schema.optional();
    }
    if random.once_in(8) {
        schema = schema.documented("d").parameter("p", "v");
    }
    if random.once_in(3) && schema.kind() != Type::Array {
        let default = value_of(&Arc::new(schema.clone()), random);
        if !default.is_null() {
            schema = schema.with_default(default);
        }
    }
    Arc::new(schema)
}

fn structure(random: &mut Random, depth: usize) -> Arc<Schema> {
    let mut schema = Schema::new(Type::Struct);
    if random.once_in(2) {
        schema = schema.named("S").versioned(3);
    }
    for name in NAMES {
        if random.once_in(2) {
            let is_nested = depth > 0 && random.once_in(4);
            let field = if is_nested { structure(random, depth - 1) } else { leaf(random) };
            schema = schema.field(name, field);
        }
    }
    if random.once_in(12) {
        schema = schema.field("m", Schema::map(Schema::string(), Schema::new(Type::Int32)));
    }
    if random.once_in(3) {
        schema = schema.optional();
    }
    // Without a default: the JVM cannot use a struct for one.
    Arc::new(schema)
}

fn value_of(schema: &Arc<Schema>, random: &mut Random) -> Value {
    if schema.is_optional() && random.once_in(3) {
        return Value::Null;
    }
    let whole = random.of(&WHOLE);
    let day = i32::try_from(random.below(40_000)).unwrap() - 10_000;
    let time = i32::try_from(random.below(86_400_000)).unwrap();
    let whole_day = random.once_in(3);
    match (schema.name(), schema.kind()) {
        (Some(logical::DECIMAL), _) => Value::Decimal(parse_decimal(random.of(&DECIMALS)).unwrap()),
        (Some(logical::DATE), _) => Value::Date(day),
        (Some(logical::TIME), _) => Value::Time(time),
        (Some(logical::TIMESTAMP), _) => Value::Timestamp(
            i64::from(day) * 86_400_000 + if whole_day { 0 } else { i64::from(time) },
        ),
        (_, Type::Int8) => Value::Int8(random.of(&[0, 1, -1, i8::MIN, i8::MAX])),
        (_, Type::Int16) => Value::Int16(random.of(&[0, 1, -1, 300, i16::MIN])),
        (_, Type::Int32) => Value::Int32(random.of(&[0, 1, -1, 70_000, i32::MAX])),
        (_, Type::Int64) => Value::Int64(whole),
        (_, Type::Float32) => Value::Float32(random.of(&[0.0, 1.0, -1.5, 0.125, 1e10, f32::NAN])),
        (_, Type::Float64) => Value::Float64(random.of(&REAL)),
        (_, Type::Boolean) => Value::Boolean(random.once_in(2)),
        (_, Type::String) => random.of(&WORDS).into(),
        (_, Type::Bytes) => Value::Bytes(random.of(&["", "x", "\u{1}\u{2}"]).into()),
        (_, Type::Array) => Value::Array(vec![Value::Int32(1); random.below(3)]),
        (_, Type::Map) => Value::Map(Map::new(vec![("k".into(), Value::Int32(1))])),
        (_, Type::Struct) => {
            let values = schema.fields().iter().map(|field| value_of(&field.schema, random));
            Value::Struct(Struct::new(Arc::clone(schema), values.collect()))
        }
    }
}
