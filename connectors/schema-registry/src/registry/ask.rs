//! The questions as requests.
//!
//! Source: the REST interface of confluentinc/schema-registry.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::{Found, Reference, Registered, Registry, SchemaText, SchemaType, WriteMode, Writing};
use crate::failure::{FailureKind, RegistryFailure};

/// Steps from a schema to one it names.
const MOST_STEPS: usize = 64;

/// Schemas that one schema may name, over every step.
const MOST_NAMED: usize = 1000;

impl Registry {
    const fn role(&self) -> &'static str {
        if self.is_key { "key" } else { "value" }
    }

    pub(super) async fn fetch(&self, id: u32) -> Found<Registered> {
        let found = async {
            let answer = self.client.get(&format!("/schemas/ids/{id}")).await?;
            self.registered(id, &answer).await
        };
        let (title, role) = (self.kind.title(), self.role());
        found.await.map_err(|failure| {
            failure.at(format!("Error retrieving {title} {role} schema for id {id}"))
        })
    }

    /// The version of a schema within a subject. Data may come from another subject, such as that
    /// of a topic with another name: there is none then, which is no failure here.
    pub(super) async fn fetch_version(
        &self,
        subject: &str,
        schema: &SchemaText,
    ) -> Found<Option<i32>> {
        let path = format!("/subjects/{}", encoded(subject));
        match self.client.post(&path, &body(schema)).await {
            Ok(answer) => Ok(number(&answer, "version")),
            Err(failure) if failure.kind() == FailureKind::Rejected => Ok(None),
            Err(failure) => {
                let (title, role) = (self.kind.title(), self.role());
                Err(failure.at(format!("Error retrieving {title} {role} schema version")))
            }
        }
    }

    pub(super) async fn fetch_writing(&self, subject: &str, schema: &SchemaText) -> Found<Writing> {
        let title = self.kind.title();
        let (found, step) = match self.mode {
            WriteMode::Register => {
                let path = format!("/subjects/{}/versions{}", encoded(subject), self.normalize());
                (self.id_by(&path, schema).await, format!("Error registering {title} schema"))
            }
            WriteMode::Find => {
                let path = format!("/subjects/{}{}", encoded(subject), self.normalize());
                (self.id_by(&path, schema).await, format!("Error retrieving {title} schema"))
            }
            WriteMode::Fixed(id) => {
                (self.fetch_fixed(id).await, "Error retrieving schema ID".to_owned())
            }
            WriteMode::Latest => (
                self.fetch_latest(subject).await,
                format!("Error retrieving latest version of {title} schema"),
            ),
        };
        found.map_err(|failure| failure.at(format!("{step}{}", schema.text)))
    }

    const fn normalize(&self) -> &'static str {
        if self.normalizes { "?normalize=true" } else { "" }
    }

    async fn id_by(&self, path: &str, schema: &SchemaText) -> Found<Writing> {
        let answer = self.client.post(path, &body(schema)).await?;
        Ok(Writing { id: id(&answer)?, schema: None, fresh_until: None, is_used: false })
    }

    async fn fetch_fixed(&self, id: u32) -> Found<Writing> {
        let registered = self.fetch(id).await?;
        Ok(Writing { id, schema: Some(Arc::new(registered)), fresh_until: None, is_used: false })
    }

    async fn fetch_latest(&self, subject: &str) -> Found<Writing> {
        let path = format!("/subjects/{}/versions/latest", encoded(subject));
        let answer = self.client.get(&path).await?;
        let id = id(&answer)?;
        let registered = self.registered(id, &answer).await?;
        let fresh_until = self.latest_ttl.and_then(|ttl| Instant::now().checked_add(ttl));
        Ok(Writing { id, schema: Some(Arc::new(registered)), fresh_until, is_used: false })
    }

    async fn registered(&self, id: u32, answer: &Json) -> Found<Registered> {
        let schema = schema_text(answer)?;
        if schema.kind != self.kind {
            return Err(RegistryFailure::rejected(format!(
                "Schema {id} is of the type {}, and this converter reads {}",
                schema.kind.word(),
                self.kind.word()
            )));
        }
        let named = self.named(&schema.references).await?;
        Ok(Registered { id, schema, named })
    }

    /// Everything that is named, over every step, those first that name nothing more.
    async fn named(&self, references: &[Reference]) -> Found<Vec<(String, Arc<str>)>> {
        let mut named = Vec::new();
        let mut seen = HashSet::new();
        // What is still to be visited; with a text, what is to be listed once those it names are.
        let mut rest: Vec<Step> = vec![];
        push(&mut rest, references, 0);
        let mut open: Vec<Reference> = Vec::new();
        while let Some(step) = rest.pop() {
            match step {
                Step::List(reference, text) => {
                    open.pop();
                    named.push((reference.name, text));
                }
                Step::Visit(reference, depth) => {
                    let is_same = |other: &Reference| {
                        (&other.subject, other.version) == (&reference.subject, reference.version)
                    };
                    if open.iter().any(is_same) {
                        return Err(RegistryFailure::rejected(format!(
                            "The references of schema {} version {} lead back to it",
                            reference.subject, reference.version
                        )));
                    }
                    if depth >= MOST_STEPS || seen.len() >= MOST_NAMED {
                        return Err(RegistryFailure::rejected(format!(
                            "The references are more than {MOST_STEPS} steps deep or more than \
                             {MOST_NAMED}"
                        )));
                    }
                    if !seen.insert(reference.clone()) {
                        continue;
                    }
                    let schema = self.fetch_reference(&reference).await?;
                    open.push(reference.clone());
                    rest.push(Step::List(reference, Arc::clone(&schema.text)));
                    push(&mut rest, &schema.references, depth + 1);
                }
            }
        }
        Ok(named)
    }

    async fn fetch_reference(&self, reference: &Reference) -> Found<SchemaText> {
        let Reference { subject, version, .. } = reference;
        let path = format!("/subjects/{}/versions/{version}", encoded(subject));
        schema_text(&self.client.get(&path).await?)
    }
}

