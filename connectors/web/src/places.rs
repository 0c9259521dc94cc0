//! Places of connections: so many of them, and so many of one client.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use crate::guard::network;

/// All places.
#[derive(Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    /// Most of one client; 0 is no bound.
    most_of_client: usize,
    /// The clients that have any.
    clients: Mutex<HashMap<IpAddr, Client>>,
}

#[derive(Debug, Default)]
struct Client {
    taken: usize,
    /// Whether the log knows that it wants more than it may have.
    is_told: bool,
}

/// The place of one connection, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    client: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(most: usize, most_of_client: usize) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(most));
        Arc::new(Self { free, most_of_client, clients: Mutex::default() })
    }

    /// Waits until any place is free; none is when they are given up. Cancel safe.
    pub(crate) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Gives the place to a client, unless it has as many as it may have.
    pub(crate) fn give(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
        client: IpAddr,
    ) -> Option<Place> {
        let client = network(client);
        let mut clients = self.clients();
        let known = clients.entry(client).or_default();
        let most = self.most_of_client;
        if most > 0 && known.taken >= most {
            if !known.is_told {
                warn!(
                    "{client} has {most} connections, and those beyond are closed at once; set \
                     max.connections.per.client if it may have more, or client.address.header if it \
                     is a proxy"
                );
            }
            known.is_told = true;
            return None;
        }
        known.taken += 1;
        drop(clients);
        Some(Place { places: Arc::clone(self), client, _permit: permit })
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<IpAddr, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.places.clients();
        if let Some(known) = clients.get_mut(&self.client) {
            known.taken = known.taken.saturating_sub(1);
            if known.taken == 0 {
                clients.remove(&self.client);
            }
        }
    }
}
