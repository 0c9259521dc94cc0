//! Names of indices and data streams, as the servers allow them.

use connect_api::error::{ConnectorError, ErrorClass, Result};

use crate::settings::{Naming, Product, Rules};

/// Longest name of an index.
const LONGEST_NAME: usize = 255;
/// Longest part of a data stream's name.
const LONGEST_PART: usize = 100;

impl Rules {
    /// Where the documents of a topic go.
    ///
    /// # Errors
    /// `Invalid` when names are given for topics and none for this one.
    pub(crate) fn target_name(&self, topic: &str) -> Result<String> {
        match &self.naming {
            Naming::Indices(product) => Ok(index_name(*product, topic)),
            Naming::Streams { head, namespace } => {
                let name = namespace.replace("${topic}", &topic.to_lowercase());
                Ok(format!("{head}-{}", cut(&name, LONGEST_PART)))
            }
            Naming::PrefixedStreams { prefix, .. } => {
                let name = index_name(Product::OpenSearch, topic);
                Ok(match prefix {
                    Some(prefix) => format!("{prefix}-{name}"),
                    None => name,
                })
            }
            Naming::Mapped { topics, .. } => topics.get(topic).cloned().ok_or_else(|| {
                let key = match self.product {
                    Product::Elasticsearch => "topic.to.external.resource.mapping",
                    Product::OpenSearch => "topic.to.existing.resource.mapping",
                };
                ConnectorError::new(
                    ErrorClass::Invalid,
                    format!("Topic \"{topic}\" is not mapped to anything"),
                )
                .hint(format!("Add it to {key}"))
            }),
        }
    }
}

/// The name of a topic's index.
fn index_name(product: Product, topic: &str) -> String {
    let lower = topic.to_lowercase();
    let mut name = cut(&lower, LONGEST_NAME).to_owned();
    let mut leading = vec!['-', '_'];
    if product == Product::OpenSearch {
        name = name.replace(':', "_");
        leading.push('+');
    }
    if let Some(rest) = name.strip_prefix(leading.as_slice()) {
        name = rest.to_owned();
    }
    match name.as_str() {
        "." => "dot".to_owned(),
        ".." => "dotdot".to_owned(),
        _ => name,
    }
}

/// The first characters of a text.
fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_become_names_that_the_servers_take() {
        let long = "x".repeat(300);
        for (topic, elasticsearch, opensearch) in [
            ("App.Logs-2024.03.05", "app.logs-2024.03.05", "app.logs-2024.03.05"),
            ("-a", "a", "a"),
            ("__a", "_a", "_a"),
            ("+a", "+a", "a"),
            (".", "dot", "dot"),
            ("..", "dotdot", "dotdot"),
            ("a:b", "a:b", "a_b"),
            (&*long, &"x".repeat(255), &"x".repeat(255)),
        ] {
            assert_eq!(index_name(Product::Elasticsearch, topic), elasticsearch);
            assert_eq!(index_name(Product::OpenSearch, topic), opensearch);
        }
    }
}
