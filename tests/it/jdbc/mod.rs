//! The JDBC sink in a whole worker, with PostgreSQL and PostGIS at the far end.

mod tls;

use std::{fmt::Write as _, path::Path};

use serde_json::json;

use crate::{
    harness::{Worker, eventually},
    services::{self, postgres::query},
};

/// Rows in the end: a worker is killed several times before they are all there.
const ROWS: usize = 60_000;

/// Of these, how many are there at least when a worker is killed.
const KILLS: [usize; 3] = [1, ROWS / 4, ROWS / 2];

/// One line per record: JSON with its schema, as the converter of the sink reads it.
fn lines() -> String {
    let field = |name: &str, of: &str| json!({"field": name, "type": of, "optional": false});
    let fields = [field("id", "int64"), field("x", "double"), field("y", "double")];
    let schema = json!({"type": "struct", "optional": false, "fields": fields});
    let mut text = String::new();
    for id in 0..ROWS {
        let payload =
            json!({"id": id, "x": f64::from(u32::try_from(id).unwrap()) / 1000.0, "y": 37.5});
        writeln!(text, "{}", json!({"schema": schema, "payload": payload})).unwrap();
    }
    text
}

fn properties(folder: &Path) -> Vec<(&'static str, String)> {
    let string = "org.apache.kafka.connect.storage.StringConverter";
    vec![
        ("bootstrap.servers", format!("embedded:{}", folder.join("log").display())),
        ("group.id", "jdbc".to_owned()),
        ("config.storage.topic", "jdbc-configs".to_owned()),
        ("offset.storage.topic", "jdbc-offsets".to_owned()),
        ("status.storage.topic", "jdbc-status".to_owned()),
        ("config.storage.replication.factor", "1".to_owned()),
        ("offset.storage.replication.factor", "1".to_owned()),
        ("status.storage.replication.factor", "1".to_owned()),
        ("offset.flush.interval.ms", "500".to_owned()),
        ("key.converter", string.to_owned()),
        ("value.converter", string.to_owned()),
    ]
}

/// What `psql` would be told, as JDBC is told it.
pub(crate) fn jdbc_url(url: &str) -> String {
    let (_user, place) = url.split_once('@').unwrap();
    format!("jdbc:postgresql://{place}")
}

#[tokio::test(flavor = "multi_thread")]
async fn three_kills_write_each_point_once() {
    let postgres = services::require!(postgis);
    let url = postgres.create_database("jdbc_points").await;
    query(&url, "create extension postgis").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("points.log"), lines()).unwrap();
    let properties = properties(folder.path());
    let start = || Worker::start(folder.path(), &properties, &[]);
    let mut worker = start().await;
    let source = json!({
        "connector.class": "millrace.LogFileSourceConnector",
        "tasks.max": "1",
        "path": folder.path().join("points.log"),
        "topic": "points",
    });
    let sink = json!({
        "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
        "tasks.max": "1",
        "topics": "points",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "true",
        "connection.url": jdbc_url(&url),
        "connection.user": services::postgres::Postgres::USER,
        "connection.password": services::postgres::Postgres::PASSWORD,
        "auto.create": "true",
        "geometry.x.field": "x",
        "geometry.y.field": "y",
    });
    for (name, config) in [("points-source", source), ("points-sink", sink)] {
        worker.rest.create(&json!({"name": name, "config": config})).await;
    }
    let count = async || {
        let asked = query(&url, "select count(*) from points").await;
        asked.ok().and_then(|text| text.parse::<usize>().ok())
    };
    for least in KILLS {
        eventually("rows", async || count().await.filter(|&rows| rows >= least)).await;
        worker.kill();
        worker = start().await;
    }
    eventually("every row", async || count().await.filter(|&rows| rows >= ROWS)).await;
    assert!(worker.stop().success());
    let all = "select count(*) || ' ' || count(distinct id) || ' ' || max(id) || ' ' \
        || count(*) filter (where ST_X(geom) = x and ST_Y(geom) = y and ST_SRID(geom) = 4326) from points";
    let expected = format!("{ROWS} {ROWS} {} {ROWS}", ROWS - 1);
    assert_eq!(query(&url, all).await.unwrap(), expected);
}
