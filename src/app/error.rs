//! What can stop a worker as a whole.

use connect_api::error::ErrorClass;
use thiserror::Error;

use crate::{
    broker::BrokerError,
    config::{ConfigError, Scheme},
    herder::HerderError,
    store::StoreError,
};

/// Result of the worker's functions.
pub type Result<T, E = AppError> = std::result::Result<T, E>;

/// A worker could not be started, could not go on, or did not stop.
#[derive(Debug, Error)]
pub enum AppError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A kind of listener is to be advertised that there is none of.
    #[error(
        "Could not advertise an {0} listener: \"listeners\" has none; see \"rest.advertised.listener\""
    )]
    Advertised(Scheme),
    /// An address is taken or not ours.
    #[error(
        "Could not listen on {address}; choose another port in \"listeners\" (in the demo: --port)"
    )]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The system does not tell the address of a listener.
    #[error("Could not learn the address of a listener")]
    Address(#[source] std::io::Error),
    /// The worker was built for the embedded log alone.
    #[error(
        "Could not use the cluster at {servers}: this millrace was built without Kafka, as make \
         demo builds it. Build it with cargo build --release, or set \
         bootstrap.servers=embedded:DIRECTORY"
    )]
    WithoutKafka {
        /// `bootstrap.servers`.
        servers: String,
    },
    /// The broker cannot be used.
    #[error("Could not use the broker")]
    Broker(#[source] BrokerError),
    /// The worker's own topics or files cannot be used.
    #[error("Could not use the worker's own stores")]
    Store(#[from] StoreError),
    /// Other workers run the connectors of the group.
    #[error(
        "Group \"{group}\" has other workers ({}); this one would run their connectors a second \
         time. Stop them, or give this worker a group.id and topics of its own", members.join(", ")
    )]
    Neighbours {
        /// The group.
        group: String,
        /// Who they are.
        members: Vec<String>,
    },
    /// A connector from the command line is refused.
    #[error("Could not create connector \"{name}\"")]
    Connector {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<HerderError>,
    },
    /// The herder ended without being told to.
    #[error("The worker ended by itself")]
    Ended,
    /// Some parts did not stop.
    #[error("Some parts of the worker did not stop in time: {}", .0.join(", "))]
    Survivors(Vec<String>),
}

impl AppError {
    /// Whether another configuration is what would help.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Config(_) | Self::Advertised(_) | Self::WithoutKafka { .. } => true,
            Self::Broker(error) => error.class() == ErrorClass::Invalid,
            Self::Store(error) => error.class() == ErrorClass::Invalid,
            Self::Connector { source, .. } => source.class() == ErrorClass::Invalid,
            Self::Listen { .. }
            | Self::Address(_)
            | Self::Neighbours { .. }
            | Self::Ended
            | Self::Survivors(_) => false,
        }
    }
}
