//! A schema registry that knows what it is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json as Body, Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

/// Subjects with what was registered under them; the place is the id.
type Schemas = Arc<Mutex<Vec<(String, Json)>>>;

/// A registry, and what was registered.
pub(super) struct SchemaRegistry {
    address: SocketAddr,
    schemas: Schemas,
}

impl SchemaRegistry {
    pub(super) async fn start() -> Self {
        let schemas = Schemas::default();
        let routes = Router::new()
            .route("/subjects/{subject}", post(find))
            .route("/subjects/{subject}/versions", post(register))
            .route("/schemas/ids/{id}", get(schema))
            .with_state(Arc::clone(&schemas));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::runtime::Handle::current().spawn(axum::serve(listener, routes).into_future());
        Self { address, schemas }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Subjects with the texts of their schemas.
    pub(super) fn registered(&self) -> Vec<(String, String)> {
        let schemas = self.schemas.lock().unwrap();
        let text = |json: &Json| json["schema"].as_str().unwrap().to_owned();
        schemas.iter().map(|(subject, json)| (subject.clone(), text(json))).collect()
    }
}

async fn register(
    State(schemas): State<Schemas>,
    Path(subject): Path<String>,
    Body(schema): Body<Json>,
) -> Body<Json> {
    let mut schemas = schemas.lock().unwrap();
    let entry = (subject, schema);
    let place = schemas.iter().position(|known| *known == entry).unwrap_or_else(|| {
        schemas.push(entry);
        schemas.len() - 1
    });
    Body(json!({ "id": place + 1 }))
}

async fn find(subject: Path<String>) -> Body<Json> {
    Body(json!({ "subject": *subject, "version": 1 }))
}

async fn schema(State(schemas): State<Schemas>, Path(id): Path<usize>) -> Body<Json> {
    Body(schemas.lock().unwrap()[id - 1].1.clone())
}
