//! Every configuration that is shipped loads and validates.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use millrace::{
    config::{Environment, Mode, References, WorkerConfig, read_connector_file, read_properties},
    herder, plugins,
};

/// What the shipped configurations refer to as `${env:…}`.
fn environment() -> Environment {
    [
        ("MILLRACE_LOGS", "logs"),
        ("MILLRACE_S3_URL", "http://localhost:9000"),
        ("MILLRACE_S3_BUCKET", "logs"),
        ("MILLRACE_AGGREGATES", "sqlite:aggregates.db"),
        ("MILLRACE_OPENSEARCH_URL", "http://localhost:9200"),
        ("MILLRACE_ELASTICSEARCH_URL", "http://localhost:9200"),
        ("MILLRACE_ELASTICSEARCH_USER", "elastic"),
        ("MILLRACE_ELASTICSEARCH_PASSWORD", "secret"),
        ("MILLRACE_HDFS_URL", "http://localhost:9870"),
        ("MILLRACE_GEOCODER_URL", "http://localhost:8090/address"),
        ("BILLING_TOKEN", "secret"),
        ("MILLRACE_POSTGRES_URL", "jdbc:postgresql://localhost:5432/geo"),
        ("PGUSER", "geo"),
        ("PGPASSWORD", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ]
    .into_iter()
    .fold(Environment::default(), |environment, (name, value)| environment.with(name, value))
}

/// Whether a file of properties is a worker's; the others are connectors'.
fn is_worker(file: &Path) -> bool {
    let name = file.file_name().unwrap().to_str().unwrap();
    name.starts_with("worker-") || name == "connect-standalone.properties"
}

fn files(extension: &str) -> Vec<PathBuf> {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let mut files: Vec<_> = [configs.clone(), configs.join("demo"), configs.join("stories")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

#[test]
fn every_shipped_connector_validates() {
    let mut files = files("json");
    files.extend(self::files("properties").into_iter().filter(|file| !is_worker(file)));
    assert!(files.len() >= 9, "{files:?}");
    let references = References::usual(environment());
    for file in files {
        let connector = read_connector_file(&file).unwrap();
        let config = references.resolve(&connector.config).unwrap();
        let report = herder::validate_offline(&plugins::classes(), &config).unwrap();
        let is_clean = report.problems.is_empty() && report.warnings.is_empty();
        assert!(is_clean, "{}: {report:#?}", file.display());
    }
}

#[test]
fn every_shipped_worker_loads() {
    let workers: Vec<_> = files("properties").into_iter().filter(|path| is_worker(path)).collect();
    assert!(workers.len() >= 4, "{workers:?}");
    for file in workers {
        let is_standalone = file.to_str().unwrap().ends_with("-standalone.properties");
        let mode = if is_standalone { Mode::Standalone } else { Mode::Distributed };
        WorkerConfig::load(&read_properties(&file).unwrap(), mode).unwrap();
    }
}

#[test]
fn the_readme_posts_every_story_and_nothing_that_is_not_shipped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let posted: BTreeSet<_> = readme
        .lines()
        .flat_map(|line| line.trim().split("; "))
        .filter_map(|command| command.strip_prefix("post "))
        .map(|name| root.join("configs").join(name).with_extension("json"))
        .collect();
    let strange: Vec<_> = posted.iter().filter(|file| !file.is_file()).collect();
    assert!(strange.is_empty(), "{strange:?}");
    let stories =
        files("json").into_iter().filter(|file| file.parent().unwrap().ends_with("stories"));
    let forgotten: Vec<_> = stories.filter(|file| !posted.contains(file)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}
