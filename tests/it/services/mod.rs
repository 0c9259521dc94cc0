//! The real services that integration tests run against.
//!
//! Each service is fetched and started the first time that a test asks for it, once per test run,
//! on free loopback ports, and is known to be ours before anybody sees it: every kind of server
//! repeats something that only this run told it, so a stranger on the same port does not pass.
//! It ends with the test process (see [`process`]). How each one is fetched and run is in the
//! scripts of `tests/services/`.
//!
//! A service that cannot be had is a skip with its reason, never a silent pass:
//!
//! ```ignore
//! let kafka = services::require!(kafka);
//! ```
//!
//! Where `CI` is `true`, a missing Kafka, S3 or PostgreSQL fails the test instead. A service that
//! was fetched but does not come up fails it everywhere.

pub(crate) mod browser;
pub(crate) mod clients;
pub(crate) mod connect;
pub(crate) mod disk;
pub(crate) mod hdfs;
pub(crate) mod identity;
pub(crate) mod kafka;
pub(crate) mod oracle;
pub(crate) mod postgres;
mod probe;
pub(crate) mod process;
pub(crate) mod registry;
pub(crate) mod s3;
pub(crate) mod s3proxy;
pub(crate) mod s3s;
pub(crate) mod search;

use std::fmt::{self, Display, Formatter};
use std::io::Write;
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

use self::browser::Browser;
use self::clients::Clients;
use self::connect::JvmWorker;
use self::disk::Disk;
use self::hdfs::{Hdfs, Shape};
use self::kafka::KafkaNode;
use self::oracle::Oracle;
use self::postgres::Postgres;
use self::registry::SchemaRegistry;
use self::s3::S3;
use self::s3proxy::S3Proxy;
use self::search::{SearchServer, System};
use crate::harness::Mode;

/// Where the scripts are.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services");

/// `fetch.sh` ends with this when the service cannot be had on this machine.
const CANNOT_BE_HAD: i32 = 3;

/// What must be there when `CI` is `true`: most of the promises are about these.
const NEEDED_IN_CI: [&str; 4] = ["kafka", "s3", "s3proxy", "postgres"];

/// A service of this test run, or why there is none.
pub(crate) type Service<T> = Result<&'static T, Missing>;

/// Why a service cannot be had: one line that names what to install.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    reason: String,
}

impl Display for Missing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Why a service is not running.
#[derive(Clone, Debug)]
enum Trouble {
    /// It cannot be had: the test is skipped.
    Missing(Missing),
    /// It was fetched and did not come up: the test fails.
    Broken(String),
}

/// What the first test that asked for a service has found.
type Slot<T> = OnceLock<Result<T, Trouble>>;

/// Returns the Kafka node that all tests share. Topics and groups need names of their own.
pub(crate) fn kafka() -> Service<KafkaNode> {
    static SLOT: Slot<KafkaNode> = OnceLock::new();
    shared("kafka", &SLOT, KafkaNode::start)
}

/// Starts a Kafka node for one test, which may stop, kill and restart it.
pub(crate) fn private_kafka() -> Result<KafkaNode, Missing> {
    obtain("kafka", KafkaNode::start).map_err(|trouble| settle("kafka", &trouble))
}

/// Returns the S3 server that all tests share. Buckets need names of their own.
pub(crate) fn s3() -> Service<S3> {
    static SLOT: Slot<S3> = OnceLock::new();
    shared("s3", &SLOT, || S3::start(false))
}

/// Starts an S3 server that speaks TLS for one test.
pub(crate) fn secure_s3() -> Result<S3, Missing> {
    obtain("s3", || S3::start(true)).map_err(|trouble| settle("s3", &trouble))
}

/// Returns the other S3 server that all tests share. Buckets need names of their own.
pub(crate) fn s3proxy() -> Service<S3Proxy> {
    static SLOT: Slot<S3Proxy> = OnceLock::new();
    shared("s3proxy", &SLOT, S3Proxy::start)
}

/// Returns the schema registry that all tests share. Subjects need names of their own.
pub(crate) fn registry() -> Service<SchemaRegistry> {
    static SLOT: Slot<SchemaRegistry> = OnceLock::new();
    shared("registry", &SLOT, SchemaRegistry::start)
}

/// Starts a schema registry for one test, which may stop and restart it.
pub(crate) fn private_registry() -> Result<SchemaRegistry, Missing> {
    obtain("registry", SchemaRegistry::start).map_err(|trouble| settle("registry", &trouble))
}

/// Starts an Elasticsearch or OpenSearch for one test, when no other test has one.
pub(crate) fn search(system: System) -> Result<SearchServer, Missing> {
    obtain(system.name(), || SearchServer::start(system, false))
        .map_err(|trouble| settle(system.name(), &trouble))
}

/// Starts an Elasticsearch that speaks TLS for one test, when no other test has a search server.
pub(crate) fn secure_elasticsearch() -> Result<SearchServer, Missing> {
    let name = System::Elasticsearch.name();
    obtain(name, || SearchServer::start(System::Elasticsearch, true))
        .map_err(|trouble| settle(name, &trouble))
}

/// Returns the HDFS that all tests share. Folders below `/open` need names of their own.
pub(crate) fn hdfs() -> Service<Hdfs> {
    static SLOT: Slot<Hdfs> = OnceLock::new();
    shared("hdfs", &SLOT, || Hdfs::start(Shape::SINGLE))
}

