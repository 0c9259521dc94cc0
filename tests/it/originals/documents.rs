//! JSON by chance: documents with and without a schema, most of them good.

use super::records::Random;

const NUMBERS: [&str; 18] = [
    "0",
    "-1",
    "7",
    "127",
    "128",
    "300",
    "70000",
    "-32769",
    "2147483648",
    "9223372036854775808",
    "1e3",
    "1.5",
    "-0",
    "0.1",
    "00012",
    "1.50",
    "1E-7",
    "123456789012345678901234567890.125",
];

const TEXTS: [&str; 10] =
    ["", "x", "AQI=", "!!", "\\u00e9\\n", "\u{1f600}", "NaN", "12", "1.5", "a\\\"b"];

/// A document: an envelope as a rule, else anything, or something broken.
pub(super) fn document(random: &mut Random) -> String {
    let text = match random.below(12) {
        0 => anything(random, 3),
        1 => format!("{{\"schema\":null,\"payload\":{}}}", anything(random, 3)),
        2 => format!("{{\"payload\":{}}}", anything(random, 1)),
        _ => {
            let (schema, payload) = described(random, 3);
            format!("{{\"schema\":{schema},\"payload\":{payload}}}")
        }
    };
    match random.below(40) {
        0..4 => broken(&text, random),
        4 => format!("\u{feff}{text}"),
        _ => text,
    }
}

/// A text with one character too many, too few, or wrong.
fn broken(text: &str, random: &mut Random) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let at = random.below(characters.len());
    let wrong = random.of(&['{', '}', '[', ']', '"', ',', ':', '0', 't', ' ', '\\', '\u{1}', '-']);
    match random.below(3) {
        0 => drop(characters.remove(at)),
        1 => characters.insert(at, wrong),
        _ => characters[at] = wrong,
    }
    characters.into_iter().collect()
}

fn text(random: &mut Random) -> String {
    format!("\"{}\"", random.of(&TEXTS))
}

pub(super) fn anything(random: &mut Random, depth: usize) -> String {
    match random.below(if depth > 0 { 8 } else { 5 }) {
        0 => "null".to_owned(),
        1 => random.of(&["true", "false"]).to_owned(),
        2 => random.of(&NUMBERS).to_owned(),
        3 | 4 => text(random),
        5 => list(random, |random| anything(random, depth - 1)),
        _ => {
            let names = ["a", "b", "c", "payload", "schema"];
            object(random, &names, |random| anything(random, depth - 1))
        }
    }
}

fn list(random: &mut Random, mut item: impl FnMut(&mut Random) -> String) -> String {
    let items: Vec<_> = (0..random.below(4)).map(|_| item(random)).collect();
    format!("[{}]", items.join(","))
}

fn object(
    random: &mut Random,
    names: &[&str],
    mut value: impl FnMut(&mut Random) -> String,
) -> String {
    let entries: Vec<_> = (0..random.below(4))
        .map(|_| format!("\"{}\":{}", random.of(names), value(random)))
        .collect();
    format!("{{{}}}", entries.join(","))
}

/// A schema and a payload for it, each with a chance to be wrong.
fn described(random: &mut Random, depth: usize) -> (String, String) {
    let (mut properties, payload) = typed(random, depth);
    if random.once_in(3) {
        let optional = random.of(&["true", "true", "false", "\"true\"", "null"]);
        properties.push(format!("\"optional\":{optional}"));
    }
    if random.once_in(6) {
        let version = random.of(&["1", "2", "\"3\"", "1.5"]);
        properties.push(format!("\"version\":{version}"));
    }
    if random.once_in(6) {
        properties.push(format!("\"doc\":{}", random.of(&["\"d\"", "1", "null"])));
    }
    if random.once_in(6) {
        let parameters = random.of(&["{\"p\":\"v\"}", "{\"p\":1}", "{}", "null", "[]"]);
        properties.push(format!("\"parameters\":{parameters}"));
    }
    if random.once_in(6) {
        properties.push(format!("\"default\":{payload}"));
    }
    let schema = match random.below(40) {
        0 => anything(random, 1),
        1 => "{\"type\":\"nope\"}".to_owned(),
        2 => "{\"optional\":true}".to_owned(),
        _ => format!("{{{}}}", properties.join(",")),
    };
    let payload = match random.below(12) {
        0 => anything(random, 2),
        1 => "null".to_owned(),
        _ => payload,
    };
    (schema, payload)
}

