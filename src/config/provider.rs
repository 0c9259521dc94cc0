//! `${provider:path:key}` references.
//!
//! Kafka Connect's three providers are built in: files of Java properties, directories with one
//! file per key, and the environment. A reference to an unknown provider or key is left as it is; a
//! file that cannot be read is an error, because what it hides must not be replaced by nothing.
//!
//! Source: KIP-297, KIP-421; apache/kafka `ConfigTransformer.java`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use connect_api::config::Props;
use regex::Regex;

use super::{ConfigError, Environment, Result, read_properties};

/// Source: `ConfigTransformer.DEFAULT_PATTERN`.
static REFERENCE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}").ok());

/// Whether a text holds what looks like a reference to a provider.
#[must_use]
pub fn has_reference(text: &str) -> bool {
    REFERENCE.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// Where Kafka's providers are; other classes of the same names are other classes.
const PACKAGE: &str = "org.apache.kafka.common.config.provider.";

/// Resolves references with the providers of one worker.
#[derive(Clone, Debug, Default)]
pub struct References {
    providers: BTreeMap<String, Provider>,
    environment: Environment,
}

#[derive(Clone, Debug)]
enum Provider {
    File { allowed: Vec<PathBuf> },
    Directory { allowed: Vec<PathBuf> },
    Environment { allowed: Option<Regex> },
}

impl References {
    /// The providers that a worker's properties name.
    ///
    /// # Errors
    /// When a provider has no class, an unknown one, or a pattern that does not compile.
    pub fn from_worker(worker: &Props, environment: Environment) -> Result<Self> {
        let names = worker.get("config.providers").unwrap_or_default();
        let named = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        let providers = named
            .map(|name| Ok((name.to_owned(), Provider::from_worker(name, worker)?)))
            .collect::<Result<_>>()?;
        Ok(Self { providers, environment })
    }

    /// Kafka Connect's three providers under their usual names, for use without a worker.
    #[must_use]
    pub fn usual(environment: Environment) -> Self {
        let providers = [
            ("file", Provider::File { allowed: Vec::new() }),
            ("dir", Provider::Directory { allowed: Vec::new() }),
            ("env", Provider::Environment { allowed: None }),
        ];
        let providers = providers.into_iter().map(|(name, provider)| (name.to_owned(), provider));
        Self { providers: providers.collect(), environment }
    }

    /// A copy with every reference replaced that can be.
    ///
    /// # Errors
    /// `Reference` when a file cannot be read that one names.
    pub fn resolve(&self, props: &Props) -> Result<Props> {
        props.iter().map(|(key, value)| Ok((key, self.resolve_value(value)?))).collect()
    }

    fn resolve_value(&self, value: &str) -> Result<String> {
        let Some(pattern) = REFERENCE.as_ref() else { return Ok(value.to_owned()) };
        let mut resolved = String::new();
        let mut rest = 0;
        for captures in pattern.captures_iter(value) {
            let part = |index| captures.get(index).map_or("", |found| found.as_str());
            let Some(whole) = captures.get(0) else { continue };
            let found = match self.providers.get(part(1)) {
                Some(provider) => provider.look_up(part(3), part(4), &self.environment)?,
                None => None,
            };
            resolved.push_str(value.get(rest..whole.start()).unwrap_or_default());
            resolved.push_str(found.as_deref().unwrap_or(whole.as_str()));
            rest = whole.end();
        }
        resolved.push_str(value.get(rest..).unwrap_or_default());
        Ok(resolved)
    }
}

impl Provider {
    fn from_worker(name: &str, worker: &Props) -> Result<Self> {
        let refuse = |reason: String| ConfigError::Provider { name: name.to_owned(), reason };
        let own = worker.with_prefix(&format!("config.providers.{name}."));
        let class = own
            .get("class")
            .ok_or_else(|| refuse(format!("\"config.providers.{name}.class\" is missing")))?;
        let allowed = || {
            let paths = own.get("param.allowed.paths").unwrap_or_default();
            paths.split(',').map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from)
        };
        match class.strip_prefix(PACKAGE).unwrap_or(class) {
            "FileConfigProvider" => Ok(Self::File { allowed: allowed().collect() }),
            "DirectoryConfigProvider" => Ok(Self::Directory { allowed: allowed().collect() }),
            "EnvVarConfigProvider" => {
                let pattern = own.get("param.allowlist.pattern").map(|pattern| {
                    Regex::new(&format!("^(?:{pattern})$"))
                        .map_err(|error| refuse(format!("allowlist.pattern: {error}")))
                });
                Ok(Self::Environment { allowed: pattern.transpose()? })
            }
            _ => Err(refuse(format!(
                "class \"{class}\" is not built in; there are FileConfigProvider, \
                 DirectoryConfigProvider and EnvVarConfigProvider of \
                 org.apache.kafka.common.config.provider"
            ))),
        }
    }

    fn look_up(&self, path: &str, key: &str, environment: &Environment) -> Result<Option<String>> {
        match self {
            Self::File { allowed } if !path.is_empty() && is_allowed(allowed, path) => {
                let properties = read_properties(Path::new(path))
                    .map_err(|error| unreadable("properties from file", path, error))?;
                Ok(properties.get(key).map(str::to_owned))
            }
            Self::Directory { allowed } if is_allowed(allowed, path) => {
                let is_plain_name = !key.contains(['/', '\\']) && key != "..";
                let file = Path::new(path).join(key);
                if !is_plain_name || !file.is_file() {
                    return Ok(None);
                }
                let text = fs::read_to_string(&file);
                text.map(Some)
                    .map_err(|error| unreadable("file", &file.display().to_string(), error))
            }
            Self::Environment { allowed }
                if path.is_empty()
                    && allowed.as_ref().is_none_or(|pattern| pattern.is_match(key)) =>
            {
                Ok(environment.get(key))
            }
            _ => Ok(None),
        }
    }
}

