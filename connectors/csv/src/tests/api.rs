//! Uploads, and what is told of them.

use std::{fs, sync::Arc};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header},
};
use connect_api::{
    cluster::{ConnectClusterState, ConnectorView},
    config::Props,
    error::Result,
    source::SourceTask,
};
use connect_testkit::source::run;
use futures::stream;
use serde_json::Value as Json;
use tower::ServiceExt as _;

use super::support::{Bench, gzip};
use crate::{CsvSource, LiveFiles, openapi, router};
use connect_api::source::SourceConnector as _;

#[derive(Debug)]
struct Cluster {
    views: Vec<ConnectorView>,
}

#[async_trait]
impl ConnectClusterState for Cluster {
    async fn connectors_of(&self, class: &str) -> Vec<ConnectorView> {
        assert_eq!(class, CsvSource.class());
        self.views.clone()
    }
}

/// A connector with its REST paths.
struct Site {
    bench: Bench,
    router: Router,
}

impl Site {
    fn new(bench: Bench) -> Self {
        Self::in_state(bench, "RUNNING")
    }

    fn in_state(bench: Bench, state: &str) -> Self {
        let view = |name: &str, config: &Props| ConnectorView {
            name: name.to_owned(),
            config: config.clone(),
            state: Some("RUNNING".to_owned()),
            tasks: vec![state.to_owned()],
        };
        let views = vec![view(&bench.connector, &bench.props), view("elsewhere", &bench.props)];
        let clock = Arc::clone(&bench.clock);
        let router = router(LiveFiles::of_process(), Arc::new(Cluster { views }), clock);
        Self { bench, router }
    }

    async fn ask(&self, request: Request<Body>) -> (u16, Json) {
        let reply = self.router.clone().oneshot(request).await.unwrap();
        let status = reply.status().as_u16();
        let body = to_bytes(reply.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Json::Null))
    }

    async fn get(&self, path: &str) -> (u16, Json) {
        let path = format!("/uploads/{}{path}", self.bench.connector);
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn send(&self, name: &str, body: impl Into<Body>) -> (u16, Json) {
        let path = format!("/uploads/{}?name={name}", self.bench.connector);
        self.ask(Request::post(path).body(body.into()).unwrap()).await
    }

    async fn task(&self) -> Box<dyn SourceTask> {
        self.bench.task().await.unwrap()
    }
}

fn case(case: impl Future<Output = Result<()>>) {
    assert_eq!(run(case), Ok(()));
}

fn bench() -> Bench {
    Bench::new().with_fields(&[("id", "INT32")]).with("errors.tolerance", "all")
}

#[test]
fn an_upload_is_read_and_its_progress_told() {
    case(async {
        let site = Site::new(bench());
        let mut task = site.task().await;
        let (status, reply) = site.send("a.csv", "id\n1\n2\nthree\n4\n5\n").await;
        assert_eq!(status, 201, "{reply}");
        let place = format!("/uploads/{}/a.csv", site.bench.connector);
        assert_eq!(reply["files"][0]["progress"], place.as_str());
        assert_eq!(reply["files"][0]["bytes"], 17);
        let (_, waiting) = site.get("/a.csv").await;
        assert_eq!(
            (&waiting["state"], &waiting["bytes"]["total"]),
            (&"waiting".into(), &17.into())
        );

        let batch = task.poll().await?;
        let (_, reading) = site.get("/a.csv").await;
        assert_eq!(reading["state"], "reading");
        assert_eq!(reading["rows"]["read"], 4);
        assert_eq!(reading["rows"]["converted"], 3);
        assert_eq!(reading["rows"]["failed"], 1);
        assert_eq!(reading["rows"]["delivered"], 0);
        assert_eq!(reading["rows"]["left"], 0);
        assert!(reading["errors"][0].as_str().unwrap().contains("line 4, column 1"), "{reading}");
        site.bench.commit(&mut task, &batch).await;
        assert_eq!(site.get("/a.csv").await.1["rows"]["delivered"], 3);

        assert_eq!(site.bench.drain(&mut task).await?, ["5"]);
        let (status, finished) = site.get("/a.csv").await;
        assert_eq!((status, &finished["state"]), (200, &"finished".into()));
        assert_eq!(finished["rows"]["read"], 5);
        assert_eq!(
            (&finished["rows"]["delivered"], &finished["rows"]["left"]),
            (&4.into(), &0.into())
        );
        // A new task knows of it by the offsets.
        drop(task);
        let _task = site.task().await;
        assert_eq!(site.get("/a.csv").await.1["rows"]["read"], 5);
        assert_eq!(site.get("").await.1["files"][0]["file"], "a.csv");
        Ok(())
    });
}

