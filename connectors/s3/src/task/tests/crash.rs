//! Tasks that die at any moment: every record is stored once.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};

use connect_api::record::Header;
use connect_testkit::s3::{Fault, Which};

use super::*;
use crate::file::OWN_BYTES;

/// Region of records without a value.
const TOMBSTONE: u8 = 9;

/// One life of a task: it dies after so many objects, having waited so long before it began.
#[derive(Clone, Debug)]
struct Life {
    objects: i64,
    batch: usize,
    pause_minutes: i64,
    /// Time that passes with each batch, so that the schedule cuts in different places.
    tick_minutes: i64,
}

#[derive(Clone, Debug)]
struct Case {
    settings: Vec<(&'static str, String)>,
    /// Region and minutes after ten of each record.
    records: Vec<(u8, i64)>,
    lives: Vec<Life>,
}

/// What else a life may have: a rotation of its own, and requests that fail though it goes on.
#[derive(Clone, Debug)]
struct More {
    rotation: Vec<(&'static str, String)>,
    faults: Vec<Fault>,
}

async fn run(case: &Case) {
    run_with(case, &[]).await;
}

/// Runs every life, then a last one to the end of the log and of the last slot that it needs.
async fn run_with(case: &Case, more: &[More]) {
    let settings: Vec<_> = case.settings.iter().map(|(key, text)| (*key, text.as_str())).collect();
    let mut rig = Rig::new(&settings).await;
    let log: Vec<_> = (0..)
        .zip(&case.records)
        .map(|(offset, (region, minutes))| {
            let mut record = regional(offset, &format!("r{region}"));
            record.timestamp_ms = Some(TEN + minutes * MINUTE + offset);
            if *region == TOMBSTONE {
                record.value = SchemaAndValue::NULL;
            }
            record.key = SchemaAndValue::schemaless(Value::Int64(offset));
            let data = SchemaAndValue::schemaless(Value::Int64(offset));
            record.headers = vec![Header { key: "id".into(), data }];
            record
        })
        .collect();
    let mut reader = Reader::new(&log, 1);
    for (place, life) in case.lives.iter().enumerate() {
        rig.clock.advance_ms(life.pause_minutes * MINUTE);
        let more = more.get(place);
        let rotation = more.iter().flat_map(|more| &more.rotation);
        rig.props.extend(rotation.map(|(key, text)| (*key, text.as_str())));
        let mut task = rig.task().await;
        let faults = more.iter().flat_map(|more| &more.faults);
        rig.server.proxy.script(Which::Any, faults.copied());
        reader.crash();
        reader.batch = life.batch;
        reader.tick = Some((Arc::clone(&rig.clock), life.tick_minutes * MINUTE));
        rig.run_until_silent(life.objects.max(1), &mut reader, &mut *task).await;
        rig.server.proxy.forget_faults();
        whole_files(&rig, &case.settings);
    }
    let mut task = rig.task().await;
    reader.crash();
    reader.run(&mut *task, &rig.context).await.unwrap();
    // A slot that meets an object of an earlier life reads again what the object does not hold, which
    // then waits for the next slot.
    for _slot in 0..=log.len() {
        rig.clock.advance_ms(24 * 60 * MINUTE);
        task.put(&[]).await.unwrap();
        reader.run(&mut *task, &rig.context).await.unwrap();
    }
    check(&rig, &log, reader.committed, &case.settings);
}

/// Ids in the objects of one kind, by folder and start.
type Files = BTreeMap<String, Vec<i64>>;

/// Ids of values, keys and headers.
fn files(rig: &Rig) -> [Files; 3] {
    let mut files = [Files::new(), Files::new(), Files::new()];
    for (key, text) in rig.server.texts() {
        let (place, end) = [(1, ".keys.json"), (2, ".headers.json"), (0, ".json")]
            .into_iter()
            .find(|(_, end)| key.ends_with(end))
            .unwrap();
        let ids = text.lines().map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let id = [&value, &value["id"]].into_iter().find_map(serde_json::Value::as_i64);
            id.unwrap_or_else(|| value["headers"][0]["value"].as_str().unwrap().parse().unwrap())
        });
        files[place].insert(key.strip_suffix(end).unwrap().to_owned(), ids.collect());
    }
    files
}

