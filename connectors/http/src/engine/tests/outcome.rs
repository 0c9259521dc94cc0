//! What follows from answers and from their absence.

use connect_api::error::{ErrorClass, chain};
use connect_testkit::geocoder::Turn;

use super::*;

fn turns(rig: &Rig, status: u16, count: usize) {
    rig.geocoder().next(std::iter::repeat_n(Turn::Status(status), count));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_a_record_with_the_key_of_its_request() {
    let rig = Rig::new(Mischief::default(), &[]);
    rig.work(&rows(2)).await.unwrap();
    let record = &rig.of("found")[1];
    assert_eq!(text(record.key.as_ref()), "1");
    assert_eq!(text(record.value.as_ref()), r#"{"address":"1 2 Street"}"#);
    let headers: Vec<_> =
        record.headers.iter().map(|(name, value)| (&**name, text(value.as_ref()))).collect();
    let expected = [
        ("input_record_topic", "points"),
        ("input_record_partition", "0"),
        ("input_record_offset", "1"),
        ("input_record_timestamp", "1"),
        ("response_status", "200"),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name, value.to_owned())));
    let names: Vec<_> = rig.written.topics().into_iter().map(|topic| topic.name).collect();
    assert_eq!(names, ["found", "failed"]);
}

#[tokio::test(start_paused = true)]
async fn each_topic_is_made_as_its_own_keys_say() {
    let own = [
        ("reporter.result.topic.partitions", "6"),
        ("reporter.result.topic.replication.factor", "2"),
        ("reporter.error.topic.partitions", "4"),
        ("reporter.error.topic.replication.factor", "3"),
    ];
    for (keys, expected) in [
        (&own[..0], [(Some(1), None), (Some(1), None)]),
        (&own[..2], [(Some(6), Some(2)), (Some(1), None)]),
        (&own, [(Some(6), Some(2)), (Some(4), Some(3))]),
    ] {
        let rig = Rig::new(Mischief::default(), keys);
        drop(rig.task().await);
        let made = rig.written.topics().into_iter();
        let made: Vec<_> = made.map(|topic| (topic.partitions, topic.replication_factor)).collect();
        assert_eq!(made, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn waits_double_until_the_tries_are_used_up() {
    let rig = Rig::new(Mischief::default(), &[("retry.backoff.ms", "1000"), ("max.retries", "3")]);
    turns(&rig, 503, 4);
    let began = Instant::now();
    let error = rig.work(&rows(1)).await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 1 + 2 + 4);
    assert_eq!(rig.geocoder().visits().len(), 4);
    let told = chain(&error);
    assert!(told.contains("answered 503 Service Unavailable"), "{told}");
    assert!(told.contains("offset 0 of points-0"), "{told}");
    assert!(!error.class().is_retriable(), "the batch is not in hand any more");
}

#[tokio::test(start_paused = true)]
async fn the_status_says_what_holds_the_task_up_and_when_it_gets_on() {
    let rig = Rig::new(Mischief::default(), &[("retry.backoff.ms", "300")]);
    turns(&rig, 503, 3);
    let (mut task, context) = rig.task().await;
    let mut told = Vec::new();
    for _ in 0..20 {
        task.put(&rows(1)).await.unwrap();
        told.extend(context.requests.take().progress);
    }
    assert_eq!(rig.found(), ids(1));
    assert_eq!(told.last(), Some(&Progress::Made));
    let Progress::Held(reason) = &told[0] else { panic!("{told:?}") };
    assert!(reason.contains("answered 503"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn only_codes_that_are_named_are_tried_again() {
    for (status, class) in [
        (404, ErrorClass::NotFound),
        (401, ErrorClass::Forbidden),
        (422, ErrorClass::Record),
        (302, ErrorClass::Invalid),
    ] {
        let rig = Rig::new(Mischief::default(), &[("retry.on.status.codes", "500-")]);
        turns(&rig, status, 1);
        let error = rig.work(&rows(1)).await.unwrap_err();
        assert_eq!((error.class(), rig.geocoder().visits().len()), (class, 1), "{status}");
        assert_eq!(rig.position(), 0);
        let failed = rig.of("failed");
        assert!(text(failed[0].value.as_ref()).contains(&status.to_string()), "{failed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_reporter_takes_holds_up_nothing() {
    let mut rig = Rig::new(Mischief::default(), &[("max.retries", "0")]);
    let reporter = Arc::new(CollectingReporter::default());
    rig.reporter = Some(Arc::clone(&reporter));
    turns(&rig, 422, 1);
    rig.work(&rows(3)).await.unwrap();
    let reported = reporter.take();
    assert_eq!((reported.len(), reported[0].0.offset), (1, 0));
    assert_eq!(rig.found(), ["1", "2"]);
    assert_eq!(rig.of("failed").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_know_us_is_no_reason_to_report_records() {
    let mut rig = Rig::new(Mischief::default(), &[("max.retries", "0")]);
    let reporter = Arc::new(CollectingReporter::default());
    rig.reporter = Some(Arc::clone(&reporter));
    turns(&rig, 401, 1);
    let error = rig.work(&rows(2)).await.unwrap_err();
    assert_eq!((error.class(), reporter.take().len()), (ErrorClass::Forbidden, 0));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_away_is_no_reason_to_report_records() {
    let stalls = Mischief { takes: Duration::from_secs(9), ..Mischief::default() };
    let mut rig = Rig::new(stalls, &[("max.retries", "1")]);
    let reporter = Arc::new(CollectingReporter::default());
    rig.reporter = Some(Arc::clone(&reporter));
    let error = rig.work(&rows(1)).await.unwrap_err();
    assert!(chain(&error).contains("It did not answer in time"), "{}", chain(&error));
    assert_eq!(reporter.take().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn errors_that_do_not_matter_are_passed_over_and_told() {
    for behavior in ["ignore", "log"] {
        let keys = [
            ("max.retries", "0"),
            ("behavior.on.error", behavior),
            ("report.errors.as", "http_response"),
        ];
        let rig = Rig::new(Mischief::default(), &keys);
        turns(&rig, 500, 2);
        rig.work(&rows(4)).await.unwrap();
        assert_eq!(rig.found(), ["2", "3"]);
        let failed = rig.of("failed");
        assert_eq!(text(failed[1].value.as_ref()), r#"{"error":"told to"}"#);
    }
}

#[tokio::test(start_paused = true)]
async fn what_went_wrong_can_be_had_as_json() {
    for (form, begin) in
        [("error_string", "\"http://geo"), ("http_response", r#""{\"error\":\"told to"#)]
    {
        let keys = [
            ("max.retries", "0"),
            ("behavior.on.error", "ignore"),
            ("report.errors.as", form),
            ("reporter.error.topic.value.format", "json"),
        ];
        let rig = Rig::new(Mischief::default(), &keys);
        turns(&rig, 422, 1);
        rig.work(&rows(1)).await.unwrap();
        let value = text(rig.of("failed")[0].value.as_ref());
        assert!(value.starts_with(begin) && value.ends_with('"'), "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_topics_of_answers_offsets_follow_success() {
    let mut rig = Rig::new(
        Mischief { fails_percent: 20, ..Mischief::default() },
        &[("max.in.flight", "5"), ("max.retries", "50")],
    );
    rig.props.remove("reporter.result.topic.name");
    rig.props.remove("reporter.error.topic.name");
    let rows = rows(200);
    drop(tokio::time::timeout(Duration::from_millis(300), rig.work(&rows)).await);
    let committed = usize::try_from(rig.position()).unwrap();
    let served = rig.geocoder().served();
    assert!(ids(committed).iter().all(|id| served.contains_key(id)), "{committed}: {served:?}");
    rig.work(&rows).await.unwrap();
    assert_eq!((rig.geocoder().served().len(), rig.written.len()), (200, 0));
}

#[tokio::test(start_paused = true)]
async fn records_without_a_value_delete_what_is_under_their_key() {
    let keys = [("behavior.on.null.values", "delete"), ("http.api.url", "http://geo/messages")];
    let rig = Rig::new(Mischief::default(), &keys);
    let mut rows = vec![row(0, "a b/c"), row(1, "12")];
    for row in &mut rows {
        row.value = SchemaAndValue::NULL;
    }
    rig.work(&rows).await.unwrap();
    let sent: Vec<_> =
        rig.wire.bodies.lock().unwrap().iter().map(|(line, _)| line.clone()).collect();
    assert_eq!(sent, ["DELETE http://geo/messages/a%20b%2Fc", "DELETE http://geo/messages/12"]);
}

#[tokio::test(start_paused = true)]
async fn a_record_without_what_the_address_needs_is_a_bad_one() {
    let rig = Rig::new(Mischief::default(), &[("http.api.url", "http://geo/${nothing}")]);
    let error = rig.work(&rows(1)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Record);
    assert!(error.to_string().contains("offset 0 of points-0 has no \"nothing\""), "{error}");
}
