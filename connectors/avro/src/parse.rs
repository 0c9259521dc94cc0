//! Texts of Avro schemas to tables of types.
//!
//! Source: the Avro specification 1.12, apache/avro `Schema.java`.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map as JsonMap, Value as Json};

use super::schema::{AvroField, AvroType, Kind, Named, TypeId};

/// Members of a type that are not its properties.
const RESERVED: [&str; 10] =
    ["doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases"];

/// Members of a field that are not its properties.
const FIELD_RESERVED: [&str; 6] = ["default", "doc", "name", "order", "type", "aliases"];

/// Reads one text after the other into one table.
#[derive(Default)]
pub(super) struct Parser {
    /// What was read.
    pub(super) types: Vec<AvroType>,
    names: HashMap<String, TypeId>,
}

impl Parser {
    /// Reads a text and says where its type is.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(super) fn text(&mut self, text: &str) -> Result<TypeId, String> {
        let text = text.trim();
        let json = match serde_json::from_str(text) {
            Ok(json) => json,
            // A registry may hold the bare name of a primitive type.
            Err(_) if Kind::primitive(text).is_some() => Json::from(text),
            Err(error) => return Err(format!("it is no JSON: {error}")),
        };
        self.any(&json, None)
    }

    /// JSON is never deep enough to exhaust the stack: its parser sees to that.
    fn any(&mut self, json: &Json, space: Option<&str>) -> Result<TypeId, String> {
        match json {
            Json::String(name) => self.reference(name, space),
            Json::Array(branches) => {
                let branches: Result<Vec<_>, _> =
                    branches.iter().map(|branch| self.any(branch, space)).collect();
                let branches = branches?;
                if branches.iter().any(|&id| self.is_union(id)) {
                    return Err("a union stands directly in a union".to_owned());
                }
                Ok(self.add(Kind::Union(branches), None))
            }
            Json::Object(members) => self.object(members, space),
            other => Err(format!("{other} is no schema")),
        }
    }

    fn is_union(&self, id: TypeId) -> bool {
        self.types.get(id).is_some_and(|found| matches!(found.kind, Kind::Union(_)))
    }

    fn reference(&mut self, name: &str, space: Option<&str>) -> Result<TypeId, String> {
        if let Some(kind) = Kind::primitive(name) {
            return Ok(self.add(kind, None));
        }
        let full = match space {
            Some(space) if !name.contains('.') => format!("{space}.{name}"),
            _ => name.to_owned(),
        };
        let known = self.names.get(&full).or_else(|| self.names.get(name));
        known.copied().ok_or_else(|| format!("Undefined name: \"{full}\""))
    }

    fn object(
        &mut self,
        members: &JsonMap<String, Json>,
        space: Option<&str>,
    ) -> Result<TypeId, String> {
        let word = match members.get("type") {
            Some(Json::String(word)) => word.as_str(),
            // A type within a type, with nothing of its own.
            Some(inner @ (Json::Object(_) | Json::Array(_))) => return self.any(inner, space),
            _ => return Err("a schema has no type".to_owned()),
        };
        match word {
            "array" => {
                let items = self.any(member(members, "items")?, space)?;
                Ok(self.add(Kind::Array(items), Some(members)))
            }
            "map" => {
                let values = self.any(member(members, "values")?, space)?;
                Ok(self.add(Kind::Map(values), Some(members)))
            }
            "record" | "error" => self.record(members, space),
            "enum" => self.enumeration(members, space),
            "fixed" => {
                let size = member(members, "size")?.as_u64();
                let size = size.and_then(|size| usize::try_from(size).ok());
                let size = size.ok_or("the size of a fixed is no size")?;
                let named = named(members, space)?;
                let id = self.add(Kind::Fixed(named.clone(), size), Some(members));
                self.define(&named, id)
            }
            _ => match Kind::primitive(word) {
                Some(kind) => Ok(self.add(kind, Some(members))),
                None => self.reference(word, space),
            },
        }
    }

    fn enumeration(
        &mut self,
        members: &JsonMap<String, Json>,
        space: Option<&str>,
    ) -> Result<TypeId, String> {
        let named = named(members, space)?;
        let symbols = member(members, "symbols")?.as_array().ok_or("symbols are no list")?;
        let symbols: Option<Vec<Arc<str>>> =
            symbols.iter().map(|symbol| symbol.as_str().map(Arc::from)).collect();
        let symbols = symbols.ok_or("a symbol is no text")?;
        let default = members.get("default").and_then(Json::as_str).map(str::to_owned);
        let id = self.add(Kind::Enum(named.clone(), symbols, default), Some(members));
        if let Some(added) = self.types.get_mut(id) {
            added.props.shift_remove("default");
        }
        self.define(&named, id)
    }

    fn record(
        &mut self,
        members: &JsonMap<String, Json>,
        space: Option<&str>,
    ) -> Result<TypeId, String> {
        let named = named(members, space)?;
        // Known before its fields are, which may name it.
        let id = self.add(Kind::Record(named.clone(), Vec::new()), Some(members));
        self.define(&named, id)?;
        let list = member(members, "fields")?.as_array().ok_or("fields are no list")?;
        let mut fields: Vec<AvroField> = Vec::with_capacity(list.len());
        for json in list {
            let field = self.field(json, named.namespace.as_deref())?;
            if fields.iter().any(|known| known.name == field.name) {
                return Err(format!("Duplicate field {} in record {}", field.name, named.full()));
            }
            fields.push(field);
        }
        if let Some(slot) = self.types.get_mut(id) {
            slot.kind = Kind::Record(named, fields);
        }
        Ok(id)
    }

    fn field(&mut self, json: &Json, space: Option<&str>) -> Result<AvroField, String> {
        let members = json.as_object().ok_or("a field is no object")?;
        let name = member(members, "name")?.as_str().ok_or("the name of a field is no text")?;
        Ok(AvroField {
            name: name.to_owned(),
            kind: self.any(member(members, "type")?, space)?,
            doc: members.get("doc").and_then(Json::as_str).map(str::to_owned),
            default: members.get("default").cloned(),
            order: members.get("order").and_then(Json::as_str).map(str::to_owned),
            aliases: aliases(members),
            props: others(members, &FIELD_RESERVED),
        })
    }

    fn add(&mut self, kind: Kind, members: Option<&JsonMap<String, Json>>) -> TypeId {
        let props = members.map(|members| others(members, &RESERVED)).unwrap_or_default();
        self.types.push(AvroType { kind, props });
        self.types.len() - 1
    }

    fn define(&mut self, named: &Named, id: TypeId) -> Result<TypeId, String> {
        match self.names.insert(named.full(), id) {
            None => Ok(id),
            Some(_) => Err(format!("Can't redefine: {}", named.full())),
        }
    }
}

fn member<'a>(members: &'a JsonMap<String, Json>, name: &str) -> Result<&'a Json, String> {
    members.get(name).ok_or_else(|| format!("a schema has no \"{name}\""))
}

fn named(members: &JsonMap<String, Json>, space: Option<&str>) -> Result<Named, String> {
    let name = member(members, "name")?.as_str().ok_or("a name is no text")?;
    let mut named = Named::new(name);
    if named.name.is_empty() {
        return Err("a name is empty".to_owned());
    }
    if !name.contains('.') {
        let own = members.get("namespace").and_then(Json::as_str);
        named.namespace = own.or(space).filter(|space| !space.is_empty()).map(str::to_owned);
    }
    named.doc = members.get("doc").and_then(Json::as_str).map(str::to_owned);
    named.aliases = aliases(members);
    Ok(named)
}

fn aliases(members: &JsonMap<String, Json>) -> Vec<Json> {
    members.get("aliases").and_then(Json::as_array).cloned().unwrap_or_default()
}

fn others(members: &JsonMap<String, Json>, reserved: &[&str]) -> JsonMap<String, Json> {
    let kept = members.iter().filter(|(name, _)| !reserved.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}