/// Whoever sees values finds the keys and headers that belong to them.
fn whole_files(rig: &Rig, settings: &[(&str, String)]) {
    let [values, keys, headers] = files(rig);
    for (setting, others) in [("store.kafka.keys", &keys), ("store.kafka.headers", &headers)] {
        if settings.iter().any(|(key, _)| *key == setting) {
            for (stem, ids) in &values {
                assert_eq!(others.get(stem), Some(ids), "{stem} {setting}");
            }
        }
    }
}

fn check(rig: &Rig, log: &[SinkRecord], committed: i64, settings: &[(&str, String)]) {
    let [values, keys, headers] = files(rig);
    let all: Vec<i64> = (0..).take(log.len()).collect();
    let sorted = |files: &Files| {
        let mut ids: Vec<_> = files.values().flatten().copied().collect();
        ids.sort_unstable();
        ids
    };
    let has_value = |id: &i64| !log[usize::try_from(*id).unwrap()].value.value.is_null();
    let expected: Vec<_> = all.iter().copied().filter(has_value).collect();
    assert_eq!(sorted(&values), expected);
    for (setting, others) in [("store.kafka.keys", &keys), ("store.kafka.headers", &headers)] {
        let is_stored = settings.iter().any(|(key, _)| *key == setting);
        assert_eq!(sorted(others), if is_stored { all.clone() } else { vec![] }, "{setting}");
    }
    whole_files(rig, settings);
    assert_eq!(committed, i64::try_from(log.len()).unwrap());
    let mut folders: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (stem, ids) in &values {
        folders.entry(stem.rsplit_once('/').unwrap().0).or_default().extend(ids);
    }
    for (folder, ids) in folders {
        assert!(ids.is_sorted(), "{folder}: {ids:?}");
    }
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future);
}

fn by_region(flush: &str) -> Vec<(&'static str, String)> {
    vec![
        ("partitioner.class", "FieldPartitioner".to_owned()),
        ("partition.field.name", "region".to_owned()),
        ("flush.size", flush.to_owned()),
        ("rotate.schedule.interval.ms", "600000".to_owned()),
    ]
}

#[test]
fn a_crash_after_any_object_leaves_every_record_once() {
    for objects in 1..=9 {
        let life = Life { objects, batch: 4, pause_minutes: 0, tick_minutes: 0 };
        let records = (0..30).map(|n| (n % 3, i64::from(n))).collect();
        block_on(run(&Case { settings: by_region("9"), records, lives: vec![life] }));
    }
}

