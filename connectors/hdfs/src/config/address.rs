//! Addresses: what the user calls the file system, and where WebHDFS is then.

use std::path::Path;

use connect_api::error::{ConnectorError, Result};
use hyper::Uri;

use super::{
    cluster::ClusterKeys,
    site::{HTTP_PORT, HTTPS_PORT, Site},
};

/// What the user calls the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    kind: Kind,
    /// Path that stands before all others, without a slash at its end.
    pub(crate) base: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// WebHDFS itself.
    Web(String),
    /// A name service or a name node, which is asked for in Hadoop's configuration.
    Native(String),
}

impl Address {
    /// # Errors
    /// The reason, when it is none.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("hdfs", url));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let base = format!("/{path}").trim_end_matches('/').to_owned();
        if authority.contains('@') {
            return Err("Give the user in hdfs.user".to_owned());
        }
        let kind = match scheme {
            "hdfs" => Kind::Native(authority.to_owned()),
            _ => Kind::Web(web(&format!("{scheme}://{authority}"))?),
        };
        Ok(Self { kind, base })
    }
}

/// The path that stands before all others; none where the address is none.
pub(crate) fn base(keys: &ClusterKeys) -> String {
    let address = keys.url().and_then(|url| Address::parse(url).ok());
    address.map(|address| address.base).unwrap_or_default()
}

/// The addresses of WebHDFS, and the path that stands before all others.
///
/// # Errors
/// `Invalid` when there is none, or Hadoop's configuration cannot be read.
pub(crate) fn name_nodes(keys: &ClusterKeys) -> Result<(Vec<String>, String)> {
    let url = keys.url().unwrap_or_default();
    let told = |reason: String| {
        ConnectorError::invalid(format!("store.url \"{}\" is no address: {reason}", shown(url)))
    };
    let Address { kind, base } = Address::parse(url).map_err(told)?;
    if !keys.webhdfs.is_empty() {
        let nodes = keys.webhdfs.iter().map(|url| web(url).map_err(told));
        return Ok((nodes.collect::<Result<_>>()?, base));
    }
    let nodes = match kind {
        Kind::Web(node) => vec![node],
        Kind::Native(authority) => {
            let site = Site::read(Path::new(&keys.conf_dir))?;
            let nodes = site.name_nodes(&authority);
            if nodes.is_empty() {
                return Err(told("it names no host".to_owned())
                    .hint("Write hdfs://namenode:8020, or set webhdfs.url"));
            }
            nodes
        }
    };
    Ok((nodes, base))
}

/// The address of one WebHDFS: `http` or `https`, a host and a port.
///
/// # Errors
/// The reason, when it is none.
pub(crate) fn web(url: &str) -> Result<String, String> {
    let reason = || "Must be an address such as hdfs://namenode:8020 or http://namenode:9870";
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (scheme, port) = match scheme {
        "http" | "webhdfs" => ("http", HTTP_PORT),
        "https" | "swebhdfs" => ("https", HTTPS_PORT),
        _ => return Err(reason().to_owned()),
    };
    if rest.contains('@') {
        return Err("Give the user in hdfs.user".to_owned());
    }
    let rest = rest.trim_end_matches('/');
    let uri: Uri = format!("{scheme}://{rest}").parse().map_err(|_| reason().to_owned())?;
    let is_bare = uri.query().is_none() && uri.path().trim_end_matches('/').is_empty();
    match uri.host() {
        Some(host) if !host.is_empty() && is_bare => {
            let port = uri.port_u16().unwrap_or(port);
            Ok(format!("{scheme}://{host}:{port}"))
        }
        _ => Err(reason().to_owned()),
    }
}

/// An address without what may be a password.
pub(crate) fn shown(url: &str) -> &str {
    if url.contains('@') { "[hidden]" } else { url }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses_get_the_ports_that_are_usual() {
        for (url, expected) in [
            ("http://nn:1", Some("http://nn:1")),
            ("http://nn/", Some("http://nn:9870")),
            ("webhdfs://nn", Some("http://nn:9870")),
            ("swebhdfs://nn", Some("https://nn:9871")),
            ("https://nn:50470", Some("https://nn:50470")),
            ("nn:50070", Some("http://nn:50070")),
            ("http://[::1]:9870", Some("http://[::1]:9870")),
            ("ftp://nn", None),
            ("http://u:p@nn", None),
            ("http://nn/path", None),
            ("http://", None),
            ("", None),
        ] {
            assert_eq!(web(url).ok().as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn the_path_of_an_address_stands_before_all_others() {
        let base = |url| Address::parse(url).unwrap().base;
        assert_eq!(base("hdfs://nn:8020"), "");
        assert_eq!(base("hdfs://nn:8020/"), "");
        assert_eq!(base("hdfs://nn:8020/user/x/"), "/user/x");
        assert_eq!(base("webhdfs://nn/a"), "/a");
        assert!(Address::parse("s3a://bucket").is_err());
    }
}