fn typed(random: &mut Random, depth: usize) -> (Vec<String>, String) {
    let number = random.of(&NUMBERS).to_owned();
    let word = text(random);
    let of = |kind: &str| vec![format!("\"type\":\"{kind}\"")];
    let logical = |kind: &str, name: &str| {
        let name = format!("\"name\":\"org.apache.kafka.connect.data.{name}\"");
        [of(kind), vec![name]].concat()
    };
    match random.below(if depth > 0 { 18 } else { 13 }) {
        0 => (of("int8"), number),
        1 => (of("int16"), number),
        2 => (of("int32"), number),
        3 => (of("int64"), number),
        4 => (of("float"), number),
        5 => (of("double"), number),
        6 => (of("boolean"), random.of(&["true", "false"]).to_owned()),
        7 => (of("bytes"), word),
        8 => (logical("int32", "Date"), number),
        9 => (logical("int32", "Time"), number),
        10 => (logical("int64", "Timestamp"), number),
        11 => {
            let scale = random.of(&["2", "0", "-1", "x"]);
            let mut properties = logical("bytes", "Decimal");
            properties.push(format!("\"parameters\":{{\"scale\":\"{scale}\"}}"));
            (properties, random.of(&["\"AQI=\"", "\"\"", "1.50", "7", "\"!\""]).to_owned())
        }
        12 => (of("string"), word),
        13 => {
            let (items, item) = described(random, depth - 1);
            let mut properties = of("array");
            if !random.once_in(15) {
                properties.push(format!("\"items\":{items}"));
            }
            (properties, list(random, |_| item.clone()))
        }
        14 => mapping(random, depth, of("map")),
        _ => structure(random, depth, of("struct")),
    }
}

fn mapping(random: &mut Random, depth: usize, mut kind: Vec<String>) -> (Vec<String>, String) {
    let (values, value) = described(random, depth - 1);
    let has_text_keys = !random.once_in(3);
    let keys = if has_text_keys { "{\"type\":\"string\"}" } else { "{\"type\":\"int32\"}" };
    kind.extend([format!("\"keys\":{keys}"), format!("\"values\":{values}")]);
    if random.once_in(15) {
        kind.pop();
    }
    let payload = if has_text_keys {
        object(random, &["k", "l", ""], |_| value.clone())
    } else {
        let key = random.of(&NUMBERS);
        list(random, |random| match random.below(9) {
            0 => format!("[{key}]"),
            1 => value.clone(),
            _ => format!("[{key},{value}]"),
        })
    };
    (kind, payload)
}

fn structure(random: &mut Random, depth: usize, mut kind: Vec<String>) -> (Vec<String>, String) {
    let (mut fields, mut members) = (Vec::new(), Vec::new());
    for name in ["a", "b", "c"] {
        let (schema, payload) = described(random, depth - 1);
        let Some(open) = schema.strip_suffix('}') else { continue };
        let comma = if open == "{" { "" } else { "," };
        let name = if random.once_in(40) { "1".to_owned() } else { format!("\"{name}\"") };
        fields.push(format!("{open}{comma}\"field\":{name}}}"));
        if !random.once_in(8) {
            members.push(format!("{name}:{payload}"));
        }
    }
    if random.once_in(8) {
        members.push("\"more\":1".to_owned());
    }
    kind.push(match random.once_in(25) {
        true => "\"fields\":{}".to_owned(),
        false => format!("\"fields\":[{}]", fields.join(",")),
    });
    if random.once_in(3) {
        kind.push(format!("\"name\":{}", random.of(&["\"S\"", "\"\"", "1", "null"])));
    }
    (kind, format!("{{{}}}", members.join(",")))
}
