//! Schemas of the registry, asked for once and remembered.
//!
//! Converters call [`Registry::by_id`], [`Registry::version_of`] and [`Registry::id_of`] from the
//! way of a record, which never waits: what is not known yet is noted and the answer is the failure
//! [`FailureKind::NotAsked`]. [`Registry::pending`] then asks for everything that was noted and
//! keeps the answers. A failure is kept for one look-up only, so that a later record asks again.

mod ask;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use connect_api::{
    config::Props,
    convert::{Pending, System},
    error::Result,
};
use tokio::time::Instant;

use crate::{
    client::Client,
    config::SerdeConfig,
    failure::{FailureKind, RegistryFailure},
};

/// What kind of schema a text is, in the registry's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaType {
    /// Avro, which answers and requests may leave out.
    Avro,
    /// Protocol Buffers.
    Protobuf,
    /// JSON Schema.
    Json,
}

impl SchemaType {
    /// The registry's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Protobuf => "PROTOBUF",
            Self::Json => "JSON",
        }
    }

    /// How sentences call it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Avro => "Avro",
            Self::Protobuf => "Protobuf",
            Self::Json => "JSON",
        }
    }
}

/// A schema that another one names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The name it is called by: a full name in Avro, a file in Protobuf, an address in JSON Schema.
    pub name: String,
    /// Where it is registered.
    pub subject: String,
    /// As which version.
    pub version: i32,
}

/// A schema to look for or to register.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SchemaText {
    /// Its kind.
    pub kind: SchemaType,
    /// Its text.
    pub text: Arc<str>,
    /// What it names.
    pub references: Arc<[Reference]>,
}

/// A schema of the registry.
#[derive(Clone, Debug)]
pub struct Registered {
    /// Its id.
    pub id: u32,
    /// The schema.
    pub schema: SchemaText,
    /// Texts of everything it names, over every step, by the names they are called: whoever is
    /// named comes before those who name it.
    pub named: Vec<(String, Arc<str>)>,
}

/// What data is written by.
#[derive(Clone, Debug)]
pub struct Writing {
    /// Id that goes before the data.
    pub id: u32,
    /// The schema of that id where it is not the one asked about.
    pub schema: Option<Arc<Registered>>,
    /// When it has to be looked up again.
    fresh_until: Option<Instant>,
    /// Whether a look-up has returned it; until then it counts however old it is.
    is_used: bool,
}

impl Writing {
    /// Whether it may be used without looking it up again.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.fresh_until.is_none_or(|end| Instant::now() < end)
    }
}

/// How the id of a schema is found, as the options say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// It is registered.
    Register,
    /// It is always the same.
    Fixed(u32),
    /// It is the subject's latest.
    Latest,
    /// The schema is registered already.
    Find,
}

/// The outcome of a look-up.
pub type Found<T> = std::result::Result<T, RegistryFailure>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Question {
    Id(u32),
    Version(Arc<str>, SchemaText),
    Write(Arc<str>, SchemaText),
}

#[derive(Debug, Default)]
struct State {
    schemas: HashMap<u32, Arc<Registered>>,
    versions: HashMap<(Arc<str>, SchemaText), Option<i32>>,
    writings: HashMap<(Arc<str>, SchemaText), Writing>,
    wanted: Vec<Question>,
    failed: HashMap<Question, RegistryFailure>,
}

/// The registry as the converters of one task see it.
#[derive(Debug)]
pub struct Registry {
    client: Client,
    kind: SchemaType,
    is_key: bool,
    mode: WriteMode,
    normalizes: bool,
    most: usize,
    latest_ttl: Option<Duration>,
    state: Mutex<State>,
}

impl Registry {
    /// The registry of a configuration; nothing is asked yet.
    ///
    /// # Errors
    /// `Invalid` when it cannot be used.
    pub fn new(
        config: &SerdeConfig,
        props: &Props,
        kind: SchemaType,
        is_key: bool,
    ) -> Result<Self> {
        let mode = match (config.registers, u32::try_from(config.fixed_id), config.uses_latest) {
            (true, ..) => WriteMode::Register,
            (false, Ok(id), _) => WriteMode::Fixed(id),
            (false, Err(_), true) => WriteMode::Latest,
            (false, Err(_), false) => WriteMode::Find,
        };
        Ok(Self {
            client: Client::new(config, props)?,
            kind,
            is_key,
            mode,
            normalizes: config.normalizes,
            most: config.max_schemas,
            latest_ttl: u64::try_from(config.latest_ttl_s).ok().map(Duration::from_secs),
            state: Mutex::default(),
        })
    }

