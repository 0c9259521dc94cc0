//! Hadoop's own configuration: `core-site.xml` and `hdfs-site.xml`, as far as they say where WebHDFS is.

use std::{collections::BTreeMap, fs, io, path::Path};

use connect_api::error::{ConnectorError, Result};

/// Port of WebHDFS since Hadoop 3.
pub(super) const HTTP_PORT: u16 = 9870;
/// Port of WebHDFS over TLS since Hadoop 3.
pub(super) const HTTPS_PORT: u16 = 9871;
/// Files that are read, the later ones winning.
const FILES: [&str; 2] = ["core-site.xml", "hdfs-site.xml"];

/// Properties of Hadoop's configuration.
#[derive(Debug, Default)]
pub(super) struct Site(BTreeMap<String, String>);

impl Site {
    /// Reads a folder; a file that is not there says nothing, as in Hadoop.
    ///
    /// # Errors
    /// `Invalid` when a file is there and cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut site = Self::default();
        if folder.as_os_str().is_empty() {
            return Ok(site);
        }
        let mut is_any = false;
        for name in FILES {
            let path = folder.join(name);
            match fs::read_to_string(&path) {
                Ok(text) => {
                    site.0.extend(properties(&text));
                    is_any = true;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let text = format!("Could not read \"{}\" of hadoop.conf.dir", path.display());
                    return Err(ConnectorError::invalid(text).caused_by(error));
                }
            }
        }
        if !is_any {
            tracing::warn!(
                "hadoop.conf.dir \"{}\" has neither core-site.xml nor hdfs-site.xml: WebHDFS is looked \
                 for on port {HTTP_PORT} of the name node",
                folder.display()
            );
        }
        Ok(site)
    }

    /// Addresses of WebHDFS of what an `hdfs://` address names; none when it names nothing.
    pub(super) fn name_nodes(&self, authority: &str) -> Vec<String> {
        let default = self.get("fs.defaultFS").or_else(|| self.get("fs.default.name"));
        let default = default.and_then(|url| url.strip_prefix("hdfs://"));
        let default = default.map(|rest| rest.split('/').next().unwrap_or(rest));
        let authority = if authority.is_empty() { default.unwrap_or("") } else { authority };
        let (scheme, key, port) = match self.get("dfs.http.policy") {
            Some("HTTPS_ONLY") => ("https", "dfs.namenode.https-address", HTTPS_PORT),
            _ => ("http", "dfs.namenode.http-address", HTTP_PORT),
        };
        let host = authority.split(':').next().unwrap_or(authority);
        let node = |suffix: &str| {
            let address = self.get(&format!("{key}{suffix}"))?;
            let (own, port) = address.rsplit_once(':').unwrap_or((address, ""));
            // A server listens on all of its addresses there, and is reached by its name.
            let own = if matches!(own, "" | "0.0.0.0") { host } else { own };
            Some(format!("{scheme}://{own}:{port}"))
        };
        let services = self.list("dfs.nameservices");
        if services.iter().any(|service| service == host) {
            let ids = self.list(&format!("dfs.ha.namenodes.{host}"));
            let of = |id: &String| node(&format!(".{host}.{id}"));
            let found: Vec<_> = ids.iter().filter_map(of).collect();
            return if found.is_empty() {
                node(&format!(".{host}")).into_iter().collect()
            } else {
                found
            };
        }
        if host.is_empty() {
            return Vec::new();
        }
        let own = node("").filter(|_| default.is_none_or(|default| default == authority));
        vec![own.unwrap_or_else(|| format!("{scheme}://{host}:{port}"))]
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn list(&self, name: &str) -> Vec<String> {
        let items = self.get(name).unwrap_or_default().split(',').map(str::trim);
        items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }
}

/// The properties of a file: what stands between tags, whatever else is around them.
fn properties(text: &str) -> Vec<(String, String)> {
    let mut rest = without_comments(text);
    let mut found = Vec::new();
    while let Some((_, after)) = rest.split_once("<property>") {
        let (inside, after) = after.split_once("</property>").unwrap_or((after, ""));
        let part = |tag: &str| {
            let (_, rest) = inside.split_once(&format!("<{tag}>"))?;
            let (text, _) = rest.split_once(&format!("</{tag}>"))?;
            Some(unescaped(text.trim()))
        };
        found.extend(part("name").zip(part("value")));
        rest = after.to_owned();
    }
    found
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(pairs: &[(&str, &str)]) -> Site {
        Site(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_name_service_is_all_of_its_name_nodes() {
        let ha = site(&[
            ("fs.defaultFS", "hdfs://lake"),
            ("dfs.nameservices", "lake, other"),
            ("dfs.ha.namenodes.lake", "nn1,nn2"),
            ("dfs.namenode.http-address.lake.nn1", "one:9870"),
            ("dfs.namenode.http-address.lake.nn2", "two:50070"),
        ]);
        assert_eq!(ha.name_nodes("lake"), ["http://one:9870", "http://two:50070"]);
        assert_eq!(ha.name_nodes(""), ["http://one:9870", "http://two:50070"]);
        assert_eq!(ha.name_nodes("else:8020"), ["http://else:9870"]);
    }

    #[test]
    fn a_single_name_node_is_where_its_configuration_says() {
        assert_eq!(site(&[]).name_nodes("nn:8020"), ["http://nn:9870"]);
        assert_eq!(site(&[]).name_nodes(""), Vec::<String>::new());
        let one = [("fs.defaultFS", "hdfs://nn:8020"), ("dfs.namenode.http-address", "0.0.0.0:7")];
        assert_eq!(site(&one).name_nodes("nn:8020"), ["http://nn:7"]);
        let policy = [("dfs.http.policy", "HTTPS_ONLY")];
        assert_eq!(site(&policy).name_nodes("nn:8020"), ["https://nn:9871"]);
    }

    #[test]
    fn files_are_read_through_comments_and_escapes() {
        let text =
            "<?xml version=\"1.0\"?><configuration><!-- <property><name>x</name></property> -->
            <property>\n <name> fs.defaultFS </name><value>hdfs://a&amp;b</value><final>true</final>
            </property><property><name>n</name></property></configuration>";
        assert_eq!(properties(text), [("fs.defaultFS".to_owned(), "hdfs://a&b".to_owned())]);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hdfs-site.xml"), text).unwrap();
        let site = Site::read(folder.path()).unwrap();
        assert_eq!(site.get("fs.defaultFS"), Some("hdfs://a&b"));
        assert!(Site::read(Path::new("/nowhere")).unwrap().0.is_empty());
    }
}
