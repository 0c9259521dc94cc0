//! The text of a schema, byte for byte as Java writes it: the registry knows schemas by it.
//!
//! Source: apache/avro `Schema.toString`, `JsonProperties.writeProps`.

use std::collections::HashMap;

use connect_api::value::write_java_double;
use serde_json::{Map as JsonMap, Value as Json};

use super::schema::{AvroField, AvroSchema, Kind, Named, TypeId};

impl AvroSchema {
    /// Its text, as Java writes it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut writer = Writer { schema: self, out: String::new(), known: HashMap::new() };
        writer.any(self.root, None);
        writer.out
    }
}

struct Writer<'a> {
    schema: &'a AvroSchema,
    out: String,
    known: HashMap<String, TypeId>,
}

impl<'a> Writer<'a> {
    fn any(&mut self, id: TypeId, space: Option<&str>) {
        let Some(found) = self.schema.whole(id) else { return };
        if let Some(named) = found.kind.named()
            && self.is_reference(id, named, space)
        {
            return;
        }
        match &found.kind {
            Kind::Union(branches) => {
                self.out.push('[');
                for (place, branch) in branches.iter().enumerate() {
                    self.comma(place);
                    self.any(*branch, space);
                }
                self.out.push(']');
                return;
            }
            Kind::Array(items) => {
                self.out.push_str("{\"type\":\"array\",\"items\":");
                self.any(*items, space);
            }
            Kind::Map(values) => {
                self.out.push_str("{\"type\":\"map\",\"values\":");
                self.any(*values, space);
            }
            Kind::Record(named, fields) => self.record(named, fields, space),
            Kind::Enum(named, symbols, default) => {
                self.head("enum", named, space);
                self.out.push_str(",\"symbols\":[");
                for (place, symbol) in symbols.iter().enumerate() {
                    self.comma(place);
                    push_text(&mut self.out, symbol);
                }
                self.out.push(']');
                self.member("default", default.as_deref());
            }
            Kind::Fixed(named, size) => {
                self.head("fixed", named, space);
                self.out.push_str(&format!(",\"size\":{size}"));
            }
            primitive if found.props.is_empty() => {
                push_text(&mut self.out, primitive.word());
                return;
            }
            primitive => {
                self.out.push_str("{\"type\":");
                push_text(&mut self.out, primitive.word());
            }
        }
        self.props(&found.props);
        if let Some(named) = found.kind.named() {
            self.aliases(&named.aliases);
        }
        self.out.push('}');
    }

    /// A type that was written before, or one just like it, is named only.
    fn is_reference(&mut self, id: TypeId, named: &Named, space: Option<&str>) -> bool {
        let known = self.known.get(&named.full()).copied();
        if !known.is_some_and(|known| self.schema.is_same(known, id)) {
            self.known.insert(named.full(), id);
            return false;
        }
        let is_near = named.namespace.as_deref() == space;
        let name = if is_near { named.name.clone() } else { named.full() };
        push_text(&mut self.out, &name);
        true
    }

    fn record(&mut self, named: &'a Named, fields: &'a [AvroField], space: Option<&str>) {
        self.head("record", named, space);
        self.out.push_str(",\"fields\":[");
        for (place, field) in fields.iter().enumerate() {
            self.comma(place);
            self.out.push_str("{\"name\":");
            push_text(&mut self.out, &field.name);
            self.out.push_str(",\"type\":");
            self.any(field.kind, named.namespace.as_deref());
            self.member("doc", field.doc.as_deref());
            if let Some(default) = &field.default {
                self.out.push_str(",\"default\":");
                push_json(&mut self.out, default);
            }
            self.member("order", field.order.as_deref().filter(|order| *order != "ascending"));
            self.aliases(&field.aliases);
            self.props(&field.props);
            self.out.push('}');
        }
        self.out.push(']');
    }

    fn head(&mut self, word: &str, named: &Named, space: Option<&str>) {
        self.out.push_str("{\"type\":");
        push_text(&mut self.out, word);
        self.member("name", Some(&named.name));
        match named.namespace.as_deref() {
            Some(own) if Some(own) != space => self.member("namespace", Some(own)),
            None if space.is_some() => self.member("namespace", Some("")),
            _ => {}
        }
        self.member("doc", named.doc.as_deref());
    }

