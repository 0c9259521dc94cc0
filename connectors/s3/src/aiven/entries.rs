//! Headers and maps as the original sees them: as hash maps of Java.

use std::sync::Arc;

use connect_api::{
    error::{ConnectorError, Result},
    record::{Header, SinkRecord},
    schema::Schema,
    value::Value,
};

use super::config::OutputField;

/// The schema that headers have in common; none without headers.
pub(super) fn header_schema(headers: &[Header]) -> Result<Option<Arc<Schema>>> {
    let mut common: Option<&Arc<Schema>> = None;
    for header in headers {
        let name = &header.key;
        let schema = header
            .data
            .schema
            .as_ref()
            .ok_or_else(|| ConnectorError::record(format!("Header {name} without schema")))?;
        if common.is_some_and(|common| common.kind() != schema.kind()) {
            return Err(ConnectorError::record(format!(
                "Header {name} has another type than the header before it, and a map has one"
            ))
            .hint("Set header.converter to org.apache.kafka.connect.storage.StringConverter"));
        }
        common = common.or(Some(schema));
    }
    Ok(common.cloned())
}

/// Headers as a map of Java has them: the last one of a name, in the map's order.
pub(super) fn distinct(headers: &[Header]) -> Vec<(&str, &Value)> {
    let names = java_order(headers.iter().map(|header| &*header.key).collect());
    let last = |name: &&str| headers.iter().rev().find(|header| &*header.key == *name);
    names.iter().filter_map(last).map(|header| (&*header.key, &header.data.value)).collect()
}

/// Entries of the map that a field is.
pub(super) fn entries(field: OutputField, record: &SinkRecord) -> Vec<(&str, &Value)> {
    let value = match field {
        OutputField::Headers => return distinct(&record.headers),
        OutputField::Key => &record.key.value,
        _ => &record.value.value,
    };
    let Value::Map(map) = value else { return Vec::new() };
    let entries = map.entries();
    let texts = entries.iter().filter_map(|(key, value)| match key {
        Value::String(text) => Some((&**text, value)),
        _ => None,
    });
    texts.collect()
}

/// Distinct texts in the order of a `HashMap` of Java that they were put into one after the other.
pub(super) fn java_order<T: AsRef<str>>(texts: Vec<T>) -> Vec<T> {
    let mut distinct: Vec<T> = Vec::with_capacity(texts.len());
    for text in texts {
        if !distinct.iter().any(|known| known.as_ref() == text.as_ref()) {
            distinct.push(text);
        }
    }
    // The table doubles when it is filled by more than three quarters.
    let mut places = 16_usize;
    while distinct.len() > places / 4 * 3 {
        places *= 2;
    }
    let mask = u32::try_from(places - 1).unwrap_or(u32::MAX);
    distinct.sort_by_key(|text| {
        let units = text.as_ref().encode_utf16();
        let hash =
            units.fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
        (hash ^ (hash >> 16)) & mask
    });
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_in_the_order_of_a_hash_map_of_java() {
        let order = |texts: &[&str]| java_order(texts.to_vec()).join(",");
        assert_eq!(
            order(&["key", "value", "offset", "timestamp", "headers", "key"]),
            "headers,offset,value,key,timestamp"
        );
        // "Aa" and "BB" have one hash, and stay in the order they came in.
        assert_eq!(order(&["BB", "Aa"]), "BB,Aa");
        assert_eq!(order(&["Aa", "BB"]), "Aa,BB");
        // One place in 16 is not one place in 32: thirteen texts make the table grow.
        let many: Vec<String> = (0..13).map(|n| format!("f{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(order(&many[..12]), "f6,f7,f8,f9,f10,f11,f0,f1,f2,f3,f4,f5");
        assert_eq!(order(&many), "f10,f12,f11,f0,f1,f2,f3,f4,f5,f6,f7,f8,f9");
    }
}
