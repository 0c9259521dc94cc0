//! Visitors who pick colours, as documents of Elasticsearch and as lines of HDFS, from one topic.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use reqwest::{Method, Url};
use serde_json::Value as Json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    Broker, Promise,
    world::{World, caught_up, shipped},
};
use crate::{
    harness::{Worker, eventually, free_port, http_client},
    services::{
        self,
        hdfs::Hdfs,
        search::{SearchServer, System},
    },
};

const VISITORS: usize = 4;
/// How long a visitor thinks before the next pick.
const PAUSE: Duration = Duration::from_millis(10);
/// Documents that are there at least when the worker is killed.
const KILLS: [u64; 3] = [1, 500, 1500];
/// Documents that are there at least in the end.
const LEAST: u64 = 2500;
const COLORS: [&str; 3] = ["red", "green", "violet"];
const INDEX: &str = "select-color";
const SINK: &str = "select-color-to-elasticsearch";
/// The configuration of the sink, as it is shipped.
const SINK_FILE: &str = "c-select-color-to-elasticsearch";
/// The other sink, and its configuration.
const FILES_SINK: &str = "select-color-to-hdfs";
const FILES_SINK_FILE: &str = "c-select-color-to-hdfs";
const BROWSER: &str = "Mozilla/5.0 (a visitor)";

/// What a visitor did: each name is used once, so that an event can be told from every other.
#[derive(Default)]
struct Picks {
    /// The colour that each name was to pick.
    tried: BTreeMap<String, &'static str>,
    /// Names whose pick was answered.
    confirmed: BTreeSet<String>,
}

/// Visitors who pick until they are told to stop.
struct Visitors {
    stop: CancellationToken,
    running: Vec<JoinHandle<Picks>>,
}

impl Visitors {
    #[expect(clippy::disallowed_methods, reason = "owned and joined by this value")]
    fn start(port: u16) -> Self {
        let stop = CancellationToken::new();
        let visitor = |number| tokio::spawn(picks(number, port, stop.clone()));
        let running = (0..VISITORS).map(visitor).collect();
        Self { stop, running }
    }

    async fn stop(self) -> Picks {
        self.stop.cancel();
        let mut all = Picks::default();
        for visitor in self.running {
            let picks = visitor.await.unwrap();
            all.tried.extend(picks.tried);
            all.confirmed.extend(picks.confirmed);
        }
        all
    }
}

async fn picks(visitor: usize, port: u16, stop: CancellationToken) -> Picks {
    let (http, mut picks) = (http_client(), Picks::default());
    let mut turns = tokio::time::interval(PAUSE);
    for number in 0.. {
        turns.tick().await;
        if stop.is_cancelled() {
            break;
        }
        let (name, color) = (format!("visitor {visitor}-{number}"), COLORS[number % COLORS.len()]);
        let query = [("color", color), ("user", &name)];
        let place = format!("http://127.0.0.1:{port}/api/select");
        let url = Url::parse_with_params(&place, query).unwrap();
        picks.tried.insert(name.clone(), color);
        let answer = http.get(url).header("User-Agent", BROWSER).send().await;
        // Nobody answers while the worker is dead.
        if answer.is_ok_and(|answer| answer.status() == 200) {
            picks.confirmed.insert(name);
        }
    }
    picks
}