    fn member(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.out.push(',');
            push_text(&mut self.out, name);
            self.out.push(':');
            push_text(&mut self.out, text);
        }
    }

    fn aliases(&mut self, aliases: &[Json]) {
        if !aliases.is_empty() {
            self.out.push_str(",\"aliases\":");
            push_json(&mut self.out, &Json::Array(aliases.to_vec()));
        }
    }

    fn props(&mut self, props: &JsonMap<String, Json>) {
        for (name, value) in props {
            self.out.push(',');
            push_text(&mut self.out, name);
            self.out.push(':');
            push_json(&mut self.out, value);
        }
    }

    fn comma(&mut self, place: usize) {
        if place > 0 {
            self.out.push(',');
        }
    }
}

/// JSON as Jackson writes it: numbers in Java's text.
fn push_json(out: &mut String, json: &Json) {
    match json {
        Json::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => write_java_double(out, float),
            _ => out.push_str(&number.to_string()),
        },
        Json::String(text) => push_text(out, text),
        Json::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                push_json(out, item);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (place, (name, value)) in members.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                push_text(out, name);
                out.push(':');
                push_json(out, value);
            }
            out.push('}');
        }
        Json::Null | Json::Bool(_) => out.push_str(&json.to_string()),
    }
}

/// Text in quotes. Jackson escapes as `serde_json` does, but for the digits of control characters,
/// which it writes as capitals.
fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> String {
        AvroSchema::parse(text, &[]).unwrap().text()
    }

    #[test]
    fn a_text_in_javas_form_comes_back_as_it_was() {
        for text in [
            r#""int""#,
            r#"["null","string"]"#,
            r#"{"type":"int","connect.type":"int8"}"#,
            r#"{"type":"array","items":{"type":"map","values":"long"},"p":[1,2.5,{"a":null}]}"#,
            r#"{"type":"fixed","name":"F","namespace":"a.b","size":3,"aliases":["G"]}"#,
            r#"{"type":"enum","name":"E","doc":"d","symbols":["A","B"],"default":"A","p":true}"#,
            concat!(
                r#"{"type":"record","name":"R","namespace":"n","doc":"r","fields":[{"name":"a","#,
                r#""type":["null","R"],"doc":"f","default":null,"order":"ignore","aliases":["b"],"#,
                r#""x":"y"},{"name":"c","type":{"type":"record","name":"S","namespace":"m","#,
                r#""fields":[{"name":"r","type":"n.R"},{"name":"d","type":"double","#,
                r#""default":1.0E10}]}},{"name":"s","type":"m.S"}],"connect.name":"n.R"}"#
            ),
        ] {
            assert_eq!(again(text), text);
        }
    }

    #[test]
    fn another_form_is_brought_into_javas() {
        let text = r#"{ "name": "a.b.R", "type": "record", "fields": [
            {"type": {"type": "string"}, "name": "s"}, {"name": "i", "type": ["int"]}] }"#;
        assert_eq!(
            again(text),
            concat!(
                r#"{"type":"record","name":"R","namespace":"a.b","fields":[{"name":"s","#,
                r#""type":"string"},{"name":"i","type":["int"]}]}"#
            )
        );
        assert_eq!(again("string"), "\"string\"");
    }

    #[test]
    fn what_is_no_schema_is_told() {
        for (text, told) in [
            ("{", "no JSON"),
            ("7", "no schema"),
            ("{}", "no type"),
            (r#""Nowhere""#, "Undefined name"),
            (r#"["int",["null"]]"#, "union"),
            (r#"{"type":"record","name":"R"}"#, "fields"),
            (r#"{"type":"fixed","name":"R","size":-1}"#, "size"),
            (r#"{"type":"fixed","name":"","size":1}"#, "empty"),
        ] {
            let error = AvroSchema::parse(text, &[]).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
        let deep = "[".repeat(100_000);
        assert!(AvroSchema::parse(&deep, &[]).is_err());
    }
}
