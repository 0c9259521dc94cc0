//! Payloads that look as the original writes them: straight from the text to data.

use std::sync::Arc;

use connect_api::{
    error::Result,
    json::{JsonError, NodeRef, Parser},
    schema::{Schema, Type},
    value::{Struct, Value},
};

use super::read::{Reading, hole};

/// Reads a payload that holds each field of a struct once and in the schema's order, without a tree
/// of nodes in between.
///
/// It gives up at anything else, and at anything that is wrong: whoever reads the nodes then says
/// what that is.
struct Direct<'p, 'a> {
    reading: Reading,
    parser: &'p mut Parser<'a>,
}

impl Reading {
    /// Reads the payload that comes next, by its nodes where it looks unusual.
    ///
    /// # Errors
    /// When it is no JSON; within, when its shape does not fit the schema.
    pub(super) fn payload(
        self,
        schema: &Arc<Schema>,
        parser: &mut Parser<'_>,
    ) -> std::result::Result<Result<Value>, JsonError> {
        let mut ahead = parser.clone();
        if let Some(value) = (Direct { reading: self, parser: &mut ahead }).value(schema) {
            *parser = ahead;
            return Ok(Ok(value));
        }
        let node = parser.value::<NodeRef<'_>>()?;
        Ok(self.value(schema, &node))
    }
}

impl Direct<'_, '_> {
    /// Reads the value that comes next.
    fn value(&mut self, schema: &Arc<Schema>) -> Option<Value> {
        let mut values = Vec::with_capacity(1);
        self.push(schema, &mut values)?;
        values.pop()
    }

    /// Reads the value that comes next to where it belongs: values are too large to be handed from
    /// one to the other at no cost.
    fn push(&mut self, schema: &Arc<Schema>, values: &mut Vec<Value>) -> Option<()> {
        match schema.kind() {
            Type::Struct if self.parser.take(b'{') => {
                let value = Value::Struct(self.record(schema)?);
                values.push(value);
            }
            Type::String if schema.name().is_none() && self.parser.peek() == Some(b'"') => {
                values.push(Value::String(self.parser.string().ok()?.to_byte_string()));
            }
            _ => {
                let node = self.parser.value::<NodeRef<'_>>().ok()?;
                values.push(self.reading.value(schema, &node).ok()?);
            }
        }
        Some(())
    }

    /// Reads a struct from behind its brace on.
    fn record(&mut self, schema: &Arc<Schema>) -> Option<Struct> {
        let fields = schema.fields();
        let mut values = Vec::with_capacity(fields.len());
        for (place, field) in fields.iter().enumerate() {
            if place > 0 && !self.parser.take(b',') {
                return None;
            }
            if *self.parser.name().ok()? != *field.name {
                return None;
            }
            self.push(&field.schema, &mut values)?;
            if hole(&field.schema, values.last()?).is_some() {
                return None;
            }
        }
        self.parser.take(b'}').then(|| Struct::new(Arc::clone(schema), values))
    }
}

#[cfg(test)]
mod tests {
    use bytestring::ByteString;
    use connect_api::schema::logical;
    use proptest::prelude::*;

    use super::*;

    const READING: Reading = Reading { is_null_replaced: true };

    fn schema() -> Arc<Schema> {
        let inner = Schema::new(Type::Struct)
            .field("x", Schema::new(Type::Int8).optional())
            .field("y", Schema::string());
        let doubles = Schema::map(Schema::string(), Schema::new(Type::Float64));
        let schema = Schema::new(Type::Struct)
            .field("a", Schema::optional_string())
            .field("b", Schema::new(Type::Int64).named(logical::TIMESTAMP))
            .field("c", Schema::array(inner.clone()).optional())
            .field("d", doubles.optional())
            .field("e", inner.optional());
        Arc::new(schema)
    }

    fn by_nodes(schema: &Arc<Schema>, text: &ByteString) -> Option<Value> {
        let node = Parser::new(text).value::<NodeRef<'_>>().ok()?;
        READING.value(schema, &node).ok()
    }

    fn directly(schema: &Arc<Schema>, text: &ByteString) -> Option<Value> {
        Direct { reading: READING, parser: &mut Parser::new(text) }.value(schema)
    }

    #[test]
    fn what_the_original_writes_needs_no_nodes() {
        let text = r#"{"a":"é\n","b":7,"c":[{"x":300,"y":""}],"d":{"k":1,"k":2.5},"e":null}"#;
        let value = directly(&schema(), &text.into());
        assert!(value.is_some());
        assert_eq!(value, by_nodes(&schema(), &text.into()));
    }

    /// A member that the schema may or may not have there, right or wrong.
    fn member() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec!["a", "b", "c", "d", "e", "\\u0061", "z"]);
        let value = prop::sample::select(vec![
            "null",
            "\"\"",
            "7",
            "1.5",
            "true",
            "[]",
            "{}",
            "[{\"x\":1,\"y\":\"v\"}, {\"y\":\"v\"}]",
            "{\"x\":null,\"y\":\"v\"}",
            "{\"x\":1,\"y\":null}",
            "{\"k\":1,\"l\":2,\"k\":3}",
            "nul",
        ]);
        (name, value).prop_map(|(name, value)| format!("\"{name}\" : {value}"))
    }

    /// Members in their order as often as in any other.
    fn members() -> impl Strategy<Value = Vec<String>> {
        let right = ["\"a\":\"v\"", "\"b\":7", "\"c\":null", "\"d\":{\"k\":1}", "\"e\":null"];
        let right = right.map(str::to_owned);
        let changed = (prop::option::of(0_usize..5), member()).prop_map(move |(place, other)| {
            let mut members = right.to_vec();
            if let Some(place) = place {
                members[place] = other;
            }
            members
        });
        prop_oneof![changed, prop::collection::vec(member(), 0..7)]
    }

    proptest! {
        #[test]
        fn it_gives_up_or_gives_what_the_nodes_give(members in members()) {
            let text = ByteString::from(format!("{{{}}}", members.join(",")));
            let value = directly(&schema(), &text);
            prop_assert!(value.is_none() || value == by_nodes(&schema(), &text), "{text}");
        }
    }
}
