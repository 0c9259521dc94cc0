//! Indices and data streams that have to be there, and their mappings.
//!
//! Source: confluentinc/kafka-connect-elasticsearch `ElasticsearchSinkTask.java`,
//! Aiven-Open/opensearch-connector-for-apache-kafka `OpenSearchTaskHandler.java`.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use connect_api::{
    error::{ConnectorError, ErrorClass, Result},
    record::SinkRecord,
    schema::Schema,
};
use serde_json::{Value as Json, json};

use crate::{
    client::{Answer, Cause, Client, Failure, Request},
    document::{Named, Target, mapping::mapping_of},
    settings::{Naming, Product, Rules},
};

/// Priority of index templates that are made here, as the original has it.
const TEMPLATE_PRIORITY: u32 = 200;

/// The targets of topics, each made sure of once.
#[derive(Debug)]
pub(crate) struct Targets {
    client: Arc<Client>,
    known: HashMap<Arc<str>, Arc<Target>>,
    /// The last one asked for, because records of a topic come together.
    last: Option<(Arc<str>, Arc<Target>)>,
    /// Names of what is there.
    ready: HashSet<Arc<str>>,
    /// Names of what has a mapping.
    mapped: HashSet<Arc<str>>,
}

impl Targets {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self {
            client,
            known: HashMap::new(),
            last: None,
            ready: HashSet::new(),
            mapped: HashSet::new(),
        }
    }

    /// Makes sure that everything is there that topics are mapped to by name.
    ///
    /// # Errors
    /// `NotFound` for what is not there.
    pub(crate) async fn check(&self, rules: &Rules) -> Result<()> {
        let Naming::Mapped { kind, topics } = &rules.naming else { return Ok(()) };
        for (topic, name) in topics {
            let answer = self.ask(&Request::head(format!("/{}", encoded(name)))).await?;
            if answer.status == 404 {
                let product = rules.product;
                let text = format!(
                    "The {kind} \"{name}\" that topic \"{topic}\" is mapped to is not in {product} \
                     at {}",
                    answer.node()
                );
                let error = ConnectorError::new(ErrorClass::NotFound, text);
                return Err(error.hint("Create it, or map the topic to another one"));
            }
        }
        Ok(())
    }

    /// Where a record goes, which is there when this returns.
    ///
    /// # Errors
    /// `Retriable` when the cluster is away; another class when it does not allow what is needed.
    pub(crate) async fn of(&mut self, rules: &Rules, record: &SinkRecord) -> Result<Arc<Target>> {
        if let Some((topic, target)) = &self.last
            && (Arc::ptr_eq(topic, &record.topic) || *topic == record.topic)
            && self.is_mapped(target, record)
        {
            return Ok(Arc::clone(target));
        }
        let target = match self.known.get(&record.topic) {
            Some(target) => Arc::clone(target),
            None => {
                let target = Arc::new(Target::new(rules, &record.topic)?);
                self.known.insert(Arc::clone(&record.topic), Arc::clone(&target));
                target
            }
        };
        self.make_sure(rules, &target, record).await?;
        self.last = Some((Arc::clone(&record.topic), Arc::clone(&target)));
        Ok(target)
    }

    /// Whether this very document is there, which a version conflict spoke of.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(crate) async fn has(&self, named: &Named, conflict: &Cause) -> Result<bool> {
        let Some(id) = &named.id else { return Ok(false) };
        // A data stream has no documents by their ids, the index that it consists of has.
        let index = conflict.index.as_deref().unwrap_or(&named.index);
        let mut path = format!("/{}/_doc/{}", encoded(index), encoded(id));
        if let Some(routing) = &named.routing {
            path = format!("{path}?routing={}", encoded(routing));
        }
        let answer = self.ask(&Request::get(path)).await?;
        let body: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(answer.is_success() && body.get("_source") == Some(&named.document))
    }

    /// Whether nothing has to be done for the record's schema.
    fn is_mapped(&self, target: &Target, record: &SinkRecord) -> bool {
        !target.follows_schemas()
            || record.value.value.is_null()
            || self.mapped.contains(&target.name)
    }

    async fn make_sure(
        &mut self,
        rules: &Rules,
        target: &Target,
        record: &SinkRecord,
    ) -> Result<()> {
        let schema = record.value.schema.as_deref();
        let mapping = schema.filter(|_| !self.is_mapped(target, record)).and_then(mapping_of);
        let is_external = matches!(rules.naming, Naming::Mapped { .. });
        if !is_external && !self.ready.contains(&target.name) {
            let is_new = self.create(rules, target, mapping.as_ref()).await?;
            self.ready.insert(Arc::clone(&target.name));
            if is_new && !rules.is_stream() && mapping.is_some() {
                self.mapped.insert(Arc::clone(&target.name));
            }
        }
        if self.is_mapped(target, record) {
            return Ok(());
        }
        let is_needed = rules.is_stream() && mapping.is_some() || !self.has_mapping(target).await?;
        if is_needed && mapping.is_none() {
            check_schema(schema, record)?;
        }
        if let Some(mapping) = mapping.filter(|_| is_needed) {
            let path = format!("/{}/_mapping", encoded(&target.name));
            let step = format!("create the mapping of \"{}\"", target.name);
            self.put(&Request::put(path, &mapping), &step).await?;
            tracing::info!(index = %target.name, "Created the mapping of {}", target.name);
        }
        self.mapped.insert(Arc::clone(&target.name));
        Ok(())
    }

    /// Creates an index or data stream unless it is there; whether it was not.
    async fn create(&self, rules: &Rules, target: &Target, mapping: Option<&Json>) -> Result<bool> {
        let name = encoded(&target.name);
        if self.ask(&Request::head(format!("/{name}"))).await?.is_success() {
            return Ok(false);
        }
        let what = if rules.is_stream() { "data stream" } else { "index" };
        let step = format!("create the {what} \"{}\"", target.name);
        let request = if rules.is_stream() {
            self.make_template(rules, target).await?;
            Request::put(format!("/_data_stream/{name}"), &Json::Null)
        } else {
            let body = mapping.map_or(Json::Null, |mapping| json!({"mappings": mapping}));
            Request::put(format!("/{name}"), &body)
        };
        let is_new = self.put(&request, &step).await?;
        if is_new {
            tracing::info!(index = %target.name, "Created the {what} {}", target.name);
        }
        Ok(is_new)
    }

    /// Makes the index template that a data stream of OpenSearch needs.
    async fn make_template(&self, rules: &Rules, target: &Target) -> Result<()> {
        let Naming::PrefixedStreams { template, time_field, .. } = &rules.naming else {
            return Ok(());
        };
        let own = format!("{}-connector-data-stream-template", target.name);
        let name = template.as_deref().unwrap_or(&own);
        let path = format!("/_index_template/{}", encoded(name));
        if template.is_some() && self.ask(&Request::head(path.clone())).await?.is_success() {
            return Ok(());
        }
        let body = json!({
            "index_patterns": [&*target.name],
            "priority": TEMPLATE_PRIORITY,
            "data_stream": {"timestamp_field": {"name": time_field}},
        });
        let step = format!("create the index template \"{name}\"");
        self.put(&Request::put(path, &body), &step).await.map(drop)
    }

    async fn has_mapping(&self, target: &Target) -> Result<bool> {
        let path = format!("/{}/_mapping", encoded(&target.name));
        let answer = self.ask(&Request::get(path)).await?;
        let body: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
        let indices = body.as_object().into_iter().flat_map(|indices| indices.values());
        let mut mappings = indices.filter_map(|index| index.get("mappings")?.as_object());
        Ok(mappings.any(|mapping| !mapping.is_empty()))
    }

    /// Asks for something to be there; `false` when it was there already.
    async fn put(&self, request: &Request, step: &str) -> Result<bool> {
        let answer = self.ask(request).await?;
        if answer.is_success() {
            return Ok(true);
        }
        match answer.refusal() {
            Failure::Refused { cause, .. } if cause.is("resource_already_exists_exception") => {
                Ok(false)
            }
            failure => Err(failure.into_error(step, self.client.product())),
        }
    }

    async fn ask(&self, request: &Request) -> Result<Answer> {
        let product: Product = self.client.product();
        self.client.ask(request).await.map_err(|failure| failure.into_error("answer", product))
    }
}

/// A record whose schema should become a mapping must have one; a value that is no object is left to
/// the server to refuse.
fn check_schema(schema: Option<&Schema>, record: &SinkRecord) -> Result<()> {
    if schema.is_some() {
        return Ok(());
    }
    let text =
        format!("Record {} of {} has no schema to make a mapping of", record.offset, record.origin);
    Err(ConnectorError::record(text).hint("Set schema.ignore=true to leave mappings to the server"))
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    use std::fmt::Write as _;
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _written = write!(path, "%{byte:02X}");
        }
    }
    path
}
