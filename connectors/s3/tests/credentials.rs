//! Who a task is to the bucket: each way in which credentials come, with everything that hands some out
//! played by one server here.
//!
//! Most ways begin in the environment, which is a process's own: each has a process that runs the first
//! test below with the environment of its case.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "a world of its own: its server, its processes, its environment and its time"
)]

use std::{
    env,
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use connect_api::{
    config::Props,
    record::{SchemaAndValue, SinkRecord, TimestampType, TopicPartition},
    sink::SinkConnector as _,
    value::Value,
};
use connect_s3::S3Sink;
use connect_testkit::{ManualClock, sink_context};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, header::HeaderMap, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Settings of the connector in a process of a case, as lines.
const SETTINGS: &str = "CREDENTIALS_TEST_SETTINGS";
const CHILD: &str = "a_task_writes_with_the_credentials_there_are";
const DATE: &str = "%Y-%m-%dT%H:%M:%SZ";
const ROLE: &str = "arn:aws:iam::123456789012:role/lake";
const ASSUME: &str = "io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider";

/// One request to the bucket: its access key and its session token.
type Signed = (String, Option<String>);

/// Everything a task may ask: the bucket, the token service, and metadata of machines and containers.
#[derive(Debug, Default)]
struct World {
    /// Objects that were written, and by whom.
    written: Mutex<Vec<Signed>>,
    /// What the token service was asked, and by whom.
    asked: Mutex<Vec<(String, String)>>,
    /// How long what it hands out lasts.
    lasts: Duration,
}

impl World {
    async fn serve(self: &Arc<Self>) -> String {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let world = Arc::clone(self);
        drop(tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let world = Arc::clone(&world);
                let answer = service_fn(move |request| respond(Arc::clone(&world), request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer);
                drop(tokio::spawn(connection));
            }
        }));
        url
    }

    /// Credentials in the form of metadata services.
    fn document(&self, key: &str) -> String {
        format!(
            r#"{{"Code":"Success","Type":"AWS-HMAC","LastUpdated":"2026-01-01T00:00:00Z","AccessKeyId":"{key}","SecretAccessKey":"secret","Token":"{key}-token","Expiration":"{}"}}"#,
            self.expiration()
        )
    }

    fn expiration(&self) -> String {
        let at = SystemTime::now() + self.lasts;
        chrono::DateTime::<chrono::Utc>::from(at).format(DATE).to_string()
    }

    fn assume(&self, headers: &HeaderMap, body: String) -> String {
        let action = if body.contains("Action=AssumeRoleWithWebIdentity") {
            "AssumeRoleWithWebIdentity"
        } else {
            "AssumeRole"
        };
        let mut asked = self.asked.lock().unwrap();
        asked.push((signer(headers).0, body));
        let count = asked.len();
        format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
             <Credentials><AccessKeyId>ROLE{count}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
             <SessionToken>ROLE{count}-token</SessionToken><Expiration>{}</Expiration></Credentials>\
             <AssumedRoleUser><Arn>{ROLE}</Arn><AssumedRoleId>id:session</AssumedRoleId></AssumedRoleUser>\
             </{action}Result></{action}Response>",
            self.expiration()
        )
    }
}

fn signer(headers: &HeaderMap) -> Signed {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let authorization = text("authorization").unwrap_or_default();
    let key = authorization.split_once("Credential=").map_or("", |(_, rest)| rest);
    let key = key.split_once('/').map_or("", |(key, _)| key);
    (key.to_owned(), text("x-amz-security-token"))
}

async fn respond(
    world: Arc<World>,
    request: Request<Incoming>,
) -> Result<Response<Full<hyper::body::Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
    let token = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    let (status, answer) = match (head.method.as_str(), head.uri.path()) {
        ("PUT", "/latest/api/token") => (200, "imds-token".to_owned()),
        ("GET", "/latest/meta-data/iam/security-credentials/") => (200, "machine".to_owned()),
        ("GET", "/latest/meta-data/iam/security-credentials/machine") => {
            (200, world.document("MACHINE"))
        }
        ("GET", "/container") if token == Some("container-token") => {
            (200, world.document("CONTAINER"))
        }
        ("POST", "/") => (200, world.assume(&head.headers, body)),
        ("PUT", path) if path.starts_with("/bucket/") => {
            world.written.lock().unwrap().push(signer(&head.headers));
            (200, String::new())
        }
        ("HEAD", "/bucket" | "/bucket/") => (200, String::new()),
        _ => (404, String::new()),
    };
    let builder = Response::builder().status(status);
    let builder = builder.header("x-aws-ec2-metadata-token-ttl-seconds", "600");
    Ok(builder.body(Full::from(answer)).unwrap())
}

