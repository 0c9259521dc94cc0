//! The worker killed with -9 while clients send: what was confirmed is in the topic.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use super::{lines, running, to_file, worker};
use crate::harness::{eventually, free_port};

const KILLS: usize = 5;
const CLIENTS: usize = 8;
/// Confirmed events in each life of the worker.
const LIFE_EVENTS: usize = 400;

/// Clients that send until they are told to stop, and what was confirmed to them.
struct Clients {
    confirmed: Arc<Mutex<BTreeSet<String>>>,
    is_done: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Clients {
    #[expect(clippy::disallowed_methods, reason = "owned and joined by this value")]
    fn start(port: u16) -> Self {
        let (confirmed, is_done) = (Arc::<Mutex<BTreeSet<_>>>::default(), Arc::default());
        let client =
            |number| tokio::spawn(send(number, port, Arc::clone(&confirmed), Arc::clone(&is_done)));
        let tasks = (0..CLIENTS).map(client).collect();
        Self { confirmed, is_done, tasks }
    }

    async fn reach(&self, count: usize) {
        eventually("confirmed events", async || {
            (self.confirmed.lock().unwrap().len() >= count).then_some(())
        })
        .await;
    }

    async fn stop(self) -> BTreeSet<String> {
        self.is_done.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.confirmed.lock().unwrap().clone()
    }
}

async fn send(
    client: usize,
    port: u16,
    confirmed: Arc<Mutex<BTreeSet<String>>>,
    is_done: Arc<AtomicBool>,
) {
    let http = crate::harness::http_client();
    let url = format!("http://127.0.0.1:{port}/hook");
    for number in 0.. {
        if is_done.load(Ordering::Relaxed) {
            return;
        }
        let id = format!("{client}-{number}");
        let answer = http.post(&url).body(id.clone()).send().await;
        match answer {
            Ok(answer) if answer.status() == 200 => {
                confirmed.lock().unwrap().insert(id);
            }
            // Nobody is there: the worker was killed.
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn killed_again_and_again(acks: &str) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let web = json!({"name": "web", "config": {
        "connector.class": "WebEventSource",
        "listen": format!("127.0.0.1:{port}"),
        "topic": "events",
        "routes": r#"[{"path": "/hook", "body": "text"}]"#,
        "acks": acks,
        "buffer.path": "buffer",
    }});
    let clients = Clients::start(port);
    for life in 1..=KILLS {
        let worker = worker(folder.path()).await;
        if life == 1 {
            worker.rest.create(&web).await;
        }
        running(&worker, "web").await;
        clients.reach(life * LIFE_EVENTS).await;
        worker.kill();
    }
    let worker = worker(folder.path()).await;
    worker.rest.create(&to_file("events")).await;
    clients.reach((KILLS + 1) * LIFE_EVENTS).await;
    let confirmed = clients.stop().await;
    let found = eventually("every confirmed event in the file", async || {
        let found = lines(folder.path());
        let ids: BTreeSet<_> = found.iter().cloned().collect();
        confirmed.is_subset(&ids).then_some(found)
    })
    .await;
    let distinct: BTreeSet<_> = found.iter().collect();
    assert_eq!(distinct.len(), found.len(), "an event is twice in the topic");
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_has_confirmed_survives_every_kill() {
    killed_again_and_again("all").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_buffer_has_confirmed_survives_every_kill_and_comes_once() {
    killed_again_and_again("1").await;
}
