//! Random records, rotations, kills, rebalances and faults: in the end every record is in exactly one
//! object, and what each object says of itself is so. With Aiven's class none is lost.
//!
//! Each case follows from its number; `MILLRACE_CHAOS_CASES` is how many run on each server.

use std::{collections::BTreeSet, time::Duration};

use connect_testkit::s3::{Fault, FaultProxy, Operation, Which, before};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{
    server::{Object, Row, Server, objects},
    world::{World, flushed, gets_on},
};
use crate::{
    harness::{Worker, eventually},
    services::{self, kafka::KafkaNode, s3s::S3sFs},
};

/// Cases of a run that is one of many.
const CASES: u64 = 1;
/// Things that happen in a case.
const ROUNDS: u32 = 7;
/// Longest wait for a request at which the worker is to die: it may never come.
const LONGEST_WAIT: Duration = Duration::from_secs(3);
/// Least size of a part.
const LEAST_PART_BYTES: usize = 5 << 20;
/// 2024-03-05T10:00:00Z.
const TEN: i64 = 1_709_632_800_000;

/// Faults that pass by themselves.
const PASSING: [Fault; 8] = [
    Fault::SLOW_DOWN,
    Fault::INTERNAL_ERROR,
    Fault::EXPIRED_TOKEN,
    Fault::CLOCK_SKEW,
    Fault::Reset,
    Fault::ResetAfter,
    Fault::HalfAnswer,
    Fault::AnswerAfter(500, "InternalError"),
];

fn cases() -> u64 {
    let wanted = std::env::var_os("MILLRACE_CHAOS_CASES");
    wanted.map_or(CASES, |text| text.to_str().unwrap().parse().unwrap())
}

/// One of some.
fn one<T: Copy>(random: &mut SmallRng, of: &[T]) -> T {
    of[random.random_range(0..of.len())]
}

/// What the cases of a test have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Small records, shared out in any way.
    Any,
    /// Small records in folders that follow the clock.
    ByClock,
    /// Records so large that files are uploaded in parts.
    InParts,
}

impl Kind {
    /// Fields beside the number: a region to partition by, a time, and a text.
    fn fields(self, random: &mut SmallRng) -> String {
        let (region, late) = (random.random_range(0..3), random.random_range(-60..180_i64));
        let length = random.random_range(if self == Self::InParts { 1..600_000 } else { 0..200 });
        let text = "x".repeat(length);
        let time = TEN + late * 60_000;
        format!(",\"region\":\"r{region}\",\"ts\":{time},\"text\":\"{text}\"")
    }

    /// Lines of one round.
    fn lines(self, random: &mut SmallRng) -> i64 {
        random.random_range(if self == Self::InParts { 5..25 } else { 10..150 })
    }
}

/// How records are shared out to files and when these are closed.
fn draw_options(kind: Kind, random: &mut SmallRng) -> Vec<(&'static str, String)> {
    let mut options = draw_folders(kind, random);
    if kind == Kind::InParts {
        options.extend([
            ("s3.part.size", LEAST_PART_BYTES.to_string()),
            ("flush.size", random.random_range(30..60).to_string()),
            ("tasks.max", "2".to_owned()),
        ]);
        return options;
    }
    options.extend([
        ("flush.size", random.random_range(2..60).to_string()),
        ("rotate.schedule.interval.ms", one(random, &["-1", "700", "3000"]).to_owned()),
        ("file.size.bytes.max", one(random, &["-1", "3000"]).to_owned()),
        ("file.age.ms.max", one(random, &["-1", "900"]).to_owned()),
        ("s3.compression.type", one(random, &["none", "gzip"]).to_owned()),
        ("tasks.max", random.random_range(1..4).to_string()),
    ]);
    options
}

fn draw_folders(kind: Kind, random: &mut SmallRng) -> Vec<(&'static str, String)> {
    let interval = one(random, &["-1", "600000"]).to_owned();
    let by_time = |extractor: &str, duration_ms: i64, path: &str| {
        vec![
            ("partitioner.class", "TimeBasedPartitioner".to_owned()),
            ("partition.duration.ms", duration_ms.to_string()),
            ("path.format", path.to_owned()),
            ("timestamp.extractor", extractor.to_owned()),
            ("timestamp.field", "ts".to_owned()),
            ("rotate.interval.ms", interval.clone()),
        ]
    };
    let by_hour = |extractor: &str| by_time(extractor, 3_600_000, "'day'=dd/'hour'=HH");
    match (kind, random.random_range(0..4)) {
        (Kind::ByClock, _) => by_time("Wallclock", 2000, "'at'=HH-mm-ss"),
        (_, 0) => Vec::new(),
        (Kind::Any, 1) => vec![
            ("partitioner.class", "FieldPartitioner".to_owned()),
            ("partition.field.name", "region".to_owned()),
        ],
        (Kind::Any, 2) => by_hour("RecordField"),
        (Kind::Any, _) => by_hour("Record"),
        // Many folders would leave little for each file.
        (Kind::InParts, _) => Vec::new(),
    }
}

