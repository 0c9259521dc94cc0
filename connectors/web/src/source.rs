//! The class, and how its task is made.

use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;
use connect_api::{
    config::{Config, ConfigDef, ConfigValue, Props, validate},
    error::{ConnectorError, Result},
    record::{SourceOffset, SourcePartition},
    source::{ExactlyOnceSupport, SourceConnector, SourceContext, SourceTask},
};
use tokio_rustls::TlsAcceptor;
use tracing::info;

use crate::{
    config::WebConfig,
    inbox::{Inbox, Memory},
    journal::{Bounds, Journal, Reader},
    places::Places,
    server::{Server, Service, listen},
    site::Site,
    task::{BUFFER, Outflow, POSITION, WebTask, partition},
};

/// Largest number that a user may go on from: no buffer ever comes to the end of those behind it.
const MOST_POSITION: u64 = u64::MAX / 2;

/// `millrace.WebEventSourceConnector`: HTTP requests become records.
#[derive(Clone, Copy, Debug, Default)]
pub struct WebEventSource;

#[async_trait]
impl SourceConnector for WebEventSource {
    fn class(&self) -> &'static str {
        "millrace.WebEventSourceConnector"
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn config_def(&self) -> ConfigDef {
        WebConfig::def()
    }

    fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        validate::<WebConfig>(props)
    }

    fn system_key(&self) -> Option<&'static str> {
        Some("listen")
    }

    async fn check_system(&self, props: &Props) -> Result<()> {
        let config = WebConfig::parse(props)?;
        acceptor(&config)?;
        match listen(&config.listen).await {
            // It may be this very connector that has the port.
            Err(error) if error.class().is_retriable() => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    fn task_configs(&self, props: &Props, _max_tasks: usize) -> Result<Vec<Props>> {
        WebConfig::parse(props)?;
        // A port has one listener.
        Ok(vec![props.clone()])
    }

    async fn start_task(
        &self,
        props: &Props,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>> {
        let config = WebConfig::parse(props)?;
        let tls = acceptor(&config)?;
        let listener = listen(&config.listen).await?;
        let journal = journal(&config, &context).await?;
        let (inbox, memory, writer) = match &journal {
            Some((journal, _)) if config.has_buffer() => {
                let writer = Arc::clone(journal);
                let writer = async move { writer.write().await };
                (Inbox::Journal(Arc::clone(journal)), None, Some(writer))
            }
            _ => {
                let memory = Arc::new(Memory::new(context.budget.clone()));
                (Inbox::Memory(Arc::clone(&memory)), Some(memory), None)
            }
        };
        let outflow = Outflow { journal, memory };
        let site = Site::new(&config, inbox.clone(), context.clock, &context.budget);
        let places = Places::new(config.max_connections, config.most_of_client());
        let service = Service { router: site.router(&config), tls, places };
        let server = Server::start(listener, service, writer)?;
        info!(connector = %context.connector, "Connector {} listens on {}", context.connector,
            server.address());
        Ok(Box::new(WebTask {
            server,
            inbox,
            outflow,
            most_records: config.batch_max_records,
            most_bytes: config.batch_max_bytes,
            in_flight: VecDeque::new(),
        }))
    }

    fn exactly_once_support(&self, props: &Props) -> ExactlyOnceSupport {
        match WebConfig::parse(props) {
            Ok(config) if config.has_buffer() => ExactlyOnceSupport::Supported,
            _ => ExactlyOnceSupport::Unsupported,
        }
    }

    fn alter_offsets(
        &self,
        _props: &Props,
        offsets: &[(SourcePartition, Option<SourceOffset>)],
    ) -> Result<bool> {
        for (partition, offset) in offsets {
            if !partition.0.get(BUFFER).is_some_and(serde_json::Value::is_string) {
                return Err(ConnectorError::invalid(format!(
                    "A partition of this connector is {{\"{BUFFER}\": \"…\"}}, the text in the file \
                     id of buffer.path"
                )));
            }
            let Some(offset) = offset else { continue };
            let position = position(offset);
            if position.is_none_or(|position| position > MOST_POSITION) {
                return Err(ConnectorError::invalid(format!(
                    "An offset of this connector is {{\"{POSITION}\": n}}, the number of the next \
                     event in the buffer, at most {MOST_POSITION}"
                )));
            }
        }
        Ok(true)
    }
}

/// What is on disk, and from where it is to be read: the buffer, or what was confirmed to clients by a
/// configuration that had one.
async fn journal(
    config: &WebConfig,
    context: &SourceContext,
) -> Result<Option<(Arc<Journal>, Reader)>> {
    let path = config.buffer_of(&context.connector);
    let has_buffer = config.has_buffer();
    if !has_buffer && !Journal::is_in(&path) {
        return Ok(None);
    }
    let bounds = Bounds { most_bytes: config.buffer_bytes, is_synced: config.is_synced };
    let journal = Arc::new(Journal::open(&path, bounds)?);
    let start = start(&journal, context).await?;
    if has_buffer {
        journal.go_on_from(start);
    } else if journal.has_events_from(start) {
        info!(
            connector = %context.connector,
            "The buffer in \"{}\" is used no more with this configuration, but has events that are \
             not with the broker: they are delivered first",
            path.display()
        );
    } else {
        return Ok(None);
    }
    let reader = Reader::new(Arc::clone(&journal), start);
    Ok(Some((journal, reader)))
}

/// Number of the first event to hand out: behind what the broker has by the journal's own note, and
/// by what was committed together with the records.
async fn start(journal: &Journal, context: &SourceContext) -> Result<u64> {
    let own = partition(journal.id());
    let committed = context.offsets.committed().await?;
    let committed = committed.iter().find(|(partition, _)| *partition == own);
    let committed = committed.and_then(|(_, offset)| position(offset));
    Ok(committed.unwrap_or(0).max(journal.position()))
}

fn position(offset: &SourceOffset) -> Option<u64> {
    offset.0.get(POSITION)?.as_u64()
}

fn acceptor(config: &WebConfig) -> Result<Option<TlsAcceptor>> {
    let config = config.keystore.server_config("")?;
    Ok(config.map(|config| TlsAcceptor::from(Arc::new(config))))
}
