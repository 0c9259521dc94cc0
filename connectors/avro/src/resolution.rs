//! Whether data written by one schema can be read by another.
//!
//! Source: the Avro specification, "Schema Resolution".

use super::schema::{AvroField, AvroSchema, Kind, Named, TypeId};

/// Whether data of the second schema can be read by the first.
#[must_use]
pub fn can_read(reader: &AvroSchema, writer: &AvroSchema) -> bool {
    let mut pairs = Pairs { reader, writer, open: Vec::new() };
    pairs.fit(reader.root, writer.root)
}

struct Pairs<'a> {
    reader: &'a AvroSchema,
    writer: &'a AvroSchema,
    /// What is being compared already, for types that contain themselves.
    open: Vec<(TypeId, TypeId)>,
}

impl Pairs<'_> {
    fn fit(&mut self, reader: TypeId, writer: TypeId) -> bool {
        if self.open.contains(&(reader, writer)) {
            return true;
        }
        self.open.push((reader, writer));
        let fits = self.pair(reader, writer);
        if !fits {
            self.open.pop();
        }
        fits
    }

    fn pair(&mut self, reader: TypeId, writer: TypeId) -> bool {
        let (to, from) = (self.reader.get(reader), self.writer.get(writer));
        match (to, from) {
            (_, Kind::Union(branches)) => branches.iter().all(|branch| self.fit(reader, *branch)),
            (Kind::Union(branches), _) => branches.iter().any(|branch| self.fit(*branch, writer)),
            (Kind::Array(to), Kind::Array(from)) | (Kind::Map(to), Kind::Map(from)) => {
                self.fit(*to, *from)
            }
            (Kind::Record(own, to), Kind::Record(other, from)) => {
                is_same_name(own, other) && to.iter().all(|field| self.field(field, from))
            }
            (Kind::Enum(own, symbols, default), Kind::Enum(other, known, _)) => {
                let has_all = known.iter().all(|symbol| symbols.contains(symbol));
                is_same_name(own, other) && (default.is_some() || has_all)
            }
            (Kind::Fixed(own, size), Kind::Fixed(other, known)) => {
                is_same_name(own, other) && size == known
            }
            (Kind::Long, Kind::Int)
            | (Kind::Float, Kind::Int | Kind::Long)
            | (Kind::Double, Kind::Int | Kind::Long | Kind::Float)
            | (Kind::String, Kind::Bytes)
            | (Kind::Bytes, Kind::String) => true,
            (to, from) => to.named().is_none() && to == from,
        }
    }

    fn field(&mut self, field: &AvroField, from: &[AvroField]) -> bool {
        let is_same = |other: &&AvroField| {
            other.name == field.name || field.aliases.iter().any(|alias| *alias == other.name)
        };
        match from.iter().find(is_same) {
            Some(other) => self.fit(field.kind, other.kind),
            None => field.default.is_some(),
        }
    }
}

fn is_same_name(own: &Named, other: &Named) -> bool {
    own.name == other.name
        || own.aliases.iter().any(|alias| *alias == other.name || *alias == other.full())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(reader: &str, writer: &str) -> bool {
        let parsed = |text| AvroSchema::parse(text, &[]).unwrap();
        can_read(&parsed(reader), &parsed(writer))
    }

    #[test]
    fn numbers_grow_and_fields_may_come_with_a_default() {
        assert!(reads(r#""long""#, r#""int""#));
        assert!(!reads(r#""int""#, r#""long""#));
        assert!(reads(r#"["null","int"]"#, r#""int""#));
        assert!(!reads(r#""int""#, r#"["null","int"]"#));
        let record =
            |fields: &str| format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
        let a = r#"{"name":"a","type":"int"}"#;
        let with = |default: &str| format!(r#"{a},{{"name":"b","type":"int"{default}}}"#);
        assert!(reads(&record(&with(r#","default":1"#)), &record(a)));
        assert!(!reads(&record(&with("")), &record(a)));
        assert!(reads(&record(a), &record(&with(""))));
        let list = record(r#"{"name":"next","type":["null","R"]}"#);
        assert!(reads(&list, &list));
    }
}