/// Everything of one case.
struct Chaos {
    kind: Kind,
    random: SmallRng,
    world: World,
    server: Server,
    proxy: FaultProxy,
    sink: Json,
    /// What has happened, for who looks why it went wrong.
    story: Vec<String>,
}

impl Chaos {
    async fn begin(
        server: Server,
        kafka: Option<&KafkaNode>,
        (kind, name, case): (Kind, &str, u64),
    ) -> (Self, Worker) {
        let name = format!("{name}-{case}");
        server.create_bucket(&name).await;
        let proxy = FaultProxy::start(before(&server.url())).await.unwrap();
        let mut world = World::new(&name, kafka).with_exactly_once_sources();
        let worker = world.start().await;
        world.follow_log(&worker.rest, 3).await;
        let mut random = SmallRng::seed_from_u64(case);
        world.append(20, |_| kind.fields(&mut random));
        (Self { kind, random, world, server, proxy, sink: Json::Null, story: Vec::new() }, worker)
    }

    fn name(&self) -> &str {
        self.sink["name"].as_str().unwrap()
    }

    async fn create(&mut self, worker: &Worker, sink: Json) {
        self.sink = self.world.reads(sink);
        self.story.push(self.sink["config"].to_string());
        worker.rest.create(&self.sink).await;
    }

    /// Something happens, and the log grows meanwhile.
    async fn round(&mut self, worker: Worker) -> Worker {
        let (kind, random) = (self.kind, &mut self.random);
        let count = kind.lines(random);
        self.world.append(count, |_| kind.fields(random));
        for _ in 0..self.random.random_range(0..4) {
            let fault = one(&mut self.random, &PASSING);
            self.proxy.script(Which::Any, [fault]);
            self.story.push(format!("{fault:?}"));
        }
        let path = format!("/connectors/{}", self.name());
        let choice = self.random.random_range(0..8);
        self.story.push(format!("{count} lines, then {choice}"));
        match choice {
            0..=2 => return self.die_at_a_request(worker).await,
            3 => return self.die_at_any_moment(worker).await,
            4 => self.ask(&worker, Method::POST, &format!("{path}/flush"), None).await,
            5 => {
                let path = format!("{path}/restart?includeTasks=true");
                self.ask(&worker, Method::POST, &path, None).await;
            }
            6 => {
                // Partitions move between tasks.
                self.sink["config"]["tasks.max"] =
                    self.random.random_range(1..4).to_string().into();
                let config = self.sink["config"].clone();
                self.ask(&worker, Method::PUT, &format!("{path}/config"), Some(&config)).await;
            }
            _ => {
                self.ask(&worker, Method::PUT, &format!("{path}/pause"), None).await;
                self.ask(&worker, Method::PUT, &format!("{path}/resume"), None).await;
            }
        }
        self.some_time().await;
        worker
    }

    /// A refusal is as good an answer as any: a rebalance may be under way.
    async fn ask(&mut self, worker: &Worker, method: Method, path: &str, body: Option<&Json>) {
        let (status, _) = worker.rest.send(method, path, body).await;
        self.story.push(format!("{path}: {status}"));
    }

    async fn some_time(&mut self) {
        let time = Duration::from_millis(self.random.random_range(0..1500));
        tokio::time::sleep(time).await;
    }

    async fn die_at_any_moment(&mut self, worker: Worker) -> Worker {
        self.some_time().await;
        worker.kill();
        self.world.start().await
    }

    /// The worker dies before the server sees a request, or before it is told of the outcome.
    async fn die_at_a_request(&mut self, worker: Worker) -> Worker {
        let operations = match self.kind {
            Kind::InParts => {
                [Operation::UploadPart, Operation::CompleteMultipartUpload, Operation::PutObject]
            }
            _ => [Operation::PutObject, Operation::PutObject, Operation::HeadObject],
        };
        let operation = one(&mut self.random, &operations);
        let fault = one(&mut self.random, &[Fault::Silence, Fault::SilenceAfter]);
        let before = vec![Fault::PASS; self.random.random_range(0..5)];
        self.story.push(format!("{fault:?} of {operation:?} after {}", before.len()));
        self.proxy.script(Which::Of(operation), before.into_iter().chain([fault]));
        let came = tokio::time::timeout(LONGEST_WAIT, self.proxy.script_ends()).await.is_ok();
        self.story.push(format!("came: {came}"));
        worker.kill();
        self.proxy.forget_faults();
        self.world.start().await
    }

    /// The end of the chaos: everything is stored. The offsets of a topic do not tell how many
    /// records it holds where there were transactions.
    async fn settle(&self, worker: &Worker) {
        self.proxy.forget_faults();
        eventually("everything to be stored", async || {
            if flushed(&worker.rest, self.name()).await?["lag_records"] != 0 {
                return None;
            }
            let objects = self.objects().await;
            let stored: usize = objects.iter().map(|object| object.text().lines().count()).sum();
            (i64::try_from(stored).unwrap() >= self.world.lines).then_some(())
        })
        .await;
        gets_on(&worker.rest, self.name()).await;
    }

