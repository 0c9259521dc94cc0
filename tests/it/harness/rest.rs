//! A client of a worker's REST API.

use reqwest::Method;
use serde_json::Value as Json;

/// Speaks to one worker.
#[derive(Clone, Debug)]
pub(crate) struct RestClient {
    http: reqwest::Client,
    base: String,
}

/// A client that goes to where it is told.
pub(crate) fn http_client() -> reqwest::Client {
    connect_tls::choose_provider();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

impl RestClient {
    pub(crate) fn new(port: u16) -> Self {
        Self { http: http_client(), base: format!("http://127.0.0.1:{port}") }
    }

    /// Sends a request; the status and the body, null when it is empty. None when nobody answers.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
    ) -> Option<(u16, Json)> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        let body = if text.is_empty() { Json::Null } else { serde_json::from_str(&text).unwrap() };
        Some((status, body))
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
    ) -> (u16, Json) {
        self.try_send(method, path, body).await.expect("the worker answers")
    }

    /// What is at a path that must be there.
    pub(crate) async fn get(&self, path: &str) -> Json {
        let (status, body) = self.send(Method::GET, path, None).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// Creates a connector from the body of `POST /connectors`.
    pub(crate) async fn create(&self, connector: &Json) {
        let (status, body) = self.send(Method::POST, "/connectors", Some(connector)).await;
        assert_eq!(status, 201, "POST /connectors: {body}");
    }

    /// What validation has against a configuration with a name, each after its key and a colon.
    pub(crate) async fn problems(&self, config: &Json) -> Vec<String> {
        let class = config["connector.class"].as_str().unwrap();
        let path = format!("/connector-plugins/{class}/config/validate");
        let (status, body) = self.send(Method::PUT, &path, Some(config)).await;
        assert_eq!(status, 200, "PUT {path}: {body}");
        let values = body["configs"].as_array().unwrap().iter().map(|info| &info["value"]);
        let problems = values.flat_map(|value| {
            let errors = value["errors"].as_array().into_iter().flatten();
            errors
                .map(|error| [&value["name"], error].map(|text| text.as_str().unwrap()).join(": "))
        });
        problems.collect()
    }

    /// Sum of an aggregate's counts; none while nobody answers or there is none yet.
    pub(crate) async fn counted(&self, aggregate: &str) -> Option<u64> {
        let path = format!("/aggregates/{aggregate}/windows?group_by=&limit=100000");
        let (status, body) = self.try_send(Method::GET, &path, None).await?;
        let rows = body["rows"].as_array().filter(|_| status == 200)?;
        Some(rows.iter().map(|row| row["count"].as_u64().unwrap()).sum())
    }
}
