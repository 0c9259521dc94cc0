//! Status, pause, resume, stop, restart and topics of a connector.

use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{
    error::{RestError, Result},
    query::Query,
};
use crate::herder::{
    ActiveTopics, ConnectorFlush, ConnectorStateInfo, HerderHandle, RestartScope, Restarted,
    TargetState, TaskState,
};

/// `GET /connectors/{c}/status`
pub(super) async fn status(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<Json<ConnectorStateInfo>> {
    Ok(Json(herder.status(&name).await?))
}

/// `GET /connectors/{c}/tasks/{t}/status`
pub(super) async fn task_status(
    State(herder): State<HerderHandle>,
    Path((name, task)): Path<(String, String)>,
) -> Result<Json<TaskState>> {
    let number = task_number(&task)?;
    let known = u32::try_from(number).map_err(|_below| {
        let message = format!("No status found for task {name}-{number}");
        RestError::new(StatusCode::NOT_FOUND, message)
    })?;
    Ok(Json(herder.task_status(&name, known).await?))
}

/// `POST /connectors/{c}/tasks/{t}/restart`
pub(super) async fn restart_task(
    State(herder): State<HerderHandle>,
    Path((name, task)): Path<(String, String)>,
) -> Result<StatusCode> {
    let number = task_number(&task)?;
    let known = u32::try_from(number).map_err(|_below| {
        RestError::new(StatusCode::NOT_FOUND, format!("Unknown task: {name}-{number}"))
    })?;
    herder.restart_task(&name, known).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A number as Java reads it, which may be below 0.
fn task_number(text: &str) -> Result<i32> {
    text.parse().map_err(|_| RestError::of_status(StatusCode::NOT_FOUND))
}

/// `PUT /connectors/{c}/pause`
pub(super) async fn pause(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    herder.set_target(&name, TargetState::Paused).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `PUT /connectors/{c}/resume`
pub(super) async fn resume(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    herder.set_target(&name, TargetState::Started).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `PUT /connectors/{c}/stop`
pub(super) async fn stop(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    herder.set_target(&name, TargetState::Stopped).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /connectors/{c}/restart`
pub(super) async fn restart(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let query = Query::parse(query);
    let scope = RestartScope {
        include_tasks: query.is_true("includeTasks", false),
        only_failed: query.is_true("onlyFailed", false),
    };
    Ok(match herder.restart(&name, scope).await? {
        Restarted::Connector => StatusCode::NO_CONTENT.into_response(),
        Restarted::Accepted(info) => (StatusCode::ACCEPTED, Json(info)).into_response(),
    })
}

/// `POST /connectors/{c}/flush`
pub(super) async fn flush(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<Json<ConnectorFlush>> {
    Ok(Json(herder.flush(&name).await?))
}

/// `GET /connectors/{c}/topics`
pub(super) async fn topics(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<Json<ActiveTopics>> {
    Ok(Json(herder.topics(&name).await?))
}

/// `PUT /connectors/{c}/topics/reset`
pub(super) async fn reset_topics(
    State(herder): State<HerderHandle>,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    herder.reset_topics(&name).await?;
    Ok(StatusCode::ACCEPTED)
}
