//! How many records a second go into Kafka and come out, beside `kcat` in the same run.
//!
//! ```text
//! cargo run --profile demo --example kafka_throughput -- 127.0.0.1:9092 [ROUNDS]
//! ```
//!
//! Each round writes 2,000,000 lines of 79 bytes from a file into a topic of one partition, with
//! `kcat -P -l` and with our producer, and reads the topic with `kcat -C` and with our consumer.
#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::{
    collections::VecDeque,
    error::Error,
    fmt::Write as _,
    fs::{self, File},
    io::Read,
    process::{Command, Stdio},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use connect_api::config::Props;
use millrace::{
    broker::{
        Broker, ClientSettings, ConsumerEvent, ConsumerSettings, Delivery, NewTopic,
        ProducerRecord, ProducerSettings, Subscription, kafka::KafkaBroker,
    },
    tasks::TaskGroup,
};
use tokio::time::Instant;

const LINES: usize = 2_000_000;

/// Bytes read from the file at a time; its lines are one batch.
const CHUNK: usize = 1 << 20;

/// Batches on their way before the oldest is waited for.
const BATCHES: usize = 8;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What one run took.
struct Run {
    seconds: f64,
    cpu_seconds: f64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let rounds = arguments.next().map_or(Ok(3), |rounds| rounds.parse())?;
    let tasks = TaskGroup::new();
    let broker = KafkaBroker::connect(&servers, Props::new(), &tasks)?;
    let input = std::env::temp_dir().join(format!("kafka-throughput-{}", std::process::id()));
    fs::write(&input, lines()?)?;
    let path = input.display().to_string();
    for round in 0..rounds {
        let name = format!("throughput-{}-{round}", std::process::id());
        let (theirs, ours) = (format!("{name}-kcat"), format!("{name}-ours"));
        create(&broker, &theirs).await?;
        create(&broker, &ours).await?;
        let kcat = kcat(&["-P", "-b", &servers, "-t", &theirs, "-p", "0", "-l", &path])?;
        let own = produce(&broker, &ours, &path).await?;
        show("produce", &kcat, &own)?;
        let kcat = read_with_kcat(&servers, &ours)?;
        let own = consume(&broker, &ours).await?;
        show("consume", &kcat, &own)?;
        let admin = broker.admin(&ClientSettings::default()).await?;
        admin.delete_topic(&theirs).await?;
        admin.delete_topic(&ours).await?;
    }
    fs::remove_file(&input)?;
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("most memory: {peak}");
    Ok(())
}

fn lines() -> Result<String> {
    let mut text = String::with_capacity(LINES * 80);
    for line in 0..LINES {
        writeln!(
            text,
            "{line:010} 127.0.0.1 GET /api/select?id={line:<10} 200 {:<24}",
            line % 977
        )?;
    }
    Ok(text)
}

async fn create(broker: &Arc<KafkaBroker>, name: &str) -> Result<()> {
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: Some(1),
        replication_factor: Some(1),
        settings: [].into(),
    };
    broker.admin(&ClientSettings::default()).await?.create_topic(&topic).await?;
    Ok(())
}

fn show(what: &str, kcat: &Run, own: &Run) -> Result<()> {
    let lines = f64::from(u32::try_from(LINES)?);
    println!(
        "{what}: kcat {:.0}/s, {:.2} CPU s; ours {:.0}/s, {:.2} CPU s; ratio {:.2}",
        lines / kcat.seconds,
        kcat.cpu_seconds,
        lines / own.seconds,
        own.cpu_seconds,
        kcat.seconds / own.seconds
    );
    Ok(())
}

