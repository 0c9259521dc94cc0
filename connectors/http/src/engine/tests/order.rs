//! Order, pace, batches.

use proptest::prelude::*;

use super::*;

#[tokio::test(start_paused = true)]
async fn one_at_a_time_keeps_the_order_even_of_what_fails() {
    let mischief =
        Mischief { fails_percent: 30, takes: Duration::from_millis(3), ..Mischief::default() };
    let rig = Rig::new(mischief, &[("max.retries", "50"), ("retry.backoff.ms", "1")]);
    rig.work(&rows(100)).await.unwrap();
    assert_complete(&rig, 100);
    let served: Vec<_> = rig.geocoder().visits();
    let served = served.into_iter().filter(|visit| visit.is_served).map(|visit| visit.id);
    assert_eq!(served.collect::<Vec<_>>(), ids(100));
    assert_eq!(rig.wire.most_at_once.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_puts_off_is_left_alone_as_long_as_it_says() {
    let mischief = Mischief { limit: Some(5), ..Mischief::default() };
    let rig = Rig::new(mischief, &[("max.retries", "0")]);
    let began = Instant::now();
    rig.work(&rows(30)).await.unwrap();
    assert_complete(&rig, 30);
    let (took, put_off) = (began.elapsed(), rig.geocoder().put_off());
    assert!(put_off <= 6, "{put_off} requests came too early");
    assert!((Duration::from_secs(5)..Duration::from_secs(7)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn many_at_a_time_do_not_wait_for_one_that_stalls() {
    let mischief = Mischief {
        stalls_percent: 2,
        stall: Duration::from_millis(900),
        takes: Duration::from_millis(10),
        ..Mischief::default()
    };
    let rig = Rig::new(mischief, &[("max.in.flight", "8"), ("max.requests.per.second", "50")]);
    let began = Instant::now();
    rig.work(&rows(500)).await.unwrap();
    assert_complete(&rig, 500);
    let took = began.elapsed().as_secs_f64();
    assert!((9.9..=11.0).contains(&took), "{took} s");
    assert!(rig.wire.most_at_once.load(Ordering::SeqCst) > 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// However many are on their way and however often they fail: the requests of a key are served in
    /// the order of its records.
    #[test]
    fn records_with_the_same_key_keep_their_order(
        keys in prop::collection::vec(0_u8..4, 1..60),
        at_once in 1_usize..9,
        fails_percent in 0_u32..40,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mischief = Mischief { fails_percent, takes: Duration::from_millis(7), ..Mischief::default() };
            let at_once = at_once.to_string();
            let rig = Rig::new(mischief, &[
                ("max.in.flight", at_once.as_str()),
                ("max.retries", "1000"),
                ("retry.backoff.ms", "1"),
                ("http.api.url", "http://geo/find?id=${key}_${x}"),
            ]);
            let rows: Vec<_> = (0_i64..).zip(&keys).map(|(at, key)| row(at, &key.to_string())).collect();
            rig.work(&rows).await.unwrap();
            let visits = rig.geocoder().visits();
            for key in 0_u8..4 {
                let prefix = format!("{key}_");
                let served: Vec<i64> = visits.iter()
                    .filter(|visit| visit.is_served)
                    .filter_map(|visit| visit.id.strip_prefix(&prefix)?.parse().ok())
                    .collect();
                let expected: Vec<i64> = (0_i64..).zip(&keys)
                    .filter(|(_, own)| **own == key).map(|(at, _)| at).collect();
                prop_assert_eq!(served, expected);
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn ten_records_are_one_array() {
    let rig = Rig::new(
        Mischief::default(),
        &[
            ("http.api.url", "http://geo/all"),
            ("request.method", "POST"),
            ("request.body.format", "json"),
            ("batch.max.size", "10"),
        ],
    );
    rig.work(&rows(12)).await.unwrap();
    let bodies = rig.wire.bodies.lock().unwrap().clone();
    assert_eq!(bodies.len(), 2);
    let first: serde_json::Value = serde_json::from_str(&bodies[0].1).unwrap();
    assert_eq!(first.as_array().unwrap().len(), 10);
    assert_eq!(bodies[1].1, r#"[{"x":10,"y":20,"id":"10"},{"x":11,"y":22,"id":"11"}]"#);
    assert_eq!(rig.found(), ids(12), "each record has its answer");
}

#[tokio::test(start_paused = true)]
async fn a_task_with_much_in_hand_asks_for_no_more() {
    let slow = Mischief { takes: Duration::from_millis(900), ..Mischief::default() };
    let rig = Rig::new(slow, &[]);
    let (mut task, context) = rig.task().await;
    task.put(&rows(2500)).await.unwrap();
    let requests = context.requests.take();
    assert_eq!(requests.pauses.get(&partition()), Some(&true));
    assert_eq!(requests.timeout, Some(Duration::ZERO), "it wants to go on");
}
