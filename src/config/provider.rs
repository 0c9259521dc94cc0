//! `${provider:path:key}` references.
//!
//! Kafka Connect's three providers are built in: files of Java properties, directories with one
//! file per key, and the environment. A reference to an unknown provider or key is left as it is.
//!
//! Source: KIP-297, KIP-421; apache/kafka `ConfigTransformer.java`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use connect_api::config::Props;
use regex::{Captures, Regex};

use super::{ConfigError, Environment, Result, read_properties};

/// Source: `ConfigTransformer.DEFAULT_PATTERN`.
static REFERENCE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}").ok());

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
    #[must_use]
    pub fn resolve(&self, props: &Props) -> Props {
        props.iter().map(|(key, value)| (key, self.resolve_value(value))).collect()
    }

    fn resolve_value(&self, value: &str) -> String {
        let Some(pattern) = REFERENCE.as_ref() else { return value.to_owned() };
        let replace = |captures: &Captures<'_>| {
            let part = |index| captures.get(index).map_or("", |found| found.as_str());
            let provider = self.providers.get(part(1));
            provider
                .and_then(|provider| provider.look_up(part(3), part(4), &self.environment))
                .unwrap_or_else(|| part(0).to_owned())
        };
        pattern.replace_all(value, replace).into_owned()
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
        match class.rsplit('.').next().unwrap_or(class) {
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

    fn look_up(&self, path: &str, key: &str, environment: &Environment) -> Option<String> {
        match self {
            Self::File { allowed } if is_allowed(allowed, path) => {
                read_properties(Path::new(path)).ok()?.get(key).map(str::to_owned)
            }
            Self::Directory { allowed } if is_allowed(allowed, path) => {
                let is_plain_name = !key.contains(['/', '\\']) && key != "..";
                let file = Path::new(path).join(key);
                is_plain_name.then(|| fs::read_to_string(file).ok()).flatten()
            }
            Self::Environment { allowed }
                if path.is_empty()
                    && allowed.as_ref().is_none_or(|pattern| pattern.is_match(key)) =>
            {
                environment.get(key)
            }
            _ => None,
        }
    }
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
        let resolve = |text: &str| references(directory.path()).resolve_value(text);
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
}