    async fn objects(&self) -> Vec<Object> {
        let prefix = format!("{}/", self.name());
        objects(&self.server.client(), &self.world.name, &prefix).await
    }
}

async fn every_record_is_in_one_object(
    server: Server,
    kafka: Option<&KafkaNode>,
    (kind, case): (Kind, u64),
) {
    let name = format!("chaos-{kind:?}").to_lowercase();
    let (mut chaos, mut worker) = Chaos::begin(server, kafka, (kind, &name, case)).await;
    let mut sink = chaos.server.confluent(
        &format!("{name}-{case}-sink"),
        chaos.proxy.url(),
        &chaos.world.name,
    );
    for (key, value) in draw_options(kind, &mut chaos.random) {
        sink["config"][key] = value.into();
    }
    chaos.create(&worker, sink).await;
    for _ in 0..ROUNDS {
        worker = chaos.round(worker).await;
    }
    chaos.settle(&worker).await;
    let mut rows: Vec<Row> = Vec::new();
    let mut in_parts = 0;
    for object in chaos.objects().await {
        let own = object.rows();
        object.assert_true_of(&own);
        in_parts += usize::from(object.is_in_parts());
        rows.extend(own);
    }
    assert_eq!(in_parts > 0, kind == Kind::InParts, "case {case}: {in_parts} objects in parts");
    let mut numbers: Vec<_> = rows.iter().map(|row| row.n).collect();
    numbers.sort_unstable();
    let story = chaos.story.join("\n");
    let missing: Vec<_> =
        (0..chaos.world.lines).filter(|n| numbers.binary_search(n).is_err()).collect();
    assert!(missing.is_empty(), "case {case}: {missing:?} are in no object\n{story}");
    let twice: Vec<_> = numbers.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "case {case}: {twice:?} are in several objects\n{story}");
    let places: BTreeSet<_> = rows.iter().map(|row| (row.partition, row.offset)).collect();
    assert_eq!(places.len(), rows.len(), "case {case}");
    assert!(worker.stop().success());
}

async fn no_record_is_lost_by_aiven(server: Server, name: &str, case: u64) {
    let (mut chaos, mut worker) = Chaos::begin(server, None, (Kind::Any, name, case)).await;
    let mut sink =
        chaos.server.aiven(&format!("{name}-{case}-sink"), chaos.proxy.url(), &chaos.world.name);
    sink["config"]["tasks.max"] = "2".into();
    sink["config"]["file.max.records"] = chaos.random.random_range(5..50).to_string().into();
    chaos.create(&worker, sink).await;
    for _ in 0..ROUNDS {
        worker = chaos.round(worker).await;
    }
    chaos.settle(&worker).await;
    let mut numbers = BTreeSet::new();
    for object in chaos.objects().await {
        let rows: Vec<Json> =
            object.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let first = rows[0]["offset"].to_string();
        assert!(object.key.ends_with(&format!("-{first}")), "{} begins at {first}", object.key);
        numbers.extend(rows.iter().map(|row| row["value"]["n"].as_i64().unwrap()));
    }
    let missing: Vec<_> = (0..chaos.world.lines).filter(|n| !numbers.contains(n)).collect();
    assert_eq!(json!(missing), json!([]), "case {case}:\n{}", chaos.story.join("\n"));
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_every_record_is_in_one_object_of_versitygw() {
    let s3 = services::require!(s3);
    for case in 0..cases() {
        Box::pin(every_record_is_in_one_object(Server::Versity(s3), None, (Kind::Any, case))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_every_record_is_in_one_object_of_s3proxy() {
    let s3proxy = services::require!(s3proxy);
    for case in 100..100 + cases() {
        Box::pin(every_record_is_in_one_object(Server::S3Proxy(s3proxy), None, (Kind::Any, case)))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_every_record_is_in_one_object_of_s3s_fs() {
    for case in 200..200 + cases() {
        let server = Server::S3sFs(S3sFs::start().await);
        Box::pin(every_record_is_in_one_object(server, None, (Kind::Any, case))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_every_record_is_in_one_object_where_the_clock_names_folders() {
    let s3 = services::require!(s3);
    for case in 400..400 + cases() {
        let server = Server::Versity(s3);
        Box::pin(every_record_is_in_one_object(server, None, (Kind::ByClock, case))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_every_record_is_in_one_object_that_was_uploaded_in_parts() {
    let s3 = services::require!(s3);
    for case in 500..500 + cases() {
        let server = Server::Versity(s3);
        Box::pin(every_record_is_in_one_object(server, None, (Kind::InParts, case))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_every_record_of_kafka_is_in_one_object() {
    let (s3, kafka) = (services::require!(s3), services::require!(kafka));
    for case in 600..600 + cases() {
        let server = Server::Versity(s3);
        Box::pin(every_record_is_in_one_object(server, Some(kafka), (Kind::Any, case))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_aiven_loses_no_record() {
    let s3 = services::require!(s3);
    for case in 300..300 + cases() {
        Box::pin(no_record_is_lost_by_aiven(Server::Versity(s3), "chaos-aiven", case)).await;
    }
}
