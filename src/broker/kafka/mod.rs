//! Kafka, through librdkafka.
//!
//! The only room that sees `rdkafka`. A [`KafkaBroker`] is a description until a client is asked
//! for: it connects nowhere by itself, so that a worker starts while its cluster is away, and each
//! call says in time whether the cluster answered.
//!
//! librdkafka's own threads do the talking. Ours are few: one per producer (it takes the
//! acknowledgements), one per consumer and per reader (it takes the records), none for an admin
//! client that has nothing to do. Memory is bounded by settings: see `settings` for the limits.

mod admin;
mod consumer;
mod deliveries;
mod groups;
mod native;
mod producer;
mod reader;
mod records;
mod refusal;
mod report;
mod settings;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use async_trait::async_trait;
use connect_api::config::Props;

use self::{
    admin::KafkaAdmin,
    producer::KafkaProducer,
    reader::KafkaReader,
    settings::{Role, Settings},
};
use super::{
    Admin, Broker, BrokerError, ClientKind, ClientSettings, Consumer, ConsumerSettings, Producer,
    ProducerSettings, ReaderSettings, Result, SettingUse, TopicReader,
};
use crate::tasks::TaskGroup;

/// `client.id` of what the broker asks for itself.
const OWN_CLIENT_ID: &str = "millrace";

/// A Kafka cluster.
pub struct KafkaBroker {
    /// `bootstrap.servers` and the worker's own client settings.
    base: Props,
    tasks: TaskGroup,
    /// Admin clients in use, by their overrides; those with the same share one.
    admins: Mutex<Vec<(Props, Weak<KafkaAdmin>)>>,
}

impl fmt::Debug for KafkaBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = self.base.get("bootstrap.servers");
        f.debug_struct("KafkaBroker").field("servers", &servers).finish_non_exhaustive()
    }
}

impl KafkaBroker {
    /// Describes a cluster; connects to it when a client is first used.
    ///
    /// Of `worker_settings` every client has those that all kinds of client have in common, such as
    /// `security.protocol`, and may override them. Threads run in `tasks`.
    ///
    /// # Errors
    /// `Invalid` when a setting is wrong; not when the cluster is away.
    pub fn connect(
        bootstrap_servers: &str,
        worker_settings: Props,
        tasks: &TaskGroup,
    ) -> Result<Arc<Self>> {
        let mut base = Settings::common(&worker_settings);
        base.insert("bootstrap.servers", bootstrap_servers);
        let broker = Self { base, tasks: tasks.clone(), admins: Mutex::default() };
        broker.settings(Role::Admin, &ClientSettings::default())?;
        Ok(Arc::new(broker))
    }

    /// Members of a group of any kind, as `client id at host`.
    ///
    /// # Errors
    /// When the cluster does not answer in time, or does not tell.
    pub async fn group_members(&self, group_id: &str) -> Result<Vec<String>> {
        self.shared_admin(&ClientSettings::default())?.group_members(group_id).await
    }

    fn settings(&self, role: Role, client: &ClientSettings) -> Result<Settings> {
        let own = Props::from_iter([("client.id", client_id(client))]);
        Settings::translate(role, &[&self.base, &own, &client.overrides])
    }

    fn shared_admin(&self, client: &ClientSettings) -> Result<Arc<KafkaAdmin>> {
        let mut admins = self.admins.lock().unwrap_or_else(PoisonError::into_inner);
        admins.retain(|(_, admin)| admin.strong_count() > 0);
        let same =
            admins.iter().find(|(overrides, _)| overrides.iter().eq(client.overrides.iter()));
        if let Some(admin) = same.and_then(|(_, admin)| admin.upgrade()) {
            return Ok(admin);
        }
        let settings = self.settings(Role::Admin, client)?;
        let admin = Arc::new(KafkaAdmin::open(&settings, client_id(client), &self.tasks)?);
        admins.push((client.overrides.clone(), Arc::downgrade(&admin)));
        Ok(admin)
    }
}

/// What the clients of a worker do with a key of its properties.
#[must_use]
pub fn use_of_setting(key: &str, value: &str) -> SettingUse {
    Settings::use_of(key, value)
}

fn client_id(client: &ClientSettings) -> &str {
    if client.client_id.is_empty() { OWN_CLIENT_ID } else { &client.client_id }
}

#[async_trait]
impl Broker for KafkaBroker {
    async fn cluster_id(&self) -> Result<String> {
        self.shared_admin(&ClientSettings::default())?.cluster_id().await
    }

    async fn admin(&self, settings: &ClientSettings) -> Result<Arc<dyn Admin>> {
        let admin: Arc<dyn Admin> = self.shared_admin(settings)?;
        Ok(admin)
    }

    async fn producer(&self, wanted: &ProducerSettings) -> Result<Box<dyn Producer>> {
        let mut settings = self.settings(Role::Producer, &wanted.client)?;
        if let Some(id) = &wanted.transactional_id {
            settings.make_transactional(id);
        }
        let id = wanted.transactional_id.clone();
        let client_id = client_id(&wanted.client);
        let producer = KafkaProducer::open(&settings, client_id, id, &self.tasks).await?;
        Ok(Box::new(producer))
    }

    fn check_client(&self, kind: ClientKind, client: &ClientSettings) -> Result<()> {
        let role = match kind {
            ClientKind::Producer => Role::Producer,
            ClientKind::Consumer => Role::Member,
            ClientKind::Admin => Role::Admin,
        };
        let settings = self.settings(role, client)?;
        let checked = settings.config().create_native_config();
        checked.map(drop).map_err(|error| BrokerError::Invalid(error.to_string()))
    }

    async fn consumer(&self, wanted: &ConsumerSettings) -> Result<Consumer> {
        let mut settings = self.settings(Role::Member, &wanted.client)?;
        settings.force("group.id", wanted.group_id.as_str());
        consumer::open(&settings, client_id(&wanted.client), wanted, &self.tasks)
    }

    async fn reader(&self, wanted: &ReaderSettings) -> Result<Box<dyn TopicReader>> {
        let mut settings = self.settings(Role::Reader, &wanted.client)?;
        let isolation =
            if wanted.is_read_committed { "read_committed" } else { "read_uncommitted" };
        settings.force("isolation.level", isolation);
        settings.force("enable.partition.eof", "true");
        let client_id = client_id(&wanted.client);
        let with = (self.shared_admin(&wanted.client)?, &self.tasks);
        let reader = KafkaReader::open(&settings, client_id, wanted, with).await?;
        Ok(Box::new(reader))
    }

    fn has_free_transactions(&self) -> bool {
        false
    }
}
