//! Scatters records over as many open files as asked for, and says what memory that took.
//!
//! ```text
//! cargo run --release -p connect-s3 --example scatter -- 10000 1000000 134217728
//! ```
//!
//! The numbers are files, records and the bytes of `store.memory.bytes`. Objects go to a server in this
//! process that counts lines and keeps nothing, so that its memory is not the connector's.

use std::{
    error::Error,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use connect_api::{
    config::Props,
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    sink::SinkConnector as _,
    value::{Map, Value},
};
use connect_s3::S3Sink;
use connect_testkit::{ManualClock, sink_context};
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Records of one batch, as the worker brings them.
const BATCH_RECORDS: u64 = 500;

/// What arrived, and what it took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// Objects that were created.
    pub(crate) objects: u64,
    /// Lines in them.
    pub(crate) lines: u64,
    /// Offset that is safe at the end.
    pub(crate) committed: i64,
    /// Most resident memory of the process, before the first record and at the end.
    pub(crate) resident_bytes: (u64, u64),
}

#[derive(Debug, Default)]
struct Counts {
    objects: AtomicU64,
    lines: AtomicU64,
}

/// Scatters so many records over so many files.
pub(crate) async fn scatter(
    files: u64,
    records: u64,
    memory_bytes: u64,
) -> Result<Outcome, Box<dyn Error>> {
    let counts = Arc::new(Counts::default());
    let url = serve(Arc::clone(&counts)).await?;
    let folder = tempfile::tempdir()?;
    let (flush, memory) = (records.to_string(), memory_bytes.to_string());
    let props = Props::from([
        ("s3.bucket.name", "b"),
        ("store.url", url.as_str()),
        ("aws.access.key.id", "key"),
        ("aws.secret.access.key", "secret"),
        ("storage.class", "S3Storage"),
        ("format.class", "JsonFormat"),
        ("flush.size", flush.as_str()),
        ("partitioner.class", "FieldPartitioner"),
        ("partition.field.name", "device"),
        ("store.memory.bytes", memory.as_str()),
        ("store.spill.path", folder.path().to_str().ok_or("a folder without a name")?),
    ]);
    let mut context = sink_context(&ManualClock::at(0));
    context.budget = connect_api::budget::MemoryBudget::new(1 << 30);
    let mut task = S3Sink.start_task(&props, context.clone()).await?;
    let before = resident_bytes()?;
    let mut next = 0;
    while next < records {
        let end = (next + BATCH_RECORDS).min(records);
        let batch: Vec<_> = (next..end).map(|offset| record(offset, files)).collect();
        task.put(&batch).await?;
        let requests = context.requests.take();
        next = requests.seeks.values().next().map_or(end, |offset| offset.unsigned_abs());
        if !requests.pauses.is_empty() {
            task.put(&[]).await?;
        }
    }
    task.put(&[]).await?;
    let partition = TopicPartition::new("t", 0);
    let consumed = [(partition.clone(), i64::try_from(records)?)].into();
    let safe = task.pre_commit(&consumed).await?;
    Ok(Outcome {
        objects: counts.objects.load(Ordering::SeqCst),
        lines: counts.lines.load(Ordering::SeqCst),
        committed: safe.get(&partition).copied().unwrap_or_default(),
        resident_bytes: (before, resident_bytes()?),
    })
}

/// A record of some hundred bytes for one of the files, far from that of the record before.
fn record(offset: u64, files: u64) -> SinkRecord {
    let device = offset.wrapping_mul(7_919) % files;
    let entries = vec![
        ("device".into(), Value::string(format!("d{device:05}"))),
        ("offset".into(), Value::Int64(offset.cast_signed())),
        ("text".into(), "something that a device says about itself once in a while".into()),
    ];
    SinkRecord {
        topic: "t".into(),
        origin: TopicPartition::new("t", 0),
        offset: offset.cast_signed(),
        timestamp_ms: Some(0),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::NULL,
        value: SchemaAndValue::schemaless(Value::Map(Map::new(entries))),
        headers: Vec::new(),
    }
}

/// Most memory that the process has had at once.
fn resident_bytes() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?;
    Ok(kilobytes.parse::<u64>()? << 10)
}

#[expect(clippy::disallowed_methods, reason = "the server lives as long as the process")]
async fn serve(counts: Arc<Counts>) -> Result<String, Box<dyn Error>> {
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", socket.local_addr()?);
    drop(tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let counts = Arc::clone(&counts);
            let answer = service_fn(move |request| respond(Arc::clone(&counts), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer);
            drop(tokio::spawn(connection));
        }
    }));
    Ok(url)
}

async fn respond(
    counts: Arc<Counts>,
    request: Request<Incoming>,
) -> Result<Response<Empty<hyper::body::Bytes>>, hyper::Error> {
    let is_put = request.method() == hyper::Method::PUT;
    let body = request.into_body().collect().await?.to_bytes();
    if is_put {
        let lines = body.iter().filter(|&&byte| byte == b'\n').count();
        counts.lines.fetch_add(u64::try_from(lines).unwrap_or_default(), Ordering::SeqCst);
        counts.objects.fetch_add(1, Ordering::SeqCst);
    }
    Ok(Response::new(Empty::new()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
    let &[files, records, memory_bytes] = numbers.as_slice() else {
        return Err("usage: scatter FILES RECORDS MEMORY_BYTES".into());
    };
    let outcome = scatter(files, records, memory_bytes).await?;
    let Outcome { objects, lines, committed, resident_bytes: (before, most) } = outcome;
    writeln!(
        std::io::stdout(),
        "{lines} records in {objects} objects, committed up to {committed}; at most {} MB resident, {} MB \
         before the first record",
        most >> 20,
        before >> 20
    )?;
    Ok(())
}
