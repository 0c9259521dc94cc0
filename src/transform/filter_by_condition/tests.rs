use connect_api::{
    record::{SchemaAndValue, SourceRecord},
    value::{Map, Value},
};
use proptest::prelude::*;

use super::*;

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(Map::new(
        entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect(),
    ))
}

fn value() -> Value {
    let item = |name: &str, n| map(&[("name", name.into()), ("n", Value::Int64(n))]);
    map(&[
        ("level", "ERROR".into()),
        ("code", Value::Int32(503)),
        ("ratio", Value::Float64(0.5)),
        ("ok", Value::Boolean(false)),
        ("none", Value::Null),
        ("user", map(&[("id", "u-1".into()), ("odd name", "x".into())])),
        ("items", Value::Array(vec![item("a", 1), item("b", 2)])),
    ])
}

fn holds(condition: &str) -> Option<bool> {
    Path::parse(condition).unwrap().holds(&value())
}

#[test]
fn conditions_hold_or_not() {
    for (condition, expected) in [
        ("$.level", true),
        ("$['user']['odd name']", true),
        ("$[?(@.level == 'ERROR')]", true),
        ("$[?(@.level == \"WARN\")]", false),
        ("$[?(@.level != 'WARN')]", true),
        ("$[?(@.code >= 500 && @.code < 600)]", true),
        ("$[?(@.code == 503.0)]", true),
        ("$[?(@.ratio > 0.25 && @.ratio <= 5e-1)]", true),
        ("$[?(@.ok == false)]", true),
        ("$[?(!(@.ok == true || @.code == -1))]", true),
        ("$[?(@.user.id =~ /U-\\d+/i)]", true),
        ("$[?(@.user.id =~ /\\d+/)]", false),
        ("$[?(@.level in ['WARN', 'ERROR'])]", true),
        ("$[?(@.level in [])]", false),
        ("$[?(@.none == null)]", true),
        ("$[?(@.gone != null)]", false),
        ("$[?(@.user)]", true),
        ("$[?(@.gone)]", false),
        ("$.user[?(@.id == 'u-1')]", true),
        ("$.items[?(@.n > 1)].name", true),
        ("$.items[?(@.n > 2)]", false),
        ("$.items[*].name", true),
        ("$.items[-1][?(@.name == 'b')]", true),
        ("$.items[?(@.n == 2 && $.code == 503)]", true),
        ("$[?(@.gone == 1 || @.level == 'ERROR')]", true),
        ("$[?(@.gone == 1 && @.level == 'WARN')]", false),
        ("$[?(@.level < 'F')]", true),
        ("$[?(@.level > 5)]", false),
    ] {
        assert_eq!(holds(condition), Some(expected), "{condition}");
    }
}

#[test]
fn what_hangs_on_something_missing_cannot_be_told() {
    for condition in [
        "$.gone",
        "$.none",
        "$.level.x",
        "$.items[7]",
        "$[?(@.gone == 'x')]",
        "$[?(!(@.none > 5))]",
        "$[?(@.gone == 1 || @.level == 'WARN')]",
        "$.gone[?(@.x == 1)]",
    ] {
        assert_eq!(holds(condition), None, "{condition}");
    }
}

#[test]
fn the_options_say_what_follows() {
    let verdict = |condition: &str, kind: &str, missing: Option<&str>| {
        let mut entries = vec![("filter.condition", condition), ("filter.type", kind)];
        entries.extend(missing.map(|word| ("missing.or.null.behavior", word)));
        let transform =
            FilterByCondition::configured(&entries.into_iter().collect(), Side::Value).unwrap();
        transform.apply(&mut SourceRecord::new("t".into(), SchemaAndValue::schemaless(value())))
    };
    assert_eq!(verdict("$[?(@.code > 1)]", "include", None).unwrap(), Verdict::Keep);
    assert_eq!(verdict("$[?(@.code > 1)]", "exclude", None).unwrap(), Verdict::Drop);
    assert_eq!(verdict("$[?(@.code < 1)]", "include", None).unwrap(), Verdict::Drop);
    assert_eq!(verdict("$.gone", "exclude", Some("include")).unwrap(), Verdict::Keep);
    assert_eq!(verdict("$.gone", "include", Some("exclude")).unwrap(), Verdict::Drop);
    assert_eq!(
        verdict("$.gone", "include", None).unwrap_err().to_string(),
        "A field of the condition $.gone is missing or null in the record"
    );
}

#[test]
fn a_condition_that_cannot_be_read_is_refused() {
    for (condition, at, reason) in [
        ("", 0, "a path starts with $ or @"),
        ("$.", 2, "a name is expected"),
        ("$[?(@.a = 1)]", 8, ") is expected"),
        ("$[?(1)]", 5, "a comparison is expected"),
        ("$[?(@.a == 'x)]", 11, "' is expected at the end of the text"),
        ("$[?(@[*] == 1)]", 13, "a comparison needs a path to one value"),
        ("$.a b", 4, "unexpected b"),
    ] {
        assert_eq!(
            Path::parse(condition).unwrap_err(),
            format!(
                "Invalid value {condition} for configuration filter.condition: at character {at}: \
                 {reason}"
            )
        );
    }
    let deep = format!("$[?({}@.a{})]", "(".repeat(10_000), ")".repeat(10_000));
    assert!(Path::parse(&deep).unwrap_err().contains("too deeply"));
    let nots = format!("$[?({}@.a)]", "!".repeat(10_000));
    assert!(Path::parse(&nots).unwrap_err().contains("too deeply"));
}

proptest! {
    #[test]
    fn nothing_that_is_given_is_a_panic(text in "[$@.\\[\\]?()a1'*!&|=<~/ in]{0,24}") {
        if let Ok(path) = Path::parse(&text) {
            path.holds(&value());
        }
    }
}
