//! The page for uploads in a real browser.

use std::{fs, path::Path};

use super::{properties, register, workbook_ids};
use crate::{
    harness::{Worker, eventually},
    services::{self, browser::screenshots},
};

#[tokio::test(flavor = "multi_thread")]
async fn files_are_chosen_and_dropped_on_the_page() {
    let browser = services::require!(browser);
    let folder = tempfile::tempdir().unwrap();
    let worker = Worker::start(folder.path(), &properties(folder.path()), &[]).await;
    register(&worker, folder.path()).await;
    // Until the connector runs nobody takes its files.
    let url = format!("http://127.0.0.1:{}/uploads/points/page", worker.port());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let list = url.trim_end_matches("/page");
    eventually("the connector's task", async || {
        http.get(list).send().await.unwrap().status().is_success().then_some(())
    })
    .await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/upload/drop.cjs");
    let shot = screenshots().join("uploads.png");
    let output = browser.run(&script, &[&url, shot.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let expected = [
        "Files for points",
        "chosen.csv is stored as chosen.csv",
        "dropped.csv is stored as dropped.csv",
        "chosen.csv: 2 read, 0 failed, 0 left",
        "dropped.csv: 1 read, 0 failed, 0 left",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    assert!(fs::metadata(&shot).unwrap().len() > 1000, "the screenshot is empty");
    eventually("the rows in the workbook", async || {
        let mut ids = workbook_ids(&worker).await?;
        ids.sort_unstable();
        (ids == [1, 2, 3]).then_some(())
    })
    .await;
    assert!(worker.stop().success());
}