fn beside(sides: &[&'static str]) -> Vec<(&'static str, String)> {
    let format = |side: &str| match side {
        "store.kafka.keys" => Some("keys.format.class"),
        "store.kafka.headers" => Some("headers.format.class"),
        _ => None,
    };
    let formats = sides.iter().filter_map(|side| format(side));
    let formats = formats.map(|key| (key, "JsonFormat".to_owned()));
    let sides = sides.iter().map(|side| match *side {
        "behavior.on.null.values" => (*side, "write".to_owned()),
        _ => (*side, "true".to_owned()),
    });
    formats.chain(sides).collect()
}

const KEYS: &str = "store.kafka.keys";
const HEADERS: &str = "store.kafka.headers";
const NULLS: &str = "behavior.on.null.values";

#[test]
fn a_crash_between_the_objects_of_a_file_leaves_every_record_once_in_each_kind() {
    let sides: [&[&str]; 3] = [&[KEYS], &[KEYS, HEADERS], &[KEYS, NULLS]];
    for (objects, sides) in (1..=6).flat_map(|objects| sides.map(|sides| (objects, sides))) {
        let region = |n: u8| if n % 5 == 3 && sides.contains(&NULLS) { TOMBSTONE } else { n % 2 };
        let records = (0..30).map(|n| (region(n), i64::from(n))).collect();
        let lives = vec![
            Life { objects, batch: 10, pause_minutes: 0, tick_minutes: 0 },
            Life { objects: objects % 3 + 1, batch: 3, pause_minutes: 10, tick_minutes: 7 },
        ];
        let settings = [by_region("7"), beside(sides)].concat();
        block_on(run(&Case { settings, records, lives }));
    }
}

#[tokio::test]
async fn keys_that_were_uploaded_in_parts_decide_what_their_values_are() {
    for compression in ["none", "gzip"] {
        let mut rig = Rig::new(&[
            ("s3.part.size", "5242880"),
            ("s3.compression.type", compression),
            ("s3.compression.level", "0"),
            ("flush.size", "3"),
            ("store.kafka.keys", "true"),
            ("keys.format.class", "JsonFormat"),
        ])
        .await;
        let text = "x".repeat(3 << 20);
        let large = |n: i64| {
            let key = SchemaAndValue::schemaless(Value::string(format!("{n}{text}")));
            SinkRecord { key, ..number(n, TEN + n) }
        };
        let log: Vec<_> = (0..6).map(large).collect();
        let mut reader = Reader::new(&log, 1);
        let mut task = rig.task().await;
        rig.run_until_silent(1, &mut reader, &mut *task).await;
        let end = if compression == "gzip" { ".gz" } else { "" };
        let values = |n: i64| format!("topics/t/partition=0/t+0+{n:010}.json{end}");
        let keys = |n: i64| format!("topics/t/partition=0/t+0+{n:010}.keys.json{end}");
        assert_eq!((rig.server.keys(), reader.committed), (vec![keys(0)], 0));
        rig.props.insert("flush.size", "2");
        rig.context = sink_context(&rig.clock);
        let mut task = rig.task().await;
        reader.crash();
        reader.run(&mut *task, &rig.context).await.unwrap();
        let expected = [0, 3, 4].map(|n| [values(n), keys(n)]).concat();
        assert_eq!(rig.server.keys(), expected, "{compression}");
        assert_eq!((reader.committed, rig.context.budget.used_bytes()), (6, 0));
        if compression == "none" {
            let counts = [0, 3, 4].map(|n| rig.server.texts()[&values(n)].lines().count());
            assert_eq!(counts, [3, 1, 2]);
        }
    }
}

#[test]
fn a_crash_just_before_the_schedule_moves_the_cut_and_doubles_nothing() {
    for objects in 1..=3 {
        let lives = vec![
            Life { objects, batch: 10, pause_minutes: 0, tick_minutes: 0 },
            Life { objects, batch: 3, pause_minutes: 10, tick_minutes: 0 },
        ];
        let records = (0..30).map(|n| (n % 3, i64::from(n))).collect();
        block_on(run(&Case { settings: by_region("7"), records, lives }));
    }
}

#[test]
fn a_slot_that_meets_an_object_of_an_earlier_life_leaves_the_rest_to_the_next() {
    let lives = vec![
        Life { objects: 2, batch: 1, pause_minutes: 0, tick_minutes: 10 },
        Life { objects: 1, batch: 1, pause_minutes: 0, tick_minutes: 0 },
    ];
    let settings =
        vec![("flush.size", "4".to_owned()), ("rotate.schedule.interval.ms", "900000".to_owned())];
    block_on(run(&Case { settings, records: vec![(0, 0); 4], lives }));
}

#[test]
fn what_is_stored_behind_a_begun_file_is_not_forgotten_before_that_is_whole() {
    let lives = vec![
        Life { objects: 3, batch: 1, pause_minutes: 0, tick_minutes: 0 },
        Life { objects: 1, batch: 1, pause_minutes: 0, tick_minutes: 5 },
    ];
    for partitioner in [by_region("5"), by_region_and_time("Wallclock")] {
        let rotation = [("flush.size", "5"), ("rotate.schedule.interval.ms", "900000")];
        let rotation = rotation.map(|(key, text)| (key, text.to_owned())).to_vec();
        let settings = [partitioner, rotation, beside(&[KEYS])].concat();
        let records = [1, 0, 1, 2, 0].map(|region| (region, 0)).to_vec();
        block_on(run(&Case { settings, records, lives: lives.clone() }));
    }
}

#[test]
fn folders_by_the_clock_hold_every_record_once_across_hours() {
    for (objects, pause_minutes) in [(1, 61), (2, 130), (3, 7), (4, 600)] {
        let settings = vec![
            ("partitioner.class", "HourlyPartitioner".to_owned()),
            ("timestamp.extractor", "Wallclock".to_owned()),
            ("flush.size", "4".to_owned()),
            ("rotate.schedule.interval.ms", "3600000".to_owned()),
        ];
        let lives = vec![
            Life { objects, batch: 3, pause_minutes, tick_minutes: 9 },
            Life { objects: 1, batch: 5, pause_minutes, tick_minutes: 0 },
        ];
        let records = (0..40).map(|n| (0, n)).collect();
        block_on(run(&Case { settings, records, lives }));
    }
}

fn by_region_and_time(extractor: &str) -> Vec<(&'static str, String)> {
    vec![
        ("partitioner.class", "FieldAndTimeBasedPartitioner".to_owned()),
        ("partition.field.name", "region".to_owned()),
        ("partition.duration.ms", "3600000".to_owned()),
        ("path.format", "YYYY-MM-dd-HH".to_owned()),
        ("timestamp.extractor", extractor.to_owned()),
    ]
}

#[test]
fn folders_by_fields_and_the_clock_hold_every_record_once_across_hours() {
    for (objects, pause_minutes) in [(1, 61), (2, 130), (3, 7), (4, 0), (5, 600)] {
        let settings = [
            by_region_and_time("Wallclock"),
            vec![("flush.size", "9".to_owned())],
            vec![("rotate.schedule.interval.ms", "3600000".to_owned())],
        ]
        .concat();
        let lives = vec![
            Life { objects, batch: 3, pause_minutes, tick_minutes: 9 },
            Life { objects: 1, batch: 5, pause_minutes, tick_minutes: 0 },
        ];
        let records = (0..40).map(|n| (n % 3, i64::from(n))).collect();
        block_on(run(&Case { settings, records, lives }));
    }
}

#[tokio::test]
async fn a_crash_after_an_upload_in_parts_is_told_by_its_length() {
    for compression in ["none", "gzip"] {
        let rig = Rig::new(&[
            ("s3.part.size", "5242880"),
            ("s3.compression.type", compression),
            ("s3.compression.level", "0"),
            ("flush.size", "3"),
        ])
        .await;
        let text = "x".repeat(3 << 20);
        let large = |n: i64| record(n, TEN + n, Value::string(format!("{n}{text}")));
        let log: Vec<_> = (0..6).map(large).collect();
        let mut reader = Reader::new(&log, 1);
        let mut task = rig.task().await;
        rig.run_until_silent(1, &mut reader, &mut *task).await;
        assert_eq!((rig.server.keys().len(), reader.committed), (1, 0));
        // Other borders: the object that is there holds more than the next file would.
        let mut rig = rig;
        rig.props.insert("flush.size", "2");
        rig.context = sink_context(&rig.clock);
        let mut task = rig.task().await;
        reader.crash();
        reader.run(&mut *task, &rig.context).await.unwrap();
        let starts: Vec<_> = rig.server.keys();
        let end = if compression == "gzip" { ".gz" } else { "" };
        let key = |n: i64| format!("topics/t/partition=0/t+0+{n:010}.json{end}");
        assert_eq!(starts, [key(0), key(3), key(4)], "{compression}");
        assert_eq!(reader.committed, 6);
    }
}

fn partitioner() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let by_time = |class: &'static str, extractor: &'static str| {
        vec![("partitioner.class", class.to_owned()), ("timestamp.extractor", extractor.to_owned())]
    };
    prop_oneof![
        Just(Vec::new()),
        Just(by_region("5")),
        Just(by_time("HourlyPartitioner", "Record")),
        Just(by_time("DailyPartitioner", "Record")),
        Just(by_time("HourlyPartitioner", "Wallclock")),
        Just(by_region_and_time("Record")),
        Just(by_region_and_time("Wallclock")),
    ]
}

