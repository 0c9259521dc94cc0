//! Binds the listeners, and says how others reach this worker.

use std::net::SocketAddr;

use connect_api::config::Props;
use tokio::net::TcpListener;

use super::{AppError, Result};
use crate::{
    config::{AdminListeners, Listener, RestConfig, Scheme, TlsSettings},
    rest::{self, Door, Surface},
};

/// A bound listener.
pub(super) struct OpenDoor {
    listener: Listener,
    address: SocketAddr,
    pub(super) door: Door,
}

/// Binds every listener; those of the ordinary resources come first.
pub(super) async fn open(config: &RestConfig, props: &Props) -> Result<Vec<OpenDoor>> {
    let (listeners, admin) = (config.listeners()?, config.admin_listeners()?);
    let mut doors = Vec::new();
    for listener in &listeners {
        let surface = match &admin {
            AdminListeners::Shared => Surface::Everything,
            AdminListeners::Own(own) if own.contains(listener) => Surface::Everything,
            AdminListeners::Own(_) | AdminListeners::Off => Surface::WithoutAdmin,
        };
        let tls = || TlsSettings::of_listeners(props);
        doors.push(bind(listener, surface, tls).await?);
    }
    if let AdminListeners::Own(own) = admin {
        for listener in own.iter().filter(|listener| !listeners.contains(listener)) {
            let tls = || TlsSettings::of_admin_listeners(props);
            doors.push(bind(listener, Surface::AdminOnly, tls).await?);
        }
    }
    Ok(doors)
}

async fn bind(
    listener: &Listener,
    surface: Surface,
    tls: impl FnOnce() -> std::result::Result<TlsSettings, crate::config::ConfigError>,
) -> Result<OpenDoor> {
    let tls = match listener.scheme {
        Scheme::Http => None,
        Scheme::Https => Some(rest::acceptor(&tls()?)?),
    };
    let mut bound = TcpListener::bind((listener.bind_host(), listener.port)).await;
    // A machine without IPv6 has all its interfaces under the other wildcard.
    if listener.host.is_empty() && bound.is_err() {
        bound = TcpListener::bind(("0.0.0.0", listener.port)).await;
    }
    let socket = bound.map_err(|source| AppError::Listen {
        address: format!("{}://{}:{}", listener.scheme, listener.host, listener.port),
        source,
    })?;
    let address = socket.local_addr().map_err(AppError::Address)?;
    let door = Door { listener: socket, tls, surface };
    Ok(OpenDoor { listener: listener.clone(), address, door })
}

/// Addresses as clients on this machine reach them.
pub(super) fn addresses(doors: &[OpenDoor]) -> Vec<SocketAddr> {
    let local = |address: SocketAddr| {
        let is_anywhere = address.ip().is_unspecified();
        if is_anywhere { SocketAddr::from(([127, 0, 0, 1], address.port())) } else { address }
    };
    doors.iter().map(|door| local(door.address)).collect()
}

/// `HOST:PORT` that others reach this worker by.
///
/// # Errors
/// When a kind of listener is to be advertised that there is none of.
pub(super) fn worker_id(config: &RestConfig, doors: &[OpenDoor]) -> Result<String> {
    let ordinary = || doors.iter().filter(|open| open.door.surface != Surface::AdminOnly);
    let of = |scheme| ordinary().find(|open| open.listener.scheme == scheme);
    let chosen = match config.advertised_scheme() {
        Some(scheme) => Some(of(scheme).ok_or(AppError::Advertised(scheme))?),
        None => of(Scheme::Http).or_else(|| ordinary().next()),
    };
    let own_host = || match chosen {
        Some(open) if !open.listener.host.is_empty() && !open.address.ip().is_unspecified() => {
            open.listener.host.clone()
        }
        _ => host_name(),
    };
    let host = config.rest_advertised_host_name.clone().filter(|host| !host.is_empty());
    let host = host.unwrap_or_else(own_host);
    let port = config.rest_advertised_port.or(chosen.map(|open| open.address.port())).unwrap_or(0);
    Ok(format!("{host}:{port}"))
}

/// The machine's own name.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}