/// Source: apache/kafka `FileConfigProvider.get`, `DirectoryConfigProvider.read`.
fn unreadable(
    what: &str,
    path: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> ConfigError {
    ConfigError::Reference { what: format!("{what} {path}"), source: Box::new(error) }
}

/// Without `allowed.paths` every path is; with it only what lies below, links followed.
fn is_allowed(allowed: &[PathBuf], path: &str) -> bool {
    if allowed.is_empty() {
        return true;
    }
    let Ok(path) = fs::canonicalize(path) else { return false };
    allowed.iter().filter_map(|root| fs::canonicalize(root).ok()).any(|root| path.starts_with(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(directory: &Path) -> References {
        let worker = Props::from_iter([
            ("config.providers", "file, dir,env"),
            (
                "config.providers.file.class",
                "org.apache.kafka.common.config.provider.FileConfigProvider",
            ),
            ("config.providers.file.param.allowed.paths", &directory.display().to_string()),
            ("config.providers.dir.class", "DirectoryConfigProvider"),
            ("config.providers.env.class", "EnvVarConfigProvider"),
            ("config.providers.env.param.allowlist.pattern", "CARGO_.*"),
        ]);
        let environment = Environment::default().with("CARGO_OVERLAID", "over");
        References::from_worker(&worker, environment).unwrap()
    }

    #[test]
    fn every_provider_resolves_and_what_is_unknown_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display().to_string();
        fs::write(directory.path().join("s.properties"), "password=pw\n").unwrap();
        fs::write(directory.path().join("token"), "tk").unwrap();
        let resolve = |text: &str| references(directory.path()).resolve_value(text).unwrap();
        assert_eq!(resolve(&format!("a-${{file:{path}/s.properties:password}}-b")), "a-pw-b");
        assert_eq!(resolve(&format!("${{dir:{path}:token}}")), "tk");
        assert_eq!(resolve("${env:CARGO_PKG_NAME}"), "millrace");
        assert_eq!(resolve("${env:CARGO_OVERLAID}"), "over");
        for unresolved in [
            "${env:PATH}",
            "${vault:a:b}",
            "${file:/etc/passwd:root}",
            "${dir:/tmp:../etc/passwd}",
            "plain $ { text }",
        ] {
            assert_eq!(resolve(unresolved), unresolved);
        }
    }
    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_not_a_password() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("missing.properties");
        let props = Props::from([("password", format!("${{file:{}:key}}", path.display()))]);
        let error = References::usual(Environment::default()).resolve(&props).unwrap_err();
        let expected = format!("Could not read properties from file {}", path.display());
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_stranger_of_the_same_name_is_refused() {
        let worker = Props::from([
            ("config.providers", "vault"),
            ("config.providers.vault.class", "com.example.FileConfigProvider"),
        ]);
        let refused = References::from_worker(&worker, Environment::default()).unwrap_err();
        assert!(refused.to_string().contains("com.example.FileConfigProvider"), "{refused}");
    }
}