fn rotation() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let rotation = (1..9_i64, prop_oneof![Just(-1_i64), 1..40_i64], any::<bool>());
    let extensions = (prop_oneof![Just(-1_i64), 1..200_i64], any::<bool>());
    (rotation, extensions).prop_map(|(rotation, extensions)| {
        let ((flush, minutes, on_change), (most_bytes, spills)) = (rotation, extensions);
        let mut settings = vec![("file.size.bytes.max", most_bytes.to_string())];
        settings.push(("file.age.ms.max", (most_bytes * MINUTE).to_string()));
        if spills {
            let folder = std::env::temp_dir().to_str().unwrap().to_owned();
            settings.push(("store.spill.path", folder));
            settings.push(("store.memory.bytes", (8 * OWN_BYTES + 400).to_string()));
        }
        settings.push(("flush.size", flush.to_string()));
        settings.push(("rotate.interval.ms", (minutes * MINUTE).to_string()));
        settings.push(("rotate.file.on.partition.change", on_change.to_string()));
        settings.push(("rotate.schedule.interval.ms", "900000".to_owned()));
        settings
    })
}

fn more() -> impl Strategy<Value = More> {
    let fault = prop::sample::select(vec![
        Fault::PASS,
        Fault::SLOW_DOWN,
        Fault::AnswerAfter(500, "InternalError"),
        Fault::Reset,
        Fault::ResetAfter,
        Fault::HalfAnswer,
    ]);
    let faults = prop::collection::vec(fault, 0..8);
    (rotation(), faults).prop_map(|(rotation, faults)| More { rotation, faults })
}