async fn every_pick_is_a_document_and_a_line(name: &str, broker: Broker<'_>) {
    let server = services::require!(search(System::Elasticsearch));
    let hdfs = services::require!(hdfs);
    let environment = vec![
        ("MILLRACE_ELASTICSEARCH_URL", server.url()),
        ("MILLRACE_ELASTICSEARCH_USER", SearchServer::USER.to_owned()),
        ("MILLRACE_ELASTICSEARCH_PASSWORD", SearchServer::PASSWORD.to_owned()),
        ("MILLRACE_HDFS_URL", hdfs.url()),
    ];
    let world = World::begin(name, &broker, environment);
    // The name node is that of other tests too.
    let place = format!("/open/{name}");
    let (worker, picks) = killed_while_visitors_pick(&world, &server, &place).await;
    let documents = eventually("every pick that was answered", async || {
        let documents: Vec<_> =
            server.documents(INDEX).await.iter().map(|hit| hit["_source"].clone()).collect();
        has_all(&picks, &documents).then_some(documents)
    })
    .await;
    each_pick_once(&picks, &documents);
    caught_up(&worker, SINK).await;
    let lines = eventually("every pick in HDFS", async || {
        let flush = format!("/connectors/{FILES_SINK}/flush");
        worker.rest.try_send(Method::POST, &flush, None).await?;
        Some(lines_of(hdfs, &place).await).filter(|lines| has_all(&picks, lines))
    })
    .await;
    each_pick_once(&picks, &lines);
    caught_up(&worker, FILES_SINK).await;
    assert_eq!(lines_of(hdfs, &place).await.len(), documents.len(), "lines beside documents");
    if matches!(broker, Broker::Embedded) {
        // On Kafka the markers of transactions count as well.
        let lag = worker.rest.get(&format!("/connectors/{SINK}/lag")).await;
        assert_eq!(lag["partitions"][0]["end_offset"], documents.len(), "records of the topic");
    }
    println!("{} picks answered, {} documents", picks.confirmed.len(), documents.len());
    assert!(worker.stop().success());
}

/// The worker that is alive in the end, and what the visitors did.
async fn killed_while_visitors_pick(
    world: &World,
    server: &SearchServer,
    place: &str,
) -> (Worker, Picks) {
    let port = free_port();
    let mut worker = world.start_worker().await;
    let listen = format!("127.0.0.1:{port}");
    worker.rest.create(&shipped("c-select-color", &[("127.0.0.1:8088", &listen)])).await;
    worker.rest.create(&shipped(SINK_FILE, &[])).await;
    let (topics, logs) = (format!("\"{place}/topics\""), format!("\"{place}/logs\""));
    let folders = [("\"topics\",", format!("{topics},")), ("\"logs\"", logs)];
    let folders = folders.each_ref().map(|(from, to)| (*from, to.as_str()));
    worker.rest.create(&shipped(FILES_SINK_FILE, &folders)).await;
    let visitors = Visitors::start(port);
    let reach = async |least| {
        eventually("documents", async || server.count(INDEX).await.filter(|&count| count >= least))
            .await
    };
    for least in KILLS {
        reach(least).await;
        worker.kill();
        worker = world.start_worker().await;
    }
    reach(LEAST).await;
    let picks = visitors.stop().await;
    reach(u64::try_from(picks.confirmed.len()).unwrap()).await;
    (worker, picks)
}

/// The records in the files that the sink has committed.
async fn lines_of(hdfs: &Hdfs, place: &str) -> Vec<Json> {
    let files = hdfs.files(&format!("{place}/topics/select-color")).await;
    let texts = files.into_values().map(|content| String::from_utf8(content).unwrap());
    texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect()
}

fn name_of(pick: &Json) -> String {
    pick["userName"].as_str().unwrap().to_owned()
}

fn has_all(picks: &Picks, stored: &[Json]) -> bool {
    let names: BTreeSet<_> = stored.iter().map(name_of).collect();
    picks.confirmed.is_subset(&names)
}

fn each_pick_once(picks: &Picks, stored: &[Json]) {
    let names: BTreeSet<_> = stored.iter().map(name_of).collect();
    assert_eq!(names.len(), stored.len(), "a pick is there twice");
    for pick in stored {
        let fields = pick.as_object().unwrap();
        let keys: Vec<_> = fields.keys().map(String::as_str).collect();
        assert_eq!(keys, ["timestamp", "userAgent", "colorName", "userName"]);
        assert_eq!(fields["userAgent"], BROWSER);
        assert_eq!(fields["colorName"], picks.tried[&name_of(pick)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_colour_is_in_elasticsearch_and_hdfs_once_on_the_embedded_log() {
    every_pick_is_a_document_and_a_line("colors-embedded", Broker::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_colour_is_in_elasticsearch_and_hdfs_once_on_kafka() {
    let kafka = services::require!(kafka);
    let broker = Broker::Kafka(kafka, Promise::ExactlyOnce);
    every_pick_is_a_document_and_a_line("colors-kafka", broker).await;
}