    /// How the id of a schema is found.
    #[must_use]
    pub const fn mode(&self) -> WriteMode {
        self.mode
    }

    /// The schema of an id.
    ///
    /// # Errors
    /// `NotAsked` where it is not known yet, else what the registry said.
    pub fn by_id(&self, id: u32) -> Found<Arc<Registered>> {
        let mut state = self.state();
        match state.schemas.get(&id) {
            Some(known) => Ok(Arc::clone(known)),
            None => Err(state.ask(Question::Id(id))),
        }
    }

    /// The version that a schema has within a subject; none where the subject does not have it.
    ///
    /// # Errors
    /// As [`Self::by_id`].
    pub fn version_of(&self, subject: &str, schema: &SchemaText) -> Found<Option<i32>> {
        let mut state = self.state();
        let key = (Arc::from(subject), schema.clone());
        match state.versions.get(&key) {
            Some(known) => Ok(*known),
            None => Err(state.ask(Question::Version(key.0, key.1))),
        }
    }

    /// The id that data of a schema is written with, and the schema it is written by.
    ///
    /// # Errors
    /// As [`Self::by_id`].
    pub fn id_of(&self, subject: &str, schema: &SchemaText) -> Found<Writing> {
        let mut state = self.state();
        let key = (Arc::from(subject), schema.clone());
        match state.writings.get_mut(&key) {
            Some(known) if known.is_fresh() || !known.is_used => {
                known.is_used = true;
                Ok(known.clone())
            }
            _ => Err(state.ask(Question::Write(key.0, key.1))),
        }
    }

    /// Asks for everything that look-ups missed; none when nothing was.
    ///
    /// # Cancel safety
    /// What was not answered is asked by the next call.
    pub fn pending(&self) -> Option<Pending<'_>> {
        let wanted = self.state().wanted.clone();
        if wanted.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            for question in wanted {
                self.answer(question).await;
            }
        }))
    }

    /// The registry as the system of a converter.
    #[must_use]
    pub fn system(&self) -> System<'_> {
        let look = async { self.client.look().await.map_err(RegistryFailure::of_look) };
        System { key: "schema.registry.url", look: Box::pin(look) }
    }

    async fn answer(&self, question: Question) {
        let outcome = match &question {
            Question::Id(id) => self.fetch(*id).await.map(|found| {
                make_room(&mut self.state().schemas, self.most).insert(*id, Arc::new(found));
            }),
            Question::Version(subject, schema) => {
                self.fetch_version(subject, schema).await.map(|version| {
                    let key = (Arc::clone(subject), schema.clone());
                    make_room(&mut self.state().versions, self.most).insert(key, version);
                })
            }
            Question::Write(subject, schema) => {
                self.fetch_writing(subject, schema).await.map(|writing| {
                    let key = (Arc::clone(subject), schema.clone());
                    make_room(&mut self.state().writings, self.most).insert(key, writing);
                })
            }
        };
        let mut state = self.state();
        state.wanted.retain(|wanted| *wanted != question);
        if let Err(failure) = outcome {
            make_room(&mut state.failed, self.most).insert(question, failure);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Why there is no answer: the failure of the last time, once, or that nobody asked yet.
    fn ask(&mut self, question: Question) -> RegistryFailure {
        if let Some(failure) = self.failed.remove(&question) {
            return failure;
        }
        if !self.wanted.contains(&question) {
            self.wanted.push(question);
        }
        RegistryFailure::new(FailureKind::NotAsked, "The schema registry was not asked yet")
    }
}

/// Forgets everything once there is too much of it: schemas are few, or else all different.
fn make_room<K, V>(map: &mut HashMap<K, V>, most: usize) -> &mut HashMap<K, V> {
    if map.len() >= most {
        map.clear();
    }
    map
}