fn case() -> impl Strategy<Value = Case> {
    let sides = prop::sample::select(vec![
        beside(&[]),
        beside(&[KEYS]),
        beside(&[HEADERS]),
        beside(&[KEYS, HEADERS]),
        beside(&[KEYS, NULLS]),
        beside(&[KEYS, HEADERS, NULLS]),
    ]);
    let records = prop::collection::vec((0..4_u8, -30..150_i64), 1..40);
    let life = (1..6_i64, 1..12_usize, 0..90_i64, prop_oneof![Just(0), 0..20_i64]).prop_map(
        |(objects, batch, pause_minutes, tick_minutes)| Life {
            objects,
            batch,
            pause_minutes,
            tick_minutes,
        },
    );
    (partitioner(), rotation(), sides, records, prop::collection::vec(life, 0..4)).prop_map(
        |(partitioner, rotation, sides, mut records, lives)| {
            let has_nulls = sides.iter().any(|(key, _)| *key == NULLS);
            for (region, _) in records.iter_mut().filter(|(region, _)| *region == 3) {
                *region = if has_nulls { TOMBSTONE } else { 0 };
            }
            Case { settings: [partitioner, rotation, sides].concat(), records, lives }
        },
    )
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 32, ..Default::default() })]
    #[test]
    fn any_records_any_rotation_any_crashes_store_each_record_once(
        case in case(),
        more in prop::collection::vec(more(), 0..4),
    ) {
        block_on(run_with(&case, &more));
    }
}
