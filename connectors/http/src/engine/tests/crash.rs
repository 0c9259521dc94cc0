//! Tasks that die.

use super::*;

/// Works until everything is done, killing the task at these times.
async fn work_and_die(rig: &Rig, rows: &[SinkRecord], deaths: &[Duration]) {
    for after in deaths {
        tokio::select! {
            biased;
            () = tokio::time::sleep(*after) => {}
            done = rig.work(rows) => {
                done.unwrap();
                return;
            }
        }
    }
    rig.work(rows).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn three_thousand_rows_end_complete_and_in_time_through_three_deaths() {
    let mischief = Mischief {
        fails_percent: 5,
        stalls_percent: 1,
        stall: Duration::from_millis(1500),
        drops_percent: 1,
        limit: Some(110),
        takes: Duration::from_millis(30),
        nothing_below: None,
    };
    let rig = Rig::new(mischief, &[("max.requests.per.second", "100"), ("max.in.flight", "20")]);
    rig.written.slow_down(Duration::from_millis(20));
    let (rows, began) = (rows(3000), Instant::now());
    let deaths = [5100, 7333, 9071].map(Duration::from_millis);
    work_and_die(&rig, &rows, &deaths).await;
    let took = began.elapsed().as_secs_f64();
    assert_complete(&rig, 3000);
    let requests = rig.geocoder().visits().len() + rig.geocoder().put_off();
    let dictated = f64::from(u32::try_from(requests).unwrap()) / 100.0;
    println!("{requests} requests in {took:.2} s; the limit dictates {dictated:.2} s");
    assert!(took <= dictated * 1.05, "{took} s instead of {dictated} s");
    assert!(took >= dictated - 1.0, "{took} s is faster than the limit");
    let twice = rig.geocoder().served().values().filter(|served| **served > 1).count();
    println!("{twice} rows were served again whose success was never recorded");
}

#[tokio::test(start_paused = true)]
async fn at_every_moment_what_is_recorded_is_what_is_committed() {
    let mischief = Mischief { takes: Duration::from_millis(5), ..Mischief::default() };
    for moment in 0..120 {
        let rig = Rig::new(mischief.clone(), &[("max.in.flight", "3")]);
        rig.written.slow_down(Duration::from_millis(6));
        let rows = rows(20);
        let after = Duration::from_micros(moment * 501);
        let died = tokio::time::timeout(after, rig.work(&rows)).await;
        if let Ok(done) = died {
            done.unwrap();
        }
        let committed = usize::try_from(rig.position()).unwrap();
        assert_eq!(rig.found(), ids(committed), "dead after {after:?}");
        rig.work(&rows).await.unwrap();
        assert_complete(&rig, 20);
        assert_eq!(rig.found(), ids(20), "answers are recorded in the order of their records");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_could_not_be_recorded_are_recorded_later() {
    let rig = Rig::new(Mischief::default(), &[]);
    rig.written.fail_next((0..3).map(|_| ConnectorError::retriable("The broker is away")));
    rig.work(&rows(10)).await.unwrap();
    assert_complete(&rig, 10);
    assert_eq!(rig.geocoder().visits().len(), 10, "nothing was asked again");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_long_for_the_broker_is_cut_and_not_asked_for_again() {
    let rig = Rig::new(Mischief::default(), &[]);
    let long = Answer { status: 200, retry_after: None, body: "x".repeat(9000).into() };
    rig.wire.answers.lock().unwrap().push_back(long);
    for reason in ["Broker: Message size too large", "more than max.message.bytes of the topic"] {
        rig.written.fail_next([ConnectorError::invalid("Refused").caused_by(reason)]);
    }
    rig.work(&rows(3)).await.unwrap();
    assert_eq!(rig.wire.bodies.lock().unwrap().len(), 3, "each was asked for once");
    let found = rig.of("found");
    let length = |place: usize| found[place].value.as_ref().unwrap().len();
    assert!((2000..2400).contains(&length(0)), "{}", length(0));
    assert!(found[0].headers.iter().any(|(name, _)| &**name == "response_truncated"));
    assert_eq!(
        (found.len(), text(found[2].value.as_ref())),
        (3, r#"{"address":"2 4 Street"}"#.to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_takes_not_even_a_short_record_fails_the_task() {
    let rig = Rig::new(Mischief::default(), &[]);
    rig.written.fail_next((0..30).map(|_| ConnectorError::invalid("It is too large")));
    let error = rig.work(&rows(3)).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), rig.position()), ("It is too large", 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_too_long_for_its_key_fails_the_task() {
    let rig = Rig::new(Mischief::default(), &[]);
    rig.written.fail_next((0..30).map(|_| ConnectorError::invalid("It is too large")));
    let error = rig.work(&[row(0, &"k".repeat(9000))]).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), rig.position()), ("It is too large", 0));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_refuses_for_good_fails_the_task_and_commits_nothing() {
    let rig = Rig::new(Mischief::default(), &[]);
    rig.written.fail_next([ConnectorError::internal("Fenced")]);
    let error = rig.work(&rows(10)).await.unwrap_err();
    assert_eq!(error.to_string(), "Fenced");
    assert_eq!((rig.position(), rig.found()), (0, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_when_partitions_go_is_recorded_first() {
    let mischief = Mischief { takes: Duration::from_millis(500), ..Mischief::default() };
    let rig = Rig::new(mischief, &[("max.in.flight", "4")]);
    let (mut task, _context) = rig.task().await;
    task.put(&rows(10)).await.unwrap();
    task.close(&[partition()]).await.unwrap();
    assert_eq!((rig.found(), rig.position()), (ids(4), 4));
    task.put(&[]).await.unwrap();
    assert_eq!(rig.geocoder().visits().len(), 4, "nothing is sent for others");
    rig.work(&rows(10)).await.unwrap();
    assert_complete(&rig, 10);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_for_a_partition_that_came_back_counts_for_nothing() {
    let stalls = Mischief { takes: Duration::from_secs(20), ..Mischief::default() };
    let mut rig = Rig::new(stalls, &[]);
    Arc::get_mut(&mut rig.wire).unwrap().timeout = Duration::from_secs(60);
    let (mut task, _context) = rig.task().await;
    task.put(&rows(1)).await.unwrap();
    task.close(&[partition()]).await.unwrap();
    assert_eq!(rig.position(), 0);
    task.open(&[partition()]).await.unwrap();
    for _ in 0..400 {
        task.put(&rows(1)).await.unwrap();
    }
    assert_eq!((rig.found(), rig.repeated()), (ids(1), 0));
}