async fn produce(broker: &Arc<KafkaBroker>, topic: &str, path: &str) -> Result<Run> {
    let (begin, cpu) = (Instant::now(), cpu_seconds(Whose::Own)?);
    let mut producer = broker.producer(&ProducerSettings::default()).await?;
    let topic: Arc<str> = topic.into();
    let mut file = File::open(path)?;
    let mut pending: VecDeque<Delivery> = VecDeque::new();
    let mut rest = BytesMut::new();
    loop {
        let mut chunk = BytesMut::zeroed(CHUNK);
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        chunk.truncate(read);
        let batch = split(&mut rest, chunk, &topic);
        pending.push_back(producer.send(batch).await?);
        if pending.len() > BATCHES
            && let Some(oldest) = pending.pop_front()
        {
            check(oldest).await?;
        }
    }
    for delivery in pending {
        check(delivery).await?;
    }
    Ok(Run { seconds: begin.elapsed().as_secs_f64(), cpu_seconds: cpu_seconds(Whose::Own)? - cpu })
}

async fn check(delivery: Delivery) -> Result<()> {
    match delivery.await?.failed.pop() {
        Some((_, error)) => Err(error.into()),
        None => Ok(()),
    }
}

/// Records of the whole lines; what is left begins the next.
fn split(rest: &mut BytesMut, chunk: BytesMut, topic: &Arc<str>) -> Vec<ProducerRecord> {
    rest.extend_from_slice(&chunk);
    let whole = rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let text = rest.split_to(whole).freeze();
    let mut batch = Vec::with_capacity(whole / 80 + 1);
    let mut begin = 0;
    for (at, _) in text.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        batch.push(record(topic, text.slice(begin..at)));
        begin = at + 1;
    }
    batch
}

fn record(topic: &Arc<str>, value: Bytes) -> ProducerRecord {
    ProducerRecord {
        topic: Arc::clone(topic),
        partition: Some(0),
        key: None,
        value: Some(value),
        timestamp_ms: None,
        headers: Vec::new(),
    }
}

async fn consume(broker: &Arc<KafkaBroker>, topic: &str) -> Result<Run> {
    let (begin, cpu) = (Instant::now(), cpu_seconds(Whose::Own)?);
    let settings = ConsumerSettings {
        client: ClientSettings::default(),
        group_id: topic.to_owned(),
        subscription: Subscription::Topics(vec![topic.to_owned()]),
        offset_metadata: String::new(),
    };
    let mut consumer = broker.consumer(&settings).await?;
    let (mut records, mut bytes) = (0, 0);
    while records < LINES {
        match consumer.next().await {
            Some(ConsumerEvent::Records(parts)) => {
                for record in parts.iter().flat_map(|part| &part.records) {
                    records += 1;
                    bytes += record.value.as_ref().map_or(0, Bytes::len);
                }
            }
            Some(ConsumerEvent::Failed(error)) => return Err(error.into()),
            Some(_) => {}
            None => return Err("the consumer ended".into()),
        }
    }
    assert_eq!(bytes, LINES * 79, "every byte came back");
    Ok(Run { seconds: begin.elapsed().as_secs_f64(), cpu_seconds: cpu_seconds(Whose::Own)? - cpu })
}

fn read_with_kcat(servers: &str, topic: &str) -> Result<Run> {
    kcat(&["-C", "-b", servers, "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q"])
}

fn kcat(arguments: &[&str]) -> Result<Run> {
    let (begin, cpu) = (Instant::now(), cpu_seconds(Whose::Children)?);
    let status = Command::new("kcat").args(arguments).stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("kcat {} ended with {status}", arguments.join(" ")).into());
    }
    let cpu_seconds = cpu_seconds(Whose::Children)? - cpu;
    Ok(Run { seconds: begin.elapsed().as_secs_f64(), cpu_seconds })
}

/// Whose CPU time to read.
#[derive(Clone, Copy)]
enum Whose {
    Own,
    Children,
}

/// CPU time so far, from `/proc/self/stat`, whose unit is the hundredth of a second.
fn cpu_seconds(whose: Whose) -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no stat")?;
    let first = match whose {
        Whose::Own => 11,
        Whose::Children => 13,
    };
    let ticks = fields.split_whitespace().skip(first).take(2).map(str::parse::<u32>);
    let ticks: u32 = ticks.sum::<std::result::Result<u32, _>>()?;
    Ok(f64::from(ticks) / 100.0)
}