#[test]
fn a_failed_task_leaves_its_progress() {
    case(async {
        let bench = bench().with("errors.tolerance", "none").with("batch.size", "2");
        let site = Site::in_state(bench, "FAILED");
        let mut task = site.task().await;
        site.bench.drop_file("a.csv", "id\n1\n2\n3\nfour\n5\n6\n7\n");
        while let Ok(batch) = task.poll().await {
            site.bench.commit(&mut task, &batch).await;
        }
        drop(task);
        let (status, failed) = site.get("/a.csv").await;
        assert_eq!((status, &failed["state"]), (200, &"failed".into()), "{failed}");
        assert!(failed["rows"]["left"].as_u64() > Some(0), "{failed}");
        assert_eq!(failed["rows"]["left_is_estimate"], true);
        assert!(failed["errors"][0].as_str().unwrap().contains("line 5"), "{failed}");
        assert_eq!(site.send("b.csv", "id\n1\n").await.0, 409, "nobody would read it");
        Ok(())
    });
}

#[test]
fn what_is_left_of_a_compressed_file_that_failed_is_told_by_the_next_task() {
    case(async {
        // Numbers that are hardly compressed.
        let number = |row: u32| format!("{}\n", row.wrapping_mul(0x9E37_79B1) >> 1);
        let numbers = |rows: std::ops::Range<u32>| rows.map(number).collect::<String>();
        let site = Site::new(
            bench()
                .with("errors.tolerance", "none")
                .with("halt.on.error", "false")
                .with("batch.size", "1000"),
        );
        let mut task = site.task().await;
        let table = format!("id\n{}bad\n{}", numbers(0..20_000), numbers(20_000..60_000));
        site.bench.drop_file("a.csv.gz", gzip(&table));
        site.bench.drain(&mut task).await?;
        let (_, before) = site.get("/a.csv.gz").await;
        assert_eq!(before["state"], "failed");
        assert!(before["rows"]["left"].as_u64() > Some(10_000), "{before}");
        drop(task);
        let _task = site.task().await;
        let (_, after) = site.get("/a.csv.gz").await;
        assert_eq!((&after["rows"], &after["bytes"]), (&before["rows"], &before["bytes"]));
        Ok(())
    });
}

#[test]
fn a_form_may_hold_several_files() {
    case(async {
        let site = Site::new(bench());
        let mut task = site.task().await;
        let part = |name: &str, text: &str| {
            format!(
                "--line\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
                 \r\n{text}\r\n"
            )
        };
        let body = format!("{}{}--line--\r\n", part("a.csv", "id\n1"), part("b.csv", "id\n2"));
        let path = format!("/uploads/{}", site.bench.connector);
        let form = |body: String| {
            let request = Request::post(&path)
                .header(header::CONTENT_TYPE, "multipart/form-data; boundary=line");
            request.body(Body::from(body)).unwrap()
        };
        let (status, reply) = site.ask(form(body)).await;
        assert_eq!((status, reply["files"].as_array().unwrap().len()), (201, 2), "{reply}");
        assert_eq!(site.bench.drain(&mut task).await?, ["1", "2"]);
        assert_eq!(site.ask(form("--line--\r\n".to_owned())).await.0, 400);
        let refused = format!("{}{}--line--\r\n", part("c.csv", "id\n3"), part("d.txt", "id\n4"));
        assert_eq!(site.ask(form(refused)).await.0, 400);
        assert!(site.bench.names("in").is_empty(), "all or nothing");
        // Only names can be refused when every file is there.
        let site = Site::new(bench().with("input.file.pattern", "[ab][.]csv"));
        let _task = site.task().await;
        assert_eq!(site.send("b.csv", "id\n1\n").await.0, 201);
        let taken = format!("{}{}--line--\r\n", part("a.csv", "id\n3"), part("b.csv", "id\n4"));
        let request = Request::post(format!("/uploads/{}", site.bench.connector))
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=line");
        let (status, reply) = site.ask(request.body(Body::from(taken)).unwrap()).await;
        assert_eq!(status, 409);
        assert!(reply["message"].as_str().unwrap().ends_with("again: \"a.csv\""), "{reply}");
        Ok(())
    });
}

