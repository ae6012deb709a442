//! Errors as responses: the status by the kind, and never a message of a database.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use shard_orm::{Error, ErrorKind};

use crate::request_id;

/// Why a request is not answered as it should be.
#[derive(Debug)]
pub(crate) struct Failed {
    status: StatusCode,
    /// What the client is told.
    error: String,
    /// What the log is told.
    cause: Option<Error>,
}

impl Failed {
    pub(crate) fn invalid(error: &str) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            error: error.to_owned(),
            cause: None,
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Unique | ErrorKind::ForeignKey => StatusCode::CONFLICT,
            ErrorKind::Invalid | ErrorKind::Check | ErrorKind::NotNull => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            ErrorKind::InvalidCursor | ErrorKind::InvalidToken => StatusCode::BAD_REQUEST,
            // Nothing was done, and it may succeed later.
            ErrorKind::Unavailable
            | ErrorKind::PoolExhausted
            | ErrorKind::ReadOnly
            | ErrorKind::StorageFull
            | ErrorKind::ShardMoved
            | ErrorKind::Serialization
            | ErrorKind::Deadlock => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            // A write with an unknown outcome is one of these: the client must not repeat it blindly.
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self {
            status,
            error: error.kind().to_string(),
            cause: Some(error),
        }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let request = request_id::current();
        match &self.cause {
            Some(cause) if self.status.is_server_error() => {
                tracing::error!(request, error = %cause, "a request failed");
            }
            Some(cause) => tracing::info!(request, error = %cause, "a request was refused"),
            None => {}
        }
        let body = Json(json!({ "error": self.error, "request_id": request }));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            return (self.status, [(RETRY_AFTER, "1")], body).into_response();
        }
        (self.status, body).into_response()
    }
}
