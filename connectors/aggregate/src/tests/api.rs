//! The answers, byte for byte.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{body::Body, http::Request, response::Response};
use connect_api::{
    cluster::{ConnectClusterState, ConnectorView},
    config::Props,
    record::{SinkRecord, TopicPartition},
    value::{Map, Value},
};
use connect_testkit::{
    ManualClock,
    sink::{SinkDriver, SinkFixture, run},
};
use futures::StreamExt as _;
use serde_json::{Value as Json, json};
use tower::ServiceExt as _;

use crate::{LiveAggregates, openapi, router, test_support::Aggregate};

/// 2026-11-21T10:00:00Z.
const TEN: i64 = 1_795_255_200_000;

/// A cluster with one connector.
#[derive(Debug)]
struct OneConnector(Props);

#[async_trait]
impl ConnectClusterState for OneConnector {
    async fn connectors_of(&self, class: &str) -> Vec<ConnectorView> {
        assert_eq!(class, "millrace.AggregateSinkConnector");
        vec![ConnectorView {
            name: "counter".to_owned(),
            config: self.0.clone(),
            state: Some("PAUSED".to_owned()),
            tasks: vec!["PAUSED".to_owned()],
        }]
    }
}

/// An aggregate `web` with a driver that holds every record until it is told to settle.
struct Web {
    aggregate: Aggregate,
    driver: SinkDriver,
}

impl Web {
    async fn start() -> Self {
        let aggregate = Aggregate::on_sqlite()
            .with("aggregate.name", "web")
            .with("group.by", "level,path")
            .with("measures", "count,sum:ms");
        let mut driver = SinkDriver::new(&aggregate);
        driver.start(&[partition()]).await.unwrap();
        let mut web = Self { aggregate, driver };
        web.bring(0, "INFO", "/a", 5).await;
        web.bring(30_000, "WARN", "/a", 7).await;
        web.bring(59_999, "INFO", "/a", 8).await;
        web.bring(60_000, "INFO", "/b", 1).await;
        web
    }

    /// Brings a record of this time after ten.
    async fn bring(&mut self, after_ms: i64, level: &str, path: &str, ms: i64) {
        let offset = self.driver.end(&partition());
        let fields = [("level", level.into()), ("path", path.into()), ("ms", Value::Int64(ms))];
        let fields = fields.map(|(name, value): (&str, Value)| (name.into(), value));
        let mut record: SinkRecord = self.aggregate.record(&partition(), offset, "x");
        record.timestamp_ms = Some(TEN + after_ms);
        record.value.value = Value::Map(Map::new(fields.into()));
        self.driver.produce(record);
        self.driver.poll(1).await.unwrap();
    }

    async fn reply(&self, path: &str) -> Response {
        let cluster = Arc::new(OneConnector(self.aggregate.props.clone()));
        let clock = ManualClock::at(TEN + 120_000);
        let app = router(LiveAggregates::of_process(), cluster, clock);
        app.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
    }

    /// Status and body of the answer.
    async fn get(&self, path: &str) -> (u16, String) {
        let reply = self.reply(path).await;
        let status = reply.status().as_u16();
        let body = axum::body::to_bytes(reply.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.into()).unwrap())
    }

    async fn windows(&self, query: &str) -> Json {
        let (status, body) = self.get(&format!("/aggregates/web/windows{query}")).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Rows as `start groups count sum`, short enough to compare.
    async fn rows(&self, query: &str) -> Vec<String> {
        let body = self.windows(query).await;
        let rows = body["rows"].as_array().unwrap().iter().map(|row| {
            let row = row.as_object().unwrap();
            let shown = row.iter().filter(|(name, _)| *name != "window_end").map(|(_, value)| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), |text| text.replace("2026-11-21T", ""))
            });
            shown.collect::<Vec<_>>().join(" ")
        });
        rows.collect()
    }
}

fn partition() -> TopicPartition {
    TopicPartition::new("hits", 0)
}

