//! A table of points that is uploaded, looked up at a bad service, and kept in a workbook and in
//! PostGIS, by a worker that is killed three times.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use calamine::{Data, Reader as _, Xlsx, open_workbook_from_rs};
use connect_testkit::geocoder::{Geocoder, GeocoderServer, Mischief};
use reqwest::Method;
use serde_json::json;

use super::{
    Broker, Promise,
    world::{World, caught_up, shipped},
};
use crate::{
    harness::{Worker, eventually, http_client},
    services::{
        self,
        postgres::{Postgres, query},
    },
};

const ROWS: usize = 20_000;
/// Rows along a meridian.
const COLUMN: usize = 56;
/// In the south there is nothing but sea.
const COAST: f64 = -35.0;
/// Of 56 rows, those in the sea.
const IN_THE_SEA: usize = 6;
/// What the file that is shipped says is kinder to a service.
const SHIPPED_PACE: &str = r#""max.requests.per.second": "50""#;
const PACE: &str = r#""max.requests.per.second": "1000""#;
const SINKS: [&str; 3] = ["addresses", "workbook", "postgis"];

/// A row's `x` and `y`.
fn point(row: usize) -> (f64, f64) {
    let number = |count| f64::from(u32::try_from(count).unwrap());
    (number(row / COLUMN) - 178.5, number(row % COLUMN) - 40.75)
}

fn id((x, y): (f64, f64)) -> String {
    format!("{x},{y}")
}

fn is_in_the_sea(row: usize) -> bool {
    row % COLUMN < IN_THE_SEA
}

/// What the service asks of whoever wants something of it.
fn geocoder() -> Arc<Geocoder> {
    let mischief = Mischief {
        fails_percent: 5,
        stalls_percent: 1,
        stall: Duration::from_millis(200),
        drops_percent: 1,
        limit: Some(3000),
        takes: Duration::from_millis(2),
        nothing_below: Some(COAST),
    };
    Geocoder::new(5, mischief)
}

async fn upload(worker: &Worker) {
    let rows = (0..ROWS).map(|row| id(point(row)) + "\n");
    let text: String = std::iter::once("x,y\n".to_owned()).chain(rows).collect();
    let place = format!("http://127.0.0.1:{}/uploads/points?name=points.csv", worker.port());
    eventually("the connector's task", async || {
        let reply = http_client().post(&place).body(text.clone()).send().await.unwrap();
        let status = reply.status().as_u16();
        assert!(status == 201 || status == 409, "{status}: {}", reply.text().await.unwrap());
        (status == 201).then_some(())
    })
    .await;
}

/// How many rows the table has; none while there is no table.
async fn rows_in(url: &str) -> Option<usize> {
    query(url, "select count(*) from addresses").await.ok()?.parse().ok()
}

/// Points whose address is in the table, and so in the topic, before these visits of the service.
async fn known(url: &str, service: &Geocoder) -> (BTreeSet<String>, usize) {
    let all = "select string_agg(x || ',' || y, ' ') from addresses";
    let text = query(url, all).await.unwrap();
    let visits = service.visits().len();
    (text.split_whitespace().map(str::to_owned).collect(), visits)
}

/// The rows of a sheet, each by its point, with what is in the third column.
fn sheet(book: &mut Xlsx<std::io::Cursor<Vec<u8>>>, name: &str, third: &str) -> Vec<Row> {
    let range = book.worksheet_range(name).unwrap();
    let header: Vec<_> = range.rows().next().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(header, ["x", "y", third]);
    let row = |row: &[Data]| {
        let number = |cell: &Data| match cell {
            Data::Float(number) => *number,
            other => panic!("{other:?} is no number"),
        };
        (id((number(&row[0]), number(&row[1]))), row[2].to_string())
    };
    range.rows().skip(1).map(row).collect()
}

type Row = (String, String);

async fn workbook(worker: &Worker) -> Xlsx<std::io::Cursor<Vec<u8>>> {
    let (status, reply) = worker.rest.send(Method::POST, "/connectors/workbook/flush", None).await;
    assert_eq!(status / 100, 2, "{reply}");
    let place = format!("http://127.0.0.1:{}/connectors/workbook/workbook", worker.port());
    let reply = http_client().get(&place).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let bytes = reply.bytes().await.unwrap().to_vec();
    open_workbook_from_rs(std::io::Cursor::new(bytes)).unwrap()
}

