//! Leaves fields out or renames them.
//!
//! Source: apache/kafka `ReplaceField.java`.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::Arc,
};

use connect_api::{
    config::{Check, Config, ConfigType as _, Props, sentence},
    error::{ConnectorError, Result},
    record::SchemaAndValue,
    schema::{Schema, Type},
    value::{Map, Struct, Value},
};

use super::{
    ConnectRecord, Transform, Verdict,
    fields::{Nulls, basics_of, fields_of, with_field},
    names::names_or_none,
    schema_cache::SchemaCache,
    side::{Side, field_name, require_map, require_struct},
};

const PURPOSE: &str = "field replacement";

/// Options of the transform.
#[derive(Config, Debug)]
pub(super) struct ReplaceFieldConfig {
    /// Fields to exclude. This takes precedence over the fields to include.
    #[config(default = "", check = names_or_none("exclude"))]
    exclude: Vec<String>,
    /// Fields to include. If specified, only these fields will be used.
    #[config(default = "", check = names_or_none("include"))]
    include: Vec<String>,
    /// Field rename mappings.
    #[config(default = "", check = mappings())]
    renames: Vec<String>,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(key = "replace.null.with.default", default = true)]
    nulls: Nulls,
}

/// The new schema, and where the value of each of its fields stands in the old struct.
type Plan = Arc<(Arc<Schema>, Vec<usize>)>;

/// Leaves fields out and renames others.
#[derive(Debug)]
pub(super) struct ReplaceField {
    side: Side,
    exclude: HashSet<String>,
    /// All, when empty.
    include: HashSet<String>,
    /// New names by old ones.
    renames: HashMap<String, Arc<str>>,
    /// Old names by new ones.
    origins: HashMap<Arc<str>, String>,
    nulls: Nulls,
    plans: SchemaCache<Plan>,
}

impl ReplaceField {
    pub(super) fn configured(props: &Props, side: Side) -> Result<Self> {
        let config = ReplaceFieldConfig::parse(props)?;
        let pairs = config.renames.iter().filter_map(|mapping| pair(mapping));
        let renames: HashMap<String, Arc<str>> =
            pairs.map(|(old, new)| (old.to_owned(), new.into())).collect();
        let origins = renames.iter().map(|(old, new)| (Arc::clone(new), old.clone())).collect();
        Ok(Self {
            side,
            exclude: config.exclude.into_iter().collect(),
            include: config.include.into_iter().collect(),
            renames,
            origins,
            nulls: config.nulls,
            plans: SchemaCache::default(),
        })
    }

    fn is_wanted(&self, name: &str) -> bool {
        !self.exclude.contains(name) && (self.include.is_empty() || self.include.contains(name))
    }

    fn replaced(&self, data: SchemaAndValue) -> Result<SchemaAndValue> {
        match data.schema {
            None => {
                let map = self.map(require_map(data.value, PURPOSE)?)?;
                Ok(SchemaAndValue::schemaless(Value::Map(map)))
            }
            Some(_) => self.record(require_struct(data.value, PURPOSE)?),
        }
    }

    fn map(&self, mut map: Map) -> Result<Map> {
        map.entries().iter().try_for_each(|(key, _)| field_name(key).map(drop))?;
        map.entries_mut().retain(|(key, _)| key.as_str().is_some_and(|name| self.is_wanted(name)));
        if self.renames.is_empty() {
            return Ok(map);
        }
        let mut renamed = Map::new(Vec::with_capacity(map.entries().len()));
        for (key, value) in map.into_entries() {
            match key.as_str().and_then(|name| self.renames.get(name)) {
                Some(name) => renamed.set(name, value),
                None if key.as_str().is_some_and(|name| self.origins.contains_key(name)) => {
                    renamed.set(key.as_str().unwrap_or_default(), value);
                }
                None => renamed.entries_mut().push((key, value)),
            }
        }
        Ok(renamed)
    }

    fn record(&self, record: Struct) -> Result<SchemaAndValue> {
        let (old, mut values) = record.into_parts();
        let plan = self.plans.get(&old, || self.plan(&old))?;
        let (schema, origins) = &*plan;
        if origins.is_sorted_by(|before, after| before < after) {
            // Each goes to where it is or before that.
            for (place, origin) in origins.iter().enumerate().filter(|(place, at)| place < at) {
                values.swap(place, *origin);
            }
            values.truncate(origins.len());
        } else {
            let take = |at: &usize| values.get_mut(*at).map(mem::take).unwrap_or_default();
            values = origins.iter().map(take).collect();
        }
        for ((field, value), at) in schema.fields().iter().zip(&mut values).zip(origins) {
            let origin = old.fields().get(*at).unwrap_or(field);
            self.nulls.carry(&origin.schema, field, value)?;
        }
        let kept = Struct::new(Arc::clone(schema), values);
        Ok(SchemaAndValue::new(Arc::clone(schema), Value::Struct(kept)))
    }

    fn plan(&self, schema: &Schema) -> Result<Plan> {
        let mut updated = basics_of(schema, Schema::new(Type::Struct));
        for field in fields_of(schema)?.iter().filter(|field| self.is_wanted(&field.name)) {
            let name = self.renames.get(&*field.name).unwrap_or(&field.name);
            updated = with_field(updated, name, Arc::clone(&field.schema))?;
        }
        let origins = updated.fields().iter().map(|field| {
            let name = self.origins.get(&field.name).map_or(&*field.name, String::as_str);
            schema
                .field_index(name)
                .ok_or_else(|| ConnectorError::record(format!("{name} is not a valid field name")))
        });
        let origins = origins.collect::<Result<_>>()?;
        Ok(Arc::new((Arc::new(updated), origins)))
    }
}

