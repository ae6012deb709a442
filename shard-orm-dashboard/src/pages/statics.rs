//! The page of the copies of static tables.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use shard_orm::admin::CopyProgress;

use super::{Frame, Source, html};
use crate::App;
use crate::text;

/// A copy.
#[derive(Debug)]
struct CopyRow {
    table: String,
    group: String,
    server: String,
    mode: String,
    caught_up: String,
    changed: String,
    blocked: String,
    problem: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "statics.html")]
struct StaticsPage {
    frame: Frame,
    source: Source,
    is_read: bool,
    copies: Vec<CopyRow>,
}

pub(crate) async fn show(State(app): State<Arc<App>>) -> Response {
    let seen = app.readings.copies.get().await;
    let copies = seen.value.iter().flat_map(|copies| copies.iter());
    let page = StaticsPage {
        frame: Frame::new(&app, "Static tables", "/static"),
        source: Source::from(&seen),
        is_read: seen.value.is_some(),
        copies: copies.map(row).collect(),
    };
    html(StatusCode::OK, &page)
}

fn row(copy: &CopyProgress) -> CopyRow {
    CopyRow {
        table: copy.table.clone(),
        group: copy.group.clone(),
        server: copy.server.clone(),
        mode: copy.mode.clone(),
        caught_up: match copy.caught_up_ago {
            Some(ago) => format!("{} ago", text::duration(ago)),
            None => "never".to_owned(),
        },
        changed: text::number(copy.rows_changed),
        blocked: text::number(copy.blocked),
        problem: copy.problem.clone(),
    }
}