/// Starts an HDFS for one test, which may stop and restart it and its nodes.
pub(crate) fn private_hdfs(shape: Shape) -> Result<Hdfs, Missing> {
    obtain("hdfs", || Hdfs::start(shape)).map_err(|trouble| settle("hdfs", &trouble))
}

/// Returns the PostgreSQL server that all tests share. See [`Postgres::create_database`].
pub(crate) fn postgres() -> Service<Postgres> {
    static SLOT: Slot<Postgres> = OnceLock::new();
    shared("postgres", &SLOT, Postgres::start)
}

/// Returns the PostgreSQL server, whose databases may `create extension postgis`.
pub(crate) fn postgis() -> Service<Postgres> {
    obtain("postgis", || Ok(())).map_err(|trouble| settle("postgis", &trouble))?;
    postgres()
}

/// Mounts a small disk for one test.
pub(crate) fn disk() -> Result<Disk, Missing> {
    obtain("disk", Disk::start).map_err(|trouble| settle("disk", &trouble))
}

/// Returns the JVM's distributed worker that all tests share, on the shared Kafka node.
pub(crate) fn connect() -> Service<JvmWorker> {
    static SLOT: Slot<JvmWorker> = OnceLock::new();
    let kafka = kafka()?;
    shared("connect", &SLOT, || JvmWorker::start(kafka, Mode::Distributed, &[]))
}

/// Starts a JVM worker for one test, with properties of its own (`key=value`).
pub(crate) fn private_connect(mode: Mode, overrides: &[&str]) -> Result<JvmWorker, Missing> {
    let kafka = kafka()?;
    obtain("connect", || JvmWorker::start(kafka, mode, overrides))
        .map_err(|trouble| settle("connect", &trouble))
}

/// Makes sure that the clients that others have written are there; what is missing is said in one
/// sentence.
pub(crate) fn clients() -> Result<Clients, Missing> {
    obtain("clients", || Ok(Clients)).map_err(|trouble| settle("clients", &trouble))
}

/// Makes sure that there is a browser.
pub(crate) fn browser() -> Result<Browser, Missing> {
    obtain("browser", || Ok(Browser)).map_err(|trouble| settle("browser", &trouble))
}

/// Returns Kafka Connect's own transformations and converters.
pub(crate) fn oracle() -> Result<Oracle, Missing> {
    obtain("connect", || Ok(Oracle)).map_err(|trouble| settle("connect", &trouble))
}

/// Gives a running service, or prints `skipped: <reason>` and returns from the test.
///
/// The argument is the name of a function of this module, with its arguments if it has any; what
/// the test returns when it is skipped may follow: `require!(s3, Ok(()))`.
macro_rules! require {
    ($service:ident $(($($argument:expr),*))? $(, $otherwise:expr)?) => {
        match $crate::services::$service($($($argument),*)?) {
            Ok(service) => service,
            Err(missing) => {
                $crate::services::report_skip(&missing);
                return $($otherwise)?;
            }
        }
    };
}
pub(crate) use require;

/// Prints why the current test is skipped.
///
/// Written to the stream itself: what goes through `eprintln!` is shown for failed tests only.
pub(crate) fn report_skip(missing: &Missing) {
    let thread = thread::current();
    let line = format!("skipped: {missing} ({})\n", thread.name().unwrap_or("unnamed test"));
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Returns what the slot holds, and fills it first if this is the first call.
fn shared<T>(
    service: &str,
    slot: &'static Slot<T>,
    start: impl FnOnce() -> Result<T, String>,
) -> Service<T> {
    slot.get_or_init(|| obtain(service, start)).as_ref().map_err(|trouble| settle(service, trouble))
}

/// Fetches a service and starts it.
fn obtain<T>(service: &str, start: impl FnOnce() -> Result<T, String>) -> Result<T, Trouble> {
    fetch(service)?;
    start().map_err(Trouble::Broken)
}

/// Runs `fetch.sh`, which costs nothing when the service is already there.
fn fetch(service: &str) -> Result<(), Trouble> {
    let output = Command::new(format!("{SCRIPTS}/fetch.sh")).arg(service).output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.code() == Some(CANNOT_BE_HAD) {
        return Err(Trouble::Missing(Missing { reason: said }));
    }
    Err(Trouble::Broken(format!("Could not fetch {service}: {said}")))
}

/// Turns trouble into a skip, or into a failed test where a skip would hide something.
fn settle(service: &str, trouble: &Trouble) -> Missing {
    let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    match trouble {
        Trouble::Missing(missing) if is_ci && NEEDED_IN_CI.contains(&service) => {
            panic!("CI needs {service}: {missing}")
        }
        Trouble::Missing(missing) => missing.clone(),
        Trouble::Broken(reason) => panic!("{reason}"),
    }
}

#[test]
fn a_missing_prerequisite_is_a_skip_with_its_reason() {
    let missing = Missing { reason: "Java 17 or newer is missing".to_owned() };
    let skip = settle("connect", &Trouble::Missing(missing));
    assert_eq!(skip.to_string(), "Java 17 or newer is missing");
}

#[test]
#[should_panic(expected = "Could not start kafka")]
fn a_service_that_does_not_come_up_fails_the_test() {
    settle("kafka", &Trouble::Broken("Could not start kafka".to_owned()));
}