async fn each_row_is_in_the_workbook_once(worker: &Worker) {
    let mut book = workbook(worker).await;
    let addresses = sheet(&mut book, "addresses", "address");
    let failures = sheet(&mut book, "addresses-failed", "reason");
    let of = |rows: &[Row]| rows.iter().map(|row| row.0.clone()).collect::<BTreeSet<_>>();
    let points = |wanted: bool| {
        let rows = (0..ROWS).filter(move |row| is_in_the_sea(*row) == wanted);
        rows.map(|row| id(point(row))).collect::<BTreeSet<_>>()
    };
    assert_eq!(addresses.len(), of(&addresses).len(), "a point twice in the sheet of addresses");
    assert_eq!(failures.len(), of(&failures).len(), "a point twice in the sheet of failures");
    assert!(of(&addresses) == points(false), "{} points with an address", addresses.len());
    assert!(of(&failures) == points(true), "{} points without one", failures.len());
    for (point, address) in addresses {
        assert_eq!(address, format!("{} Street", point.replace(',', " ")));
    }
    for (point, reason) in failures {
        let is_told = reason.contains("answered 404") && reason.contains("no address there");
        assert!(is_told, "{point}: {reason}");
    }
}

async fn each_row_is_in_the_table_once(url: &str, expected: usize) {
    let all = "select count(*) || ' ' || count(distinct (x, y)) || ' ' || count(*) filter \
        (where ST_X(geom) = x and ST_Y(geom) = y and ST_SRID(geom) = 4326 \
        and address = x || ' ' || y || ' Street') from addresses";
    assert_eq!(query(url, all).await.unwrap(), format!("{expected} {expected} {expected}"));
}

/// Runs the story through three kills; every visit of a point after its address was known.
async fn asked_again(world: &World, url: &str, service: &Geocoder) -> (Worker, Vec<String>) {
    let mut worker = world.start_worker().await;
    for folder in ["incoming", "done", "failed"] {
        fs::create_dir_all(world.path("spool").join(folder)).unwrap();
    }
    worker.rest.create(&shipped("e-points", &[])).await;
    worker.rest.create(&shipped("e-addresses", &[(SHIPPED_PACE, PACE)])).await;
    worker.rest.create(&shipped("e-workbook", &[])).await;
    worker.rest.create(&shipped("e-postgis", &[])).await;
    upload(&worker).await;
    let mut lives = BTreeMap::new();
    for part in [1, 2, 3] {
        eventually("a quarter of the rows", async || {
            rows_in(url).await.filter(|rows| *rows >= ROWS * part / 5)
        })
        .await;
        let (points, visits) = known(url, service).await;
        lives.insert(visits, points);
        worker.kill();
        worker = world.start_worker().await;
    }
    let found = (0..ROWS).filter(|row| !is_in_the_sea(*row)).count();
    eventually("every row", async || rows_in(url).await.filter(|rows| *rows >= found)).await;
    for sink in SINKS {
        caught_up(&worker, sink).await;
    }
    let visits = service.visits();
    let again = lives.iter().flat_map(|(from, points)| {
        let later = visits.iter().skip(*from).map(|visit| visit.id.clone());
        later.filter(|id| points.contains(id))
    });
    (worker, again.collect())
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is shown")]
async fn each_row_arrives_once(name: &str, broker: Broker<'_>) {
    let postgres = services::require!(postgis);
    let url = postgres.create_database(name).await;
    query(&url, "create extension postgis").await.unwrap();
    let service = GeocoderServer::start(geocoder()).await.unwrap();
    let place = url.split_once('@').unwrap().1;
    let environment = vec![
        ("MILLRACE_GEOCODER_URL", service.url() + "/address"),
        ("MILLRACE_POSTGRES_URL", format!("jdbc:postgresql://{place}")),
        ("PGUSER", Postgres::USER.to_owned()),
        ("PGPASSWORD", Postgres::PASSWORD.to_owned()),
    ];
    let world = World::begin(name, &broker, environment);
    let begun = Instant::now();
    let (worker, again) = asked_again(&world, &url, &service.geocoder).await;
    let took = begun.elapsed();
    let first: Vec<_> = again.iter().take(5).collect();
    assert!(again.is_empty(), "asked again though the address was stored: {first:?}");
    let file = worker.rest.get("/uploads/points/points.csv").await;
    assert_eq!((&file["state"], &file["rows"]["read"]), (&json!("finished"), &json!(ROWS)));
    each_row_is_in_the_workbook_once(&worker).await;
    each_row_is_in_the_table_once(&url, (0..ROWS).filter(|row| !is_in_the_sea(*row)).count()).await;
    let requests = service.geocoder.visits().len() + service.geocoder.put_off();
    println!("{requests} requests for {ROWS} rows in {took:.1?}");
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_points_are_looked_up_and_kept_on_the_embedded_log() {
    each_row_arrives_once("geocoding_embedded", Broker::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_points_are_looked_up_and_kept_on_kafka() {
    let kafka = services::require!(kafka);
    let broker = Broker::Kafka(kafka, Promise::ExactlyOnce);
    each_row_arrives_once("geocoding_kafka", broker).await;
}
