//! Services that say when to come back.

use connect_api::error::chain;

use super::*;

/// Requests that came, and how long it took until the task failed.
async fn failed(rig: &Rig) -> (usize, Duration) {
    let began = Instant::now();
    let error = rig.work(&rows(1)).await.unwrap_err();
    assert!(chain(&error).contains("offset 0 of points-0"), "{}", chain(&error));
    let requests = rig.wire.bodies.lock().unwrap().len();
    (requests, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn come_back_at_once_is_a_failure_like_any_other() {
    for status in [429, 503] {
        let rig =
            Rig::new(Mischief::default(), &[("retry.backoff.ms", "1000"), ("max.retries", "2")]);
        rig.wire.put_off(status, 0, 100);
        let (requests, took) = failed(&rig).await;
        assert_eq!((requests, took.as_secs()), (3, 1 + 2), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_longer_of_both_waits_counts_as_one_try() {
    let rig = Rig::new(Mischief::default(), &[("retry.backoff.ms", "4000"), ("max.retries", "2")]);
    rig.wire.put_off(503, 6, 100);
    let (requests, took) = failed(&rig).await;
    assert_eq!((requests, took.as_secs()), (3, 6 + 8));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_to_be_tried_again_is_not_whatever_the_service_says() {
    let rig = Rig::new(Mischief::default(), &[("retry.on.status.codes", "500-502")]);
    rig.wire.put_off(429, 6, 100);
    assert_eq!(failed(&rig).await, (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_limit_counts_once_it_has_lasted_an_hour() {
    let rig = Rig::new(Mischief::default(), &[("max.retries", "1")]);
    rig.wire.put_off(429, 600, 100);
    let (requests, took) = failed(&rig).await;
    assert_eq!((requests, took.as_secs()), (6 + 1 + 1, 7 * 600));
}

#[tokio::test(start_paused = true)]
async fn the_status_says_at_once_that_a_service_wants_a_long_rest() {
    let slow = Mischief { takes: Duration::from_millis(50), ..Mischief::default() };
    let rig = Rig::new(slow, &[("max.in.flight", "2")]);
    rig.wire.put_off(429, 60, 1);
    let (mut task, context) = rig.task().await;
    task.put(&rows(2)).await.unwrap();
    // What was on its way already ends well, which changes nothing.
    let Some(Progress::Held(reason)) = context.requests.take().progress else {
        panic!("nothing is told");
    };
    assert_eq!(rig.geocoder().served().len(), 1);
    assert!(reason.contains("answered 429"), "{reason}");
    tokio::time::advance(Duration::from_secs(60)).await;
    task.put(&[]).await.unwrap();
    assert_eq!(context.requests.take().progress, Some(Progress::Made));
}