fn test<F: Future<Output = ()>>(case: F) {
    let outcome = run(async {
        case.await;
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn windows_show_held_records_at_once_and_say_what_is_committed() {
    test(async {
        let mut web = Web::start().await;
        let (status, body) = web.get("/aggregates/web/windows").await;
        assert_eq!(status, 200);
        assert_eq!(
            body,
            concat!(
                r#"{"name":"web","window_ms":60000,"rows":["#,
                r#"{"window_start":"2026-11-21T10:00:00Z","window_end":"2026-11-21T10:01:00Z","level":"INFO","path":"/a","count":2,"sum:ms":13},"#,
                r#"{"window_start":"2026-11-21T10:00:00Z","window_end":"2026-11-21T10:01:00Z","level":"WARN","path":"/a","count":1,"sum:ms":7},"#,
                r#"{"window_start":"2026-11-21T10:01:00Z","window_end":"2026-11-21T10:02:00Z","level":"INFO","path":"/b","count":1,"sum:ms":1}"#,
                r#"],"as_of":{"hits":{"0":4}},"committed":{},"next":null,"step_ms":60000,"live":true,"state":"PAUSED"}"#,
            )
        );
        let held = web.rows("").await;
        web.driver.settle().await.unwrap();
        web.bring(0, "INFO", "/a", 0).await;
        let body = web.windows("").await;
        assert_eq!(body["committed"], json!({"hits": {"0": 4}}));
        assert_eq!(body["as_of"], json!({"hits": {"0": 5}}));
        assert_eq!(body["rows"][0]["count"], 3, "stored and held rows are one");
        web.driver.crash();
        let body = web.windows("").await;
        assert_eq!((&body["live"], &body["rows"][0]["count"]), (&json!(false), &json!(2)));
        assert_eq!(web.rows("").await, held);
    });
}

#[test]
fn rows_are_grouped_filtered_and_ordered_as_asked() {
    test(async {
        let web = Web::start().await;
        for (query, rows) in [
            ("?group_by=", vec!["10:00:00Z 3 20", "10:01:00Z 1 1"]),
            ("?group_by=path", vec!["10:00:00Z /a 3 20", "10:01:00Z /b 1 1"]),
            ("?group_by=path,level&level=WARN", vec!["10:00:00Z /a WARN 1 7"]),
            ("?step_ms=3600000&group_by=level", vec!["10:00:00Z INFO 3 14", "10:00:00Z WARN 1 7"]),
            ("?group_by=&order=desc", vec!["10:01:00Z 1 1", "10:00:00Z 3 20"]),
            ("?group_by=&from=2026-11-21T10:01:00Z", vec!["10:01:00Z 1 1"]),
            ("?group_by=&from=-1m", vec!["10:01:00Z 1 1"]),
            ("?group_by=&to=1795255260000", vec!["10:00:00Z 3 20"]),
            ("?group_by=&level=INFO&level=WARN&path=/b", vec!["10:01:00Z 1 1"]),
            ("?level=", vec![]),
            ("?from=2030-01-01&to=2020-01-01", vec![]),
        ] {
            assert_eq!(web.rows(query).await, rows, "{query}");
        }
    });
}

#[test]
fn pages_joined_by_their_cursor_are_the_whole_answer() {
    test(async {
        let mut web = Web::start().await;
        for order in ["asc", "desc"] {
            let whole = web.windows(&format!("?order={order}")).await["rows"].clone();
            let (mut joined, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = web.windows(&format!("?order={order}&limit=1{cursor}")).await;
                joined.extend(page["rows"].as_array().unwrap().iter().cloned());
                let Some(next) = page["next"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(Json::Array(joined), whole);
            web.driver.settle().await.unwrap();
        }
    });
}

#[test]
fn a_table_has_the_same_rows() {
    test(async {
        let mut web = Web::start().await;
        web.bring(60_000, "INFO", "/\"c\",d", 2).await;
        let reply = web.reply("/aggregates/web/windows?format=csv&limit=3").await;
        assert_eq!(reply.headers()["content-type"], "text/csv; charset=utf-8");
        assert!(reply.headers().contains_key("x-next-cursor"));
        let (_, body) = web.get("/aggregates/web/windows?format=csv&from=-1m").await;
        assert_eq!(
            body,
            "window_start,window_end,level,path,count,sum:ms\r\n\
             2026-11-21T10:01:00Z,2026-11-21T10:02:00Z,INFO,\"/\"\"c\"\",d\",1,2\r\n\
             2026-11-21T10:01:00Z,2026-11-21T10:02:00Z,INFO,/b,1,1\r\n"
        );
    });
}

#[test]
fn an_aggregate_is_listed_and_described() {
    test(async {
        let mut web = Web::start().await;
        web.driver.settle().await.unwrap();
        web.bring(120_000, "INFO", "/a", 5).await;
        let summary = r#""name":"web","connector":"counter","state":"PAUSED","window_ms":60000,"group_by":["level","path"],"measures":["count","sum:ms"]"#;
        let (_, list) = web.get("/aggregates").await;
        assert_eq!(list, format!("[{{{summary}}}]"));
        let (_, shown) = web.get("/aggregates/web").await;
        let rest = concat!(
            r#""definition":{"window_ms":60000,"group_by":["level","path"],"measures":["#,
            r#"{"name":"count","exact":true},{"name":"sum:ms","field":"ms","exact":true}]},"#,
            r#""totals":{"records":5,"first_window":"2026-11-21T10:00:00Z","last_window":"2026-11-21T10:02:00Z"},"#,
            r#""as_of":{"hits":{"0":5}},"committed":{"hits":{"0":4}},"live":true,"tasks":["PAUSED"]"#,
        );
        assert_eq!(shown, format!("{{{summary},{rest}}}"));
    });
}

#[test]
fn what_cannot_be_answered_says_what_can() {
    test(async {
        let web = Web::start().await;
        let windows = "/aggregates/web/windows?";
        for (path, status, message) in [
            ("/aggregates/app", 404, "Aggregate \"app\" does not exist: there are web"),
            ("/aggregates/app/windows", 404, "Aggregate \"app\" does not exist: there are web"),
            (
                "from=soon",
                400,
                "Parameter \"from\" is \"soon\": use ISO-8601 such as 2026-11-21T10:00:00Z, milliseconds since the epoch, or a time before now such as -15m, -2h or -1d",
            ),
            (
                "colour=red",
                400,
                "Unknown parameter \"colour\": aggregate \"web\" takes from, to, group_by, step_ms, order, limit, cursor, format, and filters by level, path",
            ),
            (
                "group_by=colour",
                400,
                "Unknown field \"colour\" in \"group_by\": aggregate \"web\" is grouped by level, path",
            ),
            (
                "step_ms=90000",
                400,
                "Parameter \"step_ms\" is \"90000\": use a multiple of 60000, the window of aggregate \"web\"",
            ),
            (
                "step_ms=0",
                400,
                "Parameter \"step_ms\" is \"0\": use a multiple of 60000, the window of aggregate \"web\"",
            ),
            ("order=up", 400, "Parameter \"order\" is \"up\": use asc or desc"),
            ("limit=0", 400, "Parameter \"limit\" is \"0\": use a number from 1 to 100000"),
            ("format=xml", 400, "Parameter \"format\" is \"xml\": use json or csv"),
            (
                "cursor=zz",
                400,
                "Parameter \"cursor\" is not one of this request: use \"next\" of its previous answer",
            ),
        ] {
            let path =
                if path.starts_with('/') { path.to_owned() } else { format!("{windows}{path}") };
            let expected = json!({"error_code": status, "message": message}).to_string();
            assert_eq!(web.get(&path).await, (status, expected));
        }
    });
}

#[test]
fn a_stream_sends_the_rows_that_change_and_ends_when_told() {
    test(async {
        let mut web = Web::start().await;
        let reply = web.reply("/aggregates/web/stream?group_by=path").await;
        assert_eq!(reply.headers()["content-type"], "text/event-stream");
        let mut events = reply.into_body().into_data_stream();
        web.bring(0, "INFO", "/a", 5).await;
        let event = String::from_utf8(events.next().await.unwrap().unwrap().into()).unwrap();
        let body = event.strip_prefix("event: rows\ndata: ").unwrap();
        let body: Json = serde_json::from_str(body).unwrap();
        let row = json!({"window_start": "2026-11-21T10:00:00Z",
            "window_end": "2026-11-21T10:01:00Z", "path": "/a", "count": 4, "sum:ms": 25});
        assert_eq!(body["rows"], json!([row]));
        LiveAggregates::of_process().end_streams();
        assert!(events.next().await.is_none());
    });
}

#[test]
fn the_description_names_every_route_and_resolves() {
    let description = openapi();
    let paths: Vec<_> = description["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/aggregates",
            "/aggregates/{name}",
            "/aggregates/{name}/windows",
            "/aggregates/{name}/stream",
            "/aggregates/{name}/page"
        ]
    );
    let text = description.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(description["components"]["schemas"].get(name).is_some(), "{name}");
    }
}
