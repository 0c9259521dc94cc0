//! The page of colours in a real browser.

use std::{fs, path::Path};

use serde_json::Value as Json;

use super::{lines, running, to_file, worker};
use crate::{
    harness::{eventually, free_port},
    services::{self, browser::screenshots},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_picks_a_colour() {
    let browser = services::require!(browser);
    let folder = tempfile::tempdir().unwrap();
    let worker = worker(folder.path()).await;
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/web-event-source.json");
    let mut web: Json = serde_json::from_str(&fs::read_to_string(shipped).unwrap()).unwrap();
    let port = free_port();
    web["config"]["listen"] = format!("127.0.0.1:{port}").into();
    worker.rest.create(&web).await;
    worker.rest.create(&to_file("select-color")).await;
    running(&worker, "select-color").await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/web/pick.cjs");
    let shot = screenshots().join("select-color.png");
    let url = format!("http://127.0.0.1:{port}/");
    let output = browser.run(&script, &[&url, "Ada \"L\"", shot.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said, "Type your name first.\nAda \"L\" picked violet.\n0 requests elsewhere\n");
    assert!(fs::metadata(&shot).unwrap().len() > 1000, "the screenshot is empty");
    let line = eventually("the record", async || lines(folder.path()).into_iter().next()).await;
    let record: Json = serde_json::from_str(&line).unwrap();
    let names: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["timestamp", "userAgent", "colorName", "userName"]);
    assert_eq!(
        (&record["colorName"], &record["userName"]),
        (&"violet".into(), &"Ada \"L\"".into())
    );
    assert!(record["userAgent"].as_str().unwrap().contains("Chrome"), "{record}");
    assert!(worker.stop().success());
}