enum Step {
    Visit(Reference, usize),
    List(Reference, Arc<str>),
}

/// The first comes off the end first.
fn push(rest: &mut Vec<Step>, references: &[Reference], depth: usize) {
    rest.extend(references.iter().rev().map(|one| Step::Visit(one.clone(), depth)));
}

fn body(schema: &SchemaText) -> Json {
    let mut body = json!({ "schema": &*schema.text });
    if let Some(members) = body.as_object_mut() {
        if schema.kind != SchemaType::Avro {
            members.insert("schemaType".to_owned(), schema.kind.word().into());
        }
        if !schema.references.is_empty() {
            let reference = |one: &Reference| json!({ "name": one.name, "subject": one.subject, "version": one.version });
            let references = schema.references.iter().map(reference).collect();
            members.insert("references".to_owned(), Json::Array(references));
        }
    }
    body
}

fn schema_text(answer: &Json) -> Found<SchemaText> {
    let text = answer.get("schema").and_then(Json::as_str);
    let text =
        text.ok_or_else(|| RegistryFailure::rejected("The answer holds no schema".to_owned()))?;
    let word = answer.get("schemaType").and_then(Json::as_str).unwrap_or("AVRO");
    let known = [SchemaType::Avro, SchemaType::Protobuf, SchemaType::Json];
    let kind = known.into_iter().find(|kind| kind.word() == word);
    let kind = kind.ok_or_else(|| {
        RegistryFailure::rejected(format!("Schemas of the type {word} are not known"))
    })?;
    let references = answer.get("references").and_then(Json::as_array);
    let references = references.map(Vec::as_slice).unwrap_or_default();
    let references = references.iter().map(reference).collect::<Option<Vec<_>>>();
    let references = references.ok_or_else(|| {
        RegistryFailure::rejected("The references of the schema cannot be read".to_owned())
    })?;
    Ok(SchemaText { kind, text: text.into(), references: references.into() })
}

fn reference(json: &Json) -> Option<Reference> {
    Some(Reference {
        name: json.get("name")?.as_str()?.to_owned(),
        subject: json.get("subject")?.as_str()?.to_owned(),
        version: number(json, "version")?,
    })
}

fn id(answer: &Json) -> Found<u32> {
    let id = answer.get("id").and_then(Json::as_u64).and_then(|id| u32::try_from(id).ok());
    id.ok_or_else(|| RegistryFailure::rejected("The answer holds no id".to_owned()))
}

fn number(json: &Json, name: &str) -> Option<i32> {
    json.get(name)?.as_i64().and_then(|number| number.try_into().ok())
}

/// A name as one step of a path.
fn encoded(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                path.push(char::from(byte));
            }
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}
