//! What passes by itself holds records back and is told; and a task may die at any request.

use bytes::Bytes;
use connect_api::sink::Progress;
use connect_testkit::s3::{Operation, Which};

use super::{server::Fault, *};

/// What was told last of why records wait, since somebody asked last.
fn told(rig: &Rig) -> Option<Progress> {
    rig.context.requests.take().progress
}

fn lines(rig: &Rig) -> Vec<i64> {
    let texts = rig.server.texts();
    texts.values().flat_map(|text| text.lines()).map(|line| line.parse().unwrap()).collect()
}

#[tokio::test]
async fn what_passes_by_itself_is_told_until_records_are_stored() {
    for (fault, code, remedy) in [
        (Fault::SLOW_DOWN, "503 SlowDown", "overloaded"),
        (Fault::INTERNAL_ERROR, "500 InternalError", "overloaded"),
        (Fault::EXPIRED_TOKEN, "400 ExpiredToken", "credentials have expired"),
        (Fault::Answer(403, "ExpiredToken"), "403 ExpiredToken", "credentials have expired"),
        (Fault::CLOCK_SKEW, "403 RequestTimeTooSkewed", "clocks"),
        (Fault::NO_SUCH_BUCKET, "404 NoSuchBucket", "s3.bucket.name"),
        (Fault::Reset, "gave no answer", "store.url"),
        (Fault::HalfAnswer, "the server answered 200", "store.url"),
    ] {
        let rig = Rig::new(&[("flush.size", "2")]).await;
        let mut task = rig.task().await;
        let log: Vec<_> = (0..4).map(|n| number(n, TEN + n)).collect();
        rig.server.proxy.always(Which::Writes, fault);
        task.put(&log[..2]).await.unwrap();
        let Some(Progress::Held(text)) = told(&rig) else { panic!("{fault:?} is not told") };
        assert!(text.contains(code) && text.contains(remedy), "{fault:?}: {text}");
        rig.server.proxy.heal();
        let mut reader = Reader::new(&log, 2);
        reader.run(&mut *task, &rig.context).await.unwrap();
        assert_eq!((lines(&rig), reader.committed), (vec![0, 1, 2, 3], 4), "{fault:?}");
    }
}

#[tokio::test]
async fn that_records_are_stored_again_is_told_once() {
    let rig = Rig::new(&[("flush.size", "1")]).await;
    let mut task = rig.task().await;
    rig.server.fail([Fault::SLOW_DOWN, Fault::SLOW_DOWN]);
    for expected in [true, false] {
        task.put(&[number(0, TEN)]).await.unwrap();
        // The same reason is no news.
        assert_eq!(matches!(told(&rig), Some(Progress::Held(_))), expected);
    }
    task.put(&[number(0, TEN)]).await.unwrap();
    assert_eq!(told(&rig), Some(Progress::Made));
    task.put(&[number(1, TEN)]).await.unwrap();
    assert_eq!((told(&rig), lines(&rig)), (None, vec![0, 1]));
}

#[tokio::test]
async fn a_lookup_that_is_refused_for_a_while_is_asked_why() {
    for (status, code) in [(400, "ExpiredToken"), (403, "ExpiredToken"), (403, "SlowDown")] {
        let rig = Rig::new(&[("flush.size", "2")]).await;
        let mut task = rig.task().await;
        // The object appears and nobody is told; who looks whose it is, is refused.
        rig.server.fail([Fault::AnswerAfter(500, "InternalError")]);
        for operation in [Operation::HeadObject, Operation::GetObject] {
            rig.server.proxy.script(Which::Of(operation), [Fault::Answer(status, code)]);
        }
        let log: Vec<_> = (0..4).map(|n| number(n, TEN + n)).collect();
        let mut reader = Reader::new(&log, 2);
        reader.run(&mut *task, &rig.context).await.unwrap();
        assert_eq!(rig.server.faults_left(), 0, "{status} {code}");
        assert_eq!((lines(&rig), reader.committed), (vec![0, 1, 2, 3], 4));
    }
    let rig = Rig::new(&[("flush.size", "2")]).await;
    let mut task = rig.task().await;
    rig.server.fail([Fault::AnswerAfter(500, "InternalError")]);
    rig.server.proxy.script(Which::Of(Operation::HeadObject), [Fault::Answer(403, "")]);
    rig.server.proxy.script(Which::Of(Operation::GetObject), [Fault::Answer(403, "AccessDenied")]);
    let log: Vec<_> = (0..4).map(|n| number(n, TEN + n)).collect();
    let error = Reader::new(&log, 2).run(&mut *task, &rig.context).await.unwrap_err();
    assert_eq!(error.class(), connect_api::error::ErrorClass::Forbidden);
    assert!(error.to_string().contains("s3:GetObject"), "{error}");
}

