//! The style sheet and the script, which are parts of the program.

use axum::http::header;
use axum::response::IntoResponse;

/// The style sheet.
pub(crate) async fn style() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("../assets/style.css"))
}

/// The script that brings pages up to date.
pub(crate) async fn script() -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, include_str!("../assets/live.js"))
}
