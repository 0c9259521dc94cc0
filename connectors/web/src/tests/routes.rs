//! Routes that are refused, each with its sentence, and that none of the others panics.

use connect_api::{
    config::{Config as _, ConfigType as _, Props},
    source::SourceConnector as _,
};
use proptest::prelude::*;

use crate::{
    WebEventSource,
    config::{Listen, WebConfig},
    inbox::{Inbox, Memory},
    routes::RouteTexts,
    site::Site,
};

#[test]
fn a_bad_route_is_one_sentence() {
    for (routes, expected) in [
        ("{}", "Must be a JSON array of routes: invalid type: map"),
        ("[]", "Must have one route at least"),
        ("[1]", "Route 1: must be an object such as {\"path\": \"/hook\"}"),
        (r#"[["GET", "/a", null, null, null, null, []]]"#, "Route 1: must be an object"),
        (r#"[{"path": "/a"}, {"method": "GET"}]"#, "Route 2: missing field `path`"),
        (r#"[{"path": "/a", "metod": "GET"}]"#, "Route 1: unknown field `metod`, expected one of"),
        (r#"[{"path": "a"}]"#, "Route 1: path \"a\": it must begin with /"),
        (r#"[{"path": "/a{b}"}]"#, "Route 1: path \"/a{b}\": a segment is plain text"),
        (r#"[{"path": "/{a}/{a}"}]"#, "Route 1: path \"/{a}/{a}\": it has the segment \"a\" twice"),
        (r#"[{"path": "/*"}]"#, "Route 1: path \"/*\": a segment is plain text"),
        (r#"[{"path": "/a", "method": "TRACE"}]"#, "Route 1: method \"TRACE\" is none of GET"),
        (r#"[{"path": "/a", "method": "GET"}]"#, "Route 1: A GET has no body"),
        (r#"[{"path": "/a", "body": "xml"}]"#, "Route 1: unknown variant `xml`"),
        (r#"[{"path": "/a", "fields": {}}]"#, "Route 1: fields has no field"),
        (
            r#"[{"path": "/a", "fields": {"b": "cookie:x"}}]"#,
            "Route 1: field \"b\": \"cookie:x\" is none of query:NAME",
        ),
        (r#"[{"path": "/a", "fields": {"b": 1}}]"#, "Route 1: field \"b\" is not a text"),
        (
            r#"[{"path": "/a", "fields": {"b": "header:x y"}}]"#,
            "Route 1: field \"b\": \"x y\" is not the name",
        ),
        (r#"[{"path": "/a", "fields": {"b": "path:c"}}]"#, "Route 1: The path has no segment {c}"),
        (r#"[{"path": "/a", "topic": "{c}"}]"#, "Route 1: The path has no segment {c}"),
        (r#"[{"path": "/a", "topic": "a b"}]"#, "Route 1: topic \"a b\" has letters that no topic"),
        (r#"[{"path": "/a", "topic": ""}]"#, "Route 1: topic \"\": A topic's name has up to 249"),
        (r#"[{"path": "/a", "topic": ".."}]"#, "Route 1: topic \"..\": A topic's name has"),
        (r#"[{"path": "/a"}, {"path": "/a"}]"#, "There are two routes for POST /a"),
        (
            r#"[{"path": "/{a}"}, {"path": "/{b}", "method": "PUT"}]"#,
            "Paths \"/{a}\" and \"/{b}\" are the same",
        ),
        (
            r#"[{"path": "/a", "body": "text", "fields": {"b": "body:c"}}]"#,
            "Route 1: Fields of a body need",
        ),
    ] {
        let refusal = RouteTexts::parse(routes).unwrap_err();
        assert!(refusal.starts_with(expected), "{routes}: {refusal}");
    }
}

#[test]
fn addresses_are_read_as_they_are_written() {
    for text in ["0.0.0.0:8088", "localhost:0", "[::1]:80"] {
        assert_eq!(Listen::parse(text).unwrap().to_string(), text);
    }
    for text in ["", "8088", ":8088", "::1:80", "http://a:80", "a:99999", "a b:1"] {
        assert!(Listen::parse(text).is_err(), "{text}");
    }
}

#[test]
fn problems_across_options_are_bound_to_their_keys() {
    let route = r#"[{"path": "/", "fields": {"a": "query:a"}}]"#;
    for (entries, expected) in [
        (vec![], "A route has no topic: set topic, or one in each route"),
        (
            vec![("topic", "t"), ("page", "colors")],
            "Invalid value / for configuration page.path: A route has this path already",
        ),
        (
            vec![("topic", "t"), ("acks", "1"), ("buffer.bytes", "9000")],
            "Invalid value 9000 for configuration buffer.bytes: Must be at least four times body.max.bytes",
        ),
        (
            vec![("topic", "t"), ("ssl.keystore.key", "k")],
            "ssl.keystore.key is given, so that ssl.keystore.certificate.chain has to be given as well",
        ),
        (
            vec![
                ("topic", "t"),
                ("ssl.keystore.key", "k"),
                ("ssl.keystore.certificate.chain", "c"),
            ],
            "ssl.keystore.certificate.chain cannot be used: it holds no certificate",
        ),
        (
            vec![
                ("topic", "t"),
                ("ssl.keystore.location", "store.p12"),
                ("ssl.keystore.key", "k"),
                ("ssl.keystore.certificate.chain", "c"),
            ],
            "Give either ssl.keystore.location or ssl.keystore.key, not both",
        ),
    ] {
        let mut props = Props::from([("listen", "localhost:1"), ("routes", route)]);
        for (key, value) in entries {
            props.insert(key.to_owned(), value.to_owned());
        }
        assert_eq!(WebConfig::parse(&props).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_buffer_without_a_place_has_one_by_the_name_of_its_connector() {
    let config = |entries: &[(&str, &str)]| {
        let mut props =
            Props::from([("listen", "a:1"), ("topic", "t"), ("routes", r#"[{"path": "/"}]"#)]);
        for (key, value) in entries {
            props.insert((*key).to_owned(), (*value).to_owned());
        }
        WebConfig::parse(&props).unwrap()
    };
    let by_name = config(&[("acks", "1")]);
    for (name, expected) in
        [("web", "web"), ("a/../b c", "a%2F..%2Fb+c"), ("..", "%2E."), ("é", "%C3%A9")]
    {
        let expected = format!("millrace-data/web/{expected}");
        assert_eq!(by_name.buffer_of(name).to_str().unwrap(), expected);
    }
    assert!(by_name.has_buffer());
    assert_eq!(config(&[("buffer.path", "b")]).buffer_of("web").to_str().unwrap(), "b");
    assert!(!config(&[("acks", "0")]).has_buffer());
    assert!(!config(&[("acks", "all"), ("buffer.path", "b")]).has_buffer());
}

#[test]
fn values_that_cannot_work_are_refused_under_their_keys() {
    let long = "a".repeat(250);
    for (key, values) in [
        ("topic", &["a b", ".", "..", "", "tö", "{x}", &long][..]),
        (
            "page.path",
            &["/:x", "/*x", "/a/:id/b", "/a b", "/a?b", "/é", "/%41", "x", "", "/{x}", "/a{x"],
        ),
        ("api.key", &["", " ", "a\u{7}b"]),
        ("hmac.secret", &["", " "]),
        (
            "access.control.allow.origin",
            &[
                "foo",
                "é",
                "http://a/",
                "http://",
                "//a",
                "1a://b",
                "http://a:b",
                "http://[::g]",
                "a://u@b",
            ],
        ),
    ] {
        for value in values {
            let props = Props::from([
                ("listen", "localhost:1"),
                ("routes", r#"[{"path": "/hook", "topic": "t"}]"#),
                ("page", "colors"),
                (key, value),
            ]);
            let found = WebEventSource.validate(&props);
            let wrong = found.iter().filter(|value| !value.errors.is_empty());
            let wrong: Vec<_> = wrong.map(|value| value.name.as_str()).collect();
            assert_eq!(wrong, [key], "{value}");
        }
    }
    let origins = "*, https://a.example, http://localhost:3000,http://[::1]:80,http://[::1]";
    let props = Props::from([
        ("listen", "localhost:1"),
        ("topic", "a.b_c-D9"),
        ("routes", r#"[{"path": "/hook"}]"#),
        ("page", "colors"),
        ("page.path", "/a/b.html"),
        ("access.control.allow.origin", origins),
    ]);
    assert_eq!(WebConfig::parse(&props).unwrap().origins.len(), 5);
}

proptest! {
    #[test]
    fn routes_that_are_taken_can_be_served(
        paths in prop::collection::vec("(/([a-z{}*:._-]{0,4}|\\{[a-b]\\})){1,3}", 1..4),
        page in "(/[a-b{}*:?.]{0,3}){0,3}"
    ) {
        let route = |path| serde_json::json!({"path": path, "topic": "t"});
        let routes: Vec<_> = paths.into_iter().map(route).collect();
        let routes = serde_json::Value::from(routes).to_string();
        let props = Props::from([("listen", "a:1"), ("routes", routes.as_str()), ("page", "colors"), ("page.path", page.as_str())]);
        if let Ok(config) = WebConfig::parse(&props) {
            let budget = connect_api::budget::MemoryBudget::new(1);
            let inbox = Inbox::Memory(std::sync::Arc::new(Memory::new(budget.clone())));
            let clock = connect_testkit::ManualClock::at(0);
            drop(Site::new(&config, inbox, clock, &budget).router(&config));
        }
    }
}