/// Runs a task that dies at one request, before the server sees it or behind its back, and then
/// others to the end of the log.
async fn dies_at(
    place: usize,
    fault: Fault,
    settings: &[(&str, &str)],
    log: &[SinkRecord],
) -> bool {
    let mut rig = Rig::new(settings).await;
    let faults = vec![Fault::PASS; place].into_iter().chain([fault]);
    rig.server.proxy.script(Which::Any, faults);
    let mut reader = Reader::new(log, 1);
    let died = tokio::select! {
        () = rig.server.proxy.script_ends() => true,
        () = async {
            let mut task = rig.task().await;
            reader.run(&mut *task, &rig.context).await.unwrap();
        } => false,
    };
    rig.server.proxy.forget_faults();
    rig.context = sink_context(&rig.clock);
    reader.crash();
    let mut task = rig.task().await;
    reader.run(&mut *task, &rig.context).await.unwrap();
    // Whatever the log's end left open is closed by the clock.
    rig.clock.advance_ms(24 * 60 * MINUTE);
    task.put(&[]).await.unwrap();
    reader.run(&mut *task, &rig.context).await.unwrap();
    let lengths: usize = rig.server.objects().values().map(Vec::len).sum();
    let expected: usize = log.iter().map(|record| length(record) + 1).sum();
    assert_eq!(
        lengths,
        expected,
        "{fault:?} at {place} with {settings:?}: {:?}",
        rig.server.keys()
    );
    assert_eq!(reader.committed, i64::try_from(log.len()).unwrap(), "{fault:?} at {place}");
    died
}

fn length(record: &SinkRecord) -> usize {
    match &record.value.value {
        Value::Bytes(bytes) => bytes.len(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_task_may_die_at_any_request_and_every_record_is_stored_once() {
    let small: Vec<_> = (0..9_i64)
        .map(|n| {
            let length = usize::try_from(n).unwrap() + 1;
            record(n, TEN + n, Value::Bytes(Bytes::from(vec![b'x'; length])))
        })
        .collect();
    let large: Vec<_> = [2_700_000, 2_700_001, 5]
        .into_iter()
        .zip(0..)
        .map(|(length, n)| record(n, TEN + n, Value::Bytes(Bytes::from(vec![b'x'; length]))))
        .collect();
    let raw = ("format.class", "ByteArrayFormat");
    let whole = [raw, ("flush.size", "4"), ("rotate.schedule.interval.ms", "3600000")];
    let by_clock = [
        raw,
        ("flush.size", "4"),
        ("rotate.schedule.interval.ms", "3600000"),
        ("partitioner.class", "HourlyPartitioner"),
        ("timestamp.extractor", "Wallclock"),
        ("max.files.scan.limit", "3"),
    ];
    let in_parts = [
        raw,
        ("flush.size", "2"),
        ("s3.part.size", "5242880"),
        ("rotate.schedule.interval.ms", "3600000"),
    ];
    let all_settings: [&[(&str, &str)]; 3] = [&whole, &by_clock, &in_parts];
    for (settings, log) in all_settings.into_iter().zip([&small, &small, &large]) {
        for fault in [Fault::Silence, Fault::SilenceAfter] {
            let mut place = 0;
            while dies_at(place, fault, settings, log).await {
                place += 1;
            }
            assert!(place >= 4, "only {place} requests");
        }
    }
}