/// Demands pairs of names.
fn mappings() -> Check {
    sentence(|text| {
        let mappings = Vec::<String>::parse(text.unwrap_or_default())?;
        match mappings.iter().find(|mapping| pair(mapping).is_none()) {
            Some(wrong) => Err(wrong_mapping(&mappings, wrong)),
            None => Ok(()),
        }
    })
}

/// The message for a mapping that is no pair.
pub(super) fn wrong_mapping(mappings: &[String], wrong: &str) -> String {
    format!(
        "Invalid value [{}] for configuration renames: Invalid rename mapping: {wrong}",
        mappings.join(", ")
    )
}

/// `old:new`; colons at the end do not count, as in Java's `split`.
fn pair(mapping: &str) -> Option<(&str, &str)> {
    let (old, new) = mapping.trim_end_matches(':').split_once(':')?;
    (!new.contains(':')).then_some((old, new))
}

impl Transform for ReplaceField {
    fn class(&self) -> &'static str {
        self.side.class(
            "org.apache.kafka.connect.transforms.ReplaceField$Key",
            "org.apache.kafka.connect.transforms.ReplaceField$Value",
        )
    }

    fn apply(&self, record: &mut dyn ConnectRecord) -> Result<Verdict> {
        let slot = self.side.of_mut(record);
        if !slot.value.is_null() {
            *slot = self.replaced(mem::take(slot))?;
        }
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(entries: &[(&str, &str)], data: SchemaAndValue) -> Result<SchemaAndValue> {
        ReplaceField::configured(&entries.iter().copied().collect(), Side::Value)?.replaced(data)
    }

    fn record() -> SchemaAndValue {
        let fallback = Schema::new(Type::String).optional().with_default("x".into());
        let schema = Schema::new(Type::Struct)
            .named("S")
            .field("dont", Schema::string())
            .field("abc", Schema::new(Type::Int32))
            .field("foo", Schema::new(Type::Boolean))
            .field("etc", fallback);
        let schema = Arc::new(schema);
        let values = vec!["w".into(), Value::Int32(42), Value::Boolean(true), Value::Null];
        let record = Struct::new(Arc::clone(&schema), values);
        SchemaAndValue::new(schema, Value::Struct(record))
    }

    fn shown(data: &SchemaAndValue) -> String {
        let mut text = String::new();
        connect_api::value_text::write_java_text(&mut text, &data.value);
        text
    }

    #[test]
    fn fields_are_left_out_and_renamed_with_and_without_a_schema() {
        for (entries, in_struct, in_map) in [
            (
                &[("exclude", "dont"), ("renames", "abc:xyz,foo:bar")] as &[_],
                "Struct{xyz=42,bar=true,etc=x}",
                "{xyz=42, bar=true, etc=null}",
            ),
            (&[("include", "foo,abc")], "Struct{abc=42,foo=true}", "{abc=42, foo=true}"),
            (&[("include", "foo"), ("exclude", "foo")], "Struct{}", "{}"),
            (
                &[("renames", "abc:foo,foo:abc"), ("exclude", "dont,etc")],
                "Struct{foo=42,abc=true}",
                "{foo=42, abc=true}",
            ),
        ] {
            let outcome = replaced(entries, record()).unwrap();
            assert_eq!(shown(&outcome), in_struct);
            assert_eq!(outcome.schema.as_ref().unwrap().name(), Some("S"));
            let Value::Struct(given) = record().value else { panic!("a struct is expected") };
            let map = given.iter().map(|(name, value)| (name.into(), value.clone())).collect();
            let outcome = replaced(entries, SchemaAndValue::schemaless(Value::Map(Map::new(map))));
            assert_eq!(shown(&outcome.unwrap()), in_map);
        }
    }

    #[test]
    fn null_becomes_the_default_unless_it_is_kept() {
        for (replace, expected) in [("true", "x".into()), ("false", Value::Null)] {
            let entries = [("include", "etc"), ("replace.null.with.default", replace)];
            let outcome = replaced(&entries, record()).unwrap();
            assert_eq!(outcome.value.member("etc"), Some(&expected));
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_the_original_words() {
        for (entries, expected) in [
            (
                ("renames", "a"),
                "Invalid value [a] for configuration renames: Invalid rename mapping: a",
            ),
            (
                ("renames", "x:y,a:b:c"),
                "Invalid value [x:y, a:b:c] for configuration renames: Invalid rename mapping: a:b:c",
            ),
            (("include", "a,,b"), "Configuration 'include' values must not be empty."),
            (("renames", "abc:foo"), "Cannot create field because of field name duplication foo"),
            (("renames", "gone:foo"), "gone is not a valid field name"),
        ] {
            assert_eq!(replaced(&[entries], record()).unwrap_err().to_string(), expected);
        }
        let swapped = [("renames", "dont:foo"), ("exclude", "dont")];
        assert_eq!(
            replaced(&swapped, record()).unwrap_err().to_string(),
            "Invalid Java object for schema with type BOOLEAN: class java.lang.String for field: \
             \"foo\""
        );
    }
}
