//! Values that are given, in Avro's binary form.

use std::fs;

use connect_avro::{AvroSchema, Kind, TypeId, put_long};
use serde_json::{Value as Json, json};

use super::plan::{put_length, put_single, put_text};

/// Writes each option.
///
/// # Errors
/// Which one has no place in the type.
pub(super) fn written(
    avro: &AvroSchema,
    id: TypeId,
    options: &Json,
) -> Result<Vec<Vec<u8>>, String> {
    let file;
    let items = match options {
        Json::Array(items) => items,
        Json::Object(_) => {
            file = from_file(options)?;
            &file
        }
        _ => return Err("options must be an array, or an object with file and encoding".to_owned()),
    };
    if items.is_empty() {
        return Err("options has no option".to_owned());
    }
    items
        .iter()
        .map(|item| {
            let mut out = Vec::new();
            write(avro, id, item, &mut out)
                .ok_or_else(|| format!("options: {item} is no value of the type"))?;
            Ok(out)
        })
        .collect()
}

fn from_file(options: &Json) -> Result<Vec<Json>, String> {
    let path = options["file"].as_str().ok_or("options: file must be a path")?;
    if options["encoding"] != json!("json") {
        return Err("options: encoding must be json".to_owned());
    }
    let text = fs::read_to_string(path)
        .map_err(|error| format!("Could not read the options in \"{path}\": {error}"))?;
    // One document after the other, or all of them in an array.
    let documents: Result<Vec<Json>, _> =
        serde_json::Deserializer::from_str(&text).into_iter().collect();
    let documents =
        documents.map_err(|error| format!("The options in \"{path}\" are not JSON: {error}"))?;
    match <[Json; 1]>::try_from(documents) {
        Ok([Json::Array(items)]) => Ok(items),
        Ok([item]) => Ok(vec![item]),
        Err(documents) => Ok(documents),
    }
}

/// Appends a value; none when it is no value of the type.
fn write(avro: &AvroSchema, id: TypeId, json: &Json, out: &mut Vec<u8>) -> Option<()> {
    match avro.get(id) {
        Kind::Null => json.is_null().then_some(())?,
        Kind::Boolean => out.push(u8::from(json.as_bool()?)),
        Kind::Int => put_long(out, i32::try_from(json.as_i64()?).ok()?.into()),
        Kind::Long => put_long(out, json.as_i64()?),
        Kind::Float => put_single(out, json.as_f64()?),
        Kind::Double => out.extend_from_slice(&json.as_f64()?.to_le_bytes()),
        Kind::Bytes | Kind::String => put_text(out, json.as_str()?),
        Kind::Fixed(_, size) => {
            let bytes = json.as_str()?.as_bytes();
            (bytes.len() == *size).then(|| out.extend_from_slice(bytes))?;
        }
        Kind::Enum(_, symbols, _) => {
            let text = json.as_str()?;
            put_length(out, symbols.iter().position(|symbol| **symbol == *text)?);
        }
        Kind::Array(items) => {
            let values = json.as_array()?;
            if !values.is_empty() {
                put_length(out, values.len());
                values.iter().try_for_each(|value| write(avro, *items, value, out))?;
            }
            put_long(out, 0);
        }
        Kind::Map(values) => {
            let members = json.as_object()?;
            if !members.is_empty() {
                put_length(out, members.len());
                members.iter().try_for_each(|(name, value)| {
                    put_text(out, name);
                    write(avro, *values, value, out)
                })?;
            }
            put_long(out, 0);
        }
        Kind::Record(_, fields) => {
            let members = json.as_object()?;
            fields
                .iter()
                .try_for_each(|field| write(avro, field.kind, members.get(&field.name)?, out))?;
        }
        Kind::Union(branches) => {
            let before = out.len();
            branches.iter().enumerate().find_map(|(place, branch)| {
                out.truncate(before);
                put_length(out, place);
                write(avro, *branch, json, out)
            })?;
        }
    }
    Some(())
}
