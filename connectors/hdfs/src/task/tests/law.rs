//! Any records, any settings, any tasks that die or sleep and wake up: each record is there once.

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof};

use super::*;

const MINUTE_MS: i64 = 60_000;

/// Lane of records without a value, which are passed over.
const TOMBSTONE: u8 = 3;

/// File of another topic, which has been given the name of this one.
const OTHERS: &str = "/topics/t/others/t+0+0000000000+0000000099.json";

type Settings = Vec<(&'static str, String)>;

/// One task: how it writes, how long it lives, and how it ends.
#[derive(Clone, Debug)]
struct Life {
    settings: Settings,
    batch: usize,
    /// Time that passes before it begins, and with each batch.
    pause_minutes: i64,
    tick_minutes: i64,
    /// Changes until the file system is gone for it, and what happens of the last one.
    changes: usize,
    last: Fault,
    /// A change that fails before that, though the task goes on.
    slip: (usize, Fault),
    /// Whether bytes that are on their way come before the next task begins.
    comes: bool,
    /// How often the one before it, which was only asleep, goes on beside it. Whoever loses a partition is
    /// told so some time: were it for ever, they would take it from each other.
    wakes: usize,
}

/// Lane of a record, minutes after the morning, and whether a few such are a part.
type Drawn = (u8, i64, bool);

#[derive(Clone, Debug)]
struct Case {
    /// Whether another topic's file has this one's name, with offsets that are ahead.
    is_shared: bool,
    /// Whether folders of files are made even if the server is told not to.
    makes_folders: bool,
    records: Vec<Drawn>,
    lives: Vec<Life>,
    last: Settings,
}

fn log(records: &[Drawn]) -> Vec<SinkRecord> {
    let numbered = (0..).zip(records).map(|(offset, (lane, minutes, is_large))| {
        let entries = vec![
            ("text".into(), Value::string("x".repeat(if *is_large { 30_000 } else { 3 }))),
            ("n".into(), Value::Int64(offset)),
            ("lane".into(), Value::string(format!("l{lane}"))),
        ];
        let is_null = *lane == TOMBSTONE;
        let value = if is_null { Value::Null } else { Value::Map(Map::new(entries)) };
        let timestamp_ms = Some(MORNING + minutes * MINUTE_MS + offset);
        SinkRecord { timestamp_ms, ..record(offset, value) }
    });
    numbered.collect()
}

/// A task, and how many records it is brought at once.
struct Living {
    run: Run,
    batch: usize,
}

impl Living {
    /// Brings the next batch; whether there was one.
    async fn step(&mut self, log: &[SinkRecord]) -> bool {
        let from = usize::try_from(self.run.position).unwrap();
        let records: Vec<_> = log.iter().skip(from).take(self.batch).cloned().collect();
        self.run.position += i64::try_from(records.len()).unwrap();
        self.run.task.put(&records).await.unwrap();
        self.run.obey();
        !records.is_empty()
    }
}

/// What all lives have in common.
struct World {
    server: Server,
    clock: Arc<ManualClock>,
    log: Vec<SinkRecord>,
    /// Highest offset that was safe.
    safe: i64,
}

impl World {
    async fn start(&self, settings: &Settings, batch: usize) -> Living {
        // Who waits for bytes that never come does not do so for long.
        let mut all = vec![
            ("hdfs.lease.timeout.ms", "0"),
            ("hdfs.part.size", "65536"),
            ("behavior.on.null.values", "ignore"),
            ("timezone", "UTC"),
            ("locale", "en"),
        ];
        all.extend(settings.iter().map(|(key, text)| (*key, text.as_str())));
        let mut run = Run::start_at(&self.server, &all, Arc::clone(&self.clock)).await;
        run.wait_for_claim().await;
        Living { run, batch }
    }

    /// One life, with the task before it asleep.
    async fn live(&mut self, life: &Life, mut before: Option<Living>) -> Living {
        self.clock.advance_ms(life.pause_minutes * MINUTE_MS);
        let mut task = self.start(&life.settings, life.batch).await;
        self.server.fail_later(life.slip.0, life.slip.1.clone());
        self.server.die_after(life.changes, life.last.clone());
        // Those that are left with nothing to do look at the clock a few times.
        let (mut idle, mut wakes) = (0, life.wakes);
        while idle < 3 && !self.server.is_dead() {
            idle += i32::from(!task.step(&self.log).await);
            self.clock.advance_ms(life.tick_minutes * MINUTE_MS);
            if let Some(before) = before.as_mut().filter(|_| wakes > 0) {
                wakes -= 1;
                before.step(&self.log).await;
            }
        }
        let told = task.run.safe().await;
        assert!(told <= task.run.position, "{told} of {}", task.run.position);
        self.safe = self.safe.max(told);
        self.server.heal();
        if life.comes {
            self.server.let_go();
        }
        task
    }

    /// The last life, to the end of the log.
    async fn end(&self, settings: &Settings) {
        let mut task = self.start(settings, 5).await;
        // Names do not tell of records that were passed over at the end.
        let skipped = task.run.position..self.safe;
        let mut skipped = self.log.iter().filter(|record| skipped.contains(&record.offset));
        assert!(skipped.all(|record| record.value.value.is_null()), "{}", task.run.position);
        for _turn in 0..100 {
            task.step(&self.log).await;
            self.clock.advance_ms(MINUTE_MS);
        }
        let _told = task.run.task.finish_files().await;
        self.server.let_go();
        check(&self.server, &self.log);
        assert_eq!(task.run.safe().await, i64::try_from(self.log.len()).unwrap());
        task.run.task.stop().await.unwrap();
        let files = self.server.files("/topics/").into_keys();
        let odd: Vec<_> = files.filter(|path| is_odd(path)).collect();
        assert!(odd.is_empty(), "{odd:?}");
        check(&self.server, &self.log);
    }
}

/// Runs every life, then a last one.
async fn run(case: &Case) {
    let (server, clock) = (Server::start().await, ManualClock::at(MORNING));
    let mut world = World { server, clock, log: log(&case.records), safe: 0 };
    if case.makes_folders {
        world.server.make_folders();
    }
    if case.is_shared {
        world.server.put("/logs/t/0/position+none", b"");
        world.server.put(OTHERS, b"");
    }
    let mut before = None;
    for life in &case.lives {
        before = Some(world.live(life, before).await);
    }
    drop(before);
    world.end(&case.last).await;
}

/// Each record is there once, files say which they hold, and hold them in order.
fn check(server: &Server, log: &[SinkRecord]) {
    let stored = log.iter().filter(|record| !record.value.value.is_null());
    assert_eq!(numbers(server), stored.map(|record| record.offset).collect::<Vec<_>>());
    for (path, content) in server.committed().into_iter().filter(|(path, _)| path != OTHERS) {
        let lines = std::str::from_utf8(&content).unwrap().lines();
        let held: Vec<i64> = lines
            .map(|line| {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                value["n"].as_i64().unwrap()
            })
            .collect();
        assert!(held.is_sorted(), "{path}: {held:?}");
        let name = path.rsplit('/').next().unwrap();
        let said: Vec<_> = name.split(['+', '.']).filter_map(|part| part.parse().ok()).collect();
        let ends = [held.first(), held.last()].map(|end| *end.unwrap());
        // In front of the offsets is the partition; a file that grows does not say yet where it ends.
        let of_name = said.get(1..).unwrap();
        assert!(ends.starts_with(of_name), "{path}: {held:?}");
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    let folders = prop_oneof![
        Just(vec![]),
        Just(vec![("partitioner.class", "FieldPartitioner"), ("partition.field.name", "lane")]),
        Just(vec![("partitioner.class", "HourlyPartitioner"), ("timestamp.extractor", "Record")]),
        Just(vec![
            ("partitioner.class", "HourlyPartitioner"),
            ("timestamp.extractor", "Wallclock")
        ]),
    ];
    let minutes = || prop_oneof![Just(-1_i64), 1..60_i64].prop_map(|minutes| minutes * MINUTE_MS);
    let rotation = (1..9_i64, minutes(), minutes(), minutes());
    let sizes = (any::<bool>(), prop_oneof![Just(-1_i64), 1..90_000_i64], 0..4_i64);
    (folders, rotation, sizes, any::<bool>()).prop_map(|(folders, rotation, sizes, on_stop)| {
        let (flush, interval_ms, schedule_ms, age_ms) = rotation;
        let (appends, most_bytes, most_files) = sizes;
        let own = folders.into_iter().map(|(key, text)| (key, text.to_owned()));
        let mut settings: Settings = own.collect();
        settings.extend([
            ("flush.size", flush.to_string()),
            ("rotate.interval.ms", interval_ms.max(-1).to_string()),
            ("rotate.schedule.interval.ms", schedule_ms.max(-1).to_string()),
            ("file.age.ms.max", age_ms.max(-1).to_string()),
            ("file.size.bytes.max", most_bytes.to_string()),
            (
                "partitioner.max.open.files",
                if most_files == 0 { -1 } else { most_files }.to_string(),
            ),
            ("hdfs.append", appends.to_string()),
            ("flush.on.stop", on_stop.to_string()),
        ]);
        settings
    })
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::BreakBefore),
        Just(Fault::BreakAfter),
        Just(Fault::BreakWithin),
        Just(Fault::Hold),
    ]
}

fn life() -> impl Strategy<Value = Life> {
    let times = (0..90_i64, prop_oneof![Just(0), 0..20_i64]);
    let faults = (1..40_usize, fault(), (0..20_usize, fault()));
    (settings(), 1..12_usize, times, faults, any::<bool>(), 0..6_usize).prop_map(
        |(settings, batch, times, (changes, last, slip), comes, wakes)| Life {
            settings,
            batch,
            pause_minutes: times.0,
            tick_minutes: times.1,
            changes,
            last,
            slip,
            comes,
            wakes,
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let records = prop::collection::vec((0..4_u8, -30..150_i64, any::<bool>()), 1..40);
    let server = (any::<bool>(), any::<bool>());
    (server, records, prop::collection::vec(life(), 0..5), settings()).prop_map(
        |((is_shared, makes_folders), records, lives, last)| Case {
            is_shared,
            makes_folders,
            records,
            lives,
            last,
        },
    )
}

proptest::proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..Default::default() })]
    #[test]
    fn any_records_any_settings_any_ends_store_each_record_once(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(&case));
    }
}
