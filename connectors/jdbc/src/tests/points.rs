//! Points of PostGIS.

use std::io::Write as _;

use connect_api::{
    record::{SinkRecord, TopicPartition},
    schema::{Schema, Type},
    value::Value,
};
use connect_testkit::sink::{SinkDriver, run};

use super::support::{Far, Rows, record, structure};

fn tp() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn place(offset: i64, x: &str, y: Value) -> SinkRecord {
    let value = structure(vec![
        ("name", Schema::new(Type::String), format!("p{offset}").as_str().into()),
        ("lon", Schema::new(Type::String).optional(), x.into()),
        ("lat", Schema::new(Type::Float64).optional(), y),
    ]);
    record(&tp(), offset, "a", value)
}

/// A database with PostGIS; none, with the reason printed, when it cannot be had.
async fn with_postgis() -> Option<Far> {
    let far = Far::on_postgres().await?;
    // Two that make it at once would collide.
    let create = "SELECT pg_advisory_xact_lock(1); \
        CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public";
    match far.query(create).await {
        Ok(_) => Some(far.with("geometry.x.field", "lon").with("geometry.y.field", "lat")),
        Err(reason) => {
            let line = format!("skipped: PostGIS cannot be had: {reason}\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            None
        }
    }
}

#[test]
fn two_fields_become_a_point_however_many_there_are() {
    let outcome = run(async {
        let Some(far) = with_postgis().await else { return Ok(()) };
        let far = far.with("fields.whitelist", "name");
        let rows = Rows(&far);
        let mut driver = SinkDriver::new(&rows);
        let reporter = driver.report();
        driver.produce(place(0, "126.9779692", Value::Float64(37.566535)));
        driver.produce(place(1, "", Value::Float64(37.5)));
        driver.produce(place(2, "east", Value::Float64(37.5)));
        driver.start(&[tp()]).await?;
        driver.poll(usize::MAX).await?;
        for offset in 3..103 {
            driver.produce(place(offset, &offset.to_string(), Value::Float64(0.1)));
        }
        driver.settle().await?;
        let select = "SELECT name || ' ' || coalesce(ST_SRID(geom) || ' ' || ST_AsText(geom), 'none') \
            FROM rows WHERE name IN ('p0', 'p1', 'p102') ORDER BY 1";
        assert_eq!(
            far.query(select).await.unwrap(),
            ["p0 4326 POINT(126.9779692 37.566535)", "p1 none", "p102 4326 POINT(102 0.1)"]
        );
        let reported = reporter.take();
        assert_eq!(reported.len(), 1);
        assert!(reported[0].1.contains("\"lon\" is \"east\""), "{}", reported[0].1);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn a_column_of_the_users_own_takes_points_too() {
    let outcome = run(async {
        let Some(far) = with_postgis().await else { return Ok(()) };
        far.query("CREATE TABLE rows (name TEXT PRIMARY KEY, spot geography(Point,4326))")
            .await
            .unwrap();
        let far = far
            .with("geometry.column", "spot")
            .with("fields.whitelist", "name")
            .with("pk.mode", "record_value")
            .with("pk.fields", "name")
            .with("insert.mode", "upsert");
        let rows = Rows(&far);
        let mut driver = SinkDriver::new(&rows);
        (0..70).for_each(|offset| driver.produce(place(offset, "10.5", Value::Float64(52.25))));
        driver.start(&[tp()]).await?;
        driver.settle().await?;
        let points = far.query("SELECT DISTINCT ST_AsText(spot) FROM rows").await.unwrap();
        assert_eq!(points, ["POINT(10.5 52.25)"]);
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
}
