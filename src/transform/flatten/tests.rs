//! The cases of `FlattenTest.java`, and the laws behind them.

use proptest::prelude::*;

use super::*;

fn flattened(delimiter: &str, data: SchemaAndValue) -> Result<SchemaAndValue> {
    Flatten::configured(&Props::from([("delimiter", delimiter)]), Side::Value)?.flattened(data)
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(Map::new(
        entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect(),
    ))
}

fn record(schema: &Arc<Schema>, values: Vec<Value>) -> Value {
    Value::Struct(Struct::new(Arc::clone(schema), values))
}

#[test]
fn nested_structs_become_fields_with_joined_names() {
    let numbers = Schema::array(Schema::new(Type::Int8));
    let inner = Schema::new(Type::Struct).field("a", Schema::new(Type::Int8)).field("l", numbers);
    let inner = Arc::new(inner);
    let outer = Schema::new(Type::Struct)
        .named("S")
        .field("x", Arc::clone(&inner))
        .field("b", Schema::string());
    let outer = Arc::new(outer);
    let list = Value::Array(vec![Value::Int8(2)]);
    let value = record(&inner, vec![Value::Int8(1), list.clone()]);
    let value = record(&outer, vec![value, "s".into()]);
    let outcome = flattened("#", SchemaAndValue::new(outer, value)).unwrap();
    let Value::Struct(flat) = outcome.value else { panic!("a struct is expected") };
    let found: Vec<_> = flat.iter().collect();
    assert_eq!(found, [("x#a", &Value::Int8(1)), ("x#l", &list), ("b", &"s".into())]);
    assert_eq!(flat.schema().name(), Some("S"));
}

#[test]
fn nested_maps_become_entries_and_empty_ones_vanish() {
    let inner = map(&[("b", Value::Null), ("c", map(&[("d", Value::Int8(1))]))]);
    let value = map(&[("a", inner), ("e", map(&[])), ("a.b", "first".into()), ("f", "x".into())]);
    let outcome = flattened(".", SchemaAndValue::schemaless(value)).unwrap();
    let expected = map(&[("a.b", "first".into()), ("a.c.d", Value::Int8(1)), ("f", "x".into())]);
    assert_eq!(outcome, SchemaAndValue::schemaless(expected));
}

#[test]
fn a_field_is_optional_when_a_parent_is_and_takes_the_default_of_a_parent() {
    let child = Schema::new(Type::String).with_default("own".into());
    let inner =
        Schema::new(Type::Struct).optional().field("child", child).field("other", Schema::string());
    let plain = Arc::new(inner.clone());
    let inner = Arc::new(inner.with_default(record(&plain, vec!["x".into(), "up".into()])));
    let outer = Arc::new(Schema::new(Type::Struct).field("in", inner));
    let value = record(&outer, vec![Value::Null]);
    let outcome = flattened(".", SchemaAndValue::new(outer, value)).unwrap();
    let schema = outcome.schema.unwrap();
    let [child, other] = schema.fields() else { panic!("two fields are expected") };
    let optional = || Schema::new(Type::String).optional();
    assert_eq!(*child.schema, optional().with_default("own".into()));
    assert_eq!(*other.schema, optional().with_default("up".into()));
    assert_eq!(outcome.value.member("in.child"), Some(&Value::Null));
}

#[test]
fn a_null_field_becomes_its_default() {
    let field = Schema::new(Type::Int8).optional().with_default(Value::Int8(3));
    let schema = Arc::new(Schema::new(Type::Struct).field("a", field));
    let value = record(&schema, Vec::new());
    let outcome = flattened(".", SchemaAndValue::new(schema, value)).unwrap();
    assert_eq!(outcome.value.member("a"), Some(&Value::Int8(3)));
}

#[test]
fn what_is_wrong_is_said_in_the_original_words() {
    let said = |data| flattened(".", data).unwrap_err().to_string();
    let maps = Schema::map(Schema::string(), Schema::string());
    let schema = Schema::new(Type::Struct).field("m", maps);
    let schema = Arc::new(Schema::new(Type::Struct).field("x", schema));
    let value = record(&schema, Vec::new());
    assert_eq!(
        said(SchemaAndValue::new(schema, value)),
        "Flatten transformation does not support MAP for record with schemas (for field x.m)."
    );
    let schema = Arc::new(Schema::new(Type::Struct));
    assert_eq!(
        said(SchemaAndValue::schemaless(map(&[("a", map(&[("b", record(&schema, vec![]))]))]))),
        "Flatten transformation does not support class org.apache.kafka.connect.data.Struct for \
         record without schemas (for field a.b)."
    );
    assert_eq!(
        said(SchemaAndValue::new(Schema::string(), "x".into())),
        "Only Struct objects supported for [flattening], found: java.lang.String"
    );
    let inner = Schema::new(Type::Struct).field("b", Schema::string());
    let twice = Schema::new(Type::Struct).field("a.b", Schema::string()).field("a", inner);
    let schema = Arc::new(twice);
    let value = record(&schema, Vec::new());
    assert_eq!(
        said(SchemaAndValue::new(schema, value)),
        "Cannot create field because of field name duplication a.b"
    );
}

/// Maps of maps with names that stay distinct when joined.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = any::<i32>().prop_map(Value::Int32);
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop::collection::btree_map("[a-z]{1,3}", inner, 0..5).prop_map(|entries| {
            Value::Map(Map::new(
                entries.into_iter().map(|(key, v)| (Value::string(key), v)).collect(),
            ))
        })
    })
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Map(map) => map.entries().iter().map(|(_, value)| leaves(value)).sum(),
        Value::Struct(record) => record.values().iter().map(leaves).sum(),
        _ => 1,
    }
}

/// The same tree with a schema.
fn described(value: &Value) -> (Arc<Schema>, Value) {
    let Value::Map(map) = value else { return (Arc::new(Schema::new(Type::Int32)), value.clone()) };
    let mut schema = Schema::new(Type::Struct);
    let mut values = Vec::new();
    for (key, value) in map.entries() {
        let (inner, value) = described(value);
        schema = schema.field(key.as_str().unwrap(), inner);
        values.push(value);
    }
    let schema = Arc::new(schema);
    let value = record(&schema, values);
    (schema, value)
}

proptest! {
    #[test]
    fn no_leaf_is_lost_and_nothing_stays_nested(tree in tree()) {
        let tree = Value::Map(Map::new(vec![("top".into(), tree)]));
        let (schema, described) = described(&tree);
        let count = leaves(&tree);
        let outcome = flattened("/", SchemaAndValue::schemaless(tree)).unwrap();
        let Value::Map(flat) = &outcome.value else { panic!("a map is expected") };
        prop_assert_eq!(flat.entries().len(), count);
        prop_assert!(flat.entries().iter().all(|(_, value)| matches!(value, Value::Int32(_))));
        let outcome = flattened("/", SchemaAndValue::new(schema, described)).unwrap();
        let Value::Struct(record) = &outcome.value else { panic!("a struct is expected") };
        prop_assert!(Arc::ptr_eq(record.schema(), outcome.schema.as_ref().unwrap()));
        let of_struct: Vec<_> = record.iter().map(|(name, v)| (name.into(), v.clone())).collect();
        prop_assert_eq!(&of_struct, flat.entries());
    }
}