#[test]
fn no_upload_overwrites_a_file() {
    case(async {
        let site = Site::new(bench());
        let mut task = site.task().await;
        for (text, name) in [("id\n1\n", "a.csv"), ("id\n2\n", "a-1.csv"), ("id\n3\n", "a-2.csv")] {
            let (status, reply) = site.send("a.csv", text).await;
            assert_eq!((status, &reply["files"][0]["file"]), (201, &name.into()), "{reply}");
        }
        let mut rows = site.bench.drain(&mut task).await?;
        rows.sort();
        assert_eq!(rows, ["1", "2", "3"]);
        let site = Site::new(bench().with("input.file.pattern", r"a\.csv"));
        let _task = site.task().await;
        assert_eq!(site.send("a.csv", "id\n1\n").await.0, 201);
        let (status, reply) = site.send("a.csv", "id\n2\n").await;
        assert_eq!(status, 409);
        assert!(reply["message"].as_str().unwrap().contains("waiting already"), "{reply}");
        assert_eq!(site.bench.names("in"), ["a.csv"]);
        Ok(())
    });
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    case(async {
        let site = Site::new(bench().with("input.file.pattern", "(?s).*"));
        let _task = site.task().await;
        for name in [
            "",
            "..%2Fa.csv",
            "%2Fetc%2Fa.csv",
            "a%00.csv",
            "..",
            ".a.csv",
            "a%5Cb.csv",
            "a%0Ab.csv",
            "a.csv.PROCESSING",
            &"x".repeat(300),
        ] {
            let (status, reply) = site.send(name, "id\n1\n").await;
            assert_eq!(status, 400, "{name:?}: {reply}");
        }
        assert_eq!(site.ask(post(&site, "")).await.0, 400, "there is no name");
        let site = Site::new(bench());
        let _task = site.task().await;
        let (status, reply) = site.send("a.txt", "id\n1\n").await;
        assert_eq!(status, 400);
        assert!(reply["message"].as_str().unwrap().contains("input.file.pattern"), "{reply}");
        assert!(site.bench.names("in").is_empty());
        Ok(())
    });
}

fn post(site: &Site, query: &str) -> Request<Body> {
    let path = format!("/uploads/{}{query}", site.bench.connector);
    Request::post(path).body(Body::from("id\n1\n")).unwrap()
}

#[test]
fn what_is_too_large_or_ends_early_leaves_nothing_behind() {
    case(async {
        let site = Site::new(bench().with("upload.max.bytes", "1000"));
        let _task = site.task().await;
        let parts = |count: usize| {
            Body::from_stream(stream::iter(
                (0..count).map(|_| Ok::<_, std::io::Error>(vec![b'1'; 100])),
            ))
        };
        assert_eq!(site.send("a.csv", parts(10)).await.0, 201);
        assert_eq!(site.send("b.csv", parts(11)).await.0, 413);
        let broken = stream::iter([Ok(vec![b'1']), Err(std::io::Error::other("gone"))]);
        assert_eq!(site.send("c.csv", Body::from_stream(broken)).await.0, 400);
        assert_eq!(site.bench.names("in"), ["a.csv"]);
        fs::remove_file(site.bench.path("in/a.csv")).unwrap();
        fs::remove_dir(site.bench.path("in")).unwrap();
        let (status, reply) = site.send("d.csv", "id\n").await;
        assert_eq!(status, 500);
        assert!(reply["message"].as_str().unwrap().contains("Create the directory"), "{reply}");
        Ok(())
    });
}

#[test]
fn a_connector_must_be_there_and_run_here() {
    case(async {
        let site = Site::new(bench());
        let (status, reply) = site.send("a.csv", "id\n").await;
        assert_eq!(status, 409, "its task has not started");
        assert!(reply["message"].as_str().unwrap().contains("RUNNING"), "{reply}");
        for (connector, status) in [("elsewhere", 409), ("nobody", 404)] {
            let path = format!("/uploads/{connector}");
            for request in [Request::get(&path), Request::post(format!("{path}?name=a.csv"))] {
                let (found, reply) = site.ask(request.body(Body::empty()).unwrap()).await;
                assert_eq!((found, &reply["error_code"]), (status, &status.into()));
            }
        }
        let _task = site.task().await;
        assert_eq!(site.get("/none.csv").await.0, 404);
        Ok(())
    });
}

#[test]
fn pages_of_other_sites_may_not_send_files() {
    case(async {
        let site = Site::new(bench());
        let _task = site.task().await;
        let ask = |from: &str| {
            let mut request = post(&site, "?name=a.csv");
            request.headers_mut().insert("sec-fetch-site", from.parse().unwrap());
            site.ask(request)
        };
        assert_eq!(ask("cross-site").await.0, 403);
        assert_eq!(ask("same-origin").await.0, 201);
        Ok(())
    });
}

#[test]
fn the_page_and_the_description_are_served() {
    case(async {
        let site = Site::new(bench());
        let request = Request::get("/uploads/any/page").body(Body::empty()).unwrap();
        let reply = site.router.clone().oneshot(request).await.unwrap();
        let kind = reply.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let body = to_bytes(reply.into_body(), usize::MAX).await.unwrap();
        assert!(kind.starts_with("text/html") && body.starts_with(b"<!doctype html>"));
        assert_eq!(openapi()["paths"].as_object().unwrap().len(), 3);
        Ok(())
    });
}
