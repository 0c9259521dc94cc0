//! The worker's REST API as a client of it sees it.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value as Json;

use super::{DemoError, Result};

/// Longest time the worker on this machine may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A client of one worker.
pub(super) struct RestClient {
    http: reqwest::Client,
    base: String,
}

impl RestClient {
    pub(super) fn new(address: SocketAddr) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWER).build();
        let http = http.map_err(|source| failed("the first request", source))?;
        Ok(Self { http, base: format!("http://{address}") })
    }

    /// Creates a connector, or leaves the one that an earlier run of the demo has left.
    pub(super) async fn create_connector(&self, body: &'static str) -> Result<()> {
        let request = "POST /connectors";
        let call = self.http.post(format!("{}/connectors", self.base));
        let call = call.header("Content-Type", "application/json").body(body);
        let answer = call.send().await.map_err(|source| failed(request, source))?;
        let status = answer.status();
        if status.is_success() || status.as_u16() == 409 {
            return Ok(());
        }
        let body = answer.text().await.map_err(|source| failed(request, source))?;
        Err(DemoError::Refused { request: request.to_owned(), status: status.as_u16(), body })
    }

    /// Reads a JSON document; none when there is nothing by that name yet.
    pub(super) async fn read(&self, path: &str) -> Result<Option<Json>> {
        let request = || format!("GET {path}");
        let answer = self.http.get(format!("{}{path}", self.base)).send().await;
        let answer = answer.map_err(|source| failed(&request(), source))?;
        match answer.status().as_u16() {
            200 => answer.json().await.map(Some).map_err(|source| failed(&request(), source)),
            404 => Ok(None),
            status => {
                let body = answer.text().await.map_err(|source| failed(&request(), source))?;
                Err(DemoError::Refused { request: request(), status, body })
            }
        }
    }
}

fn failed(request: &str, source: reqwest::Error) -> DemoError {
    DemoError::Request { request: request.to_owned(), source }
}