fn number(offset: i64) -> SinkRecord {
    SinkRecord {
        topic: "t".into(),
        origin: TopicPartition::new("t", 0),
        offset,
        timestamp_ms: Some(0),
        timestamp_type: TimestampType::CreateTime,
        key: SchemaAndValue::NULL,
        value: SchemaAndValue::schemaless(Value::Int64(offset)),
        headers: Vec::new(),
    }
}

/// Writes two objects. Alone it is the case of keys that stand in the configuration; otherwise the process
/// of another case.
#[tokio::test]
async fn a_task_writes_with_the_credentials_there_are() {
    let world = Arc::new(World::default());
    let settings = match env::var(SETTINGS) {
        Ok(settings) => settings,
        Err(_) => format!(
            "store.url={}\naws.access.key.id=FIXED\naws.secret.access.key=secret",
            world.serve().await
        ),
    };
    let mut props = Props::from([
        ("s3.bucket.name", "bucket"),
        ("storage.class", "S3Storage"),
        ("format.class", "JsonFormat"),
        ("flush.size", "1"),
        ("s3.part.retries", "0"),
    ]);
    props.extend(settings.lines().filter_map(|line| line.split_once('=')));
    let context = sink_context(&ManualClock::at(0));
    let mut task = S3Sink.start_task(&props, context.clone()).await.unwrap();
    for offset in 0..2 {
        task.put(&[number(offset)]).await.unwrap();
    }
    assert_eq!(context.requests.take().seeks.len(), 0, "a record could not be written");
    if env::var(SETTINGS).is_err() {
        let fixed = ("FIXED".to_owned(), None);
        assert_eq!(*world.written.lock().unwrap(), [fixed.clone(), fixed]);
    }
}

/// One way to credentials.
#[derive(Default)]
struct Case<'a> {
    settings: &'a [(&'a str, &'a str)],
    environment: &'a [(&'a str, &'a str)],
    lasts_s: u64,
}

impl Case<'_> {
    /// Runs it in a process of its own; `URL` and `FOLDER` in the texts are those of the world.
    async fn run(self, folder: &std::path::Path) -> Arc<World> {
        let lasts = Duration::from_secs(self.lasts_s);
        let world = Arc::new(World { lasts, ..World::default() });
        let url = world.serve().await;
        let fill =
            |text: &str| text.replace("URL", &url).replace("FOLDER", folder.to_str().unwrap());
        let base = [("store.url", "URL")];
        let lines = base.iter().chain(self.settings).map(|(key, value)| format!("{key}={value}\n"));
        let mut command = Command::new(env::current_exe().unwrap());
        command.args([CHILD, "--exact", "--nocapture"]).env_clear();
        command.env(SETTINGS, fill(&lines.collect::<String>()));
        // Nothing but what the case gives, least of all what this machine has.
        command.env("AWS_CONFIG_FILE", "/nowhere").env("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
        command.env("AWS_ENDPOINT_URL_STS", &url).env("AWS_EC2_METADATA_DISABLED", "true");
        command.envs(self.environment.iter().map(|(key, value)| (*key, fill(value))));
        let run = tokio::task::spawn_blocking(move || command.output());
        let Output { status, stdout, stderr } = run.await.unwrap().unwrap();
        let told = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(status.success(), "{}", told.concat());
        world
    }
}

/// Runs a case, and expects that it writes as somebody.
async fn writes_as(case: Case<'_>, key: &str, token: Option<&str>) -> Arc<World> {
    let folder = tempfile::tempdir().unwrap();
    let profiles = "[default]\naws_access_key_id = DEFAULT\naws_secret_access_key = secret\n\
                    [lake]\naws_access_key_id = LAKE\naws_secret_access_key = secret\n";
    std::fs::write(folder.path().join("credentials"), profiles).unwrap();
    std::fs::write(folder.path().join("token"), "a-web-identity").unwrap();
    let world = case.run(folder.path()).await;
    let who = (key.to_owned(), token.map(str::to_owned));
    assert_eq!(*world.written.lock().unwrap(), [who.clone(), who]);
    world
}

const PROVIDER: &str = "s3.credentials.provider.class";
const ENVIRONMENT: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "ENVIRONMENT"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_SESSION_TOKEN", "session"),
];
const PROFILE: (&str, &str) = ("AWS_SHARED_CREDENTIALS_FILE", "FOLDER/credentials");
const CONTAINER: [(&str, &str); 2] = [
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "URL/container"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token"),
];
const WEB_IDENTITY: [(&str, &str); 3] = [
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "FOLDER/token"),
    ("AWS_ROLE_ARN", ROLE),
    ("AWS_ROLE_SESSION_NAME", "millrace"),
];
const MACHINE: [(&str, &str); 2] =
    [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "URL")];

