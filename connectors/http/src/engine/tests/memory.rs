//! Answers that wait for one before them.

use super::*;

#[tokio::test(start_paused = true)]
async fn answers_that_wait_to_be_stored_count_and_hold_up_further_requests() {
    let mut rig = Rig::new(Mischief::default(), &[("max.in.flight", "4")]);
    let budget = MemoryBudget::new(100_000);
    rig.budget = Some(budget.clone());
    rig.wire.put_off(500, 30, 1);
    let long = Answer { status: 200, retry_after: None, body: "x".repeat(30_000).into() };
    rig.wire.answers.lock().unwrap().extend(std::iter::repeat_n(long, 50));
    let (mut task, context) = rig.task().await;
    let began = Instant::now();
    task.put(&rows(50)).await.unwrap();
    let mut paused = false;
    while began.elapsed() < Duration::from_secs(29) {
        paused = context.requests.take().pauses.get(&partition()).copied().unwrap_or(paused);
        task.put(&[]).await.unwrap();
        assert!(paused, "more is asked for after {:?}", began.elapsed());
    }
    let sent = rig.wire.bodies.lock().unwrap().len();
    assert!((4..=9).contains(&sent), "{sent} requests");
    assert!(budget.used_bytes() > 80_000, "{} bytes", budget.used_bytes());
    while rig.found().len() < 50 {
        task.put(&[]).await.unwrap();
    }
    assert_eq!((rig.found(), rig.repeated()), (ids(50), 0));
    assert_eq!(context.requests.take().pauses.get(&partition()), Some(&false));
    assert_eq!(budget.used_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_batch_shares_counts_once() {
    let mut rig = Rig::new(
        Mischief::default(),
        &[("http.api.url", "http://geo/all"), ("batch.max.size", "40"), ("request.method", "POST")],
    );
    let budget = MemoryBudget::new(100_000);
    rig.budget = Some(budget.clone());
    rig.written.slow_down(Duration::from_secs(1));
    let long = Answer { status: 200, retry_after: None, body: "x".repeat(50_000).into() };
    rig.wire.answers.lock().unwrap().push_back(long);
    let (mut task, _context) = rig.task().await;
    task.put(&rows(40)).await.unwrap();
    assert!((50_000..70_000).contains(&budget.used_bytes()), "{} bytes", budget.used_bytes());
    while budget.used_bytes() > 0 {
        task.put(&[]).await.unwrap();
    }
    assert_eq!(rig.found(), ids(40));
}