#[tokio::test]
async fn the_environment_has_keys() {
    for settings in [
        [].as_slice(),
        &[(PROVIDER, "com.amazonaws.auth.EnvironmentVariableCredentialsProvider")],
        // A provider that is named counts more than keys beside it.
        &[
            (PROVIDER, "EnvironmentVariableCredentialsProvider"),
            ("aws.access.key.id", "FIXED"),
            ("aws.secret.access.key", "secret"),
        ],
    ] {
        let case = Case { settings, environment: &ENVIRONMENT, ..Case::default() };
        writes_as(case, "ENVIRONMENT", Some("session")).await;
    }
}

#[tokio::test]
async fn a_profile_has_keys() {
    let named = [(PROVIDER, "com.amazonaws.auth.profile.ProfileCredentialsProvider")];
    for (settings, environment, key) in [
        ([].as_slice(), vec![PROFILE], "DEFAULT"),
        (&named, vec![PROFILE], "DEFAULT"),
        (&named, vec![PROFILE, ("AWS_PROFILE", "lake")], "LAKE"),
    ] {
        let case = Case { settings, environment: &environment, ..Case::default() };
        writes_as(case, key, None).await;
    }
}

#[tokio::test]
async fn a_token_file_is_exchanged_for_a_role() {
    let named = [(PROVIDER, "com.amazonaws.auth.WebIdentityTokenCredentialsProvider")];
    for settings in [[].as_slice(), &named] {
        let case = Case { settings, environment: &WEB_IDENTITY, lasts_s: 3600 };
        let world = writes_as(case, "ROLE1", Some("ROLE1-token")).await;
        let asked = world.asked.lock().unwrap();
        let (key, body) = asked.first().unwrap();
        assert_eq!(key, "", "nobody has to sign it");
        assert!(body.contains("WebIdentityToken=a-web-identity"), "{body}");
    }
}

#[tokio::test]
async fn the_metadata_of_a_container_have_keys() {
    let named = [(PROVIDER, "com.amazonaws.auth.EC2ContainerCredentialsProviderWrapper")];
    for settings in [[].as_slice(), &named] {
        let case = Case { settings, environment: &CONTAINER, lasts_s: 3600 };
        writes_as(case, "CONTAINER", Some("CONTAINER-token")).await;
    }
}

#[tokio::test]
async fn the_metadata_of_a_machine_have_keys() {
    let named = [(PROVIDER, "com.amazonaws.auth.InstanceProfileCredentialsProvider")];
    for settings in [[].as_slice(), &named] {
        let case = Case { settings, environment: &MACHINE, lasts_s: 3600 };
        writes_as(case, "MACHINE", Some("MACHINE-token")).await;
    }
}

const ROLE_KEYS: [(&str, &str); 4] = [
    (PROVIDER, ASSUME),
    ("s3.credentials.provider.sts.role.arn", ROLE),
    ("s3.credentials.provider.sts.role.session.name", "millrace"),
    ("s3.credentials.provider.sts.role.external.id", "an-external-id"),
];

#[tokio::test]
async fn a_role_is_assumed_by_whoever_the_task_is_without_it() {
    let fixed = [("aws.access.key.id", "FIXED"), ("aws.secret.access.key", "secret")];
    let own = [
        ("s3.credentials.provider.sts.aws.access.key.id", "OWN"),
        ("s3.credentials.provider.sts.aws.secret.key.id", "secret"),
    ];
    for (more, environment, key) in [
        (fixed.to_vec(), [].as_slice(), "FIXED"),
        ([fixed, own].concat(), &[], "OWN"),
        (vec![], &[PROFILE], "DEFAULT"),
    ] {
        let settings = [ROLE_KEYS.as_slice(), &more].concat();
        let case = Case { settings: &settings, environment, lasts_s: 3600 };
        let world = writes_as(case, "ROLE1", Some("ROLE1-token")).await;
        let asked = world.asked.lock().unwrap();
        let [(by, body)] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!(by, key);
        assert!(body.contains("ExternalId=an-external-id"), "{body}");
        assert!(body.contains("RoleSessionName=millrace"), "{body}");
    }
}

#[tokio::test]
async fn a_role_that_ends_is_assumed_again() {
    let fixed = [("aws.access.key.id", "FIXED"), ("aws.secret.access.key", "secret")];
    let settings = [ROLE_KEYS.as_slice(), &fixed].concat();
    let folder = tempfile::tempdir().unwrap();
    let world = Case { settings: &settings, environment: &[], lasts_s: 1 }.run(folder.path()).await;
    let written = world.written.lock().unwrap();
    let [(first, _), (second, _)] = written.as_slice() else { panic!("{written:?}") };
    assert!(first.starts_with("ROLE") && second.starts_with("ROLE"), "{written:?}");
    assert_ne!(first, second);
}
